/* sim/live/tftp_client.c -- TFTP fetches on a loop: one UDP socket each around the machine of
 * sim/tftp.
 *
 * The socket is bound to the phone's own address and not connected: a connected one would hide
 * strangers, who must be told error 5. IP_RECVERR brings what ICMP says ("port unreachable") with
 * the address it is about. With windows the kernel may hand over many datagrams as one (UDP_GRO). A
 * fetch that is done keeps its socket while the machine dallies, a bounded number of them per loop.
 * Leaves out: writing (WRQ), which no phone does here. */
#include <time.h> /* before linux/errqueue.h, which needs struct timespec */

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/live/fetch.h"
#include "sim/live/loop.h"
#include "sim/tftp/client.h"

enum {
    RECEIVE_MAX = 65536 + 512, /* bytes: any UDP datagram, and what GRO joins */
    DRAIN_MAX = 64,     /* datagrams read in one wake-up with windows, then others get their turn */
    DALLYING_MAX = 256, /* sockets that dally in one loop; the oldest gives way. Our choice */
    RCVBUF_MAX = 4 << 20, /* bytes asked for at most; the kernel may give less */
    SKB_OVERHEAD = 1024,  /* bytes of kernel memory charged per datagram, about */
};

/* The only fetch of a loop, with a server that answers in less than SPIN_RTT, looks for the next
 * answer for SPIN before it sleeps: waking up takes longer than that, on an idle virtual machine
 * ten times longer. At most SPIN_TURN, then the loop's others get their turn; where looking was in
 * vain (a busy machine), it is not tried again for SPIN_PAUSE wake-ups. */
#define SPIN_RTT (300 * SIM_US)
#define SPIN (100 * SIM_US)
#define SPIN_TURN (500 * SIM_US)
#define SPIN_PAUSE 32

/* Servers resend a last block that was not acknowledged after 1 s (ours and tftpd-hpa); dallying
 * longer than a few of them is of no use. */
#define DALLY (2 * SIM_S)

struct live_tftp_fetch {
    struct live_watch watch; /* first */
    struct live_timer timer;
    struct sim_tftp_client machine;
    struct live_tftp *tftp;
    const struct live_fetch_ops *ops; /* NULL: the owner was told, or cancelled */
    void *owner;
    struct live_tftp_fetch *next, *before; /* free list; dallying, oldest first */
    bool dallying;
    bool windows;       /* several datagrams may come at a time */
    uint8_t spin_pause; /* wake-ups until the next attempt */
    bool in_body;       /* inside the owner's body(): nothing may be freed */
    int broken;         /* SIM_E*: the socket failed and done() is due */
    uint64_t offset;    /* bytes the owner has already */
    uint64_t body_max;  /* 0: no limit */
    uint64_t resent;
    uint64_t bytes;
    sim_time first_byte;
    enum sim_server_place place; /* these three for who listens */
    sim_addr source;
    uint16_t port; /* 0: not asked for yet */
};

struct live_tftp {
    struct live_loop *loop;
    const struct sim_server_setup *server;
    struct sim_wire wire;
    unsigned lane;
    size_t open; /* fetches with a watch */
    bool dying;
    struct live_tftp_fetch *free_list;
    struct live_tftp_fetch *dally_first, *dally_last;
    size_t dallying;
    uint8_t buffer[RECEIVE_MAX];
};

static void ready(struct live_watch *watch, int events, sim_time now);
static void fire(struct live_timer *timer, sim_time now);

static struct live_tftp_fetch *fetch_of_timer(struct live_timer *timer)
{
    return (struct live_tftp_fetch *)((char *)timer - offsetof(struct live_tftp_fetch, timer));
}

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

/* ---- Life of a fetch ---- */

static void leave_dally_list(struct live_tftp_fetch *f)
{
    struct live_tftp *tftp = f->tftp;
    if (!f->dallying) {
        return;
    }
    *(f->before == NULL ? &tftp->dally_first : &f->before->next) = f->next;
    *(f->next == NULL ? &tftp->dally_last : &f->next->before) = f->before;
    f->dallying = false;
    tftp->dallying--;
}

