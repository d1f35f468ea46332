/* Goal: a request goes where it should and nowhere else: through the line, after redirects, with a
 * login, past proxies. Method: scripted servers that remember what they heard; the emulated line is
 * a second server's port under another name. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "tests/live/http_client.h"
#include "tests/live/nginx.h"
#include "tests/live/scripted.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

enum { TEXT = 512 };

static const char *redirect(char *out, const char *to)
{
    snprintf(out, TEXT, "HTTP/1.1 302 X\r\nLocation: %s\r\nContent-Length: 3\r\n\r\nbye", to);
    return out;
}

/* ---- The line ---- */

Test(http_route, keeps_url_and_host_when_the_connection_goes_elsewhere)
{
    static const struct test_answer answers[] = {{.path = "/f/x.loads", .bytes = OK}};
    struct test_server *line = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.url = "http://firmware.test:6970/f/x.loads",
                           .port = test_server_port(line)};
    struct test_get missing = {.url = "http://firmware.test:6970/none",
                               .port = test_server_port(line)};
    const struct test_request *requests;

    test_client_init(&client, NULL);
    for (int fresh = 0; fresh < 2; fresh++) {
        get.fresh = fresh != 0;
        get.done = 0;
        test_get_run(&client, &get);
        cr_assert_eq(get.status, 0, "%s", get.reason);
    }
    test_get_run(&client, &missing);
    cr_assert_eq(test_server_requests(line, &requests), 3);
    for (int i = 0; i < 3; i++) {
        cr_assert(strstr(requests[i].head, "\r\nHost: firmware.test:6970\r\n") != NULL, "%s",
                  requests[i].head);
        cr_assert_eq(requests[i].from, TEST_PHONE);
    }
    cr_assert_str_eq(missing.reason, "HTTP 404 from http://firmware.test:6970/none");
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(line);
}

Test(http_route, names_the_server_not_the_line_that_refused)
{
    struct test_client client;
    struct test_get get = {.url = "http://192.0.2.7:6970/x", .port = test_free_port()};

    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_EREFUSED);
    cr_assert_str_eq(get.reason, "connection refused by 192.0.2.7:6970");
    test_client_deinit(&client);
}

Test(http_route, follows_a_redirect_to_the_server_through_the_line)
{
    char text[TEXT];
    struct test_answer answers[] = {
        {.path = "/go", .bytes = redirect(text, "http://Firmware.TEST:6970/f/x.loads")},
        {.path = "/f/x.loads", .bytes = OK}};
    struct test_server *line = test_server_start(answers, 2, 0);
    struct test_client client;
    struct test_get get = {.url = "http://firmware.test:6970/go", .port = test_server_port(line)};

    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, 0, "%s", get.reason);
    cr_assert_eq(get.body_len, 5);
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(line);
}

/* ---- Redirects ---- */

struct place_row {
    const char *to;
    int status;
    const char *reason;
};

