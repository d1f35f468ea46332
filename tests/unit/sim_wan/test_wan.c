/* Goal: what a host sees of sim/wan: instants of handshakes, requests and answers; every byte
 * delivered once and in order of counting, whatever the line does; resets, datagrams, the fall of
 * the line; equal seeds, equal runs. Method: a tiny host that drives the machine from deadline to
 * deadline. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "sim/rng.h"
#include "sim/wan/wan.h"

struct host {
    struct sim_wan *wan;
    sim_time now;
    uint64_t delivered[2], arrived, established, finished[2], resets, datagrams, dropped;
    sim_time delivered_at[2], established_at, arrived_at, finished_at[2], datagram_at, reset_at;
};

static struct sim_wan_config config_of(uint64_t bit_s, sim_duration rtt, uint64_t queue)
{
    return (struct sim_wan_config){
        .line = {.down_bit_s = bit_s,
                 .up_bit_s = bit_s,
                 .rtt = rtt,
                 .queue = {SIM_QUEUE_PACKETS, queue},
                 .framing = 2},
        .flows_max = 20000,
        .seed = 7,
    };
}

static void start(struct host *h, const struct sim_wan_config *config)
{
    *h = (struct host){0};
    cr_assert_eq(sim_wan_new(&h->wan, config), 0);
}

static void note(struct host *h, const struct sim_wan_event *e)
{
    switch (e->kind) {
    case SIM_WAN_ARRIVED:
        h->arrived++;
        h->arrived_at = e->at;
        return;
    case SIM_WAN_ESTABLISHED:
        h->established++;
        h->established_at = e->at;
        return;
    case SIM_WAN_DELIVERED:
        h->delivered[e->direction] += e->bytes;
        h->delivered_at[e->direction] = e->at;
        return;
    case SIM_WAN_FINISHED:
        h->finished[e->direction]++;
        h->finished_at[e->direction] = e->at;
        return;
    case SIM_WAN_RESET:
        h->resets++;
        h->reset_at = e->at;
        return;
    case SIM_WAN_DATAGRAM:
        h->datagrams++;
        h->datagram_at = e->at;
        return;
    case SIM_WAN_DROPPED:
        h->dropped++;
        return;
    }
}

static void drain(struct host *h)
{
    struct sim_wan_event e;

    while (sim_wan_take_event(h->wan, &e)) {
        cr_assert_leq(e.at, h->now);
        note(h, &e);
    }
}

/* From deadline to deadline until `end`. */
static void run_until(struct host *h, sim_time end)
{
    while (sim_wan_deadline(h->wan) <= end) {
        h->now = sim_wan_deadline(h->wan);
        sim_wan_tick(h->wan, h->now);
        drain(h);
    }
    h->now = end;
    sim_wan_tick(h->wan, h->now);
    drain(h);
}

static sim_wan_flow open_flow(struct host *h, uint64_t user)
{
    sim_wan_flow flow = 0;

    cr_assert_eq(sim_wan_open(h->wan, user, h->now, &flow), 0);
    cr_assert_neq(flow, 0);
    return flow;
}

Test(wan, takes_one_round_trip_to_connect_and_one_to_answer)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100); /* 1 us a byte */
    struct host h;

    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    sim_wan_offer(h.wan, flow, SIM_WAN_UP, 100, 0); /* waits for the handshake */
    run_until(&h, 20 * SIM_MS + 62 * SIM_US - 1);
    cr_assert_eq(h.arrived, 0);
    run_until(&h, 20 * SIM_MS + 62 * SIM_US);
    cr_assert_eq(h.arrived, 1);
    run_until(&h, 40 * SIM_MS + 124 * SIM_US - 1);
    cr_assert_eq(h.established, 0);
    run_until(&h, 40 * SIM_MS + 124 * SIM_US);
    cr_assert_eq(h.established, 1);
    /* The request goes behind the handshake's ACK, in the same instant: 54 and 154 bytes. */
    sim_time there = 60 * SIM_MS + (124 + 154) * SIM_US;
    run_until(&h, SIM_S);
    cr_assert(h.delivered_at[SIM_WAN_UP] >= there &&
                  h.delivered_at[SIM_WAN_UP] <= there + 54 * SIM_US,
              "%llu", (unsigned long long)h.delivered_at[SIM_WAN_UP]);
    cr_assert_eq(h.delivered[SIM_WAN_UP], 100);

    /* On the open connection: a round trip and the serialisation of both. */
    sim_wan_offer(h.wan, flow, SIM_WAN_UP, 100, h.now);
    run_until(&h, SIM_S + 20 * SIM_MS + 154 * SIM_US);
    cr_assert_eq(h.delivered[SIM_WAN_UP], 200);
    sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 300, h.now);
    run_until(&h, SIM_S + 40 * SIM_MS + (154 + 54 + 354) * SIM_US);
    cr_assert_eq(h.delivered[SIM_WAN_DOWN], 300);
    sim_wan_free(h.wan);
}

