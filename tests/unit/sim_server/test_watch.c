/* Goal: those who watch a run get everything once and in order, and can't hold it up: not by being
 * many, nor slow, nor silent, nor gone.
 * Method: the real server on a port of the kernel's choice, clients on blocking sockets; the owner
 * counts events under the server's lock, so that what a client must have got is known. */
#include <criterion/criterion.h>
#include <pthread.h>

#include "client.h"
#include "sim/server/watch.h"

static struct owner {
    struct sim_server_watch *watch;
    unsigned sent; /* events; under the server's lock */
    unsigned made;
} owner;

static char *make_count(void *context, size_t *len, unsigned *status)
{
    struct owner *o = context;
    char *text = NULL;

    (void)status;
    o->made++;
    *len = (size_t)asprintf(&text, "from %u\n", o->sent);
    return text;
}

static char *make_refusal(void *context, size_t *len, unsigned *status)
{
    (void)context;
    *status = 404;
    *len = 8;
    return strdup("not yet\n");
}

static void start(void)
{
    struct sim_server_watch_config config = {
        .addr = INADDR_LOOPBACK,
        .documents =
            {{.path = "/", .type = "text/html", .bytes = "<p>page", .len = 7},
             {.path = "/count", .type = "text/plain", .make = make_count, .may_wait = true},
             {.path = "/later", .type = "text/plain", .make = make_refusal},
             {.path = "/events",
              .type = "text/event-stream",
              .is_stream = true,
              .make = make_count}},
        .documents_len = 4,
        .context = &owner,
    };
    char why[SIM_SERVER_TEXT_MAX];

    owner = (struct owner){.sent = 0};
    cr_assert_eq(sim_server_watch_start(&owner.watch, &config, why), 0, "%s", why);
}

static void stop(void)
{
    sim_server_watch_stop(owner.watch, SIM_S);
    owner.watch = NULL;
}

TestSuite(watch, .init = start, .fini = stop, .timeout = 120);

static int ask(const char *request)
{
    int fd = client_dial(sim_server_watch_port(owner.watch));
    client_send(fd, request);
    return fd;
}

/* Until the other side closes, or `until` is in it. */
static char *take(int fd, const char *until)
{
    size_t len = 0, cap = 64 * 1024;
    char *text = malloc(cap + 1);

    for (;;) {
        ssize_t n = recv(fd, text + len, cap - len, 0);
        if (n <= 0) {
            break;
        }
        len += (size_t)n;
        text[len] = '\0';
        if (until != NULL && strstr(text, until) != NULL) {
            break;
        }
        if (len == cap) {
            cap *= 2;
            text = realloc(text, cap + 1);
        }
    }
    text[len] = '\0';
    return text;
}

static char *get(const char *request)
{
    int fd = ask(request);
    char *text = take(fd, NULL);
    close(fd);
    return text;
}

#define GIVES(request, ...)                                                                        \
    do {                                                                                           \
        const char *const wanted_[] = {__VA_ARGS__};                                               \
        char *text_ = get(request);                                                                \
        for (size_t i_ = 0; i_ < sizeof(wanted_) / sizeof(wanted_[0]); i_++) {                     \
            cr_assert_not_null(strstr(text_, wanted_[i_]), "no %s in\n%s", wanted_[i_], text_);    \
        }                                                                                          \
        free(text_);                                                                               \
    } while (0)

Test(watch, documents_of_the_table_are_there_and_nothing_else)
{
    GIVES("GET / HTTP/1.0\r\n\r\n", " 200 ", "text/html", "no-store", "<p>page");
    GIVES("GET /count?x=1 HTTP/1.0\r\n\r\n", " 200 ", "from 0\n");
    GIVES("GET /later HTTP/1.0\r\n\r\n", " 404 ", "not yet");
    GIVES("GET /../etc/passwd HTTP/1.0\r\n\r\n", " 404 ", "there are:", "/events");
    GIVES("POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc", " 405 ", "Allow: GET, HEAD");

    char *head = get("HEAD /count HTTP/1.0\r\n\r\n");
    cr_assert_null(strstr(head, "from"), "a HEAD has no body: %s", head);
    free(head);
    head = get("HEAD /events HTTP/1.0\r\n\r\n");
    cr_assert_not_null(strstr(head, "text/event-stream"));
    free(head);
}

