/* sim/world.h -- the seam: what a node may ask of the place it lives in, and what it is told.
 *
 * A node is something with an address in a site's subnet. Two worlds implement this header:
 * sim/live (sockets, wall time) and sim/virtual (discrete events). phones/ is written against this
 * header only, so the same object code runs in both. (tests/world has a third, tiny one: the lab.)
 *
 * Rules that both sides keep:
 *
 *  - A call never calls back. Everything a node is told comes later, from the world's own turn, so
 *    a node is never re-entered. One exception, marked below: sim_world_receive_body() inside
 *    `stream_input`.
 *  - `now` in a notice is the instant of the turn; sim_world_now() gives the same value during it.
 *  - All nodes of one site live in one world object on one thread; a `struct sim_world` is never
 *    shared. A live run with several loops has several world objects, each with its own sites.
 *  - Handles (sim_stream, sim_fetch, sim_file) are numbers with a generation: a stale one is
 *    answered SIM_EINVAL or ignored, never followed. After `stream_closed` or `fetch_done` a handle
 * is dead.
 *  - Addresses are in host byte order. Ports do not appear: datagrams and streams use the peer port
 *    of the set-up (4051). A node can only reach, and be reached from, its own subnet.
 *  - Bytes given to a call are copied before it returns; bytes in a notice are borrowed for the
 *    notice.
 *
 * Bodies are named content, not bytes in our hands: a node receives into a `sim_file` (its copy of
 * a file, perhaps partial) and sends slices of one. The live world moves and hashes real bytes and
 * keeps each content once per process; the virtual world moves a flow. Control messages are real
 * encoded bytes in both. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/digest.h"
#include "sim/err.h"
#include "sim/rng.h"
#include "sim/setup.h"
#include "sim/time.h"
#include "sim/trace.h"

struct sim_world;

typedef uint64_t sim_stream; /* a connection between two nodes, seen from one of them; 0: none */
typedef uint64_t sim_fetch;  /* a request to the server; 0: none */
typedef uint64_t sim_file;   /* a node's copy of a file, perhaps partial; 0: none */

enum {
    SIM_WORLD_DATAGRAM_MAX = 1024, /* bytes of a datagram's payload; longer ones are SIM_EINVAL to
                                      send and dropped (counted) on arrival */
    SIM_WORLD_MESSAGE_MAX =
        2048, /* bytes that a node may leave unconsumed on a stream; see stream_input */
    SIM_WORLD_SMALL_MAX = 256 * 1024, /* bytes of a fetched file handed over in memory */
    SIM_WORLD_PATH_MAX = 512,
    SIM_WORLD_REASON_MAX = 200, /* bytes of a fetch's reason with its NUL */
};

/* Where a fetch goes. */
enum sim_server_place {
    SIM_SERVER_WAN, /* the scenario's server, behind the site's line */
    SIM_SERVER_LAN, /* the site's own load server (method load-server): same content, no line */
};

struct sim_fetch_request {
    enum sim_server_place place;
    enum sim_protocol protocol;
    const char *path; /* below the server's base, no leading '/'; the world encodes it for URLs */
    bool is_firmware; /* its body counts as payload, else as configuration */
    sim_file file; /* 0: a small file, its bytes come with fetch_done (at most SIM_WORLD_SMALL_MAX);
                          else appended to this copy, from its present size on (HTTP Range; TFTP
                      begins anew and drops what the copy already has, counted as resent) */
    uint64_t notify_every; /* fetch_progress each time another so many bytes are in; 0: never */
};

struct sim_fetch_result {
    int status; /* 0, or SIM_ENOTFOUND (404, TFTP 1), SIM_EACCES (401, 403, TFTP 2), SIM_EBUSY (503,
                           TFTP error 0 of a full server), SIM_ESERVER (5xx, other TFTP errors),
                   SIM_EREFUSED, SIM_EUNREACHABLE, SIM_ETIMEDOUT (no answer), SIM_ESTALLED (no
                   progress for server.stall), SIM_ESHORT (fewer bytes than promised), SIM_ERESET,
                   SIM_ECLOSED, SIM_ETLS, SIM_EPROTO, SIM_ELIMIT (a small file over the limit),
                   SIM_ENOSPC */
    int code;   /* HTTP status or TFTP error code, -1 when there was none */
    uint64_t bytes;      /* of body that arrived in this fetch */
    const uint8_t *data; /* a small file's bytes; NULL else */
    size_t data_len;
    sim_time first_byte; /* SIM_NEVER when none came */
    const char *reason;  /* "HTTP 404 from http://...": a phrase for people; "" on success */
};

