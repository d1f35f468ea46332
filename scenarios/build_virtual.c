/* scenarios/build_virtual.c -- a run in virtual time: sites that can't touch one another each for
 * itself, from instant 0, one after another on each of the run's threads; else all of them together
 * in one struct sim_virtual.
 *
 * Only the phones of the groups that run are in memory; of the others the counters of their lines
 * are kept. Figures are sums and largest values of integers, so it does not matter which group ends
 * first. No server is started and no name is resolved: of a server that the scenario names only its
 * content matters. */
#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build_inner.h"
#include "sim/live/machine.h"

enum { NOBODY = UINT8_MAX };

/* Runs groups, one at a time. All but `world` is touched by its own thread only. */
struct worker {
    struct build_virtual *of;
    pthread_t thread;
    _Atomic(struct sim_virtual *) world; /* NULL: nothing ran yet. Set once; others may stop it */
    struct sim_tap_world *tap;           /* around it; NULL: nobody listens */
    struct build_crew crew;
    struct scenario_group group; /* that runs; len 0: before the first, behind the last */
};

struct build_virtual {
    struct scenario_run *run;
    uint32_t group_sites;         /* of a group */
    struct sim_site_stats *stats; /* of sites whose group has ended */
    uint8_t *worker_of;           /* a site's group runs there; NOBODY */
    atomic_bool stop;
    pthread_mutex_t lock; /* all below, while there are several workers */
    uint32_t next;        /* first site of the group that is taken next */
    /* Of the groups that have ended. */
    struct sim_virtual_server_stats server;
    struct sim_virtual_usage usage;
    sim_time ended; /* the latest end */
    /* Of the first group, in order of sites, that did not end by itself: no group begins after it.
     */
    int status;
    uint32_t status_of; /* its first site */
    unsigned workers_len;
    struct worker workers[];
};

/* ---- What happens meanwhile ---- */

/* Controllers have numbers behind the phones of their group, which are those of the next group's
 * phones: for the caller they come behind all phones. */
static sim_node number_of(const struct worker *w, sim_node node)
{
    uint32_t number = node - w->crew.first_node;
    if (node == SIM_NODE_NONE || number < w->crew.phones_len) {
        return node;
    }
    return w->of->run->scenario->phones_total + w->group.first + (number - w->crew.phones_len);
}

/* To the caller, and past the faults. */
static void on_record(void *context, unsigned lane, const struct sim_record *record)
{
    struct worker *w = context;
    const struct sim_trace *trace = &w->of->run->options.trace;
    struct sim_record told = *record;

    told.node = number_of(w, record->node);
    trace->write(trace->context, lane, &told);
    if (told.node < w->of->run->scenario->phones_total) {
        build_crew_observe(&w->crew, record);
    }
}

static bool on_tick(void *context, sim_time now)
{
    struct worker *w = context;
    const struct scenario_run_options *options = &w->of->run->options;

    if (w->tap != NULL) {
        sim_tap_world_sample(w->tap);
    }
    return options->tick(options->tick_context, &w->group, now) || atomic_load(&w->of->stop);
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
    struct worker *w = context;

    sim_tap_world_tftp(w->tap, node, transfer, up, bytes, bytes_len, len);
}

static void fill_config(const struct worker *w, uint32_t first, struct sim_virtual_config *config)
{
    const struct build_virtual *b = w->of;
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
                     ? (struct sim_trace){.write = on_record, .context = (void *)(uintptr_t)w}
                     : run->options.trace,
        .tftp = run->options.tap.write != NULL ? on_tftp : NULL,
        .tftp_context = (void *)(uintptr_t)w,
        .lane = w->group.lane,
        .tick = run->options.tick != NULL ? on_tick : NULL,
        .tick_context = (void *)(uintptr_t)w,
        .tick_every = run->options.tick != NULL ? run->options.tick_every : 0,
        .limit = SIM_NEVER,
    };
}

static struct sim_world *world_of(void *context, uint32_t site)
{
    struct worker *w = context;
    (void)site;
    return w->tap != NULL ? sim_tap_world(w->tap) : sim_virtual_world(w->world);
}

