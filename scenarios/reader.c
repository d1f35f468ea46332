/* scenarios/reader.c -- errors with their place, tables of fields, duplicate keys, lists. Values:
 * reader_values.c. */
#include "scenarios/reader.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

enum {
    TEXT_MAX = 600,       /* bytes of "expected" with its NUL */
    NEAREST_LEN_MAX = 48, /* longer words are near to nothing */
    PAIRS_MAX =
        16, /* members of an object that are compared each with each; above that they are sorted */
};

/* ---- Paths ---- */

static size_t push(struct reader *r, const char *text)
{
    size_t before = r->path_len;
    size_t room = sizeof(r->path) - 1 - before;
    size_t len = strnlen(text, room);

    memcpy(r->path + before, text, len);
    r->path_len = before + len;
    r->path[r->path_len] = '\0';
    return before;
}

size_t reader_push_key(struct reader *r, const char *key)
{
    char quoted[READER_QUOTE_MAX];

    if (reader_only(key, "_-$")) {
        size_t before = r->path_len == 0 ? 0 : push(r, ".");
        push(r, key);
        return before;
    }
    size_t before = push(r, "[");
    push(r, reader_quote(key, quoted));
    push(r, "]");
    return before;
}

size_t reader_push_index(struct reader *r, size_t index)
{
    char text[24];

    snprintf(text, sizeof(text), "[%zu]", index);
    return push(r, text);
}

void reader_pop(struct reader *r, size_t path_len)
{
    assert(path_len <= r->path_len);
    r->path_len = path_len;
    r->path[path_len] = '\0';
}

/* ---- Errors ---- */

void reader_error_at(struct reader *r, unsigned line, const char *path, const char *found,
                     const char *expected)
{
    struct scenario_errors *errors = r->errors;
    size_t len = errors->len;

    if (len > READER_ERRORS_MAX) {
        return;
    }
    if (len == READER_ERRORS_MAX) {
        line = SCENARIO_ERROR_LAST; /* stays behind the others when they are sorted */
        found = "more errors";
        expected = "fewer: mend those above first";
        path = "";
    }
    if ((len & (len - 1)) == 0) { /* full at every power of two */
        struct scenario_error *list =
            realloc(errors->list, (len == 0 ? 1 : len * 2) * sizeof(*list));
        if (list == NULL) {
            r->no_memory = true;
            return;
        }
        errors->list = list;
    }
    struct scenario_error *e = &errors->list[errors->len];
    *e = (struct scenario_error){.line = line,
                                 .json_path = reader_copy(r, path),
                                 .found = reader_copy(r, found),
                                 .expected = reader_copy(r, expected)};
    errors->len++;
}

static void describe(const cJSON *item, char out[READER_QUOTE_MAX])
{
    if (item == NULL) {
        snprintf(out, READER_QUOTE_MAX, "nothing");
    } else if (cJSON_IsString(item)) {
        reader_quote(item->valuestring, out);
    } else if (cJSON_IsNumber(item)) {
        snprintf(out, READER_QUOTE_MAX, "%.17g", item->valuedouble);
        if (strtod(out, NULL) == item->valuedouble) {
            char shorter[READER_QUOTE_MAX];
            snprintf(shorter, sizeof(shorter), "%.15g", item->valuedouble);
            if (strtod(shorter, NULL) == item->valuedouble) {
                snprintf(out, READER_QUOTE_MAX, "%.15g", item->valuedouble);
            }
        }
    } else {
        snprintf(out, READER_QUOTE_MAX, "%s",
                 cJSON_IsObject(item)  ? "an object"
                 : cJSON_IsArray(item) ? "a list"
                 : cJSON_IsTrue(item)  ? "true"
                 : cJSON_IsFalse(item) ? "false"
                                       : "null");
    }
}

__attribute__((format(printf, 5, 0))) static void error_v(struct reader *r, const cJSON *item,
                                                          const char *found, const char *nearest,
                                                          const char *format, va_list args)
{
    char expected[TEXT_MAX];
    size_t before = r->errors->len;

    vsnprintf(expected, sizeof(expected), format, args);
    reader_error_at(r, position_line(r->index, item), r->path, found, expected);
    if (nearest != NULL && r->errors->len > before) {
        r->errors->list[before].nearest = reader_copy(r, nearest);
    }
}

void reader_expected(struct reader *r, const cJSON *item, const char *expected, ...)
{
    char found[READER_QUOTE_MAX];
    va_list args;

    describe(item, found);
    va_start(args, expected);
    error_v(r, item, found, NULL, expected, args);
    va_end(args);
}

