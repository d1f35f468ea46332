/* analysis/sweep/sweep.c -- see sweep.h. */
#include "analysis/sweep/sweep.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/interrupt.h"
#include "analysis/result.h"
#include "analysis/summary.h"
#include "analysis/sweep/store.h"
#include "analysis/sweep/tables.h"
#include "sim/err.h"
#include "sim/live/clock.h"
#include "sim/units.h"

/* Our choices. */
#define COMMIT_EVERY (500 * SIM_MS) /* what a power cut can cost beyond the runs under way */
#define BUSY_LIMIT (60 * SIM_S)     /* another program has locked the file for that long */
#define WAIT (100 * SIM_MS)         /* between looks at the clock */
#define WAIT_RANKS (2 * SIM_MS)     /* between looks at messages */
#define PLAIN_EVERY (10 * SIM_S)    /* progress lines in a log */
#define LIVE_EVERY (200 * SIM_MS)   /* on a terminal */

enum {
    BACKLOG_MAX = 64, /* results that wait for the file, before no new run is begun */
};

/* A result on its way into the store. */
struct waiting {
    struct waiting *next;
    uint32_t run;
    char *parcel;
    size_t len;
};

struct rank {
    unsigned slots;  /* 0: it has not said that it is ready */
    uint32_t *given; /* runs that it has; slots of them */
    unsigned given_len;
    uint64_t heard; /* clock */
    bool lost;
};

struct sweep {
    const struct analysis_sweep *config;
    struct analysis_store *store;
    uint32_t *queue; /* runs to be handed out; a ring, as lost ones come back */
    uint32_t queue_at, queue_len, queue_cap;
    struct waiting *first, **last;
    unsigned backlog;
    struct rank *ranks; /* by number; the first is ourselves and unused */
    unsigned ranks_len;
    bool any_lost;
    uint32_t to_run, ended, missed, failed; /* of this sweep, stored ones not counted */
    uint64_t began, committed, busy_since, next_progress, next_alive;
    bool warned, told /* that the file is locked */, gave_up /* the file */, is_live, is_drawn;
    int status;
};

static int fail(struct sweep *s, const char *why)
{
    if (s->is_drawn) {
        fprintf(s->config->program->err, "\r\033[K");
        s->is_drawn = false;
    }
    s->status = analysis_program_worse(
        s->status, analysis_program_fail(s->config->program, "sweep", ANALYSIS_REFUSED, "%s", why));
    return s->status;
}

/* ---- What is to be run ---- */

static void enqueue(struct sweep *s, uint32_t run)
{
    s->queue[(s->queue_at + s->queue_len++) % s->queue_cap] = run;
}

static bool dequeue(struct sweep *s, uint32_t *run)
{
    while (s->queue_len > 0) {
        *run = s->queue[s->queue_at];
        s->queue_at = (s->queue_at + 1) % s->queue_cap;
        s->queue_len--;
        if (analysis_store_status(s->store, *run) == ANALYSIS_STORE_MISSING) {
            return true; /* a rank thought lost may have sent it after all */
        }
    }
    return false;
}

static int fill_queue(struct sweep *s)
{
    uint32_t runs = analysis_store_runs(s->store);

    s->queue_cap = runs;
    s->queue = calloc(runs, sizeof(*s->queue));
    if (s->queue == NULL) {
        return fail(s, sim_err_text(SIM_ENOMEM));
    }
    for (uint32_t run = 0; run < runs; run++) {
        if (analysis_store_status(s->store, run) == ANALYSIS_STORE_MISSING) {
            enqueue(s, run);
        }
    }
    s->to_run = s->queue_len;
    return ANALYSIS_OK;
}

/* `keep`: room for the folder's name. */
static struct analysis_job job_of(const struct sweep *s, uint32_t run, char keep[ANALYSIS_PATH_MAX])
{
    const struct analysis_sweep *config = s->config;

