/* sim/virtual/fluid_inner.h -- inside of the fluid machine: what its files share. Its files alone
 * include it.
 *
 *   fluid.c         life, starts, stops, ends in their order, the questions
 *   fluid_level.c   who gets how much: levels, lines and caps that bind, keys of what ends next
 *   fluid_class.c   classes: the flows of a site with one cap
 *   fluid_count.c   bytes, busy time and busiest second of a site, in closed form
 *   fluid_heap.c    heaps
 *
 * How it works. Flows of a site with equal caps are a *class*: they all run at the same rate, so
 * one counter V (what each flow of the class has got) does for all of them, and a flow ends when V
 * reaches its mark. A class is either *capped*: it runs at its cap, or it *follows* its site: its V
 * is the site's V and an offset. In the same way a site has its *own* level when its line is full,
 * and else follows the server's. So a level that changes touches no flow, no class that goes on
 * following and no site that goes on following; a class or a site that changes sides gets another
 * offset. Who changes sides is found by two heaps of thresholds on each floor.
 *
 * The level of a line is a fraction: (rate - rates of what is capped) / flows that follow. From any
 * division into sides that fraction is at most the right level, and each change of side that it
 * calls for raises it (Newton's method on a concave function): so settling ends.
 *
 * Units. Service: bit/s x ns, in 2^-52, in 128 bits that wrap around; the low 32 bits of every
 * value are 0, so that a flow's number fits under its mark: what counts is 2^-20. A byte is 8e9
 * bit/s x ns. Instants inside: 2^-20 ns, so that ends do not add up to an error: rates change at
 * the instant at which the last byte has passed, and only what callers see is in whole ns. */
#ifndef SIM_VIRTUAL_FLUID_INNER_H
#define SIM_VIRTUAL_FLUID_INNER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/err.h"
#include "sim/time.h"
#include "sim/virtual/fluid.h"
#include "sim/virtual/fluid_heap.h"

typedef unsigned __int128 fluid_service; /* 2^-52 bit/s x ns, or 2^-20 where it says "units" */
typedef unsigned __int128 fluid_time;    /* 2^-20 ns */

enum {
    FLUID_FLOW_BITS = 32, /* below a mark: the number of its flow */
    FLUID_FRACTION = 20,  /* binary places of a nanosecond, and of bit/s x ns */
    FLUID_FLOWS_MAX = 1 << 24,
};
#define FLUID_BYTE ((fluid_service)8 * SIM_S << FLUID_FRACTION) /* units of a byte */
#define FLUID_SECOND ((fluid_time)SIM_S << FLUID_FRACTION)
#define FLUID_FOREVER ((fluid_time)SIM_NEVER << FLUID_FRACTION)

/* Bit/s of one flow. */
struct fluid_level {
    uint64_t rate;  /* shared; below 2^40 */
    uint64_t flows; /* by as many; 0: no limit at all */
};

/* Instead of a flow's class. */
#define FLUID_DONE (UINT32_MAX - 1) /* ended, to be taken */
#define FLUID_DEAD (UINT32_MAX - 2) /* ended, then stopped */

struct fluid_flow {
    fluid_key entry; /* its mark and number as in the class's heap; when it has ended: the instant
                        (ns) << 64 | start: its place among those to be taken */
    uint64_t bytes;
    uint64_t user;
    uint64_t start; /* flows started before it; of a free one: the next free one */
    uint32_t class; /* FLUID_NONE: free; FLUID_DONE; FLUID_DEAD */
    uint32_t generation;
};

struct fluid_class {
    fluid_service base; /* capped: V at `since`; else V less the site's */
    fluid_time since;
    fluid_key one;   /* the heap, while it is of one entry and has never been longer */
    fluid_key *heap; /* entries of its flows, and stale ones never at its head; kept when freed */
    uint64_t cap;    /* bit/s; 0: none */
    uint32_t site;   /* FLUID_NONE: free */
    uint32_t flows;
    uint32_t len, room; /* of `heap` */
    uint32_t next_free;
    bool capped;
};

