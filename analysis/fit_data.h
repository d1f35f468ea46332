/* analysis/fit_data.h -- figures of a run for comparing it with another one: durations, in sorted
 * series.
 *
 * Of a run that is stored (phones.csv, transfers.csv) or of one that is made for the purpose. A
 * series is what is comparable between runs although chance deals it to other phones: completions
 * of a class of sites, times in which its phones got their configuration, whole files of one name
 * that came from the server. Two runs are compared rank by rank.
 *
 * Not here: what to do with the differences (fit.h, cmd_calibrate.c). */
#ifndef ANALYSIS_FIT_DATA_H
#define ANALYSIS_FIT_DATA_H

#include <stdbool.h>
#include <stddef.h>

#include "analysis/output.h"
#include "scenarios/scenario.h"

enum {
    ANALYSIS_FIT_SERIES_MAX = 4096, /* (our choice) */
    ANALYSIS_FIT_RANKS_MAX = 64,    /* of a series, that are compared (our choice) */
    ANALYSIS_FIT_KEY_MAX = 320,
};

enum analysis_fit_kind {
    ANALYSIS_FIT_COMPLETION, /* start.at to every file verified */
    ANALYSIS_FIT_CONFIG,     /* a phone's start to its configuration read: its boot is in it */
    ANALYSIS_FIT_FILE,       /* a whole firmware file from the server */
};

struct analysis_fit_series {
    enum analysis_fit_kind kind;
    char key[ANALYSIS_FIT_KEY_MAX]; /* class, and the file's name */
    double *values;                 /* seconds; sorted when all are there */
    size_t len, cap;
};

struct analysis_fit_data { /* zero it before first use */
    struct analysis_fit_series *list;
    size_t len, cap, last;
};

/* 0; SIM_ENOMEM; SIM_ELIMIT (too many series). */
int analysis_fit_data_add(struct analysis_fit_data *d, enum analysis_fit_kind kind,
                          const char *class_name, const char *file, double seconds);
/* Sorts every series, and the list by kind and key. */
void analysis_fit_data_sort(struct analysis_fit_data *d);
/* The series of that kind and key, after sorting; NULL. */
const struct analysis_fit_series *analysis_fit_data_find(const struct analysis_fit_data *d,
                                                         enum analysis_fit_kind kind,
                                                         const char *key);
void analysis_fit_data_clear(struct analysis_fit_data *d); /* keeps the list's memory */
void analysis_fit_data_free(struct analysis_fit_data *d);

/* The value at `share` (0..1) of a sorted series that is not empty, straight between ranks. */
double analysis_fit_data_at(const struct analysis_fit_series *s, double share);

/* The run whose files are in `dir`; transfers.csv may be missing, `*has_transfers` says. 0, or
 * SIM_E* with a sentence. Sorted. */
int analysis_fit_data_read(struct analysis_fit_data *d, const char *dir, const struct scenario *s,
                           bool *has_transfers, char why[ANALYSIS_WHY_MAX]);
/* Runs the scenario in virtual time, as it stands. 0, or SIM_E* with a sentence. Sorted. */
int analysis_fit_data_run(struct analysis_fit_data *d, const struct scenario *s,
                          enum scenario_method method, uint64_t seed, char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_FIT_DATA_H */
