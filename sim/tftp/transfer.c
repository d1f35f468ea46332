/* sim/tftp/transfer.c -- sending and taking blocks: windows, time-outs, strangers, the end. See
 * transfer.h. */
#include "sim/tftp/transfer.h"

#include <assert.h>
#include <string.h>

#include "sim/err.h"

/* `pending`, in the order in which they are taken. */
enum {
    PENDING_ERROR = 1,
    PENDING_ASK = 2, /* the caller's request or OACK */
    PENDING_ACK = 4,
};

enum {
    EVENT_DATA = 1,
    EVENT_DONE = 2,
    EVENT_FAILED = 4,
};

enum {
    WRAP_UNKNOWN = 2,
};

/* How long a receiver in a window lets the same ACK stand before an old block makes it say it
 * again. */
#define REACK_GUARD (500 * SIM_MS)

static void see_time(struct sim_tftp_transfer *t, sim_time now)
{
    assert(now >= t->now);
    t->now = now;
}

/* ---- State and patience ---- */

/* The only place that changes state. */
static void enter(struct sim_tftp_transfer *t, enum sim_tftp_state state, sim_time deadline)
{
    assert(t->state != SIM_TFTP_CLOSED); /* terminal */
    t->state = state;
    t->deadline = deadline;
}

static void await(struct sim_tftp_transfer *t)
{
    t->deadline = sim_time_min(sim_time_add(t->now, t->wait), t->stall_at);
}

static sim_duration first_wait(const struct sim_tftp_transfer *t)
{
    sim_duration usual = t->srtt > SIM_NEVER / 2 ? SIM_NEVER : 2 * t->srtt;
    return usual > t->timing.timeout ? usual : t->timing.timeout;
}

/* Something left that wants an answer. */
static void note_sent(struct sim_tftp_transfer *t)
{
    if (t->tries == 0) {
        t->tries = 1; /* the next ones are counted by send_again() */
        t->sent_at = t->now;
    }
    await(t);
}

/* The other end moved the transfer on. */
static void note_progress(struct sim_tftp_transfer *t)
{
    if (t->tries == 1) {
        sim_duration took = t->now - t->sent_at;
        t->srtt = t->srtt == 0 ? took : t->srtt - t->srtt / 8 + took / 8;
        t->wait = first_wait(t);
    }
    t->tries = 0;
    t->stall_at = sim_time_add(t->now, t->timing.stall);
    await(t);
}

void sim_tftp_transfer_init(struct sim_tftp_transfer *t, const struct sim_tftp_timing *timing)
{
    assert(timing->timeout > 0);
    assert(timing->tries > 0);
    memset(t, 0, sizeof(*t));
    t->timing = *timing;
    t->blksize = SIM_TFTP_BLKSIZE_DEFAULT;
    t->window = 1;
    t->deadline = SIM_NEVER;
    t->stall_at = SIM_NEVER;
    t->restarted = SIM_NEVER;
    t->wait = timing->timeout;
    t->size = SIM_TFTP_SIZE_UNKNOWN;
    t->wrap = WRAP_UNKNOWN;
    t->code = SIM_TFTP_CODE_NONE;
}

void sim_tftp_transfer_ask(struct sim_tftp_transfer *t, enum sim_tftp_state state, sim_time now)
{
    see_time(t, now);
    if (t->stall_at == SIM_NEVER) {
        t->stall_at = sim_time_add(now, t->timing.stall);
    }
    t->pending |= PENDING_ASK;
    enter(t, state, sim_time_min(sim_time_add(now, t->wait), t->stall_at));
}

bool sim_tftp_transfer_take_ask(struct sim_tftp_transfer *t, sim_time now)
{
    if ((t->pending & PENDING_ASK) == 0) {
        return false;
    }
    see_time(t, now);
    t->pending &= (uint8_t)~PENDING_ASK;
    note_sent(t);
    return true;
}

