/* analysis/plan/search.c -- see search.h. */
#include "analysis/plan/search.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "sim/units.h"

#define HOUR (3600 * SIM_S)

enum {
    LIMIT_STEPS_MAX = 4, /* limits tried below the one that should do */
};

struct run {
    const struct analysis_search *search;
    struct analysis_found *found;
    unsigned met[ANALYSIS_SEARCH_TRIES_MAX]; /* sets that do */
    size_t met_len;
    sim_duration spread; /* that did with a smaller set: where to begin */
};

/* ---- One trial ---- */

static struct analysis_try *note(struct run *r, const struct analysis_measure *m)
{
    struct analysis_found *f = r->found;

    if (f->len == ANALYSIS_SEARCH_TRIES_MAX) {
        f->full = true;
        return NULL;
    }
    struct analysis_try *t = &f->tries[f->len++];
    *t = (struct analysis_try){
        .measure = *m,
        .cost = analysis_measure_cost(&r->search->weights, m->parts & ~r->search->given),
    };
    if (r->search->bound != NULL) {
        t->bound = r->search->bound(r->search->context, m);
    }
    return t;
}

/* `*out` is NULL when the list is full. */
static int try_one(struct run *r, const struct analysis_measure *m, struct analysis_try **out)
{
    const struct analysis_search *s = r->search;
    struct analysis_found *f = r->found;

    struct analysis_try *t = *out = note(r, m);
    if (t == NULL) {
        return 0;
    }
    int rc = s->run(s->context, m, &t->trial);
    if (rc != 0) {
        f->len--;
        return rc;
    }
    t->ran = true;
    if (s->refuse != NULL && t->trial.met) {
        enum analysis_refusal refusal = s->refuse(s->context, t, &t->over, t->why);
        t->refused = refusal != ANALYSIS_REFUSAL_NONE;
        t->no_time = refusal == ANALYSIS_REFUSAL_SUM;
    }
    return 0;
}

static bool does(const struct analysis_try *t)
{
    return t != NULL && t->ran && t->trial.met && !t->refused;
}

static void keep(struct run *r, unsigned parts)
{
    assert(r->met_len < ANALYSIS_SEARCH_TRIES_MAX);
    r->met[r->met_len++] = parts;
}

/* The last trial of a set; NULL: none ran. */
static const struct analysis_try *last_of(const struct run *r, unsigned parts)
{
    for (size_t i = r->found->len; i > 0; i--) {
        const struct analysis_try *t = &r->found->tries[i - 1];
        if (t->ran && t->measure.parts == parts) {
            return t;
        }
    }
    return NULL;
}

/* ---- The length of a start ---- */

static sim_duration whole_seconds(sim_duration d)
{
    return d < SIM_S ? SIM_S : d / SIM_S * SIM_S;
}

/* Rounded up to what people would write down: seconds, ten seconds, minutes, five minutes. */
static sim_duration tidy(sim_duration d)
{
    sim_duration unit = d <= 60 * SIM_S     ? SIM_S
                        : d <= 600 * SIM_S  ? 10 * SIM_S
                        : d <= 7200 * SIM_S ? 60 * SIM_S
                                            : 300 * SIM_S;
    return (d + unit - 1) / unit * unit;
}

sim_duration analysis_search_start(sim_duration deadline, int step)
{
    sim_duration whole = deadline != SIM_NEVER ? deadline : 16 * HOUR;

    return tidy(whole_seconds(whole >> (ANALYSIS_SEARCH_STARTS - step)));
}

sim_duration analysis_search_between(sim_duration shorter, sim_duration longer)
{
    return tidy(shorter + (longer - shorter) / 2);
}

static int halve_spread(struct run *r, struct analysis_measure m, sim_duration short_by,
                        sim_duration enough)
{
    /* a sixteenth of a doubling is under a tenth */
    for (int i = 0; i < ANALYSIS_SEARCH_HALVINGS && enough - short_by > enough / 10; i++) {
        struct analysis_try *t;
        m.spread = analysis_search_between(short_by, enough);
        if (m.spread >= enough || m.spread <= short_by) {
            break;
        }
        int rc = try_one(r, &m, &t);
        if (rc != 0 || t == NULL) {
            return rc;
        }
        *(does(t) ? &enough : &short_by) = m.spread;
    }
    return 0;
}

