/* analysis/sweep/grid.c -- see grid.h. */
#include "analysis/sweep/grid.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/memory.h"
#include "analysis/threshold.h"
#include "sim/err.h"

enum {
    SHOWN_MAX = 20,     /* combinations whose errors are told */
    SEEN_MAX = 200,     /* different errors that are told once */
    IDENTITY_MAX = 256, /* bytes of a line about a firmware file */
};

#define EVERY_SITE "sites[*]"

/* While it is made. */
struct making {
    struct analysis_grid *g;
    const struct analysis_grid_config *config;
    size_t sites; /* entries of sites[] */
    uint64_t seen[SEEN_MAX];
    size_t seen_len, bad;
};

static int fail(const struct analysis_grid_config *config, int status, const char *why)
{
    return analysis_program_fail(config->program, "sweep", status, "%s", why);
}

static int no_memory(const struct analysis_grid_config *config)
{
    return fail(config, ANALYSIS_REFUSED, sim_err_text(SIM_ENOMEM));
}

char *analysis_grid_label(const struct analysis_grid *g, size_t combination,
                          char out[ANALYSIS_GRID_LABEL_MAX])
{
    size_t len = 0;

    snprintf(out, ANALYSIS_GRID_LABEL_MAX, "the scenario as it is");
    for (size_t k = 0; k < g->keys_len && len < ANALYSIS_GRID_LABEL_MAX - 1; k++) {
        const struct analysis_vary *key = &g->keys[k];
        int n = snprintf(out + len, ANALYSIS_GRID_LABEL_MAX - len, "%s%.120s=%.120s",
                         k > 0 ? ", " : "", key->path, key->labels[g->list[combination].at[k]]);
        len += n > 0 ? (size_t)n : 0;
    }
    return out;
}

/* ---- Keys ---- */

/* What can't be varied, or not twice. */
static int check_key(const struct analysis_grid_config *config, const struct analysis_grid *g,
                     const char *path)
{
    if (strcmp(path, "seed") == 0) {
        return fail(config, ANALYSIS_USAGE,
                    "--vary seed: --repeat N runs every combination with N seeds, --seed gives the "
                    "first");
    }
    if (strcmp(path, "world") == 0) {
        return fail(config, ANALYSIS_USAGE,
                    "--vary world: a sweep is of one world; give each its own --out and --world");
    }
    for (size_t k = 0; k < g->keys_len; k++) {
        if (strcmp(g->keys[k].path, path) == 0) {
            return analysis_program_fail(config->program, "sweep", ANALYSIS_USAGE,
                                         "--vary %.200s: this key is there twice", path);
        }
    }
    return ANALYSIS_OK;
}

static int parse_keys(struct analysis_grid *g, const struct analysis_grid_config *config)
{
    char why[ANALYSIS_WHY_MAX];
    size_t combinations = 1;

    for (size_t i = 0; i < config->varied->len; i++) {
        if (g->keys_len == ANALYSIS_GRID_KEYS_MAX) {
            return fail(config, ANALYSIS_USAGE, "at most 8 keys can be varied at once");
        }
        struct analysis_vary key = {.path = NULL};
        int rc = analysis_vary_parse(&key, config->varied->items[i], why);
        if (rc != 0) {
            return fail(config, rc == SIM_ENOMEM ? ANALYSIS_REFUSED : ANALYSIS_USAGE, why);
        }
        int status = check_key(config, g, key.path);
        if (status != ANALYSIS_OK) {
            analysis_vary_deinit(&key);
            return status;
        }
        combinations *= key.len; /* at most 1000 x 10,000 */
        g->keys[g->keys_len++] = key;
        if (combinations > ANALYSIS_GRID_MAX) {
            return fail(config, ANALYSIS_USAGE,
                        "over 10,000 combinations; vary fewer keys or fewer values of each");
        }
    }
    g->len = combinations;
    g->list = calloc(combinations, sizeof(*g->list));
    return g->list != NULL ? ANALYSIS_OK : no_memory(config);
}

/* ---- One combination ---- */

static char *format(const char *text, ...) __attribute__((format(printf, 1, 2)));

static char *format(const char *text, ...)
{
    va_list arguments;
    char *out = NULL;

    va_start(arguments, text);
    int n = vasprintf(&out, text, arguments);
    va_end(arguments);
    return n < 0 ? NULL : out;
}

