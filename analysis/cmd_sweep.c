/* analysis/cmd_sweep.c -- pfsim sweep: every combination of some keys' values, with several seeds.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/interrupt.h"
#include "analysis/run_options.h"
#include "analysis/sweep/sweep.h"
#include "analysis/sweep/tables.h"
#include "sim/err.h"
#include "sim/live/machine.h"
#include "sim/units.h"

enum { COLUMNS = 4 }; /* figures on the terminal unless some are asked for: our choice */

static const struct analysis_usage usage = {
    .command = "sweep",
    .arguments = "SCENARIO [--vary PATH=VALUES ...] [--repeat N] [flags]",
    .does =
        "Runs every combination of the varied keys' values with N seeds each and says for every\n"
        "figure its mean and 95 % confidence (Student's t). A key is varied by\n"
        "  --vary PATH=V1,V2,...      a list: --vary method=traditional,pfs\n"
        "  --vary \"PATH=A..B xF\"      A, A x F, ... up to B: \"sites[0].wan.rate=384 kbit/s..6 "
        "Mbit/s x2\"\n"
        "  --vary \"PATH=A..B +S\"      A, A + S, ... up to B: \"pfs.fanout=1..8 +1\"\n"
        "Without --vary: N seeds of the scenario as it is, as in\n"
        "  pfsim sweep scenarios/branch-t1.json --repeat 20 --set "
        "thresholds.completion_s.p95=\"< 10 min\"\n"
        "PATH is written as for --set; sites[*].KEY means every site. The seeds are SEED, SEED + "
        "1, "
        "...\n"
        "Every combination is checked before the first run. Runs go side by side, each in a "
        "process\n"
        "of its own; one that crashes is tried once more. Live runs go one after another.\n\n"
        "--out DIR keeps sweep.sqlite (every run and figure; sqlite3 DIR/sweep.sqlite .schema "
        "explains\n"
        "itself), sweep.csv (a row a combination), sweep.json and report.html. The same command "
        "again\n"
        "goes on where it was interrupted, and with a larger --repeat adds seeds.\n\n"
        "Under mpirun (Open MPI) or srun --mpi=pmix the runs spread over the ranks; rank 0 alone\n"
        "reads the scenario and writes. mpirun --enable-recovery lets a sweep survive a lost "
        "rank.\n",
    .statuses = "  0    in every run all phones were upgraded and all thresholds met\n"
                "  1    some run had failed phones or missed a threshold\n"
                "  2    bad command line or scenario: nothing was started\n"
                "  3    the environment refused (locked file, disk full), or a run left no result\n"
                "  4    live: the machine fell behind in some run\n"
                "  130  interrupted: what is finished is kept\n",
    .example = "pfsim sweep scenarios/branch-t1.json --vary method=traditional,pfs "
               "--vary \"sites[0].wan.rate=384 kbit/s..6 Mbit/s x2\" --repeat 5 --out out/rates",
};

struct flags {
    const char *world, *method, *seed, *out, *repeat, *jobs, *junit;
    struct analysis_list varied, sets, metrics;
    bool json, quiet, fresh, keep;
    uint64_t repeat_n, jobs_n;
};

static int refuse(const struct analysis_program *program, const char *sentence)
{
    return analysis_program_fail(program, "sweep", ANALYSIS_USAGE, "%s", sentence);
}

/* --method, --world and --seed are --set of three keys, so that the scenario kept with the runs
 * says it all. */
static int add_set(struct analysis_list *sets, const struct analysis_program *program,
                   const char *key, const char *value, char *text, size_t cap)
{
    if (value == NULL) {
        return ANALYSIS_OK;
    }
    if (sets->len == ANALYSIS_SETS_MAX || strlen(value) > 64) {
        return analysis_program_fail(program, "sweep", ANALYSIS_USAGE,
                                     "--%s %.60s: too long, or too many --set", key, value);
    }
    snprintf(text, cap, "%s=%s", key, value);
    sets->items[sets->len++] = text;
    return ANALYSIS_OK;
}

