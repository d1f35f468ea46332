/* analysis/plan/print.c -- see print.h. */
#include "analysis/plan/print.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "analysis/columns.h"
#include "analysis/quantity.h"

enum {
    NEEDS_SHOWN = 6,
    NAMES_SHOWN = 12,
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

/* Does it need one? What the server grants to all since another class needs it is none for who fits
 * without. */
static bool has_measure(const cJSON *class)
{
    int parts = cJSON_GetArraySize(at(at(class, "measure"), "parts"));

    return parts > cJSON_GetArraySize(at(class, "given")) ||
           (parts > 0 && !is_true(at(class, "as_it_is"), "met"));
}

/* Does it miss as it is, and keep everything when only the others have measures? */
static bool is_freed(const cJSON *class)
{
    return !is_true(at(class, "as_it_is"), "met") && !has_measure(class);
}

static bool is_solved(const cJSON *class)
{
    return is_true(class, "solved") && is_true(at(class, "trial"), "met");
}

/* What is said of a class in the verdict, in this order; classes with the same are said together.
 */
enum { HOPELESS, CHANGED, FREED, FITS, ANSWERS };

static int answer_of(const cJSON *d, const cJSON *c, char out[SENTENCE_MAX])
{
    if (!is_true(d, "found") && !is_solved(c)) {
        snprintf(out, SENTENCE_MAX, "no measure helps");
        return HOPELESS;
    }
    if (has_measure(c)) {
        snprintf(out, SENTENCE_MAX, "%.200s", text(c, "text"));
        return CHANGED;
    }
    if (cJSON_GetArraySize(at(c, "given")) > 0) {
        snprintf(out, SENTENCE_MAX, "fits as it is; the server's %.200s comes with the others",
                 text(c, "text"));
        return FITS;
    }
    bool freed = is_freed(c);
    snprintf(out, SENTENCE_MAX, "%s",
             freed ? "nothing to change once the others have theirs" : "fits as it is");
    return freed ? FREED : FITS;
}

/* "branch, depot (10 sites): PFS", for all classes from `c` on with the same answer. */
static void print_answer(const struct analysis_style *style, const cJSON *d, const cJSON *c,
                         const char *answer)
{
    struct sentence s = {.len = 0};
    char again[SENTENCE_MAX];
    double sites = 0;
    int len = 0;

    for (; c != NULL; c = c->next) {
        answer_of(d, c, again);
        if (strcmp(answer, again) != 0) {
            continue;
        }
        sites += number(c, "copies");
        if (len++ < NAMES_SHOWN) {
            add(&s, "%s%s", len > 1 ? ", " : "", text(c, "name"));
        }
    }
    if (len > NAMES_SHOWN) {
        add(&s, " and %d more", len - NAMES_SHOWN);
    }
    add(&s, " (%.0f site%s): %s", sites, sites == 1 ? "" : "s", answer);
    fprintf(style->to, "  ");
    analysis_summary_wrap(style, 2, 4, s.bytes);
}

static void print_answers(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *classes = at(d, "classes"), *c, *other;
    char answer[SENTENCE_MAX], again[SENTENCE_MAX];

    for (int kind = 0; kind < ANSWERS; kind++) {
        cJSON_ArrayForEach(c, classes)
        {
            bool is_first = answer_of(d, c, answer) == kind;
            for (other = classes->child; other != c && is_first; other = other->next) {
                answer_of(d, other, again);
                is_first = strcmp(answer, again) != 0;
            }
            if (is_first) {
                print_answer(style, d, c, answer);
            }
        }
    }
}

/* Sites whose class is one of those, copies counted. */
static double sites_that(const cJSON *d, bool (*is)(const cJSON *class))
{
    const cJSON *c;
    double sites = 0;

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        sites += is(c) ? number(c, "copies") : 0;
    }
    return sites;
}

static double sites_missing(const cJSON *d)
{
    const cJSON *c;
    double sites = 0;

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        double missing = number(at(c, "as_it_is"), "sites_missing");
        sites += isnan(missing) ? 0 : missing;
    }
    return sites;
}

/* A limit of the whole that is missed; NULL: none. */
static const cJSON *missed_total(const cJSON *d, const char *when)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, at(d, "totals"))
    {
        double value = number(t, when), limit = number(t, "limit");
        if (strcmp(text(t, "op"), "<") == 0 ? value >= limit : value > limit) {
            return t;
        }
    }
    return NULL;
}

