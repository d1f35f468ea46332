/* tests/live/http_client.c -- see http_client.h. */
#include "tests/live/http_client.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BODY_MAX = 4 * 1000 * 1000, /* bytes of a body kept for a look */
    GUARD_S = 60,
};

static int on_body(void *owner, const uint8_t *bytes, size_t len)
{
    struct test_get *get = owner;

    assert(get->done == 0);
    if (get->body_len + len <= BODY_MAX) {
        get->body = realloc(get->body, get->body_len + len + 1);
        memcpy(get->body + get->body_len, bytes, len);
        get->body_len += len;
        get->body[get->body_len] = '\0';
    }
    if (get->on_body != NULL) {
        get->on_body(get);
    }
    return get->body_answer;
}

static void ended(struct test_client *client)
{
    if (--client->running == 0) {
        live_loop_stop(client->loop);
    }
}

static void on_done(void *owner, const struct sim_fetch_result *result, uint64_t resent)
{
    struct test_get *get = owner;

    get->done++;
    get->status = result->status;
    get->code = result->code;
    get->bytes = result->bytes;
    get->resent = resent;
    get->first_byte = result->first_byte;
    get->ended = live_loop_now(get->client->loop);
    assert(result->data == NULL);
    snprintf(get->reason, sizeof(get->reason), "%s", result->reason);
    if (get->on_done != NULL) {
        get->on_done(get);
    }
    ended(get->client);
}

static const struct live_fetch_ops ops = {on_body, on_done};

static void on_guard(struct live_timer *timer, sim_time now)
{
    struct test_client *client =
        (struct test_client *)((char *)timer - offsetof(struct test_client, guard));

    (void)now;
    client->guarded = true;
    live_loop_stop(client->loop);
}

void test_client_init(struct test_client *client, const struct live_http_config *config)
{
    static const struct live_http_config plain = {.user_agent = "pfsim-test", .stall = 5 * SIM_S};
    int rc;

    memset(client, 0, sizeof(*client));
    client->guard.fire = on_guard;
    rc = live_loop_new(&client->loop, live_loop_monotonic());
    assert(rc == 0);
    rc = live_http_new(&client->http, client->loop, config != NULL ? config : &plain);
    assert(rc == 0);
    (void)rc;
}

void test_client_deinit(struct test_client *client)
{
    live_timer_clear(client->loop, &client->guard);
    live_http_free(client->http);
    live_loop_free(client->loop);
}

void test_get_start(struct test_client *client, struct test_get *get)
{
    struct live_fetch_target target = {
        .protocol = get->https ? SIM_PROTOCOL_HTTPS : SIM_PROTOCOL_HTTP,
        .source = get->source != 0 ? get->source : TEST_PHONE,
        .connect_addr = TEST_LOCALHOST,
        .connect_port = get->port,
        .url = get->url_text,
        .offset = get->offset,
        .keep_alive = !get->fresh,
        .body_max = get->body_max,
    };
    int rc;

    if (get->url != NULL) {
        snprintf(get->url_text, sizeof(get->url_text), "%s", get->url);
    } else {
        snprintf(get->url_text, sizeof(get->url_text), "%s://127.0.0.1:%u%s",
                 get->https ? "https" : "http", (unsigned)get->port, get->path);
    }
    get->client = client;
    client->running++;
    rc = live_http_start(client->http, &target, &ops, get, &get->fetch);
    assert(rc == 0);
    (void)rc;
}

void test_client_run(struct test_client *client)
{
    if (client->running == 0) {
        return;
    }
    live_timer_set(client->loop, &client->guard,
                   live_loop_read_clock(client->loop) + GUARD_S * SIM_S);
    live_loop_run(client->loop);
    live_timer_clear(client->loop, &client->guard);
    assert(!client->guarded && "a fetch neither ended nor failed");
}

void test_get_cancel(struct test_get *get)
{
    live_http_cancel(get->fetch);
    get->fetch = NULL;
    ended(get->client);
}

void test_get_free(struct test_get *get)
{
    free(get->body);
    get->body = NULL;
    get->body_len = 0;
}

void test_get_run(struct test_client *client, struct test_get *get)
{
    test_get_start(client, get);
    test_client_run(client);
}
