/* Goal: a scenario becomes the struct that its keys say, with the documented defaults; what is
 * wrong is named with line, path, found, expected and nearest key, all in one go. Method: scenarios
 * in strings; folders made for the test. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "phones/provisioning/loads.h"
#include "scenarios/scenario.h"
#include "sim/err.h"

#define FIRMWARE                                                                                   \
    "\"firmware\":[{\"model\":\"A\",\"load\":\"L1\",\"files\":[{\"name\":\"a\",\"size\":\"1 "      \
    "kB\"},"                                                                                       \
    "{\"name\":\"b\",\"size\":\"2 MiB\"}]}]"
#define START "{\"name\":\"x\"," FIRMWARE ","
#define SITES "\"sites\":[{\"name\":\"s\",\"phones\":[{\"count\":3}]}]"

static struct scenario_errors errors;

static struct scenario *load_with(const char *text, const char *const *sets, size_t sets_len)
{
    struct scenario *s = NULL;
    int rc =
        scenario_load_text("folder/test.json", text, strlen(text), sets, sets_len, &s, &errors);

    cr_assert_eq(rc, s != NULL ? 0 : SIM_EINVAL, "%s", sim_err_name(rc));
    cr_assert_eq(errors.len > 0, s == NULL);
    return s;
}

static struct scenario *load(const char *text)
{
    return load_with(text, NULL, 0);
}

static struct scenario *load_good(const char *text)
{
    struct scenario *s = load(text);

    if (s == NULL) {
        scenario_errors_print(&errors, "test.json", stderr);
    }
    cr_assert(s != NULL, "%s", text);
    return s;
}

static void expect_one(const char *text, unsigned line, const char *path, const char *found,
                       const char *expected, const char *nearest)
{
    struct scenario *s = load(text);

    cr_assert(s == NULL, "accepted: %s", text);
    cr_assert_eq(errors.len, 1, "%zu errors in %s", errors.len, text);
    const struct scenario_error *e = &errors.list[0];
    cr_assert_eq(e->line, line, "line %u in %s", e->line, text);
    cr_assert_str_eq(e->json_path, path, "path %s", e->json_path);
    cr_assert_str_eq(e->found, found, "found %s", e->found);
    cr_assert(strstr(e->expected, expected) != NULL, "expected %s", e->expected);
    cr_assert_eq(e->nearest == NULL, nearest == NULL, "nearest %s", e->nearest);
    cr_assert(nearest == NULL || strcmp(e->nearest, nearest) == 0, "nearest %s", e->nearest);
    scenario_errors_free(&errors);
}

Test(load, three_keys_are_enough_and_all_else_has_its_default)
{
    struct scenario *s = load_good(START "\"sites\":[{\"phones\":[{}]}]}");
    const struct scenario_site *site = &s->sites[0];
    const struct scenario_phones *p = &site->phones[0];

    cr_assert_eq(s->seed, 1);
    cr_assert_eq(s->world, SCENARIO_VIRTUAL);
    cr_assert_eq(s->method, SCENARIO_PFS);
    cr_assert_eq(s->network, SCENARIO_FLUID);
    cr_assert_eq(s->threads, 1);
    cr_assert_eq(s->start_at, 0);
    cr_assert_eq(s->start_spread, 10 * SIM_S);
    cr_assert(s->server.url == NULL && s->server_url == NULL);
    cr_assert(!s->server_protocols_given);
    cr_assert(s->server.keep_alive && s->server.tls_verify);
    cr_assert_eq(s->server.block_size, 512);
    cr_assert_eq(s->server.window, 1);
    cr_assert_eq(s->server.timeout, 4 * SIM_S);
    cr_assert_eq(s->server.retries, 6);
    cr_assert_eq(s->server.stall, 60 * SIM_S);
    cr_assert_eq(s->server.uplink_bit_s, SIM_RATE_NONE);
    cr_assert_eq(s->server.max_transfers, 500);
    cr_assert_eq(s->server.overflow, SIM_OVERFLOW_REFUSE);
    cr_assert_eq(s->server.response_time, 2 * SIM_MS);
    cr_assert_str_eq(site->name, "site-1");
    cr_assert_eq(site->count, 1);
    cr_assert(!site->wan.none);
    cr_assert_eq(site->wan.down_bit_s, 1536000);
    cr_assert_eq(site->wan.up_bit_s, 1536000);
    cr_assert_eq(site->wan.rtt, 150 * SIM_MS);
    cr_assert_eq(site->wan.queue.kind, SIM_QUEUE_PACKETS);
    cr_assert_eq(site->wan.queue.limit, 100);
    cr_assert_eq(site->wan.framing, 2);
    cr_assert_eq(site->wan.loss_ppm, 0);
    cr_assert_eq(site->lan.rate_bit_s, 100000000);
    cr_assert_eq(site->lan.latency, 50 * SIM_US);
    cr_assert_eq(p->system, SCENARIO_CUCM);
    cr_assert_eq(p->count, 1);
    cr_assert(p->pfs && p->pfs_share == 1);
    cr_assert(p->running == NULL && p->load_server == NULL);
    cr_assert_eq(p->mac, UINT64_C(0x001e13000000));
    cr_assert_eq(p->boot, 6 * SIM_S);
    cr_assert_eq(p->apply, 10 * SIM_S);
    cr_assert_eq(p->reboot, 60 * SIM_S);
    cr_assert_eq(s->pfs.port, 4051);
    cr_assert_eq(s->pfs.listen, 500 * SIM_MS);
    cr_assert_eq(s->pfs.ad_interval, 250 * SIM_MS);
    cr_assert_eq(s->pfs.ads, 4);
    cr_assert_eq(s->pfs.root_wait, 10 * SIM_S);
    cr_assert_eq(s->pfs.fanout, 2);
    cr_assert_eq(s->pfs.parent_timeout, 30 * SIM_S);
    cr_assert_eq(s->pfs.stall, 60 * SIM_S);
    cr_assert_eq(s->pfs.rejoin_attempts, 3);
    cr_assert_eq(s->pfs.linger, 30 * SIM_S);
    cr_assert_eq(s->pfs.linger_max, 600 * SIM_S);
    cr_assert_eq(s->faults_len + s->thresholds_len, 0);
    scenario_free(s);
}

Test(load, every_key_arrives)
{
    struct scenario *s = load_good(
        START
        "\"seed\":\"18446744073709551615\",\"world\":\"virtual\",\"method\":\"load-server\","
        "\"network\":\"packet\",\"threads\":8,\"start\":{\"at\":\"1 s\",\"spread\":\"2 s\"},"
        "\"server\":{\"url\":\"https://fw.example.com/x\",\"protocol\":[\"https\",\"tftp\"],"
        "\"keep_alive\":false,\"block_size\":1428,\"window\":16,\"timeout\":\"1 s\",\"retries\":2,"
        "\"stall\":\"9 s\",\"uplink\":\"1 Gbit/s\",\"max_transfers\":\"none\","
        "\"overflow\":\"queue\",\"response_time\":\"1 ms\",\"port\":8080,\"tftp_port\":6969,"
        "\"tls\":{\"verify\":false},\"credentials_env\":\"LOGIN\","
        "\"sources\":[\"192.168.0.2\"],\"allow\":[\"203.0.113.0/24\"]},"
        "\"sites\":[{\"name\":\"s\",\"count\":2,\"addresses\":\"10.7.0.0/24\","
        "\"wan\":{\"rate\":{\"down\":\"8 Mbit/s\",\"up\":\"1 Mbit/s\"},\"rtt\":\"20 ms\","
        "\"queue\":\"64 KB\",\"loss\":0.01,\"framing\":\"18 B\"},"
        "\"lan\":{\"rate\":\"none\",\"latency\":\"1 ms\",\"loss\":0.5},"
        "\"phones\":[{\"system\":\"bare\",\"pfs\":0.25,\"running\":\"L0\",\"count\":4,"
        "\"mac\":\"02:00:00:00:00:0a\",\"load_server\":\"10.1.0.9\"},{\"boot\":\"1 s\"}]}],"
        "\"pfs\":{\"relay\":\"cut-through\",\"chunk\":\"64 KiB\",\"hierarchy\":\"per-load\","
        "\"election\":\"static\",\"fallback\":\"fail\",\"fanout\":16},"
        "\"faults\":[{\"kind\":\"crash\",\"site\":\"s#2\",\"phone\":\"parent\",\"file\":\"b\","
        "\"when\":\"serving\",\"down_for\":\"5 s\",\"silent\":true},"
        "{\"kind\":\"partition\",\"phones\":[1,4],\"at\":\"2 s\",\"heal_after\":\"3 s\"}],"
        "\"thresholds\":{\"phones.failed\":{\"limit\":\"<= 2e1\",\"abort\":true}}}");
    const struct scenario_site *site = &s->sites[0];

    cr_assert_eq(s->seed, UINT64_MAX);
    cr_assert_eq(s->world, SCENARIO_VIRTUAL);
    cr_assert_eq(s->method, SCENARIO_LOAD_SERVER);
    cr_assert_eq(s->network, SCENARIO_PACKET);
    cr_assert_eq(s->threads, 8);
    cr_assert_eq(s->start_at, SIM_S);
    cr_assert_eq(s->start_spread, 2 * SIM_S);
    cr_assert_str_eq(s->server.url, "https://fw.example.com/x");
    cr_assert(s->server_protocols_given);
    cr_assert_eq(s->protocols_len, 2);
    cr_assert_eq(s->protocols[0], SIM_PROTOCOL_HTTPS);
    cr_assert_eq(s->protocols[1], SIM_PROTOCOL_TFTP);
    cr_assert(!s->server.keep_alive && !s->server.tls_verify);
    cr_assert_eq(s->server.block_size, 1428);
    cr_assert_eq(s->server.window, 16);
    cr_assert_eq(s->server.retries, 2);
    cr_assert_eq(s->server.stall, 9 * SIM_S);
    cr_assert_eq(s->server.uplink_bit_s, 1000000000);
    cr_assert_eq(s->server.max_transfers, 0);
    cr_assert_eq(s->server.overflow, SIM_OVERFLOW_QUEUE);
    cr_assert_eq(s->server.port, 8080);
    cr_assert_eq(s->server.tftp_port, 6969);
    cr_assert_str_eq(s->server.credentials_env, "LOGIN");
    cr_assert_eq(s->server.sources[0], 0xc0a80002);
    cr_assert_eq(s->server.allow[0].bits, 24);
    cr_assert_eq(site->wan.down_bit_s, 8000000);
    cr_assert_eq(site->wan.up_bit_s, 1000000);
    cr_assert_eq(site->wan.queue.kind, SIM_QUEUE_BYTES);
    cr_assert_eq(site->wan.queue.limit, 64000);
    cr_assert_eq(site->wan.loss_ppm, 10000);
    cr_assert_eq(site->wan.framing, 18);
    cr_assert_eq(site->lan.rate_bit_s, SIM_RATE_NONE);
    cr_assert_eq(site->lan.loss_ppm, 500000);
    cr_assert_eq(site->phones_total, 5);
    cr_assert_eq(site->phones[0].system, SCENARIO_BARE);
    cr_assert_eq(site->phones[0].boot, 0);
    cr_assert_eq(site->phones[0].pfs_share, 0.25);
    cr_assert_str_eq(site->phones[0].running, "L0");
    cr_assert_str_eq(site->phones[0].load_server, "10.1.0.9");
    cr_assert_eq(site->phones[0].mac, UINT64_C(0x02000000000a));
    cr_assert_eq(site->phones[1].first, 4);
    cr_assert_eq(site->phones[1].boot, SIM_S);
    cr_assert_eq(s->pfs.relay, PFS_CUT_THROUGH);
    cr_assert_eq(s->pfs.chunk, 65536);
    cr_assert_eq(s->pfs.hierarchy, PFS_PER_LOAD);
    cr_assert_eq(s->pfs.election, PFS_STATIC);
    cr_assert_eq(s->pfs.fallback, PFS_FALLBACK_FAIL);
    cr_assert_eq(s->pfs.fanout, 16);
    cr_assert_eq(s->faults[0].who, SCENARIO_FAULT_PARENT);
    cr_assert_eq(s->faults[0].when, SCENARIO_FAULT_SERVING);
    cr_assert_eq(s->faults[0].at, SIM_NEVER);
    cr_assert_eq(s->faults[0].down_for, 5 * SIM_S);
    cr_assert(s->faults[0].silent);
    cr_assert_str_eq(s->faults[0].site, "s#2");
    cr_assert_eq(s->faults[1].kind, SCENARIO_FAULT_PARTITION);
    cr_assert_eq(s->faults[1].numbers_len, 2);
    cr_assert_eq(s->faults[1].numbers[1], 4);
    cr_assert_eq(s->faults[1].at, 2 * SIM_S);
    cr_assert_eq(s->faults[1].down_for, 3 * SIM_S);
    cr_assert_str_eq(s->thresholds[0].metric, "phones.failed");
    cr_assert_str_eq(s->thresholds[0].op, "<=");
    cr_assert_eq(s->thresholds[0].limit, 20);
    cr_assert(s->thresholds[0].abort);
    scenario_free(s);
}

Test(load, a_site_may_start_fetch_and_use_its_line_in_its_own_way)
{
    struct scenario *s = load_good(
        START "\"start\":{\"spread\":\"20 s\"},\"sites\":[{\"phones\":[{}]},{\"wan\":{\"rate\":"
              "\"1 Mbit/s\"},\"wan_limit\":\"300 kbit/s\",\"protocol\":\"tftp\","
              "\"start\":{\"spread\":\"2 h\"},\"phones\":[{}]},{\"wan_limit\":\"9 Mbit/s\","
              "\"phones\":[{}]}]}");

    cr_assert_eq(scenario_site_spread(s, &s->sites[0]), 20 * SIM_S, "the scenario's");
    cr_assert(!s->sites[0].has_protocol && s->sites[0].wan_limit_bit_s == 0);
    cr_assert_eq(scenario_site_spread(s, &s->sites[1]), 7200 * SIM_S);
    cr_assert(s->sites[1].has_protocol && s->sites[1].protocol == SIM_PROTOCOL_TFTP);
    cr_assert_eq(s->sites[1].wan.down_bit_s, 300000, "the limit is the line");
    cr_assert_eq(s->sites[1].wan.up_bit_s, 1000000);
    cr_assert_eq(s->sites[2].wan.down_bit_s, 1536000, "above the line it limits nothing");
    scenario_free(s);
}

Test(load, an_error_names_line_path_found_expected_and_nearest)
{
    expect_one("{\n\"name\":\"x\",\n" FIRMWARE
               ",\n\"sites\":[{\"phones\":[{}],\n\"wan\":\n{\"rtt\":1,\n"
               "\"queue\":\"1 packet\"}}]}",
               6, "sites[0].wan.rtt", "1", "a duration with its unit", NULL);
    expect_one(START SITES ",\n\n\"treads\":2}", 3, "treads", "an unknown key", "threads",
               "threads");
    expect_one(START SITES ",\"thresholds\":{\"completion_s.lasst\":\"< 1\"}}", 1,
               "thresholds[\"completion_s.lasst\"]", "an unknown metric", "completion_s",
               "completion_s.last");
    expect_one("{" FIRMWARE "," SITES "}", 1, "name", "nothing", "required", NULL);
    expect_one(START SITES ",\"method\":\"tradditional\"}", 1, "method", "\"tradditional\"",
               "one of: \"traditional\", \"pfs\"", "traditional");
    expect_one(START "\"sites\":[{\"phones\":[{\"system\":\"tms\"}]}]}", 1,
               "sites[0].phones[0].system", "\"tms\"", "not available yet", NULL);
    expect_one(START "\"sites\":[{\"phones\":[{\"system\":\"sip\"}]}]}", 1,
               "sites[0].phones[0].system", "\"sip\"", "one of: \"bare\", \"cucm\"", NULL);
    expect_one(START SITES ",\"thresholds\":{\"completion.last\":\"< 4 h\"}}", 1,
               "thresholds[\"completion.last\"]", "an unknown metric", "completion_s",
               "completion_s.last");
    expect_one(START SITES "\n,\n]", 3, "", "']' in column 1", "a key", NULL);
}

Test(load, all_errors_come_in_one_go_in_the_order_of_the_file)
{
    cr_assert(load("{\"name\":1,\n\"firmware\":[{}],\n\"sites\":[{\"phones\":[{\"count\":0}]},\n"
                   "{\"phones\":[{\"count\":-1}]}],\n\"seed\":-1}") == NULL);
    static const unsigned lines[] = {1, 2, 2, 2, 3, 4, 5};
    cr_assert_eq(errors.len, sizeof(lines) / sizeof(lines[0]), "%zu errors", errors.len);
    for (size_t i = 0; i < errors.len; i++) {
        cr_assert_eq(errors.list[i].line, lines[i], "error %zu in line %u", i, errors.list[i].line);
    }
    scenario_errors_free(&errors);
}

Test(load, the_list_of_errors_has_an_end_and_says_so)
{
    size_t size = 200000;
    char *text = malloc(size);
    size_t len = (size_t)snprintf(text, size, START SITES);
    for (int i = 0; i < 3000; i++) {
        len += (size_t)snprintf(text + len, size - len, ",\"unknown-%d\":1", i);
    }
    snprintf(text + len, size - len, "}");
    cr_assert(load(text) == NULL);
    cr_assert_eq(errors.len, 1001);
    cr_assert_str_eq(errors.list[1000].found, "more errors");
    scenario_errors_free(&errors);
    free(text);
}

Test(load, a_printed_error_is_one_line_for_editors_and_people)
{
    static const char *const sets[] = {"threads=0"};
    char text[2048] = "";
    FILE *file = fmemopen(text, sizeof(text), "w");

    cr_assert(load_with(START SITES ",\n\"treads\":2}", sets, 1) == NULL);
    scenario_errors_print(&errors, "a.json", file);
    fclose(file);
    cr_assert(
        strncmp(text, "--set: threads: found 0, expected a whole number from 1 to 64\n", 62) == 0,
        "%s", text);
    cr_assert(strstr(text, "\na.json:2: treads: found an unknown key, expected one of: ") != NULL,
              "%s", text);
    cr_assert(strstr(text, " (did you mean \"threads\"?)\n") != NULL, "%s", text);
    scenario_errors_free(&errors);
}

Test(load, a_file_that_cannot_be_read_is_an_error_of_the_list)
{
    struct scenario *s = NULL;

    cr_assert_eq(scenario_load("/no/such/file.json", NULL, 0, &s, &errors), SIM_EINVAL);
    cr_assert_eq(errors.len, 1);
    scenario_errors_free(&errors);
    cr_assert_eq(scenario_load("/", NULL, 0, &s, &errors), SIM_EINVAL);
    cr_assert_eq(errors.len, 1);
    scenario_errors_free(&errors);
    cr_assert(s == NULL);
}

Test(load, a_file_of_more_than_16_mib_is_refused)
{
    size_t len = SCENARIO_BYTES_MAX + 1;
    char *text = malloc(len);
    struct scenario *s = NULL;

    memset(text, ' ', len);
    cr_assert_eq(scenario_load_text("x", text, len, NULL, 0, &s, &errors), SIM_EINVAL);
    cr_assert_str_eq(errors.list[0].found, "more than 16 MiB");
    scenario_errors_free(&errors);
    free(text);
}

Test(load, linger_and_its_maximum_follow_one_another)
{
    struct scenario *s = load_good(START SITES ",\"pfs\":{\"linger\":\"1 h\"}}");
    cr_assert_eq(s->pfs.linger_max, 3600 * SIM_S);
    scenario_free(s);
    s = load_good(START SITES ",\"pfs\":{\"linger_max\":\"5 s\"}}");
    cr_assert_eq(s->pfs.linger, 5 * SIM_S);
    scenario_free(s);
}

/* ---- Folders of real files ---- */

