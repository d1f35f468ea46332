/* analysis/summary_compare.c -- methods side by side for people: a column each, then how much
 * better or worse the others are than the first. */
#include "analysis/summary.h"

#include <math.h>
#include <string.h>

#include "analysis/json.h"

/* A table of some of the runs: values of from..to-1, and how judged_from..judged_to-1 are beside
 * the first one. */
struct table {
    const struct analysis_style *style;
    const cJSON *runs;
    int label, column, judged; /* widths, the gap before a judgement included */
    int from, to, judged_from, judged_to;
};

enum { GAP = 3 }; /* before a judgement */

/* As wide as it may be, and as the page is. */
static const struct table sizes[] = {{.label = 24, .column = 16, .judged = 19},
                                     {.label = 22, .column = 13, .judged = 18}};

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

static bool is_valid(const cJSON *run)
{
    const cJSON *validity = cJSON_GetObjectItemCaseSensitive(run, "validity");
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(validity, "valid"));
}

/* "traditional left 695 of 1200 phones behind" or "pfs upgraded all of them in 3 min 17 s". */
static void tell_of(const cJSON *run, bool is_second, char *text, size_t size)
{
    double behind = analysis_summary_behind(run);
    char a[ANALYSIS_CELL_MAX];

    if (behind == 0) {
        snprintf(text, size, "%.60s upgraded all of them in %s",
                 analysis_json_text(run, "method", "?"),
                 analysis_summary_seconds(analysis_summary_number(run, "completion_s", "last"), a));
    } else if (is_second) {
        snprintf(text, size, "%.60s left %s", analysis_json_text(run, "method", "?"),
                 ANALYSIS_COUNT(behind));
    } else {
        snprintf(text, size, "%.60s left %s of %s phone%s behind",
                 analysis_json_text(run, "method", "?"), ANALYSIS_COUNT(behind),
                 ANALYSIS_COUNT(analysis_summary_wanted(run)),
                 analysis_summary_plural(analysis_summary_wanted(run), "s"));
    }
}

/* Who left phones behind; times of different phones are not compared. False: nobody did. */
static bool tell_of_missing(const cJSON *first, const cJSON *second, char *text, size_t size)
{
    bool whole = analysis_summary_behind(first) == 0;
    char a[200], b[200];

    if (whole && analysis_summary_behind(second) == 0) {
        return false;
    }
    tell_of(whole ? second : first, false, a, sizeof(a));
    tell_of(whole ? first : second, true, b, sizeof(b));
    snprintf(text, size, "%s; %s.", a, b);
    return true;
}

/* "1.72", "30", "4560": three digits or more, never a power of ten. */
static char *factor_text(double factor, char out[ANALYSIS_CELL_MAX])
{
    snprintf(out, ANALYSIS_CELL_MAX, factor >= 999.5 ? "%.0f" : "%.3g", factor);
    return out;
}

/* " and took 30 times less firmware over the WAN"; "" when that is unknown. */
static void tell_of_load(const cJSON *first, const cJSON *second, char *text, size_t size)
{
    double bytes = analysis_summary_number(first, "wan", "payload_bytes") /
                   analysis_summary_number(second, "wan", "payload_bytes");

    char times[ANALYSIS_CELL_MAX];

    text[0] = '\0';
    if (!isfinite(bytes) || bytes <= 0) {
        return;
    }
    double factor = bytes >= 1 ? bytes : 1 / bytes;
    if (factor < SAME) {
        snprintf(text, size, " and took as much firmware over the WAN");
    } else {
        snprintf(text, size, " and took %s times %s firmware over the WAN",
                 factor_text(factor, times), bytes >= 1 ? "less" : "more");
    }
}

/* "pfs finished 4.73 times as fast as traditional and took 30 times less firmware over the WAN."
 * Nothing when they have no such times. */
