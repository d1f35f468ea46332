/* analysis/cmd_calibrate.c -- pfsim calibrate: the fluid network's constants from a run that was
 * measured. What is fitted to what: fit_data.h; how: fit.h. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/columns.h"
#include "analysis/document.h"
#include "analysis/fit.h"
#include "analysis/fit_data.h"
#include "analysis/json.h"
#include "analysis/program.h"
#include "analysis/result.h"
#include "analysis/summary.h"
#include "analysis/sweep/tables.h"
#include "sim/err.h"
#include "sim/live/clock.h"

enum {
    RUNS_MAX = 250,
    SECONDS_MAX = 25, /* then the best so far is taken (our choice) */
    CELL = 64,
};

#define SERIES_LEAST 0.05   /* s: shorter durations weigh as if they were so long */
#define WORTH_LEAST 0.1     /* of the mean error of completions: what gains less is left */
#define COMPLETION_WEIGHT 3 /* times that of another series: it is what people ask for */

static const struct analysis_usage usage = {
    .command = "calibrate",
    .arguments = "RESULT [--scenario FILE] [-o FILE.json]",
    .does =
        "Fits the constants of the fluid network to a run that was measured: a live one, or one\n"
        "in network packet. RESULT is its result.json, or the folder that --out wrote; "
        "phones.csv,\n"
        "transfers.csv and scenario.json are read from beside it. The same scenario then runs in\n"
        "the fluid network again and again, until completions, configuration times and files from\n"
        "the server lie as near to the measured ones as they can.\n\n"
        "  fluid.goodput         of a line's rate, what its flows get together\n"
        "  fluid.startup         before each answer over TCP\n"
        "  fluid.tftp_packet     for each block of TFTP\n"
        "  server.response_time  before each answer\n\n"
        "What the run does not tell is left as it is, and said. Constants hold for the lines and\n"
        "the server that they were measured on.\n",
    .statuses = "  0    fitted, or found to need no change\n"
                "  2    bad command line, or no result or scenario that this version can read\n"
                "  3    the environment refused: file not there, disk full ...\n"
                "  130  interrupted: nothing is written\n",
    .example = "pfsim calibrate out/measured -o out/calibrated.json",
};

enum { GOODPUT, STARTUP, TFTP_PACKET, RESPONSE_TIME, CONSTANTS };

static const struct {
    const char *section, *key; /* of the scenario */
    double least, most, step;  /* seconds, but for the goodput */
} constants[CONSTANTS] = {
    [GOODPUT] = {"fluid", "goodput", 0.05, 1.2, 0.03},
    [STARTUP] = {"fluid", "startup", 0, 60, 0.03},
    [TFTP_PACKET] = {"fluid", "tftp_packet", 0, 10, 0.0003},
    [RESPONSE_TIME] = {"server", "response_time", 0, 3600, 0.03},
};

/* How far the model's completions are from the measured ones. */
struct distance {
    double mean, p95, last; /* of |difference| rank by rank; of two quantiles: model - measured */
    double measured_mean, measured_p95, measured_last;
    size_t phones, measured_phones;
};

struct calibrate {
    const struct analysis_program *program;
    struct scenario *scenario;
    enum scenario_method method;
    uint64_t seed;
    struct analysis_fit_data measured, model;
    const struct analysis_fit_series **series; /* of `measured`, those that are compared */
    size_t *ranks;                             /* of each */
    double *sizes;                             /* of each: its mean, or SERIES_LEAST */
    size_t series_len, residuals_len;
    struct distance distance; /* of the last run */
    uint64_t deadline;        /* clock */
    char why[ANALYSIS_WHY_MAX];
};

/* ---- The model ---- */

static void set_constants(struct scenario *s, const double *values)
{
    double ppm = floor(values[GOODPUT] * 1e6 + 0.5);

    s->fluid.goodput_ppm = ppm == 1e6 ? 0 : (uint32_t)ppm;
    s->fluid.startup = (sim_duration)(values[STARTUP] * 1e9 + 0.5);
    s->fluid.tftp_packet = (sim_duration)(values[TFTP_PACKET] * 1e9 + 0.5);
    s->server.response_time = (sim_duration)(values[RESPONSE_TIME] * 1e9 + 0.5);
}

