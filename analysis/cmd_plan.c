/* analysis/cmd_plan.c -- pfsim plan: which measure makes every class of sites fit. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/interrupt.h"
#include "analysis/plan/plan.h"
#include "analysis/plan/print.h"
#include "analysis/result.h"
#include "analysis/summary.h"
#include "analysis/sweep/pool.h"
#include "sim/units.h"

static const struct analysis_usage usage = {
    .command = "plan",
    .arguments = "SCENARIO [flags]",
    .does =
        "Which classes of sites don't keep what must hold, and the cheapest measure that makes "
        "each\n"
        "of them: by virtual runs, first a copy of each class alone, then all sites together with\n"
        "every seed. What must hold: the scenario's thresholds and the flags here; no phone may\n"
        "fail unless they say so. Limits of all sites together (wan.bytes, wan.peak_bit_s) are "
        "shared\n"
        "out among classes, the heaviest first.\n\n"
        "Measures and what they count (--cost changes it): nothing 0; pfs 1, sharing on; spread "
        "2,\n"
        "a longer start; block 4, TFTP with 1468-byte blocks; window 1 more, 8 of them an ACK;\n"
        "http 6 instead of TFTP; limit 8, a shaper on the line (only when its use is limited);\n"
        "load-server 16, a server on each site. Sums of them are tried from the cheapest up, at "
        "most\n"
        "200 for a class; all sites run at most 16 times with measures, and then cheaper mixes\n"
        "of several classes' measures are tried, at most 400. Blocks and windows are the\n"
        "server's: they hold for all sites.\n\n"
        "With --out DIR: plan.json, all of it (pfsim schema plan), and planned.json, the scenario "
        "with\n"
        "the measures in it, ready for pfsim run.\n",
    .statuses = "  0    there is a plan that keeps everything, or nothing has to change\n"
                "  1    no measure does: the closest, and what the closed forms say, are printed\n"
                "  2    bad command line or scenario: nothing was started\n"
                "  3    the environment refused: no memory, disk full ...\n"
                "  130  interrupted: nothing is written\n",
    .example = "pfsim plan scenarios/forty-branches.json --finish-by \"4 h\"",
};

struct flags {
    const char *finish_by, *wan_share, *max_failures, *seeds, *methods, *cost, *jobs, *out;
    bool json, quiet;
    struct analysis_list sets;
};

static int refuse(const struct analysis_program *program, const char *flag, const char *value,
                  const char *expected)
{
    return analysis_program_fail(program, "plan", ANALYSIS_USAGE, "--%s %.60s: expected %s", flag,
                                 value, expected);
}

static int parse_methods(const struct analysis_program *program, const char *list, unsigned *out)
{
    char name[64], why[ANALYSIS_WHY_MAX];
    unsigned methods = 0;

    for (;;) {
        enum scenario_method method;
        size_t len = strcspn(list, ",");
        snprintf(name, sizeof(name), "%.*s", (int)(len < 63 ? len : 63), list);
        if (!analysis_program_method(name, &method, why)) {
            return analysis_program_fail(program, "plan", ANALYSIS_USAGE, "--methods: %s", why);
        }
        methods |= 1U << method;
        if (list[len] == '\0') {
            break;
        }
        list += len + 1;
    }
    *out = methods;
    return ANALYSIS_OK;
}

static int parse(const struct analysis_program *program, const struct flags *f,
                 struct analysis_plan *plan)
{
    char why[ANALYSIS_WHY_MAX], *end = NULL;
    uint64_t value;

    if (f->finish_by != NULL &&
        (sim_units_parse_duration(f->finish_by, &plan->asked.finish_by) != 0 ||
         plan->asked.finish_by == 0)) {
        return refuse(program, "finish-by", f->finish_by,
                      "a number with ms, s, min or h, like \"4 h\"");
    }
    plan->asked.finish_text = f->finish_by;
    if (f->wan_share != NULL) {
        plan->asked.wan_share = strtod(f->wan_share, &end);
        if (end == f->wan_share || *end != '\0' ||
            !(plan->asked.wan_share > 0 && plan->asked.wan_share <= 1)) {
            return refuse(program, "wan-share", f->wan_share,
                          "a share above 0 and up to 1, like 0.3");
        }
    }
    if (f->max_failures != NULL) {
        if (analysis_options_number(f->max_failures, SCENARIO_PHONES_MAX, &value) != 0) {
            return refuse(program, "max-failures", f->max_failures, "a number of phones");
        }
        plan->asked.has_max_failures = true;
        plan->asked.max_failures = (uint32_t)value;
    }
    if (f->seeds != NULL) {
        if (analysis_options_number(f->seeds, ANALYSIS_PLAN_SEEDS_MAX, &value) != 0 || value == 0) {
            return refuse(program, "seeds", f->seeds, "a number from 1 to 100");
        }
        plan->seeds = (uint32_t)value;
    }
    if (f->jobs != NULL) {
        if (analysis_options_number(f->jobs, ANALYSIS_POOL_MAX, &value) != 0 || value == 0) {
            return refuse(program, "jobs", f->jobs, "a number from 1 to 256");
        }
        plan->jobs = (unsigned)value;
    }
    if (f->cost != NULL && analysis_weights_parse(&plan->weights, f->cost, why) != 0) {
        return analysis_program_fail(program, "plan", ANALYSIS_USAGE, "%s", why);
    }
    if (f->out != NULL && f->out[0] == '\0') {
        return refuse(program, "out", f->out, "the name of a folder");
    }
    return f->methods != NULL ? parse_methods(program, f->methods, &plan->methods) : ANALYSIS_OK;
}

static int write_file(const struct analysis_program *program, const char *dir, const char *name,
                      const char *text)
{
    struct analysis_output *o = NULL;
    char why[ANALYSIS_WHY_MAX];

    int rc = analysis_output_open(&o, dir, name, why);
    if (rc == 0) {
        analysis_output_write(o, text, strlen(text));
        analysis_output_write(o, "\n", text[strlen(text) - 1] == '\n' ? 0 : 1);
        rc = analysis_output_commit(o, why);
    }
    return rc == 0 ? ANALYSIS_OK
                   : analysis_program_fail(program, "plan", ANALYSIS_REFUSED, "%s", why);
}

/* The folder is made and a file in it tried, before hours of searching. */
static int try_folder(const struct analysis_program *program, const char *dir)
{
    struct analysis_output *o = NULL;
    char why[ANALYSIS_WHY_MAX];

    int rc = analysis_output_folder(dir, why);
    if (rc == 0) {
        rc = analysis_output_open(&o, dir, "plan.json", why);
    }
    analysis_output_discard(o);
    return rc == 0 ? ANALYSIS_OK
                   : analysis_program_fail(program, "plan", ANALYSIS_REFUSED, "%s", why);
}

