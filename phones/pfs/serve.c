/* phones/pfs/serve.c -- being a parent: who gets one of the slots, the bodies, the signs of life,
 * and the reports to the root about children that come and go. */
#include <stdlib.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

sim_duration pfs_serve_beat_gap(const struct pfs *p)
{
    sim_duration gap = p->config->parent_timeout / 6;
    gap = gap > PFS_BEAT_MAX ? PFS_BEAT_MAX : gap;
    return gap < SIM_MS ? SIM_MS : gap;
}

/* ---- Who asks for a place, or for a slot ---- */

static void refuse(struct pfs *p, const struct pfs_hier *h, struct pfs_link *link,
                   const struct pfs_wire *join)
{
    struct pfs_wire m;

    pfs_wire_clear(&m);
    m.type = PFS_WIRE_REFUSE;
    m.xid = join->xid;
    m.file_hash = join->file_hash;
    m.model_hash = join->model_hash;
    m.what = PFS_WIRE_WHY_NOT_HERE;
    if (h != NULL && h->root.addr != link->peer && h->root.addr != p->id.addr) {
        m.root = h->root.addr;
        m.next_xid = h->root.xid;
    }
    pfs_link_send(p, link, &m);
    pfs_link_close(p, link);
}

static void ask_for_place(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                          const struct pfs_wire *join)
{
    if (!h->is_root && h->state == PFS_HIER_HOLD && !h->more &&
        p->config->election == PFS_BROADCAST &&
        (h->root.addr == 0 || h->root.addr == p->id.addr || h->root.addr == link->peer)) {
        pfs_root_become(p, h); /* nobody leads any more, and the file is here */
    }
    if (!h->is_root || p->config->election == PFS_STATIC) {
        refuse(p, h, link, join);
        return;
    }
    pfs_root_assign(p, h, link, join);
}

/* A fixed tree: phone i feeds fanout * i + 1 ... fanout * i + fanout. */
static bool is_static_child(const struct pfs *p, const struct pfs_wire *join, sim_addr peer)
{
    return join->place > 0 && join->place < p->id.peers_len && p->id.peers[join->place] == peer &&
           (join->place - 1) / p->config->fanout == p->id.peers_self;
}

static bool may_take(struct pfs *p, const struct pfs_hier *h, const struct pfs_wire *join,
                     sim_addr peer)
{
    uint32_t others = pfs_group_children(p, h);

    for (const struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->kind == PFS_LINK_CHILD && l->peer == peer &&
            pfs_group_is_same(l->hier, h)) {
            others--; /* the same phone comes again: the old connection is void */
            break;
        }
    }
    if (others >= p->config->fanout || join->xid != h->xid) {
        return false;
    }
    if (p->config->election == PFS_STATIC) {
        return is_static_child(p, join, peer);
    }
    switch (h->state) {
    case PFS_HIER_JOIN_PARENT:
    case PFS_HIER_WAIT:
    case PFS_HIER_RECEIVE:
    case PFS_HIER_HOLD:
        return join->parent_epoch == h->epoch && !h->is_root;
    case PFS_HIER_ELECT:
    case PFS_HIER_ROOT_WAIT:
    case PFS_HIER_ROOT_FETCH:
    case PFS_HIER_DIAL:
    case PFS_HIER_JOIN_ROOT:
        return false; /* no place of its own: its root may be about to put it below the asker */
    }
    return false;
}

void pfs_serve_join(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m)
{
    struct pfs_hier *h = pfs_hier_find(p, (uint64_t)m->file_hash << 32 | m->model_hash);
    struct pfs_wire answer;

    p->busy_at = p->now;
    if (h == NULL || !pfs_hier_matches(p, h, m)) {
        refuse(p, NULL, link, m);
        return;
    }
    if (m->place == PFS_WIRE_NO_PLACE) {
        ask_for_place(p, h, link, m);
        return;
    }
    if (!may_take(p, h, m, link->peer)) {
        pfs_log(p, PFS_LOG_INF, "XID%08X Rx Join: FULL=%d", (unsigned)h->xid,
                h->children >= p->config->fanout);
        pfs_hier_message(p, h, PFS_WIRE_FULL, &answer);
        pfs_link_send(p, link, &answer);
        pfs_link_close(p, link);
        return;
    }
    pfs_hier_message(p, h, PFS_WIRE_WELCOME, &answer);
    answer.state = (uint8_t)pfs_hier_wire_state(h);
    answer.root_state = (uint8_t)pfs_hier_root_state(h);
    answer.serial = h->serial;
    answer.depth = h->depth;
    pfs_link_send(p, link, &answer);
    link->xid = m->xid;
    link->epoch = m->epoch;
    link->place = m->place;
    pfs_serve_accept(p, h, link, m);
}

