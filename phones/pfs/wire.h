/* phones/pfs/wire.h -- the bytes of peer firmware sharing: datagrams and stream messages, both
 * ways.
 *
 * Every message has the same 20-byte header and then the fields of its type, in the order of the
 * table in wire.c; PROTOCOL.md lists them with offsets. All numbers are big endian. The vendor's
 * format is not public, so every number here is our choice. Decoding is strict: a wrong magic,
 * version, type or length, a byte too many, a text with control characters or too long is
 * SIM_EPROTO, and nothing is allocated. */
#ifndef PHONES_PFS_WIRE_H
#define PHONES_PFS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "phones/pfs/pfs.h"
#include "sim/addr.h"
#include "sim/digest.h"

enum {
    PFS_WIRE_MAGIC = 0x5046, /* "PF" */
    PFS_WIRE_VERSION = 1,
    PFS_WIRE_HEADER = 20, /* bytes */
    PFS_WIRE_MAX = 640,   /* bytes of the longest message; a FAILED with all texts full has 514 */
    PFS_WIRE_AVOID = 8,   /* addresses that a JOIN can ask not to be sent to */
};

#define PFS_WIRE_NO_PLACE UINT32_MAX /* a JOIN that asks the root for a place */

/* name, number, stream (else datagram) */
#define PFS_WIRE_TYPES(X)                                                                          \
    X(OFFER, 1, false)    /* broadcast: first tentative claim of root */                           \
    X(AD, 2, false)       /* broadcast: the claim stands, number `count` */                        \
    X(ROOT, 3, false)     /* broadcast: confirmed root's announcement */                           \
    X(WHOHAS, 4, false)   /* broadcast: is there a root? */                                        \
    X(FAILED, 5, false)   /* broadcast: this root can't get the file */                            \
    X(LEAVE, 6, false)    /* broadcast: this root leaves, `root` is its successor */               \
    X(REPORT, 7, false)   /* to the root: `subject` is lost, holds the file, or leaves */          \
    X(ACK, 8, false)      /* from the root: that report is known */                                \
    X(JOIN, 16, true)     /* child: give me a place (root), or take me (parent) */                 \
    X(ASSIGN, 17, true)   /* root: your place and parent */                                        \
    X(WELCOME, 18, true)  /* parent: you are my child */                                           \
    X(FULL, 19, true)     /* parent: no slot, or an assignment of another epoch */                 \
    X(REFUSE, 20, true)   /* not here; `root` (0: unknown) is the root */                          \
    X(PROGRESS, 21, true) /* both ways: still here, and how far */                                 \
    X(BODY, 22, true)     /* parent: `length` bytes of the file follow, from `offset` */           \
    X(DONE, 23, true)     /* child: got it, verified; the connection ends */                       \
    X(BYE, 24, true)      /* parent: look for another parent */                                    \
    X(NEXT, 25, true)     /* child: got it too; now this file of the same load */

enum pfs_wire_type {
#define X(name, value, stream) PFS_WIRE_##name = (value),
    PFS_WIRE_TYPES(X)
#undef X
};

/* state of a phone in a hierarchy, as told to others */
enum pfs_wire_state {
    PFS_WIRE_WANTING,      /* has no place yet */
    PFS_WIRE_ROOT_WAITING, /* confirmed root before its transfer */
    PFS_WIRE_ROOT_FETCHING,
    PFS_WIRE_WAITING, /* attached to a parent that has it not yet */
    PFS_WIRE_RECEIVING,
    PFS_WIRE_HOLDING,
    PFS_WIRE_STATES_LEN
};

/* `what` of REPORT and ACK */
enum pfs_wire_report {
    PFS_WIRE_REPORT_LOST = 1,    /* of a parent: my child is gone */
    PFS_WIRE_REPORT_HOLDING = 2, /* of a member: I hold it, my parent has a slot again */
    PFS_WIRE_REPORT_LEAVING = 3, /* of a member: I serve no more; not acknowledged */
};

/* `what` of JOIN: why the parent given last was not taken */
enum pfs_wire_refused {
    PFS_WIRE_REFUSED_NOT = 0,
    PFS_WIRE_REFUSED_FULL = 1,
    PFS_WIRE_REFUSED_UNREACHABLE = 2,
    PFS_WIRE_REFUSED_BAD = 3, /* it sent a body with the wrong digest */
};

