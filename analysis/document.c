/* analysis/document.c -- open, read within limits, parse strictly, check; see document.h. */
#include "analysis/document.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "analysis/document_schema.h"
#include "analysis/result.h"
#include "scenarios/position.h"
#include "sim/err.h"

static int no_memory(char why[ANALYSIS_WHY_MAX])
{
    snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
    return SIM_ENOMEM;
}

static int unreadable(const char *path, int errnum, char why[ANALYSIS_WHY_MAX])
{
    snprintf(why, ANALYSIS_WHY_MAX, "can't read %.300s: %s", path, strerror(errnum));
    return sim_err_from_errno(errnum);
}

/* A plan's folder has no result, but what makes one. `file` is room for a path. */
static bool find_plan(const char *path, char file[ANALYSIS_PATH_MAX], char why[ANALYSIS_WHY_MAX])
{
    struct stat st;
    int n = snprintf(file, ANALYSIS_PATH_MAX, "%s/plan.json", path);

    if (n >= ANALYSIS_PATH_MAX || stat(file, &st) != 0) {
        return false;
    }
    n = snprintf(file, ANALYSIS_PATH_MAX, "%s/planned.json", path);
    if (n < ANALYSIS_PATH_MAX && stat(file, &st) == 0) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.150s holds a plan, which has no result of its own: pfsim run "
                 "%.150s/planned.json --out FOLDER makes one",
                 path, path);
    } else {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s holds a plan that found no measure: there is nothing to report on", path);
    }
    return true;
}

int analysis_document_find(const char *path, char out[ANALYSIS_PATH_MAX],
                           char why[ANALYSIS_WHY_MAX])
{
    static const char *const names[] = {"compare.json", "result.json", "sweep.json"};
    struct stat st;

    if (stat(path, &st) != 0) {
        return unreadable(path, errno, why);
    }
    if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) { /* a pipe might never end */
        snprintf(why, ANALYSIS_WHY_MAX, "%.300s is neither a file nor a folder", path);
        return SIM_EINVAL;
    }
    if (!S_ISDIR(st.st_mode)) {
        int n = snprintf(out, ANALYSIS_PATH_MAX, "%s", path);
        return n < ANALYSIS_PATH_MAX ? 0 : unreadable(path, ENAMETOOLONG, why);
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int n = snprintf(out, ANALYSIS_PATH_MAX, "%s/%s", path, names[i]);
        if (n < ANALYSIS_PATH_MAX && stat(out, &st) == 0) {
            return 0;
        }
    }
    if (find_plan(path, out, why)) {
        return SIM_ENOTFOUND;
    }
    snprintf(
        why, ANALYSIS_WHY_MAX,
        "%.300s holds no compare.json, result.json or sweep.json: give a folder that --out wrote",
        path);
    return SIM_ENOTFOUND;
}

int analysis_document_text(const char *path, char **out, size_t *len, char why[ANALYSIS_WHY_MAX])
{
    FILE *file = fopen(path, "rb");
    char *text = NULL;
    size_t cap = 0, got = 0;
    int rc = 0;

    if (file == NULL) {
        return unreadable(path, errno, why);
    }
    while (rc == 0) {
        if (got + 1 >= cap) { /* grows with what is really there */
            cap = cap == 0 ? 1 << 16 : 2 * cap;
            char *grown = realloc(text, cap);
            if (grown == NULL) {
                rc = no_memory(why);
                break;
            }
            text = grown;
        }
        errno = 0;
        size_t n = fread(text + got, 1, cap - got - 1, file);
        got += n;
        if (ferror(file)) {
            rc = unreadable(path, errno != 0 ? errno : EIO, why);
        } else if (got > ANALYSIS_DOCUMENT_BYTES_MAX) {
            snprintf(why, ANALYSIS_WHY_MAX,
                     "%.300s has more than %d MiB: no result of pfsim is that large", path,
                     ANALYSIS_DOCUMENT_BYTES_MAX >> 20);
            rc = SIM_EINVAL;
        } else if (n == 0) {
            break;
        }
    }
    fclose(file);
    if (rc != 0) {
        free(text);
        return rc;
    }
    text[got] = '\0';
    *out = text;
    *len = got;
    return 0;
}

/* Strict JSON with the lines of its values. Free `index` either way. */
static int parse(cJSON **out, struct position_index *index, const char *path, const char *text,
                 size_t len, char why[ANALYSIS_WHY_MAX])
{
    struct position_fault fault;
    int rc = position_scan(text, len, index, &fault);

    if (rc == SIM_EINVAL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%.300s:%u:%u: found %s, expected %s: %s", path, fault.line,
                 fault.column, fault.found, fault.expected,
                 strcmp(fault.found, "the end of the file") == 0
                     ? "the file is cut off; run or copy it again"
                     : "the file is damaged, or no JSON; run or copy it again");
        return rc;
    }
    *out = rc == 0 ? cJSON_ParseWithLength(text, len) : NULL;
    return *out == NULL ? no_memory(why) : 0; /* the text is JSON */
}

int analysis_document_json(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX])
{
    struct position_index index = {0};
    char *text = NULL;
    size_t len = 0;

    int rc = analysis_document_text(path, &text, &len, why);
    if (rc == 0) {
        rc = parse(out, &index, path, text, len, why);
    }
    position_free(&index);
    free(text);
    return rc;
}

bool analysis_document_is_comparison(const cJSON *document)
{
    return cJSON_GetObjectItemCaseSensitive(document, "runs") != NULL;
}

