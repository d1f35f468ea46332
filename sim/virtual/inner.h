/* sim/virtual/inner.h -- inside of the virtual world: what its files share. Nobody else includes
 * it (its tests may).
 *
 *   virtual.c       life, the turn, ticks, alarms, figures, the trace hash
 *   queue.c         what will happen (queue.h)
 *   chunk.c         bytes on their way, and growing pools
 *   node.c          nodes, datagrams, broadcasts, listening, faults
 *   stream.c        streams between nodes: dials and ends (stream.h: what both files share)
 *   stream_io.c     their messages and bodies
 *   port.c          a node's LAN port: the bodies that it sends share its rate
 *   file.c          copies of files: named content, how much of it, whether it is right
 *   fetch.c         requests to the server: from the node to the result
 *   server.c        the server: files, places, who waits for one
 *   fetch_text.c    how long its messages are, and why a request failed, in words
 *   way_fluid.c     a request's way over a fluid line, and over the LAN to a load server
 *   way_packet.c    a request's way over a sim/wan machine: HTTP
 *   way_tftp.c      the same for TFTP: both machines of sim/tftp over the line
 *   fluid.c         fair sharing (fluid.h)
 *
 * Inside, a node is its index in the group (0..nodes_len-1), a site its index in the group;
 * `first_node` and `first_site` are added at the seam only. Handles are
 * generation << 32 | index + 1 (streams: generation << 32 | index << 1 | side, + 2), so 0 is none.
 *
 * Rules. A call from a node never calls back: what a node is told is an event of its own. Pools
 * grow by realloc: never keep a pointer into one across a call that may add to it or that tells a
 * node something; fetch it again by its index or handle. Every random draw is from the node's own
 * stream or the site's LAN stream. */
#ifndef SIM_VIRTUAL_INNER_H
#define SIM_VIRTUAL_INNER_H

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/content.h"
#include "sim/line.h"
#include "sim/virtual/fluid.h"
#include "sim/virtual/queue.h"
#include "sim/virtual/virtual.h"
#include "sim/wan/wan.h"
#include "sim/world.h"

#define VIRTUAL_NONE UINT32_MAX /* no index */

/* Who handles an event; `what` and the rest are the handler's. */
enum virtual_event_kind {
    VIRTUAL_ALARM,     /* virtual.c; node */
    VIRTUAL_DATAGRAM,  /* node.c; node: receiver; a: sender */
    VIRTUAL_BROADCAST, /* node.c; node: sender: ONE event visits the site's listening nodes */
    VIRTUAL_STREAM,    /* stream.c; a: handle of the end that it reaches; what: enum of stream.c */
    VIRTUAL_PORT,      /* port.c; node; a: handle of the port; b: number of its alarm */
    VIRTUAL_FETCH,     /* fetch.c; a: handle; b: its turn, 0: any; what: enum virtual_fetch_step */
    VIRTUAL_FLUID,     /* way_fluid.c: a fluid's next end; a: number of its alarm; what: enum
                          sim_server_place */
    VIRTUAL_WAN,       /* way_packet.c; node: unused; a: site; b: number of its alarm */
    VIRTUAL_TFTP,      /* way_tftp.c: a machine's deadline; a: fetch; what: which end */
    VIRTUAL_RATE,      /* way_fluid.c: the rate of a line changes; a: site */
};

/* Bytes on their way. From one of two free lists (up to VIRTUAL_CHUNK_SMALL bytes, and up to
 * SIM_WORLD_MESSAGE_MAX); chunks never move. */
enum { VIRTUAL_CHUNK_SMALL = 224 };
struct virtual_chunk {
    struct virtual_chunk *next; /* in a free list, or in an owner's list */
    uint16_t len;
    uint16_t large; /* which list it goes back to */
    uint32_t mark;  /* the owner's */
    uint8_t bytes[];
};

struct virtual_slab; /* chunk.c: what malloc() gave */

struct virtual_chunks {
    struct virtual_chunk *free[2];
    struct virtual_slab *slabs[2];   /* a list each, in order of making */
    struct virtual_slab *current[2]; /* the one that fresh chunks are cut from; NULL: the first */
    uint32_t used[2];                /* chunks cut from it */
    uint64_t bytes;
};
struct virtual_chunk *virtual_chunk_new(struct virtual_chunks *c, const void *bytes, size_t len);
void virtual_chunk_free(struct virtual_chunks *c, struct virtual_chunk *chunk); /* NULL is fine */
/* All are free again, whoever had them; keeps the memory. */
void virtual_chunks_clear(struct virtual_chunks *c);
void virtual_chunks_deinit(struct virtual_chunks *c);

/* An array of things with handles: grows by doubling, recycles places, checks generations. The
 * first member of every thing is a uint32_t generation: odd while it lives. */
