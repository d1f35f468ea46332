/* tests/world/laws_copies.c -- one copy of a file crosses the line for every set of phones of one
 * subnet and model whose lives, [wants it, reboots], overlap in a chain.
 *
 * Two lives that touch for a moment may or may not have met: a phone that comes while the last
 * holder goes cannot be answered any more. So the copies lie between the sets by any overlap and
 * the sets by an overlap in which an answer must have come. */
#include <stdlib.h>
#include <string.h>

#include "tests/world/laws_inside.h"

static int by_place_and_time(const void *a, const void *b)
{
    const struct laws_life *x = a, *y = b;
    if (x->site != y->site) {
        return x->site < y->site ? -1 : 1;
    }
    if (x->file != y->file) {
        return x->file < y->file ? -1 : 1;
    }
    if (x->is_apart != y->is_apart) {
        return x->is_apart ? 1 : -1;
    }
    return x->from < y->from ? -1 : x->from > y->from;
}

/* Sets of lives[0..len), sorted by their beginnings, that overlap by at least `least` in a chain.
 */
static uint32_t count_sets(const struct laws_life *lives, size_t len, sim_duration least)
{
    uint32_t sets = 0;
    sim_time end = 0;

    for (size_t i = 0; i < len; i++) {
        if (i == 0 || lives[i].from + least > end) {
            sets++;
        }
        end = i == 0 || lives[i].to > end ? lives[i].to : end;
    }
    return sets;
}

/* Whole copies that phones which share there took from the server. */
static uint32_t count_copies(const struct laws *l, const struct laws_life *life)
{
    uint32_t copies = 0;

    for (uint32_t i = 0; i < l->phones_len; i++) {
        const struct laws_phone *p = &l->phones[i];
        bool is_of =
            p->info.site == life->site && p->info.pfs && laws_is_apart(l, p) == life->is_apart;
        copies += is_of ? p->files[life->file].copies : 0;
    }
    return copies;
}

void laws_judge_copies(struct laws *l)
{
    const struct pfs_config *pfs = &l->scenario->pfs;
    /* To listen, to claim and to be answered. */
    sim_duration meet = 2 * pfs->listen + (pfs->ads + 1) * pfs->ad_interval + 2 * SIM_S;
    size_t next;

    if (l->lives_len == 0) {
        return;
    }
    qsort(l->lives, l->lives_len, sizeof(l->lives[0]), by_place_and_time);
    for (size_t i = 0; i < l->lives_len; i = next) {
        const struct laws_life *first = &l->lives[i];
        for (next = i + 1;
             next < l->lives_len && l->lives[next].site == first->site &&
             l->lives[next].file == first->file && l->lives[next].is_apart == first->is_apart;
             next++) {
        }
        uint32_t copies = count_copies(l, first);
        uint32_t least = count_sets(first, next - i, 0);
        uint32_t most = count_sets(first, next - i, meet);
        if (copies < least || copies > most) {
            laws_break(l, LAWS_NOBODY, first->from,
                       "%u copies of %s crossed the line of site %u, not %u to %u",
                       (unsigned)copies, l->names[first->file], (unsigned)first->site,
                       (unsigned)least, (unsigned)most);
        }
    }
}
