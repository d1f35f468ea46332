/* Goal: Mahimahi's files mean here what they mean there, and a wrong one is told with its line.
 * Method: packets of 1500 bytes that wait leave when the file says; texts that are none. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/mahimahi.h"

static struct sim_capacity *parsed(const char *text)
{
    struct sim_mahimahi_error error;
    struct sim_capacity *c = NULL;

    cr_assert_eq(sim_mahimahi_parse(&c, text, strlen(text), 0, &error), 0, "%s", error.why);
    return c;
}

Test(mahimahi, lets_waiting_packets_leave_when_the_file_says)
{
    static const char text[] = "1\n2\n2\n2\n7\n7\n20\n";
    static const uint64_t leaves[] = {1, 7, 20, 21, 27, 40, 41}; /* ms, of those that matter */
    static const int number[] = {1, 6, 7, 8, 13, 14, 15};
    struct sim_capacity *c = parsed(text);
    struct sim_capacity_cursor cursor = {.at = SIM_NEVER};
    sim_time at = 0;

    for (int i = 1, next = 0; i <= 15; i++) {
        at = sim_capacity_end(c, at, 1500, &cursor);
        if (number[next] == i) {
            cr_assert_eq(at, leaves[next] * SIM_MS, "packet %d leaves at %llu ns", i,
                         (unsigned long long)at);
            next++;
        }
    }
    cr_assert_eq(sim_capacity_mean(c), 7 * 1500 * 8 * 50, "seven in 20 ms");
    sim_capacity_free(c);
}

Test(mahimahi, merges_equal_milliseconds)
{
    struct sim_capacity *c = parsed("0\r\n1\r\n2\r\n3\r\n4\r\n\r\n\n"); /* 0 is of the 4th ms */
    sim_time until;

    cr_assert_eq(sim_capacity_rate(c, 0, &until), 12000000);
    cr_assert_eq(until, 3 * SIM_MS);
    cr_assert_eq(sim_capacity_rate(c, until, &until), 24000000);
    cr_assert_eq(until, 4 * SIM_MS);
    sim_capacity_free(c);
    c = parsed("5"); /* no end of line */
    cr_assert_eq(sim_capacity_rate(c, 0, &until), 0);
    cr_assert_eq(until, 4 * SIM_MS);
    sim_capacity_free(c);
}

Test(mahimahi, tells_what_is_wrong_and_where)
{
    static const struct {
        const char *text, *why;
        unsigned line;
    } cases[] = {
        {"", "no number", 0},
        {"0\n0\n", "a length of 0", 0},
        {"1\n2\nx\n", "found \"x\", expected a whole number", 3},
        {"1\n-2\n", "found \"-2\"", 2},
        {"1 \n", "found \"1 \"", 1},
        {"1.5\n", "found \"1.5\"", 1},
        {"1\n7\n6\n", "found 6 behind 7, expected times that never fall", 3},
        {"1\n\n2\n", "found an empty line", 2},
        {"86400001\n", "at most 86400000", 1},
        {"99999999999999999999\n", "expected a whole number", 1},
        {"\x01\x7f\xff\n", "found \"???\"", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sim_mahimahi_error error;
        struct sim_capacity *c = NULL;

        cr_assert_eq(sim_mahimahi_parse(&c, cases[i].text, strlen(cases[i].text), 0, &error),
                     SIM_EINVAL, "case %zu", i);
        cr_assert_eq(error.line, cases[i].line, "case %zu: line %u", i, error.line);
        cr_assert_not_null(strstr(error.why, cases[i].why), "case %zu: %s", i, error.why);
        cr_assert_null(c);
    }
}

Test(mahimahi, limits_a_millisecond)
{
    static char text[2 * (SIM_MAHIMAHI_BURST_MAX + 1)];
    struct sim_mahimahi_error error;
    struct sim_capacity *c = NULL;

    for (size_t i = 0; i < sizeof(text); i += 2) {
        memcpy(text + i, "3\n", 2);
    }
    cr_assert_eq(sim_mahimahi_parse(&c, text, sizeof(text), 0, &error), SIM_ELIMIT);
    cr_assert_eq(error.line, SIM_MAHIMAHI_BURST_MAX + 1);
    cr_assert_eq(sim_mahimahi_parse(&c, text, sizeof(text) - 2, 0, &error), 0);
    sim_capacity_free(c);
}
