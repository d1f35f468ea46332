/* Goal: alarms, order, datagrams, broadcasts and faults, as sim/world.h promises.
 * Method: nodes that note what they are told and when, driven by tables and by small scripts; no
 * phones, no server. */
#include "probe.h"

TestSuite(core, .init = set_up, .fini = tear_down);

/* ---- Alarms ---- */

/* In the probe's own turns: at the n-th waking it sets its alarm to `next[n]`, then to `then[n]`.
 */
static const sim_time *plan_next, *plan_then;
static size_t plan_len;

static void follow_plan(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    (void)d;
    (void)now;
    if (p->woken_len <= plan_len) {
        sim_world_wake_at(p->world, p->node, plan_next[p->woken_len - 1]);
        sim_world_wake_at(p->world, p->node, plan_then[p->woken_len - 1]);
    } else {
        sim_world_finished(p->world, p->node);
    }
}

Test(core, wakes_at_the_instant_that_was_set_last)
{
    static const sim_time first[] = {100, 900, 300, 500, SIM_NEVER, 0};
    static const sim_time then[] = {200, 250, 700, 600, 800, 5}; /* the last: in the past */
    static const sim_time want[] = {50, 200, 250, 700, 700 /* its past */, 800, 800};
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 1);

    plan_next = first;
    plan_then = then;
    plan_len = sizeof(first) / sizeof(first[0]);
    probes[0].on_wake = follow_plan;
    sim_world_wake_at(probes[0].world, probes[0].node, 50);
    cr_assert(sim_virtual_run(v) == 0);
    cr_assert_eq(probes[0].woken_len, 7);
    for (size_t i = 0; i < 7; i++) {
        cr_assert(probes[0].woken[i] == want[i], "waking %zu at %llu, not %llu", i,
                  (unsigned long long)probes[0].woken[i], (unsigned long long)want[i]);
    }
    sim_virtual_free(v);
}

Test(core, puts_an_alarm_off_without_an_event_each_time)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 1);

    for (sim_time at = 1000; at <= 1000000; at += 1000) {
        sim_world_wake_at(probes[0].world, probes[0].node, at);
    }
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert_eq(probes[0].woken_len, 1);
    cr_assert(probes[0].woken[0] == 1000000);
    cr_assert_eq(usage_of(v).events, 1, "the last, for a timer is moved");
    sim_virtual_free(v);
}

/* Between a far instant and a near one, as a phone with a long patience and short steps. */
static void near_and_far(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    (void)d;
    if (p->woken_len == 2000) {
        sim_world_finished(p->world, p->node);
        return;
    }
    sim_world_wake_at(p->world, p->node, now + 3600 * SIM_S);
    sim_world_wake_at(p->world, p->node, now + 30 * SIM_S);
    sim_world_wake_at(p->world, p->node, now + SIM_MS);
}

Test(core, does_not_pile_up_events_of_a_node_that_goes_to_and_fro)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 1);

    probes[0].on_wake = near_and_far;
    sim_world_wake_at(probes[0].world, probes[0].node, 0);
    cr_assert(sim_virtual_run(v) == 0);
    cr_assert_eq(probes[0].woken_len, 2000);
    cr_assert(usage_of(v).pending_peak <= 4, "%u", usage_of(v).pending_peak);
    sim_virtual_free(v);
}

static sim_time chance_wanted; /* what the probe below waits for */

static void set_by_chance(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    struct sim_rng *rng = sim_world_rng(p->world, p->node);

    (void)d;
    if (p->number == 0) { /* the one that is watched: was it told in time, and what next? */
        cr_assert(now == chance_wanted, "woken at %llu, not %llu", (unsigned long long)now,
                  (unsigned long long)chance_wanted);
        chance_wanted = SIM_NEVER;
    } else {
        struct probe *watched = p->other;

        cr_assert(now <= chance_wanted, "missed %llu", (unsigned long long)chance_wanted);
        chance_wanted = sim_rng_below(rng, 4) == 0
                            ? SIM_NEVER
                            : now + 1 + sim_rng_below(rng, 1 + sim_rng_below(rng, 5000));
        sim_world_wake_at(p->world, watched->node, chance_wanted);
        if (p->woken_len < HEARD_MAX) {
            sim_world_wake_at(p->world, p->node, now + 1 + sim_rng_below(rng, 300));
        }
    }
}

