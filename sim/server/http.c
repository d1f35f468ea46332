/* sim/server/http.c -- see http.h. A request is a small machine that libmicrohttpd asks again and
 * again: each wait (for a place, for response_time, for the uplink) suspends the connection and
 * resumes it later.
 *
 * Left out: directory listings, uploads, validators (ETag, Last-Modified), compression. A client
 * that closes its sending side while its request still waits is taken for gone (the library's
 * doing). */
#include "sim/server/http.h"

#include <arpa/inet.h>
#include <assert.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/line.h"
#include "sim/server/kernel.h"
#include "sim/server/name.h"
#include "sim/server/range.h"

enum {
    HEAD_BYTES = 250, /* of an answer's head: for the uplink, and to tell a broken body's length */
    TARGET_SHOWN = 200,   /* bytes of a refused request target in the log */
    STATUS_TOO_LONG = 414 /* its macro has another name in every release of the library */
};

/* Each state is named for what the request waits for. */
enum state {
    EXPECT_HEAD,
    EXPECT_BODY_END, /* of what a client may have sent behind a GET */
    EXPECT_PLACE,
    EXPECT_RESPONSE_TIME,
    EXPECT_UPLINK, /* for the head of the answer */
    ANSWERED,
};

/* A connection and the one request that it may have at a time. */
struct connection {
    struct sim_server_http *http;
    struct MHD_Connection *mhd;
    uint64_t written_before; /* bytes that the kernel had taken when the last request ended */
    /* Of the request: */
    enum state state;
    bool is_head, is_put; /* HEAD; neither HEAD nor GET */
    bool has_place, is_suspended, is_refused;
    enum sim_server_name_verdict verdict;
    char name[SIM_CONTENT_NAME_MAX];
    char shown[TARGET_SHOWN + 1]; /* the target, when it has no good name */
    char method[12];
    sim_time arrived;
    struct sim_server_node node;
    struct sim_server_file file;
    int status;
    uint64_t offset, len; /* of the body in the file */
    uint64_t handed;      /* bytes that the reader gave out */
    uint64_t credit;      /* bytes that the uplink has admitted */
    uint64_t dropped;     /* bytes of the client's body */
    bool is_counted;      /* handed is the truth; else the kernel's figures are */
};

struct sim_server_http {
    struct sim_server_common *common;
    struct MHD_Daemon *daemon;
    const char *protocol;
    uv_poll_t poll;
    bool must_run; /* libmicrohttpd has something to do */
    bool is_closing;
    sim_time mhd_due;
    struct sim_server_line delays, paces;
    char message[160]; /* what libmicrohttpd said while it started */
};

/* --- waiting
 * ----------------------------------------------------------------------------------------- */

static void suspend(struct connection *c)
{
    assert(!c->is_suspended);
    c->is_suspended = true;
    MHD_suspend_connection(c->mhd);
}

static void resume(struct connection *c)
{
    assert(c->is_suspended);
    c->is_suspended = false;
    c->http->must_run = true;
    MHD_resume_connection(c->mhd);
}

static void wait_in(struct connection *c, struct sim_server_line *line, sim_time due)
{
    sim_server_line_push(line, &c->node, due);
    suspend(c);
}

void sim_server_http_granted(struct sim_server_node *node)
{
    struct connection *c = node->owner;
    assert(c->state == EXPECT_PLACE);
    c->has_place = true;
    resume(c);
}

/* --- the answer
 * -------------------------------------------------------------------------------------- */

static ssize_t read_body(void *context, uint64_t at, char *out, size_t room)
{
    struct connection *c = context;
    struct sim_server_uplink *uplink = &c->http->common->uplink;
    size_t len = room < c->len - at ? room : (size_t)(c->len - at);

    if (c->http->is_closing) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (uplink->bit_s != SIM_RATE_NONE) {
        if (c->credit == 0) {
            size_t chunk = sim_server_uplink_chunk(uplink);
            sim_time now = sim_server_now();
            c->credit = len < chunk ? len : chunk;
            sim_time due = sim_server_uplink_take(uplink, now, sim_server_uplink_tcp(c->credit));
            if (due > now) {
                wait_in(c, &c->http->paces, due);
                return 0;
            }
        }
        len = len < c->credit ? len : (size_t)c->credit;
    }
    len = sim_server_file_read(&c->file, c->offset + at, out, len);
    if (len == 0) {
        return MHD_CONTENT_READER_END_WITH_ERROR; /* the file became shorter meanwhile */
    }
    c->credit -= c->credit == 0 ? 0 : len;
    c->handed += len;
    return (ssize_t)len;
}

