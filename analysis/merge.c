/* analysis/merge.c -- see merge.h. */
#include "analysis/merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/collect.h"
#include "analysis/document.h"
#include "analysis/figures.h"
#include "analysis/files.h"
#include "analysis/interrupt.h"
#include "analysis/merge_tables.h"
#include "analysis/report/report.h"
#include "analysis/result.h"
#include "analysis/session.h"
#include "analysis/shard.h"
#include "analysis/threshold.h"
#include "analysis/transfers.h"
#include "scenarios/build.h"
#include "sim/err.h"

/* A share's result. */
struct part {
    char *dir;
    uint32_t index;
    struct analysis_shard_table tables[ANALYSIS_SHARD_TABLES_MAX];
    size_t tables_len;
};

struct analysis_merging {
    const struct analysis_merge *config;
    struct part *parts; /* by index, once they are checked */
    size_t parts_len;
    struct analysis_shard_head head; /* of the first one given: the others must equal it */
    const char *head_dir;            /* its folder, of `parts` */
    struct scenario *scenario;
    struct scenario_run *run; /* asked, never run */
    struct analysis_collect *collect;
    struct analysis_transfers *transfers; /* NULL: no files are wanted */
    struct sim_site_stats *stats;
    struct analysis_bins wan, under_way;
    struct analysis_facts facts;
    struct analysis_output *tables[ANALYSIS_SHARD_TABLES_MAX];
    size_t tables_len;
    bool made_folder;
    char why[ANALYSIS_WHY_MAX];
};

static int fail(const struct analysis_merging *m, int status)
{
    return analysis_program_fail(m->config->program, "merge", status, "%s", m->why);
}

/* 2 for what is wrong with the shares, 3 for what is wrong with the machine. */
static int fail_for(const struct analysis_merging *m, int rc)
{
    return fail(m, rc == SIM_EINVAL || rc == SIM_ENOTFOUND ? ANALYSIS_USAGE : ANALYSIS_REFUSED);
}

/* ---- Which shares ---- */

