/* tests/fuzz/fuzz_scenario.c -- any bytes as a scenario file, with overrides. Whatever they are,
 * the loader ends, says why when it refuses, and what it accepts can be walked through.
 *
 * Input: lines of --set arguments, each behind a '!', up to the first line without; then the
 * document. Folders that it names are really looked into. */
// LINK: scenarios
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/scenario.h"
#include "sim/err.h"

enum { SETS_MAX = 8 };

static void check(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* The first and last copies and phones. */
static void walk(const struct scenario *s)
{
    char name[SCENARIO_NAME_MAX];

    check(s->sites_total > 0 && s->phones_total > 0, "an accepted scenario has phones");
    for (uint32_t i = 0; i < s->sites_total;
         i += i + 2 < s->sites_total ? s->sites_total / 7 + 1 : 1) {
        struct sim_site_setup site;
        uint32_t within = 0;
        sim_addr first = 0;
        sim_addr last = 0;
        check(scenario_site_setup(s, i, &site, name) == 0, "every copy has a setup");
        scenario_phone(s, &site, 0, &within, &first);
        scenario_phone(s, &site, site.phones - 1, &within, &last);
        check(first == site.base + 2 && last == first + site.phones - 1, "phones stand in a row");
        check((uint64_t)last + 1 < (uint64_t)site.base + (UINT64_C(1) << (32 - site.bits)),
              "the last phone is inside its block");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *sets[SETS_MAX] = {NULL};
    size_t sets_len = 0;
    size_t at = 0;
    struct scenario *s = NULL;
    struct scenario_errors errors;

    while (at < size && data[at] == '!' && sets_len < SETS_MAX) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t len = end == NULL ? size - at : (size_t)(end - (data + at));
        sets[sets_len] = strndup((const char *)data + at + 1, len - 1);
        check(sets[sets_len] != NULL, "memory");
        sets_len++;
        at += len + (end == NULL ? 0 : 1);
    }
    char *text = malloc(size > at ? size - at : 1); /* exact: ASan sees one byte too far */
    check(text != NULL, "memory");
    memcpy(text, data + at, size - at);
    int rc =
        scenario_load_text("", text, size - at, (const char *const *)sets, sets_len, &s, &errors);
    free(text);
    check(rc == 0 || rc == SIM_EINVAL, "the verdict is 0 or SIM_EINVAL");
    check((rc == 0) == (errors.len == 0) && (rc == 0) == (s != NULL), "refused means errors");
    for (size_t i = 0; i < errors.len; i++) {
        check(errors.list[i].found[0] != '\0' && errors.list[i].expected[0] != '\0',
              "an error says what");
    }
    if (s != NULL) {
        /* What was made of it is a scenario again, and the same one. */
        struct scenario *again = NULL;
        struct scenario_errors none;
        walk(s);
        check(scenario_load_text("", s->text, strlen(s->text), NULL, 0, &again, &none) == 0,
              "the canonical text loads");
        check(strcmp(s->text, again->text) == 0, "the canonical text is canonical");
        scenario_errors_free(&none);
        scenario_free(again);
        scenario_free(s);
    }
    scenario_errors_free(&errors);
    for (size_t i = 0; i < sets_len; i++) {
        free(sets[i]);
    }
    return 0;
}
