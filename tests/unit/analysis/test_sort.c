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
#include <sys/stat.h>
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

/* A limit on the size of files stands for a full disk: the write fails alike. Below the first run,
 * and in the middle of the second one. */
static void fill_up(rlim_t limit)
{
    struct analysis_sort *s = NULL;
    struct seen seen = {.ordered = true, .whole = true};
    char why[ANALYSIS_WHY_MAX];
    const struct rlimit small = {limit, limit};

    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(analysis_sort_new(&s, "/tmp", 1, why), 0);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill(s, 1, THINGS);
    cr_assert_neq(analysis_sort_read(s, look, &seen, "the things", why), 0);
    cr_assert_not_null(strstr(why, "can't keep the things"), "%s", why);
    analysis_sort_free(s);
    cr_assert(seen.ordered && seen.whole);
    cr_assert_gt(seen.len, (4u << 20) / (24 + sizeof(struct thing) + 50), "%zu are kept", seen.len);
    cr_assert_lt(seen.len, (size_t)THINGS);
    cr_assert_eq(seen.sum, (uint64_t)seen.len * (seen.len - 1) / 2, "not those that came first");
}

Test(sort, keeps_what_came_before_the_disk_was_full)
{
    fill_up(1 << 20);
}

Test(sort, keeps_what_came_before_a_later_run_failed)
{
    fill_up(6 << 20);
}

/* Blocks of 512 bytes that the process' one unnamed file has on the disk. */
static long long blocks_on_disk(void)
{
    long long blocks = -1;

    for (int fd = 3; fd < 64; fd++) {
        char link[32], name[256] = "";
        struct stat st;
        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        if (readlink(link, name, sizeof(name) - 1) > 0 && strstr(name, "/.sort.") != NULL &&
            fstat(fd, &st) == 0) {
            blocks = st.st_blocks;
        }
    }
    return blocks;
}

static void measure(void *context, const void *bytes, size_t len)
{
    long long *blocks = context; /* at the first thing and at the last one */

    (void)bytes;
    (void)len;
    if (blocks[2]++ == 0) {
        blocks[0] = blocks_on_disk();
    }
    if (blocks[2] == THINGS) {
        blocks[1] = blocks_on_disk();
    }
}

Test(sort, gives_the_disk_back_what_was_read)
{
    struct analysis_sort *s = NULL;
    long long blocks[3] = {0, 0, 0};
    char why[ANALYSIS_WHY_MAX];

    cr_assert_eq(analysis_sort_new(&s, "/tmp", 1, why), 0);
    fill(s, 1, THINGS);
    cr_assert_eq(analysis_sort_read(s, measure, blocks, "the things", why), 0);
    analysis_sort_free(s);
    cr_assert_gt(blocks[0], 4 << 11, "%lld blocks at the first thing", blocks[0]);
    cr_assert_lt(blocks[1], blocks[0] / 20, "%lld of %lld blocks left", blocks[1], blocks[0]);
}
