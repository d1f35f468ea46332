/* tests/unit/sim_virtual/fetcher.h -- nodes that only fetch, and a script that says when: a world
 * of one site for the tests of fetches. */
#ifndef TESTS_SIM_VIRTUAL_FETCHER_H
#define TESTS_SIM_VIRTUAL_FETCHER_H

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/virtual/inner.h"

enum { FETCHERS_MAX = 64, DONE_MAX = 16, ACTS_MAX = 64 };

struct fetcher {
    sim_node node;
    sim_fetch fetch;             /* the last one begun */
    sim_file file;               /* of the last one begun */
    const char *chain[DONE_MAX]; /* asked for one after another, from the first DONE on */
    size_t chain_len;
    bool is_firmware;
    uint64_t notify_every;
    enum sim_protocol protocol;
    /* what came of them */
    size_t done;
    struct fetched {
        sim_time at, first_byte;
        int status, code;
        uint64_t bytes;
        char reason[SIM_WORLD_REASON_MAX];
        bool has_data;
        size_t data_len;
        uint8_t data_first, data_last;
    } results[DONE_MAX];
    size_t progress;
    uint64_t progress_size[DONE_MAX];
};

struct act {
    sim_time at;
    void (*run)(uint64_t argument);
    uint64_t argument;
};

static struct fetcher fetchers[FETCHERS_MAX];
static struct act acts[ACTS_MAX];
static size_t acts_len, acts_done;
static sim_node director;
static struct sim_catalog *catalog;
static struct sim_site_setup site;
static struct sim_server_setup server;
static struct sim_virtual_config config;
static struct sim_virtual *v;
static struct sim_world *w;

/* ---- What nodes are told ---- */

static inline int ask(struct fetcher *f, const char *path, bool with_file)
{
    struct sim_fetch_request request = {
        .place = SIM_SERVER_WAN,
        .protocol = f->protocol,
        .path = path,
        .is_firmware = f->is_firmware,
        .notify_every = f->notify_every,
    };

    if (with_file && f->file == 0) {
        f->file = sim_world_file_new(w, f->node, path);
    }
    request.file = with_file ? f->file : 0;
    return sim_world_fetch(w, f->node, &request, &f->fetch);
}

static inline void on_done(void *self, sim_time now, sim_fetch fetch,
                           const struct sim_fetch_result *r)
{
    struct fetcher *f = self;
    struct fetched *to = &f->results[f->done];

    (void)fetch;
    cr_assert(f->done < DONE_MAX);
    cr_assert(sim_world_now(w) == now);
    *to = (struct fetched){
        .at = now,
        .first_byte = r->first_byte,
        .status = r->status,
        .code = r->code,
        .bytes = r->bytes,
        .has_data = r->data != NULL,
        .data_len = r->data_len,
    };
    if (r->data != NULL && r->data_len > 0) {
        to->data_first = r->data[0];
        to->data_last = r->data[r->data_len - 1];
    }
    snprintf(to->reason, sizeof(to->reason), "%s", r->reason);
    f->done++;
    if (f->done < f->chain_len) {
        f->file = 0;
        cr_assert(ask(f, f->chain[f->done], true) == 0);
    }
}
static inline void on_progress(void *self, sim_time now, sim_fetch fetch, uint64_t size)
{
    struct fetcher *f = self;

    (void)now;
    (void)fetch;
    cr_assert(f->progress < DONE_MAX);
    f->progress_size[f->progress++] = size;
}
static inline void on_wake(void *self, sim_time now)
{
    (void)self;
    while (acts_done < acts_len && acts[acts_done].at <= now) {
        struct act *act = &acts[acts_done++];

        act->run(act->argument);
    }
    sim_world_wake_at(w, director, acts_done < acts_len ? acts[acts_done].at : SIM_NEVER);
    if (acts_done == acts_len) {
        sim_world_finished(w, director);
    }
}
static inline void no_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    (void)self;
    (void)now;
    (void)d;
}
static inline void no_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    (void)self;
    (void)now;
    (void)s;
    (void)peer;
    (void)dialed;
}
static inline size_t no_input(void *self, sim_time now, sim_stream s, const uint8_t *b, size_t len)
{
    (void)self;
    (void)now;
    (void)s;
    (void)b;
    return len;
}
static inline void no_body_progress(void *self, sim_time now, sim_stream s, uint64_t size)
{
    (void)self;
    (void)now;
    (void)s;
    (void)size;
}
static inline void no_body(void *self, sim_time now, sim_stream s)
{
    (void)self;
    (void)now;
    (void)s;
}
static inline void no_closed(void *self, sim_time now, sim_stream s, int why)
{
    (void)self;
    (void)now;
    (void)s;
    (void)why;
}
static const struct sim_node_ops fetcher_ops = {
    .wake = on_wake,
    .datagram = no_datagram,
    .stream_opened = no_opened,
    .stream_input = no_input,
    .body_progress = no_body_progress,
    .body_received = no_body,
    .body_sent = no_body,
    .stream_closed = no_closed,
    .fetch_progress = on_progress,
    .fetch_done = on_done,
};

/* ---- A world ---- */

