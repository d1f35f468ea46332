/* analysis/report/view_gantt.c -- phases.csv: what each of a sample of phones did when. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/view_parts.h"
#include "analysis/series.h"
#include "sim/err.h"

struct bar {
    double from, to;
    uint32_t phone; /* in phone_names, which then holds these phones only */
    int32_t file;   /* -1: none */
    uint8_t phase;
};

struct bars {
    struct bar *list;
    size_t len, cap;
    struct analysis_words_table files;
};

enum { PHONE, PHASE, FILE_NAME, START, END };

static int phase_number(const char *name)
{
    for (int p = 0; p < SIM_PHASES_LEN; p++) {
        if (strcmp(analysis_series_phase((enum sim_phase)p), name) == 0) {
            return p;
        }
    }
    return -1;
}

/* 0, SIM_EINVAL with a sentence, SIM_ENOMEM. */
static int take_row(struct view_run *run, struct bars *bars, const struct analysis_csv *csv,
                    char why[ANALYSIS_WHY_MAX])
{
    const char *name = analysis_csv_text(csv, PHONE), *file = analysis_csv_text(csv, FILE_NAME);
    int phase = phase_number(analysis_csv_text(csv, PHASE));
    struct bar bar = {.file = -1};

    if (analysis_csv_value(csv, START, &bar.from, why) != 0 ||
        analysis_csv_value(csv, END, &bar.to, why) != 0) {
        return SIM_EINVAL;
    }
    if (phase < 0 || bar.to < bar.from) {
        snprintf(why, ANALYSIS_WHY_MAX, "phases.csv: row %llu: %s",
                 (unsigned long long)analysis_csv_row(csv),
                 phase < 0 ? "an unknown phase" : "it ends before it begins");
        return SIM_EINVAL;
    }
    if (run->phone_names.len == ANALYSIS_VIEW_BARS_PHONES &&
        analysis_words_find(&run->phone_names, name) == ANALYSIS_WORDS_NONE) {
        return 0; /* more than pfsim writes */
    }
    if (view_phone(run, name, &bar.phone) == NULL) {
        return SIM_ENOMEM;
    }
    if (!(bar.to > bar.from)) {
        return 0; /* nothing to see */
    }
    if (file[0] != '\0') {
        uint32_t number = analysis_words_put(&bars->files, file);
        if (number == ANALYSIS_WORDS_NONE) {
            return SIM_ENOMEM;
        }
        bar.file = (int32_t)number;
    }
    bar.phase = (uint8_t)phase;
    if (bars->len == bars->cap) {
        size_t cap = bars->cap == 0 ? 1024 : 2 * bars->cap;
        struct bar *grown = realloc(bars->list, cap * sizeof(*grown));
        if (grown == NULL) {
            return SIM_ENOMEM;
        }
        bars->list = grown;
        bars->cap = cap;
    }
    bars->list[bars->len++] = bar;
    return 0;
}

static bool is_kept(uint32_t phone, uint32_t every)
{
    return phone % every == 0;
}

/* Every n-th phone, so that there are not too many bars. */
static uint32_t stride_of(const struct bars *bars)
{
    uint32_t every = 1;

    for (;; every++) {
        size_t kept = 0;
        for (size_t i = 0; i < bars->len; i++) {
            kept += is_kept(bars->list[i].phone, every);
        }
        if (kept <= VIEW_BARS_MAX || every >= ANALYSIS_VIEW_BARS_PHONES) {
            return every;
        }
    }
}

static int add_bars(cJSON *gantt, const struct bars *bars, uint32_t every)
{
    cJSON *o = cJSON_AddObjectToObject(gantt, "bars");
    cJSON *phone = view_list(o, "phone"), *phase = view_list(o, "phase");
    cJSON *from = view_list(o, "from"), *to = view_list(o, "to"), *file = view_list(o, "file");
    size_t kept = 0;
    int rc = 0;

    for (size_t i = 0; i < bars->len && rc == 0; i++) {
        const struct bar *b = &bars->list[i];
        if (!is_kept(b->phone, every) || kept++ == VIEW_BARS_MAX) {
            continue;
        }
        rc = view_add(phone, b->phone / every);
        rc = rc != 0 ? rc : view_add(phase, b->phase);
        rc = rc != 0 ? rc : view_add(from, view_ms(b->from));
        rc = rc != 0 ? rc : view_add(to, view_ms(b->to));
        rc = rc != 0 ? rc : view_add(file, b->file);
    }
    return rc;
}

