/* analysis/stats.c -- the log-linear histogram of stats.h. */
#include "analysis/stats.h"

#include <assert.h>
#include <string.h>

enum {
    LINEAR = 2 * ANALYSIS_STATS_HALF, /* values below it have a bucket each */
    LINEAR_BITS = 9,
    HALF_BITS = 8,
};

static unsigned top_bit(uint64_t value)
{
    return 63u - (unsigned)__builtin_clzll(value);
}

static unsigned bucket_of(sim_duration value)
{
    if (value < LINEAR) {
        return (unsigned)value;
    }
    unsigned octave = top_bit(value); /* >= LINEAR_BITS */
    if (octave >= ANALYSIS_STATS_TOP) {
        return ANALYSIS_STATS_BUCKETS - 1;
    }
    unsigned within = (unsigned)(value >> (octave - HALF_BITS)) - ANALYSIS_STATS_HALF;
    return LINEAR + (octave - LINEAR_BITS) * ANALYSIS_STATS_HALF + within;
}

/* The middle of a bucket. */
static sim_duration value_of(unsigned bucket)
{
    if (bucket < LINEAR) {
        return bucket;
    }
    unsigned octave = LINEAR_BITS + (bucket - LINEAR) / ANALYSIS_STATS_HALF;
    uint64_t within = (bucket - LINEAR) % ANALYSIS_STATS_HALF + ANALYSIS_STATS_HALF;
    uint64_t width = UINT64_C(1) << (octave - HALF_BITS);
    return within * width + width / 2;
}

void analysis_stats_init(struct analysis_stats *s)
{
    memset(s, 0, sizeof(*s));
    s->min = SIM_NEVER;
}

void analysis_stats_clear(struct analysis_stats *s)
{
    if (s->count > 0) {
        unsigned first = bucket_of(s->min);
        memset(&s->buckets[first], 0, (bucket_of(s->max) - first + 1) * sizeof(s->buckets[0]));
    }
    s->count = 0;
    s->sum = 0;
    s->min = SIM_NEVER;
    s->max = 0;
}

void analysis_stats_add(struct analysis_stats *s, sim_duration value)
{
    s->count++;
    s->sum += value;
    if (value < s->min) {
        s->min = value;
    }
    if (value > s->max) {
        s->max = value;
    }
    s->buckets[bucket_of(value)]++;
}

void analysis_stats_merge(struct analysis_stats *into, const struct analysis_stats *from)
{
    into->count += from->count;
    into->sum += from->sum;
    into->min = sim_time_min(into->min, from->min);
    if (from->max > into->max) {
        into->max = from->max;
    }
    /* What is outside of [min, max] is zero: a site's times are in a few buckets. */
    for (unsigned i = bucket_of(from->min); from->count > 0 && i <= bucket_of(from->max); i++) {
        into->buckets[i] += from->buckets[i];
    }
}

unsigned analysis_stats_next(const struct analysis_stats *s, unsigned from)
{
    if (s->count == 0 || from > bucket_of(s->max)) {
        return ANALYSIS_STATS_BUCKETS;
    }
    unsigned first = bucket_of(s->min), last = bucket_of(s->max);
    from = from < first ? first : from;
    while (from <= last && s->buckets[from] == 0) {
        from++;
    }
    return from <= last ? from : ANALYSIS_STATS_BUCKETS;
}

bool analysis_stats_is_sound(const struct analysis_stats *s)
{
    uint64_t count = 0;

    for (unsigned i = 0; i < ANALYSIS_STATS_BUCKETS; i++) {
        if (s->buckets[i] > s->count - count) {
            return false;
        }
        count += s->buckets[i];
    }
    if (count != s->count) {
        return false;
    }
    return count == 0 ||
           (s->min <= s->max && s->buckets[bucket_of(s->min)] > 0 &&
            s->buckets[bucket_of(s->max)] > 0 && analysis_stats_next(s, 0) == bucket_of(s->min) &&
            analysis_stats_next(s, bucket_of(s->max) + 1) == ANALYSIS_STATS_BUCKETS &&
            s->sum >= (unsigned __int128)s->min * count &&
            s->sum <= (unsigned __int128)s->max * count);
}

sim_duration analysis_stats_mean(const struct analysis_stats *s)
{
    return s->count == 0 ? 0 : (sim_duration)(s->sum / s->count);
}

sim_duration analysis_stats_quantile(const struct analysis_stats *s, uint32_t millionths)
{
    assert(millionths <= ANALYSIS_STATS_ALL);
    if (s->count == 0) {
        return 0;
    }
    unsigned __int128 product = (unsigned __int128)s->count * millionths;
    uint64_t rank = (uint64_t)((product + ANALYSIS_STATS_ALL - 1) / ANALYSIS_STATS_ALL);
    if (rank <= 1) {
        return s->min;
    }
    if (rank >= s->count) {
        return s->max;
    }
    uint64_t seen = 0;
    for (unsigned i = bucket_of(s->min); i <= bucket_of(s->max); i++) {
        seen += s->buckets[i];
        if (seen >= rank) {
            sim_duration value = value_of(i);
            return value < s->min ? s->min : value > s->max ? s->max : value;
        }
    }
    assert(0 && "ranks are within the count");
    return s->max;
}
