/* analysis/watch/watch.c -- see watch.h. State changes on the session's thread under the server's
 * lock; the server's thread only reads it, under the same. */
#include "analysis/watch/watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/page.h"
#include "analysis/report/view.h"
#include "analysis/result.h"
#include "analysis/watch/history.h"
#include "analysis/watch/metrics.h"
#include "analysis/watch/pile.h"
#include "analysis/watch/sample.h"
#include "sim/err.h"
#include "sim/live/clock.h"
#include "sim/server/watch.h"

enum {
    EVENTS_MS = 50, /* real time between two samples that are sent: virtual runs are quick */
    LOOKS_MS = 250, /* between two looks at a run whose sites run one after another */
    CLOSE_S = 2,    /* that clients have to take the end */
    RUNS_MAX = 8,   /* whose curves are kept for a comparison: there are fewer methods */
};

struct analysis_watch {
    struct sim_server_watch *server;
    const struct analysis_program *program;
    const struct analysis_observed *run; /* NULL: none is observed now */
    struct analysis_observed observed;
    struct analysis_watch_names names;
    bool has_sample;
    struct analysis_watch_sample sample;
    struct analysis_watch_history history; /* sites one after another: the pile's, as of `sample` */
    struct analysis_watch_pile pile;
    uint32_t sites, groups_ended;
    uint32_t done_before, failed_before; /* phones of the groups that have ended */
    sim_time start_at;
    uint64_t began, looked, sent; /* clock */
    cJSON *scenario;              /* as it ran */
    bool many;                    /* runs, with a comparison at the end */
    cJSON *ended[RUNS_MAX];       /* RUN (view.h) of those; many only */
    size_t ended_len;
    char *end;    /* the event "end"; NULL: not yet */
    char *result; /* text; NULL: none has ended */
};

/* ---- Views ---- */

static void add_empty(cJSON *to, const char *const *names, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        cJSON_AddArrayToObject(to, names[i]);
    }
}

/* What a run that is not over can't have. */
static void add_later(cJSON *run, uint32_t phones)
{
    static const char *const gantt_lists[] = {"names", "files", "sites", "models"};
    static const char *const phone_lists[] = {"phone", "site", "model", "outcome"};
    static const char *const bar_lists[] = {"phone", "phase", "from", "to", "file"};
    static const char *const later[] = {"classes", "models", "files", "failures"};
    cJSON *gantt = cJSON_AddObjectToObject(run, "gantt");
    cJSON *trees = cJSON_AddObjectToObject(run, "trees");

    cJSON_AddNumberToObject(gantt, "of", phones);
    cJSON_AddStringToObject(gantt, "how", "Not while the run goes on.");
    add_empty(gantt, gantt_lists, sizeof(gantt_lists) / sizeof(gantt_lists[0]));
    add_empty(cJSON_AddObjectToObject(gantt, "phones"), phone_lists,
              sizeof(phone_lists) / sizeof(phone_lists[0]));
    add_empty(cJSON_AddObjectToObject(gantt, "bars"), bar_lists,
              sizeof(bar_lists) / sizeof(bar_lists[0]));
    cJSON_AddNumberToObject(trees, "of", 0);
    cJSON_AddStringToObject(trees, "how", "Not while the run goes on.");
    add_empty(trees, (const char *const[]){"list"}, 1);
    add_empty(run, later, sizeof(later) / sizeof(later[0]));
}

/* The head of a result, for a run that has none yet. */
static cJSON *result_so_far(const struct analysis_watch *w)
{
    const struct analysis_watch_sample *s = &w->sample;
    cJSON *o = cJSON_CreateObject();
    cJSON *phones = cJSON_AddObjectToObject(o, "phones");

    cJSON_AddStringToObject(o, "pfsim", w->names.version);
    cJSON_AddStringToObject(o, "scenario", w->names.scenario);
    cJSON_AddStringToObject(o, "world", w->names.world);
    cJSON_AddStringToObject(o, "method", w->names.method);
    cJSON_AddNumberToObject(o, "seed", (double)w->names.seed);
    cJSON_AddNumberToObject(phones, "total", s->phones);
    cJSON_AddNumberToObject(phones, "upgraded", s->outcomes[SIM_OUTCOME_UPGRADED]);
    cJSON_AddNumberToObject(phones, "failed", s->outcomes[SIM_OUTCOME_FAILED]);
    cJSON_AddNumberToObject(phones, "current", s->outcomes[SIM_OUTCOME_CURRENT]);
    return o;
}

