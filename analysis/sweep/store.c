/* analysis/sweep/store.c -- see store.h. */
#include "analysis/sweep/store.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/program.h"
#include "analysis/sweep/store_schema.h"
#include "sim/err.h"

enum { KEY_TEXT_MAX = 160 }; /* bytes of a key and its value in a sentence */

enum statement {
    PUT_RUN,
    PUT_FIGURE,
    PUT_SITE,
    GET_FIGURE,
    GET_WHY,
    STATEMENTS,
};

static const char *const statements[] = {
    [PUT_RUN] = "INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [PUT_FIGURE] = "INSERT OR REPLACE INTO figures VALUES (?,?,?)",
    [PUT_SITE] = "INSERT OR REPLACE INTO sites VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
    [GET_FIGURE] = "SELECT run, value FROM figures WHERE name = ?",
    [GET_WHY] = "SELECT why FROM runs WHERE run = ?",
};

struct analysis_store {
    sqlite3 *db;
    sqlite3_stmt *list[STATEMENTS];
    bool in_transaction;
    int lock; /* of the folder; -1: none */
    char path[ANALYSIS_PATH_MAX];
    const struct analysis_grid *grid;
    uint32_t runs;
    uint8_t *status; /* enum analysis_store_status of every run */
};

static const char *const status_names[] = {
    [ANALYSIS_STORE_MISSING] = "missing", [ANALYSIS_STORE_MET] = "met",
    [ANALYSIS_STORE_MISSED] = "missed",   [ANALYSIS_STORE_INVALID] = "invalid",
    [ANALYSIS_STORE_FAILED] = "failed",
};

const char *analysis_store_status_name(enum analysis_store_status status)
{
    return status_names[status];
}

uint32_t analysis_store_runs(const struct analysis_store *s)
{
    return s->runs;
}

enum analysis_store_status analysis_store_status(const struct analysis_store *s, uint32_t run)
{
    return (enum analysis_store_status)s->status[run];
}

size_t analysis_store_combination(const struct analysis_store *s, uint32_t run)
{
    return run % s->grid->len;
}

uint64_t analysis_store_seed(const struct analysis_store *s, uint32_t run)
{
    return s->grid->seed + run / s->grid->len; /* wraps around, which is fine for a seed */
}

/* ---- Trouble ---- */

/* Why the file can't be opened or written: SQLite does not say it of every code. */
static int reason(const struct analysis_store *s)
{
    char folder[ANALYSIS_PATH_MAX];
    struct stat st;

    snprintf(folder, sizeof(folder), "%.*s", (int)(strlen(s->path) - sizeof(ANALYSIS_STORE_NAME)),
             s->path);
    if (stat(s->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return EISDIR;
    }
    if ((access(s->path, W_OK) != 0 && errno != ENOENT) || access(folder, W_OK | X_OK) != 0) {
        return errno;
    }
    int code = s->db != NULL ? sqlite3_system_errno(s->db) : 0;
    return code != 0 ? code : access(s->path, F_OK) != 0 ? errno : EACCES;
}

/* One sentence for a code of SQLite; it says what to do. */
static int refuse(const struct analysis_store *s, int code, char why[ANALYSIS_WHY_MAX])
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s is locked by another program; end what has it open (sqlite3? a viewer?) "
                 "and give the same command again, finished runs are kept",
                 s->path);
        return SIM_EBUSY;
    case SQLITE_FULL:
        snprintf(why, ANALYSIS_WHY_MAX,
                 "can't write %.300s: no space left; free some and give the same command again, "
                 "finished runs are kept",
                 s->path);
        return SIM_ENOSPC;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s is damaged or no SQLite file; --fresh begins anew, another --out leaves "
                 "it alone",
                 s->path);
        return SIM_EPROTO;
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        snprintf(why, ANALYSIS_WHY_MAX, "can't write %.300s: %s; choose another --out", s->path,
                 strerror(reason(s)));
        return SIM_EIO;
    case SQLITE_NOMEM:
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    default: /* an int, no enum */
        snprintf(why, ANALYSIS_WHY_MAX, "can't use %.300s: %.100s", s->path,
                 s->db != NULL ? sqlite3_errmsg(s->db) : sqlite3_errstr(code));
        return SIM_EIO;
    }
}

static int execute(struct analysis_store *s, const char *sql, char why[ANALYSIS_WHY_MAX])
{
    int code = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? 0 : refuse(s, code, why);
}

