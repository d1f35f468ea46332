/* scenarios/build_virtual.c -- a run in virtual time: sites that can't touch one another one after
 * another, each from instant 0, in one struct sim_virtual; else all of them together.
 *
 * Only the phones of the group that runs are in memory; of the others the counters of their lines
 * are kept. No server is started and no name is resolved: of a server that the scenario names only
 * its content matters. */
#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build_inner.h"
#include "sim/live/machine.h"

struct build_virtual {
    struct scenario_run *run;
    struct sim_virtual *world; /* NULL when nothing runs: an empty share, a dry run */
    struct sim_tap_world *tap; /* around it; NULL: nobody listens */
    struct build_crew crew;
    uint32_t group_sites; /* of a group */
    uint32_t first, len;  /* the group that runs; len 0: before the first, behind the last */
    struct sim_site_stats *stats; /* of sites whose group has ended */
    /* Of the groups that have ended. */
    struct sim_virtual_server_stats server;
    struct sim_virtual_usage usage;
    sim_time ended; /* the latest end */
    int status;     /* of the first group that did not end by itself: nothing runs behind it */
    atomic_bool stop;
};

/* ---- What happens meanwhile ---- */

/* Controllers have numbers behind the phones of their group, which are those of the next group's
 * phones: for the caller they come behind all phones. */
static sim_node number_of(const struct build_virtual *b, sim_node node)
{
    uint32_t number = node - b->crew.first_node;
    if (node == SIM_NODE_NONE || number < b->crew.phones_len) {
        return node;
    }
    return b->run->scenario->phones_total + b->first + (number - b->crew.phones_len);
}

/* To the caller, and past the faults. */
static void on_record(void *context, unsigned lane, const struct sim_record *record)
{
    struct build_virtual *b = context;
    const struct sim_trace *trace = &b->run->options.trace;
    struct sim_record told = *record;

    told.node = number_of(b, record->node);
    trace->write(trace->context, lane, &told);
    if (told.node < b->run->scenario->phones_total) {
        build_crew_observe(&b->crew, record);
    }
}

static bool on_tick(void *context, sim_time now)
{
    struct build_virtual *b = context;
    const struct scenario_run_options *options = &b->run->options;

    if (b->tap != NULL) {
        sim_tap_world_sample(b->tap);
    }
    return options->tick(options->tick_context, now) || atomic_load(&b->stop);
}

/* ---- Groups ---- */

static uint32_t phones_of(const struct scenario_run *run, uint32_t first, uint32_t len)
{
    return (uint32_t)(scenario_site_first_phone(run->scenario, first + len) -
                      scenario_site_first_phone(run->scenario, first));
}

static void on_tftp(void *context, sim_node node, uint64_t transfer, bool up, const uint8_t *bytes,
                    size_t bytes_len, size_t len)
{
    struct build_virtual *b = context;

    sim_tap_world_tftp(b->tap, node, transfer, up, bytes, bytes_len, len);
}

static void fill_config(const struct build_virtual *b, uint32_t first,
                        struct sim_virtual_config *config)
{
    const struct scenario_run *run = b->run;
    const struct scenario *s = run->scenario;
    bool has_faults = s->faults_len > 0;
    *config = (struct sim_virtual_config){
        .seed = run->options.seed,
        .network = s->network == SCENARIO_PACKET ? SIM_VIRTUAL_PACKET : SIM_VIRTUAL_FLUID,
        .sites = &run->setups[first],
        .sites_len = b->group_sites,
        .first_site = first,
        .first_node = (sim_node)scenario_site_first_phone(s, first),
        .nodes_max = phones_of(run, first, b->group_sites) + (has_faults ? b->group_sites : 0),
        .server = &run->server_setup,
        .fluid = s->fluid,
        .catalog = run->catalog,
        .has_load_server = build_needs_load_server(run),
        .trace = has_faults
                     ? (struct sim_trace){.write = on_record, .context = (void *)(uintptr_t)b}
                     : run->options.trace,
        .tftp = run->options.tap.write != NULL ? on_tftp : NULL,
        .tftp_context = (void *)(uintptr_t)b,
        .tick = run->options.tick != NULL ? on_tick : NULL,
        .tick_context = (void *)(uintptr_t)b,
        .tick_every = run->options.tick != NULL ? run->options.tick_every : 0,
        .limit = SIM_NEVER,
    };
}

static struct sim_world *world_of(void *context, uint32_t site)
{
    struct build_virtual *b = context;
    (void)site;
    return b->tap != NULL ? sim_tap_world(b->tap) : sim_virtual_world(b->world);
}

/* Around the world of a group that begins. */
static int begin_tap(struct build_virtual *b)
{
    struct sim_tap_config config;

    if (b->run->options.tap.write == NULL) {
        return 0;
    }
    build_tap_config(b->run, &config);
    config.world = sim_virtual_world(b->world);
    config.has_tftp = b->run->scenario->network == SCENARIO_PACKET;
    return b->tap == NULL ? sim_tap_world_new(&b->tap, &config)
                          : sim_tap_world_restart(b->tap, &config);
}

