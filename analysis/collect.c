/* analysis/collect.c -- records to phones, trees and sums; one door, one case a kind. */
#include "analysis/collect.h"

#include <assert.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/flight.h"
#include "analysis/names.h"
#include "sim/err.h"
#include "sim/rng.h"

/* What a lane has counted so far, for those who watch from another thread. Only the lane writes
 * here, so nothing is locked: a load and a store. */
struct counts {
    _Atomic uint64_t held, resumed, rejected, copies;
    _Atomic uint64_t outcomes[4];
};

struct lane {
    struct analysis_totals totals;
    struct counts counts;
    struct analysis_names_recent recent;
    struct analysis_forest forest;
    struct analysis_durations durations; /* file: [firmware][name] */
    char **reasons;                      /* owned; reason number n is reasons[n - 1] */
    uint32_t reasons_len;
    bool out_of_memory;
};

/* What most records need of a phone, small enough to stay in the cache with its site's others: of
 * what the phone's own struct has too, only `phase` is newer here while the run goes on. */
struct hot {
    uint32_t site;
    uint16_t firmware;
    uint8_t phase;
    bool is_phone;
};

struct analysis_collect {
    struct analysis_collect_config config;
    bool attached;
    struct hot *hot;                 /* by node */
    struct analysis_phone *phones;   /* by node */
    struct analysis_flight *flights; /* by node */
    uint32_t phones_len;
    struct analysis_names names; /* of all firmware files, without folders */
    uint64_t *sizes;             /* [firmware][file]; 0: not known, an index */
    uint64_t wanted;
    struct lane *lanes;
    /* A site belongs to one lane, so a row has one writer. */
    _Atomic uint32_t *phases; /* [site][phase] */
    _Atomic uint32_t *so_far; /* [site][SO_FAR_LEN] */
};

enum { SO_FAR_FALLBACKS = 4, SO_FAR_BACKS, SO_FAR_LEN }; /* before them outcomes */

static const char other_reasons[] = ANALYSIS_OTHER_REASONS;

struct analysis_collect *analysis_collect_new(void)
{
    return calloc(1, sizeof(struct analysis_collect));
}

void analysis_collect_free(struct analysis_collect *c)
{
    if (c == NULL) {
        return;
    }
    for (unsigned i = 0; c->lanes != NULL && i < c->config.lanes; i++) {
        for (uint32_t k = 0; k < c->lanes[i].reasons_len; k++) {
            free(c->lanes[i].reasons[k]);
        }
        free(c->lanes[i].reasons);
        analysis_forest_deinit(&c->lanes[i].forest);
        analysis_durations_deinit(&c->lanes[i].durations);
    }
    analysis_names_deinit(&c->names);
    free(c->sizes);
    free(c->lanes);
    free(c->phases);
    free(c->so_far);
    free(c->flights);
    free(c->phones);
    free(c->hot);
    free(c);
}

/* ---- Attaching ---- */

/* Every firmware file of the scenario: components, indexes, and loads (what a per-load tree is
 * called). */
static int gather_names(struct analysis_collect *c)
{
    const struct scenario *s = c->config.scenario;
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < s->firmware_len; i++) {
        const struct scenario_firmware *f = &s->firmware[i];
        rc = analysis_names_add(&c->names, f->load, "");
        if (rc == 0) {
            rc = analysis_names_add(&c->names, f->load, ".loads");
        }
        for (size_t k = 0; rc == 0 && k < f->files_len; k++) {
            rc = analysis_names_add(&c->names, f->files[k].name, "");
        }
    }
    if (rc != 0 || (rc = analysis_names_seal(&c->names)) != 0) {
        return rc;
    }
    c->sizes = calloc(s->firmware_len * c->names.len + 1, sizeof(c->sizes[0]));
    for (size_t i = 0; c->sizes != NULL && i < s->firmware_len; i++) {
        for (size_t k = 0; k < s->firmware[i].files_len; k++) {
            const struct scenario_file *file = &s->firmware[i].files[k];
            uint16_t at;
            if (analysis_names_find(&c->names, NULL, file->name, &at)) {
                c->sizes[i * c->names.len + at] = file->size;
            }
        }
    }
    for (unsigned i = 0; rc == 0 && i < c->config.lanes; i++) {
        rc = analysis_durations_init(&c->lanes[i].durations, s->firmware_len * c->names.len);
    }
    return c->sizes == NULL ? SIM_ENOMEM : rc;
}

