/* sim/virtual/way_fluid.c -- a request's way over a fluid line, and over the LAN to a load server.
 * See inner.h.
 *
 * Four events a request: it arrives (connect, TLS and request are one step, since their instants
 * are known), TCP's start-up is over and the answer joins the line as one flow, the flow ends, the
 * last byte reaches the node.
 *
 * What is small is not shared: requests, handshakes, errors and ACKs take their own time on an idle
 * line and are counted. What a window leaves idle is a wait before the flow begins: TCP starts with
 * 10 segments and doubles each round trip (RFC 6928, RFC 5681), so on a line of its own rounds pass
 * in which it sends for less than a round trip, until the pipe, or its share of it, is full. TFTP's
 * lock-step is a cap that makes the flow as long as its round trips and sendings are.
 *
 * Left out: losses, and the queue's delay on a busy line; that real flows share unevenly is in
 * fluid_line.c; a receiver's window is a cap. When a line falls, what is on it is lost; TCP tries
 * again after 200 ms and a round trip (a SYN: 1 s), doubling (RFC 6298 with Linux's minimum), TFTP
 * as sim/tftp does. */
#include <assert.h>
#include <stdlib.h>

#include "sim/virtual/fluid_line.h"

enum {
    SYN = SIM_WAN_SYN_SIZE,
    ACK = FLUID_ACK,
    /* A connection's packets without data, as a phone and the embedded server exchange them. */
    SYNS_UP = SYN + 3 * ACK,   /* SYN, ACK, FIN, the ACK of the server's */
    SYNS_DOWN = SYN + 3 * ACK, /* SYN-ACK, the request's ACK, FIN, the ACK of the phone's */
    SYNS = 4,                  /* so many packets each way */
    TLS_UP = VIRTUAL_TLS_HELLO + VIRTUAL_TLS_FINISHED,
    KEPT_WINDOW_BITS = 16,
    FEW_FLOWS = 16, /* so many are quickly reckoned (our choice) */
};

#define RTO_MIN (200 * SIM_MS) /* once a connection stands, on top of the round trip: Linux's */
#define RTO_SYN (1 * SIM_S)    /* RFC 6298 */
#define RTO_MAX (120 * SIM_S)  /* Linux's */
#define LOOK_AGAIN SIM_MS      /* least time between two looks at a body's progress */

static bool is_tftp(const struct virtual_fetch *f)
{
    return f->protocol == SIM_PROTOCOL_TFTP;
}

static bool is_line_up(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    return f->place == SIM_SERVER_LAN || virtual_site_of(v, f->node)->wan_up;
}

/* Datagrams to a server that is down get no answer; a connection's packets get a reset. */
static bool is_within_reach(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    return is_line_up(v, f) && (v->server.up || !is_tftp(f));
}

/* ---- Counting ---- */

static void count_up(struct sim_virtual *v, const struct virtual_fetch *f, uint64_t bytes)
{
    if (f->place == SIM_SERVER_WAN) {
        virtual_site_of(v, f->node)->stats.wan_up_bytes += bytes;
    }
}

/* What comes down beside the flows. */
static void count_down(struct sim_virtual *v, const struct virtual_fetch *f,
                       const struct virtual_line *line, uint64_t bytes)
{
    struct sim_site_stats *stats = &virtual_site_of(v, f->node)->stats;

    if (f->place == SIM_SERVER_WAN) {
        stats->wan_bytes += bytes;
        stats->wan_busy += virtual_line_time(bytes, line->down);
        stats->wan_first = sim_time_min(stats->wan_first, v->now);
        if (stats->wan_last == SIM_NEVER || stats->wan_last < v->now) {
            stats->wan_last = v->now;
        }
    }
}

/* ---- The alarms of the fluids ---- */

static struct sim_fluid *fluid_at(const struct sim_virtual *v, uint32_t place)
{
    return place == SIM_SERVER_LAN ? v->load_fluid : v->fluid;
}

/* One event is in the queue for the next end; an early one looks again. */
static void arm(struct sim_virtual *v, uint32_t place)
{
    sim_time *due = place == SIM_SERVER_LAN ? &v->load_due : &v->fluid_due;
    uint32_t *number = place == SIM_SERVER_LAN ? &v->load_number : &v->fluid_number;
    sim_time at = sim_fluid_deadline(fluid_at(v, place));

    if (at < *due) {
        struct virtual_event *e = virtual_add(v, at, VIRTUAL_FLUID, VIRTUAL_NONE);

        e->what = (uint8_t)place;
        e->a = ++*number;
        *due = at;
    }
}

