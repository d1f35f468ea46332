/* sim/live/stream.c -- streams between nodes: life, from dial or accept to the end. See inner.h.
 *
 * A stream is a TCP connection on the peer port, from the phone's own address. The kernel
 * accepts for everybody, so what a dialer may find out from a handshake is decided here: a node
 * that does not listen refuses, one behind a partition or silently down is never reached.
 * lan.latency (when long enough to matter) delays the connection, its answer, and every message
 * and body by the way between two phones. */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/inner.h"

enum {
    ACCEPTS_A_TURN = 64, /* so that others get their turn */
};

/* ---- What a stream waits for ---- */

static bool is_paced(const struct live_stream *s)
{
    return s->node->site->setup->lan.rate_bit_s != SIM_RATE_NONE;
}

static bool wants_to_write(const struct live_stream *s)
{
    if (s->out == NULL || s->out_at != SIM_NEVER) {
        return false;
    }
    return s->blocked || (s->out->is_body && !is_paced(s));
}

static int events_of(const struct live_stream *s)
{
    int writes = wants_to_write(s) ? UV_WRITABLE : 0;

    if (s->frozen && s->state != LIVE_STREAM_DEAF) {
        return 0;
    }
    switch (s->state) {
    case LIVE_STREAM_DIALING:
        return UV_WRITABLE;
    case LIVE_STREAM_OPEN:
        if (s->why != 0) {
            return 0;
        }
        return writes | (s->in_at == SIM_NEVER && !s->body_empty ? UV_READABLE : 0);
    case LIVE_STREAM_CLOSING:
        return writes | UV_READABLE;
    case LIVE_STREAM_LINGER:
        return UV_READABLE;
    case LIVE_STREAM_DEAF:
        return UV_DISCONNECT; /* only to give the descriptor back */
    case LIVE_STREAM_DIAL_WAIT:
    case LIVE_STREAM_OPEN_WAIT:
    case LIVE_STREAM_TELLING:
    case LIVE_STREAM_DEAD:
        break;
    }
    return 0;
}

void live_stream_update(struct live_stream *s)
{
    sim_time at = sim_time_min(s->limit_at, sim_time_min(s->out_at, s->in_at));

    if (s->state == LIVE_STREAM_DEAD) {
        return;
    }
    if (s->watch.fd >= 0) {
        live_watch_set(&s->watch, events_of(s));
    }
    if (at == SIM_NEVER) {
        live_timer_clear(s->world->loop, &s->timer);
    } else if (s->timer.slot == 0 || s->timer.at != at) {
        live_timer_set(s->world->loop, &s->timer, at);
    }
}

/* ---- The end ---- */

static void free_stream(struct live_stream *s)
{
    assert(s->state == LIVE_STREAM_DEAD && !s->soon.queued);
    free(s);
}

static void on_watch_closed(struct live_watch *watch)
{
    free_stream((struct live_stream *)watch);
}

/* Throws away what waits in either direction. */
static void drop_queues(struct live_stream *s)
{
    live_port_remove(s->node, s);
    while (s->out != NULL) {
        struct live_message *m = s->out;

        s->out = m->next;
        free(m);
    }
    free(s->held);
    s->out_last = NULL;
    s->out_len = s->held_len = 0;
    s->held = NULL;
    s->in_file = s->out_file = NULL;
}

