/* analysis/junit.c -- see junit.h. */
#include "analysis/junit.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/json.h"
#include "analysis/result.h"
#include "analysis/summary.h"

/* One suite while it is written: its cases first, because their numbers stand before them. */
struct suite {
    FILE *to;
    const char *class_name;
    unsigned tests, failures, errors, skipped;
};

/* ---- XML ---- */

/* The code point at `text` and its bytes; 0 bytes: that is no UTF-8. */
static size_t decode(const unsigned char *text, uint32_t *out)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = text[0] < 0x80             ? 1
                 : (text[0] & 0xe0) == 0xc0 ? 2
                 : (text[0] & 0xf0) == 0xe0 ? 3
                 : (text[0] & 0xf8) == 0xf0 ? 4
                                            : 0;

    if (len < 2) {
        *out = text[0];
        return len;
    }
    uint32_t c = text[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((text[i] & 0xc0) != 0x80) { /* the NUL too */
            return 0;
        }
        c = c << 6 | (text[i] & 0x3fU);
    }
    *out = c;
    return c >= least[len] && c <= 0x10ffff ? len : 0;
}

/* XML 1.0, production 2 [Char]. */
static bool may_be(uint32_t c)
{
    return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xd7ff) ||
           (c >= 0xe000 && c <= 0xfffd) || c >= 0x10000;
}

void analysis_junit_escape(FILE *to, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    while (*at != '\0') {
        uint32_t c = 0;
        size_t len = decode(at, &c);
        if (len == 0) {
            at++;
            continue;
        }
        if (c == '&') {
            fputs("&amp;", to);
        } else if (c == '<') {
            fputs("&lt;", to);
        } else if (c == '>') {
            fputs("&gt;", to);
        } else if (c == '"') {
            fputs("&quot;", to);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            fprintf(to, "&#%u;", (unsigned)c); /* an attribute would make it a space */
        } else if (may_be(c)) {
            fwrite(at, 1, len, to);
        }
        at += len;
    }
}

static void attribute(FILE *to, const char *name, const char *value)
{
    fprintf(to, " %s=\"", name);
    analysis_junit_escape(to, value);
    fputc('"', to);
}

/* ---- Test cases ---- */

static void passed(struct suite *s, const char *name)
{
    s->tests++;
    fputs("    <testcase", s->to);
    attribute(s->to, "classname", s->class_name);
    attribute(s->to, "name", name);
    fputs("/>\n", s->to);
}

/* `kind`: "failure" or "error"; `detail` may be NULL. */
static void missed(struct suite *s, const char *name, const char *kind, const char *message,
                   const char *detail)
{
    s->tests++;
    *(strcmp(kind, "error") == 0 ? &s->errors : &s->failures) += 1;
    fputs("    <testcase", s->to);
    attribute(s->to, "classname", s->class_name);
    attribute(s->to, "name", name);
    fprintf(s->to, ">\n      <%s", kind);
    attribute(s->to, "message", message);
    attribute(s->to, "type", strcmp(kind, "error") == 0 ? "pfsim.error" : "pfsim.missed");
    fputc('>', s->to);
    analysis_junit_escape(s->to, detail != NULL ? detail : message);
    fprintf(s->to, "</%s>\n    </testcase>\n", kind);
}

static void skipped(struct suite *s, const char *name, const char *why)
{
    s->tests++;
    s->skipped++;
    fputs("    <testcase", s->to);
    attribute(s->to, "classname", s->class_name);
    attribute(s->to, "name", name);
    fputs(">\n      <skipped", s->to);
    attribute(s->to, "message", why);
    fputs("/>\n    </testcase>\n", s->to);
}

static const cJSON *member(const cJSON *o, const char *part, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(o, part), key);
}

static bool is_interrupted(const cJSON *d)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "interrupted"));
}

