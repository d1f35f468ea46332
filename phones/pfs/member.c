/* phones/pfs/member.c -- being a member: ask the root for a place, attach to the parent, watch it,
 * receive the body, check it; come back when something on that way is lost. Elections are in
 * elect.c. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

static void dial_root(struct pfs *p, struct pfs_hier *h);

static struct sim_rng *rng_of(struct pfs *p)
{
    return sim_world_rng(p->id.world, p->id.node);
}

static bool is_attached(const struct pfs_hier *h)
{
    return h->state == PFS_HIER_WAIT || h->state == PFS_HIER_RECEIVE;
}

/* ---- Losing and coming back ---- */

uint64_t pfs_member_tell_end(struct pfs *p, struct pfs_hier *h, int why)
{
    const struct pfs_quest *q = h->quest;
    uint64_t bytes = sim_time_since(sim_world_file_size(p->id.world, h->copy), q->began_size);

    pfs_hier_record(p, h,
                    &(struct sim_record){.kind = SIM_RECORD_TRANSFER_END,
                                         .peer = q->up->peer,
                                         .a = (uint32_t)-why,
                                         .b = bytes,
                                         .c = q->began_at,
                                         .text = sim_err_text(why)});
    return bytes;
}

void pfs_member_detach(struct pfs *p, struct pfs_hier *h, int why)
{
    struct pfs_quest *q = h->quest;

    if (q == NULL || q->up == NULL) {
        return;
    }
    struct pfs_link *up = q->up;
    if (h->state == PFS_HIER_RECEIVE) {
        if (pfs_member_tell_end(p, h, why) > 0) {
            q->attempts = q->hunts = q->joins = 0; /* it is getting somewhere */
        }
    }
    if (is_attached(h)) {
        if (h->state == PFS_HIER_WAIT &&
            sim_time_since(p->now, q->attached_at) > p->config->parent_timeout) {
            q->attempts = 0; /* it was a good place for a while */
        }
        pfs_hier_record(
            p, h,
            &(struct sim_record){.kind = SIM_RECORD_DETACH, .peer = up->peer, .a = (uint32_t)-why});
        pfs_log(p, PFS_LOG_NOT, "XID%08X Parent lost: %s", (unsigned)h->xid, sim_err_text(why));
    }
    q->up = NULL;
    pfs_link_close(p, up);
}

static void ask_who_has(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_wire m;

    if (p->config->election == PFS_STATIC ||
        (h->quest->whohas_at != 0 &&
         sim_time_since(p->now, h->quest->whohas_at) < PFS_WHOHAS_GAP)) {
        return; /* somebody asked just now; the answer is for all */
    }
    h->quest->whohas_at = p->now;
    pfs_hier_message(p, h, PFS_WIRE_WHOHAS, &m);
    pfs_log(p, PFS_LOG_INF, "XID%08X TxBdcst WhoHas", (unsigned)h->xid);
    pfs_broadcast(p, &m);
}

/* Back to the root, after a while that grows; then a new election. */
static void rejoin(struct pfs *p, struct pfs_hier *h, const char *why)
{
    struct pfs_quest *q = h->quest;
    sim_duration low = 0, high = 250 * SIM_MS;

    if (q->alt.addr != 0) {
        struct pfs_root_ref alt = q->alt;
        q->alt = (struct pfs_root_ref){0};
        pfs_member_join(p, h, &alt);
        return;
    }
    q->attempts++;
    q->returns = q->refused_len = 0;
    q->refused_why = PFS_WIRE_REFUSED_NOT;
    if (q->lost != 0 && q->lost != h->root.addr) {
        q->refused[q->refused_len++] = q->lost;
        q->refused_why = PFS_WIRE_REFUSED_UNREACHABLE;
    }
    q->lost = 0;
    if (q->attempts > p->config->rejoin_attempts) {
        pfs_elect_hunt(p, h, why);
        return;
    }
    if (q->attempts > 1) {
        unsigned doublings = q->attempts > 6 ? 5 : q->attempts - 2;
        high = SIM_S << doublings;
        low = high / 2;
        ask_who_has(p, h);
    }
    pfs_log(p, PFS_LOG_INF, "XID%08X Rejoin %u: %s", (unsigned)h->xid, (unsigned)q->attempts, why);
    pfs_hier_enter(h, PFS_HIER_DIAL, sim_time_add(p->now, sim_rng_between(rng_of(p), low, high)));
    pfs_hier_phase(p, h, SIM_PHASE_WAIT);
}

