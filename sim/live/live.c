/* sim/live/live.c -- a live run: sites dealt to loops, threads, the end, validity. See live.h.
 *
 * Leaves out what happens inside a loop (world.c and its neighbours) and the check of the
 * machine before a run (doctor.c). */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/live/inner.h"
#include "sim/live/machine.h"
#include "sim/wan/wan.h"

enum {
    UNDECIDED = 1,            /* of a run's result; all others are 0 or negative */
    LOAD_SERVER_QUEUE = 1000, /* packets waiting at a load server's port: our choice, a switch's */
    LOAD_SERVER_WINDOW = 10,  /* segments beyond twice the pipe: TCP's first window (RFC 6928) */
};

#define LAG_MAX                                                                                    \
    (10 * SIM_MS)      /* architecture: p99, or a tenth of the smallest RTT if that is more */
#define PACER_MIN 0.95 /* architecture: of lan.rate over one second */
#define RELAY_MIN 0.98 /* architecture: of wan.rate over one second */

/* ---- Before anything is opened ---- */

static int fail(char why[SIM_LIVE_TEXT_MAX], int rc, const char *text)
{
    snprintf(why, SIM_LIVE_TEXT_MAX, "%s", text);
    return rc;
}

/* A typo must not aim phones at a stranger. */
static int check_target(const struct sim_server_setup *setup, sim_addr addr,
                        char why[SIM_LIVE_TEXT_MAX])
{
    char text[SIM_ADDR_TEXT_MAX];

    if (addr == 0 || sim_addr_is_target(addr, setup->allow, setup->allow_len)) {
        return 0;
    }
    snprintf(why, SIM_LIVE_TEXT_MAX,
             "the server's address %s is neither loopback nor private: name it in \"server\": { "
             "\"allow\": [\"%s\"] } if it is yours",
             sim_addr_format(addr, text), text);
    return SIM_EACCES;
}

static int check_targets(const struct sim_live_config *config, char why[SIM_LIVE_TEXT_MAX])
{
    const struct sim_live_server *servers[] = {&config->wan_server, &config->lan_server};

    for (size_t i = 0; i < 2; i++) {
        int rc = check_target(config->server, servers[i]->http_addr, why);

        rc = rc != 0 ? rc : check_target(config->server, servers[i]->https_addr, why);
        rc = rc != 0 ? rc : check_target(config->server, servers[i]->tftp_addr, why);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static bool is_server_elsewhere(const struct sim_live_server *server)
{
    return (server->http_addr != 0 && !sim_addr_is_loopback(server->http_addr)) ||
           (server->https_addr != 0 && !sim_addr_is_loopback(server->https_addr)) ||
           (server->tftp_addr != 0 && !sim_addr_is_loopback(server->tftp_addr));
}

/* Are the block's addresses of this machine? */
static int check_addresses(const struct sim_live_config *config, const struct sim_site_setup *site,
                           char why[SIM_LIVE_TEXT_MAX])
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(site->base + 1)};
    char text[SIM_ADDR_TEXT_MAX];
    int fd, rc = 0;

    if (site->wan.none && sim_addr_is_loopback(site->base) &&
        is_server_elsewhere(&config->wan_server)) {
        snprintf(why, SIM_LIVE_TEXT_MAX,
                 "site %s: phones in 127.0.0.0/8 can't reach a server on another host without a "
                 "line; give the site a \"wan\", or \"addresses\" that are routed here",
                 site->name);
        return SIM_EUNREACHABLE;
    }
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return fail(why, sim_err_from_errno(errno), "no socket could be opened");
    }
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        rc = SIM_EUNREACHABLE;
        sim_addr_format(site->base, text);
        snprintf(why, SIM_LIVE_TEXT_MAX,
                 "site %s: the addresses %s/%u are not of this machine: ip route add local %s/%u "
                 "dev lo",
                 site->name, text, site->bits, text, site->bits);
    }
    close(fd);
    return rc;
}