static struct MHD_Response *make_text(struct connection *c)
{
    const char *text = "error\n";
    switch (c->status) {
    case MHD_HTTP_BAD_REQUEST:
        text = "400 the name is malformed\n";
        break;
    case MHD_HTTP_FORBIDDEN:
        text = "403 not allowed\n";
        break;
    case MHD_HTTP_NOT_FOUND:
        text = "404 there is no such file\n";
        break;
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        text = "405 only GET and HEAD are served\n";
        break;
    case STATUS_TOO_LONG:
        text = "414 the name is too long\n";
        break;
    case MHD_HTTP_RANGE_NOT_SATISFIABLE:
        text = "416 the range lies behind the end\n";
        break;
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        text = "503 server busy\n";
        break;
    case MHD_HTTP_INTERNAL_SERVER_ERROR:
        text = "500 the file can't be read\n";
        break;
    }
    return MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                           MHD_RESPMEM_PERSISTENT);
}

/* The body in the way that costs least: sendfile, memory that stays, else a reader. */
static struct MHD_Response *make_body(struct connection *c)
{
    bool is_paced = c->http->common->uplink.bit_s != SIM_RATE_NONE;
    const uint8_t *bytes = c->file.content != NULL ? c->file.content->bytes : c->file.bytes;

    if (c->len == 0) {
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    }
    if (!is_paced && !c->is_head && c->file.fd >= 0) {
        struct MHD_Response *response =
            MHD_create_response_from_fd_at_offset64(c->len, c->file.fd, c->offset);
        if (response != NULL) {
            c->file.fd = -1; /* the response closes it */
        }
        return response;
    }
    if (!is_paced && !c->is_head && bytes != NULL) {
        return MHD_create_response_from_buffer(
            (size_t)c->len, (void *)(uintptr_t)(bytes + c->offset), MHD_RESPMEM_PERSISTENT);
    }
    c->is_counted = !c->is_head;
    return MHD_create_response_from_callback(c->len, c->is_head ? 1 : SIM_SERVER_HTTP_BLOCK_BYTES,
                                             read_body, c, NULL);
}

static void add_headers(struct connection *c, struct MHD_Response *response)
{
    char range[80];
    bool has_file = c->status == MHD_HTTP_OK || c->status == MHD_HTTP_PARTIAL_CONTENT;

    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE,
                            has_file ? "application/octet-stream" : "text/plain");
    if (has_file) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ACCEPT_RANGES, "bytes");
    }
    if (c->status == MHD_HTTP_PARTIAL_CONTENT) {
        snprintf(range, sizeof(range), "bytes %llu-%llu/%llu", (unsigned long long)c->offset,
                 (unsigned long long)(c->offset + c->len - 1), (unsigned long long)c->file.size);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, range);
    }
    if (c->status == MHD_HTTP_RANGE_NOT_SATISFIABLE) {
        snprintf(range, sizeof(range), "bytes */%llu", (unsigned long long)c->file.size);
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_RANGE, range);
    }
    if (c->status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    if (c->status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    }
}

static enum MHD_Result answer(struct connection *c)
{
    bool has_file = c->status == MHD_HTTP_OK || c->status == MHD_HTTP_PARTIAL_CONTENT;
    struct MHD_Response *response = has_file ? make_body(c) : make_text(c);
    if (response == NULL) {
        return MHD_NO; /* out of memory: the connection is closed */
    }
    add_headers(c, response);
    enum MHD_Result rc = MHD_queue_response(c->mhd, (unsigned)c->status, response);
    MHD_destroy_response(response);
    c->state = ANSWERED;
    return rc;
}

/* --- the request
 * ------------------------------------------------------------------------------------- */

static int status_of_verdict(enum sim_server_name_verdict verdict)
{
    switch (verdict) {
    case SIM_SERVER_NAME_OK:
        return MHD_HTTP_OK;
    case SIM_SERVER_NAME_TOO_LONG:
        return STATUS_TOO_LONG;
    case SIM_SERVER_NAME_CONTROL:
    case SIM_SERVER_NAME_ESCAPE:
        return MHD_HTTP_BAD_REQUEST;
    case SIM_SERVER_NAME_EMPTY: /* nothing is listed */
    case SIM_SERVER_NAME_ABSOLUTE:
    case SIM_SERVER_NAME_DRIVE:
    case SIM_SERVER_NAME_BACKSLASH:
    case SIM_SERVER_NAME_PARENT:
    case SIM_SERVER_NAME_PART:
        return MHD_HTTP_FORBIDDEN;
    }
    return MHD_HTTP_BAD_REQUEST;
}

