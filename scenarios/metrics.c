/* scenarios/metrics.c -- the list; see metrics.h. */
#include "scenarios/metrics.h"

#include <stdint.h>
#include <string.h>

#include "scenarios/load.h"
#include "scenarios/reader.h"

enum { NAMES_MAX = 1024 }; /* among which the nearest is looked for */

enum { /* scopes that have it */
       R = 1 << SCENARIO_SCOPE_RUN,
       S = 1 << SCENARIO_SCOPE_SITE,
       M = 1 << SCENARIO_SCOPE_MODEL,
       F = 1 << SCENARIO_SCOPE_FILE,
};

static const struct metric {
    const char *path;
    uint8_t scopes;
    uint8_t unit; /* enum scenario_unit */
} metrics[] = {
    {"phones.total", R | S | M, SCENARIO_UNIT_NONE},
    {"phones.upgraded", R | S | M, SCENARIO_UNIT_NONE},
    {"phones.failed", R | S | M, SCENARIO_UNIT_NONE},
    {"phones.current", R | S | M, SCENARIO_UNIT_NONE},
    {"phones.unfinished", R | S | M, SCENARIO_UNIT_NONE},
    {"phones.via_peer", R | S | M, SCENARIO_UNIT_NONE},
    {"phones.via_server", R | S | M, SCENARIO_UNIT_NONE},
    {"phones.fallbacks", R | S | M, SCENARIO_UNIT_NONE},
    {"transfers.peer", R, SCENARIO_UNIT_NONE},
    {"transfers.server", R, SCENARIO_UNIT_NONE},
    {"transfers.resumed", R, SCENARIO_UNIT_NONE},
    {"transfers.rejected", R, SCENARIO_UNIT_NONE},
    {"completion_s.first", R | S | M, SCENARIO_UNIT_SECONDS},
    {"completion_s.mean", R | S | M, SCENARIO_UNIT_SECONDS},
    {"completion_s.p50", R | S | M, SCENARIO_UNIT_SECONDS},
    {"completion_s.p90", R | S | M, SCENARIO_UNIT_SECONDS},
    {"completion_s.p95", R | S | M, SCENARIO_UNIT_SECONDS},
    {"completion_s.p99", R | S | M, SCENARIO_UNIT_SECONDS},
    {"completion_s.last", R | S | M, SCENARIO_UNIT_SECONDS},
    {"back_in_service_s.first", R | S | M, SCENARIO_UNIT_SECONDS},
    {"back_in_service_s.mean", R | S | M, SCENARIO_UNIT_SECONDS},
    {"back_in_service_s.p50", R | S | M, SCENARIO_UNIT_SECONDS},
    {"back_in_service_s.p90", R | S | M, SCENARIO_UNIT_SECONDS},
    {"back_in_service_s.p95", R | S | M, SCENARIO_UNIT_SECONDS},
    {"back_in_service_s.p99", R | S | M, SCENARIO_UNIT_SECONDS},
    {"back_in_service_s.last", R | S | M, SCENARIO_UNIT_SECONDS},
    {"wan.bytes", R | S, SCENARIO_UNIT_BYTES},
    {"wan.payload_bytes", R | S, SCENARIO_UNIT_BYTES},
    {"wan.config_bytes", R | S, SCENARIO_UNIT_BYTES},
    {"wan.resent_bytes", R | S, SCENARIO_UNIT_BYTES},
    {"wan.up_bytes", R | S, SCENARIO_UNIT_BYTES},
    {"wan.drops", R | S, SCENARIO_UNIT_NONE},
    {"wan.busy_s", R | S, SCENARIO_UNIT_SECONDS},
    {"wan.mean_bit_s", R | S, SCENARIO_UNIT_BIT_S},
    {"wan.peak_bit_s", R | S, SCENARIO_UNIT_BIT_S},
    {"wan.configured_bit_s", R | S, SCENARIO_UNIT_BIT_S},
    {"wan.utilisation", R | S, SCENARIO_UNIT_SHARE},
    {"wan.lines", R | S, SCENARIO_UNIT_NONE},
    {"lan.payload_bytes", R | S, SCENARIO_UNIT_BYTES},
    {"lan.broadcasts", R | S, SCENARIO_UNIT_NONE},
    {"lan.datagrams", R | S, SCENARIO_UNIT_NONE},
    {"lan.foreign", R | S, SCENARIO_UNIT_NONE},
    {"server.requests", R, SCENARIO_UNIT_NONE},
    {"server.payload_bytes", R, SCENARIO_UNIT_BYTES},
    {"server.errors", R, SCENARIO_UNIT_NONE},
    {"server.refused", R, SCENARIO_UNIT_NONE},
    {"server.peak_transfers", R, SCENARIO_UNIT_NONE},
    {"sites_summary.count", R, SCENARIO_UNIT_NONE},
    {"trees_summary.count", R, SCENARIO_UNIT_NONE},
    {"trees_summary.depth_max", R, SCENARIO_UNIT_NONE},
    {"trees_summary.max_children", R, SCENARIO_UNIT_NONE},
    {"trees_summary.wan_copies", R, SCENARIO_UNIT_NONE},
    {"trees_summary.re_elected", R, SCENARIO_UNIT_NONE},
    {"bounds.wan_floor_s", R | S, SCENARIO_UNIT_SECONDS},
    {"bounds.optimum_s", R | S, SCENARIO_UNIT_SECONDS},
    {"bounds.copy_bytes", R | S, SCENARIO_UNIT_BYTES},
    {"bounds.copies", R | S, SCENARIO_UNIT_NONE},
    {"bounds.gap", R | S, SCENARIO_UNIT_NONE},
    {"validity.loop_lag_p50_s", R, SCENARIO_UNIT_SECONDS},
    {"validity.loop_lag_p99_s", R, SCENARIO_UNIT_SECONDS},
    {"validity.loop_lag_max_s", R, SCENARIO_UNIT_SECONDS},
    {"validity.timers", R, SCENARIO_UNIT_NONE},
    {"validity.pacer_worst", R, SCENARIO_UNIT_SHARE},
    {"validity.relay_worst", R, SCENARIO_UNIT_SHARE},
    {"validity.receive_drops", R, SCENARIO_UNIT_NONE},
    {"engine.wall_s", R, SCENARIO_UNIT_SECONDS},
    {"engine.run_s", R, SCENARIO_UNIT_SECONDS},
    {"engine.events", R, SCENARIO_UNIT_NONE},
    {"engine.records", R, SCENARIO_UNIT_NONE},
    {"engine.peak_rss_bytes", R, SCENARIO_UNIT_BYTES},
    {"engine.peak_descriptors", R, SCENARIO_UNIT_NONE},
    {"size", F, SCENARIO_UNIT_BYTES},
    {"peer.count", F, SCENARIO_UNIT_NONE},
    {"peer.min", F, SCENARIO_UNIT_SECONDS},
    {"peer.mean", F, SCENARIO_UNIT_SECONDS},
    {"peer.p5", F, SCENARIO_UNIT_SECONDS},
    {"peer.p50", F, SCENARIO_UNIT_SECONDS},
    {"peer.p95", F, SCENARIO_UNIT_SECONDS},
    {"peer.max", F, SCENARIO_UNIT_SECONDS},
    {"server.count", F, SCENARIO_UNIT_NONE},
    {"server.min", F, SCENARIO_UNIT_SECONDS},
    {"server.mean", F, SCENARIO_UNIT_SECONDS},
    {"server.p5", F, SCENARIO_UNIT_SECONDS},
    {"server.p50", F, SCENARIO_UNIT_SECONDS},
    {"server.p95", F, SCENARIO_UNIT_SECONDS},
    {"server.max", F, SCENARIO_UNIT_SECONDS},
};

