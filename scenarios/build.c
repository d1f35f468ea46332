/* scenarios/build.c -- see build.h: servers first (they fork), then the world, then the phones. */
#include "scenarios/build.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/phone.h"
#include "scenarios/faults.h"
#include "scenarios/kinds.h"
#include "scenarios/macs.h"
#include "scenarios/target.h"

struct site {
    struct sim_site_setup setup;
    char name[SCENARIO_NAME_MAX];
    struct phone *phones;
    uint32_t phones_len;
    sim_addr **peers; /* election "static": addresses per firmware */
    struct faults *faults;
};

struct scenario_run {
    const struct scenario *scenario;
    struct scenario_run_options options;
    struct sim_server_setup server_setup;
    struct scenario_kinds kinds;
    struct scenario_macs macs;
    struct sim_catalog *catalog;
    struct sim_server *server;      /* embedded; NULL when the scenario names one */
    struct sim_server *load_server; /* of all sites; NULL when nobody needs one */
    struct sim_live *live;
    struct sim_site_setup *setups; /* contiguous, for the world */
    struct site *sites;
    uint32_t sites_len;
    uint32_t phones_len;
    uint32_t *site_of_node; /* index of the phone's site; nodes of phones count up from 0 */
    sim_time ended;
};

/* ---- Records: to the caller, and past the faults ---- */

static void on_record(void *context, unsigned lane, const struct sim_record *record)
{
    struct scenario_run *run = context;
    run->options.trace.write(run->options.trace.context, lane, record);
    if (record->node < run->phones_len) {
        faults_observe(run->sites[run->site_of_node[record->node]].faults, record);
    }
}

/* ---- Servers ---- */

static bool protocols_have(const struct scenario_kinds *kinds, enum sim_protocol protocol)
{
    for (size_t i = 0; i < kinds->kinds_len; i++) {
        const struct fetcher_policy *policy = &kinds->kinds[i].policy;
        for (uint32_t k = 0; k < policy->protocols_len; k++) {
            if (policy->protocols[k] == protocol) {
                return true;
            }
        }
    }
    return false;
}

static int start_server(struct scenario_run *run, const struct sim_server_identity *identity,
                        char why[SCENARIO_WHY_MAX])
{
    const struct sim_server_setup *setup = &run->server_setup;
    struct sim_server_config config = {
        .catalog = run->catalog,
        .http = protocols_have(&run->kinds, SIM_PROTOCOL_HTTP),
        .https = protocols_have(&run->kinds, SIM_PROTOCOL_HTTPS),
        .tftp = protocols_have(&run->kinds, SIM_PROTOCOL_TFTP),
        .identity = identity,
        .http_port = setup->port,
        .https_port = protocols_have(&run->kinds, SIM_PROTOCOL_HTTP) ? 0 : setup->port,
        .tftp_port = setup->tftp_port,
        .uplink_bit_s = setup->uplink_bit_s,
        .max_transfers = setup->max_transfers,
        .overflow = setup->overflow,
        .response_time = setup->response_time,
        .tftp_timeout = setup->timeout,
        .tftp_retries = setup->retries,
        .access_log = run->options.access_log,
    };
    return sim_server_start(&run->server, &config, why);
}

/* One load server serves all sites: each reaches it without its line, and its port is not shared.
 */
static int start_load_server(struct scenario_run *run, const struct sim_server_identity *identity,
                             char why[SCENARIO_WHY_MAX])
{
    struct sim_server_config config = {
        .catalog = run->catalog,
        .http = protocols_have(&run->kinds, SIM_PROTOCOL_HTTP),
        .https = protocols_have(&run->kinds, SIM_PROTOCOL_HTTPS),
        .tftp = protocols_have(&run->kinds, SIM_PROTOCOL_TFTP),
        .identity = identity,
    };
    return sim_server_start(&run->load_server, &config, why);
}

