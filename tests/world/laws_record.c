/* tests/world/laws_record.c -- the laws that hold after every record: who feeds whom, and with
 * what.
 *
 * A parent and its child say so each for itself; only where both do are they held to be a pair,
 * since one may have gone without the other's noticing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "tests/world/laws_inside.h"

/* Time that a body's first bytes may be under way when its sender drops the copy (LAN latency of a
 * scenario here is 5 ms at most, and a port's queue). */
#define GRACE (1 * SIM_S)

static uint32_t find_file(const struct laws *l, const char *name)
{
    for (uint32_t i = 0; name != NULL && i < l->names_len; i++) {
        if (strcmp(l->names[i], name) == 0) {
            return i;
        }
    }
    return LAWS_NOBODY;
}

static uint32_t find_phone(const struct laws *l, uint32_t site, sim_addr addr)
{
    const struct sim_site_setup *setup = scenario_run_site(l->run, site);
    uint32_t number = addr - setup->base - 2;
    return number < setup->phones ? scenario_run_node(l->run, site, number) : LAWS_NOBODY;
}

/* A tree is a file's; per-load, the load's. */
static bool is_same_tree(const struct laws *l, uint32_t a, uint32_t b)
{
    return a == b ||
           (l->scenario->pfs.hierarchy == PFS_PER_LOAD && l->firmware[a] == l->firmware[b]);
}

/* ---- Lives ---- */

bool laws_is_apart(const struct laws *l, const struct laws_phone *p)
{
    return l->scenario->pfs.hierarchy == PFS_PER_LOAD && p->info.system == SCENARIO_BARE;
}

void laws_end_life(struct laws *l, uint32_t phone, uint32_t file, sim_time at)
{
    struct laws_phone *p = &l->phones[phone];
    struct laws_file *f = &p->files[file];

    if (!f->is_wanted) {
        return;
    }
    f->is_wanted = false;
    if (l->lives_len == l->lives_cap) {
        size_t cap = l->lives_cap * 2 + 64;
        struct laws_life *lives = realloc(l->lives, cap * sizeof(*lives));
        if (lives == NULL) {
            l->out_of_memory = true;
            return;
        }
        l->lives = lives;
        l->lives_cap = cap;
    }
    l->lives[l->lives_len++] = (struct laws_life){.site = p->info.site,
                                                  .file = file,
                                                  .is_apart = laws_is_apart(l, p),
                                                  .from = f->wanted_at,
                                                  .to = at};
}

void laws_phone_stops(struct laws *l, uint32_t phone, sim_time at)
{
    for (uint32_t i = 0; i < l->names_len; i++) {
        struct laws_file *f = &l->phones[phone].files[i];
        laws_end_life(l, phone, i, at);
        if (f->is_moving) {
            laws_break(l, phone, at, "it ends in the middle of a transfer of %s", l->names[i]);
        }
        if (f->holds) {
            f->holds = false;
            f->dropped_at = at;
        }
        f->parent = LAWS_NOBODY;
        f->kids_len = 0;
    }
}

static void on_phase(struct laws *l, uint32_t phone, uint32_t file, const struct sim_record *r)
{
    struct laws_phone *p = &l->phones[phone];

    switch ((enum sim_phase)r->a) {
    case SIM_PHASE_OFF:
        p->was_off = true;
        p->is_on = false;
        laws_phone_stops(l, phone, r->at);
        return;
    case SIM_PHASE_APPLY:
    case SIM_PHASE_FAILED:
    case SIM_PHASE_IN_SERVICE:
        laws_phone_stops(l, phone, r->at);
        return;
    case SIM_PHASE_ELECT:
    case SIM_PHASE_WAIT:
    case SIM_PHASE_FETCH_PEER:
    case SIM_PHASE_FETCH_SERVER:
        if (p->info.pfs && file != LAWS_NOBODY && !p->files[file].is_wanted) {
            p->files[file].is_wanted = true;
            p->files[file].wanted_at = r->at;
        }
        return;
    case SIM_PHASE_BOOT:
    case SIM_PHASE_CONFIGURE:
    case SIM_PHASE_VERIFY:
    case SIM_PHASE_LINGER:
    case SIM_PHASE_REBOOT:
    case SIM_PHASES_LEN:
        return;
    }
}

