/* Goal: the walk over JSON text accepts exactly JSON within its limits and knows the line of every
 * value. Method: tables of texts; lines looked up through cJSON's tree; every cut of a document. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/position.h"
#include "sim/err.h"

static int scan(const char *text, size_t len)
{
    struct position_index index;
    struct position_fault fault = {0};
    int rc = position_scan(text, len, &index, &fault);

    cr_assert_eq(rc == 0, fault.line == 0);
    position_free(&index);
    return rc;
}

Test(position, accepts_json)
{
    static const char *const good[] = {
        "{}",
        " [ ] ",
        "null",
        "true",
        "false",
        "0",
        "-0",
        "-1.5e+3",
        "1E9",
        "\"\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\"",
        "\"\\ud83d\\ude00\"",
        "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
        "[1,2,[3,{\"a\":[]}]]",
        "{\"a\":1,\"a\":2}",
        "\t\r\n 1 \n",
        "\xef\xbb\xbf{}",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        cr_assert_eq(scan(good[i], strlen(good[i])), 0, "%s", good[i]);
    }
}

Test(position, refuses_what_is_no_json)
{
    static const char *const bad[] = {
        "",
        " ",
        "{",
        "[",
        "]",
        "{]",
        "[1,]",
        "{\"a\":1,}",
        "{\"a\"}",
        "{\"a\" 1}",
        "{a:1}",
        "'a'",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "tru",
        "nul",
        "True",
        "1 2",
        "\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\\ud800\\u0041\"",
        "\"\\udc00\"",
        "\"a\nb\"",
        "\"\x80\"",
        "\"\xc0\xaf\"",
        "\"\xed\xa0\x80\"",
        "\"\xf4\x90\x80\x80\"",
        "\"\xe2\x82\"",
        "{} x",
        "//\n{}",
        "[1 2]",
        "\v1",
        "1000000000000000000000000000000000000000000000000000000000000000", /* 64 characters */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(scan(bad[i], strlen(bad[i])), SIM_EINVAL, "%s", bad[i]);
    }
    cr_assert_eq(scan("1\0", 2), SIM_EINVAL);
}

Test(position, nesting_ends_at_32_levels)
{
    char text[128];

    memset(text, '[', 33);
    memset(text + 32, ']', 32);
    cr_assert_eq(scan(text, 64), 0);
    memset(text, '[', 33);
    memset(text + 33, ']', 33);
    cr_assert_eq(scan(text, 66), SIM_EINVAL);
}

Test(position, no_cut_of_a_document_is_accepted_or_read_past)
{
    const char *text = "{\"a\":[1.5e3,\"\\u00e9\\ud83d\\ude00\xc3\xa9\",true,null],\"b\":{}}";
    size_t len = strlen(text);

    for (size_t cut = 0; cut < len; cut++) {
        char *exact = malloc(cut == 0 ? 1 : cut); /* ASan watches its end */
        memcpy(exact, text, cut);
        cr_assert_eq(scan(exact, cut), SIM_EINVAL, "cut %zu", cut);
        free(exact);
    }
    cr_assert_eq(scan(text, len), 0);
}

Test(position, each_value_has_the_line_of_its_key)
{
    const char *text = "{ \"a\": 1,\n\"b\":\n[ 2,\n3 ],\n\n\"c\": { \"d\":\n{} } }";
    struct position_index index;
    struct position_fault fault;

    cr_assert_eq(position_scan(text, strlen(text), &index, &fault), 0);
    cJSON *root = cJSON_Parse(text);
    position_attach(&index, root);
    const cJSON *b = cJSON_GetObjectItem(root, "b");
    const cJSON *c = cJSON_GetObjectItem(root, "c");
    cr_assert_eq(position_line(&index, root), 1);
    cr_assert_eq(position_line(&index, cJSON_GetObjectItem(root, "a")), 1);
    cr_assert_eq(position_line(&index, b), 2);
    cr_assert_eq(position_line(&index, cJSON_GetArrayItem(b, 0)), 3);
    cr_assert_eq(position_line(&index, cJSON_GetArrayItem(b, 1)), 4);
    cr_assert_eq(position_line(&index, c), 6);
    cr_assert_eq(position_line(&index, cJSON_GetObjectItem(c, "d")), 6);
    cJSON *other = cJSON_CreateNull();
    cr_assert_eq(position_line(&index, other), 0);
    cJSON_Delete(other);
    cJSON_Delete(root);
    position_free(&index);
}

Test(position, a_fault_has_line_column_and_what_stands_there)
{
    const char *text = "{\n  \"a\": ?}";
    struct position_index index;
    struct position_fault fault;

    cr_assert_eq(position_scan(text, strlen(text), &index, &fault), SIM_EINVAL);
    cr_assert_eq(fault.line, 2);
    cr_assert_eq(fault.column, 8);
    cr_assert_str_eq(fault.found, "'?'");
    position_free(&index);
}

Test(position, a_million_values_are_enough)
{
    size_t len = 2 * POSITION_VALUES_MAX + 1;
    char *text = malloc(len);

    text[0] = '[';
    for (size_t i = 1; i < len; i += 2) {
        text[i] = '1';
        text[i + 1] = ',';
    }
    text[len - 1] = ']';
    cr_assert_eq(scan(text, len), SIM_EINVAL); /* the list itself is one more */
    text[len - 3] = ']';
    cr_assert_eq(scan(text, len - 2), 0);
    free(text);
}
