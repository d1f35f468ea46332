/* Goal: the peer machine keeps what PROTOCOL.md promises, phone by phone and fault by fault.
 * Method: crews in the lab; each test is one situation with exact expectations. sweep.c does the
 * random ones. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"
#include "tests/world/crew.h"

static struct crew c;

static void end_of_test(void)
{
    cr_assert_str_eq(c.broken, "");
    crew_close(&c);
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

static uint32_t log2_of(size_t n)
{
    uint32_t depth = 0;
    while (n >>= 1) {
        depth++;
    }
    return depth;
}

/* ---- Without faults ---- */

static void one_tree(size_t n, sim_duration spread, uint64_t seed)
{
    crew_defaults(&c, seed);
    crew_open(&c);
    crew_add_many(&c, n, spread);
    cr_assert(crew_run(&c), "%zu phones never ended", n);
    cr_assert_eq(all_upgraded(), n);
    cr_assert_eq(c.roots, 1, "%zu phones, seed %llu: %u roots", n, (unsigned long long)seed,
                 c.roots);
    cr_assert_eq(c.wan_copies, 1);
    cr_assert_eq(crew_depth(&c), log2_of(n), "%zu phones: depth %u", n, crew_depth(&c));
    for (size_t i = 0; i < n; i++) {
        cr_assert(lab_node_dials(c.lab, c.phones[i].node) <= 2, "phone %zu dialed %llu times", i,
                  (unsigned long long)lab_node_dials(c.lab, c.phones[i].node));
        cr_assert(c.phones[i].attaches <= 1);
    }
    /* Records in a random order: ln n claims, each with up to four ads; then the root's own. */
    cr_assert(c.claims <= 3 * (log2_of(n) + 2), "%zu phones: %u claims", n, c.claims);
    cr_assert(lab_counts(c.lab)->broadcasts <= 5 * c.claims + 12);
    end_of_test();
}

Test(pfs, phones_make_one_complete_tree_with_two_dials_each_and_one_wan_copy)
{
    for (size_t n = 1; n <= 40; n++) {
        one_tree(n, 100 * SIM_MS, n);
    }
    one_tree(64, 0, 7);
    one_tree(127, SIM_S, 8);
    one_tree(128, SIM_S, 9);
    one_tree(200, 100 * SIM_MS, 10);
}

Test(pfs, the_root_waits_ten_seconds_after_its_confirmation)
{
    crew_defaults(&c, 1);
    c.config.listen = 0;
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    crew_run_until(&c, 1250 * SIM_MS - 1);
    cr_assert_eq((int)hier_of(0)->state, (int)PFS_HIER_ELECT);
    crew_run_until(&c, 1250 * SIM_MS);
    cr_assert_eq((int)hier_of(0)->state, (int)PFS_HIER_ROOT_WAIT);
    cr_assert_eq(hier_of(0)->timer, 11250 * SIM_MS);
    crew_run_until(&c, 11250 * SIM_MS);
    cr_assert_eq((int)hier_of(0)->state, (int)PFS_HIER_ROOT_FETCH);
    cr_assert(crew_run(&c));
    end_of_test();
}

Test(pfs, several_files_make_several_trees_one_after_the_other)
{
    crew_defaults(&c, 3);
    c.files[1] = "/dnld/jar41.sbn";
    c.files[2] = "/dnld/cnu41.sbn";
    c.files_len = 3;
    crew_open(&c);
    crew_add_many(&c, 30, SIM_S);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 30);
    cr_assert_eq(c.wan_copies, 3);
    end_of_test();
}

Test(pfs, models_and_subnets_never_mix)
{
    crew_defaults(&c, 4);
    crew_open(&c);
    for (size_t i = 0; i < 40; i++) {
        crew_add(&c, (uint32_t)(i % 2), i % 4 < 2 ? "CP-7961G" : "CP-7970G", 0);
    }
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 40);
    cr_assert_eq(c.wan_copies, 4, "%u copies", c.wan_copies);
    end_of_test(); /* crew_check() looked at every edge */
}

