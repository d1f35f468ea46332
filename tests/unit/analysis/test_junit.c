/* Goal: whatever a run or a scenario says, the XML is well-formed, and says of every run how it
 * went.
 * Method: documents written by hand, expat as the judge, counts taken while it parses. */
#include <criterion/criterion.h>
#include <expat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/junit.h"

static char path[] = "/tmp/pfsim-junit.XXXXXX";
static char file[64];
static struct analysis_program program;
static struct seen {
    unsigned suites, cases, failures, errors, skipped, properties;
    unsigned tests_said, failures_said, errors_said; /* by <testsuites> */
    char last_message[256];
} seen;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(path));
    snprintf(file, sizeof(file), "%s/junit.xml", path);
    program = (struct analysis_program){.version = "9.9.9", .out = stdout, .err = stderr};
}

static void clean_up(void)
{
    unlink(file);
    rmdir(path);
}

TestSuite(junit, .init = set_up, .fini = clean_up);

static void on_element(void *context, const XML_Char *name, const XML_Char **attributes)
{
    (void)context;
    seen.suites += strcmp(name, "testsuite") == 0;
    seen.cases += strcmp(name, "testcase") == 0;
    seen.failures += strcmp(name, "failure") == 0;
    seen.errors += strcmp(name, "error") == 0;
    seen.skipped += strcmp(name, "skipped") == 0;
    seen.properties += strcmp(name, "property") == 0;
    for (size_t i = 0; attributes[i] != NULL; i += 2) {
        if (strcmp(attributes[i], "message") == 0) {
            snprintf(seen.last_message, sizeof(seen.last_message), "%s", attributes[i + 1]);
        }
        if (strcmp(name, "testsuites") == 0) {
            unsigned *said = strcmp(attributes[i], "tests") == 0      ? &seen.tests_said
                             : strcmp(attributes[i], "failures") == 0 ? &seen.failures_said
                             : strcmp(attributes[i], "errors") == 0   ? &seen.errors_said
                                                                      : NULL;
            if (said != NULL) {
                *said = (unsigned)atoi(attributes[i + 1]);
            }
        }
    }
}

static void parse(const char *text, size_t len)
{
    XML_Parser parser = XML_ParserCreate(NULL);

    memset(&seen, 0, sizeof(seen));
    XML_SetStartElementHandler(parser, on_element);
    cr_assert_eq(XML_Parse(parser, text, (int)len, 1), XML_STATUS_OK, "%s in line %lu:\n%s",
                 XML_ErrorString(XML_GetErrorCode(parser)), XML_GetCurrentLineNumber(parser), text);
    XML_ParserFree(parser);
}