/* How far a run is beside its curves. */
static void add_place(const struct analysis_watch *w, cJSON *to)
{
    const struct analysis_watch_sample *s = &w->sample;
    cJSON *held = cJSON_AddObjectToObject(to, "held");

    /* A phone that crashed takes its files again. */
    cJSON_AddNumberToObject(
        held, "files", (double)(s->files_held < s->files_wanted ? s->files_held : s->files_wanted));
    cJSON_AddNumberToObject(held, "of", (double)s->files_wanted);
    if (s->groups > 1) {
        cJSON *groups = cJSON_AddObjectToObject(to, "groups");
        cJSON_AddNumberToObject(groups, "ended", s->groups_ended);
        cJSON_AddNumberToObject(groups, "of", s->groups);
        cJSON_AddNumberToObject(groups, "wan_bytes", (double)s->sum.wan_bytes);
    }
}

static void add_curves(const struct analysis_watch *w, cJSON *to)
{
    uint32_t current = w->sample.outcomes[SIM_OUTCOME_CURRENT];

    analysis_watch_history_show(&w->history, to, w->start_at, w->sample.phones - current,
                                w->names.configured_bit_s, w->sites);
}

/* The run so far, or with its result (taken over). */
static cJSON *view_of(const struct analysis_watch *w, cJSON *result)
{
    char sentence[ANALYSIS_WATCH_SENTENCE_MAX];
    cJSON *view = cJSON_CreateObject();
    cJSON *runs = cJSON_AddArrayToObject(view, "runs"), *run = cJSON_CreateObject();
    cJSON *verdict = result != NULL ? analysis_view_verdict(result) : cJSON_CreateObject();
    const char *missing = "Timeline, trees and files need the run's files: --out keeps them.";

    cJSON_AddItemToArray(runs, run);
    cJSON_AddNumberToObject(view, "format", ANALYSIS_VIEW_FORMAT);
    cJSON_AddStringToObject(view, "kind", "run");
    cJSON_AddStringToObject(view, "title", w->names.scenario);
    cJSON_AddItemToObject(view, "scenario", cJSON_Duplicate(w->scenario, true));
    cJSON *versions = cJSON_AddObjectToObject(view, "versions");
    cJSON_AddStringToObject(versions, "pfsim", w->names.version);
    cJSON_AddStringToObject(run, "label", w->names.method);
    cJSON_AddStringToObject(run, "method", w->names.method);
    if (result == NULL) {
        analysis_watch_sample_sentence(&w->sample, w->names.configured_bit_s, sentence);
        cJSON_AddStringToObject(verdict, "status", "running");
        cJSON_AddStringToObject(verdict, "sentence", sentence);
        missing = w->sample.groups > 1 ? "The sites run one after another: the curves are those of "
                                         "the sites so far, and grow with each."
                                       : NULL;
    }
    cJSON_AddItemToObject(run, "verdict", verdict);
    cJSON_AddItemToObject(run, "result", result != NULL ? result : result_so_far(w));
    cJSON_AddNumberToObject(run, "start_at_s", sim_time_seconds(w->start_at));
    add_curves(w, run);
    add_later(run, w->sample.phones);
    add_place(w, run);
    cJSON *list = cJSON_AddArrayToObject(run, "missing");
    if (missing != NULL) {
        cJSON_AddItemToArray(list, cJSON_CreateString(missing));
    }
    return view;
}

