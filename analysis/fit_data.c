/* analysis/fit_data.c -- see fit_data.h. */
#include "analysis/fit_data.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/collect.h"
#include "analysis/report/csv_read.h"
#include "scenarios/build.h"
#include "sim/err.h"

enum { CLASSES_MAX = 50 }; /* more are thrown together: each needs series of its own */

/* ---- Series ---- */

static int by_value(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

static int by_key(const void *a, const void *b)
{
    const struct analysis_fit_series *left = a, *right = b;

    return left->kind != right->kind ? (left->kind < right->kind ? -1 : 1)
                                     : strcmp(left->key, right->key);
}

static bool is_it(const struct analysis_fit_series *s, enum analysis_fit_kind kind, const char *key)
{
    return s->kind == kind && strcmp(s->key, key) == 0;
}

static int new_series(struct analysis_fit_data *d, enum analysis_fit_kind kind, const char *key)
{
    if (d->len == ANALYSIS_FIT_SERIES_MAX) {
        return SIM_ELIMIT;
    }
    if (d->len == d->cap) {
        size_t cap = d->cap == 0 ? 16 : 2 * d->cap;
        struct analysis_fit_series *list = realloc(d->list, cap * sizeof(*list));
        if (list == NULL) {
            return SIM_ENOMEM;
        }
        d->list = list;
        d->cap = cap;
    }
    d->last = d->len;
    d->list[d->len] = (struct analysis_fit_series){.kind = kind};
    snprintf(d->list[d->len++].key, ANALYSIS_FIT_KEY_MAX, "%s", key);
    return 0;
}

int analysis_fit_data_add(struct analysis_fit_data *d, enum analysis_fit_kind kind,
                          const char *class_name, const char *file, double seconds)
{
    char key[ANALYSIS_FIT_KEY_MAX];
    struct analysis_fit_series *s;
    int rc;

    snprintf(key, sizeof(key), "%.*s%s%.*s", 140, class_name, file == NULL ? "" : "\t", 160,
             file == NULL ? "" : file);
    if (d->last >= d->len || !is_it(&d->list[d->last], kind, key)) {
        for (d->last = 0; d->last < d->len && !is_it(&d->list[d->last], kind, key); d->last++) {
        }
        if (d->last == d->len && (rc = new_series(d, kind, key)) != 0) {
            return rc;
        }
    }
    s = &d->list[d->last];
    if (s->len == s->cap) {
        size_t cap = s->cap == 0 ? 64 : 2 * s->cap;
        double *values = realloc(s->values, cap * sizeof(*values));
        if (values == NULL) {
            return SIM_ENOMEM;
        }
        s->values = values;
        s->cap = cap;
    }
    s->values[s->len++] = seconds;
    return 0;
}

void analysis_fit_data_sort(struct analysis_fit_data *d)
{
    for (size_t i = 0; i < d->len; i++) {
        qsort(d->list[i].values, d->list[i].len, sizeof(double), by_value);
    }
    if (d->len > 1) {
        qsort(d->list, d->len, sizeof(*d->list), by_key);
    }
}

const struct analysis_fit_series *analysis_fit_data_find(const struct analysis_fit_data *d,
                                                         enum analysis_fit_kind kind,
                                                         const char *key)
{
    for (size_t i = 0; i < d->len; i++) {
        if (is_it(&d->list[i], kind, key)) {
            return &d->list[i];
        }
    }
    return NULL;
}

void analysis_fit_data_clear(struct analysis_fit_data *d)
{
    for (size_t i = 0; i < d->len; i++) {
        free(d->list[i].values);
    }
    d->len = d->last = 0;
}

void analysis_fit_data_free(struct analysis_fit_data *d)
{
    analysis_fit_data_clear(d);
    free(d->list);
    *d = (struct analysis_fit_data){.list = NULL};
}

double analysis_fit_data_at(const struct analysis_fit_series *s, double share)
{
    double place = share * (double)s->len - 0.5;
    size_t below = place <= 0 ? 0 : (size_t)place;

    if (place <= 0 || below + 1 >= s->len) {
        return s->values[place <= 0 ? 0 : s->len - 1];
    }
    return s->values[below] + (s->values[below + 1] - s->values[below]) * (place - (double)below);
}

/* ---- From files ---- */

static const char *class_of(const struct scenario *s, uint32_t site)
{
    return s->sites_len > CLASSES_MAX ? "" : scenario_site_class(s, site)->name;
}

/* The copy of all sites that has this address; false: none. */
static bool site_of(const struct scenario *s, sim_addr addr, uint32_t *site)
{
    for (uint32_t i = 0; i < s->sites_total; i++) {
        char name[SCENARIO_NAME_MAX];
        struct sim_site_setup setup;

        if (scenario_site_setup(s, i, &setup, name) == 0 &&
            sim_cidr_contains(&(struct sim_cidr){setup.base, setup.bits}, addr)) {
            *site = i;
            return true;
        }
    }
    return false;
}

/* Rows come in order of sites, or of time: the last site is tried first. */
static const char *class_at(const struct scenario *s, const char *text, uint32_t *last)
{
    char name[SCENARIO_NAME_MAX];
    struct sim_site_setup setup;
    sim_addr addr;

    if (sim_addr_parse(text, &addr) != 0) {
        return NULL;
    }
    if (s->sites_len > CLASSES_MAX) {
        return "";
    }
    if (scenario_site_setup(s, *last, &setup, name) == 0 &&
        sim_cidr_contains(&(struct sim_cidr){setup.base, setup.bits}, addr)) {
        return class_of(s, *last);
    }
    return site_of(s, addr, last) ? class_of(s, *last) : NULL;
}

static int no_phone(const char *path, const struct analysis_csv *csv, const char *text,
                    char why[ANALYSIS_WHY_MAX])
{
    snprintf(why, ANALYSIS_WHY_MAX,
             "%.300s: row %llu: the scenario has no phone %.60s: is it the one that ran?", path,
             (unsigned long long)analysis_csv_row(csv), text);
    return SIM_EINVAL;
}

static int path_of(char path[ANALYSIS_PATH_MAX], const char *dir, const char *name,
                   char why[ANALYSIS_WHY_MAX])
{
    if (snprintf(path, ANALYSIS_PATH_MAX, "%s/%s", dir, name) >= ANALYSIS_PATH_MAX) {
        snprintf(why, ANALYSIS_WHY_MAX, "%.300s: the path is too long", dir);
        return SIM_EINVAL;
    }
    return 0;
}

static int say(int rc, char why[ANALYSIS_WHY_MAX])
{
    if (rc == SIM_ENOMEM || rc == SIM_ELIMIT) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(rc));
    }
    return rc;
}

