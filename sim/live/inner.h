/* sim/live/inner.h -- what the files of the live world share among themselves: its structs and
 * doors.
 *
 * Inside sim/live only. One live_world a loop; everything in it belongs to the loop's thread but
 * the registry of sealed contents (struct live_store) and the snapshots of figures, which have
 * locks. world.c: nodes, faults, the ops table. lan.c: datagrams. stream.c, stream_io.c:
 * streams. pacer.c: ports. store.c: copies and contents. world_fetch.c: requests. live.c:
 * threads, life, figures. */
#ifndef SIM_LIVE_INNER_H
#define SIM_LIVE_INNER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/live/fetch.h"
#include "sim/live/live.h"
#include "sim/live/loop.h"
#include "sim/live/relay.h"
#include "sim/rng.h"
#include "sim/world.h"

enum {
    LIVE_SCRATCH = 256 * 1024,   /* bytes read from a stream at once: fits a core's L2 cache */
    LIVE_INPUT_MAX = 4096,       /* bytes read at once while no body is expected */
    LIVE_QUEUE_MAX = 64 * 1024,  /* bytes of messages waiting on a stream (sim_world_stream_send) */
    LIVE_NODE_STREAMS_MAX = 64,  /* streams a node may have at once; far above any fan-out */
    LIVE_NODE_CHUNK = 1024,      /* nodes allocated together: their addresses never move */
    LIVE_NODE_CHUNKS_MAX = 4096, /* 4 M nodes a run; 127.0.0.0/8 has 16 M addresses */
    LIVE_VARIANTS_MAX = 16,      /* different contents of one name at a time in one loop */
    LIVE_RECEIVE_BUFFER =
        64 * 1024 * 1024,            /* asked for; the kernel gives rmem_max unless we are root */
    LIVE_DESCRIPTORS_RESERVED = 256, /* left for everything that is not a stream */
};

#define LIVE_DIAL_LIMIT (10 * SIM_S)       /* world.h: a dial ends within 10 s */
#define LIVE_CLOSE_LIMIT (10 * SIM_S)      /* world.h: what is queued has 10 s to go */
#define LIVE_IDLE_LIMIT SIM_S              /* a phone without a request gives its connection back */
#define LIVE_LATENCY_MIN (200 * SIM_US)    /* shorter ways are left to loopback itself */
#define LIVE_FILE_MAX (UINT64_C(1) << 32)  /* bytes of one copy; firmware is megabytes */
#define LIVE_SNAPSHOT_EVERY (100 * SIM_MS) /* age of another loop's figures at most */
#define LIVE_PACER_BEHIND_MAX (50 * SIM_MS) /* 5 % of a second: what a port may catch up */

struct live_world;
struct live_node;
struct live_stream;

/* ---- Small tools (tools.c) ---- */

/* Numbers with a generation for pointers; a stale number finds NULL. */
struct live_slot {
    void *what; /* NULL: free */
    uint32_t generation;
    uint32_t next_free; /* index + 1; 0: none */
};
struct live_handles {
    struct live_slot *slots;
    uint32_t cap;
    uint32_t first_free; /* index + 1 */
};
uint64_t live_handles_add(struct live_handles *h, void *what); /* 0 when out of memory */
void *live_handles_get(const struct live_handles *h, uint64_t handle);
void live_handles_remove(struct live_handles *h, uint64_t handle);
void live_handles_deinit(struct live_handles *h);

/* Something to do in a later turn of the loop: how a call avoids calling back. Embed it. */
struct live_soon {
    struct live_soon *next, *before;
    bool queued;
    void (*run)(struct live_soon *soon, sim_time now);
};

/* ---- Copies and contents (store.c) ---- */

/* Bytes, kept once: an anonymous file, mapped for reading. It only grows, and not any more once
 * sealed. */
struct live_blob {
    atomic_uint refs;
    int fd;
    uint8_t *map;
    uint64_t cap; /* bytes mapped */
    uint64_t len; /* bytes that are there */
    bool sealed;
    bool has_digest; /* `digest` is of all `len` bytes */
    struct sim_digest digest;
    struct sim_digest_run *run; /* of all `len` bytes; NULL once sealed */
    struct live_blob *registry_next;
};

/* A file's name within a loop, and the contents known under it. */
struct live_name {
    struct live_name *next;
    struct live_blob *variants[LIVE_VARIANTS_MAX]; /* sealed ones hold a reference, others do not */
    size_t variants_len;
    char text[];
};

/* The sealed contents of all loops together. */
struct live_store {
    pthread_mutex_t lock;
    struct live_blob *sealed;
};