struct virtual_pool {
    uint8_t *things;
    uint32_t size; /* of one */
    uint32_t len, cap;
    uint32_t *free;
    uint32_t free_len, free_cap;
};
int virtual_pool_init(struct virtual_pool *p, uint32_t size, uint32_t cap);
void virtual_pool_deinit(struct virtual_pool *p);
/* As new, but for its memory: handles that are given out afterwards are those that a new pool would
 * give, since they are mixed into the trace hash. */
void virtual_pool_clear(struct virtual_pool *p);
/* Zeroed but for its generation; VIRTUAL_NONE when out of memory. */
uint32_t virtual_pool_add(struct virtual_pool *p);
void virtual_pool_remove(struct virtual_pool *p, uint32_t index);
static inline void *virtual_pool_at(const struct virtual_pool *p, uint32_t index)
{
    return p->things + (size_t)index * p->size;
}
uint64_t virtual_pool_handle(const struct virtual_pool *p, uint32_t index);
/* NULL for a stale one or 0. `*index` may be NULL. */
void *virtual_pool_get(const struct virtual_pool *p, uint64_t handle, uint32_t *index);

/* ---- Copies (file.c) ---- */

/* A copy is a prefix of a named content. `taint`: 0: right bytes; else a number that stands for the
 * way in which they are wrong, and that whoever takes the copy takes over. */
struct virtual_file {
    uint32_t generation;
    uint32_t node;
    uint32_t next; /* of the node, index + 1; 0 */
    bool sealed;
    bool from_fetch;                   /* what fills it: a fetch, or a stream's end */
    const struct sim_content *content; /* NULL: made up by the resolver, or not known at all */
    const char *name;                  /* interned for the world's life */
    uint64_t size;                     /* settled bytes; those under way come on top */
    uint64_t taint;
    uint64_t incoming; /* handle of the fetch or stream's end that fills it now; 0 */
};

/* ---- Streams (stream.c) ---- */

enum {
    VIRTUAL_NODE_STREAMS_MAX = 64, /* streams a node may have at once, as in sim/live */
    VIRTUAL_QUEUE_MAX = 64 * 1024, /* bytes of messages waiting on a stream (world.h) */
    VIRTUAL_PORT_PAST = 4,         /* changes of a port's load that are remembered */
};

/* Bytes in units so small that shares of a rate are whole numbers: port.c. */
typedef unsigned __int128 virtual_service;

/* The bodies that go from one end to the other: made with the first, kept until the stream ends.
 * Positions count all bytes of bodies that ever went this way. */
struct virtual_body {
    uint32_t generation;
    uint32_t end;       /* the sender's: index << 1 | side */
    uint32_t port_next; /* of the port, index + 1; 0 */
    bool begun;         /* it leaves, or stood still while it did; else messages are before it */
    bool in_port;       /* it shares the node's port now */
    bool due;           /* port.c: its mark was reached in this turn */
    bool flips;         /* the sender corrupts it: bytes from `base` + len / 2 on are wrong */
    bool tainted;       /* the sender's copy was wrong when the body began */
    /* the body that is being sent: at most one */
    uint64_t file; /* the sender's copy; 0: none */
    uint64_t len;
    uint64_t mark; /* 0..len: when so many bytes have left, the receiver is to be told */
    uint64_t base; /* position of its first byte */
    uint64_t taint;
    virtual_service service; /* in the port: its counter when the body began; else: had so far */
    /* what had left when the port's load last was of no more use for reckoning, and how it arrives:
     * from `tail_from` at `tail_at` evenly to `tail_to` one latency later */
    sim_time tail_at; /* SIM_NEVER: frozen */
    uint64_t tail_from, tail_to, tail_taint;
    /* the body that is being received, perhaps from several that are sent */
    uint64_t in_file;               /* the receiver's copy; 0: none */
    uint64_t in_from, in_to, in_at; /* positions: its first byte, its end, settled up to here */
    uint64_t notify_every;
};

/* One end, and the messages that wait to leave it. */
struct virtual_end {
    uint32_t node; /* VIRTUAL_NONE: nobody yet */
    uint32_t body; /* that it sends: index + 1 in `bodies`; 0: none so far */
    uint64_t tag;
    uint64_t in_got; /* bytes of the body that is being received that are in the copy */
    struct virtual_chunk *queue, *queue_last; /* messages; mark: 1 behind the body, 0 before it */
    struct virtual_chunk *held; /* not consumed by the node; mark: 1 when it needs more */
    uint32_t queue_bytes;
    uint32_t next, before; /* of the node's list, index << 1 | side + 1; 0 */
    uint8_t state;         /* enum of stream.c */
    bool is_empty;         /* a body of no bytes waits to be told */
    bool listed;           /* in its node's list */
};

