/* analysis/report/phases.c -- see phases.h. */
#include "analysis/report/phases.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/view.h"
#include "sim/err.h"

/* ---- The sample ---- */

struct sample {
    uint64_t *list;
    size_t len, cap;
};

static int compare_numbers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Unless it is there or there is no room; the list is short. */
static bool take(struct sample *sample, uint64_t phone)
{
    for (size_t i = 0; i < sample->len; i++) {
        if (sample->list[i] == phone) {
            return false;
        }
    }
    if (sample->len < sample->cap) {
        sample->list[sample->len++] = phone;
    }
    return true;
}

/* The first phones of entries of "phones", of each class's first copy: all of them, or as many as
 * half of the room takes. */
static void take_entries(const struct scenario *s, struct sample *sample)
{
    size_t entries = 0, at = 0, most = sample->cap / 2 > 0 ? sample->cap / 2 : 1;

    for (size_t i = 0; i < s->sites_len; i++) {
        entries += s->sites[i].phones_len;
    }
    for (size_t i = 0; i < s->sites_len; i++) {
        for (size_t k = 0; k < s->sites[i].phones_len; k++, at++) {
            if (entries <= most || at * most / entries != (at + 1) * most / entries) {
                take(sample, s->sites[i].first_phone + s->sites[i].phones[k].first);
            }
        }
    }
}

/* The first two phones of sites, evenly spaced, with half of what is left. */
static void take_sites(const struct scenario *s, struct sample *sample)
{
    uint64_t sites = s->sites_total, most = (sample->cap - sample->len) / 4;
    uint64_t len = sites < most ? sites : most;

    for (uint64_t i = 0; i < len; i++) {
        uint32_t site = (uint32_t)(i * sites / len);
        uint64_t first = scenario_site_first_phone(s, site);
        take(sample, first);
        if (scenario_site_first_phone(s, site + 1) > first + 1) {
            take(sample, first + 1);
        }
    }
}

size_t analysis_phases_sample(const struct scenario *s, uint64_t *phones, size_t cap)
{
    struct sample sample = {.list = phones, .cap = cap};
    uint64_t total = s->phones_total;

    if (total <= cap) {
        for (uint64_t i = 0; i < total; i++) {
            phones[i] = i;
        }
        return (size_t)total;
    }
    take_entries(s, &sample);
    take_sites(s, &sample);
    uint64_t left = sample.cap - sample.len;
    for (uint64_t i = 0; i < left; i++) {
        uint64_t phone = i * total / left;
        while (!take(&sample, phone)) {
            phone = (phone + 1) % total; /* there are more phones than room */
        }
    }
    qsort(phones, sample.len, sizeof(phones[0]), compare_numbers);
    return sample.len;
}

/* ---- The observer ---- */

enum { NO_FILE = UINT16_MAX, ENDED = SIM_PHASES_LEN };

struct step {
    sim_time at;
    uint16_t file;
    uint8_t phase; /* or ENDED */
};

struct watched {
    struct step *steps;
    uint32_t len, cap;
    bool no_memory;
};

struct phases {
    struct analysis_observed observed;
    uint64_t sample[ANALYSIS_VIEW_BARS_PHONES]; /* nodes are numbered as phones */
    size_t sample_len;
    uint8_t *is_watched; /* a bit a node */
    struct watched watched[ANALYSIS_VIEW_BARS_PHONES];
};

static void add_step(struct watched *w, struct step step)
{
    if (w->len == w->cap) {
        uint32_t cap = w->cap == 0 ? 32 : 2 * w->cap;
        struct step *grown = realloc(w->steps, cap * sizeof(*grown));
        if (grown == NULL) {
            w->no_memory = true;
            return;
        }
        w->steps = grown;
        w->cap = cap;
    }
    w->steps[w->len++] = step;
}

static void on_record(void *context, unsigned lane, const struct analysis_phone *phone,
                      const struct sim_record *record)
{
    struct phases *p = context;
    uint64_t node = record->node;
    uint16_t file = NO_FILE;

    (void)lane;
    if (record->kind != SIM_RECORD_PHASE || !phone->is_phone || record->a >= SIM_PHASES_LEN ||
        (p->is_watched[node / 8] >> (node % 8) & 1) == 0) {
        return;
    }
    const uint64_t *at =
        bsearch(&node, p->sample, p->sample_len, sizeof(p->sample[0]), compare_numbers);
    struct watched *w = &p->watched[at - p->sample];
    if (record->name != NULL &&
        !analysis_collect_find_file(p->observed.collect, record->name, &file)) {
        file = NO_FILE;
    }
    const struct step *last = w->len > 0 ? &w->steps[w->len - 1] : NULL;
    if (last == NULL ? record->a == SIM_PHASE_OFF
                     : last->phase == ENDED || w->len == ANALYSIS_PHASES_MAX ||
                           (last->phase == record->a && last->file == file)) {
        return;
    }
    add_step(w, (struct step){.at = record->at, .file = file, .phase = (uint8_t)record->a});
}

