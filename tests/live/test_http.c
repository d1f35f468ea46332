/* Goal: whatever a server answers, a fetch ends once, with the right status and a reason that names
 * the cause. Method: a scripted server plays each row's bytes; the row says what must come of it.
 * Then the calls of fetch.h at awkward moments: cancelled inside its own notices, stalled, sent
 * elsewhere. */
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"
#include "tests/live/http_client.h"
#include "tests/live/nginx.h"
#include "tests/live/scripted.h"

#define OK "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK "Transfer-Encoding: chunked\r\n\r\n"

struct row {
    struct test_answer answer;
    uint64_t offset, body_max;
    int status, code;
    uint64_t bytes;     /* result->bytes */
    const char *body;   /* NULL: not looked at */
    const char *reason; /* part of it */
};

static bool body_is(const struct test_get *get, const char *want)
{
    size_t len = strlen(want);

    return get->body_len == len && (len == 0 || memcmp(get->body, want, len) == 0);
}

static void play_rows(const struct row *rows, size_t count)
{
    struct test_answer *answers = calloc(count, sizeof(*answers));
    struct test_server *server;
    struct test_client client;

    for (size_t i = 0; i < count; i++) {
        answers[i] = rows[i].answer;
    }
    server = test_server_start(answers, count, 0);
    test_client_init(&client, NULL);
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        struct test_get get = {.path = row->answer.path,
                               .port = test_server_port(server),
                               .offset = row->offset,
                               .body_max = row->body_max};

        test_get_run(&client, &get);
        cr_assert_eq(get.done, 1, "%s: told %u times", get.path, get.done);
        cr_assert_eq(get.status, row->status, "%s: %s, reason %s", get.path,
                     sim_err_text(get.status), get.reason);
        cr_assert_eq(get.code, row->code, "%s: code %d", get.path, get.code);
        cr_assert_eq(get.bytes, row->bytes, "%s: %llu bytes", get.path,
                     (unsigned long long)get.bytes);
        cr_assert(row->body == NULL || body_is(&get, row->body), "%s: body of %zu bytes", get.path,
                  get.body_len);
        cr_assert((row->status == 0) == (get.reason[0] == '\0'), "%s: reason %s", get.path,
                  get.reason);
        cr_assert(row->reason == NULL || strstr(get.reason, row->reason) != NULL, "%s: reason %s",
                  get.path, get.reason);
        test_get_free(&get);
    }
    test_client_deinit(&client);
    test_server_stop(server);
    free(answers);
}

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

Test(http, takes_a_body_however_it_is_delimited)
{
    static const struct row rows[] = {
        {{.path = "/length", .bytes = OK "Content-Length: 5\r\n\r\nhello", .then = TEST_KEEP},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/empty", .bytes = OK "Content-Length: 0\r\n\r\n", .then = TEST_KEEP},
         .code = 200},
        {{.path = "/to-the-end", .bytes = OK "\r\nhello", .then = TEST_CLOSE},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/old", .bytes = "HTTP/1.0 200 OK\r\n\r\nhello", .then = TEST_CLOSE},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/chunked",
          .bytes = CHUNKED "3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n",
          .then = TEST_KEEP},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/trailer",
          .bytes = CHUNKED "5\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n",
          .then = TEST_KEEP},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/interim",
          .bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nA: b\r\n\r\n" OK
                   "Content-Length: 5\r\n\r\nhello",
          .then = TEST_KEEP},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/beyond",
          .bytes = OK "Content-Length: 5\r\n\r\nhello and more",
          .then = TEST_KEEP},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/after-beyond", .bytes = OK "Content-Length: 5\r\n\r\nhello", .then = TEST_KEEP},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/coded",
          .bytes = OK "Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
          .then = TEST_KEEP},
         .code = 200,
         .bytes = 5,
         .body = "hello"}, /* the file's own bytes: nothing is unpacked */
        {{.path = "/split",
          .bytes = OK "Content-Length: 5\r\n\r\nhello",
          .then = TEST_KEEP,
          .trickle_ms = 1},
         .code = 200,
         .bytes = 5,
         .body = "hello"},
        {{.path = "/at-the-limit", .bytes = OK "Content-Length: 5\r\n\r\nhello", .then = TEST_KEEP},
         .body_max = 5,
         .code = 200,
         .bytes = 5,
         .body = "hello"},
    };

    play_rows(ROWS(rows));
}

