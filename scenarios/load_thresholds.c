/* scenarios/load_thresholds.c -- thresholds{}: numbers of the result that must hold. Which numbers
 * there are is listed here, because a threshold on a misspelt one would never be missed. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/load.h"

/* The numbers of a result that have a name: those of analysis/result.schema.json (schema_test.mjs
 * holds the two together) and the usual percentiles; is_percentile() knows the others. Those that
 * there are below `sites[NAME].` too have "+" before them. */
static const char *const metrics[] = {
    "+phones.total",
    "+phones.upgraded",
    "+phones.failed",
    "+phones.current",
    "+phones.unfinished",
    "+phones.via_peer",
    "+phones.via_server",
    "+phones.fallbacks",
    "transfers.peer",
    "transfers.server",
    "transfers.resumed",
    "transfers.rejected",
    "+completion_s.first",
    "+completion_s.mean",
    "+completion_s.p50",
    "+completion_s.p90",
    "+completion_s.p95",
    "+completion_s.p99",
    "+completion_s.last",
    "+back_in_service_s.first",
    "+back_in_service_s.mean",
    "+back_in_service_s.p50",
    "+back_in_service_s.p90",
    "+back_in_service_s.p95",
    "+back_in_service_s.p99",
    "+back_in_service_s.last",
    "+wan.bytes",
    "+wan.payload_bytes",
    "+wan.config_bytes",
    "+wan.resent_bytes",
    "+wan.up_bytes",
    "+wan.drops",
    "+wan.busy_s",
    "+wan.mean_bit_s",
    "+wan.peak_bit_s",
    "+wan.configured_bit_s",
    "+wan.utilisation",
    "+lan.payload_bytes",
    "+lan.broadcasts",
    "+lan.datagrams",
    "+lan.foreign",
    "server.requests",
    "server.payload_bytes",
    "server.errors",
    "server.refused",
    "server.peak_transfers",
    "trees_summary.count",
    "trees_summary.depth_max",
    "trees_summary.max_children",
    "trees_summary.wan_copies",
    "trees_summary.re_elected",
    "+bounds.wan_floor_s",
    "+bounds.optimum_s",
    "+bounds.copy_bytes",
    "+bounds.copies",
    "+bounds.gap",
    "validity.loop_lag_p50_s",
    "validity.loop_lag_p99_s",
    "validity.loop_lag_max_s",
    "validity.timers",
    "validity.pacer_worst",
    "validity.relay_worst",
    "validity.receive_drops",
    "engine.wall_s",
    "engine.run_s",
    "engine.events",
    "engine.records",
    "engine.peak_rss_bytes",
    "engine.peak_descriptors",
};

enum { METRICS_LEN = sizeof(metrics) / sizeof(metrics[0]) };

/* The part behind "sites[NAME]."; NULL and an error when the site is not there. */
static const char *skip_site(struct reader *r, const cJSON *item, const char *metric)
{
    const char *close = strstr(metric, "].");
    char name[128];
    size_t len = close == NULL ? 0 : (size_t)(close - metric) - strlen("sites[");

    if (close != NULL && len > 0 && len < sizeof(name)) {
        memcpy(name, metric + strlen("sites["), len);
        name[len] = '\0';
        if (r->scenario->sites_len == 0 || load_find_site(r->scenario, name) != NULL) {
            return close + 2;
        }
    }
    reader_error(r, item, close == NULL ? "no sites[NAME]." : "no such site", NULL,
                 "sites[NAME]. with the name of a site, or of one copy like \"branch#2\"");
    return NULL;
}

/* "completion_s.p99.9", "back_in_service_s.p5": 0 to 100, at most four decimals. */
static bool is_percentile(const char *metric)
{
    static const char *const times[] = {"completion_s.p", "back_in_service_s.p"};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        size_t len = strlen(times[i]);
        if (strncmp(metric, times[i], len) != 0) {
            continue;
        }
        const char *whole = metric + len;
        size_t digits = strspn(whole, "0123456789");
        const char *rest = whole + digits;
        size_t decimals = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
        bool form = digits == 1 || digits == 2 || strncmp(whole, "100", 4) == 0;
        return form &&
               (*rest == '\0' || (decimals >= 1 && decimals <= 4 && rest[1 + decimals] == '\0'));
    }
    return false;
}

