/* tests/unit/sim_virtual/streams.h -- nodes that do what a table says at which instant, and a list
 * of what they were told when, for the tests of streams and ports. */
#ifndef TESTS_SIM_VIRTUAL_STREAMS_H
#define TESTS_SIM_VIRTUAL_STREAMS_H

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/virtual/inner.h"

enum {
    NODES = 8,
    SLOTS = 80,
    FIRMWARE = 100000000, /* bytes; every node holds the file from the beginning */
    HEAD = 19,            /* kind, total length, and of an announcement length and notify_every */
    TOLD_MAX = 4096,
};

#define LATENCY (50 * SIM_US)
#define HOP (2 * LATENCY) /* both ports */

enum what {
    ACCEPTED = 1, /* value: number of the peer */
    OPENED,       /* value: number of the peer */
    MESSAGE,      /* value: its bytes */
    PROGRESS,     /* value: bytes of the copy */
    RECEIVED,     /* value: bytes of the copy */
    SENT,
    CLOSED, /* value: why, without its sign */
    SIZE,   /* value: bytes of the copy, asked for by the table */
    ANSWER, /* value: of a call that was to fail, without its sign */
};

struct told {
    sim_time at;
    unsigned who;
    enum what what;
    uint64_t value;
};

enum op {
    DIAL,     /* a: peer */
    SEND,     /* a: slot, b: bytes */
    ANNOUNCE, /* a: slot, b: bytes of a body, c: notify_every */
    BODY,     /* a: slot, b: bytes, c: offset */
    GIVE,     /* ANNOUNCE and BODY */
    THEN,     /* as BODY, when the next body has been sent */
    CLOSE,    /* a: slot */
    LISTEN,   /* a: on */
    DOWN,     /* a: silent */
    UP,
    GROUP,   /* a: group */
    CORRUPT, /* a: on */
    FREE,    /* its own file */
    DROP,    /* a: slot: the copy that it receives there */
    ASK,     /* a: slot: size of the copy there */
    PART,    /* a: slot: it sends the copy received there from now on, not its own file */
};

struct act {
    sim_time at;
    unsigned who;
    enum op op;
    uint64_t a, b, c;
};

struct slot {
    sim_stream stream; /* 0 when it is over */
    sim_file copy;
};

struct member {
    sim_node node;
    sim_addr addr;
    sim_file file;
    struct slot slots[SLOTS];
    unsigned slots_len;
    struct act then[4]; /* in order */
    unsigned then_len, then_done;
};

static struct sim_virtual *v;
static struct sim_world *w;
static struct sim_site_setup site;
static struct sim_server_setup server;
static struct sim_catalog *catalog;
static struct member members[NODES];
static struct told told[TOLD_MAX];
static size_t told_len;
static const struct act *acts;
static size_t acts_len, acts_done;
static sim_node controller;

static inline unsigned number_of(sim_addr addr)
{
    return addr - site.base - 2;
}

static inline void note(const struct member *m, enum what what, uint64_t value)
{
    cr_assert(told_len < TOLD_MAX);
    told[told_len++] = (struct told){sim_world_now(w), (unsigned)(m - members), what, value};
}

static inline struct slot *slot_of(struct member *m, sim_stream s)
{
    for (unsigned i = 0; i < m->slots_len; i++) {
        if (m->slots[i].stream == s) {
            return &m->slots[i];
        }
    }
    cr_assert(false, "node %u is told of a stream that is none of its", (unsigned)(m - members));
    return NULL;
}

static inline struct slot *slot_new(struct member *m, sim_stream s)
{
    cr_assert(m->slots_len < SLOTS);
    m->slots[m->slots_len] = (struct slot){.stream = s};
    return &m->slots[m->slots_len++];
}

/* ---- Notices ---- */

static inline void on_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    struct member *m = self;

    (void)now;
    if (dialed) {
        (void)slot_of(m, s);
    } else {
        slot_new(m, s);
    }
    note(m, dialed ? OPENED : ACCEPTED, number_of(peer));
}

static inline uint64_t number_at(const uint8_t *bytes)
{
    uint64_t number;

    memcpy(&number, bytes, sizeof(number));
    return number;
}

static inline size_t on_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes,
                              size_t len)
{
    struct member *m = self;
    struct slot *slot = slot_of(m, s);
    size_t whole;

    (void)now;
    if (len < 3 || len < (whole = (size_t)bytes[1] << 8 | bytes[2])) {
        return 0;
    }
    note(m, MESSAGE, whole);
    if (bytes[0] == 'B') {
        if (slot->copy == 0) {
            slot->copy = sim_world_file_new(w, m->node, "a.sbn");
        }
        int rc =
            sim_world_receive_body(w, s, slot->copy, number_at(bytes + 3), number_at(bytes + 11));
        if (rc != 0) {
            note(m, ANSWER, (uint64_t)-rc);
        }
    }
    return whole;
}

