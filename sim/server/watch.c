/* sim/server/watch.c -- see watch.h. libmicrohttpd calls from its own thread; a stream that has
 * nothing to say is suspended there, and resumed by whoever sends; a client that waits for the end
 * is suspended before its answer, and asked for it again then.
 *
 * Locks: ours first, then libmicrohttpd's (suspend and resume take that); it calls us without its
 * own. */
#include "sim/server/watch.h"

#include <assert.h>
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/server/listener.h"

enum {
    CONNECTION_BYTES = 16 * 1024, /* of a request's head and of what is sent at once */
    BLOCK_BYTES = 8 * 1024,       /* of a stream, asked for at once */
    FIRST_BYTES = 4 * 1024,       /* of a client's buffer */
};

/* A client of the stream, or one that waits for the end. */
struct stream {
    struct stream *next, **at; /* in the server's list */
    struct sim_server_watch *watch;
    struct MHD_Connection *connection;
    bool awaits_end; /* no stream: has no bytes, and is answered at the end */
    char *bytes;     /* not taken yet: from..to */
    size_t from, to, cap;
    bool is_suspended;
    bool is_dropped; /* it is too far behind, or there was no memory: has no bytes */
};

struct sim_server_watch {
    struct sim_server_watch_config config;
    struct MHD_Daemon *daemon;
    uint16_t port;
    pthread_mutex_t lock;
    pthread_cond_t ended; /* a stream */
    struct stream *streams;
    size_t streams_len, waiting_len; /* of them that follow, and that wait for the end */
    bool is_closing;
};

/* ---- Streams; all with the lock held ---- */

static void wake(struct stream *s)
{
    if (s->is_suspended) {
        s->is_suspended = false;
        MHD_resume_connection(s->connection);
    }
}

static void drop(struct stream *s)
{
    free(s->bytes);
    s->bytes = NULL;
    s->from = s->to = s->cap = 0;
    s->is_dropped = true;
    wake(s);
}

/* Room for `len` bytes more; false when there is no memory. */
static bool make_room(struct stream *s, size_t len)
{
    size_t pending = s->to - s->from, cap = s->cap == 0 ? FIRST_BYTES : s->cap;

    if (len > SIZE_MAX / 4 - pending) {
        return false;
    }
    if (len <= s->cap - s->to) {
        return true;
    }
    if (s->from > 0) { /* only now: what is moved then is little, taken over all */
        memmove(s->bytes, s->bytes + s->from, pending);
        s->from = 0;
        s->to = pending;
    }
    while (cap / 2 < pending + len) { /* half of it free, so that moves are rare */
        cap *= 2;
    }
    if (cap > s->cap) {
        char *grown = realloc(s->bytes, cap);
        if (grown == NULL) {
            return false;
        }
        s->bytes = grown;
        s->cap = cap;
    }
    return true;
}

static void append(struct stream *s, const char *bytes, size_t len)
{
    if (s->awaits_end || s->is_dropped || len == 0) {
        return;
    }
    /* One message is let in however long it is: the last one may be. */
    if (s->to - s->from > SIM_SERVER_WATCH_BEHIND_MAX || !make_room(s, len)) {
        drop(s);
        return;
    }
    memcpy(s->bytes + s->to, bytes, len);
    s->to += len;
    wake(s);
}

/* ---- What libmicrohttpd asks ---- */

static ssize_t read_stream(void *context, uint64_t at, char *out, size_t room)
{
    struct stream *s = context;
    struct sim_server_watch *w = s->watch;
    ssize_t n = 0;

    (void)at;
    pthread_mutex_lock(&w->lock);
    size_t pending = s->to - s->from;
    if (s->is_dropped) {
        n = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (pending > 0) {
        size_t len = pending < room ? pending : room;
        memcpy(out, s->bytes + s->from, len);
        s->from += len;
        n = (ssize_t)len;
    } else if (w->is_closing) {
        n = MHD_CONTENT_READER_END_OF_STREAM;
    } else if (!s->is_suspended) {
        s->is_suspended = true;
        MHD_suspend_connection(s->connection);
    }
    pthread_mutex_unlock(&w->lock);
    return n;
}

/* Stands for a request that is no stream and not answered yet. */
static char has_head;

static void on_completed(void *context, struct MHD_Connection *connection, void **of_request,
                         enum MHD_RequestTerminationCode code)
{
    struct sim_server_watch *w = context;
    struct stream *s = *of_request;

    (void)connection;
    (void)code;
    if (s == NULL || *of_request == &has_head) {
        return; /* a document */
    }
    pthread_mutex_lock(&w->lock);
    *s->at = s->next;
    if (s->next != NULL) {
        s->next->at = s->at;
    }
    --*(s->awaits_end ? &w->waiting_len : &w->streams_len);
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
    free(s->bytes);
    free(s);
    *of_request = NULL;
}

/* Takes the response over. */
static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct MHD_Response *response, const char *type)
{
    if (response == NULL) {
        return MHD_NO; /* no memory: the connection is closed */
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *text)
{
    /* The library copies; its argument lacks a const. */
    return answer(connection, status,
                  MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                  MHD_RESPMEM_MUST_COPY),
                  "text/plain; charset=utf-8");
}