/* "event: NAME\ndata: {...}\n\n" of a document, which is taken over; NULL when out of memory. */
static char *event_of(const char *name, cJSON *document)
{
    char *json = document != NULL ? cJSON_PrintUnformatted(document) : NULL; /* without newlines */
    char *text = NULL;

    if (json != NULL && asprintf(&text, "event: %s\ndata: %s\n\n", name, json) < 0) {
        text = NULL;
    }
    cJSON_free(json);
    cJSON_Delete(document);
    return text;
}

/* With the lock held. */
static void send_event(struct analysis_watch *w, const char *text)
{
    if (text != NULL) {
        sim_server_watch_send(w->server, text, strlen(text));
    }
}

/* ---- Documents, on the server's thread with the lock held ---- */

static char *make_events(void *context, size_t *len, unsigned *status)
{
    struct analysis_watch *w = context;
    char *text;

    (void)status;
    if (w->names.scenario == NULL) {
        text = strdup(": no run yet\n\n"); /* a comment: the connection is there */
    } else if (w->end != NULL) {
        text = strdup(w->end);
    } else {
        text = event_of("start", view_of(w, NULL));
    }
    *len = text != NULL ? strlen(text) : 0;
    return text;
}

static char *make_metrics(void *context, size_t *len, unsigned *status)
{
    struct analysis_watch *w = context;

    (void)status;
    if (w->names.is_running) {
        w->names.wall = sim_live_clock() - w->began;
    }
    return analysis_watch_metrics(&w->names, w->has_sample ? &w->sample : NULL, len);
}

static char *make_result(void *context, size_t *len, unsigned *status)
{
    struct analysis_watch *w = context;
    char *text = strdup(w->result != NULL ? w->result : "{\"error\": \"the run goes on\"}\n");

    *status = w->result != NULL ? 200 : 503;
    *len = text != NULL ? strlen(text) : 0;
    return text;
}

/* ---- The run, on the session's thread ---- */

/* What the group that runs has come to. */
static void add_to_pile(struct analysis_watch *w, sim_time now, bool has_ended)
{
    struct analysis_watch_group group = {.done = 0};
    uint32_t first, len, outcomes[4];

    scenario_run_group(w->run->run, &first, &len);
    for (uint32_t site = first; site - first < len; site++) {
        uint32_t phases[SIM_PHASES_LEN];
        struct sim_site_stats stats;
        scenario_run_line_stats(w->run->run, site, &stats);
        group.bytes[0] += stats.wan_bytes + (has_ended ? stats.wan_behind : 0);
        group.bytes[1] += stats.wan_up_bytes + (has_ended ? stats.wan_up_behind : 0);
        group.bytes[2] += stats.lan_payload_bytes;
        analysis_collect_phases(w->run->collect, site, phases);
        for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
            group.phases[i] += phases[i];
        }
    }
    analysis_collect_outcomes(w->run->collect, outcomes);
    group.done = outcomes[SIM_OUTCOME_UPGRADED] - w->done_before;
    group.failed = outcomes[SIM_OUTCOME_FAILED] - w->failed_before;
    sim_server_watch_lock(w->server);
    analysis_watch_pile_add(&w->pile, now, &group);
    sim_server_watch_unlock(w->server);
}

static cJSON *sample_event(const struct analysis_watch *w,
                           const struct analysis_watch_moment *moment)
{
    char sentence[ANALYSIS_WATCH_SENTENCE_MAX];

    analysis_watch_sample_sentence(&w->sample, w->names.configured_bit_s, sentence);
    cJSON *event = analysis_watch_history_event(moment, sentence);
    if (event != NULL) {
        add_place(w, event);
    }
    if (event != NULL && w->sample.groups > 1) {
        add_curves(w, cJSON_AddObjectToObject(event, "curves"));
    }
    return event;
}

