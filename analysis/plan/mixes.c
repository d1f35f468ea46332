/* analysis/plan/mixes.c -- measures of several classes at once, tried with all sites.
 *
 * A class that is searched alone does not know what others could do instead: two longer starts may
 * be cheaper than the one load server that a limit of all sites seemed to need. So mixes that cost
 * less than the plan (all of them, when there is no plan) are run in order of their cost until one
 * keeps everything with every seed. Of up to four classes all mixes are made; of more those in
 * which one or two classes change, and those in which all take the same. Classes with a longer
 * start take the same length, which is then shortened to a tenth.
 *
 * Left out: a mix with a set that keeps not even its own class's needs alone, another block size or
 * window (the server's, for all), and what does not fit into the budget (plan.h), so a plan may
 * still not be the cheapest of all. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/plan/inner.h"

enum {
    OPTIONS_MAX = 32,  /* sets of one class: more than are sound */
    CHANGES_MAX = 4,   /* classes of a mix that differ from the plan */
    MIXES_MAX = 50000, /* made; far more than are run */
    BATCH = 8,         /* side by side, whatever the number of processors */
    ON_THE_LINE = ANALYSIS_MEASURE_BLOCK | ANALYSIS_MEASURE_WINDOW,
    ELSEWHERE = ANALYSIS_MEASURE_HTTP | ANALYSIS_MEASURE_LOAD_SERVER,
};

#define SAVES_LEAST 1e-9 /* costs are sums of people's numbers */

struct options { /* of one class, without the set that it has */
    unsigned parts[OPTIONS_MAX];
    double cost[OPTIONS_MAX];
    size_t len;
    double has; /* cost of the set that it has */
};

struct mix {
    double cost; /* of all classes */
    uint32_t number;
    unsigned uniform; /* all classes that may take these, ~0: `changes` */
    uint32_t len;
    struct {
        uint32_t class;
        unsigned parts;
    } changes[CHANGES_MAX];
};

struct mixer {
    struct plan *plan;
    struct options *options; /* of each class */
    double cost;             /* a mix must stay below; INFINITY: there is no plan */
    double sum;              /* of what all have */
    struct mix *mixes;
    size_t len;
    double events; /* run so far */
    bool stop;
};

/* ---- What a class may take ---- */

/* Alone it keeps not even its own needs, or can't by a closed form, or the same without a longer
 * start was late already. Where classes are asked for more than all need, only forms say no. */
static bool is_hopeless(const struct plan *p, const struct plan_class *c, unsigned parts)
{
    const cJSON *tries = cJSON_GetObjectItemCaseSensitive(c->found, "tries"), *t;
    bool ran = false, met = false, late = false;

    cJSON_ArrayForEach(t, tries)
    {
        struct analysis_measure m;
        struct analysis_trial trial;
        bool known = analysis_trial_parse(cJSON_GetObjectItemCaseSensitive(t, "trial"), &trial);
        if (!analysis_measure_read(cJSON_GetObjectItemCaseSensitive(t, "measure"), &m)) {
            continue;
        }
        if (m.parts == parts) {
            ran = true;
            met = met || (known && trial.met);
        }
        late = late || (known && m.parts == (parts & ~(unsigned)ANALYSIS_MEASURE_SPREAD) &&
                        m.parts != parts && trial.only_late && !trial.met);
    }
    return !p->draft.is_more && ((ran && !met) || late);
}

