/* Goal: the what-ifs keep the promises of the real protocol: cut-through, any fanout, a known tree.
 * Method: crews in the lab; each test is one situation with exact expectations, faults included.
 * The laws of crew.c hold after every event; sweep.c draws the same switches at random. */
#include <criterion/criterion.h>
#include <stdio.h>
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

/* ---- One hierarchy for a whole load ---- */

static void per_load(uint64_t seed)
{
    crew_defaults(&c, seed);
    c.config.hierarchy = PFS_PER_LOAD;
    c.files[1] = "/dnld/jar41.sbn";
    c.files[2] = "/dnld/cnu41.sbn";
    c.files[3] = "/dnld/term41.default.loads";
    c.files_len = 4;
}

/* The files that `phone` has taken so far. */
static size_t files_of(size_t phone)
{
    return c.phones[phone].file;
}

Test(whatif, a_load_has_one_root_one_wait_and_one_place_for_each)
{
    sim_time last[2];
    for (int whole = 0; whole < 2; whole++) {
        per_load(3);
        c.config.hierarchy = whole ? PFS_PER_LOAD : PFS_PER_FILE;
        crew_open(&c);
        crew_add_many(&c, 31, 100 * SIM_MS);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 31);
        cr_assert_eq(c.wan_copies, 4);
        cr_assert_eq(c.roots, whole ? 1 : 4);
        cr_assert_eq(crew_depth(&c), 4);
        last[whole] = last_held();
        for (size_t i = 0; i < c.len && whole; i++) {
            cr_assert(lab_node_dials(c.lab, c.phones[i].node) <= 2, "phone %zu dialed %llu times",
                      i, (unsigned long long)lab_node_dials(c.lab, c.phones[i].node));
        }
        end_of_test();
    }
    /* Three elections and three waits less; and a file is fetched while the one before goes down.
     */
    cr_assert(last[0] > last[1] + 3 * (10 * SIM_S + 1250 * SIM_MS), "%.3f s and %.3f s",
              sim_time_seconds(last[0]), sim_time_seconds(last[1]));
}

Test(whatif, late_phones_join_a_load_wherever_it_is_and_get_all_of_it)
{
    static const uint64_t starts[] = {0, 0, 5, 14, 18, 21, 25, 29, 33, 45};
    for (uint64_t seed = 1; seed <= 20; seed++) {
        per_load(seed);
        crew_open(&c);
        for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
            crew_add(&c, 0, "CP-7961G", starts[i] * SIM_S);
        }
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), c.len, "seed %llu", (unsigned long long)seed);
        cr_assert_eq(c.wan_copies, 4, "seed %llu: %u copies", (unsigned long long)seed,
                     c.wan_copies);
        assert_no_fallback();
        end_of_test();
    }
}

Test(whatif, a_load_needs_no_digest_known_beforehand_and_works_cut_through)
{
    for (int kind = 0; kind < 4; kind++) {
        per_load(4);
        c.knows_digests = (kind & 1) != 0;
        c.config.relay = (kind & 2) != 0 ? PFS_CUT_THROUGH : PFS_STORE_AND_FORWARD;
        c.config.chunk = 1000;
        crew_open(&c);
        crew_add_many(&c, 20, 5 * SIM_S);
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 20, "kind %d", kind);
        cr_assert_eq(c.wan_copies, 4);
        assert_no_fallback();
        end_of_test();
    }
}

Test(whatif, a_load_goes_down_a_known_tree)
{
    per_load(5);
    c.config.election = PFS_STATIC;
    crew_open(&c);
    crew_add_many(&c, 15, SIM_S);
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 15);
    cr_assert_eq(c.wan_copies, 4);
    cr_assert_eq(lab_counts(c.lab)->broadcasts + lab_counts(c.lab)->datagrams, 0);
    end_of_test();
}