static int begin_group(struct build_virtual *b, uint32_t first)
{
    struct sim_virtual_config config;

    fill_config(b, first, &config);
    int rc = b->world == NULL ? sim_virtual_new(&b->world, &config)
                              : sim_virtual_restart(b->world, &config);
    if (rc != 0 || (rc = begin_tap(b)) != 0) {
        return rc;
    }
    b->first = first;
    b->len = b->group_sites;
    return build_crew_make(&b->crew, b->run, first, b->len, config.first_node, world_of, b);
}

static void add_server(struct sim_virtual_server_stats *sum,
                       const struct sim_virtual_server_stats *s)
{
    sum->requests += s->requests;
    sum->payload_bytes += s->payload_bytes;
    sum->bytes += s->bytes;
    sum->errors += s->errors;
    sum->not_found += s->not_found;
    sum->refused += s->refused;
    sum->queued += s->queued;
    sum->transfers += s->transfers;
    sum->peak_transfers =
        s->peak_transfers > sum->peak_transfers ? s->peak_transfers : sum->peak_transfers;
}

static void add_usage(struct sim_virtual_usage *sum, const struct sim_virtual_usage *u)
{
    sum->events += u->events;
    sum->notices += u->notices;
    sum->trace_hash += u->trace_hash; /* no order: a share of the sites gives its share */
    sum->nodes += u->nodes;
    sum->nodes_finished += u->nodes_finished;
}

/* The group's figures are kept, its phones let go. */
static void end_group(struct build_virtual *b)
{
    const struct scenario_run_options *options = &b->run->options;
    sim_time now = sim_virtual_now(b->world);
    struct sim_virtual_server_stats server;
    struct sim_virtual_usage usage;

    if (b->tap != NULL) {
        sim_tap_world_end(b->tap, now);
        b->status = b->status == 0 && sim_tap_world_failed(b->tap) ? SIM_ENOMEM : b->status;
    }
    if (options->group_ended != NULL) {
        options->group_ended(options->tick_context, b->first, b->len, now);
    }
    for (uint32_t i = 0; i < b->len; i++) {
        sim_virtual_site_stats(b->world, b->first + i, &b->stats[b->first + i]);
    }
    sim_virtual_server_stats(b->world, &server);
    server.transfers = 0; /* nothing is under way behind the end */
    add_server(&b->server, &server);
    sim_virtual_usage(b->world, &usage);
    add_usage(&b->usage, &usage);
    b->ended = now > b->ended ? now : b->ended;
    build_crew_clear(&b->crew);
    b->first += b->len;
    b->len = 0;
}

/* Nodes that wait for what never comes have no outcome: that is a result, not a failure. */
static int judge(int rc)
{
    return rc == SIM_ETIMEDOUT ? 0 : rc;
}

/* One past the last site that runs. */
static uint32_t end_of(const struct build_virtual *b)
{
    const struct scenario_run *run = b->run;
    return run->options.dry ? run->share.first : run->share.first + run->share.len;
}

int build_virtual_go(struct build_virtual *b, char why[SCENARIO_WHY_MAX])
{
    (void)why;
    while (b->status == 0 && (b->len > 0 || b->first < end_of(b))) {
        b->status = atomic_load(&b->stop) ? SIM_ECANCELED
                    : b->len == 0         ? begin_group(b, b->first)
                                          : 0;
        if (b->status == 0) {
            b->status = judge(sim_virtual_run(b->world));
        }
        if (b->len > 0) {
            end_group(b);
        }
    }
    return b->status;
}

bool build_virtual_step(struct build_virtual *b, struct sim_virtual_step *out)
{
    for (;;) {
        if (b->len > 0 && sim_virtual_step(b->world, out)) {
            if (out != NULL) {
                out->node = number_of(b, out->node);
            }
            return true;
        }
        if (b->len > 0) {
            b->status = judge(sim_virtual_run(b->world)); /* it has ended: says how */
            end_group(b);
        }
        if (b->status == 0 && atomic_load(&b->stop)) {
            b->status = SIM_ECANCELED;
        }
        if (b->status != 0 || b->first == end_of(b)) {
            return false;
        }
        b->status = begin_group(b, b->first);
    }
}

void build_virtual_stop(struct build_virtual *b)
{
    atomic_store(&b->stop, true);
    if (b->world != NULL) {
        sim_virtual_stop(b->world);
    }
}

void build_virtual_tick_after(struct build_virtual *b, sim_duration delay)
{
    if (b->world != NULL) {
        sim_virtual_tick_after(b->world, delay);
    }
}

/* ---- Life ---- */

