/* sim/live/doctor.c -- can this machine run that scenario? What is short, and the command that
 * mends it. See live.h.
 *
 * The figures per phone are measured ones, rounded up; each says where it comes from. Opens
 * nothing that stays open. Leaves out the server: whether it answers is asked elsewhere. */
#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/inner.h"
#include "sim/live/machine.h"

enum {
    FDS_BASE = 64,          /* standard streams, files, the server's pipes */
    FDS_LOOP = 12,          /* epoll, timer, wake-up, peer port, curl's own */
    FDS_LINE = 4,           /* a relay's listeners and its timer */
    FDS_FETCH_LINE = 3,     /* the phone's end, the relay's two */
    FDS_FETCH_DIRECT = 2,   /* the phone's end, and one that is closing */
    FDS_TREE = 2,           /* a phone and its parent: both ends of a stream are ours */
    FDS_ROOTS = 8,          /* phones of a site that fetch at once: a root per file and model */
    BYTES_BASE = 24 << 20,  /* program, libraries, scratch buffers, curl's tables */
    BYTES_PHONE = 8 << 10,  /* node, phone, its machines */
    BYTES_FETCH = 28 << 10, /* a curl handle with its buffers; load-notes: 27.8 KB */
    BYTES_STREAM = 2 << 10,
    DATAGRAM_COST =
        1280, /* bytes of receive buffer that a small datagram takes (Linux 6: truesize) */
    PORTS_A_MINUTE = 12000, /* new connections per source address; beyond, connect() collapses */
    PORT_RANGE_DEFAULT = 28232, /* 32768..60999 */
};

#define LAN_BYTES_S UINT64_C(1200000000) /* of a thread: loopback with SHA-256 (architecture) */

struct report {
    struct sim_live_need *needs;
    size_t len;
};

static struct sim_live_need *add(struct report *r, const char *what, uint64_t needed,
                                 uint64_t available, const char *unit)
{
    struct sim_live_need *need = &r->needs[r->len];

    assert(r->len < SIM_LIVE_NEEDS_MAX);
    r->len++;
    *need = (struct sim_live_need){.what = what,
                                   .needed = needed,
                                   .available = available,
                                   .unit = unit,
                                   .enough = needed <= available};
    return need;
}

static uint64_t phones_of(const struct sim_live_config *config)
{
    uint64_t phones = 0;

    for (size_t i = 0; i < config->sites_len; i++) {
        phones += config->sites[i].phones;
    }
    return phones;
}

/* Phones of a site that share, and those that may fetch from a server at the same time. */
static uint64_t sharing_of(const struct sim_site_setup *site, enum sim_live_fetch_mode fetch)
{
    assert(site->alone <= site->phones);
    return fetch == SIM_LIVE_FETCH_ALL ? 0 : site->phones - site->alone;
}

static uint64_t fetching_of(const struct sim_site_setup *site, enum sim_live_fetch_mode fetch)
{
    uint64_t sharing = sharing_of(site, fetch);

    return site->phones - sharing + (sharing < FDS_ROOTS ? sharing : FDS_ROOTS);
}

/* ---- Descriptors ---- */

static uint64_t descriptors_of(const struct sim_site_setup *site, enum sim_live_fetch_mode fetch)
{
    uint64_t one = site->wan.none ? FDS_FETCH_DIRECT : FDS_FETCH_LINE;
    uint64_t lines = site->wan.none ? 0 : FDS_LINE;

    return lines + fetching_of(site, fetch) * one + sharing_of(site, fetch) * FDS_TREE;
}

static void check_descriptors(struct report *r, const struct sim_live_config *config,
                              enum sim_live_fetch_mode fetch)
{
    struct rlimit limit = {.rlim_max = 1024};
    uint64_t needed = FDS_BASE + (uint64_t)FDS_LOOP * config->threads;
    struct sim_live_need *need;