void live_stream_end(struct live_stream *s)
{
    struct live_world *w = s->world;
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    assert(s->state != LIVE_STREAM_DEAD);
    drop_queues(s);
    live_timer_clear(w->loop, &s->timer);
    live_soon_remove(&s->soon);
    live_handles_remove(&w->streams, s->handle);
    if (s->before != NULL) {
        s->before->next = s->next;
    } else {
        s->node->streams = s->next;
    }
    if (s->next != NULL) {
        s->next->before = s->before;
    }
    if (s->state != LIVE_STREAM_DEAF) {
        s->node->streams_len--;
    }
    w->streams_len--;
    s->state = LIVE_STREAM_DEAD;
    if (s->watch.fd < 0) {
        live_soon_add(w, &s->soon); /* callers may still look at it in this turn */
        return;
    }
    if (s->reset) {
        setsockopt(s->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    live_watch_close(&s->watch);
}

void live_stream_tell_closed(struct live_stream *s, int why)
{
    s->state = LIVE_STREAM_TELLING;
    live_port_remove(s->node, s);
    s->reset = s->reset || why == SIM_EPROTO || why == SIM_ENOSPC;
    s->world->events++;
    s->node->ops->stream_closed(s->node->self, live_loop_now(s->world->loop), s->handle, why);
    if (s->state == LIVE_STREAM_TELLING) { /* the node did not go down meanwhile */
        live_stream_end(s);
    }
}

void live_stream_fail_soon(struct live_stream *s, int why)
{
    if (s->why != 0 || s->state == LIVE_STREAM_TELLING || s->state == LIVE_STREAM_DEAF ||
        s->state == LIVE_STREAM_DEAD) {
        return;
    }
    s->why = why;
    live_port_remove(s->node, s);
    live_soon_add(s->world, &s->soon);
    live_stream_update(s);
}

void live_stream_abandon(struct live_stream *s, bool silent)
{
    if (s->state == LIVE_STREAM_DEAF) {
        return;
    }
    if (!silent || s->watch.fd < 0) {
        s->reset = true;
        live_stream_end(s);
        return;
    }
    drop_queues(s);
    live_handles_remove(&s->world->streams, s->handle);
    live_soon_remove(&s->soon);
    s->node->streams_len--;
    s->state = LIVE_STREAM_DEAF;
    s->limit_at = s->out_at = s->in_at = SIM_NEVER;
    live_stream_update(s);
}

/* ---- Turns ---- */

static void opened(struct live_stream *s, sim_time now)
{
    s->state = LIVE_STREAM_OPEN;
    s->limit_at = s->out_at = SIM_NEVER;
    s->world->events++;
    s->node->ops->stream_opened(s->node->self, now, s->handle, s->peer, s->dialed);
    live_stream_update(s);
}

static void connected(struct live_stream *s, sim_time now)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(s->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error != 0) {
        live_stream_tell_closed(s, error == ETIMEDOUT ? SIM_ETIMEDOUT : SIM_EREFUSED);
    } else if (s->node->site->delay > 0) {
        s->state = LIVE_STREAM_OPEN_WAIT;
        s->out_at = sim_time_add(now, s->node->site->delay);
        live_stream_update(s);
    } else {
        opened(s, now);
    }
}

static void on_ready(struct live_watch *watch, int events, sim_time now)
{
    struct live_stream *s = (struct live_stream *)watch;

    if (s->state == LIVE_STREAM_DEAF) {
        live_stream_end(s);
        return;
    }
    if ((events & UV_WRITABLE) != 0) {
        if (s->state == LIVE_STREAM_DIALING) {
            connected(s, now);
            return;
        }
        s->blocked = false;
        live_stream_flush(s, false);
    }
    if ((events & UV_READABLE) == 0 || s->frozen) {
        return;
    }
    if (s->state == LIVE_STREAM_OPEN) {
        live_stream_readable(s, now);
    } else if (s->state == LIVE_STREAM_CLOSING || s->state == LIVE_STREAM_LINGER) {
        live_stream_discard(s);
    }
}

static int start_connect(struct live_stream *s)
{
    struct live_world *w = s->world;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(s->node->addr)};
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(w->live->config.peer_port),
                             .sin_addr.s_addr = htonl(s->peer)};
    int on = 1, rc;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return SIM_ELIMIT;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS)) {
        rc = errno == EADDRNOTAVAIL ? SIM_EADDRINUSE : SIM_EREFUSED;
        close(fd);
        return rc;
    }
    rc = live_watch_open(w->loop, &s->watch, fd);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    s->state = LIVE_STREAM_DIALING;
    s->out_at = SIM_NEVER;
    return 0;
}

