/* sim/live/world_fetch.c -- requests to the server: which way, what protocol, whose bytes. See
 * inner.h.
 *
 * Maps the seam's fetch onto http.c or tftp_client.c. Server traffic of a site with a line goes
 * to the site's relay, under the server's own URL; the site's load server and a line that is
 * none are reached straight. Leaves out the moving of bytes, and trying again: that is the
 * phone's decision. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/line.h"
#include "sim/live/inner.h"
#include "sim/wan/wan.h"

enum {
    URL_MAX = 256 + 3 * 2 * SIM_WORLD_PATH_MAX + 64, /* host, base and path percent-encoded */
    TFTP_HEADERS = SIM_LINE_DATAGRAM_HEAD + SIM_LINE_TFTP,
    REQUEST_BYTES = 200, /* about what an HTTP request of a phone has, for a line that is none */
    RRQ_BYTES = 60,      /* about what a read request with options has */
    SMALL_FIRST = 4096,  /* bytes of room for a small file at first; doubles */
};

static_assert(SIM_LINE_SEGMENT + SIM_LINE_SEGMENT_HEAD == SIM_LINE_MTU &&
                  SIM_LINE_SEGMENT == (int)SIM_WAN_MSS &&
                  SIM_LINE_SEGMENT_HEAD == (int)SIM_WAN_TCP_OVERHEAD &&
                  SIM_LINE_DATAGRAM_HEAD == (int)SIM_WAN_UDP_OVERHEAD,
              "a line that is none counts like one");

struct live_request {
    struct live_soon soon;
    struct live_node *node;
    struct live_request *next, *before; /* of the node */
    uint64_t handle;
    enum sim_server_place place;
    enum sim_protocol protocol;
    bool is_firmware;
    bool direct; /* over a line that is none */
    struct live_http_fetch *http;
    struct live_tftp_fetch *tftp;
    struct live_file *file; /* NULL: a small file */
    bool file_lost;
    uint8_t *small;
    size_t small_len, small_cap;
    uint64_t bytes, notify_every, notify_left;
    sim_time first_byte;
    bool progress_due;
    int fail; /* to be told soon; 0: nothing */
    const char *fail_reason;
    char *url, *path;
};

/* ---- Counting ---- */

static bool is_wan(const struct live_request *r)
{
    return r->place == SIM_SERVER_WAN;
}

/* Bytes of a body of that length as packets, the way the contract counts them. */
static uint64_t packet_bytes(const struct live_request *r, uint64_t bytes)
{
    const struct live_world *w = r->node->world;
    uint64_t unit =
        r->protocol == SIM_PROTOCOL_TFTP ? w->live->config.server->block_size : SIM_LINE_SEGMENT;
    uint64_t headers = r->protocol == SIM_PROTOCOL_TFTP ? TFTP_HEADERS : SIM_LINE_SEGMENT_HEAD;

    return bytes + (bytes + unit - 1) / unit * headers;
}

static void count_body(struct live_request *r, sim_time now, uint64_t bytes, bool resent)
{
    struct sim_site_stats *stats = &r->node->site->stats;
    uint64_t before = packet_bytes(r, r->bytes);

    r->bytes += bytes;
    if (!is_wan(r)) {
        stats->lan_payload_bytes += bytes;
        return;
    }
    if (r->is_firmware) {
        stats->wan_payload_bytes += bytes;
        stats->wan_resent_bytes += resent ? bytes : 0;
    } else {
        stats->wan_config_bytes += bytes;
    }
    if (r->direct) {
        live_site_note_direct(r->node->site, now, packet_bytes(r, r->bytes) - before);
    }
}

/* What only the end of a request tells: what went up. */
static void count_end(struct live_request *r, int status, uint64_t bytes)
{
    struct sim_site_stats *stats = &r->node->site->stats;

    stats->fetches_now--;
    if (status != 0 && status != SIM_ENOTFOUND) {
        stats->fetch_errors++;
        stats->fetch_refused += status == SIM_EBUSY;
    }
    if (!r->direct || !is_wan(r)) {
        return;
    }
    if (r->protocol == SIM_PROTOCOL_TFTP) {
        uint64_t window = (uint64_t)r->node->world->live->config.server->block_size *
                          r->node->world->live->config.server->window;
        stats->wan_up_bytes += RRQ_BYTES + (bytes + window - 1) / window * TFTP_HEADERS;
    } else {
        stats->wan_up_bytes +=
            REQUEST_BYTES + SIM_LINE_SEGMENT_HEAD +
            (bytes + 2 * SIM_LINE_SEGMENT - 1) / (2 * SIM_LINE_SEGMENT) * SIM_LINE_SEGMENT_HEAD;
    }
}