/* Nothing of a transfer that ended may still leave, but the error that ended it. */
static void end(struct sim_tftp_transfer *t, uint8_t event)
{
    t->pending = 0;
    t->events |= event;
    enter(t, SIM_TFTP_CLOSED, SIM_NEVER);
}

void sim_tftp_transfer_fail(struct sim_tftp_transfer *t, int status, enum sim_tftp_code code,
                            const char *text)
{
    if (t->state == SIM_TFTP_CLOSED) {
        return;
    }
    t->status = status;
    t->code = code;
    t->text = text;
    t->events &= (uint8_t)~EVENT_DONE;
    end(t, EVENT_FAILED);
    if (code != SIM_TFTP_CODE_NONE) {
        t->pending = PENDING_ERROR;
    }
}

void sim_tftp_transfer_fail_by_peer(struct sim_tftp_transfer *t,
                                    const struct sim_tftp_packet *packet)
{
    assert(packet->opcode == SIM_TFTP_ERROR);
    t->status = sim_tftp_code_status(packet->code, packet->data, packet->data_len);
    t->code = packet->code;
    t->from_peer = true;
    t->data = packet->data;
    t->data_len = packet->data_len;
    end(t, EVENT_FAILED);
}

/* ---- Sending ---- */

void sim_tftp_transfer_start_sending(struct sim_tftp_transfer *t, uint64_t size, bool oack,
                                     sim_time now)
{
    see_time(t, now);
    assert(t->state == SIM_TFTP_IDLE || t->state == SIM_TFTP_EXPECT_ANSWER);
    t->sends = true;
    t->size = size;
    t->blocks = size / t->blksize + 1;
    t->next = 1;
    t->oack = oack;
    if (oack) {
        sim_tftp_transfer_ask(t, SIM_TFTP_EXPECT_ACK, now);
        return;
    }
    enter(t, SIM_TFTP_EXPECT_ACK, SIM_NEVER);
    note_progress(t);
}

/* From the first block not acknowledged, all of the window again. */
static void restart(struct sim_tftp_transfer *t)
{
    t->next = t->base + 1;
}

/* An ACK of nothing new: see transfer.h. */
static void take_stale_ack(struct sim_tftp_transfer *t)
{
    if (t->window == 1 || t->next == t->base + 1) {
        return;
    }
    if (t->restarted != SIM_NEVER && t->now - t->restarted < t->timing.timeout / 4) {
        return;
    }
    t->restarted = t->now;
    t->tries = t->tries < 2 ? 2 : t->tries; /* its answer would measure nothing */
    restart(t);
}

static void take_ack(struct sim_tftp_transfer *t, uint16_t number)
{
    if (t->oack) {
        if (number == 0) {
            t->oack = false;
            t->pending &= (uint8_t)~PENDING_ASK;
            note_progress(t);
        }
        return;
    }
    uint64_t ahead = (uint16_t)(number - (uint16_t)t->base);
    if (ahead > t->top - t->base) {
        return; /* an old one, or of a block that was never sent */
    }
    if (ahead == 0) {
        take_stale_ack(t);
        return;
    }
    t->base += ahead;
    note_progress(t);
    if (t->base == t->blocks) {
        end(t, EVENT_DONE);
        return;
    }
    /* Short of what was sent: a gap there (RFC 7440 4). Beyond it: a late answer to an earlier
     * pass. */
    if (t->base + 1 != t->next) {
        restart(t);
    }
}

static bool take_block(struct sim_tftp_transfer *t, struct sim_tftp_output *out)
{
    if (t->state != SIM_TFTP_EXPECT_ACK || t->oack || t->next > t->blocks ||
        t->next > t->base + t->window) {
        return false;
    }
    uint64_t offset = (t->next - 1) * t->blksize;
    uint64_t left = t->size - offset;
    *out = (struct sim_tftp_output){
        .kind = SIM_TFTP_BLOCK,
        .to = t->peer,
        .number = (uint16_t)t->next,
        .size = left < t->blksize ? (uint16_t)left : t->blksize,
        .offset = offset,
        .again = t->next <= t->top,
    };
    if (t->next == t->base + 1) {
        note_sent(t); /* a pass over the window begins */
    } else {
        await(t);
    }
    if (t->next > t->top) {
        t->top = t->next;
    }
    t->next++;
    return true;
}

