/* analysis/result.c -- figures to the result document. */
#include "analysis/result.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/caution.h"
#include "analysis/options.h"
#include "analysis/summary.h"
#include "result_schema_json.h"
#include "scenarios/share.h"
#include "sim/err.h"
#include "sim/live/versions.h"
#include "sim/server/versions.h"
#include "sim/units.h"

const char *analysis_result_schema(void)
{
    return (const char *)analysis_result_schema_bytes;
}

/* ---- Numbers ---- */

static double seconds(sim_duration ns)
{
    return round((double)ns / 1e3) / 1e6;
}

static void add_seconds(cJSON *to, const char *name, sim_duration ns, bool known)
{
    if (known) {
        cJSON_AddNumberToObject(to, name, seconds(ns));
    } else {
        cJSON_AddNullToObject(to, name);
    }
}

static void add_count(cJSON *to, const char *name, uint64_t value)
{
    cJSON_AddNumberToObject(to, name, (double)value);
}

static double six_digits(double x)
{
    return round(x * 1e6) / 1e6;
}

static void add_ratio(cJSON *to, const char *name, double over, double under)
{
    if (under > 0) {
        cJSON_AddNumberToObject(to, name, six_digits(over / under));
    } else {
        cJSON_AddNullToObject(to, name);
    }
}

#define SEED_NUMBER_MAX (UINT64_C(1) << 53) /* a double holds all whole numbers up to it */

void analysis_result_add_seed(cJSON *to, uint64_t seed)
{
    char text[24];

    if (seed <= SEED_NUMBER_MAX) {
        add_count(to, "seed", seed);
        return;
    }
    snprintf(text, sizeof(text), "%" PRIu64, seed);
    cJSON_AddStringToObject(to, "seed", text);
}

uint64_t analysis_result_seed(const cJSON *document)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(document, "seed");
    uint64_t seed = 0;

    if (cJSON_IsString(item)) {
        (void)analysis_options_number(item->valuestring, UINT64_MAX, &seed);
    } else if (cJSON_IsNumber(item) && item->valuedouble >= 0 &&
               item->valuedouble <= (double)SEED_NUMBER_MAX) {
        seed = (uint64_t)item->valuedouble;
    }
    return seed;
}

/* ---- Parts that sites and the whole have in common ---- */

static void add_phones(cJSON *to, const struct analysis_counts *c)
{
    cJSON *phones = cJSON_AddObjectToObject(to, "phones");

    add_count(phones, "total", c->total);
    add_count(phones, "upgraded", c->upgraded);
    add_count(phones, "failed", c->failed);
    add_count(phones, "current", c->current);
    add_count(phones, "unfinished", c->unfinished);
    add_count(phones, "via_peer", c->via_peer);
    add_count(phones, "via_server", c->via_server);
    add_count(phones, "fallbacks", c->fallbacks);
}

static void add_times(cJSON *to, const char *name, const struct analysis_times *t)
{
    cJSON *times = cJSON_AddObjectToObject(to, name);
    bool known = t->count > 0;

    add_seconds(times, "first", t->first, known);
    add_seconds(times, "mean", t->mean, known);
    add_seconds(times, "p50", t->p50, known);
    add_seconds(times, "p90", t->p90, known);
    add_seconds(times, "p95", t->p95, known);
    add_seconds(times, "p99", t->p99, known);
    add_seconds(times, "last", t->last, known);
}

