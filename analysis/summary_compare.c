/* analysis/summary_compare.c -- methods side by side for people: a column each, ratios of the
 * first to the others. */
#include "analysis/summary.h"

#include <math.h>
#include <string.h>

enum {
    LABEL_WIDTH = 24,
    COLUMN_WIDTH = 16,
};

static const struct row {
    const char *label, *part, *key;
    char *(*format)(double value, char out[ANALYSIS_CELL_MAX]);
    bool ratio; /* a ratio means something */
} rows[] = {
    {"first completion", "completion_s", "first", analysis_summary_seconds, true},
    {"median completion", "completion_s", "p50", analysis_summary_seconds, true},
    {"last completion", "completion_s", "last", analysis_summary_seconds, true},
    {"last back in service", "back_in_service_s", "last", analysis_summary_seconds, true},
    {"distance to optimum", "bounds", "gap", analysis_summary_times, false},
    {"firmware over the WAN", "wan", "payload_bytes", analysis_summary_size, true},
    {"  in copies", "bounds", "copies", analysis_summary_times, false},
    {"all bytes on the WAN", "wan", "bytes", analysis_summary_size, true},
    {"WAN busy", "wan", "busy_s", analysis_summary_seconds, true},
    {"between phones", "lan", "payload_bytes", analysis_summary_size, false},
    {"server requests", "server", "requests", analysis_summary_count, true},
};

static const char *text_of(const cJSON *o, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return text == NULL ? "?" : text;
}

static bool is_valid(const cJSON *run)
{
    const cJSON *validity = cJSON_GetObjectItemCaseSensitive(run, "validity");
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(validity, "valid"));
}

/* "pfs finished 4.73 times as fast as traditional and took 30.0 times less firmware over the
 * WAN." */
static void print_verdict(const struct analysis_style *style, const cJSON *first,
                          const cJSON *second)
{
    double last = analysis_summary_number(first, "completion_s", "last") /
                  analysis_summary_number(second, "completion_s", "last");
    double bytes = analysis_summary_number(first, "wan", "payload_bytes") /
                   analysis_summary_number(second, "wan", "payload_bytes");

    if (!isfinite(last) || last <= 0) {
        fprintf(style->to, "%sNo phone completed with one of the methods.%s\n",
                analysis_summary_on(style, ANALYSIS_BAD), analysis_summary_off(style));
        return;
    }
    double factor = last >= 1 ? last : 1 / last;
    fprintf(style->to, "%s%s finished ", analysis_summary_on(style, ANALYSIS_BOLD),
            text_of(second, "method"));
    if (factor < 1.05) { /* runs on real sockets differ by as much */
        fprintf(style->to, "about as fast as %s", text_of(first, "method"));
    } else {
        fprintf(style->to, "%.3g times as %s as %s", factor, last >= 1 ? "fast" : "slowly",
                text_of(first, "method"));
    }
    if (isfinite(bytes) && bytes > 0) {
        factor = bytes >= 1 ? bytes : 1 / bytes;
        if (factor < 1.05) {
            fprintf(style->to, " and took as much firmware over the WAN");
        } else {
            fprintf(style->to, " and took %.3g times %s firmware over the WAN", factor,
                    bytes >= 1 ? "less" : "more");
        }
    }
    fprintf(style->to, ".%s\n", analysis_summary_off(style));
}

static void print_head(const struct analysis_style *style, const cJSON *runs)
{
    const cJSON *first = cJSON_GetArrayItem(runs, 0);
    const cJSON *run;
    int len = cJSON_GetArraySize(runs);

    fprintf(style->to, "\n%-*s", LABEL_WIDTH, "");
    cJSON_ArrayForEach(run, runs)
    {
        fprintf(style->to, "%*s", COLUMN_WIDTH, text_of(run, "method"));
    }
    for (int i = 1; i < len; i++) {
        char text[ANALYSIS_CELL_MAX];
        snprintf(text, sizeof(text), "%s/%s", text_of(first, "method"),
                 text_of(cJSON_GetArrayItem(runs, i), "method"));
        fprintf(style->to, "%*s", COLUMN_WIDTH + 8, text);
    }
    fprintf(style->to, "\n%-*s", LABEL_WIDTH, "phones upgraded");
    cJSON_ArrayForEach(run, runs)
    {
        char text[ANALYSIS_CELL_MAX];
        snprintf(text, sizeof(text), "%.0f of %.0f",
                 analysis_summary_number(run, "phones", "upgraded"),
                 analysis_summary_number(run, "phones", "total"));
        fprintf(style->to, "%*s", COLUMN_WIDTH, text);
    }
    fprintf(style->to, "\n");
}