static void make_options(const struct plan *p, const struct plan_class *c, struct options *out)
{
    const struct analysis_weights *w = &p->config->weights;
    unsigned keep = c->measure.parts & ON_THE_LINE;
    unsigned limit = c->measure.parts & ANALYSIS_MEASURE_LIMIT;

    *out = (struct options){.has = analysis_measure_cost(w, c->measure.parts & ~c->given)};
    for (unsigned more = 0; more < ANALYSIS_MEASURE_SETS && out->len < OPTIONS_MAX; more++) {
        unsigned parts = (more & ELSEWHERE) != 0 ? more : more | keep;
        if ((more & (ON_THE_LINE | (ANALYSIS_MEASURE_LIMIT & ~limit))) != 0 ||
            (more & ~c->allowed & ~limit) != 0 || !analysis_measure_is_sound(parts) ||
            ((more & ELSEWHERE) != 0 && (keep & ~c->given) != 0) || /* others have them from it */
            parts == c->measure.parts || is_hopeless(p, c, parts)) {
            continue;
        }
        out->parts[out->len] = parts;
        out->cost[out->len++] = analysis_measure_cost(w, parts & ~c->given);
    }
}

/* ---- Mixes ---- */

static void add(struct mixer *x, const struct mix *m)
{
    if (m->cost < x->cost - SAVES_LEAST && x->len < MIXES_MAX) {
        x->mixes[x->len] = *m;
        x->mixes[x->len].number = (uint32_t)x->len;
        x->len++;
    }
}

/* Every way to change so many of the classes from `first` on. */
static void add_changes(struct mixer *x, const struct mix *m, size_t first, unsigned changes)
{
    for (size_t i = first; i < x->plan->classes_len && x->len < MIXES_MAX; i++) {
        const struct options *o = &x->options[i];
        for (size_t k = 0; k < o->len; k++) {
            struct mix next = *m;
            next.cost += o->cost[k] - o->has;
            next.changes[next.len].class = (uint32_t)i;
            next.changes[next.len++].parts = o->parts[k];
            if (changes == 1) {
                add(x, &next);
            } else {
                add_changes(x, &next, i + 1, changes - 1);
            }
        }
    }
}

static int find_option(const struct options *o, unsigned parts)
{
    for (size_t k = 0; k < o->len; k++) {
        if ((o->parts[k] & ~(unsigned)ON_THE_LINE) == parts) {
            return (int)k;
        }
    }
    return -1;
}

static void add_uniform(struct mixer *x)
{
    for (unsigned parts = 0; parts < ANALYSIS_MEASURE_SETS; parts++) {
        struct mix m = {.cost = x->sum, .uniform = parts};
        bool any = false;
        for (size_t i = 0; i < x->plan->classes_len; i++) {
            int k = find_option(&x->options[i], parts);
            m.cost += k >= 0 ? x->options[i].cost[k] - x->options[i].has : 0;
            any = any || k >= 0;
        }
        if (any) {
            add(x, &m);
        }
    }
}

static int by_cost(const void *a, const void *b)
{
    const struct mix *x = a, *y = b;

    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    return x->number < y->number ? -1 : x->number > y->number;
}

static void make_mixes(struct mixer *x)
{
    const struct mix same = {.cost = x->sum, .uniform = ~0U};
    bool few = x->plan->classes_len <= CHANGES_MAX;

    if (!few) {
        add_uniform(x);
    }
    for (unsigned changes = 1; changes <= (few ? CHANGES_MAX : 2U); changes++) {
        add_changes(x, &same, 0, changes);
    }
    qsort(x->mixes, x->len, sizeof(*x->mixes), by_cost);
}

/* ---- One of them as measures ---- */

/* Does any class start over a longer time? `*deadline`: the earliest of theirs; `*least`: the
 * longest start that one of them has now. */
static bool has_start(const struct plan *p, const struct analysis_measure *measures,
                      sim_duration *deadline, sim_duration *least)
{
    bool any = false;

    *deadline = SIM_NEVER;
    *least = 0;
    for (size_t i = 0; i < p->classes_len; i++) {
        if ((measures[i].parts & ANALYSIS_MEASURE_SPREAD) != 0) {
            sim_duration limit = analysis_draft_deadline(&p->draft, i);
            sim_duration now = scenario_site_spread(p->config->scenario, p->classes[i].site);
            *deadline = limit < *deadline ? limit : *deadline;
            *least = now > *least ? now : *least;
            any = true;
        }
    }
    return any;
}

