/* phones/pfs/elect.c -- elections around claim.c: what is sent and heard, when an election is lost,
 * and when sharing is given up. */
#include <stdio.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

static struct sim_rng *rng_of(struct pfs *p)
{
    return sim_world_rng(p->id.world, p->id.node);
}

void pfs_elect_start(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_quest *q = h->quest;
    /* Many times what an election takes: only a crowd of liars gets there. */
    sim_duration limit = 10 * pfs_claim_patience(p->config) + 30 * SIM_S;

    pfs_claim_start(&q->claim, p->config, &q->rng, p->now, p->id.addr, !q->failed_self);
    q->claim.strength = pfs_group_strength(p, h, q->claim.strength);
    q->claim_xid = (uint32_t)sim_rng_next(&q->rng);
    q->attempts = q->returns = q->refused_len = 0;
    q->alt = (struct pfs_root_ref){0};
    h->root = (struct pfs_root_ref){0};
    pfs_hier_enter(h, PFS_HIER_ELECT, sim_time_add(p->now, limit));
    pfs_hier_phase(p, h, SIM_PHASE_ELECT);
    pfs_log_state(p, h);
}

static void send_claim(struct pfs *p, struct pfs_hier *h, enum pfs_wire_type type)
{
    struct pfs_quest *q = h->quest;
    struct pfs_wire m;

    pfs_hier_message(p, h, type, &m);
    m.xid = q->claim_xid;
    m.strength = q->claim.strength;
    m.map = pfs_wire_hash(h->path) ^ h->model_hash;
    m.count = q->claim.ads;
    if (type == PFS_WIRE_OFFER) {
        pfs_log(p, PFS_LOG_NOT, "^.idl_protocol.c-sendBroadcastOffer");
        pfs_log(p, PFS_LOG_INF, "XID%08X TxBdcst ClaimRoot(tent): map=%08x strength=%08x",
                (unsigned)m.xid, (unsigned)m.map, (unsigned)m.strength);
        pfs_hier_record(
            p, h, &(struct sim_record){.kind = SIM_RECORD_CLAIM, .a = m.strength, .b = m.xid});
        pfs_hier_record(
            p, h,
            &(struct sim_record){.kind = SIM_RECORD_ROLE, .a = SIM_ROLE_CLAIMING, .b = m.xid});
    } else {
        pfs_log(p, PFS_LOG_INF, "XID%08X TxBdcst Ad %u: ClaimRoot(tent)", (unsigned)m.xid,
                (unsigned)m.count);
    }
    pfs_broadcast(p, &m);
}

static void log_timeout(struct pfs *p, const struct pfs_hier *h)
{
    pfs_log(p, PFS_LOG_NOT, "^.idl_timeout.c-doTimeout");
    pfs_log(p, PFS_LOG_DBG, "Timeout XID%08X hier=ClaimRoot(tent)", (unsigned)h->quest->claim_xid);
}

void pfs_elect_tick(struct pfs *p, struct pfs_hier *h)
{
    while (!h->dead && h->state == PFS_HIER_ELECT && h->quest->claim.deadline <= p->now) {
        switch (pfs_claim_tick(&h->quest->claim, p->config, &h->quest->rng, p->now)) {
        case PFS_CLAIM_DO_NOTHING:
            break;
        case PFS_CLAIM_DO_OFFER:
            send_claim(p, h, PFS_WIRE_OFFER);
            break;
        case PFS_CLAIM_DO_AD:
            log_timeout(p, h);
            send_claim(p, h, PFS_WIRE_AD);
            break;
        case PFS_CLAIM_DO_CONFIRM:
            log_timeout(p, h);
            pfs_log(p, PFS_LOG_NOT, "UT:Confirmed root bumping strength");
            pfs_root_become(p, h);
            return;
        case PFS_CLAIM_DO_GIVE_UP:
            /* Nobody else wants it, and the server did not give it to this phone. */
            pfs_elect_give_up(p, h, PFS_EVENT_FAILED, h->quest->reason);
            return;
        }
    }
    if (!h->dead && h->state == PFS_HIER_ELECT && p->now >= h->timer) {
        pfs_elect_hunt(p, h, "no root was found");
    }
}

void pfs_elect_give_up(struct pfs *p, struct pfs_hier *h, enum pfs_event_kind kind, const char *why)
{
    struct pfs_wire bye;
    sim_file file = 0;
    char text[PFS_REASON_MAX];

    snprintf(text, sizeof(text), "%s", why); /* it may lie in what ends here */
    if (h->is_root) {
        pfs_root_resign(p, h);
    }
    pfs_member_detach(p, h, SIM_ECANCELED);
    if (kind == PFS_EVENT_FALLBACK && p->config->fallback == PFS_FALLBACK_FAIL) {
        kind = PFS_EVENT_FAILED;
    }
    /* A part whose digest only a peer vouched for must not be mixed with the server's bytes. */
    if (kind == PFS_EVENT_FALLBACK && h->wanted_digest) {
        file = h->copy;
        h->copy = 0;
    }
    pfs_log(p, PFS_LOG_NOT, "XID%08X %s: %s", (unsigned)h->xid,
            kind == PFS_EVENT_FALLBACK ? "Falling back to the server" : "Failed", text);
    pfs_hier_role(p, h, SIM_ROLE_NONE);
    pfs_hier_message(p, h, PFS_WIRE_BYE, &bye);
    bye.what = PFS_WIRE_WHY_LEAVING;
    pfs_hier_end(p, h, &bye);
    pfs_hier_event(p, kind, file, text);
}

