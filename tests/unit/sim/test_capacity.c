/* Goal: how much a changing rate carries and when, to the nanosecond. Method: cases worked out by
 * hand; random steps against a sum taken step by step. */
#include <criterion/criterion.h>

#include "sim/capacity.h"
#include "sim/rng.h"

enum { STEPS = 12 };

static struct sim_capacity *made(const struct sim_capacity_step *steps, size_t len,
                                 sim_duration period, sim_duration offset)
{
    struct sim_capacity *c = NULL;

    cr_assert_eq(sim_capacity_new(&c, steps, len, period, offset), 0);
    return c;
}

static sim_time end_of(const struct sim_capacity *c, sim_time start, uint64_t bytes)
{
    struct sim_capacity_cursor cursor = {.at = SIM_NEVER};

    return sim_capacity_end(c, start, bytes, &cursor);
}

/* 8 Mbit/s for a second, 1 Mbit/s for another one. */
static const struct sim_capacity_step two[] = {{0, 8000000}, {SIM_S, 1000000}};

Test(capacity, adds_up_over_its_steps_and_periods)
{
    struct sim_capacity *c = made(two, 2, 2 * SIM_S, 0);
    sim_time until;

    cr_assert_eq(end_of(c, 0, 500000), 500 * SIM_MS);
    cr_assert_eq(end_of(c, 0, 1000000), SIM_S, "the end of the first step");
    cr_assert_eq(end_of(c, 0, 1000001), SIM_S + 8 * SIM_US, "a byte of the second");
    cr_assert_eq(end_of(c, 0, 1125000), 2 * SIM_S, "the end of the period");
    cr_assert_eq(end_of(c, 0, 1500000), 2 * SIM_S + 375 * SIM_MS);
    cr_assert_eq(end_of(c, 0, 10 * 1125000 + 1000000), 21 * SIM_S);
    cr_assert_eq(end_of(c, 1500 * SIM_MS, 62500 + 1000), 2 * SIM_S + SIM_MS, "begun half way");
    cr_assert_eq(end_of(c, 7, 0), 7, "nothing takes no time");
    cr_assert_eq(sim_capacity_rate(c, SIM_S - 1, &until), 8000000);
    cr_assert_eq(until, SIM_S);
    cr_assert_eq(sim_capacity_rate(c, 3 * SIM_S, &until), 1000000);
    cr_assert_eq(until, 4 * SIM_S);
    cr_assert(sim_capacity_between(c, SIM_S / 2, 3 * SIM_S) ==
              (sim_capacity_bits)(4000000 + 1000000 + 8000000) * SIM_S);
    cr_assert_eq(sim_capacity_mean(c), 4500000);
    cr_assert_eq(sim_capacity_peak(c), 8000000);
    sim_capacity_free(c);
}

Test(capacity, may_begin_within_its_period_and_may_have_none)
{
    struct sim_capacity *late = made(two, 2, 2 * SIM_S, 5 * SIM_S);
    struct sim_capacity *once = made(two, 2, SIM_NEVER, 0);
    sim_time until;

    cr_assert_eq(sim_capacity_rate(late, 0, &until), 1000000);
    cr_assert_eq(until, SIM_S);
    cr_assert_eq(end_of(late, 0, 125000 + 1000), SIM_S + SIM_MS);
    cr_assert_eq(sim_capacity_rate(once, 500 * SIM_S, &until), 1000000);
    cr_assert_eq(until, SIM_NEVER);
    cr_assert_eq(end_of(once, 0, 1000000 + 125000 * 60), 61 * SIM_S);
    cr_assert_eq(sim_capacity_mean(once), 1000000, "what it ends with");
    cr_assert_eq(end_of(once, 0, UINT64_MAX), SIM_NEVER);
    cr_assert_eq(end_of(late, SIM_NEVER - 1, 1000000), SIM_NEVER);
    sim_capacity_free(late);
    sim_capacity_free(once);
}

