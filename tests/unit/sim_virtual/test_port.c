/* Goal: the bodies that a node sends share its port evenly, and end at the exact nanosecond.
 * Method: tables of instants in the streams' rig; hundreds of random ports against a plain model of
 * sharing in long double that goes from one change to the next. */
#include "sim/rng.h"
#include "streams.h"

TestSuite(port, .init = set_up_catalog, .fini = tear_down_catalog);

#define RATE 8000000 /* a byte a microsecond */
#define US SIM_US
#define MS SIM_MS

/* Node 0 dials 1, 2, 3 at instant 0: its slots 0, 1, 2. */
#define DIALS                                                                                      \
    {0, 0, DIAL, 1, 0, 0}, {0, 0, DIAL, 2, 0, 0},                                                  \
    {                                                                                              \
        0, 0, DIAL, 3, 0, 0                                                                        \
    }

/* When node 0 was told for the n-th time that a body has left; when `who` had its body. */
static sim_time sent_at(size_t n)
{
    for (size_t i = 0; i < told_len; i++) {
        if (told[i].who == 0 && told[i].what == SENT && n-- == 0) {
            return told[i].at;
        }
    }
    return SIM_NEVER;
}

static sim_time received_at(unsigned who)
{
    for (size_t i = 0; i < told_len; i++) {
        if (told[i].who == who && told[i].what == RECEIVED) {
            return told[i].at;
        }
    }
    return SIM_NEVER;
}

static uint64_t size_at(size_t n)
{
    for (size_t i = 0; i < told_len; i++) {
        if (told[i].what == SIZE && n-- == 0) {
            return told[i].value;
        }
    }
    return UINT64_MAX;
}

#define RUN_ONLY(rate, list) run_acts(rate, list, sizeof(list) / sizeof((list)[0]))

static void expect_instant(sim_time at, sim_time want, const char *what)
{
    cr_assert(at == want, "%s at %" PRIu64 ", wanted %" PRIu64, what, at, want);
}

Test(port, is_shared_by_two_that_begin_together)
{
    static const struct act list[] = {
        DIALS,
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {1 * MS, 0, GIVE, 1, 1000, 0},
    };
    struct sim_virtual_usage usage;

    RUN_ONLY(RATE, list);
    expect_instant(sent_at(0), 3 * MS, "the first");
    expect_instant(sent_at(1), 3 * MS, "the second");
    expect_instant(received_at(1), 3100 * US, "received");
    expect_instant(received_at(2), 3100 * US, "received");
    sim_virtual_usage(v, &usage);
    /* 3 dials of 2; announcements and bodies; of the controller 2; of the port: one for both, and
     * the one of the first body, which is early */
    cr_assert_eq(usage.events, 6 + 2 + 2 + 2 + 2, "%" PRIu64, usage.events);
    end_world();
}

Test(port, is_shared_by_three_that_begin_one_after_another)
{
    /* At 1 ms 1000 bytes; at 1.4 ms 1000; at 2 ms 100. Left: 600 at 1.4, 300 and 700 at 2 ms; the
     * third is through at 2.3 ms (200, 600), the first at 2.7 ms (400), the second at 3.1 ms. */
    static const struct act list[] = {
        DIALS,
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {1400 * US, 0, GIVE, 1, 1000, 0},
        {2 * MS, 0, GIVE, 2, 100, 0},
    };

    RUN_ONLY(RATE, list);
    expect_instant(received_at(3), 2400 * US, "the third");
    expect_instant(received_at(1), 2800 * US, "the first");
    expect_instant(received_at(2), 3200 * US, "the second");
    end_world();
}

Test(port, tells_the_first_nanosecond_by_which_all_have_passed)
{
    /* 7 bytes at 3 Mbit/s are 18,666.67 ns; two of 5 bytes at 1.5 Mbit/s each 26,666.67 ns. */
    static const struct act list[] = {
        DIALS,
        {1 * MS, 0, GIVE, 0, 7, 0},
        {2 * MS, 0, GIVE, 1, 5, 0},
        {2 * MS, 0, GIVE, 2, 5, 0},
    };

    RUN_ONLY(3000000, list);
    expect_instant(sent_at(0), 1 * MS + 18667, "7 bytes");
    expect_instant(sent_at(1), 2 * MS + 26667, "5 bytes");
    expect_instant(sent_at(2), 2 * MS + 26667, "5 bytes");
    end_world();
}

