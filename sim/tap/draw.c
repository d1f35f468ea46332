/* sim/tap/draw.c -- what a request and its answer look like on the wire. See inner.h.
 *
 * HTTP's texts are worded as sim/live's requests (libcurl's) and sim/server's answers are, for
 * worlds without sockets; credentials are left out, and dates count from 1970 as the run's instants
 * do. TLS is drawn as the two hellos in the clear and records that nobody can read. TFTP's packets
 * are built by sim/tftp; what was lost or sent again is not drawn. Captured at the phone. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"
#include "sim/rng.h"
#include "sim/tap/inner.h"
#include "sim/tftp/packet.h"

enum {
    TEXT_MAX = 4096, /* of a request or an answer's head: a path of 512 bytes, each as %XX */
    SEGMENT = 1448,  /* bytes in one (contract: result.wan) */
    TLS_HEAD = 5,    /* of a record, RFC 8446, 5.1 */
    TLS_DATA = 23,
    TLS_HANDSHAKE = 22,
    TLS_EXTRA = 17,    /* of an encrypted record: content type 1, tag 16 */
    TLS_WELCOME = 650, /* of the server's certificate and the rest, as VIRTUAL_TLS_WELCOME */
    TLS_FINISHED = 53, /* of the client's */
    TLS_RECORD = 4096, /* bytes of body in a record, as VIRTUAL_TLS_RECORD */
    TFTP_PLAIN = 512,
};

static sim_time earlier(sim_time a, sim_time b)
{
    return a < b ? a : b;
}

/* ---- Texts ---- */

/* What lies before every path; not of the load server. */
static const char *base_of(const struct sim_tap_world *t, const struct tap_fetch *f)
{
    return f->place == SIM_SERVER_LAN ? "" : t->config.wan_server.base;
}

static void put_path(const struct sim_tap_world *t, const struct tap_fetch *f, char *out,
                     size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = (size_t)snprintf(out, cap, "%.500s", base_of(t, f));

    for (const char *path = f->path; *path != '\0' && len + 4 < cap; path++) {
        unsigned char c = (unsigned char)*path;
        if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
            strchr("-._~/", c) != NULL) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    out[len] = '\0';
}

static size_t request_text(const struct sim_tap_world *t, const struct tap_fetch *f,
                           char out[TEXT_MAX])
{
    char path[TEXT_MAX / 2], range[48] = "", host[SIM_TAP_HOST_MAX + 8];
    uint16_t port;
    char addr[SIM_ADDR_TEXT_MAX];
    sim_addr server = tap_server_of(t, f, &port);

    put_path(t, f, path, sizeof(path));
    const char *name =
        f->place == SIM_SERVER_LAN ? sim_addr_format(server, addr) : t->config.wan_server.host;

    /* The scheme's own port goes without saying (RFC 9110, 4.2). */
    snprintf(host, sizeof(host),
             port == (f->protocol == SIM_PROTOCOL_HTTPS ? 443 : 80) ? "%s" : "%s:%u", name, port);
    if (f->offset > 0) {
        snprintf(range, sizeof(range), "Range: bytes=%" PRIu64 "-\r\n", f->offset);
    }
    return (size_t)snprintf(out, TEXT_MAX,
                            "GET /%s HTTP/1.1\r\nHost: %s\r\n%sUser-Agent: %.60s\r\n"
                            "Accept: */*\r\n\r\n",
                            path, host, range, t->config.user_agent);
}

static const char *code_text(int code)
{
    switch (code) {
    case 200:
        return "OK";
    case 206:
        return "Partial Content";
    case 401:
        return "Unauthorized";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 416:
        return "Range Not Satisfiable";
    case 503:
        return "Service Unavailable";
    default:
        return code >= 500 ? "Internal Server Error" : "Bad Request";
    }
}