/* ---- The request ---- */

/* A kept connection is the instant of its last use, in us, and its window. */
static void keep(struct sim_virtual *v, const struct virtual_fetch *f)
{
    struct virtual_node *n = &v->nodes[f->node];

    if (v->config.server->keep_alive && !is_tftp(f)) {
        n->kept[f->place] = (v->now / SIM_US + 1) << KEPT_WINDOW_BITS | f->window;
        n->kept_protocol[f->place] = f->protocol;
    }
}

/* Takes it into use; false: none is there. */
static bool take_kept(struct sim_virtual *v, struct virtual_fetch *f,
                      const struct virtual_line *line)
{
    struct virtual_node *n = &v->nodes[f->node];
    uint64_t kept = n->kept[f->place];
    sim_duration idle = v->now - ((kept >> KEPT_WINDOW_BITS) - 1) * SIM_US;

    if (kept == 0 || n->kept_protocol[f->place] != f->protocol) {
        return false;
    }
    n->kept[f->place] = 0;
    if (idle > VIRTUAL_IDLE_LIMIT) {
        return false;
    }
    f->window = (uint32_t)(kept & ((1U << KEPT_WINDOW_BITS) - 1));
    /* Slow start after idle (RFC 5681, 4.1): half the window for each timeout. */
    while (idle > RTO_MIN + line->rtt && f->window > FLUID_INITIAL_WINDOW) {
        idle -= RTO_MIN + line->rtt;
        f->window /= 2;
    }
    f->window = f->window > FLUID_INITIAL_WINDOW ? f->window : FLUID_INITIAL_WINDOW;
    return true;
}

/* Waits until what it needs is there again; watched meanwhile. `since`: when it was sent first. */
static void hold(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch, sim_time since)
{
    f->is_held = true;
    f->turn++;
    f->at = since;
    virtual_fetch_watch(v, f, fetch);
}

/* When what was first sent at `f->at` is sent again, after now. */
static sim_time next_try(const struct sim_virtual *v, const struct virtual_fetch *f,
                         const struct virtual_line *line)
{
    sim_duration wait =
        f->state == VIRTUAL_FETCH_ASKING && f->new_connection ? RTO_SYN : RTO_MIN + line->rtt;
    sim_time at = f->at;

    if (is_tftp(f)) {
        uint64_t tries = virtual_text_tries(v->config.server, v->now - f->at);

        at = sim_time_add(f->at, virtual_text_try_at(v->config.server, tries));
        return at > v->now ? at : v->now;
    }
    while (at <= v->now) {
        at = sim_time_add(at, wait);
        wait = wait < RTO_MAX / 2 ? 2 * wait : RTO_MAX;
    }
    return at;
}

/* Connect, TLS, request: when it will be at the server. */
static void set_out(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch,
                    const struct virtual_line *line)
{
    uint64_t request;
    sim_time at = v->now;

    if (!is_line_up(v, f)) {
        hold(v, f, fetch, v->now);
        return;
    }
    if (is_tftp(f)) {
        request = virtual_line_datagram(line, f->up_left);
    } else {
        request = virtual_line_stream(line, f->up_left);
        if (f->new_connection) {
            bool tls = f->protocol == SIM_PROTOCOL_HTTPS;
            uint64_t hello = tls ? virtual_line_stream(line, TLS_UP) : 0;
            uint64_t welcome = tls ? virtual_line_stream(line, VIRTUAL_TLS_WELCOME) : 0;

            count_up(v, f, SYNS_UP + SYNS * line->framing + hello);
            count_down(v, f, line, SYNS_DOWN + SYNS * line->framing + welcome);
            at += line->connect;
            if (!v->server.up) {
                virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_CONNECTED, v->now + line->syn);
            }
            if (tls) {
                at += line->rtt + virtual_line_time(hello, line->up) +
                      virtual_line_time(welcome, line->down);
            }
        }
    }
    count_up(v, f, request);
    f->at = v->now;
    virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_ARRIVE,
                       at + virtual_line_time(request, line->up) + line->rtt / 2);
}