static int read_phone(struct analysis_fit_data *d, const struct scenario *s,
                      const struct analysis_csv *csv, const char *path, uint32_t *last,
                      char why[ANALYSIS_WHY_MAX])
{
    double start, config, done;
    const char *class_name = class_at(s, analysis_csv_text(csv, 0), last);
    int rc;

    if (class_name == NULL) {
        return no_phone(path, csv, analysis_csv_text(csv, 0), why);
    }
    if ((rc = analysis_csv_number(csv, 1, &start, why)) != 0 ||
        (rc = analysis_csv_number(csv, 2, &config, why)) != 0 ||
        (rc = analysis_csv_number(csv, 3, &done, why)) != 0) {
        return rc;
    }
    if (!isnan(config) && !isnan(start) &&
        (rc = analysis_fit_data_add(d, ANALYSIS_FIT_CONFIG, class_name, NULL, config - start)) !=
            0) {
        return say(rc, why);
    }
    if (!isnan(done) && strcmp(analysis_csv_text(csv, 4), "upgraded") == 0) {
        done -= (double)s->start_at / 1e9;
        rc = analysis_fit_data_add(d, ANALYSIS_FIT_COMPLETION, class_name, NULL, done);
    }
    return say(rc, why);
}

static int read_transfer(struct analysis_fit_data *d, const struct scenario *s,
                         const struct analysis_csv *csv, const char *path, uint32_t *last,
                         char why[ANALYSIS_WHY_MAX])
{
    double start, end;
    int rc;

    if (strcmp(analysis_csv_text(csv, 2), "server") != 0 ||
        strcmp(analysis_csv_text(csv, 5), "ok") != 0) {
        return 0;
    }
    const char *class_name = class_at(s, analysis_csv_text(csv, 0), last);
    if (class_name == NULL) {
        return no_phone(path, csv, analysis_csv_text(csv, 0), why);
    }
    if ((rc = analysis_csv_value(csv, 3, &start, why)) != 0 ||
        (rc = analysis_csv_value(csv, 4, &end, why)) != 0) {
        return rc;
    }
    return say(analysis_fit_data_add(d, ANALYSIS_FIT_FILE, class_name, analysis_csv_text(csv, 1),
                                     end - start),
               why);
}

static int read_rows(struct analysis_fit_data *d, const struct scenario *s, const char *path,
                     const char *const *columns,
                     int (*take)(struct analysis_fit_data *d, const struct scenario *s,
                                 const struct analysis_csv *csv, const char *path, uint32_t *last,
                                 char why[ANALYSIS_WHY_MAX]),
                     char why[ANALYSIS_WHY_MAX])
{
    struct analysis_csv *csv;
    uint32_t last = 0;
    int rc = analysis_csv_open(&csv, path, columns, why);

    if (rc != 0) {
        return rc;
    }
    while ((rc = analysis_csv_next(csv, why)) == 1) {
        if ((rc = take(d, s, csv, path, &last, why)) != 0) {
            break;
        }
    }
    analysis_csv_close(csv);
    return rc;
}

