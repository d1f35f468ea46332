/* phones/pfs/machine.h -- inside of the peer machine: what its files share. Nobody else includes
 * it.
 *
 *   pfs.c      the public functions: notices in, deadlines, events
 *   hier.c     a hierarchy: birth, end, sending, records
 *   elect.c    claims and announcements heard, elections, hunts, giving up
 *   root.c     being root: waiting, fetching, the table, stepping down
 *   member.c   being a member: dial, join, attach, watch the parent, receive
 *   serve.c    being a parent: slots, bodies, progress, reports
 *   linger.c   leaving
 *   group.c    one hierarchy for all files of a load
 *   log.c      the console
 *
 * Nothing is freed while a notice is handled: hierarchies and links are marked dead and swept at
 * the end of the public function, so a caller up the chain never holds a dangling pointer. */
#ifndef PHONES_PFS_MACHINE_H
#define PHONES_PFS_MACHINE_H

#include "phones/pfs/claim.h"
#include "phones/pfs/pfs.h"
#include "phones/pfs/table.h"
#include "phones/pfs/wire.h"

/* Our choice, all of them. */
enum {
    PFS_EVENTS_MAX = 8,       /* the owner drains after every call; more is a bug */
    PFS_STRANGERS_MAX = 4096, /* open streams that have not said JOIN yet, or wait for their end */
    PFS_RETURNS_MAX = 4,      /* times that a place may be refused before a rejoin */
    PFS_BANS = 4,             /* senders of wrong bodies remembered for a file */
    PFS_REPORT_TRIES = 5,
    PFS_KEYS_MAX = 7,        /* hierarchies found by their key in one look, at one cache line */
    PFS_LINE = 64,           /* bytes of a cache line */
    PFS_SPARE_LINKS_MAX = 6, /* kept for the next ones */
};

#define PFS_STRANGER_WAIT (10 * SIM_S) /* for a JOIN on a new stream */
#define PFS_JOIN_WAIT (15 * SIM_S)     /* for a dial (10 s in the world) and its answer */
#define PFS_BEAT_MAX (5 * SIM_S)       /* between two PROGRESS */
#define PFS_ANSWER_GAP (250 * SIM_MS)  /* between two announcements that answer somebody */
#define PFS_ANSWER_MIN (250 * SIM_MS)  /* holders without a root answer after a random time */
#define PFS_ANSWER_MAX (1 * SIM_S)     /* from MIN to MAX */
#define PFS_ANNOUNCE_MIN (5 * SIM_S)   /* a root repeats its announcement, first after MIN, */
#define PFS_ANNOUNCE_MAX (60 * SIM_S)  /* then each time after twice as long, up to MAX */
#define PFS_REPORT_GAP (500 * SIM_MS)  /* before a report is repeated; doubles */
#define PFS_REST (5 * SIM_S)           /* nobody is sent to a parent that said FULL */
#define PFS_FULL_GAP                                                                               \
    (1 * SIM_S)           /* half to all of it before a root without a place is asked again */
#define PFS_FULL_WAITS 10 /* times parent_timeout that this is done */
#define PFS_WHOHAS_GAP (1 * SIM_S)
#define PFS_DOOM (11 * SIM_S) /* a closed stream takes at most 10 s to send what is queued */
#define PFS_WARN (30 * SIM_S) /* children are warned so long before linger_max */
#define PFS_SIZE_MAX (UINT64_C(1) << 36) /* bytes of a file that is taken from a peer: 64 GiB */

/* Each is named for what is awaited; `timer` says until when where it is used. */
#define PFS_HIER_STATES(X)                                                                         \
    X(ELECT)       /* claim.deadline; timer: the limit of it all */                                \
    X(ROOT_WAIT)   /* timer: the end of root_wait */                                               \
    X(ROOT_FETCH)  /* pfs_fetch_done(); timer: next look at its progress */                        \
    X(DIAL)        /* timer: the instant to dial the root */                                       \
    X(JOIN_ROOT)   /* ASSIGN */                                                                    \
    X(JOIN_PARENT) /* WELCOME */                                                                   \
    X(WAIT)        /* BODY from the parent; timer: next look at the parent */                      \
    X(RECEIVE)     /* the body's end; the same */                                                  \
    X(HOLD)        /* children */

