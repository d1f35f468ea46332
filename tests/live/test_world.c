/* Goal: alarms, chance, faults, the end of a run and its figures, as sim/world.h and live.h
 * promise. Method: scripted nodes; each run ends by itself unless its limit is what is tested. */
#include <pthread.h>

#include "sim/live/inner.h"
#include "tests/live/bed.h"

static struct bed bed;

static void finish(struct bed_node *n, sim_time now)
{
    n->at = now;
    bed_finish_all(n->bed);
}

Test(world, an_alarm_is_replaced_never_early_and_may_be_in_the_past)
{
    struct bed_node *a, *b, *c;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    c = bed_add(&bed, 0, 4);
    a->wake = finish;
    sim_world_wake_at(a->world, a->node, SIM_MS);
    sim_world_wake_at(a->world, a->node, 20 * SIM_MS);
    sim_world_wake_at(b->world, b->node, SIM_MS);
    sim_world_wake_at(b->world, b->node, SIM_NEVER);
    sim_world_wake_at(c->world, c->node, 0);
    cr_assert_eq(c->wakes, 0);
    bed_run(&bed);
    cr_assert_eq(a->wakes, 1);
    cr_assert_geq(a->at, 20 * SIM_MS);
    cr_assert_eq(b->wakes, 0);
    cr_assert_eq(c->wakes, 1);
    bed_close(&bed);
}

Test(world, time_stands_at_zero_until_the_run_begins)
{
    struct bed_node *a;
    struct sim_live_validity v;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    cr_assert_eq(sim_world_now(a->world), 0);
    usleep(2000);
    cr_assert_eq(sim_world_now(a->world), 0);
    a->wake = finish;
    sim_world_wake_at(a->world, a->node, SIM_US);
    bed_run(&bed);
    sim_live_validity(bed.live, &v);
    cr_assert_eq(v.timers, 1);
    cr_assert(v.reasons_len == 0 || !v.valid);
    bed_close(&bed);
}

Test(world, chance_belongs_to_the_id_and_not_to_the_order)
{
    uint64_t first[2], second;

    for (unsigned round = 0; round < 2; round++) {
        struct sim_world *w;
        sim_node node;

        bed_init(&bed, 1);
        bed_open(&bed);
        w = sim_live_world(bed.live, 0);
        if (round == 1) { /* one more before it */
            sim_world_add_node(w, 0, bed.sites[0].base + 9, 5, &bed_ops, &bed.nodes[0]);
        }
        node = sim_world_add_node(w, 0, bed.sites[0].base + 2, 1234, &bed_ops, &bed.nodes[1]);
        cr_assert_eq(node, round);
        first[round] = sim_rng_next(sim_world_rng(w, node));
        second = sim_rng_next(sim_world_rng(w, node));
        cr_assert_neq(first[round], second);
        bed_close(&bed);
    }
    cr_assert_eq(first[0], first[1]);
}

Test(world, a_run_ends_at_its_limit_and_says_so)
{
    bed_init(&bed, 1);
    bed.config.limit = 5 * SIM_MS;
    bed_open(&bed);
    bed_add(&bed, 0, 2);
    cr_assert_eq(sim_live_run(bed.live), SIM_ETIMEDOUT);
    bed_close(&bed);
}

static void *stop_it(void *live)
{
    sim_live_stop(live);
    return NULL;
}

Test(world, a_run_can_be_stopped_from_outside_before_and_during)
{
    pthread_t thread;

    bed_init(&bed, 2);
    bed.config.threads = 2;
    bed_open(&bed);
    bed_add(&bed, 0, 2);
    sim_live_stop(bed.live);
    cr_assert_eq(sim_live_run(bed.live), SIM_ECANCELED);
    bed_close(&bed);

    bed_open(&bed);
    bed.nodes_len = 0;
    bed_add(&bed, 0, 2);
    cr_assert_eq(pthread_create(&thread, NULL, stop_it, bed.live), 0);
    cr_assert_eq(sim_live_run(bed.live), SIM_ECANCELED);
    pthread_join(thread, NULL);
    bed_close(&bed);
}

static unsigned ticks;
static struct sim_site_stats seen;

static bool on_tick(void *context, sim_time now)
{
    struct bed *b = context;

    cr_assert_geq(now, (ticks + 1) * 5 * SIM_MS);
    sim_live_site_stats(b->live, 1, &seen); /* of the other loop */
    return ++ticks == 30;
}

static void broadcast(struct bed_node *n, sim_time now)
{
    (void)now;
    sim_world_broadcast(n->world, n->node, "x", 1);
}

Test(world, the_tick_comes_on_time_sees_the_other_loop_and_ends_the_run)
{
    struct bed_node *a, *b;

    bed_init(&bed, 2);
    bed.config.threads = 2;
    bed.config.tick = on_tick;
    bed.config.tick_context = &bed;
    bed.config.tick_every = 5 * SIM_MS;
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 1, 2);
    b->wake = broadcast;
    sim_world_wake_at(b->world, b->node, 0);
    cr_assert_eq(sim_live_run(bed.live), SIM_ECANCELED);
    cr_assert_eq(ticks, 30);
    cr_assert_eq(seen.lan_broadcasts, 1);
    cr_assert_eq(a->datagrams, 0);
    bed_close(&bed);
}

