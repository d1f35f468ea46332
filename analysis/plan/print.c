/* analysis/plan/print.c -- see print.h. */
#include "analysis/plan/print.h"

#include <math.h>
#include <string.h>

enum { NEEDS_SHOWN = 6, NAME_WIDTH = 12 };

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

/* "by 12 %", "no limit near" */
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
    fprintf(style->to, "\n%s%s%s\n", analysis_summary_on(style, ANALYSIS_BOLD), words,
            analysis_summary_off(style));
}

/* ---- Verdict ---- */

static int count_misfits(const cJSON *classes)
{
    const cJSON *c;
    int count = 0;

    cJSON_ArrayForEach(c, classes)
    {
        count += !is_true(at(c, "as_it_is"), "met");
    }
    return count;
}

static void print_needs(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *needs = at(d, "needs"), *need;
    int shown = 0, all = 0;

    fprintf(style->to, "must hold: ");
    cJSON_ArrayForEach(need, needs)
    {
        const char *t = cJSON_GetStringValue(need);
        if (t == NULL || strncmp(t, "phones.unfinished", 17) == 0) {
            continue;
        }
        /* What each class has to keep because all have to is not said again. */
        const char *path = strstr(t, "].");
        bool again = false;
        const cJSON *other;
        cJSON_ArrayForEach(other, needs)
        {
            const char *o = cJSON_GetStringValue(other);
            again = again || (path != NULL && o != NULL && strcmp(o, path + 2) == 0);
        }
        if (again) {
            continue;
        }
        all++;
        if (shown < NEEDS_SHOWN) {
            fprintf(style->to, "%s%s", shown > 0 ? ", " : "", t);
            shown++;
        }
    }
    fprintf(style->to, all > shown ? " and %d more\n" : "\n", all - shown);
}

static void print_verdict(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *classes = at(d, "classes"), *planned = at(d, "planned");
    int misfits = count_misfits(classes), len = cJSON_GetArraySize(classes);
    bool found = is_true(d, "found");
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX];

    fprintf(style->to, "%s", analysis_summary_on(style, found ? ANALYSIS_GOOD : ANALYSIS_BAD));
    if (is_true(d, "fits_as_it_is")) {
        fprintf(style->to, "It fits as it is: nothing to change.");
    } else if (found && len == 1) {
        fprintf(style->to, "It does not fit as it is; with the measure below it does.");
    } else if (found) {
        fprintf(style->to,
                "%d of %d classes do%s not fit as they are; with the measures below all do.",
                misfits, len, misfits == 1 ? "es" : "");
    } else {
        fprintf(style->to, "It does not fit, and no measure that is allowed makes it.");
    }
    fprintf(style->to, "%s\n", analysis_summary_off(style));
    if (found) {
        fprintf(style->to, "Last phone after %s; least margin over %.0f seed%s %s",
                analysis_summary_seconds(number(planned, "last_s"), a), number(d, "seeds"),
                number(d, "seeds") == 1 ? "" : "s", percent(number(planned, "margin"), b));
        if (at(planned, "nearest") != NULL) {
            fprintf(style->to, " (%s: %.6g)", text(planned, "nearest"),
                    number(planned, "nearest_value"));
        }
        fprintf(style->to, ".\n");
    }
}

/* ---- Classes ---- */

/* What is wrong with a trial, in one cell: "12 failed", "22 % late", "line 40 % over". */
static char *misfit(const cJSON *trial, char out[ANALYSIS_CELL_MAX])
{
    char cell[ANALYSIS_CELL_MAX];
    const char *nearest = text(trial, "nearest"), *path = strstr(nearest, "].");

    path = path != NULL ? path + 2 : nearest;
    percent(-number(trial, "margin"), cell);
    if (is_true(trial, "met")) {
        snprintf(out, ANALYSIS_CELL_MAX, "fits");
    } else if (number(trial, "failed") > 0) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f failed", number(trial, "failed"));
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

static void print_classes(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *c;
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX], l[ANALYSIS_CELL_MAX], m[ANALYSIS_CELL_MAX],
        p[ANALYSIS_CELL_MAX], sites[ANALYSIS_CELL_MAX];

    fprintf(style->to, "\n%s%-*s %9s %13s %12s %-14s  %-24s %12s %7s%s\n",
            analysis_summary_on(style, ANALYSIS_BOLD), NAME_WIDTH, "class", "sites", "line",
            "as it is", "", "cheapest that fits", "last phone", "margin",
            analysis_summary_off(style));
    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        const cJSON *now = at(c, "as_it_is"), *then = at(c, "trial");
        bool solved = is_true(c, "solved") && is_true(then, "met");
        snprintf(sites, sizeof(sites), "%.0f x %.0f", number(c, "copies"), number(c, "phones"));
        fprintf(style->to, "%-*.*s %9s %13s %12s %s%-14s%s  %s%-24s%s %12s %7s\n", NAME_WIDTH,
                NAME_WIDTH, text(c, "name"), sites,
                cJSON_IsNull(at(c, "wan_bit_s")) ? "none"
                                                 : analysis_summary_rate(number(c, "wan_bit_s"), a),
                analysis_summary_seconds(number(now, "last_s"), b),
                is_true(now, "met") ? "" : analysis_summary_on(style, ANALYSIS_BAD), misfit(now, m),
                analysis_summary_off(style), solved ? "" : analysis_summary_on(style, ANALYSIS_BAD),
                solved ? text(c, "text") : "nothing", analysis_summary_off(style),
                analysis_summary_seconds(number(then, "last_s"), l),
                percent(number(then, "margin"), p));
    }
}

