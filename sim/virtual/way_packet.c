/* sim/virtual/way_packet.c -- HTTP over a site's sim/wan machine, every segment of it. See inner.h.
 *
 * Both ends of a connection live here. The phone asks when its connection stands, the server
 * answers when all of the request has come; the machine moves the bytes as Linux's TCP would. A
 * connection is kept for the node's next request, or ended from the phone's side. TLS is three
 * flights of plausible length before the request (RFC 8446, 2), and a little more body. */
#include <stdlib.h>

#include "sim/virtual/way_packet.h"

enum {
    CONNS_FIRST = 64,
    SEGMENTS_MAX = 11, /* handed to TCP at a time when the uplink has a rate: as sim/server */
    SEND_BUFFER = 256 * 1024, /* bytes that TCP holds unsent before the server waits: our choice,
                                 between Linux's first tcp_wmem and its last */
};

/* Pieces are as long as a uplink sends in about so much: as sim/server does it. */
#define UPLINK_PIECE (2 * SIM_MS)

enum conn_phase {
    CONN_DIALING,
    CONN_HELLO,    /* TLS: the phone's first flight is on its way */
    CONN_WELCOME,  /* TLS: the server's */
    CONN_ASKING,   /* the request is on its way, TLS's last flight before it */
    CONN_SERVED,   /* the request is at the server */
    CONN_ANSWERED, /* the answer is on its way */
    CONN_KEPT,     /* for the node's next request */
    CONN_ENDING,   /* the phone has ended it, or reset it */
};

struct packet_conn {
    uint32_t generation;
    uint32_t node;
    uint64_t fetch; /* handle; 0: nobody's */
    sim_wan_flow flow;
    uint64_t up_left, down_left; /* bytes of the present flights to come out */
    uint64_t head_left;          /* of the answer: bytes before the body to come out */
    uint64_t unoffered;          /* of the answer: the server still has them */
    sim_time kept_at;
    uint8_t phase; /* enum conn_phase */
    uint8_t protocol;
    bool cut;      /* the server has reset it */
    bool refused;  /* ... when the SYN came */
    bool met;      /* the server's SYN has come */
    bool through;  /* fetch.c knows that all of the answer was sent */
    bool is_timed; /* an OFFER is in the queue */
};

/* ---- Places ---- */

static struct packet_conn *conn_of(const struct sim_virtual *v, uint64_t handle)
{
    return virtual_pool_get(&v->packet->conns, handle, NULL);
}

static struct virtual_site *site_of_conn(const struct sim_virtual *v, const struct packet_conn *c)
{
    return virtual_site_of(v, c->node);
}

static void conn_remove(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);
    struct virtual_node *n = &v->nodes[c->node];

    if (n->kept[SIM_SERVER_WAN] == handle) {
        n->kept[SIM_SERVER_WAN] = 0;
    }
    sim_wan_close(site_of_conn(v, c)->wan, c->flow, v->now);
    virtual_pool_remove(&v->packet->conns, (uint32_t)handle - 1);
}

/* The phone ends it: the server follows when it hears of it. */
static void conn_end(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);

    c->phase = CONN_ENDING;
    c->fetch = 0;
    sim_wan_finish(site_of_conn(v, c)->wan, c->flow, SIM_WAN_UP, v->now);
}

/* The phone has no use for it any more in the middle of something. */
static void conn_reset(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);

    c->phase = CONN_ENDING;
    c->fetch = 0;
    sim_wan_reset(site_of_conn(v, c)->wan, c->flow, SIM_WAN_UP, v->now);
}

/* ---- The server's uplink ---- */

sim_time virtual_packet_uplink(struct sim_virtual *v, uint64_t bytes)
{
    struct virtual_packet *p = v->packet;
    uint64_t rate = v->config.server->uplink_bit_s;

    if (rate == SIM_RATE_NONE) {
        return v->now;
    }
    sim_time from = p->uplink_free > v->now ? p->uplink_free : v->now;
    p->uplink_free = sim_time_add(from, sim_time_of_bytes(bytes, rate));
    return p->uplink_free;
}

