/* analysis/plan/print.c -- see print.h. */
#include "analysis/plan/print.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "analysis/columns.h"
#include "analysis/quantity.h"

enum {
    NEEDS_SHOWN = 6,
    NAMES_SHOWN = 3,
    SENTENCE_MAX = 2048, /* bytes with the NUL */
};

static const cJSON *at(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static double number(const cJSON *o, const char *key)
{
    const cJSON *n = at(o, key);
    return cJSON_IsNumber(n) ? n->valuedouble : (double)NAN;
}

static const char *text(const cJSON *o, const char *key)
{
    const char *t = cJSON_GetStringValue(at(o, key));
    return t != NULL ? t : "?";
}

static bool is_true(const cJSON *o, const char *key)
{
    return cJSON_IsTrue(at(o, key));
}

/* A sentence that grows; what does not fit is left out. */
struct sentence {
    char bytes[SENTENCE_MAX];
    size_t len;
};

static void add(struct sentence *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct sentence *s, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(s->bytes + s->len, sizeof(s->bytes) - s->len, format, arguments);
    va_end(arguments);
    if (n > 0) {
        size_t room = sizeof(s->bytes) - 1 - s->len;
        s->len += (size_t)n < room ? (size_t)n : room;
    }
}

/* "12 %", "0.4 %"; "-" for NAN. */
static char *percent(double share, char out[ANALYSIS_CELL_MAX])
{
    if (isnan(share)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
    } else if (fabs(share) < 0.0995) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.1f %%", 100 * share);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f %%", 100 * share);
    }
    return out;
}

static void title(const struct analysis_style *style, const char *words)
{
    fprintf(style->to, "\n%s", analysis_summary_on(style, ANALYSIS_BOLD));
    analysis_summary_wrap(style, 0, 0, words);
    fprintf(style->to, "%s", analysis_summary_off(style));
}

/* ---- Verdict ---- */

/* Does `needs` ask the same of all classes? Then it is not said again of each. */
static bool is_said_of_all(const cJSON *needs, const char *need)
{
    const char *path = strstr(need, "].");
    const cJSON *other;

    cJSON_ArrayForEach(other, needs)
    {
        const char *o = cJSON_GetStringValue(other);
        if (path != NULL && o != NULL && strcmp(o, path + 2) == 0) {
            return true;
        }
    }
    return false;
}

static void print_needs(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *needs = at(d, "needs"), *need;
    struct sentence s = {.len = 0};
    char cell[ANALYSIS_QUANTITY_TEXT_MAX];
    int shown = 0, all = 0;

    add(&s, "must hold: ");
    cJSON_ArrayForEach(need, needs)
    {
        const char *t = cJSON_GetStringValue(need);
        if (t == NULL || strncmp(t, "phones.unfinished", 17) == 0 || is_said_of_all(needs, t)) {
            continue;
        }
        all++;
        if (shown < NEEDS_SHOWN) {
            add(&s, "%s%s", shown > 0 ? ", " : "", analysis_quantity_expression(t, cell));
            shown++;
        }
    }
    if (all > shown) {
        add(&s, " and %d more", all - shown);
    }
    analysis_summary_wrap(style, 0, 2, s.bytes);
}

static bool has_measure(const cJSON *class)
{
    return cJSON_GetArraySize(at(at(class, "measure"), "parts")) > 0;
}

/* Does it miss as it is, and keep everything when only the others have measures? */
static bool is_freed(const cJSON *class)
{
    return !is_true(at(class, "as_it_is"), "met") && !has_measure(class);
}

/* "kiosk and shop fit once the others have theirs"; nothing when all need a measure. */
static void add_freed(struct sentence *s, const cJSON *classes)
{
    const cJSON *c;
    int freed = 0, named = 0;

    cJSON_ArrayForEach(c, classes)
    {
        freed += is_freed(c);
    }
    cJSON_ArrayForEach(c, classes)
    {
        if (is_freed(c) && freed <= NAMES_SHOWN) {
            add(s, "%s%s", named == 0 ? "" : named == freed - 1 ? " and " : ", ", text(c, "name"));
            named++;
        }
    }
    if (freed > NAMES_SHOWN) {
        add(s, "the %d others", freed);
    }
    add(s, freed == 0   ? "with those below all keep it"
           : freed == 1 ? " fits once the others have theirs"
                        : " fit once the others have theirs");
}

