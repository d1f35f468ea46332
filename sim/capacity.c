/* sim/capacity.c -- see capacity.h. */
#include "sim/capacity.h"

#include <stdbool.h>
#include <stdlib.h>

#define BYTE ((sim_capacity_bits)8 * SIM_S)

struct step {
    sim_capacity_bits before; /* passed in the period before it */
    sim_duration at;
    uint64_t bit_s;
};

struct sim_capacity {
    sim_duration period;     /* SIM_NEVER: none */
    sim_duration offset;     /* below the period */
    sim_capacity_bits total; /* of a period; 0 without one */
    uint64_t peak;
    uint32_t len;
    struct step steps[];
};

/* ---- Making ---- */

static bool is_valid(const struct sim_capacity_step *steps, size_t len, sim_duration period,
                     sim_duration offset)
{
    bool passes = false;

    if (len == 0 || steps[0].at != 0 || offset > SIM_CAPACITY_PERIOD_MAX ||
        (period != SIM_NEVER && (period == 0 || period > SIM_CAPACITY_PERIOD_MAX))) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (steps[i].bit_s > SIM_CAPACITY_RATE_MAX || steps[i].at >= period ||
            steps[i].at > SIM_CAPACITY_PERIOD_MAX || (i > 0 && steps[i].at <= steps[i - 1].at)) {
            return false;
        }
        passes = passes || steps[i].bit_s > 0;
    }
    return passes && (period != SIM_NEVER || steps[len - 1].bit_s > 0);
}

int sim_capacity_new(struct sim_capacity **out, const struct sim_capacity_step *steps, size_t len,
                     sim_duration period, sim_duration offset)
{
    if (!is_valid(steps, len, period, offset)) {
        return SIM_EINVAL;
    }
    if (len > SIM_CAPACITY_STEPS_MAX) {
        return SIM_ELIMIT;
    }
    struct sim_capacity *c = malloc(sizeof(*c) + len * sizeof(c->steps[0]));
    if (c == NULL) {
        return SIM_ENOMEM;
    }
    sim_capacity_bits sum = 0;
    uint64_t peak = 0;
    for (size_t i = 0; i < len; i++) {
        c->steps[i] = (struct step){.before = sum, .at = steps[i].at, .bit_s = steps[i].bit_s};
        peak = steps[i].bit_s > peak ? steps[i].bit_s : peak;
        if (i + 1 < len || period != SIM_NEVER) {
            sim_duration end = i + 1 < len ? steps[i + 1].at : period;
            sum += (sim_capacity_bits)steps[i].bit_s * (end - steps[i].at);
        }
    }
    c->period = period;
    c->offset = period == SIM_NEVER ? offset : offset % period;
    c->total = period == SIM_NEVER ? 0 : sum;
    c->peak = peak;
    c->len = (uint32_t)len;
    *out = c;
    return 0;
}

void sim_capacity_free(struct sim_capacity *c)
{
    free(c);
}

/* ---- Places ---- */

