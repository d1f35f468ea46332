/* Goal: the .loads index is read as phones read it, and nothing hostile in it becomes a path.
 * Method: what we write we read back; texts with one flaw each; every cut of a good file. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/provisioning/loads.h"
#include "sim/err.h"

static const char *const names[] = {"jar41sccp.9-4-2ES26.sbn", "cnu41.9-4-2ES26.sbn",
                                    "apps41.9-4-2ES26.sbn"};

static int parse_text(const char *text, struct loads *out)
{
    return loads_parse((const uint8_t *)text, strlen(text), out);
}

Test(loads, reads_what_it_writes_in_order)
{
    uint8_t bytes[4096];
    struct loads got;
    size_t len = loads_write("SCCP41.9-4-2SR3-1S.loads", names, 3, bytes, sizeof(bytes));
    cr_assert_gt(len, 400, "the header has the real size");
    cr_assert_eq(bytes[0], 1);
    cr_assert_eq((bytes[8] << 8 | bytes[9]) % 4, 0, "the header ends on a multiple of four");
    cr_assert_eq(loads_parse(bytes, len, &got), 0);
    cr_assert_eq(got.len, 3);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_str_eq(got.files[i].name, names[i]);
    }
}

Test(loads, does_not_fit_says_so)
{
    uint8_t bytes[4096];
    size_t len = loads_write("X.loads", names, 3, bytes, sizeof(bytes));
    cr_assert_eq(loads_write("X.loads", names, 3, bytes, len), len);
    cr_assert_eq(loads_write("X.loads", names, 3, bytes, len - 1), 0);
}

Test(loads, reads_plain_text_with_comments_and_blanks)
{
    struct loads got;
    cr_assert_eq(parse_text("#HARDWARE_COMP_1 15\r\n\r\n a.sbn  \r\nb.sbn\n\n# end\nc.sbn", &got),
                 0);
    cr_assert_eq(got.len, 3);
    cr_assert_str_eq(got.files[0].name, "a.sbn");
    cr_assert_str_eq(got.files[2].name, "c.sbn");
    cr_assert_not(got.files[0].has_md5);
}

Test(loads, reads_size_and_md5_of_a_7925_line)
{
    struct loads got;
    cr_assert_eq(parse_text("TNUXH-1.4.1SR1.SBN  937841 ebdef100112233445566778899AABBCC\n", &got),
                 0);
    cr_assert(got.files[0].has_md5);
    cr_assert_eq(got.files[0].size, 937841);
    cr_assert_eq(got.files[0].md5[0], 0xeb);
    cr_assert_eq(got.files[0].md5[15], 0xcc);
}

Test(loads, refuses_what_is_no_plain_name)
{
    static const char *const bad[] = {
        "../etc/passwd\n", "a/b.sbn\n",   "/abs.sbn\n", "a\\b.sbn\n", "C:x.sbn\n", ".hidden\n",
        "a..b\n",          "a%2fb.sbn\n", "\x01\x02\n", "<html>\n",   "",          "# only\n\n",
    };
    struct loads got = {.len = 77};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(parse_text(bad[i], &got), SIM_EPROTO, "row %zu", i);
        cr_assert_eq(got.len, 77, "row %zu: untouched on failure", i);
    }
}

Test(loads, refuses_one_name_too_many_and_one_byte_too_long)
{
    char text[LOADS_FILES_MAX * 8 + 64];
    struct loads got;
    size_t len = 0;
    for (int i = 0; i < LOADS_FILES_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof(text) - len, "f%02d.s\n", i);
    }
    cr_assert_eq(parse_text(text, &got), 0);
    cr_assert_eq(got.len, LOADS_FILES_MAX);
    snprintf(text + len, sizeof(text) - len, "more\n");
    cr_assert_eq(parse_text(text, &got), SIM_EPROTO);

    char name[LOADS_NAME_MAX + 1];
    memset(name, 'a', sizeof(name));
    name[LOADS_NAME_MAX - 1] = '\0';
    cr_assert_eq(parse_text(name, &got), 0);
    name[LOADS_NAME_MAX - 1] = 'a';
    name[LOADS_NAME_MAX] = '\0';
    cr_assert_eq(parse_text(name, &got), SIM_EPROTO);
}

Test(loads, survives_every_cut_and_every_flipped_header_byte)
{
    uint8_t bytes[4096];
    struct loads got;
    size_t len = loads_write("X.loads", names, 3, bytes, sizeof(bytes));
    for (size_t cut = 0; cut <= len; cut++) {
        uint8_t *exact = malloc(cut > 0 ? cut : 1);
        memcpy(exact, bytes, cut);
        loads_parse(exact, cut, &got);
        free(exact);
    }
    for (size_t i = 0; i < 16; i++) {
        bytes[i] ^= 0xff;
        loads_parse(bytes, len, &got);
        bytes[i] ^= 0xff;
    }
    cr_assert_eq(loads_parse(bytes, len, &got), 0);
}
