/* analysis/report/lag.c -- a row for each whole second that has passed. */
#include "analysis/report/lag.h"

#include <stdio.h>
#include <stdlib.h>

#include "sim/err.h"

struct lag {
    struct analysis_observed observed;
    struct analysis_output *to;
    uint32_t second; /* the next to be written */
};

static void write_row(struct lag *l, sim_time until)
{
    analysis_output_seconds(l->to, until);
    analysis_output_print(l->to, ",");
    analysis_output_seconds(l->to, scenario_run_lag_in(l->observed.run, l->second));
    analysis_output_print(l->to, "\n");
    l->second++;
}

static void on_tick(void *context, sim_time now)
{
    struct lag *l = context;

    while (l->second < now / SIM_S) {
        write_row(l, (l->second + 1) * SIM_S);
    }
}

static int on_finish(void *context, const struct analysis_figures *figures, const cJSON *document,
                     char why[ANALYSIS_WHY_MAX])
{
    struct lag *l = context;
    struct analysis_output *to = l->to;
    sim_time ended = figures->facts->ended;

    (void)document;
    on_tick(l, ended);
    if (ended % SIM_S != 0) {
        write_row(l, ended);
    }
    l->to = NULL;
    return analysis_output_commit(to, why);
}

static void on_free(void *context)
{
    struct lag *l = context;

    analysis_output_discard(l->to);
    free(l);
}

int analysis_lag_observe(struct analysis_observer *observer,
                         const struct analysis_observed *observed, char why[ANALYSIS_WHY_MAX])
{
    struct lag *l = calloc(1, sizeof(*l));

    if (l == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    l->observed = *observed;
    int rc = analysis_output_open(&l->to, observed->session->out, "lag.csv", why);
    if (rc != 0) {
        free(l);
        return rc;
    }
    analysis_output_print(l->to, "time_s,loop_lag_max_s\n");
    *observer = (struct analysis_observer){
        .context = l,
        .tick = on_tick,
        .finish = on_finish,
        .free = on_free,
    };
    return 0;
}
