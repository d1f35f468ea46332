/* analysis/document_schema.c -- a walk over value and schema together. */
#include "analysis/document_schema.h"

#include <assert.h>
#include <math.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/json.h"

enum { NAME_BYTES_MAX = 1000 }; /* of names in a result; a scenario's are shorter */

struct walk {
    const cJSON *definitions;
    struct analysis_document_fault *fault;
    size_t path_len;
};

/* "#/$defs/count" to its schema; schemas of ours name what is there. */
static const cJSON *resolve(const struct walk *w, const cJSON *schema)
{
    static const char prefix[] = "#/$defs/";
    const char *ref = cJSON_GetStringValue(analysis_json_get(schema, "$ref"));

    while (ref != NULL) {
        assert(strncmp(ref, prefix, sizeof(prefix) - 1) == 0);
        schema = analysis_json_get(w->definitions, ref + sizeof(prefix) - 1);
        assert(schema != NULL);
        ref = cJSON_GetStringValue(analysis_json_get(schema, "$ref"));
    }
    return schema;
}

/* ---- The path; push returns what pop takes ---- */

static size_t push(struct walk *w, const char *format, const char *key, int index)
{
    size_t before = w->path_len, left = sizeof(w->fault->path) - before;
    char *at = w->fault->path + before;
    int n = key != NULL ? snprintf(at, left, "%s%s", before > 0 ? format : "", key)
                        : snprintf(at, left, "[%d]", index);

    w->path_len += n < 0 ? 0 : (size_t)n < left ? (size_t)n : left - 1;
    return before;
}

static void pop(struct walk *w, size_t before)
{
    w->path_len = before;
    w->fault->path[before] = '\0';
}

/* ---- One value ---- */

static bool is_of_type(const cJSON *item, const char *type)
{
    if (strcmp(type, "null") == 0) {
        return cJSON_IsNull(item);
    }
    if (strcmp(type, "boolean") == 0) {
        return cJSON_IsBool(item);
    }
    if (strcmp(type, "string") == 0) {
        return cJSON_IsString(item);
    }
    if (strcmp(type, "array") == 0) {
        return cJSON_IsArray(item);
    }
    if (strcmp(type, "object") == 0) {
        return cJSON_IsObject(item);
    }
    bool number = cJSON_IsNumber(item) && isfinite(item->valuedouble);
    return number && (strcmp(type, "number") == 0 || item->valuedouble == floor(item->valuedouble));
}

static const char *words_of(const char *type)
{
    static const char *const words[][2] = {
        {"null", "null"},
        {"boolean", "true or false"},
        {"string", "a text"},
        {"array", "a list"},
        {"object", "an object"},
        {"number", "a number"},
        {"integer", "a whole number"},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(words[i][0], type) == 0) {
            return words[i][1];
        }
    }
    return type;
}

static bool fault(struct walk *w, const cJSON *item, const char *expected)
{
    w->fault->item = item;
    if (expected != NULL) {
        snprintf(w->fault->expected, sizeof(w->fault->expected), "%s", expected);
    }
    return false;
}

/* "a number or null" of a type or a list of them. */
static void describe(const cJSON *types, char *out, size_t size)
{
    const cJSON *type = cJSON_IsArray(types) ? types->child : types;
    size_t len = 0;

    out[0] = '\0';
    for (; type != NULL && len < size; type = cJSON_IsArray(types) ? type->next : NULL) {
        const char *text = cJSON_IsString(type) ? type->valuestring : "null";
        len +=
            (size_t)snprintf(out + len, size - len, "%s%s", len > 0 ? " or " : "", words_of(text));
    }
}

static bool check_type(struct walk *w, const cJSON *item, const cJSON *types)
{
    const cJSON *type = cJSON_IsArray(types) ? types->child : types;

    for (; type != NULL; type = cJSON_IsArray(types) ? type->next : NULL) {
        if (is_of_type(item, type->valuestring)) {
            return true;
        }
    }
    describe(types, w->fault->expected, sizeof(w->fault->expected));
    return types == NULL || fault(w, item, NULL);
}

static bool check_enum(struct walk *w, const cJSON *item, const cJSON *values)
{
    const cJSON *value;

    cJSON_ArrayForEach(value, values)
    {
        if (cJSON_Compare(item, value, true)) {
            return true;
        }
    }
    describe(values, w->fault->expected, sizeof(w->fault->expected));
    return values == NULL || fault(w, item, NULL);
}

static bool check_range(struct walk *w, const cJSON *item, const cJSON *schema)
{
    const cJSON *least = analysis_json_get(schema, "minimum"),
                *most = analysis_json_get(schema, "maximum");
    char text[sizeof(w->fault->expected)], types[32];

    if (!(least != NULL && item->valuedouble < least->valuedouble) &&
        !(most != NULL && item->valuedouble > most->valuedouble)) {
        return true;
    }
    describe(analysis_json_get(schema, "type"), types, sizeof(types));
    if (least != NULL && most != NULL) {
        snprintf(text, sizeof(text), "%s, from %.15g to %.15g", types, least->valuedouble,
                 most->valuedouble);
    } else {
        snprintf(text, sizeof(text), "%s, at %s %.15g", types, least != NULL ? "least" : "most",
                 (least != NULL ? least : most)->valuedouble);
    }
    return fault(w, item, text);
}

