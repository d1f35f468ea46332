/* scenarios/load_capacity.c -- wan.rate: a rate, one for each direction, or how it changes over
 * time: a list of steps, or a file of Mahimahi's. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scenarios/load.h"
#include "sim/err.h"
#include "sim/mahimahi.h"
#include "sim/units.h"

enum {
    STEPS_MAX = 10000, /* of a list (our choice) */
    PATH_TEXT_MAX = 1024,
};

/* ---- Keeping ---- */

/* The scenario owns every capacity; `name` tells the traces that it has already. */
struct scenario_capacity {
    char *name; /* the trace's path and offset; NULL: a list of steps */
    struct sim_capacity *exact, *binned;
};

static bool keep(struct reader *r, char *name, struct sim_capacity *exact,
                 struct sim_capacity *binned)
{
    struct scenario *s = r->scenario;
    struct scenario_capacity *list =
        realloc(s->capacities, (s->capacities_len + 1) * sizeof(*list));

    if (list == NULL) {
        r->no_memory = true;
        free(name);
        sim_capacity_free(exact);
        sim_capacity_free(binned);
        return false;
    }
    s->capacities = list;
    list[s->capacities_len++] =
        (struct scenario_capacity){.name = name, .exact = exact, .binned = binned};
    return true;
}

void load_capacities_free(struct scenario *s)
{
    for (size_t i = 0; i < s->capacities_len; i++) {
        free(s->capacities[i].name);
        sim_capacity_free(s->capacities[i].exact);
        sim_capacity_free(s->capacities[i].binned);
    }
    free(s->capacities);
}

static struct sim_wan_rate rate_of(const struct scenario_capacity *c)
{
    return (struct sim_wan_rate){.exact = c->exact,
                                 .binned = c->binned != NULL ? c->binned : c->exact};
}

/* ---- Steps ---- */

struct list {
    struct sim_capacity_step *steps;
    size_t len;
    sim_duration period, offset;
    char *trace;
};

struct one_step {
    sim_duration at;
    uint64_t bit_s;
};

static const struct reader_field step_fields[] = {
    {.key = "at",
     .read = reader_duration,
     .offset = offsetof(struct one_step, at),
     .min = 0,
     .max = SIM_CAPACITY_PERIOD_MAX,
     .flags = READER_REQUIRED},
    {.key = "rate",
     .read = reader_rate,
     .offset = offsetof(struct one_step, bit_s),
     .min = 1,
     .max = SIM_CAPACITY_RATE_MAX,
     .flags = READER_REQUIRED},
    {0},
};

/* Notes what is wrong with a step's instant. */
static void check_step(struct reader *r, const cJSON *item, const struct list *list,
                       sim_duration at)
{
    const cJSON *key = cJSON_GetObjectItemCaseSensitive(item, "at");
    size_t before = reader_push_key(r, "at");
    char text[SIM_UNITS_TEXT_MAX];

    if (list->len == 0 && at != 0) {
        reader_expected(r, key, "\"0 s\": the first step says how it begins");
    } else if (list->len > 0 && at <= list->steps[list->len - 1].at) {
        reader_expected(r, key, "more than the step before, which is at %s",
                        sim_units_format_duration(list->steps[list->len - 1].at, text));
    }
    reader_pop(r, before);
}

static void read_steps(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    struct list *list = out;
    size_t index = 0;

    (void)field;
    free(list->steps); /* the key may stand there twice, which is noted elsewhere */
    list->steps = NULL;
    list->len = 0;
    if (!reader_list(r, item, 1, STEPS_MAX, "steps") ||
        (list->steps = reader_alloc(r, (size_t)cJSON_GetArraySize(item), sizeof(*list->steps))) ==
            NULL) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        struct one_step step = {.at = 0};
        size_t before = reader_push_index(r, index++), errors = r->errors->len;

        if (reader_object(r, child, step_fields, &step) && r->errors->len == errors) {
            check_step(r, child, list, step.at);
            list->steps[list->len++] =
                (struct sim_capacity_step){.at = step.at, .bit_s = step.bit_s};
        }
        reader_pop(r, before);
    }
}

static const struct reader_field capacity_fields[] = {
    {.key = "trace",
     .read = reader_text,
     .offset = offsetof(struct list, trace),
     .min = 1,
     .max = PATH_TEXT_MAX},
    {.key = "steps", .read = read_steps},
    {.key = "period",
     .read = reader_duration,
     .offset = offsetof(struct list, period),
     .min = SIM_MS,
     .max = SIM_CAPACITY_PERIOD_MAX},
    {.key = "offset",
     .read = reader_duration,
     .offset = offsetof(struct list, offset),
     .min = 0,
     .max = SIM_CAPACITY_PERIOD_MAX},
    {0},
};

