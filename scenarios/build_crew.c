/* scenarios/build_crew.c -- the phones of some neighbouring sites and their fault controllers, in
 * either world. Arrays are kept from one group of sites to the next. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build_inner.h"

/* ---- Election "static": who is there ---- */

/* The known tree: the sharing phones of one model in one subnet, in order. */
static int list_peers(const struct scenario_run *run, uint32_t index, struct build_site *site)
{
    const struct scenario *s = run->scenario;
    uint32_t within;
    sim_addr addr;

    site->peers = calloc(s->firmware_len + 1, sizeof(*site->peers));
    site->peers_len = calloc(s->firmware_len + 1, sizeof(*site->peers_len));
    if (site->peers == NULL || site->peers_len == NULL) {
        return SIM_ENOMEM;
    }
    for (uint32_t n = 0; n < site->phones_len; n++) {
        const struct scenario_phones *entry =
            scenario_phone(s, &run->setups[index], n, &within, &addr);
        if (!scenario_phone_shares(entry, within)) {
            continue;
        }
        sim_addr **list = &site->peers[entry->firmware];
        if (*list == NULL) {
            *list = calloc(site->phones_len, sizeof(**list));
        }
        if (*list == NULL) {
            return SIM_ENOMEM;
        }
        (*list)[site->peers_len[entry->firmware]++] = addr;
    }
    return 0;
}

static void free_peers(const struct scenario_run *run, struct build_site *site)
{
    for (size_t k = 0; site->peers != NULL && k < run->scenario->firmware_len; k++) {
        free(site->peers[k]);
    }
    free(site->peers);
    free(site->peers_len);
}

/* Where `addr` stands among its peers; 0 for a phone that does not share. Addresses rise with the
 * numbers. */
static uint32_t find_peer(const struct build_site *site, uint32_t firmware, sim_addr addr)
{
    const sim_addr *list = site->peers[firmware];
    uint32_t low = 0, high = site->peers_len[firmware]; /* the answer is in [low, high) */

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (list[middle] <= addr) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return list != NULL && list[low] == addr ? low : 0;
}

/* ---- Making ---- */

static int add_phone(struct build_crew *c, struct sim_world *world, uint32_t index,
                     struct build_site *site, uint32_t number)
{
    const struct scenario_run *run = c->run;
    uint64_t id = scenario_site_first_phone(run->scenario, index) + number;
    uint32_t within;
    sim_addr addr;
    const struct scenario_phones *entry =
        scenario_phone(run->scenario, &run->setups[index], number, &within, &addr);
    struct phone_place place = {
        .world = world,
        .site = index,
        .addr = addr,
        .id = id,
        .mac = scenario_macs_of(&run->macs, entry, build_copy(run->scenario, index), within),
        .start = build_start(run, id),
        .log = run->options.has_phone_log && run->options.phone_log == addr,
    };
    if (site->peers != NULL) {
        place.peers = site->peers[entry->firmware];
        place.peers_len = site->peers_len[entry->firmware];
        place.peers_self = find_peer(site, entry->firmware, addr);
    }
    struct phone *p = &site->phones[number];
    int rc = phone_init(p, scenario_kinds_find(&run->kinds, entry, within), &place);
    if (rc == 0) {
        assert(p->node == c->first_node + c->phones_len); /* a node's number is its phone's */
        c->phones_len++;
    }
    return rc;
}

static int make_room(struct build_crew *c, uint32_t sites, uint32_t phones)
{
    if (sites > c->sites_cap) {
        free(c->sites);
        c->sites = calloc(sites, sizeof(*c->sites));
        c->sites_cap = c->sites == NULL ? 0 : sites;
    }
    if (phones > c->phones_cap || c->phones == NULL) {
        free(c->phones);
        c->phones = calloc((size_t)phones + 1, sizeof(*c->phones));
        c->phones_cap = c->phones == NULL ? 0 : phones;
    }
    return c->sites_cap < sites || c->phones == NULL ? SIM_ENOMEM : 0;
}

static int add_phones(struct build_crew *c, struct sim_world *(*world)(void *, uint32_t),
                      void *context)
{
    for (uint32_t i = 0; i < c->sites_len; i++) {
        struct build_site *site = &c->sites[i];
        uint32_t index = c->first_site + i;
        int rc = c->run->scenario->pfs.election == PFS_STATIC ? list_peers(c->run, index, site) : 0;
        for (uint32_t n = 0; rc == 0 && n < site->phones_len; n++) {
            rc = add_phone(c, world(context, index), index, site, n);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static int add_faults(struct build_crew *c, struct sim_world *(*world)(void *, uint32_t),
                      void *context)
{
    for (uint32_t i = 0; c->run->scenario->faults_len > 0 && i < c->sites_len; i++) {
        struct build_site *site = &c->sites[i];
        uint32_t index = c->first_site + i;
        struct faults_site where = {
            .scenario = c->run->scenario,
            .site = index,
            .name = c->run->setups[index].name,
            .class_name = c->run->setups[index].class_name,
            .world = world(context, index),
            .phones = site->phones,
            .phones_len = site->phones_len,
        };
        int rc = faults_new(&site->faults, &where);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int build_crew_make(struct build_crew *c, const struct scenario_run *run, uint32_t first,
                    uint32_t len, sim_node first_node,
                    struct sim_world *(*world)(void *context, uint32_t site), void *context)
{
    uint32_t phones = 0;

    assert(c->phones_len == 0 && c->sites_len == 0);
    for (uint32_t i = 0; i < len; i++) {
        phones += run->setups[first + i].phones;
    }
    int rc = make_room(c, len, phones);
    if (rc != 0) {
        return rc;
    }
    c->run = run;
    c->first_site = first;
    c->first_node = first_node;
    c->sites_len = len;
    struct phone *at = c->phones;
    for (uint32_t i = 0; i < len; i++) {
        c->sites[i] = (struct build_site){
            .phones = at,
            .phones_len = run->setups[first + i].phones,
        };
        at += c->sites[i].phones_len;
    }
    rc = add_phones(c, world, context);
    return rc != 0 ? rc : add_faults(c, world, context);
}

void build_crew_clear(struct build_crew *c)
{
    for (uint32_t n = 0; n < c->phones_len; n++) {
        phone_deinit(&c->phones[n]);
    }
    c->phones_len = 0;
    for (uint32_t i = 0; i < c->sites_len; i++) {
        faults_free(c->sites[i].faults);
        free_peers(c->run, &c->sites[i]);
    }
    c->sites_len = 0;
}

void build_crew_deinit(struct build_crew *c)
{
    build_crew_clear(c);
    free(c->sites);
    free(c->phones);
    *c = (struct build_crew){.phones = NULL};
}

void build_crew_observe(struct build_crew *c, const struct sim_record *record)
{
    uint32_t number = record->node - c->first_node; /* of a stranger: large */
    uint32_t low = 0, high = c->sites_len;          /* the answer is in [low, high) */

    if (number >= c->phones_len) {
        return;
    }
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (c->sites[middle].phones <= &c->phones[number]) {
            low = middle;
        } else {
            high = middle;
        }
    }
    faults_observe(c->sites[low].faults, record);
}
