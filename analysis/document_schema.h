/* analysis/document_schema.h -- does a JSON value fit a JSON Schema?
 *
 * Knows the words that result.schema.json uses: $ref to #/$defs/, type, enum, minimum, maximum,
 * pattern, minItems, maxItems, required, properties, additionalProperties (a schema), items. Others
 * say nothing here, and a number must be finite whatever the schema allows
 * (tests hold the schema itself against a whole validator). */
#ifndef ANALYSIS_DOCUMENT_SCHEMA_H
#define ANALYSIS_DOCUMENT_SCHEMA_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "analysis/document.h"

/* `schema` is the whole document, `definition` one of its $defs ("run"). True, or false and the
 * first fault in the order of the document. */
bool analysis_document_fits(const cJSON *document, const cJSON *schema, const char *definition,
                            struct analysis_document_fault *fault);

#endif /* ANALYSIS_DOCUMENT_SCHEMA_H */