struct fluid_site {
    fluid_service base; /* own level: V at `since`; else V less the server's */
    fluid_time since;
    struct fluid_level level; /* when it has its own */
    uint64_t rate;            /* of its line, bit/s; SIM_FLUID_NO_LIMIT */
    uint64_t capped;          /* sum of the rates of capped flows, bit/s */
    uint64_t followers;       /* flows that follow */
    uint32_t flows;
    uint32_t recent; /* class used last, FLUID_NONE */
    bool up, own;
    /* classes: those that follow by the site's V at their next end, capped ones by its instant; and
     * those that follow from the least cap, capped ones from the greatest */
    uint32_t ends_following, ends_capped, caps_following, caps_capped;
    /* as it counts at the server */
    uint64_t server_capped, server_followers;
    /* fluid_count.c */
    fluid_time counted;        /* all below is up to here */
    fluid_service counted_v;   /* the site's V then */
    fluid_service passed;      /* units */
    fluid_service settled;     /* units of flows that have ended: exact */
    fluid_service second_base; /* `passed` when the second under way began */
    fluid_service second_peak; /* units of the busiest one */
    fluid_time second_end;     /* of the second under way */
    fluid_service busy_base;   /* `passed` when the line got its present rate */
    fluid_time busy;           /* before that; a line without limit: up to now */
    sim_time first;
    fluid_time last;
};

struct sim_fluid {
    fluid_time at;       /* nothing before it is open any more */
    fluid_time next;     /* when the next flow ends */
    bool next_known;     /* else to be found out */
    bool next_at_server; /* it is of a site that follows the server */
    uint32_t stale;      /* a site whose next end is to be reckoned; FLUID_NONE */

    uint64_t uplink; /* bit/s; SIM_FLUID_NO_LIMIT: all sites' levels are their own */
    fluid_service base;
    fluid_time since;
    struct fluid_level level;
    uint64_t capped, followers; /* bit/s of what does not follow; flows that do */
    fluid_time second_end;      /* sites that follow are counted up to it when it has gone by */

    struct fluid_site *sites;
    struct fluid_ranks ends;  /* by the instant of the next end, where known without V */
    struct fluid_ranks marks; /* those that follow, by the server's V at their next end */
    struct fluid_ranks rises; /* by the level above which something gets its own limit */
    struct fluid_ranks falls; /* by the level below which something loses it; greatest first, so
                                 upside down */
    uint32_t sites_len, sites_cap;

    struct fluid_flow *flows;
    uint32_t *done; /* numbers of ended ones, a heap; as long as `flows` */
    uint32_t done_len;
    uint32_t flows_len, flows_cap, flows_free;
    uint64_t starts;

    struct fluid_class *classes; /* the first `sites_len` are those without a cap */
    struct fluid_node *class_ends, *class_caps;
    uint32_t *class_hash; /* number + 1 by (site, cap) */
    uint32_t classes_len, classes_cap, classes_free, hashed;
};

/* ---- Service ---- */

/* What a flow gets at `level` in `wait`. */
static inline fluid_service fluid_advance(struct fluid_level level, fluid_time wait)
{
    fluid_service product = (fluid_service)level.rate * wait;

    if (level.flows <= 1) {
        return level.flows == 0 ? 0 : product << FLUID_FLOW_BITS;
    }
    if (product >> 64 == 0) {
        return (fluid_service)((uint64_t)product / level.flows) << FLUID_FLOW_BITS;
    }
    return product / level.flows << FLUID_FLOW_BITS;
}

/* From V to a mark, in units; 0 when it has been reached. */
static inline fluid_service fluid_remaining(fluid_service v, fluid_service mark)
{
    return (__int128)(mark - v) <= 0 ? 0 : (mark - v) >> FLUID_FLOW_BITS;
}

static inline fluid_service fluid_mark(fluid_key entry)
{
    return entry & ~(fluid_key)UINT32_MAX;
}

