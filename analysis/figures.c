/* analysis/figures.c -- sums and quantiles per site and overall. */
#include "analysis/figures.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/share.h"
#include "sim/err.h"

/* A completion counts from start.at; a phone that was there before (a restart) counts as 0. */
static sim_duration since_start(const struct analysis_facts *facts, sim_time at)
{
    return sim_time_since(at, facts->scenario->start_at);
}

static void count_phone(struct analysis_counts *counts, const struct analysis_phone *phone)
{
    counts->total++;
    counts->fallbacks += phone->fallbacks > 0;
    switch (phone->outcome) {
    case SIM_OUTCOME_UPGRADED:
        counts->upgraded++;
        if (phone->files_from_server > 0) {
            counts->via_server++;
        } else {
            counts->via_peer++;
        }
        break;
    case SIM_OUTCOME_CURRENT:
        counts->current++;
        break;
    case SIM_OUTCOME_FAILED:
        counts->failed++;
        break;
    default: /* SIM_OUTCOME_UNFINISHED, ANALYSIS_OUTCOME_NONE */
        counts->unfinished++;
        break;
    }
}

static void add_times(const struct analysis_facts *facts, const struct analysis_phone *phone,
                      struct analysis_stats *completion, struct analysis_stats *back)
{
    if (phone->outcome != SIM_OUTCOME_UPGRADED) {
        return;
    }
    analysis_stats_add(completion, since_start(facts, phone->done));
    if (phone->back != SIM_NEVER) {
        analysis_stats_add(back, since_start(facts, phone->back));
    }
}

static struct analysis_times times_of(const struct analysis_stats *s)
{
    if (s->count == 0) {
        return (struct analysis_times){0};
    }
    return (struct analysis_times){
        .count = s->count,
        .first = s->min,
        .mean = analysis_stats_mean(s),
        .p50 = analysis_stats_quantile(s, 500000),
        .p90 = analysis_stats_quantile(s, 900000),
        .p95 = analysis_stats_quantile(s, 950000),
        .p99 = analysis_stats_quantile(s, 990000),
        .last = s->max,
    };
}

static void sum_stats(struct sim_site_stats *sum, const struct sim_site_stats *s)
{
    sum->wan_bytes += s->wan_bytes;
    sum->wan_up_bytes += s->wan_up_bytes;
    sum->wan_payload_bytes += s->wan_payload_bytes;
    sum->wan_config_bytes += s->wan_config_bytes;
    sum->wan_resent_bytes += s->wan_resent_bytes;
    sum->wan_busy += s->wan_busy;
    sum->wan_first = sim_time_min(sum->wan_first, s->wan_first);
    sum->wan_last = s->wan_last > sum->wan_last ? s->wan_last : sum->wan_last;
    sum->wan_peak_bit_s =
        s->wan_peak_bit_s > sum->wan_peak_bit_s ? s->wan_peak_bit_s : sum->wan_peak_bit_s;
    sum->wan_drops += s->wan_drops;
    sum->lan_payload_bytes += s->lan_payload_bytes;
    sum->lan_broadcasts += s->lan_broadcasts;
    sum->lan_datagrams += s->lan_datagrams;
    sum->lan_foreign += s->lan_foreign;
    sum->fetches += s->fetches;
    sum->fetch_errors += s->fetch_errors;
    sum->fetch_refused += s->fetch_refused;
    sum->fetches_now += s->fetches_now;
    sum->fetches_peak += s->fetches_peak; /* an upper bound: peaks need not coincide */
}

static void sum_counts(struct analysis_counts *sum, const struct analysis_counts *c)
{
    sum->total += c->total;
    sum->upgraded += c->upgraded;
    sum->failed += c->failed;
    sum->current += c->current;
    sum->unfinished += c->unfinished;
    sum->via_peer += c->via_peer;
    sum->via_server += c->via_server;
    sum->fallbacks += c->fallbacks;
}