enum pfs_hier_state {
#define X(name) PFS_HIER_##name,
    PFS_HIER_STATES(X)
#undef X
};

enum pfs_link_kind {
    PFS_LINK_STRANGER, /* came in, has not said JOIN */
    PFS_LINK_CHILD,
    PFS_LINK_ROOT,   /* dialed the root for a place */
    PFS_LINK_PARENT, /* dialed the assigned parent, or the root that became it */
};

struct pfs_link {
    struct pfs_link *next;
    sim_stream stream; /* 0: closed */
    sim_addr peer;
    enum pfs_link_kind kind;
    bool dead;
    bool open;
    bool begun;                 /* CHILD: it was sent a part of the file, or the whole */
    bool sending;               /* CHILD: a body is under way */
    bool last;                  /* CHILD: and it is the file's end; DONE is awaited */
    bool has_digest;            /* CHILD: of what it holds in part */
    sim_time heard;             /* last sign of life */
    bool ahead;                 /* CHILD: the file it waits for is not wanted here yet */
    uint32_t name_hash;         /* CHILD: of that file */
    uint32_t xid, epoch, place; /* CHILD: its assignment */
    uint64_t offset;            /* CHILD: bytes it holds, with those under way */
    struct pfs_hier *hier;      /* NULL: STRANGER */
    struct sim_digest digest;
};

struct pfs_root_ref {
    sim_addr addr; /* 0: none */
    uint32_t xid;
    uint32_t strength;
};

struct pfs_report {
    struct pfs_report *next;
    enum pfs_wire_report what;
    sim_addr subject;
    uint32_t place, epoch;
    unsigned tries;
    sim_time due;
};

/* What only a phone that wants the file needs; freed when it holds it. */
struct pfs_quest {
    struct pfs_claim claim;
    /* Of a member: what most messages of its parent look at. */
    struct pfs_link *up; /* to the root or the parent */
    enum pfs_wire_state parent_state;
    uint32_t parent_serial;
    sim_time serial_at; /* parent_serial changed */
    sim_time attached_at, began_at;
    uint64_t began_size; /* of the copy when this transfer began */
    uint64_t seen_size;  /* at the last look */
    uint64_t beat_size;  /* at the last own beat while it received */
    /* What its elections draw from: made of the phone's luck and the hierarchy, so that neither
     * earlier files nor the instants of datagrams change who is strong. */
    struct sim_rng rng;
    uint32_t claim_xid;      /* of the instance that it would lead */
    struct pfs_root_ref alt; /* another root heard of while attached */
    bool failed_self;        /* its own fetch failed: it claims no more */
    uint32_t joins;          /* roots turned to without a byte */
    uint32_t attempts;       /* rejoins in a row */
    uint32_t hunts;          /* elections in a row without a byte */
    uint32_t failures;       /* roots that could not get the file */
    uint32_t failed_xid;
    sim_time full_at; /* since when the root has had no place; SIM_NEVER: it had one */
    uint32_t returns; /* places refused in a row */
    enum pfs_wire_refused refused_why;
    sim_addr bans[PFS_BANS];
    uint32_t bans_len;
    sim_addr refused[PFS_RETURNS_MAX]; /* parents that did not take it, in this rejoin */
    uint32_t refused_len;
    sim_addr lost;   /* the parent that went silent or away: the root is told */
    sim_addr parent; /* assigned */
    uint32_t parent_epoch;
    uint32_t assigned_place, assigned_epoch, assigned_depth;
    bool has_copy_digest; /* of the whole file that the copy is a part of */
    struct sim_digest copy_digest;
    bool spliced;            /* the copy came from more than one sender */
    bool last;               /* RECEIVE: this body ends the file */
    bool between;            /* RECEIVE: it is in, but there is more to come (cut-through) */
    sim_time moved_at;       /* it grew */
    uint64_t expect_size;    /* of the file, as the sender says; 0: not known */
    sim_time whohas_at;      /* heard or sent */
    bool has_md5, is_sealed; /* the copy was sealed to be read for its MD5 */
    uint64_t size;           /* as the want says; 0: not known */
    uint8_t md5[VERIFY_MD5_LEN];
    /* not cleared with the rest, but for their first bytes */
    char reason[PFS_REASON_MAX]; /* of the latest failed root */
    char retry[PFS_REASON_MAX];  /* what went wrong last in our own fetch; "" */
};

