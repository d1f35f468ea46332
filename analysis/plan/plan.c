/* analysis/plan/plan.c -- see plan.h. */
#include "analysis/plan/plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/interrupt.h"
#include "analysis/plan/copies.h"
#include "analysis/plan/inner.h"
#include "analysis/summary.h"
#include "analysis/sweep/pool.h"
#include "sim/err.h"

#define WAIT_NS UINT64_C(200000000) /* between looks at Ctrl-C */

void plan_tell(const struct plan *p, const char *format, ...)
{
    va_list arguments;

    if (p->config->quiet) {
        return;
    }
    va_start(arguments, format);
    vfprintf(p->config->program->err, format, arguments);
    va_end(arguments);
    fflush(p->config->program->err);
}

const struct analysis_setting plan_server_settings[PLAN_SETTINGS] = {
    {.key = "overflow", .value = "queue"}, /* asks no more of the server, so it comes first */
    {.key = "max_transfers", .value = "none"},
};

/* ---- In a child: all sites, one seed ---- */

static cJSON *class_of_whole(const struct plan *p, size_t i, const cJSON *document, bool met,
                             const struct analysis_copies_of *of)
{
    struct analysis_reading reading = {.site = p->classes[i].site->name};
    struct analysis_trial t;

    analysis_trial_read(&t, document, &reading);
    if (met && !t.met) { /* what is asked of it only for the sake of all has been kept by all */
        reading.left_out = p->draft.derived;
        reading.left_out_len = p->draft.derived_len;
        analysis_trial_read(&t, document, &reading);
    }
    t.sites_missing = met ? 0 : of->missing;
    t.failed_all = (double)of->failed;
    t.last_median = of->last_median;
    memcpy(t.totals, of->totals, sizeof(t.totals));
    return analysis_trial_json(&t);
}

static cJSON *read_whole(const struct plan *p, cJSON *document,
                         const struct analysis_copies *copies)
{
    const struct analysis_reading reading = {
        .totals = p->draft.totals,
        .totals_len = p->draft.totals_len,
        .left_out = p->draft.derived,
        .left_out_len = p->draft.derived_len,
    };
    cJSON *json = cJSON_CreateObject(), *classes;
    struct analysis_trial t;

    analysis_trial_read(&t, document, &reading);
    cJSON_AddItemToObject(json, "whole", analysis_trial_json(&t));
    classes = cJSON_AddArrayToObject(json, "classes");
    for (size_t i = 0; i < p->classes_len; i++) {
        cJSON_AddItemToArray(classes, class_of_whole(p, i, document, t.met, &copies->of[i]));
    }
    cJSON_AddItemToObject(json, "caution",
                          cJSON_DetachItemFromObjectCaseSensitive(document, "caution"));
    double peak = analysis_summary_number(document, "server", "peak_transfers");
    cJSON_AddNumberToObject(json, "peak_transfers", isnan(peak) ? 0 : peak);
    double events = analysis_summary_number(document, "engine", "events");
    cJSON_AddNumberToObject(json, "events", isnan(events) ? 0 : events);
    return json;
}