static int add_phone(struct analysis_collect *c, sim_node node,
                     const struct scenario_phone_info *info, sim_time start)
{
    const struct scenario *s = c->config.scenario;
    struct analysis_phone *phone = &c->phones[node];

    for (size_t i = 0; i < s->firmware_len && i < UINT16_MAX; i++) {
        const char *model = s->firmware[i].model;
        if ((model == info->model || strcmp(model, info->model) == 0) &&
            info->site < s->sites_total) {
            *phone = (struct analysis_phone){
                .is_phone = true,
                .outcome = ANALYSIS_OUTCOME_NONE,
                .phase = SIM_PHASE_OFF,
                .system = (uint8_t)info->system,
                .firmware = (uint16_t)i,
                .site = info->site,
                .number = info->number,
                .addr = info->addr,
                .start = start,
                .config = SIM_NEVER,
                .done = SIM_NEVER,
                .back = SIM_NEVER,
            };
            c->hot[node] = (struct hot){.site = info->site,
                                        .firmware = (uint16_t)i,
                                        .phase = SIM_PHASE_OFF,
                                        .is_phone = true};
            c->phones_len++;
            /* All but `bare` phones take the index too. */
            c->wanted += s->firmware[i].files_len + (info->system == SCENARIO_BARE ? 0 : 1);
            c->phases[(size_t)info->site * SIM_PHASES_LEN + SIM_PHASE_OFF]++;
            return 0;
        }
    }
    return SIM_EINVAL;
}

int analysis_collect_attach(struct analysis_collect *c,
                            const struct analysis_collect_config *config)
{
    int rc;

    assert(!c->attached);
    assert(config->lanes > 0 && config->lanes <= UINT8_MAX);
    c->config = *config;
    c->lanes = calloc(config->lanes, sizeof(c->lanes[0]));
    c->phones = calloc((size_t)config->nodes + 1, sizeof(c->phones[0]));
    c->hot = calloc((size_t)config->nodes + 1, sizeof(c->hot[0]));
    c->phases =
        calloc((size_t)config->scenario->sites_total * SIM_PHASES_LEN + 1, sizeof(c->phases[0]));
    c->so_far =
        calloc((size_t)config->scenario->sites_total * SO_FAR_LEN + 1, sizeof(c->so_far[0]));
    c->flights = calloc((size_t)config->nodes + 1, sizeof(c->flights[0]));
    if (c->lanes == NULL || c->phones == NULL || c->flights == NULL || c->hot == NULL ||
        c->phases == NULL || c->so_far == NULL) {
        return SIM_ENOMEM;
    }
    if ((rc = gather_names(c)) != 0) {
        return rc;
    }
    for (uint32_t node = 0; node < config->nodes; node++) {
        struct scenario_phone_info info;
        sim_time start = 0;
        if (config->phone(config->phone_context, node, &info, &start) &&
            (rc = add_phone(c, node, &info, start)) != 0) {
            return rc;
        }
    }
    c->attached = true;
    return 0;
}

/* ---- Records ---- */

/* NULL: not a firmware file, or out of memory. */
static struct analysis_tree *find_tree(struct analysis_collect *c, struct lane *lane,
                                       const struct hot *hot, const char *name)
{
    uint16_t file;

    if (!analysis_names_find(&c->names, &lane->recent, name, &file)) {
        return NULL;
    }
    struct analysis_tree *tree =
        analysis_forest_get(&lane->forest, analysis_tree_key(hot->site, hot->firmware, file));
    if (tree == NULL) {
        lane->out_of_memory = true;
    }
    return tree;
}

/* There is one writer. `change` may be UINT64_MAX: one less. */
static void count(_Atomic uint64_t *counter, uint64_t change)
{
    uint64_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + change, memory_order_relaxed);
}

static void count_in_row(_Atomic uint32_t *counter, uint32_t change)
{
    uint32_t now = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, now + change, memory_order_relaxed);
}

static void count_of_site(struct analysis_collect *c, const struct analysis_phone *phone,
                          unsigned what, uint32_t change)
{
    count_in_row(&c->so_far[(size_t)phone->site * SO_FAR_LEN + what], change);
}

/* Files named after a phone count as one: "SEP001E13000000.cnf.xml" becomes "SEP*.cnf.xml", or
 * every phone would have a reason of its own. The events have the names. */
