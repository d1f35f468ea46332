/* sim/tftp/client.c -- the request, the answer to it, and what was agreed. See client.h. */
#include "sim/tftp/client.h"

#include <assert.h>
#include <string.h>

#include "sim/err.h"

static struct sim_tftp_options asked_options(const struct sim_tftp_client *c)
{
    return (struct sim_tftp_options){
        .given = c->ask,
        .blksize = c->blksize,
        .timeout = c->timeout_s,
        .windowsize = c->windowsize,
        .tsize = c->write ? c->size : 0, /* RFC 2349: 0 asks for it */
    };
}

int sim_tftp_client_init(struct sim_tftp_client *c, const struct sim_tftp_client_config *config)
{
    uint8_t scratch[SIM_TFTP_CONTROL_MAX];
    const unsigned known = SIM_TFTP_OPTION_BLKSIZE | SIM_TFTP_OPTION_TIMEOUT |
                           SIM_TFTP_OPTION_TSIZE | SIM_TFTP_OPTION_WINDOWSIZE;
    unsigned ask = config->ask;

    if ((ask & ~known) != 0 || config->name[0] == '\0' || config->server.port == 0) {
        return SIM_EINVAL;
    }
    if (((ask & SIM_TFTP_OPTION_BLKSIZE) != 0 &&
         (config->blksize < SIM_TFTP_BLKSIZE_MIN || config->blksize > SIM_TFTP_BLKSIZE_MAX)) ||
        ((ask & SIM_TFTP_OPTION_WINDOWSIZE) != 0 && config->windowsize == 0) ||
        ((ask & SIM_TFTP_OPTION_TIMEOUT) != 0 && config->timeout_s == 0)) {
        return SIM_EINVAL;
    }
    memset(c, 0, sizeof(*c));
    sim_tftp_transfer_init(&c->transfer, &config->timing);
    c->server = config->server;
    c->name = config->name;
    c->write = config->write;
    c->size = config->size;
    c->ask = ask;
    c->blksize = config->blksize;
    c->windowsize = config->windowsize;
    c->timeout_s = config->timeout_s;
    struct sim_tftp_options options = asked_options(c);
    if (sim_tftp_packet_request(scratch, c->write, c->name, &options) == 0) {
        return SIM_EINVAL;
    }
    return 0;
}

void sim_tftp_client_start(struct sim_tftp_client *c, sim_time now)
{
    assert(c->transfer.state == SIM_TFTP_IDLE);
    sim_tftp_transfer_ask(&c->transfer, SIM_TFTP_EXPECT_ANSWER, now);
}

/* What the server may say: only what was asked for, nothing larger. NULL, or what is wrong. */
static const char *check_oack(const struct sim_tftp_client *c, const struct sim_tftp_options *o)
{
    if ((o->given & ~c->ask) != 0) {
        return "an option that was not asked for";
    }
    if (o->invalid != 0 || o->repeated != 0) {
        return "an option's value is not acceptable";
    }
    if ((o->given & SIM_TFTP_OPTION_BLKSIZE) != 0 && o->blksize > c->blksize) {
        return "blksize is larger than asked for";
    }
    if ((o->given & SIM_TFTP_OPTION_WINDOWSIZE) != 0 && o->windowsize > c->windowsize) {
        return "windowsize is larger than asked for";
    }
    if ((o->given & SIM_TFTP_OPTION_TIMEOUT) != 0 && o->timeout != c->timeout_s) {
        return "timeout is not the one asked for";
    }
    return NULL;
}

static void take_oack(struct sim_tftp_client *c, const struct sim_tftp_options *o, sim_time now)
{
    struct sim_tftp_transfer *t = &c->transfer;
    const char *wrong = check_oack(c, o);
    if (wrong != NULL) {
        sim_tftp_transfer_fail(t, SIM_EPROTO, SIM_TFTP_CODE_OPTION, wrong);
        return;
    }
    if ((o->given & SIM_TFTP_OPTION_BLKSIZE) != 0) {
        t->blksize = (uint16_t)o->blksize;
    }
    if ((o->given & SIM_TFTP_OPTION_WINDOWSIZE) != 0) {
        t->window = (uint16_t)o->windowsize;
    }
    if (c->write) {
        sim_tftp_transfer_start_sending(t, c->size, false, now);
        return;
    }
    uint64_t size = (o->given & SIM_TFTP_OPTION_TSIZE) != 0 ? o->tsize : SIM_TFTP_SIZE_UNKNOWN;
    sim_tftp_transfer_start_receiving(t, size, SIM_TFTP_FIRST_ACK, now);
}

