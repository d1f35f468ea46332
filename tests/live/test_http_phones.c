/* Goal: thousands of phones are thousands of clients: each with its own address and connection,
 * none slowed by the others. Method: a scripted server counts who came over which connection;
 * ratios of two runs in one process hold the costs that grow with phones, certificates and timers;
 * calls that must not happen are replaced and counted. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <ifaddrs.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "sim/err.h"
#include "tests/live/http_client.h"
#include "tests/live/nginx.h"
#include "tests/live/scripted.h"

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"

/* ---- Calls that must not happen, replaced for libcurl too ---- */

static unsigned calls_getifaddrs, calls_getaddrinfo;

int getifaddrs(struct ifaddrs **out)
{
    calls_getifaddrs++;
    *out = NULL;
    return 0;
}

void freeifaddrs(struct ifaddrs *list)
{
    (void)list;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **out)
{
    (void)node;
    (void)service;
    (void)hints;
    (void)out;
    calls_getaddrinfo++;
    return EAI_FAIL;
}

Test(http_phones, looks_up_neither_network_cards_nor_names)
{
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.url = "http://firmware.test:6970/x", .port = test_server_port(server)};

    test_client_init(&client, NULL);
    for (int i = 0; i < 4; i++) {
        get.done = 0;
        get.fresh = i % 2 != 0;
        test_get_run(&client, &get);
        cr_assert_eq(get.status, 0, "%s", get.reason);
    }
    cr_assert_eq(calls_getifaddrs, 0, "getifaddrs() for a connection");
    cr_assert_eq(calls_getaddrinfo, 0, "a name was looked up");
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(server);
}

/* ---- Whose connection ---- */

enum { PHONES = 130, ROUNDS = 3 }; /* more than two multis' share */

/* `at_once`: all phones of a round together, else one after another, so that one handle serves all.
 */
static void run_rounds(struct test_client *client, struct test_server *server, bool fresh,
                       bool at_once)
{
    struct test_get *gets = calloc(PHONES, sizeof(*gets));

    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < PHONES; i++) {
            free(gets[i].body);
            gets[i] = (struct test_get){.path = "/x",
                                        .port = test_server_port(server),
                                        .source = (sim_addr)(TEST_PHONE + i),
                                        .fresh = fresh};
            test_get_start(client, &gets[i]);
            if (!at_once) {
                test_client_run(client);
            }
        }
        test_client_run(client);
        for (size_t i = 0; i < PHONES; i++) {
            cr_assert_eq(gets[i].status, 0, "%s", gets[i].reason);
        }
    }
    for (size_t i = 0; i < PHONES; i++) {
        test_get_free(&gets[i]);
    }
    free(gets);
}

static void check_connections(struct test_server *server, bool fresh)
{
    const struct test_request *requests;
    size_t len = test_server_requests(server, &requests);
    uint32_t *owner = calloc(len, sizeof(*owner));
    unsigned *asked = calloc(PHONES, sizeof(*asked));

    cr_assert_eq(len, (size_t)PHONES * ROUNDS);
    cr_assert_eq(test_server_connections(server), (unsigned)PHONES * (fresh ? ROUNDS : 1),
                 "%u connections", test_server_connections(server));
    for (size_t i = 0; i < len; i++) {
        uint32_t number = requests[i].from - TEST_PHONE;

        cr_assert_lt(number, (uint32_t)PHONES, "a request from a stranger's address");
        asked[number]++;
        cr_assert(owner[requests[i].connection] == 0 ||
                      owner[requests[i].connection] == requests[i].from,
                  "two phones on one connection");
        owner[requests[i].connection] = requests[i].from;
    }
    for (size_t i = 0; i < PHONES; i++) {
        cr_assert_eq(asked[i], (unsigned)ROUNDS, "phone %zu sent %u requests", i, asked[i]);
    }
    free(owner);
    free(asked);
}

Test(http_phones, keep_one_connection_each_and_never_share_it)
{
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK}};

    for (int at_once = 0; at_once < 2; at_once++) {
        struct test_server *server = test_server_start(answers, 1, 0);
        struct test_client client;

        test_client_init(&client, NULL);
        run_rounds(&client, server, false, at_once != 0);
        check_connections(server, false);
        test_client_deinit(&client);
        test_server_stop(server);
    }
}

Test(http_phones, dial_for_every_file_when_told_to)
{
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;

    test_client_init(&client, NULL);
    run_rounds(&client, server, true, true);
    check_connections(server, true);
    test_client_deinit(&client);
    test_server_stop(server);
}

/* The server answers nobody before it has heard all: a cap on connections anywhere would hang. */
Test(http_phones, may_all_be_connected_at_once)
{
    enum { MANY = 400 };
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK, .then = TEST_BARRIER}};
    struct test_server *server = test_server_start(answers, 1, MANY + 20);
    struct test_client client;
    struct test_get *gets = calloc(MANY + 20, sizeof(*gets));

    test_client_init(&client, NULL);
    for (size_t i = 0; i < MANY + 20; i++) {
        /* The last twenty are one phone's. */
        gets[i] = (struct test_get){.path = "/x",
                                    .port = test_server_port(server),
                                    .source = (sim_addr)(TEST_PHONE + (i < MANY ? i : MANY))};
        test_get_start(&client, &gets[i]);
    }
    test_client_run(&client);
    for (size_t i = 0; i < MANY + 20; i++) {
        cr_assert_eq(gets[i].status, 0, "%s", gets[i].reason);
        test_get_free(&gets[i]);
    }
    cr_assert_eq(test_server_connections(server), MANY + 20);
    free(gets);
    test_client_deinit(&client);
    test_server_stop(server);
}

