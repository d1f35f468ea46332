/* analysis/watch/history.c -- see history.h. */
#include "analysis/watch/history.h"

#include <math.h>
#include <string.h>

#include "analysis/series.h"

struct analysis_watch_moment
analysis_watch_history_moment(const struct analysis_watch_sample *sample)
{
    struct analysis_watch_moment m = {
        .at = sample->at,
        .down_bit_s = sample->down_bit_s,
        .up_bit_s = sample->up_bit_s,
        .lan_bit_s = sample->lan_bit_s,
        .lag = sample->has_lag ? sample->lag_worst : SIM_NEVER,
        .done = sample->outcomes[SIM_OUTCOME_UPGRADED],
        .failed = sample->outcomes[SIM_OUTCOME_FAILED],
    };

    memcpy(m.phases, sample->phases, sizeof(m.phases));
    return m;
}

static uint64_t mean(uint64_t a, sim_duration a_span, uint64_t b, sim_duration b_span)
{
    sim_duration span = a_span + b_span;
    return span == 0
               ? b
               : (uint64_t)(((unsigned __int128)a * a_span + (unsigned __int128)b * b_span) / span);
}

/* `later` takes the place of `m` and itself; `from` is where `m` began. */
static void join(struct analysis_watch_moment *m, sim_time from,
                 const struct analysis_watch_moment *later)
{
    sim_duration a = m->at - from, b = later->at - m->at;
    struct analysis_watch_moment joined = *later;

    joined.down_bit_s = mean(m->down_bit_s, a, later->down_bit_s, b);
    joined.up_bit_s = mean(m->up_bit_s, a, later->up_bit_s, b);
    joined.lan_bit_s = mean(m->lan_bit_s, a, later->lan_bit_s, b);
    if (later->lag != SIM_NEVER && m->lag != SIM_NEVER && m->lag > later->lag) {
        joined.lag = m->lag; /* the worst since the moment before */
    }
    *m = joined;
}

static sim_time before(const struct analysis_watch_history *h, size_t i)
{
    return i == 0 ? 0 : h->moments[i - 1].at;
}

/* Every two become one. */
static void thin_out(struct analysis_watch_history *h)
{
    size_t len = 0;
    sim_time from = 0;

    for (size_t i = 0; i < h->len; i += 2) {
        struct analysis_watch_moment m = h->moments[i];
        if (i + 1 < h->len) {
            join(&m, from, &h->moments[i + 1]);
        }
        from = m.at;
        h->moments[len++] = m;
    }
    h->len = len;
}

void analysis_watch_history_add(struct analysis_watch_history *h,
                                const struct analysis_watch_moment *moment)
{
    h->stride = h->stride == 0 ? 1 : h->stride;
    if (h->len > 0 && h->pending < h->stride) {
        join(&h->moments[h->len - 1], before(h, h->len - 1), moment);
        h->pending++;
        return;
    }
    if (h->len == ANALYSIS_VIEW_POINTS) {
        thin_out(h);
        h->stride *= 2;
    }
    h->moments[h->len++] = *moment;
    h->pending = 1;
}

static double seconds(sim_duration ns)
{
    return round((double)ns / 1e3) / 1e6;
}

static cJSON *add_list(cJSON *to, const char *name)
{
    return cJSON_AddArrayToObject(to, name);
}

static void push(cJSON *list, double value)
{
    cJSON_AddItemToArray(list, cJSON_CreateNumber(value));
}

static void show_completion(const struct analysis_watch_history *h, cJSON *run, sim_time start_at,
                            uint32_t of)
{
    cJSON *completion = cJSON_AddObjectToObject(run, "completion");
    cJSON *t = add_list(completion, "t"), *done = add_list(completion, "done");
    uint32_t last = UINT32_MAX;

    cJSON_AddNumberToObject(completion, "of", of);
    for (size_t i = 0; i < h->len; i++) {
        const struct analysis_watch_moment *m = &h->moments[i];
        if (m->done != last && m->at >= start_at) { /* a step a point */
            push(t, seconds(m->at - start_at));
            push(done, m->done);
            last = m->done;
        }
    }
}