Test(port, loses_nothing_when_its_load_changes_a_thousand_times)
{
    /* A long body, and 300 short ones beside it at instants that fit no byte: what the long one has
     * lost is what they had, to the nanosecond of each one's end. */
    static struct act list[3 + 1 + 300];
    size_t len = 0;
    uint64_t others = 0;
    sim_time end;

    list[len++] = (struct act){0, 0, DIAL, 1, 0, 0};
    list[len++] = (struct act){0, 0, DIAL, 2, 0, 0};
    list[len++] = (struct act){1 * MS, 0, GIVE, 0, 1000000, 0};
    for (uint64_t i = 0; i < 300; i++) {
        uint64_t bytes = 1 + i % 13;

        others += bytes;
        list[len++] = (struct act){2 * MS + i * 333333 + i % 7, 0, GIVE, 1, bytes, 0};
    }
    run_acts(7000000, list, len);
    end = received_at(1) - HOP - 1 * MS;
    cr_assert(end >= sim_time_of_bytes(1000000 + others, 7000000) &&
                  end <= sim_time_of_bytes(1000000 + others, 7000000) + 300,
              "%" PRIu64 " ns", end);
    end_world();
}

Test(port, gives_the_time_of_a_partition_to_the_others)
{
    static const struct act list[] = {
        DIALS,
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {1 * MS, 0, GIVE, 1, 1000, 0},
        {1500 * US + 1, 1, GROUP, 1, 0, 0}, /* 250.0005 are gone of each */
        {2 * MS, 1, ASK, 0, 0, 0},
        {2 * MS + 1, 1, GROUP, 0, 0, 0}, /* 249.9995 and 749.9995 are left */
    };

    RUN_ONLY(RATE, list);
    cr_assert_eq(size_at(0), 200);
    expect_instant(received_at(2), 2600 * US, "that went on");
    expect_instant(received_at(1), 3100 * US, "that stood still");
    end_world();
}

Test(port, gives_the_rest_to_the_others_when_one_ends)
{
    static const struct act list[] = {
        DIALS,
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {1 * MS, 0, GIVE, 1, 1000, 0},
        {1900 * US, 1, CLOSE, 0, 0, 0}, /* known here at 2 ms: 500 have gone */
    };

    RUN_ONLY(RATE, list);
    expect_instant(received_at(2), 2600 * US, "the other");
    expect_instant(received_at(1), SIM_NEVER, "the closed one");
    cr_assert(virtual_file_of(v, members[1].slots[0].copy)->size == 400);
    end_world();
}

Test(port, is_looked_back_into_exactly)
{
    /* Changes at 1, 1.02, 1.05 and 1.07 ms; asked at instants one latency behind each. */
    static const struct act list[] = {
        DIALS,
        {0, 0, DIAL, 4, 0, 0},
        {1000 * US, 0, GIVE, 0, 1000, 0},
        {1020 * US, 0, GIVE, 1, 15, 0},   /* 20 alone; 15 of each by 1.05 */
        {1070 * US, 0, GIVE, 2, 1000, 0}, /* 20 more alone */
        {1110 * US, 1, ASK, 0, 0, 0},     /* of 1.01 */
        {1130 * US, 1, ASK, 0, 0, 0},     /* of 1.03 */
        {1160 * US, 1, ASK, 0, 0, 0},     /* of 1.06 */
        {1190 * US, 1, ASK, 0, 0, 0},     /* of 1.09 */
    };

    RUN_ONLY(RATE, list);
    cr_assert_eq(size_at(0), 10);
    cr_assert_eq(size_at(1), 25);
    cr_assert_eq(size_at(2), 45);
    cr_assert_eq(size_at(3), 65, "%" PRIu64, size_at(3));
    end_world();
}

Test(port, without_a_rate_sends_at_once)
{
    static const struct act list[] = {
        DIALS,
        {1 * MS, 0, GIVE, 0, FIRMWARE, 1000},
        {1 * MS, 0, GIVE, 1, FIRMWARE, 0},
        {1 * MS, 0, GIVE, 2, 0, 0},
        {1099 * US, 1, ASK, 0, 0, 0},
        {2 * MS, 0, THEN, 0, 10, 0},
        {2 * MS, 0, GIVE, 0, 5, 0}, /* too short an announcement: 10 more come behind */
    };

    RUN_ONLY(SIM_RATE_NONE, list);
    expect_instant(sent_at(0), 1 * MS, "sent");
    expect_instant(sent_at(1), 1 * MS, "sent");
    expect_instant(sent_at(2), 1 * MS, "sent");
    expect_instant(received_at(1), 1100 * US, "received");
    expect_instant(received_at(2), 1100 * US, "received");
    expect_instant(sent_at(4), 2 * MS, "sent, one event later");
    cr_assert(told[told_len - 2].what == CLOSED && told[told_len - 2].value == -SIM_EPROTO);
    end_world();
}

