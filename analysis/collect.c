/* analysis/collect.c -- records to phones, trees and sums; one door, one case a kind. */
#include "analysis/collect.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/flight.h"
#include "sim/err.h"
#include "sim/rng.h"

struct lane {
    struct analysis_totals totals;
    struct analysis_forest forest;
    char **reasons; /* owned; reason number n is reasons[n - 1] */
    uint32_t reasons_len;
    bool out_of_memory;
};

struct analysis_collect {
    struct analysis_collect_config config;
    bool attached;
    struct analysis_phone *phones;   /* by node */
    struct analysis_flight *flights; /* by node */
    uint32_t phones_len;
    char **files; /* names of all firmware files, sorted, without folders; owned */
    size_t files_len;
    uint64_t wanted;
    struct lane *lanes;
    _Atomic uint32_t *phases; /* [site][phase] */
    _Atomic uint32_t outcomes[4];
    _Atomic uint64_t held;
    _Atomic uint32_t *so_far; /* [site][SO_FAR_LEN] */
    _Atomic uint64_t resumed, rejected, copies;
};

enum { SO_FAR_FALLBACKS = 4, SO_FAR_BACKS, SO_FAR_LEN }; /* before them outcomes */

static const char other_reasons[] = "other reasons";

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
    }
    for (size_t i = 0; i < c->files_len; i++) {
        free(c->files[i]);
    }
    free(c->files);
    free(c->lanes);
    free(c->phases);
    free(c->so_far);
    free(c->flights);
    free(c->phones);
    free(c);
}

/* ---- Attaching ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The last part of a path: records may say "/dnld/x" or "firmware/x" for the scenario's "x". */
static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int add_name(struct analysis_collect *c, const char *name, const char *suffix)
{
    size_t size = strlen(name) + strlen(suffix) + 1;
    char *copy = malloc(size);

    if (copy == NULL) {
        return SIM_ENOMEM;
    }
    snprintf(copy, size, "%s%s", name, suffix);
    c->files[c->files_len++] = copy;
    return 0;
}

/* Every firmware file of the scenario: components, indexes, and loads (what a per-load tree is
 * called). */
static int gather_names(struct analysis_collect *c)
{
    const struct scenario *s = c->config.scenario;
    size_t most = 0;

    for (size_t i = 0; i < s->firmware_len; i++) {
        most += s->firmware[i].files_len + 2;
    }
    if ((c->files = calloc(most + 1, sizeof(c->files[0]))) == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < s->firmware_len; i++) {
        const struct scenario_firmware *f = &s->firmware[i];
        int rc = add_name(c, f->load, "");
        if (rc == 0) {
            rc = add_name(c, f->load, ".loads");
        }
        for (size_t k = 0; rc == 0 && k < f->files_len; k++) {
            rc = add_name(c, base_name(f->files[k].name), "");
        }
        if (rc != 0) {
            return rc;
        }
    }
    qsort(c->files, c->files_len, sizeof(c->files[0]), compare_names);
    size_t kept = 0;
    for (size_t i = 0; i < c->files_len; i++) {
        if (kept > 0 && strcmp(c->files[kept - 1], c->files[i]) == 0) {
            free(c->files[i]);
        } else {
            c->files[kept++] = c->files[i];
        }
    }
    c->files_len = kept;
    return kept > UINT16_MAX ? SIM_EINVAL : 0;
}