static int conclude(const struct analysis_program *program, const struct flags *f,
                    const cJSON *document, const char *planned, int status)
{
    char *text = analysis_result_text(document);

    if (text == NULL) {
        return analysis_program_fail(program, "plan", ANALYSIS_REFUSED, "out of memory");
    }
    int written = f->out != NULL ? write_file(program, f->out, "plan.json", text) : ANALYSIS_OK;
    if (written == ANALYSIS_OK && f->out != NULL && planned != NULL) {
        written = write_file(program, f->out, "planned.json", planned);
    }
    if (f->json) {
        fputs(text, program->out);
    } else {
        struct analysis_style style = analysis_summary_style(program->out);
        analysis_plan_print(&style, document, written == ANALYSIS_OK ? f->out : NULL);
    }
    free(text);
    return analysis_program_flush(program, "plan", analysis_program_worse(status, written));
}

static int plan_it(const struct analysis_program *program, const struct flags *f,
                   struct analysis_plan *plan, const char *path)
{
    struct scenario *scenario = NULL;
    cJSON *document = NULL;
    char *planned = NULL;

    int status = analysis_program_load(program, "plan", path, &f->sets, &scenario);
    if (status != ANALYSIS_OK) {
        return status;
    }
    status = f->out != NULL ? try_folder(program, f->out) : ANALYSIS_OK;
    if (status == ANALYSIS_OK) {
        plan->scenario = scenario;
        analysis_interrupt_hold(); /* says so, and ends its runs */
        status = analysis_plan_make(plan, &document, &planned);
    }
    if (status == ANALYSIS_INTERRUPTED) {
        analysis_program_fail(program, "plan", status,
                              "interrupted: there is no plan yet, and "
                              "nothing is written");
    }
    if (document != NULL) {
        status = conclude(program, f, document, planned, status);
    }
    cJSON_Delete(document);
    free(planned);
    scenario_free(scenario);
    return status;
}

int analysis_cmd_plan(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {
        .least = 1, .most = 1, .missing = "a scenario file"};
    struct flags f = {.json = false};
    const struct analysis_option options[] = {
        {.name = "finish-by",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.finish_by,
         .value = "TIME",
         .help = "the last phone must be done by then: completion_s.last"},
        {.name = "wan-share",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.wan_share,
         .value = "SHARE",
         .help = "of each line that upgrades may use in any second, like 0.3"},
        {.name = "max-failures",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.max_failures,
         .value = "N",
         .help = "phones that may fail, in all; default 0"},
        {.name = "seeds",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.seeds,
         .value = "N",
         .help = "all of so many seeds must keep it in searches, from the scenario's on, and all "
                 "sites together with up to four times as many; default 5"},
        {.name = "methods",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.methods,
         .value = "A,B,...",
         .help = "that may be used instead of the present one; default pfs,load-server"},
        {.name = "cost",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.cost,
         .value = "NAME=N,...",
         .help = "what measures count, like http=1,load-server=3"},
        {.name = "set",
         .kind = ANALYSIS_OPTION_LIST,
         .to = &f.sets,
         .value = "PATH=VALUE",
         .help = "override a key: sites[0].wan.rate=\"384 kbit/s\"; repeatable"},
        {.name = "out",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.out,
         .value = "DIR",
         .help = "plan.json, and planned.json to run"},
        {.name = "json",
         .kind = ANALYSIS_OPTION_FLAG,
         .to = &f.json,
         .help = "the plan's document on standard output, nothing else there"},
        {.name = "jobs",
         .kind = ANALYSIS_OPTION_TEXT,
         .to = &f.jobs,
         .value = "N",
         .help = "processes at once; default: all processors"},
        {.name = "quiet",
         .kind = ANALYSIS_OPTION_FLAG,
         .to = &f.quiet,
         .help = "no progress on standard error"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    struct analysis_plan plan = {
        .program = program,
        .asked = {.finish_by = SIM_NEVER},
        .methods = 1U << SCENARIO_PFS | 1U << SCENARIO_LOAD_SERVER,
        .seeds = 5,
    };
    int status;

    if (!analysis_program_parse(program, &usage, options, &words, argc, argv, &line, &status)) {
        return status;
    }
    analysis_weights_init(&plan.weights);
    status = parse(program, &f, &plan);
    if (status != ANALYSIS_OK) {
        return status;
    }
    plan.quiet = f.quiet;
    return plan_it(program, &f, &plan, line.words[0]);
}
