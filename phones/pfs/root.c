/* phones/pfs/root.c -- being the root of a hierarchy: announce, wait for joins, have the owner
 * fetch, keep the table, fail, or step down before a stronger root. Also a holder that serves as
 * root for late phones. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

static void start_fetch(struct pfs *p, struct pfs_hier *h);

void pfs_root_become(struct pfs *p, struct pfs_hier *h)
{
    struct sim_rng *rng = sim_world_rng(p->id.world, p->id.node);
    char text[SIM_ADDR_TEXT_MAX];

    assert(!h->is_root);
    struct pfs_table *table = pfs_table_new(p->id.addr, p->config->fanout);
    if (table == NULL) {
        if (h->state != PFS_HIER_HOLD) {
            pfs_elect_give_up(p, h, PFS_EVENT_FALLBACK, sim_err_text(SIM_ENOMEM));
        }
        return;
    }
    if (h->state == PFS_HIER_HOLD) {
        /* Its children, if any, only wait for bytes that are here: they may stay. */
        h->xid = (uint32_t)sim_rng_next(rng);
        h->strength = PFS_WIRE_STRENGTH_HOLDS | PFS_WIRE_STRENGTH_CONFIRMED |
                      ((uint32_t)sim_rng_next(rng) & PFS_WIRE_STRENGTH_CHANCE);
    } else {
        pfs_hier_set_xid(p, h, h->quest->claim_xid, p->id.addr);
        h->strength = h->quest->claim.strength;
    }
    h->table = table;
    h->is_root = true;
    h->root = (struct pfs_root_ref){p->id.addr, h->xid, h->strength};
    h->place = h->epoch = h->depth = 0;
    h->answer_at = SIM_NEVER;
    if (p->config->election == PFS_STATIC) {
        start_fetch(p, h);
        return;
    }
    pfs_log(p, PFS_LOG_NOT, "@@@HROOT:XID%08X H=%08x m=%s ROOT=%s %s", (unsigned)h->xid,
            (unsigned)h->file_hash, p->id.model, sim_addr_format(p->id.addr, text), h->path);
    if (h->state != PFS_HIER_HOLD) {
        pfs_hier_enter(h, PFS_HIER_ROOT_WAIT, sim_time_add(p->now, p->config->root_wait));
        pfs_hier_role(p, h, SIM_ROLE_ROOT_WAITING);
        pfs_hier_phase(p, h, SIM_PHASE_WAIT);
    }
    h->announce_gap = PFS_ANNOUNCE_MIN;
    pfs_root_announce(p, h);
}

void pfs_root_announce(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_wire m;

    pfs_hier_message(p, h, PFS_WIRE_ROOT, &m);
    m.root = p->id.addr;
    m.state = (uint8_t)pfs_hier_wire_state(h);
    m.size = h->size;
    pfs_hier_put_digest(h, &m);
    pfs_broadcast(p, &m);
    h->announced_at = p->now;
    h->announce_at = sim_time_add(p->now, h->announce_gap);
}

void pfs_root_answer(struct pfs *p, struct pfs_hier *h)
{
    if (p->config->election != PFS_BROADCAST) {
        return;
    }
    sim_time next = sim_time_add(h->announced_at, PFS_ANSWER_GAP);
    if (p->now >= next) {
        pfs_root_announce(p, h);
    } else {
        h->announce_at = sim_time_min(h->announce_at, next); /* not now, but not never */
    }
}

static void start_fetch(struct pfs *p, struct pfs_hier *h)
{
    if (h->copy != 0 && !h->wanted_digest) {
        pfs_hier_drop_copy(p, h); /* nothing says that the server's bytes continue it */
    }
    if (h->copy == 0) {
        h->copy = sim_world_file_new(p->id.world, p->id.node, h->path);
        if (h->copy == 0) {
            pfs_root_fetched(p, h, SIM_ENOMEM, sim_err_text(SIM_ENOMEM));
            return;
        }
    }
    struct pfs_quest *q = h->quest;
    q->seen_size = q->began_size = sim_world_file_size(p->id.world, h->copy);
    q->spliced = q->began_size > 0;
    q->moved_at = p->now;
    pfs_hier_enter(h, PFS_HIER_ROOT_FETCH, sim_time_add(p->now, p->config->stall / 8 + 1));
    pfs_hier_role(p, h, SIM_ROLE_ROOT_FETCHING);
    q->retry[0] = '\0';
    pfs_hier_event(p, PFS_EVENT_FETCH, h->copy, "");
}

void pfs_root_go_on(struct pfs *p, struct pfs_hier *h)
{
    start_fetch(p, h);
}

