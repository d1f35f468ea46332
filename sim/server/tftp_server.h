/* sim/server/tftp_server.h -- the TFTP side of the embedded server: sockets and timers around
 * sim/tftp.
 *
 * Inside sim/server only. One listening socket, and one socket (its own TID) for each transfer, all
 * on the owner's libuv loop and thread. Everything that TFTP shares with HTTP comes in through
 * tables of functions: where files come from and go to, who may start (max_transfers), when bytes
 * may leave (uplink), what is counted and logged. Requests that can't be served are answered with
 * an error and cost no socket.
 *
 * Left out: netascii and mail (answered with an error), IPv6, multicast (RFC 2090). */
#ifndef SIM_SERVER_TFTP_SERVER_H
#define SIM_SERVER_TFTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "sim/addr.h"
#include "sim/time.h"

struct server_tftp;
struct server_tftp_transfer;

enum {
    SERVER_TFTP_NAME_MAX = 512,   /* bytes of a file name with its NUL; a longer one is error 4. RFC
                                     2347:   a request has at most 512 bytes */
    SERVER_TFTP_REASON_MAX = 200, /* bytes of a reason with its NUL */
};

/* Where files come from. Calls are quick and never call back into the server. */
struct server_tftp_source {
    void *context;
    /* Opens `name`, exactly as the client wrote it (the source decides what a name may be). 0,
     * `*handle` and `*size` in bytes; or SIM_ENOTFOUND (error 1), SIM_EACCES (error 2), anything
     * else (error 0). */
    int (*open)(void *context, const char *name, void **handle, uint64_t *size);
    /* Copies bytes [offset, offset+len) and returns how many there were. Fewer than asked for,
     * inside the size that open() gave, end the transfer with error 0. Called again for what is
     * sent again. */
    size_t (*read)(void *context, void *handle, uint64_t offset, void *bytes, size_t len);
    void (*close)(void *context, void *handle);
};

/* Where uploads (WRQ) go. */
struct server_tftp_sink {
    void *context;
    /* Creates `name`. `size`: what the client promises (tsize), UINT64_MAX when it does not say. 0
     * and `*handle`; or SIM_EEXIST (error 6), SIM_EACCES (error 2), SIM_ENOSPC (error 3),
     * SIM_ENOTFOUND (error 1), else error 0. */
    int (*create)(void *context, const char *name, uint64_t size, void **handle);
    /* Appends. 0; or SIM_ENOSPC (error 3), else error 0: the transfer ends. */
    int (*write)(void *context, void *handle, const void *bytes, size_t len);
    /* `complete`: all of the file came; else it must not stay behind under its name. Called before
     * the last block is acknowledged; non-zero is told to the client as in write(). */
    int (*close)(void *context, void *handle, bool complete);
};

enum server_tftp_admission {
    SERVER_TFTP_ADMITTED, /* release() will be called once */
    SERVER_TFTP_QUEUED, /* server_tftp_granted() follows later, unless withdraw() is called first */
    SERVER_TFTP_REFUSED, /* the client gets error 0 "server busy" */
};

/* How a request ended, for counting and for the access log. */
struct server_tftp_report {
    sim_addr client;
    uint16_t client_port;
    const char *name;   /* borrowed for the call; "" when the request could not be read */
    bool write;         /* WRQ */
    uint64_t size;      /* of the file; UINT64_MAX when unknown */
    uint64_t payload;   /* bytes of body put on the wire or taken in, resent ones too */
    uint64_t bytes;     /* all UDP payload bytes sent */
    uint64_t blocks;    /* DATA packets sent (or accepted), resent ones too */
    uint32_t resends;   /* times that a deadline passed without an answer */
    sim_duration took;  /* from the request's arrival on */
    int status;         /* 0 or SIM_E* */
    int code;           /* TFTP error code sent or received; -1: none */
    const char *reason; /* borrowed; "" on success */
};

/* What is shared with HTTP. Any entry may be NULL: everything is admitted, nothing waits, nobody
 * listens. */
struct server_tftp_hooks {
    void *context;
    /* Asked once per request that can be served, after the file was opened. */
    enum server_tftp_admission (*admit)(void *context, struct server_tftp_transfer *transfer);
    /* An admitted (or granted) transfer has ended. May lead to server_tftp_granted() of another. */
    void (*release)(void *context);
    /* A queued transfer went away before its turn (the server closes). */
    void (*withdraw)(void *context, struct server_tftp_transfer *transfer);
    /* `bytes` (IP and UDP headers included) want to leave now, `now` in ns of CLOCK_MONOTONIC. They
     * are charged to the uplink; returns the instant from which they may be sent: `now` or earlier
     * means at once. */
    sim_time (*take)(void *context, sim_time now, size_t bytes);
    void (*report)(void *context, const struct server_tftp_report *report);
};

struct server_tftp_config {
    sim_addr bind_addr;
    uint16_t port; /* 0: the kernel chooses */
    struct server_tftp_source source;
    const struct server_tftp_sink *sink; /* NULL: WRQ is refused with error 2; copied */
    struct server_tftp_hooks hooks;
    sim_duration response_time; /* between a request and its first answer */
    uint16_t blksize_max;       /* 8..65464; 0: 65464 */
    uint16_t windowsize_max;    /* 0: 65535 */
    sim_duration timeout;       /* before a datagram is sent again, at first; 0: 1 s */
    uint32_t retries;           /* times that a datagram is sent again; 0: TRIES_DEFAULT in all */
};

/* Binds and listens on `loop`. 0 and `*out`; or SIM_EADDRINUSE, SIM_EACCES (a port below 1024),
 * SIM_EUNREACHABLE (not an address of this host), SIM_ENOMEM, SIM_ELIMIT, SIM_EIO. */
int server_tftp_new(struct server_tftp **out, uv_loop_t *loop,
                    const struct server_tftp_config *config);
/* The port it listens on. */
uint16_t server_tftp_port(const struct server_tftp *server);
/* Transfers that have a socket now, those in their final wait included. */
uint32_t server_tftp_transfers(const struct server_tftp *server);
/* Ends every transfer and stops listening. The handles close in the loop's next turns, then
 * `closed` (may be NULL) is called and the memory is gone: run the loop until then. */
void server_tftp_close(struct server_tftp *server, void (*closed)(void *context), void *context);

/* A place became free for a queued transfer. Not from inside one of the server's calls to admit().
 */
void server_tftp_granted(struct server_tftp_transfer *transfer);

/* A word for the owner's own queue: the server never reads it. */
void server_tftp_set_tag(struct server_tftp_transfer *transfer, void *tag);
void *server_tftp_tag(const struct server_tftp_transfer *transfer);

#endif /* SIM_SERVER_TFTP_SERVER_H */
