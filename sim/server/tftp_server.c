/* sim/server/tftp_server.c -- requests: read, recognised, admitted, delayed, and given to
 * tftp_transfer.c. */
#include "sim/server/tftp_server.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/rng.h"
#include "sim/server/tftp_inner.h"

enum {
    TABLE_FIRST = 1024, /* buckets; a power of two */
    LISTEN_BUFFER =
        4 << 20, /* bytes asked for: a morning's rush of requests; the kernel may give less */
    TIMEOUT_DEFAULT_S = 1, /* RFC 7440 4 suggests one second */
    TRIES_DEFAULT = 6,     /* RFC 7440 4 suggests six attempts */
};

sim_time server_tftp_now(void)
{
    return uv_hrtime(); /* CLOCK_MONOTONIC, ns */
}

/* ---- The table of transfers under way, by client, name and direction ---- */

static uint32_t bucket_of(const struct server_tftp *server, struct sim_tftp_peer client,
                          uint64_t name_hash)
{
    uint64_t key = (uint64_t)client.addr << 16 | client.port;
    return (uint32_t)sim_rng_mix(key ^ name_hash) & (server->table_len - 1);
}

static struct server_tftp_transfer *
find(const struct server_tftp *server, struct sim_tftp_peer client, uint64_t name_hash, bool write)
{
    struct server_tftp_transfer *t = server->table[bucket_of(server, client, name_hash)];
    while (t != NULL && !(sim_tftp_peer_equal(t->client, client) && t->name_hash == name_hash &&
                          t->write == write)) {
        t = t->next_in_bucket;
    }
    return t;
}

static void list(struct server_tftp_transfer *t)
{
    struct server_tftp_transfer **bucket =
        &t->server->table[bucket_of(t->server, t->client, t->name_hash)];
    t->next_in_bucket = *bucket;
    *bucket = t;
    t->listed = true;
}

void server_tftp_unlist(struct server_tftp_transfer *t)
{
    if (!t->listed) {
        return;
    }
    struct server_tftp_transfer **at =
        &t->server->table[bucket_of(t->server, t->client, t->name_hash)];
    while (*at != t) {
        at = &(*at)->next_in_bucket;
    }
    *at = t->next_in_bucket;
    t->listed = false;
}

/* Keeps chains short. Without memory for a larger table they just become longer. */
static void grow_table(struct server_tftp *server)
{
    if (server->count < server->table_len) {
        return;
    }
    struct server_tftp_transfer **table = calloc((size_t)server->table_len * 2, sizeof(*table));
    if (table == NULL) {
        return;
    }
    free(server->table);
    server->table = table;
    server->table_len *= 2;
    for (struct server_tftp_transfer *t = server->all; t != NULL; t = t->next) {
        if (t->listed) {
            list(t);
        }
    }
}

/* ---- Transfers' memory ---- */

static struct server_tftp_transfer *take_transfer(struct server_tftp *server)
{
    struct server_tftp_transfer *t = server->free_list;
    if (server->count >= SERVER_TFTP_TRANSFERS_MAX ||
        server_tftp_clock_reserve(&server->clock, server->count + 1) != 0) {
        return NULL;
    }
    grow_table(server);
    if (t != NULL) {
        server->free_list = t->next_in_bucket;
    } else if ((t = malloc(sizeof(*t))) == NULL) {
        return NULL;
    }
    memset(t, 0, offsetof(struct server_tftp_transfer, name));
    t->server = server;
    t->fd = -1;
    t->refusal = SIM_TFTP_CODE_NONE;
    t->next = server->all;
    if (t->next != NULL) {
        t->next->before = t;
    }
    server->all = t;
    server->count++;
    return t;
}

void server_tftp_recycle(struct server_tftp_transfer *t)
{
    struct server_tftp *server = t->server;
    assert(!t->listed && !t->opened);
    assert(t->alarm.place == 0);
    *(t->before == NULL ? &server->all : &t->before->next) = t->next;
    if (t->next != NULL) {
        t->next->before = t->before;
    }
    t->next_in_bucket = server->free_list;
    server->free_list = t;
    server->count--;
}