/* ---- The end ---- */

/* An idle phone costs no descriptor: three of them, with a relay, would stand for each that has
 * been served. */
void live_request_forget(struct live_node *n)
{
    struct live_world *w = n->world;

    live_timer_clear(w->loop, &n->idle);
    if (w->http != NULL && n->addr != 0) {
        live_http_forget(w->http, n->addr);
    }
}

void live_request_idle_fire(struct live_timer *timer, sim_time now)
{
    (void)now;
    live_request_forget((struct live_node *)((char *)timer - offsetof(struct live_node, idle)));
}

/* Nobody finds it any more. */
static void request_unlink(struct live_request *r)
{
    live_soon_remove(&r->soon);
    live_handles_remove(&r->node->world->requests, r->handle);
    if (r->before != NULL) {
        r->before->next = r->next;
    } else {
        r->node->requests = r->next;
    }
    if (r->next != NULL) {
        r->next->before = r->before;
    }
    if (r->node->requests == NULL && r->protocol != SIM_PROTOCOL_TFTP) {
        struct live_loop *loop = r->node->world->loop;

        live_timer_set(loop, &r->node->idle, live_loop_now(loop) + LIVE_IDLE_LIMIT);
    }
}

static void request_free(struct live_request *r)
{
    free(r->small);
    free(r->url);
    free(r->path);
    free(r);
}

static void cancel_driver(struct live_request *r)
{
    if (r->http != NULL) {
        live_http_cancel(r->http);
    }
    if (r->tftp != NULL) {
        live_tftp_cancel(r->tftp);
    }
    r->http = NULL;
    r->tftp = NULL;
}

static void tell_done(struct live_request *r, const struct sim_fetch_result *result)
{
    struct live_node *n = r->node;
    sim_fetch handle = r->handle;

    count_end(r, result->status, result->bytes);
    request_unlink(r); /* dead already when the node hears of it */
    n->world->events++;
    n->ops->fetch_done(n->self, live_loop_now(n->world->loop), handle, result);
    request_free(r);
}

static void fail_soon(struct live_request *r, int status, const char *reason)
{
    if (r->fail != 0) {
        return;
    }
    r->fail = status;
    r->fail_reason = reason;
    live_soon_add(r->node->world, &r->soon);
}

static void on_soon(struct live_soon *soon, sim_time now)
{
    struct live_request *r =
        (struct live_request *)((char *)soon - offsetof(struct live_request, soon));

    if (r->fail != 0) {
        struct sim_fetch_result result = {.status = r->fail,
                                          .code = -1,
                                          .bytes = r->bytes,
                                          .first_byte = r->first_byte,
                                          .reason = r->fail_reason};
        cancel_driver(r);
        tell_done(r, &result);
    } else if (r->progress_due) {
        r->progress_due = false;
        r->node->world->events++;
        r->node->ops->fetch_progress(r->node->self, now, r->handle,
                                     r->file != NULL ? r->file->size : r->small_len);
    }
}

/* ---- What the drivers tell ---- */

static int take_small(struct live_request *r, const uint8_t *bytes, size_t len)
{
    size_t cap = r->small_cap == 0 ? SMALL_FIRST : r->small_cap;
    uint8_t *small;

    if (len > SIM_WORLD_SMALL_MAX - r->small_len) {
        return SIM_ELIMIT;
    }
    while (cap < r->small_len + len) {
        cap *= 2;
    }
    if (cap > r->small_cap) {
        small = realloc(r->small, cap);
        if (small == NULL) {
            return SIM_ENOMEM;
        }
        r->small = small;
        r->small_cap = cap;
    }
    memcpy(r->small + r->small_len, bytes, len);
    r->small_len += len;
    return 0;
}