static inline int make_up(void *context, const char *name, uint8_t *bytes, size_t *len)
{
    (void)context;
    if (strncmp(name, "SEP", 3) != 0) {
        return SIM_ENOTFOUND;
    }
    *len = (size_t)snprintf((char *)bytes, 64, "<device>%s</device>", name);
    return 0;
}

/* Before each test: a site of 10 Mbit/s and 80 ms, ports without a limit, a server without one. */
static inline void set_up(void)
{
    memset(fetchers, 0, sizeof(fetchers));
    acts_len = acts_done = 0;
    catalog = sim_catalog_new();
    sim_catalog_set_resolver(catalog, make_up, NULL);
    site = (struct sim_site_setup){
        .name = "here",
        .class_name = "here",
        .base = 0x7f010000,
        .bits = 16,
        .phones = FETCHERS_MAX,
        .wan = {.down_bit_s = 10000000,
                .up_bit_s = 10000000,
                .rtt = 80 * SIM_MS,
                .queue = {SIM_QUEUE_PACKETS, 100},
                .framing = 2},
        .lan = {.rate_bit_s = SIM_RATE_NONE, .latency = 50 * SIM_US},
    };
    server = (struct sim_server_setup){
        .keep_alive = false,
        .block_size = 512,
        .window = 1,
        .timeout = 4 * SIM_S,
        .retries = 6,
        .stall = 60 * SIM_S,
    };
    config = (struct sim_virtual_config){
        .seed = 1,
        .network = SIM_VIRTUAL_FLUID,
        .sites = &site,
        .sites_len = 1,
        .nodes_max = FETCHERS_MAX + 1,
        .server = &server,
        .catalog = catalog,
        .has_load_server = true,
        .limit = 100000 * SIM_S,
    };
}

static inline void add_file(const char *name, uint64_t size)
{
    cr_assert(sim_catalog_add_synthetic(catalog, name, true, size, 1) == 0);
}

/* Once the set-up is as the test wants it. */
static inline void open_world(size_t count)
{
    cr_assert(sim_virtual_new(&v, &config) == 0);
    w = sim_virtual_world(v);
    for (size_t i = 0; i < count; i++) {
        fetchers[i].node =
            sim_world_add_node(w, 0, (sim_addr)(site.base + 2 + i), i, &fetcher_ops, &fetchers[i]);
        cr_assert(fetchers[i].node != SIM_NODE_NONE);
        fetchers[i].is_firmware = true;
        fetchers[i].protocol = SIM_PROTOCOL_HTTP;
        sim_world_finished(w, fetchers[i].node);
    }
    director = sim_world_add_node(w, 0, 0, FETCHERS_MAX, &fetcher_ops, &director);
    cr_assert(director != SIM_NODE_NONE);
}

static inline void at(sim_time when, void (*run)(uint64_t argument), uint64_t argument)
{
    cr_assert(acts_len < ACTS_MAX && (acts_len == 0 || acts[acts_len - 1].at <= when));
    acts[acts_len++] = (struct act){when, run, argument};
}

static inline void nothing(uint64_t argument)
{
    (void)argument;
}

/* Runs the acts in order, and up to `until` (nothing happens then). */
static inline void run(sim_time until)
{
    at(until, nothing, 0);
    sim_world_wake_at(w, director, acts[0].at);
    cr_assert(sim_virtual_run(v) == 0);
}

static inline void close_world(void)
{
    sim_virtual_free(v);
    sim_catalog_free(catalog);
}

static inline struct sim_site_stats stats_of_site(void)
{
    struct sim_site_stats stats;

    sim_virtual_site_stats(v, 0, &stats);
    return stats;
}
static inline struct sim_virtual_server_stats stats_of_server(void)
{
    struct sim_virtual_server_stats stats;

    sim_virtual_server_stats(v, &stats);
    return stats;
}

/* ---- Acts ---- */

static inline void fetch_firmware(uint64_t who)
{
    cr_assert(ask(&fetchers[who], "a.sbn", true) == 0);
}
static inline void cancel_fetch(uint64_t who)
{
    sim_world_fetch_cancel(w, fetchers[who].fetch);
}
static inline void set_down(uint64_t who)
{
    sim_world_set_down(w, fetchers[who].node, true, false);
}
static inline void set_wan(uint64_t up)
{
    sim_world_set_wan(w, 0, up != 0);
}
static inline void set_server(uint64_t up)
{
    sim_world_set_server(w, up != 0);
}

/* ---- By hand ---- */

#define HALF (40 * SIM_MS)
enum { FRAMING = 2, REQUEST = 73, HEAD = 136 };

/* What a packet of so many bytes (IP and all, but framing) takes on the default line. */
static inline sim_duration on_line(uint64_t bytes)
{
    return (bytes + FRAMING) * 800;
}
/* From the request to its arrival, over a new connection. */
static inline sim_duration to_server(const char *path)
{
    return 2 * HALF + 2 * on_line(60) + HALF + on_line(52 + REQUEST + strlen(path));
}
/* Bytes on the line of a stream. */
static inline uint64_t stream_on_line(uint64_t bytes)
{
    return bytes + (bytes + 1447) / 1448 * (52 + FRAMING);
}

#endif /* TESTS_SIM_VIRTUAL_FETCHER_H */
