/* sim/live/relay_tcp.c -- the relay's connections: accept, dial, end, reset. See relay_parts.h.
 *
 * A phone's connect() is answered by the kernel at once; what a real one would wait for, the
 * machine imposes on the first bytes: they leave one round trip later. The server is dialled when
 * the SYN has crossed the line, and a refusal comes back as a reset. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/relay_parts.h"

enum {
    BACKLOG = 4096, /* connections the kernel holds for us: as many as somaxconn lets */
    FLOWS_FIRST = 16,
};

#define ACCEPT_PAUSE (50 * SIM_MS) /* when no descriptor is left */

static const uint32_t flow_events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;

/* ---- Places ---- */

static uint32_t take_place(struct live_relay *r)
{
    uint32_t place = r->first_free;

    if (place != RELAY_NONE) {
        r->first_free = r->flows[place].next_free;
    } else {
        if (r->flows_used == r->flows_cap) {
            uint32_t cap = r->flows_cap == 0 ? FLOWS_FIRST : r->flows_cap * 2;
            struct relay_flow *flows = realloc(r->flows, cap * sizeof(*flows));
            if (flows == NULL) {
                return RELAY_NONE;
            }
            r->flows = flows;
            r->flows_cap = cap;
        }
        place = r->flows_used++;
        r->flows[place].generation = 0;
    }
    uint32_t generation = r->flows[place].generation + 1;
    r->flows[place] =
        (struct relay_flow){.generation = generation, .phone_fd = -1, .server_fd = -1};
    return place;
}

static void give_back(struct live_relay *r, uint32_t place)
{
    r->flows[place].generation++;
    r->flows[place].next_free = r->first_free;
    r->first_free = place;
}

static void close_end(int *fd, bool with_reset)
{
    if (*fd < 0) {
        return;
    }
    if (with_reset) {
        struct linger hard = {.l_onoff = 1, .l_linger = 0};
        (void)setsockopt(*fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
    close(*fd);
    *fd = -1;
}

/* Both ends and the machine's flow go. */
static void drop_flow(struct live_relay *r, struct relay_flow *f, bool with_reset)
{
    close_end(&f->phone_fd, with_reset);
    close_end(&f->server_fd, with_reset);
    for (int d = 0; d < 2; d++) {
        free(f->way[d].ahead);
        f->way[d].ahead = NULL;
    }
    sim_wan_close(r->wan, f->flow, r->now);
    give_back(r, (uint32_t)(f - r->flows));
    if (r->accept_again != SIM_NEVER) {
        r->accept_again = r->now; /* two descriptors are free */
    }
}

/* ---- From the phone ---- */

static void begin(struct live_relay *r, uint32_t target, int fd, sim_addr phone)
{
    int on = 1;
    uint32_t place = take_place(r);

    if (place == RELAY_NONE) {
        close_end(&fd, true);
        return;
    }
    struct relay_flow *f = &r->flows[place];
    f->phone_addr = phone;
    f->target = (uint8_t)target;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (sim_wan_open(r->wan, place, r->now, &f->flow) != 0 ||
        relay_watch(r, fd, flow_events, RELAY_PHONE, place, f->generation) != 0) {
        sim_wan_close(r->wan, f->flow, r->now);
        close_end(&fd, true);
        give_back(r, place);
        return;
    }
    f->phone_fd = fd;
}

void relay_tcp_listener_ready(struct live_relay *r, uint32_t index)
{
    for (int i = 0; i < RELAY_TURN_MAX; i++) {
        struct sockaddr_in peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(r->listener[index], (struct sockaddr *)&peer, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            begin(r, index, fd, ntohl(peer.sin_addr.s_addr));
            continue;
        }
        if (errno == EINTR || errno == ECONNABORTED) {
            continue;
        }
        if (errno != EAGAIN && errno != EWOULDBLOCK) {
            /* No descriptor or no memory: looking again at once would only spin. */
            for (uint32_t k = 0; k < 2; k++) {
                if (r->listener[k] >= 0) {
                    relay_rewatch(r, r->listener[k], 0, RELAY_LISTENER, k);
                }
            }
            r->accept_again = sim_time_add(r->now, ACCEPT_PAUSE);
        }
        return;
    }
}

/* A phone that gives up ends its side; the server is told, and may still answer what it heard. One
 * that hangs would keep both descriptors for ever. */
static void end_hanging(struct live_relay *r)
{
    r->look_at = SIM_NEVER;
    for (uint32_t i = 0; i < r->flows_used; i++) {
        struct relay_flow *f = &r->flows[i];
        if (f->generation % 2 == 0 || !f->way[SIM_WAN_UP].source_ended) {
            continue;
        }
        if (r->now >= sim_time_add(f->moved, r->config.stall)) {
            if (f->phone_gone || f->server_gone) { /* its reset does not come through either */
                drop_flow(r, f, true);
                continue;
            }
            relay_tcp_abort(r, f, SIM_WAN_UP);
            f->moved = r->now;
        }
        r->look_at = sim_time_min(r->look_at, sim_time_add(f->moved, r->config.stall));
    }
}

void relay_tcp_tick(struct live_relay *r)
{
    if (r->look_at <= r->now) {
        end_hanging(r);
    }
    if (r->accept_again > r->now) {
        return;
    }
    r->accept_again = SIM_NEVER;
    for (uint32_t k = 0; k < 2; k++) {
        if (r->listener[k] >= 0) {
            relay_rewatch(r, r->listener[k], EPOLLIN, RELAY_LISTENER, k);
        }
    }
}

/* ---- To the server ---- */

static int dial(struct live_relay *r, struct relay_flow *f)
{
    sim_addr addr = f->target == 0 ? r->config.tcp_addr : r->config.tcp2_addr;
    uint16_t port = f->target == 0 ? r->config.tcp_port : r->config.tcp2_port;
    struct sockaddr_in server = relay_sockaddr(addr, port);
    int on = 1;

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    f->server_fd = fd;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    int rc = relay_bind_source(r, fd, f->phone_addr, addr);
    if (rc != 0) {
        return rc;
    }
    if (connect(fd, (const struct sockaddr *)&server, sizeof(server)) != 0 &&
        errno != EINPROGRESS) {
        return sim_err_from_errno(errno);
    }
    return relay_watch(r, fd, flow_events, RELAY_SERVER, (uint32_t)(f - r->flows), f->generation);
}

void relay_tcp_abort(struct live_relay *r, struct relay_flow *f, enum sim_wan_direction sender)
{
    bool *gone = sender == SIM_WAN_DOWN ? &f->server_gone : &f->phone_gone;

    if (*gone) {
        return;
    }
    *gone = true;
    if (sender == SIM_WAN_UP) {
        close_end(&f->phone_fd,
                  true); /* the server's stays: what is on the way to the phone is read from it */
    }
    sim_wan_reset(r->wan, f->flow, sender, r->now);
}

void relay_tcp_reset_all(struct live_relay *r)
{
    for (uint32_t i = 0; i < r->flows_used; i++) {
        struct relay_flow *f = &r->flows[i];
        if (f->generation % 2 == 1) {
            relay_tcp_abort(r, f, SIM_WAN_DOWN);
            close_end(&f->server_fd, true);
        }
    }
}

/* ---- What happens ---- */

void relay_tcp_ready(struct live_relay *r, uint32_t index, uint32_t generation, bool phone,
                     uint32_t events)
{
    struct relay_flow *f = &r->flows[index];
    enum sim_wan_direction out = phone ? SIM_WAN_UP : SIM_WAN_DOWN; /* what this end sends */
    enum sim_wan_direction in = phone ? SIM_WAN_DOWN : SIM_WAN_UP;

    if ((f->generation & 0xfffffff) != generation || (phone ? f->phone_fd : f->server_fd) < 0) {
        return;
    }
    if ((events & (EPOLLRDHUP | EPOLLHUP)) != 0) {
        if (phone && !f->way[out].source_ended) {
            f->moved = r->now;
            r->look_at = sim_time_min(r->look_at, sim_time_add(r->now, r->config.stall));
        }
        f->way[out].source_ended = true;
    }
    if ((events & EPOLLERR) != 0) {
        relay_tcp_abort(r, f, out);
        return;
    }
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP)) != 0) {
        relay_move_offer(r, f, out);
    }
    if ((events & EPOLLOUT) != 0) {
        relay_move_due(r, f, in);
    }
    if (f->way[SIM_WAN_DOWN].shut && f->way[SIM_WAN_UP].shut) {
        drop_flow(r, f, false);
    }
}

