/* phones/pfs/group.c -- one hierarchy for all files of a load (hierarchy "per-load", a what-if).
 *
 * Each file still has its struct pfs_hier, but all of a load share one key, the load's, and one
 * tree: root, place, parent, children. The tree is with the latest, the head, which is what a
 * message with that key finds. When the head holds its file and the next one is wanted, the tree
 * passes on to that; what stays behind is a store, out of which children who are not that far are
 * served. Without a group a hierarchy is its own head and all of this does nothing. */
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

bool pfs_group_is_same(const struct pfs_hier *a, const struct pfs_hier *b)
{
    return a == b || (a->group != NULL && b->group != NULL && a->file_hash == b->file_hash);
}

struct pfs_hier *pfs_group_head(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_hier *head =
        h->group == NULL ? h : pfs_hier_find(p, (uint64_t)h->file_hash << 32 | h->model_hash);
    return head != NULL ? head : h;
}

uint32_t pfs_group_children(const struct pfs *p, const struct pfs_hier *h)
{
    uint32_t children = 0;

    if (h->group == NULL) {
        return h->children;
    }
    for (const struct pfs_hier *other = p->hiers; other != NULL; other = other->next) {
        children += !other->dead && pfs_group_is_same(h, other) ? other->children : 0;
    }
    return children;
}

struct pfs_hier *pfs_group_file(struct pfs *p, struct pfs_hier *head, const struct pfs_wire *m,
                                uint32_t *name_hash)
{
    if (head->group == NULL) {
        return head;
    }
    /* Expected names are those of the group: so a file may be called, too. */
    const char *name = m->are_names_expected ? head->group : pfs_wire_file_name(m->path);
    *name_hash = pfs_wire_hash(name);
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (!h->dead && pfs_group_is_same(h, head) && h->name_hash == *name_hash &&
            strcmp(h->name, name) == 0) {
            return h;
        }
    }
    return NULL;
}

uint32_t pfs_group_strength(const struct pfs *p, const struct pfs_hier *h, uint32_t chance)
{
    enum { FILES_SHIFT = 24, FILES_MAX = 63 }; /* bits 29..24 */
    uint32_t held = 0;

    if (h->group == NULL) {
        return chance;
    }
    for (const struct pfs_hier *other = p->hiers; other != NULL; other = other->next) {
        held += !other->dead && other->state == PFS_HIER_HOLD && pfs_group_is_same(h, other);
    }
    held = held < FILES_MAX ? held : FILES_MAX;
    return held << FILES_SHIFT | (chance & ((1u << FILES_SHIFT) - 1));
}

/* ---- As a member or root: from file to file ---- */

void pfs_group_take_waiting(struct pfs *p, struct pfs_hier *from, struct pfs_hier *to)
{
    for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->kind == PFS_LINK_CHILD && l->hier == from && l->ahead) {
            from->children--;
            pfs_serve_tell_children(p, from, l->peer);
            to->children++;
            l->hier = to;
            l->ahead = l->name_hash != to->name_hash;
            pfs_serve_tell_children(p, to, l->peer);
        }
    }
    if (to->children > 0) {
        to->beat_at = sim_time_min(from->beat_at, sim_time_add(p->now, pfs_serve_beat_gap(p)));
    }
}

bool pfs_group_pass_on(struct pfs *p, struct pfs_hier *from, struct pfs_hier *to)
{
    struct pfs_root_ref root = from->root;

    to->xid = from->xid;
    to->strength = from->strength;
    to->place = from->place;
    to->epoch = from->epoch;
    to->depth = from->depth;
    to->serial = from->serial;
    to->root = root;
    to->reports = from->reports;
    from->reports = NULL;
    from->root = (struct pfs_root_ref){0};
    from->answer_at = SIM_NEVER;
    pfs_group_take_waiting(p, from, to);
    if (from->is_root) {
        to->is_root = true;
        to->table = from->table;
        to->announce_at = from->announce_at;
        to->announced_at = from->announced_at;
        to->announce_gap = from->announce_gap;
        from->is_root = false;
        from->table = NULL;
        from->announce_at = SIM_NEVER;
        pfs_root_go_on(p, to);
        return true;
    }
    if (from->up != NULL) {
        struct pfs_link *up = from->up;
        from->up = NULL;
        up->hier = to;
        to->quest->up = up;
        pfs_member_go_on(p, to);
        return true;
    }
    if (root.addr != 0 && root.addr != p->id.addr && p->config->election == PFS_BROADCAST) {
        pfs_member_join(p, to, &root);
        return true;
    }
    return false;
}

void pfs_group_let_go(struct pfs *p)
{
    struct pfs_wire m;

    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (!h->dead && h->up != NULL) {
            pfs_hier_message(p, h, PFS_WIRE_DONE, &m);
            pfs_link_send(p, h->up, &m);
            pfs_link_close(p, h->up);
            h->up = NULL;
        }
    }
    for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->kind == PFS_LINK_CHILD && l->ahead) {
            pfs_group_send_away(p, l);
        }
    }
}

/* ---- As a parent ---- */

void pfs_group_send_away(struct pfs *p, struct pfs_link *link)
{
    struct pfs_hier *head = pfs_group_head(p, link->hier);
    struct pfs_wire m;

    pfs_hier_message(p, head, PFS_WIRE_BYE, &m);
    m.what = PFS_WIRE_WHY_LEAVING;
    if (head->root.addr != 0 && head->root.addr != p->id.addr && head->root.xid != link->xid) {
        m.what = PFS_WIRE_WHY_MOVED;
        m.root = head->root.addr;
        m.next_xid = head->root.xid;
    }
    pfs_link_send(p, link, &m);
    pfs_serve_ended(p, link, false);
}

void pfs_group_next(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m)
{
    struct pfs_hier *from = link->hier, *head = pfs_group_head(p, from);
    struct pfs_hier *to = pfs_group_file(p, head, m, &link->name_hash);

    link->ahead = to == NULL;
    if (to == NULL) {
        to = head;
    }
    /* Who waits, waits for the tree it belongs to. */
    if ((to->state != PFS_HIER_HOLD || link->ahead) &&
        (link->xid != head->xid || (p->leave_at != SIM_NEVER && link->ahead))) {
        pfs_group_send_away(p, link);
        return;
    }
    from->children--;
    pfs_serve_tell_children(p, from, link->peer);
    link->hier = to;
    to->children++;
    pfs_serve_tell_children(p, to, link->peer);
    link->begun = link->last = link->sending = false;
    link->has_digest = m->has_digest;
    link->digest = m->digest;
    link->offset = m->offset;
    if (to->beat_at == SIM_NEVER) {
        to->beat_at = sim_time_add(p->now, pfs_serve_beat_gap(p));
    }
    p->others_stale = true;
    pfs_serve_body(p, to, link);
}
