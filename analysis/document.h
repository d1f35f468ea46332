/* analysis/document.h -- a result document read back from its file, never trusted.
 *
 * The text is parsed strictly (scenarios/position.h: depth, number and kind of values, UTF-8) and
 * checked against result.schema.json, so that whoever gets a document may rely on kinds and
 * required keys. Keys that the schema does not know are left as they are. Not here: what the values
 * mean, and scenarios (scenario_load()). */
#ifndef ANALYSIS_DOCUMENT_H
#define ANALYSIS_DOCUMENT_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "analysis/output.h"

enum { ANALYSIS_DOCUMENT_BYTES_MAX = 64 << 20 }; /* of a file; our choice: 100 times the largest */

/* What schema_check() found first. `item` is in the document checked. */
struct analysis_document_fault {
    const cJSON *item; /* at fault, or lacking a key */
    char path[128];    /* "wan.configured_bit_s", "runs[1].sites[0].name"; cut when longer */
    char expected[96]; /* "a number or null" */
    bool missing;      /* `path` is not there */
};

/* The file of a result: `path` itself, or in a folder its compare.json, else its result.json, else
 * its sweep.json. 0, or SIM_E* with a sentence. */
int analysis_document_find(const char *path, char out[ANALYSIS_PATH_MAX],
                           char why[ANALYSIS_WHY_MAX]);
/* The whole text, NUL behind it, free() it. 0, or SIM_E* with a sentence: not there, no file, more
 * than ANALYSIS_DOCUMENT_BYTES_MAX. */
int analysis_document_text(const char *path, char **out, size_t *len, char why[ANALYSIS_WHY_MAX]);
/* A document from its text; `path` names it in sentences. 0 and `*out` (the caller's), SIM_ENOMEM,
 * or SIM_EINVAL with a sentence: file, line, column, what was found and what was expected. */
int analysis_document_parse(cJSON **out, const char *path, const char *text, size_t len,
                            char why[ANALYSIS_WHY_MAX]);
/* All three. */
int analysis_document_read(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX]);
/* Any JSON, strictly: the same without a schema. */
int analysis_document_json(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX]);

/* Is what was parsed as `definition` of `schema` (a text: document_schema.h) says? 0, SIM_ENOMEM,
 * or SIM_EINVAL with a sentence: file, place, what was found, what was expected, and `advice`. */
int analysis_document_check(const cJSON *document, const char *path, const char *schema,
                            const char *definition, const char *advice, char why[ANALYSIS_WHY_MAX]);
/* Such a sentence, of a fault that a schema can't tell. Returns SIM_EINVAL. */
int analysis_document_refuse(const struct analysis_document_fault *fault, const char *path,
                             const char *advice, char why[ANALYSIS_WHY_MAX]);

/* May this version (`ours`) read what pfsim `theirs` wrote to `path`? 0 when it may, with a
 * warning in `why`, or "" there when nothing differs; SIM_EINVAL with a sentence when the major
 * versions differ. NULL is no version: nothing is known. */
int analysis_document_version(const char *theirs, const char *ours, const char *path,
                              char why[ANALYSIS_WHY_MAX]);

/* Of a document of several runs (compare.json)? */
bool analysis_document_is_comparison(const cJSON *document);

#endif /* ANALYSIS_DOCUMENT_H */
