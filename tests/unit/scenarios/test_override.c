/* Goal: --set changes any key before checks, makes what is missing, and its mistakes are errors
 * like others. Method: small scenarios, each with some overrides. */
#include <criterion/criterion.h>
#include <string.h>

#include "scenarios/scenario.h"
#include "sim/err.h"

static const char *const document =
    "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"L\",\"files\":[{\"name\":\"a\","
    "\"size\":\"1 kB\"}]}],\"sites\":[{\"name\":\"s\",\"wan\":{\"rate\":\"1 Mbit/s\"},"
    "\"phones\":[{\"count\":3}]}],\"threads\":2}";

static struct scenario_errors errors;

static struct scenario *load(const char *const *sets, size_t len)
{
    struct scenario *s = NULL;
    scenario_load_text("t.json", document, strlen(document), sets, len, &s, &errors);
    return s;
}

#define LOAD(...)                                                                                  \
    load((const char *const[]){__VA_ARGS__},                                                       \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

Test(override, values_are_json_or_else_texts)
{
    struct scenario *s =
        LOAD("sites[0].wan.rate=384 kbit/s", "threads=4", "name=\"quoted\"", "method=traditional",
             "sites[0].phones[0].pfs=false", "server.max_transfers=none");
    cr_assert(s != NULL);
    cr_assert_eq(s->sites[0].wan.down_bit_s, 384000);
    cr_assert_eq(s->threads, 4);
    cr_assert_str_eq(s->name, "quoted");
    cr_assert_eq(s->method, SCENARIO_TRADITIONAL);
    cr_assert(!s->sites[0].phones[0].pfs);
    cr_assert_eq(s->server.max_transfers, 0);
    scenario_free(s);
}

Test(override, makes_objects_that_are_missing_and_appends_to_lists)
{
    struct scenario *s =
        LOAD("server.tls.verify=false", "sites[1].phones[0].count=7", "sites[1].name=t",
             "faults[0]={\"kind\":\"server_down\",\"at\":\"1 s\"}", "server.sources[0]=10.0.0.1");
    cr_assert(s != NULL);
    cr_assert(!s->server.tls_verify);
    cr_assert_eq(s->sites_len, 2);
    cr_assert_eq(s->phones_total, 10);
    cr_assert_str_eq(s->sites[1].name, "t");
    cr_assert_eq(s->faults_len, 1);
    cr_assert_eq(s->server.sources_len, 1);
    scenario_free(s);
}

Test(override, the_last_one_wins)
{
    struct scenario *s = LOAD("threads=3", "threads=9", "sites[0].wan=none", "sites[0].wan={}");
    cr_assert(s != NULL);
    cr_assert_eq(s->threads, 9);
    cr_assert(!s->sites[0].wan.none);
    scenario_free(s);
}

Test(override, metrics_are_one_key_with_all_their_dots)
{
    struct scenario *s = LOAD("thresholds.completion_s.p95=< 600", "thresholds.phones.failed=<= 1",
                              "thresholds[\"sites[s].wan.bytes\"]=== 5");
    cr_assert(s != NULL);
    cr_assert_eq(s->thresholds_len, 3);
    cr_assert_str_eq(s->thresholds[0].metric, "completion_s.p95");
    cr_assert_str_eq(s->thresholds[1].op, "<=");
    cr_assert_str_eq(s->thresholds[2].metric, "sites[s].wan.bytes");
    cr_assert_eq(s->thresholds[2].limit, 5);
    scenario_free(s);
}

Test(override, seeds_keep_all_their_digits)
{
    struct scenario *s = LOAD("seed=18446744073709551615");
    cr_assert(s != NULL);
    cr_assert_eq(s->seed, UINT64_MAX);
    scenario_free(s);
    s = LOAD("seed=42");
    cr_assert(s != NULL);
    cr_assert_eq(s->seed, 42);
    scenario_free(s);
}

Test(override, the_text_for_reports_has_the_overrides_in_place)
{
    struct scenario *s = LOAD("sites[0].wan.rate=2 Mbit/s", "name=y");
    cr_assert(s != NULL);
    cr_assert_str_eq(s->text,
                     "{\"name\":\"y\",\"firmware\":[{\"model\":\"A\",\"load\":\"L\",\"files\":[{"
                     "\"name\":\"a\",\"size\":\"1 kB\"}]}],\"sites\":[{\"name\":\"s\",\"wan\":{"
                     "\"rate\":\"2 Mbit/s\"},\"phones\":[{\"count\":3}]}],\"threads\":2}");
    scenario_free(s);
}

Test(override, mistakes_are_named_with_the_override)
{
    static const char *const bad[] = {
        "threads",         "=3",
        "threads.=3",      ".threads=3",
        "sites[x].name=a", "sites[0=1",
        "sites[2].a=1",    "sites.0.a=1",
        "threads[0]=1",    "[0]=1",
        "sites[-1]=1",     "name.x=1",
        "sites[0]x=1",     "sites[99999999999999999999].a=1",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct scenario *s = load(&bad[i], 1);
        cr_assert(s == NULL, "%s", bad[i]);
        cr_assert_eq(errors.len, 1, "%s: %zu errors", bad[i], errors.len);
        cr_assert_eq(errors.list[0].line, 0, "%s", bad[i]);
        cr_assert(strstr(errors.list[0].json_path, bad[i]) != NULL, "%s in %s", bad[i],
                  errors.list[0].json_path);
        scenario_errors_free(&errors);
    }
}

Test(override, a_bad_value_is_reported_at_its_path_without_a_line)
{
    struct scenario *s = LOAD("sites[0].wan.rate=384", "sites[0].wann=none");
    cr_assert(s == NULL);
    cr_assert_eq(errors.len, 2);
    cr_assert_eq(errors.list[0].line + errors.list[1].line, 0);
    cr_assert_str_eq(errors.list[0].json_path, "sites[0].wan.rate");
    cr_assert_str_eq(errors.list[1].json_path, "sites[0].wann");
    cr_assert_str_eq(errors.list[1].nearest, "wan");
    scenario_errors_free(&errors);
}
