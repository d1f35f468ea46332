/* sim/server/kernel.c -- see kernel.h. */
#include "sim/server/kernel.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

bool sim_server_kernel_tcp(int fd, uint64_t *written, uint64_t *acked)
{
    struct tcp_info info;
    socklen_t len = sizeof(info);
    memset(&info, 0, sizeof(info)); /* an older kernel fills less */
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0) {
        return false;
    }
    *written = info.tcpi_bytes_sent - info.tcpi_bytes_retrans + info.tcpi_notsent_bytes;
    *acked = info.tcpi_bytes_acked;
    return true;
}
