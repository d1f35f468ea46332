/* sim/virtual/way_tftp.c -- TFTP over a site's sim/wan machine: both machines of sim/tftp, their
 * datagrams one by one on the line. See inner.h.
 *
 * Waiting, asking again, windows and dallying are the machines'. Requests, ACKs and errors cross
 * as real bytes; of a block only its number and size do, its content is known. What a server does
 * around its machine (one transfer a request, a socket of its own, what it says when it can't
 * serve) is done as sim/server does it. Leaves out: a request that comes again when its transfer
 * has ended is not served again (the machines have what it takes to end without), and an error
 * that was lost is said again rather than found anew. */
#include <string.h>

#include "sim/tftp/client.h"
#include "sim/tftp/server.h"
#include "sim/virtual/way_packet.h"

enum {
    CLIENT_PORT = 49152,  /* any: a transfer's ends know one another */
    SERVER_PORT = 32768,  /* the server's TID, RFC 1350 4 */
    TRIES_DEFAULT = 6,    /* of a server that was told none: as sim/server */
    TRANSFERS_FIRST = 16, /* room at first; doubles */
    DATAGRAMS_FIRST = 64,
};

/* The client dallies so long, as in sim/live; four time-outs of a server's are for writing only. */
#define DALLY (2 * SIM_S)

/* The server's address: no node has it. */
#define SERVER_ADDR 1

enum tftp_end {
    TFTP_PHONE,
    TFTP_SERVER,
    TFTP_ENDS,
};

/* What a VIRTUAL_TFTP event is about; `a` is the transfer, not the fetch, which may be over. */
enum tftp_what {
    TFTP_TICK_PHONE = TFTP_PHONE, /* its machine's deadline may have come */
    TFTP_TICK_SERVER = TFTP_SERVER,
    TFTP_REFUSED, /* the request can't be asked */
    TFTP_HELD,    /* the uplink has sent the block that was held */
};

/* A phone's fetch and the server's answer. About 950 bytes. */
struct virtual_tftp {
    uint32_t generation;
    uint32_t node;
    uint64_t fetch; /* handle; 0: told, or given up */
    struct sim_tftp_client phone;
    struct sim_tftp_server server;
    struct sim_tftp_options options; /* of the request */
    sim_time due[TFTP_ENDS];         /* of the earliest event for its deadline; SIM_NEVER */
    struct virtual_chunk *refusal;   /* the error that the server said; NULL */
    struct sim_tftp_output held;     /* a block that the uplink sends now */
    bool is_held;
    bool asked;    /* the request has come */
    bool serving;  /* the server's machine runs */
    bool is_error; /* the answer was an error */
};

/* On the line. */
struct packet_datagram {
    uint32_t generation;
    uint16_t number, size;       /* of a block */
    uint64_t transfer;           /* handle */
    struct virtual_chunk *chunk; /* NULL: a block */
};

static const struct sim_tftp_peer phone_peer = {SERVER_ADDR + 1, CLIENT_PORT};
static const struct sim_tftp_peer server_peer = {SERVER_ADDR, SERVER_PORT};

static struct virtual_tftp *transfer_of(const struct sim_virtual *v, uint64_t handle)
{
    return virtual_pool_get(&v->packet->transfers, handle, NULL);
}

/* What is on its way to it is thrown away when it arrives. */
static void transfer_remove(struct sim_virtual *v, uint64_t handle)
{
    struct virtual_tftp *t = transfer_of(v, handle);

    virtual_chunk_free(&v->chunks, t->refusal);
    virtual_pool_remove(&v->packet->transfers, (uint32_t)handle - 1);
}

static void set_alarm(struct sim_virtual *v, uint64_t handle, enum tftp_end end, sim_time at)
{
    struct virtual_tftp *t = transfer_of(v, handle);

    if (at >= t->due[end]) {
        return; /* deadlines mostly move away: the event looks again when it comes */
    }
    t->due[end] = at;
    struct virtual_event *e = virtual_add(v, at, VIRTUAL_TFTP, t->node);
    e->what = (uint8_t)end;
    e->a = handle;
}

/* ---- Onto the line ---- */

