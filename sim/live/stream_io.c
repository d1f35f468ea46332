/* sim/live/stream_io.c -- streams between nodes: the bytes, out and in. See inner.h.
 *
 * Out: a line of messages with at most one body in it, sent from the copy's content by
 * sendfile(), a piece at a time when the port is paced. In: messages are given to the node until
 * it announces a body, whose bytes then go from the scratch buffer into the copy. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

#include "sim/live/inner.h"

enum {
    BODY_A_TURN = 1024 * 1024, /* bytes of a stream each way before others have their turn */
    READS_A_TURN = 8,
};

/* ---- Out ---- */

static void pop(struct live_stream *s)
{
    struct live_message *m = s->out;

    s->out = m->next;
    if (s->out == NULL) {
        s->out_last = NULL;
    }
    s->out_len -= m->len;
    free(m);
}

static bool is_going(const struct live_stream *s)
{
    return s->why == 0 && !s->frozen &&
           (s->state == LIVE_STREAM_OPEN || s->state == LIVE_STREAM_CLOSING);
}

/* False when the socket is full or broken. */
static bool send_message(struct live_stream *s, struct live_message *m)
{
    while (m->sent < m->len) {
        ssize_t n =
            send(s->watch.fd, m->bytes + m->sent, m->len - m->sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n >= 0) {
            m->sent += (uint32_t)n;
        } else if (errno == EAGAIN) {
            s->blocked = true;
            return false;
        } else if (errno != EINTR) {
            live_stream_fail_soon(s, SIM_ERESET);
            return false;
        }
    }
    return true;
}

/* The body is at the head of the line. */
static void begin_body(struct live_stream *s, bool in_call)
{
    if (s->out_left > 0 && s->node->site->setup->lan.rate_bit_s != SIM_RATE_NONE) {
        live_port_add(s->node, s);
        live_stream_update(s);
    } else if (in_call) {
        live_soon_add(s->world, &s->soon);
        live_stream_update(s);
    } else {
        live_stream_pump(s, BODY_A_TURN);
    }
}

void live_stream_flush(struct live_stream *s, bool in_call)
{
    sim_time now = live_loop_now(s->world->loop);

    while (is_going(s) && s->out != NULL && !s->blocked) {
        struct live_message *m = s->out;

        if (m->ready_at > now) {
            s->out_at = m->ready_at;
            break;
        }
        if (m->is_body) {
            begin_body(s, in_call);
            return;
        }
        if (!send_message(s, m)) {
            break;
        }
        pop(s);
    }
    if (s->state == LIVE_STREAM_CLOSING && s->out == NULL && is_going(s)) {
        shutdown(s->watch.fd, SHUT_WR);
        s->state = LIVE_STREAM_LINGER;
    }
    live_stream_update(s);
}