Test(http, says_what_was_missing)
{
    static const struct row rows[] = {
        {{.path = "/short",
          .bytes = OK "Content-Length: 2000\r\n\r\n",
          .filler = 1000,
          .then = TEST_CLOSE},
         .status = SIM_ESHORT,
         .code = 200,
         .bytes = 1000,
         .reason = "closed half way: 1000 of 2000 bytes"},
        {{.path = "/chunk-short", .bytes = CHUNKED "5\r\nhel", .then = TEST_CLOSE},
         .status = SIM_ESHORT,
         .code = 200,
         .bytes = 3,
         .reason = "closed half way: 3 bytes"},
        {{.path = "/chunk-no-end", .bytes = CHUNKED "5\r\nhello\r\n", .then = TEST_CLOSE},
         .status = SIM_ESHORT,
         .code = 200,
         .bytes = 5,
         .reason = "closed half way"},
        {{.path = "/no-head-end", .bytes = OK "Content-Le", .then = TEST_CLOSE},
         .status = SIM_ESHORT,
         .code = 200,
         .reason = "closed half way"},
        {{.path = "/silent", .bytes = "", .then = TEST_CLOSE},
         .status = SIM_ECLOSED,
         .code = -1,
         .reason = "before it answered"},
        {{.path = "/reset-at-once", .bytes = "", .then = TEST_RESET},
         .status = SIM_ERESET,
         .code = -1,
         .reason = "connection reset by 127.0.0.1:"},
        {{.path = "/reset-half-way",
          .bytes = OK "Content-Length: 2000\r\n\r\n",
          .filler = 7,
          .then = TEST_RESET,
          .trickle_ms = 1},
         .status = SIM_ERESET,
         .code = 200,
         .bytes = 7,
         .reason = "connection reset: 7 of 2000"},
    };

    play_rows(ROWS(rows));
}

Test(http, maps_what_a_server_says_of_itself)
{
#define CODE(n) "HTTP/1.1 " n " X\r\nContent-Length: 4\r\n\r\nnope"
    static const struct row rows[] = {
        {{.path = "/401", .bytes = CODE("401")},
         .status = SIM_EACCES,
         .code = 401,
         .reason = "HTTP 401 from http"},
        {{.path = "/403", .bytes = CODE("403")},
         .status = SIM_EACCES,
         .code = 403,
         .reason = "HTTP 403"},
        {{.path = "/404", .bytes = CODE("404")},
         .status = SIM_ENOTFOUND,
         .code = 404,
         .body = "",
         .reason = "HTTP 404 from http://127.0.0.1:"},
        {{.path = "/410", .bytes = CODE("410")},
         .status = SIM_ENOTFOUND,
         .code = 410,
         .reason = "HTTP 410"},
        {{.path = "/429", .bytes = CODE("429")},
         .status = SIM_EBUSY,
         .code = 429,
         .reason = "HTTP 429"},
        {{.path = "/503", .bytes = CODE("503")},
         .status = SIM_EBUSY,
         .code = 503,
         .reason = "HTTP 503"},
        {{.path = "/500", .bytes = CODE("500")},
         .status = SIM_ESERVER,
         .code = 500,
         .reason = "HTTP 500"},
        {{.path = "/400", .bytes = CODE("400")},
         .status = SIM_ESERVER,
         .code = 400,
         .reason = "HTTP 400"},
        {{.path = "/304", .bytes = "HTTP/1.1 304 X\r\n\r\n"},
         .status = SIM_EPROTO,
         .code = 304,
         .reason = "HTTP 304"},
        {{.path = "/204", .bytes = "HTTP/1.1 204 X\r\n\r\n"},
         .status = SIM_EPROTO,
         .code = 204,
         .reason = "HTTP 204"},
        {{.path = "/302-nowhere", .bytes = CODE("302")},
         .status = SIM_EPROTO,
         .code = 302,
         .reason = "HTTP 302"},
        {{.path = "/404-short",
          .bytes = "HTTP/1.1 404 X\r\nContent-Length: 900\r\n\r\nno",
          .then = TEST_CLOSE},
         .status = SIM_ENOTFOUND,
         .code = 404,
         .reason = "HTTP 404"},
        {{.path = "/404-huge",
          .bytes = "HTTP/1.1 404 X\r\nContent-Length: 900000\r\n\r\n",
          .filler = 900000},
         .status = SIM_ENOTFOUND,
         .code = 404,
         .body = "",
         .reason = "HTTP 404"},
        {{.path = "/503-huge-small-file",
          .bytes = "HTTP/1.1 503 X\r\nContent-Length: 2000\r\n\r\n",
          .filler = 2000},
         .body_max = 10,
         .status = SIM_EBUSY,
         .code = 503,
         .reason = "HTTP 503"},
    };

    play_rows(ROWS(rows));
}

