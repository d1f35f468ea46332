/* analysis/series.c -- samples once a second; the columns are in header(). */
#include "analysis/series.h"

#include <stdlib.h>

struct sample {
    uint64_t wan_bytes, wan_up_bytes, lan_bytes;
};

struct analysis_series {
    struct analysis_series_config config;
    sim_time at; /* of the last sample */
    uint64_t rate, peak;
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
    header(config->to);
    return s;
}

void analysis_series_free(struct analysis_series *s)
{
    free(s);
}

/* `later - earlier` bytes over `span`, in bytes a second. Counters never run backwards, but may
 * be told by a racing lane. */
static uint64_t per_second(uint64_t later, uint64_t earlier, sim_duration span)
{
    unsigned __int128 bytes = later > earlier ? later - earlier : 0;
    return (uint64_t)(bytes * SIM_S / span);
}

static void write_row(struct analysis_series *s, sim_time now, uint32_t site,
                      const struct sample *sample, sim_duration span)
{
    struct analysis_output *to = s->config.to;
    const struct sample *last = &s->samples[site];
    uint32_t phases[SIM_PHASES_LEN];

    if (to == NULL) {
        return;
    }
    analysis_collect_phases(s->config.collect, site, phases);
    analysis_output_seconds(to, now);
    analysis_output_print(to, ",");
    analysis_output_field(to, s->config.name(s->config.context, site));
    analysis_output_print(
        to, ",%llu,%llu,%llu",
        (unsigned long long)per_second(sample->wan_bytes, last->wan_bytes, span),
        (unsigned long long)per_second(sample->wan_up_bytes, last->wan_up_bytes, span),
        (unsigned long long)per_second(sample->lan_bytes, last->lan_bytes, span));
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        analysis_output_print(to, ",%u", phases[i]);
    }
    analysis_output_print(to, "\n");
}

static void take_sample(struct analysis_series *s, sim_time now)
{
    sim_duration span = now - s->at;
    uint64_t bytes = 0;

    for (uint32_t site = 0; site < s->config.sites; site++) {
        struct sim_site_stats stats;
        s->config.stats(s->config.context, site, &stats);
        struct sample sample = {stats.wan_bytes, stats.wan_up_bytes, stats.lan_payload_bytes};
        bytes += per_second(sample.wan_bytes, s->samples[site].wan_bytes, span);
        write_row(s, now, site, &sample, span);
        s->samples[site] = sample;
    }
    s->rate = 8 * bytes;
    /* A sliver at the end of the run says nothing about a second. */
    if (s->rate > s->peak && span >= SIM_S / 2) {
        s->peak = s->rate;
    }
    s->at = now;
}

void analysis_series_tick(struct analysis_series *s, sim_time now)
{
    if (now / SIM_S > s->at / SIM_S) {
        take_sample(s, now);
    }
}

void analysis_series_end(struct analysis_series *s, sim_time now)
{
    if (now > s->at) {
        take_sample(s, now);
    }
}

uint64_t analysis_series_rate(const struct analysis_series *s)
{
    return s->rate;
}

uint64_t analysis_series_peak(const struct analysis_series *s)
{
    return s->peak;
}
