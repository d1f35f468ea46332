/* tests/live/bed.h -- a live run of small scripted nodes, for tests: sites without lines, free
 * ports.
 *
 * Header only. Each node is a `struct bed_node` whose notices go to hooks that a test may set;
 * what is not hooked is counted and otherwise ignored. */
#ifndef TESTS_LIVE_BED_H
#define TESTS_LIVE_BED_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/live.h"
#include "tests/peer_port.h"

enum { BED_SITES = 4, BED_NODES = 256, BED_TEXT = 4096 };

struct bed;

struct bed_node {
    struct bed *bed;
    struct sim_world *world;
    sim_node node;
    sim_addr addr;
    unsigned number;
    /* hooks; NULL: only counted */
    void (*wake)(struct bed_node *n, sim_time now);
    void (*datagram)(struct bed_node *n, sim_time now, const struct sim_datagram *d);
    void (*opened)(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer, bool dialed);
    size_t (*input)(struct bed_node *n, sim_time now, sim_stream s, const uint8_t *bytes,
                    size_t len);
    void (*progress)(struct bed_node *n, sim_time now, sim_stream s, uint64_t size);
    void (*received)(struct bed_node *n, sim_time now, sim_stream s);
    void (*sent)(struct bed_node *n, sim_time now, sim_stream s);
    void (*closed)(struct bed_node *n, sim_time now, sim_stream s, int why);
    void (*fetch_progress)(struct bed_node *n, sim_time now, sim_fetch f, uint64_t size);
    void (*fetched)(struct bed_node *n, sim_time now, sim_fetch f,
                    const struct sim_fetch_result *result);
    /* what a test may keep */
    unsigned wakes, datagrams, broadcasts, openings, closings, bodies, sents, progresses, fetches;
    int why;
    sim_stream stream, dialed;
    sim_fetch fetch;
    sim_file file;
    uint64_t number64;
    sim_time at;
    char text[BED_TEXT];
    size_t text_len;
};

struct bed {
    struct sim_site_setup sites[BED_SITES];
    struct sim_server_setup server;
    struct sim_live_config config;
    struct sim_live *live;
    struct bed_node nodes[BED_NODES];
    unsigned nodes_len;
    unsigned wanted; /* bed_end_after() */
    sim_duration grace;
};

static inline void bed_wake(void *self, sim_time now)
{
    struct bed_node *n = self;

    n->wakes++;
    if (n->wake != NULL) {
        n->wake(n, now);
    }
}

static inline void bed_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    struct bed_node *n = self;

    n->datagrams++;
    n->broadcasts += d->broadcast;
    if (n->datagram != NULL) {
        n->datagram(n, now, d);
    }
}

static inline void bed_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    struct bed_node *n = self;

    n->openings++;
    n->stream = s;
    if (n->opened != NULL) {
        n->opened(n, now, s, peer, dialed);
    }
}

static inline size_t bed_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes,
                               size_t len)
{
    struct bed_node *n = self;

    if (n->input != NULL) {
        return n->input(n, now, s, bytes, len);
    }
    size_t room = BED_TEXT - 1 - n->text_len, take = len < room ? len : room;
    memcpy(n->text + n->text_len, bytes, take);
    n->text_len += take;
    return len;
}

static inline void bed_progress(void *self, sim_time now, sim_stream s, uint64_t size)
{
    struct bed_node *n = self;

    n->progresses++;
    if (n->progress != NULL) {
        n->progress(n, now, s, size);
    }
}

static inline void bed_received(void *self, sim_time now, sim_stream s)
{
    struct bed_node *n = self;

    n->bodies++;
    if (n->received != NULL) {
        n->received(n, now, s);
    }
}

static inline void bed_sent(void *self, sim_time now, sim_stream s)
{
    struct bed_node *n = self;

    n->sents++;
    if (n->sent != NULL) {
        n->sent(n, now, s);
    }
}

static inline void bed_closed(void *self, sim_time now, sim_stream s, int why)
{
    struct bed_node *n = self;

    n->closings++;
    n->why = why;
    if (n->closed != NULL) {
        n->closed(n, now, s, why);
    }
}

static inline void bed_fetch_progress(void *self, sim_time now, sim_fetch f, uint64_t size)
{
    struct bed_node *n = self;

    n->progresses++;
    if (n->fetch_progress != NULL) {
        n->fetch_progress(n, now, f, size);
    }
}

static inline void bed_fetch_done(void *self, sim_time now, sim_fetch f,
                                  const struct sim_fetch_result *result)
{
    struct bed_node *n = self;

    n->fetches++;
    n->why = result->status;
    if (n->fetched != NULL) {
        n->fetched(n, now, f, result);
    }
}

