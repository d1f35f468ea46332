/* phones/pfs/pfs.c -- the peer machine's public face: notices in, deadlines and events out. What
 * happens then is in the files that machine.h lists. */
#include "phones/pfs/pfs.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

/* ---- Life ---- */

struct pfs *pfs_new(const struct pfs_config *config, const struct pfs_identity *identity)
{
    assert(config->fanout >= 1 && config->fanout <= PFS_FANOUT_MAX);
    assert(config->relay != PFS_CUT_THROUGH || config->chunk > 0);
    assert(config->election != PFS_STATIC || identity->peers_self < identity->peers_len);
    struct pfs *p = aligned_alloc(PFS_LINE, sizeof(*p));

    if (p == NULL) {
        return NULL;
    }
    memset(p, 0, sizeof(*p));
    p->config = config;
    p->id = *identity;
    p->model_hash = pfs_wire_hash(identity->model);
    p->luck = sim_rng_next(sim_world_rng(identity->world, identity->node));
    p->links_end = &p->links;
    p->leave_at = SIM_NEVER;
    p->doom_at = SIM_NEVER;
    p->others_stale = true;
    return p;
}

void pfs_expect(const struct pfs *p)
{
    enum { FIRST = 1, END = 5 }; /* lines: the first is for broadcasts, others are rare */

    for (uintptr_t i = FIRST; p != NULL && i < END; i++) {
        __builtin_prefetch((const void *)((uintptr_t)p + i * PFS_LINE));
    }
}

/* Frees what died during this call. */
static void sweep_hiers(struct pfs *p)
{
    p->sweep_hiers = false;
    for (struct pfs_hier **at = &p->hiers; *at != NULL;) {
        struct pfs_hier *h = *at;
        if (h->dead) {
            *at = h->next;
            pfs_hier_free(p, h);
        } else {
            at = &h->next;
        }
    }
}

void pfs_sweep_dead(struct pfs *p)
{
    p->sweep = false;
    p->links_end = &p->links;
    while (*p->links_end != NULL) {
        struct pfs_link *link = *p->links_end;
        if (link->dead) {
            *p->links_end = link->next;
            pfs_link_free(p, link);
        } else {
            p->links_end = &link->next;
        }
    }
    if (p->sweep_hiers) {
        sweep_hiers(p);
    }
}

void pfs_free(struct pfs *p)
{
    if (p == NULL) {
        return;
    }
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        pfs_hier_drop_copy(p, h);
        h->dead = true;
    }
    for (struct pfs_link *link = p->links; link != NULL; link = link->next) {
        pfs_link_close(p, link);
    }
    p->sweep = p->sweep_hiers = true;
    pfs_sweep(p);
    sim_world_file_free(p->id.world, p->doomed);
    for (unsigned i = 0; i < p->events_len; i++) {
        free(p->events[i].text);
    }
    while (p->spare_links != NULL) {
        struct pfs_link *link = p->spare_links;
        p->spare_links = link->next;
        free(link);
    }
    free(p->spare_quest);
    free(p->spare_report);
    free(p->want_path);
    free(p);
}

int pfs_start(struct pfs *p, sim_time now)
{
    p->now = now;
    int rc = sim_world_listen(p->id.world, p->id.node, true);
    if (rc != 0) {
        return rc;
    }
    p->listening = true;
    p->leave_at = SIM_NEVER;
    p->busy_at = now;
    pfs_log(p, PFS_LOG_DBG, "+++ fd=7 Listening on peer TCP port %u", (unsigned)p->config->port);
    pfs_log(p, PFS_LOG_NOT, "^.idl_child.c-openUDPPort");
    return 0;
}

void pfs_stop(struct pfs *p, sim_time now)
{
    p->now = now;
    p->others_stale = true;
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (!h->dead) {
            pfs_linger_leave(p, h);
        }
    }
    for (struct pfs_link *link = p->links; link != NULL; link = link->next) {
        pfs_link_close(p, link);
    }
    if (p->listening) {
        (void)sim_world_listen(p->id.world, p->id.node, false);
        p->listening = false;
    }
    p->leave_at = SIM_NEVER;
    pfs_sweep(p);
}

