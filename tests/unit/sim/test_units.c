/* Goal: sim/units.c reads quantities exactly, refuses everything that is not one, and writes short
 * texts that it can read again. Method: tables of texts. */
#include <criterion/criterion.h>
#include <stdbool.h>
#include <string.h>

#include "sim/err.h"
#include "sim/units.h"

struct good {
    const char *text;
    uint64_t want;
};

#define LEN(a) (sizeof(a) / sizeof((a)[0]))

Test(units, reads_sizes_exactly)
{
    static const struct good rows[] = {
        {"0 B", 0},
        {"652 B", 652},
        {"652B", 652},
        {"007 B", 7},
        {"8.1 MB", 8100000},
        {"64 KB", 64000},
        {"64 kB", 64000},
        {"64 KiB", 65536},
        {"30 MiB", UINT64_C(30) << 20},
        {"1.5 GiB", UINT64_C(3) << 29},
        {"0.5 B", 1}, /* halves go up */
        {"0.499999999999999999 B", 0},
        {"9223372036854775808 B", UINT64_C(1) << 63},
        {"8388608 TiB", UINT64_C(1) << 63},
        {"9007199254740993 B", UINT64_C(9007199254740993)}, /* no double holds it */
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        uint64_t got = 1;
        cr_assert_eq(sim_units_parse_size(rows[i].text, &got), 0, "%s", rows[i].text);
        cr_assert_eq(got, rows[i].want, "%s gave %llu", rows[i].text, (unsigned long long)got);
    }
}

Test(units, reads_rates_and_durations_exactly)
{
    static const struct good rates[] = {
        {"1 bit/s", 1},
        {"9600 bit/s", 9600},
        {"384 kbit/s", 384000},
        {"1.536 Mbit/s", 1536000},
        {"1 Gbit/s", UINT64_C(1000000000)},
        {"2.5 Tbit/s", UINT64_C(2500000000000)},
    };
    static const struct good durations[] = {
        {"0 s", 0},
        {"100 ns", 100},
        {"50 us", 50 * SIM_US},
        {"80 ms", 80 * SIM_MS},
        {"10 s", 10 * SIM_S},
        {"0.5 s", SIM_S / 2},
        {"5 min", 300 * SIM_S},
        {"4 h", 4 * 3600 * SIM_S},
        {"0.1 h", 360 * SIM_S},
    };
    for (size_t i = 0; i < LEN(rates); i++) {
        uint64_t got = 0;
        cr_assert_eq(sim_units_parse_rate(rates[i].text, &got), 0, "%s", rates[i].text);
        cr_assert_eq(got, rates[i].want, "%s", rates[i].text);
    }
    for (size_t i = 0; i < LEN(durations); i++) {
        sim_duration got = 1;
        cr_assert_eq(sim_units_parse_duration(durations[i].text, &got), 0, "%s", durations[i].text);
        cr_assert_eq(got, durations[i].want, "%s", durations[i].text);
    }
}

Test(units, refuses_what_is_no_quantity_and_leaves_the_result_alone)
{
    static const char *const bad[] = {
        "",
        " ",
        "B",
        "12",
        "12 ",
        "12  B",
        " 12 B",
        "12 B ",
        "-1 B",
        "+1 B",
        "1e3 B",
        ".5 B",
        "5. B",
        "1,5 B",
        "1.2.3 B",
        "12 b",
        "12 mb",
        "12 bytes",
        "0x10 B",
        "12\tB",
        "1 bit/s",
        "1 s",
        "1 S",
        "1 kib",
        "9223372036854775809 B",
        "99999999999999999999999999 B",
        "8388609 TiB",
        "1.0000000000000000001 B", /* 19 decimals */
    };
    for (size_t i = 0; i < LEN(bad); i++) {
        uint64_t got = 77;
        cr_assert_eq(sim_units_parse_size(bad[i], &got), SIM_EINVAL, "'%s'", bad[i]);
        cr_assert_eq(got, 77, "'%s'", bad[i]);
    }
    static const char *const bad_rates[] = {"0 bit/s",  "0.4 bit/s", "1 Kbit/s", "384 kbit",
                                            "384 kbps", "384",       "1 B/s",    "384 kB"};
    for (size_t i = 0; i < LEN(bad_rates); i++) {
        uint64_t got = 77;
        cr_assert_eq(sim_units_parse_rate(bad_rates[i], &got), SIM_EINVAL, "'%s'", bad_rates[i]);
        cr_assert_eq(got, 77, "'%s'", bad_rates[i]);
    }
    static const char *const bad_durations[] = {"1 m",   "1 sec", "1 hour",       "80",
                                                "80 MS", "1 d",   "99999999999 h"};
    for (size_t i = 0; i < LEN(bad_durations); i++) {
        sim_duration got = 77;
        cr_assert_eq(sim_units_parse_duration(bad_durations[i], &got), SIM_EINVAL, "'%s'",
                     bad_durations[i]);
        cr_assert_eq(got, 77, "'%s'", bad_durations[i]);
    }
}