static void add_total(struct sentence *s, const cJSON *t, const char *when)
{
    const char *metric = text(t, "metric");
    char value[ANALYSIS_CELL_MAX], limit[ANALYSIS_CELL_MAX];

    add(s, "%s of all sites is %s, the limit %s", metric,
        analysis_quantity_format(metric, number(t, when), value),
        analysis_quantity_format(metric, number(t, "limit"), limit));
}

/* Did the server turn phones away at its limit, as it is? */
static bool is_limited(const cJSON *d)
{
    return cJSON_IsObject(at(d, "server_limit"));
}

/* Which sites don't fit as they are, and whether there is a plan. */
static void add_answer(struct sentence *s, const cJSON *d)
{
    double all = number(d, "sites"), missing = sites_missing(d);
    const cJSON *total;

    if (is_true(d, "fits_as_it_is")) {
        add(s, "It fits as it is: nothing to change.");
        return;
    }
    if (missing > 0) {
        add(s, "%.0f of %.0f site%s do%s not fit as %s. ", missing, all, all == 1 ? "" : "s",
            missing == 1 ? "es" : "", missing == 1 ? "it is" : "they are");
    } else if ((total = missed_total(d, "as_it_is")) != NULL) {
        add(s, "Each site fits, all together do not: ");
        add_total(s, total, "as_it_is");
        add(s, ". ");
    } else {
        add(s, "It does not fit as it is. ");
    }
    if (is_true(d, "found")) {
        double need = sites_that(d, has_measure);
        add(s, "%.0f need%s a measure", need, need == 1 ? "s" : "");
        if (is_limited(d)) {
            add(s, " while the server's limit stays (see below)");
        }
        add(s, ", then all fit:");
    } else if (sites_that(d, is_solved) < all) {
        add(s, "No measure that is allowed makes %s fit:", all == 1 ? "it" : "all of them");
    } else if ((total = missed_total(d, "planned")) != NULL) {
        add(s, "No measures that are allowed make all of it fit: with these ");
        add_total(s, total, "planned");
        add(s, ".");
    } else {
        add(s, "No measure that is allowed makes all of it fit; with these %.200s is missed.",
            text(at(d, "planned"), "nearest"));
    }
}

static void add_as_it_is(struct sentence *s, const cJSON *d)
{
    double failed = number(at(d, "as_it_is"), "failed");

    if (failed > 0) {
        add(s, "As it is %s of %s phones fail%s. ", ANALYSIS_COUNT(failed),
            ANALYSIS_COUNT(number(d, "phones")),
            number(d, "seeds") > 1 ? " (the worse of two seeds)" : "");
    }
}

static void add_margin(struct sentence *s, const cJSON *d)
{
    const cJSON *planned = at(d, "planned");
    double seeds = is_true(d, "found") ? number(d, "confirmed") : number(d, "seeds");
    char cell[ANALYSIS_CELL_MAX], need[ANALYSIS_QUANTITY_TEXT_MAX];

    add(s, "%s phone after %s; ", is_true(d, "fits_as_it_is") ? "Last" : "As planned the last",
        analysis_summary_seconds(number(planned, "last_s"), cell));
    add(s, "least margin over %.0f seed%s %s", seeds, seeds == 1 ? "" : "s",
        percent(number(planned, "margin"), cell));
    if (at(planned, "nearest") != NULL) {
        const char *nearest = text(planned, "nearest");
        char metric[ANALYSIS_QUANTITY_TEXT_MAX];
        snprintf(metric, sizeof(metric), "%.*s", (int)analysis_quantity_metric_len(nearest),
                 nearest);
        add(s, " (%s: it is ", analysis_quantity_expression(nearest, need));
        add(s, "%s)", analysis_quantity_format(metric, number(planned, "nearest_value"), cell));
    }
    add(s, ".");
    if (is_true(d, "found")) { /* plan.h */
        add(s, " Of other seeds at most %s may miss (95 %% confidence)%s.",
            percent(1 - pow(0.05, 1 / seeds), cell),
            number(d, "mixes") > 0 ? ", or some more, as these chose it among many" : "");
    }
}

