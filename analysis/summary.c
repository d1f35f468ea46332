/* analysis/summary.c -- one run for people. */
#include "analysis/summary.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/units.h"

enum {
    REASONS_SHOWN = 8,
    SITES_SHOWN = 8,
    PAGE_WIDTH = 100,
};

/* ---- Values ---- */

struct analysis_style analysis_summary_style(FILE *to)
{
    const char *no_color = getenv("NO_COLOR");
    bool wanted = no_color == NULL || no_color[0] == '\0';

    return (struct analysis_style){.to = to, .colour = wanted && isatty(fileno(to)) == 1};
}

const char *analysis_summary_on(const struct analysis_style *style, enum analysis_colour colour)
{
    static const char *const codes[] = {
        [ANALYSIS_PLAIN] = "",         [ANALYSIS_BOLD] = "\033[1m",  [ANALYSIS_GOOD] = "\033[1;32m",
        [ANALYSIS_BAD] = "\033[1;31m", [ANALYSIS_WARN] = "\033[33m",
    };
    return style->colour ? codes[colour] : "";
}

const char *analysis_summary_off(const struct analysis_style *style)
{
    return style->colour ? "\033[0m" : "";
}

double analysis_summary_number(const cJSON *document, const char *part, const char *key)
{
    const cJSON *o = cJSON_GetObjectItemCaseSensitive(document, part);
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);
    return cJSON_IsNumber(n) ? n->valuedouble : (double)NAN;
}

/* Documents may come from a file: a number that no integer holds is shown as unknown. */
static bool fits(double value, double scale)
{
    return value >= 0 && value * scale < 9e18;
}

char *analysis_summary_seconds(double value, char out[ANALYSIS_CELL_MAX])
{
    char text[SIM_UNITS_TEXT_MAX] = "-";

    if (fits(value, 1e9)) {
        sim_units_format_duration((sim_duration)llround(value * 1e9), text);
    }
    snprintf(out, ANALYSIS_CELL_MAX, "%s", text);
    return out;
}

char *analysis_summary_size(double value, char out[ANALYSIS_CELL_MAX])
{
    char text[SIM_UNITS_TEXT_MAX] = "-";

    if (fits(value, 1)) {
        sim_units_format_size((uint64_t)value, text);
    }
    snprintf(out, ANALYSIS_CELL_MAX, "%s", text);
    return out;
}

char *analysis_summary_rate(double value, char out[ANALYSIS_CELL_MAX])
{
    char text[SIM_UNITS_TEXT_MAX] = "-";

    if (fits(value, 1)) {
        sim_units_format_rate((uint64_t)value, text);
    }
    snprintf(out, ANALYSIS_CELL_MAX, "%s", text);
    return out;
}

char *analysis_summary_times(double value, char out[ANALYSIS_CELL_MAX])
{
    if (isnan(value)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
    } else if (value >= 99.95) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f x", value);
    } else if (value >= 9.995) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.1f x", value);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.2f x", value);
    }
    return out;
}

char *analysis_summary_count(double value, char out[ANALYSIS_CELL_MAX])
{
    if (isnan(value)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f", value);
    }
    return out;
}

static const char *text_of(const cJSON *o, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));
    return text == NULL ? "?" : text;
}

static bool is_valid(const cJSON *document)
{
    const cJSON *validity = cJSON_GetObjectItemCaseSensitive(document, "validity");
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(validity, "valid"));
}

/* ---- The verdict ---- */