struct sim_datagram {
    sim_addr from;
    bool broadcast; /* it was sent to the subnet, else to this node alone */
    const uint8_t *bytes;
    size_t len; /* 0..SIM_WORLD_DATAGRAM_MAX */
};

/* What a node is told. One table a kind of node; `self` is what was given to sim_world_add_node().
 * No entry may be NULL. A node that is down (sim_world_set_down) is told nothing. */
struct sim_node_ops {
    /* The instant set by sim_world_wake_at() has come (never early; spurious calls are allowed). */
    void (*wake)(void *self, sim_time now);
    /* Only while listening. A node does not hear its own broadcasts. */
    void (*datagram)(void *self, sim_time now, const struct sim_datagram *datagram);
    /* `dialed`: the answer to sim_world_dial(); else a peer came in (only while listening). */
    void (*stream_opened)(void *self, sim_time now, sim_stream stream, sim_addr peer, bool dialed);
    /* Bytes that are not part of a body. May be cut anywhere. Returns how many were consumed; the
     * rest comes again with more behind it. Called until it returns 0 or all is consumed. Here, and
     * only here, the node calls sim_world_receive_body(): the bytes right behind those consumed by
     * this call are then the body and the next stream_input starts behind it. Holding back
     * SIM_WORLD_MESSAGE_MAX bytes or more is a violation: the world closes the stream with
     * SIM_EPROTO. Not called again after the node closed the stream in the call. */
    size_t (*stream_input)(void *self, sim_time now, sim_stream stream, const uint8_t *bytes,
                           size_t len);
    /* Another notify_every bytes of the body are in; `size`: bytes of the copy now. */
    void (*body_progress)(void *self, sim_time now, sim_stream stream, uint64_t size);
    /* The last byte of the body is in the copy. */
    void (*body_received)(void *self, sim_time now, sim_stream stream);
    /* The last byte of a body sent left for the peer (in order: one notice a body). */
    void (*body_sent)(void *self, sim_time now, sim_stream stream);
    /* Why: SIM_ECLOSED (the peer ended it), SIM_ERESET, SIM_EREFUSED and SIM_ETIMEDOUT (a dial that
     * failed), SIM_EPROTO. Not told for streams that the node closed itself. Copies keep what they
     * have. */
    void (*stream_closed)(void *self, sim_time now, sim_stream stream, int why);
    void (*fetch_progress)(void *self, sim_time now, sim_fetch fetch, uint64_t size);
    void (*fetch_done)(void *self, sim_time now, sim_fetch fetch,
                       const struct sim_fetch_result *result);
};

/* What the world counts per site, since the run began. Bytes on the WAN are towards the site unless
 * they say up. See contract: result.wan. */
struct sim_site_stats {
    uint64_t wan_bytes; /* packets on the line, framing included, lost ones too */
    uint64_t wan_up_bytes;
    uint64_t wan_payload_bytes; /* bodies of firmware files, resent bytes too */
    uint64_t wan_config_bytes;  /* bodies of everything else */
    uint64_t wan_resent_bytes;  /* of payload: bytes that a copy had already */
    sim_duration wan_busy;      /* time that the line was sending towards the site */
    sim_time wan_first;         /* SIM_NEVER: nothing yet */
    sim_time wan_last;
    uint64_t wan_peak_bit_s;    /* best second */
    uint64_t wan_drops;         /* packets lost or dropped, both directions */
    uint64_t lan_payload_bytes; /* body bytes between peers */
    uint64_t lan_broadcasts;
    uint64_t lan_datagrams; /* unicast */
    uint64_t lan_foreign;   /* datagrams and streams refused: from outside the subnet, too long */
    uint64_t fetches;       /* requests to the server that were sent */
    uint64_t fetch_errors;  /* that ended with a status other than 0 and SIM_ENOTFOUND */
    uint64_t fetch_refused; /* of these, SIM_EBUSY */
    uint32_t fetches_now;
    uint32_t fetches_peak;
    /* Samples of a virtual run only, else 0: bytes that are not in wan_bytes and wan_up_bytes,
     * since the line takes that much longer to carry them. */
    uint64_t wan_behind, wan_up_behind;
    sim_duration wan_behind_for;
};