/* Around the world of a group that begins. */
static int begin_tap(struct worker *w)
{
    const struct scenario_run *run = w->of->run;
    struct sim_tap_config config;

    if (run->options.tap.write == NULL) {
        return 0;
    }
    build_tap_config(run, &config);
    config.world = sim_virtual_world(w->world);
    config.has_tftp = run->scenario->network == SCENARIO_PACKET;
    return w->tap == NULL ? sim_tap_world_new(&w->tap, &config)
                          : sim_tap_world_restart(w->tap, &config);
}

static int begin_world(struct worker *w, const struct sim_virtual_config *config)
{
    struct sim_virtual *world = NULL;

    if (w->world != NULL) {
        return sim_virtual_restart(w->world, config);
    }
    int rc = sim_virtual_new(&world, config);
    w->world = world;
    return rc;
}

/* Those of the group: who asks for their counters during the run is sent to this worker. */
static void claim(struct worker *w, uint8_t worker)
{
    memset(&w->of->worker_of[w->group.first], worker, w->group.len);
}

static int begin_group(struct worker *w, uint32_t first)
{
    struct sim_virtual_config config;

    fill_config(w, first, &config);
    int rc = begin_world(w, &config);
    if (rc != 0 || (rc = begin_tap(w)) != 0) {
        return rc;
    }
    w->group.first = first;
    w->group.len = w->of->group_sites;
    claim(w, (uint8_t)w->group.lane);
    return build_crew_make(&w->crew, w->of->run, first, w->group.len, config.first_node, world_of,
                           w);
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

/* It did not end by itself, and those under way elsewhere are of no use any more: they are
 * cancelled then, which is no reason of their own. */
static void give_up(struct build_virtual *b, uint32_t first, int status)
{
    if (b->status == 0 || (status != SIM_ECANCELED && first < b->status_of)) {
        b->status = status;
        b->status_of = first;
    }
    build_virtual_stop(b);
}

/* The group's figures are kept, its phones let go. */
static void end_group(struct worker *w, int status)
{
    struct build_virtual *b = w->of;
    const struct scenario_run_options *options = &b->run->options;
    sim_time now = sim_virtual_now(w->world);
    struct sim_virtual_server_stats server;
    struct sim_virtual_usage usage;

    if (w->tap != NULL) {
        sim_tap_world_end(w->tap, now);
        status = status == 0 && sim_tap_world_failed(w->tap) ? SIM_ENOMEM : status;
    }
    if (options->group_ended != NULL) {
        options->group_ended(options->tick_context, &w->group, now);
    }
    for (uint32_t i = w->group.first; i - w->group.first < w->group.len; i++) {
        sim_virtual_site_stats(w->world, i, &b->stats[i]);
    }
    sim_virtual_server_stats(w->world, &server);
    server.transfers = 0; /* nothing is under way behind the end */
    sim_virtual_usage(w->world, &usage);
    pthread_mutex_lock(&b->lock);
    add_server(&b->server, &server);
    add_usage(&b->usage, &usage);
    b->ended = now > b->ended ? now : b->ended;
    if (status != 0) {
        give_up(b, w->group.first, status);
    }
    pthread_mutex_unlock(&b->lock);
    build_crew_clear(&w->crew);
    claim(w, NOBODY);
    w->group.len = 0;
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

/* There was no memory for its world: every group that was begun is also told of as ended. */
static void fail_group(struct worker *w, uint32_t first, int status)
{
    struct build_virtual *b = w->of;
    const struct scenario_run_options *options = &b->run->options;
    const struct scenario_group group = {
        .first = first, .len = b->group_sites, .lane = w->group.lane};

    if (options->group_ended != NULL) {
        options->group_ended(options->tick_context, &group, 0);
    }
    pthread_mutex_lock(&b->lock);
    give_up(b, first, status);
    pthread_mutex_unlock(&b->lock);
}

/* The next group for this worker, begun. False: none is left, or nothing runs any more. */
static bool take_group(struct worker *w)
{
    struct build_virtual *b = w->of;

    pthread_mutex_lock(&b->lock);
    uint32_t first = b->next;
    if (b->status == 0 && first < end_of(b) && atomic_load(&b->stop)) {
        give_up(b, first, SIM_ECANCELED);
    }
    bool some = b->status == 0 && first < end_of(b);
    b->next += some ? b->group_sites : 0;
    pthread_mutex_unlock(&b->lock);
    int rc = some ? begin_group(w, first) : 0;
    if (rc != 0 && w->group.len > 0) {
        end_group(w, rc);
    } else if (rc != 0) {
        fail_group(w, first, rc);
    }
    return some && rc == 0;
}

/* Group after group, until none is left. */
static void *work(void *context)
{
    struct worker *w = context;

    while (w->group.len > 0 || take_group(w)) {
        /* A stop that came while the world was made did not find it. */
        int rc = atomic_load(&w->of->stop) ? SIM_ECANCELED : judge(sim_virtual_run(w->world));
        end_group(w, rc);
    }
    return NULL;
}

/* Signals are for the caller's thread: the others are made with all of them blocked. A thread that
 * can't be made is not missed: the others do its work. */
int build_virtual_go(struct build_virtual *b, char why[SCENARIO_WHY_MAX])
{
    sigset_t all, before;
    unsigned started = 1;

    (void)why;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < b->workers_len &&
           pthread_create(&b->workers[started].thread, NULL, work, &b->workers[started]) == 0) {
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    work(&b->workers[0]);
    for (unsigned i = 1; i < started; i++) {
        pthread_join(b->workers[i].thread, NULL);
    }
    return b->status;
}

bool build_virtual_step(struct build_virtual *b, struct sim_virtual_step *out)
{
    struct worker *w = &b->workers[0];

    assert(b->workers_len == 1);
    for (;;) {
        if (w->group.len > 0 && sim_virtual_step(w->world, out)) {
            if (out != NULL) {
                out->node = number_of(w, out->node);
            }
            return true;
        }
        if (w->group.len > 0) {
            end_group(w, judge(sim_virtual_run(w->world))); /* it has ended: says how */
        }
        if (!take_group(w)) {
            return false;
        }
    }
}

void build_virtual_stop(struct build_virtual *b)
{
    atomic_store(&b->stop, true);
    for (unsigned i = 0; i < b->workers_len; i++) {
        struct sim_virtual *world = b->workers[i].world;
        if (world != NULL) {
            sim_virtual_stop(world);
        }
    }
}

void build_virtual_tick_after(struct build_virtual *b, unsigned lane, sim_duration delay)
{
    struct worker *w = &b->workers[lane];

    assert(lane < b->workers_len);
    if (w->world != NULL) {
        sim_virtual_tick_after(w->world, delay);
    }
}

/* ---- Life ---- */

/* As many as are asked for and of use. */
static unsigned workers_of(const struct scenario_run *run)
{
    unsigned most = run->options.threads > 0 ? run->options.threads : 1;

    most = most < SCENARIO_THREADS_MAX ? most : SCENARIO_THREADS_MAX;
    if (!scenario_is_apart(run->scenario) || run->share.len == 0) {
        return 1;
    }
    return most < run->share.len ? most : run->share.len;
}

static int make_tables(struct build_virtual *b)
{
    uint32_t sites = b->run->sites_len;

    b->stats = calloc(sites, sizeof(*b->stats));
    b->worker_of = malloc(sites);
    if (b->stats == NULL || b->worker_of == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < sites; i++) {
        b->stats[i].wan_first = SIM_NEVER;
    }
    memset(b->worker_of, NOBODY, sites);
    return 0;
}

/* Nobody is told how it ends when it can't begin: the caller has no run yet. */
static int begin_first(struct build_virtual *b)
{
    uint32_t first = b->next;

    if (first >= end_of(b)) {
        return 0;
    }
    b->next += b->group_sites;
    return begin_group(&b->workers[0], first);
}

int build_virtual_new(struct build_virtual **out, struct scenario_run *run,
                      char why[SCENARIO_WHY_MAX])
{
    const struct scenario *s = run->scenario;
    unsigned workers = workers_of(run);
    struct build_virtual *b = calloc(1, sizeof(*b) + workers * sizeof(b->workers[0]));
    int rc;

    if (b == NULL) {
        return SIM_ENOMEM;
    }
    pthread_mutex_init(&b->lock, NULL);
    b->run = run;
    b->group_sites = scenario_is_apart(s) ? 1 : run->share.len;
    b->next = run->share.first;
    b->workers_len = workers;
    for (unsigned i = 0; i < workers; i++) {
        b->workers[i].of = b;
        b->workers[i].group = (struct scenario_group){.first = b->next, .lane = i};
    }
    if ((rc = make_tables(b)) != 0 ||
        (rc = scenario_catalog_new(s, run->options.method, &run->catalog, why)) != 0 ||
        (rc = scenario_kinds_init(&run->kinds, s, run->options.method, run->catalog)) != 0 ||
        (rc = begin_first(b)) != 0) {
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
    for (unsigned i = 0; i < b->workers_len; i++) {
        struct worker *w = &b->workers[i];
        build_crew_clear(&w->crew);
        sim_tap_world_free(w->tap);
        sim_virtual_free(w->world);
        build_crew_deinit(&w->crew);
    }
    pthread_mutex_destroy(&b->lock);
    free(b->worker_of);
    free(b->stats);
    free(b);
}

/* ---- Figures ---- */

unsigned build_virtual_workers(const struct build_virtual *b)
{
    return b->workers_len;
}

void build_virtual_group(const struct build_virtual *b, uint32_t *first, uint32_t *len)
{
    *first = b->workers[0].group.first;
    *len = b->workers[0].group.len;
}

/* Where the site runs; NULL: nowhere, before or behind its time. */
static struct sim_virtual *world_with(const struct build_virtual *b, uint32_t site)
{
    return b->worker_of[site] == NOBODY ? NULL : b->workers[b->worker_of[site]].world;
}

void build_virtual_site_stats(const struct build_virtual *b, uint32_t site,
                              struct sim_site_stats *out)
{
    struct sim_virtual *world = world_with(b, site);

    if (world != NULL) {
        sim_virtual_site_stats(world, site, out);
    } else {
        *out = b->stats[site];
    }
}

void build_virtual_line_stats(const struct build_virtual *b, uint32_t site,
                              struct sim_site_stats *out)
{
    struct sim_virtual *world = world_with(b, site);

    if (world != NULL) {
        sim_virtual_line_stats(world, site, out);
    } else {
        *out = b->stats[site];
    }
}

uint32_t build_virtual_transfers(const struct build_virtual *b, uint32_t site)
{
    struct sim_virtual *world = world_with(b, site);
    struct sim_virtual_server_stats stats = {0};

    if (world != NULL) {
        sim_virtual_server_stats(world, &stats);
    }
    return stats.transfers;
}

void build_virtual_server_stats(const struct build_virtual *b, struct sim_server_stats *out)
{
    struct sim_virtual_server_stats sum = b->server, now;

    for (unsigned i = 0; i < b->workers_len; i++) {
        if (b->workers[i].group.len > 0) {
            sim_virtual_server_stats(b->workers[i].world, &now);
            add_server(&sum, &now);
        }
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

    for (unsigned i = 0; i < b->workers_len; i++) {
        if (b->workers[i].group.len > 0) {
            sim_virtual_usage(b->workers[i].world, &now);
            add_usage(&sum, &now);
        }
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
    sim_time ended = b->ended;

    for (unsigned i = 0; i < b->workers_len; i++) {
        const struct worker *w = &b->workers[i];
        sim_time now = w->group.len > 0 ? sim_virtual_now(w->world) : 0;
        ended = now > ended ? now : ended;
    }
    return ended;
}

/* ---- Memory ---- */

uint64_t build_virtual_memory(const struct scenario_run *run)
{
    const struct scenario *s = run->scenario;
    struct build_virtual b = {
        .run = (struct scenario_run *)(uintptr_t)run, /* only read */
        .group_sites = scenario_is_apart(s) ? 1 : run->share.len,
    };
    const struct worker worker = {.of = &b};
    struct sim_virtual_config config;
    struct sim_virtual_crowd crowd;
    uint64_t of_phones;
    uint32_t largest = run->share.first, end = run->share.first + run->share.len;
    uint64_t of_sites = (uint64_t)run->sites_len * (sizeof(*run->setups) + SCENARIO_NAME_MAX +
                                                    sizeof(*b.stats) + sizeof(*b.worker_of));

    if (run->share.len == 0) {
        return of_sites;
    }
    for (uint32_t i = largest; i < end; i += b.group_sites) {
        if (phones_of(run, i, b.group_sites) > phones_of(run, largest, b.group_sites)) {
            largest = i;
        }
    }
    fill_config(&worker, largest, &config);
    build_memory_of(run, largest, b.group_sites, &crowd, &of_phones);
    return sim_virtual_memory(&config, &crowd) + of_phones + of_sites;
}
