/* Goal: a table fits its page: heads of two lines, columns left out, a paragraph a row, and no line
 * is wider or ends in blanks; nor is one of a summary. Quantities in people's units. Method: one
 * table at several widths. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/columns.h"
#include "analysis/quantity.h"

static char *print(int width, bool *left_out)
{
    static const struct analysis_column list[] = {
        {.head = "class", .left = true},
        {.head = "last phone"},
        {.head = "", .left = true, .joined = true, .drop = 1},
        {.head = "cost", .drop = 2},
        {.head = "answer", .left = true, .wraps = true},
    };
    static const char *const cells[] = {
        "branch",      "5 min", "+- 1 s", "4",  "fits",
        "K\xc3\xb6ln", "2 h",   "",       "16", "does alone, not beside the others"};
    struct analysis_columns *t = analysis_columns_new(list, sizeof(list) / sizeof(list[0]));
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    struct analysis_style style = {.to = to, .width = width};

    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        analysis_columns_add(t, ANALYSIS_PLAIN, cells[i]);
    }
    *left_out = analysis_columns_print(t, &style, 2);
    analysis_columns_free(t);
    fclose(to);
    return text;
}

static int columns_of(const char *line, size_t len)
{
    int columns = 0;

    for (size_t i = 0; i < len; i++) {
        columns += (line[i] & 0xc0) != 0x80;
    }
    return columns;
}

Test(columns, fit_every_page_and_leave_no_blanks_behind)
{
    for (int width = 40; width <= 120; width++) {
        bool left_out;
        char *text = print(width, &left_out);
        for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
            size_t len = strcspn(line, "\n");
            cr_assert(columns_of(line, len) <= width, "width %d: %s", width, text);
            cr_assert(len == 0 || line[len - 1] != ' ', "width %d: %s", width, text);
        }
        free(text);
    }
}

Test(columns, are_as_wide_as_what_is_in_them)
{
    bool left_out;
    char *text = print(100, &left_out);

    cr_assert(eq(str, text,
                 "  class     last phone  cost  answer\n"
                 "  branch  5 min +- 1 s     4  fits\n"
                 "  K\xc3\xb6ln      2 h           16  does alone, not beside the others\n"));
    cr_assert(not(left_out));
    free(text);
}

Test(columns, that_matter_least_go_and_are_named)
{
    bool left_out;
    char *text = print(40, &left_out);

    cr_assert(left_out);
    cr_assert(eq(str, text,
                 "           last\n"
                 "  class   phone  answer\n"
                 "  branch  5 min  fits\n"
                 "  K\xc3\xb6ln      2 h  does alone, not beside\n"
                 "                 the others\n"
                 "  (a wider page also has: cost)\n"));
    free(text);
}

Test(columns, become_paragraphs_where_nothing_else_fits)
{
    static const struct analysis_column list[] = {{.head = "key", .left = true},
                                                  {.head = "figure"}};
    struct analysis_columns *t = analysis_columns_new(list, 2);
    char *text = NULL;
    size_t len = 0;
    FILE *to = open_memstream(&text, &len);
    struct analysis_style style = {.to = to, .width = 40};

    analysis_columns_add(t, ANALYSIS_PLAIN, "a value of twenty-five or so");
    analysis_columns_add(t, ANALYSIS_PLAIN, "1 h 21 min and some more");
    cr_assert(not(analysis_columns_print(t, &style, 0)));
    fclose(to);
    cr_assert(eq(str, text,
                 "key a value of twenty-five or so\n"
                 "  figure  1 h 21 min and some more\n"));
    analysis_columns_free(t);
    free(text);
}

Test(quantity, has_its_metrics_unit)
{
    static const struct {
        const char *expression, *want;
    } rows[] = {
        {"completion_s.last <= 14400", "completion_s.last <= 4 h"},
        {"sites[a < b].back_in_service_s.p95 < 90",
         "sites[a < b].back_in_service_s.p95 < 1 min 30 s"},
        {"wan.utilisation <= 0.949", "wan.utilisation <= 94.9 %"},
        {"wan.peak_bit_s <= 384000", "wan.peak_bit_s <= 384 kbit/s"},
        {"phones.failed == 0", "phones.failed == 0"},
        {"no.such >= 12.25", "no.such >= 12.2"},
        {"completion_s.last <= 10 min", "completion_s.last <= 10 min"},
        {"nothing", "nothing"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[ANALYSIS_QUANTITY_TEXT_MAX];
        analysis_quantity_expression(rows[i].expression, text);
        cr_assert(eq(str, text, (char *)rows[i].want), "row %zu", i);
    }
}

/* Titles and sentences too: a comparison of two methods, on every page that there may be. */
Test(summary, of_a_comparison_fits_every_page)
{
    cJSON *document =
        cJSON_Parse("{\"runs\":[{\"scenario\":\"a branch behind a T1\",\"world\":\"virtual\","
                    "\"method\":\"traditional\",\"phones\":{\"total\":30,\"upgraded\":30},"
                    "\"completion_s\":{\"last\":60},\"validity\":{\"valid\":true}},"
                    "{\"method\":\"pfs\",\"phones\":{\"total\":30,\"upgraded\":30},"
                    "\"completion_s\":{\"last\":20},\"validity\":{\"valid\":true}}]}");

    cr_assert(ne(ptr, document, NULL));
    for (int width = ANALYSIS_WIDTH_MIN; width <= 120; width++) {
        char *text = NULL;
        size_t len = 0;
        FILE *to = open_memstream(&text, &len);
        struct analysis_style style = {.to = to, .width = width};
        analysis_summary_compare(&style, document, NULL);
        fclose(to);
        cr_assert(eq(int, strncmp(text, "a branch behind a T1: 30", 24), 0));
        for (const char *line = text; *line != '\0';) {
            size_t line_len = strcspn(line, "\n");
            cr_assert(columns_of(line, line_len) <= width, "width %d: %s", width, text);
            line += line_len + (line[line_len] == '\n');
        }
        free(text);
    }
    cJSON_Delete(document);
}