/* ---- Statements ---- */

static void bind_number(sqlite3_stmt *st, int at, const cJSON *item)
{
    if (!cJSON_IsNumber(item)) {
        sqlite3_bind_null(st, at);
    } else if (item->valuedouble == floor(item->valuedouble) && fabs(item->valuedouble) < 1e15) {
        sqlite3_bind_int64(st, at, (sqlite3_int64)item->valuedouble); /* 5, not 5.0 */
    } else {
        sqlite3_bind_double(st, at, item->valuedouble);
    }
}

static void bind_text(sqlite3_stmt *st, int at, const char *text)
{
    if (text == NULL) {
        sqlite3_bind_null(st, at);
    } else {
        sqlite3_bind_text(st, at, text, -1, SQLITE_TRANSIENT);
    }
}

static int step(struct analysis_store *s, sqlite3_stmt *st, char why[ANALYSIS_WHY_MAX])
{
    int code = sqlite3_step(st);
    sqlite3_reset(st);
    sqlite3_clear_bindings(st);
    return code == SQLITE_DONE ? 0 : refuse(s, code, why);
}

/* Binds texts (NULL ends them) and runs a statement that is used once in a while. */
static int put_texts(struct analysis_store *s, const char *sql, const char *const *texts,
                     size_t len, char why[ANALYSIS_WHY_MAX])
{
    sqlite3_stmt *st = NULL;

    int code = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (code != SQLITE_OK) {
        return refuse(s, code, why);
    }
    for (size_t i = 0; i < len; i++) {
        bind_text(st, (int)i + 1, texts[i]);
    }
    int rc = step(s, st, why);
    sqlite3_finalize(st);
    return rc;
}

