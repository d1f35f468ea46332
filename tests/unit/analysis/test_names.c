/* Goal: a name is found whatever its text lies at and whatever folders it has, and never another.
 * Method: names that differ in one place, texts that change under the same pointer. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "analysis/names.h"

static struct analysis_names names;

static void set_up(void)
{
    static const char *const list[] = {"b.sbn",
                                       "folder/a.sbn",
                                       "a.sbn",
                                       "jar41sccp.9-4-2ES26.sbn",
                                       "jar42sccp.9-4-2ES26.sbn",
                                       "jar41sccp.9-4-3ES26.sbn",
                                       "",
                                       "c"};
    names = (struct analysis_names){0};
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        cr_assert_eq(analysis_names_add(&names, list[i], ""), 0);
    }
    cr_assert_eq(analysis_names_add(&names, "c", ".loads"), 0);
    cr_assert_eq(analysis_names_seal(&names), 0);
}

static void clean_up(void)
{
    analysis_names_deinit(&names);
}

TestSuite(names, .init = set_up, .fini = clean_up);

static int number(const char *name, struct analysis_names_recent *recent)
{
    uint16_t out;
    return analysis_names_find(&names, recent, name, &out) ? out : -1;
}

Test(names, each_is_found_once_whatever_its_folder)
{
    cr_assert_eq(names.len, 8, "a.sbn is there once");
    for (size_t i = 0; i < names.len; i++) {
        cr_assert_eq(number(names.names[i], NULL), (int)i);
    }
    cr_assert_eq(number("/dnld/a.sbn", NULL), number("a.sbn", NULL));
    cr_assert_eq(number("x/y/c.loads", NULL), number("c.loads", NULL));
}

Test(names, what_is_near_is_not_it)
{
    static const char *const strangers[] = {"a.sb",   "a.sbnn", "A.sbn", "jar41sccp.9-5-2ES26.sbn",
                                            "/dnld/", "c.load"};
    for (size_t i = 0; i < sizeof(strangers) / sizeof(strangers[0]); i++) {
        /* "/dnld/" ends in the empty name, which is one. */
        int want = strcmp(strangers[i], "/dnld/") == 0 ? 0 : -1;
        cr_assert_eq(number(strangers[i], NULL), want, "%s", strangers[i]);
    }
    cr_assert_eq(number(NULL, NULL), -1);
}

Test(names, a_text_that_changes_in_its_place_is_seen)
{
    struct analysis_names_recent recent = {0};
    char text[32];
    for (int round = 0; round < 3; round++) {
        snprintf(text, sizeof(text), "a.sbn");
        cr_assert_eq(number(text, &recent), number("a.sbn", NULL));
        snprintf(text, sizeof(text), "b.sbn");
        cr_assert_eq(number(text, &recent), number("b.sbn", NULL));
        snprintf(text, sizeof(text), "d.sbn");
        cr_assert_eq(number(text, &recent), -1);
        snprintf(text, sizeof(text), "/dnld/b.sbn");
        cr_assert_eq(number(text, &recent), number("b.sbn", NULL));
    }
}