static void set_start(const struct plan *p, struct analysis_measure *measures, sim_duration spread)
{
    for (size_t i = 0; i < p->classes_len; i++) {
        if ((measures[i].parts & ANALYSIS_MEASURE_SPREAD) != 0) {
            measures[i].spread = spread;
        }
    }
}

static void make_measures(const struct mixer *x, const struct mix *m, struct analysis_measure *out)
{
    const struct plan *p = x->plan;

    for (size_t i = 0; i < p->classes_len; i++) {
        int k = m->uniform != ~0U ? find_option(&x->options[i], m->uniform) : -1;
        out[i] = p->classes[i].measure;
        out[i].parts = k >= 0 ? x->options[i].parts[k] : out[i].parts;
    }
    for (uint32_t i = 0; i < m->len; i++) {
        out[m->changes[i].class].parts = m->changes[i].parts;
    }
}

/* ---- Runs ---- */

struct trials {                        /* what is run side by side */
    struct analysis_measure *measures; /* of each one a number for every class */
    sim_duration shorter[BATCH];       /* the start tried before, or what they have; 0: no start */
    uint32_t len;
};

static int run_first_seed(struct mixer *x, const struct trials *t, bool met[BATCH])
{
    struct plan *p = x->plan;
    cJSON *answers[BATCH] = {NULL};
    struct plan_batch b = {
        .plan = p, .measures = t->measures, .stride = p->classes_len, .len = t->len};
    int status = plan_run_batch(p, &b, answers);

    for (uint32_t i = 0; i < t->len; i++) {
        struct analysis_trial trial;
        const cJSON *events = cJSON_GetObjectItemCaseSensitive(answers[i], "events");
        met[i] =
            analysis_trial_parse(cJSON_GetObjectItemCaseSensitive(answers[i], "whole"), &trial) &&
            trial.met;
        x->events += cJSON_IsNumber(events) ? events->valuedouble : 0;
        cJSON_Delete(answers[i]);
    }
    if (status == ANALYSIS_OK) {
        p->runs += t->len;
        p->mixes += t->len;
    }
    return status;
}

/* With every seed; then its start as short as it may be. */
static int take(struct mixer *x, struct analysis_measure *measures, sim_duration shorter,
                bool *kept)
{
    struct plan *p = x->plan;
    uint64_t before = p->runs;
    double each = x->events / (p->mixes > 0 ? p->mixes : 1);
    sim_duration deadline, least, enough = 0;
    int status = plan_try(p, measures, kept);
    bool shorten = status == ANALYSIS_OK && *kept && has_start(p, measures, &deadline, &least);

    for (size_t i = 0; shorten && i < p->classes_len; i++) {
        enough = measures[i].spread > enough ? measures[i].spread : enough;
    }
    for (int i = 0; shorten && status == ANALYSIS_OK && i < ANALYSIS_SEARCH_HALVINGS &&
                    enough - shorter > enough / 10;
         i++) {
        bool does;
        sim_duration between = analysis_search_between(shorter, enough);
        if (between <= shorter || between >= enough) {
            break;
        }
        set_start(p, measures, between);
        status = plan_try(p, measures, &does);
        *(does ? &enough : &shorter) = between;
    }
    x->events += each * (double)(p->runs - before);
    return status;
}

/* Runs what is collected; the first that keeps everything ends all. */
static int flush(struct mixer *x, struct trials *t)
{
    struct plan *p = x->plan;
    bool met[BATCH], kept = false;
    int status = t->len > 0 ? run_first_seed(x, t, met) : ANALYSIS_OK;

    for (uint32_t i = 0; status == ANALYSIS_OK && !kept && i < t->len; i++) {
        if (met[i]) {
            status = take(x, t->measures + (size_t)i * p->classes_len, t->shorter[i], &kept);
        }
    }
    t->len = 0;
    x->stop = x->stop || kept || p->mixes >= ANALYSIS_PLAN_MIX_RUNS ||
              x->events >= ANALYSIS_PLAN_MIX_EVENTS;
    return status;
}

