/* sim/tap/fetch.c -- requests to the server: when, how fast, over which connection. See inner.h.
 *
 * Of worlds without sockets: what these tell becomes packets in wire.c. A fetch is drawn when it
 * has ended: only then its first byte's instant is known. Until then its progress is kept, a
 * bounded number of points. What it looks like: draw.c. */
#include <stdlib.h>
#include <string.h>

#include "sim/tap/inner.h"

static bool is_tftp(const struct tap_fetch *f)
{
    return f->protocol == SIM_PROTOCOL_TFTP;
}

sim_addr tap_server_at(const struct sim_tap_world *t, uint32_t site, enum sim_server_place place)
{
    /* The load server of a site is at its gateway. */
    return place == SIM_SERVER_WAN ? t->config.wan_server.addr : (tap_site(t, site)->base | 1);
}

sim_addr tap_server_of(const struct sim_tap_world *t, const struct tap_fetch *f, uint16_t *port)
{
    const struct sim_tap_server *s = &t->config.wan_server;

    switch ((enum sim_protocol)f->protocol) {
    case SIM_PROTOCOL_TFTP:
        *port = s->tftp_port;
        break;
    case SIM_PROTOCOL_HTTP:
        *port = s->http_port;
        break;
    case SIM_PROTOCOL_HTTPS:
        *port = s->https_port;
        break;
    }
    return tap_server_at(t, f->node->site, (enum sim_server_place)f->place);
}

sim_duration tap_round_trip(const struct sim_tap_world *t, const struct tap_fetch *f)
{
    const struct sim_site_setup *setup = tap_site(t, f->node->site);

    return f->place == SIM_SERVER_LAN ? 4 * setup->lan.latency
           : setup->wan.none          ? 0
                                      : setup->wan.rtt;
}

/* ---- Connections ---- */

static void free_http(struct tap_node *n, struct tap_http *http)
{
    struct tap_http **link = &n->https;

    while (*link != http) {
        link = &(*link)->next;
    }
    *link = http->next;
    free(http);
}

/* Who has been idle for too long has gone by now. */
static void close_idle(struct sim_tap_world *t, struct tap_node *n, sim_time now)
{
    for (struct tap_http *next, *h = n->https; h != NULL; h = next) {
        next = h->next;
        if (!h->busy && sim_time_since(now, h->tcp.last) > TAP_IDLE_LIMIT) {
            tap_tcp_fin(t, &h->tcp, 0, sim_time_add(h->tcp.last, TAP_IDLE_LIMIT));
            tap_tcp_fin(t, &h->tcp, 1, h->tcp.last);
            free_http(n, h);
        }
    }
}

void tap_https_free(struct sim_tap_world *t, struct tap_node *n, sim_time now, bool closes)
{
    while (n->https != NULL) {
        struct tap_http *h = n->https;

        if (closes && !h->fresh) {
            sim_time at = sim_time_add(h->tcp.last, TAP_IDLE_LIMIT);

            tap_tcp_fin(t, &h->tcp, 0, at < now ? at : now);
            tap_tcp_fin(t, &h->tcp, 1, h->tcp.last);
        }
        free_http(n, h);
    }
}

static struct tap_http *connection_of(struct sim_tap_world *t, const struct tap_fetch *f)
{
    struct tap_node *n = f->node;
    uint16_t port = 0;

    close_idle(t, n, f->began);
    for (struct tap_http *h = n->https; h != NULL; h = h->next) {
        if (!h->busy && h->place == f->place && h->protocol == f->protocol) {
            h->busy = true;
            return h;
        }
    }
    struct tap_http *h = calloc(1, sizeof(*h));
    if (h == NULL) {
        return NULL;
    }
    sim_addr server = tap_server_of(t, f, &port);
    h->place = f->place;
    h->protocol = f->protocol;
    h->busy = h->fresh = true;
    h->tcp.ends[0] = (struct tap_end){.node = n->number, .addr = n->addr, .port = tap_port(n)};
    h->tcp.ends[1] = (struct tap_end){.node = SIM_NODE_NONE, .addr = server, .port = port};
    tap_tcp_init(&h->tcp, n->site, f->began);
    h->next = n->https;
    n->https = h;
    return h;
}

/* ---- Beginning ---- */

static void describe(struct sim_tap_world *t, struct tap_fetch *f,
                     const struct sim_fetch_request *request)
{
    f->place = (uint8_t)request->place;
    f->protocol = (uint8_t)request->protocol;
    f->file = request->file;
    f->size = request->file != 0 ? sim_world_file_size(t->inner, request->file) : 0;
    f->offset = f->size;
    f->began = sim_world_now(t->inner);
    f->body.content =
        t->config.catalog != NULL ? sim_catalog_find(t->config.catalog, request->path) : NULL;
    f->body.offset = is_tftp(f) ? 0 : f->offset;
    if (f->body.content != NULL && f->body.content->size >= f->body.offset) {
        f->total = f->body.content->size - f->body.offset;
    }
}

