/* sim/server/tftp_inner.h -- what tftp_server.c (requests), tftp_transfer.c (one transfer) and
 * tftp_alarm.c (time) share. */
#ifndef SIM_SERVER_TFTP_INNER_H
#define SIM_SERVER_TFTP_INNER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "sim/server/tftp_server.h"
#include "sim/tftp/server.h"

enum {
    SERVER_TFTP_TRANSFERS_MAX =
        65536, /* transfers and queued requests; more requests are dropped unanswered. Our choice */
    SERVER_TFTP_REQUESTS = 64,        /* read from the listening socket in one wake-up */
    SERVER_TFTP_DRAIN = 32,           /* datagrams of a writing client read in one wake-up */
    SERVER_TFTP_SEGMENTS = 64,        /* blocks handed to the kernel at once (UDP_MAX_SEGMENTS) */
    SERVER_TFTP_BATCH_BYTES = 65000,  /* of them: a UDP datagram ends at 65,507 */
    SERVER_TFTP_BATCHES = 4,          /* batches in one turn, then others get theirs */
    SERVER_TFTP_RECEIVE = 65536 + 64, /* bytes: any UDP datagram */
    SERVER_TFTP_BUFFER = 70000,       /* bytes to send: a batch, or one block with its header */
};

/* Alarms: a heap of instants behind one timerfd. Embedded in what waits. */
struct server_tftp_alarm {
    sim_time at;
    uint32_t place; /* in the heap + 1; 0: not set */
};

struct server_tftp_clock {
    uv_poll_t poll; /* first */
    int fd;
    sim_time armed; /* what the timerfd is set to; SIM_NEVER */
    struct server_tftp_alarm **heap;
    uint32_t len, cap;
    void (*fire)(struct server_tftp_alarm *alarm, sim_time now);
};

int server_tftp_clock_init(struct server_tftp_clock *clock, uv_loop_t *loop,
                           void (*fire)(struct server_tftp_alarm *alarm, sim_time now));
/* Stops and closes; `closed` is called from a later turn. */
void server_tftp_clock_close(struct server_tftp_clock *clock, uv_close_cb closed);
/* Replaces what was set; SIM_NEVER clears. The heap has room for every transfer: see
 * server_tftp_clock_reserve(). */
void server_tftp_alarm_set(struct server_tftp_clock *clock, struct server_tftp_alarm *alarm,
                           sim_time at);
/* Room for `count` alarms. 0 or SIM_ENOMEM. */
int server_tftp_clock_reserve(struct server_tftp_clock *clock, uint32_t count);

#define SERVER_TFTP_PHASES(X)                                                                      \
    X(QUEUED)  /* for a place (max_transfers); no socket yet */                                    \
    X(DELAYED) /* for response_time to pass; no socket yet */                                      \
    X(RUNNING) /* has a socket */                                                                  \
    X(HOLDING) /* has a socket; one block waits for the uplink */                                  \
    X(CLOSING) /* for libuv to let go of the socket */

enum server_tftp_phase {
#define X(name) SERVER_TFTP_PHASE_##name,
    SERVER_TFTP_PHASES(X)
#undef X
};

struct server_tftp_transfer {
    uv_poll_t poll; /* first */
    struct server_tftp *server;
    struct server_tftp_transfer *next_in_bucket; /* or in the free list */
    struct server_tftp_transfer *next, *before;  /* all that are not free */
    struct server_tftp_alarm alarm;
    struct sim_tftp_server machine;
    struct sim_tftp_peer client;
    sim_addr local; /* address that the request was sent to */
    uint64_t name_hash;
    enum server_tftp_phase phase;
    bool write;
    bool admitted; /* release() is owed */
    bool opened;   /* `handle` is to be closed */
    bool listed;   /* in the table: a repeated request is recognised */
    bool reported;
    bool fragments;     /* blocks larger than the path's MTU are cut by IP */
    bool one_by_one;    /* the kernel refused to cut this block size itself */
    bool blocked;       /* waiting for the socket to be writable */
    uint8_t spin_pause; /* wake-ups until it looks for the next ACK without sleeping again */
    int fd;
    int refusal; /* TFTP code to answer with instead of the file; SIM_TFTP_CODE_NONE */
    int refusal_status;
    const char *refusal_text;
    struct sim_tftp_options options; /* of the request */
    struct sim_tftp_output held;
    void *handle;
    void *tag;
    uint64_t size, payload, bytes, blocks;
    sim_time began;
    char name[SERVER_TFTP_NAME_MAX];
};

struct server_tftp {
    uv_poll_t poll; /* first: the listening socket */
    uv_loop_t *loop;
    struct server_tftp_config config;
    struct server_tftp_sink sink;
    struct sim_tftp_server_limits limits;
    struct server_tftp_clock clock;
    int fd;
    uint16_t port;
    bool closing;
    uint32_t handles; /* that libuv still has: the listener, the clock, sockets */
    void (*closed)(void *context);
    void *closed_context;
    struct server_tftp_transfer *all, *free_list;
    uint32_t count;   /* not free */
    uint32_t sockets; /* of these, with a socket */
    struct server_tftp_transfer **table;
    uint32_t table_len; /* a power of two */
    uint8_t rx[SERVER_TFTP_RECEIVE];
    uint8_t tx[SERVER_TFTP_BUFFER];
};

/* tftp_server.c */
sim_time server_tftp_now(void); /* CLOCK_MONOTONIC in ns */
/* Sends from the listening socket, where no transfer has one of its own. */
void server_tftp_send_error(struct server_tftp *server, struct sim_tftp_peer to, sim_addr from,
                            enum sim_tftp_code code, const char *text);
/* Out of the table: a new request of the same name is a new transfer. */
void server_tftp_unlist(struct server_tftp_transfer *t);
/* Back to the free list; it has no socket (any more). */
void server_tftp_recycle(struct server_tftp_transfer *t);
/* Another handle was closed. */
void server_tftp_handle_closed(struct server_tftp *server);

/* tftp_transfer.c */
/* The place and the time have come: opens the socket and begins, or says the refusal. */
void server_tftp_transfer_begin(struct server_tftp_transfer *t, sim_time now);
void server_tftp_transfer_wake(struct server_tftp_transfer *t, sim_time now);
/* Ends it now, whatever its phase; the client is told. */
void server_tftp_transfer_abort(struct server_tftp_transfer *t, int status, sim_time now);

#endif /* SIM_SERVER_TFTP_INNER_H */