void pfs_elect_hunt(struct pfs *p, struct pfs_hier *h, const char *why)
{
    struct pfs_quest *q = h->quest;
    char text[PFS_REASON_MAX];

    q->hunts++;
    if (q->hunts > p->config->rejoin_attempts || p->config->election == PFS_STATIC) {
        if (p->config->election == PFS_STATIC) {
            snprintf(text, sizeof(text), "the assigned parent does not serve: %s", why);
        } else {
            snprintf(text, sizeof(text), "no peer served it after %u elections: %s",
                     (unsigned)(q->hunts - 1), why);
        }
        pfs_elect_give_up(p, h, PFS_EVENT_FALLBACK, text);
        return;
    }
    pfs_log(p, PFS_LOG_INF, "XID%08X Hunting a root: %s", (unsigned)h->xid, why);
    pfs_elect_start(p, h);
}

void pfs_elect_root_failed(struct pfs *p, struct pfs_hier *h, uint32_t xid, const char *reason)
{
    struct pfs_quest *q = h->quest;
    struct pfs_wire bye;
    uint32_t enough = p->config->rejoin_attempts > 0 ? p->config->rejoin_attempts : 1;

    if (q->failures > 0 && q->failed_xid == xid) {
        return;
    }
    q->failures++;
    q->failed_xid = xid;
    snprintf(q->reason, sizeof(q->reason), "%s", reason);
    pfs_log(p, PFS_LOG_NOT, "XID%08X Root failed (%u): %s", (unsigned)xid, (unsigned)q->failures,
            reason);
    pfs_member_detach(p, h, SIM_ESERVER);
    pfs_hier_message(p, h, PFS_WIRE_BYE, &bye);
    bye.xid = xid;
    bye.what = PFS_WIRE_WHY_FAILED;
    bye.count = q->failures;
    snprintf(bye.reason, sizeof(bye.reason), "%s", reason);
    pfs_serve_drop_children(p, h, &bye);
    if (q->failures >= enough || p->config->election == PFS_STATIC) {
        pfs_elect_give_up(p, h, PFS_EVENT_FAILED, reason);
        return;
    }
    pfs_elect_start(p, h);
}

/* ---- Hearing ---- */

static void hear_claim(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m)
{
    if (h->is_root) {
        pfs_root_answer(p, h);
    } else if (h->state == PFS_HIER_HOLD) {
        if (!h->more && (m->type == PFS_WIRE_AD || !pfs_elect_leaves_offers(p, h))) {
            pfs_elect_holder_answers(p, h);
        }
    } else if (h->state == PFS_HIER_ELECT && (m->strength & ~PFS_WIRE_STRENGTH_CHANCE) == 0) {
        pfs_log(p, PFS_LOG_INF, "XID%08X Rx ClaimRoot(tent): strength=%08x", (unsigned)m->xid,
                (unsigned)m->strength);
        if (pfs_claim_hear(&h->quest->claim, p->config, p->now, from, m->strength)) {
            pfs_log(p, PFS_LOG_NOT, "XID%08X Yielding to XID%08X", (unsigned)h->quest->claim_xid,
                    (unsigned)m->xid);
        }
    }
}

void pfs_elect_holder_answers(struct pfs *p, struct pfs_hier *h)
{
    if (h->answer_at == SIM_NEVER) {
        h->answer_at =
            sim_time_add(p->now, sim_rng_between(rng_of(p), PFS_ANSWER_MIN, PFS_ANSWER_MAX));
    }
}

static void log_root_heard(struct pfs *p, const struct pfs_hier *h, const struct pfs_root_ref *root)
{
    char text[SIM_ADDR_TEXT_MAX];
    if (p->id.log) {
        pfs_log(p, PFS_LOG_NOT, "RxBdcst XID%08X H=%08x m=%s ROOT=%s %s strength=%08x",
                (unsigned)root->xid, (unsigned)h->file_hash, p->id.model,
                sim_addr_format(root->addr, text), h->path, (unsigned)root->strength);
    }
}