static cJSON *add_wan(cJSON *to, const struct sim_site_stats *s, uint64_t configured_bit_s)
{
    cJSON *wan = cJSON_AddObjectToObject(to, "wan");
    uint64_t mean = analysis_figures_mean_rate(s);

    add_count(wan, "bytes", s->wan_bytes);
    add_count(wan, "payload_bytes", s->wan_payload_bytes);
    add_count(wan, "config_bytes", s->wan_config_bytes);
    add_count(wan, "resent_bytes", s->wan_resent_bytes);
    add_count(wan, "up_bytes", s->wan_up_bytes);
    add_count(wan, "drops", s->wan_drops);
    add_seconds(wan, "busy_s", s->wan_busy, true);
    add_count(wan, "mean_bit_s", mean);
    add_count(wan, "peak_bit_s", s->wan_peak_bit_s);
    if (configured_bit_s > 0) {
        add_count(wan, "configured_bit_s", configured_bit_s);
    } else {
        cJSON_AddNullToObject(wan, "configured_bit_s");
    }
    add_ratio(wan, "utilisation", (double)mean, (double)configured_bit_s);
    return wan;
}

static void add_lan(cJSON *to, const struct sim_site_stats *s)
{
    cJSON *lan = cJSON_AddObjectToObject(to, "lan");

    add_count(lan, "payload_bytes", s->lan_payload_bytes);
    add_count(lan, "broadcasts", s->lan_broadcasts);
    add_count(lan, "datagrams", s->lan_datagrams);
    add_count(lan, "foreign", s->lan_foreign);
}

static void add_bounds(cJSON *to, const struct analysis_site *site)
{
    cJSON *bounds = cJSON_AddObjectToObject(to, "bounds");

    add_seconds(bounds, "wan_floor_s", site->bounds.wan_floor, true);
    add_seconds(bounds, "optimum_s", site->bounds.optimum, true);
    add_count(bounds, "copy_bytes", site->bounds.copy_bytes);
    add_ratio(bounds, "copies", (double)site->stats.wan_payload_bytes,
              (double)site->bounds.copy_bytes);
    if (site->completion.count > 0) {
        add_ratio(bounds, "gap", (double)site->completion.last, (double)site->bounds.optimum);
    } else {
        cJSON_AddNullToObject(bounds, "gap");
    }
}

cJSON *analysis_result_site(const struct analysis_figures *f, uint32_t index)
{
    const struct analysis_site *site = &f->sites[index];
    const struct sim_site_setup *setup = f->facts->site(f->facts->context, index);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "name", setup->name);
    cJSON_AddStringToObject(o, "class", setup->class_name);
    add_phones(o, &site->phones);
    add_times(o, "completion_s", &site->completion);
    add_times(o, "back_in_service_s", &site->back);
    add_count(add_wan(o, &site->stats, analysis_figures_configured(setup, &site->stats)), "lines",
              setup->wan.none ? 0 : 1);
    add_lan(o, &site->stats);
    add_bounds(o, site);
    return o;
}

/* ---- Models and files ---- */

cJSON *analysis_result_model(const struct analysis_figures *f, const struct analysis_model *model)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "model", f->facts->scenario->firmware[model->firmware].model);
    add_phones(o, &model->phones);
    add_times(o, "completion_s", &model->completion);
    add_times(o, "back_in_service_s", &model->back);
    return o;
}

static void add_spread(cJSON *to, const char *name, const struct analysis_spread *s)
{
    cJSON *spread = cJSON_AddObjectToObject(to, name);
    bool known = s->count > 0;

    add_count(spread, "count", s->count);
    add_seconds(spread, "min", s->min, known);
    add_seconds(spread, "mean", s->mean, known);
    add_seconds(spread, "p5", s->p5, known);
    add_seconds(spread, "p50", s->p50, known);
    add_seconds(spread, "p95", s->p95, known);
    add_seconds(spread, "max", s->max, known);
}

static void add_models_and_files(cJSON *to, const struct analysis_figures *f)
{
    cJSON *models = cJSON_AddArrayToObject(to, "models");
    cJSON *files = cJSON_AddArrayToObject(to, "files");

    for (size_t i = 0; i < f->models_len; i++) {
        cJSON_AddItemToArray(models, analysis_result_model(f, &f->models[i]));
    }
    for (size_t i = 0; i < f->files_len; i++) {
        const struct analysis_file *file = &f->files[i];
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "model", f->facts->scenario->firmware[file->firmware].model);
        cJSON_AddStringToObject(o, "file", analysis_collect_file(f->facts->collect, file->file));
        if (file->size > 0) {
            add_count(o, "size", file->size);
        } else {
            cJSON_AddNullToObject(o, "size");
        }
        add_spread(o, "peer", &file->peer);
        add_spread(o, "server", &file->server);
        cJSON_AddItemToArray(files, o);
    }
}

