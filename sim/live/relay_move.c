/* sim/live/relay_move.c -- the bytes of a connection: offered to the line, read when due, written
 * on.
 *
 * Nothing is read before the line has carried it, so a connection costs no memory of ours and the
 * server feels the line's back-pressure through its own socket. Only when the line's window is
 * larger than what the kernel holds are bytes read ahead, and only as many as the line has
 * accepted. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sim/live/relay_parts.h"

enum {
    AHEAD_FIRST = 32 * 1024,
    AHEAD_MAX = SIM_WAN_WINDOW + 1024 * 1024, /* bytes a way: the line's window and some */
    DUE_MAX = 256 * 1024, /* bytes a sink may be behind before its source is held back */
};

/* Room for `more` bytes behind those that are there; returns how many there is room for. */
static size_t ahead_room(struct relay_way *way, size_t more)
{
    if (way->ahead_from > 0 && way->ahead_from >= way->ahead_len) {
        memmove(way->ahead, way->ahead + way->ahead_from, way->ahead_len);
        way->ahead_from = 0;
    }
    size_t used = way->ahead_from + way->ahead_len;
    if (way->ahead_cap - used < more && way->ahead_cap < AHEAD_MAX) {
        size_t cap = way->ahead_cap == 0 ? AHEAD_FIRST : way->ahead_cap;
        while (cap - used < more && cap < AHEAD_MAX) {
            cap *= 2;
        }
        cap = cap < AHEAD_MAX ? cap : AHEAD_MAX;
        uint8_t *bytes = realloc(way->ahead, cap);
        if (bytes != NULL) {
            way->ahead = bytes;
            way->ahead_cap = cap;
        }
    }
    size_t room = way->ahead_cap - used;
    return room < more ? room : more;
}

static void ahead_take(struct relay_way *way, size_t len)
{
    way->ahead_from += len;
    way->ahead_len -= len;
    if (way->ahead_len == 0) {
        free(way->ahead);
        way->ahead = NULL;
        way->ahead_from = 0;
        way->ahead_cap = 0;
    }
}

static void read_ahead(struct relay_way *way, int fd, size_t len)
{
    size_t room = ahead_room(way, len);

    while (room > 0) {
        ssize_t got = recv(fd, way->ahead + way->ahead_from + way->ahead_len, room, MSG_DONTWAIT);
        if (got <= 0) {
            return; /* an end or an error shows as an event of the descriptor */
        }
        way->ahead_len += (size_t)got;
        room -= (size_t)got;
    }
}

void relay_move_offer(struct live_relay *r, struct relay_flow *f, enum sim_wan_direction direction)
{
    struct relay_way *way = &f->way[direction];
    int fd = relay_source(f, direction);
    int readable = 0;

    if (fd < 0 || ioctl(fd, FIONREAD, &readable) != 0 || readable < 0) {
        return;
    }
    uint64_t there = way->ahead_len + (uint64_t)readable;
    uint64_t known = way->with_line + way->due;
    if (there > known && way->due < DUE_MAX && !way->ended) {
        way->with_line += there - known;
        sim_wan_offer(r->wan, f->flow, direction, there - known, r->now);
        known = there;
    }
    if (way->source_ended && !way->ended && there <= known) {
        way->ended = true;
        sim_wan_finish(r->wan, f->flow, direction, r->now);
    }
    if (readable > 0 && there <= known &&
        sim_wan_unsent(r->wan, f->flow, direction) < r->low_water && !way->ended) {
        read_ahead(way, fd, (size_t)readable);
    }
}

/* The oldest bytes that are here, at most `most`. 0: none (the source has died). */
static size_t oldest_bytes(struct live_relay *r, struct relay_way *way, int fd, uint64_t most,
                           const uint8_t **bytes)
{
    if (way->ahead_len > 0) {
        *bytes = way->ahead + way->ahead_from;
        return way->ahead_len < most ? way->ahead_len : (size_t)most;
    }
    if (fd < 0) {
        return 0;
    }
    ssize_t got =
        recv(fd, r->buffer, most < RELAY_BUFFER ? (size_t)most : RELAY_BUFFER, MSG_DONTWAIT);
    *bytes = r->buffer;
    return got > 0 ? (size_t)got : 0;
}

/* What was read from the source for a sink that did not take it. */
static bool keep(struct relay_way *way, const uint8_t *bytes, size_t len)
{
    if (ahead_room(way, len) < len) {
        return false;
    }
    memcpy(way->ahead + way->ahead_from + way->ahead_len, bytes, len);
    way->ahead_len += len;
    return true;
}

void relay_move_due(struct live_relay *r, struct relay_flow *f, enum sim_wan_direction direction)
{
    struct relay_way *way = &f->way[direction];
    enum sim_wan_direction back = direction == SIM_WAN_DOWN ? SIM_WAN_UP : SIM_WAN_DOWN;
    int sink = relay_sink(f, direction);
    uint64_t before = way->due;

    if (sink < 0) {
        return;
    }
    while (way->due > 0) {
        const uint8_t *bytes = NULL;
        bool was_ahead = way->ahead_len > 0;
        size_t len = oldest_bytes(r, way, relay_source(f, direction), way->due, &bytes);
        if (len == 0) {
            relay_tcp_abort(r, f, direction);
            return;
        }
        ssize_t sent = send(sink, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        bool full = sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR);
        if (sent < 0 && !full) {
            relay_tcp_abort(r, f, back); /* the end that should read has gone */
            return;
        }
        size_t took = full ? 0 : (size_t)sent;
        way->due -= took;
        if (was_ahead) {
            ahead_take(way, took);
        } else if (took < len && !keep(way, bytes + took, len - took)) {
            relay_tcp_abort(r, f, direction); /* no memory to keep them in */
            return;
        }
        if (took < len) {
            break; /* the descriptor tells when there is room again */
        }
    }
    if (before >= DUE_MAX && way->due < DUE_MAX) {
        relay_move_offer(r, f, direction); /* held back until now */
    }
    if (way->delivered && way->due == 0 && !way->shut) {
        way->shut = true;
        (void)shutdown(sink, SHUT_WR);
    }
}
