/* analysis/watch/pile.c -- see pile.h. */
#include "analysis/watch/pile.h"

#include <string.h>

_Static_assert((int)ANALYSIS_WATCH_PILE_BINS <= (int)ANALYSIS_VIEW_POINTS,
               "a pile becomes a history");

/* Bin i is what came after i widths, until i + 1; what there is at 0 is in the first one. */
static size_t bin_of(const struct analysis_watch_pile *p, sim_time at)
{
    return at == 0 ? 0 : (size_t)((at - 1) / p->width);
}

static void add_bin(struct analysis_watch_bin *into, const struct analysis_watch_bin *from)
{
    for (unsigned i = 0; i < ANALYSIS_WATCH_PILE_WAYS; i++) {
        into->bytes[i] += from->bytes[i];
    }
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        into->phases[i] += from->phases[i];
    }
    into->done += from->done;
    into->failed += from->failed;
}

static void halve(struct analysis_watch_pile *p)
{
    size_t len = (p->len + 1) / 2;

    for (size_t i = 0; i < len; i++) {
        struct analysis_watch_bin bin = p->bins[2 * i];
        if (2 * i + 1 < p->len) {
            add_bin(&bin, &p->bins[2 * i + 1]);
        }
        p->bins[i] = bin;
    }
    memset(&p->bins[len], 0, (p->len - len) * sizeof(p->bins[0]));
    p->len = len;
    p->width *= 2;
}

/* Bytes came evenly between `from` and `to`; what rounding leaves is in the last bin. */
static void add_bytes(struct analysis_watch_pile *p, unsigned way, sim_time from, sim_time to,
                      uint64_t bytes)
{
    uint64_t before = 0;

    for (size_t i = (size_t)(from / p->width); from < to; i++) {
        sim_time end = sim_time_min((i + 1) * p->width, to);
        uint64_t until =
            (uint64_t)((unsigned __int128)bytes * (end - from) / (to - from)); /* from `from` on */

        p->bins[i].bytes[way] += until - before;
        before = until;
        if (end == to) {
            return;
        }
    }
    p->bins[bin_of(p, to)].bytes[way] += bytes; /* all at once */
}

void analysis_watch_pile_add(struct analysis_watch_pile *p, sim_time now,
                             const struct analysis_watch_group *group)
{
    const struct analysis_watch_group *last = &p->group;

    p->width = p->width == 0 ? SIM_S : p->width;
    while (bin_of(p, now) >= ANALYSIS_WATCH_PILE_BINS) {
        halve(p);
    }
    size_t at = bin_of(p, now);
    struct analysis_watch_bin *bin = &p->bins[at];
    int64_t *phases = p->bins[p->runs ? at : 0].phases; /* its phones are there from the first on */

    for (unsigned i = 0; i < ANALYSIS_WATCH_PILE_WAYS; i++) {
        if (group->bytes[i] > last->bytes[i]) {
            add_bytes(p, i, p->at, now, group->bytes[i] - last->bytes[i]);
        }
    }
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        phases[i] += (int64_t)group->phases[i] - last->phases[i];
    }
    bin->done += (int64_t)group->done - last->done;
    bin->failed += (int64_t)group->failed - last->failed;
    p->len = at + 1 > p->len ? at + 1 : p->len;
    p->latest = now > p->latest ? now : p->latest;
    p->at = now;
    p->group = *group;
    p->runs = true;
}

void analysis_watch_pile_end(struct analysis_watch_pile *p)
{
    p->at = 0;
    p->group = (struct analysis_watch_group){.done = 0};
    p->runs = false;
}

static uint64_t rate(uint64_t bytes, sim_duration span)
{
    return span == 0 ? 0 : (uint64_t)((unsigned __int128)bytes * 8 * SIM_S / span);
}

static uint32_t counted(int64_t sum)
{
    return sum > 0 ? (uint32_t)sum : 0;
}

void analysis_watch_pile_history(const struct analysis_watch_pile *p,
                                 struct analysis_watch_history *out)
{
    struct analysis_watch_bin sum = {.done = 0};

    memset(out, 0, sizeof(*out));
    for (size_t i = 0; i < p->len; i++) {
        sim_time from = i * p->width, at = sim_time_min(from + p->width, p->latest);
        struct analysis_watch_moment *m = &out->moments[i];

        if (p->runs && i == bin_of(p, p->at) + 1) { /* not known any further */
            for (unsigned k = 0; k < SIM_PHASES_LEN; k++) {
                sum.phases[k] -= p->group.phases[k];
            }
        }
        add_bin(&sum, &p->bins[i]);
        *m = (struct analysis_watch_moment){
            .at = at,
            .down_bit_s = rate(p->bins[i].bytes[0], at - from),
            .up_bit_s = rate(p->bins[i].bytes[1], at - from),
            .lan_bit_s = rate(p->bins[i].bytes[2], at - from),
            .lag = SIM_NEVER,
            .done = counted(sum.done),
            .failed = counted(sum.failed),
        };
        for (unsigned k = 0; k < SIM_PHASES_LEN; k++) {
            m->phases[k] = counted(sum.phases[k]);
        }
    }
    out->len = p->len;
    out->stride = out->pending = 1;
}
