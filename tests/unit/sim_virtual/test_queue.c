/* Goal: the event queue gives events back by instant, then in order of addition, whatever the mix
 * of additions and removals, and recycles its slots; timers may be moved and dropped.
 * Method: a plain sorted list as oracle, random mixes from several seeds, and the corners. */
#include <criterion/criterion.h>
#include <stdlib.h>

#include "sim/rng.h"
#include "sim/virtual/queue.h"

enum { PENDING_MAX = 3000, STEPS = 20000 };

struct pending {
    sim_time at;
    uint64_t number; /* which event it is */
    uint64_t order;  /* of addition, or of its latest move */
    uint32_t timer;
};

/* Where the earliest of the oracle's list is; among equals the one added first. */
static size_t earliest_of(const struct pending *list, size_t len)
{
    size_t best = 0;

    for (size_t i = 1; i < len; i++) {
        if (list[i].at < list[best].at ||
            (list[i].at == list[best].at && list[i].order < list[best].order)) {
            best = i;
        }
    }
    return best;
}

static void take_one(struct virtual_queue *q, struct pending *list, size_t *len, uint64_t seed)
{
    size_t best = earliest_of(list, *len);
    struct virtual_event e;
    sim_time at;

    cr_assert(virtual_queue_next(q) == list[best].at, "seed %llu", (unsigned long long)seed);
    cr_assert(virtual_queue_take(q, &at, &e));
    cr_assert(at == list[best].at && e.a == list[best].number,
              "seed %llu: got %llu of %llu, not %llu of %llu", (unsigned long long)seed,
              (unsigned long long)e.a, (unsigned long long)at,
              (unsigned long long)list[best].number, (unsigned long long)list[best].at);
    list[best] = list[--*len];
}

/* `spread`: how many different instants there are; 1: all are ties. */
static void mix(uint64_t seed, uint64_t spread, uint32_t pending_max)
{
    static struct pending list[PENDING_MAX];
    struct virtual_queue q;
    struct sim_rng rng;
    uint64_t number = 0;
    size_t len = 0, peak = 0;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, spread);
    cr_assert(virtual_queue_init(&q, 0) == 0);
    for (int step = 0; step < STEPS; step++) {
        bool add = len == 0 || (len < pending_max && sim_rng_below(&rng, 100) < 52);

        if (add) {
            sim_time at = sim_rng_below(&rng, spread);
            struct virtual_event *e = virtual_queue_add(&q, at);

            cr_assert(e != NULL);
            *e = (struct virtual_event){.a = number};
            list[len++] = (struct pending){.at = at, .number = number, .order = number};
            number++;
        } else {
            take_one(&q, list, &len, seed);
        }
        peak = len > peak ? len : peak;
    }
    while (len > 0) {
        take_one(&q, list, &len, seed);
    }
    cr_assert(virtual_queue_next(&q) == SIM_NEVER);
    cr_assert_eq(q.peak, peak);
    cr_assert(q.fresh <= peak, "%u slots for at most %zu events", q.fresh, peak);
    virtual_queue_deinit(&q);
}

Test(queue, gives_events_by_instant_then_in_order_of_addition)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        mix(seed, UINT64_C(1) << (seed % 40), 1 + (uint32_t)(seed * 13));
    }
    mix(99, 1000, PENDING_MAX);
}

Test(queue, keeps_the_order_of_events_of_one_instant)
{
    mix(1, 1, 500);
    mix(2, 2, 500);
}