int view_gantt_read(struct view_run *run)
{
    static const char *const columns[] = {"phone", "phase", "file", "start_s", "end_s", NULL};
    cJSON *gantt = cJSON_GetObjectItemCaseSensitive(run->view, "gantt");
    struct bars bars = {.list = NULL};
    char why[ANALYSIS_WHY_MAX];
    struct analysis_csv *csv =
        view_csv(run, "phases.csv", columns, "there is no timeline of phones");
    int rc = 0, more = csv != NULL;

    while (more > 0 && rc == 0 && (more = analysis_csv_next(csv, why)) > 0) {
        rc = take_row(run, &bars, csv, why);
    }
    if (rc == SIM_EINVAL || more < 0) {
        rc = view_missing(run, why, "what stands behind it is not in the timeline");
    }
    uint32_t every = rc == 0 ? stride_of(&bars) : 1;
    cJSON *names = view_list(gantt, "names"), *files = view_list(gantt, "files");
    for (unsigned p = 0; p < SIM_PHASES_LEN && rc == 0; p++) {
        rc = view_add_text(names, analysis_series_phase((enum sim_phase)p));
    }
    for (size_t i = 0; i < bars.files.len && rc == 0; i++) {
        rc = view_add_text(files, bars.files.words[i]);
    }
    run->gantt_phones = (uint32_t)run->phone_names.len;
    run->gantt_every = every;
    rc = rc != 0 ? rc : add_bars(gantt, &bars, every);
    analysis_csv_close(csv);
    analysis_words_deinit(&bars.files);
    free(bars.list);
    return rc;
}

static int add_how(cJSON *gantt, double shown, double of)
{
    char text[200], a[48], b[VIEW_WHOLE_MAX];

    if (shown >= of && of > 0) {
        snprintf(text, sizeof(text), of == 1 ? "The only phone." : "All %s.",
                 view_count(of, "phone", a));
    } else if (shown > 0) {
        snprintf(text, sizeof(text),
                 "%s of %s, chosen before the run: evenly over sites and phones, with each "
                 "class of sites and each model among them.",
                 view_whole(shown, b), view_count(of, "phone", a));
    } else {
        snprintf(text, sizeof(text), "No phone.");
    }
    return cJSON_AddStringToObject(gantt, "how", text) == NULL ||
                   cJSON_AddNumberToObject(gantt, "of", of) == NULL
               ? SIM_ENOMEM
               : 0;
}

/* The number of `global` in a list of its own; `map` keeps it. */
static int local_of(cJSON *list, const char *name, int *map, uint32_t global, int *len)
{
    if (map[global] == 0) {
        if (view_add_text(list, name) != 0) {
            return -1;
        }
        map[global] = ++*len;
    }
    return map[global] - 1;
}

int view_gantt_phones(struct view_run *run)
{
    cJSON *gantt = cJSON_GetObjectItemCaseSensitive(run->view, "gantt");
    cJSON *sites = view_list(gantt, "sites"), *models = view_list(gantt, "models");
    cJSON *o = cJSON_AddObjectToObject(gantt, "phones");
    cJSON *phone = view_list(o, "phone"), *site = view_list(o, "site");
    cJSON *model = view_list(o, "model"), *outcome = view_list(o, "outcome");
    int *site_map = calloc(run->site_names.len + 1, sizeof(int));
    int *model_map = calloc(run->models.len + 1, sizeof(int));
    int sites_len = 0, models_len = 0, rc = site_map == NULL || model_map == NULL ? SIM_ENOMEM : 0;
    double shown = 0;

    for (uint32_t i = 0; i < run->gantt_phones && rc == 0; i += run->gantt_every) {
        const struct view_phone *p = &run->phones[i];
        bool known = p->site != ANALYSIS_WORDS_NONE; /* else phones.csv does not have it */
        int s = known
                    ? local_of(sites, run->site_names.words[p->site], site_map, p->site, &sites_len)
                    : local_of(sites, "?", site_map, (uint32_t)run->site_names.len, &sites_len);
        int m =
            known ? local_of(models, run->models.words[p->model], model_map, p->model, &models_len)
                  : local_of(models, "?", model_map, (uint32_t)run->models.len, &models_len);
        rc = s < 0 || m < 0 ? SIM_ENOMEM : view_add_text(phone, run->phone_names.words[i]);
        rc = rc != 0 ? rc : view_add(site, s);
        rc = rc != 0 ? rc : view_add(model, m);
        rc = rc != 0 ? rc : view_add_text(outcome, view_outcomes[p->outcome]);
        shown++;
    }
    free(site_map);
    free(model_map);
    return rc != 0 ? rc : add_how(gantt, shown, view_number(run->result, "phones", "total"));
}