/* From short to long until one does and the next one too (or not: then it is no end of a range
 * that can be relied on). */
static int try_spreads(struct run *r, struct analysis_measure m)
{
    const struct analysis_search *s = r->search;
    sim_duration deadline = s->deadline != SIM_NEVER ? s->deadline : 16 * HOUR;
    sim_duration before = s->spread_now, enough = 0, short_by = s->spread_now;
    bool fell = false;

    for (int i = 0; i < ANALYSIS_SEARCH_STARTS; i++) {
        struct analysis_try *t;
        m.spread = analysis_search_start(s->deadline, i);
        if (m.spread <= before || m.spread >= deadline) {
            continue;
        }
        int rc = try_one(r, &m, &t);
        if (rc != 0 || t == NULL) {
            return rc;
        }
        if (!does(t)) {
            fell = enough != 0;
        } else if (enough == 0) {
            enough = m.spread;
            short_by = before;
        } else if (fell) {
            r->found->not_monotone = true;
            break;
        } else {
            break; /* two neighbours do: the lower edge is one */
        }
        before = m.spread;
    }
    if (enough == 0) {
        return 0;
    }
    keep(r, m.parts);
    const struct analysis_try *without = last_of(r, m.parts & ~(unsigned)ANALYSIS_MEASURE_SPREAD);
    if (without != NULL && without->refused && without->over == 0) {
        return 0; /* alone any start does: how long it must be shows beside the others */
    }
    return halve_spread(r, m, short_by, enough);
}

/* ---- The limit of a line ---- */

/* The limit itself should do; where single seconds run over it, a little below it. */
static int try_limits(struct run *r, struct analysis_measure m)
{
    uint64_t limit = r->search->limit_bit_s;
    struct analysis_try *t;

    for (int i = 0; i < LIMIT_STEPS_MAX; i++) {
        m.limit_bit_s = limit - limit / 50 * (uint64_t)i * (uint64_t)(i + 1) / 2;
        int rc = try_one(r, &m, &t);
        if (rc != 0 || t == NULL) {
            return rc;
        }
        if (does(t)) {
            keep(r, m.parts);
            return 0;
        }
        if (t->trial.wan_met && !t->refused) {
            return 0; /* less would be slower still */
        }
    }
    return 0;
}

/* The limit that the same set without a longer start ended with. */
static uint64_t limit_of(const struct run *r, unsigned parts)
{
    const struct analysis_try *t = last_of(r, parts & ~(unsigned)ANALYSIS_MEASURE_SPREAD);

    return t != NULL ? t->measure.limit_bit_s : r->search->limit_bit_s;
}

/* ---- All sets ---- */

static bool holds_one_that_does(const struct run *r, unsigned parts)
{
    for (size_t i = 0; i < r->met_len; i++) {
        if ((r->met[i] & parts) == r->met[i]) {
            return true;
        }
    }
    return false;
}

/* Is there a reason to believe that these parts help? */
static bool may_help(const struct run *r, unsigned parts)
{
    const struct analysis_try *without;

    if ((parts & ANALYSIS_MEASURE_SPREAD) != 0) {
        without = last_of(r, parts & ~(unsigned)ANALYSIS_MEASURE_SPREAD);
        if (without == NULL || without->no_time ||
            (without->trial.only_late && !without->trial.met)) {
            return false;
        }
    }
    if ((parts & ANALYSIS_MEASURE_LIMIT) != 0) {
        unsigned rest = parts & ~(unsigned)(ANALYSIS_MEASURE_LIMIT | ANALYSIS_MEASURE_SPREAD);
        without = last_of(r, rest);
        return r->search->limit_bit_s > 0 &&
               (without == NULL || !without->trial.wan_met ||
                (without->refused && without->over > 0 && !without->no_time));
    }
    return true;
}