Test(http_route, follows_redirects_to_the_server_itself)
{
    char text[3][TEXT], absolute[64];
    struct test_answer answers[] = {
        {.path = "/relative", .bytes = redirect(text[0], "/file")},
        {.path = "/twice", .bytes = redirect(text[1], "relative")},
        {.path = "/file", .bytes = OK},
        {.path = "/absolute"},
    };
    struct test_server *server = test_server_start(answers, 4, 0);
    struct test_client client;

    /* Set before anybody asks: the port is known only now. */
    snprintf(absolute, sizeof(absolute), "http://127.0.0.1:%u/file",
             (unsigned)test_server_port(server));
    answers[3].bytes = redirect(text[2], absolute);
    test_client_init(&client, NULL);
    for (size_t i = 0; i < 4; i++) {
        struct test_get get = {.path = answers[i].path, .port = test_server_port(server)};

        test_get_run(&client, &get);
        cr_assert_eq(get.status, 0, "%s: %s", get.path, get.reason);
        cr_assert_eq(get.body_len, 5, "%s: the redirect's own body got in", get.path);
        cr_assert_eq(get.bytes, 5);
        test_get_free(&get);
    }
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http_route, refuses_redirects_to_strangers)
{
    static const struct place_row rows[] = {
        {"http://198.51.100.1/file", SIM_EACCES, "redirected to http://198.51.100.1/file"},
        {"http://stranger.test/file", SIM_EACCES, "not the server"},
        {"https://8.8.8.8:6971/", SIM_EACCES, "redirected to https://8.8.8.8:6971/"},
        {"http://[2001:db8::1]/file", SIM_EACCES, "redirected to"},
        {"file:///etc/passwd", SIM_EPROTO, "no HTTP or HTTPS"},
        {"ftp://127.0.0.1/file", SIM_EPROTO, "no HTTP or HTTPS"},
        {"http://127.0.0.1@198.51.100.1/x", SIM_EACCES, "redirected to http://198.51.100.1/x"},
        {"http://user:secret@8.8.4.4/x", SIM_EACCES, "redirected to http://8.8.4.4/x"},
    };
    enum { ROWS = sizeof(rows) / sizeof(rows[0]) };
    char text[ROWS][TEXT], path[ROWS][16];
    struct test_answer answers[ROWS] = {{0}};
    struct test_server *server;
    struct test_client client;
    const struct test_request *requests;

    for (size_t i = 0; i < ROWS; i++) {
        snprintf(path[i], sizeof(path[i]), "/%zu", i);
        answers[i] = (struct test_answer){.path = path[i], .bytes = redirect(text[i], rows[i].to)};
    }
    server = test_server_start(answers, ROWS, 0);
    test_client_init(&client, NULL);
    for (size_t i = 0; i < ROWS; i++) {
        struct test_get get = {.path = path[i], .port = test_server_port(server)};

        test_get_run(&client, &get);
        cr_assert_eq(get.status, rows[i].status, "%s: %s %s", rows[i].to, sim_err_text(get.status),
                     get.reason);
        cr_assert(strstr(get.reason, rows[i].reason) != NULL, "%s: %s", rows[i].to, get.reason);
        cr_assert(strstr(get.reason, "secret") == NULL, "%s", get.reason);
        cr_assert_eq(get.body_len, 0);
    }
    cr_assert_eq(test_server_requests(server, &requests), (size_t)ROWS);
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http_route, ends_a_loop_of_redirects)
{
    char text[2][TEXT];
    struct test_answer answers[] = {{.path = "/a", .bytes = redirect(text[0], "/b")},
                                    {.path = "/b", .bytes = redirect(text[1], "/a")}};
    struct test_server *server = test_server_start(answers, 2, 0);
    struct test_client client;
    struct test_get get = {.path = "/a", .port = test_server_port(server)};
    const struct test_request *requests;

    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_EPROTO);
    cr_assert(strstr(get.reason, "redirected more than 5 times") != NULL, "%s", get.reason);
    cr_assert_eq(test_server_requests(server, &requests), 6);
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http_route, follows_a_redirect_elsewhere_only_without_a_line)
{
    static const struct test_answer there[] = {{.path = "/file", .bytes = OK}};
    char text[TEXT], to[64];
    struct test_server *other = test_server_start(there, 1, 0);
    struct test_answer here = {.path = "/go", .bytes = text};
    struct test_server *server;
    struct test_client client;
    struct test_get direct = {.path = "/go"}, lined = {.url = "http://firmware.test:80/go"};

    snprintf(to, sizeof(to), "http://127.0.0.1:%u/file", (unsigned)test_server_port(other));
    redirect(text, to);
    server = test_server_start(&here, 1, 0);
    direct.port = lined.port = test_server_port(server);
    test_client_init(&client, NULL);
    test_get_run(&client, &direct);
    cr_assert_eq(direct.status, 0, "%s", direct.reason);
    test_get_run(&client, &lined);
    cr_assert_eq(lined.status, SIM_EUNSUPPORTED, "%s", lined.reason);
    cr_assert(strstr(lined.reason, "the emulated line leads to firmware.test:80 only") != NULL,
              "%s", lined.reason);
    cr_assert_eq(test_server_connections(other), 1);
    test_get_free(&direct);
    test_client_deinit(&client);
    test_server_stop(server);
    test_server_stop(other);
}

