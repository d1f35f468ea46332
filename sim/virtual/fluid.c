/* sim/virtual/fluid.c -- lines shared fairly: life, starts, stops, ends in their order, questions
 * (fluid.h). How the sharing works is in fluid_inner.h. */
#include "sim/virtual/fluid.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "sim/virtual/fluid_inner.h"

/* ---- Life ---- */

static int reserve_flows(struct sim_fluid *f, uint32_t cap)
{
    struct fluid_flow *flows = realloc(f->flows, cap * sizeof(*flows));
    uint32_t *done;

    if (flows == NULL) {
        return SIM_ENOMEM;
    }
    f->flows = flows;
    if ((done = realloc(f->done, cap * sizeof(*done))) == NULL) {
        return SIM_ENOMEM;
    }
    f->done = done;
    for (uint32_t i = f->flows_cap; i < cap; i++) {
        flows[i].generation = 0;
    }
    f->flows_cap = cap;
    return 0;
}

static int reserve_sites(struct sim_fluid *f, uint32_t cap)
{
    struct fluid_site *sites = realloc(f->sites, cap * sizeof(*sites));

    if (sites == NULL) {
        return SIM_ENOMEM;
    }
    f->sites = sites;
    if (fluid_ranks_reserve(&f->ends, cap) != 0 || fluid_ranks_reserve(&f->marks, cap) != 0 ||
        fluid_ranks_reserve(&f->rises, cap) != 0 || fluid_ranks_reserve(&f->falls, cap) != 0) {
        return SIM_ENOMEM;
    }
    f->sites_cap = cap;
    return 0;
}

static void init_site(struct sim_fluid *f, uint32_t site, uint64_t rate)
{
    f->sites[site] = (struct fluid_site){
        .rate = rate,
        .recent = FLUID_NONE,
        .up = true,
        .ends_following = FLUID_NONE,
        .ends_capped = FLUID_NONE,
        .caps_following = FLUID_NONE,
        .caps_capped = FLUID_NONE,
        .second_end = FLUID_SECOND,
        .first = SIM_NEVER,
        .last = FLUID_FOREVER,
    };
}

static bool is_valid(const struct sim_fluid_config *config)
{
    if (config->sites_len == 0 || config->site_bit_s == NULL ||
        config->uplink_bit_s > SIM_FLUID_RATE_MAX || config->flows_hint > FLUID_FLOWS_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < config->sites_len; i++) {
        if (config->site_bit_s[i] > SIM_FLUID_RATE_MAX) {
            return false;
        }
    }
    return true;
}

int sim_fluid_restart(struct sim_fluid *f, const struct sim_fluid_config *config)
{
    if (!is_valid(config)) {
        return SIM_EINVAL;
    }
    if ((config->flows_hint > f->flows_cap && reserve_flows(f, config->flows_hint) != 0) ||
        (config->sites_len > f->sites_cap && reserve_sites(f, config->sites_len) != 0)) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < f->flows_len; i++) {
        f->flows[i].generation++; /* handles of before are stale */
    }
    f->flows_len = f->done_len = 0;
    f->flows_free = FLUID_NONE;
    f->starts = 0;
    f->sites_len = config->sites_len;
    for (uint32_t i = 0; i < f->sites_len; i++) {
        init_site(f, i, config->site_bit_s[i]);
    }
    f->at = f->since = 0;
    f->next_known = false;
    f->stale = FLUID_NONE;
    f->uplink = config->uplink_bit_s;
    f->base = 0;
    f->level = (struct fluid_level){1, 0};
    f->capped = f->followers = 0;
    f->second_end = FLUID_SECOND;
    fluid_ranks_clear(&f->ends, f->sites_len);
    fluid_ranks_clear(&f->marks, f->sites_len);
    fluid_ranks_clear(&f->rises, f->sites_len);
    fluid_ranks_clear(&f->falls, f->sites_len);
    return fluid_classes_reset(f);
}

int sim_fluid_new(struct sim_fluid **out, const struct sim_fluid_config *config)
{
    struct sim_fluid *f = calloc(1, sizeof(*f));
    int rc;

    if (f == NULL) {
        return SIM_ENOMEM;
    }
    if ((rc = sim_fluid_restart(f, config)) != 0) {
        sim_fluid_free(f);
        return rc;
    }
    *out = f;
    return 0;
}