enum { METRICS_LEN = sizeof(metrics) / sizeof(metrics[0]) };

static const char *const prefixes[] = {
    [SCENARIO_SCOPE_RUN] = "",
    [SCENARIO_SCOPE_SITE] = "sites[NAME].",
    [SCENARIO_SCOPE_MODEL] = "models[NAME].",
    [SCENARIO_SCOPE_FILE] = "files[NAME].",
};

bool scenario_metric_split(const char *text, struct scenario_metric *out)
{
    struct scenario_metric m = {.scope = SCENARIO_SCOPE_RUN, .path = text};

    for (unsigned i = SCENARIO_SCOPE_SITE; i <= SCENARIO_SCOPE_FILE; i++) {
        size_t len = strcspn(prefixes[i], "[") + 1;
        if (strncmp(text, prefixes[i], len) != 0) {
            continue;
        }
        const char *name = text + len;
        const char *end = strstr(name, "].");
        if (end == NULL || end == name || (size_t)(end - name) >= sizeof(m.name)) {
            return false;
        }
        memcpy(m.name, name, (size_t)(end - name));
        m.scope = (enum scenario_scope)i;
        m.path = end + 2;
    }
    *out = m;
    return true;
}

/* "completion_s.p99.9", "back_in_service_s.p5": 0 to 100, at most four decimals. */
static bool is_percentile(const char *path)
{
    static const char *const times[] = {"completion_s.p", "back_in_service_s.p"};

    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        size_t len = strlen(times[i]);
        if (strncmp(path, times[i], len) != 0) {
            continue;
        }
        const char *whole = path + len;
        size_t digits = strspn(whole, "0123456789");
        const char *rest = whole + digits;
        size_t decimals = *rest == '.' ? strspn(rest + 1, "0123456789") : 0;
        bool form = digits == 1 || digits == 2 || strncmp(whole, "100", 4) == 0;
        return form &&
               (*rest == '\0' || (decimals >= 1 && decimals <= 4 && rest[1 + decimals] == '\0'));
    }
    return false;
}