/* ---- Logins ---- */

static const struct live_http_config with_login = {
    .user_agent = "x", .stall = 5 * SIM_S, .credentials = "phone:s3cret"};

#define WANTS                                                                                      \
    "HTTP/1.1 401 X\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 3\r\n\r\nno!"
#define BASIC "Authorization: Basic cGhvbmU6czNjcmV0\r\n"

Test(http_route, logs_in_when_asked_and_fails_when_refused)
{
    static const struct test_answer answers[] = {{.path = "/x", .bytes = WANTS}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.path = "/x", .port = test_server_port(server)};
    const struct test_request *requests;

    test_client_init(&client, &with_login);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_EACCES, "%s", get.reason);
    cr_assert(strstr(get.reason, "s3cret") == NULL, "%s", get.reason);
    cr_assert_eq(get.body_len, 0);
    cr_assert_eq(test_server_requests(server, &requests), 2);
    cr_assert(strstr(requests[1].head, BASIC) != NULL, "%s", requests[1].head);
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http_route, takes_its_login_nowhere_else)
{
    static const struct test_answer there[] = {{.path = "/file", .bytes = WANTS},
                                               {.path = "/own", .bytes = WANTS}};
    char text[TEXT], to[64];
    struct test_server *other = test_server_start(there, 2, 0);
    struct test_answer here[] = {{.path = "/go", .bytes = text}, {.path = "/own", .bytes = WANTS}};
    struct test_server *server;
    struct test_client client;
    struct test_get away = {.path = "/go"}, back = {.path = "/own"};
    const struct test_request *requests;
    size_t len;

    snprintf(to, sizeof(to), "http://127.0.0.1:%u/file", (unsigned)test_server_port(other));
    redirect(text, to);
    server = test_server_start(here, 2, 0);
    away.port = back.port = test_server_port(server);
    test_client_init(&client, &with_login);
    test_get_run(&client, &away);
    cr_assert_eq(away.status, SIM_EACCES, "%s", away.reason);
    len = test_server_requests(other, &requests);
    cr_assert_geq(len, 1);
    for (size_t i = 0; i < len; i++) {
        cr_assert(strstr(requests[i].head, "Authorization") == NULL, "%s", requests[i].head);
    }
    /* The handle that was stripped of it serves the next request with it again. */
    test_get_run(&client, &back);
    len = test_server_requests(server, &requests);
    cr_assert(strstr(requests[len - 1].head, BASIC) != NULL, "%s", requests[len - 1].head);
    test_client_deinit(&client);
    test_server_stop(server);
    test_server_stop(other);
}

Test(http_route, shows_no_login_that_is_in_the_url)
{
    struct test_client client;
    char url[64];
    uint16_t port = test_free_port();
    struct test_get get = {.url = url, .port = port};

    snprintf(url, sizeof(url), "http://me:s3cret@127.0.0.1:%u/x", (unsigned)port);
    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_EREFUSED);
    cr_assert(strstr(get.reason, "s3cret") == NULL, "%s", get.reason);
    test_client_deinit(&client);
}

/* ---- The environment ---- */

Test(http_route, ignores_proxies_of_the_environment)
{
    static const char *const names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                        "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_server *proxy = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.path = "/x", .port = test_server_port(server)};
    char value[64];

    snprintf(value, sizeof(value), "http://127.0.0.1:%u", (unsigned)test_server_port(proxy));
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        setenv(names[i], value, 1);
    }
    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, 0, "%s", get.reason);
    cr_assert_eq(test_server_connections(proxy), 0);
    cr_assert_eq(test_server_connections(server), 1);
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(server);
    test_server_stop(proxy);
}
