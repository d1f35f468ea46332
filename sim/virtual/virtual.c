/* sim/virtual/virtual.c -- life, the turn, ticks, alarms, figures and the trace hash. See virtual.h
 * and inner.h.
 *
 * Leaves out what events do: node.c, stream.c, port.c, fetch.c and the ways. Ticks and the limit
 * are no events: they must not change what is hashed, nor keep a run alive that is stuck. */
#include "sim/virtual/virtual.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/virtual/inner.h"

enum {
    EVENTS_FIRST = 256, /* pending events that there is room for at first */
};

/* ---- Events ---- */

struct virtual_event *virtual_add(struct sim_virtual *v, sim_time at, enum virtual_event_kind kind,
                                  uint32_t node)
{
    struct virtual_event *e = &v->scratch;

    if (at != SIM_NEVER) {
        at = at > v->now ? at : v->now;
        e = virtual_queue_add_after(&v->queue, at, at - v->now);
        if (e == NULL) {
            v->out_of_memory = true;
            e = &v->scratch;
        }
    }
    *e = (struct virtual_event){.kind = (uint8_t)kind, .node = node};
    return e;
}

void virtual_say(struct sim_virtual *v, const char *format, ...)
{
    va_list args;

    if (v->step == NULL || v->step->what[0] != '\0') {
        return;
    }
    va_start(args, format);
    vsnprintf(v->step->what, sizeof(v->step->what), format, args);
    va_end(args);
}

/* ---- Alarms ---- */

static void alarm_add(struct sim_virtual *v, uint32_t node, sim_time at)
{
    struct virtual_node *n = &v->nodes[node];

    n->alarm_due = at;
    virtual_add(v, at, VIRTUAL_ALARM, node);
    n->alarm_timer = v->queue.timer;
}

/* Most alarms are set anew before they ring, and as long as theirs is a timer in the wheel that
 * leaves nothing behind. One that is nearer can't be taken back: if it is too early it looks again
 * when it arrives, if too late it will be stale. */
static void world_wake_at(struct sim_world *w, sim_node node, sim_time at)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index = virtual_index(v, node);
    struct virtual_node *n = &v->nodes[index];

    if (n->down) {
        return;
    }
    at = at > v->now ? at : v->now;
    n->alarm_at = at;
    if (n->alarm_timer != 0 && n->alarm_due != at) {
        if (at != SIM_NEVER && virtual_queue_move_timer(&v->queue, n->alarm_timer, at)) {
            n->alarm_due = at;
            return;
        }
        if (virtual_queue_drop_timer(&v->queue, n->alarm_timer)) {
            n->alarm_due = SIM_NEVER;
        }
        n->alarm_timer = 0;
    }
    if (at < n->alarm_due) {
        alarm_add(v, index, at);
    }
}

static void alarm_event(struct sim_virtual *v, const struct virtual_event *e)
{
    struct virtual_node *n = &v->nodes[e->node];

    if (n->alarm_due != v->now) {
        virtual_say(v, "alarm, stale");
        return;
    }
    n->alarm_due = SIM_NEVER;
    n->alarm_timer = 0;
    if (n->alarm_at <= v->now) {
        n->alarm_at = SIM_NEVER;
        v->notices++;
        virtual_say(v, "alarm");
        n->ops->wake(n->self, v->now);
    } else {
        virtual_say(v, "alarm, put off");
        if (n->alarm_at != SIM_NEVER) {
            alarm_add(v, e->node, n->alarm_at);
        }
    }
}

/* ---- The seam ---- */

static sim_time world_now(struct sim_world *w)
{
    return virtual_of(w)->now;
}

static struct sim_rng *world_rng(struct sim_world *w, sim_node node)
{
    struct sim_virtual *v = virtual_of(w);

    return &v->rngs[virtual_index(v, node)];
}

/* What nodes say is part of what happened. */
static void world_record(struct sim_world *w, const struct sim_record *record)
{
    struct sim_virtual *v = virtual_of(w);
    uint64_t node = record->node - v->config.first_node;

    virtual_mix(v, node << 40 ^ (uint64_t)record->kind << 32 ^ record->a);
    virtual_mix(v, record->b ^ (uint64_t)record->peer << 32);
    if (v->config.trace.write != NULL) {
        v->config.trace.write(v->config.trace.context, v->config.lane, record);
    }
}

