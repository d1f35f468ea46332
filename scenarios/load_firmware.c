/* scenarios/load_firmware.c -- firmware[]: models, loads, their component files, given by size or
 * found in a folder. */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "phones/provisioning/loads.h"
#include "scenarios/load.h"
#include "sim/content.h"
#include "sim/err.h"

enum {
    FOLDER_ENTRIES_MAX = 4096,    /* names looked at in a folder (our choice) */
    INDEX_BYTES_MAX = 256 * 1024, /* of a .loads; real ones have 2 KB */
};

#define FILE_SIZE_MAX (UINT64_C(1) << 40) /* bytes of one component: 1 TiB (our choice) */

static bool is_file_name(const char *text)
{
    return reader_only(text, "._+-") && strchr(".+-", text[0]) == NULL;
}

static void read_name(struct reader *r, const cJSON *item, const struct reader_field *field,
                      void *out)
{
    if (cJSON_IsString(item) && !is_file_name(item->valuestring)) {
        reader_expected(
            r, item, "a plain file name: letters, digits and . _ + -, first a letter, digit or _");
        return;
    }
    reader_text(r, item, field, out);
}

static void read_model(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    if (cJSON_IsString(item) && !reader_only(item->valuestring, " ._+/()-")) {
        reader_expected(r, item, "a model: letters, digits, blanks and . _ + / ( ) -");
        return;
    }
    reader_text(r, item, field, out);
}

static void read_sha256(struct reader *r, const cJSON *item, const struct reader_field *field,
                        void *out)
{
    struct scenario_file *file = out;

    (void)field;
    if (!cJSON_IsString(item) || sim_digest_parse(item->valuestring, &file->sha256) != 0) {
        reader_expected(r, item, "64 hexadecimal digits");
        return;
    }
    file->has_sha256 = true;
}

static const struct reader_field file_fields[] = {
    {.key = "name",
     .read = read_name,
     .offset = offsetof(struct scenario_file, name),
     .min = 1,
     .max = SCENARIO_FILE_MAX,
     .flags = READER_REQUIRED},
    {.key = "size",
     .read = reader_size,
     .offset = offsetof(struct scenario_file, size),
     .min = 1,
     .max = FILE_SIZE_MAX,
     .flags = READER_REQUIRED},
    {.key = "sha256", .read = read_sha256, .flags = READER_NULLABLE},
    {0},
};

static void read_files(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    struct scenario_firmware *fw = out;

    (void)field;
    if (!reader_list(r, item, 1, SCENARIO_FILES_MAX, "files")) {
        return;
    }
    fw->files = reader_alloc(r, (size_t)cJSON_GetArraySize(item), sizeof(*fw->files));
    if (fw->files == NULL) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        size_t before = reader_push_index(r, fw->files_len);
        struct scenario_file *file = &fw->files[fw->files_len++];
        reader_object(r, child, file_fields, file);
        for (size_t i = 0; file->name != NULL && i + 1 < fw->files_len; i++) {
            if (fw->files[i].name != NULL && strcmp(fw->files[i].name, file->name) == 0) {
                reader_error(r, child, "a second file of that name", NULL, "each name once");
                break;
            }
        }
        reader_pop(r, before);
    }
}

/* ---- A folder of real files ---- */

static bool ends_in_loads(const char *name)
{
    size_t len = strlen(name);

    return len > 6 && strcasecmp(name + len - 6, ".loads") == 0;
}

/* Cisco's order (facts in the README), for folders without an index. */
static int rank(const char *name)
{
    static const char *const order[] = {"jar", "cnu", "apps", "dsp", "cvm"};
    const int count = (int)(sizeof(order) / sizeof(order[0]));

    for (int i = 0; i < count; i++) {
        if (strncasecmp(name, order[i], strlen(order[i])) == 0) {
            return i;
        }
    }
    return count;
}

static int by_rank(const void *a, const void *b)
{
    const char *left = ((const struct scenario_file *)a)->name;
    const char *right = ((const struct scenario_file *)b)->name;
    int order = rank(left) - rank(right);

    return order != 0 ? order : strcmp(left, right);
}

static struct scenario_file *find_file(struct scenario_file *files, size_t len, const char *name)
{
    for (size_t i = 0; i < len; i++) {
        if (strcmp(files[i].name, name) == 0) {
            return &files[i];
        }
    }
    return NULL;
}

/* Every regular file of `folder` whose name can be one of a component; false after an error. */
static bool list_folder(struct reader *r, const cJSON *item, const char *folder,
                        struct scenario_file **out, size_t *out_len)
{
    DIR *dir = opendir(folder);
    size_t entries = 0;
    struct scenario_file *files = NULL;
    size_t len = 0;
    char path[4096];

