/* sim/tap/world.c -- calls go in, notices come out. See world.h and inner.h. */
#include "sim/tap/world.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/tap/inner.h"
#include "sim/tftp/packet.h"

enum {
    NODES_FIRST = 64, /* room at first */
};

struct tap_node *tap_node_of(const struct sim_tap_world *t, sim_node node)
{
    uint32_t index = node - t->first_node;

    return t->first_node != SIM_NODE_NONE && index < t->nodes_cap ? t->nodes[index] : NULL;
}

uint16_t tap_port(struct tap_node *n)
{
    return (uint16_t)(TAP_PORT_FIRST + n->ports++ % TAP_PORTS);
}

/* ---- Datagrams ---- */

void tap_datagram(struct sim_tap_world *t, const struct tap_node *n, sim_time at, bool up,
                  sim_addr other, sim_node other_node, uint16_t port, uint16_t other_port,
                  const uint8_t *bytes, size_t bytes_len, size_t len)
{
    struct sim_packet packet = {
        .at = at,
        .site = n->site,
        .from_node = up ? n->number : other_node,
        .to_node = up ? other_node : n->number,
        .from = up ? n->addr : other,
        .to = up ? other : n->addr,
        .from_port = up ? port : other_port,
        .to_port = up ? other_port : port,
        .payload_len = (uint32_t)len,
        .bytes = bytes,
        .bytes_len = bytes_len,
    };

    tap_write(t, &packet);
}

static int tap_send(struct sim_world *w, sim_node node, sim_addr to, const void *bytes, size_t len)
{
    struct sim_tap_world *t = tap_of(w);
    int rc = sim_world_send(t->inner, node, to, bytes, len);
    const struct tap_node *n = tap_node_of(t, node), *other = tap_map_get(&t->by_addr, to);

    if (rc == 0 && n != NULL) {
        tap_datagram(t, n, sim_world_now(t->inner), true, to,
                     other != NULL ? other->number : SIM_NODE_NONE, t->config.peer_port,
                     t->config.peer_port, bytes, len, len);
    }
    return rc;
}

static int tap_broadcast(struct sim_world *w, sim_node node, const void *bytes, size_t len)
{
    struct sim_tap_world *t = tap_of(w);
    int rc = sim_world_broadcast(t->inner, node, bytes, len);
    const struct tap_node *n = tap_node_of(t, node);

    if (rc == 0 && n != NULL) {
        tap_datagram(t, n, sim_world_now(t->inner), true, SIM_TAP_BROADCAST, SIM_NODE_NONE,
                     t->config.peer_port, t->config.peer_port, bytes, len, len);
    }
    return rc;
}

void sim_tap_world_tftp(struct sim_tap_world *t, sim_node node, uint64_t transfer, bool up,
                        const uint8_t *bytes, size_t bytes_len, size_t len)
{
    const struct tap_node *n = tap_node_of(t, node);
    uint64_t mix = sim_rng_mix(transfer);
    bool is_request = up && bytes_len >= 2 && bytes[1] == SIM_TFTP_RRQ;

    if (n != NULL) {
        tap_datagram(t, n, sim_world_now(t->inner), up, t->config.wan_server.addr, SIM_NODE_NONE,
                     (uint16_t)(TAP_PORT_FIRST + mix % TAP_PORTS),
                     is_request ? t->config.wan_server.tftp_port
                                : (uint16_t)(TAP_TID_FIRST + (mix >> 32) % TAP_TIDS),
                     bytes, bytes_len, len);
    }
}

/* ---- Notices that pass through ---- */

static void on_wake(void *self, sim_time now)
{
    const struct tap_node *n = self;
    n->ops->wake(n->self, now);
}

static void on_datagram(void *self, sim_time now, const struct sim_datagram *datagram)
{
    const struct tap_node *n = self;
    n->ops->datagram(n->self, now, datagram);
}

static size_t on_input(void *self, sim_time now, sim_stream stream, const uint8_t *bytes,
                       size_t len)
{
    const struct tap_node *n = self;
    return n->ops->stream_input(n->self, now, stream, bytes, len);
}

static const struct sim_node_ops node_ops = {
    .wake = on_wake,
    .datagram = on_datagram,
    .stream_opened = tap_stream_opened,
    .stream_input = on_input,
    .body_progress = tap_body_progress,
    .body_received = tap_body_received,
    .body_sent = tap_body_sent,
    .stream_closed = tap_stream_closed,
    .fetch_progress = tap_fetch_progress,
    .fetch_done = tap_fetch_done,
};

/* ---- Nodes ---- */