/* "server.max_transfers "none": 30 of 40 sites fit as they are (kiosk, shop); no phone fails; ..."
 */
static void print_setting(const struct analysis_style *style, const cJSON *d, const cJSON *setting)
{
    double all = number(d, "sites"), fit = all - number(setting, "sites_missing");
    double failed = number(at(setting, "trial"), "failed");
    struct sentence s = {.len = 0};
    const cJSON *name;
    char cell[ANALYSIS_CELL_MAX];
    int len = 0;

    add(&s, "%s \"%s\": %.0f of %.0f site%s fit%s", text(setting, "key"), text(setting, "value"),
        fit, all, all == 1 ? "" : "s",
        all == 1  ? "s"
        : fit > 0 ? " as they are"
                  : "");
    cJSON_ArrayForEach(name, at(setting, "fits"))
    {
        if (len++ < NAMES_SHOWN) {
            add(&s, "%s%s", len > 1 ? ", " : " (", cJSON_GetStringValue(name));
        }
    }
    if (len > NAMES_SHOWN) {
        add(&s, " and %d more", len - NAMES_SHOWN);
    }
    add(&s, "%s; %s phone%s fail%s, the last after %s", len > 0 ? ")" : "", ANALYSIS_COUNT(failed),
        failed == 1 ? "" : "s", failed == 1 ? "s" : "",
        analysis_summary_seconds(number(at(setting, "trial"), "last_s"), cell));
    add(&s, "; the server has up to %s transfers at once.",
        ANALYSIS_COUNT(number(setting, "peak_transfers")));
    fprintf(style->to, "  ");
    analysis_summary_wrap(style, 2, 4, s.bytes);
}

/* The cheapest lever of all may be the server's: it is no class's, so it stands beside the plan. */
static void print_server_limit(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *limit = at(d, "server_limit"), *setting, *best = NULL;
    double least = sites_missing(d);
    struct sentence s = {.len = 0};

    if (!is_limited(d)) {
        return;
    }
    add(&s, "The server refused %s transfer%s: ", ANALYSIS_COUNT(number(limit, "refused")),
        number(limit, "refused") == 1 ? "" : "s");
    add(&s, "server.max_transfers is %s at once, for the whole network. All sites as they are, ",
        ANALYSIS_COUNT(number(limit, "max_transfers")));
    add(&s, "with another setting of the server%s:",
        number(d, "seeds") > 1 ? " (one seed, the worse)" : "");
    fputc('\n', style->to);
    analysis_summary_wrap(style, 0, 0, s.bytes);
    cJSON_ArrayForEach(setting, at(limit, "settings"))
    {
        print_setting(style, d, setting);
        /* All kept, which may be more than no site missing anything: a need of the whole run. */
        double missing =
            is_true(at(setting, "trial"), "met") ? -1 : number(setting, "sites_missing");
        if (missing < least) {
            least = missing;
            best = setting;
        }
    }
    s.len = 0;
    if (best != NULL) {
        add(&s,
            "If your server can do that, it is the cheapest measure: plan with --set '%s=\"%s\"'.",
            text(best, "key"), text(best, "value"));
    } else {
        add(&s, "Neither makes more sites fit.");
    }
    analysis_summary_wrap(style, 0, 0, s.bytes);
    fputc('\n', style->to);
}

static void print_verdict(const struct analysis_style *style, const cJSON *d)
{
    bool found = is_true(d, "found");
    struct sentence verdict = {.len = 0}, s = {.len = 0};

    add_answer(&verdict, d);
    fprintf(style->to, "\n%s", analysis_summary_on(style, found ? ANALYSIS_GOOD : ANALYSIS_BAD));
    analysis_summary_wrap(style, 0, 0, verdict.bytes);
    fprintf(style->to, "%s", analysis_summary_off(style));
    if (!is_true(d, "fits_as_it_is")) {
        print_answers(style, d);
    }
    print_server_limit(style, d);
    add_as_it_is(&s, d);
    if (found) {
        add_margin(&s, d);
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
        snprintf(out, ANALYSIS_CELL_MAX, "%.40s of %.40s failed",
                 ANALYSIS_COUNT(number(trial, "failed")), ANALYSIS_COUNT(number(class, "phones")));
    } else if (strncmp(path, "completion_s.", 13) == 0 ||
               strncmp(path, "back_in_service_s.", 18) == 0) {
        double times = 1 - number(trial, "margin"); /* of the limit */
        snprintf(out, ANALYSIS_CELL_MAX, times < 3 ? "%.20s late" : "%.0s%.3g x too long", cell,
                 times);
    } else if (strncmp(path, "wan.", 4) == 0) {
        snprintf(out, ANALYSIS_CELL_MAX, "line %.20s over", cell);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.*s off", (int)strcspn(path, " "), path);
    }
    return out;
}

