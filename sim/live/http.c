/* sim/live/http.c -- HTTP and HTTPS fetches by libcurl: phones, the pool of handles, the calls of
 * fetch.h.
 *
 * The shape is told in http_parts.h. Leaves out: what is on the wire (libcurl) and where the bytes
 * go (the owner). Handles are pooled, last used first, and never given back before the end: as many
 * as were in flight at once. */
#include "sim/live/http_parts.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/rng.h"

enum {
    PHONES_FIRST = 64, /* room at first; doubles */
};

/* ---- Phones ---- */

static size_t index_place(const struct live_http *http, sim_addr addr)
{
    size_t mask = http->index_cap - 1;
    size_t place = (size_t)sim_rng_mix(addr) & mask;

    while (http->index[place] != 0 && http->phones[http->index[place] - 1].addr != addr) {
        place = (place + 1) & mask;
    }
    return place;
}

static int phones_grow(struct live_http *http)
{
    size_t cap = http->phones_cap == 0 ? PHONES_FIRST : http->phones_cap * 2;
    struct http_phone *phones = realloc(http->phones, cap * sizeof(*phones));
    uint32_t *index;

    if (phones == NULL) {
        return SIM_ENOMEM;
    }
    http->phones = phones;
    index = calloc(cap * 2, sizeof(*index)); /* at most half full */
    if (index == NULL) {
        return SIM_ENOMEM;
    }
    free(http->index);
    http->index = index;
    http->index_cap = cap * 2;
    http->phones_cap = cap;
    for (size_t i = 0; i < http->phones_len; i++) {
        index[index_place(http, phones[i].addr)] = (uint32_t)i + 1;
    }
    return 0;
}

static struct http_phone *phone_find(struct live_http *http, sim_addr addr)
{
    size_t place;

    if (http->index_cap == 0) {
        return NULL;
    }
    place = index_place(http, addr);
    return http->index[place] == 0 ? NULL : &http->phones[http->index[place] - 1];
}

/* The last multi, or a new one when that has its share of phones. */
static int multi_with_room(struct live_http *http, uint32_t *out)
{
    struct http_multi *multi;
    int rc;

    if (http->multis_len > 0 &&
        http->multis[http->multis_len - 1]->phones < HTTP_PHONES_PER_MULTI) {
        *out = (uint32_t)http->multis_len - 1;
        return 0;
    }
    if (http->multis_len == http->multis_cap) {
        size_t cap = http->multis_cap == 0 ? 8 : http->multis_cap * 2;
        struct http_multi **multis = realloc(http->multis, cap * sizeof(struct http_multi *));

        if (multis == NULL) {
            return SIM_ENOMEM;
        }
        http->multis = multis;
        http->multis_cap = cap;
    }
    rc = http_multi_new(&multi, http);
    if (rc != 0) {
        return rc;
    }
    *out = (uint32_t)http->multis_len;
    http->multis[http->multis_len++] = multi;
    return 0;
}

static int phone_of(struct live_http *http, sim_addr addr, uint32_t *out)
{
    struct http_phone *phone = phone_find(http, addr);
    uint32_t multi;
    int rc;

    if (phone != NULL) {
        *out = (uint32_t)(phone - http->phones);
        return 0;
    }
    if (http->phones_len == http->phones_cap && (rc = phones_grow(http)) != 0) {
        return rc;
    }
    rc = multi_with_room(http, &multi);
    if (rc != 0) {
        return rc;
    }
    http->multis[multi]->phones++;
    http->phones[http->phones_len] =
        (struct http_phone){.addr = addr, .multi = multi, .first_socket = -1};
    http->index[index_place(http, addr)] = (uint32_t)http->phones_len + 1;
    *out = (uint32_t)http->phones_len++;
    return 0;
}

/* ---- The pool ---- */

static void fetch_destroy(struct live_http_fetch *fetch)
{
    curl_easy_cleanup(fetch->easy);
    free(fetch->redirect_url);
    free(fetch->route.data);
    free(fetch);
}

static int fetch_take(struct live_http *http, struct live_http_fetch **out)
{
    struct live_http_fetch *fetch = http->pool;
    int rc;

    if (fetch != NULL) {
        http->pool = fetch->next;
        fetch->next = NULL;
        *out = fetch;
        return 0;
    }
    fetch = calloc(1, sizeof(*fetch));
    if (fetch == NULL) {
        return SIM_ENOMEM;
    }
    fetch->http = http;
    fetch->deadline.fire = http_request_deadline;
    rc = http_request_dress(fetch);
    if (rc != 0) {
        fetch_destroy(fetch);
        return rc;
    }
    *out = fetch;
    return 0;
}

