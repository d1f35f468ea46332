/* tests/world/crew.h -- phones for the lab: the least that an owner of a peer machine does, and the
 * laws.
 *
 * Each wants a list of files in order, fetches as root or after a fallback, lingers, stops. After
 * every event crew_check() holds the phone that was just told something to "What must always hold"
 * of PROTOCOL.md. */
#ifndef TESTS_WORLD_CREW_H
#define TESTS_WORLD_CREW_H

#include "phones/pfs/pfs.h"
#include "tests/world/lab.h"

enum {
    CREW_FILES_MAX = 4,
    CREW_MAX = 400,
};

struct crew;

struct crew_phone {
    struct crew *crew;
    struct pfs *pfs;
    sim_node node;
    sim_addr addr;
    uint32_t site;
    const char *model;
    sim_time start_at, stop_at; /* of its life; stop_at: it left, SIM_NEVER */
    sim_time alarm;
    size_t file; /* the one it wants now */
    bool started, lingering, done, failed, down;
    sim_fetch fetch;
    bool own_fetch; /* after a fallback */
    bool anew;      /* its first own fetch went on from a peer's part, which was wrong */
    sim_file fetch_file;
    unsigned from_peer, from_server, fallbacks, fetches;
    unsigned attaches, max_children, claims;
    sim_time held_at;     /* the latest file that it held */
    sim_addr parent;      /* of its latest attachment */
    uint32_t depth;       /* of its latest attachment */
    sim_addr rejected[8]; /* whose bodies it threw away */
    unsigned rejected_len;
    char reason[PFS_REASON_MAX];
};

struct crew {
    struct lab *lab;
    struct pfs_config config;
    struct lab_config lab_config;
    struct crew_phone phones[CREW_MAX];
    size_t len;
    const char *files[CREW_FILES_MAX];
    size_t files_len;
    bool knows_digests;
    bool knows_sizes; /* before they have the file */
    bool log;         /* print every phone's console */
    sim_addr static_peers[CREW_MAX];
    unsigned wan_copies; /* fetches that ended well */
    unsigned claims, rejects, resumes, roots;
    unsigned rejects_of[CREW_MAX]; /* bodies of that phone that were thrown away */
    unsigned asked_again; /* bodies thrown away of a sender whose body was thrown away before */
    char broken[400];     /* the first law that did not hold, "" */
};

/* Defaults of the contract, and a lab with 0.2 ms latency and 20 KB files. Then change what the
 * test is about. */
void crew_defaults(struct crew *c, uint64_t seed);
/* Makes the lab; afterwards crew_add(). */
void crew_open(struct crew *c);
void crew_close(struct crew *c);
struct crew_phone *crew_add(struct crew *c, uint32_t site, const char *model, sim_time start_at);
/* `n` phones of one model in site 0, started within `spread`. */
void crew_add_many(struct crew *c, size_t n, sim_duration spread);
bool crew_run(struct crew *c); /* true when all have ended */
/* All that happens up to and at `at`. */
void crew_run_until(struct crew *c, sim_time at);
/* Power cut. Without `returns` its story ends here; else crew_restart() follows, and it starts over
 * with its first file. */
void crew_crash(struct crew *c, size_t phone, bool silent, bool returns);
void crew_restart(struct crew *c, size_t phone);
/* Phones that are root of their current or a held hierarchy. */
size_t crew_count_roots(const struct crew *c);
size_t crew_count_failed(const struct crew *c);
/* Deepest attachment so far. */
uint32_t crew_depth(const struct crew *c);
/* The laws, for what was just told to `node`; called after every event. */
void crew_check(struct crew *c, sim_node node);

#endif /* TESTS_WORLD_CREW_H */
