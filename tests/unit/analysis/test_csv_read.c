/* Goal: what csv_read.h promises of rows, quotes, numbers and limits, whatever the file holds.
 * Method: small files in a folder of the test's own; each row of a table is a whole file. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/report/csv_read.h"
#include "analysis/report/words.h"
#include "sim/err.h"

static char path[64];
static char why[ANALYSIS_WHY_MAX];
static const char *const columns[] = {"b", "a", NULL};

static void set_up(void)
{
    snprintf(path, sizeof(path), "/tmp/pfsim-csv.XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0);
    close(fd);
}

static void clean_up(void)
{
    unlink(path);
}

static struct analysis_csv *open_text(const char *text, size_t len)
{
    struct analysis_csv *csv = NULL;
    FILE *f = fopen(path, "w");
    cr_assert_eq(fwrite(text, 1, len, f), len);
    fclose(f);
    why[0] = '\0';
    if (analysis_csv_open(&csv, path, columns, why) != 0) {
        cr_assert_null(csv);
    }
    return csv;
}

static void expect_row(struct analysis_csv *csv, const char *b, const char *a)
{
    int rc = analysis_csv_next(csv, why);
    cr_assert_eq(rc, 1, "%s", why);
    cr_assert_str_eq(analysis_csv_text(csv, 0), b);
    cr_assert_str_eq(analysis_csv_text(csv, 1), a);
}

TestSuite(csv_read, .init = set_up, .fini = clean_up);

Test(csv_read, columns_are_found_by_name_and_quotes_are_undone)
{
    static const char text[] = "a,x,b\r\n"
                               "1,,2\n"
                               "\"one, two\",\"\",\"say \"\"no\"\"\"\n"
                               "\"two\nlines\",,\"\"\n";
    struct analysis_csv *csv = open_text(text, sizeof(text) - 1);

    cr_assert_not_null(csv, "%s", why);
    expect_row(csv, "2", "1");
    expect_row(csv, "say \"no\"", "one, two");
    expect_row(csv, "", "two\nlines");
    cr_assert_eq(analysis_csv_next(csv, why), 0);
    analysis_csv_close(csv);
}

Test(csv_read, damage_is_named_with_its_row)
{
    static const struct {
        const char *text, *says;
    } files[] = {
        {"", "row 1: the file is empty"},
        {"a,c\n", "has no column b"},
        {"a,b\n1\n", "row 2: found 1 fields, expected 2"},
        {"a,b\n1,2\n1,2,3\n", "row 3: found 3 fields, expected 2"},
        {"a,b\n1,2", "row 2: the file ends within it"},
        {"a,b\n\"1,2\n", "row 2: the file ends within it"},
        {"a,b\n1\"1,2\n", "row 2: the file ends within it"},
        {"a,b\n1\"\"1,2\n", "row 2: a quote where none may be"},
        {"a,b\n\"1\"1,2\n", "row 2: a quote where none may be"},
    };

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct analysis_csv *csv = open_text(files[i].text, strlen(files[i].text));
        int rc = csv == NULL ? -1 : 1;
        while (rc > 0) {
            rc = analysis_csv_next(csv, why);
        }
        cr_assert_lt(rc, 0, "file %zu is taken", i);
        cr_assert_not_null(strstr(why, files[i].says), "file %zu: %s", i, why);
        cr_assert_not_null(strstr(why, path), "file %zu: its name is not in: %s", i, why);
        analysis_csv_close(csv);
    }
}

Test(csv_read, zero_bytes_and_endless_rows_are_refused)
{
    static char text[3 * ANALYSIS_CSV_ROW_MAX];
    struct analysis_csv *csv = open_text("a,b\n1\0,2\n", 9);

    cr_assert_eq(analysis_csv_next(csv, why), SIM_EINVAL);
    cr_assert_not_null(strstr(why, "zero byte"), "%s", why);
    analysis_csv_close(csv);

    memset(text, 'x', sizeof(text));
    memcpy(text, "a,b\n1,", 6);
    text[sizeof(text) - 1] = '\n';
    csv = open_text(text, sizeof(text));
    cr_assert_eq(analysis_csv_next(csv, why), SIM_EINVAL);
    cr_assert_not_null(strstr(why, "64 KiB"), "%s", why);
    analysis_csv_close(csv);

    text[ANALYSIS_CSV_ROW_MAX + 3] = '\n'; /* with its end just as long as one may be */
    text[ANALYSIS_CSV_ROW_MAX + 4] = '\0';
    csv = open_text(text, ANALYSIS_CSV_ROW_MAX + 4);
    cr_assert_eq(analysis_csv_next(csv, why), 1, "%s", why);
    cr_assert_eq(strlen(analysis_csv_text(csv, 0)), ANALYSIS_CSV_ROW_MAX - 3);
    cr_assert_eq(analysis_csv_next(csv, why), 0);
    analysis_csv_close(csv);
}

