/* analysis/report/view.c -- from result documents and folders to a view; the parts are in
 * view_*.c. */
#include "analysis/report/view.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/document.h"
#include "analysis/report/view_parts.h"
#include "analysis/result.h"
#include "analysis/summary.h"
#include "analysis/sweep/tables.h"
#include "scenarios/scenario.h"
#include "sim/err.h"
#include "sim/units.h"

const char *const view_outcomes[5] = {"upgraded", "failed", "current", "unfinished", ""};

/* ---- Helpers ---- */

bool view_path(const struct view_run *run, const char *name, char out[ANALYSIS_PATH_MAX])
{
    int n = snprintf(out, ANALYSIS_PATH_MAX, "%s%s%s", run->folder,
                     run->folder[0] != '\0' ? "/" : "", name);
    return n < ANALYSIS_PATH_MAX;
}

int view_missing(struct view_run *run, const char *why, const char *consequence)
{
    char text[ANALYSIS_WHY_MAX + 160];
    size_t folder = strlen(run->folder);

    /* Where it lay may differ: same files, same bytes. */
    if (folder > 0 && strncmp(why, run->folder, folder) == 0 && why[folder] == '/') {
        why += folder + 1;
    }
    snprintf(text, sizeof(text), "%s: %s.", why, consequence);
    return view_add_text(run->missing, text);
}

struct analysis_csv *view_csv(struct view_run *run, const char *name, const char *const *columns,
                              const char *consequence)
{
    char path[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    struct analysis_csv *csv = NULL;

    int rc =
        view_path(run, name, path) ? analysis_csv_open(&csv, path, columns, why) : SIM_ENOTFOUND;
    if (rc == SIM_ENOTFOUND) {
        snprintf(why, sizeof(why), "%s is not beside the result", name);
    }
    if (rc != 0) {
        view_missing(run, why, consequence);
        return NULL;
    }
    return csv;
}

struct view_site *view_site(struct view_run *run, const char *name, uint32_t *number)
{
    uint32_t at = analysis_words_find(&run->site_names, name);

    if (at == ANALYSIS_WORDS_NONE) {
        if (run->site_names.len == VIEW_SITES_MAX) {
            return NULL;
        }
        if (run->site_names.len == run->sites_cap) {
            size_t cap = run->sites_cap == 0 ? 64 : 2 * run->sites_cap;
            struct view_site *grown = realloc(run->sites, cap * sizeof(*grown));
            if (grown == NULL) {
                return NULL;
            }
            run->sites = grown;
            run->sites_cap = cap;
        }
        /* "branch#7" is a copy of "branch"; sites.csv, read first, knows better. */
        char text[SCENARIO_NAME_MAX];
        size_t len = strcspn(name, "#");
        snprintf(text, sizeof(text), "%.*s", (int)(len < sizeof(text) ? len : 0), name);
        uint32_t class_number = analysis_words_find(&run->classes, text);
        if (class_number == ANALYSIS_WORDS_NONE) {
            class_number = analysis_words_put(&run->classes, text);
        }
        at = analysis_words_put(&run->site_names, name);
        if (at == ANALYSIS_WORDS_NONE) {
            return NULL;
        }
        run->sites[at] = (struct view_site){
            .class_number = class_number == ANALYSIS_WORDS_NONE ? 0 : class_number,
            .last = (double)NAN,
        };
    }
    if (number != NULL) {
        *number = at;
    }
    return &run->sites[at];
}

struct view_phone *view_phone(struct view_run *run, const char *name, uint32_t *number)
{
    uint32_t at = analysis_words_put(&run->phone_names, name);

    if (at == ANALYSIS_WORDS_NONE) {
        return NULL;
    }
    if (at >= run->phones_cap) {
        size_t cap = run->phones_cap == 0 ? 1024 : 2 * run->phones_cap;
        struct view_phone *grown = realloc(run->phones, cap * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        for (size_t i = run->phones_cap; i < cap; i++) {
            grown[i] = (struct view_phone){
                .site = ANALYSIS_WORDS_NONE,
                .model = ANALYSIS_WORDS_NONE,
                .outcome = VIEW_OUTCOME_UNKNOWN,
            };
        }
        run->phones = grown;
        run->phones_cap = cap;
    }
    if (number != NULL) {
        *number = at;
    }
    return &run->phones[at];
}

double view_ms(double seconds)
{
    return round(seconds * 1e3) / 1e3;
}

double view_us(double seconds)
{
    return round(seconds * 1e6) / 1e6;
}

cJSON *view_list(cJSON *object, const char *key)
{
    return cJSON_AddArrayToObject(object, key);
}

static int add_item(cJSON *list, cJSON *item)
{
    if (cJSON_AddItemToArray(list, item)) {
        return 0;
    }
    cJSON_Delete(item);
    return SIM_ENOMEM;
}

int view_add(cJSON *list, double value)
{
    return add_item(list, isfinite(value) ? cJSON_CreateNumber(value) : cJSON_CreateNull());
}

int view_add_text(cJSON *list, const char *text)
{
    return add_item(list, cJSON_CreateString(text));
}

double view_number(const cJSON *result, const char *part, const char *key)
{
    const cJSON *n =
        cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(result, part), key);
    return cJSON_IsNumber(n) ? n->valuedouble : (double)NAN;
}

char *view_whole(double count, char out[VIEW_WHOLE_MAX])
{
    snprintf(out, VIEW_WHOLE_MAX, "%.31s", isnan(count) ? "?" : ANALYSIS_COUNT(count));
    return out;
}

char *view_count(double count, const char *noun, char out[48])
{
    char whole[VIEW_WHOLE_MAX];

    if (isnan(count)) {
        snprintf(out, 48, "no %ss", noun);
    } else {
        snprintf(out, 48, "%s %.12s%s", view_whole(count, whole), noun, count == 1 ? "" : "s");
    }
    return out;
}

/* ---- One run ---- */

/* When the scenario says that phones are let go. */
static void find_start(struct view_run *run, const cJSON *scenario)
{
    const cJSON *start = cJSON_GetObjectItemCaseSensitive(scenario, "start");
    const char *at = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(start, "at"));
    sim_duration ns = 0;

    run->knows_start =
        cJSON_IsObject(scenario) && (at == NULL || sim_units_parse_duration(at, &ns) == 0);
    run->start_at = (double)ns / 1e9;
}

