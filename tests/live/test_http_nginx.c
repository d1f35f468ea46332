/* Goal: what a real server gives arrives intact, over HTTP and HTTPS, and a certificate that is not
 * right is refused with the reason. Method: nginx with docker/nginx.conf and a certificate of its
 * own. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "tests/live/http_client.h"
#include "tests/live/nginx.h"
#include "tests/live/scripted.h"

enum { BIG = 3000000 };

static struct test_nginx nginx;

static void start_nginx(void)
{
    static const struct test_nginx_file files[] = {{"small", 10}, {"big", BIG}, {"empty", 0}};

    cr_assert_eq(test_nginx_start(&nginx, files, 3), 0, "nginx did not start");
}

static void stop_nginx(void)
{
    test_nginx_stop(&nginx);
}

static struct live_http_config config_of(const char *ca_file, bool verify)
{
    return (struct live_http_config){
        .ca_file = ca_file, .verify = verify, .user_agent = "pfsim-test", .stall = 5 * SIM_S};
}

static void check_bytes(const struct test_get *get, uint64_t offset, uint64_t size)
{
    cr_assert_eq(get->status, 0, "%s", get->reason);
    cr_assert_eq(get->body_len, size - offset);
    for (size_t i = 0; i < get->body_len; i++) {
        cr_assert_eq(get->body[i], test_nginx_byte((size_t)offset + i), "byte %zu", i);
    }
}

Test(http_nginx, gives_files_whole_and_from_an_offset, .init = start_nginx, .fini = stop_nginx)
{
    static const uint64_t offsets[] = {0, 1, 1000, BIG - 1, BIG};
    struct live_http_config config = config_of(nginx.ca_file, true);
    struct test_client client;

    test_client_init(&client, &config);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        for (int https = 0; https < 2; https++) {
            struct test_get get = {.path = "/big",
                                   .port = https ? nginx.https_port : nginx.http_port,
                                   .https = https != 0,
                                   .offset = offsets[i]};

            test_get_run(&client, &get);
            check_bytes(&get, offsets[i], BIG);
            cr_assert_eq(get.resent, 0);
            cr_assert_neq(get.first_byte, SIM_NEVER);
            test_get_free(&get);
        }
    }
    test_client_deinit(&client);
}

Test(http_nginx, tells_small_empty_missing_and_forbidden_apart, .init = start_nginx,
     .fini = stop_nginx)
{
    struct test_client client;
    struct test_get get = {.path = "/small", .port = nginx.http_port, .body_max = 10};

    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    check_bytes(&get, 0, 10);
    test_get_free(&get);
    get = (struct test_get){.path = "/big", .port = nginx.http_port, .body_max = 10};
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_ELIMIT, "%s", get.reason);
    get = (struct test_get){.path = "/empty", .port = nginx.http_port};
    test_get_run(&client, &get);
    check_bytes(&get, 0, 0);
    get = (struct test_get){.path = "/none", .port = nginx.http_port};
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_ENOTFOUND, "%s", get.reason);
    get = (struct test_get){.path = "/", .port = nginx.http_port};
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_EACCES, "%s", get.reason);
    test_client_deinit(&client);
}

/* ---- Certificates ---- */

struct tls_row {
    const char *name;
    bool verify, ours; /* the store holds the server's certificate */
    const char *host;
    int status;
    const char *reason;
};

Test(http_nginx, is_trusted_only_by_a_certificate_of_that_name, .init = start_nginx,
     .fini = stop_nginx)
{
    static const struct tls_row rows[] = {
        {"by address", true, true, "127.0.0.1", 0, NULL},
        {"by name", true, true, "phones.test", 0, NULL},
        {"unknown issuer", true, false, "127.0.0.1", SIM_ETLS, "self-signed certificate"},
        {"other address", true, true, "127.0.0.2", SIM_ETLS, "127.0.0.2"},
        {"other name", true, true, "else.test", SIM_ETLS, "else.test"},
        {"not asked for", false, false, "else.test", 0, NULL},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct live_http_config config =
            config_of(rows[i].ours ? nginx.ca_file : NULL, rows[i].verify);
        struct test_client client;
        char url[96];
        struct test_get get = {.url = url, .port = nginx.https_port, .https = true};

        snprintf(url, sizeof(url), "https://%s:%u/small", rows[i].host, (unsigned)nginx.https_port);
        test_client_init(&client, &config);
        test_get_run(&client, &get);
        cr_assert_eq(get.status, rows[i].status, "%s: %s", rows[i].name, get.reason);
        cr_assert(rows[i].reason == NULL || strstr(get.reason, rows[i].reason) != NULL, "%s: %s",
                  rows[i].name, get.reason);
        test_get_free(&get);
        test_client_deinit(&client);
    }
}

Test(http_nginx, says_when_there_is_no_certificate_file)
{
    struct live_http_config config = config_of("/nonexistent/ca.pem", true);
    struct live_loop *loop;
    struct live_http *http = NULL;

    cr_assert_eq(live_loop_new(&loop, live_loop_monotonic()), 0);
    cr_assert_eq(live_http_new(&http, loop, &config), SIM_ENOTFOUND);
    cr_assert_null(http);
    live_loop_free(loop);
}

Test(http_nginx, does_not_speak_tls_with_what_is_none)
{
    static const struct test_answer answers[] = {{.path = "/", .bytes = "HTTP/1.1 200 OK\r\n\r\n"}};
    struct test_server *plain = test_server_start(answers, 1, 0);
    struct live_http_config config = config_of(NULL, false);
    struct test_client client;
    struct test_get get = {.path = "/", .https = true};

    start_nginx();
    test_client_init(&client, &config);
    get.port = nginx.http_port; /* answers the handshake with HTTP 400 */
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_ETLS, "%d %s", get.status, get.reason);
    cr_assert(strncmp(get.reason, "TLS refused: ", 13) == 0, "%s", get.reason);
    test_client_deinit(&client);
    stop_nginx();
    test_server_stop(plain);
}

/* SIGPIPE would end the process: with CURLOPT_NOSIGNAL nobody else keeps it off. */
Test(http_nginx, may_go_away_without_ending_the_process, .init = start_nginx, .fini = stop_nginx)
{
    struct live_http_config config = config_of(NULL, false);
    struct test_client client;
    struct sigaction now;
    struct test_get get = {.path = "/small", .port = nginx.https_port, .https = true};

    test_client_init(&client, &config);
    cr_assert_eq(sigaction(SIGPIPE, NULL, &now), 0);
    cr_assert_eq(now.sa_handler, SIG_IGN);
    test_get_run(&client, &get); /* leaves an open connection, whose end is written into */
    cr_assert_eq(get.status, 0, "%s", get.reason);
    test_get_free(&get);
    stop_nginx();
    get.done = 0;
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_EREFUSED, "%s", get.reason);
    test_client_deinit(&client);
}

Test(http_nginx, keeps_a_tls_connection_per_phone, .init = start_nginx, .fini = stop_nginx)
{
    struct live_http_config config = config_of(nginx.ca_file, true);
    struct test_client client;

    test_client_init(&client, &config);
    for (int i = 0; i < 6; i++) {
        struct test_get get = {.path = "/small",
                               .port = nginx.https_port,
                               .https = true,
                               .source = TEST_PHONE + (sim_addr)(i % 2)};

        test_get_run(&client, &get);
        check_bytes(&get, 0, 10);
        test_get_free(&get);
    }
    test_client_deinit(&client);
}
