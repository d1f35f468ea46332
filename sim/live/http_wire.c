/* sim/live/http_wire.c -- what goes over HTTP's connections, told to who listens (sim/wire.h).
 *
 * libcurl's debug function says what it sends and receives, in the clear and, of TLS, the heads of
 * all records; the descriptors' hooks say when a connection began and how it ended. Logins are
 * blotted out. Nothing here is called, and libcurl says nothing, when nobody listens. */
#include "sim/live/http_parts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "sim/err.h"

enum {
    RECORD_HEAD = 5,        /* bytes, RFC 8446, 5.1 */
    RECORD_HANDSHAKE = 22,  /* content type */
    RECORD_FIRST = 20,      /* of content types */
    RECORD_LAST = 24,       /* likewise, with heartbeats */
    HELLO_CLIENT = 1,       /* RFC 8446, 4 */
    HELLO_SERVER = 2,       /* likewise */
    RECORD_MAX = 16 * 1024, /* bytes of plaintext in one */
    REQUEST_MAX = 16 * 1024,
};

/* A connection, as long as its descriptor is open. */
struct http_wire {
    uint64_t number;
    sim_time dialled;
    bool told;  /* that it is there */
    bool ended; /* told too */
    sim_addr other;
    uint16_t port, other_port;
    uint16_t to_port; /* what was really dialled: the line's near end, or the server */
    enum sim_server_place place;
    enum sim_protocol protocol;
};

static void tell(const struct live_http *http, const struct http_socket *s,
                 struct sim_wire_event *event)
{
    const struct http_wire *w = s->wire;

    event->phone = http->phones[s->phone].addr;
    event->phone_port = w->port;
    event->place = w->place;
    event->protocol = w->protocol;
    event->other = w->other;
    event->other_port = w->other_port;
    event->connection = w->number;
    http->config.wire.tell(http->config.wire.context, http->config.lane, event);
}

/* Before anything else is told of it; its port is known by now. */
static void tell_open(const struct live_http *http, int fd, struct http_socket *s)
{
    struct sockaddr_in local = {.sin_family = AF_INET};
    socklen_t len = sizeof(local);
    struct sim_wire_event event = {.kind = SIM_WIRE_OPEN, .at = s->wire->dialled, .up = true};

    if (s->wire->port == 0 && getsockname(fd, (struct sockaddr *)&local, &len) == 0) {
        s->wire->port = ntohs(local.sin_port);
    }
    if (!s->wire->told) {
        s->wire->told = true;
        tell(http, s, &event);
    }
}

void http_wire_dialled(struct live_http *http, int fd, const struct live_http_fetch *fetch,
                       const struct curl_sockaddr *to)
{
    struct http_socket *s = &http->sockets[fd];
    const struct live_fetch_target *target = &fetch->target;
    struct sockaddr_in server;

    if (http->config.wire.tell == NULL || to->family != AF_INET ||
        (s->wire = calloc(1, sizeof(*s->wire))) == NULL) {
        return;
    }
    memcpy(&server, &to->addr, sizeof(server));
    sim_addr addr = ntohl(server.sin_addr.s_addr);
    uint16_t port = ntohs(server.sin_port);
    bool is_server = addr == target->connect_addr && port == target->connect_port;
    *s->wire = (struct http_wire){
        .number = ++http->wires,
        .dialled = live_loop_now(http->loop),
        .other = is_server ? 0 : addr,
        /* The line's near end stands for the server. */
        .other_port = is_server ? fetch->place.port : port,
        .to_port = port,
        .place = target->place,
        .protocol = target->protocol,
    };
}

/* ---- The end ---- */

static enum sim_wire_end end_of(int fd)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof(info);
    int unread = 0;

    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return SIM_WIRE_END_UNANSWERED;
    }
    switch (info.tcpi_state) {
    case TCP_SYN_SENT:
        return SIM_WIRE_END_UNANSWERED;
    case TCP_CLOSE:
        return SIM_WIRE_END_SERVER_RESET;
    default:
        break;
    }
    if (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0) {
        return SIM_WIRE_END_PHONE_RESET;
    }
    return info.tcpi_state == TCP_CLOSE_WAIT ? SIM_WIRE_END_SERVER : SIM_WIRE_END_PHONE;
}

void http_wire_ending(struct live_http *http, int fd)
{
    struct http_socket *s = &http->sockets[fd];
    struct sim_wire_event event = {.kind = SIM_WIRE_CLOSE, .at = live_loop_now(http->loop)};

    if (s->wire == NULL || s->wire->ended) {
        return;
    }
    tell_open(http, fd, s);
    s->wire->ended = true;
    event.end = end_of(fd);
    event.up = event.end == SIM_WIRE_END_PHONE || event.end == SIM_WIRE_END_PHONE_RESET;
    tell(http, s, &event);
}

void http_wire_closed(struct live_http *http, int fd)
{
    if (http->sockets[fd].wire != NULL) {
        http_wire_ending(http, fd);
        free(http->sockets[fd].wire);
        http->sockets[fd].wire = NULL;
    }
}

/* ---- What goes over it ---- */

