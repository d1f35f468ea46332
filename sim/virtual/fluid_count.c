/* sim/virtual/fluid_count.c -- what passed a site's line: bytes, busy time, the busiest second.
 *
 * Between two changes of a site's flows its service is a known function of its V, so a site is
 * counted when it changes and when it is asked, never by the second. Of the seconds that went by
 * meanwhile the first and the last are split at their ends; those between are alike, because a
 * level that others change is counted before a change in a new second (see fluid_level.c). */
#include <assert.h>

#include "sim/virtual/fluid_inner.h"

static void note_second(struct fluid_site *s, fluid_service from, fluid_service to)
{
    if ((__int128)(to - from) > (__int128)s->second_peak) {
        s->second_peak = to - from;
    }
}

/* Units that have passed by `at`, not before `counted`. */
static fluid_service passed_by(const struct fluid_site *s, fluid_time at, fluid_service v)
{
    fluid_service shared = ((v - s->counted_v) >> FLUID_FLOW_BITS) * s->followers;

    return s->passed + shared + (fluid_service)s->capped * (at - s->counted);
}

static fluid_service passed_at(const struct sim_fluid *f, const struct fluid_site *s, fluid_time at)
{
    return passed_by(s, at, fluid_site_v(f, s, at));
}

static void end_second(const struct sim_fluid *f, struct fluid_site *s, fluid_time at)
{
    fluid_time end = s->second_end;
    fluid_time whole = (at - end) / FLUID_SECOND; /* seconds between */

    if (s->flows == 0) {
        note_second(s, s->second_base, s->passed);
        s->second_base = s->passed;
    } else {
        fluid_service first = passed_at(f, s, end), last = first;

        note_second(s, s->second_base, first);
        if (whole > 0) {
            note_second(s, first, passed_at(f, s, end + FLUID_SECOND));
            last = passed_at(f, s, end + whole * FLUID_SECOND);
        }
        s->second_base = last;
    }
    s->second_end = end + (whole + 1) * FLUID_SECOND;
}

void fluid_count(struct sim_fluid *f, struct fluid_site *s, fluid_time at, fluid_service v)
{
    if (at <= s->counted) { /* asked already */
        return;
    }
    if (at >= s->second_end) {
        end_second(f, s, at);
    }
    if (s->flows > 0 && fluid_site_level(f, s).rate + s->capped > 0) {
        s->passed = passed_by(s, at, v);
        s->last = at;
        if (s->rate == SIM_FLUID_NO_LIMIT) {
            s->busy += at - s->counted;
        }
    }
    s->counted = at;
    s->counted_v = v;
}

void fluid_count_burst(struct fluid_site *s, fluid_service units)
{
    s->passed += units;
    s->last = s->counted;
}

void fluid_count_rate(struct fluid_site *s)
{
    if (s->rate != SIM_FLUID_NO_LIMIT) {
        s->busy += (s->passed - s->busy_base) / s->rate;
    }
    s->busy_base = s->passed;
}

/* To the nearest: the last places of a sum of levels are not exact. */
static uint64_t whole(fluid_service units, fluid_service unit)
{
    return (uint64_t)((units + unit / 2) / unit);
}

void sim_fluid_counters(struct sim_fluid *f, sim_time now, uint32_t site,
                        struct sim_fluid_counters *out)
{
    fluid_run(f, now);
    assert(site < f->sites_len);

    struct fluid_site *s = &f->sites[site];
    fluid_time busy;
    fluid_service second;

    fluid_count(f, s, f->at, fluid_site_v(f, s, f->at));
    busy = s->busy;
    if (s->rate != SIM_FLUID_NO_LIMIT) {
        busy += (s->passed - s->busy_base) / s->rate;
    }
    second = s->passed - s->second_base;
    second = (__int128)second > (__int128)s->second_peak ? second : s->second_peak;
    *out = (struct sim_fluid_counters){
        .bytes = (uint64_t)((s->flows > 0 ? s->passed : s->settled) / FLUID_BYTE),
        .busy = whole(busy, (fluid_time)1 << FLUID_FRACTION),
        .first = s->first,
        .last = fluid_ns(s->last),
        .peak_bit_s = whole(second, FLUID_SECOND),
    };
}