static void make_steps(struct reader *r, const cJSON *item, const struct list *list,
                       struct sim_wan_rate *out)
{
    struct sim_capacity *made = NULL;
    char text[SIM_UNITS_TEXT_MAX];

    if (list->period != SIM_NEVER && list->steps[list->len - 1].at >= list->period) {
        size_t before = reader_push_key(r, "period");
        reader_expected(r, cJSON_GetObjectItemCaseSensitive(item, "period"),
                        "more than the last step, which is at %s",
                        sim_units_format_duration(list->steps[list->len - 1].at, text));
        reader_pop(r, before);
        return;
    }
    int rc = sim_capacity_new(&made, list->steps, list->len, list->period, list->offset);
    if (rc != 0) { /* all else was checked */
        r->no_memory = true;
    } else if (keep(r, NULL, made, NULL)) {
        *out = rate_of(&r->scenario->capacities[r->scenario->capacities_len - 1]);
    }
}

/* ---- Traces ---- */

/* The whole file. NULL with `why` set, or r->no_memory. */
static char *read_file(struct reader *r, const char *path, size_t *len, const char **why)
{
    struct stat status;
    size_t cap = 64 * 1024;
    char *text = NULL;

    *why = NULL;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) { /* a pipe might never end */
        *why = "no file";
        return NULL;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        *why = sim_err_text(sim_err_from_errno(errno));
        return NULL;
    }
    for (*len = 0;;) {
        char *more = realloc(text, cap);
        if (more == NULL) {
            r->no_memory = true;
            break;
        }
        text = more;
        *len += fread(text + *len, 1, cap - *len, file);
        if (*len < cap || *len > SIM_MAHIMAHI_BYTES_MAX) {
            *why = ferror(file) ? sim_err_text(sim_err_from_errno(errno)) : NULL;
            break;
        }
        cap *= 2;
    }
    fclose(file);
    if (*why != NULL || r->no_memory) {
        free(text);
        text = NULL;
    }
    return text;
}

static void trace_error(struct reader *r, const cJSON *item, const char *found,
                        const char *expected)
{
    size_t before = reader_push_key(r, "trace");

    reader_error(r, cJSON_GetObjectItemCaseSensitive(item, "trace"), found, NULL, "%s", expected);
    reader_pop(r, before);
}

/* The reason has its own "found" and "expected", or only says what is too much. */
static void refuse_trace(struct reader *r, const cJSON *item, const char *path,
                         const struct sim_mahimahi_error *error)
{
    static const char found_word[] = "found ", expected_word[] = ", expected ";
    const char *why = error->why, *expected = strstr(why, expected_word);
    char found[READER_QUOTE_MAX + SIM_MAHIMAHI_WHY_MAX + PATH_TEXT_MAX], line[16] = "";

    bool is_quoted = strncmp(why, found_word, strlen(found_word)) == 0;
    why += is_quoted ? strlen(found_word) : 0;
    int len = expected != NULL ? (int)(expected - why) : (int)strlen(why);
    if (error->line > 0) {
        snprintf(line, sizeof(line), ":%u", error->line);
    }
    if (is_quoted) {
        snprintf(found, sizeof(found), "%.*s in %s%s", len, why, path, line);
    } else {
        snprintf(found, sizeof(found), "%s%s: %.*s", path, line, len, why);
    }
    trace_error(r, item, found,
                expected != NULL ? expected + strlen(expected_word)
                                 : "a file of Mahimahi's format: milliseconds, one a line");
}

/* Reads the file at `path` and keeps what is in it under `name`, which it takes. */
static void load_trace(struct reader *r, const cJSON *item, const struct list *list,
                       const char *path, char *name, struct sim_wan_rate *out)
{
    struct sim_capacity *exact = NULL, *binned = NULL;
    struct sim_mahimahi_error error;
    char found[READER_QUOTE_MAX + SIM_MAHIMAHI_WHY_MAX + PATH_TEXT_MAX];
    const char *why;
    size_t len;
    char *text = read_file(r, path, &len, &why);

    if (text == NULL) {
        if (why != NULL) {
            snprintf(found, sizeof(found), "%s: %s", path, why);
            trace_error(r, item, found, "a file of Mahimahi's format: milliseconds, one a line");
        }
        free(name);
        return;
    }
    int rc = sim_mahimahi_parse(&exact, text, len, list->offset, &error);
    free(text);
    rc = rc == 0 ? sim_capacity_in_bins(&binned, exact) : rc;
    if (rc == SIM_ENOMEM) {
        r->no_memory = true;
    } else if (rc != 0) {
        refuse_trace(r, item, path, &error);
    } else if (keep(r, name, exact, binned)) {
        *out = rate_of(&r->scenario->capacities[r->scenario->capacities_len - 1]);
        return;
    } else {
        return; /* keep() has let go of all */
    }
    free(name);
    sim_capacity_free(exact);
    sim_capacity_free(binned);
}