struct virtual_conn {
    uint32_t generation;
    bool frozen;                  /* a partition or a silent end: nothing moves */
    bool gone;                    /* for ever: an end fell silent */
    sim_addr to;                  /* whom it was dialed for */
    sim_duration latency;         /* phone to phone, one way */
    sim_time limit_at;            /* of the dial */
    struct virtual_chunk *parked; /* events that came while it was frozen, in order */
    struct virtual_end ends[2];   /* 0: the dialer */
};

/* A node's LAN port while it sends bodies (port.c). */
struct virtual_port {
    uint32_t generation;
    uint32_t node;
    uint32_t first, last; /* bodies in order of beginning, index + 1; 0 */
    bool telling;         /* its event is being handled: the alarm is set behind it */
    uint32_t number;      /* of the alarm that counts */
    uint32_t changes;     /* of its load so far */
    sim_time due;         /* of that alarm; SIM_NEVER: none */
    struct virtual_span { /* from `at` on, `len` bodies shared the rate */
        sim_time at;
        uint32_t len;
        virtual_service service; /* that each one which was there all the time had got at `at` */
    } now, past[VIRTUAL_PORT_PAST];
};

/* ---- Nodes (node.c) ---- */

enum { VIRTUAL_LINE = 64 /* bytes of a cache line */ };

struct virtual_node {
    /* what every notice needs, in one cache line */
    _Alignas(VIRTUAL_LINE) const struct sim_node_ops *ops;
    void *self;
    sim_time alarm_at;    /* as the node wants it; SIM_NEVER */
    sim_time alarm_due;   /* instant of its event in the queue; SIM_NEVER: none. Others are stale */
    uint32_t alarm_timer; /* of that event in the queue's wheel; 0: it can't be moved */
    uint32_t group;
    uint32_t site;
    sim_addr addr; /* 0: no network */
    bool listening, down, silent, finished;
    /* the rest, in another */
    uint32_t life;     /* times that it went down */
    uint32_t heard_at; /* index in its site's `listeners`; VIRTUAL_NONE */
    uint32_t conns;    /* its streams' ends: a list; 0: none */
    uint32_t files;    /* index + 1; 0 */
    uint32_t fetches;  /* index + 1; 0 */
    uint32_t streams;  /* of them, those that are not dead */
    uint32_t port;     /* while it sends bodies: index + 1 in `ports`; 0 */
    bool corrupt;
    /* the connection kept to the server (HTTP keep-alive): [place] */
    uint8_t kept_protocol[2];
    uint64_t kept[2]; /* the way's: a sim_wan_flow in packet mode, 1 or 0 in fluid mode */
};

struct virtual_site {
    const struct sim_site_setup *setup;
    struct sim_rng lan; /* datagrams' losses */
    uint32_t *by_host;  /* node of address base + n, n < hosts; VIRTUAL_NONE. Grows */
    uint32_t hosts, hosts_cap;
    uint32_t *listeners; /* nodes that listen, in order of beginning to; VIRTUAL_NONE: left */
    uint32_t listeners_len, listeners_cap;
    uint32_t listeners_left; /* places of nodes that stopped; closed up when they are many */
    bool visiting;           /* a broadcast goes round: places must not move */
    bool wan_up;
    struct sim_wan *wan; /* packet mode; NULL */
    sim_time wan_due;    /* of its earliest event in the queue */
    uint32_t wan_number;
    bool varies;            /* fluid: the line's rate changes over time */
    bool rate_armed;        /* fluid: a VIRTUAL_RATE event is in the queue */
    sim_time rate_until;    /* fluid: what lines[] knows of the rate holds until then */
    sim_time rate_next;     /* fluid: it changes then; SIM_NEVER */
    uint64_t lock_step;     /* fluid: of TFTP, bit/s, when flows were capped last */
    uint32_t starting[2];   /* fluid: answers in TCP's start-up, not yet flows; by place */
    uint32_t pipe;          /* fluid: segments that the line and its queue hold */
    uint32_t uneven_draws;  /* fluid: see fluid_line.c */
    uint64_t single;        /* fluid: a fetch that the next one may trade with, or 0 */
    uint64_t lan_under_way; /* see virtual_streams_reckon() */
    uint64_t acknowledged;  /* fluid: line bytes whose ACKs are in stats.wan_up_bytes */
    uint32_t acks;          /* fluid: bytes of ACKs a line byte, in 2^-32, of the last flow */
    sim_time passed_at;     /* of the last sample: passed.c; and what the line had carried */
    uint64_t passed_down, passed_up;
    struct sim_site_stats stats; /* all but what the fluid or the wan machine counts */
};