static bool check_pattern(struct walk *w, const cJSON *item, const cJSON *pattern)
{
    char text[sizeof(w->fault->expected)];
    regex_t regex;

    if (pattern == NULL) {
        return true;
    }
    if (regcomp(&regex, pattern->valuestring, REG_EXTENDED | REG_NOSUB) != 0) {
        return fault(w, item, "memory to check it");
    }
    bool fits = regexec(&regex, item->valuestring, 0, NULL, 0) == 0;
    regfree(&regex);
    snprintf(text, sizeof(text), "a text like %s", pattern->valuestring);
    return fits || fault(w, item, text);
}

static bool check(struct walk *w, const cJSON *item, const cJSON *schema);

static int compare_names(const void *a, const void *b)
{
    const cJSON *x = *(const cJSON *const *)a, *y = *(const cJSON *const *)b;

    return strcmp(x->string, y->string);
}

/* Readers would take the one or the other of two members with one name. Sorted, as a damaged
 * document may have many. */
static bool check_twice(struct walk *w, const cJSON *object)
{
    size_t len = 0, at = 0;
    const cJSON *child, *found = NULL;

    cJSON_ArrayForEach(child, object)
    {
        len++;
    }
    const cJSON **list = malloc((len + 1) * sizeof(*list));
    if (list == NULL) {
        return fault(w, object, "memory to check it");
    }
    cJSON_ArrayForEach(child, object)
    {
        list[at++] = child;
    }
    qsort(list, len, sizeof(*list), compare_names);
    for (size_t i = 1; i < len && found == NULL; i++) {
        found = compare_names(&list[i - 1], &list[i]) == 0 ? list[i] : NULL;
    }
    free(list);
    if (found == NULL) {
        return true;
    }
    push(w, ".", found->string, 0);
    return fault(w, found, "each name once in an object");
}

/* Long names would come again in each table and chart of a report. */
static bool check_names(struct walk *w, const cJSON *object)
{
    static const char *const names[] = {"name", "site", "class",  "phone",   "model",
                                        "file", "root", "reason", "scenario"};
    const cJSON *child;

    cJSON_ArrayForEach(child, object)
    {
        if (strlen(child->string) > NAME_BYTES_MAX) {
            return fault(w, child, "names of at most 1,000 bytes");
        }
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            if (cJSON_IsString(child) && strlen(child->valuestring) > NAME_BYTES_MAX &&
                strcmp(child->string, names[i]) == 0) {
                push(w, ".", child->string, 0);
                return fault(w, child, "at most 1,000 bytes");
            }
        }
    }
    return true;
}

static bool check_object(struct walk *w, const cJSON *item, const cJSON *schema)
{
    const cJSON *properties = analysis_json_get(schema, "properties");
    const cJSON *others = analysis_json_get(schema, "additionalProperties");
    const cJSON *key, *child;

    if (!check_twice(w, item) || !check_names(w, item)) {
        return false;
    }
    cJSON_ArrayForEach(key, analysis_json_get(schema, "required"))
    {
        if (analysis_json_get(item, key->valuestring) == NULL) {
            push(w, ".", key->valuestring, 0);
            w->fault->missing = true;
            return fault(w, item, NULL);
        }
    }
    cJSON_ArrayForEach(child, item)
    {
        const cJSON *found = analysis_json_get(properties, child->string);
        const cJSON *of = found != NULL ? found : others;
        if (!cJSON_IsObject(of)) {
            continue;
        }
        size_t before = push(w, ".", child->string, 0);
        if (!check(w, child, of)) {
            return false;
        }
        pop(w, before);
    }
    return true;
}

static bool check_array(struct walk *w, const cJSON *item, const cJSON *schema)
{
    const cJSON *least = analysis_json_get(schema, "minItems"),
                *most = analysis_json_get(schema, "maxItems");
    const cJSON *items = analysis_json_get(schema, "items"), *child;
    int len = cJSON_GetArraySize(item), at = 0;
    char text[64];

    if ((least != NULL && len < least->valueint) || (most != NULL && len > most->valueint)) {
        snprintf(text, sizeof(text), "a list of %s %d elements",
                 least != NULL ? "at least" : "at most",
                 least != NULL ? least->valueint : most->valueint);
        return fault(w, item, text);
    }
    cJSON_ArrayForEach(child, item)
    {
        size_t before = push(w, "", NULL, at++);
        if (items != NULL && !check(w, child, items)) {
            return false;
        }
        pop(w, before);
    }
    return true;
}

static bool check(struct walk *w, const cJSON *item, const cJSON *schema)
{
    schema = resolve(w, schema);

    if (!check_type(w, item, analysis_json_get(schema, "type")) ||
        !check_enum(w, item, analysis_json_get(schema, "enum")) ||
        (cJSON_IsNumber(item) && !check_range(w, item, schema)) ||
        (cJSON_IsString(item) && !check_pattern(w, item, analysis_json_get(schema, "pattern")))) {
        return false;
    }
    if (cJSON_IsObject(item)) {
        return check_object(w, item, schema);
    }
    return !cJSON_IsArray(item) || check_array(w, item, schema);
}

bool analysis_document_fits(const cJSON *document, const cJSON *schema, const char *definition,
                            struct analysis_document_fault *fault_out)
{
    struct walk w = {.definitions = analysis_json_get(schema, "$defs"), .fault = fault_out};

    *fault_out = (struct analysis_document_fault){.item = NULL};
    return check(&w, document, analysis_json_get(w.definitions, definition));
}
