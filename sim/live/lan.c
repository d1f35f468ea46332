/* sim/live/lan.c -- datagrams between nodes, and the sockets on the peer port. See inner.h.
 *
 * A loop has one UDP socket and one TCP listener on 0.0.0.0 for all its nodes: the destination
 * address tells which node is meant. Broadcasts of sites in 127/8 go to 127.255.255.255 and come
 * back once to every loop; those of a routed block (`ip route add local`) go to the block's last
 * address, which the kernel takes for one of its own and delivers to the loop of the site. What
 * arrives stands in a line per site until lan.latency has passed (when it is long enough to
 * matter) and it is its turn. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/inner.h"

enum {
    BATCH = 64,        /* datagrams a recvmmsg */
    BATCHES_MAX = 16,  /* a turn, so that timers come through */
    CONTROL_MAX = 128, /* IP_PKTINFO and SO_RXQ_OVFL need 56 bytes */
    FIFO_FIRST = 64 * 1024,
    FIFO_MAX =
        32 * 1024 * 1024, /* bytes waiting in a site's line; beyond: lost, and the run invalid */
    NOTICES_MAX = 20000,  /* told to nodes in one turn of a site's line */
    BACKLOG = 4096,
};

#define LOOPBACK_BROADCAST ((sim_addr)0x7FFFFFFF)

struct live_datagrams {
    struct mmsghdr headers[BATCH];
    struct iovec vectors[BATCH];
    struct sockaddr_in from[BATCH];
    uint8_t control[BATCH][CONTROL_MAX];
    uint8_t bytes[BATCH][SIM_WORLD_DATAGRAM_MAX + 1]; /* one over: "too long" is visible */
};

struct waiting {
    sim_time due;
    sim_addr from;
    sim_addr to; /* 0: broadcast */
    uint32_t len;
    uint32_t unused;
};

/* ---- The line of a site ---- */

static size_t waiting_size(size_t len)
{
    return (sizeof(struct waiting) + len + 7) & ~(size_t)7;
}

static bool fifo_reserve(struct live_fifo *fifo, size_t size)
{
    size_t cap = fifo->cap == 0 ? FIFO_FIRST : fifo->cap;
    size_t used = fifo->tail - fifo->head;
    uint8_t *bytes;

    if (fifo->tail + size <= fifo->cap) {
        return true;
    }
    if (fifo->head >= fifo->cap / 2 && fifo->head > 0 && used + size <= fifo->cap) {
        memmove(fifo->bytes, fifo->bytes + fifo->head, used);
        fifo->head = 0;
        fifo->tail = used;
        return true;
    }
    while (cap < fifo->tail + size) {
        cap *= 2;
    }
    bytes = cap <= FIFO_MAX ? realloc(fifo->bytes, cap) : NULL;
    if (bytes == NULL) {
        return false;
    }
    fifo->bytes = bytes;
    fifo->cap = cap;
    return true;
}

static void enqueue(struct live_site *site, const struct waiting *what, const uint8_t *bytes)
{
    struct live_fifo *fifo = &site->fifo;
    struct live_world *w = site->world;

    if (!fifo_reserve(fifo, waiting_size(what->len))) {
        w->line_drops++;
        return;
    }
    memcpy(fifo->bytes + fifo->tail, what, sizeof(*what));
    memcpy(fifo->bytes + fifo->tail + sizeof(*what), bytes, what->len);
    fifo->tail += waiting_size(what->len);
    if (site->fifo_timer.slot == 0) {
        live_timer_set(w->loop, &site->fifo_timer, what->due);
    }
}

/* True when the node was told. */
static bool give(struct live_site *site, struct live_node *n, sim_time now,
                 const struct sim_datagram *datagram)
{
    const struct live_node *from = live_node_at(site->world, datagram->from);

    if (from != NULL && from->group != n->group) {
        return false;
    }
    if (sim_rng_chance_ppm(&site->lan_rng, site->setup->lan.loss_ppm)) {
        return false;
    }
    site->world->events++;
    n->ops->datagram(n->self, now, datagram);
    return true;
}

