/* Goal: the what-ifs keep the promises of the real protocol: cut-through, any fanout, a known tree.
 * Method: crews in the lab; each test is one situation with exact expectations, faults included.
 * The laws of crew.c hold after every event; sweep.c draws the same switches at random. */
#include <criterion/criterion.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"
#include "tests/world/crew.h"

static struct crew c;

static void end_of_test(void)
{
    cr_assert_str_eq(c.broken, "");
    crew_close(&c);
}

static void cut_through(uint64_t seed, uint64_t chunk)
{
    crew_defaults(&c, seed);
    c.config.relay = PFS_CUT_THROUGH;
    c.config.chunk = chunk;
}

static const struct pfs_hier *hier_of(size_t phone)
{
    return c.phones[phone].pfs == NULL ? NULL : c.phones[phone].pfs->hiers;
}

static size_t all_upgraded(void)
{
    size_t good = 0;
    for (size_t i = 0; i < c.len; i++) {
        good += c.phones[i].done && !c.phones[i].failed &&
                c.phones[i].from_peer + c.phones[i].from_server == c.files_len;
    }
    return good;
}

static void assert_no_fallback(void)
{
    for (size_t i = 0; i < c.len; i++) {
        cr_assert_eq(c.phones[i].fallbacks, 0, "phone %zu fell back", i);
    }
}

static sim_time last_held(void)
{
    sim_time last = 0;
    for (size_t i = 0; i < c.len; i++) {
        last = c.phones[i].held_at > last ? c.phones[i].held_at : last;
    }
    return last;
}

static size_t root_now(void)
{
    for (size_t i = 0; i < c.len; i++) {
        struct pfs *p = c.phones[i].pfs;
        for (struct pfs_hier *h = p == NULL ? NULL : p->hiers; h != NULL; h = h->next) {
            if (h->is_root) {
                return i;
            }
        }
    }
    return SIZE_MAX;
}

/* A phone that receives and has sent a child a part of it; `size` bytes are with the child. */
static size_t relaying(uint64_t *size)
{
    for (size_t i = 0; i < c.len; i++) {
        const struct pfs_hier *h = hier_of(i);
        if (h == NULL || h->state != PFS_HIER_RECEIVE) {
            continue;
        }
        for (const struct pfs_link *l = c.phones[i].pfs->links; l != NULL; l = l->next) {
            if (l->kind == PFS_LINK_CHILD && l->begun && !l->last) {
                *size = l->offset;
                return i;
            }
        }
    }
    return SIZE_MAX;
}

static size_t run_until_relaying(void)
{
    uint64_t size;
    size_t phone;
    while ((phone = relaying(&size)) == SIZE_MAX && lab_step(c.lab)) {
    }
    cr_assert_neq(phone, SIZE_MAX, "nobody passed a part on");
    return phone;
}

/* ---- Cut-through ---- */

Test(whatif, cut_through_takes_a_chain_little_longer_than_one_phone)
{
    sim_time last[2];
    for (int cut = 0; cut < 2; cut++) {
        cut_through(3, 1000);
        c.config.relay = cut ? PFS_CUT_THROUGH : PFS_STORE_AND_FORWARD;
        c.config.fanout = 1;
        crew_open(&c);
        crew_add_many(&c, 9, 100 * SIM_MS);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 9);
        cr_assert_eq(c.wan_copies, 1);
        cr_assert_eq(crew_depth(&c), 8);
        last[cut] = last_held();
        end_of_test();
    }
    /* Eight hops of a second each; with cut-through the server's four seconds cover all but the
     * last piece (0.6 s of the server, 0.2 s a hop). */
    cr_assert(last[0] - last[1] > 5 * SIM_S, "%.3f s and %.3f s", sim_time_seconds(last[0]),
              sim_time_seconds(last[1]));
}

