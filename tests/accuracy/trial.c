/* tests/accuracy/trial.c -- see trial.h. */
#include "trial.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/caution.h"
#include "scenarios/build.h"

enum {
    SCENARIO_TEXT_MAX = 8192,
    HTTP_NAME = 127, /* bytes of a file's name: so long that a request has 200, as measured ones */
};

#define LIVE_LIMIT (10 * 60 * SIM_S) /* of a live run: it takes as long as it takes */

/* ---- The scenario ---- */

struct text {
    char bytes[SCENARIO_TEXT_MAX];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(t->bytes + t->len, sizeof(t->bytes) - t->len, format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < sizeof(t->bytes) - t->len);
    t->len += (size_t)len;
}

static void add_rate(struct text *t, double mbit_s)
{
    if (mbit_s > 0) {
        add(t, "\"%.3f kbit/s\"", mbit_s * 1e3);
    } else {
        add(t, "\"none\"");
    }
}

/* Phones are switched on within a microsecond each, as a program's loop does it. */
static void write_scenario(const struct trial *t, struct text *out)
{
    *out = (struct text){.len = 0};
    add(out, "{\"name\":\"trial\",\"world\":\"%s\",\"network\":\"%s\",\"method\":\"%s\",",
        scenario_world_name(t->world), t->network == SCENARIO_PACKET ? "packet" : "fluid",
        scenario_method_name(t->method));
    add(out, "\"firmware\":[{\"model\":\"M\",\"load\":\"L\",\"files\":[");
    for (uint32_t i = 0; i < t->files; i++) {
        unsigned long long size = t->sizes != NULL ? t->sizes[i] : t->file_bytes;

        add(out, "%s{\"name\":\"%0*u\",\"size\":\"%llu B\"}", i > 0 ? "," : "",
            t->is_tftp ? 1 : HTTP_NAME, i, size);
    }
    add(out, "]}],\"server\":{\"protocol\":\"%s\",\"keep_alive\":false,\"response_time\":\"0 s\",",
        t->is_tftp ? "tftp" : "http");
    add(out, "\"max_transfers\":\"none\",\"stall\":\"10 min\"},\"sites\":[{\"name\":\"site\",");
    add(out, "\"wan\":{\"rate\":");
    add_rate(out, t->mbit_s);
    add(out, ",\"rtt\":\"%.3f ms\",\"queue\":\"%u packets\",\"loss\":%g,\"framing\":\"2 B\"},",
        t->rtt_ms, t->queue, t->loss);
    add(out, "\"lan\":{\"rate\":");
    add_rate(out, t->lan_mbit_s);
    add(out, ",\"latency\":\"50 us\"},\"phones\":[{\"system\":\"bare\",\"model\":\"M\",");
    add(out, "\"count\":%u}]}],\"start\":{\"spread\":\"%u us\"},", t->phones, t->phones);
    add(out, "\"pfs\":{\"election\":\"static\",\"root_wait\":\"0 s\"}}");
}

static int load(const struct trial *t, struct scenario **out, char why[TRIAL_TEXT_MAX])
{
    struct scenario_errors errors = {NULL, 0};
    struct text text;

    write_scenario(t, &text);
    int rc = scenario_load_text("trial.json", text.bytes, text.len, NULL, 0, out, &errors);
    if (rc != 0) {
        const struct scenario_error *e = errors.len > 0 ? &errors.list[0] : NULL;

        snprintf(why, TRIAL_TEXT_MAX, "the scenario is wrong at %s: found %s, expected %s",
                 e != NULL ? e->json_path : "?", e != NULL ? e->found : "?",
                 e != NULL ? e->expected : "?");
    }
    scenario_errors_free(&errors);
    return rc;
}

/* ---- The run ---- */

struct tally {
    struct trial_result result;
    double sum;
    uint32_t upgraded, ended;
    bool is_live, is_late;
    char reason[TRIAL_TEXT_MAX]; /* of the first failure */
};

