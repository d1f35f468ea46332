/* scenarios/build_inner.h -- what the files of a run share. Nobody else includes it.
 *
 *   build.c          the common face (build.h): content, kinds, numbers, figures
 *   build_crew.c     phones and fault controllers of some neighbouring sites
 *   build_memory.c   what a virtual group takes, before it is made
 *   build_tap.c      who listens on the LANs, for --pcap: sim/tap
 *   build_live.c     servers that fork, sockets: sim/live
 *   build_virtual.c  groups of sites in virtual time: sim/virtual */
#ifndef SCENARIOS_BUILD_INNER_H
#define SCENARIOS_BUILD_INNER_H

#include "phones/phone.h"
#include "scenarios/build.h"
#include "scenarios/faults.h"
#include "scenarios/kinds.h"
#include "scenarios/macs.h"
#include "sim/tap/world.h"
#include "sim/virtual/virtual.h"

struct build_live;
struct build_virtual;

struct scenario_run {
    const struct scenario *scenario;
    struct scenario_run_options options;
    struct sim_server_setup server_setup;
    struct scenario_kinds kinds;
    struct scenario_macs macs;
    struct sim_catalog *catalog;
    struct sim_site_setup *setups; /* of all sites */
    char *names;                   /* of all sites, one behind the other */
    uint32_t sites_len;
    struct scenario_share share; /* of the sites: those that run */
    /* One of the two; an empty share is always a virtual one, which has nothing to do. */
    struct build_live *live;
    struct build_virtual *virtual;
};

/* ---- build.c ---- */

/* Has any kind of phone that protocol? */
bool build_uses(const struct scenario_run *run, enum sim_protocol protocol);
bool build_needs_load_server(const struct scenario_run *run);
/* The instant at which phone `id` (its number in the whole scenario) is switched on. */
sim_time build_start(const struct scenario_run *run, uint64_t id);
/* Which copy of its class a site is. */
uint32_t build_copy(const struct scenario *s, uint32_t site);

/* ---- build_crew.c ---- */

struct build_site {
    struct phone *phones; /* in the crew's array */
    uint32_t phones_len;
    sim_addr **peers; /* election "static": addresses per firmware; NULL else */
    uint32_t *peers_len;
    struct faults *faults;
};

/* Zero it before first use. Its phones are nodes first_node, first_node + 1, ... of their world, in
 * order of sites; controllers come behind them. */
struct build_crew {
    const struct scenario_run *run;
    uint32_t first_site;
    sim_node first_node;
    struct phone *phones; /* room for phones_cap, phones_len are made */
    uint32_t phones_len, phones_cap;
    struct build_site *sites;
    uint32_t sites_len, sites_cap;
};

/* Adds the phones and the controllers of `len` sites from `first` on to the worlds that `world`
 * names, whose next node is `first_node`. 0, SIM_ENOMEM, SIM_ELIMIT: clear it then too. */
int build_crew_make(struct build_crew *c, const struct scenario_run *run, uint32_t first,
                    uint32_t len, sim_node first_node,
                    struct sim_world *(*world)(void *context, uint32_t site), void *context);
/* Frees what phones and controllers hold; asks nothing of the world. Keeps the arrays. */
void build_crew_clear(struct build_crew *c);
void build_crew_deinit(struct build_crew *c);
/* Every record of its phones passes here on its way, where there are faults. */
void build_crew_observe(struct build_crew *c, const struct sim_record *record);

/* ---- build_memory.c ---- */

/* The crowd that the group of sites first..first+len-1 is at its busiest, and the bytes that its
 * phones take beside what the world does for them. */
void build_memory_of(const struct scenario_run *run, uint32_t first, uint32_t len,
                     struct sim_virtual_crowd *crowd, uint64_t *bytes);

/* ---- build_tap.c ---- */

/* All but `world` and `lane`. */
void build_tap_config(const struct scenario_run *run, struct sim_tap_config *out);

/* ---- build_live.c ---- */

/* `run` has its setups; makes the rest of it. 0 or SIM_E*, perhaps with a sentence in `why`. */
int build_live_new(struct build_live **out, struct scenario_run *run, char why[SCENARIO_WHY_MAX]);
void build_live_free(struct build_live *b); /* NULL is fine */
int build_live_go(struct build_live *b, char why[SCENARIO_WHY_MAX]);
void build_live_stop(struct build_live *b);
void build_live_servers(const struct build_live *b, char out[SCENARIO_SERVERS_TEXT_MAX]);
void build_live_site_stats(struct build_live *b, uint32_t site, struct sim_site_stats *out);
bool build_live_server_stats(struct build_live *b, struct sim_server_stats *out);
void build_live_validity(struct build_live *b, struct sim_live_validity *out);
sim_duration build_live_lag_in(const struct build_live *b, uint32_t second);
void build_live_usage(struct build_live *b, struct sim_live_usage *out);
sim_time build_live_ended(const struct build_live *b);
/* `run` has a scenario and setups, nothing else. */
size_t build_live_doctor(struct scenario_run *run, enum scenario_method method,
                         struct sim_live_need needs[SIM_LIVE_NEEDS_MAX]);

/* ---- build_virtual.c ---- */

int build_virtual_new(struct build_virtual **out, struct scenario_run *run,
                      char why[SCENARIO_WHY_MAX]);
void build_virtual_free(struct build_virtual *b); /* NULL is fine */
int build_virtual_go(struct build_virtual *b, char why[SCENARIO_WHY_MAX]);
void build_virtual_stop(struct build_virtual *b);
bool build_virtual_step(struct build_virtual *b, struct sim_virtual_step *out);
void build_virtual_tick_after(struct build_virtual *b, unsigned lane, sim_duration delay);
unsigned build_virtual_workers(const struct build_virtual *b);
void build_virtual_group(const struct build_virtual *b, uint32_t *first, uint32_t *len);
void build_virtual_site_stats(const struct build_virtual *b, uint32_t site,
                              struct sim_site_stats *out);
void build_virtual_line_stats(const struct build_virtual *b, uint32_t site,
                              struct sim_site_stats *out);
uint32_t build_virtual_transfers(const struct build_virtual *b, uint32_t site);
void build_virtual_server_stats(const struct build_virtual *b, struct sim_server_stats *out);
void build_virtual_usage(const struct build_virtual *b, struct sim_live_usage *out);
uint64_t build_virtual_hash(const struct build_virtual *b);
sim_time build_virtual_ended(const struct build_virtual *b);
/* `run` has a scenario and setups, nothing else. */
uint64_t build_virtual_memory(const struct scenario_run *run);

#endif /* SCENARIOS_BUILD_INNER_H */