struct pfs_hier {
    /* What most notices look at comes first. */
    enum pfs_hier_state state;
    enum sim_digest_source digest_source;
    bool dead;
    bool is_root;       /* ROOT_WAIT, ROOT_FETCH, or HOLD and serving as root */
    bool has_digest;    /* of the whole file: the want's, or learned from the root */
    bool wanted_digest; /* it is the want's */
    bool more;          /* other files of its group follow */
    struct pfs_root_ref root;
    uint32_t children;
    sim_time answer_at;      /* HOLD: when it answers unless somebody else does */
    sim_time timer;          /* see the states */
    sim_time beat_at;        /* next PROGRESS; SIM_NEVER without connections */
    sim_time announce_at;    /* root */
    struct pfs_quest *quest; /* NULL in HOLD */
    struct pfs_report *reports;
    struct pfs_hier *next;
    sim_file copy;
    uint64_t size;      /* HOLD: of the file */
    uint32_t file_hash; /* H: of the file's name, or of the group's */
    uint32_t model_hash, name_hash;
    uint32_t xid; /* of the instance that it claims in, leads, or has its place in */
    uint32_t strength;
    uint32_t place, epoch, depth;
    uint32_t serial; /* told to children */
    uint32_t served; /* bodies handed out */
    unsigned beats;
    struct sim_digest digest;
    sim_time announced_at;
    sim_duration announce_gap;
    struct pfs_table *table;     /* root only */
    struct pfs_wire_names names; /* as messages carry them: in `text` */
    const char *path;            /* of the file: in `text` */
    const char *name;            /* in `path` */
    const char *group;           /* name of the load whose files share a tree; NULL: none */
    struct pfs_link *up;         /* HOLD: to the parent, until the group's next file is wanted */
    uint8_t text[];              /* `names` and a NUL; in a group the file's path behind it */
};

/* An event that the owner has not taken yet. */
struct pfs_told {
    enum pfs_event_kind kind;
    enum sim_digest_source digest_source;
    sim_addr peer;
    sim_file file;
    uint64_t bytes;
    char *text; /* own copy; NULL: none */
};

/* By how often it is looked at: a site's phones together are larger than a core's caches, so what a
 * notice costs is mostly lines. */
struct pfs {
    /* What every broadcast is held against: the keys of the hierarchies that the phone is in, the
     * latest first. `more_keys`: there are others, found in the list only. */
    _Alignas(PFS_LINE) uint32_t keys_len;
    bool more_keys;
    bool listening;
    bool sweep;                  /* something is dead */
    bool sweep_hiers;            /* a hierarchy is */
    uint64_t keys[PFS_KEYS_MAX]; /* file_hash << 32 | model_hash */
    struct pfs_hier *keyed[PFS_KEYS_MAX];
    struct pfs_hier *want; /* one of the hierarchies, or NULL */
    sim_time now;
    sim_time others_due;                   /* of all hierarchies but the one wanted */
    const struct pfs_hier *others_first;   /* whose that is; NULL: nobody's */
    const struct pfs_hier *others_touched; /* had a notice since; NULL: none of them */
    const struct pfs_config *config;       /* borrowed */
    struct pfs_link *links, **links_end;   /* in order of age */
    sim_time leave_at;                     /* first pfs_may_leave(); SIM_NEVER */
    sim_time doom_at;                      /* when a copy thrown away goes; SIM_NEVER */
    uint32_t children;                     /* open now, of all hierarchies */
    uint32_t strangers;
    unsigned events_len;
    bool others_stale; /* all that must be reckoned again */
    bool warned;
    struct pfs_identity id;
    struct pfs_hier *hiers;
    struct pfs_link *spare_links; /* by `next` */
    uint32_t spare_links_len;
    uint32_t model_hash;
    sim_time busy_at; /* last join, last child's end */
    struct pfs_quest *spare_quest;
    struct pfs_report *spare_report;
    struct pfs_told events[PFS_EVENTS_MAX];
    sim_file doomed; /* a copy thrown away, from which pieces are still on their way; 0 */
    uint64_t luck;   /* drawn once, before anything depends on the others */
    char *want_path; /* own copy, for events */
    size_t want_path_cap;
};

