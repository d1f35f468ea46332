/* sim/addr.h -- IPv4 addresses as plain numbers in host order, and blocks of them. Pure: no socket.
 */
#ifndef SIM_ADDR_H
#define SIM_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint32_t sim_addr; /* host byte order; 0 is "none" */

enum {
    SIM_ADDR_TEXT_MAX = 16, /* "255.255.255.255" and its NUL */
};

struct sim_cidr {
    sim_addr base; /* host bits are zero */
    uint8_t bits;  /* 0..32 */
};

/* Writes dotted quad into `out`; returns `out`. */
char *sim_addr_format(sim_addr addr, char out[SIM_ADDR_TEXT_MAX]);
/* Strict dotted quad, nothing before or behind. 0 or SIM_EINVAL. */
int sim_addr_parse(const char *text, sim_addr *out);
/* "10.77.0.0/22"; a bare address is a /32. Host bits that are set are an error. 0 or SIM_EINVAL. */
int sim_cidr_parse(const char *text, struct sim_cidr *out);
bool sim_cidr_contains(const struct sim_cidr *block, sim_addr addr);
/* Addresses in the block: 2^(32-bits). */
uint64_t sim_cidr_size(const struct sim_cidr *block);
bool sim_addr_is_loopback(sim_addr addr); /* 127.0.0.0/8 */
/* 10/8, 172.16/12, 192.168/16, 169.254/16, 100.64/10 (RFC 1918, 3927, 6598). */
bool sim_addr_is_private(sim_addr addr);
/* May a live run aim at it? Loopback, private, or in one of `len` blocks of `allow`. */
bool sim_addr_is_target(sim_addr addr, const struct sim_cidr *allow, size_t len);

#endif /* SIM_ADDR_H */
