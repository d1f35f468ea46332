/* analysis/series.c -- samples once a second; the columns are in header().
 *
 * Groups of sites that run side by side end in any order; their rows wait for their turn. */
#include "analysis/series.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "analysis/bins.h"

enum {
    PATIENCE = 120, /* seconds of a group that are sampled one by one; our choice, as the next */
    FINENESS = 64,  /* samples then lie at most this part of the time so far apart */
    TOLERANCE = 64, /* what moved by at most this part of it did not change */
    ROWS_MAX = 1 << 18, /* of groups that ended before their turn: some 30 MB; our choice */
};

enum { RATE_DOWN, RATE_UP, RATE_LAN, RATES_LEN };

struct sample {
    uint64_t wan_bytes, wan_up_bytes, lan_bytes;
    uint64_t rates[RATES_LEN];       /* of these, over the time before */
    uint32_t phases[SIM_PHASES_LEN]; /* phones in each */
};

struct row {
    sim_time at;
    uint32_t site;
    struct sample sample;
};

/* Of a group whose turn in the file has not come. */
struct rows {
    struct row *list;
    size_t len, cap;
    uint32_t sites; /* of the group, once it has ended; 0 */
};

struct lane {
    sim_time at; /* of the group's last sample */
    sim_duration pause;
    struct rows rows;
};

struct analysis_series {
    struct analysis_series_config config;
    _Atomic uint64_t rate;
    struct lane *lanes;
    pthread_mutex_t lock; /* all below but `samples` */
    pthread_cond_t turn;  /* `next` has moved on */
    uint32_t next;        /* first site of the group whose rows are written */
    struct rows *waiting; /* by first site: of groups that ended before their turn; NULL: of one
                             lane there are none */
    size_t waiting_len;   /* rows in them */
    struct analysis_bins wan, transfers;
    struct sample samples[]; /* the last one of each site */
};

static const char *const phase_columns[SIM_PHASES_LEN] = {
    [SIM_PHASE_OFF] = "off",
    [SIM_PHASE_BOOT] = "boot",
    [SIM_PHASE_CONFIGURE] = "configure",
    [SIM_PHASE_ELECT] = "elect",
    [SIM_PHASE_WAIT] = "wait",
    [SIM_PHASE_FETCH_PEER] = "fetch_peer",
    [SIM_PHASE_FETCH_SERVER] = "fetch_server",
    [SIM_PHASE_VERIFY] = "verify",
    [SIM_PHASE_LINGER] = "linger",
    [SIM_PHASE_APPLY] = "apply",
    [SIM_PHASE_REBOOT] = "reboot",
    [SIM_PHASE_IN_SERVICE] = "in_service",
    [SIM_PHASE_FAILED] = "failed",
};

const char *analysis_series_phase(enum sim_phase phase)
{
    return phase_columns[phase];
}

static void header(struct analysis_output *to)
{
    analysis_output_print(to, "time_s,site,wan_bytes_per_s,wan_up_bytes_per_s,lan_bytes_per_s");
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        analysis_output_print(to, ",%s", phase_columns[i]);
    }
    analysis_output_print(to, "\n");
}

struct analysis_series *analysis_series_new(const struct analysis_series_config *config)
{
    struct analysis_series *s = calloc(1, sizeof(*s) + config->sites * sizeof(s->samples[0]));

    if (s == NULL) {
        return NULL;
    }
    s->config = *config;
    s->next = config->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->turn, NULL);
    s->lanes = calloc(config->lanes, sizeof(s->lanes[0]));
    bool in_order = config->lanes == 1 || config->to == NULL;
    s->waiting = in_order ? NULL : calloc(config->sites, sizeof(s->waiting[0]));
    if (s->lanes == NULL || (!in_order && s->waiting == NULL)) {
        analysis_series_free(s);
        return NULL;
    }
    for (unsigned i = 0; i < config->lanes; i++) {
        s->lanes[i].pause = SIM_S;
    }
    header(config->to);
    return s;
}

void analysis_series_free(struct analysis_series *s)
{
    if (s == NULL) {
        return;
    }
    for (unsigned i = 0; s->lanes != NULL && i < s->config.lanes; i++) {
        free(s->lanes[i].rows.list);
    }
    for (uint32_t i = 0; s->waiting != NULL && i < s->config.sites; i++) {
        free(s->waiting[i].list);
    }
    free(s->lanes);
    free(s->waiting);
    analysis_bins_deinit(&s->wan);
    analysis_bins_deinit(&s->transfers);
    pthread_cond_destroy(&s->turn);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* `later - earlier` bytes over `span`, in bytes a second. Counters never run backwards, but may
 * be told by a racing lane. */
static uint64_t per_second(uint64_t later, uint64_t earlier, sim_duration span)
{
    unsigned __int128 bytes = later > earlier ? later - earlier : 0;
    return span == 0 ? 0 : (uint64_t)(bytes * SIM_S / span);
}

/* With the lock held, or of one lane. */
static void write_row(const struct analysis_series *s, const struct row *row)
{
    struct analysis_output *to = s->config.to;

    analysis_output_seconds(to, row->at);
    analysis_output_print(to, ",");
    analysis_output_field(to, s->config.name(s->config.context, row->site));
    for (unsigned i = 0; i < RATES_LEN; i++) {
        analysis_output_print(to, ",%llu", (unsigned long long)row->sample.rates[i]);
    }
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        analysis_output_print(to, ",%u", row->sample.phases[i]);
    }
    analysis_output_print(to, "\n");
}