static void fluid_begin(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    const struct virtual_line *line = virtual_line_of(v, f);

    virtual_line_see(v, v->nodes[f->node].site);
    f->is_line = line->fluid != NULL;
    f->window = FLUID_INITIAL_WINDOW;
    f->new_connection = !is_tftp(f) && !take_kept(v, f, line);
    set_out(v, f, fetch, line);
}

/* The SYN of a server that is down, or was when it set out. */
static void meet(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    if (!v->server.up && f->state == VIRTUAL_FETCH_ASKING && !f->is_held) {
        const struct virtual_line *line = virtual_line_of(v, f);

        f->status = SIM_EREFUSED;
        f->state = VIRTUAL_FETCH_ENDING;
        f->turn++;
        virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_DONE, sim_time_add(v->now, line->rtt / 2));
    }
}

static void arrive(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    if (!is_within_reach(v, f)) {
        hold(v, f, fetch, f->at);
    } else if (!v->server.up) {
        virtual_fetch_reset(v, fetch);
    } else {
        virtual_fetch_arrived(v, fetch);
    }
}

/* ---- The answer ---- */

static void join(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch);

/* It ends here: what is on its way is all that there is. */
static void end_at(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch, sim_time at)
{
    f->state = VIRTUAL_FETCH_ENDING;
    f->first_byte = f->first_byte < at ? f->first_byte : at;
    virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_DONE, at);
}

/* An error, or a body that takes no time. */
static void answer_at_once(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch,
                           const struct virtual_line *line)
{
    uint64_t bytes =
        is_tftp(f)
            ? virtual_line_datagram(line, f->head_left > 0 ? f->head_left : (uint64_t)SIM_LINE_TFTP)
            : virtual_line_stream(line, virtual_line_head(f));

    f->line_bytes = 0;
    count_down(v, f, line, bytes);
    end_at(v, f, fetch, v->now + f->delay + virtual_line_time(bytes, line->down) + line->rtt / 2);
}

/* Without a line there is no rate: the packets are only counted. */
static void answer_unlimited(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch,
                             const struct virtual_line *line)
{
    count_down(v, f, line, f->line_bytes);
    f->line_passed = f->line_bytes;
    end_at(v, f, fetch, v->now + f->delay + line->rtt);
}

/* ---- What has passed, and trading ---- */

/* Bytes of head and body among the first `passed` ones (fewer than all) of the line. */
static uint64_t stream_in(const struct virtual_fetch *f, uint64_t passed)
{
    uint64_t stream = (is_tftp(f) ? 0 : virtual_line_head(f)) + f->total - f->traded_stream;

    passed = passed > f->traded_at ? passed - f->traded_at : 0;
    return f->traded_stream +
           (uint64_t)((unsigned __int128)stream * passed / (f->line_bytes - f->traded_at));
}

/* Bytes of body among the first `passed` ones of the line. */
static uint64_t body_in(const struct virtual_fetch *f, uint64_t passed)
{
    uint64_t head = is_tftp(f) ? 0 : virtual_line_head(f), stream;

    if (f->line_bytes == 0 || f->state < VIRTUAL_FETCH_SERVED) {
        return 0;
    }
    if (passed >= f->line_bytes) {
        return f->total;
    }
    stream = stream_in(f, passed);
    return stream > head ? stream - head : 0;
}

static uint64_t passed_by(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    if (f->flow == 0) {
        return f->line_passed;
    }
    return f->line_passed + sim_fluid_passed(fluid_at(v, f->place), v->now, f->flow);
}

/* A new answer on the line and one that is under way trade bytes: see fluid_line.c. The line
 * carries no more and no less by it. */
static void trade(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch,
                  const struct virtual_line *line)
{
    struct virtual_site *site = &v->sites[line->site];
    uint64_t single = site->single, passed, left;
    struct virtual_fetch *other = virtual_fetch_of(v, single);
    int64_t more = 0;

    if (f->place != SIM_SERVER_WAN) {
        return;
    }
    if (other != NULL && other != f && other->is_line && other->line_bytes > 0 &&
        other->state == VIRTUAL_FETCH_SERVED &&
        (passed = passed_by(v, other)) < other->line_bytes) {
        left = other->line_bytes - passed;
        more = virtual_line_trade(v, line, f->line_bytes, left);
    }
    site->single = more != 0 ? 0 : fetch;
    if (more == 0) {
        return;
    }
    bool flows = other->flow != 0;
    if (flows) {
        sim_fluid_stop(line->fluid, v->now, other->flow);
        other->flow = 0;
    }
    other->traded_stream = stream_in(other, passed);
    other->line_passed = other->traded_at = passed;
    other->line_bytes = passed + (uint64_t)((int64_t)left - more);
    f->line_bytes = (uint64_t)((int64_t)f->line_bytes + more);
    if (!flows) {
        return;
    }
    if (sim_fluid_start(line->fluid, v->now, line->site, other->line_bytes - passed,
                        other->cap_bit_s, single, &other->flow) != 0) {
        v->out_of_memory = true;
    }
    arm(v, other->place);
}