static void get_constants(const struct scenario *s, double *values)
{
    values[GOODPUT] = s->fluid.goodput_ppm == 0 ? 1 : s->fluid.goodput_ppm / 1e6;
    values[STARTUP] = (double)s->fluid.startup / 1e9;
    values[TFTP_PACKET] = (double)s->fluid.tftp_packet / 1e9;
    values[RESPONSE_TIME] = (double)s->server.response_time / 1e9;
}

/* Completions of all classes in one sorted series. 0 or SIM_ENOMEM. */
static int completions(const struct analysis_fit_data *from, struct analysis_fit_data *to)
{
    for (size_t i = 0; i < from->len; i++) {
        const struct analysis_fit_series *s = &from->list[i];
        for (size_t k = 0; s->kind == ANALYSIS_FIT_COMPLETION && k < s->len; k++) {
            int rc = analysis_fit_data_add(to, ANALYSIS_FIT_COMPLETION, "", NULL, s->values[k]);
            if (rc != 0) {
                return rc;
            }
        }
    }
    analysis_fit_data_sort(to);
    return 0;
}

static int measure_distance(struct calibrate *c)
{
    struct analysis_fit_data all[2] = {{.list = NULL}, {.list = NULL}};
    struct distance d = {0};
    int rc = completions(&c->measured, &all[0]);

    rc = rc == 0 ? completions(&c->model, &all[1]) : rc;
    if (rc == 0 && all[0].len > 0 && all[1].len > 0) {
        const struct analysis_fit_series *measured = all[0].list, *model = all[1].list;
        for (size_t i = 0; i < measured->len; i++) {
            double share = ((double)i + 0.5) / (double)measured->len;
            d.mean += fabs(analysis_fit_data_at(model, share) - measured->values[i]);
            d.measured_mean += measured->values[i];
        }
        d.mean /= (double)measured->len;
        d.measured_mean /= (double)measured->len;
        d.measured_p95 = analysis_fit_data_at(measured, 0.95);
        d.p95 = analysis_fit_data_at(model, 0.95) - d.measured_p95;
        d.measured_last = measured->values[measured->len - 1];
        d.last = model->values[model->len - 1] - d.measured_last;
        d.measured_phones = measured->len;
        d.phones = model->len;
    }
    c->distance = d;
    analysis_fit_data_free(&all[0]);
    analysis_fit_data_free(&all[1]);
    return rc;
}

/* Differences rank by rank, as shares of the series' mean; each series weighs the same. A series
 * that the model does not have is as wrong as can be. */
static int residuals(void *context, const double *values, double *out)
{
    struct calibrate *c = context;
    int rc;

    set_constants(c->scenario, values);
    analysis_fit_data_clear(&c->model);
    if ((rc = analysis_fit_data_run(&c->model, c->scenario, c->method, c->seed, c->why)) != 0 ||
        (rc = measure_distance(c)) != 0) {
        return rc;
    }
    for (size_t i = 0; i < c->series_len; i++) {
        const struct analysis_fit_series *measured = c->series[i];
        const struct analysis_fit_series *model =
            analysis_fit_data_find(&c->model, measured->kind, measured->key);
        double weight = 1 / sqrt((double)c->ranks[i] * (double)c->series_len);
        weight *= measured->kind == ANALYSIS_FIT_COMPLETION ? COMPLETION_WEIGHT : 1;
        weight /= c->sizes[i];
        for (size_t k = 0; k < c->ranks[i]; k++) {
            double share = ((double)k + 0.5) / (double)c->ranks[i];
            double want = analysis_fit_data_at(measured, share);
            double got = model == NULL ? 2 * want + 1 : analysis_fit_data_at(model, share);
            *out++ = (got - want) * weight;
        }
    }
    return 0;
}