static void static_retry(struct pfs *p, struct pfs_hier *h, const char *why)
{
    /* The parent may start later than this phone: ask every second, as long as all rejoins would
     * take. */
    struct pfs_quest *q = h->quest;
    uint64_t patience = (p->config->rejoin_attempts + 1) *
                        (p->config->parent_timeout / SIM_S + 30); /* attempts, a second each */
    q->attempts++;
    if (q->attempts > patience) {
        pfs_elect_hunt(p, h, why);
        return;
    }
    pfs_hier_enter(h, PFS_HIER_DIAL, sim_time_add(p->now, SIM_S));
}

static void come_back(struct pfs *p, struct pfs_hier *h, const char *why)
{
    if (p->config->election == PFS_STATIC) {
        static_retry(p, h, why);
    } else {
        rejoin(p, h, why);
    }
}

static void lose_parent(struct pfs *p, struct pfs_hier *h, int why)
{
    if (why != SIM_EDIGEST) {
        h->quest->lost = h->quest->up->peer;
    }
    pfs_member_detach(p, h, why);
    come_back(p, h, sim_err_text(why));
}

static void ban(struct pfs *p, struct pfs_hier *h, sim_addr peer)
{
    struct pfs_quest *q = h->quest;
    (void)p;
    q->bans[q->bans_len % PFS_BANS] = peer;
    q->bans_len++;
}

static bool is_banned(const struct pfs_quest *q, sim_addr peer)
{
    for (uint32_t i = 0; i < q->bans_len && i < PFS_BANS; i++) {
        if (q->bans[i] == peer) {
            return true;
        }
    }
    return false;
}

/* The assigned parent did not take it: back to the root, never onward. */
static void place_refused(struct pfs *p, struct pfs_hier *h, enum pfs_wire_refused why)
{
    struct pfs_quest *q = h->quest;

    if (p->config->election == PFS_STATIC) {
        static_retry(p, h, "no answer from the parent");
        return;
    }
    pfs_log(p, PFS_LOG_INF, "XID%08X Place %u refused, back to root", (unsigned)h->xid,
            (unsigned)h->place);
    q->refused[q->refused_len % PFS_RETURNS_MAX] = q->parent;
    q->refused_len++;
    q->refused_why = why;
    q->returns++;
    if (q->returns >= PFS_RETURNS_MAX) {
        rejoin(p, h, "no parent took it");
        return;
    }
    dial_root(p, h);
}

/* ---- To the root ---- */

void pfs_member_join(struct pfs *p, struct pfs_hier *h, const struct pfs_root_ref *root)
{
    struct pfs_quest *q = h->quest;
    sim_duration spread = p->config->root_wait / 4 < SIM_S ? p->config->root_wait / 4 : SIM_S;

    if (q->up != NULL) {
        pfs_member_detach(p, h, SIM_ECANCELED);
    }
    q->joins++;
    if (q->joins > 8 * (p->config->rejoin_attempts + 1)) {
        q->joins = 0;
        pfs_elect_hunt(p, h, "roots come and go");
        return;
    }
    h->root = *root;
    q->lost = 0;
    q->alt = (struct pfs_root_ref){0};
    q->attempts = q->returns = q->refused_len = 0;
    q->refused_why = PFS_WIRE_REFUSED_NOT;
    pfs_hier_enter(h, PFS_HIER_DIAL, sim_time_add(p->now, sim_rng_between(rng_of(p), 0, spread)));
    pfs_hier_phase(p, h, SIM_PHASE_WAIT);
}

