/* analysis/shard.c -- writes shard.txt; see shard.h, and shard_inner.h for the format. */
#include "analysis/shard.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "analysis/shard_inner.h"
#include "sim/err.h"

enum { BUFFER_BYTES = 64 << 10 };

struct analysis_shard_writer {
    struct analysis_output *to;
    const char *dir; /* borrowed */
    uint32_t crc;    /* of what has left the buffer */
    sim_time end;    /* of the last transfer */
    size_t len;
    char bytes[BUFFER_BYTES];
};

/* ---- Words and numbers ---- */

static void flush(struct analysis_shard_writer *w)
{
    w->crc = (uint32_t)crc32(w->crc, (const Bytef *)w->bytes, (uInt)w->len);
    analysis_output_write(w->to, w->bytes, w->len);
    w->len = 0;
}

static void put_bytes(struct analysis_shard_writer *w, const char *bytes, size_t len)
{
    while (len > 0) {
        size_t room = BUFFER_BYTES - w->len;
        size_t part = len < room ? len : room;
        memcpy(w->bytes + w->len, bytes, part);
        w->len += part;
        bytes += part;
        len -= part;
        if (w->len == BUFFER_BYTES) {
            flush(w);
        }
    }
}

/* A word at the beginning of a line. */
static void put_word(struct analysis_shard_writer *w, const char *word)
{
    put_bytes(w, "\n", 1);
    put_bytes(w, word, strlen(word));
}

static void put_number(struct analysis_shard_writer *w, uint64_t value)
{
    char text[24], *at = text + sizeof(text);

    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    *--at = ' ';
    put_bytes(w, at, (size_t)(text + sizeof(text) - at));
}

/* UINT64_MAX, which is SIM_NEVER too, as "-". */
static void put_perhaps(struct analysis_shard_writer *w, uint64_t value)
{
    if (value == UINT64_MAX) {
        put_bytes(w, " -", 2);
    } else {
        put_number(w, value);
    }
}

static void put_text(struct analysis_shard_writer *w, const char *text)
{
    size_t len = strlen(text);

    put_number(w, len);
    put_bytes(w, ":", 1);
    put_bytes(w, text, len);
}

static void put_ratio(struct analysis_shard_writer *w, double ratio)
{
    double scaled = round(ratio * SHARD_RATIO_ONE);
    put_number(w, scaled > 0 && scaled < 1e18 ? (uint64_t)scaled : 0);
}

/* ---- Sections ---- */

static void put_head(struct analysis_shard_writer *w, const struct analysis_facts *facts)
{
    static const char magic[] = "pfsim shard";

    put_bytes(w, magic, sizeof(magic) - 1);
    put_number(w, ANALYSIS_SHARD_FORMAT);
    put_text(w, facts->version);
    put_word(w, "run");
    put_number(w, (uint64_t)facts->world);
    put_number(w, (uint64_t)facts->method);
    put_number(w, facts->seed);
    put_number(w, facts->shard);
    put_number(w, facts->shards);
    put_word(w, "scenario");
    const char *path = facts->scenario->path != NULL ? facts->scenario->path : "";
    char *beside = scenario_path_beside(path, w->dir);
    put_text(w, beside != NULL ? beside : path);
    put_text(w, facts->scenario->text);
    free(beside);
}

