/* sim/virtual/fluid_line.c -- see fluid_line.h.
 *
 * Sizes follow the contract (result.wan) and sim/wan. */
#include "sim/virtual/fluid_line.h"

#include <stdlib.h>

enum {
    FRAGMENT = SIM_LINE_MTU - SIM_LINE_IP, /* bytes of a datagram in an IP fragment (RFC 791) */
};

/* ---- Lines ---- */

static struct virtual_line lan_line(const struct sim_virtual *v, const struct sim_site_setup *setup)
{
    return (struct virtual_line){
        .fluid = setup->lan.rate_bit_s != SIM_RATE_NONE ? v->load_fluid : NULL,
        .down = setup->lan.rate_bit_s,
        .up = setup->lan.rate_bit_s,
        .rtt = 4 * setup->lan.latency, /* two ports each way */
    };
}

static struct virtual_line wan_line(const struct sim_virtual *v, const struct sim_site_setup *setup)
{
    bool limited =
        setup->lan.rate_bit_s != SIM_RATE_NONE || v->config.server->uplink_bit_s != SIM_RATE_NONE;

    if (setup->wan.none) {
        return (struct virtual_line){.fluid = limited ? v->fluid : NULL,
                                     .tcp_cap = setup->lan.rate_bit_s};
    }
    return (struct virtual_line){
        .fluid = v->fluid,
        .framing = setup->wan.framing,
        .down = setup->wan.down_bit_s,
        .up = setup->wan.up_bit_s,
        .rtt = setup->wan.rtt,
        .tcp_cap = setup->lan.rate_bit_s,
    };
}

static void complete(struct virtual_line *line, uint32_t site)
{
    uint64_t syn = SIM_WAN_SYN_SIZE + line->framing, full = SIM_LINE_MTU + line->framing;
    uint64_t window = (uint64_t)FLUID_WINDOW_MAX * full * 8; /* bits */

    line->site = site;
    line->syn = line->rtt / 2 + virtual_line_time(syn, line->up);
    line->connect =
        line->rtt + virtual_line_time(syn, line->up) + virtual_line_time(syn, line->down);
    line->full = virtual_line_time(full, line->down);
    line->ack = virtual_line_time(FLUID_ACK + line->framing, line->up);
    if (line->rtt > 0) {
        uint64_t most = (uint64_t)((unsigned __int128)window * SIM_S / line->rtt);

        line->tcp_cap =
            line->tcp_cap == SIM_RATE_NONE || most < line->tcp_cap ? most : line->tcp_cap;
        line->tcp_cap = line->tcp_cap > 0 ? line->tcp_cap : 1;
    }
}

int virtual_lines_init(struct sim_virtual *v)
{
    if (v->sites_len > v->lines_cap) {
        struct virtual_line *lines = realloc(v->lines, 2 * v->sites_len * sizeof(*lines));

        if (lines == NULL) {
            return SIM_ENOMEM;
        }
        v->lines = lines;
        v->lines_cap = v->sites_len;
    }
    for (uint32_t i = 0; i < v->sites_len; i++) {
        const struct sim_site_setup *setup = v->sites[i].setup;
        struct virtual_line *lines = &v->lines[2 * (size_t)i];

        lines[SIM_SERVER_WAN] = wan_line(v, setup);
        lines[SIM_SERVER_LAN] = lan_line(v, setup);
        complete(&lines[SIM_SERVER_WAN], i);
        complete(&lines[SIM_SERVER_LAN], i);
        v->sites[i].varies = v->config.network == SIM_VIRTUAL_FLUID && !setup->wan.none &&
                             (setup->wan.down.binned != NULL || setup->wan.up.binned != NULL);
        v->sites[i].rate_until = 0;
        v->sites[i].rate_armed = false;
        v->sites[i].lock_step = 0;
    }
    return 0;
}

/* ---- Rates that change over time ---- */

/* The rate at which packets pass now, until when it is true, and the line's own rate. While nothing
 * passes, it is as if a full packet took all the time until it would have. */