static char folder[64];

static void put_file(const char *name, const void *bytes, size_t len)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/fw/%s", folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert(file != NULL);
    cr_assert_eq(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static void make_folder(void)
{
    char path[256];

    snprintf(folder, sizeof(folder), "/tmp/pfsim-load-XXXXXX");
    cr_assert(mkdtemp(folder) != NULL);
    snprintf(path, sizeof(path), "%s/fw", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    put_file("zeta.sbn", "12", 2);
    put_file("dsp41.sbn", "123", 3);
    put_file("Jar41.sbn", "1234", 4);
    put_file("apps41.sbn", "12345", 5);
    put_file("cnu41.sbn", "123456", 6);
    put_file(".hidden", "1", 1);
    put_file("term41.default.loads", "1", 1);
}

static void remove_folder(void)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -r '%s'", folder);
    cr_assert_eq(system(command), 0);
}

static struct scenario *load_folder(void)
{
    char path[256];
    struct scenario *s = NULL;
    const char *text = "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"L1\","
                       "\"directory\":\"fw\"}]," SITES "}";

    snprintf(path, sizeof(path), "%s/test.json", folder);
    scenario_load_text(path, text, strlen(text), NULL, 0, &s, &errors);
    return s;
}

Test(load, a_folder_without_index_gives_its_files_in_ciscos_order)
{
    static const char *const names[] = {"Jar41.sbn", "cnu41.sbn", "apps41.sbn", "dsp41.sbn",
                                        "zeta.sbn"};
    static const uint64_t sizes[] = {4, 6, 5, 3, 2};

    make_folder();
    struct scenario *s = load_folder();
    remove_folder();
    cr_assert(s != NULL);
    cr_assert_eq(s->firmware[0].files_len, 5);
    for (size_t i = 0; i < 5; i++) {
        cr_assert_str_eq(s->firmware[0].files[i].name, names[i]);
        cr_assert_eq(s->firmware[0].files[i].size, sizes[i]);
    }
    scenario_free(s);
}

/* For a file elsewhere its folder is named from the root on; without such keys nothing changes. */
Test(load, the_text_for_another_folder_names_files_from_the_root_on)
{
    char *text, expected[200], *real;

    make_folder();
    struct scenario *s = load_folder();
    cr_assert(s != NULL);
    text = scenario_text_absolute(s);
    real = realpath(folder, NULL);
    remove_folder();
    cr_assert(text != NULL && real != NULL);
    snprintf(expected, sizeof(expected), "\"directory\":\"%.150s/fw\"", real);
    cr_assert(strstr(text, expected) != NULL, "%s", text);
    free(text);
    text = scenario_text_absolute(s); /* the folder is gone: left as it was written */
    cr_assert_str_eq(text, s->text);
    free(text);
    free(real);
    scenario_free(s);
}

/* Beside other files: as seen from there, whatever the folders above are called. */
Test(load, the_text_beside_other_files_names_files_as_seen_from_there)
{
    static const struct {
        const char *out, *directory, *path;
    } rows[] = {
        {"", "fw", "test.json"},
        {"/fw", ".", "../test.json"},
        {"/results", "../fw", "../test.json"},
        {"/fwx/of/july", "../../../fw", "../../../test.json"},
    };
    char out[256], expected[64], *text;

    make_folder();
    struct scenario *s = load_folder();
    cr_assert(s != NULL);
    snprintf(out, sizeof(out), "%s/results", folder);
    mkdir(out, 0777);
    snprintf(out, sizeof(out), "%s/fwx", folder);
    mkdir(out, 0777);
    snprintf(out, sizeof(out), "%s/fwx/of", folder);
    mkdir(out, 0777);
    snprintf(out, sizeof(out), "%s/fwx/of/july", folder);
    mkdir(out, 0777);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(out, sizeof(out), "%s%s", folder, rows[i].out);
        snprintf(expected, sizeof(expected), "\"directory\":\"%s\"", rows[i].directory);
        text = scenario_text_beside(s->text, s->path, out);
        cr_assert(text != NULL && strstr(text, expected) != NULL, "row %zu: %s", i, text);
        free(text);
        text = scenario_path_beside(s->path, out);
        cr_assert_str_eq(text, rows[i].path, "row %zu", i);
        free(text);
    }
    text = scenario_text_beside(s->text, s->path, "/proc"); /* only the root in common */
    snprintf(expected, sizeof(expected), "\"directory\":\"/");
    cr_assert(strstr(text, expected) != NULL, "%s", text);
    free(text);
    remove_folder();
    text = scenario_text_beside(s->text, s->path, "/proc"); /* it is gone */
    cr_assert_str_eq(text, s->text);
    free(text);
    text = scenario_path_beside(s->path, "/proc");
    cr_assert_str_eq(text, s->path);
    free(text);
    scenario_free(s);
}

