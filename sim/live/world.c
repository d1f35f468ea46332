/* sim/live/world.c -- nodes, alarms, faults and figures of the live world, and its table for the
 * seam.
 *
 * Leaves out what moves bytes: lan.c, stream.c, world_fetch.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/live/inner.h"

enum {
    ADDR_FIRST = 256,      /* hash places at first; doubles when half full */
    GATEWAY_OFFSET = 1,    /* .0.1 of a block is the relay's (sim/setup.h) */
    SITE_NODES_FIRST = 64, /* places of a site's list at first; doubles */
};

/* ---- Later turns ---- */

static void on_idle(uv_idle_t *handle)
{
    /* That it is active keeps libuv from sleeping in its poll; the check does the work. */
    (void)handle;
}

void live_soon_add(struct live_world *w, struct live_soon *soon)
{
    if (soon->queued) {
        return;
    }
    soon->queued = true;
    soon->next = &w->soon;
    soon->before = w->soon.before;
    soon->before->next = soon;
    w->soon.before = soon;
    uv_idle_start(&w->soon_idle, on_idle);
}

void live_soon_remove(struct live_soon *soon)
{
    if (!soon->queued) {
        return;
    }
    soon->before->next = soon->next;
    soon->next->before = soon->before;
    soon->next = soon->before = NULL;
    soon->queued = false;
}

static void on_soon(uv_check_t *handle)
{
    struct live_world *w = handle->data;
    struct live_soon mine;

    if (w->soon.next == &w->soon) {
        return;
    }
    /* What is added meanwhile waits for the next turn. */
    mine.next = w->soon.next;
    mine.before = w->soon.before;
    mine.next->before = &mine;
    mine.before->next = &mine;
    w->soon.next = w->soon.before = &w->soon;
    while (mine.next != &mine) {
        struct live_soon *soon = mine.next;

        live_soon_remove(soon);
        soon->run(soon, live_loop_now(w->loop));
    }
    if (w->soon.next == &w->soon) {
        uv_idle_stop(&w->soon_idle);
    }
}

void live_world_soon_start(struct live_world *w)
{
    w->soon.next = w->soon.before = &w->soon;
    uv_check_init(live_loop_uv(w->loop), &w->soon_check);
    w->soon_check.data = w;
    uv_check_start(&w->soon_check, on_soon);
    uv_idle_init(live_loop_uv(w->loop), &w->soon_idle);
}

void live_world_soon_close(struct live_world *w)
{
    uv_close((uv_handle_t *)&w->soon_check, NULL);
    uv_close((uv_handle_t *)&w->soon_idle, NULL);
}

/* ---- Finding nodes and sites ---- */

static struct live_node *node_of_run(const struct sim_live *live, sim_node number)
{
    struct live_node *chunk;

    assert(number < (sim_node)LIVE_NODE_CHUNK * LIVE_NODE_CHUNKS_MAX);
    chunk = atomic_load(&live->chunks[number / LIVE_NODE_CHUNK]);
    assert(chunk != NULL);
    return &chunk[number % LIVE_NODE_CHUNK];
}

struct live_node *live_node_get(struct live_world *w, sim_node node)
{
    struct live_node *n = node_of_run(w->live, node);

    assert(n->world == w && "a node of another world object");
    return n;
}

static size_t addr_place(const struct live_world *w, sim_addr addr)
{
    return (size_t)(sim_rng_mix(addr) & (w->by_addr_cap - 1));
}

struct live_node *live_node_at(struct live_world *w, sim_addr addr)
{
    if (w->by_addr_cap == 0) {
        return NULL;
    }
    for (size_t i = addr_place(w, addr); w->by_addr[i] != 0; i = (i + 1) & (w->by_addr_cap - 1)) {
        struct live_node *n = node_of_run(w->live, w->by_addr[i] - 1);

        if (n->addr == addr) {
            return n;
        }
    }
    return NULL;
}

static void addr_put(struct live_world *w, const struct live_node *n)
{
    size_t i = addr_place(w, n->addr);

    while (w->by_addr[i] != 0) {
        i = (i + 1) & (w->by_addr_cap - 1);
    }
    w->by_addr[i] = n->number + 1;
    w->by_addr_len++;
}

static bool addr_reserve(struct live_world *w)
{
    size_t old_cap = w->by_addr_cap;
    uint32_t *old = w->by_addr;

    if (w->by_addr_len * 2 < old_cap) {
        return true;
    }
    w->by_addr_cap = old_cap == 0 ? ADDR_FIRST : old_cap * 2;
    w->by_addr = calloc(w->by_addr_cap, sizeof(*w->by_addr));
    if (w->by_addr == NULL) {
        w->by_addr = old;
        w->by_addr_cap = old_cap;
        return false;
    }
    w->by_addr_len = 0;
    for (size_t i = 0; i < old_cap; i++) {
        if (old[i] != 0) {
            addr_put(w, node_of_run(w->live, old[i] - 1));
        }
    }
    free(old);
    return true;
}

bool live_site_contains(const struct live_site *site, sim_addr addr)
{
    struct sim_cidr block = {site->setup->base, site->setup->bits};

    return sim_cidr_contains(&block, addr);
}

