/* sim/trace.h -- records: what happened, as nodes and worlds tell it.
 *
 * A record is a small value given to a sink the moment it happens; nothing is kept below analysis/.
 * Sinks are called on the lane (loop, thread) of the node and never concurrently for one lane;
 * strings are borrowed for the call only. */
#ifndef SIM_TRACE_H
#define SIM_TRACE_H

#include <stdint.h>

#include "sim/addr.h"
#include "sim/time.h"

typedef uint32_t sim_node; /* index of a node in its run, dense from 0 in order of addition */
#define SIM_NODE_NONE UINT32_MAX

/* kind, and what its fields mean. `name` is a file's name where there is one. */
#define SIM_RECORD_KINDS(X)                                                                        \
    X(PHASE)          /* a: enum sim_phase entered; name: file of FETCH_*, ELECT and WAIT */       \
    X(TRANSFER_BEGIN) /* name; peer: sender, 0 the server; b: offset */                            \
    X(TRANSFER_END)   /* name; peer; a: 0 or -SIM_E*; b: bytes moved by this transfer;             \
                           c: the instant it began; text: reason when a != 0 */                    \
    X(CLAIM)          /* name; a: strength; b: XID; a broadcast offer was sent */                  \
    X(ROLE)           /* name; a: enum sim_role; b: XID */                                         \
    X(ATTACH)         /* name; peer: parent; a: depth below the root; b: XID */                    \
    X(DETACH)         /* name; peer: parent lost; a: -SIM_E* why */                                \
    X(CHILDREN)       /* name; a: children now open; b: XID; peer: the child that came or went */  \
    X(HOLD)           /* name; held whole and verified; a: enum sim_digest_source; b: size;        \
                           peer: whom from, 0 the server */                                        \
    X(REJECT)         /* name; peer: sender of a body with the wrong digest; text */               \
    X(RESUME)         /* name; b: offset continued from */                                         \
    X(FALLBACK)       /* name; text: why the phone turned to the server */                         \
    X(RETRY)          /* name; a: attempt; text: why */                                            \
    X(OUTCOME)        /* a: enum sim_outcome; text: reason of a failure */                         \
    X(BACK)           /* checked in with the new version; name: version */                         \
    X(FAULT)          /* text: what the scenario broke, or mended */                               \
    X(LOG)            /* text: a line of the phone's console log */

enum sim_record_kind {
#define X(name) SIM_RECORD_##name,
    SIM_RECORD_KINDS(X)
#undef X
};

#define SIM_PHASES(X)                                                                              \
    X(OFF)                                                                                         \
    X(BOOT)                                                                                        \
    X(CONFIGURE)                                                                                   \
    X(ELECT) /* listening, claiming */                                                             \
    X(WAIT)  /* root: ROOT_WAITING; others: for a place, and for the parent to hold it */          \
    X(FETCH_PEER)                                                                                  \
    X(FETCH_SERVER)                                                                                \
    X(VERIFY)                                                                                      \
    X(LINGER) /* has everything, still serving */                                                  \
    X(APPLY)                                                                                       \
    X(REBOOT)                                                                                      \
    X(IN_SERVICE)                                                                                  \
    X(FAILED)

enum sim_phase {
#define X(name) SIM_PHASE_##name,
    SIM_PHASES(X)
#undef X
        SIM_PHASES_LEN
};

enum sim_role {
    SIM_ROLE_NONE,         /* left the hierarchy */
    SIM_ROLE_CLAIMING,     /* tentative claim sent */
    SIM_ROLE_ROOT_WAITING, /* confirmed root, waiting for joins */
    SIM_ROLE_ROOT_FETCHING,
    SIM_ROLE_MEMBER,  /* attached to a parent */
    SIM_ROLE_SERVING, /* holds the file; may have children */
};

enum sim_outcome {
    SIM_OUTCOME_UPGRADED, /* has every file verified */
    SIM_OUTCOME_CURRENT,  /* runs the target load already */
    SIM_OUTCOME_FAILED,
    SIM_OUTCOME_UNFINISHED, /* the run ended first */
};

/* What a received file was checked against, in order of preference (see phones/pfs/PROTOCOL.md). */
enum sim_digest_source {
    SIM_DIGEST_SCENARIO,  /* files[].sha256 */
    SIM_DIGEST_DIRECTORY, /* computed from the real file */
    SIM_DIGEST_SYNTHETIC, /* computed from synthetic content */
    SIM_DIGEST_LOADS,     /* size and MD5 in the .loads line */
    SIM_DIGEST_FIRST_USE, /* what the root got: a corrupt server copy can't be noticed */
};

struct sim_record {
    sim_time at;
    sim_node node;
    enum sim_record_kind kind;
    sim_addr peer;
    uint32_t a;
    uint64_t b;
    uint64_t c;
    const char *name; /* NULL where the kind has none */
    const char *text; /* NULL where the kind has none */
};

struct sim_trace {
    void (*write)(void *context, unsigned lane, const struct sim_record *record);
    void *context;
};

const char *sim_record_kind_name(enum sim_record_kind kind); /* "TRANSFER_END" */
const char *sim_phase_name(enum sim_phase phase);            /* "fetch peer" for people */

#endif /* SIM_TRACE_H */