static void look(struct analysis_watch *w, sim_time now)
{
    struct analysis_watch_sample sample;
    uint64_t clock = sim_live_clock();
    bool in_groups = w->run->groups > 1;

    if (in_groups ? w->has_sample && clock - w->looked < LOOKS_MS * SIM_MS
                  : w->has_sample && now / SIM_S == w->sample.at / SIM_S) {
        return;
    }
    w->looked = clock;
    analysis_watch_sample_take(&sample, w->run, now, w->groups_ended,
                               w->has_sample ? &w->sample : NULL);
    struct analysis_watch_moment moment = analysis_watch_history_moment(&sample);
    sim_server_watch_lock(w->server);
    w->sample = sample;
    w->has_sample = true;
    if (in_groups) {
        analysis_watch_pile_history(&w->pile, &w->history);
    } else {
        analysis_watch_history_add(&w->history, &moment);
    }
    if (sim_server_watch_streams(w->server) > 0 && clock - w->sent >= EVENTS_MS * SIM_MS) {
        char *text = event_of("sample", sample_event(w, &moment));
        send_event(w, text);
        free(text);
        w->sent = clock;
    }
    sim_server_watch_unlock(w->server);
}

static void on_tick(void *context, sim_time now)
{
    struct analysis_watch *w = context;

    if (w->run->groups > 1) {
        add_to_pile(w, now, false);
    }
    look(w, now);
}

static void on_group_ended(void *context, uint32_t first, uint32_t len, sim_time now)
{
    struct analysis_watch *w = context;
    uint32_t outcomes[4];

    (void)first;
    (void)len;
    w->groups_ended++;
    if (w->run->groups > 1) {
        add_to_pile(w, now, true);
        analysis_collect_outcomes(w->run->collect, outcomes);
        w->done_before = outcomes[SIM_OUTCOME_UPGRADED];
        w->failed_before = outcomes[SIM_OUTCOME_FAILED];
        sim_server_watch_lock(w->server);
        analysis_watch_pile_end(&w->pile);
        sim_server_watch_unlock(w->server);
    }
    look(w, now);
}

/* The view of the files where there are some, else of what was seen. */
static cJSON *final_view(struct analysis_watch *w, const cJSON *document)
{
    const char *out = w->run->session->out;
    char why[ANALYSIS_WHY_MAX];
    cJSON *view = NULL;

    if (out != NULL && analysis_view_read(&view, out, why) == 0) {
        return view;
    }
    return view_of(w, cJSON_Duplicate(document, true));
}

static void send_end(struct analysis_watch *w, cJSON *view)
{
    char *end = event_of("end", view);

    sim_server_watch_lock(w->server);
    free(w->end);
    w->end = end;
    send_event(w, end);
    sim_server_watch_unlock(w->server);
}

static int on_finish(void *context, const struct analysis_figures *figures, const cJSON *document,
                     char why[ANALYSIS_WHY_MAX])
{
    struct analysis_watch *w = context;
    struct analysis_watch_sample sample;

    (void)why;
    analysis_watch_sample_take(&sample, w->run, figures->facts->ended, w->groups_ended,
                               w->has_sample ? &w->sample : NULL);
    if (w->has_sample && sample.at / SIM_S == w->sample.at / SIM_S) {
        sample.down_bit_s = w->sample.down_bit_s; /* not of a mere instant */
        sample.up_bit_s = w->sample.up_bit_s;
        sample.lan_bit_s = w->sample.lan_bit_s;
    }
    char *result = analysis_result_text(document);
    sim_server_watch_lock(w->server);
    w->sample = sample;
    w->has_sample = true;
    if (sample.groups > 1) {
        analysis_watch_pile_history(&w->pile, &w->history);
    }
    w->names.is_running = false;
    w->names.wall = figures->facts->wall;
    free(w->result);
    w->result = result;
    sim_server_watch_unlock(w->server);
    /* Reading the files takes a moment, in which only this thread changes anything. */
    cJSON *view = final_view(w, document);
    if (!w->many) {
        send_end(w, view);
        return 0; /* a page that misses its end is no reason to call a run refused */
    }
    cJSON *run = cJSON_DetachItemFromArray(cJSON_GetObjectItemCaseSensitive(view, "runs"), 0);
    cJSON_Delete(view);
    if (run != NULL && w->ended_len < RUNS_MAX) {
        w->ended[w->ended_len++] = run;
    } else {
        cJSON_Delete(run);
    }
    return 0;
}