/* Everything that the hard limit allows: a run needs descriptors, not permission. */
static uint64_t raise_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) {
        return 1024;
    }
    if (limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

/* ---- Building ---- */

static int by_base(const void *a, const void *b)
{
    const struct live_site *x = *(struct live_site *const *)a, *y = *(struct live_site *const *)b;

    return x->setup->base < y->setup->base ? -1 : x->setup->base > y->setup->base;
}

/* Neighbouring sites share a loop, each loop getting about as many phones: the middle of a site,
 * counted in phones, says where it belongs. (Turn by turn would do too, but neighbours make the
 * steering short.) */
static void deal_sites(struct sim_live *live)
{
    uint64_t total = 0, before = 0;

    for (size_t i = 0; i < live->sites_len; i++) {
        total += live->sites[i].setup->phones + 1U;
    }
    for (size_t i = 0; i < live->sites_len; i++) {
        struct live_site *site = &live->sites[i];
        uint64_t phones = site->setup->phones + 1U;
        uint64_t lane = (before + phones / 2) * live->config.threads / total;

        site->world = live->worlds[lane];
        site->world->by_base_len++;
        before += phones;
    }
}

static int index_sites(struct sim_live *live)
{
    for (unsigned i = 0; i < live->config.threads; i++) {
        struct live_world *w = live->worlds[i];
        size_t len = 0;

        w->by_base = calloc(w->by_base_len + 1, sizeof(struct live_site *));
        if (w->by_base == NULL) {
            return SIM_ENOMEM;
        }
        for (size_t k = 0; k < live->sites_len; k++) {
            if (live->sites[k].world == w) {
                w->by_base[len++] = &live->sites[k];
            }
        }
        assert(len == w->by_base_len);
        qsort(w->by_base, len, sizeof(struct live_site *), by_base);
    }
    return 0;
}

static void init_site(struct live_site *site, const struct sim_live *live, uint32_t index)
{
    const struct sim_site_setup *setup = &live->config.sites[index];
    sim_addr mask = setup->bits == 0 ? 0 : UINT32_MAX << (32 - setup->bits);
    sim_duration way = setup->lan.latency * 2; /* two ports */

    site->setup = setup;
    site->index = index;
    site->delay = way >= LIVE_LATENCY_MIN ? way : 0;
    site->broadcast =
        sim_addr_is_loopback(setup->base) ? (sim_addr)0x7FFFFFFF : (setup->base | ~mask);
    site->stats.wan_first = SIM_NEVER;
    site->snapshot = site->stats;
    site->fifo_timer.fire = live_lan_fifo_fire;
    pthread_mutex_init(&site->snapshot_lock, NULL);
    sim_rng_init(&site->lan_rng, live->config.seed, SIM_RNG_LAN, setup->index);
}

static int open_relay(struct live_site *site, const struct sim_site_setup *line,
                      const struct sim_live_server *server, uint32_t window_max,
                      struct live_relay **out)
{
    struct live_world *w = site->world;
    const struct sim_live_config *config = &w->live->config;
    struct live_relay_config relay = {
        .site = line,
        .seed = config->seed,
        .listen_addr = site->setup->base + 1,
        .tcp_addr = server->http_addr,
        .tcp_port = server->http_port,
        .tcp2_addr = server->https_addr,
        .tcp2_port = server->https_port,
        .udp_addr = server->tftp_addr,
        .udp_port = server->tftp_port,
        .window_max = window_max,
        .stall = config->server->stall,
        .sources = config->server->sources,
        .sources_len = config->server->sources_len,
    };
    return live_relay_new(out, w->loop, &relay);
}

/* Segments of one flow in the load server's own queue: enough to fill its port alone, few enough
 * for all flows to take turns, as they do where the sender's port is what limits. */
static uint32_t load_window(const struct sim_wan_setup *port)
{
    unsigned __int128 pipe = (unsigned __int128)port->down_bit_s * port->rtt / (8 * SIM_S);
    uint64_t segments = (uint64_t)(pipe / SIM_WAN_MTU);

    return LOAD_SERVER_WINDOW +
           (uint32_t)(segments < UINT32_MAX / 4 ? 2 * segments : UINT32_MAX / 4);
}

/* The load server hangs on a port of the site's LAN as the phones do: all of them share its rate.
 */
static int open_load_relay(struct live_site *site)
{
    const struct sim_live_server *server = &site->world->live->config.lan_server;
    const struct sim_lan_setup *lan = &site->setup->lan;

    if (lan->rate_bit_s == SIM_RATE_NONE ||
        (server->http_addr == 0 && server->https_addr == 0 && server->tftp_addr == 0)) {
        return 0;
    }
    site->load_setup = *site->setup;
    site->load_setup.wan = (struct sim_wan_setup){
        .down_bit_s = lan->rate_bit_s,
        .up_bit_s = lan->rate_bit_s,
        .rtt = 4 * lan->latency, /* two ports each way */
        .queue = {.kind = SIM_QUEUE_PACKETS, .limit = LOAD_SERVER_QUEUE},
    };
    return open_relay(site, &site->load_setup, server, load_window(&site->load_setup.wan),
                      &site->load_relay);
}

static int open_relays(struct live_world *w, char why[SIM_LIVE_TEXT_MAX])
{
    for (size_t i = 0; i < w->by_base_len; i++) {
        struct live_site *site = w->by_base[i];
        int rc = 0;

        if (!site->setup->wan.none) {
            rc = open_relay(site, site->setup, &w->live->config.wan_server, 0, &site->relay);
        }
        if (rc == 0) {
            rc = open_load_relay(site);
        }
        if (rc != 0) {
            snprintf(why, SIM_LIVE_TEXT_MAX, "site %s: its line can't be set up: %s",
                     site->setup->name, sim_err_text(rc));
            return rc;
        }
    }
    return 0;
}

/* Linux 6.2 and later give the number of open descriptors as the folder's size; 0 before. */
static void sample_descriptors(struct sim_live *live)
{
    struct stat status;

    if (stat("/proc/self/fd", &status) == 0 && (uint64_t)status.st_size > live->descriptors_peak) {
        live->descriptors_peak = (uint64_t)status.st_size;
    }
}

static void on_snapshot(struct live_timer *timer, sim_time now)
{
    struct live_world *w =
        (struct live_world *)((char *)timer - offsetof(struct live_world, snapshot_timer));

    for (size_t i = 0; i < w->by_base_len; i++) {
        struct live_site *site = w->by_base[i];
        struct sim_site_stats stats;

        live_site_figures(site, &stats);
        pthread_mutex_lock(&site->snapshot_lock);
        site->snapshot = stats;
        pthread_mutex_unlock(&site->snapshot_lock);
    }
    if (w->lane == 0) {
        sample_descriptors(w->live);
    }
    live_timer_set(w->loop, timer, now + LIVE_SNAPSHOT_EVERY);
}

static int make_world(struct sim_live *live, unsigned lane)
{
    struct live_world *w = calloc(1, sizeof(*w));

    if (w == NULL) {
        return SIM_ENOMEM;
    }
    live->worlds[lane] = w;
    w->live = live;
    w->lane = lane;
    w->udp.fd = w->tcp.fd = w->spare_fd = -1;
    w->pacer_worst = 1.0;
    w->snapshot_timer.fire = on_snapshot;
    live_world_set_ops(w);
    /* Room for a full read behind what a node has held back. */
    w->scratch = malloc(LIVE_SCRATCH + LIVE_INPUT_MAX + SIM_WORLD_MESSAGE_MAX);
    return w->scratch != NULL ? 0 : SIM_ENOMEM;
}

static int open_world(struct live_world *w, uint64_t descriptors, char why[SIM_LIVE_TEXT_MAX])
{
    const struct sim_live_config *config = &w->live->config;
    struct live_http_config http = {
        .ca_file = config->server->tls_ca_file,
        .verify = config->server->tls_verify,
        .credentials = w->live->credentials,
        .user_agent = config->user_agent,
        .stall = config->server->stall,
        .wire = config->wire,
        .lane = w->lane,
    };
    /* Instant 0 until the run begins, however long the building takes. */
    int rc = live_loop_new(&w->loop, UINT64_MAX);

    if (rc != 0) {
        return fail(why, rc, "an event loop can't be made");
    }
    live_world_soon_start(w);
    w->streams_max = descriptors > LIVE_DESCRIPTORS_RESERVED
                         ? (size_t)(descriptors - LIVE_DESCRIPTORS_RESERVED) / config->threads
                         : 1;
    rc = live_lan_open(w, why);
    if (rc != 0) {
        return rc;
    }
    if (config->wan_server.http_addr != 0 || config->wan_server.https_addr != 0 ||
        config->lan_server.http_addr != 0 || config->lan_server.https_addr != 0) {
        rc = live_http_new(&w->http, w->loop, &http);
        if (rc != 0) {
            return fail(why, rc,
                        rc == SIM_ETLS ? "the certificates of server.tls can't be read"
                                       : "the HTTP client can't be made");
        }
    }
    rc = live_tftp_new(&w->tftp, w->loop, config->server);
    if (rc != 0) {
        return fail(why, rc, "the TFTP client can't be made");
    }
    live_tftp_listen(w->tftp, &config->wire, w->lane);
    return open_relays(w, why);
}

static int build(struct sim_live *live, char why[SIM_LIVE_TEXT_MAX])
{
    const struct sim_live_config *config = &live->config;
    uint64_t descriptors = raise_descriptors();
    int rc = 0;

    live->sites = calloc(config->sites_len + 1, sizeof(*live->sites));
    if (live->sites == NULL) {
        return fail(why, SIM_ENOMEM, "out of memory");
    }
    live->sites_len = config->sites_len;
    for (size_t i = 0; i < config->sites_len; i++) {
        init_site(&live->sites[i], live, (uint32_t)i);
    }
    for (unsigned i = 0; i < config->threads && rc == 0; i++) {
        rc = make_world(live, i);
    }
    if (rc == 0) {
        deal_sites(live);
        rc = index_sites(live);
    }
    if (rc != 0) {
        return fail(why, rc, "out of memory");
    }
    rc = check_targets(config, why);
    for (size_t i = 0; i < config->sites_len && rc == 0; i++) {
        rc = check_addresses(config, &config->sites[i], why);
    }
    rc = rc != 0 ? rc : live_owner_probe(config->peer_port, why);
    for (unsigned i = 0; i < config->threads && rc == 0; i++) {
        rc = open_world(live->worlds[i], descriptors, why);
    }
    return rc != 0 ? rc : live_lan_steer(live, why);
}

int sim_live_new(struct sim_live **out, const struct sim_live_config *config,
                 char why[SIM_LIVE_TEXT_MAX])
{
    const char *credentials;
    struct sim_live *live;
    int rc;

    assert(config->threads >= 1 && config->threads <= SIM_LIVE_THREADS_MAX);
    assert(config->peer_port != 0);
    why[0] = '\0';
    live = calloc(1, sizeof(*live));
    if (live == NULL) {
        return fail(why, SIM_ENOMEM, "out of memory");
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile() has no MSG_NOSIGNAL */
    live->config = *config;
    atomic_init(&live->result, UNDECIDED);
    pthread_mutex_init(&live->nodes_lock, NULL);
    live_store_init(&live->store);
    credentials =
        config->server->credentials_env != NULL ? getenv(config->server->credentials_env) : NULL;
    live->credentials = credentials != NULL ? strdup(credentials) : NULL;
    if (config->server->credentials_env != NULL && live->credentials == NULL) {
        snprintf(why, SIM_LIVE_TEXT_MAX, "the environment has no variable %s (credentials_env)",
                 config->server->credentials_env);
        rc = SIM_EACCES;
    } else {
        rc = build(live, why);
    }
    if (rc != 0) {
        sim_live_free(live);
        return rc;
    }
    *out = live;
    return 0;
}

/* ---- The end of it all ---- */

static void drop_node(struct live_node *n)
{
    live_request_cancel_all(n);
    while (n->streams != NULL) {
        n->streams->reset = true;
        live_stream_end(n->streams);
    }
    while (n->files != NULL) {
        live_file_drop(n->files);
    }
}

static void free_world(struct live_world *w)
{
    for (size_t i = 0; i < w->by_base_len; i++) {
        if (w->by_base[i]->relay != NULL) {
            live_relay_free(w->by_base[i]->relay);
        }
        if (w->by_base[i]->load_relay != NULL) {
            live_relay_free(w->by_base[i]->load_relay);
        }
    }
    if (w->http != NULL) {
        live_http_free(w->http);
    }
    if (w->tftp != NULL) {
        live_tftp_free(w->tftp);
    }
    if (w->loop != NULL) {
        live_lan_close(w);
        while (w->soon.next != &w->soon) { /* streams that have ended */
            struct live_soon *soon = w->soon.next;

            live_soon_remove(soon);
            soon->run(soon, live_loop_now(w->loop));
        }
        live_world_soon_close(w);
        live_loop_free(w->loop);
    }
    live_names_deinit(w);
    live_handles_deinit(&w->streams);
    live_handles_deinit(&w->requests);
    live_handles_deinit(&w->files);
    free(w->by_addr);
    free(w->by_base);
    free(w->scratch);
    free(w);
}

void sim_live_free(struct sim_live *live)
{
    unsigned nodes;

    if (live == NULL) {
        return;
    }
    nodes = atomic_load(&live->nodes_len);
    for (unsigned i = 0; i < nodes; i++) {
        drop_node(&atomic_load(&live->chunks[i / LIVE_NODE_CHUNK])[i % LIVE_NODE_CHUNK]);
    }
    for (unsigned i = 0; i < live->config.threads; i++) {
        if (live->worlds[i] != NULL) {
            free_world(live->worlds[i]);
        }
    }
    for (size_t i = 0; i < live->sites_len; i++) {
        pthread_mutex_destroy(&live->sites[i].snapshot_lock);
        free(live->sites[i].nodes);
        free(live->sites[i].fifo.bytes);
    }
    for (size_t i = 0; i < LIVE_NODE_CHUNKS_MAX; i++) {
        free(atomic_load(&live->chunks[i]));
    }
    live_store_deinit(&live->store);
    pthread_mutex_destroy(&live->nodes_lock);
    if (live->credentials != NULL) {
        explicit_bzero(live->credentials, strlen(live->credentials));
        free(live->credentials);
    }
    free(live->sites);
    free(live);
}

/* ---- Running ---- */

struct live_site *live_site_get(const struct sim_live *live, uint32_t site)
{
    uint32_t index = site - live->config.first_site;

    assert(index < live->sites_len);
    return &live->sites[index];
}

struct sim_world *sim_live_world(struct sim_live *live, uint32_t site)
{
    return &live_site_get(live, site)->world->base;
}

unsigned sim_live_lane(const struct sim_live *live, uint32_t site)
{
    return live_site_get(live, site)->world->lane;
}

void live_end_run(struct sim_live *live, int result)
{
    int undecided = UNDECIDED;

    atomic_compare_exchange_strong(&live->result, &undecided, result);
    for (unsigned i = 0; i < live->config.threads; i++) {
        live_loop_stop(live->worlds[i]->loop);
    }
}

void sim_live_stop(struct sim_live *live)
{
    live_end_run(live, SIM_ECANCELED);
}

static void on_limit(struct live_timer *timer, sim_time now)
{
    (void)now;
    live_end_run((struct sim_live *)((char *)timer - offsetof(struct sim_live, limit_timer)),
                 SIM_ETIMEDOUT);
}

static void on_tick(struct live_timer *timer, sim_time now)
{
    struct sim_live *live =
        (struct sim_live *)((char *)timer - offsetof(struct sim_live, tick_timer));

    if (live->config.tick(live->config.tick_context, now)) {
        live_end_run(live, SIM_ECANCELED);
    } else {
        live_timer_set(live->worlds[0]->loop, timer,
                       sim_time_add(timer->at, live->config.tick_every));
    }
}

static void *run_lane(void *context)
{
    struct live_world *w = context;

    live_loop_run(w->loop);
    return NULL;
}

/* Signals are for the caller's thread: the others are made with all of them blocked. */
static unsigned start_threads(struct sim_live *live, pthread_t threads[SIM_LIVE_THREADS_MAX])
{
    sigset_t all, before;
    unsigned started = 1;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (started < live->config.threads &&
           pthread_create(&threads[started], NULL, run_lane, live->worlds[started]) == 0) {
        started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

int sim_live_run(struct sim_live *live)
{
    const struct sim_live_config *config = &live->config;
    struct live_loop *loop = live->worlds[0]->loop;
    pthread_t threads[SIM_LIVE_THREADS_MAX];
    uint64_t epoch = live_loop_monotonic();
    unsigned started;

    for (unsigned i = 0; i < config->threads; i++) {
        struct live_world *w = live->worlds[i];

        live_loop_set_epoch(w->loop, epoch);
        live_timer_set(w->loop, &w->snapshot_timer, LIVE_SNAPSHOT_EVERY);
    }
    sample_descriptors(live);
    atomic_store(&live->running, true);
    if (atomic_load(&live->nodes_finished) == atomic_load(&live->nodes_len)) {
        live_end_run(live, 0);
    }
    live->limit_timer.fire = on_limit;
    live_timer_set(loop, &live->limit_timer, config->limit);
    if (config->tick != NULL && config->tick_every > 0) {
        live->tick_timer.fire = on_tick;
        live_timer_set(loop, &live->tick_timer, config->tick_every);
    }
    started = start_threads(live, threads);
    if (started < config->threads) {
        live_end_run(live, SIM_ELIMIT);
    }
    live_loop_run(loop);
    for (unsigned i = 1; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
    atomic_store(&live->running, false);
    return atomic_load(&live->result);
}

/* ---- Figures ---- */

void sim_live_site_stats(struct sim_live *live, uint32_t index, struct sim_site_stats *out)
{
    struct live_site *site;

    site = live_site_get(live, index);
    if (atomic_load(&live->running) && site->world->lane != 0) {
        pthread_mutex_lock(&site->snapshot_lock);
        *out = site->snapshot;
        pthread_mutex_unlock(&site->snapshot_lock);
    } else {
        live_site_figures(site, out);
    }
}

/* 0.97999 is 97.99 %: rounded, what is missed by little would look as if it were met. */
static double percent_below(double share)
{
    return floor(share * 1e4 + 1e-6) / 100; /* 0.9796 is no double */
}

static void add_reason(struct sim_live_validity *v, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_reason(struct sim_live_validity *v, const char *format, ...)
{
    va_list args;

    v->valid = false;
    if (v->reasons_len == SIM_LIVE_REASONS_MAX) {
        return;
    }
    va_start(args, format);
    vsnprintf(v->reasons[v->reasons_len++], SIM_LIVE_TEXT_MAX, format, args);
    va_end(args);
}

/* The lag that the run may have: it must stay small beside the times that are measured. */
static sim_duration lag_allowed(const struct sim_live *live)
{
    sim_duration rtt = SIM_NEVER;

    for (size_t i = 0; i < live->sites_len; i++) {
        const struct sim_wan_setup *wan = &live->sites[i].setup->wan;

        rtt = !wan->none && wan->rtt < rtt ? wan->rtt : rtt;
    }
    return rtt != SIM_NEVER && rtt / 10 > LAG_MAX ? rtt / 10 : LAG_MAX;
}

void sim_live_validity(struct sim_live *live, struct sim_live_validity *out)
{
    struct live_lag lag = {0};
    sim_duration allowed = lag_allowed(live);

    *out = (struct sim_live_validity){.valid = true, .pacer_worst = 1.0, .relay_worst = 1.0};
    if (!live->lag_summed && !atomic_load(&live->running)) { /* meanwhile: of loop 0 alone */
        for (unsigned i = 1; i < live->config.threads; i++) {
            live_loop_lag_add(live->worlds[0]->loop, live->worlds[i]->loop);
        }
        live->lag_summed = true;
    }
    live_loop_lag(live->worlds[0]->loop, &lag);
    out->lag_p50 = lag.p50;
    out->lag_p99 = lag.p99;
    out->lag_max = lag.max;
    out->timers = lag.count;
    bool knows_all = !atomic_load(&live->running); /* else other loops are at it */
    for (unsigned i = 0; knows_all && i < live->config.threads; i++) {
        const struct live_world *w = live->worlds[i];

        out->receive_drops += w->receive_drops + w->line_drops;
        out->pacer_worst = w->pacer_worst < out->pacer_worst ? w->pacer_worst : out->pacer_worst;
    }
    for (size_t i = 0; knows_all && i < live->sites_len; i++) {
        const struct live_relay *relays[] = {live->sites[i].relay, live->sites[i].load_relay};

        for (size_t k = 0; k < 2; k++) {
            double worst = relays[k] != NULL ? live_relay_worst_second(relays[k]) : 1.0;
            out->relay_worst = worst < out->relay_worst ? worst : out->relay_worst;
        }
    }
    if (out->lag_p99 > allowed) {
        add_reason(out,
                   "loop lag p99 is %.1f ms, more than %.1f ms: this machine was too slow for so "
                   "many phones",
                   (double)out->lag_p99 / 1e6, (double)allowed / 1e6);
    }
    if (out->pacer_worst < PACER_MIN) {
        add_reason(out,
                   "a phone's port sent at %.2f %% of lan.rate in its worst second, at least "
                   "%.0f %% is needed",
                   percent_below(out->pacer_worst), PACER_MIN * 100);
    }
    if (out->relay_worst < RELAY_MIN) {
        add_reason(out,
                   "a site's line carried %.2f %% of wan.rate in its worst second, at least "
                   "%.0f %% is needed",
                   percent_below(out->relay_worst), RELAY_MIN * 100);
    }
    if (out->receive_drops > 0) {
        add_reason(out,
                   "%" PRIu64 " datagrams were lost in the receive queue: sysctl -w "
                   "net.core.rmem_max=67108864",
                   out->receive_drops);
    }
}

sim_duration sim_live_lag_in(const struct sim_live *live, uint32_t second)
{
    sim_duration worst = 0;

    for (unsigned i = 0; i < live->config.threads; i++) {
        sim_duration lag = live_loop_lag_in(live->worlds[i]->loop, second);
        worst = lag > worst ? lag : worst;
    }
    return worst;
}

void sim_live_usage(struct sim_live *live, struct sim_live_usage *out)
{
    *out = (struct sim_live_usage){0};
    out->descriptors_peak = live->descriptors_peak;
    out->rss_peak_bytes = sim_live_memory_peak();
    for (unsigned i = 0; i < live->config.threads; i++) {
        size_t peak = live_loop_descriptors_peak(live->worlds[i]->loop);

        out->descriptors_peak = peak > out->descriptors_peak ? peak : out->descriptors_peak;
        out->events += live->worlds[i]->events;
    }
    out->nodes = atomic_load(&live->nodes_len);
    out->nodes_finished = atomic_load(&live->nodes_finished);
}
