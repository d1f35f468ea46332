/* scenarios/build.h -- a scenario becomes a world with its server and its phones, and runs.
 *
 * One struct scenario_run is one run of one method in one of the two worlds. The caller gives a
 * sink for records and a tick for progress and interruption; the figures are asked for afterwards.
 * Only one live run may exist at a time (the peer port is one); virtual ones don't touch one
 * another.
 *
 * A virtual run goes group by group: sites that can't touch one another (no uplink, no limit of
 * transfers) are groups of one, each from instant 0, run one after another, or on several threads
 * side by side, begun in order of sites: every figure is the same either way; else all sites are
 * one group, as they always are in a live run. Records, ticks and their instants are those of the
 * group that runs (one of those that run: `lane` says which). Phones are nodes 0.. in order of
 * sites in both worlds; controllers of faults come behind all phones.
 *
 * A run may be of a share of the sites (share.h): numbers of sites and nodes, addresses and chance
 * are those of the whole run, but the other sites have no phones. Where sites touch one another the
 * share is a group of its own, with a server of its own. */
#ifndef SCENARIOS_BUILD_H
#define SCENARIOS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenarios/content.h"
#include "scenarios/scenario.h"
#include "scenarios/share.h"
#include "sim/live/live.h"
#include "sim/server/server.h"
#include "sim/tap.h"
#include "sim/trace.h"
#include "sim/virtual/virtual.h"

struct scenario_run;

/* Sites that run together. */
struct scenario_group {
    uint32_t first, len; /* sites first..first+len-1 */
    unsigned lane;       /* of its records; a lane has one group at a time, and one thread */
};

struct scenario_run_options {
    enum scenario_world world;
    enum scenario_method method;
    uint64_t seed;
    uint32_t shard, shards; /* only share `shard` (0..shards-1) of the sites; shards 0: all */
    bool dry; /* virtual: nothing will run; for who asks of sites, phones and content alone */
    struct sim_trace trace;
    struct sim_tap tap; /* sees every packet; write NULL: none */
    bool has_phone_log;
    sim_addr phone_log;     /* that phone writes SIM_RECORD_LOG lines */
    const char *access_log; /* of the embedded server; NULL: none */
    unsigned threads; /* virtual: groups side by side, at most SCENARIO_THREADS_MAX; 0, 1: none */
    /* Called every `tick_every` of the run's time (live: about), and virtual at a group's end; true
     * ends the run. On the caller's thread, or on that of the group. May be NULL. */
    bool (*tick)(void *context, const struct scenario_group *group, sim_time now);
    void *tick_context; /* of both */
    sim_duration tick_every;
    /* The group has ended at `now`; its figures are final. On the same thread. May be NULL. */
    void (*group_ended)(void *context, const struct scenario_group *group, sim_time now);
};

/* What is known of a phone without running it. Strings are borrowed from the run. */
struct scenario_phone_info {
    uint32_t site;   /* number of the copy, 0..sites_total-1 */
    uint32_t number; /* within its site, from 0 */
    sim_addr addr;
    uint64_t mac;
    const char *model;
    uint32_t firmware; /* the model's index in the scenario's firmware */
    enum scenario_system system;
    bool pfs; /* sharing is on for it (by its configuration and the method) */
};

/* Starts the embedded server (or resolves the real one), checks that the machine can do it, makes
 * the phones. 0, or SIM_E* with a sentence in `why`: the environment refused. The scenario must
 * outlive the run. */
int scenario_run_new(struct scenario_run **out, const struct scenario *s,
                     const struct scenario_run_options *options, char why[SCENARIO_WHY_MAX]);
void scenario_run_free(struct scenario_run *run); /* NULL is fine */

/* Runs to the end. 0 all phones ended (virtual: or wait for what never comes); SIM_ECANCELED
 * stopped; other SIM_E*: the world or the server died, or memory ran out, `why` says. */
int scenario_run_go(struct scenario_run *run, char why[SCENARIO_WHY_MAX]);
/* Virtual, with one thread: one event instead, of which `out` (may be NULL: quicker) tells; hash
 * and number count from its group's beginning. False when the run has ended: scenario_run_go() then
 * says how, at once. */
bool scenario_run_step(struct scenario_run *run, struct sim_virtual_step *out);
/* Virtual, from the tick: the next one of that lane comes after `delay` (> 0), then every
 * tick_every again. Without effect in a live run. */