/* ---- Lists, worst first ---- */

/* Failures first, then the latest completion; ties by number. */
static int compare_sites(const void *a, const void *b, void *context)
{
    const struct analysis_figures *f = context;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const struct analysis_site *x = &f->sites[i], *y = &f->sites[k];
    uint32_t bad_x = x->phones.failed + x->phones.unfinished;
    uint32_t bad_y = y->phones.failed + y->phones.unfinished;

    if (bad_x != bad_y) {
        return bad_x > bad_y ? -1 : 1;
    }
    if (x->completion.last != y->completion.last) {
        return x->completion.last > y->completion.last ? -1 : 1;
    }
    return i < k ? -1 : i > k;
}

static bool add_sites(cJSON *to, const struct analysis_figures *f)
{
    cJSON *list = cJSON_AddArrayToObject(to, "sites");
    uint32_t len = f->end - f->first;
    uint32_t *order = malloc(((size_t)len + 1) * sizeof(*order));

    if (order == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < len; i++) {
        order[i] = f->first + i;
    }
    /* The comparison only reads. */
    qsort_r(order, len, sizeof(*order), compare_sites, (void *)(uintptr_t)f);
    for (uint32_t i = 0; i < len && i < ANALYSIS_LIST_MAX; i++) {
        cJSON_AddItemToArray(list, analysis_result_site(f, order[i]));
    }
    free(order);
    add_count(cJSON_AddObjectToObject(to, "sites_summary"), "count", len);
    return true;
}

/* The worst trees so far, worst first. */
struct worst_trees {
    struct analysis_tree trees[ANALYSIS_LIST_MAX];
    size_t len;
};

/* Copies fetched beyond the first, re-elections, depth; ties by key. */
static bool is_worse(const struct analysis_tree *a, const struct analysis_tree *b)
{
    if (a->server_copies != b->server_copies) {
        return a->server_copies > b->server_copies;
    }
    if (a->roots != b->roots) {
        return a->roots > b->roots;
    }
    if (a->depth != b->depth) {
        return a->depth > b->depth;
    }
    return a->key < b->key;
}

static void keep_worst(void *context, const struct analysis_tree *tree)
{
    struct worst_trees *w = context;
    size_t at = w->len;

    if (!tree->shared) {
        return;
    }
    while (at > 0 && is_worse(tree, &w->trees[at - 1])) {
        at--;
    }
    if (at == ANALYSIS_LIST_MAX) {
        return;
    }
    size_t moved = (w->len < ANALYSIS_LIST_MAX ? w->len : ANALYSIS_LIST_MAX - 1) - at;
    memmove(&w->trees[at + 1], &w->trees[at], moved * sizeof(w->trees[0]));
    w->trees[at] = *tree;
    w->len += w->len < ANALYSIS_LIST_MAX;
}

static const char *digest_source_name(const struct analysis_tree *tree)
{
    static const char *const names[] = {
        [SIM_DIGEST_SCENARIO] = "scenario",   [SIM_DIGEST_DIRECTORY] = "directory",
        [SIM_DIGEST_SYNTHETIC] = "synthetic", [SIM_DIGEST_LOADS] = "loads",
        [SIM_DIGEST_FIRST_USE] = "first-use",
    };
    return tree->has_digest_source ? names[tree->digest_source] : NULL;
}