static void world_finished(struct sim_world *w, sim_node node)
{
    struct sim_virtual *v = virtual_of(w);
    struct virtual_node *n = &v->nodes[virtual_index(v, node)];

    if (!n->finished) {
        n->finished = true;
        v->unfinished--;
    }
}

static void world_site_stats(struct sim_world *w, uint32_t site, struct sim_site_stats *out)
{
    sim_virtual_site_stats(virtual_of(w), site, out);
}

static const struct sim_world_ops ops = {
    .now = world_now,
    .add_node = virtual_node_add,
    .wake_at = world_wake_at,
    .rng = world_rng,
    .listen = virtual_listen,
    .send = virtual_send,
    .broadcast = virtual_broadcast,
    .dial = virtual_dial,
    .stream_send = virtual_stream_send,
    .stream_send_body = virtual_stream_send_body,
    .receive_body = virtual_receive_body,
    .stream_close = virtual_stream_close,
    .stream_set_tag = virtual_stream_set_tag,
    .stream_tag = virtual_stream_tag,
    .file_new = virtual_file_new,
    .file_free = virtual_file_free,
    .file_size = virtual_file_size,
    .file_digest = virtual_file_digest,
    .file_seal = virtual_file_seal,
    .file_read = virtual_file_read,
    .fetch = virtual_fetch,
    .fetch_cancel = virtual_fetch_cancel,
    .record = world_record,
    .finished = world_finished,
    .set_down = virtual_set_down,
    .set_group = virtual_set_group,
    .set_corrupt = virtual_set_corrupt,
    .set_wan = virtual_set_wan,
    .set_server = virtual_set_server,
    .site_stats = world_site_stats,
};

struct sim_world *sim_virtual_world(struct sim_virtual *v)
{
    return &v->base;
}

/* ---- The turn ---- */

static void dispatch(struct sim_virtual *v, const struct virtual_event *e)
{
    switch ((enum virtual_event_kind)e->kind) {
    case VIRTUAL_ALARM:
        alarm_event(v, e);
        return;
    case VIRTUAL_DATAGRAM:
        virtual_datagram_event(v, e);
        return;
    case VIRTUAL_BROADCAST:
        virtual_broadcast_event(v, e);
        return;
    case VIRTUAL_STREAM:
        virtual_stream_event(v, e);
        return;
    case VIRTUAL_PORT:
        virtual_port_event(v, e);
        return;
    case VIRTUAL_FETCH:
        virtual_fetch_event(v, e);
        return;
    case VIRTUAL_FLUID:
        virtual_fluid_event(v, e);
        return;
    case VIRTUAL_WAN:
        virtual_wan_event(v, e);
        return;
    case VIRTUAL_TFTP:
        virtual_tftp_event(v, e);
        return;
    case VIRTUAL_RATE:
        virtual_rate_event(v, e);
        return;
    }
    assert(false && "an event of no kind");
}

static void end_run(struct sim_virtual *v, int status)
{
    v->ended = true;
    v->status = status;
    if (v->config.tick != NULL) {
        (void)v->config.tick(v->config.tick_context, v->now);
    }
}

/* Ticks that are due by `next`, the instant of the next event, and the limit. */
static void halt(struct sim_virtual *v, sim_time next)
{
    while (v->halt_at <= next) {
        v->now = v->halt_at;
        v->tick_in = v->config.tick_every;
        if (v->halt_at == v->config.limit) {
            end_run(v, SIM_ETIMEDOUT);
            return;
        }
        if (v->config.tick(v->config.tick_context, v->now)) {
            end_run(v, SIM_ECANCELED);
            return;
        }
        v->tick_at = sim_time_add(v->tick_at, v->tick_in);
        v->halt_at = sim_time_min(v->tick_at, v->config.limit);
    }
}

