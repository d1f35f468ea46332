/* Goal: numbers and lines as people read them: digits in threes, and no line that ends between a
 * number and its unit. Method: values and sentences beside what they must become, at a width of 40.
 * Not here: what the summaries say (tests/cli). */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/summary.h"

static void expect_wrapped(const char *text, const char *expected)
{
    char *bytes = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&bytes, &len);
    struct analysis_style style = {.to = to, .width = ANALYSIS_WIDTH_MIN};

    cr_assert_eq((int)ANALYSIS_WIDTH_MIN, 40, "the sentences are made for that");
    analysis_summary_wrap(&style, 0, 2, text);
    fclose(to);
    cr_expect_str_eq(bytes, expected);
    free(bytes);
}

Test(summary, counts_in_threes)
{
    static const struct {
        double value;
        const char *text;
    } rows[] = {{0, "0"},           {999, "999"},       {1000, "1,000"}, {43310, "43,310"},
                {1e6, "1,000,000"}, {(double)NAN, "-"}, {-1, "-"},       {1e300, "-"}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_expect_str_eq(ANALYSIS_COUNT(rows[i].value), rows[i].text);
    }
}

Test(summary, wraps_between_words)
{
    expect_wrapped("a line of no more than forty characters, then another",
                   "a line of no more than forty characters,\n  then another\n");
}

Test(summary, keeps_a_number_and_its_unit_together)
{
    expect_wrapped("peak 1.98 Mbit/s of the line, busy 1.74 s",
                   "peak 1.98 Mbit/s of the line, busy\n  1.74 s\n");
    expect_wrapped("as planned the last phone after 2 h 52 min; least",
                   "as planned the last phone after\n  2 h 52 min; least\n");
    expect_wrapped("and the last of the phones after 8 min 3 s.",
                   "and the last of the phones after\n  8 min 3 s.\n");
    expect_wrapped("all of them were upgraded in less than 5 hours",
                   "all of them were upgraded in less than 5\n  hours\n"); /* no unit of ours */
    expect_wrapped("it took 12 s 40 phones had then been done", /* 40 is another number's */
                   "it took 12 s 40 phones had then been\n  done\n");
}
