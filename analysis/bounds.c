/* analysis/bounds.c -- the closed forms of bounds.h. */
#include "analysis/bounds.h"

#include <stdio.h>
#include <string.h>

static bool needs_index(const struct scenario *s, uint32_t firmware)
{
    for (size_t i = 0; i < s->sites_len; i++) {
        for (size_t k = 0; k < s->sites[i].phones_len; k++) {
            const struct scenario_phones *p = &s->sites[i].phones[k];
            if (p->firmware == firmware && p->system != SCENARIO_BARE) {
                return true;
            }
        }
    }
    return false;
}

uint64_t analysis_bounds_firmware(const struct scenario *s, uint32_t firmware,
                                  const struct sim_catalog *catalog)
{
    const struct scenario_firmware *f = &s->firmware[firmware];
    char index[SIM_CONTENT_NAME_MAX];
    uint64_t bytes = 0;

    for (size_t i = 0; i < f->files_len; i++) {
        bytes += f->files[i].size;
    }
    int n = snprintf(index, sizeof(index), "%s.loads", f->load);
    if (catalog != NULL && n > 0 && (size_t)n < sizeof(index) && needs_index(s, firmware)) {
        const struct sim_content *content = sim_catalog_find(catalog, index);
        bytes += content == NULL ? 0 : content->size;
    }
    return bytes;
}

bool analysis_bounds_wants(const struct scenario *s, const struct scenario_phones *phones)
{
    return phones->running == NULL ||
           strcmp(phones->running, s->firmware[phones->firmware].load) != 0;
}

/* Did an earlier entry of the site ask for the same firmware? */
static bool seen_before(const struct scenario *s, const struct scenario_site *site, size_t entry)
{
    for (size_t i = 0; i < entry; i++) {
        if (site->phones[i].firmware == site->phones[entry].firmware &&
            analysis_bounds_wants(s, &site->phones[i])) {
            return true;
        }
    }
    return false;
}

static void raise_to(sim_duration *bound, sim_duration value)
{
    if (value > *bound) {
        *bound = value;
    }
}

void analysis_bounds_site(const struct scenario *s, enum scenario_method method,
                          const struct scenario_site *site, const struct sim_catalog *catalog,
                          struct analysis_bounds *out)
{
    struct analysis_bounds b = {0};
    uint64_t wan = site->wan.none ? SIM_RATE_NONE : site->wan.down_bit_s;
    uint64_t port = site->lan.rate_bit_s;
    uint64_t largest = 0, phones = 0;
    unsigned __int128 all = 0; /* bytes */

    for (size_t i = 0; i < site->phones_len; i++) {
        const struct scenario_phones *p = &site->phones[i];
        if (!analysis_bounds_wants(s, p)) {
            continue;
        }
        uint64_t bytes = analysis_bounds_firmware(s, p->firmware, catalog);
        all += (unsigned __int128)bytes * p->count;
        phones += p->count;
        largest = bytes > largest ? bytes : largest;
        if (!seen_before(s, site, i)) {
            b.copy_bytes += bytes;
        }
    }
    if (wan != SIM_RATE_NONE && site->wan.down.exact != NULL) {
        struct sim_capacity_cursor cursor = {.at = SIM_NEVER};
        b.wan_floor = sim_time_since(
            sim_capacity_end(site->wan.down.exact, s->start_at, b.copy_bytes, &cursor),
            s->start_at);
        wan = sim_capacity_peak(site->wan.down.exact); /* below: no more than that */
    } else if (wan != SIM_RATE_NONE) {
        b.wan_floor = sim_time_of_bytes(b.copy_bytes, wan);
    }
    if (method == SCENARIO_LOAD_SERVER) {
        wan = SIM_RATE_NONE; /* its copy is there before the run */
    } else {
        raise_to(&b.optimum, b.wan_floor);
    }
    if (port != SIM_RATE_NONE) {
        raise_to(&b.optimum, sim_time_of_bytes(largest, port));
    }
    if (wan != SIM_RATE_NONE && port != SIM_RATE_NONE) {
        unsigned __int128 capacity = wan + (unsigned __int128)phones * port;
        unsigned __int128 seconds_ns = all * 8 * SIM_S / capacity;
        raise_to(&b.optimum, seconds_ns > SIM_NEVER ? SIM_NEVER : (sim_duration)seconds_ns);
    }
    *out = b;
}

/* How many copies of a class are among `len` sites from `first` on. */
static uint32_t copies_among(const struct scenario_site *site, uint32_t first, uint32_t len)
{
    uint32_t from = site->first_index > first ? site->first_index : first;
    uint32_t end = site->first_index + site->count;

    end = end < first + len ? end : first + len;
    return end > from ? end - from : 0;
}

void analysis_bounds_share(const struct scenario *s, enum scenario_method method,
                           const struct sim_catalog *catalog, uint32_t first, uint32_t len,
                           struct analysis_bounds *out)
{
    struct analysis_bounds sum = {0};

    for (size_t i = 0; i < s->sites_len; i++) {
        struct analysis_bounds b;
        uint32_t copies = copies_among(&s->sites[i], first, len);
        if (copies == 0) {
            continue;
        }
        analysis_bounds_site(s, method, &s->sites[i], catalog, &b);
        raise_to(&sum.wan_floor, b.wan_floor);
        raise_to(&sum.optimum, b.optimum);
        sum.copy_bytes += b.copy_bytes * copies;
    }
    if (s->server.uplink_bit_s != SIM_RATE_NONE && method != SCENARIO_LOAD_SERVER) {
        raise_to(&sum.optimum, sim_time_of_bytes(sum.copy_bytes, s->server.uplink_bit_s));
    }
    *out = sum;
}

void analysis_bounds_all(const struct scenario *s, enum scenario_method method,
                         const struct sim_catalog *catalog, struct analysis_bounds *out)
{
    analysis_bounds_share(s, method, catalog, 0, s->sites_total, out);
}