static void tell_of_pace(const cJSON *first, const cJSON *second, char *text, size_t size)
{
    double last = analysis_summary_number(first, "completion_s", "last") /
                  analysis_summary_number(second, "completion_s", "last");
    const char *method = analysis_json_text(first, "method", "?"),
               *other = analysis_json_text(second, "method", "?");
    char load[2 * ANALYSIS_CELL_MAX], times[ANALYSIS_CELL_MAX];

    text[0] = '\0';
    if (!isfinite(last) || last <= 0) {
        return;
    }
    tell_of_load(first, second, load, sizeof(load));
    if (last < SAME && last > 1 / SAME) {
        snprintf(text, size, "%.60s finished about as fast as %.60s%s.", other, method, load);
    } else if (last > 1) {
        snprintf(text, size, "%.60s finished %s times as fast as %.60s%s.", other,
                 factor_text(last, times), method, load);
    } else {
        snprintf(text, size, "%.60s took %s times as long as %.60s%s.", other,
                 factor_text(1 / last, times), method, load);
    }
}

/* "INVALID (pfs): REASON; the figures say nothing about the phones." False: all are valid. */
static bool tell_of_invalid(const cJSON *runs, char *text, size_t size)
{
    const cJSON *run, *first = NULL;
    char methods[64] = "";
    size_t len = 0;

    cJSON_ArrayForEach(run, runs)
    {
        if (!is_valid(run) && len < sizeof(methods)) {
            len += (size_t)snprintf(methods + len, sizeof(methods) - len, "%s%.18s",
                                    len > 0 ? ", " : "", analysis_json_text(run, "method", "?"));
            first = first != NULL ? first : run;
        }
    }
    if (first != NULL) {
        snprintf(text, size, "INVALID (%s): %.300s; the figures say nothing about the phones.",
                 methods, analysis_summary_invalid(first));
    }
    return first != NULL;
}

static void print_verdict(const struct analysis_style *style, const cJSON *runs)
{
    const cJSON *first = cJSON_GetArrayItem(runs, 0), *second = cJSON_GetArrayItem(runs, 1);
    char text[512];
    bool bad = tell_of_invalid(runs, text, sizeof(text)) ||
               (second != NULL && tell_of_missing(first, second, text, sizeof(text)));

    if (!bad && second == NULL) {
        return; /* interrupted: there is nothing to compare */
    }
    if (!bad) {
        tell_of_pace(first, second, text, sizeof(text));
    }
    if (text[0] == '\0') {
        snprintf(text, sizeof(text), "No phone completed with one of the methods.");
        bad = true;
    }
    fprintf(style->to, "%s", analysis_summary_on(style, bad ? ANALYSIS_BAD : ANALYSIS_BOLD));
    analysis_summary_wrap(style, 0, 0, text);
    fprintf(style->to, "%s", analysis_summary_off(style));
}

static bool has_load_server(const cJSON *runs)
{
    const cJSON *run;

    cJSON_ArrayForEach(run, runs)
    {
        if (strcmp(analysis_json_text(run, "method", "?"), "load-server") == 0) {
            return true;
        }
    }
    return false;
}

static void print_head(const struct table *t)
{
    fprintf(t->style->to, "\n%-*s", t->label, "");
    for (int i = t->from; i < t->to; i++) {
        fprintf(t->style->to, "%*s", t->column,
                analysis_json_text(cJSON_GetArrayItem(t->runs, i), "method", "?"));
    }
    for (int i = t->judged_from; i < t->judged_to; i++) {
        const char *method = analysis_json_text(cJSON_GetArrayItem(t->runs, i), "method", "?");
        fprintf(t->style->to, "%*s%s%s is%s%*s", GAP, "",
                analysis_summary_on(t->style, ANALYSIS_BOLD), method,
                analysis_summary_off(t->style),
                i == t->judged_to - 1 ? 0 : t->judged - GAP - 3 - (int)strlen(method), "");
    }
    fprintf(t->style->to, "\n");
}

