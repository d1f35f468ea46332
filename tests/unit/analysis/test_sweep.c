/* Goal: what a sweep is made of, without running phones: --vary with all its forms and every fault
 * in it, combinations and their order, Student's t against printed tables, the store's memory.
 * Method: tables of texts and what they must become; a scenario in memory; a store in a temporary
 * folder. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/sweep/grid.h"
#include "analysis/sweep/job.h"
#include "analysis/sweep/pool.h"
#include "analysis/sweep/sample.h"
#include "analysis/sweep/store.h"
#include "analysis/sweep/tables.h"
#include "analysis/sweep/vary.h"
#include "sim/err.h"

/* ---- --vary ---- */

static void expect_values(const char *text, const char *labels, bool numbers)
{
    struct analysis_vary v = {.path = NULL};
    char why[ANALYSIS_WHY_MAX] = "", got[4096] = "";

    cr_assert_eq(analysis_vary_parse(&v, text, why), 0, "%s: %s", text, why);
    for (size_t i = 0; i < v.len; i++) {
        strcat(got, i > 0 ? "|" : "");
        strcat(got, v.labels[i]);
    }
    cr_assert_str_eq(got, labels, "%s gives %s", text, got);
    cr_assert_eq(v.numbers != NULL, numbers, "%s", text);
    analysis_vary_deinit(&v);
}

Test(vary, lists_and_ranges)
{
    expect_values("method=traditional,pfs", "traditional|pfs", false);
    expect_values("a=1, 2 ,3", "1|2|3", true);
    expect_values("a=\"x,y\",z", "x,y|z", false);
    expect_values("a={\"down\":\"1 Mbit/s\",\"up\":\"64 kbit/s\"},\"none\"",
                  "{\"down\":\"1 Mbit/s\",\"up\":\"64 kbit/s\"}|none", false);
    expect_values("a=384 kbit/s,1.5 Mbit/s", "384 kbit/s|1.5 Mbit/s", true);
    expect_values("a=10..1000 x2", "10|20|40|80|160|320|640", true);
    expect_values("a=10..1000 step x10", "10|100|1000", true);
    expect_values("a=1..10 +3", "1|4|7|10", true);
    expect_values("a=1..10+3", "1|4|7|10", true);
    expect_values("a=10..1e+3x10", "10|100|1000", true);
    expect_values("a=0.1..0.5 +0.1", "0.1|0.2|0.3|0.4|0.5", true);
    expect_values("a=8..1 x0.5", "8|4|2|1", true);
    expect_values("a=384 kbit/s..10 Mbit/s x2",
                  "384 kbit/s|768 kbit/s|1.536 Mbit/s|3.072 Mbit/s|6.144 Mbit/s", true);
    expect_values("a=\"384 kbit/s\"..\"10 Mbit/s\" x2",
                  "384 kbit/s|768 kbit/s|1.536 Mbit/s|3.072 Mbit/s|6.144 Mbit/s", true);
    expect_values("a=500 ms..2 s +500 ms", "500 ms|1 s|1.5 s|2 s", true);
    expect_values("a=1 h..4 h x2", "1 h|2 h|4 h", true);
    expect_values("a=30 min..90 min +30 min", "30 min|1 h|90 min", true);
    expect_values("a=512 KiB..2 MiB x2", "512 KiB|1 MiB|2 MiB", true);
    expect_values("a=1 MB..3 MB +1 MB", "1 MB|2 MB|3 MB", true);
    expect_values("thresholds.completion_s.p95=< 600,< 900", "< 600|< 900", false);
    expect_values("firmware[0].load=a..b", "a..b", false); /* no range: a text with dots in it */
    expect_values("x[\"a=b\"]=1,2", "1|2", true);
}

