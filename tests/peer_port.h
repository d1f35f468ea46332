/* tests/peer_port.h -- a port for a peer subnet of a test's own, free for UDP and TCP on every
 * address.
 *
 * Not the kernel's choice: its ephemeral ports are also the source ports of every other test's
 * connections, which would take it between the look and the use. Drawn below them, and looked at.
 */
#ifndef TESTS_PEER_PORT_H
#define TESTS_PEER_PORT_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    TEST_PEER_PORT_MIN = 10000,
    TEST_PEER_PORT_MAX = 32000, /* net.ipv4.ip_local_port_range begins at 32768 */
};

/* 0 when there is none. */
static inline uint16_t test_peer_port(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t draw = (uint64_t)getpid() * 2654435761u ^ (uint64_t)now.tv_nsec;
    for (int attempt = 0; attempt < 1000; attempt++) {
        draw = draw * 6364136223846793005u + 1442695040888963407u;
        uint16_t port = (uint16_t)(TEST_PEER_PORT_MIN +
                                   (draw >> 33) % (TEST_PEER_PORT_MAX - TEST_PEER_PORT_MIN));
        struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
        int udp = socket(AF_INET, SOCK_DGRAM, 0), tcp = socket(AF_INET, SOCK_STREAM, 0);
        bool ok = bind(udp, (struct sockaddr *)&addr, sizeof(addr)) == 0 &&
                  bind(tcp, (struct sockaddr *)&addr, sizeof(addr)) == 0;
        close(udp);
        close(tcp);
        if (ok) {
            return port;
        }
    }
    return 0;
}

#endif /* TESTS_PEER_PORT_H */