static void show_wan(const struct analysis_watch_history *h, cJSON *run, uint64_t configured_bit_s,
                     uint32_t sites)
{
    cJSON *wan = cJSON_AddObjectToObject(run, "wan");
    cJSON *t = add_list(wan, "t"), *down = add_list(wan, "down"), *up = add_list(wan, "up");
    cJSON *lan = add_list(wan, "lan");

    for (size_t i = 0; i < h->len; i++) {
        const struct analysis_watch_moment *m = &h->moments[i];
        push(t, seconds(m->at));
        push(down, (double)m->down_bit_s);
        push(up, (double)m->up_bit_s);
        push(lan, (double)m->lan_bit_s);
    }
    if (configured_bit_s > 0) {
        cJSON_AddNumberToObject(wan, "configured_bit_s", (double)configured_bit_s);
    } else {
        cJSON_AddNullToObject(wan, "configured_bit_s");
    }
    cJSON_AddNumberToObject(wan, "sites", sites);
    cJSON_AddNullToObject(wan, "busiest");
}

static void show_states(const struct analysis_watch_history *h, cJSON *run)
{
    cJSON *states = cJSON_AddObjectToObject(run, "states");
    cJSON *t = add_list(states, "t"), *names = add_list(states, "names");
    cJSON *counts = add_list(states, "counts");

    for (size_t i = 0; i < h->len; i++) {
        push(t, seconds(h->moments[i].at));
    }
    for (unsigned phase = 0; phase < SIM_PHASES_LEN; phase++) {
        cJSON *row = cJSON_CreateArray();
        cJSON_AddItemToArray(names,
                             cJSON_CreateString(analysis_series_phase((enum sim_phase)phase)));
        for (size_t i = 0; i < h->len; i++) {
            push(row, h->moments[i].phases[phase]);
        }
        cJSON_AddItemToArray(counts, row);
    }
}

static void show_lag(const struct analysis_watch_history *h, cJSON *run)
{
    if (h->len == 0 || h->moments[0].lag == SIM_NEVER) {
        cJSON_AddNullToObject(run, "lag");
        return;
    }
    cJSON *lag = cJSON_AddObjectToObject(run, "lag");
    cJSON *t = add_list(lag, "t"), *s = add_list(lag, "s");
    for (size_t i = 0; i < h->len; i++) {
        push(t, seconds(h->moments[i].at));
        push(s, seconds(h->moments[i].lag));
    }
}

void analysis_watch_history_show(const struct analysis_watch_history *h, cJSON *run,
                                 sim_time start_at, uint32_t of, uint64_t configured_bit_s,
                                 uint32_t sites)
{
    show_completion(h, run, start_at, of);
    show_wan(h, run, configured_bit_s, sites);
    show_states(h, run);
    show_lag(h, run);
}

cJSON *analysis_watch_history_event(const struct analysis_watch_moment *m, const char *sentence)
{
    cJSON *o = cJSON_CreateObject();

    if (o == NULL) {
        return NULL;
    }
    cJSON_AddNumberToObject(o, "t", seconds(m->at));
    cJSON_AddNumberToObject(o, "down", (double)m->down_bit_s);
    cJSON_AddNumberToObject(o, "up", (double)m->up_bit_s);
    cJSON_AddNumberToObject(o, "lan", (double)m->lan_bit_s);
    cJSON *states = add_list(o, "states");
    for (unsigned phase = 0; phase < SIM_PHASES_LEN; phase++) {
        push(states, m->phases[phase]);
    }
    cJSON_AddNumberToObject(o, "done", m->done);
    cJSON_AddNumberToObject(o, "failed", m->failed);
    if (m->lag != SIM_NEVER) {
        cJSON_AddNumberToObject(o, "lag", seconds(m->lag));
    } else {
        cJSON_AddNullToObject(o, "lag");
    }
    cJSON_AddStringToObject(o, "sentence", sentence);
    return o;
}
