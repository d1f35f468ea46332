/* analysis/sweep/pool.h -- runs side by side, each in a process of its own.
 *
 * A process a run: whatever happens to it, a crash, the kernel's memory killer, costs that run
 * alone, which is then tried once more. The child works on a copy of this process's memory and puts
 * its parcel (job.h) into an anonymous file that it inherited; nothing blocks and nothing has to be
 * framed. Fork costs half a millisecond, a run of a thousand phones a hundred times that. Not here:
 * which job comes next (sweep.c). */
#ifndef ANALYSIS_SWEEP_POOL_H
#define ANALYSIS_SWEEP_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/sweep/job.h"

struct analysis_pool;

enum { ANALYSIS_POOL_MAX = 256 }; /* processes at once */

/* Processors that this process may use. */
unsigned analysis_pool_processors(void);

/* From here on SIGCHLD is blocked in this thread, and must be in all others: make the pool before
 * there are any. 0 or SIM_ENOMEM. */
int analysis_pool_new(struct analysis_pool **out, unsigned slots);
/* Ends all that still run. NULL is fine. */
void analysis_pool_free(struct analysis_pool *p);

/* Other work than analysis_job_run(), which is what a new pool does: `work` is called in the child
 * and returns the parcel, to be freed; NULL when out of memory. `context` is the child's copy. */
void analysis_pool_set_work(struct analysis_pool *p,
                            char *(*work)(void *context, const struct analysis_job *job),
                            void *context);
unsigned analysis_pool_idle(const struct analysis_pool *p); /* slots without a run */
unsigned analysis_pool_busy(const struct analysis_pool *p);
/* Takes a slot; there is one. The job's strings (not its list of metrics) must live until it is
 * taken back; `holder` (may be NULL) is deleted then. 0, or SIM_E* with a sentence (no process, no
 * file to be had): then the slot stays idle and the holder the caller's. */
int analysis_pool_start(struct analysis_pool *p, const struct analysis_job *job, cJSON *holder,
                        char why[ANALYSIS_WHY_MAX]);
/* One that has ended: the parcel and its length, the caller's. False when none has. A parcel of a
 * run that crashed twice says so (status 3). SIM_ENOMEM shows as a parcel of NULL. */
bool analysis_pool_take(struct analysis_pool *p, uint32_t *run, char **parcel, size_t *len);
/* Until a run has ended or `ns` have passed; a signal may end it early. */
void analysis_pool_wait(struct analysis_pool *p, uint64_t ns);

#endif /* ANALYSIS_SWEEP_POOL_H */
