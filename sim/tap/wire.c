/* sim/tap/wire.c -- what the live world's sockets tell (sim/wire.h) becomes packets. See inner.h.
 *
 * Datagrams are passed on. Of a connection the bytes, their sizes and instants are what was told;
 * its handshake stands where it was dialled and where its first bytes passed, and what came is
 * acknowledged every second segment. A head is told line by line: it is kept until it is whole and
 * shown in one packet with the first bytes behind it, so that a reader sees an answer that was cut
 * short and does not wait for the rest. */
#include <stdlib.h>
#include <string.h>

#include "sim/tap/inner.h"
#include "sim/tftp/packet.h"

enum {
    HEAD_MAX = 2048,      /* bytes of a head that are kept; more goes out in parts */
    ACK_AFTER = 2 * 1448, /* bytes, RFC 9293, 3.8.6.3 */
    CODE_AT = 9,          /* of "HTTP/1.1 404" */
    CODE_ERROR = '4',     /* from here on a body is an explanation, and kept */
};

struct tap_wire {
    struct tap_wire *next, *before;
    uint64_t number;
    struct tap_tcp tcp;
    bool shaken;
    size_t unacked;     /* bytes from the server */
    sim_time head_at;   /* of its latest byte */
    size_t head_len;    /* bytes kept of an answer that was not shown yet */
    bool head_explains; /* an error's body is kept with it */
    uint8_t head[HEAD_MAX];
};

static struct tap_wire *wire_new(struct sim_tap_world *t, const struct sim_wire_event *e,
                                 const struct tap_node *n, sim_addr server)
{
    struct tap_wire *w = calloc(1, sizeof(*w));

    if (w == NULL || !tap_map_put(&t->wires, e->connection, w)) {
        free(w);
        t->failed = true;
        return NULL;
    }
    w->number = e->connection;
    w->tcp.ends[0] = (struct tap_end){.node = n->number, .addr = n->addr, .port = e->phone_port};
    w->tcp.ends[1] = (struct tap_end){.node = SIM_NODE_NONE, .addr = server, .port = e->other_port};
    tap_tcp_init(&w->tcp, n->site, e->at);
    w->next = t->all_wires;
    if (w->next != NULL) {
        w->next->before = w;
    }
    t->all_wires = w;
    return w;
}

static void wire_free(struct sim_tap_world *t, struct tap_wire *w)
{
    tap_map_remove(&t->wires, w->number);
    if (w->next != NULL) {
        w->next->before = w->before;
    }
    *(w->before != NULL ? &w->before->next : &t->all_wires) = w->next;
    free(w);
}

/* The host's kernel has answered by the time that anything passes. */
static void shake(struct sim_tap_world *t, struct tap_wire *w, sim_time at)
{
    if (!w->shaken) {
        w->shaken = true;
        tap_tcp_open(t, &w->tcp, at);
    }
}

static void from_server(struct sim_tap_world *t, struct tap_wire *w, sim_time at, bool pushed,
                        const uint8_t *bytes, size_t bytes_len, size_t len)
{
    uint8_t flags = (uint8_t)(pushed ? SIM_TAP_PSH | SIM_TAP_ACK : SIM_TAP_ACK);

    tap_tcp_send(t, &w->tcp, 1, at, flags, bytes, bytes_len, len);
    w->unacked += len;
    if (w->unacked >= ACK_AFTER) {
        w->unacked = 0;
        tap_tcp_send(t, &w->tcp, 0, at, SIM_TAP_ACK, NULL, 0, 0);
    }
}

/* The answer's head, and the body's first bytes: `bytes` of `len`. */
static void show_head(struct sim_tap_world *t, struct tap_wire *w, const uint8_t *bytes, size_t len)
{
    size_t kept = len < SIM_TAP_BODY_BYTES ? len : SIM_TAP_BODY_BYTES;
    uint8_t packet[HEAD_MAX + SIM_TAP_BODY_BYTES];

    if (w->head_len == 0) {
        return;
    }
    memcpy(packet, w->head, w->head_len);
    if (kept > 0) {
        memcpy(packet + w->head_len, bytes, kept);
    }
    from_server(t, w, w->head_at, true, packet, w->head_len + kept, w->head_len + len);
    w->head_len = 0;
    w->head_explains = false;
}

/* What more of an answer comes; false when there is no room for it. */
static bool keep(struct tap_wire *w, const struct sim_wire_event *e)
{
    if (e->bytes_len < e->len || e->len > sizeof(w->head) - w->head_len) {
        return false;
    }
    memcpy(w->head + w->head_len, e->bytes, e->len);
    w->head_len += e->len;
    w->head_at = e->at;
    return true;
}

static bool is_error(const struct tap_wire *w)
{
    return w->head_len > CODE_AT && memcmp(w->head, "HTTP/", 5) == 0 &&
           w->head[CODE_AT] >= CODE_ERROR;
}