    for (size_t i = 0; i < config->sites_len; i++) {
        needed += descriptors_of(&config->sites[i], fetch);
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    need = add(r, "descriptors", needed, limit.rlim_max, "");
    need->fatal = !need->enough;
    if (!need->enough) {
        snprintf(need->mend, sizeof(need->mend),
                 "as root: ulimit -Hn %" PRIu64 " (or \"* hard nofile %" PRIu64
                 "\" in /etc/security/limits.conf), or fewer phones",
                 needed, needed);
    }
}

/* ---- Ports ---- */

static void check_peer_port(struct report *r, const struct sim_live_config *config)
{
    char why[SIM_LIVE_TEXT_MAX] = "";
    int rc = live_owner_probe(config->peer_port, why);
    struct sim_live_need *need = add(r, "peer port", 0, 0, "");

    need->enough = rc == 0;
    need->fatal = rc != 0;
    if (rc != 0) {
        snprintf(need->mend, sizeof(need->mend), "%s", why);
    }
}

static uint64_t port_range(void)
{
    unsigned low = 0, high = 0;
    FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
    bool ok = file != NULL && fscanf(file, "%u %u", &low, &high) == 2 && high >= low;

    if (file != NULL) {
        fclose(file);
    }
    return ok ? (uint64_t)(high - low) + 1 : PORT_RANGE_DEFAULT;
}

static bool is_loopback_server(const struct sim_live_server *server)
{
    sim_addr addr = server->http_addr != 0    ? server->http_addr
                    : server->https_addr != 0 ? server->https_addr
                                              : server->tftp_addr;

    return addr == 0 || sim_addr_is_loopback(addr);
}

/* Towards a server on loopback each phone has its own ports; elsewhere the relays share their
 * sources. */
static void check_source_ports(struct report *r, const struct sim_live_config *config,
                               enum sim_live_fetch_mode fetch)
{
    uint64_t connections = 0, sources = config->server->sources_len, room = port_range();
    struct sim_live_need *need;

    if (is_loopback_server(&config->wan_server)) {
        return;
    }
    for (size_t i = 0; i < config->sites_len; i++) {
        const struct sim_site_setup *site = &config->sites[i];

        connections += site->wan.none ? 0 : fetching_of(site, fetch);
    }
    sources = sources == 0 ? 1 : sources;
    room = room < PORTS_A_MINUTE ? room : PORTS_A_MINUTE;
    need = add(r, "source ports", connections, room * sources, "a minute");
    if (!need->enough) {
        snprintf(need->mend, sizeof(need->mend),
                 "name %" PRIu64
                 " addresses of this machine in \"server\": { \"sources\": [...] }, "
                 "or sysctl -w net.ipv4.ip_local_port_range=\"10000 65535\"",
                 (connections + room - 1) / room);
    }
}

/* ---- Addresses ---- */

static bool is_ours(sim_addr addr)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(addr)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&in, sizeof(in)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return ok;
}

static void check_addresses(struct report *r, const struct sim_live_config *config)
{
    uint64_t needed = 0, available = 0;
    const struct sim_site_setup *bad = NULL;
    char text[SIM_ADDR_TEXT_MAX];
    struct sim_live_need *need;

    for (size_t i = 0; i < config->sites_len; i++) {
        const struct sim_site_setup *site = &config->sites[i];
        struct sim_cidr block = {site->base, site->bits};
        sim_addr last = site->base + (sim_addr)(sim_cidr_size(&block) - 1);

        needed += site->phones;
        /* The ends of the block stand for all of it. */
        if (is_ours(site->base + 1) && (sim_cidr_size(&block) < 4 || is_ours(last - 1))) {
            available += site->phones;
        } else {
            bad = bad == NULL ? site : bad;
        }
    }
    need = add(r, "addresses", needed, available, "");
    need->fatal = !need->enough;
    if (bad != NULL) {
        sim_addr_format(bad->base, text);
        need->enough = false;
        need->fatal = true;
        snprintf(need->mend, sizeof(need->mend),
                 "site %s: as root: ip route add local %s/%u dev lo", bad->name, text,
                 (unsigned)bad->bits);
    }
}