int build_virtual_new(struct build_virtual **out, struct scenario_run *run,
                      char why[SCENARIO_WHY_MAX])
{
    const struct scenario *s = run->scenario;
    struct build_virtual *b = calloc(1, sizeof(*b));
    int rc;

    if (b == NULL) {
        return SIM_ENOMEM;
    }
    b->run = run;
    b->group_sites = scenario_is_apart(s) ? 1 : run->share.len;
    b->first = run->share.first;
    b->stats = calloc(run->sites_len, sizeof(*b->stats));
    for (uint32_t i = 0; b->stats != NULL && i < run->sites_len; i++) {
        b->stats[i].wan_first = SIM_NEVER;
    }
    if ((rc = b->stats == NULL ? SIM_ENOMEM : 0) != 0 ||
        (rc = scenario_catalog_new(s, run->options.method, &run->catalog, why)) != 0 ||
        (rc = scenario_kinds_init(&run->kinds, s, run->options.method, run->catalog)) != 0 ||
        (rc = b->first < end_of(b) ? begin_group(b, b->first) : 0) != 0) {
        build_virtual_free(b);
        return rc;
    }
    *out = b;
    return 0;
}

void build_virtual_free(struct build_virtual *b)
{
    if (b == NULL) {
        return;
    }
    build_crew_clear(&b->crew);
    sim_tap_world_free(b->tap);
    sim_virtual_free(b->world);
    build_crew_deinit(&b->crew);
    free(b->stats);
    free(b);
}

/* ---- Figures ---- */

void build_virtual_group(const struct build_virtual *b, uint32_t *first, uint32_t *len)
{
    *first = b->first;
    *len = b->len;
}

void build_virtual_site_stats(const struct build_virtual *b, uint32_t site,
                              struct sim_site_stats *out)
{
    if (site >= b->first && site - b->first < b->len) {
        sim_virtual_site_stats(b->world, site, out);
    } else {
        *out = b->stats[site];
    }
}

void build_virtual_line_stats(const struct build_virtual *b, uint32_t site,
                              struct sim_site_stats *out)
{
    if (site >= b->first && site - b->first < b->len) {
        sim_virtual_line_stats(b->world, site, out);
    } else {
        *out = b->stats[site];
    }
}

void build_virtual_server_stats(const struct build_virtual *b, struct sim_server_stats *out)
{
    struct sim_virtual_server_stats sum = b->server, now;

    if (b->len > 0) {
        sim_virtual_server_stats(b->world, &now);
        add_server(&sum, &now);
    }
    *out = (struct sim_server_stats){
        .requests = sum.requests,
        .payload_bytes = sum.payload_bytes,
        .bytes = sum.bytes,
        .errors = sum.errors,
        .not_found = sum.not_found,
        .refused = sum.refused,
        .queued = sum.queued,
        .transfers = sum.transfers,
        .peak_transfers = sum.peak_transfers,
    };
}

static struct sim_virtual_usage usage_of(const struct build_virtual *b)
{
    struct sim_virtual_usage sum = b->usage, now;

    if (b->len > 0) {
        sim_virtual_usage(b->world, &now);
        add_usage(&sum, &now);
    }
    return sum;
}

void build_virtual_usage(const struct build_virtual *b, struct sim_live_usage *out)
{
    struct sim_virtual_usage usage = usage_of(b);

    *out = (struct sim_live_usage){
        .rss_peak_bytes = sim_live_memory_peak(),
        .events = usage.events,
        .nodes = usage.nodes,
        .nodes_finished = usage.nodes_finished,
    };
}

uint64_t build_virtual_hash(const struct build_virtual *b)
{
    return usage_of(b).trace_hash;
}

sim_time build_virtual_ended(const struct build_virtual *b)
{
    sim_time now = b->len > 0 ? sim_virtual_now(b->world) : 0;
    return now > b->ended ? now : b->ended;
}

/* ---- Memory ---- */

uint64_t build_virtual_memory(const struct scenario_run *run)
{
    const struct scenario *s = run->scenario;
    struct build_virtual b = {
        .run = (struct scenario_run *)(uintptr_t)run, /* only read */
        .group_sites = scenario_is_apart(s) ? 1 : run->share.len,
    };
    struct sim_virtual_config config;
    struct sim_virtual_crowd crowd;
    uint64_t of_phones;
    uint32_t largest = run->share.first, end = run->share.first + run->share.len;
    uint64_t of_sites =
        (uint64_t)run->sites_len * (sizeof(*run->setups) + SCENARIO_NAME_MAX + sizeof(*b.stats));

    if (run->share.len == 0) {
        return of_sites;
    }
    for (uint32_t i = largest; i < end; i += b.group_sites) {
        if (phones_of(run, i, b.group_sites) > phones_of(run, largest, b.group_sites)) {
            largest = i;
        }
    }
    fill_config(&b, largest, &config);
    build_memory_of(run, largest, b.group_sites, &crowd, &of_phones);
    return sim_virtual_memory(&config, &crowd) + of_phones + of_sites;
}