static void target_of_embedded(const struct sim_server *server, struct sim_live_server *out)
{
    struct sim_server_ports ports;
    sim_server_ports(server, &ports);
    *out = (struct sim_live_server){
        .http_addr = ports.http != 0 ? ports.addr : 0,
        .https_addr = ports.https != 0 ? ports.addr : 0,
        .tftp_addr = ports.tftp != 0 ? ports.addr : 0,
        .http_port = ports.http,
        .https_port = ports.https,
        .tftp_port = ports.tftp,
    };
    sim_addr_format(ports.addr, out->host);
}

/* Of a CUCM's TFTP service: HTTP and HTTPS; RFC 1350. */
enum { NOMINAL_HTTP = 6970, NOMINAL_HTTPS = 6971, NOMINAL_TFTP = 69 };

static size_t describe(const struct sim_server *server, const char *name, char *out, size_t cap)
{
    struct sim_server_ports ports;
    char addr[SIM_ADDR_TEXT_MAX];
    sim_server_ports(server, &ports);
    const struct {
        const char *protocol;
        unsigned port, nominal;
    } ways[] = {{"HTTP", ports.http, NOMINAL_HTTP},
                {"HTTPS", ports.https, NOMINAL_HTTPS},
                {"TFTP", ports.tftp, NOMINAL_TFTP}};
    const char *before = "";
    size_t len = (size_t)snprintf(out, cap, "%s at %s: ", name, sim_addr_format(ports.addr, addr));
    for (size_t i = 0; i < 3; i++) {
        if (ways[i].port != 0) {
            len += (size_t)snprintf(out + len, cap - len, "%s%s on port %u", before,
                                    ways[i].protocol, ways[i].port);
            before = ", ";
        }
        if (ways[i].port != 0 && ways[i].port != ways[i].nominal) {
            len += (size_t)snprintf(out + len, cap - len, " (for %u)", ways[i].nominal);
        }
    }
    len += (size_t)snprintf(out + len, cap - len, "\n");
    assert(len < cap); /* three ways of at most 40 characters each */
    return len;
}

static bool needs_load_server(const struct scenario_run *run)
{
    if (run->options.method == SCENARIO_LOAD_SERVER) {
        return true;
    }
    for (size_t i = 0; i < run->scenario->sites_len; i++) {
        for (size_t k = 0; k < run->scenario->sites[i].phones_len; k++) {
            const char *name = run->scenario->sites[i].phones[k].load_server;
            if (name != NULL && name[0] != '\0') {
                return true;
            }
        }
    }
    return false;
}

/* Phones trust the certificate of this run's own servers, whatever tls.ca_file says: that is for
 * real ones. */
static int trust(struct scenario_run *run, const struct sim_server *server)
{
    struct sim_server_ports ports;
    sim_server_ports(server, &ports);
    if (ports.ca_file[0] == '\0' || run->kinds.ca_file != NULL) {
        return 0;
    }
    run->kinds.ca_file = strdup(ports.ca_file);
    run->server_setup.tls_ca_file = run->kinds.ca_file;
    return run->kinds.ca_file != NULL ? 0 : SIM_ENOMEM;
}

static int start_servers(struct scenario_run *run, struct sim_live_config *config,
                         const struct sim_server_identity *identity, char why[SCENARIO_WHY_MAX])
{
    int rc = 0;
    if (run->scenario->server_url == NULL) {
        rc = start_server(run, identity, why);
        if (rc == 0) {
            target_of_embedded(run->server, &config->wan_server);
            rc = trust(run, run->server);
        }
    }
    if (rc == 0 && needs_load_server(run)) {
        rc = start_load_server(run, identity, why);
        if (rc == 0) {
            target_of_embedded(run->load_server, &config->lan_server);
        }
    }
    return rc;
}