/* Dials `to`; false when it can't even be tried. */
static bool dial(struct pfs *p, struct pfs_hier *h, sim_addr to, enum pfs_link_kind kind)
{
    struct pfs_quest *q = h->quest;
    sim_stream stream;

    assert(q->up == NULL);
    if (sim_world_dial(p->id.world, p->id.node, to, &stream) != 0) {
        return false;
    }
    q->up = pfs_link_new(p, stream, to, kind, h);
    if (q->up == NULL) {
        sim_world_stream_close(p->id.world, stream);
        return false;
    }
    pfs_hier_enter(h, kind == PFS_LINK_ROOT ? PFS_HIER_JOIN_ROOT : PFS_HIER_JOIN_PARENT,
                   sim_time_add(p->now, PFS_JOIN_WAIT));
    return true;
}

static void dial_root(struct pfs *p, struct pfs_hier *h)
{
    if (!dial(p, h, h->root.addr, PFS_LINK_ROOT)) {
        come_back(p, h, "the root can't be dialed");
    }
}

static void dial_parent(struct pfs *p, struct pfs_hier *h)
{
    if (!dial(p, h, h->quest->parent, PFS_LINK_PARENT)) {
        place_refused(p, h, PFS_WIRE_REFUSED_UNREACHABLE);
    }
}

void pfs_member_static(struct pfs *p, struct pfs_hier *h)
{
    uint32_t self = p->id.peers_self;

    assert(self > 0 && self < p->id.peers_len);
    h->quest->parent = p->id.peers[(self - 1) / p->config->fanout];
    h->xid = h->file_hash;
    h->root = (struct pfs_root_ref){.addr = p->id.peers[0], .xid = h->xid};
    h->place = self;
    h->epoch = 0;
    h->depth = 0;
    for (uint32_t i = self; i > 0; i = (i - 1) / p->config->fanout) {
        h->depth++;
    }
    pfs_hier_enter(h, PFS_HIER_DIAL, p->now);
    pfs_hier_phase(p, h, SIM_PHASE_WAIT);
}

static bool part_digest(const struct pfs_hier *h, struct sim_digest *out)
{
    if (h->wanted_digest) {
        *out = h->digest;
        return true;
    }
    *out = h->quest->copy_digest;
    return h->quest->has_copy_digest;
}

static void send_join(struct pfs *p, struct pfs_hier *h, bool to_root)
{
    struct pfs_quest *q = h->quest;
    struct pfs_wire m;

    pfs_hier_message(p, h, PFS_WIRE_JOIN, &m);
    m.flags = pfs_group_children(p, h) > 0 ? PFS_WIRE_JOIN_HAS_CHILDREN : 0;
    m.place = to_root ? PFS_WIRE_NO_PLACE : h->place;
    m.epoch = h->epoch;
    m.parent_epoch = q->parent_epoch;
    m.has_digest = part_digest(h, &m.digest);
    m.digest_source = h->wanted_digest ? h->digest_source : SIM_DIGEST_FIRST_USE;
    m.offset = m.has_digest ? sim_world_file_size(p->id.world, h->copy) : 0;
    m.what = (uint8_t)q->refused_why;
    uint32_t refused = q->refused_len < PFS_RETURNS_MAX ? q->refused_len : PFS_RETURNS_MAX;
    for (uint32_t i = 0; to_root && i < refused; i++) { /* the latest first */
        m.avoid[m.avoid_len++] = q->refused[(q->refused_len - 1 - i) % PFS_RETURNS_MAX];
    }
    for (uint32_t i = 0; to_root && i < q->bans_len && i < PFS_BANS; i++) {
        m.avoid[m.avoid_len++] = q->bans[i];
    }
    if (refused == 0) {
        m.what = PFS_WIRE_REFUSED_NOT; /* the first of the list was not refused just now */
    }
    pfs_log(p, PFS_LOG_INF, "XID%08X Tx Join to %s", (unsigned)(to_root ? h->root.xid : h->xid),
            to_root ? "root" : "parent");
    pfs_link_send(p, q->up, &m);
}