/* ---- Requests ---- */

void server_tftp_send_error(struct server_tftp *server, struct sim_tftp_peer to, sim_addr from,
                            enum sim_tftp_code code, const char *text)
{
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    struct sockaddr_in addr = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(to.addr), .sin_port = htons(to.port)};
    struct iovec iov = {packet, sim_tftp_packet_error(packet, code, text)};
    union {
        struct cmsghdr align;
        uint8_t bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
    } control = {.bytes = {0}};
    struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(from)};
    struct msghdr msg = {.msg_name = &addr,
                         .msg_namelen = sizeof(addr),
                         .msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = IPPROTO_IP;
    c->cmsg_type = IP_PKTINFO;
    c->cmsg_len = CMSG_LEN(sizeof(info));
    memcpy(CMSG_DATA(c), &info, sizeof(info));
    /* An error is sent once and may be lost (RFC 1350 7). */
    (void)sendmsg(server->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void set_refusal(struct server_tftp_transfer *t, int status, int code, const char *text)
{
    t->refusal = code;
    t->refusal_status = status;
    t->refusal_text = text;
}

/* Finds or creates the file. */
static void open_file(struct server_tftp_transfer *t)
{
    struct server_tftp *server = t->server;
    const char *text;
    int rc;

    if (!t->write) {
        rc = server->config.source.open(server->config.source.context, t->name, &t->handle,
                                        &t->size);
    } else if (server->config.sink == NULL) {
        rc = SIM_EACCES;
    } else {
        bool told = (t->options.given & ~t->options.invalid & SIM_TFTP_OPTION_TSIZE) != 0;
        t->size = told ? t->options.tsize : SIM_TFTP_SIZE_UNKNOWN;
        rc = server->sink.create(server->sink.context, t->name, t->size, &t->handle);
    }
    if (rc != 0) {
        enum sim_tftp_code code = sim_tftp_status_code(rc, &text);
        set_refusal(t, rc, code, text);
        return;
    }
    t->opened = true;
}

static void delay(struct server_tftp_transfer *t, sim_time now)
{
    struct server_tftp *server = t->server;
    t->phase = SERVER_TFTP_PHASE_DELAYED;
    server_tftp_alarm_set(&server->clock, &t->alarm,
                          sim_time_add(now, server->config.response_time));
}

static void admit(struct server_tftp_transfer *t, sim_time now)
{
    const struct server_tftp_hooks *hooks = &t->server->config.hooks;
    t->phase = SERVER_TFTP_PHASE_QUEUED;
    enum server_tftp_admission admission = t->refusal != SIM_TFTP_CODE_NONE || hooks->admit == NULL
                                               ? SERVER_TFTP_ADMITTED
                                               : hooks->admit(hooks->context, t);
    switch (admission) {
    case SERVER_TFTP_ADMITTED:
        t->admitted = t->refusal == SIM_TFTP_CODE_NONE;
        break;
    case SERVER_TFTP_QUEUED:
        return;
    case SERVER_TFTP_REFUSED:
        set_refusal(t, SIM_EBUSY, SIM_TFTP_CODE_UNDEFINED, "Server busy");
        break;
    }
    if (t->server->config.response_time == 0) {
        t->phase = SERVER_TFTP_PHASE_DELAYED;
        server_tftp_transfer_begin(t, now);
        return;
    }
    delay(t, now);
}

void server_tftp_granted(struct server_tftp_transfer *t)
{
    assert(t->phase == SERVER_TFTP_PHASE_QUEUED);
    t->admitted = true;
    /* Always by the clock: a long line of transfers that end at once would otherwise nest. */
    delay(t, server_tftp_now());
}

/* One datagram on the listening socket, `local` the address it was sent to. */
static void take_request(struct server_tftp *server, struct sim_tftp_peer client, sim_addr local,
                         size_t len, sim_time now)
{
    struct sim_tftp_packet packet;
    const char *text;

    if (client.port == 0) {
        return;
    }
    if (sim_tftp_packet_decode(&packet, server->rx, len) != 0) {
        server_tftp_send_error(server, client, local, SIM_TFTP_CODE_ILLEGAL, "Malformed request");
        return;
    }
    if (packet.opcode == SIM_TFTP_ERROR) {
        return;
    }
    enum sim_tftp_code code = sim_tftp_server_check(&packet, &text);
    if (packet.opcode != SIM_TFTP_RRQ && packet.opcode != SIM_TFTP_WRQ) {
        server_tftp_send_error(server, client, local, code, text);
        return;
    }
    size_t name_len = strlen(packet.name);
    if (name_len >= SERVER_TFTP_NAME_MAX) {
        server_tftp_send_error(server, client, local, SIM_TFTP_CODE_ILLEGAL, "Name too long");
        return;
    }
    bool write = packet.opcode == SIM_TFTP_WRQ;
    uint64_t hash = sim_rng_hash(packet.name);
    if (find(server, client, hash, write) != NULL) {
        return; /* the client is impatient; its answer is on the way or will be sent again */
    }
    struct server_tftp_transfer *t = take_transfer(server);
    if (t == NULL) {
        return; /* overload: the client will ask again */
    }
    t->client = client;
    t->local = local;
    t->name_hash = hash;
    t->write = write;
    t->began = now;
    t->size = SIM_TFTP_SIZE_UNKNOWN;
    t->options = packet.options;
    memcpy(t->name, packet.name, name_len + 1);
    list(t);
    if (code != SIM_TFTP_CODE_NONE) {
        set_refusal(t, SIM_EUNSUPPORTED, code, text);
    } else {
        open_file(t);
    }
    admit(t, now);
}

static sim_addr destination(struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
        struct in_pktinfo info;
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
            memcpy(&info, CMSG_DATA(c), sizeof(info));
            return ntohl(info.ipi_addr.s_addr);
        }
    }
    return INADDR_ANY;
}