void pfs_serve_tell_children(struct pfs *p, const struct pfs_hier *h, sim_addr peer)
{
    pfs_hier_record(p, h,
                    &(struct sim_record){
                        .kind = SIM_RECORD_CHILDREN, .peer = peer, .a = h->children, .b = h->xid});
}

void pfs_serve_accept(struct pfs *p, struct pfs_hier *head, struct pfs_link *link,
                      const struct pfs_wire *m)
{
    char text[SIM_ADDR_TEXT_MAX];

    for (struct pfs_link *old = p->links; old != NULL; old = old->next) {
        if (!old->dead && old->kind == PFS_LINK_CHILD && old->peer == link->peer &&
            pfs_group_is_same(old->hier, head)) {
            pfs_serve_ended(p, old, false);
        }
    }
    struct pfs_hier *h = pfs_group_file(p, head, m, &link->name_hash);
    link->ahead = h == NULL;
    if (h == NULL) {
        h = head;
    }
    p->strangers -= link->kind == PFS_LINK_STRANGER;
    link->kind = PFS_LINK_CHILD;
    link->hier = h;
    link->has_digest = m->has_digest;
    link->digest = m->digest;
    link->offset = m->offset;
    link->heard = p->now;
    h->children++;
    p->children++;
    if (h->beat_at == SIM_NEVER) {
        h->beat_at = sim_time_add(p->now, pfs_serve_beat_gap(p));
    }
    pfs_serve_tell_children(p, h, link->peer);
    pfs_log(p, PFS_LOG_INF, "XID%08X Child %s joined at place %u", (unsigned)h->xid,
            sim_addr_format(link->peer, text), (unsigned)link->place);
    pfs_log_state(p, h);
    if (link->ahead && p->leave_at != SIM_NEVER) {
        pfs_group_send_away(p, link);
        return;
    }
    pfs_serve_body(p, h, link);
}

/* ---- Bodies ---- */

/* How much of the file may be sent now; `*size`: of the whole, 0 when that is not known yet. What
 * is not verified goes out only with cut-through, and never its last byte: so whoever sends the end
 * of a file answers for all of it. */
static uint64_t available(const struct pfs *p, const struct pfs_hier *h, uint64_t *size)
{
    if (h->state == PFS_HIER_HOLD) {
        *size = h->size;
        return h->size;
    }
    uint64_t have = sim_world_file_size(p->id.world, h->copy);
    *size = h->quest->expect_size != 0 ? h->quest->expect_size : h->quest->size;
    if (*size != 0) {
        return have < *size ? have : *size - 1;
    }
    return have > 0 ? have - 1 : 0;
}

void pfs_serve_body(struct pfs *p, struct pfs_hier *h, struct pfs_link *link)
{
    bool is_whole = h->state == PFS_HIER_HOLD;
    struct pfs_wire m;
    uint64_t size;
    int rc = 0;

    if (link->sending || link->last || link->ahead ||
        (!is_whole && p->config->relay != PFS_CUT_THROUGH)) {
        return;
    }
    uint64_t have = available(p, h, &size), offset = link->offset;
    if (!link->begun && (!link->has_digest || !h->has_digest || (is_whole && offset > have) ||
                         !sim_digest_equal(&link->digest, &h->digest))) {
        offset = 0; /* not a part of this */
    }
    if (!is_whole && (have < offset || have - offset < p->config->chunk)) {
        return;
    }
    pfs_hier_message(p, h, PFS_WIRE_BODY, &m);
    m.offset = offset;
    m.length = have - offset;
    m.size = size;
    pfs_hier_put_digest(h, &m);
    pfs_link_send(p, link, &m);
    link->heard = p->now;
    h->served += !link->begun;
    link->begun = true;
    link->last = is_whole;
    link->sending = m.length > 0;
    link->offset = have;
    if (link->sending) {
        rc = sim_world_stream_send_body(p->id.world, link->stream, h->copy, m.offset, m.length);
    }
    pfs_log(p, PFS_LOG_INF, "XID%08X Tx body offset=%llu of %llu bytes to place %u",
            (unsigned)h->xid, (unsigned long long)m.offset, (unsigned long long)m.size,
            (unsigned)link->place);
    if (rc != 0) {
        pfs_serve_ended(p, link, false);
    }
}