Test(http, refuses_what_is_not_http)
{
    static const struct row rows[] = {
        {{.path = "/garbage", .bytes = "\x16\x03\x01 what is this\r\n\r\n", .then = TEST_CLOSE},
         .status = SIM_EPROTO,
         .code = -1,
         .body = "",
         .reason = "not HTTP"},
        {{.path = "/nine", .bytes = "<html>old", .then = TEST_CLOSE},
         .status = SIM_EPROTO,
         .code = -1,
         .body = ""},
        {{.path = "/bad-chunk", .bytes = CHUNKED "zz\r\nhello\r\n0\r\n\r\n", .then = TEST_CLOSE},
         .status = SIM_EPROTO,
         .code = 200,
         .body = ""},
        {{.path = "/vast-chunk",
          .bytes = CHUNKED "ffffffffffffffffffff\r\nhello\r\n",
          .then = TEST_CLOSE},
         .status = SIM_EPROTO,
         .code = 200},
        {{.path = "/minus", .bytes = OK "Content-Length: -5\r\n\r\nhello", .then = TEST_CLOSE},
         .status = SIM_EPROTO,
         .code = 200,
         .body = ""},
        {{.path = "/two-words",
          .bytes = OK "Content-Length: five\r\n\r\nhello",
          .then = TEST_CLOSE},
         .status = SIM_EPROTO,
         .code = 200,
         .body = ""},
        {{.path = "/endless-head", .bytes = OK "X: ", .filler = 300000, .then = TEST_CLOSE},
         .status = SIM_EPROTO,
         .code = 200,
         .body = ""},
        {{.path = "/vast-length",
          .bytes = OK "Content-Length: 99999999999999999999999\r\n\r\nhello",
          .then = TEST_CLOSE},

         .status = SIM_EPROTO,
         .code = 200},
    };

    play_rows(ROWS(rows));
}

Test(http, ends_a_head_that_has_too_many_lines)
{
    enum { LINES = 5000 };
    char *bytes = malloc(32 + LINES * 24);
    size_t len = (size_t)sprintf(bytes, OK);
    struct row row = {.status = SIM_EPROTO, .code = 200, .reason = "bytes of header"};

    for (int i = 0; i < LINES; i++) {
        len += (size_t)sprintf(bytes + len, "X-Line-%d: %d\r\n", i, i);
    }
    row.answer = (struct test_answer){.path = "/lines", .bytes = bytes, .then = TEST_CLOSE};
    play_rows(&row, 1);
    free(bytes);
}

Test(http, stops_at_the_limit_of_a_small_file)
{
    static const struct row rows[] = {
        {{.path = "/said", .bytes = OK "Content-Length: 11\r\n\r\n0123456789a"},
         .body_max = 10,
         .status = SIM_ELIMIT,
         .code = 200,
         .body = "",
         .reason = "more than 10"},
        {{.path = "/unsaid", .bytes = OK "\r\n0123456789a", .then = TEST_CLOSE},
         .body_max = 10,
         .status = SIM_ELIMIT,
         .code = 200,
         .bytes = 11,
         .body = "",
         .reason = "more than 10 bytes from http"},
    };

    play_rows(ROWS(rows));
}