void pfs_power_off(struct pfs *p, sim_time now)
{
    p->now = now;
    if (p->want != NULL && p->want->state == PFS_HIER_RECEIVE) {
        pfs_member_tell_end(p, p->want, SIM_ECANCELED);
    }
}

/* ---- Wants ---- */

static struct pfs_hier *find_path(struct pfs *p, const char *path)
{
    const char *name = pfs_wire_file_name(path);
    uint32_t hash = pfs_wire_hash(name);

    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (!h->dead && h->name_hash == hash && strcmp(h->name, name) == 0) {
            return h;
        }
    }
    return NULL;
}

/* What has the tree of the want's load so far; NULL: none, or no load is named. */
static struct pfs_hier *find_group(struct pfs *p, const struct pfs_want *want)
{
    if (p->config->hierarchy != PFS_PER_LOAD || want->group == NULL) {
        return NULL;
    }
    uint64_t hash = pfs_wire_hash(pfs_wire_file_name(want->group));
    struct pfs_hier *head = pfs_hier_find(p, hash << 32 | p->model_hash);
    return head != NULL && head->group != NULL ? head : NULL;
}

static void got_already(struct pfs *p, struct pfs_hier *h)
{
    pfs_hier_event(p, PFS_EVENT_GOT, h->copy, "");
    p->events[p->events_len - 1].bytes = h->size;
    p->events[p->events_len - 1].digest_source = h->digest_source;
}

/* Keeps the path for the events of the want. False when out of memory. */
static bool keep_path(struct pfs *p, const char *path)
{
    size_t size = strlen(path) + 1;

    if (size > p->want_path_cap) {
        char *larger = realloc(p->want_path, size);
        if (larger == NULL) {
            return false;
        }
        p->want_path = larger;
        p->want_path_cap = size;
    }
    memcpy(p->want_path, path, size);
    return true;
}

static void start_static(struct pfs *p, struct pfs_hier *h)
{
    if (p->id.peers_self == 0) {
        h->quest->claim_xid = h->file_hash;
        pfs_root_become(p, h);
    } else {
        pfs_member_static(p, h);
    }
}

void pfs_want(struct pfs *p, sim_time now, const struct pfs_want *want)
{
    assert(p->want == NULL);
    p->now = now;
    p->leave_at = SIM_NEVER;
    p->others_stale = p->others_stale || p->config->hierarchy == PFS_PER_LOAD;
    bool is_kept = keep_path(p, want->path);
    struct pfs_hier *h = find_path(p, want->path);
    if (h != NULL) {
        got_already(p, h);
        return;
    }
    struct pfs_hier *before = find_group(p, want);
    h = is_kept ? pfs_hier_new(p, want) : NULL;
    if (h == NULL) {
        pfs_hier_event(p, PFS_EVENT_FALLBACK, 0, sim_err_text(SIM_ENOMEM));
        return;
    }
    p->want = h;
    if (before != NULL && pfs_group_pass_on(p, before, h)) {
        /* in the tree that it has already */
    } else if (p->config->election == PFS_STATIC) {
        start_static(p, h);
    } else {
        pfs_elect_start(p, h);
    }
    pfs_sweep(p);
}

void pfs_unwant(struct pfs *p, sim_time now)
{
    p->now = now;
    p->others_stale = true;
    if (p->want != NULL) {
        pfs_linger_leave(p, p->want);
    }
    pfs_sweep(p);
}

void pfs_hold(struct pfs *p, sim_time now, const struct pfs_want *want, sim_file file)
{
    p->now = now;
    p->others_stale = true;
    struct pfs_hier *h = find_path(p, want->path);

    if (h == NULL) {
        struct pfs_hier *before = find_group(p, want);
        h = pfs_hier_new(p, want);
        if (h == NULL) {
            sim_world_file_free(p->id.world, file);
            return; /* not served: a want of memory is no reason to fail the phone */
        }
        h->copy = file;
        if (!h->has_digest) {
            h->has_digest = sim_world_file_digest(p->id.world, file, &h->digest) == 0;
        }
        if (before != NULL) {
            pfs_group_take_waiting(p, before, h);
        }
        (void)pfs_hier_hold(p, h, 0, false);
    } else if (h->copy != file) {
        sim_world_file_free(p->id.world, file);
    }
    pfs_sweep(p);
}

