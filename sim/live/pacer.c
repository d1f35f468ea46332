/* sim/live/pacer.c -- the ports of the phones: lan.rate each way, shared evenly, no credit. See
 * inner.h.
 *
 * A piece of a body is handed to the kernel when its last bit would leave the port. A port that
 * is busy reckons from the instant it ought to be free, not from the late timer's, so that
 * lateness does not add up; one that was idle begins anew. Catching up has a limit: beyond it
 * bytes are lost time, which the worst second shows. Messages are small and not paced, nor are
 * the bodies of fetches. */
#include <assert.h>

#include "sim/line.h"
#include "sim/live/inner.h"

enum {
    PIECE_MIN = SIM_LINE_SEGMENT,
    PIECE_MAX = 256 * 1024, /* bytes: about what a socket takes at once */
    PIECES_A_TURN = 8,      /* caught up in one turn of the loop */
};

#define PIECE_TIME (4 * SIM_MS)     /* of a port: 250 wake-ups a second and parent */
#define WINDOW (1 * SIM_S)          /* architecture: 5 % behind over 1 s makes a run invalid */
#define RECEIVE_SLACK (20 * SIM_MS) /* the sender's pieces and late timers make bursts */

static uint64_t piece_of(const struct live_node *n, const struct live_stream *s)
{
    uint64_t bytes = n->site->setup->lan.rate_bit_s / 8 * PIECE_TIME / SIM_S;

    bytes = bytes < PIECE_MIN ? PIECE_MIN : bytes;
    bytes = bytes > PIECE_MAX ? PIECE_MAX : bytes;
    return bytes < s->out_left ? bytes : s->out_left;
}

static sim_duration time_of(const struct live_node *n, uint64_t bytes)
{
    return sim_time_of_bytes(bytes, n->site->setup->lan.rate_bit_s);
}

static sim_time release_of(const struct live_node *n)
{
    return sim_time_add(n->port.free_at, time_of(n, piece_of(n, n->port.ring)));
}

static void window_begin(struct live_port *port)
{
    port->window_at = port->free_at;
    port->window_bytes = 0;
}

static void window_note(struct live_node *n, sim_time now, uint64_t bytes)
{
    struct live_port *port = &n->port;
    sim_duration length = sim_time_since(now, port->window_at);

    port->window_bytes += bytes;
    if (length < WINDOW) {
        return;
    }
    double share = (double)time_of(n, port->window_bytes) / (double)length;
    if (share < n->world->pacer_worst) {
        n->world->pacer_worst = share;
    }
    port->window_at = now;
    port->window_bytes = 0;
}

static void on_port(struct live_timer *timer, sim_time now)
{
    struct live_port *port = (struct live_port *)timer;
    struct live_node *n = (struct live_node *)((char *)port - offsetof(struct live_node, port));
    struct live_loop *loop = n->world->loop;

    for (int i = 0; i < PIECES_A_TURN && port->ring != NULL && release_of(n) <= now; i++) {
        struct live_stream *s = port->ring;
        sim_time release = release_of(n);
        uint64_t piece = piece_of(n, s), sent;

        if (now - release > LIVE_PACER_BEHIND_MAX) { /* the rest of the delay is lost for good */
            port->free_at += now - release - LIVE_PACER_BEHIND_MAX;
        }
        port->ring = s->ring_next;
        sent = live_stream_pump(s, piece); /* may take s, or all, out of the ring */
        port->free_at = sim_time_add(port->free_at, time_of(n, sent));
        window_note(n, now, sent);
        if (sent < piece) { /* the peer does not read: no lateness of ours */
            window_begin(port);
        }
    }
    if (port->ring != NULL && timer->slot == 0) {
        live_timer_set(loop, timer, release_of(n));
    }
}

void live_port_init(struct live_port *port)
{
    *port = (struct live_port){.timer = {.fire = on_port}};
}

void live_port_add(struct live_node *n, struct live_stream *s)
{
    struct live_port *port = &n->port;

    if (s->in_port) {
        return;
    }
    s->in_port = true;
    if (port->ring == NULL) {
        sim_time now = live_loop_now(n->world->loop);

        port->free_at = port->free_at > now ? port->free_at : now;
        window_begin(port);
        port->ring = s->ring_next = s->ring_before = s;
    } else { /* behind all the others */
        s->ring_next = port->ring;
        s->ring_before = port->ring->ring_before;
        s->ring_before->ring_next = s;
        port->ring->ring_before = s;
    }
    if (port->timer.slot == 0) {
        live_timer_set(n->world->loop, &port->timer, release_of(n));
    }
}

void live_port_remove(struct live_node *n, struct live_stream *s)
{
    struct live_port *port = &n->port;

    if (!s->in_port) {
        return;
    }
    s->in_port = false;
    if (s->ring_next == s) {
        port->ring = NULL;
        live_timer_clear(n->world->loop, &port->timer);
    } else {
        s->ring_before->ring_next = s->ring_next;
        s->ring_next->ring_before = s->ring_before;
        if (port->ring == s) {
            port->ring = s->ring_next;
        }
    }
    s->ring_next = s->ring_before = NULL;
}

sim_time live_port_received(struct live_node *n, sim_time now, uint64_t len)
{
    if (n->site->setup->lan.rate_bit_s == SIM_RATE_NONE) {
        return 0;
    }
    n->in_free_at = n->in_free_at > now ? n->in_free_at : now;
    n->in_free_at = sim_time_add(n->in_free_at, time_of(n, len));
    return n->in_free_at > now + RECEIVE_SLACK ? n->in_free_at - RECEIVE_SLACK / 2 : 0;
}
