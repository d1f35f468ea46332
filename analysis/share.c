/* analysis/share.c -- see share.h. */
#include "analysis/share.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/options.h"
#include "scenarios/share.h"
#include "sim/err.h"

/* Of a variable; `otherwise` when it is not set or no number. */
static uint64_t variable(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value;

    return text != NULL && analysis_options_number(text, UINT32_MAX, &value) == 0 ? value
                                                                                  : otherwise;
}

/* From the launcher. */
static int find_index(uint64_t shards, uint64_t *out, char why[ANALYSIS_WHY_MAX])
{
    static const char *const names[] = {"JOB_COMPLETION_INDEX", "SLURM_ARRAY_TASK_ID",
                                        "OMPI_COMM_WORLD_RANK", "PARALLEL_SEQ"};
    enum { SLURM = 1, PARALLEL = 3, LEN = 4 };
    uint64_t value = 0, first = 0, step = 1;
    size_t i = 0;

    while (i < LEN && getenv(names[i]) == NULL) {
        i++;
    }
    if (i == LEN) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "--shard %llu: which share this is, is said neither here (I/%llu, from 0) nor in "
                 "the environment (%s, %s, %s, %s)",
                 (unsigned long long)shards, (unsigned long long)shards, names[0], names[1],
                 names[2], names[3]);
        return SIM_EINVAL;
    }
    if (i == SLURM) {
        first = variable("SLURM_ARRAY_TASK_MIN", 0);
        step = variable("SLURM_ARRAY_TASK_STEP", 1);
        step = step > 0 ? step : 1;
    } else if (i == PARALLEL) {
        first = 1;
    }
    const char *text = getenv(names[i]);
    bool good = analysis_options_number(text, UINT32_MAX, &value) == 0 && value >= first &&
                (value - first) % step == 0 && (value - first) / step < shards;
    if (!good) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "--shard %llu: %s is \"%.40s\"; expected a number from %llu to %llu%s",
                 (unsigned long long)shards, names[i], text, (unsigned long long)first,
                 (unsigned long long)(first + (shards - 1) * step),
                 step > 1 ? " in steps of SLURM_ARRAY_TASK_STEP" : "");
        return SIM_EINVAL;
    }
    *out = (value - first) / step;
    return 0;
}

int analysis_share_parse(const char *text, uint32_t *shard, uint32_t *shards,
                         char why[ANALYSIS_WHY_MAX])
{
    const char *slash = strchr(text, '/');
    const char *of = slash != NULL ? slash + 1 : text;
    char first[16] = "";
    uint64_t index = 0, len = 0;

    if (slash != NULL) {
        snprintf(first, sizeof(first), "%.*s", slash - text < 15 ? (int)(slash - text) : 15, text);
    }
    if (analysis_options_number(of, SCENARIO_SHARES_MAX, &len) != 0 || len == 0 ||
        (slash != NULL && analysis_options_number(first, SCENARIO_SHARES_MAX, &index) != 0)) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "--shard %.60s: expected I/N, like 0/4 for the first of four shares, or N alone "
                 "when a launcher numbers its jobs",
                 text);
        return SIM_EINVAL;
    }
    if (slash == NULL) {
        int rc = find_index(len, &index, why);
        if (rc != 0) {
            return rc;
        }
    } else if (index >= len) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "--shard %.60s: shares count from 0, so the last of %llu is %llu/%llu", text,
                 (unsigned long long)len, (unsigned long long)(len - 1), (unsigned long long)len);
        return SIM_EINVAL;
    }
    *shard = (uint32_t)index;
    *shards = (uint32_t)len;
    return 0;
}