/* As the engine adds: at distances from a `now` that goes on, some of them lanes'. */
static void engine(uint64_t seed, uint32_t lanes)
{
    static const sim_duration delays[] = {0, 100, 37, 1000};
    static struct pending list[PENDING_MAX];
    struct virtual_queue q;
    struct sim_rng rng;
    uint64_t number = 0;
    sim_time now = 0;
    size_t len = 0, peak = 0;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, lanes);
    cr_assert(virtual_queue_init(&q, 0) == 0);
    for (uint32_t i = 0; i < lanes; i++) {
        virtual_queue_add_lane(&q, delays[i]);
        virtual_queue_add_lane(&q, delays[i]); /* twice is fine */
    }
    for (int step = 0; step < STEPS; step++) {
        uint64_t adds = len == 0 ? 1 : sim_rng_below(&rng, len < 1000 ? 3 : 2);

        for (uint64_t i = 0; i < adds; i++) {
            sim_duration delay = sim_rng_below(&rng, 4) == 0 ? sim_rng_below(&rng, 2000)
                                                             : delays[sim_rng_below(&rng, 4)];
            struct virtual_event *e = virtual_queue_add_after(&q, now + delay, delay);

            *e = (struct virtual_event){.a = number};
            list[len++] = (struct pending){.at = now + delay, .number = number, .order = number};
            number++;
        }
        peak = len > peak ? len : peak;
        cr_assert_eq(virtual_queue_count(&q), len);
        now = list[earliest_of(list, len)].at;
        take_one(&q, list, &len, seed);
    }
    while (len > 0) {
        take_one(&q, list, &len, seed);
    }
    cr_assert(virtual_queue_next(&q) == SIM_NEVER);
    cr_assert_eq(q.peak, peak);
    virtual_queue_deinit(&q);
}

Test(queue, gives_the_same_order_whatever_goes_through_lanes)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (uint32_t lanes = 0; lanes <= 4; lanes++) {
            engine(seed, lanes);
        }
    }
}

Test(queue, takes_nothing_before_an_instant_that_has_not_come)
{
    struct virtual_queue q;
    struct virtual_event e;
    sim_time at = 77;

    cr_assert(virtual_queue_init(&q, 0) == 0);
    virtual_queue_add_lane(&q, 10);
    cr_assert(!virtual_queue_take_before(&q, SIM_NEVER, &at, &e));
    virtual_queue_add_after(&q, 10, 10)->a = 1; /* in the lane */
    virtual_queue_add_after(&q, 20, 20)->a = 2; /* in the heap */
    cr_assert(!virtual_queue_take_before(&q, 10, &at, &e) && at == 77);
    cr_assert(virtual_queue_take_before(&q, 11, &at, &e) && at == 10 && e.a == 1);
    cr_assert(!virtual_queue_take_before(&q, 20, &at, &e) && at == 10);
    cr_assert(virtual_queue_take_before(&q, 21, &at, &e) && at == 20 && e.a == 2);
    virtual_queue_add_after(&q, SIM_NEVER, 10); /* never comes */
    cr_assert(!virtual_queue_take_before(&q, SIM_NEVER, &at, &e));
    virtual_queue_deinit(&q);
}

Test(queue, orders_by_instant_alone_in_the_upper_half_of_time)
{
    struct virtual_queue q;
    struct virtual_event e;
    sim_time at;

    cr_assert(virtual_queue_init(&q, 4) == 0);
    virtual_queue_add(&q, SIM_NEVER - 1)->a = 0;
    virtual_queue_add(&q, UINT64_C(1) << 63)->a = 1;
    virtual_queue_add(&q, 0)->a = 2;
    virtual_queue_add(&q, (UINT64_C(1) << 63) - 1)->a = 3;
    for (size_t i = 0; i < 4; i++) {
        static const uint64_t want[] = {2, 3, 1, 0};

        cr_assert(virtual_queue_take(&q, &at, &e));
        cr_assert_eq(e.a, want[i], "place %zu", i);
    }
    cr_assert(!virtual_queue_take(&q, &at, &e));
    virtual_queue_deinit(&q);
}

/* A timer that is still in the wheel obeys; one that is not changes nothing, and says so. */
static void change_one(struct virtual_queue *q, struct pending *one, sim_time to, bool drop,
                       uint64_t *number, uint64_t *obeyed)
{
    bool is_there = one->timer != 0;
    bool done = is_there && (drop ? virtual_queue_drop_timer(q, one->timer)
                                  : virtual_queue_move_timer(q, one->timer, to));

    *obeyed += done;
    if (done && drop) {
        one->timer = 0;
        one->at = SIM_NEVER;
    } else if (done) {
        one->at = to;
        one->order = (*number)++;
    }
}

