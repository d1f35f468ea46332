/* sim/live/relay.c -- the relay's life, its turn, its figures. See relay.h and relay_parts.h. */
#include "sim/live/relay.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/relay_parts.h"

#define STALL_DEFAULT (60 * SIM_S)
#define LOW_WATER_TIME (2 * SIM_MS) /* of sending at the line's rate: a few turns of a loop */

enum {
    LOW_WATER_MIN = 16 * 1024, /* bytes: an initial window */
    LOW_WATER_MAX = 512 * 1024,
    GENERATION_BITS = 28,
};

/* ---- Sockets ---- */

struct sockaddr_in relay_sockaddr(sim_addr addr, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_port = htons(port),
        .sin_addr.s_addr = htonl(addr),
    };
}

static uint64_t label(enum relay_thing thing, uint32_t index, uint32_t generation)
{
    uint64_t high =
        (uint64_t)thing << GENERATION_BITS | (generation & ((1U << GENERATION_BITS) - 1));
    return high << 32 | index;
}

int relay_watch(struct live_relay *r, int fd, uint32_t events, enum relay_thing thing,
                uint32_t index, uint32_t generation)
{
    struct epoll_event event = {.events = events, .data.u64 = label(thing, index, generation)};

    return epoll_ctl(r->watch.fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : sim_err_from_errno(errno);
}

void relay_rewatch(struct live_relay *r, int fd, uint32_t events, enum relay_thing thing,
                   uint32_t index)
{
    struct epoll_event event = {.events = events, .data.u64 = label(thing, index, 0)};
    int rc = epoll_ctl(r->watch.fd, EPOLL_CTL_MOD, fd, &event);

    assert(rc == 0);
    (void)rc;
}

int relay_bind_source(struct live_relay *r, int fd, sim_addr phone, sim_addr server)
{
    sim_addr from = phone;
    int on = 1;

    if (!sim_addr_is_loopback(server)) {
        if (r->config.sources_len == 0) {
            return 0; /* the routing table chooses */
        }
        from = r->config.sources[r->next_source++ % r->config.sources_len];
    }
    /* The port is chosen at connect(), so that one address can reach many servers from the same
     * ports. */
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    struct sockaddr_in addr = relay_sockaddr(from, 0);
    return bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0
                                                                       : sim_err_from_errno(errno);
}

/* ---- The turn ---- */

static void finish_second(struct live_relay *r)
{
    uint64_t busy =
        r->config.site->wan.down_bit_s / 8 * 85 / 100; /* payload only, hence less than all */

    if (r->second_due >= busy && r->second_due > 0) {
        double kept = 1.0 - (double)r->second_late / (double)r->second_due;
        r->worst = kept < r->worst ? kept : r->worst;
    }
    r->second_due = 0;
    r->second_late = 0;
}

void relay_note_delivery(struct live_relay *r, uint64_t bytes, sim_time at)
{
    uint64_t second = at / SIM_S;

    if (second > r->second) {
        finish_second(r);
        r->second = second;
    }
    r->second_due += bytes;
    if (r->now / SIM_S > second) {
        r->second_late += bytes;
    }
}

/* Takes all that the machine has to say, until it says no more, and sets the timer for what comes
 * next. */
static void settle(struct live_relay *r)
{
    struct sim_wan_event event;

    sim_wan_tick(r->wan, r->now);
    while (sim_wan_take_event(r->wan, &event)) {
        if (event.kind == SIM_WAN_DATAGRAM || event.kind == SIM_WAN_DROPPED) {
            relay_udp_event(r, &event);
        } else {
            relay_tcp_event(r, &event);
        }
    }
    sim_time next = sim_time_min(sim_wan_deadline(r->wan), r->accept_again);
    next = sim_time_min(next, r->look_at);
    next = sim_time_min(next, relay_udp_tick(r));
    if (next == SIM_NEVER) {
        live_timer_clear(r->loop, &r->timer);
    } else if (r->timer.slot == 0 || r->timer.at != next) {
        live_timer_set(r->loop, &r->timer, next);
    }
}

static void see_time(struct live_relay *r, sim_time now)
{
    r->now = now > r->now ? now : r->now;
}

static void timer_fired(struct live_timer *timer, sim_time now)
{
    struct live_relay *r =
        (struct live_relay *)((char *)timer - offsetof(struct live_relay, timer));

    see_time(r, now);
    relay_tcp_tick(r);
    settle(r);
}

static void one_ready(struct live_relay *r, uint64_t data, uint32_t events)
{
    uint32_t index = (uint32_t)data;
    uint32_t high = (uint32_t)(data >> 32);
    uint32_t generation = high & ((1U << GENERATION_BITS) - 1);

    switch ((enum relay_thing)(high >> GENERATION_BITS)) {
    case RELAY_LISTENER:
        relay_tcp_listener_ready(r, index);
        return;
    case RELAY_PHONE:
        relay_tcp_ready(r, index, generation, true, events);
        return;
    case RELAY_SERVER:
        relay_tcp_ready(r, index, generation, false, events);
        return;
    case RELAY_UDP_FIRST:
        relay_udp_phone_ready(r, true);
        return;
    case RELAY_UDP_SECOND:
        relay_udp_phone_ready(r, false);
        return;
    case RELAY_UDP_SERVER:
        relay_udp_server_ready(r, index, generation);
        return;
    }
    assert(false && "not a thing of ours");
}

static void set_ready(struct live_watch *watch, int events, sim_time now)
{
    struct live_relay *r = (struct live_relay *)watch;
    struct epoll_event ready[RELAY_TURN_MAX];
    int count = epoll_wait(watch->fd, ready, RELAY_TURN_MAX, 0);

    (void)events;
    see_time(r, now);
    sim_wan_tick(r->wan, r->now); /* what came first goes first */
    for (int i = 0; i < count; i++) {
        one_ready(r, ready[i].data.u64, ready[i].events);
    }
    settle(r);
}

/* ---- Life ---- */

static void set_closed(struct live_watch *watch)
{
    free((struct live_relay *)watch);
}

static int open_set(struct live_relay *r)
{
    int fd = epoll_create1(EPOLL_CLOEXEC);

    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    r->watch.ready = set_ready;
    r->watch.closed = set_closed;
    int rc = live_watch_open(r->loop, &r->watch, fd);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    live_watch_set(&r->watch, UV_READABLE);
    return 0;
}

int live_relay_new(struct live_relay **out, struct live_loop *loop,
                   const struct live_relay_config *config)
{
    const struct sim_wan_config line = {
        .line = config->site->wan,
        .flows_max = RELAY_FLOWS_MAX,
        .congestion = SIM_WAN_CUBIC,
        .window_max = config->window_max,
        .seed = config->seed,
        .site = config->site->index,
    };
    struct live_relay *r = calloc(1, sizeof(*r));

    if (r == NULL) {
        return SIM_ENOMEM;
    }
    r->loop = loop;
    r->config = *config;
    r->config.stall = config->stall != 0 ? config->stall : STALL_DEFAULT;
    r->listener[0] = r->listener[1] = -1;
    r->udp.first_fd = r->udp.second_fd = -1;
    r->accept_again = SIM_NEVER;
    r->look_at = SIM_NEVER;
    r->first_free = RELAY_NONE;
    r->timer.fire = timer_fired;
    r->worst = 1.0;
    uint64_t highest = config->site->wan.down.binned != NULL
                           ? sim_capacity_peak(config->site->wan.down.binned)
                           : config->site->wan.down_bit_s;
    r->low_water = highest / 8 * LOW_WATER_TIME / SIM_S;
    r->low_water = r->low_water > LOW_WATER_MIN ? r->low_water : LOW_WATER_MIN;
    r->low_water = r->low_water < LOW_WATER_MAX ? r->low_water : LOW_WATER_MAX;
    int rc = sim_wan_new(&r->wan, &line);
    if (rc == 0) {
        rc = open_set(r);
    }
    if (rc != 0) {
        sim_wan_free(r->wan);
        free(r);
        return rc;
    }
    rc = relay_tcp_open(r);
    if (rc == 0) {
        rc = relay_udp_open(r);
    }
    if (rc != 0) {
        live_relay_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

void live_relay_free(struct live_relay *r)
{
    if (r == NULL) {
        return;
    }
    live_timer_clear(r->loop, &r->timer);
    relay_tcp_free(r);
    relay_udp_free(r);
    sim_wan_free(r->wan);
    r->wan = NULL;
    live_watch_close(&r->watch); /* frees the rest in a later turn */
}

uint16_t live_relay_tcp_port(const struct live_relay *r)
{
    return r->port[0];
}

uint16_t live_relay_tcp2_port(const struct live_relay *r)
{
    return r->port[1];
}

uint16_t live_relay_udp_port(const struct live_relay *r)
{
    return r->udp_port;
}

/* ---- Faults and figures ---- */

void live_relay_set_up(struct live_relay *r, bool up)
{
    see_time(r, live_loop_now(r->loop));
    sim_wan_set_up(r->wan, up, r->now);
    settle(r);
}

void live_relay_set_server(struct live_relay *r, bool up)
{
    see_time(r, live_loop_now(r->loop));
    r->server_down = !up;
    if (!up) {
        relay_tcp_reset_all(r);
        settle(r);
    }
}

void live_relay_stats(const struct live_relay *r, struct sim_site_stats *out)
{
    struct sim_wan_counters down, up;

    sim_wan_counters(r->wan, SIM_WAN_DOWN, r->now, &down);
    sim_wan_counters(r->wan, SIM_WAN_UP, r->now, &up);
    out->wan_bytes = down.bytes;
    out->wan_up_bytes = up.bytes;
    out->wan_busy = down.busy;
    out->wan_first = down.first;
    out->wan_last = down.first == SIM_NEVER ? 0 : down.last;
    out->wan_peak_bit_s = down.peak_bit_s;
    out->wan_drops = down.drops + down.losses + up.drops + up.losses;
}

double live_relay_worst_second(const struct live_relay *r)
{
    return r->worst;
}