static void look_at_fetch(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_quest *q = h->quest;
    uint64_t size = sim_world_file_size(p->id.world, h->copy);
    char text[PFS_REASON_MAX];

    if (size != q->seen_size) {
        q->seen_size = size;
        q->moved_at = p->now;
    }
    if (sim_time_since(p->now, q->moved_at) < p->config->stall) {
        sim_time next = sim_time_add(p->now, p->config->stall / 8 + 1);
        h->timer = sim_time_min(next, sim_time_add(q->moved_at, p->config->stall));
        return;
    }
    snprintf(text, sizeof(text), "no progress from the server for %llu s at %llu bytes%s%.120s",
             (unsigned long long)(p->config->stall / SIM_S), (unsigned long long)size,
             q->retry[0] != '\0' ? "; last: " : "", q->retry);
    pfs_hier_event(p, PFS_EVENT_STOP_FETCH, h->copy, text);
    pfs_root_fetched(p, h, SIM_ESTALLED, text);
}

void pfs_root_tick(struct pfs *p, struct pfs_hier *h)
{
    if (h->state == PFS_HIER_ROOT_WAIT && p->now >= h->timer) {
        pfs_log(p, PFS_LOG_INF, "XID%08X Root sending XfrCmd on ROOT_WAITING TO", (unsigned)h->xid);
        start_fetch(p, h);
    } else if (h->state == PFS_HIER_ROOT_FETCH && p->now >= h->timer) {
        look_at_fetch(p, h);
    }
    if (!h->dead && h->is_root && p->now >= h->announce_at) {
        h->announce_gap =
            h->announce_gap >= PFS_ANNOUNCE_MAX / 2 ? PFS_ANNOUNCE_MAX : 2 * h->announce_gap;
        pfs_root_announce(p, h);
    }
}

void pfs_root_resign(struct pfs *p, struct pfs_hier *h)
{
    if (h->state == PFS_HIER_ROOT_FETCH) {
        pfs_hier_event(p, PFS_EVENT_STOP_FETCH, h->copy, "no longer root");
    }
    h->is_root = false;
    h->announce_at = SIM_NEVER;
    h->strength &= ~PFS_WIRE_STRENGTH_CONFIRMED;
    pfs_table_free(h->table);
    h->table = NULL;
}

static void fetch_failed(struct pfs *p, struct pfs_hier *h, const char *reason)
{
    struct pfs_wire m;

    /* Entered first, so that resigning does not ask the owner to stop what has ended. */
    pfs_hier_enter(h, PFS_HIER_ELECT, SIM_NEVER);
    pfs_root_resign(p, h);
    h->quest->failed_self = true;
    if (p->config->election == PFS_BROADCAST) {
        pfs_hier_message(p, h, PFS_WIRE_FAILED, &m);
        m.count = h->quest->failures + 1;
        snprintf(m.reason, sizeof(m.reason), "%s", reason);
        pfs_broadcast(p, &m);
    }
    pfs_elect_root_failed(p, h, h->xid, reason);
}

void pfs_root_fetched(struct pfs *p, struct pfs_hier *h, int status, const char *reason)
{
    struct sim_digest digest;
    char text[PFS_REASON_MAX];

    if (status != 0) {
        snprintf(text, sizeof(text), "%s",
                 reason != NULL && reason[0] != '\0' ? reason : sim_err_text(status));
        fetch_failed(p, h, text);
        return;
    }
    if (sim_world_file_digest(p->id.world, h->copy, &digest) != 0) {
        fetch_failed(p, h, "the fetched copy can't be read");
        return;
    }
    if (h->wanted_digest && !sim_digest_equal(&digest, &h->digest)) {
        bool spliced = h->quest->spliced;
        snprintf(text, sizeof(text), "%s in the server's copy of %s", sim_err_text(SIM_EDIGEST),
                 h->name);
        pfs_hier_record(p, h, &(struct sim_record){.kind = SIM_RECORD_REJECT, .text = text});
        pfs_hier_drop_copy(p, h);
        if (spliced) {
            start_fetch(p, h); /* the first part came from a peer, who may have been wrong */
        } else {
            fetch_failed(p, h, text);
        }
        return;
    }
    int rc = pfs_hier_check_index(p, h);
    if (rc == SIM_EDIGEST) {
        snprintf(text, sizeof(text), "%s: size or MD5 differs from the index", h->name);
        pfs_hier_record(p, h, &(struct sim_record){.kind = SIM_RECORD_REJECT, .text = text});
        pfs_hier_drop_copy(p, h);
        fetch_failed(p, h, text);
        return;
    }
    h->has_digest = true;
    h->digest = digest;
    if (rc == 0) {
        rc = pfs_hier_hold(p, h, 0, true);
    }
    if (rc != 0) {
        snprintf(text, sizeof(text), "the copy can't be kept: %s", sim_err_text(rc));
        pfs_hier_drop_copy(p, h);
        fetch_failed(p, h, text);
    }
}