Test(whatif, models_do_not_share_a_load)
{
    per_load(6);
    crew_open(&c);
    for (size_t i = 0; i < 20; i++) {
        crew_add(&c, 0, i % 2 == 0 ? "CP-7961G" : "CP-7970G", 0);
    }
    cr_assert(crew_run(&c));
    cr_assert_eq(all_upgraded(), 20);
    cr_assert_eq(c.wan_copies, 8);
    end_of_test();
}

/* Once `files` files of the load are with the root, and `after` more. */
static size_t run_until_root_has(size_t files, sim_duration after)
{
    size_t root;
    while (((root = root_now()) == SIZE_MAX || files_of(root) < files) && lab_step(c.lab)) {
    }
    cr_assert_neq(root, SIZE_MAX);
    crew_run_until(&c, lab_now(c.lab) + after);
    return root_now();
}

Test(whatif, a_root_that_dies_between_files_is_replaced_for_the_rest)
{
    static const sim_duration after[] = {0, 10 * SIM_MS, 1500 * SIM_MS, 3900 * SIM_MS};
    for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
        for (uint64_t seed = 1; seed <= 10; seed++) {
            per_load(seed);
            crew_open(&c);
            crew_add_many(&c, 15, 100 * SIM_MS);
            size_t root = run_until_root_has(1 + seed % 3, after[i]);
            crew_crash(&c, root, seed % 2 == 0, false);
            cr_assert(crew_run(&c), "seed %llu", (unsigned long long)seed);
            cr_assert_eq(all_upgraded(), 14, "seed %llu: %zu", (unsigned long long)seed,
                         all_upgraded());
            /* Once more the one that only the dead one had: who is furthest leads. */
            cr_assert(c.wan_copies <= 5, "seed %llu: %u copies", (unsigned long long)seed,
                      c.wan_copies);
            assert_no_fallback();
            end_of_test();
        }
    }
}

Test(whatif, a_parent_that_dies_in_the_middle_of_a_load_costs_nobody_a_file)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        per_load(seed);
        crew_open(&c);
        crew_add_many(&c, 15, 100 * SIM_MS);
        size_t root = run_until_root_has(1 + seed % 4, seed * 77 * SIM_MS), parent = SIZE_MAX;
        for (size_t i = 0; i < c.len; i++) {
            const struct pfs_hier *h = hier_of(i);
            if (i != root && h != NULL && pfs_group_children(c.phones[i].pfs, h) > 0) {
                parent = i;
            }
        }
        if (parent == SIZE_MAX) {
            crew_close(&c);
            continue;
        }
        crew_crash(&c, parent, seed % 2 == 0, false);
        cr_assert(crew_run(&c), "seed %llu", (unsigned long long)seed);
        cr_assert_eq(all_upgraded(), 14, "seed %llu: %zu", (unsigned long long)seed,
                     all_upgraded());
        cr_assert_eq(c.wan_copies, 4);
        assert_no_fallback();
        end_of_test();
    }
}

Test(whatif, a_corrupt_peer_in_a_load_is_asked_once_for_a_file)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        per_load(seed);
        crew_open(&c);
        crew_add_many(&c, 15, 100 * SIM_MS);
        run_until_root_has(1, 0);
        for (size_t i = 0; i < c.len; i++) {
            if (i != root_now() && hier_of(i)->children > 0) {
                sim_world_set_corrupt(lab_world(c.lab), c.phones[i].node, true);
                break;
            }
        }
        cr_assert(crew_run(&c));
        cr_assert_eq(all_upgraded(), 15);
        cr_assert_eq(c.wan_copies, 4);
        assert_no_fallback();
        cr_assert(c.rejects > 0);
        end_of_test();
    }
}

Test(whatif, when_the_server_fails_in_the_middle_of_a_load_everybody_hears_why)
{
    per_load(7);
    crew_open(&c);
    crew_add_many(&c, 15, 100 * SIM_MS);
    run_until_root_has(2, 0);
    lab_server_fails(c.lab, SIM_ENOTFOUND, "HTTP 404 from http://server/cnu41.sbn");
    cr_assert(crew_run(&c));
    cr_assert_eq(crew_count_failed(&c), 15);
    for (size_t i = 0; i < c.len; i++) {
        cr_assert_str_eq(c.phones[i].reason, "HTTP 404 from http://server/cnu41.sbn");
        cr_assert(files_of(i) <= 2);
    }
    end_of_test();
}

