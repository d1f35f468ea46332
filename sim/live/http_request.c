/* sim/live/http_request.c -- one request: its options, what comes in, redirects, the deadline.
 *
 * Redirects are followed by us, not by libcurl: where one leads is checked before anything is
 * dialled. Leaves out: when libcurl runs (http_multi.c), what the end means (http_result.c). */
#include "sim/live/http_parts.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/err.h"

/* ---- Where a URL leads ---- */

/* Remembers the last scheme and authority: phones ask one server thousands of times. */
int http_place_of(struct live_http *http, const char *url, struct http_place *out)
{
    const char *authority = strstr(url, "://");
    size_t len = authority == NULL ? 0 : (size_t)(authority - url) + 3;
    int rc;

    len += strcspn(url + len, "/?#");
    if (len > 0 && len == http->prefix_len && memcmp(url, http->prefix, len) == 0) {
        *out = http->prefix_place;
        return 0;
    }
    rc = http_place_read(url, out);
    if (rc == 0 && len < sizeof(http->prefix)) {
        memcpy(http->prefix, url, len);
        http->prefix_len = len;
        http->prefix_place = *out;
    }
    return rc;
}

/* No emulated line in between: the server is dialled itself. A name's address is not ours to know;
 * its port tells, since a relay listens on a port of the kernel's choice. */
static bool is_direct(const struct live_http_fetch *fetch)
{
    return fetch->place.port == fetch->target.connect_port &&
           (!fetch->place.numeric || fetch->place.addr == fetch->target.connect_addr);
}

static bool is_same_host(const struct http_place *a, const struct http_place *b)
{
    return strcasecmp(a->host, b->host) == 0;
}

/* ---- What comes in ---- */

static void note_byte(struct live_http_fetch *fetch)
{
    fetch->last_byte = live_loop_now(fetch->http->loop);
    if (fetch->first_byte == SIM_NEVER) {
        fetch->first_byte = fetch->last_byte;
    }
}

/* One header line, status lines and those of 1xx answers too. */
static size_t on_head(char *bytes, size_t size, size_t count, void *context)
{
    struct live_http_fetch *fetch = context;
    size_t len = size * count;

    if (fetch->state == HTTP_FETCH_CANCELLED) {
        return 0;
    }
    note_byte(fetch);
    if (len >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        fetch->judged =
            false; /* a 1xx or a login's first answer came before: the last one counts */
        fetch->head_whole = false;
    } else if (bytes[0] == '\r' || bytes[0] == '\n') {
        fetch->head_whole = true;
    }
    fetch->head_bytes += len;
    if (fetch->head_bytes > HTTP_HEAD_MAX) {
        fetch->verdict = SIM_EPROTO;
        return 0;
    }
    return len;
}

/* 206: the part that was asked for, to the end of the file, or nothing we can use. */
static void judge_part(struct live_http_fetch *fetch)
{
    struct curl_header *header;
    struct http_range range;

    if (curl_easy_header(fetch->easy, "Content-Range", 0, CURLH_HEADER, -1, &header) != CURLHE_OK ||
        !http_range_read(header->value, &range) || range.from != fetch->target.offset) {
        fetch->verdict = SIM_EPROTO;
        return;
    }
    fetch->takes_body = true;
    fetch->skip = 0;
    /* To the end of the file, even when this part ends before. */
    fetch->promised = (range.total != UINT64_MAX ? range.total : range.to + 1) - range.from;
}