Test(whatif, with_pieces_larger_than_the_file_it_is_store_and_forward)
{
    uint64_t hash[2];
    for (int cut = 0; cut < 2; cut++) {
        cut_through(4, 1000000);
        c.config.relay = cut ? PFS_CUT_THROUGH : PFS_STORE_AND_FORWARD;
        crew_open(&c);
        crew_add_many(&c, 30, SIM_S);
        cr_assert(crew_run(&c));
        hash[cut] = lab_trace_hash(c.lab);
        end_of_test();
    }
    cr_assert_eq(hash[0], hash[1]);
}

Test(whatif, what_nobody_knows_beforehand_is_passed_on_too)
{
    for (int known = 0; known < 4; known++) {
        cut_through(5, 700);
        c.knows_digests = (known & 1) != 0;
        c.knows_sizes = (known & 2) != 0;
        crew_open(&c);
        crew_add_many(&c, 20, SIM_S);
        run_until_relaying();
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 20, "known %d", known);
        cr_assert_eq(c.wan_copies, 1);
        end_of_test();
    }
}

Test(whatif, the_end_of_a_file_is_only_passed_on_by_those_who_verified_it)
{
    for (int known = 0; known < 2; known++) {
        cut_through(6, 1);
        c.knows_sizes = known == 1;
        crew_open(&c);
        crew_add_many(&c, 15, SIM_S);
        uint64_t size, largest = 0;
        while (lab_step(c.lab)) {
            if (relaying(&size) != SIZE_MAX) {
                largest = size > largest ? size : largest;
            }
        }
        cr_assert(largest > 0 && largest < c.lab_config.file_size, "%llu bytes",
                  (unsigned long long)largest);
        cr_assert_eq(all_upgraded(), 15);
        end_of_test();
    }
}

Test(whatif, a_late_phone_gets_at_once_what_is_there)
{
    cut_through(7, 1000);
    crew_open(&c);
    crew_add_many(&c, 3, 100 * SIM_MS);
    struct crew_phone *late = crew_add(&c, 0, "CP-7961G", 13 * SIM_S);
    run_until_relaying();
    crew_run_until(&c, 15 * SIM_S); /* the server takes until 16 s */
    cr_assert_eq((int)hier_of(late->node)->state, (int)PFS_HIER_RECEIVE);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 4);
    cr_assert_eq(c.wan_copies, 1);
    end_of_test();
}

static void relay_dies(bool silent)
{
    unsigned resumes = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cut_through(seed, 1000);
        crew_open(&c);
        crew_add_many(&c, 15, 100 * SIM_MS);
        size_t phone = run_until_relaying();
        crew_run_until(&c, lab_now(c.lab) + 300 * SIM_MS);
        crew_crash(&c, phone, silent, false);
        cr_assert(crew_run(&c), "seed %llu", (unsigned long long)seed);
        cr_assert_eq(all_upgraded(), 14);
        cr_assert_eq(c.wan_copies, 1);
        cr_assert_eq(c.rejects, 0);
        assert_no_fallback();
        resumes += c.resumes;
        end_of_test();
    }
    cr_assert(resumes > 0, "nobody went on from its part");
}

Test(whatif, a_parent_that_dies_in_the_middle_costs_nobody_its_part)
{
    relay_dies(false);
    relay_dies(true);
}

Test(whatif, a_root_that_dies_in_the_middle_is_replaced_and_its_part_used)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cut_through(seed, 1000);
        crew_open(&c);
        crew_add_many(&c, 15, 100 * SIM_MS);
        run_until_relaying();
        crew_crash(&c, root_now(), seed % 2 == 0, false);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 14);
        cr_assert_eq(c.wan_copies, 1);
        cr_assert(c.resumes > 0);
        assert_no_fallback();
        end_of_test();
    }
}