int tap_fetch(struct sim_world *world, sim_node node, const struct sim_fetch_request *request,
              sim_fetch *out)
{
    struct sim_tap_world *t = tap_of(world);
    struct tap_node *n = tap_node_of(t, node);
    size_t len = strnlen(request->path, SIM_WORLD_PATH_MAX);

    if (t->config.has_wire) {
        return sim_world_fetch(t->inner, node, request, out);
    }
    struct tap_fetch *f = n != NULL ? calloc(1, sizeof(*f) + len + 1) : NULL;

    if (f != NULL) {
        f->node = n;
        memcpy(f->path, request->path, len);
        describe(t, f, request);
    }
    int rc = sim_world_fetch(t->inner, node, request, out);
    if (rc != 0 || f == NULL) {
        t->failed |= rc == 0;
        free(f);
        return rc;
    }
    f->handle = *out;
    if ((!is_tftp(f) && (f->http = connection_of(t, f)) == NULL) ||
        !tap_map_put(&t->fetches, f->handle, f)) {
        t->failed = true;
        free(f);
        return rc;
    }
    f->next = t->all_fetches;
    if (f->next != NULL) {
        f->next->before = f;
    }
    t->all_fetches = f;
    return rc;
}

/* ---- Progress ---- */

/* Every other point goes when there are too many. */
static void add_sample(struct tap_fetch *f, sim_time at, uint64_t bytes)
{
    if (f->samples_len > 0 && bytes <= f->samples[f->samples_len - 1].bytes) {
        return;
    }
    if (f->samples_len == TAP_SAMPLES_MAX) {
        f->samples_len = 0;
        for (size_t i = 1; i < TAP_SAMPLES_MAX; i += 2) {
            f->samples[f->samples_len++] = f->samples[i];
        }
    }
    f->samples[f->samples_len++] = (struct tap_sample){at, bytes};
}

static void sample(struct sim_tap_world *t, struct tap_fetch *f, sim_time now)
{
    uint64_t size = f->file != 0 ? sim_world_file_size(t->inner, f->file) : 0;

    if (size > f->size) { /* TFTP begins anew, and drops what the copy has */
        add_sample(f, now, size - f->size + (is_tftp(f) ? f->offset : 0));
    }
}

void tap_fetches_sample(struct sim_tap_world *t, sim_time now)
{
    for (struct tap_fetch *f = t->all_fetches; f != NULL; f = f->next) {
        sample(t, f, now);
    }
}

void tap_fetch_progress(void *self, sim_time now, sim_fetch fetch, uint64_t size)
{
    struct tap_node *n = self;
    struct tap_fetch *f = tap_map_get(&n->tap->fetches, fetch);

    if (f != NULL) {
        sample(n->tap, f, now);
    }
    n->ops->fetch_progress(n->self, now, fetch, size);
}

/* ---- The end ---- */

static void finish(struct sim_tap_world *t, struct tap_fetch *f, const struct tap_outcome *o)
{
    struct tap_node *n = f->node;

    if (!is_tftp(f)) {
        tap_draw_http(t, f, o);
        f->http->busy = false;
        if (f->http->tcp.over) {
            free_http(n, f->http);
        }
    } else if (f->place == SIM_SERVER_LAN || !t->config.has_tftp ||
               tap_site(t, n->site)->wan.none) {
        tap_draw_tftp(t, f, o);
    }
    tap_map_remove(&t->fetches, f->handle);
    if (f->next != NULL) {
        f->next->before = f->before;
    }
    *(f->before != NULL ? &f->before->next : &t->all_fetches) = f->next;
    free(f);
}

void tap_fetch_done(void *self, sim_time now, sim_fetch fetch,
                    const struct sim_fetch_result *result)
{
    struct tap_node *n = self;
    struct tap_fetch *f = tap_map_get(&n->tap->fetches, fetch);

    if (f != NULL) {
        const struct tap_outcome outcome = {
            .status = result->status,
            .code = result->code,
            .first = result->first_byte,
            .now = now,
        };

        add_sample(f, now, result->bytes);
        if (result->status == 0) {
            f->total = result->bytes;
        }
        if (result->data != NULL && result->data_len >= result->bytes) {
            f->body = (struct tap_body){.bytes = result->data};
        }
        finish(n->tap, f, &outcome);
    }
    n->ops->fetch_done(n->self, now, fetch, result);
}

/* It ends without its node being told. */
static void cut(struct sim_tap_world *t, struct tap_fetch *f, sim_time now, int status)
{
    const struct tap_outcome outcome = {
        .status = status,
        .code = -1,
        .first = f->samples_len > 0 ? f->samples[0].at : SIM_NEVER,
        .now = now,
    };

    finish(t, f, &outcome);
}

void tap_fetch_cancel(struct sim_world *world, sim_fetch fetch)
{
    struct sim_tap_world *t = tap_of(world);
    struct tap_fetch *f = tap_map_get(&t->fetches, fetch);

    if (f != NULL) {
        sim_time now = sim_world_now(t->inner);

        sample(t, f, now);
        cut(t, f, now, SIM_ECANCELED);
    }
    sim_world_fetch_cancel(t->inner, fetch);
}

/* SIM_ECLOSED: the power went, nothing more is said. */
void tap_fetches_down(struct sim_tap_world *t, struct tap_node *n, sim_time now, bool silent)
{
    for (struct tap_fetch *next, *f = t->all_fetches; f != NULL; f = next) {
        next = f->next;
        if (f->node == n) {
            sample(t, f, now);
            cut(t, f, now, silent ? SIM_ECLOSED : SIM_ECANCELED);
        }
    }
    tap_https_free(t, n, now, !silent);
}

void tap_fetches_end(struct sim_tap_world *t, sim_time now)
{
    while (t->all_fetches != NULL) {
        cut(t, t->all_fetches, now, SIM_ECLOSED);
    }
}