/* ---- Taking ---- */

/* The number of the receiver's block `block`, counted from 1 (0: the request), in a header. */
static uint16_t wire(const struct sim_tftp_transfer *t, uint64_t block)
{
    if (t->wrap == 1 && block > 0) {
        return (uint16_t)((block - 1) % 65535 + 1);
    }
    return (uint16_t)block;
}

static void acknowledge(struct sim_tftp_transfer *t)
{
    t->pending |= PENDING_ACK;
    t->in_window = 0;
}

void sim_tftp_transfer_start_receiving(struct sim_tftp_transfer *t, uint64_t size,
                                       enum sim_tftp_first first, sim_time now)
{
    see_time(t, now);
    assert(t->state == SIM_TFTP_IDLE || t->state == SIM_TFTP_EXPECT_ANSWER);
    t->size = size;
    t->pending = first == SIM_TFTP_FIRST_OACK ? PENDING_ASK : 0;
    t->oack = first == SIM_TFTP_FIRST_OACK;
    enter(t, SIM_TFTP_EXPECT_DATA, SIM_NEVER);
    note_progress(t);
    if (first == SIM_TFTP_FIRST_ACK) {
        acknowledge(t);
    }
}

static void finish_receiving(struct sim_tftp_transfer *t)
{
    if (t->size != SIM_TFTP_SIZE_UNKNOWN && t->bytes != t->size) {
        bool less = t->bytes < t->size;
        /* The sender has done its part and is told so; the file is wrong all the same. */
        sim_tftp_transfer_fail(t, less ? SIM_ESHORT : SIM_EPROTO, SIM_TFTP_CODE_NONE,
                               less ? "shorter than the server said" : "longer than promised");
        t->pending |= PENDING_ACK;
        return;
    }
    t->events |= EVENT_DONE;
    acknowledge(t);
    enter(t, SIM_TFTP_DALLYING, sim_time_add(t->now, t->timing.dally));
}

static void accept_block(struct sim_tftp_transfer *t, const struct sim_tftp_packet *packet)
{
    t->base++;
    t->bytes += packet->data_len;
    t->in_window++;
    t->gap = 0;
    note_progress(t);
    t->pending = 0;
    t->oack = false;
    if (packet->data_len > 0) {
        t->events |= EVENT_DATA;
        t->data = packet->data;
        t->data_len = packet->data_len;
    }
    if (packet->data_len < t->blksize) {
        finish_receiving(t);
    } else if (t->in_window >= t->window) {
        acknowledge(t);
    }
}

/* Block 65536 may be called 0 or 1. True when `number` is it. */
static bool is_wrapped(struct sim_tftp_transfer *t, uint16_t number)
{
    if (number != 1 || t->wrap != WRAP_UNKNOWN || t->base != 65535) {
        return false;
    }
    if (t->window > 1 && (t->in_window > 0 || ++t->wrap_proof < SIM_TFTP_WRAP_PROOF)) {
        return false;
    }
    t->wrap = 1;
    return true;
}

/* The last block that we took came again: our ACK was lost, perhaps. */
static void take_old_block(struct sim_tftp_transfer *t)
{
    if (t->window > 1) {
        sim_duration guard = t->timing.timeout / 2;
        guard = guard < REACK_GUARD ? guard : REACK_GUARD;
        if (t->in_window > 0 || t->now - t->sent_at < guard) {
            return;
        }
    }
    acknowledge(t);
}