static size_t deliver(struct live_site *site, sim_time now, const struct waiting *what,
                      const uint8_t *bytes)
{
    struct sim_datagram datagram = {
        .from = what->from, .broadcast = what->to == 0, .bytes = bytes, .len = what->len};
    struct live_node *n;
    size_t told = 0;

    if (what->to != 0) {
        n = live_node_at(site->world, what->to);
        if (n == NULL || !n->listening || n->down) {
            return 0; /* nobody is at home */
        }
        return give(site, n, now, &datagram) ? 1 : 0;
    }
    for (size_t i = 0; i < site->nodes_len; i++) {
        n = site->nodes[i];
        if (n->listening && !n->down && n->addr != what->from) {
            told += give(site, n, now, &datagram) ? 1 : 0;
        }
    }
    return told;
}

void live_lan_fifo_fire(struct live_timer *timer, sim_time now)
{
    struct live_site *site =
        (struct live_site *)((char *)timer - offsetof(struct live_site, fifo_timer));
    struct live_fifo *fifo = &site->fifo;
    uint8_t bytes[SIM_WORLD_DATAGRAM_MAX];
    size_t told = 0;

    while (fifo->head < fifo->tail && told < NOTICES_MAX) {
        struct waiting what;

        memcpy(&what, fifo->bytes + fifo->head, sizeof(what));
        if (what.due > now) {
            break;
        }
        live_loop_lag_note(site->world->loop, now - what.due);
        /* A node may cause the line to move in memory; the bytes are its for the notice. */
        memcpy(bytes, fifo->bytes + fifo->head + sizeof(what), what.len);
        fifo->head += waiting_size(what.len);
        told += deliver(site, now, &what, bytes);
    }
    if (fifo->head == fifo->tail) {
        fifo->head = fifo->tail = 0;
    } else {
        struct waiting first;

        memcpy(&first, fifo->bytes + fifo->head, sizeof(first));
        live_timer_set(site->world->loop, &site->fifo_timer, first.due);
    }
}

/* ---- Arrival ---- */

static sim_addr read_control(struct live_world *w, struct msghdr *header)
{
    sim_addr to = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c != NULL; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            struct in_pktinfo info;

            memcpy(&info, CMSG_DATA(c), sizeof(info));
            to = ntohl(info.ipi_addr.s_addr);
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
            uint32_t drops;

            memcpy(&drops, CMSG_DATA(c), sizeof(drops)); /* of the socket, since it was made */
            if (drops > w->receive_drops) {
                w->receive_drops = drops;
            }
        }
    }
    return to;
}

/* The sender of a loopback broadcast says which site it is for. */
static struct live_site *site_of_broadcast(struct live_world *w, sim_addr from)
{
    struct live_site *site = live_site_at(w, from);

    if (site != NULL && site->broadcast == LOOPBACK_BROADCAST) {
        return site;
    }
    if (!live_run_has_site_at(w->live, from)) {
        for (size_t i = 0; i < w->by_base_len; i++) { /* a stranger: all have heard it */
            w->by_base[i]->stats.lan_foreign++;
        }
    }
    return NULL;
}

static void arrive(struct live_world *w, sim_addr from, sim_addr to, const uint8_t *bytes,
                   size_t len)
{
    struct live_site *site;
    struct waiting what = {.from = from, .len = (uint32_t)len};

    if (to == LOOPBACK_BROADCAST) {
        site = site_of_broadcast(w, from);
    } else {
        site = live_site_at(w, to);
        what.to = site != NULL && to != site->broadcast ? to : 0;
    }
    if (site == NULL) {
        return;
    }
    if (len > SIM_WORLD_DATAGRAM_MAX || !live_site_contains(site, from)) {
        site->stats.lan_foreign++;
        return;
    }
    what.due = sim_time_add(live_loop_now(w->loop), site->delay);
    enqueue(site, &what, bytes);
}

