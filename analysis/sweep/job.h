/* analysis/sweep/job.h -- one run of a sweep: a combination and a seed become one text.
 *
 * A job is all that another process, or another machine, needs to know; the parcel is all that it
 * sends back: the verdict, every figure, the sites, as one JSON object. What differs between equal
 * runs (the time it took, the memory) is left out, so equal jobs give equal parcels:
 *
 *   { "run": 7, "status": 0, "why": "", "document": { the result }, "sites": [ { a site }, ... ],
 *     "figures": { "completion_s.p95": 12.5, ... } }
 *
 * "document", "sites" and "figures" are missing when it did not get that far. Not here: where it
 * runs (pool.h), where it is kept (store.h). */
#ifndef ANALYSIS_SWEEP_JOB_H
#define ANALYSIS_SWEEP_JOB_H

#include <cjson/cJSON.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"

enum {
    ANALYSIS_JOB_METRICS_MAX = 64,   /* asked for by --metric */
    ANALYSIS_JOB_SITES_MAX = 10000,  /* sites of one run that are kept: our choice */
    ANALYSIS_PARCEL_MAX = 256 << 20, /* bytes of a parcel */
};

struct analysis_job {
    uint32_t run;     /* its number in the sweep */
    const char *path; /* of the scenario */
    const char *text; /* the scenario */
    uint64_t seed;
    const char *const *metrics; /* figures beyond those of the document */
    size_t metrics_len;
    const char *keep;    /* folder for the run's own files; NULL: none */
    const char *version; /* of pfsim */
};

/* Runs it in this process, quietly. The parcel, the caller's; NULL when out of memory. */
char *analysis_job_run(const struct analysis_job *job);

/* As a text for another process; NULL when out of memory. free() it. */
char *analysis_job_text(const struct analysis_job *job);
/* And back; its strings live in `*holder`, which the caller deletes after it. 0, or SIM_EPROTO when
 * it is no job. */
int analysis_job_read(struct analysis_job *job, const char **metrics /* ..._METRICS_MAX */,
                      const char *text, size_t len, cJSON **holder);

/* A parcel for a run that left none: "its process ended by signal 9". NULL when out of memory. */
char *analysis_job_failed(uint32_t run, int status, const char *why);

#endif /* ANALYSIS_SWEEP_JOB_H */