static int status_of_error(int rc)
{
    return rc == 0               ? MHD_HTTP_OK
           : rc == SIM_ENOTFOUND ? MHD_HTTP_NOT_FOUND
           : rc == SIM_EACCES    ? MHD_HTTP_FORBIDDEN
           : rc == SIM_ELIMIT    ? MHD_HTTP_SERVICE_UNAVAILABLE
                                 : MHD_HTTP_INTERNAL_SERVER_ERROR;
}

/* Finds the file and the part of it that is wanted, or the status that says why not. */
static void look_up(struct connection *c)
{
    c->status = status_of_verdict(c->verdict);
    if (c->status != MHD_HTTP_OK) {
        return;
    }
    c->status = status_of_error(sim_server_file_open(&c->http->common->source, c->name, &c->file));
    if (c->status != MHD_HTTP_OK) {
        return;
    }
    c->offset = 0;
    c->len = c->file.size;
    /* With If-Range we would have to know a validator, and we send none: it can't match. */
    if (!c->is_head &&
        MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_IF_RANGE) == NULL) {
        const char *range =
            MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_RANGE);
        switch (sim_server_range_parse(range, c->file.size, &c->offset, &c->len)) {
        case SIM_SERVER_RANGE_WHOLE:
            break;
        case SIM_SERVER_RANGE_PART:
            c->status = MHD_HTTP_PARTIAL_CONTENT;
            break;
        case SIM_SERVER_RANGE_UNSATISFIABLE:
            c->status = MHD_HTTP_RANGE_NOT_SATISFIABLE;
            break;
        }
    }
}

/* Only what will carry a file's bytes takes a place: errors and HEAD are as good as free. */
static void ask_place(struct connection *c)
{
    bool has_file = c->status == MHD_HTTP_OK || c->status == MHD_HTTP_PARTIAL_CONTENT;
    if (!has_file || c->is_head) {
        return;
    }
    switch (sim_server_places_ask(&c->http->common->places, &c->node)) {
    case SIM_SERVER_PLACE_GRANTED:
        c->has_place = true;
        break;
    case SIM_SERVER_PLACE_QUEUED:
        suspend(c);
        break;
    case SIM_SERVER_PLACE_REFUSED:
        sim_server_file_close(&c->file);
        c->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        c->is_refused = true;
        break;
    }
}

/* Goes on as far as it can; suspended or answered at the end. */
static enum MHD_Result proceed(struct connection *c)
{
    struct sim_server_common *common = c->http->common;
    sim_time now = sim_server_now();

    if (c->state == EXPECT_BODY_END) {
        look_up(c);
        c->state = EXPECT_PLACE;
        ask_place(c);
        if (c->is_suspended) {
            return MHD_YES;
        }
    }
    if (c->state == EXPECT_PLACE) {
        c->state = EXPECT_RESPONSE_TIME;
        if (common->response_time > 0) {
            wait_in(c, &c->http->delays, sim_time_add(now, common->response_time));
            return MHD_YES;
        }
    }
    if (c->state == EXPECT_RESPONSE_TIME) {
        c->state = EXPECT_UPLINK;
        sim_time due =
            sim_server_uplink_take(&common->uplink, now, HEAD_BYTES + SIM_LINE_SEGMENT_HEAD);
        if (due > now) {
            wait_in(c, &c->http->paces, due);
            return MHD_YES;
        }
    }
    assert(c->state == EXPECT_UPLINK);
    return answer(c);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **request)
{
    struct connection *c = *request;
    (void)context;
    (void)url; /* decoded by the library, which stops at %00: see on_target() */
    (void)version;
    (void)upload;
    if (c == NULL || c->http->is_closing) {
        return MHD_NO;
    }
    if (c->state == EXPECT_HEAD) {
        c->mhd = mhd;
        snprintf(c->method, sizeof(c->method), "%s", method);
        c->is_head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
        c->is_put = !c->is_head && strcmp(method, MHD_HTTP_METHOD_GET) != 0;
        c->state = EXPECT_BODY_END;
        if (c->is_put) {
            c->status = MHD_HTTP_METHOD_NOT_ALLOWED;
            return answer(c); /* at once, so that no body is read */
        }
        return MHD_YES;
    }
    if (*upload_len > 0) {
        c->dropped += *upload_len;
        *upload_len = 0;
        return c->dropped > SIM_SERVER_HTTP_BODY_MAX ? MHD_NO : MHD_YES;
    }
    return c->state == ANSWERED || c->is_suspended ? MHD_YES : proceed(c);
}