static bool is_late(void *context)
{
    const struct calibrate *c = context;

    return sim_live_clock() >= c->deadline;
}

static double mean_of(const struct analysis_fit_series *s)
{
    double sum = 0;

    for (size_t i = 0; i < s->len; i++) {
        sum += s->values[i];
    }
    return sum / (double)s->len > SERIES_LEAST ? sum / (double)s->len : SERIES_LEAST;
}

/* What can be compared: series that both have, at the start. */
static int choose_series(struct calibrate *c)
{
    size_t len = c->measured.len;
    int rc = analysis_fit_data_run(&c->model, c->scenario, c->method, c->seed, c->why);

    if (rc != 0) {
        return rc;
    }
    c->series = calloc(len + 1, sizeof(*c->series));
    c->ranks = calloc(len + 1, sizeof(*c->ranks));
    c->sizes = calloc(len + 1, sizeof(*c->sizes));
    if (c->series == NULL || c->ranks == NULL || c->sizes == NULL) {
        snprintf(c->why, sizeof(c->why), "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < len; i++) {
        const struct analysis_fit_series *s = &c->measured.list[i];
        const struct analysis_fit_series *model =
            analysis_fit_data_find(&c->model, s->kind, s->key);
        size_t ranks = model == NULL ? 0 : model->len < s->len ? model->len : s->len;
        ranks = ranks < ANALYSIS_FIT_RANKS_MAX ? ranks : ANALYSIS_FIT_RANKS_MAX;
        if (ranks > 0 && c->residuals_len + ranks <= ANALYSIS_FIT_RESIDUALS_MAX) {
            c->series[c->series_len] = s;
            c->sizes[c->series_len] = mean_of(s);
            c->ranks[c->series_len++] = ranks;
            c->residuals_len += ranks;
        }
    }
    if (c->residuals_len == 0) {
        snprintf(c->why, sizeof(c->why),
                 "nothing in the result can be compared: no phone of it finished");
        return SIM_EINVAL;
    }
    return 0;
}

/* ---- What is fitted to what ---- */

static int check_document(struct calibrate *c, const cJSON *document, const char *path)
{
    const cJSON *phones = cJSON_GetObjectItemCaseSensitive(document, "phones");
    const cJSON *total = cJSON_GetObjectItemCaseSensitive(phones, "total");
    const struct analysis_program *p = c->program;

    if (!analysis_program_method(analysis_json_text(document, "method", ""), &c->method, c->why)) {
        return analysis_program_fail(p, "calibrate", ANALYSIS_USAGE, "%.300s: %s", path, c->why);
    }
    if (!cJSON_IsNumber(total) || total->valuedouble != c->scenario->phones_total) {
        return analysis_program_fail(
            p, "calibrate", ANALYSIS_USAGE,
            "%.300s is of %.0f phones, the scenario has %u: is it the one that ran, all of it?",
            path, cJSON_IsNumber(total) ? total->valuedouble : 0, c->scenario->phones_total);
    }
    c->seed = analysis_result_seed(document);
    if (cJSON_IsFalse(cJSON_GetObjectItemCaseSensitive(
            cJSON_GetObjectItemCaseSensitive(document, "validity"), "valid"))) {
        fprintf(p->err,
                "pfsim calibrate: warning: %.300s is of an invalid run: the machine was too "
                "slow, and that would be fitted\n",
                path);
    }
    return ANALYSIS_OK;
}

struct inputs {
    char result[ANALYSIS_PATH_MAX], dir[ANALYSIS_PATH_MAX], scenario[ANALYSIS_PATH_MAX];
    bool has_scenario; /* --scenario */
    cJSON *document;
};

static int several_runs(const struct analysis_program *program, const char *path)
{
    return analysis_program_fail(program, "calibrate", ANALYSIS_USAGE,
                                 "%.300s holds several runs: give the folder of one run, like "
                                 "DIR/pfs",
                                 path);
}

static int find_inputs(const struct analysis_program *program, const char *word,
                       const char *scenario, struct inputs *in)
{
    char why[ANALYSIS_WHY_MAX];
    int rc = analysis_document_find(word, in->result, why);

    if (rc == 0 && analysis_tables_is(in->result)) {
        return several_runs(program, in->result);
    }
    rc = rc == 0 ? analysis_document_read(&in->document, in->result, why) : rc;
    if (rc != 0) {
        return analysis_program_fail(
            program, "calibrate", rc == SIM_EINVAL ? ANALYSIS_USAGE : ANALYSIS_REFUSED, "%s", why);
    }
    if (analysis_document_is_comparison(in->document)) {
        return several_runs(program, in->result);
    }
    if (analysis_document_version(analysis_json_text(in->document, "pfsim", NULL), program->version,
                                  in->result, why) != 0) {
        return analysis_program_fail(program, "calibrate", ANALYSIS_USAGE, "%s", why);
    }
    if (why[0] != '\0') {
        (void)analysis_program_fail(program, "calibrate", ANALYSIS_OK, "%s", why);
    }
    in->has_scenario = scenario != NULL;
    const char *slash = strrchr(in->result, '/');
    snprintf(in->dir, sizeof(in->dir), "%.*s", slash == NULL ? 1 : (int)(slash - in->result),
             slash == NULL ? "." : in->result);
    int n = scenario != NULL
                ? snprintf(in->scenario, sizeof(in->scenario), "%s", scenario)
                : snprintf(in->scenario, sizeof(in->scenario), "%s/scenario.json", in->dir);
    if (n < 0 || (size_t)n >= sizeof(in->scenario)) {
        return analysis_program_fail(program, "calibrate", ANALYSIS_USAGE, "%.100s: %s", word,
                                     "the path is too long");
    }
    return ANALYSIS_OK;
}

/* ---- Telling ---- */

static void format_value(size_t constant, double value, char out[CELL])
{
    if (constant == GOODPUT) {
        snprintf(out, CELL, "%.10g", floor(value * 1e4 + 0.5) / 1e4);
    } else if (constant == TFTP_PACKET) {
        snprintf(out, CELL, "%.10g us", floor(value * 1e7 + 0.5) / 10);
    } else {
        snprintf(out, CELL, "%.10g ms", floor(value * 1e4 + 0.5) / 10);
    }
}

static void name_of(size_t constant, char out[CELL])
{
    snprintf(out, CELL, "%s.%s", constants[constant].section, constants[constant].key);
}

static void say_verdict(const struct analysis_fit_outcome *o, size_t p, char out[2 * CELL])
{
    char value[CELL];

    switch (o->verdicts[p]) {
    case ANALYSIS_FIT_FITTED:
        format_value(p, o->half[p], value);
        snprintf(out, 2 * CELL, "+- %s", value);
        return;
    case ANALYSIS_FIT_NO_EFFECT:
        snprintf(out, 2 * CELL, "left: nothing in this run depends on it");
        return;
    case ANALYSIS_FIT_MIXED:
        name_of(o->mixed_with[p], value);
        snprintf(out, 2 * CELL, "left: this run can't tell it from %s", value);
        return;
    case ANALYSIS_FIT_AS_IT_WAS:
        format_value(p, o->half[p], value);
        snprintf(out, 2 * CELL, "left: within its error, +- %s", value);
        return;
    case ANALYSIS_FIT_UNTRIED:
        snprintf(out, 2 * CELL, "left: there was no time to try it");
        return;
    }
}

/* A difference in seconds, and as a share: "-19.1 s" "(-16.2 %)". */
static void add_difference(struct analysis_columns *t, double by, double of)
{
    char value[ANALYSIS_CELL_MAX], cell[ANALYSIS_CELL_MAX + 2];

    analysis_summary_seconds(fabs(by), value);
    snprintf(cell, sizeof(cell), "%s%s", by < 0 ? "-" : "", value);
    analysis_columns_add(t, ANALYSIS_PLAIN, cell);
    snprintf(cell, sizeof(cell), "(%.1f %%)", of > 0 ? 100 * by / of : 0);
    analysis_columns_add(t, ANALYSIS_PLAIN, cell);
}

static void add_row(struct analysis_columns *t, const char *what, double before, double after,
                    double of)
{
    analysis_columns_add(t, ANALYSIS_PLAIN, what);
    add_difference(t, before, of);
    add_difference(t, after, of);
}

static void print_constants(const struct analysis_style *style,
                            const struct analysis_fit_outcome *o, const double *start)
{
    static const struct analysis_column list[] = {
        {.head = "constant", .left = true},
        {.head = "was"},
        {.head = "is"},
        {.head = "95 %", .left = true, .wraps = true},
    };
    struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));

    for (size_t p = 0; p < CONSTANTS; p++) {
        char cell[CELL], verdict[2 * CELL];
        name_of(p, cell);
        analysis_columns_add(t, ANALYSIS_PLAIN, cell);
        format_value(p, start[p], cell);
        analysis_columns_add(t, ANALYSIS_PLAIN, cell);
        format_value(p, o->values[p], cell);
        analysis_columns_add(t, ANALYSIS_PLAIN, cell);
        say_verdict(o, p, verdict);
        analysis_columns_add(t, ANALYSIS_PLAIN, verdict);
    }
    analysis_columns_print(t, style, 0);
    analysis_columns_free(t);
}

