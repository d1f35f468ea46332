/* analysis/session.c -- the order of a run; see session.h. */
#include "analysis/session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/abort.h"
#include "analysis/capture/pcap.h"
#include "analysis/files.h"
#include "analysis/interrupt.h"
#include "analysis/memory.h"
#include "analysis/needs.h"
#include "analysis/observer.h"
#include "analysis/progress.h"
#include "analysis/report/report.h"
#include "analysis/result.h"
#include "analysis/series.h"
#include "analysis/shard.h"
#include "analysis/story.h"
#include "analysis/threshold.h"
#include "analysis/transfers.h"
#include "analysis/twice.h"
#include "scenarios/build.h"
#include "sim/err.h"
#include "sim/live/clock.h"
#include "sim/live/machine.h"

/* Set aside on the disk: result.json and a report, and a row of phones.csv for each phone. */
enum { RESERVE_BYTES = 4 << 20, RESERVE_PHONE_BYTES = 100 };

/* All of one run; what is NULL was not made (yet). */
struct session {
    const struct analysis_session *config;
    struct scenario_run *run;
    struct analysis_collect *collect;
    struct analysis_transfers *transfers;
    struct analysis_output *series_file;
    struct analysis_series *series;
    struct analysis_progress *progress;
    struct analysis_story story;
    struct analysis_observers observers;
    struct analysis_pcap *pcap;            /* outlives the run, whose packets it takes */
    uint64_t began;                        /* clock */
    const struct scenario_threshold *lost; /* the run was ended because of it */
    uint32_t groups;                       /* of sites; one after another on each thread */
    unsigned threads;                      /* virtual */
    atomic_bool told_disk;                 /* that it is full */
    int reserve;                           /* room on it for the result; -1 */
};

static int fail(const struct session *s, int status, const char *why)
{
    return analysis_program_fail(s->config->program, s->config->command, status, "%s", why);
}

/* ---- What collectors ask of a run ---- */

static bool phone_of(void *context, sim_node node, struct scenario_phone_info *info,
                     sim_time *start)
{
    const struct session *s = context;

    if (!scenario_run_phone(s->run, node, info)) {
        return false;
    }
    *start = scenario_run_start(s->run, node);
    return true;
}

static void stats_of(void *context, uint32_t site, struct sim_site_stats *out)
{
    const struct session *s = context;
    scenario_run_site_stats(s->run, site, out);
}

static void line_of(void *context, uint32_t site, struct sim_site_stats *out)
{
    const struct session *s = context;
    scenario_run_line_stats(s->run, site, out);
}

static const struct sim_site_setup *site_of(void *context, uint32_t site)
{
    const struct session *s = context;
    return scenario_run_site(s->run, site);
}

static uint32_t transfers_of(void *context, uint32_t site)
{
    const struct session *s = context;
    return scenario_run_transfers(s->run, site);
}

static const char *site_name_of(void *context, uint32_t site)
{
    return site_of(context, site)->name;
}

/* ---- During the run ---- */

static bool is_lost(struct session *s, sim_time now)
{
    const struct scenario *scenario = s->config->scenario;
    const struct analysis_abort run = {
        .scenario = scenario,
        .method = s->config->method,
        .collect = s->collect,
        .sites = scenario_run_sites(s->run),
        .site = site_of,
        .stats = stats_of,
        .context = s,
    };

    s->lost = analysis_abort_lost(&run, sim_time_since(now, scenario->start_at));
    return s->lost != NULL;
}

static bool has_abort(const struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->thresholds_len; i++) {
        if (scenario->thresholds[i].abort) {
            return true;
        }
    }
    return false;
}

/* Sites that run one after another each begin at instant 0: what is lost already can't be told from
 * what did not begin yet. A share of the sites does not know the others. */
static bool may_abort(const struct session *s)
{
    return s->groups == 1 && s->config->shards == 0 && !s->config->no_abort &&
           has_abort(s->config->scenario);
}

/* Once, as soon as it shows: hours of a live run may lie before its end. */
static void tell_of_full_disk(struct session *s)
{
    char why[ANALYSIS_WHY_MAX];

    if (analysis_series_failed(s->series, why) && !atomic_exchange(&s->told_disk, true)) {
        analysis_progress_line(s->progress, s->config->program->err,
                               "pfsim %s: warning: %s; the run goes on, but not all of its files "
                               "will be there",
                               s->config->command, why);
    }
}