static cJSON *tree_object(const struct analysis_figures *f, const struct analysis_tree *tree)
{
    const struct analysis_facts *facts = f->facts;
    uint32_t site = analysis_tree_site(tree);
    char root[SIM_ADDR_TEXT_MAX];
    const char *source = digest_source_name(tree);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "site", facts->site(facts->context, site)->name);
    cJSON_AddStringToObject(o, "model",
                            facts->scenario->firmware[analysis_tree_firmware(tree)].model);
    cJSON_AddStringToObject(o, "file",
                            analysis_collect_file(facts->collect, analysis_tree_file(tree)));
    if (tree->root != 0) {
        cJSON_AddStringToObject(o, "root", sim_addr_format(tree->root, root));
    } else {
        cJSON_AddNullToObject(o, "root");
    }
    add_count(o, "roots", tree->roots);
    add_count(o, "depth", tree->depth);
    add_count(o, "phones", tree->phones);
    add_count(o, "max_children", tree->max_children);
    add_count(o, "server_copies", tree->server_copies);
    if (source != NULL) {
        cJSON_AddStringToObject(o, "digest_source", source);
    } else {
        cJSON_AddNullToObject(o, "digest_source");
    }
    return o;
}

static bool add_trees(cJSON *to, const struct analysis_figures *f)
{
    cJSON *list = cJSON_AddArrayToObject(to, "trees");
    struct worst_trees *worst = calloc(1, sizeof(*worst));

    if (worst == NULL || analysis_collect_trees(f->facts->collect, keep_worst, worst) != 0) {
        free(worst);
        return false;
    }
    for (size_t i = 0; i < worst->len; i++) {
        cJSON_AddItemToArray(list, tree_object(f, &worst->trees[i]));
    }
    free(worst);
    cJSON *summary = cJSON_AddObjectToObject(to, "trees_summary");
    add_count(summary, "count", f->trees);
    add_count(summary, "depth_max", f->depth_max);
    add_count(summary, "max_children", f->max_children);
    add_count(summary, "wan_copies", f->wan_copies);
    add_count(summary, "re_elected", f->re_elected);
    return true;
}

/* Why a phone is not upgraded; NULL when it is, or needed nothing. */
static const char *failure_of(const struct analysis_figures *f, const struct analysis_phone *phone,
                              char text[128])
{
    const char *reason = analysis_collect_reason(f->facts->collect, phone);

    if (phone->outcome == SIM_OUTCOME_UPGRADED || phone->outcome == SIM_OUTCOME_CURRENT) {
        return NULL;
    }
    if (reason[0] != '\0') {
        return reason;
    }
    if (phone->outcome == SIM_OUTCOME_FAILED) {
        return "no reason given";
    }
    snprintf(text, 128, "the run ended first: phase \"%s\"",
             sim_phase_name((enum sim_phase)phone->phase));
    return text;
}

static void add_failures_of(cJSON *list, cJSON *reasons, const struct analysis_figures *f,
                            bool failed, uint32_t *listed)
{
    for (uint32_t i = 0; i < f->order_len; i++) {
        const struct analysis_phone *phone = analysis_collect_phone(f->facts->collect, f->order[i]);
        char text[128], addr[SIM_ADDR_TEXT_MAX];
        const char *reason = failure_of(f, phone, text);
        if (reason == NULL || (phone->outcome == SIM_OUTCOME_FAILED) != failed) {
            continue;
        }
        cJSON *count = cJSON_GetObjectItemCaseSensitive(reasons, reason);
        if (count == NULL) {
            add_count(reasons, reason, 1);
        } else {
            cJSON_SetNumberValue(count, count->valuedouble + 1);
        }
        if (*listed < ANALYSIS_LIST_MAX) {
            (*listed)++;
            cJSON *o = cJSON_CreateObject();
            cJSON_AddStringToObject(o, "phone", sim_addr_format(phone->addr, addr));
            cJSON_AddStringToObject(o, "site",
                                    f->facts->site(f->facts->context, phone->site)->name);
            cJSON_AddStringToObject(o, "reason", reason);
            cJSON_AddItemToArray(list, o);
        }
    }
}