static int check_numbers(struct flags *f, const struct analysis_program *program)
{
    uint64_t seed;

    f->repeat_n = 1;
    f->jobs_n = analysis_ranks_launched() ? 1 : analysis_pool_processors();
    if (f->repeat != NULL &&
        (analysis_options_number(f->repeat, 1000000, &f->repeat_n) != 0 || f->repeat_n == 0)) {
        return analysis_program_fail(program, "sweep", ANALYSIS_USAGE,
                                     "--repeat %.60s: expected a number of seeds, 1 to 1000000",
                                     f->repeat);
    }
    if (f->jobs != NULL &&
        (analysis_options_number(f->jobs, ANALYSIS_POOL_MAX, &f->jobs_n) != 0 || f->jobs_n == 0)) {
        return analysis_program_fail(program, "sweep", ANALYSIS_USAGE,
                                     "--jobs %.60s: expected a number of runs at once, 1 to %d",
                                     f->jobs, ANALYSIS_POOL_MAX);
    }
    if (f->seed != NULL && analysis_options_number(f->seed, UINT64_MAX, &seed) != 0) {
        return analysis_program_fail(program, "sweep", ANALYSIS_USAGE,
                                     "--seed %.60s: expected a whole number from 0 to 2^64-1",
                                     f->seed);
    }
    return ANALYSIS_OK;
}

static int check_words(struct flags *f, const struct analysis_program *program)
{
    char why[ANALYSIS_WHY_MAX];
    enum scenario_method method;

    if (f->varied.len == 0 && f->repeat == NULL) {
        return refuse(program, "nothing varies: give --vary PATH=VALUES, or --repeat N for several "
                               "seeds of the scenario as it is");
    }
    if (f->world != NULL && strcmp(f->world, "live") != 0 && strcmp(f->world, "virtual") != 0) {
        return analysis_program_fail(program, "sweep", ANALYSIS_USAGE,
                                     "unknown world %.60s; there are virtual and live", f->world);
    }
    if (f->method != NULL && !analysis_program_method(f->method, &method, why)) {
        return refuse(program, why);
    }
    for (size_t i = 0; f->method != NULL && i < f->varied.len; i++) {
        if (strncmp(f->varied.items[i], "method=", 7) == 0) {
            return refuse(program, "--method and --vary method contradict one another");
        }
    }
    if (f->out != NULL && f->out[0] == '\0') {
        return refuse(program, "--out needs the name of a folder");
    }
    if (f->out == NULL && (f->fresh || f->keep)) {
        return refuse(program, "--fresh and --keep are about the files of --out DIR");
    }
    if (f->metrics.len > ANALYSIS_JOB_METRICS_MAX) {
        return refuse(program, "at most 64 --metric");
    }
    return check_numbers(f, program);
}

/* How many runs may go at once; said when they are fewer than asked for. */
static unsigned limit_jobs(const struct flags *f, const struct analysis_program *program,
                           const struct analysis_grid *g)
{
    uint64_t left = sim_live_memory_available();
    uint64_t jobs = f->jobs_n;
    char a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];

    if (g->world == SCENARIO_LIVE) {
        return 1;
    }
    if (left > 0 && g->memory > 0 && left / g->memory < jobs) {
        jobs = left / g->memory > 0 ? left / g->memory : 1;
        if (!f->quiet && jobs < f->jobs_n) {
            fprintf(program->err,
                    "pfsim sweep: warning: a run may take %s of the %s that are left, so %llu go%s "
                    "at once instead of %llu\n",
                    sim_units_format_size(g->memory, a), sim_units_format_size(left, b),
                    (unsigned long long)jobs, jobs == 1 ? "es" : "", (unsigned long long)f->jobs_n);
        }
    }
    return (unsigned)jobs;
}

