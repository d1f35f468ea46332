/* analysis/observers.c -- which observers a session has, and telling them in order; see observer.h.
 */
#include "analysis/observer.h"

#include "analysis/capture/capture.h"
#include "analysis/report/lag.h"
#include "analysis/report/phases.h"
#include "analysis/watch/watch.h"
#include "sim/err.h"

int analysis_observers_open(struct analysis_observers *o, const struct analysis_observed *observed,
                            char why[ANALYSIS_WHY_MAX])
{
    const struct analysis_session *session = observed->session;
    int rc = 0;

    why[0] = '\0';
    if (session->out != NULL) {
        rc = analysis_phases_observe(&o->list[o->len], observed, why);
        o->len += rc == 0;
    }
    if (rc == 0 && session->out != NULL && session->world == SCENARIO_LIVE) {
        rc = analysis_lag_observe(&o->list[o->len], observed, why);
        o->len += rc == 0;
    }
    if (rc == 0 && session->events != NULL) {
        rc = analysis_capture_events(&o->list[o->len], observed, session->events, why);
        o->len += rc == 0;
    }
    if (rc == 0 && session->trace != NULL) {
        rc = analysis_capture_trace(&o->list[o->len], observed, session->trace, why);
        o->len += rc == 0;
    }
    if (rc == 0 && session->watch != NULL) {
        rc = analysis_watch_observe(session->watch, observed, &o->list[o->len]);
        o->len += rc == 0;
        if (rc != 0) {
            snprintf(why, ANALYSIS_WHY_MAX, "--listen: %s", sim_err_text(rc));
        }
    }
    return rc;
}

void analysis_observers_record(struct analysis_observers *o, unsigned lane,
                               const struct analysis_phone *phone, const struct sim_record *record)
{
    for (size_t i = 0; i < o->len; i++) {
        if (o->list[i].record != NULL) {
            o->list[i].record(o->list[i].context, lane, phone, record);
        }
    }
}

void analysis_observers_tick(struct analysis_observers *o, sim_time now)
{
    for (size_t i = 0; i < o->len; i++) {
        if (o->list[i].tick != NULL) {
            o->list[i].tick(o->list[i].context, now);
        }
    }
}

void analysis_observers_group_ended(struct analysis_observers *o, uint32_t first, uint32_t len,
                                    sim_time now)
{
    for (size_t i = 0; i < o->len; i++) {
        if (o->list[i].group_ended != NULL) {
            o->list[i].group_ended(o->list[i].context, first, len, now);
        }
    }
}

int analysis_observers_finish(struct analysis_observers *o, const struct analysis_figures *figures,
                              const cJSON *document, char why[ANALYSIS_WHY_MAX])
{
    char other[ANALYSIS_WHY_MAX];
    int result = 0;

    for (size_t i = 0; i < o->len; i++) {
        if (o->list[i].finish != NULL) {
            int rc =
                o->list[i].finish(o->list[i].context, figures, document, result == 0 ? why : other);
            result = result == 0 ? rc : result;
        }
    }
    return result;
}

void analysis_observers_free(struct analysis_observers *o)
{
    for (size_t i = 0; i < o->len; i++) {
        if (o->list[i].free != NULL) {
            o->list[i].free(o->list[i].context);
        }
    }
    o->len = 0;
}