void reader_error(struct reader *r, const cJSON *item, const char *found, const char *nearest,
                  const char *expected, ...)
{
    char described[READER_QUOTE_MAX];
    va_list args;

    if (found == NULL) {
        describe(item, described);
        found = described;
    }
    va_start(args, expected);
    error_v(r, item, found, nearest, expected, args);
    va_end(args);
}

char *reader_quote(const char *text, char out[READER_QUOTE_MAX])
{
    size_t len = 0;

    out[len++] = '"';
    for (; *text != '\0'; text++) {
        if (len + 5 >= READER_QUOTE_MAX) { /* room for "..." and the closing quote */
            while (((unsigned char)out[len - 1] & 0xc0) == 0x80) {
                len--; /* no half characters */
            }
            len -= (unsigned char)out[len - 1] >= 0xc0 ? 1 : 0;
            memcpy(out + len, "...", 3);
            len += 3;
            break;
        }
        out[len++] = (unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text;
    }
    out[len++] = '"';
    out[len] = '\0';
    return out;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c == '_' ? '-' : c;
}

/* Edits (insert, delete, replace, swap neighbours) from `a` to `b`, case and -/_ apart; large when
 * too long. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t rows[3][NEAREST_LEN_MAX + 1];
    size_t *older = rows[0];
    size_t *old = rows[1];
    size_t *row = rows[2];
    size_t a_len = strlen(a);
    size_t b_len = strlen(b);

    if (a_len > NEAREST_LEN_MAX || b_len > NEAREST_LEN_MAX) {
        return SIZE_MAX;
    }
    for (size_t j = 0; j <= b_len; j++) {
        old[j] = j;
        older[j] = j;
    }
    for (size_t i = 1; i <= a_len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t best = old[j - 1] + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
            best = old[j] + 1 < best ? old[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]) && older[j - 2] + 1 < best) {
                best = older[j - 2] + 1;
            }
            row[j] = best;
        }
        size_t *spare = older;
        older = old;
        old = row;
        row = spare;
    }
    return old[b_len];
}

const char *reader_nearest(const char *text, const char *const *names)
{
    const char *nearest = NULL;
    size_t least = strlen(text) / 3 + 2; /* a word of six letters may have three wrong */

    for (; *names != NULL; names++) {
        size_t distance = edit_distance(text, *names);
        if (distance < least && distance < strlen(*names)) {
            least = distance;
            nearest = *names;
        }
    }
    return nearest;
}

/* ---- Objects and lists ---- */

static const struct reader_field *find_field(const struct reader_field *fields, const char *key)
{
    for (; fields->key != NULL; fields++) {
        if (strcmp(fields->key, key) == 0) {
            return fields;
        }
    }
    return NULL;
}

static void unknown_key(struct reader *r, const cJSON *item, const struct reader_field *fields)
{
    const char *names[64];
    char known[TEXT_MAX] = "";
    size_t known_len = 0;
    size_t count = 0;

    for (; fields->key != NULL && count + 1 < sizeof(names) / sizeof(names[0]); fields++) {
        int len = snprintf(known + known_len, sizeof(known) - known_len, "%s%s",
                           count == 0 ? "" : ", ", fields->key);
        known_len += len > 0 && (size_t)len < sizeof(known) - known_len ? (size_t)len : 0;
        names[count++] = fields->key;
    }
    names[count] = NULL;
    reader_error(r, item, "an unknown key", reader_nearest(item->string, names), "one of: %s",
                 known);
}

static const cJSON *find_member(const cJSON *object, const char *key)
{
    for (const cJSON *child = object->child; child != NULL; child = child->next) {
        if (strcmp(child->string, key) == 0) {
            return child;
        }
    }
    return NULL;
}

void reader_note(struct reader *r, const cJSON *item)
{
    bool good = cJSON_IsString(item) || cJSON_IsArray(item);

    for (const cJSON *line = item->child; good && line != NULL; line = line->next) {
        good = cJSON_IsString(line);
    }
    if (!good) {
        reader_expected(r, item, "a text in \"\", or a list of them");
    }
}