static bool has_header(struct live_http_fetch *fetch, const char *name)
{
    struct curl_header *header;

    return curl_easy_header(fetch->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
}

static void judge_file(struct live_http_fetch *fetch)
{
    curl_off_t length = -1;

    curl_easy_getinfo(fetch->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    if (length < 0 && has_header(fetch, "Content-Length") &&
        !has_header(fetch, "Transfer-Encoding")) {
        fetch->verdict = SIM_EPROTO; /* more than 2^63: libcurl would read up to the close */
        return;
    }
    fetch->takes_body = true;
    fetch->skip = fetch->target.offset;
    if (length >= 0) {
        fetch->promised = (uint64_t)length;
    }
}

void http_request_judge(struct live_http_fetch *fetch)
{
    long code = 0;

    if (fetch->judged) {
        return;
    }
    fetch->judged = true;
    fetch->takes_body = false;
    fetch->promised = UINT64_MAX;
    curl_easy_getinfo(fetch->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code == 206) {
        judge_part(fetch);
    } else if (code == 200 || code == 203) {
        judge_file(fetch);
    }
    if (fetch->takes_body && fetch->target.body_max != 0 && fetch->promised != UINT64_MAX &&
        fetch->promised > fetch->target.body_max + fetch->skip) {
        fetch->verdict = SIM_ELIMIT;
    }
}

/* The file's next bytes, those before the offset too. Returns 0 or why the fetch ends. */
static int take_body(struct live_http_fetch *fetch, const uint8_t *bytes, size_t len)
{
    size_t skip = fetch->skip < len ? (size_t)fetch->skip : len;
    uint64_t given;

    fetch->received += len;
    fetch->skip -= skip;
    fetch->resent += skip;
    given = fetch->received - fetch->resent;
    if (fetch->target.body_max != 0 && given > fetch->target.body_max) {
        return SIM_ELIMIT;
    }
    if (skip == len) {
        return 0;
    }
    return fetch->ops->body(fetch->owner, bytes + skip, len - skip);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *context)
{
    struct live_http_fetch *fetch = context;
    size_t len = size * count;

    if (fetch->state == HTTP_FETCH_CANCELLED) {
        return CURL_WRITEFUNC_ERROR;
    }
    note_byte(fetch);
    http_request_judge(fetch);
    if (fetch->verdict == 0 && fetch->takes_body) {
        int rc = take_body(fetch, (const uint8_t *)bytes, len);

        /* The owner may have cancelled in the call: then the fetch is no longer its own. */
        if (fetch->state == HTTP_FETCH_CANCELLED) {
            return CURL_WRITEFUNC_ERROR;
        }
        fetch->verdict = rc;
    } else if (fetch->verdict == 0) {
        fetch->dropped += len;
        if (fetch->dropped > HTTP_ERROR_BODY_MAX) {
            return CURL_WRITEFUNC_ERROR; /* the answer's code says all */
        }
    }
    return fetch->verdict == 0 ? len : CURL_WRITEFUNC_ERROR;
}

void http_request_deadline(struct live_timer *timer, sim_time now)
{
    struct live_http_fetch *fetch =
        (struct live_http_fetch *)((char *)timer - offsetof(struct live_http_fetch, deadline));
    struct live_http *http = fetch->http;
    sim_time at = sim_time_add(fetch->last_byte, http->config.stall);
    char why[SIM_WORLD_REASON_MAX], took[32];
    curl_off_t connected = 0;

    if (now < at) { /* a byte came since: the deadline moves only here, not with each byte */
        live_timer_set(http->loop, timer, at);
        return;
    }
    if (fetch->state == HTTP_FETCH_PENDING) { /* given to libcurl this turn: not a server's fault */
        live_timer_set(http->loop, timer, sim_time_add(now, http->config.stall));
        return;
    }
    assert(fetch->state == HTTP_FETCH_RUNNING);
    curl_easy_getinfo(fetch->easy, CURLINFO_CONNECT_TIME_T, &connected);
    http_duration_text(http->config.stall, took);
    fetch->verdict = fetch->dialled && connected == 0 && fetch->first_byte == SIM_NEVER
                         ? SIM_ETIMEDOUT
                         : SIM_ESTALLED;
    if (fetch->verdict == SIM_ETIMEDOUT) {
        snprintf(why, sizeof(why), "no connection to %.130s:%u within %s", fetch->place.host,
                 (unsigned)fetch->place.port, took);
    } else {
        char url[HTTP_TEXT_MAX];

        snprintf(why, sizeof(why), "no byte for %s from %s", took,
                 http_url_text(fetch->target.url, url));
    }
    http_multi_remove(fetch);
    http_fetch_report(fetch, fetch->verdict, why);
}

/* ---- Options ---- */

#define SET(option, value)                                                                         \
    do {                                                                                           \
        if (curl_easy_setopt(easy, option, value) != CURLE_OK) {                                   \
            return SIM_ENOMEM;                                                                     \
        }                                                                                          \
    } while (false)

static int dress_tls(struct live_http *http, CURL *easy)
{
    SET(CURLOPT_SSL_VERIFYPEER, http->config.verify ? 1L : 0L);
    SET(CURLOPT_SSL_VERIFYHOST, http->config.verify ? 2L : 0L);
    /* Neither is read: our one store takes their place. */
    SET(CURLOPT_CAPATH, (char *)NULL);
    SET(CURLOPT_CAINFO, (char *)NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, http_tls_context);
    SET(CURLOPT_SSL_CTX_DATA, http);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_SSL_ENABLE_ALPN, 0L); /* HTTP/1.1 is all that phones speak */
    return 0;
}

int http_request_dress(struct live_http_fetch *fetch)
{
    struct live_http *http = fetch->http;
    CURL *easy = curl_easy_init();

    if (easy == NULL) {
        return SIM_ENOMEM;
    }
    fetch->easy = easy;
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_PROXY, ""); /* else http_proxy of the environment sends the phones elsewhere */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_MAXREDIRS, (long)HTTP_REDIRECTS_MAX);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_IPRESOLVE, (long)CURL_IPRESOLVE_V4);
    SET(CURLOPT_DNS_CACHE_TIMEOUT,
        -1L); /* numbers only, and each end of a transfer walks old entries */
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_BUFFERSIZE, (long)HTTP_BUFFER);
    SET(CURLOPT_UPLOAD_BUFFERSIZE,
        16384L); /* the least; TLS requests are copied into one of 64 KB else */
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)HTTP_CONNECT_TIMEOUT_MS);
    SET(CURLOPT_MAXAGE_CONN, 365L * 24 * 3600); /* the server says how long a connection is kept */
    SET(CURLOPT_ERRORBUFFER, fetch->error);
    SET(CURLOPT_PRIVATE, fetch);
    SET(CURLOPT_HEADERFUNCTION, on_head);
    SET(CURLOPT_HEADERDATA, fetch);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, fetch);
    SET(CURLOPT_OPENSOCKETFUNCTION, http_socket_open);
    SET(CURLOPT_OPENSOCKETDATA, fetch);
    SET(CURLOPT_CLOSESOCKETFUNCTION, http_socket_close);
    SET(CURLOPT_CLOSESOCKETDATA, http);
    SET(CURLOPT_USERAGENT, http->config.user_agent);
    if (http->config.credentials != NULL) {
        SET(CURLOPT_USERPWD, http->config.credentials);
        SET(CURLOPT_HTTPAUTH, (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    }
    int rc = http_wire_dress(fetch);
    return rc != 0 ? rc : dress_tls(http, easy);
}

/* "host:port:address:port": the connection goes there while URL, Host and SNI stay the server's. */
static int set_route(struct live_http_fetch *fetch, const struct http_place *place, sim_addr addr,
                     uint16_t port)
{
    CURL *easy = fetch->easy;
    char text[SIM_ADDR_TEXT_MAX];
    bool needed = !place->numeric || place->addr != addr || place->port != port;

    free(fetch->route.data);
    fetch->route.data = NULL;
    if (needed && asprintf(&fetch->route.data, "%s:%u:%s:%u", place->host, (unsigned)place->port,
                           sim_addr_format(addr, text), (unsigned)port) < 0) {
        fetch->route.data = NULL;
        return SIM_ENOMEM;
    }
    SET(CURLOPT_CONNECT_TO, needed ? &fetch->route : NULL);
    return 0;
}

int http_request_set(struct live_http_fetch *fetch)
{
    const struct live_fetch_target *target = &fetch->target;
    CURL *easy = fetch->easy;
    char text[SIM_ADDR_TEXT_MAX], device[5 + SIM_ADDR_TEXT_MAX];

    fetch->head_bytes = 0;
    fetch->judged = false;
    fetch->takes_body = false;
    fetch->head_whole = false;
    fetch->promised = UINT64_MAX;
    SET(CURLOPT_URL, target->url);
    if (!target->keep_alive) {
        /* Nobody else gets this connection, so it needs no mark: http_socket_open() binds it. */
        SET(CURLOPT_INTERFACE, (char *)NULL);
        fetch->dressed_source = 0;
    } else if (fetch->dressed_source != target->source) {
        /* Kept connections are told apart by this. Without the prefix libcurl first looks for a
         * network card of that name. */
        snprintf(device, sizeof(device), "host!%s", sim_addr_format(target->source, text));
        SET(CURLOPT_INTERFACE, device);
        fetch->dressed_source = target->source;
    }
    SET(CURLOPT_FRESH_CONNECT, target->keep_alive ? 0L : 1L);
    SET(CURLOPT_FORBID_REUSE, target->keep_alive ? 0L : 1L);
    /* Not CURLOPT_RESUME_FROM: that makes an error of a server that answers with the whole file. */
    if (target->offset > 0) {
        snprintf(fetch->range, sizeof(fetch->range), "%" PRIu64 "-", target->offset);
    }
    SET(CURLOPT_RANGE, target->offset > 0 ? fetch->range : NULL);
    return set_route(fetch, &fetch->place, target->connect_addr, target->connect_port);
}

/* ---- Redirects ---- */

/* Where a redirect may lead. 0, or a status with a reason; `*addr`: what to dial. */
static int check_redirect(struct live_http_fetch *fetch, const char *url, struct http_place *place,
                          sim_addr *addr, char *why)
{
    char text[HTTP_TEXT_MAX];
    int rc = strlen(url) < HTTP_URL_MAX ? http_place_read(url, place) : SIM_EINVAL;
    bool same_host;

    http_url_text(url, text);
    if (rc != 0) {
        snprintf(why, SIM_WORLD_REASON_MAX, "redirected to %.120s: no HTTP or HTTPS address", text);
        return rc == SIM_ENOMEM ? rc : SIM_EPROTO;
    }
    if (fetch->redirects == HTTP_REDIRECTS_MAX) {
        snprintf(why, SIM_WORLD_REASON_MAX, "redirected more than %d times, at last to %.120s",
                 HTTP_REDIRECTS_MAX, text);
        return SIM_EPROTO;
    }
    same_host = is_same_host(place, &fetch->place);
    if (!same_host && !(place->numeric &&
                        (sim_addr_is_loopback(place->addr) || sim_addr_is_private(place->addr)))) {
        snprintf(why, SIM_WORLD_REASON_MAX,
                 "redirected to %.100s: not the server, not a loopback or private address", text);
        return SIM_EACCES;
    }
    if (!is_direct(fetch) && !(same_host && place->port == fetch->place.port)) {
        snprintf(why, SIM_WORLD_REASON_MAX,
                 "redirected to %.100s: the emulated line leads to %.40s:%u only", text,
                 fetch->place.host, (unsigned)fetch->place.port);
        return SIM_EUNSUPPORTED;
    }
    *addr = same_host ? fetch->target.connect_addr : place->addr;
    return 0;
}

static int set_redirect(struct live_http_fetch *fetch, const char *url,
                        const struct http_place *place, sim_addr addr)
{
    CURL *easy = fetch->easy;
    bool same_server = is_same_host(place, &fetch->place) && place->port == fetch->place.port &&
                       place->https == fetch->place.https;
    char *copy = strdup(url);

    if (copy == NULL) {
        return SIM_ENOMEM;
    }
    free(fetch->redirect_url);
    fetch->redirect_url = copy;
    fetch->redirects++;
    fetch->head_bytes = 0;
    fetch->judged = false;
    SET(CURLOPT_URL, copy);
    if (!same_server && fetch->http->config.credentials != NULL) {
        SET(CURLOPT_USERPWD, (char *)NULL); /* the login is the server's business alone */
        fetch->stripped = true;
    }
    return set_route(fetch, place, addr, same_server ? fetch->target.connect_port : place->port);
}

bool http_request_redirected(struct live_http_fetch *fetch, int *status, char *why)
{
    struct http_place place;
    const char *url = NULL;
    sim_addr addr = 0;

    curl_easy_getinfo(fetch->easy, CURLINFO_REDIRECT_URL, &url);
    if (url == NULL) {
        return false;
    }
    *status = check_redirect(fetch, url, &place, &addr, why);
    if (*status == 0) {
        *status = set_redirect(fetch, url, &place, addr);
    }
    return *status == 0;
}