static uint64_t uplink_piece(const struct sim_virtual *v)
{
    uint64_t whole = (uint64_t)SIM_LINE_SEGMENT + SIM_LINE_SEGMENT_HEAD;
    uint64_t segments = (uint64_t)((unsigned __int128)v->config.server->uplink_bit_s *
                                   UPLINK_PIECE / SIM_S / 8 / whole);

    segments = segments < 1 ? 1 : segments > SEGMENTS_MAX ? SEGMENTS_MAX : segments;
    return segments * SIM_LINE_SEGMENT;
}

/* ---- Asking ---- */

static void offer_up(struct sim_virtual *v, struct packet_conn *c, uint64_t bytes)
{
    c->up_left = bytes;
    sim_wan_offer(site_of_conn(v, c)->wan, c->flow, SIM_WAN_UP, bytes, v->now);
}

static void ask(struct sim_virtual *v, struct packet_conn *c, uint64_t before)
{
    c->phase = CONN_ASKING;
    offer_up(v, c, before + virtual_fetch_of(v, c->fetch)->up_left);
}

static bool conn_open(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    struct virtual_pool *pool = &v->packet->conns;
    struct virtual_site *site = virtual_site_of(v, f->node);
    uint32_t index = virtual_pool_add(pool);

    if (index == VIRTUAL_NONE) {
        return false;
    }
    struct packet_conn *c = virtual_pool_at(pool, index);
    uint64_t handle = virtual_pool_handle(pool, index);
    c->node = f->node;
    c->fetch = fetch;
    c->protocol = f->protocol;
    c->phase = CONN_DIALING;
    if (sim_wan_open(site->wan, handle, v->now, &c->flow) != 0) {
        virtual_pool_remove(pool, index);
        return false;
    }
    f->wan_flow = handle;
    return true;
}

static void packet_begin(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    struct virtual_node *n = &v->nodes[f->node];
    struct packet_conn *c = conn_of(v, n->kept[SIM_SERVER_WAN]);

    f->line_bytes = 0;
    f->new_connection = c == NULL || c->protocol != f->protocol;
    if (f->new_connection) {
        if (!conn_open(v, f, fetch)) {
            v->out_of_memory = true;
        }
    } else {
        f->wan_flow = n->kept[SIM_SERVER_WAN];
        n->kept[SIM_SERVER_WAN] = 0;
        c->fetch = fetch;
        ask(v, c, 0);
    }
    virtual_wan_poke(v, n->site);
}

/* ---- Answering ---- */

static void tell_later(struct sim_virtual *v, uint64_t handle, enum packet_what what, sim_time at)
{
    const struct packet_conn *c = conn_of(v, handle);
    struct virtual_event *e = virtual_add(v, at, VIRTUAL_WAN, c->node);

    e->what = (uint8_t)what;
    e->a = v->nodes[c->node].site;
    e->b = handle;
}

/* Hands TCP what it takes: all at once, or with an uplink piece by piece, as the uplink has sent
 * them and while TCP has room. */
static void offer_more(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);
    struct sim_wan *wan = site_of_conn(v, c)->wan;

    if (c->unoffered == 0) {
        return;
    }
    if (v->config.server->uplink_bit_s == SIM_RATE_NONE) {
        sim_wan_offer(wan, c->flow, SIM_WAN_DOWN, c->unoffered, v->now);
        c->unoffered = 0;
    } else if (!c->is_timed && sim_wan_unsent(wan, c->flow, SIM_WAN_DOWN) < SEND_BUFFER) {
        uint64_t piece = uplink_piece(v);

        piece = piece < c->unoffered ? piece : c->unoffered;
        uint64_t segments = (piece + SIM_LINE_SEGMENT - 1) / SIM_LINE_SEGMENT;
        c->is_timed = true;
        tell_later(v, handle, PACKET_OFFER,
                   virtual_packet_uplink(v, piece + segments * SIM_LINE_SEGMENT_HEAD));
    }
}

