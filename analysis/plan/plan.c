/* analysis/plan/plan.c -- see plan.h. */
#include "analysis/plan/plan.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/bounds.h"
#include "analysis/interrupt.h"
#include "analysis/plan/inner.h"
#include "analysis/sweep/pool.h"
#include "scenarios/kinds.h"
#include "sim/err.h"

#define WAIT_NS UINT64_C(200000000) /* between looks at Ctrl-C */

static void tell(const struct plan *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void tell(const struct plan *p, const char *format, ...)
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

/* ---- What a class is, and what may be done to it ---- */

static bool may(const struct plan *p, enum scenario_method method)
{
    return (p->config->methods >> method & 1) != 0;
}

/* The most that its line ever carries. */
static uint64_t best_rate(const struct scenario_site *site)
{
    return site->wan.none                 ? SIM_RATE_NONE
           : site->wan.down.exact != NULL ? sim_capacity_peak(site->wan.down.exact)
                                          : site->wan.down_bit_s;
}

static void look_at_phones(const struct plan *p, struct plan_class *c, bool *all_share, bool *tftp)
{
    const struct scenario *s = p->config->scenario;
    bool lan = true;

    *all_share = s->method == SCENARIO_PFS;
    *tftp = false;
    for (size_t i = 0; i < c->site->phones_len; i++) {
        const struct scenario_phones *e = &c->site->phones[i];
        c->shares = c->shares || (s->method == SCENARIO_PFS && e->pfs);
        *all_share = *all_share && e->pfs_share >= 1;
        *tftp = *tftp || scenario_kinds_protocol(s, c->site, e->system) == SIM_PROTOCOL_TFTP;
        lan = lan && e->load_server != NULL && e->load_server[0] != '\0';
    }
    c->is_lan = lan || s->method == SCENARIO_LOAD_SERVER;
}

/* Would a server that the scenario names speak HTTP? */
static bool speaks_http(const struct scenario *s)
{
    for (size_t i = 0; i < s->protocols_len; i++) {
        if (s->protocols[i] == SIM_PROTOCOL_HTTP) {
            return true;
        }
    }
    return s->server_url == NULL || strncmp(s->server_url, "http:", 5) == 0;
}

static void allow(const struct plan *p, struct plan_class *c)
{
    const struct scenario *s = p->config->scenario;
    uint64_t limit = analysis_draft_limit(&p->draft, (size_t)(c - p->classes));
    bool all_share, tftp;

    look_at_phones(p, c, &all_share, &tftp);
    c->allowed = ANALYSIS_MEASURE_SPREAD;
    if (may(p, SCENARIO_PFS) && !all_share && c->closed.phones > 1) {
        c->allowed |= ANALYSIS_MEASURE_PFS;
    }
    if (may(p, SCENARIO_TRADITIONAL) && s->method == SCENARIO_PFS && c->shares) {
        c->allowed |= ANALYSIS_MEASURE_TRADITIONAL;
    }
    if (c->is_lan) {
        return; /* nothing passes its line */
    }
    if (may(p, SCENARIO_LOAD_SERVER) && !c->site->wan.none) {
        c->allowed |= ANALYSIS_MEASURE_LOAD_SERVER;
    }
    if (tftp) {
        c->allowed |= speaks_http(s) ? ANALYSIS_MEASURE_HTTP : 0;
        c->allowed |=
            s->server.block_size < ANALYSIS_MEASURE_BLOCK_SIZE ? ANALYSIS_MEASURE_BLOCK : 0;
        c->allowed |= s->server.window < ANALYSIS_MEASURE_WINDOW_SIZE ? ANALYSIS_MEASURE_WINDOW : 0;
    }
    if (limit > 0 && !c->site->wan.none && limit < best_rate(c->site)) {
        c->allowed |= ANALYSIS_MEASURE_LIMIT;
    }
}

static int make_classes(struct plan *p)
{
    const struct scenario *s = p->config->scenario;

    p->classes = calloc(s->sites_len + 1, sizeof(*p->classes));
    if (p->classes == NULL) {
        return SIM_ENOMEM;
    }
    p->classes_len = s->sites_len;
    for (size_t i = 0; i < s->sites_len; i++) {
        struct plan_class *c = &p->classes[i];
        c->site = &s->sites[i];
        analysis_closed_site(s, c->site, &c->closed);
        allow(p, c);
    }
    return 0;
}

/* ---- In a child: the search for a class alone ---- */

struct lone {
    const struct plan *plan;
    struct plan_class *class;
    size_t index;
    uint64_t runs;
    int status; /* why a run could not be */
};

/* The least that any run takes: one copy over the line where phones share, else one for each that
 * may not fail. */
static sim_duration lone_bound(void *context, const struct analysis_measure *m)
{
    const struct lone *l = context;
    const struct plan_class *c = l->class;
    uint64_t rate = best_rate(c->site);
    bool shares = (m->parts & ANALYSIS_MEASURE_PFS) != 0 ||
                  (c->shares && (m->parts & ANALYSIS_MEASURE_TRADITIONAL) == 0);

    if (c->is_lan || (m->parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0) {
        return 0;
    }
    for (size_t i = 0; i < c->site->phones_len; i++) {
        if (c->site->phones[i].load_server != NULL) {
            return 0; /* some of them: no closed form */
        }
    }
    if ((m->parts & ANALYSIS_MEASURE_LIMIT) != 0) {
        rate = m->limit_bit_s < rate || rate == SIM_RATE_NONE ? m->limit_bit_s : rate;
    }
    uint64_t failures = analysis_draft_failures(&l->plan->draft, l->index);
    return analysis_closed_copies(analysis_closed_least_bytes(&c->closed, shares, failures), 1,
                                  rate);
}

/* The worst of the seeds; the first that misses is enough. */
static int lone_run(void *context, const struct analysis_measure *m, struct analysis_trial *out)
{
    struct lone *l = context;
    const struct analysis_plan *config = l->plan->config;
    char *text = analysis_draft_class(&l->plan->draft, l->index, m);

    if (text == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < config->seeds; i++) {
        struct analysis_trial t;
        cJSON *document;
        l->status = analysis_trial_run(config->program, config->scenario->path, text,
                                       config->scenario->seed + i, &document);
        if (l->status != ANALYSIS_OK) {
            free(text);
            return SIM_ECANCELED;
        }
        l->runs++;
        analysis_trial_read(&t, document, l->class->site->name);
        cJSON_Delete(document);
        if (i == 0 || analysis_trial_is_worse(&t, out)) {
            *out = t;
        }
        if (!t.met) {
            break;
        }
    }
    free(text);
    return 0;
}

/* The parcel of a search; NULL: no memory. */
static char *search_class(const struct plan *p, size_t index)
{
    const struct scenario *s = p->config->scenario;
    struct lone l = {.plan = p, .class = &p->classes[index], .index = index};
    struct analysis_search search = {
        .allowed = l.class->allowed,
        .weights = p->config->weights,
        .spread_now = scenario_site_spread(s, l.class->site),
        .deadline = analysis_draft_deadline(&p->draft, index),
        .limit_bit_s = analysis_draft_limit(&p->draft, index),
        .rejected = l.class->rejected,
        .bound = lone_bound,
        .run = lone_run,
        .context = &l,
    };
    struct analysis_found *found = calloc(1, sizeof(*found));
    cJSON *json = NULL;

    if (found != NULL) {
        int rc = analysis_search_run(&search, found);
        json = rc == 0               ? plan_found_json(found, l.runs)
               : rc == SIM_ECANCELED ? cJSON_CreateNumber(l.status)
                                     : NULL;
    }
    char *text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    free(found);
    return text;
}

/* ---- In a child: all sites, one seed ---- */

static char *run_whole(const struct plan *p, const struct analysis_measure *measures, uint64_t seed)
{
    const struct analysis_plan *config = p->config;
    char *draft = analysis_draft_whole(&p->draft, measures), *text = NULL;
    cJSON *json = NULL, *document = NULL, *classes;
    struct analysis_trial t;

    if (draft == NULL) {
        return NULL;
    }
    int status =
        analysis_trial_run(config->program, config->scenario->path, draft, seed, &document);
    free(draft);
    if (status != ANALYSIS_OK) {
        json = cJSON_CreateNumber(status);
    } else if ((json = cJSON_CreateObject()) != NULL) {
        analysis_trial_read(&t, document, NULL);
        cJSON_AddItemToObject(json, "whole", analysis_trial_json(&t));
        classes = cJSON_AddArrayToObject(json, "classes");
        for (size_t i = 0; i < p->classes_len; i++) {
            analysis_trial_read(&t, document, p->classes[i].site->name);
            cJSON_AddItemToArray(classes, analysis_trial_json(&t));
        }
        cJSON_AddItemToObject(json, "caution",
                              cJSON_DetachItemFromObjectCaseSensitive(document, "caution"));
    }
    cJSON_Delete(document);
    text = json != NULL ? cJSON_PrintUnformatted(json) : NULL;
    cJSON_Delete(json);
    return text;
}

/* ---- Children ---- */

struct batch {
    const struct plan *plan;
    const struct analysis_measure *measures; /* of whole runs; NULL: searches */
    const uint32_t *which;                   /* classes to search */
    uint32_t first;                          /* seed of the first whole run */
    uint32_t len;                            /* classes, or seeds */
};

static char *work(void *context, const struct analysis_job *job)
{
    const struct batch *b = context;

    return b->measures != NULL ? run_whole(b->plan, b->measures,
                                           b->plan->config->scenario->seed + b->first + job->run)
                               : search_class(b->plan, b->which[job->run]);
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

/* Runs all of a batch, side by side; answers[i] is job i's, the caller's. */
static int run_batch(struct plan *p, struct batch *b, cJSON **answers)
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

    if (analysis_trial_parse(json, &t) && (first || analysis_trial_is_worse(&t, to))) {
        *to = t;
    }
}

/* Seeds first..first+len-1; the worst of each class is kept, beside those before. */
static int run_some(struct plan *p, const struct analysis_measure *measures, bool as_it_is,
                    uint32_t first, uint32_t len)
{
    cJSON **answers = calloc(len, sizeof(*answers));
    struct batch b = {.plan = p, .measures = measures, .first = first, .len = len};
    int status = answers == NULL ? ANALYSIS_REFUSED : run_batch(p, &b, answers);

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
        p->runs += len;
        cJSON_Delete(p->cautions);
        p->cautions = cJSON_DetachItemFromObjectCaseSensitive(answers[0], "caution");
    }
    free_answers(answers, len);
    return status;
}

/* All sites with the first two seeds and, when these keep everything, with the others: a miss is
 * known early, two processors are busy, and no answer depends on how many there are. */
static int run_seeds(struct plan *p, const struct analysis_measure *measures, bool as_it_is)
{
    uint32_t seeds = p->config->seeds, some = seeds < 2 ? seeds : 2;
    int status = run_some(p, measures, as_it_is, 0, some);

    if (status == ANALYSIS_OK && seeds > some &&
        (as_it_is ? p->whole_as_it_is.met : p->whole.met)) {
        status = run_some(p, measures, as_it_is, some, seeds - some);
    }
    return status;
}

/* The answer of a search becomes the class's measure: the cheapest, else the nearest. */
static void use_found(struct plan *p, struct plan_class *c, cJSON *found)
{
    const cJSON *runs = cJSON_GetObjectItemCaseSensitive(found, "runs");
    const cJSON *chosen = plan_found_try(found, "chosen");
    const cJSON *use = chosen != NULL ? chosen : plan_found_try(found, "closest");

    cJSON_Delete(c->found);
    c->found = found;
    c->searched = true;
    c->solved = chosen != NULL;
    c->doubled = false;
    p->runs += cJSON_IsNumber(runs) ? (uint64_t)runs->valuedouble : 0;
    if (!analysis_measure_read(cJSON_GetObjectItemCaseSensitive(use, "measure"), &c->measure)) {
        c->measure = (struct analysis_measure){.parts = 0};
    }
}

static int search_all(struct plan *p, const uint32_t *which, uint32_t len)
{
    cJSON **answers = calloc(len + 1, sizeof(*answers));
    struct batch b = {.plan = p, .which = which, .len = len};
    int status = answers == NULL ? ANALYSIS_REFUSED : run_batch(p, &b, answers);

    for (uint32_t i = 0; status == ANALYSIS_OK && i < len; i++) {
        use_found(p, &p->classes[which[i]], answers[i]);
        answers[i] = NULL;
    }
    free_answers(answers, len);
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

static int confirm(struct plan *p)
{
    struct analysis_measure *measures = calloc(p->classes_len + 1, sizeof(*measures));
    uint32_t *which = calloc(p->classes_len + 1, sizeof(*which));
    bool *picked = calloc(p->classes_len + 1, sizeof(*picked));
    int status =
        measures == NULL || which == NULL || picked == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    while (status == ANALYSIS_OK && p->rounds < ANALYSIS_PLAN_ROUNDS_MAX) {
        bool changed;
        for (size_t i = 0; i < p->classes_len; i++) {
            measures[i] = p->classes[i].measure;
        }
        p->rounds++;
        tell(p, "all sites with their measures%s\n", p->rounds > 1 ? ", again" : "");
        status = run_seeds(p, measures, false);
        if (status != ANALYSIS_OK || p->whole.met) {
            break;
        }
        uint32_t len = repair(p, which, picked, &changed);
        if (!changed) {
            break;
        }
        if (len > 0 && p->rounds < ANALYSIS_PLAN_ROUNDS_MAX) {
            tell(p, "beside one another %u class%s need%s more: searching on\n", len,
                 len == 1 ? "" : "es", len == 1 ? "s" : "");
            status = search_all(p, which, len);
        }
    }
    free(measures);
    free(which);
    free(picked);
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
        tell(p, "searching %zu class%s of sites, each alone\n", p->classes_len,
             p->classes_len == 1 ? "" : "es");
        status = search_all(p, which, (uint32_t)p->classes_len);
    }
    free(which);
    return status;
}

static int go(struct plan *p)
{
    struct analysis_measure *none = calloc(p->classes_len + 1, sizeof(*none));
    int status = none == NULL ? ANALYSIS_REFUSED : ANALYSIS_OK;

    if (status == ANALYSIS_OK) {
        tell(p, "all sites as they are\n");
        status = run_seeds(p, none, true);
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
    return status == ANALYSIS_OK ? confirm(p) : status;
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
    } else if (make_classes(&p) != 0) {
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
    cJSON_Delete(p.cautions);
    analysis_draft_deinit(&p.draft);
    return status;
}
