/* Goal: client and server bring every byte over, in order, whatever a network does short of cutting
 * the line; and no network makes them send without end.
 * Method: both machines over a channel in memory that loses, doubles and reorders by seed; a few
 * hundred seeds per kind of network, sizes and options drawn by the seed; received bytes are
 * compared with what the offset says. And transfers whose block numbers wrap. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "sim/rng.h"
#include "sim/tftp/client.h"
#include "sim/tftp/server.h"

#define CLIENT ((struct sim_tftp_peer){0x7f010002, 3000})
#define SERVER ((struct sim_tftp_peer){0x7f000001, 4000})
#define LISTENER ((struct sim_tftp_peer){0x7f000001, 69})

enum { FLIGHT_MAX = 4096 };

struct datagram {
    sim_time at;
    uint64_t order;
    bool to_server;
    size_t len;
    uint8_t *bytes;
};

struct network {
    uint32_t loss_ppm, double_ppm;
    sim_duration delay, jitter; /* jitter reorders */
};

struct rig {
    struct network network;
    struct sim_rng rng;
    struct sim_tftp_client client;
    struct sim_tftp_server server;
    struct sim_tftp_server_limits limits;
    bool serving;
    bool write;
    uint64_t size, received;
    uint64_t sent; /* datagrams */
    uint64_t seed;
    int client_end, server_end; /* 1: not yet; else 0 or SIM_E* */
    struct datagram flight[FLIGHT_MAX];
    size_t flight_len;
    uint64_t order;
    sim_time now;
};

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset ^ offset >> 8 ^ offset >> 16);
}

static void put(struct rig *r, bool to_server, const uint8_t *bytes, size_t len)
{
    uint32_t copies = 1u + sim_rng_chance_ppm(&r->rng, r->network.double_ppm);
    r->sent++;
    for (uint32_t i = 0; i < copies; i++) {
        if (sim_rng_chance_ppm(&r->rng, r->network.loss_ppm)) {
            continue;
        }
        cr_assert_lt(r->flight_len, (size_t)FLIGHT_MAX, "seed %llu", (unsigned long long)r->seed);
        struct datagram *d = &r->flight[r->flight_len++];
        d->at = r->now + r->network.delay + sim_rng_below(&r->rng, r->network.jitter + 1);
        d->order = r->order++;
        d->to_server = to_server;
        d->len = len;
        d->bytes = malloc(len > 0 ? len : 1);
        memcpy(d->bytes, bytes, len);
    }
}

static void put_output(struct rig *r, bool to_server, const struct sim_tftp_output *out,
                       const uint8_t *packet)
{
    static uint8_t block[SIM_TFTP_HEADER + SIM_TFTP_BLKSIZE_MAX];
    if (out->kind == SIM_TFTP_PACKET) {
        put(r, to_server, packet, out->len);
        return;
    }
    cr_assert_leq(out->offset + out->size, r->size);
    sim_tftp_packet_data_header(block, out->number);
    for (uint32_t i = 0; i < out->size; i++) {
        block[SIM_TFTP_HEADER + i] = byte_at(out->offset + i);
    }
    put(r, to_server, block, SIM_TFTP_HEADER + (size_t)out->size);
}

static void take(struct rig *r, const struct sim_tftp_event *e, int *end)
{
    if (e->kind == SIM_TFTP_EVENT_DATA) {
        for (size_t i = 0; i < e->len; i++) {
            if (e->bytes[i] != byte_at(r->received + i)) { /* an assertion a byte takes long */
                cr_assert_fail("seed %llu, offset %llu", (unsigned long long)r->seed,
                               (unsigned long long)(r->received + i));
            }
        }
        r->received += e->len;
        return;
    }
    cr_assert_eq(*end, 1, "ended twice, seed %llu", (unsigned long long)r->seed);
    *end = e->kind == SIM_TFTP_EVENT_DONE ? 0 : e->status;
}

static void drain(struct rig *r)
{
    struct sim_tftp_event e;
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];

    while (sim_tftp_client_take_event(&r->client, &e)) {
        take(r, &e, &r->client_end);
    }
    while (sim_tftp_client_take_output(&r->client, r->now, packet, &out)) {
        put_output(r, true, &out, packet);
    }
    if (!r->serving) {
        return;
    }
    while (sim_tftp_server_take_event(&r->server, &e)) {
        take(r, &e, &r->server_end);
    }
    while (sim_tftp_server_take_output(&r->server, r->now, packet, &out)) {
        put_output(r, false, &out, packet);
    }
}