Test(vary, says_what_is_wrong)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        {"", "expected PATH"},
        {"=1", "expected PATH"},
        {"wan.rate", "expected PATH"},
        {"a=", "a value is missing"},
        {"a=1,,2", "a value is missing"},
        {"a=1,", "a value is missing"},
        {"a=\"x", "not closed"},
        {"a=[1,2", "not closed"},
        {"a=1,1", "there twice"},
        {"a=x,\"x\"", "there twice"},
        {"a=1..10", "needs its step"},
        {"a=1..10 x1", "factor above 0 that is not 1"},
        {"a=1..10 x0", "factor above 0"},
        {"a=1..10 x-2", "factor above 0"},
        {"a=0..10 x2", "ends above 0"},
        {"a=1..10 +0", "step above 0"},
        {"a=10..1 +1", "empty"},
        {"a=10..1 x2", "empty"},
        {"a=1..1000000 +1", "over 1000 values"},
        {"a=1..1e300 x1.0001", "over 1000 values"},
        {"a=1..inf +1", "two numbers"},
        {"a=1..nan x2", "two numbers"},
        {"a=0x10..0x20 +1", "two numbers"},
        {"a=384 kbit/s..10 MB x2", "of one kind"},
        {"a=384 kbit/s..10 Mbit/s x2 s", "a factor"},
        {"a=384 kbit/s..10 Mbit/s +5", "step of the kind"},
        {"a=1 ns..9 ns x1.01", "too small"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct analysis_vary v = {.path = NULL};
        char why[ANALYSIS_WHY_MAX] = "";
        cr_assert_eq(analysis_vary_parse(&v, rows[i].text, why), SIM_EINVAL, "%s", rows[i].text);
        cr_assert(strstr(why, rows[i].says) != NULL, "%s: %s", rows[i].text, why);
        cr_assert_null(v.path);
    }
}

Test(vary, long_texts_are_refused)
{
    struct analysis_vary v = {.path = NULL};
    char why[ANALYSIS_WHY_MAX];
    char *text = malloc(ANALYSIS_VARY_TEXT_MAX + 10);

    memset(text, 'a', ANALYSIS_VARY_TEXT_MAX + 9);
    text[1] = '=';
    text[ANALYSIS_VARY_TEXT_MAX + 9] = '\0';
    cr_assert_eq(analysis_vary_parse(&v, text, why), SIM_EINVAL);
    text[ANALYSIS_VARY_TEXT_MAX - 10] = '\0'; /* one value of 64 KiB */
    cr_assert_eq(analysis_vary_parse(&v, text, why), SIM_EINVAL);
    free(text);
}

/* ---- Samples ---- */

/* Printed tables: Fisher and Yates; NIST/SEMATECH e-Handbook, 1.3.6.7.2. */
Test(sample, student_as_in_the_tables)
{
    static const struct {
        uint32_t df;
        double p, t;
    } rows[] = {{1, 0.975, 12.7062}, {2, 0.975, 4.3027},  {3, 0.975, 3.1824},  {4, 0.975, 2.7764},
                {5, 0.975, 2.5706},  {9, 0.975, 2.2622},  {10, 0.975, 2.2281}, {19, 0.975, 2.0930},
                {29, 0.975, 2.0452}, {30, 0.975, 2.0423}, {60, 0.975, 2.0003}, {100, 0.975, 1.9840},
                {1, 0.95, 6.3138},   {4, 0.99, 3.7469},   {10, 0.9, 1.3722},   {100, 0.999, 3.1737},
                {10, 0.5, 0},        {10, 0.025, -2.2281}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double t = analysis_sample_student(rows[i].df, rows[i].p);
        cr_assert(fabs(t - rows[i].t) < 6e-5, "t(%u, %g) is %.6f", rows[i].df, rows[i].p, t);
    }
    /* Where the series ends the normal form must go on. */
    double a = analysis_sample_student(2000, 0.975), b = analysis_sample_student(2001, 0.975);
    cr_assert(a > b && a - b < 1e-5, "%.9f %.9f", a, b);
    cr_assert(fabs(analysis_sample_student(1000000, 0.975) - 1.959966) < 2e-6);
}

