/* Goal: a result from anywhere is either what the schema says or refused in one sentence that names
 * file, line and place. Method: a good document by hand, and the same with one thing wrong. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/document.h"
#include "sim/err.h"
#include "tests/unit/analysis/small_result.h"

static char why[ANALYSIS_WHY_MAX];

/* The good document with the first `what` replaced. */
static char *with(const char *what, const char *by)
{
    static const char good[] = SMALL_RESULT("pfs");
    const char *at = strstr(good, what);
    char *text = malloc(sizeof(good) + strlen(by));

    cr_assert_not_null(at, "%s", what);
    sprintf(text, "%.*s%s%s", (int)(at - good), good, by, at + strlen(what));
    return text;
}

static int parse(const char *text)
{
    cJSON *document = NULL;
    int rc = analysis_document_parse(&document, "r.json", text, strlen(text), why);

    cr_assert_eq(rc == 0, document != NULL);
    cJSON_Delete(document);
    return rc;
}

Test(document, a_good_one_and_a_comparison_of_it_are_read)
{
    static const char comparison[] = "{\"runs\": [" SMALL_RESULT("traditional") "," SMALL_RESULT(
        "pfs") "], \"ratio\": {\"last\": 2.5, \"wan_payload_bytes\": null}}";

    cr_assert_eq(parse(SMALL_RESULT("pfs")), 0, "%s", why);
    cr_assert_eq(parse(comparison), 0, "%s", why);
    /* One that was interrupted in its first run. */
    cr_assert_eq(parse("{\"runs\": [" SMALL_RESULT("traditional") "], \"ratio\": {}}"), 0, "%s",
                 why);
}

Test(document, further_keys_are_left_alone)
{
    char *text = with("\"caution\": []", "\"caution\": [], \"later\": {\"x\": [1, null]}");

    cr_assert_eq(parse(text), 0, "%s", why);
    free(text);
}

Test(document, what_is_wrong_is_named)
{
    static const struct {
        const char *what, *by, *says[3];
    } cases[] = {
        {"\"scenario\": \"small\"",
         "\"scenario\": 5",
         {"r.json:1: scenario: found 5, expected a text", "written by pfsim 0.1.0", NULL}},
        {"\"total\": 4", "\"total\": 10000001", {"phones.total: found 10000001, expected a"}},
        {"\"total\": 4", "\"total\": 1e300", {"phones.total: found 1e+300, expected a whole"}},
        {"\"total\": 4", "\"total\": 3.5", {"phones.total: found 3.5, expected a whole number"}},
        {"\"optimum_s\": 2", "\"optimum_s\": 2e10", {"from 0 to 18446744074: it was written"}},
        {"\"payload_bytes\": 2000, \"broadcasts\": 7",
         "\"payload_bytes\": 1e20, \"broadcasts\": 7",
         {"lan.payload_bytes: found 1e+20, expected a whole number, from 0 to 1.84467"}},
        {"\"seed\": 1", "\"seed\": -1", {"seed: found -1, expected a whole number or a text, "}},
        {"\"seed\": 1", "\"seed\": \"1e9\"", {"seed: found the text \"1e9\", expected a text "}},
        {"\"seed\": 1", "\"seed\": 1.5", {"r.json:2: seed: found 1.5, expected a whole number or"}},
        {"\"total\": 4",
         "\"total\": -4",
         {"r.json:3: phones.total: found -4, expected a whole number, from 0 to 10000000"}},
        {"\"world\": \"virtual\"",
         "\"world\": \"<script>\"",
         {"world: found the text \"<script>\", expected"}},
        {"\"lan\": {\"payload_bytes\": 2000, ", "\"lan\": {", {"lan.payload_bytes: is missing"}},
        {"\"class\": \"branch\", ",
         "\"class\": null, ",
         {"sites[0].class: found null, expected a"}},
        {"{\"no progress\": 1}",
         "{\"no progress\": \"1\"}",
         {"failures_by_reason.no progress: found the text \"1\""}},
        {"\"met\": true", "\"met\": 1", {"thresholds[0].met: found 1, expected true or false"}},
        {"\"optimum_s\": 2", "\"optimum_s\": 1e999", {"optimum_s: found a number beyond 1.8e308"}},
        {"\"pfsim\": \"0.1.0\", \"scenario\": \"small\",",
         "\"pfsim\": 1,",
         {"is missing: no result of pfsim"}},
        {"\"engine\": {",
         "\"engine\": {\"events\": [], ",
         {"r.json:18: engine.events: found ", "expected each name once"}}, /* one of two */
        {"\"caution\": []", "\"caution\": [}", {"r.json:17:13: found '}'", "damaged"}},
        {"\"caution\": []", "\"caution\": [\"\\u0000\"]", {"r.json:17:"}},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *text = with(cases[i].what, cases[i].by);
        cr_assert_eq(parse(text), SIM_EINVAL, "%s is taken", cases[i].by);
        for (size_t k = 0; k < 3 && cases[i].says[k] != NULL; k++) {
            cr_assert_not_null(strstr(why, cases[i].says[k]), "%s: %s", cases[i].by, why);
        }
        cr_assert_null(strchr(why, '\n'));
        free(text);
    }
}

Test(document, every_cut_of_a_good_one_is_refused)
{
    static const char good[] = SMALL_RESULT("pfs");
    cJSON *document = NULL;

    for (size_t len = 0; len + 2 < sizeof(good) - 1; len += 7) {
        cr_assert_eq(analysis_document_parse(&document, "r.json", good, len, why), SIM_EINVAL,
                     "%zu bytes are taken", len);
        cr_assert(strstr(why, "cut off") != NULL || strstr(why, "damaged") != NULL, "%zu: %s", len,
                  why);
    }
}

Test(document, depth_is_limited)
{
    char text[2001];

    memset(text, '[', 2000);
    text[2000] = '\0';
    cr_assert_eq(parse(text), SIM_EINVAL);
    cr_assert_not_null(strstr(why, "r.json:1:33:"), "%s", why);
}

Test(document, a_folder_stands_for_its_comparison_or_its_result)
{
    char dir[] = "/tmp/pfsim-document.XXXXXX", path[64], found[ANALYSIS_PATH_MAX];
    cJSON *document = NULL;

    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(analysis_document_find(dir, found, why), SIM_ENOTFOUND);
    cr_assert_not_null(strstr(why, "--out"), "%s", why);
    snprintf(path, sizeof(path), "%s/result.json", dir);
    FILE *f = fopen(path, "w");
    fputs(SMALL_RESULT("pfs"), f);
    fclose(f);
    cr_assert_eq(analysis_document_find(dir, found, why), 0, "%s", why);
    cr_assert_str_eq(found, path);
    cr_assert_eq(analysis_document_read(&document, dir, why), 0, "%s", why);
    cJSON_Delete(document);
    cr_assert_neq(analysis_document_read(&document, "/nowhere/r.json", why), 0);
    cr_assert_not_null(strstr(why, "/nowhere/r.json"), "%s", why);
    unlink(path);
    rmdir(dir);
}
