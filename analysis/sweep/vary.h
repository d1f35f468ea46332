/* analysis/sweep/vary.h -- "--vary PATH=VALUES": one key of the scenario and the values that it
 * takes.
 *
 *   PATH=V1,V2,...        a list; commas inside quotes, brackets and braces do not count
 *   PATH=A..B xF          A, A*F, A*F*F, ... up to B (F below 1: down to B)
 *   PATH=A..B +S          A, A+S, A+2S, ... up to B
 *
 * The space may be left out behind a digit. A, B and S are numbers, or quantities of one kind ("384
 * kbit/s..10 Mbit/s x2"); the word "step" may stand before x or +. Values of a list are JSON, or
 * else texts as they stand, exactly as behind
 * --set. Not here: whether the scenario has such a key and likes the values (grid.h). */
#ifndef ANALYSIS_SWEEP_VARY_H
#define ANALYSIS_SWEEP_VARY_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/output.h"

enum { /* our choices */
       ANALYSIS_VARY_VALUES_MAX = 1000,
       ANALYSIS_VARY_TEXT_MAX = 64 * 1024, /* bytes of one --vary */
       ANALYSIS_VARY_LIST_MAX = 4096,      /* bytes of a value that is no single word */
};

struct analysis_vary { /* zero it before first use */
    char *path;        /* "sites[0].wan.rate", as for --set */
    char **values;     /* as behind "--set PATH=" */
    char **labels;     /* for people: a JSON text without its quotes, else the value */
    double *numbers;   /* bit/s, bytes, seconds or plain; NULL: they are not all of one such kind */
    size_t len;
    bool log; /* numbers are better seen on a logarithmic axis */
};

/* 0, SIM_ENOMEM, or SIM_EINVAL with a sentence. */
int analysis_vary_parse(struct analysis_vary *out, const char *text, char why[ANALYSIS_WHY_MAX]);
void analysis_vary_deinit(struct analysis_vary *v);

#endif /* ANALYSIS_SWEEP_VARY_H */