/* The dial reaches the peer's port. */
static void reach(struct live_stream *s)
{
    const struct live_node *peer = live_node_at(s->world, s->peer);
    int rc;

    if (peer != NULL && (peer->silent || peer->group != s->node->group)) {
        s->out_at = SIM_NEVER; /* nobody answers: the limit ends it */
    } else if (peer != NULL && (peer->down || !peer->listening)) {
        live_stream_fail_soon(s, SIM_EREFUSED);
    } else if ((rc = start_connect(s)) != 0) {
        live_stream_fail_soon(s, rc);
    }
    live_stream_update(s);
}

static void on_timer(struct live_timer *timer, sim_time now)
{
    struct live_stream *s =
        (struct live_stream *)((char *)timer - offsetof(struct live_stream, timer));

    if (now >= s->limit_at) {
        if (s->state == LIVE_STREAM_CLOSING || s->state == LIVE_STREAM_LINGER) {
            s->reset = true;
            live_stream_end(s);
        } else {
            live_stream_tell_closed(s, SIM_ETIMEDOUT);
        }
        return;
    }
    if (now >= s->in_at) {
        s->in_at = SIM_NEVER;
    }
    if (now >= s->out_at) {
        s->out_at = SIM_NEVER;
        if (s->state == LIVE_STREAM_DIAL_WAIT) {
            reach(s);
            return;
        }
        if (s->state == LIVE_STREAM_OPEN_WAIT) {
            opened(s, now);
            return;
        }
        live_stream_flush(s, false);
        return;
    }
    live_stream_update(s);
}

static void on_soon(struct live_soon *soon, sim_time now)
{
    struct live_stream *s =
        (struct live_stream *)((char *)soon - offsetof(struct live_stream, soon));

    if (s->state == LIVE_STREAM_DEAD) {
        free_stream(s);
    } else if (s->why != 0) {
        s->reset = true;
        if (s->state == LIVE_STREAM_CLOSING || s->state == LIVE_STREAM_LINGER) {
            live_stream_end(s);
        } else {
            live_stream_tell_closed(s, s->why);
        }
    } else if (s->body_empty) {
        live_stream_tell_empty(s, now);
    } else {
        live_stream_flush(s, false);
    }
}

void live_stream_refreeze(struct live_stream *s)
{
    const struct live_node *peer = live_node_at(s->world, s->peer);
    bool frozen = s->peer_gone || (peer != NULL && peer->group != s->node->group);

    if (s->peer_gone && (s->state == LIVE_STREAM_CLOSING || s->state == LIVE_STREAM_LINGER)) {
        live_stream_fail_soon(s, SIM_ERESET); /* nobody is there to take the rest */
        return;
    }
    if (s->frozen == frozen || s->state == LIVE_STREAM_DEAF || s->state == LIVE_STREAM_DEAD) {
        return;
    }
    s->frozen = frozen;
    if (frozen) {
        live_port_remove(s->node, s);
        live_stream_update(s);
    } else {
        live_stream_flush(s, true);
    }
}

/* ---- Beginnings ---- */

static struct live_stream *stream_new(struct live_node *n, sim_addr peer, bool dialed)
{
    struct live_world *w = n->world;
    struct live_stream *s;

    if (n->streams_len >= LIVE_NODE_STREAMS_MAX || w->streams_len >= w->streams_max) {
        return NULL;
    }
    s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->handle = live_handles_add(&w->streams, s);
    if (s->handle == 0) {
        free(s);
        return NULL;
    }
    s->watch.fd = -1;
    s->watch.ready = on_ready;
    s->watch.closed = on_watch_closed;
    s->soon.run = on_soon;
    s->timer.fire = on_timer;
    s->world = w;
    s->node = n;
    s->peer = peer;
    s->dialed = dialed;
    s->limit_at = s->out_at = s->in_at = SIM_NEVER;
    s->out_flip = UINT64_MAX;
    s->next = n->streams;
    if (n->streams != NULL) {
        n->streams->before = s;
    }
    n->streams = s;
    n->streams_len++;
    w->streams_len++;
    return s;
}