char *analysis_merge_folder(const char *path)
{
    struct stat st;
    const char *slash = strrchr(path, '/');

    if (stat(path, &st) != 0 || S_ISDIR(st.st_mode)) {
        return strdup(path);
    }
    return slash == NULL ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

bool analysis_merge_has(const char *dir, const char *name)
{
    char path[ANALYSIS_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    return n > 0 && (size_t)n < sizeof(path) && stat(path, &st) == 0;
}

/* Why there is no shard.txt. */
static int explain(struct analysis_merging *m, const char *dir)
{
    struct stat st;
    cJSON *document = NULL;

    if (stat(dir, &st) != 0) {
        snprintf(m->why, sizeof(m->why),
                 "%.300s is not there: it should be the folder of a run "
                 "with --shard and --out",
                 dir);
    } else if (analysis_merge_has(dir, "compare.json")) {
        snprintf(m->why, sizeof(m->why),
                 "%.150s is of pfsim compare and the first result is not: give the folders of "
                 "the comparison, or those of one method, like %.150s/pfs",
                 dir, dir);
    } else if (analysis_merge_has(dir, "result.json") &&
               analysis_document_read(&document, dir, m->why) != 0) {
        return SIM_EINVAL; /* said: it is no result at all */
    } else if (document != NULL) {
        cJSON_Delete(document);
        snprintf(m->why, sizeof(m->why),
                 "%.300s is the result of a whole run, which needs no "
                 "merging: expected that of a run with --shard",
                 dir);
    } else {
        snprintf(m->why, sizeof(m->why),
                 "%.300s has no %s: expected the folder of a run with "
                 "--shard and --out that has ended",
                 dir, ANALYSIS_SHARD_FILE);
    }
    return SIM_EINVAL;
}

/* What two shares that are not of one run differ in; NULL: nothing. */
static const char *difference(const struct analysis_shard_head *a,
                              const struct analysis_shard_head *b)
{
    return strcmp(a->version, b->version) != 0 ? "versions of pfsim"
           : strcmp(a->text, b->text) != 0     ? "scenarios"
           : a->world != b->world              ? "worlds"
           : a->method != b->method            ? "methods"
           : a->seed != b->seed                ? "seeds"
           : a->of != b->of                    ? "numbers of shares"
                                               : NULL;
}

/* Reads a share's head; the first one is kept. */
static int check_part(struct analysis_merging *m, struct part *part)
{
    struct analysis_shard_reader *reader = NULL;
    struct analysis_shard_head head;

    if (!analysis_merge_has(part->dir, ANALYSIS_SHARD_FILE)) {
        return explain(m, part->dir);
    }
    int rc = analysis_shard_read(&reader, part->dir, &head, m->why);
    analysis_shard_reader_free(rc == 0 ? reader : NULL);
    part->index = head.index;
    if (rc == 0 && m->head.text == NULL) {
        m->head = head;
        m->head_dir = part->dir;
        if (strcmp(head.version, m->config->program->version) != 0) {
            snprintf(m->why, sizeof(m->why),
                     "%.200s is a result of pfsim %.40s, this is %.40s: shares are merged by the "
                     "version that ran them; use that one, or run them all again with this one",
                     part->dir, head.version, m->config->program->version);
            rc = SIM_EINVAL;
        }
        return rc;
    }
    const char *what = rc == 0 ? difference(&m->head, &head) : NULL;
    if (what != NULL) {
        snprintf(m->why, sizeof(m->why), "%.200s and %.200s are not of one run: they have other %s",
                 m->parts[0].dir, part->dir, what);
        rc = SIM_EINVAL;
    }
    analysis_shard_head_deinit(&head);
    return rc;
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Each of 0..of-1 once; the parts are sorted. */
static int check_indexes(struct analysis_merging *m)
{
    char missing[128] = "";
    size_t len = 0, listed = 0;
    uint32_t next = 0, absent = m->head.of - (uint32_t)m->parts_len;

    for (size_t i = 0; i + 1 < m->parts_len; i++) {
        if (m->parts[i].index == m->parts[i + 1].index) {
            snprintf(m->why, sizeof(m->why), "share %u of %u is there twice: %.200s and %.200s",
                     m->parts[i].index, m->head.of, m->parts[i].dir, m->parts[i + 1].dir);
            return SIM_EINVAL;
        }
    }
    if (absent == 0) {
        return 0;
    }
    for (size_t i = 0; next < m->head.of && listed < 8; next++) {
        if (i < m->parts_len && m->parts[i].index == next) {
            i++;
        } else {
            len += (size_t)snprintf(missing + len, sizeof(missing) - len, "%s%u",
                                    listed++ > 0 ? ", " : "", next);
        }
    }
    snprintf(m->why, sizeof(m->why), "%u of %u shares %s missing: %s%s", absent, m->head.of,
             absent == 1 ? "is" : "are", missing, absent > listed ? ", ..." : "");
    return SIM_EINVAL;
}

static int find_parts(struct analysis_merging *m)
{
    const struct analysis_merge *config = m->config;
    int rc = 0;

    if ((m->parts = calloc(config->shares_len + 1, sizeof(*m->parts))) == NULL) {
        snprintf(m->why, sizeof(m->why), "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    for (size_t i = 0; rc == 0 && i < config->shares_len; i++) {
        struct part *part = &m->parts[m->parts_len++];
        if ((part->dir = analysis_merge_folder(config->shares[i])) == NULL) {
            snprintf(m->why, sizeof(m->why), "%s", sim_err_text(SIM_ENOMEM));
            return SIM_ENOMEM;
        }
        rc = check_part(m, part);
    }
    qsort(m->parts, m->parts_len, sizeof(*m->parts), compare_parts);
    return rc != 0 ? rc : check_indexes(m);
}

/* ---- The scenario, and what is known of it without a run ---- */

static bool phone_of(void *context, sim_node node, struct scenario_phone_info *info,
                     sim_time *start)
{
    const struct analysis_merging *m = context;

    if (!scenario_run_phone(m->run, node, info)) {
        return false;
    }
    *start = scenario_run_start(m->run, node);
    return true;
}

static const struct sim_site_setup *site_of(void *context, uint32_t site)
{
    const struct analysis_merging *m = context;
    return scenario_run_site(m->run, site);
}

static void stats_of(void *context, uint32_t site, struct sim_site_stats *out)
{
    const struct analysis_merging *m = context;
    *out = m->stats[site];
}

/* What the scenario names is looked for from the first share's folder on, as the run left it; where
 * shares were gathered from elsewhere, from the present folder. Its file itself need not be there.
 */
static int load_from(struct analysis_merging *m, const char *path, struct scenario_errors *errors)
{
    const char *text = m->head.text;

    return scenario_load_text(path, text, strlen(text), NULL, 0, &m->scenario, errors);
}

static int load_scenario(struct analysis_merging *m)
{
    struct scenario_errors errors = {.list = NULL}, here = {.list = NULL};
    const struct analysis_shard_head *head = &m->head;
    char path[2 * ANALYSIS_PATH_MAX];
    const char *slash = strrchr(head->path, '/');

    snprintf(path, sizeof(path), "%s%s%s", head->path[0] == '/' ? "" : m->head_dir,
             head->path[0] == '/' ? "" : "/", head->path);
    int rc = load_from(m, path, &errors);
    if (rc == SIM_EINVAL) {
        rc = load_from(m, slash != NULL ? slash + 1 : head->path, &here);
    }
    if (rc != 0 && errors.len > 0) {
        const struct scenario_error *e = &errors.list[0];
        snprintf(m->why, sizeof(m->why),
                 "the scenario of %.60s can't be loaded here: %.60s: found %.60s, expected %.60s; "
                 "files that it names are looked for beside %.60s, or here",
                 m->head_dir, e->json_path != NULL ? e->json_path : "",
                 e->found != NULL ? e->found : "", e->expected != NULL ? e->expected : "", path);
    } else if (rc != 0) {
        snprintf(m->why, sizeof(m->why), "%s", sim_err_text(rc));
    }
    scenario_errors_free(&errors);
    scenario_errors_free(&here);
    return rc;
}

static int prepare(struct analysis_merging *m)
{
    const char *out = m->config->out;
    int rc = load_scenario(m);

    if (rc != 0) {
        return rc;
    }
    const struct scenario_run_options options = {
        .world = SCENARIO_VIRTUAL, /* asked, never run: no sockets */
        .method = m->head.method,
        .seed = m->head.seed,
        .dry = true,
    };
    if ((rc = scenario_run_new(&m->run, m->scenario, &options, m->why)) != 0) {
        m->run = NULL;
        return rc;
    }
    m->made_folder = out != NULL && !analysis_merge_has(out, ".");
    if (out != NULL && ((rc = analysis_output_folder(out, m->why)) != 0 ||
                        (rc = analysis_transfers_new(&m->transfers, out, 1, m->why)) != 0)) {
        return SIM_EIO; /* whatever is wrong with it: not with the shares */
    }
    const struct analysis_collect_config collect = {
        .scenario = m->scenario,
        .nodes = scenario_run_nodes(m->run),
        .lanes = 1,
        .phone = phone_of,
        .phone_context = m,
    };
    m->stats = calloc((size_t)m->scenario->sites_total + 1, sizeof(*m->stats));
    m->collect = analysis_collect_new();
    if (m->stats == NULL || m->collect == NULL ||
        (rc = analysis_collect_attach(m->collect, &collect)) != 0) {
        rc = rc != 0 ? rc : SIM_ENOMEM;
        snprintf(m->why, sizeof(m->why), "%s", sim_err_text(rc));
    }
    return rc;
}

/* ---- Reading them ---- */

static int read_part(struct analysis_merging *m, struct part *part)
{
    struct analysis_shard_reader *reader = NULL;
    struct analysis_shard_head head;
    struct analysis_shard_sink sink = {
        .scenario = m->scenario,
        .share = scenario_share(m->scenario, part->index, m->head.of),
        .collect = m->collect,
        .stats = m->stats,
        .transfers = m->transfers,
        .facts = &m->facts,
        .wan = &m->wan,
        .under_way = &m->under_way,
    };
    int rc = analysis_shard_read(&reader, part->dir, &head, m->why);

    if (rc == 0 && (head.index != part->index || difference(&head, &m->head) != NULL)) {
        snprintf(m->why, sizeof(m->why), "%.300s changed while it was read", part->dir);
        analysis_shard_reader_free(reader);
        rc = SIM_EINVAL;
    } else if (rc == 0) {
        rc = analysis_shard_read_rest(reader, &sink, m->why);
    }
    analysis_shard_head_deinit(&head);
    memcpy(part->tables, sink.tables, sizeof(part->tables));
    part->tables_len = sink.tables_len;
    return rc;
}

static const struct analysis_shard_table *table_of(const struct part *part, const char *name)
{
    for (size_t i = 0; i < part->tables_len; i++) {
        if (strcmp(part->tables[i].name, name) == 0) {
            return &part->tables[i];
        }
    }
    return NULL;
}

/* Sites that ran together have rows by time, else they come one after another. */
static bool is_by_time(const struct analysis_merging *m, const char *name)
{
    return strcmp(name, "series.csv") == 0 &&
           (m->head.world == SCENARIO_LIVE || !scenario_is_apart(m->scenario));
}

/* The tables that every share has. */
static int merge_tables(struct analysis_merging *m)
{
    struct analysis_merge_part *parts = calloc(m->parts_len + 1, sizeof(*parts));
    int rc = 0;

    if (parts == NULL) {
        snprintf(m->why, sizeof(m->why), "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    for (size_t i = 0; rc == 0 && analysis_files_mergeable[i] != NULL; i++) {
        const char *name = analysis_files_mergeable[i];
        size_t len = 0;
        for (size_t k = 0; k < m->parts_len; k++) {
            const struct analysis_shard_table *table = table_of(&m->parts[k], name);
            if (table != NULL) {
                parts[len++] = (struct analysis_merge_part){m->parts[k].dir, table};
            }
        }
        if (len == m->parts_len) {
            struct analysis_output **to = &m->tables[m->tables_len];
            rc = analysis_merge_tables(to, m->config->out, parts, len, is_by_time(m, name), m->why);
            m->tables_len += rc == 0;
        }
    }
    free(parts);
    return rc;
}

static int read_parts(struct analysis_merging *m)
{
    int rc = 0;

    m->facts.validity = (struct sim_live_validity){
        .valid = true, .pacer_worst = 1, .relay_worst = 1}; /* what shares can only make worse */
    for (size_t i = 0; rc == 0 && i < m->parts_len; i++) {
        rc = read_part(m, &m->parts[i]);
    }
    return rc != 0 || m->config->out == NULL ? rc : merge_tables(m);
}

/* ---- The result ---- */

/* All was read and is right. */
static int publish(struct analysis_merging *m, const struct analysis_figures *figures,
                   const cJSON *document)
{
    const char *out = m->config->out;

    analysis_interrupt_hold(); /* all of the files, or those that were there */
    int rc = analysis_report_remove(out, m->why);
    for (size_t i = 0; rc == 0 && i < m->tables_len; i++) {
        rc = analysis_output_commit(m->tables[i], m->why);
        m->tables[i] = NULL;
    }
    if (rc != 0 || (rc = analysis_shard_remove(out, m->why)) != 0 ||
        (rc = analysis_files_tables(out, figures, m->why)) != 0 ||
        (rc = analysis_files_transfers(out, m->transfers, NULL, m->why)) != 0) {
        return rc;
    }
    rc = analysis_files_documents(out, m->scenario, document, m->why);
    return rc != 0 ? rc : analysis_report_write(out, m->why);
}

static int conclude(struct analysis_merging *m, cJSON **document)
{
    struct analysis_facts *facts = &m->facts;
    struct analysis_figures *figures = NULL;

    facts->version = m->config->program->version;
    facts->scenario = m->scenario;
    facts->method = m->head.method;
    facts->world = m->head.world;
    facts->seed = m->head.seed;
    facts->collect = m->collect;
    facts->sites = scenario_run_sites(m->run);
    facts->merged = m->head.of;
    facts->site = site_of;
    facts->stats = stats_of;
    facts->context = m;
    facts->catalog = scenario_run_catalog(m->run);
    facts->wan_peak_bit_s = 8 * analysis_bins_peak(&m->wan);
    facts->transfers_peak = analysis_bins_peak(&m->under_way);
    int rc = analysis_figures_new(&figures, facts);
    if (rc == 0 && (*document = analysis_result_document(figures)) == NULL) {
        rc = SIM_ENOMEM;
    }
    if (rc != 0) {
        snprintf(m->why, sizeof(m->why), "%s", sim_err_text(rc));
        analysis_figures_free(figures);
        return fail(m, ANALYSIS_REFUSED);
    }
    bool all_met = analysis_threshold_evaluate(figures, *document);
    int status = analysis_session_judge(figures, all_met);
    if (facts->interrupted) {
        status = analysis_program_worse(status, ANALYSIS_INTERRUPTED);
    }
    if (m->config->out != NULL && publish(m, figures, *document) != 0) {
        status = analysis_program_worse(status, fail(m, ANALYSIS_REFUSED));
    }
    analysis_figures_free(figures);
    return status;
}

void analysis_merge_free(struct analysis_merging *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->tables_len; i++) {
        analysis_output_discard(m->tables[i]);
    }
    for (size_t i = 0; i < m->parts_len; i++) {
        free(m->parts[i].dir);
    }
    free(m->parts);
    if (m->made_folder) {
        (void)rmdir(m->config->out); /* empty */
    }
    analysis_collect_free(m->collect);
    analysis_transfers_free(m->transfers);
    scenario_run_free(m->run);
    scenario_free(m->scenario);
    analysis_shard_head_deinit(&m->head);
    analysis_bins_deinit(&m->wan);
    analysis_bins_deinit(&m->under_way);
    free(m->stats);
    free(m);
}

int analysis_merge_begin(struct analysis_merging **out, const struct analysis_merge *config)
{
    struct analysis_merging *m = calloc(1, sizeof(*m));
    int rc, status;

    *out = NULL;
    if (m == NULL) {
        return analysis_program_fail(config->program, "merge", ANALYSIS_REFUSED, "%s",
                                     sim_err_text(SIM_ENOMEM));
    }
    m->config = config;
    if ((rc = find_parts(m)) != 0 || (rc = prepare(m)) != 0 || (rc = read_parts(m)) != 0) {
        status = fail_for(m, rc);
        analysis_merge_free(m);
        return status;
    }
    *out = m;
    return ANALYSIS_OK;
}

int analysis_merge_end(struct analysis_merging *m, cJSON **document)
{
    *document = NULL;
    m->made_folder = false; /* it stays */
    int status = conclude(m, document);
    analysis_merge_free(m);
    return status;
}