int analysis_fit_data_read(struct analysis_fit_data *d, const char *dir, const struct scenario *s,
                           bool *has_transfers, char why[ANALYSIS_WHY_MAX])
{
    static const char *const phones[] = {"phone", "start_s", "config_s", "done_s", "outcome", NULL};
    static const char *const transfers[] = {"phone", "file",    "via", "start_s",
                                            "end_s", "outcome", NULL};
    char path[ANALYSIS_PATH_MAX];
    int rc = path_of(path, dir, "phones.csv", why);

    if (rc != 0 || (rc = read_rows(d, s, path, phones, read_phone, why)) != 0 ||
        (rc = path_of(path, dir, "transfers.csv", why)) != 0) {
        return rc;
    }
    *has_transfers = access(path, F_OK) == 0 || errno != ENOENT;
    if (*has_transfers) {
        rc = read_rows(d, s, path, transfers, read_transfer, why);
    }
    analysis_fit_data_sort(d);
    return rc;
}

/* ---- From a run ---- */

struct run {
    const struct scenario *scenario;
    struct scenario_run *run;
    struct analysis_collect *collect;
    struct analysis_fit_data *data;
    int rc;
};

static bool phone_of(void *context, sim_node node, struct scenario_phone_info *info,
                     sim_time *start)
{
    const struct run *r = context;

    if (!scenario_run_phone(r->run, node, info)) {
        return false;
    }
    *start = scenario_run_start(r->run, node);
    return true;
}

static void on_record(void *context, unsigned lane, const struct analysis_phone *phone,
                      const struct sim_record *record)
{
    struct run *r = context;

    (void)lane;
    if (record->kind == SIM_RECORD_TRANSFER_END && record->peer == 0 && record->a == 0 &&
        phone->is_phone && record->name != NULL && r->rc == 0) {
        r->rc =
            analysis_fit_data_add(r->data, ANALYSIS_FIT_FILE, class_of(r->scenario, phone->site),
                                  record->name, (double)(record->at - record->c) / 1e9);
    }
}

static int add_phones(struct run *r)
{
    uint32_t nodes = analysis_collect_nodes(r->collect);

    for (uint32_t i = 0; i < nodes && r->rc == 0; i++) {
        const struct analysis_phone *p = analysis_collect_phone(r->collect, i);

        if (!p->is_phone) {
            continue;
        }
        const char *class_name = class_of(r->scenario, p->site);
        if (p->config != SIM_NEVER && p->start != SIM_NEVER) {
            r->rc = analysis_fit_data_add(r->data, ANALYSIS_FIT_CONFIG, class_name, NULL,
                                          (double)p->config / 1e9 - (double)p->start / 1e9);
        }
        if (r->rc == 0 && p->outcome == SIM_OUTCOME_UPGRADED && p->done != SIM_NEVER) {
            r->rc =
                analysis_fit_data_add(r->data, ANALYSIS_FIT_COMPLETION, class_name, NULL,
                                      (double)p->done / 1e9 - (double)r->scenario->start_at / 1e9);
        }
    }
    return r->rc;
}

static int go(struct run *r, const struct scenario_run_options *options, char why[ANALYSIS_WHY_MAX])
{
    char reason[SCENARIO_WHY_MAX] = "";
    int rc = scenario_run_new(&r->run, r->scenario, options, reason);

    if (rc != 0) {
        r->run = NULL;
    } else {
        const struct analysis_collect_config config = {
            .scenario = r->scenario,
            .nodes = scenario_run_nodes(r->run),
            .lanes = scenario_run_lanes(r->run),
            .phone = phone_of,
            .phone_context = r,
            .story = on_record,
            .story_context = r,
        };
        if ((rc = analysis_collect_attach(r->collect, &config)) == 0 &&
            (rc = scenario_run_go(r->run, reason)) == 0) {
            analysis_collect_close(r->collect, scenario_run_ended(r->run));
            rc = add_phones(r);
        }
    }
    if (rc != 0) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", reason[0] != '\0' ? reason : sim_err_text(rc));
    }
    return rc;
}

int analysis_fit_data_run(struct analysis_fit_data *d, const struct scenario *s,
                          enum scenario_method method, uint64_t seed, char why[ANALYSIS_WHY_MAX])
{
    struct run r = {.scenario = s, .collect = analysis_collect_new(), .data = d};
    int rc = SIM_ENOMEM;

    if (r.collect == NULL) {
        return say(rc, why);
    }
    const struct scenario_run_options options = {
        .world = SCENARIO_VIRTUAL,
        .method = method,
        .seed = seed,
        .trace = {.write = analysis_collect_write, .context = r.collect},
    };
    rc = go(&r, &options, why);
    scenario_run_free(r.run);
    analysis_collect_free(r.collect);
    analysis_fit_data_sort(d);
    return rc;
}
