/* analysis/program.c -- finds the command; what all share: usage, loading, messages. */
#include "analysis/program.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "analysis/help.h"
#include "analysis/interrupt.h"
#include "analysis/threshold.h"
#include "sim/err.h"

/* In the order of the README. */
static const struct analysis_command commands[] = {
    {"run", "SCENARIO", "run it once, with the scenario's method", analysis_cmd_run, false},
    {"compare", "SCENARIO", "the same phones, line and chance once per method, side by side",
     analysis_cmd_compare, false},
    {"sweep", "SCENARIO [--vary ...]", "every combination of some keys' values, with several seeds",
     analysis_cmd_sweep, false},
    {"plan", "SCENARIO",
     "the cheapest that makes every class of sites fit: method, start, protocol", analysis_cmd_plan,
     false},
    {"check", "SCENARIO", "validate a scenario, run nothing", analysis_cmd_check, false},
    {"doctor", "SCENARIO", "can this machine run it live? what is short, and what mends it",
     analysis_cmd_doctor, false},
    {"content", "SCENARIO --out DIR", "write the files of a scenario, for a real server to serve",
     analysis_cmd_content, false},
    {"serve", "DIR", "the provisioning server alone: HTTP(S) and TFTP", analysis_cmd_serve, true},
    {"merge", "RESULT... [--out DIR]", "one result out of those of all shares (run --shard)",
     analysis_cmd_merge, false},
    {"calibrate", "RESULT", "fit the fluid network's constants to a run that was measured",
     analysis_cmd_calibrate, false},
    {"report", "RESULT... [-o FILE]", "the HTML report of a result, or of several",
     analysis_cmd_report, false},
    {"schema", "[result|plan]", "JSON Schema of a scenario, of a result or of a plan",
     analysis_cmd_schema, false},
    {"version", "", "versions of pfsim and of every library in use", analysis_cmd_version, false},
};

enum {
    COMMANDS = sizeof(commands) / sizeof(commands[0]),
    HELP_COLUMN = 31, /* where it says what a command does */
};

static void print_commands(FILE *to)
{
    fprintf(to, "pfsim: thousands of virtual IP phones take new firmware over a thin line.\n\n"
                "usage: pfsim COMMAND ...\n\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        char left[64];
        snprintf(left, sizeof(left), "%s %s", commands[i].name, commands[i].arguments);
        analysis_help_row(to, left, HELP_COLUMN, commands[i].does);
    }
    fprintf(to, "\npfsim COMMAND --help tells more.\n\n"
                "exit status: 0 all phones upgraded and thresholds met; 1 some phone failed or a\n"
                "threshold was missed; 2 bad command line or scenario; 3 the environment refused;\n"
                "4 the machine was too slow, so this live run is invalid; 130 interrupted\n\n"
                "first try: pfsim compare scenarios/demo.json\n");
}

static int unknown_command(const struct analysis_program *program, const char *name)
{
    const char *names[COMMANDS + 1] = {NULL};

    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    const char *near = analysis_options_nearest(name, names);
    if (near != NULL) {
        fprintf(program->err, "pfsim: unknown command %.60s; did you mean %s?\n", name, near);
    } else {
        fprintf(program->err, "pfsim: unknown command %.60s; pfsim --help lists them\n", name);
    }
    return ANALYSIS_USAGE;
}

int analysis_main(const struct analysis_program *program, int argc, char **argv)
{
    if (argc < 2) {
        print_commands(program->err);
        return ANALYSIS_USAGE;
    }
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_commands(program->out);
        return analysis_program_flush(program, "help", ANALYSIS_OK);
    }
    if (strcmp(name, "--version") == 0) {
        name = "version";
    }
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) != 0) {
            continue;
        }
        analysis_interrupt_install();
        int status = commands[i].run(program, argc - 2, argv + 2);
        /* One that came when all was done still says "no more" to a script that runs several. */
        return analysis_interrupt_seen() && !commands[i].until_signal ? ANALYSIS_INTERRUPTED
                                                                      : status;
    }
    return unknown_command(program, name);
}

/* ---- For the commands ---- */

static void print_usage_line(const struct analysis_usage *usage, FILE *to)
{
    fprintf(to, "usage: pfsim %s%s%s", usage->command, usage->arguments[0] != '\0' ? " " : "",
            usage->arguments);
}

static void print_usage(const struct analysis_usage *usage, const struct analysis_option *options,
                        FILE *to)
{
    print_usage_line(usage, to);
    fputs("\n\n", to);
    analysis_help_text(to, usage->does);
    fputs("\nflags:\n", to);
    analysis_options_help(options, to);
    fputs("\nexit status:\n", to);
    analysis_help_text(to, usage->statuses != NULL
                               ? usage->statuses
                               : "  0    done\n  2    bad command line or scenario\n");
    fputs("\nexample:\n", to);
    analysis_help_command(to, usage->example);
}