/* ---- Fetches (fetch.c, way_*.c) ---- */

enum virtual_fetch_step {
    VIRTUAL_STEP_CONNECTED, /* ways: the connection stands */
    VIRTUAL_STEP_ARRIVE,    /* the request reaches the server */
    VIRTUAL_STEP_ANSWER,    /* response_time is over: the answer leaves */
    VIRTUAL_STEP_BEGIN,     /* fluid: start-up is over: the body joins the line */
    VIRTUAL_STEP_FIRST,     /* the first byte reaches the node */
    VIRTUAL_STEP_PROGRESS,  /* another notify_every bytes are in */
    VIRTUAL_STEP_DONE,      /* the last byte reached the node; or the error did */
    VIRTUAL_STEP_PATIENCE,  /* look whether it has stalled */
    VIRTUAL_STEP_WAY,       /* anything else that a way needs */
};

enum virtual_fetch_state {
    VIRTUAL_FETCH_ASKING, /* on its way to the server */
    VIRTUAL_FETCH_QUEUED, /* at the server, waits for a place (max_transfers, overflow queue) */
    VIRTUAL_FETCH_SERVED, /* at the server, being answered: has a place if it sends a file */
    VIRTUAL_FETCH_ENDING, /* the result is known and on its way to the node */
};

struct virtual_fetch {
    uint32_t generation;
    uint32_t node;
    uint32_t next; /* of the node, index + 1 */
    uint32_t turn; /* steps of fluid ways carry it as `b`: those of another turn are stale */
    uint8_t state; /* enum virtual_fetch_state */
    uint8_t place; /* enum sim_server_place */
    uint8_t protocol;
    bool is_firmware;
    bool has_place; /* counts in server.transfers */
    bool mapped;    /* the file was found at the server */
    bool new_connection;
    bool is_small;    /* no copy: its bytes go to the node with the result */
    bool at_server;   /* the request is there, and server.stats have not counted it yet */
    bool is_held;     /* fluid: the line is down, the way goes on when it is up */
    bool is_watched;  /* a PATIENCE event is in the queue */
    bool starting;    /* fluid: counts in its line's `starting` */
    bool is_line;     /* fluid: over a line that flows share, else each alone */
    const char *path; /* interned */
    const struct sim_content *content; /* what the server sends; NULL: resolved, or an error */
    uint64_t file;                     /* copy; 0: a small file, or the copy was given up */
    uint64_t offset; /* of the copy at the beginning: what HTTP's Range asks for */
    uint64_t total;  /* bytes of body that the server will send, known from ARRIVE on */
    uint64_t got;    /* settled bytes of body that reached the node */
    uint64_t notify_every, notify_at;     /* the latter: bytes of body (as `got` counts them) */
    int status, code;                     /* of the result */
    sim_time began, first_byte, moved_at; /* last progress seen */
    struct virtual_chunk *why;            /* the result's reason; NULL: status and code say it */
    uint32_t queue_next, queue_before;    /* in the server's queue, index + 1 */
    /* the ways' own */
    sim_fluid_flow flow;
    uint64_t wan_flow;           /* packet: handle of its connection, TFTP: of its transfer; 0 */
    uint64_t up_left, head_left; /* bytes of the request (set before begin()), of the answer's
                                    header or of the whole error (set before answer()), to come
                                    through */
    uint64_t line_bytes;         /* fluid: of the answer on the line in all, 0: not yet known;
                                    packet: of body that have come */
    uint64_t line_passed;        /* fluid: of these, before the present flow began */
    uint64_t traded_at;     /* fluid: of these, when line_bytes changed last; and how much of the */
    uint64_t traded_stream; /* stream (head and body) they were: both 0 before */
    uint64_t cap_bit_s;     /* fluid */
    sim_time delay;         /* fluid: start-up still to be waited for */
    sim_time at;            /* fluid: when its request arrives or a retry was first due */
    uint32_t window;        /* fluid: segments that TCP may send at once */
};

struct virtual_server {
    bool up;
    uint32_t transfers;
    uint32_t queue_first, queue_last; /* index + 1 */
    uint32_t queue_len;
    struct sim_virtual_server_stats stats;
};

/* ---- The world ---- */