static void pending_unlink(struct live_http_fetch *fetch)
{
    struct live_http *http = fetch->http;

    *(fetch->prev != NULL ? &fetch->prev->next : &http->pending) = fetch->next;
    *(fetch->next != NULL ? &fetch->next->prev : &http->pending_last) = fetch->prev;
    fetch->next = fetch->prev = NULL;
}

void http_fetch_enqueue(struct live_http_fetch *fetch)
{
    struct live_http *http = fetch->http;

    fetch->state = HTTP_FETCH_PENDING;
    fetch->next = NULL;
    fetch->prev = http->pending_last;
    *(http->pending_last != NULL ? &http->pending_last->next : &http->pending) = fetch;
    http->pending_last = fetch;
    http_wake(http);
}

/* Back to where it was after http_request_dress(), so that nothing of one phone reaches the next.
 */
void http_fetch_recycle(struct live_http_fetch *fetch)
{
    struct live_http *http = fetch->http;
    bool tainted = fetch->stripped || http->config.credentials != NULL || fetch->verdict != 0 ||
                   fetch->error[0] != '\0';

    assert(fetch->state != HTTP_FETCH_IDLE);
    assert(http->in_flight > 0);
    http->in_flight--;
    live_timer_clear(http->loop, &fetch->deadline);
    fetch->state = HTTP_FETCH_IDLE;
    free(fetch->redirect_url);
    free(fetch->route.data);
    fetch->redirect_url = NULL;
    fetch->route.data = NULL;
    for (int fd = http->phones[fetch->phone].first_socket; fd >= 0; fd = http->sockets[fd].next) {
        if (http->sockets[fd].fetch == fetch) {
            http->sockets[fd].fetch = NULL;
        }
    }
    if (http->phones[fetch->phone].forget) {
        http_phone_shut(http, &http->phones[fetch->phone]);
    }
    /* libcurl keeps an error's number and what it learned about a login in the handle. */
    if (tainted) {
        fetch_destroy(fetch);
        return;
    }
    fetch->next = http->pool;
    http->pool = fetch;
}

/* ---- The calls of fetch.h ---- */

int live_http_start(struct live_http *http, const struct live_fetch_target *target,
                    const struct live_fetch_ops *ops, void *owner, struct live_http_fetch **out)
{
    struct live_http_fetch *fetch;
    struct http_place place;
    uint32_t phone;
    int rc;

    assert(target->protocol != SIM_PROTOCOL_TFTP);
    assert(target->source != 0 && target->connect_addr != 0 && target->connect_port != 0);
    rc = http_place_of(http, target->url, &place);
    if (rc != 0 || place.https != (target->protocol == SIM_PROTOCOL_HTTPS)) {
        return SIM_EINVAL;
    }
    rc = phone_of(http, target->source, &phone);
    if (rc != 0 || (rc = fetch_take(http, &fetch)) != 0) {
        return rc;
    }
    http->in_flight++;
    fetch->state = HTTP_FETCH_DONE; /* of the fetch before: recycling from here on is right */
    fetch->multi = http->multis[http->phones[phone].multi];
    fetch->phone = phone;
    fetch->target = *target;
    fetch->place = place;
    fetch->ops = ops;
    fetch->owner = owner;
    fetch->last_byte = live_loop_now(http->loop);
    fetch->first_byte = SIM_NEVER;
    fetch->dialled = fetch->stripped = false;
    fetch->verdict = fetch->redirects = 0;
    fetch->resent = fetch->received = fetch->dropped = 0;
    fetch->error[0] = '\0';
    rc = http_request_set(fetch);
    if (rc != 0) {
        http_fetch_recycle(fetch);
        return rc;
    }
    live_timer_set(http->loop, &fetch->deadline,
                   sim_time_add(fetch->last_byte, http->config.stall));
    http_fetch_enqueue(fetch);
    *out = fetch;
    return 0;
}

void live_http_cancel(struct live_http_fetch *fetch)
{
    struct live_http *http = fetch->http;

    switch (fetch->state) {
    case HTTP_FETCH_PENDING:
        pending_unlink(fetch);
        http_fetch_recycle(fetch);
        return;
    case HTTP_FETCH_RUNNING:
        fetch->verdict = SIM_ECANCELED;
        if (!http->inside) {
            http_multi_remove(fetch);
            http_fetch_recycle(fetch);
            return;
        }
        /* From within libcurl, perhaps from this very fetch's body: take it away when that is over.
         */
        live_timer_clear(http->loop, &fetch->deadline);
        fetch->state = HTTP_FETCH_CANCELLED;
        fetch->next = http->doomed;
        http->doomed = fetch;
        return;
    case HTTP_FETCH_IDLE:
    case HTTP_FETCH_CANCELLED:
    case HTTP_FETCH_DONE:
        return; /* over, or its owner is just being told so */
    }
}