/* ---- pfs.c ---- */
void pfs_sweep_dead(struct pfs *p);
/* Frees what died during this call. */
static inline void pfs_sweep(struct pfs *p)
{
    if (p->sweep) {
        pfs_sweep_dead(p);
    }
}

/* What is due of `h` may change in this notice, or it is not the one wanted any more; NULL: nobody
 * knows of whom. */
static inline void pfs_touch(struct pfs *p, const struct pfs_hier *h)
{
    if (h == NULL || p->config->hierarchy == PFS_PER_LOAD || /* files of a load share a tree */
        (p->others_touched != NULL && p->others_touched != h)) {
        p->others_stale = true;
    } else if (h != p->want) {
        p->others_touched = h;
    }
}

/* ---- hier.c ---- */
struct pfs_hier *pfs_hier_new(struct pfs *p, const struct pfs_want *want);
struct pfs_hier *pfs_hier_find_more(struct pfs *p, uint64_t key); /* through the whole list */
/* By H << 32 | model hash, as in the header of a message; NULL. */
static inline struct pfs_hier *pfs_hier_find(struct pfs *p, uint64_t key)
{
    for (uint32_t i = 0; i < p->keys_len; i++) {
        if (p->keys[i] == key) {
            return p->keyed[i];
        }
    }
    return p->more_keys ? pfs_hier_find_more(p, key) : NULL;
}
/* The hierarchies changed: p->keys again. */
void pfs_hier_list_keys(struct pfs *p);
/* The earliest instant at which it must be ticked. */
static inline sim_time pfs_hier_due(const struct pfs_hier *h)
{
    sim_time due = sim_time_min(sim_time_min(h->timer, h->beat_at),
                                sim_time_min(h->answer_at, h->announce_at));

    if (h->state == PFS_HIER_ELECT) {
        due = sim_time_min(due, h->quest->claim.deadline);
    }
    for (const struct pfs_report *r = h->reports; r != NULL; r = r->next) {
        due = sim_time_min(due, r->due);
    }
    return due;
}
/* True when the message's texts name this very hierarchy. */
bool pfs_hier_matches(struct pfs *p, const struct pfs_hier *h, const struct pfs_wire *m);
/* Closes its links (children get `bye` when not NULL), frees the copy, marks it dead. */
void pfs_hier_end(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *bye);
void pfs_hier_free(struct pfs *p, struct pfs_hier *h);
void pfs_hier_enter(struct pfs_hier *h, enum pfs_hier_state state, sim_time timer);
enum pfs_wire_state pfs_hier_wire_state(const struct pfs_hier *h);
enum pfs_wire_state pfs_hier_root_state(const struct pfs_hier *h);
/* A message of this hierarchy with its header, model and path filled in. */
void pfs_hier_message(struct pfs *p, const struct pfs_hier *h, enum pfs_wire_type type,
                      struct pfs_wire *m);
void pfs_hier_put_digest(const struct pfs_hier *h, struct pfs_wire *m);
/* Takes the digest that the root tells, where the want knew none. */
void pfs_hier_learn_digest(struct pfs_hier *h, const struct pfs_wire *m);
/* Another instance: the children belong to the old one, so they are sent on to the new root (0:
 * none yet). */
void pfs_hier_set_xid(struct pfs *p, struct pfs_hier *h, uint32_t xid, sim_addr root);
void pfs_hier_drop_copy(struct pfs *p, struct pfs_hier *h);
void pfs_hier_event(struct pfs *p, enum pfs_event_kind kind, sim_file file, const char *text);
void pfs_hier_record(struct pfs *p, const struct pfs_hier *h, const struct sim_record *record);
void pfs_hier_phase(struct pfs *p, const struct pfs_hier *h, enum sim_phase phase);
void pfs_hier_role(struct pfs *p, const struct pfs_hier *h, enum sim_role role);
/* Holds the whole copy against what the index said of it, if it did. 0, SIM_EDIGEST, or why it
 * can't be read. */