bool analysis_program_parse(const struct analysis_program *program,
                            const struct analysis_usage *usage,
                            const struct analysis_option *options,
                            const struct analysis_words *words, int argc, char **argv,
                            struct analysis_command_line *line, int *status)
{
    char why[ANALYSIS_WHY_MAX];

    if (analysis_options_parse(options, argc, argv, line, why) != 0) {
        analysis_program_fail(program, usage->command, ANALYSIS_USAGE, "%s", why);
    } else if (line->help) {
        print_usage(usage, options, program->out);
        *status = analysis_program_flush(program, usage->command, ANALYSIS_OK);
        return false;
    } else if (line->words_len < words->least) {
        analysis_program_fail(program, usage->command, ANALYSIS_USAGE, "%s is missing",
                              words->missing);
    } else if (line->words_len > words->most) {
        analysis_program_fail(program, usage->command, ANALYSIS_USAGE, "one word too many: %.60s",
                              line->words[words->most]);
    } else {
        return true;
    }
    print_usage_line(usage, program->err);
    fprintf(program->err, "; pfsim %s --help tells more\n", usage->command);
    *status = ANALYSIS_USAGE;
    return false;
}

int analysis_program_fail(const struct analysis_program *program, const char *command, int status,
                          const char *format, ...)
{
    char text[2048];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    for (char *c = text; *c != '\0'; c++) { /* text from files and servers moves no cursor */
        *c = (*c >= 0 && *c < ' ' && *c != '\n') || *c == 0x7f ? '?' : *c;
    }
    fprintf(program->err, "pfsim %s: %s\n", command, text);
    return status;
}

int analysis_program_load(const struct analysis_program *program, const char *command,
                          const char *path, const struct analysis_list *sets, struct scenario **out)
{
    struct scenario_errors errors = {.list = NULL};
    struct scenario *s = NULL;
    char why[ANALYSIS_WHY_MAX];
    int status = ANALYSIS_OK;

    int rc = scenario_load(path, sets != NULL ? sets->items : NULL, sets != NULL ? sets->len : 0,
                           &s, &errors);
    if (rc != 0) {
        scenario_errors_print(&errors, path, program->err);
        if (errors.len == 0) {
            analysis_program_fail(program, command, ANALYSIS_USAGE, "%s: %s", path,
                                  sim_err_text(rc));
        }
        scenario_errors_free(&errors);
        return rc == SIM_ENOMEM ? ANALYSIS_REFUSED : ANALYSIS_USAGE;
    }
    scenario_errors_free(&errors);
    for (size_t i = 0; i < s->thresholds_len; i++) {
        if (analysis_threshold_check(s, s->thresholds[i].metric, why) != 0) {
            status = analysis_program_fail(program, command, ANALYSIS_USAGE, "%s: %s", path, why);
        }
    }
    if (status != ANALYSIS_OK) {
        scenario_free(s);
        return status;
    }
    *out = s;
    return ANALYSIS_OK;
}

int analysis_program_flush(const struct analysis_program *program, const char *command, int status)
{
    if (fflush(program->out) == 0 && !ferror(program->out)) {
        return status;
    }
    if (errno == EPIPE) { /* the reader, "| head", has seen enough and needs no word about it */
        return analysis_program_worse(status, ANALYSIS_REFUSED);
    }
    return analysis_program_worse(
        status, analysis_program_fail(program, command, ANALYSIS_REFUSED,
                                      "can't write to standard output: %s", strerror(errno)));
}

bool analysis_program_method(const char *name, enum scenario_method *out,
                             char why[ANALYSIS_WHY_MAX])
{
    const char *names[] = {scenario_method_name(SCENARIO_TRADITIONAL),
                           scenario_method_name(SCENARIO_PFS),
                           scenario_method_name(SCENARIO_LOAD_SERVER), NULL};

    for (int i = 0; names[i] != NULL; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = (enum scenario_method)i;
            return true;
        }
    }
    const char *near = analysis_options_nearest(name, names);
    snprintf(why, ANALYSIS_WHY_MAX, "unknown method %.60s; %s%s%sthere are %s, %s and %s", name,
             near != NULL ? "did you mean " : "", near != NULL ? near : "",
             near != NULL ? "? " : "", names[0], names[1], names[2]);
    return false;
}

int analysis_program_worse(int a, int b)
{
    static const int order[] = {ANALYSIS_INTERRUPTED, ANALYSIS_USAGE, ANALYSIS_REFUSED,
                                ANALYSIS_INVALID, ANALYSIS_MISSED};

    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
        if (a == order[i] || b == order[i]) {
            return order[i];
        }
    }
    return ANALYSIS_OK;
}