static void on_datagrams(struct live_watch *watch, int events, sim_time now)
{
    struct live_world *w = (struct live_world *)((char *)watch - offsetof(struct live_world, udp));
    struct live_datagrams *d = w->datagrams;

    (void)events;
    (void)now;
    for (int batch = 0; batch < BATCHES_MAX; batch++) {
        int n;

        for (size_t i = 0; i < BATCH; i++) {
            d->vectors[i] = (struct iovec){d->bytes[i], sizeof(d->bytes[i])};
            d->headers[i].msg_hdr = (struct msghdr){.msg_name = &d->from[i],
                                                    .msg_namelen = sizeof(d->from[i]),
                                                    .msg_iov = &d->vectors[i],
                                                    .msg_iovlen = 1,
                                                    .msg_control = d->control[i],
                                                    .msg_controllen = CONTROL_MAX};
        }
        n = recvmmsg(watch->fd, d->headers, BATCH, MSG_DONTWAIT, NULL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        for (int i = 0; i < n; i++) {
            sim_addr to = read_control(w, &d->headers[i].msg_hdr);

            arrive(w, ntohl(d->from[i].sin_addr.s_addr), to, d->bytes[i], d->headers[i].msg_len);
        }
        if (n < BATCH) {
            return;
        }
    }
}

/* ---- Departure ---- */

static int send_from(struct live_world *w, const struct live_node *n, sim_addr to,
                     const void *bytes, size_t len)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_port = htons(w->live->config.peer_port),
                               .sin_addr.s_addr = htonl(to)};
    struct iovec vector = {(void *)(uintptr_t)bytes, len}; /* sendmsg() only reads it */
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {.bytes = {0}};
    struct msghdr header = {.msg_name = &addr,
                            .msg_namelen = sizeof(addr),
                            .msg_iov = &vector,
                            .msg_iovlen = 1,
                            .msg_control = &control,
                            .msg_controllen = sizeof(control)};
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(n->addr)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&header);

    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(c), &info, sizeof(info));
    if (sendmsg(w->udp.fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        switch (errno) {
        case ENETUNREACH:
        case EHOSTUNREACH:
        case EADDRNOTAVAIL:
        case EINVAL: /* the source is no address of this machine */
            return SIM_EUNREACHABLE;
        default:
            return 0; /* lost, like datagrams are */
        }
    }
    return 0;
}

static int check_send(const struct live_node *n, size_t len)
{
    return n->addr == 0 || n->down || len > SIM_WORLD_DATAGRAM_MAX ? SIM_EINVAL : 0;
}

int live_lan_send(struct sim_world *base, sim_node node, sim_addr to, const void *bytes, size_t len)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);
    int rc = check_send(n, len);

    if (rc != 0) {
        return rc;
    }
    if (!live_site_contains(n->site, to) || to == n->site->broadcast) {
        return SIM_EUNREACHABLE;
    }
    n->site->stats.lan_datagrams++;
    return send_from(w, n, to, bytes, len);
}

int live_lan_broadcast(struct sim_world *base, sim_node node, const void *bytes, size_t len)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);
    int rc = check_send(n, len);

    if (rc != 0) {
        return rc;
    }
    n->site->stats.lan_broadcasts++;
    return send_from(w, n, n->site->broadcast, bytes, len);
}

/* ---- The sockets ---- */

static int open_socket(const struct live_world *w, bool tcp, char why[SIM_LIVE_TEXT_MAX])
{
    const struct sim_live_config *config = &w->live->config;
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(config->peer_port)};
    int on = 1, buffer = LIVE_RECEIVE_BUFFER, rc;
    int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool ok = fd >= 0;

    if (ok && config->threads > 1) {
        ok = setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == 0;
    }
    if (ok && tcp) {
        ok = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0;
    } else if (ok) {
        ok = setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on)) == 0 &&
             setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == 0 &&
             setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &on, sizeof(on)) == 0;
        if (ok && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) != 0) {
            setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof(buffer));
        }
    }
    ok = ok && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
         (!tcp || listen(fd, BACKLOG) == 0);
    if (ok) {
        return fd;
    }
    rc = sim_err_from_errno(errno);
    snprintf(why, SIM_LIVE_TEXT_MAX, "%s port %u can't be opened: %s", tcp ? "TCP" : "UDP",
             (unsigned)config->peer_port, strerror(errno));
    if (fd >= 0) {
        close(fd);
    }
    return rc != 0 ? rc : SIM_EIO;
}

static void on_accept(struct live_watch *watch, int events, sim_time now)
{
    (void)events;
    (void)now;
    live_stream_accept((struct live_world *)((char *)watch - offsetof(struct live_world, tcp)));
}