void scenario_run_tick_after(struct scenario_run *run, unsigned lane, sim_duration delay);
/* From any thread or a signal handler. */
void scenario_run_stop(struct scenario_run *run);

/* How many groups of sites there are; 1 also where there is nothing to run. */
uint32_t scenario_run_groups(const struct scenario_run *run);
/* The group that runs now, with one thread; `*len` is 0 between groups and behind the last one. */
void scenario_run_group(const struct scenario_run *run, uint32_t *first, uint32_t *len);
/* Of the whole scenario, those of other shares too. */
uint32_t scenario_run_sites(const struct scenario_run *run);
/* The sites that this run is of; all of them unless it has a share. */
struct scenario_share scenario_run_share(const struct scenario_run *run);
const struct sim_site_setup *scenario_run_site(const struct scenario_run *run, uint32_t site);
/* False for nodes that are no phones of this run (fault controllers, phones of other shares). */
bool scenario_run_phone(const struct scenario_run *run, sim_node node,
                        struct scenario_phone_info *out);
/* Node of phone `number` of a site. */
sim_node scenario_run_node(const struct scenario_run *run, uint32_t site, uint32_t number);
/* Upper bound of node numbers + 1. */
uint32_t scenario_run_nodes(const struct scenario_run *run);
/* Live: loops; virtual: groups that run side by side. */
unsigned scenario_run_lanes(const struct scenario_run *run);
/* The instant at which phone `node` is switched on. */
sim_time scenario_run_start(const struct scenario_run *run, sim_node node);

/* Where this run's own servers listen, a line each, ports beside those that they stand for: "server
 * at 127.0.0.1: HTTP on port 41251 (for 6970), TFTP on port 35123 (for 69)". Empty without any. */
enum { SCENARIO_SERVERS_TEXT_MAX = 400 };
void scenario_run_servers(const struct scenario_run *run, char out[SCENARIO_SERVERS_TEXT_MAX]);

void scenario_run_site_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out);
/* For samples: the same, but bodies of fetches under way may be left out. Quick however many there
 * are. Both: of a site whose group runs on a thread of its own only from there. */
void scenario_run_line_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out);
/* False when there is no embedded server. In a virtual run there always is one, which stands in for
 * the one that the scenario names; peak_transfers is the largest of all groups', which each have it
 * for themselves. */
bool scenario_run_server_stats(struct scenario_run *run, struct sim_server_stats *out);
/* Virtual: transfers that the server has under way now of the group of that site; from its thread.
 */
uint32_t scenario_run_transfers(const struct scenario_run *run, uint32_t site);
/* A virtual run is always valid. */
void scenario_run_validity(struct scenario_run *run, struct sim_live_validity *out);
/* Live, from the tick: how late timers fired at most in a whole second of the run, of the last 15.
 * Virtual: 0. */
sim_duration scenario_run_lag_in(const struct scenario_run *run, uint32_t second);
void scenario_run_usage(struct scenario_run *run, struct sim_live_usage *out);
/* Over every event: the sum of the groups' hashes, so their order does not matter. False for a live
 * run, which has none. */
bool scenario_run_hash(const struct scenario_run *run, uint64_t *out);
/* The instant at which the run ended (now, while it runs); of several groups the latest. */
sim_time scenario_run_ended(const struct scenario_run *run);

/* The content that the run's phones want: sizes for the bounds. */
const struct sim_catalog *scenario_run_catalog(const struct scenario_run *run);

/* What `pfsim doctor` prints: can this machine run that share of it live (shards 0: all)? Fills at
 * most SIM_LIVE_NEEDS_MAX rows; returns how many; none for an empty share. */
size_t scenario_run_doctor(const struct scenario *s, enum scenario_method method, uint32_t shard,
                           uint32_t shards, struct sim_live_need needs[SIM_LIVE_NEEDS_MAX]);

/* Bytes that a virtual run of that share (shards 0: of all) takes at most, the caller's own not
 * counted: its largest group of sites. UINT64_MAX when not even that can be found out. */
uint64_t scenario_run_memory(const struct scenario *s, enum scenario_method method, uint32_t shard,
                             uint32_t shards);

#endif /* SCENARIOS_BUILD_H */
