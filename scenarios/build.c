/* scenarios/build.c -- see build.h: what both worlds have in common; see build_inner.h for the
 * rest.
 *
 * Who a phone is, where it stands and when it starts is computed from the scenario alone: in
 * virtual time most phones of a run are not in memory. */
#include "scenarios/build.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build_inner.h"

bool build_uses(const struct scenario_run *run, enum sim_protocol protocol)
{
    for (size_t i = 0; i < run->kinds.kinds_len; i++) {
        const struct fetcher_policy *policy = &run->kinds.kinds[i].policy;
        for (uint32_t k = 0; k < policy->protocols_len; k++) {
            if (policy->protocols[k] == protocol) {
                return true;
            }
        }
    }
    return false;
}

bool build_needs_load_server(const struct scenario_run *run)
{
    if (run->options.method == SCENARIO_LOAD_SERVER) {
        return true;
    }
    for (size_t i = 0; i < run->scenario->sites_len; i++) {
        for (size_t k = 0; k < run->scenario->sites[i].phones_len; k++) {
            const char *name = run->scenario->sites[i].phones[k].load_server;
            if (name != NULL && name[0] != '\0') {
                return true;
            }
        }
    }
    return false;
}

uint32_t build_copy(const struct scenario *s, uint32_t site)
{
    return site - scenario_site_class(s, site)->first_index;
}

sim_time build_start(const struct scenario_run *run, uint64_t id)
{
    const struct scenario *s = run->scenario;
    struct sim_rng rng;
    uint32_t number;
    uint32_t site = scenario_site_of_phone(s, id, &number);
    sim_duration spread = scenario_site_spread(s, scenario_site_class(s, site));
    sim_rng_init(&rng, run->options.seed, SIM_RNG_START, id);
    return sim_time_add(s->start_at, spread > 0 ? sim_rng_between(&rng, 0, spread) : 0);
}

/* ---- Making ---- */

/* Names lie one behind the other: a million sites have short ones. */
static int set_up_sites(struct scenario_run *run)
{
    const struct scenario *s = run->scenario;
    char name[SCENARIO_NAME_MAX];
    size_t len = 0;

    run->sites_len = s->sites_total;
    run->setups = calloc((size_t)run->sites_len + 1, sizeof(*run->setups));
    for (uint32_t i = 0; run->setups != NULL && i < run->sites_len; i++) {
        int rc = scenario_site_setup(s, i, &run->setups[i], name);
        if (rc != 0) {
            return rc;
        }
        len += strlen(name) + 1;
    }
    run->names = malloc(len + 1);
    if (run->setups == NULL || run->names == NULL) {
        return SIM_ENOMEM;
    }
    char *at = run->names;
    for (uint32_t i = 0; i < run->sites_len; i++) {
        scenario_site_setup(s, i, &run->setups[i], name);
        run->setups[i].name = strcpy(at, name);
        at += strlen(name) + 1;
    }
    return 0;
}

int scenario_run_new(struct scenario_run **out, const struct scenario *s,
                     const struct scenario_run_options *options, char why[SCENARIO_WHY_MAX])
{
    struct scenario_run *run = calloc(1, sizeof(*run));
    int rc;

    why[0] = '\0';
    if (run == NULL) {
        snprintf(why, SCENARIO_WHY_MAX, "out of memory");
        return SIM_ENOMEM;
    }
    run->scenario = s;
    run->options = *options;
    run->server_setup = s->server;
    run->share = scenario_share(s, options->shard, options->shards);
    /* Nothing of a world is needed where there are no phones. */
    bool is_live = options->world == SCENARIO_LIVE && run->share.len > 0;
    if ((rc = scenario_macs_init(&run->macs, s)) != 0 || (rc = set_up_sites(run)) != 0 ||
        (rc = is_live ? build_live_new(&run->live, run, why)
                      : build_virtual_new(&run->virtual, run, why)) != 0) {
        if (why[0] == '\0') {
            snprintf(why, SCENARIO_WHY_MAX, "%s while making the run", sim_err_text(rc));
        }
        scenario_run_free(run);
        return rc;
    }
    *out = run;
    return 0;
}

