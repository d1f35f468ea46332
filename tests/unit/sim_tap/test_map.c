/* Goal: the map finds what was put and nothing else, whatever was removed between. Method: random
 * puts and removals of few keys, so that places are shared, beside a plain array. */
#include <criterion/criterion.h>

#include "sim/rng.h"
#include "sim/tap/inner.h"

enum { KEYS = 300, STEPS = 200000 };

Test(map, agrees_with_an_array)
{
    struct tap_map map = {.slots = NULL};
    void *wanted[KEYS + 1] = {NULL};
    static int things[KEYS + 1];
    struct sim_rng rng;
    size_t len = 0;

    sim_rng_init(&rng, 7, SIM_RNG_TEST, 0);
    for (int step = 0; step < STEPS; step++) {
        uint64_t key = 1 + sim_rng_below(&rng, KEYS);
        if (sim_rng_below(&rng, 2) == 0) {
            len += wanted[key] == NULL;
            wanted[key] = &things[sim_rng_below(&rng, KEYS)];
            cr_assert(tap_map_put(&map, key, wanted[key]));
        } else {
            len -= wanted[key] != NULL;
            wanted[key] = NULL;
            tap_map_remove(&map, key);
        }
        uint64_t other = 1 + sim_rng_below(&rng, KEYS);
        cr_assert_eq(tap_map_get(&map, other), wanted[other], "step %d, key %llu", step,
                     (unsigned long long)other);
        cr_assert_eq(map.len, len, "step %d", step);
    }
    for (uint64_t key = 1; key <= KEYS; key++) {
        cr_assert_eq(tap_map_get(&map, key), wanted[key]);
    }
    tap_map_deinit(&map);
    cr_assert_null(tap_map_get(&map, 1));
    tap_map_remove(&map, 1);
}