static void print_verdict(const struct analysis_style *style, const cJSON *d)
{
    double total = analysis_summary_number(d, "phones", "total");
    double upgraded = analysis_summary_number(d, "phones", "upgraded");
    double current = analysis_summary_number(d, "phones", "current");
    double failed = analysis_summary_number(d, "phones", "failed");
    double unfinished = analysis_summary_number(d, "phones", "unfinished");
    double last = analysis_summary_number(d, "completion_s", "last");
    double copies = analysis_summary_number(d, "bounds", "copies");
    bool good = failed == 0 && unfinished == 0 && is_valid(d);
    char a[ANALYSIS_CELL_MAX];
    FILE *to = style->to;

    fprintf(to, "%s", analysis_summary_on(style, good ? ANALYSIS_GOOD : ANALYSIS_BAD));
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "interrupted"))) {
        fprintf(to, "Interrupted. ");
    }
    fprintf(to, "%.0f of %.0f phones upgraded", upgraded, total - current);
    if (!isnan(last)) {
        fprintf(to, " in %s", analysis_summary_seconds(last, a));
    }
    if (failed > 0) {
        fprintf(to, ", %.0f failed", failed);
    }
    if (unfinished > 0) {
        fprintf(to, ", %.0f unfinished", unfinished);
    }
    if (current > 0) {
        fprintf(to, " (%.0f more were current)", current);
    }
    fprintf(to, "; %s of firmware crossed the WAN",
            analysis_summary_size(analysis_summary_number(d, "wan", "payload_bytes"), a));
    if (!isnan(copies)) {
        fprintf(to, " (%.2f copies)", copies);
    }
    fprintf(to, "; %s.%s\n\n", is_valid(d) ? "valid run" : "INVALID RUN, see below",
            analysis_summary_off(style));
}

/* ---- The figures ---- */

static void print_times(const struct analysis_style *style, const cJSON *d, const char *label,
                        const char *part)
{
    static const struct {
        const char *label, *key;
    } cells[] = {
        {"first", "first"}, {"mean", "mean"}, {"p50", "p50"}, {"p95", "p95"}, {"last", "last"}};
    char a[ANALYSIS_CELL_MAX];

    if (isnan(analysis_summary_number(d, part, "last"))) {
        return;
    }
    fprintf(style->to, "  %-16s", label);
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        fprintf(style->to, "%s%s %s", i == 0 ? "" : "   ", cells[i].label,
                analysis_summary_seconds(analysis_summary_number(d, part, cells[i].key), a));
    }
    fprintf(style->to, "\n");
}

static void print_wan(const struct analysis_style *style, const cJSON *d)
{
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX], c[ANALYSIS_CELL_MAX];
    double configured = analysis_summary_number(d, "wan", "configured_bit_s");
    double drops = analysis_summary_number(d, "wan", "drops");

    if (isnan(configured)) {
        fprintf(style->to, "  %-16snone: phones reach the server directly; %s of configuration\n",
                "WAN", analysis_summary_size(analysis_summary_number(d, "wan", "config_bytes"), a));
        return;
    }
    fprintf(style->to, "  %-16s%s on the line: %s firmware, %s configuration", "WAN",
            analysis_summary_size(analysis_summary_number(d, "wan", "bytes"), a),
            analysis_summary_size(analysis_summary_number(d, "wan", "payload_bytes"), b),
            analysis_summary_size(analysis_summary_number(d, "wan", "config_bytes"), c));
    fprintf(style->to, "; %s up\n",
            analysis_summary_size(analysis_summary_number(d, "wan", "up_bytes"), a));
    fprintf(style->to, "  %-16smean %s", "",
            analysis_summary_rate(analysis_summary_number(d, "wan", "mean_bit_s"), a));
    fprintf(style->to, " of %s (%.0f %%), peak %s, busy %s", analysis_summary_rate(configured, a),
            100 * analysis_summary_number(d, "wan", "utilisation"),
            analysis_summary_rate(analysis_summary_number(d, "wan", "peak_bit_s"), b),
            analysis_summary_seconds(analysis_summary_number(d, "wan", "busy_s"), c));
    if (drops > 0) {
        fprintf(style->to, ", %.0f packets lost or dropped", drops);
    }
    fprintf(style->to, "\n");
}

