/* sim/live/relay_udp.c -- the relay's datagrams, as TFTP needs them. See relay_parts.h.
 *
 * A TFTP server answers each request from a new port, its transfer identifier (RFC 1350, 4).
 * Towards the server every phone port has a socket of its own here, which learns that port from the
 * first answer; towards the phone all answers come from the relay's second port, which differs from
 * the one that requests go to. Nothing is parsed: any protocol of this shape passes, bytes
 * unchanged. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/relay_parts.h"

enum {
    MAPPINGS_FIRST = 64,
    MAPPINGS_MAX = 65536,
    MAPPINGS_A_PHONE = 4,                /* the one least recently used makes room */
    SIZE_FIRST = 512,                    /* bytes: the smallest class of packets */
    PACKET_BYTES_MAX = 64 * 1024 * 1024, /* on the line at once; what comes beyond is dropped */
    RECEIVE_BUFFER = 4 * 1024 * 1024,    /* bytes asked for: a storm of requests comes at once */
};

#define IDLE_MAX (300 * SIM_S)  /* more than any retransmission pauses */
#define IDLE_OTHERS (5 * SIM_S) /* older transfers of a phone that begins a new one */
#define LOOK_EVERY (10 * SIM_S)

/* ---- Mappings ---- */

static uint32_t bucket_of(const struct relay_udp *udp, sim_addr phone)
{
    return (uint32_t)(sim_rng_mix(phone) >> 32) & (udp->cap - 1);
}

static void unlink_age(struct relay_udp *udp, struct relay_mapping *m)
{
    if (m->older == RELAY_NONE) {
        udp->oldest = m->younger;
    } else {
        udp->mappings[m->older].younger = m->younger;
    }
    if (m->younger == RELAY_NONE) {
        udp->youngest = m->older;
    } else {
        udp->mappings[m->younger].older = m->older;
    }
}

static void link_youngest(struct relay_udp *udp, struct relay_mapping *m)
{
    uint32_t index = (uint32_t)(m - udp->mappings);

    m->older = udp->youngest;
    m->younger = RELAY_NONE;
    if (udp->youngest == RELAY_NONE) {
        udp->oldest = index;
    } else {
        udp->mappings[udp->youngest].younger = index;
    }
    udp->youngest = index;
}

static void use(struct live_relay *r, struct relay_mapping *m)
{
    m->used = r->now;
    if (m->younger != RELAY_NONE) {
        unlink_age(&r->udp, m);
        link_youngest(&r->udp, m);
    }
}

static void drop_mapping(struct live_relay *r, uint32_t index)
{
    struct relay_udp *udp = &r->udp;
    struct relay_mapping *m = &udp->mappings[index];
    uint32_t *link = &udp->buckets[bucket_of(udp, m->phone_addr)];

    while (*link != index) {
        link = &udp->mappings[*link].next;
    }
    *link = m->next;
    unlink_age(udp, m);
    close(m->fd);
    m->fd = -1;
    m->generation++;
    m->next = udp->free;
    udp->free = index;
    udp->open--;
}

static int grow(struct relay_udp *udp)
{
    uint32_t cap = udp->cap == 0 ? MAPPINGS_FIRST : udp->cap * 2;
    struct relay_mapping *mappings = realloc(udp->mappings, cap * sizeof(*mappings));

    if (mappings == NULL) {
        return SIM_ENOMEM;
    }
    udp->mappings = mappings;
    uint32_t *buckets = realloc(udp->buckets, cap * sizeof(*buckets));
    if (buckets == NULL) {
        return SIM_ENOMEM;
    }
    udp->buckets = buckets;
    udp->cap = cap;
    for (uint32_t i = 0; i < cap; i++) {
        buckets[i] = RELAY_NONE;
    }
    for (uint32_t i = 0; i < udp->used; i++) { /* grown only when all are in use */
        uint32_t *first = &buckets[bucket_of(udp, mappings[i].phone_addr)];
        mappings[i].next = *first;
        *first = i;
    }
    return 0;
}