static void drop_addresses(char *text)
{
    static const char digits[] = "0123456789ABCDEFabcdef";
    enum { PREFIX = 3, ADDRESS = 12 };

    for (char *at = strstr(text, "SEP"); at != NULL; at = strstr(at, "SEP")) {
        at += PREFIX;
        if (strspn(at, digits) == ADDRESS) {
            *at = '*';
            memmove(at + 1, at + ADDRESS, strlen(at + ADDRESS) + 1);
        }
    }
}

static uint32_t find_reason(const struct lane *lane, const char *text)
{
    for (uint32_t i = 0; i < lane->reasons_len; i++) {
        if (strcmp(lane->reasons[i], text) == 0) {
            return i + 1;
        }
    }
    return 0;
}

static uint32_t intern_reason(struct lane *lane, const char *text)
{
    if (lane->reasons == NULL &&
        (lane->reasons = calloc(ANALYSIS_REASONS_MAX, sizeof(char *))) == NULL) {
        return 0;
    }
    char *copy = strdup(text);
    if (copy == NULL) {
        return 0;
    }
    drop_addresses(copy);
    uint32_t found = find_reason(lane, copy);
    if (found == 0 && lane->reasons_len >= ANALYSIS_REASONS_MAX - 1) {
        free(copy);
        if ((found = find_reason(lane, other_reasons)) != 0) {
            return found;
        }
        copy = strdup(other_reasons);
    }
    if (found != 0 || copy == NULL) {
        free(copy);
        return found;
    }
    lane->reasons[lane->reasons_len++] = copy;
    return lane->reasons_len;
}

static void enter_phase(struct analysis_collect *c, const struct sim_record *record)
{
    struct hot *hot = &c->hot[record->node];

    if (record->a >= SIM_PHASES_LEN || hot->phase == record->a) {
        return;
    }
    _Atomic uint32_t *row = &c->phases[(size_t)hot->site * SIM_PHASES_LEN];
    count_in_row(&row[hot->phase], UINT32_MAX); /* one less */
    count_in_row(&row[record->a], 1);
    bool configuring = hot->phase == SIM_PHASE_CONFIGURE;
    hot->phase = (uint8_t)record->a;
    struct analysis_phone *phone = &c->phones[record->node];
    /* A phone that is cut off or gives up while configuring has no configuration. */
    if (configuring && phone->config == SIM_NEVER && record->a > SIM_PHASE_CONFIGURE &&
        record->a != SIM_PHASE_FAILED) {
        phone->config = record->at;
    }
}

static void end_phone(struct analysis_collect *c, struct lane *lane, struct analysis_phone *phone,
                      const struct sim_record *record)
{
    if (record->a > SIM_OUTCOME_UNFINISHED) {
        return;
    }
    if (phone->outcome != ANALYSIS_OUTCOME_NONE) { /* it crashed later and began anew */
        count(&lane->counts.outcomes[phone->outcome], UINT64_MAX);
        count_of_site(c, phone, phone->outcome, UINT32_MAX); /* one less */
    }
    count_of_site(c, phone, record->a, 1);
    count(&lane->counts.outcomes[record->a], 1);
    phone->outcome = (uint8_t)record->a;
    phone->done = SIM_NEVER;
    phone->reason = 0;
    if (record->a == SIM_OUTCOME_UPGRADED) {
        phone->done = record->at;
    } else if (record->a != SIM_OUTCOME_CURRENT && record->text != NULL &&
               record->text[0] != '\0') {
        phone->reason = intern_reason(lane, record->text);
    }
}

static void add_transfer(struct analysis_collect *c, unsigned lane_number, sim_node node,
                         struct analysis_transfer transfer)
{
    if (c->config.transfers != NULL) {
        transfer.node = node;
        transfer.phone = c->phones[node].addr;
        analysis_transfers_add(c->config.transfers, lane_number, &transfer);
    }
}

/* What the phone was receiving ends without a word. */
static void cut_transfer(struct analysis_collect *c, unsigned lane_number, sim_node node,
                         sim_time at, int status)
{
    struct analysis_flight *flight = &c->flights[node];

    if (analysis_flight_cut(flight)) {
        add_transfer(c, lane_number, node,
                     (struct analysis_transfer){.start = flight->began,
                                                .end = at,
                                                .from = flight->peer,
                                                .bytes = ANALYSIS_TRANSFER_NO_BYTES,
                                                .status = status,
                                                .name = c->names.names[flight->file]});
    }
}