/* The same of all copies among the others: phones that fail are counted over all of them. */
static char *misfit_of_copies(const cJSON *trial, const cJSON *class, char out[ANALYSIS_CELL_MAX])
{
    double failed = number(trial, "failed_all_copies");

    if (is_true(trial, "met") || !(failed > 0)) {
        return misfit(trial, class, out);
    }
    snprintf(out, ANALYSIS_CELL_MAX, "%.40s of %.40s fail", ANALYSIS_COUNT(failed),
             ANALYSIS_COUNT(number(class, "phones") * number(class, "copies")));
    return out;
}

static void add_class(struct analysis_columns *t, const cJSON *d, const cJSON *c)
{
    const cJSON *now = at(c, "as_it_is"), *then = at(c, "trial");
    bool solved = is_true(d, "found") || is_solved(c);
    char cell[ANALYSIS_CELL_MAX];

    analysis_columns_add(t, ANALYSIS_PLAIN, text(c, "name"));
    snprintf(cell, sizeof(cell), "%.40s x %.40s", ANALYSIS_COUNT(number(c, "copies")),
             ANALYSIS_COUNT(number(c, "phones")));
    analysis_columns_add(t, ANALYSIS_PLAIN, cell);
    analysis_columns_add(t, ANALYSIS_PLAIN,
                         cJSON_IsNull(at(c, "wan_bit_s"))
                             ? "none"
                             : analysis_summary_rate(number(c, "wan_bit_s"), cell));
    snprintf(cell, sizeof(cell), "%.0f of %.0f", number(now, "sites_missing"), number(c, "copies"));
    analysis_columns_add(t, is_true(now, "met") ? ANALYSIS_PLAIN : ANALYSIS_BAD,
                         is_true(now, "met") ? "-" : cell);
    analysis_columns_add(t, is_true(now, "met") ? ANALYSIS_PLAIN : ANALYSIS_BAD,
                         misfit_of_copies(now, c, cell));
    analysis_columns_add(t, solved ? ANALYSIS_PLAIN : ANALYSIS_BAD, text(c, "text"));
    analysis_columns_add(t, ANALYSIS_PLAIN, analysis_summary_seconds(number(then, "last_s"), cell));
    analysis_columns_add(t, ANALYSIS_PLAIN, percent(number(then, "margin"), cell));
}

static void print_classes(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *classes = at(d, "classes"), *c;
    const struct analysis_column list[] = {
        {.head = "class", .left = true},
        {.head = "sites", .drop = 3},
        {.head = "line", .drop = 1},
        {.head = "don't fit"},
        {.head = "as it is", .left = true},
        {.head = is_true(d, "found") ? "cheapest that fits" : "nearest", .left = true},
        {.head = "last phone"},
        {.head = "margin", .drop = 2},
    };
    struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));

    cJSON_ArrayForEach(c, classes)
    {
        add_class(t, d, c);
    }
    fputc('\n', style->to);
    analysis_columns_print(t, style, 0);
    analysis_columns_free(t);
}

/* ---- Limits of all sites together ---- */