/* `server` may be NULL: as the scenario has it. */
static char *run_whole(const struct plan *p, const struct analysis_measure *measures,
                       const struct analysis_setting *server, uint64_t seed)
{
    const struct analysis_plan *config = p->config;
    struct analysis_copies copies = {
        .scenario = config->scenario,
        .totals = p->draft.totals,
        .totals_len = p->draft.totals_len,
        .of = calloc(p->classes_len + 1, sizeof(*copies.of)),
    };
    char *draft = analysis_draft_whole(&p->draft, measures, server), *text = NULL;
    cJSON *json = NULL, *document = NULL;

    if (draft != NULL && copies.of != NULL) {
        int status = analysis_trial_run(config->program, config->scenario->path, draft, seed,
                                        &copies, &document);
        json =
            status != ANALYSIS_OK ? cJSON_CreateNumber(status) : read_whole(p, document, &copies);
    }
    free(draft);
    free(copies.of);
    cJSON_Delete(document);
    text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

/* ---- Children ---- */

static char *work(void *context, const struct analysis_job *job)
{
    const struct plan_batch *b = context;

    if (b->is_of_server) {
        return run_whole(b->plan, b->measures, &plan_server_settings[job->run],
                         b->plan->whole_as_it_is.seed);
    }
    if (b->measures == NULL) {
        return plan_search_class(b->plan, b->which[job->run]);
    }
    const struct analysis_measure *measures = b->measures + (size_t)job->run * b->stride;
    uint32_t seed = b->first + (b->stride == 0 ? job->run : 0);
    return run_whole(b->plan, measures, NULL, b->plan->config->scenario->seed + seed);
}

/* One parcel into answers[run]; a parcel that is only a number is the exit status of what could not
 * be run, and was said by the child. */
static int take(const struct plan *p, const char *text, size_t len, cJSON **answer)
{
    cJSON *json = text != NULL ? cJSON_ParseWithLength(text, len) : NULL;

    if (cJSON_IsNumber(json)) {
        int status = json->valueint;
        cJSON_Delete(json);
        return status != ANALYSIS_OK ? status : ANALYSIS_REFUSED;
    }
    const char *why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "why"));
    if (json == NULL || why != NULL) {
        int status = analysis_program_fail(p->config->program, "plan", ANALYSIS_REFUSED,
                                           "a run was lost: %s",
                                           why != NULL ? why : sim_err_text(SIM_ENOMEM));
        cJSON_Delete(json);
        return status;
    }
    *answer = json;
    return ANALYSIS_OK;
}

int plan_run_batch(struct plan *p, struct plan_batch *b, cJSON **answers)
{
    struct analysis_pool *pool = NULL;
    char why[ANALYSIS_WHY_MAX];
    unsigned jobs = p->config->jobs > 0 ? p->config->jobs : analysis_pool_processors();
    uint32_t next = 0, run;
    int status = ANALYSIS_OK;

    jobs = jobs > ANALYSIS_POOL_MAX ? ANALYSIS_POOL_MAX : jobs;
    if (analysis_pool_new(&pool, jobs) != 0) {
        return analysis_program_fail(p->config->program, "plan", ANALYSIS_REFUSED, "out of memory");
    }
    analysis_pool_set_work(pool, work, b);
    while (status == ANALYSIS_OK && (next < b->len || analysis_pool_busy(pool) > 0)) {
        char *parcel;
        size_t len;
        while (next < b->len && status == ANALYSIS_OK && analysis_pool_idle(pool) > 0) {
            struct analysis_job job = {.run = next};
            if (analysis_pool_start(pool, &job, NULL, why) != 0) {
                status =
                    analysis_program_fail(p->config->program, "plan", ANALYSIS_REFUSED, "%s", why);
            }
            next++;
        }
        if (analysis_pool_take(pool, &run, &parcel, &len)) {
            status = analysis_program_worse(status, take(p, parcel, len, &answers[run]));
            free(parcel);
        } else if (status == ANALYSIS_OK) {
            analysis_pool_wait(pool, WAIT_NS);
        }
        if (analysis_interrupt_seen()) {
            status = ANALYSIS_INTERRUPTED;
        }
    }
    analysis_pool_free(pool);
    return status;
}

static void free_answers(cJSON **answers, size_t len)
{
    for (size_t i = 0; answers != NULL && i < len; i++) {
        cJSON_Delete(answers[i]);
    }
    free(answers);
}

/* ---- Steps ---- */

static void worst(struct analysis_trial *to, const cJSON *json, bool first)
{
    struct analysis_trial t;

    if (!analysis_trial_parse(json, &t)) {
        return;
    }
    for (size_t k = 0; !first && k < ANALYSIS_TOTALS_MAX; k++) {
        t.totals[k] = to->totals[k] = fmax(t.totals[k], to->totals[k]);
    }
    if (first || analysis_trial_is_worse(&t, to)) {
        *to = t;
    }
}