int live_stream_dial(struct sim_world *base, sim_node node, sim_addr to, sim_stream *out)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);
    sim_time now = live_loop_now(w->loop);
    struct live_stream *s;

    if (n->addr == 0 || n->down || to == n->addr || !live_site_contains(n->site, to)) {
        return SIM_EINVAL;
    }
    s = stream_new(n, to, true);
    if (s == NULL) {
        return SIM_ELIMIT;
    }
    *out = s->handle;
    s->state = LIVE_STREAM_DIAL_WAIT;
    s->limit_at = sim_time_add(now, LIVE_DIAL_LIMIT);
    if (n->site->delay > 0) {
        s->out_at = sim_time_add(now, n->site->delay);
        live_stream_update(s);
    } else {
        reach(s);
    }
    return 0;
}

static void refuse(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* a reset, not an end */
    close(fd);
}

/* The node that a connection is for; NULL: nobody. */
static struct live_node *wanted_by(struct live_world *w, sim_addr to, sim_addr from)
{
    struct live_site *site = live_site_at(w, to);
    struct live_node *n = live_node_at(w, to);
    const struct live_node *peer = live_node_at(w, from);

    if (site == NULL) {
        return NULL;
    }
    if (!live_site_contains(site, from)) {
        site->stats.lan_foreign++;
        return NULL;
    }
    if (n == NULL || !n->listening || n->down || (peer != NULL && peer->group != n->group)) {
        return NULL;
    }
    return n;
}

static void accepted(struct live_world *w, int fd, sim_addr from)
{
    struct sockaddr_in local = {0};
    socklen_t len = sizeof(local);
    struct live_node *n;
    struct live_stream *s;
    int on = 1;

    if (getsockname(fd, (struct sockaddr *)&local, &len) != 0) {
        refuse(fd);
        return;
    }
    n = wanted_by(w, ntohl(local.sin_addr.s_addr), from);
    s = n != NULL ? stream_new(n, from, false) : NULL;
    if (s == NULL) {
        refuse(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (live_watch_open(w->loop, &s->watch, fd) != 0) {
        refuse(fd);
        live_stream_end(s);
        return;
    }
    opened(s, live_loop_now(w->loop));
}

/* Out of descriptors: the waiting connection is refused, or it would wake the loop for ever. */
static void refuse_one(struct live_world *w)
{
    int fd;

    if (w->spare_fd < 0) {
        return;
    }
    close(w->spare_fd);
    fd = accept4(w->tcp.fd, NULL, NULL, SOCK_CLOEXEC);
    if (fd >= 0) {
        refuse(fd);
    }
    w->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

void live_stream_accept(struct live_world *w)
{
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        struct sockaddr_in peer = {0};
        socklen_t len = sizeof(peer);
        int fd = accept4(w->tcp.fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd >= 0) {
            accepted(w, fd, ntohl(peer.sin_addr.s_addr));
        } else if (errno == EMFILE || errno == ENFILE) {
            refuse_one(w);
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

/* ---- The seam: closing and the tag ---- */

void live_stream_close(struct sim_world *base, sim_stream handle)
{
    struct live_world *w = live_world_of(base);
    struct live_stream *s = live_handles_get(&w->streams, handle);

    if (s == NULL || s->state == LIVE_STREAM_TELLING) {
        return;
    }
    live_handles_remove(&w->streams, handle);
    if (s->state != LIVE_STREAM_OPEN || s->why != 0 || s->peer_gone) {
        s->reset = true;
        live_stream_end(s);
        return;
    }
    s->state = LIVE_STREAM_CLOSING;
    s->limit_at = sim_time_add(live_loop_now(w->loop), LIVE_CLOSE_LIMIT);
    s->in_at = SIM_NEVER;
    s->in_file = NULL;
    s->body_empty = false;
    live_stream_flush(s, true);
}

void live_stream_set_tag(struct sim_world *base, sim_stream handle, uint64_t tag)
{
    struct live_stream *s = live_handles_get(&live_world_of(base)->streams, handle);

    if (s != NULL) {
        s->tag = tag;
    }
}

uint64_t live_stream_tag(struct sim_world *base, sim_stream handle)
{
    struct live_stream *s = live_handles_get(&live_world_of(base)->streams, handle);

    return s != NULL ? s->tag : 0;
}
