/* analysis/report/view_verdict.c -- the run in one sentence, and its failures by reason. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/collect.h"
#include "analysis/json.h"
#include "analysis/report/view_parts.h"
#include "analysis/summary.h"
#include "sim/err.h"
#include "sim/units.h"

static void missed_of(const cJSON *result, int *missed, int *all, const cJSON **first)
{
    const cJSON *threshold;

    *missed = *all = 0;
    *first = NULL;
    cJSON_ArrayForEach(threshold, analysis_json_get(result, "thresholds"))
    {
        (*all)++;
        if (!cJSON_IsTrue(analysis_json_get(threshold, "met"))) {
            *first = (*missed)++ == 0 ? threshold : *first;
        }
    }
}

/* The reason that most phones gave; NULL: none. Those that only ran out of time are no failures. */
static const cJSON *main_reason(const cJSON *result, bool of_failures)
{
    static const char out_of_time[] = "the run ended first";
    const cJSON *reason, *most = NULL;

    cJSON_ArrayForEach(reason, analysis_json_get(result, "failures_by_reason"))
    {
        if (!cJSON_IsNumber(reason) ||
            (of_failures && strncmp(reason->string, out_of_time, strlen(out_of_time)) == 0)) {
            continue;
        }
        if (most == NULL || reason->valuedouble > most->valuedouble) {
            most = reason;
        }
    }
    return most;
}

/* "695 of 1200 phones failed, 452 of them: Server busy." */
static void failure(const cJSON *result, char *text, size_t size)
{
    double failed = view_number(result, "phones", "failed");
    double count = failed > 0 ? failed : view_number(result, "phones", "unfinished");
    const cJSON *reason = main_reason(result, failed > 0);
    char a[48], b[VIEW_WHOLE_MAX], share[48] = "";

    if (reason != NULL && reason->valuedouble < count) {
        snprintf(share, sizeof(share), ", %s of them", view_whole(reason->valuedouble, b));
    }
    snprintf(text, size, "%s of %s %s%s%s%.400s.", view_whole(count, b),
             view_count(view_number(result, "phones", "total"), "phone", a),
             failed > 0 ? "failed" : "had not finished when the run ended", share,
             reason != NULL ? ": " : "",
             reason != NULL ? analysis_summary_reason(reason->string) : "");
}

static const char *within(const cJSON *result, char out[SIM_UNITS_TEXT_MAX])
{
    double last = view_number(result, "completion_s", "last");

    if (isnan(last) || last < 0 || last > 9e9) {
        return NULL;
    }
    return sim_units_format_duration((sim_duration)llround(last * 1e9), out);
}

/* "All 30 phones were upgraded within 7 min 3 s", without its end. */
static void success(const cJSON *result, char *text, size_t size)
{
    double total = view_number(result, "phones", "total");
    double current = view_number(result, "phones", "current");
    double upgraded = view_number(result, "phones", "upgraded");
    char a[48], b[48], time[SIM_UNITS_TEXT_MAX];
    const char *span = within(result, time);

    if (!(upgraded > 0)) {
        snprintf(text, size, "%s had the firmware already", view_count(total, "phone", a));
        return;
    }
    bool some = current > 0;
    snprintf(text, size, "%s%s %s upgraded%s%s%s%s%s", some || upgraded == 1 ? "" : "All ",
             view_count(upgraded, "phone", a), upgraded == 1 ? "was" : "were",
             span != NULL ? " within " : "", span != NULL ? span : "", some ? ", and " : "",
             some ? view_count(current, "other", b) : "", some ? " had the firmware already" : "");
}

/* "completion_s.last < 35 s (it is 39.4 s)" */
static void name_missed(const cJSON *threshold, char *text, size_t size)
{
    char value[ANALYSIS_CELL_MAX];
    bool known = cJSON_IsNumber(analysis_json_get(threshold, "value"));

    snprintf(text, size, "%.200s (%s%s)", analysis_json_text(threshold, "expression", "?"),
             known ? "it is " : "it has no value",
             known ? analysis_summary_quantity(threshold, "value", value) : "");
}

static void say_missed(const cJSON *result, char *text, size_t size)
{
    int missed, all;
    const cJSON *first;
    char named[200 + ANALYSIS_CELL_MAX + 24];
    size_t len = strlen(text);

    missed_of(result, &missed, &all, &first);
    if (missed == 0) {
        snprintf(text + len, size - len, "%s",
                 all == 0   ? "."
                 : all == 1 ? "; the threshold was met."
                            : "; every threshold was met.");
        return;
    }
    name_missed(first, named, sizeof(named));
    if (all == 1) {
        snprintf(text + len, size - len, ", but the threshold was missed: %s.", named);
    } else {
        snprintf(text + len, size - len, ", but %d of %d thresholds %s missed%s%s.", missed, all,
                 missed == 1 ? "was" : "were", missed == 1 ? ": " : ", first ", named);
    }
}

