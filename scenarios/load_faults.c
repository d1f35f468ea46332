/* scenarios/load_faults.c -- faults[]: each kind has its own keys, and all must name phones, sites
 * and files that exist. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/load.h"

#define TIME_MAX (365 * 24 * 3600 * SIM_S) /* a year (our choice) */

static const char *const kind_names[] = {"crash",        "partition", "server_down",
                                         "corrupt_peer", "wan_down",  NULL};
static const char *const when_names[] = {"root_waiting", "fetching", "serving", NULL};

/* ---- What a fault points at ---- */

static void read_site(struct reader *r, const cJSON *item, const struct reader_field *field,
                      void *out)
{
    const struct reader_field text = {.min = 1, .max = 128};
    const struct scenario *s = r->scenario;

    (void)field;
    if (cJSON_IsString(item) && s->sites_len > 0 && load_find_site(s, item->valuestring) == NULL) {
        const char **names = reader_alloc(r, s->sites_len + 1, sizeof(*names));
        size_t len = 0;
        for (size_t i = 0; names != NULL && i < s->sites_len; i++) {
            if (s->sites[i].name != NULL) {
                names[len++] = s->sites[i].name;
            }
        }
        if (names != NULL) {
            reader_error(r, item, NULL, reader_nearest(item->valuestring, names),
                         "the name of a site, or of one copy like \"branch#2\"");
        }
        free(names);
        return;
    }
    reader_text(r, item, &text, out);
}

static bool is_known_file(const struct scenario *s, const char *name)
{
    for (size_t i = 0; i < s->firmware_len; i++) {
        const struct scenario_firmware *fw = &s->firmware[i];
        size_t load_len = fw->load == NULL ? 0 : strlen(fw->load);
        if (load_len == 0 || fw->files_len == 0) {
            return true; /* an error is noted there */
        }
        if (strncmp(name, fw->load, load_len) == 0 && strcmp(name + load_len, ".loads") == 0) {
            return true;
        }
        for (size_t j = 0; j < fw->files_len; j++) {
            if (fw->files[j].name == NULL || strcmp(name, fw->files[j].name) == 0) {
                return true;
            }
        }
    }
    return s->firmware_len == 0;
}

static const char *nearest_file(const struct scenario *s, const char *name)
{
    const char *nearest = NULL;

    for (size_t i = 0; i < s->firmware_len && nearest == NULL; i++) {
        const char *names[SCENARIO_FILES_MAX + 1] = {NULL};
        for (size_t j = 0; j < s->firmware[i].files_len; j++) {
            names[j] = s->firmware[i].files[j].name;
        }
        nearest = reader_nearest(name, names);
    }
    return nearest;
}

static void read_file(struct reader *r, const cJSON *item, const struct reader_field *field,
                      void *out)
{
    const struct reader_field text = {.min = 1, .max = SCENARIO_FILE_MAX};

    (void)field;
    if (cJSON_IsString(item) && !is_known_file(r->scenario, item->valuestring)) {
        reader_error(r, item, NULL, nearest_file(r->scenario, item->valuestring),
                     "a file of some firmware, or its LOAD.loads");
        return;
    }
    reader_text(r, item, &text, out);
}

static bool add_number(struct reader *r, const cJSON *item, struct scenario_fault *fault)
{
    uint64_t number = 0;

    if (!reader_whole(r, item, 0, SCENARIO_SITE_PHONES_MAX - 1, &number)) {
        return false;
    }
    for (size_t i = 0; i < fault->numbers_len; i++) {
        if (fault->numbers[i] == number) {
            reader_expected(r, item, "each phone once");
            return false;
        }
    }
    fault->numbers[fault->numbers_len++] = (uint32_t)number;
    return true;
}

static void read_phone(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    struct scenario_fault *fault = out;
    const char *word = cJSON_IsString(item) ? item->valuestring : "";

    (void)field;
    if (strcmp(word, "root") == 0) {
        fault->who = SCENARIO_FAULT_ROOT;
    } else if (strcmp(word, "parent") == 0) {
        fault->who = SCENARIO_FAULT_PARENT;
    } else if (!cJSON_IsNumber(item)) {
        reader_expected(r, item, "the number of a phone (from 0), \"root\" or \"parent\"");
    } else if ((fault->numbers = reader_alloc(r, 1, sizeof(*fault->numbers))) != NULL) {
        fault->who = SCENARIO_FAULT_NUMBER;
        add_number(r, item, fault);
    }
}

static void read_numbers(struct reader *r, const cJSON *item, const struct reader_field *field,
                         void *out)
{
    struct scenario_fault *fault = out;
    size_t index = 0;

    (void)field;
    if (!reader_list(r, item, 1, 10000, "numbers of phones")) {
        return;
    }
    fault->numbers = reader_alloc(r, (size_t)cJSON_GetArraySize(item), sizeof(*fault->numbers));
    if (fault->numbers == NULL) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        size_t before = reader_push_index(r, index++);
        bool good = add_number(r, child, fault);
        reader_pop(r, before);
        if (!good) {
            return; /* one is enough: a list of thousands would bury the rest */
        }
    }
}

static void read_when(struct reader *r, const cJSON *item, const struct reader_field *field,
                      void *out)
{
    unsigned when = 0;
    size_t errors = r->errors->len;

    reader_enum(r, item, field, &when);
    if (r->errors->len == errors) { /* SCENARIO_FAULT_AT has no name */
        *(enum scenario_fault_when *)out =
            (enum scenario_fault_when)(when + SCENARIO_FAULT_ROOT_WAITING);
    }
}

/* ---- One table a kind ---- */