/* Who listens at the phone. */
static void tell_tap(const struct sim_virtual *v, uint64_t handle, bool up, const uint8_t *bytes,
                     size_t bytes_len, size_t len)
{
    const struct virtual_tftp *t = transfer_of(v, handle);

    v->config.tftp(v->config.tftp_context, v->config.first_node + t->node, handle, up, bytes,
                   bytes_len, len);
}

static void transmit(struct sim_virtual *v, uint64_t handle, enum sim_wan_direction direction,
                     const struct packet_datagram *what, size_t len)
{
    struct virtual_pool *pool = &v->packet->datagrams;
    struct sim_wan *wan = virtual_site_of(v, transfer_of(v, handle)->node)->wan;
    uint32_t index = virtual_pool_add(pool);

    if (index == VIRTUAL_NONE) {
        v->out_of_memory = true;
        return;
    }
    struct packet_datagram *d = virtual_pool_at(pool, index);
    d->number = what->number;
    d->size = what->size;
    d->transfer = handle;
    d->chunk = what->chunk;
    if (v->config.tftp != NULL && direction == SIM_WAN_UP) {
        tell_tap(v, handle, true, what->chunk->bytes, len, len); /* no phone sends blocks */
    }
    if (sim_wan_datagram(wan, direction, (uint32_t)len, virtual_pool_handle(pool, index), v->now) !=
        0) {
        v->out_of_memory = true;
    }
}

static void transmit_packet(struct sim_virtual *v, uint64_t handle,
                            enum sim_wan_direction direction, const uint8_t *bytes, size_t len)
{
    struct packet_datagram d = {.chunk = virtual_chunk_new(&v->chunks, bytes, len)};

    if (d.chunk == NULL) {
        v->out_of_memory = true;
        return;
    }
    transmit(v, handle, direction, &d, len);
}

static void transmit_block(struct sim_virtual *v, uint64_t handle,
                           const struct sim_tftp_output *out)
{
    struct packet_datagram d = {.number = out->number, .size = out->size};

    if (out->again) {
        v->server.stats.payload_bytes += out->size;
        v->server.stats.bytes += SIM_TFTP_HEADER + (uint64_t)out->size;
    }
    transmit(v, handle, SIM_WAN_DOWN, &d, SIM_TFTP_HEADER + (size_t)out->size);
}

/* ---- The phone's end ---- */

static void tell_phone(struct sim_virtual *v, uint64_t handle, const struct sim_tftp_event *event)
{
    struct virtual_tftp *t = transfer_of(v, handle);
    uint64_t fetch = t->fetch;
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    int status = event->status;

    if (f == NULL) {
        return;
    }
    f->line_bytes = t->phone.transfer.bytes;
    t->fetch = 0;
    f->wan_flow = 0;
    if (event->kind == SIM_TFTP_EVENT_DONE || (event->from_peer && t->is_error)) {
        virtual_fetch_whole(v, fetch);
        return;
    }
    if (status == SIM_ESTALLED && t->phone.transfer.peer.port == 0) {
        status = SIM_ETIMEDOUT; /* no answer at all */
    }
    virtual_fetch_failed(v, fetch, status, NULL);
}

/* After every input. Telling comes last: it may end the fetch, and begin the next. */
static void drain_phone(struct sim_virtual *v, uint64_t handle)
{
    struct virtual_tftp *t = transfer_of(v, handle);
    struct sim_tftp_event event, last = {.kind = SIM_TFTP_EVENT_DATA};
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    bool came = false;

    while (sim_tftp_client_take_event(&t->phone, &event)) {
        if (event.kind == SIM_TFTP_EVENT_DATA) {
            came = true;
        } else {
            last = event;
        }
    }
    while (sim_tftp_client_take_output(&t->phone, v->now, packet, &out)) {
        assert(out.kind == SIM_TFTP_PACKET); /* a reader sends no blocks */
        transmit_packet(v, handle, SIM_WAN_UP, packet, out.len);
    }
    virtual_wan_poke(v, v->nodes[t->node].site);
    set_alarm(v, handle, TFTP_PHONE, sim_tftp_client_deadline(&t->phone));
    struct virtual_fetch *f = virtual_fetch_of(v, t->fetch);
    if (came && f != NULL) {
        uint64_t fetch = t->fetch;

        f->line_bytes = t->phone.transfer.bytes;
        virtual_fetch_first(v, fetch);
        virtual_fetch_moved(v, fetch);
    }
    if (last.kind != SIM_TFTP_EVENT_DATA && transfer_of(v, handle) != NULL) {
        tell_phone(v, handle, &last);
    }
    t = transfer_of(v, handle);
    if (t != NULL && sim_tftp_client_state(&t->phone) == SIM_TFTP_CLOSED) {
        transfer_remove(v, handle); /* its port is closed: nobody hears the server any more */
    }
}