static void piece_sent(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);
    uint64_t piece = uplink_piece(v);

    c->is_timed = false;
    piece = piece < c->unoffered ? piece : c->unoffered;
    c->unoffered -= piece;
    sim_wan_offer(site_of_conn(v, c)->wan, c->flow, SIM_WAN_DOWN, piece, v->now);
    offer_more(v, handle);
}

/* The server is through when TCP has sent all of it once. */
static void tell_through(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);

    if (c == NULL || c->phase != CONN_ANSWERED || c->through || c->unoffered > 0 ||
        sim_wan_unsent(site_of_conn(v, c)->wan, c->flow, SIM_WAN_DOWN) > 0) {
        return;
    }
    c->through = true;
    virtual_fetch_sent(v, c->fetch);
}

static void packet_answer(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    struct packet_conn *c = conn_of(v, f->wan_flow);

    if (c == NULL || c->cut) {
        return; /* the reset is on its way */
    }
    assert(c->phase == CONN_SERVED);
    c->phase = CONN_ANSWERED;
    c->through = false;
    if (c->protocol == SIM_PROTOCOL_HTTPS) {
        f->head_left += virtual_tls_records(f->head_left) + virtual_tls_records(f->total);
    }
    c->head_left = f->head_left;
    c->down_left = c->head_left + f->total;
    c->unoffered = c->down_left;
    offer_more(v, f->wan_flow);
    if (c->unoffered == 0) {
        tell_later(v, f->wan_flow, PACKET_THROUGH, v->now);
    }
    virtual_wan_poke(v, v->nodes[f->node].site);
}

/* All of the answer is at the phone. */
static void answer_whole(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);
    struct virtual_node *n = &v->nodes[c->node];
    uint64_t fetch = c->fetch;

    virtual_fetch_of(v, fetch)->wan_flow = 0;
    if (v->config.server->keep_alive && !n->down && conn_of(v, n->kept[SIM_SERVER_WAN]) == NULL) {
        c->fetch = 0;
        c->phase = CONN_KEPT;
        c->kept_at = v->now;
        tell_later(v, handle, PACKET_IDLE, sim_time_add(v->now, VIRTUAL_IDLE_LIMIT));
        n->kept[SIM_SERVER_WAN] = handle;
        n->kept_protocol[SIM_SERVER_WAN] = c->protocol;
    } else {
        conn_end(v, handle);
    }
    virtual_fetch_whole(v, fetch);
}

/* Some of the answer is at the phone: the head first. Each notice may end the fetch. */
static void answer_came(struct sim_virtual *v, uint64_t handle, uint64_t bytes)
{
    struct packet_conn *c = conn_of(v, handle);
    uint64_t fetch = c->fetch;
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    assert(bytes <= c->down_left);
    c->down_left -= bytes;
    uint64_t head = bytes < c->head_left ? bytes : c->head_left;
    c->head_left -= head;
    f->line_bytes += bytes - head;
    offer_more(v, handle);
    tell_through(v, handle);
    virtual_fetch_first(v, fetch);
    virtual_fetch_moved(v, fetch);
    c = conn_of(v, handle);
    if (c != NULL && c->fetch == fetch && c->down_left == 0) {
        answer_whole(v, handle);
    }
}

/* ---- What the machine says ---- */

static void came_up(struct sim_virtual *v, uint64_t handle, uint64_t bytes)
{
    struct packet_conn *c = conn_of(v, handle);

    if (c->phase != CONN_HELLO && c->phase != CONN_ASKING) {
        return; /* the phone has given up */
    }
    assert(bytes <= c->up_left);
    c->up_left -= bytes;
    if (c->up_left > 0 || c->cut) {
        return;
    }
    if (c->phase == CONN_HELLO) {
        c->phase = CONN_WELCOME;
        c->down_left = VIRTUAL_TLS_WELCOME;
        sim_wan_offer(site_of_conn(v, c)->wan, c->flow, SIM_WAN_DOWN, c->down_left, v->now);
        return;
    }
    c->phase = CONN_SERVED;
    virtual_fetch_arrived(v, c->fetch);
}