Test(port, of_a_bit_a_second_and_of_400_Gbit_ends_too)
{
    static const struct act slow[] = {
        DIALS, {1 * MS, 0, GIVE, 0, 2, 0}, {1 * MS, 0, GIVE, 1, 3, 0}};
    static const struct act quick[] = {DIALS,
                                       {1 * MS, 0, GIVE, 0, FIRMWARE, 0},
                                       {1 * MS, 0, GIVE, 1, FIRMWARE, 0},
                                       {1 * MS, 0, GIVE, 2, FIRMWARE, 0}};

    RUN_ONLY(1, slow);
    expect_instant(sent_at(0), 32 * SIM_S + 1 * MS, "2 bytes");
    expect_instant(sent_at(1), 40 * SIM_S + 1 * MS, "3 bytes");
    end_world();
    RUN_ONLY(UINT64_C(400000000000), quick);
    expect_instant(sent_at(2), 7 * MS, "three of 100 MB");
    end_world();
}

/* ---- Against a plain model ---- */

struct flow {
    sim_time begin, end;
    uint64_t bytes;
    long double left;
    bool begun, over;
};

/* Even shares, from one beginning or end to the next; a flow is off at the first whole nanosecond
 * by which all of it has passed. */
static void model(struct flow *flows, size_t len, uint64_t rate)
{
    long double byte_ns = 8e9L / (long double)rate;
    sim_time now = 0;

    for (;;) {
        size_t active = 0;
        long double least = 0;
        sim_time next = SIM_NEVER, ends = SIM_NEVER;

        for (size_t i = 0; i < len; i++) {
            if (flows[i].begun && !flows[i].over) {
                least = active++ == 0 || flows[i].left < least ? flows[i].left : least;
            }
            if (!flows[i].begun && flows[i].begin < next) {
                next = flows[i].begin;
            }
        }
        if (active > 0) {
            long double wait = least * (long double)active * byte_ns;

            ends = now + (sim_time)wait;
            ends += (long double)(ends - now) < wait - 1e-6L;
        }
        next = ends < next ? ends : next;
        if (next == SIM_NEVER) {
            return;
        }
        for (size_t i = 0; i < len; i++) {
            if (flows[i].begun && !flows[i].over) {
                flows[i].left -= (long double)(next - now) / byte_ns / (long double)active;
                if (flows[i].left < 1e-9L) {
                    flows[i].over = true;
                    flows[i].end = next;
                }
            }
            if (!flows[i].begun && flows[i].begin == next) {
                flows[i].begun = true;
                flows[i].left = (long double)flows[i].bytes;
            }
        }
        now = next;
    }
}

/* `off`: nanoseconds that an end may be off. */
static void compare(uint64_t seed, size_t flows_max, uint64_t off)
{
    static const uint64_t rates[] = {1000000, 100000000, 1000000000, 7654321, 384000};
    struct flow flows[64] = {{.begin = 0}};
    struct act list[3 * 64];
    struct sim_rng rng;
    size_t count, len = 0;
    uint64_t rate;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, 0);
    count = 1 + sim_rng_below(&rng, flows_max);
    rate = rates[sim_rng_below(&rng, 5)];
    for (size_t i = 0; i < count; i++) { /* a stream for each, to all nodes in turn */
        list[len++] = (struct act){0, 0, DIAL, 1 + i % (NODES - 1), 0, 0};
    }
    sim_time at = SIM_MS;
    for (size_t i = 0; i < count; i++) {
        at += sim_rng_below(&rng, 3) == 0 ? 0 : sim_rng_below(&rng, 20 * SIM_MS);
        flows[i].begin = at;
        flows[i].bytes = 1 + sim_rng_below(&rng, UINT64_C(1) << sim_rng_below(&rng, 20));
        list[len++] = (struct act){at, 0, GIVE, i, flows[i].bytes, 0};
    }
    model(flows, count, rate);
    run_acts(rate, list, len);
    /* The rig notes ends in order, without saying whose: the same multiset is the same. */
    for (size_t i = 0; i < count; i++) {
        size_t first = i;
        sim_time got = sent_at(i);

        for (size_t j = i + 1; j < count; j++) {
            if (flows[j].end < flows[first].end) {
                first = j;
            }
        }
        struct flow swap = flows[i];

        flows[i] = flows[first];
        flows[first] = swap;
        cr_assert(got != SIM_NEVER && got + off >= flows[i].end && flows[i].end + off >= got,
                  "seed %" PRIu64 ": end %zu of %zu at %" PRIu64 ", not %" PRIu64, seed, i, count,
                  got, flows[i].end);
    }
    end_world();
}

Test(port, agrees_with_a_plain_model_of_sharing)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        compare(seed, 16, 1);
    }
}

Test(port, agrees_with_it_for_more_bodies_than_shares_are_exact_for)
{
    for (uint64_t seed = 1000; seed <= 1100; seed++) {
        compare(seed, 60, 60);
    }
}