static uint64_t pace_now(const struct sim_capacity *capacity, uint64_t constant, sim_time now,
                         sim_time *until, uint64_t *line_rate)
{
    struct sim_capacity_cursor cursor = {.at = SIM_NEVER};

    *until = SIM_NEVER;
    *line_rate = constant;
    if (capacity == NULL) {
        return constant;
    }
    *line_rate = sim_capacity_rate(capacity, now, until);
    if (*line_rate > 0) {
        return *line_rate;
    }
    sim_duration wait = sim_time_since(sim_capacity_end(capacity, now, SIM_LINE_MTU, &cursor), now);
    uint64_t pace = SIM_LINE_MTU * 8 * SIM_S / wait;

    return pace > 0 ? pace : 1;
}

void virtual_line_look(struct sim_virtual *v, uint32_t site)
{
    struct virtual_site *s = &v->sites[site];
    const struct sim_wan_setup *wan = &s->setup->wan;
    struct virtual_line *line = &v->lines[2 * (size_t)site + SIM_SERVER_WAN];
    sim_time down_until, up_until;
    uint64_t down_rate, up_rate;

    if (v->now < s->rate_until) {
        return;
    }
    line->down = pace_now(wan->down.binned, wan->down_bit_s, v->now, &down_until, &down_rate);
    line->up = pace_now(wan->up.binned, wan->up_bit_s, v->now, &up_until, &up_rate);
    complete(line, site);
    s->rate_next = sim_time_min(down_until, up_until);
    s->rate_until = down_rate > 0 && up_rate > 0 ? s->rate_next : v->now;
    sim_fluid_set_rate(v->fluid, v->now, site, virtual_line_goodput(v, down_rate));
}

uint64_t virtual_line_goodput(const struct sim_virtual *v, uint64_t bit_s)
{
    uint32_t ppm = v->config.fluid.goodput_ppm;
    uint64_t rate = ppm == 0 ? bit_s : (uint64_t)((unsigned __int128)bit_s * ppm / 1000000);

    return rate > 0 ? rate : 1; /* 0 would be no limit */
}

/* ---- Sizes on the line ---- */

uint64_t virtual_line_datagram(const struct virtual_line *line, uint64_t payload)
{
    uint64_t fragments = (payload + SIM_LINE_UDP + FRAGMENT - 1) / FRAGMENT;

    return payload + SIM_LINE_UDP + fragments * (SIM_LINE_IP + line->framing);
}

uint64_t virtual_line_head(const struct virtual_fetch *f)
{
    uint64_t head = f->head_left;

    if (f->protocol == SIM_PROTOCOL_HTTPS) {
        head += virtual_tls_records(head) + virtual_tls_records(f->total);
    }
    return head;
}

uint64_t virtual_line_segments(uint64_t stream)
{
    return (stream + SIM_LINE_SEGMENT - 1) / SIM_LINE_SEGMENT;
}

uint64_t virtual_line_stream(const struct virtual_line *line, uint64_t stream)
{
    return stream + virtual_line_segments(stream) * (SIM_LINE_SEGMENT_HEAD + line->framing);
}

struct virtual_blocks virtual_line_blocks(const struct sim_virtual *v,
                                          const struct virtual_fetch *f,
                                          const struct virtual_line *line)
{
    const struct sim_server_setup *server = v->config.server;
    uint64_t size = server->block_size, window = server->window > 1 ? server->window : 1;
    uint64_t count = f->total / size + 1;

    return (struct virtual_blocks){
        .count = count,
        .windows = (count + window - 1) / window,
        .window = window,
        .full = virtual_line_datagram(line, size + SIM_LINE_TFTP),
        .last = virtual_line_datagram(line, f->total % size + SIM_LINE_TFTP),
        .ack = virtual_line_datagram(line, SIM_LINE_TFTP),
        .last_window_len = (count - 1) % window + 1,
    };
}

/* ---- TCP's start-up ---- */

/* What a flow without a cap would get if it began now, those counted in that will begin soon. */
static uint64_t share_of(const struct sim_virtual *v, const struct virtual_fetch *f,
                         const struct virtual_line *line)
{
    uint64_t share = sim_fluid_share(line->fluid, v->now, line->site);
    uint64_t flows = sim_fluid_flows(line->fluid, line->site);
    uint64_t soon = v->sites[line->site].starting[f->place];

    if (soon > 0) {
        share = share / 1024 * (flows + 1) / (flows + 1 + soon) * 1024; /* never near 2^64 */
    }
    return share > 0 && (f->cap_bit_s == SIM_RATE_NONE || share < f->cap_bit_s) ? share
                                                                                : f->cap_bit_s;
}

