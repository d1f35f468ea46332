/* analysis/plan/copies.c -- see copies.h. */
#include "analysis/plan/copies.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/result.h"
#include "analysis/threshold.h"

/* The number at `path` ("wan.bytes") of one site's document, or a quantile; NAN: none. */
static double value_of(const struct analysis_figures *f, uint32_t index, const cJSON *site,
                       const char *path)
{
    const char *dot = strchr(path, '.');
    uint32_t millionths;
    sim_duration time;
    char part[32];
    bool back;

    if (dot != NULL && (size_t)(dot - path) < sizeof(part)) {
        memcpy(part, path, (size_t)(dot - path));
        part[dot - path] = '\0';
        const cJSON *n =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(site, part), dot + 1);
        if (cJSON_IsNumber(n)) {
            return n->valuedouble;
        }
    }
    return analysis_threshold_percentile(path, &back, &millionths) &&
                   analysis_figures_quantile(f, index, back, millionths, &time)
               ? sim_time_seconds(time)
               : (double)NAN;
}

static bool misses(const struct analysis_figures *f, uint32_t index, const cJSON *site,
                   const char *class, const char *name)
{
    const struct scenario *s = f->facts->scenario;

    for (size_t i = 0; i < s->thresholds_len; i++) {
        const struct scenario_threshold *t = &s->thresholds[i];
        struct scenario_metric m;
        if (!scenario_metric_split(t->metric, &m) || m.scope != SCENARIO_SCOPE_SITE ||
            (strcmp(m.name, class) != 0 && strcmp(m.name, name) != 0) ||
            (strcmp(t->op, ">=") == 0 && t->limit == -1)) {
            continue;
        }
        double value = value_of(f, index, site, m.path);
        if (isnan(value) || !analysis_threshold_holds(t, value)) {
            return true;
        }
    }
    return false;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void add_copy(const struct analysis_copies *c, struct analysis_copies_of *of,
                     const struct analysis_figures *f, uint32_t index, const cJSON *site)
{
    const struct sim_site_setup *setup = f->facts->site(f->facts->context, index);

    of->missing += misses(f, index, site, setup->class_name, setup->name);
    of->failed += f->sites[index].phones.failed + f->sites[index].phones.unfinished;
    for (size_t k = 0; k < c->totals_len; k++) {
        double value = value_of(f, index, site, c->totals[k].metric);
        if (!isnan(value)) {
            of->totals[k] = (isnan(of->totals[k]) ? 0 : of->totals[k]) + value;
        }
    }
}

/* Sites first..end-1 are the copies of one class. `lasts`: room for a number each. */
static void take_class(const struct analysis_copies *c, struct analysis_copies_of *of,
                       const struct analysis_figures *f, uint32_t first, uint32_t end,
                       double *lasts)
{
    size_t len = 0;

    *of = (struct analysis_copies_of){.last_median = (double)NAN};
    for (size_t k = 0; k < ANALYSIS_TOTALS_MAX; k++) {
        of->totals[k] = (double)NAN;
    }
    for (uint32_t i = first; i < end; i++) {
        cJSON *site = analysis_result_site(f, i);
        double last = value_of(f, i, site, "completion_s.last");
        add_copy(c, of, f, i, site);
        if (!isnan(last)) {
            lasts[len++] = last;
        }
        cJSON_Delete(site);
    }
    qsort(lasts, len, sizeof(*lasts), by_value);
    of->last_median = len > 0 ? lasts[len / 2] : (double)NAN;
}

void analysis_copies_take(void *context, const struct analysis_figures *f, const cJSON *document)
{
    struct analysis_copies *c = context;
    double *lasts = calloc((size_t)f->end + 1, sizeof(*lasts));
    uint32_t i = f->first;

    (void)document;
    for (size_t k = 0; lasts != NULL && k < c->scenario->sites_len; k++) { /* in its order */
        uint32_t first = i;
        i += c->scenario->sites[k].count;
        if (i > f->end) {
            break;
        }
        take_class(c, &c->of[k], f, first, i, lasts);
    }
    free(lasts);
}
