/* sim/virtual/node.c -- nodes and their subnet: datagrams, broadcasts, listening, faults. See
 * inner.h.
 *
 * Semantics are those of sim/live (world.c, lan.c). A datagram takes both ports' latency; its bytes
 * take no time (they are few). Whom a unicast is for is looked up when it leaves, whether it may
 * arrive when it does. */
#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "sim/virtual/inner.h"

enum {
    GATEWAY_OFFSET = 1, /* .0.1 of a block is the WAN relay's (sim/setup.h) */
    HOSTS_FIRST = 64,   /* places of a site's table at first; doubles */
    LEFT_MIN = 32,      /* places left by nodes that stopped listening before they are closed up */
};

/* ---- Sites ---- */

void virtual_site_init(struct virtual_site *site, const struct sim_site_setup *setup, uint64_t seed)
{
    *site = (struct virtual_site){
        .setup = setup,
        .by_host = site->by_host,
        .hosts_cap = site->hosts_cap,
        .listeners = site->listeners,
        .listeners_cap = site->listeners_cap,
        .wan_up = true,
        .wan_due = SIM_NEVER,
        .stats = {.wan_first = SIM_NEVER, .wan_last = SIM_NEVER},
    };
    sim_rng_init(&site->lan, seed, SIM_RNG_LAN, setup->index);
}

void virtual_site_deinit(struct virtual_site *site)
{
    free(site->by_host);
    free(site->listeners);
    site->by_host = site->listeners = NULL;
}

static bool site_contains(const struct virtual_site *site, sim_addr addr)
{
    struct sim_cidr block = {site->setup->base, site->setup->bits};

    return sim_cidr_contains(&block, addr);
}

static sim_addr broadcast_addr(const struct virtual_site *site)
{
    struct sim_cidr block = {site->setup->base, site->setup->bits};

    return (sim_addr)(block.base + (sim_cidr_size(&block) - 1));
}

uint32_t virtual_node_find(const struct virtual_site *site, sim_addr addr)
{
    uint32_t host = addr - site->setup->base;

    return host < site->hosts ? site->by_host[host] : VIRTUAL_NONE;
}

/* Room for `wanted` elements of 4 bytes. */
static bool list_reserve(uint32_t **list, uint32_t *cap, uint32_t wanted)
{
    uint64_t more = *cap == 0 ? HOSTS_FIRST : *cap;
    uint32_t *moved;

    if (wanted <= *cap) {
        return true;
    }
    while (more < wanted) {
        more *= 2;
    }
    if (more > UINT32_MAX) {
        return false;
    }
    moved = realloc(*list, (size_t)more * sizeof(**list));
    if (moved == NULL) {
        return false;
    }
    *list = moved;
    *cap = (uint32_t)more;
    return true;
}

/* The table reaches up to the highest address in use: phones are numbered from the block's start.
 */
static bool site_place(struct virtual_site *site, sim_addr addr, uint32_t node)
{
    uint32_t host = addr - site->setup->base;

    if (!list_reserve(&site->by_host, &site->hosts_cap, host + 1)) {
        return false;
    }
    while (site->hosts <= host) {
        site->by_host[site->hosts++] = VIRTUAL_NONE;
    }
    site->by_host[host] = node;
    return true;
}

/* ---- Nodes ---- */

static bool is_addr_free(const struct virtual_site *site, sim_addr addr)
{
    return site_contains(site, addr) && addr != site->setup->base &&
           addr != site->setup->base + GATEWAY_OFFSET && addr != broadcast_addr(site) &&
           virtual_node_find(site, addr) == VIRTUAL_NONE;
}

bool virtual_nodes_reserve(struct sim_virtual *v, uint32_t cap)
{
    struct virtual_node *nodes;
    struct sim_rng *rngs;

    if (cap <= v->nodes_cap) {
        return true;
    }
    rngs = realloc(v->rngs, (size_t)cap * sizeof(*rngs));
    if (rngs == NULL) {
        return false;
    }
    v->rngs = rngs;
    nodes = aligned_alloc(VIRTUAL_LINE, (size_t)cap * sizeof(*nodes));
    if (nodes == NULL) {
        return false;
    }
    if (v->nodes_len > 0) {
        memcpy(nodes, v->nodes, (size_t)v->nodes_len * sizeof(*nodes));
    }
    free(v->nodes);
    v->nodes = nodes;
    v->nodes_cap = cap;
    return true;
}

/* Room for one more. */
static bool node_reserve(struct sim_virtual *v)
{
    uint32_t cap = v->nodes_cap + v->nodes_cap / 2 + 1;

    if (v->nodes_len < v->nodes_cap) {
        return true;
    }
    return cap > v->nodes_cap && cap <= VIRTUAL_NONE - v->config.first_node &&
           virtual_nodes_reserve(v, cap);
}

