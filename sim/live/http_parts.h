/* sim/live/http_parts.h -- what the files of the HTTP client share: its parts, for http*.c only.
 *
 * http.c          phones, the pool of handles, the calls of fetch.h, life and death
 * http_multi.c    libcurl's multis on the loop: descriptors, timers, turns, finished transfers
 * http_request.c  one request: options, what comes in, redirects, the deadline
 * http_result.c   what came of it, in our statuses and in words
 * http_text.c     URLs, ranges, durations: pure functions
 * http_tls.c      one certificate store for all connections
 * http_wire.c     what goes over the connections, for who listens
 *
 * Shape: phones are dealt to many small multis, since a multi's connection pool is walked for every
 * request; one phone's requests always use the same multi. Its source address is an option of its
 * connections and libcurl only reuses a connection with equal options, so phones never share one.
 */
#ifndef SIM_LIVE_HTTP_PARTS_H
#define SIM_LIVE_HTTP_PARTS_H

#include <curl/curl.h>
#include <openssl/x509_vfy.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/live/fetch.h"
#include "sim/live/loop.h"

enum {
    /* Phones dealt to one multi. A request of 1,500 phones costs
     * (tests/live/test_http_phones.c) 1.5 times one of 50 with any share from 10 to 200, 3 times
     * with 500, 8 times with all in one. A multi costs 35 KB and two descriptors. */
    HTTP_PHONES_PER_MULTI = 50,
    /* Connections kept per phone of a multi, all kinds together; a phone uses one or two. */
    HTTP_CONNECTIONS_KEPT = 4,
    /* Our choice; real phones follow few. */
    HTTP_REDIRECTS_MAX = 5,
    /* Bytes that a handle in flight reads at once: 2 GB/s, 22 KB a phone
       (tests/bench/bench_http.c). */
    HTTP_BUFFER = 8192,
    /* Bytes of header lines of one answer; more is SIM_EPROTO. Our choice. */
    HTTP_HEAD_MAX = 64 * 1024,
    /* Bytes of an error page or a redirect's body that are read to keep the connection; more ends
       it. */
    HTTP_ERROR_BODY_MAX = 64 * 1024,
    /* Bytes of a host name with its NUL (RFC 1035: 255). */
    HTTP_HOST_MAX = 256,
    /* Bytes of a URL that a redirect may lead to. Our choice. */
    HTTP_URL_MAX = 2048,
    /* Bytes of a URL in a reason with its NUL: the words around it need the rest. */
    HTTP_TEXT_MAX = 132,
    /* libcurl's own limit, never reached: ours is `stall`. */
    HTTP_CONNECT_TIMEOUT_MS = 24 * 3600 * 1000,
};

/* Where a URL leads: what decides whether a redirect stays with the server. */
struct http_place {
    bool https;
    bool numeric; /* `addr` is the host */
    uint16_t port;
    sim_addr addr;
    char host[HTTP_HOST_MAX];
};

/* "bytes 500-999/1000". What was "*" is UINT64_MAX. */
struct http_range {
    uint64_t from, to; /* first and last byte */
    uint64_t total;    /* bytes of the file */
};

struct http_multi {
    struct live_http *http;
    CURLM *curl;
    struct live_timer timer; /* libcurl's next instant */
    bool due;                /* in http->due: libcurl wants a turn now */
    struct http_multi *next_due;
    uint32_t phones;
};

struct http_phone {
    sim_addr addr;
    uint32_t multi;   /* index into http->multis */
    int first_socket; /* its connections: a list through http->sockets; -1 */
    bool forget;      /* a connection was busy when live_http_forget() came: sweep again */
};

/* One per descriptor number, whether ours or not. */
struct http_socket {
    bool open;       /* a connection of ours */
    bool old;        /* live_http_forget() came: closes as soon as it is idle */
    bool registered; /* with epoll */
    uint32_t events; /* libcurl waits for; 0: nobody uses it */
    uint32_t phone;  /* index into http->phones */
    int next, prev;  /* of the same phone; -1 */
    struct http_multi *multi;
    struct live_http_fetch *fetch; /* the one that it serves now */
    struct http_wire *wire;        /* NULL: nobody listens */
};