Test(sample, mean_and_interval)
{
    const double values[] = {2, NAN, 4, 4, 4, 5, 5, 7, 9};
    struct analysis_sample s = analysis_sample_of(values, 9);

    cr_assert_eq(s.count, 8);
    cr_assert_eq(s.mean, 5);
    cr_assert_eq(s.min, 2);
    cr_assert_eq(s.max, 9);
    /* s = sqrt(32 / 7), t(7, 0.975) = 2.3646 */
    cr_assert(fabs(s.high - 5 - 2.364624 * sqrt(32.0 / 7 / 8)) < 1e-5, "%g", s.high);
    cr_assert(fabs(s.low + s.high - 10) < 1e-12);
    s = analysis_sample_of(values, 1);
    cr_assert(s.count == 1 && s.mean == 2 && isnan(s.low) && isnan(s.high));
    s = analysis_sample_of(values + 1, 1);
    cr_assert(s.count == 0 && isnan(s.mean) && isnan(s.min));
    const double same[] = {0.1, 0.1, 0.1};
    s = analysis_sample_of(same, 3);
    cr_assert(s.mean == 0.1 && s.low == 0.1 && s.high == 0.1, "%g %g", s.low, s.high);
}

/* ---- Combinations ---- */

static char folder[] = "/tmp/pfsim-sweep-test.XXXXXX";
static char scenario[64];
static FILE *null_file;
static struct analysis_program program = {.version = "0.0.0"};

static void set_up(void)
{
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(scenario, sizeof(scenario), "%s/s.json", folder);
    FILE *f = fopen(scenario, "w");
    fputs("{\"name\":\"s\",\"seed\":7,\"firmware\":[{\"model\":\"CP-7961G\",\"load\":\"L\","
          "\"files\":["
          "{\"name\":\"a.sbn\",\"size\":\"20 "
          "KB\"}]}],\"sites\":[{\"name\":\"x\",\"phones\":[{\"model\":"
          "\"CP-7961G\",\"count\":2}]},{\"name\":\"y\",\"phones\":[{\"model\":\"CP-7961G\","
          "\"count\":1}]}]}",
          f);
    fclose(f);
    null_file = fopen("/dev/null", "w");
    program.out = program.err = null_file;
}

static void tear_down(void)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/" ANALYSIS_STORE_NAME, folder);
    unlink(path);
    unlink(scenario);
    rmdir(folder);
    fclose(null_file);
}

static int init_grid(struct analysis_grid *g, const struct analysis_list *varied)
{
    static const struct analysis_list none = {.len = 0};
    const struct analysis_grid_config config = {
        .program = &program, .path = scenario, .sets = &none, .varied = varied};

    *g = (struct analysis_grid){.path = NULL};
    return analysis_grid_init(g, &config);
}

Test(grid, last_key_changes_fastest_and_every_site_is_meant, .init = set_up, .fini = tear_down)
{
    const struct analysis_list varied = {
        .items = {"method=traditional,pfs", "sites[*].wan.rate=1 Mbit/s..4 Mbit/s x2"}, .len = 2};
    struct analysis_grid g;
    char label[ANALYSIS_GRID_LABEL_MAX];

    cr_assert_eq(init_grid(&g, &varied), ANALYSIS_OK);
    cr_assert_eq(g.len, 6);
    cr_assert_eq(g.seed, 7);
    cr_assert_eq(g.list[2].method, SCENARIO_TRADITIONAL);
    cr_assert_eq(g.list[3].method, SCENARIO_PFS);
    cr_assert_str_eq(analysis_grid_label(&g, 4, label), "method=pfs, sites[*].wan.rate=2 Mbit/s");
    const char *first = strstr(g.list[4].text, "\"rate\":\"2 Mbit/s\"");
    cr_assert(first != NULL && strstr(first + 1, "\"rate\":\"2 Mbit/s\"") != NULL, "%s",
              g.list[4].text);
    cr_assert_str_neq(g.list[4].identity, g.list[5].identity);
    analysis_grid_deinit(&g);
}