static void came_down(struct sim_virtual *v, uint64_t handle, uint64_t bytes)
{
    struct packet_conn *c = conn_of(v, handle);

    if (c->phase == CONN_ANSWERED) {
        answer_came(v, handle, bytes);
    } else if (c->phase == CONN_WELCOME) {
        c->down_left -= bytes;
        if (c->down_left == 0) {
            ask(v, c, VIRTUAL_TLS_FINISHED);
        }
    }
}

static void came_to_stand(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);

    c->met = true;
    if (c->phase != CONN_DIALING || c->refused) {
        return;
    }
    if (c->protocol == SIM_PROTOCOL_HTTPS) {
        c->phase = CONN_HELLO;
        offer_up(v, c, VIRTUAL_TLS_HELLO);
    } else {
        ask(v, c, 0);
    }
}

/* Dead at both ends. */
static void was_reset(struct sim_virtual *v, uint64_t handle)
{
    struct packet_conn *c = conn_of(v, handle);
    uint64_t fetch = c->fetch;
    int status = c->refused ? SIM_EREFUSED : c->met ? SIM_ERESET : SIM_ETIMEDOUT;

    conn_remove(v, handle);
    if (fetch != 0) {
        virtual_fetch_of(v, fetch)->wan_flow = 0;
        virtual_fetch_failed(v, fetch, status, NULL);
    }
}

static void ended(struct sim_virtual *v, uint64_t handle, enum sim_wan_direction direction)
{
    struct packet_conn *c = conn_of(v, handle);

    if (direction == SIM_WAN_UP) {
        sim_wan_finish(site_of_conn(v, c)->wan, c->flow, SIM_WAN_DOWN, v->now);
    } else {
        conn_remove(v, handle);
    }
}

static void flow_event(struct sim_virtual *v, const struct sim_wan_event *e)
{
    struct packet_conn *c = conn_of(v, e->user);

    assert(c != NULL && c->flow == e->flow);
    switch (e->kind) {
    case SIM_WAN_ARRIVED:
        if (!v->server.up) {
            c->cut = c->refused = true;
            sim_wan_reset(site_of_conn(v, c)->wan, c->flow, SIM_WAN_DOWN, v->now);
        }
        return;
    case SIM_WAN_ESTABLISHED:
        came_to_stand(v, e->user);
        return;
    case SIM_WAN_DELIVERED:
        if (e->direction == SIM_WAN_UP) {
            came_up(v, e->user, e->bytes);
        } else {
            came_down(v, e->user, e->bytes);
        }
        return;
    case SIM_WAN_FINISHED:
        ended(v, e->user, e->direction);
        return;
    case SIM_WAN_RESET:
        was_reset(v, e->user);
        return;
    case SIM_WAN_DATAGRAM:
    case SIM_WAN_DROPPED:
        break;
    }
    assert(false && "not an event of a flow");
}

/* ---- The machine's turn ---- */

static void arm(struct sim_virtual *v, uint32_t index, sim_time at)
{
    struct virtual_site *site = &v->sites[index];

    if (at >= site->wan_due) {
        return; /* an earlier event looks again when it comes */
    }
    site->wan_due = at;
    site->wan_number++;
    struct virtual_event *e = virtual_add(v, at, VIRTUAL_WAN, VIRTUAL_NONE);
    e->what = PACKET_WAKE;
    e->a = index;
    e->b = site->wan_number;
}