/* A copy is the first `size` bytes of its blob: bytes that arrive are compared with what the
 * blob has and only stored when they are new, so 5,000 equal copies need one. */
struct live_file {
    uint64_t handle;
    struct live_node *node;
    struct live_file *next, *before; /* of the node */
    struct live_name *name;
    struct live_blob *blob; /* NULL while empty */
    uint64_t size;
    bool sealed;
};

void live_store_init(struct live_store *store);
void live_store_deinit(struct live_store *store);
struct live_file *live_file_get(struct live_world *w, sim_file file);
/* 0, SIM_ENOSPC, SIM_ENOMEM; `size` says how much went in. */
int live_file_append(struct live_file *f, const uint8_t *bytes, size_t len);
void live_file_drop(struct live_file *f); /* the copy alone; its users are gone */
void live_names_deinit(struct live_world *w);

sim_file live_file_new(struct sim_world *base, sim_node node, const char *name);
void live_file_free(struct sim_world *base, sim_file file);
uint64_t live_file_size(struct sim_world *base, sim_file file);
int live_file_digest(struct sim_world *base, sim_file file, struct sim_digest *out);
int live_file_seal(struct sim_world *base, sim_file file);
size_t live_file_read(struct sim_world *base, sim_file file, uint64_t offset, void *bytes,
                      size_t len);

/* ---- Ports (pacer.c) ---- */

/* The sending side of a node's port: its bodies take turns at lan.rate. */
struct live_port {
    struct live_timer timer;  /* first member */
    struct live_stream *ring; /* whose turn is next; circular; NULL: idle */
    sim_time free_at;         /* the port is busy until then */
    sim_time window_at;       /* a second under observation began */
    uint64_t window_bytes;    /* sent in it */
};

void live_port_init(struct live_port *port);
void live_port_add(struct live_node *node, struct live_stream *s);
void live_port_remove(struct live_node *node, struct live_stream *s);
/* The receiving side: notes `len` bytes; the instant until which reading should pause, or 0. */
sim_time live_port_received(struct live_node *node, sim_time now, uint64_t len);

/* ---- Streams (stream.c, stream_io.c) ---- */

enum live_stream_state {
    LIVE_STREAM_DIAL_WAIT, /* the way to the peer: lan.latency */
    LIVE_STREAM_DIALING,   /* connect() is under way */
    LIVE_STREAM_OPEN_WAIT, /* the way back */
    LIVE_STREAM_OPEN,
    LIVE_STREAM_TELLING, /* inside stream_closed: only the tag can be asked */
    LIVE_STREAM_CLOSING, /* the node has closed it: what is queued goes */
    LIVE_STREAM_LINGER,  /* all gone and said so: waits for the peer's end */
    LIVE_STREAM_DEAF,    /* the node is silently down: never moves again */
    LIVE_STREAM_DEAD,    /* memory goes in a later turn */
};

struct live_message {
    struct live_message *next;
    sim_time ready_at; /* lan.latency: not on the way before */
    bool is_body;      /* the stream's body goes here; no bytes */
    uint32_t len, sent;
    uint8_t bytes[];
};

struct live_stream {
    struct live_watch watch; /* first member */
    struct live_soon soon;
    struct live_timer timer; /* the earliest of limit_at, out_at, in_at */
    struct live_world *world;
    struct live_node *node;
    struct live_stream *next, *before; /* of the node */
    uint64_t handle;
    uint64_t tag;
    sim_addr peer;
    enum live_stream_state state;
    bool dialed;
    bool frozen;     /* partition, or the peer is silently down: neither reads nor writes */
    bool peer_gone;  /* frozen for ever */
    bool blocked;    /* the socket takes no more: wait until it does */
    bool body_empty; /* a body of no bytes waits to be told */
    bool telling;    /* inside stream_input */
    bool reset;      /* the peer must see a reset */
    bool in_port;    /* in the port's ring */
    int why;         /* to be told soon; 0: nothing */
    sim_time limit_at, out_at, in_at;
    struct live_stream *ring_next, *ring_before;

    uint8_t *held; /* bytes that the node has not consumed */
    size_t held_len;
    struct live_file *in_file; /* body coming in; NULL: none */
    uint64_t in_left, in_notify_every, in_notify_left;

    struct live_message *out, *out_last;
    size_t out_len;             /* bytes of messages waiting */
    struct live_file *out_file; /* body queued or going out; NULL: none */
    uint64_t out_offset, out_left;
    uint64_t out_flip; /* offset of the byte to corrupt; UINT64_MAX: none */
};