/* `what` of REFUSE and BYE */
enum pfs_wire_why {
    PFS_WIRE_WHY_NOT_HERE = 1, /* not in that hierarchy, or not its root; see `root` */
    PFS_WIRE_WHY_NO_PLACE = 2, /* the root has no parent to offer */
    PFS_WIRE_WHY_MOVED = 3,    /* the sender follows another root: `root`, `next_xid` */
    PFS_WIRE_WHY_LEAVING = 4,  /* the sender leaves, or left the hierarchy; `root`: a successor */
    PFS_WIRE_WHY_FAILED = 5,   /* the root `xid` can't get the file; `reason` */
    PFS_WIRE_WHY_WRONG = 7,    /* the sender threw away what it has sent of the file: do the same */
    PFS_WIRE_WHY_AVOIDED = 6,  /* the only parents to offer are those that the joiner avoids */
};

/* `flags` */
enum {
    PFS_WIRE_JOIN_HAS_CHILDREN = 1,
    PFS_WIRE_ASSIGN_KEEP_CHILDREN = 1, /* unset: close your children before you go on */
};

#define PFS_WIRE_STRENGTH_HOLDS UINT32_C(0x80000000)
#define PFS_WIRE_STRENGTH_CONFIRMED UINT32_C(0x40000000)
#define PFS_WIRE_STRENGTH_CHANCE UINT32_C(0x3fffffff)

/* A decoded message: only the fields of its type mean something. */
struct pfs_wire {
    enum pfs_wire_type type;
    uint32_t xid;        /* hierarchy instance of the sender */
    uint32_t file_hash;  /* H: pfs_wire_hash() of the file's name */
    uint32_t model_hash; /* pfs_wire_hash() of the model */

    uint32_t strength;
    uint32_t map;
    uint32_t count; /* AD: its number; FAILED, BYE: roots failed so far */
    sim_addr root;
    uint32_t next_xid;
    uint8_t state;      /* enum pfs_wire_state */
    uint8_t root_state; /* enum pfs_wire_state */
    uint8_t what;
    uint8_t flags;
    sim_addr subject;
    uint32_t place;
    uint32_t epoch; /* of the child's assignment */
    sim_addr parent;
    uint32_t parent_epoch; /* of the parent's assignment */
    uint32_t depth;
    uint32_t serial; /* changes while something above is alive */
    uint64_t size;   /* of the whole file; 0: not known */
    uint64_t offset; /* JOIN: bytes held of `digest`; BODY: where it begins; PROGRESS: bytes held */
    uint64_t length; /* BODY */
    bool has_digest;
    struct sim_digest digest; /* of the whole file */
    enum sim_digest_source digest_source;
    uint32_t avoid_len; /* <= PFS_WIRE_AVOID */
    sim_addr avoid[PFS_WIRE_AVOID];
    bool are_names_expected; /* pfs_wire_decode_expecting() found them, so they are not filled in */
    char model[PFS_MODEL_MAX];
    char path[PFS_PATH_MAX];
    char reason[PFS_REASON_MAX];
};

/* A model and a path as they stand in a message; borrowed. */
struct pfs_wire_names {
    const uint8_t *bytes;
    size_t len;
};

/* All fields 0, all texts empty; does not touch what is behind an empty text. */
void pfs_wire_clear(struct pfs_wire *m);
/* Into PFS_MODEL_MAX + PFS_PATH_MAX bytes; returns the length. */
size_t pfs_wire_put_names(uint8_t *out, const char *model, const char *path);
/* Writes `m` into `out` (PFS_WIRE_MAX bytes); returns the length. Texts that are too long are cut.
 */
size_t pfs_wire_encode(const struct pfs_wire *m, uint8_t *out);
/* Reads one whole message of exactly `len` bytes. 0, or SIM_EPROTO with `*m` undefined. */
int pfs_wire_decode(const uint8_t *bytes, size_t len, struct pfs_wire *m);
/* The same, quicker where the names are the expected ones: then m->are_names_expected, and the two
 * texts are empty. */
int pfs_wire_decode_expecting(const uint8_t *bytes, size_t len,
                              const struct pfs_wire_names *expected, struct pfs_wire *m);
/* The header alone (at least PFS_WIRE_HEADER bytes), to drop what concerns others cheaply. 0 or
 * SIM_EPROTO. */
int pfs_wire_peek(const uint8_t *bytes, size_t len, struct pfs_wire *m);
/* Length of the stream message that begins at `bytes`: 0 when more bytes are needed to know,
 * SIM_EPROTO when it can't be one. */
int pfs_wire_length(const uint8_t *bytes, size_t len);
bool pfs_wire_is_stream(enum pfs_wire_type type);
const char *pfs_wire_type_name(enum pfs_wire_type type); /* static */
/* FNV-1a, 32 bits. */
uint32_t pfs_wire_hash(const char *text);
/* What is behind the last '/' of a path. */
const char *pfs_wire_file_name(const char *path);

#endif /* PHONES_PFS_WIRE_H */
