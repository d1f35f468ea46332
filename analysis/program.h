/* analysis/program.h -- the program: its commands, its exit statuses.
 *
 * main.c only names the version. Everything a command prints for people or programs goes to
 * `out`; progress, warnings and errors go to `err`. Not here: what the commands do (cmd_*.c). */
#ifndef ANALYSIS_PROGRAM_H
#define ANALYSIS_PROGRAM_H

#include <stdio.h>

#include "analysis/options.h"
#include "scenarios/scenario.h"

/* When several apply: 130, then 3, 4, 1, 0. 2 only before anything was started. */
enum analysis_status {
    ANALYSIS_OK = 0,            /* all phones upgraded, all thresholds met */
    ANALYSIS_MISSED = 1,        /* some phone failed, or some threshold was missed */
    ANALYSIS_USAGE = 2,         /* bad command line or scenario: nothing was started */
    ANALYSIS_REFUSED = 3,       /* the environment refused */
    ANALYSIS_INVALID = 4,       /* the generator fell behind: the run says nothing */
    ANALYSIS_INTERRUPTED = 130, /* partial results were written */
};

struct analysis_program {
    const char *version;
    FILE *out, *err;
};

/* The whole program. Returns the exit status. */
int analysis_main(const struct analysis_program *program, int argc, char **argv);

/* ---- For the commands ---- */

struct analysis_command {
    const char *name;
    const char *arguments; /* "SCENARIO" */
    const char *does;      /* one line for the list */
    /* argv without program and command name. Returns the exit status. */
    int (*run)(const struct analysis_program *program, int argc, char **argv);
    bool until_signal; /* a signal is how it is meant to end, and no interruption */
};

int analysis_cmd_run(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_compare(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_calibrate(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_check(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_doctor(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_content(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_merge(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_report(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_serve(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_sweep(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_plan(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_schema(const struct analysis_program *program, int argc, char **argv);
int analysis_cmd_version(const struct analysis_program *program, int argc, char **argv);

/* What --help of a command says besides its flags. */
struct analysis_usage {
    const char *command;   /* "run" */
    const char *arguments; /* "SCENARIO [flags]" */
    const char *does;      /* paragraphs, as analysis_help_text() takes them */
    const char *statuses;  /* lines "  0    ...", NULL: 0 and 2 only */
    const char *example;   /* a command line */
};

/* Parses; on --help prints it and sets `*status` to 0, on a mistake says so and sets it to 2:
 * either way returns false, and the command is over. `words`: how many words it takes at least
 * and at most. */
struct analysis_words {
    size_t least, most;
    const char *missing; /* "a scenario file" */
};
bool analysis_program_parse(const struct analysis_program *program,
                            const struct analysis_usage *usage,
                            const struct analysis_option *options,
                            const struct analysis_words *words, int argc, char **argv,
                            struct analysis_command_line *line, int *status);
/* "pfsim COMMAND: sentence" on `err`; returns `status`. */
int analysis_program_fail(const struct analysis_program *program, const char *command, int status,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Loads a scenario and checks its thresholds; prints every error. 0 and `*out`, or an exit
 * status. */
int analysis_program_load(const struct analysis_program *program, const char *command,
                          const char *path, const struct analysis_list *sets,
                          struct scenario **out);
/* Flushes `out`: 0, or status 3 with a sentence (a full disk behind a redirection). */
int analysis_program_flush(const struct analysis_program *program, const char *command, int status);
/* "pfs" to its number; false, with a sentence, when there is no such method. */
bool analysis_program_method(const char *name, enum scenario_method *out,
                             char why[ANALYSIS_WHY_MAX]);
/* The more important of two exit statuses. */
int analysis_program_worse(int a, int b);

#endif /* ANALYSIS_PROGRAM_H */
