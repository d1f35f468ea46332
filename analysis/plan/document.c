/* analysis/plan/document.c -- the plan as JSON: for programs, and for print.c. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "analysis/plan/inner.h"
#include "analysis/quantity.h"
#include "sim/units.h"

#include "plan_schema_json.h"

const char *analysis_plan_schema(void)
{
    return (const char *)analysis_plan_schema_bytes;
}

static double seconds(sim_duration d)
{
    return round((double)d / 1e3) / 1e6;
}

static void add_seconds(cJSON *o, const char *key, sim_duration d, bool known)
{
    if (known && d != SIM_NEVER) {
        cJSON_AddNumberToObject(o, key, seconds(d));
    } else {
        cJSON_AddNullToObject(o, key);
    }
}

/* ---- A search ---- */

static cJSON *try_json(const struct analysis_try *t)
{
    cJSON *o = cJSON_CreateObject();
    char text[ANALYSIS_MEASURE_TEXT_MAX];

    cJSON_AddItemToObject(o, "measure", analysis_measure_json(&t->measure));
    cJSON_AddStringToObject(o, "text", analysis_measure_text(&t->measure, text));
    cJSON_AddNumberToObject(o, "cost", t->cost);
    add_seconds(o, "bound_s", t->bound, t->bound > 0);
    cJSON_AddItemToObject(o, "trial", t->ran ? analysis_trial_json(&t->trial) : cJSON_CreateNull());
    cJSON_AddBoolToObject(o, "refused", t->refused);
    if (t->why[0] != '\0') {
        cJSON_AddStringToObject(o, "why", t->why);
    }
    return o;
}

cJSON *plan_found_json(const struct analysis_found *found, uint64_t runs)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *tries = cJSON_AddArrayToObject(o, "tries");

    for (size_t i = 0; i < found->len; i++) {
        cJSON_AddItemToArray(tries, try_json(&found->tries[i]));
    }
    cJSON_AddNumberToObject(o, "chosen", found->chosen);
    cJSON_AddNumberToObject(o, "closest", found->closest);
    cJSON_AddNumberToObject(o, "least", found->least);
    cJSON_AddNumberToObject(o, "as_it_is", found->as_it_is);
    cJSON_AddBoolToObject(o, "not_monotone", found->not_monotone);
    cJSON_AddBoolToObject(o, "full", found->full);
    cJSON_AddNumberToObject(o, "runs", (double)runs);
    return o;
}

const cJSON *plan_found_try(const cJSON *found, const char *which)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(found, which);
    const cJSON *tries = cJSON_GetObjectItemCaseSensitive(found, "tries");

    return cJSON_IsNumber(n) && n->valueint >= 0 ? cJSON_GetArrayItem(tries, n->valueint) : NULL;
}

/* ---- A class ---- */

static cJSON *bounds_json(const struct analysis_closed_site *c)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "copy_bytes", (double)c->copy_bytes);
    cJSON_AddNumberToObject(o, "all_bytes", (double)c->all_bytes);
    add_seconds(o, "one_copy_s", c->one_copy, true);
    add_seconds(o, "all_copies_s", c->all_copies, true);
    add_seconds(o, "tftp_lock_step_s", c->lock_step, true);
    add_seconds(o, "mundinger_s", c->mundinger, true);
    add_seconds(o, "kumar_ross_s", c->kumar_ross, true);
    add_seconds(o, "tree_s", c->tree, true);
    cJSON_AddNumberToObject(o, "tree_depth", c->depth);
    return o;
}

static void note(cJSON *notes, const char *text)
{
    cJSON_AddItemToArray(notes, cJSON_CreateString(text));
}

/* Nothing does: what comes nearest, and whether anything could. */
static void note_of_none(const struct plan *p, const struct plan_class *c, cJSON *notes)
{
    const cJSON *closest = plan_found_try(c->found, "closest");
    const cJSON *least = plan_found_try(c->found, "least");
    cJSON *now = c->measure.parts == c->given && !c->now.met ? analysis_trial_json(&c->now) : NULL;
    const cJSON *trial = now != NULL ? now /* the figures of the table of classes */
                                     : cJSON_GetObjectItemCaseSensitive(closest, "trial");
    const char *what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(closest, "text"));
    const char *misses = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(trial, "nearest"));
    const cJSON *margin = cJSON_GetObjectItemCaseSensitive(trial, "margin");
    char text[400], need[ANALYSIS_QUANTITY_TEXT_MAX], a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];

    if (least != NULL) { /* the class's measure then, see use_found() */
        const char *why = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(least, "why"));
        what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(least, "text"));
        snprintf(text, sizeof(text), "no measure keeps everything; nearest is \"%.100s\": %.200s",
                 what != NULL ? what : "?", why != NULL ? why : "?");
        note(notes, text);
    } else if (what != NULL && misses != NULL && cJSON_IsNumber(margin)) {
        snprintf(
            text, sizeof(text),
            "no measure keeps everything; nearest is \"%.100s\", which misses %.120s by %.0f %%",
            what, analysis_quantity_expression(misses, need), -100 * margin->valuedouble);
        note(notes, text);
    }
    cJSON_Delete(now);
    if (!c->site->wan.none && c->site->wan.down.exact == NULL &&
        c->closed.one_copy > analysis_draft_deadline(&p->draft, (size_t)(c - p->classes))) {
        snprintf(text, sizeof(text), "even one copy takes %s at %s: nothing that uses the line can",
                 sim_units_format_duration(c->closed.one_copy, a),
                 sim_units_format_rate(c->site->wan.down_bit_s, b));
        note(notes, text);
    }
}