static void print_distances(const struct analysis_style *style, const struct distance *before,
                            const struct distance *after)
{
    static const struct analysis_column list[] = {
        {.head = "completion of the model", .left = true},
        {.head = "before"},
        {.head = "", .joined = true},
        {.head = "after"},
        {.head = "", .joined = true},
    };
    struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));

    add_row(t, "mean error of a phone", before->mean, after->mean, after->measured_mean);
    add_row(t, "p95, model - measured", before->p95, after->p95, after->measured_p95);
    add_row(t, "last, model - measured", before->last, after->last, after->measured_last);
    fputc('\n', style->to);
    analysis_columns_print(t, style, 2);
    analysis_columns_free(t);
}

static void print_outcome(const struct calibrate *c, const struct analysis_style *style,
                          const struct analysis_fit_outcome *o, const double *start,
                          const struct distance *before)
{
    const struct distance *after = &c->distance;
    char line[200];

    print_constants(style, o, start);
    print_distances(style, before, after);
    if (after->phones != after->measured_phones) {
        snprintf(line, sizeof(line), "  %zu phones finished in the model, %zu in the measured run",
                 after->phones, after->measured_phones);
        analysis_summary_wrap(style, 0, 2, line);
    }
    snprintf(line, sizeof(line), "  %u runs of the model%s", o->runs,
             o->stopped ? "; more of them might still gain a little" : "");
    analysis_summary_wrap(style, 0, 2, line);
}

