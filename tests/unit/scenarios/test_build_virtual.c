/* Goal: a run in virtual time gives every phone the number, address and start that it has in the
 * scenario, runs sites that can't touch one another one after another, and is the same event by
 * event each time. Method: small scenarios, run to their end. */
#include <criterion/criterion.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build.h"

enum { SITES = 3, PHONES = 4, ALL = SITES * PHONES };

/* What a run told. */
struct told {
    struct scenario_run *run;
    uint64_t records, ticks, strangers;
    uint32_t outcomes[ALL]; /* by node */
    bool in_group;          /* every record was of a phone of the group that runs */
    uint32_t groups, group_first[SITES], group_len[SITES];
    sim_time group_ended[SITES];
    sim_time last_tick;
    uint64_t stop_at; /* this many ticks; 0: never */
};

static void on_record(void *context, unsigned lane, const struct sim_record *record)
{
    struct told *t = context;
    uint32_t first, len;

    cr_assert_eq(lane, 0);
    t->records++;
    if (record->node >= ALL) {
        t->strangers++;
        cr_assert_eq(record->kind, SIM_RECORD_FAULT);
        return;
    }
    if (t->run != NULL) {
        scenario_run_group(t->run, &first, &len);
        t->in_group =
            t->in_group && record->node >= first * PHONES && record->node < (first + len) * PHONES;
    }
    t->outcomes[record->node] +=
        record->kind == SIM_RECORD_OUTCOME && record->a == SIM_OUTCOME_UPGRADED;
}

static bool on_tick(void *context, const struct scenario_group *group, sim_time now)
{
    struct told *t = context;
    (void)group;
    t->ticks++;
    t->last_tick = now;
    return t->stop_at != 0 && t->ticks >= t->stop_at;
}

static void on_group_ended(void *context, const struct scenario_group *group, sim_time now)
{
    struct told *t = context;
    cr_assert(t->groups < SITES);
    t->group_first[t->groups] = group->first;
    t->group_len[t->groups] = group->len;
    t->group_ended[t->groups++] = now;
}

static struct scenario *load(const char *keys)
{
    char text[2048];
    struct scenario_errors errors;
    struct scenario *s = NULL;
    int len = snprintf(
        text, sizeof(text),
        "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"L\",\"files\":[{\"name\":\"a\","
        "\"size\":\"100 kB\"},{\"name\":\"b\",\"size\":\"10 kB\"}]}],\"sites\":[{\"name\":\"s\","
        "\"count\":3,\"phones\":[{\"system\":\"bare\",\"model\":\"A\",\"count\":3},{\"system\":"
        "\"cucm\",\"model\":\"A\",\"count\":1,\"boot\":\"1 s\"}]}],%s}",
        keys);
    scenario_load_text("t.json", text, (size_t)len, NULL, 0, &s, &errors);
    if (s == NULL) {
        scenario_errors_print(&errors, "t.json", stderr);
    }
    scenario_errors_free(&errors);
    cr_assert_not_null(s);
    return s;
}

static void make(struct told *t, const struct scenario *s, uint64_t seed)
{
    struct scenario_run_options options = {
        .world = SCENARIO_VIRTUAL,
        .method = SCENARIO_PFS,
        .seed = seed,
        .trace = {.write = on_record, .context = t},
        .tick = on_tick,
        .tick_context = t,
        .tick_every = SIM_S,
        .group_ended = on_group_ended,
    };
    char why[SCENARIO_WHY_MAX];
    uint64_t stop_at = t->stop_at;

    *t = (struct told){.in_group = true, .stop_at = stop_at};
    cr_assert_eq(scenario_run_new(&t->run, s, &options, why), 0, "%s", why);
}

static int go(struct told *t)
{
    char why[SCENARIO_WHY_MAX];
    return scenario_run_go(t->run, why);
}

static const char apart[] = "\"server\":{\"max_transfers\":\"none\"}";
static const char together[] = "\"server\":{\"max_transfers\":100}";