void pfs_fetch_done(struct pfs *p, sim_time now, int status, const char *reason)
{
    p->now = now;
    p->others_stale = true;
    if (p->want != NULL && p->want->state == PFS_HIER_ROOT_FETCH) {
        pfs_root_fetched(p, p->want, status, reason);
    }
    pfs_sweep(p);
}

void pfs_fetch_moved(struct pfs *p, sim_time now)
{
    p->now = now;
    if (p->want != NULL && p->want->state == PFS_HIER_ROOT_FETCH) {
        pfs_serve_all(p, p->want);
    }
    pfs_sweep(p);
}

void pfs_fetch_retries(struct pfs *p, sim_time now, const char *reason)
{
    p->now = now;
    if (p->want != NULL && p->want->state == PFS_HIER_ROOT_FETCH) {
        snprintf(p->want->quest->retry, sizeof(p->want->quest->retry), "%s", reason);
    }
}

/* ---- Time ---- */

static void tick(struct pfs *p, struct pfs_hier *h)
{
    if (h->state == PFS_HIER_ELECT) {
        pfs_elect_tick(p, h);
    } else if (h->is_root) {
        pfs_root_tick(p, h);
    } else {
        pfs_member_tick(p, h);
    }
    if (h->dead) {
        return;
    }
    if (p->now >= h->answer_at) {
        h->answer_at = SIM_NEVER;
        if (!h->is_root && h->state == PFS_HIER_HOLD && p->listening) {
            pfs_root_become(p, h);
        }
    }
    if (p->now >= h->beat_at) {
        pfs_serve_beat(p, h);
    }
    if (h->reports != NULL) {
        pfs_serve_reports_tick(p, h);
    }
}

static void close_silent_strangers(struct pfs *p)
{
    if (p->strangers == 0) {
        return;
    }
    for (struct pfs_link *link = p->links; link != NULL; link = link->next) {
        if (link->dead || link->kind != PFS_LINK_STRANGER) {
            continue;
        }
        if (p->now < sim_time_add(link->heard, PFS_STRANGER_WAIT)) {
            return; /* the rest is younger */
        }
        pfs_link_close(p, link);
    }
}

/* Other hierarchies than the one wanted rest most of the time: they are looked at when one of them
 * is due, or may be. */
static sim_time others_due_anew(struct pfs *p)
{
    p->others_due = SIM_NEVER;
    p->others_first = NULL;
    for (const struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (h != p->want) {
            sim_time due = pfs_hier_due(h);
            if (due < p->others_due) {
                p->others_due = due;
                p->others_first = h;
            }
        }
    }
    p->others_stale = false;
    p->others_touched = NULL;
    return p->others_due;
}

/* If one of them alone had a notice, the rest stayed as it was: mostly a look at that one is
 * enough. */
static inline sim_time others_due(struct pfs *p)
{
    const struct pfs_hier *h = p->others_touched;

    if (p->others_stale) {
        return others_due_anew(p);
    }
    if (h == NULL) {
        return p->others_due;
    }
    sim_time due = pfs_hier_due(h);
    if (due < p->others_due) {
        p->others_due = due;
        p->others_first = h;
    } else if (h == p->others_first && due > p->others_due) {
        return others_due_anew(p);
    }
    p->others_touched = NULL;
    return p->others_due;
}

/* All are ticked, and when the next is due is reckoned on the way, unless a tick changed more than
 * its own. */
static void tick_all(struct pfs *p)
{
    const struct pfs_hier *first = NULL;
    sim_time due = SIM_NEVER;

    p->others_stale = p->config->hierarchy == PFS_PER_LOAD;
    p->others_touched = NULL;
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (h->dead) {
            continue;
        }
        tick(p, h);
        sim_time next = h != p->want && !h->dead ? pfs_hier_due(h) : SIM_NEVER;
        if (next < due) {
            due = next;
            first = h;
        }
    }
    p->others_due = due;
    p->others_first = first;
}

void pfs_wake(struct pfs *p, sim_time now)
{
    p->now = now;
    if (now >= others_due(p)) {
        tick_all(p);
    } else if (p->want != NULL) {
        tick(p, p->want);
    }
    if (now >= p->doom_at) {
        sim_world_file_free(p->id.world, p->doomed);
        p->doomed = 0;
        p->doom_at = SIM_NEVER;
    }
    close_silent_strangers(p);
    pfs_linger_tick(p);
    pfs_sweep(p);
}