#define AT(member) offsetof(struct scenario_fault, member)
#define FIELD_KIND                                                                                 \
    {                                                                                              \
        .key = "kind", .read = reader_skip                                                         \
    }
#define FIELD_SITE                                                                                 \
    {                                                                                              \
        .key = "site", .read = read_site, .offset = AT(site), .flags = READER_NULLABLE             \
    }
#define FIELD_TIME(name, member, more)                                                             \
    {                                                                                              \
        .key = name, .read = reader_duration, .offset = AT(member), .min = 0, .max = TIME_MAX,     \
        .flags = more                                                                              \
    }

static const struct reader_field crash_fields[] = {
    FIELD_KIND,
    FIELD_SITE,
    {.key = "phone", .read = read_phone, .flags = READER_REQUIRED},
    {.key = "file", .read = read_file, .offset = AT(file), .flags = READER_NULLABLE},
    {.key = "when", .read = read_when, .offset = AT(when), .names = when_names},
    FIELD_TIME("at", at, 0),
    FIELD_TIME("down_for", down_for, READER_NULLABLE),
    {.key = "silent", .read = reader_bool, .offset = AT(silent)},
    {0},
};

static const struct reader_field partition_fields[] = {
    FIELD_KIND,
    FIELD_SITE,
    {.key = "phones", .read = read_numbers, .flags = READER_REQUIRED},
    FIELD_TIME("at", at, READER_REQUIRED),
    FIELD_TIME("heal_after", down_for, READER_NULLABLE),
    {0},
};

static const struct reader_field server_down_fields[] = {
    FIELD_KIND,
    FIELD_TIME("at", at, READER_REQUIRED),
    FIELD_TIME("down_for", down_for, READER_NULLABLE),
    {0},
};

static const struct reader_field corrupt_peer_fields[] = {
    FIELD_KIND,
    FIELD_SITE,
    {.key = "phone", .read = read_phone, .flags = READER_REQUIRED},
    {.key = "file", .read = read_file, .offset = AT(file), .flags = READER_NULLABLE},
    {0},
};

static const struct reader_field wan_down_fields[] = {
    FIELD_KIND,
    FIELD_SITE,
    FIELD_TIME("at", at, READER_REQUIRED),
    FIELD_TIME("down_for", down_for, READER_NULLABLE),
    {0},
};

static const struct reader_field *fields_of(enum scenario_fault_kind kind)
{
    switch (kind) {
    case SCENARIO_FAULT_CRASH:
        return crash_fields;
    case SCENARIO_FAULT_PARTITION:
        return partition_fields;
    case SCENARIO_FAULT_SERVER_DOWN:
        return server_down_fields;
    case SCENARIO_FAULT_CORRUPT_PEER:
        return corrupt_peer_fields;
    case SCENARIO_FAULT_WAN_DOWN:
        return wan_down_fields;
    }
    return crash_fields;
}

/* Numbers must be those of phones: of the site named, or of the largest one. */
static void check_numbers(struct reader *r, const cJSON *item, const struct scenario_fault *fault)
{
    const struct scenario *s = r->scenario;
    uint32_t phones = 0;

    if (fault->site != NULL) {
        const struct scenario_site *site = load_find_site(s, fault->site);
        phones = site == NULL ? 0 : site->phones_total;
    } else {
        for (size_t i = 0; i < s->sites_len; i++) {
            phones = s->sites[i].phones_total > phones ? s->sites[i].phones_total : phones;
        }
    }
    for (size_t i = 0; phones > 0 && i < fault->numbers_len; i++) {
        if (fault->numbers[i] >= phones) {
            char found[READER_QUOTE_MAX];
            snprintf(found, sizeof(found), "phone %u", fault->numbers[i]);
            reader_error(r, item, found, NULL, "a phone of the site: 0 to %u", phones - 1);
            return;
        }
    }
}

static void read_fault(struct reader *r, const cJSON *item, struct scenario_fault *fault)
{
    const struct reader_field kind_field = {.names = kind_names};
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(item, "kind");
    size_t errors = r->errors->len;

    *fault = (struct scenario_fault){.at = SIM_NEVER, .down_for = SIM_NEVER};
    if (!cJSON_IsObject(item)) {
        reader_expected(r, item, "an object in {}");
        return;
    }
    size_t before = reader_push_key(r, "kind");
    if (kind == NULL) {
        reader_error(r, item, "nothing", NULL, "the key, which is required");
    } else {
        reader_enum(r, kind, &kind_field, &fault->kind);
    }
    reader_pop(r, before);
    if (r->errors->len > errors) {
        return; /* which keys it may have is not known */
    }
    reader_object(r, item, fields_of(fault->kind), fault);
    bool has_at = cJSON_GetObjectItemCaseSensitive(item, "at") != NULL;
    bool has_when = cJSON_GetObjectItemCaseSensitive(item, "when") != NULL;
    if (fault->kind == SCENARIO_FAULT_CRASH && has_at == has_when) {
        reader_error(r, item, has_at ? "\"at\" and \"when\"" : "neither", NULL,
                     "one of \"at\" and \"when\"");
    }
    if (fault->kind == SCENARIO_FAULT_CORRUPT_PEER) {
        fault->at = 0;
    }
    check_numbers(r, item, fault);
}

void load_faults(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    struct scenario *s = out;

    (void)field;
    if (!reader_list(r, item, 0, SCENARIO_FAULTS_MAX, "faults")) {
        return;
    }
    s->faults = reader_alloc(r, (size_t)cJSON_GetArraySize(item), sizeof(*s->faults));
    if (s->faults == NULL) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        size_t before = reader_push_index(r, s->faults_len);
        read_fault(r, child, &s->faults[s->faults_len++]);
        reader_pop(r, before);
    }
}
