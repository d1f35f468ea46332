/* analysis/report/view_phones.c -- sites.csv and phones.csv: who was done when, and whose trees are
 * worth showing. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/view_parts.h"
#include "sim/err.h"

/* ---- sites.csv ---- */

int view_sites_read(struct view_run *run)
{
    enum { SITE, CLASS, PHONES, FAILED, UNFINISHED, LAST };
    static const char *const columns[] = {"site",       "class",  "phones", "failed",
                                          "unfinished", "last_s", NULL};
    char why[ANALYSIS_WHY_MAX];
    double phones = 0, failed = 0, unfinished = 0, last = 0;
    struct analysis_csv *csv = view_csv(run, "sites.csv", columns, "classes are told from names");
    int rc = 0, more = csv != NULL;

    while (more > 0 && (more = analysis_csv_next(csv, why)) > 0) {
        if (analysis_csv_value(csv, PHONES, &phones, why) != 0 ||
            analysis_csv_value(csv, FAILED, &failed, why) != 0 ||
            analysis_csv_value(csv, UNFINISHED, &unfinished, why) != 0 ||
            analysis_csv_number(csv, LAST, &last, why) != 0) {
            more = -1;
            break;
        }
        struct view_site *site = view_site(run, analysis_csv_text(csv, SITE), NULL);
        uint32_t number = analysis_words_put(&run->classes, analysis_csv_text(csv, CLASS));
        if (site == NULL || number == ANALYSIS_WORDS_NONE) {
            rc = SIM_ENOMEM;
            break;
        }
        site->class_number = number;
        site->bad = (uint32_t)fmin(failed + unfinished, UINT32_MAX);
        site->last = last;
    }
    if (rc == 0 && more < 0) {
        rc = view_missing(run, why, "what stands behind it is not in this report");
    }
    analysis_csv_close(csv);
    return rc;
}

/* ---- Curves ---- */

struct done {
    double t;
    uint32_t class_number;
    uint32_t model;
};

struct phones {
    struct done *done;
    size_t len, cap;
    uint64_t *of_class, *of_model; /* phones that needed the firmware, by number */
    size_t classes_cap, models_cap;
    uint64_t of;
    uint64_t rows;
};

static int compare_done(const void *a, const void *b)
{
    const struct done *x = a, *y = b;
    return x->t < y->t ? -1 : x->t > y->t;
}

static bool is_member(const struct done *d, int64_t class_number, int64_t model)
{
    return (class_number < 0 || d->class_number == class_number) &&
           (model < 0 || d->model == model);
}

/* Of a step function with `len` members only so many steps that between two of them lie at most a
 * 500th of the phones or of the time, first and last among them: that bounds what is not seen. */
static int add_curve(cJSON *to, const struct phones *phones, int64_t class_number, int64_t model,
                     double start_at)
{
    const double cells = ANALYSIS_VIEW_POINTS / 2 - 2;
    cJSON *t = view_list(to, "t"), *done = view_list(to, "done");
    uint64_t len = 0, count = 0, kept = 0;
    double first = 0, last = 0, kept_t = 0;
    int rc = 0;

    for (size_t i = 0; i < phones->len; i++) {
        if (is_member(&phones->done[i], class_number, model)) {
            last = phones->done[i].t;
            first = len++ == 0 ? last : first;
        }
    }
    for (size_t i = 0; i < phones->len && rc == 0; i++) {
        const struct done *d = &phones->done[i];
        if (!is_member(d, class_number, model)) {
            continue;
        }
        count++;
        bool same = false; /* the next one comes at the same instant: one step for both */
        for (size_t k = i + 1; k < phones->len && phones->done[k].t <= d->t && !same; k++) {
            same = is_member(&phones->done[k], class_number, model);
        }
        bool moved = kept == 0 || count == len || (double)(count - kept) * cells >= (double)len ||
                     (d->t - kept_t) * cells >= last - first;
        if (!same && moved) {
            kept = count;
            kept_t = d->t;
            rc = view_add(t, view_ms(d->t - start_at));
            rc = rc != 0 ? rc : view_add(done, (double)count);
        }
    }
    return rc;
}

static int add_curves(struct view_run *run, const char *key, const struct phones *phones,
                      const struct analysis_words_table *names, const uint64_t *of, bool by_class)
{
    cJSON *list = view_list(run->view, key);
    uint32_t order[VIEW_CURVES_MAX];
    size_t len = 0;
    int rc = 0;

    for (uint32_t i = 0; i < names->len; i++) { /* the biggest so far, first come first */
        size_t at = len;
        while (at > 0 && of[order[at - 1]] < of[i]) {
            at--;
        }
        if (at < VIEW_CURVES_MAX) {
            size_t moved = (len < VIEW_CURVES_MAX ? len : VIEW_CURVES_MAX - 1) - at;
            memmove(&order[at + 1], &order[at], moved * sizeof(order[0]));
            order[at] = i;
            len += len < VIEW_CURVES_MAX;
        }
    }
    for (size_t i = 0; i < len && rc == 0; i++) {
        cJSON *o = cJSON_CreateObject();
        if (!cJSON_AddItemToArray(list, o) ||
            cJSON_AddStringToObject(o, "name", names->words[order[i]]) == NULL) {
            return SIM_ENOMEM;
        }
        rc = add_curve(o, phones, by_class ? (int64_t)order[i] : -1,
                       by_class ? -1 : (int64_t)order[i], run->start_at);
        if (cJSON_AddNumberToObject(o, "of", (double)of[order[i]]) == NULL) {
            rc = SIM_ENOMEM;
        }
    }
    return rc;
}