static void put_facts(struct analysis_shard_writer *w, const struct analysis_figures *f)
{
    const struct analysis_facts *facts = f->facts;
    const struct sim_live_validity *v = &facts->validity;

    put_word(w, "end");
    put_number(w, facts->ended);
    put_number(w, facts->wall);
    put_number(w, facts->interrupted);
    put_number(w, facts->has_trace_hash);
    put_number(w, facts->trace_hash);
    put_word(w, "server");
    put_number(w, facts->has_server);
#define X(field) put_number(w, facts->server.field);
    SHARD_SERVER_SUMS(X)
#undef X
    put_number(w, facts->server.peak_transfers);
    put_word(w, "validity");
    put_number(w, v->valid);
    put_number(w, v->lag_p50);
    put_number(w, v->lag_p99);
    put_number(w, v->lag_max);
    put_number(w, v->timers);
    put_ratio(w, v->pacer_worst);
    put_ratio(w, v->relay_worst);
    put_number(w, v->receive_drops);
    put_number(w, v->reasons_len);
    for (size_t i = 0; i < v->reasons_len; i++) {
        put_text(w, v->reasons[i]);
    }
    put_word(w, "usage");
    put_number(w, facts->usage.descriptors_peak);
    put_number(w, facts->usage.rss_peak_bytes);
    put_number(w, facts->usage.events);
    put_word(w, "totals");
#define X(field) put_number(w, f->totals.field);
    SHARD_TOTALS(X)
#undef X
}

static void put_bins(struct analysis_shard_writer *w, const char *word,
                     const struct analysis_bins *b)
{
    uint64_t used = 0;
    size_t next = 0;

    for (size_t i = 0; i < b->len; i++) {
        used += b->amounts[i] > 0;
    }
    put_word(w, word);
    put_number(w, b->width);
    put_number(w, used);
    for (size_t i = 0; i < b->len; i++) {
        if (b->amounts[i] > 0) {
            put_number(w, i - next);
            put_number(w, b->amounts[i]);
            next = i + 1;
        }
    }
}

/* Lane by lane: a phone's reason counts from its lane's first one. */
static void put_reasons(struct analysis_shard_writer *w, const struct analysis_collect *collect)
{
    unsigned lanes = analysis_collect_lanes(collect);
    uint64_t len = 0;

    for (unsigned lane = 0; lane < lanes; lane++) {
        len += analysis_collect_reasons(collect, lane);
    }
    put_word(w, "reasons");
    put_number(w, len);
    for (unsigned lane = 0; lane < lanes; lane++) {
        for (uint32_t i = 1; i <= analysis_collect_reasons(collect, lane); i++) {
            put_text(w, analysis_collect_reason_text(collect, lane, i));
        }
    }
}

static uint64_t reason_of(const struct analysis_collect *collect,
                          const struct analysis_phone *phone)
{
    uint64_t before = 0;

    if (phone->reason == 0) {
        return 0;
    }
    for (unsigned lane = 0; lane < phone->lane; lane++) {
        before += analysis_collect_reasons(collect, lane);
    }
    return before + phone->reason;
}

static void put_sites_and_phones(struct analysis_shard_writer *w, const struct analysis_figures *f)
{
    put_word(w, "sites");
    put_number(w, f->end - f->first);
    for (uint32_t i = f->first; i < f->end; i++) {
        const struct sim_site_stats *s = &f->sites[i].stats;
        put_bytes(w, "\n", 1);
#define X(field) put_perhaps(w, s->field);
#define Y(field) put_number(w, s->field);
        SHARD_SITE(X, Y)
#undef X
#undef Y
    }
    put_word(w, "phones");
    put_number(w, f->order_len);
    for (uint32_t i = 0; i < f->order_len; i++) {
        const struct analysis_phone *p = analysis_collect_phone(f->facts->collect, f->order[i]);
        put_bytes(w, "\n", 1);
        put_number(w, p->outcome);
        put_number(w, p->phase);
        put_number(w, p->fallbacks);
        put_number(w, reason_of(f->facts->collect, p));
        put_number(w, p->files_from_peer);
        put_number(w, p->files_from_server);
        put_number(w, p->retries);
        put_perhaps(w, p->config);
        put_perhaps(w, p->done);
        put_perhaps(w, p->back);
    }
}

static void count_tree(void *context, const struct analysis_tree *tree)
{
    uint64_t *len = context;
    (void)tree;
    (*len)++;
}

