/* scenarios/plan.c -- where the copies of sites and their phones stand: numbers, addresses,
 * hardware addresses.
 *
 * Made once at load time, per entry of sites[]; the flat view computes the rest for any copy. */
#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/load.h"
#include "scenarios/macs.h"
#include "sim/err.h"

enum {
    OVERHEAD = 3,      /* addresses of a block that are no phone's: network, gateway, broadcast */
    HOST_BITS_MIN = 8, /* a /24 */
    FIRST_PHONE = 2,   /* behind network and gateway */
};

#define RESERVED_LAST UINT32_C(0x7f00ffff) /* 127.0.0.0/16 is left to servers */
#define LIVE_FIRST UINT64_C(0x7f010000)    /* 127.1.0.0 */
#define LIVE_END UINT64_C(0x80000000)      /* behind 127.255.255.255 */
#define FAR_FIRST UINT64_C(0x0a000000)     /* 10.0.0.0: for what does not fit, in virtual time */
#define FAR_END UINT64_C(0x7f000000)       /* behind 126.255.255.255 */
#define MAC_FIRST UINT64_C(0x001e13000000) /* 00:1e:13 is one of Cisco's (IEEE list) */

struct block {
    uint64_t first, last;
    size_t site;
};

static uint8_t host_bits_for(uint32_t phones)
{
    uint8_t bits = HOST_BITS_MIN;

    while ((UINT64_C(1) << bits) < (uint64_t)phones + OVERHEAD) {
        bits++;
    }
    return bits;
}

static int by_first(const void *a, const void *b)
{
    const struct block *left = a;
    const struct block *right = b;

    if (left->first != right->first) {
        return left->first < right->first ? -1 : 1;
    }
    return left->site < right->site ? -1 : 1;
}

static void error_at_site(struct reader *r, const cJSON *sites, size_t site, const char *key,
                          const char *found, const char *expected)
{
    const cJSON *item = cJSON_GetArrayItem(sites, (int)site);
    const cJSON *member = cJSON_GetObjectItemCaseSensitive(item, key);
    size_t before = reader_push_key(r, "sites");

    reader_push_index(r, site);
    reader_push_key(r, key);
    reader_error(r, member != NULL ? member : item, found, NULL, "%s", expected);
    reader_pop(r, before);
}

/* ---- Blocks that the scenario names ---- */

/* Splits the given block among the copies; false when it is too small. */
static bool split(struct scenario_site *site)
{
    unsigned copy_bits = 0;

    while ((UINT64_C(1) << copy_bits) < site->count) {
        copy_bits++;
    }
    unsigned bits = site->addresses.bits + copy_bits;
    if (bits > 30 || (UINT64_C(1) << (32 - bits)) < (uint64_t)site->phones_total + OVERHEAD) {
        return false;
    }
    site->plan_base = site->addresses.base;
    site->plan_bits = (uint8_t)bits;
    return true;
}

static void check_given(struct reader *r, const cJSON *sites, struct block *given, size_t len)
{
    qsort(given, len, sizeof(*given), by_first);
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && given[i].first <= given[i - 1].last) {
            error_at_site(r, sites, given[i].site, "addresses", NULL,
                          "a block that no other site's overlaps");
        }
        if (given[i].first >> 24 == 127 && given[i].first <= RESERVED_LAST) {
            error_at_site(r, sites, given[i].site, "addresses", NULL,
                          "a block without 127.0.0.0/16, where the servers are");
        }
    }
}

static size_t collect_given(struct reader *r, const cJSON *sites, struct block *given)
{
    struct scenario *s = r->scenario;
    size_t len = 0;

    for (size_t i = 0; i < s->sites_len; i++) {
        struct scenario_site *site = &s->sites[i];
        if (!site->has_addresses) {
            continue;
        }
        if (!split(site)) {
            char expected[160];
            snprintf(expected, sizeof(expected),
                     "a block with room for %u cop%s of %u phones, gateway, network and broadcast "
                     "address each",
                     site->count, site->count == 1 ? "y" : "ies", site->phones_total);
            error_at_site(r, sites, i, "addresses", NULL, expected);
        }
        uint64_t first = site->addresses.base;
        given[len++] = (struct block){
            .first = first, .last = first + sim_cidr_size(&site->addresses) - 1, .site = i};
    }
    check_given(r, sites, given, len);
    return len;
}

/* ---- Blocks that we choose ---- */

struct region {
    uint64_t next, end;
};

/* `size` addresses (all copies of a site), aligned to `align`, clear of the given blocks. */
static bool place(struct region *region, uint64_t size, uint64_t align, const struct block *given,
                  size_t given_len, uint64_t *out)
{
    uint64_t at = (region->next + align - 1) / align * align;

    for (size_t i = 0; i < given_len; i++) { /* rising, so one pass clears them all */
        if (given[i].last >= at && given[i].first < at + size) {
            at = (given[i].last + align) / align * align;
        }
    }
    if (at + size > region->end) {
        return false;
    }
    region->next = at + size;
    *out = at;
    return true;
}