/* ---- What was tried ---- */

static void print_try(const struct analysis_style *style, const cJSON *t, const cJSON *c)
{
    const cJSON *trial = at(t, "trial");
    char p95[ANALYSIS_CELL_MAX], last[ANALYSIS_CELL_MAX], wan[ANALYSIS_CELL_MAX],
        verdict[ANALYSIS_CELL_MAX], margin[ANALYSIS_CELL_MAX];

    if (!cJSON_IsObject(trial)) {
        fprintf(style->to, "    %-30s %5.4g  not run: %s\n", text(t, "text"), number(t, "cost"),
                text(t, "why"));
        return;
    }
    double share = number(trial, "wan_peak_bit_s") / number(c, "wan_bit_s");
    if (is_true(trial, "met")) {
        snprintf(verdict, sizeof(verdict), "fits, margin %.20s",
                 percent(number(trial, "margin"), margin));
    } else if (at(t, "why") != NULL) {
        snprintf(verdict, sizeof(verdict), "%.90s", text(t, "why"));
    } else {
        misfit(trial, verdict);
    }
    fprintf(style->to, "    %-30s %5.4g %12s %12s %8s  %s\n", text(t, "text"), number(t, "cost"),
            analysis_summary_seconds(number(trial, "p95_s"), p95),
            analysis_summary_seconds(number(trial, "last_s"), last), percent(share, wan), verdict);
}

static void print_tried(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *c, *t;
    bool begun = false;

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        if (cJSON_GetArraySize(at(c, "tried")) < 2 && is_true(c, "solved")) {
            continue;
        }
        if (!begun) {
            title(style, "What was tried, one copy of each class alone (worst seed)");
            fprintf(style->to, "    %-30s %5s %12s %12s %8s  %s\n", "measure", "cost", "p95",
                    "last", "WAN peak", "");
            begun = true;
        }
        fprintf(style->to, "  %s\n", text(c, "name"));
        cJSON_ArrayForEach(t, at(c, "tried"))
        {
            print_try(style, t, c);
        }
    }
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

static void print_bounds(const struct analysis_style *style, const cJSON *d)
{
    static const char *const keys[] = {"one_copy_s", "all_copies_s", "tftp_lock_step_s",
                                       "tree_s",     "mundinger_s",  "kumar_ross_s"};
    const cJSON *c;
    char cell[ANALYSIS_CELL_MAX];

    title(style, "To check by hand (closed forms, no run; headers and boot left out)");
    fprintf(style->to, "  %-*s %13s %13s %13s %13s %13s %13s\n", NAME_WIDTH, "class", "one copy",
            "a copy each", "TFTP, alone", "tree", "Mundinger", "Kumar-Ross");
    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        fprintf(style->to, "  %-*.*s", NAME_WIDTH, NAME_WIDTH, text(c, "name"));
        for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
            fprintf(style->to, " %13s",
                    analysis_summary_seconds(number(at(c, "bounds"), keys[k]), cell));
        }
        fprintf(style->to, "\n");
    }
    fprintf(
        style->to,
        "  one copy: a load (of each model) / line, no scheme is faster; a copy each: phones x "
        "load / line;\n"
        "  TFTP: one phone's load in lock-step, blocks x RTT + sending; tree: one copy / line + "
        "depth x last\n"
        "  file / port; Mundinger, Weber, Weiss 2008: the phones behind the root, best "
        "schedule, over ports;\n"
        "  Kumar, Ross 2006: max(F/u_s, F/d_min, N F/(u_s + sum u_i)), line and ports "
        "together\n");
}

void analysis_plan_print(const struct analysis_style *style, const cJSON *d, const char *out)
{
    fprintf(style->to, "%s: %.0f site%s of %d class%s, %.0f phones, method %s, %s network\n",
            text(d, "scenario"), number(d, "sites"), number(d, "sites") == 1 ? "" : "s",
            cJSON_GetArraySize(at(d, "classes")),
            cJSON_GetArraySize(at(d, "classes")) == 1 ? "" : "es", number(d, "phones"),
            text(d, "method"), text(d, "network"));
    print_needs(style, d);
    print_verdict(style, d);
    print_classes(style, d);
    print_tried(style, d);
    print_notes(style, d);
    print_bounds(style, d);
    analysis_summary_items(style, "Mind", at(d, "caution"));
    if (out != NULL) {
        fprintf(style->to, "\nfiles: %s/plan.json%s%s%s\n", out, is_true(d, "found") ? ", " : "",
                is_true(d, "found") ? out : "",
                is_true(d, "found") ? "/planned.json (ready to run)" : "");
    }
}