static int on_body(void *owner, const uint8_t *bytes, size_t len)
{
    struct live_request *r = owner;
    sim_time now = live_loop_now(r->node->world->loop);
    int rc;

    if (r->fail != 0 || r->file_lost) {
        return r->fail != 0 ? r->fail : SIM_ECANCELED;
    }
    if (r->first_byte == SIM_NEVER) {
        r->first_byte = now;
    }
    count_body(r, now, len, false);
    rc = r->file != NULL ? live_file_append(r->file, bytes, len) : take_small(r, bytes, len);
    if (rc != 0 || r->notify_every == 0) {
        return rc;
    }
    if (len < r->notify_left) {
        r->notify_left -= len;
    } else {
        /* Told from a later turn: the node may then cancel, which a driver in the middle of a
         * body can't. */
        r->notify_left = r->notify_every - (len - r->notify_left) % r->notify_every;
        r->progress_due = true;
        live_soon_add(r->node->world, &r->soon);
    }
    return 0;
}

static void on_done(void *owner, const struct sim_fetch_result *driver, uint64_t resent)
{
    struct live_request *r = owner;
    struct sim_fetch_result result = *driver;

    r->http = NULL;
    r->tftp = NULL;
    count_body(r, live_loop_now(r->node->world->loop), resent, true);
    result.bytes = r->bytes;
    if (r->first_byte < result.first_byte) {
        result.first_byte = r->first_byte;
    }
    if (r->fail != 0) { /* ours came first */
        result.status = r->fail;
        result.reason = r->fail_reason;
    }
    if (r->file == NULL && !r->file_lost && result.status == 0) {
        static const uint8_t nothing[1];

        result.data = r->small != NULL ? r->small : nothing;
        result.data_len = r->small_len;
    }
    if (result.reason == NULL) {
        result.reason = "";
    }
    tell_done(r, &result);
}

static const struct live_fetch_ops driver_ops = {.body = on_body, .done = on_done};

/* ---- Where to ---- */

static bool is_unreserved(unsigned char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           strchr("-._~/", c) != NULL;
}

/* Percent-encodes all but '/' and what RFC 3986 leaves alone. */
static size_t encode(const char *text, char *out)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t len = 0;

    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (is_unreserved(c)) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = hex[c >> 4];
            out[len++] = hex[c & 15];
        }
    }
    out[len] = '\0';
    return len;
}

static char *make_url(const struct sim_live_server *server, enum sim_protocol protocol,
                      const char *path)
{
    char url[URL_MAX];
    bool tls = protocol == SIM_PROTOCOL_HTTPS;
    int len = snprintf(url, sizeof(url) - 3 * SIM_WORLD_PATH_MAX, "%s://%s:%u%s/",
                       tls ? "https" : "http", server->host,
                       (unsigned)(tls ? server->https_port : server->http_port), server->base);

    if (len < 0 || (size_t)len >= sizeof(url) - 3 * SIM_WORLD_PATH_MAX) {
        return NULL;
    }
    encode(path, url + len);
    return strdup(url);
}

/* The name in an RRQ: the server's base is part of it, without the leading '/'. */
static char *make_name(const struct sim_live_server *server, const char *path)
{
    char name[2 * SIM_WORLD_PATH_MAX];
    const char *base = server->base[0] == '/' ? server->base + 1 : server->base;

    snprintf(name, sizeof(name), "%s%s%s", base, base[0] != '\0' ? "/" : "", path);
    return strdup(name);
}

/* The true address, or the relay's. False: that protocol is not to be had there. */
static bool find_way(const struct live_request *r, struct live_fetch_target *target)
{
    const struct sim_live_config *config = &r->node->world->live->config;
    const struct live_site *site = r->node->site;
    const struct sim_live_server *server = is_wan(r) ? &config->wan_server : &config->lan_server;
    const struct live_relay *relay = is_wan(r) ? site->relay : site->load_relay;

    switch (r->protocol) {
    case SIM_PROTOCOL_HTTP:
        target->connect_addr = server->http_addr;
        target->connect_port = server->http_port;
        break;
    case SIM_PROTOCOL_HTTPS:
        target->connect_addr = server->https_addr;
        target->connect_port = server->https_port;
        break;
    case SIM_PROTOCOL_TFTP:
        target->connect_addr = server->tftp_addr;
        target->connect_port = server->tftp_port;
        break;
    }
    if (target->connect_addr == 0) {
        return false;
    }
    if (relay != NULL) {
        target->connect_addr = site->setup->base + 1; /* the gateway */
        target->connect_port = r->protocol == SIM_PROTOCOL_HTTP    ? live_relay_tcp_port(relay)
                               : r->protocol == SIM_PROTOCOL_HTTPS ? live_relay_tcp2_port(relay)
                                                                   : live_relay_udp_port(relay);
    }
    return target->connect_port != 0;
}

