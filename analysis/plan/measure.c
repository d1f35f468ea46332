/* analysis/plan/measure.c -- see measure.h. */
#include "analysis/plan/measure.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/options.h"
#include "sim/err.h"
#include "sim/units.h"

enum {
    METHODS = ANALYSIS_MEASURE_PFS | ANALYSIS_MEASURE_LOAD_SERVER | ANALYSIS_MEASURE_TRADITIONAL
};

static const char *const names[ANALYSIS_MEASURE_PARTS + 1] = {
    "pfs", "spread", "block", "window", "http", "limit", "load-server", "traditional", NULL};

/* ---- Costs ---- */

void analysis_weights_init(struct analysis_weights *w)
{
    *w = (struct analysis_weights){.of = {1, 2, 4, 1, 6, 8, 16, 1}};
}

static int find_name(const char *name, size_t len)
{
    for (int i = 0; i < ANALYSIS_MEASURE_PARTS; i++) {
        if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) {
            return i;
        }
    }
    return -1;
}

int analysis_weights_parse(struct analysis_weights *w, const char *text, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_weights made = *w;

    for (;;) {
        size_t len = strcspn(text, "=,");
        int part = find_name(text, len);
        char *end = NULL;
        double value = text[len] == '=' ? strtod(text + len + 1, &end) : -1;
        if (part < 0) {
            char name[32];
            snprintf(name, sizeof(name), "%.*s", (int)(len < 31 ? len : 31), text);
            const char *near = analysis_options_nearest(name, names);
            snprintf(
                why, ANALYSIS_WHY_MAX,
                "--cost: unknown measure %s; %s%s%sthere are pfs, spread, block, window, http, "
                "limit, load-server, traditional",
                name, near != NULL ? "did you mean " : "", near != NULL ? near : "",
                near != NULL ? "? " : "");
            return SIM_EINVAL;
        }
        if (end == text + len + 1 || end == NULL || (*end != ',' && *end != '\0') ||
            !(value >= 0 && value <= 1e6)) {
            snprintf(why, ANALYSIS_WHY_MAX, "--cost %s: expected %s=NUMBER, from 0 to 1000000",
                     names[part], names[part]);
            return SIM_EINVAL;
        }
        made.of[part] = value;
        if (*end == '\0') {
            break;
        }
        text = end + 1;
    }
    *w = made;
    return 0;
}

double analysis_measure_cost(const struct analysis_weights *w, unsigned parts)
{
    double cost = 0;

    for (int i = 0; i < ANALYSIS_MEASURE_PARTS; i++) {
        cost += (parts >> i & 1) != 0 ? w->of[i] : 0;
    }
    return cost;
}

/* ---- Sets ---- */

static unsigned count_bits(unsigned parts)
{
    unsigned count = 0;

    for (; parts != 0; parts &= parts - 1) {
        count++;
    }
    return count;
}

