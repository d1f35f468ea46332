/* analysis/names.h -- the names of firmware files as small numbers.
 *
 * Records name files by their text, millions of times, and no two of them need be the same
 * pointer: a name is found by its length and its ends, then compared as a whole. Names are kept
 * without folders: records may say "/dnld/x" or "firmware/x" for the scenario's "x". */
#ifndef ANALYSIS_NAMES_H
#define ANALYSIS_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct analysis_names { /* zero it before first use */
    char **names;       /* sorted once sealed; owned */
    size_t len, cap;
    uint16_t *table;  /* number + 1 by hash; 0: empty */
    size_t table_len; /* a power of two */
};

/* Whose names were asked for lately, by where their text lay: the same phones say the same names
 * again and again. What it says is checked, so that it may be wrong. One for each thread; zero it
 * before first use. */
enum { ANALYSIS_NAMES_RECENT = 64 }; /* a power of two */
struct analysis_names_recent {
    const char *texts[ANALYSIS_NAMES_RECENT];
    uint16_t numbers[ANALYSIS_NAMES_RECENT];
};

void analysis_names_deinit(struct analysis_names *n);
/* `name` without its folders, and `suffix`. 0 or SIM_ENOMEM. */
int analysis_names_add(struct analysis_names *n, const char *name, const char *suffix);
/* No more will be added: sorts them, drops doubles. 0, SIM_ENOMEM, or SIM_EINVAL when there are
 * more than UINT16_MAX. */
int analysis_names_seal(struct analysis_names *n);
/* The number of a name, with folders or without; false when it is none, or NULL. `recent` may be
 * NULL. */
bool analysis_names_find(const struct analysis_names *n, struct analysis_names_recent *recent,
                         const char *name, uint16_t *out);

#endif /* ANALYSIS_NAMES_H */