void relay_tcp_event(struct live_relay *r, const struct sim_wan_event *event)
{
    struct relay_flow *f = &r->flows[event->user];

    assert(f->flow == event->flow);
    f->moved = r->now;
    switch (event->kind) {
    case SIM_WAN_ARRIVED:
        if (r->server_down || dial(r, f) != 0) {
            relay_tcp_abort(r, f, SIM_WAN_DOWN);
        }
        return;
    case SIM_WAN_ESTABLISHED:
        return;
    case SIM_WAN_DELIVERED:
        relay_note_delivery(r, event->direction == SIM_WAN_DOWN ? event->bytes : 0, event->at);
        f->way[event->direction].with_line -= event->bytes;
        f->way[event->direction].due += event->bytes;
        relay_move_due(r, f, event->direction);
        relay_move_offer(r, f, event->direction);
        return;
    case SIM_WAN_FINISHED:
        f->way[event->direction].delivered = true;
        relay_move_due(r, f, event->direction);
        if (f->way[SIM_WAN_DOWN].shut && f->way[SIM_WAN_UP].shut) {
            drop_flow(r, f, false);
        }
        return;
    case SIM_WAN_RESET:
        drop_flow(r, f, true);
        return;
    case SIM_WAN_DATAGRAM:
    case SIM_WAN_DROPPED:
        break;
    }
    assert(false && "not an event of a flow");
}

/* ---- Life ---- */

static int listen_for(struct live_relay *r, uint32_t index)
{
    struct sockaddr_in addr = relay_sockaddr(r->config.listen_addr, 0);
    socklen_t len = sizeof(addr);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    r->listener[index] = fd;
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
        return sim_err_from_errno(errno);
    }
    r->port[index] = ntohs(addr.sin_port);
    return relay_watch(r, fd, EPOLLIN, RELAY_LISTENER, index, 0);
}

int relay_tcp_open(struct live_relay *r)
{
    int rc = 0;

    if (r->config.tcp_addr != 0) {
        rc = listen_for(r, 0);
    }
    if (rc == 0 && r->config.tcp2_addr != 0) {
        rc = listen_for(r, 1);
    }
    return rc;
}

void relay_tcp_free(struct live_relay *r)
{
    for (uint32_t i = 0; i < r->flows_used; i++) {
        if (r->flows[i].generation % 2 == 1) {
            drop_flow(r, &r->flows[i], true);
        }
    }
    close_end(&r->listener[0], false);
    close_end(&r->listener[1], false);
    free(r->flows);
    r->flows = NULL;
    r->flows_used = 0;
}
