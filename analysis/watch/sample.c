/* analysis/watch/sample.c -- see sample.h. */
#include "analysis/watch/sample.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/units.h"

static void add_site(struct sim_site_stats *sum, const struct sim_site_stats *site)
{
    sum->wan_bytes += site->wan_bytes;
    sum->wan_up_bytes += site->wan_up_bytes;
    sum->wan_payload_bytes += site->wan_payload_bytes;
    sum->wan_config_bytes += site->wan_config_bytes;
    sum->wan_resent_bytes += site->wan_resent_bytes;
    sum->wan_drops += site->wan_drops;
    sum->lan_payload_bytes += site->lan_payload_bytes;
    sum->lan_broadcasts += site->lan_broadcasts;
    sum->lan_datagrams += site->lan_datagrams;
    sum->lan_foreign += site->lan_foreign;
    sum->fetches += site->fetches;
    sum->fetch_errors += site->fetch_errors;
    sum->fetch_refused += site->fetch_refused;
    sum->fetches_now += site->fetches_now;
}

/* Bits a second; counters only grow. */
static uint64_t rate(uint64_t later, uint64_t earlier, sim_duration span)
{
    unsigned __int128 bits = later > earlier ? (unsigned __int128)(later - earlier) * 8 : 0;
    return (uint64_t)(bits * SIM_S / span);
}

static void set_rates(struct analysis_watch_sample *s, const struct analysis_watch_sample *before)
{
    static const struct analysis_watch_sample nothing;
    const struct analysis_watch_sample *b = before != NULL ? before : &nothing;
    sim_duration span = s->at - b->at;

    s->has_rates = true;
    if (span == 0) { /* twice the same instant: the rates are still those */
        s->down_bit_s = b->down_bit_s;
        s->up_bit_s = b->up_bit_s;
        s->lan_bit_s = b->lan_bit_s;
        return;
    }
    s->down_bit_s = rate(s->sum.wan_bytes, b->sum.wan_bytes, span);
    s->up_bit_s = rate(s->sum.wan_up_bytes, b->sum.wan_up_bytes, span);
    s->lan_bit_s = rate(s->sum.lan_payload_bytes, b->sum.lan_payload_bytes, span);
}

void analysis_watch_sample_take(struct analysis_watch_sample *out,
                                const struct analysis_observed *run, sim_time now,
                                uint32_t groups_ended, const struct analysis_watch_sample *before)
{
    struct analysis_watch_sample s = {
        .at = now,
        .files_held = analysis_collect_held(run->collect),
        .files_wanted = analysis_collect_wanted(run->collect),
        .resumed = analysis_collect_resumed(run->collect),
        .rejected = analysis_collect_rejected(run->collect),
        .groups = run->groups,
        .groups_ended = groups_ended,
    };

    analysis_collect_outcomes(run->collect, s.outcomes);
    struct scenario_share share = scenario_run_share(run->run);
    for (uint32_t site = share.first; site < share.first + share.len; site++) {
        uint32_t phases[SIM_PHASES_LEN];
        struct sim_site_stats stats;
        analysis_collect_phases(run->collect, site, phases);
        for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
            s.phases[i] += phases[i];
            s.phones += phases[i];
        }
        scenario_run_line_stats(run->run, site, &stats);
        add_site(&s.sum, &stats);
    }
    s.has_server = scenario_run_server_stats(run->run, &s.server);
    if (run->session->world == SCENARIO_LIVE) {
        struct sim_live_validity validity;
        scenario_run_validity(run->run, &validity);
        s.has_lag = true;
        s.lag_p99 = validity.lag_p99;
        /* Of the whole seconds since the sample before; they are seldom more than one. */
        uint32_t second = before != NULL ? (uint32_t)(before->at / SIM_S) : 0;
        for (; second < now / SIM_S; second++) {
            sim_duration worst = scenario_run_lag_in(run->run, second);
            s.lag_worst = worst > s.lag_worst ? worst : s.lag_worst;
        }
    }
    if (run->groups <= 1) {
        set_rates(&s, before != NULL && before->at <= now ? before : NULL);
    }
    *out = s;
}

char *analysis_watch_sample_sentence(const struct analysis_watch_sample *s,
                                     uint64_t configured_bit_s,
                                     char out[ANALYSIS_WATCH_SENTENCE_MAX])
{
    char rate_text[SIM_UNITS_TEXT_MAX], of[SIM_UNITS_TEXT_MAX];
    size_t len, cap = ANALYSIS_WATCH_SENTENCE_MAX;

    len = (size_t)snprintf(out, cap, "%" PRIu32 " of %" PRIu32 " phones done",
                           s->outcomes[SIM_OUTCOME_UPGRADED] + s->outcomes[SIM_OUTCOME_CURRENT],
                           s->phones);
    if (s->outcomes[SIM_OUTCOME_FAILED] > 0) {
        len += (size_t)snprintf(out + len, cap - len, ", %" PRIu32 " failed",
                                s->outcomes[SIM_OUTCOME_FAILED]);
    }
    if (s->groups > 1) {
        snprintf(out + len, cap - len, ", %" PRIu32 " of %" PRIu32 " sites have run",
                 s->groups_ended, s->groups);
        return out;
    }
    len += (size_t)snprintf(out + len, cap - len, ", %" PRIu64 " of %" PRIu64 " files",
                            s->files_held < s->files_wanted ? s->files_held : s->files_wanted,
                            s->files_wanted);
    if (configured_bit_s > 0) {
        snprintf(out + len, cap - len, ", WAN %s of %s",
                 sim_units_format_rate(s->down_bit_s, rate_text),
                 sim_units_format_rate(configured_bit_s, of));
    }
    return out;
}
