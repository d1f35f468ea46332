/* analysis/bins.c -- see bins.h. */
#include "analysis/bins.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void analysis_bins_deinit(struct analysis_bins *b)
{
    free(b->amounts);
    *b = (struct analysis_bins){.amounts = NULL};
}

/* Pairs become one. */
static void halve(struct analysis_bins *b)
{
    for (size_t i = 0; i < b->len; i += 2) {
        b->amounts[i / 2] = b->amounts[i] + (i + 1 < b->len ? b->amounts[i + 1] : 0);
    }
    size_t len = (b->len + 1) / 2;
    if (b->cap > len) {
        memset(b->amounts + len, 0, (b->cap - len) * sizeof(b->amounts[0]));
    }
    b->len = len;
    b->width *= 2;
}

/* Bins 0..len-1. */
static bool make_room(struct analysis_bins *b, size_t len)
{
    if (len > b->cap) {
        size_t cap = b->cap == 0 ? 1024 : b->cap;
        while (cap < len) {
            cap *= 2;
        }
        uint64_t *grown = realloc(b->amounts, cap * sizeof(*grown));
        if (grown == NULL) {
            b->incomplete = true;
            return false;
        }
        memset(grown + b->cap, 0, (cap - b->cap) * sizeof(*grown));
        b->amounts = grown;
        b->cap = cap;
    }
    b->len = len > b->len ? len : b->len;
    return true;
}

/* Bins up to that instant. */
static bool reach(struct analysis_bins *b, sim_time to)
{
    b->width = b->width == 0 ? 1 : b->width;
    while ((to - 1) / (b->width * SIM_S) >= ANALYSIS_BINS_MAX) {
        halve(b);
    }
    return make_room(b, (size_t)((to - 1) / (b->width * SIM_S)) + 1);
}

/* Whole seconds, the usual case: their shares differ by one, and add up. */
static void add_whole(struct analysis_bins *b, uint64_t first, uint64_t len, uint64_t amount)
{
    uint64_t share = amount / len, rest = amount % len;

    for (uint64_t i = 0; i < len;) {
        size_t bin = (size_t)((first + i) / b->width);
        uint64_t seconds = (bin + 1) * b->width - (first + i); /* left in this bin */
        seconds = seconds < len - i ? seconds : len - i;
        uint64_t larger = rest > i ? rest - i : 0; /* of these seconds */
        b->amounts[bin] += share * seconds + (larger < seconds ? larger : seconds);
        i += seconds;
    }
}

/* With parts of seconds. */
static void add_cut(struct analysis_bins *b, sim_time from, sim_time to, uint64_t amount)
{
    sim_duration width = b->width * SIM_S;
    uint64_t before = 0; /* of the amount, in bins so far */

    for (sim_time at = from; at < to;) {
        size_t bin = (size_t)(at / width);
        sim_time end = (bin + 1) * width < to ? (bin + 1) * width : to;
        uint64_t until =
            end == to ? amount : (uint64_t)((unsigned __int128)amount * (end - from) / (to - from));
        b->amounts[bin] += until - before;
        before = until;
        at = end;
    }
}

void analysis_bins_add(struct analysis_bins *b, sim_time from, sim_time to, uint64_t amount)
{
    assert(from < to);
    if (!reach(b, to)) {
        return;
    }
    if (from % SIM_S == 0 && to % SIM_S == 0) {
        add_whole(b, from / SIM_S, (to - from) / SIM_S, amount);
    } else {
        add_cut(b, from, to, amount);
    }
}

void analysis_bins_merge(struct analysis_bins *into, const struct analysis_bins *from)
{
    into->incomplete = into->incomplete || from->incomplete;
    if (from->width == 0) {
        return;
    }
    into->width = into->width == 0 ? from->width : into->width;
    while (into->width < from->width) {
        halve(into);
    }
    size_t factor = (size_t)(into->width / from->width); /* both are powers of two */
    if (!make_room(into, (from->len + factor - 1) / factor)) {
        return;
    }
    for (size_t i = 0; i < from->len; i++) {
        into->amounts[i / factor] += from->amounts[i];
    }
}

uint64_t analysis_bins_peak(const struct analysis_bins *b)
{
    uint64_t most = 0;

    for (size_t i = 0; i < b->len; i++) {
        most = b->amounts[i] > most ? b->amounts[i] : most;
    }
    return b->width == 0 ? 0 : most / b->width;
}