/* No event can be taken before halt_at. False when the run has ended. */
static bool pause_run(struct sim_virtual *v)
{
    sim_time next = virtual_queue_next(&v->queue);

    if (next == SIM_NEVER) {
        end_run(v, SIM_ETIMEDOUT);
    } else {
        halt(v, next);
    }
    return !v->ended;
}

/* One event; false when the run has ended. */
static bool turn(struct sim_virtual *v)
{
    struct virtual_event e;

    do {
        if (v->ended) {
            return false;
        }
        if (v->unfinished == 0 || v->out_of_memory) {
            end_run(v, v->out_of_memory ? SIM_ENOMEM : 0);
            return false;
        }
        if (atomic_load_explicit(&v->stop, memory_order_relaxed)) {
            end_run(v, SIM_ECANCELED);
            return false;
        }
    } while (!virtual_queue_take_before(&v->queue, v->halt_at, &v->now, &e) && pause_run(v));
    if (v->ended) {
        return false;
    }
    v->events++;
    virtual_expect(v, e.node);
    /* A node's index in its group is the same in a run of that group alone. */
    virtual_mix(v, v->now ^ ((uint64_t)e.node << 8 | e.kind) * UINT64_C(0xD1B54A32D192ED03));
    if (v->step != NULL) {
        v->step->node = e.node < v->nodes_len ? v->config.first_node + e.node : SIM_NODE_NONE;
    }
    dispatch(v, &e);
    return true;
}

int sim_virtual_run(struct sim_virtual *v)
{
    assert(v->step == NULL);
    while (turn(v)) {
    }
    return v->status;
}

bool sim_virtual_step(struct sim_virtual *v, struct sim_virtual_step *out)
{
    bool more;

    if (out != NULL) {
        *out = (struct sim_virtual_step){.node = SIM_NODE_NONE};
        v->step = out;
    }
    more = turn(v);
    v->step = NULL;
    if (out != NULL) {
        out->at = v->now;
        out->hash = v->hash;
        out->number = v->events;
    }
    return more;
}

void sim_virtual_tick_after(struct sim_virtual *v, sim_duration delay)
{
    assert(delay > 0);
    v->tick_in = delay;
}

void sim_virtual_stop(struct sim_virtual *v)
{
    atomic_store(&v->stop, true);
}

/* ---- Life ---- */

/* Everything that nodes have under way is taken down, so that the ways let go of what is theirs. */
static void forget_nodes(struct sim_virtual *v)
{
    for (uint32_t i = 0; i < v->nodes_len; i++) {
        if (v->nodes[i].fetches != 0 || v->nodes[i].kept[0] != 0 || v->nodes[i].kept[1] != 0) {
            virtual_fetches_down(v, i);
        }
    }
    virtual_packet_deinit(v);
    v->nodes_len = 0;
}

static int sites_reserve(struct sim_virtual *v, uint32_t len)
{
    struct virtual_site *sites;

    if (len <= v->sites_cap) {
        return 0;
    }
    sites = realloc(v->sites, (size_t)len * sizeof(*sites));
    if (sites == NULL) {
        return SIM_ENOMEM;
    }
    memset(sites + v->sites_cap, 0, (size_t)(len - v->sites_cap) * sizeof(*sites));
    v->sites = sites;
    v->sites_cap = len;
    return 0;
}