    if (config->keep) {
        snprintf(keep, ANALYSIS_PATH_MAX, "%.4000s/runs/%u", config->out, run);
    }
    return (struct analysis_job){
        .run = run,
        .path = config->grid->path,
        .text = config->grid->list[analysis_store_combination(s->store, run)].text,
        .seed = analysis_store_seed(s->store, run),
        .metrics = config->metrics,
        .metrics_len = config->metrics_len,
        .keep = config->keep ? keep : NULL,
        .version = config->program->version,
    };
}

/* ---- What comes back ---- */

/* Takes the parcel over. */
static void receive(struct sweep *s, uint32_t run, char *parcel, size_t len)
{
    struct waiting *w = parcel != NULL ? calloc(1, sizeof(*w)) : NULL;

    if (w == NULL) {
        free(parcel);
        fail(s, sim_err_text(SIM_ENOMEM));
        return;
    }
    *w = (struct waiting){.run = run, .parcel = parcel, .len = len};
    *s->last = w;
    s->last = &w->next;
    s->backlog++;
}

static void count(struct sweep *s, uint32_t run)
{
    enum analysis_store_status status = analysis_store_status(s->store, run);

    s->ended++;
    s->missed += status == ANALYSIS_STORE_MISSED;
    s->failed += status == ANALYSIS_STORE_FAILED || status == ANALYSIS_STORE_INVALID;
}

static void drop_first(struct sweep *s)
{
    struct waiting *w = s->first;

    s->first = w->next;
    if (s->first == NULL) {
        s->last = &s->first;
    }
    s->backlog--;
    free(w->parcel);
    free(w);
}

/* The file is locked by somebody else: said once, and not for ever. */
static void be_patient(struct sweep *s, uint64_t now, const char *why)
{
    if (s->busy_since == 0) {
        s->busy_since = now;
    }
    if (now - s->busy_since > BUSY_LIMIT) {
        fail(s, why); /* nothing is lost yet: the end tries once more */
        s->told = true;
    } else if (!s->warned && !s->config->quiet) {
        fprintf(s->config->program->err, "%spfsim sweep: warning: %s\n",
                s->is_drawn ? "\r\033[K" : "", why);
        s->warned = true;
        s->is_drawn = false;
    }
}

/* The file can't be written: only what is in it counts from here on, and one sentence is enough. */
static void give_up_file(struct sweep *s, const char *why)
{
    uint32_t missing = 0;

    analysis_store_rollback(s->store);
    for (uint32_t run = 0; run < analysis_store_runs(s->store); run++) {
        missing += analysis_store_status(s->store, run) == ANALYSIS_STORE_MISSING;
    }
    s->ended = missing < s->to_run ? s->to_run - missing : 0;
    s->gave_up = true;
    if (!s->told) {
        fail(s, why);
    }
}

/* Into the store, and to the disk when it is time; `all`: now. */
static void store(struct sweep *s, bool all)
{
    char why[ANALYSIS_WHY_MAX];
    uint64_t now = sim_live_clock();
    int rc = 0;

    while (s->first != NULL) {
        uint32_t run = s->first->run;
        if (run >= analysis_store_runs(s->store) ||
            analysis_store_status(s->store, run) != ANALYSIS_STORE_MISSING) {
            drop_first(s); /* it came twice */
            continue;
        }
        rc = analysis_store_put(s->store, run, s->first->parcel, s->first->len, why);
        if (rc == SIM_EPROTO) {
            fail(s, why);
        } else if (rc != 0) {
            break;
        } else {
            count(s, run);
        }
        drop_first(s);
    }
    if (rc == 0 && (all || now - s->committed >= COMMIT_EVERY)) {
        rc = analysis_store_commit(s->store, why);
        s->committed = now;
    }
    if (rc == SIM_EBUSY && !all) {
        be_patient(s, now, why);
    } else if (rc != 0) {
        give_up_file(s, why);
    } else {
        s->busy_since = 0;
    }
}

/* ---- This machine ---- */