static int reach_servers(struct scenario_run *run, struct sim_live_config *config,
                         char why[SCENARIO_WHY_MAX])
{
    struct sim_server_identity *identity = NULL;
    bool is_secure = protocols_have(&run->kinds, SIM_PROTOCOL_HTTPS);
    bool is_real = run->scenario->server_url != NULL;
    int rc = 0;

    if (is_real && is_secure && needs_load_server(run) && run->server_setup.tls_verify) {
        /* One store of certificates for all: it holds those of the real server. */
        snprintf(
            why, SCENARIO_WHY_MAX,
            "the load servers of this run have a certificate of their own, which phones of a "
            "real HTTPS server do not trust: say \"tls\": { \"verify\": false }, or take http");
        return SIM_ETLS;
    }
    if (is_real) {
        rc = scenario_target_probe(run->scenario, &config->wan_server, why);
    }
    if (rc == 0 && is_secure) {
        rc = sim_server_identity_new(&identity, 0);
    }
    if (rc == 0) {
        rc = start_servers(run, config, identity, why);
    }
    sim_server_identity_free(identity);
    return rc;
}

/* ---- Sites and phones ---- */

static int set_up_sites(struct scenario_run *run)
{
    const struct scenario *s = run->scenario;
    run->sites_len = s->sites_total;
    run->sites = calloc(run->sites_len + 1, sizeof(*run->sites));
    run->setups = calloc(run->sites_len + 1, sizeof(*run->setups));
    run->site_of_node = calloc((size_t)s->phones_total + 1, sizeof(*run->site_of_node));
    if (run->sites == NULL || run->setups == NULL || run->site_of_node == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < run->sites_len; i++) {
        struct site *site = &run->sites[i];
        int rc = scenario_site_setup(s, i, &site->setup, site->name);
        if (rc != 0) {
            return rc;
        }
        run->setups[i] = site->setup;
        site->phones_len = site->setup.phones;
        site->phones = calloc(site->phones_len + 1, sizeof(*site->phones));
        if (site->phones == NULL) {
            return SIM_ENOMEM;
        }
    }
    return 0;
}

/* Which copy of its class a site is. */
static uint32_t copy_of(const struct scenario *s, uint32_t index)
{
    for (size_t i = 0; i < s->sites_len; i++) {
        if (index < s->sites[i].count) {
            return index;
        }
        index -= s->sites[i].count;
    }
    return 0;
}

/* The known tree of election "static": the sharing phones of one model in one subnet, in order. */
static int list_peers(struct scenario_run *run, struct site *site)
{
    const struct scenario *s = run->scenario;
    uint32_t within;
    sim_addr addr;

    site->peers = calloc(s->firmware_len + 1, sizeof(*site->peers));
    uint32_t *counts = calloc(s->firmware_len + 1, sizeof(*counts));
    int rc = site->peers == NULL || counts == NULL ? SIM_ENOMEM : 0;
    for (uint32_t n = 0; rc == 0 && n < site->phones_len; n++) {
        const struct scenario_phones *entry = scenario_phone(s, &site->setup, n, &within, &addr);
        if (!scenario_phone_shares(entry, within)) {
            continue;
        }
        sim_addr **list = &site->peers[entry->firmware];
        if (*list == NULL) {
            *list = calloc(site->phones_len, sizeof(**list));
        }
        if (*list == NULL) {
            rc = SIM_ENOMEM;
            continue;
        }
        uint32_t self = counts[entry->firmware]++;
        (*list)[self] = addr;
        site->phones[n].peers_self = self; /* phone_init() gets it from here */
    }
    for (uint32_t n = 0; rc == 0 && n < site->phones_len; n++) {
        const struct scenario_phones *entry = scenario_phone(s, &site->setup, n, &within, &addr);
        site->phones[n].peers_len = counts[entry->firmware];
    }
    free(counts);
    return rc;
}

static sim_time start_of(const struct scenario_run *run, uint64_t id)
{
    const struct scenario *s = run->scenario;
    struct sim_rng rng;
    sim_rng_init(&rng, run->options.seed, SIM_RNG_START, id);
    return sim_time_add(s->start_at,
                        s->start_spread > 0 ? sim_rng_between(&rng, 0, s->start_spread) : 0);
}

