/* analysis/json.h -- what every reader of a JSON document does: a member, its text, its number.
 *
 * Any argument may be NULL or of another kind: there is no such member then, which is no error.
 * Not here: files and their checks (document.h), making documents. */
#ifndef ANALYSIS_JSON_H
#define ANALYSIS_JSON_H

#include <cjson/cJSON.h>

/* NULL: there is none. Borrowed. */
const cJSON *analysis_json_get(const cJSON *object, const char *key);
/* `otherwise` (may be NULL) where there is no text. Borrowed. */
const char *analysis_json_text(const cJSON *object, const char *key, const char *otherwise);
/* NAN where there is no number. */
double analysis_json_number(const cJSON *object, const char *key);

/* The same of a value itself. */
const char *analysis_json_text_of(const cJSON *item, const char *otherwise);
double analysis_json_number_of(const cJSON *item);

#endif /* ANALYSIS_JSON_H */