static void place_all(struct reader *r, const cJSON *sites, const struct block *given, size_t len)
{
    struct scenario *s = r->scenario;
    struct region live = {LIVE_FIRST, LIVE_END};
    struct region far = {FAR_FIRST, FAR_END};

    for (size_t i = 0; i < s->sites_len; i++) {
        struct scenario_site *site = &s->sites[i];
        if (site->has_addresses) {
            continue;
        }
        uint8_t host_bits = host_bits_for(site->phones_total);
        uint64_t align = UINT64_C(1) << host_bits;
        uint64_t at = 0;
        if (!place(&live, align * site->count, align, given, len, &at) &&
            !place(&far, align * site->count, align, given, len, &at)) {
            error_at_site(r, sites, i, "count", NULL, "fewer sites: no addresses are left");
            return;
        }
        site->plan_base = (sim_addr)at;
        site->plan_bits = (uint8_t)(32 - host_bits);
    }
}

/* ---- Hardware addresses ---- */

/* Entries without a `mac` get one that no other such entry has. Those that the scenario gives may
 * collide, as when an entry was copied with its mac: macs.c sees to that. */
static void number_macs(struct reader *r, const cJSON *sites)
{
    struct scenario *s = r->scenario;
    uint64_t phones = 0; /* of all entries before */

    for (size_t i = 0; i < s->sites_len; i++) {
        struct scenario_site *site = &s->sites[i];
        for (size_t j = 0; j < site->phones_len; j++) {
            struct scenario_phones *entry = &site->phones[j];
            uint64_t count = (uint64_t)entry->count * site->count;
            if (entry->mac == LOAD_MAC_NONE) {
                entry->mac = MAC_FIRST + phones;
            }
            if ((entry->mac + count - 1) >> 40 != entry->mac >> 40) { /* into group addresses */
                error_at_site(r, sites, i, "phones",
                              "hardware addresses that count over into the first octet",
                              "a lower \"mac\"");
            }
            phones += count;
        }
    }
}

void plan_make(struct reader *r, const cJSON *sites)
{
    struct scenario *s = r->scenario;
    struct block *given = reader_alloc(r, s->sites_len, sizeof(*given));

    if (given != NULL) {
        size_t len = collect_given(r, sites, given);
        place_all(r, sites, given, len);
        number_macs(r, sites);
    }
    free(given);
}

/* ---- The flat view ---- */

const struct scenario_site *scenario_site_class(const struct scenario *s, uint32_t index)
{
    size_t low = 0;
    size_t high = s->sites_len; /* the answer is in [low, high) */

    assert(index < s->sites_total);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->sites[middle].first_index <= index) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return &s->sites[low];
}

int scenario_site_setup(const struct scenario *s, uint32_t index, struct sim_site_setup *out,
                        char name[SCENARIO_NAME_MAX])
{
    if (index >= s->sites_total) {
        return SIM_EINVAL;
    }
    const struct scenario_site *site = scenario_site_class(s, index);
    uint32_t copy = index - site->first_index;
    uint32_t alone = 0;
    for (size_t i = 0; i < site->phones_len; i++) {
        alone += site->phones[i].count - scenario_phones_sharing(&site->phones[i]);
    }
    if (site->count == 1) {
        snprintf(name, SCENARIO_NAME_MAX, "%s", site->name);
    } else {
        snprintf(name, SCENARIO_NAME_MAX, "%s#%u", site->name, copy + 1);
    }
    *out = (struct sim_site_setup){
        .name = name,
        .class_name = site->name,
        .index = index,
        .base = site->plan_base + (copy << (32 - site->plan_bits)),
        .bits = site->plan_bits,
        .phones = site->phones_total,
        .alone = alone,
        .wan = site->wan,
        .lan = site->lan,
    };
    return 0;
}

sim_duration scenario_site_spread(const struct scenario *s, const struct scenario_site *site)
{
    return site->start_spread != SIM_NEVER ? site->start_spread : s->start_spread;
}

uint64_t scenario_site_first_phone(const struct scenario *s, uint32_t index)
{
    if (index >= s->sites_total) {
        return s->phones_total;
    }
    const struct scenario_site *site = scenario_site_class(s, index);
    return site->first_phone + (uint64_t)(index - site->first_index) * site->phones_total;
}

uint32_t scenario_site_of_phone(const struct scenario *s, uint64_t phone, uint32_t *number)
{
    size_t low = 0;
    size_t high = s->sites_len; /* the answer is in [low, high) */

    assert(phone < s->phones_total);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (s->sites[middle].first_phone <= phone) {
            low = middle;
        } else {
            high = middle;
        }
    }
    /* Entries without phones do not exist: each has at least one. */
    const struct scenario_site *site = &s->sites[low];
    uint64_t within = phone - site->first_phone;
    *number = (uint32_t)(within % site->phones_total);
    return site->first_index + (uint32_t)(within / site->phones_total);
}

const struct scenario_phones *scenario_phone(const struct scenario *s,
                                             const struct sim_site_setup *site, uint32_t number,
                                             uint32_t *within, sim_addr *addr)
{
    const struct scenario_site *class = scenario_site_class(s, site->index);
    size_t entry = class->phones_len - 1;

    assert(number < class->phones_total);
    while (class->phones[entry].first > number) {
        entry--;
    }
    *within = number - class->phones[entry].first;
    *addr = site->base + FIRST_PHONE + number;
    return &class->phones[entry];
}
