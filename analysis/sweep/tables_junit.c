/* analysis/sweep/tables_junit.c -- a sweep as JUnit XML, a test case a combination; see tables.h.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/json.h"
#include "analysis/junit.h"
#include "analysis/sweep/tables.h"
#include "sim/err.h"

static int count_of(const cJSON *object, const char *key)
{
    const cJSON *item = analysis_json_get(object, key);
    return cJSON_IsNumber(item) ? item->valueint : 0;
}

static void put(FILE *to, const char *text)
{
    analysis_junit_escape(to, text != NULL ? text : "?");
}

/* "sites[0].wan.rate=384 kbit/s, method=pfs" */
static void put_name(FILE *to, const cJSON *sweep, const cJSON *point)
{
    const cJSON *key;
    int number = 0;

    cJSON_ArrayForEach(key, analysis_json_get(sweep, "keys"))
    {
        const cJSON *at = cJSON_GetArrayItem(analysis_json_get(point, "at"), number);
        put(to, number++ > 0 ? ", " : "");
        put(to, cJSON_GetStringValue(analysis_json_get(key, "path")));
        put(to, "=");
        put(to, cJSON_GetStringValue(cJSON_GetArrayItem(analysis_json_get(key, "values"),
                                                        cJSON_IsNumber(at) ? at->valueint : 0)));
    }
}

static void put_point(FILE *to, const cJSON *sweep, const cJSON *point)
{
    int runs = count_of(point, "runs"), met = count_of(point, "all_met");
    int failed = count_of(point, "failed");
    int missing = count_of(sweep, "repeat") - runs - failed;

    fputs("    <testcase classname=\"pfsim.sweep\" name=\"", to);
    put_name(to, sweep, point);
    if (failed + missing > 0) {
        fprintf(to, "\">\n      <error message=\"%d runs left no result, %d were not run\" ",
                failed, missing);
        fputs("type=\"pfsim.error\"/>\n    </testcase>\n", to);
    } else if (met < runs) {
        fprintf(to, "\">\n      <failure message=\"%d of %d runs had failed phones or missed a ",
                runs - met, runs);
        fputs("threshold\" type=\"pfsim.missed\"/>\n    </testcase>\n", to);
    } else {
        fputs("\"/>\n", to);
    }
}

static void put_all(FILE *to, const cJSON *view, const char *scenario)
{
    const cJSON *sweep = analysis_json_get(view, "sweep"), *point;
    unsigned tests = 0, failures = 0, errors = 0;

    cJSON_ArrayForEach(point, analysis_json_get(sweep, "points"))
    {
        bool whole = count_of(point, "runs") == count_of(sweep, "repeat");
        tests++;
        errors += !whole;
        failures += whole && count_of(point, "all_met") < count_of(point, "runs");
    }
    if (view == NULL) {
        tests = errors = 1;
    }
    fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"", to);
    put(to, scenario);
    fprintf(to, "\" tests=\"%u\" failures=\"%u\" errors=\"%u\">\n  <testsuite name=\"sweep\" ",
            tests, failures, errors);
    fprintf(to, "tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"0\">\n", tests, failures,
            errors);
    cJSON_ArrayForEach(point, analysis_json_get(sweep, "points"))
    {
        put_point(to, sweep, point);
    }
    if (view == NULL) {
        fputs("    <testcase classname=\"pfsim.sweep\" name=\"the sweep begins\">\n      <error "
              "message=\"nothing was run: standard error says why\" type=\"pfsim.error\"/>\n"
              "    </testcase>\n",
              to);
    }
    fputs("  </testsuite>\n</testsuites>\n", to);
}

int analysis_tables_junit(struct analysis_output *o, const cJSON *view, const char *scenario,
                          char why[ANALYSIS_WHY_MAX])
{
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (to != NULL) {
        put_all(to, view, scenario);
    }
    if (to == NULL || fclose(to) != 0) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        analysis_output_discard(o);
        free(text);
        return SIM_ENOMEM;
    }
    analysis_output_write(o, text, len);
    free(text);
    return analysis_output_commit(o, why);
}