static int check_grid(const struct flags *f, const struct analysis_program *program,
                      const struct analysis_grid *g, const struct analysis_ranks *ranks)
{
    if (g->world == SCENARIO_LIVE && ranks != NULL) {
        return refuse(program, "a live sweep runs on one machine, one run after another; leave "
                               "mpirun out, or say --world virtual");
    }
    if (g->len * f->repeat_n > ANALYSIS_SWEEP_RUNS_MAX) {
        return analysis_program_fail(program, "sweep", ANALYSIS_USAGE,
                                     "%zu combinations x %llu seeds are over %d runs", g->len,
                                     (unsigned long long)f->repeat_n, ANALYSIS_SWEEP_RUNS_MAX);
    }
    return ANALYSIS_OK;
}

/* Of rank 0, or of the only process. */
static int sweep(const struct analysis_program *program, struct flags *f, const char *path,
                 struct analysis_pool *pool, struct analysis_ranks *ranks, bool *lost)
{
    struct analysis_grid grid = {.path = NULL};
    struct analysis_output *junit = NULL;
    cJSON *view = NULL;
    char texts[3][100], why[ANALYSIS_WHY_MAX];
    const char *metrics[ANALYSIS_TABLES_METRICS_MAX];
    const struct analysis_grid_config config = {
        .program = program,
        .path = path,
        .sets = &f->sets,
        .varied = &f->varied,
        .metrics = f->metrics.items,
        .metrics_len = f->metrics.len,
    };

    int status = add_set(&f->sets, program, "world", f->world, texts[0], sizeof(texts[0]));
    if (status == ANALYSIS_OK) {
        status = add_set(&f->sets, program, "method", f->method, texts[1], sizeof(texts[1]));
    }
    if (status == ANALYSIS_OK) {
        status = add_set(&f->sets, program, "seed", f->seed, texts[2], sizeof(texts[2]));
    }
    if (status == ANALYSIS_OK && f->junit != NULL &&
        analysis_output_open_path(&junit, f->junit, why) != 0) {
        status = analysis_program_fail(program, "sweep", ANALYSIS_REFUSED, "--junit: %s", why);
    }
    if (status == ANALYSIS_OK) {
        status = analysis_grid_init(&grid, &config);
    }
    if (status == ANALYSIS_OK) {
        status = check_grid(f, program, &grid, ranks);
    }
    if (status == ANALYSIS_OK) {
        const struct analysis_sweep s = {
            .program = program,
            .grid = &grid,
            .pool = pool,
            .jobs = limit_jobs(f, program, &grid),
            .ranks = ranks,
            .out = f->out,
            .repeat = (uint32_t)f->repeat_n,
            .metrics = f->metrics.len > 0 ? f->metrics.items : metrics,
            .metrics_len =
                f->metrics.len > 0 ? f->metrics.len : analysis_tables_metrics(&grid, metrics),
            .columns = f->metrics.len > 0 ? f->metrics.len : COLUMNS + grid.judged_len,
            .fresh = f->fresh,
            .keep = f->keep,
            .quiet = f->quiet,
            .json = f->json,
        };
        status = analysis_sweep_run(&s, &view, lost);
    } else {
        analysis_sweep_dismiss(ranks);
    }
    if (junit != NULL && analysis_tables_junit(junit, view, path, why) != 0) {
        status = analysis_program_worse(
            status, analysis_program_fail(program, "sweep", ANALYSIS_REFUSED, "--junit: %s", why));
    }
    cJSON_Delete(view);
    analysis_grid_deinit(&grid);
    return status;
}