/* Most frequent first, then by name; those that are not told apart come last. */
static int compare_reasons(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;
    bool x_is_other = strcmp(x->string, ANALYSIS_OTHER_REASONS) == 0;
    bool y_is_other = strcmp(y->string, ANALYSIS_OTHER_REASONS) == 0;

    if (x_is_other != y_is_other) {
        return x_is_other ? 1 : -1;
    }
    if (x->valuedouble < y->valuedouble || x->valuedouble > y->valuedouble) {
        return x->valuedouble > y->valuedouble ? -1 : 1;
    }
    return strcmp(x->string, y->string);
}

static bool add_sorted(cJSON *to, const cJSON *reasons)
{
    const cJSON **order = malloc(((size_t)cJSON_GetArraySize(reasons) + 1) * sizeof(*order));
    const cJSON *reason;
    size_t len = 0;

    if (order == NULL) {
        return false;
    }
    cJSON_ArrayForEach(reason, reasons)
    {
        order[len++] = reason;
    }
    qsort(order, len, sizeof(*order), compare_reasons);
    for (size_t i = 0; i < len; i++) {
        cJSON_AddNumberToObject(to, order[i]->string, order[i]->valuedouble);
    }
    free(order);
    return true;
}

static bool add_failures(cJSON *to, const struct analysis_figures *f)
{
    cJSON *list = cJSON_AddArrayToObject(to, "failures");
    cJSON *reasons = cJSON_CreateObject();
    uint32_t listed = 0;

    add_failures_of(list, reasons, f, true, &listed);
    add_failures_of(list, reasons, f, false, &listed);
    bool whole = add_sorted(cJSON_AddObjectToObject(to, "failures_by_reason"), reasons);
    cJSON_Delete(reasons);
    return whole;
}

/* ---- The rest of the document ---- */

static void add_server(cJSON *to, const struct analysis_figures *f)
{
    const struct sim_site_stats *s = &f->all.stats;
    const struct sim_server_stats *own = &f->facts->server;
    bool known = f->facts->has_server;
    cJSON *server = cJSON_AddObjectToObject(to, "server");

    /* Of a server that is not ours only the phones' side is known. */
    add_count(server, "requests", known ? own->requests : s->fetches);
    add_count(server, "payload_bytes", known ? own->payload_bytes : s->wan_payload_bytes);
    add_count(server, "errors", known ? own->errors : s->fetch_errors);
    add_count(server, "refused", known ? own->refused : s->fetch_refused);
    uint64_t sampled = f->facts->transfers_peak; /* of all groups of sites together */
    uint64_t peak = sampled > own->peak_transfers ? sampled : own->peak_transfers;
    add_count(server, "peak_transfers", known ? peak : s->fetches_peak);
    cJSON_AddStringToObject(server, "counted_by", known ? "server" : "phones");
}

static void add_caution(cJSON *list, const char *text)
{
    cJSON_AddItemToArray(list, cJSON_CreateString(text));
}

static void add_caution_to(void *list, const char *text)
{
    add_caution(list, text);
}

/* A share meets a server of its own: what the sites would have taken from one another there is
 * missing. */
static void add_cautions_of_shares(cJSON *list, const struct analysis_facts *facts)
{
    const struct scenario *s = facts->scenario;
    bool is_real = facts->world == SCENARIO_LIVE && s->server_url != NULL;
    char text[256];

    if (facts->shards + facts->merged < 2 || is_real || scenario_is_apart(s)) {
        return;
    }
    if (facts->merged > 0) {
        snprintf(text, sizeof(text),
                 "Merged from %" PRIu32 " shares of the sites, each with a server of its own: its "
                 "limits (\"uplink\", \"max_transfers\") held for each share, not for all "
                 "together.",
                 facts->merged);
    } else {
        snprintf(text, sizeof(text),
                 "Share %" PRIu32 " of %" PRIu32 " of the sites has the server for itself: its "
                 "limits (\"uplink\", \"max_transfers\") are not shared with the other sites.",
                 facts->shard, facts->shards);
    }
    add_caution(list, text);
}