static void bury(struct live_tftp *tftp)
{
    if (!tftp->dying || tftp->open > 0) {
        return;
    }
    while (tftp->free_list != NULL) {
        struct live_tftp_fetch *f = tftp->free_list;
        tftp->free_list = f->next;
        free(f);
    }
    free(tftp);
}

static void closed(struct live_watch *watch)
{
    struct live_tftp_fetch *f = (struct live_tftp_fetch *)watch;
    struct live_tftp *tftp = f->tftp;
    f->next = tftp->free_list;
    tftp->free_list = f;
    tftp->open--;
    bury(tftp);
}

static void close_fetch(struct live_tftp_fetch *f)
{
    leave_dally_list(f);
    f->ops = NULL;
    live_timer_clear(f->tftp->loop, &f->timer);
    live_watch_close(&f->watch);
}

static void dally(struct live_tftp_fetch *f)
{
    struct live_tftp *tftp = f->tftp;
    f->ops = NULL;
    f->dallying = true;
    f->next = NULL;
    f->before = tftp->dally_last;
    *(f->before == NULL ? &tftp->dally_first : &f->before->next) = f;
    tftp->dally_last = f;
    if (++tftp->dallying > DALLYING_MAX) {
        close_fetch(tftp->dally_first);
    }
}

/* ---- How it ended, for people ---- */

static void tell(struct live_tftp_fetch *f, int status, int code, const char *reason)
{
    const struct live_fetch_ops *ops = f->ops;
    struct sim_fetch_result result = {
        .status = status,
        .code = code,
        .bytes = f->bytes,
        .first_byte = f->first_byte,
        .reason = reason,
    };
    if (ops == NULL) {
        return;
    }
    f->ops = NULL;
    ops->done(f->owner, &result, f->resent);
}

/* "127.0.0.1:69": the server as it was asked, since its TID means nothing to a reader. */
static void server_text(const struct live_tftp_fetch *f, char out[32])
{
    char addr[SIM_ADDR_TEXT_MAX];
    snprintf(out, 32, "%s:%u", sim_addr_format(f->machine.server.addr, addr),
             (unsigned)f->machine.server.port);
}

static void tell_failure(struct live_tftp_fetch *f, const struct sim_tftp_event *event)
{
    char reason[SIM_WORLD_REASON_MAX], text[SIM_TFTP_TEXT_MAX], server[32];
    bool answered = f->machine.transfer.peer.port != 0;
    int status = event->status;

    server_text(f, server);
    if (event->from_peer) {
        sim_tftp_text_clean(text, event->bytes, event->len);
        snprintf(reason, sizeof(reason), "TFTP error %d (%s) from %s", event->code,
                 text[0] != '\0' ? text : sim_tftp_code_text(event->code), server);
        /* A reader's world knows nothing of a server's full disk (fetch.h): just an odd server. */
        status = status == SIM_ENOSPC || status == SIM_EEXIST ? SIM_ESERVER : status;
    } else if (!answered && (status == SIM_ETIMEDOUT || status == SIM_ESTALLED)) {
        status = SIM_ETIMEDOUT;
        snprintf(reason, sizeof(reason), "no answer from %s after %u tries", server,
                 (unsigned)f->machine.transfer.tries);
    } else if (status == SIM_ETIMEDOUT) {
        snprintf(reason, sizeof(reason), "no answer from %s to block %llu after %u tries", server,
                 (unsigned long long)f->machine.transfer.base, (unsigned)f->machine.transfer.tries);
    } else if (status == SIM_ESTALLED) {
        snprintf(reason, sizeof(reason), "no progress for %llu s behind block %llu from %s",
                 (unsigned long long)(f->tftp->server->stall / SIM_S),
                 (unsigned long long)f->machine.transfer.base, server);
    } else {
        snprintf(reason, sizeof(reason), "TFTP from %s: %s", server,
                 event->text != NULL ? event->text : sim_err_text(status));
    }
    tell(f, status, event->from_peer || event->code > 0 ? event->code : -1, reason);
}