Test(http, continues_from_an_offset)
{
#define PART(range, body) "HTTP/1.1 206 X\r\nContent-Range: " range "\r\n" body
    static const struct row rows[] = {
        {{.path = "/part", .bytes = PART("bytes 5-9/10", "Content-Length: 5\r\n\r\nworld")},
         .offset = 5,
         .code = 206,
         .bytes = 5,
         .body = "world"},
        {{.path = "/total-unsaid", .bytes = PART("bytes 5-9/*", "Content-Length: 5\r\n\r\nworld")},
         .offset = 5,
         .code = 206,
         .bytes = 5,
         .body = "world"},
        {{.path = "/whole", .bytes = OK "Content-Length: 10\r\n\r\nhelloworld"},
         .offset = 5,
         .code = 200,
         .bytes = 10,
         .body = "world"},
        {{.path = "/whole-all-old", .bytes = OK "Content-Length: 5\r\n\r\nhello"},
         .offset = 5,
         .code = 200,
         .bytes = 5,
         .body = ""},
        {{.path = "/whole-too-short", .bytes = OK "Content-Length: 4\r\n\r\nhell"},
         .offset = 5,
         .status = SIM_ESHORT,
         .code = 200,
         .bytes = 4,
         .body = ""},
        {{.path = "/from-elsewhere",
          .bytes = PART("bytes 4-9/10", "Content-Length: 6\r\n\r\noworld")},
         .offset = 5,
         .status = SIM_EPROTO,
         .code = 206,
         .body = "",
         .reason = "byte 5"},
        {{.path = "/no-range", .bytes = "HTTP/1.1 206 X\r\nContent-Length: 5\r\n\r\nworld"},
         .offset = 5,
         .status = SIM_EPROTO,
         .code = 206,
         .body = ""},
        {{.path = "/mad-range", .bytes = PART("bytes -5-9/10", "Content-Length: 5\r\n\r\nworld")},
         .offset = 5,
         .status = SIM_EPROTO,
         .code = 206,
         .body = ""},
        {{.path = "/part-of-part", .bytes = PART("bytes 5-7/10", "Content-Length: 3\r\n\r\nwor")},
         .offset = 5,
         .status = SIM_ESHORT,
         .code = 206,
         .bytes = 3,
         .body = "wor",
         .reason = "3 of 5 bytes"},
        {{.path = "/nothing-left",
          .bytes = "HTTP/1.1 416 X\r\nContent-Range: bytes */10\r\nContent-Length: "
                   "0\r\n\r\n"},
         .offset = 10,
         .code = 416,
         .body = ""},
        {{.path = "/shrunk",
          .bytes = "HTTP/1.1 416 X\r\nContent-Range: bytes */9\r\nContent-Length: 0\r\n\r\n"},
         .offset = 10,
         .status = SIM_EPROTO,
         .code = 416,
         .reason = "HTTP 416"},
        {{.path = "/unasked", .bytes = PART("bytes 0-4/10", "Content-Length: 5\r\n\r\nhello")},
         .status = SIM_ESHORT,
         .code = 206,
         .bytes = 5,
         .body = "hello"},
    };

    play_rows(ROWS(rows));
}

