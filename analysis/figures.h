/* analysis/figures.h -- the figures of one finished run: per site and overall, as plain numbers.
 *
 * Made once when the run has ended, from the collector and the sites' counters; result.c makes
 * the document of it, csv.c the tables, threshold.c the verdicts. Memory: one struct a site. Not
 * here: any wording. */
#ifndef ANALYSIS_FIGURES_H
#define ANALYSIS_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

#include "analysis/bounds.h"
#include "analysis/collect.h"
#include "analysis/stats.h"
#include "scenarios/scenario.h"
#include "sim/content.h"
#include "sim/live/live.h"
#include "sim/server/server.h"
#include "sim/setup.h"
#include "sim/world.h"

/* What a run leaves behind. Everything is borrowed and outlives the figures. */
struct analysis_facts {
    const char *version; /* of pfsim */
    const struct scenario *scenario;
    enum scenario_method method;
    enum scenario_world world;
    uint64_t seed;
    const struct analysis_collect *collect;
    uint32_t sites;         /* copies, 0..scenario->sites_total, those of other shares too */
    uint32_t shard, shards; /* the run was of share `shard` of them; shards 0: of all */
    uint32_t merged;        /* how many shares' runs these are together; 0: it was one run */
    const struct sim_site_setup *(*site)(void *context, uint32_t site);
    void (*stats)(void *context, uint32_t site, struct sim_site_stats *out);
    void *context;
    bool has_server; /* the embedded server's own counters are known */
    struct sim_server_stats server;
    struct sim_live_validity validity;
    struct sim_live_usage usage;
    bool has_trace_hash; /* of the world; else the sum of the records' hashes */
    uint64_t trace_hash;
    const struct sim_catalog *catalog; /* NULL: indexes are left out of the bounds */
    uint64_t wan_peak_bit_s;           /* of all lines together, as sampled */
    uint64_t transfers_peak; /* that the server had under way, all groups together, as sampled; 0:
                                one group, whose server knows */
    sim_time ended;          /* instant of the run's end */
    sim_duration wall;       /* real time from build to end */
    bool interrupted;
};

/* Instants after start.at. All zero when count is 0. */
struct analysis_times {
    uint64_t count;
    sim_duration first, mean, p50, p90, p95, p99, last;
};

struct analysis_counts {
    uint32_t total, upgraded, failed, current, unfinished;
    uint32_t via_peer, via_server; /* of the upgraded: all files from peers; some from the server */
    uint32_t fallbacks;            /* phones that turned to the server because sharing gave up */
};

struct analysis_site {
    struct analysis_counts phones;
    struct analysis_times completion, back;
    struct sim_site_stats stats;
    struct analysis_bounds bounds;
    uint64_t server_copies; /* whole firmware files that came from the server */
    uint32_t first_node;    /* index into figures.order */
};

/* The phones of one entry of firmware[], over all sites. */
struct analysis_model {
    uint16_t firmware; /* index into the scenario's firmware */
    struct analysis_counts phones;
    struct analysis_times completion, back;
    struct analysis_stats completion_stats, back_stats; /* for any other quantile */
};

/* How long transfers took. All zero when count is 0. */
struct analysis_spread {
    uint64_t count;
    sim_duration min, mean, p5, p50, p95, max;
};

/* One file of a firmware: transfers from its first byte that ended well, over all sites. */
struct analysis_file {
    uint16_t firmware, file; /* name: analysis_collect_file() */
    uint64_t size;           /* bytes; 0: an index that no catalog knows */
    struct analysis_spread peer, server;
};

struct analysis_figures {
    const struct analysis_facts *facts;
    struct analysis_site *sites; /* facts->sites of them, by number */
    uint32_t first, end;         /* the figures are of sites first..end-1: the run's share */
    struct analysis_site all;    /* stats: sums, except first (least), last, peaks (largest) */
    uint64_t configured_bit_s;   /* towards all sites with a line; 0: no site has one */
    uint32_t lines;              /* sites with a line */
    struct analysis_totals totals;
    struct analysis_stats completion, back; /* of all phones */
    uint32_t *order;                        /* nodes of phones, by site, then by node */
    uint32_t order_len;
    uint64_t trees, depth_max, max_children, wan_copies, re_elected;
    uint64_t digest_first_use;     /* trees whose files were checked against nothing better */
    struct analysis_model *models; /* those that have phones, in the scenario's order */
    size_t models_len;
    struct analysis_file
        *files; /* of these models: first the index, then in the scenario's order */
    size_t files_len;
};

/* 0, SIM_ENOMEM. */
int analysis_figures_new(struct analysis_figures **out, const struct analysis_facts *facts);
void analysis_figures_free(struct analysis_figures *f); /* NULL is fine */

#define ANALYSIS_ALL_SITES UINT32_MAX
/* Any quantile of completion (or, with `back`, of back in service), of one site or of all. False
 * when no phone has one. */
bool analysis_figures_quantile(const struct analysis_figures *f, uint32_t site, bool back,
                               uint32_t millionths, sim_duration *out);
/* The model of that name; NULL when it has no phones. */
const struct analysis_model *analysis_figures_model(const struct analysis_figures *f,
                                                    const char *name);
/* Any quantile of a model's phones. False when none of them has one. */
bool analysis_figures_model_quantile(const struct analysis_model *model, bool back,
                                     uint32_t millionths, sim_duration *out);
/* What the line towards the site could carry, bit/s: its rate; of one that changes the mean between
 * the site's first WAN byte and its last (nothing seen: over a period), so that what was used of it
 * is a share of that. 0 without a line. */
uint64_t analysis_figures_configured(const struct sim_site_setup *setup,
                                     const struct sim_site_stats *stats);
/* bytes x 8 / (last WAN byte - first); 0 when nothing or only an instant was seen. */
uint64_t analysis_figures_mean_rate(const struct sim_site_stats *stats);

#endif /* ANALYSIS_FIGURES_H */