/* What a virtual run took of this machine differs from run to run, and is no figure of it. */
static void forget_machine(cJSON *result)
{
    const char *world = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "world"));
    cJSON *engine = cJSON_GetObjectItemCaseSensitive(result, "engine");

    if (world != NULL && strcmp(world, "virtual") == 0) {
        cJSON_DeleteItemFromObjectCaseSensitive(engine, "wall_s");
        cJSON_DeleteItemFromObjectCaseSensitive(engine, "peak_rss_bytes");
    }
}

/* No run has so many reasons: a result that does is not ours, and would make a page of megabytes.
 */
static int fold_reasons(cJSON *result)
{
    enum { REASONS_MAX = 200 };
    cJSON *reasons = cJSON_GetObjectItemCaseSensitive(result, "failures_by_reason");
    cJSON *next, *reason = reasons != NULL ? reasons->child : NULL;
    double others = 0;

    if (cJSON_GetArraySize(reasons) <= REASONS_MAX) {
        return 0;
    }
    for (int i = 0; reason != NULL; i++, reason = next) {
        next = reason->next;
        if (i >= REASONS_MAX - 1) {
            others += cJSON_IsNumber(reason) ? reason->valuedouble : 0;
            cJSON_Delete(cJSON_DetachItemViaPointer(reasons, reason));
        }
    }
    return cJSON_AddNumberToObject(reasons, "other reasons", others) == NULL ? SIM_ENOMEM : 0;
}