/* Nodes grouped by site, by counting; also each site's first index. */
static int make_order(struct analysis_figures *f)
{
    const struct analysis_facts *facts = f->facts;
    uint32_t nodes = analysis_collect_nodes(facts->collect);
    uint32_t *next = calloc((size_t)facts->sites + 1, sizeof(*next));

    f->order = calloc((size_t)analysis_collect_phones(facts->collect) + 1, sizeof(*f->order));
    if (next == NULL || f->order == NULL) {
        free(next);
        return SIM_ENOMEM;
    }
    for (uint32_t node = 0; node < nodes; node++) {
        const struct analysis_phone *phone = analysis_collect_phone(facts->collect, node);
        if (phone->is_phone) {
            assert(phone->site < facts->sites);
            next[phone->site + 1]++;
        }
    }
    for (uint32_t site = 0; site < facts->sites; site++) {
        next[site + 1] += next[site];
        f->sites[site].first_node = next[site];
    }
    for (uint32_t node = 0; node < nodes; node++) {
        const struct analysis_phone *phone = analysis_collect_phone(facts->collect, node);
        if (phone->is_phone) {
            f->order[next[phone->site]++] = node;
            f->order_len++;
        }
    }
    free(next);
    return 0;
}

/* One past the last index of a site's phones in `order`. */
static uint32_t order_end(const struct analysis_figures *f, uint32_t site)
{
    return site + 1 < f->facts->sites ? f->sites[site + 1].first_node : f->order_len;
}

/* Two empty ones: of completions, of phones back in service. */
static struct analysis_stats *new_scratch(void)
{
    struct analysis_stats *scratch = calloc(2, sizeof(*scratch));

    if (scratch != NULL) {
        analysis_stats_init(&scratch[0]);
        analysis_stats_init(&scratch[1]);
    }
    return scratch;
}

static void gather(const struct analysis_figures *f, uint32_t site,
                   struct analysis_stats *completion, struct analysis_stats *back)
{
    analysis_stats_clear(completion);
    analysis_stats_clear(back);
    for (uint32_t i = f->sites[site].first_node; i < order_end(f, site); i++) {
        add_times(f->facts, analysis_collect_phone(f->facts->collect, f->order[i]), completion,
                  back);
    }
}

/* ---- Models and files ---- */

/* The models that have phones, in the scenario's order; `model_of` says which a firmware's is. */
static int make_models(struct analysis_figures *f, size_t model_of[SCENARIO_FIRMWARE_MAX])
{
    const struct scenario *s = f->facts->scenario;
    bool has_phones[SCENARIO_FIRMWARE_MAX] = {false};

    for (uint32_t i = 0; i < f->order_len; i++) {
        has_phones[analysis_collect_phone(f->facts->collect, f->order[i])->firmware] = true;
    }
    /* Histograms are large, but zeroed pages that nobody touches cost nothing. */
    if ((f->models = calloc(s->firmware_len + 1, sizeof(f->models[0]))) == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < s->firmware_len; i++) {
        if (has_phones[i]) {
            struct analysis_model *model = &f->models[f->models_len];
            model->firmware = (uint16_t)i;
            model->completion_stats.min = SIM_NEVER;
            model->back_stats.min = SIM_NEVER;
            model_of[i] = f->models_len++;
        }
    }
    return 0;
}

static int fill_models(struct analysis_figures *f)
{
    size_t model_of[SCENARIO_FIRMWARE_MAX] = {0};
    int rc = make_models(f, model_of);

    for (uint32_t i = 0; rc == 0 && i < f->order_len; i++) {
        const struct analysis_phone *phone = analysis_collect_phone(f->facts->collect, f->order[i]);
        struct analysis_model *model = &f->models[model_of[phone->firmware]];
        count_phone(&model->phones, phone);
        add_times(f->facts, phone, &model->completion_stats, &model->back_stats);
    }
    for (size_t i = 0; i < f->models_len; i++) {
        f->models[i].completion = times_of(&f->models[i].completion_stats);
        f->models[i].back = times_of(&f->models[i].back_stats);
    }
    return rc;
}

static struct analysis_spread spread_of(const struct analysis_collect *collect, uint16_t firmware,
                                        uint16_t file, enum analysis_via via,
                                        struct analysis_stats *scratch)
{
    analysis_stats_clear(scratch);
    analysis_collect_durations(collect, firmware, file, via, scratch);
    if (scratch->count == 0) {
        return (struct analysis_spread){0};
    }
    return (struct analysis_spread){
        .count = scratch->count,
        .min = scratch->min,
        .mean = analysis_stats_mean(scratch),
        .p5 = analysis_stats_quantile(scratch, 50000),
        .p50 = analysis_stats_quantile(scratch, 500000),
        .p95 = analysis_stats_quantile(scratch, 950000),
        .max = scratch->max,
    };
}