void analysis_watch_compare(struct analysis_watch *w, const cJSON *document, const char *out)
{
    static const char *const ratios[] = {"ratio", "ratios"};
    char why[ANALYSIS_WHY_MAX];
    cJSON *view = NULL;

    if (w == NULL || w->names.scenario == NULL) {
        return;
    }
    if (out == NULL || analysis_view_read(&view, out, why) != 0) {
        view = view_of(w, NULL);
        cJSON *runs = cJSON_CreateArray(), *compare = cJSON_CreateObject();
        for (size_t i = 0; i < w->ended_len; i++) {
            cJSON_AddItemToArray(runs, w->ended[i]);
        }
        w->ended_len = 0;
        for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++) {
            const cJSON *ratio = cJSON_GetObjectItemCaseSensitive(document, ratios[i]);
            if (ratio != NULL) {
                cJSON_AddItemToObject(compare, ratios[i], cJSON_Duplicate(ratio, true));
            }
        }
        cJSON_ReplaceItemInObjectCaseSensitive(view, "runs", runs);
        cJSON_ReplaceItemInObjectCaseSensitive(view, "kind", cJSON_CreateString("compare"));
        cJSON_AddItemToObject(view, "compare", compare);
    }
    char *result = analysis_result_text(document);
    sim_server_watch_lock(w->server);
    free(w->result);
    w->result = result;
    sim_server_watch_unlock(w->server);
    send_end(w, view);
}

static void on_free(void *context)
{
    struct analysis_watch *w = context;

    sim_server_watch_lock(w->server);
    w->run = NULL;
    w->names.is_running = false; /* also when it never came to an end */
    sim_server_watch_unlock(w->server);
}

static uint64_t configured_rate(const struct analysis_observed *run)
{
    struct scenario_share share = scenario_run_share(run->run);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < share.len; i++) {
        const struct sim_site_setup *setup = scenario_run_site(run->run, share.first + i);
        sum += setup->wan.none ? 0 : setup->wan.down_bit_s;
    }
    return sum;
}

int analysis_watch_observe(struct analysis_watch *w, const struct analysis_observed *run,
                           struct analysis_observer *out)
{
    const struct analysis_session *session = run->session;
    cJSON *scenario = cJSON_Parse(session->scenario->text);

    if (scenario == NULL) {
        return SIM_ENOMEM;
    }
    sim_server_watch_lock(w->server);
    w->observed = *run;
    w->run = &w->observed;
    w->names = (struct analysis_watch_names){
        .version = session->program->version,
        .scenario = session->scenario->name,
        .method = scenario_method_name(session->method),
        .world = scenario_world_name(session->world),
        .seed = session->seed,
        .configured_bit_s = configured_rate(run),
        .is_running = true,
    };
    w->has_sample = false;
    struct scenario_share share = scenario_run_share(run->run);
    w->sample = (struct analysis_watch_sample){.phones = share.phones, .groups = run->groups};
    memset(&w->history, 0, sizeof(w->history));
    memset(&w->pile, 0, sizeof(w->pile));
    w->done_before = w->failed_before = 0;
    w->sites = share.len;
    w->groups_ended = 0;
    w->start_at = session->scenario->start_at;
    w->began = sim_live_clock();
    w->looked = w->sent = 0;
    cJSON_Delete(w->scenario);
    w->scenario = scenario;
    free(w->end);
    w->end = NULL;
    char *start = event_of("start", view_of(w, NULL));
    send_event(w, start);
    free(start);
    sim_server_watch_unlock(w->server);
    *out = (struct analysis_observer){
        .context = w,
        .tick = on_tick,
        .group_ended = on_group_ended,
        .finish = on_finish,
        .free = on_free,
    };
    return 0;
}