static void on_record(void *context, unsigned lane, const struct sim_record *record)
{
    struct tally *t = context;

    (void)lane;
    if (record->kind != SIM_RECORD_OUTCOME) {
        return;
    }
    t->ended++;
    if (record->a != SIM_OUTCOME_UPGRADED) {
        if (t->reason[0] == '\0') {
            snprintf(t->reason, sizeof(t->reason), "%s",
                     record->text != NULL ? record->text : "no reason given");
        }
        return;
    }
    double at = (double)record->at / 1e9;
    t->result.first = t->upgraded == 0 || at < t->result.first ? at : t->result.first;
    t->result.last = at > t->result.last ? at : t->result.last;
    t->sum += at;
    t->upgraded++;
}

static bool on_tick(void *context, const struct scenario_group *group, sim_time now)
{
    struct tally *t = context;

    (void)group;
    t->is_late = t->is_live && now > LIVE_LIMIT;
    return t->is_late;
}

static void count_caution(void *context, const char *text)
{
    struct trial_result *r = context;

    (void)text;
    r->cautions++;
}

static int go(const struct scenario *s, const struct trial *t, uint64_t seed, struct tally *tally,
              char why[TRIAL_TEXT_MAX])
{
    const struct scenario_run_options options = {
        .world = t->world,
        .method = t->method,
        .seed = seed,
        .trace = {.write = on_record, .context = tally},
        .tick = on_tick,
        .tick_context = tally,
        .tick_every = SIM_S,
    };
    char run_why[SCENARIO_WHY_MAX] = "";
    struct scenario_run *run = NULL;
    struct sim_site_stats stats;

    int rc = scenario_run_new(&run, s, &options, run_why);
    if (rc == 0) {
        rc = scenario_run_go(run, run_why);
    }
    if (rc == 0) {
        scenario_run_site_stats(run, 0, &stats);
        tally->result.wan_bytes = stats.wan_bytes;
    } else {
        snprintf(why, TRIAL_TEXT_MAX, "%.200s", tally->is_late ? "it takes too long" : run_why);
    }
    scenario_run_free(run);
    return rc;
}

int trial_run(const struct trial *t, uint64_t seed, struct trial_result *out,
              char why[TRIAL_TEXT_MAX])
{
    struct tally tally = {.is_live = t->world == SCENARIO_LIVE};
    struct scenario *s = NULL;

    assert(t->files <= TRIAL_FILES_MAX);
    int rc = load(t, &s, why);
    if (rc != 0) {
        return rc;
    }
    analysis_caution_fluid(s, t->method, count_caution, &tally.result);
    rc = go(s, t, seed, &tally, why);
    scenario_free(s);
    if (rc == 0 && tally.upgraded != t->phones) {
        snprintf(why, TRIAL_TEXT_MAX, "%u of %u phones have all files; %.180s", tally.upgraded,
                 t->phones, tally.reason);
        rc = SIM_EPROTO;
    }
    if (rc == 0) {
        tally.result.mean = tally.sum / t->phones;
        *out = tally.result;
    }
    return rc;
}

/* ---- Several runs ---- */

static struct trial_figure figure(double sum, double squares, unsigned n)
{
    double variance = n > 1 ? (squares - sum * sum / n) / (n - 1) : 0;

    return (struct trial_figure){sum / n, variance > 0 ? sqrt(variance) : 0};
}

int trial_repeat(const struct trial *t, unsigned seeds, struct trial_figures *out,
                 char why[TRIAL_TEXT_MAX])
{
    double sums[4] = {0}, squares[4] = {0};
    struct trial_result r = {0};

    assert(seeds > 0);
    for (unsigned seed = 1; seed <= seeds; seed++) {
        int rc = trial_run(t, seed, &r, why);
        if (rc != 0) {
            return rc;
        }
        const double values[4] = {r.first, r.mean, r.last, r.last - r.first};
        for (size_t i = 0; i < 4; i++) {
            sums[i] += values[i];
            squares[i] += values[i] * values[i];
        }
    }
    *out = (struct trial_figures){
        .first = figure(sums[0], squares[0], seeds),
        .mean = figure(sums[1], squares[1], seeds),
        .last = figure(sums[2], squares[2], seeds),
        .spread = figure(sums[3], squares[3], seeds),
        .seeds = seeds,
        .cautions = r.cautions,
    };
    return 0;
}