/* The one that came first. */
static sim_time strangers_due(const struct pfs *p)
{
    for (const struct pfs_link *link = p->links; link != NULL; link = link->next) {
        if (link->kind == PFS_LINK_STRANGER) {
            return sim_time_add(link->heard, PFS_STRANGER_WAIT);
        }
    }
    return SIM_NEVER;
}

sim_time pfs_deadline(struct pfs *p)
{
    sim_time next = sim_time_min(p->doom_at, others_due(p));

    if (p->leave_at != SIM_NEVER) {
        next = sim_time_min(next, pfs_linger_deadline(p));
    }
    if (p->want != NULL) {
        next = sim_time_min(next, pfs_hier_due(p->want));
    }
    return p->strangers > 0 ? sim_time_min(next, strangers_due(p)) : next;
}

bool pfs_take_event(struct pfs *p, struct pfs_event *out)
{
    if (p->events_len == 0) {
        return false;
    }
    struct pfs_told told = p->events[0];
    p->events_len--;
    memmove(&p->events[0], &p->events[1], p->events_len * sizeof(p->events[0]));
    out->kind = told.kind;
    out->path = p->want_path;
    out->file = told.file;
    out->peer = told.peer;
    out->bytes = told.bytes;
    out->digest_source = told.digest_source;
    out->notify_every = p->config->relay == PFS_CUT_THROUGH ? p->config->chunk : 0;
    out->text[0] = '\0';
    if (told.text != NULL) {
        snprintf(out->text, sizeof(out->text), "%s", told.text);
        free(told.text);
    }
    return true;
}

uint32_t pfs_children(const struct pfs *p)
{
    return p->children;
}

/* ---- Datagrams ---- */

static uint32_t read32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t read_key(const uint8_t *message)
{
    return (uint64_t)read32(message + 12) << 32 | read32(message + 16);
}

/* A claim that this phone's election takes no notice of is one of a weaker than whom it knows. */
static bool is_claim_news(const struct pfs *p, const struct pfs_claim *c, sim_addr from,
                          uint32_t strength)
{
    switch (c->state) {
    case PFS_CLAIM_OFFER:
    case PFS_CLAIM_AD:
        return pfs_claim_is_stronger(strength, from, c->strength, c->addr) || p->id.log;
    case PFS_CLAIM_RIVAL:
        return from == c->rival || p->id.log ||
               pfs_claim_is_stronger(strength, from, c->rival_strength, c->rival);
    case PFS_CLAIM_OTHERS:
        return true;
    case PFS_CLAIM_IDLE:
    case PFS_CLAIM_CONFIRMED:
        break;
    }
    return false;
}

/* Most of what a phone hears tells it nothing new: a look at the bytes is enough to see that, so
 * nothing is decoded. True does not mean that there is news, only that it can't be ruled out. */
static inline bool __attribute__((always_inline))
is_news(const struct pfs *p, const struct pfs_hier *h, const struct sim_datagram *d)
{
    enum { STRENGTH_AT = PFS_WIRE_HEADER, XID_AT = 8 };

    if (h->is_root || d->len < STRENGTH_AT + 4) {
        return true;
    }
    uint32_t strength = read32(d->bytes + STRENGTH_AT);
    switch (d->bytes[3]) {
    case PFS_WIRE_OFFER:
    case PFS_WIRE_AD:
        if (h->state == PFS_HIER_HOLD) {
            return h->answer_at == SIM_NEVER && !h->more &&
                   (d->bytes[3] == PFS_WIRE_AD || !pfs_elect_leaves_offers(p, h));
        }
        return h->state == PFS_HIER_ELECT && is_claim_news(p, &h->quest->claim, d->from, strength);
    case PFS_WIRE_ROOT:
        if (d->from != h->root.addr || strength != h->root.strength ||
            read32(d->bytes + XID_AT) != h->root.xid) {
            return true;
        }
        return h->state == PFS_HIER_HOLD
                   ? h->answer_at != SIM_NEVER || (strength & PFS_WIRE_STRENGTH_HOLDS) == 0
                   : h->state == PFS_HIER_ELECT || !h->has_digest;
    default:
        return true;
    }
}