Test(http, counts_the_bytes_before_the_offset_as_resent)
{
    static const struct test_answer answers[] = {
        {.path = "/whole", .bytes = OK "Content-Length: 100000\r\n\r\n", .filler = 100000}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.path = "/whole", .port = test_server_port(server), .offset = 77777};
    const struct test_request *requests;

    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, 0, "%s", get.reason);
    cr_assert_eq(get.resent, 77777);
    cr_assert_eq(get.body_len, 100000 - 77777);
    cr_assert_eq(test_server_requests(server, &requests), 1);
    cr_assert(strstr(requests[0].head, "Range: bytes=77777-\r\n") != NULL, "%s", requests[0].head);
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http, asks_as_a_plain_phone_does)
{
    static const struct test_answer answers[] = {
        {.path = "/a%20b",
         .bytes = OK "Set-Cookie: a=b\r\nAlt-Svc: h2=\":1\"\r\nContent-Length: 0\r\n\r\n"}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    const struct test_request *requests;
    size_t len;

    test_client_init(&client, NULL);
    for (int i = 0; i < 2; i++) {
        struct test_get get = {.path = "/a%20b", .port = test_server_port(server)};

        test_get_run(&client, &get);
        cr_assert_eq(get.status, 0, "%s", get.reason);
    }
    len = test_server_requests(server, &requests);
    cr_assert_eq(len, 2);
    for (size_t i = 0; i < len; i++) {
        const char *head = requests[i].head;

        cr_assert_eq(strncmp(head, "GET /a%20b HTTP/1.1\r\n", 21), 0, "%s", head);
        cr_assert(strstr(head, "User-Agent: pfsim-test\r\n") != NULL, "%s", head);
        cr_assert(strstr(head, "Cookie") == NULL, "%s", head);
        cr_assert(strstr(head, "Accept-Encoding") == NULL, "%s", head);
        cr_assert(strstr(head, "Range") == NULL, "%s", head);
        cr_assert(strstr(head, "Authorization") == NULL, "%s", head);
        cr_assert(strstr(head, "Upgrade") == NULL, "%s", head);
    }
    test_client_deinit(&client);
    test_server_stop(server);
}

/* ---- Time ---- */

static const struct live_http_config impatient = {.user_agent = "x", .stall = 300 * SIM_MS};

Test(http, gives_up_when_no_byte_comes_for_so_long)
{
    static const struct test_answer answers[] = {
        {.path = "/never", .bytes = "", .then = TEST_HANG},
        {.path = "/head-only", .bytes = OK "Content-Length: 10\r\n\r\n", .then = TEST_HANG},
        {.path = "/half", .bytes = OK "Content-Length: 10\r\n\r\nhello", .then = TEST_HANG},
        {.path = "/slow", .bytes = OK "Content-Length: 40\r\n\r\n", .filler = 40, .trickle_ms = 10},
    };
    struct test_server *server = test_server_start(ROWS(answers), 0);
    struct test_client client;
    struct test_get gets[4];

    test_client_init(&client, &impatient);
    for (size_t i = 0; i < 4; i++) {
        gets[i] = (struct test_get){.path = answers[i].path, .port = test_server_port(server)};
        test_get_start(&client, &gets[i]);
    }
    test_client_run(&client);
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(gets[i].status, SIM_ESTALLED, "%s: %s", gets[i].path, gets[i].reason);
        cr_assert(strstr(gets[i].reason, "no byte for 300 ms") != NULL, "%s", gets[i].reason);
        cr_assert_geq(gets[i].ended, impatient.stall);
        cr_assert_lt(gets[i].ended, impatient.stall + 5 * SIM_S);
    }
    cr_assert_eq(gets[0].first_byte, SIM_NEVER);
    cr_assert_neq(gets[1].first_byte, SIM_NEVER);
    cr_assert_eq(gets[2].bytes, 5);
    /* 78 bytes, 10 ms each: longer than the limit in all, never between two bytes. */
    cr_assert_eq(gets[3].status, 0, "%s", gets[3].reason);
    cr_assert_gt(gets[3].ended, 2 * impatient.stall);
    for (size_t i = 0; i < 4; i++) {
        test_get_free(&gets[i]);
    }
    test_client_deinit(&client);
    test_server_stop(server);
}

/* A listener that nobody accepts from and whose queue is full answers no more SYN. */
Test(http, tells_no_connection_from_no_answer)
{
    enum { FILL = 4 };
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fill[FILL];
    struct test_client client;
    struct test_get get = {.path = "/"};

    cr_assert_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
    cr_assert_eq(listen(listener, 0), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
    for (int i = 0; i < FILL; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], (struct sockaddr *)&addr, sizeof(addr));
    }
    get.port = ntohs(addr.sin_port);
    test_client_init(&client, &impatient);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_ETIMEDOUT, "%s", get.reason);
    cr_assert(strstr(get.reason, "no connection to 127.0.0.1:") != NULL, "%s", get.reason);
    test_client_deinit(&client);
    for (int i = 0; i < FILL; i++) {
        close(fill[i]);
    }
    close(listener);
}

