/* LINK: analysis
 *
 * Goal: no shard.txt, however it was cut or forged, makes merge do more than refuse it. Method:
 * head and rest of one file, into a collector of the scenario that it names when that is one; what
 * was taken for good becomes figures and a document. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/result.h"
#include "analysis/shard.h"
#include "scenarios/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct scenario_run *run;
static struct sim_site_stats *stats;

static bool phone_of(void *context, sim_node node, struct scenario_phone_info *info,
                     sim_time *start)
{
    (void)context;
    *start = 0;
    return scenario_run_phone(run, node, info);
}

static const struct sim_site_setup *site_of(void *context, uint32_t site)
{
    (void)context;
    return scenario_run_site(run, site);
}

static void stats_of(void *context, uint32_t site, struct sim_site_stats *out)
{
    (void)context;
    *out = stats[site];
}

static void conclude(struct analysis_facts *facts, const struct scenario *s,
                     const struct analysis_shard_head *head, struct analysis_collect *collect)
{
    struct analysis_figures *figures = NULL;

    facts->version = head->version;
    facts->scenario = s;
    facts->method = head->method;
    facts->world = head->world;
    facts->seed = head->seed;
    facts->collect = collect;
    facts->sites = scenario_run_sites(run);
    facts->shard = head->index;
    facts->shards = head->of;
    facts->site = site_of;
    facts->stats = stats_of;
    facts->catalog = scenario_run_catalog(run);
    if (analysis_figures_new(&figures, facts) == 0) {
        cJSON_Delete(analysis_result_document(figures));
    }
    analysis_figures_free(figures);
}

/* Takes the reader over. */
static void read_rest(struct analysis_shard_reader *reader, const struct analysis_shard_head *head,
                      const struct scenario *s)
{
    char why[ANALYSIS_WHY_MAX];
    struct analysis_facts facts = {.validity = {.valid = true, .pacer_worst = 1, .relay_worst = 1}};
    struct analysis_bins wan = {0}, under_way = {0};
    struct analysis_collect *collect = analysis_collect_new();
    const struct analysis_collect_config config = {
        .scenario = s, .nodes = scenario_run_nodes(run), .lanes = 1, .phone = phone_of};
    struct analysis_shard_sink sink = {
        .scenario = s,
        .share = scenario_share(s, head->index, head->of),
        .collect = collect,
        .facts = &facts,
        .wan = &wan,
        .under_way = &under_way,
    };

    sink.stats = stats = calloc((size_t)s->sites_total + 1, sizeof(*stats));
    if (collect == NULL || stats == NULL || analysis_collect_attach(collect, &config) != 0) {
        analysis_shard_reader_free(reader);
    } else if (analysis_shard_read_rest(reader, &sink, why) == 0) {
        conclude(&facts, s, head, collect);
    }
    free(stats);
    analysis_collect_free(collect);
    analysis_bins_deinit(&wan);
    analysis_bins_deinit(&under_way);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct scenario_errors errors = {.list = NULL};
    struct analysis_shard_reader *reader = NULL;
    struct analysis_shard_head head;
    struct scenario *s = NULL;
    char why[ANALYSIS_WHY_MAX];

    FILE *file = size > 0 ? fmemopen((void *)(uintptr_t)data, size, "rb") : NULL;
    if (file == NULL || analysis_shard_read_file(&reader, file, "x", &head, why) != 0) {
        if (file != NULL) {
            analysis_shard_head_deinit(&head);
        }
        return 0;
    }
    const struct scenario_run_options options = {
        .method = head.method, .seed = head.seed, .dry = true};
    /* Small ones without folders: the loader has a fuzzer of its own. */
    bool is_small =
        strlen(head.text) < 4096 && strstr(head.text, "directory") == NULL &&
        scenario_load_text("x", head.text, strlen(head.text), NULL, 0, &s, &errors) == 0 &&
        s->phones_total < 10000;
    if (is_small && scenario_run_new(&run, s, &options, why) == 0) {
        read_rest(reader, &head, s);
        scenario_run_free(run);
    } else {
        analysis_shard_reader_free(reader);
    }
    scenario_errors_free(&errors);
    scenario_free(s);
    analysis_shard_head_deinit(&head);
    return 0;
}