Test(pfs, fanout_one_is_a_chain_and_sixteen_is_flat)
{
    static const struct {
        uint32_t fanout, depth;
    } rows[] = {{1, 11}, {3, 2}, {16, 1}};
    for (size_t i = 0; i < 3; i++) {
        crew_defaults(&c, 5);
        c.config.fanout = rows[i].fanout;
        crew_open(&c);
        crew_add_many(&c, 12, 0);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 12);
        cr_assert_eq(c.wan_copies, 1);
        cr_assert_eq(crew_depth(&c), rows[i].depth, "fanout %u: depth %u", rows[i].fanout,
                     crew_depth(&c));
        end_of_test();
    }
}

Test(pfs, without_listening_and_waiting_it_still_works)
{
    crew_defaults(&c, 6);
    c.config.listen = 0;
    c.config.root_wait = 0;
    crew_open(&c);
    crew_add_many(&c, 20, SIM_S);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 20);
    cr_assert_eq(c.wan_copies, 1);
    end_of_test();
}

Test(pfs, late_phones_join_whatever_the_root_is_doing)
{
    static const uint64_t starts[] = {0, 5, 12, 14, 18, 25, 30, 40};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        crew_defaults(&c, seed);
        crew_open(&c);
        for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
            crew_add(&c, 0, "CP-7961G", starts[i] * SIM_S);
        }
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), c.len);
        cr_assert_eq(c.wan_copies, 1, "seed %llu: %u copies", (unsigned long long)seed,
                     c.wan_copies);
        end_of_test();
    }
}

Test(pfs, a_chain_of_overlapping_lives_needs_one_wan_copy)
{
    /* Each comes 25 s after the one before; the first ones have left long before the last come. */
    crew_defaults(&c, 2);
    c.config.linger_max = 60 * SIM_S;
    crew_open(&c);
    for (size_t i = 0; i < 20; i++) {
        crew_add(&c, 0, "CP-7961G", i * 25 * SIM_S);
    }
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 20);
    cr_assert_eq(c.wan_copies, 1);
    cr_assert(c.phones[0].stop_at < c.phones[19].start_at);
    end_of_test();
}

Test(pfs, after_the_reboot_nothing_is_served)
{
    crew_defaults(&c, 2);
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    crew_add(&c, 0, "CP-7961G", 120 * SIM_S);
    cr_assert(crew_run(&c));
    cr_assert_eq(c.wan_copies, 2);
    cr_assert(c.phones[0].stop_at < 60 * SIM_S);
    end_of_test();
}

Test(pfs, lingers_until_nobody_came_for_the_time_given)
{
    crew_defaults(&c, 2);
    c.config.listen = 0;
    c.config.root_wait = 0;
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    cr_assert(crew_run(&c));
    /* claim 1.25 s, server 50 ms, 20,000 bytes at 5,000 a second, linger */
    sim_time done = 1250 * SIM_MS + 50 * SIM_MS + 4 * SIM_S;
    cr_assert_eq(c.phones[0].stop_at, done + 30 * SIM_S, "%llu",
                 (unsigned long long)c.phones[0].stop_at);
    end_of_test();
}

Test(pfs, the_same_seed_gives_the_same_trace)
{
    uint64_t hash[3];
    for (size_t i = 0; i < 3; i++) {
        crew_defaults(&c, i < 2 ? 11 : 12);
        crew_open(&c);
        crew_add_many(&c, 50, SIM_S);
        cr_assert(crew_run(&c));
        hash[i] = lab_trace_hash(c.lab);
        end_of_test();
    }
    cr_assert_eq(hash[0], hash[1]);
    cr_assert_neq(hash[0], hash[2]);
}

Test(pfs, an_unknown_digest_is_trusted_on_first_use)
{
    crew_defaults(&c, 3);
    c.knows_digests = false;
    crew_open(&c);
    crew_add_many(&c, 15, SIM_S);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    cr_assert_eq(c.wan_copies, 1);
    end_of_test();
}

Test(pfs, an_empty_file_is_shared_too)
{
    crew_defaults(&c, 3);
    c.lab_config.file_size = 0;
    crew_open(&c);
    crew_add_many(&c, 7, SIM_S);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 7);
    cr_assert_eq(c.wan_copies, 1);
    end_of_test();
}

Test(pfs, a_static_tree_elects_nobody_and_sends_no_datagram)
{
    crew_defaults(&c, 3);
    c.config.election = PFS_STATIC;
    crew_open(&c);
    crew_add_many(&c, 15, 5 * SIM_S);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    cr_assert_eq(c.wan_copies, 1);
    cr_assert_eq(c.phones[0].from_server, 1);
    cr_assert_eq(lab_counts(c.lab)->broadcasts + lab_counts(c.lab)->datagrams, 0);
    cr_assert_eq(crew_depth(&c), 3);
    end_of_test();
}