/* In a round of w segments it sends for w times a segment's time, then waits for the first ACK;
 * each ACK lets two segments out, so the next round has 2 w (RFC 5681). */
sim_duration virtual_line_start_up(const struct sim_virtual *v, struct virtual_fetch *f,
                                   const struct virtual_line *line, uint64_t segments)
{
    uint64_t rate = share_of(v, f, line), window = f->window, sent = 0;
    uint64_t full = SIM_LINE_MTU + line->framing;
    sim_duration segment = rate == line->down ? line->full : virtual_line_time(full, rate),
                 idle = 0;
    sim_duration round = line->rtt + segment + line->ack;

    while (sent + window < segments && window < FLUID_WINDOW_MAX) {
        sim_duration sending = window * segment;

        if (sending >= round) {
            break;
        }
        idle += round - sending;
        sent += window;
        window *= 2;
    }
    window = window < FLUID_WINDOW_MAX ? window : FLUID_WINDOW_MAX;
    f->window = (uint32_t)window;
    return idle;
}

/* ---- How unevenly real flows share ----
 *
 * Flows that fill a drop-tail queue together lose by chance, and who loses falls behind: of equal
 * flows some end well before and some well after their fair instant, which also keeps the line busy
 * while others connect. A fluid gives equal shares at every instant; so flows that meet trade
 * bytes: a new one takes over a random part of what one under way has to go, or gives as much of
 * its own to it. Their ends spread as if their rates had, and the line carries what it carries.
 *
 * How far they spread was read off sim/wan (single flows and means of many are within a few per
 * cent of Linux there): by 0.36 of a flow's bytes either way where 25 segments of the line and its
 * queue are each flow's, by the square root of their number more or less elsewhere, at most by all
 * but an eighth, at least by 0.29. While the queue holds all windows nothing is lost: slow start
 * ends near 18 segments a flow (HyStart), and then a window grows by 1/20 of what was sent (CUBIC
 * before its first loss). Even then ends lie half a window apart, of a short file half of what is
 * left for its last round. */

enum {
    UNEVEN_SPREAD = 369, /* of 1024: 0.36 */
    UNEVEN_AT = 25,      /* segments a flow, where that was read off */
    UNEVEN_ALL = 3,     /* pipes of so many segments a flow: 0.36 x sqrt(25 / 3) is more than all */
    UNEVEN_WINDOW = 18, /* segments of a window when slow start has ended */
    UNEVEN_GROWTH = 20, /* segments sent for each by which it grows */
    ROUNDS_SHORT = 4,   /* of a file that is short */
    UNEVEN_LOSING = 300, /* of 1024: at least, once windows lose */
    UNEVEN_FROM = 717,   /* of 1024: windows that fill so much of line and queue begin to lose */
};

uint32_t virtual_line_pipe(const struct sim_site_setup *setup)
{
    const struct sim_wan_setup *wan = &setup->wan;
    uint64_t full = SIM_LINE_MTU + wan->framing, queue = 0, pipe;

    if (wan->none) {
        return 0;
    }
    switch (wan->queue.kind) {
    case SIM_QUEUE_PACKETS:
        queue = wan->queue.limit;
        break;
    case SIM_QUEUE_BYTES:
        queue = wan->queue.limit / full;
        break;
    case SIM_QUEUE_TIME:
        queue =
            (uint64_t)((unsigned __int128)wan->queue.limit * wan->down_bit_s / 8 / SIM_S / full);
        break;
    }
    pipe = (uint64_t)((unsigned __int128)wan->rtt * wan->down_bit_s / 8 / SIM_S / full);
    pipe = queue < UINT32_MAX - 1 ? pipe + queue + 1 : UINT32_MAX;
    return pipe < UINT32_MAX ? (uint32_t)pipe : UINT32_MAX;
}

#define MOST_BYTES (UINT64_C(1) << 40)

