/* analysis/cmd_compare.c -- pfsim compare: the same phones, line and chance once per method. */
#include <stdlib.h>
#include <string.h>

#include "analysis/capture/capture.h"
#include "analysis/comparison.h"
#include "analysis/interrupt.h"
#include "analysis/junit.h"
#include "analysis/report/report.h"
#include "analysis/result.h"
#include "analysis/run_options.h"
#include "analysis/watch/watch.h"

enum { METHODS_MAX = 3 };

static const struct analysis_usage usage = {
    .command = "compare",
    .arguments = "SCENARIO [flags]",
    .does = "Runs a scenario once per method, one after another, with the same phones, lines and "
            "seed,\n"
            "and puts the figures side by side: first method over the others.\n",
    .example = "pfsim compare scenarios/demo.json --methods traditional,pfs,load-server",
};

struct methods {
    enum scenario_method list[METHODS_MAX];
    size_t len;
};

/* "traditional,pfs": 0, or SIM_EINVAL with a sentence. */
static bool parse_methods(const char *text, struct methods *out, char why[ANALYSIS_WHY_MAX])
{
    struct methods m = {.len = 0};

    for (;;) {
        char name[64];
        size_t len = strcspn(text, ",");
        snprintf(name, sizeof(name), "%.*s", (int)(len < 63 ? len : 63), text);
        enum scenario_method method;
        if (!analysis_program_method(name, &method, why)) {
            return false;
        }
        for (size_t i = 0; i < m.len; i++) {
            if (m.list[i] == method) {
                snprintf(why, ANALYSIS_WHY_MAX, "method %s is there twice", name);
                return false;
            }
        }
        m.list[m.len++] = method; /* no duplicates, so there is room */
        if (text[len] == '\0') {
            break;
        }
        text += len + 1;
    }
    *out = m;
    return true;
}

/* What outlives the sessions. */
struct outputs {
    struct analysis_junit junit;
    struct analysis_watch *watch;
};

/* Takes the documents over. */
static int conclude(const struct analysis_program *program,
                    const struct analysis_run_options *options, cJSON *const *documents,
                    size_t documents_len, struct outputs *outputs, int status)
{
    cJSON *document = analysis_result_compare(documents, documents_len);

    if (document == NULL) {
        return analysis_program_worse(
            status, analysis_program_fail(program, "compare", ANALYSIS_REFUSED, "out of memory"));
    }
    status =
        analysis_comparison_tell(program, "compare", document, options->out, options->json, status);
    analysis_watch_compare(outputs->watch, document,
                           status == ANALYSIS_REFUSED ? NULL : options->out);
    status = analysis_junit_close(&outputs->junit, documents, documents_len, status);
    cJSON_Delete(document); /* and the documents in it */
    return status;
}

/* A file of each run's own: the method's name goes into its name. */
static bool name_file(const char **path, enum scenario_method method, char out[ANALYSIS_PATH_MAX])
{
    if (*path == NULL) {
        return true;
    }
    if (!analysis_capture_path(*path, scenario_method_name(method), out)) {
        return false;
    }
    *path = out;
    return true;
}

static int run_all(const struct analysis_program *program,
                   const struct analysis_run_options *options,
                   const struct analysis_session *common, const struct methods *methods,
                   struct outputs *outputs)
{
    cJSON *documents[METHODS_MAX] = {NULL};
    size_t documents_len = 0;
    int status = ANALYSIS_OK;

    for (size_t i = 0; i < methods->len; i++) {
        struct analysis_session session = *common;
        char folder[ANALYSIS_PATH_MAX];
        session.method = methods->list[i];
        if (options->out != NULL) {
            int n = snprintf(folder, sizeof(folder), "%s/%s", options->out,
                             scenario_method_name(session.method));
            if (n < 0 || (size_t)n >= sizeof(folder)) {
                return analysis_program_fail(program, "compare", ANALYSIS_USAGE,
                                             "--out: the name is too long");
            }
            session.out = folder;
        }
        char pcap[ANALYSIS_PATH_MAX], trace[ANALYSIS_PATH_MAX], events[ANALYSIS_PATH_MAX];
        if (!name_file(&session.pcap, session.method, pcap) ||
            !name_file(&session.trace, session.method, trace) ||
            !name_file(&session.events, session.method, events)) {
            return analysis_program_fail(
                program, "compare", ANALYSIS_USAGE,
                "--pcap, --trace, --events: no name of a file, or too long a one");
        }
        cJSON *document = NULL;
        status = analysis_program_worse(status, analysis_session_run(&session, &document));
        if (document != NULL) {
            /* The report of an earlier comparison is none of the files that are there now. */
            char why[ANALYSIS_WHY_MAX];
            if (options->out != NULL && analysis_report_remove(options->out, why) != 0) {
                status = analysis_program_worse(
                    status, analysis_program_fail(program, "compare", ANALYSIS_REFUSED, "%s", why));
            }
            documents[documents_len++] = document;
        }
        /* Refused once is refused again; an interruption is meant for all of it. */
        if (document == NULL || status == ANALYSIS_REFUSED || analysis_interrupt_seen()) {
            break;
        }
    }
    if (documents_len == 0) {
        return status;
    }
    return conclude(program, options, documents, documents_len, outputs, status);
}

/* Everything behind the command line. */
static int go(const struct analysis_program *program, const struct analysis_run_options *options,
              const char *path, const struct methods *methods, struct outputs *outputs)
{
    struct analysis_session session;
    struct scenario *scenario = NULL;

    int status = analysis_run_options_apply(options, program, "compare", path, &scenario, &session);
    if (status == ANALYSIS_OK) {
        status = analysis_watch_open(&outputs->watch, program, "compare", options->listen, true);
    }
    if (status == ANALYSIS_OK) {
        session.watch = outputs->watch;
        status = run_all(program, options, &session, methods, outputs);
    }
    status = analysis_junit_close(&outputs->junit, NULL, 0, status); /* when it is open still */
    analysis_watch_close(outputs->watch);
    scenario_free(scenario);
    return status;
}

int analysis_cmd_compare(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {1, 1, "a scenario file"};
    struct analysis_run_options options;
    struct analysis_command_line line;
    struct analysis_usage full = usage;
    struct outputs outputs = {.watch = NULL};
    struct methods methods;
    char why[ANALYSIS_WHY_MAX];
    int status;

    analysis_run_options_init(&options, true);
    full.statuses = analysis_run_options_statuses();
    if (!analysis_program_parse(program, &full, options.table, &words, argc, argv, &line,
                                &status)) {
        return status;
    }
    if (!parse_methods(options.methods != NULL ? options.methods : "traditional,pfs", &methods,
                       why)) {
        return analysis_program_fail(program, "compare", ANALYSIS_USAGE, "%s", why);
    }
    outputs.junit = (struct analysis_junit){
        .program = program, .command = "compare", .scenario = line.words[0], .path = options.junit};
    status = analysis_junit_open(&outputs.junit);
    return status == ANALYSIS_OK ? go(program, &options, line.words[0], &methods, &outputs)
                                 : status;
}