static void take_refusal(struct sim_tftp_client *c, const struct sim_tftp_packet *packet,
                         sim_time now)
{
    if (packet->code != SIM_TFTP_CODE_OPTION || c->ask == 0) {
        sim_tftp_transfer_fail_by_peer(&c->transfer, packet);
        return;
    }
    c->ask = 0;
    c->transfer.tries = 0;
    c->transfer.peer.port = 0; /* the new request gets a new TID */
    sim_tftp_transfer_ask(&c->transfer, SIM_TFTP_EXPECT_ANSWER, now);
}

/* The first answer. What makes no sense as one (a leftover of an earlier transfer) fixes no TID. */
static void take_answer(struct sim_tftp_client *c, struct sim_tftp_peer from,
                        const struct sim_tftp_packet *packet, sim_time now)
{
    struct sim_tftp_transfer *t = &c->transfer;
    switch (packet->opcode) {
    case SIM_TFTP_DATA:
        if (c->write || packet->block != 1) {
            return;
        }
        t->peer = from;
        sim_tftp_transfer_start_receiving(t, SIM_TFTP_SIZE_UNKNOWN, SIM_TFTP_FIRST_NOTHING, now);
        sim_tftp_transfer_recv(t, packet, now);
        return;
    case SIM_TFTP_ACK:
        if (!c->write || packet->block != 0) {
            return;
        }
        t->peer = from;
        sim_tftp_transfer_start_sending(t, c->size, false, now);
        return;
    case SIM_TFTP_OACK:
        t->peer = from;
        take_oack(c, &packet->options, now);
        return;
    case SIM_TFTP_ERROR:
        t->peer = from;
        take_refusal(c, packet, now);
        return;
    case SIM_TFTP_RRQ:
    case SIM_TFTP_WRQ:
        return;
    }
}

void sim_tftp_client_recv(struct sim_tftp_client *c, struct sim_tftp_peer from,
                          const uint8_t *bytes, size_t len, sim_time now)
{
    struct sim_tftp_transfer *t = &c->transfer;
    struct sim_tftp_packet packet;
    enum sim_tftp_state state = t->state;

    if (state == SIM_TFTP_IDLE || state == SIM_TFTP_CLOSED) {
        return;
    }
    bool answer = state == SIM_TFTP_EXPECT_ANSWER && from.addr == c->server.addr;
    if (!answer && !sim_tftp_peer_equal(from, t->peer)) {
        sim_tftp_transfer_stranger(t, from, bytes, len);
        return;
    }
    if (sim_tftp_packet_decode(&packet, bytes, len) != 0) {
        if (!answer && state != SIM_TFTP_DALLYING) {
            sim_tftp_transfer_fail(t, SIM_EPROTO, SIM_TFTP_CODE_ILLEGAL, "malformed packet");
        }
        return;
    }
    if (answer) {
        take_answer(c, from, &packet, now);
        return;
    }
    if (packet.opcode == SIM_TFTP_OACK) {
        /* The same OACK again means that our answer to it was lost. The sender's next try, or its
         * ACK 0's, mends that by itself; a reader that has no block yet says ACK 0 again. */
        if (!c->write && t->base == 0 && state == SIM_TFTP_EXPECT_DATA) {
            sim_tftp_transfer_again(t, now);
        }
        return;
    }
    sim_tftp_transfer_recv(t, &packet, now);
}

void sim_tftp_client_tick(struct sim_tftp_client *c, sim_time now)
{
    sim_tftp_transfer_tick(&c->transfer, now);
}

void sim_tftp_client_fail(struct sim_tftp_client *c, int status)
{
    const char *text;
    enum sim_tftp_code code = sim_tftp_status_code(status, &text);
    sim_tftp_transfer_fail(&c->transfer, status, code, text);
}

bool sim_tftp_client_take_event(struct sim_tftp_client *c, struct sim_tftp_event *event)
{
    return sim_tftp_transfer_take_event(&c->transfer, event);
}

bool sim_tftp_client_take_output(struct sim_tftp_client *c, sim_time now,
                                 uint8_t buffer[SIM_TFTP_CONTROL_MAX], struct sim_tftp_output *out)
{
    if (sim_tftp_transfer_take_ask(&c->transfer, now)) {
        struct sim_tftp_options options = asked_options(c);
        *out = (struct sim_tftp_output){.kind = SIM_TFTP_PACKET, .to = c->server};
        out->len = sim_tftp_packet_request(buffer, c->write, c->name, &options);
        return true;
    }
    return sim_tftp_transfer_take_output(&c->transfer, now, buffer, out);
}