/* Seeds first..first+len-1; the worst of each class is kept, beside those before. */
static int run_some(struct plan *p, const struct analysis_measure *measures, bool as_it_is,
                    uint32_t first, uint32_t len)
{
    cJSON **answers = calloc(len, sizeof(*answers));
    struct plan_batch b = {.plan = p, .measures = measures, .first = first, .len = len};
    int status = answers == NULL ? ANALYSIS_REFUSED : plan_run_batch(p, &b, answers);

    for (uint32_t i = 0; status == ANALYSIS_OK && i < len; i++) {
        const cJSON *classes = cJSON_GetObjectItemCaseSensitive(answers[i], "classes");
        worst(as_it_is ? &p->whole_as_it_is : &p->whole,
              cJSON_GetObjectItemCaseSensitive(answers[i], "whole"), first + i == 0);
        const cJSON *one = classes != NULL ? classes->child : NULL;
        for (size_t k = 0; k < p->classes_len && one != NULL; k++, one = one->next) {
            struct plan_class *c = &p->classes[k];
            worst(as_it_is ? &c->as_it_is : &c->now, one, first + i == 0);
        }
    }
    if (status == ANALYSIS_OK) {
        const cJSON *events = cJSON_GetObjectItemCaseSensitive(answers[0], "events");
        p->events = cJSON_IsNumber(events) ? events->valuedouble : 0;
        p->runs += len;
        cJSON_Delete(p->cautions);
        p->cautions = cJSON_DetachItemFromObjectCaseSensitive(answers[0], "caution");
    }
    free_answers(answers, len);
    return status;
}

/* All sites as they are with the first two seeds, else with the first, and with the others when
 * these keep everything: a miss is known early, and no answer depends on how many processors there
 * are. What the seeds of a search keep must be kept by others too: a measure that was chosen among
 * many because it did with a few seeds may owe that to chance. */
static int run_seeds(struct plan *p, const struct analysis_measure *measures, bool as_it_is)
{
    uint32_t seeds = p->config->seeds, some = seeds < 2 || !as_it_is ? 1 : 2;
    const struct analysis_trial *whole = as_it_is ? &p->whole_as_it_is : &p->whole;
    int status = run_some(p, measures, as_it_is, 0, some);

    if (status == ANALYSIS_OK && seeds > some && whole->met) {
        status = run_some(p, measures, as_it_is, some, seeds - some);
    }
    p->confirmed = seeds;
    if (status == ANALYSIS_OK && seeds > 1 && whole->met) {
        double room = ANALYSIS_PLAN_SEEDS_EVENTS / fmax(p->events, 1);
        uint32_t more = seeds * (ANALYSIS_PLAN_SEEDS_TIMES - 1);
        more = room < more ? (uint32_t)room : more;
        p->confirmed += more;
        status = more > 0 ? run_some(p, measures, as_it_is, seeds, more) : ANALYSIS_OK;
    }
    return status;
}

/* The answer of a search becomes the class's measure: the cheapest, else the one that is least over
 * its share, else the nearest. */
static void use_found(struct plan *p, struct plan_class *c, cJSON *found)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(found, "runs");
    const cJSON *chosen = plan_found_try(found, "chosen"), *use = chosen;
    struct analysis_trial t;

    use = use != NULL ? use : plan_found_try(found, "least");
    use = use != NULL ? use : plan_found_try(found, "closest");
    cJSON_Delete(c->found);
    c->found = found;
    c->searched = true;
    c->solved = chosen != NULL;
    c->doubled = false;
    p->runs += cJSON_IsNumber(runs) ? (uint64_t)runs->valuedouble : 0;
    if (!analysis_measure_read(cJSON_GetObjectItemCaseSensitive(use, "measure"), &c->measure)) {
        c->measure = (struct analysis_measure){.parts = c->given};
    }
    bool known = analysis_trial_parse(cJSON_GetObjectItemCaseSensitive(use, "trial"), &t);
    for (size_t k = 0; k < ANALYSIS_TOTALS_MAX; k++) {
        c->has[k] = known ? t.totals[k] : (double)NAN;
    }
}

