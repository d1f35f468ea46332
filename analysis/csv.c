/* analysis/csv.c -- phones.csv and sites.csv. Instants are seconds since the run began; what did
 * not happen is empty. (transfers.csv: transfers.c; series.csv: series.c.) */
#include <inttypes.h>

#include "analysis/result.h"

const char *analysis_result_outcome(uint32_t outcome)
{
    switch (outcome) {
    case SIM_OUTCOME_UPGRADED:
        return "upgraded";
    case SIM_OUTCOME_CURRENT:
        return "current";
    case SIM_OUTCOME_FAILED:
        return "failed";
    default:
        return "unfinished";
    }
}

void analysis_result_phones_csv(const struct analysis_figures *f, struct analysis_output *to)
{
    const struct analysis_facts *facts = f->facts;

    analysis_output_print(to, "phone,site,model,system,start_s,config_s,done_s,back_s,"
                              "files_from_peer,files_from_server,retries,outcome\n");
    for (uint32_t i = 0; i < f->order_len; i++) {
        const struct analysis_phone *p = analysis_collect_phone(facts->collect, f->order[i]);
        char addr[SIM_ADDR_TEXT_MAX];
        analysis_output_print(to, "%s,", sim_addr_format(p->addr, addr));
        analysis_output_field(to, facts->site(facts->context, p->site)->name);
        analysis_output_print(to, ",");
        analysis_output_field(to, facts->scenario->firmware[p->firmware].model);
        analysis_output_print(to, ",%s,", scenario_system_name((enum scenario_system)p->system));
        analysis_output_seconds(to, p->start);
        analysis_output_print(to, ",");
        analysis_output_seconds(to, p->config);
        analysis_output_print(to, ",");
        analysis_output_seconds(to, p->done);
        analysis_output_print(to, ",");
        analysis_output_seconds(to, p->back);
        analysis_output_print(to, ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%s\n", p->files_from_peer,
                              p->files_from_server, p->retries,
                              analysis_result_outcome(p->outcome));
    }
}

static void write_times(struct analysis_output *to, const struct analysis_times *t)
{
    const sim_duration values[] = {t->first, t->mean, t->p50, t->p90, t->p95, t->p99, t->last};

    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        analysis_output_print(to, ",");
        analysis_output_seconds(to, t->count > 0 ? values[i] : SIM_NEVER);
    }
}

void analysis_result_sites_csv(const struct analysis_figures *f, struct analysis_output *to)
{
    const struct analysis_facts *facts = f->facts;

    analysis_output_print(
        to, "site,class,phones,upgraded,failed,current,unfinished,via_peer,via_server,fallbacks,"
            "first_s,mean_s,p50_s,p90_s,p95_s,p99_s,last_s,"
            "back_first_s,back_mean_s,back_p50_s,back_p90_s,back_p95_s,back_p99_s,back_last_s,"
            "wan_bytes,wan_payload_bytes,wan_config_bytes,wan_up_bytes,wan_busy_s,wan_mean_bit_s,"
            "wan_peak_bit_s,wan_configured_bit_s,lan_payload_bytes,lan_broadcasts,wan_floor_s,"
            "optimum_s\n");
    for (uint32_t i = f->first; i < f->end; i++) {
        const struct analysis_site *site = &f->sites[i];
        const struct sim_site_setup *setup = facts->site(facts->context, i);
        const struct analysis_counts *c = &site->phones;
        const struct sim_site_stats *s = &site->stats;
        analysis_output_field(to, setup->name);
        analysis_output_print(to, ",");
        analysis_output_field(to, setup->class_name);
        analysis_output_print(to,
                              ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32 ",%" PRIu32
                              ",%" PRIu32 ",%" PRIu32 ",%" PRIu32,
                              c->total, c->upgraded, c->failed, c->current, c->unfinished,
                              c->via_peer, c->via_server, c->fallbacks);
        write_times(to, &site->completion);
        write_times(to, &site->back);
        analysis_output_print(to, ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", s->wan_bytes,
                              s->wan_payload_bytes, s->wan_config_bytes, s->wan_up_bytes);
        analysis_output_seconds(to, s->wan_busy);
        analysis_output_print(to, ",%" PRIu64 ",%" PRIu64 ",", analysis_figures_mean_rate(s),
                              s->wan_peak_bit_s);
        if (!setup->wan.none) {
            analysis_output_print(to, "%" PRIu64, analysis_figures_configured(setup, s));
        }
        analysis_output_print(to, ",%" PRIu64 ",%" PRIu64 ",", s->lan_payload_bytes,
                              s->lan_broadcasts);
        analysis_output_seconds(to, site->bounds.wan_floor);
        analysis_output_print(to, ",");
        analysis_output_seconds(to, site->bounds.optimum);
        analysis_output_print(to, "\n");
    }
}