static void on_request(uv_poll_t *poll, int status, int events)
{
    struct server_tftp *server = (struct server_tftp *)poll;
    sim_time now = server_tftp_now();

    (void)events;
    for (int i = 0; i < SERVER_TFTP_REQUESTS && !server->closing; i++) {
        struct sockaddr_in from;
        union {
            struct cmsghdr align;
            uint8_t bytes[256];
        } control;
        struct iovec iov = {server->rx, sizeof(server->rx)};
        struct msghdr msg = {.msg_name = &from,
                             .msg_namelen = sizeof(from),
                             .msg_iov = &iov,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
        ssize_t got = recvmsg(server->fd, &msg, MSG_DONTWAIT);
        if (got < 0) {
            break;
        }
        struct sim_tftp_peer client = {ntohl(from.sin_addr.s_addr), ntohs(from.sin_port)};
        take_request(server, client, destination(&msg), (size_t)got, now);
    }
    if (status < 0 && !server->closing) {
        uv_poll_start(&server->poll, UV_READABLE, on_request); /* libuv stops on an error */
    }
}

/* ---- Life ---- */

static void on_alarm(struct server_tftp_alarm *alarm, sim_time now)
{
    struct server_tftp_transfer *t =
        (struct server_tftp_transfer *)((char *)alarm -
                                        offsetof(struct server_tftp_transfer, alarm));
    server_tftp_transfer_wake(t, now);
}

static int listen_on(struct server_tftp *server)
{
    struct sockaddr_in addr = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(server->config.bind_addr),
                               .sin_port = htons(server->config.port)};
    socklen_t len = sizeof(addr);
    int on = 1;
    int room = LISTEN_BUFFER;

    server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (server->fd < 0) {
        return sim_err_from_errno(errno);
    }
    setsockopt(server->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    setsockopt(server->fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on));
    if (bind(server->fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&addr, &len) != 0) {
        int rc = errno == EADDRNOTAVAIL ? SIM_EUNREACHABLE : sim_err_from_errno(errno);
        close(server->fd);
        return rc;
    }
    server->port = ntohs(addr.sin_port);
    return 0;
}