/* ---- Who feeds whom ---- */

static bool has_kid(const struct laws *l, uint32_t parent, uint32_t file, uint32_t kid)
{
    for (uint32_t i = 0; i < l->names_len; i++) {
        const struct laws_file *f = &l->phones[parent].files[i];
        for (uint32_t k = 0; is_same_tree(l, i, file) && k < f->kids_len; k++) {
            if (f->kids[k] == kid) {
                return true;
            }
        }
    }
    return false;
}

/* The phone that feeds `phone` in the file's tree, when both say so. */
static uint32_t feeder(const struct laws *l, uint32_t phone, uint32_t file)
{
    for (uint32_t i = 0; i < l->names_len; i++) {
        uint32_t parent = l->phones[phone].files[i].parent;
        if (parent != LAWS_NOBODY && is_same_tree(l, i, file) && has_kid(l, parent, i, phone)) {
            return parent;
        }
    }
    return LAWS_NOBODY;
}

static void check_cycle(struct laws *l, uint32_t phone, uint32_t file, sim_time at)
{
    uint32_t up = feeder(l, phone, file);
    for (uint32_t steps = 0; up != LAWS_NOBODY; steps++) {
        if (up == phone || steps > l->phones_len) {
            laws_break(l, phone, at, "it is fed by itself: a cycle of parents of %s",
                       l->names[file]);
            return;
        }
        up = feeder(l, up, file);
    }
}

static uint32_t check_peer(struct laws *l, uint32_t phone, const struct sim_record *r)
{
    const struct laws_phone *p = &l->phones[phone];
    uint32_t peer = find_phone(l, p->info.site, r->peer);

    if (peer == LAWS_NOBODY || peer == phone) {
        laws_break(l, phone, r->at, "its peer for %s is no other phone of the subnet", r->name);
        return LAWS_NOBODY;
    }
    if (l->phones[peer].info.firmware != p->info.firmware) {
        laws_break(l, phone, r->at, "its peer for %s is of another model", r->name);
    }
    if (!p->info.pfs || !l->phones[peer].info.pfs) {
        laws_break(l, phone, r->at, "it shares %s with sharing off", r->name);
    }
    return peer;
}

static void on_attach(struct laws *l, uint32_t phone, uint32_t file, const struct sim_record *r)
{
    if (r->a == 0) {
        laws_break(l, phone, r->at, "it is no deeper in the tree of %s than a root", r->name);
    }
    l->phones[phone].files[file].parent = check_peer(l, phone, r);
    check_cycle(l, phone, file, r->at);
}

static void on_children(struct laws *l, uint32_t phone, uint32_t file, const struct sim_record *r)
{
    struct laws_file *f = &l->phones[phone].files[file];
    uint32_t kid = check_peer(l, phone, r), total = 0;

    for (uint32_t i = 0; i < f->kids_len; i++) {
        if (f->kids[i] == kid) {
            f->kids[i] = f->kids[--f->kids_len];
            break;
        }
    }
    if (r->a > f->kids_len && f->kids_len < LAWS_KIDS_MAX) {
        f->kids[f->kids_len++] = kid;
    }
    if (r->a != f->kids_len) {
        laws_break(l, phone, r->at, "it counts %u children of %s, not %u", (unsigned)r->a, r->name,
                   (unsigned)f->kids_len);
    }
    for (uint32_t i = 0; i < l->names_len; i++) {
        total += is_same_tree(l, i, file) ? l->phones[phone].files[i].kids_len : 0;
    }
    if (total > l->scenario->pfs.fanout) {
        laws_break(l, phone, r->at, "it has %u children of %s, more than fanout", (unsigned)total,
                   r->name);
    }
    if (kid != LAWS_NOBODY) {
        check_cycle(l, kid, file, r->at);
    }
}

/* ---- Transfers ---- */