/* With the lock held. */
static void join(struct sim_server_watch *w, struct stream *s)
{
    s->at = &w->streams;
    s->next = w->streams;
    if (s->next != NULL) {
        s->next->at = &s->next;
    }
    w->streams = s;
    ++*(s->awaits_end ? &w->waiting_len : &w->streams_len);
}

/* A client more, with what `make` begins with; NULL: too many, or no memory. */
static struct stream *add_stream(struct sim_server_watch *w, struct MHD_Connection *connection,
                                 const struct sim_server_watch_document *d)
{
    struct stream *s = calloc(1, sizeof(*s));
    unsigned status = MHD_HTTP_OK;
    size_t len = 0;

    if (s == NULL) {
        return NULL;
    }
    s->watch = w;
    s->connection = connection;
    pthread_mutex_lock(&w->lock);
    bool taken = w->streams_len < SIM_SERVER_WATCH_STREAMS_MAX && !w->is_closing;
    if (taken) {
        char *text = d->make != NULL ? d->make(w->config.context, &len, &status) : NULL;
        join(w, s);
        if (text != NULL) {
            append(s, text, len);
        }
        free(text);
    }
    pthread_mutex_unlock(&w->lock);
    if (!taken) {
        free(s);
    }
    return taken ? s : NULL;
}

static enum MHD_Result answer_stream(struct sim_server_watch *w, struct MHD_Connection *connection,
                                     const struct sim_server_watch_document *d, void **of_request)
{
    struct stream *s = add_stream(w, connection, d);

    if (s == NULL) {
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                           "too many watch already; close one of the pages\n");
    }
    *of_request = s; /* on_completed() frees it, whatever happens to the answer */
    return answer(
        connection, MHD_HTTP_OK,
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, read_stream, s, NULL),
        d->type);
}

static enum MHD_Result answer_made(struct sim_server_watch *w, struct MHD_Connection *connection,
                                   const struct sim_server_watch_document *d)
{
    unsigned status = MHD_HTTP_OK;
    size_t len = 0;

    pthread_mutex_lock(&w->lock);
    char *text = d->make(w->config.context, &len, &status);
    pthread_mutex_unlock(&w->lock);
    if (text == NULL) {
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory\n");
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(len, text, MHD_RESPMEM_MUST_FREE);
    if (response == NULL) {
        free(text);
    }
    return answer(connection, status, response, d->type);
}

/* Puts the request off: the library calls again when it is resumed. False: answer it now, since
 * this is the end. */
static bool put_off(struct stream *s)
{
    pthread_mutex_lock(&s->watch->lock);
    bool is_early = !s->watch->is_closing;
    if (is_early && !s->is_suspended) {
        s->is_suspended = true;
        MHD_suspend_connection(s->connection);
    }
    pthread_mutex_unlock(&s->watch->lock);
    return is_early;
}

/* One that waits more. NULL: too many, or no memory. */
static struct stream *add_waiting(struct sim_server_watch *w, struct MHD_Connection *connection)
{
    struct stream *s = calloc(1, sizeof(*s));

    if (s == NULL) {
        return NULL;
    }
    s->watch = w;
    s->connection = connection;
    s->awaits_end = true;
    pthread_mutex_lock(&w->lock);
    bool taken = w->waiting_len < SIM_SERVER_WATCH_WAITING_MAX;
    if (taken) {
        join(w, s);
    }
    pthread_mutex_unlock(&w->lock);
    if (!taken) {
        free(s);
    }
    return taken ? s : NULL;
}

static bool wants_to_wait(struct MHD_Connection *connection,
                          const struct sim_server_watch_document *d)
{
    const char *wait =
        d->may_wait ? MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "wait") : NULL;

    return wait != NULL && strcmp(wait, "1") == 0;
}

/* The answer to who may wait: nothing yet, or what there is. */
static enum MHD_Result answer_at_end(struct sim_server_watch *w, struct MHD_Connection *connection,
                                     const struct sim_server_watch_document *d, void **of_request)
{
    struct stream *s = *of_request;

    if (s == NULL) {
        *of_request = s = add_waiting(w, connection); /* on_completed() frees it */
    }
    if (s == NULL) {
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE, "too many wait already\n");
    }
    return put_off(s) ? MHD_YES : answer_made(w, connection, d);
}

static enum MHD_Result answer_unknown(const struct sim_server_watch *w,
                                      struct MHD_Connection *connection)
{
    char text[1024] = "no such page here; there are:\n";
    size_t len = strlen(text);