enum http_fetch_state {
    HTTP_FETCH_IDLE,      /* in the pool */
    HTTP_FETCH_PENDING,   /* in http->pending: to be given to its multi */
    HTTP_FETCH_RUNNING,   /* libcurl has it */
    HTTP_FETCH_CANCELLED, /* libcurl has it, in http->doomed */
    HTTP_FETCH_DONE,      /* its owner is being told */
};

struct live_http_fetch {
    struct live_http *http;
    CURL *easy;
    struct http_multi *multi;
    struct live_http_fetch *next; /* in the list that its state names */
    struct live_http_fetch *prev; /* of http->pending only */
    enum http_fetch_state state;
    uint32_t phone;
    struct live_fetch_target target;
    struct http_place place; /* of target.url */
    const struct live_fetch_ops *ops;
    void *owner;

    struct live_timer
        deadline;        /* fires at the earliest instant at which the fetch may have stalled */
    sim_time last_byte;  /* or the start of the request */
    sim_time first_byte; /* SIM_NEVER: none yet */
    bool dialled;        /* it opened a connection of its own */
    bool head_whole;     /* its empty line came */
    bool judged;         /* the answer's head was looked at */
    bool takes_body;     /* it is the file */
    bool stripped;       /* a redirect led elsewhere: no credentials any more */
    int verdict;         /* why we ended it ourselves; 0: libcurl did */
    int redirects;
    size_t head_bytes;
    uint64_t skip;     /* bytes still to be thrown away: before target.offset */
    uint64_t resent;   /* thrown away so far */
    uint64_t received; /* of the file, thrown away ones too */
    uint64_t promised; /* UINT64_MAX: the answer did not say */
    uint64_t dropped;  /* bytes of error pages */
    bool in_record;    /* http_wire.c: the head of a TLS record came, its message did not */
    uint8_t record[5]; /* that head */

    char *redirect_url;      /* where it is now; NULL: at target.url */
    struct curl_slist route; /* CURLOPT_CONNECT_TO of one entry, data NULL: none */
    sim_addr dressed_source; /* what the handle has as CURLOPT_INTERFACE */
    char range[24];
    char error[CURL_ERROR_SIZE];
};

struct live_http {
    struct live_loop *loop;
    struct live_http_config config; /* strings are ours */
    X509_STORE *store;              /* NULL when nothing is verified */

    int epoll;               /* holds all connections, so that libuv watches one descriptor */
    struct live_watch watch; /* of `epoll` */
    uv_idle_t idle;          /* active while there is work that no descriptor will announce */
    int handles_open;        /* of the two above: memory goes with the last */
    bool inside;             /* libcurl is on the stack: no call into it now */
    bool working;            /* http_work() is on the stack */

    struct http_multi **multis;
    size_t multis_len, multis_cap;
    struct http_multi *due;

    struct http_phone *phones;
    size_t phones_len, phones_cap;
    uint32_t *index; /* open addressing by address: index into phones + 1; 0: free */
    size_t index_cap;

    struct http_socket *sockets;
    size_t sockets_cap;

    struct live_http_fetch *pool;
    struct live_http_fetch *pending, *pending_last;
    struct live_http_fetch *doomed;
    size_t in_flight;
    uint64_t wires; /* connections told of so far */

    size_t prefix_len; /* of the last URL: scheme and authority; 0: none */
    char prefix[HTTP_HOST_MAX + 32];
    struct http_place prefix_place;
};

/* ---- http.c ---- */

void http_fetch_recycle(struct live_http_fetch *fetch); /* back to the pool, from any state */
void http_fetch_enqueue(struct live_http_fetch *fetch); /* IDLE or DONE -> PENDING */