static void end(struct watched *w, sim_time now)
{
    if (w->len > 0 && w->steps[w->len - 1].phase != ENDED) {
        add_step(w, (struct step){.at = now, .file = NO_FILE, .phase = ENDED});
    }
}

static void on_group_ended(void *context, uint32_t first, uint32_t len, sim_time now)
{
    struct phases *p = context;
    const struct scenario *s = p->observed.session->scenario;
    uint64_t from = scenario_site_first_phone(s, first);
    uint64_t to = scenario_site_first_phone(s, first + len);

    for (size_t i = 0; i < p->sample_len; i++) {
        if (p->sample[i] >= from && p->sample[i] < to) {
            end(&p->watched[i], now);
        }
    }
}

static void write_rows(const struct phases *p, size_t at, struct analysis_output *to)
{
    const struct watched *w = &p->watched[at];
    const struct analysis_collect *collect = p->observed.collect;
    char addr[SIM_ADDR_TEXT_MAX];

    for (uint32_t i = 0; i + 1 < w->len; i++) {
        const struct step *step = &w->steps[i];
        const struct analysis_phone *phone =
            analysis_collect_phone(collect, (sim_node)p->sample[at]);
        analysis_output_print(to, "%s,%s,", sim_addr_format(phone->addr, addr),
                              analysis_series_phase((enum sim_phase)step->phase));
        analysis_output_field(
            to, step->file == NO_FILE ? "" : analysis_collect_file(collect, step->file));
        analysis_output_print(to, ",");
        analysis_output_seconds(to, step->at);
        analysis_output_print(to, ",");
        analysis_output_seconds(to, step[1].at);
        analysis_output_print(to, "\n");
    }
}

static int on_finish(void *context, const struct analysis_figures *figures, const cJSON *document,
                     char why[ANALYSIS_WHY_MAX])
{
    struct phases *p = context;
    struct analysis_output *o = NULL;
    bool no_memory = false;

    (void)document;
    int rc = analysis_output_open(&o, p->observed.session->out, "phases.csv", why);
    if (rc != 0) {
        return rc;
    }
    analysis_output_print(o, "phone,phase,file,start_s,end_s\n");
    for (size_t i = 0; i < p->sample_len; i++) {
        end(&p->watched[i], figures->facts->ended);
        no_memory = no_memory || p->watched[i].no_memory;
        write_rows(p, i, o);
    }
    if (no_memory) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't write phases.csv: %s", sim_err_text(SIM_ENOMEM));
        analysis_output_discard(o);
        return SIM_ENOMEM;
    }
    return analysis_output_commit(o, why);
}

static void on_free(void *context)
{
    struct phases *p = context;

    for (size_t i = 0; i < ANALYSIS_VIEW_BARS_PHONES; i++) {
        free(p->watched[i].steps);
    }
    free(p->is_watched);
    free(p);
}

int analysis_phases_observe(struct analysis_observer *observer,
                            const struct analysis_observed *observed, char why[ANALYSIS_WHY_MAX])
{
    struct phases *p = calloc(1, sizeof(*p));
    uint8_t *bits = calloc(scenario_run_nodes(observed->run) / 8 + 1, 1);

    if (p == NULL || bits == NULL) {
        free(p);
        free(bits);
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    p->observed = *observed;
    p->is_watched = bits;
    p->sample_len =
        analysis_phases_sample(observed->session->scenario, p->sample, ANALYSIS_VIEW_BARS_PHONES);
    for (size_t i = 0; i < p->sample_len; i++) {
        bits[p->sample[i] / 8] |= (uint8_t)(1U << p->sample[i] % 8);
    }
    *observer = (struct analysis_observer){
        .context = p,
        .record = on_record,
        .group_ended = on_group_ended,
        .finish = on_finish,
        .free = on_free,
    };
    return 0;
}