struct sim_virtual {
    struct sim_world base; /* first member */
    struct sim_virtual_config config;
    sim_time now;
    struct virtual_queue queue;
    struct virtual_chunks chunks;
    struct virtual_node *nodes;
    struct sim_rng *rngs; /* theirs, for few ask for chance often */
    uint32_t nodes_len, nodes_cap, unfinished;
    struct virtual_site *sites;
    uint32_t sites_len, sites_cap;
    struct virtual_pool files, conns, bodies, ports, fetches;
    struct sim_fluid *fluid; /* fluid mode */
    sim_time fluid_due;
    uint32_t fluid_number;
    struct virtual_line *lines;   /* of fluid_line.h: [2 * site + place] */
    uint32_t lines_cap;           /* sites */
    struct sim_fluid *load_fluid; /* load servers' ports, a line a site; NULL: no load server */
    sim_time load_due;
    uint32_t load_number;
    struct virtual_server server;
    uint64_t hash, events, notices;
    sim_time reckoned_at; /* of virtual_streams_reckon() */
    uint64_t reckoned_events;
    sim_stream reading;         /* the stream whose node is inside stream_input; 0 */
    size_t reading_left;        /* bytes behind those offered: not used by nodes */
    struct virtual_chunk *said; /* the message that an end sent last, in the turn `said_in` */
    uint32_t said_by;
    uint64_t said_in;
    bool out_of_memory; /* sticks; ends the run */
    bool ended;
    int status; /* how the run ended */
    sim_time tick_at;
    sim_duration tick_in; /* from one to the next; the tick may change it */
    sim_time halt_at;     /* the earlier of tick_at and the limit */
    atomic_bool stop;
    struct sim_virtual_step *step; /* being described; NULL */
    struct virtual_event scratch;  /* see virtual_add() */
    struct virtual_packet *packet; /* way_packet.c; NULL in fluid mode */
    struct virtual_names *names;   /* interned names (file.c) */
};

static inline struct sim_virtual *virtual_of(struct sim_world *w)
{
    return (struct sim_virtual *)w;
}

/* ---- virtual.c ---- */

/* Adds an event; when memory runs out v->out_of_memory is set and a scratch event is returned, so
 * callers need not check. `at` in the past means now; at SIM_NEVER it is forgotten. All but kind
 * and node are zero. */
struct virtual_event *virtual_add(struct sim_virtual *v, sim_time at, enum virtual_event_kind kind,
                                  uint32_t node);
/* Mixes a number that matters into the trace hash: every handler mixes what identifies its event
 * (instant, kind and node are mixed already). */
static inline uint64_t virtual_mixed(uint64_t hash, uint64_t x)
{
    hash = (hash ^ x) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}
static inline void virtual_mix(struct sim_virtual *v, uint64_t x)
{
    v->hash = virtual_mixed(v->hash, x);
}
/* While a step is described: says what happened (first call of a step wins). */
void virtual_say(struct sim_virtual *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static inline bool virtual_is_told(const struct virtual_node *n)
{
    return !n->down; /* a node that is down is told nothing */
}
static inline struct virtual_site *virtual_site_of(const struct sim_virtual *v, uint32_t node)
{
    return &v->sites[v->nodes[node].site];
}
/* Phone to phone, one way: both ports. */
static inline sim_duration virtual_latency(const struct virtual_site *site)
{
    return 2 * site->setup->lan.latency;
}

/* A notice will soon reach the node: what its machine looks at first is on its way to the core
 * meanwhile. Changes nothing else; any number will do. */
static inline void virtual_expect(const struct sim_virtual *v, uint32_t node)
{
    if (node < v->nodes_len) {
        uintptr_t self = (uintptr_t)v->nodes[node].self;

        __builtin_prefetch((const void *)self);
        __builtin_prefetch((const void *)(self + VIRTUAL_LINE)); /* a guess: it may be smaller */
    }
}

/* From the seam's numbers to ours. */
static inline uint32_t virtual_index(const struct sim_virtual *v, sim_node node)
{
    uint32_t index = node - v->config.first_node;

    assert(index < v->nodes_len && "a node of another world object");
    return index;
}
static inline uint32_t virtual_site_index(const struct sim_virtual *v, uint32_t site)
{
    uint32_t index = site - v->config.first_site;

    assert(index < v->sites_len && "a site of another world object");
    return index;
}

/* ---- node.c ---- */
sim_node virtual_node_add(struct sim_world *w, uint32_t site, sim_addr addr, uint64_t id,
                          const struct sim_node_ops *ops, void *self);
bool virtual_nodes_reserve(struct sim_virtual *v, uint32_t cap); /* false: out of memory */
uint32_t virtual_node_find(const struct virtual_site *site, sim_addr addr); /* VIRTUAL_NONE */
/* Can bytes get from a to b now: same site, same group, neither silently down? */
bool virtual_reaches(const struct sim_virtual *v, uint32_t a, uint32_t b);
int virtual_listen(struct sim_world *w, sim_node node, bool on);
int virtual_send(struct sim_world *w, sim_node node, sim_addr to, const void *bytes, size_t len);
int virtual_broadcast(struct sim_world *w, sim_node node, const void *bytes, size_t len);
void virtual_set_down(struct sim_world *w, sim_node node, bool down, bool silent);
void virtual_set_group(struct sim_world *w, sim_node node, uint32_t group);
void virtual_set_corrupt(struct sim_world *w, sim_node node, bool corrupt);
/* Also at a restart: keeps the memory that it has. */
void virtual_site_init(struct virtual_site *site, const struct sim_site_setup *setup,
                       uint64_t seed);
void virtual_site_deinit(struct virtual_site *site);
/* The bytes are part of what happened. */
void virtual_mix_bytes(struct sim_virtual *v, const struct virtual_chunk *chunk);
void virtual_datagram_event(struct sim_virtual *v, const struct virtual_event *e);
void virtual_broadcast_event(struct sim_virtual *v, const struct virtual_event *e);

/* ---- stream.c ---- */
int virtual_dial(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out);
int virtual_stream_send(struct sim_world *w, sim_stream s, const void *bytes, size_t len);
int virtual_stream_send_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t offset,
                             uint64_t len);