int pfs_hier_check_index(struct pfs *p, struct pfs_hier *h);
/* The copy is whole and right: serves it. `tell`: seals it first, tells the owner and the trace
 * (else the owner did all that). 0 or what sealing said; then nothing has changed. */
int pfs_hier_hold(struct pfs *p, struct pfs_hier *h, sim_addr from, bool tell);

void pfs_send(struct pfs *p, sim_addr to, const struct pfs_wire *m);
void pfs_broadcast(struct pfs *p, const struct pfs_wire *m);

struct pfs_link *pfs_link_new(struct pfs *p, sim_stream stream, sim_addr peer,
                              enum pfs_link_kind kind, struct pfs_hier *h);
void pfs_link_send(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m);
/* Ends the stream if it is open; the link is dead afterwards. */
void pfs_link_close(struct pfs *p, struct pfs_link *link);
/* Frees it, or keeps it for the next. */
void pfs_link_free(struct pfs *p, struct pfs_link *link);

/* ---- elect.c ---- */
void pfs_elect_start(struct pfs *p, struct pfs_hier *h);
void pfs_elect_tick(struct pfs *p, struct pfs_hier *h);
void pfs_elect_hear(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m);
void pfs_elect_holder_answers(struct pfs *p, struct pfs_hier *h);
/* A holder that knows a root leaves OFFERs to it: an AD shows that it did not answer. */
static inline bool pfs_elect_leaves_offers(const struct pfs *p, const struct pfs_hier *h)
{
    return h->root.addr != 0 && h->root.addr != p->id.addr && p->config->ads > 0;
}
/* Parent and root are lost for good: a new election, or the end of sharing. */
void pfs_elect_hunt(struct pfs *p, struct pfs_hier *h, const char *why);
/* The root `xid` can't get the file. */
void pfs_elect_root_failed(struct pfs *p, struct pfs_hier *h, uint32_t xid, const char *reason);
void pfs_elect_give_up(struct pfs *p, struct pfs_hier *h, enum pfs_event_kind kind,
                       const char *why);

/* ---- root.c ---- */
void pfs_root_become(struct pfs *p, struct pfs_hier *h);
void pfs_root_announce(struct pfs *p, struct pfs_hier *h);
void pfs_root_answer(struct pfs *p, struct pfs_hier *h); /* announce, but not too often */
void pfs_root_tick(struct pfs *p, struct pfs_hier *h);
void pfs_root_go_on(struct pfs *p, struct pfs_hier *h); /* the next file of the group */
void pfs_root_fetched(struct pfs *p, struct pfs_hier *h, int status, const char *reason);
void pfs_root_step_down(struct pfs *p, struct pfs_hier *h, const struct pfs_root_ref *to);
void pfs_root_resign(struct pfs *p, struct pfs_hier *h); /* no longer root; frees the table */
void pfs_root_assign(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                     const struct pfs_wire *m);
void pfs_root_report(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m);

/* ---- member.c ---- */
void pfs_member_join(struct pfs *p, struct pfs_hier *h, const struct pfs_root_ref *root);
void pfs_member_tick(struct pfs *p, struct pfs_hier *h);
void pfs_member_opened(struct pfs *p, struct pfs_hier *h, struct pfs_link *link);
void pfs_member_closed(struct pfs *p, struct pfs_hier *h, struct pfs_link *link, int why);
void pfs_member_input(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                      const struct pfs_wire *m);
void pfs_member_received(struct pfs *p, struct pfs_hier *h, struct pfs_link *link);
/* The transfer under way ends short: its record. Returns how many bytes it brought. */
uint64_t pfs_member_tell_end(struct pfs *p, struct pfs_hier *h, int why);
/* Gives the parent up, if there is one, with its records. */
void pfs_member_detach(struct pfs *p, struct pfs_hier *h, int why);
/* Static election: dials the fixed parent. */
void pfs_member_static(struct pfs *p, struct pfs_hier *h);

/* The next file of the group, over the connection of the one before. */
void pfs_member_go_on(struct pfs *p, struct pfs_hier *h);

