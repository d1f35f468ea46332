/* analysis/json.c -- see json.h. */
#include "analysis/json.h"

#include <math.h>
#include <stddef.h>

const cJSON *analysis_json_get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *analysis_json_text(const cJSON *object, const char *key, const char *otherwise)
{
    return analysis_json_text_of(analysis_json_get(object, key), otherwise);
}

double analysis_json_number(const cJSON *object, const char *key)
{
    return analysis_json_number_of(analysis_json_get(object, key));
}

const char *analysis_json_text_of(const cJSON *item, const char *otherwise)
{
    const char *text = cJSON_GetStringValue(item);

    return text != NULL ? text : otherwise;
}

double analysis_json_number_of(const cJSON *item)
{
    return cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
}
