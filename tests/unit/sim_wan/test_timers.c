/* Goal: timers fire in order of their instants, of ties the one set last first, put-off and cleared
 * ones never early. Method: random operations against a plain table that is searched. */
#include <criterion/criterion.h>

#include "sim/rng.h"
#include "sim/wan/timers.h"

enum { IDS = 50, STEPS = 200000 };

struct plain {
    sim_time due;
    uint64_t order;
};

static uint32_t first_of(const struct plain *plain)
{
    uint32_t best = 0;

    for (uint32_t i = 1; i < IDS; i++) {
        if (plain[i].due < plain[best].due ||
            (plain[i].due == plain[best].due && plain[i].order > plain[best].order)) {
            best = i;
        }
    }
    return best;
}

Test(timers, fire_as_a_searched_table_would)
{
    struct wan_timers t = {0};
    struct plain plain[IDS];
    struct sim_rng rng;
    sim_time now = 0;
    uint64_t order = 0;

    sim_rng_init(&rng, 1, SIM_RNG_TEST, 0);
    cr_assert_eq(wan_timers_grow(&t, IDS / 2), 0);
    cr_assert_eq(wan_timers_grow(&t, IDS), 0);
    for (uint32_t i = 0; i < IDS; i++) {
        plain[i] = (struct plain){SIM_NEVER, 0};
    }
    for (int step = 0; step < STEPS; step++) {
        uint32_t id = (uint32_t)sim_rng_below(&rng, IDS);
        uint32_t fired;
        sim_time due;
        switch (sim_rng_below(&rng, 4)) {
        case 0:
        case 1:
            due = now + sim_rng_below(&rng, 40);
            if (plain[id].due != due) { /* else it keeps its place among its ties */
                plain[id] = (struct plain){due, order++};
            }
            wan_timers_set(&t, id, due);
            break;
        case 2:
            plain[id].due = SIM_NEVER;
            wan_timers_clear(&t, id);
            break;
        default:
            now += sim_rng_below(&rng, 8);
            while (wan_timers_take(&t, now, &fired, &due)) {
                uint32_t want = first_of(plain);
                cr_assert_eq(fired, want, "step %d", step);
                cr_assert_eq(due, plain[want].due);
                plain[want].due = SIM_NEVER;
            }
            cr_assert_gt(plain[first_of(plain)].due, now);
            cr_assert_eq(wan_timers_next(&t), plain[first_of(plain)].due, "exact after a false");
        }
    }
    wan_timers_deinit(&t);
}