/* --- what the library tells
 * -------------------------------------------------------------------------- */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

/* The request target as it came, before the library decodes it. A request begins here; it ends in
 * on_completed(), unless its head never becomes whole, so nothing may be allocated. */
static void *on_target(void *context, const char *target, struct MHD_Connection *mhd)
{
    struct connection *c = connection_of(mhd);
    (void)context;
    if (c == NULL) {
        return NULL;
    }
    *c = (struct connection){
        .http = c->http, .written_before = c->written_before, .file.fd = -1, .mhd = mhd};
    c->node = (struct sim_server_node){.owner = c, .kind = SIM_SERVER_WAITER_HTTP};
    c->arrived = sim_server_now();
    c->verdict = sim_server_name_of_target(target, strlen(target), c->name);
    if (c->verdict != SIM_SERVER_NAME_OK) {
        snprintf(c->shown, sizeof(c->shown), "%s", target);
    }
    return c;
}

static void on_connection(void *context, struct MHD_Connection *mhd, void **slot,
                          enum MHD_ConnectionNotificationCode code)
{
    (void)mhd;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        struct connection *c = calloc(1, sizeof(*c));
        if (c != NULL) {
            c->http = context;
            c->file.fd = -1;
        }
        *slot = c;
    } else {
        free(*slot);
        *slot = NULL;
    }
}

static void write_log(struct connection *c, uint64_t payload)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct sim_server_log_line line = {
        .protocol = c->http->protocol,
        .method = c->method,
        .name = c->verdict == SIM_SERVER_NAME_OK ? c->name : c->shown,
        .status = c->state == ANSWERED ? c->status : -1,
        .bytes = payload,
        .took = sim_time_since(sim_server_now(), c->arrived),
    };
    if (info != NULL && info->client_addr != NULL && info->client_addr->sa_family == AF_INET) {
        struct sockaddr_in client;
        memcpy(&client, info->client_addr, sizeof(client));
        line.client = ntohl(client.sin_addr.s_addr);
        line.port = ntohs(client.sin_port);
    }
    sim_server_log_write(c->http->common->log, &line);
}

static void count(struct connection *c, bool is_whole, uint64_t *payload)
{
    struct sim_server_counters *counters = c->http->common->counters;
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    uint64_t written, acked;
    bool has_body = c->state == ANSWERED && !c->is_head &&
                    (c->status == MHD_HTTP_OK || c->status == MHD_HTTP_PARTIAL_CONTENT);

    written = acked = c->written_before;
    if (fd != NULL) {
        sim_server_kernel_tcp(fd->connect_fd, &written, &acked);
    }
    *payload = 0;
    if (has_body && is_whole) {
        *payload = c->len;
    } else if (has_body && c->is_counted) {
        *payload = c->handed;
    } else if (has_body) {
        uint64_t got = acked > c->written_before ? acked - c->written_before : 0;
        *payload = got > HEAD_BYTES ? got - HEAD_BYTES : 0;
        *payload = *payload > c->len ? c->len : *payload;
    }
    sim_server_count(&counters->payload_bytes, *payload);
    sim_server_count(&counters->bytes,
                     written > c->written_before ? written - c->written_before : 0);
    if (c->state == ANSWERED && c->status == MHD_HTTP_NOT_FOUND) {
        sim_server_count(&counters->not_found, 1);
    } else if (!is_whole || (c->status >= 400 && !c->is_refused)) {
        sim_server_count(&counters->errors, 1);
    }
    sim_server_count(&counters->requests, 1); /* last: who sees it sees the rest of the request */
    c->written_before = written;
}

static void on_completed(void *context, struct MHD_Connection *mhd, void **request,
                         enum MHD_RequestTerminationCode code)
{
    struct connection *c = *request;
    uint64_t payload;
    (void)context;
    (void)mhd;
    if (c == NULL) {
        return;
    }
    *request = NULL;
    sim_server_node_leave(&c->node);
    count(c, code == MHD_REQUEST_TERMINATED_COMPLETED_OK, &payload);
    write_log(c, payload);
    if (c->has_place) {
        sim_server_places_release(&c->http->common->places);
    }
    sim_server_file_close(&c->file);
    c->has_place = false;
    c->state = EXPECT_HEAD;
}