/* ---- The server's end ---- */

/* Blocks wait for the uplink one at a time, so that transfers take turns; small packets don't. */
static bool hold(struct sim_virtual *v, uint64_t handle, const struct sim_tftp_output *out)
{
    struct virtual_tftp *t = transfer_of(v, handle);
    size_t size = out->kind == SIM_TFTP_BLOCK ? SIM_TFTP_HEADER + (size_t)out->size : out->len;
    sim_time at = virtual_packet_uplink(v, size + SIM_LINE_DATAGRAM_HEAD);

    if (out->kind != SIM_TFTP_BLOCK || at <= v->now) {
        return false;
    }
    t->held = *out;
    t->is_held = true;
    struct virtual_event *e = virtual_add(v, at, VIRTUAL_TFTP, t->node);
    e->what = TFTP_HELD;
    e->a = handle;
    return true;
}

static void drain_server(struct sim_virtual *v, uint64_t handle)
{
    struct virtual_tftp *t = transfer_of(v, handle);
    struct sim_tftp_event event;
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    bool is_through = false;

    while (sim_tftp_server_take_event(&t->server, &event)) {
        is_through |= event.kind == SIM_TFTP_EVENT_DONE; /* failed: the phone finds out itself */
    }
    while (!t->is_held && sim_tftp_server_take_output(&t->server, v->now, packet, &out)) {
        if (!v->server.up || hold(v, handle, &out)) {
            continue; /* a server that is down goes on, but nothing of it is heard: as in sim/live
                       */
        }
        if (out.kind == SIM_TFTP_BLOCK) {
            transmit_block(v, handle, &out);
        } else {
            transmit_packet(v, handle, SIM_WAN_DOWN, packet, out.len);
        }
    }
    virtual_wan_poke(v, v->nodes[t->node].site);
    set_alarm(v, handle, TFTP_SERVER, sim_tftp_server_deadline(&t->server));
    if (sim_tftp_server_state(&t->server) == SIM_TFTP_CLOSED) {
        t->serving = false;
    }
    if (is_through && t->fetch != 0) {
        virtual_fetch_sent(v, t->fetch);
        t = transfer_of(v, handle);
    }
    /* Dallying is for a server that has not heard that all came. */
    if (t != NULL && !t->serving && t->fetch == 0) {
        transfer_remove(v, handle);
    }
}

static void say_error(struct sim_virtual *v, uint64_t handle)
{
    const struct virtual_tftp *t = transfer_of(v, handle);

    if (v->server.up) {
        transmit_packet(v, handle, SIM_WAN_DOWN, t->refusal->bytes, t->refusal->len);
    }
}

static void take_request(struct sim_virtual *v, uint64_t handle,
                         const struct sim_tftp_packet *packet)
{
    struct virtual_tftp *t = transfer_of(v, handle);

    if (t->refusal != NULL) {
        say_error(v, handle);
    }
    if (t->asked) {
        return; /* the client is impatient: its answer is on the way or will be said again */
    }
    t->asked = true;
    t->options = packet->options;
    if (t->fetch != 0) {
        virtual_fetch_arrived(v, t->fetch);
    }
}

static void server_heard(struct sim_virtual *v, uint64_t handle, const uint8_t *bytes, size_t len)
{
    struct virtual_tftp *t = transfer_of(v, handle);
    struct sim_tftp_packet packet;

    if (!v->server.up) {
        return;
    }
    if (sim_tftp_packet_decode(&packet, bytes, len) == 0 && packet.opcode == SIM_TFTP_RRQ) {
        take_request(v, handle, &packet);
    } else if (t->serving) {
        sim_tftp_server_recv(&t->server, phone_peer, bytes, len, v->now);
        drain_server(v, handle);
    }
}

/* ---- Off the line ---- */

void virtual_tftp_datagram(struct sim_virtual *v, uint64_t user, bool arrived,
                           enum sim_wan_direction direction)
{
    struct packet_datagram *d = virtual_pool_get(&v->packet->datagrams, user, NULL);