static int open_watched(struct live_world *w, struct live_watch *watch, bool tcp,
                        char why[SIM_LIVE_TEXT_MAX])
{
    int rc, fd = open_socket(w, tcp, why);

    if (fd < 0) {
        return fd;
    }
    watch->ready = tcp ? on_accept : on_datagrams;
    rc = live_watch_open(w->loop, watch, fd);
    if (rc != 0) {
        snprintf(why, SIM_LIVE_TEXT_MAX, "the peer port can't be watched: %s", sim_err_text(rc));
        close(fd);
        return rc;
    }
    live_watch_set(watch, UV_READABLE);
    return 0;
}

int live_lan_open(struct live_world *w, char why[SIM_LIVE_TEXT_MAX])
{
    int rc;

    w->datagrams = calloc(1, sizeof(*w->datagrams));
    if (w->datagrams == NULL) {
        snprintf(why, SIM_LIVE_TEXT_MAX, "out of memory");
        return SIM_ENOMEM;
    }
    w->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    rc = open_watched(w, &w->udp, false, why);
    return rc != 0 ? rc : open_watched(w, &w->tcp, true, why);
}

void live_lan_close(struct live_world *w)
{
    if (w->udp.fd >= 0) {
        live_watch_close(&w->udp);
    }
    if (w->tcp.fd >= 0) {
        live_watch_close(&w->tcp);
    }
    if (w->spare_fd >= 0) {
        close(w->spare_fd);
        w->spare_fd = -1;
    }
    free(w->datagrams);
    w->datagrams = NULL;
}

/* ---- Which loop gets what ---- */

static int by_base(const void *a, const void *b)
{
    const struct live_site *x = *(struct live_site *const *)a, *y = *(struct live_site *const *)b;

    return x->setup->base < y->setup->base ? -1 : x->setup->base > y->setup->base;
}

/* A program that returns the lane of the site whose block the destination address is in:
 * addresses go up, so the first range that begins above it is one too far. */
static size_t steer_program(struct live_site **sites, size_t len, struct sock_filter *code)
{
    size_t at = 0;
    unsigned lane = sites[0]->world->lane;

    code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)SKF_NET_OFF + 16);
    for (size_t i = 1; i < len; i++) {
        if (sites[i]->world->lane == lane) {
            continue;
        }
        code[at++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, sites[i]->setup->base, 1, 0);
        code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, lane);
        lane = sites[i]->world->lane;
    }
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, lane);
    return at;
}

int live_lan_steer(struct sim_live *live, char why[SIM_LIVE_TEXT_MAX])
{
    struct live_site **sites;
    struct sock_filter *code;
    struct sock_fprog program;
    size_t len;
    int rc = 0;

    if (live->config.threads < 2 || live->sites_len == 0) {
        return 0;
    }
    sites = calloc(live->sites_len, sizeof(struct live_site *));
    code = calloc(live->sites_len * 2 + 2, sizeof(*code));
    if (sites == NULL || code == NULL) {
        snprintf(why, SIM_LIVE_TEXT_MAX, "out of memory");
        rc = SIM_ENOMEM;
        goto done;
    }
    for (size_t i = 0; i < live->sites_len; i++) {
        sites[i] = &live->sites[i];
    }
    qsort(sites, live->sites_len, sizeof(struct live_site *), by_base);
    len = steer_program(sites, live->sites_len, code);
    if (len > BPF_MAXINSNS) {
        snprintf(why, SIM_LIVE_TEXT_MAX,
                 "the sites' blocks alternate too often between threads; use \"threads\": 1");
        rc = SIM_ELIMIT;
        goto done;
    }
    program = (struct sock_fprog){.len = (unsigned short)len, .filter = code};
    if (setsockopt(live->worlds[0]->udp.fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                   sizeof(program)) != 0 ||
        setsockopt(live->worlds[0]->tcp.fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
                   sizeof(program)) != 0) {
        rc = sim_err_from_errno(errno);
        snprintf(why, SIM_LIVE_TEXT_MAX, "connections can't be dealt to several threads: %s",
                 strerror(errno));
    }
done:
    free(code);
    free(sites);
    return rc;
}
