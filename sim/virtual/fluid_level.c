/* sim/virtual/fluid_level.c -- who gets how much: levels of sites and of the server, the caps and
 * lines that bind, and what ends next (fluid_inner.h says how). */
#include <assert.h>

#include "sim/virtual/fluid_inner.h"

static const struct fluid_level no_limit = {1, 0}, nothing = {0, 1};

/* `rate` less what is capped, for those that follow. */
static struct fluid_level level_of(uint64_t rate, uint64_t capped, uint64_t followers)
{
    if (followers == 0) {
        return capped > rate ? nothing : no_limit;
    }
    return (struct fluid_level){rate > capped ? rate - capped : 0, followers};
}

/* Where its own line would hold the site's flows. */
static struct fluid_level line_level(const struct fluid_site *s)
{
    if (s->up && s->rate == SIM_FLUID_NO_LIMIT) {
        return no_limit;
    }
    return level_of(s->up ? s->rate : 0, s->capped, s->followers);
}

static bool is_below(struct fluid_level level, uint64_t cap)
{
    return level.rate < cap * level.flows;
}

static bool is_above(struct fluid_level level, uint64_t cap)
{
    return level.rate > cap * level.flows;
}

fluid_time fluid_reach(struct fluid_level level, fluid_time since, fluid_service units)
{
    fluid_service product = units * level.flows;
    fluid_time wait;

    if (units == 0 || level.flows == 0) {
        return since;
    }
    if (level.rate == 0) {
        return FLUID_FOREVER;
    }
    wait = (product + level.rate - 1) / level.rate;
    return wait < FLUID_FOREVER - since ? since + wait : FLUID_FOREVER;
}

/* ---- One site ---- */

/* Its own level at last, and its classes on the right sides of it. A site whose line does not bind
 * ends up following the server. Opened. */
static void fix_site(struct sim_fluid *f, uint32_t site, fluid_time at)
{
    struct fluid_site *s = &f->sites[site];
    struct fluid_level level;

    for (;;) {
        level = line_level(s);
        if (s->caps_capped != FLUID_NONE && is_below(level, f->classes[s->caps_capped].cap)) {
            fluid_class_turn(f, s->caps_capped, at);
        } else if (s->caps_following != FLUID_NONE &&
                   is_above(level, f->classes[s->caps_following].cap)) {
            fluid_class_turn(f, s->caps_following, at);
        } else {
            break;
        }
    }
    if ((level.flows > 0) != s->own) {
        fluid_service v = fluid_site_v(f, s, at);

        s->own = !s->own;
        s->base = s->own ? v : v - fluid_server_v(f, at);
    }
    s->since = at;
    s->level = level;
}

/* ---- The server's uplink ---- */

/* Its V goes on from `v`. The seconds of all sites that follow are ended first, while the level of
 * those seconds is known: once a second of virtual time at most. */
static void settle_server(struct sim_fluid *f, fluid_time at, fluid_service v)
{
    if (at >= f->second_end) {
        fluid_time begin = at - at % FLUID_SECOND;
        fluid_service v_begin = fluid_server_v(f, begin);

        for (uint32_t i = 0; i < f->sites_len; i++) {
            struct fluid_site *s = &f->sites[i];

            if (!s->own && s->flows > 0) {
                fluid_count(f, s, begin, s->base + v_begin);
            }
        }
        f->second_end = begin + FLUID_SECOND;
    }
    f->base = v;
    f->since = at;
}

/* As the site counts at the server, and the levels at which that would be otherwise. */
static void offer(struct sim_fluid *f, uint32_t site)
{
    struct fluid_site *s = &f->sites[site];
    uint64_t capped = s->own ? (s->up ? s->rate : 0) : s->capped;
    uint64_t followers = s->own ? 0 : s->followers;
    struct fluid_level rise = no_limit, fall = nothing; /* never */

    f->capped += capped - s->server_capped;
    f->followers += followers - s->server_followers;
    s->server_capped = capped;
    s->server_followers = followers;
    if (s->own) {
        fall = s->level;
    } else {
        rise = line_level(s);
        if (s->caps_following != FLUID_NONE && is_above(rise, f->classes[s->caps_following].cap)) {
            rise = (struct fluid_level){f->classes[s->caps_following].cap, 1};
        }
        if (s->caps_capped != FLUID_NONE) {
            fall = (struct fluid_level){f->classes[s->caps_capped].cap, 1};
        }
    }
    if (rise.flows == 0) {
        fluid_ranks_remove(&f->rises, FLUID_RATIO, site);
    } else {
        fluid_ranks_set(&f->rises, FLUID_RATIO, site, fluid_ratio(rise.rate, rise.flows));
    }
    if (fall.rate == 0) {
        fluid_ranks_remove(&f->falls, FLUID_RATIO, site);
    } else { /* upside down: the greatest level first */
        fluid_ranks_set(&f->falls, FLUID_RATIO, site, fluid_ratio(fall.flows, fall.rate));
    }
    if (!s->own && s->ends_following != FLUID_NONE) {
        fluid_ranks_set(&f->marks, FLUID_LINEAR, site,
                        f->class_ends[s->ends_following].key - s->base);
    } else {
        fluid_ranks_remove(&f->marks, FLUID_LINEAR, site);
    }
}

static void make_stale(struct sim_fluid *f, uint32_t site);

