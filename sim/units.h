/* sim/units.h -- quantities with units, as people write them in a scenario, and back.
 *
 * Decimal prefixes (k, M, G) are powers of 1000, binary ones (Ki, Mi, Gi) of 1024. Between number
 * and unit stands at most one space; a missing unit is an error. Fractions are read exactly,
 * without floating point ("1.536 Mbit/s" is 1,536,000) and rounded to the nearest unit, halves up;
 * at most 18 decimals. No sign, no exponent, nothing before or behind. "KB" is taken for "kB": 1024
 * is KiB. */
#ifndef SIM_UNITS_H
#define SIM_UNITS_H

#include <stddef.h>
#include <stdint.h>

#include "sim/time.h"

enum {
    SIM_UNITS_TEXT_MAX = 32, /* any formatted quantity with its NUL */
};

/* "652 B", "8.1 MB", "30 MiB": bytes. 0, or SIM_EINVAL (no number, unknown or missing unit,
 * negative, over 2^63). `*out` untouched on failure. The same for the two below. */
int sim_units_parse_size(const char *text, uint64_t *out);
/* "384 kbit/s", "1.5 Mbit/s", "1 Gbit/s", "9600 bit/s": bits a second, at least 1. */
int sim_units_parse_rate(const char *text, uint64_t *out);
/* "50 us", "80 ms", "10 s", "5 min", "4 h", "100 ns": nanoseconds. */
int sim_units_parse_duration(const char *text, sim_duration *out);

/* For people, three significant digits: "8.13 MB", "384 kbit/s", "59.9 s"; from a minute on "1 min
 * 20 s", from an hour on "4 h 0 min"; SIM_NEVER is "never". Return `out`. */
char *sim_units_format_size(uint64_t bytes, char out[SIM_UNITS_TEXT_MAX]);
char *sim_units_format_rate(uint64_t bit_s, char out[SIM_UNITS_TEXT_MAX]);
char *sim_units_format_duration(sim_duration d, char out[SIM_UNITS_TEXT_MAX]);

#endif /* SIM_UNITS_H */