    assert(d != NULL);
    struct packet_datagram taken = *d;
    struct virtual_tftp *t = transfer_of(v, taken.transfer);
    const uint8_t *bytes = v->packet->block;
    size_t len = SIM_TFTP_HEADER + (size_t)taken.size;

    virtual_pool_remove(&v->packet->datagrams, (uint32_t)user - 1);
    if (taken.chunk != NULL) {
        bytes = taken.chunk->bytes;
        len = taken.chunk->len;
    } else {
        sim_tftp_packet_data_header(v->packet->block, taken.number);
    }
    if (arrived && t != NULL && direction == SIM_WAN_DOWN && v->config.tftp != NULL) {
        tell_tap(v, taken.transfer, false, bytes, taken.chunk != NULL ? len : SIM_TFTP_HEADER, len);
    }
    if (!arrived || t == NULL) {
        /* lost, or for nobody */
    } else if (direction == SIM_WAN_DOWN) {
        sim_tftp_client_recv(&t->phone, server_peer, bytes, len, v->now);
        drain_phone(v, taken.transfer);
    } else {
        server_heard(v, taken.transfer, bytes, len);
    }
    virtual_chunk_free(&v->chunks, taken.chunk);
}

void virtual_tftp_event(struct sim_virtual *v, const struct virtual_event *e)
{
    struct virtual_tftp *t = transfer_of(v, e->a);

    if (t == NULL) {
        virtual_say(v, "TFTP, stale");
        return;
    }
    virtual_mix(v, e->a << 2 | e->what);
    switch ((enum tftp_what)e->what) {
    case TFTP_TICK_PHONE:
    case TFTP_TICK_SERVER:
        if (t->due[e->what] != v->now) {
            virtual_say(v, "TFTP, stale alarm");
            return;
        }
        virtual_say(v, "TFTP, the %s looks at its time", e->what == 0 ? "phone" : "server");
        t->due[e->what] = SIM_NEVER;
        if (e->what == TFTP_TICK_PHONE) {
            sim_tftp_client_tick(&t->phone, v->now);
            drain_phone(v, e->a);
        } else if (t->serving) {
            sim_tftp_server_tick(&t->server, v->now);
            drain_server(v, e->a);
        }
        return;
    case TFTP_REFUSED:
        virtual_say(v, "TFTP, a request that can't be asked");
        virtual_fetch_failed(v, t->fetch, SIM_EINVAL, NULL);
        return;
    case TFTP_HELD:
        virtual_say(v, "TFTP, the uplink has sent a block");
        t->is_held = false;
        if (t->serving) {
            sim_tftp_transfer_delayed(&t->server.transfer, v->now);
            transmit_block(v, e->a, &t->held);
            drain_server(v, e->a);
        }
        return;
    }
    assert(false && "an event of no kind");
}

/* ---- What fetch.c asks ---- */

static int phone_init(const struct sim_virtual *v, struct virtual_tftp *t, const char *path)
{
    const struct sim_server_setup *s = v->config.server;
    struct sim_tftp_client_config config = {
        .server = {SERVER_ADDR, SIM_TFTP_PORT},
        .name = path,
        .blksize = s->block_size,
        .windowsize = s->window,
        .timing = {.timeout = s->timeout > 0 ? s->timeout : SIM_S,
                   .tries = s->retries + 1,
                   .stall = s->stall > 0 ? s->stall : SIM_NEVER,
                   .dally = DALLY},
    };

    config.ask |= s->block_size != SIM_TFTP_BLKSIZE_DEFAULT ? SIM_TFTP_OPTION_BLKSIZE : 0u;
    config.ask |= s->window > 1 ? SIM_TFTP_OPTION_WINDOWSIZE : 0u;
    config.ask |= config.ask != 0 ? SIM_TFTP_OPTION_TSIZE : 0u; /* old phones ask for nothing */
    return sim_tftp_client_init(&t->phone, &config);
}