int virtual_receive_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t len,
                         uint64_t notify_every);
void virtual_stream_close(struct sim_world *w, sim_stream s);
void virtual_stream_set_tag(struct sim_world *w, sim_stream s, uint64_t tag);
uint64_t virtual_stream_tag(struct sim_world *w, sim_stream s);
void virtual_stream_event(struct sim_virtual *v, const struct virtual_event *e);
/* The node went down: its streams end (reset) or fall silent. */
void virtual_streams_down(struct sim_virtual *v, uint32_t node, bool silent);
/* Groups changed: freezes and thaws the node's streams. */
void virtual_streams_regroup(struct sim_virtual *v, uint32_t node);
/* A copy goes: streams that send from it or receive into it end. */
void virtual_streams_drop_file(struct sim_virtual *v, uint32_t node, uint64_t file);
/* Bytes of the body that have reached this (receiving) end by now, those in the copy too (in_got).
 * Exact; where the load of the sender's port changed more than VIRTUAL_PORT_PAST times within the
 * latency, or when it changed in the last latency of a body, near enough, never falling. */
uint64_t virtual_stream_received(struct sim_virtual *v, uint64_t end);
/* An end by its handle; NULL when its node has no use for it any more. */
struct virtual_end *virtual_end_of(const struct sim_virtual *v, sim_stream s);
/* Sets every site's `lan_under_way`: bytes of bodies that have reached nodes and that its stats do
 * not count yet, since they are counted when somebody is told. Changes nothing else. */
void virtual_streams_reckon(struct sim_virtual *v);
/* port.c: so many bytes of the body, all of them, have left. */
void virtual_stream_mark(struct sim_virtual *v, uint32_t body);
void virtual_stream_left(struct sim_virtual *v, uint32_t body);

/* ---- port.c: all bodies that a node sends share its port's rate evenly ---- */

static inline struct virtual_body *virtual_body_at(const struct sim_virtual *v, uint32_t body)
{
    return virtual_pool_at(&v->bodies, body);
}
/* Its body (index) begins, or goes on, to leave `node`; stops, its `service` is what it had. */
void virtual_port_add(struct sim_virtual *v, uint32_t node, uint32_t body);
void virtual_port_remove(struct sim_virtual *v, uint32_t node, uint32_t body);
/* Its mark has changed. */
void virtual_port_look(struct sim_virtual *v, uint32_t node);
/* Bytes of a body in the port that had left by `at` (not in the future), rounded down. */
uint64_t virtual_port_sent(const struct sim_virtual *v, uint32_t node, uint32_t body, sim_time at);
/* The first instant by which `bytes` of it had left; SIM_NEVER when they have not yet. */
sim_time virtual_port_when(const struct sim_virtual *v, uint32_t node, uint32_t body,
                           uint64_t bytes);
void virtual_port_event(struct sim_virtual *v, const struct virtual_event *e);

/* ---- file.c ---- */
sim_file virtual_file_new(struct sim_world *w, sim_node node, const char *name);
void virtual_file_free(struct sim_world *w, sim_file file);
uint64_t virtual_file_size(struct sim_world *w, sim_file file);
int virtual_file_digest(struct sim_world *w, sim_file file, struct sim_digest *out);
int virtual_file_seal(struct sim_world *w, sim_file file);
size_t virtual_file_read(struct sim_world *w, sim_file file, uint64_t offset, void *bytes,
                         size_t len);
struct virtual_file *virtual_file_of(const struct sim_virtual *v, sim_file file); /* NULL: stale */
/* `len` more bytes are in it, wrong ones if `taint` is not 0. The filler counts them as settled
 * with it (in_got of a stream's end, got of a fetch): a copy that is being filled has size +
 * virtual_stream_received() - in_got bytes, or size + virtual_fetch_received() - got. */
