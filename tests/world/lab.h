/* tests/world/lab.h -- the third world: tiny, deterministic, for tests of phones/.
 *
 * All of sim/world.h in one event heap: a LAN with a fixed latency, jitter and loss of datagrams,
 * streams whose bytes take time at a port's rate, a server with a delay and faults. Files are a few
 * kilobytes of real bytes. Sites are subnets. It leaves out: the WAN's sharing, TFTP, statistics
 * beyond a few counters. */
#ifndef TESTS_WORLD_LAB_H
#define TESTS_WORLD_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/world.h"

struct lab_config {
    uint64_t seed;
    sim_duration latency; /* phone to phone, one way */
    sim_duration jitter;  /* of datagrams: 0 to this much more */
    uint32_t loss_ppm;    /* of datagrams */
    uint64_t port_rate;   /* bytes a second that a phone sends, shared by its bodies; > 0 */
    uint64_t file_size;   /* of every file of the server */
    sim_duration fetch_delay;
    uint64_t fetch_rate; /* bytes a second of each fetch; > 0 */
    sim_time limit;      /* lab_run() stops here */
    void (*record)(void *context, const struct sim_record *record); /* NULL: not told */
    void (*after)(void *context, sim_node node); /* after each notice to a node; NULL */
    void *context;
};

struct lab_counts {
    uint64_t events, datagrams, broadcasts, dials, bodies, body_bytes;
    uint64_t fetches, fetches_good;
    uint64_t unsealed_bodies; /* must stay 0: a body was sent from a copy that was not sealed */
};

struct lab;

struct lab *lab_new(const struct lab_config *config);
void lab_free(struct lab *lab);
struct sim_world *lab_world(struct lab *lab);
/* Runs until nothing is left to happen, every node has finished, or config.limit. True when all
 * have finished. */
bool lab_run(struct lab *lab);
/* One event. False when there was none before the limit. */
bool lab_step(struct lab *lab);
sim_time lab_now(const struct lab *lab);
sim_time lab_next(const struct lab *lab); /* instant of the next event; SIM_NEVER */
const struct lab_counts *lab_counts(const struct lab *lab);
uint64_t lab_node_dials(const struct lab *lab, sim_node node);
/* FNV-1a of all records so far: equal seeds give equal hashes. */
uint64_t lab_trace_hash(const struct lab *lab);

/* The server's answer from now on: 0, or a status that every fetch ends with, after `fetch_delay`.
 */
void lab_server_fails(struct lab *lab, int status, const char *reason);
void lab_server_stalls(struct lab *lab,
                       bool stalls); /* fetches stop half way, and fail 90 s later */
void lab_server_corrupts(struct lab *lab, bool corrupt); /* fetched bytes are wrong from now on */
/* The right digest of a file of the server. */
void lab_digest(const struct lab *lab, const char *path, struct sim_digest *out);
/* The node at the other end of a stream, SIM_NODE_NONE when the handle is dead; `*peer_stream`: its
 * handle, 0 when it closed its end. */
sim_node lab_peer(const struct lab *lab, sim_stream stream, sim_stream *peer_stream);
/* Raw bytes into a stream's reader, as if the peer had sent them: for fuzzing. */
void lab_inject(struct lab *lab, sim_stream stream, const void *bytes, size_t len);

#endif /* TESTS_WORLD_LAB_H */
