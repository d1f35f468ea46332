/* analysis/abort.c -- what is lost already; see abort.h. */
#include "analysis/abort.h"

#include <stddef.h>
#include <string.h>

#include "analysis/stats.h"
#include "analysis/threshold.h"

/* Of one site, or of some together. */
struct now {
    struct analysis_so_far so_far;
    uint64_t phones;
    struct sim_site_stats stats;
};

/* Counters of a site's line and LAN; all are uint64_t. */
static const struct counter {
    const char *path;
    size_t offset;
    double unit; /* of one, in the result */
    bool is_peak;
} counters[] = {
    {"wan.bytes", offsetof(struct sim_site_stats, wan_bytes), 1, false},
    {"wan.payload_bytes", offsetof(struct sim_site_stats, wan_payload_bytes), 1, false},
    {"wan.config_bytes", offsetof(struct sim_site_stats, wan_config_bytes), 1, false},
    {"wan.resent_bytes", offsetof(struct sim_site_stats, wan_resent_bytes), 1, false},
    {"wan.up_bytes", offsetof(struct sim_site_stats, wan_up_bytes), 1, false},
    {"wan.drops", offsetof(struct sim_site_stats, wan_drops), 1, false},
    {"wan.busy_s", offsetof(struct sim_site_stats, wan_busy), 1e-9, false},
    {"wan.peak_bit_s", offsetof(struct sim_site_stats, wan_peak_bit_s), 1, true},
    {"lan.payload_bytes", offsetof(struct sim_site_stats, lan_payload_bytes), 1, false},
    {"lan.broadcasts", offsetof(struct sim_site_stats, lan_broadcasts), 1, false},
    {"lan.datagrams", offsetof(struct sim_site_stats, lan_datagrams), 1, false},
    {"lan.foreign", offsetof(struct sim_site_stats, lan_foreign), 1, false},
};

enum { COUNTERS_LEN = sizeof(counters) / sizeof(counters[0]) };

static uint64_t *field(struct sim_site_stats *stats, const struct counter *counter)
{
    return (uint64_t *)((char *)stats + counter->offset);
}

static const struct counter *find_counter(const char *path)
{
    for (size_t i = 0; i < COUNTERS_LEN; i++) {
        if (strcmp(counters[i].path, path) == 0) {
            return &counters[i];
        }
    }
    return NULL;
}

static void add_site(const struct analysis_abort *a, uint32_t site, struct now *sum)
{
    struct analysis_so_far so_far;
    struct sim_site_stats stats;

    analysis_collect_so_far(a->collect, site, &so_far);
    for (unsigned i = 0; i < 4; i++) {
        sum->so_far.outcomes[i] += so_far.outcomes[i];
    }
    sum->so_far.fallbacks += so_far.fallbacks;
    sum->so_far.backs += so_far.backs;
    sum->phones += a->site(a->context, site)->phones;
    a->stats(a->context, site, &stats);
    for (size_t i = 0; i < COUNTERS_LEN; i++) {
        uint64_t *total = field(&sum->stats, &counters[i]);
        uint64_t value = *field(&stats, &counters[i]);
        *total = !counters[i].is_peak ? *total + value : value > *total ? value : *total;
    }
}

/* The share of completions that the metric looks at, in millionths; 0 is the first one. */
static bool parse_time(const char *path, bool *back, uint32_t *millionths)
{
    static const struct {
        const char *path;
        bool back;
        uint32_t millionths;
    } ends[] = {
        {"completion_s.first", false, 0},
        {"completion_s.last", false, ANALYSIS_STATS_ALL},
        {"back_in_service_s.first", true, 0},
        {"back_in_service_s.last", true, ANALYSIS_STATS_ALL},
    };

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        if (strcmp(ends[i].path, path) == 0) {
            *back = ends[i].back;
            *millionths = ends[i].millionths;
            return true;
        }
    }
    return analysis_threshold_percentile(path, back, millionths);
}

static bool is_over(const struct scenario_threshold *t, double value)
{
    return value > t->limit || (value == t->limit && strcmp(t->op, "<") == 0);
}

