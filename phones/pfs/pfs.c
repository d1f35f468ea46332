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
    assert(config->relay == PFS_STORE_AND_FORWARD && config->hierarchy == PFS_PER_FILE);
    assert(config->election != PFS_STATIC || identity->peers_self < identity->peers_len);
    struct pfs *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return NULL;
    }
    p->config = *config;
    p->id = *identity;
    p->model_hash = pfs_wire_hash(identity->model);
    p->links_end = &p->links;
    p->leave_at = SIM_NEVER;
    return p;
}

/* Frees what died during this call. */
static void sweep(struct pfs *p)
{
    if (!p->sweep) {
        return;
    }
    p->sweep = false;
    p->links_end = &p->links;
    while (*p->links_end != NULL) {
        struct pfs_link *link = *p->links_end;
        if (link->dead) {
            *p->links_end = link->next;
            free(link);
        } else {
            p->links_end = &link->next;
        }
    }
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
    p->sweep = true;
    sweep(p);
    free(p->events);
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
    pfs_log(p, PFS_LOG_DBG, "+++ fd=7 Listening on peer TCP port %u", (unsigned)p->config.port);
    pfs_log(p, PFS_LOG_NOT, "^.idl_child.c-openUDPPort");
    return 0;
}

void pfs_stop(struct pfs *p, sim_time now)
{
    p->now = now;
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
    sweep(p);
}

/* ---- Wants ---- */

static struct pfs_hier *find_path(struct pfs *p, const char *path)
{
    const char *name = pfs_wire_file_name(path);
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (!h->dead && strcmp(pfs_wire_file_name(h->path), name) == 0) {
            return h;
        }
    }
    return NULL;
}

static void got_already(struct pfs *p, struct pfs_hier *h)
{
    pfs_hier_event(p, PFS_EVENT_GOT, h->copy, "");
    if (p->events_len > 0) {
        p->events[p->events_len - 1].bytes = h->size;
        p->events[p->events_len - 1].digest_source = h->digest_source;
    }
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
    free(p->want_path);
    p->want_path = strdup(want->path);
    struct pfs_hier *h = find_path(p, want->path);
    if (h != NULL) {
        got_already(p, h);
        return;
    }
    h = p->want_path == NULL ? NULL : pfs_hier_new(p, want);
    if (h == NULL) {
        pfs_hier_event(p, PFS_EVENT_FALLBACK, 0, sim_err_text(SIM_ENOMEM));
        return;
    }
    p->want = h;
    if (p->config.election == PFS_STATIC) {
        start_static(p, h);
    } else {
        pfs_elect_start(p, h);
    }
    sweep(p);
}

void pfs_unwant(struct pfs *p, sim_time now)
{
    p->now = now;
    if (p->want != NULL) {
        pfs_linger_leave(p, p->want);
    }
    sweep(p);
}

void pfs_hold(struct pfs *p, sim_time now, const struct pfs_want *want, sim_file file)
{
    p->now = now;
    struct pfs_hier *h = find_path(p, want->path);

    if (h == NULL) {
        h = pfs_hier_new(p, want);
        if (h == NULL) {
            sim_world_file_free(p->id.world, file);
            return; /* not served: a want of memory is no reason to fail the phone */
        }
        h->copy = file;
        if (!h->has_digest) {
            h->has_digest = sim_world_file_digest(p->id.world, file, &h->digest) == 0;
        }
        (void)pfs_hier_hold(p, h, 0, false);
    } else if (h->copy != file) {
        sim_world_file_free(p->id.world, file);
    }
    sweep(p);
}

void pfs_fetch_done(struct pfs *p, sim_time now, int status, const char *reason)
{
    p->now = now;
    if (p->want != NULL && p->want->state == PFS_HIER_ROOT_FETCH) {
        pfs_root_fetched(p, p->want, status, reason);
    }
    sweep(p);
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

void pfs_wake(struct pfs *p, sim_time now)
{
    p->now = now;
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (!h->dead) {
            tick(p, h);
        }
    }
    close_silent_strangers(p);
    pfs_linger_tick(p);
    sweep(p);
}