/* The first column of the first row as a text; NULL: there is none. free() it. */
static char *get_text(struct analysis_store *s, const char *sql)
{
    sqlite3_stmt *st = NULL;
    char *out = NULL;

    if (sqlite3_prepare_v2(s->db, sql, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW && sqlite3_column_text(st, 0) != NULL) {
        out = strdup((const char *)sqlite3_column_text(st, 0));
    }
    sqlite3_finalize(st);
    return out;
}

/* ---- Made anew ---- */

static int put_meta(struct analysis_store *s, const char *key, const char *value,
                    char why[ANALYSIS_WHY_MAX])
{
    const char *texts[] = {key, value};
    return put_texts(s, "INSERT OR REPLACE INTO meta VALUES (?,?)", texts, 2, why);
}

static int put_keys(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    int rc = 0;

    for (size_t k = 0; k < s->grid->keys_len && rc == 0; k++) {
        const struct analysis_vary *key = &s->grid->keys[k];
        for (size_t i = 0; i < key->len && rc == 0; i++) {
            char a[32], b[32], number[32];
            snprintf(a, sizeof(a), "%zu", k);
            snprintf(b, sizeof(b), "%zu", i);
            snprintf(number, sizeof(number), "%.15g", key->numbers != NULL ? key->numbers[i] : 0);
            const char *texts[] = {a, b, key->path, key->labels[i],
                                   key->numbers != NULL ? number : NULL};
            rc = put_texts(s, "INSERT INTO keys VALUES (?,?,?,?,CAST(? AS REAL))", texts, 5, why);
        }
    }
    return rc;
}

/* {"sites[0].wan.rate": "384 kbit/s"}; NULL when out of memory. */
static char *values_text(const struct analysis_grid *g, const struct analysis_combination *c)
{
    cJSON *o = cJSON_CreateObject();

    for (size_t k = 0; k < g->keys_len; k++) {
        cJSON_AddStringToObject(o, g->keys[k].path, g->keys[k].labels[c->at[k]]);
    }
    char *text = o != NULL ? cJSON_PrintUnformatted(o) : NULL;
    cJSON_Delete(o);
    return text;
}

/* A scenario for the folder that the database is in; in memory there is none. */
static char *beside(const struct analysis_store_config *config, const char *text)
{
    return config->dir != NULL ? scenario_text_beside(text, config->grid->path, config->dir)
                               : strdup(text);
}

static int put_combinations(struct analysis_store *s, const struct analysis_store_config *config,
                            char why[ANALYSIS_WHY_MAX])
{
    int rc = 0;

    for (size_t i = 0; i < s->grid->len && rc == 0; i++) {
        const struct analysis_combination *c = &s->grid->list[i];
        char number[32], phones[32];
        char *values = values_text(s->grid, c);
        char *text = beside(config, c->text);
        snprintf(number, sizeof(number), "%zu", i);
        snprintf(phones, sizeof(phones), "%u", c->phones);
        const char *texts[] = {number, values,      scenario_method_name(c->method),
                               phones, c->identity, text};
        rc = values == NULL || text == NULL
                 ? refuse(s, SQLITE_NOMEM, why)
                 : put_texts(s, "INSERT INTO combinations VALUES (?,?,?,?,?,?)", texts, 6, why);
        free(values);
        free(text);
    }
    return rc;
}

static int put_scenario(struct analysis_store *s, const struct analysis_store_config *config,
                        char why[ANALYSIS_WHY_MAX])
{
    char *text = beside(config, config->grid->text);
    int rc = text != NULL ? put_meta(s, "text", text, why) : refuse(s, SQLITE_NOMEM, why);

    free(text);
    return rc;
}

/* A column a key, whatever its path is called. */
static int make_view(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    sqlite3_str *sql = sqlite3_str_new(s->db);

    sqlite3_str_appendall(sql, "CREATE VIEW answers AS\n  SELECT runs.run, runs.seed, "
                               "runs.status");
    size_t below = s->grid->len;
    for (size_t k = 0; k < s->grid->keys_len; k++) {
        const struct analysis_vary *key = &s->grid->keys[k];
        below /= key->len; /* combinations for each value of this key */
        sqlite3_str_appendf(sql,
                            ",\n    (SELECT label FROM keys WHERE key = %d AND value = "
                            "runs.combination / %d %% %d) AS \"%w\"",
                            (int)k, (int)below, (int)key->len, key->path);
    }
    sqlite3_str_appendall(sql, STORE_VIEW_COLUMNS);
    char *text = sqlite3_str_finish(sql);
    int rc = text != NULL ? execute(s, text, why) : refuse(s, SQLITE_NOMEM, why);
    sqlite3_free(text);
    return rc;
}

static int make(struct analysis_store *s, const struct analysis_store_config *config,
                char why[ANALYSIS_WHY_MAX])
{
    const struct analysis_grid *g = s->grid;
    char seed[32], format[32];
    int rc;

    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)g->seed);
    snprintf(format, sizeof(format), "%d", ANALYSIS_STORE_FORMAT);
    if ((rc = execute(s, STORE_TABLES, why)) != 0 || (rc = make_view(s, why)) != 0 ||
        (rc = put_meta(s, "format", format, why)) != 0 ||
        (rc = put_meta(s, "pfsim", config->version, why)) != 0 ||
        (rc = put_meta(s, "scenario", g->name, why)) != 0 ||
        (rc = put_meta(s, "world", scenario_world_name(g->world), why)) != 0 ||
        (rc = put_meta(s, "seed", seed, why)) != 0 || (rc = put_scenario(s, config, why)) != 0 ||
        (rc = put_keys(s, why)) != 0) {
        return rc;
    }
    return put_combinations(s, config, why);
}

/* ---- Found ---- */

/* A database that somebody else made is nobody's to change, nor --fresh's to drop. */
static int ours(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    char *tables = get_text(s, "SELECT count(*) FROM sqlite_schema");
    int code = sqlite3_errcode(s->db);
    int rc = 0;

    if (tables == NULL) {
        rc = refuse(s, code, why);
    } else if (strcmp(tables, "0") != 0) {
        char *format = get_text(s, "SELECT value FROM meta WHERE key = 'format'");
        code = sqlite3_errcode(s->db);
        if (format == NULL && (code == SQLITE_OK || code == SQLITE_ERROR)) {
            snprintf(why, ANALYSIS_WHY_MAX, "%.300s is not a sweep of pfsim; choose another --out",
                     s->path);
            rc = SIM_EEXIST;
        } else if (format == NULL) {
            rc = refuse(s, code, why);
        }
        free(format);
    }
    free(tables);
    return rc;
}

static int differs(const struct analysis_store *s, const char *what, const char *was,
                   const char *is, char why[ANALYSIS_WHY_MAX])
{
    snprintf(why, ANALYSIS_WHY_MAX,
             "%.120s is of another sweep: %.40s was %.90s and is %.90s now; --fresh drops those "
             "runs, another --out keeps them",
             s->path, what, was != NULL ? was : "not there", is);
    return SIM_EEXIST;
}