sim_node virtual_node_add(struct sim_world *w, uint32_t site, sim_addr addr, uint64_t id,
                          const struct sim_node_ops *ops, void *self)
{
    struct sim_virtual *v = virtual_of(w);
    struct virtual_site *place = &v->sites[virtual_site_index(v, site)];
    struct virtual_node *n;

    if ((addr != 0 && !is_addr_free(place, addr)) || !node_reserve(v) ||
        (addr != 0 && !site_place(place, addr, v->nodes_len))) {
        return SIM_NODE_NONE;
    }
    n = &v->nodes[v->nodes_len];
    *n = (struct virtual_node){
        .ops = ops,
        .self = self,
        .alarm_at = SIM_NEVER,
        .alarm_due = SIM_NEVER,
        .site = virtual_site_index(v, site),
        .addr = addr,
        .heard_at = VIRTUAL_NONE,
    };
    sim_rng_init(&v->rngs[v->nodes_len], v->config.seed, SIM_RNG_NODE, id);
    v->unfinished++;
    return v->config.first_node + v->nodes_len++;
}

bool virtual_reaches(const struct sim_virtual *v, uint32_t a, uint32_t b)
{
    const struct virtual_node *x = &v->nodes[a], *y = &v->nodes[b];

    return x->site == y->site && x->group == y->group && !x->silent && !y->silent;
}

/* ---- Listening ---- */

static void listeners_close_up(struct sim_virtual *v, struct virtual_site *site)
{
    uint32_t len = 0;

    for (uint32_t i = 0; i < site->listeners_len; i++) {
        uint32_t node = site->listeners[i];

        if (node != VIRTUAL_NONE) {
            site->listeners[len] = node;
            v->nodes[node].heard_at = len++;
        }
    }
    site->listeners_len = len;
    site->listeners_left = 0;
}

static void stop_listening(struct sim_virtual *v, uint32_t node)
{
    struct virtual_node *n = &v->nodes[node];
    struct virtual_site *site = &v->sites[n->site];

    if (!n->listening) {
        return;
    }
    n->listening = false;
    site->listeners[n->heard_at] = VIRTUAL_NONE;
    n->heard_at = VIRTUAL_NONE;
    site->listeners_left++;
    if (!site->visiting && site->listeners_left > LEFT_MIN &&
        site->listeners_left > site->listeners_len / 2) {
        listeners_close_up(v, site);
    }
}

int virtual_listen(struct sim_world *w, sim_node node, bool on)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index = virtual_index(v, node);
    struct virtual_node *n = &v->nodes[index];
    struct virtual_site *site = &v->sites[n->site];

    if (n->addr == 0 || n->down) {
        return SIM_EINVAL;
    }
    if (!on) {
        stop_listening(v, index);
        return 0;
    }
    if (n->listening) {
        return 0;
    }
    if (!list_reserve(&site->listeners, &site->listeners_cap, site->listeners_len + 1)) {
        v->out_of_memory = true;
        return SIM_ELIMIT;
    }
    n->listening = true;
    n->heard_at = site->listeners_len;
    site->listeners[site->listeners_len++] = index;
    return 0;
}

/* ---- Datagrams ---- */

static int check_send(const struct virtual_node *n, size_t len)
{
    return n->addr == 0 || n->down || len > SIM_WORLD_DATAGRAM_MAX ? SIM_EINVAL : 0;
}

/* An event that carries the bytes; out of memory they are lost, and the run ends. */
static struct virtual_event *depart(struct sim_virtual *v, const struct virtual_site *site,
                                    enum virtual_event_kind kind, uint32_t node, const void *bytes,
                                    size_t len)
{
    struct virtual_chunk *chunk = virtual_chunk_new(&v->chunks, bytes, len);
    struct virtual_event *e;

    if (chunk == NULL) {
        v->out_of_memory = true;
        return &v->scratch;
    }
    e = virtual_add(v, sim_time_add(v->now, virtual_latency(site)), kind, node);
    e->chunk = chunk;
    return e;
}

int virtual_send(struct sim_world *w, sim_node node, sim_addr to, const void *bytes, size_t len)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index = virtual_index(v, node), receiver;
    const struct virtual_node *n = &v->nodes[index];
    struct virtual_site *site = &v->sites[n->site];
    int rc = check_send(n, len);

    if (rc != 0) {
        return rc;
    }
    if (!site_contains(site, to) || to == broadcast_addr(site)) {
        return SIM_EUNREACHABLE;
    }
    site->stats.lan_datagrams++;
    receiver = virtual_node_find(site, to);
    if (receiver != VIRTUAL_NONE) { /* else nobody is at home */
        depart(v, site, VIRTUAL_DATAGRAM, receiver, bytes, len)->a = index;
        virtual_expect(v, receiver);
    }
    return 0;
}

int virtual_broadcast(struct sim_world *w, sim_node node, const void *bytes, size_t len)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index = virtual_index(v, node);
    const struct virtual_node *n = &v->nodes[index];
    struct virtual_site *site = &v->sites[n->site];
    int rc = check_send(n, len);

    if (rc != 0) {
        return rc;
    }
    site->stats.lan_broadcasts++;
    depart(v, site, VIRTUAL_BROADCAST, index, bytes, len);
    return 0;
}

