/* analysis/sweep/tables_judge.c -- which thresholds a sweep's runs missed, and where; see tables.h.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/quantity.h"
#include "analysis/sweep/tables.h"
#include "sim/err.h"

/* A threshold over the whole sweep. */
struct judged {
    char *expression; /* as the scenario has it */
    char unit[8];
    double limit;
    uint32_t runs, missed;
    size_t order; /* of the scenario */
};

struct judging {
    struct judged *list;
    size_t len, cap;
    cJSON **points; /* by combination */
    bool no_memory;
};

static void add_judged(void *context, const struct analysis_store_judged *one)
{
    struct judging *j = context;

    if (j->len == j->cap) {
        size_t cap = j->cap > 0 ? 2 * j->cap : 64;
        struct judged *more = realloc(j->list, cap * sizeof(*more));
        if (more == NULL) {
            j->no_memory = true;
            return;
        }
        j->list = more;
        j->cap = cap;
    }
    struct judged *t = &j->list[j->len];
    *t = (struct judged){.expression = strdup(one->expression),
                         .limit = one->limit,
                         .runs = one->runs,
                         .missed = one->missed,
                         .order = j->len};
    snprintf(t->unit, sizeof(t->unit), "%s", one->unit);
    j->no_memory = j->no_memory || t->expression == NULL;
    j->len++;
}

static int by_missed(const void *a, const void *b)
{
    const struct judged *x = a, *y = b;

    if (x->missed != y->missed) {
        return x->missed > y->missed ? -1 : 1;
    }
    return x->order < y->order ? -1 : 1;
}

static const char *operator_of(const char *expression)
{
    const char *op = expression + analysis_quantity_metric_len(expression);
    return op + strspn(op, " ");
}

/* The value that is farthest on the wrong side. */
static double worst_of(const struct analysis_store_judged *one)
{
    char op = operator_of(one->expression)[0];

    if (op == '=') {
        return fabs(one->min - one->limit) > fabs(one->max - one->limit) ? one->min : one->max;
    }
    return op == '>' ? one->min : one->max;
}

/* Into the lists of its point, which begin with nothing known. */
static void put_judged(void *context, const struct analysis_store_judged *one)
{
    struct judging *j = context;
    cJSON *point = j->points[one->combination];

    for (size_t i = 0; i < j->len && i < ANALYSIS_TABLES_THRESHOLDS_MAX; i++) {
        if (strcmp(j->list[i].expression, one->expression) != 0) {
            continue;
        }
        int at = (int)i;
        cJSON_SetNumberValue(cJSON_GetArrayItem(cJSON_GetObjectItem(point, "judged"), at),
                             one->runs);
        cJSON_SetNumberValue(cJSON_GetArrayItem(cJSON_GetObjectItem(point, "missed"), at),
                             one->missed);
        if (one->valued > 0) {
            cJSON_ReplaceItemInArray(cJSON_GetObjectItem(point, "worst"), at,
                                     cJSON_CreateNumber(worst_of(one)));
        }
        return;
    }
}

/* Their lists, a place a threshold. */
static void prepare_points(cJSON *sweep, struct judging *j)
{
    cJSON *point;
    size_t number = 0;

    cJSON_ArrayForEach(point, cJSON_GetObjectItem(sweep, "points"))
    {
        cJSON *judged = cJSON_AddArrayToObject(point, "judged");
        cJSON *missed = cJSON_AddArrayToObject(point, "missed");
        cJSON *worst = cJSON_AddArrayToObject(point, "worst");
        for (size_t i = 0; i < j->len && i < ANALYSIS_TABLES_THRESHOLDS_MAX; i++) {
            cJSON_AddItemToArray(judged, cJSON_CreateNumber(0));
            cJSON_AddItemToArray(missed, cJSON_CreateNumber(0));
            cJSON_AddItemToArray(worst, cJSON_CreateNull());
        }
        j->points[number++] = point;
    }
}

static void add_thresholds(cJSON *sweep, const struct judging *j)
{
    cJSON *list = cJSON_AddArrayToObject(sweep, "thresholds");
    size_t more = 0;

    for (size_t i = 0; i < j->len; i++) {
        const struct judged *t = &j->list[i];
        char text[ANALYSIS_QUANTITY_TEXT_MAX], name[ANALYSIS_QUANTITY_TEXT_MAX], op[3];
        const char *sign = operator_of(t->expression);
        if (i >= ANALYSIS_TABLES_THRESHOLDS_MAX) {
            more++;
            continue;
        }
        snprintf(name, sizeof(name), "%.*s", (int)analysis_quantity_metric_len(t->expression),
                 t->expression);
        snprintf(op, sizeof(op), "%.*s", (int)strspn(sign, "<>="), sign);
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "expression", analysis_quantity_expression(t->expression, text));
        cJSON_AddStringToObject(o, "name", name);
        cJSON_AddStringToObject(o, "op", op);
        cJSON_AddItemToObject(o, "limit",
                              isnan(t->limit) ? cJSON_CreateNull() : cJSON_CreateNumber(t->limit));
        cJSON_AddStringToObject(o, "unit", t->unit);
        cJSON_AddNumberToObject(o, "runs", t->runs);
        cJSON_AddNumberToObject(o, "missed", t->missed);
        cJSON_AddItemToArray(list, o);
    }
    cJSON_AddNumberToObject(sweep, "thresholds_more", (double)more);
}

int analysis_tables_judge(cJSON *sweep, const struct analysis_tables_config *config,
                          char why[ANALYSIS_WHY_MAX])
{
    struct judging j = {.points = calloc(config->grid->len, sizeof(*j.points))};
    int rc = j.points == NULL ? SIM_ENOMEM
                              : analysis_store_judged(config->store, false, add_judged, &j, why);

    if (rc == 0 && j.no_memory) {
        rc = SIM_ENOMEM;
    }
    if (rc == 0) {
        if (j.len > ANALYSIS_TABLES_THRESHOLDS_MAX) {
            qsort(j.list, j.len, sizeof(*j.list), by_missed);
        }
        prepare_points(sweep, &j);
        add_thresholds(sweep, &j);
        rc = analysis_store_judged(config->store, true, put_judged, &j, why);
    }
    for (size_t i = 0; i < j.len; i++) {
        free(j.list[i].expression);
    }
    free(j.list);
    free(j.points);
    return rc;
}
