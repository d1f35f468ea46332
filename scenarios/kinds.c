/* scenarios/kinds.c -- see kinds.h. */
#include "scenarios/kinds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/macs.h"
#include "sim/err.h"

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct manifest_file *)a)->name, ((const struct manifest_file *)b)->name);
}

static const struct scenario_file *listed_file(const struct scenario *s, const char *name,
                                               bool *is_real)
{
    for (size_t i = 0; i < s->firmware_len; i++) {
        for (size_t f = 0; f < s->firmware[i].files_len; f++) {
            if (strcmp(s->firmware[i].files[f].name, name) == 0) {
                *is_real = s->firmware[i].directory != NULL;
                return &s->firmware[i].files[f];
            }
        }
    }
    return NULL;
}

/* Which digest a file must have, and how we know: see "Digests" in phones/pfs/PROTOCOL.md. The
 * index of a server that is not ours is its own: it is trusted on first use. */
static void expect(struct manifest_file *file, const struct scenario *s,
                   struct sim_catalog *catalog, const struct sim_content *content)
{
    bool is_real = false;
    const struct scenario_file *listed = listed_file(s, content->name, &is_real);
    file->name = content->name;
    file->size = content->size;
    if (listed != NULL && listed->has_sha256) {
        file->has_digest = true;
        file->digest = listed->sha256;
        file->source = SIM_DIGEST_SCENARIO;
        return;
    }
    bool is_made_index = listed == NULL && content->kind == SIM_CONTENT_MEMORY;
    if (is_made_index && s->server_url != NULL) {
        file->source = SIM_DIGEST_FIRST_USE;
        return;
    }
    file->has_digest = sim_catalog_digest(catalog, content, &file->digest) == 0;
    file->source = content->kind == SIM_CONTENT_FILE ? SIM_DIGEST_DIRECTORY : SIM_DIGEST_SYNTHETIC;
}

static int make_manifest(struct scenario_kinds *k, const struct scenario *s,
                         struct sim_catalog *catalog)
{
    size_t count = sim_catalog_count(catalog);
    k->files = calloc(count + 1, sizeof(*k->files));
    if (k->files == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        const struct sim_content *content = sim_catalog_at(catalog, i);
        if (content->is_firmware) {
            expect(&k->files[k->manifest.len++], s, catalog, content);
        }
    }
    qsort(k->files, k->manifest.len, sizeof(*k->files), by_name);
    k->manifest.files = k->files;
    return 0;
}

static int list_names(struct scenario_kinds *k, const struct scenario *s)
{
    k->names = calloc(s->firmware_len + 1, sizeof(*k->names));
    if (k->names == NULL) {
        return SIM_ENOMEM;
    }
    k->names_len = s->firmware_len;
    for (size_t i = 0; i < s->firmware_len; i++) {
        k->names[i] = calloc(s->firmware[i].files_len + 1, sizeof(**k->names));
        if (k->names[i] == NULL) {
            return SIM_ENOMEM;
        }
        for (size_t f = 0; f < s->firmware[i].files_len; f++) {
            k->names[i][f] = s->firmware[i].files[f].name;
        }
    }
    return 0;
}

/* What the site says, else the scenario, else the scheme of its server, else what the system does
 * by itself: `cucm` tries HTTP once, then TFTP (facts in the README); `bare` takes HTTP. */
static void choose_protocols(struct fetcher_policy *policy, const struct scenario *s,
                             const struct scenario_site *site, enum scenario_system system)
{
    if (site->has_protocol) {
        policy->protocols[policy->protocols_len++] = site->protocol;
    } else if (s->server_protocols_given) {
        memcpy(policy->protocols, s->protocols, sizeof(policy->protocols));
        policy->protocols_len = (uint32_t)s->protocols_len;
    } else if (s->server_url != NULL && strncmp(s->server_url, "https:", 6) == 0) {
        policy->protocols[policy->protocols_len++] = SIM_PROTOCOL_HTTPS;
    } else if (s->server_url != NULL && strncmp(s->server_url, "http:", 5) == 0) {
        policy->protocols[policy->protocols_len++] = SIM_PROTOCOL_HTTP;
    } else if (s->server_url != NULL) {
        policy->protocols[policy->protocols_len++] = SIM_PROTOCOL_TFTP;
    } else {
        policy->protocols[policy->protocols_len++] = SIM_PROTOCOL_HTTP;
        if (system == SCENARIO_CUCM) {
            policy->protocols[policy->protocols_len++] = SIM_PROTOCOL_TFTP;
        }
    }
}

