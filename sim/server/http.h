/* sim/server/http.h -- the HTTP(S) side of the server: libmicrohttpd on the owner's libuv loop.
 *
 * Inside sim/server only. GET and HEAD, one Range, keep-alive; everything else is answered with an
 * error. The owner calls turn() before its loop goes to sleep, and sleeps no longer than until
 * deadline(). */
#ifndef SIM_SERVER_HTTP_H
#define SIM_SERVER_HTTP_H

#include <uv.h>

#include "sim/server/common.h"
#include "sim/server/server.h"

enum {
    /* Bytes of one request's head and of our answer's, per connection (load-notes: 4.7 KB of memory
     * instead of 33 KB at 4096); a phone's longest request with credentials fits. */
    SIM_SERVER_HTTP_CONNECTION_BYTES = 6144,
    SIM_SERVER_HTTP_IDLE_S = 300,            /* a silent connection is closed; our choice */
    SIM_SERVER_HTTP_BODY_MAX = 64 * 1024,    /* bytes of a GET's body that are read and dropped */
    SIM_SERVER_HTTP_BLOCK_BYTES = 16 * 1024, /* of an answer that is made while it is sent */
};

struct sim_server_http;

/* Takes over `listener` (bound, listening, non-blocking). `certificate` and `key` are PEM texts,
 * copied; both NULL: plain HTTP. `common` is borrowed. 0; or SIM_ETLS, SIM_EIO, SIM_ENOMEM with a
 * sentence in `why`. */
int sim_server_http_new(struct sim_server_http **out, struct sim_server_common *common,
                        uv_loop_t *loop, int listener, const char *certificate, const char *key,
                        char why[SIM_SERVER_TEXT_MAX]);
void sim_server_http_turn(struct sim_server_http *http, sim_time now);
sim_time sim_server_http_deadline(const struct sim_server_http *http);
/* A request got the place that it waited for (node->kind is SIM_SERVER_WAITER_HTTP). */
void sim_server_http_granted(struct sim_server_node *node);
/* Breaks off every transfer and closes all. `http` is freed in a later turn of the loop: run it
 * until no handle is left. */
void sim_server_http_close(struct sim_server_http *http);

#endif /* SIM_SERVER_HTTP_H */