static int search_these(struct plan *p, const uint32_t *which, uint32_t len)
{
    cJSON **answers = calloc(len + 1, sizeof(*answers));
    struct plan_batch b = {.plan = p, .which = which, .len = len};
    int status = answers == NULL ? ANALYSIS_REFUSED : plan_run_batch(p, &b, answers);

    for (uint32_t i = 0; status == ANALYSIS_OK && i < len; i++) {
        use_found(p, &p->classes[which[i]], answers[i]);
        answers[i] = NULL;
    }
    free_answers(answers, len);
    return status;
}

/* Classes that are searched now are no twins of what was searched before, nor others of them. */
static void part_twins(struct plan *p, const uint32_t *which, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        p->classes[which[i]].twin = -1;
        for (size_t k = 0; k < p->classes_len; k++) {
            if (p->classes[k].twin == (int)which[i]) {
                p->classes[k].twin = -1;
            }
        }
    }
}

/* Of classes that are equal but for their names one is searched, and its answer is theirs. */
int plan_search(struct plan *p, const uint32_t *which, uint32_t len)
{
    uint32_t *firsts = calloc(len + 1, sizeof(*firsts)), firsts_len = 0;
    uint32_t *twin_of = calloc(len + 1, sizeof(*twin_of));
    int status = firsts == NULL || twin_of == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    part_twins(p, which, len);
    for (uint32_t i = 0; status == ANALYSIS_OK && i < len; i++) {
        twin_of[i] = which[i];
        for (uint32_t k = 0; k < firsts_len && twin_of[i] == which[i]; k++) {
            if (plan_are_twins(p, firsts[k], which[i])) {
                twin_of[i] = firsts[k];
            }
        }
        if (twin_of[i] == which[i]) {
            firsts[firsts_len++] = which[i];
        }
    }
    if (status == ANALYSIS_OK) {
        status = search_these(p, firsts, firsts_len);
    }
    for (uint32_t i = 0; status == ANALYSIS_OK && i < len; i++) {
        if (twin_of[i] != which[i]) {
            p->classes[which[i]].twin = (int)twin_of[i];
            use_found(p, &p->classes[which[i]], plan_found_of_twin(p, twin_of[i], which[i]));
        }
    }
    free(firsts);
    free(twin_of);
    return status;
}

/* A longer start where that is what a class does, while it leaves half of the time. */
static bool lengthen(struct plan *p, struct plan_class *c)
{
    sim_duration deadline = analysis_draft_deadline(&p->draft, (size_t)(c - p->classes));

    if ((c->measure.parts & ANALYSIS_MEASURE_SPREAD) == 0 || deadline == SIM_NEVER ||
        c->measure.spread > deadline / 4) {
        return false;
    }
    c->measure.spread *= 2;
    c->doubled = true;
    return true;
}

/* Bytes that the server sends to all copies of a class, about: one load for each of its phones, or
 * for each model where they share; nothing past a load server. */