void pfs_serve_all(struct pfs *p, struct pfs_hier *h)
{
    for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->hier == h && l->kind == PFS_LINK_CHILD) {
            pfs_serve_body(p, h, l);
        }
    }
}

void pfs_serve_sent(struct pfs *p, struct pfs_link *link)
{
    if (link->kind == PFS_LINK_CHILD) {
        link->sending = false;
        link->heard = p->now;
        pfs_serve_body(p, link->hier, link);
    }
}

void pfs_serve_ended(struct pfs *p, struct pfs_link *link, bool done)
{
    struct pfs_hier *h = link->hier;
    char text[SIM_ADDR_TEXT_MAX];

    if (link->dead) {
        return;
    }
    pfs_link_close(p, link);
    h->children--;
    p->children--;
    p->busy_at = p->now;
    pfs_serve_tell_children(p, h, link->peer);
    pfs_log(p, PFS_LOG_INF, "XID%08X Child %s %s", (unsigned)h->xid,
            sim_addr_format(link->peer, text), done ? "has the file" : "lost");
    pfs_log_state(p, h);
    struct pfs_hier *head = pfs_group_head(p, h);
    if (head->is_root && head->table != NULL) {
        if (done) {
            pfs_table_holds(head->table, link->peer);
        } else {
            pfs_table_lost(head->table, p->id.addr, link->peer, link->epoch);
        }
    } else if (!done && link->xid == head->root.xid && head->root.addr != 0) {
        pfs_serve_report(p, head, PFS_WIRE_REPORT_LOST, link->peer, link->place, link->epoch);
    }
}

void pfs_serve_drop_children(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *bye)
{
    bool is_head = pfs_group_head(p, h) == h; /* then it is about the whole tree */

    for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (l->dead || l->kind != PFS_LINK_CHILD ||
            (l->hier != h && !(is_head && pfs_group_is_same(l->hier, h)))) {
            continue;
        }
        if (bye != NULL) {
            pfs_link_send(p, l, bye);
        }
        pfs_link_close(p, l);
        l->hier->children--;
        p->children--;
        pfs_serve_tell_children(p, l->hier, l->peer);
    }
}

bool pfs_serve_drop_begun(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_wire bye;
    bool is_sending = false;

    pfs_hier_message(p, h, PFS_WIRE_BYE, &bye);
    bye.what = PFS_WIRE_WHY_WRONG;
    for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->hier == h && l->kind == PFS_LINK_CHILD && l->begun) {
            is_sending = is_sending || l->sending;
            pfs_link_send(p, l, &bye);
            pfs_serve_ended(p, l, false);
        }
    }
    return is_sending;
}

void pfs_serve_input(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m)
{
    if (m->type == PFS_WIRE_PROGRESS) {
        return; /* heard is enough */
    }
    if (m->type == PFS_WIRE_NEXT && link->last && link->hier->group != NULL) {
        pfs_group_next(p, link, m);
        return;
    }
    /* DONE counts only after the file's end; all else ends the connection. */
    pfs_serve_ended(p, link, m->type == PFS_WIRE_DONE && link->last);
}

/* ---- Signs of life ---- */

/* The same to all who hear it: written once for each beat. Returns its length. */
static size_t write_progress(struct pfs *p, const struct pfs_hier *h, uint8_t *bytes)
{
    struct pfs_wire m;

    pfs_hier_message(p, h, PFS_WIRE_PROGRESS, &m);
    m.state = (uint8_t)pfs_hier_wire_state(h);
    m.root_state = (uint8_t)pfs_hier_root_state(h);
    m.offset = sim_world_file_size(p->id.world, h->copy);
    m.serial = h->serial;
    m.depth = h->depth;
    m.root = h->root.addr;
    pfs_hier_put_digest(h, &m);
    return pfs_wire_encode(&m, bytes);
}