static int same_meta(struct analysis_store *s, const char *key, const char *is,
                     char why[ANALYSIS_WHY_MAX])
{
    char *sql = sqlite3_mprintf("SELECT value FROM meta WHERE key = %Q", key);
    char *was = sql != NULL ? get_text(s, sql) : NULL;
    int rc = was != NULL && strcmp(was, is) == 0 ? 0 : differs(s, key, was, is, why);

    free(was);
    sqlite3_free(sql);
    return rc;
}

/* The value of --vary at a place of the table `keys`, as "PATH=LABEL"; "nothing" behind the last.
 */
static void key_text(const struct analysis_grid *g, size_t number, char out[KEY_TEXT_MAX])
{
    snprintf(out, KEY_TEXT_MAX, "nothing");
    for (size_t k = 0; k < g->keys_len; k++) {
        if (number < g->keys[k].len) {
            snprintf(out, KEY_TEXT_MAX, "%.60s=%.60s", g->keys[k].path, g->keys[k].labels[number]);
            return;
        }
        number -= g->keys[k].len;
    }
}

/* The keys first: what changes them changes every combination too. The first difference is told. */
static int same_keys(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    sqlite3_stmt *st = NULL;
    bool same = true;

    int code = sqlite3_prepare_v2(s->db, "SELECT path, label FROM keys ORDER BY key, value", -1,
                                  &st, NULL);
    for (size_t i = 0; same && (code == SQLITE_OK || code == SQLITE_ROW); i++) {
        char was[KEY_TEXT_MAX] = "nothing", is[KEY_TEXT_MAX];
        code = sqlite3_step(st);
        if (code == SQLITE_ROW) {
            snprintf(was, sizeof(was), "%.60s=%.60s", (const char *)sqlite3_column_text(st, 0),
                     (const char *)sqlite3_column_text(st, 1));
        }
        key_text(s->grid, i, is);
        same = (code != SQLITE_ROW && code != SQLITE_DONE) || strcmp(was, is) == 0;
        if (!same) {
            differs(s, "what --vary says", was, is, why);
        }
    }
    sqlite3_finalize(st);
    return !same ? SIM_EEXIST : code == SQLITE_DONE ? 0 : refuse(s, code, why);
}

static int same_combinations(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    sqlite3_stmt *st = NULL;
    size_t next = 0;
    int rc = 0;

    int code = sqlite3_prepare_v2(
        s->db, "SELECT combination, identity FROM combinations ORDER BY combination", -1, &st,
        NULL);
    if (code != SQLITE_OK) {
        return refuse(s, code, why);
    }
    while (rc == 0 && (code = sqlite3_step(st)) == SQLITE_ROW) {
        const char *identity = (const char *)sqlite3_column_text(st, 1);
        if (next >= s->grid->len || sqlite3_column_int64(st, 0) != (sqlite3_int64)next ||
            identity == NULL || strcmp(identity, s->grid->list[next].identity) != 0) {
            snprintf(why, ANALYSIS_WHY_MAX,
                     "%.300s: the scenario (or its firmware) has changed since; --fresh drops the "
                     "runs of the old one, another --out keeps them",
                     s->path);
            rc = SIM_EEXIST;
        }
        next++;
    }
    sqlite3_finalize(st);
    if (rc == 0 && (code != SQLITE_DONE || next != s->grid->len)) {
        rc = refuse(s, code == SQLITE_DONE ? SQLITE_CORRUPT : code, why);
    }
    return rc;
}

