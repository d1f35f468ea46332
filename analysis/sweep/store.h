/* analysis/sweep/store.h -- the one file of a sweep: what was asked, every run, every figure.
 *
 * DIR/sweep.sqlite, an SQLite database whose tables say in their own comments what they hold. Runs
 * are numbered: seed by seed, within a seed combination by combination, so that more seeds only add
 * numbers. All tables are ordered by key, so what is in them does not depend on the order in which
 * runs ended. There is one writer, this process: a lock on the folder keeps a second sweep out,
 * readers may come at any time. A rollback journal and full synchronisation, no write-ahead log:
 * that needs shared memory, which network file systems don't have. Not here: means (tables.h). */
#ifndef ANALYSIS_SWEEP_STORE_H
#define ANALYSIS_SWEEP_STORE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"
#include "analysis/sweep/grid.h"

#define ANALYSIS_STORE_NAME "sweep.sqlite"

enum {
    ANALYSIS_STORE_FORMAT = 1,
    ANALYSIS_STORE_BUSY_MS = 2000, /* how long another program's lock is waited for: our choice */
};

enum analysis_store_status {
    ANALYSIS_STORE_MISSING, /* not run yet */
    ANALYSIS_STORE_MET,     /* all phones upgraded, all thresholds met */
    ANALYSIS_STORE_MISSED,  /* some phone failed or some threshold was missed */
    ANALYSIS_STORE_INVALID, /* live: the machine fell behind; figures are kept, not counted */
    ANALYSIS_STORE_FAILED,  /* no result: crashed, or the environment refused */
};

struct analysis_store;

struct analysis_store_config {
    const char *dir; /* is there; NULL: kept in memory, gone at the end */
    const struct analysis_grid *grid;
    const char *version;
    uint32_t repeat;            /* seeds of each combination; runs: repeat x grid->len */
    const char *const *metrics; /* asked for by name */
    size_t metrics_len;
    bool fresh; /* drop what is there */
};

/* Opens or makes it. What an earlier sweep of the same question finished is there again; runs that
 * failed, were invalid or have no figures are forgotten, to be run again. 0, or SIM_E* with a
 * sentence: another question, another version, somebody else's database (`fresh` leaves that alone
 * too), locked, no database, no room. */
int analysis_store_open(struct analysis_store **out, const struct analysis_store_config *config,
                        char why[ANALYSIS_WHY_MAX]);
/* What was not committed is dropped. NULL is fine. */
void analysis_store_close(struct analysis_store *s);

uint32_t analysis_store_runs(const struct analysis_store *s);
enum analysis_store_status analysis_store_status(const struct analysis_store *s, uint32_t run);
const char *analysis_store_status_name(enum analysis_store_status status); /* "met" */
/* Run number to its combination and seed. */
size_t analysis_store_combination(const struct analysis_store *s, uint32_t run);
uint64_t analysis_store_seed(const struct analysis_store *s, uint32_t run);

/* Takes in a run's parcel (job.h). 0, or SIM_E* with a sentence; SIM_EPROTO: it is none. */
int analysis_store_put(struct analysis_store *s, uint32_t run, const char *parcel, size_t len,
                       char why[ANALYSIS_WHY_MAX]);
/* To the disk. 0, SIM_EBUSY with a sentence (another program reads just now: commit again later,
 * nothing is lost), or another SIM_E* with a sentence. */
int analysis_store_commit(struct analysis_store *s, char why[ANALYSIS_WHY_MAX]);
/* After trouble that ends the sweep: what was not committed is missing again, so that nobody counts
 * a run that the file does not have. */
void analysis_store_rollback(struct analysis_store *s);

/* A figure of every run, NAN where it has none: values[run]. 0, or SIM_E* with a sentence. */
int analysis_store_values(struct analysis_store *s, const char *name, double *values,
                          char why[ANALYSIS_WHY_MAX]);
/* One threshold in the runs with a result that count, those of one combination or of all. */
struct analysis_store_judged {
    size_t combination;     /* 0 of all */
    const char *expression; /* as the scenario has it; borrowed during the call */
    const char *unit;       /* "s", "B", "bit/s", "share", "" */
    double limit;
    uint32_t runs, missed, valued; /* judged; of them missed; of them with a value */
    double min, max;               /* of the values; NAN: there is none */
};

typedef void (*analysis_store_judge)(void *context, const struct analysis_store_judged *one);

/* Calls `each` for every threshold that was judged: with `apart` by combination, in the scenario's
 * order. Reads every result. 0, or SIM_E* with a sentence. */
int analysis_store_judged(struct analysis_store *s, bool apart, analysis_store_judge each,
                          void *context, char why[ANALYSIS_WHY_MAX]);
/* Why a run failed or missed; "" when nothing was said. free() it; NULL when out of memory. */
char *analysis_store_why(struct analysis_store *s, uint32_t run);

#endif /* ANALYSIS_SWEEP_STORE_H */
