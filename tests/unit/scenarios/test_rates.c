/* Goal: wan.rate in all its forms becomes the line that it says, and a wrong one is told with its
 * place, that of a trace with file and line. Method: scenarios in strings, traces in a folder made
 * for the test. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenarios/scenario.h"
#include "sim/err.h"

static struct scenario_errors errors;
static char folder[64] = "/tmp/pfsim-rates.XXXXXX";

static void make_folder(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void write_trace(const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    cr_assert(f != NULL && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void drop_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(rates, .init = make_folder, .fini = drop_folder);

/* A scenario of one site, or of two alike, whose `site` members are given. */
static struct scenario *load(const char *site)
{
    char path[128], text[2048];
    struct scenario *s = NULL;

    snprintf(path, sizeof(path), "%s/x.json", folder);
    snprintf(text, sizeof(text),
             "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"L\",\"files\":[{\"name\":"
             "\"a\",\"size\":\"1 kB\"}]}],\n\"sites\":[{%s,\"phones\":[{}]},{\"name\":\"b\",%s,"
             "\"phones\":[{}]}]}",
             site, site);
    int rc = scenario_load_text(path, text, strlen(text), NULL, 0, &s, &errors);
    cr_assert_eq(rc, s != NULL ? 0 : SIM_EINVAL);
    return s;
}

static struct scenario *load_good(const char *site)
{
    struct scenario *s = load(site);

    if (s == NULL) {
        scenario_errors_print(&errors, "x.json", stderr);
    }
    cr_assert_not_null(s, "%s", site);
    return s;
}

static void expect_error(const char *site, const char *path, const char *found,
                         const char *expected)
{
    cr_assert_null(load(site), "accepted: %s", site);
    cr_assert_eq(errors.len, 2, "%zu errors in %s", errors.len, site); /* of two sites */
    const struct scenario_error *e = &errors.list[0];
    cr_assert_str_eq(e->json_path, path);
    cr_assert_not_null(strstr(e->found, found), "found %s", e->found);
    cr_assert_not_null(strstr(e->expected, expected), "expected %s", e->expected);
    cr_assert_eq(e->line, 2);
    scenario_errors_free(&errors);
}

Test(rates, steps_hold_until_the_next)
{
    struct scenario *s = load_good("\"wan\":{\"rate\":{\"steps\":[{\"at\":\"0 s\",\"rate\":\"1 "
                                   "Mbit/s\"},{\"at\":\"8 h\",\"rate\":\"250 kbit/s\"}],"
                                   "\"period\":\"24 h\",\"offset\":\"7 h\"}}");
    const struct sim_wan_setup *wan = &s->sites[0].wan;
    sim_time until;

    cr_assert_eq(wan->down_bit_s, 500000, "the mean of a day");
    cr_assert_eq(wan->up_bit_s, 500000);
    cr_assert_eq(sim_capacity_rate(wan->down.exact, 0, &until), 1000000);
    cr_assert_eq(until, 3600 * SIM_S);
    cr_assert_eq(wan->down.binned, wan->down.exact, "steps are few: they need no bins");
    scenario_free(s);
}

Test(rates, each_way_may_have_its_own)
{
    write_trace("t", "1\n2\n2\n4\n");
    struct scenario *s =
        load_good("\"wan\":{\"rate\":{\"down\":{\"trace\":\"t\"},\"up\":\"64 kbit/s\"}}");
    const struct sim_wan_setup *wan = &s->sites[0].wan;

    cr_assert_eq(wan->down_bit_s, 12000000, "four packets in four milliseconds");
    cr_assert_eq(wan->up_bit_s, 64000);
    cr_assert_null(wan->up.exact);
    cr_assert_neq(wan->down.binned, wan->down.exact);
    cr_assert_eq(sim_capacity_peak(wan->down.exact), 24000000);
    cr_assert_eq(sim_capacity_peak(wan->down.binned), 12000000);
    cr_assert_eq(s->sites[1].wan.down.exact, wan->down.exact, "one file is read once");
    scenario_free(s);
}

/* A plan's scenario lies in another folder than the traces that it names. */
Test(rates, traces_are_named_from_the_root_on_for_another_folder)
{
    static const char *const rates[] = {
        "\"wan\":{\"rate\":{\"trace\":\"t\"}}",
        "\"wan\":{\"rate\":{\"down\":{\"trace\":\"t\"},\"up\":\"64 kbit/s\"}}",
        "\"wan\":{\"rate\":{\"down\":\"1 Mbit/s\",\"up\":{\"trace\":\"t\"}}}",
    };
    char expected[200], *real = realpath(folder, NULL);

    write_trace("t", "1\n2\n2\n4\n");
    snprintf(expected, sizeof(expected), "{\"trace\":\"%.150s/t\"}", real);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        struct scenario *s = load_good(rates[i]);
        char *text = scenario_text_absolute(s);
        cr_assert(text != NULL && strstr(text, expected) != NULL, "%s", text);
        cr_assert(strstr(text, "\"trace\":\"t\"") == NULL, "%s", text);
        free(text);
        scenario_free(s);
    }
    free(real);
}

