/* analysis/summary_thresholds.c -- thresholds for people: a row each with limit, value and margin;
 * on a narrow page two lines each. */
#include <math.h>
#include <string.h>

#include "analysis/json.h"

#include "analysis/summary.h"

enum {
    INDENT = 4,
    STATE_WIDTH = 8,
    GAP = 2,
    CELLS = 4, /* metric, limit, value, margin */
};

/* A number in the threshold's unit; documents of other programs may lack that. */
static char *in_unit(const cJSON *t, double value, char out[ANALYSIS_CELL_MAX])
{
    const char *unit = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(t, "unit"));

    if (isnan(value)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
    } else if (unit != NULL && value > 0 && strcmp(unit, "s") == 0) {
        return analysis_summary_seconds(value, out);
    } else if (unit != NULL && value >= 0 && strcmp(unit, "B") == 0) {
        return analysis_summary_size(value, out);
    } else if (unit != NULL && value >= 0 && strcmp(unit, "bit/s") == 0) {
        return analysis_summary_rate(value, out);
    } else if (unit != NULL && strcmp(unit, "share") == 0) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.3g %%", value * 100);
    } else if (value >= 0 && value == floor(value)) {
        return analysis_summary_count(value, out);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.6g", value);
    }
    return out;
}

char *analysis_summary_quantity(const cJSON *threshold, const char *key,
                                char out[ANALYSIS_CELL_MAX])
{
    return in_unit(threshold, analysis_json_number(threshold, key), out);
}

/* Where the comparison begins in "sites[a < b].wan.bytes < 20 MB": the last operator. */
static const char *comparison_of(const char *expression)
{
    const char *at = expression + strlen(expression);

    while (at > expression && strchr("<>=", at[-1]) == NULL) {
        at--;
    }
    while (at > expression && strchr("<>=", at[-1]) != NULL) {
        at--;
    }
    return at;
}

/* "4 MB (20 %) too much", "12 s (2 %) to spare"; "" without a value or a limit. */
static void margin_of(const cJSON *t, char out[ANALYSIS_MARGIN_MAX])
{
    double value = analysis_json_number(t, "value"), limit = analysis_json_number(t, "limit");
    bool met = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "met"));
    char op = comparison_of(analysis_json_text(t, "expression", "?"))[0];
    double by = fabs(value - limit);
    const char *unit = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(t, "unit"));
    bool is_share = unit != NULL && strcmp(unit, "share") == 0;
    char cell[ANALYSIS_CELL_MAX], share[32] = "";

    out[0] = '\0';
    if (isnan(by)) {
        return;
    }
    if (by == 0) {
        snprintf(out, ANALYSIS_MARGIN_MAX, "%s", !met ? "just not" : op == '=' ? "" : "just");
        return;
    }
    if (is_share) { /* percent of percent would be read wrongly */
        snprintf(cell, sizeof(cell), "%.3g points", 100 * by);
    } else {
        in_unit(t, by, cell);
    }
    if (!is_share && limit != 0 && by < 10 * fabs(limit)) {
        snprintf(share, sizeof(share), " (%.3g %%)", 100 * by / fabs(limit));
    }
    snprintf(out, ANALYSIS_MARGIN_MAX, "%s%s %s", cell, share,
             met             ? "to spare"
             : value > limit ? "too much"
                             : "too little");
}

char *analysis_summary_missed(const cJSON *threshold, char out[ANALYSIS_MARGIN_MAX])
{
    char cell[ANALYSIS_CELL_MAX], margin[ANALYSIS_MARGIN_MAX];

    if (isnan(analysis_json_number(threshold, "value"))) {
        snprintf(out, ANALYSIS_MARGIN_MAX, "it has no value");
        return out;
    }
    margin_of(threshold, margin);
    snprintf(out, ANALYSIS_MARGIN_MAX, "it is %s%s%.120s",
             analysis_summary_quantity(threshold, "value", cell), margin[0] != '\0' ? ": " : "",
             margin);
    return out;
}

/* The cells of a row; `metric` is a part of the expression. */
struct row {
    const char *metric, *limit;
    int metric_len;
    char value[ANALYSIS_CELL_MAX], margin[ANALYSIS_MARGIN_MAX];
};