static bool on_tick(void *context, const struct scenario_group *group, sim_time now)
{
    struct session *s = context;

    if (s->series == NULL || s->progress == NULL) {
        return false; /* not built yet */
    }
    analysis_series_tick(s->series, group, now);
    scenario_run_tick_after(s->run, group->lane, analysis_series_pause(s->series, group->lane));
    analysis_observers_tick(&s->observers, now);
    if (!s->config->quiet) {
        analysis_progress_tick(s->progress, now, sim_live_clock(), analysis_series_rate(s->series));
    }
    tell_of_full_disk(s);
    return analysis_interrupt_seen() || (may_abort(s) && is_lost(s, now));
}

static void on_group_ended(void *context, const struct scenario_group *group, sim_time now)
{
    struct session *s = context;
    sim_node node = scenario_run_node(s->run, group->first, 0);
    uint32_t phones = 0;

    for (uint32_t i = 0; i < group->len; i++) {
        phones += scenario_run_site(s->run, group->first + i)->phones;
    }
    analysis_series_end(s->series, group, now);
    analysis_progress_group_ended(s->progress);
    analysis_collect_end(s->collect, node, phones, now);
    analysis_observers_group_ended(&s->observers, group->first, group->len, now);
}

static void on_record(void *context, unsigned lane, const struct analysis_phone *phone,
                      const struct sim_record *record)
{
    struct session *s = context;

    if (s->config->verbose || s->config->has_phone_log) {
        analysis_story_tell(&s->story, phone, record);
    }
    analysis_observers_record(&s->observers, lane, phone, record);
}

static void stop_run(void *run)
{
    scenario_run_stop(run);
}

/* ---- Before the run ---- */

/* Says what the run needs and what the machine lacks; 3 when it can't start. Quiet: only why it
 * can't. */
static int check_machine(const struct session *s)
{
    const struct analysis_program *program = s->config->program;
    struct analysis_style style = analysis_summary_style(program->err);
    struct sim_live_need needs[SIM_LIVE_NEEDS_MAX];
    size_t len = scenario_run_doctor(s->config->scenario, s->config->method, s->config->shard,
                                     s->config->shards, needs);
    int status = ANALYSIS_OK;

    if (!s->config->quiet) {
        analysis_needs_print(&style, needs, len, false);
    }
    for (size_t i = 0; i < len; i++) {
        if (!needs[i].enough && needs[i].fatal) {
            status = analysis_program_fail(
                program, s->config->command, ANALYSIS_REFUSED, "refused: %s%s%s", needs[i].what,
                s->config->quiet ? ": " : ", see above", s->config->quiet ? needs[i].mend : "");
        }
    }
    return status;
}

/* `abort` where nothing can be known before the end. */
static void warn_of_aborts(const struct session *s)
{
    const struct scenario *scenario = s->config->scenario;

    if (s->config->shards > 0) {
        if (scenario->thresholds_len > 0 && !s->config->quiet) {
            fprintf(s->config->program->err,
                    "pfsim %s: thresholds are of all sites: pfsim merge judges them\n",
                    s->config->command);
        }
        return;
    }
    if (s->config->quiet || s->config->no_abort) {
        return;
    }
    analysis_threshold_warn_of_aborts(scenario, s->groups > 1, s->config->command,
                                      s->config->program->err);
}

/* Thresholds that may be met today and missed tomorrow. */
static void warn_of_chance(const struct session *s)
{
    if (!s->config->quiet) {
        analysis_threshold_warn_of_chance(s->config->scenario, s->config->command,
                                          s->config->program->err);
    }
}

/* Sites that touch one another through the server can't run side by side in virtual time. */
static void warn_of_threads(const struct session *s)
{
    const struct scenario *scenario = s->config->scenario;

    if (s->config->world == SCENARIO_VIRTUAL && scenario->threads > 1 && s->groups == 1 &&
        scenario->sites_total > 1 && !s->config->quiet) {
        fprintf(s->config->program->err,
                "pfsim %s: \"threads\" is of no use: all sites share the server's \"uplink\" or "
                "\"max_transfers\", so they run together on one\n",
                s->config->command);
    }
}

/* Is anybody told of all that happens, in the order in which it does? */
static bool is_followed(const struct analysis_session *config)
{
    return config->verbose || config->has_phone_log || config->watch != NULL ||
           config->pcap != NULL || config->trace != NULL || config->events != NULL ||
           config->check_determinism;
}

/* Of a virtual run: as many as are asked for or the machine has cores (a share of the sites has
 * others beside it), but no more than fit into its memory. */
