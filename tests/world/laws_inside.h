/* tests/world/laws_inside.h -- what the laws remember of a run; private to laws*.c. */
#ifndef TESTS_WORLD_LAWS_INSIDE_H
#define TESTS_WORLD_LAWS_INSIDE_H

#include <stdbool.h>

#include "tests/world/laws.h"

enum {
    LAWS_FILES_MAX = 64,
    LAWS_KIDS_MAX = 32, /* fanout is at most 16 */
};

/* A phone and a file, since the phone was switched on. */
struct laws_file {
    bool holds, is_moving;
    bool is_wanted;
    sim_time wanted_at;  /* of is_wanted */
    sim_time dropped_at; /* of a copy that it held; SIM_NEVER: none */
    uint32_t parent;     /* number of the phone; NOBODY */
    uint32_t kids[LAWS_KIDS_MAX];
    uint32_t kids_len;
    uint64_t received; /* by transfers, whole life */
    uint32_t holds_ever, copies;
};

/* A time in which a phone wanted or served a file. */
struct laws_life {
    uint32_t site, file;
    bool is_apart; /* per-load, phones with an index and those without have trees of their own */
    sim_time from, to;
};

struct laws_phone {
    struct scenario_phone_info info;
    struct laws_file *files; /* [names_len] */
    uint32_t moving;         /* transfers under way */
    bool is_on, has_outcome, was_off;
    enum sim_outcome outcome;
    uint32_t fallbacks, retries;
    char reason[160];
};

struct laws_site {
    uint64_t from_server, from_peers; /* bytes that transfers moved */
    uint64_t held;                    /* bytes of copies that became whole */
    uint32_t retries;
    bool has_ended; /* its group has: what phones say while they are taken down is not of the run */
    bool is_cut_off; /* it ended in the middle of a transfer, by a phone that had ended before */
};

/* What the scenario lets one expect. */
struct laws_hopes {
    bool no_faults;      /* nothing is broken on purpose, no datagram is lost */
    bool no_crash;       /* no phone is switched off */
    bool no_partition;   /* no subnet is cut in two */
    bool no_corruption;  /* no peer sends rubbish */
    bool all_succeed;    /* no reason for any phone to fail */
    bool no_fallback;    /* nor to leave its peers */
    bool one_copy;       /* crosses the line for phones whose lives overlap */
    bool is_cut_through; /* bodies may begin before their sender has all */
};

struct laws {
    const struct scenario *scenario;
    enum scenario_method method;
    struct scenario_run *run;
    struct laws_hopes hopes;
    const char *names[LAWS_FILES_MAX]; /* of files; an index is "LOAD.loads" */
    uint64_t sizes[LAWS_FILES_MAX];    /* 0: an index */
    uint32_t firmware[LAWS_FILES_MAX];
    char index_names[LAWS_FILES_MAX][SCENARIO_LOAD_MAX * 4 + 8];
    uint32_t names_len;
    struct laws_phone *phones;
    uint32_t phones_len;
    struct laws_site *sites;
    uint32_t sites_len;
    struct laws_life *lives;
    size_t lives_len, lives_cap;
    sim_time last_at;
    bool out_of_memory;
    char broken[LAWS_TEXT_MAX];
};

#define LAWS_NOBODY UINT32_MAX

__attribute__((format(printf, 4, 5))) void laws_break(struct laws *l, uint32_t phone, sim_time at,
                                                      const char *format, ...);
bool laws_is_apart(const struct laws *l, const struct laws_phone *p);
/* laws_record.c: one record. */
void laws_record(struct laws *l, const struct sim_record *r);
/* A phone's sharing ends: what it serves and wants is over. */
void laws_phone_stops(struct laws *l, uint32_t phone, sim_time at);
/* The phone no longer wants or serves the file. */
void laws_end_life(struct laws *l, uint32_t phone, uint32_t file, sim_time at);
/* laws_copies.c: copies of files that crossed the lines, against the lives that overlap. */
void laws_judge_copies(struct laws *l);

#endif /* TESTS_WORLD_LAWS_INSIDE_H */