/* ---- stream.c ---- */
/* Everything waiting on the peer's listener. */
void live_stream_accept(struct live_world *w);
/* Ends a stream with a reset, or makes it deaf, telling nobody: its node is down. */
void live_stream_abandon(struct live_stream *s, bool silent);
/* From a call: the node is told `why` in a later turn. */
void live_stream_fail_soon(struct live_stream *s, int why);
/* Frozen or not, by the groups and states of both ends. */
void live_stream_refreeze(struct live_stream *s);
/* Asks libuv and the timer for what the state waits for. To be called after every change. */
void live_stream_update(struct live_stream *s);
/* In the world's turn only: tells the node and ends. */
void live_stream_tell_closed(struct live_stream *s, int why);
/* Closes the descriptor and frees in a later turn. */
void live_stream_end(struct live_stream *s);

/* ---- stream_io.c ---- */
/* Sends what may go; a body that is not paced only in the world's turn. */
void live_stream_flush(struct live_stream *s, bool in_call);
/* Sends at most `max` bytes of the body, which is at the head, and tells body_sent behind its
 * last. Returns the bytes sent; fewer when the socket is full. In the world's turn only. */
uint64_t live_stream_pump(struct live_stream *s, uint64_t max);
void live_stream_readable(struct live_stream *s, sim_time now);
/* The node has closed: what comes is thrown away, the peer's end ends it. */
void live_stream_discard(struct live_stream *s);
/* A body of no bytes is told, then what was held back behind it. */
void live_stream_tell_empty(struct live_stream *s, sim_time now);

/* ---- For the seam ---- */
int live_stream_dial(struct sim_world *base, sim_node node, sim_addr to, sim_stream *out);
int live_stream_send(struct sim_world *base, sim_stream s, const void *bytes, size_t len);
int live_stream_send_body(struct sim_world *base, sim_stream s, sim_file file, uint64_t offset,
                          uint64_t len);
int live_stream_receive_body(struct sim_world *base, sim_stream s, sim_file file, uint64_t len,
                             uint64_t notify_every);
void live_stream_close(struct sim_world *base, sim_stream s);
void live_stream_set_tag(struct sim_world *base, sim_stream s, uint64_t tag);
uint64_t live_stream_tag(struct sim_world *base, sim_stream s);

/* ---- Requests (world_fetch.c) ---- */

struct live_request;
int live_request_start(struct sim_world *base, sim_node node,
                       const struct sim_fetch_request *request, sim_fetch *out);
void live_request_cancel(struct sim_world *base, sim_fetch fetch);
/* All of a node that is down. */
void live_request_cancel_all(struct live_node *node);
/* Those that write into a copy that goes. */
void live_request_lose_file(struct live_node *node, struct live_file *f);
/* Closes the node's kept connection to the server: it is idle, or down. */
void live_request_forget(struct live_node *node);
void live_request_idle_fire(struct live_timer *timer, sim_time now);
/* Those of a site without a line, when the server goes down. */
void live_request_reset_direct(struct live_world *w);

/* ---- Nodes and sites ---- */

struct live_node {
    struct live_timer alarm; /* first member */
    struct live_port port;
    struct live_timer idle; /* its kept connection to the server closes */
    struct live_world *world;
    struct live_site *site;
    const struct sim_node_ops *ops;
    void *self;
    struct sim_rng rng;
    sim_node number;
    sim_addr addr; /* 0: no network */
    uint32_t group;
    uint32_t streams_len;
    bool listening, down, silent, corrupt, finished;
    sim_time in_free_at; /* the receiving side of its port is busy until then */
    struct live_stream *streams;
    struct live_file *files;
    struct live_request *requests;
};

/* Datagrams on their way: a line of them per site. */
struct live_fifo {
    uint8_t *bytes;
    size_t cap, head, tail;
};

struct live_site {
    const struct sim_site_setup *setup;
    uint32_t index;
    struct live_world *world;
    struct live_node **nodes;
    size_t nodes_len, nodes_cap;
    struct sim_rng lan_rng;
    sim_duration delay; /* phone to phone; 0: left to loopback */
    sim_addr broadcast; /* where its broadcasts are sent */
    struct live_fifo fifo;
    struct live_timer fifo_timer;
    struct live_relay *relay; /* NULL: no line */
    struct live_relay
        *load_relay; /* the port of the site's load server; NULL: none, or not paced */
    struct sim_site_setup load_setup; /* its "line": lan.rate, two ports' latency each way */
    struct sim_site_stats stats;
    uint64_t second, second_bytes; /* a line that is none: bytes in this second, for the peak */
    pthread_mutex_t snapshot_lock;
    struct sim_site_stats snapshot;
};