static bool make_room(struct sim_tap_world *t, sim_node number)
{
    uint32_t index = number - t->first_node, cap = t->nodes_cap > 0 ? t->nodes_cap : NODES_FIRST;

    while (cap <= index) {
        cap *= 2;
    }
    if (cap > t->nodes_cap) {
        struct tap_node **grown = realloc(t->nodes, cap * sizeof(struct tap_node *));
        if (grown == NULL) {
            return false;
        }
        memset(grown + t->nodes_cap, 0, (cap - t->nodes_cap) * sizeof(struct tap_node *));
        t->nodes = grown;
        t->nodes_cap = cap;
    }
    return true;
}

static sim_node tap_add_node(struct sim_world *w, uint32_t site, sim_addr addr, uint64_t id,
                             const struct sim_node_ops *ops, void *self)
{
    struct sim_tap_world *t = tap_of(w);
    struct tap_node *n = calloc(1, sizeof(*n));

    if (n == NULL) {
        return SIM_NODE_NONE;
    }
    *n = (struct tap_node){.tap = t, .ops = ops, .self = self, .site = site, .addr = addr};
    n->number = sim_world_add_node(t->inner, site, addr, id, &node_ops, n);
    if (n->number != SIM_NODE_NONE && t->first_node == SIM_NODE_NONE) {
        t->first_node = n->number; /* numbers rise */
    }
    if (n->number == SIM_NODE_NONE || !make_room(t, n->number)) {
        free(n);
        return SIM_NODE_NONE;
    }
    t->nodes[n->number - t->first_node] = n;
    t->failed |= addr != 0 && !tap_map_put(&t->by_addr, addr, n);
    return n->number;
}

/* ---- Calls that pass through ---- */

static sim_time tap_now(struct sim_world *w)
{
    return sim_world_now(tap_of(w)->inner);
}

static void tap_wake_at(struct sim_world *w, sim_node node, sim_time at)
{
    sim_world_wake_at(tap_of(w)->inner, node, at);
}

static struct sim_rng *tap_rng(struct sim_world *w, sim_node node)
{
    return sim_world_rng(tap_of(w)->inner, node);
}

static int tap_listen(struct sim_world *w, sim_node node, bool on)
{
    return sim_world_listen(tap_of(w)->inner, node, on);
}

static void tap_set_tag(struct sim_world *w, sim_stream s, uint64_t tag)
{
    sim_world_stream_set_tag(tap_of(w)->inner, s, tag);
}

static uint64_t tap_tag(struct sim_world *w, sim_stream s)
{
    return sim_world_stream_tag(tap_of(w)->inner, s);
}

static sim_file tap_file_new(struct sim_world *w, sim_node node, const char *name)
{
    struct sim_tap_world *t = tap_of(w);
    sim_file file = sim_world_file_new(t->inner, node, name);
    const struct sim_content *content =
        file != 0 && t->config.catalog != NULL ? sim_catalog_find(t->config.catalog, name) : NULL;

    if (content != NULL) {
        t->failed |= !tap_map_put(&t->files, file, (void *)(uintptr_t)content); /* only read */
    }
    return file;
}

static void tap_file_free(struct sim_world *w, sim_file file)
{
    struct sim_tap_world *t = tap_of(w);

    tap_map_remove(&t->files, file);
    sim_world_file_free(t->inner, file);
}

static uint64_t tap_file_size(struct sim_world *w, sim_file file)
{
    return sim_world_file_size(tap_of(w)->inner, file);
}

static int tap_file_digest(struct sim_world *w, sim_file file, struct sim_digest *out)
{
    return sim_world_file_digest(tap_of(w)->inner, file, out);
}

static int tap_file_seal(struct sim_world *w, sim_file file)
{
    return sim_world_file_seal(tap_of(w)->inner, file);
}

static size_t tap_file_read(struct sim_world *w, sim_file file, uint64_t offset, void *bytes,
                            size_t len)
{
    return sim_world_file_read(tap_of(w)->inner, file, offset, bytes, len);
}

static void tap_record(struct sim_world *w, const struct sim_record *record)
{
    sim_world_record(tap_of(w)->inner, record);
}

static void tap_finished(struct sim_world *w, sim_node node)
{
    sim_world_finished(tap_of(w)->inner, node);
}

static void tap_set_down(struct sim_world *w, sim_node node, bool down, bool silent)
{
    struct sim_tap_world *t = tap_of(w);
    struct tap_node *n = tap_node_of(t, node);

    if (down && n != NULL) {
        tap_streams_down(t, node, silent);
        tap_fetches_down(t, n, sim_world_now(t->inner), silent);
        if (silent) {
            tap_wires_down(t, n);
        }
    }
    sim_world_set_down(t->inner, node, down, silent);
}

