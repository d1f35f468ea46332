/* Goal: every thing comes out once and in order, also when there are many runs, and nothing is lost
 * when the disk says no. Method: 300,000 things of random length (some 12 MB, three runs and more)
 * from one lane and from four, read back and compared. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "analysis/sort.h"
#include "sim/err.h"
#include "sim/rng.h"

enum { THINGS = 300000, LANES = 4 };

struct thing {
    uint64_t first;
    uint32_t second, number;
};

struct seen {
    size_t len;
    uint64_t sum;
    struct thing last;
    bool ordered, whole;
};

static void look(void *context, const void *bytes, size_t len)
{
    struct seen *seen = context;
    struct thing thing;

    cr_assert_geq(len, sizeof(thing));
    memcpy(&thing, bytes, sizeof(thing));
    for (size_t i = sizeof(thing); i < len; i++) {
        seen->whole &= ((const uint8_t *)bytes)[i] == (uint8_t)thing.number;
    }
    seen->whole &= len - sizeof(thing) == thing.number % 50;
    if (seen->len > 0) {
        const struct thing *l = &seen->last;
        seen->ordered &=
            l->first < thing.first ||
            (l->first == thing.first &&
             (l->second < thing.second || (l->second == thing.second && l->number < thing.number)));
    }
    seen->last = thing;
    seen->len++;
    seen->sum += thing.number;
}

static void fill(struct analysis_sort *s, unsigned lanes, uint32_t things)
{
    uint8_t tail[64];
    struct sim_rng rng;

    sim_rng_init(&rng, 1, SIM_RNG_TEST, 0);
    for (uint32_t i = 0; i < things; i++) {
        struct thing thing = {.first = sim_rng_below(&rng, 1000), .number = i};
        thing.second = (uint32_t)sim_rng_below(&rng, lanes);
        memset(tail, (int)(uint8_t)i, sizeof(tail));
        analysis_sort_add(s, thing.second, thing.first, thing.second, &thing, sizeof(thing), tail,
                          i % 50);
    }
}

static struct seen run(unsigned lanes)
{
    struct analysis_sort *s = NULL;
    struct seen seen = {.ordered = true, .whole = true};
    char why[ANALYSIS_WHY_MAX];

    cr_assert_eq(analysis_sort_new(&s, "/tmp", lanes, why), 0, "%s", why);
    fill(s, lanes, THINGS);
    cr_assert_eq(analysis_sort_read(s, look, &seen, "things", why), 0, "%s", why);
    analysis_sort_free(s);
    return seen;
}

Test(sort, gives_every_thing_once_in_order)
{
    static const unsigned lanes[] = {1, LANES};

    for (size_t i = 0; i < 2; i++) {
        struct seen seen = run(lanes[i]);
        cr_assert_eq(seen.len, (size_t)THINGS);
        cr_assert_eq(seen.sum, (uint64_t)THINGS * (THINGS - 1) / 2);
        cr_assert(seen.ordered, "%u lanes: out of order", lanes[i]);
        cr_assert(seen.whole, "%u lanes: bytes of a thing differ", lanes[i]);
    }
}

Test(sort, of_nothing_is_nothing)
{
    struct analysis_sort *s = NULL;
    struct seen seen = {.len = 0};
    char why[ANALYSIS_WHY_MAX];

    cr_assert_eq(analysis_sort_new(&s, "/tmp", 1, why), 0);
    cr_assert_eq(analysis_sort_read(s, look, &seen, "things", why), 0);
    cr_assert_eq(seen.len, 0u);
    analysis_sort_free(s);
}

Test(sort, says_which_folder_it_can_not_write_in)
{
    struct analysis_sort *s = NULL;
    char why[ANALYSIS_WHY_MAX];

    cr_assert_neq(analysis_sort_new(&s, "/nowhere/at/all", 1, why), 0);
    cr_assert_not_null(strstr(why, "/nowhere/at/all"), "%s", why);
}

/* A limit on the size of files stands for a full disk: the write fails alike. */
Test(sort, says_that_it_could_not_keep_all)
{
    struct analysis_sort *s = NULL;
    struct seen seen = {.len = 0};
    char why[ANALYSIS_WHY_MAX];
    const struct rlimit small = {1 << 20, 1 << 20};

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(analysis_sort_new(&s, "/tmp", 1, why), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill(s, 1, THINGS);
    cr_assert_neq(analysis_sort_read(s, look, &seen, "the things", why), 0);
    cr_assert_not_null(strstr(why, "can't keep the things"), "%s", why);
    analysis_sort_free(s);
}