/* Everything but what is kept from one group to the next. */
static int start_group(struct sim_virtual *v, const struct sim_virtual_config *config)
{
    int rc;

    v->config = *config;
    v->now = 0;
    v->unfinished = 0;
    v->events = v->notices = 0;
    v->reckoned_at = SIM_NEVER;
    v->said = NULL;
    v->hash = sim_rng_mix(sim_rng_mix(config->seed) ^ config->sites[0].index);
    v->fluid_due = SIM_NEVER;
    v->fluid_number = 0;
    v->server = (struct virtual_server){.up = true};
    v->reading = 0;
    v->reading_left = 0;
    v->out_of_memory = v->ended = false;
    v->status = 0;
    v->tick_at = config->tick != NULL && config->tick_every > 0 ? config->tick_every : SIM_NEVER;
    v->halt_at = sim_time_min(v->tick_at, config->limit);
    virtual_queue_clear(&v->queue);
    virtual_chunks_clear(&v->chunks);
    virtual_pool_clear(&v->files);
    virtual_pool_clear(&v->conns);
    virtual_pool_clear(&v->bodies);
    virtual_pool_clear(&v->ports);
    virtual_pool_clear(&v->fetches);
    virtual_names_clear(v);
    if ((rc = sites_reserve(v, config->sites_len)) != 0) {
        return rc;
    }
    if (!virtual_nodes_reserve(v, config->nodes_max > 0 ? config->nodes_max : 1)) {
        return SIM_ENOMEM;
    }
    v->sites_len = config->sites_len;
    virtual_queue_add_lane(&v->queue, 0);
    for (uint32_t i = 0; i < v->sites_len; i++) {
        virtual_site_init(&v->sites[i], &config->sites[i], config->seed);
        virtual_queue_add_lane(&v->queue, virtual_latency(&v->sites[i]));
    }
    switch (config->network) {
    case SIM_VIRTUAL_FLUID:
        return virtual_fluid_init(v);
    case SIM_VIRTUAL_PACKET:
        rc = virtual_fluid_init(v); /* the ways to load servers are fluid in any case */
        return rc != 0 ? rc : virtual_packet_init(v);
    }
    return SIM_EINVAL;
}

int sim_virtual_new(struct sim_virtual **out, const struct sim_virtual_config *config)
{
    struct sim_virtual *v;
    int rc;

    assert(config->server != NULL && config->catalog != NULL);
    if (config->sites_len == 0) {
        return SIM_EINVAL;
    }
    v = calloc(1, sizeof(*v));
    if (v == NULL) {
        return SIM_ENOMEM;
    }
    v->base.ops = &ops;
    atomic_init(&v->stop, false);
    if ((rc = virtual_queue_init(&v->queue, EVENTS_FIRST)) != 0 ||
        (rc = virtual_pool_init(&v->files, sizeof(struct virtual_file), 0)) != 0 ||
        (rc = virtual_pool_init(&v->conns, sizeof(struct virtual_conn), 0)) != 0 ||
        (rc = virtual_pool_init(&v->bodies, sizeof(struct virtual_body), 0)) != 0 ||
        (rc = virtual_pool_init(&v->ports, sizeof(struct virtual_port), 0)) != 0 ||
        (rc = virtual_pool_init(&v->fetches, sizeof(struct virtual_fetch), 0)) != 0 ||
        (rc = start_group(v, config)) != 0) {
        sim_virtual_free(v);
        return rc;
    }
    *out = v;
    return 0;
}

int sim_virtual_restart(struct sim_virtual *v, const struct sim_virtual_config *config)
{
    assert(config->sites_len > 0 && config->server != NULL && config->catalog != NULL);
    forget_nodes(v);
    return start_group(v, config);
}

void sim_virtual_free(struct sim_virtual *v)
{
    if (v == NULL) {
        return;
    }
    forget_nodes(v);
    virtual_fluid_deinit(v);
    virtual_names_free(v);
    virtual_pool_deinit(&v->files);
    virtual_pool_deinit(&v->conns);
    virtual_pool_deinit(&v->bodies);
    virtual_pool_deinit(&v->ports);
    virtual_pool_deinit(&v->fetches);
    virtual_chunks_deinit(&v->chunks);
    virtual_queue_deinit(&v->queue);
    for (uint32_t i = 0; i < v->sites_cap; i++) {
        virtual_site_deinit(&v->sites[i]);
    }
    free(v->sites);
    free(v->nodes);
    free(v->rngs);
    free(v);
}

/* ---- Figures ---- */

sim_time sim_virtual_now(const struct sim_virtual *v)
{
    return v->now;
}

