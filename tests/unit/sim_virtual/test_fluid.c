/* Goal: fluid lines share as max-min fairness says, exactly, and count what passes.
 * Method: thousands of random small networks (sites, caps, an uplink, lines that fall, rates and
 * caps that change, stops) run beside a plain solver in long double, tests/oracle/maxmin: ends,
 * rates, bytes, busy time and busiest second must agree. Then instants by hand, to the nanosecond,
 * and what only a long run shows: that nothing adds up to an error. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "sim/rng.h"
#include "sim/virtual/fluid.h"
#include "sim/virtual/fluid_inner.h"
#include "tests/oracle/maxmin.h"

/* ---- A random network and what happens in it ---- */

enum { SITES_MAX = 40, FLOWS_MAX = 300, CHANGES_MAX = 120 };
enum { SECONDS_MAX = 4000 }; /* the busiest second is looked for in shorter runs */

enum change_kind { START, STOP, SET_CAP, SET_UP, SET_RATE };

struct change {
    sim_time at;
    enum change_kind kind;
    uint32_t subject; /* flow or site */
    uint64_t value;
};

struct flow {
    uint32_t site;
    uint64_t bytes, cap;
    /* ours */
    sim_fluid_flow handle;
    sim_time end; /* SIM_NEVER */
    /* the oracle's */
    bool moving;
    long double left;    /* bytes */
    long double started; /* s */
    long double finish;  /* s; HUGE_VALL */
};

struct site {
    uint64_t rate;
    bool up;
    long double bytes, busy, second, peak; /* the oracle's */
};

struct network {
    struct sim_rng rng;
    uint64_t uplink;
    struct site sites[SITES_MAX];
    uint32_t sites_len;
    struct flow flows[FLOWS_MAX];
    uint32_t flows_len;
    struct change changes[FLOWS_MAX + CHANGES_MAX];
    uint32_t changes_len;
    long double now; /* s, the oracle's clock */
    struct sim_fluid *fluid;
    uint64_t seed;
    bool lazy; /* ends are taken at the next change, not at their instants */
};

/* Of any order of magnitude from 1 to 10^digits. */
static uint64_t draw_scale(struct sim_rng *rng, uint32_t digits)
{
    uint64_t top = 10;

    for (uint64_t n = sim_rng_below(rng, digits); n > 0; n--) {
        top *= 10;
    }
    return 1 + sim_rng_below(rng, top);
}

static int by_instant(const void *a, const void *b)
{
    const struct change *x = a, *y = b;

    if (x->at != y->at) {
        return x->at < y->at ? -1 : 1;
    }
    return x->kind != y->kind ? (int)x->kind - (int)y->kind : (int)x->subject - (int)y->subject;
}

static uint64_t draw_cap(struct sim_rng *rng, uint64_t scale, int how)
{
    if (how == 0 || sim_rng_below(rng, 3) == 0) {
        return SIM_FLUID_NO_LIMIT;
    }
    if (how == 1) { /* a few that many have in common, and that are shares of the line */
        return scale / (1 + sim_rng_below(rng, 6)) + 1;
    }
    return 1 + sim_rng_below(rng, scale);
}

static void add_change(struct network *n, sim_time at, enum change_kind kind, uint32_t subject,
                       uint64_t value)
{
    n->changes[n->changes_len++] = (struct change){at, kind, subject, value};
}

static void draw_changes(struct network *n, uint64_t scale, sim_time span, int caps)
{
    uint32_t count = (uint32_t)sim_rng_below(&n->rng, n->flows_len < 31 ? 12 : CHANGES_MAX / 2);

    for (uint32_t i = 0; i < count; i++) {
        sim_time at = sim_rng_below(&n->rng, span);
        uint32_t site = (uint32_t)sim_rng_below(&n->rng, n->sites_len);
        uint32_t flow = (uint32_t)sim_rng_below(&n->rng, n->flows_len);

        switch (sim_rng_below(&n->rng, 4)) {
        case 0:
            add_change(n, at, STOP, flow, 0);
            break;
        case 1:
            add_change(n, at, SET_CAP, flow, draw_cap(&n->rng, scale, caps == 0 ? 2 : caps));
            break;
        case 2: /* it comes back */
            add_change(n, at, SET_UP, site, 0);
            add_change(n, at + sim_rng_below(&n->rng, span), SET_UP, site, 1);
            break;
        default:
            add_change(n, at, SET_RATE, site, 1 + sim_rng_below(&n->rng, scale));
            break;
        }
    }
}

