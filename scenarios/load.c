/* scenarios/load.c -- from a file to a struct scenario: text, tree, overrides, the root's keys, the
 * plan. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "scenarios/load.h"
#include "sim/err.h"

#define HOUR (3600 * SIM_S)
#define YEAR (365 * 24 * HOUR)

static const char *const world_names[] = {"virtual", "live", NULL};
static const char *const network_names[] = {"fluid", "packet", NULL};
static const char *const method_names[] = {"traditional", "pfs", "load-server", NULL};
static const char *const system_names[] = {"bare", "cucm", "mpp", "tms", "avaya", "ocs", NULL};
static const char *const relay_names[] = {"store-and-forward", "cut-through", NULL};
static const char *const hierarchy_names[] = {"per-file", "per-load", NULL};
static const char *const election_names[] = {"broadcast", "static", NULL};
static const char *const fallback_names[] = {"server", "fail", NULL};

const char *scenario_method_name(enum scenario_method m)
{
    return method_names[m];
}

const char *scenario_world_name(enum scenario_world w)
{
    return world_names[w];
}

const char *scenario_system_name(enum scenario_system s)
{
    return system_names[s];
}

/* ---- seed, start, pfs ---- */

static void read_seed(struct reader *r, const cJSON *item, const struct reader_field *field,
                      void *out)
{
    uint64_t seed = 0;
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    size_t len = strlen(text);

    (void)field;
    if (cJSON_IsNumber(item)) {
        if (reader_whole(r, item, 0, UINT64_C(1) << 53, &seed)) {
            *(uint64_t *)out = seed;
        }
        return;
    }
    bool good = len > 0 && len <= 20 && strspn(text, "0123456789") == len;
    for (size_t i = 0; good && i < len; i++) {
        uint64_t digit = (uint64_t)(text[i] - '0');
        good = seed <= (UINT64_MAX - digit) / 10;
        seed = seed * 10 + digit;
    }
    if (!good) {
        reader_expected(r, item,
                        "a whole number up to 2^53, or one up to 2^64-1 in \"\" (larger numbers "
                        "lose digits in JSON)");
        return;
    }
    *(uint64_t *)out = seed;
}

static const struct reader_field start_fields[] = {
    {.key = "at",
     .read = reader_duration,
     .offset = offsetof(struct scenario, start_at),
     .min = 0,
     .max = YEAR},
    {.key = "spread",
     .read = reader_duration,
     .offset = offsetof(struct scenario, start_spread),
     .min = 0,
     .max = YEAR},
    {0},
};

static void load_start(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    (void)field;
    reader_object(r, item, start_fields, out);
}

static void load_threads(struct reader *r, const cJSON *item, const struct reader_field *field,
                         void *out)
{
    struct scenario *s = out;

    reader_u32(r, item, field, &s->threads);
    s->threads_given = true;
}

#define PFS_AT(member) offsetof(struct pfs_config, member)
#define PFS_TIME(name, least, most)                                                                \
    {                                                                                              \
        .key = #name, .read = reader_duration, .offset = PFS_AT(name), .min = least, .max = most   \
    }

static const struct reader_field pfs_fields[] = {
    {.key = "port", .read = reader_u16, .offset = PFS_AT(port), .min = 1, .max = 65535},
    PFS_TIME(listen, 0, HOUR),
    PFS_TIME(ad_interval, SIM_MS, HOUR),
    {.key = "ads", .read = reader_u32, .offset = PFS_AT(ads), .min = 0, .max = 100},
    PFS_TIME(root_wait, 0, HOUR),
    {.key = "fanout",
     .read = reader_u32,
     .offset = PFS_AT(fanout),
     .min = 1,
     .max = PFS_FANOUT_MAX},
    {.key = "relay", .read = reader_enum, .offset = PFS_AT(relay), .names = relay_names},
    {.key = "chunk",
     .read = reader_size,
     .offset = PFS_AT(chunk),
     .min = 512, /* a packet's worth */
     .max = UINT64_C(1) << 30},
    {.key = "hierarchy",
     .read = reader_enum,
     .offset = PFS_AT(hierarchy),
     .names = hierarchy_names},
    {.key = "election", .read = reader_enum, .offset = PFS_AT(election), .names = election_names},
    PFS_TIME(parent_timeout, SIM_MS, 24 * HOUR),
    PFS_TIME(stall, SIM_MS, 24 * HOUR),
    {.key = "rejoin_attempts",
     .read = reader_u32,
     .offset = PFS_AT(rejoin_attempts),
     .min = 0,
     .max = 1000},
    PFS_TIME(linger, 0, 24 * HOUR),
    PFS_TIME(linger_max, 0, 24 * HOUR),
    {.key = "fallback", .read = reader_enum, .offset = PFS_AT(fallback), .names = fallback_names},
    {0},
};

