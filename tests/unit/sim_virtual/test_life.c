/* Goal: how a run ends, what its hash depends on and what not, that a restarted world is a new one,
 * and that the figures of memory are honest.
 * Method: a small crowd whose members ping one another by chance, run in several ways. */
#include <stdlib.h>

#include "probe.h"
#include "sim/virtual/inner.h"

TestSuite(life, .init = set_up, .fini = tear_down);

enum { CROWD = 20, TURNS = 200 };

/* Broadcasts or sends, and waits; all by its own chance. */
static void chat(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    struct sim_rng *rng = sim_world_rng(p->world, p->node);
    uint8_t bytes[300] = {(uint8_t)sim_rng_next(rng)};

    (void)d;
    if (p->number++ == TURNS) {
        sim_world_finished(p->world, p->node);
        sim_world_finished(p->world, p->node);
        return;
    }
    if (sim_rng_below(rng, 3) == 0) {
        sim_world_broadcast(p->world, p->node, bytes, 1 + sim_rng_below(rng, sizeof(bytes) - 1));
    } else {
        sim_world_send(p->world, p->node, sites[0].base + 2 + (sim_addr)sim_rng_below(rng, CROWD),
                       bytes, sizeof(bytes));
    }
    sim_world_record(p->world, &(struct sim_record){.at = now,
                                                    .node = p->node,
                                                    .kind = SIM_RECORD_RETRY,
                                                    .a = (uint32_t)p->number});
    sim_world_wake_at(p->world, p->node, now + sim_rng_below(rng, 10 * SIM_MS));
}

static void chatter(struct sim_virtual *v, uint32_t first_site)
{
    populate(v, first_site, CROWD);
    for (uint32_t i = 0; i < CROWD; i++) {
        probes[i].on_wake = chat;
        sim_world_wake_at(probes[i].world, probes[i].node, i % 7 * SIM_MS);
    }
}

static struct sim_virtual *crowd(const struct sim_virtual_config *config)
{
    struct sim_virtual *v;

    cr_assert(sim_virtual_new(&v, config) == 0);
    chatter(v, config->first_site);
    return v;
}

static uint64_t hash_of(const struct sim_virtual_config *config)
{
    struct sim_virtual *v = crowd(config);
    uint64_t hash;

    cr_assert(sim_virtual_run(v) == 0);
    hash = usage_of(v).trace_hash;
    sim_virtual_free(v);
    return hash;
}

/* ---- The hash ---- */

Test(life, hashes_equal_runs_equally_and_others_not)
{
    struct sim_virtual_config config = config_of(11), other = config_of(12);
    uint64_t hash = hash_of(&config);

    cr_assert(hash == hash_of(&config));
    cr_assert(hash != hash_of(&other));
    config = config_of(11);
    sites[0].lan.latency++;
    cr_assert(hash != hash_of(&config), "another latency");
    config = config_of(11);
    sites[0].lan.loss_ppm = 1000;
    cr_assert(hash != hash_of(&config), "loss");
    config = config_of(11);
    sites[0].index = 5;
    cr_assert(hash != hash_of(&config), "another site of the scenario");
}

static bool tick_on(void *context, sim_time now)
{
    struct sim_virtual_usage *last = context;

    (void)now;
    last->events++;
    return false;
}

Test(life, hashes_what_happens_and_not_how_it_is_numbered_or_watched)
{
    struct sim_virtual_config config = config_of(11);
    uint64_t hash = hash_of(&config);
    struct sim_virtual_usage counter = {.events = 0};

    config.first_node = 123456;
    config.first_site = 77;
    config.nodes_max = 0;
    config.limit = 3600 * SIM_S;
    config.tick = tick_on;
    config.tick_context = &counter;
    config.tick_every = SIM_MS;
    cr_assert(hash == hash_of(&config));
    cr_assert(counter.events > 100);
}