/* Who needs what, of a plan that was found. */
static void add_found(struct sentence *s, const cJSON *d)
{
    const cJSON *classes = at(d, "classes"), *c;
    int len = cJSON_GetArraySize(classes), need = 0;

    cJSON_ArrayForEach(c, classes)
    {
        need += has_measure(c);
    }
    if (is_true(d, "fits_as_it_is")) {
        add(s, "It fits as it is: nothing to change.");
    } else if (len == 1) {
        add(s, "It does not fit as it is; with the measure below it does.");
    } else {
        add(s, "%d of %d classes need%s a measure; ", need, len, need == 1 ? "s" : "");
        add_freed(s, classes);
        add(s, ".");
    }
}

static void print_verdict(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *planned = at(d, "planned");
    double failed = number(at(d, "as_it_is"), "failed"), seeds = number(d, "seeds");
    bool found = is_true(d, "found");
    struct sentence verdict = {.len = 0}, s = {.len = 0};
    char cell[ANALYSIS_CELL_MAX], need[ANALYSIS_QUANTITY_TEXT_MAX];

    if (found) {
        add_found(&verdict, d);
    } else {
        add(&verdict, "It does not fit, and no measure that is allowed makes it.");
    }
    fprintf(style->to, "%s", analysis_summary_on(style, found ? ANALYSIS_GOOD : ANALYSIS_BAD));
    analysis_summary_wrap(style, 0, 0, verdict.bytes);
    fprintf(style->to, "%s", analysis_summary_off(style));
    if (failed > 0) {
        add(&s, "As it is %.0f of %.0f phones fail in the worst seed. ", failed,
            number(d, "phones"));
    }
    if (found) {
        add(&s, "%s phone after %s; ", failed > 0 ? "As planned the last" : "Last",
            analysis_summary_seconds(number(planned, "last_s"), cell));
        add(&s, "least margin over %.0f seed%s %s", seeds, seeds == 1 ? "" : "s",
            percent(number(planned, "margin"), cell));
        if (at(planned, "nearest") != NULL) {
            const char *nearest = text(planned, "nearest");
            char metric[ANALYSIS_QUANTITY_TEXT_MAX];
            snprintf(metric, sizeof(metric), "%.*s", (int)analysis_quantity_metric_len(nearest),
                     nearest);
            add(&s, " (%s: it is ", analysis_quantity_expression(nearest, need));
            add(&s, "%s)",
                analysis_quantity_format(metric, number(planned, "nearest_value"), cell));
        }
        add(&s, ".");
    }
    if (s.len > 0) {
        analysis_summary_wrap(style, 0, 0, s.bytes);
    }
}

/* ---- Classes ---- */

/* What is wrong with a trial of one copy of a class (the worst), in one cell: "12 of 30 failed",
 * "22 % late", "line 40 % over". */
static char *misfit(const cJSON *trial, const cJSON *class, char out[ANALYSIS_CELL_MAX])
{
    char cell[ANALYSIS_CELL_MAX];
    const char *nearest = text(trial, "nearest"), *path = strstr(nearest, "].");

    path = path != NULL ? path + 2 : nearest;
    percent(-number(trial, "margin"), cell);
    if (is_true(trial, "met")) {
        snprintf(out, ANALYSIS_CELL_MAX, "fits");
    } else if (number(trial, "failed") > 0) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f of %.0f failed", number(trial, "failed"),
                 number(class, "phones"));
    } else if (strncmp(path, "completion_s.", 13) == 0 ||
               strncmp(path, "back_in_service_s.", 18) == 0) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.20s late", cell);
    } else if (strncmp(path, "wan.", 4) == 0) {
        snprintf(out, ANALYSIS_CELL_MAX, "line %.20s over", cell);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.*s off", (int)strcspn(path, " "), path);
    }
    return out;
}

static bool has_copies(const cJSON *classes)
{
    const cJSON *c;

    cJSON_ArrayForEach(c, classes)
    {
        if (number(c, "copies") > 1) {
            return true;
        }
    }
    return false;
}