/* The socket, or ICMP, said why nothing will come. */
static void tell_broken(struct live_tftp_fetch *f, int status)
{
    char reason[SIM_WORLD_REASON_MAX], server[32];
    bool answered = f->machine.transfer.peer.port != 0;

    server_text(f, server);
    if (status == SIM_EREFUSED) {
        status = answered ? SIM_ERESET : SIM_EREFUSED;
        snprintf(reason, sizeof(reason), "%s %s",
                 answered ? "transfer port closed in mid-transfer by" : "port closed at", server);
    } else {
        snprintf(reason, sizeof(reason), "TFTP to %s: %s", server, sim_err_text(status));
    }
    tell(f, status, -1, reason);
}

/* ---- Moving bytes ---- */

/* What ICMP told. A message about our server ends the fetch, one about a stranger means nothing. */
static int read_error_queue(struct live_tftp_fetch *f)
{
    struct sockaddr_in about;
    union {
        struct cmsghdr align;
        uint8_t bytes[512];
    } control;
    uint8_t byte;
    int found = 0;

    for (int i = 0; i < DRAIN_MAX; i++) {
        struct iovec iov = {&byte, 1};
        struct msghdr msg = {.msg_name = &about,
                             .msg_namelen = sizeof(about),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
        if (recvmsg(f->watch.fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
            break;
        }
        struct sim_tftp_peer peer = peer_of(&about);
        struct sim_tftp_peer expected =
            f->machine.transfer.peer.port != 0 ? f->machine.transfer.peer : f->machine.server;
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c)) {
            struct sock_extended_err error;
            if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR) {
                continue;
            }
            memcpy(&error, CMSG_DATA(c), sizeof(error));
            /* EMSGSIZE only tells the path's MTU: the kernel fragments from now on. */
            if (error.ee_errno != EMSGSIZE && sim_tftp_peer_equal(peer, expected)) {
                found = sim_err_from_errno((int)error.ee_errno);
            }
        }
    }
    return found;
}

static bool is_lost(int errnum)
{
    return errnum == EAGAIN || errnum == ENOBUFS || errnum == EINTR || errnum == ENOMEM;
}

static void tell_datagram(struct live_tftp_fetch *f, struct sim_tftp_peer other, bool up,
                          const uint8_t *bytes, size_t len, sim_time now)
{
    struct sockaddr_in local = {.sin_family = AF_INET};
    socklen_t local_len = sizeof(local);
    const struct live_tftp *tftp = f->tftp;

    if (f->port == 0 && getsockname(f->watch.fd, (struct sockaddr *)&local, &local_len) == 0) {
        f->port = ntohs(local.sin_port);
    }
    const struct sim_wire_event event = {
        .kind = SIM_WIRE_DATAGRAM,
        .at = now,
        .phone = f->source,
        .phone_port = f->port,
        .place = f->place,
        .protocol = SIM_PROTOCOL_TFTP,
        .up = up,
        .other = other.addr != f->machine.server.addr ? other.addr : 0,
        .other_port = sim_tftp_peer_equal(other, f->machine.server) ? 0 : other.port,
        .bytes = bytes,
        .bytes_len = len,
        .len = len,
    };

    tftp->wire.tell(tftp->wire.context, tftp->lane, &event);
}

