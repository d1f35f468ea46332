/* scenarios/absolute.c -- a scenario's text for another folder: see scenario_text_absolute(). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "scenarios/scenario.h"

struct change {
    const char *path; /* of the scenario's file */
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

/* Makes the text at `key` absolute, where there is one; a path that leads nowhere stays, for
 * whoever loads it to name. */
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

char *scenario_text_absolute(const struct scenario *s)
{
    cJSON *root = cJSON_Parse(s->text);
    struct change c = {.path = s->path};
    char *text = NULL;

    if (root == NULL) {
        return NULL;
    }
    change_all(&c, root);
    if (!c.no_memory) {
        text = c.any ? cJSON_PrintUnformatted(root) : strdup(s->text);
    }
    cJSON_Delete(root);
    return text;
}