/* A timer of a second fires on the second next of Linux's 32 ms steps at the latest. */
Test(wan, sends_a_lost_syn_again_after_a_second)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
        struct host h;

        config.seed = seed;
        start(&h, &config);
        sim_wan_set_up(h.wan, false, 0);
        open_flow(&h, 1);
        sim_wan_set_up(h.wan, true, 0);
        run_until(&h, 3 * SIM_S);
        cr_assert_eq(h.arrived, 1);
        sim_duration waited = h.arrived_at - 20 * SIM_MS - 62 * SIM_US;
        sim_wan_free(h.wan);
        cr_assert(waited > SIM_S && waited <= SIM_S + 36 * SIM_MS, "%llu",
                  (unsigned long long)waited);
    }
}

/* Eleven SYNs at 0, 1, 2, 3, 4, 5, 7, 11, 19, 35 and 67 s, and 64 s more; a tenth for the steps of
 * timers. */
Test(wan, gives_a_connection_up_after_131_seconds)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
    struct sim_wan_counters up;
    struct host h;

    start(&h, &config);
    sim_wan_set_up(h.wan, false, 0);
    open_flow(&h, 1);
    run_until(&h, 130 * SIM_S);
    cr_assert_eq(h.resets, 0);
    sim_wan_counters(h.wan, SIM_WAN_UP, h.now, &up);
    cr_assert_eq(up.drops, 11, "%llu", (unsigned long long)up.drops);
    run_until(&h, 145 * SIM_S);
    cr_assert_eq(h.resets, 1);
    cr_assert(h.reset_at > 131 * SIM_S, "%llu", (unsigned long long)h.reset_at);
    sim_wan_free(h.wan);
}

/* What is lost within a few milliseconds is sent again at one instant, or two that are 32 ms apart;
 * each SYN keeps the line for 62 us. */
Test(wan, timers_that_are_far_off_fire_together)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
    sim_duration between = 0;
    struct host h;

    for (uint64_t seed = 1; seed <= 50; seed++) {
        config.seed = seed;
        start(&h, &config);
        sim_wan_set_up(h.wan, false, 0);
        for (uint64_t user = 1; user <= 10; user++) {
            run_until(&h, user * SIM_MS);
            open_flow(&h, user);
        }
        sim_wan_set_up(h.wan, true, h.now);
        sim_time first = 0, last = 0;
        while (h.arrived < 10) {
            uint64_t before = h.arrived;
            run_until(&h, sim_wan_deadline(h.wan));
            first = before == 0 ? h.arrived_at : first;
            last = h.arrived_at;
        }
        sim_duration queued = (last - first) % (32 * SIM_MS);
        cr_assert_leq(queued, 9 * 62 * SIM_US, "seed %llu: %llu", (unsigned long long)seed,
                      (unsigned long long)queued);
        between += last - first > 31 * SIM_MS;
        sim_wan_free(h.wan);
    }
    /* Nine of 32 starting phases split the ten. */
    cr_assert(between > 5 && between < 25, "%llu", (unsigned long long)between);
}

Test(wan, gives_up_a_connection_that_nobody_answers)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
    struct host h;

    start(&h, &config);
    sim_wan_set_up(h.wan, false, 0);
    sim_wan_flow flow = open_flow(&h, 1);
    run_until(&h, 200 * SIM_S);
    cr_assert_eq(h.resets, 1);
    cr_assert_eq(h.established, 0);
    sim_wan_close(h.wan, flow, h.now);
    cr_assert_eq(sim_wan_flows(h.wan), 0);
    cr_assert_eq(sim_wan_deadline(h.wan), SIM_NEVER);
    sim_wan_free(h.wan);
}

/* Both directions at once over lines of every kind; all bytes come out, exactly once, and the flow
 * goes away. */
