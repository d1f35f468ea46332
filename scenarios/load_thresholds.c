/* scenarios/load_thresholds.c -- thresholds{}: numbers of the result that must hold. Which numbers
 * there are: metrics.c. */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/load.h"
#include "scenarios/metrics.h"
#include "sim/units.h"

/* Is it a number of this scenario's result? Notes why not. */
static bool check_metric(struct reader *r, const cJSON *item, enum scenario_unit *unit)
{
    static const struct {
        const char *none, *name, *number;
    } texts[] = {
        [SCENARIO_SCOPE_RUN] = {"", "",
                                "a number of the result, like completion_s.p95 or "
                                "sites[NAME].wan.bytes"},
        [SCENARIO_SCOPE_SITE] = {"no such site",
                                 "sites[NAME]. with the name of a site, or of one copy like "
                                 "\"branch#2\"",
                                 "a number of a site's result, like sites[NAME].completion_s.p95"},
        [SCENARIO_SCOPE_MODEL] = {"no such model", "models[NAME]. with a model of firmware[]",
                                  "phones, completion_s or back_in_service_s of a model, like "
                                  "models[NAME].phones.failed"},
        [SCENARIO_SCOPE_FILE] = {"no such file", "files[NAME]. with a file of firmware[]",
                                 "size, or count, min, mean, p5, p50, p95 or max of peer or "
                                 "server, like files[NAME].peer.p95"},
    };
    static const char by_reason[] = "failures_by_reason";
    struct scenario_metric m;
    const char *nearest;

    switch (scenario_metric_check(r->scenario, item->string, &m, unit, &nearest)) {
    case SCENARIO_METRIC_GOOD:
        return true;
    case SCENARIO_METRIC_NO_FORM:
        reader_error(r, item, "no NAME].", NULL,
                     "a name in [], like sites[NAME].wan.bytes or models[NAME].phones.failed");
        return false;
    case SCENARIO_METRIC_NO_NAME:
        reader_error(r, item, texts[m.scope].none, nearest, "%s", texts[m.scope].name);
        return false;
    case SCENARIO_METRIC_NO_NUMBER:
        if (strncmp(m.path, by_reason, strlen(by_reason)) == 0) {
            reader_error(r, item, by_reason, "phones.failed",
                         "a number that is always there: reasons are free texts, and a misspelt "
                         "one would never be missed");
        } else {
            reader_error(r, item, "an unknown metric", nearest, "%s", texts[m.scope].number);
        }
        return false;
    }
    return false;
}

/* ---- Limits ---- */

/* A JSON number, alone. */
static bool parse_number(const char *number, double *out)
{
    const char *digits = number + (*number == '-' ? 1 : 0);
    char *end = NULL;

    if (*digits < '0' || *digits > '9' || strspn(number, "0123456789.eE+-") != strlen(number) ||
        strlen(number) > POSITION_NUMBER_MAX) {
        return false;
    }
    const char *dot = strchr(number, '.');
    if (dot != NULL && (dot[1] < '0' || dot[1] > '9')) {
        return false;
    }
    *out = strtod(number, &end);
    return *end == '\0' && fabs(*out) <= (double)UINT64_MAX; /* no figure is larger */
}

/* "80 %", "80%". */
static bool parse_share(const char *text, double *out)
{
    char number[POSITION_NUMBER_MAX + 1];
    size_t len = strcspn(text, " %");

    if (len == 0 || len >= sizeof(number) || text[0] == '-' ||
        strcmp(text + len + (text[len] == ' '), "%") != 0) {
        return false;
    }
    memcpy(number, text, len);
    number[len] = '\0';
    if (!parse_number(number, out)) {
        return false;
    }
    *out /= 100;
    return true;
}

/* A number with the unit that the metric has. */
static bool parse_quantity(const char *text, enum scenario_unit unit, double *out)
{
    uint64_t value = 0;
    bool good = false;

    switch (unit) {
    case SCENARIO_UNIT_NONE:
        return false;
    case SCENARIO_UNIT_SECONDS:
        good = sim_units_parse_duration(text, &value) == 0;
        *out = sim_time_seconds(value);
        return good;
    case SCENARIO_UNIT_BYTES:
        good = sim_units_parse_size(text, &value) == 0;
        *out = (double)value;
        return good;
    case SCENARIO_UNIT_BIT_S:
        good = sim_units_parse_rate(text, &value) == 0;
        *out = (double)value;
        return good;
    case SCENARIO_UNIT_SHARE:
        return parse_share(text, out);
    }
    return false;
}

/* "< 600", "< 10 min": operator, blanks, a number, perhaps a unit. */
static bool parse_expression(const char *text, enum scenario_unit unit,
                             struct scenario_threshold *out)
{
    size_t len = strspn(text, "<=>");
    double limit;

    if (len == 0 || len > 2 ||
        (len == 1 ? text[0] == '=' : text[1] != '=' || strchr("<=>", text[0]) == NULL)) {
        return false;
    }
    const char *number = text + len + strspn(text + len, " ");
    if (!parse_number(number, &limit) && !parse_quantity(number, unit, &limit)) {
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
    static const char *const expected[] = {
        [SCENARIO_UNIT_NONE] = "a comparison with a number, like \"< 600\" (<, <=, ==, >= or >)",
        [SCENARIO_UNIT_SECONDS] = "a comparison with seconds or a duration, like \"< 600\" or "
                                  "\"< 10 min\" (<, <=, ==, >= or >)",
        [SCENARIO_UNIT_BYTES] = "a comparison with bytes or a size, like \"< 20e6\" or "
                                "\"< 20 MB\" (<, <=, ==, >= or >)",
        [SCENARIO_UNIT_BIT_S] = "a comparison with bits a second or a rate, like \"< 384000\" or "
                                "\"< 384 kbit/s\" (<, <=, ==, >= or >)",
        [SCENARIO_UNIT_SHARE] = "a comparison with a share, like \"< 0.8\" or \"< 80 %\" (<, "
                                "<=, ==, >= or >)",
    };
    struct scenario_threshold *t = out;

    (void)field;
    if (!cJSON_IsString(item) || !parse_expression(item->valuestring, t->unit, t)) {
        reader_expected(r, item, "%s", expected[t->unit]);
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
    if (!check_metric(r, item, &t->unit)) {
        return; /* of what unit its limit should be is not known */
    }
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
