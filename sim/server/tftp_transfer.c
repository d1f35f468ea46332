/* sim/server/tftp_transfer.c -- one transfer's socket around its machine: what comes, what leaves
 * and when. */
#include <time.h> /* before linux/errqueue.h, which needs struct timespec */

#include <assert.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/line.h"
#include "sim/server/tftp_inner.h"

/* The only transfer, with a client that answers in less than SPIN_RTT, looks for the next ACK for
 * SPIN before it sleeps: waking up takes longer than that, on an idle virtual machine ten times
 * longer. At most SPIN_TURN, then the loop's others get their turn; where looking was in vain (a
 * busy machine), it is not tried again for SPIN_PAUSE wake-ups. */
#define SPIN_RTT (300 * SIM_US)
#define SPIN (100 * SIM_US)
#define SPIN_TURN (500 * SIM_US)
#define SPIN_PAUSE 32

static void on_ready(uv_poll_t *poll, int status, int events);

static struct sockaddr_in socket_address(struct sim_tftp_peer peer)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(peer.addr), .sin_port = htons(peer.port)};
}

static struct sim_tftp_peer peer_of(const struct sockaddr_in *from)
{
    return (struct sim_tftp_peer){.addr = ntohl(from->sin_addr.s_addr),
                                  .port = ntohs(from->sin_port)};
}

static bool has_socket(const struct server_tftp_transfer *t)
{
    return t->phase == SERVER_TFTP_PHASE_RUNNING || t->phase == SERVER_TFTP_PHASE_HOLDING;
}

/* ---- The end ---- */

/* Once per request: the file goes back, the place is free, the end is told. The socket may stay to
 * dally. */
static void report(struct server_tftp_transfer *t, int status, int code, const char *reason)
{
    struct server_tftp *server = t->server;
    const struct server_tftp_hooks *hooks = &server->config.hooks;

    if (t->reported) {
        return;
    }
    t->reported = true;
    server_tftp_unlist(t);
    if (t->opened && !t->write) {
        server->config.source.close(server->config.source.context, t->handle);
    } else if (t->opened) {
        server->sink.close(server->sink.context, t->handle, false);
    }
    t->opened = false;
    if (hooks->report != NULL) {
        struct server_tftp_report r = {
            .client = t->client.addr,
            .client_port = t->client.port,
            .name = t->name,
            .write = t->write,
            .size = t->size,
            .payload = t->payload,
            .bytes = t->bytes,
            .blocks = t->blocks,
            .resends = has_socket(t) ? sim_tftp_server_resends(&t->machine) : 0,
            .took = server_tftp_now() - t->began,
            .status = status,
            .code = code,
            .reason = reason,
        };
        hooks->report(hooks->context, &r);
    }
    if (t->admitted && hooks->release != NULL) {
        t->admitted = false;
        hooks->release(hooks->context);
    }
}

static void report_failure(struct server_tftp_transfer *t, const struct sim_tftp_event *event)
{
    char reason[SERVER_TFTP_REASON_MAX], text[SIM_TFTP_TEXT_MAX];

    if (event->from_peer) {
        sim_tftp_text_clean(text, event->bytes, event->len);
        snprintf(reason, sizeof(reason), "client said TFTP error %d (%s)", event->code, text);
    } else {
        snprintf(reason, sizeof(reason), "%s",
                 event->text != NULL ? event->text : sim_err_text(event->status));
    }
    report(t, event->status, event->code, reason);
}

static void on_closed(uv_handle_t *handle)
{
    struct server_tftp_transfer *t = (struct server_tftp_transfer *)handle;
    struct server_tftp *server = t->server;

    server_tftp_recycle(t);
    server_tftp_handle_closed(server);
}

static void close_socket(struct server_tftp_transfer *t)
{
    assert(has_socket(t));
    t->phase = SERVER_TFTP_PHASE_CLOSING;
    server_tftp_alarm_set(&t->server->clock, &t->alarm, SIM_NEVER);
    uv_poll_stop(&t->poll); /* before the descriptor goes: epoll must not meet its successor */
    close(t->fd);
    t->server->sockets--;
    uv_close((uv_handle_t *)&t->poll, on_closed);
}

/* ---- Sending ---- */

