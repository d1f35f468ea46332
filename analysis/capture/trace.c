/* analysis/capture/trace.c -- --trace: a timeline in the Trace Event Format (JSON object form),
 * which ui.perfetto.dev and chrome://tracing open. See capture.h.
 *
 * A process is a site, a thread a phone. Slices: what a phone was doing, and within that what it
 * was fetching; an arrow leads from the parent to the child. Instants: roles, faults, failures and
 * what else went wrong. Counters of a site: bits on its line, phones done. Of many phones a sample
 * is shown (report/phases.h), and the file and a line on standard error say so. Events are sorted
 * outside memory by (instant, kind), so that a slice comes before what lies in it. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/capture/capture.h"
#include "analysis/capture/file.h"
#include "analysis/report/phases.h"
#include "analysis/sort.h"
#include "sim/err.h"

enum {
    PHONES_MAX = 2000, /* tracks: what a browser scrolls with ease; our choice */
    NAME_MAX_BYTES = 255,
};

/* Of equal instants: what comes first. */
enum order { ORDER_NAMES, ORDER_PHASE, ORDER_TRANSFER, ORDER_ARROW, ORDER_INSTANT, ORDER_COUNTER };

struct transfer {
    bool open;
    sim_time began;
    sim_addr from;
    char file[NAME_MAX_BYTES + 1];
};

struct track {
    sim_node node;
    uint32_t site;
    sim_addr addr;
    bool begun;     /* it has been in a phase */
    uint8_t phase;  /* enum sim_phase */
    sim_time since; /* of the phase */
    sim_time busy;  /* end of its latest transfer's slice */
    struct transfer transfer;
    char file[NAME_MAX_BYTES + 1]; /* of the phase; "" */
};

struct place { /* a site that is shown */
    uint32_t site;
    sim_time at;    /* of the latest sample */
    uint64_t bytes; /* on its line by then */
    uint64_t bit_s; /* as last told */
    uint32_t done, failed;
};

struct trace {
    struct analysis_observed observed;
    struct analysis_capture_file *file;
    struct analysis_sort *sort;
    pthread_mutex_t lock; /* lanes and the tick write into one sort */
    uint32_t sites;
    uint64_t arrows;
    size_t written;
    size_t tracks_len, places_len;
    struct place *places; /* ascending */
    struct track tracks[PHONES_MAX];
};

/* ---- Events ---- */

static void put_instant(struct analysis_line *l, const char *name, uint64_t ns)
{
    analysis_line_print(l, ",\"%s\":%llu.%03llu", name, (unsigned long long)(ns / 1000),
                        (unsigned long long)(ns % 1000));
}

static uint32_t pid_of(uint32_t site)
{
    return site + 1;
}

/* Threads' numbers are unique in the file, and none is a process's. */
static uint64_t tid_of(const struct trace *t, sim_node node)
{
    return (uint64_t)t->sites + 1 + node;
}

static void begin(const struct trace *t, struct analysis_line *l, const char *name, char kind,
                  sim_time at, const struct track *track)
{
    l->len = 0;
    analysis_line_print(l, "{\"ph\":\"%c\",\"name\":", kind);
    analysis_line_string(l, name);
    put_instant(l, "ts", at);
    analysis_line_print(l, ",\"pid\":%u,\"tid\":%llu", pid_of(track->site),
                        (unsigned long long)tid_of(t, track->node));
}

static void end(struct trace *t, struct analysis_line *l, sim_time at, enum order order)
{
    analysis_line_print(l, "}");
    analysis_sort_add(t->sort, 0, at, order, l->text, l->len, NULL, 0);
}

static void close_phase(struct trace *t, struct track *track, sim_time now)
{
    struct analysis_line l;

    if (!track->begun || track->phase == SIM_PHASE_OFF) {
        return;
    }
    begin(t, &l, sim_phase_name((enum sim_phase)track->phase), 'X', track->since, track);
    put_instant(&l, "dur", now - track->since);
    analysis_line_print(&l, ",\"cat\":\"phase\"");
    if (track->file[0] != '\0') {
        analysis_line_print(&l, ",\"args\":{\"file\":");
        analysis_line_string(&l, track->file);
        analysis_line_print(&l, "}");
    }
    end(t, &l, track->since, ORDER_PHASE);
}