static bool is_new(const struct analysis_fit_outcome *o, const double *start, size_t p)
{
    return o->verdicts[p] == ANALYSIS_FIT_FITTED && o->values[p] != start[p];
}

/* Ready to be copied, so no flag is broken. */
static void print_sets(const struct analysis_style *style, const struct analysis_fit_outcome *o,
                       const double *start)
{
    char line[CONSTANTS * 3 * CELL] = "";
    size_t len = 0;

    for (size_t p = 0; p < CONSTANTS; p++) {
        char name[CELL], value[CELL];
        if (is_new(o, start, p)) {
            name_of(p, name);
            format_value(p, o->values[p], value);
            len += (size_t)snprintf(line + len, sizeof(line) - len, "%s--set\x01%s='%s'",
                                    len > 0 ? " " : "", name, value);
        }
    }
    for (char *c = strchr(line, '\''); c != NULL && *c != '\0'; c++) {
        *c = *c == ' ' && c[1] != '-' ? '\x01' : *c; /* '3 ms' stays together */
    }
    fputc('\n', style->to);
    analysis_summary_wrap(style, 0, 0, len > 0 ? line : "no change: the model fits as it stands");
}

/* ---- Documents ---- */

static bool add_value(cJSON *to, size_t p, double value)
{
    char text[CELL];

    format_value(p, value, text);
    cJSON_DeleteItemFromObjectCaseSensitive(to, constants[p].key);
    return (p == GOODPUT ? cJSON_AddNumberToObject(to, constants[p].key, atof(text))
                         : cJSON_AddStringToObject(to, constants[p].key, text)) != NULL;
}