Test(core, never_wakes_early_or_late_or_for_nothing)
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim_virtual_config config = config_of(seed);
        struct sim_virtual *v = world_of(&config, 2);

        probes[0].on_wake = probes[1].on_wake = set_by_chance;
        probes[1].number = 1;
        probes[1].other = &probes[0];
        chance_wanted = SIM_NEVER;
        sim_world_wake_at(probes[1].world, probes[1].node, 1);
        cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
        cr_assert_eq(probes[1].woken_len, HEARD_MAX);
        cr_assert(probes[0].woken_len > 100);
        sim_virtual_free(v);
    }
}

Test(core, wakes_nodes_of_one_instant_in_the_order_of_asking)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 8);

    for (uint32_t i = 0; i < 8; i++) {
        uint32_t n = (i * 5 + 3) % 8;

        sim_world_wake_at(probes[n].world, probes[n].node, 1000);
    }
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert_eq(order_len, 8);
    for (uint32_t i = 0; i < 8; i++) {
        cr_assert_eq(order[i], (i * 5 + 3) % 8);
    }
    sim_virtual_free(v);
}

/* ---- Datagrams ---- */

Test(core, carries_a_datagram_in_twice_the_latency_of_a_port)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 3);
    uint8_t bytes[SIM_WORLD_DATAGRAM_MAX + 1] = {42};
    struct probe *p = probes;

    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, bytes, 84) == 0);
    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, bytes, SIM_WORLD_DATAGRAM_MAX) == 0);
    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, NULL, 0) == 0);
    cr_assert(sim_world_send(p->world, p[0].node, p[0].addr, bytes, 1) == 0);        /* itself */
    cr_assert(sim_world_send(p->world, p[0].node, p[0].addr + 1000, bytes, 1) == 0); /* nobody */
    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, bytes, sizeof(bytes)) == SIM_EINVAL);
    cr_assert(sim_world_send(p->world, p[0].node, sites[1].base + 2, bytes, 1) == SIM_EUNREACHABLE);
    cr_assert(sim_world_send(p->world, p[0].node, sites[0].base | 0xFFFF, bytes, 1) ==
              SIM_EUNREACHABLE);
    cr_assert(sim_world_broadcast(p->world, p[0].node, bytes, sizeof(bytes)) == SIM_EINVAL);
    cr_assert(sim_world_listen(p->world, p[2].node, false) == 0);
    cr_assert(sim_world_send(p->world, p[0].node, p[2].addr, bytes, 1) == 0);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert_eq(p[1].heard_len, 3);
    for (size_t i = 0; i < 3; i++) {
        static const size_t want[] = {84, SIM_WORLD_DATAGRAM_MAX, 0};

        cr_assert(p[1].heard[i].at == HOP && p[1].heard[i].from == p[0].addr);
        cr_assert(!p[1].heard[i].broadcast && p[1].heard[i].len == want[i]);
    }
    cr_assert_eq(p[1].heard[0].first, 42);
    cr_assert_eq(p[0].heard_len, 1);
    cr_assert_eq(p[2].heard_len, 0);
    cr_assert_eq(stats_of(v, 0).lan_datagrams, 6);
    cr_assert_eq(stats_of(v, 0).lan_broadcasts, 0);
    sim_virtual_free(v);
}

Test(core, broadcasts_once_to_all_that_listen_but_the_sender)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 6);
    struct probe *p = probes;
    struct probe far = {.world = p->world};

    far.node = sim_world_add_node(p->world, 1, sites[1].base + 2, 77, &ops, &far);
    cr_assert(sim_world_listen(far.world, far.node, true) == 0);
    cr_assert(sim_world_listen(p->world, p[4].node, false) == 0);
    cr_assert(sim_world_broadcast(p->world, p[2].node, "ad", 2) == 0);
    cr_assert(sim_world_listen(p->world, p[1].node, false) == 0);
    cr_assert(sim_world_listen(p->world, p[1].node, true) == 0); /* in before it arrives: last */
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert_eq(order_len, 4);
    for (size_t i = 0; i < 4; i++) {
        static const uint32_t want[] = {0, 3, 5, 1};

        cr_assert_eq(order[i], want[i], "place %zu", i);
        cr_assert(p[want[i]].heard[0].at == HOP && p[want[i]].heard[0].broadcast);
        cr_assert(p[want[i]].heard[0].from == p[2].addr && p[want[i]].heard[0].first == 'a');
    }
    cr_assert_eq(far.heard_len, 0);
    cr_assert_eq(usage_of(v).events, 1, "a broadcast is one event");
    cr_assert_eq(usage_of(v).notices, 4);
    cr_assert_eq(stats_of(v, 0).lan_broadcasts, 1);
    cr_assert_eq(stats_of(v, 0).lan_datagrams, 0);
    cr_assert_eq(stats_of(v, 1).lan_broadcasts, 0);
    sim_virtual_free(v);
}