static void begin_transfer(struct analysis_collect *c, unsigned lane_number,
                           const struct sim_record *record)
{
    uint16_t file;

    if (analysis_names_find(&c->names, &c->lanes[lane_number].recent, record->name, &file)) {
        cut_transfer(c, lane_number, record->node, record->at, ANALYSIS_TRANSFER_CUT_OFF);
        analysis_flight_begin(&c->flights[record->node], file, record);
    }
}

/* A transfer that ended well: of a whole file, unless it went on where another one broke off. */
static void count_transfer(struct lane *lane, size_t file_of_firmware,
                           const struct analysis_flight *flight, const struct sim_record *record)
{
    enum analysis_via via = record->peer != 0 ? ANALYSIS_VIA_PEER : ANALYSIS_VIA_SERVER;

    lane->totals.peer_transfers += via == ANALYSIS_VIA_PEER;
    lane->totals.server_transfers += via == ANALYSIS_VIA_SERVER;
    if (flight->is_open && flight->offset > 0) {
        return;
    }
    struct analysis_stats *stats = analysis_durations_of(&lane->durations, file_of_firmware, via);
    if (stats != NULL) {
        analysis_stats_add(stats, sim_time_since(record->at, record->c));
    }
}

static void end_transfer(struct analysis_collect *c, unsigned lane_number,
                         const struct sim_record *record)
{
    const struct hot *hot = &c->hot[record->node];
    struct lane *lane = &c->lanes[lane_number];
    uint16_t file;

    if (analysis_names_find(&c->names, &lane->recent, record->name, &file)) {
        size_t file_of_firmware = hot->firmware * c->names.len + file;
        if (record->a == 0) {
            count_transfer(lane, file_of_firmware, &c->flights[record->node], record);
        }
        uint64_t size = c->sizes[file_of_firmware];
        if (analysis_flight_end(&c->flights[record->node], file, size, record)) {
            count(&lane->counts.copies, 1);
            struct analysis_tree *tree = find_tree(c, lane, hot, record->name);
            if (tree != NULL) {
                tree->server_copies++;
            }
        }
    }
    if (record->name != NULL) {
        add_transfer(c, lane_number, record->node,
                     (struct analysis_transfer){
                         .start = record->c,
                         .end = record->at,
                         .from = record->peer,
                         .bytes = record->b,
                         .status = record->a > INT16_MAX ? SIM_EINVAL : -(int)record->a,
                         .name = record->name,
                     });
    }
}

static void hold_file(struct analysis_collect *c, struct lane *lane,
                      const struct sim_record *record)
{
    const struct hot *hot = &c->hot[record->node];
    struct analysis_phone *phone = &c->phones[record->node];

    if (record->peer != 0) {
        phone->files_from_peer++;
    } else {
        phone->files_from_server++;
    }
    count(&lane->counts.held, 1);
    struct analysis_tree *tree = find_tree(c, lane, hot, record->name);
    if (tree == NULL) {
        return;
    }
    tree->phones++;
    if (record->peer != 0) {
        tree->shared = true;
    }
    if (record->a <= SIM_DIGEST_FIRST_USE &&
        (!tree->has_digest_source || record->a > tree->digest_source)) {
        tree->digest_source = (uint8_t)record->a;
        tree->has_digest_source = true;
    }
}

/* Claims, roles, attachments and children: the shape of a tree. */
static void shape_tree(struct analysis_collect *c, struct lane *lane,
                       const struct sim_record *record)
{
    const struct hot *hot = &c->hot[record->node];
    struct analysis_tree *tree = find_tree(c, lane, hot, record->name);

    if (tree == NULL) {
        return;
    }
    if (record->kind == SIM_RECORD_ROLE) {
        if (record->a != SIM_ROLE_ROOT_WAITING && record->a != SIM_ROLE_ROOT_FETCHING) {
            return;
        }
        sim_addr addr = c->phones[record->node].addr;
        if (tree->root != addr) {
            tree->roots++;
        }
        tree->root = addr;
        tree->root_at = record->at;
    } else if (record->kind == SIM_RECORD_ATTACH && record->a > tree->depth) {
        tree->depth = record->a;
    } else if (record->kind == SIM_RECORD_CHILDREN && record->a > tree->max_children) {
        tree->max_children = record->a;
    }
    tree->shared = true;
}