/* `shorter`: the start before this one. */
static int collect(struct mixer *x, struct trials *t, const struct analysis_measure *measures,
                   sim_duration shorter)
{
    size_t len = x->plan->classes_len;

    memcpy(t->measures + t->len * len, measures, len * sizeof(*measures));
    t->shorter[t->len++] = shorter;
    return t->len == BATCH ? flush(x, t) : ANALYSIS_OK;
}

static int run_mix(struct mixer *x, struct trials *t, const struct mix *m,
                   struct analysis_measure *measures)
{
    struct plan *p = x->plan;
    sim_duration deadline, before;
    int status = ANALYSIS_OK;

    make_measures(x, m, measures);
    if (!has_start(p, measures, &deadline, &before)) {
        return collect(x, t, measures, 0);
    }
    for (int i = 0; status == ANALYSIS_OK && !x->stop && i < ANALYSIS_SEARCH_STARTS; i++) {
        sim_duration spread = analysis_search_start(deadline, i);
        if (spread > before && spread < deadline) {
            set_start(p, measures, spread);
            status = collect(x, t, measures, before);
            before = spread;
        }
    }
    return status;
}

static int run_all(struct mixer *x)
{
    size_t len = x->plan->classes_len;
    struct analysis_measure *measures = calloc(len + 1, sizeof(*measures));
    struct trials t = {.measures = calloc(len * BATCH + 1, sizeof(*t.measures))};
    int status = measures == NULL || t.measures == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    for (size_t i = 0; status == ANALYSIS_OK && !x->stop && i < x->len; i++) {
        status = run_mix(x, &t, &x->mixes[i], measures);
    }
    if (status == ANALYSIS_OK && !x->stop) {
        status = flush(x, &t);
    }
    free(measures);
    free(t.measures);
    return status;
}

static bool is_same(const struct analysis_measure *a, const struct analysis_measure *b)
{
    return a->parts == b->parts &&
           ((a->parts & ANALYSIS_MEASURE_SPREAD) == 0 || a->spread == b->spread);
}

/* What has another measure than its search gave it. */
static void mark(struct plan *p, const struct analysis_measure *had)
{
    for (size_t i = 0; i < p->classes_len; i++) {
        struct plan_class *c = &p->classes[i];
        c->solved = true;
        if (!is_same(&c->measure, &had[i])) {
            c->mixed = true;
            c->doubled = false;
            for (size_t k = 0; k < ANALYSIS_TOTALS_MAX; k++) {
                c->has[k] = (double)NAN; /* that was of the other one */
            }
        }
    }
}

int plan_mix(struct plan *p)
{
    struct mixer x = {.plan = p, .cost = (double)INFINITY};
    struct analysis_measure *had = calloc(p->classes_len + 1, sizeof(*had));
    bool hopeless = p->classes_len < 2; /* alone is together */

    x.options = calloc(p->classes_len + 1, sizeof(*x.options));
    x.mixes = malloc(MIXES_MAX * sizeof(*x.mixes));
    int status =
        had == NULL || x.options == NULL || x.mixes == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;
    for (size_t i = 0; status == ANALYSIS_OK && i < p->classes_len; i++) {
        struct plan_class *c = &p->classes[i];
        had[i] = c->measure;
        make_options(p, c, &x.options[i]);
        x.sum += x.options[i].has;
        hopeless = hopeless || (!c->solved && x.options[i].len == 0 &&
                                plan_found_try(c->found, "chosen") == NULL);
    }
    if (status == ANALYSIS_OK && !hopeless) {
        x.cost = p->whole.met ? x.sum : (double)INFINITY;
        make_mixes(&x);
        if (x.len > 0) {
            plan_tell(p, "%s mixes of measures, all sites\n", p->whole.met ? "cheaper" : "other");
            status = run_all(&x);
        }
    }
    if (status == ANALYSIS_OK && x.len > 0 && p->whole.met) {
        mark(p, had);
    }
    free(had);
    free(x.options);
    free(x.mixes);
    return status;
}
