/* scenarios/reader_values.c -- how one value of each type is read and checked. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "scenarios/reader.h"
#include "sim/units.h"

#define EXACT_MAX 9007199254740992.0 /* 2^53: whole numbers up to here are exact in a double */

void reader_skip(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    (void)r;
    (void)item;
    (void)field;
    (void)out;
}

void reader_text(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    if (!cJSON_IsString(item)) {
        reader_expected(r, item, "a text in \"\"");
        return;
    }
    size_t len = reader_characters(item->valuestring);
    if (len < field->min || len > field->max) {
        reader_expected(r, item, "a text of %llu to %llu characters",
                        (unsigned long long)field->min, (unsigned long long)field->max);
        return;
    }
    for (const char *c = item->valuestring; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            reader_expected(r, item, "a text without control characters");
            return;
        }
    }
    reader_replace(r, out, item->valuestring);
}

void reader_bool(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    (void)field;
    if (!cJSON_IsBool(item)) {
        reader_expected(r, item, "true or false");
        return;
    }
    *(bool *)out = cJSON_IsTrue(item);
}

bool reader_whole(struct reader *r, const cJSON *item, uint64_t min, uint64_t max, uint64_t *out)
{
    double value = cJSON_IsNumber(item) ? item->valuedouble : -1;

    assert(max <= (uint64_t)EXACT_MAX);
    if (!(value >= (double)min && value <= (double)max) || value != (double)(uint64_t)value) {
        reader_expected(r, item, "a whole number from %llu to %llu", (unsigned long long)min,
                        (unsigned long long)max);
        return false;
    }
    *out = (uint64_t)value;
    return true;
}

void reader_u16(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    uint64_t value;

    assert(field->max <= UINT16_MAX);
    if (reader_whole(r, item, field->min, field->max, &value)) {
        *(uint16_t *)out = (uint16_t)value;
    }
}

void reader_u32(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    uint64_t value;

    assert(field->max <= UINT32_MAX);
    if (reader_whole(r, item, field->min, field->max, &value)) {
        *(uint32_t *)out = (uint32_t)value;
    }
}

struct quantity {
    const char *what; /* "a size" */
    const char *like; /* "\"8.1 MB\"" */
    int (*parse)(const char *text, uint64_t *out);
    char *(*format)(uint64_t value, char out[SIM_UNITS_TEXT_MAX]);
};

static const struct quantity size_quantity = {"a size", "\"8.1 MB\"", sim_units_parse_size,
                                              sim_units_format_size};
static const struct quantity rate_quantity = {"a rate", "\"384 kbit/s\"", sim_units_parse_rate,
                                              sim_units_format_rate};
static const struct quantity duration_quantity = {
    "a duration", "\"80 ms\"", sim_units_parse_duration, sim_units_format_duration};

/* Two mistakes with rates that are no missing units: nothing, and bytes. */
static bool refuse_rate(struct reader *r, const cJSON *item)
{
    const char *text = item->valuestring, *unit = text + strspn(text, "0.");
    char other[32];
    uint64_t value;
    size_t len = strlen(text);

    int n = snprintf(other, sizeof(other), "1%s", unit);
    if (text[0] == '0' && n > 0 && (size_t)n < sizeof(other) &&
        sim_units_parse_rate(other, &value) == 0 && (*unit < '0' || *unit > '9')) {
        reader_expected(r, item, "a rate above 0");
        return true;
    }
    if (len < 3 || len >= sizeof(other) || strcmp(text + len - 2, "/s") != 0) {
        return false;
    }
    memcpy(other, text, len - 2);
    other[len - 2] = '\0';
    if (sim_units_parse_size(other, &value) != 0 || value > UINT64_MAX / 8) {
        return false;
    }
    bool is_round = value * 8 % 1000 == 0;
    reader_expected(r, item, "a rate in bits: those are bytes, \"%llu %s\"",
                    (unsigned long long)(is_round ? value * 8 / 1000 : value * 8),
                    is_round ? "kbit/s" : "bit/s");
    return true;
}

static bool read_quantity(struct reader *r, const cJSON *item, const struct reader_field *field,
                          const struct quantity *q, const char *or_else, uint64_t *out)
{
    uint64_t value;
    char low[SIM_UNITS_TEXT_MAX];
    char high[SIM_UNITS_TEXT_MAX];

    if (!cJSON_IsString(item) || q->parse(item->valuestring, &value) != 0) {
        if (q != &rate_quantity || !cJSON_IsString(item) || !refuse_rate(r, item)) {
            reader_expected(r, item, "%s with its unit, like %s%s", q->what, q->like, or_else);
        }
        return false;
    }
    if (value < field->min || value > field->max) {
        reader_expected(r, item, "%s from %s to %s", q->what, q->format(field->min, low),
                        q->format(field->max, high));
        return false;
    }
    *out = value;
    return true;
}

void reader_size(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    read_quantity(r, item, field, &size_quantity, "", out);
}

void reader_size_u32(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    uint64_t value;

    assert(field->max <= UINT32_MAX);
    if (read_quantity(r, item, field, &size_quantity, "", &value)) {
        *(uint32_t *)out = (uint32_t)value;
    }
}

void reader_rate(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    read_quantity(r, item, field, &rate_quantity, "", out);
}

void reader_rate_or_none(struct reader *r, const cJSON *item, const struct reader_field *field,
                         void *out)
{
    if (cJSON_IsString(item) && strcmp(item->valuestring, "none") == 0) {
        *(uint64_t *)out = SIM_RATE_NONE;
        return;
    }
    read_quantity(r, item, field, &rate_quantity, ", or \"none\"", out);
}

void reader_duration(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    read_quantity(r, item, field, &duration_quantity, "", out);
}

void reader_ppm(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    (void)field;
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 1)) {
        reader_expected(r, item, "a probability: a number from 0 to 1");
        return;
    }
    *(uint32_t *)out = (uint32_t)(item->valuedouble * 1e6 + 0.5);
}

void reader_enum(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    char known[256] = "";
    size_t len = 0;

    for (unsigned i = 0; field->names[i] != NULL; i++) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, field->names[i]) == 0) {
            memcpy(out, &i, sizeof(i)); /* every enum of ours has the size of unsigned */
            return;
        }
        size_t name_len = strlen(field->names[i]);
        assert(len + name_len + 5 < sizeof(known));
        memcpy(known + len, i == 0 ? "\"" : ", \"", i == 0 ? 1 : 3);
        len += i == 0 ? 1 : 3;
        memcpy(known + len, field->names[i], name_len);
        len += name_len;
        known[len++] = '"';
        known[len] = '\0';
    }
    reader_error(r, item, NULL,
                 cJSON_IsString(item) ? reader_nearest(item->valuestring, field->names) : NULL,
                 "one of: %s", known);
}