/* ---- Rows in order of groups, which end in any ---- */

/* With the lock held. */
static void write_rows(const struct analysis_series *s, struct rows *rows)
{
    for (size_t i = 0; i < rows->len; i++) {
        write_row(s, &rows->list[i]);
    }
    rows->len = 0;
}

static bool make_room(struct rows *rows)
{
    size_t cap = rows->cap == 0 ? 256 : 2 * rows->cap;
    struct row *grown = rows->len < rows->cap ? NULL : realloc(rows->list, cap * sizeof(*grown));

    if (grown != NULL) {
        rows->list = grown;
        rows->cap = cap;
    }
    return rows->len < rows->cap;
}

/* Without memory for the row its group waits for its turn: the group whose turn it is never does.
 */
static void add_row(struct analysis_series *s, const struct scenario_group *group,
                    const struct row *row)
{
    struct rows *rows = &s->lanes[group->lane].rows;

    if (s->waiting == NULL) {
        if (s->config.to != NULL) {
            write_row(s, row);
        }
    } else if (make_room(rows)) {
        rows->list[rows->len++] = *row;
    } else {
        pthread_mutex_lock(&s->lock);
        while (s->next != group->first) {
            pthread_cond_wait(&s->turn, &s->lock);
        }
        write_rows(s, rows);
        write_row(s, row);
        pthread_mutex_unlock(&s->lock);
    }
}

/* With the lock held: the turn goes on past all groups that have ended. */
static void pass_turn(struct analysis_series *s, uint32_t sites)
{
    for (s->next += sites; s->next < s->config.sites && s->waiting[s->next].sites > 0;
         s->next += sites) {
        struct rows *rows = &s->waiting[s->next];
        sites = rows->sites;
        s->waiting_len -= rows->len;
        write_rows(s, rows);
        free(rows->list);
        *rows = (struct rows){.list = NULL};
    }
    pthread_cond_broadcast(&s->turn);
}

/* Behind each sample: what is in turn is written. */
static void hand_over(struct analysis_series *s, const struct scenario_group *group, bool has_ended)
{
    struct rows *rows = &s->lanes[group->lane].rows;

    if (s->waiting == NULL) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    while (has_ended && s->next != group->first && s->waiting_len + rows->len > ROWS_MAX) {
        pthread_cond_wait(&s->turn, &s->lock);
    }
    if (s->next == group->first) {
        write_rows(s, rows);
        if (has_ended) {
            pass_turn(s, group->len);
        }
    } else if (has_ended) {
        rows->sites = group->len;
        s->waiting[group->first] = *rows;
        s->waiting_len += rows->len;
        *rows = (struct rows){.list = NULL};
    }
    pthread_mutex_unlock(&s->lock);
}

static bool is_near(uint64_t a, uint64_t b, uint64_t tolerance)
{
    return (a < b ? b - a : a - b) <= tolerance;
}

static bool is_steady(const struct sample *a, const struct sample *b)
{
    uint32_t phones = 0;

    for (unsigned i = 0; i < RATES_LEN; i++) {
        /* The way up follows the way down, in small steps. */
        if (i != RATE_UP && !is_near(a->rates[i], b->rates[i], a->rates[i] / TOLERANCE)) {
            return false;
        }
    }
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        phones += a->phases[i];
    }
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        if (!is_near(a->phases[i], b->phases[i], phones / TOLERANCE)) {
            return false;
        }
    }
    return true;
}

/* One site; returns its bytes since the last sample. */
static uint64_t sample_site(struct analysis_series *s, const struct scenario_group *group,
                            uint32_t site, sim_time now, bool is_last, bool *steady)
{
    const struct sample *last = &s->samples[site];
    sim_duration span = now - s->lanes[group->lane].at;
    struct sim_site_stats stats;

    s->config.stats(s->config.context, site, &stats);
    if (is_last) {
        stats.wan_bytes += stats.wan_behind;
        stats.wan_up_bytes += stats.wan_up_behind;
    }
    struct sample sample = {
        .wan_bytes = stats.wan_bytes,
        .wan_up_bytes = stats.wan_up_bytes,
        .lan_bytes = stats.lan_payload_bytes,
        .rates = {per_second(stats.wan_bytes, last->wan_bytes, span),
                  per_second(stats.wan_up_bytes, last->wan_up_bytes, span),
                  per_second(stats.lan_payload_bytes, last->lan_bytes, span)},
    };
    analysis_collect_phases(s->config.collect, site, sample.phases);
    add_row(s, group, &(const struct row){.at = now, .site = site, .sample = sample});
    uint64_t bytes = sample.wan_bytes > last->wan_bytes ? sample.wan_bytes - last->wan_bytes : 0;
    *steady = *steady && is_steady(&sample, last);
    s->samples[site] = sample;
    return bytes;
}

