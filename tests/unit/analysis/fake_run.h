/* tests/unit/analysis/fake_run.h -- a run without sockets: scenarios/build.h answered from a
 * script.
 *
 * A test that includes it defines the functions of scenarios/build.h itself, so the linker never
 * takes the real ones. Per site and model phone 0 is root: it gets each file from the server, the
 * next ones from it; all of it in made-up time. */
#ifndef TESTS_UNIT_ANALYSIS_FAKE_RUN_H
#define TESTS_UNIT_ANALYSIS_FAKE_RUN_H

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build.h"
#include "sim/err.h"

/* What the next run shall do. */
static struct {
    bool invalid;        /* the machine falls behind */
    uint32_t fail_every; /* every n-th phone fails; 0: none */
    int refuse;          /* scenario_run_new() says so */
    int die;             /* scenario_run_go() says so, half way */
    bool interrupt;      /* Ctrl-C half way */
    bool short_of_fatal; /* the doctor finds too few descriptors */
    uint32_t runs;       /* counts scenario_run_go() */
    uint32_t alive;      /* runs that there are */
    bool leave_unfinished;
    uint64_t memory;     /* that a virtual run says it needs */
    uint64_t differs_at; /* number of the event from which on the second of two runs differs */
    bool hash_only;      /* in its hash alone */
} fake;

struct scenario_run {
    const struct scenario *scenario;
    struct scenario_run_options options;
    struct sim_site_setup *setups;
    char (*names)[SCENARIO_NAME_MAX];
    sim_time now;
    bool stopped;
    bool is_second; /* made after another */
    uint64_t steps;
};

int scenario_run_new(struct scenario_run **out, const struct scenario *s,
                     const struct scenario_run_options *options, char why[SCENARIO_WHY_MAX])
{
    if (fake.refuse != 0) {
        snprintf(why, SCENARIO_WHY_MAX, "port 4051 is taken by another program");
        return fake.refuse;
    }
    struct scenario_run *run = calloc(1, sizeof(*run));
    run->is_second = fake.alive++ > 0;
    run->scenario = s;
    run->options = *options;
    run->setups = calloc(s->sites_total, sizeof(*run->setups));
    run->names = calloc(s->sites_total, sizeof(*run->names));
    for (uint32_t i = 0; i < s->sites_total; i++) {
        scenario_site_setup(s, i, &run->setups[i], run->names[i]);
    }
    *out = run;
    return 0;
}

void scenario_run_free(struct scenario_run *run)
{
    if (run != NULL) {
        fake.alive--;
        free(run->setups);
        free(run->names);
        free(run);
    }
}

static unsigned fake_lane(const struct scenario_run *run, uint32_t site)
{
    return site % scenario_run_lanes(run);
}

static void fake_say(struct scenario_run *run, uint32_t site, struct sim_record record)
{
    record.at = run->now;
    run->options.trace.write(run->options.trace.context, fake_lane(run, site), &record);
}

static void fake_phone(struct scenario_run *run, sim_node node, uint32_t number,
                       const struct scenario_phone_info *info)
{
    const struct scenario *s = run->scenario;
    const struct scenario_firmware *f = &s->firmware[0];
    uint32_t site = info->site;
    sim_addr root = info->addr - number;
    bool is_root = number == 0 || !info->pfs;
    bool fails = fake.fail_every != 0 && node % fake.fail_every == fake.fail_every - 1;

    run->now += SIM_MS;
    fake_say(run, site,
             (struct sim_record){.node = node, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_BOOT});
    run->now += SIM_MS;
    fake_say(run, site,
             (struct sim_record){.node = node, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_CONFIGURE});
    run->now += SIM_MS;
    for (size_t i = 0; i < f->files_len && !(fails && i > 0); i++) {
        const char *name = f->files[i].name;
        sim_time began = run->now;
        fake_say(run, site,
                 (struct sim_record){.node = node,
                                     .kind = SIM_RECORD_PHASE,
                                     .a = is_root ? SIM_PHASE_FETCH_SERVER : SIM_PHASE_FETCH_PEER});
        if (info->pfs) {
            fake_say(run, site,
                     (struct sim_record){.node = node,
                                         .kind = SIM_RECORD_ROLE,
                                         .name = name,
                                         .a = is_root ? SIM_ROLE_ROOT_WAITING : SIM_ROLE_MEMBER});
        }
        if (!is_root) {
            fake_say(run, site,
                     (struct sim_record){.node = node,
                                         .kind = SIM_RECORD_ATTACH,
                                         .name = name,
                                         .peer = root,
                                         .a = number % 4 + 1});
            fake_say(run, site,
                     (struct sim_record){.node = node - number,
                                         .kind = SIM_RECORD_CHILDREN,
                                         .name = name,
                                         .a = 1 + number % 2});
        }
        run->now += 10 * SIM_MS;
        fake_say(run, site,
                 (struct sim_record){.node = node,
                                     .kind = SIM_RECORD_TRANSFER_END,
                                     .name = name,
                                     .peer = is_root ? 0 : root,
                                     .b = f->files[i].size,
                                     .c = began});
        fake_say(run, site,
                 (struct sim_record){.node = node,
                                     .kind = SIM_RECORD_HOLD,
                                     .name = name,
                                     .a = SIM_DIGEST_SYNTHETIC,
                                     .b = f->files[i].size,
                                     .peer = is_root ? 0 : root});
    }
    if (fails) {
        fake_say(
            run, site,
            (struct sim_record){.node = node, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_FAILED});
        fake_say(run, site,
                 (struct sim_record){.node = node,
                                     .kind = SIM_RECORD_OUTCOME,
                                     .a = SIM_OUTCOME_FAILED,
                                     .text = "HTTP 404 from the server"});
        return;
    }
    if (fake.leave_unfinished && node == 0) {
        return;
    }
    fake_say(
        run, site,
        (struct sim_record){.node = node, .kind = SIM_RECORD_OUTCOME, .a = SIM_OUTCOME_UPGRADED});
    run->now += SIM_MS;
    fake_say(
        run, site,
        (struct sim_record){.node = node, .kind = SIM_RECORD_LOG, .text = "NOT DLoad: a line"});
    fake_say(
        run, site,
        (struct sim_record){.node = node, .kind = SIM_RECORD_PHASE, .a = SIM_PHASE_IN_SERVICE});
    fake_say(run, site,
             (struct sim_record){.node = node, .kind = SIM_RECORD_BACK, .name = f->load});
}