/* Another site than the opened one changes with the server's level. */
static void open_other(struct sim_fluid *f, uint32_t site, fluid_time at)
{
    struct fluid_site *s = &f->sites[site];
    fluid_service v = fluid_site_v(f, s, at);

    fluid_count(f, s, at, v);
    if (s->own) {
        s->base = v;
        s->since = at;
    }
    make_stale(f, site);
}

/* The server's level came down below what the site's line, or its greatest cap, gives. */
static void fall(struct sim_fluid *f, uint32_t site, fluid_time at)
{
    struct fluid_site *s = &f->sites[site];

    open_other(f, site, at);
    if (s->own) {
        s->own = false;
        s->base -= fluid_server_v(f, at);
    } else {
        fluid_class_turn(f, s->caps_capped, at);
    }
    offer(f, site);
}

/* It rose above what the site's line, or its least cap, can take. */
static void rise(struct sim_fluid *f, uint32_t site, fluid_time at)
{
    struct fluid_site *s = &f->sites[site];

    open_other(f, site, at);
    if (s->caps_following != FLUID_NONE &&
        is_above(line_level(s), f->classes[s->caps_following].cap)) {
        fluid_class_turn(f, s->caps_following, at);
    } else {
        fix_site(f, site, at);
    }
    offer(f, site);
}

static void fix_server(struct sim_fluid *f, fluid_time at)
{
    for (;;) {
        f->level = level_of(f->uplink, f->capped, f->followers);
        fluid_key level = fluid_ratio(f->level.rate, f->level.flows);
        fluid_key upside_down = fluid_ratio(f->level.flows, f->level.rate);

        if (f->falls.len > 0 && fluid_before(FLUID_RATIO, f->falls.heap[0].key, upside_down)) {
            fall(f, f->falls.heap[0].id, at);
        } else if (f->rises.len > 0 && fluid_before(FLUID_RATIO, f->rises.heap[0].key, level)) {
            rise(f, f->rises.heap[0].id, at);
        } else {
            return;
        }
    }
}

/* ---- Around a change ---- */

void fluid_open_at_mark(struct sim_fluid *f, uint32_t site, fluid_time at, fluid_service v)
{
    struct fluid_site *s = &f->sites[site];

    if (f->uplink != SIM_FLUID_NO_LIMIT) {
        settle_server(f, at, s->own ? fluid_server_v(f, at) : v - s->base);
    }
    fluid_count(f, s, at, v);
    if (s->own) {
        s->base = v;
        s->since = at;
    }
}

void fluid_open(struct sim_fluid *f, uint32_t site, fluid_time at)
{
    fluid_open_at_mark(f, site, at, fluid_site_v(f, &f->sites[site], at));
}

void fluid_close(struct sim_fluid *f, uint32_t site, fluid_time at)
{
    struct fluid_site *s = &f->sites[site];

    if (f->uplink == SIM_FLUID_NO_LIMIT) {
        fix_site(f, site, at);
        if (!s->own && s->followers > 0) {
            fluid_burst(f, site, at);
        }
    } else {
        if (s->own) {
            fix_site(f, site, at);
        }
        offer(f, site);
        fix_server(f, at);
    }
    make_stale(f, site);
    f->next_known = false;
}

/* One flow more can only lower levels, so the sides stay if nothing falls. */
bool fluid_guess(const struct sim_fluid *f, uint32_t site, struct fluid_level *out)
{
    const struct fluid_site *s = &f->sites[site];
    struct fluid_level level;

    if (f->uplink != SIM_FLUID_NO_LIMIT && !s->own) {
        return false;
    }
    level = level_of(s->up ? s->rate : 0, s->capped, s->followers + 1);
    if (s->caps_capped != FLUID_NONE && is_below(level, f->classes[s->caps_capped].cap)) {
        return false;
    }
    *out = level;
    return true;
}

/* ---- What ends next ---- */

static void find_end(struct sim_fluid *f, uint32_t site)
{
    struct fluid_site *s = &f->sites[site];
    fluid_time end = FLUID_FOREVER;

    if (s->own && s->ends_following != FLUID_NONE) {
        end = fluid_reach(s->level, s->since,
                          fluid_remaining(s->base, f->class_ends[s->ends_following].key));
    }
    if (s->ends_capped != FLUID_NONE && f->class_ends[s->ends_capped].key < end) {
        end = f->class_ends[s->ends_capped].key;
    }
    if (end == FLUID_FOREVER) {
        fluid_ranks_remove(&f->ends, FLUID_LINEAR, site);
    } else {
        fluid_ranks_set(&f->ends, FLUID_LINEAR, site, end);
    }
}

/* Its next end is reckoned when it is asked for, or when another site's is: a site that changes
 * twice at one instant is reckoned once. */
static void make_stale(struct sim_fluid *f, uint32_t site)
{
    if (f->stale != site) {
        if (f->stale != FLUID_NONE) {
            find_end(f, f->stale);
        }
        f->stale = site;
    }
}

void fluid_find_next(struct sim_fluid *f)
{
    if (f->stale != FLUID_NONE) {
        find_end(f, f->stale);
        f->stale = FLUID_NONE;
    }
    f->next = f->ends.len == 0 ? FLUID_FOREVER : f->ends.heap[0].key;
    f->next_at_server = false;
    if (f->marks.len > 0) {
        fluid_time end =
            fluid_reach(f->level, f->since, fluid_remaining(f->base, f->marks.heap[0].key));
        if (end < f->next) {
            f->next = end;
            f->next_at_server = true;
        }
    }
    f->next_known = true;
}