static void draw_network(struct network *n, uint64_t seed, uint32_t sites, uint32_t flows)
{
    struct sim_rng *rng = &n->rng;
    uint64_t scale, bytes, sum = 0;
    sim_time span;
    int caps;

    memset(n, 0, sizeof(*n));
    n->seed = seed;
    sim_rng_init(rng, seed, SIM_RNG_TEST, 0);
    scale = draw_scale(rng, 11) + 10; /* bit/s */
    bytes = draw_scale(rng, 9);
    caps = (int)sim_rng_below(rng, 3);
    n->lazy = sim_rng_below(rng, 4) == 0;
    n->sites_len = 1 + (uint32_t)sim_rng_below(rng, sites);
    n->flows_len = 1 + (uint32_t)sim_rng_below(rng, flows);
    if (sim_rng_below(rng, 3) != 0) {
        n->uplink = 1 + sim_rng_below(rng, scale * n->sites_len);
    }
    for (uint32_t i = 0; i < n->sites_len; i++) {
        bool open = n->uplink != 0 && sim_rng_below(rng, 6) == 0;
        n->sites[i].rate = open ? SIM_FLUID_NO_LIMIT : 1 + sim_rng_below(rng, scale);
        n->sites[i].up = true;
    }
    bool alike = sim_rng_below(rng, 3) == 0; /* many ends at one instant */
    for (uint32_t i = 0; i < n->flows_len; i++) {
        struct flow *w = &n->flows[i];

        *w = (struct flow){.end = SIM_NEVER, .finish = HUGE_VALL};
        w->site = (uint32_t)sim_rng_below(rng, n->sites_len);
        w->bytes = alike ? bytes : 1 + sim_rng_below(rng, bytes);
        w->cap = draw_cap(rng, scale, caps);
        sum += n->flows[i].bytes;
    }
    span = (sim_time)fminl(1e18L, 1e9L * 8 * (long double)sum / (long double)scale * 2) + 1;
    for (uint32_t i = 0; i < n->flows_len; i++) {
        add_change(n, alike && i % 2 > 0 ? 0 : sim_rng_below(rng, span), START, i, 0);
    }
    draw_changes(n, scale, span, caps);
    qsort(n->changes, n->changes_len, sizeof(n->changes[0]), by_instant);
}

/* ---- The oracle's run of it ---- */

static void oracle_rates(const struct network *n, uint32_t extra_site, long double *rates,
                         long double *extra)
{
    static struct maxmin_flow flows[FLOWS_MAX + 1];
    static long double capacity[1 + SITES_MAX + FLOWS_MAX];
    uint32_t len = 0, of[FLOWS_MAX + 1];

    capacity[0] = n->uplink != 0 ? (long double)n->uplink : HUGE_VALL;
    for (uint32_t i = 0; i < n->sites_len; i++) {
        const struct site *s = &n->sites[i];
        capacity[1 + i] = !s->up ? 0 : s->rate != 0 ? (long double)s->rate : HUGE_VALL;
    }
    for (uint32_t i = 0; i < n->flows_len; i++) {
        const struct flow *w = &n->flows[i];

        rates[i] = 0;
        capacity[1 + n->sites_len + i] = w->cap != 0 ? (long double)w->cap : HUGE_VALL;
        if (w->moving) {
            of[len] = i;
            flows[len++] = (struct maxmin_flow){.links = {0, 1 + w->site, 1 + n->sites_len + i},
                                                .links_len = 3};
        }
    }
    if (extra != NULL) {
        flows[len++] = (struct maxmin_flow){.links = {0, 1 + extra_site}, .links_len = 2};
    }
    maxmin_solve(capacity, 1 + n->sites_len + n->flows_len, flows, len);
    if (extra != NULL) {
        *extra = flows[--len].rate;
    }
    for (uint32_t i = 0; i < len; i++) {
        rates[of[i]] = flows[i].rate;
    }
}

/* All goes on at these rates for so long. */
static void oracle_move(struct network *n, const long double *rates, long double wait)
{
    for (uint32_t i = 0; i < n->flows_len; i++) {
        struct flow *w = &n->flows[i];

        if (w->moving) {
            struct site *s = &n->sites[w->site];
            long double bits = rates[i] * wait;

            w->left -= bits / 8;
            s->bytes += bits / 8;
            s->second += bits;
            s->busy += s->rate != 0 ? bits / (long double)s->rate : 0;
        }
    }
    for (uint32_t i = 0; i < n->sites_len; i++) {
        struct site *s = &n->sites[i];
        bool moves = false;

        for (uint32_t j = 0; j < n->flows_len; j++) {
            moves = moves || (n->flows[j].moving && n->flows[j].site == i);
        }
        if (s->rate == 0 && s->up && moves) {
            s->busy += wait;
        }
        s->peak = fmaxl(s->peak, s->second);
    }
    n->now += wait;
}

