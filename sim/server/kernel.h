/* sim/server/kernel.h -- what the kernel knows of a TCP connection. A file of its own, because its
 * header and the C library's can't be included together. */
#ifndef SIM_SERVER_KERNEL_H
#define SIM_SERVER_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes of ours that the kernel took so far (sent or not yet, each once), and that the other side
 * has acknowledged. False, and nothing written, when it does not tell. */
bool sim_server_kernel_tcp(int fd, uint64_t *written, uint64_t *acked);

#endif /* SIM_SERVER_KERNEL_H */