Test(load, a_folder_with_index_gives_what_it_names)
{
    static const char *const names[] = {"zeta.sbn", "dsp41.sbn"};
    uint8_t index[4096];
    size_t len = loads_write("L1.loads", names, 2, index, sizeof(index));

    make_folder();
    put_file("L1.loads", index, len);
    struct scenario *s = load_folder();
    remove_folder();
    cr_assert(s != NULL);
    cr_assert_eq(s->firmware[0].files_len, 2);
    cr_assert_str_eq(s->firmware[0].files[0].name, "zeta.sbn");
    cr_assert_str_eq(s->firmware[0].files[1].name, "dsp41.sbn");
    scenario_free(s);
}

Test(load, an_index_that_names_a_file_which_is_not_there_is_an_error)
{
    static const char *const names[] = {"zeta.sbn", "jar41.sbn"}; /* the folder has Jar41 */
    uint8_t index[4096];
    size_t len = loads_write("L1.loads", names, 2, index, sizeof(index));

    make_folder();
    put_file("L1.loads", index, len);
    struct scenario *s = load_folder();
    remove_folder();
    cr_assert(s == NULL);
    cr_assert_eq(errors.len, 1);
    cr_assert(strstr(errors.list[0].expected, "jar41.sbn") != NULL);
    scenario_errors_free(&errors);
}

Test(load, a_folder_with_a_broken_index_is_an_error)
{
    make_folder();
    put_file("L1.loads", "../../etc/passwd\r\n", 18);
    struct scenario *s = load_folder();
    remove_folder();
    cr_assert(s == NULL);
    cr_assert_eq(errors.len, 1);
    scenario_errors_free(&errors);
}

Test(load, the_schema_in_the_program_is_a_scenario_schema)
{
    const char *text = scenario_schema_text();

    cr_assert(strstr(text, "\"title\": \"pfsim scenario\"") != NULL);
    cr_assert_eq(text[strlen(text) - 1], '\n');
}

Test(load, names_of_enums_are_those_of_the_file)
{
    cr_assert_str_eq(scenario_method_name(SCENARIO_LOAD_SERVER), "load-server");
    cr_assert_str_eq(scenario_world_name(SCENARIO_LIVE), "live");
    cr_assert_str_eq(scenario_system_name(SCENARIO_CUCM), "cucm");
}
