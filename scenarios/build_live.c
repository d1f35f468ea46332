/* scenarios/build_live.c -- a run on real sockets: servers first (they fork), then the world, then
 * the phones. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build_inner.h"
#include "scenarios/target.h"

struct build_live {
    struct scenario_run *run;
    struct sim_server *server;      /* embedded; NULL when the scenario names one */
    struct sim_server *load_server; /* of all sites; NULL when nobody needs one */
    struct sim_live *world;
    struct sim_tap_world **taps; /* around the world of each lane; NULL: nobody listens */
    bool taps_ended; /* what sockets tell while they are closed behind the run is not of it */
    struct build_crew crew;
    sim_time ended;
};

/* The world's nodes are counted from 0; for the caller phones have their numbers in the whole
 * scenario, and controllers come behind all phones. */
static sim_node number_of(const struct build_live *b, sim_node node)
{
    const struct scenario *s = b->run->scenario;
    const struct scenario_share *share = &b->run->share;

    if (node == SIM_NODE_NONE) {
        return node;
    }
    return node < share->phones ? (sim_node)scenario_site_first_phone(s, share->first) + node
                                : s->phones_total + share->first + (node - share->phones);
}

/* To the caller, and past the faults. */
static void on_record(void *context, unsigned lane, const struct sim_record *record)
{
    struct build_live *b = context;
    const struct sim_trace *trace = &b->run->options.trace;
    struct sim_record told = *record;

    told.node = number_of(b, record->node);
    trace->write(trace->context, lane, &told);
    if (b->run->scenario->faults_len > 0) {
        build_crew_observe(&b->crew, record);
    }
}

static void on_wire(void *context, unsigned lane, const struct sim_wire_event *event)
{
    const struct build_live *b = context;

    if (b->taps != NULL && b->taps[lane] != NULL && !b->taps_ended) {
        sim_tap_world_wire(b->taps[lane], event);
    }
}

/* ---- Servers ---- */

static int start_server(struct build_live *b, const struct sim_server_identity *identity,
                        char why[SCENARIO_WHY_MAX])
{
    const struct sim_server_setup *setup = &b->run->server_setup;
    struct sim_server_config config = {
        .catalog = b->run->catalog,
        .http = build_uses(b->run, SIM_PROTOCOL_HTTP),
        .https = build_uses(b->run, SIM_PROTOCOL_HTTPS),
        .tftp = build_uses(b->run, SIM_PROTOCOL_TFTP),
        .identity = identity,
        .http_port = setup->port,
        .https_port = build_uses(b->run, SIM_PROTOCOL_HTTP) ? 0 : setup->port,
        .tftp_port = setup->tftp_port,
        .uplink_bit_s = setup->uplink_bit_s,
        .max_transfers = setup->max_transfers,
        .overflow = setup->overflow,
        .response_time = setup->response_time,
        .tftp_timeout = setup->timeout,
        .tftp_retries = setup->retries,
        .access_log = b->run->options.access_log,
    };
    return sim_server_start(&b->server, &config, why);
}

/* One load server serves all sites: each reaches it without its line, and its port is not shared.
 */
