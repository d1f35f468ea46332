/* analysis/plan/draft.c -- see draft.h. */
#include "analysis/plan/draft.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/threshold.h"
#include "sim/err.h"
#include "sim/units.h"

/* Figures of a class that the tables show. */
static const char *const asks[] = {"completion_s.p95", "completion_s.last", "wan.peak_bit_s",
                                   "phones.failed", "phones.unfinished"};

enum { ASKS = sizeof(asks) / sizeof(asks[0]) };

/* ---- Needs ---- */

static bool starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* Does the whole run keep it whenever every class keeps it? */
static bool is_of_each(const char *path, const char *op)
{
    return starts_with(path, "completion_s.") || starts_with(path, "back_in_service_s.") ||
           ((strcmp(path, "phones.failed") == 0 || strcmp(path, "phones.unfinished") == 0 ||
             strcmp(path, "phones.fallbacks") == 0) &&
            op[0] != '>');
}

static double limit_of(const struct analysis_need *n)
{
    return strtod(n->expression + strspn(n->expression, "<>= "), NULL);
}

/* Does what keeps `a` keep `b`? Only where that can be told. */
static bool is_tighter(const struct analysis_need *a, const struct analysis_need *b)
{
    char x = a->expression[0], y = b->expression[0];

    return (x == '=' && y == '<') || (x == y && ((x == '<' && limit_of(a) < limit_of(b)) ||
                                                 (x == '>' && limit_of(a) > limit_of(b))));
}

/* A second need on the same figure. Of the whole run the first counts: the command line's. Of a
 * site the tighter; where neither is (one from above, one from below) what was said of it. */
static void merge(struct analysis_need *before, const struct analysis_need *n)
{
    bool derived = before->derived && n->derived, asked = before->asked || n->asked;

    if (n->site < 0 && !n->alone) {
        return;
    }
    if (is_tighter(n, before) || (before->derived && !n->derived && !is_tighter(before, n))) {
        *before = *n;
    }
    before->derived = derived;
    before->asked = asked;
}

static void add(struct analysis_draft *d, struct analysis_need n, const char *path,
                const char *expression)
{
    if (n.site >= 0) {
        snprintf(n.metric, sizeof(n.metric), "sites[%s].%.70s", d->scenario->sites[n.site].name,
                 path);
    } else {
        snprintf(n.metric, sizeof(n.metric), "%.*s", (int)sizeof(n.metric) - 1, path);
    }
    snprintf(n.expression, sizeof(n.expression), "%.47s", expression);
    for (size_t i = 0; i < d->needs_len; i++) {
        if (strcmp(d->needs[i].metric, n.metric) == 0 && d->needs[i].alone == n.alone) {
            merge(&d->needs[i], &n);
            return;
        }
    }
    d->needs[d->needs_len++] = n;
}

static void add_need(struct analysis_draft *d, int site, const char *path, const char *expression)
{
    add(d, (struct analysis_need){.site = site}, path, expression);
}