static int add_phone(struct analysis_collect *c, sim_node node,
                     const struct scenario_phone_info *info, sim_time start)
{
    const struct scenario *s = c->config.scenario;
    struct analysis_phone *phone = &c->phones[node];

    for (size_t i = 0; i < s->firmware_len && i < UINT16_MAX; i++) {
        if (strcmp(s->firmware[i].model, info->model) == 0 && info->site < s->sites_total) {
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
    c->phases =
        calloc((size_t)config->scenario->sites_total * SIM_PHASES_LEN + 1, sizeof(c->phases[0]));
    c->so_far =
        calloc((size_t)config->scenario->sites_total * SO_FAR_LEN + 1, sizeof(c->so_far[0]));
    c->flights = calloc((size_t)config->nodes + 1, sizeof(c->flights[0]));
    if (c->lanes == NULL || c->phones == NULL || c->flights == NULL || c->phases == NULL ||
        c->so_far == NULL) {
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

static bool find_file(const struct analysis_collect *c, const char *name, uint16_t *out)
{
    if (name == NULL) {
        return false;
    }
    const char *base = base_name(name);
    char **found = bsearch(&base, c->files, c->files_len, sizeof(c->files[0]), compare_names);
    if (found == NULL) {
        return false;
    }
    *out = (uint16_t)(found - c->files);
    return true;
}

/* NULL: not a firmware file, or out of memory. */
static struct analysis_tree *find_tree(struct analysis_collect *c, struct lane *lane,
                                       const struct analysis_phone *phone, const char *name)
{
    uint16_t file;

    if (!find_file(c, name, &file)) {
        return NULL;
    }
    struct analysis_tree *tree =
        analysis_forest_get(&lane->forest, analysis_tree_key(phone->site, phone->firmware, file));
    if (tree == NULL) {
        lane->out_of_memory = true;
    }
    return tree;
}

static void count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

static void count_of_site(struct analysis_collect *c, const struct analysis_phone *phone,
                          unsigned what, uint32_t change)
{
    atomic_fetch_add_explicit(&c->so_far[(size_t)phone->site * SO_FAR_LEN + what], change,
                              memory_order_relaxed);
}

static uint32_t intern_reason(struct lane *lane, const char *text)
{
    for (uint32_t i = 0; i < lane->reasons_len; i++) {
        if (strcmp(lane->reasons[i], text) == 0) {
            return i + 1;
        }
    }
    if (lane->reasons == NULL &&
        (lane->reasons = calloc(ANALYSIS_REASONS_MAX, sizeof(char *))) == NULL) {
        return 0;
    }
    if (lane->reasons_len == ANALYSIS_REASONS_MAX) {
        return ANALYSIS_REASONS_MAX;
    }
    bool last = lane->reasons_len == ANALYSIS_REASONS_MAX - 1;
    char *copy = strdup(last ? other_reasons : text);
    if (copy == NULL) {
        return 0;
    }
    lane->reasons[lane->reasons_len++] = copy;
    return lane->reasons_len;
}

static void enter_phase(struct analysis_collect *c, struct analysis_phone *phone,
                        const struct sim_record *record)
{
    if (record->a >= SIM_PHASES_LEN) {
        return;
    }
    _Atomic uint32_t *row = &c->phases[(size_t)phone->site * SIM_PHASES_LEN];
    atomic_fetch_sub_explicit(&row[phone->phase], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&row[record->a], 1, memory_order_relaxed);
    bool configuring = phone->phase == SIM_PHASE_CONFIGURE;
    phone->phase = (uint8_t)record->a;
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
        atomic_fetch_sub_explicit(&c->outcomes[phone->outcome], 1, memory_order_relaxed);
        count_of_site(c, phone, phone->outcome, UINT32_MAX); /* one less */
    }
    count_of_site(c, phone, record->a, 1);
    atomic_fetch_add_explicit(&c->outcomes[record->a], 1, memory_order_relaxed);
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
                                                .name = c->files[flight->file]});
    }
}

static void begin_transfer(struct analysis_collect *c, unsigned lane_number,
                           const struct sim_record *record)
{
    uint16_t file;

    if (find_file(c, record->name, &file)) {
        cut_transfer(c, lane_number, record->node, record->at, ANALYSIS_TRANSFER_CUT_OFF);
        analysis_flight_begin(&c->flights[record->node], file, record);
    }
}

/* Of a component; 0 when the scenario does not know (an index). */
static uint64_t size_of(const struct analysis_collect *c, const struct analysis_phone *phone,
                        const char *name)
{
    const struct scenario_firmware *f = &c->config.scenario->firmware[phone->firmware];

    for (size_t i = 0; i < f->files_len; i++) {
        if (strcmp(base_name(f->files[i].name), base_name(name)) == 0) {
            return f->files[i].size;
        }
    }
    return 0;
}