static struct relay_mapping *find(const struct relay_udp *udp, sim_addr addr, uint16_t port)
{
    uint32_t index = udp->cap == 0 ? RELAY_NONE : udp->buckets[bucket_of(udp, addr)];

    while (index != RELAY_NONE) {
        struct relay_mapping *m = &udp->mappings[index];
        if (m->phone_addr == addr && m->phone_port == port) {
            return m;
        }
        index = m->next;
    }
    return NULL;
}

/* A phone that begins a transfer has no more use for what has been quiet, nor for too many. */
static void tidy_phone(struct live_relay *r, sim_addr addr)
{
    struct relay_udp *udp = &r->udp;

    if (udp->cap == 0) {
        return;
    }
    for (;;) {
        uint32_t stalest = RELAY_NONE;
        uint32_t count = 0;
        for (uint32_t i = udp->buckets[bucket_of(udp, addr)]; i != RELAY_NONE;
             i = udp->mappings[i].next) {
            if (udp->mappings[i].phone_addr == addr) {
                count++;
                if (stalest == RELAY_NONE || udp->mappings[i].used < udp->mappings[stalest].used) {
                    stalest = i;
                }
            }
        }
        if (stalest == RELAY_NONE ||
            (count < MAPPINGS_A_PHONE && r->now - udp->mappings[stalest].used < IDLE_OTHERS)) {
            return;
        }
        drop_mapping(r, stalest);
    }
}

static int open_server_socket(struct live_relay *r, sim_addr phone)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 && (errno == EMFILE || errno == ENFILE) && r->udp.oldest != RELAY_NONE) {
        drop_mapping(r, r->udp.oldest);
        fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    }
    if (fd >= 0 && relay_bind_source(r, fd, phone, r->config.udp_addr) != 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static struct relay_mapping *add_mapping(struct live_relay *r, sim_addr addr, uint16_t port)
{
    struct relay_udp *udp = &r->udp;

    tidy_phone(r, addr);
    if (udp->free == RELAY_NONE && udp->used == udp->cap) {
        if (udp->cap == MAPPINGS_MAX) {
            drop_mapping(r, udp->oldest);
        } else if (grow(udp) != 0) {
            return NULL;
        }
    }
    int fd = open_server_socket(r, addr);
    if (fd < 0) {
        return NULL;
    }
    uint32_t index = udp->free;
    if (index != RELAY_NONE) {
        udp->free = udp->mappings[index].next;
    } else {
        index = udp->used++;
        udp->mappings[index].generation = 0;
    }
    struct relay_mapping *m = &udp->mappings[index];
    uint32_t *first = &udp->buckets[bucket_of(udp, addr)];
    *m = (struct relay_mapping){
        .generation = m->generation + 1,
        .next = *first,
        .fd = fd,
        .phone_addr = addr,
        .phone_port = port,
        .used = r->now,
    };
    *first = index;
    link_youngest(udp, m);
    udp->open++;
    if (relay_watch(r, fd, EPOLLIN, RELAY_UDP_SERVER, index, m->generation) != 0) {
        drop_mapping(r, index);
        return NULL;
    }
    return m;
}

/* ---- Packets on the line ---- */

static struct relay_packet *new_packet(struct relay_udp *udp, uint32_t len)
{
    uint8_t size_class = 0;

    while (((uint32_t)SIZE_FIRST << size_class) < len) {
        size_class++;
    }
    assert(size_class < RELAY_SIZE_CLASSES);
    struct relay_packet *p = udp->free_packets[size_class];
    if (p != NULL) {
        udp->free_packets[size_class] = p->next;
        return p;
    }
    size_t size = sizeof(*p) + ((size_t)SIZE_FIRST << size_class);
    if (udp->packet_bytes + size > PACKET_BYTES_MAX) {
        return NULL;
    }
    p = malloc(size);
    if (p != NULL) {
        p->size_class = size_class;
        udp->packet_bytes += size;
    }
    return p;
}

static void free_packet(struct relay_udp *udp, struct relay_packet *p)
{
    p->next = udp->free_packets[p->size_class];
    udp->free_packets[p->size_class] = p;
}

static void send_over_line(struct live_relay *r, const struct relay_mapping *m,
                           enum sim_wan_direction direction, uint32_t len, bool to_first)
{
    struct relay_packet *p = len <= SIM_WAN_DATAGRAM_MAX ? new_packet(&r->udp, len) : NULL;

    if (p == NULL) {
        return; /* as a full queue would */
    }
    p->mapping = (uint32_t)(m - r->udp.mappings);
    p->generation = m->generation;
    p->to_first = to_first;
    p->len = len;
    memcpy(p->bytes, r->buffer, len);
    if (sim_wan_datagram(r->wan, direction, len, (uint64_t)(uintptr_t)p, r->now) != 0) {
        free_packet(&r->udp, p);
    }
}

/* ---- From the phone ---- */

void relay_udp_phone_ready(struct live_relay *r, bool first)
{
    int fd = first ? r->udp.first_fd : r->udp.second_fd;

    for (int i = 0; i < RELAY_TURN_MAX; i++) {
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);
        ssize_t len = recvfrom(fd, r->buffer, RELAY_BUFFER, MSG_DONTWAIT, (struct sockaddr *)&from,
                               &from_len);
        if (len < 0) {
            if (errno == EINTR) {
                continue;
            }
            return;
        }
        sim_addr addr = ntohl(from.sin_addr.s_addr);
        uint16_t port = ntohs(from.sin_port);
        struct relay_mapping *m = find(&r->udp, addr, port);
        if (m == NULL && first) {
            m = add_mapping(r, addr, port);
        }
        if (m == NULL) {
            continue; /* nobody's transfer any more */
        }
        use(r, m);
        if (!first) {
            m->answered = true;
        } else if (m->answered) {
            m->server_port = 0; /* a new request from the same port: a new transfer */
            m->answered = false;
        }
        send_over_line(r, m, SIM_WAN_UP, (uint32_t)len, first);
    }
}