/* ---- Forgetting ---- */

Test(http_phones, dial_anew_after_being_forgotten_and_others_do_not)
{
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get a = {.path = "/x", .port = test_server_port(server)};
    struct test_get b = {.path = "/x", .port = test_server_port(server), .source = TEST_PHONE + 1};

    test_client_init(&client, NULL);
    live_http_forget(client.http, TEST_PHONE); /* nobody yet */
    test_get_run(&client, &a);
    test_get_run(&client, &b);
    cr_assert_eq(test_server_connections(server), 2);
    live_http_forget(client.http, TEST_PHONE);
    b.done = 0;
    test_get_run(&client, &b);
    cr_assert_eq(test_server_connections(server), 2, "the other phone lost its connection");
    a.done = 0;
    test_get_run(&client, &a);
    cr_assert_eq(a.status, 0, "%s", a.reason);
    cr_assert_eq(test_server_connections(server), 3);
    cr_assert_eq(test_server_closed(server), 1, "the server did not see it close");
    a.done = 0;
    test_get_run(&client, &a);
    cr_assert_eq(test_server_connections(server), 3, "the new connection is not kept");
    test_get_free(&a);
    test_get_free(&b);
    test_client_deinit(&client);
    test_server_stop(server);
}

static void forget_self(struct test_get *get)
{
    live_http_forget(get->client->http, TEST_PHONE);
}

Test(http_phones, finish_what_they_fetch_when_forgotten_meanwhile)
{
    static const struct test_answer answers[] = {
        {.path = "/x", .bytes = OK},
        {.path = "/big",
         .bytes = "HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n",
         .filler = 200000}};
    struct test_server *server = test_server_start(answers, 2, 0);
    struct test_client client;
    struct test_get big = {
        .path = "/big", .port = test_server_port(server), .on_body = forget_self};
    struct test_get after = {.path = "/x", .port = test_server_port(server)};

    test_client_init(&client, NULL);
    test_get_run(&client, &big);
    cr_assert_eq(big.status, 0, "%s", big.reason);
    test_get_run(&client, &after);
    cr_assert_eq(after.status, 0, "%s", after.reason);
    cr_assert_eq(test_server_connections(server), 2, "the old connection was used again");
    test_get_free(&big);
    test_get_free(&after);
    test_client_deinit(&client);
    test_server_stop(server);
}

/* A server may close a kept connection whenever it likes. */
Test(http_phones, dial_anew_when_the_server_closed_meanwhile)
{
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK, .then = TEST_CLOSE}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.path = "/x", .port = test_server_port(server)};

    test_client_init(&client, NULL);
    for (int i = 0; i < 5; i++) {
        get.done = 0;
        test_get_run(&client, &get);
        cr_assert_eq(get.status, 0, "%s", get.reason);
    }
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(server);
}

struct lookout {
    struct live_timer timer;
    struct test_server *server;
    struct live_loop *loop;
    sim_time until;
};

static void look(struct live_timer *timer, sim_time now)
{
    struct lookout *lookout = (struct lookout *)timer;

    if (test_server_closed(lookout->server) > 0 || now >= lookout->until) {
        live_loop_stop(lookout->loop);
    } else {
        live_timer_set(lookout->loop, timer, now + SIM_MS);
    }
}

/* Else the line's relay, and many a server, would hold the other half for as long as the phone and
 * those of its multi are quiet: libcurl only looks when it has something to send. */