static inline void on_progress(void *self, sim_time now, sim_stream s, uint64_t size)
{
    struct member *m = self;

    cr_assert(sim_world_file_size(w, slot_of(m, s)->copy) == size,
              "at %" PRIu64 " %" PRIu64 " bytes, told %" PRIu64, now,
              sim_world_file_size(w, slot_of(m, s)->copy), size);
    note(m, PROGRESS, size);
}

static inline void on_received(void *self, sim_time now, sim_stream s)
{
    struct member *m = self;

    (void)now;
    note(m, RECEIVED, sim_world_file_size(w, slot_of(m, s)->copy));
}

static inline int do_act(struct member *m, const struct act *a);

static inline void on_sent(void *self, sim_time now, sim_stream s)
{
    struct member *m = self;

    (void)now;
    (void)slot_of(m, s);
    note(m, SENT, 0);
    if (m->then_done < m->then_len) {
        cr_assert(do_act(m, &m->then[m->then_done++]) == 0);
    }
}

static inline void on_closed(void *self, sim_time now, sim_stream s, int why)
{
    struct member *m = self;

    (void)now;
    slot_of(m, s)->stream = 0;
    note(m, CLOSED, (uint64_t)-why);
}

static inline void on_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    (void)self;
    (void)now;
    (void)d;
}
static inline void on_fetch_progress(void *self, sim_time now, sim_fetch fetch, uint64_t size)
{
    (void)self;
    (void)now;
    (void)fetch;
    (void)size;
}
static inline void on_fetch_done(void *self, sim_time now, sim_fetch fetch,
                                 const struct sim_fetch_result *result)
{
    (void)self;
    (void)now;
    (void)fetch;
    (void)result;
}

/* ---- What the table says ---- */

static inline int send_message(sim_stream s, char kind, size_t len, uint64_t a, uint64_t b)
{
    uint8_t bytes[SIM_WORLD_MESSAGE_MAX] = {(uint8_t)kind, (uint8_t)(len >> 8), (uint8_t)len};

    cr_assert(len >= 3 && len <= sizeof(bytes));
    if (kind == 'B') {
        memcpy(bytes + 3, &a, sizeof(a));
        memcpy(bytes + 11, &b, sizeof(b));
    }
    return sim_world_stream_send(w, s, bytes, len);
}

static inline void forget_all(struct member *m)
{
    for (unsigned i = 0; i < m->slots_len; i++) {
        m->slots[i] = (struct slot){.stream = 0};
    }
    m->file = 0;
}

static inline int do_act(struct member *m, const struct act *a)
{
    struct slot *slot = &m->slots[a->a < SLOTS ? a->a : 0];
    sim_stream s;
    int rc = 0;

    switch (a->op) {
    case DIAL:
        rc = sim_world_dial(w, m->node, site.base + 2 + (sim_addr)a->a, &s);
        if (rc == 0) {
            slot_new(m, s);
        }
        break;
    case SEND:
        rc = send_message(slot->stream, 'M', a->b, 0, 0);
        break;
    case ANNOUNCE:
        rc = send_message(slot->stream, 'B', HEAD, a->b, a->c);
        break;
    case BODY:
        rc = sim_world_stream_send_body(w, slot->stream, m->file, a->c, a->b);
        break;
    case GIVE:
        rc = send_message(slot->stream, 'B', HEAD, a->b, a->c);
        if (rc == 0) {
            rc = sim_world_stream_send_body(w, slot->stream, m->file, 0, a->b);
        }
        break;
    case THEN:
        cr_assert(m->then_len < 4);
        m->then[m->then_len] = *a;
        m->then[m->then_len++].op = BODY;
        break;
    case CLOSE:
        sim_world_stream_close(w, slot->stream);
        slot->stream = 0;
        break;
    case LISTEN:
        rc = sim_world_listen(w, m->node, a->a != 0);
        break;
    case DOWN:
        forget_all(m);
        sim_world_set_down(w, m->node, true, a->a != 0);
        break;
    case UP:
        sim_world_set_down(w, m->node, false, false);
        break;
    case GROUP:
        sim_world_set_group(w, m->node, (uint32_t)a->a);
        break;
    case CORRUPT:
        sim_world_set_corrupt(w, m->node, a->a != 0);
        break;
    case FREE:
        sim_world_file_free(w, m->file);
        m->file = 0;
        break;
    case DROP:
        sim_world_file_free(w, slot->copy);
        slot->copy = 0;
        break;
    case ASK:
        note(m, SIZE, sim_world_file_size(w, slot->copy));
        break;
    case PART:
        m->file = slot->copy;
        break;
    }
    return rc;
}

static inline void on_controller(void *self, sim_time now)
{
    (void)self;
    while (acts_done < acts_len && acts[acts_done].at <= now) {
        const struct act *a = &acts[acts_done++];
        struct member *m = &members[a->who];
        int rc = do_act(m, a);

        if (rc != 0) {
            note(m, ANSWER, (uint64_t)-rc);
        }
    }
    if (acts_done < acts_len) {
        sim_world_wake_at(w, controller, acts[acts_done].at);
    }
}