static uint64_t tftp_cap(const struct sim_virtual *v, const struct virtual_fetch *f,
                         const struct virtual_line *line, const struct virtual_blocks *b)
{
    return virtual_line_lock_step(line, b, f->line_bytes,
                                  f->place == SIM_SERVER_WAN ? v->config.fluid.tftp_packet : 0);
}

static void fluid_answer(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    const struct virtual_line *line = virtual_line_of(v, f);
    sim_duration idle = 0;
    uint64_t first;

    virtual_line_see(v, v->nodes[f->node].site);
    if (f->status != 0 || (!is_tftp(f) && f->total == 0)) {
        answer_at_once(v, f, fetch, line);
        return;
    }
    f->line_passed = f->traded_at = f->traded_stream = 0;
    if (is_tftp(f)) {
        struct virtual_blocks b = virtual_line_blocks(v, f, line);

        f->line_bytes = b.full * (b.count - 1) + b.last;
        f->cap_bit_s = tftp_cap(v, f, line, &b);
        first = b.count > 1 ? b.full : b.last;
        if (f->head_left > 0) { /* OACK, and the ACK of block 0 */
            uint64_t oack = virtual_line_datagram(line, f->head_left);

            count_down(v, f, line, oack);
            idle = line->rtt + virtual_line_time(oack, line->down) +
                   virtual_line_time(b.ack, line->up);
        }
    } else {
        uint64_t stream = virtual_line_head(f) + f->total;

        f->line_bytes = virtual_line_stream(line, stream);
        f->cap_bit_s = line->tcp_cap;
        first = stream < SIM_LINE_SEGMENT ? f->line_bytes : SIM_LINE_MTU + line->framing;
        if (f->is_line) {
            idle = virtual_line_start_up(v, f, line, virtual_line_segments(stream)) +
                   (f->place == SIM_SERVER_WAN ? v->config.fluid.startup : 0);
            trade(v, f, fetch, line);
        }
    }
    f->first_byte = v->now + f->delay + (is_tftp(f) ? idle : 0) +
                    virtual_line_time(first, line->down) + line->rtt / 2;
    if (!f->is_line) {
        answer_unlimited(v, f, fetch, line);
        return;
    }
    f->delay += idle;
    if (f->delay == 0) {
        join(v, f, fetch);
        return;
    }
    f->starting = true;
    v->sites[line->site].starting[f->place]++;
    virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_BEGIN, v->now + f->delay);
}

static void started(struct sim_virtual *v, struct virtual_fetch *f)
{
    if (f->starting) {
        f->starting = false;
        v->sites[v->nodes[f->node].site].starting[f->place]--;
    }
}

/* ---- The flow ---- */

static uint64_t fluid_received(struct sim_virtual *v, uint64_t fetch)
{
    const struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    return body_in(f, passed_by(v, f));
}

/* When another notify_every bytes may be in, at the present rate. */
static void expect_progress(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    uint64_t rate, body, left;
    sim_duration wait;

    if (f->notify_every == 0 || f->flow == 0 || f->notify_at >= f->total) {
        return;
    }
    rate = sim_fluid_rate(fluid_at(v, f->place), v->now, f->flow);
    body = body_in(f, passed_by(v, f));
    left = f->notify_at + (is_tftp(f) ? f->offset : 0);
    left = left > body ? left - body : 0;
    left = (uint64_t)((unsigned __int128)left * f->line_bytes / f->total);
    wait = rate > 0 ? sim_time_of_bytes(left, rate) : SIM_S;
    wait = wait > LOOK_AGAIN ? wait : LOOK_AGAIN;
    virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_PROGRESS, sim_time_add(v->now, wait));
}