static void tftp_begin(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    struct virtual_pool *pool = &v->packet->transfers;
    uint32_t index = virtual_pool_add(pool);

    f->line_bytes = 0;
    if (index == VIRTUAL_NONE) {
        v->out_of_memory = true;
        return;
    }
    struct virtual_tftp *t = virtual_pool_at(pool, index);
    f->wan_flow = virtual_pool_handle(pool, index);
    t->node = f->node;
    t->fetch = fetch;
    t->due[TFTP_PHONE] = t->due[TFTP_SERVER] = SIM_NEVER;
    if (phone_init(v, t, f->path) != 0) { /* longer than a request may be */
        struct virtual_event *e = virtual_add(v, v->now, VIRTUAL_TFTP, f->node);

        e->what = TFTP_REFUSED;
        e->a = f->wan_flow;
        return;
    }
    /* The request leaves at once, but the node hears of nothing inside its own call. */
    sim_tftp_client_start(&t->phone, v->now);
    drain_phone(v, f->wan_flow);
}

static void refuse(struct sim_virtual *v, struct virtual_tftp *t, const struct virtual_fetch *f)
{
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    const char *text = f->status == SIM_EBUSY ? "Server busy" : sim_tftp_code_text(f->code);
    size_t len = sim_tftp_packet_error(packet, (enum sim_tftp_code)f->code, text);

    t->is_error = true;
    t->refusal = virtual_chunk_new(&v->chunks, packet, len);
    if (t->refusal == NULL) {
        v->out_of_memory = true;
    }
}

static void tftp_answer(struct sim_virtual *v, uint64_t fetch)
{
    const struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    struct virtual_tftp *t = transfer_of(v, f->wan_flow);
    const struct sim_server_setup *s = v->config.server;
    struct sim_tftp_server_limits limits = {
        .blksize_max = SIM_TFTP_BLKSIZE_MAX,
        .windowsize_max = SIM_TFTP_WINDOWSIZE_MAX,
        .timing = {.timeout = s->timeout > 0 ? s->timeout : SIM_S,
                   .tries = s->retries > 0 ? s->retries + 1 : TRIES_DEFAULT,
                   .stall = SIM_NEVER},
    };
    uint64_t handle = f->wan_flow;

    assert(t != NULL);
    if (f->code >= 0) {
        refuse(v, t, f);
        if (t->refusal != NULL) {
            say_error(v, handle);
            virtual_wan_poke(v, v->nodes[t->node].site);
        }
        return;
    }
    struct sim_tftp_packet request = {
        .opcode = SIM_TFTP_RRQ,
        .name = f->path,
        .mode = SIM_TFTP_MODE_OCTET,
        .options = t->options,
    };
    t->serving = true;
    sim_tftp_server_start(&t->server, &limits, phone_peer, &request, f->total, v->now);
    drain_server(v, handle);
}

static void tftp_drop(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    uint64_t handle = f->wan_flow;
    struct virtual_tftp *t = transfer_of(v, handle);

    f->wan_flow = 0;
    if (t == NULL) {
        return;
    }
    t->fetch = 0;
    if (sim_tftp_client_state(&t->phone) == SIM_TFTP_IDLE) {
        transfer_remove(v, handle);
        return;
    }
    sim_tftp_client_fail(&t->phone, SIM_ECANCELED); /* the server is told */
    drain_phone(v, handle);
}

static uint64_t tftp_received(struct sim_virtual *v, uint64_t fetch)
{
    return virtual_fetch_of(v, fetch)->line_bytes;
}

static void tftp_step(struct sim_virtual *v, uint64_t fetch, enum virtual_fetch_step step)
{
    (void)v;
    (void)fetch;
    (void)step; /* deadlines have events of their own */
}

static void tftp_forget(struct sim_virtual *v, uint32_t node)
{
    (void)v;
    (void)node; /* nothing is kept from one transfer to the next */
}

const struct virtual_way virtual_way_tftp = {
    .begin = tftp_begin,
    .answer = tftp_answer,
    .drop = tftp_drop,
    .received = tftp_received,
    .step = tftp_step,
    .forget = tftp_forget,
};

int virtual_tftp_init(struct virtual_packet *p)
{
    int rc = virtual_pool_init(&p->transfers, sizeof(struct virtual_tftp), TRANSFERS_FIRST);

    return rc != 0
               ? rc
               : virtual_pool_init(&p->datagrams, sizeof(struct packet_datagram), DATAGRAMS_FIRST);
}

void virtual_tftp_deinit(struct virtual_packet *p)
{
    virtual_pool_deinit(&p->transfers);
    virtual_pool_deinit(&p->datagrams);
}
