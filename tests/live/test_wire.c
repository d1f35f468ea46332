/* Goal: who listens hears what really went over a phone's connections: the server's own bytes, with
 * their sizes and ports, how each connection ended, and no login. Method: a scripted server plays
 * answers and remembers requests; both are held against what was told. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"
#include "tests/live/http_client.h"
#include "tests/live/scripted.h"

#define OK "HTTP/1.1 200 OK\r\n"

struct heard {
    unsigned opened, ended;
    uint64_t connection;
    enum sim_wire_end end;
    uint16_t port;
    sim_time last;
    char up[4096], down[4096]; /* what was told, in order */
    size_t up_len, down_len;
    uint64_t bytes; /* of the server, also those that were not kept */
};

static void hear(void *context, unsigned lane, const struct sim_wire_event *e)
{
    struct heard *h = context;

    cr_assert_eq(lane, 7u);
    cr_assert_eq(e->phone, TEST_PHONE);
    cr_assert_neq(e->phone_port, 0);
    cr_assert_eq(e->other, 0u, "somebody else than the server");
    if (e->kind == SIM_WIRE_OPEN) {
        h->opened++;
        h->connection = e->connection;
        h->port = e->phone_port;
        return;
    }
    cr_assert_geq(e->at, h->last);
    h->last = e->at;
    cr_assert_eq(e->connection, h->connection, "told before it was opened");
    cr_assert_eq(e->phone_port, h->port);
    if (e->kind == SIM_WIRE_CLOSE) {
        h->ended++;
        h->end = e->end;
        return;
    }
    char *to = e->up ? h->up : h->down;
    size_t *len = e->up ? &h->up_len : &h->down_len;
    size_t kept = e->bytes_len < sizeof(h->up) - *len ? e->bytes_len : sizeof(h->up) - *len;
    memcpy(to + *len, e->bytes, kept);
    *len += kept;
    h->bytes += e->up ? 0 : e->len;
}

/* Asks for each path in turn, over connections of one phone. */
static void ask(struct heard *h, const struct test_answer *answers, size_t count,
                const char *credentials, struct test_server **server)
{
    const struct live_http_config config = {.user_agent = "wired",
                                            .stall = 5 * SIM_S,
                                            .credentials = credentials,
                                            .wire = {hear, h},
                                            .lane = 7};
    struct test_client client;

    memset(h, 0, sizeof(*h));
    *server = test_server_start(answers, count, 0);
    test_client_init(&client, &config);
    for (size_t i = 0; i < count; i++) {
        struct test_get get = {.path = answers[i].path, .port = test_server_port(*server)};
        test_get_run(&client, &get);
        test_get_free(&get);
    }
    test_client_deinit(&client);
}

Test(wire, tells_the_bytes_of_both_sides)
{
    static const struct test_answer answers[] = {
        {.path = "/a", .bytes = OK "Content-Length: 5\r\n\r\nhello", .then = TEST_KEEP},
        {.path = "/chunks",
         .bytes = OK "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
         .then = TEST_KEEP},
        {.path = "/none", .bytes = "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno", TEST_KEEP},
    };
    const struct test_request *requests;
    struct test_server *server;
    char all[4096] = "";
    struct heard h;

    ask(&h, answers, 3, NULL, &server);
    cr_assert_eq(h.opened, 1u);
    cr_assert_eq(h.ended, 1u);
    cr_assert_eq(h.end, SIM_WIRE_END_PHONE);
    for (size_t i = 0; i < 3; i++) {
        strcat(all, answers[i].bytes);
    }
    cr_assert_eq(h.down_len, strlen(all), "%zu of %zu bytes", h.down_len, strlen(all));
    cr_assert_arr_eq(h.down, all, h.down_len);
    cr_assert_eq(test_server_requests(server, &requests), 3u);
    all[0] = '\0';
    for (size_t i = 0; i < 3; i++) {
        strcat(all, requests[i].head);
    }
    cr_assert_eq(h.up_len, strlen(all), "%.*s and %s", (int)h.up_len, h.up, all);
    cr_assert_arr_eq(h.up, all, h.up_len);
    test_server_stop(server);
}

Test(wire, tells_how_a_connection_ended)
{
    static const struct {
        struct test_answer answer;
        enum sim_wire_end end;
    } rows[] = {
        {{.path = "/kept", .bytes = OK "Content-Length: 2\r\n\r\nhi", .then = TEST_KEEP},
         SIM_WIRE_END_PHONE},
        {{.path = "/closed", .bytes = OK "\r\nhello", .then = TEST_FINISH}, SIM_WIRE_END_SERVER},
        {{.path = "/reset", .bytes = OK "Content-Length: 9\r\n\r\nhello", .then = TEST_RESET},
         SIM_WIRE_END_SERVER_RESET},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct test_server *server;
        struct heard h;

        ask(&h, &rows[i].answer, 1, NULL, &server);
        cr_assert_eq(h.opened, 1u, "%s", rows[i].answer.path);
        cr_assert_eq(h.ended, 1u, "%s: told %u times", rows[i].answer.path, h.ended);
        cr_assert_eq(h.end, rows[i].end, "%s: end %d", rows[i].answer.path, (int)h.end);
        test_server_stop(server);
    }
}

Test(wire, tells_of_a_server_that_refuses)
{
    static const struct test_answer answer = {.path = "/", .bytes = OK "\r\n"};
    struct test_server *server = test_server_start(&answer, 1, 0);
    struct heard h = {.opened = 0};
    const struct live_http_config config = {
        .user_agent = "wired", .stall = 5 * SIM_S, .wire = {hear, &h}, .lane = 7};
    struct test_get get = {.path = "/", .port = test_server_port(server)};
    struct test_client client;

    test_server_stop(server);
    test_client_init(&client, &config);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_EREFUSED, "%s", get.reason);
    test_get_free(&get);
    test_client_deinit(&client);
    cr_assert_eq(h.opened, 1u);
    cr_assert_eq(h.ended, 1u);
    cr_assert_eq(h.end, SIM_WIRE_END_SERVER_RESET);
    cr_assert_eq(h.up_len, 0u);
}

Test(wire, blots_logins_out_and_keeps_their_length)
{
    static const struct test_answer answers[] = {
        {.path = "/a",
         .bytes = "HTTP/1.1 401 Who\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: "
                  "0\r\n\r\n",
         .then = TEST_KEEP},
    };
    const struct test_request *requests;
    struct test_server *server;
    struct heard h;

    ask(&h, answers, 1, "phone:s3cret", &server);
    size_t count = test_server_requests(server, &requests), len = 0;
    bool logged_in = false;
    for (size_t i = 0; i < count; i++) {
        len += strlen(requests[i].head);
        logged_in |= strstr(requests[i].head, "Authorization: Basic cGhvbmU6czNjcmV0") != NULL;
    }
    cr_assert(logged_in, "the server saw no login");
    cr_assert_eq(h.up_len, len);
    h.up[h.up_len] = '\0';
    cr_assert_not_null(strstr(h.up, "Authorization: Basic ****************\r\n"), "%s", h.up);
    cr_assert_null(strstr(h.up, "cGhvbmU6"));
    test_server_stop(server);
}