/* Up to `until` (s), an end at a time; by seconds too while the run is short. */
static void oracle_run(struct network *n, long double until, bool by_second)
{
    long double rates[FLOWS_MAX];

    while (n->now < until) {
        long double wait = until - n->now;
        uint32_t ends = UINT32_MAX;
        long double whole = floorl(n->now) + 1;
        bool second = false;

        oracle_rates(n, 0, rates, NULL);
        for (uint32_t i = 0; i < n->flows_len; i++) {
            if (n->flows[i].moving && rates[i] > 0 && n->flows[i].left * 8 / rates[i] <= wait) {
                wait = n->flows[i].left * 8 / rates[i];
                ends = i;
            }
        }
        if (by_second && n->now + wait >= whole) {
            wait = whole - n->now;
            ends = UINT32_MAX;
            second = true;
        } else if (ends == UINT32_MAX && until == HUGE_VALL) {
            return;
        }
        oracle_move(n, rates, wait);
        n->now = second ? whole : n->now;
        for (uint32_t i = 0; second && i < n->sites_len; i++) {
            n->sites[i].second = 0;
        }
        if (ends != UINT32_MAX) {
            n->flows[ends].moving = false;
            n->flows[ends].finish = n->now;
        } else if (!second) {
            n->now = until;
        }
    }
}

/* ---- Both runs side by side ---- */

static void check_near(const struct network *n, const char *what, uint32_t which, long double ours,
                       long double theirs, long double slack)
{
    cr_assert(fabsl(ours - theirs) <= slack + 1e-9L * fabsl(theirs),
              "seed %llu: %s %u: %.12Lf, oracle %.12Lf", (unsigned long long)n->seed, what, which,
              ours, theirs);
}

static void take_all(struct network *n, sim_time now)
{
    uint64_t user;
    sim_time end = sim_fluid_deadline(n->fluid), last = 0;

    while (end <= now && sim_fluid_take(n->fluid, now, &user)) {
        struct flow *w = &n->flows[user];

        end = end < last ? last : end;
        cr_assert_eq(w->end, SIM_NEVER, "taken twice");
        w->end = end;
        last = end;
        end = sim_fluid_deadline(n->fluid);
    }
}

static void apply(struct network *n, const struct change *c)
{
    struct flow *w = &n->flows[c->kind < SET_UP ? c->subject : 0];
    struct site *s = &n->sites[c->kind < SET_UP ? 0 : c->subject];

    switch (c->kind) {
    case START:
        w->moving = true;
        w->left = (long double)w->bytes;
        w->started = n->now;
        cr_assert_eq(
            sim_fluid_start(n->fluid, c->at, w->site, w->bytes, w->cap, c->subject, &w->handle), 0);
        return;
    case STOP:
        w->moving = false;
        if (w->end == SIM_NEVER) {
            w->finish = HUGE_VALL; /* if it has ended, nobody will hear of it */
        }
        sim_fluid_stop(n->fluid, c->at, w->handle);
        return;
    case SET_CAP:
        if (w->moving) {
            w->cap = c->value;
        }
        cr_assert_eq(sim_fluid_set_cap(n->fluid, c->at, w->handle, c->value), 0);
        return;
    case SET_UP:
        s->up = c->value != 0;
        sim_fluid_set_up(n->fluid, c->at, c->subject, s->up);
        return;
    case SET_RATE:
        s->rate = c->value;
        sim_fluid_set_rate(n->fluid, c->at, c->subject, s->rate);
        return;
    }
}

/* Rates, and what one more would get, right after a change. */
static void check_rates(struct network *n, sim_time now)
{
    long double rates[FLOWS_MAX], share;
    uint32_t site = (uint32_t)sim_rng_below(&n->rng, n->sites_len);

    oracle_rates(n, site, rates, &share);
    check_near(n, "share of site", site, (long double)sim_fluid_share(n->fluid, now, site), share,
               1);
    oracle_rates(n, 0, rates, NULL);
    for (uint32_t i = 0; i < n->flows_len; i++) {
        const struct flow *w = &n->flows[i];

        if (w->moving && w->left * 8 > rates[i] * 1e-8L) { /* not about to end */
            check_near(n, "rate of flow", i, (long double)sim_fluid_rate(n->fluid, now, w->handle),
                       rates[i], 1);
            check_near(n, "bytes of flow", i,
                       (long double)sim_fluid_passed(n->fluid, now, w->handle),
                       (long double)w->bytes - w->left, 1 + rates[i] * 1e-9L);
        }
    }
}