Test(wan, delivers_every_byte_once_and_then_forgets_the_flow)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct sim_rng rng;
        struct host h;
        sim_rng_init(&rng, seed, SIM_RNG_TEST, 0);
        struct sim_wan_config config =
            config_of(sim_rng_between(&rng, 300000, 50000000), sim_rng_below(&rng, 200 * SIM_MS),
                      sim_rng_between(&rng, 1, 100));
        config.line.loss_ppm = (uint32_t)sim_rng_below(&rng, 50000);
        config.seed = seed;
        config.congestion = seed % 4 == 0 ? SIM_WAN_RENO : SIM_WAN_CUBIC;
        start(&h, &config);
        uint64_t down = 0, up = 0;
        sim_wan_flow flows[3];
        for (int f = 0; f < 3; f++) {
            flows[f] = open_flow(&h, (uint64_t)f);
            for (int piece = 0; piece < 4; piece++) {
                uint64_t more = sim_rng_below(&rng, 100000);
                sim_wan_offer(h.wan, flows[f], SIM_WAN_DOWN, more, h.now);
                down += more;
                more = sim_rng_below(&rng, 20000);
                sim_wan_offer(h.wan, flows[f], SIM_WAN_UP, more, h.now);
                up += more;
                run_until(&h, h.now + sim_rng_below(&rng, SIM_S));
            }
            sim_wan_finish(h.wan, flows[f], SIM_WAN_DOWN, h.now);
            sim_wan_finish(h.wan, flows[f], SIM_WAN_UP, h.now);
        }
        run_until(&h, h.now + 600 * SIM_S);
        cr_assert_eq(h.resets, 0, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(h.delivered[SIM_WAN_DOWN], down, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(h.delivered[SIM_WAN_UP], up, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(h.finished[SIM_WAN_DOWN], 3, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(h.finished[SIM_WAN_UP], 3, "seed %llu", (unsigned long long)seed);
        for (int f = 0; f < 3; f++) {
            sim_wan_close(h.wan, flows[f], h.now);
        }
        run_until(&h, h.now + 600 * SIM_S);
        cr_assert_eq(sim_wan_flows(h.wan), 0, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(sim_wan_deadline(h.wan), SIM_NEVER, "seed %llu", (unsigned long long)seed);
        sim_wan_free(h.wan);
    }
}

/* A late host must see the same bytes at the same instants. */
Test(wan, does_not_care_how_late_it_is_ticked)
{
    struct sim_wan_counters counters[2];

    for (int late = 0; late < 2; late++) {
        struct sim_wan_config config = config_of(10000000, 80 * SIM_MS, 50);
        struct host h;
        config.line.loss_ppm = 3000;
        start(&h, &config);
        sim_wan_flow flow = open_flow(&h, 1);
        sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 3000000, 0);
        sim_wan_finish(h.wan, flow, SIM_WAN_DOWN, 0);
        while (h.now < 30 * SIM_S) {
            if (late) {
                h.now += 977 * SIM_MS;
                sim_wan_tick(h.wan, h.now);
                drain(&h);
            } else {
                run_until(&h, h.now + SIM_S);
            }
        }
        cr_assert_eq(h.delivered[SIM_WAN_DOWN], 3000000);
        sim_wan_counters(h.wan, SIM_WAN_DOWN, h.now, &counters[late]);
        sim_wan_free(h.wan);
    }
    cr_assert_eq(counters[0].bytes, counters[1].bytes);
    cr_assert_eq(counters[0].last, counters[1].last);
    cr_assert_eq(counters[0].losses, counters[1].losses);
}

static void fill_line(uint64_t bit_s, uint32_t flows)
{
    uint64_t product = bit_s / 8 * 80 / 1000 / 1502 + 1;
    struct sim_wan_config config = config_of(bit_s, 80 * SIM_MS, product < 100 ? 100 : product);
    struct host h;
    struct sim_wan_counters begin, end;

    start(&h, &config);
    for (uint32_t i = 0; i < flows; i++) {
        sim_wan_offer(h.wan, open_flow(&h, i), SIM_WAN_DOWN, UINT64_C(1) << 40, 0);
    }
    while (h.delivered[SIM_WAN_DOWN] == 0) {
        run_until(&h, sim_wan_deadline(h.wan));
    }
    sim_wan_counters(h.wan, SIM_WAN_DOWN, h.now, &begin);
    run_until(&h, h.now + 30 * SIM_S);
    sim_wan_counters(h.wan, SIM_WAN_DOWN, h.now, &end);
    double rate = (double)(end.bytes - begin.bytes) * 8 / 30;
    cr_assert(rate > 0.98 * (double)bit_s && rate < 1.02 * (double)bit_s,
              "%llu bit/s, %u flows: %.0f bit/s", (unsigned long long)bit_s, flows, rate);
    sim_wan_free(h.wan);
}

Test(wan, keeps_its_line_full_within_two_per_cent_over_thirty_seconds)
{
    static const uint64_t rates[] = {384000, 1536000, 10000000, 100000000};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        fill_line(rates[i], 1);
        fill_line(rates[i], 200);
    }
}

/* One ACK per two segments once the window has stopped growing; while it grows (the first 81,920
 * bytes are known to, from 65,160, two segments for each that comes: 6 of them), for the sixteen
 * first and for sixteen after a silence, one each. */
Test(wan, acknowledges_every_second_segment_after_the_first_ones)
{
    struct sim_wan_config config = config_of(10000000, 2 * SIM_MS, 1000);
    struct sim_wan_counters up;
    struct host h;

    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    run_until(&h, SIM_S);
    sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 22 * SIM_WAN_MSS, h.now);
    run_until(&h, 2 * SIM_S);
    sim_wan_counters(h.wan, SIM_WAN_UP, h.now, &up);
    cr_assert_eq(up.packets, 2 + 22, "SYN, its ACK and one each: %llu",
                 (unsigned long long)up.packets);
    for (int i = 0; i < 100; i++) {
        sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 2 * SIM_WAN_MSS, h.now);
        run_until(&h, h.now + 5 * SIM_MS);
    }
    run_until(&h, 4 * SIM_S);
    sim_wan_counters(h.wan, SIM_WAN_UP, h.now, &up);
    cr_assert_eq(up.packets, 2 + 22 + 16 + (200 - 16) / 2, "%llu", (unsigned long long)up.packets);
    sim_wan_free(h.wan);
}