static void on_answer(struct sim_tap_world *t, struct tap_wire *w, const struct sim_wire_event *e)
{
    if (e->protocol == SIM_PROTOCOL_HTTPS) {
        from_server(t, w, e->at, true, e->bytes, e->bytes_len, e->len);
    } else if (e->kind == SIM_WIRE_HEAD) {
        if (e->bytes_len >= 5 && memcmp(e->bytes, "HTTP/", 5) == 0) {
            show_head(t, w, NULL, 0); /* 100 Continue, or an answer without a body, was before */
        }
        if (!keep(w, e)) {
            show_head(t, w, NULL, 0);
            from_server(t, w, e->at, true, e->bytes, e->bytes_len, e->len);
        }
        w->head_explains = is_error(w);
    } else if (w->head_len > 0 && w->head_explains && keep(w, e)) {
        return;
    } else if (w->head_len > 0) {
        w->head_at = e->at;
        show_head(t, w, e->bytes, e->len);
    } else {
        from_server(t, w, e->at, false, NULL, 0, e->len); /* a reader takes bytes for headers */
    }
}

static void on_close(struct sim_tap_world *t, struct tap_wire *w, const struct sim_wire_event *e)
{
    show_head(t, w, NULL, 0);
    switch (e->end) {
    case SIM_WIRE_END_PHONE:
        shake(t, w, e->at);
        tap_tcp_fin(t, &w->tcp, 0, e->at);
        tap_tcp_fin(t, &w->tcp, 1, e->at);
        break;
    case SIM_WIRE_END_SERVER:
        shake(t, w, e->at);
        tap_tcp_fin(t, &w->tcp, 1, e->at);
        tap_tcp_fin(t, &w->tcp, 0, e->at);
        break;
    case SIM_WIRE_END_PHONE_RESET:
        tap_tcp_reset(t, &w->tcp, 0, e->at);
        break;
    case SIM_WIRE_END_SERVER_RESET:
        tap_tcp_reset(t, &w->tcp, 1, e->at);
        break;
    case SIM_WIRE_END_UNANSWERED:
        break;
    }
    wire_free(t, w);
}

static void on_datagram(struct sim_tap_world *t, const struct tap_node *n,
                        const struct sim_wire_event *e, sim_addr server)
{
    size_t kept = e->bytes_len;
    uint16_t port = e->other_port != 0 ? e->other_port : t->config.wan_server.tftp_port;

    if (kept > SIM_TFTP_HEADER && e->bytes[0] == 0 && e->bytes[1] == SIM_TFTP_DATA) {
        kept = SIM_TFTP_HEADER + SIM_TAP_BODY_BYTES; /* a body */
        kept = kept < e->bytes_len ? kept : e->bytes_len;
    }
    tap_datagram(t, n, e->at, e->up, server, SIM_NODE_NONE, e->phone_port, port, e->bytes, kept,
                 e->len);
}

void sim_tap_world_wire(struct sim_tap_world *t, const struct sim_wire_event *e)
{
    const struct tap_node *n = tap_map_get(&t->by_addr, e->phone);
    struct tap_wire *w = e->connection != 0 ? tap_map_get(&t->wires, e->connection) : NULL;

    if (n == NULL) {
        return;
    }
    sim_addr server = e->other != 0 ? e->other : tap_server_at(t, n->site, e->place);
    if (e->kind == SIM_WIRE_DATAGRAM) {
        on_datagram(t, n, e, server);
        return;
    }
    if (e->kind == SIM_WIRE_OPEN) {
        w = wire_new(t, e, n, server);
        if (w != NULL) {
            tap_tcp_send(t, &w->tcp, 0, e->at, SIM_TAP_SYN, NULL, 0, 0);
        }
        return;
    }
    if (w == NULL) {
        return;
    }
    if (e->kind == SIM_WIRE_CLOSE) {
        on_close(t, w, e);
        return;
    }
    shake(t, w, e->at);
    if (e->up) {
        show_head(t, w, NULL, 0);
        w->unacked = 0; /* it says how far the answer had come */
        tap_tcp_send(t, &w->tcp, 0, e->at, SIM_TAP_PSH | SIM_TAP_ACK, e->bytes, e->bytes_len,
                     e->len);
    } else {
        on_answer(t, w, e);
    }
}

void tap_wires_down(struct sim_tap_world *t, const struct tap_node *n)
{
    for (struct tap_wire *w = t->all_wires; w != NULL; w = w->next) {
        w->tcp.over |= w->tcp.ends[0].node == n->number;
    }
}

void tap_wires_end(struct sim_tap_world *t)
{
    for (struct tap_wire *w = t->all_wires; w != NULL; w = w->next) {
        show_head(t, w, NULL, 0);
    }
}

void tap_wires_free(struct sim_tap_world *t)
{
    while (t->all_wires != NULL) {
        wire_free(t, t->all_wires);
    }
}
