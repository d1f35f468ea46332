/* sim/live/live.h -- the live world: real sockets on real loopback (or routed) addresses.
 *
 * Build it, add the nodes to the world objects of their sites, run it, read the figures, free it.
 * Every node has its own address and the peer port for UDP and TCP; an idle node costs no
 * descriptor. A site belongs to one loop, a loop to one thread; loop 0 runs on the caller's. */
#ifndef SIM_LIVE_LIVE_H
#define SIM_LIVE_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/setup.h"
#include "sim/trace.h"
#include "sim/wire.h"
#include "sim/world.h"

enum {
    SIM_LIVE_THREADS_MAX = 64,
    SIM_LIVE_TEXT_MAX = 512, /* bytes of an error or reason with its NUL */
    SIM_LIVE_REASONS_MAX = 8,
};

/* Where the server can be reached, resolved before the run (embedded: from sim_server_start()). */
struct sim_live_server {
    char base[SIM_WORLD_PATH_MAX]; /* path of the URL, "" or "/base" without trailing '/' */
    char host[256];                /* as in the URL, for Host and SNI */
    sim_addr http_addr, https_addr, tftp_addr; /* 0: not there */
    uint16_t http_port, https_port, tftp_port;
};

struct sim_live_config {
    uint64_t seed;
    unsigned threads; /* loops, 1..SIM_LIVE_THREADS_MAX */
    uint16_t peer_port;
    const struct sim_site_setup *sites;
    size_t sites_len;
    uint32_t first_site; /* what nodes call the first one: site numbers of sim_world_add_node() and
                            of the functions below count from here */
    const struct sim_server_setup *server;
    struct sim_live_server wan_server; /* behind the sites' lines */
    struct sim_live_server
        lan_server; /* the load server of every site; zero when the method has none */
    const char *user_agent;
    struct sim_trace trace;
    struct sim_wire wire; /* hears what passes between phones and servers, on the phone's lane */
    sim_duration limit;   /* the run ends at this instant whatever happens; SIM_NEVER */
    /* Called on loop 0 every `tick_every` (0: never) with the instant: progress, sampling,
     * interruption. True ends the run. */
    bool (*tick)(void *context, sim_time now);
    void *tick_context;
    sim_duration tick_every;
};

struct sim_live;

/* 0, or SIM_E* with one sentence in `why`: what is missing or taken (and by whom), what to do. */
int sim_live_new(struct sim_live **out, const struct sim_live_config *config,
                 char why[SIM_LIVE_TEXT_MAX]);
void sim_live_free(struct sim_live *live);

/* The world object that site `site` lives in: add its nodes there. */
struct sim_world *sim_live_world(struct sim_live *live, uint32_t site);
unsigned sim_live_lane(const struct sim_live *live, uint32_t site);

/* Runs until every node has finished, `tick` says so, or sim_live_stop(). 0, or SIM_ETIMEDOUT at
 * `limit`, SIM_ECANCELED. */
int sim_live_run(struct sim_live *live);
/* From any thread or a signal handler. */
void sim_live_stop(struct sim_live *live);

/* Sums for all threads; safe during the run from the tick (counters are atomic or of a recent
 * instant). */
void sim_live_site_stats(struct sim_live *live, uint32_t site, struct sim_site_stats *out);

struct sim_live_validity {
    bool valid;
    sim_duration lag_p50, lag_p99, lag_max;
    uint64_t timers;
    double pacer_worst; /* worst second: achieved over due, 1.0 is perfect */
    double relay_worst;
    uint64_t receive_drops; /* SO_RXQ_OVFL */
    size_t reasons_len;
    char reasons[SIM_LIVE_REASONS_MAX][SIM_LIVE_TEXT_MAX];
};
/* From the tick: the lags of the first loop so far, and nothing else. Afterwards: all. */
void sim_live_validity(struct sim_live *live, struct sim_live_validity *out);
/* The worst lag of all loops in a whole second of the run, of the last 15; else 0. From the tick.
 */
sim_duration sim_live_lag_in(const struct sim_live *live, uint32_t second);

struct sim_live_usage {
    uint64_t descriptors_peak;
    uint64_t rss_peak_bytes;
    uint64_t events; /* notices given to nodes */
    uint64_t nodes, nodes_finished;
};
void sim_live_usage(struct sim_live *live, struct sim_live_usage *out);

/* ---- Before a run: can this machine do it? (doctor.c) ---- */

enum sim_live_fetch_mode { SIM_LIVE_FETCH_ALL, SIM_LIVE_FETCH_ROOTS };

struct sim_live_need {
    const char *what; /* "descriptors", "addresses", "port 4051", "memory", "receive buffer", "LAN
                         capacity" ... */
    uint64_t needed, available; /* 0, 0 where numbers mean nothing */
    const char *unit;
    bool enough;
    bool fatal;                   /* the run can't start without it */
    char mend[SIM_LIVE_TEXT_MAX]; /* the command or key that mends it; "" when enough */
};

enum { SIM_LIVE_NEEDS_MAX = 16 };

/* Fills at most SIM_LIVE_NEEDS_MAX rows, returns how many. `fetch`: do all phones fetch at once? */
size_t sim_live_doctor(const struct sim_live_config *config, enum sim_live_fetch_mode fetch,
                       struct sim_live_need needs[SIM_LIVE_NEEDS_MAX]);

#endif /* SIM_LIVE_LIVE_H */