bool analysis_measure_is_sound(unsigned parts)
{
    unsigned line = ANALYSIS_MEASURE_BLOCK | ANALYSIS_MEASURE_WINDOW | ANALYSIS_MEASURE_HTTP |
                    ANALYSIS_MEASURE_LIMIT;

    if (count_bits(parts & METHODS) > 1 &&
        (parts & METHODS) != (ANALYSIS_MEASURE_PFS | ANALYSIS_MEASURE_LOAD_SERVER)) {
        return false; /* one method at a time, but roots may fetch from a load server */
    }
    if ((parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0 && (parts & line) != 0) {
        return false; /* its phones don't use the line */
    }
    if ((parts & ANALYSIS_MEASURE_HTTP) != 0 && (parts & ANALYSIS_MEASURE_BLOCK) != 0) {
        return false;
    }
    return (parts & ANALYSIS_MEASURE_WINDOW) == 0 || (parts & ANALYSIS_MEASURE_BLOCK) != 0;
}

/* ---- Words ---- */

static void say(char out[ANALYSIS_MEASURE_TEXT_MAX], const char *what)
{
    size_t len = strlen(out);
    snprintf(out + len, ANALYSIS_MEASURE_TEXT_MAX - len, "%s%s", len > 0 ? ", " : "", what);
}

char *analysis_measure_text(const struct analysis_measure *m, char out[ANALYSIS_MEASURE_TEXT_MAX])
{
    char text[64], number[SIM_UNITS_TEXT_MAX];

    out[0] = '\0';
    if ((m->parts & ANALYSIS_MEASURE_TRADITIONAL) != 0) {
        say(out, "sharing off");
    }
    if ((m->parts & ANALYSIS_MEASURE_PFS) != 0) {
        say(out, "PFS");
    }
    if ((m->parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0) {
        say(out, "load server");
    }
    if ((m->parts & ANALYSIS_MEASURE_SPREAD) != 0) {
        snprintf(text, sizeof(text), "start over %s", sim_units_format_duration(m->spread, number));
        say(out, text);
    }
    if ((m->parts & ANALYSIS_MEASURE_HTTP) != 0) {
        say(out, "HTTP");
    }
    if ((m->parts & ANALYSIS_MEASURE_WINDOW) != 0) {
        say(out, "TFTP 1468 B x 8");
    } else if ((m->parts & ANALYSIS_MEASURE_BLOCK) != 0) {
        say(out, "TFTP 1468 B");
    }
    if ((m->parts & ANALYSIS_MEASURE_LIMIT) != 0) {
        snprintf(text, sizeof(text), "limit %s", sim_units_format_rate(m->limit_bit_s, number));
        say(out, text);
    }
    if (out[0] == '\0') {
        say(out, "as it is");
    }
    return out;
}

cJSON *analysis_measure_json(const struct analysis_measure *m)
{
    cJSON *o = cJSON_CreateObject();
    cJSON *parts = cJSON_AddArrayToObject(o, "parts");

    for (int i = 0; parts != NULL && i < ANALYSIS_MEASURE_PARTS; i++) {
        if ((m->parts >> i & 1) != 0) {
            cJSON_AddItemToArray(parts, cJSON_CreateString(names[i]));
        }
    }
    if ((m->parts & ANALYSIS_MEASURE_SPREAD) != 0) {
        cJSON_AddNumberToObject(o, "spread_s", (double)(m->spread / SIM_S));
    }
    if ((m->parts & ANALYSIS_MEASURE_LIMIT) != 0) {
        cJSON_AddNumberToObject(o, "limit_bit_s", (double)m->limit_bit_s);
    }
    return o;
}

static bool read_whole(const cJSON *o, const char *key, double max, uint64_t *out)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);

    if (!cJSON_IsNumber(n) || !(n->valuedouble >= 0 && n->valuedouble <= max)) {
        return false;
    }
    *out = (uint64_t)n->valuedouble;
    return true;
}

bool analysis_measure_read(const cJSON *json, struct analysis_measure *out)
{
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(json, "parts"), *item;
    struct analysis_measure m = {.parts = 0};
    uint64_t seconds = 0;

    if (!cJSON_IsArray(parts)) {
        return false;
    }
    cJSON_ArrayForEach(item, parts)
    {
        const char *name = cJSON_GetStringValue(item);
        int part = name == NULL ? -1 : find_name(name, strlen(name));
        if (part < 0) {
            return false;
        }
        m.parts |= 1U << part;
    }
    if (((m.parts & ANALYSIS_MEASURE_SPREAD) != 0 &&
         !read_whole(json, "spread_s", 1e9, &seconds)) ||
        ((m.parts & ANALYSIS_MEASURE_LIMIT) != 0 &&
         !read_whole(json, "limit_bit_s", 1e12, &m.limit_bit_s)) ||
        !analysis_measure_is_sound(m.parts)) {
        return false;
    }
    m.spread = seconds * SIM_S;
    *out = m;
    return true;
}

/* ---- Into a scenario ---- */

/* Replaces or adds. */
static bool put(cJSON *o, const char *key, cJSON *value)
{
    if (value == NULL) {
        return false;
    }
    if (cJSON_GetObjectItemCaseSensitive(o, key) != NULL) {
        return cJSON_ReplaceItemInObjectCaseSensitive(o, key, value) != 0;
    }
    return cJSON_AddItemToObject(o, key, value) != 0;
}

static cJSON *object_at(cJSON *o, const char *key)
{
    cJSON *found = cJSON_GetObjectItemCaseSensitive(o, key);

    return cJSON_IsObject(found)               ? found
           : put(o, key, cJSON_CreateObject()) ? cJSON_GetObjectItemCaseSensitive(o, key)
                                               : NULL;
}