Test(capacity, waits_where_nothing_passes)
{
    const struct sim_capacity_step steps[] = {{0, 0}, {SIM_S, 8000000}, {2 * SIM_S, 0}};
    struct sim_capacity *c = made(steps, 3, 10 * SIM_S, 0);

    cr_assert_eq(end_of(c, 0, 1), SIM_S + SIM_US);
    cr_assert_eq(end_of(c, 1500 * SIM_MS, 500000), 2 * SIM_S, "just through");
    cr_assert_eq(end_of(c, 1500 * SIM_MS, 500001), 11 * SIM_S + SIM_US);
    cr_assert_eq(end_of(c, 5 * SIM_S, 1000000), 12 * SIM_S);
    sim_capacity_free(c);
}

Test(capacity, of_one_step_is_a_plain_rate)
{
    struct sim_rng rng;

    sim_rng_init(&rng, 1, SIM_RNG_TEST, 1);
    for (int i = 0; i < 2000; i++) {
        const struct sim_capacity_step step = {0, 1 + sim_rng_below(&rng, 1000000000)};
        struct sim_capacity *c =
            made(&step, 1, i % 2 == 0 ? SIM_NEVER : 1 + sim_rng_below(&rng, SIM_S), 0);
        sim_time start = sim_rng_below(&rng, 100 * SIM_S);
        uint64_t bytes = 1 + sim_rng_below(&rng, 100000);

        cr_assert_eq(end_of(c, start, bytes), start + sim_time_of_bytes(bytes, step.bit_s));
        sim_capacity_free(c);
    }
}

/* The plain sum of what passes in [from, to), step by step. */
static sim_capacity_bits sum(const struct sim_capacity *c, sim_time from, sim_time to)
{
    sim_capacity_bits bits = 0;

    while (from < to) {
        sim_time until;
        uint64_t rate = sim_capacity_rate(c, from, &until);

        until = until < to ? until : to;
        bits += (sim_capacity_bits)rate * (until - from);
        from = until;
    }
    return bits;
}

Test(capacity, agrees_with_a_sum_over_its_steps)
{
    struct sim_rng rng;

    sim_rng_init(&rng, 2, SIM_RNG_TEST, 1);
    for (int round = 0; round < 300; round++) {
        struct sim_capacity_step steps[STEPS] = {{0, sim_rng_below(&rng, 3) * 1000000}};
        size_t len = 1 + sim_rng_below(&rng, STEPS);
        for (size_t i = 1; i < len; i++) {
            steps[i].at = steps[i - 1].at + 1 + sim_rng_below(&rng, 50 * SIM_MS);
            steps[i].bit_s = sim_rng_below(&rng, 3) == 0 ? 0 : sim_rng_below(&rng, 20000000);
        }
        steps[len - 1].bit_s += 1000; /* something passes */
        struct sim_capacity *c =
            made(steps, len, steps[len - 1].at + 1 + sim_rng_below(&rng, SIM_S),
                 sim_rng_below(&rng, SIM_S));
        struct sim_capacity_cursor cursor = {.at = SIM_NEVER};
        sim_time at = 0, begun = 0;
        sim_capacity_bits needed = 0; /* since `begun`, from when on it never paused */
        for (int i = 0; i < 50; i++) {
            uint64_t bytes = 1 + sim_rng_below(&rng, i % 10 == 9 ? 200000 : 2000);
            sim_time end = sim_capacity_end(c, at, bytes, &cursor);

            needed += (sim_capacity_bits)bytes * 8 * SIM_S;
            cr_assert(sum(c, begun, end) >= needed, "not before all have passed");
            cr_assert(sum(c, begun, end - 1) < needed || end == at, "and not later");
            cr_assert(sim_capacity_between(c, at, end) == sum(c, at, end));
            at = end;
            if (i % 5 == 0) {
                begun = at = end + 1 + sim_rng_below(&rng, SIM_S);
                needed = 0;
            }
        }
        sim_capacity_free(c);
    }
}

