/* analysis/run_options.h -- the flags that `run` and `compare` share, and what they mean for a
 * scenario. */
#ifndef ANALYSIS_RUN_OPTIONS_H
#define ANALYSIS_RUN_OPTIONS_H

#include "analysis/options.h"
#include "analysis/program.h"
#include "analysis/session.h"

struct analysis_run_options {
    const char *world, *method, *methods, *seed, *out, *phone_log, *max_memory;
    const char *shard, *listen, *junit, *pcap, *trace, *events;
    struct analysis_list sets;
    bool json, quiet, verbose, check_determinism;
    struct analysis_option table[ANALYSIS_OPTIONS_MAX];
};

/* Fills the table; `compare` has --methods, `run` has --method. */
void analysis_run_options_init(struct analysis_run_options *o, bool compare);
/* The lines of --help on exit statuses. */
const char *analysis_run_options_statuses(void);
/* Loads the scenario, and fills what all its sessions have in common. 0, or an exit status, said.
 * The caller frees `*scenario` after the sessions. */
int analysis_run_options_apply(const struct analysis_run_options *o,
                               const struct analysis_program *program, const char *command,
                               const char *path, struct scenario **scenario,
                               struct analysis_session *session);

#endif /* ANALYSIS_RUN_OPTIONS_H */