/* The class of a copy: "branch#2" is of "branch"; -1: no copy's name. */
static int class_of_copy(const struct scenario *s, const char *name)
{
    const char *hash = strrchr(name, '#');
    size_t len = hash != NULL ? (size_t)(hash - name) : 0;

    for (size_t i = 0; hash != NULL && i < s->sites_len; i++) {
        if (strlen(s->sites[i].name) == len && strncmp(s->sites[i].name, name, len) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static int class_of(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->sites_len; i++) {
        if (strcmp(s->sites[i].name, name) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static void spread_need(struct analysis_draft *d, const char *path, const char *op,
                        const char *expression)
{
    for (size_t i = 0; is_of_each(path, op) && i < d->scenario->sites_len; i++) {
        add(d, (struct analysis_need){.site = (int)i, .derived = true}, path, expression);
    }
}

/* Those of the scenario, the most particular first. */
static void add_thresholds(struct analysis_draft *d, bool of_sites)
{
    const struct scenario *s = d->scenario;

    for (size_t i = 0; i < s->thresholds_len; i++) {
        const struct scenario_threshold *t = &s->thresholds[i];
        char expression[48];
        struct scenario_metric m;
        snprintf(expression, sizeof(expression), "%s %.17g", t->op, t->limit);
        if (!scenario_metric_split(t->metric, &m) ||
            m.scope != (of_sites ? SCENARIO_SCOPE_SITE : SCENARIO_SCOPE_RUN)) {
            continue;
        }
        int site = of_sites ? class_of(s, m.name) : -1;
        add_need(d, site, site >= 0 ? m.path : t->metric, expression);
        int of_copy = of_sites && site < 0 ? class_of_copy(s, m.name) : -1;
        if (of_copy >= 0) { /* measures are the class's, and its copies are equal */
            add(d, (struct analysis_need){.site = of_copy, .alone = true}, m.path, expression);
        }
        if (!of_sites) {
            spread_need(d, m.path, t->op, expression);
        }
    }
}

static bool put_threshold(cJSON *to, const char *metric, const char *expression)
{
    cJSON *text = cJSON_CreateString(expression);

    if (text == NULL) {
        return false;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(to, metric);
    return cJSON_AddItemToObject(to, metric, text) != 0;
}

static cJSON *thresholds_of(cJSON *root)
{
    cJSON *found = cJSON_GetObjectItemCaseSensitive(root, "thresholds");

    return cJSON_IsObject(found) ? found : cJSON_AddObjectToObject(root, "thresholds");
}

/* `said`: the same with a unit. */
static void ask(struct analysis_draft *d, int site, const char *path, const char *expression,
                const char *said)
{
    struct analysis_need n = {.site = site, .asked = true};

    snprintf(n.said, sizeof(n.said), "%.47s", said);
    add(d, n, path, expression);
}

/* "<= 115.2 kbit/s"; to the bit where that would be rounded. */
static void say_rate(uint64_t bit_s, char *out, size_t cap)
{
    char text[SIM_UNITS_TEXT_MAX];
    uint64_t back;

    sim_units_format_rate(bit_s, text);
    if (sim_units_parse_rate(text, &back) != 0 || back != bit_s) {
        snprintf(text, sizeof(text), "%" PRIu64 " bit/s", bit_s);
    }
    snprintf(out, cap, "<= %s", text);
}

/* What the command line asks for is also in what is handed over, in its words unless the scenario
 * itself had a tighter limit there. */
static bool put_asked(struct analysis_draft *d)
{
    bool good = true;

    for (size_t i = 0; i < d->needs_len; i++) {
        const struct analysis_need *n = &d->needs[i];
        const char *expression = n->said[0] != '\0' ? n->said : n->expression;
        good = good && (!n->asked || put_threshold(thresholds_of(d->root), n->metric, expression));
    }
    return good;
}

static void add_asked(struct analysis_draft *d, const struct analysis_needs_asked *asked)
{
    const struct scenario *s = d->scenario;
    char text[48], said[48];

    if (asked->finish_by != SIM_NEVER) {
        snprintf(text, sizeof(text), "<= %.10g", sim_time_seconds(asked->finish_by));
        int len = snprintf(said, sizeof(said), "<= %s", asked->finish_text);
        ask(d, -1, "completion_s.last", text, len < (int)sizeof(said) ? said : text);
        spread_need(d, "completion_s.last", "<=", text);
    }
    for (size_t i = 0; asked->wan_share > 0 && i < s->sites_len; i++) {
        if (!s->sites[i].wan.none) {
            double most = floor(asked->wan_share * (double)s->sites[i].wan.down_bit_s);
            snprintf(text, sizeof(text), "<= %.0f", most);
            say_rate((uint64_t)most, said, sizeof(said));
            ask(d, (int)i, "wan.peak_bit_s", text, said);
        }
    }
    if (asked->has_max_failures) {
        snprintf(text, sizeof(text), "<= %u", asked->max_failures);
        ask(d, -1, "phones.failed", text, text);
        spread_need(d, "phones.failed", "<=", text);
    }
}

/* Nobody may fail, and nobody may hang, unless something else is said. */
static void add_defaults(struct analysis_draft *d, const struct analysis_needs_asked *asked)
{
    char text[48];

    uint32_t most = asked->has_max_failures ? asked->max_failures : 0;
    snprintf(text, sizeof(text), most == 0 ? "== %u" : "<= %u", most);
    add_need(d, -1, "phones.failed", text);
    spread_need(d, "phones.failed", "<=", text);
    add_need(d, -1, "phones.unfinished", text);
    spread_need(d, "phones.unfinished", "<=", text);
}

static bool is_in(const char *const *list, size_t len, const char *path)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(list[i], path) == 0) {
            return true;
        }
    }
    return false;
}

/* Is it kept by all only when each keeps it? */
static bool is_of_all(const char *path)
{
    return strcmp(path, "completion_s.last") == 0 || strcmp(path, "completion_s.p100") == 0 ||
           strcmp(path, "back_in_service_s.last") == 0 ||
           strcmp(path, "back_in_service_s.p100") == 0;
}

/* Limits from above of what the whole run has as a sum over its sites. */
static void take_totals(struct analysis_draft *d)
{
    static const char *const sums[] = {
        "wan.bytes",           "wan.payload_bytes",
        "wan.config_bytes",    "wan.resent_bytes",
        "wan.up_bytes",        "wan.drops",
        "wan.busy_s",          "lan.payload_bytes",
        "lan.broadcasts",      "lan.datagrams",
        "phones.failed",       "phones.unfinished",
        "phones.fallbacks",    "phones.via_server",
        "transfers.server",    "transfers.peer",
        "transfers.resumed",   "transfers.rejected",
        "server.requests",     "server.payload_bytes",
        "trees_summary.count", "trees_summary.wan_copies",
    };
    static const char *const peaks[] = {"wan.peak_bit_s", "server.peak_transfers"};

    for (size_t i = 0; i < d->needs_len; i++) {
        const struct analysis_need *n = &d->needs[i];
        bool is_peak = is_in(peaks, sizeof(peaks) / sizeof(peaks[0]), n->metric);
        if (n->derived) {
            d->derived[d->derived_len++] = n->metric;
        }
        d->is_more = d->is_more || (n->site < 0 && !n->alone && !is_of_all(n->metric) && !is_peak &&
                                    !is_in(sums, sizeof(sums) / sizeof(sums[0]), n->metric));
        if (n->site >= 0 || n->expression[0] != '<' || d->totals_len == ANALYSIS_TOTALS_MAX ||
            !(is_peak || is_in(sums, sizeof(sums) / sizeof(sums[0]), n->metric))) {
            continue;
        }
        struct analysis_total *t = &d->totals[d->totals_len++];
        *t = (struct analysis_total){.limit = limit_of(n), .is_peak = is_peak};
        snprintf(t->metric, sizeof(t->metric), "%s", n->metric);
        snprintf(t->op, sizeof(t->op), "%.*s", (int)strspn(n->expression, "<="), n->expression);
    }
}

int analysis_draft_init(struct analysis_draft *d, const struct scenario *s,
                        const struct analysis_needs_asked *asked, char why[ANALYSIS_WHY_MAX])
{
    size_t room = (2 * s->thresholds_len + 5) * (s->sites_len + 1) + ASKS;

    *d = (struct analysis_draft){.scenario = s};
    if (s->thresholds_len == 0 && asked->finish_by == SIM_NEVER && asked->wan_share <= 0 &&
        !asked->has_max_failures) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "nothing to plan for: say what must hold, like --finish-by \"4 h\", --wan-share "
                 "0.3, or \"thresholds\" in the scenario");
        return SIM_EINVAL;
    }
    char *absolute = scenario_text_absolute(s); /* what is handed over stands elsewhere */
    d->root = absolute != NULL ? cJSON_Parse(absolute) : NULL;
    free(absolute);
    d->needs = calloc(room, sizeof(*d->needs));
    d->derived = calloc(room, sizeof(*d->derived));
    if (d->root == NULL || d->needs == NULL || d->derived == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "out of memory");
        return SIM_ENOMEM;
    }
    add_asked(d, asked);
    add_thresholds(d, true);
    add_thresholds(d, false);
    add_defaults(d, asked);
    take_totals(d);
    if (!put_asked(d)) {
        snprintf(why, ANALYSIS_WHY_MAX, "out of memory");
        return SIM_ENOMEM;
    }
    if (d->needs_len + s->sites_len * ASKS + d->totals_len > SCENARIO_THRESHOLDS_MAX) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%zu classes of sites with %zu needs are too many for one plan (%d); plan them in "
                 "parts, or put equal sites into one class with a count",
                 s->sites_len, d->needs_len, SCENARIO_THRESHOLDS_MAX);
        return SIM_EINVAL;
    }
    return 0;
}

