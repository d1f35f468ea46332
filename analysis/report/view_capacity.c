/* analysis/report/view_capacity.c -- what the lines of a run could carry over time, when their
 * rates change (wan.rate with steps or a trace).
 *
 * The scenario beside the result says so, loaded once more. When a file that it names (a trace, a
 * folder of firmware) is not there any more, the list stays empty, and the mean of the result is
 * all that is known. */
#include <math.h>

#include "analysis/report/view_parts.h"
#include "scenarios/scenario.h"
#include "sim/capacity.h"
#include "sim/err.h"

static bool is_over_time(const cJSON *rate)
{
    return cJSON_GetObjectItemCaseSensitive(rate, "steps") != NULL ||
           cJSON_GetObjectItemCaseSensitive(rate, "trace") != NULL;
}

/* Does any line towards phones change its rate? Seen without loading: most scenarios have none. */
static bool changes(const cJSON *scenario)
{
    const cJSON *site;

    cJSON_ArrayForEach(site, cJSON_GetObjectItemCaseSensitive(scenario, "sites"))
    {
        const cJSON *rate =
            cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(site, "wan"), "rate");
        if (is_over_time(rate) || is_over_time(cJSON_GetObjectItemCaseSensitive(rate, "down"))) {
            return true;
        }
    }
    return false;
}

/* NULL: it can't be loaded here, or the run had only a part of its sites. */
static struct scenario *load(const struct view_run *run)
{
    const cJSON *shard = cJSON_GetObjectItemCaseSensitive(run->result, "shard");
    struct scenario_errors errors = {0};
    struct scenario *s = NULL;
    char path[ANALYSIS_PATH_MAX];

    if ((shard != NULL && !cJSON_IsNull(shard)) || !view_path(run, "scenario.json", path)) {
        return NULL;
    }
    int rc = scenario_load(path, NULL, 0, &s, &errors);
    scenario_errors_free(&errors);
    return rc == 0 ? s : NULL;
}

/* The mean of all lines towards phones from `from` to `to`. */
static double rate_between(const struct scenario *s, sim_time from, sim_time to)
{
    double sum = 0;

    for (size_t i = 0; i < s->sites_len; i++) {
        const struct scenario_site *site = &s->sites[i];
        const struct sim_capacity *c = site->wan.down.exact;
        double rate = (double)site->wan.down_bit_s;
        if (c != NULL) {
            rate = (double)sim_capacity_between(c, from, to) / (double)(to - from);
        }
        sum += site->wan.none ? 0 : rate * site->count;
    }
    return round(sum);
}

static int add_curve(const struct scenario *s, double width, double end, cJSON *t, cJSON *bit_s)
{
    double kept = 0, until = 0;
    int rc = 0;

    for (size_t i = 0; i < ANALYSIS_VIEW_POINTS && (double)i * width < end && rc == 0; i++) {
        double begin = (double)i * width, stop = fmin(end, begin + width);
        if (!(stop * 1e9 >= begin * 1e9 + 1)) {
            break; /* less than a nanosecond of it is left */
        }
        double rate = rate_between(s, (sim_time)(begin * 1e9), (sim_time)(stop * 1e9));
        if (i > 0 && (rate < kept || rate > kept)) { /* equal neighbours are one step */
            rc = view_add(t, view_ms(until));
            rc = rc != 0 ? rc : view_add(bit_s, kept);
        }
        kept = rate;
        until = stop;
    }
    if (until > 0 && rc == 0) {
        rc = view_add(t, view_ms(until));
        rc = rc != 0 ? rc : view_add(bit_s, kept);
    }
    return rc;
}

int view_capacity_add(const struct view_run *run, cJSON *wan, double width, double end)
{
    if (!changes(run->scenario)) {
        return cJSON_AddNullToObject(wan, "configured") == NULL ? SIM_ENOMEM : 0;
    }
    cJSON *o = cJSON_AddObjectToObject(wan, "configured");
    cJSON *t = view_list(o, "t"), *bit_s = view_list(o, "bit_s");
    struct scenario *s = load(run);
    int rc = t == NULL || bit_s == NULL ? SIM_ENOMEM : 0;

    if (rc == 0 && s != NULL) {
        rc = add_curve(s, width, end, t, bit_s);
    }
    scenario_free(s);
    return rc;
}