/* ---- From the server ---- */

/* To a second transfer that a repeated request has begun: what the phone would say to a stranger
 * (RFC 1350, 4). */
static void refuse_stranger(const struct relay_mapping *m, const struct sockaddr_in *to)
{
    static const uint8_t error[] = "\0\5\0\5Unknown transfer ID";

    (void)sendto(m->fd, error, sizeof(error), MSG_DONTWAIT | MSG_NOSIGNAL,
                 (const struct sockaddr *)to, sizeof(*to));
}

void relay_udp_server_ready(struct live_relay *r, uint32_t index, uint32_t generation)
{
    struct relay_mapping *m = &r->udp.mappings[index];

    if ((m->generation & 0xfffffff) != generation) {
        return;
    }
    for (int i = 0; i < RELAY_TURN_MAX; i++) {
        struct sockaddr_in from;
        socklen_t from_len = sizeof(from);
        ssize_t len = recvfrom(m->fd, r->buffer, RELAY_BUFFER, MSG_DONTWAIT,
                               (struct sockaddr *)&from, &from_len);
        if (len < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK) {
                return;
            }
            continue; /* an ICMP error of something sent before */
        }
        if (ntohl(from.sin_addr.s_addr) != r->config.udp_addr || r->server_down) {
            continue;
        }
        uint16_t port = ntohs(from.sin_port);
        if (m->server_port == 0) {
            m->server_port = port;
        }
        if (m->server_port != port) {
            refuse_stranger(m, &from);
            continue;
        }
        use(r, m);
        send_over_line(r, m, SIM_WAN_DOWN, (uint32_t)len, false);
    }
}

/* ---- Across the line ---- */

static void deliver(struct live_relay *r, const struct relay_packet *p,
                    enum sim_wan_direction direction)
{
    const struct relay_mapping *m = &r->udp.mappings[p->mapping];