/* Only the children of the corrupt one can tell, and they know whom to blame. */
Test(whatif, a_corrupt_peer_is_blamed_and_nobody_else)
{
    unsigned rejects = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        cut_through(seed, 1000);
        crew_open(&c);
        crew_add_many(&c, 31, 100 * SIM_MS);
        size_t phone = run_until_relaying();
        sim_world_set_corrupt(lab_world(c.lab), c.phones[phone].node, true);
        cr_assert(crew_run(&c), "seed %llu", (unsigned long long)seed);
        cr_assert_eq(all_upgraded(), 31); /* crew compared every copy with the original */
        cr_assert_eq(c.wan_copies, 1);
        cr_assert_eq(c.asked_again, 0);
        assert_no_fallback();
        for (size_t i = 0; i < c.len; i++) {
            cr_assert(i == phone || c.rejects_of[i] == 0, "seed %llu: %zu was blamed for %zu",
                      (unsigned long long)seed, i, phone);
        }
        rejects += c.rejects;
        end_of_test();
    }
    cr_assert(rejects > 0);
}

Test(whatif, wrong_bytes_of_the_server_go_round_but_nobody_takes_them)
{
    cut_through(8, 1000);
    crew_open(&c);
    crew_add_many(&c, 15, 100 * SIM_MS);
    lab_server_corrupts(c.lab, true);
    run_until_relaying();
    while (c.rejects == 0 && lab_step(c.lab)) {
    }
    lab_server_corrupts(c.lab, false);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    cr_assert_eq(c.asked_again, 0);
    cr_assert(c.rejects <= 15, "%u", c.rejects);
    assert_no_fallback();
    end_of_test();
}

Test(whatif, a_fetch_that_stalls_does_not_hold_the_tree_for_ever)
{
    cut_through(9, 1000);
    crew_open(&c);
    crew_add_many(&c, 15, 100 * SIM_MS);
    run_until_relaying();
    lab_server_stalls(c.lab, true);
    crew_run_until(&c, lab_now(c.lab) + 50 * SIM_S);
    lab_server_stalls(c.lab, false);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    cr_assert(last_held() < 120 * SIM_S, "%.3f s", sim_time_seconds(last_held()));
    assert_no_fallback();
    end_of_test();
}

/* ---- Fanout and the known tree ---- */

static uint32_t depth_of_complete_tree(size_t phones, uint32_t fanout)
{
    uint32_t depth = 0;
    for (size_t i = phones - 1; i > 0; i = (i - 1) / fanout) {
        depth++;
    }
    return depth;
}

Test(whatif, every_fanout_makes_a_complete_tree)
{
    for (uint32_t fanout = 1; fanout <= PFS_FANOUT_MAX; fanout++) {
        crew_defaults(&c, fanout);
        c.config.fanout = fanout;
        crew_open(&c);
        crew_add_many(&c, 40, 100 * SIM_MS);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 40);
        cr_assert_eq(c.wan_copies, 1);
        cr_assert_eq(crew_depth(&c), depth_of_complete_tree(40, fanout), "fanout %u: depth %u",
                     fanout, crew_depth(&c));
        end_of_test();
    }
}

Test(whatif, in_a_known_tree_phone_i_feeds_the_k_behind_k_times_i)
{
    for (uint32_t k = 1; k <= PFS_FANOUT_MAX; k++) {
        for (int cut = 0; cut < 2; cut++) {
            cut_through(k, 1000);
            c.config.relay = cut ? PFS_CUT_THROUGH : PFS_STORE_AND_FORWARD;
            c.config.election = PFS_STATIC;
            c.config.fanout = k;
            crew_open(&c);
            crew_add_many(&c, 40, SIM_S);
            cr_assert(crew_run(&c));
            cr_assert_eq(all_upgraded(), 40);
            cr_assert_eq(c.wan_copies, 1);
            for (size_t i = 1; i < c.len; i++) {
                cr_assert_eq(c.phones[i].parent, c.phones[(i - 1) / k].addr, "fanout %u phone %zu",
                             k, i);
                cr_assert_eq(c.phones[i].depth, depth_of_complete_tree(i + 1, k));
            }
            cr_assert_eq(lab_counts(c.lab)->broadcasts + lab_counts(c.lab)->datagrams, 0);
            end_of_test();
        }
    }
}
