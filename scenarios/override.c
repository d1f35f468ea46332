/* scenarios/override.c -- "--set PATH=VALUE" on the tree of a scenario, before it is checked.
 *
 * The value is not judged here: the loader reads it like anything else and names the path. */
#include <stdlib.h>
#include <string.h>

#include "scenarios/load.h"
#include "sim/err.h"

enum {
    KEY_MAX = 256, /* bytes of a key in a path with its NUL */
    STEPS_MAX = 16,
};

struct step {
    bool is_index;
    size_t index;
    char key[KEY_MAX];
};

struct steps {
    struct step list[STEPS_MAX];
    size_t len;
    const char *value; /* behind the '=' */
};

/* "[3]" or "[\"any.key\"]"; returns what follows, NULL on a fault. */
static const char *parse_bracket(const char *at, struct step *step)
{
    at++;
    if (*at == '"') {
        const char *end = strstr(at + 1, "\"]");
        size_t len = end == NULL ? 0 : (size_t)(end - at - 1);
        if (len == 0 || len >= KEY_MAX) {
            return NULL;
        }
        memcpy(step->key, at + 1, len);
        step->key[len] = '\0';
        return end + 2;
    }
    step->is_index = true;
    if (*at < '0' || *at > '9') {
        return NULL;
    }
    for (; *at >= '0' && *at <= '9'; at++) {
        step->index = step->index * 10 + (size_t)(*at - '0');
        if (step->index > POSITION_VALUES_MAX) {
            return NULL;
        }
    }
    return *at == ']' ? at + 1 : NULL;
}

/* One key: up to one of `stops`. */
static const char *parse_key(const char *at, const char *stops, struct step *step)
{
    size_t len = strcspn(at, stops);

    if (len == 0 || len >= KEY_MAX || at[len] == '\0') {
        return NULL;
    }
    memcpy(step->key, at, len);
    step->key[len] = '\0';
    return at + len;
}

static bool parse_path(const char *set, struct steps *steps)
{
    const char *at = set;

    do {
        struct step *step = &steps->list[steps->len];
        if (steps->len == STEPS_MAX) {
            return false;
        }
        *step = (struct step){0};
        if (*at == '[') {
            at = steps->len == 0 ? NULL : parse_bracket(at, step);
        } else {
            if (steps->len > 0 && *at++ != '.') {
                return false;
            }
            /* A metric is one key, dots and brackets and all: thresholds.completion_s.p95=< 600 */
            bool metric = steps->len == 1 && strcmp(steps->list[0].key, "thresholds") == 0;
            at = parse_key(at, metric ? "=" : ".[=", step);
        }
        if (at == NULL) {
            return false;
        }
        steps->len++;
    } while (*at != '=');
    steps->value = at + 1;
    return true;
}

/* JSON when it is that, else a text. Seeds go up to 2^64-1 and a double does not: digits alone stay
 * digits. */
static cJSON *parse_value(const struct steps *steps)
{
    struct position_index index;
    struct position_fault fault;
    const char *value = steps->value;
    size_t len = strlen(value);
    bool is_seed = steps->len == 1 && strcmp(steps->list[0].key, "seed") == 0;

    if (is_seed && len > 15 && strspn(value, "0123456789") == len) {
        return cJSON_CreateString(value);
    }
    bool is_json = position_scan(value, len, &index, &fault) == 0;
    position_free(&index);
    return is_json ? cJSON_ParseWithLength(value, len) : cJSON_CreateString(value);
}

static cJSON *find_step(const cJSON *parent, const struct step *step)
{
    cJSON *child = parent->child;

    if (step->is_index) {
        for (size_t i = 0; child != NULL && i < step->index; i++) {
            child = child->next;
        }
        return child;
    }
    while (child != NULL && strcmp(child->string, step->key) != 0) {
        child = child->next;
    }
    return child;
}

static void put(cJSON *parent, cJSON *removed, const struct step *step, cJSON *old, cJSON *value)
{
    if (old == NULL) {
        if (step->is_index) {
            cJSON_AddItemToArray(parent, value);
        } else {
            cJSON_AddItemToObject(parent, step->key, value);
        }
        return;
    }
    /* Replaced in its place, so that the canonical text keeps its order. Linked by hand: cJSON's
     * own call frees the old item, whose address would then be given to a new one. */
    if (!step->is_index) {
        value->string = strdup(step->key);
        if (value->string == NULL) {
            cJSON_Delete(value);
            return;
        }
    }
    value->next = old->next;
    value->prev = old->prev;
    if (value->next != NULL) {
        value->next->prev = value;
    }
    if (parent->child == old) {
        if (old->prev == old) {
            value->prev = value;
        }
        parent->child = value;
    } else {
        value->prev->next = value;
    }
    if (value->next == NULL) {
        parent->child->prev = value;
    }
    old->next = NULL;
    old->prev = NULL;
    cJSON_AddItemToArray(removed, old);
}

static void refuse(struct reader *r, const char *set, const char *found, const char *expected)
{
    char path[READER_QUOTE_MAX];

    reader_error_at(r, 0, reader_quote(set, path), found, expected);
}

void override_apply(struct reader *r, cJSON *root, cJSON *removed, const char *set)
{
    struct steps *steps = reader_alloc(r, 1, sizeof(*steps));
    cJSON *at = root;

    if (steps == NULL) {
        return;
    }
    if (!parse_path(set, steps)) {
        refuse(r, set, "no PATH=VALUE", "an override like sites[0].wan.rate=384 kbit/s");
        goto done;
    }
    for (size_t i = 0; i < steps->len; i++) {
        const struct step *step = &steps->list[i];
        bool fits = step->is_index ? cJSON_IsArray(at) : cJSON_IsObject(at);
        if (!fits) {
            refuse(r, set, step->is_index ? "[N] on what is no list" : "a key of what is no object",
                   "a path that fits the scenario");
            goto done;
        }
        cJSON *old = find_step(at, step);
        if (old == NULL && step->is_index && (size_t)cJSON_GetArraySize(at) != step->index) {
            refuse(r, set, "a number beyond the end of the list",
                   "an element that is there, or the next one");
            goto done;
        }
        if (i + 1 == steps->len) {
            cJSON *value = parse_value(steps);
            if (value == NULL) {
                r->no_memory = true;
                goto done;
            }
            put(at, removed, step, old, value);
        } else if (old == NULL || cJSON_IsNull(old)) {
            cJSON *made = steps->list[i + 1].is_index ? cJSON_CreateArray() : cJSON_CreateObject();
            if (made == NULL) {
                r->no_memory = true;
                goto done;
            }
            put(at, removed, step, old, made);
            at = made;
        } else {
            at = old;
        }
    }

done:
    free(steps);
}
