/* sim/live/http_multi.c -- libcurl's multis on the loop: descriptors, timers, turns, finished
 * transfers.
 *
 * All connections sit in one epoll descriptor of ours that libuv watches: a libuv handle a
 * connection would cost two more system calls each and could not close in the turn in which libcurl
 * closes. libcurl's callbacks only note what it wants; http_work() gives it, since libcurl must not
 * be called from its own callbacks. Leaves out: what a request is. */
#include "sim/live/http_parts.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"

enum {
    EVENTS_MAX = 256,    /* descriptors served a turn; the rest is ready in the next one too */
    PASSES_MAX = 16,     /* rounds of work a turn, so that nobody starves the loop */
    SOCKETS_FIRST = 256, /* room at first; doubles */
};

/* ---- Descriptors ---- */

static int sockets_reserve(struct live_http *http, int fd)
{
    size_t cap = http->sockets_cap == 0 ? SOCKETS_FIRST : http->sockets_cap;
    struct http_socket *sockets;

    if ((size_t)fd < http->sockets_cap) {
        return 0;
    }
    while ((size_t)fd >= cap) {
        cap *= 2;
    }
    sockets = realloc(http->sockets, cap * sizeof(*sockets));
    if (sockets == NULL) {
        return SIM_ENOMEM;
    }
    memset(sockets + http->sockets_cap, 0, (cap - http->sockets_cap) * sizeof(*sockets));
    http->sockets = sockets;
    http->sockets_cap = cap;
    return 0;
}

/* What libcurl does for CURLOPT_INTERFACE, in two system calls fewer and without its resolver. */
static bool bind_to(int fd, sim_addr source)
{
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    const int on = 1;

    /* The port is chosen at connect(), when the other end is known: an address then has 28,000
     * ports for each server, not in all. Without it (an old kernel) there are only fewer. */
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    return bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0;
}

curl_socket_t http_socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct live_http_fetch *fetch = context;
    struct live_http *http = fetch->http;
    struct http_phone *phone = &http->phones[fetch->phone];
    int fd;

    (void)purpose;
    fd = socket(to->family, to->socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, to->protocol);
    if (fd < 0) {
        fetch->verdict = sim_err_from_errno(errno);
        return CURL_SOCKET_BAD;
    }
    if (sockets_reserve(http, fd) != 0) {
        fetch->verdict = SIM_ENOMEM;
        close(fd);
        return CURL_SOCKET_BAD;
    }
    if (!fetch->target.keep_alive && !bind_to(fd, fetch->target.source)) {
        fetch->verdict = SIM_EUNREACHABLE;
        close(fd);
        return CURL_SOCKET_BAD;
    }
    http->sockets[fd] = (struct http_socket){
        .open = true,
        .phone = fetch->phone,
        .next = phone->first_socket,
        .prev = -1,
        .multi = fetch->multi,
        .fetch = fetch,
    };
    if (phone->first_socket >= 0) {
        http->sockets[phone->first_socket].prev = fd;
    }
    phone->first_socket = fd;
    fetch->dialled = true;
    http_wire_dialled(http, fd, fetch, to);
    return fd;
}

int http_socket_close(void *context, curl_socket_t fd)
{
    struct live_http *http = context;
    struct http_socket *s;

    assert(fd >= 0 && (size_t)fd < http->sockets_cap);
    s = &http->sockets[fd];
    assert(s->open);
    http_wire_closed(http, fd);
    *(s->prev >= 0 ? &http->sockets[s->prev].next : &http->phones[s->phone].first_socket) = s->next;
    if (s->next >= 0) {
        http->sockets[s->next].prev = s->prev;
    }
    *s = (struct http_socket){.open = false};
    return close(fd); /* epoll forgets it by itself */
}

void http_phone_shut(struct live_http *http, struct http_phone *phone)
{
    phone->forget = false;
    for (int fd = phone->first_socket; fd >= 0; fd = http->sockets[fd].next) {
        struct http_socket *s = &http->sockets[fd];

        if (!s->old) {
            continue;
        }
        if (s->events != 0) {
            phone->forget = true; /* in use: when that is over */
            continue;
        }
        /* The server sees the end now; libcurl finds the connection dead when it next looks for
         * one. */
        http_wire_ending(http, fd);
        shutdown(fd, SHUT_RDWR);
        s->old = false;
    }
}

