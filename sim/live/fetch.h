/* sim/live/fetch.h -- one request to a server from one phone's address: what HTTP and TFTP share.
 *
 * Inside sim/live only. The world (world.c) chooses the protocol and where to connect (the site's
 * relay, or the server itself) and owns the request's memory; http.c and tftp_client.c move the
 * bytes. */
#ifndef SIM_LIVE_FETCH_H
#define SIM_LIVE_FETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/setup.h"
#include "sim/time.h"
#include "sim/wire.h"
#include "sim/world.h"

struct live_loop;

/* Where to go, and how. Strings are borrowed until done. */
struct live_fetch_target {
    enum sim_protocol protocol;
    enum sim_server_place place; /* for who listens (sim/wire.h) */
    sim_addr source;             /* the phone's own address: connections leave from it */
    sim_addr connect_addr;       /* where the connection or datagram really goes: relay or server */
    uint16_t connect_port;
    const char
        *url; /* HTTP(S): the server's true URL, with the encoded path: Host and SNI come from it */
    const char *path;  /* TFTP: the file name of the RRQ */
    uint64_t offset;   /* HTTP: continue from here (Range); a server that answers 200 instead of 206
                          is   read past these bytes, which count as resent; a 206 that starts
                          elsewhere   is SIM_EPROTO.   TFTP: the first `offset` bytes are read and
                          counted as   resent, not given to `body` */
    bool keep_alive;   /* HTTP: the connection may serve the phone's next request */
    uint64_t body_max; /* more is SIM_ELIMIT; 0: no limit (firmware) */
};

/* What the owner is told; each comes from the loop's own turn, never from inside a call. */
struct live_fetch_ops {
    /* The next bytes of the body, in order, from `offset` on. Non-zero (SIM_E*) ends the fetch with
     * it. */
    int (*body)(void *owner, const uint8_t *bytes, size_t len);
    /* Exactly once, unless cancelled. `result->data` is NULL: the owner has the bytes. resent: body
     * bytes that were thrown away because they lie before `offset`. */
    void (*done)(void *owner, const struct sim_fetch_result *result, uint64_t resent);
};

/* ---- HTTP and HTTPS by libcurl (http.c) ---- */

struct live_http; /* one per loop: many small multis, connections kept per phone */
struct live_http_fetch;

struct live_http_config {
    const char *ca_file; /* NULL: the system's store, loaded once, not once a connection */
    bool verify;
    const char *credentials; /* "user:password" or NULL; never logged */
    const char *user_agent;
    sim_duration stall;   /* no byte for so long, from the start of the request on: SIM_ESTALLED
                             (SIM_ETIMEDOUT when not even the connection stood) */
    struct sim_wire wire; /* hears what goes over the connections; `tell` NULL: nobody does */
    unsigned lane;        /* what it is told as */
};

int live_http_new(struct live_http **out, struct live_loop *loop,
                  const struct live_http_config *config);
/* All fetches must have ended or been cancelled. Idle connections are closed. */
void live_http_free(struct live_http *http);
int live_http_start(struct live_http *http, const struct live_fetch_target *target,
                    const struct live_fetch_ops *ops, void *owner, struct live_http_fetch **out);
void live_http_cancel(struct live_http_fetch *fetch);
/* Closes the kept connections of one phone (it rebooted, or the server is to be found anew). */
void live_http_forget(struct live_http *http, sim_addr source);

/* ---- TFTP by sim/tftp (tftp_client.c) ---- */

struct live_tftp; /* one per loop */
struct live_tftp_fetch;

int live_tftp_new(
    struct live_tftp **out, struct live_loop *loop,
    const struct sim_server_setup *server); /* block_size, window, timeout, retries, stall */
void live_tftp_free(struct live_tftp *tftp);
/* Before the first fetch: who hears of every datagram. */
void live_tftp_listen(struct live_tftp *tftp, const struct sim_wire *wire, unsigned lane);
int live_tftp_start(struct live_tftp *tftp, const struct live_fetch_target *target,
                    const struct live_fetch_ops *ops, void *owner, struct live_tftp_fetch **out);
void live_tftp_cancel(struct live_tftp_fetch *fetch);

#endif /* SIM_LIVE_FETCH_H */