/* The default limit is easily met without knowing that there is one. */
static void add_caution_of_refusals(cJSON *list, const struct analysis_facts *facts)
{
    const struct sim_server_setup *server = &facts->scenario->server;
    char text[320];

    if (!facts->has_server || facts->server.refused == 0 || server->max_transfers == 0 ||
        server->overflow != SIM_OVERFLOW_REFUSE) {
        return;
    }
    snprintf(
        text, sizeof(text),
        "The server refused %.40s transfer%s: server.max_transfers is %.40s"
        " at once; raise it (or take \"none\"), set server.overflow to \"queue\", or set what your "
        "own server can do.",
        ANALYSIS_COUNT((double)facts->server.refused), facts->server.refused == 1 ? "" : "s",
        ANALYSIS_COUNT((double)server->max_transfers));
    add_caution(list, text);
}

/* Times, and thresholds on them, look better the more phones are missing. */
static void add_cautions_of_missing(cJSON *list, const struct analysis_figures *f)
{
    const struct analysis_counts *phones = &f->all.phones;
    char text[320];

    if (f->facts->interrupted) {
        add_caution(list, "The run was interrupted: the figures, and what the thresholds are "
                          "compared with, cover what happened until then.");
        return;
    }
    if (phones->unfinished > 0) {
        snprintf(text, sizeof(text),
                 "%.40s phone%s had no outcome when the run ended: completion times leave %s out.",
                 ANALYSIS_COUNT(phones->unfinished), phones->unfinished == 1 ? "" : "s",
                 phones->unfinished == 1 ? "it" : "them");
        add_caution(list, text);
    }
    if (phones->failed > 0) {
        snprintf(
            text, sizeof(text),
            "Completion times, and thresholds on them, are those of the %.40s upgraded phone%s; "
            "failed ones have none.",
            ANALYSIS_COUNT(phones->upgraded), phones->upgraded == 1 ? "" : "s");
        add_caution(list, text);
    }
}

static void add_cautions(cJSON *to, const struct analysis_figures *f)
{
    cJSON *list = cJSON_AddArrayToObject(to, "caution");
    const struct analysis_counts *phones = &f->all.phones;
    char text[320], size[SIM_UNITS_TEXT_MAX];

    add_cautions_of_shares(list, f->facts);
    add_cautions_of_missing(list, f);
    add_caution_of_refusals(list, f->facts);
    if (f->facts->world == SCENARIO_VIRTUAL) {
        analysis_caution_fluid(f->facts->scenario, f->facts->method, add_caution_to, list);
    }
    if (f->facts->method == SCENARIO_LOAD_SERVER) {
        snprintf(text, sizeof(text),
                 "The load servers' own copies (%s) crossed the WAN before the run began: "
                 "neither their bytes nor their time is in these figures, nor in optimum_s, which "
                 "is the best that any scheme could do on this LAN.",
                 sim_units_format_size(f->all.bounds.copy_bytes, size));
        add_caution(list, text);
    }
    if (f->all.completion.count > 0 && f->all.completion.last < f->all.bounds.optimum) {
        snprintf(text, sizeof(text), "The distance to the optimum is below 1: %s.",
                 phones->failed + phones->unfinished > 0
                     ? "the bound is for all phones, and not all of them completed"
                     : "some bytes did not cross the line or the ports in this run");
        add_caution(list, text);
    }
    if (f->digest_first_use > 0) {
        snprintf(text, sizeof(text),
                 "%" PRIu64 " tree%s checked files only against what their root got (digest_source "
                 "first-use): a copy that the server damaged would not be noticed.",
                 f->digest_first_use, f->digest_first_use == 1 ? "" : "s");
        add_caution(list, text);
    }
    if (f->all.stats.lan_foreign > 0) {
        const char *plural = f->all.stats.lan_foreign == 1 ? "" : "s";
        const char *were = f->all.stats.lan_foreign == 1 ? "was" : "were";
        snprintf(text, sizeof(text),
                 "%" PRIu64 " datagram%s or stream%s came from outside a phone's subnet, or %s "
                 "too long, and %s dropped: is another program using the peer port?",
                 f->all.stats.lan_foreign, plural, plural, were, were);
        add_caution(list, text);
    }
}