void pfs_root_step_down(struct pfs *p, struct pfs_hier *h, const struct pfs_root_ref *to)
{
    pfs_log(p, PFS_LOG_NOT, "XID%08X Stepping down before XID%08X strength=%08x", (unsigned)h->xid,
            (unsigned)to->xid, (unsigned)to->strength);
    pfs_root_resign(p, h);
    if (h->state == PFS_HIER_HOLD) {
        /* The children stay: what they wait for is here. Who joins from now on is sent on. */
        h->root = *to;
        pfs_hier_role(p, h, SIM_ROLE_SERVING);
        return;
    }
    pfs_hier_enter(h, PFS_HIER_ELECT, SIM_NEVER); /* nothing is fetched any more */
    pfs_hier_set_xid(p, h, to->xid, to->addr);    /* hands its members over */
    pfs_member_join(p, h, to);
}

/* What the joiner says about the parent it was sent to last. */
static void heed_refusal(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *m)
{
    if (m->avoid_len == 0) {
        return;
    }
    if (m->what == PFS_WIRE_REFUSED_UNREACHABLE) {
        pfs_table_leave(h->table, m->avoid[0]);
    } else if (m->what == PFS_WIRE_REFUSED_FULL) {
        pfs_table_rest(h->table, m->avoid[0], sim_time_add(p->now, PFS_REST));
    }
}

void pfs_root_assign(struct pfs *p, struct pfs_hier *h, struct pfs_link *link,
                     const struct pfs_wire *join)
{
    struct pfs_table_place place;
    struct pfs_wire m;

    for (struct pfs_link *old = p->links; old != NULL; old = old->next) {
        if (!old->dead && old->kind == PFS_LINK_CHILD && old->peer == link->peer &&
            pfs_group_is_same(old->hier, h)) {
            pfs_serve_ended(p, old, false); /* it lost us without our noticing */
        }
    }
    heed_refusal(p, h, join);
    uint32_t children = pfs_group_children(p, h);
    const struct pfs_table_request request = {
        .addr = link->peer,
        .has_children = (join->flags & PFS_WIRE_JOIN_HAS_CHILDREN) != 0 && join->xid == h->xid,
        .avoid = join->avoid,
        .avoid_len = join->avoid_len,
        .root_free = p->config->fanout > children ? p->config->fanout - children : 0,
    };
    int rc = pfs_table_assign(h->table, p->now, &request, &place);
    if (rc != 0) {
        pfs_hier_message(p, h, PFS_WIRE_REFUSE, &m);
        m.what = rc == SIM_EACCES ? PFS_WIRE_WHY_AVOIDED : PFS_WIRE_WHY_NO_PLACE;
        m.root = p->id.addr;
        m.next_xid = h->xid;
        snprintf(m.reason, sizeof(m.reason), "%s", sim_err_text(rc));
        pfs_link_send(p, link, &m);
        pfs_link_close(p, link);
        return;
    }
    pfs_hier_message(p, h, PFS_WIRE_ASSIGN, &m);
    m.flags = place.keep_children ? PFS_WIRE_ASSIGN_KEEP_CHILDREN : 0;
    m.place = place.place;
    m.epoch = place.epoch;
    m.parent = place.parent;
    m.parent_epoch = place.parent_epoch;
    m.depth = place.depth;
    m.root = p->id.addr;
    m.size = h->size;
    pfs_hier_put_digest(h, &m);
    pfs_link_send(p, link, &m);
    if (place.parent != p->id.addr) {
        pfs_link_close(p, link); /* goes out first */
        return;
    }
    link->xid = h->xid;
    link->place = place.place;
    link->epoch = place.epoch;
    pfs_serve_accept(p, h, link, join);
}

void pfs_root_report(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m)
{
    struct pfs_wire ack;

    if (!h->is_root || m->xid != h->xid) {
        return;
    }
    switch (m->what) {
    case PFS_WIRE_REPORT_LOST:
        pfs_table_lost(h->table, from, m->subject, m->epoch);
        break;
    case PFS_WIRE_REPORT_HOLDING:
        if (m->subject == from) {
            pfs_table_holds(h->table, from);
        }
        break;
    case PFS_WIRE_REPORT_LEAVING:
        if (m->subject == from) {
            pfs_table_leave(h->table, from);
        }
        return;
    default:
        return;
    }
    pfs_hier_message(p, h, PFS_WIRE_ACK, &ack);
    ack.what = m->what;
    ack.subject = m->subject;
    ack.place = m->place;
    ack.epoch = m->epoch;
    pfs_send(p, from, &ack);
}
