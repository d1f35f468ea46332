/* sim/server/watch.h -- a small HTTP server for people and tools that watch a run: named documents,
 * and one stream of server-sent events that many may follow.
 *
 * It runs on a thread of its own (libmicrohttpd) and never holds up its owner: what a stream's
 * client has not taken yet waits in a buffer of that client; a client that is too far behind is
 * dropped, and a browser then comes back by itself. GET and HEAD of the paths in the table, nothing
 * else. Not here: what the documents say (analysis/watch), TLS, passwords: listen on loopback, or
 * behind something that has them. */
#ifndef SIM_SERVER_WATCH_H
#define SIM_SERVER_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/server/server.h"
#include "sim/time.h"

enum {
    SIM_SERVER_WATCH_CONNECTIONS_MAX = 64,         /* all our choices; more are closed at once */
    SIM_SERVER_WATCH_STREAMS_MAX = 32,             /* clients that follow; others get status 503 */
    SIM_SERVER_WATCH_WAITING_MAX = 16,             /* clients that wait for the end; the same */
    SIM_SERVER_WATCH_BEHIND_MAX = 2 * 1024 * 1024, /* bytes that a client may have to take yet */
    SIM_SERVER_WATCH_SILENT_S = 5, /* without a byte before the first request: who connects and says
                                      nothing holds one of the connections that long */
    SIM_SERVER_WATCH_IDLE_S = 20,  /* without a byte either way since then; does not count while a
                                      stream has nothing to say */
    SIM_SERVER_WATCH_DOCUMENTS_MAX = 16,
};

/* One path. Texts are borrowed for the server's life. */
struct sim_server_watch_document {
    const char *path; /* "/metrics", compared as it is; what comes behind '?' does not count */
    const char *type; /* "text/plain; version=0.0.4; charset=utf-8" */
    /* The stream: `make` gives what a new client begins with, events come behind it. */
    bool is_stream;
    /* With "?wait=1" it is made and answered at the end only: who asks again and again comes too
     * late, since the server is gone a moment after the end. Not for a stream or static bytes. */
    bool may_wait;
    /* Static bytes; NULL: `make` says. */
    const char *bytes;
    size_t len;
    /* On the server's thread, with the lock held. A text from malloc(), which the server frees, and
     * its length; `*status` is 200 and may be set to another. NULL: status 503. */
    char *(*make)(void *context, size_t *len, unsigned *status);
};

struct sim_server_watch_config {
    sim_addr addr; /* of this host, to listen on; 0 is all of them */
    uint16_t port; /* 0: the kernel chooses */
    struct sim_server_watch_document documents[SIM_SERVER_WATCH_DOCUMENTS_MAX];
    size_t documents_len;
    void *context; /* of every `make` */
};

struct sim_server_watch;

/* Copies `config`. 0, or SIM_E* with a sentence: port taken and by whom, not an address of this
 * host, no memory. */
int sim_server_watch_start(struct sim_server_watch **out,
                           const struct sim_server_watch_config *config,
                           char why[SIM_SERVER_TEXT_MAX]);
uint16_t sim_server_watch_port(const struct sim_server_watch *w);

/* Between lock and unlock the owner changes what `make` reads, and sends: so a client gets every
 * change exactly once, in its beginning or as an event. Short: the server waits meanwhile. */
void sim_server_watch_lock(struct sim_server_watch *w);
void sim_server_watch_unlock(struct sim_server_watch *w);
/* To all clients of the stream, whole or not at all; with the lock held. Never waits for one. */
void sim_server_watch_send(struct sim_server_watch *w, const char *bytes, size_t len);
/* How many follow the stream now; with the lock held. */
size_t sim_server_watch_streams(const struct sim_server_watch *w);

/* Answers those who waited for the end, ends the streams once their clients have taken what is
 * there, waits for that no longer than `patience`, closes everything and frees. NULL is fine. */
void sim_server_watch_stop(struct sim_server_watch *w, sim_duration patience);

#endif /* SIM_SERVER_WATCH_H */