Test(grid, nothing_starts_with_a_wrong_combination, .init = set_up, .fini = tear_down)
{
    static const char *const wrong[] = {"sites[0].wan.rate=1 Mbit/s,2",
                                        "sites[0].wan.rat=1 Mbit/s",
                                        "sites[9].wan.rate=1 Mbit/s",
                                        "seed=1,2",
                                        "world=live",
                                        "pfs.fanout=1,-2",
                                        "thresholds.nonsense=< 1"};

    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        const struct analysis_list varied = {.items = {wrong[i]}, .len = 1};
        struct analysis_grid g;
        cr_assert_eq(init_grid(&g, &varied), ANALYSIS_USAGE, "%s", wrong[i]);
        analysis_grid_deinit(&g);
    }
    const struct analysis_list twice = {.items = {"pfs.fanout=1,2", "pfs.fanout=3"}, .len = 2};
    struct analysis_grid g;
    cr_assert_eq(init_grid(&g, &twice), ANALYSIS_USAGE);
    analysis_grid_deinit(&g);
}

/* ---- Jobs and the store ---- */

Test(job, goes_there_and_back)
{
    const char *metrics[] = {"completion_s.p99.9", "sites[x].wan.bytes"};
    const char *found[ANALYSIS_JOB_METRICS_MAX];
    struct analysis_job job = {.run = 12,
                               .path = "a/b",
                               .text = "{\"x\":\"\\u00e9\\\"\"}",
                               .seed = UINT64_MAX,
                               .metrics = metrics,
                               .metrics_len = 2,
                               .version = "1"};
    struct analysis_job back;
    cJSON *holder = NULL;

    char *text = analysis_job_text(&job);
    cr_assert_eq(analysis_job_read(&back, found, text, strlen(text), &holder), 0);
    cr_assert(back.run == 12 && back.seed == UINT64_MAX && back.metrics_len == 2);
    cr_assert_str_eq(back.text, job.text);
    cr_assert_str_eq(back.metrics[1], metrics[1]);
    cr_assert_null(back.keep);
    cJSON_Delete(holder);
    /* Cut anywhere it is no job any more, and nothing is left behind. */
    for (size_t len = 0; len < strlen(text); len++) {
        cr_assert_eq(analysis_job_read(&back, found, text, len, &holder), SIM_EPROTO, "%zu", len);
    }
    free(text);
    static const char *const hostile[] = {
        "{}",
        "[]",
        "{\"run\":-1}",
        "{\"run\":1e99,\"seed\":\"1\",\"path\":\"\",\"text\":\"\",\"version\":\"\",\"metrics\":[]}",
        "{\"run\":1,\"seed\":\"-1\",\"path\":\"\",\"text\":\"\",\"version\":\"\",\"metrics\":[]}",
        "{\"run\":1,\"seed\":\"1\",\"path\":\"\",\"text\":\"\",\"version\":\"\",\"metrics\":[7]}"};
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        cr_assert_eq(analysis_job_read(&back, found, hostile[i], strlen(hostile[i]), &holder),
                     SIM_EPROTO, "%s", hostile[i]);
    }
}

static int open_store(struct analysis_store **s, const struct analysis_grid *g, uint32_t repeat,
                      const char *version, char why[ANALYSIS_WHY_MAX])
{
    const struct analysis_store_config config = {
        .dir = folder, .grid = g, .version = version, .repeat = repeat};
    return analysis_store_open(s, &config, why);
}

static void put(struct analysis_store *s, uint32_t run, const char *rest)
{
    char why[ANALYSIS_WHY_MAX] = "", parcel[512];

    snprintf(parcel, sizeof(parcel), "{\"run\":%u,\"why\":\"\"%s}", run, rest);
    cr_assert_eq(analysis_store_put(s, run, parcel, strlen(parcel), why), 0, "%s", why);
}