/* libcurl: watch this descriptor for that, or no more. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *unused)
{
    struct http_multi *multi = context;
    struct live_http *http = multi->http;
    struct epoll_event event = {.data = {.fd = fd}};
    struct http_socket *s;
    int op;

    (void)unused;
    assert(fd >= 0 && (size_t)fd < http->sockets_cap);
    s = &http->sockets[fd];
    event.events = what == CURL_POLL_IN      ? EPOLLIN
                   : what == CURL_POLL_OUT   ? EPOLLOUT
                   : what == CURL_POLL_INOUT ? EPOLLIN | EPOLLOUT
                                             : 0;
    s->fetch = NULL;
    if (event.events != 0) {
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &s->fetch);
    }
    if (event.events == s->events && s->registered) {
        return 0;
    }
    s->events = event.events;
    if (event.events == 0) {
        if (!s->registered) {
            return 0; /* closed already */
        }
        event.events = EPOLLRDHUP; /* kept: the server may close it any time */
    }
    op = s->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    if (epoll_ctl(http->epoll, op, fd, &event) != 0) {
        return -1; /* no memory in the kernel: libcurl fails the transfer */
    }
    s->registered = true;
    return 0;
}

/* The server has closed a kept connection. libcurl notices when it next looks at it; the server,
 * and a line in between, see our end now. */
static void on_idle_end(struct live_http *http, int fd)
{
    http_wire_ending(http, fd);
    shutdown(fd, SHUT_RDWR);
    epoll_ctl(http->epoll, EPOLL_CTL_DEL, fd, NULL);
    http->sockets[fd].registered = false;
}

/* ---- Timers ---- */

static void mark_due(struct http_multi *multi)
{
    struct live_http *http = multi->http;

    if (!multi->due) {
        multi->due = true;
        multi->next_due = http->due;
        http->due = multi;
    }
    http_wake(http);
}

static void on_timer_fired(struct live_timer *timer, sim_time now)
{
    struct http_multi *multi =
        (struct http_multi *)((char *)timer - offsetof(struct http_multi, timer));

    (void)now;
    mark_due(multi);
    http_work(multi->http);
}

/* libcurl: call me in so many ms; 0: at once, but not from in here; -1: no need. Waking it early
 * does no harm, so an earlier timer stays: most of these instants never come. */
static int on_timer_wanted(CURLM *curl, long timeout_ms, void *context)
{
    struct http_multi *multi = context;
    struct live_loop *loop = multi->http->loop;
    sim_time at;

    (void)curl;
    if (timeout_ms < 0) {
        return 0;
    }
    if (timeout_ms == 0) {
        mark_due(multi);
        return 0;
    }
    at = sim_time_add(live_loop_now(loop), (sim_duration)timeout_ms * SIM_MS);
    if (multi->timer.slot == 0 || at < multi->timer.at) {
        live_timer_set(loop, &multi->timer, at);
    }
    return 0;
}

/* After an early wake-up libcurl does not ask again for an instant that it asked for before. */
static void ask_for_timer(struct http_multi *multi)
{
    long timeout_ms = -1;

    if (multi->due || multi->timer.slot != 0) {
        return;
    }
    curl_multi_timeout(multi->curl, &timeout_ms);
    if (timeout_ms >= 0) {
        on_timer_wanted(multi->curl, timeout_ms == 0 ? 1 : timeout_ms, multi);
    }
}

/* ---- Turns ---- */

static void finish_doomed(struct live_http *http)
{
    while (http->doomed != NULL) {
        struct live_http_fetch *fetch = http->doomed;

        http->doomed = fetch->next;
        http_multi_remove(fetch);
        http_fetch_recycle(fetch);
    }
}

static void finish(struct live_http_fetch *fetch, CURLcode rc)
{
    char why[SIM_WORLD_REASON_MAX] = "";
    int status = 0;

    if (rc == CURLE_OK && fetch->verdict == 0 && http_request_redirected(fetch, &status, why)) {
        http_fetch_enqueue(fetch);
        return;
    }
    if (status == 0) {
        status = http_result_of(fetch, rc, why);
    }
    http_fetch_report(fetch, status, why);
}

/* Always after libcurl had a turn: it announces the last completion by nothing but this. */
static void reap(struct http_multi *multi)
{
    CURLMsg *message;
    int left;

    finish_doomed(multi->http);
    while ((message = curl_multi_info_read(multi->curl, &left)) != NULL) {
        CURLcode rc = message->data.result;
        struct live_http_fetch *fetch = NULL;

        assert(message->msg == CURLMSG_DONE);
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
        assert(fetch->state == HTTP_FETCH_RUNNING);
        http_multi_remove(fetch); /* `message` is gone with this */
        finish(fetch, rc);
    }
}

static void act(struct http_multi *multi, curl_socket_t fd, int events)
{
    int running;
    CURLMcode rc;

    assert(!multi->http->inside);
    multi->http->inside = true;
    rc = curl_multi_socket_action(multi->curl, fd, events, &running);
    multi->http->inside = false;
    assert(rc == CURLM_OK || rc == CURLM_OUT_OF_MEMORY);
    (void)rc;
    reap(multi);
}