static const struct track *track_at(const struct trace *t, uint32_t site, sim_addr addr)
{
    size_t low = 0, high = t->tracks_len; /* addresses rise with the numbers of phones */

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct track *track = &t->tracks[middle];
        if (track->site < site || (track->site == site && track->addr < addr)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < t->tracks_len && t->tracks[low].site == site && t->tracks[low].addr == addr
               ? &t->tracks[low]
               : NULL;
}

static void put_arrow(struct trace *t, const struct track *child, sim_addr from, sim_time at)
{
    const struct track *parent = track_at(t, child->site, from);
    struct analysis_line l;

    if (parent == NULL || !parent->begun || parent->phase == SIM_PHASE_OFF) {
        return; /* not shown */
    }
    t->arrows++;
    begin(t, &l, "share", 's', at, parent);
    analysis_line_print(&l, ",\"cat\":\"share\",\"id\":%llu", (unsigned long long)t->arrows);
    end(t, &l, at, ORDER_ARROW);
    begin(t, &l, "share", 'f', at, child);
    analysis_line_print(&l, ",\"cat\":\"share\",\"id\":%llu,\"bp\":\"e\"",
                        (unsigned long long)t->arrows);
    end(t, &l, at, ORDER_ARROW);
}

/* The slice lies within its phase's and behind the one before: where a transfer outlasts a phase,
 * its slice begins with the next one. */
static void close_transfer(struct trace *t, struct track *track, sim_time now, const char *outcome,
                           uint64_t bytes, const char *reason)
{
    struct transfer *x = &track->transfer;
    char from[SIM_ADDR_TEXT_MAX];
    struct analysis_line l;
    sim_time at = x->began > track->since ? x->began : track->since;

    if (!x->open) {
        return;
    }
    x->open = false;
    at = at > track->busy ? at : track->busy;
    if (at > now || !track->begun) {
        return;
    }
    begin(t, &l, x->file, 'X', at, track);
    put_instant(&l, "dur", now - at);
    analysis_line_print(&l, ",\"cat\":\"transfer\",\"args\":{\"file\":");
    analysis_line_string(&l, x->file);
    analysis_line_member(&l, "from", x->from != 0 ? sim_addr_format(x->from, from) : "server");
    if (outcome == NULL || bytes > 0) {
        analysis_line_print(&l, ",\"bytes\":%llu", (unsigned long long)bytes);
    }
    analysis_line_member(&l, "outcome", outcome != NULL ? outcome : "ok");
    analysis_line_member(&l, "reason", reason);
    analysis_line_print(&l, "}");
    end(t, &l, at, ORDER_TRANSFER);
    track->busy = now;
    if (x->from != 0) {
        put_arrow(t, track, x->from, at);
    }
}

static void put_point(struct trace *t, const struct track *track, const char *name,
                      const struct sim_record *r)
{
    struct analysis_line l;

    begin(t, &l, name, 'i', r->at, track);
    analysis_line_print(&l, ",\"s\":\"t\",\"cat\":");
    analysis_line_string(&l, sim_record_kind_name(r->kind));
    analysis_line_print(&l, ",\"args\":{\"kind\":");
    analysis_line_string(&l, sim_record_kind_name(r->kind));
    analysis_line_member(&l, "file", r->name);
    analysis_line_member(&l, "text", r->text);
    analysis_line_print(&l, "}");
    end(t, &l, r->at, ORDER_INSTANT);
}

/* What a scenario broke in a site that is shown. */
static void put_fault(struct trace *t, uint32_t site, const struct sim_record *r)
{
    struct analysis_line l = {.len = 0};

    analysis_line_print(&l, "{\"ph\":\"i\",\"name\":");
    analysis_line_string(&l, r->text != NULL ? r->text : "fault");
    put_instant(&l, "ts", r->at);
    analysis_line_print(&l, ",\"pid\":%u,\"tid\":%u,\"s\":\"p\",\"cat\":\"FAULT\"", pid_of(site),
                        pid_of(site));
    end(t, &l, r->at, ORDER_INSTANT);
}

/* ---- Records ---- */

static void keep_name(char out[NAME_MAX_BYTES + 1], const char *name)
{
    snprintf(out, NAME_MAX_BYTES + 1, "%s", name != NULL ? name : "");
}

static void enter_phase(struct trace *t, struct track *track, const struct sim_record *r)
{
    if (r->a == SIM_PHASE_OFF) {
        close_transfer(t, track, r->at, "cut off", 0, NULL);
    }
    close_phase(t, track, r->at);
    track->begun = true;
    track->phase = (uint8_t)r->a;
    track->since = r->at;
    keep_name(track->file, r->name);
}

static void tell(struct trace *t, struct track *track, const struct sim_record *r)
{
    char name[64];

    switch (r->kind) {
    case SIM_RECORD_PHASE:
        enter_phase(t, track, r);
        return;
    case SIM_RECORD_TRANSFER_BEGIN:
        close_transfer(t, track, r->at, "cut off", 0, NULL);
        track->transfer = (struct transfer){.open = true, .began = r->at, .from = r->peer};
        keep_name(track->transfer.file, r->name);
        return;
    case SIM_RECORD_TRANSFER_END:
        track->transfer = (struct transfer){.open = true, .began = r->c, .from = r->peer};
        keep_name(track->transfer.file, r->name);
        close_transfer(t, track, r->at, r->a == 0 ? NULL : sim_err_text(-(int)r->a), r->b,
                       r->a == 0 ? NULL : r->text);
        return;
    case SIM_RECORD_ROLE:
        snprintf(name, sizeof(name), "role: %s", analysis_capture_role(r->a));
        put_point(t, track, name, r);
        return;
    case SIM_RECORD_DETACH:
        put_point(t, track, "lost its parent", r);
        return;
    case SIM_RECORD_REJECT:
        put_point(t, track, "wrong body", r);
        return;
    case SIM_RECORD_FALLBACK:
        put_point(t, track, "turned to the server", r);
        return;
    case SIM_RECORD_RETRY:
        put_point(t, track, "tried again", r);
        return;
    case SIM_RECORD_OUTCOME:
        if (r->a == SIM_OUTCOME_FAILED) {
            put_point(t, track, "failed", r);
        }
        return;
    case SIM_RECORD_FAULT:
        put_point(t, track, r->text != NULL ? r->text : "fault", r);
        return;
    case SIM_RECORD_CLAIM:
    case SIM_RECORD_ATTACH:
    case SIM_RECORD_CHILDREN:
    case SIM_RECORD_HOLD:
    case SIM_RECORD_RESUME:
    case SIM_RECORD_BACK:
    case SIM_RECORD_LOG:
        return; /* seen in other ways, or too many */
    }
}

static struct place *place_of(const struct trace *t, uint32_t site)
{
    size_t low = 0, high = t->places_len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (t->places[middle].site < site) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < t->places_len && t->places[low].site == site ? &t->places[low] : NULL;
}

static void on_record(void *context, unsigned lane, const struct analysis_phone *phone,
                      const struct sim_record *r)
{
    struct trace *t = context;
    uint32_t site = analysis_capture_site(&t->observed, phone, r);

    (void)lane;
    pthread_mutex_lock(&t->lock);
    if (phone->is_phone) {
        /* Only read above; only its own lane changes it. */
        struct track *track = (struct track *)(uintptr_t)track_at(t, site, phone->addr);
        if (track != NULL) {
            tell(t, track, r);
        }
    } else if (r->kind == SIM_RECORD_FAULT && place_of(t, site) != NULL) {
        put_fault(t, site, r);
    }
    pthread_mutex_unlock(&t->lock);
}

/* ---- Counters ---- */

static void put_counter(struct trace *t, const struct place *p, const char *name,
                        const char *series, uint64_t value, sim_time at)
{
    struct analysis_line l = {.len = 0};

    analysis_line_print(&l, "{\"ph\":\"C\",\"name\":\"%s\"", name);
    put_instant(&l, "ts", at);
    analysis_line_print(&l, ",\"pid\":%u,\"args\":{\"%s\":%llu}", pid_of(p->site), series,
                        (unsigned long long)value);
    end(t, &l, at, ORDER_COUNTER);
}

/* The rate holds from the sample before to this one, so it is told as of the sample before. */
static void count(struct trace *t, struct place *p, sim_time now)
{
    struct sim_site_stats stats;
    struct analysis_so_far so_far;

    if (now > p->at) {
        scenario_run_line_stats(t->observed.run, p->site, &stats);
        unsigned __int128 bits = (unsigned __int128)(stats.wan_bytes - p->bytes) * 8 * SIM_S;
        uint64_t bit_s = (uint64_t)(bits / (now - p->at));
        if (bit_s != p->bit_s) {
            put_counter(t, p, "WAN down", "bit/s", bit_s, p->at);
        }
        p->bit_s = bit_s;
        p->bytes = stats.wan_bytes;
        p->at = now;
    }
    analysis_collect_so_far(t->observed.collect, p->site, &so_far);
    uint32_t done = so_far.outcomes[SIM_OUTCOME_UPGRADED] + so_far.outcomes[SIM_OUTCOME_CURRENT];
    uint32_t failed = so_far.outcomes[SIM_OUTCOME_FAILED];
    if (done != p->done) {
        put_counter(t, p, "phones done", "phones", done, now);
    }
    if (failed != p->failed) {
        put_counter(t, p, "phones failed", "phones", failed, now);
    }
    p->done = done;
    p->failed = failed;
}

static void on_tick(void *context, sim_time now)
{
    struct trace *t = context;
    uint32_t first, len;

    scenario_run_group(t->observed.run, &first, &len);
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < t->places_len; i++) {
        if (t->places[i].site - first < len) {
            count(t, &t->places[i], now);
        }
    }
    pthread_mutex_unlock(&t->lock);
}

