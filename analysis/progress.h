/* analysis/progress.h -- how far a run is, on standard error: a live line on a terminal, a plain
 * line every 10 s else.
 *
 * Lines of others (faults, failures) go through here too, so that they don't tear the live line.
 * Safe from several threads. Not here: the result. */
#ifndef ANALYSIS_PROGRESS_H
#define ANALYSIS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/collect.h"
#include "sim/time.h"

enum {
    ANALYSIS_PROGRESS_PLAIN_S = 10,  /* seconds between plain lines: our choice */
    ANALYSIS_PROGRESS_LIVE_MS = 100, /* between two drawings of the live line: for eyes */
};

struct analysis_progress;

struct analysis_progress_config {
    FILE *to;
    bool quiet; /* draws nothing; lines of others still pass */
    const struct analysis_collect *collect;
    uint32_t sites, phones;
    const char *method;
    uint64_t configured_bit_s; /* of all lines towards the sites; 0: none */
    sim_time start_at;
    uint64_t clock; /* sim_live_clock() now */
    /* Time is virtual: what is left is guessed from the real time that has passed, and where sites
     * run one after another (`groups` > 1) their share is told instead of an instant. */
    bool is_virtual;
    uint32_t groups;
};

struct analysis_progress *analysis_progress_new(const struct analysis_progress_config *config);
/* Clears the live line. NULL is fine. */
void analysis_progress_free(struct analysis_progress *p);
/* `now`: of the run; `clock`: real time, decides when a plain line is due; `wan_bit_s`: over the
 * last second. */
void analysis_progress_tick(struct analysis_progress *p, sim_time now, uint64_t clock,
                            uint64_t wan_bit_s);
/* Another group of sites has ended. */
void analysis_progress_group_ended(struct analysis_progress *p);
/* A whole line of somebody else to `to`, which may share the terminal with the live line. NULL:
 * just printed. */
void analysis_progress_line(struct analysis_progress *p, FILE *to, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The text of a progress line, for tests: at most `cap` bytes with its NUL. */
void analysis_progress_text(const struct analysis_progress *p, sim_time now, uint64_t clock,
                            uint64_t wan_bit_s, char *out, size_t cap);

#endif /* ANALYSIS_PROGRESS_H */