static bool find(enum scenario_scope scope, const char *path, enum scenario_unit *unit)
{
    if (scope != SCENARIO_SCOPE_FILE && is_percentile(path)) {
        *unit = SCENARIO_UNIT_SECONDS;
        return true;
    }
    for (size_t i = 0; i < METRICS_LEN; i++) {
        if ((metrics[i].scopes & 1U << scope) != 0 && strcmp(metrics[i].path, path) == 0) {
            *unit = (enum scenario_unit)metrics[i].unit;
            return true;
        }
    }
    return false;
}

bool scenario_metric_unit(const char *text, enum scenario_unit *unit)
{
    struct scenario_metric m;

    return scenario_metric_split(text, &m) && find(m.scope, m.path, unit);
}

static const char *nearest_number(enum scenario_scope scope, const char *path)
{
    const char *names[METRICS_LEN + 1];
    size_t len = 0;

    for (size_t i = 0; i < METRICS_LEN; i++) {
        if ((metrics[i].scopes & 1U << scope) != 0) {
            names[len++] = metrics[i].path;
        }
    }
    names[len] = NULL;
    return reader_nearest(path, names);
}

/* ---- Names in [] ---- */

static bool is_model(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->firmware_len; i++) {
        if (s->firmware[i].model != NULL && strcmp(s->firmware[i].model, name) == 0) {
            return true;
        }
    }
    return s->firmware_len == 0;
}

/* A file of a firmware, or its index. */
static bool is_file(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->firmware_len; i++) {
        const struct scenario_firmware *f = &s->firmware[i];
        size_t len = f->load != NULL ? strlen(f->load) : 0;
        if (len > 0 && strncmp(name, f->load, len) == 0 && strcmp(name + len, ".loads") == 0) {
            return true;
        }
        for (size_t k = 0; f->files != NULL && k < f->files_len; k++) {
            if (f->files[k].name != NULL && strcmp(f->files[k].name, name) == 0) {
                return true;
            }
        }
    }
    return s->firmware_len == 0;
}

static bool has_name(const struct scenario *s, const struct scenario_metric *m)
{
    switch (m->scope) {
    case SCENARIO_SCOPE_RUN:
        return true;
    case SCENARIO_SCOPE_SITE:
        return s->sites_len == 0 || load_find_site(s, m->name) != NULL;
    case SCENARIO_SCOPE_MODEL:
        return is_model(s, m->name);
    case SCENARIO_SCOPE_FILE:
        return is_file(s, m->name);
    }
    return false;
}

/* At most NAMES_MAX of those that the scenario has. */
static const char *nearest_name(const struct scenario *s, const struct scenario_metric *m)
{
    const char *names[NAMES_MAX + 1];
    size_t len = 0;

    for (size_t i = 0; m->scope == SCENARIO_SCOPE_SITE && i < s->sites_len; i++) {
        if (s->sites[i].name != NULL && len < NAMES_MAX) {
            names[len++] = s->sites[i].name;
        }
    }
    for (size_t i = 0; m->scope != SCENARIO_SCOPE_SITE && i < s->firmware_len; i++) {
        const struct scenario_firmware *f = &s->firmware[i];
        if (m->scope == SCENARIO_SCOPE_MODEL && f->model != NULL && len < NAMES_MAX) {
            names[len++] = f->model;
        }
        for (size_t k = 0; m->scope == SCENARIO_SCOPE_FILE && f->files != NULL && k < f->files_len;
             k++) {
            if (f->files[k].name != NULL && len < NAMES_MAX) {
                names[len++] = f->files[k].name;
            }
        }
    }
    names[len] = NULL;
    return reader_nearest(m->name, names);
}

enum scenario_metric_verdict scenario_metric_check(const struct scenario *s, const char *text,
                                                   struct scenario_metric *m,
                                                   enum scenario_unit *unit, const char **nearest)
{
    *nearest = NULL;
    if (!scenario_metric_split(text, m)) {
        return SCENARIO_METRIC_NO_FORM;
    }
    if (!has_name(s, m)) {
        *nearest = nearest_name(s, m);
        return SCENARIO_METRIC_NO_NAME;
    }
    if (!find(m->scope, m->path, unit)) {
        *nearest = nearest_number(m->scope, m->path);
        return SCENARIO_METRIC_NO_NUMBER;
    }
    return SCENARIO_METRIC_GOOD;
}