static inline fluid_service fluid_server_v(const struct sim_fluid *f, fluid_time at)
{
    return f->base + fluid_advance(f->level, at - f->since);
}

static inline fluid_service fluid_site_v(const struct sim_fluid *f, const struct fluid_site *s,
                                         fluid_time at)
{
    return s->base + (s->own ? fluid_advance(s->level, at - s->since) : fluid_server_v(f, at));
}

static inline struct fluid_level fluid_site_level(const struct sim_fluid *f,
                                                  const struct fluid_site *s)
{
    return s->own ? s->level : f->level;
}

static inline fluid_service fluid_class_v(const struct sim_fluid *f, const struct fluid_class *c,
                                          fluid_time at)
{
    if (c->capped) {
        return c->base + ((fluid_service)c->cap * (at - c->since) << FLUID_FLOW_BITS);
    }
    return c->base + fluid_site_v(f, &f->sites[c->site], at);
}

/* The first whole nanosecond not before it. */
static inline sim_time fluid_ns(fluid_time at)
{
    return (sim_time)((at + ((fluid_time)1 << FLUID_FRACTION) - 1) >> FLUID_FRACTION);
}

/* ---- fluid.c ---- */

/* Lets all end that ends by `now`. */
void fluid_run(struct sim_fluid *f, sim_time now);
/* A site without any limit: what follows ends at once. Between fluid_open() and fluid_close(). */
void fluid_burst(struct sim_fluid *f, uint32_t site, fluid_time at);

/* ---- fluid_level.c ---- */

/* The first instant by which `units` have passed at `level`; FLUID_FOREVER. */
fluid_time fluid_reach(struct fluid_level level, fluid_time since, fluid_service units);

/* Around each change of a site's flows, caps or line: counts and V's are brought to `at`; levels
 * and keys are made right. `v`: the site's V then. */
void fluid_open(struct sim_fluid *f, uint32_t site, fluid_time at);
void fluid_open_at_mark(struct sim_fluid *f, uint32_t site, fluid_time at, fluid_service v);
void fluid_close(struct sim_fluid *f, uint32_t site, fluid_time at);
/* The level that one flow more without a cap would get; false: not without trying. */
bool fluid_guess(const struct sim_fluid *f, uint32_t site, struct fluid_level *out);
/* f->next becomes right. */
void fluid_find_next(struct sim_fluid *f);

/* ---- fluid_class.c ---- */

/* Each site has its class without a cap, and no other. 0 or SIM_ENOMEM. */
int fluid_classes_reset(struct sim_fluid *f);
void fluid_classes_deinit(struct sim_fluid *f);
/* The class of a site's flows with that cap, a new one if need be; FLUID_NONE: out of memory. It
 * has room for one flow more. */
uint32_t fluid_class_for(struct sim_fluid *f, uint32_t site, uint64_t cap);
/* A flow joins or leaves; between fluid_open() and fluid_close(), and before fluid_class_settle(),
 * which frees a class without flows. */
void fluid_class_add(struct sim_fluid *f, uint32_t class, uint32_t flow, fluid_service mark);
void fluid_class_drop(struct sim_fluid *f, uint32_t class);
/* The class's head may be another: keys. */
void fluid_class_settle(struct sim_fluid *f, uint32_t class);
/* Between capped and following; it has flows. */
void fluid_class_turn(struct sim_fluid *f, uint32_t class, fluid_time at);
static inline fluid_key *fluid_class_heap(struct fluid_class *c)
{
    return c->heap != NULL ? c->heap : &c->one;
}

/* ---- fluid_count.c ---- */

/* Brings the site's counters to `at`, at which its V is `v`. */
void fluid_count(struct sim_fluid *f, struct fluid_site *s, fluid_time at, fluid_service v);
/* Bytes that pass at no limit, all at once. */
void fluid_count_burst(struct fluid_site *s, fluid_service units);
/* The line will have another rate; counted up to now. */
void fluid_count_rate(struct fluid_site *s);

#endif /* SIM_VIRTUAL_FLUID_INNER_H */