struct live_site *live_site_at(struct live_world *w, sim_addr addr)
{
    size_t low = 0, high = w->by_base_len;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (w->by_base[middle]->setup->base <= addr) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 && live_site_contains(w->by_base[low - 1], addr) ? w->by_base[low - 1] : NULL;
}

bool live_run_has_site_at(const struct sim_live *live, sim_addr addr)
{
    for (unsigned i = 0; i < live->config.threads; i++) {
        if (live_site_at(live->worlds[i], addr) != NULL) {
            return true;
        }
    }
    return false;
}

/* ---- Nodes ---- */

static sim_time world_now(struct sim_world *base)
{
    return live_loop_now(live_world_of(base)->loop);
}

static void on_alarm(struct live_timer *timer, sim_time now)
{
    struct live_node *n = (struct live_node *)timer;

    n->world->events++;
    n->ops->wake(n->self, now);
}

static bool site_reserve(struct live_site *site)
{
    size_t cap = site->nodes_cap == 0 ? SITE_NODES_FIRST : site->nodes_cap * 2;
    struct live_node **nodes;

    if (site->nodes_len < site->nodes_cap) {
        return true;
    }
    nodes = realloc(site->nodes, cap * sizeof(struct live_node *));
    if (nodes == NULL) {
        return false;
    }
    site->nodes = nodes;
    site->nodes_cap = cap;
    return true;
}

/* Nodes are numbered through all loops; several may be adding. NULL when there is no more room. */
static struct live_node *node_place(struct sim_live *live)
{
    struct live_node *n = NULL;
    unsigned number, chunk;

    pthread_mutex_lock(&live->nodes_lock);
    number = atomic_load(&live->nodes_len);
    chunk = number / LIVE_NODE_CHUNK;
    if (chunk < LIVE_NODE_CHUNKS_MAX) {
        struct live_node *nodes = atomic_load(&live->chunks[chunk]);

        if (nodes == NULL) {
            nodes = calloc(LIVE_NODE_CHUNK, sizeof(*nodes));
            atomic_store(&live->chunks[chunk], nodes);
        }
        if (nodes != NULL) {
            n = &nodes[number % LIVE_NODE_CHUNK];
            n->number = number;
            atomic_store(&live->nodes_len, number + 1);
        }
    }
    pthread_mutex_unlock(&live->nodes_lock);
    return n;
}

static bool is_addr_free(struct live_world *w, const struct live_site *site, sim_addr addr)
{
    return live_site_contains(site, addr) && addr != site->setup->base &&
           addr != site->setup->base + GATEWAY_OFFSET && addr != site->broadcast &&
           live_node_at(w, addr) == NULL;
}

static sim_node world_add_node(struct sim_world *base, uint32_t index, sim_addr addr, uint64_t id,
                               const struct sim_node_ops *ops, void *self)
{
    struct live_world *w = live_world_of(base);
    struct live_site *site;
    struct live_node *n;

    site = live_site_get(w->live, index);
    assert(site->world == w && "a site of another world object");
    if (addr != 0 && (!is_addr_free(w, site, addr) || !addr_reserve(w) || !site_reserve(site))) {
        return SIM_NODE_NONE;
    }
    n = node_place(w->live);
    if (n == NULL) {
        return SIM_NODE_NONE;
    }
    n->world = w;
    n->site = site;
    n->ops = ops;
    n->self = self;
    n->addr = addr;
    n->alarm.fire = on_alarm;
    n->idle.fire = live_request_idle_fire;
    live_port_init(&n->port);
    sim_rng_init(&n->rng, w->live->config.seed, SIM_RNG_NODE, id);
    if (addr != 0) {
        addr_put(w, n);
        site->nodes[site->nodes_len++] = n;
    }
    return n->number;
}

static void world_wake_at(struct sim_world *base, sim_node node, sim_time at)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);

    if (!n->down) {
        live_timer_set(w->loop, &n->alarm, at);
    }
}

static struct sim_rng *world_rng(struct sim_world *base, sim_node node)
{
    return &live_node_get(live_world_of(base), node)->rng;
}

static int world_listen(struct sim_world *base, sim_node node, bool on)
{
    struct live_node *n = live_node_get(live_world_of(base), node);

    if (n->addr == 0 || n->down) {
        return SIM_EINVAL;
    }
    n->listening = on;
    return 0;
}

static void world_record(struct sim_world *base, const struct sim_record *record)
{
    struct live_world *w = live_world_of(base);
    const struct sim_trace *trace = &w->live->config.trace;

    if (trace->write != NULL) {
        trace->write(trace->context, w->lane, record);
    }
}

static void world_finished(struct sim_world *base, sim_node node)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);
    unsigned count;

    if (n->finished) {
        return;
    }
    n->finished = true;
    count = atomic_fetch_add(&w->live->nodes_finished, 1) + 1;
    if (count == atomic_load(&w->live->nodes_len) && atomic_load(&w->live->running)) {
        live_end_run(w->live, 0);
    }
}

/* ---- Faults ---- */

