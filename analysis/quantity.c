/* analysis/quantity.c -- see quantity.h. */
#include "analysis/quantity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/metrics.h"

static char *plain(double value, char out[ANALYSIS_CELL_MAX])
{
    if (isnan(value)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
    } else if (value >= 0 && value < 1e15 &&
               value == floor(value)) { /* longer ones can't be read */
        return analysis_summary_count(value, out);
    } else if (value == floor(value) && value > -1e9) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f", value);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.3g", value);
    }
    return out;
}

char *analysis_quantity_format(const char *metric, double value, char out[ANALYSIS_CELL_MAX])
{
    enum scenario_unit unit;

    if (isnan(value) || value < 0 || !scenario_metric_unit(metric, &unit)) {
        return plain(value, out);
    }
    switch (unit) {
    case SCENARIO_UNIT_NONE:
        return plain(value, out);
    case SCENARIO_UNIT_SECONDS:
        return analysis_summary_seconds(value, out);
    case SCENARIO_UNIT_BYTES:
        return analysis_summary_size(value, out);
    case SCENARIO_UNIT_BIT_S:
        return analysis_summary_rate(value, out);
    case SCENARIO_UNIT_SHARE:
        if (value > 0 && value < 0.001) {
            snprintf(out, ANALYSIS_CELL_MAX, "under 0.1 %%");
        } else {
            snprintf(out, ANALYSIS_CELL_MAX, "%.3g %%", 100 * value);
        }
        return out;
    }
    return plain(value, out);
}

/* Where the comparison begins: the last operator, as a site's name may hold one. */
static size_t comparison_at(const char *expression)
{
    size_t at = strlen(expression);

    while (at > 0 && strchr("<>=", expression[at - 1]) == NULL) {
        at--;
    }
    while (at > 0 && strchr("<>=", expression[at - 1]) != NULL) {
        at--;
    }
    return at;
}

size_t analysis_quantity_metric_len(const char *expression)
{
    size_t len = comparison_at(expression);

    while (len > 0 && expression[len - 1] == ' ') {
        len--;
    }
    return len;
}

/* "4 h 0 min" is "4 h": limits are round. */
static void round_off(char *text)
{
    static const char *const ends[] = {" 0 min", " 0 s"};

    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t len = strlen(text), end = strlen(ends[i]);
        if (len > end && strcmp(text + len - end, ends[i]) == 0) {
            text[len - end] = '\0';
        }
    }
}

char *analysis_quantity_expression(const char *expression, char out[ANALYSIS_QUANTITY_TEXT_MAX])
{
    const char *op = expression + comparison_at(expression);
    int op_len = (int)strspn(op, "<>=");
    const char *limit = op + op_len;
    char metric[ANALYSIS_QUANTITY_TEXT_MAX], cell[ANALYSIS_CELL_MAX], *end = NULL;

    double value = strtod(limit, &end);
    if (op_len == 0 || end == limit || *end != '\0') {
        snprintf(out, ANALYSIS_QUANTITY_TEXT_MAX, "%s", expression);
        return out;
    }
    snprintf(metric, sizeof(metric), "%.*s", (int)analysis_quantity_metric_len(expression),
             expression);
    round_off(analysis_quantity_format(metric, value, cell));
    snprintf(out, ANALYSIS_QUANTITY_TEXT_MAX, "%.210s %.*s %.90s", metric, op_len, op, cell);
    return out;
}