int scenario_run_go(struct scenario_run *run, char why[SCENARIO_WHY_MAX])
{
    const struct scenario *s = run->scenario;
    const struct scenario_group all = {.len = s->sites_total};

    fake.runs++;
    why[0] = '\0';
    for (sim_node node = 0; node < s->phones_total; node++) {
        struct scenario_phone_info info = {0};
        scenario_run_phone(run, node, &info);
        fake_phone(run, node, info.number, &info);
        if (node == s->phones_total / 2 && fake.interrupt) {
            raise(SIGINT);
        }
        if (node == s->phones_total / 2 && fake.die != 0) {
            snprintf(why, SCENARIO_WHY_MAX, "the server died");
            return fake.die;
        }
        if (run->stopped || (run->options.tick != NULL &&
                             run->options.tick(run->options.tick_context, &all, run->now))) {
            return SIM_ECANCELED;
        }
    }
    if (run->options.group_ended != NULL) {
        run->options.group_ended(run->options.tick_context, &all, run->now);
    }
    return 0;
}

/* Ten events; of a second run some may be others. */
bool scenario_run_step(struct scenario_run *run, struct sim_virtual_step *out)
{
    if (run->steps == 10) {
        return false;
    }
    run->steps++;
    bool differs = run->is_second && fake.differs_at != 0 && run->steps >= fake.differs_at;
    *out = (struct sim_virtual_step){.at = run->steps * SIM_MS,
                                     .node = (sim_node)(differs && !fake.hash_only ? 4 : 3),
                                     .hash = run->steps * (differs ? 7 : 5),
                                     .number = run->steps};
    snprintf(out->what, sizeof(out->what), "%s", differs && !fake.hash_only ? "alarm" : "datagram");
    return true;
}

void scenario_run_tick_after(struct scenario_run *run, unsigned lane, sim_duration delay)
{
    (void)run;
    (void)lane;
    (void)delay;
}

void scenario_run_group(const struct scenario_run *run, uint32_t *first, uint32_t *len)
{
    *first = 0;
    *len = run->scenario->sites_total;
}

uint32_t scenario_run_groups(const struct scenario_run *run)
{
    (void)run;
    return 1;
}

uint32_t scenario_run_transfers(const struct scenario_run *run, uint32_t site)
{
    (void)run;
    (void)site;
    return 0;
}

bool scenario_run_hash(const struct scenario_run *run, uint64_t *out)
{
    *out = 0xabcdef;
    return run->options.world == SCENARIO_VIRTUAL;
}

uint64_t scenario_run_memory(const struct scenario *s, enum scenario_method method, uint32_t shard,
                             uint32_t shards)
{
    (void)s;
    (void)shard;
    (void)shards;
    (void)method;
    return fake.memory;
}

void scenario_run_stop(struct scenario_run *run)
{
    run->stopped = true;
}

struct scenario_share scenario_run_share(const struct scenario_run *run)
{
    return scenario_share(run->scenario, 0, 0);
}

