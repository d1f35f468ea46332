/* sim/live/resolve.c -- see resolve.h. Blocking: used before a run only. */
#include "sim/live/resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"

int sim_live_resolve(const char *host, sim_addr *out, char *why, size_t why_cap)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;

    if (sim_addr_parse(host, out) == 0) {
        return 0;
    }
    int rc = getaddrinfo(host, NULL, &hints, &list);
    if (rc != 0 || list == NULL) {
        snprintf(why, why_cap,
                 "the name %.200s can't be resolved: %s; write an address in server.url", host,
                 gai_strerror(rc));
        return SIM_EUNREACHABLE;
    }
    struct sockaddr_in address;
    memcpy(&address, list->ai_addr, sizeof(address));
    *out = ntohl(address.sin_addr.s_addr);
    freeaddrinfo(list);
    return 0;
}

static int connect_within(int fd, const struct sockaddr_in *to, sim_duration limit)
{
    if (connect(fd, (const struct sockaddr *)to, sizeof(*to)) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return sim_err_from_errno(errno);
    }
    struct pollfd wait = {.fd = fd, .events = POLLOUT};
    int got = poll(&wait, 1, (int)(limit / SIM_MS));
    if (got <= 0) {
        return got == 0 ? SIM_ETIMEDOUT : sim_err_from_errno(errno);
    }
    int error = 0;
    socklen_t len = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
    return sim_err_from_errno(error);
}

int sim_live_probe(sim_addr source, sim_addr addr, uint16_t port, sim_duration limit, char *why,
                   size_t why_cap)
{
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(source)};
    char text[SIM_ADDR_TEXT_MAX];
    int rc;

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        rc = sim_err_from_errno(errno);
    } else if (source != 0 && bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0) {
        rc = sim_err_from_errno(errno);
        snprintf(why, why_cap,
                 "%s can't be used as a source address: %s; is it an address of this host?",
                 sim_addr_format(source, text), sim_err_text(rc));
        close(fd);
        return rc;
    } else {
        rc = connect_within(fd, &to, limit);
    }
    if (fd >= 0) {
        close(fd);
    }
    if (rc != 0) {
        snprintf(why, why_cap,
                 "the server %s:%u does not answer: %s; is it running, is server.url right?",
                 sim_addr_format(addr, text), port, sim_err_text(rc));
    }
    return rc;
}
