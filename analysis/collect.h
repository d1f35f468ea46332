/* analysis/collect.h -- records become figures while the run goes on: one small struct a phone,
 * one a tree.
 *
 * Give analysis_collect_write() to the world as its sink; records may come on several lanes at
 * once, and a lane touches only its own phones, trees and reasons. What a watcher needs during
 * the run (phones by phase and outcome, files held) is kept in atomic counters. Memory grows with
 * phones and with sites x files, never with phones x files. Not here: bytes on lines, which
 * worlds count themselves (struct sim_site_stats), and the result document. */
#ifndef ANALYSIS_COLLECT_H
#define ANALYSIS_COLLECT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/durations.h"
#include "analysis/transfers.h"
#include "analysis/tree.h"
#include "scenarios/build.h"
#include "scenarios/scenario.h"
#include "sim/trace.h"

/* The reason that stands for all beyond ANALYSIS_REASONS_MAX. */
#define ANALYSIS_OTHER_REASONS "other reasons"

enum {
    ANALYSIS_REASONS_MAX = 1000, /* different reasons kept a lane; the rest are "others" */
    ANALYSIS_OUTCOME_NONE = 255, /* no OUTCOME record yet */
};

struct analysis_phone {
    bool is_phone;     /* false: a node that is no phone, or one not added */
    uint8_t outcome;   /* enum sim_outcome, or ANALYSIS_OUTCOME_NONE */
    uint8_t phase;     /* enum sim_phase, when the run has ended */
    uint8_t lane;      /* whose table `reason` is in */
    uint8_t system;    /* enum scenario_system */
    bool config_seen;  /* it has been in CONFIGURE */
    uint16_t firmware; /* index into the scenario's firmware */
    uint16_t fallbacks;
    uint32_t site;
    uint32_t number; /* within its site */
    sim_addr addr;
    uint32_t reason; /* of a failure, 1..; 0: none */
    uint32_t files_from_peer, files_from_server, retries;
    sim_time start;  /* planned: switched on; instants are since the run began */
    sim_time config; /* left CONFIGURE; SIM_NEVER like the two below when it did not happen */
    sim_time done;   /* every file verified */
    sim_time back;   /* checked in with the new version */
};

/* Sums over a lane, or over all of them. */
struct analysis_totals {
    uint64_t peer_transfers; /* whole firmware files received from a peer */
    uint64_t server_transfers;
    uint64_t resumed, rejected, fallbacks, claims;
    uint64_t records;
    uint64_t hash; /* sum of a hash of every record, with config.hashes: no order, so lanes may
                      differ in theirs */
};

struct analysis_collect;

struct analysis_collect_config {
    const struct scenario *scenario; /* outlives the collector */
    uint32_t nodes;                  /* upper bound of node numbers + 1 */
    unsigned lanes;
    bool hashes; /* sums a hash of every record: for worlds that have no trace hash of their own */
    /* False for nodes that are no phones. */
    bool (*phone)(void *context, sim_node node, struct scenario_phone_info *info, sim_time *start);
    void *phone_context;
    struct analysis_transfers *transfers; /* NULL: not kept; outlives the collector */
    /* Told of every record on its lane, after the figures: console logs, --verbose, observers.
     * NULL: none. */
    void (*story)(void *context, unsigned lane, const struct analysis_phone *phone,
                  const struct sim_record *record);
    void *story_context;
};

/* A collector that drops records until it is attached: the sink must exist before the run. NULL
 * when out of memory. */
struct analysis_collect *analysis_collect_new(void);
/* 0, SIM_ENOMEM, SIM_EINVAL (a phone's site or model is not the scenario's). Once, before the run
 * begins. */
int analysis_collect_attach(struct analysis_collect *c,
                            const struct analysis_collect_config *config);
/* The run of these nodes ended then: transfers still open get their rows. */
void analysis_collect_end(struct analysis_collect *c, uint32_t first, uint32_t len, sim_time ended);
/* The whole run ended then: the same for nodes that were not told of. Records that come later
 * (while the world is taken down) are dropped. */
void analysis_collect_close(struct analysis_collect *c, sim_time ended);
void analysis_collect_free(struct analysis_collect *c); /* NULL is fine */
/* Bytes that a collector of so many phones takes, trees not counted. */
uint64_t analysis_collect_memory(uint64_t phones, uint64_t sites);

/* The sink: sim_trace.write with the collector as context. */
void analysis_collect_write(void *context, unsigned lane, const struct sim_record *record);