/* The claims of an election are most of what is news, and of each only the strength counts: a look
 * at the rest is enough to know that it is in order. False: not seen, so let it be decoded. */
static bool is_plain_claim(const struct pfs *p, const struct pfs_hier *h,
                           const struct sim_datagram *d)
{
    enum { NAMES_AT = PFS_WIRE_HEADER + 8 }; /* behind strength, and map or count */
    const uint8_t *bytes = d->bytes;
    uint32_t start = (uint32_t)PFS_WIRE_MAGIC << 16 | PFS_WIRE_VERSION << 8 | bytes[3];

    return h->state == PFS_HIER_ELECT && !p->id.log && d->len == NAMES_AT + h->names.len &&
           (bytes[3] == PFS_WIRE_OFFER || bytes[3] == PFS_WIRE_AD) && read32(bytes) == start &&
           read32(bytes + 4) == (uint32_t)d->len << 16 &&
           memcmp(bytes + NAMES_AT, h->names.bytes, h->names.len) == 0;
}

/* False when all that changed is that it has to wait longer. */
static bool hear_claim(struct pfs *p, struct pfs_hier *h, sim_time now,
                       const struct sim_datagram *d)
{
    uint32_t strength = read32(d->bytes + PFS_WIRE_HEADER);
    sim_time before = h->quest->claim.deadline;

    if ((strength & ~PFS_WIRE_STRENGTH_CHANCE) != 0 || d->from == p->id.addr ||
        p->config->election == PFS_STATIC) {
        return false;
    }
    p->now = now;
    pfs_touch(p, h);
    (void)pfs_claim_hear(&h->quest->claim, p->config, now, d->from, strength);
    return h->quest->claim.deadline < before;
}

static bool hear(struct pfs *p, struct pfs_hier *h, sim_time now, const struct sim_datagram *d)
{
    struct pfs_wire m;

    if (is_plain_claim(p, h, d)) {
        return hear_claim(p, h, now, d);
    }
    if (p->config->election == PFS_STATIC || d->from == p->id.addr ||
        pfs_wire_decode_expecting(d->bytes, d->len, &h->names, &m) != 0 ||
        pfs_wire_is_stream(m.type)) {
        return false;
    }
    p->now = now;
    pfs_touch(p, h);
    if (m.type == PFS_WIRE_REPORT) {
        pfs_root_report(p, h, d->from, &m);
    } else if (m.type == PFS_WIRE_ACK) {
        if (d->from == h->root.addr) {
            pfs_serve_acked(p, h, &m);
        }
    } else if (pfs_hier_matches(p, h, &m)) {
        pfs_elect_hear(p, h, d->from, &m);
    }
    pfs_sweep(p);
    return true;
}

/* A phone with more hierarchies than keys. */
static __attribute__((noinline)) bool find_and_hear(struct pfs *p, sim_time now,
                                                    const struct sim_datagram *datagram)
{
    struct pfs_hier *h = pfs_hier_find(p, read_key(datagram->bytes));
    return h != NULL && is_news(p, h, datagram) && hear(p, h, now, datagram);
}

/* The most frequent notice of all: nothing is called before there is news. */
bool pfs_datagram(struct pfs *p, sim_time now, const struct sim_datagram *datagram)
{
    if (datagram->len < PFS_WIRE_HEADER) {
        return false;
    }
    uint64_t key = read_key(datagram->bytes);
    for (uint32_t i = 0; i < p->keys_len; i++) {
        if (p->keys[i] == key) {
            return is_news(p, p->keyed[i], datagram) && hear(p, p->keyed[i], now, datagram);
        }
    }
    return p->more_keys && find_and_hear(p, now, datagram);
}

/* ---- Streams ---- */

static struct pfs_link *link_of(struct pfs *p, sim_stream stream)
{
    struct pfs_link *link = (struct pfs_link *)(uintptr_t)sim_world_stream_tag(p->id.world, stream);
    return link != NULL && !link->dead && link->stream == stream ? link : NULL;
}