Test(life, is_as_new_when_restarted)
{
    struct sim_virtual_config config = config_of(11), other = config_of(99);
    uint64_t hash = hash_of(&config);
    struct sim_virtual *v;
    struct sim_virtual_usage fresh, again;

    v = crowd(&config);
    cr_assert(sim_virtual_run(v) == 0);
    fresh = usage_of(v);
    for (int round = 0; round < 3; round++) {
        bool middle = round == 1; /* in the middle of things, with datagrams on their way */

        cr_assert(sim_virtual_restart(v, &other) == 0);
        chatter(v, 0);
        for (int i = 0; middle ? i < 1000 : sim_virtual_step(v, NULL); i++) {
            cr_assert(!middle || sim_virtual_step(v, NULL));
        }
        cr_assert(usage_of(v).trace_hash != hash);
        cr_assert(sim_virtual_restart(v, &config) == 0);
        cr_assert(sim_virtual_now(v) == 0);
        chatter(v, 0);
        cr_assert(sim_virtual_run(v) == 0);
        again = usage_of(v);
        cr_assert(again.trace_hash == hash);
        cr_assert(again.events == fresh.events && again.notices == fresh.notices);
        cr_assert(again.pending_peak == fresh.pending_peak && again.nodes == fresh.nodes);
        cr_assert(stats_of(v, 0).lan_broadcasts > 0);
    }
    cr_assert(usage_of(v).memory_bytes < 2 * fresh.memory_bytes, "it keeps what it has");
    sim_virtual_free(v);
}

Test(life, takes_no_more_memory_and_gives_the_same_handles_however_often_it_is_restarted)
{
    struct sim_virtual_config config = config_of(11);
    struct sim_virtual *v = crowd(&config);
    uint64_t memory = 0;
    sim_file file = 0;

    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 100; i++) { /* leaves datagrams on their way and copies behind */
            cr_assert(sim_virtual_step(v, NULL));
        }
        if (round == 0) {
            memory = usage_of(v).memory_bytes;
        }
        cr_assert_eq(usage_of(v).memory_bytes, memory, "round %d", round);
        for (int i = 0; i < 5; i++) {
            sim_file other = sim_world_file_new(probes->world, probes[i].node, "a");

            cr_assert(i > 0 || file == 0 || file == other);
            file = i == 0 ? other : file;
        }
        memory = usage_of(v).memory_bytes;
        cr_assert(sim_virtual_restart(v, &config) == 0);
        chatter(v, 0);
    }
    sim_virtual_free(v);
}

Test(life, takes_the_same_steps_one_by_one_and_says_what_they_were)
{
    struct sim_virtual_config config = config_of(11);
    uint64_t hash = hash_of(&config), number = 0;
    struct sim_virtual *v = crowd(&config);
    struct sim_virtual_step step, last = {.number = 0};

    while (sim_virtual_step(v, &step)) {
        cr_assert(step.number == ++number && step.at >= last.at);
        cr_assert(step.what[0] != '\0' && step.hash != last.hash);
        cr_assert(step.node < CROWD);
        last = step;
    }
    cr_assert(last.hash == hash && usage_of(v).events == number);
    cr_assert(sim_virtual_run(v) == 0, "the run has ended well");
    sim_virtual_free(v);
}

/* ---- The end ---- */

Test(life, ends_when_all_have_finished)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 2);

    cr_assert_eq(usage_of(v).nodes_finished, 0);
    sim_world_finished(probes->world, probes[0].node);
    sim_world_wake_at(probes->world, probes[1].node, 100); /* never comes to it */
    sim_world_finished(probes->world, probes[1].node);
    sim_world_finished(probes->world, probes[1].node);
    cr_assert(sim_virtual_run(v) == 0);
    cr_assert(sim_virtual_now(v) == 0 && probes[1].woken_len == 0);
    cr_assert(usage_of(v).nodes == 2 && usage_of(v).nodes_finished == 2);
    sim_virtual_free(v);
}