void virtual_wan_settle(struct sim_virtual *v, uint32_t site)
{
    struct sim_wan *wan = v->sites[site].wan;
    struct sim_wan_event e;

    assert(v->packet->settling == VIRTUAL_NONE);
    v->packet->settling = site;
    sim_wan_tick(wan, v->now);
    while (sim_wan_take_event(wan, &e)) {
        virtual_mix(v, (uint64_t)e.kind << 56 ^ (uint64_t)e.direction << 48 ^ e.user);
        virtual_mix(v, e.bytes);
        if (e.kind == SIM_WAN_DATAGRAM || e.kind == SIM_WAN_DROPPED) {
            virtual_tftp_datagram(v, e.user, e.kind == SIM_WAN_DATAGRAM, e.direction);
        } else {
            flow_event(v, &e);
        }
    }
    v->packet->settling = VIRTUAL_NONE;
    arm(v, site, sim_wan_deadline(wan));
}

void virtual_wan_poke(struct sim_virtual *v, uint32_t site)
{
    if (v->packet->settling != site) {
        arm(v, site, v->now);
    }
}

static void wake(struct sim_virtual *v, const struct virtual_event *e)
{
    struct virtual_site *site = &v->sites[e->a];

    if (e->b != site->wan_number || site->wan == NULL) {
        virtual_say(v, "line, stale alarm");
        return;
    }
    virtual_say(v, "line of %s", site->setup->name);
    site->wan_due = SIM_NEVER;
    virtual_wan_settle(v, (uint32_t)e->a);
}

static void packet_forget(struct sim_virtual *v, uint32_t node)
{
    struct virtual_node *n = &v->nodes[node];
    uint64_t handle = n->kept[SIM_SERVER_WAN];

    if (conn_of(v, handle) != NULL) {
        conn_end(v, handle);
        virtual_wan_poke(v, n->site);
    }
    n->kept[SIM_SERVER_WAN] = 0;
}

/* A connection was kept for VIRTUAL_IDLE_LIMIT, unless it was used meanwhile. */
static void idle(struct sim_virtual *v, uint64_t handle)
{
    const struct packet_conn *c = conn_of(v, handle);

    if (c != NULL && c->phase == CONN_KEPT &&
        v->now == sim_time_add(c->kept_at, VIRTUAL_IDLE_LIMIT)) {
        virtual_say(v, "connection given back");
        packet_forget(v, c->node);
    }
}

static bool is_answering(const struct sim_virtual *v, uint64_t handle)
{
    const struct packet_conn *c = conn_of(v, handle);

    return c != NULL && c->phase == CONN_ANSWERED && !c->cut;
}

void virtual_wan_event(struct sim_virtual *v, const struct virtual_event *e)
{
    switch ((enum packet_what)e->what) {
    case PACKET_WAKE:
        wake(v, e);
        return;
    case PACKET_THROUGH:
        virtual_say(v, "answer handed over");
        tell_through(v, e->b);
        return;
    case PACKET_IDLE:
        idle(v, e->b);
        return;
    case PACKET_OFFER:
        virtual_say(v, "uplink has sent a part");
        if (is_answering(v, e->b)) {
            piece_sent(v, e->b);
            tell_through(v, e->b);
            virtual_wan_poke(v, (uint32_t)e->a);
        }
        return;
    }
    assert(false && "an event of no kind");
}

/* ---- What fetch.c and others ask ---- */

static void packet_drop(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    struct packet_conn *c = conn_of(v, f->wan_flow);

    if (c != NULL) {
        conn_reset(v, f->wan_flow);
        virtual_wan_poke(v, v->nodes[f->node].site);
    }
    f->wan_flow = 0;
}

static uint64_t packet_received(struct sim_virtual *v, uint64_t fetch)
{
    return virtual_fetch_of(v, fetch)->line_bytes;
}

static void packet_step(struct sim_virtual *v, uint64_t fetch, enum virtual_fetch_step step)
{
    (void)v;
    (void)fetch;
    (void)step; /* the machine's events are all that this way needs */
}

const struct virtual_way virtual_way_packet = {
    .begin = packet_begin,
    .answer = packet_answer,
    .drop = packet_drop,
    .received = packet_received,
    .step = packet_step,
    .forget = packet_forget,
};

