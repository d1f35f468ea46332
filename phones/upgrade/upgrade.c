/* phones/upgrade/upgrade.c -- see upgrade.h. */
#include "phones/upgrade/upgrade.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/provisioning/loads.h"
#include "phones/upgrade/index.h"

enum {
    UPGRADE_INDEX_MAX = 64 * 1024, /* bytes of a .loads; real ones have 650 to 1,206 */
};

void upgrade_init(struct upgrade *u, struct sim_world *world, sim_node node,
                  struct fetcher *fetcher)
{
    *u = (struct upgrade){
        .world = world,
        .node = node,
        .fetcher = fetcher,
        .state = UPGRADE_IDLE,
    };
}

static void drop_file(struct upgrade *u)
{
    sim_world_file_free(u->world, u->file);
    u->file = 0;
}

void upgrade_reset(struct upgrade *u)
{
    if (u->state == UPGRADE_EXPECT_SERVER || u->is_root_fetch) {
        fetcher_cancel(u->fetcher);
    }
    drop_file(u);
    free(u->parsed);
    upgrade_init(u, u->world, u->node, u->fetcher);
}

static const char *current_name(const struct upgrade *u)
{
    if (u->next == 0) {
        return u->index;
    }
    return u->parsed != NULL ? u->parsed->names[u->next - 1] : u->listed[u->next - 1];
}

static void record(struct upgrade *u, sim_time now, enum sim_record_kind kind, uint32_t a,
                   uint64_t b, const char *text)
{
    sim_world_record(u->world, &(struct sim_record){.at = now,
                                                    .node = u->node,
                                                    .kind = kind,
                                                    .name = current_name(u),
                                                    .a = a,
                                                    .b = b,
                                                    .text = text});
}

static void fail(struct upgrade *u, const char *reason)
{
    snprintf(u->reason, sizeof(u->reason), "%s", reason);
    drop_file(u);
    u->state = UPGRADE_FAILED;
}

/* By ourselves, into u->file (made when 0). */
static void fetch_alone(struct upgrade *u, sim_time now)
{
    const char *name = current_name(u);
    const struct manifest_file *known = manifest_find(u->config.manifest, name);
    struct fetcher_job job = {
        .name = name,
        .place = u->config.place,
        .is_firmware = true,
        .has_digest = known != NULL && known->has_digest,
    };
    if (job.has_digest) {
        job.digest = known->digest;
    }
    if (u->file == 0) {
        u->file = sim_world_file_new(u->world, u->node, name);
    }
    job.file = u->file;
    if (job.file == 0) {
        fail(u, "out of memory for a copy");
        return;
    }
    record(u, now, SIM_RECORD_PHASE, SIM_PHASE_FETCH_SERVER, 0, NULL);
    u->state = UPGRADE_EXPECT_SERVER;
    u->is_root_fetch = false;
    fetcher_start(u->fetcher, now, &job);
    if (u->fetcher->state == FETCHER_FAILED) {
        fail(u, u->fetcher->reason);
    }
}

/* The index's line for the current file, where it carries size and MD5 and nothing better is known;
 * else NULL. */
static const struct upgrade_sum *index_line(const struct upgrade *u)
{
    return u->parsed == NULL || u->next == 0 ? NULL : upgrade_index_sum(u->parsed, u->next - 1);
}

static void want(struct upgrade *u, struct pfs_want *out)
{
    const struct manifest_file *known = manifest_find(u->config.manifest, current_name(u));
    *out = (struct pfs_want){
        .path = current_name(u),
        .group = u->index[0] != '\0' ? u->index : u->config.group,
        .more = u->next < u->files_len || u->next == 0,
        .digest_source = SIM_DIGEST_FIRST_USE,
    };
    if (out->group != NULL && out->group[0] == '\0') {
        out->group = NULL;
    }
    if (known != NULL) {
        out->size = known->size;
    }
    if (known != NULL && known->has_digest) {
        out->has_digest = true;
        out->digest = known->digest;
        out->digest_source = known->source;
    } else if (index_line(u) != NULL) {
        const struct upgrade_sum *line = index_line(u);
        out->digest_source = SIM_DIGEST_LOADS;
        out->has_md5 = true;
        out->size = line->size;
        memcpy(out->md5, line->md5, sizeof(out->md5));
    }
}

static void begin_file(struct upgrade *u, sim_time now)
{
    u->tried_anew = false;
    if (u->config.pfs == NULL) {
        fetch_alone(u, now);
        return;
    }
    struct pfs_want w;
    want(u, &w);
    u->state = UPGRADE_EXPECT_PEERS;
    pfs_want(u->config.pfs, now, &w);
}

static void next_file(struct upgrade *u, sim_time now)
{
    if (u->next == u->files_len) {
        u->state = UPGRADE_DONE;
        return;
    }
    u->next++;
    begin_file(u, now);
}

void upgrade_start_load(struct upgrade *u, sim_time now, const struct upgrade_config *config,
                        const char *load)
{
    assert(u->state == UPGRADE_IDLE);
    u->config = *config;
    snprintf(u->index, sizeof(u->index), "%s.loads", load);
    u->next = 0;
    begin_file(u, now);
}

void upgrade_start_files(struct upgrade *u, sim_time now, const struct upgrade_config *config,
                         const char *const *names, uint32_t len)
{
    assert(u->state == UPGRADE_IDLE);
    u->config = *config;
    u->listed = names;
    u->files_len = len;
    next_file(u, now);
}