static void print_totals(const struct analysis_style *style, const cJSON *d)
{
    static const struct analysis_column list[] = {
        {.head = "class", .left = true}, {.head = "as it is"},         {.head = "share", .drop = 1},
        {.head = "as planned"},          {.head = "share", .drop = 2},
    };
    const cJSON *total, *c;
    char cell[ANALYSIS_CELL_MAX];

    cJSON_ArrayForEach(total, at(d, "totals"))
    {
        struct sentence s = {.len = 0};
        struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));
        const char *metric = text(total, "metric");
        const char *const when[] = {"as_it_is", "planned"};
        add(&s, "In all: %s %s ", metric, text(total, "op"));
        add(&s, "%s, it is ", analysis_quantity_format(metric, number(total, "limit"), cell));
        add(&s, "%s and as planned ",
            analysis_quantity_format(metric, number(total, "as_it_is"), cell));
        add(&s, "%s", analysis_quantity_format(metric, number(total, "planned"), cell));
        title(style, s.bytes);
        cJSON_ArrayForEach(c, at(total, "classes"))
        {
            analysis_columns_add(t, ANALYSIS_PLAIN, text(c, "name"));
            for (size_t i = 0; i < 2; i++) {
                double value = number(c, when[i]);
                analysis_columns_add(t, ANALYSIS_PLAIN,
                                     analysis_quantity_format(metric, value, cell));
                analysis_columns_add(t, ANALYSIS_PLAIN,
                                     percent(value / number(total, when[i]), cell));
            }
        }
        analysis_columns_print(t, style, 2);
        analysis_columns_free(t);
    }
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
    } else if (met && !is_true(try, "refused")) {
        bool tight = !isnan(number(trial, "margin"));
        snprintf(verdict, sizeof(verdict), "fits%s%.20s", tight ? ", margin " : "",
                 tight ? percent(number(trial, "margin"), cell) : "");
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

/* "branch", "branch and 2 more": classes that differ in name only stand in one place. */
static char *name_with_twins(const cJSON *d, const cJSON *class, char out[ANALYSIS_CELL_MAX])
{
    const cJSON *c;
    int more = 0;

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        more += strcmp(text(c, "same_as"), text(class, "name")) == 0;
    }
    snprintf(out, ANALYSIS_CELL_MAX, more > 0 ? "%.70s and %d more" : "%.70s", text(class, "name"),
             more);
    return out;
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
    char cell[ANALYSIS_CELL_MAX];
    bool any = false;

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        if (cJSON_GetArraySize(at(c, "tried")) < 2 && is_true(c, "solved")) {
            continue;
        }
        any = true;
        if (at(c, "same_as") != NULL) {
            continue;
        }
        analysis_columns_line(t, name_with_twins(d, c, cell));
        cJSON_ArrayForEach(try, at(c, "tried"))
        {
            add_try(t, try, c);
        }
    }
    if (any) {
        struct sentence s = {.len = 0};
        add(&s,
            "What was tried, one copy of each class alone (the worst seed; of what misses the "
            "first "
            "that does): %.0f measure%s, %.0f runs (at most %.0f measures a class, and all sites "
            "%.0f times)",
            number(d, "tries"), number(d, "tries") == 1 ? "" : "s", number(d, "runs"),
            number(at(d, "budget"), "tries_of_a_class"), number(at(d, "budget"), "rounds"));
        if (number(d, "mixes") > 0) {
            add(&s, "; then %.0f runs of all sites with %s mixes", number(d, "mixes"),
                is_true(d, "found") ? "cheaper" : "other");
        }
        title(style, s.bytes);
        analysis_columns_print(t, style, 4);
    }
    analysis_columns_free(t);
}

static void print_notes(const struct analysis_style *style, const cJSON *d)
{
    cJSON *list = cJSON_CreateArray();
    const cJSON *c, *n;
    char line[600], cell[ANALYSIS_CELL_MAX];

    cJSON_ArrayForEach(c, at(d, "classes"))
    {
        cJSON_ArrayForEach(n, at(c, "notes"))
        {
            const char *t = cJSON_GetStringValue(n);
            if (at(c, "same_as") != NULL) {
                continue;
            }
            snprintf(line, sizeof(line), "%.100s: %.450s.", name_with_twins(d, c, cell),
                     t != NULL ? t : "?");
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
        if (at(c, "same_as") != NULL) {
            continue;
        }
        analysis_columns_add(t, ANALYSIS_PLAIN, name_with_twins(d, c, cell));
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
    add(&s, "%s phones, method %s, %s network", ANALYSIS_COUNT(number(d, "phones")),
        text(d, "method"), text(d, "network"));
    analysis_summary_wrap(style, 0, 2, s.bytes);
}

void analysis_plan_print(const struct analysis_style *style, const cJSON *d, const char *out)
{
    struct sentence files = {.len = 0};

    print_heading(style, d);
    print_needs(style, d);
    print_verdict(style, d);
    print_classes(style, d);
    print_totals(style, d);
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