static void hear_root(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m)
{
    const struct pfs_root_ref root = {.addr = from, .xid = m->xid, .strength = m->strength};
    struct pfs_quest *q = h->quest;

    if (m->root != from || (m->strength & PFS_WIRE_STRENGTH_CONFIRMED) == 0) {
        return; /* only a confirmed root announces itself */
    }
    if (h->is_root) {
        if (pfs_claim_is_stronger(root.strength, root.addr, h->strength, p->id.addr)) {
            log_root_heard(p, h, &root);
            pfs_root_step_down(p, h, &root);
        } else {
            pfs_root_answer(p, h);
        }
        return;
    }
    if (h->state == PFS_HIER_HOLD) {
        if ((root.strength & PFS_WIRE_STRENGTH_HOLDS) == 0 && !h->more) {
            pfs_elect_holder_answers(p, h); /* it is about to fetch what is here already */
        } else {
            h->root = root;
            h->answer_at = SIM_NEVER;
        }
        return;
    }
    if (q->failures > 0 && q->failed_xid == root.xid) {
        return;
    }
    bool is_own = h->root.addr == root.addr && h->root.xid == root.xid;
    if (is_own) {
        h->root.strength = root.strength;
        if (h->xid == root.xid) {
            pfs_hier_learn_digest(h, m);
        }
        return;
    }
    switch (h->state) {
    case PFS_HIER_ELECT:
        log_root_heard(p, h, &root);
        pfs_member_join(p, h, &root);
        return;
    case PFS_HIER_DIAL:
    case PFS_HIER_JOIN_ROOT:
    case PFS_HIER_JOIN_PARENT:
        if (q->attempts > 0 || h->root.addr == root.addr ||
            pfs_claim_is_stronger(root.strength, root.addr, h->root.strength, h->root.addr)) {
            log_root_heard(p, h, &root);
            pfs_member_join(p, h, &root);
        }
        return;
    case PFS_HIER_WAIT:
    case PFS_HIER_RECEIVE:
        q->alt = root; /* the latest known to be alive */
        return;
    case PFS_HIER_ROOT_WAIT:
    case PFS_HIER_ROOT_FETCH:
    case PFS_HIER_HOLD:
        return; /* above */
    }
}

static void hear_failed(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m)
{
    if (h->is_root || h->state == PFS_HIER_HOLD) {
        return;
    }
    struct pfs_quest *q = h->quest;
    bool concerns = h->state == PFS_HIER_ELECT ? q->claim.rival == from
                                               : h->root.addr == from && h->root.xid == m->xid;
    if (q->alt.addr == from && q->alt.xid == m->xid) {
        q->alt = (struct pfs_root_ref){0};
    }
    if (concerns) {
        pfs_elect_root_failed(p, h, m->xid, m->reason);
    }
}

static void hear_leave(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m)
{
    if (h->is_root) {
        return;
    }
    if (h->state == PFS_HIER_HOLD) {
        if (h->root.addr == from) {
            h->root = (struct pfs_root_ref){0};
        }
        if (m->root == p->id.addr && !h->more) {
            pfs_root_become(p, h);
        }
        return;
    }
    if (h->quest->alt.addr == from) {
        h->quest->alt = (struct pfs_root_ref){0};
    }
    bool is_on_its_way = h->state == PFS_HIER_DIAL || h->state == PFS_HIER_JOIN_ROOT ||
                         h->state == PFS_HIER_JOIN_PARENT;
    if (is_on_its_way && h->root.addr == from) {
        pfs_member_detach(p, h, SIM_ECLOSED);
        if (m->root != 0 && m->root != p->id.addr) {
            const struct pfs_root_ref root = {.addr = m->root};
            pfs_member_join(p, h, &root);
        } else {
            pfs_elect_start(p, h);
        }
    }
}

void pfs_elect_hear(struct pfs *p, struct pfs_hier *h, sim_addr from, const struct pfs_wire *m)
{
    switch (m->type) {
    case PFS_WIRE_OFFER:
    case PFS_WIRE_AD:
        hear_claim(p, h, from, m);
        return;
    case PFS_WIRE_WHOHAS:
        if (h->is_root) {
            pfs_root_answer(p, h);
        } else if (h->state != PFS_HIER_HOLD) {
            h->quest->whohas_at = p->now;
        } else if (!h->more) {
            pfs_elect_holder_answers(p, h);
        }
        return;
    case PFS_WIRE_ROOT:
        hear_root(p, h, from, m);
        return;
    case PFS_WIRE_FAILED:
        hear_failed(p, h, from, m);
        return;
    case PFS_WIRE_LEAVE:
        hear_leave(p, h, from, m);
        return;
    case PFS_WIRE_REPORT:
    case PFS_WIRE_ACK:
    case PFS_WIRE_JOIN:
    case PFS_WIRE_ASSIGN:
    case PFS_WIRE_WELCOME:
    case PFS_WIRE_FULL:
    case PFS_WIRE_REFUSE:
    case PFS_WIRE_PROGRESS:
    case PFS_WIRE_BODY:
    case PFS_WIRE_DONE:
    case PFS_WIRE_BYE:
    case PFS_WIRE_NEXT:
        return; /* not for elections */
    }
}