static const struct sim_node_ops bed_ops = {
    .wake = bed_wake,
    .datagram = bed_datagram,
    .stream_opened = bed_opened,
    .stream_input = bed_input,
    .body_progress = bed_progress,
    .body_received = bed_received,
    .body_sent = bed_sent,
    .stream_closed = bed_closed,
    .fetch_progress = bed_fetch_progress,
    .fetch_done = bed_fetch_done,
};

/* Sites 127.N1.0.0/24 and so on without a line, ports not paced, 5 s at most. Change what you
 * need, then open. */
static inline void bed_init(struct bed *b, size_t sites)
{
    static const char *const names[BED_SITES] = {"a", "b", "c", "d"};

    memset(b, 0, sizeof(*b));
    for (size_t i = 0; i < sites; i++) {
        b->sites[i] = (struct sim_site_setup){
            .name = names[i],
            .class_name = names[i],
            .index = (uint32_t)i,
            .base = 0x7F500000 + (sim_addr)(i << 8),
            .bits = 24,
            .phones = 10,
            .wan = {.none = true},
        };
    }
    b->server = (struct sim_server_setup){.block_size = 512,
                                          .window = 1,
                                          .timeout = SIM_S,
                                          .retries = 3,
                                          .stall = 5 * SIM_S,
                                          .keep_alive = true};
    b->config = (struct sim_live_config){
        .seed = 1,
        .threads = 1,
        .peer_port = test_peer_port(),
        .sites = b->sites,
        .sites_len = sites,
        .server = &b->server,
        .user_agent = "pfsim-test",
        .limit = 60 * SIM_S,
    };
}

static inline void bed_open(struct bed *b)
{
    char why[SIM_LIVE_TEXT_MAX];
    int rc = sim_live_new(&b->live, &b->config, why);

    cr_assert_eq(rc, 0, "%s", why);
}

/* Node number `host` of a site, listening. */
static inline struct bed_node *bed_add(struct bed *b, uint32_t site, unsigned host)
{
    struct bed_node *n = &b->nodes[b->nodes_len];

    cr_assert_lt(b->nodes_len, BED_NODES);
    n->bed = b;
    n->number = b->nodes_len++;
    n->world = sim_live_world(b->live, site);
    n->addr = host == 0 ? 0 : b->sites[site].base + host;
    n->node = sim_world_add_node(n->world, site, n->addr, n->number, &bed_ops, n);
    cr_assert_neq(n->node, SIM_NODE_NONE);
    if (host != 0) {
        cr_assert_eq(sim_world_listen(n->world, n->node, true), 0);
    }
    return n;
}

static inline void bed_finish_all(struct bed *b)
{
    for (unsigned i = 0; i < b->nodes_len; i++) {
        sim_world_finished(b->nodes[i].world, b->nodes[i].node);
    }
}

/* Of all nodes; other loops may count on meanwhile. */
static inline unsigned bed_heard(struct bed *b)
{
    unsigned sum = 0;

    for (unsigned i = 0; i < b->nodes_len; i++) {
        sum += __atomic_load_n(&b->nodes[i].datagrams, __ATOMIC_RELAXED) +
               __atomic_load_n(&b->nodes[i].openings, __ATOMIC_RELAXED);
    }
    return sum;
}

static inline void bed_look(struct bed_node *n, sim_time now)
{
    bool all = bed_heard(n->bed) >= n->bed->wanted;

    if (all && n->at != 0) {
        bed_finish_all(n->bed);
        return;
    }
    n->at = all ? now : 0;
    sim_world_wake_at(n->world, n->node, now + n->bed->grace);
}

/* Adds a node that ends the run when all nodes together have had `wanted` datagrams and openings,
 * however busy the machine is, and `grace` more has passed, in which what must not come would. */
static inline void bed_end_after(struct bed *b, unsigned wanted, sim_duration grace)
{
    struct bed_node *n = bed_add(b, 0, 0);

    b->wanted = wanted;
    b->grace = grace;
    n->wake = bed_look;
    sim_world_wake_at(n->world, n->node, grace);
}

/* Runs to the end, which must come by itself. */
static inline void bed_run(struct bed *b)
{
    int rc = sim_live_run(b->live);

    cr_assert_eq(rc, 0, "the run ended with %d", rc);
}

static inline void bed_close(struct bed *b)
{
    sim_live_free(b->live);
    b->live = NULL;
}

static inline struct sim_site_stats bed_stats(struct bed *b, uint32_t site)
{
    struct sim_site_stats stats;

    sim_live_site_stats(b->live, site, &stats);
    return stats;
}

#endif /* TESTS_LIVE_BED_H */