void sim_fluid_free(struct sim_fluid *f)
{
    if (f == NULL) {
        return;
    }
    fluid_classes_deinit(f);
    free(f->flows);
    free(f->done);
    free(f->sites);
    fluid_ranks_deinit(&f->ends);
    fluid_ranks_deinit(&f->marks);
    fluid_ranks_deinit(&f->rises);
    fluid_ranks_deinit(&f->falls);
    free(f);
}

/* ---- Flows by their handles ---- */

/* One can be had after this without failing. */
static int reserve_flow(struct sim_fluid *f)
{
    uint32_t cap = f->flows_cap < 64 ? 64 : 2 * f->flows_cap;

    if (f->flows_free != FLUID_NONE || f->flows_len < f->flows_cap) {
        return 0;
    }
    return f->flows_cap >= FLUID_FLOWS_MAX ? SIM_ENOMEM : reserve_flows(f, cap);
}

static uint32_t new_flow(struct sim_fluid *f)
{
    uint32_t flow = f->flows_free;

    if (flow == FLUID_NONE) {
        return f->flows_len++;
    }
    f->flows_free = (uint32_t)f->flows[flow].start;
    return flow;
}

static void free_flow(struct sim_fluid *f, uint32_t flow)
{
    f->flows[flow].generation++;
    f->flows[flow].class = FLUID_NONE;
    f->flows[flow].start = f->flows_free;
    f->flows_free = flow;
}

/* Its number; FLUID_NONE for a stale handle. */
static uint32_t find_flow(const struct sim_fluid *f, sim_fluid_flow handle)
{
    uint32_t flow = (uint32_t)handle - 1;

    if (flow >= f->flows_len || f->flows[flow].generation != handle >> 32 ||
        f->flows[flow].class == FLUID_NONE || f->flows[flow].class == FLUID_DEAD) {
        return FLUID_NONE;
    }
    return flow;
}

/* ---- Those that have ended: a binary heap by end, then start ---- */

static bool is_done_before(const struct sim_fluid *f, uint32_t a, uint32_t b)
{
    return f->flows[a].entry < f->flows[b].entry;
}

static void push_done(struct sim_fluid *f, uint32_t flow)
{
    uint32_t at = f->done_len++;

    while (at > 0 && is_done_before(f, flow, f->done[(at - 1) / 2])) {
        f->done[at] = f->done[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    f->done[at] = flow;
}

static uint32_t pop_done(struct sim_fluid *f)
{
    uint32_t top = f->done[0], last = f->done[--f->done_len], at = 0;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= f->done_len) {
            break;
        }
        if (child + 1 < f->done_len && is_done_before(f, f->done[child + 1], f->done[child])) {
            child++;
        }
        if (!is_done_before(f, f->done[child], last)) {
            break;
        }
        f->done[at] = f->done[child];
        at = child;
    }
    f->done[at] = last;
    return top;
}

/* Stopped ones don't stand in front. */
static void drop_dead(struct sim_fluid *f)
{
    while (f->done_len > 0 && f->flows[f->done[0]].class == FLUID_DEAD) {
        free_flow(f, pop_done(f));
    }
}

/* ---- Ends ---- */

/* All bytes of the flow have passed; it leaves its class. */
static void end_flow(struct sim_fluid *f, uint32_t flow, fluid_time at)
{
    struct fluid_flow *w = &f->flows[flow];
    uint32_t class = w->class;

    fluid_class_drop(f, class);
    f->sites[f->classes[class].site].settled += w->bytes * FLUID_BYTE;
    w->class = FLUID_DONE;
    w->entry = (fluid_key)fluid_ns(at) << 64 | w->start;
    push_done(f, flow);
}

void fluid_burst(struct sim_fluid *f, uint32_t site, fluid_time at)
{
    struct fluid_class *c = &f->classes[site];
    fluid_service v = fluid_class_v(f, c, at);
    fluid_key *heap = fluid_class_heap(c);

    for (uint32_t i = 0; i < c->len; i++) {
        uint32_t flow = (uint32_t)heap[i];

        if (f->flows[flow].class == site && f->flows[flow].entry == heap[i]) {
            fluid_count_burst(&f->sites[site], fluid_remaining(v, fluid_mark(heap[i])));
            end_flow(f, flow, at);
        }
    }
    fluid_class_settle(f, site);
}

