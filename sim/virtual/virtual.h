/* sim/virtual/virtual.h -- the virtual world: discrete events in virtual time, no socket, no clock.
 *
 * One struct sim_virtual holds a group of sites that can touch one another through the server (its
 * uplink, its limit of transfers). Sites that can't are groups of their own, run one after another
 * in the same object (sim_virtual_restart()), so that only one site's phones are in memory and its
 * small queue stays in the cache. Build it, add the nodes, run it, read the figures.
 *
 * Everything is a function of the configuration and of what the nodes do: same seed, same bytes
 * out, on any machine and with any compiler. */
#ifndef SIM_VIRTUAL_VIRTUAL_H
#define SIM_VIRTUAL_VIRTUAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/content.h"
#include "sim/setup.h"
#include "sim/trace.h"
#include "sim/world.h"

enum sim_virtual_network {
    SIM_VIRTUAL_FLUID,  /* sites' lines are fair-shared resources */
    SIM_VIRTUAL_PACKET, /* sites' lines are sim/wan machines: every segment, TCP and TFTP as live */
};

struct sim_virtual_config {
    uint64_t seed;
    enum sim_virtual_network network;
    const struct sim_site_setup *sites; /* of this group; borrowed */
    uint32_t sites_len;                 /* >= 1 */
    uint32_t first_site; /* what nodes call the first one: site numbers of sim_world_add_node() and
                            of the functions below are those of the whole run */
    sim_node first_node; /* number of the first node added */
    uint32_t nodes_max;  /* nodes that will be added, fault controllers too */
    const struct sim_server_setup *server;
    struct sim_fluid_setup fluid;
    struct sim_catalog *catalog; /* what the server has, and the load server; borrowed */
    bool has_load_server;        /* SIM_SERVER_LAN answers */
    struct sim_trace trace;
    /* Packet network: a TFTP datagram, seen at the phone: when it sends it (`up`), and when one
     * has arrived. `transfer`: a number that its datagrams share. `bytes`: the first of `len`; at
     * least the header of a block. May be NULL. */
    void (*tftp)(void *context, sim_node node, uint64_t transfer, bool up, const uint8_t *bytes,
                 size_t bytes_len, size_t len);
    void *tftp_context;
    unsigned lane;
    /* Called each time that another `tick_every` (0: never) of virtual time has gone by, at that
     * instant, and when the run has ended. True ends the run. */
    bool (*tick)(void *context, sim_time now);
    void *tick_context;
    sim_duration tick_every;
    sim_time limit; /* the run ends at this instant whatever happens; SIM_NEVER */
};

struct sim_virtual;

/* 0, SIM_EINVAL (no site), SIM_ENOMEM. */
int sim_virtual_new(struct sim_virtual **out, const struct sim_virtual_config *config);
/* As new, for another group; keeps the memory. Nodes of before are forgotten. 0 or SIM_ENOMEM. */
int sim_virtual_restart(struct sim_virtual *v, const struct sim_virtual_config *config);
void sim_virtual_free(struct sim_virtual *v); /* NULL is fine */

/* The world object of all its sites: add their nodes there. */
struct sim_world *sim_virtual_world(struct sim_virtual *v);

/* Runs until every node has finished, nothing is left to happen, `tick` says so, or
 * sim_virtual_stop(). 0; SIM_ETIMEDOUT at `limit` or when nodes wait for what never comes;
 * SIM_ECANCELED; SIM_ENOMEM: memory ran out, what was recorded so far is right. */
int sim_virtual_run(struct sim_virtual *v);
/* From the tick: the next one comes after `delay` (> 0) instead, then every tick_every again. */
void sim_virtual_tick_after(struct sim_virtual *v, sim_duration delay);
/* From any thread or a signal handler. Sticks: a run that is restarted meanwhile stops too. */
void sim_virtual_stop(struct sim_virtual *v);

/* ---- One event at a time: for comparing two runs ---- */

/* What happened last, for people and for comparison. */
struct sim_virtual_step {
    sim_time at;
    sim_node node; /* whom it concerned; SIM_NODE_NONE */
    uint64_t hash; /* of all events so far */
    uint64_t number;
    char what[120]; /* "datagram from 127.1.0.9, 84 bytes" */
};
/* False when the run has ended (as sim_virtual_run() would). `out` may be NULL; filling `what`
 * costs, so NULL is quick. */
bool sim_virtual_step(struct sim_virtual *v, struct sim_virtual_step *out);

/* ---- Figures ---- */

sim_time sim_virtual_now(const struct sim_virtual *v);
/* `site`: number in the whole run, of this group. At any time. */
void sim_virtual_site_stats(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out);
/* The same without the bodies of fetches that are under way (wan_payload_bytes, wan_config_bytes,
 * wan_resent_bytes), in a time that does not grow with them, and with no more on a line between two
 * calls than it can carry (passed.c): for samples. All who sample call it at the same instants:
 * what the line could not carry yet depends on them. */
void sim_virtual_line_stats(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out);

struct sim_virtual_server_stats { /* as struct sim_server_stats counts them */
    uint64_t requests, payload_bytes, bytes, errors, not_found, refused, queued;
    uint32_t transfers, peak_transfers;
};
void sim_virtual_server_stats(const struct sim_virtual *v, struct sim_virtual_server_stats *out);

struct sim_virtual_usage {
    uint64_t events;       /* taken from the queue */
    uint64_t notices;      /* given to nodes */
    uint64_t trace_hash;   /* over every event: its instant, kind, node and content */
    uint64_t memory_bytes; /* held by the world, phones not counted */
    uint32_t pending_peak; /* events in the queue */
    uint64_t nodes, nodes_finished;
};
void sim_virtual_usage(const struct sim_virtual *v, struct sim_virtual_usage *out);

struct sim_virtual_crowd {
    uint64_t nodes;
    uint64_t fetching;    /* of these, at once */
    bool has_connections; /* they fetch over TCP */
};
/* Bytes that a group takes at its busiest, phones' own memory and what sharing takes not counted:
 * an estimate from the sizes of the structs and from measured runs. */
uint64_t sim_virtual_memory(const struct sim_virtual_config *config,
                            const struct sim_virtual_crowd *crowd);

#endif /* SIM_VIRTUAL_VIRTUAL_H */
