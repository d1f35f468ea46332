/* sim/server/places.h -- who may transfer (max_transfers) and when bytes may leave (uplink). Pure:
 * `now` is an argument, nothing calls back.
 *
 * Both are shared by HTTP and TFTP. A request that must wait stands in a line; the host takes from
 * its front when there is a place, or when its instant has come. Nodes of a line belong to whoever
 * waits. */
#ifndef SIM_SERVER_PLACES_H
#define SIM_SERVER_PLACES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/setup.h"
#include "sim/time.h"

enum {
    SIM_SERVER_WAITING_MAX = 20000, /* requests that wait for a place; more are refused. As many as
                                       there are descriptors for them here; our choice */
};

/* A line of waiting requests, first come, first served; linked through the nodes. */
struct sim_server_node {
    struct sim_server_node *prev, *next; /* both NULL outside of any line */
    struct sim_server_line *line;        /* the one it stands in, or NULL */
    sim_time due;
    void *owner;
    int kind; /* what owner is; the host's own word */
};

struct sim_server_line {
    struct sim_server_node *first, *last;
    size_t len;
};

/* `due` must not be before that of the last in the line (asserted): then the first is always the
 * next. */
void sim_server_line_push(struct sim_server_line *line, struct sim_server_node *node, sim_time due);
/* The first, taken out, when it is due at `now`; else NULL. */
struct sim_server_node *sim_server_line_take(struct sim_server_line *line, sim_time now);
/* Out of whatever line it stands in; does nothing when there is none. */
void sim_server_node_leave(struct sim_server_node *node);
sim_time sim_server_line_due(const struct sim_server_line *line); /* of the first; SIM_NEVER */

/* --- max_transfers
 * ----------------------------------------------------------------------------------- */

enum sim_server_place {
    SIM_SERVER_PLACE_GRANTED, /* sim_server_places_release() must follow, once */
    SIM_SERVER_PLACE_QUEUED,  /* `node` stands in the line */
    SIM_SERVER_PLACE_REFUSED,
};

struct sim_server_places {
    uint32_t max; /* 0: no limit */
    enum sim_overflow overflow;
    uint32_t active, peak;
    uint64_t queued, refused; /* so far */
    struct sim_server_line line;
};

enum sim_server_place sim_server_places_ask(struct sim_server_places *places,
                                            struct sim_server_node *node);
void sim_server_places_release(struct sim_server_places *places);
/* The next who waits, when there is a place for him: it is his now. NULL when not. */
struct sim_server_node *sim_server_places_take(struct sim_server_places *places);

/* --- uplink
 * ------------------------------------------------------------------------------------------ */

/* A virtual line: what wants to leave is given the instant when the line will have sent all before
 * it. Idle time earns nothing. */
struct sim_server_uplink {
    uint64_t bit_s; /* SIM_RATE_NONE: no limit */
    sim_time free;  /* when all that was charged will have left */
};

/* Charges `bytes` (headers included, see below) and returns the instant from which they may be
 * sent, up to SIM_SERVER_UPLINK_LEAD early, so that a late wake-up costs no rate. */
#define SIM_SERVER_UPLINK_LEAD (5 * SIM_MS)
sim_time sim_server_uplink_take(struct sim_server_uplink *uplink, sim_time now, uint64_t bytes);

/* Bytes on the line of `payload` bytes in TCP segments. */
uint64_t sim_server_uplink_tcp(uint64_t payload);
/* Payload that is handed to TCP at a time: whole segments, about 2 ms of the line, 1 to 11 of them.
 */
uint32_t sim_server_uplink_chunk(const struct sim_server_uplink *uplink);

#endif /* SIM_SERVER_PLACES_H */