Test(watch, a_connection_serves_many_requests)
{
    int fd = ask("GET /count HTTP/1.1\r\nHost: x\r\n\r\n");

    for (int i = 0; i < 3; i++) {
        struct client_reply reply;
        client_read(fd, true, &reply);
        cr_assert_eq(reply.status, 200, "request %d", i);
        cr_assert_str_eq((char *)reply.body, "from 0\n");
        client_free(&reply);
        client_send(fd, "GET /count HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    }
    close(fd);
}

static void send_event(void)
{
    char text[32];

    sim_server_watch_lock(owner.watch);
    int n = snprintf(text, sizeof(text), "event %u\n", owner.sent++);
    sim_server_watch_send(owner.watch, text, (size_t)n);
    sim_server_watch_unlock(owner.watch);
}

enum { EVENTS = 4000, READERS = 12 };

/* Joins at any moment; every event from its beginning on, once and in order. */
static void *read_all(void *result)
{
    int fd = ask("GET /events HTTP/1.0\r\n\r\n");
    char *text = take(fd, NULL);
    const char *at = strstr(text, "from ");
    unsigned next = 0, *errors = result;

    close(fd);
    *errors = 1;
    if (at != NULL && sscanf(at, "from %u", &next) == 1) {
        *errors = 0;
        for (at = strchr(at, '\n') + 1; *at != '\0'; at = strchr(at, '\n') + 1) {
            unsigned got = 0;
            *errors += sscanf(at, "event %u", &got) != 1 || got != next++;
        }
        *errors += next != EVENTS;
    }
    free(text);
    return NULL;
}

static size_t streams(void)
{
    sim_server_watch_lock(owner.watch);
    size_t len = sim_server_watch_streams(owner.watch);
    sim_server_watch_unlock(owner.watch);
    return len;
}

static bool wait_for_streams(size_t wanted)
{
    double until = client_now() + CLIENT_WAIT_S;

    while (streams() != wanted && client_now() < until) {
        usleep(1000);
    }
    return streams() == wanted;
}

Test(watch, every_client_gets_every_event_once_whenever_it_joins)
{
    pthread_t threads[READERS];
    unsigned errors[READERS], sent = 0;

    for (size_t i = 0; i < READERS; i++) {
        cr_assert_eq(pthread_create(&threads[i], NULL, read_all, &errors[i]), 0);
        for (; sent < EVENTS * (i + 1) / (READERS + 1); sent++) {
            send_event();
        }
    }
    cr_assert(wait_for_streams(READERS), "%zu joined", streams());
    for (; sent < EVENTS; sent++) {
        send_event();
    }
    sim_server_watch_stop(owner.watch, 20 * SIM_S); /* what was sent is theirs first */
    owner.watch = NULL;
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(errors[i], 0, "reader %zu: %u errors", i, errors[i]);
    }
}

Test(watch, a_client_that_does_not_read_is_dropped_and_holds_nobody_up)
{
    static char block[64 * 1024];
    int slow = ask("GET /events HTTP/1.0\r\n\r\n");

    cr_assert(wait_for_streams(1));
    memset(block, 'x', sizeof(block));
    double began = client_now();
    for (unsigned i = 0; i < 600; i++) { /* 38 MB: more than any buffer of the kernel holds */
        sim_server_watch_lock(owner.watch);
        sim_server_watch_send(owner.watch, block, sizeof(block));
        sim_server_watch_unlock(owner.watch);
    }
    cr_assert_lt(client_now() - began, 10.0, "sending waited for a client");
    GIVES("GET /count HTTP/1.0\r\n\r\n", "from 0\n"); /* others are served */
    char *text = take(slow, NULL);                    /* until it is closed, before all came */
    cr_assert_lt(strlen(text), 600 * sizeof(block), "it was never dropped");
    free(text);
    close(slow);
    cr_assert(wait_for_streams(0));
}

Test(watch, a_client_that_is_gone_is_forgotten)
{
    int fd = ask("GET /events HTTP/1.0\r\n\r\n");

    cr_assert(wait_for_streams(1));
    close(fd);
    double until = client_now() + CLIENT_WAIT_S;
    while (streams() > 0 && client_now() < until) {
        send_event(); /* writing to it is how it is noticed */
        usleep(1000);
    }
    cr_assert_eq(streams(), 0);
}

Test(watch, half_requests_and_slow_clients_do_not_hold_up_the_end)
{
    static char block[3 * 1024 * 1024];
    int silent = client_dial(sim_server_watch_port(owner.watch));
    int half = ask("GET /events HT");
    int waiting = ask("GET /events HTTP/1.0\r\n\r\n");
    int slow = ask("GET /events HTTP/1.0\r\n\r\n");

    cr_assert(wait_for_streams(2));
    memset(block, 'x', sizeof(block));
    for (unsigned i = 0; i < 4; i++) {
        sim_server_watch_lock(owner.watch);
        sim_server_watch_send(owner.watch, block, sizeof(block));
        sim_server_watch_unlock(owner.watch);
    }
    double began = client_now();
    sim_server_watch_stop(owner.watch, SIM_S / 5);
    owner.watch = NULL;
    cr_assert_lt(client_now() - began, 5.0, "the end waited");
    close(silent);
    close(half);
    close(waiting);
    close(slow);
}

Test(watch, who_waits_for_the_end_gets_what_there_is_then)
{
    static const char request[] = "GET /count?wait=1 HTTP/1.1\r\nHost: x\r\n\r\n";
    int fds[SIM_SERVER_WATCH_WAITING_MAX], follower = ask("GET /events HTTP/1.0\r\n\r\n");

    for (size_t i = 0; i < SIM_SERVER_WATCH_WAITING_MAX; i++) {
        fds[i] = ask(request);
    }
    cr_assert(wait_for_streams(1), "who waits does not follow");
    for (int i = 0; i < 4; i++) { /* turns of the server, after which all those have arrived */
        GIVES("GET /count?wait=0 HTTP/1.0\r\n\r\n", "from 0\n");
    }
    GIVES("GET /count?wait=1 HTTP/1.0\r\n\r\n", " 503 ", "too many wait already");
    close(fds[0]); /* is gone before the end */
    send_event();
    stop();
    for (size_t i = 1; i < SIM_SERVER_WATCH_WAITING_MAX; i++) {
        char *text = take(fds[i], NULL);
        cr_assert_not_null(strstr(text, "from 1\n"), "client %zu: %s", i, text);
        cr_assert_null(strstr(text, "event 0"), "it is no stream");
        free(text);
        close(fds[i]);
    }
    close(follower);
}

Test(watch, one_client_too_many_is_told_so)
{
    int fds[SIM_SERVER_WATCH_STREAMS_MAX];

    for (size_t i = 0; i < SIM_SERVER_WATCH_STREAMS_MAX; i++) {
        fds[i] = ask("GET /events HTTP/1.0\r\n\r\n");
    }
    cr_assert(wait_for_streams(SIM_SERVER_WATCH_STREAMS_MAX));
    GIVES("GET /events HTTP/1.0\r\n\r\n", " 503 ", "too many watch already");
    GIVES("GET /count HTTP/1.0\r\n\r\n", " 200 ");
    for (size_t i = 0; i < SIM_SERVER_WATCH_STREAMS_MAX; i++) {
        close(fds[i]);
    }
}

Test(watch, a_port_that_is_taken_says_by_whom)
{
    struct sim_server_watch_config config = {.addr = INADDR_LOOPBACK,
                                             .port = sim_server_watch_port(owner.watch)};
    struct sim_server_watch *second = NULL;
    char why[SIM_SERVER_TEXT_MAX];

    cr_assert_eq(sim_server_watch_start(&second, &config, why), SIM_EADDRINUSE);
    cr_assert_not_null(strstr(why, "is in use by "), "%s", why);
    config.addr = 0x08080808; /* of somebody else */
    config.port = 0;
    cr_assert_neq(sim_server_watch_start(&second, &config, why), 0);
    cr_assert_not_null(strstr(why, "not an address of this host"), "%s", why);
}
