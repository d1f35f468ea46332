/* sim/tap/inner.h -- what the files of the tap share. Nobody else includes it (its tests may).
 *
 *   world.c   the world around a world: calls go in, notices come out; nodes, datagrams
 *   stream.c  streams between phones become TCP connections
 *   fetch.c   requests to the server: when, how fast, over which connection
 *   wire.c    what sockets tell of requests to the server, where there are sockets
 *   draw.c    what a request and its answer look like: HTTP, TLS, TFTP
 *   tcp.c     a TCP connection: numbers, flags, segments
 *   map.c     handles to things */
#ifndef SIM_TAP_INNER_H
#define SIM_TAP_INNER_H

#include "sim/tap/world.h"

enum {
    TAP_SEGMENT = 44 * 1448, /* bytes of a body in one packet: with offload, up to 64 KiB */
    TAP_PORT_FIRST = 49152,  /* of a phone's own ports (RFC 6335) */
    TAP_PORTS = 16384,
    TAP_TID_FIRST = 32768, /* of a TFTP server's transfers (RFC 1350, 4) */
    TAP_TIDS = 16384,
    TAP_SAMPLES_MAX = 128,     /* of a fetch's progress; thinned out when there are more */
    TAP_PROGRESS = 128 * 1024, /* bytes between two notices that the tap asks for */
};
/* A connection to the server without a request is closed after so long, as in sim/live. */
#define TAP_IDLE_LIMIT SIM_S

/* ---- map.c: numbers (not 0) to things ---- */

struct tap_map { /* zero it before first use */
    struct tap_slot {
        uint64_t key;
        void *value;
    } * slots;
    size_t len, cap; /* cap: a power of two */
};
void tap_map_deinit(struct tap_map *m);
bool tap_map_put(struct tap_map *m, uint64_t key, void *value); /* false: out of memory */
void *tap_map_get(const struct tap_map *m, uint64_t key);       /* NULL: none */
void tap_map_remove(struct tap_map *m, uint64_t key);           /* none is fine */

/* ---- tcp.c ---- */

struct tap_end {
    sim_node node;
    sim_addr addr;
    uint16_t port;
    bool fin;
    uint32_t seq; /* of its next byte */
    uint32_t stamp;
};

struct tap_tcp {
    uint32_t site;
    bool over;              /* nothing is seen of it any more */
    sim_time last;          /* of its latest packet: none comes before */
    struct tap_end ends[2]; /* 0: who opened it */
};

struct tap_body {
    const struct sim_content *content; /* NULL: `bytes` */
    const uint8_t *bytes;              /* NULL too: zeros */
    uint64_t offset;                   /* of the body's first byte in it */
};

void tap_tcp_init(struct tap_tcp *c, uint32_t site, sim_time at);
/* `len` bytes, of which the first are known. */
void tap_tcp_send(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at,
                  uint8_t flags, const uint8_t *bytes, size_t bytes_len, size_t len);
/* Bytes from..to of a body, evenly from instant `since` to `until`, each segment acknowledged.
 * `body` NULL: none of them is kept. */
void tap_tcp_body(struct sim_tap_world *t, struct tap_tcp *c, unsigned side,
                  const struct tap_body *body, uint64_t from, uint64_t to, sim_time since,
                  sim_time until);
void tap_tcp_open(struct sim_tap_world *t, struct tap_tcp *c, sim_time at); /* SYN-ACK, ACK */
void tap_tcp_fin(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at);
void tap_tcp_reset(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at);
/* The first bytes of a body from `offset` on; returns how many. */
size_t tap_body_read(const struct tap_body *body, uint64_t offset, uint64_t len,
                     uint8_t out[SIM_TAP_BODY_BYTES]);

/* ---- world.c ---- */

struct tap_http;
struct tap_node {
    struct sim_tap_world *tap;
    const struct sim_node_ops *ops;
    void *self;
    sim_node number;
    uint32_t site; /* of the run */
    sim_addr addr;
    uint16_t ports;         /* handed out so far */
    struct tap_http *https; /* connections to the server */
};

struct tap_stream;
struct tap_fetch;
struct tap_wire;
struct sim_tap_world {
    struct sim_world base; /* first */
    struct sim_tap_config config;
    struct sim_world *inner;
    struct tap_node **nodes; /* by number - first_node; NULL: not here */
    uint32_t nodes_cap;
    sim_node first_node; /* SIM_NODE_NONE: none so far */
    struct tap_map by_addr, streams, fetches, wires;
    struct tap_map files; /* copies to the content of their names */
    struct tap_stream *all_streams;
    struct tap_fetch *all_fetches;
    struct tap_wire *all_wires;
    bool failed;
};