void scenario_run_free(struct scenario_run *run)
{
    if (run == NULL) {
        return;
    }
    build_live_free(run->live);
    build_virtual_free(run->virtual);
    scenario_kinds_deinit(&run->kinds);
    scenario_catalog_free(run->catalog);
    scenario_macs_deinit(&run->macs);
    free(run->setups);
    free(run->names);
    free(run);
}

/* ---- Running ---- */

int scenario_run_go(struct scenario_run *run, char why[SCENARIO_WHY_MAX])
{
    why[0] = '\0';
    int rc =
        run->live != NULL ? build_live_go(run->live, why) : build_virtual_go(run->virtual, why);
    if (rc != 0 && why[0] == '\0') {
        snprintf(why, SCENARIO_WHY_MAX, "%s", sim_err_text(rc));
    }
    return rc;
}

bool scenario_run_step(struct scenario_run *run, struct sim_virtual_step *out)
{
    assert(run->virtual != NULL);
    return build_virtual_step(run->virtual, out);
}

void scenario_run_stop(struct scenario_run *run)
{
    if (run->live != NULL) {
        build_live_stop(run->live);
    } else {
        build_virtual_stop(run->virtual);
    }
}

void scenario_run_tick_after(struct scenario_run *run, unsigned lane, sim_duration delay)
{
    if (run->virtual != NULL) {
        build_virtual_tick_after(run->virtual, lane, delay);
    }
}

uint32_t scenario_run_groups(const struct scenario_run *run)
{
    bool apart = run->virtual != NULL && scenario_is_apart(run->scenario);

    return apart && run->share.len > 0 ? run->share.len : 1;
}

void scenario_run_group(const struct scenario_run *run, uint32_t *first, uint32_t *len)
{
    if (run->virtual != NULL) {
        build_virtual_group(run->virtual, first, len);
    } else {
        *first = run->share.first;
        *len = run->share.len;
    }
}

/* ---- Figures ---- */

uint32_t scenario_run_sites(const struct scenario_run *run)
{
    return run->sites_len;
}

struct scenario_share scenario_run_share(const struct scenario_run *run)
{
    return run->share;
}

const struct sim_site_setup *scenario_run_site(const struct scenario_run *run, uint32_t site)
{
    assert(site < run->sites_len);
    return &run->setups[site];
}

bool scenario_run_phone(const struct scenario_run *run, sim_node node,
                        struct scenario_phone_info *out)
{
    const struct scenario *s = run->scenario;
    uint32_t within, number;
    sim_addr addr;

    if (node >= s->phones_total) {
        return false;
    }
    uint32_t site = scenario_site_of_phone(s, node, &number);
    if (site - run->share.first >= run->share.len) {
        return false;
    }
    const struct scenario_phones *entry =
        scenario_phone(s, &run->setups[site], number, &within, &addr);
    *out = (struct scenario_phone_info){
        .site = site,
        .number = number,
        .addr = addr,
        .mac = scenario_macs_of(&run->macs, entry, build_copy(s, site), within),
        .model = s->firmware[entry->firmware].model,
        .firmware = entry->firmware,
        .system = entry->system,
        .pfs = run->options.method == SCENARIO_PFS && scenario_phone_shares(entry, within),
    };
    return true;
}

sim_node scenario_run_node(const struct scenario_run *run, uint32_t site, uint32_t number)
{
    assert(site < run->sites_len && number < run->setups[site].phones);
    return (sim_node)scenario_site_first_phone(run->scenario, site) + number;
}

uint32_t scenario_run_nodes(const struct scenario_run *run)
{
    return run->scenario->phones_total;
}