static bool goes_on(const struct sweep *s)
{
    return s->status != ANALYSIS_REFUSED && !analysis_interrupt_seen();
}

static void feed_pool(struct sweep *s)
{
    const struct analysis_sweep *config = s->config;
    char why[ANALYSIS_WHY_MAX];
    uint32_t run;

    while (goes_on(s) && s->backlog < BACKLOG_MAX &&
           analysis_pool_busy(config->pool) < config->jobs && dequeue(s, &run)) {
        char keep[ANALYSIS_PATH_MAX];
        struct analysis_job job = job_of(s, run, keep);
        char *text = analysis_job_text(&job); /* a copy that lives as long as it is needed */
        const char *metrics[ANALYSIS_JOB_METRICS_MAX];
        cJSON *holder = NULL;
        if (text == NULL || analysis_job_read(&job, metrics, text, strlen(text), &holder) != 0) {
            snprintf(why, sizeof(why), "%s", sim_err_text(SIM_ENOMEM));
            fail(s, why);
        } else if (analysis_pool_start(config->pool, &job, holder, why) != 0) {
            cJSON_Delete(holder);
            fail(s, why);
        }
        free(text);
    }
}

static void drain_pool(struct sweep *s)
{
    uint32_t run;
    char *parcel;
    size_t len;

    while (analysis_pool_take(s->config->pool, &run, &parcel, &len)) {
        if (analysis_interrupt_seen()) {
            free(parcel); /* the signal may have ended it in the middle */
        } else {
            receive(s, run, parcel, len);
        }
    }
}

/* ---- The other ranks ---- */

static void lose(struct sweep *s, unsigned number, const char *what)
{
    struct rank *rank = &s->ranks[number];

    rank->lost = true;
    s->any_lost = true;
    if (!s->config->quiet) {
        fprintf(s->config->program->err, "%spfsim sweep: rank %u %s; its %u run%s to others\n",
                s->is_drawn ? "\r\033[K" : "", number, what, rank->given_len,
                rank->given_len == 1 ? " goes" : "s go");
        s->is_drawn = false;
    }
    for (unsigned i = 0; i < rank->given_len; i++) {
        enqueue(s, rank->given[i]);
    }
    rank->given_len = 0;
}

static void give_back(struct rank *rank, uint32_t run)
{
    for (unsigned i = 0; i < rank->given_len; i++) {
        if (rank->given[i] == run) {
            rank->given[i] = rank->given[--rank->given_len];
            return;
        }
    }
}

static void on_message(struct sweep *s, struct analysis_ranks_message *m)
{
    struct rank *rank = &s->ranks[m->from];
    uint64_t slots;

    rank->heard = sim_live_clock();
    switch (m->kind) {
    case ANALYSIS_RANKS_READY:
        if (rank->slots == 0 && analysis_options_number(m->text, ANALYSIS_POOL_MAX, &slots) == 0 &&
            slots > 0 && (rank->given = calloc(slots, sizeof(*rank->given))) != NULL) {
            rank->slots = (unsigned)slots;
        }
        break;
    case ANALYSIS_RANKS_PARCEL: {
        cJSON *o = cJSON_ParseWithLength(m->text, m->len);
        const cJSON *run = cJSON_GetObjectItemCaseSensitive(o, "run");
        if (cJSON_IsNumber(run) && run->valuedouble >= 0 &&
            run->valuedouble < analysis_store_runs(s->store)) {
            give_back(rank, (uint32_t)run->valuedouble);
            receive(s, (uint32_t)run->valuedouble, m->text, m->len);
            m->text = NULL;
        }
        cJSON_Delete(o);
        break;
    }
    case ANALYSIS_RANKS_LIFE:
    case ANALYSIS_RANKS_JOB:
    case ANALYSIS_RANKS_STOP:
        break;
    }
}