void load_pfs_defaults(struct pfs_config *pfs)
{
    /* Times and counts of the real console's log where it shows them, else our choice: see
     * PROTOCOL.md. */
    *pfs = (struct pfs_config){.port = 4051,
                               .listen = 500 * SIM_MS,
                               .ad_interval = 250 * SIM_MS,
                               .ads = 4,
                               .root_wait = 10 * SIM_S,
                               .fanout = 2,
                               .relay = PFS_STORE_AND_FORWARD,
                               .hierarchy = PFS_PER_FILE,
                               .election = PFS_BROADCAST,
                               .parent_timeout = 30 * SIM_S,
                               .stall = 60 * SIM_S,
                               .rejoin_attempts = 3,
                               .linger = 30 * SIM_S,
                               .linger_max = 600 * SIM_S,
                               .fallback = PFS_FALLBACK_SERVER};
}

void load_pfs(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    struct pfs_config *pfs = &((struct scenario *)out)->pfs;

    (void)field;
    if (!reader_object(r, item, pfs_fields, pfs)) {
        return;
    }
    if (pfs->relay == PFS_CUT_THROUGH && cJSON_GetObjectItemCaseSensitive(item, "chunk") == NULL) {
        size_t before = reader_push_key(r, "chunk");
        reader_error(r, item, "nothing", NULL,
                     "a size like \"64 KB\": cut-through passes files on in such pieces");
        reader_pop(r, before);
    }
    if (pfs->linger_max < pfs->linger) {
        /* The default of one may be the culprit of the other: shortening needs no second key. */
        if (cJSON_GetObjectItemCaseSensitive(item, "linger_max") == NULL) {
            pfs->linger_max = pfs->linger;
        } else if (cJSON_GetObjectItemCaseSensitive(item, "linger") == NULL) {
            pfs->linger = pfs->linger_max;
        } else {
            reader_error(r, item, "linger above linger_max", NULL,
                         "a \"linger_max\" of at least \"linger\"");
        }
    }
}

/* ---- The root ---- */

#define AT(member) offsetof(struct scenario, member)

/* A factor as millionths; 1 is 0, since all zero is the model as it stands. */
static void read_goodput(struct reader *r, const cJSON *item, const struct reader_field *field,
                         void *out)
{
    (void)field;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0.05 && item->valuedouble <= 1.2)) {
        reader_expected(r, item, "a number from 0.05 to 1.2, 1 for all of the line's rate");
        return;
    }
    uint32_t ppm = (uint32_t)(item->valuedouble * 1e6 + 0.5);
    *(uint32_t *)out = ppm == 1000000 ? 0 : ppm;
}

static const struct reader_field fluid_fields[] = {
    {.key = "goodput", .read = read_goodput, .offset = AT(fluid.goodput_ppm)},
    {.key = "startup",
     .read = reader_duration,
     .offset = AT(fluid.startup),
     .min = 0,
     .max = 60 * SIM_S},
    {.key = "tftp_packet",
     .read = reader_duration,
     .offset = AT(fluid.tftp_packet),
     .min = 0,
     .max = 10 * SIM_S},
    {0},
};

static void load_fluid(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    (void)field;
    reader_object(r, item, fluid_fields, out);
}

