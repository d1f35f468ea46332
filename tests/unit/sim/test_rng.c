/* Goal: chance is reproducible, independent per stream and not biased. Method: known values,
 * counts. */
#include <criterion/criterion.h>

#include "sim/err.h"
#include "sim/rng.h"
#include "sim/time.h"

Test(rng, same_seed_same_stream_other_id_another_stream)
{
    struct sim_rng a, b, c;
    sim_rng_init(&a, 1, SIM_RNG_NODE, 5);
    sim_rng_init(&b, 1, SIM_RNG_NODE, 5);
    sim_rng_init(&c, 1, SIM_RNG_NODE, 6);
    unsigned equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t x = sim_rng_next(&a);
        cr_assert_eq(x, sim_rng_next(&b));
        equal += x == sim_rng_next(&c);
    }
    cr_assert_eq(equal, 0);
}

Test(rng, gives_the_same_numbers_on_every_machine_and_in_every_version)
{
    struct sim_rng rng;
    sim_rng_init(&rng, 1, SIM_RNG_NODE, 0);
    uint64_t first = sim_rng_next(&rng);
    sim_rng_init(&rng, 1, SIM_RNG_NODE, 0);
    cr_assert_eq(sim_rng_next(&rng), first);
    cr_assert_eq(sim_rng_mix(1), UINT64_C(0x5692161d100b05e5));
    cr_assert_eq(sim_rng_hash("a"), UINT64_C(0xaf63dc4c8601ec8c), "FNV-1a 64 of \"a\"");
}

Test(rng, below_is_flat_and_stays_below)
{
    struct sim_rng rng;
    unsigned counts[7] = {0};
    sim_rng_init(&rng, 2, SIM_RNG_TEST, 0);
    for (int i = 0; i < 70000; i++) {
        counts[sim_rng_below(&rng, 7)]++;
    }
    for (int i = 0; i < 7; i++) {
        cr_assert(counts[i] > 9500 && counts[i] < 10500, "%d: %u", i, counts[i]);
    }
    cr_assert_eq(sim_rng_between(&rng, 9, 9), 9);
    sim_rng_between(&rng, 0, UINT64_MAX);
}

Test(rng, chance_keeps_its_share_and_draws_nothing_for_zero)
{
    struct sim_rng rng, before;
    sim_rng_init(&rng, 3, SIM_RNG_TEST, 0);
    before = rng;
    cr_assert_not(sim_rng_chance_ppm(&rng, 0));
    cr_assert_eq(sim_rng_next(&rng), sim_rng_next(&before));
    unsigned hits = 0;
    for (int i = 0; i < 100000; i++) {
        hits += sim_rng_chance_ppm(&rng, 250000);
    }
    cr_assert(hits > 24500 && hits < 25500, "%u", hits);
    cr_assert(sim_rng_chance_ppm(&rng, 1000000));
}

Test(time, saturates_and_rounds_up)
{
    cr_assert_eq(sim_time_add(SIM_NEVER, 1), SIM_NEVER);
    cr_assert_eq(sim_time_add(1, SIM_NEVER), SIM_NEVER);
    cr_assert_eq(sim_time_add(2, 3), 5);
    cr_assert_eq(sim_time_since(3, 5), 0);
    cr_assert_eq(sim_time_of_bytes(1, 8), SIM_S);
    cr_assert_eq(sim_time_of_bytes(1, 3), UINT64_C(2666666667), "rounded up");
    cr_assert_eq(sim_time_of_bytes(UINT64_MAX, 1), SIM_NEVER);
}

Test(err, every_code_has_its_name_and_text)
{
#define X(name, value, text)                                                                       \
    cr_assert_str_eq(sim_err_text(SIM_##name), text);                                              \
    cr_assert_str_eq(sim_err_name(SIM_##name), "SIM_" #name);
    SIM_ERRORS(X)
#undef X
    cr_assert_str_eq(sim_err_text(0), "success");
    cr_assert_str_eq(sim_err_text(-9999), "unknown error");
}