static cJSON *section_of(cJSON *root, const char *name)
{
    cJSON *section = cJSON_GetObjectItemCaseSensitive(root, name);

    return section != NULL ? section : cJSON_AddObjectToObject(root, name);
}

/* The scenario with its new constants, for a file in `dir`. NULL: out of memory. */
static char *scenario_text(const struct calibrate *c, const char *dir,
                           const struct analysis_fit_outcome *o, const double *start)
{
    char *text = scenario_text_beside(c->scenario->text, c->scenario->path, dir);
    cJSON *root = cJSON_Parse(text);
    bool good = root != NULL;

    free(text);
    text = NULL;
    for (size_t p = 0; p < CONSTANTS && good; p++) {
        if (is_new(o, start, p)) {
            cJSON *section = section_of(root, constants[p].section);
            good = section != NULL && add_value(section, p, o->values[p]);
        }
    }
    if (good) {
        text = cJSON_Print(root);
    }
    cJSON_Delete(root);
    return text;
}

static bool add_distance(cJSON *to, const char *name, const struct distance *d)
{
    cJSON *o = cJSON_AddObjectToObject(to, name);

    return o != NULL && cJSON_AddNumberToObject(o, "mean_abs_s", d->mean) != NULL &&
           cJSON_AddNumberToObject(o, "p95_s", d->p95) != NULL &&
           cJSON_AddNumberToObject(o, "last_s", d->last) != NULL;
}

static const char *verdict_name(enum analysis_fit_verdict verdict)
{
    switch (verdict) {
    case ANALYSIS_FIT_FITTED:
        return "fitted";
    case ANALYSIS_FIT_NO_EFFECT:
        return "no-effect";
    case ANALYSIS_FIT_MIXED:
        return "mixed";
    case ANALYSIS_FIT_AS_IT_WAS:
        return "as-it-was";
    case ANALYSIS_FIT_UNTRIED:
        return "untried";
    }
    return "";
}

static int print_json(const struct calibrate *c, const struct analysis_fit_outcome *o,
                      const double *start, const struct distance *before)
{
    cJSON *root = cJSON_CreateObject();
    cJSON *list = cJSON_AddObjectToObject(root, "constants");
    bool good = list != NULL;

    for (size_t p = 0; p < CONSTANTS && good; p++) {
        char name[CELL];
        name_of(p, name);
        cJSON *item = cJSON_AddObjectToObject(list, name); /* seconds, but for the goodput */
        good = item != NULL && cJSON_AddNumberToObject(item, "was", start[p]) != NULL &&
               cJSON_AddNumberToObject(item, "is", o->values[p]) != NULL &&
               cJSON_AddNumberToObject(item, "half_width", o->half[p]) != NULL &&
               cJSON_AddStringToObject(item, "verdict", verdict_name(o->verdicts[p])) != NULL;
    }
    good = good && add_distance(root, "before", before) &&
           add_distance(root, "after", &c->distance) &&
           cJSON_AddNumberToObject(root, "runs", o->runs) != NULL &&
           cJSON_AddBoolToObject(root, "stopped", o->stopped) != NULL;
    char *text = good ? cJSON_Print(root) : NULL;
    cJSON_Delete(root);
    if (text == NULL) {
        return analysis_program_fail(c->program, "calibrate", ANALYSIS_REFUSED, "%s",
                                     sim_err_text(SIM_ENOMEM));
    }
    fprintf(c->program->out, "%s\n", text);
    cJSON_free(text);
    return ANALYSIS_OK;
}

