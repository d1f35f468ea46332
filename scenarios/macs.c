/* scenarios/macs.c -- see macs.h. */
#include "scenarios/macs.h"

#include <assert.h>
#include <stdlib.h>

#include "sim/err.h"

/* Moves `range` behind every earlier range that it overlaps. */
static void place(struct scenario_macs *m, struct scenario_mac_range *range)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (size_t i = 0; i < m->len; i++) {
            const struct scenario_mac_range *other = &m->ranges[i];
            if (range->first < other->first + other->count &&
                other->first < range->first + range->count) {
                range->first = other->first + other->count;
                moved = true;
            }
        }
    }
}

int scenario_macs_init(struct scenario_macs *m, const struct scenario *s)
{
    size_t entries = 0;
    for (size_t i = 0; i < s->sites_len; i++) {
        entries += s->sites[i].phones_len;
    }
    *m = (struct scenario_macs){.ranges = calloc(entries + 1, sizeof(*m->ranges))};
    if (m->ranges == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < s->sites_len; i++) {
        const struct scenario_site *site = &s->sites[i];
        for (size_t k = 0; k < site->phones_len; k++) {
            struct scenario_mac_range range = {
                .first = site->phones[k].mac,
                .count = (uint64_t)site->phones[k].count * site->count,
                .site = site,
                .phones = &site->phones[k],
            };
            place(m, &range);
            m->ranges[m->len++] = range;
        }
    }
    return 0;
}

void scenario_macs_deinit(struct scenario_macs *m)
{
    free(m->ranges);
    *m = (struct scenario_macs){.ranges = NULL};
}

uint64_t scenario_macs_of(const struct scenario_macs *m, const struct scenario_phones *phones,
                          uint32_t copy, uint32_t within)
{
    for (size_t i = 0; i < m->len; i++) {
        if (m->ranges[i].phones == phones) {
            return m->ranges[i].first + (uint64_t)copy * phones->count + within;
        }
    }
    assert(false && "the entry is not of this scenario");
    return 0;
}

const struct scenario_mac_range *scenario_macs_find(const struct scenario_macs *m, uint64_t mac,
                                                    uint32_t *within)
{
    for (size_t i = 0; i < m->len; i++) {
        const struct scenario_mac_range *range = &m->ranges[i];
        if (mac >= range->first && mac - range->first < range->count) {
            *within = (uint32_t)((mac - range->first) % range->phones->count);
            return range;
        }
    }
    return NULL;
}

bool scenario_phone_shares(const struct scenario_phones *phones, uint32_t within)
{
    /* Integer parts of k x share step up once for every sharing phone. */
    return (uint64_t)((within + 1) * phones->pfs_share + 1e-9) >
           (uint64_t)(within * phones->pfs_share + 1e-9);
}

uint32_t scenario_phones_sharing(const struct scenario_phones *phones)
{
    return (uint32_t)(phones->count * phones->pfs_share +
                      1e-9); /* the steps of shares() together */
}