/* Seeds may be added, never taken away; so may metrics that every run has anyway. */
static int same_extent(struct analysis_store *s, const struct analysis_store_config *config,
                       char why[ANALYSIS_WHY_MAX])
{
    char *repeat = get_text(s, "SELECT value FROM meta WHERE key = 'repeat'");
    char *metrics = get_text(s, "SELECT value FROM meta WHERE key = 'metrics'");
    char *runs = get_text(s, "SELECT count(*) FROM runs");
    uint64_t was = 0;
    int rc = 0;

    if (repeat == NULL || metrics == NULL ||
        analysis_options_number(repeat, UINT32_MAX, &was) != 0) {
        rc = refuse(s, SQLITE_CORRUPT, why);
    } else if (config->repeat < was) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s has %llu seeds of each combination, --repeat %u asks for fewer; --repeat "
                 "%llu, --fresh or another --out",
                 s->path, (unsigned long long)was, config->repeat, (unsigned long long)was);
        rc = SIM_EEXIST;
    }
    cJSON *known = cJSON_Parse(metrics != NULL ? metrics : "[]");
    for (size_t i = 0; rc == 0 && i < config->metrics_len; i++) {
        bool found = false;
        for (const cJSON *item = known != NULL ? known->child : NULL; item != NULL;
             item = item->next) {
            const char *name = cJSON_GetStringValue(item);
            found = found || (name != NULL && strcmp(name, config->metrics[i]) == 0);
        }
        char *sql =
            sqlite3_mprintf("SELECT run FROM figures WHERE name = %Q LIMIT 1", config->metrics[i]);
        char *any = sql != NULL ? get_text(s, sql) : NULL;
        if (!found && any == NULL && runs != NULL && strcmp(runs, "0") != 0) {
            snprintf(why, ANALYSIS_WHY_MAX,
                     "the runs in %.200s did not keep %.100s; --fresh runs them again, another "
                     "--out leaves them alone",
                     s->path, config->metrics[i]);
            rc = SIM_EEXIST;
        }
        free(any);
        sqlite3_free(sql);
    }
    cJSON_Delete(known);
    free(repeat);
    free(metrics);
    free(runs);
    return rc;
}

static int compare(struct analysis_store *s, const struct analysis_store_config *config,
                   char why[ANALYSIS_WHY_MAX])
{
    char seed[32], format[32];
    int rc;

    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)s->grid->seed);
    snprintf(format, sizeof(format), "%d", ANALYSIS_STORE_FORMAT);
    if ((rc = same_meta(s, "format", format, why)) != 0 ||
        (rc = same_meta(s, "pfsim", config->version, why)) != 0 ||
        (rc = same_meta(s, "scenario", s->grid->name, why)) != 0 ||
        (rc = same_meta(s, "world", scenario_world_name(s->grid->world), why)) != 0 ||
        (rc = same_meta(s, "seed", seed, why)) != 0 || (rc = same_keys(s, why)) != 0 ||
        (rc = same_combinations(s, why)) != 0) {
        return rc;
    }
    return same_extent(s, config, why);
}

/* What the metrics of earlier sweeps were, and those of this one. */
static int put_extent(struct analysis_store *s, const struct analysis_store_config *config,
                      char why[ANALYSIS_WHY_MAX])
{
    char repeat[32];
    cJSON *list = cJSON_CreateArray();

    snprintf(repeat, sizeof(repeat), "%u", config->repeat);
    for (size_t i = 0; i < config->metrics_len; i++) {
        cJSON_AddItemToArray(list, cJSON_CreateString(config->metrics[i]));
    }
    char *text = list != NULL ? cJSON_PrintUnformatted(list) : NULL;
    cJSON_Delete(list);
    int rc = text == NULL ? refuse(s, SQLITE_NOMEM, why) : put_meta(s, "repeat", repeat, why);
    if (rc == 0) {
        rc = put_meta(s, "metrics", text, why);
    }
    free(text);
    return rc;
}

static int read_statuses(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(s->db, "SELECT run, status FROM runs", -1, &st, NULL);

    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(st);
        sqlite3_int64 run = code == SQLITE_ROW ? sqlite3_column_int64(st, 0) : -1;
        const char *name = code == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 1) : NULL;
        for (int i = 0; name != NULL && run >= 0 && run < s->runs && i <= ANALYSIS_STORE_FAILED;
             i++) {
            if (strcmp(status_names[i], name) == 0) {
                s->status[run] = (uint8_t)i;
            }
        }
    }
    sqlite3_finalize(st);
    return code == SQLITE_DONE ? 0 : refuse(s, code, why);
}

/* ---- Opening ---- */

/* Against a second sweep into the same folder. A file system without such locks has none. */
static int lock_folder(struct analysis_store *s, const char *dir, char why[ANALYSIS_WHY_MAX])
{
    s->lock = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->lock >= 0 && flock(s->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "another sweep is writing to %.300s; wait for it or choose another --out", dir);
        return SIM_EEXIST;
    }
    return 0;
}