static void give_pending(struct live_http *http)
{
    while (http->pending != NULL) {
        struct live_http_fetch *fetch = http->pending;
        CURLMcode rc;

        http->pending = fetch->next;
        *(http->pending != NULL ? &http->pending->prev : &http->pending_last) = NULL;
        fetch->next = fetch->prev = NULL;
        fetch->state = HTTP_FETCH_RUNNING;
        http->inside = true;
        rc = curl_multi_add_handle(fetch->multi->curl, fetch->easy);
        http->inside = false;
        if (rc != CURLM_OK) {
            http_fetch_report(fetch, SIM_ENOMEM, "out of memory for a request");
        }
    }
}

void http_multi_remove(struct live_http_fetch *fetch)
{
    struct live_http *http = fetch->http;

    assert(!http->inside);
    http->inside = true;
    curl_multi_remove_handle(fetch->multi->curl, fetch->easy);
    http->inside = false;
    fetch->state = HTTP_FETCH_DONE;
}

void http_wake(struct live_http *http)
{
    if (!http->working) {
        uv_idle_start(&http->idle, http_on_idle);
    }
}

void http_work(struct live_http *http)
{
    struct http_multi *due;

    if (http->working || http->inside) {
        http_wake(http);
        return;
    }
    http->working = true;
    for (int pass = 0; pass < PASSES_MAX; pass++) {
        give_pending(http);
        due = http->due;
        http->due = NULL;
        if (due == NULL) {
            break;
        }
        while (due != NULL) {
            struct http_multi *multi = due;

            due = multi->next_due;
            multi->due = false;
            act(multi, CURL_SOCKET_TIMEOUT, 0);
            ask_for_timer(multi);
        }
    }
    http->working = false;
    if (http->pending != NULL || http->due != NULL) {
        http_wake(http);
    } else {
        uv_idle_stop(&http->idle);
    }
}

void http_on_idle(uv_idle_t *idle)
{
    struct live_http *http = idle->data;

    live_loop_read_clock(http->loop); /* a turn may have been long, and this is the next one */
    http_work(http);
}

void http_on_sockets(struct live_watch *watch, int watch_events, sim_time now)
{
    struct live_http *http =
        (struct live_http *)((char *)watch - offsetof(struct live_http, watch));
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(http->epoll, events, EVENTS_MAX, 0);

    (void)watch_events;
    for (int i = 0; i < count; i++) {
        int fd = events[i].data.fd;
        struct http_socket *s = &http->sockets[fd];
        uint32_t got = events[i].events;
        int mask = 0;

        if (!s->open) {
            continue; /* closed by an earlier one of this batch */
        }
        if (s->events == 0) {
            if ((got & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 && s->registered) {
                on_idle_end(http, fd);
            }
            continue;
        }
        if ((got & EPOLLIN) != 0 && s->fetch != NULL) {
            s->fetch->last_byte =
                now; /* libcurl tells of whole lines only, and not of handshakes */
        }
        mask |= (got & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0 ? CURL_CSELECT_IN : 0;
        mask |= (got & EPOLLOUT) != 0 ? CURL_CSELECT_OUT : 0;
        mask |= (got & EPOLLERR) != 0 ? CURL_CSELECT_ERR : 0;
        act(s->multi, fd, mask);
    }
    http_work(http);
}

/* ---- Life ---- */

int http_multi_new(struct http_multi **out, struct live_http *http)
{
    struct http_multi *multi = calloc(1, sizeof(*multi));

    if (multi == NULL) {
        return SIM_ENOMEM;
    }
    multi->curl = curl_multi_init();
    if (multi->curl == NULL) {
        free(multi);
        return SIM_ENOMEM;
    }
    multi->http = http;
    multi->timer.fire = on_timer_fired;
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi->curl, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(multi->curl, CURLMOPT_TIMERDATA, multi);
    curl_multi_setopt(multi->curl, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    /* Room for every phone's connections, so that nobody's closes for another's. Not a cap. */
    curl_multi_setopt(multi->curl, CURLMOPT_MAXCONNECTS,
                      (long)HTTP_PHONES_PER_MULTI * HTTP_CONNECTIONS_KEPT);
    *out = multi;
    return 0;
}

void http_multi_free(struct http_multi *multi)
{
    CURLMcode rc = curl_multi_cleanup(multi->curl);

    assert(rc == CURLM_OK);
    (void)rc;
    live_timer_clear(multi->http->loop, &multi->timer);
    free(multi);
}