static void phones_case(struct suite *s, const cJSON *d)
{
    static const char name[] = "all phones upgraded";
    double failed = analysis_summary_number(d, "phones", "failed");
    double unfinished = analysis_summary_number(d, "phones", "unfinished");
    char message[160], *detail = NULL;
    const cJSON *reason;
    size_t len;

    if (failed == 0 && unfinished == 0) {
        passed(s, name);
        return;
    }
    snprintf(message, sizeof(message), "%.0f of %.0f phones upgraded, %.0f failed, %.0f unfinished",
             analysis_summary_number(d, "phones", "upgraded"),
             analysis_summary_number(d, "phones", "total") -
                 analysis_summary_number(d, "phones", "current"),
             failed, unfinished);
    FILE *to = open_memstream(&detail, &len);
    if (to != NULL) {
        cJSON_ArrayForEach(reason, cJSON_GetObjectItemCaseSensitive(d, "failures_by_reason"))
        {
            fprintf(to, "%.0f phone%s: %s\n", reason->valuedouble,
                    analysis_summary_plural(reason->valuedouble, "s"), reason->string);
        }
        fclose(to);
    }
    missed(s, name, "failure", message, detail);
    free(detail);
}

static void validity_case(struct suite *s, const cJSON *d)
{
    static const char name[] = "the run is valid";
    const cJSON *first = cJSON_GetArrayItem(member(d, "validity", "reasons"), 0);
    const char *why = cJSON_GetStringValue(first);

    if (cJSON_IsTrue(member(d, "validity", "valid")) && is_interrupted(d)) {
        skipped(s, name, "the run was interrupted; it was valid until then");
    } else if (cJSON_IsTrue(member(d, "validity", "valid"))) {
        passed(s, name);
    } else {
        missed(s, name, "error", "this machine was too slow: the run says nothing", why);
    }
}

static void threshold_cases(struct suite *s, const cJSON *d)
{
    const cJSON *t;

    cJSON_ArrayForEach(t, cJSON_GetObjectItemCaseSensitive(d, "thresholds"))
    {
        char message[ANALYSIS_MARGIN_MAX];
        if (is_interrupted(d)) {
            skipped(s, analysis_json_text(t, "expression", "?"), "the run was interrupted");
        } else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(t, "met"))) {
            passed(s, analysis_json_text(t, "expression", "?"));
        } else {
            missed(s, analysis_json_text(t, "expression", "?"), "failure",
                   analysis_summary_missed(t, message), NULL);
        }
    }
}

/* What kept a run from its end; NULL: nothing. */
static const char *broken_by(const cJSON *d, int status, bool is_last)
{
    if (d == NULL) {
        return status == ANALYSIS_INTERRUPTED ? "interrupted before it began"
               : status == ANALYSIS_USAGE
                   ? "bad command line or scenario: standard error says where"
                   : "the environment refused: standard error says why";
    }
    if (is_interrupted(d)) {
        return "interrupted: the figures cover what happened until then";
    }
    return is_last && status == ANALYSIS_REFUSED ? "something went wrong: standard error says what"
                                                 : NULL;
}

/* ---- Suites ---- */

static void property(FILE *to, const char *name, const char *value)
{
    fputs("      <property", to);
    attribute(to, "name", name);
    attribute(to, "value", value);
    fputs("/>\n", to);
}

static void properties(FILE *to, const struct analysis_junit *j, const cJSON *d)
{
    static const char *const keys[] = {"scenario", "world", "network", "method"};
    char text[32];

    fputs("    <properties>\n", to);
    property(to, "pfsim", j->program->version);
    for (size_t i = 0; d != NULL && i < sizeof(keys) / sizeof(keys[0]); i++) {
        property(to, keys[i], analysis_json_text(d, keys[i], "?"));
    }
    if (d != NULL) {
        snprintf(text, sizeof(text), "%llu", (unsigned long long)analysis_result_seed(d));
        property(to, "seed", text);
    }
    if (cJSON_IsString(member(d, "engine", "trace_hash"))) {
        property(to, "trace_hash", member(d, "engine", "trace_hash")->valuestring);
    }
    fputs("    </properties>\n", to);
}

static void cautions(FILE *to, const cJSON *d)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(d, "caution");
    const cJSON *item;

    if (cJSON_GetArraySize(list) == 0) {
        return;
    }
    fputs("    <system-out>", to);
    cJSON_ArrayForEach(item, list)
    {
        analysis_junit_escape(to, cJSON_IsString(item) ? item->valuestring : "?");
        fputc('\n', to);
    }
    fputs("</system-out>\n", to);
}