int server_tftp_new(struct server_tftp **out, uv_loop_t *loop,
                    const struct server_tftp_config *config)
{
    struct server_tftp *server = calloc(1, sizeof(*server));
    int rc = SIM_ENOMEM;

    if (server == NULL) {
        return rc;
    }
    server->table = calloc(TABLE_FIRST, sizeof(struct server_tftp_transfer *));
    if (server->table == NULL) {
        goto failed;
    }
    server->table_len = TABLE_FIRST;
    server->loop = loop;
    server->config = *config;
    if (config->sink != NULL) {
        server->sink = *config->sink;
    }
    server->limits = (struct sim_tftp_server_limits){
        .blksize_max = config->blksize_max > 0 ? config->blksize_max : SIM_TFTP_BLKSIZE_MAX,
        .windowsize_max =
            config->windowsize_max > 0 ? config->windowsize_max : SIM_TFTP_WINDOWSIZE_MAX,
        .timing = {.timeout = config->timeout > 0 ? config->timeout : TIMEOUT_DEFAULT_S * SIM_S,
                   .tries = config->retries > 0 ? config->retries + 1 : TRIES_DEFAULT,
                   .stall = SIM_NEVER},
    };
    /* After the last block of an upload: as long as the client may take to say it again. */
    server->limits.timing.dally = 4 * server->limits.timing.timeout;
    assert(server->limits.blksize_max >= SIM_TFTP_BLKSIZE_MIN);
    assert(server->limits.blksize_max <= SIM_TFTP_BLKSIZE_MAX);
    rc = listen_on(server);
    if (rc != 0) {
        goto failed;
    }
    rc = server_tftp_clock_init(&server->clock, loop, on_alarm);
    if (rc != 0) {
        close(server->fd);
        goto failed;
    }
    rc = uv_poll_init(loop, &server->poll, server->fd);
    assert(rc == 0 && "a fresh socket can be polled");
    uv_poll_start(&server->poll, UV_READABLE, on_request);
    server->handles = 2;
    *out = server;
    return 0;

failed:
    free(server->table);
    free(server);
    return rc;
}

uint16_t server_tftp_port(const struct server_tftp *server)
{
    return server->port;
}

uint32_t server_tftp_transfers(const struct server_tftp *server)
{
    return server->sockets;
}

void server_tftp_handle_closed(struct server_tftp *server)
{
    assert(server->handles > 0);
    if (--server->handles > 0) {
        return;
    }
    assert(server->closing && server->count == 0);
    while (server->free_list != NULL) {
        struct server_tftp_transfer *t = server->free_list;
        server->free_list = t->next_in_bucket;
        free(t);
    }
    void (*closed)(void *context) = server->closed;
    void *context = server->closed_context;
    free(server->table);
    free(server);
    if (closed != NULL) {
        closed(context);
    }
}

static void on_listener_closed(uv_handle_t *handle)
{
    server_tftp_handle_closed((struct server_tftp *)handle);
}

static void on_clock_closed(uv_handle_t *handle)
{
    struct server_tftp_clock *clock = (struct server_tftp_clock *)handle;
    server_tftp_handle_closed(
        (struct server_tftp *)((char *)clock - offsetof(struct server_tftp, clock)));
}

void server_tftp_close(struct server_tftp *server, void (*closed)(void *context), void *context)
{
    assert(!server->closing);
    server->closing = true;
    server->closed = closed;
    server->closed_context = context;
    /* Those who wait go first, or the place of one that ends would start another. */
    for (int waiting = 1; waiting >= 0; waiting--) {
        struct server_tftp_transfer *t = server->all;
        while (t != NULL) {
            struct server_tftp_transfer *next = t->next;
            if (!waiting || t->phase == SERVER_TFTP_PHASE_QUEUED) {
                server_tftp_transfer_abort(t, SIM_ECANCELED, server_tftp_now());
            }
            t = next;
        }
    }
    uv_poll_stop(&server->poll);
    close(server->fd);
    server->fd = -1;
    server_tftp_clock_close(&server->clock, on_clock_closed);
    uv_close((uv_handle_t *)&server->poll, on_listener_closed);
}

void server_tftp_set_tag(struct server_tftp_transfer *t, void *tag)
{
    t->tag = tag;
}

void *server_tftp_tag(const struct server_tftp_transfer *t)
{
    return t->tag;
}