/* The step that holds at `at` of the period. */
static uint32_t step_at(const struct sim_capacity *c, sim_duration at)
{
    uint32_t low = 0, high = c->len;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (c->steps[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static sim_duration end_of(const struct sim_capacity *c, uint32_t step)
{
    return step + 1 < c->len ? c->steps[step + 1].at : c->period;
}

/* An instant as a period's number and a place in it. */
struct place {
    uint64_t period;
    sim_duration at;
};

static struct place place_of(const struct sim_capacity *c, sim_time at)
{
    if (c->period == SIM_NEVER) {
        return (struct place){.at = sim_time_add(at, c->offset)};
    }
    unsigned __int128 sum = (unsigned __int128)at + c->offset;
    return (struct place){.period = (uint64_t)(sum / c->period),
                          .at = (sim_duration)(sum % c->period)};
}

static sim_time time_of(const struct sim_capacity *c, unsigned __int128 periods, sim_duration at)
{
    unsigned __int128 sum = at;

    if (c->period != SIM_NEVER) {
        sum += periods * c->period; /* below 2^128: see sim_capacity_end() */
    }
    sum -= c->offset; /* not before the run began: callers ask for what comes after an instant */
    return sum > SIM_NEVER ? SIM_NEVER : (sim_time)sum;
}

/* Of the period, before its instant `at`, in step `i`. */
static sim_capacity_bits passed_in(const struct sim_capacity *c, uint32_t i, sim_duration at)
{
    return c->steps[i].before + (sim_capacity_bits)c->steps[i].bit_s * (at - c->steps[i].at);
}

/* ---- Questions ---- */

uint64_t sim_capacity_rate(const struct sim_capacity *c, sim_time at, sim_time *until)
{
    struct place p = place_of(c, at);
    uint32_t i = step_at(c, p.at);
    sim_duration end = end_of(c, i);

    *until = end == SIM_NEVER ? SIM_NEVER : time_of(c, p.period, end);
    return c->steps[i].bit_s;
}

static sim_capacity_bits passed_by(const struct sim_capacity *c, sim_time at)
{
    struct place p = place_of(c, at);

    return c->total * p.period + passed_in(c, step_at(c, p.at), p.at);
}

sim_capacity_bits sim_capacity_between(const struct sim_capacity *c, sim_time from, sim_time to)
{
    return to > from ? passed_by(c, to) - passed_by(c, from) : 0;
}

/* The step in which so much (> 0) of a period has passed. */
static uint32_t step_by(const struct sim_capacity *c, sim_capacity_bits passed)
{
    uint32_t low = 0, high = c->len;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (c->steps[middle].before < passed) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* When so much (> 0) of a period has passed in step `i`: rounded up. */
static sim_duration reach(const struct sim_capacity *c, uint32_t i, sim_capacity_bits passed)
{
    const struct step *s = &c->steps[i];
    sim_capacity_bits ns = (passed - s->before + s->bit_s - 1) / s->bit_s;

    return ns > SIM_NEVER - s->at ? SIM_NEVER : s->at + (sim_duration)ns;
}

sim_time sim_capacity_end(const struct sim_capacity *c, sim_time start, uint64_t bytes,
                          struct sim_capacity_cursor *cursor)
{
    struct place p = place_of(c, start);
    uint32_t i = cursor->step;
    sim_capacity_bits wanted = bytes * BYTE;
    sim_capacity_bits spare = cursor->at == start ? cursor->spare : 0;

    if (wanted <= spare || p.at == SIM_NEVER) {
        cursor->at = start;
        cursor->spare = spare - (p.at == SIM_NEVER ? spare : wanted);
        return start;
    }
    if (i >= c->len || p.at < c->steps[i].at || p.at >= end_of(c, i)) {
        /* Mostly the next one. */
        i = i + 1 < c->len && p.at >= c->steps[i + 1].at && p.at < end_of(c, i + 1)
                ? i + 1
                : step_at(c, p.at);
    }
    cursor->step = i;
    wanted += passed_in(c, i, p.at) - spare;
    unsigned __int128 periods = p.period;
    if (c->period != SIM_NEVER && wanted > c->total) {
        sim_capacity_bits more = (wanted - 1) / c->total; /* whole periods; what is left is > 0 */
        periods += more;
        wanted -= more * c->total;
        if (periods > SIM_NEVER) {
            return SIM_NEVER;
        }
        i = 0;
    }
    /* Mostly it ends where it begins, or a step or two later. */
    for (int tries = 0; tries < 4; tries++) {
        if (i + 1 == c->len || wanted <= c->steps[i + 1].before) {
            break;
        }
        i++;
    }
    if (i + 1 < c->len && wanted > c->steps[i + 1].before) {
        i = step_by(c, wanted);
    }
    sim_duration at = reach(c, i, wanted);
    cursor->at = time_of(c, periods, at);
    cursor->spare = at == SIM_NEVER ? 0 : passed_in(c, i, at) - wanted;
    return cursor->at;
}

uint64_t sim_capacity_mean(const struct sim_capacity *c)
{
    if (c->period == SIM_NEVER) {
        return c->steps[c->len - 1].bit_s;
    }
    uint64_t mean = (uint64_t)((c->total + c->period / 2) / c->period);
    return mean > 0 ? mean : 1;
}

uint64_t sim_capacity_peak(const struct sim_capacity *c)
{
    return c->peak;
}

/* ---- Bins ---- */

int sim_capacity_in_bins(struct sim_capacity **out, const struct sim_capacity *c)
{
    size_t bins = (size_t)((c->period + SIM_CAPACITY_BIN - 1) / SIM_CAPACITY_BIN), len = 0;
    uint32_t i = 0;
    sim_capacity_bits before = 0;

    if (c->period == SIM_NEVER) {
        return SIM_EINVAL;
    }
    if (bins > SIM_CAPACITY_STEPS_MAX) {
        return SIM_ELIMIT;
    }
    struct sim_capacity_step *steps = malloc(bins * sizeof(*steps));
    if (steps == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t k = 0; k < bins; k++) {
        sim_duration from = k * SIM_CAPACITY_BIN;
        sim_duration to = k + 1 < bins ? from + SIM_CAPACITY_BIN : c->period;
        while (i + 1 < c->len && c->steps[i + 1].at <= to) {
            i++;
        }
        sim_capacity_bits passed = passed_in(c, i, to);
        uint64_t bit_s = (uint64_t)((passed - before + (to - from) / 2) / (to - from));
        before = passed;
        if (len == 0 || steps[len - 1].bit_s != bit_s) {
            steps[len++] = (struct sim_capacity_step){.at = from, .bit_s = bit_s};
        }
    }
    int rc = sim_capacity_new(out, steps, len, c->period, c->offset);
    free(steps);
    return rc;
}

int sim_capacity_limited(struct sim_capacity **out, const struct sim_capacity *c, uint64_t bit_s)
{
    struct sim_capacity_step *steps = malloc(c->len * sizeof(*steps));

    if (steps == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t i = 0; i < c->len; i++) {
        steps[i].at = c->steps[i].at;
        steps[i].bit_s = c->steps[i].bit_s < bit_s ? c->steps[i].bit_s : bit_s;
    }
    int rc = sim_capacity_new(out, steps, c->len, c->period, c->offset);
    free(steps);
    return rc;
}