unsigned scenario_run_lanes(const struct scenario_run *run)
{
    return run->live != NULL ? run->scenario->threads : build_virtual_workers(run->virtual);
}

sim_time scenario_run_start(const struct scenario_run *run, sim_node node)
{
    assert(node < run->scenario->phones_total);
    return build_start(run, node);
}

void scenario_run_servers(const struct scenario_run *run, char out[SCENARIO_SERVERS_TEXT_MAX])
{
    out[0] = '\0';
    if (run->live != NULL) {
        build_live_servers(run->live, out);
    }
}

void scenario_run_site_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out)
{
    assert(site < run->sites_len);
    if (run->live != NULL) {
        build_live_site_stats(run->live, site, out);
    } else {
        build_virtual_site_stats(run->virtual, site, out);
    }
}

void scenario_run_line_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out)
{
    assert(site < run->sites_len);
    if (run->live != NULL) {
        build_live_site_stats(run->live, site, out);
    } else {
        build_virtual_line_stats(run->virtual, site, out);
    }
}

bool scenario_run_server_stats(struct scenario_run *run, struct sim_server_stats *out)
{
    if (run->live != NULL) {
        return build_live_server_stats(run->live, out);
    }
    build_virtual_server_stats(run->virtual, out);
    return true;
}

uint32_t scenario_run_transfers(const struct scenario_run *run, uint32_t site)
{
    assert(site < run->sites_len);
    return run->virtual != NULL ? build_virtual_transfers(run->virtual, site) : 0;
}

void scenario_run_validity(struct scenario_run *run, struct sim_live_validity *out)
{
    if (run->live != NULL) {
        build_live_validity(run->live, out);
    } else { /* no clock to fall behind */
        *out = (struct sim_live_validity){.valid = true, .pacer_worst = 1, .relay_worst = 1};
    }
}

sim_duration scenario_run_lag_in(const struct scenario_run *run, uint32_t second)
{
    return run->live != NULL ? build_live_lag_in(run->live, second) : 0;
}

void scenario_run_usage(struct scenario_run *run, struct sim_live_usage *out)
{
    if (run->live != NULL) {
        build_live_usage(run->live, out);
    } else {
        build_virtual_usage(run->virtual, out);
    }
}

bool scenario_run_hash(const struct scenario_run *run, uint64_t *out)
{
    if (run->virtual == NULL) {
        return false;
    }
    *out = build_virtual_hash(run->virtual);
    return true;
}

sim_time scenario_run_ended(const struct scenario_run *run)
{
    return run->live != NULL ? build_live_ended(run->live) : build_virtual_ended(run->virtual);
}

const struct sim_catalog *scenario_run_catalog(const struct scenario_run *run)
{
    return run->catalog;
}

/* ---- Before a run ---- */

size_t scenario_run_doctor(const struct scenario *s, enum scenario_method method, uint32_t shard,
                           uint32_t shards, struct sim_live_need needs[SIM_LIVE_NEEDS_MAX])
{
    struct scenario_run run = {
        .scenario = s,
        .options = {.world = SCENARIO_LIVE, .method = method, .seed = s->seed},
        .server_setup = s->server,
        .share = scenario_share(s, shard, shards),
    };
    size_t len =
        run.share.len > 0 && set_up_sites(&run) == 0 ? build_live_doctor(&run, method, needs) : 0;

    free(run.setups);
    free(run.names);
    return len;
}

uint64_t scenario_run_memory(const struct scenario *s, enum scenario_method method, uint32_t shard,
                             uint32_t shards)
{
    struct scenario_run run = {
        .scenario = s,
        .options = {.world = SCENARIO_VIRTUAL, .method = method, .seed = s->seed},
        .server_setup = s->server,
        .share = scenario_share(s, shard, shards),
    };
    uint64_t bytes = set_up_sites(&run) == 0 ? build_virtual_memory(&run) : UINT64_MAX;

    free(run.setups);
    free(run.names);
    return bytes;
}