Test(build_virtual, sites_that_share_nothing_run_one_after_another)
{
    struct scenario *s = load(apart);
    struct told t = {0};
    struct sim_site_stats stats;

    make(&t, s, 1);
    cr_assert_eq(go(&t), 0);
    cr_assert_eq(t.groups, SITES);
    for (uint32_t i = 0; i < SITES; i++) {
        cr_assert_eq(t.group_first[i], i);
        cr_assert_eq(t.group_len[i], 1);
        cr_assert(t.group_ended[i] > 10 * SIM_S);  /* of root wait: each began at 0 */
        scenario_run_site_stats(t.run, i, &stats); /* kept behind their end */
        /* One copy of both files, and the index of the phone that has one. */
        cr_assert(stats.wan_payload_bytes > 110000 && stats.wan_payload_bytes < 112000);
    }
    cr_assert(t.in_group, "a record is of the group that runs");
    for (uint32_t n = 0; n < ALL; n++) {
        cr_assert_eq(t.outcomes[n], 1, "node %u", n);
    }
    scenario_run_free(t.run);
    scenario_free(s);
}

Test(build_virtual, sites_that_share_the_server_s_places_or_uplink_run_together)
{
    const char *const keys[] = {together,
                                "\"server\":{\"max_transfers\":\"none\",\"uplink\":\"5 Mbit/s\"}"};
    for (size_t i = 0; i < 2; i++) {
        struct scenario *s = load(keys[i]);
        struct told t = {0};
        make(&t, s, 1);
        cr_assert_eq(go(&t), 0);
        cr_assert_eq(t.groups, 1);
        cr_assert_eq(t.group_len[0], SITES);
        for (uint32_t n = 0; n < ALL; n++) {
            cr_assert_eq(t.outcomes[n], 1, "node %u", n);
        }
        scenario_run_free(t.run);
        scenario_free(s);
    }
}

Test(build_virtual, a_phone_is_who_it_is_whether_its_site_runs_or_not)
{
    struct scenario *s = load(apart);
    struct told t = {0};
    struct scenario_phone_info before[ALL], after;

    make(&t, s, 7);
    cr_assert_eq(scenario_run_nodes(t.run), ALL);
    cr_assert_not(scenario_run_phone(t.run, ALL, &after));
    for (uint32_t n = 0; n < ALL; n++) {
        cr_assert(scenario_run_phone(t.run, n, &before[n]));
        cr_assert_eq(before[n].site, n / PHONES);
        cr_assert_eq(before[n].number, n % PHONES);
        cr_assert_eq(scenario_run_node(t.run, n / PHONES, n % PHONES), n);
        cr_assert_eq(before[n].addr, 0x7f010002 + (n / PHONES << 8) + n % PHONES);
        cr_assert_eq(before[n].system, n % PHONES == 3 ? SCENARIO_CUCM : SCENARIO_BARE);
        cr_assert(scenario_run_start(t.run, n) <= 10 * SIM_S);
        for (uint32_t k = 0; k < n; k++) {
            cr_assert_neq(before[k].mac, before[n].mac);
        }
    }
    go(&t);
    for (uint32_t n = 0; n < ALL; n++) {
        cr_assert(scenario_run_phone(t.run, n, &after));
        cr_assert_eq(after.mac, before[n].mac);
        cr_assert_eq(after.addr, before[n].addr);
    }
    scenario_run_free(t.run);
    scenario_free(s);
}

/* Their nodes have numbers of the next site's phones inside a group. */
Test(build_virtual, controllers_of_faults_are_no_phones_of_the_next_site)
{
    char keys[256];
    snprintf(keys, sizeof(keys),
             "%s,\"faults\":[{\"kind\":\"crash\",\"phone\":\"root\",\"file\":\"a\",\"when\":"
             "\"fetching\",\"down_for\":\"5 s\"}]",
             apart);
    struct scenario *s = load(keys);
    struct told t = {0};
    make(&t, s, 1);
    cr_assert_eq(go(&t), 0);
    cr_assert_eq(t.strangers, 2 * SITES, "%llu: each crash, and its end",
                 (unsigned long long)t.strangers);
    cr_assert(t.in_group);
    for (uint32_t n = 0; n < ALL; n++) {
        cr_assert_geq(t.outcomes[n], 1, "node %u", n);
    }
    scenario_run_free(t.run);
    scenario_free(s);
}

