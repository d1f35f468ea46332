/* tests/unit/sim_virtual/packet_rig.h -- phones that do nothing but fetch files from the server,
 * one after another, over packet lines, and a hand that breaks things at given instants. */
#ifndef TESTS_SIM_VIRTUAL_PACKET_RIG_H
#define TESTS_SIM_VIRTUAL_PACKET_RIG_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/virtual/inner.h"
#include "sim/virtual/way_packet.h"

enum { PHONES_MAX = 64, RESULTS_MAX = 16, DEEDS_MAX = 8, SITES_MAX = 4, PATHS_MAX = 8 };

struct outcome {
    int status, code;
    uint64_t bytes;
    sim_time at, first_byte;
    char reason[SIM_WORLD_REASON_MAX];
};

struct phone {
    struct sim_world *world;
    sim_node node;
    const char *paths[PATHS_MAX]; /* up to the first NULL */
    enum sim_protocol protocol;
    uint64_t notify_every;
    sim_duration pause; /* between files */
    sim_time start;
    bool is_small; /* no copy */
    bool again;    /* a fetch that failed goes on in the same copy */
    /* seen */
    size_t next;
    struct outcome results[RESULTS_MAX];
    size_t results_len;
    sim_fetch fetch;
    sim_file file;
    uint32_t progresses;
    uint64_t last_size;
};

struct deed {
    sim_time at;
    void (*act)(struct sim_world *w, void *what);
    void *what;
};

struct hand {
    struct sim_world *world;
    sim_node node;
    struct deed deeds[DEEDS_MAX]; /* up to the first at 0 */
    size_t next;
};

/* A world to be: fill, rig_run(), look, rig_deinit(). */
struct rig {
    struct sim_server_setup server;
    struct sim_site_setup sites[SITES_MAX];
    uint32_t sites_len;
    uint64_t seed;
    enum sim_virtual_network network;
    struct sim_fluid_setup fluid;
    struct phone phones[PHONES_MAX];
    uint32_t phones_len; /* all sites together; phone i is in site i % sites_len */
    struct hand hand;    /* the run does not end before its last deed */
    struct sim_catalog *catalog;
    struct sim_virtual *v;
};

static inline void fetch_next(struct phone *p)
{
    struct sim_fetch_request request = {
        .place = SIM_SERVER_WAN,
        .protocol = p->protocol,
        .is_firmware = true,
        .notify_every = p->notify_every,
    };

    if (p->next == PATHS_MAX || p->paths[p->next] == NULL) {
        sim_world_finished(p->world, p->node);
        return;
    }
    request.path = p->paths[p->next];
    if (!p->is_small && p->file == 0) {
        p->file = sim_world_file_new(p->world, p->node, request.path);
    }
    request.file = p->file;
    cr_assert_eq(sim_world_fetch(p->world, p->node, &request, &p->fetch), 0);
}

static inline void phone_wake(void *self, sim_time now)
{
    (void)now;
    fetch_next(self);
}

static inline void phone_progress(void *self, sim_time now, sim_fetch fetch, uint64_t size)
{
    struct phone *p = self;

    (void)now;
    cr_assert_eq(fetch, p->fetch);
    cr_assert_gt(size, p->last_size);
    cr_assert_eq(sim_world_file_size(p->world, p->file), size);
    p->last_size = size;
    p->progresses++;
}

static inline void phone_done(void *self, sim_time now, sim_fetch fetch,
                              const struct sim_fetch_result *result)
{
    struct phone *p = self;
    struct outcome *o = &p->results[p->results_len++];

    cr_assert_eq(fetch, p->fetch);
    cr_assert_leq(p->results_len, RESULTS_MAX);
    *o = (struct outcome){result->status, result->code, result->bytes, now, result->first_byte, ""};
    snprintf(o->reason, sizeof(o->reason), "%s", result->reason);
    p->fetch = 0;
    if (result->status == 0 || !p->again) {
        p->next++;
        p->file = 0;
        p->last_size = 0;
    }
    if (p->pause > 0) {
        sim_world_wake_at(p->world, p->node, now + p->pause);
    } else {
        fetch_next(p);
    }
}

static inline void hand_wake(void *self, sim_time now)
{
    struct hand *h = self;

    while (h->next < DEEDS_MAX && h->deeds[h->next].at <= now && h->deeds[h->next].at > 0) {
        const struct deed *d = &h->deeds[h->next++];

        if (d->act != NULL) {
            d->act(h->world, d->what);
        }
    }
    if (h->next == DEEDS_MAX || h->deeds[h->next].at == 0) {
        sim_world_finished(h->world, h->node);
    } else {
        sim_world_wake_at(h->world, h->node, h->deeds[h->next].at);
    }
}

static inline void never_datagram(void *self, sim_time now, const struct sim_datagram *datagram)
{
    (void)self;
    (void)now;
    (void)datagram;
}
static inline void never_opened(void *self, sim_time now, sim_stream stream, sim_addr peer,
                                bool dialed)
{
    (void)self;
    (void)now;
    (void)stream;
    (void)peer;
    (void)dialed;
}
static inline size_t never_input(void *self, sim_time now, sim_stream stream, const uint8_t *bytes,
                                 size_t len)
{
    (void)self;
    (void)now;
    (void)stream;
    (void)bytes;
    return len;
}
static inline void never_moved(void *self, sim_time now, sim_stream stream, uint64_t size)
{
    (void)self;
    (void)now;
    (void)stream;
    (void)size;
}
static inline void never_whole(void *self, sim_time now, sim_stream stream)
{
    (void)self;
    (void)now;
    (void)stream;
}
static inline void never_closed(void *self, sim_time now, sim_stream stream, int why)
{
    (void)self;
    (void)now;
    (void)stream;
    (void)why;
}
static inline void never_done(void *self, sim_time now, sim_fetch fetch,
                              const struct sim_fetch_result *result)
{
    (void)self;
    (void)now;
    (void)fetch;
    (void)result;
}