/* ---- http_multi.c ---- */

int http_multi_new(struct http_multi **out, struct live_http *http);
void http_multi_free(struct http_multi *multi);
/* Gives pending fetches to libcurl, gives libcurl its turns, reports what is finished. Only from
 * the loop. */
void http_work(struct live_http *http);
/* Makes http_work() run in the loop's next turn. */
void http_wake(struct live_http *http);
void http_on_sockets(struct live_watch *watch, int events, sim_time now);
void http_on_idle(uv_idle_t *idle);
/* Takes a running fetch away from libcurl; its connection closes unless the transfer was over. */
void http_multi_remove(struct live_http_fetch *fetch);
/* Descriptors: libcurl's callbacks. `context` is the fetch that dials; the live_http. */
curl_socket_t http_socket_open(void *context, curlsocktype purpose, struct curl_sockaddr *to);
int http_socket_close(void *context, curl_socket_t fd);
/* Shuts the phone's idle connections; those in use follow when they are idle. */
void http_phone_shut(struct live_http *http, struct http_phone *phone);

/* ---- http_request.c ---- */

/* http_place_read() with a memory of the last server. */
int http_place_of(struct live_http *http, const char *url, struct http_place *out);
/* A new handle with everything that is the same for all requests. 0 or SIM_ENOMEM, SIM_EINVAL. */
int http_request_dress(struct live_http_fetch *fetch);
/* What differs from request to request. 0 or SIM_E*. */
int http_request_set(struct live_http_fetch *fetch);
/* True when the answer was a redirect that may be followed: it is prepared. `why` and `*status`
 * when it may not. */
bool http_request_redirected(struct live_http_fetch *fetch, int *status, char *why);
void http_request_deadline(struct live_timer *timer, sim_time now);
/* Looks at the answer's head, once: is its body the file, and from where? Sets takes_body, skip,
 * verdict. */
void http_request_judge(struct live_http_fetch *fetch);

/* ---- http_result.c ---- */

/* Tells the owner and recycles the fetch, which libcurl no longer has. */
void http_fetch_report(struct live_http_fetch *fetch, int status, const char *why);
/* The status of a transfer that libcurl ended with `rc`; writes the reason. */
int http_result_of(struct live_http_fetch *fetch, CURLcode rc, char *why);
/* ---- http_text.c ---- */

/* By libcurl's own reader, so that what is checked is what would be dialled. 0, or SIM_EINVAL (no
 * http or https URL with a host), SIM_ENOMEM. */
int http_place_read(const char *url, struct http_place *out);
/* The value of Content-Range (RFC 9110, 14.4). False, with `out` untouched, for what is none. */
bool http_range_read(const char *text, struct http_range *out);
/* The URL without user and password, shortened with "...". `out` of HTTP_TEXT_MAX. */
const char *http_url_text(const char *url, char *out);
/* "60 s" or "1500 ms". `out` of at least 32 bytes. */
const char *http_duration_text(sim_duration duration, char *out);

/* ---- http_wire.c: nothing of it does anything when nobody listens ---- */

struct http_wire;
int http_wire_dress(struct live_http_fetch *fetch); /* 0 or SIM_ENOMEM */
void http_wire_dialled(struct live_http *http, int fd, const struct live_http_fetch *fetch,
                       const struct curl_sockaddr *to);
/* It is about to be shut, or the server has ended it. */
void http_wire_ending(struct live_http *http, int fd);
void http_wire_closed(struct live_http *http, int fd); /* the descriptor is still open */

/* ---- http_tls.c ---- */

/* Loads the certificates. 0 or SIM_ENOTFOUND (no such file, none in it), SIM_ENOMEM. */
int http_tls_init(struct live_http *http);
void http_tls_free(struct live_http *http);
/* libcurl's hook for every new connection: gives it our store. */
CURLcode http_tls_context(CURL *easy, void *ssl_ctx, void *context);

#endif /* SIM_LIVE_HTTP_PARTS_H */