Test(build_virtual, the_tick_s_word_ends_the_run_and_what_ran_is_kept)
{
    struct scenario *s = load(apart);
    struct told t = {.stop_at = 3};
    struct sim_site_stats stats;

    make(&t, s, 1);
    cr_assert_eq(go(&t), SIM_ECANCELED);
    cr_assert_eq(t.groups, 1, "no other site begins");
    cr_assert_eq(t.group_ended[0], 3 * SIM_S);
    cr_assert_eq(scenario_run_ended(t.run), 3 * SIM_S);
    scenario_run_site_stats(t.run, 2, &stats);
    cr_assert_eq(stats.wan_bytes, 0);
    cr_assert_eq(stats.wan_first, SIM_NEVER);
    scenario_run_free(t.run);
    scenario_free(s);
}

Test(build_virtual, a_stop_from_outside_ends_it)
{
    struct scenario *s = load(apart);
    struct told t = {0};
    make(&t, s, 1);
    scenario_run_stop(t.run);
    cr_assert_eq(go(&t), SIM_ECANCELED);
    cr_assert(t.groups <= 1);
    scenario_run_free(t.run);
    scenario_free(s);
}

static uint64_t hash_of(const struct told *t)
{
    uint64_t hash = 0;
    cr_assert(scenario_run_hash(t->run, &hash));
    return hash;
}

Test(build_virtual, equal_seeds_give_equal_hashes_and_others_give_others)
{
    const char *const keys[] = {apart, together};
    for (size_t i = 0; i < 2; i++) {
        struct scenario *s = load(keys[i]);
        uint64_t hashes[3];
        for (uint64_t k = 0; k < 3; k++) {
            struct told t = {0};
            make(&t, s, k == 2 ? 6 : 5);
            go(&t);
            hashes[k] = hash_of(&t);
            scenario_run_free(t.run);
        }
        cr_assert_eq(hashes[0], hashes[1]);
        cr_assert_neq(hashes[0], hashes[2]);
        scenario_free(s);
    }
}

Test(build_virtual, step_by_step_is_the_same_run)
{
    struct scenario *s = load(apart);
    struct told t = {0}, u = {0};
    struct sim_virtual_step step;
    struct sim_live_usage a, b;
    uint64_t steps = 0;

    make(&t, s, 5);
    go(&t);
    make(&u, s, 5);
    while (scenario_run_step(u.run, steps % 2 == 0 ? &step : NULL)) {
        cr_assert(step.node == SIM_NODE_NONE || step.node < ALL);
        cr_assert(step.what[0] != '\0');
        steps++;
    }
    cr_assert_eq(go(&u), 0, "it says how it ended");
    scenario_run_usage(t.run, &a);
    scenario_run_usage(u.run, &b);
    cr_assert_eq(a.events, steps);
    cr_assert_eq(b.events, steps);
    cr_assert_eq(hash_of(&t), hash_of(&u));
    cr_assert_eq(u.groups, SITES);
    cr_assert_eq(t.ticks, u.ticks);
    cr_assert_eq(a.nodes, ALL);
    cr_assert_eq(a.nodes_finished, ALL);
    scenario_run_free(t.run);
    scenario_run_free(u.run);
    scenario_free(s);
}

/* What a run on several threads told; a site's own things are touched by one thread only. */
struct shared {
    _Atomic uint64_t records, groups;
    _Atomic bool wrong; /* a record or a tick on another lane than its group's */
    unsigned lane_of[SITES];
    sim_time ended[SITES];
    unsigned lanes;
};

static void on_shared_record(void *context, unsigned lane, const struct sim_record *record)
{
    struct shared *t = context;
    t->records++;
    if (record->node < ALL) {
        unsigned *of = &t->lane_of[record->node / PHONES];
        t->wrong = t->wrong || lane >= t->lanes || (*of != UINT_MAX && *of != lane);
        *of = lane;
    }
}

static bool on_shared_tick(void *context, const struct scenario_group *group, sim_time now)
{
    struct shared *t = context;
    unsigned of = t->lane_of[group->first]; /* UINT_MAX: nothing happened there yet */
    (void)now;
    t->wrong = t->wrong || group->len != 1 || (of != UINT_MAX && of != group->lane);
    return false;
}

static void on_shared_end(void *context, const struct scenario_group *group, sim_time now)
{
    struct shared *t = context;
    t->ended[group->first] = now;
    t->groups++;
}