static void on_begin(struct laws *l, uint32_t phone, uint32_t file, const struct sim_record *r)
{
    struct laws_phone *p = &l->phones[phone];
    struct laws_file *f = &p->files[file];

    if (p->moving > 0) {
        laws_break(l, phone, r->at, "it takes %s while it takes another file", r->name);
    }
    f->is_moving = true;
    p->moving = 1;
    if (f->holds) {
        laws_break(l, phone, r->at, "it takes %s, which it holds", r->name);
    }
    if (r->peer == 0) {
        return;
    }
    uint32_t peer = check_peer(l, phone, r);
    if (peer == LAWS_NOBODY || l->hopes.is_cut_through) {
        return;
    }
    const struct laws_file *source = &l->phones[peer].files[file];
    bool had = source->dropped_at != SIM_NEVER && r->at - source->dropped_at <= GRACE;
    if (!source->holds && !had) {
        laws_break(l, phone, r->at, "it is served %s by a phone that has not verified it", r->name);
    }
}

/* No line and no port carries bytes faster than it can. */
static void check_pace(struct laws *l, uint32_t phone, const struct sim_record *r)
{
    const struct sim_site_setup *site = scenario_run_site(l->run, l->phones[phone].info.site);
    bool is_wan = r->peer == 0 && l->method != SCENARIO_LOAD_SERVER;
    uint64_t rate =
        is_wan ? (site->wan.none ? SIM_RATE_NONE : site->wan.down_bit_s) : site->lan.rate_bit_s;
    if (is_wan && l->scenario->server.uplink_bit_s != SIM_RATE_NONE &&
        (rate == SIM_RATE_NONE || l->scenario->server.uplink_bit_s < rate)) {
        rate = l->scenario->server.uplink_bit_s;
    }
    /* Flows that meet on a fluid line trade bytes (sim/virtual/fluid_line.c): some end early. */
    if (r->b == 0 || rate == SIM_RATE_NONE ||
        (is_wan && l->scenario->network == SCENARIO_FLUID && !site->wan.none)) {
        return;
    }
    /* What has left its sender and is cut off is taken to have come in evenly; what stood still at
     * a partition is there at once when it heals. */
    if (r->peer != 0 && (r->a != 0 || !l->hopes.no_partition)) {
        return;
    }
    sim_duration least = r->b * 8 * SIM_S / rate;
    least += is_wan && !site->wan.none ? site->wan.rtt : 0;
    if (r->at - r->c < least) {
        laws_break(l, phone, r->at, "%s came in %.9f s, faster than the line's %.9f s", r->name,
                   sim_time_seconds(r->at - r->c), sim_time_seconds(least));
    }
}

static void on_end(struct laws *l, uint32_t phone, uint32_t file, const struct sim_record *r)
{
    struct laws_phone *p = &l->phones[phone];
    struct laws_file *f = &p->files[file];
    struct laws_site *site = &l->sites[p->info.site];

    if (!f->is_moving || p->moving == 0) {
        laws_break(l, phone, r->at, "the end of a transfer of %s that did not begin", r->name);
    }
    f->is_moving = false;
    p->moving = 0;
    f->received += r->b;
    if (r->peer == 0) {
        site->from_server += r->b;
        f->copies += r->a == 0;
    } else {
        site->from_peers += r->b;
    }
    check_pace(l, phone, r);
    if (r->a != 0 && (r->text == NULL || r->text[0] == '\0')) {
        laws_break(l, phone, r->at, "a transfer of %s fails without a reason", r->name);
    }
}

static void on_hold(struct laws *l, uint32_t phone, uint32_t file, const struct sim_record *r)
{
    struct laws_phone *p = &l->phones[phone];
    struct laws_file *f = &p->files[file];

    if (f->holds || f->is_moving) {
        laws_break(l, phone, r->at, "it holds %s twice, or still takes it", r->name);
    }
    if (l->firmware[file] != p->info.firmware) {
        laws_break(l, phone, r->at, "it holds %s, a file of another model", r->name);
    }
    if (r->b == 0 || (l->sizes[file] != 0 && r->b != l->sizes[file])) {
        laws_break(l, phone, r->at, "it holds %s with %llu bytes", r->name,
                   (unsigned long long)r->b);
    }
    f->holds = true;
    f->holds_ever++;
    f->parent = LAWS_NOBODY;
    l->sites[p->info.site].held += r->b;
    if (f->received < r->b) {
        laws_break(l, phone, r->at, "it holds %s, of which it got %llu bytes only", r->name,
                   (unsigned long long)f->received);
    }
}