static uint64_t hash_text(const char *text)
{
    return text == NULL ? 0 : sim_rng_hash(text);
}

static uint64_t hash_record(const struct sim_record *r)
{
    uint64_t h = sim_rng_mix(r->at ^ (uint64_t)r->node << 40);

    h = sim_rng_mix(h ^ (uint64_t)r->kind << 32 ^ r->peer);
    h = sim_rng_mix(h ^ r->a ^ r->b << 20);
    h = sim_rng_mix(h ^ r->c);
    h = sim_rng_mix(h ^ hash_text(r->name));
    return sim_rng_mix(h ^ hash_text(r->text));
}

static void note(struct analysis_collect *c, unsigned lane_number, const struct sim_record *record)
{
    struct lane *lane = &c->lanes[lane_number];
    struct analysis_phone *phone = &c->phones[record->node];

    switch (record->kind) {
    case SIM_RECORD_PHASE:
        enter_phase(c, record);
        if (record->a == SIM_PHASE_OFF) {
            cut_transfer(c, lane_number, record->node, record->at, ANALYSIS_TRANSFER_CUT_OFF);
            analysis_flight_forget(&c->flights[record->node]);
        }
        break;
    case SIM_RECORD_TRANSFER_BEGIN:
        begin_transfer(c, lane_number, record);
        break;
    case SIM_RECORD_TRANSFER_END:
        end_transfer(c, lane_number, record);
        break;
    case SIM_RECORD_CLAIM:
        lane->totals.claims++;
        shape_tree(c, lane, record);
        break;
    case SIM_RECORD_ROLE:
    case SIM_RECORD_ATTACH:
    case SIM_RECORD_CHILDREN:
        shape_tree(c, lane, record);
        break;
    case SIM_RECORD_HOLD:
        hold_file(c, lane, record);
        break;
    case SIM_RECORD_REJECT:
        lane->totals.rejected++;
        count(&lane->counts.rejected, 1);
        break;
    case SIM_RECORD_RESUME:
        lane->totals.resumed++;
        count(&lane->counts.resumed, 1);
        break;
    case SIM_RECORD_FALLBACK:
        lane->totals.fallbacks++;
        if (phone->fallbacks++ == 0) {
            count_of_site(c, phone, SO_FAR_FALLBACKS, 1);
        } else if (phone->fallbacks == 0) {
            phone->fallbacks = UINT16_MAX; /* it wrapped */
        }
        break;
    case SIM_RECORD_RETRY:
        phone->retries++;
        break;
    case SIM_RECORD_OUTCOME:
        end_phone(c, lane, phone, record);
        break;
    case SIM_RECORD_BACK:
        if (phone->back == SIM_NEVER) {
            count_of_site(c, phone, SO_FAR_BACKS, 1);
        }
        phone->back = record->at;
        break;
    case SIM_RECORD_DETACH:
    case SIM_RECORD_FAULT:
    case SIM_RECORD_LOG:
        break;
    }
}

void analysis_collect_write(void *context, unsigned lane_number, const struct sim_record *record)
{
    struct analysis_collect *c = context;
    static const struct analysis_phone nobody = {.outcome = ANALYSIS_OUTCOME_NONE};
    const struct analysis_phone *phone = &nobody;

    if (!c->attached) {
        return;
    }
    assert(lane_number < c->config.lanes);
    struct analysis_totals *totals = &c->lanes[lane_number].totals;
    totals->records++;
    if (c->config.hashes) {
        totals->hash += hash_record(record);
    }
    if (record->node < c->config.nodes && c->hot[record->node].is_phone) {
        if (c->config.lanes > 1) {
            c->phones[record->node].lane = (uint8_t)lane_number;
        }
        note(c, lane_number, record);
        phone = &c->phones[record->node];
    }
    if (c->config.story != NULL) {
        c->config.story(c->config.story_context, lane_number, phone, record);
    }
}

/* ---- During the run ---- */

void analysis_collect_phases(const struct analysis_collect *c, uint32_t site,
                             uint32_t phases[SIM_PHASES_LEN])
{
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        phases[i] = atomic_load_explicit(&c->phases[(size_t)site * SIM_PHASES_LEN + i],
                                         memory_order_relaxed);
    }
}