static struct scenario_run *run_on(struct shared *t, const struct scenario *s, unsigned threads)
{
    const struct scenario_run_options options = {
        .world = SCENARIO_VIRTUAL,
        .method = SCENARIO_PFS,
        .seed = 3,
        .trace = {.write = on_shared_record, .context = t},
        .threads = threads,
        .tick = on_shared_tick,
        .tick_context = t,
        .tick_every = SIM_S,
        .group_ended = on_shared_end,
    };
    struct scenario_run *run = NULL;
    char why[SCENARIO_WHY_MAX];

    *t = (struct shared){.lanes = threads < SITES ? threads : SITES};
    memset(t->lane_of, 0xff, sizeof(t->lane_of));
    cr_assert_eq(scenario_run_new(&run, s, &options, why), 0, "%s", why);
    cr_assert_eq(scenario_run_lanes(run), t->lanes);
    cr_assert_eq(scenario_run_groups(run), SITES);
    cr_assert_eq(scenario_run_go(run, why), 0, "%s", why);
    return run;
}

Test(build_virtual, every_number_of_threads_gives_the_same_figures)
{
    char keys[256];
    snprintf(keys, sizeof(keys),
             "\"faults\":[{\"kind\":\"crash\",\"at\":\"3 s\",\"phone\":2,"
             "\"down_for\":\"20 s\"}],%s",
             apart);
    struct scenario *s = load(keys);
    struct shared one, more;
    struct scenario_run *a = run_on(&one, s, 1);

    for (unsigned threads = 2; threads <= 5; threads++) {
        struct scenario_run *b = run_on(&more, s, threads);
        struct sim_live_usage use_a, use_b;
        struct sim_server_stats server_a, server_b;
        uint64_t hash_a = 0, hash_b = 0;
        cr_assert(!more.wrong);
        cr_assert_eq(more.groups, SITES);
        cr_assert_eq(one.records, more.records);
        cr_assert(scenario_run_hash(a, &hash_a) && scenario_run_hash(b, &hash_b));
        cr_assert_eq(hash_a, hash_b);
        cr_assert_eq(scenario_run_ended(a), scenario_run_ended(b));
        scenario_run_usage(a, &use_a);
        scenario_run_usage(b, &use_b);
        cr_assert_eq(use_a.events, use_b.events);
        scenario_run_server_stats(a, &server_a);
        scenario_run_server_stats(b, &server_b);
        cr_assert_eq(memcmp(&server_a, &server_b, sizeof(server_a)), 0);
        for (uint32_t i = 0; i < SITES; i++) {
            struct sim_site_stats x, y;
            memset(&x, 0, sizeof(x));
            memset(&y, 0, sizeof(y));
            scenario_run_site_stats(a, i, &x);
            scenario_run_site_stats(b, i, &y);
            cr_assert_eq(x.wan_bytes, y.wan_bytes);
            cr_assert_eq(x.wan_last, y.wan_last);
            cr_assert_eq(x.lan_payload_bytes, y.lan_payload_bytes);
            cr_assert_eq(one.ended[i], more.ended[i]);
        }
        scenario_run_free(b);
    }
    scenario_run_free(a);
    scenario_free(s);
}

Test(build_virtual, nothing_is_resolved_or_asked_of_a_server_that_the_scenario_names)
{
    struct scenario *s = load("\"server\":{\"url\":\"http://127.0.0.1:1/base\"}");
    struct told t = {0};
    struct sim_server_stats server;
    char text[SCENARIO_SERVERS_TEXT_MAX];

    make(&t, s, 1);
    scenario_run_servers(t.run, text);
    cr_assert_str_eq(text, "");
    cr_assert_eq(go(&t), 0);
    cr_assert(scenario_run_server_stats(t.run, &server));
    cr_assert(server.requests > 0 && server.payload_bytes >= SITES * 110000);
    for (uint32_t n = 0; n < ALL; n++) {
        cr_assert_eq(t.outcomes[n], 1, "node %u", n);
    }
    scenario_run_free(t.run);
    scenario_free(s);
}

Test(build_virtual, sites_apart_need_the_memory_of_one)
{
    struct scenario *one = load(apart), *all = load(together);
    uint64_t a = scenario_run_memory(one, SCENARIO_PFS, 0, 0);
    uint64_t b = scenario_run_memory(all, SCENARIO_PFS, 0, 0);
    cr_assert(a > PHONES * 1000 && b > a + (ALL - PHONES) * 1000, "%llu, %llu",
              (unsigned long long)a, (unsigned long long)b);
    scenario_free(one);
    scenario_free(all);
}
