/* tests/unit/sim_server/client.h -- a small HTTP client on a blocking socket, and scratch folders,
 * for the server's tests. Every wait ends by a time-out of the socket. */
#ifndef TESTS_SIM_SERVER_CLIENT_H
#define TESTS_SIM_SERVER_CLIENT_H

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "sim/content.h"
#include "sim/err.h"
#include "sim/server/server.h"

enum {
    CLIENT_WAIT_S = 20,
};

static inline double client_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* -1 when nobody listens. */
static inline int client_try_dial(uint16_t port)
{
    struct timeval wait = {CLIENT_WAIT_S, 0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert(fd >= 0, "a socket");
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

static inline int client_dial(uint16_t port)
{
    int fd = client_try_dial(port);
    cr_assert(fd >= 0, "nobody listens on port %u", port);
    return fd;
}

static inline void client_send(int fd, const char *text)
{
    size_t len = strlen(text);
    cr_assert_eq(send(fd, text, len, MSG_NOSIGNAL), (ssize_t)len);
}

struct client_reply {
    int status;      /* 0: the server closed without an answer */
    char head[4096]; /* with its NUL */
    uint64_t length; /* Content-Length */
    uint8_t *body;   /* from malloc */
    size_t body_len;
};

/* The value of a header field, up to its line's end, in a buffer of the function; NULL when there
 * is none. */
static inline const char *client_field(const struct client_reply *reply, const char *name)
{
    static char value[256];
    size_t len = strlen(name);
    for (const char *line = strstr(reply->head, "\r\n"); line != NULL;
         line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, len) == 0 && line[2 + len] == ':') {
            const char *start = line + 2 + len + 1;
            start += strspn(start, " ");
            snprintf(value, sizeof(value), "%.*s", (int)strcspn(start, "\r"), start);
            return value;
        }
    }
    return NULL;
}

/* Reads one answer; with `has_body` false nothing behind its head (HEAD). */
static inline void client_read(int fd, bool has_body, struct client_reply *reply)
{
    size_t len = 0;
    memset(reply, 0, sizeof(*reply));
    while (len < sizeof(reply->head) - 1 && strstr(reply->head, "\r\n\r\n") == NULL) {
        if (recv(fd, reply->head + len, 1, 0) != 1) {
            return;
        }
        reply->head[++len] = '\0';
    }
    cr_assert_eq(sscanf(reply->head, "HTTP/1.%*d %d", &reply->status), 1, "%s", reply->head);
    const char *length = client_field(reply, "Content-Length");
    reply->length = length == NULL ? 0 : strtoull(length, NULL, 10);
    reply->body = malloc(reply->length + 1);
    while (has_body && reply->body_len < reply->length) {
        ssize_t n = recv(fd, reply->body + reply->body_len, reply->length - reply->body_len, 0);
        if (n <= 0) {
            break;
        }
        reply->body_len += (size_t)n;
    }
    reply->body[reply->body_len] = '\0';
}

static inline void client_free(struct client_reply *reply)
{
    free(reply->body);
    reply->body = NULL;
}

static inline void client_ask(int fd, const char *method, const char *target, const char *fields)
{
    char request[2048];
    snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target,
             fields);
    client_send(fd, request);
}

/* One request on a connection of its own; returns the status. */
static inline int client_get(uint16_t port, const char *target, struct client_reply *reply)
{
    int fd = client_dial(port);
    client_ask(fd, "GET", target, "");
    client_read(fd, true, reply);
    close(fd);
    return reply->status;
}

static inline int client_status(uint16_t port, const char *target)
{
    struct client_reply reply;
    int status = client_get(port, target, &reply);
    client_free(&reply);
    return status;
}

/* --- scratch
 * ----------------------------------------------------------------------------------------- */

struct scratch {
    char path[64];
};

static inline void scratch_make(struct scratch *s)
{
    strcpy(s->path, "/tmp/pfsim-test-XXXXXX");
    cr_assert_not_null(mkdtemp(s->path));
}

/* Good for the next 15 calls. */
static inline const char *scratch_at(const struct scratch *s, const char *name)
{
    static char path[16][512];
    static unsigned next;
    char *out = path[next++ % 16];
    snprintf(out, sizeof(path[0]), "%s/%s", s->path, name);
    return out;
}

static inline void scratch_write(const struct scratch *s, const char *name, const void *bytes,
                                 size_t len)
{
    FILE *file = fopen(scratch_at(s, name), "wb");
    cr_assert_not_null(file, "%s", name);
    cr_assert_eq(fwrite(bytes, 1, len, file), len);
    fclose(file);
}

static inline void scratch_remove(const struct scratch *s)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", s->path);
    cr_assert_eq(system(command), 0);
}

/* --- servers
 * ----------------------------------------------------------------------------------------- */

static inline struct sim_server *server_start(const struct sim_server_config *config,
                                              struct sim_server_ports *ports)
{
    char why[SIM_SERVER_TEXT_MAX];
    struct sim_server *server = NULL;
    int rc = sim_server_start(&server, config, why);
    cr_assert_eq(rc, 0, "%s: %s", sim_err_name(rc), why);
    sim_server_ports(server, ports);
    return server;
}

#endif /* TESTS_SIM_SERVER_CLIENT_H */