static uint64_t weight_of(const struct plan_class *c)
{
    unsigned parts = c->measure.parts;
    bool shares = (parts & ANALYSIS_MEASURE_PFS) != 0 ||
                  (c->shares && (parts & ANALYSIS_MEASURE_TRADITIONAL) == 0);

    if (c->is_lan || (parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0) {
        return 0;
    }
    return (shares ? c->closed.copy_bytes : c->closed.all_bytes) * c->site->count;
}

/* Is there a class that may still be changed, and misses (or: none misses, but all together do)?
 * The one that burdens the server most, so that few have to change. */
static struct plan_class *pick(struct plan *p, const bool *picked, bool any_misses)
{
    struct plan_class *most = NULL;

    for (size_t i = 0; i < p->classes_len; i++) {
        struct plan_class *c = &p->classes[i];
        if (c->solved && !picked[i] && (!any_misses || !c->now.met) &&
            (most == NULL || weight_of(c) > weight_of(most))) {
            most = c;
        }
    }
    return most;
}

/* Changes classes that miss beside the others, the heaviest first, until half of their weight is
 * changed: what the server is relieved of may be enough for the rest. Fills `which` with those that
 * must be searched again; `*changed`: is anything other than before? */
static uint32_t repair(struct plan *p, uint32_t *which, bool *picked, bool *changed)
{
    struct plan_class *c;
    uint64_t all = 0, done = 0;
    uint32_t len = 0;
    bool any = false;

    for (size_t i = 0; i < p->classes_len; i++) {
        picked[i] = false;
        any = any || !p->classes[i].now.met;
    }
    for (size_t i = 0; i < p->classes_len; i++) {
        c = &p->classes[i];
        all += c->solved && (!any || !c->now.met) ? weight_of(c) : 0;
    }
    *changed = false;
    while ((!*changed || done < all / 2) && (c = pick(p, picked, any)) != NULL) {
        picked[c - p->classes] = true;
        done += weight_of(c);
        *changed = true;
        if (!any || !lengthen(p, c)) {
            c->rejected[c->measure.parts] = true;
            which[len++] = (uint32_t)(c - p->classes);
        }
    }
    return len;
}

/* The server grants TFTP options to all: what one class takes the others have too. Those that do
 * not fit as they are, are searched again with it, as they may need less then. */
static int grant_to_all(struct plan *p, uint32_t *which)
{
    unsigned all = 0;
    uint32_t len = 0;

    for (size_t i = 0; i < p->classes_len; i++) {
        all |= p->classes[i].measure.parts & (ANALYSIS_MEASURE_BLOCK | ANALYSIS_MEASURE_WINDOW);
    }
    for (uint32_t i = 0; i < p->classes_len; i++) {
        struct plan_class *c = &p->classes[i];
        if (!c->tftp || c->given == all || (c->measure.parts & all) == all) {
            continue;
        }
        bool as_it_is = c->measure.parts == c->given;
        c->given = all;
        if (as_it_is && c->solved) {
            c->measure.parts = all;
        } else {
            which[len++] = i;
        }
    }
    return len > 0 ? plan_search(p, which, len) : ANALYSIS_OK;
}

/* What a run of all sites has missed: changes classes for it, and searches. `*changed`: is there
 * anything new to run? */
static int mend(struct plan *p, uint32_t *which, bool *picked, bool *changed)
{
    bool other = !p->whole.rest_met;
    int status;

    *changed = false;
    for (size_t i = 0; i < p->classes_len; i++) {
        other = other || !p->classes[i].now.met;
    }
    plan_learn(p);
    if (other) {
        uint32_t len = repair(p, which, picked, changed);
        if (len > 0) {
            plan_tell(p, "beside one another %u class%s need%s more: searching on\n", len,
                      len == 1 ? "" : "es", len == 1 ? "s" : "");
            status = plan_search(p, which, len);
            if (status != ANALYSIS_OK) {
                return status;
            }
        }
    }
    return plan_balance(p, changed);
}

/* All sites with their measures. Where the first search found none for any class, that is how they
 * are, which has been run: with more seeds, so figures of the same would differ. */
static int run_planned(struct plan *p, const struct analysis_measure *measures)
{
    bool any = p->rounds > 0;

    for (size_t i = 0; i < p->classes_len; i++) {
        any = any || measures[i].parts != 0;
    }
    p->rounds++;
    if (any) {
        plan_tell(p, "all sites with their measures%s\n", p->rounds > 1 ? ", again" : "");
        return run_seeds(p, measures, false);
    }
    p->whole = p->whole_as_it_is;
    for (size_t i = 0; i < p->classes_len; i++) {
        p->classes[i].now = p->classes[i].as_it_is;
    }
    return ANALYSIS_OK;
}

static int confirm(struct plan *p)
{
    struct analysis_measure *measures = calloc(p->classes_len + 1, sizeof(*measures));
    uint32_t *which = calloc(p->classes_len + 1, sizeof(*which));
    bool *picked = calloc(p->classes_len + 1, sizeof(*picked)), changed = false;
    int status =
        measures == NULL || which == NULL || picked == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    if (status == ANALYSIS_OK) {
        status = plan_balance(p, &changed);
    }
    while (status == ANALYSIS_OK) {
        status = grant_to_all(p, which);
        if (status != ANALYSIS_OK) {
            break;
        }
        for (size_t i = 0; i < p->classes_len; i++) {
            measures[i] = p->classes[i].measure;
        }
        status = run_planned(p, measures);
        if (status != ANALYSIS_OK || p->whole.met || p->rounds == ANALYSIS_PLAN_ROUNDS_MAX) {
            break;
        }
        status = mend(p, which, picked, &changed);
        if (!changed) {
            break;
        }
    }
    for (size_t i = 0; p->whole.met && i < p->classes_len; i++) {
        p->classes[i].solved = true; /* all of them together keep what is needed */
    }
    free(measures);
    free(which);
    free(picked);
    return status;
}

/* The dearest class with a measure of its own that was not looked at; NULL: none. */
static struct plan_class *dearest(struct plan *p, const bool *seen)
{
    const struct analysis_weights *w = &p->config->weights;
    struct plan_class *most = NULL;
    double cost = 0;

    for (size_t i = 0; i < p->classes_len; i++) {
        struct plan_class *c = &p->classes[i];
        double own = analysis_measure_cost(w, c->measure.parts & ~c->given);
        if (!seen[i] && (c->measure.parts & ~c->given) != 0 && (most == NULL || own > cost)) {
            most = c;
            cost = own;
        }
    }
    return most;
}

int plan_try(struct plan *p, const struct analysis_measure *measures, bool *kept)
{
    struct analysis_measure *had = calloc(p->classes_len + 1, sizeof(*had));
    struct analysis_trial *now = calloc(p->classes_len + 1, sizeof(*now)), whole = p->whole;
    cJSON *cautions = p->cautions;
    uint32_t confirmed = p->confirmed;
    int status = had == NULL || now == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    *kept = false;
    p->cautions = NULL;
    for (size_t i = 0; status == ANALYSIS_OK && i < p->classes_len; i++) {
        had[i] = p->classes[i].measure;
        now[i] = p->classes[i].now;
        p->classes[i].measure = measures[i];
    }
    if (status == ANALYSIS_OK) {
        status = run_seeds(p, measures, false);
        *kept = status == ANALYSIS_OK && p->whole.met;
    }
    if (status == ANALYSIS_OK && !*kept) {
        p->whole = whole;
        p->confirmed = confirmed;
        cJSON_Delete(p->cautions);
        p->cautions = cautions;
        cautions = NULL;
        for (size_t i = 0; i < p->classes_len; i++) {
            p->classes[i].measure = had[i];
            p->classes[i].now = now[i];
        }
    }
    cJSON_Delete(cautions);
    free(had);
    free(now);
    return status;
}

static int shed(struct plan *p)
{
    struct analysis_measure *measures = calloc(p->classes_len + 1, sizeof(*measures));
    bool *seen = calloc(p->classes_len + 1, sizeof(*seen)), kept;
    int status = seen == NULL || measures == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;
    struct plan_class *c;

    for (int i = 0; i < ANALYSIS_PLAN_SHED_MAX && status == ANALYSIS_OK && p->draft.is_more &&
                    p->whole.met && (c = dearest(p, seen)) != NULL;
         i++) {
        seen[c - p->classes] = true;
        plan_tell(p, "all sites without the measure of %s\n", c->site->name);
        for (size_t k = 0; k < p->classes_len; k++) {
            measures[k] = p->classes[k].measure;
        }
        measures[c - p->classes] = (struct analysis_measure){.parts = c->given};
        status = plan_try(p, measures, &kept);
    }
    free(measures);
    free(seen);
    return status;
}

static int search_first(struct plan *p)
{
    uint32_t *which = calloc(p->classes_len + 1, sizeof(*which));
    int status = which == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    for (uint32_t i = 0; status == ANALYSIS_OK && i < p->classes_len; i++) {
        which[i] = i;
    }
    if (status == ANALYSIS_OK) {
        plan_tell(p, "searching %zu class%s of sites, each alone\n", p->classes_len,
                  p->classes_len == 1 ? "" : "es");
        status = plan_search(p, which, (uint32_t)p->classes_len);
    }
    free(which);
    return status;
}

/* Who is turned away at the server's limit needs no measure where the server can do more, or lets
 * them wait: all sites as they are, with the seed that was worse, tell how many. Whether it can is
 * not ours to know, so the plan keeps the limit and says what else there is. */
static int try_server(struct plan *p, const struct analysis_measure *none)
{
    const struct scenario *s = p->config->scenario;
    struct plan_batch b = {.plan = p, .measures = none, .is_of_server = true, .len = PLAN_SETTINGS};

    if (p->whole_as_it_is.refused <= 0 || s->server.max_transfers == 0 ||
        s->server.overflow != SIM_OVERFLOW_REFUSE) {
        return ANALYSIS_OK;
    }
    plan_tell(p, "all sites as they are, without the server's limit and with a queue\n");
    int status = plan_run_batch(p, &b, p->servers);
    p->runs += status == ANALYSIS_OK ? b.len : 0;
    return status;
}

static int go(struct plan *p)
{
    struct analysis_measure *none = calloc(p->classes_len + 1, sizeof(*none));
    int status = none == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    if (status == ANALYSIS_OK) {
        plan_tell(p, "all sites as they are\n");
        status = run_seeds(p, none, true);
    }
    if (status == ANALYSIS_OK && !p->whole_as_it_is.met) {
        status = try_server(p, none);
    }
    free(none);
    if (status != ANALYSIS_OK) {
        return status;
    }
    if (p->whole_as_it_is.met) {
        p->whole = p->whole_as_it_is;
        for (size_t i = 0; i < p->classes_len; i++) {
            p->classes[i].now = p->classes[i].as_it_is;
            p->classes[i].solved = true;
        }
        return ANALYSIS_OK;
    }
    status = search_first(p);
    if (status == ANALYSIS_OK) {
        status = confirm(p);
    }
    if (status == ANALYSIS_OK) {
        status = shed(p);
    }
    return status == ANALYSIS_OK ? plan_mix(p) : status;
}

static char *hand_over(const struct plan *p)
{
    struct analysis_measure *measures = calloc(p->classes_len + 1, sizeof(*measures));
    char *text = NULL;

    for (size_t i = 0; measures != NULL && i < p->classes_len; i++) {
        measures[i] = p->classes[i].measure;
    }
    if (measures != NULL) {
        text = analysis_draft_planned(&p->draft, measures);
    }
    free(measures);
    return text;
}

int analysis_plan_make(const struct analysis_plan *config, cJSON **document, char **planned)
{
    struct plan p = {.config = config};
    char why[ANALYSIS_WHY_MAX];
    int status;

    *document = NULL;
    *planned = NULL;
    int rc = analysis_draft_init(&p.draft, config->scenario, &config->asked, why);
    if (rc != 0) {
        status =
            analysis_program_fail(config->program, "plan",
                                  rc == SIM_EINVAL ? ANALYSIS_USAGE : ANALYSIS_REFUSED, "%s", why);
    } else if (plan_make_classes(&p) != 0) {
        status = analysis_program_fail(config->program, "plan", ANALYSIS_REFUSED, "out of memory");
    } else if ((status = go(&p)) == ANALYSIS_OK) {
        *document = plan_document(&p, p.whole.met);
        *planned = p.whole.met ? hand_over(&p) : NULL;
        status =
            *document == NULL || (p.whole.met && *planned == NULL)
                ? analysis_program_fail(config->program, "plan", ANALYSIS_REFUSED, "out of memory")
            : p.whole.met ? ANALYSIS_OK
                          : ANALYSIS_MISSED;
    }
    for (size_t i = 0; i < p.classes_len; i++) {
        cJSON_Delete(p.classes[i].found);
    }
    free(p.classes);
    for (size_t i = 0; i < PLAN_SETTINGS; i++) {
        cJSON_Delete(p.servers[i]);
    }
    cJSON_Delete(p.cautions);
    analysis_draft_deinit(&p.draft);
    return status;
}