static void feed_rank(struct sweep *s, unsigned number)
{
    struct rank *rank = &s->ranks[number];
    uint32_t run;

    while (goes_on(s) && !rank->lost && rank->given_len < rank->slots && s->backlog < BACKLOG_MAX &&
           dequeue(s, &run)) {
        char keep[ANALYSIS_PATH_MAX];
        struct analysis_job job = job_of(s, run, keep);
        char *text = analysis_job_text(&job);
        if (text == NULL) {
            fail(s, sim_err_text(SIM_ENOMEM));
            return;
        }
        rank->given[rank->given_len++] = run;
        if (!analysis_ranks_send(s->config->ranks, number, ANALYSIS_RANKS_JOB, text,
                                 strlen(text))) {
            lose(s, number, "can't be reached");
        }
        free(text);
    }
}

static void tend_ranks(struct sweep *s)
{
    struct analysis_ranks_message m;
    uint64_t now = sim_live_clock();

    if (s->config->ranks == NULL) {
        return;
    }
    while (analysis_ranks_receive(s->config->ranks, &m)) {
        on_message(s, &m);
        free(m.text);
    }
    bool alive = now >= s->next_alive;
    for (unsigned i = 1; i < s->ranks_len; i++) {
        if (!s->ranks[i].lost && now > s->ranks[i].heard + ANALYSIS_RANKS_SILENCE) {
            lose(s, i, "has been silent for 10 s and is given up");
        }
        if (alive && !s->ranks[i].lost) {
            analysis_ranks_send(s->config->ranks, i, ANALYSIS_RANKS_LIFE, NULL, 0);
        }
        feed_rank(s, i);
    }
    if (alive) {
        s->next_alive = now + ANALYSIS_RANKS_ALIVE;
    }
}

static unsigned given_to_ranks(const struct sweep *s)
{
    unsigned sum = 0;

    for (unsigned i = 1; i < s->ranks_len; i++) {
        sum += s->ranks[i].given_len;
    }
    return sum;
}

static int open_ranks(struct sweep *s)
{
    if (s->config->ranks == NULL) {
        return ANALYSIS_OK;
    }
    s->ranks_len = analysis_ranks_count(s->config->ranks);
    s->ranks = calloc(s->ranks_len, sizeof(*s->ranks));
    if (s->ranks == NULL) {
        s->ranks_len = 0;
        return fail(s, sim_err_text(SIM_ENOMEM));
    }
    for (unsigned i = 1; i < s->ranks_len; i++) {
        s->ranks[i].heard = sim_live_clock(); /* they are all past MPI_Init */
    }
    return ANALYSIS_OK;
}

/* All others may end; a second at most is spent on telling them. `known`: NULL, or which of them
 * are lost. */
static void stop_ranks(struct analysis_ranks *ranks, const struct rank *known, bool any_lost)
{
    const char *text = any_lost ? "lost" : "";
    uint64_t limit = sim_live_clock() + SIM_S;

    if (ranks == NULL) {
        return;
    }
    for (unsigned i = 1; i < analysis_ranks_count(ranks); i++) {
        if (known == NULL || !known[i].lost) {
            analysis_ranks_send(ranks, i, ANALYSIS_RANKS_STOP, text, strlen(text));
        }
    }
    while (!analysis_ranks_flushed(ranks) && sim_live_clock() < limit) {
    }
}

void analysis_sweep_dismiss(struct analysis_ranks *ranks)
{
    stop_ranks(ranks, NULL, false);
}

/* ---- Progress ---- */

/* Whole seconds: parts of one say nothing that could be read in time. */
static const char *whole_seconds(uint64_t time, char out[SIM_UNITS_TEXT_MAX])
{
    return time < SIM_S ? "less than 1 s" : sim_units_format_duration(time / SIM_S * SIM_S, out);
}

