/* analysis/series.c -- samples once a second; the columns are in header(). */
#include "analysis/series.h"

#include <stdbool.h>
#include <stdlib.h>

#include "analysis/bins.h"

enum {
    PATIENCE = 120, /* seconds of a group that are sampled one by one; our choice, as the next */
    FINENESS = 64,  /* samples then lie at most this part of the time so far apart */
    TOLERANCE = 64, /* what moved by at most this part of it did not change */
};

enum { RATE_DOWN, RATE_UP, RATE_LAN, RATES_LEN };

struct sample {
    uint64_t wan_bytes, wan_up_bytes, lan_bytes;
    uint64_t rates[RATES_LEN];       /* of these, over the time before */
    uint32_t phases[SIM_PHASES_LEN]; /* phones in each */
};

struct analysis_series {
    struct analysis_series_config config;
    struct analysis_bins wan, transfers;
    sim_time at; /* of the group's last sample */
    sim_duration pause;
    uint64_t rate;
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
    s->pause = SIM_S;
    header(config->to);
    return s;
}

void analysis_series_free(struct analysis_series *s)
{
    if (s == NULL) {
        return;
    }
    analysis_bins_deinit(&s->wan);
    analysis_bins_deinit(&s->transfers);
    free(s);
}

/* `later - earlier` bytes over `span`, in bytes a second. Counters never run backwards, but may
 * be told by a racing lane. */
static uint64_t per_second(uint64_t later, uint64_t earlier, sim_duration span)
{
    unsigned __int128 bytes = later > earlier ? later - earlier : 0;
    return span == 0 ? 0 : (uint64_t)(bytes * SIM_S / span);
}

static void write_row(const struct analysis_series *s, sim_time now, uint32_t site,
                      const struct sample *sample)
{
    struct analysis_output *to = s->config.to;

    if (to == NULL) {
        return;
    }
    analysis_output_seconds(to, now);
    analysis_output_print(to, ",");
    analysis_output_field(to, s->config.name(s->config.context, site));
    for (unsigned i = 0; i < RATES_LEN; i++) {
        analysis_output_print(to, ",%llu", (unsigned long long)sample->rates[i]);
    }
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        analysis_output_print(to, ",%u", sample->phases[i]);
    }
    analysis_output_print(to, "\n");
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
static uint64_t sample_site(struct analysis_series *s, uint32_t site, sim_time now, bool is_last,
                            bool *steady)
{
    const struct sample *last = &s->samples[site];
    sim_duration span = now - s->at;
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
    write_row(s, now, site, &sample);
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
static void add_transfers(struct analysis_series *s, sim_time now)
{
    uint64_t count = s->config.transfers != NULL ? s->config.transfers(s->config.context) : 0;
    uint64_t seconds = (now - s->at) / SIM_S;
    sim_time whole = s->at + seconds * SIM_S;

    if (count > 0 && whole > s->at) {
        analysis_bins_add(&s->transfers, s->at, whole, seconds * count);
    }
    if (count > 0 && now > whole) {
        analysis_bins_add(&s->transfers, whole, now, count);
    }
}

static void take_sample(struct analysis_series *s, uint32_t first, uint32_t len, sim_time now,
                        bool is_last)
{
    sim_duration span = now - s->at;
    uint64_t bytes = 0;
    bool steady = true;

    for (uint32_t site = first; site - first < len; site++) {
        bytes += sample_site(s, site, now, is_last, &steady);
    }
    s->rate = 8 * per_second(bytes, 0, span);
    analysis_bins_add(&s->wan, s->at, now, bytes);
    add_transfers(s, now);
    s->pause = next_pause(s->pause, now, steady);
    s->at = now;
}

void analysis_series_tick(struct analysis_series *s, uint32_t first, uint32_t len, sim_time now)
{
    if (now / SIM_S > s->at / SIM_S) {
        take_sample(s, first, len, now, false);
    }
}

/* When the lines will have carried what is theirs: mostly now. */
static sim_time line_end(const struct analysis_series *s, uint32_t first, uint32_t len,
                         sim_time now)
{
    sim_duration longest = 0;

    for (uint32_t site = first; site - first < len; site++) {
        struct sim_site_stats stats;
        s->config.stats(s->config.context, site, &stats);
        longest = stats.wan_behind_for > longest ? stats.wan_behind_for : longest;
    }
    return sim_time_add(now, longest);
}

void analysis_series_end(struct analysis_series *s, uint32_t first, uint32_t len, sim_time now)
{
    sim_time end = line_end(s, first, len, now);

    if (end > s->at) {
        take_sample(s, first, len, end, true);
    } else if (now == 0) { /* over before it began: how it was, without rates */
        bool steady = true;
        for (uint32_t site = first; site - first < len; site++) {
            (void)sample_site(s, site, now, true, &steady);
        }
    }
    s->at = 0;
    s->pause = SIM_S;
}

sim_duration analysis_series_pause(const struct analysis_series *s)
{
    return s->pause;
}

uint64_t analysis_series_rate(const struct analysis_series *s)
{
    return s->rate;
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
