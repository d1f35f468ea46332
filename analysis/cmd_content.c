/* analysis/cmd_content.c -- pfsim content: a scenario's files on disk, for any server to serve. */
#include <string.h>

#include "analysis/interrupt.h"
#include "analysis/output.h"
#include "analysis/program.h"
#include "scenarios/content.h"
#include "sim/units.h"

int analysis_cmd_content(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_usage usage = {
        .command = "content",
        .arguments = "SCENARIO --out DIR [flags]",
        .does = "Writes what a provisioning server must have for the scenario: firmware, .loads "
                "indexes and\n"
                "every phone's configuration. Serve DIR with nginx, tftpd-hpa, dnsmasq or pfsim "
                "serve, and\n"
                "point server.url at it.\n",
        .statuses = "  0    written\n"
                    "  2    bad command line or scenario\n"
                    "  3    could not be written\n"
                    "  130  interrupted: the files that are there are whole\n",
        .example = "pfsim content scenarios/demo.json --out /srv/tftp",
    };
    static const struct analysis_words words = {1, 1, "a scenario file"};
    struct analysis_list sets = {.len = 0};
    const char *method_name = NULL, *out = NULL;
    const struct analysis_option options[] = {
        {"out", ANALYSIS_OPTION_TEXT, &out, "DIR", "where to; made when it is missing; required"},
        {"method", ANALYSIS_OPTION_TEXT, &method_name, "NAME",
         "peerFirmwareSharing is on for pfs only; default: the scenario's"},
        {"set", ANALYSIS_OPTION_LIST, &sets, "PATH=VALUE", "override a key; repeatable"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    enum scenario_method method = SCENARIO_PFS;
    struct scenario *s = NULL;
    uint64_t count = 0, bytes = 0;
    char why[SCENARIO_WHY_MAX], size[SIM_UNITS_TEXT_MAX];
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    if (out == NULL || out[0] == '\0') {
        return analysis_program_fail(program, "content", ANALYSIS_USAGE, "--out DIR is missing");
    }
    if (method_name != NULL && !analysis_program_method(method_name, &method, why)) {
        return analysis_program_fail(program, "content", ANALYSIS_USAGE, "%s", why);
    }
    if ((status = analysis_program_load(program, "content", line.words[0], &sets, &s)) != 0) {
        return status;
    }
    method = method_name != NULL ? method : s->method;
    analysis_interrupt_hold(); /* no file is left half-written */
    if (analysis_output_folder(out, why) != 0 ||
        scenario_content_write(s, method, out, analysis_interrupt_flag(), &count, &bytes, why) !=
            0) {
        status = analysis_interrupt_seen()
                     ? analysis_program_fail(program, "content", ANALYSIS_INTERRUPTED,
                                             "interrupted: %llu files are written",
                                             (unsigned long long)count)
                     : analysis_program_fail(program, "content", ANALYSIS_REFUSED, "%s", why);
    } else {
        fprintf(program->out, "%s: %llu files, %s\n", out, (unsigned long long)count,
                sim_units_format_size(bytes, size));
        status = analysis_program_flush(program, "content", status);
    }
    scenario_free(s);
    return status;
}