static void add_validity(cJSON *to, const struct sim_live_validity *v)
{
    cJSON *validity = cJSON_AddObjectToObject(to, "validity");

    cJSON_AddBoolToObject(validity, "valid", v->valid);
    add_seconds(validity, "loop_lag_p50_s", v->lag_p50, true);
    add_seconds(validity, "loop_lag_p99_s", v->lag_p99, true);
    add_seconds(validity, "loop_lag_max_s", v->lag_max, true);
    add_count(validity, "timers", v->timers);
    cJSON_AddNumberToObject(validity, "pacer_worst", six_digits(v->pacer_worst));
    cJSON_AddNumberToObject(validity, "relay_worst", six_digits(v->relay_worst));
    add_count(validity, "receive_drops", v->receive_drops);
    cJSON *reasons = cJSON_AddArrayToObject(validity, "reasons");
    for (size_t i = 0; i < v->reasons_len && i < SIM_LIVE_REASONS_MAX; i++) {
        cJSON_AddItemToArray(reasons, cJSON_CreateString(v->reasons[i]));
    }
}

static void add_version(void *versions, const char *name, const char *version)
{
    cJSON_AddStringToObject(versions, name, version);
}

static void add_engine(cJSON *to, const struct analysis_figures *f)
{
    cJSON *engine = cJSON_AddObjectToObject(to, "engine");
    char hash[17];

    snprintf(hash, sizeof(hash), "%016" PRIx64,
             f->facts->has_trace_hash ? f->facts->trace_hash : f->totals.hash);
    add_seconds(engine, "wall_s", f->facts->wall, true);
    add_seconds(engine, "run_s", f->facts->ended, true);
    add_count(engine, "events", f->facts->usage.events);
    add_count(engine, "records", f->totals.records);
    add_count(engine, "peak_rss_bytes", f->facts->usage.rss_peak_bytes);
    add_count(engine, "peak_descriptors", f->facts->usage.descriptors_peak);
    cJSON_AddStringToObject(engine, "trace_hash", hash);
    if (f->facts->world == SCENARIO_LIVE) { /* a virtual run uses none of them */
        cJSON *versions = cJSON_AddObjectToObject(engine, "versions");
        sim_live_versions(add_version, versions);
        sim_server_versions(add_version, versions);
    }
}

static void add_head(cJSON *to, const struct analysis_facts *facts)
{
    static const char *const networks[] = {
        [SCENARIO_FLUID] = "fluid",
        [SCENARIO_PACKET] = "packet",
    };

    cJSON_AddStringToObject(to, "pfsim", facts->version);
    cJSON_AddStringToObject(to, "scenario", facts->scenario->name);
    cJSON_AddStringToObject(to, "world", scenario_world_name(facts->world));
    /* The live world's line is always the packet machine. */
    cJSON_AddStringToObject(to, "network",
                            facts->world == SCENARIO_LIVE ? "packet"
                                                          : networks[facts->scenario->network]);
    cJSON_AddStringToObject(to, "method", scenario_method_name(facts->method));
    analysis_result_add_seed(to, facts->seed);
    cJSON_AddBoolToObject(to, "interrupted", facts->interrupted);
}