static int read_parts(struct view_run *run)
{
    static int (*const parts[])(struct view_run *) = {
        view_sites_read,  view_gantt_read, view_phones_read, view_phones_choose, view_gantt_phones,
        view_series_read, view_lag_read,   view_trees_read,  view_failures,
    };
    int rc = 0;

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0; i++) {
        rc = parts[i](run);
    }
    return rc;
}

/* RUN of a result whose files lie in `folder`; takes `result` over. `*scenario` gets the run's, or
 * stays NULL. */
static int make_run(cJSON **out, cJSON *result, const char *folder, cJSON **scenario)
{
    struct view_run run = {.folder = folder, .result = result, .view = cJSON_CreateObject()};
    const char *method = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "method"));
    char path[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    cJSON *verdict = analysis_view_verdict(result), *found = NULL;
    int rc = 0;

    forget_machine(result);
    if (cJSON_AddStringToObject(run.view, "label", method != NULL ? method : "?") == NULL ||
        cJSON_AddStringToObject(run.view, "method", method != NULL ? method : "?") == NULL ||
        !cJSON_AddItemToObject(run.view, "result", result)) {
        cJSON_Delete(result);
        rc = SIM_ENOMEM;
    }
    if (rc == 0 && (!cJSON_AddItemToObject(run.view, "verdict", verdict) ||
                    (run.missing = cJSON_CreateArray()) == NULL)) {
        rc = SIM_ENOMEM;
    }
    if (rc == 0 && (!view_path(&run, "scenario.json", path) ||
                    analysis_document_json(&found, path, why) != 0)) {
        view_missing(&run, "scenario.json is not beside the result, or damaged",
                     "the scenario is not shown");
    }
    if (rc == 0) {
        run.scenario = found;
        find_start(&run, found);
        cJSON_AddObjectToObject(run.view, "wan");
        cJSON_AddObjectToObject(run.view, "states");
        cJSON_AddObjectToObject(run.view, "gantt");
        cJSON_AddObjectToObject(run.view, "trees");
        rc = read_parts(&run);
        rc = rc != 0 ? rc : fold_reasons(result); /* once they were counted */
    }
    if (rc == 0 && (cJSON_AddNumberToObject(run.view, "start_at_s", run.start_at) == NULL ||
                    !cJSON_AddItemToObject(run.view, "missing", run.missing))) {
        rc = SIM_ENOMEM;
    }
    analysis_words_deinit(&run.site_names);
    analysis_words_deinit(&run.classes);
    analysis_words_deinit(&run.models);
    analysis_words_deinit(&run.phone_names);
    free(run.sites);
    free(run.phones);
    if (*scenario == NULL) {
        *scenario = found;
        found = NULL;
    }
    cJSON_Delete(found);
    if (rc != 0) {
        cJSON_Delete(run.view);
        return rc;
    }
    *out = run.view;
    return 0;
}

/* ---- Views ---- */

static int no_memory(char why[ANALYSIS_WHY_MAX])
{
    snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
    return SIM_ENOMEM;
}

/* A view without runs yet. */
static cJSON *begin(const char *kind)
{
    cJSON *view = cJSON_CreateObject();

    if (cJSON_AddNumberToObject(view, "format", ANALYSIS_VIEW_FORMAT) == NULL ||
        cJSON_AddStringToObject(view, "kind", kind) == NULL || view_list(view, "runs") == NULL) {
        cJSON_Delete(view);
        return NULL;
    }
    return view;
}