    if (m->generation != p->generation) {
        return;
    }
    struct sockaddr_in to = relay_sockaddr(m->phone_addr, m->phone_port);
    int fd = r->udp.second_fd;
    if (direction == SIM_WAN_UP) {
        uint16_t port = p->to_first ? r->config.udp_port : m->server_port;
        if (port == 0 || r->server_down) {
            return;
        }
        to = relay_sockaddr(r->config.udp_addr, port);
        fd = m->fd;
    }
    (void)sendto(fd, p->bytes, p->len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
                 sizeof(to));
}

void relay_udp_event(struct live_relay *r, const struct sim_wan_event *event)
{
    struct relay_packet *p = (struct relay_packet *)(uintptr_t)event->user;

    if (event->kind == SIM_WAN_DATAGRAM) {
        relay_note_delivery(r, event->direction == SIM_WAN_DOWN ? p->len : 0, event->at);
        deliver(r, p, event->direction);
    }
    free_packet(&r->udp, p);
}

sim_time relay_udp_tick(struct live_relay *r)
{
    struct relay_udp *udp = &r->udp;

    while (udp->oldest != RELAY_NONE && r->now - udp->mappings[udp->oldest].used >= IDLE_MAX) {
        drop_mapping(r, udp->oldest);
    }
    if (udp->oldest == RELAY_NONE) {
        return SIM_NEVER;
    }
    sim_time due = udp->mappings[udp->oldest].used + IDLE_MAX;
    return due + LOOK_EVERY - due % LOOK_EVERY; /* in batches */
}

/* ---- Life ---- */

static int open_port(struct live_relay *r, enum relay_thing thing, int *fd, uint16_t *port)
{
    struct sockaddr_in addr = relay_sockaddr(r->config.listen_addr, 0);
    socklen_t len = sizeof(addr);
    int size = RECEIVE_BUFFER;

    *fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (*fd < 0) {
        return sim_err_from_errno(errno);
    }
    (void)setsockopt(*fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(*fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    if (bind(*fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        getsockname(*fd, (struct sockaddr *)&addr, &len) != 0) {
        return sim_err_from_errno(errno);
    }
    *port = ntohs(addr.sin_port);
    return relay_watch(r, *fd, EPOLLIN, thing, 0, 0);
}

int relay_udp_open(struct live_relay *r)
{
    uint16_t second;

    r->udp.free = r->udp.oldest = r->udp.youngest = RELAY_NONE;
    if (r->config.udp_addr == 0) {
        return 0;
    }
    int rc = open_port(r, RELAY_UDP_FIRST, &r->udp.first_fd, &r->udp_port);
    if (rc == 0) {
        rc = open_port(r, RELAY_UDP_SECOND, &r->udp.second_fd, &second);
    }
    return rc;
}

void relay_udp_free(struct live_relay *r)
{
    struct relay_udp *udp = &r->udp;
    struct sim_wan_event event;

    /* The line gives back the packets that are on it. */
    sim_wan_set_up(r->wan, false, r->now);
    while (sim_wan_take_event(r->wan, &event)) {
        if (event.kind == SIM_WAN_DATAGRAM || event.kind == SIM_WAN_DROPPED) {
            free_packet(udp, (struct relay_packet *)(uintptr_t)event.user);
        }
    }
    while (udp->oldest != RELAY_NONE && udp->cap > 0) {
        drop_mapping(r, udp->oldest);
    }
    for (int i = 0; i < RELAY_SIZE_CLASSES; i++) {
        while (udp->free_packets[i] != NULL) {
            struct relay_packet *p = udp->free_packets[i];
            udp->free_packets[i] = p->next;
            free(p);
        }
    }
    if (udp->first_fd >= 0) {
        close(udp->first_fd);
    }
    if (udp->second_fd >= 0) {
        close(udp->second_fd);
    }
    free(udp->mappings);
    free(udp->buckets);
}