static void on_group_ended(void *context, uint32_t first, uint32_t len, sim_time now)
{
    struct trace *t = context;

    on_tick(context, now);
    for (size_t i = 0; i < t->tracks_len; i++) {
        struct track *track = &t->tracks[i];
        if (track->site - first < len) {
            close_transfer(t, track, now, "unfinished", 0, NULL);
            close_phase(t, track, now);
            track->begun = false;
        }
    }
    for (size_t i = 0; i < t->places_len; i++) {
        if (t->places[i].site - first < len && t->places[i].bit_s != 0) {
            put_counter(t, &t->places[i], "WAN down", "bit/s", 0, now);
        }
    }
}

/* ---- The file ---- */

static void put_name(struct trace *t, const char *what, uint32_t pid, uint64_t tid,
                     const char *name, uint64_t index)
{
    struct analysis_line l = {.len = 0};

    analysis_line_print(&l,
                        "{\"ph\":\"M\",\"name\":\"%s_name\",\"pid\":%u,\"tid\":%llu,\"args\":{"
                        "\"name\":",
                        what, pid, (unsigned long long)tid);
    analysis_line_string(&l, name);
    analysis_line_print(&l, "}");
    end(t, &l, 0, ORDER_NAMES);
    l.len = 0;
    analysis_line_print(&l,
                        "{\"ph\":\"M\",\"name\":\"%s_sort_index\",\"pid\":%u,\"tid\":%llu,"
                        "\"args\":{\"sort_index\":%llu}",
                        what, pid, (unsigned long long)tid, (unsigned long long)index);
    end(t, &l, 0, ORDER_NAMES);
}