/* Implemented by each world; called through the inline functions below. */
struct sim_world_ops {
    sim_time (*now)(struct sim_world *w);
    sim_node (*add_node)(struct sim_world *w, uint32_t site, sim_addr addr, uint64_t id,
                         const struct sim_node_ops *ops, void *self);
    void (*wake_at)(struct sim_world *w, sim_node node, sim_time at);
    struct sim_rng *(*rng)(struct sim_world *w, sim_node node);
    int (*listen)(struct sim_world *w, sim_node node, bool on);
    int (*send)(struct sim_world *w, sim_node node, sim_addr to, const void *bytes, size_t len);
    int (*broadcast)(struct sim_world *w, sim_node node, const void *bytes, size_t len);
    int (*dial)(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out);
    int (*stream_send)(struct sim_world *w, sim_stream s, const void *bytes, size_t len);
    int (*stream_send_body)(struct sim_world *w, sim_stream s, sim_file file, uint64_t offset,
                            uint64_t len);
    int (*receive_body)(struct sim_world *w, sim_stream s, sim_file file, uint64_t len,
                        uint64_t notify_every);
    void (*stream_close)(struct sim_world *w, sim_stream s);
    void (*stream_set_tag)(struct sim_world *w, sim_stream s, uint64_t tag);
    uint64_t (*stream_tag)(struct sim_world *w, sim_stream s);
    sim_file (*file_new)(struct sim_world *w, sim_node node, const char *name);
    void (*file_free)(struct sim_world *w, sim_file file);
    uint64_t (*file_size)(struct sim_world *w, sim_file file);
    int (*file_digest)(struct sim_world *w, sim_file file, struct sim_digest *out);
    int (*file_seal)(struct sim_world *w, sim_file file);
    size_t (*file_read)(struct sim_world *w, sim_file file, uint64_t offset, void *bytes,
                        size_t len);
    int (*fetch)(struct sim_world *w, sim_node node, const struct sim_fetch_request *request,
                 sim_fetch *out);
    void (*fetch_cancel)(struct sim_world *w, sim_fetch fetch);
    void (*record)(struct sim_world *w, const struct sim_record *record);
    void (*finished)(struct sim_world *w, sim_node node);
    void (*set_down)(struct sim_world *w, sim_node node, bool down, bool silent);
    void (*set_group)(struct sim_world *w, sim_node node, uint32_t group);
    void (*set_corrupt)(struct sim_world *w, sim_node node, bool corrupt);
    void (*set_wan)(struct sim_world *w, uint32_t site, bool up);
    void (*set_server)(struct sim_world *w, bool up);
    void (*site_stats)(struct sim_world *w, uint32_t site, struct sim_site_stats *out);
};

struct sim_world {
    const struct sim_world_ops *ops; /* first member of every world's own struct */
};

/* ---- Building (before the run, or from a node's turn) ---- */

/* `site`: index into the set-up's sites; `addr`: inside its block, taken by no other node; `id`:
 * the node's number in the whole scenario, which seeds its chance (the same in every shard). A node
 * without a network (a fault controller) has addr 0. Returns its number; SIM_NODE_NONE when it
 * can't be. */
static inline sim_node sim_world_add_node(struct sim_world *w, uint32_t site, sim_addr addr,
                                          uint64_t id, const struct sim_node_ops *ops, void *self)
{
    return w->ops->add_node(w, site, addr, id, ops, self);
}

