/* phones/pfs/pfs.h -- the peer machine of one phone: elections, trees, joins, bodies, lingering.
 *
 * One `struct pfs` a phone. Its owner (phones/phone.c) forwards the world's notices to it and after
 * each of them drains pfs_take_event(). It talks to the world through sim/world.h (datagrams,
 * streams, bodies, copies), never to the server: when it is root it asks its owner to fetch
 * (PFS_EVENT_FETCH) and is told the end by pfs_fetch_done(). A phone wants at most one file at a
 * time and serves any number that it holds. The protocol is in PROTOCOL.md. */
#ifndef PHONES_PFS_PFS_H
#define PHONES_PFS_PFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "phones/verify.h"
#include "sim/digest.h"
#include "sim/time.h"
#include "sim/trace.h"
#include "sim/world.h"

enum {
    PFS_FANOUT_MAX = 16,
    PFS_PATH_MAX = 256, /* bytes of a file's path with its NUL */
    PFS_MODEL_MAX = 32, /* bytes of a model's name with its NUL */
    PFS_REASON_MAX = 200,
};

enum pfs_relay { PFS_STORE_AND_FORWARD, PFS_CUT_THROUGH };
enum pfs_hierarchy { PFS_PER_FILE, PFS_PER_LOAD };
enum pfs_election { PFS_BROADCAST, PFS_STATIC };
enum pfs_fallback { PFS_FALLBACK_SERVER, PFS_FALLBACK_FAIL };

/* The scenario's `pfs` object; the defaults are in parentheses. */
struct pfs_config {
    uint16_t port;                /* (4051) shown in logs; the world knows the real one */
    sim_duration listen;          /* (500 ms) */
    sim_duration ad_interval;     /* (250 ms) */
    uint32_t ads;                 /* (4) */
    sim_duration root_wait;       /* (10 s) */
    uint32_t fanout;              /* (2) 1..PFS_FANOUT_MAX */
    enum pfs_relay relay;         /* (store-and-forward) */
    uint64_t chunk;               /* bytes that are passed on at once, cut-through only; > 0 */
    enum pfs_hierarchy hierarchy; /* (per-file) */
    enum pfs_election election;   /* (broadcast) */
    sim_duration parent_timeout;  /* (30 s) */
    sim_duration stall;           /* (60 s) */
    uint32_t rejoin_attempts;     /* (3) */
    sim_duration linger;          /* (30 s) */
    sim_duration linger_max;      /* (10 min) */
    enum pfs_fallback fallback;   /* (server) */
};

/* Who the phone is. Strings are borrowed and outlive the machine. */
struct pfs_identity {
    struct sim_world *world;
    sim_node node;
    sim_addr addr;
    const char *model; /* "CP-7961G" */
    bool log;          /* write SIM_RECORD_LOG lines in the real console's wording */
    /* election "static": the phones of the same model in the subnet, in order; NULL else */
    const sim_addr *peers;
    uint32_t peers_len;
    uint32_t peers_self; /* index of this phone in `peers` */
};

struct pfs_want {
    const char *path; /* "/dnld/SCCP41.loads" is shown; what is hashed and compared: the file's
                         name; borrowed */
    /* hierarchy "per-load": the load that the file belongs to, the same for all its files, and
     * whether others of it follow (the next is wanted as soon as this one is there); borrowed.
     * NULL: the file has a hierarchy of its own. */
    const char *group;
    bool more;
    bool has_digest;
    struct sim_digest digest; /* what the file must be, when known */
    enum sim_digest_source digest_source;
    uint64_t size; /* bytes; 0: not known */
    /* Without a digest: what the file's line in the .loads index says of it, `size` too. */
    bool has_md5;
    uint8_t md5[VERIFY_MD5_LEN];
};

#define PFS_EVENTS(X)                                                                              \
    X(FETCH) /* this phone is root: fetch `path` from the server into `file` (append), then call   \
                   pfs_fetch_done() */                                                             \
    X(STOP_FETCH) /* no longer root: cancel that fetch; `file` stays pfs's own */                  \
    X(GOT)        /* `path` is held whole and verified in `file`, from `peer` (0: own fetch) */    \
    X(FALLBACK)   /* sharing gave up (text: why): get `path` from the server yourself; `file` is a \
                     partial copy (or 0) that now belongs to the owner. When the owner has it,     \
                     pfs_hold() lets it serve */                                                   \
    X(FAILED)     /* no way left (fallback "fail", or the root's server error reported by enough   \
                     roots); text: the cause */