/* A single segment's ACK waits for company, longer each time that none came: 40 ms, 80 ms, then a
 * round trip; and a tick of 4 ms at most. */
Test(wan, waits_longer_for_company_that_does_not_come)
{
    static const sim_duration waits[] = {40 * SIM_MS, 80 * SIM_MS, 104 * SIM_MS, 104 * SIM_MS};
    struct sim_wan_config config = config_of(100000000, 100 * SIM_MS, 1000);
    struct sim_wan_counters up;
    struct host h;

    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    run_until(&h, 200 * SIM_MS);
    for (int i = 0; i < 30; i++) { /* the quick ACKs are used up, and the window has grown */
        sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 2 * SIM_WAN_MSS, h.now);
        run_until(&h, h.now + 15 * SIM_MS);
    }
    run_until(&h, h.now + 150 * SIM_MS);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, SIM_WAN_MSS, h.now);
        sim_time there = h.now + 50 * SIM_MS + 121 * SIM_US;
        run_until(&h, h.now + 170 * SIM_MS);
        sim_wan_counters(h.wan, SIM_WAN_UP, h.now, &up);
        sim_duration waited = up.last - there;
        cr_expect(waited >= waits[i] && waited < waits[i] + 9 * SIM_MS, "%zu: %llu", i,
                  (unsigned long long)waited);
    }
    sim_wan_free(h.wan);
}

/* Behind a gap the ACKs after the third share one a millisecond, which at 100 Mbit/s is eight
 * segments. */
Test(wan, acknowledges_together_behind_a_gap)
{
    struct sim_wan_config config = config_of(100000000, 20 * SIM_MS, 1000);
    struct sim_wan_counters up, down;
    struct host h;

    config.line.loss_ppm = 5000;
    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 1000000000, h.now);
    run_until(&h, 20 * SIM_S);
    sim_wan_counters(h.wan, SIM_WAN_UP, h.now, &up);
    sim_wan_counters(h.wan, SIM_WAN_DOWN, h.now, &down);
    double share = (double)up.packets / (double)down.packets;
    cr_assert(share > 0.4 && share < 0.5, "%.3f", share);
    sim_wan_free(h.wan);
}

/* All that is under way is lost at once; `segments` of it. Returns when all has come, from the
 * sending. */
static sim_duration mend_tail(uint32_t segments)
{
    struct sim_wan_config config = config_of(10000000, 40 * SIM_MS, 1000);
    struct host h;

    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    run_until(&h, SIM_S);
    sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, segments * SIM_WAN_MSS, h.now);
    sim_wan_set_up(h.wan, false, h.now);
    sim_wan_set_up(h.wan, true, h.now);
    run_until(&h, 3 * SIM_S);
    cr_assert_eq(h.delivered[SIM_WAN_DOWN], segments * SIM_WAN_MSS);
    sim_duration took = h.delivered_at[SIM_WAN_DOWN] - SIM_S;
    sim_wan_free(h.wan);
    return took;
}