static void take_data(struct sim_tftp_transfer *t, const struct sim_tftp_packet *packet)
{
    if (packet->data_len > t->blksize) {
        sim_tftp_transfer_fail(t, SIM_EPROTO, SIM_TFTP_CODE_ILLEGAL,
                               "a block is longer than agreed");
        return;
    }
    uint16_t ahead = (uint16_t)(packet->block - wire(t, t->base + 1));
    if (ahead == 0 || is_wrapped(t, packet->block)) {
        if (t->base == 65535 && t->wrap == WRAP_UNKNOWN) {
            t->wrap = 0;
        }
        accept_block(t, packet);
        return;
    }
    if (packet->block == wire(t, t->base)) {
        if (t->base > 0) {
            take_old_block(t);
        }
        return;
    }
    if (ahead >= t->window) {
        return; /* older than that, or nothing that we could have asked for */
    }
    if (t->gap == 0 || ahead <= t->gap) {
        acknowledge(t); /* a gap, first seen in this pass of the sender */
    }
    t->gap = ahead;
}

/* ---- Both ---- */

void sim_tftp_transfer_recv(struct sim_tftp_transfer *t, const struct sim_tftp_packet *packet,
                            sim_time now)
{
    see_time(t, now);
    assert(t->state == SIM_TFTP_EXPECT_ACK || t->state == SIM_TFTP_EXPECT_DATA ||
           t->state == SIM_TFTP_DALLYING);
    bool dallying = t->state == SIM_TFTP_DALLYING;
    switch (packet->opcode) {
    case SIM_TFTP_DATA:
        if (dallying) {
            if (packet->block == wire(t, t->base)) {
                take_old_block(t);
            }
            return;
        }
        if (!t->sends) {
            take_data(t, packet);
            return;
        }
        break;
    case SIM_TFTP_ACK:
        if (t->sends) {
            take_ack(t, packet->block);
            return;
        }
        break;
    case SIM_TFTP_ERROR:
        if (!dallying) { /* all came: too late to matter */
            sim_tftp_transfer_fail_by_peer(t, packet);
        }
        return;
    case SIM_TFTP_RRQ:
    case SIM_TFTP_WRQ:
    case SIM_TFTP_OACK:
        break;
    }
    if (!dallying) {
        sim_tftp_transfer_fail(t, SIM_EPROTO, SIM_TFTP_CODE_ILLEGAL, "unexpected kind of packet");
    }
}

void sim_tftp_transfer_again(struct sim_tftp_transfer *t, sim_time now)
{
    see_time(t, now);
    assert(t->state == SIM_TFTP_EXPECT_DATA);
    acknowledge(t);
}

void sim_tftp_transfer_stranger(struct sim_tftp_transfer *t, struct sim_tftp_peer from,
                                const uint8_t *bytes, size_t len)
{
    struct sim_tftp_packet packet;
    if (from.port == 0 || sim_tftp_packet_decode(&packet, bytes, len) != 0 ||
        packet.opcode == SIM_TFTP_ERROR) {
        return; /* an error in answer to an error could go on for ever */
    }
    t->stranger = from;
}

/* A deadline passed in a state that waits for the other end. */
static void send_again(struct sim_tftp_transfer *t)
{
    if (t->now >= t->stall_at) {
        sim_tftp_transfer_fail(t, SIM_ESTALLED, SIM_TFTP_CODE_UNDEFINED, "no progress");
        return;
    }
    if (t->tries >= t->timing.tries) {
        sim_tftp_transfer_fail(t, SIM_ETIMEDOUT, SIM_TFTP_CODE_NONE, "no answer");
        return;
    }
    if (t->tries == 0) {
        t->sent_at = t->now; /* a receiver that waited in vain says something for the first time */
    }
    t->resends++;
    t->tries++;
    sim_duration most = first_wait(t);
    most = most > SIM_NEVER / SIM_TFTP_BACKOFF_MAX ? SIM_NEVER : most * SIM_TFTP_BACKOFF_MAX;
    if (t->tries > 1) {
        t->wait = t->wait > most / 2 ? most : 2 * t->wait;
    }
    if (t->state == SIM_TFTP_EXPECT_ANSWER || t->oack) {
        t->pending |= PENDING_ASK;
    } else if (t->sends) {
        restart(t);
    } else {
        acknowledge(t);
    }
    await(t);
}