static void on_message(void *context, const char *format, va_list arguments)
{
    struct sim_server_http *http = context;
    if (http->daemon == NULL) { /* later ones tell of clients, and the access log does that */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        vsnprintf(http->message, sizeof(http->message), format, arguments);
#pragma GCC diagnostic pop
        http->message[strcspn(http->message, "\n")] = '\0';
    }
}

/* --- the owner's side
 * -------------------------------------------------------------------------------- */

static void on_readable(uv_poll_t *poll, int status, int events)
{
    struct sim_server_http *http = poll->data;
    (void)status;
    (void)events;
    http->must_run = true;
}

void sim_server_http_turn(struct sim_server_http *http, sim_time now)
{
    struct sim_server_node *node;
    while ((node = sim_server_line_take(&http->delays, now)) != NULL ||
           (node = sim_server_line_take(&http->paces, now)) != NULL) {
        resume(node->owner);
    }
    if (http->must_run || now >= http->mhd_due) {
        MHD_UNSIGNED_LONG_LONG ms;
        http->must_run = false;
        MHD_run(http->daemon);
        http->mhd_due = MHD_get_timeout(http->daemon, &ms) == MHD_YES
                            ? sim_time_add(now, (uint64_t)ms * SIM_MS)
                            : SIM_NEVER;
    }
}

sim_time sim_server_http_deadline(const struct sim_server_http *http)
{
    sim_time due =
        sim_time_min(sim_server_line_due(&http->delays), sim_server_line_due(&http->paces));
    return http->must_run ? 0 : sim_time_min(due, http->mhd_due);
}

static unsigned connections_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < 256) {
        return 128;
    }
    return limit.rlim_cur > 1000000 ? 1000000 : (unsigned)limit.rlim_cur - 64;
}

static struct MHD_Daemon *start_daemon(struct sim_server_http *http, int listener,
                                       const char *certificate, const char *key)
{
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (certificate != NULL ? MHD_USE_TLS : 0);
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

    /* Without a word about SIGPIPE (which our owner ignores) the library would not use sendfile. */
    return MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, http, MHD_OPTION_EXTERNAL_LOGGER, on_message, http,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_CONNECTION_LIMIT, connections_max(), MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SIM_SERVER_HTTP_IDLE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)SIM_SERVER_HTTP_CONNECTION_BYTES, MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_URI_LOG_CALLBACK, on_target,
        http, MHD_OPTION_ARRAY, certificate != NULL ? tls : none, MHD_OPTION_END);
}

int sim_server_http_new(struct sim_server_http **out, struct sim_server_common *common,
                        uv_loop_t *loop, int listener, const char *certificate, const char *key,
                        char why[SIM_SERVER_TEXT_MAX])
{
    struct sim_server_http *http = calloc(1, sizeof(*http));
    if (http == NULL) {
        return SIM_ENOMEM;
    }
    http->common = common;
    http->protocol = certificate != NULL ? "https" : "http";
    http->mhd_due = SIM_NEVER;
    http->daemon = start_daemon(http, listener, certificate, key);
    if (http->daemon == NULL) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "%s does not start: %s", http->protocol,
                 http->message[0] != '\0' ? http->message : "libmicrohttpd gives no reason");
        free(http);
        return certificate != NULL ? SIM_ETLS : SIM_EIO;
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info != NULL);
    int rc = uv_poll_init(loop, &http->poll, info->epoll_fd);
    if (rc != 0) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "%s: %s", http->protocol, uv_strerror(rc));
        MHD_stop_daemon(http->daemon);
        free(http);
        return SIM_EIO;
    }
    http->poll.data = http;
    uv_poll_start(&http->poll, UV_READABLE, on_readable);
    *out = http;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

void sim_server_http_close(struct sim_server_http *http)
{
    struct sim_server_node *node;
    http->is_closing = true;
    uv_poll_stop(&http->poll);
    /* The library refuses to stop while a connection is suspended. */
    while ((node = sim_server_line_take(&http->delays, SIM_NEVER)) != NULL ||
           (node = sim_server_line_take(&http->paces, SIM_NEVER)) != NULL) {
        resume(node->owner);
    }
    for (node = http->common->places.line.first; node != NULL;) {
        struct sim_server_node *next = node->next;
        struct connection *c = node->owner;
        if (node->kind == SIM_SERVER_WAITER_HTTP && c->http == http) {
            sim_server_node_leave(node);
            resume(c);
        }
        node = next;
    }
    MHD_stop_daemon(http->daemon);
    uv_close((uv_handle_t *)&http->poll, on_closed);
}