Test(rates, a_limit_cuts_what_is_above_it)
{
    struct scenario *s = load_good("\"wan_limit\":\"400 kbit/s\",\"wan\":{\"rate\":{\"steps\":[{"
                                   "\"at\":\"0 s\",\"rate\":\"1 Mbit/s\"},{\"at\":\"1 h\","
                                   "\"rate\":\"200 kbit/s\"}],\"period\":\"2 h\"}}");
    const struct sim_wan_setup *wan = &s->sites[0].wan;

    cr_assert_eq(wan->down_bit_s, 300000);
    cr_assert_eq(sim_capacity_peak(wan->down.exact), 400000);
    cr_assert_eq(sim_capacity_peak(wan->up.exact), 1000000, "towards the site only");
    scenario_free(s);
}

Test(rates, what_is_wrong_is_told_with_its_place)
{
#define RATE(text) "\"wan\":{\"rate\":" text "}"
#define STEP(at, rate) "{\"at\":\"" at "\",\"rate\":\"" rate "\"}"
    expect_error(RATE("{\"steps\":[" STEP("1 s", "1 Mbit/s") "]}"), "sites[0].wan.rate.steps[0].at",
                 "1 s", "\"0 s\": the first step says how it begins");
    expect_error(RATE("{\"steps\":[" STEP("0 s", "1 Mbit/s") "," STEP("0 s", "2 Mbit/s") "]}"),
                 "sites[0].wan.rate.steps[1].at", "0 s", "more than the step before");
    expect_error(
        RATE("{\"steps\":[" STEP("0 s", "1 Mbit/s") "," STEP("8 h", "2 Mbit/s") "],\"period\":"
                                                                                "\"8 h\"}"),
        "sites[0].wan.rate.period", "8 h", "more than the last step");
    expect_error(RATE("{\"trace\":\"t\",\"steps\":[" STEP("0 s", "1 Mbit/s") "]}"),
                 "sites[0].wan.rate.steps", "steps and a trace", "either a trace or steps");
    expect_error(RATE("{\"trace\":\"t\",\"steps\":[]}"), "sites[0].wan.rate.steps",
                 "steps and a trace", "either a trace or steps");
    expect_error(RATE("{\"steps\":[" STEP("0 s", "0 bit/s") "]}"),
                 "sites[0].wan.rate.steps[0].rate", "\"0 bit/s\"", "a rate above 0");
    expect_error(RATE("\"384 kB/s\""), "sites[0].wan.rate", "\"384 kB/s\"",
                 "those are bytes, \"3072 kbit/s\"");
    expect_error(RATE("{\"trace\":\"nowhere\"}"), "sites[0].wan.rate.trace",
                 "nowhere: ", "milliseconds, one a line");
    expect_error(RATE("{\"trace\":\".\"}"), "sites[0].wan.rate.trace", "no file",
                 "milliseconds, one a line");
    expect_error(RATE("{\"down\":[],\"up\":\"1 Mbit/s\"}"), "sites[0].wan.rate.down", "a list",
                 "a rate with its unit");
    write_trace("t", "1\n2\nten\n");
    expect_error(RATE("{\"trace\":\"t\"}"), "sites[0].wan.rate.trace", "\"ten\" in /tmp/",
                 "a whole number of milliseconds");
    write_trace("t", "\n");
    expect_error(RATE("{\"trace\":\"t\"}"), "sites[0].wan.rate.trace", "/t: no number in it",
                 "times up to at least 1 ms");
}

Test(rates, constants_of_the_fluid_network)
{
    const char *text = "{\"name\":\"x\",\"fluid\":{\"goodput\":0.9,\"startup\":\"20 ms\","
                       "\"tftp_packet\":\"0.3 us\"},\"firmware\":[{\"model\":\"A\",\"load\":\"L\","
                       "\"files\":[{\"name\":\"a\",\"size\":\"1 kB\"}]}],\"sites\":[{\"phones\":[{}"
                       "]}]}";
    struct scenario *s = NULL;
    const char *plain = "fluid.goodput=1";

    cr_assert_eq(scenario_load_text("x", text, strlen(text), NULL, 0, &s, &errors), 0);
    cr_assert_eq(s->fluid.goodput_ppm, 900000);
    cr_assert_eq(s->fluid.startup, 20 * SIM_MS);
    cr_assert_eq(s->fluid.tftp_packet, 300);
    scenario_free(s);
    cr_assert_eq(scenario_load_text("x", text, strlen(text), &plain, 1, &s, &errors), 0);
    cr_assert_eq(s->fluid.goodput_ppm, 0, "1 is the model as it stands");
    scenario_free(s);
}