void pfs_member_opened(struct pfs *p, struct pfs_hier *h, struct pfs_link *link)
{
    link->open = true;
    send_join(p, h, link->kind == PFS_LINK_ROOT);
}

void pfs_member_closed(struct pfs *p, struct pfs_hier *h, struct pfs_link *link, int why)
{
    if (h->up == link) {
        h->up = NULL; /* the next file must find another way */
        pfs_link_close(p, link);
        return;
    }
    assert(h->quest != NULL && h->quest->up == link);
    enum pfs_hier_state state = h->state;

    if (is_attached(h)) {
        lose_parent(p, h, why);
        return;
    }
    pfs_member_detach(p, h, why);
    if (state == PFS_HIER_JOIN_PARENT) {
        place_refused(p, h, PFS_WIRE_REFUSED_UNREACHABLE);
    } else {
        come_back(p, h, sim_err_text(why));
    }
}

/* ---- Answers ---- */

static void attached(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_quest *q = h->quest;
    char text[SIM_ADDR_TEXT_MAX];

    q->attached_at = q->serial_at = q->up->heard = p->now;
    q->full_at = SIM_NEVER;
    q->parent_state = PFS_WIRE_WAITING;
    q->returns = q->refused_len = 0;
    q->refused_why = PFS_WIRE_REFUSED_NOT;
    pfs_hier_enter(h, PFS_HIER_WAIT, sim_time_add(p->now, p->config->parent_timeout));
    if (h->beat_at == SIM_NEVER) {
        h->beat_at = sim_time_add(p->now, pfs_serve_beat_gap(p));
    }
    pfs_hier_record(
        p, h,
        &(struct sim_record){
            .kind = SIM_RECORD_ATTACH, .peer = q->up->peer, .a = h->depth, .b = h->xid});
    pfs_hier_role(p, h, SIM_ROLE_MEMBER);
    pfs_log(p, PFS_LOG_INF, "XID%08X Joined parent %s at place %u", (unsigned)h->xid,
            sim_addr_format(q->up->peer, text), (unsigned)h->place);
    pfs_log_state(p, h);
}

static void assigned(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                     const struct pfs_wire *m)
{
    struct pfs_quest *q = h->quest;

    if (m->parent == 0 || m->parent == p->id.addr || m->depth == 0) {
        pfs_member_closed(p, h, link, SIM_EPROTO);
        return;
    }
    h->root.xid = m->xid;
    pfs_hier_set_xid(p, h, m->xid, h->root.addr);
    if ((m->flags & PFS_WIRE_ASSIGN_KEEP_CHILDREN) == 0 && pfs_group_children(p, h) > 0) {
        struct pfs_wire bye; /* the root does not know them, so it can't keep us from below them */
        pfs_hier_message(p, h, PFS_WIRE_BYE, &bye);
        bye.what = PFS_WIRE_WHY_MOVED;
        bye.root = h->root.addr;
        bye.next_xid = m->xid;
        pfs_serve_drop_children(p, h, &bye);
    }
    pfs_hier_learn_digest(h, m);
    h->place = m->place;
    h->epoch = m->epoch;
    h->depth = m->depth;
    q->parent = m->parent;
    q->parent_epoch = m->parent_epoch;
    if (m->parent == link->peer && !is_banned(q, m->parent)) {
        link->kind = PFS_LINK_PARENT;
        attached(p, h);
        return;
    }
    pfs_member_detach(p, h, SIM_ECANCELED);
    if (is_banned(q, m->parent)) {
        place_refused(p, h, PFS_WIRE_REFUSED_BAD);
        return;
    }
    dial_parent(p, h);
}