/* The same word on any machine. */
static inline uint64_t word_at(const uint8_t *bytes)
{
    uint64_t word;

    memcpy(&word, bytes, sizeof(word));
    return le64toh(word);
}

/* Two words a step: both halves of their 128-bit product, so that every bit meets every other. */
void virtual_mix_bytes(struct sim_virtual *v, const struct virtual_chunk *chunk)
{
    uint64_t hash = v->hash; /* which the bytes might be, as far as a compiler knows */
    uint8_t rest[2 * sizeof(hash)] = {0};
    size_t at = 0, len = chunk->len;

    for (; at < len; at += sizeof(rest)) {
        const uint8_t *words = chunk->bytes + at;
        unsigned __int128 product;

        if (len - at < sizeof(rest)) {
            memcpy(rest, words, len - at);
            words = rest;
        }
        product = (unsigned __int128)(word_at(words) ^ hash) *
                  (word_at(words + 8) ^ UINT64_C(0x9E3779B97F4A7C15));
        hash ^= (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    v->hash = virtual_mixed(hash, len);
}

void virtual_datagram_event(struct sim_virtual *v, const struct virtual_event *e)
{
    const struct virtual_node *n = &v->nodes[e->node], *from = &v->nodes[e->a];
    struct virtual_site *site = &v->sites[n->site];
    struct virtual_chunk *chunk = e->chunk;
    bool told = n->listening && from->group == n->group &&
                !sim_rng_chance_ppm(&site->lan, site->setup->lan.loss_ppm);

    virtual_mix(v, e->a << 1 | told);
    virtual_mix_bytes(v, chunk);
    if (v->step != NULL) {
        char text[SIM_ADDR_TEXT_MAX];

        virtual_say(v, "datagram from %s, %u bytes%s", sim_addr_format(from->addr, text),
                    (unsigned)chunk->len, told ? "" : ", not heard");
    }
    if (told) {
        struct sim_datagram datagram = {from->addr, false, chunk->bytes, chunk->len};

        v->notices++;
        n->ops->datagram(n->self, v->now, &datagram);
    }
    virtual_chunk_free(&v->chunks, chunk);
}

/* Tells all that listened when it arrived and still do when their turn comes; returns how many. The
 * hottest loop of all: a site of 500 phones is told of each broadcast 499 times. */
static uint32_t visit(struct sim_virtual *v, uint32_t sender, const struct virtual_chunk *chunk)
{
    uint32_t place = v->nodes[sender].site, group = v->nodes[sender].group, told = 0;
    struct virtual_site *site = &v->sites[place];
    uint32_t loss = site->setup->lan.loss_ppm, len = site->listeners_len;
    struct sim_datagram datagram = {v->nodes[sender].addr, true, chunk->bytes, chunk->len};
    sim_time now = v->now;

    for (uint32_t i = 0; i < len; i++) {
        uint32_t node = site->listeners[i];
        const struct virtual_node *n;

        if (node == VIRTUAL_NONE || node == sender) {
            continue;
        }
        n = &v->nodes[node];
        if (n->group != group || (loss != 0 && sim_rng_chance_ppm(&site->lan, loss))) {
            continue;
        }
        told++;
        n->ops->datagram(n->self, now, &datagram);
    }
    return told;
}

void virtual_broadcast_event(struct sim_virtual *v, const struct virtual_event *e)
{
    struct virtual_site *site = virtual_site_of(v, e->node);
    struct virtual_chunk *chunk = e->chunk;
    uint32_t told;

    virtual_mix_bytes(v, chunk);
    assert(!site->visiting);
    site->visiting = true;
    told = visit(v, e->node, chunk);
    site->visiting = false;
    v->notices += told;
    virtual_mix(v, told);
    if (v->step != NULL) {
        char text[SIM_ADDR_TEXT_MAX];

        virtual_say(v, "broadcast from %s, %u bytes, heard by %u",
                    sim_addr_format(v->nodes[e->node].addr, text), (unsigned)chunk->len,
                    (unsigned)told);
    }
    virtual_chunk_free(&v->chunks, chunk);
}

/* ---- Faults ---- */

void virtual_set_down(struct sim_world *w, sim_node node, bool down, bool silent)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index = virtual_index(v, node);
    struct virtual_node *n = &v->nodes[index];

    if (n->down == down) {
        return;
    }
    n->down = down;
    n->silent = down && silent;
    if (!down) {
        return;
    }
    n->life++;
    n->alarm_at = SIM_NEVER;
    stop_listening(v, index);
    virtual_streams_down(v, index, silent);
    virtual_fetches_down(v, index);
    virtual_files_down(v, index);
}

void virtual_set_group(struct sim_world *w, sim_node node, uint32_t group)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index = virtual_index(v, node);

    v->nodes[index].group = group;
    virtual_streams_regroup(v, index);
}

void virtual_set_corrupt(struct sim_world *w, sim_node node, bool corrupt)
{
    struct sim_virtual *v = virtual_of(w);

    v->nodes[virtual_index(v, node)].corrupt = corrupt;
}