static void add_shard(cJSON *to, const struct analysis_figures *f)
{
    if (f->facts->shards > 0) {
        cJSON *shard = cJSON_AddObjectToObject(to, "shard");
        add_count(shard, "index", f->facts->shard);
        add_count(shard, "of", f->facts->shards);
        add_count(shard, "first_site", f->first);
        add_count(shard, "sites", f->end - f->first);
    }
}

cJSON *analysis_result_document(const struct analysis_figures *f)
{
    cJSON *o = cJSON_CreateObject();

    if (o == NULL) {
        return NULL;
    }
    add_head(o, f->facts);
    add_shard(o, f);
    add_phones(o, &f->all.phones);
    cJSON *transfers = cJSON_AddObjectToObject(o, "transfers");
    add_count(transfers, "peer", f->totals.peer_transfers);
    add_count(transfers, "server", f->totals.server_transfers);
    add_count(transfers, "resumed", f->totals.resumed);
    add_count(transfers, "rejected", f->totals.rejected);
    add_times(o, "completion_s", &f->all.completion);
    add_times(o, "back_in_service_s", &f->all.back);
    add_count(add_wan(o, &f->all.stats, f->configured_bit_s), "lines", f->lines);
    add_lan(o, &f->all.stats);
    add_server(o, f);
    add_models_and_files(o, f);
    bool whole = add_sites(o, f) && add_trees(o, f);
    add_bounds(o, &f->all);
    whole = add_failures(o, f) && whole;
    cJSON_AddArrayToObject(o, "thresholds");
    add_cautions(o, f);
    add_validity(o, &f->facts->validity);
    add_engine(o, f);
    if (!whole) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

/* ---- Comparing ---- */

static double number_at(const cJSON *document, const char *part, const char *key)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(document, part);
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(n) ? n->valuedouble : 0;
}

static void add_ratios(cJSON *to, const cJSON *first, const cJSON *other)
{
    static const struct {
        const char *name, *part, *key;
    } ratios[] = {
        {"last", "completion_s", "last"},
        {"p50", "completion_s", "p50"},
        {"back_in_service_last", "back_in_service_s", "last"},
        {"wan_bytes", "wan", "bytes"},
        {"wan_payload_bytes", "wan", "payload_bytes"},
        {"wan_busy", "wan", "busy_s"},
        {"server_requests", "server", "requests"},
        {"gap", "bounds", "gap"},
    };

    for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
        double over = number_at(first, ratios[i].part, ratios[i].key);
        double under = number_at(other, ratios[i].part, ratios[i].key);
        add_ratio(to, ratios[i].name, over, over > 0 ? under : 0);
    }
}

cJSON *analysis_result_compare(cJSON *const *documents, size_t len)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *runs = cJSON_AddArrayToObject(o, "runs");

    for (size_t i = 0; i < len; i++) {
        if (runs == NULL || !cJSON_AddItemToArray(runs, documents[i])) {
            cJSON_Delete(documents[i]);
        }
    }
    cJSON *ratio = cJSON_AddObjectToObject(o, "ratio");
    cJSON *ratios = cJSON_AddObjectToObject(o, "ratios");
    for (int i = 1; i < cJSON_GetArraySize(runs); i++) {
        const cJSON *other = cJSON_GetArrayItem(runs, i);
        const char *method =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(other, "method"));
        if (i == 1) {
            add_ratios(ratio, cJSON_GetArrayItem(runs, 0), other);
        }
        add_ratios(cJSON_AddObjectToObject(ratios, method != NULL ? method : "?"),
                   cJSON_GetArrayItem(runs, 0), other);
    }
    return o;
}

char *analysis_result_text(const cJSON *document)
{
    char *text = cJSON_Print(document);
    char *line = NULL;

    if (text != NULL) {
        size_t len = strlen(text);
        if ((line = malloc(len + 2)) != NULL) {
            memcpy(line, text, len);
            memcpy(line + len, "\n", 2);
        }
        cJSON_free(text);
    }
    return line;
}