/* ---- Peers that fail ---- */

/* 15 phones, all attached at 13 s; the tree is known then. */
static void settled(uint64_t seed)
{
    crew_defaults(&c, seed);
    crew_open(&c);
    crew_add_many(&c, 15, 100 * SIM_MS);
    crew_run_until(&c, 8 * SIM_S);
}

static size_t inner_phone(void)
{
    for (size_t i = 0; i < c.len; i++) {
        const struct pfs_hier *h = hier_of(i);
        if (h != NULL && !h->is_root && h->children > 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

static void parent_dies(sim_time at, bool silent)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        settled(seed);
        size_t parent = inner_phone();
        cr_assert_neq(parent, SIZE_MAX);
        crew_run_until(&c, at);
        crew_crash(&c, parent, silent, false);
        cr_assert(crew_run(&c), "seed %llu never ended", (unsigned long long)seed);
        cr_assert_eq(all_upgraded(), 14);
        cr_assert_eq(c.wan_copies, 1);
        for (size_t i = 0; i < c.len; i++) {
            cr_assert_eq(c.phones[i].fallbacks, 0);
        }
        end_of_test();
    }
}

Test(pfs, a_parent_that_dies_costs_nobody_the_file)
{
    parent_dies(9 * SIM_S, false);
    parent_dies(16500 * SIM_MS, false); /* while bodies flow */
    parent_dies(18 * SIM_S, false);
}

Test(pfs, a_parent_that_falls_silent_costs_nobody_the_file)
{
    parent_dies(9 * SIM_S, true);
    parent_dies(16500 * SIM_MS, true);
}

Test(pfs, a_part_is_continued_from_its_offset)
{
    unsigned resumes = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        settled(seed);
        c.lab_config.port_rate = 2000;
        size_t parent = inner_phone();
        while (hier_of(parent)->state != PFS_HIER_HOLD && lab_step(c.lab)) {
        }
        crew_run_until(&c, lab_now(c.lab) + SIM_S); /* half of the body is out */
        crew_crash(&c, parent, false, false);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 14);
        resumes += c.resumes;
        end_of_test();
    }
    cr_assert(resumes > 0);
}

static void root_dies(sim_time at, bool silent, unsigned copies_max)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        settled(seed);
        crew_run_until(&c, at);
        size_t root = root_now();
        cr_assert_neq(root, SIZE_MAX);
        crew_crash(&c, root, silent, false);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 14, "seed %llu: %zu", (unsigned long long)seed,
                     all_upgraded());
        cr_assert(c.wan_copies <= copies_max, "seed %llu: %u copies", (unsigned long long)seed,
                  c.wan_copies);
        for (size_t i = 0; i < c.len; i++) {
            cr_assert_eq(c.phones[i].fallbacks, 0, "seed %llu", (unsigned long long)seed);
        }
        end_of_test();
    }
}

Test(pfs, a_root_that_dies_while_it_waits_is_replaced)
{
    root_dies(8 * SIM_S, false, 1);
    root_dies(8 * SIM_S, true, 1);
}

Test(pfs, a_root_that_dies_while_it_fetches_is_replaced)
{
    root_dies(13 * SIM_S, false, 1);
    root_dies(13 * SIM_S, true, 1);
}

Test(pfs, a_root_that_dies_while_it_serves_is_replaced)
{
    root_dies(17 * SIM_S, false, 2);
    root_dies(17 * SIM_S, true, 2);
    root_dies(22 * SIM_S, false, 2);
}

Test(pfs, a_root_that_comes_back_joins_the_others)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        settled(seed);
        size_t root = root_now();
        crew_crash(&c, root, false, true);
        crew_run_until(&c, 20 * SIM_S);
        crew_restart(&c, root);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 15);
        cr_assert_eq(c.wan_copies, 1);
        end_of_test();
    }
}