static void put_tree(void *context, const struct analysis_tree *t)
{
    struct analysis_shard_writer *w = context;

    put_bytes(w, "\n", 1);
    put_number(w, analysis_tree_site(t));
    put_number(w, analysis_tree_firmware(t));
    put_number(w, analysis_tree_file(t));
    put_number(w, t->root);
    put_perhaps(w, t->root_at);
    put_number(w, t->roots);
    put_number(w, t->depth);
    put_number(w, t->phones);
    put_number(w, t->max_children);
    put_number(w, t->server_copies);
    put_perhaps(w, t->has_digest_source ? t->digest_source : UINT64_MAX);
    put_number(w, t->shared);
}

static int put_trees(struct analysis_shard_writer *w, const struct analysis_collect *collect)
{
    uint64_t len = 0;
    int rc = analysis_collect_trees(collect, count_tree, &len);

    put_word(w, "trees");
    put_number(w, len);
    return rc != 0 ? rc : analysis_collect_trees(collect, put_tree, w);
}

static void put_histogram(struct analysis_shard_writer *w, const struct analysis_stats *s)
{
    uint64_t used = 0;
    unsigned next = 0;

    put_number(w, s->min);
    put_number(w, s->max);
    put_number(w, (uint64_t)(s->sum >> 64));
    put_number(w, (uint64_t)s->sum);
    for (unsigned i = analysis_stats_next(s, 0); i < ANALYSIS_STATS_BUCKETS;
         i = analysis_stats_next(s, i + 1)) {
        used++;
    }
    put_number(w, used);
    for (unsigned i = analysis_stats_next(s, 0); i < ANALYSIS_STATS_BUCKETS;
         i = analysis_stats_next(s, i + 1)) {
        put_number(w, i - next);
        put_number(w, s->buckets[i]);
        next = i + 1;
    }
}

static int put_durations(struct analysis_shard_writer *w, const struct analysis_figures *f)
{
    const struct analysis_collect *collect = f->facts->collect;
    struct analysis_stats *scratch = malloc(sizeof(*scratch));
    uint64_t len = 0;

    if (scratch == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < f->files_len; i++) {
        len += f->files[i].peer.count > 0 ? 1 : 0;
        len += f->files[i].server.count > 0 ? 1 : 0;
    }
    analysis_stats_init(scratch);
    put_word(w, "durations");
    put_number(w, len);
    for (size_t i = 0; i < f->files_len; i++) {
        for (unsigned via = 0; via < ANALYSIS_VIAS_LEN; via++) {
            const struct analysis_file *file = &f->files[i];
            analysis_stats_clear(scratch);
            analysis_collect_durations(collect, file->firmware, file->file, (enum analysis_via)via,
                                       scratch);
            if (scratch->count == 0) {
                continue;
            }
            put_bytes(w, "\n", 1);
            put_number(w, file->firmware);
            put_number(w, file->file);
            put_number(w, via);
            put_histogram(w, scratch);
        }
    }
    free(scratch);
    return 0;
}

/* ---- The file ---- */

int analysis_shard_open(struct analysis_shard_writer **out, const char *dir,
                        const struct analysis_figures *f, const struct analysis_bins *wan,
                        const struct analysis_bins *transfers, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_shard_writer *w = calloc(1, sizeof(*w));
    int rc;

    if (w == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    w->dir = dir;
    if ((rc = analysis_output_open(&w->to, dir, ANALYSIS_SHARD_FILE, why)) != 0) {
        free(w);
        return rc;
    }
    put_head(w, f->facts);
    put_facts(w, f);
    put_bins(w, "wan", wan);
    put_bins(w, "under-way", transfers);
    put_reasons(w, f->facts->collect);
    put_sites_and_phones(w, f);
    if ((rc = put_trees(w, f->facts->collect)) != 0 || (rc = put_durations(w, f)) != 0) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(rc));
        analysis_shard_discard(w);
        return rc;
    }
    put_word(w, "transfers");
    *out = w;
    return 0;
}

