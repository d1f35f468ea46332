/* analysis/sweep/serve.c -- a rank that runs what rank 0 sends; see sweep.h. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/interrupt.h"
#include "analysis/sweep/sweep.h"
#include "sim/err.h"
#include "sim/live/clock.h"

#define WAIT (2 * SIM_MS) /* between looks at messages */
/* Rank 0 may be writing to a slow disk, and it alone knows what is to be done: patience. */
#define MASTER_SILENCE (60 * SIM_S)

/* Starts a job that came; one that can't start goes back as failed. False: it is no job, or rank 0
 * can't be reached. */
static bool begin(struct analysis_pool *pool, struct analysis_ranks *ranks, const char *version,
                  const struct analysis_ranks_message *m)
{
    const char *metrics[ANALYSIS_JOB_METRICS_MAX];
    struct analysis_job job;
    char why[ANALYSIS_WHY_MAX] = "more jobs came than this rank has slots";
    cJSON *holder = NULL;

    if (analysis_job_read(&job, metrics, m->text, m->len, &holder) != 0) {
        return false;
    }
    bool same = strcmp(job.version, version) == 0;
    if (!same) {
        snprintf(why, sizeof(why), "rank %u has pfsim %.40s and rank 0 has %.40s: install one",
                 analysis_ranks_number(), version, job.version);
    }
    if (same && analysis_pool_idle(pool) > 0 && analysis_pool_start(pool, &job, holder, why) == 0) {
        return true;
    }
    char *parcel = analysis_job_failed(job.run, ANALYSIS_REFUSED, why);
    bool sent = parcel != NULL &&
                analysis_ranks_send(ranks, 0, ANALYSIS_RANKS_PARCEL, parcel, strlen(parcel));
    free(parcel);
    cJSON_Delete(holder);
    return sent;
}

static bool send_back(struct analysis_pool *pool, struct analysis_ranks *ranks)
{
    uint32_t run;
    char *parcel;
    size_t len;
    bool good = true;

    while (good && analysis_pool_take(pool, &run, &parcel, &len)) {
        good = parcel != NULL && analysis_ranks_send(ranks, 0, ANALYSIS_RANKS_PARCEL, parcel, len);
        free(parcel);
    }
    return good;
}

int analysis_sweep_serve(struct analysis_pool *pool, struct analysis_ranks *ranks,
                         const char *version, bool *lost)
{
    struct analysis_ranks_message m;
    uint64_t heard = sim_live_clock(), next_alive = 0;
    char slots[16];
    bool good = true, stopped = false;

    analysis_interrupt_hold(); /* rank 0 is told */
    snprintf(slots, sizeof(slots), "%u", analysis_pool_idle(pool));
    good = analysis_ranks_send(ranks, 0, ANALYSIS_RANKS_READY, slots, strlen(slots));
    while (good && !stopped && !analysis_interrupt_seen()) {
        uint64_t now = sim_live_clock();
        while (good && !stopped && analysis_ranks_receive(ranks, &m)) {
            heard = now;
            if (m.kind == ANALYSIS_RANKS_JOB) {
                good = begin(pool, ranks, version, &m);
            } else if (m.kind == ANALYSIS_RANKS_STOP) {
                stopped = true;
                *lost = m.len > 0;
            }
            free(m.text);
        }
        good = good && send_back(pool, ranks) && now - heard < MASTER_SILENCE;
        if (good && now >= next_alive) {
            good = analysis_ranks_send(ranks, 0, ANALYSIS_RANKS_LIFE, NULL, 0);
            next_alive = now + ANALYSIS_RANKS_ALIVE;
        }
        if (!stopped) {
            analysis_pool_wait(pool, WAIT);
        }
    }
    if (!stopped) {
        *lost = true;
        return analysis_interrupt_seen() ? ANALYSIS_INTERRUPTED : ANALYSIS_REFUSED;
    }
    return ANALYSIS_OK;
}
