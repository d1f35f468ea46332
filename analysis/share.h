/* analysis/share.h -- which share of the sites a run is of: --shard, and what launchers say.
 *
 * Not here: which sites that share has; see scenarios/share.h. */
#ifndef ANALYSIS_SHARE_H
#define ANALYSIS_SHARE_H

#include <stdint.h>

#include "analysis/output.h"

/* "I/N": share I (from 0) of N. "N": of N, and which one is told by the first of these that is set
 * in the environment: JOB_COMPLETION_INDEX (Kubernetes, from 0), SLURM_ARRAY_TASK_ID (Slurm, from
 * SLURM_ARRAY_TASK_MIN in steps of SLURM_ARRAY_TASK_STEP), OMPI_COMM_WORLD_RANK (Open MPI, from 0),
 * PARALLEL_SEQ (GNU parallel, from 1). 0, or SIM_EINVAL with a sentence. */
int analysis_share_parse(const char *text, uint32_t *shard, uint32_t *shards,
                         char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_SHARE_H */