    for (size_t i = 0; i < w->config.documents_len; i++) {
        int n = snprintf(text + len, sizeof(text) - len, "%s\n", w->config.documents[i].path);
        if (n < 0 || (size_t)n >= sizeof(text) - len) {
            break;
        }
        len += (size_t)n;
    }
    return answer_text(connection, MHD_HTTP_NOT_FOUND, text);
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **of_request)
{
    struct sim_server_watch *w = context;

    (void)version;
    (void)upload;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
    }
    if (*of_request == NULL) { /* the head alone: who answers now closes the connection */
        *of_request = &has_head;
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT,
                                  (unsigned)SIM_SERVER_WATCH_IDLE_S);
        return MHD_YES;
    }
    if (*upload_len > 0) { /* a body behind a GET: dropped */
        *upload_len = 0;
        return MHD_YES;
    }
    if (*of_request == &has_head) {
        *of_request = NULL;
    } /* else it was put off, and this is the end */
    for (size_t i = 0; i < w->config.documents_len; i++) {
        const struct sim_server_watch_document *d = &w->config.documents[i];
        if (strcmp(d->path, url) != 0) {
            continue;
        }
        if (d->is_stream) {
            return answer_stream(w, connection, d, of_request);
        }
        if (wants_to_wait(connection, d)) {
            return answer_at_end(w, connection, d, of_request);
        }
        if (d->bytes == NULL) {
            return answer_made(w, connection, d);
        }
        return answer(connection, MHD_HTTP_OK,
                      MHD_create_response_from_buffer(d->len, (void *)(uintptr_t)d->bytes,
                                                      MHD_RESPMEM_PERSISTENT),
                      d->type);
    }
    return answer_unknown(w, connection);
}

/* ---- The server ---- */

/* On a thread without signals: those are the program's. */
static struct MHD_Daemon *start_daemon(struct sim_server_watch *w, int listener)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, w,
        MHD_OPTION_LISTEN_SOCKET, listener, MHD_OPTION_NOTIFY_COMPLETED, on_completed, w,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)SIM_SERVER_WATCH_CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)SIM_SERVER_WATCH_SILENT_S, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

static void release(struct sim_server_watch *w)
{
    pthread_cond_destroy(&w->ended);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

int sim_server_watch_start(struct sim_server_watch **out,
                           const struct sim_server_watch_config *config,
                           char why[SIM_SERVER_TEXT_MAX])
{
    struct sim_server_watch *w = calloc(1, sizeof(*w));
    pthread_condattr_t clock;
    int listener = -1;

    assert(config->documents_len <= SIM_SERVER_WATCH_DOCUMENTS_MAX);
    if (w == NULL) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    w->config = *config;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&w->ended, &clock);
    pthread_condattr_destroy(&clock);
    int rc = sim_server_listener_open(config->addr, config->port, &listener, &w->port);
    if (rc != 0) {
        sim_server_listener_explain(rc, false, "the page", config->addr, config->port, why);
        release(w);
        return rc;
    }
    w->daemon = start_daemon(w, listener);
    if (w->daemon == NULL) {
        snprintf(why, SIM_SERVER_TEXT_MAX,
                 "the page's server can't start: out of memory, threads or descriptors");
        close(listener);
        release(w);
        return SIM_ELIMIT;
    }
    *out = w;
    return 0;
}

uint16_t sim_server_watch_port(const struct sim_server_watch *w)
{
    return w->port;
}

void sim_server_watch_lock(struct sim_server_watch *w)
{
    pthread_mutex_lock(&w->lock);
}

void sim_server_watch_unlock(struct sim_server_watch *w)
{
    pthread_mutex_unlock(&w->lock);
}

void sim_server_watch_send(struct sim_server_watch *w, const char *bytes, size_t len)
{
    for (struct stream *s = w->streams; s != NULL; s = s->next) {
        append(s, bytes, len);
    }
}

size_t sim_server_watch_streams(const struct sim_server_watch *w)
{
    return w->streams_len;
}

static struct timespec instant_after(sim_duration d)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    uint64_t ns = (uint64_t)at.tv_nsec + d % SIM_S;
    at.tv_sec += (time_t)(d / SIM_S + ns / SIM_S);
    at.tv_nsec = (long)(ns % SIM_S);
    return at;
}

void sim_server_watch_stop(struct sim_server_watch *w, sim_duration patience)
{
    if (w == NULL) {
        return;
    }
    struct timespec until = instant_after(patience);
    int late = 0;
    pthread_mutex_lock(&w->lock);
    w->is_closing = true; /* from here on nothing is suspended: the library can't stop with that */
    for (struct stream *s = w->streams; s != NULL; s = s->next) {
        wake(s);
    }
    while (w->streams != NULL && late == 0) {
        late = pthread_cond_timedwait(&w->ended, &w->lock, &until);
    }
    pthread_mutex_unlock(&w->lock);
    MHD_stop_daemon(w->daemon);
    assert(w->streams == NULL);
    release(w);
}