static void print_rest(const struct analysis_style *style, const cJSON *d)
{
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX], c[ANALYSIS_CELL_MAX];
    double gap = analysis_summary_number(d, "bounds", "gap");
    double refused = analysis_summary_number(d, "server", "refused");
    FILE *to = style->to;

    fprintf(to, "  %-16s%s between phones, %s broadcasts\n", "LAN",
            analysis_summary_size(analysis_summary_number(d, "lan", "payload_bytes"), a),
            analysis_summary_count(analysis_summary_number(d, "lan", "broadcasts"), b));
    fprintf(to, "  %-16s%s requests, %s errors, at most %s transfers at once", "server",
            analysis_summary_count(analysis_summary_number(d, "server", "requests"), a),
            analysis_summary_count(analysis_summary_number(d, "server", "errors"), b),
            analysis_summary_count(analysis_summary_number(d, "server", "peak_transfers"), c));
    if (refused > 0) {
        fprintf(to, ", %.0f refused", refused);
    }
    fprintf(to, "\n");
    if (analysis_summary_number(d, "trees_summary", "count") > 0) {
        fprintf(
            to, "  %-16s%s, at most %s deep, at most %s children", "trees",
            analysis_summary_count(analysis_summary_number(d, "trees_summary", "count"), a),
            analysis_summary_count(analysis_summary_number(d, "trees_summary", "depth_max"), b),
            analysis_summary_count(analysis_summary_number(d, "trees_summary", "max_children"), c));
        fprintf(
            to, "; %s whole files came over the WAN\n",
            analysis_summary_count(analysis_summary_number(d, "trees_summary", "wan_copies"), a));
    }
    if (!isnan(gap)) {
        fprintf(to, "  %-16s%s the best possible %s (the WAN alone needs %s)\n", "distance",
                analysis_summary_times(gap, a),
                analysis_summary_seconds(analysis_summary_number(d, "bounds", "optimum_s"), b),
                analysis_summary_seconds(analysis_summary_number(d, "bounds", "wan_floor_s"), c));
    }
}

static void print_thresholds(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *t;
    const char *label = "thresholds";

    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(d, "thresholds"))
    {
        bool met = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "met"));
        const cJSON *value = cJSON_GetObjectItemCaseSensitive(t, "value");
        fprintf(style->to, "  %-16s%s%-7s%s%s", label,
                analysis_summary_on(style, met ? ANALYSIS_GOOD : ANALYSIS_BAD),
                met ? "met" : "MISSED", analysis_summary_off(style), text_of(t, "expression"));
        if (cJSON_IsNumber(value)) {
            fprintf(style->to, " (it is %.6g)\n", value->valuedouble);
        } else {
            fprintf(style->to, " (it has no value)\n");
        }
        label = "";
    }
}

static void print_sites(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(d, "sites");
    const cJSON *site;
    int len = cJSON_GetArraySize(list), shown = 0;
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX], c[ANALYSIS_CELL_MAX];

    if (len < 2) {
        return;
    }
    fprintf(style->to, "\n  %-24s %15s %10s %12s %14s %10s\n", "site (worst first)", "upgraded",
            "failed", "last", "WAN firmware", "distance");
    cJSON_ArrayForEach(site, list)
    {
        char counts[ANALYSIS_CELL_MAX];
        if (shown++ == SITES_SHOWN) {
            fprintf(style->to, "  and %d more; sites.csv has all\n", len - SITES_SHOWN);
            break;
        }
        snprintf(counts, sizeof(counts), "%.0f of %.0f",
                 analysis_summary_number(site, "phones", "upgraded"),
                 analysis_summary_number(site, "phones", "total"));
        fprintf(style->to, "  %-24.40s %15s %10.0f %12s %14s %10s\n", text_of(site, "name"), counts,
                analysis_summary_number(site, "phones", "failed"),
                analysis_summary_seconds(analysis_summary_number(site, "completion_s", "last"), a),
                analysis_summary_size(analysis_summary_number(site, "wan", "payload_bytes"), b),
                analysis_summary_times(analysis_summary_number(site, "bounds", "gap"), c));
    }
}

/* ---- Trouble ---- */

static int compare_reasons(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;

    if (x->valuedouble != y->valuedouble) {
        return x->valuedouble > y->valuedouble ? -1 : 1;
    }
    return strcmp(x->string, y->string);
}

/* A phone that failed for that reason: where to look. */
static const cJSON *example_of(const cJSON *d, const char *reason)
{
    const cJSON *failure;

    cJSON_ArrayForEach(failure, cJSON_GetObjectItemCaseSensitive(d, "failures"))
    {
        if (strcmp(text_of(failure, "reason"), reason) == 0) {
            return failure;
        }
    }
    return NULL;
}