/* `bodies`: those under way too, of which each fetch must be asked. */
static void stats_of(struct sim_virtual *v, uint32_t site, bool bodies, struct sim_site_stats *out)
{
    uint32_t index = virtual_site_index(v, site);
    uint32_t fetches = v->sites[index].stats.fetches_now;

    *out = v->sites[index].stats;
    if (bodies) {
        virtual_streams_reckon(v);
        out->lan_payload_bytes += v->sites[index].lan_under_way;
    }
    out->fetches_now = bodies ? fetches : 0; /* the ways look for bodies where there are fetches */
    switch (v->config.network) {
    case SIM_VIRTUAL_FLUID:
        virtual_fluid_stats(v, index, bodies, out);
        break;
    case SIM_VIRTUAL_PACKET:
        virtual_packet_stats(v, index, out);
        break;
    }
    out->fetches_now = fetches;
}

void sim_virtual_site_stats(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out)
{
    stats_of(v, site, true, out);
}

void sim_virtual_line_stats(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out)
{
    stats_of(v, site, false, out);
    virtual_passed(v, virtual_site_index(v, site), out);
}

void sim_virtual_server_stats(const struct sim_virtual *v, struct sim_virtual_server_stats *out)
{
    *out = v->server.stats;
}

static uint64_t pool_bytes(const struct virtual_pool *p)
{
    return (uint64_t)p->cap * p->size + (uint64_t)p->free_cap * sizeof(*p->free);
}

static uint64_t memory_bytes(const struct sim_virtual *v)
{
    uint64_t bytes = sizeof(*v);

    bytes += virtual_queue_bytes(&v->queue) + v->chunks.bytes + virtual_names_bytes(v);
    bytes += v->nodes_cap * (sizeof(struct virtual_node) + sizeof(struct sim_rng));
    bytes += virtual_packet_bytes(v);
    bytes += pool_bytes(&v->files) + pool_bytes(&v->conns) + pool_bytes(&v->bodies);
    bytes += pool_bytes(&v->ports) + pool_bytes(&v->fetches);
    for (uint32_t i = 0; i < v->sites_cap; i++) {
        bytes += sizeof(v->sites[i]) +
                 ((uint64_t)v->sites[i].hosts_cap + v->sites[i].listeners_cap) * sizeof(uint32_t);
    }
    return bytes;
}

void sim_virtual_usage(const struct sim_virtual *v, struct sim_virtual_usage *out)
{
    *out = (struct sim_virtual_usage){
        .events = v->events,
        .notices = v->notices,
        .trace_hash = v->hash,
        .memory_bytes = memory_bytes(v),
        .pending_peak = v->queue.peak,
        .nodes = v->nodes_len,
        .nodes_finished = v->nodes_len - v->unfinished,
    };
}

/* What a node, and a fetch, has under way at the busiest moment, for the estimate: measured in runs
 * of 1,000 to 100,000 phones (scenarios/build_memory.c says which). */
enum {
    EVENTS_A_NODE = 2,         /* measured: 1.8 */
    NAMES_BYTES = 128,         /* a node's settings are called by its MAC */
    FETCH_BYTES = 372,         /* a flow, its events, and what grows by doubling */
    MACHINE_BYTES = 1500,      /* packet mode: a kept connection's sim/wan machine, */
    MACHINE_FETCH_BYTES = 900, /* and what is under way on it */
    SITE_BYTES = 1024,         /* beside its struct */
    FIXED_BYTES = 512 * 1024   /* what the first node costs */
};

uint64_t sim_virtual_memory(const struct sim_virtual_config *config,
                            const struct sim_virtual_crowd *crowd)
{
    bool has_machines = config->network == SIM_VIRTUAL_PACKET && crowd->has_connections;
    uint64_t a_fetch =
        sizeof(struct virtual_fetch) + FETCH_BYTES + (has_machines ? MACHINE_FETCH_BYTES : 0);
    uint64_t a_node =
        sizeof(struct virtual_node) + sizeof(struct sim_rng) + 2 * sizeof(uint32_t) + NAMES_BYTES +
        EVENTS_A_NODE * (sizeof(struct virtual_key) + sizeof(struct virtual_event) +
                         sizeof(struct virtual_far)) +
        sizeof(struct virtual_file) + sizeof(uint32_t) + (has_machines ? MACHINE_BYTES : 0);

    return FIXED_BYTES + crowd->nodes * a_node + crowd->fetching * a_fetch +
           config->sites_len * (sizeof(struct virtual_site) + SITE_BYTES);
}