static void check_sites(struct network *n, sim_time now, bool by_second)
{
    for (uint32_t i = 0; i < n->sites_len; i++) {
        const struct site *s = &n->sites[i];
        struct sim_fluid_counters c;
        /* what passes in the nanosecond in which the last flow may have ended */
        long double ns = fmaxl((long double)s->rate, (long double)n->uplink) * 1e-9L;

        sim_fluid_counters(n->fluid, now, i, &c);
        check_near(n, "bytes of site", i, (long double)c.bytes, s->bytes, 1 + ns);
        check_near(n, "busy ns of site", i, (long double)c.busy, s->busy * 1e9L, 2);
        if (by_second) {
            check_near(n, "peak of site", i, (long double)c.peak_bit_s, s->peak, 1 + ns);
        }
    }
}

static void run_both(struct network *n)
{
    uint64_t rates[SITES_MAX];
    struct sim_fluid_config config = {
        .uplink_bit_s = n->uplink, .site_bit_s = rates, .sites_len = n->sites_len};
    sim_time last = n->changes[n->changes_len - 1].at;
    sim_time end;
    bool by_second = last < SECONDS_MAX * SIM_S / 4;

    for (uint32_t i = 0; i < n->sites_len; i++) {
        rates[i] = n->sites[i].rate;
    }
    cr_assert_eq(n->fluid == NULL ? sim_fluid_new(&n->fluid, &config)
                                  : sim_fluid_restart(n->fluid, &config),
                 0);
    for (uint32_t i = 0; i < n->changes_len; i++) {
        const struct change *c = &n->changes[i];

        while (!n->lazy && (end = sim_fluid_deadline(n->fluid)) <= c->at) {
            take_all(n, end);
        }
        oracle_run(n, (long double)c->at / 1e9L, by_second);
        apply(n, c);
        if (i % 4 == 0) {
            check_rates(n, c->at);
        }
        take_all(n, c->at);
    }
    end = last;
    for (sim_time next; (next = sim_fluid_deadline(n->fluid)) < SIM_NEVER / 4;) {
        take_all(n, next);
        end = next > end ? next : end;
    }
    by_second = by_second && end < SECONDS_MAX * SIM_S;
    oracle_run(n, (long double)end / 1e9L, by_second);
    check_sites(n, end, by_second);
    oracle_run(n, HUGE_VALL, false);
    for (uint32_t i = 0; i < n->flows_len; i++) {
        const struct flow *w = &n->flows[i];

        if (w->end != SIM_NEVER || w->finish < 4e9L) {
            check_near(n, "end of flow", i, (long double)w->end / 1e9L - w->started,
                       w->finish - w->started, 1.0001e-9L);
        }
    }
}

static void compare(uint64_t from, uint64_t to, uint32_t sites, uint32_t flows)
{
    static struct network n;
    struct sim_fluid *fluid = NULL;

    for (uint64_t seed = from; seed < to; seed++) {
        draw_network(&n, seed, sites, flows);
        n.fluid = fluid; /* the same one again and again: restarts leave nothing behind */
        run_both(&n);
        fluid = n.fluid;
    }
    sim_fluid_free(fluid);
}

Test(fluid, shares_thousands_of_small_networks_as_the_oracle_does)
{
    compare(0, 2000, 6, 30);
}

Test(fluid, shares_larger_networks_as_the_oracle_does)
{
    compare(10000, 10016, SITES_MAX, FLOWS_MAX);
}

/* ---- By hand ---- */

/* One site; `bit_s` of its line. */
static struct sim_fluid *one_line(uint64_t bit_s)
{
    struct sim_fluid_config config = {.site_bit_s = &bit_s, .sites_len = 1};
    struct sim_fluid *f = NULL;

    cr_assert_eq(sim_fluid_new(&f, &config), 0);
    return f;
}

static sim_fluid_flow start(struct sim_fluid *f, sim_time now, uint32_t site, uint64_t bytes,
                            uint64_t cap, uint64_t user)
{
    sim_fluid_flow flow = 0;

    cr_assert_eq(sim_fluid_start(f, now, site, bytes, cap, user, &flow), 0);
    cr_assert_neq(flow, 0);
    return flow;
}

/* The next end is `user`'s, at `at` and not a nanosecond before. */
static void check_end(struct sim_fluid *f, sim_time at, uint64_t user)
{
    uint64_t taken = UINT64_MAX;

    cr_assert_eq(sim_fluid_deadline(f), at, "%llu: ends at %llu, not %llu",
                 (unsigned long long)user, (unsigned long long)sim_fluid_deadline(f),
                 (unsigned long long)at);
    cr_assert(!sim_fluid_take(f, at - 1, &taken));
    cr_assert(sim_fluid_take(f, at, &taken));
    cr_assert_eq(taken, user, "%llu ended, not %llu", (unsigned long long)taken,
                 (unsigned long long)user);
}