/* Distances up to 2^bits ns: within a small bucket, between large ones, and too far for both. */
static void timers(uint64_t seed, unsigned bits)
{
    static struct pending list[PENDING_MAX];
    struct virtual_queue q;
    struct virtual_event e;
    struct sim_rng rng;
    uint64_t number = 0, obeyed = 0;
    sim_time now = 0, at;
    size_t len = 0;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, bits);
    cr_assert(virtual_queue_init(&q, 0) == 0);
    virtual_queue_add_lane(&q, 100);
    for (int step = 0; step < STEPS || len > 0; step++) {
        sim_time then = now + (sim_rng_next(&rng) >> (64 - 1 - sim_rng_below(&rng, bits)));
        uint64_t what = step < STEPS ? sim_rng_below(&rng, 8) : 7;

        if (len == 0 || (what < 3 && len < 300)) {
            struct virtual_event *added = virtual_queue_add_after(&q, then, then - now);

            *added = (struct virtual_event){.a = number};
            list[len++] = (struct pending){then, number, number, q.timer};
            number++;
        } else if (what < 6) {
            size_t i = sim_rng_below(&rng, len);

            change_one(&q, &list[i], then, what == 5, &number, &obeyed);
            if (list[i].at == SIM_NEVER) {
                list[i] = list[--len];
            }
        } else {
            size_t best = earliest_of(list, len);

            cr_assert(virtual_queue_take(&q, &at, &e));
            cr_assert(at == list[best].at && e.a == list[best].number, "seed %llu, %u bits",
                      (unsigned long long)seed, bits);
            now = at;
            list[best] = list[--len];
        }
        cr_assert_eq(virtual_queue_count(&q), len);
    }
    cr_assert(!virtual_queue_take(&q, &at, &e));
    cr_assert(bits < 30 || obeyed > STEPS / 20, "%llu", (unsigned long long)obeyed);
    virtual_queue_deinit(&q);
}

Test(queue, lets_timers_be_moved_and_dropped)
{
    static const unsigned bits[] = {12, 20, 22, 30, 33, 40, 45, 55};

    for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++) {
        timers(i + 1, bits[i]);
    }
}

/* What the engine does: take one, add some, look at the next. */
Test(queue, fills_the_place_of_what_was_taken)
{
    struct virtual_queue q;
    struct virtual_event e;
    sim_time at;

    cr_assert(virtual_queue_init(&q, 1) == 0);
    virtual_queue_add(&q, 10)->a = 1;
    virtual_queue_add(&q, 30)->a = 2;
    cr_assert(virtual_queue_take(&q, &at, &e) && at == 10);
    virtual_queue_add(&q, 40)->a = 3; /* sinks below the one that waits */
    virtual_queue_add(&q, 20)->a = 4; /* rises above it */
    cr_assert(virtual_queue_next(&q) == 20);
    cr_assert(virtual_queue_take(&q, &at, &e) && at == 20 && e.a == 4);
    cr_assert(virtual_queue_take(&q, &at, &e) && at == 30 && e.a == 2);
    cr_assert(virtual_queue_take(&q, &at, &e) && at == 40 && e.a == 3);
    cr_assert(!virtual_queue_take(&q, &at, &e));
    virtual_queue_deinit(&q);
}

Test(queue, is_as_new_after_clear)
{
    struct virtual_queue q;
    struct virtual_event e;
    sim_time at;

    cr_assert(virtual_queue_init(&q, 0) == 0);
    for (uint32_t i = 0; i < 1000; i++) {
        cr_assert(virtual_queue_add(&q, i) != NULL);
    }
    cr_assert(virtual_queue_take(&q, &at, &e)); /* leaves its place open */
    virtual_queue_clear(&q);
    cr_assert(virtual_queue_next(&q) == SIM_NEVER);
    cr_assert(!virtual_queue_take(&q, &at, &e));
    cr_assert_eq(q.peak, 0);
    virtual_queue_add(&q, 5)->a = 7;
    cr_assert(virtual_queue_take(&q, &at, &e) && at == 5 && e.a == 7);
    cr_assert_eq(q.peak, 1);
    virtual_queue_deinit(&q);
}
