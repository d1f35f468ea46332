/* Goal: no name that leaves the root, or can't be read in one way only, passes. Method: a table,
 * and every single byte. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/server/name.h"

#define NAME(x) SIM_SERVER_NAME_##x

struct row {
    const char *text;
    size_t len; /* 0: strlen */
    enum sim_server_name_verdict want;
};

static const struct row names[] = {
    {"SEP001E13000001.cnf.xml", 0, NAME(OK)},
    {"a/b/c.sbn", 0, NAME(OK)},
    {"..a/b..", 0, NAME(OK)},
    {"...", 0, NAME(OK)},
    {".hidden", 0, NAME(OK)},
    {"%2e%2e/x", 0, NAME(OK)}, /* TFTP: these are the bytes of a name, nothing is decoded */
    {"ab:c", 0, NAME(OK)},
    {"with blank", 0, NAME(OK)},
    {"\xc3\xa9", 0, NAME(OK)},
    {"", 0, NAME(EMPTY)},
    {"/etc/passwd", 0, NAME(ABSOLUTE)},
    {"/", 0, NAME(ABSOLUTE)},
    {"//x", 0, NAME(ABSOLUTE)},
    {"..", 0, NAME(PARENT)},
    {"../x", 0, NAME(PARENT)},
    {"a/../b", 0, NAME(PARENT)},
    {"a/..", 0, NAME(PARENT)},
    {"a/b/../../../c", 0, NAME(PARENT)},
    {".", 0, NAME(PART)},
    {"./a", 0, NAME(PART)},
    {"a/.", 0, NAME(PART)},
    {"a//b", 0, NAME(PART)},
    {"a/", 0, NAME(PART)},
    {"C:", 0, NAME(DRIVE)},
    {"c:/x", 0, NAME(DRIVE)},
    {"Z:x", 0, NAME(DRIVE)},
    {"..\\x", 0, NAME(BACKSLASH)},
    {"\\\\host\\share", 0, NAME(BACKSLASH)},
    {"C:\\x", 0, NAME(BACKSLASH)},
    {"a\0b", 3, NAME(CONTROL)},
    {"a\n", 0, NAME(CONTROL)},
    {"\x7f", 0, NAME(CONTROL)},
};

Test(server_name, is_judged_as_in_the_table)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct row *row = &names[i];
        size_t len = row->len > 0 ? row->len : strlen(row->text);
        enum sim_server_name_verdict got = sim_server_name_check(row->text, len);
        cr_assert_eq(got, row->want, "row %zu '%s': %s", i, row->text, sim_server_name_text(got));
    }
}

static const struct row targets[] = {
    {"/a", 0, NAME(OK)},
    {"/a/b?query=../..", 0, NAME(OK)},
    {"/%61", 0, NAME(OK)},
    {"/%252e%252e", 0, NAME(OK)}, /* decoded once: "%2e%2e" */
    {"/", 0, NAME(EMPTY)},
    {"/?x", 0, NAME(EMPTY)},
    {"", 0, NAME(ABSOLUTE)},
    {"*", 0, NAME(ABSOLUTE)},
    {"a", 0, NAME(ABSOLUTE)},
    {"http://x/a", 0, NAME(ABSOLUTE)},
    {"//etc/passwd", 0, NAME(ABSOLUTE)},
    {"/%2fetc/passwd", 0, NAME(ABSOLUTE)},
    {"/../x", 0, NAME(PARENT)},
    {"/%2e%2e/x", 0, NAME(PARENT)},
    {"/%2E./x", 0, NAME(PARENT)},
    {"/a%2f..%2fb", 0, NAME(PARENT)},
    {"/a/%2e", 0, NAME(PART)},
    {"/a/", 0, NAME(PART)},
    {"/C:/x", 0, NAME(DRIVE)},
    {"/%43%3a/x", 0, NAME(DRIVE)},
    {"/..%5cx", 0, NAME(BACKSLASH)},
    {"/a%00", 0, NAME(CONTROL)},
    {"/a%00.xml", 0, NAME(CONTROL)},
    {"/a%0d%0ab", 0, NAME(CONTROL)},
    {"/%", 0, NAME(ESCAPE)},
    {"/%4", 0, NAME(ESCAPE)},
    {"/%4g", 0, NAME(ESCAPE)},
    {"/%g4", 0, NAME(ESCAPE)},
    {"/%%41", 0, NAME(ESCAPE)},
};

Test(server_name, of_a_request_target_is_judged_after_decoding_once)
{
    for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
        const struct row *row = &targets[i];
        char name[SIM_CONTENT_NAME_MAX] = "left over";
        enum sim_server_name_verdict got =
            sim_server_name_of_target(row->text, strlen(row->text), name);
        cr_assert_eq(got, row->want, "row %zu '%s': %s", i, row->text, sim_server_name_text(got));
        cr_assert((got == NAME(OK)) == (name[0] != '\0'), "row %zu: '%s'", i, name);
    }
    char name[SIM_CONTENT_NAME_MAX];
    sim_server_name_of_target("/a%2Fb%20c?d", 12, name);
    cr_assert_str_eq(name, "a/b c");
    sim_server_name_of_target("/%252e%252e", 11, name);
    cr_assert_str_eq(name, "%2e%2e");
}

Test(server_name, length_has_an_exact_limit)
{
    char text[2 * SIM_CONTENT_NAME_MAX], name[SIM_CONTENT_NAME_MAX];
    memset(text, 'n', sizeof(text));
    text[0] = '/';
    cr_assert_eq(sim_server_name_check(text + 1, SIM_CONTENT_NAME_MAX - 1), NAME(OK));
    cr_assert_eq(sim_server_name_check(text + 1, SIM_CONTENT_NAME_MAX), NAME(TOO_LONG));
    cr_assert_eq(sim_server_name_of_target(text, SIM_CONTENT_NAME_MAX, name), NAME(OK));
    cr_assert_eq(strlen(name), SIM_CONTENT_NAME_MAX - 1);
    cr_assert_eq(sim_server_name_of_target(text, SIM_CONTENT_NAME_MAX + 1, name), NAME(TOO_LONG));
    cr_assert_eq(sim_server_name_of_target(text, sizeof(text), name), NAME(TOO_LONG));
}

Test(server_name, of_any_single_byte_passes_only_when_it_is_plain)
{
    for (int c = 0; c < 256; c++) {
        char text = (char)c;
        bool plain = c >= 0x20 && c != 0x7f && c != '/' && c != '.' && c != '\\';
        cr_assert_eq(sim_server_name_check(&text, 1) == NAME(OK), plain, "byte %d", c);
    }
}