static void tap_set_group(struct sim_world *w, sim_node node, uint32_t group)
{
    sim_world_set_group(tap_of(w)->inner, node, group);
}

static void tap_set_corrupt(struct sim_world *w, sim_node node, bool corrupt)
{
    sim_world_set_corrupt(tap_of(w)->inner, node, corrupt);
}

static void tap_set_wan(struct sim_world *w, uint32_t site, bool up)
{
    sim_world_set_wan(tap_of(w)->inner, site, up);
}

static void tap_set_server(struct sim_world *w, bool up)
{
    sim_world_set_server(tap_of(w)->inner, up);
}

static void tap_site_stats(struct sim_world *w, uint32_t site, struct sim_site_stats *out)
{
    sim_world_site_stats(tap_of(w)->inner, site, out);
}

static const struct sim_world_ops world_ops = {
    .now = tap_now,
    .add_node = tap_add_node,
    .wake_at = tap_wake_at,
    .rng = tap_rng,
    .listen = tap_listen,
    .send = tap_send,
    .broadcast = tap_broadcast,
    .dial = tap_dial,
    .stream_send = tap_stream_send,
    .stream_send_body = tap_stream_send_body,
    .receive_body = tap_receive_body,
    .stream_close = tap_stream_close,
    .stream_set_tag = tap_set_tag,
    .stream_tag = tap_tag,
    .file_new = tap_file_new,
    .file_free = tap_file_free,
    .file_size = tap_file_size,
    .file_digest = tap_file_digest,
    .file_seal = tap_file_seal,
    .file_read = tap_file_read,
    .fetch = tap_fetch,
    .fetch_cancel = tap_fetch_cancel,
    .record = tap_record,
    .finished = tap_finished,
    .set_down = tap_set_down,
    .set_group = tap_set_group,
    .set_corrupt = tap_set_corrupt,
    .set_wan = tap_set_wan,
    .set_server = tap_set_server,
    .site_stats = tap_site_stats,
};

/* ---- Life ---- */

int sim_tap_world_new(struct sim_tap_world **out, const struct sim_tap_config *config)
{
    struct sim_tap_world *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        return SIM_ENOMEM;
    }
    t->base.ops = &world_ops;
    t->config = *config;
    t->inner = config->world;
    t->first_node = SIM_NODE_NONE;
    *out = t;
    return 0;
}

/* Forgets all nodes and what they had. */
static void clear(struct sim_tap_world *t)
{
    tap_streams_free(t);
    tap_wires_free(t);
    while (t->all_fetches != NULL) {
        struct tap_fetch *next = t->all_fetches->next;
        free(t->all_fetches);
        t->all_fetches = next;
    }
    for (uint32_t i = 0; i < t->nodes_cap; i++) {
        if (t->nodes[i] != NULL) {
            tap_https_free(t, t->nodes[i], 0, false);
            free(t->nodes[i]);
        }
    }
    free(t->nodes);
    t->nodes = NULL;
    t->nodes_cap = 0;
    t->first_node = SIM_NODE_NONE;
    tap_map_deinit(&t->by_addr);
    tap_map_deinit(&t->streams);
    tap_map_deinit(&t->fetches);
    tap_map_deinit(&t->wires);
    tap_map_deinit(&t->files);
}

int sim_tap_world_restart(struct sim_tap_world *t, const struct sim_tap_config *config)
{
    clear(t);
    t->config = *config;
    t->inner = config->world;
    return 0;
}

void sim_tap_world_free(struct sim_tap_world *t)
{
    if (t != NULL) {
        clear(t);
        free(t);
    }
}

struct sim_world *sim_tap_world(struct sim_tap_world *t)
{
    return &t->base;
}

void sim_tap_world_sample(struct sim_tap_world *t)
{
    sim_time now = sim_world_now(t->inner);

    tap_streams_sample(t, now);
    tap_fetches_sample(t, now);
}

void sim_tap_world_end(struct sim_tap_world *t, sim_time now)
{
    tap_streams_sample(t, now);
    tap_fetches_sample(t, now);
    tap_fetches_end(t, now);
    tap_wires_end(t);
    for (uint32_t i = 0; i < t->nodes_cap; i++) {
        if (t->nodes[i] != NULL) {
            tap_https_free(t, t->nodes[i], now, true);
        }
    }
}

bool sim_tap_world_failed(const struct sim_tap_world *t)
{
    return t->failed;
}