/* firmware before sites, server.allow before sites, sites before faults and thresholds. */
static const struct reader_field root_fields[] = {
    {.key = "$schema", .read = reader_skip},
    {.key = "name",
     .read = reader_text,
     .offset = AT(name),
     .min = 1,
     .max = 200,
     .flags = READER_REQUIRED},
    {.key = "seed", .read = read_seed, .offset = AT(seed)},
    {.key = "world", .read = reader_enum, .offset = AT(world), .names = world_names},
    {.key = "method", .read = reader_enum, .offset = AT(method), .names = method_names},
    {.key = "network", .read = reader_enum, .offset = AT(network), .names = network_names},
    {.key = "firmware", .read = load_firmware, .flags = READER_REQUIRED},
    {.key = "server", .read = load_server},
    {.key = "sites", .read = load_sites, .flags = READER_REQUIRED},
    {.key = "start", .read = load_start},
    {.key = "pfs", .read = load_pfs},
    {.key = "faults", .read = load_faults},
    {.key = "thresholds", .read = load_thresholds},
    {.key = "threads", .read = load_threads, .min = 1, .max = SCENARIO_THREADS_MAX},
    {.key = "fluid", .read = load_fluid},
    {0},
};

static void set_defaults(struct scenario *s)
{
    s->seed = 1;
    s->world = SCENARIO_VIRTUAL;
    s->method = SCENARIO_PFS;
    s->network = SCENARIO_FLUID;
    s->start_spread = 10 * SIM_S;
    s->threads = 1;
    load_server_defaults(&s->server);
    load_pfs_defaults(&s->pfs);
}

/* ---- Loading ---- */

static int by_line(const void *a, const void *b)
{
    const struct scenario_error *left = a;
    const struct scenario_error *right = b;

    if (left->line != right->line) {
        return left->line < right->line ? -1 : 1;
    }
    return left->order < right->order ? -1 : 1;
}

static void sort_errors(struct scenario_errors *errors)
{
    for (size_t i = 0; i < errors->len; i++) {
        errors->list[i].order = i;
    }
    if (errors->len > 1) {
        qsort(errors->list, errors->len, sizeof(*errors->list), by_line);
    }
}

static char *folder_of(struct reader *r, const char *path)
{
    char *folder = reader_copy(r, path);
    char *slash = folder == NULL ? NULL : strrchr(folder, '/');

    if (slash != NULL) {
        slash[slash == folder ? 1 : 0] = '\0';
    } else if (folder != NULL) {
        folder[0] = '\0';
    }
    return folder;
}

static void read_tree(struct reader *r, cJSON *root, const char *const *sets, size_t sets_len)
{
    struct scenario *s = r->scenario;
    cJSON *removed = cJSON_CreateArray();

    r->no_memory = r->no_memory || removed == NULL;
    for (size_t i = 0; i < sets_len && !r->no_memory; i++) {
        override_apply(r, root, removed, sets[i]);
    }
    if (!r->no_memory) {
        reader_check_tree(r, root);
        reader_object(r, root, root_fields, s);
    }
    if (r->errors->len == 0 && !r->no_memory) {
        plan_make(r, cJSON_GetObjectItemCaseSensitive(root, "sites"));
    }
    if (r->errors->len == 0 && !r->no_memory) {
        s->text = cJSON_PrintUnformatted(root);
        r->no_memory = s->text == NULL;
    }
    cJSON_Delete(removed);
}