/* The flow that f->next is about ends, and those of its class that end with it. */
static void end_next(struct sim_fluid *f)
{
    fluid_time at = f->next;
    uint32_t site = (f->next_at_server ? f->marks : f->ends).heap[0].id;
    struct fluid_site *s = &f->sites[site];
    uint32_t class = s->ends_following;
    struct fluid_class *c;
    fluid_key reached;

    if (!f->next_at_server && s->ends_capped != FLUID_NONE &&
        f->class_ends[s->ends_capped].key <= at) {
        class = s->ends_capped;
        fluid_open(f, site, at);
    } else if ((s->own ? s->since : f->since) == at) {
        fluid_open(f, site, at);
    } else { /* V is known without a division */
        fluid_open_at_mark(f, site, at, f->class_ends[class].key);
    }
    c = &f->classes[class];
    reached = fluid_class_v(f, c, at) | UINT32_MAX;
    while (c->flows > 0) {
        fluid_key *heap = fluid_class_heap(c), entry = heap[0];
        const struct fluid_flow *w = &f->flows[(uint32_t)entry];

        if (fluid_entry_before(reached, entry)) {
            break;
        }
        fluid_entry_pop(heap, &c->len);
        if (w->class == class && w->entry == entry) {
            end_flow(f, (uint32_t)entry, at);
        }
    }
    fluid_class_settle(f, class);
    fluid_close(f, site, at);
}

void fluid_run(struct sim_fluid *f, sim_time now)
{
    fluid_time at = (fluid_time)now << FLUID_FRACTION;

    assert(at >= f->at && now < SIM_NEVER / 2);
    for (;;) {
        if (!f->next_known) {
            fluid_find_next(f);
        }
        if (f->next > at) {
            break;
        }
        end_next(f);
    }
    f->at = at;
}

sim_time sim_fluid_deadline(struct sim_fluid *f)
{
    if (f->done_len > 0) {
        return (sim_time)(f->flows[f->done[0]].entry >> 64);
    }
    if (!f->next_known) {
        fluid_find_next(f);
    }
    return fluid_ns(f->next);
}

bool sim_fluid_take(struct sim_fluid *f, sim_time now, uint64_t *user)
{
    uint32_t flow;

    fluid_run(f, now);
    if (f->done_len == 0) {
        return false;
    }
    flow = pop_done(f);
    *user = f->flows[flow].user;
    free_flow(f, flow);
    drop_dead(f);
    return true;
}

/* ---- Starts and changes ---- */

static uint64_t cap_of(uint64_t bit_s)
{
    return bit_s < SIM_FLUID_RATE_MAX ? bit_s : SIM_FLUID_RATE_MAX;
}

int sim_fluid_start(struct sim_fluid *f, sim_time now, uint32_t site, uint64_t bytes,
                    uint64_t cap_bit_s, uint64_t user, sim_fluid_flow *out)
{
    struct fluid_site *s;
    struct fluid_flow *w;
    uint32_t class, flow;

    assert(site < f->sites_len);
    assert(bytes > 0 && bytes <= SIM_FLUID_BYTES_MAX);
    fluid_run(f, now);
    if (reserve_flow(f) != 0 ||
        (class = fluid_class_for(f, site, cap_of(cap_bit_s))) == FLUID_NONE) {
        return SIM_ENOMEM;
    }
    flow = new_flow(f);
    w = &f->flows[flow];
    w->bytes = bytes;
    w->user = user;
    w->start = f->starts++;
    *out = (uint64_t)w->generation << 32 | (flow + 1);

    s = &f->sites[site];
    s->first = sim_time_min(s->first, now);
    fluid_open(f, site, f->at);
    fluid_class_add(f, class, flow,
                    fluid_class_v(f, &f->classes[class], f->at) +
                        (bytes * FLUID_BYTE << FLUID_FLOW_BITS));
    if (fluid_class_heap(&f->classes[class])[0] == w->entry) {
        fluid_class_settle(f, class); /* it is the first to end there */
    }
    fluid_close(f, site, f->at);
    return 0;
}

int sim_fluid_set_cap(struct sim_fluid *f, sim_time now, sim_fluid_flow handle, uint64_t cap_bit_s)
{
    uint32_t flow, from, to, site;
    fluid_service left;

    fluid_run(f, now);
    flow = find_flow(f, handle);
    if (flow == FLUID_NONE || f->flows[flow].class == FLUID_DONE) {
        return 0;
    }
    from = f->flows[flow].class;
    site = f->classes[from].site;
    if (f->classes[from].cap == cap_of(cap_bit_s)) {
        return 0;
    }
    if ((to = fluid_class_for(f, site, cap_of(cap_bit_s))) == FLUID_NONE) {
        return SIM_ENOMEM;
    }
    fluid_open(f, site, f->at);
    left = fluid_mark(f->flows[flow].entry) - fluid_class_v(f, &f->classes[from], f->at);
    fluid_class_drop(f, from);
    fluid_class_add(f, to, flow, fluid_class_v(f, &f->classes[to], f->at) + left);
    fluid_class_settle(f, from);
    fluid_class_settle(f, to);
    fluid_close(f, site, f->at);
    return 0;
}