void analysis_draft_deinit(struct analysis_draft *d)
{
    cJSON_Delete(d->root);
    free(d->needs);
    free(d->derived);
    *d = (struct analysis_draft){.root = NULL};
}

static bool read_need(const struct analysis_need *n, const char *path, double *limit)
{
    const char *at = strstr(n->metric, "].");

    if (n->site < 0 || at == NULL || strcmp(at + 2, path) != 0 || n->expression[0] != '<') {
        return false;
    }
    *limit = limit_of(n);
    return *limit > 0;
}

sim_duration analysis_draft_deadline(const struct analysis_draft *d, size_t site)
{
    sim_duration least = SIM_NEVER;
    double limit;

    for (size_t i = 0; i < d->needs_len; i++) {
        const struct analysis_need *n = &d->needs[i];
        if (n->site == (int)site &&
            (read_need(n, "completion_s.last", &limit) ||
             read_need(n, "completion_s.p100", &limit)) &&
            limit < 1e9 && (sim_duration)(limit * 1e9) < least) {
            least = (sim_duration)(limit * 1e9);
        }
    }
    return least;
}

uint64_t analysis_draft_failures(const struct analysis_draft *d, size_t site)
{
    double sum = 0;

    for (size_t i = 0; i < d->needs_len; i++) {
        const struct analysis_need *n = &d->needs[i];
        const char *path = n->site == (int)site ? strstr(n->metric, "].") : NULL;
        if (path == NULL || n->alone ||
            (strcmp(path, "].phones.failed") != 0 && strcmp(path, "].phones.unfinished") != 0)) {
            continue;
        }
        sum += n->expression[0] == '>' ? UINT32_MAX : limit_of(n);
    }
    return sum < UINT32_MAX ? (uint64_t)sum : UINT32_MAX;
}