sim_time pfs_deadline(const struct pfs *p)
{
    sim_time next = pfs_linger_deadline(p);

    for (const struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        next = sim_time_min(next, h->timer);
        next = sim_time_min(next, h->beat_at);
        next = sim_time_min(next, h->answer_at);
        next = sim_time_min(next, h->announce_at);
        if (h->state == PFS_HIER_ELECT) {
            next = sim_time_min(next, h->quest->claim.deadline);
        }
        for (const struct pfs_report *r = h->reports; r != NULL; r = r->next) {
            next = sim_time_min(next, r->due);
        }
    }
    for (const struct pfs_link *link = p->links; p->strangers > 0 && link != NULL;
         link = link->next) {
        if (link->kind == PFS_LINK_STRANGER) {
            next = sim_time_min(next, sim_time_add(link->heard, PFS_STRANGER_WAIT));
            break;
        }
    }
    return next;
}

bool pfs_take_event(struct pfs *p, struct pfs_event *out)
{
    if (p->events_len == 0) {
        return false;
    }
    *out = p->events[0];
    p->events_len--;
    memmove(&p->events[0], &p->events[1], p->events_len * sizeof(p->events[0]));
    if (p->events_len == 0) {
        free(p->events); /* events are rare, phones are many */
        p->events = NULL;
    }
    return true;
}

uint32_t pfs_children(const struct pfs *p)
{
    uint32_t children = 0;
    for (const struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        children += h->children;
    }
    return children;
}

/* ---- Notices ---- */

void pfs_datagram(struct pfs *p, sim_time now, const struct sim_datagram *datagram)
{
    struct pfs_wire m;

    p->now = now;
    if (p->config.election == PFS_STATIC || datagram->from == p->id.addr ||
        pfs_wire_peek(datagram->bytes, datagram->len, &m) != 0) {
        return;
    }
    struct pfs_hier *h = pfs_hier_find(p, &m);
    if (h == NULL || pfs_wire_is_stream(m.type) ||
        pfs_wire_decode(datagram->bytes, datagram->len, &m) != 0) {
        return;
    }
    if (m.type == PFS_WIRE_REPORT) {
        pfs_root_report(p, h, datagram->from, &m);
    } else if (m.type == PFS_WIRE_ACK) {
        if (datagram->from == h->root.addr) {
            pfs_serve_acked(h, &m);
        }
    } else if (pfs_hier_matches(p, h, &m)) {
        pfs_elect_hear(p, h, datagram->from, &m);
    }
    sweep(p);
}

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
            link->heard = now;
            pfs_member_opened(p, link->hier, link);
        }
    } else if (p->strangers >= PFS_STRANGERS_MAX || !p->listening ||
               pfs_link_new(p, stream, peer, PFS_LINK_STRANGER, NULL) == NULL) {
        sim_world_stream_close(p->id.world, stream);
    }
    sweep(p);
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
    if (total < 0 || pfs_wire_decode(bytes, (size_t)total, &m) != 0) {
        lost(p, link, SIM_EPROTO);
        total = (int)len;
    } else {
        input(p, link, &m);
    }
    sweep(p);
    return (size_t)total;
}

void pfs_body_progress(struct pfs *p, sim_time now, sim_stream stream, uint64_t size)
{
    struct pfs_link *link = link_of(p, stream);
    (void)size; /* watched by looking at the copy */
    p->now = now;
    if (link != NULL) {
        link->heard = now;
    }
}

void pfs_body_received(struct pfs *p, sim_time now, sim_stream stream)
{
    struct pfs_link *link = link_of(p, stream);
    p->now = now;
    if (link != NULL && link->kind == PFS_LINK_PARENT) {
        link->heard = now;
        pfs_member_received(p, link->hier, link);
    }
    sweep(p);
}

void pfs_body_sent(struct pfs *p, sim_time now, sim_stream stream)
{
    struct pfs_link *link = link_of(p, stream);
    p->now = now;
    if (link != NULL) {
        pfs_serve_sent(p, link);
    }
}

void pfs_stream_closed(struct pfs *p, sim_time now, sim_stream stream, int why)
{
    struct pfs_link *link = link_of(p, stream);
    p->now = now;
    if (link != NULL) {
        link->stream = 0; /* the handle is dead already */
        lost(p, link, why);
    }
    sweep(p);
}