/* ---- Ends ---- */

static void on_outcome(struct laws *l, uint32_t phone, const struct sim_record *r)
{
    struct laws_phone *p = &l->phones[phone];

    p->has_outcome = true;
    p->outcome = (enum sim_outcome)r->a;
    snprintf(p->reason, sizeof(p->reason), "%s", r->text == NULL ? "" : r->text);
    if (r->a == SIM_OUTCOME_FAILED && p->reason[0] == '\0') {
        laws_break(l, phone, r->at, "it failed without a reason");
    }
    for (uint32_t i = 0; r->a == SIM_OUTCOME_UPGRADED && i < l->names_len; i++) {
        bool wanted = l->firmware[i] == p->info.firmware &&
                      (l->sizes[i] != 0 || p->info.system != SCENARIO_BARE);
        if (wanted && !p->files[i].holds) {
            laws_break(l, phone, r->at, "it is upgraded without %s", l->names[i]);
        }
    }
}

void laws_record(struct laws *l, const struct sim_record *r)
{
    uint32_t phone = r->node, file = find_file(l, r->name);

    if (phone < l->phones_len && l->sites[l->phones[phone].info.site].has_ended) {
        return;
    }
    if (r->at < l->last_at) {
        laws_break(l, phone, r->at, "time went back");
    }
    l->last_at = r->at;
    if (phone >= l->phones_len) {
        return; /* a fault says what it does */
    }
    struct laws_phone *p = &l->phones[phone];
    bool about_a_file = r->kind != SIM_RECORD_PHASE && r->kind != SIM_RECORD_OUTCOME &&
                        r->kind != SIM_RECORD_BACK && r->kind != SIM_RECORD_LOG &&
                        r->kind != SIM_RECORD_FAULT && r->kind != SIM_RECORD_RETRY;
    if (about_a_file && file == LAWS_NOBODY) {
        laws_break(l, phone, r->at, "%s of \"%s\", which no firmware has",
                   sim_record_kind_name(r->kind), r->name == NULL ? "" : r->name);
        return;
    }
    switch (r->kind) {
    case SIM_RECORD_PHASE:
        on_phase(l, phone, file, r);
        return;
    case SIM_RECORD_TRANSFER_BEGIN:
        on_begin(l, phone, file, r);
        return;
    case SIM_RECORD_TRANSFER_END:
        on_end(l, phone, file, r);
        return;
    case SIM_RECORD_ATTACH:
        on_attach(l, phone, file, r);
        return;
    case SIM_RECORD_DETACH:
        p->files[file].parent = LAWS_NOBODY;
        return;
    case SIM_RECORD_ROLE:
        if (r->a != SIM_ROLE_MEMBER) {
            p->files[file].parent = LAWS_NOBODY;
        }
        return;
    case SIM_RECORD_CHILDREN:
        on_children(l, phone, file, r);
        return;
    case SIM_RECORD_HOLD:
        on_hold(l, phone, file, r);
        return;
    case SIM_RECORD_REJECT:
        if (l->hopes.no_corruption) {
            laws_break(l, phone, r->at, "it rejects %s, which nobody corrupts: %s", r->name,
                       r->text == NULL ? "" : r->text);
        }
        return;
    case SIM_RECORD_FALLBACK:
        p->fallbacks++;
        if (l->hopes.no_fallback) {
            laws_break(l, phone, r->at, "it leaves its peers for %s without need: %s", r->name,
                       r->text == NULL ? "" : r->text);
        }
        return;
    case SIM_RECORD_RETRY:
        p->retries++;
        l->sites[p->info.site].retries++;
        return;
    case SIM_RECORD_OUTCOME:
        on_outcome(l, phone, r);
        return;
    case SIM_RECORD_CLAIM:
    case SIM_RECORD_RESUME:
    case SIM_RECORD_BACK:
    case SIM_RECORD_FAULT:
    case SIM_RECORD_LOG:
        return;
    }
}