Test(http_phones, close_what_the_server_closed_before_they_need_it)
{
    static const struct test_answer answers[] = {
        {.path = "/last", .bytes = OK, .then = TEST_FINISH}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get last = {.path = "/last", .port = test_server_port(server)};
    struct lookout lookout = {.timer = {.fire = look}, .server = server};

    test_client_init(&client, NULL);
    test_get_run(&client, &last);
    cr_assert_eq(last.status, 0, "%s", last.reason);
    lookout.loop = client.loop;
    lookout.until = live_loop_read_clock(client.loop) + 3 * SIM_S;
    live_timer_set(client.loop, &lookout.timer, 0);
    live_loop_run(client.loop);
    cr_assert_eq(test_server_closed(server), 1, "the phone kept its half open");
    test_get_free(&last);
    test_client_deinit(&client);
    test_server_stop(server);
}

/* ---- Costs that must not grow: ratios within one run ---- */

static double cpu_seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct walker {
    struct test_get get;
    struct test_nginx *nginx;
    unsigned left;
};

static void walk_on(struct test_get *get)
{
    struct walker *walker = get->context;

    cr_assert_eq(get->status, 0, "%s", get->reason);
    if (--walker->left > 0) {
        get->done = 0;
        get->body_len = 0;
        test_get_start(get->client, get);
    }
}

/* CPU seconds of this thread per request: `phones` phones ask `each` times over kept connections.
 */
static double cost_of_walk(struct test_nginx *nginx, size_t phones, unsigned each)
{
    struct test_client client;
    struct walker *walkers = calloc(phones, sizeof(*walkers));
    double start, cost;

    test_client_init(&client, NULL);
    for (int warm = 1; warm >= 0; warm--) {
        start = cpu_seconds();
        for (size_t i = 0; i < phones; i++) {
            free(walkers[i].get.body);
            walkers[i] = (struct walker){
                .left = warm ? 1 : each,
                .get = {.path = "/small",
                        .port = nginx->http_port,
                        .source = (sim_addr)(TEST_PHONE + i + i / 250 * 6),
                        .on_done = walk_on,
                        .context = &walkers[i]},
            };
            test_get_start(&client, &walkers[i].get);
        }
        test_client_run(&client);
    }
    cost = (cpu_seconds() - start) / ((double)phones * each);
    for (size_t i = 0; i < phones; i++) {
        test_get_free(&walkers[i].get);
    }
    free(walkers);
    test_client_deinit(&client);
    return cost;
}

static const struct test_nginx_file nginx_files[] = {{"small", 200}};

/* With all of them in one multi a request of 1,500 phones costs more than six times one of 50. */
Test(http_phones, cost_no_more_each_when_they_are_many)
{
    struct test_nginx nginx;
    double few, many;

    cr_assert_eq(test_nginx_start(&nginx, nginx_files, 1), 0, "nginx");
    few = cost_of_walk(&nginx, 50, 60);
    many = cost_of_walk(&nginx, 1500, 4);
    test_nginx_stop(&nginx);
    cr_assert_lt(many, few * 3, "%.0f us a request with 50 phones, %.0f us with 1,500", few * 1e6,
                 many * 1e6);
}

/* CPU seconds of `count` refused or accepted handshakes, each on a new connection. */
static double cost_of_handshakes(struct test_nginx *nginx, const struct live_http_config *config,
                                 int status, int count)
{
    struct test_client client;
    double start;

    test_client_init(&client, config);
    start = cpu_seconds();
    for (int i = 0; i < count; i++) {
        struct test_get get = {
            .path = "/small", .port = nginx->https_port, .https = true, .fresh = true};

        test_get_run(&client, &get);
        cr_assert_eq(get.status, status, "%s", get.reason);
        test_get_free(&get);
    }
    start = cpu_seconds() - start;
    test_client_deinit(&client);
    return start / count;
}

/* The system's certificates take 30 ms to parse: once for all, not once a connection (then 30 times
 * as dear). */
Test(http_phones, do_not_load_the_systems_certificates_each)
{
    static const struct live_http_config trusting = {.user_agent = "x", .stall = 5 * SIM_S};
    static const struct live_http_config strict = {
        .user_agent = "x", .stall = 5 * SIM_S, .verify = true};
    struct live_http_config named = strict;
    struct test_nginx nginx;
    double plain, system, one;

    cr_assert_eq(test_nginx_start(&nginx, nginx_files, 1), 0, "nginx");
    named.ca_file = nginx.ca_file;
    plain = cost_of_handshakes(&nginx, &trusting, 0, 40);
    one = cost_of_handshakes(&nginx, &named, 0, 40);
    system = cost_of_handshakes(&nginx, &strict, SIM_ETLS, 40);
    test_nginx_stop(&nginx);
    cr_assert_lt(one, plain * 3, "%.0f us unverified, %.0f us with one certificate", plain * 1e6,
                 one * 1e6);
    cr_assert_lt(system, plain * 4, "%.0f us unverified, %.0f us with the system's store",
                 plain * 1e6, system * 1e6);
}

static double wall_seconds(void)
{
    return (double)live_loop_monotonic() / 1e9;
}

/* One request after another: a millisecond's timer in each, as in libcurl's own example, would show
 * as 10 to 20 times the time of a bare socket. The best of many, since others use this machine too:
 * it would be a millisecond too. */
Test(http_phones, wait_for_no_timer_between_requests)
{
    enum { TRIES = 2000 }; /* a busy machine takes some, an idle one few */
    static const struct test_answer answers[] = {{.path = "/x", .bytes = OK}};
    struct test_server *server = test_server_start(answers, 1, 0);
    struct test_client client;
    struct test_get get = {.path = "/x", .port = test_server_port(server)};
    double best = 1e9;

    test_client_init(&client, NULL);
    for (int i = 0; i < TRIES && (i < 50 || best >= 900e-6); i++) {
        double start = wall_seconds();

        get.done = 0;
        get.body_len = 0;
        test_get_run(&client, &get);
        cr_assert_eq(get.status, 0, "%s", get.reason);
        start = wall_seconds() - start;
        best = start < best ? start : best;
    }
    cr_assert_lt(best, 900e-6, "%.0f us from request to request", best * 1e6);
    test_get_free(&get);
    test_client_deinit(&client);
    test_server_stop(server);
}
