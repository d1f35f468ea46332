/* Goal: a run says where its own servers listen, and for which well-known ports they stand. Method:
 * runs that are made but not started; the kernel's ports. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "scenarios/build.h"
#include "tests/peer_port.h"

static void ignore(void *context, unsigned lane, const struct sim_record *record)
{
    (void)context, (void)lane, (void)record;
}

static void ask(const char *server, enum scenario_method method,
                char out[SCENARIO_SERVERS_TEXT_MAX])
{
    char text[1024], why[SCENARIO_WHY_MAX];
    struct scenario_errors errors;
    struct scenario *s = NULL;
    struct scenario_run *run;
    struct scenario_run_options options = {
        .world = SCENARIO_LIVE, .method = method, .seed = 1, .trace = {.write = ignore}};
    int len = snprintf(text, sizeof(text),
                       "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"L\",\"files\":["
                       "{\"name\":\"a\",\"size\":\"1 kB\"}]}],\"server\":%s,\"sites\":[{\"name\":"
                       "\"s\",\"phones\":[{\"model\":\"A\",\"count\":1}]}],\"pfs\":{\"port\":%u}}",
                       server, test_peer_port());
    scenario_load_text("t.json", text, (size_t)len, NULL, 0, &s, &errors);
    scenario_errors_free(&errors);
    cr_assert_not_null(s);
    cr_assert_eq(scenario_run_new(&run, s, &options, why), 0, "%s", why);
    scenario_run_servers(run, out);
    scenario_run_free(run);
    scenario_free(s);
}

Test(build, says_where_its_servers_listen_and_for_which_ports)
{
    char text[SCENARIO_SERVERS_TEXT_MAX];
    unsigned http, https, tftp, load[3];
    ask("{\"protocol\":[\"http\",\"https\",\"tftp\"]}", SCENARIO_LOAD_SERVER, text);
    cr_assert_eq(sscanf(text,
                        "server at 127.0.0.1: HTTP on port %u (for 6970), HTTPS on port %u (for "
                        "6971), TFTP on port %u (for 69)\nload server at 127.0.0.1: HTTP on port "
                        "%u (for 6970), HTTPS on port %u (for 6971), TFTP on port %u (for 69)\n",
                        &http, &https, &tftp, &load[0], &load[1], &load[2]),
                 6, "%s", text);
    cr_assert(http != https && http != load[0] && https != load[1] && tftp != load[2]);
}

Test(build, names_only_the_protocols_that_are_served)
{
    char text[SCENARIO_SERVERS_TEXT_MAX];
    ask("{\"protocol\":\"tftp\"}", SCENARIO_PFS, text);
    cr_assert(strstr(text, "TFTP on port") != NULL && strstr(text, "HTTP") == NULL, "%s", text);
    cr_assert_null(strstr(text, "load server"));
}