bool reader_object(struct reader *r, const cJSON *item, const struct reader_field *fields,
                   void *out)
{
    if (!cJSON_IsObject(item)) {
        reader_expected(r, item, "an object in {}");
        return false;
    }
    /* In the order of the table, not of the file: later fields may refer to what earlier ones read.
     */
    for (const struct reader_field *field = fields; field->key != NULL; field++) {
        size_t before = reader_push_key(r, field->key);
        const cJSON *member = find_member(item, field->key);
        if (member == NULL) {
            if ((field->flags & READER_REQUIRED) != 0) {
                reader_error(r, item, "nothing", NULL, "the key, which is required");
            }
        } else if (!cJSON_IsNull(member) || (field->flags & READER_NULLABLE) == 0) {
            field->read(r, member, field, (char *)out + field->offset);
        }
        reader_pop(r, before);
    }
    for (const cJSON *member = item->child; member != NULL; member = member->next) {
        size_t before = reader_push_key(r, member->string);
        if (strcmp(member->string, "note") == 0) {
            reader_note(r, member);
        } else if (find_field(fields, member->string) == NULL) {
            unknown_key(r, member, fields);
        }
        reader_pop(r, before);
    }
    return true;
}

static void duplicate_key(struct reader *r, const cJSON *item)
{
    size_t before = reader_push_key(r, item->string);
    reader_error(r, item, "a second value", NULL, "each key once");
    reader_pop(r, before);
}

struct member {
    const cJSON *item;
    size_t number;
};

static int by_key(const void *a, const void *b)
{
    const struct member *left = a;
    const struct member *right = b;
    int order = strcmp(left->item->string, right->item->string);

    return order != 0 ? order : left->number < right->number ? -1 : 1;
}

static void check_duplicates(struct reader *r, const cJSON *object, size_t count)
{
    if (count <= PAIRS_MAX) {
        for (const cJSON *a = object->child; a != NULL; a = a->next) {
            for (const cJSON *b = object->child; b != a; b = b->next) {
                if (strcmp(a->string, b->string) == 0) {
                    duplicate_key(r, a);
                    break;
                }
            }
        }
        return;
    }
    struct member *members = reader_alloc(r, count, sizeof(*members));
    if (members == NULL) {
        return;
    }
    size_t len = 0;
    for (const cJSON *child = object->child; child != NULL; child = child->next) {
        members[len] = (struct member){.item = child, .number = len};
        len++;
    }
    qsort(members, len, sizeof(*members), by_key);
    for (size_t i = 1; i < len; i++) {
        if (strcmp(members[i - 1].item->string, members[i].item->string) == 0) {
            duplicate_key(r, members[i].item);
        }
    }
    free(members);
}

void reader_check_tree(struct reader *r, const cJSON *root)
{
    size_t count = 0;

    if (cJSON_IsNumber(root) && !isfinite(root->valuedouble)) {
        reader_error(r, root, "a number beyond all measure", NULL, "at most 1.8e308");
    }
    for (const cJSON *child = root->child; child != NULL; child = child->next) {
        size_t before =
            cJSON_IsObject(root) ? reader_push_key(r, child->string) : reader_push_index(r, count);
        reader_check_tree(r, child);
        reader_pop(r, before);
        count++;
    }
    if (cJSON_IsObject(root)) {
        check_duplicates(r, root, count);
    }
}

bool reader_list(struct reader *r, const cJSON *item, size_t min, size_t max, const char *of)
{
    if (!cJSON_IsArray(item)) {
        reader_expected(r, item, "a list of %s in []", of);
        return false;
    }
    size_t len = 0;
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        len++;
    }
    if (len < min || len > max) {
        char found[READER_QUOTE_MAX];
        snprintf(found, sizeof(found), "a list of %zu", len);
        reader_error(r, item, found, NULL, "%zu to %zu %s", min, max, of);
        return false;
    }
    return true;
}

void *reader_alloc(struct reader *r, size_t count, size_t size)
{
    void *block = calloc(count == 0 ? 1 : count, size);

    r->no_memory = r->no_memory || block == NULL;
    return block;
}

char *reader_copy(struct reader *r, const char *text)
{
    char *copy = strdup(text);

    r->no_memory = r->no_memory || copy == NULL;
    return copy;
}

void reader_replace(struct reader *r, char **out, const char *text)
{
    free(*out);
    *out = reader_copy(r, text);
}

char *reader_resolve(struct reader *r, const char *path)
{
    if (path[0] == '/' || r->folder[0] == '\0') {
        return reader_copy(r, path);
    }
    size_t size = strlen(r->folder) + strlen(path) + 2;
    char *joined = reader_alloc(r, size, 1);
    if (joined != NULL) {
        snprintf(joined, size, "%s/%s", r->folder, path);
    }
    return joined;
}

size_t reader_characters(const char *text)
{
    size_t count = 0;

    for (; *text != '\0'; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80 ? 1 : 0;
    }
    return count;
}

bool reader_only(const char *text, const char *others)
{
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        char c = *text;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && strchr(others, c) == NULL) {
            return false;
        }
    }
    return true;
}