Test(csv_read, more_rows_than_the_buffer_holds)
{
    struct analysis_csv *csv = NULL;
    FILE *f = fopen(path, "w");
    double value = 0;

    fputs("a,b\n", f);
    for (unsigned i = 0; i < 60000; i++) {
        fprintf(f, "\"%u,\",%u.25\n", i, i);
    }
    fclose(f);
    cr_assert_eq(analysis_csv_open(&csv, path, columns, why), 0, "%s", why);
    for (unsigned i = 0; i < 60000; i++) {
        cr_assert_eq(analysis_csv_next(csv, why), 1, "%s", why);
        cr_assert_eq(analysis_csv_value(csv, 0, &value, why), 0);
        cr_assert_eq(value, i + 0.25);
        cr_assert_eq(analysis_csv_row(csv), i + 2);
    }
    cr_assert_eq(analysis_csv_next(csv, why), 0);
    analysis_csv_close(csv);
}

Test(csv_read, numbers_are_plain_decimals)
{
    static const struct {
        const char *text;
        bool good;
        double value;
    } numbers[] = {
        {"0", true, 0},
        {"12.5", true, 12.5},
        {"000.000001", true, 1e-6},
        {"123456789012345678", true, 123456789012345678.0},
        {"1234567890123456789", false, 0},
        {"-1", false, 0},
        {"+1", false, 0},
        {"1e3", false, 0},
        {".5", false, 0},
        {"5.", false, 0},
        {"1.2.3", false, 0},
        {"nan", false, 0},
        {"inf", false, 0},
        {"0x10", false, 0},
        {" 1", false, 0},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        char text[64];
        double value = -1;
        snprintf(text, sizeof(text), "a,b\n,%s\n", numbers[i].text);
        struct analysis_csv *csv = open_text(text, strlen(text));
        cr_assert_eq(analysis_csv_next(csv, why), 1, "%s", why);
        int rc = analysis_csv_value(csv, 0, &value, why);
        cr_assert_eq(rc == 0, numbers[i].good, "%s", numbers[i].text);
        cr_assert(numbers[i].good ? value == numbers[i].value
                                  : strstr(why, "row 2, column b") != NULL,
                  "%s: %g %s", numbers[i].text, value, why);
        cr_assert_eq(analysis_csv_number(csv, 1, &value, why), 0);
        cr_assert(isnan(value), "nothing is no number");
        cr_assert_eq(analysis_csv_value(csv, 1, &value, why), SIM_EINVAL);
        analysis_csv_close(csv);
    }
}

Test(csv_read, words_get_numbers_in_the_order_in_which_they_come)
{
    struct analysis_words_table w = {.words = NULL};
    char word[16];

    cr_assert_eq(analysis_words_find(&w, "x"), ANALYSIS_WORDS_NONE);
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(word, sizeof(word), "w%u", i);
        cr_assert_eq(analysis_words_put(&w, word), i);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(word, sizeof(word), "w%u", i);
        cr_assert_eq(analysis_words_put(&w, word), i);
        cr_assert_eq(analysis_words_find(&w, word), i);
    }
    cr_assert_eq(analysis_words_find(&w, "w5000"), ANALYSIS_WORDS_NONE);
    cr_assert_eq(w.len, 5000);
    analysis_words_deinit(&w);
}