enum pfs_event_kind {
#define X(name) PFS_EVENT_##name,
    PFS_EVENTS(X)
#undef X
};

struct pfs_event {
    enum pfs_event_kind kind;
    const char *path; /* of the want */
    sim_file file;
    sim_addr peer;
    uint64_t bytes;        /* GOT: the file's size; STOP_FETCH: the copy's */
    uint64_t notify_every; /* FETCH: pfs_fetch_moved() each time another so many are in; 0: never */
    enum sim_digest_source digest_source; /* GOT */
    char text[PFS_REASON_MAX];
};

struct pfs;

/* Copies the identity, borrows the config: thousands of phones share one. NULL: out of memory. */
struct pfs *pfs_new(const struct pfs_config *config, const struct pfs_identity *identity);
/* A notice is about to be given: has the core fetch what is looked at then. NULL is fine. */
void pfs_expect(const struct pfs *p);
/* Closes its streams, frees its copies. */
void pfs_free(struct pfs *p);

/* Listens on the peer port. 0 or what sim_world_listen() says. */
int pfs_start(struct pfs *p, sim_time now);
/* Takes part for one file. One want at a time; pfs_unwant() withdraws it (the file is then served
 * no more). */
void pfs_want(struct pfs *p, sim_time now, const struct pfs_want *want);
void pfs_unwant(struct pfs *p, sim_time now);
/* A file that the owner got and verified itself (after FALLBACK): serve it. Takes the copy over; it
 * is sealed. */
void pfs_hold(struct pfs *p, sim_time now, const struct pfs_want *want, sim_file file);
/* The answer to FETCH: status 0 and a whole copy, or SIM_E* and the server's reason. */
void pfs_fetch_done(struct pfs *p, sim_time now, int status, const char *reason);
/* The fetch under way came further. */
void pfs_fetch_moved(struct pfs *p, sim_time now);
/* The owner still tries: what went wrong last. A root that steps down for want of progress names
 * it. */
void pfs_fetch_retries(struct pfs *p, sim_time now, const char *reason);

/* The phone has all files and wants to reboot: pfs serves on for a while (linger, linger_max),
 * warns its children and names successors. True when it may go now; else ask again at
 * pfs_deadline(). */
bool pfs_may_leave(struct pfs *p, sim_time now);
/* Leaves everything at once: before the reboot, or in failure. Stops listening; copies are freed.
 */
void pfs_stop(struct pfs *p, sim_time now);

/* The power goes, and all with it: says how far a transfer came, sends nothing. pfs_free()
 * follows. */
void pfs_power_off(struct pfs *p, sim_time now);

/* The world's notices. The streams of the phone all belong to its pfs. */
void pfs_wake(struct pfs *p, sim_time now);
/* False: nothing changed that the owner must look at; the deadline, if it moved, became later. */
bool pfs_datagram(struct pfs *p, sim_time now, const struct sim_datagram *datagram);
void pfs_stream_opened(struct pfs *p, sim_time now, sim_stream stream, sim_addr peer, bool dialed);
size_t pfs_stream_input(struct pfs *p, sim_time now, sim_stream stream, const uint8_t *bytes,
                        size_t len);
void pfs_body_progress(struct pfs *p, sim_time now, sim_stream stream, uint64_t size);
void pfs_body_received(struct pfs *p, sim_time now, sim_stream stream);
void pfs_body_sent(struct pfs *p, sim_time now, sim_stream stream);
void pfs_stream_closed(struct pfs *p, sim_time now, sim_stream stream, int why);

/* When pfs_wake() is due; SIM_NEVER. The owner sets the node's one alarm to the earliest of all its
 * machines' deadlines. */
sim_time pfs_deadline(struct pfs *p);
/* Moves the next event out; false when there is none. `path` is borrowed from the want. */
bool pfs_take_event(struct pfs *p, struct pfs_event *out);

/* For the summary of the phone. */
uint32_t pfs_children(const struct pfs *p); /* open now, all hierarchies */

#endif /* PHONES_PFS_PFS_H */