/* While flows are on a line whose rate changes, its changes are events. */
static void arm_rate(struct sim_virtual *v, uint32_t index)
{
    struct virtual_site *site = &v->sites[index];

    if (site->varies && !site->rate_armed && site->rate_next != SIM_NEVER &&
        sim_fluid_flows(v->fluid, index) > 0) {
        virtual_add(v, site->rate_next, VIRTUAL_RATE, VIRTUAL_NONE)->a = index;
        site->rate_armed = true;
    }
}

/* ACKs a byte of this flow, in 2^-32. */
static uint32_t acks_share(const struct sim_virtual *v, const struct virtual_fetch *f,
                           const struct virtual_line *line)
{
    if (is_tftp(f)) {
        struct virtual_blocks b = virtual_line_blocks(v, f, line);
        return (uint32_t)((b.ack << 32) / (b.full * b.window));
    }
    return (uint32_t)(((uint64_t)(ACK + line->framing) << 32) /
                      (2 * (SIM_LINE_SEGMENT + SIM_LINE_SEGMENT_HEAD + line->framing)));
}

static void join(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    uint32_t place = f->place;

    started(v, f);
    if (!is_within_reach(v, f)) {
        f->moved_at = v->now;
        hold(v, f, fetch, v->now);
        return;
    }
    assert(f->line_passed < f->line_bytes && f->flow == 0);
    if (sim_fluid_start(fluid_at(v, place), v->now, v->nodes[f->node].site,
                        f->line_bytes - f->line_passed, f->cap_bit_s, fetch, &f->flow) != 0) {
        v->out_of_memory = true;
        return;
    }
    if (place == SIM_SERVER_WAN) {
        virtual_site_of(v, f->node)->acks = acks_share(v, f, virtual_line_of(v, f));
    }
    expect_progress(v, f, fetch);
    arm(v, place);
    arm_rate(v, v->nodes[f->node].site);
}

/* ACKs of what has come down: one for two segments, or for a window's blocks. */
static void count_passed(struct sim_virtual *v, struct virtual_fetch *f,
                         const struct virtual_line *line)
{
    uint64_t body = body_in(f, f->line_passed), passed = f->line_passed, bytes;

    if (is_tftp(f)) {
        struct virtual_blocks b = virtual_line_blocks(v, f, line);
        uint64_t acks = f->line_passed >= f->line_bytes
                            ? b.windows
                            : body / v->config.server->block_size / b.window;

        bytes = (acks + (f->head_left > 0 ? 1 : 0)) * b.ack;
    } else {
        uint64_t stream = body > 0 ? body + virtual_line_head(f) : 0;

        bytes = (virtual_line_segments(stream) + 1) / 2 * (ACK + line->framing);
        passed = virtual_line_stream(line, stream); /* it may have given or taken some */
    }
    count_up(v, f, bytes);
    if (f->place == SIM_SERVER_WAN) {
        virtual_site_of(v, f->node)->acknowledged += passed;
    }
}

/* All bytes have passed the line. */
static void flow_ended(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    const struct virtual_line *line;

    assert(f != NULL);
    line = virtual_line_of(v, f);
    f->flow = 0;
    f->line_passed = f->line_bytes;
    count_passed(v, f, line);
    end_at(v, f, fetch, sim_time_add(v->now, line->rtt / 2));
    virtual_fetch_sent(v, fetch);
}

void virtual_fluid_event(struct sim_virtual *v, const struct virtual_event *e)
{
    uint32_t place = e->what;
    bool is_load = place == SIM_SERVER_LAN;
    uint64_t fetch;

    if (e->a != (is_load ? v->load_number : v->fluid_number)) {
        return; /* another one was sooner */
    }
    *(is_load ? &v->load_due : &v->fluid_due) = SIM_NEVER;
    while (sim_fluid_take(fluid_at(v, place), v->now, &fetch)) {
        virtual_mix(v, fetch);
        if (v->step != NULL) {
            virtual_say(v, "the last byte of %.60s has passed the line",
                        virtual_fetch_of(v, fetch)->path);
        }
        flow_ended(v, fetch);
    }
    arm(v, place);
}

static void stop_flow(struct sim_virtual *v, struct virtual_fetch *f)
{
    started(v, f);
    if (f->flow != 0) {
        f->line_passed = passed_by(v, f);
        sim_fluid_stop(fluid_at(v, f->place), v->now, f->flow);
        f->flow = 0;
    }
}

/* One that had given bytes away and will not end got more of its body than crossed the line for it:
 * the line carried that as well. */