uint32_t scenario_run_sites(const struct scenario_run *run)
{
    return run->scenario->sites_total;
}

const struct sim_site_setup *scenario_run_site(const struct scenario_run *run, uint32_t site)
{
    return &run->setups[site];
}

bool scenario_run_phone(const struct scenario_run *run, sim_node node,
                        struct scenario_phone_info *out)
{
    uint32_t first = 0;

    for (uint32_t site = 0; site < run->scenario->sites_total; site++) {
        uint32_t within, len = run->setups[site].phones;
        if (node < first + len) {
            sim_addr addr;
            const struct scenario_phones *entry =
                scenario_phone(run->scenario, &run->setups[site], node - first, &within, &addr);
            *out = (struct scenario_phone_info){
                .site = site,
                .number = node - first,
                .addr = addr,
                .model = run->scenario->firmware[entry->firmware].model,
                .system = entry->system,
                .pfs = run->options.method == SCENARIO_PFS,
            };
            return true;
        }
        first += len;
    }
    return false;
}

sim_node scenario_run_node(const struct scenario_run *run, uint32_t site, uint32_t number)
{
    return (sim_node)scenario_site_first_phone(run->scenario, site) + number;
}

uint32_t scenario_run_nodes(const struct scenario_run *run)
{
    return run->scenario->phones_total + 1; /* one node is a fault controller */
}

unsigned scenario_run_lanes(const struct scenario_run *run)
{
    return run->options.world == SCENARIO_LIVE ? run->scenario->threads : 1;
}

sim_time scenario_run_start(const struct scenario_run *run, sim_node node)
{
    (void)node;
    return run->scenario->start_at;
}

void scenario_run_site_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out)
{
    uint64_t copies = run->options.method == SCENARIO_PFS ? 1 : run->setups[site].phones;

    *out = (struct sim_site_stats){
        .wan_bytes = 1100000 * copies,
        .wan_up_bytes = 30000 * copies,
        .wan_payload_bytes = 1000000 * copies,
        .wan_config_bytes = 5000,
        .wan_busy = 2 * SIM_S,
        .wan_first = 100 * SIM_MS,
        .wan_last = 2100 * SIM_MS,
        .wan_peak_bit_s = 5900000,
        .lan_payload_bytes =
            run->options.method == SCENARIO_PFS ? 1000000 * (run->setups[site].phones - 1) : 0,
        .lan_broadcasts = 42,
        .fetches = 10,
    };
}

void scenario_run_line_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out)
{
    scenario_run_site_stats(run, site, out);
}

void scenario_run_servers(const struct scenario_run *run, char out[SCENARIO_SERVERS_TEXT_MAX])
{
    (void)run;
    snprintf(out, SCENARIO_SERVERS_TEXT_MAX, "server at 127.0.0.1\n");
}

bool scenario_run_server_stats(struct scenario_run *run, struct sim_server_stats *out)
{
    (void)run;
    *out = (struct sim_server_stats){.requests = 99, .payload_bytes = 123, .peak_transfers = 3};
    return true;
}

sim_duration scenario_run_lag_in(const struct scenario_run *run, uint32_t second)
{
    (void)run;
    return second * SIM_MS;
}

void scenario_run_validity(struct scenario_run *run, struct sim_live_validity *out)
{
    (void)run;
    *out = (struct sim_live_validity){
        .valid = !fake.invalid, .lag_p99 = 200 * SIM_US, .pacer_worst = 1, .relay_worst = 1};
    if (fake.invalid) {
        out->reasons_len = 1;
        snprintf(out->reasons[0], SIM_LIVE_TEXT_MAX, "loop lag p99 was 80 ms, over 10 ms");
    }
}

void scenario_run_usage(struct scenario_run *run, struct sim_live_usage *out)
{
    (void)run;
    *out = (struct sim_live_usage){.descriptors_peak = 20, .rss_peak_bytes = 1 << 20, .events = 7};
}

sim_time scenario_run_ended(const struct scenario_run *run)
{
    return run->now;
}

const struct sim_catalog *scenario_run_catalog(const struct scenario_run *run)
{
    (void)run;
    return NULL;
}

size_t scenario_run_doctor(const struct scenario *s, enum scenario_method method, uint32_t shard,
                           uint32_t shards, struct sim_live_need needs[SIM_LIVE_NEEDS_MAX])
{
    (void)s;
    (void)shard;
    (void)shards;
    (void)method;
    needs[0] = (struct sim_live_need){.what = "descriptors",
                                      .needed = 12000,
                                      .available = 1024,
                                      .unit = "",
                                      .enough = !fake.short_of_fatal,
                                      .fatal = true,
                                      .mend = "ulimit -n 16000"};
    return 1;
}

#endif /* TESTS_UNIT_ANALYSIS_FAKE_RUN_H */
