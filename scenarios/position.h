/* scenarios/position.h -- where in the text each value of a JSON document stands, and whether it is
 * JSON at all.
 *
 * cJSON tells no lines and is lenient (leading zeros, raw control characters, broken UTF-8, NUL by
 * escape). So the text is walked once, strictly, noting the line of every value; cJSON's tree,
 * visited in the same order, then gives each of its items a line. What the tree means is not known
 * here. */
#ifndef SCENARIOS_POSITION_H
#define SCENARIOS_POSITION_H

#include <cjson/cJSON.h>
#include <stddef.h>

enum {
    POSITION_DEPTH_MAX = 32, /* levels of nesting; a scenario needs 7 (our choice) */
    POSITION_VALUES_MAX =
        1000000, /* values in a document: bounds the memory for its tree (our choice) */
    POSITION_NUMBER_MAX = 63, /* characters of a number: cJSON cuts longer ones */
    POSITION_FOUND_MAX = 64,
};

struct position_entry {
    const cJSON *item;
    unsigned line;
};

struct position_index {
    struct position_entry *entries; /* in document order; by address after position_attach() */
    size_t len;
    size_t cap;
};

struct position_fault {
    unsigned line;                  /* 1.. */
    unsigned column;                /* 1.., bytes */
    char found[POSITION_FOUND_MAX]; /* what stands there, quoted */
    const char *expected;           /* static */
};

/* Walks `text`. 0 and the index (free it with position_free() either way); SIM_EINVAL and the first
 * fault; SIM_ENOMEM. */
int position_scan(const char *text, size_t len, struct position_index *index,
                  struct position_fault *fault);
/* `root` is what cJSON made of the same text, not yet changed. */
void position_attach(struct position_index *index, const cJSON *root);
/* The line of `item` (of an object's member: of its key); 0 for an item that was not in the text.
 */
unsigned position_line(const struct position_index *index, const cJSON *item);
void position_free(struct position_index *index);

#endif /* SCENARIOS_POSITION_H */
