/* tests/live/scripted.h -- a TCP server that says what a test tells it to, byte for byte, and
 * remembers what it heard.
 *
 * One thread, plain sockets, a free port of 127.0.0.1. It reads a request up to its empty line,
 * takes the path out of it and plays the answer of that name. It knows no HTTP beyond that, so it
 * can be as wrong as needed. */
#ifndef TESTS_LIVE_SCRIPTED_H
#define TESTS_LIVE_SCRIPTED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum test_then {
    TEST_KEEP,    /* wait for the next request */
    TEST_CLOSE,   /* end of stream */
    TEST_FINISH,  /* end of stream, but waits for the client's */
    TEST_RESET,   /* RST */
    TEST_HANG,    /* nothing more, for ever */
    TEST_BARRIER, /* answers once `barrier` connections ask for it at the same time, then TEST_KEEP
                   */
};

struct test_answer {
    const char *path;  /* with its '/' */
    const char *bytes; /* NULL: none */
    size_t len;        /* 0: strlen(bytes) */
    size_t filler;     /* so many 'x' behind them */
    enum test_then then;
    unsigned trickle_ms; /* not 0: a byte each so many ms */
};

enum {
    TEST_REQUEST_MAX = 2048, /* bytes of a request remembered */
    TEST_REQUESTS_MAX = 20000,
};

struct test_request {
    uint32_t from;       /* the client's address, host order */
    uint32_t connection; /* numbers from 0 */
    char *head;          /* request line and headers */
};

struct test_server;

struct test_server *test_server_start(const struct test_answer *answers, size_t count,
                                      unsigned barrier);
uint16_t test_server_port(const struct test_server *server);
/* What was heard so far; complete once the client has its answers. */
size_t test_server_requests(struct test_server *server, const struct test_request **out);
/* Connections accepted, and of these the ones that the client has closed. */
unsigned test_server_connections(struct test_server *server);
unsigned test_server_closed(struct test_server *server);
void test_server_stop(struct test_server *server);

#endif /* TESTS_LIVE_SCRIPTED_H */