/* Sites that fetch by TFTP as planned. */
static uint64_t sites_of_tftp(const struct plan *p)
{
    uint64_t sites = 0;

    for (size_t i = 0; i < p->classes_len; i++) {
        const struct plan_class *c = &p->classes[i];
        if (c->tftp &&
            (c->measure.parts & (ANALYSIS_MEASURE_HTTP | ANALYSIS_MEASURE_LOAD_SERVER)) == 0) {
            sites += c->site->count;
        }
    }
    return sites;
}

static void add_notes(const struct plan *p, const struct plan_class *c, cJSON *o)
{
    cJSON *notes = cJSON_AddArrayToObject(o, "notes");
    char text[400], a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];

    if ((c->measure.parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0) {
        snprintf(text, sizeof(text),
                 "the load server's own copy (%s) takes %s of the line beforehand",
                 sim_units_format_size(c->closed.copy_bytes, a),
                 sim_units_format_duration(c->closed.one_copy, b));
        note(notes, text);
    }
    if ((c->measure.parts & ~c->given & (ANALYSIS_MEASURE_BLOCK | ANALYSIS_MEASURE_WINDOW)) != 0) {
        snprintf(
            text, sizeof(text),
            "TFTP's block size and window are settings of the server, not of a site: they hold "
            "for all sites that fetch by TFTP (%" PRIu64 "), and did in the runs of all sites",
            sites_of_tftp(p));
        note(notes, text);
    }
    if (c->mixed) {
        note(notes, "its measure was found with all sites, in a mix that is cheaper than what each "
                    "class takes by its own search");
    }
    if (c->doubled) {
        note(notes, "alone a shorter start would do; beside the other sites it takes this one");
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->found, "not_monotone"))) {
        note(notes, "a longer start does not always do better here: the one chosen was tried, but "
                    "one a little longer may miss");
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(c->found, "full"))) {
        snprintf(text, sizeof(text), "the search ended after %d tries", ANALYSIS_SEARCH_TRIES_MAX);
        note(notes, text);
    }
    if (c->searched && !c->solved) {
        note_of_none(p, c, notes);
    }
}

static bool does(const cJSON *try)
{
    return !cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(try, "refused")) &&
           cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(
               cJSON_GetObjectItemCaseSensitive(try, "trial"), "met"));
}

/* Of several tries of one set that do, the shortest start. */
static bool is_shortest(const cJSON *tries, const cJSON *one)
{
    struct analysis_measure m, other;
    const cJSON *t;

    if (!analysis_measure_read(cJSON_GetObjectItemCaseSensitive(one, "measure"), &m)) {
        return false;
    }
    cJSON_ArrayForEach(t, tries)
    {
        if (t != one && does(t) &&
            analysis_measure_read(cJSON_GetObjectItemCaseSensitive(t, "measure"), &other) &&
            other.parts == m.parts && other.spread < m.spread) {
            return false;
        }
    }
    return true;
}

static void add_alternatives(const struct plan_class *c, cJSON *o)
{
    const cJSON *tries = cJSON_GetObjectItemCaseSensitive(c->found, "tries"), *t;
    cJSON *list = cJSON_AddArrayToObject(o, "alternatives");

    cJSON_ArrayForEach(t, tries)
    {
        struct analysis_measure m;
        if (does(t) && analysis_measure_read(cJSON_GetObjectItemCaseSensitive(t, "measure"), &m) &&
            m.parts != c->measure.parts && is_shortest(tries, t)) {
            cJSON_AddItemToArray(list, cJSON_Duplicate(t, true));
        }
    }
}

static cJSON *parts_json(unsigned parts)
{
    struct analysis_measure m = {.parts = parts};
    cJSON *json = analysis_measure_json(&m);
    cJSON *list = cJSON_DetachItemFromObjectCaseSensitive(json, "parts");

    cJSON_Delete(json);
    return list;
}