Test(wan, probes_a_lost_tail_before_the_timeout_and_times_out_for_a_single_segment)
{
    /* The probe, of the last segment, goes after two round trips and at most two ticks of 4 ms;
     * then go one, two and one segment, a round trip apart as recovery begins with next to nothing
     * in flight. The timeout alone would take 240 ms. */
    sim_duration many = mend_tail(5);
    cr_assert(many > 222 * SIM_MS && many < 238 * SIM_MS, "%llu", (unsigned long long)many);
    sim_duration one = mend_tail(1); /* a round trip, 200 ms, two ticks, and half a round trip */
    cr_assert(one > 260 * SIM_MS && one < 272 * SIM_MS, "%llu", (unsigned long long)one);
}

Test(wan, carries_datagrams_and_their_fragments)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
    struct host h;

    start(&h, &config);
    cr_assert_eq(sim_wan_datagram(h.wan, SIM_WAN_DOWN, 512, 1, 0), 0);
    run_until(&h, 20 * SIM_MS + (512 + 28 + 2) * SIM_US - 1);
    cr_assert_eq(h.datagrams, 0);
    run_until(&h, 20 * SIM_MS + (512 + 28 + 2) * SIM_US);
    cr_assert_eq(h.datagrams, 1);

    /* 1472 is the last that fits; one more makes two packets: 1480 and 1 bytes of IP payload. */
    sim_time from = h.now;
    sim_wan_datagram(h.wan, SIM_WAN_DOWN, 1472, 2, from);
    run_until(&h, from + SIM_S);
    cr_assert_eq(h.datagram_at, from + 20 * SIM_MS + 1502 * SIM_US);
    from = h.now;
    sim_wan_datagram(h.wan, SIM_WAN_DOWN, 1473, 3, from);
    run_until(&h, from + SIM_S);
    cr_assert_eq(h.datagram_at, from + 20 * SIM_MS + (1502 + 23) * SIM_US);
    sim_wan_datagram(h.wan, SIM_WAN_UP, SIM_WAN_DATAGRAM_MAX, 4, h.now);
    run_until(&h, h.now + SIM_S);
    cr_assert_eq(h.datagrams, 4);
    cr_assert_eq(h.dropped, 0);
    sim_wan_free(h.wan);
}

Test(wan, drops_a_datagram_when_one_fragment_finds_no_room)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 3);
    struct host h;

    start(&h, &config);
    sim_wan_datagram(h.wan, SIM_WAN_DOWN, 1480 * 5 - 8, 1,
                     0); /* one is sent, three wait, the fifth is dropped */
    sim_wan_datagram(h.wan, SIM_WAN_DOWN, 10, 2, 0);
    run_until(&h, SIM_S);
    cr_assert_eq(h.dropped, 2);
    cr_assert_eq(h.datagrams, 0);
    sim_wan_datagram(h.wan, SIM_WAN_DOWN, 1480 * 4 - 8, 3, h.now);
    run_until(&h, 2 * SIM_S);
    cr_assert_eq(h.datagrams, 1);
    sim_wan_free(h.wan);
}

/* Ten fragments at 5 % each: 0.95^10 = 0.599 come through whole. */
Test(wan, loses_a_datagram_with_any_of_its_fragments)
{
    struct sim_wan_config config = config_of(1000000000, 40 * SIM_MS, 100);
    struct host h;

    config.line.loss_ppm = 50000;
    start(&h, &config);
    for (uint64_t i = 0; i < 10000; i++) {
        sim_wan_datagram(h.wan, SIM_WAN_DOWN, 1480 * 10 - 8, i, h.now);
        run_until(&h, h.now + SIM_MS);
    }
    run_until(&h, h.now + SIM_S);
    cr_assert_eq(h.datagrams + h.dropped, 10000);
    cr_assert(h.datagrams > 5800 && h.datagrams < 6180, "%llu", (unsigned long long)h.datagrams);
    sim_wan_free(h.wan);
}