/* ---- phones.csv ---- */

enum { PHONE, SITE, MODEL, DONE, FROM_PEER, FROM_SERVER, OUTCOME };
static const char *const phone_columns[] = {
    "phone", "site", "model", "done_s", "files_from_peer", "files_from_server", "outcome", NULL};

/* counts[number]++, with room made. */
static bool count_up(uint64_t **counts, size_t *cap, uint32_t number)
{
    if (number >= *cap) {
        size_t new_cap = 2 * (size_t)number + 16;
        uint64_t *grown = realloc(*counts, new_cap * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        memset(grown + *cap, 0, (new_cap - *cap) * sizeof(*grown));
        *counts = grown;
        *cap = new_cap;
    }
    (*counts)[number]++;
    return true;
}

static bool add_done(struct phones *p, struct done done)
{
    if (p->len == p->cap) {
        size_t cap = p->cap == 0 ? 1024 : 2 * p->cap;
        struct done *grown = realloc(p->done, cap * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        p->done = grown;
        p->cap = cap;
    }
    p->done[p->len++] = done;
    return true;
}

/* One row. 0, SIM_EINVAL with a sentence, SIM_ENOMEM. */
static int take_row(struct view_run *run, struct phones *p, const struct analysis_csv *csv,
                    char why[ANALYSIS_WHY_MAX])
{
    double done = 0, from_peer = 0, from_server = 0;
    uint32_t model = analysis_words_put(&run->models, analysis_csv_text(csv, MODEL));
    struct view_site *site = view_site(run, analysis_csv_text(csv, SITE), NULL);

    if (model == ANALYSIS_WORDS_NONE || site == NULL) {
        return SIM_ENOMEM;
    }
    if (analysis_csv_number(csv, DONE, &done, why) != 0 ||
        analysis_csv_value(csv, FROM_PEER, &from_peer, why) != 0 ||
        analysis_csv_value(csv, FROM_SERVER, &from_server, why) != 0) {
        return SIM_EINVAL;
    }
    p->rows++;
    double files = fmin(from_peer + from_server, UINT16_MAX);
    site->phones++;
    site->files = files > site->files ? (uint32_t)files : site->files;
    bool current = strcmp(analysis_csv_text(csv, OUTCOME), "current") == 0;
    p->of += !current;
    bool room = current || (count_up(&p->of_class, &p->classes_cap, site->class_number) &&
                            count_up(&p->of_model, &p->models_cap, model));
    if (room && !current && !isnan(done)) { /* never more than there are */
        room = add_done(
            p, (struct done){.t = done, .class_number = site->class_number, .model = model});
    }
    return room ? 0 : SIM_ENOMEM;
}

/* A file of another run, or a cut one: its curves are drawn as they are, but not as this run's. */
static int check_rows(struct view_run *run, const struct phones *p)
{
    double total = view_number(run->result, "phones", "total");
    char text[128], a[VIEW_WHOLE_MAX], b[VIEW_WHOLE_MAX];

    if (isnan(total) || !((double)p->rows < total || (double)p->rows > total)) {
        return 0;
    }
    snprintf(text, sizeof(text), "phones.csv has %s phones, the result %s",
             view_whole((double)p->rows, a), view_whole(total, b));
    return view_missing(run, text, "they are not of the same run, or damaged");
}

static int add_completion(struct view_run *run, struct phones *p)
{
    cJSON *completion = cJSON_AddObjectToObject(run->view, "completion");
    double last = view_number(run->result, "completion_s", "last");

    if (p->len > 0) {
        qsort(p->done, p->len, sizeof(p->done[0]), compare_done);
    }
    if (!run->knows_start && p->len > 0 && !isnan(last)) {
        run->start_at = fmax(0, view_us(p->done[p->len - 1].t - last));
    }
    int rc = completion == NULL ? SIM_ENOMEM : add_curve(completion, p, -1, -1, run->start_at);
    if (rc == 0) {
        rc = cJSON_AddNumberToObject(completion, "of", (double)p->of) == NULL ? SIM_ENOMEM : 0;
    }
    /* Counters of names that only sites.csv has. */
    for (uint32_t i = 0; i < run->classes.len && rc == 0; i++) {
        rc = count_up(&p->of_class, &p->classes_cap, i) ? 0 : SIM_ENOMEM;
        p->of_class[i] -= rc == 0;
    }
    for (uint32_t i = 0; i < run->models.len && rc == 0; i++) {
        rc = count_up(&p->of_model, &p->models_cap, i) ? 0 : SIM_ENOMEM;
        p->of_model[i] -= rc == 0;
    }
    if (rc == 0) {
        rc = add_curves(run, "classes", p, &run->classes, p->of_class, true);
    }
    return rc != 0 ? rc : add_curves(run, "models", p, &run->models, p->of_model, false);
}

int view_phones_read(struct view_run *run)
{
    struct phones p = {.done = NULL};
    char why[ANALYSIS_WHY_MAX];
    struct analysis_csv *csv =
        view_csv(run, "phones.csv", phone_columns, "there is no completion curve and no tree");
    int rc = 0, more = csv != NULL;

    while (more > 0 && rc == 0 && (more = analysis_csv_next(csv, why)) > 0) {
        rc = take_row(run, &p, csv, why);
    }
    if (rc == SIM_EINVAL || more < 0) {
        rc = view_missing(run, why, "phones behind it are not in this report");
    } else if (rc == 0 && csv != NULL) {
        rc = check_rows(run, &p);
    }
    if (rc == 0) {
        rc = add_completion(run, &p);
    }
    analysis_csv_close(csv);
    free(p.done);
    free(p.of_class);
    free(p.of_model);
    return rc;
}

/* ---- Whose trees ---- */

/* Trouble first, then the last ones; ties by number. */
static int compare_sites(const void *a, const void *b, void *context)
{
    const struct view_site *sites = context;
    uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
    const struct view_site *x = &sites[i], *y = &sites[k];

    if (x->bad != y->bad) {
        return x->bad > y->bad ? -1 : 1;
    }
    double x_last = isnan(x->last) ? 0 : x->last, y_last = isnan(y->last) ? 0 : y->last;
    if (x_last < y_last || x_last > y_last) {
        return x_last > y_last ? -1 : 1;
    }
    return i < k ? -1 : i > k;
}

/* Takes a site when its trees fit, or when they are the first. */
static void choose(struct view_site *site, uint64_t *left, uint32_t *rank)
{
    uint64_t nodes = (uint64_t)site->phones * (site->files > 0 ? site->files : 1);

    if (site->with_trees || site->phones == 0 || (nodes > *left && *rank > 0)) {
        return;
    }
    site->with_trees = true;
    site->rank = (*rank)++;
    *left -= nodes < *left ? nodes : *left;
}

static int choose_sites(struct view_run *run)
{
    size_t len = run->site_names.len;
    uint32_t *order = malloc((len + 1) * sizeof(*order));
    bool *seen = calloc(run->classes.len + 1, sizeof(*seen));
    uint64_t left = ANALYSIS_VIEW_NODES;
    uint32_t rank = 0;

    if (order == NULL || seen == NULL) {
        free(order);
        free(seen);
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < len; i++) {
        order[i] = i;
    }
    qsort_r(order, len, sizeof(*order), compare_sites, run->sites);
    for (size_t i = 0; i < len; i++) { /* the worst of each class */
        struct view_site *site = &run->sites[order[i]];
        if (!seen[site->class_number]) {
            seen[site->class_number] = true;
            choose(site, &left, &rank);
        }
    }
    for (size_t i = 0; i < len; i++) {
        choose(&run->sites[order[i]], &left, &rank);
    }
    free(order);
    free(seen);
    return 0;
}

static uint8_t outcome_of(const char *text)
{
    uint8_t i = 0;

    while (i < VIEW_OUTCOME_UNKNOWN && strcmp(view_outcomes[i], text) != 0) {
        i++;
    }
    return i;
}

/* A second time through phones.csv: site, model and outcome of those that are shown. */
static int read_shown(struct view_run *run)
{
    char path[ANALYSIS_PATH_MAX], why[ANALYSIS_WHY_MAX];
    struct analysis_csv *csv = NULL;
    int rc = 0;

    if (!view_path(run, "phones.csv", path) ||
        analysis_csv_open(&csv, path, phone_columns, why) != 0) {
        return 0; /* said already */
    }
    while (rc == 0 && analysis_csv_next(csv, why) > 0) {
        const char *name = analysis_csv_text(csv, PHONE);
        uint32_t site = analysis_words_find(&run->site_names, analysis_csv_text(csv, SITE));
        uint32_t model = analysis_words_find(&run->models, analysis_csv_text(csv, MODEL));
        if (site == ANALYSIS_WORDS_NONE || model == ANALYSIS_WORDS_NONE ||
            (!run->sites[site].with_trees &&
             analysis_words_find(&run->phone_names, name) == ANALYSIS_WORDS_NONE)) {
            continue;
        }
        struct view_phone *phone = view_phone(run, name, NULL);
        if (phone == NULL) {
            rc = SIM_ENOMEM;
        } else {
            *phone = (struct view_phone){
                .site = site,
                .model = model,
                .outcome = outcome_of(analysis_csv_text(csv, OUTCOME)),
            };
        }
    }
    analysis_csv_close(csv);
    return rc;
}

int view_phones_choose(struct view_run *run)
{
    int rc = choose_sites(run);
    return rc != 0 ? rc : read_shown(run);
}