void pfs_member_go_on(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_wire m;

    pfs_hier_message(p, h, PFS_WIRE_NEXT, &m);
    m.has_digest = part_digest(h, &m.digest);
    m.digest_source = h->wanted_digest ? h->digest_source : SIM_DIGEST_FIRST_USE;
    pfs_log(p, PFS_LOG_INF, "XID%08X Tx Next: %s", (unsigned)h->xid, h->path);
    pfs_link_send(p, h->quest->up, &m);
    h->quest->parent = h->quest->up->peer;
    h->quest->parent_serial = h->serial;
    pfs_hier_phase(p, h, SIM_PHASE_WAIT);
    attached(p, h);
}

/* The root is alive but all slots are taken, as when a holder leads while it still feeds others:
 * they will be free in a while. */
static void wait_for_place(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_quest *q = h->quest;

    if (q->full_at == SIM_NEVER) {
        q->full_at = p->now;
    }
    if (sim_time_since(p->now, q->full_at) >= PFS_FULL_WAITS * p->config->parent_timeout) {
        q->full_at = SIM_NEVER;
        come_back(p, h, "the root has no place");
        return;
    }
    q->returns = q->refused_len = 0;
    pfs_hier_enter(
        h, PFS_HIER_DIAL,
        sim_time_add(p->now, sim_rng_between(rng_of(p), PFS_FULL_GAP / 2, PFS_FULL_GAP)));
}

/* REFUSE, FULL or BYE before there was a place or a parent. */
static void refused(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *m)
{
    bool by_root = h->state == PFS_HIER_JOIN_ROOT;
    sim_addr from = h->quest->up->peer;

    pfs_member_detach(p, h, SIM_EREFUSED);
    if (m->type != PFS_WIRE_FULL && m->what == PFS_WIRE_WHY_FAILED) {
        pfs_elect_root_failed(p, h, m->xid, m->reason);
    } else if (m->type != PFS_WIRE_FULL && m->root != 0 && m->root != p->id.addr &&
               m->root != from && (by_root || m->next_xid != h->xid) &&
               p->config->election == PFS_BROADCAST) {
        struct pfs_root_ref root = {.addr = m->root, .xid = m->next_xid};
        pfs_member_join(p, h, &root);
    } else if (by_root && m->type == PFS_WIRE_REFUSE && m->what == PFS_WIRE_WHY_NO_PLACE) {
        wait_for_place(p, h);
    } else if (by_root && m->type == PFS_WIRE_REFUSE && m->what == PFS_WIRE_WHY_AVOIDED) {
        pfs_elect_give_up(p, h, PFS_EVENT_FALLBACK,
                          "every parent that the root could name has sent wrong bodies");
    } else if (by_root) {
        come_back(p, h, "not the root");
    } else {
        place_refused(p, h, PFS_WIRE_REFUSED_FULL);
    }
}

static void parent_says_bye(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *m)
{
    sim_addr from = h->quest->up->peer;
    bool seen = h->quest->failures > 0 && h->quest->failed_xid == m->xid;

    pfs_log(p, PFS_LOG_INF, "XID%08X Rx Bye", (unsigned)h->xid);
    pfs_member_detach(p, h, SIM_ECLOSED);
    if (m->what == PFS_WIRE_WHY_WRONG) {
        pfs_hier_drop_copy(p, h);
        come_back(p, h, "the parent has thrown its copy away");
    } else if (m->what == PFS_WIRE_WHY_FAILED && !seen) {
        pfs_elect_root_failed(p, h, m->xid, m->reason);
    } else if (m->root != 0 && m->root != p->id.addr && m->root != from &&
               p->config->election == PFS_BROADCAST &&
               (m->what == PFS_WIRE_WHY_MOVED || h->root.addr == from)) {
        struct pfs_root_ref root = {.addr = m->root, .xid = m->next_xid};
        pfs_member_join(p, h, &root);
    } else if (m->what == PFS_WIRE_WHY_MOVED && m->root == from) {
        struct pfs_root_ref root = {.addr = from, .xid = m->next_xid}; /* it is the root now */
        pfs_member_join(p, h, &root);
    } else {
        h->quest->lost = from;
        come_back(p, h, "the parent left");
    }
}

