/* Goal: the root's table gives complete trees, and never puts a phone below itself.
 * Method: joins in order, then losses and moves by hand, then a random life against a check of
 * every way up. */
#include <criterion/criterion.h>

#include "phones/pfs/table.h"
#include "sim/err.h"
#include "sim/rng.h"

enum { ROOT = 1000 };

static struct pfs_table_place join(struct pfs_table *t, sim_addr addr, bool has_children,
                                   uint32_t root_free)
{
    struct pfs_table_place out = {0};
    struct pfs_table_request r = {
        .addr = addr, .has_children = has_children, .root_free = root_free};
    int rc = pfs_table_assign(t, 0, &r, &out);
    cr_assert_eq(rc, 0, "join of %u: %s", addr, sim_err_name(rc));
    return out;
}

Test(pfs_table, joins_in_order_make_a_complete_tree)
{
    for (uint32_t fanout = 1; fanout <= 16; fanout++) {
        struct pfs_table *t = pfs_table_new(ROOT, fanout);
        for (uint32_t i = 1; i < 500; i++) {
            struct pfs_table_place p = join(t, ROOT + i, false, i <= fanout ? fanout - (i - 1) : 0);
            cr_assert_eq(p.place, i);
            cr_assert_eq(p.parent, ROOT + (i - 1) / fanout, "place %u of fanout %u", i, fanout);
            cr_assert_eq(p.epoch, i);
            cr_assert_eq(p.parent_epoch, (i - 1) / fanout);
            uint32_t depth = 0;
            for (uint32_t k = i; k > 0; k = (k - 1) / fanout) {
                depth++;
            }
            cr_assert_eq(p.depth, depth);
        }
        cr_assert_eq(pfs_table_count(t), 500);
        pfs_table_free(t);
    }
}

/* root - 1 - (3, 4), 2 */
static struct pfs_table *small(void)
{
    struct pfs_table *t = pfs_table_new(ROOT, 2);
    join(t, 1, false, 2);
    join(t, 2, false, 1);
    join(t, 3, false, 0);
    join(t, 4, false, 0);
    return t;
}

Test(pfs_table, a_phone_that_rejoins_keeps_its_subtree_and_is_not_put_below_it)
{
    struct pfs_table *t = small();
    pfs_table_lost(t, ROOT, 1, 1);
    struct pfs_table_place p = join(t, 1, true, 1);
    cr_assert_eq(p.parent, ROOT);
    cr_assert(p.keep_children);
    pfs_table_lost(t, ROOT, 1, p.epoch);
    p = join(t, 1, true, 0); /* the root is full: 3 and 4 are free, but below 1 */
    cr_assert_eq(p.parent, 2);
    cr_assert(p.keep_children);
    pfs_table_free(t);
}

Test(pfs_table, nobody_is_put_below_a_lost_phone)
{
    struct pfs_table *t = small();
    pfs_table_lost(t, ROOT, 1, 1);
    cr_assert_eq(join(t, 5, false, 0).parent, 2);
    cr_assert_eq(join(t, 6, false, 0).parent, 2);
    cr_assert_eq(join(t, 7, false, 0).parent, 5, "3 and 4 hang below the lost one");
    pfs_table_free(t);
}

Test(pfs_table, news_of_an_older_assignment_are_ignored)
{
    struct pfs_table *t = small();
    struct pfs_table_place p = join(t, 3, false, 0);
    pfs_table_lost(t, 1, 3, 3); /* its first one */
    cr_assert_eq(p.parent, 1);
    cr_assert_eq(join(t, 8, false, 0).parent, 2, "no slot of 1 became free");
    pfs_table_lost(t, 2, 4, 4); /* not from its parent */
    cr_assert_eq(join(t, 9, false, 0).parent, 2);
    cr_assert_eq(join(t, 10, false, 0).parent, 3);
    pfs_table_free(t);
}

Test(pfs_table, a_phone_that_came_without_children_has_lost_them)
{
    struct pfs_table *t = small();
    struct pfs_table_place p = join(t, 1, false, 1);
    cr_assert(!p.keep_children);
    cr_assert_eq(join(t, 5, false, 0).parent, 1, "its slots are free");
    pfs_table_free(t);
}

Test(pfs_table, an_unknown_phone_with_children_must_drop_them)
{
    struct pfs_table *t = small();
    cr_assert(!join(t, 77, true, 0).keep_children);
    pfs_table_free(t);
}

Test(pfs_table, holders_are_parents_like_the_root_and_free_a_slot)
{
    struct pfs_table *t = small();
    pfs_table_holds(t, 4);
    struct pfs_table_place p = join(t, 5, false, 0);
    cr_assert_eq(p.parent, 4);
    cr_assert_eq(p.depth, 1);
    cr_assert_eq(pfs_table_successor(t), 4);
    pfs_table_leave(t, 4);
    cr_assert_eq(pfs_table_successor(t), 0);
    pfs_table_free(t);
}