/* ---- Connections that do not come about ---- */

Test(http, names_who_refused)
{
    struct test_client client;
    struct test_get get = {.path = "/x.loads", .port = test_free_port()};
    char want[64];

    test_client_init(&client, NULL);
    for (int fresh = 0; fresh < 2; fresh++) {
        get.fresh = fresh != 0;
        get.done = 0;
        test_get_run(&client, &get);
        snprintf(want, sizeof(want), "connection refused by 127.0.0.1:%u", (unsigned)get.port);
        cr_assert_eq(get.status, SIM_EREFUSED, "%s", get.reason);
        cr_assert_str_eq(get.reason, want);
        cr_assert_eq(get.code, -1);
    }
    test_client_deinit(&client);
}

Test(http, names_an_address_that_is_not_this_hosts)
{
    struct test_client client;

    test_client_init(&client, NULL);
    for (int fresh = 0; fresh < 2; fresh++) {
        struct test_get get = {.path = "/",
                               .port = test_free_port(),
                               .source = UINT32_C(0xc6336401), /* 198.51.100.1: TEST-NET-2 */
                               .fresh = fresh != 0};

        test_get_run(&client, &get);
        cr_assert_eq(get.status, SIM_EUNREACHABLE, "%d %s", get.status, get.reason);
        cr_assert(strstr(get.reason, "can't send from the phone's address") != NULL, "%s",
                  get.reason);
    }
    test_client_deinit(&client);
}

Test(http, survives_having_no_descriptor)
{
    static const struct test_answer answers[] = {
        {.path = "/", .bytes = OK "Content-Length: 0\r\n\r\n"}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.path = "/", .port = test_server_port(server), .fresh = true};
    struct rlimit old, low;
    int probe;

    test_client_init(&client, NULL);
    test_get_run(&client, &get); /* the multi and its descriptors exist now */
    cr_assert_eq(get.status, 0, "%s", get.reason);
    getrlimit(RLIMIT_NOFILE, &old);
    probe = dup(0);
    close(probe);
    low = old;
    low.rlim_cur = (rlim_t)probe;
    setrlimit(RLIMIT_NOFILE, &low);
    get.done = 0;
    test_get_run(&client, &get);
    setrlimit(RLIMIT_NOFILE, &old);
    cr_assert_eq(get.status, SIM_ELIMIT, "%d %s", get.status, get.reason);
    cr_assert(strstr(get.reason, "no socket") != NULL, "%s", get.reason);
    get.done = 0;
    test_get_run(&client, &get);
    cr_assert_eq(get.status, 0, "%s", get.reason);
    test_client_deinit(&client);
    test_server_stop(server);
}

/* ---- Cancelling, and starting, at awkward moments ---- */

static const struct test_answer calls_answers[] = {
    {.path = "/big", .bytes = OK "Content-Length: 300000\r\n\r\n", .filler = 300000},
    {.path = "/small", .bytes = OK "Content-Length: 5\r\n\r\nhello"},
    {.path = "/hang", .bytes = OK "Content-Length: 10\r\n\r\nhello", .then = TEST_HANG},
};

static void cancel_itself(struct test_get *get)
{
    get->on_body = NULL;
    test_get_cancel(get);
}

static void cancel_other(struct test_get *get)
{
    struct test_get *other = get->context;

    get->on_body = NULL;
    get->on_done = NULL;
    if (other != NULL && other->fetch != NULL) {
        test_get_cancel(other);
    }
}

static void start_other(struct test_get *get)
{
    get->on_body = NULL;
    test_get_start(get->client, get->context);
}

static void cancel_when_over(struct test_get *get)
{
    live_http_cancel(get->fetch); /* has no effect any more */
}