Test(pfs, a_corrupt_peer_is_noticed_by_each_of_its_children_and_asked_once)
{
    unsigned rejects = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        settled(seed);
        size_t parent = inner_phone();
        uint32_t children = hier_of(parent)->children;
        sim_world_set_corrupt(lab_world(c.lab), c.phones[parent].node, true);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 15); /* crew compared every copy with the original */
        cr_assert(c.rejects_of[parent] >= children);
        for (size_t i = 0; i < c.len; i++) {
            cr_assert_eq(c.phones[i].fallbacks, 0);
        }
        cr_assert_eq(c.wan_copies, 1);
        cr_assert_eq(c.asked_again, 0, "somebody asked twice");
        rejects += c.rejects;
        end_of_test();
    }
    cr_assert(rejects > 0);
}

Test(pfs, a_corrupt_root_can_not_harm_those_who_know_the_digest)
{
    settled(2);
    size_t root = root_now();
    sim_world_set_corrupt(lab_world(c.lab), c.phones[root].node, true);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    cr_assert(c.rejects > 0);
    cr_assert_eq(c.asked_again, 0);
    end_of_test();
}

/* As settled(), but the server takes 200 s. */
static void settled_and_slow(uint64_t seed)
{
    crew_defaults(&c, seed);
    c.lab_config.fetch_rate = 100;
    crew_open(&c);
    crew_add_many(&c, 15, 100 * SIM_MS);
    crew_run_until(&c, 8 * SIM_S);
}

Test(pfs, a_child_that_falls_silent_loses_its_slot)
{
    settled_and_slow(1);
    size_t parent = inner_phone();
    uint32_t before = hier_of(parent)->children;
    for (size_t i = 0; i < c.len; i++) {
        const struct pfs_hier *h = hier_of(i);
        if (h->state == PFS_HIER_WAIT && h->quest->up->peer == c.phones[parent].addr) {
            crew_crash(&c, i, true, false);
            break;
        }
    }
    crew_run_until(&c, 30 * SIM_S);
    cr_assert_eq(hier_of(parent)->children, before, "it may still come back");
    crew_run_until(&c, 50 * SIM_S);
    cr_assert_eq(hier_of(parent)->children, before - 1);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 14);
    end_of_test();
}

Test(pfs, the_root_knows_of_a_lost_child_within_a_second)
{
    settled_and_slow(1);
    const struct pfs_hier *root = hier_of(root_now());
    cr_assert_eq(pfs_table_count(root->table), 15);
    size_t leaf = SIZE_MAX;
    for (size_t i = 0; i < c.len; i++) {
        leaf = hier_of(i)->depth > 1 && hier_of(i)->children == 0 ? i : leaf;
    }
    crew_crash(&c, leaf, false, false);
    crew_run_until(&c, 9 * SIM_S);
    cr_assert_eq(pfs_table_count(root->table), 14);
    cr_assert(crew_run(&c));
    end_of_test();
}

Test(pfs, a_parent_with_nothing_alive_above_it_is_left)
{
    settled_and_slow(1);
    size_t parent = inner_phone(), child = SIZE_MAX;
    for (size_t i = 0; i < c.len; i++) {
        const struct pfs_hier *h = hier_of(i);
        if (h->state == PFS_HIER_WAIT && h->quest->up->peer == c.phones[parent].addr) {
            child = i;
        }
    }
    cr_assert_neq(child, SIZE_MAX);
    unsigned attaches = c.phones[child].attaches;
    /* The two are cut off, and the parent does not mind: it speaks, but says nothing new. */
    struct sim_world *w = lab_world(c.lab);
    sim_world_set_group(w, c.phones[parent].node, 1);
    sim_world_set_group(w, c.phones[child].node, 1);
    struct pfs_quest *q = c.phones[parent].pfs->hiers->quest;
    while (lab_now(c.lab) < 30 * SIM_S && lab_step(c.lab)) {
        q->up->heard = q->serial_at = lab_now(c.lab);
    }
    cr_assert_eq((int)hier_of(child)->state, (int)PFS_HIER_WAIT);
    while (lab_now(c.lab) < 60 * SIM_S && hier_of(child)->state == PFS_HIER_WAIT &&
           lab_step(c.lab)) {
        q->up->heard = q->serial_at = lab_now(c.lab);
    }
    cr_assert_neq((int)hier_of(child)->state, (int)PFS_HIER_WAIT);
    sim_world_set_group(w, c.phones[parent].node, 0);
    sim_world_set_group(w, c.phones[child].node, 0);
    crew_run_until(&c, 60 * SIM_S);
    cr_assert(c.phones[child].attaches > attaches);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    end_of_test();
}

