/* tests/accuracy/trial.h -- one run of the whole program over one line, as measurements were made:
 * equal phones that fetch equal files one after another, a new connection a file, all switched on
 * at once. For the programs of this folder. */
#ifndef TESTS_ACCURACY_TRIAL_H
#define TESTS_ACCURACY_TRIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "scenarios/scenario.h"

enum {
    TRIAL_FILES_MAX = 16,
    TRIAL_TEXT_MAX = 240, /* bytes of a sentence with its NUL */
};

struct trial {
    enum scenario_world world;
    enum scenario_network network;
    enum scenario_method method; /* pfs: phone 0 is root at once, nothing is elected */
    bool is_tftp;                /* lock-step, 512 bytes; else HTTP */
    uint32_t phones, files;
    uint64_t file_bytes;
    const uint64_t *sizes; /* of each file; NULL: all are file_bytes */
    double mbit_s, rtt_ms;
    double lan_mbit_s; /* 0: not limited */
    uint32_t queue;    /* packets */
    double loss;       /* 0..1 */
};

struct trial_result {
    double first, mean, last; /* seconds until a phone had all files */
    uint64_t wan_bytes;       /* towards the site */
    uint32_t cautions;        /* sentences that a fluid run would say */
};

/* 0, or a negative number and a sentence: it could not be run, or a phone failed. */
int trial_run(const struct trial *t, uint64_t seed, struct trial_result *out,
              char why[TRIAL_TEXT_MAX]);

/* Of one trial with the seeds 1..seeds. */
struct trial_figure {
    double mean, sd; /* sd: of single runs */
};
struct trial_figures {
    struct trial_figure first, mean, last, spread; /* spread: last - first, run by run */
    unsigned seeds;
    uint32_t cautions;
};
int trial_repeat(const struct trial *t, unsigned seeds, struct trial_figures *out,
                 char why[TRIAL_TEXT_MAX]);

#endif /* TESTS_ACCURACY_TRIAL_H */