Test(fluid, shares_a_line_to_the_nanosecond)
{
    struct sim_fluid *f = one_line(8000000); /* 1 byte/us */

    start(f, 0, 0, 1000, 0, 1);
    start(f, 500000, 0, 1000, 0, 2);
    check_end(f, 1500000, 1);
    check_end(f, 2000000, 2);
    start(f, 2000000, 0, 1, 0, 3);
    start(f, 2000000, 0, 1, 0, 4);
    start(f, 2000000, 0, 1, 0, 5);
    check_end(f, 2003000, 3);
    cr_assert_eq(sim_fluid_deadline(f), 2003000);
    uint64_t user;
    cr_assert(sim_fluid_take(f, 2003000, &user) && user == 4);
    cr_assert(sim_fluid_take(f, 2003000, &user) && user == 5);
    cr_assert(!sim_fluid_take(f, 2003000, &user));
    cr_assert_eq(sim_fluid_deadline(f), SIM_NEVER);
    start(f, 3000000, 0, 1, 3000000, 6); /* 8 bits at 3 Mbit/s: 2666.67 ns */
    check_end(f, 3002667, 6);
    sim_fluid_free(f);
}

Test(fluid, gives_those_that_end_in_one_nanosecond_out_by_start)
{
    struct sim_fluid *f = one_line(400000000000); /* 50 bytes/ns */
    uint64_t user;

    for (uint64_t i = 0; i < 9; i++) { /* the last ends first: all within 1 ns */
        start(f, 0, 0, 9 - i, i == 4 ? 8000000000 : 0, i);
    }
    for (uint64_t i = 0; i < 9; i++) {
        sim_time end = sim_fluid_deadline(f);
        cr_assert(sim_fluid_take(f, 10, &user));
        if (i < 8) {
            cr_assert_eq(end, 1);
            cr_assert_eq(user, i < 4 ? i : i + 1);
        } else {
            cr_assert_eq(end, 5);
            cr_assert_eq(user, 4);
        }
    }
    sim_fluid_free(f);
}

Test(fluid, loses_no_byte_on_a_line_that_is_never_idle)
{
    static const uint64_t rates[] = {999999937, 400000000000, 1536000, 7};

    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct sim_fluid *f = one_line(rates[i]);
        struct sim_rng rng;
        uint64_t sum = 0, user, ended = 0;
        sim_time end = 0, last = 0, now = 0;

        sim_rng_init(&rng, i, SIM_RNG_TEST, 0);
        for (uint64_t n = 0; n < 30000; n++) { /* some come in the middle, most when others go */
            uint64_t bytes = 1 + sim_rng_below(&rng, 100000);

            start(f, now, 0, bytes, 0, n);
            sum += bytes;
            while (n - ended > sim_rng_below(&rng, 10)) {
                now = sim_fluid_deadline(f);
                ended += sim_fluid_take(f, now, &user) ? 1 : 0;
            }
            end = sim_fluid_deadline(f);
            now += end > now ? sim_rng_below(&rng, end - now) : 0;
        }
        while ((end = sim_fluid_deadline(f)) != SIM_NEVER) {
            cr_assert(sim_fluid_take(f, end, &user));
            last = end;
        }
        sim_time right = sim_time_of_bytes(sum, rates[i]);
        cr_assert(last + 1 >= right && last <= right + 1, "rate %llu: %llu, not %llu",
                  (unsigned long long)rates[i], (unsigned long long)last,
                  (unsigned long long)right);
        struct sim_fluid_counters c;
        sim_fluid_counters(f, last, 0, &c);
        cr_assert_eq(c.bytes, sum);
        cr_assert_eq(c.last, last);
        sim_fluid_free(f);
    }
}

Test(fluid, runs_flows_at_their_caps_and_gives_the_rest_to_others)
{
    struct sim_fluid *f = one_line(8000000);
    sim_fluid_flow slow, fast;

    slow = start(f, 0, 0, 1000, 2000000, 1);
    cr_assert_eq(sim_fluid_rate(f, 0, slow), 2000000);
    cr_assert_eq(sim_fluid_share(f, 0, 0), 6000000);
    fast = start(f, 0, 0, 3000, 0, 2);
    cr_assert_eq(sim_fluid_rate(f, 0, fast), 6000000);
    cr_assert_eq(sim_fluid_share(f, 0, 0), 3000000);
    cr_assert_eq(sim_fluid_set_cap(f, 2000000, slow, 5000000), 0); /* above half of the line */
    cr_assert_eq(sim_fluid_rate(f, 2000000, slow), 4000000);
    cr_assert_eq(sim_fluid_passed(f, 2000000, slow), 500);
    cr_assert_eq(sim_fluid_passed(f, 2000000, fast), 1500);
    check_end(f, 3000000, 1);
    check_end(f, 4000000, 2);
    cr_assert_eq(sim_fluid_flows(f, 0), 0);
    sim_fluid_free(f);
}