/* The first that hears it changes who listens, and broadcasts itself. */
static void meddle(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    struct probe *all = probes;

    (void)now;
    (void)d;
    if (p->heard_len > 1) {
        return;
    }
    cr_assert(sim_world_listen(p->world, all[2].node, false) == 0);
    sim_world_set_down(p->world, all[3].node, true, false);
    cr_assert(sim_world_listen(p->world, all[4].node, true) == 0); /* did not listen yet */
    cr_assert(sim_world_listen(p->world, all[5].node, false) == 0);
    cr_assert(sim_world_listen(p->world, all[5].node, true) == 0);
    for (uint32_t i = 8; i < PROBES_MAX; i++) { /* enough to close up the list, were it allowed */
        cr_assert(sim_world_listen(p->world, all[i].node, false) == 0);
    }
    cr_assert(sim_world_broadcast(p->world, p->node, "x", 1) == 0);
}

Test(core, lets_nodes_come_and_go_while_a_broadcast_goes_round)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, PROBES_MAX);
    struct probe *p = probes;

    cr_assert(sim_world_listen(p->world, p[4].node, false) == 0);
    p[1].on_datagram = meddle;
    cr_assert(sim_world_broadcast(p->world, p[0].node, "y", 1) == 0);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    /* The first one: 1, then those that were there and still were when their turn came. */
    cr_assert_eq(p[1].heard_len, 1);
    cr_assert_eq(p[2].heard_len, 0);
    cr_assert_eq(p[3].heard_len, 0);
    cr_assert_eq(p[6].heard_len, 2);
    cr_assert_eq(p[7].heard_len, 2);
    cr_assert_eq(p[8].heard_len, 0);
    /* The second one only: who came during the first. */
    cr_assert(p[4].heard_len == 1 && p[4].heard[0].at == 2 * HOP);
    cr_assert(p[5].heard_len == 1 && p[5].heard[0].at == 2 * HOP);
    cr_assert(p[0].heard_len == 1 && p[0].heard[0].at == 2 * HOP);
    sim_virtual_free(v);
}

/* Which of 400 broadcasts the probe heard, as bits. */
static void broadcast_all(uint64_t seed, uint64_t heard[PROBES_MAX][8])
{
    struct sim_virtual_config config = config_of(seed);
    struct sim_virtual *v;

    sites[0].lan.loss_ppm = 300000;
    v = world_of(&config, 4);
    for (uint32_t i = 0; i < 400; i++) {
        uint8_t number[2] = {(uint8_t)i, (uint8_t)(i >> 8)};

        cr_assert(sim_world_broadcast(probes->world, probes[0].node, number, 2) == 0);
    }
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    memset(heard, 0, PROBES_MAX * sizeof(heard[0]));
    for (uint32_t i = 0; i < 4; i++) {
        for (size_t k = 0, number = 0; k < probes[i].heard_len; k++) {
            /* they come in order, so the byte that wraps tells which one it was */
            while ((uint8_t)number != probes[i].heard[k].first) {
                number++;
            }
            heard[i][number / 64] |= UINT64_C(1) << (number % 64);
            number++;
        }
        if (i > 0) { /* 280 of 400, and four standard deviations of 9.2 */
            cr_assert(probes[i].heard_len > 243 && probes[i].heard_len < 317, "%zu",
                      probes[i].heard_len);
        }
    }
    sim_virtual_free(v);
}

Test(core, loses_datagrams_by_seed_each_receiver_for_itself)
{
    static uint64_t first[PROBES_MAX][8], again[PROBES_MAX][8], other[PROBES_MAX][8];

    broadcast_all(7, first);
    broadcast_all(7, again);
    broadcast_all(8, other);
    cr_assert(memcmp(first, again, sizeof(first)) == 0);
    cr_assert(memcmp(first, other, sizeof(first)) != 0);
    cr_assert(memcmp(first[1], first[2], sizeof(first[1])) != 0);
}

/* ---- Faults ---- */

Test(core, keeps_groups_apart_by_what_holds_on_arrival)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 4);
    struct probe *p = probes;

    sim_world_set_group(p->world, p[1].node, 1);
    sim_world_set_group(p->world, p[2].node, 1);
    cr_assert(sim_world_broadcast(p->world, p[0].node, "a", 1) == 0);       /* 3 */
    cr_assert(sim_world_broadcast(p->world, p[1].node, "b", 1) == 0);       /* 2 */
    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, "c", 1) == 0); /* nobody */
    cr_assert(sim_world_send(p->world, p[2].node, p[1].addr, "d", 1) == 0); /* 1 */
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert_eq(p[0].heard_len, 0);
    cr_assert(p[1].heard_len == 1 && p[1].heard[0].first == 'd');
    cr_assert(p[2].heard_len == 1 && p[2].heard[0].first == 'b');
    cr_assert(p[3].heard_len == 1 && p[3].heard[0].first == 'a');
    sim_virtual_free(v);
}