int scenario_load_text(const char *path, const char *text, size_t len, const char *const *sets,
                       size_t sets_len, struct scenario **out, struct scenario_errors *errors)
{
    struct position_index index = {0};
    struct position_fault fault;
    struct reader r = {.index = &index, .errors = errors};
    struct scenario *s = reader_alloc(&r, 1, sizeof(*s));
    char *folder = folder_of(&r, path);
    cJSON *root = NULL;

    *errors = (struct scenario_errors){0};
    if (r.no_memory) {
        goto done;
    }
    set_defaults(s);
    s->path = reader_copy(&r, path);
    r.scenario = s;
    r.folder = folder;
    if (len > SCENARIO_BYTES_MAX) {
        reader_error_at(&r, 0, "", "more than 16 MiB", "a smaller file");
        goto done;
    }
    int rc = position_scan(text, len, &index, &fault);
    if (rc != 0) {
        char found[READER_QUOTE_MAX + 24];
        if (rc == SIM_ENOMEM) {
            r.no_memory = true;
            goto done;
        }
        snprintf(found, sizeof(found), "%s in column %u", fault.found, fault.column);
        reader_error_at(&r, fault.line, "", found, fault.expected);
        goto done;
    }
    root = cJSON_ParseWithLength(text, len);
    if (root == NULL) {
        r.no_memory = true; /* the text is JSON: only memory can be missing */
        goto done;
    }
    position_attach(&index, root);
    read_tree(&r, root, sets, sets_len);

done:
    sort_errors(errors);
    cJSON_Delete(root);
    position_free(&index);
    free(folder);
    if (r.no_memory || errors->len > 0) {
        scenario_free(s);
        return r.no_memory ? SIM_ENOMEM : SIM_EINVAL;
    }
    *out = s;
    return 0;
}

/* The whole file, one byte over the limit at most. 0 and `*out` (free it), or SIM_E*. */
static int read_file(const char *path, char **out, size_t *len)
{
    int rc = SIM_ENOMEM;
    char *text = malloc((size_t)SCENARIO_BYTES_MAX + 1);
    FILE *file = text == NULL ? NULL : fopen(path, "rb");

    if (text != NULL && file == NULL) {
        rc = sim_err_from_errno(errno);
    } else if (file != NULL) {
        *len = fread(text, 1, (size_t)SCENARIO_BYTES_MAX + 1, file);
        rc = ferror(file) ? sim_err_from_errno(errno) : 0;
    }
    if (file != NULL) {
        fclose(file);
    }
    if (rc != 0) {
        free(text);
        return rc;
    }
    *out = text;
    return 0;
}

int scenario_load(const char *path, const char *const *sets, size_t sets_len, struct scenario **out,
                  struct scenario_errors *errors)
{
    char *text = NULL;
    size_t len = 0;
    int rc = read_file(path, &text, &len);

    *errors = (struct scenario_errors){0};
    if (rc == SIM_ENOMEM) {
        return rc;
    }
    if (rc != 0) {
        struct reader r = {.errors = errors};
        struct stat status;
        bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
        reader_error_at(&r, 0, "",
                        is_folder             ? "a folder"
                        : rc == SIM_ENOTFOUND ? "no such file"
                                              : sim_err_text(rc),
                        "a scenario file that can be read");
        return r.no_memory ? SIM_ENOMEM : SIM_EINVAL;
    }
    rc = scenario_load_text(path, text, len, sets, sets_len, out, errors);
    free(text);
    return rc;
}

/* ---- Letting go ---- */

void scenario_free(struct scenario *s)
{
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->firmware_len; i++) {
        struct scenario_firmware *fw = &s->firmware[i];
        for (size_t j = 0; j < fw->files_len; j++) {
            free(fw->files[j].name);
        }
        free(fw->files);
        free(fw->model);
        free(fw->load);
        free(fw->directory);
    }
    for (size_t i = 0; i < s->sites_len; i++) {
        for (size_t j = 0; j < s->sites[i].phones_len; j++) {
            free(s->sites[i].phones[j].running);
            free(s->sites[i].phones[j].load_server);
        }
        free(s->sites[i].phones);
        free(s->sites[i].name);
    }
    for (size_t i = 0; i < s->faults_len; i++) {
        free(s->faults[i].site);
        free(s->faults[i].file);
        free(s->faults[i].numbers);
    }
    for (size_t i = 0; i < s->thresholds_len; i++) {
        free(s->thresholds[i].metric);
        free(s->thresholds[i].expression);
    }
    load_capacities_free(s);
    free((char *)s->server.tls_ca_file);     /* borrowed by worlds, owned here */
    free((char *)s->server.credentials_env); /* likewise */
    free(s->firmware);
    free(s->sites);
    free(s->faults);
    free(s->thresholds);
    free(s->server_url);
    free(s->path);
    cJSON_free(s->text);
    free(s->name);
    free(s);
}