/* More time than the limit has passed, and fewer phones are done than must be. */
static bool is_late(const struct scenario_threshold *t, const struct now *now, bool back,
                    uint32_t millionths, sim_duration elapsed)
{
    const uint32_t *outcomes = now->so_far.outcomes;
    uint64_t left_out = (uint64_t)outcomes[SIM_OUTCOME_FAILED] + outcomes[SIM_OUTCOME_CURRENT];
    uint64_t done = back ? now->so_far.backs : outcomes[SIM_OUTCOME_UPGRADED];
    uint64_t all = now->phones > left_out ? now->phones - left_out : 0;
    uint64_t must = (all * millionths + ANALYSIS_STATS_ALL - 1) / ANALYSIS_STATS_ALL;

    must = must == 0 && all > 0 ? 1 : must;
    return done < must && is_over(t, sim_time_seconds(elapsed));
}

static bool is_lost_for(const struct scenario_threshold *t, const char *path, const struct now *now,
                        sim_duration elapsed)
{
    const struct counter *counter = find_counter(path);
    struct sim_site_stats stats = now->stats;
    uint32_t millionths;
    bool back;

    if (counter != NULL) {
        return is_over(t, (double)*field(&stats, counter) * counter->unit);
    }
    if (strcmp(path, "phones.failed") == 0) {
        return is_over(t, now->so_far.outcomes[SIM_OUTCOME_FAILED]);
    }
    if (strcmp(path, "phones.fallbacks") == 0) {
        return is_over(t, now->so_far.fallbacks);
    }
    return parse_time(path, &back, &millionths) && is_late(t, now, back, millionths, elapsed);
}

/* Of the whole run only. */
static bool is_total(const char *path)
{
    return strcmp(path, "transfers.resumed") == 0 || strcmp(path, "transfers.rejected") == 0 ||
           strcmp(path, "trees_summary.wan_copies") == 0;
}

static double total_of(const struct analysis_abort *a, const char *path)
{
    if (strcmp(path, "transfers.resumed") == 0) {
        return (double)analysis_collect_resumed(a->collect);
    }
    if (strcmp(path, "transfers.rejected") == 0) {
        return (double)analysis_collect_rejected(a->collect);
    }
    /* A load server's copy came before the run. */
    return a->method == SCENARIO_LOAD_SERVER ? 0 : (double)analysis_collect_copies(a->collect);
}

bool analysis_abort_works(const struct scenario_threshold *t)
{
    struct scenario_metric m;
    uint32_t millionths;
    bool back;

    return t->op[0] != '>' && scenario_metric_split(t->metric, &m) &&
           (m.scope == SCENARIO_SCOPE_RUN || m.scope == SCENARIO_SCOPE_SITE) &&
           (find_counter(m.path) != NULL || strcmp(m.path, "phones.failed") == 0 ||
            strcmp(m.path, "phones.fallbacks") == 0 || parse_time(m.path, &back, &millionths) ||
            (m.scope == SCENARIO_SCOPE_RUN && is_total(m.path)));
}

static bool is_lost(const struct analysis_abort *a, const struct scenario_threshold *t,
                    sim_duration elapsed)
{
    struct scenario_metric m;
    struct now all = {.phones = 0};

    if (!scenario_metric_split(t->metric, &m)) {
        return false;
    }
    if (is_total(m.path)) {
        return is_over(t, total_of(a, m.path));
    }
    for (uint32_t i = 0; i < a->sites; i++) {
        const struct sim_site_setup *setup = a->site(a->context, i);
        struct now one = {.phones = 0};
        if (m.scope == SCENARIO_SCOPE_RUN) {
            add_site(a, i, &all);
        } else if (strcmp(setup->name, m.name) == 0 || strcmp(setup->class_name, m.name) == 0) {
            add_site(a, i, &one);
            if (is_lost_for(t, m.path, &one, elapsed)) {
                return true; /* the worst of a class counts */
            }
        }
    }
    return m.scope == SCENARIO_SCOPE_RUN && is_lost_for(t, m.path, &all, elapsed);
}

const struct scenario_threshold *analysis_abort_lost(const struct analysis_abort *a,
                                                     sim_duration elapsed)
{
    for (size_t i = 0; i < a->scenario->thresholds_len; i++) {
        const struct scenario_threshold *t = &a->scenario->thresholds[i];
        if (t->abort && analysis_abort_works(t) && is_lost(a, t, elapsed)) {
            return t;
        }
    }
    return NULL;
}