/* RFC 9110, 5.6.7; the run begins with 1970, a Thursday. */
static void date_text(sim_time at, char out[40])
{
    static const char *const weekdays[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    static const unsigned lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    uint64_t seconds = at / SIM_S, day = seconds / 86400;
    unsigned year = 1970, month = 0, weekday = (unsigned)(day % 7);

    for (unsigned len = 365; day >= len; len = year % 4 == 0 && year != 2100 ? 366 : 365) {
        day -= len;
        year++;
    }
    for (;; month++) {
        unsigned len = lengths[month] + (month == 1 && year % 4 == 0 && year != 2100);
        if (day < len) {
            break;
        }
        day -= len;
    }
    snprintf(out, 40, "%s, %02u %s %04u %02u:%02u:%02u GMT", weekdays[weekday], (unsigned)day + 1,
             months[month], year, (unsigned)(seconds / 3600 % 24), (unsigned)(seconds / 60 % 60),
             (unsigned)(seconds % 60));
}

/* As sim/server words them. */
static const char *error_text(int code)
{
    switch (code) {
    case 403:
        return "403 not allowed\n";
    case 404:
        return "404 there is no such file\n";
    case 416:
        return "416 the range lies behind the end\n";
    case 503:
        return "503 server busy\n";
    default:
        return "error\n";
    }
}

static size_t answer_text(const struct tap_fetch *f, int code, sim_time at, char out[TEXT_MAX])
{
    char date[40], range[100] = "";

    date_text(at, date);
    if (code >= 400) {
        const char *body = error_text(code);
        if (code == 416) {
            snprintf(range, sizeof(range), "Content-Range: bytes */%" PRIu64 "\r\n", f->offset);
        } else if (code == 503) {
            snprintf(range, sizeof(range), "Retry-After: 1\r\n");
        }
        return (size_t)snprintf(out, TEXT_MAX,
                                "HTTP/1.1 %d %s\r\nDate: %s\r\n%sContent-Type: text/plain\r\n"
                                "Content-Length: %zu\r\n\r\n%s",
                                code, code_text(code), date, range, strlen(body), body);
    }
    if (code == 206) {
        snprintf(range, sizeof(range),
                 "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n", f->offset,
                 f->offset + f->total - 1, f->offset + f->total);
    }
    return (size_t)snprintf(out, TEXT_MAX,
                            "HTTP/1.1 %d %s\r\nDate: %s\r\n%sContent-Type: "
                            "application/octet-stream\r\nAccept-Ranges: bytes\r\n"
                            "Content-Length: %" PRIu64 "\r\n\r\n",
                            code, code_text(code), date, range, f->total);
}

/* ---- TLS ---- */

static size_t put_bytes(uint8_t *out, size_t at, const void *bytes, size_t len)
{
    memcpy(out + at, bytes, len);
    return at + len;
}

/* The head of an encrypted record of so many bytes; only the head is captured. */
static void send_record(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at,
                        uint8_t type, size_t len)
{
    uint8_t bytes[2048] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    len = len < sizeof(bytes) - TLS_HEAD ? len : sizeof(bytes) - TLS_HEAD;
    bytes[3] = (uint8_t)(len >> 8);
    bytes[4] = (uint8_t)len;
    for (size_t i = 0; i < len; i++) { /* looks like what it is: noise */
        bytes[TLS_HEAD + i] = (uint8_t)sim_rng_mix((uint64_t)c->ends[side].seq << 16 | i);
    }
    tap_tcp_send(t, c, side, at, SIM_TAP_PSH | SIM_TAP_ACK, bytes, TLS_HEAD + len, TLS_HEAD + len);
}

/* ClientHello and ServerHello of TLS 1.3 (RFC 8446, 4.1), with the extensions that name the
 * version. */
static void send_hello(struct sim_tap_world *t, struct tap_tcp *c, unsigned side, sim_time at)
{
    static const uint8_t client_end[] = {0, 2, 0x13, 0x01, 1, 0, 0, 7, 0, 43, 0, 3, 2, 3, 4};
    static const uint8_t server_end[] = {0x13, 0x01, 0, 0, 6, 0, 43, 0, 2, 3, 4};
    uint8_t bytes[128] = {TLS_HANDSHAKE, 3, 1};
    size_t len = TLS_HEAD + 4;

    bytes[len++] = 3;
    bytes[len++] = 3;
    for (uint64_t i = 0; i < 32; i++) {
        bytes[len++] = (uint8_t)sim_rng_mix((uint64_t)c->ends[side].seq << 8 | i);
    }
    bytes[len++] = 0; /* no session id */
    len = side == 0 ? put_bytes(bytes, len, client_end, sizeof(client_end))
                    : put_bytes(bytes, len, server_end, sizeof(server_end));
    bytes[4] = (uint8_t)(len - TLS_HEAD);
    bytes[5] = side == 0 ? 1 : 2; /* handshake type */
    bytes[8] = (uint8_t)(len - TLS_HEAD - 4);
    tap_tcp_send(t, c, side, at, SIM_TAP_PSH | SIM_TAP_ACK, bytes, len, len);
}

/* What records add to so many bytes of body. */
static uint64_t with_records(uint64_t bytes)
{
    return bytes + (bytes + TLS_RECORD - 1) / TLS_RECORD * (TLS_HEAD + TLS_EXTRA);
}

/* ---- HTTP ---- */

static bool is_tls(const struct tap_fetch *f)
{
    return f->protocol == SIM_PROTOCOL_HTTPS;
}

/* Up to the request; false when the server did not take the connection. */
static bool draw_opening(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o)
{
    struct tap_tcp *c = &f->http->tcp;
    sim_duration rtt = tap_round_trip(t, f);
    sim_time limit = earlier(o->first, o->now), at = earlier(sim_time_add(f->began, rtt), limit);

    if (!f->http->fresh) {
        return true;
    }
    f->http->fresh = false;
    tap_tcp_send(t, c, 0, f->began, SIM_TAP_SYN, NULL, 0, 0);
    if (o->first > o->now && o->code < 0 && o->status == SIM_EREFUSED) {
        tap_tcp_reset(t, c, 1, o->now);
        return false;
    }
    if (o->first > o->now && o->code < 0 &&
        (o->status == SIM_ETIMEDOUT || o->status == SIM_EUNREACHABLE ||
         sim_time_since(o->now, f->began) < rtt)) {
        c->over = true; /* nobody answered */
        return false;
    }
    tap_tcp_open(t, c, at);
    if (is_tls(f)) {
        send_hello(t, c, 0, at);
        at = earlier(sim_time_add(at, rtt), limit);
        send_hello(t, c, 1, at);
        send_record(t, c, 1, at, TLS_DATA, TLS_WELCOME);
        send_record(t, c, 0, at, TLS_DATA, TLS_FINISHED);
    }
    return true;
}

/* Behind the first `done` bytes, which came with the head. None of these is kept: a reader that has
 * not seen the whole body would take them for headers. */
static void draw_body(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o,
                      uint64_t done)
{
    sim_time since = o->first;

    for (size_t i = 0; i < f->samples_len; i++) {
        uint64_t to = is_tls(f) ? with_records(f->samples[i].bytes) : f->samples[i].bytes;

        if (to > done) {
            tap_tcp_body(t, &f->http->tcp, 1, NULL, done, to, since, f->samples[i].at);
            done = to;
        }
        since = f->samples[i].at;
    }
}

/* The head, and what of the body fits behind it into the first segment: a reader sees a truncated
 * answer, and does not wait for the rest. */
static uint64_t draw_head(struct sim_tap_world *t, struct tap_fetch *f, sim_time at,
                          const char *text, size_t len)
{
    uint8_t bytes[TEXT_MAX + SIM_TAP_BODY_BYTES];
    uint64_t come = f->samples_len > 0 ? f->samples[f->samples_len - 1].bytes : 0;
    uint64_t room = len < SEGMENT ? SEGMENT - len : 0, part = come < room ? come : room;
    uint8_t first[SIM_TAP_BODY_BYTES];
    size_t kept = tap_body_read(&f->body, 0, part, first);

    memcpy(bytes, text, len);
    memcpy(bytes + len, first, kept);
    tap_tcp_send(t, &f->http->tcp, 1, at, SIM_TAP_PSH | SIM_TAP_ACK, bytes, len + kept,
                 len + (size_t)part);
    return part;
}

static void draw_answer(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o)
{
    char text[TEXT_MAX];
    int code = o->code > 0 ? o->code : f->offset > 0 ? 206 : 200;

    if (o->first > o->now && o->code <= 0 && o->status != 0) {
        return;
    }
    sim_time at = earlier(o->first, o->now);
    size_t len = answer_text(f, code, at, text);
    if (is_tls(f)) {
        send_record(t, &f->http->tcp, 1, at, TLS_DATA, len + TLS_EXTRA);
    }
    if (code >= 400) {
        if (!is_tls(f)) {
            tap_tcp_send(t, &f->http->tcp, 1, at, SIM_TAP_PSH | SIM_TAP_ACK, (const uint8_t *)text,
                         len, len);
        }
        return;
    }
    draw_body(t, f, o, is_tls(f) ? 0 : draw_head(t, f, at, text, len));
}

void tap_draw_http(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o)
{
    struct tap_tcp *c = &f->http->tcp;
    char text[TEXT_MAX];

    if (draw_opening(t, f, o)) {
        size_t len = request_text(t, f, text);

        if (is_tls(f)) {
            send_record(t, c, 0, f->began, TLS_DATA, len + TLS_EXTRA);
        } else {
            tap_tcp_send(t, c, 0, f->began, SIM_TAP_PSH | SIM_TAP_ACK, (const uint8_t *)text, len,
                         len);
        }
        draw_answer(t, f, o);
    }
    if ((o->status == 0 || o->code >= 400) && !t->config.server->keep_alive) {
        tap_tcp_fin(t, c, 0, o->now);
        tap_tcp_fin(t, c, 1, o->now);
    } else if (o->status == SIM_ERESET) {
        tap_tcp_reset(t, c, 1, o->now);
    } else if (o->status == SIM_ECANCELED) {
        tap_tcp_reset(t, c, 0, o->now); /* closed with an answer on its way */
    } else if (o->status != 0 && o->code < 400) {
        if (o->status != SIM_ECLOSED) { /* else the power went */
            tap_tcp_fin(t, c, 0, o->now);
            tap_tcp_fin(t, c, 1, o->now);
        }
        c->over = true;
    }
}

/* ---- TFTP ---- */

struct tftp {
    struct sim_tap_world *t;
    struct tap_fetch *f;
    sim_addr server;
    uint16_t port, well_known, tid;
};

static void tftp_put(const struct tftp *x, sim_time at, bool up, bool is_request,
                     const uint8_t *bytes, size_t bytes_len, size_t len)
{
    tap_datagram(x->t, x->f->node, at, up, x->server, SIM_NODE_NONE, x->port,
                 is_request ? x->well_known : x->tid, bytes, bytes_len, len);
}

/* The options that are asked for (sim/live's client asks for tsize with any other); 0: none. */
static unsigned tftp_options(const struct sim_server_setup *server, struct sim_tftp_options *out)
{
    *out = (struct sim_tftp_options){.blksize = server->block_size, .windowsize = server->window};
    out->given |= server->block_size != TFTP_PLAIN ? SIM_TFTP_OPTION_BLKSIZE : 0U;
    out->given |= server->window > 1 ? SIM_TFTP_OPTION_WINDOWSIZE : 0U;
    out->given |= out->given != 0 ? SIM_TFTP_OPTION_TSIZE : 0U;
    return out->given;
}

static void tftp_ack(const struct tftp *x, sim_time at, uint64_t block)
{
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    size_t len = sim_tftp_packet_ack(packet, (uint16_t)block);

    tftp_put(x, at, true, false, packet, len, len);
}

/* When so many bytes had come. */
static sim_time when(const struct tap_fetch *f, const struct tap_outcome *o, uint64_t bytes)
{
    struct tap_sample before = {earlier(o->first, o->now), 0};

    for (size_t i = 0; i < f->samples_len; i++) {
        const struct tap_sample *s = &f->samples[i];
        if (bytes <= s->bytes) {
            sim_duration took = sim_time_since(s->at, before.at);
            unsigned __int128 share = (unsigned __int128)took * (bytes - before.bytes);
            return before.at + (sim_time)(share / (s->bytes - before.bytes));
        }
        before = *s;
    }
    return o->now;
}

static void tftp_blocks(const struct tftp *x, const struct tap_outcome *o, uint64_t bytes)
{
    const struct sim_server_setup *server = x->t->config.server;
    uint8_t packet[SIM_TFTP_HEADER + SIM_TAP_BODY_BYTES];
    uint64_t size = server->block_size, block = 1;

    for (uint64_t at = 0;; at += size, block++) {
        bool is_last = o->status == 0 && bytes - at < size; /* perhaps empty */
        if (!is_last && bytes - at < size) {
            return; /* it was cut off here */
        }
        uint64_t len = is_last ? bytes - at : size;
        sim_time then = is_last ? o->now : when(x->f, o, at + len);

        sim_tftp_packet_data_header(packet, (uint16_t)block);
        size_t kept = tap_body_read(&x->f->body, at, len, packet + SIM_TFTP_HEADER);
        tftp_put(x, then, false, false, packet, SIM_TFTP_HEADER + kept,
                 SIM_TFTP_HEADER + (size_t)len);
        if (is_last || block % server->window == 0) {
            tftp_ack(x, then, block);
        }
        if (is_last) {
            return;
        }
    }
}

void tap_draw_tftp(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o)
{
    struct tftp x = {.t = t, .f = f, .port = tap_port(f->node)};
    struct sim_tftp_options options;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];
    char path[2 * SIM_WORLD_PATH_MAX];
    uint64_t bytes = f->samples_len > 0 ? f->samples[f->samples_len - 1].bytes : 0;

    x.server = tap_server_of(t, f, &x.well_known);
    x.tid =
        (uint16_t)(TAP_TID_FIRST + sim_rng_mix((uint64_t)f->node->addr << 16 | x.port) % TAP_TIDS);
    snprintf(path, sizeof(path), "%.500s%.511s", base_of(t, f), f->path);
    unsigned given = tftp_options(t->config.server, &options);
    size_t len = sim_tftp_packet_request(packet, false, path, &options);
    if (len == 0) {
        return; /* such a name can't be asked for */
    }
    tftp_put(&x, f->began, true, true, packet, len, len);
    if (o->code >= 0) {
        len =
            sim_tftp_packet_error(packet, (enum sim_tftp_code)o->code, sim_tftp_code_text(o->code));
        tftp_put(&x, o->now, false, false, packet, len, len);
        return;
    }
    if (o->first > o->now && o->status != 0) {
        return; /* nobody answered */
    }
    if (given != 0) {
        sim_time at =
            earlier(sim_time_add(f->began, tap_round_trip(t, f)), earlier(o->first, o->now));
        options.tsize = f->total;
        len = sim_tftp_packet_oack(packet, &options);
        tftp_put(&x, at, false, false, packet, len, len);
        tftp_ack(&x, at, 0);
    }
    tftp_blocks(&x, o, bytes);
}