static void add_class(struct analysis_columns *t, const cJSON *c)
{
    const cJSON *now = at(c, "as_it_is"), *then = at(c, "trial");
    bool solved = is_true(c, "solved") && is_true(then, "met");
    char cell[ANALYSIS_CELL_MAX];

    analysis_columns_add(t, ANALYSIS_PLAIN, text(c, "name"));
    snprintf(cell, sizeof(cell), "%.0f x %.0f", number(c, "copies"), number(c, "phones"));
    analysis_columns_add(t, ANALYSIS_PLAIN, cell);
    analysis_columns_add(t, ANALYSIS_PLAIN,
                         cJSON_IsNull(at(c, "wan_bit_s"))
                             ? "none"
                             : analysis_summary_rate(number(c, "wan_bit_s"), cell));
    analysis_columns_add(t, is_true(now, "met") ? ANALYSIS_PLAIN : ANALYSIS_BAD,
                         misfit(now, c, cell));
    analysis_columns_add(t, solved ? ANALYSIS_PLAIN : ANALYSIS_BAD,
                         solved ? text(c, "text") : "nothing");
    analysis_columns_add(t, ANALYSIS_PLAIN, analysis_summary_seconds(number(then, "last_s"), cell));
    analysis_columns_add(t, ANALYSIS_PLAIN, percent(number(then, "margin"), cell));
}

static void print_classes(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *classes = at(d, "classes"), *c;
    const struct analysis_column list[] = {
        {.head = "class", .left = true},
        {.head = "sites", .drop = 2},
        {.head = "line", .drop = 1},
        {.head = has_copies(classes) ? "as it is, worst copy" : "as it is", .left = true},
        {.head = "cheapest that fits", .left = true},
        {.head = "last phone"},
        {.head = "margin", .drop = 3},
    };
    struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));

    cJSON_ArrayForEach(c, classes)
    {
        add_class(t, c);
    }
    fputc('\n', style->to);
    analysis_columns_print(t, style, 0);
    analysis_columns_free(t);
}

/* ---- What was tried ---- */

static void add_try(struct analysis_columns *t, const cJSON *try, const cJSON *c)
{
    const cJSON *trial = at(try, "trial");
    bool ran = cJSON_IsObject(trial), met = is_true(trial, "met");
    const char *why = cJSON_GetStringValue(at(try, "why"));
    double share = number(trial, "wan_peak_bit_s") / number(c, "wan_bit_s");
    char cell[ANALYSIS_CELL_MAX], verdict[256];

    if (!ran) {
        snprintf(verdict, sizeof(verdict), "ruled out by closed forms: %.200s",
                 why != NULL ? why : "?");
    } else if (met) {
        snprintf(verdict, sizeof(verdict), "fits, margin %.20s",
                 percent(number(trial, "margin"), cell));
    } else {
        snprintf(verdict, sizeof(verdict), "%.200s", why != NULL ? why : misfit(trial, c, cell));
    }
    analysis_columns_add(t, ANALYSIS_PLAIN, text(try, "text"));
    snprintf(cell, sizeof(cell), "%.4g", number(try, "cost"));
    analysis_columns_add(t, ANALYSIS_PLAIN, cell);
    analysis_columns_add(t, ANALYSIS_PLAIN, analysis_summary_seconds(number(trial, "p95_s"), cell));
    analysis_columns_add(t, ANALYSIS_PLAIN,
                         analysis_summary_seconds(number(trial, "last_s"), cell));
    analysis_columns_add(t, ANALYSIS_PLAIN, percent(share, cell));
    analysis_columns_add(t, ANALYSIS_PLAIN, verdict);
}