/* "PATH=VALUE" of every key, and of every site for "sites[*]". NULL when out of memory. */
static char **make_sets(const struct making *m, const struct analysis_combination *c, size_t *len)
{
    const struct analysis_grid *g = m->g;
    char **sets = calloc(g->keys_len * (m->sites + 1) + 1, sizeof(*sets));

    *len = 0;
    for (size_t k = 0; sets != NULL && k < g->keys_len; k++) {
        const struct analysis_vary *key = &g->keys[k];
        bool every = strncmp(key->path, EVERY_SITE, strlen(EVERY_SITE)) == 0;
        for (size_t i = 0; i < (every ? m->sites : 1); i++) {
            char *set = every ? format("sites[%zu]%s=%s", i, key->path + strlen(EVERY_SITE),
                                       key->values[c->at[k]])
                              : format("%s=%s", key->path, key->values[c->at[k]]);
            if (set == NULL) {
                for (size_t n = 0; n < *len; n++) {
                    free(sets[n]);
                }
                free(sets);
                return NULL;
            }
            sets[(*len)++] = set;
        }
    }
    return sets;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; text != NULL && *text != '\0'; text++) { /* FNV-1a */
        hash = (hash ^ (unsigned char)*text) * UINT64_C(1099511628211);
    }
    return hash * 31 + 1;
}

/* Has it been told for another combination? */
static bool is_new(struct making *m, uint64_t hash)
{
    for (size_t i = 0; i < m->seen_len; i++) {
        if (m->seen[i] == hash) {
            return false;
        }
    }
    if (m->seen_len < SEEN_MAX) {
        m->seen[m->seen_len++] = hash;
    }
    return true;
}

static void tell(struct making *m, size_t combination)
{
    char label[ANALYSIS_GRID_LABEL_MAX];

    fprintf(m->config->program->err, "pfsim sweep: with %s:\n",
            analysis_grid_label(m->g, combination, label));
}

/* What the loader takes for a --set was a --vary here. */
static void print_errors(const struct making *m, const struct scenario_errors *errors)
{
    static const char set[] = "--set:";
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);

    if (to == NULL) {
        return;
    }
    scenario_errors_print(errors, m->config->path, to);
    fclose(to);
    for (char *line = text; line != NULL && *line != '\0';) {
        size_t n = strcspn(line, "\n");
        bool varied = strncmp(line, set, sizeof(set) - 1) == 0;
        fprintf(m->config->program->err, "%s%.*s\n", varied ? "--vary:" : "",
                (int)(varied ? n - (sizeof(set) - 1) : n), line + (varied ? sizeof(set) - 1 : 0));
        line += n + (line[n] == '\n' ? 1 : 0);
    }
    free(text);
}

/* The same mistake of one key comes back in every combination with it: it is told once. */
static void tell_errors(struct making *m, size_t combination, const struct scenario_errors *errors)
{
    bool any_new = false;

    m->bad++;
    for (size_t i = 0; i < errors->len; i++) {
        const struct scenario_error *e = &errors->list[i];
        uint64_t hash =
            hash_text(hash_text(UINT64_C(14695981039346656037), e->json_path), e->found);
        any_new = is_new(m, hash) || any_new;
    }
    if (any_new && m->bad <= SHOWN_MAX) {
        tell(m, combination);
        print_errors(m, errors);
    }
}

static void tell_why(struct making *m, size_t combination, const char *why)
{
    m->bad++;
    if (is_new(m, hash_text(UINT64_C(14695981039346656037), why)) && m->bad <= SHOWN_MAX) {
        tell(m, combination);
        fprintf(m->config->program->err, "pfsim sweep: %s\n", why);
    }
}

static int check_metrics(struct making *m, size_t combination, const struct scenario *s)
{
    char why[ANALYSIS_WHY_MAX];
    size_t before = m->bad;

    for (size_t i = 0; i < s->thresholds_len; i++) {
        if (analysis_threshold_check(s, s->thresholds[i].metric, why) != 0) {
            tell_why(m, combination, why);
        }
    }
    for (size_t i = 0; i < m->config->metrics_len; i++) {
        if (analysis_threshold_check(s, m->config->metrics[i], why) != 0) {
            tell_why(m, combination, why);
        }
    }
    return m->bad == before ? 0 : SIM_EINVAL;
}

/* Real firmware may change while the scenario that names its folder stays. */
static int identify(struct analysis_combination *c, const struct scenario *s)
{
    struct sim_digest_run *run = sim_digest_run_new();
    struct sim_digest digest;

    if (run == NULL) {
        return SIM_ENOMEM;
    }
    sim_digest_run_update(run, c->text, strlen(c->text));
    for (size_t i = 0; i < s->firmware_len; i++) {
        for (size_t n = 0; n < s->firmware[i].files_len; n++) {
            const struct scenario_file *file = &s->firmware[i].files[n];
            char line[IDENTITY_MAX];
            snprintf(line, sizeof(line), "\n%s %llu", file->name, (unsigned long long)file->size);
            sim_digest_run_update(run, line, strlen(line));
        }
    }
    sim_digest_run_value(run, &digest);
    sim_digest_format(&digest, c->identity);
    sim_digest_run_free(run);
    return 0;
}