static void put_names(struct trace *t)
{
    for (size_t i = 0; i < t->places_len; i++) {
        uint32_t site = t->places[i].site;
        put_name(t, "process", pid_of(site), pid_of(site),
                 scenario_run_site(t->observed.run, site)->name, site);
    }
    for (size_t i = 0; i < t->tracks_len; i++) {
        const struct track *track = &t->tracks[i];
        struct scenario_phone_info info;
        char name[300], addr[SIM_ADDR_TEXT_MAX];

        if (scenario_run_phone(t->observed.run, track->node, &info)) {
            snprintf(name, sizeof(name), "%s %.250s", sim_addr_format(track->addr, addr),
                     info.model);
            put_name(t, "thread", pid_of(track->site), tid_of(t, track->node), name, track->node);
        }
    }
}

static void put_event(void *context, const void *bytes, size_t len)
{
    struct trace *t = context;

    if (t->written++ > 0) {
        analysis_capture_write(t->file, ",\n", 2);
    }
    analysis_capture_write(t->file, bytes, len);
    analysis_capture_mark(t->file);
}

static void put_head(struct trace *t)
{
    const struct analysis_session *s = t->observed.session;
    struct analysis_line l = {.len = 0};

    analysis_line_print(&l,
                        "{\"displayTimeUnit\":\"ms\",\"otherData\":{\"format\":\"pfsim trace\"");
    analysis_line_member(&l, "pfsim", s->program->version);
    analysis_line_member(&l, "scenario", s->scenario->name);
    analysis_line_member(&l, "world", scenario_world_name(s->world));
    analysis_line_member(&l, "method", scenario_method_name(s->method));
    analysis_line_print(
        &l, ",\"seed\":\"%llu\",\"phones\":%u,\"phones_shown\":%zu},\n\"traceEvents\":[\n",
        (unsigned long long)s->seed, s->scenario->phones_total, t->tracks_len);
    analysis_capture_write(t->file, l.text, l.len);
}