static void print_tried(const struct analysis_style *style, const cJSON *d)
{
    static const struct analysis_column list[] = {
        {.head = "measure", .left = true}, {.head = "cost", .drop = 3},
        {.head = "p95", .drop = 1},        {.head = "last", .drop = 3},
        {.head = "WAN peak", .drop = 2},   {.head = "answer", .left = true, .wraps = true},
    };
    struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));
    const cJSON *c, *try;
    bool any = false;

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        if (cJSON_GetArraySize(at(c, "tried")) < 2 && is_true(c, "solved")) {
            continue;
        }
        any = true;
        analysis_columns_line(t, text(c, "name"));
        cJSON_ArrayForEach(try, at(c, "tried"))
        {
            add_try(t, try, c);
        }
    }
    if (any) {
        title(style, "What was tried, one copy of each class alone (worst seed)");
        analysis_columns_print(t, style, 4);
    }
    analysis_columns_free(t);
}

static void print_notes(const struct analysis_style *style, const cJSON *d)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *c, *n;
    char line[600];

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        cJSON_ArrayForEach(n, at(c, "notes"))
        {
            const char *t = cJSON_GetStringValue(n);
            snprintf(line, sizeof(line), "%.100s: %.450s.", text(c, "name"), t != NULL ? t : "?");
            cJSON_AddItemToArray(list, cJSON_CreateString(line));
        }
    }
    analysis_summary_items(style, "Notes", list);
    cJSON_Delete(list);
}

/* ---- By hand ---- */

static void print_legend(const struct analysis_style *style)
{
    static const char *const lines[] = {
        "one copy: a load (of each model) / line, no scheme is faster",
        "a copy each: phones x load / line",
        "TFTP, alone: one phone's load in lock-step, blocks x RTT + sending",
        "tree: one copy / line + depth x last file / port",
        "Mundinger, Weber, Weiss 2008: the phones behind the root, best schedule, over ports",
        "Kumar, Ross 2006: max(F/u_s, F/d_min, N F/(u_s + sum u_i)), line and ports together",
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        fprintf(style->to, "  ");
        analysis_summary_wrap(style, 2, 4, lines[i]);
    }
}

static void print_bounds(const struct analysis_style *style, const cJSON *d)
{
    static const char *const keys[] = {"one_copy_s", "all_copies_s", "tftp_lock_step_s",
                                       "tree_s",     "mundinger_s",  "kumar_ross_s"};
    static const struct analysis_column list[] = {
        {.head = "class", .left = true},   {.head = "one copy"},
        {.head = "a copy each"},           {.head = "TFTP, alone", .drop = 3},
        {.head = "tree", .drop = 2},       {.head = "Mundinger", .drop = 1},
        {.head = "Kumar-Ross", .drop = 1},
    };
    struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));
    const cJSON *c;
    char cell[ANALYSIS_CELL_MAX];

    title(style, "To check by hand (closed forms, no run; headers and boot left out)");
    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        analysis_columns_add(t, ANALYSIS_PLAIN, text(c, "name"));
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            double value = number(at(c, "bounds"), keys[k]);
            analysis_columns_add(t, ANALYSIS_PLAIN, analysis_summary_seconds(value, cell));
        }
    }
    analysis_columns_print(t, style, 2);
    analysis_columns_free(t);
    print_legend(style);
}

static void print_heading(const struct analysis_style *style, const cJSON *d)
{
    int classes = cJSON_GetArraySize(at(d, "classes"));
    double sites = number(d, "sites");
    struct sentence s = {.len = 0};

    add(&s, "%s: %.0f site%s of %d class%s, ", text(d, "scenario"), sites, sites == 1 ? "" : "s",
        classes, classes == 1 ? "" : "es");
    add(&s, "%.0f phones, method %s, %s network", number(d, "phones"), text(d, "method"),
        text(d, "network"));
    analysis_summary_wrap(style, 0, 2, s.bytes);
}

void analysis_plan_print(const struct analysis_style *style, const cJSON *d, const char *out)
{
    struct sentence files = {.len = 0};

    print_heading(style, d);
    print_needs(style, d);
    print_verdict(style, d);
    print_classes(style, d);
    print_tried(style, d);
    print_notes(style, d);
    print_bounds(style, d);
    analysis_summary_items(style, "Mind", at(d, "caution"));
    if (out != NULL) {
        add(&files, "files: %s/plan.json", out);
        if (is_true(d, "found")) {
            add(&files, ", %s/planned.json (ready to run)", out);
        }
        fputc('\n', style->to);
        analysis_summary_wrap(style, 0, 2, files.bytes);
    }
}
