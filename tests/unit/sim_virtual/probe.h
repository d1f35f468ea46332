/* tests/unit/sim_virtual/probe.h -- nodes that note what they are told and when, in a world of two
 * sites, for the tests of the virtual world's core. */
#ifndef TESTS_SIM_VIRTUAL_PROBE_H
#define TESTS_SIM_VIRTUAL_PROBE_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/virtual/virtual.h"

enum { HEARD_MAX = 4096, PROBES_MAX = 64 };

#define LATENCY (50 * SIM_US)
#define HOP (2 * LATENCY) /* both ports */

struct probe;
typedef void (*probe_script)(struct probe *p, sim_time now, const struct sim_datagram *d);

struct heard {
    sim_time at;
    sim_addr from;
    bool broadcast;
    size_t len;
    uint8_t first;
};

struct probe {
    struct sim_world *world;
    sim_node node;
    sim_addr addr;
    sim_time woken[HEARD_MAX];
    size_t woken_len;
    struct heard heard[HEARD_MAX];
    size_t heard_len;
    probe_script on_wake, on_datagram;
    struct probe *other; /* the scripts' */
    uint64_t number;
};

static struct probe probes[PROBES_MAX];
static uint32_t order[HEARD_MAX]; /* numbers of the probes that were told something */
static size_t order_len;

static inline void on_wake(void *self, sim_time now)
{
    struct probe *p = self;

    cr_assert(sim_world_now(p->world) == now);
    p->woken[p->woken_len++ % HEARD_MAX] = now;
    order[order_len++ % HEARD_MAX] = (uint32_t)(p - probes);
    if (p->on_wake != NULL) {
        p->on_wake(p, now, NULL);
    }
}

static inline void on_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    struct probe *p = self;

    p->heard[p->heard_len++ % HEARD_MAX] =
        (struct heard){now, d->from, d->broadcast, d->len, d->len > 0 ? d->bytes[0] : 0};
    order[order_len++ % HEARD_MAX] = (uint32_t)(p - probes);
    if (p->on_datagram != NULL) {
        p->on_datagram(p, now, d);
    }
}

static inline void no_stream_opened(void *self, sim_time now, sim_stream s, sim_addr peer,
                                    bool dialed)
{
    (void)self;
    (void)now;
    (void)s;
    (void)peer;
    (void)dialed;
}
static inline size_t no_stream_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes,
                                     size_t len)
{
    (void)self;
    (void)now;
    (void)s;
    (void)bytes;
    return len;
}
static inline void no_progress(void *self, sim_time now, uint64_t handle, uint64_t size)
{
    (void)self;
    (void)now;
    (void)handle;
    (void)size;
}
static inline void no_body(void *self, sim_time now, sim_stream s)
{
    (void)self;
    (void)now;
    (void)s;
}
static inline void no_stream_closed(void *self, sim_time now, sim_stream s, int why)
{
    (void)self;
    (void)now;
    (void)s;
    (void)why;
}
static inline void no_fetch_done(void *self, sim_time now, sim_fetch f,
                                 const struct sim_fetch_result *r)
{
    (void)self;
    (void)now;
    (void)f;
    (void)r;
}

static const struct sim_node_ops ops = {
    .wake = on_wake,
    .datagram = on_datagram,
    .stream_opened = no_stream_opened,
    .stream_input = no_stream_input,
    .body_progress = no_progress,
    .body_received = no_body,
    .body_sent = no_body,
    .stream_closed = no_stream_closed,
    .fetch_progress = no_progress,
    .fetch_done = no_fetch_done,
};

/* ---- The world ---- */

static struct sim_site_setup sites[2];
static struct sim_server_setup server;
static struct sim_catalog *catalog;

static inline struct sim_virtual_config config_of(uint64_t seed)
{
    for (uint32_t i = 0; i < 2; i++) {
        sites[i] = (struct sim_site_setup){
            .name = "site",
            .class_name = "site",
            .index = i,
            .base = 0x7F010000u + (i << 16),
            .bits = 16,
            .phones = PROBES_MAX,
            .wan = {.down_bit_s = 1536000,
                    .up_bit_s = 1536000,
                    .rtt = 150 * SIM_MS,
                    .queue = {SIM_QUEUE_PACKETS, 100}},
            .lan = {.rate_bit_s = 100000000, .latency = LATENCY},
        };
    }
    server = (struct sim_server_setup){.keep_alive = true, .block_size = 512, .window = 1};
    return (struct sim_virtual_config){
        .seed = seed,
        .sites = sites,
        .sites_len = 2,
        .nodes_max = 8,
        .server = &server,
        .catalog = catalog,
        .limit = SIM_NEVER,
    };
}

/* Adds `count` listening probes to the first site (its addresses end in .2, .3, ...). */
static inline void populate(struct sim_virtual *v, uint32_t first_site, uint32_t count)
{
    memset(probes, 0, sizeof(probes));
    order_len = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct probe *p = &probes[i];

        p->world = sim_virtual_world(v);
        p->addr = sites[0].base + 2 + i;
        p->node = sim_world_add_node(p->world, first_site, p->addr, i, &ops, p);
        cr_assert(p->node != SIM_NODE_NONE);
        cr_assert(sim_world_listen(p->world, p->node, true) == 0);
    }
}

static inline struct sim_virtual *world_of(const struct sim_virtual_config *config, uint32_t count)
{
    struct sim_virtual *v;

    cr_assert(sim_virtual_new(&v, config) == 0);
    populate(v, config->first_site, count);
    return v;
}

static inline void set_up(void)
{
    catalog = sim_catalog_new();
    cr_assert(catalog != NULL);
}

static inline void tear_down(void)
{
    sim_catalog_free(catalog);
}

static inline struct sim_virtual_usage usage_of(const struct sim_virtual *v)
{
    struct sim_virtual_usage usage;

    sim_virtual_usage(v, &usage);
    return usage;
}

static inline struct sim_site_stats stats_of(struct sim_virtual *v, uint32_t site)
{
    struct sim_site_stats stats;

    sim_virtual_site_stats(v, site, &stats);
    return stats;
}

#endif /* TESTS_SIM_VIRTUAL_PROBE_H */