Test(store, remembers_what_is_finished_and_whose_it_is, .init = set_up, .fini = tear_down)
{
    const struct analysis_list varied = {.items = {"pfs.fanout=1,2"}, .len = 1};
    const struct analysis_list other = {.items = {"pfs.fanout=1,3"}, .len = 1};
    struct analysis_grid g, changed;
    struct analysis_store *s = NULL, *second = NULL;
    char why[ANALYSIS_WHY_MAX] = "";
    double values[6];

    cr_assert_eq(init_grid(&g, &varied), ANALYSIS_OK);
    cr_assert_eq(init_grid(&changed, &other), ANALYSIS_OK);
    cr_assert_eq(open_store(&s, &g, 2, "1", why), 0, "%s", why);
    cr_assert_eq(analysis_store_runs(s), 4);
    cr_assert_eq(analysis_store_combination(s, 3), 1);
    cr_assert_eq(analysis_store_seed(s, 3), 8);
    put(s, 1, ",\"status\":0,\"document\":{},\"figures\":{\"a.b\":2.5}");
    put(s, 0, ",\"status\":1,\"document\":{},\"figures\":{\"a.b\":1}");
    put(s, 2, ",\"status\":3");
    put(s, 3, ",\"status\":4,\"document\":{}");
    cr_assert_eq(analysis_store_put(s, 0, "{\"run\":1}", 9, why), SIM_EPROTO);
    cr_assert_eq(analysis_store_put(s, 0, "[[[", 3, why), SIM_EPROTO);
    cr_assert_eq(open_store(&second, &g, 2, "1", why), SIM_EEXIST); /* somebody writes there */
    cr_assert(strstr(why, "another sweep") != NULL, "%s", why);
    cr_assert_eq(analysis_store_commit(s, why), 0);
    analysis_store_close(s);

    cr_assert_eq(open_store(&s, &g, 3, "1", why), 0, "%s", why); /* one more seed */
    cr_assert_eq(analysis_store_status(s, 0), ANALYSIS_STORE_MISSED);
    cr_assert_eq(analysis_store_status(s, 1), ANALYSIS_STORE_MET);
    cr_assert_eq(analysis_store_status(s, 2), ANALYSIS_STORE_MISSING); /* failed: once more */
    cr_assert_eq(analysis_store_status(s, 3), ANALYSIS_STORE_MISSING); /* invalid: likewise */
    cr_assert_eq(analysis_store_status(s, 5), ANALYSIS_STORE_MISSING);
    cr_assert_eq(analysis_store_values(s, "a.b", values, why), 0);
    cr_assert(values[0] == 1 && values[1] == 2.5 && isnan(values[2]));
    analysis_store_close(s);

    cr_assert_eq(open_store(&s, &g, 2, "1", why), SIM_EEXIST);
    cr_assert(strstr(why, "--repeat 3") != NULL, "%s", why);
    cr_assert_eq(open_store(&s, &g, 3, "2", why), SIM_EEXIST);
    cr_assert(strstr(why, "pfsim was 1 and is 2") != NULL, "%s", why);
    cr_assert_eq(open_store(&s, &changed, 3, "1", why), SIM_EEXIST);
    cr_assert(strstr(why, "pfs.fanout=2 and is pfs.fanout=3") != NULL, "%s", why);
    strcpy(g.list[1].identity, "0");
    cr_assert_eq(open_store(&s, &g, 3, "1", why), SIM_EEXIST);
    cr_assert(strstr(why, "has changed since") != NULL, "%s", why);
    analysis_grid_deinit(&g);
    analysis_grid_deinit(&changed);
}

/* ---- sweep.json ---- */

static char read_why[ANALYSIS_WHY_MAX];

static int read_view(const char *text)
{
    char path[128];
    cJSON *view = NULL;

    snprintf(path, sizeof(path), "%s/sweep.json", folder);
    FILE *f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    cr_assert(analysis_tables_is(path));
    int rc = analysis_tables_read(&view, path, read_why);
    cJSON_Delete(view);
    unlink(path);
    return rc;
}