static bool is_lost(int errnum)
{
    return errnum == ENOBUFS || errnum == ENOMEM || errnum == EINTR;
}

/* `segment`: bytes of each datagram when there are several in `len`; else 0. 0, EAGAIN, or another
 * errno. */
static int transmit(struct server_tftp_transfer *t, struct sim_tftp_peer to, const uint8_t *bytes,
                    size_t len, uint16_t segment)
{
    struct sockaddr_in addr = socket_address(to);
    struct iovec iov = {(void *)(uintptr_t)bytes, len};
    struct msghdr msg = {
        .msg_name = &addr, .msg_namelen = sizeof(addr), .msg_iov = &iov, .msg_iovlen = 1};
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
    } control = {.bytes = {0}};

    if (segment > 0) {
        msg.msg_control = control.bytes;
        msg.msg_controllen = sizeof(control.bytes);
        struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(segment));
        memcpy(CMSG_DATA(c), &segment, sizeof(segment));
    }
    ssize_t sent = sendmsg(t->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EMSGSIZE && segment == 0 && !t->fragments) {
        int want = IP_PMTUDISC_WANT; /* a block larger than the path's MTU goes in fragments */
        t->fragments = true;
        setsockopt(t->fd, IPPROTO_IP, IP_MTU_DISCOVER, &want, sizeof(want));
        sent = sendmsg(t->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    if (sent >= 0 || is_lost(errno)) {
        t->bytes += len;
        return 0;
    }
    return errno;
}

/* Reads a block from the source behind its header. False when the source has less than it said. */
static bool build_block(struct server_tftp_transfer *t, const struct sim_tftp_output *out,
                        uint8_t *to)
{
    const struct server_tftp_source *source = &t->server->config.source;

    sim_tftp_packet_data_header(to, out->number);
    if (out->size > 0 && source->read(source->context, t->handle, out->offset, to + SIM_TFTP_HEADER,
                                      out->size) != out->size) {
        sim_tftp_server_fail(&t->machine, SIM_ESHORT);
        return false;
    }
    t->payload += out->size;
    t->blocks++;
    return true;
}

/* Sends what was built: `count` blocks, all but the last of `segment` bytes. The kernel cuts them
 * when it can. */
static int send_blocks(struct server_tftp_transfer *t, size_t len, uint32_t count, uint16_t segment)
{
    const uint8_t *tx = t->server->tx;
    if (count > 1 && !t->one_by_one) {
        int rc = transmit(t, t->client, tx, len, segment);
        if (rc == 0 || rc == EAGAIN || rc == ECONNREFUSED) {
            return rc;
        }
        t->one_by_one = true; /* larger than the path's MTU, or no such feature */
    }
    for (size_t at = 0; at < len; at += segment) {
        size_t part = len - at < segment ? len - at : segment;
        int rc = transmit(t, t->client, tx + at, part, 0);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

/* Takes what the machine wants to send until a batch is full, something other than a block comes,
 * or the uplink says later. Returns 0, or the errno of sending; `*more`: there may be more. */
static int send_batch(struct server_tftp_transfer *t, sim_time now, bool *more)
{
    const struct server_tftp_hooks *hooks = &t->server->config.hooks;
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    uint32_t count = 0;
    size_t len = 0;
    size_t full = (size_t)t->machine.transfer.blksize + SIM_TFTP_HEADER;

    *more = true;
    while (count < SERVER_TFTP_SEGMENTS && (count == 0 || len + full <= SERVER_TFTP_BATCH_BYTES)) {
        if (t->phase == SERVER_TFTP_PHASE_HOLDING) {
            out = t->held; /* paid for already */
            t->phase = SERVER_TFTP_PHASE_RUNNING;
            sim_tftp_transfer_delayed(&t->machine.transfer, now);
        } else if (!sim_tftp_server_take_output(&t->machine, now, packet, &out)) {
            *more = false;
            break;
        } else if (hooks->take != NULL) {
            size_t size = out.kind == SIM_TFTP_BLOCK ? SIM_TFTP_HEADER + (size_t)out.size : out.len;
            sim_time at = hooks->take(hooks->context, now, size + SIM_LINE_DATAGRAM_HEAD);
            if (out.kind == SIM_TFTP_BLOCK && at > now) { /* small packets do not wait */
                t->held = out;
                t->phase = SERVER_TFTP_PHASE_HOLDING;
                server_tftp_alarm_set(&t->server->clock, &t->alarm, at);
                *more = false;
                break;
            }
        }
        if (out.kind == SIM_TFTP_PACKET) {
            int rc = transmit(t, out.to, packet, out.len, 0);
            if (rc != 0 && rc != EAGAIN && sim_tftp_peer_equal(out.to, t->client)) {
                return rc;
            }
            continue;
        }
        if (!build_block(t, &out, t->server->tx + len)) {
            continue; /* the machine now has an error to send */
        }
        len += SIM_TFTP_HEADER + (size_t)out.size;
        count++;
        if (len % full != 0) {
            break; /* the short last block */
        }
    }
    return count == 0 ? 0 : send_blocks(t, len, count, (uint16_t)full);
}

/* ---- After every input ---- */

static void take_data(struct server_tftp_transfer *t, const struct sim_tftp_event *event)
{
    struct server_tftp_sink *sink = &t->server->sink;
    int rc = sink->write(sink->context, t->handle, event->bytes, event->len);

    t->payload += event->len;
    t->blocks++;
    if (rc != 0) {
        sim_tftp_server_fail(&t->machine, rc);
    }
}

static void take_done(struct server_tftp_transfer *t)
{
    if (t->write && t->opened) {
        t->opened = false;
        int rc = t->server->sink.close(t->server->sink.context, t->handle, true);
        if (rc != 0) {
            sim_tftp_server_fail(&t->machine, rc);
            return; /* its event follows */
        }
        t->size = t->machine.transfer.bytes;
    }
    report(t, 0, SIM_TFTP_CODE_NONE, "");
}

static void take_events(struct server_tftp_transfer *t)
{
    struct sim_tftp_event event;
    while (sim_tftp_server_take_event(&t->machine, &event)) {
        switch (event.kind) {
        case SIM_TFTP_EVENT_DATA:
            take_data(t, &event);
            break;
        case SIM_TFTP_EVENT_DONE:
            take_done(t);
            break;
        case SIM_TFTP_EVENT_FAILED:
            report_failure(t, &event);
            break;
        }
    }
}

static void set_alarm(struct server_tftp_transfer *t, sim_time at)
{
    /* Deadlines mostly move away: a set alarm is left to fire early. */
    if (t->alarm.place == 0 || at < t->alarm.at) {
        server_tftp_alarm_set(&t->server->clock, &t->alarm, at);
    }
}

static void watch(struct server_tftp_transfer *t, bool writable)
{
    t->blocked = writable;
    uv_poll_start(&t->poll, writable ? UV_READABLE | UV_WRITABLE : UV_READABLE, on_ready);
}

/* Returns false when the transfer is gone. */
static bool drain(struct server_tftp_transfer *t, sim_time now)
{
    bool more = true;
    int rc = 0;

    take_events(t);
    if (t->phase == SERVER_TFTP_PHASE_HOLDING &&
        sim_tftp_server_state(&t->machine) == SIM_TFTP_CLOSED) {
        t->phase = SERVER_TFTP_PHASE_RUNNING; /* nobody wants that block any more */
    }
    for (int i = 0; more && rc == 0; i++) {
        if (i == SERVER_TFTP_BATCHES && sim_tftp_server_state(&t->machine) != SIM_TFTP_CLOSED) {
            set_alarm(t, now); /* go on in the next turn */
            return true;
        }
        if (t->phase == SERVER_TFTP_PHASE_HOLDING && t->alarm.place != 0) {
            return true; /* its instant has not come */
        }
        rc = send_batch(t, now, &more);
        take_events(t); /* reading may have failed */
    }
    if (rc == EAGAIN && sim_tftp_server_state(&t->machine) != SIM_TFTP_CLOSED) {
        watch(t, true); /* what did not fit counts as lost, the rest waits */
        set_alarm(t, sim_tftp_server_deadline(&t->machine));
        return true;
    }
    if (rc != 0 && rc != EAGAIN) {
        report(t, rc == ECONNREFUSED ? SIM_ERESET : sim_err_from_errno(rc), SIM_TFTP_CODE_NONE,
               rc == ECONNREFUSED ? "the client closed its port" : strerror(rc));
        close_socket(t);
        return false;
    }
    if (t->phase == SERVER_TFTP_PHASE_HOLDING) {
        return true;
    }
    if (sim_tftp_server_state(&t->machine) == SIM_TFTP_CLOSED) {
        close_socket(t);
        return false;
    }
    set_alarm(t, sim_tftp_server_deadline(&t->machine));
    return true;
}

/* ---- What comes ---- */

/* True when ICMP said that the client's port is closed. What it says of a stranger's means nothing.
 */
static bool client_is_gone(struct server_tftp_transfer *t)
{
    union {
        struct cmsghdr align;
        uint8_t bytes[512];
    } control;
    bool gone = false;

    for (int i = 0; i < SERVER_TFTP_DRAIN; i++) {
        struct sockaddr_in about;
        uint8_t byte;
        struct iovec iov = {&byte, 1};
        struct msghdr msg = {.msg_name = &about,
                             .msg_namelen = sizeof(about),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
        if (recvmsg(t->fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            break;
        }
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
            struct sock_extended_err error;
            if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) {
                continue;
            }
            memcpy(&error, CMSG_DATA(c), sizeof(error));
            gone |=
                error.ee_errno == ECONNREFUSED && sim_tftp_peer_equal(peer_of(&about), t->client);
        }
    }
    return gone;
}

static void end_refused(struct server_tftp_transfer *t)
{
    report(t, SIM_ERESET, SIM_TFTP_CODE_NONE, "the client closed its port");
    close_socket(t);
}

enum outcome {
    NOTHING, /* was there */
    TAKEN,
    GONE, /* with its transfer */
};

static enum outcome receive(struct server_tftp_transfer *t, sim_time now)
{
    struct server_tftp *server = t->server;
    struct sockaddr_in from;
    socklen_t from_len = sizeof(from);
    ssize_t got = recvfrom(t->fd, server->rx, sizeof(server->rx), MSG_DONTWAIT,
                           (struct sockaddr *)&from, &from_len);
    if (got < 0) {
        if (errno != EAGAIN && client_is_gone(t)) {
            end_refused(t);
            return GONE;
        }
        return NOTHING;
    }
    sim_tftp_server_recv(&t->machine, peer_of(&from), server->rx, (size_t)got, now);
    return drain(t, now) ? TAKEN : GONE;
}

static bool may_spin(const struct server_tftp_transfer *t)
{
    sim_duration srtt = t->machine.transfer.srtt;
    return t->server->sockets == 1 && !t->reported && srtt > 0 && srtt < SPIN_RTT;
}

static void spin(struct server_tftp_transfer *t)
{
    sim_time began = server_tftp_now();
    sim_time last = began, now = began;

    while (now - last < SPIN && now - began < SPIN_TURN) {
        switch (receive(t, now)) {
        case NOTHING:
            break;
        case TAKEN:
            if (!may_spin(t)) {
                return;
            }
            last = now;
            break;
        case GONE:
            return;
        }
        now = server_tftp_now();
    }
    if (now - last >= SPIN) {
        t->spin_pause = SPIN_PAUSE;
    }
}

static void receive_all(struct server_tftp_transfer *t, sim_time now)
{
    /* A reader sends one ACK per window: there is seldom more, and then the next turn takes it. */
    int count = t->write ? SERVER_TFTP_DRAIN : 1;
    enum outcome outcome = TAKEN;

    for (int i = 0; i < count && outcome == TAKEN; i++) {
        outcome = receive(t, now);
    }
    if (outcome == GONE) {
        return;
    }
    if (t->spin_pause > 0) {
        t->spin_pause--;
    } else if (may_spin(t)) {
        spin(t);
    }
}

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct server_tftp_transfer *t = (struct server_tftp_transfer *)poll;
    sim_time now = server_tftp_now();

    if (status < 0) { /* the error queue has something, and libuv has stopped watching */
        if (client_is_gone(t)) {
            end_refused(t);
            return;
        }
        watch(t, t->blocked);
        events = UV_READABLE;
    }
    if ((events & UV_WRITABLE) != 0) {
        watch(t, false);
        if (!drain(t, now)) {
            return;
        }
    }
    if ((events & UV_READABLE) != 0) {
        receive_all(t, now);
    }
}

/* ---- Beginning ---- */

static int open_socket(struct server_tftp_transfer *t)
{
    struct sockaddr_in addr = socket_address((struct sim_tftp_peer){t->local, 0});
    int on = 1;
    int whole =
        IP_PMTUDISC_DO; /* until a block is too large: the kernel saves the identity of fragments */

    t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (t->fd < 0) {
        return sim_err_from_errno(errno);
    }
    if (bind(t->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        uv_poll_init(t->server->loop, &t->poll, t->fd) != 0) {
        int rc = sim_err_from_errno(errno);
        close(t->fd);
        return rc == 0 ? SIM_EIO : rc;
    }
    setsockopt(t->fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
    setsockopt(t->fd, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof(whole));
    t->server->handles++;
    t->server->sockets++;
    t->phase = SERVER_TFTP_PHASE_RUNNING;
    watch(t, false);
    return 0;
}

static void refuse(struct server_tftp_transfer *t)
{
    enum sim_tftp_code code = (enum sim_tftp_code)t->refusal;
    server_tftp_send_error(t->server, t->client, t->local, code, t->refusal_text);
    report(t, t->refusal_status, t->refusal, t->refusal_text);
    server_tftp_recycle(t);
}

void server_tftp_transfer_begin(struct server_tftp_transfer *t, sim_time now)
{
    assert(t->phase == SERVER_TFTP_PHASE_DELAYED);
    if (t->refusal == SIM_TFTP_CODE_NONE && open_socket(t) != 0) {
        t->refusal = SIM_TFTP_CODE_UNDEFINED;
        t->refusal_status = SIM_EBUSY;
        t->refusal_text = "Server busy: no more sockets";
    }
    if (t->refusal != SIM_TFTP_CODE_NONE) {
        refuse(t);
        return;
    }
    struct sim_tftp_packet request = {
        .opcode = t->write ? SIM_TFTP_WRQ : SIM_TFTP_RRQ,
        .name = t->name,
        .mode = SIM_TFTP_MODE_OCTET,
        .options = t->options,
    };
    sim_tftp_server_start(&t->machine, &t->server->limits, t->client, &request, t->size, now);
    drain(t, now);
}

void server_tftp_transfer_wake(struct server_tftp_transfer *t, sim_time now)
{
    switch (t->phase) {
    case SERVER_TFTP_PHASE_DELAYED:
        server_tftp_transfer_begin(t, now);
        return;
    case SERVER_TFTP_PHASE_RUNNING:
        sim_tftp_server_tick(&t->machine, now);
        drain(t, now);
        return;
    case SERVER_TFTP_PHASE_HOLDING:
        drain(t, now);
        return;
    case SERVER_TFTP_PHASE_QUEUED:
    case SERVER_TFTP_PHASE_CLOSING:
        break; /* no alarm is set */
    }
    assert(false && "an alarm in a phase without one");
}

void server_tftp_transfer_abort(struct server_tftp_transfer *t, int status, sim_time now)
{
    const struct server_tftp_hooks *hooks = &t->server->config.hooks;
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];

    switch (t->phase) {
    case SERVER_TFTP_PHASE_QUEUED:
        if (hooks->withdraw != NULL) {
            hooks->withdraw(hooks->context, t);
        }
        /* fall through */
    case SERVER_TFTP_PHASE_DELAYED:
        server_tftp_alarm_set(&t->server->clock, &t->alarm, SIM_NEVER);
        t->refusal = SIM_TFTP_CODE_UNDEFINED;
        t->refusal_status = status;
        t->refusal_text = "Server ends";
        refuse(t);
        return;
    case SERVER_TFTP_PHASE_RUNNING:
    case SERVER_TFTP_PHASE_HOLDING:
        sim_tftp_server_fail(&t->machine, status);
        take_events(t);
        while (sim_tftp_server_take_output(&t->machine, now, packet, &out)) {
            transmit(t, out.to, packet, out.len, 0);
        }
        close_socket(t);
        return;
    case SERVER_TFTP_PHASE_CLOSING:
        return;
    }
}