static int on_finish(void *context, const struct analysis_figures *figures, const cJSON *document,
                     char why[ANALYSIS_WHY_MAX])
{
    struct trace *t = context;

    (void)figures;
    (void)document;
    put_head(t);
    int rc = analysis_sort_read(t->sort, put_event, t, "the timeline", why);
    if (rc != 0) {
        analysis_capture_cut(t->file, why);
    } else {
        rc = analysis_capture_commit(t->file, why);
    }
    t->file = NULL;
    if (rc == 0) {
        const struct analysis_session *session = t->observed.session;
        analysis_capture_said(session, "timeline events", t->written, session->trace,
                              ", open it at https://ui.perfetto.dev");
    }
    return rc;
}

static void on_free(void *context)
{
    struct trace *t = context;

    analysis_capture_discard(t->file);
    analysis_sort_free(t->sort);
    pthread_mutex_destroy(&t->lock);
    free(t->places);
    free(t);
}

/* Who is shown, and where they are. */
static int choose(struct trace *t)
{
    const struct scenario *s = t->observed.session->scenario;
    uint64_t *sample = malloc(PHONES_MAX * sizeof(*sample));

    t->places = calloc(PHONES_MAX, sizeof(*t->places));
    if (sample == NULL || t->places == NULL) {
        free(sample);
        return SIM_ENOMEM;
    }
    size_t len = analysis_phases_sample(s, sample, PHONES_MAX);
    for (size_t i = 0; i < len; i++) {
        struct scenario_phone_info info;
        if (!scenario_run_phone(t->observed.run, (sim_node)sample[i], &info)) {
            continue; /* in another share */
        }
        if (t->places_len == 0 || t->places[t->places_len - 1].site != info.site) {
            t->places[t->places_len++].site = info.site;
        }
        t->tracks[t->tracks_len++] =
            (struct track){.node = (sim_node)sample[i], .site = info.site, .addr = info.addr};
    }
    free(sample);
    return 0;
}

int analysis_capture_trace(struct analysis_observer *out, const struct analysis_observed *observed,
                           const char *path, char why[ANALYSIS_WHY_MAX])
{
    const struct analysis_session *session = observed->session;
    struct trace *t = calloc(1, sizeof(*t));
    char dir[ANALYSIS_PATH_MAX];
    int rc;

    if (t == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    pthread_mutex_init(&t->lock, NULL);
    t->observed = *observed;
    t->sites = scenario_run_sites(observed->run);
    if ((rc = choose(t)) != 0) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(rc));
    }
    if (rc != 0 || (rc = analysis_capture_open(&t->file, path, "\n]}\n", why)) != 0 ||
        (rc = analysis_capture_folder(path, dir, why)) != 0 ||
        (rc = analysis_sort_new(&t->sort, dir, 1, why)) != 0) {
        on_free(t);
        return rc;
    }
    put_names(t);
    if (t->tracks_len < session->scenario->phones_total && session->shards == 0 &&
        !session->quiet) {
        fprintf(session->program->err,
                "timeline: %zu of %u phones, of every class of sites and every model\n",
                t->tracks_len, session->scenario->phones_total);
    }
    *out = (struct analysis_observer){.context = t,
                                      .record = on_record,
                                      .tick = on_tick,
                                      .group_ended = on_group_ended,
                                      .finish = on_finish,
                                      .free = on_free};
    return 0;
}