static int write_scenario(const struct calibrate *c, const char *path,
                          const struct analysis_fit_outcome *o, const double *start)
{
    char dir[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    const char *name = analysis_output_split(path, dir);
    struct analysis_output *to = NULL;

    if (name == NULL) {
        return analysis_program_fail(c->program, "calibrate", ANALYSIS_USAGE,
                                     "-o %.100s: expected the name of a file", path);
    }
    char *text = scenario_text(c, dir, o, start);
    if (text == NULL) {
        return analysis_program_fail(c->program, "calibrate", ANALYSIS_REFUSED, "%s",
                                     sim_err_text(SIM_ENOMEM));
    }
    int rc = analysis_output_open(&to, dir, name, why);
    if (rc == 0) {
        analysis_output_print(to, "%s\n", text);
        rc = analysis_output_commit(to, why);
    }
    cJSON_free(text);
    return rc == 0 ? ANALYSIS_OK
                   : analysis_program_fail(c->program, "calibrate", ANALYSIS_REFUSED, "%s", why);
}

/* ---- The command ---- */

static void keep_all(struct analysis_fit_outcome *o, const double *start)
{
    for (size_t p = 0; p < CONSTANTS; p++) {
        o->values[p] = start[p];
        if (o->verdicts[p] == ANALYSIS_FIT_FITTED) {
            o->verdicts[p] = ANALYSIS_FIT_AS_IT_WAS;
        }
    }
}

static int fit_it(struct calibrate *c, struct analysis_fit_outcome *o, double *start,
                  struct distance *before)
{
    struct analysis_fit fit = {
        .parameters_len = CONSTANTS,
        .residuals = residuals,
        .stop = is_late,
        .context = c,
        .runs_max = RUNS_MAX,
    };
    int rc;

    c->scenario->network = SCENARIO_FLUID;
    c->deadline = sim_live_clock() + SECONDS_MAX * SIM_S;
    get_constants(c->scenario, start);
    if ((rc = choose_series(c)) != 0 || (rc = measure_distance(c)) != 0) {
        return rc;
    }
    *before = c->distance;
    fit.residuals_len = c->residuals_len;
    for (size_t p = 0; p < CONSTANTS; p++) {
        fit.parameters[p] = (struct analysis_fit_parameter){start[p], constants[p].least,
                                                            constants[p].most, constants[p].step};
    }
    if ((rc = analysis_fit(&fit, o)) != 0) {
        return rc;
    }
    /* Written with a few digits: what is told of the fit is of the written values. */
    for (size_t p = 0; p < CONSTANTS; p++) {
        double unit = p == GOODPUT ? 1e-4 : p == TFTP_PACKET ? 1e-7 : 1e-4;
        o->values[p] = is_new(o, start, p) ? floor(o->values[p] / unit + 0.5) * unit : start[p];
    }
    double *last = calloc(c->residuals_len, sizeof(*last));
    rc = last == NULL ? SIM_ENOMEM : residuals(c, o->values, last);
    if (rc == 0 && c->distance.mean > (1 - WORTH_LEAST) * before->mean) {
        /* What gains hardly anything, or only in the rest, is not worth another constant. */
        keep_all(o, start);
        rc = residuals(c, o->values, last);
    }
    free(last);
    return rc;
}

static void print_all(const struct calibrate *c, const struct inputs *in,
                      const struct analysis_fit_outcome *o, const double *start,
                      const struct distance *before)
{
    struct analysis_style style = analysis_summary_style(c->program->out);
    char line[ANALYSIS_PATH_MAX + 200];

    snprintf(
        line, sizeof(line), "%s: %.40s, method %.40s, %zu phones finished, %zu durations compared",
        in->result, analysis_json_text(in->document, "world", ""),
        analysis_json_text(in->document, "method", ""), before->measured_phones, c->residuals_len);
    analysis_summary_wrap(&style, 0, 2, line);
    fputc('\n', style.to);
    print_outcome(c, &style, o, start, before);
    print_sets(&style, o, start);
}

static int tell(struct calibrate *c, const struct inputs *in, const char *out, bool json)
{
    struct analysis_fit_outcome o;
    struct distance before;
    double start[CONSTANTS];
    int rc = fit_it(c, &o, start, &before);

    if (rc != 0) {
        return analysis_program_fail(c->program, "calibrate",
                                     rc == SIM_EINVAL ? ANALYSIS_USAGE : ANALYSIS_REFUSED, "%s",
                                     c->why[0] != '\0' ? c->why : sim_err_text(rc));
    }
    if (json) {
        int status = print_json(c, &o, start, &before);
        if (status != ANALYSIS_OK) {
            return status;
        }
    } else {
        print_all(c, in, &o, start, &before);
    }
    if (out != NULL) {
        int status = write_scenario(c, out, &o, start);
        if (status != ANALYSIS_OK) {
            return status;
        }
        if (!json) {
            fprintf(c->program->out, "Scenario: %s\n", out);
        }
    }
    return analysis_program_flush(c->program, "calibrate", ANALYSIS_OK);
}

static int calibrate(const struct analysis_program *program, const struct inputs *in,
                     const struct analysis_list *sets, const char *out, bool json)
{
    struct calibrate c = {.program = program};
    bool has_transfers = false;
    int status = analysis_program_load(program, "calibrate", in->scenario, sets, &c.scenario);

    if (status != ANALYSIS_OK && !in->has_scenario) {
        fprintf(program->err,
                "pfsim calibrate: name the file that ran with --scenario, where the folders and "
                "traces that it names are still there\n");
    }
    if (status == ANALYSIS_OK) {
        status = check_document(&c, in->document, in->result);
    }
    if (status == ANALYSIS_OK) {
        int rc = analysis_fit_data_read(&c.measured, in->dir, c.scenario, &has_transfers, c.why);
        if (rc != 0) {
            status = analysis_program_fail(program, "calibrate",
                                           rc == SIM_EINVAL ? ANALYSIS_USAGE : ANALYSIS_REFUSED,
                                           "%s", c.why);
        }
        c.why[0] = '\0';
    }
    if (status == ANALYSIS_OK && !has_transfers) {
        fprintf(program->err,
                "pfsim calibrate: %.300s has no transfers.csv: what depends on single files can't "
                "be told\n",
                in->dir);
    }
    if (status == ANALYSIS_OK) {
        status = tell(&c, in, out, json);
    }
    analysis_fit_data_free(&c.measured);
    analysis_fit_data_free(&c.model);
    free(c.series);
    free(c.ranks);
    free(c.sizes);
    scenario_free(c.scenario);
    return status;
}

int analysis_cmd_calibrate(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {1, 1, "a result"};
    struct analysis_list sets = {.len = 0};
    const char *scenario = NULL, *out = NULL;
    bool json = false;
    const struct analysis_option options[] = {
        {"scenario", ANALYSIS_OPTION_TEXT, &scenario, "FILE",
         "the scenario that ran; default: scenario.json beside the result"},
        {"o", ANALYSIS_OPTION_TEXT, &out, "FILE.json", "the scenario with its new constants"},
        {"set", ANALYSIS_OPTION_LIST, &sets, "PATH=VALUE",
         "as in the run, when --scenario is not what it wrote; repeatable"},
        {"json", ANALYSIS_OPTION_FLAG, &json, NULL, "the outcome as JSON"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    struct inputs *in = NULL;
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    if ((in = calloc(1, sizeof(*in))) == NULL) {
        return analysis_program_fail(program, "calibrate", ANALYSIS_REFUSED, "%s",
                                     sim_err_text(SIM_ENOMEM));
    }
    status = find_inputs(program, line.words[0], scenario, in);
    if (status == ANALYSIS_OK) {
        status = calibrate(program, in, &sets, out, json);
    }
    cJSON_Delete(in->document);
    free(in);
    return status;
}