static unsigned threads_of(const struct session *s, struct analysis_memory *memory)
{
    const struct analysis_session *config = s->config;
    const struct scenario *scenario = config->scenario;
    struct scenario_share share = scenario_share(scenario, config->shard, config->shards);
    uint64_t most = config->threads != 0      ? config->threads
                    : scenario->threads_given ? scenario->threads
                    : config->shards > 0      ? 1
                                              : sim_live_cores();

    if (is_followed(config) || !scenario_is_apart(scenario)) {
        return 1;
    }
    most = most < share.len ? most : share.len;
    most = most < SCENARIO_THREADS_MAX ? most : SCENARIO_THREADS_MAX;
    for (memory->runs = (unsigned)most; memory->runs > 1 && !analysis_memory_fits(memory);) {
        memory->runs--;
    }
    return memory->runs > 1 ? memory->runs : 1;
}

/* May it begin on this machine? */
static int check(struct session *s)
{
    const struct analysis_session *config = s->config;
    struct analysis_memory memory = {
        .scenario = config->scenario,
        .method = config->method,
        .shard = config->shard,
        .shards = config->shards,
        .limit = config->max_memory,
    };

    if (config->world == SCENARIO_LIVE) {
        return check_machine(s);
    }
    s->threads = threads_of(s, &memory);
    memory.runs = config->check_determinism ? 2 : s->threads;
    return analysis_memory_check(&memory, config->program, config->command);
}

static int open_files(struct session *s)
{
    const char *out = s->config->out;
    char why[ANALYSIS_WHY_MAX];

    if (out != NULL &&
        (analysis_output_folder(out, why) != 0 || analysis_shard_remove(out, why) != 0 ||
         analysis_output_open(&s->series_file, out, "series.csv", why) != 0)) {
        return fail(s, ANALYSIS_REFUSED, why);
    }
    if (out != NULL) {
        struct scenario_share share =
            scenario_share(s->config->scenario, s->config->shard, s->config->shards);
        s->reserve = analysis_output_reserve(out, RESERVE_BYTES +
                                                      RESERVE_PHONE_BYTES * (uint64_t)share.phones);
    }
    if (s->config->pcap != NULL && analysis_pcap_new(&s->pcap, s->config, why) != 0) {
        return fail(s, ANALYSIS_REFUSED, why);
    }
    return ANALYSIS_OK;
}

/* What is run: the same for each of two runs side by side. */
static struct scenario_run_options common_options(const struct analysis_session *config)
{
    return (struct scenario_run_options){
        .world = config->world,
        .method = config->method,
        .seed = config->seed,
        .shard = config->shard,
        .shards = config->shards,
        .has_phone_log = config->has_phone_log,
        .phone_log = config->phone_log,
    };
}

static int build_run(struct session *s)
{
    const struct analysis_session *config = s->config;
    char why[SCENARIO_WHY_MAX];
    struct scenario_run_options options = common_options(config);

    options.threads = s->threads;
    options.tick = on_tick;
    options.tick_context = s;
    /* Live: five looks a second, smooth enough for eyes. */
    options.tick_every = config->world == SCENARIO_LIVE ? 200 * SIM_MS : SIM_S;
    options.group_ended = on_group_ended;
    if ((s->collect = analysis_collect_new()) == NULL) {
        return fail(s, ANALYSIS_REFUSED, sim_err_text(SIM_ENOMEM));
    }
    options.trace = (struct sim_trace){.write = analysis_collect_write, .context = s->collect};
    if (s->pcap != NULL) {
        options.tap = analysis_pcap_tap(s->pcap);
    }
    if (scenario_run_new(&s->run, config->scenario, &options, why) != 0) {
        s->run = NULL;
        return fail(s, ANALYSIS_REFUSED, why);
    }
    if (config->verbose) {
        char servers[SCENARIO_SERVERS_TEXT_MAX];
        scenario_run_servers(s->run, servers);
        fputs(servers, config->program->err);
    }
    return ANALYSIS_OK;
}

static uint64_t configured_rate(const struct session *s)
{
    struct scenario_share share = scenario_run_share(s->run);
    uint64_t sum = 0;

    for (uint32_t i = 0; i < share.len; i++) {
        const struct sim_site_setup *setup = scenario_run_site(s->run, share.first + i);
        sum += setup->wan.none ? 0 : setup->wan.down_bit_s;
    }
    return sum;
}

/* Does anybody want every record? The quickest runs have nobody. */
static bool tells_records(const struct analysis_session *config)
{
    return config->verbose || config->has_phone_log || config->out != NULL ||
           config->trace != NULL || config->events != NULL;
}