static void heal(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    (void)now;
    (void)d;
    sim_world_set_group(p->world, p->other->node, 0);
}

Test(core, delivers_what_is_on_its_way_when_a_partition_heals)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 3);
    struct probe *p = probes;

    sim_world_set_group(p->world, p[1].node, 1);
    p[2].on_wake = heal;
    p[2].other = &p[1];
    sim_world_wake_at(p->world, p[2].node, HOP - 1);
    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, "a", 1) == 0);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert_eq(p[1].heard_len, 1);
    sim_virtual_free(v);
}

Test(core, tells_a_node_that_is_down_nothing_and_begins_anew_when_it_is_up)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 2);
    struct probe *p = probes;

    sim_world_wake_at(p->world, p[1].node, 1000);
    cr_assert(sim_world_file_new(p->world, p[1].node, "a") != 0);
    sim_world_set_down(p->world, p[1].node, true, false);
    sim_world_wake_at(p->world, p[1].node, 2000);
    cr_assert(sim_world_listen(p->world, p[1].node, true) == SIM_EINVAL);
    cr_assert(sim_world_send(p->world, p[1].node, p[0].addr, "a", 1) == SIM_EINVAL);
    cr_assert(sim_world_broadcast(p->world, p[1].node, "a", 1) == SIM_EINVAL);
    cr_assert(sim_world_file_new(p->world, p[1].node, "a") == 0);
    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, "a", 1) == 0);
    cr_assert(sim_world_broadcast(p->world, p[0].node, "a", 1) == 0);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert(p[1].woken_len == 0 && p[1].heard_len == 0);
    sim_virtual_free(v);

    v = world_of(&config, 2);
    sim_world_wake_at(p->world, p[1].node, 1000);
    sim_world_set_down(p->world, p[1].node, true, true);
    sim_world_set_down(p->world, p[1].node, false, false);
    sim_world_wake_at(p->world, p[1].node, 3000);
    cr_assert(sim_world_send(p->world, p[0].node, p[1].addr, "a", 1) == 0); /* it does not listen */
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert(p[1].woken_len == 1 && p[1].woken[0] == 3000);
    cr_assert_eq(p[1].heard_len, 0);
    sim_virtual_free(v);
}

/* ---- Building ---- */

Test(core, refuses_addresses_that_are_taken_or_not_a_phones)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 1);
    struct sim_world *w = sim_virtual_world(v);
    static const uint32_t bad[] = {0, 1, 2, 0xFFFF, 0x10002};

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert(sim_world_add_node(w, 0, sites[0].base + bad[i], 9, &ops, &probes[1]) ==
                      SIM_NODE_NONE,
                  "host %u", bad[i]);
    }
    cr_assert(sim_world_add_node(w, 0, sites[0].base + 0xFFFE, 9, &ops, &probes[1]) == 1);
    cr_assert(sim_world_add_node(w, 1, sites[1].base + 2, 10, &ops, &probes[2]) == 2);
    cr_assert(sim_world_add_node(w, 1, 0, 11, &ops, &probes[3]) == 3);
    cr_assert(sim_world_add_node(w, 1, 0, 12, &ops, &probes[4]) == 4);
    cr_assert(sim_world_listen(w, 3, true) == SIM_EINVAL);
    cr_assert(sim_world_broadcast(w, 3, "a", 1) == SIM_EINVAL);
    for (uint32_t i = 0; i < 100; i++) { /* more than nodes_max said */
        cr_assert(sim_world_add_node(w, 1, sites[1].base + 10 + i, 20 + i, &ops, &probes[5]) ==
                  5 + i);
    }
    sim_virtual_free(v);
}

Test(core, gives_a_node_the_stream_of_chance_of_its_id)
{
    struct sim_virtual_config config = config_of(5);
    struct sim_virtual *v = world_of(&config, 3);
    struct sim_rng want;

    sim_rng_init(&want, 5, SIM_RNG_NODE, 2);
    cr_assert(sim_rng_next(sim_world_rng(probes->world, probes[2].node)) == sim_rng_next(&want));
    sim_virtual_free(v);
}

Test(core, refuses_a_group_without_sites)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v;

    config.sites_len = 0;
    cr_assert(sim_virtual_new(&v, &config) == SIM_EINVAL);
}