/* The connection that the fetch uses now: libcurl knows its port here. NULL: none of ours. */
static struct http_socket *socket_of(const struct live_http_fetch *fetch)
{
    const struct live_http *http = fetch->http;
    long port = 0, other_port = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_LOCAL_PORT, &port);
    curl_easy_getinfo(fetch->easy, CURLINFO_PRIMARY_PORT, &other_port);
    for (int fd = http->phones[fetch->phone].first_socket; fd >= 0; fd = http->sockets[fd].next) {
        struct http_socket *s = &http->sockets[fd];
        if (s->wire == NULL) {
            continue;
        }
        tell_open(http, fd, s);
        if (s->wire->port == port && s->wire->to_port == other_port) {
            return s;
        }
    }
    return NULL;
}

/* Values of Authorization lose their bytes, not their length. */
static void blot_out(char *text, size_t len)
{
    static const char name[] = "authorization:";
    const size_t name_len = sizeof(name) - 1;

    for (size_t at = 0; at < len;) {
        char *line = text + at, *end = memchr(line, '\n', len - at);
        size_t line_len = end != NULL ? (size_t)(end - line) : len - at;
        size_t from = name_len;

        if (line_len > name_len && strncasecmp(line, name, name_len) == 0) {
            /* The scheme ("Basic") says nothing about anybody. */
            from += line[from] == ' ';
            for (; from < line_len && line[from] != ' '; from++) {
            }
            for (from++; from < line_len; from++) {
                line[from] = line[from] == '\r' ? '\r' : '*';
            }
        }
        at += line_len + 1;
    }
}

static void on_request(struct live_http_fetch *fetch, const struct http_socket *s,
                       struct sim_wire_event *event)
{
    char text[REQUEST_MAX];

    if (fetch->http->config.credentials != NULL) {
        event->bytes_len = event->bytes_len < sizeof(text) ? event->bytes_len : sizeof(text);
        memcpy(text, event->bytes, event->bytes_len);
        blot_out(text, event->bytes_len);
        event->bytes = (const uint8_t *)text;
        tell(fetch->http, s, event);
        explicit_bzero(text, sizeof(text));
    } else {
        tell(fetch->http, s, event);
    }
}

/* A record: its head, and of the two hellos what is in it, which anybody may read on the wire. */
static void on_record(struct live_http_fetch *fetch, const struct http_socket *s,
                      struct sim_wire_event *event)
{
    uint8_t record[RECORD_HEAD + RECORD_MAX];
    const uint8_t *bytes = event->bytes;
    bool is_head = event->len == RECORD_HEAD && bytes[0] >= RECORD_FIRST &&
                   bytes[0] <= RECORD_LAST && bytes[1] == 3;

    if (is_head) {
        memcpy(fetch->record, bytes, RECORD_HEAD);
        fetch->in_record = bytes[0] == RECORD_HANDSHAKE; /* what it is about comes next */
        event->len = RECORD_HEAD + ((size_t)bytes[3] << 8 | bytes[4]);
        if (!fetch->in_record) {
            tell(fetch->http, s, event);
        }
    } else if (fetch->in_record) {
        size_t whole = (size_t)fetch->record[3] << 8 | fetch->record[4];
        bool is_hello = event->len == whole && whole <= RECORD_MAX && whole > 0 &&
                        (bytes[0] == HELLO_CLIENT || bytes[0] == HELLO_SERVER);

        memcpy(record, fetch->record, RECORD_HEAD);
        if (is_hello) {
            memcpy(record + RECORD_HEAD, bytes, whole);
        }
        fetch->in_record = false;
        event->bytes = record;
        event->bytes_len = RECORD_HEAD + (is_hello ? whole : 0);
        event->len = RECORD_HEAD + whole;
        tell(fetch->http, s, event);
    }
}

static int on_debug(CURL *easy, curl_infotype type, char *bytes, size_t len, void *context)
{
    struct live_http_fetch *fetch = context;
    bool is_tls = type == CURLINFO_SSL_DATA_IN || type == CURLINFO_SSL_DATA_OUT;
    const struct http_socket *s;
    struct sim_wire_event event = {
        .kind = type == CURLINFO_DATA_IN ? SIM_WIRE_BODY : SIM_WIRE_HEAD,
        .at = live_loop_now(fetch->http->loop),
        .up = type == CURLINFO_HEADER_OUT || type == CURLINFO_DATA_OUT ||
              type == CURLINFO_SSL_DATA_OUT,
        .bytes = (const uint8_t *)bytes,
        .bytes_len = len,
        .len = len,
    };

    (void)easy;
    if (type == CURLINFO_TEXT || len == 0 || (s = socket_of(fetch)) == NULL ||
        is_tls != (s->wire->protocol == SIM_PROTOCOL_HTTPS)) {
        return 0; /* what is inside TLS is nobody's business */
    }
    if (is_tls) {
        on_record(fetch, s, &event);
    } else if (event.up) {
        on_request(fetch, s, &event);
    } else {
        tell(fetch->http, s, &event);
    }
    return 0;
}

int http_wire_dress(struct live_http_fetch *fetch)
{
    CURL *easy = fetch->easy;
    bool ok = fetch->http->config.wire.tell == NULL ||
              (curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, on_debug) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_DEBUGDATA, fetch) == CURLE_OK &&
               curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L) == CURLE_OK);

    return ok ? 0 : SIM_ENOMEM;
}
