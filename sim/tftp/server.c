/* sim/tftp/server.c -- which options are granted, and the OACK. See server.h. */
#include "sim/tftp/server.h"

#include <assert.h>
#include <string.h>

#include "sim/err.h"

enum sim_tftp_code sim_tftp_server_check(const struct sim_tftp_packet *request, const char **text)
{
    if (request->opcode != SIM_TFTP_RRQ && request->opcode != SIM_TFTP_WRQ) {
        *text = "Not a request";
        return SIM_TFTP_CODE_ILLEGAL;
    }
    switch (request->mode) {
    case SIM_TFTP_MODE_OCTET:
        break;
    case SIM_TFTP_MODE_NETASCII:
        *text = "Mode netascii is not served, use octet";
        return SIM_TFTP_CODE_UNDEFINED;
    case SIM_TFTP_MODE_MAIL:
        *text = "Mode mail is not served";
        return SIM_TFTP_CODE_ILLEGAL;
    case SIM_TFTP_MODE_UNKNOWN:
        *text = "Unknown mode";
        return SIM_TFTP_CODE_ILLEGAL;
    }
    if (request->options.repeated != 0) {
        *text = "An option was given twice";
        return SIM_TFTP_CODE_OPTION;
    }
    return SIM_TFTP_CODE_NONE;
}

/* RFC 2347: what is not acknowledged counts as not asked. */
static struct sim_tftp_options grant(const struct sim_tftp_server_limits *limits,
                                     const struct sim_tftp_packet *request, uint64_t size)
{
    const struct sim_tftp_options *asked = &request->options;
    struct sim_tftp_options granted = {.given = asked->given & ~asked->invalid &
                                                ~(unsigned)SIM_TFTP_OPTION_OTHER};

    granted.blksize = asked->blksize < limits->blksize_max ? asked->blksize : limits->blksize_max;
    granted.windowsize =
        asked->windowsize < limits->windowsize_max ? asked->windowsize : limits->windowsize_max;
    granted.timeout = asked->timeout;
    if (asked->timeout > SIM_TFTP_TIMEOUT_MAX) {
        granted.given &= ~(unsigned)SIM_TFTP_OPTION_TIMEOUT; /* to be echoed or left out */
    }
    if (request->opcode == SIM_TFTP_RRQ && size == 0) {
        granted.given &= ~(unsigned)SIM_TFTP_OPTION_TSIZE; /* curl takes "tsize 0" for an error */
    }
    granted.tsize = request->opcode == SIM_TFTP_WRQ ? asked->tsize : size;
    return granted;
}

void sim_tftp_server_start(struct sim_tftp_server *s, const struct sim_tftp_server_limits *limits,
                           struct sim_tftp_peer client, const struct sim_tftp_packet *request,
                           uint64_t size, sim_time now)
{
    struct sim_tftp_transfer *t = &s->transfer;
    assert(request->opcode == SIM_TFTP_RRQ || request->opcode == SIM_TFTP_WRQ);
    assert(limits->blksize_max >= SIM_TFTP_BLKSIZE_MIN && limits->windowsize_max >= 1);

    s->granted = grant(limits, request, size);
    unsigned given = s->granted.given;
    struct sim_tftp_timing timing = limits->timing;
    if ((given & SIM_TFTP_OPTION_TIMEOUT) != 0) {
        timing.timeout = s->granted.timeout * SIM_S;
    }
    sim_tftp_transfer_init(t, &timing);
    t->peer = client;
    if ((given & SIM_TFTP_OPTION_BLKSIZE) != 0) {
        t->blksize = (uint16_t)s->granted.blksize;
    }
    if ((given & SIM_TFTP_OPTION_WINDOWSIZE) != 0) {
        t->window = (uint16_t)s->granted.windowsize;
    }
    bool oack = given != 0;
    if (request->opcode == SIM_TFTP_RRQ) {
        sim_tftp_transfer_start_sending(t, size, oack, now);
        return;
    }
    uint64_t promised =
        (given & SIM_TFTP_OPTION_TSIZE) != 0 ? s->granted.tsize : SIM_TFTP_SIZE_UNKNOWN;
    sim_tftp_transfer_start_receiving(t, promised, oack ? SIM_TFTP_FIRST_OACK : SIM_TFTP_FIRST_ACK,
                                      now);
}

void sim_tftp_server_recv(struct sim_tftp_server *s, struct sim_tftp_peer from,
                          const uint8_t *bytes, size_t len, sim_time now)
{
    struct sim_tftp_transfer *t = &s->transfer;
    struct sim_tftp_packet packet;

    if (t->state == SIM_TFTP_CLOSED) {
        return;
    }
    if (!sim_tftp_peer_equal(from, t->peer)) {
        sim_tftp_transfer_stranger(t, from, bytes, len);
        return;
    }
    if (sim_tftp_packet_decode(&packet, bytes, len) != 0) {
        if (t->state != SIM_TFTP_DALLYING) {
            sim_tftp_transfer_fail(t, SIM_EPROTO, SIM_TFTP_CODE_ILLEGAL, "malformed packet");
        }
        return;
    }
    sim_tftp_transfer_recv(t, &packet, now);
}

void sim_tftp_server_tick(struct sim_tftp_server *s, sim_time now)
{
    sim_tftp_transfer_tick(&s->transfer, now);
}

void sim_tftp_server_fail(struct sim_tftp_server *s, int status)
{
    const char *text;
    enum sim_tftp_code code = sim_tftp_status_code(status, &text);
    sim_tftp_transfer_fail(&s->transfer, status, code, text);
}

bool sim_tftp_server_take_event(struct sim_tftp_server *s, struct sim_tftp_event *event)
{
    return sim_tftp_transfer_take_event(&s->transfer, event);
}

bool sim_tftp_server_take_output(struct sim_tftp_server *s, sim_time now,
                                 uint8_t buffer[SIM_TFTP_CONTROL_MAX], struct sim_tftp_output *out)
{
    if (sim_tftp_transfer_take_ask(&s->transfer, now)) {
        *out = (struct sim_tftp_output){.kind = SIM_TFTP_PACKET, .to = s->transfer.peer};
        out->len = sim_tftp_packet_oack(buffer, &s->granted);
        return true;
    }
    return sim_tftp_transfer_take_output(&s->transfer, now, buffer, out);
}