static void make_trace(struct reader *r, const cJSON *item, const struct list *list,
                       struct sim_wan_rate *out)
{
    const struct scenario *s = r->scenario;
    char *path = reader_resolve(r, list->trace);
    size_t size = path == NULL ? 0 : strlen(path) + 32;
    char *name = path == NULL ? NULL : reader_alloc(r, size, 1);

    if (name == NULL) {
        free(path);
        return;
    }
    snprintf(name, size, "%llu %s", (unsigned long long)list->offset, path);
    for (size_t i = 0; i < s->capacities_len; i++) {
        if (s->capacities[i].name != NULL && strcmp(s->capacities[i].name, name) == 0) {
            *out = rate_of(&s->capacities[i]);
            free(name);
            free(path);
            return;
        }
    }
    load_trace(r, item, list, path, name, out);
    free(path);
}

/* ---- wan.rate ---- */

static bool has(const cJSON *item, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(item, key) != NULL;
}

static void read_capacity(struct reader *r, const cJSON *item, struct sim_wan_rate *out)
{
    struct list list = {.period = SIM_NEVER};
    size_t errors = r->errors->len;

    if (has(item, "trace") && has(item, "steps")) { /* first: which of them is wrong is not known */
        size_t before = reader_push_key(r, "steps");
        reader_error(r, item, "steps and a trace", NULL, "either a trace or steps");
        reader_pop(r, before);
        return;
    }
    reader_object(r, item, capacity_fields, &list);
    if (r->errors->len == errors && has(item, "trace") && has(item, "period")) {
        size_t before = reader_push_key(r, "period");
        reader_error(r, item, "a period of a trace", NULL,
                     "none: the trace's last line is its length");
        reader_pop(r, before);
    }
    if (r->errors->len == errors && !r->no_memory) {
        if (list.trace != NULL) {
            make_trace(r, item, &list, out);
        } else if (list.len > 0) {
            make_steps(r, item, &list, out);
        }
    }
    free(list.steps);
    free(list.trace);
}

struct rate {
    uint64_t bit_s;
    struct sim_wan_rate over_time;
};

/* One direction's, or both's. */
static void read_rate(struct reader *r, const cJSON *item, const struct reader_field *field,
                      void *out)
{
    struct rate *rate = out;

    if (!cJSON_IsObject(item)) {
        reader_rate(r, item, field, &rate->bit_s);
        return;
    }
    if (!has(item, "trace") && !has(item, "steps")) {
        reader_expected(r, item,
                        "a rate with its unit, like \"384 kbit/s\", or {\"trace\": ...} or "
                        "{\"steps\": ...}");
        return;
    }
    read_capacity(r, item, &rate->over_time);
    if (rate->over_time.exact != NULL) {
        rate->bit_s = sim_capacity_mean(rate->over_time.exact);
    }
}

struct rates {
    struct rate down, up;
};

static const struct reader_field rates_fields[] = {
    {.key = "down",
     .read = read_rate,
     .offset = offsetof(struct rates, down),
     .min = 1,
     .max = SIM_CAPACITY_RATE_MAX,
     .flags = READER_REQUIRED},
    {.key = "up",
     .read = read_rate,
     .offset = offsetof(struct rates, up),
     .min = 1,
     .max = SIM_CAPACITY_RATE_MAX,
     .flags = READER_REQUIRED},
    {0},
};

void load_wan_rate(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    struct sim_wan_setup *wan = out;
    struct rates rates = {.down = {.bit_s = 0}};

    if (cJSON_IsObject(item) && !has(item, "trace") && !has(item, "steps")) {
        reader_object(r, item, rates_fields, &rates);
    } else {
        read_rate(r, item, field, &rates.down);
        rates.up = rates.down;
    }
    if (rates.down.bit_s > 0 && rates.up.bit_s > 0) {
        wan->down_bit_s = rates.down.bit_s;
        wan->up_bit_s = rates.up.bit_s;
        wan->down = rates.down.over_time;
        wan->up = rates.up.over_time;
    }
}

void load_limit_rate(struct reader *r, struct sim_wan_setup *wan, uint64_t bit_s)
{
    struct sim_capacity *limited = NULL;

    if (wan->down.binned == NULL) {
        wan->down_bit_s = bit_s < wan->down_bit_s ? bit_s : wan->down_bit_s;
        return;
    }
    /* Of the bins: a shaper has a queue, so that what comes within a tenth of a second is even. */
    int rc = sim_capacity_limited(&limited, wan->down.binned, bit_s);
    r->no_memory = r->no_memory || rc != 0;
    if (rc == 0 && keep(r, NULL, limited, NULL)) {
        wan->down = rate_of(&r->scenario->capacities[r->scenario->capacities_len - 1]);
        wan->down_bit_s = sim_capacity_mean(limited);
    }
}
