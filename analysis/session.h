/* analysis/session.h -- one run of one method: from a loaded scenario to a result document and
 * files.
 *
 * Everything between: the machine is checked, the world built, records collected, progress shown,
 * the first Ctrl-C obeyed, thresholds judged. `run` has one session, `compare` one a method. Not
 * here: flags (cmd_run.c), wording (summary.c). */
#ifndef ANALYSIS_SESSION_H
#define ANALYSIS_SESSION_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "analysis/figures.h"
#include "analysis/program.h"
#include "scenarios/scenario.h"
#include "sim/addr.h"

struct analysis_watch;

struct analysis_session {
    const struct analysis_program *program;
    const char *command; /* for messages */
    const struct scenario *scenario;
    enum scenario_world world;
    enum scenario_method method;
    uint64_t seed;
    const char *out; /* folder for the files, made when it is missing; NULL: none */
    bool quiet, verbose;
    bool no_abort;          /* thresholds are judged at the end only, whatever they say */
    bool check_determinism; /* virtual: beside a second run that must be its equal */
    uint64_t max_memory;    /* bytes that a run may take; 0: what the machine has left */
    unsigned threads;       /* virtual, at most; 0: as the scenario says, or one a core */
    bool has_phone_log;
    sim_addr phone_log; /* a phone of the scenario */
    FILE *phone_log_to;
    /* --shard I/N: of the sites only share `shard` (0..shards-1); shards 0: all of them. */
    uint32_t shard, shards;
    struct analysis_watch *watch; /* --listen: is told of the run; NULL: nobody is */
    /* Of the flags with these names; NULL: not asked for. `compare` puts the method's name into
     * those of files: "x.pcapng" becomes "x.pfs.pcapng". */
    const char *pcap, *trace, *events;
    /* Told of the figures when the run has ended and its thresholds are judged; NULL: nobody. */
    void (*figures)(void *context, const struct analysis_figures *figures, const cJSON *document);
    void *figures_context;
};

/* Runs it. Returns an exit status; `*document` is set (and the caller's) whenever the run began,
 * also when it was interrupted or could not write its files; else it is NULL. Problems are told
 * on program->err. */
int analysis_session_run(const struct analysis_session *session, cJSON **document);

/* The exit status that the figures deserve: 0, 1 or 4. `all_met`: the thresholds. */
int analysis_session_judge(const struct analysis_figures *f, bool all_met);

#endif /* ANALYSIS_SESSION_H */