#define RIG_OPS(wake_op, progress_op, done_op)                                                     \
    {                                                                                              \
        .wake = (wake_op), .datagram = never_datagram, .stream_opened = never_opened,              \
        .stream_input = never_input, .body_progress = never_moved, .body_received = never_whole,   \
        .body_sent = never_whole, .stream_closed = never_closed, .fetch_progress = (progress_op),  \
        .fetch_done = (done_op)                                                                    \
    }

static const struct sim_node_ops phone_ops = RIG_OPS(phone_wake, phone_progress, phone_done);
static const struct sim_node_ops hand_ops = RIG_OPS(hand_wake, never_moved, never_done);

/* One site with a line of `bit_s` and `rtt`, `phones` phones that want nothing yet. */
static inline void rig_init(struct rig *r, uint64_t bit_s, sim_duration rtt, uint32_t packets,
                            uint32_t phones)
{
    *r = (struct rig){
        .seed = 1, .network = SIM_VIRTUAL_PACKET, .sites_len = 1, .phones_len = phones};
    r->server = (struct sim_server_setup){
        .keep_alive = true,
        .block_size = 512,
        .window = 1,
        .timeout = 4 * SIM_S,
        .retries = 6,
        .stall = 60 * SIM_S,
    };
    for (uint32_t i = 0; i < SITES_MAX; i++) {
        r->sites[i] = (struct sim_site_setup){
            .name = "site",
            .class_name = "site",
            .index = i,
            .base = 0x7f010000 + (i << 16),
            .bits = 16,
            .phones = phones,
            .wan = {.down_bit_s = bit_s,
                    .up_bit_s = bit_s,
                    .rtt = rtt,
                    .queue = {SIM_QUEUE_PACKETS, packets},
                    .framing = 2},
            .lan = {.latency = 50 * SIM_US},
        };
    }
    for (uint32_t i = 0; i < PHONES_MAX; i++) {
        r->phones[i].protocol = SIM_PROTOCOL_HTTP;
    }
    r->catalog = sim_catalog_new();
}

static inline void rig_file(struct rig *r, const char *name, uint64_t size)
{
    cr_assert_eq(sim_catalog_add_synthetic(r->catalog, name, true, size, 1), 0);
}

static inline struct sim_virtual_config rig_config(const struct rig *r)
{
    return (struct sim_virtual_config){
        .seed = r->seed,
        .network = r->network,
        .fluid = r->fluid,
        .sites = r->sites,
        .sites_len = r->sites_len,
        .nodes_max = r->phones_len + 1,
        .server = &r->server,
        .catalog = r->catalog,
        .limit = 100000 * SIM_S,
    };
}

static inline void rig_add_nodes(struct rig *r)
{
    struct sim_world *w = sim_virtual_world(r->v);

    for (uint32_t i = 0; i < r->phones_len; i++) {
        struct phone *p = &r->phones[i];
        uint32_t site = i % r->sites_len;

        p->world = w;
        p->node = sim_world_add_node(w, site, r->sites[site].base + 2 + i, i, &phone_ops, p);
        cr_assert_neq(p->node, SIM_NODE_NONE);
        sim_world_wake_at(w, p->node, p->start);
    }
    r->hand.world = w;
    r->hand.node = sim_world_add_node(w, 0, 0, 1000, &hand_ops, &r->hand);
    sim_world_wake_at(w, r->hand.node, 0);
}

static inline int rig_run(struct rig *r)
{
    if (r->v == NULL) {
        struct sim_virtual_config config = rig_config(r);

        cr_assert_eq(sim_virtual_new(&r->v, &config), 0);
        rig_add_nodes(r);
    }
    return sim_virtual_run(r->v);
}

static inline void rig_deinit(struct rig *r)
{
    sim_virtual_free(r->v);
    sim_catalog_free(r->catalog);
}

static inline struct sim_site_stats rig_stats(struct rig *r, uint32_t site)
{
    struct sim_site_stats stats;

    sim_virtual_site_stats(r->v, site, &stats);
    return stats;
}

static inline uint64_t rig_hash(const struct rig *r)
{
    struct sim_virtual_usage usage;

    sim_virtual_usage(r->v, &usage);
    return usage.trace_hash;
}

/* Things of a pool that live. */
static inline uint32_t pool_used(const struct virtual_pool *p)
{
    return p->len - p->free_len;
}

/* ---- What the hand can do ---- */

static inline void wan_down(struct sim_world *w, void *what)
{
    (void)what;
    sim_world_set_wan(w, 0, false);
}
static inline void wan_up(struct sim_world *w, void *what)
{
    (void)what;
    sim_world_set_wan(w, 0, true);
}
static inline void server_down(struct sim_world *w, void *what)
{
    (void)what;
    sim_world_set_server(w, false);
}
static inline void server_up(struct sim_world *w, void *what)
{
    (void)what;
    sim_world_set_server(w, true);
}
static inline void phone_down(struct sim_world *w, void *what)
{
    struct phone *p = what;

    sim_world_set_down(w, p->node, true, false);
    sim_world_finished(w, p->node);
}
static inline void phone_cancels(struct sim_world *w, void *what)
{
    struct phone *p = what;

    sim_world_fetch_cancel(w, p->fetch);
    p->fetch = 0;
    sim_world_finished(w, p->node);
}

#endif /* TESTS_SIM_VIRTUAL_PACKET_RIG_H */