static void deliver(struct rig *r, struct datagram *d)
{
    struct sim_tftp_packet p;
    if (!d->to_server) {
        sim_tftp_client_recv(&r->client, SERVER, d->bytes, d->len, r->now);
        return;
    }
    cr_assert_eq(sim_tftp_packet_decode(&p, d->bytes, d->len), 0);
    if (p.opcode == SIM_TFTP_RRQ || p.opcode == SIM_TFTP_WRQ) {
        if (!r->serving) { /* the host drops a request that is served already */
            r->serving = true;
            sim_tftp_server_start(&r->server, &r->limits, CLIENT, &p, r->size, r->now);
        }
        return;
    }
    if (r->serving) {
        sim_tftp_server_recv(&r->server, CLIENT, d->bytes, d->len, r->now);
    }
}

/* The next thing that happens. False when nothing will. */
static bool step(struct rig *r)
{
    sim_time next = sim_tftp_client_deadline(&r->client);
    struct datagram *first = NULL;

    if (r->serving) {
        next = sim_time_min(next, sim_tftp_server_deadline(&r->server));
    }
    for (size_t i = 0; i < r->flight_len; i++) {
        struct datagram *d = &r->flight[i];
        if (first == NULL || d->at < first->at || (d->at == first->at && d->order < first->order)) {
            first = d;
        }
    }
    if (first != NULL && first->at <= next) {
        struct datagram d = *first;
        *first = r->flight[--r->flight_len];
        r->now = d.at;
        deliver(r, &d);
        drain(r);
        free(d.bytes);
        return true;
    }
    if (next == SIM_NEVER) {
        return false;
    }
    r->now = next;
    sim_tftp_client_tick(&r->client, next);
    if (r->serving) {
        sim_tftp_server_tick(&r->server, next);
    }
    drain(r);
    cr_assert_gt(sim_tftp_client_deadline(&r->client), r->now);
    cr_assert(!r->serving || sim_tftp_server_deadline(&r->server) > r->now);
    return true;
}

static void run(struct rig *r, const struct sim_tftp_client_config *config, uint64_t limit)
{
    cr_assert_eq(sim_tftp_client_init(&r->client, config), 0);
    r->client_end = r->server_end = 1;
    sim_tftp_client_start(&r->client, 0);
    drain(r);
    for (uint64_t i = 0; step(r); i++) {
        cr_assert_lt(i, limit, "does not end, seed %llu", (unsigned long long)r->seed);
    }
}

static const struct sim_tftp_timing timing = {
    .timeout = SIM_S, .tries = 30, .stall = SIM_NEVER, .dally = 100 * SIM_S};

static void sweep(const struct network *network, uint64_t seeds)
{
    static const uint16_t blksizes[] = {8, 9, 100, 511, 512, 513, 1428, 65464};
    static const uint16_t windows[] = {1, 1, 2, 3, 8, 16, 64};

    for (uint64_t seed = 0; seed < seeds; seed++) {
        struct rig *r = calloc(1, sizeof(*r));
        struct sim_rng *rng = &r->rng;
        r->seed = seed;
        r->network = *network;
        sim_rng_init(rng, seed, SIM_RNG_TEST, 69);
        struct sim_tftp_client_config config = {
            .server = LISTENER,
            .name = "file",
            .write = sim_rng_below(rng, 4) == 0,
            .ask = (unsigned)sim_rng_below(rng, 16),
            .blksize = blksizes[sim_rng_below(rng, 8)],
            .windowsize = windows[sim_rng_below(rng, 7)],
            .timeout_s = 1,
            .timing = timing,
        };
        uint64_t block = config.ask & SIM_TFTP_OPTION_BLKSIZE ? config.blksize : 512;
        uint64_t blocks = sim_rng_below(rng, 60);
        r->size = blocks * block + (sim_rng_below(rng, 2) ? sim_rng_below(rng, block) : 0);
        r->write = config.write;
        config.size = r->size;
        r->limits = (struct sim_tftp_server_limits){
            .blksize_max = 65464, .windowsize_max = 32, .timing = timing};
        run(r, &config, 2000000);
        cr_assert_eq(r->client_end, 0, "seed %llu: %s", (unsigned long long)seed,
                     sim_err_name(r->client_end));
        cr_assert_eq(r->received, r->size, "seed %llu", (unsigned long long)seed);
        /* The side that has sent its last ACK dallies far longer than the other repeats. */
        cr_assert_eq(r->server_end, 0, "seed %llu: %s", (unsigned long long)seed,
                     sim_err_name(r->server_end));
        free(r);
    }
}