/* 0, or SIM_E* when nothing can be sent there. A datagram that finds no room counts as lost. */
static int transmit(struct live_tftp_fetch *f, struct sim_tftp_peer to, const uint8_t *bytes,
                    size_t len, sim_time now)
{
    struct sockaddr_in addr = socket_address(to);

    if (f->tftp->wire.tell != NULL) {
        tell_datagram(f, to, true, bytes, len, now);
    }
    for (int i = 0; i < 2; i++) {
        if (sendto(f->watch.fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&addr,
                   sizeof(addr)) >= 0 ||
            is_lost(errno)) {
            return 0;
        }
        int failed = sim_err_from_errno(errno);
        int told = read_error_queue(f); /* the error may be an older datagram's */
        if (told != 0) {
            return told;
        }
        if (i == 1 && sim_tftp_peer_equal(to, f->machine.server)) {
            return failed;
        }
    }
    return 0; /* a stranger that can't be told is no loss */
}

static void take_body(struct live_tftp_fetch *f, const uint8_t *bytes, size_t len, sim_time now)
{
    if (f->first_byte == SIM_NEVER) {
        f->first_byte = now;
    }
    uint64_t had = f->bytes;
    f->bytes += len;
    if (f->body_max > 0 && f->bytes > f->body_max) {
        sim_tftp_client_fail(&f->machine, SIM_ELIMIT);
        return;
    }
    if (had < f->offset) {
        size_t skip = f->offset - had < len ? (size_t)(f->offset - had) : len;
        f->resent += skip;
        bytes += skip;
        len -= skip;
    }
    if (len == 0) {
        return;
    }
    f->in_body = true;
    int rc = f->ops->body(f->owner, bytes, len);
    f->in_body = false;
    if (rc != 0) {
        sim_tftp_client_fail(&f->machine, rc);
    }
}

/* After every input: what came, what is to be sent, when to look again. Returns false when the
 * fetch is gone. */
static bool drain(struct live_tftp_fetch *f, sim_time now)
{
    struct sim_tftp_event event, last = {.kind = SIM_TFTP_EVENT_DATA};
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    int broken = f->broken;

    while (sim_tftp_client_take_event(&f->machine, &event)) {
        if (event.kind != SIM_TFTP_EVENT_DATA) {
            last = event;
        } else if (f->ops != NULL) {
            take_body(f, event.bytes, event.len, now);
        }
    }
    while (broken == 0 && sim_tftp_client_take_output(&f->machine, now, packet, &out)) {
        assert(out.kind == SIM_TFTP_PACKET); /* a reader sends no blocks */
        broken = transmit(f, out.to, packet, out.len, now);
    }
    if (last.kind == SIM_TFTP_EVENT_DONE) {
        tell(f, 0, -1, "");
    } else if (last.kind == SIM_TFTP_EVENT_FAILED) {
        tell_failure(f, &last);
    } else if (broken != 0) {
        tell_broken(f, broken);
    }
    if (broken != 0 || f->ops == NULL) { /* told, or cancelled in body() */
        enum sim_tftp_state state = sim_tftp_client_state(&f->machine);
        if (broken != 0 || state != SIM_TFTP_DALLYING) {
            close_fetch(f);
            return false;
        }
        if (!f->dallying) {
            dally(f);
        }
    }
    /* Deadlines mostly move away: the timer looks at them only when it fires. */
    sim_time deadline = sim_tftp_client_deadline(&f->machine);
    if (f->timer.slot == 0 || deadline < f->timer.at) {
        live_timer_set(f->tftp->loop, &f->timer, deadline);
    }
    return true;
}

static void fire(struct live_timer *timer, sim_time now)
{
    struct live_tftp_fetch *f = fetch_of_timer(timer);
    if (f->broken == 0) {
        sim_tftp_client_tick(&f->machine, now);
    }
    drain(f, now);
}

/* Bytes of each datagram in what GRO joined; `len` when it joined nothing. */
static size_t segment_size(struct msghdr *msg, size_t len)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        int size;
        if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
            memcpy(&size, CMSG_DATA(c), sizeof(size));
            return size > 0 ? (size_t)size : len;
        }
    }
    return len;
}

enum outcome {
    NOTHING, /* was there */
    TAKEN,
    GONE, /* with its fetch */
};