/* ---- Memory and buffers ---- */

static void check_memory(struct report *r, const struct sim_live_config *config,
                         enum sim_live_fetch_mode fetch)
{
    uint64_t needed = BYTES_BASE;
    struct sim_live_need *need;

    for (size_t i = 0; i < config->sites_len; i++) {
        const struct sim_site_setup *site = &config->sites[i];
        uint64_t sharing = sharing_of(site, fetch);

        needed += (uint64_t)site->phones * BYTES_PHONE + (site->phones - sharing) * BYTES_FETCH +
                  sharing * 2 * BYTES_STREAM;
    }
    need = add(r, "memory", needed, sim_live_memory_available(), "B");
    if (!need->enough) {
        snprintf(need->mend, sizeof(need->mend),
                 "fewer phones on this machine: spread the sites with --shard I/N");
    }
}

/* What the kernel gives a socket, counted as the kernel does. */
static uint64_t receive_buffer(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int size = LIVE_RECEIVE_BUFFER;
    socklen_t len = sizeof(size);

    if (fd < 0) {
        return 0;
    }
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    }
    getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &len);
    close(fd);
    return (uint64_t)size;
}

/* In the worst instant every phone of the run has sent a broadcast and each loop hears all of
 * them. */
static void check_receive_buffer(struct report *r, const struct sim_live_config *config)
{
    uint64_t needed = phones_of(config) * DATAGRAM_COST;
    struct sim_live_need *need = add(r, "receive buffer", needed, receive_buffer(), "B");

    if (!need->enough) {
        snprintf(need->mend, sizeof(need->mend),
                 "sysctl -w net.core.rmem_max=%" PRIu64 ", or a longer \"start\": { \"spread\" }",
                 needed / 2 + 1); /* the kernel doubles what is asked for */
    }
}

/* ---- Processor ---- */

static void check_threads(struct report *r, const struct sim_live_config *config)
{
    struct sim_live_need *need = add(r, "cores", config->threads, sim_live_cores(), "");

    if (!need->enough) {
        snprintf(need->mend, sizeof(need->mend), "\"threads\": %" PRIu64, need->available);
    }
}

/* The widest level of a binary tree has half of the phones receiving, from a quarter of them. */
static void check_lan(struct report *r, const struct sim_live_config *config,
                      enum sim_live_fetch_mode fetch)
{
    unsigned cores = sim_live_cores();
    uint64_t demand = 0, threads = config->threads < cores ? config->threads : cores;
    struct sim_live_need *need;

    if (fetch == SIM_LIVE_FETCH_ALL) {
        return;
    }
    for (size_t i = 0; i < config->sites_len; i++) {
        const struct sim_site_setup *site = &config->sites[i];

        demand += (sharing_of(site, fetch) + 3) / 4 * (site->lan.rate_bit_s / 8);
    }
    need = add(r, "LAN capacity", demand, LAN_BYTES_S * threads, "B/s");
    if (!need->enough) {
        snprintf(
            need->mend, sizeof(need->mend),
            "%sa lower \"lan\": { \"rate\" }, fewer phones, or --shard I/N; else the run may be "
            "invalid",
            config->threads < cores ? "more \"threads\", " : "");
    }
}

size_t sim_live_doctor(const struct sim_live_config *config, enum sim_live_fetch_mode fetch,
                       struct sim_live_need needs[SIM_LIVE_NEEDS_MAX])
{
    struct report r = {.needs = needs};

    check_descriptors(&r, config, fetch);
    check_peer_port(&r, config);
    check_source_ports(&r, config, fetch);
    check_addresses(&r, config);
    check_memory(&r, config, fetch);
    check_receive_buffer(&r, config);
    check_threads(&r, config);
    check_lan(&r, config, fetch);
    return r.len;
}