void sim_tftp_transfer_tick(struct sim_tftp_transfer *t, sim_time now)
{
    see_time(t, now);
    if (now < t->deadline) {
        return;
    }
    switch (t->state) {
    case SIM_TFTP_EXPECT_ANSWER:
    case SIM_TFTP_EXPECT_ACK:
    case SIM_TFTP_EXPECT_DATA:
        send_again(t);
        return;
    case SIM_TFTP_DALLYING:
        t->pending = 0;
        enter(t, SIM_TFTP_CLOSED, SIM_NEVER);
        return;
    case SIM_TFTP_IDLE:
    case SIM_TFTP_CLOSED:
        break; /* deadline is SIM_NEVER, so we cannot get here before the end of time */
    }
}

bool sim_tftp_transfer_take_event(struct sim_tftp_transfer *t, struct sim_tftp_event *event)
{
    if (t->events == 0) {
        return false;
    }
    *event = (struct sim_tftp_event){.code = SIM_TFTP_CODE_NONE};
    if ((t->events & EVENT_DATA) != 0) {
        t->events &= (uint8_t)~EVENT_DATA;
        event->kind = SIM_TFTP_EVENT_DATA;
        event->bytes = t->data;
        event->len = t->data_len;
    } else if ((t->events & EVENT_DONE) != 0) {
        t->events &= (uint8_t)~EVENT_DONE;
        event->kind = SIM_TFTP_EVENT_DONE;
    } else {
        t->events &= (uint8_t)~EVENT_FAILED;
        event->kind = SIM_TFTP_EVENT_FAILED;
        event->status = t->status;
        event->code = t->code;
        event->from_peer = t->from_peer;
        event->text = t->text;
        event->bytes = t->from_peer ? t->data : NULL;
        event->len = t->from_peer ? t->data_len : 0;
    }
    return true;
}

bool sim_tftp_transfer_take_output(struct sim_tftp_transfer *t, sim_time now,
                                   uint8_t buffer[SIM_TFTP_CONTROL_MAX],
                                   struct sim_tftp_output *out)
{
    see_time(t, now);
    if (t->stranger.port != 0) {
        *out = (struct sim_tftp_output){.kind = SIM_TFTP_PACKET, .to = t->stranger};
        out->len = sim_tftp_packet_error(buffer, SIM_TFTP_CODE_UNKNOWN_TID,
                                         sim_tftp_code_text(SIM_TFTP_CODE_UNKNOWN_TID));
        t->stranger.port = 0;
        return true;
    }
    if ((t->pending & (PENDING_ERROR | PENDING_ACK)) == 0) {
        return take_block(t, out);
    }
    *out = (struct sim_tftp_output){.kind = SIM_TFTP_PACKET, .to = t->peer};
    if ((t->pending & PENDING_ERROR) != 0) {
        t->pending &= (uint8_t)~PENDING_ERROR;
        out->len = sim_tftp_packet_error(buffer, (enum sim_tftp_code)t->code, t->text);
        return t->peer.port != 0;
    }
    t->pending &= (uint8_t)~PENDING_ACK;
    out->len = sim_tftp_packet_ack(buffer, wire(t, t->base));
    if (t->state == SIM_TFTP_EXPECT_DATA) {
        note_sent(t);
    }
    return true;
}

void sim_tftp_transfer_delayed(struct sim_tftp_transfer *t, sim_time now)
{
    see_time(t, now);
    if (t->state == SIM_TFTP_EXPECT_ACK || t->state == SIM_TFTP_EXPECT_DATA) {
        if (t->tries == 1 && t->next == t->base + 2) {
            t->sent_at = now;
        }
        await(t);
    }
}

const char *sim_tftp_state_name(enum sim_tftp_state state)
{
    switch (state) {
#define X(name)                                                                                    \
    case SIM_TFTP_##name:                                                                          \
        return #name;
        SIM_TFTP_STATES(X)
#undef X
    }
    return "?";
}