Test(units, writes_three_digits_and_no_empty_decimals)
{
    static const struct good sizes[] = {
        {"0 B", 0},           {"652 B", 652},         {"999 B", 999},   {"1 kB", 1000},
        {"8.13 MB", 8127234}, {"1.54 kB", 1535},      {"10 kB", 9996},  {"99.9 kB", 99940},
        {"100 kB", 99960},    {"1 MB", 999600},       {"1 MB", 999999}, {"999 kB", 999499},
        {"30 MB", 30000000},  {"1.2 GB", 1200000000},
    };
    char out[SIM_UNITS_TEXT_MAX];
    for (size_t i = 0; i < LEN(sizes); i++) {
        cr_assert_str_eq(sim_units_format_size(sizes[i].want, out), sizes[i].text, "%s for %llu",
                         out, (unsigned long long)sizes[i].want);
    }
    cr_assert_str_eq(sim_units_format_size(UINT64_MAX, out), "18446744 TB");
    cr_assert_str_eq(sim_units_format_rate(384000, out), "384 kbit/s");
    cr_assert_str_eq(sim_units_format_rate(1536000, out), "1.54 Mbit/s");
    cr_assert_str_eq(sim_units_format_rate(1000000000, out), "1 Gbit/s");
}

Test(units, writes_durations_as_people_say_them)
{
    static const struct good rows[] = {
        {"0 ns", 0},
        {"50 us", 50 * SIM_US},
        {"2 ms", 2 * SIM_MS},
        {"500 ms", SIM_S / 2},
        {"1.25 s", 1250 * SIM_MS},
        {"59.9 s", 59949 * SIM_MS},
        {"1 min 0 s", 59950 * SIM_MS},
        {"1 min 20 s", 80 * SIM_S},
        {"59 min 59 s", 3599 * SIM_S},
        {"1 h 0 min", 3599600 * SIM_MS},
        {"4 h 0 min", 4 * 3600 * SIM_S},
        {"never", SIM_NEVER},
        {"5124095 h 35 min", SIM_NEVER - 1},
    };
    for (size_t i = 0; i < LEN(rows); i++) {
        char out[SIM_UNITS_TEXT_MAX];
        cr_assert_str_eq(sim_units_format_duration(rows[i].want, out), rows[i].text, "%s, not %s",
                         out, rows[i].text);
    }
}

Test(units, what_it_writes_below_a_minute_it_reads_within_half_a_percent)
{
    for (uint64_t v = 1; v < 60 * SIM_S; v += v / 7 + 1) {
        char out[SIM_UNITS_TEXT_MAX];
        sim_duration back = 0;
        if (v >= 59 * SIM_S) {
            break;
        }
        cr_assert_eq(sim_units_parse_duration(sim_units_format_duration(v, out), &back), 0, "%s",
                     out);
        uint64_t off = back > v ? back - v : v - back;
        cr_assert_leq(off * 200, v, "%llu became %s", (unsigned long long)v, out);
    }
}