/* Reads one datagram, or several joined, and acts on it. */
static enum outcome receive(struct live_tftp_fetch *f, sim_time now)
{
    uint8_t *buffer = f->tftp->buffer;
    struct sockaddr_in from;
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(int)) + 64];
    } control;
    struct iovec iov = {buffer, RECEIVE_MAX};
    struct msghdr msg = {.msg_name = &from,
                         .msg_namelen = sizeof(from),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    ssize_t got = recvmsg(f->watch.fd, &msg, MSG_DONTWAIT);
    if (got < 0) {
        return NOTHING;
    }
    size_t len = (size_t)got;
    size_t step = f->windows ? segment_size(&msg, len) : len;
    size_t at = 0;
    do { /* once for an empty datagram too */
        size_t part = len - at < step ? len - at : step;

        if (f->tftp->wire.tell != NULL) {
            tell_datagram(f, peer_of(&from), false, buffer + at, part, now);
        }
        sim_tftp_client_recv(&f->machine, peer_of(&from), buffer + at, part, now);
        if (!drain(f, now)) {
            return GONE;
        }
        at += part;
    } while (at < len);
    return TAKEN;
}

static bool may_spin(const struct live_tftp_fetch *f)
{
    const struct live_tftp *tftp = f->tftp;
    sim_duration srtt = f->machine.transfer.srtt;
    return tftp->open - tftp->dallying == 1 && f->ops != NULL && srtt > 0 && srtt < SPIN_RTT;
}

static void spin(struct live_tftp_fetch *f)
{
    struct live_loop *loop = f->tftp->loop;
    sim_time began = live_loop_read_clock(loop);
    sim_time last = began, now = began;

    while (now - last < SPIN && now - began < SPIN_TURN) {
        switch (receive(f, now)) {
        case NOTHING:
            break;
        case TAKEN:
            if (!may_spin(f)) {
                return;
            }
            last = now;
            break;
        case GONE:
            return;
        }
        now = live_loop_read_clock(loop);
    }
    if (now - last >= SPIN) {
        f->spin_pause = SPIN_PAUSE;
    }
}

static void ready(struct live_watch *watch, int events, sim_time now)
{
    struct live_tftp_fetch *f = (struct live_tftp_fetch *)watch;
    int count = f->windows ? DRAIN_MAX : 1; /* in lock-step there is nothing behind the first */

    (void)events;
    for (int i = 0; i < count; i++) {
        enum outcome outcome = receive(f, now);
        if (outcome == GONE) {
            return;
        }
        if (outcome == NOTHING) {
            int told = i == 0 ? read_error_queue(f) : 0; /* something must have woken us */
            if (told != 0) {
                f->broken = told;
                drain(f, now);
                return;
            }
            break;
        }
    }
    if (f->spin_pause > 0) {
        f->spin_pause--;
    } else if (may_spin(f)) {
        spin(f);
    }
}

/* ---- Starting ---- */

static int open_socket(struct live_tftp_fetch *f, sim_addr source)
{
    const struct sim_server_setup *s = f->tftp->server;
    struct sockaddr_in addr = socket_address((struct sim_tftp_peer){source, 0});
    int on = 1;
    int whole =
        IP_PMTUDISC_DO; /* all that we send is small: no need of an identity for fragments */
    int rc;

    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        rc = sim_err_from_errno(errno);
        close(fd);
        return rc;
    }
    setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)); /* without it, silence only */
    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &whole, sizeof(whole));
    if (f->windows) {
        size_t room = 2 * (size_t)s->window * ((size_t)s->block_size + SKB_OVERHEAD);
        int size = room > RCVBUF_MAX ? RCVBUF_MAX : (int)room;
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
        setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on)); /* without it, one by one */
    }
    rc = live_watch_open(f->tftp->loop, &f->watch, fd);
    if (rc != 0) {
        close(fd);
        return rc;
    }
    live_watch_set(&f->watch, UV_READABLE);
    return 0;
}