/* The folder of a file: "" for one in the present folder. */
static void folder_of(const char *path, char out[ANALYSIS_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    snprintf(out, ANALYSIS_PATH_MAX, "%.*s", (int)len, path);
}

/* What all runs have in common; takes `scenario` over, which may be NULL. */
static int finish(cJSON *view, cJSON *scenario)
{
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(view, "runs")->child;
    const cJSON *result = cJSON_GetObjectItemCaseSensitive(run, "result");
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "scenario"));
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "pfsim"));
    const cJSON *libraries = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(result, "engine"), "versions");
    const cJSON *library;
    cJSON *versions = cJSON_AddObjectToObject(view, "versions");

    cJSON_AddStringToObject(view, "title", name != NULL ? name : "?");
    cJSON_AddItemToObject(view, "scenario", scenario != NULL ? scenario : cJSON_CreateNull());
    cJSON_AddStringToObject(versions, "pfsim", version != NULL ? version : "?");
    cJSON_ArrayForEach(library, libraries)
    {
        if (cJSON_IsString(library)) {
            cJSON_AddStringToObject(versions, library->string, library->valuestring);
        }
    }
    return cJSON_GetArraySize(versions) == 0 ? SIM_ENOMEM : 0;
}

/* compare.json in `folder`: each run's files in a folder named after its method. */
static int add_runs(cJSON *view, cJSON *document, const char *folder, cJSON **scenario)
{
    cJSON *runs = cJSON_GetObjectItemCaseSensitive(document, "runs");
    int rc = 0;

    while (rc == 0 && runs->child != NULL) {
        cJSON *result = cJSON_DetachItemFromArray(runs, 0), *run = NULL;
        const char *method =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(result, "method"));
        char inner[ANALYSIS_PATH_MAX];
        int n = snprintf(inner, sizeof(inner), "%s%s%s", folder, folder[0] != '\0' ? "/" : "",
                         method != NULL ? method : "?");
        rc = n < ANALYSIS_PATH_MAX ? make_run(&run, result, inner, scenario) : SIM_ENOMEM;
        rc = rc != 0 ? rc : add_item(cJSON_GetObjectItemCaseSensitive(view, "runs"), run);
    }
    return rc;
}

/* "ratio" and "ratios" of a comparison. */
static int add_ratios(cJSON *view, cJSON *document)
{
    static const char *const keys[] = {"ratio", "ratios"};
    cJSON *compare = cJSON_AddObjectToObject(view, "compare");

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        cJSON *part = cJSON_DetachItemFromObjectCaseSensitive(document, keys[i]);
        if (!cJSON_AddItemToObject(compare, keys[i],
                                   cJSON_IsObject(part) ? part : cJSON_CreateObject())) {
            cJSON_Delete(part);
            return SIM_ENOMEM;
        }
        if (!cJSON_IsObject(part)) {
            cJSON_Delete(part);
        }
    }
    return 0;
}

int analysis_view_read(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX])
{
    char file[ANALYSIS_PATH_MAX], folder[ANALYSIS_PATH_MAX];
    cJSON *document = NULL, *scenario = NULL, *run = NULL, *view;
    int rc;

    if (path[0] == '\0') {
        snprintf(why, ANALYSIS_WHY_MAX, "\"\": needs a file or folder");
        return SIM_EINVAL;
    }
    if ((rc = analysis_document_find(path, file, why)) != 0) {
        return rc;
    }
    if (analysis_tables_is(file)) {
        return analysis_tables_read(out, file, why);
    }
    if ((rc = analysis_document_read(&document, file, why)) != 0) {
        return rc;
    }
    folder_of(file, folder);
    bool several = analysis_document_is_comparison(document);
    int runs = cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(document, "runs"));
    if (runs > ANALYSIS_VIEW_RUNS_MAX) {
        snprintf(why, ANALYSIS_WHY_MAX, "%.300s compares %d runs: a report shows at most %d", file,
                 runs, ANALYSIS_VIEW_RUNS_MAX);
        cJSON_Delete(document);
        return SIM_EINVAL;
    }
    if ((view = begin(several ? "compare" : "run")) == NULL) {
        rc = SIM_ENOMEM;
    } else if (several) {
        rc = add_runs(view, document, folder, &scenario);
        rc = rc != 0 ? rc : add_ratios(view, document);
    } else {
        rc = make_run(&run, document, folder, &scenario);
        document = NULL;
        rc = rc != 0 ? rc : add_item(cJSON_GetObjectItemCaseSensitive(view, "runs"), run);
    }
    rc = rc != 0 ? rc : finish(view, scenario);
    scenario = rc == 0 ? NULL : scenario;
    cJSON_Delete(document);
    if (rc != 0) {
        cJSON_Delete(view);
        return no_memory(why);
    }
    *out = view;
    return 0;
}