/* ---- The server fails ---- */

Test(pfs, when_enough_roots_failed_everybody_fails_with_the_servers_reason)
{
    settled(3);
    lab_server_fails(c.lab, SIM_ENOTFOUND, "HTTP 404 from http://server/SCCP41.loads");
    cr_assert(crew_run(&c));
    cr_assert_eq(crew_count_failed(&c), 15);
    unsigned fetches = 0;
    for (size_t i = 0; i < c.len; i++) {
        cr_assert_str_eq(c.phones[i].reason, "HTTP 404 from http://server/SCCP41.loads");
        fetches += c.phones[i].fetches;
    }
    cr_assert_eq(fetches, 3, "%u fetches for three failed roots", fetches);
    end_of_test();
}

Test(pfs, a_failed_root_does_not_lead_again_but_gets_the_file_from_the_next)
{
    settled(4);
    size_t root = root_now();
    lab_server_fails(c.lab, SIM_EBUSY, "HTTP 503");
    while (c.phones[root].fetches == 0 && lab_step(c.lab)) {
    }
    crew_run_until(&c, lab_now(c.lab) + 100 * SIM_MS);
    lab_server_fails(c.lab, 0, "");
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    cr_assert_eq(c.phones[root].from_peer, 1);
    cr_assert_eq(c.phones[root].fetches, 1);
    cr_assert_eq(c.wan_copies, 1);
    end_of_test();
}

Test(pfs, a_lonely_phone_fails_with_the_servers_reason)
{
    crew_defaults(&c, 1);
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    lab_server_fails(c.lab, SIM_ETIMEDOUT, "TFTP timed out");
    cr_assert(crew_run(&c));
    cr_assert_eq(crew_count_failed(&c), 1);
    cr_assert_str_eq(c.phones[0].reason, "TFTP timed out");
    cr_assert_eq(c.phones[0].fetches, 1);
    end_of_test();
}

Test(pfs, a_root_whose_fetch_stalls_steps_down_after_the_time_given)
{
    settled(5);
    size_t root = root_now();
    lab_server_stalls(c.lab, true);
    crew_run_until(&c, 40 * SIM_S);
    cr_assert_eq((int)hier_of(root)->state, (int)PFS_HIER_ROOT_FETCH);
    lab_server_stalls(c.lab, false);
    crew_run_until(&c, 90 * SIM_S);
    cr_assert_neq(root_now(), root);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    end_of_test();
}

Test(pfs, a_corrupt_copy_from_the_server_is_never_taken)
{
    settled(6);
    lab_server_corrupts(c.lab, true);
    cr_assert(crew_run(&c));
    cr_assert_eq(crew_count_failed(&c), 15);
    cr_assert(strstr(c.phones[0].reason, "wrong digest") != NULL, "%s", c.phones[0].reason);
    end_of_test();
}

/* ---- The network fails ---- */

Test(pfs, a_partition_makes_two_roots_and_its_end_makes_one)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        crew_defaults(&c, seed);
        c.lab_config.fetch_rate = 200; /* 100 s for the file */
        crew_open(&c);
        crew_add_many(&c, 20, 100 * SIM_MS);
        for (size_t i = 0; i < 20; i++) {
            sim_world_set_group(lab_world(c.lab), c.phones[i].node, i % 2 == 0);
        }
        crew_run_until(&c, 15 * SIM_S);
        cr_assert_eq(crew_count_roots(&c), 2);
        for (size_t i = 0; i < 20; i++) {
            sim_world_set_group(lab_world(c.lab), c.phones[i].node, 0);
        }
        crew_run_until(&c, 60 * SIM_S);
        cr_assert_eq(crew_count_roots(&c), 1, "seed %llu: %zu roots", (unsigned long long)seed,
                     crew_count_roots(&c));
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 20);
        cr_assert_eq(c.wan_copies, 1);
        end_of_test();
    }
}