static int try_set(struct run *r, unsigned parts)
{
    const struct analysis_search *s = r->search;
    struct analysis_measure m = {.parts = parts, .spread = s->spread_now};
    struct analysis_try *t;
    char a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];

    m.limit_bit_s = (parts & ANALYSIS_MEASURE_LIMIT) != 0 ? limit_of(r, parts) : 0;
    sim_duration bound = s->bound != NULL ? s->bound(s->context, &m) : 0;
    if (s->deadline != SIM_NEVER && bound > s->deadline && parts != s->given) {
        if ((t = note(r, &m)) != NULL) {
            snprintf(t->why, sizeof(t->why), "takes %s at least, %s over the limit",
                     sim_units_format_duration(bound, a),
                     sim_units_format_duration(bound - s->deadline, b));
        }
        return 0;
    }
    if ((parts & ANALYSIS_MEASURE_SPREAD) != 0) {
        return try_spreads(r, m);
    }
    if ((parts & ANALYSIS_MEASURE_LIMIT) != 0) {
        return try_limits(r, m);
    }
    int rc = try_one(r, &m, &t);
    if (rc == 0 && does(t)) {
        keep(r, parts);
    }
    return rc;
}

struct ranked {
    unsigned parts;
    double cost;
};

/* By cost; of equal ones the set with fewer, then lower bits. */
static int by_cost(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;

    if (x->cost != y->cost) {
        return x->cost < y->cost ? -1 : 1;
    }
    return x->parts < y->parts ? -1 : x->parts > y->parts;
}

static size_t rank(const struct analysis_search *s, struct ranked out[ANALYSIS_MEASURE_SETS])
{
    const unsigned elsewhere = ANALYSIS_MEASURE_HTTP | ANALYSIS_MEASURE_LOAD_SERVER;
    size_t len = 0;

    for (unsigned more = 0; more < ANALYSIS_MEASURE_SETS; more++) {
        unsigned parts = (more & elsewhere) != 0 ? more : more | s->given;
        if ((more & s->given) == 0 && (more & ~s->allowed) == 0 &&
            analysis_measure_is_sound(parts)) {
            out[len++] = (struct ranked){parts, analysis_measure_cost(&s->weights, more)};
        }
    }
    qsort(out, len, sizeof(*out), by_cost);
    return len;
}

/* Of one set several lengths may do: the shortest counts, which is what cost does not tell. */
static bool is_better(const struct analysis_try *a, const struct analysis_try *b)
{
    if (a->cost != b->cost) {
        return a->cost < b->cost;
    }
    if (a->measure.parts != b->measure.parts) {
        return a->measure.parts < b->measure.parts;
    }
    return a->measure.spread < b->measure.spread;
}

static void choose(struct analysis_found *f, unsigned given)
{
    f->chosen = f->closest = f->least = f->as_it_is = -1;
    for (size_t i = 0; i < f->len; i++) {
        const struct analysis_try *t = &f->tries[i];
        if (!t->ran) {
            continue;
        }
        if (t->measure.parts == given) {
            f->as_it_is = (int)i;
        }
        if (does(t) && (f->chosen < 0 || is_better(t, &f->tries[f->chosen]))) {
            f->chosen = (int)i;
        }
        if (!t->trial.met &&
            (f->closest < 0 || analysis_trial_is_worse(&f->tries[f->closest].trial, &t->trial))) {
            f->closest = (int)i;
        }
        if (t->refused && t->over > 0 && (f->least < 0 || t->over < f->tries[f->least].over)) {
            f->least = (int)i;
        }
    }
}

int analysis_search_run(const struct analysis_search *search, struct analysis_found *found)
{
    struct ranked sets[ANALYSIS_MEASURE_SETS];
    size_t len = rank(search, sets);
    struct run *r = calloc(1, sizeof(*r));
    int rc = 0;

    if (r == NULL) {
        return SIM_ENOMEM;
    }
    r->search = search;
    r->found = found;
    found->len = 0;
    for (size_t i = 0; i < len && rc == 0 && !found->full; i++) {
        if (!holds_one_that_does(r, sets[i].parts) && may_help(r, sets[i].parts)) {
            rc = try_set(r, sets[i].parts);
        }
    }
    choose(found, search->given);
    free(r);
    return rc;
}