/* ---- Time and chance ---- */

static inline sim_time sim_world_now(struct sim_world *w)
{
    return w->ops->now(w);
}

/* A node has one alarm: this replaces it. SIM_NEVER clears it; an instant in the past means "next
 * turn". */
static inline void sim_world_wake_at(struct sim_world *w, sim_node node, sim_time at)
{
    w->ops->wake_at(w, node, at);
}

/* The node's own stream of chance; borrowed, lives as long as the node. */
static inline struct sim_rng *sim_world_rng(struct sim_world *w, sim_node node)
{
    return w->ops->rng(w, node);
}

/* ---- The LAN ---- */

/* Opens or closes the node for datagrams and incoming streams on the peer port. 0, or
 * SIM_EADDRINUSE, SIM_ELIMIT. */
static inline int sim_world_listen(struct sim_world *w, sim_node node, bool on)
{
    return w->ops->listen(w, node, on);
}

/* To one address of the subnet. Datagrams may be lost, and nobody says so. 0 or SIM_EINVAL,
 * SIM_EUNREACHABLE. */
static inline int sim_world_send(struct sim_world *w, sim_node node, sim_addr to, const void *bytes,
                                 size_t len)
{
    return w->ops->send(w, node, to, bytes, len);
}

/* To every listening node of the subnet but the sender. */
static inline int sim_world_broadcast(struct sim_world *w, sim_node node, const void *bytes,
                                      size_t len)
{
    return w->ops->broadcast(w, node, bytes, len);
}

/* Opens a stream to a node of the subnet. 0 and `*out`, then stream_opened or stream_closed
 * follows; or SIM_EINVAL, SIM_ELIMIT. A dial that is not answered ends with SIM_ETIMEDOUT within 10
 * s (our choice). */
static inline int sim_world_dial(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out)
{
    return w->ops->dial(w, node, to, out);
}

/* Queues one small message (at most SIM_WORLD_MESSAGE_MAX). In order with bodies. 0, SIM_EINVAL
 * (stale, not open, too long), SIM_ELIMIT (64 KiB are waiting already: the peer does not read). */
static inline int sim_world_stream_send(struct sim_world *w, sim_stream s, const void *bytes,
                                        size_t len)
{
    return w->ops->stream_send(w, s, bytes, len);
}

/* Queues a slice of a copy held by the stream's node, behind what is queued. The copy must have
 * these bytes and must not be freed before body_sent or the stream's end (freeing it ends the
 * stream). LAN pacing: all bodies that one node sends share its port's rate evenly. At most one
 * body is queued at a time. 0, SIM_EINVAL. */
static inline int sim_world_stream_send_body(struct sim_world *w, sim_stream s, sim_file file,
                                             uint64_t offset, uint64_t len)
{
    return w->ops->stream_send_body(w, s, file, offset, len);
}

/* Says that the next `len` bytes are a body to be appended to `file`. Only inside stream_input.
 * With len 0 body_received still follows, from a later turn. 0, SIM_EINVAL. */
static inline int sim_world_receive_body(struct sim_world *w, sim_stream s, sim_file file,
                                         uint64_t len, uint64_t notify_every)
{
    return w->ops->receive_body(w, s, file, len, notify_every);
}

/* Ends the stream after what is queued has gone (at most 10 s later). The handle is dead at once;
 * the peer sees SIM_ECLOSED. */
static inline void sim_world_stream_close(struct sim_world *w, sim_stream s)
{
    w->ops->stream_close(w, s);
}

/* A number of the node's own choosing that sticks to its end of the stream; 0 at first. */
static inline void sim_world_stream_set_tag(struct sim_world *w, sim_stream s, uint64_t tag)
{
    w->ops->stream_set_tag(w, s, tag);
}
static inline uint64_t sim_world_stream_tag(struct sim_world *w, sim_stream s)
{
    return w->ops->stream_tag(w, s);
}

/* ---- Copies of files ---- */

/* A new, empty copy. `name` is for records and the virtual world's content. 0 when out of memory.
 */