Test(pfs_table, keeps_away_from_whom_the_joiner_avoids_and_who_rests)
{
    struct pfs_table *t = small();
    struct pfs_table_place out;
    sim_addr avoid[] = {2};
    struct pfs_table_request r = {.addr = 9, .avoid = avoid, .avoid_len = 1};
    cr_assert_eq(pfs_table_assign(t, 0, &r, &out), 0);
    cr_assert_eq(out.parent, 3);
    pfs_table_rest(t, 2, 100);
    r = (struct pfs_table_request){.addr = 10};
    cr_assert_eq(pfs_table_assign(t, 99, &r, &out), 0);
    cr_assert_eq(out.parent, 3);
    r.addr = 11;
    cr_assert_eq(pfs_table_assign(t, 100, &r, &out), 0);
    cr_assert_eq(out.parent, 2);
    pfs_table_free(t);
}

Test(pfs_table, says_so_when_there_is_no_place)
{
    struct pfs_table *t = pfs_table_new(ROOT, 2);
    struct pfs_table_place out;
    struct pfs_table_request r = {.addr = 9, .root_free = 0};
    cr_assert_eq(pfs_table_assign(t, 0, &r, &out), SIM_EFULL);
    r.addr = ROOT;
    r.root_free = 2;
    cr_assert_eq(pfs_table_assign(t, 0, &r, &out), SIM_EFULL);
    pfs_table_free(t);
}

/* The real tree, kept here: an edge exists from an assignment until the child rejoins or is lost.
 */
Test(pfs_table, a_random_life_never_closes_a_cycle)
{
    enum { PHONES = 40, STEPS = 4000 };
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct pfs_table *t = pfs_table_new(ROOT, 2);
        sim_addr parent[PHONES + 1] = {0};
        uint32_t epoch[PHONES + 1] = {0};
        struct sim_rng rng;
        sim_rng_init(&rng, seed, SIM_RNG_TEST, 0);
        for (int step = 0; step < STEPS; step++) {
            sim_addr who = (sim_addr)sim_rng_between(&rng, 1, PHONES);
            bool feeds = false;
            for (sim_addr i = 1; i <= PHONES; i++) {
                feeds = feeds || parent[i] == who;
            }
            switch (sim_rng_below(&rng, 6)) {
            case 0: /* its parent noticed the loss */
                if (parent[who] != 0) {
                    pfs_table_lost(t, parent[who], who, epoch[who]);
                    parent[who] = 0;
                }
                break;
            case 1: /* somebody lies about it */
                pfs_table_leave(t, who);
                break;
            case 2:
                if (parent[who] != 0 && sim_rng_below(&rng, 10) == 0) {
                    pfs_table_holds(t, who);
                    parent[who] = 0;
                }
                break;
            default: {
                struct pfs_table_place out;
                struct pfs_table_request r = {.addr = who,
                                              .has_children = feeds,
                                              .root_free = (uint32_t)sim_rng_below(&rng, 3)};
                parent[who] = 0; /* it asks only then */
                if (pfs_table_assign(t, (sim_time)step, &r, &out) == 0) {
                    parent[who] = out.parent;
                    epoch[who] = out.epoch;
                    if (!out.keep_children) {
                        for (sim_addr i = 1; i <= PHONES; i++) {
                            parent[i] = parent[i] == who ? 0 : parent[i];
                        }
                    }
                }
            }
            }
            sim_addr at = who;
            for (int up = 0; at != 0 && at != ROOT; up++) {
                cr_assert(up <= PHONES, "seed %llu step %d: cycle", (unsigned long long)seed, step);
                at = parent[at];
            }
        }
        pfs_table_free(t);
    }
}

/* Addresses share slots of an index: whoever goes must leave no hole before the others. */
Test(pfs_table, those_who_stay_are_found_after_others_left)
{
    enum { PHONES = 400, STEP = 37 };
    for (uint32_t round = 1; round <= 20; round++) {
        struct pfs_table *t = pfs_table_new(ROOT, 16);
        uint32_t place[PHONES] = {0}, gone = 0;
        for (uint32_t i = 1; i < PHONES; i++) {
            place[i] = join(t, ROOT + i * round * STEP, false, 16).place;
        }
        for (uint32_t i = 1; i < PHONES; i++) {
            if (i % 3 == round % 3) {
                pfs_table_leave(t, ROOT + i * round * STEP);
                gone++;
            }
        }
        cr_assert_eq(pfs_table_count(t), PHONES - gone);
        for (uint32_t i = 1; i < PHONES; i++) {
            if (i % 3 != round % 3) {
                cr_assert_eq(join(t, ROOT + i * round * STEP, false, 16).place, place[i],
                             "round %u phone %u", round, i);
            }
        }
        cr_assert_eq(pfs_table_count(t), PHONES - gone);
        pfs_table_free(t);
    }
}