static void count_given(struct sim_virtual *v, const struct virtual_fetch *f,
                        const struct virtual_line *line)
{
    uint64_t body = body_in(f, f->line_passed), bytes;

    if (is_tftp(f)) {
        return;
    }
    bytes = body > 0 ? virtual_line_stream(line, body) : 0;
    if (bytes > f->line_passed) {
        v->sites[line->site].stats.wan_bytes += bytes - f->line_passed;
    }
}

static void fluid_drop(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    bool flows = f->flow != 0 || (f->is_held && f->state == VIRTUAL_FETCH_SERVED &&
                                  f->line_passed > 0 && f->line_passed < f->line_bytes);

    stop_flow(v, f);
    if (flows) {
        const struct virtual_line *line = virtual_line_of(v, f);

        count_passed(v, f, line);
        count_given(v, f, line);
    }
    f->is_held = false;
}

/* ---- Lines and servers that fall silent ---- */

/* Sends again what was lost. */
static void go_on(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    const struct virtual_line *line = virtual_line_of(v, f);

    if (!is_within_reach(v, f)) {
        return; /* again silent: it is still held */
    }
    f->is_held = false;
    switch ((enum virtual_fetch_state)f->state) {
    case VIRTUAL_FETCH_ASKING:
        set_out(v, f, fetch, line);
        return;
    case VIRTUAL_FETCH_SERVED:
        f->moved_at = v->now;
        f->window = FLUID_RESTART_WINDOW;
        f->delay = is_tftp(f)
                       ? 0
                       : virtual_line_start_up(v, f, line,
                                               (f->line_bytes - f->line_passed) / SIM_LINE_MTU + 1);
        if (f->delay == 0) {
            join(v, f, fetch);
        } else {
            virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_BEGIN, v->now + f->delay);
        }
        return;
    case VIRTUAL_FETCH_ENDING: /* its last segment */
        virtual_fetch_step(
            v, f, fetch, VIRTUAL_STEP_DONE,
            sim_time_add(v->now, line->rtt / 2 +
                                     virtual_line_time(SIM_LINE_MTU + line->framing, line->down)));
        return;
    case VIRTUAL_FETCH_QUEUED:
        break;
    }
    assert(false && "who waits at the server needs no line");
}

/* What is on the line is lost, and nothing comes. */
static void interrupt(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    if (f->is_held || f->state == VIRTUAL_FETCH_QUEUED || f->starting ||
        (f->state == VIRTUAL_FETCH_ENDING && f->status != 0 && f->code < 0)) {
        return;
    }
    if (f->state == VIRTUAL_FETCH_SERVED) {
        stop_flow(v, f);
        f->moved_at = v->now;
    } else if (f->state == VIRTUAL_FETCH_ENDING) {
        f->moved_at = v->now;
    }
    hold(v, f, fetch, f->state == VIRTUAL_FETCH_ASKING ? f->at : v->now);
}

/* Held ones try again when they would have, had they tried all the time. */
static void resume(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    if (f->is_held && is_within_reach(v, f)) {
        const struct virtual_line *line = virtual_line_of(v, f);

        f->turn++; /* of an attempt that is due already */
        virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_WAY, next_try(v, f, line));
    }
}

/* Does it to each fetch of one site, or of all (VIRTUAL_NONE), whose way is fluid. */
static void for_each(struct sim_virtual *v, uint32_t site,
                     void (*act)(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch),
                     bool tftp_only)
{
    for (uint32_t i = 0; i < v->fetches.len; i++) {
        struct virtual_fetch *f = virtual_pool_at(&v->fetches, i);

        if (f->generation % 2 == 0 || virtual_way_of(v, f) != &virtual_way_fluid ||
            (tftp_only && !is_tftp(f)) ||
            (site != VIRTUAL_NONE &&
             (f->place != SIM_SERVER_WAN || v->nodes[f->node].site != site))) {
            continue;
        }
        act(v, f, virtual_pool_handle(&v->fetches, i));
    }
}

/* Its lock-step is another at another rate. */
static void recap(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    const struct virtual_line *line = virtual_line_of(v, f);

    (void)fetch;
    if (f->state == VIRTUAL_FETCH_SERVED && f->line_bytes > 0) {
        struct virtual_blocks b = virtual_line_blocks(v, f, line);

        f->cap_bit_s = tftp_cap(v, f, line, &b);
        if (f->flow != 0 && sim_fluid_set_cap(line->fluid, v->now, f->flow, f->cap_bit_s) != 0) {
            v->out_of_memory = true;
        }
    }
}