/* The file of that name, unless nobody took it and it is not a component. */
static void add_file(struct analysis_figures *f, uint16_t firmware, const char *name,
                     struct analysis_stats *scratch)
{
    const struct analysis_collect *collect = f->facts->collect;
    struct analysis_file file = {.firmware = firmware};

    if (!analysis_collect_find_file(collect, name, &file.file)) {
        return;
    }
    file.size = analysis_collect_file_size(collect, firmware, file.file);
    bool is_component = file.size > 0;
    file.peer = spread_of(collect, firmware, file.file, ANALYSIS_VIA_PEER, scratch);
    file.server = spread_of(collect, firmware, file.file, ANALYSIS_VIA_SERVER, scratch);
    if (!is_component && file.peer.count + file.server.count == 0) {
        return;
    }
    if (!is_component && f->facts->catalog != NULL) {
        const struct sim_content *content = sim_catalog_find(f->facts->catalog, name);
        file.size = content != NULL ? content->size : 0;
    }
    f->files[f->files_len++] = file;
}

static int fill_files(struct analysis_figures *f, struct analysis_stats *scratch)
{
    const struct scenario *s = f->facts->scenario;
    size_t len = 0;

    for (size_t i = 0; i < f->models_len; i++) {
        len += s->firmware[f->models[i].firmware].files_len + 1;
    }
    if ((f->files = calloc(len + 1, sizeof(f->files[0]))) == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < f->models_len; i++) {
        uint16_t number = f->models[i].firmware;
        const struct scenario_firmware *firmware = &s->firmware[number];
        char index[SIM_CONTENT_NAME_MAX];
        int n = snprintf(index, sizeof(index), "%s.loads", firmware->load);
        if (n > 0 && (size_t)n < sizeof(index)) {
            add_file(f, number, index, scratch);
        }
        for (size_t k = 0; k < firmware->files_len; k++) {
            add_file(f, number, firmware->files[k].name, scratch);
        }
    }
    return 0;
}

const struct analysis_model *analysis_figures_model(const struct analysis_figures *f,
                                                    const char *name)
{
    for (size_t i = 0; i < f->models_len; i++) {
        const struct analysis_model *model = &f->models[i];
        if (strcmp(f->facts->scenario->firmware[model->firmware].model, name) == 0) {
            return model;
        }
    }
    return NULL;
}

bool analysis_figures_model_quantile(const struct analysis_model *model, bool back,
                                     uint32_t millionths, sim_duration *out)
{
    const struct analysis_stats *stats = back ? &model->back_stats : &model->completion_stats;

    if (stats->count > 0) {
        *out = analysis_stats_quantile(stats, millionths);
    }
    return stats->count > 0;
}

/* ---- Sites ---- */

static void fill_site(struct analysis_figures *f, uint32_t index, struct analysis_stats scratch[2])
{
    const struct analysis_facts *facts = f->facts;
    struct analysis_site *site = &f->sites[index];
    const struct sim_site_setup *setup = facts->site(facts->context, index);

    gather(f, index, &scratch[0], &scratch[1]);
    analysis_stats_merge(&f->completion, &scratch[0]);
    analysis_stats_merge(&f->back, &scratch[1]);
    site->completion = times_of(&scratch[0]);
    site->back = times_of(&scratch[1]);
    for (uint32_t i = site->first_node; i < order_end(f, index); i++) {
        count_phone(&site->phones, analysis_collect_phone(facts->collect, f->order[i]));
    }
    facts->stats(facts->context, index, &site->stats);
    analysis_bounds_site(facts->scenario, facts->method,
                         scenario_site_class(facts->scenario, index), facts->catalog,
                         &site->bounds);
    if (!setup->wan.none) {
        f->configured_bit_s += analysis_figures_configured(setup, &site->stats);
        f->lines++;
    }
    sum_counts(&f->all.phones, &site->phones);
    sum_stats(&f->all.stats, &site->stats);
}

static void note_tree(void *context, const struct analysis_tree *tree)
{
    struct analysis_figures *f = context;

    f->sites[analysis_tree_site(tree)].server_copies += tree->server_copies;
    f->all.server_copies += tree->server_copies;
    if (!tree->shared) {
        return;
    }
    f->trees++;
    f->depth_max = tree->depth > f->depth_max ? tree->depth : f->depth_max;
    f->max_children = tree->max_children > f->max_children ? tree->max_children : f->max_children;
    f->re_elected += tree->roots > 1;
    f->digest_first_use += tree->has_digest_source && tree->digest_source == SIM_DIGEST_FIRST_USE;
}