static void make_row(const cJSON *t, struct row *row)
{
    const char *expression = analysis_json_text(t, "expression", "?");

    row->limit = comparison_of(expression);
    row->metric = expression;
    row->metric_len = (int)(row->limit - expression);
    while (row->metric_len > 0 && expression[row->metric_len - 1] == ' ') {
        row->metric_len--;
    }
    analysis_summary_quantity(t, "value", row->value);
    if (isnan(analysis_json_number(t, "value"))) {
        snprintf(row->value, sizeof(row->value), "no value");
    }
    margin_of(t, row->margin);
}

static int wider(int width, size_t len)
{
    return (int)len > width ? (int)len : width;
}

/* `widths`: of the columns; else two lines. */
static void print_row(const struct analysis_style *style, const cJSON *t, const int widths[CELLS],
                      bool in_columns)
{
    bool met = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "met"));
    struct row row;
    FILE *to = style->to;

    make_row(t, &row);
    fprintf(to, "%*s%s%-*s%s", INDENT, "",
            analysis_summary_on(style, met ? ANALYSIS_GOOD : ANALYSIS_BAD), STATE_WIDTH,
            met ? "met" : "MISSED", analysis_summary_off(style));
    if (in_columns) {
        fprintf(to, "%-*.*s%-*s%*s", widths[0] + GAP, row.metric_len, row.metric, widths[1] + GAP,
                row.limit, widths[2], row.value);
        fprintf(to, "%s%s\n", row.margin[0] != '\0' ? "  " : "", row.margin);
        return;
    }
    fprintf(to, "%.*s\n%*s", row.metric_len, row.metric, INDENT + STATE_WIDTH, "");
    fprintf(to, "%s, is %s%s%s\n", row.limit, row.value, row.margin[0] != '\0' ? ": " : "",
            row.margin);
}

/* The times look better the more phones are missing. */
static void print_times_note(const struct analysis_style *style, const cJSON *document)
{
    const cJSON *t;
    bool any = false;
    double upgraded = analysis_summary_number(document, "phones", "upgraded");
    char text[160];

    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(document, "thresholds"))
    {
        any |= strstr(analysis_json_text(t, "expression", "?"), "completion_s") != NULL ||
               strstr(analysis_json_text(t, "expression", "?"), "back_in_service_s") != NULL;
    }
    if (!any || analysis_summary_behind(document) == 0) {
        return;
    }
    snprintf(text, sizeof(text), "Times are those of the %.40s upgraded phone%s of %.40s.",
             ANALYSIS_COUNT(upgraded), analysis_summary_plural(upgraded, "s"),
             ANALYSIS_COUNT(analysis_summary_wanted(document)));
    fprintf(style->to, "%*s", INDENT, "");
    analysis_summary_wrap(style, INDENT, INDENT, text);
}

void analysis_summary_thresholds(const struct analysis_style *style, const cJSON *document)
{
    static const char *const heads[CELLS] = {"metric", "limit", "value", "margin"};
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(document, "thresholds");
    const cJSON *t;
    int widths[CELLS], len = cJSON_GetArraySize(list), met = 0;

    if (len == 0) {
        return;
    }
    for (int i = 0; i < CELLS; i++) {
        widths[i] = (int)strlen(heads[i]);
    }
    cJSON_ArrayForEach(t, list)
    {
        struct row row;
        make_row(t, &row);
        met += cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "met"));
        widths[0] = wider(widths[0], (size_t)row.metric_len);
        widths[1] = wider(widths[1], strlen(row.limit));
        widths[2] = wider(widths[2], strlen(row.value));
        widths[3] = wider(widths[3], strlen(row.margin));
    }
    int width = INDENT + STATE_WIDTH + widths[0] + widths[1] + widths[2] + widths[3] + 3 * GAP;
    bool in_columns = width <= analysis_summary_width(style);
    bool interrupted = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(document, "interrupted"));
    enum analysis_colour colour = met < len     ? ANALYSIS_BAD
                                  : interrupted ? ANALYSIS_WARN
                                                : ANALYSIS_GOOD;
    fprintf(style->to, "\n  %s%d of %d threshold%s met%s%s\n", analysis_summary_on(style, colour),
            met, len, analysis_summary_plural(len, "s"),
            interrupted ? " by what happened until the run was interrupted" : "",
            analysis_summary_off(style));
    if (in_columns) {
        fprintf(style->to, "%*s%-*s%-*s%*s  %s\n", INDENT + STATE_WIDTH, "", widths[0] + GAP,
                heads[0], widths[1] + GAP, heads[1], widths[2], heads[2], heads[3]);
    }
    cJSON_ArrayForEach(t, list)
    {
        print_row(style, t, widths, in_columns);
    }
    print_times_note(style, document);
}