void analysis_shard_transfer(void *writer, const struct analysis_transfer *t)
{
    struct analysis_shard_writer *w = writer;

    put_word(w, "t");
    put_number(w, t->end - w->end);
    put_number(w, t->node);
    put_number(w, sim_time_since(t->end, t->start));
    put_number(w, t->from);
    put_perhaps(w, t->bytes);
    put_number(w, (uint64_t)(t->status < 0 ? -t->status : t->status));
    put_number(w, t->status < 0);
    put_text(w, t->name);
    w->end = t->end;
}

int analysis_shard_remove(const char *dir, char why[ANALYSIS_WHY_MAX])
{
    char path[ANALYSIS_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, ANALYSIS_SHARD_FILE);

    if (n < 0 || (size_t)n >= sizeof(path) || (unlink(path) != 0 && errno != ENOENT)) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't remove the old %.300s: %s", path, strerror(errno));
        return sim_err_from_errno(errno);
    }
    return 0;
}

int analysis_shard_sum(const char *path, struct analysis_shard_table *out)
{
    FILE *file = fopen(path, "rbe");
    Bytef *bytes = file != NULL ? malloc(BUFFER_BYTES) : NULL;
    size_t len = 0;
    int rc = file == NULL ? sim_err_from_errno(errno) : bytes == NULL ? SIM_ENOMEM : 0;

    out->bytes = 0;
    out->crc = 0;
    while (rc == 0 && (len = fread(bytes, 1, BUFFER_BYTES, file)) > 0) {
        out->crc = (uint32_t)crc32(out->crc, bytes, (uInt)len);
        out->bytes += len;
    }
    if (rc == 0 && ferror(file)) {
        rc = SIM_EIO;
    }
    free(bytes);
    if (file != NULL) {
        fclose(file);
    }
    return rc;
}

static int put_tables(struct analysis_shard_writer *w, const char *const *tables,
                      char why[ANALYSIS_WHY_MAX])
{
    struct analysis_shard_table found[ANALYSIS_SHARD_TABLES_MAX];
    char path[ANALYSIS_PATH_MAX];
    size_t len = 0;

    for (size_t i = 0; tables[i] != NULL && len < ANALYSIS_SHARD_TABLES_MAX; i++) {
        int n = snprintf(path, sizeof(path), "%s/%s", w->dir, tables[i]);
        int rc =
            n < 0 || (size_t)n >= sizeof(path) ? SIM_EINVAL : analysis_shard_sum(path, &found[len]);
        if (rc == SIM_ENOTFOUND) {
            continue;
        }
        if (rc != 0) {
            snprintf(why, ANALYSIS_WHY_MAX, "can't read %.300s again: %s", path, sim_err_text(rc));
            return rc;
        }
        snprintf(found[len].name, sizeof(found[len].name), "%s", tables[i]);
        len++;
    }
    put_word(w, "tables");
    put_number(w, len);
    for (size_t i = 0; i < len; i++) {
        put_text(w, found[i].name);
        put_number(w, found[i].bytes);
        put_number(w, found[i].crc);
    }
    return 0;
}

int analysis_shard_close(struct analysis_shard_writer *w, const char *const *tables,
                         char why[ANALYSIS_WHY_MAX])
{
    put_word(w, ".");
    int rc = put_tables(w, tables, why);
    if (rc != 0) {
        analysis_shard_discard(w);
        return rc;
    }
    put_bytes(w, "\n", 1);
    flush(w);
    uint32_t crc = w->crc;
    put_bytes(w, "sum", 3);
    put_number(w, crc);
    put_bytes(w, "\n", 1);
    flush(w);
    rc = analysis_output_commit(w->to, why);
    free(w);
    return rc;
}

void analysis_shard_discard(struct analysis_shard_writer *w)
{
    if (w != NULL) {
        analysis_output_discard(w->to);
        free(w);
    }
}