enum sim_protocol scenario_kinds_protocol(const struct scenario *s,
                                          const struct scenario_site *site,
                                          enum scenario_system system)
{
    struct fetcher_policy policy = {.protocols_len = 0};

    choose_protocols(&policy, s, site, system);
    return policy.protocols[0];
}

static void make_kind(struct scenario_kinds *k, const struct scenario *s,
                      enum scenario_method method, const struct scenario_site *site,
                      const struct scenario_phones *entry, bool shares, struct phone_kind *out)
{
    const struct scenario_firmware *fw = &s->firmware[entry->firmware];
    *out = (struct phone_kind){
        .system = entry->system == SCENARIO_BARE ? PHONE_BARE : PHONE_CUCM,
        .model = fw->model,
        .load = fw->load,
        .running = entry->running != NULL ? entry->running : "",
        .files = k->names[entry->firmware],
        .files_len = (uint32_t)fw->files_len,
        .method_shares = method == SCENARIO_PFS,
        .shares = shares,
        .place = method == SCENARIO_LOAD_SERVER ||
                         (entry->load_server != NULL && entry->load_server[0] != '\0')
                     ? SIM_SERVER_LAN
                     : SIM_SERVER_WAN,
        .boot = entry->boot,
        .apply = entry->apply,
        .reboot = entry->reboot,
        .policy = {.timeout = s->server.timeout, .retries = s->server.retries},
        .pfs = s->pfs,
        .manifest = &k->manifest,
    };
    choose_protocols(&out->policy, s, site, entry->system);
}

int scenario_kinds_init(struct scenario_kinds *k, const struct scenario *s,
                        enum scenario_method method, struct sim_catalog *catalog)
{
    *k = (struct scenario_kinds){.kinds = NULL};
    size_t entries = 0;
    for (size_t i = 0; i < s->sites_len; i++) {
        entries += s->sites[i].phones_len;
    }
    k->kinds = calloc(2 * entries + 1, sizeof(*k->kinds));
    k->entries = calloc(entries + 1, sizeof(*k->entries));
    if (k->kinds == NULL || k->entries == NULL) {
        return SIM_ENOMEM;
    }
    int rc = make_manifest(k, s, catalog);
    if (rc == 0) {
        rc = list_names(k, s);
    }
    for (size_t i = 0; rc == 0 && i < s->sites_len; i++) {
        for (size_t e = 0; e < s->sites[i].phones_len; e++) {
            const struct scenario_phones *entry = &s->sites[i].phones[e];
            k->entries[k->entries_len++] = entry;
            make_kind(k, s, method, &s->sites[i], entry, false, &k->kinds[k->kinds_len++]);
            make_kind(k, s, method, &s->sites[i], entry, true, &k->kinds[k->kinds_len++]);
        }
    }
    return rc;
}

void scenario_kinds_deinit(struct scenario_kinds *k)
{
    for (size_t i = 0; k->names != NULL && i < k->names_len; i++) {
        free((void *)k->names[i]);
    }
    free((void *)k->names);
    free((void *)k->entries);
    free(k->kinds);
    free(k->files);
    free(k->ca_file);
    *k = (struct scenario_kinds){.kinds = NULL};
}

const struct phone_kind *scenario_kinds_find(const struct scenario_kinds *k,
                                             const struct scenario_phones *entry, uint32_t within)
{
    for (size_t i = 0; i < k->entries_len; i++) {
        if (k->entries[i] == entry) {
            return &k->kinds[2 * i + (scenario_phone_shares(entry, within) ? 1 : 0)];
        }
    }
    assert(false && "the entry is not of this scenario");
    return NULL;
}