static int add_phone(struct scenario_run *run, uint32_t index, uint32_t number, uint64_t first_id)
{
    struct site *site = &run->sites[index];
    struct phone *p = &site->phones[number];
    uint32_t within;
    sim_addr addr;
    const struct scenario_phones *entry =
        scenario_phone(run->scenario, &site->setup, number, &within, &addr);
    const struct phone_kind *kind = scenario_kinds_find(&run->kinds, entry, within);
    struct phone_place place = {
        .world = sim_live_world(run->live, index),
        .site = index,
        .addr = addr,
        .id = first_id + number,
        .mac = scenario_macs_of(&run->macs, entry, copy_of(run->scenario, index), within),
        .start = start_of(run, first_id + number),
        .log = run->options.has_phone_log && run->options.phone_log == addr,
        .peers = site->peers != NULL ? site->peers[entry->firmware] : NULL,
        .peers_len = p->peers_len,
        .peers_self = p->peers_self,
    };
    int rc = phone_init(p, kind, &place);
    if (rc == 0) {
        assert(p->node == run->phones_len); /* a node's number is its phone's */
        run->site_of_node[run->phones_len++] = index;
    }
    return rc;
}

static int add_phones(struct scenario_run *run)
{
    for (uint32_t i = 0; i < run->sites_len; i++) {
        struct site *site = &run->sites[i];
        uint64_t first_id = scenario_site_first_phone(run->scenario, i);
        int rc = run->scenario->pfs.election == PFS_STATIC ? list_peers(run, site) : 0;
        for (uint32_t n = 0; rc == 0 && n < site->phones_len; n++) {
            rc = add_phone(run, i, n, first_id);
        }
        if (rc != 0) {
            return rc;
        }
    }
    for (uint32_t i = 0; i < run->sites_len; i++) {
        struct site *site = &run->sites[i];
        struct faults_site where = {
            .scenario = run->scenario,
            .site = i,
            .name = site->setup.name,
            .class_name = site->setup.class_name,
            .world = sim_live_world(run->live, i),
            .phones = site->phones,
            .phones_len = site->phones_len,
        };
        int rc = faults_new(&site->faults, &where);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* ---- The run ---- */

static void fill_config(struct scenario_run *run, struct sim_live_config *config)
{
    const struct scenario *s = run->scenario;
    config->seed = run->options.seed;
    config->threads = s->threads;
    config->peer_port = s->pfs.port;
    config->sites = run->setups;
    config->sites_len = run->sites_len;
    config->server = &run->server_setup;
    config->user_agent = "pfsim";
    config->trace = (struct sim_trace){.write = on_record, .context = run};
    config->limit = SIM_NEVER;
    config->tick = run->options.tick;
    config->tick_context = run->options.tick_context;
    config->tick_every = run->options.tick_every;
}

static enum sim_live_fetch_mode fetch_mode(enum scenario_method method)
{
    return method == SCENARIO_PFS ? SIM_LIVE_FETCH_ROOTS : SIM_LIVE_FETCH_ALL;
}

/* Refuses before anything starts what can't end well; says the first thing that is missing and how
 * to mend it. */
static int check_machine(const struct sim_live_config *config, enum scenario_method method,
                         char why[SCENARIO_WHY_MAX])
{
    struct sim_live_need needs[SIM_LIVE_NEEDS_MAX];
    size_t len = sim_live_doctor(config, fetch_mode(method), needs);
    for (size_t i = 0; i < len; i++) {
        if (!needs[i].enough && needs[i].fatal) {
            snprintf(why, SCENARIO_WHY_MAX,
                     "not enough of %.80s: %llu %.20s needed, %llu there; %.300s", needs[i].what,
                     (unsigned long long)needs[i].needed, needs[i].unit,
                     (unsigned long long)needs[i].available, needs[i].mend);
            return SIM_ELIMIT;
        }
    }
    return 0;
}

int scenario_run_new(struct scenario_run **out, const struct scenario *s,
                     const struct scenario_run_options *options, char why[SCENARIO_WHY_MAX])
{
    struct scenario_run *run = calloc(1, sizeof(*run));
    struct sim_live_config config = {.seed = options->seed};
    int rc;

    why[0] = '\0';
    if (run == NULL) {
        snprintf(why, SCENARIO_WHY_MAX, "out of memory");
        return SIM_ENOMEM;
    }
    run->scenario = s;
    run->options = *options;
    if (options->method == SCENARIO_PFS &&
        (s->pfs.relay != PFS_STORE_AND_FORWARD || s->pfs.hierarchy != PFS_PER_FILE)) {
        snprintf(why, SCENARIO_WHY_MAX,
                 "pfs.relay \"cut-through\" and pfs.hierarchy \"per-load\" are what-ifs that this "
                 "version does not have yet");
        rc = SIM_EUNSUPPORTED;
        goto done;
    }
    run->server_setup = s->server;
    fill_config(run, &config);
    if ((rc = scenario_macs_init(&run->macs, s)) != 0 || (rc = set_up_sites(run)) != 0) {
        goto done;
    }
    config.sites = run->setups;
    config.sites_len = run->sites_len;
    if ((s->server_url != NULL && (rc = scenario_target_find(s, &config.wan_server, why)) != 0) ||
        (rc = check_machine(&config, options->method, why)) != 0 ||
        (rc = scenario_catalog_new(s, options->method, &run->catalog, why)) != 0 ||
        (rc = scenario_kinds_init(&run->kinds, s, options->method, run->catalog)) != 0 ||
        (rc = reach_servers(run, &config, why)) != 0 ||
        (rc = sim_live_new(&run->live, &config, why)) != 0 || (rc = add_phones(run)) != 0) {
        goto done;
    }
    *out = run;

done:
    if (rc != 0) {
        if (why[0] == '\0') {
            snprintf(why, SCENARIO_WHY_MAX, "%s while making the run", sim_err_text(rc));
        }
        scenario_run_free(run);
    }
    return rc;
}

void scenario_run_free(struct scenario_run *run)
{
    if (run == NULL) {
        return;
    }
    for (uint32_t i = 0; run->sites != NULL && i < run->sites_len; i++) {
        struct site *site = &run->sites[i];
        for (uint32_t n = 0; site->phones != NULL && n < site->phones_len; n++) {
            if (site->phones[n].world != NULL) {
                phone_deinit(&site->phones[n]);
            }
        }
        faults_free(site->faults);
    }
    sim_live_free(run->live);
    for (uint32_t i = 0; run->sites != NULL && i < run->sites_len; i++) {
        struct site *site = &run->sites[i];
        for (size_t k = 0; site->peers != NULL && k < run->scenario->firmware_len; k++) {
            free(site->peers[k]);
        }
        free(site->peers);
        free(site->phones);
    }
    sim_server_stop(run->server);
    sim_server_stop(run->load_server);
    scenario_kinds_deinit(&run->kinds);
    scenario_catalog_free(run->catalog);
    scenario_macs_deinit(&run->macs);
    free(run->site_of_node);
    free(run->setups);
    free(run->sites);
    free(run);
}

int scenario_run_go(struct scenario_run *run, char why[SCENARIO_WHY_MAX])
{
    why[0] = '\0';
    int rc = sim_live_run(run->live);
    run->ended = sim_world_now(sim_live_world(run->live, 0));
    if (run->server != NULL && !sim_server_alive(run->server, why) && rc == 0) {
        rc = SIM_ESERVER;
    }
    if (rc != 0 && why[0] == '\0') {
        snprintf(why, SCENARIO_WHY_MAX, "%s", sim_err_text(rc));
    }
    return rc;
}

void scenario_run_stop(struct scenario_run *run)
{
    sim_live_stop(run->live);
}

/* ---- Figures ---- */

uint32_t scenario_run_sites(const struct scenario_run *run)
{
    return run->sites_len;
}

const struct sim_site_setup *scenario_run_site(const struct scenario_run *run, uint32_t site)
{
    assert(site < run->sites_len);
    return &run->sites[site].setup;
}

static const struct phone *phone_of(const struct scenario_run *run, sim_node node)
{
    const struct site *site = &run->sites[run->site_of_node[node]];
    return &site->phones[node - site->phones[0].node];
}

bool scenario_run_phone(const struct scenario_run *run, sim_node node,
                        struct scenario_phone_info *out)
{
    if (node >= run->phones_len) {
        return false;
    }
    uint32_t index = run->site_of_node[node];
    const struct phone *p = phone_of(run, node);
    uint32_t within;
    sim_addr addr;
    uint32_t number = node - run->sites[index].phones[0].node;
    const struct scenario_phones *entry =
        scenario_phone(run->scenario, &run->sites[index].setup, number, &within, &addr);
    *out = (struct scenario_phone_info){
        .site = index,
        .number = number,
        .addr = addr,
        .mac = p->mac,
        .model = p->kind->model,
        .system = entry->system,
        .pfs = run->options.method == SCENARIO_PFS && scenario_phone_shares(entry, within),
    };
    return true;
}

sim_node scenario_run_node(const struct scenario_run *run, uint32_t site, uint32_t number)
{
    assert(site < run->sites_len && number < run->sites[site].phones_len);
    return run->sites[site].phones[number].node;
}

uint32_t scenario_run_nodes(const struct scenario_run *run)
{
    return run->phones_len;
}

unsigned scenario_run_lanes(const struct scenario_run *run)
{
    return run->scenario->threads;
}

sim_time scenario_run_start(const struct scenario_run *run, sim_node node)
{
    assert(node < run->phones_len);
    return phone_of(run, node)->start;
}

void scenario_run_servers(const struct scenario_run *run, char out[SCENARIO_SERVERS_TEXT_MAX])
{
    size_t len = 0;
    out[0] = '\0';
    if (run->server != NULL) {
        len = describe(run->server, "server", out, SCENARIO_SERVERS_TEXT_MAX);
    }
    if (run->load_server != NULL) {
        describe(run->load_server, "load server", out + len, SCENARIO_SERVERS_TEXT_MAX - len);
    }
}

void scenario_run_site_stats(struct scenario_run *run, uint32_t site, struct sim_site_stats *out)
{
    sim_live_site_stats(run->live, site, out);
}

bool scenario_run_server_stats(struct scenario_run *run, struct sim_server_stats *out)
{
    if (run->server == NULL) {
        return false;
    }
    sim_server_stats(run->server, out);
    return true;
}

void scenario_run_validity(struct scenario_run *run, struct sim_live_validity *out)
{
    sim_live_validity(run->live, out);
}

void scenario_run_usage(struct scenario_run *run, struct sim_live_usage *out)
{
    sim_live_usage(run->live, out);
}

sim_time scenario_run_ended(const struct scenario_run *run)
{
    return run->ended != 0 ? run->ended : sim_world_now(sim_live_world(run->live, 0));
}

const struct sim_catalog *scenario_run_catalog(const struct scenario_run *run)
{
    return run->catalog;
}

size_t scenario_run_doctor(const struct scenario *s, enum scenario_method method,
                           struct sim_live_need needs[SIM_LIVE_NEEDS_MAX])
{
    struct scenario_run *run = calloc(1, sizeof(*run));
    struct sim_live_config config = {.seed = s->seed};
    char why[SCENARIO_WHY_MAX];
    size_t len = 0;
    if (run != NULL) {
        run->scenario = s;
        run->server_setup = s->server;
        fill_config(run, &config);
        if (set_up_sites(run) == 0) {
            config.sites = run->setups;
            config.sites_len = run->sites_len;
            if (s->server_url != NULL) { /* an address that is not known has no shortage: the run
                                            says why */
                scenario_target_find(s, &config.wan_server, why);
            }
            len = sim_live_doctor(&config, fetch_mode(method), needs);
        }
        scenario_run_free(run);
    }
    return len;
}