Test(life, ends_when_nothing_is_left_to_happen)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual_usage counter = {.events = 0};
    struct sim_virtual *v;

    config.tick = tick_on; /* ticks do not keep it going */
    config.tick_context = &counter;
    config.tick_every = SIM_MS;
    config.limit = 3600 * SIM_S;
    v = world_of(&config, 2);
    sim_world_wake_at(probes->world, probes[0].node, 10 * SIM_MS);
    sim_world_wake_at(probes->world, probes[1].node, 20 * SIM_MS);
    sim_world_wake_at(probes->world, probes[1].node, SIM_NEVER); /* nor does what was taken back */
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert(probes[0].woken_len == 1 && probes[1].woken_len == 0);
    cr_assert_eq(counter.events, 11, "ten and one at the end");
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT, "still");
    cr_assert_eq(counter.events, 11);
    sim_virtual_free(v);
}

/* Goes on for ever. */
static void again(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    (void)d;
    sim_world_wake_at(p->world, p->node, now + SIM_MS);
}

Test(life, ends_at_the_limit)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v;

    config.limit = 10 * SIM_MS;
    v = world_of(&config, 1);
    probes[0].on_wake = again;
    sim_world_wake_at(probes->world, probes[0].node, 0);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert(sim_virtual_now(v) == 10 * SIM_MS);
    cr_assert_eq(probes[0].woken_len, 10, "0 to 9 ms, not 10");
    sim_virtual_free(v);
}

static sim_time ticks[16];
static size_t ticks_len;

static bool tick_three_times(void *context, sim_time now)
{
    cr_assert(sim_virtual_now(*(struct sim_virtual **)context) == now);
    ticks[ticks_len++ % 16] = now;
    return ticks_len == 3;
}

Test(life, ticks_at_its_instants_and_ends_when_the_tick_says_so)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v;

    ticks_len = 0;
    config.tick = tick_three_times;
    config.tick_context = &v;
    config.tick_every = 2500 * SIM_US;
    v = world_of(&config, 1);
    probes[0].on_wake = again;
    sim_world_wake_at(probes->world, probes[0].node, 0);
    cr_assert(sim_virtual_run(v) == SIM_ECANCELED);
    cr_assert_eq(ticks_len, 4);
    for (size_t i = 0; i < 4; i++) {
        static const sim_time want[] = {2500 * SIM_US, 5000 * SIM_US, 7500 * SIM_US, 7500 * SIM_US};

        cr_assert(ticks[i] == want[i], "tick %zu at %llu", i, (unsigned long long)ticks[i]);
    }
    cr_assert_eq(probes[0].woken_len, 8);
    sim_virtual_free(v);
}

static void stop_it(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    again(p, now, d);
    if (p->woken_len == 5) {
        sim_virtual_stop((struct sim_virtual *)p->world);
    }
}

Test(life, stops_when_told_and_stays_stopped)
{
    struct sim_virtual_config config = config_of(1);
    struct sim_virtual *v = world_of(&config, 1);

    probes[0].on_wake = stop_it;
    sim_world_wake_at(probes->world, probes[0].node, 0);
    cr_assert(sim_virtual_run(v) == SIM_ECANCELED);
    cr_assert_eq(probes[0].woken_len, 5);
    cr_assert(sim_virtual_restart(v, &config) == 0);
    populate(v, 0, 1);
    sim_world_wake_at(probes->world, probes[0].node, 0);
    cr_assert(sim_virtual_run(v) == SIM_ECANCELED, "a stop between two groups must not be lost");
    sim_virtual_free(v);
}

/* ---- Memory ---- */

Test(life, estimates_at_least_the_memory_that_it_takes)
{
    struct sim_virtual_config config = config_of(11);
    struct sim_virtual *v = crowd(&config);
    struct sim_virtual_crowd all = {.nodes = CROWD, .fetching = CROWD};
    uint64_t estimate = sim_virtual_memory(&config, &all);

    cr_assert(sim_virtual_run(v) == 0);
    cr_assert(usage_of(v).memory_bytes > 0);
    cr_assert(usage_of(v).memory_bytes <= estimate, "%llu of %llu",
              (unsigned long long)usage_of(v).memory_bytes, (unsigned long long)estimate);
    sim_virtual_free(v);
}