/* What --fresh drops: an earlier sweep, or what is no database any more. */
static int drop_old(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    char journal[ANALYSIS_PATH_MAX + 16];
    int rc = 0;

    if (access(s->path, F_OK) == 0) {
        int code =
            sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
        if (code == SQLITE_OK) {
            sqlite3_busy_timeout(s->db, ANALYSIS_STORE_BUSY_MS);
        }
        rc = code == SQLITE_OK ? ours(s, why) : refuse(s, code, why);
        sqlite3_close(s->db);
        s->db = NULL;
    }
    if (rc != 0 && rc != SIM_EPROTO) {
        return rc;
    }
    if (unlink(s->path) != 0 && errno != ENOENT) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't drop %.300s: %s; choose another --out", s->path,
                 strerror(errno));
        return SIM_EIO;
    }
    snprintf(journal, sizeof(journal), "%s-journal", s->path);
    unlink(journal);
    return 0;
}

static int open_file(struct analysis_store *s, const struct analysis_store_config *config,
                     char why[ANALYSIS_WHY_MAX])
{
    if (config->dir != NULL) {
        int rc = lock_folder(s, config->dir, why);
        if (rc != 0 || (config->fresh && (rc = drop_old(s, why)) != 0)) {
            return rc;
        }
    }
    int code = sqlite3_open_v2(
        s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code != SQLITE_OK) {
        return refuse(s, code, why);
    }
    sqlite3_busy_timeout(s->db, ANALYSIS_STORE_BUSY_MS);
    int rc = execute(s, "PRAGMA trusted_schema = OFF", why);
    if (rc != 0 || (rc = ours(s, why)) != 0) { /* before the journal's mode is changed */
        return rc;
    }
    return execute(s, "PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL", why);
}

/* One transaction: a sweep is there with all its combinations, or not at all. */
static int fill(struct analysis_store *s, const struct analysis_store_config *config,
                char why[ANALYSIS_WHY_MAX])
{
    int rc = execute(s, "BEGIN IMMEDIATE", why);
    if (rc != 0) {
        return rc;
    }
    s->in_transaction = true;
    char *tables = get_text(s, "SELECT count(*) FROM sqlite_schema");
    bool is_new = tables != NULL && strcmp(tables, "0") == 0;
    free(tables);
    rc = is_new ? make(s, config, why) : compare(s, config, why);
    if (rc == 0 && (rc = put_extent(s, config, why)) == 0 &&
        (rc = execute(s, STORE_FORGET, why)) == 0 && (rc = analysis_store_commit(s, why)) == 0) {
        rc = read_statuses(s, why);
    }
    return rc;
}

int analysis_store_open(struct analysis_store **out, const struct analysis_store_config *config,
                        char why[ANALYSIS_WHY_MAX])
{
    struct analysis_store *s = calloc(1, sizeof(*s));
    int n = -1;

    if (s != NULL) {
        s->lock = -1;
        s->grid = config->grid;
        s->runs = (uint32_t)(config->grid->len * config->repeat);
        s->status = calloc(s->runs, sizeof(*s->status));
        n = config->dir == NULL
                ? snprintf(s->path, sizeof(s->path), ":memory:")
                : snprintf(s->path, sizeof(s->path), "%s/" ANALYSIS_STORE_NAME, config->dir);
    }
    if (s == NULL || s->status == NULL || n < 0 || (size_t)n >= sizeof(s->path)) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s",
                 s != NULL && s->status != NULL ? "--out: the name is too long"
                                                : sim_err_text(SIM_ENOMEM));
        analysis_store_close(s);
        return SIM_ENOMEM;
    }
    int rc = open_file(s, config, why);
    if (rc == 0) {
        rc = fill(s, config, why);
    }
    for (int i = 0; rc == 0 && i < STATEMENTS; i++) {
        int code = sqlite3_prepare_v3(s->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
                                      &s->list[i], NULL);
        rc = code == SQLITE_OK ? 0 : refuse(s, code, why);
    }
    if (rc != 0) {
        analysis_store_close(s);
        return rc;
    }
    *out = s;
    return 0;
}

void analysis_store_close(struct analysis_store *s)
{
    if (s == NULL) {
        return;
    }
    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(s->list[i]);
    }
    sqlite3_close(s->db); /* rolls back */
    if (s->lock >= 0) {
        close(s->lock);
    }
    free(s->status);
    free(s);
}

/* ---- Runs ---- */

static const cJSON *at_path(const cJSON *object, const char *part, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(object, part), key);
}