void analysis_collect_outcomes(const struct analysis_collect *c, uint32_t outcomes[4])
{
    for (unsigned i = 0; i < 4; i++) {
        uint64_t sum = 0; /* of lanes: one may have fewer than none, when a phone moved on */
        for (unsigned k = 0; k < c->config.lanes; k++) {
            sum += atomic_load_explicit(&c->lanes[k].counts.outcomes[i], memory_order_relaxed);
        }
        outcomes[i] = (uint32_t)sum;
    }
}

/* Over all lanes; `offset`: of the counter in struct counts. */
static uint64_t sum_of(const struct analysis_collect *c, size_t offset)
{
    uint64_t sum = 0;

    for (unsigned i = 0; i < c->config.lanes; i++) {
        const char *counts = (const char *)&c->lanes[i].counts;
        sum += atomic_load_explicit((const _Atomic uint64_t *)(const void *)(counts + offset),
                                    memory_order_relaxed);
    }
    return sum;
}

uint64_t analysis_collect_held(const struct analysis_collect *c)
{
    return sum_of(c, offsetof(struct counts, held));
}

uint64_t analysis_collect_wanted(const struct analysis_collect *c)
{
    return c->wanted;
}

void analysis_collect_so_far(const struct analysis_collect *c, uint32_t site,
                             struct analysis_so_far *out)
{
    const _Atomic uint32_t *row = &c->so_far[(size_t)site * SO_FAR_LEN];

    for (unsigned i = 0; i < 4; i++) {
        out->outcomes[i] = atomic_load_explicit(&row[i], memory_order_relaxed);
    }
    out->fallbacks = atomic_load_explicit(&row[SO_FAR_FALLBACKS], memory_order_relaxed);
    out->backs = atomic_load_explicit(&row[SO_FAR_BACKS], memory_order_relaxed);
}

uint64_t analysis_collect_resumed(const struct analysis_collect *c)
{
    return sum_of(c, offsetof(struct counts, resumed));
}

uint64_t analysis_collect_rejected(const struct analysis_collect *c)
{
    return sum_of(c, offsetof(struct counts, rejected));
}

uint64_t analysis_collect_copies(const struct analysis_collect *c)
{
    return sum_of(c, offsetof(struct counts, copies));
}

/* ---- Afterwards ---- */

void analysis_collect_end(struct analysis_collect *c, uint32_t first, uint32_t len, sim_time ended)
{
    for (uint32_t node = first; c->attached && node - first < len && node < c->config.nodes;
         node++) {
        cut_transfer(c, c->phones[node].lane, node, ended, ANALYSIS_TRANSFER_UNFINISHED);
        c->phones[node].phase = c->hot[node].phase;
    }
}

void analysis_collect_close(struct analysis_collect *c, sim_time ended)
{
    analysis_collect_end(c, 0, c->config.nodes, ended);
    c->attached = false;
}

uint64_t analysis_collect_memory(uint64_t phones, uint64_t sites)
{
    return phones * (sizeof(struct analysis_phone) + sizeof(struct analysis_flight) +
                     sizeof(struct hot)) +
           sites * (SIM_PHASES_LEN + SO_FAR_LEN) * sizeof(uint32_t);
}

uint32_t analysis_collect_nodes(const struct analysis_collect *c)
{
    return c->config.nodes;
}

uint32_t analysis_collect_phones(const struct analysis_collect *c)
{
    return c->phones_len;
}

const struct analysis_phone *analysis_collect_phone(const struct analysis_collect *c, sim_node node)
{
    assert(node < c->config.nodes);
    return &c->phones[node];
}

const char *analysis_collect_reason(const struct analysis_collect *c,
                                    const struct analysis_phone *phone)
{
    return phone->reason == 0 ? "" : c->lanes[phone->lane].reasons[phone->reason - 1];
}

static void add_totals(struct analysis_totals *sum, const struct analysis_totals *t)
{
    sum->peer_transfers += t->peer_transfers;
    sum->server_transfers += t->server_transfers;
    sum->resumed += t->resumed;
    sum->rejected += t->rejected;
    sum->fallbacks += t->fallbacks;
    sum->claims += t->claims;
    sum->records += t->records;
    sum->hash += t->hash;
}

void analysis_collect_totals(const struct analysis_collect *c, struct analysis_totals *out)
{
    struct analysis_totals sum = {0};

    for (unsigned i = 0; i < c->config.lanes; i++) {
        add_totals(&sum, &c->lanes[i].totals);
    }
    *out = sum;
}

