/* scenarios/reader.h -- reads cJSON objects into structs by tables of fields, and collects every
 * error on the way.
 *
 * A table names the keys of one object: how each is read, where it goes, its range. reader_object()
 * finds unknown and missing keys, and gives each value to its field's function. Functions never
 * stop at an error: they note it, leave their target alone and go on, so that one run shows all.
 * What the keys mean is in load*.c. */
#ifndef SCENARIOS_READER_H
#define SCENARIOS_READER_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "scenarios/position.h"
#include "scenarios/scenario.h"

enum {
    READER_PATH_MAX = 512,    /* bytes of a JSON path with its NUL; longer ones are cut */
    READER_ERRORS_MAX = 1000, /* then one that says that there are more (our choice) */
    READER_QUOTE_MAX = 80,    /* bytes of something found, quoted, with its NUL */
};

struct reader {
    const struct position_index *index;
    struct scenario_errors *errors;
    struct scenario *scenario; /* what is being filled */
    const char *folder;        /* of the scenario file, for relative paths; "" when there is none */
    char path[READER_PATH_MAX];
    size_t path_len;
    bool no_memory;
};

enum {
    READER_REQUIRED = 1, /* an object without this key is wrong */
    READER_NULLABLE = 2, /* null leaves the default */
};

struct reader_field;
typedef void (*reader_function)(struct reader *r, const cJSON *item,
                                const struct reader_field *field, void *out);

struct reader_field {
    const char *key; /* NULL ends a table */
    reader_function read;
    size_t offset; /* of the target in the object's struct */
    uint64_t min, max;
    const char *const *names; /* reader_enum(): the values' names, in order, NULL-ended */
    unsigned flags;           /* READER_* */
};

/* ---- Paths: push, read, pop back to what push returned ---- */

size_t reader_push_key(struct reader *r, const char *key);
size_t reader_push_index(struct reader *r, size_t index);
void reader_pop(struct reader *r, size_t path_len);

/* ---- Errors ---- */

/* Notes "found `item`, expected ..." at the present path. `expected` is a printf format. */
void reader_expected(struct reader *r, const cJSON *item, const char *expected, ...)
    __attribute__((format(printf, 3, 4)));
/* The same with its own words for what was found, and the nearest known name (NULL: none). */
void reader_error(struct reader *r, const cJSON *item, const char *found, const char *nearest,
                  const char *expected, ...) __attribute__((format(printf, 5, 6)));
/* Without a document: for files that can't be read and --set arguments that can't be parsed. */
void reader_error_at(struct reader *r, unsigned line, const char *path, const char *found,
                     const char *expected);
/* `text` in double quotes, control characters and the far end replaced; returns `out`. */
char *reader_quote(const char *text, char out[READER_QUOTE_MAX]);
/* The most similar of `names` (NULL-ended) by edit distance; NULL when none is near. */
const char *reader_nearest(const char *text, const char *const *names);

/* ---- Objects and lists ---- */

/* Reads the members of `item` into `out`. True when it is an object (which may hold errors). */
bool reader_object(struct reader *r, const cJSON *item, const struct reader_field *fields,
                   void *out);
/* The value of a "note", which any object may have: a text or a list of texts. */
void reader_note(struct reader *r, const cJSON *item);
/* Notes keys that stand twice in one object and numbers too large for a double, in the whole tree.
 */
void reader_check_tree(struct reader *r, const cJSON *root);
/* True when `item` is a list with min..max elements. */
bool reader_list(struct reader *r, const cJSON *item, size_t min, size_t max, const char *of);
/* `count` zeroed elements (at least one, so NULL is an error: then r->no_memory is set). */
void *reader_alloc(struct reader *r, size_t count, size_t size);
/* A copy of `text`; NULL sets r->no_memory. */
char *reader_copy(struct reader *r, const char *text);
/* Puts `text` into `*out`, freeing what was there. */
void reader_replace(struct reader *r, char **out, const char *text);
/* Relative paths against the scenario's folder; a fresh string. */
char *reader_resolve(struct reader *r, const char *path);
/* Characters (code points) of valid UTF-8. */
size_t reader_characters(const char *text);
/* True when `text` has at least one character, all of them from the letters and digits and
 * `others`. */
bool reader_only(const char *text, const char *others);

/* ---- Readers of one value; `out` is the type said, min and max are inclusive ---- */

void reader_skip(struct reader *r, const cJSON *item, const struct reader_field *field, void *out);
void reader_text(struct reader *r, const cJSON *item, const struct reader_field *field,
                 void *out); /* char *, min..max characters, no control characters */
void reader_bool(struct reader *r, const cJSON *item, const struct reader_field *field,
                 void *out); /* bool */
void reader_u16(struct reader *r, const cJSON *item, const struct reader_field *field,
                void *out); /* uint16_t */
void reader_u32(struct reader *r, const cJSON *item, const struct reader_field *field,
                void *out); /* uint32_t or unsigned */
void reader_size(struct reader *r, const cJSON *item, const struct reader_field *field,
                 void *out); /* uint64_t, bytes */
void reader_size_u32(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out); /* uint32_t, bytes */
void reader_rate(struct reader *r, const cJSON *item, const struct reader_field *field,
                 void *out); /* uint64_t, bit/s */
void reader_rate_or_none(struct reader *r, const cJSON *item, const struct reader_field *field,
                         void *out); /* uint64_t, bit/s; "none" is SIM_RATE_NONE */
void reader_duration(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out); /* sim_duration */
void reader_ppm(struct reader *r, const cJSON *item, const struct reader_field *field,
                void *out); /* uint32_t, millionths of a probability */
void reader_enum(struct reader *r, const cJSON *item, const struct reader_field *field,
                 void *out); /* an enum whose values count from 0 as `names` does */

/* A whole number from min to max; false and an error else. */
bool reader_whole(struct reader *r, const cJSON *item, uint64_t min, uint64_t max, uint64_t *out);

#endif /* SCENARIOS_READER_H */
