/* sim/server/listener.c -- see listener.h. */
#include "sim/server/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/server/holder.h"

enum {
    BACKLOG = 4096, /* connections that the kernel keeps for us; a storm of phones at once */
};

int sim_server_listener_open(sim_addr addr, uint16_t port, int *out, uint16_t *out_port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof(in);
    int on = 1;
    in.sin_addr.s_addr = htonl(addr);

    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    /* Connections of an earlier run that are in TIME_WAIT must not keep us from our port. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&in, &len) != 0) {
        int rc = sim_err_from_errno(errno);
        close(fd);
        return rc;
    }
    *out = fd;
    *out_port = ntohs(in.sin_port);
    return 0;
}

void sim_server_listener_explain(int rc, bool udp, const char *what, sim_addr addr, uint16_t port,
                                 char why[SIM_SERVER_TEXT_MAX])
{
    char text[SIM_ADDR_TEXT_MAX], holder[SIM_SERVER_HOLDER_MAX];
    sim_addr_format(addr, text);
    if (rc == SIM_EADDRINUSE) {
        bool known = sim_server_holder_find(udp, port, holder);
        snprintf(why, SIM_SERVER_TEXT_MAX, "%s port %u of %s is in use%s%s", what, port, text,
                 known ? " by " : "", holder);
    } else if (rc == SIM_EACCES) {
        snprintf(
            why, SIM_SERVER_TEXT_MAX,
            "%s port %u of %s is not allowed: ports below 1024 need root or CAP_NET_BIND_SERVICE",
            what, port, text);
    } else if (rc == SIM_EUNREACHABLE) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "%s: %s is not an address of this host", what, text);
    } else {
        snprintf(why, SIM_SERVER_TEXT_MAX, "%s can't listen on %s port %u: %s", what, text, port,
                 sim_err_text(rc));
    }
}