/* Reads the index out of a sealed copy. 0 or SIM_EPROTO. */
static int read_index(struct upgrade *u, sim_file file)
{
    uint64_t size = sim_world_file_size(u->world, file);
    if (size == 0 || size > UPGRADE_INDEX_MAX) {
        return SIM_EPROTO;
    }
    uint8_t *bytes = malloc((size_t)size);
    struct loads *loads = malloc(sizeof(*loads));
    int rc = bytes == NULL || loads == NULL ? SIM_ENOMEM : 0;
    if (rc == 0 && sim_world_file_read(u->world, file, 0, bytes, (size_t)size) != size) {
        rc = SIM_EIO;
    }
    if (rc == 0) {
        rc = loads_parse(bytes, (size_t)size, loads);
    }
    free(bytes);
    if (rc == 0) {
        u->parsed = upgrade_index_new(loads, u->config.manifest);
        u->files_len = u->parsed != NULL ? u->parsed->len : 0;
        rc = u->parsed != NULL ? 0 : SIM_ENOMEM;
    }
    free(loads);
    return rc;
}

/* The current file is there, sealed, in `file` (borrowed). */
static void file_is_here(struct upgrade *u, sim_time now, sim_file file)
{
    char reason[FETCHER_REASON_MAX];
    if (u->next == 0) {
        int rc = read_index(u, file);
        if (rc != 0) {
            snprintf(reason, sizeof(reason), "%.200s: not a firmware index", u->index);
            fail(u, reason);
            return;
        }
    }
    next_file(u, now);
}

/* A copy that the server gave and that is not what it should be: once more from the start, then the
 * end. */
static void wrong_copy(struct upgrade *u, sim_time now, const char *reason)
{
    if (u->tried_anew) {
        fail(u, reason);
        return;
    }
    u->tried_anew = true;
    drop_file(u);
    fetch_alone(u, now);
}

/* Our own fetch came to its good end: seal, check, say so, keep it only where peers may want it. */
static void own_fetch_ended(struct upgrade *u, sim_time now)
{
    char reason[FETCHER_REASON_MAX];
    sim_file file = u->file;
    struct pfs_want w;
    want(u, &w);
    if (u->config.pfs != NULL || u->next == 0 || w.has_md5) {
        int rc = sim_world_file_seal(u->world, file);
        if (rc != 0) {
            snprintf(reason, sizeof(reason), "%.200s: %s", current_name(u), sim_err_text(rc));
            fail(u, reason);
            return;
        }
    }
    if (w.has_md5 && !verify_md5(u->world, file, w.size, w.md5)) {
        snprintf(reason, sizeof(reason), "%.200s: size or MD5 differs from the index",
                 current_name(u));
        record(u, now, SIM_RECORD_REJECT, 0, 0, reason);
        wrong_copy(u, now, reason);
        return;
    }
    u->from_server++;
    record(u, now, SIM_RECORD_HOLD, (uint32_t)w.digest_source, sim_world_file_size(u->world, file),
           NULL);
    u->file = 0;
    if (u->config.pfs != NULL) {
        pfs_hold(u->config.pfs, now, &w, file);
        file_is_here(u, now, file);
        return;
    }
    file_is_here(u, now, file);
    sim_world_file_free(u->world, file);
}

void upgrade_fetch_done(struct upgrade *u, sim_time now, const struct sim_fetch_result *result)
{
    struct fetcher *f = u->fetcher;
    (void)result;
    if (f->state != FETCHER_DONE && f->state != FETCHER_FAILED) {
        if (u->is_root_fetch) {
            pfs_fetch_retries(u->config.pfs, now, f->reason);
        }
        return; /* it tries again by itself */
    }
    bool is_good = f->state == FETCHER_DONE;
    if (u->is_root_fetch) {
        u->is_root_fetch = false;
        pfs_fetch_done(u->config.pfs, now, is_good ? 0 : f->status, f->reason);
        return;
    }
    if (u->state != UPGRADE_EXPECT_SERVER) {
        return;
    }
    if (is_good) {
        own_fetch_ended(u, now);
        return;
    }
    if (f->status == SIM_EDIGEST) {
        wrong_copy(u, now, f->reason);
        return;
    }
    fail(u, f->reason);
}

static void fetch_as_root(struct upgrade *u, sim_time now, const struct pfs_event *event)
{
    struct fetcher_job job = {
        .name = current_name(u),
        .place = u->config.place,
        .is_firmware = true,
        .file = event->file,
        .notify_every = event->notify_every,
    };
    record(u, now, SIM_RECORD_PHASE, SIM_PHASE_FETCH_SERVER, 0, NULL);
    u->is_root_fetch = true;
    fetcher_start(u->fetcher, now, &job);
    if (u->fetcher->state == FETCHER_FAILED) {
        u->is_root_fetch = false;
        pfs_fetch_done(u->config.pfs, now, u->fetcher->status, u->fetcher->reason);
    }
}

void upgrade_pfs_event(struct upgrade *u, sim_time now, const struct pfs_event *event)
{
    switch (event->kind) {
    case PFS_EVENT_FETCH:
        fetch_as_root(u, now, event);
        return;
    case PFS_EVENT_STOP_FETCH:
        if (u->is_root_fetch) {
            u->is_root_fetch = false;
            fetcher_cancel_at(u->fetcher, event->bytes);
        }
        return;
    case PFS_EVENT_GOT:
        if (u->state != UPGRADE_EXPECT_PEERS) {
            return;
        }
        if (event->peer != 0) {
            u->from_peer++;
        } else {
            u->from_server++;
        }
        file_is_here(u, now, event->file);
        return;
    case PFS_EVENT_FALLBACK:
        if (u->state != UPGRADE_EXPECT_PEERS) {
            return;
        }
        record(u, now, SIM_RECORD_FALLBACK, 0, 0, event->text);
        u->file = event->file;
        fetch_alone(u, now);
        return;
    case PFS_EVENT_FAILED:
        if (u->state == UPGRADE_EXPECT_PEERS) {
            fail(u, event->text);
        }
        return;
    }
}