static cJSON *class_json(const struct plan *p, const struct plan_class *c)
{
    const struct scenario *s = p->config->scenario;
    cJSON *o = cJSON_CreateObject();
    char text[ANALYSIS_MEASURE_TEXT_MAX];

    cJSON_AddStringToObject(o, "name", c->site->name);
    cJSON_AddNumberToObject(o, "copies", c->site->count);
    cJSON_AddNumberToObject(o, "phones", c->site->phones_total);
    if (c->site->wan.none) {
        cJSON_AddNullToObject(o, "wan_bit_s");
    } else {
        cJSON_AddNumberToObject(o, "wan_bit_s", (double)c->site->wan.down_bit_s);
    }
    add_seconds(o, "rtt_s", c->site->wan.rtt, !c->site->wan.none);
    cJSON_AddStringToObject(o, "method",
                            c->is_lan   ? "load-server"
                            : c->shares ? "pfs"
                                        : scenario_method_name(SCENARIO_TRADITIONAL));
    add_seconds(o, "spread_s", scenario_site_spread(s, c->site), true);
    cJSON_AddItemToObject(o, "as_it_is", analysis_trial_json(&c->as_it_is));
    cJSON_AddBoolToObject(o, "solved", c->solved);
    cJSON_AddItemToObject(o, "measure", analysis_measure_json(&c->measure));
    cJSON_AddStringToObject(o, "text", analysis_measure_text(&c->measure, text));
    cJSON_AddNumberToObject(
        o, "cost", analysis_measure_cost(&p->config->weights, c->measure.parts & ~c->given));
    cJSON_AddItemToObject(o, "given", parts_json(c->measure.parts & c->given));
    cJSON_AddItemToObject(o, "trial", analysis_trial_json(&c->now));
    add_alternatives(c, o);
    cJSON_AddItemToObject(o, "bounds", bounds_json(&c->closed));
    add_notes(p, c, o);
    if (c->twin >= 0) {
        cJSON_AddStringToObject(o, "same_as", p->classes[c->twin].site->name);
    }
    const cJSON *tries = cJSON_GetObjectItemCaseSensitive(c->found, "tries");
    cJSON_AddItemToObject(o, "tried",
                          tries != NULL ? cJSON_Duplicate(tries, true) : cJSON_CreateArray());
    return o;
}

/* ---- The plan ---- */

static void add_needs(const struct plan *p, cJSON *o)
{
    cJSON *needs = cJSON_AddArrayToObject(o, "needs");
    char text[sizeof(p->draft.needs[0].metric) + sizeof(p->draft.needs[0].expression)];

    for (size_t i = 0; i < p->draft.needs_len; i++) {
        const struct analysis_need *n = &p->draft.needs[i];
        snprintf(text, sizeof(text), "%s %s", n->metric, n->expression);
        cJSON_AddItemToArray(needs, cJSON_CreateString(text));
    }
}

static void add_or_null(cJSON *o, const char *key, double value)
{
    if (isnan(value)) {
        cJSON_AddNullToObject(o, key);
    } else {
        cJSON_AddNumberToObject(o, key, value);
    }
}

/* Limits of the whole that classes add up to, and what each class has of them. */
static void add_totals(const struct plan *p, cJSON *o)
{
    cJSON *list = cJSON_AddArrayToObject(o, "totals");

    for (size_t k = 0; k < p->draft.totals_len; k++) {
        const struct analysis_total *t = &p->draft.totals[k];
        cJSON *total = cJSON_CreateObject(), *classes;
        cJSON_AddStringToObject(total, "metric", t->metric);
        cJSON_AddStringToObject(total, "op", t->op);
        cJSON_AddNumberToObject(total, "limit", t->limit);
        add_or_null(total, "as_it_is", p->whole_as_it_is.totals[k]);
        add_or_null(total, "planned", p->whole.totals[k]);
        classes = cJSON_AddArrayToObject(total, "classes");
        for (size_t i = 0; i < p->classes_len; i++) {
            const struct plan_class *c = &p->classes[i];
            cJSON *part = cJSON_CreateObject();
            double planned = c->now.totals[k];
            cJSON_AddStringToObject(part, "name", c->site->name);
            add_or_null(part, "as_it_is", c->as_it_is.totals[k]);
            add_or_null(part, "planned", isnan(planned) ? plan_contribution(p, i, k) : planned);
            cJSON_AddItemToArray(classes, part);
        }
        cJSON_AddItemToArray(list, total);
    }
}