Test(wan, a_reset_arrives_half_a_round_trip_later_and_ends_both_ends)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
    struct host h;

    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    run_until(&h, SIM_S);
    sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 1000000, h.now);
    sim_wan_reset(h.wan, flow, SIM_WAN_UP, h.now);
    run_until(&h, SIM_S + 20 * SIM_MS + 54 * SIM_US - 1);
    cr_assert_eq(h.resets, 0);
    run_until(&h, SIM_S + 20 * SIM_MS + 54 * SIM_US);
    cr_assert_eq(h.resets, 1);
    sim_wan_close(h.wan, flow, h.now);
    run_until(&h, 100 * SIM_S);
    cr_assert_eq(h.delivered[SIM_WAN_DOWN], 0, "the phone's end had gone");
    cr_assert_eq(sim_wan_deadline(h.wan), SIM_NEVER);
    sim_wan_free(h.wan);
}

Test(wan, a_transfer_survives_the_fall_of_the_line)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
    struct host h;

    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    sim_wan_offer(h.wan, flow, SIM_WAN_DOWN, 5000000, 0);
    run_until(&h, 2 * SIM_S);
    sim_wan_datagram(h.wan, SIM_WAN_UP, 100, 9, h.now);
    sim_wan_set_up(h.wan, false, h.now);
    drain(&h);
    cr_assert_eq(h.dropped, 1, "what was on the line is lost");
    uint64_t before = h.delivered[SIM_WAN_DOWN];
    run_until(&h, 7 * SIM_S);
    cr_assert_eq(h.delivered[SIM_WAN_DOWN], before);
    sim_wan_set_up(h.wan, true, h.now);
    run_until(&h, 30 * SIM_S);
    cr_assert_eq(h.delivered[SIM_WAN_DOWN], 5000000);
    cr_assert_eq(h.resets, 0);
    sim_wan_free(h.wan);
}

Test(wan, ignores_a_flow_that_is_closed)
{
    struct sim_wan_config config = config_of(8000000, 40 * SIM_MS, 100);
    struct host h;

    start(&h, &config);
    sim_wan_flow flow = open_flow(&h, 1);
    sim_wan_offer(h.wan, flow, SIM_WAN_UP, 1000, 0);
    run_until(&h, 50 * SIM_MS);
    sim_wan_close(h.wan, flow, h.now);
    sim_wan_flow next = open_flow(&h, 2);
    cr_assert_neq(next, flow, "the place is the same, the number not");
    sim_wan_offer(h.wan, flow, SIM_WAN_UP, 500, h.now);
    sim_wan_finish(h.wan, flow, SIM_WAN_UP, h.now);
    sim_wan_reset(h.wan, flow, SIM_WAN_UP, h.now);
    cr_assert_eq(sim_wan_unsent(h.wan, flow, SIM_WAN_UP), 0);
    run_until(&h, SIM_S);
    cr_assert_eq(h.delivered[SIM_WAN_UP], 0, "neither the old bytes nor new ones");
    cr_assert_eq(h.resets, 0);
    sim_wan_free(h.wan);
}

Test(wan, holds_twenty_thousand_flows_and_no_more_than_it_was_told)
{
    struct sim_wan_config config = config_of(1000000000, 40 * SIM_MS, 100000);
    struct host h;
    sim_wan_flow flow;

    start(&h, &config);
    for (uint32_t i = 0; i < 20000; i++) {
        sim_wan_flow opened = open_flow(&h, i);
        sim_wan_offer(h.wan, opened, SIM_WAN_UP, 100, h.now);
        sim_wan_offer(h.wan, opened, SIM_WAN_DOWN, 1000, h.now);
    }
    cr_assert_eq(sim_wan_open(h.wan, 1, h.now, &flow), SIM_ELIMIT);
    run_until(&h, 20 * SIM_S);
    cr_assert_eq(h.established, 20000);
    cr_assert_eq(h.delivered[SIM_WAN_UP], 20000 * 100);
    cr_assert_eq(h.delivered[SIM_WAN_DOWN], 20000 * 1000);
    sim_wan_free(h.wan);
}

Test(wan, refuses_a_line_that_cannot_be)
{
    struct sim_wan_config good = config_of(8000000, 40 * SIM_MS, 100);
    struct sim_wan *w = NULL;

    struct sim_wan_config bad = good;
    bad.line.none = true;
    cr_assert_eq(sim_wan_new(&w, &bad), SIM_EINVAL);
    bad = good;
    bad.line.up_bit_s = 0;
    cr_assert_eq(sim_wan_new(&w, &bad), SIM_EINVAL);
    bad = good;
    bad.line.queue.limit = 0;
    cr_assert_eq(sim_wan_new(&w, &bad), SIM_EINVAL);
    bad = good;
    bad.flows_max = 0;
    cr_assert_eq(sim_wan_new(&w, &bad), SIM_EINVAL);
    cr_assert_null(w);
}
