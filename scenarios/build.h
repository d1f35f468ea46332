/* scenarios/build.h -- a scenario becomes a world with its server and its phones, and runs.
 *
 * One struct scenario_run is one run of one method. The caller gives a sink for records and a tick
 * for progress and interruption; the figures are asked for afterwards. Only one live run may exist
 * at a time (the peer port is one). */
#ifndef SCENARIOS_BUILD_H
#define SCENARIOS_BUILD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenarios/content.h"
#include "scenarios/scenario.h"
#include "sim/live/live.h"
#include "sim/server/server.h"
#include "sim/trace.h"

struct scenario_run;

struct scenario_run_options {
    enum scenario_method method;
    uint64_t seed;
    struct sim_trace trace;
    bool has_phone_log;
    sim_addr phone_log;     /* that phone writes SIM_RECORD_LOG lines */
    const char *access_log; /* of the embedded server; NULL: none */
    /* Called about once every tick_every on the caller's thread; true ends the run. May be NULL. */
    bool (*tick)(void *context, sim_time now);
    void *tick_context;
    sim_duration tick_every;
};

/* What is known of a phone without running it. Strings are borrowed from the run. */
struct scenario_phone_info {
    uint32_t site;   /* number of the copy, 0..sites_total-1 */
    uint32_t number; /* within its site, from 0 */
    sim_addr addr;
    uint64_t mac;
    const char *model;
    enum scenario_system system;
    bool pfs; /* sharing is on for it (by its configuration and the method) */
};

/* Starts the embedded server (or resolves the real one), checks that the machine can do it, makes
 * the phones. 0, or SIM_E* with a sentence in `why`: the environment refused. The scenario must
 * outlive the run. */
int scenario_run_new(struct scenario_run **out, const struct scenario *s,
                     const struct scenario_run_options *options, char why[SCENARIO_WHY_MAX]);
void scenario_run_free(struct scenario_run *run); /* NULL is fine */

/* Runs to the end. 0 all phones ended; SIM_ECANCELED stopped; other SIM_E*: the world or the server
 * died, `why` says. */
int scenario_run_go(struct scenario_run *run, char why[SCENARIO_WHY_MAX]);
/* From any thread or a signal handler. */
void scenario_run_stop(struct scenario_run *run);

uint32_t scenario_run_sites(const struct scenario_run *run);
const struct sim_site_setup *scenario_run_site(const struct scenario_run *run, uint32_t site);
/* False for nodes that are no phones (fault controllers). */
bool scenario_run_phone(const struct scenario_run *run, sim_node node,
                        struct scenario_phone_info *out);
/* Node of phone `number` of a site. */
sim_node scenario_run_node(const struct scenario_run *run, uint32_t site, uint32_t number);
/* Upper bound of node numbers + 1. */
uint32_t scenario_run_nodes(const struct scenario_run *run);
unsigned scenario_run_lanes(const struct scenario_run *run);
/* The instant at which phone `node` is switched on. */
sim_time scenario_run_start(const struct scenario_run *run, sim_node node);

/* Where this run's own servers listen, a line each, ports beside those that they stand for: "server
 * at 127.0.0.1: HTTP on port 41251 (for 6970), TFTP on port 35123 (for 69)". Empty without any. */
enum { SCENARIO_SERVERS_TEXT_MAX = 400 };
void scenario_run_servers(const struct scenario_run *run, char out[SCENARIO_SERVERS_TEXT_MAX]);

void scenario_run_site_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out);
/* False when there is no embedded server. */
bool scenario_run_server_stats(struct scenario_run *run, struct sim_server_stats *out);
void scenario_run_validity(struct scenario_run *run, struct sim_live_validity *out);
void scenario_run_usage(struct scenario_run *run, struct sim_live_usage *out);
/* The instant at which the run ended (now, while it runs). */
sim_time scenario_run_ended(const struct scenario_run *run);

/* The content that the run's phones want: sizes for the bounds. */
const struct sim_catalog *scenario_run_catalog(const struct scenario_run *run);

/* What `pfsim doctor` prints: can this machine run it live? Fills at most SIM_LIVE_NEEDS_MAX rows;
 * returns how many. */
size_t scenario_run_doctor(const struct scenario *s, enum scenario_method method,
                           struct sim_live_need needs[SIM_LIVE_NEEDS_MAX]);

#endif /* SCENARIOS_BUILD_H */
