/* analysis/summary_compare.c -- methods side by side for people: a column each, then how much
 * better or worse the others are than the first. */
#include "analysis/summary.h"

#include <math.h>
#include <string.h>

enum {
    LABEL_WIDTH = 24,
    COLUMN_WIDTH = 16,
    JUDGED_WIDTH = 16, /* "47.3 x faster" */
};

#define SAME 1.05 /* runs on real sockets differ by as much */

static const struct row {
    const char *label, *part, *key;
    char *(*format)(double value, char out[ANALYSIS_CELL_MAX]);
    const char *better, *worse; /* what less of it, more of it is called; NULL: neither */
} rows[] = {
    {"first completion", "completion_s", "first", analysis_summary_seconds, "faster", "slower"},
    {"median completion", "completion_s", "p50", analysis_summary_seconds, "faster", "slower"},
    {"last completion", "completion_s", "last", analysis_summary_seconds, "faster", "slower"},
    {"last back in service", "back_in_service_s", "last", analysis_summary_seconds, "faster",
     "slower"},
    {"best possible", "bounds", "optimum_s", analysis_summary_seconds, NULL, NULL},
    {"  distance from it", "bounds", "gap", analysis_summary_times, NULL, NULL},
    {"firmware over the WAN", "wan", "payload_bytes", analysis_summary_size, "less", "more"},
    {"  in copies", "bounds", "copies", analysis_summary_times, NULL, NULL},
    {"all bytes on the WAN", "wan", "bytes", analysis_summary_size, "less", "more"},
    {"WAN busy", "wan", "busy_s", analysis_summary_seconds, "less", "more"},
    {"between phones", "lan", "payload_bytes", analysis_summary_size, NULL, NULL},
    {"server requests", "server", "requests", analysis_summary_count, "less", "more"},
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
    if (factor < SAME) {
        fprintf(style->to, "about as fast as %s", text_of(first, "method"));
    } else {
        fprintf(style->to, "%.3g times as %s as %s", factor, last >= 1 ? "fast" : "slowly",
                text_of(first, "method"));
    }
    if (isfinite(bytes) && bytes > 0) {
        factor = bytes >= 1 ? bytes : 1 / bytes;
        if (factor < SAME) {
            fprintf(style->to, " and took as much firmware over the WAN");
        } else {
            fprintf(style->to, " and took %.3g times %s firmware over the WAN", factor,
                    bytes >= 1 ? "less" : "more");
        }
    }
    fprintf(style->to, ".%s\n", analysis_summary_off(style));
}

static bool has_load_server(const cJSON *runs)
{
    const cJSON *run;

    cJSON_ArrayForEach(run, runs)
    {
        if (strcmp(text_of(run, "method"), "load-server") == 0) {
            return true;
        }
    }
    return false;
}

static void print_head(const struct analysis_style *style, const cJSON *runs)
{
    const cJSON *run;
    int len = cJSON_GetArraySize(runs);

    fprintf(style->to, "\n%-*s", LABEL_WIDTH, "");
    cJSON_ArrayForEach(run, runs)
    {
        fprintf(style->to, "%*s", COLUMN_WIDTH, text_of(run, "method"));
    }
    for (int i = 1; i < len; i++) {
        const char *method = text_of(cJSON_GetArrayItem(runs, i), "method");
        fprintf(style->to, "   %s%s is%s%*s", analysis_summary_on(style, ANALYSIS_BOLD), method,
                analysis_summary_off(style),
                i == len - 1 ? 0 : JUDGED_WIDTH - 3 - (int)strlen(method), "");
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

/* "4.73 x faster" of a run against the first one: green when better, red when worse. */
static void print_judged(const struct analysis_style *style, const struct row *row, double first,
                         double value, bool is_last)
{
    char times[ANALYSIS_CELL_MAX], text[ANALYSIS_CELL_MAX + 16];
    enum analysis_colour colour = ANALYSIS_PLAIN;
    double ratio = first / value; /* not finite without both, or of nothing */

    if (first > 0 && value == 0) {
        snprintf(text, sizeof(text), "none");
        colour = ANALYSIS_GOOD;
    } else if (!isfinite(ratio) || ratio <= 0) {
        snprintf(text, sizeof(text), "-");
    } else if (ratio < SAME && ratio > 1 / SAME) {
        snprintf(text, sizeof(text), "about the same");
    } else {
        bool better = ratio > 1;
        analysis_summary_times(better ? ratio : 1 / ratio, times);
        snprintf(text, sizeof(text), "%s %s", times, better ? row->better : row->worse);
        colour = better ? ANALYSIS_GOOD : ANALYSIS_BAD;
    }
    fprintf(style->to, "   %s%s%s%*s", analysis_summary_on(style, colour), text,
            analysis_summary_off(style), is_last ? 0 : JUDGED_WIDTH - (int)strlen(text), "");
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
    for (int i = 1; i < len && row->better != NULL; i++) {
        print_judged(style, row, first,
                     analysis_summary_number(cJSON_GetArrayItem(runs, i), row->part, row->key),
                     i == len - 1);
    }
    fprintf(style->to, "\n");
}

static void print_status(const struct analysis_style *style, const cJSON *runs)
{
    const cJSON *run;

    fprintf(style->to, "%-*s", LABEL_WIDTH, "run");
    cJSON_ArrayForEach(run, runs)
    {
        bool valid = is_valid(run);
        fprintf(style->to, "%s%*s%s",
                analysis_summary_on(style, valid ? ANALYSIS_GOOD : ANALYSIS_BAD), COLUMN_WIDTH,
                valid ? "valid" : "INVALID", analysis_summary_off(style));
    }
    fprintf(style->to,
            "\n\n\"Best possible\" is a bound for any scheme, when all phones have "
            "every file%s.\n",
            has_load_server(runs) ? "; a load server's leaves the line out" : "");
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
                "\nResults: %s/compare.json, and a folder for each method with its files\n"
                "Report:  %s/report.html\n",
                out, out);
    }
}