void virtual_file_append(struct sim_virtual *v, sim_file file, uint64_t len, uint64_t taint);
void virtual_files_down(struct sim_virtual *v, uint32_t node);
/* The same pointer for equal names until the next restart; NULL when out of memory. `*content`
 * (NULL: not asked for): what the catalog has under it, or NULL. Quick for a pointer seen before.
 */
const char *virtual_name(struct sim_virtual *v, const char *name,
                         const struct sim_content **content);
void virtual_names_clear(struct sim_virtual *v); /* forgets them, keeps the memory */
void virtual_names_free(struct sim_virtual *v);
uint64_t virtual_names_bytes(const struct sim_virtual *v);

/* ---- fetch.c: the life of a request, and the server ---- */
int virtual_fetch(struct sim_world *w, sim_node node, const struct sim_fetch_request *request,
                  sim_fetch *out);
void virtual_fetch_cancel(struct sim_world *w, sim_fetch fetch);
void virtual_fetch_event(struct sim_virtual *v, const struct virtual_event *e);
void virtual_fetches_down(struct sim_virtual *v, uint32_t node);
void virtual_set_wan(struct sim_world *w, uint32_t site, bool up);
void virtual_set_server(struct sim_world *w, bool up);
/* What has moved of bodies that have not ended, in counters that know only the others. */
void virtual_fetches_add_moving(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out);
/* server.c: it has done with a request, one way or the other, after so much of its body: counts it
 * and gives its place to the next. Twice is fine. */
void virtual_server_leave(struct sim_virtual *v, struct virtual_fetch *f, uint64_t body,
                          bool whole);
/* What the ways tell: `fetch` is the handle. The first and third are in server.c. */
void virtual_fetch_arrived(struct sim_virtual *v,
                           uint64_t fetch);                      /* the request is at the server */
void virtual_fetch_first(struct sim_virtual *v, uint64_t fetch); /* first byte of the answer */
void virtual_fetch_moved(struct sim_virtual *v, uint64_t fetch); /* packet: more of it came */
void virtual_fetch_sent(struct sim_virtual *v, uint64_t fetch);  /* the server is through: its place
                                                                    is free for the next */
void virtual_fetch_whole(struct sim_virtual *v, uint64_t fetch); /* the whole answer has come */
void virtual_fetch_failed(struct sim_virtual *v, uint64_t fetch, int status, const char *reason);
/* `got` and what of the copy's growth has reached the node since: bytes of body, but for those that
 * the copy has already (TFTP that was resumed). 0 for a stale one. */
uint64_t virtual_fetch_received(struct sim_virtual *v, uint64_t fetch);
struct virtual_fetch *virtual_fetch_of(const struct sim_virtual *v, uint64_t fetch);
/* Its connection was reset by the server: the node hears of it half a round trip later. */
void virtual_fetch_reset(struct sim_virtual *v, uint64_t fetch);
/* A step of this turn at that instant. */
void virtual_fetch_step(struct sim_virtual *v, const struct virtual_fetch *f, uint64_t fetch,
                        enum virtual_fetch_step step, sim_time at);
/* It waits: looks after it when its patience will be over (see moved_at). Once is enough. */
void virtual_fetch_watch(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch);
void virtual_forget(struct sim_virtual *v, uint32_t node); /* its kept connections end */
/* The copy goes: its fetch fails with SIM_ECANCELED. */
void virtual_fetches_drop_file(struct sim_virtual *v, uint32_t node, uint64_t file);

/* ---- fetch_text.c: what requests and answers say ---- */

/* Bytes of HTTP's request, or of a TFTP datagram's payload (RRQ). */
uint64_t virtual_text_request_bytes(const struct sim_virtual *v, const struct virtual_fetch *f);
/* Of the answer's header, or of a whole answer that says why not (their text too): code and total
 * are set. TFTP: payload of the ERROR or of the OACK, 0 when there is none. */
uint64_t virtual_text_head_bytes(const struct sim_virtual *v, const struct virtual_fetch *f);
bool virtual_text_has_options(
    const struct sim_server_setup *server); /* TFTP: an OACK comes first */
void virtual_text_reason(const struct sim_virtual *v, const struct virtual_fetch *f,
                         char out[SIM_WORLD_REASON_MAX]);
/* TFTP: how long after it was first sent something goes out for the `number`th time again (1: the
 * first repetition); how often it was sent in so much silence; when the receiver gives up. */
sim_duration virtual_text_try_at(const struct sim_server_setup *server, uint64_t number);
uint64_t virtual_text_tries(const struct sim_server_setup *server, sim_duration silence);
sim_duration virtual_text_patience(const struct sim_server_setup *server);

