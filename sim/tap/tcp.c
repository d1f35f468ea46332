/* sim/tap/tcp.c -- a TCP connection, drawn: what was sent, in order, acknowledged at once. See
 * inner.h.
 *
 * An acknowledgement says what had been captured before it, so a reader never misses a segment. */
#include <string.h>

#include "sim/rng.h"
#include "sim/tap/inner.h"

static void start_end(struct tap_end *end, sim_addr other, uint16_t other_port)
{
    uint64_t key = (uint64_t)end->addr << 32 | other;

    end->seq = (uint32_t)sim_rng_mix(sim_rng_mix(key) ^ ((uint64_t)end->port << 16 | other_port));
}

void tap_tcp_init(struct tap_tcp *c, uint32_t site, sim_time at)
{
    c->site = site;
    c->over = false;
    c->last = at;
    start_end(&c->ends[0], c->ends[1].addr, c->ends[1].port);
    start_end(&c->ends[1], c->ends[0].addr, c->ends[0].port);
}

static void put(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at,
                uint8_t flags, const uint8_t *bytes, size_t bytes_len, size_t len)
{
    struct tap_end *from = &c->ends[side], *to = &c->ends[side ^ 1];

    if (c->over || from->fin) {
        return;
    }
    c->last = at > c->last ? at : c->last;
    from->stamp = (uint32_t)(c->last / SIM_MS) + 1;
    struct sim_packet packet = {
        .at = c->last,
        .site = c->site,
        .from_node = from->node,
        .to_node = to->node,
        .from = from->addr,
        .to = to->addr,
        .from_port = from->port,
        .to_port = to->port,
        .is_tcp = true,
        .flags = flags,
        .seq = from->seq,
        .ack = (flags & SIM_TAP_ACK) != 0 ? to->seq : 0,
        .stamp = from->stamp,
        .echo = (flags & SIM_TAP_ACK) != 0 ? to->stamp : 0,
        .payload_len = (uint32_t)len,
        .bytes = bytes,
        .bytes_len = bytes_len,
    };
    from->seq += (uint32_t)len + ((flags & (SIM_TAP_SYN | SIM_TAP_FIN)) != 0);
    tap_write(t, &packet);
}

void tap_tcp_send(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at,
                  uint8_t flags, const uint8_t *bytes, size_t bytes_len, size_t len)
{
    put(t, c, side, at, flags, bytes, bytes_len, len);
}

void tap_tcp_open(struct sim_tap_world *t, struct tap_tcp *c, sim_time at)
{
    put(t, c, 1, at, SIM_TAP_SYN | SIM_TAP_ACK, NULL, 0, 0);
    put(t, c, 0, at, SIM_TAP_ACK, NULL, 0, 0);
}

void tap_tcp_fin(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at)
{
    if (c->over || c->ends[side].fin) {
        return;
    }
    put(t, c, side, at, SIM_TAP_FIN | SIM_TAP_ACK, NULL, 0, 0);
    c->ends[side].fin = true;
    if (c->ends[side ^ 1].fin) { /* the last word: an ACK behind its own FIN */
        c->ends[side ^ 1].fin = false;
        put(t, c, side ^ 1, at, SIM_TAP_ACK, NULL, 0, 0);
        c->over = true;
    }
}

void tap_tcp_reset(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at)
{
    put(t, c, side, at, SIM_TAP_RST | SIM_TAP_ACK, NULL, 0, 0);
    c->over = true;
}

size_t tap_body_read(const struct tap_body *body, uint64_t offset, uint64_t len,
                     uint8_t out[SIM_TAP_BODY_BYTES])
{
    size_t want = len < SIM_TAP_BODY_BYTES ? (size_t)len : SIM_TAP_BODY_BYTES;

    memset(out, 0, SIM_TAP_BODY_BYTES);
    if (body->bytes != NULL) {
        memcpy(out, body->bytes + offset, want);
    } else if (body->content != NULL) {
        (void)sim_content_read(body->content, body->offset + offset, out, want);
    }
    return want;
}

void tap_tcp_body(struct sim_tap_world *t, struct tap_tcp *c, unsigned side,
                  const struct tap_body *body, uint64_t from, uint64_t to, sim_time since,
                  sim_time until)
{
    uint8_t first[SIM_TAP_BODY_BYTES];
    uint64_t len = to - from;

    since = since < until ? since : until;
    for (uint64_t at = from; at < to;) {
        uint64_t part = to - at < TAP_SEGMENT ? to - at : TAP_SEGMENT;
        size_t kept = body != NULL ? tap_body_read(body, at, part, first) : 0;

        at += part;
        unsigned __int128 share = (unsigned __int128)(until - since) * (at - from);
        sim_time when = since + (sim_time)(share / len);

        put(t, c, side, when, SIM_TAP_ACK, first, kept, (size_t)part);
        put(t, c, side ^ 1, when, SIM_TAP_ACK, NULL, 0, 0);
    }
}