Test(pfs, a_holder_saves_a_new_root_the_way_to_the_server)
{
    crew_defaults(&c, 1);
    c.config.root_wait = 20 * SIM_S;
    c.config.linger = 300 * SIM_S;
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    crew_add(&c, 0, "CP-7961G", 40 * SIM_S);
    sim_world_set_group(lab_world(c.lab), c.phones[0].node, 1);
    crew_run_until(&c, 45 * SIM_S);
    cr_assert_eq((int)hier_of(0)->state, (int)PFS_HIER_HOLD);
    cr_assert_eq((int)hier_of(1)->state, (int)PFS_HIER_ROOT_WAIT);
    c.phones[0].pfs->hiers->is_root = false; /* as a member that got it */
    pfs_table_free(c.phones[0].pfs->hiers->table);
    c.phones[0].pfs->hiers->table = NULL;
    c.phones[0].pfs->hiers->announce_at = SIM_NEVER;
    sim_world_set_group(lab_world(c.lab), c.phones[0].node, 0);
    cr_assert(crew_run(&c));
    cr_assert_eq(c.wan_copies, 1);
    cr_assert_eq(c.phones[1].from_peer, 1);
    end_of_test();
}

Test(pfs, half_of_the_datagrams_lost_costs_time_but_no_phone)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        crew_defaults(&c, seed);
        c.lab_config.loss_ppm = 500000;
        crew_open(&c);
        crew_add_many(&c, 30, SIM_S);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 30);
        end_of_test();
    }
}

/* ---- Strangers ---- */

static struct pfs_wire forged(enum pfs_wire_type type)
{
    struct pfs_wire m;
    pfs_hier_message(c.phones[0].pfs, hier_of(0), type, &m);
    return m;
}

static void deliver(size_t to, sim_addr from, const struct pfs_wire *m)
{
    uint8_t bytes[PFS_WIRE_MAX];
    struct sim_datagram d = {.from = from, .broadcast = true, .bytes = bytes};
    d.len = pfs_wire_encode(m, bytes);
    pfs_datagram(c.phones[to].pfs, lab_now(c.lab), &d);
}

Test(pfs, messages_of_another_file_model_or_root_change_nothing)
{
    crew_defaults(&c, 1);
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    crew_run_until(&c, 100 * SIM_MS);
    struct pfs_wire m = forged(PFS_WIRE_ROOT);
    m.strength = UINT32_MAX;
    m.root = 0x7f000009;
    deliver(0, 0x7f000008, &m); /* announced by somebody else */
    m.root = 0x7f000008;
    m.strength &= ~PFS_WIRE_STRENGTH_CONFIRMED;
    deliver(0, 0x7f000008, &m);
    m.strength = UINT32_MAX;
    snprintf(m.path, sizeof(m.path), "/dnld/other.loads"); /* the same H, another name */
    deliver(0, 0x7f000008, &m);
    m = forged(PFS_WIRE_FAILED);
    for (uint32_t i = 0; i < 9; i++) {
        m.xid = i;
        deliver(0, 0x7f000008, &m);
    }
    cr_assert_eq((int)hier_of(0)->state, (int)PFS_HIER_ELECT);
    cr_assert_eq(hier_of(0)->quest->failures, 0);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 1);
    end_of_test();
}

Test(pfs, a_flood_of_claims_is_answered_once_in_250_ms)
{
    crew_defaults(&c, 1);
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    crew_add(&c, 0, "CP-7970G", 4 * SIM_S); /* nobody to it, but time has come to 4 s then */
    crew_run_until(&c, 4 * SIM_S);
    cr_assert(hier_of(0)->is_root);
    struct pfs_wire m = forged(PFS_WIRE_OFFER);
    m.strength = 1;
    uint64_t before = lab_counts(c.lab)->broadcasts;
    for (unsigned i = 0; i < 1000; i++) {
        deliver(0, 0x7f000008, &m);
    }
    cr_assert_eq(lab_counts(c.lab)->broadcasts, before + 1);
    crew_run_until(&c, lab_now(c.lab) + 260 * SIM_MS);
    end_of_test();
}

Test(pfs, a_forged_root_costs_time_but_not_the_file)
{
    crew_defaults(&c, 1);
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    crew_run_until(&c, 100 * SIM_MS);
    struct pfs_wire m = forged(PFS_WIRE_ROOT);
    m.strength = UINT32_MAX;
    m.root = (127u << 24) + (1u << 16) + 99; /* nobody lives there */
    deliver(0, m.root, &m);
    cr_assert_eq((int)hier_of(0)->state, (int)PFS_HIER_DIAL);
    pfs_wake(c.phones[0].pfs, lab_now(c.lab));
    sim_world_wake_at(lab_world(c.lab), c.phones[0].node, pfs_deadline(c.phones[0].pfs));
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 1);
    end_of_test();
}