/* Methods tell runs apart when each has its own; else where they were read. */
static int set_labels(cJSON *runs, const char *const *paths)
{
    bool alike = false;
    const cJSON *a, *b;
    cJSON *run;
    size_t at = 0;

    cJSON_ArrayForEach(a, runs)
    {
        for (b = a->next; b != NULL; b = b->next) {
            alike = alike || cJSON_Compare(cJSON_GetObjectItemCaseSensitive(a, "method"),
                                           cJSON_GetObjectItemCaseSensitive(b, "method"), true);
        }
    }
    cJSON_ArrayForEach(run, runs)
    {
        cJSON *label = alike ? cJSON_CreateString(paths[at]) : NULL;
        if (alike && !cJSON_ReplaceItemInObjectCaseSensitive(run, "label", label)) {
            cJSON_Delete(label);
            return SIM_ENOMEM;
        }
        at++;
    }
    return 0;
}

/* The ratios that `compare` would have written: by label. */
static int compare_all(cJSON *view)
{
    cJSON *runs = cJSON_GetObjectItemCaseSensitive(view, "runs");
    cJSON *copies[ANALYSIS_VIEW_RUNS_MAX] = {NULL};
    const cJSON *run;
    size_t len = 0;

    cJSON_ArrayForEach(run, runs)
    {
        cJSON *copy = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(run, "result"), true);
        cJSON *label = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(run, "label"), true);
        if (!cJSON_ReplaceItemInObjectCaseSensitive(copy, "method", label)) {
            cJSON_Delete(label);
        }
        copies[len++] = copy;
    }
    cJSON *document = analysis_result_compare(copies, len); /* takes them over */
    int rc = document == NULL ? SIM_ENOMEM : add_ratios(view, document);
    cJSON_Delete(document);
    return rc;
}

int analysis_view_compare(cJSON **out, const char *const *paths, size_t len,
                          char why[ANALYSIS_WHY_MAX])
{
    if (len > ANALYSIS_VIEW_RUNS_MAX) {
        snprintf(why, ANALYSIS_WHY_MAX, "%zu results: a report shows at most %d", len,
                 ANALYSIS_VIEW_RUNS_MAX);
        return SIM_EINVAL;
    }
    cJSON *view = begin("compare"), *scenario = NULL;
    cJSON *runs = cJSON_GetObjectItemCaseSensitive(view, "runs");
    int rc = view == NULL ? no_memory(why) : 0;

    for (size_t i = 0; i < len && rc == 0; i++) {
        cJSON *one = NULL;
        if ((rc = analysis_view_read(&one, paths[i], why)) != 0) {
            break;
        }
        cJSON *list = cJSON_GetObjectItemCaseSensitive(one, "runs");
        if (cJSON_GetArraySize(list) != 1) {
            snprintf(why, ANALYSIS_WHY_MAX,
                     "%.300s is a comparison already: give the results of single runs, or it alone",
                     paths[i]);
            rc = SIM_EINVAL;
        } else if (add_item(runs, cJSON_DetachItemFromArray(list, 0)) != 0) {
            rc = no_memory(why);
        } else if (scenario == NULL) {
            scenario = cJSON_DetachItemFromObjectCaseSensitive(one, "scenario");
        }
        cJSON_Delete(one);
    }
    if (rc == 0 && (set_labels(runs, paths) != 0 || compare_all(view) != 0)) {
        rc = no_memory(why);
    }
    if (rc == 0) {
        rc = finish(view, scenario) != 0 ? no_memory(why) : 0;
        scenario = NULL;
    }
    if (rc != 0) {
        cJSON_Delete(scenario);
        cJSON_Delete(view);
        return rc;
    }
    *out = view;
    return 0;
}
