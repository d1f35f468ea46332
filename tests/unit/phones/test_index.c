/* Goal: a phone's memory of its .loads index says the same as the index, borrows what the manifest
 * has, and keeps size and MD5 only where no better digest is known.
 * Method: one index of known, half-known and unknown files; the order is not the manifest's. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "phones/upgrade/index.h"

static const struct manifest_file known[] = {
    {.name = "a.sbn", .size = 10, .has_digest = true},
    {.name = "b.sbn", .size = 20},
};
static const struct manifest manifest = {.files = known, .len = 2};

static struct upgrade_index *read_text(const char *text)
{
    static struct loads loads;
    cr_assert_eq(loads_parse((const uint8_t *)text, strlen(text), &loads), 0);
    struct upgrade_index *index = upgrade_index_new(&loads, &manifest);
    memset(&loads, 0x5a, sizeof(loads)); /* nothing points there */
    return index;
}

Test(index, names_are_the_manifests_where_it_has_them)
{
    struct upgrade_index *index = read_text("z.sbn\nb.sbn\na.sbn\nlonger-name.sbn\n");

    cr_assert_eq(index->len, 4);
    cr_assert_str_eq(index->names[0], "z.sbn");
    cr_assert_eq(index->names[1], known[1].name);
    cr_assert_eq(index->names[2], known[0].name);
    cr_assert_str_eq(index->names[3], "longer-name.sbn");
    cr_assert_null(index->sums);
    cr_assert_null(upgrade_index_sum(index, 0));
    free(index);
}

Test(index, size_and_md5_are_kept_where_no_digest_is_known)
{
    struct upgrade_index *index = read_text("a.sbn 10 00112233445566778899AABBCCDDEEFF\n"
                                            "c.sbn\n"
                                            "b.sbn 21 ebdef100112233445566778899AABBCC\n"
                                            "z.sbn 7 0f0e0d0c0b0a09080706050403020100\n");

    cr_assert_eq(index->sums_len, 2);
    cr_assert_null(upgrade_index_sum(index, 0), "the manifest knows its digest");
    cr_assert_null(upgrade_index_sum(index, 1), "its line has none");
    cr_assert_eq(upgrade_index_sum(index, 2)->size, 21, "the line's, not the manifest's");
    cr_assert_eq(upgrade_index_sum(index, 2)->md5[0], 0xeb);
    cr_assert_eq(upgrade_index_sum(index, 3)->size, 7);
    cr_assert_eq(upgrade_index_sum(index, 3)->md5[15], 0);
    cr_assert_str_eq(index->names[3], "z.sbn");
    free(index);
}
