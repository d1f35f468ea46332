/* sim/server/server.h -- the embedded provisioning server: HTTP(S) and TFTP in a child process.
 *
 * A child of its own so that its descriptors are not the phones'; it ends with its parent whatever
 * happens (PR_SET_PDEATHSIG and a pipe that closes). Fork it before any thread or loop exists: the
 * child keeps a copy of the catalog and serves nothing that is not in it. A folder is served
 * through the catalog's fallback (see root), where every name is checked: no "..", no absolute
 * name, no NUL, no drive letter, no backslash, no link that leads outside (openat2
 * RESOLVE_BENEATH). */
#ifndef SIM_SERVER_SERVER_H
#define SIM_SERVER_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/content.h"
#include "sim/setup.h"

enum {
    SIM_SERVER_TEXT_MAX = 512,
};

/* A key and its self-signed certificate, made in this process and kept in its memory, so that the
 * servers of one run are trusted alike. */
struct sim_server_identity;

/* For servers at `addr` (0: 127.0.0.1). 0, SIM_ENOMEM or SIM_ETLS. */
int sim_server_identity_new(struct sim_server_identity **out, sim_addr addr);
void sim_server_identity_free(struct sim_server_identity *identity); /* NULL is fine; wipes it */

struct sim_server_config {
    const struct sim_catalog *catalog; /* NULL: none; borrowed until sim_server_start() returns */
    const char *root;                  /* a folder served read-only; NULL: none */
    const char
        *upload_root;   /* TFTP WRQ writes new files below it; NULL: WRQ is refused (error 2) */
    sim_addr bind_addr; /* 0: 127.0.0.1, or every address of the host with bind_any */
    bool bind_any;
    bool http, https, tftp;
    uint16_t http_port, https_port, tftp_port; /* 0: the kernel chooses */
    const char *tls_cert_file,
        *tls_key_file; /* PEM; NULL: a self-signed one is made for this run */
    const struct sim_server_identity *identity; /* in their place: made before, for several servers;
                                                   NULL: none; borrowed as the catalog is */
    uint64_t uplink_bit_s;  /* of all that leaves the server together; SIM_RATE_NONE */
    uint32_t max_transfers; /* HTTP and TFTP together; 0: no limit */
    enum sim_overflow overflow;
    sim_duration response_time;
    uint16_t tftp_blksize_max;    /* 0: 65464 */
    uint16_t tftp_windowsize_max; /* 0: 65535 */
    sim_duration tftp_timeout;    /* per datagram; 0: 1 s */
    uint32_t tftp_retries;        /* 0: 6 */
    const char
        *access_log; /* file, appended to, one line a request; "-": standard error; NULL: none */
};

struct sim_server_ports {
    sim_addr addr;
    uint16_t http, https, tftp; /* 0: off */
    char ca_file[256]; /* PEM of the certificate made for this run; "" when there is none */
};

/* What the child counts, in shared memory: may be read at any time. A request is counted when it
 * has ended, after all that belongs to it. payload_bytes   bodies of files sent, those of broken
 * transfers as far as they came, TFTP's resent blocks too bytes           all that was handed to
 * TCP (TLS included), and TFTP's datagrams without IP and UDP errors          answered with an
 * error, or broken off; neither not_found nor refused refused, queued requests that found
 * max_transfers reached: turned away (HTTP 503, TFTP error 0), made to wait transfers       under
 * way now. Only what sends a file takes a place: errors and HEAD do not. */
struct sim_server_stats {
    uint64_t requests, payload_bytes, bytes, errors, not_found, refused, queued;
    uint32_t transfers, peak_transfers;
};

struct sim_server;

/* Starts the child and returns when it listens. Call it from a thread that lives as long as the
 * server shall (the main one): the kernel ends the child with that thread. The uplink's rate counts
 * whole packets: segments of 1448 bytes with 52 bytes of headers, TFTP's datagrams with 28. 0, or
 * SIM_E* (SIM_EADDRINUSE, SIM_EACCES, SIM_ENOTFOUND, ...) with a sentence in `why`. */
int sim_server_start(struct sim_server **out, const struct sim_server_config *config,
                     char why[SIM_SERVER_TEXT_MAX]);
void sim_server_ports(const struct sim_server *server, struct sim_server_ports *out);
void sim_server_stats(const struct sim_server *server, struct sim_server_stats *out);
/* False when the child has died; the reason in `why`. */
bool sim_server_alive(struct sim_server *server, char why[SIM_SERVER_TEXT_MAX]);
/* Ends the child, waits for it, frees. NULL is fine. */
void sim_server_stop(struct sim_server *server);

/* The same in this process, until `*stop` becomes non-zero (a signal handler sets it): `pfsim
 * serve`. `ready` is called once with the ports. 0 or SIM_E*. */
int sim_server_run(const struct sim_server_config *config, const volatile int *stop,
                   void (*ready)(void *context, const struct sim_server_ports *ports),
                   void *context, char why[SIM_SERVER_TEXT_MAX]);

#endif /* SIM_SERVER_SERVER_H */
