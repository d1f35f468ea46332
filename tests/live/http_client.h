/* tests/live/http_client.h -- a loop with the HTTP client on it, for tests: start fetches, run
 * until all are done. */
#ifndef TESTS_LIVE_HTTP_CLIENT_H
#define TESTS_LIVE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/live/fetch.h"
#include "sim/live/loop.h"
#include "sim/world.h"

#define TEST_LOCALHOST UINT32_C(0x7f000001)
#define TEST_PHONE UINT32_C(0x7f010002) /* 127.1.0.2 */

struct test_client {
    struct live_loop *loop;
    struct live_http *http;
    struct live_timer guard; /* a test that hangs fails instead */
    size_t running;
    bool guarded; /* the guard fired */
};

/* One fetch and what came of it. Zero it, set what differs, test_get_start(). */
struct test_get {
    /* asked */
    const char *url;  /* whole; or NULL: http://127.0.0.1:port/path */
    const char *path; /* with its '/' */
    uint16_t port;    /* where it really goes */
    sim_addr source;  /* 0: TEST_PHONE */
    uint64_t offset, body_max;
    bool fresh; /* keep_alive off */
    bool https;
    int body_answer;                       /* what the body hook returns */
    void (*on_body)(struct test_get *get); /* hooks, NULL: none */
    void (*on_done)(struct test_get *get);
    void *context;
    /* got */
    struct test_client *client;
    struct live_http_fetch *fetch;
    unsigned done; /* how often */
    int status, code;
    uint64_t bytes, resent;
    sim_time first_byte, ended;
    char reason[SIM_WORLD_REASON_MAX];
    uint8_t *body; /* first BODY_MAX bytes given */
    size_t body_len;
    char url_text[256];
};

/* `config` NULL: no TLS checks, 5 s of stall. */
void test_client_init(struct test_client *client, const struct live_http_config *config);
void test_client_deinit(struct test_client *client);
void test_get_start(struct test_client *client, struct test_get *get);
/* Runs the loop until nothing is running. */
void test_client_run(struct test_client *client);
/* Cancels; counts as ended. */
void test_get_cancel(struct test_get *get);
void test_get_free(struct test_get *get);
/* Both in one. */
void test_get_run(struct test_client *client, struct test_get *get);

#endif /* TESTS_LIVE_HTTP_CLIENT_H */