Test(fluid, shares_the_uplink_over_flows_of_sites_that_could_take_more)
{
    uint64_t rates[] = {8000000, 1000000, SIM_FLUID_NO_LIMIT};
    struct sim_fluid_config config = {.uplink_bit_s = 9000000, .site_bit_s = rates, .sites_len = 3};
    struct sim_fluid *f = NULL;
    sim_fluid_flow flows[4];

    cr_assert_eq(sim_fluid_new(&f, &config), 0);
    flows[0] = start(f, 0, 0, 1000000, 0, 0);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[0]), 8000000); /* its line */
    flows[1] = start(f, 0, 1, 1000000, 0, 1);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[0]), 8000000);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[1]), 1000000);
    flows[2] = start(f, 0, 2, 1000000, 0, 2);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[0]), 4000000); /* the uplink */
    cr_assert_eq(sim_fluid_rate(f, 0, flows[1]), 1000000);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[2]), 4000000);
    flows[3] = start(f, 0, 2, 1000000, 1000000, 3);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[2]), 3500000);
    cr_assert_eq(sim_fluid_share(f, 0, 0), 2333333);
    cr_assert_eq(sim_fluid_share(f, 0, 1), 500000);
    sim_fluid_set_up(f, 0, 0, false);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[0]), 0);
    cr_assert_eq(sim_fluid_rate(f, 0, flows[2]), 7000000);
    cr_assert_eq(sim_fluid_share(f, 0, 0), 0);
    sim_fluid_free(f);
}

Test(fluid, keeps_flows_of_a_line_that_is_down)
{
    struct sim_fluid *f = one_line(8000000);
    sim_fluid_flow flow = start(f, 0, 0, 1000, 1000000, 1);

    start(f, 0, 0, 1000, 0, 2);
    sim_fluid_set_up(f, 800000, 0, false); /* 100 bytes and 700 have passed */
    cr_assert_eq(sim_fluid_deadline(f), SIM_NEVER);
    cr_assert_eq(sim_fluid_flows(f, 0), 2);
    cr_assert_eq(sim_fluid_passed(f, SIM_S, flow), 100);
    sim_fluid_set_rate(f, SIM_S, 0, 9000000);
    cr_assert_eq(sim_fluid_deadline(f), SIM_NEVER);
    sim_fluid_set_up(f, 2 * SIM_S, 0, true);
    check_end(f, 2 * SIM_S + 300000, 2);
    check_end(f, 2 * SIM_S + 7200000, 1);
    sim_fluid_free(f);
}

Test(fluid, ignores_handles_of_flows_that_are_gone)
{
    uint64_t rate = 8000000, user;
    struct sim_fluid_config config = {.site_bit_s = &rate, .sites_len = 1};
    struct sim_fluid *f = one_line(rate);
    sim_fluid_flow gone = start(f, 0, 0, 1000, 0, 1), next;

    sim_fluid_stop(f, 100000, gone);
    cr_assert_eq(sim_fluid_deadline(f), SIM_NEVER);
    next = start(f, 100000, 0, 1000, 0, 2); /* takes its place */
    cr_assert_neq(next, gone);
    sim_fluid_stop(f, 100000, gone);
    sim_fluid_stop(f, 100000, 0);
    cr_assert_eq(sim_fluid_set_cap(f, 100000, gone, 1), 0);
    cr_assert_eq(sim_fluid_passed(f, 200000, gone), 0);
    cr_assert_eq(sim_fluid_rate(f, 200000, gone), 0);
    cr_assert_eq(sim_fluid_passed(f, 200000, next), 100);
    cr_assert_eq(sim_fluid_passed(f, 2000000, next), 1000); /* ended, not taken */
    sim_fluid_stop(f, 2000000, next);
    cr_assert(!sim_fluid_take(f, 2000000, &user));
    cr_assert_eq(sim_fluid_deadline(f), SIM_NEVER);
    next = start(f, 2000000, 0, 1000, 0, 3);
    cr_assert_eq(sim_fluid_restart(f, &config), 0);
    gone = next;
    next = start(f, 0, 0, 1000, 0, 4);
    cr_assert_eq(sim_fluid_passed(f, 1000, gone), 0);
    cr_assert_eq(sim_fluid_passed(f, 1000, next), 1);
    sim_fluid_free(f);
}