Test(world, nodes_of_all_loops_must_have_finished)
{
    struct bed_node *nodes[4];
    struct sim_live_usage usage;

    bed_init(&bed, 4);
    bed.config.threads = 4;
    bed_open(&bed);
    for (uint32_t i = 0; i < 4; i++) {
        nodes[i] = bed_add(&bed, i, 2);
        nodes[i]->wake = NULL;
    }
    for (uint32_t i = 0; i < 3; i++) {
        sim_world_finished(nodes[i]->world, nodes[i]->node);
        sim_world_finished(nodes[i]->world, nodes[i]->node); /* twice is fine */
    }
    bed.nodes[0].bed = &bed;
    nodes[3]->wake = finish;
    sim_world_wake_at(nodes[3]->world, nodes[3]->node, 5 * SIM_MS);
    bed_run(&bed);
    cr_assert_eq(nodes[3]->wakes, 1);
    sim_live_usage(bed.live, &usage);
    cr_assert_eq(usage.nodes, 4);
    cr_assert_eq(usage.nodes_finished, 4);
    cr_assert_geq(usage.events, 1);
    cr_assert_gt(usage.descriptors_peak, 3);
    cr_assert_gt(usage.rss_peak_bytes, 1 << 20);
    bed_close(&bed);
}

static void crash_other(struct bed_node *n, sim_time now)
{
    struct bed_node *b = &n->bed->nodes[1];

    (void)now;
    sim_world_set_down(n->world, b->node, true, true);
    cr_assert_eq(sim_world_listen(b->world, b->node, true), SIM_EINVAL);
    cr_assert_eq(sim_world_file_new(b->world, b->node, "x"), 0);
    cr_assert_eq(sim_world_broadcast(b->world, b->node, "x", 1), SIM_EINVAL);
    cr_assert_eq(sim_world_file_size(b->world, b->file), 0, "its copies are gone");
    sim_world_wake_at(b->world, b->node, 0);
    sim_world_send(n->world, n->node, b->addr, "x", 1);
}

Test(world, a_node_that_is_down_has_nothing_and_hears_nothing)
{
    struct bed_node *a, *b, *c;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    c = bed_add(&bed, 0, 0);
    b->file = sim_world_file_new(b->world, b->node, "x");
    cr_assert_neq(b->file, 0);
    sim_world_wake_at(b->world, b->node, 20 * SIM_MS);
    a->wake = crash_other;
    sim_world_wake_at(a->world, a->node, 0);
    c->wake = finish;
    sim_world_wake_at(c->world, c->node, 40 * SIM_MS);
    bed_run(&bed);
    cr_assert_eq(b->wakes, 0);
    cr_assert_eq(b->datagrams, 0);
    bed_close(&bed);
}

Test(world, big_sites_do_not_starve_a_loop)
{
    unsigned lanes[4];

    bed_init(&bed, 4);
    bed.sites[0].phones = 100;
    bed.sites[1].phones = 100;
    bed.sites[2].phones = 200;
    bed.sites[3].phones = 10;
    bed.config.threads = 2;
    bed_open(&bed);
    for (uint32_t i = 0; i < 4; i++) {
        lanes[i] = sim_live_lane(bed.live, i);
    }
    cr_assert_eq(lanes[0], 0);
    cr_assert_eq(lanes[1], 0);
    cr_assert_eq(lanes[2], 1);
    cr_assert_eq(lanes[3], 1);
    bed_close(&bed);
}

Test(world, stale_and_foreign_handles_find_nothing)
{
    struct live_handles h = {0};
    int a, b;
    uint64_t one, two;

    cr_assert_null(live_handles_get(&h, 0));
    cr_assert_null(live_handles_get(&h, 1));
    one = live_handles_add(&h, &a);
    cr_assert_eq(live_handles_get(&h, one), &a);
    live_handles_remove(&h, one);
    live_handles_remove(&h, one);
    cr_assert_null(live_handles_get(&h, one));
    two = live_handles_add(&h, &b);
    cr_assert_eq((uint32_t)one, (uint32_t)two, "the place is used again");
    cr_assert_null(live_handles_get(&h, one));
    cr_assert_eq(live_handles_get(&h, two), &b);
    cr_assert_null(live_handles_get(&h, two + 1));
    for (unsigned i = 0; i < 1000; i++) {
        cr_assert_neq(live_handles_add(&h, &a), 0);
    }
    cr_assert_eq(live_handles_get(&h, two), &b);
    live_handles_deinit(&h);
}

Test(world, the_owner_of_a_port_is_read_from_the_kernels_table)
{
    static const char tcp[] = "   1: 00000000:0FD3 00000000:0000 0A 00000000:00000000 00:00000000 "
                              "00000000  1000        0 123456 1 0000000000000000 100 0 0 10 0";
    static const char talking[] =
        "   1: 00000000:0FD3 0100007F:1234 01 00000000:00000000 00:00000000 "
        "00000000  1000        0 123456 1 0000000000000000 100 0 0 10 0";
    static const char six[] = "   0: 00000000000000000000000000000000:0FD3 "
                              "00000000000000000000000000000000:0000 07 00000000:00000000 "
                              "00:00000000 00000000     0        0 77 2 0000000000000000 0";
    uint64_t inode = 0;

    cr_assert(live_owner_parse(tcp, true, 4051, &inode));
    cr_assert_eq(inode, 123456);
    cr_assert(!live_owner_parse(tcp, true, 4052, &inode));
    cr_assert(!live_owner_parse(talking, true, 4051, &inode));
    cr_assert(live_owner_parse(six, false, 4051, &inode));
    cr_assert_eq(inode, 77);
    cr_assert(!live_owner_parse("  sl  local_address rem_address   st", false, 4051, &inode));
    cr_assert(!live_owner_parse("", false, 4051, &inode));
}