    if (dir == NULL) {
        reader_expected(r, item, "a folder that can be read (%s: %s)", folder,
                        sim_err_text(sim_err_from_errno(errno)));
        return false;
    }
    files = reader_alloc(r, FOLDER_ENTRIES_MAX, sizeof(*files));
    for (struct dirent *entry; files != NULL && (entry = readdir(dir)) != NULL;) {
        struct stat st;
        int path_len = snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        if (++entries > FOLDER_ENTRIES_MAX) {
            reader_expected(r, item, "a folder of at most %d files", FOLDER_ENTRIES_MAX);
            break;
        }
        if (path_len < 0 || (size_t)path_len >= sizeof(path) || !is_file_name(entry->d_name) ||
            strlen(entry->d_name) > SCENARIO_FILE_MAX || ends_in_loads(entry->d_name) ||
            sim_content_is_configuration(entry->d_name) || stat(path, &st) != 0 ||
            !S_ISREG(st.st_mode) || st.st_size <= 0) {
            continue;
        }
        files[len].size = (uint64_t)st.st_size;
        files[len].name = reader_copy(r, entry->d_name);
        if (files[len].name == NULL) {
            break;
        }
        len++;
    }
    closedir(dir);
    *out = files;
    *out_len = len;
    return files != NULL && entries <= FOLDER_ENTRIES_MAX && !r->no_memory;
}

/* The folder's own index: 0, SIM_ENOTFOUND when there is none, or an error noted. */
static int read_index(struct reader *r, const cJSON *item, const struct scenario_firmware *fw,
                      struct loads *loads)
{
    char path[4096];
    int rc = SIM_EINVAL;

    int path_len = snprintf(path, sizeof(path), "%s/%s.loads", fw->directory, fw->load);
    if (path_len < 0 || (size_t)path_len >= sizeof(path)) {
        return SIM_ENOTFOUND;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return SIM_ENOTFOUND;
    }
    uint8_t *bytes = reader_alloc(r, INDEX_BYTES_MAX, 1);
    if (bytes != NULL) {
        size_t len = fread(bytes, 1, INDEX_BYTES_MAX, file);
        rc = loads_parse(bytes, len, loads);
    }
    free(bytes);
    fclose(file);
    if (rc != 0 && !r->no_memory) {
        reader_error(r, item, fw->load, NULL, "a .loads index in that folder that lists files");
    }
    return rc;
}

/* Moves the files that the index names to the front, in its order; returns how many. */
static size_t order_by_index(struct reader *r, const cJSON *item, const struct loads *loads,
                             struct scenario_file *files, size_t len)
{
    size_t taken = 0;

    for (size_t i = 0; i < loads->len; i++) {
        struct scenario_file *file = find_file(files, len, loads->files[i].name);
        if (file == NULL) {
            reader_error(r, item, "no such file in the folder", NULL,
                         "%s, which the .loads index names", loads->files[i].name);
        } else if ((size_t)(file - files) >= taken) {
            struct scenario_file moved = *file;
            *file = files[taken];
            files[taken++] = moved;
        }
    }
    return taken;
}

static void scan_folder(struct reader *r, const cJSON *item, struct scenario_firmware *fw)
{
    struct scenario_file *files = NULL;
    size_t len = 0;
    size_t kept = 0;
    struct loads *loads = reader_alloc(r, 1, sizeof(*loads));

    if (loads == NULL || !list_folder(r, item, fw->directory, &files, &len)) {
        goto done;
    }
    int rc = read_index(r, item, fw, loads);
    if (rc == 0) {
        kept = order_by_index(r, item, loads, files, len);
    } else if (rc == SIM_ENOTFOUND) {
        qsort(files, len, sizeof(*files), by_rank);
        kept = len;
        if (len == 0 || len > SCENARIO_FILES_MAX) {
            char found[READER_QUOTE_MAX];
            snprintf(found, sizeof(found), "%zu files", len);
            reader_error(r, item, found, NULL, "a folder of 1 to %d files, or with a .loads index",
                         SCENARIO_FILES_MAX);
            kept = 0;
        }
    }
    fw->files = kept == 0 ? NULL : reader_alloc(r, kept, sizeof(*files));
    if (fw->files != NULL) {
        memcpy(fw->files, files, kept * sizeof(*files));
        fw->files_len = kept;
    } else {
        kept = 0;
    }

done:
    for (size_t i = kept; i < len; i++) {
        free(files[i].name);
    }
    free(files);
    free(loads);
}