/* "1" of "1.2.3"; a text that is no version is of no other one's major. */
static bool is_same_major(const char *a, const char *b)
{
    size_t len = strspn(a, "0123456789");

    return len > 0 && strncmp(a, b, len) == 0 && strspn(b, "0123456789") == len;
}

int analysis_document_version(const char *theirs, const char *ours, const char *path,
                              char why[ANALYSIS_WHY_MAX])
{
    why[0] = '\0';
    if (theirs == NULL || strcmp(theirs, ours) == 0) {
        return 0;
    }
    bool same = is_same_major(theirs, ours);
    snprintf(why, ANALYSIS_WHY_MAX,
             "%s%.200s is a result of pfsim %.40s, this is %.40s: %s use that version, or run "
             "again with this one",
             same ? "warning: " : "", path, theirs, ours,
             same ? "if something looks wrong" : "figures may mean something else;");
    return same ? 0 : SIM_EINVAL;
}

/* "a text", of a value that has the wrong kind or size. */
static void quote(const cJSON *item, char out[48])
{
    if (cJSON_IsNumber(item)) {
        if (isfinite(item->valuedouble)) {
            snprintf(out, 48, "%.15g", item->valuedouble);
        } else {
            snprintf(out, 48, "a number beyond 1.8e308");
        }
    } else if (cJSON_IsString(item)) {
        snprintf(out, 48, "the text \"%.20s\"", item->valuestring);
        for (char *c = out; *c != '\0'; c++) {
            *c = *c < ' ' ? '?' : *c;
        }
    } else {
        snprintf(out, 48, "%s",
                 cJSON_IsArray(item)    ? "a list"
                 : cJSON_IsObject(item) ? "an object"
                 : cJSON_IsNull(item)   ? "null"
                 : cJSON_IsTrue(item)   ? "true"
                                        : "false");
    }
}

static int refuse(const struct position_index *index, const cJSON *document, const char *path,
                  const struct analysis_document_fault *fault, char why[ANALYSIS_WHY_MAX])
{
    const cJSON *first = analysis_document_is_comparison(document)
                             ? cJSON_GetObjectItemCaseSensitive(document, "runs")->child
                             : document;
    const char *version = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(first, "pfsim"));
    char found[48];

    quote(fault->item, found);
    int n = snprintf(why, ANALYSIS_WHY_MAX, "%.160s:%u: %s%s%s%s%s", path,
                     position_line(index, fault->item), fault->path,
                     fault->path[0] != '\0' ? ": " : "", fault->missing ? "is missing" : "found ",
                     fault->missing ? "" : found, fault->missing ? "" : ", expected ");
    if (n > 0 && n < ANALYSIS_WHY_MAX) {
        snprintf(why + n, ANALYSIS_WHY_MAX - (size_t)n, "%s: %s%.20s%s",
                 fault->missing ? "" : fault->expected,
                 version != NULL ? "it was written by pfsim " : "no result of pfsim",
                 version != NULL ? version : "",
                 version != NULL ? ", and edited or damaged since, or this is another version"
                                 : "");
    }
    return SIM_EINVAL;
}

int analysis_document_refuse(const struct analysis_document_fault *fault, const char *path,
                             const char *advice, char why[ANALYSIS_WHY_MAX])
{
    char found[48];

    quote(fault->item, found);
    snprintf(why, ANALYSIS_WHY_MAX, "%.160s: %s: %s%s%s%s; %s", path, fault->path,
             fault->missing ? "is missing" : "found ", fault->missing ? "" : found,
             fault->missing ? "" : ", expected ", fault->missing ? "" : fault->expected, advice);
    return SIM_EINVAL;
}

int analysis_document_check(const cJSON *document, const char *path, const char *schema,
                            const char *definition, const char *advice, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_document_fault fault;
    cJSON *parsed = cJSON_Parse(schema);

    if (parsed == NULL) {
        return no_memory(why);
    }
    bool fits = analysis_document_fits(document, parsed, definition, &fault);
    cJSON_Delete(parsed);
    return fits ? 0 : analysis_document_refuse(&fault, path, advice, why);
}

int analysis_document_parse(cJSON **out, const char *path, const char *text, size_t len,
                            char why[ANALYSIS_WHY_MAX])
{
    struct position_index index = {0};
    struct analysis_document_fault fault;
    cJSON *document = NULL;

    int rc = parse(&document, &index, path, text, len, why);
    if (rc == 0) {
        cJSON *schema = cJSON_Parse(analysis_result_schema());
        position_attach(&index, document);
        if (schema == NULL) {
            rc = no_memory(why);
        } else if (!analysis_document_fits(
                       document, schema,
                       analysis_document_is_comparison(document) ? "comparison" : "run", &fault)) {
            rc = refuse(&index, document, path, &fault, why);
        }
        cJSON_Delete(schema);
    }
    position_free(&index);
    if (rc != 0) {
        cJSON_Delete(document);
        return rc;
    }
    *out = document;
    return 0;
}

int analysis_document_read(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX])
{
    char file[ANALYSIS_PATH_MAX];
    char *text = NULL;
    size_t len = 0;

    int rc = analysis_document_find(path, file, why);
    if (rc == 0) {
        rc = analysis_document_text(file, &text, &len, why);
    }
    if (rc == 0) {
        rc = analysis_document_parse(out, file, text, len, why);
    }
    free(text);
    return rc;
}