static void print_row(const struct analysis_style *style, const cJSON *runs, const struct row *row)
{
    int len = cJSON_GetArraySize(runs);
    double first = analysis_summary_number(cJSON_GetArrayItem(runs, 0), row->part, row->key);
    char cell[ANALYSIS_CELL_MAX];

    fprintf(style->to, "%-*s", LABEL_WIDTH, row->label);
    for (int i = 0; i < len; i++) {
        double value = analysis_summary_number(cJSON_GetArrayItem(runs, i), row->part, row->key);
        fprintf(style->to, "%*s", COLUMN_WIDTH, row->format(value, cell));
    }
    for (int i = 1; i < len && row->ratio; i++) {
        double value = analysis_summary_number(cJSON_GetArrayItem(runs, i), row->part, row->key);
        double ratio = value > 0 ? first / value : (double)NAN;
        fprintf(style->to, "%*s", COLUMN_WIDTH + 8, analysis_summary_times(ratio, cell));
    }
    fprintf(style->to, "\n");
}

static void print_status(const struct analysis_style *style, const cJSON *runs)
{
    const cJSON *run;
    double optimum = analysis_summary_number(cJSON_GetArrayItem(runs, 0), "bounds", "optimum_s");
    char cell[ANALYSIS_CELL_MAX];

    fprintf(style->to, "%-*s", LABEL_WIDTH, "run");
    cJSON_ArrayForEach(run, runs)
    {
        bool valid = is_valid(run);
        fprintf(style->to, "%s%*s%s",
                analysis_summary_on(style, valid ? ANALYSIS_GOOD : ANALYSIS_BAD), COLUMN_WIDTH,
                valid ? "valid" : "INVALID", analysis_summary_off(style));
    }
    fprintf(style->to, "\n\nThe best that any method could do is %s; that is distance 1.00 x.\n",
            analysis_summary_seconds(optimum, cell));
}

void analysis_summary_compare(const struct analysis_style *style, const cJSON *document,
                              const char *out)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(document, "runs");
    const cJSON *first = cJSON_GetArrayItem(runs, 0);
    const cJSON *run;

    fprintf(style->to, "%s: %.0f phones, %s world\n", text_of(first, "scenario"),
            analysis_summary_number(first, "phones", "total"), text_of(first, "world"));
    if (cJSON_GetArraySize(runs) > 1) {
        print_verdict(style, first, cJSON_GetArrayItem(runs, 1));
    }
    print_head(style, runs);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_row(style, runs, &rows[i]);
    }
    print_status(style, runs);
    cJSON_ArrayForEach(run, runs)
    {
        const cJSON *validity = cJSON_GetObjectItemCaseSensitive(run, "validity");
        const cJSON *caution = cJSON_GetObjectItemCaseSensitive(run, "caution");
        const cJSON *failures = cJSON_GetObjectItemCaseSensitive(run, "failures_by_reason");
        if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(validity, "valid")) ||
            cJSON_GetArraySize(caution) > 0 || cJSON_GetArraySize(failures) > 0) {
            fprintf(style->to, "\n%s%s%s:", analysis_summary_on(style, ANALYSIS_BOLD),
                    text_of(run, "method"), analysis_summary_off(style));
            analysis_summary_trouble(style, run);
        }
    }
    if (out != NULL) {
        fprintf(style->to,
                "\nResults: %s/compare.json, and a folder for each method with its files\n", out);
    }
}