static bool check_metric(struct reader *r, const cJSON *item)
{
    const char *names[METRICS_LEN + 1];
    const char *metric = item->string;
    bool of_site = strncmp(metric, "sites[", 6) == 0;
    size_t len = 0;

    if (of_site) {
        metric = skip_site(r, item, metric);
        if (metric == NULL) {
            return false;
        }
    }
    if (is_percentile(metric)) {
        return true;
    }
    for (size_t i = 0; i < METRICS_LEN; i++) {
        bool also_of_site = metrics[i][0] == '+';
        if (!of_site || also_of_site) {
            names[len++] = metrics[i] + (also_of_site ? 1 : 0);
            if (strcmp(names[len - 1], metric) == 0) {
                return true;
            }
        }
    }
    names[len] = NULL;
    reader_error(r, item, "an unknown metric", reader_nearest(metric, names), "%s",
                 of_site
                     ? "a number of a site's result, like sites[NAME].completion_s.p95"
                     : "a number of the result, like completion_s.p95 or sites[NAME].wan.bytes");
    return false;
}

/* "< 600": operator, blanks, a JSON number. */
static bool parse_expression(const char *text, struct scenario_threshold *out)
{
    size_t len = strspn(text, "<=>");
    char *end = NULL;

    if (len == 0 || len > 2 ||
        (len == 1 ? text[0] == '=' : text[1] != '=' || strchr("<=>", text[0]) == NULL)) {
        return false;
    }
    const char *number = text + len + strspn(text + len, " ");
    const char *digits = number + (*number == '-' ? 1 : 0);
    if (*digits < '0' || *digits > '9' || strspn(number, "0123456789.eE+-") != strlen(number) ||
        strlen(number) > POSITION_NUMBER_MAX) {
        return false;
    }
    const char *dot = strchr(number, '.');
    if (dot != NULL && (dot[1] < '0' || dot[1] > '9')) {
        return false;
    }
    double limit = strtod(number, &end);
    if (*end != '\0' || !isfinite(limit)) {
        return false;
    }
    memcpy(out->op, text, len);
    out->op[len] = '\0';
    out->limit = limit;
    return true;
}

static void read_expression(struct reader *r, const cJSON *item, const struct reader_field *field,
                            void *out)
{
    struct scenario_threshold *t = out;

    (void)field;
    if (!cJSON_IsString(item) || !parse_expression(item->valuestring, t)) {
        reader_expected(r, item, "a comparison with a number, like \"< 600\" (<, <=, ==, >= or >)");
        return;
    }
    reader_replace(r, &t->expression, item->valuestring);
}

static const struct reader_field threshold_fields[] = {
    {.key = "limit", .read = read_expression, .flags = READER_REQUIRED},
    {.key = "abort", .read = reader_bool, .offset = offsetof(struct scenario_threshold, abort)},
    {0},
};

static void read_threshold(struct reader *r, const cJSON *item, struct scenario_threshold *t)
{
    size_t errors = r->errors->len;

    *t = (struct scenario_threshold){0};
    check_metric(r, item);
    if (cJSON_IsObject(item)) {
        reader_object(r, item, threshold_fields, t);
    } else {
        read_expression(r, item, NULL, t);
    }
    if (r->errors->len == errors) {
        t->metric = reader_copy(r, item->string);
    }
}

void load_thresholds(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    struct scenario *s = out;

    (void)field;
    if (!cJSON_IsObject(item)) {
        reader_expected(r, item, "an object in {} with a metric for each key");
        return;
    }
    int members = cJSON_GetArraySize(item);
    if (members > SCENARIO_THRESHOLDS_MAX) {
        reader_expected(r, item, "at most %d thresholds", SCENARIO_THRESHOLDS_MAX);
        return;
    }
    s->thresholds = reader_alloc(r, (size_t)members, sizeof(*s->thresholds));
    for (const cJSON *child = item->child; s->thresholds != NULL && child != NULL;
         child = child->next) {
        size_t before = reader_push_key(r, child->string);
        if (strcmp(child->string, "note") == 0) {
            reader_note(r, child);
            reader_pop(r, before);
            continue;
        }
        read_threshold(r, child, &s->thresholds[s->thresholds_len++]);
        reader_pop(r, before);
    }
}