static int start_load_server(struct build_live *b, const struct sim_server_identity *identity,
                             char why[SCENARIO_WHY_MAX])
{
    struct sim_server_config config = {
        .catalog = b->run->catalog,
        .http = build_uses(b->run, SIM_PROTOCOL_HTTP),
        .https = build_uses(b->run, SIM_PROTOCOL_HTTPS),
        .tftp = build_uses(b->run, SIM_PROTOCOL_TFTP),
        .identity = identity,
    };
    return sim_server_start(&b->load_server, &config, why);
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

/* Phones trust the certificate of this run's own servers, whatever tls.ca_file says: that is for
 * real ones. */
static int trust(struct build_live *b, const struct sim_server *server)
{
    struct sim_server_ports ports;
    sim_server_ports(server, &ports);
    if (ports.ca_file[0] == '\0' || b->run->kinds.ca_file != NULL) {
        return 0;
    }
    b->run->kinds.ca_file = strdup(ports.ca_file);
    b->run->server_setup.tls_ca_file = b->run->kinds.ca_file;
    return b->run->kinds.ca_file != NULL ? 0 : SIM_ENOMEM;
}

static int start_servers(struct build_live *b, struct sim_live_config *config,
                         const struct sim_server_identity *identity, char why[SCENARIO_WHY_MAX])
{
    int rc = 0;
    if (b->run->scenario->server_url == NULL) {
        rc = start_server(b, identity, why);
        if (rc == 0) {
            target_of_embedded(b->server, &config->wan_server);
            rc = trust(b, b->server);
        }
    }
    if (rc == 0 && build_needs_load_server(b->run)) {
        rc = start_load_server(b, identity, why);
        if (rc == 0) {
            target_of_embedded(b->load_server, &config->lan_server);
        }
    }
    return rc;
}

static int reach_servers(struct build_live *b, struct sim_live_config *config,
                         char why[SCENARIO_WHY_MAX])
{
    struct sim_server_identity *identity = NULL;
    bool is_secure = build_uses(b->run, SIM_PROTOCOL_HTTPS);
    bool is_real = b->run->scenario->server_url != NULL;
    int rc = 0;

    if (is_real && is_secure && build_needs_load_server(b->run) &&
        b->run->server_setup.tls_verify) {
        /* One store of certificates for all: it holds those of the real server. */
        snprintf(
            why, SCENARIO_WHY_MAX,
            "the load servers of this run have a certificate of their own, which phones of a "
            "real HTTPS server do not trust: say \"tls\": { \"verify\": false }, or take http");
        return SIM_ETLS;
    }
    if (is_real) {
        rc = scenario_target_probe(b->run->scenario, &config->wan_server, why);
    }
    if (rc == 0 && is_secure) {
        rc = sim_server_identity_new(&identity, 0);
    }
    if (rc == 0) {
        rc = start_servers(b, config, identity, why);
    }
    sim_server_identity_free(identity);
    return rc;
}

/* ---- The run ---- */

/* All sites are one group. */
static struct scenario_group group_of(const struct build_live *b)
{
    return (struct scenario_group){.first = b->run->share.first, .len = b->run->share.len};
}

static bool on_tick(void *context, sim_time now)
{
    const struct build_live *b = context;
    const struct scenario_group group = group_of(b);

    return b->run->options.tick(b->run->options.tick_context, &group, now);
}

static void fill_config(struct build_live *b, struct sim_live_config *config)
{
    const struct scenario_run *run = b->run;
    const struct scenario *s = run->scenario;
    *config = (struct sim_live_config){
        .seed = run->options.seed,
        .threads = s->threads,
        .peer_port = s->pfs.port,
        .sites = &run->setups[run->share.first],
        .sites_len = run->share.len,
        .first_site = run->share.first,
        .server = &run->server_setup,
        .user_agent = "pfsim",
        .trace = {.write = on_record, .context = b},
        .wire = {.tell = run->options.tap.write != NULL ? on_wire : NULL, .context = b},
        .limit = SIM_NEVER,
        .tick = run->options.tick != NULL ? on_tick : NULL,
        .tick_context = b,
        .tick_every = run->options.tick_every,
    };
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

static struct sim_world *world_of(void *context, uint32_t site)
{
    struct build_live *b = context;
    return b->taps != NULL ? sim_tap_world(b->taps[sim_live_lane(b->world, site)])
                           : sim_live_world(b->world, site);
}

/* One around each lane's world; the world is made. */
static int begin_taps(struct build_live *b, const struct sim_live_server *server)
{
    const struct scenario_run *run = b->run;
    struct sim_tap_config config;

    if (run->options.tap.write == NULL) {
        return 0;
    }
    b->taps = calloc(run->scenario->threads, sizeof(struct sim_tap_world *));
    build_tap_config(run, &config);
    if (run->scenario->server_url != NULL) {
        config.wan_server.addr = server->http_addr != 0    ? server->http_addr
                                 : server->https_addr != 0 ? server->https_addr
                                                           : server->tftp_addr;
    }
    config.has_wire = true;
    config.node_offset = (sim_node)scenario_site_first_phone(run->scenario, run->share.first);
    for (uint32_t i = 0; b->taps != NULL && i < run->share.len; i++) {
        unsigned lane = sim_live_lane(b->world, run->share.first + i);
        config.lane = lane;
        config.world = sim_live_world(b->world, run->share.first + i);
        if (b->taps[lane] == NULL && sim_tap_world_new(&b->taps[lane], &config) != 0) {
            return SIM_ENOMEM;
        }
    }
    return b->taps == NULL ? SIM_ENOMEM : 0;
}

/* 0, or SIM_ENOMEM: packets are missing. */
static int end_taps(struct build_live *b)
{
    bool failed = false;

    b->taps_ended = true;
    for (uint32_t i = 0; b->taps != NULL && i < b->run->scenario->threads; i++) {
        if (b->taps[i] != NULL) {
            sim_tap_world_end(b->taps[i], b->ended);
            failed |= sim_tap_world_failed(b->taps[i]);
        }
    }
    return failed ? SIM_ENOMEM : 0;
}

static void free_taps(struct build_live *b)
{
    for (uint32_t i = 0; b->taps != NULL && i < b->run->scenario->threads; i++) {
        sim_tap_world_free(b->taps[i]);
    }
    free(b->taps);
}

int build_live_new(struct build_live **out, struct scenario_run *run, char why[SCENARIO_WHY_MAX])
{
    const struct scenario *s = run->scenario;
    struct build_live *b = calloc(1, sizeof(*b));
    struct sim_live_config config;
    int rc;

    if (b == NULL) {
        return SIM_ENOMEM;
    }
    b->run = run;
    fill_config(b, &config);
    if ((s->server_url != NULL && (rc = scenario_target_find(s, &config.wan_server, why)) != 0) ||
        (rc = check_machine(&config, run->options.method, why)) != 0 ||
        (rc = scenario_catalog_new(s, run->options.method, &run->catalog, why)) != 0 ||
        (rc = scenario_kinds_init(&run->kinds, s, run->options.method, run->catalog)) != 0 ||
        (rc = reach_servers(b, &config, why)) != 0 ||
        (rc = sim_live_new(&b->world, &config, why)) != 0 ||
        (rc = begin_taps(b, &config.wan_server)) != 0 ||
        (rc = build_crew_make(&b->crew, run, run->share.first, run->share.len, 0, world_of, b)) !=
            0) {
        build_live_free(b);
        return rc;
    }
    *out = b;
    return 0;
}

void build_live_free(struct build_live *b)
{
    if (b == NULL) {
        return;
    }
    build_crew_clear(&b->crew);
    sim_live_free(b->world);
    free_taps(b);
    build_crew_deinit(&b->crew);
    sim_server_stop(b->server);
    sim_server_stop(b->load_server);
    free(b);
}

int build_live_go(struct build_live *b, char why[SCENARIO_WHY_MAX])
{
    const struct scenario_run_options *options = &b->run->options;
    int rc = sim_live_run(b->world);
    const struct scenario_share *share = &b->run->share;
    b->ended = sim_world_now(sim_live_world(b->world, share->first));
    int taps = end_taps(b);
    rc = rc == 0 ? taps : rc;
    if (b->server != NULL && !sim_server_alive(b->server, why) && rc == 0) {
        rc = SIM_ESERVER;
    }
    if (options->group_ended != NULL) {
        const struct scenario_group group = group_of(b);
        options->group_ended(options->tick_context, &group, b->ended);
    }
    return rc;
}

void build_live_stop(struct build_live *b)
{
    sim_live_stop(b->world);
}

/* ---- Figures ---- */

void build_live_servers(const struct build_live *b, char out[SCENARIO_SERVERS_TEXT_MAX])
{
    size_t len = 0;
    if (b->server != NULL) {
        len = describe(b->server, "server", out, SCENARIO_SERVERS_TEXT_MAX);
    }
    if (b->load_server != NULL) {
        describe(b->load_server, "load server", out + len, SCENARIO_SERVERS_TEXT_MAX - len);
    }
}

void build_live_site_stats(struct build_live *b, uint32_t site, struct sim_site_stats *out)
{
    if (site - b->run->share.first < b->run->share.len) {
        sim_live_site_stats(b->world, site, out);
    } else {
        *out = (struct sim_site_stats){.wan_first = SIM_NEVER};
    }
}

bool build_live_server_stats(struct build_live *b, struct sim_server_stats *out)
{
    if (b->server == NULL) {
        return false;
    }
    sim_server_stats(b->server, out);
    return true;
}

void build_live_validity(struct build_live *b, struct sim_live_validity *out)
{
    sim_live_validity(b->world, out);
}

sim_duration build_live_lag_in(const struct build_live *b, uint32_t second)
{
    return sim_live_lag_in(b->world, second);
}

void build_live_usage(struct build_live *b, struct sim_live_usage *out)
{
    sim_live_usage(b->world, out);
}

sim_time build_live_ended(const struct build_live *b)
{
    return b->ended != 0 ? b->ended : sim_world_now(sim_live_world(b->world, b->run->share.first));
}

size_t build_live_doctor(struct scenario_run *run, enum scenario_method method,
                         struct sim_live_need needs[SIM_LIVE_NEEDS_MAX])
{
    struct build_live b = {.run = run};
    struct sim_live_config config;
    char why[SCENARIO_WHY_MAX];

    fill_config(&b, &config);
    if (run->scenario->server_url != NULL) {
        /* An address that is not known has no shortage: the run says why. */
        scenario_target_find(run->scenario, &config.wan_server, why);
    }
    return sim_live_doctor(&config, fetch_mode(method), needs);
}