Test(http, may_be_cancelled_from_inside_its_own_body)
{
    struct test_server *server = test_server_start(ROWS(calls_answers), 0);
    struct test_client client;
    struct test_get get = {
        .path = "/big", .port = test_server_port(server), .on_body = cancel_itself};
    struct test_get next = {.path = "/small", .port = test_server_port(server)};

    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.done, 0, "told although cancelled");
    cr_assert_leq(get.body_len, 100000, "bytes after the cancellation");
    test_get_run(&client, &next);
    cr_assert_eq(next.status, 0, "%s", next.reason);
    test_get_free(&get);
    test_get_free(&next);
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http, may_be_cancelled_from_inside_anothers_notices)
{
    struct test_server *server = test_server_start(ROWS(calls_answers), 0);
    struct test_client client;

    test_client_init(&client, NULL);
    for (int when = 0; when < 2; when++) {
        struct test_get other = {.path = "/hang", .port = test_server_port(server)};
        struct test_get get = {.path = "/big",
                               .port = test_server_port(server),
                               .source = TEST_PHONE + (when == 0 ? 0 : 1),
                               .context = &other};

        *(when == 0 ? &get.on_body : &get.on_done) = cancel_other;
        test_get_start(&client, &other);
        test_get_start(&client, &get);
        test_client_run(&client);
        cr_assert_eq(other.done, 0);
        cr_assert_eq(get.done, 1);
        cr_assert_eq(get.status, 0, "%s", get.reason);
        test_get_free(&get);
        test_get_free(&other);
    }
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http, may_be_cancelled_before_it_began_and_when_it_is_over)
{
    struct test_server *server = test_server_start(ROWS(calls_answers), 0);
    struct test_client client;
    struct test_get early[3];
    struct test_get late = {
        .path = "/small", .port = test_server_port(server), .on_done = cancel_when_over};
    const struct test_request *requests;

    test_client_init(&client, NULL);
    for (size_t i = 0; i < 3; i++) {
        early[i] = (struct test_get){.path = "/small", .port = test_server_port(server)};
        test_get_start(&client, &early[i]);
    }
    test_get_start(&client, &late);
    test_get_cancel(&early[1]); /* the middle, the first, the last of those waiting */
    test_get_cancel(&early[0]);
    test_get_cancel(&early[2]);
    test_client_run(&client);
    cr_assert_eq(late.done, 1);
    cr_assert_eq(late.status, 0, "%s", late.reason);
    cr_assert_eq(test_server_requests(server, &requests), 1, "a cancelled request was sent");
    test_get_free(&late);
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http, may_start_another_from_inside_its_notices)
{
    struct test_server *server = test_server_start(ROWS(calls_answers), 0);
    struct test_client client;

    test_client_init(&client, NULL);
    for (int when = 0; when < 2; when++) {
        struct test_get other = {.path = "/small", .port = test_server_port(server)};
        struct test_get get = {.path = "/big", .port = test_server_port(server), .context = &other};

        *(when == 0 ? &get.on_body : &get.on_done) = start_other;
        test_get_run(&client, &get);
        cr_assert_eq(get.status, 0, "%s", get.reason);
        cr_assert_eq(other.status, 0, "%s", other.reason);
        cr_assert_eq(other.done, 1);
        test_get_free(&get);
        test_get_free(&other);
    }
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http, tells_nothing_from_inside_the_start)
{
    struct test_server *server = test_server_start(ROWS(calls_answers), 0);
    struct test_client client;
    struct test_get gets[2] = {{.path = "/small", .port = test_server_port(server)},
                               {.path = "/", .port = test_free_port()}};

    test_client_init(&client, NULL);
    for (size_t i = 0; i < 2; i++) {
        test_get_start(&client, &gets[i]);
        cr_assert_eq(gets[i].done, 0);
    }
    test_client_run(&client);
    cr_assert_eq(gets[0].done + gets[1].done, 2);
    test_get_free(&gets[0]);
    test_client_deinit(&client);
    test_server_stop(server);
}

Test(http, ends_with_what_the_owner_says_of_the_bytes)
{
    struct test_server *server = test_server_start(ROWS(calls_answers), 0);
    struct test_client client;
    struct test_get get = {
        .path = "/big", .port = test_server_port(server), .body_answer = SIM_ENOSPC};

    test_client_init(&client, NULL);
    test_get_run(&client, &get);
    cr_assert_eq(get.status, SIM_ENOSPC);
    cr_assert(strstr(get.reason, "no space left after") != NULL, "%s", get.reason);
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(server);
}