/* Writes the file about these documents and parses it. */
static int write_about(const char *const *texts, size_t len, int status)
{
    struct analysis_junit j = {
        .program = &program, .command = "run", .scenario = "a \"b\" <c>.json", .path = file};
    cJSON *documents[4] = {NULL};
    static char text[1 << 16];

    for (size_t i = 0; i < len; i++) {
        documents[i] = cJSON_Parse(texts[i]);
        cr_assert_not_null(documents[i], "%s", texts[i]);
    }
    cr_assert_eq(analysis_junit_open(&j), ANALYSIS_OK);
    int result = analysis_junit_close(&j, documents, len, status);
    for (size_t i = 0; i < len; i++) {
        cJSON_Delete(documents[i]);
    }
    FILE *f = fopen(file, "r");
    cr_assert_not_null(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    text[n] = '\0';
    fclose(f);
    parse(text, n);
    cr_assert_eq(seen.cases, seen.tests_said);
    cr_assert_eq(seen.failures, seen.failures_said);
    cr_assert_eq(seen.errors, seen.errors_said);
    return result;
}

#define GOOD                                                                                       \
    "{\"method\":\"pfs\",\"seed\":1,\"phones\":{\"total\":3,\"upgraded\":3,\"failed\":0,"          \
    "\"unfinished\":0,\"current\":0},\"validity\":{\"valid\":true,\"reasons\":[]},"                \
    "\"engine\":{\"run_s\":12.5,\"trace_hash\":\"00\"},\"thresholds\":["                           \
    "{\"expression\":\"completion_s.p95 < 10 min\",\"value\":300,\"met\":true,\"limit\":600,"      \
    "\"unit\":\"s\"},{\"expression\":\"wan.bytes <= 20e6\",\"value\":24e6,\"met\":false,"          \
    "\"limit\":2e7,\"unit\":\"B\"},{\"expression\":\"bounds.gap < 2\",\"value\":null,"             \
    "\"met\":false,\"limit\":2,\"unit\":\"\"}]}"

Test(junit, a_case_a_threshold_and_one_each_for_phones_and_validity)
{
    cr_assert_eq(write_about((const char *const[]){GOOD, GOOD}, 2, ANALYSIS_MISSED),
                 ANALYSIS_MISSED);
    cr_assert_eq(seen.suites, 2);
    cr_assert_eq(seen.cases, 10);
    cr_assert_eq(seen.failures, 4);
    cr_assert_eq(seen.errors, 0);
    cr_assert_str_eq(seen.last_message, "it has no value");
    cr_assert_geq(seen.properties, 2 * 4);
}

Test(junit, a_failed_phone_a_slow_machine_and_an_interruption_are_cases_that_fail)
{
    const char *bad =
        "{\"method\":\"pfs\",\"seed\":\"18446744073709551615\",\"interrupted\":true,"
        "\"phones\":{\"total\":3,\"upgraded\":1,\"failed\":1,\"unfinished\":1,\"current\":0},"
        "\"failures_by_reason\":{\"<no> \\u0001 server & \\\"co\\\"\":1},"
        "\"validity\":{\"valid\":false,\"reasons\":[\"loop lag\"]},\"caution\":[\"mind <this>\"]}";

    write_about(&bad, 1, ANALYSIS_INTERRUPTED);
    cr_assert_eq(seen.cases, 3);
    cr_assert_eq(seen.failures, 1, "the phones");
    cr_assert_eq(seen.errors, 2, "the end and the machine");
}

Test(junit, thresholds_of_an_interrupted_run_are_neither_met_nor_missed)
{
    static const char interrupted[] =
        "{\"method\":\"pfs\",\"seed\":1,\"interrupted\":true,\"phones\":{\"total\":3,\"upgraded\":"
        "0,"
        "\"failed\":0,\"unfinished\":3,\"current\":0},\"validity\":{\"valid\":true,\"reasons\":[]},"
        "\"thresholds\":[{\"expression\":\"phones.failed == 0\",\"value\":0,\"met\":true}]}";

    write_about((const char *const[]){interrupted}, 1, ANALYSIS_INTERRUPTED);
    cr_assert_eq(seen.cases, 4);
    cr_assert_eq(seen.skipped, 2, "the threshold and the validity");
    cr_assert_eq(seen.errors, 1);
    cr_assert_eq(seen.failures, 1, "the phones");
}

Test(junit, a_run_that_was_refused_is_one_error)
{
    cr_assert_eq(write_about(NULL, 0, ANALYSIS_REFUSED), ANALYSIS_REFUSED);
    cr_assert_eq(seen.cases, 1);
    cr_assert_eq(seen.errors, 1);
    cr_assert_not_null(strstr(seen.last_message, "refused"));
}

Test(junit, a_file_that_cannot_be_is_told_before_the_run)
{
    struct analysis_junit j = {
        .program = &program, .command = "run", .scenario = "x", .path = "/nowhere/at/all.xml"};
    char *said = NULL;
    size_t len;

    program.err = open_memstream(&said, &len);
    cr_assert_eq(analysis_junit_open(&j), ANALYSIS_REFUSED);
    fclose(program.err);
    cr_assert_not_null(strstr(said, "/nowhere/at/all.xml"), "%s", said);
    free(said);
}

/* Every byte value, alone and behind the first bytes of a longer character. */
Test(junit, no_byte_makes_it_ill_formed)
{
    static const char *const before[] = {"",     "\xc3",    "\xe2\x82", "\xf0\x9f\x98",
                                         "\xed", "\xef\xbf"};

    for (size_t b = 0; b < sizeof(before) / sizeof(before[0]); b++) {
        for (unsigned c = 1; c < 256; c++) {
            char text[16], *xml = NULL;
            size_t len;
            snprintf(text, sizeof(text), "a%s%cz", before[b], (char)c);
            FILE *to = open_memstream(&xml, &len);
            fputs("<x y=\"", to);
            analysis_junit_escape(to, text);
            fputs("\"/>", to);
            fclose(to);
            parse(xml, len);
            cr_assert(strstr(xml, "\"a") != NULL && strstr(xml, "z\"") != NULL, "%s", xml);
            free(xml);
        }
    }
    char *xml = NULL;
    size_t len;
    FILE *to = open_memstream(&xml, &len);
    analysis_junit_escape(to, "ü€😀 <&>");
    fclose(to);
    cr_assert_str_eq(xml, "ü€😀 &lt;&amp;&gt;", "what is good stays");
    free(xml);
}