/* How long the rest takes, once as many runs have ended as go at once: until then nobody knows. */
static void show_left(struct sweep *s, uint64_t elapsed)
{
    char left[SIM_UNITS_TEXT_MAX];

    if (s->ended < s->config->jobs || s->ended >= s->to_run) {
        return;
    }
    double each = (double)elapsed / s->ended;
    uint64_t rest = (uint64_t)(each * (s->to_run - s->ended));
    fprintf(s->config->program->err, ", %s%s left", rest < SIM_S ? "" : "about ",
            whole_seconds(rest, left));
}

static void show_progress(struct sweep *s)
{
    const struct analysis_sweep *config = s->config;
    uint64_t now = sim_live_clock();
    char passed[SIM_UNITS_TEXT_MAX];

    if (config->quiet || s->gave_up || now < s->next_progress) {
        return;
    }
    s->next_progress = now + (s->is_live ? LIVE_EVERY : PLAIN_EVERY);
    uint64_t elapsed = now - s->began;
    uint32_t stored = analysis_store_runs(s->store) - s->to_run;
    fprintf(config->program->err, "%s%u of %u runs", s->is_live ? "\r\033[K" : "",
            stored + s->ended, stored + s->to_run);
    if (s->missed > 0) {
        fprintf(config->program->err, ", %u missed", s->missed);
    }
    if (s->failed > 0) {
        fprintf(config->program->err, ", %u without a result", s->failed);
    }
    fprintf(config->program->err, ", %s passed", whole_seconds(elapsed, passed));
    show_left(s, elapsed);
    fprintf(config->program->err, "%s", s->is_live ? "" : "\n");
    fflush(config->program->err);
    s->is_drawn = s->is_live;
}

static void say_hello(struct sweep *s)
{
    const struct analysis_sweep *config = s->config;
    uint32_t runs = analysis_store_runs(s->store);
    FILE *to = config->program->err;

    if (config->quiet) {
        return;
    }
    fprintf(to, "%s: %zu combination%s x %u seed%s, %u run%s, %s, %u at once", config->grid->name,
            config->grid->len, config->grid->len == 1 ? "" : "s", config->repeat,
            config->repeat == 1 ? "" : "s", runs, runs == 1 ? "" : "s",
            scenario_world_name(config->grid->world), config->jobs);
    if (s->ranks_len > 1) {
        fprintf(to, " on this rank and %u more ranks", s->ranks_len - 1);
    }
    fputc('\n', to);
    if (s->to_run < runs) {
        fprintf(to, "%u of them are in %s/" ANALYSIS_STORE_NAME " already\n", runs - s->to_run,
                config->out);
    }
}

/* ---- The end ---- */

static int judge(const struct sweep *s)
{
    int status = ANALYSIS_OK;

    for (uint32_t run = 0; run < analysis_store_runs(s->store); run++) {
        switch (analysis_store_status(s->store, run)) {
        case ANALYSIS_STORE_MET:
        case ANALYSIS_STORE_MISSING: /* interrupted, which the status says otherwise */
            break;
        case ANALYSIS_STORE_MISSED:
            status = analysis_program_worse(status, ANALYSIS_MISSED);
            break;
        case ANALYSIS_STORE_INVALID:
            status = analysis_program_worse(status, ANALYSIS_INVALID);
            break;
        case ANALYSIS_STORE_FAILED:
            status = analysis_program_worse(status, ANALYSIS_REFUSED);
            break;
        }
    }
    return status;
}

static void print_json(struct sweep *s, const cJSON *view)
{
    char *text = analysis_result_text(view);

    if (text == NULL) {
        fail(s, sim_err_text(SIM_ENOMEM));
        return;
    }
    fputs(text, s->config->program->out);
    free(text);
}