static uint64_t square_root(uint64_t x)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1) {
        if ((root | bit) * (root | bit) <= x) {
            root |= bit;
        }
    }
    return root;
}

/* Segments in the last round of a flow whose window opens from 10 up to `window`: what is left of a
 * short file, all of the window of a long one. */
static uint64_t last_window(uint64_t segments, uint64_t window)
{
    uint64_t round = FLUID_INITIAL_WINDOW;

    for (uint32_t i = 0; i < ROUNDS_SHORT && segments > round; i++) {
        segments -= round;
        round = 2 * round < window ? 2 * round : window;
    }
    return segments < round ? segments : round;
}

/* How far ends spread, of 1024, with so many flows of so many segments: half a window in any case,
 * since a queue serves windows whole; and what losses add. */
static uint64_t spread_of(uint64_t pipe, uint64_t flows, uint64_t segments)
{
    uint64_t window = UNEVEN_WINDOW + segments / UNEVEN_GROWTH;
    uint64_t share, least, spread, demand;
    uint64_t chunk = last_window(segments, window);

    if (flows * window >= pipe && flows * UNEVEN_ALL >= pipe) {
        return 1024;
    }
    demand = flows * window * 1024 / pipe;
    share = chunk < pipe / flows ? chunk : pipe / flows;
    least = share < segments ? 512 * share / segments : 512;
    if (demand <= UNEVEN_FROM) {
        return least;
    }
    spread = UNEVEN_SPREAD * square_root(UNEVEN_AT * flows * 1024 / pipe) / 32;
    spread = spread < 1024 ? spread : 1024;
    spread = spread > UNEVEN_LOSING ? spread : UNEVEN_LOSING;
    spread = demand < 1024 ? spread * (demand - UNEVEN_FROM) / (1024 - UNEVEN_FROM) : spread;
    return spread > least ? spread : least;
}

int64_t virtual_line_trade(struct sim_virtual *v, const struct virtual_line *line,
                           uint64_t line_bytes, uint64_t left)
{
    struct virtual_site *site = &v->sites[line->site];
    uint64_t flows =
        (uint64_t)sim_fluid_flows(line->fluid, line->site) + site->starting[SIM_SERVER_WAN] + 1;
    uint64_t least = line_bytes < left ? line_bytes : left, spread, draw;
    int64_t most = (int64_t)(least / 8 * 7), more;

    spread = site->pipe > 0 ? spread_of(site->pipe, flows, line_bytes / SIM_LINE_MTU) : 0;
    if (spread == 0) {
        return 0;
    }
    draw = sim_rng_mix(v->config.seed ^
                       sim_rng_mix(((uint64_t)site->setup->index << 32) + ++site->uneven_draws));
    /* 24 bits of chance are enough, and keep the product of anything below 1 TiB in 64. */
    more = (int64_t)((line_bytes < MOST_BYTES ? line_bytes : MOST_BYTES) / 1024 * spread *
                         (draw >> 40) >>
                     24);
    more = more < most ? more : most;
    return (draw & 1) != 0 ? more : -more;
}

/* ---- Caps ---- */

/* Rate at which n windows, each sent in one go and acknowledged, take their round trips. */
uint64_t virtual_line_lock_step(const struct virtual_line *line, const struct virtual_blocks *b,
                                uint64_t line_bytes, sim_duration packet)
{
    uint64_t window = b->full * b->window;
    uint64_t last = b->full * (b->last_window_len - 1) + b->last;
    sim_duration round =
        line->rtt + virtual_line_time(window, line->down) + virtual_line_time(b->ack, line->up);
    unsigned __int128 ns =
        (unsigned __int128)round * (b->windows - 1) + virtual_line_time(last, line->down);

    if (b->windows == 1 && packet == 0) {
        return SIM_FLUID_NO_LIMIT;
    }
    ns += (unsigned __int128)packet * b->count;
    if (ns == 0) {
        return SIM_FLUID_NO_LIMIT;
    }
    unsigned __int128 cap = ((unsigned __int128)line_bytes * 8 * SIM_S + ns / 2) / ns;

    return cap == 0 ? 1 : cap > UINT64_MAX ? SIM_FLUID_NO_LIMIT : (uint64_t)cap;
}
