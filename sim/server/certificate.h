/* sim/server/certificate.h -- a key and a self-signed certificate for one run, as PEM in memory.
 *
 * ECDSA on P-256 (a handshake costs the server a fraction of RSA's). Its names: localhost,
 * 127.0.0.1 and the address the server listens on; valid from an hour ago for 30 days; a client
 * trusts it by taking it as its CA file. Left out: chains and renewal. */
#ifndef SIM_SERVER_CERTIFICATE_H
#define SIM_SERVER_CERTIFICATE_H

#include "sim/addr.h"
#include "sim/server/server.h"

enum {
    SIM_SERVER_PEM_MAX = 256 * 1024, /* bytes of a PEM file that we read; our choice */
};

struct sim_server_identity { /* see server.h */
    char *certificate, *key;
};

/* `*certificate` and `*key` are strings for sim_server_pem_free(). 0 or SIM_ETLS. */
int sim_server_certificate_make(sim_addr addr, char **certificate, char **key);
/* Reads a PEM file whole. 0; or SIM_ENOTFOUND, SIM_EACCES, SIM_EINVAL (empty or too long),
 * SIM_ENOMEM, SIM_EIO. */
int sim_server_pem_read(const char *path, char **out);
/* Wipes and frees; NULL is fine. */
void sim_server_pem_free(char *pem);

#endif /* SIM_SERVER_CERTIFICATE_H */