/* ---- A neighbour that asks for a slot ---- */

static struct {
    sim_node node;
    sim_stream stream;
    enum pfs_wire_type answer; /* of the first message that came back; 0: none yet */
} asker;

static void asker_wake(void *self, sim_time now)
{
    (void)self;
    (void)now;
}
static void asker_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    (void)self;
    (void)now;
    (void)d;
}
static void asker_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    const struct pfs_wire *join = self;
    uint8_t bytes[PFS_WIRE_MAX];
    (void)now;
    (void)peer;
    (void)dialed;
    sim_world_stream_send(lab_world(c.lab), s, bytes, pfs_wire_encode(join, bytes));
}
static size_t asker_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes, size_t len)
{
    struct pfs_wire m;
    (void)self;
    (void)now;
    (void)s;
    if ((int)asker.answer == 0 && pfs_wire_peek(bytes, len, &m) == 0) {
        asker.answer = m.type;
    }
    return len;
}
static void asker_progress(void *self, sim_time now, sim_stream s, uint64_t size)
{
    (void)self;
    (void)now;
    (void)s;
    (void)size;
}
static void asker_body(void *self, sim_time now, sim_stream s)
{
    (void)self;
    (void)now;
    (void)s;
}
static void asker_closed(void *self, sim_time now, sim_stream s, int why)
{
    (void)self;
    (void)now;
    (void)s;
    (void)why;
}
static void asker_fetched(void *self, sim_time now, sim_fetch f, const struct sim_fetch_result *r)
{
    (void)self;
    (void)now;
    (void)f;
    (void)r;
}

/* What `phone` answers to this JOIN, within 10 ms. */
static enum pfs_wire_type ask(size_t phone, struct pfs_wire *join)
{
    static const struct sim_node_ops ops = {.wake = asker_wake,
                                            .datagram = asker_datagram,
                                            .stream_opened = asker_opened,
                                            .stream_input = asker_input,
                                            .body_progress = asker_progress,
                                            .body_received = asker_body,
                                            .body_sent = asker_body,
                                            .stream_closed = asker_closed,
                                            .fetch_progress = asker_progress,
                                            .fetch_done = asker_fetched};
    static sim_addr next;
    memset(&asker, 0, sizeof(asker));
    asker.node = sim_world_add_node(lab_world(c.lab), 0, (127u << 24) + (1u << 16) + 500 + next,
                                    500 + next, &ops, join);
    next++;
    cr_assert_eq(sim_world_dial(lab_world(c.lab), asker.node, c.phones[phone].addr, &asker.stream),
                 0);
    crew_run_until(&c, lab_now(c.lab) + 10 * SIM_MS);
    sim_world_stream_close(lab_world(c.lab), asker.stream);
    crew_run_until(&c, lab_now(c.lab) + 10 * SIM_MS);
    return asker.answer;
}

static struct pfs_wire slot_in(size_t phone)
{
    struct pfs_wire join;
    pfs_hier_message(c.phones[phone].pfs, hier_of(phone), PFS_WIRE_JOIN, &join);
    join.place = 99;
    join.epoch = 99;
    join.parent_epoch = hier_of(phone)->epoch;
    return join;
}