Test(channel, is_exact_on_a_perfect_network)
{
    struct network n = {.delay = 10 * SIM_MS};
    sweep(&n, 200);
}

Test(channel, is_exact_when_a_tenth_is_lost)
{
    struct network n = {.delay = 10 * SIM_MS, .loss_ppm = 100000};
    sweep(&n, 200);
}

Test(channel, is_exact_when_datagrams_are_doubled)
{
    struct network n = {.delay = 10 * SIM_MS, .double_ppm = 300000};
    sweep(&n, 200);
}

Test(channel, is_exact_when_datagrams_overtake_one_another)
{
    struct network n = {.delay = 10 * SIM_MS, .jitter = 30 * SIM_MS};
    sweep(&n, 200);
}

Test(channel, is_exact_when_all_of_it_happens_on_a_slow_line)
{
    struct network n = {
        .delay = 600 * SIM_MS, .jitter = 900 * SIM_MS, .loss_ppm = 80000, .double_ppm = 100000};
    sweep(&n, 200);
}

/* Every datagram doubled is the classic: a sender that answers each ACK would double the traffic
 * for good. */
Test(channel, sends_each_block_once_when_everything_is_doubled)
{
    static const uint16_t windows[] = {1, 2, 8};
    for (size_t i = 0; i < 3; i++) {
        struct rig *r = calloc(1, sizeof(*r));
        r->network = (struct network){.delay = 10 * SIM_MS, .double_ppm = 1000000};
        sim_rng_init(&r->rng, i, SIM_RNG_TEST, 2);
        r->size = 400 * 512;
        r->limits = (struct sim_tftp_server_limits){
            .blksize_max = 512, .windowsize_max = 8, .timing = timing};
        struct sim_tftp_client_config config = {.server = LISTENER,
                                                .name = "file",
                                                .ask = SIM_TFTP_OPTION_WINDOWSIZE,
                                                .windowsize = windows[i],
                                                .timing = timing};
        run(r, &config, 100000);
        cr_assert_eq(r->client_end, 0);
        cr_assert_eq(r->received, r->size);
        uint64_t blocks = 401, acks = blocks / windows[i] + 2;
        /* Lock-step: each doubled block is acknowledged twice, and nothing more. A window may be
         * said again a few times a second. */
        uint64_t most = blocks + 2 * acks + 10 + (windows[i] > 1 ? blocks : 0);
        cr_assert_leq(r->sent, most, "window %u: %llu datagrams", windows[i],
                      (unsigned long long)r->sent);
        free(r);
    }
}

static void wrap(uint16_t window, uint32_t loss_ppm)
{
    struct rig *r = calloc(1, sizeof(*r));
    r->network = (struct network){.delay = SIM_MS, .loss_ppm = loss_ppm};
    sim_rng_init(&r->rng, window, SIM_RNG_TEST, 1);
    r->size = 140000 * 8 + 3; /* 140,001 blocks: twice around */
    r->limits = (struct sim_tftp_server_limits){
        .blksize_max = 65464, .windowsize_max = 64, .timing = timing};
    struct sim_tftp_client_config config = {.server = LISTENER,
                                            .name = "file",
                                            .ask = SIM_TFTP_OPTION_BLKSIZE |
                                                   SIM_TFTP_OPTION_WINDOWSIZE,
                                            .blksize = 8,
                                            .windowsize = window,
                                            .timing = timing};
    run(r, &config, 10000000);
    cr_assert_eq(r->client_end, 0);
    cr_assert_eq(r->server_end, 0);
    cr_assert_eq(r->received, r->size);
    free(r);
}

Test(channel, goes_on_when_block_numbers_wrap)
{
    wrap(1, 0);
    wrap(16, 0);
    wrap(16, 20000);
}