static int compare_trees(const void *a, const void *b)
{
    const struct analysis_tree *x = *(const struct analysis_tree *const *)a;
    const struct analysis_tree *y = *(const struct analysis_tree *const *)b;

    return x->key < y->key ? -1 : x->key > y->key;
}

int analysis_collect_trees(const struct analysis_collect *c,
                           void (*each)(void *context, const struct analysis_tree *tree),
                           void *context)
{
    size_t len = 0;
    bool whole = true;

    for (unsigned i = 0; i < c->config.lanes; i++) {
        len += c->lanes[i].forest.len;
        whole = whole && !c->lanes[i].out_of_memory && !c->lanes[i].durations.out_of_memory;
    }
    const struct analysis_tree **sorted = malloc((len + 1) * sizeof(const struct analysis_tree *));
    if (sorted == NULL || !whole) {
        free(sorted);
        return SIM_ENOMEM;
    }
    size_t at = 0;
    for (unsigned i = 0; i < c->config.lanes; i++) {
        const struct analysis_forest *f = &c->lanes[i].forest;
        for (size_t k = 0; k < f->cap; k++) {
            if (f->slots[k].key != 0) {
                sorted[at++] = &f->slots[k];
            }
        }
    }
    assert(at == len);
    qsort(sorted, len, sizeof(sorted[0]), compare_trees);
    for (size_t i = 0; i < len; i++) {
        each(context, sorted[i]);
    }
    free(sorted);
    return 0;
}

const char *analysis_collect_file(const struct analysis_collect *c, uint16_t file)
{
    assert(file < c->names.len);
    return c->names.names[file];
}

bool analysis_collect_find_file(const struct analysis_collect *c, const char *name, uint16_t *out)
{
    return analysis_names_find(&c->names, NULL, name, out);
}

uint64_t analysis_collect_file_size(const struct analysis_collect *c, uint16_t firmware,
                                    uint16_t file)
{
    assert(firmware < c->config.scenario->firmware_len && file < c->names.len);
    return c->sizes[firmware * c->names.len + file];
}

void analysis_collect_durations(const struct analysis_collect *c, uint16_t firmware, uint16_t file,
                                enum analysis_via via, struct analysis_stats *into)
{
    assert(firmware < c->config.scenario->firmware_len && file < c->names.len);
    for (unsigned i = 0; i < c->config.lanes; i++) {
        const struct analysis_stats *found =
            analysis_durations_find(&c->lanes[i].durations, firmware * c->names.len + file, via);
        if (found != NULL) {
            analysis_stats_merge(into, found);
        }
    }
}

/* ---- Instead of records ---- */

struct analysis_phone *analysis_collect_restore_phone(struct analysis_collect *c, sim_node node)
{
    assert(node < c->config.nodes && c->phones[node].is_phone);
    return &c->phones[node];
}

uint32_t analysis_collect_restore_reason(struct analysis_collect *c, const char *text)
{
    return intern_reason(&c->lanes[0], text);
}

unsigned analysis_collect_lanes(const struct analysis_collect *c)
{
    return c->config.lanes;
}

uint32_t analysis_collect_reasons(const struct analysis_collect *c, unsigned lane)
{
    assert(lane < c->config.lanes);
    return c->lanes[lane].reasons_len;
}

const char *analysis_collect_reason_text(const struct analysis_collect *c, unsigned lane,
                                         uint32_t reason)
{
    assert(lane < c->config.lanes && reason > 0 && reason <= c->lanes[lane].reasons_len);
    return c->lanes[lane].reasons[reason - 1];
}

bool analysis_collect_has_file(const struct analysis_collect *c, uint64_t firmware, uint64_t file)
{
    return firmware < c->config.scenario->firmware_len && file < c->names.len;
}

struct analysis_tree *analysis_collect_restore_tree(struct analysis_collect *c, uint64_t key)
{
    return analysis_forest_get(&c->lanes[0].forest, key);
}

struct analysis_stats *analysis_collect_restore_durations(struct analysis_collect *c,
                                                          uint16_t firmware, uint16_t file,
                                                          enum analysis_via via)
{
    assert(analysis_collect_has_file(c, firmware, file));
    return analysis_durations_of(&c->lanes[0].durations, firmware * c->names.len + file, via);
}

void analysis_collect_restore_totals(struct analysis_collect *c,
                                     const struct analysis_totals *totals)
{
    add_totals(&c->lanes[0].totals, totals);
}