/* Tells the other ends of a node's streams that something between them changed. */
static void each_peer_end(struct live_node *n, void (*change)(struct live_stream *s))
{
    for (struct live_stream *s = n->streams; s != NULL; s = s->next) {
        struct live_node *peer = live_node_at(n->world, s->peer);

        for (struct live_stream *t = peer != NULL ? peer->streams : NULL; t != NULL; t = t->next) {
            if (t->peer == n->addr) {
                change(t);
            }
        }
    }
}

static void mark_peer_gone(struct live_stream *s)
{
    s->peer_gone = true;
    live_stream_refreeze(s);
}

static void world_set_down(struct sim_world *base, sim_node node, bool down, bool silent)
{
    struct live_world *w = live_world_of(base);
    struct live_node *n = live_node_get(w, node);

    if (n->down == down) {
        return;
    }
    n->down = down;
    n->silent = down && silent;
    if (!down) {
        return;
    }
    n->listening = false;
    live_timer_clear(w->loop, &n->alarm);
    if (silent) {
        each_peer_end(n, mark_peer_gone);
    }
    for (struct live_stream *s = n->streams, *next; s != NULL; s = next) {
        next = s->next;
        live_stream_abandon(s, silent);
    }
    live_request_cancel_all(n);
    while (n->files != NULL) {
        live_file_drop(n->files);
    }
    live_request_forget(n);
}

static void world_set_group(struct sim_world *base, sim_node node, uint32_t group)
{
    struct live_node *n = live_node_get(live_world_of(base), node);

    n->group = group;
    for (struct live_stream *s = n->streams; s != NULL; s = s->next) {
        live_stream_refreeze(s);
    }
    each_peer_end(n, live_stream_refreeze);
}

static void world_set_corrupt(struct sim_world *base, sim_node node, bool corrupt)
{
    live_node_get(live_world_of(base), node)->corrupt = corrupt;
}

static void world_set_wan(struct sim_world *base, uint32_t index, bool up)
{
    struct live_world *w = live_world_of(base);
    struct live_site *site;

    site = live_site_get(w->live, index);
    assert(site->world == w);
    if (site->relay != NULL) { /* a line that is none can't be cut */
        live_relay_set_up(site->relay, up);
    }
}

static void world_set_server(struct sim_world *base, bool up)
{
    struct live_world *w = live_world_of(base);

    w->server_down = !up;
    for (size_t i = 0; i < w->by_base_len; i++) {
        struct live_relay *relays[] = {w->by_base[i]->relay, w->by_base[i]->load_relay};

        for (size_t k = 0; k < 2; k++) {
            if (relays[k] != NULL) {
                live_relay_set_server(relays[k], up);
            }
        }
    }
    if (!up) {
        live_request_reset_direct(w);
    }
}

/* ---- Figures ---- */

void live_site_note_direct(struct live_site *site, sim_time now, uint64_t bytes)
{
    struct sim_site_stats *stats = &site->stats;

    if (stats->wan_first == SIM_NEVER) {
        stats->wan_first = now;
    }
    stats->wan_last = now;
    stats->wan_bytes += bytes;
    if (now / SIM_S != site->second) {
        site->second = now / SIM_S;
        site->second_bytes = 0;
    }
    site->second_bytes += bytes;
    if (site->second_bytes * 8 > stats->wan_peak_bit_s) {
        stats->wan_peak_bit_s = site->second_bytes * 8;
    }
}

void live_site_figures(struct live_site *site, struct sim_site_stats *out)
{
    *out = site->stats;
    if (site->relay != NULL) {
        live_relay_stats(site->relay, out);
    }
}

static void world_site_stats(struct sim_world *base, uint32_t index, struct sim_site_stats *out)
{
    struct live_world *w = live_world_of(base);

    assert(live_site_get(w->live, index)->world == w);
    live_site_figures(live_site_get(w->live, index), out);
}

static const struct sim_world_ops ops = {
    .now = world_now,
    .add_node = world_add_node,
    .wake_at = world_wake_at,
    .rng = world_rng,
    .listen = world_listen,
    .send = live_lan_send,
    .broadcast = live_lan_broadcast,
    .dial = live_stream_dial,
    .stream_send = live_stream_send,
    .stream_send_body = live_stream_send_body,
    .receive_body = live_stream_receive_body,
    .stream_close = live_stream_close,
    .stream_set_tag = live_stream_set_tag,
    .stream_tag = live_stream_tag,
    .file_new = live_file_new,
    .file_free = live_file_free,
    .file_size = live_file_size,
    .file_digest = live_file_digest,
    .file_seal = live_file_seal,
    .file_read = live_file_read,
    .fetch = live_request_start,
    .fetch_cancel = live_request_cancel,
    .record = world_record,
    .finished = world_finished,
    .set_down = world_set_down,
    .set_group = world_set_group,
    .set_corrupt = world_set_corrupt,
    .set_wan = world_set_wan,
    .set_server = world_set_server,
    .site_stats = world_site_stats,
};

void live_world_set_ops(struct live_world *w)
{
    w->base.ops = &ops;
}
