/* scenarios/absolute.c -- a scenario's text for another folder: see scenario_text_absolute() and
 * scenario_text_beside(). Links are resolved first: ".." leads out of where a folder really is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "scenarios/scenario.h"

struct change {
    const char *path;   /* of the scenario's file */
    const char *folder; /* real; what paths become relative to; NULL: to nothing */
    bool any;
    bool no_memory;
};

/* `given` beside the scenario's file, from the root on; NULL: there is no such file any more. */
static char *absolute(const char *path, const char *given)
{
    const char *slash = strrchr(path, '/');
    size_t folder_len = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    size_t size = folder_len + strlen(given) + 1;
    char *joined = malloc(size);

    if (joined == NULL) {
        return NULL;
    }
    snprintf(joined, size, "%.*s%s", (int)folder_len, path, given);
    char *real = realpath(joined, NULL);
    free(joined);
    return real;
}

/* `real` as seen from `folder`, both from the root on and without links; takes `real`. NULL: no
 * memory. */
static char *relative(const char *folder, char *real)
{
    size_t common = 0, up = 0, len = 0;
    size_t i = 0;

    for (; real[i] != '\0' && folder[i] == real[i]; i++) {
        common = real[i] == '/' ? i : common;
    }
    if ((folder[i] == '\0' || folder[i] == '/') && (real[i] == '\0' || real[i] == '/')) {
        common = i; /* the whole of one of them */
    }
    if (common == 0 || strcmp(folder, "/") == 0) {
        return real; /* nothing but the root */
    }
    for (const char *c = folder + common; *c != '\0'; c++) {
        up += *c == '/';
    }
    const char *rest = real[common] == '/' ? real + common + 1 : real + common;
    char *out = malloc(3 * up + strlen(rest) + 2);
    for (; out != NULL && len < 3 * up; len += 3) {
        memcpy(out + len, "../", 3);
    }
    if (out != NULL && *rest == '\0') {
        memcpy(out + (up > 0 ? len - 1 : 0), up > 0 ? "" : ".", up > 0 ? 1 : 2);
    } else if (out != NULL) {
        memcpy(out + len, rest, strlen(rest) + 1);
    }
    free(real);
    return out;
}

/* Changes the path at `key`, where there is one; a path that leads nowhere stays, for whoever loads
 * it to name. */
static void change(struct change *c, cJSON *object, const char *key)
{
    const char *given = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

    if (given == NULL || given[0] == '/') {
        return;
    }
    char *path = absolute(c->path, given);
    if (path == NULL) {
        return;
    }
    if (c->folder != NULL && (path = relative(c->folder, path)) == NULL) {
        c->no_memory = true;
        return;
    }
    cJSON *item = cJSON_CreateString(path);
    free(path);
    if (item == NULL || !cJSON_ReplaceItemInObjectCaseSensitive(object, key, item)) {
        cJSON_Delete(item);
        c->no_memory = true;
        return;
    }
    c->any = true;
}

static void change_all(struct change *c, cJSON *root)
{
    cJSON *server = cJSON_GetObjectItemCaseSensitive(root, "server");
    cJSON *item;

    change(c, cJSON_GetObjectItemCaseSensitive(server, "tls"), "ca_file");
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "firmware"))
    {
        change(c, item, "directory");
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "sites"))
    {
        cJSON *wan = cJSON_GetObjectItemCaseSensitive(item, "wan");
        cJSON *rate = cJSON_GetObjectItemCaseSensitive(wan, "rate");
        change(c, rate, "trace");
        change(c, cJSON_GetObjectItemCaseSensitive(rate, "down"), "trace");
        change(c, cJSON_GetObjectItemCaseSensitive(rate, "up"), "trace");
    }
}

static char *changed(struct change *c, const char *text)
{
    cJSON *root = cJSON_Parse(text);
    char *out = NULL;

    if (root == NULL) {
        return NULL;
    }
    change_all(c, root);
    if (!c->no_memory) {
        out = c->any ? cJSON_PrintUnformatted(root) : strdup(text);
    }
    cJSON_Delete(root);
    return out;
}

char *scenario_text_absolute(const struct scenario *s)
{
    struct change c = {.path = s->path};

    return changed(&c, s->text);
}

char *scenario_text_beside(const char *text, const char *path, const char *folder)
{
    char *real = realpath(folder, NULL);
    struct change c = {.path = path, .folder = real};
    char *out = changed(&c, text);

    free(real);
    return out;
}

char *scenario_path_beside(const char *path, const char *folder)
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    char *to = realpath(folder, NULL);
    char *from = absolute(path, "."), *out = NULL;

    if (to != NULL && from != NULL) {
        size_t size = strlen(from) + strlen(name) + 2;
        char *real = malloc(size);
        if (real != NULL) {
            snprintf(real, size, "%s/%s", strcmp(from, "/") == 0 ? "" : from, name);
            out = relative(to, real);
        }
    } else {
        out = strdup(path);
    }
    free(to);
    free(from);
    return out;
}