Test(capacity, in_bins_carries_as_much)
{
    const struct sim_capacity_step steps[] = {
        {0, 1000000}, {30 * SIM_MS, 2000000}, {250 * SIM_MS, 0}, {300 * SIM_MS, 500000}};
    struct sim_capacity *c = made(steps, 4, 450 * SIM_MS, 20 * SIM_MS), *bins = NULL;
    sim_time until;

    cr_assert_eq(sim_capacity_in_bins(&bins, c), 0);
    cr_assert_eq(sim_capacity_rate(bins, 0, &until), 1700000, "30 ms of one, 70 of the other");
    cr_assert_eq(until, 80 * SIM_MS, "the offset is kept");
    cr_assert_eq(sim_capacity_rate(bins, 180 * SIM_MS, &until), 1000000);
    cr_assert_eq(sim_capacity_rate(bins, 280 * SIM_MS, &until), 500000);
    cr_assert_eq(until, 430 * SIM_MS, "equal neighbours, and the last bin is short");
    cr_assert(sim_capacity_between(bins, 0, 4500 * SIM_MS) ==
              sim_capacity_between(c, 0, 4500 * SIM_MS));
    sim_capacity_free(bins);
    sim_capacity_free(c);
    c = made(two, 2, SIM_NEVER, 0);
    cr_assert_eq(sim_capacity_in_bins(&bins, c), SIM_EINVAL);
    sim_capacity_free(c);
}

Test(capacity, limited_keeps_its_slower_steps)
{
    struct sim_capacity *c = made(two, 2, 2 * SIM_S, SIM_S / 2), *limited = NULL;
    sim_time until;

    cr_assert_eq(sim_capacity_limited(&limited, c, 3000000), 0);
    cr_assert_eq(sim_capacity_rate(limited, 0, &until), 3000000);
    cr_assert_eq(until, SIM_S / 2, "the offset is kept");
    cr_assert_eq(sim_capacity_rate(limited, SIM_S, &until), 1000000);
    cr_assert_eq(sim_capacity_mean(limited), 2000000);
    sim_capacity_free(limited);
    sim_capacity_free(c);
}

Test(capacity, refuses_what_is_none)
{
    static const struct sim_capacity_step late[] = {{1, 1}}, none[] = {{0, 0}},
                                          back[] = {{0, 1}, {5, 1}, {5, 2}},
                                          fast[] = {{0, SIM_CAPACITY_RATE_MAX + 1}},
                                          ends[] = {{0, 1}, {9, 0}};
    struct sim_capacity *c = NULL;

    cr_assert_eq(sim_capacity_new(&c, late, 1, SIM_S, 0), SIM_EINVAL);
    cr_assert_eq(sim_capacity_new(&c, none, 1, SIM_S, 0), SIM_EINVAL);
    cr_assert_eq(sim_capacity_new(&c, back, 3, SIM_S, 0), SIM_EINVAL);
    cr_assert_eq(sim_capacity_new(&c, fast, 1, SIM_S, 0), SIM_EINVAL);
    cr_assert_eq(sim_capacity_new(&c, ends, 2, SIM_NEVER, 0), SIM_EINVAL, "nothing for ever");
    cr_assert_eq(sim_capacity_new(&c, ends, 2, 9, 0), SIM_EINVAL, "a step at its end");
    cr_assert_eq(sim_capacity_new(&c, two, 0, SIM_S, 0), SIM_EINVAL);
    cr_assert_eq(sim_capacity_new(&c, two, 2, 0, 0), SIM_EINVAL);
    cr_assert_eq(sim_capacity_new(&c, two, 2, SIM_CAPACITY_PERIOD_MAX + 1, 0), SIM_EINVAL);
    cr_assert_null(c);
}