/* ---- The server ---- */

bool analysis_watch_parse(const char *text, sim_addr *addr, uint16_t *port,
                          char why[ANALYSIS_WHY_MAX])
{
    const char *colon = strrchr(text, ':');
    char host[64];
    uint64_t number;
    size_t len = colon != NULL ? (size_t)(colon - text) : 0;

    if (colon != NULL && len > 0 && len < sizeof(host)) {
        memcpy(host, text, len);
        host[len] = '\0';
        const char *name = strcmp(host, "localhost") == 0 ? "127.0.0.1" : host;
        if (sim_addr_parse(name, addr) == 0 &&
            analysis_options_number(colon + 1, UINT16_MAX, &number) == 0) {
            *port = (uint16_t)number;
            return true;
        }
    }
    snprintf(why, ANALYSIS_WHY_MAX,
             "--listen %.60s: expected an address of this machine and a port, like 127.0.0.1:8080; "
             "port 0 takes a free one",
             text);
    return false;
}

/* What to do about a listener that could not start: only some reasons go away with the port. */
static const char *advice(int rc)
{
    if (rc == SIM_EUNREACHABLE) {
        return "; choose another address";
    }
    return rc == SIM_EADDRINUSE || rc == SIM_EACCES ? "; choose another port, or 0 for a free one"
                                                    : "";
}

int analysis_watch_open(struct analysis_watch **out, const struct analysis_program *program,
                        const char *command, const char *listen, bool many)
{
    struct sim_server_watch_config config = {.port = 0};
    char why[ANALYSIS_WHY_MAX], sentence[SIM_SERVER_TEXT_MAX], addr[SIM_ADDR_TEXT_MAX];
    size_t page_len;

    *out = NULL;
    if (listen == NULL) {
        return ANALYSIS_OK;
    }
    if (!analysis_watch_parse(listen, &config.addr, &config.port, why)) {
        return analysis_program_fail(program, command, ANALYSIS_USAGE, "%s", why);
    }
    struct analysis_watch *w = calloc(1, sizeof(*w));
    if (w == NULL) {
        return analysis_program_fail(program, command, ANALYSIS_REFUSED, "out of memory");
    }
    w->program = program;
    w->many = many;
    w->names.version = program->version;
    const char *page = analysis_page_live(&page_len);
    const struct sim_server_watch_document documents[] = {
        {.path = "/", .type = "text/html; charset=utf-8", .bytes = page, .len = page_len},
        {.path = "/events", .type = "text/event-stream", .is_stream = true, .make = make_events},
        {.path = "/metrics", .type = ANALYSIS_WATCH_METRICS_TYPE, .make = make_metrics},
        {.path = "/result", .type = "application/json", .make = make_result, .may_wait = true},
    };
    memcpy(config.documents, documents, sizeof(documents));
    config.documents_len = sizeof(documents) / sizeof(documents[0]);
    config.context = w;
    int rc = sim_server_watch_start(&w->server, &config, sentence);
    if (rc != 0) {
        free(w);
        return analysis_program_fail(program, command, ANALYSIS_REFUSED, "--listen: %s%s", sentence,
                                     advice(rc));
    }
    sim_addr_format(config.addr, addr);
    fprintf(program->err, "watch it at http://%s:%u/ (figures for Prometheus at /metrics)\n",
            config.addr == 0 ? "127.0.0.1" : addr, sim_server_watch_port(w->server));
    fflush(program->err);
    *out = w;
    return ANALYSIS_OK;
}

void analysis_watch_close(struct analysis_watch *w)
{
    if (w == NULL) {
        return;
    }
    assert(w->run == NULL);
    sim_server_watch_stop(w->server, CLOSE_S * SIM_S);
    for (size_t i = 0; i < w->ended_len; i++) {
        cJSON_Delete(w->ended[i]);
    }
    cJSON_Delete(w->scenario);
    free(w->end);
    free(w->result);
    free(w);
}