uint64_t analysis_draft_limit(const struct analysis_draft *d, size_t site)
{
    uint64_t least = 0;
    double limit;

    for (size_t i = 0; i < d->needs_len; i++) {
        const struct analysis_need *n = &d->needs[i];
        if (n->site == (int)site && read_need(n, "wan.peak_bit_s", &limit) && limit >= 1 &&
            limit < 1e12 && (least == 0 || (uint64_t)limit < least)) {
            least = (uint64_t)limit;
        }
    }
    return least;
}

/* ---- Documents ---- */

/* Does `n` belong into a document of class `site` (-1: all), and is there none tighter there? Two
 * of the same name are one of the class and one of a copy of it. */
static bool counts(const struct analysis_draft *d, const struct analysis_need *n, int site)
{
    if (site < 0 ? n->alone : n->site != site) {
        return false;
    }
    for (size_t i = 0; site >= 0 && i < d->needs_len; i++) {
        const struct analysis_need *other = &d->needs[i];
        if (other != n && strcmp(other->metric, n->metric) == 0 && is_tighter(other, n)) {
            return false;
        }
    }
    return true;
}

/* Needs of class `site` (-1: all), and what the tables show of it. */
static bool set_needs(const struct analysis_draft *d, cJSON *root, int site)
{
    cJSON *thresholds = cJSON_CreateObject();
    char metric[SCENARIO_NAME_MAX + 80];
    bool good = thresholds != NULL;

    for (size_t i = 0; good && i < d->needs_len; i++) {
        const struct analysis_need *n = &d->needs[i];
        if (counts(d, n, site)) {
            good = put_threshold(thresholds, n->metric, n->expression);
        }
    }
    for (size_t i = 0; good && site >= 0 && i < d->totals_len; i++) {
        good = put_threshold(thresholds, d->totals[i].metric, ANALYSIS_TRIAL_ASKS);
    }
    for (size_t i = 0; good && i < d->scenario->sites_len; i++) {
        for (size_t k = 0; (site < 0 || site == (int)i) && k < ASKS; k++) {
            snprintf(metric, sizeof(metric), "sites[%s].%s", d->scenario->sites[i].name, asks[k]);
            good = good && (cJSON_GetObjectItemCaseSensitive(thresholds, metric) != NULL ||
                            put_threshold(thresholds, metric, ANALYSIS_TRIAL_ASKS));
        }
    }
    if (!good) {
        cJSON_Delete(thresholds);
        return false;
    }
    cJSON_DeleteItemFromObjectCaseSensitive(root, "thresholds");
    return cJSON_AddItemToObject(root, "thresholds", thresholds) != 0;
}