static int init_machine(struct live_tftp_fetch *f, const struct live_fetch_target *target)
{
    const struct sim_server_setup *s = f->tftp->server;
    struct sim_tftp_client_config config = {
        .server = {target->connect_addr, target->connect_port},
        .name = target->path,
        .blksize = s->block_size,
        .windowsize = s->window,
        .timing = {.timeout = s->timeout > 0 ? s->timeout : SIM_S,
                   .tries = s->retries + 1,
                   .stall = s->stall > 0 ? s->stall : SIM_NEVER,
                   .dally = DALLY},
    };
    config.ask |= s->block_size != SIM_TFTP_BLKSIZE_DEFAULT ? SIM_TFTP_OPTION_BLKSIZE : 0u;
    config.ask |= s->window > 1 ? SIM_TFTP_OPTION_WINDOWSIZE : 0u;
    config.ask |= config.ask != 0 ? SIM_TFTP_OPTION_TSIZE : 0u; /* old phones ask for nothing */
    return sim_tftp_client_init(&f->machine, &config);
}

int live_tftp_start(struct live_tftp *tftp, const struct live_fetch_target *target,
                    const struct live_fetch_ops *ops, void *owner, struct live_tftp_fetch **out)
{
    struct live_tftp_fetch *f = tftp->free_list;
    assert(!tftp->dying);
    if (f != NULL) {
        tftp->free_list = f->next;
    } else if ((f = malloc(sizeof(*f))) == NULL) {
        return SIM_ENOMEM;
    }
    memset(f, 0, sizeof(*f));
    f->tftp = tftp;
    f->ops = ops;
    f->owner = owner;
    f->windows = tftp->server->window > 1;
    f->offset = target->offset;
    f->body_max = target->body_max;
    f->place = target->place;
    f->source = target->source;
    f->first_byte = SIM_NEVER;
    f->watch.ready = ready;
    f->watch.closed = closed;
    f->timer.fire = fire;
    int rc = init_machine(f, target);
    if (rc == 0) {
        rc = open_socket(f, target->source);
    }
    if (rc != 0) {
        f->next = tftp->free_list;
        tftp->free_list = f;
        return rc;
    }
    tftp->open++;
    sim_tftp_client_start(&f->machine, live_loop_now(tftp->loop));
    /* The request leaves from the loop's turn, so that done() can't come from inside this call. */
    live_timer_set(tftp->loop, &f->timer, live_loop_now(tftp->loop));
    *out = f;
    return 0;
}

void live_tftp_cancel(struct live_tftp_fetch *f)
{
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    sim_time now = live_loop_now(f->tftp->loop);

    assert(f->ops != NULL); /* the handle is dead after done() */
    f->ops = NULL;
    sim_tftp_client_fail(&f->machine, SIM_ECANCELED);
    if (f->in_body) {
        return; /* drain() is on the stack: it sends and closes */
    }
    while (sim_tftp_client_take_output(&f->machine, now, packet, &out)) {
        transmit(f, out.to, packet, out.len, now); /* so that the server's place is free at once */
    }
    close_fetch(f);
}

int live_tftp_new(struct live_tftp **out, struct live_loop *loop,
                  const struct sim_server_setup *server)
{
    struct live_tftp *tftp = calloc(1, sizeof(*tftp));
    if (tftp == NULL) {
        return SIM_ENOMEM;
    }
    tftp->loop = loop;
    tftp->server = server;
    *out = tftp;
    return 0;
}

void live_tftp_listen(struct live_tftp *tftp, const struct sim_wire *wire, unsigned lane)
{
    tftp->wire = *wire;
    tftp->lane = lane;
}

/* Sockets that dally close now; the memory goes when the loop has closed them. */
void live_tftp_free(struct live_tftp *tftp)
{
    if (tftp == NULL) {
        return;
    }
    tftp->dying = true;
    while (tftp->dally_first != NULL) {
        close_fetch(tftp->dally_first);
    }
    bury(tftp);
}
