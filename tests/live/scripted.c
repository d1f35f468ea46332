/* tests/live/scripted.c -- see scripted.h. */
#include "tests/live/scripted.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 4096,
    CHUNK = 4096,
};

struct connection {
    int fd;
    uint32_t from, number;
    char in[TEST_REQUEST_MAX];
    size_t in_len;
    const struct test_answer *answer; /* being played */
    size_t sent;
    bool waits; /* for the barrier */
    bool mute;  /* TEST_HANG */
    int64_t next_ms;
};

struct test_server {
    const struct test_answer *answers;
    size_t answers_len;
    unsigned barrier;
    int listener, wake;
    uint16_t port;
    pthread_t thread;
    pthread_mutex_t lock; /* over what a test reads */
    struct test_request *requests;
    size_t requests_len;
    unsigned accepted, closed;
    struct connection *connections[CONNECTIONS_MAX];
    size_t connections_len;
};

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void drop(struct test_server *server, struct connection *c, bool reset)
{
    struct linger linger = {.l_onoff = 1};

    if (reset) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    close(c->fd);
    for (size_t i = 0; i < server->connections_len; i++) {
        if (server->connections[i] == c) {
            server->connections[i] = server->connections[--server->connections_len];
            break;
        }
    }
    free(c);
}

static void accept_one(struct test_server *server)
{
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    int fd =
        accept4(server->listener, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const int on = 1;
    struct connection *c;

    if (fd < 0) {
        return;
    }
    if (server->connections_len == CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    c = calloc(1, sizeof(*c));
    c->fd = fd;
    c->from = ntohl(from.sin_addr.s_addr);
    pthread_mutex_lock(&server->lock);
    c->number = server->accepted++;
    pthread_mutex_unlock(&server->lock);
    server->connections[server->connections_len++] = c;
}

static size_t answer_len(const struct test_answer *answer)
{
    size_t len = answer->bytes == NULL ? 0 : answer->len != 0 ? answer->len : strlen(answer->bytes);

    return len + answer->filler;
}

static char answer_byte(const struct test_answer *answer, size_t index)
{
    return index < answer_len(answer) - answer->filler ? answer->bytes[index] : 'x';
}

/* Sends what can be sent now. False: the connection is gone. */
static bool play(struct test_server *server, struct connection *c)
{
    const struct test_answer *answer = c->answer;
    size_t all = answer_len(answer);

    while (c->sent < all) {
        char out[CHUNK];
        size_t len = answer->trickle_ms != 0 ? 1 : CHUNK;
        ssize_t done;

        if (answer->trickle_ms != 0 && now_ms() < c->next_ms) {
            return true;
        }
        len = len > all - c->sent ? all - c->sent : len;
        for (size_t i = 0; i < len; i++) {
            out[i] = answer_byte(answer, c->sent + i);
        }
        done = send(c->fd, out, len, MSG_NOSIGNAL);
        if (done < 0) {
            if (errno == EAGAIN) {
                return true;
            }
            drop(server, c, false);
            return false;
        }
        c->sent += (size_t)done;
        c->next_ms = now_ms() + answer->trickle_ms;
    }
    c->answer = NULL;
    switch (answer->then) {
    case TEST_KEEP:
    case TEST_BARRIER:
        return true;
    case TEST_FINISH:
        shutdown(c->fd, SHUT_WR);
        return true;
    case TEST_HANG:
        c->mute = true;
        return true;
    case TEST_CLOSE:
    case TEST_RESET:
        drop(server, c, answer->then == TEST_RESET);
        return false;
    }
    return true;
}

static void lift_barrier(struct test_server *server)
{
    unsigned waiting = 0;

    for (size_t i = 0; i < server->connections_len; i++) {
        waiting += server->connections[i]->waits ? 1 : 0;
    }
    if (waiting < server->barrier) {
        return;
    }
    for (size_t i = server->connections_len; i-- > 0;) {
        if (server->connections[i]->waits) {
            server->connections[i]->waits = false;
            play(server, server->connections[i]);
        }
    }
}

/* A request is whole: remembers it and begins the answer. False: the connection is gone. */
static bool serve(struct test_server *server, struct connection *c, size_t len)
{
    static const struct test_answer unknown = {
        .bytes = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", .then = TEST_KEEP};
    const char *path = memchr(c->in, ' ', len);
    size_t path_len = path == NULL ? 0 : strcspn(path + 1, " \r\n");

    c->answer = &unknown;
    for (size_t i = 0; i < server->answers_len && path != NULL; i++) {
        if (strlen(server->answers[i].path) == path_len &&
            memcmp(server->answers[i].path, path + 1, path_len) == 0) {
            c->answer = &server->answers[i];
        }
    }
    pthread_mutex_lock(&server->lock);
    if (server->requests_len < TEST_REQUESTS_MAX) {
        server->requests[server->requests_len++] = (struct test_request){
            .from = c->from, .connection = c->number, .head = strndup(c->in, len)};
    }
    pthread_mutex_unlock(&server->lock);
    memmove(c->in, c->in + len, c->in_len - len);
    c->in_len -= len;
    c->in[c->in_len] = '\0';
    c->sent = 0;
    c->next_ms = 0;
    if (c->answer->then == TEST_BARRIER) {
        c->waits = true;
        return true;
    }
    return play(server, c);
}

static void hear(struct test_server *server, struct connection *c)
{
    ssize_t got = recv(c->fd, c->in + c->in_len, sizeof(c->in) - 1 - c->in_len, 0);
    char *end;

    if (got < 0 && errno == EAGAIN) {
        return;
    }
    if (got <= 0) {
        pthread_mutex_lock(&server->lock);
        server->closed++;
        pthread_mutex_unlock(&server->lock);
        drop(server, c, false);
        return;
    }
    c->in_len += (size_t)got;
    c->in[c->in_len] = '\0';
    end = strstr(c->in, "\r\n\r\n");
    if (end != NULL && c->answer == NULL && !c->mute) {
        serve(server, c, (size_t)(end + 4 - c->in));
    }
}

/* The soonest byte of a trickle, in ms; -1: none. */
static int next_trickle(const struct test_server *server)
{
    int64_t now = now_ms(), soonest = -1;

    for (size_t i = 0; i < server->connections_len; i++) {
        const struct connection *c = server->connections[i];

        if (c->answer != NULL && c->answer->trickle_ms != 0) {
            int64_t left = c->next_ms > now ? c->next_ms - now : 0;

            soonest = soonest < 0 || left < soonest ? left : soonest;
        }
    }
    return (int)soonest;
}

static void *run(void *context)
{
    struct test_server *server = context;
    static _Thread_local struct pollfd fds[CONNECTIONS_MAX + 2];
    static _Thread_local struct connection *who[CONNECTIONS_MAX];

    for (;;) {
        size_t count = server->connections_len;

        fds[0] = (struct pollfd){.fd = server->wake, .events = POLLIN};
        fds[1] = (struct pollfd){.fd = server->listener, .events = POLLIN};
        for (size_t i = 0; i < count; i++) {
            struct connection *c = server->connections[i];
            bool writes = c->answer != NULL && !c->waits && c->answer->trickle_ms == 0;

            who[i] = c;
            fds[i + 2] =
                (struct pollfd){.fd = c->fd, .events = (short)(POLLIN | (writes ? POLLOUT : 0))};
        }
        poll(fds, count + 2, next_trickle(server));
        if (fds[0].revents != 0) {
            break;
        }
        for (size_t i = 0; i < count; i++) {
            struct connection *c = who[i];
            bool alive = true;

            if (c->answer != NULL && !c->waits) {
                alive = play(server, c);
            }
            if (alive && (fds[i + 2].revents & (POLLIN | POLLHUP | POLLERR)) != 0) {
                hear(server, c);
            }
        }
        if (server->barrier > 0) {
            lift_barrier(server);
        }
        if (fds[1].revents != 0) {
            accept_one(server);
        }
    }
    while (server->connections_len > 0) {
        drop(server, server->connections[0], false);
    }
    return NULL;
}

struct test_server *test_server_start(const struct test_answer *answers, size_t count,
                                      unsigned barrier)
{
    struct test_server *server = calloc(1, sizeof(*server));
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);

    server->answers = answers;
    server->answers_len = count;
    server->barrier = barrier;
    server->requests = calloc(TEST_REQUESTS_MAX, sizeof(*server->requests));
    server->wake = eventfd(0, EFD_CLOEXEC);
    server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    pthread_mutex_init(&server->lock, NULL);
    if (bind(server->listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        listen(server->listener, 4096) != 0 ||
        getsockname(server->listener, (struct sockaddr *)&addr, &len) != 0 ||
        pthread_create(&server->thread, NULL, run, server) != 0) {
        abort();
    }
    server->port = ntohs(addr.sin_port);
    return server;
}

uint16_t test_server_port(const struct test_server *server)
{
    return server->port;
}

size_t test_server_requests(struct test_server *server, const struct test_request **out)
{
    size_t len;

    pthread_mutex_lock(&server->lock);
    len = server->requests_len;
    pthread_mutex_unlock(&server->lock);
    *out = server->requests;
    return len;
}

unsigned test_server_connections(struct test_server *server)
{
    unsigned count;

    pthread_mutex_lock(&server->lock);
    count = server->accepted;
    pthread_mutex_unlock(&server->lock);
    return count;
}

unsigned test_server_closed(struct test_server *server)
{
    unsigned count;

    pthread_mutex_lock(&server->lock);
    count = server->closed;
    pthread_mutex_unlock(&server->lock);
    return count;
}

void test_server_stop(struct test_server *server)
{
    uint64_t one = 1;

    if (write(server->wake, &one, sizeof(one)) != (ssize_t)sizeof(one)) {
        abort();
    }
    pthread_join(server->thread, NULL);
    close(server->wake);
    close(server->listener);
    for (size_t i = 0; i < server->requests_len; i++) {
        free(server->requests[i].head);
    }
    free(server->requests);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