/* As send(): the bytes that the socket took. */
static ssize_t send_piece(struct live_stream *s, uint64_t max)
{
    const struct live_blob *blob = s->out_file->blob;
    uint64_t len = max < s->out_left ? max : s->out_left;
    off_t offset = (off_t)s->out_offset;
    uint8_t flipped;

    if (s->out_flip == s->out_offset) {
        flipped = blob->map[s->out_offset] ^ 0xFF;
        return send(s->watch.fd, &flipped, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    if (s->out_flip > s->out_offset && s->out_flip - s->out_offset < len) {
        len = s->out_flip - s->out_offset;
    }
    return sendfile(s->watch.fd, blob->fd, &offset, len);
}

uint64_t live_stream_pump(struct live_stream *s, uint64_t max)
{
    uint64_t sent = 0;

    assert(s->out != NULL && s->out->is_body);
    while (is_going(s) && !s->blocked && s->out_left > 0 && sent < max) {
        ssize_t n = send_piece(s, max - sent);

        if (n > 0) {
            s->out_offset += (uint64_t)n;
            s->out_left -= (uint64_t)n;
            sent += (uint64_t)n;
        } else if (n == 0 || errno == EAGAIN) {
            s->blocked = true;
        } else if (errno != EINTR) {
            live_stream_fail_soon(s, SIM_ERESET);
        }
    }
    if (s->blocked) {
        live_port_remove(s->node, s);
    }
    if (s->out_left > 0 || !is_going(s)) {
        live_stream_update(s);
        return sent;
    }
    live_port_remove(s->node, s);
    pop(s);
    s->out_file = NULL;
    if (s->state == LIVE_STREAM_OPEN) {
        s->world->events++;
        s->node->ops->body_sent(s->node->self, live_loop_now(s->world->loop), s->handle);
    }
    if (s->state == LIVE_STREAM_OPEN || s->state == LIVE_STREAM_CLOSING) {
        live_stream_flush(s, true);
    }
    return sent;
}

static struct live_message *enqueue(struct live_stream *s, size_t len)
{
    struct live_message *m = malloc(sizeof(*m) + len);

    if (m == NULL) {
        return NULL;
    }
    *m = (struct live_message){.len = (uint32_t)len};
    if (s->node->site->delay > 0) {
        m->ready_at = sim_time_add(live_loop_now(s->world->loop), s->node->site->delay);
    }
    if (s->out_last != NULL) {
        s->out_last->next = m;
    } else {
        s->out = m;
    }
    s->out_last = m;
    s->out_len += len;
    return m;
}

static struct live_stream *open_stream(struct sim_world *base, sim_stream handle)
{
    struct live_stream *s = live_handles_get(&live_world_of(base)->streams, handle);

    return s != NULL && s->state == LIVE_STREAM_OPEN && s->why == 0 ? s : NULL;
}

int live_stream_send(struct sim_world *base, sim_stream handle, const void *bytes, size_t len)
{
    struct live_stream *s = open_stream(base, handle);
    struct live_message *m;

    if (s == NULL || len == 0 || len > SIM_WORLD_MESSAGE_MAX) {
        return SIM_EINVAL;
    }
    if (s->out_len + len > LIVE_QUEUE_MAX) {
        return SIM_ELIMIT;
    }
    m = enqueue(s, len);
    if (m == NULL) {
        return SIM_ENOMEM;
    }
    memcpy(m->bytes, bytes, len);
    if (s->out == m) {
        live_stream_flush(s, true);
    }
    return 0;
}

int live_stream_send_body(struct sim_world *base, sim_stream handle, sim_file file, uint64_t offset,
                          uint64_t len)
{
    struct live_stream *s = open_stream(base, handle);
    struct live_file *f = live_file_get(live_world_of(base), file);
    struct live_message *m;

    if (s == NULL || f == NULL || f->node != s->node || s->out_file != NULL || offset > f->size ||
        len > f->size - offset) {
        return SIM_EINVAL;
    }
    m = enqueue(s, 0);
    if (m == NULL) {
        return SIM_ENOMEM;
    }
    m->is_body = true;
    s->out_file = f;
    s->out_offset = offset;
    s->out_left = len;
    s->out_flip = s->node->corrupt && len > 0 ? offset + len / 2 : UINT64_MAX;
    if (s->out == m) {
        live_stream_flush(s, true);
    }
    return 0;
}

/* ---- In ---- */

/* The next bytes of the body. False when the stream has ended. */
static bool take_body(struct live_stream *s, sim_time now, const uint8_t *bytes, size_t len)
{
    struct live_node *n = s->node;
    sim_time pause;
    int rc = live_file_append(s->in_file, bytes, len);

    if (rc != 0) {
        live_stream_tell_closed(s, rc);
        return false;
    }
    n->site->stats.lan_payload_bytes += len;
    s->in_left -= len;
    pause = live_port_received(n, now, len);
    if (pause != 0) {
        s->in_at = pause;
    }
    if (s->in_left == 0) {
        s->in_file = NULL;
        s->world->events++;
        n->ops->body_received(n->self, now, s->handle);
    } else if (s->in_notify_every > 0) {
        if (len < s->in_notify_left) {
            s->in_notify_left -= len;
        } else {
            uint64_t over = (len - s->in_notify_left) % s->in_notify_every;

            s->in_notify_left = s->in_notify_every - over;
            s->world->events++;
            n->ops->body_progress(n->self, now, s->handle, s->in_file->size);
        }
    }
    return s->state == LIVE_STREAM_OPEN && s->why == 0;
}

/* Keeps what the node has not consumed. `bytes` may be in the scratch buffer, never in `held`. */
static void hold(struct live_stream *s, const uint8_t *bytes, size_t len)
{
    uint8_t *held = len > 0 ? malloc(len) : NULL;

    if (len > 0 && held == NULL) {
        live_stream_tell_closed(s, SIM_ENOMEM);
        return;
    }
    if (len > 0) {
        memcpy(held, bytes, len);
    }
    free(s->held);
    s->held = held;
    s->held_len = len;
}

/* Gives bytes to the node, or to the body that it announces among them; what it leaves is held. */
static void take_input(struct live_stream *s, sim_time now, const uint8_t *bytes, size_t len)
{
    struct live_node *n = s->node;
    size_t at = 0;

    while (at < len && !s->body_empty) {
        size_t consumed;

        if (s->in_file != NULL) {
            consumed = s->in_left < len - at ? (size_t)s->in_left : len - at;
            if (!take_body(s, now, bytes + at, consumed)) {
                return;
            }
            at += consumed;
            continue;
        }
        s->telling = true;
        s->world->events++;
        consumed = n->ops->stream_input(n->self, now, s->handle, bytes + at, len - at);
        s->telling = false;
        assert(consumed <= len - at);
        if (s->state != LIVE_STREAM_OPEN || s->why != 0) {
            return;
        }
        at += consumed;
        if (consumed == 0 && s->in_file == NULL && !s->body_empty) {
            break;
        }
    }
    if (!s->body_empty && len - at >= SIM_WORLD_MESSAGE_MAX) {
        live_stream_tell_closed(s, SIM_EPROTO);
        return;
    }
    hold(s, bytes + at, len - at);
}

void live_stream_tell_empty(struct live_stream *s, sim_time now)
{
    uint8_t *held = s->held;
    size_t len = s->held_len;

    s->body_empty = false;
    s->world->events++;
    s->node->ops->body_received(s->node->self, now, s->handle);
    if (s->state != LIVE_STREAM_OPEN || s->why != 0) {
        return; /* what was held went with it */
    }
    s->held = NULL;
    s->held_len = 0;
    take_input(s, now, held, len);
    free(held);
    if (s->state == LIVE_STREAM_OPEN) {
        live_stream_update(s);
    }
}

static int why_of(ssize_t n)
{
    if (n == 0) {
        return SIM_ECLOSED;
    }
    return errno == ETIMEDOUT ? SIM_ETIMEDOUT : SIM_ERESET;
}

void live_stream_readable(struct live_stream *s, sim_time now)
{
    uint8_t *scratch = s->world->scratch;

    for (int i = 0; i < READS_A_TURN && s->in_at == SIM_NEVER && !s->body_empty; i++) {
        size_t held = s->in_file == NULL ? s->held_len : 0;
        size_t want = s->in_file == NULL ? LIVE_INPUT_MAX : LIVE_SCRATCH;
        ssize_t n;

        if (s->in_file != NULL && s->in_left < want) {
            want = (size_t)s->in_left;
        }
        n = recv(s->watch.fd, scratch + held, want, MSG_DONTWAIT);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            break;
        }
        if (n <= 0) {
            live_stream_tell_closed(s, why_of(n));
            return;
        }
        if (s->in_file != NULL) {
            if (!take_body(s, now, scratch, (size_t)n)) {
                return;
            }
        } else {
            if (held > 0) {
                memcpy(scratch, s->held, held);
            }
            take_input(s, now, scratch, held + (size_t)n);
            if (s->state != LIVE_STREAM_OPEN || s->why != 0) {
                return;
            }
        }
        if ((size_t)n < want) {
            break; /* most likely there is no more: the loop tells when there is */
        }
    }
    live_stream_update(s);
}

void live_stream_discard(struct live_stream *s)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t n = recv(s->watch.fd, s->world->scratch, LIVE_SCRATCH, MSG_DONTWAIT);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && errno == EAGAIN) {
            return;
        }
        if (n <= 0) {
            live_stream_end(s);
            return;
        }
    }
}

int live_stream_receive_body(struct sim_world *base, sim_stream handle, sim_file file, uint64_t len,
                             uint64_t notify_every)
{
    struct live_stream *s = open_stream(base, handle);
    struct live_file *f = live_file_get(live_world_of(base), file);

    if (s == NULL || !s->telling || f == NULL || f->node != s->node || f->sealed ||
        s->in_file != NULL || s->body_empty) {
        return SIM_EINVAL;
    }
    if (len == 0) {
        s->body_empty = true;
        live_soon_add(s->world, &s->soon);
        return 0;
    }
    s->in_file = f;
    s->in_left = len;
    s->in_notify_every = s->in_notify_left = notify_every;
    return 0;
}
