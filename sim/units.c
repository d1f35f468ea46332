/* sim/units.c -- quantities with units: exact parsing in integers, and short texts for people.
 *
 * Knows no ranges but those of the types: what is sensible for a key is the business of its reader.
 */
#include "sim/units.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"

struct unit {
    const char *name;
    uint64_t factor; /* base units (bytes, bit/s, ns) in one of it */
};

enum {
    DECIMALS_MAX = 18, /* 10^18 < 2^63, so that a fraction times a factor fits 128 bits */
};

#define UNITS_MAX (UINT64_C(1) << 63) /* the largest quantity of any kind */

static const struct unit size_units[] = {
    {"B", 1},
    {"kB", 1000},
    {"KB", 1000}, /* as often written as kB, and never meant as 1024 here: that is KiB */
    {"MB", 1000000},
    {"GB", UINT64_C(1000000000)},
    {"TB", UINT64_C(1000000000000)},
    {"KiB", UINT64_C(1) << 10},
    {"MiB", UINT64_C(1) << 20},
    {"GiB", UINT64_C(1) << 30},
    {"TiB", UINT64_C(1) << 40},
    {NULL, 0},
};

static const struct unit rate_units[] = {
    {"bit/s", 1},
    {"kbit/s", 1000},
    {"Mbit/s", 1000000},
    {"Gbit/s", UINT64_C(1000000000)},
    {"Tbit/s", UINT64_C(1000000000000)},
    {NULL, 0},
};

static const struct unit duration_units[] = {
    {"ns", 1},           {"us", SIM_US},      {"ms", SIM_MS}, {"s", SIM_S},
    {"min", 60 * SIM_S}, {"h", 3600 * SIM_S}, {NULL, 0},
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static uint64_t factor_of(const struct unit *units, const char *name)
{
    for (; units->name != NULL; units++) {
        if (strcmp(units->name, name) == 0) {
            return units->factor;
        }
    }
    return 0;
}

static int parse(const char *text, const struct unit *units, uint64_t *out)
{
    uint64_t whole = 0;
    uint64_t fraction = 0;
    uint64_t scale = 1; /* 10^decimals */

    assert(text != NULL);
    if (!is_digit(*text)) {
        return SIM_EINVAL;
    }
    for (; is_digit(*text); text++) {
        whole = whole * 10 + (uint64_t)(*text - '0');
        if (whole > UNITS_MAX) {
            return SIM_EINVAL;
        }
    }
    if (*text == '.') {
        int decimals = 0;
        for (text++; is_digit(*text); text++, decimals++) {
            if (decimals == DECIMALS_MAX) {
                return SIM_EINVAL;
            }
            fraction = fraction * 10 + (uint64_t)(*text - '0');
            scale *= 10;
        }
        if (decimals == 0) {
            return SIM_EINVAL;
        }
    }
    if (*text == ' ') {
        text++;
    }
    uint64_t factor = factor_of(units, text);
    if (factor == 0) {
        return SIM_EINVAL;
    }
    unsigned __int128 total = (unsigned __int128)whole * factor;
    total += ((unsigned __int128)fraction * factor + scale / 2) / scale;
    if (total > UNITS_MAX) {
        return SIM_EINVAL;
    }
    *out = (uint64_t)total;
    return 0;
}

int sim_units_parse_size(const char *text, uint64_t *out)
{
    return parse(text, size_units, out);
}

int sim_units_parse_rate(const char *text, uint64_t *out)
{
    uint64_t bit_s;
    int rc = parse(text, rate_units, &bit_s);
    if (rc != 0) {
        return rc;
    }
    if (bit_s == 0) {
        return SIM_EINVAL;
    }
    *out = bit_s;
    return 0;
}

int sim_units_parse_duration(const char *text, sim_duration *out)
{
    return parse(text, duration_units, out);
}

/* Three significant digits of `value` in the largest of `units` (rising factors) that leaves at
 * least 1, without the zeros at the end of a fraction. */
static char *format(uint64_t value, const struct unit *const *units, size_t units_len,
                    char out[SIM_UNITS_TEXT_MAX])
{
    size_t i = 0;
    while (i + 1 < units_len && value >= units[i + 1]->factor) {
        i++;
    }
    for (;;) {
        uint64_t factor = units[i]->factor;
        unsigned decimals = factor == 1 || value / factor >= 100 ? 0 : value / factor >= 10 ? 1 : 2;
        unsigned scale = decimals == 0 ? 1 : decimals == 1 ? 10 : 100;
        unsigned __int128 wide = (unsigned __int128)value * scale + factor / 2;
        uint64_t digits = (uint64_t)(wide / factor);
        if (digits >= UINT64_C(1000) * scale && i + 1 < units_len) {
            i++; /* 999.6 kB is 1 MB */
            continue;
        }
        if (digits >= 1000 && decimals > 0) { /* 9.996 is 10, not 10.00 */
            digits /= 10;
            scale /= 10;
            decimals--;
        }
        while (decimals > 0 && digits % 10 == 0) {
            digits /= 10;
            scale /= 10;
            decimals--;
        }
        if (decimals == 0) {
            snprintf(out, SIM_UNITS_TEXT_MAX, "%" PRIu64 " %s", digits, units[i]->name);
        } else {
            snprintf(out, SIM_UNITS_TEXT_MAX, "%" PRIu64 ".%0*" PRIu64 " %s", digits / scale,
                     (int)decimals, digits % scale, units[i]->name);
        }
        return out;
    }
}

char *sim_units_format_size(uint64_t bytes, char out[SIM_UNITS_TEXT_MAX])
{
    static const struct unit *const units[] = {&size_units[0], &size_units[1], &size_units[3],
                                               &size_units[4], &size_units[5]};
    return format(bytes, units, sizeof(units) / sizeof(units[0]), out);
}

char *sim_units_format_rate(uint64_t bit_s, char out[SIM_UNITS_TEXT_MAX])
{
    static const struct unit *const units[] = {&rate_units[0], &rate_units[1], &rate_units[2],
                                               &rate_units[3], &rate_units[4]};
    return format(bit_s, units, sizeof(units) / sizeof(units[0]), out);
}

char *sim_units_format_duration(sim_duration d, char out[SIM_UNITS_TEXT_MAX])
{
    static const struct unit *const units[] = {&duration_units[0], &duration_units[1],
                                               &duration_units[2], &duration_units[3]};
    const uint64_t minute = 60 * SIM_S;
    const uint64_t hour = 60 * minute;

    if (d == SIM_NEVER) {
        snprintf(out, SIM_UNITS_TEXT_MAX, "never");
        return out;
    }
    if (d < minute - SIM_S / 20) { /* from 59.95 s on it rounds to a minute */
        return format(d, units, sizeof(units) / sizeof(units[0]), out);
    }
    uint64_t seconds = d / SIM_S + (d % SIM_S >= SIM_S / 2 ? 1 : 0);
    if (seconds < hour / SIM_S) {
        snprintf(out, SIM_UNITS_TEXT_MAX, "%" PRIu64 " min %" PRIu64 " s", seconds / 60,
                 seconds % 60);
        return out;
    }
    uint64_t minutes = d / minute + (d % minute >= minute / 2 ? 1 : 0);
    snprintf(out, SIM_UNITS_TEXT_MAX, "%" PRIu64 " h %" PRIu64 " min", minutes / 60, minutes % 60);
    return out;
}