static inline sim_file sim_world_file_new(struct sim_world *w, sim_node node, const char *name)
{
    return w->ops->file_new(w, node, name);
}
/* Ends what still reads from or writes into it. 0 is fine. */
static inline void sim_world_file_free(struct sim_world *w, sim_file file)
{
    w->ops->file_free(w, file);
}
/* Bytes that the copy has now: this is how a node sees progress. */
static inline uint64_t sim_world_file_size(struct sim_world *w, sim_file file)
{
    return w->ops->file_size(w, file);
}
/* SHA-256 of the bytes it has now. 0, SIM_EINVAL. */
static inline int sim_world_file_digest(struct sim_world *w, sim_file file, struct sim_digest *out)
{
    return w->ops->file_digest(w, file, out);
}
/* The node found the copy whole and right: it can be sent and read from now on, not written. Copies
 * of equal digest share one content. A live copy whose real bytes are known nowhere in the process
 * is kept on disk or in memory from its first byte; SIM_ENOSPC, SIM_EINVAL. */
static inline int sim_world_file_seal(struct sim_world *w, sim_file file)
{
    return w->ops->file_seal(w, file);
}
/* Bytes of a sealed copy; returns how many were there. */
static inline size_t sim_world_file_read(struct sim_world *w, sim_file file, uint64_t offset,
                                         void *bytes, size_t len)
{
    return w->ops->file_read(w, file, offset, bytes, len);
}

/* ---- The server ---- */

/* Asks for one file. 0 and `*out`, then fetch_done exactly once (unless cancelled); or SIM_EINVAL,
 * SIM_ELIMIT. One node may have several under way. TFTP datagrams are retried inside
 * (server.timeout, server.retries); an HTTP request is tried once: trying again is the phone's
 * decision. */
static inline int sim_world_fetch(struct sim_world *w, sim_node node,
                                  const struct sim_fetch_request *request, sim_fetch *out)
{
    return w->ops->fetch(w, node, request, out);
}
static inline void sim_world_fetch_cancel(struct sim_world *w, sim_fetch fetch)
{
    w->ops->fetch_cancel(w, fetch);
}

/* ---- Saying what happened ---- */

static inline void sim_world_record(struct sim_world *w, const struct sim_record *record)
{
    w->ops->record(w, record);
}
/* The node's story is told; it may go on serving. The run ends when all nodes have said so. Saying
 * it twice is fine. */
static inline void sim_world_finished(struct sim_world *w, sim_node node)
{
    w->ops->finished(w, node);
}

/* ---- Faults (for a fault controller; never called by a healthy phone) ---- */

/* Down: its alarm, streams, fetches and copies are gone and it hears nothing. Not silent: peers see
 * SIM_ERESET at once. Silent (power cut, cable): its streams just never move again. Up again: as
 * new. */
static inline void sim_world_set_down(struct sim_world *w, sim_node node, bool down, bool silent)
{
    w->ops->set_down(w, node, down, silent);
}
/* Nodes of different groups can't reach one another; streams between them stand still. All begin in
 * 0. */
static inline void sim_world_set_group(struct sim_world *w, sim_node node, uint32_t group)
{
    w->ops->set_group(w, node, group);
}
/* Bodies that this node begins to send from now on have one byte flipped. */
static inline void sim_world_set_corrupt(struct sim_world *w, sim_node node, bool corrupt)
{
    w->ops->set_corrupt(w, node, corrupt);
}
/* The site's line carries nothing while it is down. */
static inline void sim_world_set_wan(struct sim_world *w, uint32_t site, bool up)
{
    w->ops->set_wan(w, site, up);
}
/* The server, and with it the load server of a site that has one, answers nothing while it is down:
 * new connections are refused, old ones reset. Affects the sites of this world object. */
static inline void sim_world_set_server(struct sim_world *w, bool up)
{
    w->ops->set_server(w, up);
}

/* ---- Figures ---- */

static inline void sim_world_site_stats(struct sim_world *w, uint32_t site,
                                        struct sim_site_stats *out)
{
    w->ops->site_stats(w, site, out);
}

#endif /* SIM_WORLD_H */