static void end_transfer(struct analysis_collect *c, unsigned lane_number,
                         const struct analysis_phone *phone, const struct sim_record *record)
{
    struct lane *lane = &c->lanes[lane_number];
    uint16_t file;

    if (find_file(c, record->name, &file)) {
        if (record->a == 0) {
            lane->totals.peer_transfers += record->peer != 0;
            lane->totals.server_transfers += record->peer == 0;
        }
        uint64_t size = size_of(c, phone, record->name);
        if (analysis_flight_end(&c->flights[record->node], file, size, record)) {
            count(&c->copies);
            struct analysis_tree *tree = find_tree(c, lane, phone, record->name);
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

static void hold_file(struct analysis_collect *c, struct lane *lane, struct analysis_phone *phone,
                      const struct sim_record *record)
{
    if (record->peer != 0) {
        phone->files_from_peer++;
    } else {
        phone->files_from_server++;
    }
    count(&c->held);
    struct analysis_tree *tree = find_tree(c, lane, phone, record->name);
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
                       const struct analysis_phone *phone, const struct sim_record *record)
{
    struct analysis_tree *tree = find_tree(c, lane, phone, record->name);

    if (tree == NULL) {
        return;
    }
    if (record->kind == SIM_RECORD_ROLE) {
        if (record->a != SIM_ROLE_ROOT_WAITING && record->a != SIM_ROLE_ROOT_FETCHING) {
            return;
        }
        if (tree->root != phone->addr) {
            tree->roots++;
        }
        tree->root = phone->addr;
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

static void note(struct analysis_collect *c, unsigned lane_number, struct analysis_phone *phone,
                 const struct sim_record *record)
{
    struct lane *lane = &c->lanes[lane_number];

    switch (record->kind) {
    case SIM_RECORD_PHASE:
        enter_phase(c, phone, record);
        if (record->a == SIM_PHASE_OFF) {
            cut_transfer(c, lane_number, record->node, record->at, ANALYSIS_TRANSFER_CUT_OFF);
            analysis_flight_forget(&c->flights[record->node]);
        }
        break;
    case SIM_RECORD_TRANSFER_BEGIN:
        begin_transfer(c, lane_number, record);
        break;
    case SIM_RECORD_TRANSFER_END:
        end_transfer(c, lane_number, phone, record);
        break;
    case SIM_RECORD_CLAIM:
        lane->totals.claims++;
        shape_tree(c, lane, phone, record);
        break;
    case SIM_RECORD_ROLE:
    case SIM_RECORD_ATTACH:
    case SIM_RECORD_CHILDREN:
        shape_tree(c, lane, phone, record);
        break;
    case SIM_RECORD_HOLD:
        hold_file(c, lane, phone, record);
        break;
    case SIM_RECORD_REJECT:
        lane->totals.rejected++;
        count(&c->rejected);
        break;
    case SIM_RECORD_RESUME:
        lane->totals.resumed++;
        count(&c->resumed);
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
    totals->hash += hash_record(record);
    if (record->node < c->config.nodes && c->phones[record->node].is_phone) {
        c->phones[record->node].lane = (uint8_t)lane_number;
        note(c, lane_number, &c->phones[record->node], record);
        phone = &c->phones[record->node];
    }
    if (c->config.story != NULL) {
        c->config.story(c->config.story_context, phone, record);
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
        outcomes[i] = atomic_load_explicit(&c->outcomes[i], memory_order_relaxed);
    }
}

uint64_t analysis_collect_held(const struct analysis_collect *c)
{
    return atomic_load_explicit(&c->held, memory_order_relaxed);
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
    return atomic_load_explicit(&c->resumed, memory_order_relaxed);
}

uint64_t analysis_collect_rejected(const struct analysis_collect *c)
{
    return atomic_load_explicit(&c->rejected, memory_order_relaxed);
}

uint64_t analysis_collect_copies(const struct analysis_collect *c)
{
    return atomic_load_explicit(&c->copies, memory_order_relaxed);
}

/* ---- Afterwards ---- */

void analysis_collect_close(struct analysis_collect *c, sim_time ended)
{
    for (uint32_t node = 0; c->attached && node < c->config.nodes; node++) {
        cut_transfer(c, c->phones[node].lane, node, ended, ANALYSIS_TRANSFER_UNFINISHED);
    }
    c->attached = false;
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

void analysis_collect_totals(const struct analysis_collect *c, struct analysis_totals *out)
{
    struct analysis_totals sum = {0};

    for (unsigned i = 0; i < c->config.lanes; i++) {
        const struct analysis_totals *t = &c->lanes[i].totals;
        sum.peer_transfers += t->peer_transfers;
        sum.server_transfers += t->server_transfers;
        sum.resumed += t->resumed;
        sum.rejected += t->rejected;
        sum.fallbacks += t->fallbacks;
        sum.claims += t->claims;
        sum.records += t->records;
        sum.hash += t->hash;
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
        whole = whole && !c->lanes[i].out_of_memory;
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
    assert(file < c->files_len);
    return c->files[file];
}