cJSON *analysis_view_verdict(const cJSON *result)
{
    double total = view_number(result, "phones", "total");
    double upgraded = view_number(result, "phones", "upgraded");
    double failed = view_number(result, "phones", "failed");
    double unfinished = view_number(result, "phones", "unfinished");
    const cJSON *validity = analysis_json_get(result, "validity");
    const char *status;
    const cJSON *first;
    char text[700], a[48], b[VIEW_WHOLE_MAX], sentence[512];
    int missed, all;

    missed_of(result, &missed, &all, &first);
    if (cJSON_IsFalse(analysis_json_get(validity, "valid"))) {
        status = "invalid";
        snprintf(text, sizeof(text), "Its figures say nothing about the phones: %.400s.",
                 analysis_summary_invalid(result));
    } else if (cJSON_IsTrue(analysis_json_get(result, "interrupted"))) {
        status = "interrupted";
        snprintf(text, sizeof(text), "%s of %s %s upgraded by then%s.", view_whole(upgraded, b),
                 view_count(total, "phone", a), upgraded == 1 ? "was" : "were",
                 all > 0 ? ", and thresholds cover only what happened until then" : "");
    } else if (failed + unfinished > 0) {
        status = "failed";
        failure(result, text, sizeof(text));
    } else {
        status = missed > 0 ? "missed" : "met";
        success(result, sentence, sizeof(sentence));
        say_missed(result, sentence, sizeof(sentence));
        snprintf(text, sizeof(text), "%s", sentence);
    }
    cJSON *o = cJSON_CreateObject();
    if (cJSON_AddStringToObject(o, "status", status) == NULL ||
        cJSON_AddStringToObject(o, "sentence", text) == NULL) {
        cJSON_Delete(o);
        return NULL;
    }
    return o;
}

/* ---- Failures ---- */

static int compare_reasons(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;

    if (x->valuedouble < y->valuedouble || x->valuedouble > y->valuedouble) {
        return x->valuedouble > y->valuedouble ? -1 : 1;
    }
    return strcmp(x->string, y->string);
}

static int add_reason(const struct view_run *run, cJSON *list, const char *reason, double phones,
                      bool with_examples)
{
    cJSON *o = cJSON_CreateObject();
    const cJSON *failure;
    int rc = 0, len = 0;

    if (!cJSON_AddItemToArray(list, o) ||
        cJSON_AddStringToObject(o, "reason", analysis_summary_reason(reason)) == NULL ||
        cJSON_AddNumberToObject(o, "phones", phones) == NULL) {
        return SIM_ENOMEM;
    }
    cJSON *examples = view_list(o, "examples");
    cJSON_ArrayForEach(failure, analysis_json_get(run->result, "failures"))
    {
        const char *why = cJSON_GetStringValue(analysis_json_get(failure, "reason"));
        const char *phone = cJSON_GetStringValue(analysis_json_get(failure, "phone"));
        const char *site = cJSON_GetStringValue(analysis_json_get(failure, "site"));
        char text[256];
        if (with_examples && rc == 0 && len < VIEW_EXAMPLES_MAX && why != NULL && phone != NULL &&
            site != NULL && strcmp(why, reason) == 0) {
            snprintf(text, sizeof(text), "%.80s (%.130s)", phone, site);
            rc = view_add_text(examples, text);
            len++;
        }
    }
    return rc;
}

static bool is_other(const cJSON *reason)
{
    return strcmp(reason->string, ANALYSIS_OTHER_REASONS) == 0;
}

int view_failures(struct view_run *run)
{
    const cJSON *reasons = analysis_json_get(run->result, "failures_by_reason"), *reason;
    cJSON *list = view_list(run->view, "failures");
    size_t len = 0, more = 0;
    double others = 0;
    char rest[48];
    int rc = 0;

    const cJSON **order = malloc(((size_t)cJSON_GetArraySize(reasons) + 1) * sizeof(*order));
    if (order == NULL || list == NULL) {
        free(order);
        return SIM_ENOMEM;
    }
    cJSON_ArrayForEach(reason, reasons)
    {
        order[len++] = reason;
    }
    qsort(order, len, sizeof(*order), compare_reasons);
    for (size_t i = 0; i < len && rc == 0; i++) {
        if (i < VIEW_REASONS_MAX && !is_other(order[i])) {
            rc = add_reason(run, list, order[i]->string, order[i]->valuedouble, true);
        } else {
            others += order[i]->valuedouble;
            more++;
        }
    }
    if (rc == 0 && others > 0) {
        snprintf(rest, sizeof(rest), "and %zu more reason%s", more, more == 1 ? "" : "s");
        rc = add_reason(run, list, rest, others, false);
    }
    free(order);
    return rc;
}