static void read_directory(struct reader *r, const cJSON *item, const struct reader_field *field,
                           void *out)
{
    struct scenario_firmware *fw = out;
    char *given = NULL;
    const struct reader_field text = {.min = 1, .max = 1024};

    (void)field;
    reader_text(r, item, &text, &given);
    if (given == NULL) {
        return;
    }
    fw->directory = reader_resolve(r, given);
    free(given);
    if (fw->directory != NULL && fw->load != NULL && fw->files == NULL) {
        scan_folder(r, item, fw);
    }
}

static const struct reader_field firmware_fields[] = {
    {.key = "model",
     .read = read_model,
     .offset = offsetof(struct scenario_firmware, model),
     .min = 1,
     .max = SCENARIO_MODEL_MAX,
     .flags = READER_REQUIRED},
    {.key = "load",
     .read = read_name,
     .offset = offsetof(struct scenario_firmware, load),
     .min = 1,
     .max = SCENARIO_LOAD_MAX,
     .flags = READER_REQUIRED},
    {.key = "files", .read = read_files},
    {.key = "directory", .read = read_directory},
    {0},
};

/* ---- What entries must not do to one another: the server has one file of a name ---- */

static bool is_index_of(const struct scenario_firmware *fw, const char *name)
{
    size_t len = fw->load == NULL ? 0 : strlen(fw->load);

    return len > 0 && strncmp(name, fw->load, len) == 0 && strcmp(name + len, ".loads") == 0;
}

static void check_names(struct reader *r, const cJSON *item, const struct scenario_firmware *files,
                        const struct scenario_firmware *index)
{
    for (size_t i = 0; i < files->files_len; i++) {
        if (files->files[i].name != NULL && is_index_of(index, files->files[i].name)) {
            reader_error(r, item, files->files[i].name, NULL, "another name than that of an index");
        }
    }
}

/* `a` is the newer entry, `b` an older one. */
static void check_pair(struct reader *r, const cJSON *item, const struct scenario_firmware *a,
                       const struct scenario_firmware *b)
{
    if (a->model != NULL && b->model != NULL && strcmp(a->model, b->model) == 0) {
        reader_error(r, item, "a second entry of that model", NULL, "each model once");
    }
    bool same_load = a->load != NULL && b->load != NULL && strcmp(a->load, b->load) == 0;
    bool same_files = a->files_len == b->files_len;
    for (size_t i = 0; i < a->files_len; i++) {
        const struct scenario_file *mine = &a->files[i];
        for (size_t j = 0; mine->name != NULL && j < b->files_len; j++) {
            const struct scenario_file *other = &b->files[j];
            bool same = other->name != NULL && strcmp(mine->name, other->name) == 0;
            if (same && mine->size != other->size) {
                reader_error(r, item, mine->name, NULL,
                             "one size for files of one name: the server has only one of them");
            }
            if (same && mine->has_sha256 && other->has_sha256 &&
                memcmp(&mine->sha256, &other->sha256, sizeof(mine->sha256)) != 0) {
                reader_error(r, item, mine->name, NULL,
                             "one sha256 for files of one name: the server has only one of them");
            }
            same_files = same_files && (i != j || same);
        }
    }
    if (same_load && !same_files) {
        reader_error(r, item, "a load of that name with other files", NULL,
                     "the same files in both loads, or two names");
    }
    check_names(r, item, a, b);
    check_names(r, item, b, a);
}

void load_firmware(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    struct scenario *s = out;

    (void)field;
    if (!reader_list(r, item, 1, SCENARIO_FIRMWARE_MAX, "firmware entries")) {
        return;
    }
    s->firmware = reader_alloc(r, (size_t)cJSON_GetArraySize(item), sizeof(*s->firmware));
    if (s->firmware == NULL) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        struct scenario_firmware *fw = &s->firmware[s->firmware_len];
        size_t before = reader_push_index(r, s->firmware_len++);
        if (reader_object(r, child, firmware_fields, fw)) {
            bool has_files = cJSON_GetObjectItemCaseSensitive(child, "files") != NULL;
            bool has_directory = cJSON_GetObjectItemCaseSensitive(child, "directory") != NULL;
            if (has_files == has_directory) {
                reader_error(r, child, has_files ? "\"files\" and \"directory\"" : "neither", NULL,
                             "one of \"files\" and \"directory\"");
            }
            check_names(r, child, fw, fw);
            for (size_t i = 0; i + 1 < s->firmware_len; i++) {
                check_pair(r, child, fw, &s->firmware[i]);
            }
        }
        reader_pop(r, before);
    }
}