static void parent_progress(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *m)
{
    struct pfs_quest *q = h->quest;

    q->parent_state = (enum pfs_wire_state)m->state;
    bool is_alive = m->serial != q->parent_serial;
    if (is_alive) {
        q->parent_serial = m->serial;
        q->serial_at = p->now;
        h->serial = m->serial;
    }
    if (m->root_state == PFS_WIRE_HOLDING && m->root == h->root.addr) {
        h->root.strength |= PFS_WIRE_STRENGTH_HOLDS;
    }
    pfs_hier_learn_digest(h, m);
    if (is_alive) {
        pfs_serve_pass_beat(p, h);
    }
}

/* ---- The body ---- */

static void reject(struct pfs *p, struct pfs_hier *h, bool sender_is_wrong)
{
    sim_addr from = h->quest->up->peer;
    char text[PFS_REASON_MAX], addr[SIM_ADDR_TEXT_MAX];

    snprintf(text, sizeof(text), "%s in the body from %s", sim_err_text(SIM_EDIGEST),
             sim_addr_format(from, addr));
    pfs_hier_record(p, h,
                    &(struct sim_record){.kind = SIM_RECORD_REJECT, .peer = from, .text = text});
    pfs_log(p, PFS_LOG_NOT, "XID%08X Rejected: %s", (unsigned)h->xid, text);
    if (sender_is_wrong) {
        ban(p, h, from);
    }
    lose_parent(p, h, SIM_EDIGEST);
}

/* The numbers of a BODY fit together: it is the rest of the file, or with cut-through a piece from
 * the middle, before whose end nobody may know size and digest. */
static bool is_body_sound(const struct pfs *p, const struct pfs_wire *m, bool *last)
{
    if (m->size > PFS_SIZE_MAX || m->offset > PFS_SIZE_MAX || m->length > PFS_SIZE_MAX) {
        return false;
    }
    *last = m->has_digest && m->size == m->offset + m->length;
    return *last || (p->config->relay == PFS_CUT_THROUGH && m->length > 0 &&
                     (m->size == 0 || m->size > m->offset + m->length));
}

/* Does it begin where the copy ends? At the beginning what there was is thrown away. */
static bool is_body_next(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *m)
{
    const struct pfs_quest *q = h->quest;
    struct sim_digest part;

    if (h->state == PFS_HIER_RECEIVE) {
        return q->between && m->offset == sim_world_file_size(p->id.world, h->copy) &&
               (q->expect_size == 0 || q->expect_size == m->size);
    }
    if (m->offset == 0) {
        if (h->copy != 0) {
            pfs_hier_drop_copy(p, h);
        }
        return true;
    }
    return m->offset == sim_world_file_size(p->id.world, h->copy) && m->has_digest &&
           part_digest(h, &part) && sim_digest_equal(&part, &m->digest);
}

static void transfer_begins(struct pfs *p, struct pfs_hier *h, const struct pfs_link *link,
                            const struct pfs_wire *m)
{
    struct pfs_quest *q = h->quest;

    q->has_copy_digest = false; /* of what it was before, or nothing */
    q->spliced = m->offset > 0;
    q->began_size = q->seen_size = m->offset;
    q->began_at = p->now;
    pfs_hier_enter(h, PFS_HIER_RECEIVE, sim_time_add(p->now, p->config->parent_timeout / 4 + 1));
    if (m->offset > 0) {
        pfs_hier_record(p, h, &(struct sim_record){.kind = SIM_RECORD_RESUME, .b = m->offset});
    }
    pfs_hier_phase(p, h, SIM_PHASE_FETCH_PEER);
    pfs_hier_record(p, h,
                    &(struct sim_record){
                        .kind = SIM_RECORD_TRANSFER_BEGIN, .peer = link->peer, .b = m->offset});
    pfs_log(p, PFS_LOG_INF, "XID%08X Rx body offset=%llu of %llu bytes", (unsigned)h->xid,
            (unsigned long long)m->offset, (unsigned long long)m->size);
}

