/* analysis/junit.h -- --junit: the verdict as JUnit XML, which every CI system shows.
 *
 * A test suite for each run (compare: each method), and in it a test case for each threshold, one
 * for "all phones upgraded" and one for "the run is valid"; one more fails when the run did not
 * reach its end. There is no standard: the elements and attributes are those that Jenkins, GitLab
 * and GitHub's reporters read (testsuites, testsuite, properties, testcase, failure, error,
 * system-out). Times are those of the run, virtual in a virtual run, so that equal runs give equal
 * bytes. Not here: the verdicts themselves (threshold.h, session.h). */
#ifndef ANALYSIS_JUNIT_H
#define ANALYSIS_JUNIT_H

#include <cjson/cJSON.h>

#include "analysis/output.h"
#include "analysis/program.h"

struct analysis_junit {
    const struct analysis_program *program;
    const char *command;        /* "run" */
    const char *scenario;       /* its file */
    const char *path;           /* of the XML; NULL: not asked for, and nothing is done */
    struct analysis_output *to; /* since it is open */
};

/* Before anything starts: can the file be written? 0, or an exit status, said. */
int analysis_junit_open(struct analysis_junit *j);
/* Writes and publishes the file, also about a run that was refused (no documents) or interrupted.
 * `status` is what the program is about to end with; returns that or a worse one. */
int analysis_junit_close(struct analysis_junit *j, cJSON *const *documents, size_t len, int status);

/* `text` for an attribute or an element: markup is escaped; what XML 1.0 may not hold, and what is
 * no UTF-8, is dropped. */
void analysis_junit_escape(FILE *to, const char *text);

#endif /* ANALYSIS_JUNIT_H */