/* Among the processes that a launcher started. Those that are not rank 0 know no scenario. */
static int run(const struct analysis_program *program, struct flags *f, const char *path)
{
    struct analysis_pool *pool = NULL;
    struct analysis_ranks *ranks = NULL;
    char why[ANALYSIS_WHY_MAX];
    bool lost = false;
    int status;

    /* The pool first: threads of MPI inherit its signal mask. */
    if (analysis_pool_new(&pool, (unsigned)f->jobs_n) != 0) {
        return analysis_program_fail(program, "sweep", ANALYSIS_REFUSED, "%s",
                                     sim_err_text(SIM_ENOMEM));
    }
    if (analysis_ranks_launched() && analysis_ranks_open(&ranks, why) != 0) {
        analysis_pool_free(pool);
        return analysis_program_fail(program, "sweep", ANALYSIS_REFUSED, "%s", why);
    }
    if (ranks != NULL && analysis_ranks_number() > 0) {
        status = analysis_sweep_serve(pool, ranks, program->version, &lost);
    } else {
        status = sweep(program, f, path, pool, ranks, &lost);
    }
    analysis_pool_free(pool);
    analysis_ranks_close(ranks, lost || analysis_interrupt_seen());
    return status;
}

int analysis_cmd_sweep(const struct analysis_program *program, int argc, char **argv)
{
    static const struct analysis_words words = {1, 1, "a scenario file"};
    static struct flags f; /* large: three lists */
    const struct analysis_option options[] = {
        {"vary", ANALYSIS_OPTION_LIST, &f.varied, "PATH=VALUES",
         "a key and its values; repeatable"},
        {"repeat", ANALYSIS_OPTION_TEXT, &f.repeat, "N", "seeds of each combination; default: 1"},
        {"metric", ANALYSIS_OPTION_LIST, &f.metrics, "NAME",
         "figures of the tables, as for thresholds: wan.busy_s, sites[branch].completion_s.p99; "
         "repeatable"},
        {"method", ANALYSIS_OPTION_TEXT, &f.method, "NAME",
         "traditional, pfs, load-server; default: the scenario's"},
        {"seed", ANALYSIS_OPTION_TEXT, &f.seed, "N", "the first; default: the scenario's, else 1"},
        {"set", ANALYSIS_OPTION_LIST, &f.sets, "PATH=VALUE",
         "override a key in all combinations; repeatable"},
        {"world", ANALYSIS_OPTION_TEXT, &f.world, "virtual|live",
         "default: the scenario's, else virtual; live runs go one after another"},
        {"out", ANALYSIS_OPTION_TEXT, &f.out, "DIR",
         "sweep.sqlite, sweep.csv, sweep.json, report.html; goes on with what is there"},
        {"fresh", ANALYSIS_OPTION_FLAG, &f.fresh, NULL, "drop the runs that are in DIR"},
        {"keep", ANALYSIS_OPTION_FLAG, &f.keep, NULL,
         "also the files of every run, in DIR/runs/NUMBER"},
        {"jobs", ANALYSIS_OPTION_TEXT, &f.jobs, "N",
         "runs at once; default: the processors, under a launcher 1 a rank"},
        {"junit", ANALYSIS_OPTION_TEXT, &f.junit, "FILE",
         "the verdict as JUnit XML, a test case a combination"},
        {"json", ANALYSIS_OPTION_FLAG, &f.json, NULL,
         "sweep.json on standard output, nothing else there"},
        {"quiet", ANALYSIS_OPTION_FLAG, &f.quiet, NULL, "no progress on standard error"},
        {.name = NULL},
    };
    struct analysis_command_line line;
    int status;

    memset(&f, 0, sizeof(f));
    /* What is wrong with the command line is told once, not by every rank. */
    struct analysis_program mine = *program;
    FILE *nobody =
        analysis_ranks_launched() && analysis_ranks_number() > 0 ? fopen("/dev/null", "w") : NULL;
    if (nobody != NULL) {
        mine.out = mine.err = nobody;
    }
    if (analysis_program_parse(&mine, &usage, options, &words, argc, argv, &line, &status)) {
        status = check_words(&f, &mine);
        if (status == ANALYSIS_OK) {
            status = run(&mine, &f, line.words[0]);
        }
    }
    if (nobody != NULL) {
        fclose(nobody);
    }
    return status;
}