void virtual_packet_set_wan(struct sim_virtual *v, uint32_t site, bool up)
{
    if (v->sites[site].wan != NULL) {
        sim_wan_set_up(v->sites[site].wan, up, v->now);
        virtual_wan_poke(v, site);
    }
}

void virtual_packet_set_server(struct sim_virtual *v, bool up)
{
    struct virtual_pool *pool = &v->packet->conns;

    for (uint32_t i = 0; i < pool->len && !up; i++) {
        struct packet_conn *c = virtual_pool_at(pool, i);

        if (c->generation % 2 == 1 && !c->cut) {
            c->cut = true;
            sim_wan_reset(site_of_conn(v, c)->wan, c->flow, SIM_WAN_DOWN, v->now);
            virtual_wan_poke(v, v->nodes[c->node].site);
        }
    }
}

void virtual_packet_stats(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out)
{
    struct sim_wan_counters down, up;

    if (v->sites[site].wan == NULL) {
        virtual_fluid_stats(v, site, true, out);
        return;
    }
    sim_wan_counters(v->sites[site].wan, SIM_WAN_DOWN, v->now, &down);
    sim_wan_counters(v->sites[site].wan, SIM_WAN_UP, v->now, &up);
    virtual_fetches_add_moving(v, site, out);
    out->wan_bytes = down.bytes;
    out->wan_up_bytes = up.bytes;
    out->wan_busy = down.busy;
    out->wan_first = down.first;
    out->wan_last = down.last;
    out->wan_peak_bit_s = down.peak_bit_s;
    out->wan_drops = down.drops + down.losses + up.drops + up.losses;
}

uint64_t virtual_packet_bytes(const struct sim_virtual *v)
{
    const struct virtual_packet *p = v->packet;
    uint64_t bytes = 0;

    if (p == NULL) {
        return 0;
    }
    const struct virtual_pool *pools[] = {&p->conns, &p->transfers, &p->datagrams};
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        bytes += (uint64_t)pools[i]->cap * pools[i]->size +
                 (uint64_t)pools[i]->free_cap * sizeof(*pools[i]->free);
    }
    return bytes + sizeof(*p);
}

/* ---- Life ---- */

static int line_new(struct sim_virtual *v, struct virtual_site *site)
{
    struct sim_wan_config config = {
        .line = site->setup->wan,
        .flows_max = SIM_WAN_FLOWS_LIMIT, /* ended ones stay a while; memory follows actual use */
        .congestion = SIM_WAN_CUBIC,
        .seed = v->config.seed,
        .site = site->setup->index,
    };

    return site->setup->wan.none ? 0 : sim_wan_new(&site->wan, &config);
}

int virtual_packet_init(struct sim_virtual *v)
{
    int rc;

    virtual_packet_deinit(v);
    v->packet = calloc(1, sizeof(*v->packet));
    if (v->packet == NULL) {
        return SIM_ENOMEM;
    }
    v->packet->settling = VIRTUAL_NONE;
    rc = virtual_pool_init(&v->packet->conns, sizeof(struct packet_conn), CONNS_FIRST);
    if (rc == 0) {
        rc = virtual_tftp_init(v->packet);
    }
    for (uint32_t i = 0; rc == 0 && i < v->sites_len; i++) {
        rc = line_new(v, &v->sites[i]);
    }
    if (rc != 0) {
        virtual_packet_deinit(v);
    }
    return rc;
}

void virtual_packet_deinit(struct sim_virtual *v)
{
    if (v->packet == NULL) {
        return;
    }
    for (uint32_t i = 0; i < v->sites_len; i++) {
        sim_wan_free(v->sites[i].wan);
        v->sites[i].wan = NULL;
    }
    virtual_pool_deinit(&v->packet->conns);
    virtual_tftp_deinit(v->packet);
    free(v->packet);
    v->packet = NULL;
}