static size_t leaf_phone(void)
{
    for (size_t i = 0; i < c.len; i++) {
        if (hier_of(i) != NULL && hier_of(i)->state == PFS_HIER_WAIT && hier_of(i)->children == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

Test(pfs, a_slot_is_only_for_the_instance_and_epoch_of_the_parent)
{
    settled(1);
    size_t leaf = leaf_phone();
    cr_assert_neq(leaf, SIZE_MAX);
    struct pfs_wire join = slot_in(leaf);
    cr_assert_eq((int)ask(leaf, &join), (int)PFS_WIRE_WELCOME);
    join.parent_epoch++;
    cr_assert_eq((int)ask(leaf, &join), (int)PFS_WIRE_FULL);
    join = slot_in(leaf);
    join.xid++;
    cr_assert_eq((int)ask(leaf, &join), (int)PFS_WIRE_FULL);
    join = slot_in(leaf);
    snprintf(join.model, sizeof(join.model), "CP-7970G"); /* its hash says 7961 */
    cr_assert_eq((int)ask(leaf, &join), (int)PFS_WIRE_REFUSE);
    join = slot_in(leaf);
    join.place = PFS_WIRE_NO_PLACE;
    cr_assert_eq((int)ask(leaf, &join), (int)PFS_WIRE_REFUSE, "it is not the root");
    end_of_test();
}

Test(pfs, a_full_parent_says_so_and_keeps_its_children)
{
    settled(1);
    size_t parent = inner_phone();
    while (hier_of(parent)->children < 2) {
        parent++;
        cr_assert(parent < c.len);
        if (hier_of(parent)->is_root) {
            parent++;
        }
    }
    struct pfs_wire join = slot_in(parent);
    cr_assert_eq((int)ask(parent, &join), (int)PFS_WIRE_FULL);
    cr_assert_eq(hier_of(parent)->children, 2);
    end_of_test();
}

/* Its root may be about to put it below the asker. */
Test(pfs, a_phone_without_a_place_takes_nobody)
{
    static const enum pfs_hier_state states[] = {PFS_HIER_ELECT, PFS_HIER_DIAL, PFS_HIER_JOIN_ROOT};
    for (size_t i = 0; i < 3; i++) {
        settled(1);
        size_t leaf = leaf_phone();
        struct pfs_hier *h = c.phones[leaf].pfs->hiers;
        struct pfs_wire join = slot_in(leaf);
        if (states[i] == PFS_HIER_ELECT) {
            pfs_member_detach(c.phones[leaf].pfs, h, SIM_ERESET);
            pfs_elect_hunt(c.phones[leaf].pfs, h, "for this test");
        } else {
            sim_node root = c.phones[root_now()].node;
            sim_world_set_group(lab_world(c.lab), root, 1); /* nobody answers */
            const struct pfs_root_ref ref = h->root;
            pfs_member_detach(c.phones[leaf].pfs, h, SIM_ERESET);
            pfs_member_join(c.phones[leaf].pfs, h, &ref);
            bool dials = states[i] == PFS_HIER_JOIN_ROOT;
            h->timer = lab_now(c.lab) + (dials ? 0 : SIM_S);
            pfs_wake(c.phones[leaf].pfs, lab_now(c.lab));
        }
        cr_assert_eq((int)h->state, (int)states[i], "state %d", (int)h->state);
        cr_assert_eq((int)ask(leaf, &join), (int)PFS_WIRE_FULL, "state %d", (int)states[i]);
        end_of_test();
    }
}

Test(pfs, the_console_reads_like_the_real_one)
{
    /* One phone, listen 0.5 s: order and wording of the published log. */
    static const char *const want[] = {
        "Listening on peer TCP port 4051",
        "^.idl_child.c-openUDPPort",
        "|parent=-1><fd[0]=-1 fd[1]=-1 FULL=0",
        "^.idl_protocol.c-sendBroadcastOffer",
        "TxBdcst ClaimRoot(tent): map=",
        "^.idl_timeout.c-doTimeout",
        "hier=ClaimRoot(tent)",
        "TxBdcst Ad 1: ClaimRoot(tent)",
        "TxBdcst Ad 4: ClaimRoot(tent)",
        "UT:Confirmed root bumping strength",
        "@@@HROOT:XID",
        "Root sending XfrCmd on ROOT_WAITING TO",
    };
    FILE *log = tmpfile();
    int saved = dup(2);
    fflush(stderr);
    dup2(fileno(log), 2);
    crew_defaults(&c, 1);
    c.log = true;
    crew_open(&c);
    crew_add(&c, 0, "CP-7961G", 0);
    crew_run(&c);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    rewind(log);
    char line[600];
    size_t found = 0;
    while (fgets(line, sizeof(line), log) != NULL) {
        unsigned h, m, s, us;
        char level[4], node[8];
        cr_assert_eq(sscanf(line, "%7s %3s %2u:%2u:%2u.%6u DLoad: ", node, level, &h, &m, &s, &us),
                     6, "%s", line);
        found += found < sizeof(want) / sizeof(want[0]) && strstr(line, want[found]) != NULL;
    }
    cr_assert_eq(found, sizeof(want) / sizeof(want[0]), "not seen: %s", want[found]);
    fclose(log);
    end_of_test();
}