/* ---- During the run, from any thread ---- */

/* Phones of a site in each phase, now. */
void analysis_collect_phases(const struct analysis_collect *c, uint32_t site,
                             uint32_t phases[SIM_PHASES_LEN]);
/* Phones with each outcome, now: outcomes[SIM_OUTCOME_*]. */
void analysis_collect_outcomes(const struct analysis_collect *c, uint32_t outcomes[4]);
/* Firmware files held whole and verified by phones, now; how many there will be in the end. */
uint64_t analysis_collect_held(const struct analysis_collect *c);
uint64_t analysis_collect_wanted(const struct analysis_collect *c);
/* What has been counted so far, and only grows (but for outcomes, when a phone begins anew). */
struct analysis_so_far {
    uint32_t outcomes[4]; /* phones by SIM_OUTCOME_* */
    uint32_t fallbacks;   /* phones that turned to the server because sharing gave up */
    uint32_t backs;       /* phones that are back in service with the new version */
};
void analysis_collect_so_far(const struct analysis_collect *c, uint32_t site,
                             struct analysis_so_far *out);
/* Transfers continued, bodies with a wrong digest, whole files that came from the server; of all
 * sites, so far. */
uint64_t analysis_collect_resumed(const struct analysis_collect *c);
uint64_t analysis_collect_rejected(const struct analysis_collect *c);
uint64_t analysis_collect_copies(const struct analysis_collect *c);

/* ---- When all lanes have ended ---- */

uint32_t analysis_collect_nodes(const struct analysis_collect *c);
uint32_t analysis_collect_phones(const struct analysis_collect *c);
const struct analysis_phone *analysis_collect_phone(const struct analysis_collect *c,
                                                    sim_node node);
/* "" when it gave none. */
const char *analysis_collect_reason(const struct analysis_collect *c,
                                    const struct analysis_phone *phone);
void analysis_collect_totals(const struct analysis_collect *c, struct analysis_totals *out);
/* Calls `each` for every tree, in order of (site, model, file name). 0 or SIM_ENOMEM. */
int analysis_collect_trees(const struct analysis_collect *c,
                           void (*each)(void *context, const struct analysis_tree *tree),
                           void *context);
/* The file name of a tree. */
const char *analysis_collect_file(const struct analysis_collect *c, uint16_t file);
/* The number of a file's name; false when no firmware has such a file. */
bool analysis_collect_find_file(const struct analysis_collect *c, const char *name, uint16_t *out);
/* Bytes of a firmware's file; 0: not one of its components (its index, another's file). */
uint64_t analysis_collect_file_size(const struct analysis_collect *c, uint16_t firmware,
                                    uint16_t file);
/* Adds to `into` how long the transfers of a firmware's file took that began at its first byte and
 * ended well, over all lanes. */
void analysis_collect_durations(const struct analysis_collect *c, uint16_t firmware, uint16_t file,
                                enum analysis_via via, struct analysis_stats *into);

/* ---- Instead of records: what another program has collected (shard.h) ---- */

/* The collector is attached, with one lane, and takes no records. A phone's outcome, instants and
 * counts are filled in by the caller; `reason` by the second function. */
struct analysis_phone *analysis_collect_restore_phone(struct analysis_collect *c, sim_node node);
/* The number of a reason. 0: out of memory. */
uint32_t analysis_collect_restore_reason(struct analysis_collect *c, const char *text);
unsigned analysis_collect_lanes(const struct analysis_collect *c);
/* How many reasons there are, and the text of one (1..), of a lane. */
uint32_t analysis_collect_reasons(const struct analysis_collect *c, unsigned lane);
const char *analysis_collect_reason_text(const struct analysis_collect *c, unsigned lane,
                                         uint32_t reason);
/* Is there such a firmware, and such a number of a file's name? */
bool analysis_collect_has_file(const struct analysis_collect *c, uint64_t firmware, uint64_t file);
/* The empty tree of that key, or the empty histogram. NULL: out of memory. */
struct analysis_tree *analysis_collect_restore_tree(struct analysis_collect *c, uint64_t key);
struct analysis_stats *analysis_collect_restore_durations(struct analysis_collect *c,
                                                          uint16_t firmware, uint16_t file,
                                                          enum analysis_via via);
/* Adds them. */
void analysis_collect_restore_totals(struct analysis_collect *c,
                                     const struct analysis_totals *totals);

#endif /* ANALYSIS_COLLECT_H */