struct live_datagrams; /* buffers of recvmmsg (lan.c) */

struct live_world {
    struct sim_world base; /* first member */
    struct sim_live *live;
    unsigned lane;
    struct live_loop *loop;
    struct live_handles streams, requests, files;
    size_t streams_len, streams_max;
    struct live_name **names; /* hash table */
    size_t names_cap, names_len;
    uint32_t *by_addr; /* hash table of node numbers + 1 */
    size_t by_addr_cap, by_addr_len;
    struct live_site **by_base; /* this loop's sites by first address */
    size_t by_base_len;
    struct live_watch udp, tcp;
    int spare_fd; /* given up to accept, and refuse, when there are no descriptors left */
    struct live_datagrams *datagrams;
    uint32_t receive_drops; /* SO_RXQ_OVFL */
    uint64_t line_drops;    /* no room in a site's line */
    struct live_http *http;
    struct live_tftp *tftp;
    uv_check_t soon_check;
    uv_idle_t soon_idle;
    struct live_soon soon; /* list head */
    struct live_timer snapshot_timer;
    double pacer_worst;
    uint64_t events; /* notices given to nodes */
    bool server_down;
    bool closing;
    uint8_t *scratch; /* LIVE_SCRATCH + what a node may hold back */
};

struct sim_live {
    struct sim_live_config config;
    struct live_world *worlds[SIM_LIVE_THREADS_MAX];
    struct live_site *sites;
    size_t sites_len;
    struct live_store store;
    pthread_mutex_t nodes_lock;
    _Atomic(struct live_node *) chunks[LIVE_NODE_CHUNKS_MAX];
    atomic_uint nodes_len, nodes_finished;
    atomic_int result;
    atomic_bool running;
    struct live_timer limit_timer, tick_timer;
    char *credentials;         /* never printed */
    uint64_t descriptors_peak; /* sampled on loop 0 */
    bool lag_summed;           /* into loop 0, after the run */
};

/* The first to say why the run ends is believed. Safe in a signal handler. */
void live_end_run(struct sim_live *live, int result);

static inline struct live_world *live_world_of(struct sim_world *base)
{
    return (struct live_world *)base;
}

/* The node of a number; asserts that it lives in `w`. */
struct live_node *live_node_get(struct live_world *w, sim_node node);
/* The site of a number, which count from config.first_site. */
struct live_site *live_site_get(const struct sim_live *live, uint32_t site);
struct live_node *live_node_at(struct live_world *w, sim_addr addr); /* NULL: nobody of this loop */
struct live_site *live_site_at(struct live_world *w, sim_addr addr); /* of this loop; NULL */
bool live_site_contains(const struct live_site *site, sim_addr addr);
bool live_run_has_site_at(const struct sim_live *live, sim_addr addr); /* of any loop */
void live_soon_add(struct live_world *w, struct live_soon *soon);
void live_soon_remove(struct live_soon *soon);
void live_world_soon_start(struct live_world *w);
void live_world_soon_close(struct live_world *w);
void live_world_set_ops(struct live_world *w);
/* The current figures of a site, on its own loop or when nothing runs. */
void live_site_figures(struct live_site *site, struct sim_site_stats *out);
/* Counts bytes of packets, headers too, that came over a line that is none. */
void live_site_note_direct(struct live_site *site, sim_time now, uint64_t bytes);

/* ---- Datagrams (lan.c) ---- */

int live_lan_open(struct live_world *w, char why[SIM_LIVE_TEXT_MAX]);
/* Deals connections and datagrams to the loops by their destination. After all have been opened. */
int live_lan_steer(struct sim_live *live, char why[SIM_LIVE_TEXT_MAX]);
void live_lan_close(struct live_world *w);
void live_lan_fifo_fire(struct live_timer *timer, sim_time now);
int live_lan_send(struct sim_world *base, sim_node node, sim_addr to, const void *bytes,
                  size_t len);
int live_lan_broadcast(struct sim_world *base, sim_node node, const void *bytes, size_t len);

/* ---- Who has the port (owner.c) ---- */

enum { LIVE_OWNER_MAX = 96 };
/* Binds the port alone for a moment. 0, SIM_EADDRINUSE with the owner's name in `why`, or
 * another SIM_E*. */
int live_owner_probe(uint16_t port, char why[SIM_LIVE_TEXT_MAX]);
/* One line of /proc/net/{tcp,udp}[6]: true when it is of that port (TCP: listening), with its
 * inode. */
bool live_owner_parse(const char *line, bool tcp, uint16_t port, uint64_t *inode);

#endif /* SIM_LIVE_INNER_H */