int analysis_figures_new(struct analysis_figures **out, const struct analysis_facts *facts)
{
    int rc = SIM_ENOMEM;
    struct analysis_stats *scratch = new_scratch();
    struct analysis_figures *f = calloc(1, sizeof(*f));

    if (f == NULL || scratch == NULL) {
        goto done;
    }
    struct scenario_share share = scenario_share(facts->scenario, facts->shard, facts->shards);
    f->facts = facts;
    f->first = facts->shards > 0 ? share.first : 0;
    f->end = facts->shards > 0 ? share.first + share.len : facts->sites;
    analysis_stats_init(&f->completion);
    analysis_stats_init(&f->back);
    f->all.stats.wan_first = SIM_NEVER;
    if ((f->sites = calloc((size_t)facts->sites + 1, sizeof(f->sites[0]))) == NULL ||
        (rc = make_order(f)) != 0) {
        goto done;
    }
    uint64_t peaks = 0;
    for (uint32_t i = f->first; i < f->end; i++) {
        fill_site(f, i, scratch);
        peaks += f->sites[i].stats.wan_peak_bit_s;
    }
    f->all.completion = times_of(&f->completion);
    f->all.back = times_of(&f->back);
    analysis_bounds_share(facts->scenario, facts->method, facts->catalog, f->first,
                          f->end - f->first, &f->all.bounds);
    /* As sampled, but no more than if all had been at their best at once. */
    uint64_t peak = facts->wan_peak_bit_s < peaks ? facts->wan_peak_bit_s : peaks;
    if (f->end - f->first > 1 && peak > f->all.stats.wan_peak_bit_s) {
        f->all.stats.wan_peak_bit_s = peak;
    }
    analysis_collect_totals(facts->collect, &f->totals);
    if ((rc = analysis_collect_trees(facts->collect, note_tree, f)) != 0 ||
        (rc = fill_models(f)) != 0 || (rc = fill_files(f, &scratch[0])) != 0) {
        goto done;
    }
    /* A load server's copy came before the run; what phones fetch from it stays on the LAN. */
    f->wan_copies = facts->method == SCENARIO_LOAD_SERVER ? 0 : f->all.server_copies;
    *out = f;
    f = NULL;
    rc = 0;

done:
    free(scratch);
    analysis_figures_free(f);
    return rc;
}

void analysis_figures_free(struct analysis_figures *f)
{
    if (f == NULL) {
        return;
    }
    free(f->sites);
    free(f->order);
    free(f->models);
    free(f->files);
    free(f);
}

bool analysis_figures_quantile(const struct analysis_figures *f, uint32_t site, bool back,
                               uint32_t millionths, sim_duration *out)
{
    const struct analysis_stats *stats = back ? &f->back : &f->completion;
    struct analysis_stats *scratch = NULL;

    if (site != ANALYSIS_ALL_SITES) {
        assert(site < f->facts->sites);
        if ((scratch = new_scratch()) == NULL) {
            return false;
        }
        gather(f, site, &scratch[0], &scratch[1]);
        stats = &scratch[back ? 1 : 0];
    }
    bool any = stats->count > 0;
    if (any) {
        *out = analysis_stats_quantile(stats, millionths);
    }
    free(scratch);
    return any;
}

uint64_t analysis_figures_configured(const struct sim_site_setup *setup,
                                     const struct sim_site_stats *stats)
{
    const struct sim_capacity *rate = setup->wan.down.exact;

    if (setup->wan.none) {
        return 0;
    }
    if (rate == NULL || stats->wan_first == SIM_NEVER || stats->wan_last <= stats->wan_first) {
        return setup->wan.down_bit_s;
    }
    sim_capacity_bits bits = sim_capacity_between(rate, stats->wan_first, stats->wan_last);
    uint64_t mean = (uint64_t)(bits / (stats->wan_last - stats->wan_first));
    return mean > 0 ? mean : 1;
}

uint64_t analysis_figures_mean_rate(const struct sim_site_stats *stats)
{
    if (stats->wan_first == SIM_NEVER || stats->wan_last <= stats->wan_first) {
        return 0;
    }
    unsigned __int128 bits = (unsigned __int128)stats->wan_bytes * 8 * SIM_S;
    return (uint64_t)(bits / (stats->wan_last - stats->wan_first));
}