static int put_run(struct analysis_store *s, uint32_t run, const cJSON *parcel,
                   enum analysis_store_status status, char why[ANALYSIS_WHY_MAX])
{
    static const struct {
        const char *part, *key;
    } headlines[] = STORE_HEADLINES;
    sqlite3_stmt *st = s->list[PUT_RUN];
    const cJSON *document = cJSON_GetObjectItemCaseSensitive(parcel, "document");
    char *text = document != NULL ? cJSON_PrintUnformatted(document) : NULL;
    char seed[32];
    int at = 1;

    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)analysis_store_seed(s, run));
    sqlite3_bind_int64(st, at++, run);
    sqlite3_bind_int64(st, at++, (sqlite3_int64)analysis_store_combination(s, run));
    bind_text(st, at++, seed);
    bind_text(st, at++, status_names[status]);
    bind_text(st, at++, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(parcel, "why")));
    for (size_t i = 0; i < sizeof(headlines) / sizeof(headlines[0]); i++) {
        bind_number(st, at++, at_path(document, headlines[i].part, headlines[i].key));
    }
    bind_text(st, at, text);
    free(text);
    return step(s, st, why);
}

static int put_figures(struct analysis_store *s, uint32_t run, const cJSON *figures,
                       char why[ANALYSIS_WHY_MAX])
{
    sqlite3_stmt *st = s->list[PUT_FIGURE];
    int rc = 0;

    for (const cJSON *item = figures != NULL ? figures->child : NULL; item != NULL && rc == 0;
         item = item->next) {
        sqlite3_bind_int64(st, 1, run);
        bind_text(st, 2, item->string);
        bind_number(st, 3, item);
        rc = step(s, st, why);
    }
    return rc;
}

static int put_sites(struct analysis_store *s, uint32_t run, const cJSON *sites,
                     char why[ANALYSIS_WHY_MAX])
{
    static const struct {
        const char *part, *key;
    } columns[] = STORE_SITE_FIGURES;
    sqlite3_stmt *st = s->list[PUT_SITE];
    sqlite3_int64 number = 0;
    int rc = 0;

    for (const cJSON *site = sites != NULL ? sites->child : NULL; site != NULL && rc == 0;
         site = site->next) {
        int at = 1;
        sqlite3_bind_int64(st, at++, run);
        sqlite3_bind_int64(st, at++, number++);
        bind_text(st, at++, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(site, "name")));
        bind_text(st, at++, cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(site, "class")));
        for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
            bind_number(st, at++, at_path(site, columns[i].part, columns[i].key));
        }
        rc = step(s, st, why);
    }
    return rc;
}

static enum analysis_store_status status_of(const cJSON *parcel)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(parcel, "status");

    if (!cJSON_IsNumber(status) || cJSON_GetObjectItemCaseSensitive(parcel, "document") == NULL) {
        return ANALYSIS_STORE_FAILED;
    }
    switch (status->valueint) {
    case ANALYSIS_OK:
        return ANALYSIS_STORE_MET;
    case ANALYSIS_MISSED:
        return ANALYSIS_STORE_MISSED;
    case ANALYSIS_INVALID:
        return ANALYSIS_STORE_INVALID;
    default: /* an int */
        return ANALYSIS_STORE_FAILED;
    }
}

int analysis_store_put(struct analysis_store *s, uint32_t run, const char *parcel, size_t len,
                       char why[ANALYSIS_WHY_MAX])
{
    cJSON *o = cJSON_ParseWithLength(parcel, len);
    const cJSON *number = cJSON_GetObjectItemCaseSensitive(o, "run");
    int rc = 0;

    if (run >= s->runs || !cJSON_IsNumber(number) || number->valuedouble != run) {
        snprintf(why, ANALYSIS_WHY_MAX, "what came back for run %u is no result of it", run);
        rc = SIM_EPROTO;
    } else if (!s->in_transaction && (rc = execute(s, "BEGIN", why)) == 0) {
        s->in_transaction = true;
    }
    if (rc == 0) {
        enum analysis_store_status status = status_of(o);
        if ((rc = put_run(s, run, o, status, why)) == 0 &&
            (rc = put_figures(s, run, cJSON_GetObjectItemCaseSensitive(o, "figures"), why)) == 0 &&
            (rc = put_sites(s, run, cJSON_GetObjectItemCaseSensitive(o, "sites"), why)) == 0) {
            s->status[run] = (uint8_t)status;
        }
    }
    cJSON_Delete(o);
    return rc;
}