static enum scenario_method method_of(const struct analysis_measure *m, enum scenario_method now)
{
    return (m->parts & ANALYSIS_MEASURE_PFS) != 0           ? SCENARIO_PFS
           : (m->parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0 ? SCENARIO_LOAD_SERVER
           : (m->parts & ANALYSIS_MEASURE_TRADITIONAL) != 0 ? SCENARIO_TRADITIONAL
                                                            : now;
}

/* Within a scenario of `method`, the phones of a class follow another one by their own keys. */
static bool apply_method(cJSON *site, const struct analysis_measure *m, enum scenario_method method,
                         enum scenario_method wanted)
{
    cJSON *entry;
    bool good = true;

    cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(site, "phones"))
    {
        if ((m->parts & ANALYSIS_MEASURE_PFS) != 0) {
            cJSON_DeleteItemFromObjectCaseSensitive(entry, "pfs"); /* sharing is on by default */
        } else if (wanted != SCENARIO_PFS && method == SCENARIO_PFS) {
            good = good && put(entry, "pfs", cJSON_CreateFalse());
        }
        bool lan = wanted == SCENARIO_LOAD_SERVER || (m->parts & ANALYSIS_MEASURE_LOAD_SERVER) != 0;
        if (lan && method != SCENARIO_LOAD_SERVER) {
            good = good && put(entry, "load_server", cJSON_CreateString("load-server"));
        }
    }
    return good;
}

static bool apply_rest(cJSON *root, cJSON *site, const struct analysis_measure *m)
{
    char text[64];
    bool good = true;

    if ((m->parts & ANALYSIS_MEASURE_SPREAD) != 0) {
        snprintf(text, sizeof(text), "%" PRIu64 " s", m->spread / SIM_S);
        cJSON *start = object_at(site, "start");
        good = good && start != NULL && put(start, "spread", cJSON_CreateString(text));
    }
    if ((m->parts & ANALYSIS_MEASURE_HTTP) != 0) {
        good = good && put(site, "protocol", cJSON_CreateString("http"));
    }
    if ((m->parts & ANALYSIS_MEASURE_LIMIT) != 0) {
        snprintf(text, sizeof(text), "%" PRIu64 " bit/s", m->limit_bit_s);
        good = good && put(site, "wan_limit", cJSON_CreateString(text));
    }
    if ((m->parts & ANALYSIS_MEASURE_BLOCK) != 0) {
        cJSON *server = object_at(root, "server");
        good = good && server != NULL &&
               put(server, "block_size", cJSON_CreateNumber(ANALYSIS_MEASURE_BLOCK_SIZE));
        if ((m->parts & ANALYSIS_MEASURE_WINDOW) != 0) {
            good = good && server != NULL &&
                   put(server, "window", cJSON_CreateNumber(ANALYSIS_MEASURE_WINDOW_SIZE));
        }
    }
    return good;
}

bool analysis_measure_set_server(cJSON *root, const struct analysis_setting *setting)
{
    cJSON *server = object_at(root, "server");

    return server != NULL && put(server, setting->key, cJSON_CreateString(setting->value));
}

bool analysis_measure_apply(cJSON *root, enum scenario_method method,
                            const struct analysis_measure *measures, size_t len)
{
    cJSON *sites = cJSON_GetObjectItemCaseSensitive(root, "sites"), *site;
    enum scenario_method common = method;
    size_t i = 0;
    bool good = true;

    /* Sharing is a method of the whole scenario, switched off phone by phone; a load server is one,
     * and may be named phone by phone. */
    for (i = 0; i < len; i++) {
        enum scenario_method wanted = method_of(&measures[i], method);
        if (wanted == SCENARIO_PFS) {
            common = SCENARIO_PFS;
        } else if (common == SCENARIO_LOAD_SERVER && wanted == SCENARIO_TRADITIONAL) {
            common = SCENARIO_TRADITIONAL;
        }
    }
    for (i = 1; i < len && method_of(&measures[i], method) == method_of(&measures[0], method);) {
        i++;
    }
    common = i >= len && len > 0 ? method_of(&measures[0], method) : common; /* all the same */
    if (common != method) {
        good = put(root, "method", cJSON_CreateString(scenario_method_name(common)));
    }
    i = 0;
    cJSON_ArrayForEach(site, sites)
    {
        if (i == len) {
            break;
        }
        good = good && apply_method(site, &measures[i], common, method_of(&measures[i], method)) &&
               apply_rest(root, site, &measures[i]);
        i++;
    }
    return good;
}