/* A window's bytes in its round: what lock-step leaves a flow, roughly. */
static uint64_t lock_step_of(const struct sim_virtual *v, const struct virtual_line *line)
{
    const struct sim_server_setup *server = v->config.server;
    uint64_t window = server->window > 1 ? server->window : 1;
    uint64_t bytes = window * virtual_line_datagram(line, server->block_size + SIM_LINE_TFTP);
    sim_duration round = line->rtt + virtual_line_time(bytes, line->down) + line->ack + 1;

    return (uint64_t)((unsigned __int128)bytes * 8 * SIM_S / round);
}

/* Lock-step holds nobody back where many share the line: then it need not be reckoned for each of
 * them ten times a second. Steps are few, and their caps must last. */
static bool holds_back(struct sim_virtual *v, uint32_t index)
{
    struct virtual_site *site = &v->sites[index];
    const struct virtual_line *line = &v->lines[2 * (size_t)index + SIM_SERVER_WAN];
    uint64_t least = lock_step_of(v, line), flows = sim_fluid_flows(v->fluid, index);

    if (site->setup->wan.down.binned != site->setup->wan.down.exact && flows > FEW_FLOWS &&
        least > 2 * line->down / flows && site->lock_step > 2 * line->down / flows) {
        return false;
    }
    site->lock_step = least;
    return true;
}

void virtual_rate_event(struct sim_virtual *v, const struct virtual_event *e)
{
    uint32_t site = (uint32_t)e->a;

    v->sites[site].rate_armed = false;
    virtual_line_look(v, site);
    virtual_mix(v, v->lines[2 * (size_t)site + SIM_SERVER_WAN].down);
    if (v->step != NULL) {
        virtual_say(v, "the line of %.60s has another rate", v->sites[site].setup->name);
    }
    if (holds_back(v, site)) {
        for_each(v, site, recap, true);
    }
    arm_rate(v, site);
    arm(v, SIM_SERVER_WAN);
}

void virtual_fluid_set_wan(struct sim_virtual *v, uint32_t site, bool up)
{
    virtual_line_see(v, site);
    if (!up) {
        for_each(v, site, interrupt, false);
    }
    sim_fluid_set_up(v->fluid, v->now, site, up);
    if (up) {
        for_each(v, site, resume, false);
    }
    arm(v, SIM_SERVER_WAN);
}

/* Those whose SYN is on its way meet a server that is down. */
static void meet_later(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    if (f->state == VIRTUAL_FETCH_ASKING && !is_tftp(f) && !f->is_held) {
        const struct virtual_line *line = virtual_line_of(v, f);
        sim_time there = f->at + line->syn;

        if (f->new_connection && there > v->now) {
            virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_CONNECTED, there);
        } else {
            virtual_fetch_reset(v, fetch);
        }
    }
}

void virtual_fluid_set_server(struct sim_virtual *v, bool up)
{
    if (up) {
        for_each(v, VIRTUAL_NONE, resume, true);
    } else {
        for_each(v, VIRTUAL_NONE, meet_later, false);
        for_each(v, VIRTUAL_NONE, interrupt, true);
    }
}

/* ---- Steps ---- */

static void fluid_step(struct sim_virtual *v, uint64_t fetch, enum virtual_fetch_step step)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    virtual_line_see(v, v->nodes[f->node].site);
    switch (step) {
    case VIRTUAL_STEP_CONNECTED:
        meet(v, f, fetch);
        return;
    case VIRTUAL_STEP_ARRIVE:
        arrive(v, f, fetch);
        return;
    case VIRTUAL_STEP_BEGIN:
        join(v, f, fetch);
        return;
    case VIRTUAL_STEP_PROGRESS:
        virtual_fetch_moved(v, fetch);
        f = virtual_fetch_of(v, fetch);
        if (f != NULL) {
            expect_progress(v, f, fetch);
        }
        return;
    case VIRTUAL_STEP_DONE:
        if (f->status == 0 || f->code >= 0) {
            keep(v, f);
        }
        return;
    case VIRTUAL_STEP_WAY:
        go_on(v, f, fetch);
        return;
    case VIRTUAL_STEP_ANSWER:
    case VIRTUAL_STEP_FIRST:
    case VIRTUAL_STEP_PATIENCE:
        break; /* fetch.c's, or nobody's */
    }
    assert(false && "not a step of this way");
}