int analysis_store_commit(struct analysis_store *s, char why[ANALYSIS_WHY_MAX])
{
    if (!s->in_transaction) {
        return 0;
    }
    int rc = execute(s, "COMMIT", why);
    s->in_transaction = rc != 0 && sqlite3_get_autocommit(s->db) == 0;
    return rc;
}

void analysis_store_rollback(struct analysis_store *s)
{
    char why[ANALYSIS_WHY_MAX]; /* what led here has been said */

    if (sqlite3_get_autocommit(s->db) == 0) { /* on a full disk SQLite may have done it */
        execute(s, "ROLLBACK", why);
    }
    s->in_transaction = sqlite3_get_autocommit(s->db) == 0;
    memset(s->status, ANALYSIS_STORE_MISSING, s->runs * sizeof(*s->status));
    read_statuses(s, why);
}

/* ---- Figures ---- */

int analysis_store_values(struct analysis_store *s, const char *name, double *values,
                          char why[ANALYSIS_WHY_MAX])
{
    sqlite3_stmt *st = s->list[GET_FIGURE];
    int code;

    for (uint32_t i = 0; i < s->runs; i++) {
        values[i] = NAN;
    }
    bind_text(st, 1, name);
    while ((code = sqlite3_step(st)) == SQLITE_ROW) {
        sqlite3_int64 run = sqlite3_column_int64(st, 0);
        if (run >= 0 && run < s->runs && sqlite3_column_type(st, 1) != SQLITE_NULL) {
            values[run] = sqlite3_column_double(st, 1);
        }
    }
    sqlite3_reset(st);
    return code == SQLITE_DONE ? 0 : refuse(s, code, why);
}

/* ?1: apart by combination. A threshold that changes with a key has an expression of its own. */
static const char judged[] =
    "SELECT iif(?1, runs.combination, 0) AS place, json_extract(t.value, '$.expression') AS text, "
    "json_extract(t.value, '$.unit'), json_extract(t.value, '$.limit'), count(*), "
    "sum(NOT json_extract(t.value, '$.met')), count(json_extract(t.value, '$.value')), "
    "min(json_extract(t.value, '$.value')), max(json_extract(t.value, '$.value')) "
    "FROM runs, json_each(runs.result, '$.thresholds') AS t WHERE runs.status IN ('met', 'missed') "
    "GROUP BY place, text ORDER BY place, min(t.key), text";

static double number_or_nan(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) != SQLITE_NULL ? sqlite3_column_double(st, column) : NAN;
}

int analysis_store_judged(struct analysis_store *s, bool apart, analysis_store_judge each,
                          void *context, char why[ANALYSIS_WHY_MAX])
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(s->db, judged, -1, &st, NULL);

    sqlite3_bind_int(st, 1, apart);
    while (code == SQLITE_OK || code == SQLITE_ROW) {
        code = sqlite3_step(st);
        sqlite3_int64 place = sqlite3_column_int64(st, 0);
        if (code != SQLITE_ROW || place < 0 || (size_t)place >= s->grid->len) {
            continue;
        }
        const char *text = (const char *)sqlite3_column_text(st, 1);
        const char *unit = (const char *)sqlite3_column_text(st, 2);
        const struct analysis_store_judged one = {
            .combination = (size_t)place,
            .expression = text != NULL ? text : "?",
            .unit = unit != NULL ? unit : "",
            .limit = number_or_nan(st, 3),
            .runs = (uint32_t)sqlite3_column_int64(st, 4),
            .missed = (uint32_t)sqlite3_column_int64(st, 5),
            .valued = (uint32_t)sqlite3_column_int64(st, 6),
            .min = number_or_nan(st, 7),
            .max = number_or_nan(st, 8),
        };
        each(context, &one);
    }
    sqlite3_finalize(st);
    return code == SQLITE_DONE ? 0 : refuse(s, code, why);
}

char *analysis_store_why(struct analysis_store *s, uint32_t run)
{
    sqlite3_stmt *st = s->list[GET_WHY];

    sqlite3_bind_int64(st, 1, run);
    const char *text =
        sqlite3_step(st) == SQLITE_ROW ? (const char *)sqlite3_column_text(st, 0) : NULL;
    char *out = strdup(text != NULL ? text : "");
    sqlite3_reset(st);
    return out;
}