/* All sites as they are with another setting of the server. */
static cJSON *setting_json(const struct plan *p, const struct analysis_setting *setting,
                           const cJSON *whole)
{
    const cJSON *one = cJSON_GetObjectItemCaseSensitive(whole, "classes")->child;
    cJSON *o = cJSON_CreateObject(), *fits;
    struct analysis_trial t;
    char key[64];
    double missing = 0;

    snprintf(key, sizeof(key), "server.%s", setting->key);
    cJSON_AddStringToObject(o, "key", key);
    cJSON_AddStringToObject(o, "value", setting->value);
    fits = cJSON_AddArrayToObject(o, "fits");
    for (size_t i = 0; i < p->classes_len && one != NULL; i++, one = one->next) {
        bool known = analysis_trial_parse(one, &t);
        missing += known && !isnan(t.sites_missing) ? t.sites_missing : 0;
        if (known && t.met) {
            cJSON_AddItemToArray(fits, cJSON_CreateString(p->classes[i].site->name));
        }
    }
    cJSON_AddNumberToObject(o, "sites_missing", missing);
    cJSON_AddItemToObject(
        o, "peak_transfers",
        cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(whole, "peak_transfers"), true));
    cJSON_AddItemToObject(o, "trial",
                          cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(whole, "whole"), true));
    return o;
}

/* Where the server turned phones away: its limit, and who fits without. */
static void add_server_limit(const struct plan *p, cJSON *o)
{
    if (p->servers[0] == NULL) {
        cJSON_AddNullToObject(o, "server_limit");
        return;
    }
    cJSON *limit = cJSON_AddObjectToObject(o, "server_limit");
    cJSON_AddNumberToObject(limit, "max_transfers", p->config->scenario->server.max_transfers);
    cJSON_AddNumberToObject(limit, "refused", p->whole_as_it_is.refused);
    cJSON *settings = cJSON_AddArrayToObject(limit, "settings");
    for (size_t i = 0; i < PLAN_SETTINGS; i++) {
        cJSON_AddItemToArray(settings, setting_json(p, &plan_server_settings[i], p->servers[i]));
    }
}

cJSON *plan_document(const struct plan *p, bool met)
{
    const struct scenario *s = p->config->scenario;
    cJSON *o = cJSON_CreateObject();
    cJSON *classes;
    unsigned changed = 0, tries = 0;

    cJSON_AddStringToObject(o, "pfsim", p->config->program->version);
    cJSON_AddStringToObject(o, "scenario", s->name);
    cJSON_AddStringToObject(o, "method", scenario_method_name(s->method));
    cJSON_AddStringToObject(o, "network", s->network == SCENARIO_PACKET ? "packet" : "fluid");
    cJSON_AddNumberToObject(o, "sites", s->sites_total);
    cJSON_AddNumberToObject(o, "phones", s->phones_total);
    cJSON_AddNumberToObject(o, "seeds", p->config->seeds);
    cJSON_AddNumberToObject(o, "confirmed", met ? p->confirmed : 0);
    add_needs(p, o);
    cJSON_AddBoolToObject(o, "fits_as_it_is", p->whole_as_it_is.met);
    cJSON_AddBoolToObject(o, "found", met);
    cJSON_AddItemToObject(o, "as_it_is", analysis_trial_json(&p->whole_as_it_is));
    cJSON_AddItemToObject(o, "planned", analysis_trial_json(&p->whole));
    add_server_limit(p, o);
    add_totals(p, o);
    classes = cJSON_AddArrayToObject(o, "classes");
    for (size_t i = 0; i < p->classes_len; i++) {
        const cJSON *found = p->classes[i].found;
        tries +=
            p->classes[i].twin >= 0
                ? 0U
                : (unsigned)cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(found, "tries"));
        changed += p->classes[i].measure.parts != 0;
        cJSON_AddItemToArray(classes, class_json(p, &p->classes[i]));
    }
    cJSON_AddNumberToObject(o, "changed", changed);
    cJSON_AddItemToObject(o, "caution",
                          p->cautions != NULL ? cJSON_Duplicate(p->cautions, true)
                                              : cJSON_CreateArray());
    cJSON_AddNumberToObject(o, "rounds", p->rounds);
    cJSON_AddNumberToObject(o, "mixes", p->mixes);
    cJSON_AddNumberToObject(o, "tries", tries);
    cJSON_AddNumberToObject(o, "runs", (double)p->runs);
    cJSON *budget = cJSON_AddObjectToObject(o, "budget");
    cJSON_AddNumberToObject(budget, "tries_of_a_class", ANALYSIS_SEARCH_TRIES_MAX);
    cJSON_AddNumberToObject(budget, "rounds", ANALYSIS_PLAN_ROUNDS_MAX);
    return o;
}