static void fluid_forget(struct sim_virtual *v, uint32_t node)
{
    struct virtual_node *n = &v->nodes[node];

    n->kept[SIM_SERVER_LAN] = 0;
    if (v->config.network == SIM_VIRTUAL_FLUID || v->sites[n->site].setup->wan.none) {
        n->kept[SIM_SERVER_WAN] = 0;
    }
}

const struct virtual_way virtual_way_fluid = {
    .begin = fluid_begin,
    .answer = fluid_answer,
    .drop = fluid_drop,
    .received = fluid_received,
    .step = fluid_step,
    .forget = fluid_forget,
};

/* ---- Life, figures ---- */

static int make(struct sim_fluid **fluid, const struct sim_fluid_config *config)
{
    return *fluid != NULL ? sim_fluid_restart(*fluid, config) : sim_fluid_new(fluid, config);
}

/* Of the group before. */
static void free_unused(struct sim_virtual *v, bool has_wan)
{
    if (!has_wan) {
        sim_fluid_free(v->fluid);
        v->fluid = NULL;
    }
    if (!v->config.has_load_server) {
        sim_fluid_free(v->load_fluid);
        v->load_fluid = NULL;
    }
}

int virtual_fluid_init(struct sim_virtual *v)
{
    uint64_t *rates = calloc(v->sites_len, sizeof(*rates));
    struct sim_fluid_config config = {.site_bit_s = rates, .sites_len = v->sites_len};
    bool has_wan = v->config.network == SIM_VIRTUAL_FLUID;
    int rc = 0;

    if (rates == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < v->sites_len; i++) {
        const struct sim_wan_setup *wan = &v->sites[i].setup->wan;

        rates[i] = wan->none ? SIM_FLUID_NO_LIMIT : virtual_line_goodput(v, wan->down_bit_s);
        has_wan = has_wan || wan->none;
        v->sites[i].pipe = virtual_line_pipe(v->sites[i].setup);
        v->sites[i].stats.wan_first = v->sites[i].stats.wan_last = SIM_NEVER;
    }
    v->fluid_due = v->load_due = SIM_NEVER;
    config.uplink_bit_s = v->config.server->uplink_bit_s;
    free_unused(v, has_wan);
    if (has_wan) {
        rc = make(&v->fluid, &config);
    }
    for (uint32_t i = 0; i < v->sites_len; i++) {
        rates[i] = v->sites[i].setup->lan.rate_bit_s;
    }
    config.uplink_bit_s = SIM_FLUID_NO_LIMIT;
    if (rc == 0 && v->config.has_load_server) {
        rc = make(&v->load_fluid, &config);
    }
    free(rates);
    return rc == 0 ? virtual_lines_init(v) : rc;
}

void virtual_fluid_deinit(struct sim_virtual *v)
{
    sim_fluid_free(v->fluid);
    sim_fluid_free(v->load_fluid);
    v->fluid = v->load_fluid = NULL;
    free(v->lines);
    v->lines = NULL;
    v->lines_cap = 0;
}

void virtual_fluid_stats(struct sim_virtual *v, uint32_t site, bool bodies,
                         struct sim_site_stats *out)
{
    struct sim_fluid_counters c;

    virtual_fetches_add_moving(v, site, out);
    if (v->fluid == NULL) {
        return;
    }
    sim_fluid_counters(v->fluid, v->now, site, &c);
    out->wan_bytes += c.bytes;
    /* Samples: the ACKs of flows under way, which are counted when they end, as a share. */
    const struct virtual_site *place = &v->sites[site];
    if (!bodies && c.bytes > place->acknowledged) {
        out->wan_up_bytes +=
            (uint64_t)((unsigned __int128)(c.bytes - place->acknowledged) * place->acks >> 32);
    }
    out->wan_busy += c.busy;
    out->wan_first = sim_time_min(out->wan_first, c.first);
    if (c.last != SIM_NEVER && (out->wan_last == SIM_NEVER || c.last > out->wan_last)) {
        out->wan_last = c.last;
    }
    if (c.peak_bit_s > out->wan_peak_bit_s) {
        out->wan_peak_bit_s = c.peak_bit_s;
    }
}