static void beat(struct pfs *p, struct pfs_hier *h, sim_duration gap)
{
    enum { UP_EVERY = 3 }; /* even at the longest gaps within three quarters of parent_timeout */
    struct pfs_link *up = h->quest == NULL ? NULL : h->quest->up;
    bool attached = h->state == PFS_HIER_WAIT || h->state == PFS_HIER_RECEIVE;
    uint8_t bytes[PFS_WIRE_MAX];
    size_t len = 0;

    h->beats++;
    for (struct pfs_link *l = h->children > 0 ? p->links : NULL; l != NULL; l = l->next) {
        if (l->dead || l->hier != h || l->kind != PFS_LINK_CHILD) {
            continue;
        }
        if (sim_time_since(p->now, l->heard) >= p->config->parent_timeout) {
            pfs_serve_ended(p, l, false);
        } else if (!l->sending) { /* it would wait behind the body */
            len = len == 0 ? write_progress(p, h, bytes) : len;
            (void)sim_world_stream_send(p->id.world, l->stream, bytes, len);
        }
    }
    if (attached && up != NULL && h->beats % UP_EVERY == 0) {
        len = len == 0 ? write_progress(p, h, bytes) : len;
        (void)sim_world_stream_send(p->id.world, up->stream, bytes, len);
    }
    h->beat_at =
        h->children > 0 || (attached && up != NULL) ? sim_time_add(p->now, gap) : SIM_NEVER;
}

void pfs_serve_beat(struct pfs *p, struct pfs_hier *h)
{
    if (h->is_root || h->state == PFS_HIER_HOLD) {
        h->serial++; /* the top of its tree: this is what those below watch for */
    } else if (h->state == PFS_HIER_RECEIVE) {
        /* Nothing but the body comes from above now. */
        uint64_t size = sim_world_file_size(p->id.world, h->copy);
        h->serial += size != h->quest->beat_size;
        h->quest->beat_size = size;
    }
    beat(p, h, pfs_serve_beat_gap(p));
}

void pfs_serve_pass_beat(struct pfs *p, struct pfs_hier *h)
{
    sim_duration gap = pfs_serve_beat_gap(p);
    beat(p, h, gap + gap / 2); /* the parent's next comes before */
}

/* ---- Reports to the root ---- */

static void report_free(struct pfs *p, struct pfs_report *report)
{
    if (p->spare_report == NULL) {
        p->spare_report = report;
    } else {
        free(report);
    }
}

static void send_report(struct pfs *p, struct pfs_hier *h, struct pfs_report *report)
{
    struct pfs_wire m;

    pfs_hier_message(p, h, PFS_WIRE_REPORT, &m);
    m.xid = h->root.xid;
    m.what = (uint8_t)report->what;
    m.subject = report->subject;
    m.place = report->place;
    m.epoch = report->epoch;
    pfs_send(p, h->root.addr, &m);
    report->due = sim_time_add(p->now, PFS_REPORT_GAP << report->tries);
    report->tries++;
}

void pfs_serve_report(struct pfs *p, struct pfs_hier *h, enum pfs_wire_report what,
                      sim_addr subject, uint32_t place, uint32_t epoch)
{
    if (p->config->election == PFS_STATIC || h->root.addr == 0 || h->root.addr == p->id.addr) {
        return;
    }
    struct pfs_report report = {
        .what = what, .subject = subject, .place = place, .epoch = epoch, .due = SIM_NEVER};
    if (what == PFS_WIRE_REPORT_LEAVING) {
        send_report(p, h, &report); /* nobody is left to repeat it */
        return;
    }
    struct pfs_report *kept = p->spare_report != NULL ? p->spare_report : malloc(sizeof(*kept));
    if (kept == NULL) {
        send_report(p, h, &report); /* once is better than not at all */
        return;
    }
    p->spare_report = NULL;
    *kept = report;
    kept->next = h->reports;
    h->reports = kept;
    send_report(p, h, kept);
}

void pfs_serve_reports_tick(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_report **at = &h->reports;

    while (*at != NULL) {
        struct pfs_report *report = *at;
        if (p->now >= report->due) {
            if (report->tries >= PFS_REPORT_TRIES || h->root.addr == 0 ||
                h->root.addr == p->id.addr) {
                *at = report->next;
                report_free(p, report);
                continue;
            }
            send_report(p, h, report);
        }
        at = &report->next;
    }
}

void pfs_serve_acked(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *m)
{
    for (struct pfs_report **at = &h->reports; *at != NULL; at = &(*at)->next) {
        struct pfs_report *report = *at;
        if ((uint8_t)report->what == m->what && report->subject == m->subject &&
            report->epoch == m->epoch) {
            *at = report->next;
            report_free(p, report);
            return;
        }
    }
}