void live_http_forget(struct live_http *http, sim_addr source)
{
    struct http_phone *phone = phone_find(http, source);

    if (phone == NULL) {
        return;
    }
    for (int fd = phone->first_socket; fd >= 0; fd = http->sockets[fd].next) {
        http->sockets[fd].old = true;
    }
    http_phone_shut(http, phone);
}

/* ---- Life ---- */

static void config_free(struct live_http *http)
{
    char *secret = (char *)http->config.credentials;

    if (secret != NULL) {
        explicit_bzero(secret, strlen(secret));
    }
    free(secret);
    free((char *)http->config.ca_file);
    free((char *)http->config.user_agent);
}

static bool copy_text(const char **out, const char *text)
{
    *out = text != NULL ? strdup(text) : NULL;
    return text == NULL || *out != NULL;
}

static void release(struct live_http *http)
{
    while (http->pool != NULL) {
        struct live_http_fetch *fetch = http->pool;

        http->pool = fetch->next;
        fetch_destroy(fetch);
    }
    for (size_t i = 0; i < http->multis_len; i++) {
        http_multi_free(http->multis[i]);
    }
    http_tls_free(http);
    config_free(http);
    free(http->multis);
    free(http->phones);
    free(http->index);
    free(http->sockets);
    http->multis = NULL;
    http->phones = NULL;
    http->index = NULL;
    http->sockets = NULL;
}

static void on_handle_closed(struct live_http *http)
{
    if (--http->handles_open == 0) {
        free(http);
        curl_global_cleanup();
    }
}

static void on_watch_closed(struct live_watch *watch)
{
    on_handle_closed((struct live_http *)((char *)watch - offsetof(struct live_http, watch)));
}

static void on_idle_closed(uv_handle_t *handle)
{
    on_handle_closed(handle->data);
}

/* A server that goes away while TLS writes must cost a fetch, not the process; with
 * CURLOPT_NOSIGNAL libcurl leaves that to us. Whoever has chosen a handler keeps it. */
static void ignore_sigpipe(void)
{
    struct sigaction now;

    if (sigaction(SIGPIPE, NULL, &now) == 0 && (now.sa_flags & SA_SIGINFO) == 0 &&
        now.sa_handler == SIG_DFL) {
        now.sa_handler = SIG_IGN;
        sigaction(SIGPIPE, &now, NULL);
    }
}

int live_http_new(struct live_http **out, struct live_loop *loop,
                  const struct live_http_config *config)
{
    struct live_http *http = calloc(1, sizeof(*http));
    int rc;

    assert(config->stall > 0);
    if (http == NULL) {
        return SIM_ENOMEM;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(http);
        return SIM_ENOMEM;
    }
    http->loop = loop;
    http->config = *config;
    /* All three are attempted, so that config_free() only sees copies. */
    bool copied = copy_text(&http->config.ca_file, config->ca_file);
    copied = copy_text(&http->config.credentials, config->credentials) && copied;
    copied = copy_text(&http->config.user_agent, config->user_agent) && copied;
    rc = copied ? http_tls_init(http) : SIM_ENOMEM;
    http->epoll = rc == 0 ? epoll_create1(EPOLL_CLOEXEC) : -1;
    if (rc == 0 && http->epoll < 0) {
        rc = sim_err_from_errno(errno);
    }
    http->watch.ready = http_on_sockets;
    http->watch.closed = on_watch_closed;
    if (rc == 0) {
        rc = live_watch_open(loop, &http->watch, http->epoll);
    }
    if (rc != 0) {
        if (http->epoll >= 0) {
            close(http->epoll);
        }
        release(http);
        free(http);
        curl_global_cleanup();
        return rc;
    }
    live_watch_set(&http->watch, UV_READABLE);
    uv_idle_init(live_loop_uv(loop), &http->idle); /* cannot fail */
    http->idle.data = http;
    http->handles_open = 2;
    ignore_sigpipe();
    *out = http;
    return 0;
}

void live_http_free(struct live_http *http)
{
    if (http == NULL) {
        return;
    }
    assert(http->in_flight == 0 && "a fetch was neither finished nor cancelled");
    assert(!http->inside && !http->working);
    release(http);
    live_watch_close(&http->watch); /* and http->epoll */
    uv_close((uv_handle_t *)&http->idle, on_idle_closed);
}