Test(fluid, forgets_flows_that_were_stopped)
{
    struct sim_fluid *f = one_line(8000000);
    sim_fluid_flow first = start(f, 0, 0, 1000, 0, 1), other;

    start(f, 0, 0, 5000, 0, 2);
    start(f, 0, 0, 5000, 1000000, 3);
    sim_fluid_stop(f, 700000, first); /* the next deadline is not its own */
    /* 2,450 bits of it have passed, at 3.5 bits a us; the others go at 7 */
    check_end(f, 700000 + 37550000 / 7 + 1, 2);
    for (int i = 0; i < 100000; i++) {
        other = start(f, 10000000, 0, 5000, i % 2 > 0 ? 1000000 : 0, 4);
        sim_fluid_stop(f, 10000000, other);
        other = start(f, 10000000, 0, 5000, 1000000, 4);
        cr_assert_eq(sim_fluid_set_cap(f, 10000000, other, 0), 0);
        cr_assert_eq(sim_fluid_set_cap(f, 10000000, other, 1000000), 0);
        sim_fluid_stop(f, 10000000, other);
    }
    for (uint32_t i = 0; i < f->classes_len; i++) {
        cr_assert_lt(f->classes[i].room, 20, "stale entries pile up");
    }
    cr_assert_lt(f->flows_len, 5);
    check_end(f, 40000000, 3);
    sim_fluid_free(f);
}

Test(fluid, ends_flows_without_any_limit_at_once)
{
    struct sim_fluid *f = one_line(SIM_FLUID_NO_LIMIT);
    struct sim_fluid_counters c;
    uint64_t user;

    cr_assert_eq(sim_fluid_share(f, 0, 0), UINT64_MAX);
    start(f, 7, 0, SIM_FLUID_BYTES_MAX, 0, 1);
    cr_assert_eq(sim_fluid_deadline(f), 7);
    cr_assert(sim_fluid_take(f, 7, &user) && user == 1);
    start(f, SIM_S, 0, 1000, 8000, 2); /* a second */
    check_end(f, 2 * SIM_S, 2);
    sim_fluid_counters(f, 3 * SIM_S, 0, &c);
    cr_assert_eq(c.bytes, SIM_FLUID_BYTES_MAX + 1000);
    cr_assert_eq(c.busy, SIM_S);
    cr_assert_eq(c.first, 7);
    cr_assert_eq(c.last, 2 * SIM_S);
    cr_assert_eq(c.peak_bit_s, 8 * SIM_FLUID_BYTES_MAX);

    sim_fluid_set_rate(f, 3 * SIM_S, 0, 8000);
    start(f, 3 * SIM_S, 0, 3000, 0, 3);
    start(f, 3 * SIM_S, 0, 2000, 0, 4);
    sim_fluid_set_rate(f, 4 * SIM_S, 0, SIM_FLUID_NO_LIMIT);
    cr_assert_eq(sim_fluid_deadline(f), 4 * SIM_S);
    cr_assert(sim_fluid_take(f, 4 * SIM_S, &user) && user == 3);
    cr_assert(sim_fluid_take(f, 4 * SIM_S, &user) && user == 4);
    sim_fluid_counters(f, 5 * SIM_S, 0, &c);
    cr_assert_eq(c.bytes, SIM_FLUID_BYTES_MAX + 6000);
    cr_assert_eq(c.busy, 2 * SIM_S);
    cr_assert_eq(c.last, 4 * SIM_S);
    sim_fluid_free(f);
}

