/* scenarios/metrics.h -- the numbers of a result that a threshold may name, and their units.
 *
 * A metric is a number's path in the result document ("phones.failed", "wan.busy_s"), behind
 * `sites[NAME].`, `models[NAME].` or `files[NAME].` one of a site, of a model's phones or of a
 * file's transfers. Every percentile of the two times may be asked for ("completion_s.p99.9").
 * Listed here, because a threshold on a misspelt number would never be missed;
 * tests/unit/scenarios/schema_test.mjs holds the list and analysis/result.schema.json together.
 * Not here: values (analysis/threshold.h). */
#ifndef SCENARIOS_METRICS_H
#define SCENARIOS_METRICS_H

#include <stdbool.h>
#include <stddef.h>

enum scenario_scope {
    SCENARIO_SCOPE_RUN,
    SCENARIO_SCOPE_SITE,  /* one site, or the worst of a class */
    SCENARIO_SCOPE_MODEL, /* all phones of it */
    SCENARIO_SCOPE_FILE,  /* its transfers; the worst of the models that have it */
};

/* What a metric counts, and so what a limit may be written in. */
enum scenario_unit {
    SCENARIO_UNIT_NONE,    /* a plain number */
    SCENARIO_UNIT_SECONDS, /* "10 min" */
    SCENARIO_UNIT_BYTES,   /* "20 MB" */
    SCENARIO_UNIT_BIT_S,   /* "1.5 Mbit/s" */
    SCENARIO_UNIT_SHARE,   /* 0..1: "80 %" */
};

enum {
    SCENARIO_METRIC_NAME_MAX = 128, /* bytes in [], with NUL: the longest of a site's name, a
                                       model's and a file's */
};

struct scenario;

struct scenario_metric {
    enum scenario_scope scope;
    char name[SCENARIO_METRIC_NAME_MAX]; /* what stands in []; "" for the run */
    const char *path;                    /* within the scope; borrowed */
};

/* False: it begins like one of a scope but has no "NAME].". Does not look whether the rest exists.
 */
bool scenario_metric_split(const char *text, struct scenario_metric *out);

/* What it counts, of any scenario. False: no result has such a number. */
bool scenario_metric_unit(const char *text, enum scenario_unit *unit);

enum scenario_metric_verdict {
    SCENARIO_METRIC_GOOD,
    SCENARIO_METRIC_NO_FORM,   /* "sites[" without "NAME]." */
    SCENARIO_METRIC_NO_NAME,   /* the scenario has no such site, model or file */
    SCENARIO_METRIC_NO_NUMBER, /* a result has no such number in that scope */
};

/* Can this scenario's result have it? Fills `m`, and `*unit` when it can. `*nearest` is the most
 * similar name or number, NULL: none is near. Of a scenario that is read still, lists that are not
 * there yet are not held against it. */
enum scenario_metric_verdict scenario_metric_check(const struct scenario *s, const char *text,
                                                   struct scenario_metric *m,
                                                   enum scenario_unit *unit, const char **nearest);

#endif /* SCENARIOS_METRICS_H */