/* Servers that go from 65535 to 1: written by hand, since ours goes to 0. */
static void wrap_to_one(uint16_t window)
{
    struct sim_tftp_client c;
    struct sim_tftp_client_config config = {.server = LISTENER,
                                            .name = "file",
                                            .ask = SIM_TFTP_OPTION_BLKSIZE |
                                                   (window > 1 ? SIM_TFTP_OPTION_WINDOWSIZE : 0u),
                                            .blksize = 8,
                                            .windowsize = window,
                                            .timing = timing};
    struct sim_tftp_output out;
    struct sim_tftp_event e;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    const char *oack = window > 1 ? "\0\6blksize\0008\0windowsize\0004" : "\0\6blksize\0008";
    uint64_t total = 0, base = 0, blocks = 140000, turns = 0;

    cr_assert_eq(sim_tftp_client_init(&c, &config), 0);
    sim_tftp_client_start(&c, 0);
    while (sim_tftp_client_take_output(&c, 0, packet, &out)) {
    }
    sim_tftp_client_recv(&c, SERVER, (const uint8_t *)oack, window > 1 ? 25 : 12, 0);
    while (sim_tftp_client_take_output(&c, 0, packet, &out)) {
    }
    while (base < blocks) {
        cr_assert_lt(turns++, 1000000u);
        uint64_t next = base;
        for (uint64_t b = base + 1; b <= base + window && b <= blocks; b++) {
            uint16_t number = (uint16_t)((b - 1) % 65535 + 1);
            uint8_t bytes[12] = {0,
                                 3,
                                 (uint8_t)(number >> 8),
                                 (uint8_t)number,
                                 (uint8_t)b,
                                 (uint8_t)(b >> 8),
                                 (uint8_t)(b >> 16)};
            sim_tftp_client_recv(&c, SERVER, bytes, b == blocks ? 11 : 12, 0);
            while (sim_tftp_client_take_event(&c, &e)) {
                if (e.kind == SIM_TFTP_EVENT_DATA) {
                    total++;
                    uint64_t is =
                        e.bytes[0] | (uint64_t)e.bytes[1] << 8 | (uint64_t)e.bytes[2] << 16;
                    cr_assert_eq(is, total);
                }
            }
            while (sim_tftp_client_take_output(&c, 0, packet, &out)) {
                uint16_t acked = (uint16_t)(packet[2] << 8 | packet[3]);
                for (uint64_t k = base; k <= b; k++) {
                    if (k > 0 && (uint16_t)((k - 1) % 65535 + 1) == acked) {
                        next = k;
                    }
                }
            }
        }
        base = next;
    }
    cr_assert_eq(total, blocks);
    cr_assert_eq(sim_tftp_client_state(&c), SIM_TFTP_DALLYING);
}

Test(channel, takes_a_wrap_to_one_too)
{
    wrap_to_one(1);
    wrap_to_one(4);
}

/* In a window, a 1 where 0 is due is most likely the block behind a lost one. */
Test(channel, does_not_take_the_block_behind_a_lost_zero_for_it)
{
    struct sim_tftp_client c;
    struct sim_tftp_client_config config = {.server = LISTENER,
                                            .name = "file",
                                            .ask = SIM_TFTP_OPTION_BLKSIZE |
                                                   SIM_TFTP_OPTION_WINDOWSIZE,
                                            .blksize = 8,
                                            .windowsize = 5, /* 65535 is a multiple of it */
                                            .timing = timing};
    static const char oack[] = "\0\6blksize\0008\0windowsize\0005";
    struct sim_tftp_output out;
    struct sim_tftp_event e;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    uint64_t total = 0;

    cr_assert_eq(sim_tftp_client_init(&c, &config), 0);
    sim_tftp_client_start(&c, 0);
    sim_tftp_client_recv(&c, SERVER, (const uint8_t *)oack, sizeof(oack), 0);
    for (uint32_t b = 1; b <= 65541; b++) {
        uint8_t bytes[12] = {0, 3, (uint8_t)(b >> 8), (uint8_t)b};
        if (b == 65536 && total == 65535) {
            continue; /* lost */
        }
        sim_tftp_client_recv(&c, SERVER, bytes, sizeof(bytes), 0);
        while (sim_tftp_client_take_event(&c, &e)) {
            total++;
        }
        while (sim_tftp_client_take_output(&c, 0, packet, &out)) {
        }
    }
    cr_assert_eq(total, 65535u);
}