static int start_driver(struct live_request *r, const char *path)
{
    struct live_world *w = r->node->world;
    const struct sim_live_config *config = &w->live->config;
    const struct sim_live_server *server = is_wan(r) ? &config->wan_server : &config->lan_server;
    struct live_fetch_target target = {
        .protocol = r->protocol,
        .place = r->place,
        .source = r->node->addr,
        .offset = r->file != NULL ? r->file->size : 0,
        .keep_alive = config->server->keep_alive,
        .body_max = r->file != NULL ? 0 : SIM_WORLD_SMALL_MAX,
    };

    if (!find_way(r, &target)) {
        fail_soon(r, SIM_EREFUSED, "the server does not offer this protocol");
        return 0;
    }
    if (r->direct && w->server_down) {
        fail_soon(r, SIM_EREFUSED, "the server is down");
        return 0;
    }
    if (r->protocol == SIM_PROTOCOL_TFTP) {
        r->path = make_name(server, path);
        target.path = r->path;
        return r->path == NULL ? SIM_ENOMEM
                               : live_tftp_start(w->tftp, &target, &driver_ops, r, &r->tftp);
    }
    r->url = make_url(server, r->protocol, path);
    target.url = r->url;
    return r->url == NULL ? SIM_ENOMEM
                          : live_http_start(w->http, &target, &driver_ops, r, &r->http);
}

/* ---- The seam ---- */

int live_request_start(struct sim_world *base, sim_node node,
                       const struct sim_fetch_request *request, sim_fetch *out)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);
    struct sim_site_stats *stats = &n->site->stats;
    struct live_file *f = live_file_get(w, request->file);
    struct live_request *r;
    int rc;

    if (n->addr == 0 || n->down || strlen(request->path) >= SIM_WORLD_PATH_MAX ||
        (request->file != 0 && (f == NULL || f->node != n || f->sealed))) {
        return SIM_EINVAL;
    }
    r = calloc(1, sizeof(*r));
    if (r == NULL) {
        return SIM_ENOMEM;
    }
    *r = (struct live_request){
        .soon = {.run = on_soon},
        .node = n,
        .next = n->requests,
        .place = request->place,
        .protocol = request->protocol,
        .is_firmware = request->is_firmware,
        .direct = n->site->relay == NULL,
        .file = f,
        .notify_every = request->notify_every,
        .notify_left = request->notify_every,
        .first_byte = SIM_NEVER,
    };
    r->handle = live_handles_add(&w->requests, r);
    if (r->handle == 0) {
        free(r);
        return SIM_ELIMIT;
    }
    if (n->requests != NULL) {
        n->requests->before = r;
    }
    n->requests = r;
    live_timer_clear(w->loop, &n->idle);
    rc = start_driver(r, request->path);
    if (rc != 0) {
        request_unlink(r);
        request_free(r);
        return rc;
    }
    stats->fetches++;
    stats->fetches_now++;
    if (stats->fetches_now > stats->fetches_peak) {
        stats->fetches_peak = stats->fetches_now;
    }
    *out = r->handle;
    return 0;
}

static void cancel(struct live_request *r)
{
    cancel_driver(r);
    count_end(r, 0, r->bytes); /* nobody's error */
    request_unlink(r);
    request_free(r);
}

void live_request_cancel(struct sim_world *base, sim_fetch fetch)
{
    struct live_request *r = live_handles_get(&live_world_of(base)->requests, fetch);

    if (r != NULL) {
        cancel(r);
    }
}

void live_request_cancel_all(struct live_node *n)
{
    while (n->requests != NULL) {
        cancel(n->requests);
    }
}

void live_request_lose_file(struct live_node *n, struct live_file *f)
{
    for (struct live_request *r = n->requests; r != NULL; r = r->next) {
        if (r->file == f) {
            r->file = NULL;
            r->file_lost = true;
            fail_soon(r, SIM_ECANCELED, "the copy was given up");
        }
    }
}

void live_request_reset_direct(struct live_world *w)
{
    for (size_t i = 0; i < w->by_base_len; i++) {
        struct live_site *site = w->by_base[i];

        for (size_t k = 0; site->relay == NULL && k < site->nodes_len; k++) {
            for (struct live_request *r = site->nodes[k]->requests; r != NULL; r = r->next) {
                if (is_wan(r)) {
                    fail_soon(r, SIM_ERESET, "the server went down");
                }
            }
        }
    }
}