static void print_upgraded(const struct table *t)
{
    fprintf(t->style->to, "%-*s", t->label, "phones upgraded");
    for (int i = t->from; i < t->to; i++) {
        const cJSON *run = cJSON_GetArrayItem(t->runs, i);
        char text[ANALYSIS_CELL_MAX];
        snprintf(text, sizeof(text), "%.40s of %.40s",
                 ANALYSIS_COUNT(analysis_summary_number(run, "phones", "upgraded")),
                 ANALYSIS_COUNT(analysis_summary_number(run, "phones", "total")));
        fprintf(t->style->to, "%*s", t->column, text);
    }
    fprintf(t->style->to, "\n");
}

/* "4.73 x faster" of a run against the first one: green when better, red when worse. */
static void print_judged(const struct table *t, const struct row *row, double first, double value,
                         bool is_last)
{
    const struct analysis_style *style = t->style;
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
    fprintf(style->to, "%*s%s%s%s%*s", GAP, "", analysis_summary_on(style, colour), text,
            analysis_summary_off(style), is_last ? 0 : t->judged - GAP - (int)strlen(text), "");
}

/* Times of different phones are no measure of a method. */
static bool may_compare(const struct row *row, const cJSON *first, const cJSON *run)
{
    bool is_time =
        strcmp(row->part, "completion_s") == 0 || strcmp(row->part, "back_in_service_s") == 0;

    return !is_time || (analysis_summary_behind(first) == 0 && analysis_summary_behind(run) == 0);
}

static void print_row(const struct table *t, const struct row *row)
{
    double first = analysis_summary_number(cJSON_GetArrayItem(t->runs, 0), row->part, row->key);
    double lines = analysis_summary_number(cJSON_GetArrayItem(t->runs, 0), "wan", "lines");
    char cell[ANALYSIS_CELL_MAX], label[ANALYSIS_CELL_MAX];

    if (t->from == t->to && row->better == NULL) {
        return; /* there is nothing in it */
    }
    snprintf(label, sizeof(label), "%s", row->label);
    if (lines > 1 && strcmp(row->key, "busy_s") == 0) { /* a sum, longer than any run */
        snprintf(label, sizeof(label), "%s, %.0f lines", row->label, lines);
    }
    fprintf(t->style->to, "%-*s", t->label, label);
    for (int i = t->from; i < t->to; i++) {
        double value = analysis_summary_number(cJSON_GetArrayItem(t->runs, i), row->part, row->key);
        fprintf(t->style->to, "%*s", t->column, row->format(value, cell));
    }
    for (int i = t->judged_from; i < t->judged_to && row->better != NULL; i++) {
        const cJSON *run = cJSON_GetArrayItem(t->runs, i);
        bool comparable = may_compare(row, cJSON_GetArrayItem(t->runs, 0), run);
        print_judged(t, row, first,
                     comparable ? analysis_summary_number(run, row->part, row->key) : (double)NAN,
                     i == t->judged_to - 1);
    }
    fprintf(t->style->to, "\n");
}

/* How many of a run's thresholds are met; -1: it has none. */
static int met_of(const cJSON *run, int *len)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(run, "thresholds"), *t;
    int met = 0;

    *len = cJSON_GetArraySize(list);
    cJSON_ArrayForEach(t, list)
    {
        met += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "met"));
    }
    return *len == 0 ? -1 : met;
}

static void print_met(const struct table *t)
{
    int len;

    if (met_of(cJSON_GetArrayItem(t->runs, 0), &len) < 0) {
        return;
    }
    fprintf(t->style->to, "%-*s", t->label, "thresholds met");
    for (int i = t->from; i < t->to; i++) {
        int met = met_of(cJSON_GetArrayItem(t->runs, i), &len);
        char text[ANALYSIS_CELL_MAX];
        snprintf(text, sizeof(text), "%d of %d", met, len);
        fprintf(t->style->to, "%s%*s%s",
                analysis_summary_on(t->style, met == len ? ANALYSIS_GOOD : ANALYSIS_BAD), t->column,
                text, analysis_summary_off(t->style));
    }
    fprintf(t->style->to, "\n");
}

