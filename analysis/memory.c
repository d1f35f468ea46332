/* analysis/memory.c -- see memory.h. */
#include "analysis/memory.h"

#include <stdio.h>

#include "analysis/collect.h"
#include "analysis/figures.h"
#include "scenarios/build.h"
#include "sim/live/machine.h"
#include "sim/units.h"

enum {
    BYTES_PROGRAM = 12800000, /* libraries, the scenario, tables, the document: measured */
    BYTES_TREES = 64,         /* of a site's file, at most twice as much room as trees */
};

uint64_t analysis_memory_estimate(const struct analysis_memory *m)
{
    const struct scenario *s = m->scenario;
    struct scenario_share share = scenario_share(s, m->shard, m->shards);
    uint64_t world = scenario_run_memory(s, m->method, m->shard, m->shards);
    uint64_t files = 0;

    for (size_t i = 0; i < s->firmware_len; i++) {
        files += s->firmware[i].files_len + 1;
    }
    world = world > UINT64_MAX / 16 ? UINT64_MAX / 16 : world;
    return BYTES_PROGRAM + m->runs * world + analysis_collect_memory(share.phones, s->sites_total) +
           share.phones * sizeof(uint32_t) + /* the figures' order */
           s->sites_total * (sizeof(struct analysis_site) + 3 * files * BYTES_TREES);
}

/* Do its sites run together although each could run alone? */
static bool is_together(const struct scenario *s)
{
    return s->sites_total > 1 && !scenario_is_apart(s);
}

/* 0: not known. */
static uint64_t limit_of(const struct analysis_memory *m)
{
    return m->limit != 0 ? m->limit : sim_live_memory_available();
}

bool analysis_memory_fits(const struct analysis_memory *m)
{
    uint64_t limit = limit_of(m);

    return limit == 0 || analysis_memory_estimate(m) <= limit;
}

int analysis_memory_check(const struct analysis_memory *m, const struct analysis_program *program,
                          const char *command)
{
    uint64_t limit = limit_of(m);
    uint64_t need = analysis_memory_estimate(m);
    char a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];

    if (limit == 0 || need <= limit) {
        return ANALYSIS_OK;
    }
    return analysis_program_fail(
        program, command, ANALYSIS_REFUSED,
        "refused: the run may take %s of memory, and %s %s; take fewer phones%s%s",
        sim_units_format_size(need, a), sim_units_format_size(limit, b),
        m->limit != 0 ? "are allowed (--max-memory)" : "are left on this machine",
        is_together(m->scenario)
            ? ", or let sites run one after another: they share the server's \"uplink\" or "
              "\"max_transfers\", which may be \"none\""
            : "",
        m->limit != 0 ? ", or allow more" : ", or say --max-memory to try it anyway");
}