static void body_begins(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                        const struct pfs_wire *m)
{
    struct pfs_quest *q = h->quest;
    uint64_t notify = p->config->relay == PFS_CUT_THROUGH ? p->config->chunk : 0;
    bool last;

    if (!is_body_sound(p, m, &last) || (h->state == PFS_HIER_RECEIVE && !q->between)) {
        pfs_member_closed(p, h, link, SIM_EPROTO);
        return;
    }
    if (h->has_digest && m->has_digest && !sim_digest_equal(&h->digest, &m->digest)) {
        reject(p, h, true); /* not the file that is wanted: no need to look at it */
        return;
    }
    if (!is_body_next(p, h, m)) {
        pfs_member_closed(p, h, link, SIM_EPROTO);
        return;
    }
    if (h->copy == 0) {
        h->copy = sim_world_file_new(p->id.world, p->id.node, h->path);
    }
    if (h->copy == 0 ||
        sim_world_receive_body(p->id.world, link->stream, h->copy, m->length, notify) != 0) {
        pfs_member_closed(p, h, link, SIM_ENOMEM);
        return;
    }
    pfs_hier_learn_digest(h, m);
    if (h->state == PFS_HIER_WAIT) {
        transfer_begins(p, h, link, m);
    }
    if (m->has_digest) {
        q->copy_digest = m->digest;
        q->has_copy_digest = true;
    }
    q->last = last;
    q->between = false;
    q->expect_size = m->size;
}

void pfs_member_received(struct pfs *p, struct pfs_hier *h, struct pfs_link *link)
{
    struct pfs_quest *q = h->quest;
    struct sim_digest digest;
    struct pfs_wire m;

    if (h->state != PFS_HIER_RECEIVE || q->up != link) {
        return;
    }
    if (!q->last) {
        q->between = true;
        q->serial_at = p->now;
        pfs_serve_all(p, h);
        return;
    }
    if (sim_world_file_size(p->id.world, h->copy) != q->expect_size ||
        sim_world_file_digest(p->id.world, h->copy, &digest) != 0) {
        pfs_member_closed(p, h, link, SIM_EPROTO);
        return;
    }
    int match = sim_digest_equal(&digest, &h->digest) ? pfs_hier_check_index(p, h) : SIM_EDIGEST;
    if (match == SIM_EDIGEST) {
        bool whole = !q->spliced; /* of two senders, nobody knows which one was wrong */
        reject(p, h, whole);
        if (!h->dead) {
            pfs_hier_drop_copy(p, h);
            if (h->quest->bans_len >= PFS_BANS) {
                pfs_elect_give_up(p, h, PFS_EVENT_FALLBACK, "too many peers sent wrong bodies");
            }
        }
        return;
    }
    sim_addr from = link->peer;
    pfs_hier_record(p, h,
                    &(struct sim_record){.kind = SIM_RECORD_TRANSFER_END,
                                         .peer = from,
                                         .b = q->expect_size - q->began_size,
                                         .c = q->began_at,
                                         .text = ""});
    int rc = match != 0 ? match : pfs_hier_hold(p, h, from, true); /* frees the quest */
    if (rc != 0) {
        pfs_hier_drop_copy(p, h);
        pfs_hier_enter(h, PFS_HIER_WAIT, SIM_NEVER); /* its transfer has been told */
        pfs_elect_give_up(p, h, PFS_EVENT_FALLBACK, sim_err_text(rc));
        return;
    }
    if (h->more) {
        h->up = link; /* the next file comes the same way */
        return;
    }
    pfs_hier_message(p, h, PFS_WIRE_DONE, &m);
    pfs_link_send(p, link, &m);
    pfs_link_close(p, link);
    if (from != h->root.addr && p->config->election == PFS_BROADCAST) {
        pfs_serve_report(p, h, PFS_WIRE_REPORT_HOLDING, p->id.addr, h->place, h->epoch);
    }
}