/* ---- group.c ---- */
bool pfs_group_is_same(const struct pfs_hier *a, const struct pfs_hier *b);
/* The hierarchy that has the tree of h's group; h itself without a group. */
struct pfs_hier *pfs_group_head(struct pfs *p, struct pfs_hier *h);
uint32_t pfs_group_children(const struct pfs *p, const struct pfs_hier *h); /* in the tree */
/* The hierarchy of the file that a JOIN or NEXT names; NULL: not wanted here yet. */
struct pfs_hier *pfs_group_file(struct pfs *p, struct pfs_hier *head, const struct pfs_wire *m,
                                uint32_t *name_hash);
/* Of a claim: who has more files of the group is stronger, then chance. */
uint32_t pfs_group_strength(const struct pfs *p, const struct pfs_hier *h, uint32_t chance);
/* Children that wait for files that are not wanted here yet are with the head: `to` from now on. */
void pfs_group_take_waiting(struct pfs *p, struct pfs_hier *from, struct pfs_hier *to);
/* Hands the tree on to the next file. False when there is none: `to` must begin anew. */
bool pfs_group_pass_on(struct pfs *p, struct pfs_hier *from, struct pfs_hier *to);
/* No file follows any more: parents and children that count on it are told. */
void pfs_group_let_go(struct pfs *p);
/* This child's connection ends: nothing more will come. */
void pfs_group_send_away(struct pfs *p, struct pfs_link *link);
/* A child has what it came for and wants the next. */
void pfs_group_next(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m);

/* ---- serve.c ---- */
void pfs_serve_tell_children(struct pfs *p, const struct pfs_hier *h, sim_addr peer); /* a record */
void pfs_serve_join(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m);
/* It is a child from now on: link->xid, epoch and place are those of its assignment. */
void pfs_serve_accept(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                      const struct pfs_wire *m);
void pfs_serve_input(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m);
/* Sends the child what is there for it: the rest of the file, or with cut-through what has come so
 * far. */
void pfs_serve_body(struct pfs *p, struct pfs_hier *h, struct pfs_link *link);
void pfs_serve_all(struct pfs *p, struct pfs_hier *h);
/* The copy is thrown away: whoever has a part of it must do the same. True while pieces of it are
 * on their way. */
bool pfs_serve_drop_begun(struct pfs *p, struct pfs_hier *h);
void pfs_serve_sent(struct pfs *p, struct pfs_link *link);
/* A child ended: `done`, or lost. Frees its slot. */
void pfs_serve_ended(struct pfs *p, struct pfs_link *link, bool done);
void pfs_serve_drop_children(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *bye);
void pfs_serve_beat(struct pfs *p, struct pfs_hier *h);
/* The parent shows that the top of the tree is alive: passed on at once, so that it is known at any
 * depth. */
void pfs_serve_pass_beat(struct pfs *p, struct pfs_hier *h);
void pfs_serve_report(struct pfs *p, struct pfs_hier *h, enum pfs_wire_report what,
                      sim_addr subject, uint32_t place, uint32_t epoch);
void pfs_serve_reports_tick(struct pfs *p, struct pfs_hier *h);
void pfs_serve_acked(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *m);
sim_duration pfs_serve_beat_gap(const struct pfs *p);

/* ---- linger.c ---- */
sim_time pfs_linger_deadline(const struct pfs *p);
void pfs_linger_tick(struct pfs *p);
void pfs_linger_leave(struct pfs *p, struct pfs_hier *h);

/* ---- log.c ---- */
#define PFS_LOG_LEVELS(X) X(NOT) X(DBG) X(INF)
enum pfs_log_level {
#define X(name) PFS_LOG_##name,
    PFS_LOG_LEVELS(X)
#undef X
};
/* One line of the console; nothing is formatted, nor an argument reckoned, unless the phone logs.
 */
#define pfs_log(p, ...) ((p)->id.log ? pfs_log_line((p), __VA_ARGS__) : (void)0)
void pfs_log_line(struct pfs *p, enum pfs_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "|parent=-1><fd[0]=-1 fd[1]=-1 FULL=0" */
void pfs_log_state(struct pfs *p, const struct pfs_hier *h);

#endif /* PHONES_PFS_MACHINE_H */