/* Collector, series, progress and observers; the run is built. */
static int attach(struct session *s)
{
    const struct analysis_session *config = s->config;
    uint32_t sites = scenario_run_sites(s->run);
    unsigned lanes = scenario_run_lanes(s->run);
    char why[ANALYSIS_WHY_MAX];
    uint32_t first, len;

    scenario_run_group(s->run, &first, &len); /* the first one */
    struct scenario_share share = scenario_run_share(s->run);
    s->groups = scenario_run_groups(s->run);
    if (config->out != NULL &&
        analysis_transfers_new(&s->transfers, config->out, lanes, why) != 0) {
        return fail(s, ANALYSIS_REFUSED, why);
    }
    struct analysis_collect_config collect = {
        .scenario = config->scenario,
        .nodes = scenario_run_nodes(s->run),
        .lanes = lanes,
        .hashes = config->world == SCENARIO_LIVE,
        .phone = phone_of,
        .phone_context = s,
        .transfers = s->transfers,
        .story = tells_records(config) ? on_record : NULL,
        .story_context = s,
    };
    int rc = analysis_collect_attach(s->collect, &collect);
    if (rc != 0) {
        return fail(s, ANALYSIS_REFUSED, sim_err_text(rc));
    }
    struct analysis_series_config series = {
        .collect = s->collect,
        .sites = sites,
        .first = share.first,
        .lanes = config->world == SCENARIO_LIVE ? 1 : lanes, /* live: one group */
        .stats = line_of,
        .name = site_name_of,
        /* Of one group the server knows its peak. A share of one is a group among others. */
        .transfers = len == 1 && sites > 1 ? transfers_of : NULL,
        .context = s,
        .to = s->series_file,
    };
    struct analysis_progress_config progress = {
        .to = config->program->err,
        .quiet = config->quiet,
        .collect = s->collect,
        .sites = sites,
        .phones = share.phones,
        .method = scenario_method_name(config->method),
        .configured_bit_s = configured_rate(s),
        .start_at = config->scenario->start_at,
        .clock = sim_live_clock(),
        .is_virtual = config->world == SCENARIO_VIRTUAL,
        .groups = s->groups,
    };
    s->series = analysis_series_new(&series);
    s->progress = analysis_progress_new(&progress);
    if (s->series == NULL || s->progress == NULL) {
        return fail(s, ANALYSIS_REFUSED, sim_err_text(SIM_ENOMEM));
    }
    s->story = (struct analysis_story){
        .progress = s->progress,
        .has_phone_log = config->has_phone_log,
        .phone_log = config->phone_log,
        .phone_log_to = config->phone_log_to,
        .verbose = config->verbose,
        .verbose_to = config->program->err,
    };
    const struct analysis_observed observed = {
        .session = config,
        .run = s->run,
        .collect = s->collect,
        .series = s->series,
        .progress = s->progress,
        .groups = s->groups,
        .lanes = lanes,
    };
    rc = analysis_observers_open(&s->observers, &observed, why);
    if (rc == 0 && s->pcap != NULL) {
        rc = analysis_pcap_attach(s->pcap, &s->observers, s->run, why);
    }
    return rc != 0 ? fail(s, ANALYSIS_REFUSED, why) : ANALYSIS_OK;
}

/* ---- After the run ---- */

/* What a share leaves for `merge` beside the files that it writes anyway: begun here, closed when
 * all of them are there. */
static int write_tables(struct session *s, const struct analysis_figures *f,
                        struct analysis_shard_writer **shard, char why[ANALYSIS_WHY_MAX])
{
    const char *out = s->config->out;
    char other[ANALYSIS_WHY_MAX];
    int rc = analysis_output_commit(s->series_file, why);

    s->series_file = NULL;
    int tables = analysis_files_tables(out, f, rc == 0 ? why : other);
    rc = rc == 0 ? tables : rc;
    if (rc == 0 && s->config->shards > 0) {
        rc = analysis_shard_open(shard, out, f, analysis_series_wan_bins(s->series),
                                 analysis_series_transfer_bins(s->series), why);
    }
    const struct analysis_transfers_reader also = {analysis_shard_transfer, *shard};
    int transfers = analysis_files_transfers(out, s->transfers, *shard != NULL ? &also : NULL,
                                             rc == 0 ? why : other);
    return rc == 0 ? transfers : rc;
}