/* ---- Input and time ---- */

void pfs_member_input(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                      const struct pfs_wire *m)
{
    if (h->up == link) {
        if (m->type != PFS_WIRE_PROGRESS) {
            pfs_member_closed(p, h, link, SIM_ECLOSED);
        }
        return; /* nothing is asked for: a sign of life at most */
    }
    if (m->type == PFS_WIRE_REFUSE || m->type == PFS_WIRE_FULL || m->type == PFS_WIRE_BYE) {
        if (!is_attached(h)) {
            refused(p, h, m);
            return;
        }
        if (m->type == PFS_WIRE_BYE) {
            parent_says_bye(p, h, m);
            return;
        }
    } else if (h->state == PFS_HIER_JOIN_ROOT && m->type == PFS_WIRE_ASSIGN) {
        assigned(p, h, link, m);
        return;
    } else if (h->state == PFS_HIER_JOIN_PARENT && m->type == PFS_WIRE_WELCOME) {
        h->quest->parent_serial = m->serial;
        attached(p, h);
        h->quest->parent_state = (enum pfs_wire_state)m->state;
        return;
    } else if (is_attached(h) && m->type == PFS_WIRE_PROGRESS) {
        parent_progress(p, h, m);
        return;
    } else if (is_attached(h) && m->type == PFS_WIRE_BODY) {
        body_begins(p, h, link, m);
        return;
    }
    pfs_member_closed(p, h, link, SIM_EPROTO);
}

/* A parent is silent when nothing came from it, or nothing alive stands above it. */
static void watch_parent(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_quest *q = h->quest;
    sim_duration limit = p->config->parent_timeout;
    sim_time next;

    if (h->state == PFS_HIER_RECEIVE) {
        uint64_t size = sim_world_file_size(p->id.world, h->copy);
        if (size != q->seen_size) {
            q->seen_size = size;
            q->up->heard = q->serial_at = p->now;
            h->serial++; /* for those who wait below */
        }
        if (q->between && q->parent_state != PFS_WIRE_HOLDING &&
            p->now >= sim_time_add(q->serial_at, limit)) {
            lose_parent(p, h, SIM_ETIMEDOUT);
            return;
        }
        next = sim_time_add(p->now, limit / 4 + 1);
    } else {
        next = sim_time_add(q->up->heard, limit);
        if (q->parent_state != PFS_WIRE_HOLDING) {
            next = sim_time_min(next, sim_time_add(q->serial_at, limit));
        }
        if (p->now >= next) {
            lose_parent(p, h, SIM_ETIMEDOUT);
            return;
        }
    }
    if (sim_time_since(p->now, q->up->heard) >= limit) {
        lose_parent(p, h, SIM_ETIMEDOUT);
        return;
    }
    h->timer = next;
}

void pfs_member_tick(struct pfs *p, struct pfs_hier *h)
{
    if (p->now < h->timer) {
        return;
    }
    switch (h->state) {
    case PFS_HIER_DIAL:
        if (p->config->election == PFS_STATIC) {
            dial_parent(p, h);
        } else {
            dial_root(p, h);
        }
        return;
    case PFS_HIER_JOIN_ROOT:
    case PFS_HIER_JOIN_PARENT:
        pfs_member_closed(p, h, h->quest->up, SIM_ETIMEDOUT);
        return;
    case PFS_HIER_WAIT:
    case PFS_HIER_RECEIVE:
        watch_parent(p, h);
        return;
    case PFS_HIER_ELECT:
    case PFS_HIER_ROOT_WAIT:
    case PFS_HIER_ROOT_FETCH:
    case PFS_HIER_HOLD:
        return;
    }
}