static void print_failures(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(d, "failures_by_reason");
    int len = cJSON_GetArraySize(reasons);
    const cJSON **sorted = calloc((size_t)len + 1, sizeof(const cJSON *));
    const cJSON *reason;
    int at = 0;

    if (len == 0 || sorted == NULL) {
        free(sorted);
        return;
    }
    cJSON_ArrayForEach(reason, reasons)
    {
        sorted[at++] = reason;
    }
    qsort(sorted, (size_t)len, sizeof(sorted[0]), compare_reasons);
    fprintf(style->to, "\n%sWhy phones are not upgraded%s\n",
            analysis_summary_on(style, ANALYSIS_BOLD), analysis_summary_off(style));
    for (int i = 0; i < len && i < REASONS_SHOWN; i++) {
        const cJSON *example = example_of(d, sorted[i]->string);
        fprintf(style->to, "  %6.0f  %s", sorted[i]->valuedouble, sorted[i]->string);
        if (example != NULL) {
            fprintf(style->to, "  (like %s at %s)", text_of(example, "phone"),
                    text_of(example, "site"));
        }
        fprintf(style->to, "\n");
    }
    if (len > REASONS_SHOWN) {
        fprintf(style->to, "  and %d more reasons; failures_by_reason in the result has all\n",
                len - REASONS_SHOWN);
    }
    free(sorted);
}

/* "  - the text", broken between words where it would leave the page. */
static void print_item(const struct analysis_style *style, const char *text)
{
    size_t column = 4;

    fprintf(style->to, "  - ");
    while (*text != '\0') {
        size_t word = strcspn(text, " "), gap = strspn(text + word, " ");
        if (column > 4 && column + word > PAGE_WIDTH) {
            fprintf(style->to, "\n    ");
            column = 4;
        }
        /* The gap belongs to the next word, unless that begins a line. */
        size_t next = strcspn(text + word + gap, " ");
        bool breaks = text[word + gap] == '\0' || column + word + gap + next > PAGE_WIDTH;
        fprintf(style->to, "%.*s%.*s", (int)word, text, breaks ? 0 : (int)gap, text + word);
        column += word + gap;
        text += word + gap;
    }
    fprintf(style->to, "\n");
}

void analysis_summary_items(const struct analysis_style *style, const char *title,
                            const cJSON *list)
{
    const cJSON *item;

    if (cJSON_GetArraySize(list) > 0) {
        fprintf(style->to, "\n%s%s%s\n", analysis_summary_on(style, ANALYSIS_WARN), title,
                analysis_summary_off(style));
    }
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);
        print_item(style, text == NULL ? "?" : text);
    }
}

void analysis_summary_trouble(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *validity = cJSON_GetObjectItemCaseSensitive(d, "validity");
    const cJSON *item;

    print_failures(style, d);
    if (!is_valid(d)) {
        fprintf(style->to, "\n%sThis run is invalid: the machine, not the phones, set the pace%s\n",
                analysis_summary_on(style, ANALYSIS_BAD), analysis_summary_off(style));
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(validity, "reasons"))
        {
            const char *text = cJSON_GetStringValue(item);
            print_item(style, text == NULL ? "?" : text);
        }
        fprintf(style->to, "  What to do: give it more loops (\"threads\"), fewer phones or slower "
                           "ports (lan.rate),\n  a quieter machine; pfsim doctor SCENARIO compares "
                           "demand with capacity.\n");
    }
    analysis_summary_items(style, "Mind", cJSON_GetObjectItemCaseSensitive(d, "caution"));
}

void analysis_summary_run(const struct analysis_style *style, const cJSON *d, const char *out)
{
    fprintf(style->to, "%s: method %s, %s world\n", text_of(d, "scenario"), text_of(d, "method"),
            text_of(d, "world"));
    print_verdict(style, d);
    print_times(style, d, "completion", "completion_s");
    print_times(style, d, "back in service", "back_in_service_s");
    print_wan(style, d);
    print_rest(style, d);
    print_thresholds(style, d);
    print_sites(style, d);
    analysis_summary_trouble(style, d);
    if (out != NULL) {
        fprintf(style->to,
                "\nResults: %s/result.json, scenario.json, phones.csv, sites.csv, transfers.csv,\n"
                "phases.csv, series.csv\nReport:  %s/report.html\n",
                out,
                out);
    }
}