/* `d` NULL: a run that never began. Adds to `sum`; false when out of memory. */
static bool put_suite(FILE *to, const struct analysis_junit *j, const cJSON *d, int status,
                      bool is_last, struct suite *sum)
{
    char class_name[64], *cases = NULL;
    size_t len = 0;
    struct suite s = {.to = open_memstream(&cases, &len), .class_name = class_name};
    const char *broken = broken_by(d, status, is_last);

    if (s.to == NULL) {
        return false;
    }
    snprintf(class_name, sizeof(class_name), "pfsim.%s",
             d != NULL ? analysis_json_text(d, "method", "?") : j->command);
    if (broken != NULL) {
        missed(&s, "the run reached its end", "error", broken, NULL);
    }
    if (d != NULL) {
        phones_case(&s, d);
        validity_case(&s, d);
        threshold_cases(&s, d);
    }
    if (fclose(s.to) != 0) {
        free(cases);
        return false;
    }
    fputs("  <testsuite", to);
    attribute(to, "name", d != NULL ? analysis_json_text(d, "method", "?") : j->command);
    fprintf(to, " tests=\"%u\" failures=\"%u\" errors=\"%u\" skipped=\"%u\"", s.tests, s.failures,
            s.errors, s.skipped);
    if (d != NULL) {
        fprintf(to, " time=\"%.6f\"", analysis_summary_number(d, "engine", "run_s"));
    }
    fputs(">\n", to);
    properties(to, j, d);
    fwrite(cases, 1, len, to);
    cautions(to, d);
    fputs("  </testsuite>\n", to);
    free(cases);
    sum->tests += s.tests;
    sum->failures += s.failures;
    sum->errors += s.errors;
    return true;
}

/* ---- The file ---- */

int analysis_junit_open(struct analysis_junit *j)
{
    char why[ANALYSIS_WHY_MAX];

    if (j->path == NULL || analysis_output_open_path(&j->to, j->path, why) == 0) {
        return ANALYSIS_OK;
    }
    return analysis_program_fail(j->program, j->command, ANALYSIS_REFUSED, "--junit: %s", why);
}

int analysis_junit_close(struct analysis_junit *j, cJSON *const *documents, size_t len, int status)
{
    char *suites = NULL, why[ANALYSIS_WHY_MAX], *head = NULL;
    size_t suites_len = 0, head_len = 0;
    struct suite sum = {.tests = 0};

    if (j->to == NULL) {
        return status;
    }
    FILE *to = open_memstream(&suites, &suites_len);
    bool whole = to != NULL;
    for (size_t i = 0; whole && i < len; i++) {
        whole = put_suite(to, j, documents[i], status, i + 1 == len, &sum);
    }
    if (whole && len == 0) {
        whole = put_suite(to, j, NULL, status, true, &sum);
    }
    whole = to != NULL && fclose(to) == 0 && whole;
    FILE *start = open_memstream(&head, &head_len);
    whole = start != NULL && whole;
    if (start != NULL) {
        fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", start);
        attribute(start, "name", j->scenario);
        fprintf(start, " tests=\"%u\" failures=\"%u\" errors=\"%u\">\n", sum.tests, sum.failures,
                sum.errors);
        whole = fclose(start) == 0 && whole;
    }
    if (whole) {
        static const char tail[] = "</testsuites>\n";
        analysis_output_write(j->to, head, head_len);
        analysis_output_write(j->to, suites, suites_len);
        analysis_output_write(j->to, tail, strlen(tail));
        if (analysis_output_commit(j->to, why) != 0) {
            status = analysis_program_worse(status, analysis_program_fail(j->program, j->command,
                                                                          ANALYSIS_REFUSED,
                                                                          "--junit: %s", why));
        }
    } else {
        analysis_output_discard(j->to);
        status = analysis_program_worse(status, analysis_program_fail(j->program, j->command,
                                                                      ANALYSIS_REFUSED,
                                                                      "--junit: out of memory"));
    }
    j->to = NULL;
    free(head);
    free(suites);
    return status;
}