/* Files, observers, and what a share leaves behind. */
static int finish(struct session *s, const struct analysis_figures *f, const cJSON *document)
{
    struct analysis_shard_writer *shard = NULL;
    char why[ANALYSIS_WHY_MAX];
    int status = ANALYSIS_OK;
    int rc = 0;

    if (s->reserve >= 0) {
        close(s->reserve); /* it is needed now */
        s->reserve = -1;
    }
    /* The answer first: it is small, and of a disk that is full the largest tables may be missing.
     */
    if (s->config->out != NULL &&
        ((rc = analysis_report_remove(s->config->out, why)) != 0 ||
         (rc = analysis_files_documents(s->config->out, s->config->scenario, document, why)) != 0 ||
         (rc = analysis_files_clear(s->config->out, why)) != 0 ||
         (rc = write_tables(s, f, &shard, why)) != 0)) {
        status = fail(s, ANALYSIS_REFUSED, why);
    }
    if (analysis_observers_finish(&s->observers, f, document, why) != 0) {
        status = fail(s, ANALYSIS_REFUSED, why);
    }
    if (shard != NULL && rc == 0) {
        rc = analysis_shard_close(shard, analysis_files_mergeable, why);
        return rc != 0 ? fail(s, ANALYSIS_REFUSED, why) : status;
    }
    analysis_shard_discard(shard);
    return status;
}

int analysis_session_judge(const struct analysis_figures *f, bool all_met)
{
    const struct analysis_counts *phones = &f->all.phones;
    bool all_there = phones->failed == 0 && phones->unfinished == 0;

    if (!f->facts->validity.valid) {
        return ANALYSIS_INVALID;
    }
    return all_there && all_met ? ANALYSIS_OK : ANALYSIS_MISSED;
}

/* Document and files of a run that began; returns the exit status so far. */
static int conclude(struct session *s, cJSON **document)
{
    struct analysis_figures *figures = NULL;
    char why[ANALYSIS_WHY_MAX];
    struct analysis_facts facts = {
        .version = s->config->program->version,
        .scenario = s->config->scenario,
        .method = s->config->method,
        .world = s->config->world,
        .seed = s->config->seed,
        .collect = s->collect,
        .sites = scenario_run_sites(s->run),
        .shard = s->config->shard,
        .shards = s->config->shards,
        .site = site_of,
        .stats = stats_of,
        .context = s,
        .catalog = scenario_run_catalog(s->run),
        .wan_peak_bit_s = analysis_series_peak(s->series),
        .transfers_peak = analysis_series_transfers(s->series),
        .ended = scenario_run_ended(s->run),
        .interrupted = analysis_interrupt_seen(),
    };

    facts.has_server = scenario_run_server_stats(s->run, &facts.server);
    facts.has_trace_hash = scenario_run_hash(s->run, &facts.trace_hash);
    scenario_run_validity(s->run, &facts.validity);
    scenario_run_usage(s->run, &facts.usage);
    facts.wall = sim_live_clock() - s->began;
    int rc = analysis_figures_new(&figures, &facts);
    if (rc == 0 && (*document = analysis_result_document(figures)) == NULL) {
        rc = SIM_ENOMEM;
    }
    if (rc != 0) {
        analysis_figures_free(figures);
        return fail(s, ANALYSIS_REFUSED, sim_err_text(rc));
    }
    /* Thresholds are of the whole run: `merge` judges them. */
    bool all_met = facts.shards > 0 || analysis_threshold_evaluate(figures, *document);
    int status = analysis_session_judge(figures, all_met);
    if (s->config->figures != NULL) {
        s->config->figures(s->config->figures_context, figures, *document);
    }
    int files = finish(s, figures, *document);
    status = analysis_program_worse(status, files);
    analysis_figures_free(figures);
    if (files == ANALYSIS_OK && s->config->out != NULL &&
        analysis_report_write(s->config->out, why) != 0) {
        status = analysis_program_worse(status, fail(s, ANALYSIS_REFUSED, why));
    }
    return status;
}

static void ignore_record(void *context, unsigned lane, const struct sim_record *record)
{
    (void)context;
    (void)lane;
    (void)record;
}

/* Beside a second run, until they differ; says how it went. What is left of the first is run as
 * usual. */