/* A child that wants the second file while its parent waits for the first. */
static struct {
    sim_node node;
    sim_stream stream;
    struct pfs_wire join;
    bool welcome;
    unsigned bodies;
} ahead;

static void ahead_nothing(void *self, sim_time now)
{
    (void)self, (void)now;
}
static void ahead_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    (void)self, (void)now, (void)d;
}
static void ahead_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    uint8_t bytes[PFS_WIRE_MAX];
    (void)self, (void)now, (void)peer, (void)dialed;
    sim_world_stream_send(lab_world(c.lab), s, bytes, pfs_wire_encode(&ahead.join, bytes));
}
static size_t ahead_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes, size_t len)
{
    struct pfs_wire m;
    (void)self, (void)now, (void)s;
    if (pfs_wire_peek(bytes, len, &m) == 0) {
        ahead.welcome = ahead.welcome || m.type == PFS_WIRE_WELCOME;
        ahead.bodies += m.type == PFS_WIRE_BODY;
    }
    return len;
}
static void ahead_moved(void *self, sim_time now, sim_stream s, uint64_t size)
{
    (void)self, (void)now, (void)s, (void)size;
}
static void ahead_body(void *self, sim_time now, sim_stream s)
{
    (void)self, (void)now, (void)s;
}
static void ahead_closed(void *self, sim_time now, sim_stream s, int why)
{
    (void)self, (void)now, (void)s, (void)why;
}
static void ahead_fetched(void *self, sim_time now, sim_fetch f, const struct sim_fetch_result *r)
{
    (void)self, (void)now, (void)f, (void)r;
}

static void child_ahead(const char *path, unsigned bodies)
{
    static const struct sim_node_ops ops = {.wake = ahead_nothing,
                                            .datagram = ahead_datagram,
                                            .stream_opened = ahead_opened,
                                            .stream_input = ahead_input,
                                            .body_progress = ahead_moved,
                                            .body_received = ahead_body,
                                            .body_sent = ahead_body,
                                            .stream_closed = ahead_closed,
                                            .fetch_progress = ahead_moved,
                                            .fetch_done = ahead_fetched};
    memset(&ahead, 0, sizeof(ahead));
    per_load(8);
    crew_open(&c);
    crew_add_many(&c, 2, 0);
    crew_run_until(&c, 8 * SIM_S);
    size_t parent = 1 - root_now();
    pfs_hier_message(c.phones[parent].pfs, hier_of(parent), PFS_WIRE_JOIN, &ahead.join);
    ahead.join.place = ahead.join.epoch = 99;
    ahead.join.parent_epoch = hier_of(parent)->epoch;
    snprintf(ahead.join.path, sizeof(ahead.join.path), "%s", path);
    ahead.node =
        sim_world_add_node(lab_world(c.lab), 0, (127u << 24) + (1u << 16) + 500, 500, &ops, NULL);
    cr_assert_eq(sim_world_dial(lab_world(c.lab), ahead.node, c.phones[parent].addr, &ahead.stream),
                 0);
    crew_run_until(&c, 9 * SIM_S);
    cr_assert(ahead.welcome);
    cr_assert_eq(ahead.bodies, 0);
    crew_run_until(&c, 35 * SIM_S);
    cr_assert_eq(ahead.bodies, bodies, "%s: %u bodies", path, ahead.bodies);
    end_of_test();
}

Test(whatif, a_child_that_is_further_than_its_parent_waits_until_that_gets_there)
{
    child_ahead("/dnld/SCCP41.loads", 1); /* not ahead at all */
    child_ahead("/dnld/jar41.sbn", 1);
    child_ahead("/dnld/cnu41.sbn", 1);
    child_ahead("/dnld/never.sbn", 0);
}