static inline struct sim_tap_world *tap_of(struct sim_world *w)
{
    return (struct sim_tap_world *)w;
}
struct tap_node *tap_node_of(const struct sim_tap_world *t, sim_node node); /* NULL */
static inline const struct sim_site_setup *tap_site(const struct sim_tap_world *t, uint32_t site)
{
    return &t->config.sites[site - t->config.first_site];
}
uint16_t tap_port(struct tap_node *n);
static inline sim_node tap_number(const struct sim_tap_world *t, sim_node node)
{
    return node != SIM_NODE_NONE ? node + t->config.node_offset : node;
}
static inline void tap_write(struct sim_tap_world *t, struct sim_packet *packet)
{
    packet->from_node = tap_number(t, packet->from_node);
    packet->to_node = tap_number(t, packet->to_node);
    t->config.tap.write(t->config.tap.context, t->config.lane, packet);
}
void tap_datagram(struct sim_tap_world *t, const struct tap_node *n, sim_time at, bool up,
                  sim_addr other, sim_node other_node, uint16_t port, uint16_t other_port,
                  const uint8_t *bytes, size_t bytes_len, size_t len);

/* ---- stream.c ---- */

int tap_dial(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out);
int tap_stream_send(struct sim_world *w, sim_stream s, const void *bytes, size_t len);
int tap_stream_send_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t offset,
                         uint64_t len);
int tap_receive_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t len,
                     uint64_t notify_every);
void tap_stream_close(struct sim_world *w, sim_stream s);
void tap_stream_opened(void *self, sim_time now, sim_stream stream, sim_addr peer, bool dialed);
void tap_body_progress(void *self, sim_time now, sim_stream stream, uint64_t size);
void tap_body_received(void *self, sim_time now, sim_stream stream);
void tap_body_sent(void *self, sim_time now, sim_stream stream);
void tap_stream_closed(void *self, sim_time now, sim_stream stream, int why);
void tap_streams_down(struct sim_tap_world *t, sim_node node, bool silent);
void tap_streams_sample(struct sim_tap_world *t, sim_time now);
void tap_streams_free(struct sim_tap_world *t);

/* ---- fetch.c ---- */

struct tap_http { /* a connection to the server */
    struct tap_http *next;
    struct tap_tcp tcp;
    uint8_t place, protocol;
    bool busy;
    bool fresh; /* its SYN was not seen yet */
};

struct tap_fetch {
    struct tap_fetch *next, *before;
    struct tap_node *node;
    sim_fetch handle;
    uint8_t place, protocol;
    struct tap_http *http;
    sim_file file;
    uint64_t size;   /* of the copy when it began */
    uint64_t offset; /* what was asked for begins there */
    uint64_t total;  /* bytes that the answer promises; 0: not known */
    struct tap_body body;
    sim_time began;
    size_t samples_len;
    struct tap_sample {
        sim_time at;
        uint64_t bytes; /* of body that had come */
    } samples[TAP_SAMPLES_MAX + 1];
    char path[];
};

int tap_fetch(struct sim_world *w, sim_node node, const struct sim_fetch_request *request,
              sim_fetch *out);
void tap_fetch_cancel(struct sim_world *w, sim_fetch fetch);
void tap_fetch_progress(void *self, sim_time now, sim_fetch fetch, uint64_t size);
void tap_fetch_done(void *self, sim_time now, sim_fetch fetch,
                    const struct sim_fetch_result *result);
void tap_fetches_down(struct sim_tap_world *t, struct tap_node *n, sim_time now, bool silent);
void tap_fetches_sample(struct sim_tap_world *t, sim_time now);
void tap_fetches_end(struct sim_tap_world *t, sim_time now);
void tap_https_free(struct sim_tap_world *t, struct tap_node *n, sim_time now, bool closes);

/* ---- wire.c ---- */

void tap_wires_down(struct sim_tap_world *t, const struct tap_node *n); /* its power went */
void tap_wires_end(struct sim_tap_world *t);                            /* what is kept is shown */
void tap_wires_free(struct sim_tap_world *t);

/* ---- draw.c ---- */

/* How it ended. `first`: instant of the first byte, SIM_NEVER. */
struct tap_outcome {
    int status, code;
    sim_time first, now;
};
void tap_draw_http(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o);
void tap_draw_tftp(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o);
/* The server's address and port, as this fetch knows them. */
sim_addr tap_server_at(const struct sim_tap_world *t, uint32_t site, enum sim_server_place place);
sim_addr tap_server_of(const struct sim_tap_world *t, const struct tap_fetch *f, uint16_t *port);
sim_duration tap_round_trip(const struct sim_tap_world *t, const struct tap_fetch *f);

#endif /* SIM_TAP_INNER_H */