static void print_status(const struct table *t)
{
    fprintf(t->style->to, "%-*s", t->label, "run");
    for (int i = t->from; i < t->to; i++) {
        bool valid = is_valid(cJSON_GetArrayItem(t->runs, i));
        fprintf(t->style->to, "%s%*s%s",
                analysis_summary_on(t->style, valid ? ANALYSIS_GOOD : ANALYSIS_BAD), t->column,
                valid ? "valid" : "INVALID", analysis_summary_off(t->style));
    }
    fprintf(t->style->to, "\n");
}

static void print_table(const struct table *t)
{
    print_head(t);
    if (t->from < t->to) {
        print_upgraded(t);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        print_row(t, &rows[i]);
    }
    if (t->from < t->to) {
        print_met(t);
        print_status(t);
    }
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* One table where the page is wide enough; else one of values and one of judgements, cut further
 * where they must be. */
static void print_tables(const struct analysis_style *style, const cJSON *runs)
{
    int len = cJSON_GetArraySize(runs), page = analysis_summary_width(style);
    struct table t = {.style = NULL};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        t = sizes[i];
        t.style = style;
        t.runs = runs;
        t.to = len;
        t.judged_from = 1;
        t.judged_to = len;
        if (t.label + len * t.column + (len - 1) * t.judged <= page) {
            print_table(&t);
            return;
        }
    }
    int columns = (page - t.label) / t.column, judged = (page - t.label) / t.judged;
    columns = columns < 1 ? 1 : columns;
    judged = judged < 1 ? 1 : judged;
    t.judged_from = t.judged_to = 0;
    for (t.from = 0; t.from < len; t.from = t.to) {
        t.to = least(t.from + columns, len);
        print_table(&t);
    }
    t.from = t.to = 0;
    for (t.judged_from = 1; t.judged_from < len; t.judged_from = t.judged_to) {
        t.judged_to = least(t.judged_from + judged, len);
        print_table(&t);
    }
}

static void print_title(const struct analysis_style *style, const cJSON *first)
{
    char text[512];

    snprintf(text, sizeof(text), "%.400s: %.40s phones, %.20s world",
             analysis_json_text(first, "scenario", "?"),
             ANALYSIS_COUNT(analysis_summary_number(first, "phones", "total")),
             analysis_json_text(first, "world", "?"));
    analysis_summary_wrap(style, 0, 0, text);
}

void analysis_summary_compare(const struct analysis_style *style, const cJSON *document,
                              const char *out)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(document, "runs");
    const cJSON *first = cJSON_GetArrayItem(runs, 0);
    const cJSON *run;

    print_title(style, first);
    print_verdict(style, runs);
    print_tables(style, runs);
    fputc('\n', style->to);
    analysis_summary_wrap(style, 0, 0,
                          has_load_server(runs)
                              ? "\"Best possible\" is a bound for any scheme, when all phones have "
                                "every file; a load server's leaves the line out."
                              : "\"Best possible\" is a bound for any scheme, when all phones have "
                                "every file.");
    cJSON_ArrayForEach(run, runs)
    {
        const cJSON *validity = cJSON_GetObjectItemCaseSensitive(run, "validity");
        const cJSON *caution = cJSON_GetObjectItemCaseSensitive(run, "caution");
        const cJSON *failures = cJSON_GetObjectItemCaseSensitive(run, "failures_by_reason");
        int len, met = met_of(run, &len);
        if (!cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(validity, "valid")) ||
            cJSON_GetArraySize(caution) > 0 || cJSON_GetArraySize(failures) > 0 ||
            (met >= 0 && met < len)) {
            fprintf(style->to, "\n%s%s%s:", analysis_summary_on(style, ANALYSIS_BOLD),
                    analysis_json_text(run, "method", "?"), analysis_summary_off(style));
            if (met < len) {
                analysis_summary_thresholds(style, run);
            }
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