static sim_duration next_pause(sim_duration pause, sim_time now, bool steady)
{
    sim_duration most = now < PATIENCE * SIM_S ? SIM_S : now / FINENESS / SIM_S * SIM_S;
    sim_duration next = steady ? 2 * pause : pause / (2 * SIM_S) * SIM_S;

    next = next < most ? next : most;
    return next > SIM_S ? next : SIM_S;
}

/* Each of those under way for each of these seconds, and for what is left of the last one: a bin
 * then has how many there were. */
static void add_transfers(struct analysis_series *s, sim_time at, sim_time now, uint64_t count)
{
    uint64_t seconds = (now - at) / SIM_S;
    sim_time whole = at + seconds * SIM_S;

    if (count > 0 && whole > at) {
        analysis_bins_add(&s->transfers, at, whole, seconds * count);
    }
    if (count > 0 && now > whole) {
        analysis_bins_add(&s->transfers, whole, now, count);
    }
}

static void take_sample(struct analysis_series *s, const struct scenario_group *group, sim_time now,
                        bool is_last)
{
    struct lane *lane = &s->lanes[group->lane];
    uint64_t bytes = 0, transfers = 0;
    bool steady = true;

    for (uint32_t site = group->first; site - group->first < group->len; site++) {
        bytes += sample_site(s, group, site, now, is_last, &steady);
    }
    if (s->config.transfers != NULL) {
        transfers = s->config.transfers(s->config.context, group->first);
    }
    atomic_store(&s->rate, 8 * per_second(bytes, 0, now - lane->at));
    pthread_mutex_lock(&s->lock);
    analysis_bins_add(&s->wan, lane->at, now, bytes);
    add_transfers(s, lane->at, now, transfers);
    pthread_mutex_unlock(&s->lock);
    lane->pause = next_pause(lane->pause, now, steady);
    lane->at = now;
}

void analysis_series_tick(struct analysis_series *s, const struct scenario_group *group,
                          sim_time now)
{
    assert(group->lane < s->config.lanes);
    if (now / SIM_S > s->lanes[group->lane].at / SIM_S) {
        take_sample(s, group, now, false);
        hand_over(s, group, false);
    }
}

/* When the lines will have carried what is theirs: mostly now. */
static sim_time line_end(const struct analysis_series *s, const struct scenario_group *group,
                         sim_time now)
{
    sim_duration longest = 0;

    for (uint32_t site = group->first; site - group->first < group->len; site++) {
        struct sim_site_stats stats;
        s->config.stats(s->config.context, site, &stats);
        longest = stats.wan_behind_for > longest ? stats.wan_behind_for : longest;
    }
    return sim_time_add(now, longest);
}

void analysis_series_end(struct analysis_series *s, const struct scenario_group *group,
                         sim_time now)
{
    struct lane *lane = &s->lanes[group->lane];
    sim_time end = line_end(s, group, now);

    if (end > lane->at) {
        take_sample(s, group, end, true);
    } else if (now == 0) { /* over before it began: how it was, without rates */
        bool steady = true;
        for (uint32_t site = group->first; site - group->first < group->len; site++) {
            (void)sample_site(s, group, site, now, true, &steady);
        }
    }
    hand_over(s, group, true);
    lane->at = 0;
    lane->pause = SIM_S;
}

sim_duration analysis_series_pause(const struct analysis_series *s, unsigned lane)
{
    return s->lanes[lane].pause;
}

bool analysis_series_failed(struct analysis_series *s, char why[ANALYSIS_WHY_MAX])
{
    pthread_mutex_lock(&s->lock);
    bool failed = analysis_output_failed(s->config.to, why);
    pthread_mutex_unlock(&s->lock);
    return failed;
}

uint64_t analysis_series_rate(const struct analysis_series *s)
{
    return atomic_load(&s->rate);
}

uint64_t analysis_series_peak(const struct analysis_series *s)
{
    return 8 * analysis_bins_peak(&s->wan);
}

uint64_t analysis_series_transfers(const struct analysis_series *s)
{
    return analysis_bins_peak(&s->transfers);
}

const struct analysis_bins *analysis_series_wan_bins(const struct analysis_series *s)
{
    return &s->wan;
}

const struct analysis_bins *analysis_series_transfer_bins(const struct analysis_series *s)
{
    return &s->transfers;
}