void pfs_stream_opened(struct pfs *p, sim_time now, sim_stream stream, sim_addr peer, bool dialed)
{
    p->now = now;
    if (dialed) {
        struct pfs_link *link = link_of(p, stream);
        if (link != NULL) {
            pfs_touch(p, link->hier);
            link->heard = now;
            pfs_member_opened(p, link->hier, link);
        }
    } else if (p->strangers >= PFS_STRANGERS_MAX || !p->listening ||
               pfs_link_new(p, stream, peer, PFS_LINK_STRANGER, NULL) == NULL) {
        sim_world_stream_close(p->id.world, stream);
    }
    pfs_sweep(p);
}

static void lost(struct pfs *p, struct pfs_link *link, int why)
{
    switch (link->kind) {
    case PFS_LINK_STRANGER:
        pfs_link_close(p, link);
        return;
    case PFS_LINK_CHILD:
        pfs_serve_ended(p, link, false);
        return;
    case PFS_LINK_ROOT:
    case PFS_LINK_PARENT:
        pfs_member_closed(p, link->hier, link, why);
        return;
    }
}

static void input(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m)
{
    struct pfs_hier *h = link->hier;

    if (h != NULL && (m->file_hash != h->file_hash || m->model_hash != h->model_hash)) {
        lost(p, link, SIM_EPROTO);
        return;
    }
    switch (link->kind) {
    case PFS_LINK_STRANGER:
        if (m->type == PFS_WIRE_JOIN) {
            pfs_serve_join(p, link, m);
        } else {
            pfs_link_close(p, link);
        }
        return;
    case PFS_LINK_CHILD:
        link->heard = p->now;
        pfs_serve_input(p, link, m);
        return;
    case PFS_LINK_ROOT:
    case PFS_LINK_PARENT:
        link->heard = p->now;
        pfs_member_input(p, h, link, m);
        return;
    }
}

size_t pfs_stream_input(struct pfs *p, sim_time now, sim_stream stream, const uint8_t *bytes,
                        size_t len)
{
    struct pfs_link *link = link_of(p, stream);
    struct pfs_wire m;

    p->now = now;
    if (link == NULL) {
        return len;
    }
    int total = pfs_wire_length(bytes, len);
    if (total == 0 || (total > 0 && (size_t)total > len)) {
        return 0; /* cut inside a message; one is shorter than what a world keeps for us */
    }
    const struct pfs_hier *h = link->hier;
    if (h == NULL && total > 0) {
        h = pfs_hier_find(p, read_key(bytes)); /* what a JOIN names */
    }
    if (h != NULL) {
        pfs_touch(p, h);
    }
    if (total < 0 ||
        pfs_wire_decode_expecting(bytes, (size_t)total, h != NULL ? &h->names : NULL, &m) != 0) {
        lost(p, link, SIM_EPROTO);
        total = (int)len;
    } else {
        input(p, link, &m);
    }
    pfs_sweep(p);
    return (size_t)total;
}

void pfs_body_progress(struct pfs *p, sim_time now, sim_stream stream, uint64_t size)
{
    struct pfs_link *link = link_of(p, stream);
    (void)size; /* watched by looking at the copy */
    p->now = now;
    if (link != NULL) {
        link->heard = now;
        pfs_touch(p, link->hier);
        pfs_serve_all(p, link->hier); /* notices come only with cut-through */
    }
    pfs_sweep(p);
}

void pfs_body_received(struct pfs *p, sim_time now, sim_stream stream)
{
    struct pfs_link *link = link_of(p, stream);
    p->now = now;
    if (link != NULL && link->kind == PFS_LINK_PARENT) {
        pfs_touch(p, link->hier);
        link->heard = now;
        pfs_member_received(p, link->hier, link);
    }
    pfs_sweep(p);
}

void pfs_body_sent(struct pfs *p, sim_time now, sim_stream stream)
{
    struct pfs_link *link = link_of(p, stream);
    p->now = now;
    if (link != NULL) {
        pfs_touch(p, link->hier);
        pfs_serve_sent(p, link);
    }
    pfs_sweep(p);
}

void pfs_stream_closed(struct pfs *p, sim_time now, sim_stream stream, int why)
{
    struct pfs_link *link = link_of(p, stream);
    p->now = now;
    if (link != NULL) {
        pfs_touch(p, link->hier);
        link->stream = 0; /* the handle is dead already */
        lost(p, link, why);
    }
    pfs_sweep(p);
}