/* A copy of the document without sites other than one copy of `site`, and without their faults. */
static cJSON *cut_out(const struct analysis_draft *d, size_t site)
{
    cJSON *root = cJSON_Duplicate(d->root, true);
    cJSON *sites = cJSON_GetObjectItemCaseSensitive(root, "sites");
    cJSON *faults = cJSON_GetObjectItemCaseSensitive(root, "faults"), *fault = NULL, *next;
    const char *name = d->scenario->sites[site].name;
    size_t len = strlen(name);

    for (int i = cJSON_GetArraySize(sites) - 1; i >= 0; i--) {
        if (i != (int)site) {
            cJSON_DeleteItemFromArray(sites, i);
        }
    }
    cJSON *kept = sites != NULL ? sites->child : NULL;
    cJSON_DeleteItemFromObjectCaseSensitive(kept, "count");
    if (kept != NULL && cJSON_GetObjectItemCaseSensitive(kept, "name") == NULL) {
        cJSON_AddStringToObject(kept, "name", name); /* "site-3" by its place, else */
    }
    for (fault = faults != NULL ? faults->child : NULL; fault != NULL; fault = next) {
        const char *at = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fault, "site"));
        next = fault->next;
        if (at == NULL || strcmp(at, name) == 0) {
            continue;
        }
        if (strncmp(at, name, len) == 0 && strcmp(at + len, "#1") == 0) {
            cJSON_ReplaceItemInObjectCaseSensitive(fault, "site", cJSON_CreateString(name));
        } else {
            cJSON_Delete(cJSON_DetachItemViaPointer(faults, fault));
        }
    }
    return root;
}

char *analysis_draft_class(const struct analysis_draft *d, size_t site,
                           const struct analysis_measure *m)
{
    cJSON *root = cut_out(d, site);
    char *text = root != NULL && set_needs(d, root, (int)site) &&
                         analysis_measure_apply(root, d->scenario->method, m, 1)
                     ? cJSON_PrintUnformatted(root)
                     : NULL;

    cJSON_Delete(root);
    return text;
}

char *analysis_draft_whole(const struct analysis_draft *d, const struct analysis_measure *measures,
                           const struct analysis_setting *server)
{
    cJSON *root = cJSON_Duplicate(d->root, true);
    char *text =
        root != NULL && set_needs(d, root, -1) &&
                (server == NULL || analysis_measure_set_server(root, server)) &&
                analysis_measure_apply(root, d->scenario->method, measures, d->scenario->sites_len)
            ? cJSON_PrintUnformatted(root)
            : NULL;

    cJSON_Delete(root);
    return text;
}

char *analysis_draft_planned(const struct analysis_draft *d,
                             const struct analysis_measure *measures)
{
    cJSON *root = cJSON_Duplicate(d->root, true);
    char *text = root != NULL && analysis_measure_apply(root, d->scenario->method, measures,
                                                        d->scenario->sites_len)
                     ? cJSON_Print(root)
                     : NULL;

    cJSON_Delete(root);
    return text;
}