/* The view is the caller's; NULL when there is none. */
static cJSON *conclude(struct sweep *s)
{
    const struct analysis_sweep *config = s->config;
    const struct analysis_tables_config tables = {
        .grid = config->grid,
        .store = s->store,
        .version = config->program->version,
        .repeat = config->repeat,
        .metrics = config->metrics,
        .metrics_len = config->metrics_len,
    };
    char why[ANALYSIS_WHY_MAX];
    cJSON *view = NULL;
    const char *out = config->out;

    if (analysis_tables_view(&view, &tables, why) != 0) {
        fail(s, why);
        return NULL;
    }
    if (out != NULL && s->status != ANALYSIS_REFUSED &&
        analysis_tables_write(view, out, why) != 0) {
        fail(s, why);
    }
    if (config->json) {
        print_json(s, view);
    } else {
        struct analysis_style style = analysis_summary_style(config->program->out);
        analysis_tables_print(&style, view, config->columns,
                              s->status == ANALYSIS_REFUSED ? NULL : out);
    }
    s->status = analysis_program_worse(s->status, judge(s));
    s->status = analysis_program_flush(config->program, "sweep", s->status);
    return view;
}

static void go(struct sweep *s)
{
    const struct analysis_sweep *config = s->config;

    s->began = s->committed = sim_live_clock();
    s->next_progress = s->began + (s->is_live ? LIVE_EVERY : PLAIN_EVERY);
    while (goes_on(s) && (s->queue_len > 0 || s->first != NULL ||
                          analysis_pool_busy(config->pool) > 0 || given_to_ranks(s) > 0)) {
        feed_pool(s);
        tend_ranks(s);
        drain_pool(s);
        store(s, false);
        show_progress(s);
        if (goes_on(s) && (analysis_pool_busy(config->pool) == config->jobs || s->queue_len == 0 ||
                           s->backlog >= BACKLOG_MAX)) {
            analysis_pool_wait(config->pool, config->ranks != NULL ? WAIT_RANKS : WAIT);
        }
    }
    if (s->is_drawn) {
        fprintf(config->program->err, "\r\033[K");
        s->is_drawn = false;
    }
    if (!s->gave_up) {
        store(s, true);
    }
    if (analysis_interrupt_seen()) {
        s->status = ANALYSIS_INTERRUPTED;
        fprintf(config->program->err, "pfsim sweep: interrupted: %u of %u runs are finished%s\n",
                analysis_store_runs(s->store) - s->to_run + s->ended, analysis_store_runs(s->store),
                config->out != NULL ? " and kept; the same command goes on from there" : "");
    }
}

static int open_store(struct sweep *s)
{
    const struct analysis_sweep *config = s->config;
    const struct analysis_store_config store_config = {
        .dir = config->out,
        .grid = config->grid,
        .version = config->program->version,
        .repeat = config->repeat,
        .metrics = config->metrics,
        .metrics_len = config->metrics_len,
        .fresh = config->fresh,
    };
    char why[ANALYSIS_WHY_MAX];

    if ((config->out != NULL && analysis_output_folder(config->out, why) != 0) ||
        analysis_store_open(&s->store, &store_config, why) != 0) {
        return fail(s, why);
    }
    return ANALYSIS_OK;
}

static void release(struct sweep *s)
{
    while (s->first != NULL) {
        drop_first(s);
    }
    for (unsigned i = 0; i < s->ranks_len; i++) {
        free(s->ranks[i].given);
    }
    free(s->ranks);
    free(s->queue);
    analysis_store_close(s->store);
}

int analysis_sweep_run(const struct analysis_sweep *config, cJSON **view, bool *lost)
{
    struct sweep s = {
        .config = config,
        .is_live = isatty(fileno(config->program->err)) == 1,
        .status = ANALYSIS_OK,
    };

    *view = NULL;
    s.last = &s.first;
    if (open_store(&s) == ANALYSIS_OK && open_ranks(&s) == ANALYSIS_OK &&
        fill_queue(&s) == ANALYSIS_OK) {
        analysis_interrupt_hold(); /* finished runs are kept */
        say_hello(&s);
        go(&s);
        if (s.status != ANALYSIS_REFUSED || s.ended > 0) {
            *view = conclude(&s);
        }
    }
    stop_ranks(config->ranks, s.ranks, s.any_lost);
    *lost = s.any_lost;
    release(&s);
    return s.status;
}