Test(fluid, counts_seconds_and_busy_time_without_an_event_a_second)
{
    struct sim_fluid *f = one_line(8000000);
    struct sim_fluid_counters c;
    sim_fluid_flow flow;

    sim_fluid_counters(f, SIM_S / 3, 0, &c);
    cr_assert(c.first == SIM_NEVER && c.last == SIM_NEVER && c.bytes == 0 && c.peak_bit_s == 0);
    start(f, SIM_S / 2, 0, 500000, 4000000, 1); /* half the rate for a second */
    check_end(f, 3 * SIM_S / 2, 1);
    sim_fluid_counters(f, 10 * SIM_S, 0, &c);
    cr_assert_eq(c.peak_bit_s, 2000000);
    cr_assert_eq(c.busy, SIM_S / 2);
    cr_assert_eq(c.first, SIM_S / 2);
    cr_assert_eq(c.last, 3 * SIM_S / 2);
    flow = start(f, 10 * SIM_S + SIM_S / 4, 0, 100000000, 0, 2);
    sim_fluid_counters(f, 11 * SIM_S - 1, 0, &c);
    cr_assert_eq(c.peak_bit_s, 6000000 - 8000000 / SIM_S); /* the second under way */
    sim_fluid_counters(f, 12 * SIM_S, 0, &c);
    cr_assert_eq(c.peak_bit_s, 8000000);
    cr_assert_eq(c.bytes, 500000 + 1750000);
    cr_assert_eq(c.last, 12 * SIM_S);
    sim_fluid_stop(f, 50 * SIM_S, flow);
    sim_fluid_counters(f, 500 * SIM_S, 0, &c);
    cr_assert_eq(c.peak_bit_s, 8000000);
    cr_assert_eq(c.bytes, 500000 + 39750000);
    cr_assert_eq(c.busy, SIM_S / 2 + 39 * SIM_S + 3 * SIM_S / 4);
    cr_assert_eq(c.last, 50 * SIM_S);
    sim_fluid_free(f);
}

Test(fluid, holds_at_the_ends_of_its_ranges)
{
    struct sim_fluid *f = one_line(SIM_FLUID_RATE_MAX);
    uint64_t slow = 1, bad = SIM_FLUID_RATE_MAX + 1;
    struct sim_fluid_config config = {.site_bit_s = &slow, .sites_len = 1};
    sim_time late = (UINT64_C(1) << 62) - 1;

    start(f, late, 0, SIM_FLUID_BYTES_MAX, 0, 1);
    start(f, late, 0, SIM_FLUID_BYTES_MAX, 1, 2);
    /* 2^43 bits at 2^40 - 2 bit/s, and 2^43 s: beyond time */
    check_end(f, late + sim_time_of_bytes(SIM_FLUID_BYTES_MAX, SIM_FLUID_RATE_MAX - 1), 1);
    cr_assert_eq(sim_fluid_deadline(f), SIM_NEVER);
    cr_assert_eq(sim_fluid_restart(f, &config), 0);
    start(f, 0, 0, 1, 0, 3);
    start(f, 0, 0, 1, 0, 4);
    check_end(f, 16 * SIM_S, 3);
    config.site_bit_s = &bad;
    cr_assert_eq(sim_fluid_restart(f, &config), SIM_EINVAL);
    config.sites_len = 0;
    cr_assert_eq(sim_fluid_restart(f, &config), SIM_EINVAL);
    sim_fluid_free(f);
}

/* Ends of 500 flows with caps over 20 sites; `ask`: with all questions asked in between. */
static void run_asked(bool ask, sim_time *ends)
{
    uint64_t rates[20], user;
    struct sim_fluid_config config = {
        .uplink_bit_s = 15000000, .site_bit_s = rates, .sites_len = 20};
    struct sim_fluid *f = NULL;
    struct sim_fluid_counters c;
    struct sim_rng rng;

    for (uint32_t i = 0; i < 20; i++) {
        rates[i] = 500000 + 100000 * i;
    }
    cr_assert_eq(sim_fluid_new(&f, &config), 0);
    sim_rng_init(&rng, 1, SIM_RNG_TEST, 0);
    for (uint32_t i = 0; i < 500; i++) {
        uint32_t site = (uint32_t)sim_rng_below(&rng, 20);
        uint64_t cap = sim_rng_below(&rng, 3) * 50000;
        sim_time now = i * SIM_S / 10;
        sim_fluid_flow flow;

        while (sim_fluid_deadline(f) <= now) {
            sim_time end = sim_fluid_deadline(f);
            cr_assert(sim_fluid_take(f, now, &user));
            ends[user] = end;
        }
        flow = start(f, now, site, 1 + sim_rng_below(&rng, 200000), cap, i);
        for (sim_time at = now; ask && at < now + SIM_S / 10; at += SIM_S / 77) {
            sim_fluid_passed(f, at, flow);
            sim_fluid_rate(f, at, flow);
            sim_fluid_counters(f, at, site, &c);
        }
    }
    for (sim_time end; (end = sim_fluid_deadline(f)) != SIM_NEVER;) {
        cr_assert(sim_fluid_take(f, end > 50 * SIM_S ? end : 50 * SIM_S, &user));
        ends[user] = end;
    }
    sim_fluid_free(f);
}

Test(fluid, ends_alike_whether_asked_in_between_or_not)
{
    sim_time plain[500], asked[500];

    run_asked(false, plain);
    run_asked(true, asked);
    cr_assert_arr_eq(plain, asked, sizeof(plain));
}