Test(tables, a_stored_sweep_is_not_trusted, .init = set_up, .fini = tear_down)
{
    static const char good[] =
        "{\"format\":1,\"kind\":\"sweep\",\"title\":\"t\",\"world\":\"virtual\",\"seed\":\"1\","
        "\"runs\":[],"
        "\"versions\":{},\"scenario\":null,\"sweep\":{\"keys\":[{\"path\":\"a\",\"values\":[\"1\","
        "\"2\"],"
        "\"numbers\":null,\"log\":false}],\"metrics\":[{\"name\":\"m\",\"label\":\"l\",\"unit\":"
        "\"\"}],"
        "\"repeat\":1,\"runs\":1,\"failed\":0,\"points\":[{\"at\":[1],\"runs\":1,\"all_met\":1,"
        "\"failed\":0,"
        "\"mean\":[1],\"low\":[null],\"high\":[null],\"min\":[1],\"max\":[1],\"counts\":[1],"
        "\"seeds\":[[1,null]],"
        "\"behind\":0,\"judged\":[1],\"missed\":[0],\"worst\":[null]}],"
        "\"thresholds\":[{\"expression\":\"m < 2\",\"name\":\"m\",\"op\":\"<\",\"limit\":2,"
        "\"unit\":\"\",\"runs\":1,\"missed\":0}]}}";
    static const struct {
        const char *from, *to;
    } faults[] = {
        {"\"format\":1", "\"format\":2"},
        {"\"sweep\",\"title\"", "\"run\",\"title\""},
        {"\"at\":[1]", "\"at\":[2]"},
        {"\"at\":[1]", "\"at\":[-1]"},
        {"\"at\":[1]", "\"at\":[0.5]"},
        {"\"at\":[1]", "\"at\":[]"},
        {"\"mean\":[1]", "\"mean\":[1,2]"},
        {"\"mean\":[1]", "\"mean\":[\"x\"]"},
        {"\"2\"]", "2]"},
        {"\"numbers\":null", "\"numbers\":[1]"},
        {"\"unit\":\"\"", "\"unit\":7"},
        {"\"keys\":[", "\"keys\":[3,"},
        {"\"repeat\":1", "\"repeat\":\"\""},
        {"\"seed\":\"1\"", "\"seed\":1"},
        {"\"versions\":{}", "\"versions\":1"},
        {"\"format\":1,", ""},
        {"\"mean\":[1]", "\"mean\":[1e300]"},
        {"\"mean\":[1]", "\"mean\":[1e999]"},
        {"\"counts\":[1]", "\"counts\":[0.5]"},
        {"\"counts\":[1]", "\"counts\":[]"},
        {"\"runs\":1,\"all", "\"runs\":-1,\"all"},
        {"\"judged\":[1]", "\"judged\":[1,1]"},
        {"\"missed\":[0]", "\"missed\":[-1]"},
        {"\"worst\":[null]", "\"worst\":[]"},
        {"\"seeds\":[[1,null]]", "\"seeds\":[]"},
        {"\"seeds\":[[1,null]]", "\"seeds\":[1]"},
        {"\"seeds\":[[1,null]]", "\"seeds\":[[\"1\"]]"},
        {"\"op\":\"<\"", "\"op\":1"},
        {"\"limit\":2", "\"limit\":\"2\""},
        {"\"repeat\":1", "\"repeat\":1e9"},
    };

    cr_assert_eq(read_view(good), 0);
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        char text[2048];
        const char *at = strstr(good, faults[i].from);
        cr_assert_not_null(at, "%s", faults[i].from);
        snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - good), good, faults[i].to,
                 at + strlen(faults[i].from));
        cr_assert_neq(read_view(text), 0, "%s", faults[i].to);
    }
    cr_assert(strstr(read_why, "sweep.json: sweep.repeat: found 1000000000, expected a whole "
                               "number, from 0 to 1000000; give the command") != NULL,
              "%s", read_why);
    cr_assert(!analysis_tables_is("/x/mysweep.json"));
}
