/* analysis/plan/classes.c -- what a class of sites is, and what may be done to it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/plan/inner.h"
#include "scenarios/kinds.h"
#include "sim/err.h"

static bool may(const struct plan *p, enum scenario_method method)
{
    return (p->config->methods >> method & 1) != 0;
}

uint64_t plan_best_rate(const struct scenario_site *site)
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

uint64_t plan_limit(const struct plan *p, const struct plan_class *c)
{
    uint64_t least = analysis_draft_limit(&p->draft, (size_t)(c - p->classes));

    for (size_t k = 0; k < p->draft.totals_len; k++) {
        if (strcmp(p->draft.totals[k].metric, "wan.peak_bit_s") == 0 && c->share[k] >= 1 &&
            (least == 0 || c->share[k] < (double)least)) {
            least = (uint64_t)c->share[k];
        }
    }
    return least;
}

void plan_allow(const struct plan *p, struct plan_class *c)
{
    const struct scenario *s = p->config->scenario;
    uint64_t limit = plan_limit(p, c);
    bool all_share, tftp;

    look_at_phones(p, c, &all_share, &tftp);
    c->tftp = tftp && !c->is_lan;
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
    if (limit > 0 && !c->site->wan.none && limit < plan_best_rate(c->site)) {
        c->allowed |= ANALYSIS_MEASURE_LIMIT;
    }
}

int plan_make_classes(struct plan *p)
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
        c->twin = -1;
        analysis_closed_site(s, c->site, &c->closed);
        for (size_t k = 0; k < ANALYSIS_TOTALS_MAX; k++) {
            c->share[k] = (double)NAN;
        }
        plan_allow(p, c);
    }
    return 0;
}

/* ---- Classes that are equal ---- */

/* Needs of one class, each found among those of the other. */
static bool needs_are_in(const struct analysis_draft *d, size_t a, size_t b)
{
    for (size_t i = 0; i < d->needs_len; i++) {
        const struct analysis_need *n = &d->needs[i];
        const char *path = strstr(n->metric, "].");
        bool found = n->site != (int)a;
        for (size_t k = 0; !found && k < d->needs_len; k++) {
            const struct analysis_need *other = &d->needs[k];
            const char *at = strstr(other->metric, "].");
            found = other->site == (int)b && other->alone == n->alone && path != NULL &&
                    at != NULL && strcmp(path, at) == 0 &&
                    strcmp(n->expression, other->expression) == 0;
        }
        if (!found) {
            return false;
        }
    }
    return true;
}

/* Does a fault name the class, or a copy of it? */
static bool has_fault(const struct plan *p, size_t site)
{
    const char *name = p->config->scenario->sites[site].name;
    const cJSON *fault;

    cJSON_ArrayForEach(fault, cJSON_GetObjectItemCaseSensitive(p->draft.root, "faults"))
    {
        const char *at = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(fault, "site"));
        size_t len = strlen(name);
        if (at != NULL && strncmp(at, name, len) == 0 && (at[len] == '\0' || at[len] == '#')) {
            return true;
        }
    }
    return false;
}

static bool sites_are_equal(const struct plan *p, size_t a, size_t b)
{
    static const char *const differ[] = {"name", "count", "note"};
    const cJSON *sites = cJSON_GetObjectItemCaseSensitive(p->draft.root, "sites");
    cJSON *x = cJSON_Duplicate(cJSON_GetArrayItem(sites, (int)a), true);
    cJSON *y = cJSON_Duplicate(cJSON_GetArrayItem(sites, (int)b), true);

    for (size_t i = 0; i < sizeof(differ) / sizeof(differ[0]); i++) {
        cJSON_DeleteItemFromObjectCaseSensitive(x, differ[i]);
        cJSON_DeleteItemFromObjectCaseSensitive(y, differ[i]);
    }
    bool equal = x != NULL && y != NULL && cJSON_Compare(x, y, true) != 0;
    cJSON_Delete(x);
    cJSON_Delete(y);
    return equal;
}

bool plan_are_twins(const struct plan *p, size_t a, size_t b)
{
    const struct plan_class *x = &p->classes[a], *y = &p->classes[b];

    for (size_t k = 0; k < ANALYSIS_TOTALS_MAX; k++) {
        if (!(x->share[k] == y->share[k] || (isnan(x->share[k]) && isnan(y->share[k])))) {
            return false;
        }
    }
    return x->allowed == y->allowed && x->given == y->given &&
           x->site->phones_total == y->site->phones_total &&
           memcmp(x->rejected, y->rejected, sizeof(x->rejected)) == 0 && !has_fault(p, a) &&
           !has_fault(p, b) && needs_are_in(&p->draft, a, b) && needs_are_in(&p->draft, b, a) &&
           sites_are_equal(p, a, b);
}

/* "sites[A].wan.bytes < 5" with another name. */
static void rename_need(cJSON *trial, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(trial, "nearest"));
    const char *rest = text != NULL ? strstr(text, "].") : NULL;
    char renamed[ANALYSIS_TRIAL_TEXT_MAX];

    if (rest != NULL) {
        snprintf(renamed, sizeof(renamed), "sites[%s%s", name, rest);
        cJSON_ReplaceItemInObjectCaseSensitive(trial, "nearest", cJSON_CreateString(renamed));
    }
}

cJSON *plan_found_of_twin(const struct plan *p, size_t of, size_t twin)
{
    cJSON *found = cJSON_Duplicate(p->classes[of].found, true), *t;

    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(found, "tries"))
    {
        rename_need(cJSON_GetObjectItemCaseSensitive(t, "trial"), p->classes[twin].site->name);
    }
    cJSON_DeleteItemFromObjectCaseSensitive(found, "runs");
    cJSON_AddNumberToObject(found, "runs", 0);
    return found;
}
