/* sim/server/range.c -- see range.h. */
#include "sim/server/range.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

/* Reads digits; a number over 2^64 - 1 counts as that. False when there is no digit. */
static bool read_number(const char **text, uint64_t *out)
{
    const char *start = *text;
    uint64_t value = 0;
    for (; **text >= '0' && **text <= '9'; (*text)++) {
        uint64_t digit = (uint64_t)(**text - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *out = value;
    return *text != start;
}

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

enum sim_server_range sim_server_range_parse(const char *header, uint64_t size, uint64_t *offset,
                                             uint64_t *len)
{
    uint64_t first, last;
    if (header == NULL || strncasecmp(header, "bytes=", 6) != 0) {
        return SIM_SERVER_RANGE_WHOLE;
    }
    const char *at = skip_blanks(header + 6);
    bool has_first = read_number(&at, &first);
    if (*at++ != '-') {
        return SIM_SERVER_RANGE_WHOLE;
    }
    bool has_last = read_number(&at, &last);
    if (*skip_blanks(at) != '\0' || (!has_first && !has_last) ||
        (has_first && has_last && first > last)) {
        return SIM_SERVER_RANGE_WHOLE;
    }
    if (!has_first) { /* the last so many bytes */
        if (last == 0) {
            return SIM_SERVER_RANGE_UNSATISFIABLE;
        }
        if (size == 0) {
            return SIM_SERVER_RANGE_WHOLE;
        }
        *offset = last < size ? size - last : 0;
        *len = size - *offset;
        return SIM_SERVER_RANGE_PART;
    }
    if (first >= size) {
        return SIM_SERVER_RANGE_UNSATISFIABLE;
    }
    *offset = first;
    *len = (has_last && last < size ? last + 1 : size) - first;
    return SIM_SERVER_RANGE_PART;
}