static inline void on_no_wake(void *self, sim_time now)
{
    (void)self;
    (void)now;
}

static const struct sim_node_ops member_ops = {
    .wake = on_no_wake,
    .datagram = on_datagram,
    .stream_opened = on_opened,
    .stream_input = on_input,
    .body_progress = on_progress,
    .body_received = on_received,
    .body_sent = on_sent,
    .stream_closed = on_closed,
    .fetch_progress = on_fetch_progress,
    .fetch_done = on_fetch_done,
};

/* ---- The world ---- */

static inline struct sim_virtual_config stream_config(uint64_t rate_bit_s)
{
    site = (struct sim_site_setup){
        .name = "site",
        .class_name = "site",
        .base = 0x7F010000U,
        .bits = 16,
        .phones = NODES,
        .wan = {.down_bit_s = 1536000,
                .up_bit_s = 1536000,
                .rtt = 150 * SIM_MS,
                .queue = {SIM_QUEUE_PACKETS, 100}},
        .lan = {.rate_bit_s = rate_bit_s, .latency = LATENCY},
    };
    server = (struct sim_server_setup){.keep_alive = true, .block_size = 512, .window = 1};
    return (struct sim_virtual_config){
        .seed = 1,
        .sites = &site,
        .sites_len = 1,
        .nodes_max = NODES + 1,
        .server = &server,
        .catalog = catalog,
        .limit = SIM_NEVER,
    };
}

static inline void populate(const struct sim_node_ops *node_ops,
                            const struct sim_node_ops *controller_ops)
{
    memset(members, 0, sizeof(members));
    told_len = acts_done = 0;
    for (unsigned i = 0; i < NODES; i++) {
        struct member *m = &members[i];

        m->addr = site.base + 2 + i;
        m->node = sim_world_add_node(w, 0, m->addr, i, node_ops, m);
        cr_assert(m->node != SIM_NODE_NONE);
        cr_assert(sim_world_listen(w, m->node, true) == 0);
        m->file = sim_world_file_new(w, m->node, "a.sbn");
        virtual_file_append(v, m->file, FIRMWARE, 0);
    }
    controller = sim_world_add_node(w, 0, 0, NODES, controller_ops, NULL);
    sim_world_wake_at(w, controller, 0);
}

static inline void open_world(uint64_t rate_bit_s)
{
    struct sim_virtual_config config = stream_config(rate_bit_s);

    cr_assert(sim_virtual_new(&v, &config) == 0);
    w = sim_virtual_world(v);
}

static inline uint64_t hash_now(void)
{
    struct sim_virtual_usage usage;

    sim_virtual_usage(v, &usage);
    return usage.trace_hash;
}

/* Runs a table to its end; leaves the world open. */
static inline void run_acts(uint64_t rate_bit_s, const struct act *list, size_t len)
{
    static struct sim_node_ops controller_ops;

    controller_ops = member_ops;
    controller_ops.wake = on_controller;
    acts = list;
    acts_len = len;
    open_world(rate_bit_s);
    populate(&member_ops, &controller_ops);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT, "nobody says that it has finished");
}

static inline void expect_told(const struct told *want, size_t len)
{
    for (size_t i = 0; i < len || i < told_len; i++) {
        const struct told none = {0, 0, 0, 0};
        const struct told *a = i < told_len ? &told[i] : &none, *b = i < len ? &want[i] : &none;

        cr_assert(a->at == b->at && a->who == b->who && a->what == b->what && a->value == b->value,
                  "notice %zu: at %" PRIu64 " node %u is told %d (%" PRIu64 "), wanted: at %" PRIu64
                  " node %u %d (%" PRIu64 ")",
                  i, a->at, a->who, (int)a->what, a->value, b->at, b->who, (int)b->what, b->value);
    }
}

/* No stream is left over, but those that stand still for ever. */
static inline void expect_streams(uint32_t count)
{
    cr_assert_eq(v->conns.len - v->conns.free_len, count, "%u streams are left",
                 v->conns.len - v->conns.free_len);
}

static inline void end_world(void)
{
    sim_virtual_free(v);
    v = NULL;
}

/* A table and what must come of it, to the nanosecond. */
#define RUN(rate, list, want)                                                                      \
    do {                                                                                           \
        run_acts(rate, list, sizeof(list) / sizeof((list)[0]));                                    \
        expect_told(want, sizeof(want) / sizeof((want)[0]));                                       \
    } while (0)

static inline void set_up_catalog(void)
{
    catalog = sim_catalog_new();
    cr_assert(catalog != NULL);
    cr_assert(sim_catalog_add_synthetic(catalog, "a.sbn", true, FIRMWARE, 1) == 0);
}

static inline void tear_down_catalog(void)
{
    sim_catalog_free(catalog);
}

#endif /* TESTS_SIM_VIRTUAL_STREAMS_H */