/* A figure that is judged is what the reader asks about. */
static int keep_judged(struct analysis_grid *g, const struct scenario *s)
{
    g->has_thresholds = g->has_thresholds || s->thresholds_len > 0;
    for (size_t i = 0; i < s->thresholds_len && g->judged_len < ANALYSIS_GRID_JUDGED_MAX; i++) {
        const char *metric = s->thresholds[i].metric;
        bool known =
            strncmp(metric, "phones.", 7) == 0 || analysis_threshold_is_unrepeatable(metric);
        for (size_t n = 0; n < g->judged_len; n++) {
            known = known || strcmp(g->judged[n], metric) == 0;
        }
        if (!known && (g->judged[g->judged_len] = strdup(metric)) == NULL) {
            return SIM_ENOMEM;
        }
        g->judged_len += !known;
    }
    return 0;
}

static int keep(struct making *m, struct analysis_combination *c, const struct scenario *s)
{
    struct analysis_memory memory = {.scenario = s, .method = s->method, .runs = 1};

    c->method = s->method;
    c->phones = s->phones_total;
    c->text = strdup(s->text);
    if (c->text == NULL || keep_judged(m->g, s) != 0) {
        return SIM_ENOMEM;
    }
    if (s->world == SCENARIO_VIRTUAL) {
        uint64_t need = analysis_memory_estimate(&memory);
        m->g->memory = need > m->g->memory ? need : m->g->memory;
    }
    return identify(c, s);
}

/* 0 also when it has errors, which are told; SIM_ENOMEM. */
static int load(struct making *m, size_t number)
{
    struct analysis_combination *c = &m->g->list[number];
    struct scenario_errors errors = {.list = NULL};
    struct scenario *s = NULL;
    size_t rest = number, sets_len;

    for (size_t k = m->g->keys_len; k-- > 0;) {
        c->at[k] = rest % m->g->keys[k].len;
        rest /= m->g->keys[k].len;
    }
    char **sets = make_sets(m, c, &sets_len);
    if (sets == NULL) {
        return SIM_ENOMEM;
    }
    int rc = scenario_load_text(m->config->path, m->g->text, strlen(m->g->text),
                                (const char *const *)sets, sets_len, &s, &errors);
    if (rc == SIM_EINVAL) {
        tell_errors(m, number, &errors);
        rc = 0;
    } else if (rc == 0 && check_metrics(m, number, s) == 0) {
        rc = keep(m, c, s);
    }
    scenario_errors_free(&errors);
    scenario_free(s);
    for (size_t i = 0; i < sets_len; i++) {
        free(sets[i]);
    }
    free(sets);
    return rc;
}

/* ---- The whole ---- */

static int load_all(struct making *m)
{
    const struct analysis_grid_config *config = m->config;
    for (size_t i = 0; i < m->g->len; i++) {
        if (load(m, i) != 0) {
            return no_memory(config);
        }
    }
    if (m->bad > 0) {
        return analysis_program_fail(config->program, "sweep", ANALYSIS_USAGE,
                                     "%zu of %zu combinations are wrong; nothing was started",
                                     m->bad < m->g->len ? m->bad : m->g->len, m->g->len);
    }
    return ANALYSIS_OK;
}

int analysis_grid_init(struct analysis_grid *g, const struct analysis_grid_config *config)
{
    struct making m = {.g = g, .config = config};
    struct scenario *s = NULL;

    int status = parse_keys(g, config);
    if (status == ANALYSIS_OK) {
        status = analysis_program_load(config->program, "sweep", config->path, config->sets, &s);
    }
    if (status != ANALYSIS_OK) {
        return status;
    }
    g->path = strdup(config->path);
    g->text = strdup(s->text);
    g->name = strdup(s->name);
    g->world = s->world;
    g->seed = s->seed;
    m.sites = s->sites_len;
    scenario_free(s);
    if (g->path == NULL || g->text == NULL || g->name == NULL) {
        return no_memory(config);
    }
    return load_all(&m);
}

void analysis_grid_deinit(struct analysis_grid *g)
{
    for (size_t i = 0; g->list != NULL && i < g->len; i++) {
        free(g->list[i].text);
    }
    for (size_t k = 0; k < g->keys_len; k++) {
        analysis_vary_deinit(&g->keys[k]);
    }
    for (size_t i = 0; i < g->judged_len; i++) {
        free(g->judged[i]);
    }
    free(g->list);
    free(g->path);
    free(g->text);
    free(g->name);
    *g = (struct analysis_grid){.path = NULL};
}