/* TLS 1.3 (RFC 8446, 2) as libcurl and the embedded server speak it, in bytes with the records'
 * headers, read off such a connection. A certificate with its chain adds 2 to 3 KB elsewhere. */
enum {
    VIRTUAL_TLS_HELLO = 517,      /* up: ClientHello */
    VIRTUAL_TLS_WELCOME = 800,    /* down: ServerHello to Finished */
    VIRTUAL_TLS_FINISHED = 80,    /* up, before the request */
    VIRTUAL_TLS_RECORD = 4096,    /* bytes of body in a record */
    VIRTUAL_TLS_RECORD_HEAD = 22, /* header 5, content type 1, tag 16 */
};
/* What records add to so many bytes. */
static inline uint64_t virtual_tls_records(uint64_t bytes)
{
    return (bytes + VIRTUAL_TLS_RECORD - 1) / VIRTUAL_TLS_RECORD * VIRTUAL_TLS_RECORD_HEAD;
}
/* A node without a request gives its kept connection back after so long: as sim/live. */
#define VIRTUAL_IDLE_LIMIT SIM_S

/* ---- A way to the server: three implementations ---- */

struct virtual_way {
    /* The request sets out; the connection kept is used when there is one. */
    void (*begin)(struct sim_virtual *v, uint64_t fetch);
    /* The server answers: head and `total` bytes of body (status 0), or an error answer. */
    void (*answer)(struct sim_virtual *v, uint64_t fetch);
    /* The fetch ends before its time (cancelled, stalled, failed): everything of it is dropped, its
     * connection too. */
    void (*drop)(struct sim_virtual *v, uint64_t fetch);
    /* Bytes of body at the node by now. */
    uint64_t (*received)(struct sim_virtual *v, uint64_t fetch);
    /* A step that fetch.c does not know, or leaves to the way. */
    void (*step)(struct sim_virtual *v, uint64_t fetch, enum virtual_fetch_step step);
    /* The node went down or gives its kept connection up. */
    void (*forget)(struct sim_virtual *v, uint32_t node);
};
const struct virtual_way *virtual_way_of(const struct sim_virtual *v,
                                         const struct virtual_fetch *f);
extern const struct virtual_way virtual_way_fluid, virtual_way_packet, virtual_way_tftp;

/* way_fluid.c */
int virtual_fluid_init(struct sim_virtual *v);    /* also at a restart; when the sites are there */
void virtual_fluid_deinit(struct sim_virtual *v); /* frees what init made; twice is fine */
void virtual_fluid_event(struct sim_virtual *v, const struct virtual_event *e);
void virtual_rate_event(struct sim_virtual *v, const struct virtual_event *e);
void virtual_fluid_set_wan(struct sim_virtual *v, uint32_t site, bool up);
void virtual_fluid_set_server(struct sim_virtual *v, bool up);
/* `bodies`: false for samples, of which see sim_virtual_line_stats(). */
void virtual_fluid_stats(struct sim_virtual *v, uint32_t site, bool bodies,
                         struct sim_site_stats *out);
/* passed.c: makes samples of a site's counters, which must be called at every sample of the run and
 * nowhere else. Fills wan_behind and its neighbours. */
void virtual_passed(struct sim_virtual *v, uint32_t site, struct sim_site_stats *stats);
/* way_packet.c */
int virtual_packet_init(struct sim_virtual *v);
void virtual_packet_deinit(struct sim_virtual *v);
void virtual_wan_event(struct sim_virtual *v, const struct virtual_event *e);
void virtual_packet_set_wan(struct sim_virtual *v, uint32_t site, bool up);
/* From virtual_set_server(), after `server.up` was set: a fall resets all connections; their
 * fetches fail by themselves when the reset has crossed the line. */
void virtual_packet_set_server(struct sim_virtual *v, bool up);
uint64_t virtual_packet_bytes(const struct sim_virtual *v); /* memory held, sim/wan's not counted */
void virtual_packet_stats(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out);
/* Takes the site's events out and sets its next alarm. Only from a turn of the world's own: it
 * tells what came of them. */
void virtual_wan_settle(struct sim_virtual *v, uint32_t site);
/* After a call into the machine from anywhere else: has it settled in a turn of its own, now. */
void virtual_wan_poke(struct sim_virtual *v, uint32_t site);
/* way_tftp.c: a datagram of a transfer came out of the line, or was lost. */
void virtual_tftp_event(struct sim_virtual *v, const struct virtual_event *e);
void virtual_tftp_datagram(struct sim_virtual *v, uint64_t user, bool arrived,
                           enum sim_wan_direction direction);

#endif /* SIM_VIRTUAL_INNER_H */