void sim_fluid_stop(struct sim_fluid *f, sim_time now, sim_fluid_flow handle)
{
    uint32_t flow, class, site;
    struct fluid_flow *w;

    fluid_run(f, now);
    if ((flow = find_flow(f, handle)) == FLUID_NONE) {
        return;
    }
    w = &f->flows[flow];
    if (w->class == FLUID_DONE) {
        w->class = FLUID_DEAD;
        drop_dead(f);
        return;
    }
    class = w->class;
    site = f->classes[class].site;
    fluid_open(f, site, f->at);
    f->sites[site].settled +=
        w->bytes * FLUID_BYTE -
        fluid_remaining(fluid_class_v(f, &f->classes[class], f->at), fluid_mark(w->entry));
    fluid_class_drop(f, class);
    free_flow(f, flow);
    fluid_class_settle(f, class);
    fluid_close(f, site, f->at);
}

void sim_fluid_set_up(struct sim_fluid *f, sim_time now, uint32_t site, bool up)
{
    assert(site < f->sites_len);
    fluid_run(f, now);
    if (f->sites[site].up == up) {
        return;
    }
    fluid_open(f, site, f->at);
    f->sites[site].up = up;
    fluid_close(f, site, f->at);
}

void sim_fluid_set_rate(struct sim_fluid *f, sim_time now, uint32_t site, uint64_t bit_s)
{
    assert(site < f->sites_len);
    fluid_run(f, now);
    fluid_open(f, site, f->at);
    fluid_count_rate(&f->sites[site]);
    f->sites[site].rate = cap_of(bit_s);
    fluid_close(f, site, f->at);
}

/* ---- Questions ---- */

static uint64_t bit_s_of(struct fluid_level level)
{
    return level.flows == 0 ? UINT64_MAX : level.rate / level.flows;
}

uint64_t sim_fluid_passed(struct sim_fluid *f, sim_time now, sim_fluid_flow handle)
{
    const struct fluid_flow *w;
    uint32_t flow;
    fluid_service left;

    fluid_run(f, now);
    if ((flow = find_flow(f, handle)) == FLUID_NONE) {
        return 0;
    }
    w = &f->flows[flow];
    if (w->class == FLUID_DONE) {
        return w->bytes;
    }
    left = fluid_remaining(fluid_class_v(f, &f->classes[w->class], f->at), fluid_mark(w->entry));
    return w->bytes - (uint64_t)((left + FLUID_BYTE - 1) / FLUID_BYTE);
}

uint64_t sim_fluid_rate(struct sim_fluid *f, sim_time now, sim_fluid_flow handle)
{
    const struct fluid_class *c;
    uint32_t flow;

    fluid_run(f, now);
    flow = find_flow(f, handle);
    if (flow == FLUID_NONE || f->flows[flow].class == FLUID_DONE) {
        return 0;
    }
    c = &f->classes[f->flows[flow].class];
    return c->capped ? c->cap : bit_s_of(fluid_site_level(f, &f->sites[c->site]));
}

uint64_t sim_fluid_share(struct sim_fluid *f, sim_time now, uint32_t site)
{
    struct fluid_site *s;
    struct fluid_level level;

    assert(site < f->sites_len);
    fluid_run(f, now);
    s = &f->sites[site];
    if (f->uplink == SIM_FLUID_NO_LIMIT && s->up && s->rate == SIM_FLUID_NO_LIMIT) {
        return UINT64_MAX;
    }
    if (fluid_guess(f, site, &level)) {
        return bit_s_of(level);
    }
    fluid_open(f, site, f->at); /* one more, for no time at all */
    s->followers++;
    fluid_close(f, site, f->at);
    level = fluid_site_level(f, s);
    s->followers--;
    fluid_close(f, site, f->at);
    return bit_s_of(level);
}

uint32_t sim_fluid_flows(const struct sim_fluid *f, uint32_t site)
{
    assert(site < f->sites_len);
    return f->sites[site].flows;
}