static int run_twice(struct session *s)
{
    const struct analysis_session *config = s->config;
    struct scenario_run_options options = common_options(config);
    struct scenario_run *second = NULL;
    struct analysis_twice twice;
    char why[SCENARIO_WHY_MAX];
    uint64_t hash = 0;

    options.trace = (struct sim_trace){.write = ignore_record};
    if (scenario_run_new(&second, config->scenario, &options, why) != 0) {
        return fail(s, ANALYSIS_REFUSED, why);
    }
    analysis_twice_run(s->run, second, &twice);
    scenario_run_free(second);
    if (analysis_interrupt_seen()) {
        return ANALYSIS_OK;
    }
    if (!twice.equal) {
        analysis_progress_line(s->progress, config->program->err,
                               "pfsim %s: the run is not reproducible: after %llu equal events %s",
                               config->command, (unsigned long long)twice.events, twice.text);
        return ANALYSIS_MISSED;
    }
    scenario_run_hash(s->run, &hash);
    analysis_progress_line(s->progress, config->program->err,
                           "deterministic: %llu events, trace hash %016llx",
                           (unsigned long long)twice.events, (unsigned long long)hash);
    return ANALYSIS_OK;
}

static int go(struct session *s, cJSON **document)
{
    char why[SCENARIO_WHY_MAX];
    int status = ANALYSIS_OK;

    analysis_interrupt_watch(stop_run, s->run);
    int twice = s->config->check_determinism ? run_twice(s) : ANALYSIS_OK;
    int rc = scenario_run_go(s->run, why);
    analysis_interrupt_watch(NULL, NULL);
    analysis_progress_free(s->progress);
    s->progress = NULL;
    s->story.progress = NULL;
    analysis_collect_close(s->collect, scenario_run_ended(s->run));
    if (analysis_interrupt_seen()) {
        status = ANALYSIS_INTERRUPTED;
    } else if (s->lost != NULL) {
        fprintf(s->config->program->err, "pfsim %s: ended early: %s %s can't be met any more\n",
                s->config->command, s->lost->metric, s->lost->expression);
        status = ANALYSIS_MISSED;
    } else if (rc != 0) {
        status = fail(s, ANALYSIS_REFUSED, why);
    }
    status = analysis_program_worse(status, twice);
    return analysis_program_worse(status, conclude(s, document));
}

static void release(struct session *s)
{
    analysis_observers_free(&s->observers);
    analysis_progress_free(s->progress);
    analysis_series_free(s->series);
    scenario_run_free(s->run);
    analysis_pcap_free(s->pcap);
    analysis_output_discard(s->series_file);
    analysis_collect_free(s->collect);
    analysis_transfers_free(s->transfers);
    if (s->reserve >= 0) {
        close(s->reserve);
    }
}

/* What is about to run. */
static void headline(const struct analysis_session *config)
{
    const struct scenario *s = config->scenario;
    struct scenario_share share = scenario_share(s, config->shard, config->shards);
    FILE *err = config->program->err;
    char of[64] = "", *line = NULL;

    if (config->shards > 0) {
        snprintf(of, sizeof(of), " (share %u of %u)", config->shard, config->shards);
    }
    if (asprintf(&line, "%s: %u phones, %u site%s%s, method %s, seed %llu, %s%s", s->name,
                 share.phones, share.len, share.len == 1 ? "" : "s", of,
                 scenario_method_name(config->method), (unsigned long long)config->seed,
                 scenario_world_name(config->world),
                 config->world == SCENARIO_LIVE  ? ""
                 : s->network == SCENARIO_PACKET ? ", packet network"
                                                 : ", fluid network") < 0) {
        return; /* of a run that memory is missing for there will be more to say */
    }
    if (isatty(fileno(err)) == 1) {
        struct analysis_style style = analysis_summary_style(err);
        analysis_summary_wrap(&style, 0, 2, line);
    } else {
        fprintf(err, "%s\n", line); /* a line of a log stays whole */
    }
    free(line);
}

int analysis_session_run(const struct analysis_session *config, cJSON **document)
{
    struct session s = {.config = config, .began = sim_live_clock(), .reserve = -1};
    int status;

    *document = NULL;
    analysis_interrupt_hold(); /* from here on there is a result to come, or one to keep */
    if (!config->quiet) {
        headline(config);
    }
    if ((status = check(&s)) == ANALYSIS_OK && (status = open_files(&s)) == ANALYSIS_OK &&
        (status = build_run(&s)) == ANALYSIS_OK && (status = attach(&s)) == ANALYSIS_OK) {
        warn_of_aborts(&s);
        warn_of_chance(&s);
        warn_of_threads(&s);
        status = go(&s, document);
    }
    if (*document == NULL && analysis_interrupt_seen()) {
        status = ANALYSIS_INTERRUPTED;
    }
    release(&s);
    return status;
}
