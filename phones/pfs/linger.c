/* phones/pfs/linger.c -- leaving: how long a phone that has everything serves on, whom it warns,
 * whom it names. Elections after it are in elect.c. */
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

static sim_time limit_of(const struct pfs *p)
{
    return sim_time_add(p->leave_at, p->config->linger_max);
}

static sim_time warn_of(const struct pfs *p)
{
    sim_duration warn = p->config->linger_max / 2 < PFS_WARN ? p->config->linger_max / 2 : PFS_WARN;
    return limit_of(p) - warn;
}

bool pfs_may_leave(struct pfs *p, sim_time now)
{
    p->now = now;
    if (p->want != NULL) {
        return false;
    }
    if (p->leave_at == SIM_NEVER) {
        p->leave_at = now;
        p->warned = false;
        pfs_group_let_go(p);
        pfs_sweep(p);
    }
    if (now >= limit_of(p)) {
        return true;
    }
    if (pfs_children(p) > 0) {
        return false;
    }
    sim_time since = p->busy_at > p->leave_at ? p->busy_at : p->leave_at;
    return now >= sim_time_add(since, p->config->linger);
}

sim_time pfs_linger_deadline(const struct pfs *p)
{
    if (p->leave_at == SIM_NEVER) {
        return SIM_NEVER;
    }
    if (pfs_children(p) > 0) {
        return p->warned ? limit_of(p) : warn_of(p);
    }
    sim_time since = p->busy_at > p->leave_at ? p->busy_at : p->leave_at;
    return sim_time_min(limit_of(p), sim_time_add(since, p->config->linger));
}

/* By datagram, because a message on the stream would wait behind the body. What a child holds of
 * the file by then is continued with its next parent. */
void pfs_linger_tick(struct pfs *p)
{
    struct pfs_wire m;

    if (p->leave_at == SIM_NEVER || p->warned || pfs_children(p) == 0 || p->now < warn_of(p)) {
        return;
    }
    p->warned = true;
    for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->kind == PFS_LINK_CHILD) {
            pfs_hier_message(p, l->hier, PFS_WIRE_LEAVE, &m);
            pfs_send(p, l->peer, &m);
        }
    }
    pfs_log(p, PFS_LOG_NOT, "Leaving soon: children warned");
}

void pfs_linger_leave(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_wire m;
    sim_addr successor = 0;

    if (h->is_root && p->config->election == PFS_BROADCAST) {
        successor = pfs_table_successor(h->table);
        pfs_hier_message(p, h, PFS_WIRE_LEAVE, &m);
        m.root = successor;
        pfs_broadcast(p, &m);
        pfs_log(p, PFS_LOG_INF, "XID%08X TxBdcst Leave", (unsigned)h->xid);
    } else if (h->root.addr != 0 && p->listening) {
        pfs_serve_report(p, h, PFS_WIRE_REPORT_LEAVING, p->id.addr, h->place, h->epoch);
    }
    if (h->is_root) {
        pfs_root_resign(p, h);
    }
    pfs_member_detach(p, h, SIM_ECANCELED);
    pfs_hier_role(p, h, SIM_ROLE_NONE);
    pfs_hier_message(p, h, PFS_WIRE_BYE, &m);
    m.what = PFS_WIRE_WHY_LEAVING;
    m.root = successor;
    pfs_hier_end(p, h, &m);
}
