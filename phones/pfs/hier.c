/* phones/pfs/hier.c -- a hierarchy (one file, one model, one subnet) in one phone: birth, end, what
 * it sends and tells; and the links to other phones. Who does what when is in elect, root, member
 * and serve. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "sim/err.h"

static struct pfs_quest *quest_new(struct pfs *p)
{
    struct pfs_quest *q = p->spare_quest != NULL ? p->spare_quest : malloc(sizeof(*q));

    if (q != NULL) {
        p->spare_quest = NULL;
        memset(q, 0, offsetof(struct pfs_quest, reason));
        q->reason[0] = q->retry[0] = '\0';
        q->full_at = SIM_NEVER;
    }
    return q;
}

/* A phone wants one file at a time: one is kept for the next. */
static void quest_free(struct pfs *p, struct pfs_quest *q)
{
    if (p->spare_quest == NULL) {
        p->spare_quest = q;
    } else {
        free(q);
    }
}

/* What most messages call it: the end of `names`, with a NUL behind it. */
static const char *shared_path(const struct pfs_hier *h)
{
    return (const char *)h->text + 1 + h->text[0] + 1;
}

struct pfs_hier *pfs_hier_new(struct pfs *p, const struct pfs_want *want)
{
    size_t len = strnlen(want->path, PFS_PATH_MAX - 1);
    size_t model_len = strnlen(p->id.model, PFS_MODEL_MAX - 1);
    bool has_group = p->config->hierarchy == PFS_PER_LOAD && want->group != NULL;
    const char *shared = has_group ? want->group : want->path; /* what others know it by */
    size_t shared_len = strnlen(shared, PFS_PATH_MAX - 1);
    size_t extra = 1 + model_len + 1 + shared_len + 1 + (has_group ? len + 1 : 0);
    struct pfs_hier *h = malloc(sizeof(*h) + extra);

    if (h == NULL) {
        return NULL;
    }
    memset(h, 0, sizeof(*h));
    h->quest = quest_new(p);
    if (h->quest == NULL) {
        free(h);
        return NULL;
    }
    h->names = (struct pfs_wire_names){h->text, pfs_wire_put_names(h->text, p->id.model, shared)};
    h->text[h->names.len] = '\0';
    h->path = shared_path(h);
    if (has_group) {
        char *path = (char *)h->text + h->names.len + 1;
        memcpy(path, want->path, len);
        path[len] = '\0';
        h->path = path;
    }
    h->name = pfs_wire_file_name(h->path);
    h->name_hash = pfs_wire_hash(h->name);
    h->file_hash = h->name_hash;
    if (has_group) {
        h->group = pfs_wire_file_name(shared_path(h));
        h->file_hash = pfs_wire_hash(h->group);
        h->more = want->more;
    }
    h->model_hash = p->model_hash;
    h->has_digest = h->wanted_digest = want->has_digest;
    h->digest = want->digest;
    h->digest_source =
        want->has_digest || want->has_md5 ? want->digest_source : SIM_DIGEST_FIRST_USE;
    h->quest->has_md5 = !want->has_digest && want->has_md5;
    h->quest->size = want->size;
    memcpy(h->quest->md5, want->md5, sizeof(h->quest->md5));
    if (p->config->election == PFS_STATIC) {
        h->xid = h->file_hash; /* the one instance there is */
    } else {
        sim_rng_init(&h->quest->rng, p->luck, SIM_RNG_ELECTION,
                     (uint64_t)h->file_hash << 32 | h->name_hash);
    }
    h->timer = h->beat_at = h->answer_at = h->announce_at = SIM_NEVER;
    h->next = p->hiers;
    p->hiers = h;
    pfs_hier_list_keys(p);
    return h;
}

void pfs_hier_list_keys(struct pfs *p)
{
    p->keys_len = 0;
    p->more_keys = false;
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (h->dead) {
            continue;
        }
        if (p->keys_len == PFS_KEYS_MAX) {
            p->more_keys = true;
            return;
        }
        p->keys[p->keys_len] = (uint64_t)h->file_hash << 32 | h->model_hash;
        p->keyed[p->keys_len] = h;
        p->keys_len++;
    }
}

struct pfs_hier *pfs_hier_find_more(struct pfs *p, uint64_t key)
{
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        if (!h->dead && h->file_hash == key >> 32 && h->model_hash == (uint32_t)key) {
            return h;
        }
    }
    return NULL;
}

/* In a group most messages name that; these a file of it, perhaps another than this one. */
static bool is_of_file(const struct pfs_hier *h, enum pfs_wire_type type)
{
    return h->group != NULL && (type == PFS_WIRE_JOIN || type == PFS_WIRE_NEXT);
}

bool pfs_hier_matches(struct pfs *p, const struct pfs_hier *h, const struct pfs_wire *m)
{
    return m->are_names_expected ||
           (strncmp(m->model, p->id.model, PFS_MODEL_MAX - 1) == 0 &&
            (is_of_file(h, m->type) ||
             strcmp(pfs_wire_file_name(m->path), h->group != NULL ? h->group : h->name) == 0));
}

void pfs_hier_end(struct pfs *p, struct pfs_hier *h, const struct pfs_wire *bye)
{
    if (h->dead) {
        return;
    }
    pfs_serve_drop_children(p, h, bye);
    if (h->quest != NULL) {
        p->luck = sim_rng_mix(p->luck + 1); /* the file wanted again: other XIDs */
        if (h->quest->up != NULL) {
            pfs_link_close(p, h->quest->up);
            h->quest->up = NULL;
        }
    }
    if (h->up != NULL) {
        pfs_link_close(p, h->up);
        h->up = NULL;
    }
    pfs_hier_drop_copy(p, h);
    h->dead = true;
    p->sweep = p->sweep_hiers = true;
    if (p->want == h) {
        p->want = NULL;
    }
    p->others_stale = true;
    pfs_hier_list_keys(p);
}

void pfs_hier_free(struct pfs *p, struct pfs_hier *h)
{
    while (h->reports != NULL) {
        struct pfs_report *report = h->reports;
        h->reports = report->next;
        free(report);
    }
    pfs_table_free(h->table);
    if (h->quest != NULL) {
        quest_free(p, h->quest);
    }
    free(h);
}

void pfs_hier_enter(struct pfs_hier *h, enum pfs_hier_state state, sim_time timer)
{
    h->state = state;
    h->timer = timer;
}

enum pfs_wire_state pfs_hier_wire_state(const struct pfs_hier *h)
{
    switch (h->state) {
    case PFS_HIER_ELECT:
    case PFS_HIER_DIAL:
    case PFS_HIER_JOIN_ROOT:
    case PFS_HIER_JOIN_PARENT:
        return PFS_WIRE_WANTING;
    case PFS_HIER_ROOT_WAIT:
        return PFS_WIRE_ROOT_WAITING;
    case PFS_HIER_ROOT_FETCH:
        return PFS_WIRE_ROOT_FETCHING;
    case PFS_HIER_WAIT:
        return PFS_WIRE_WAITING;
    case PFS_HIER_RECEIVE:
        return PFS_WIRE_RECEIVING;
    case PFS_HIER_HOLD:
        return PFS_WIRE_HOLDING;
    }
    return PFS_WIRE_WANTING;
}

enum pfs_wire_state pfs_hier_root_state(const struct pfs_hier *h)
{
    if (h->is_root || h->state == PFS_HIER_HOLD) {
        return pfs_hier_wire_state(h);
    }
    return (h->root.strength & PFS_WIRE_STRENGTH_HOLDS) != 0 ? PFS_WIRE_HOLDING
                                                             : PFS_WIRE_ROOT_FETCHING;
}

static bool has_names(enum pfs_wire_type type)
{
    return type <= PFS_WIRE_LEAVE || type == PFS_WIRE_JOIN || type == PFS_WIRE_NEXT;
}

void pfs_hier_message(struct pfs *p, const struct pfs_hier *h, enum pfs_wire_type type,
                      struct pfs_wire *m)
{
    (void)p;
    pfs_wire_clear(m);
    m->type = type;
    m->xid = h->xid;
    m->file_hash = h->file_hash;
    m->model_hash = h->model_hash;
    m->strength = h->strength;
    if (has_names(type)) {
        size_t model_len = h->names.bytes[0];
        memcpy(m->model, h->names.bytes + 1, model_len);
        m->model[model_len] = '\0';
        const char *path = is_of_file(h, type) ? h->path : shared_path(h);
        memcpy(m->path, path, strlen(path) + 1);
    }
}

void pfs_hier_put_digest(const struct pfs_hier *h, struct pfs_wire *m)
{
    if (h->group != NULL && m->type != PFS_WIRE_BODY) {
        return; /* of which file? */
    }
    m->has_digest = h->has_digest;
    m->digest = h->digest;
    m->digest_source = h->digest_source;
}

void pfs_hier_learn_digest(struct pfs_hier *h, const struct pfs_wire *m)
{
    if (!h->has_digest && m->has_digest && h->state != PFS_HIER_HOLD) {
        h->has_digest = true;
        h->digest = m->digest;
        h->digest_source = SIM_DIGEST_FIRST_USE;
    }
}

void pfs_hier_set_xid(struct pfs *p, struct pfs_hier *h, uint32_t xid, sim_addr root)
{
    if (h->xid == xid) {
        return;
    }
    struct pfs_wire bye;
    pfs_hier_message(p, h, PFS_WIRE_BYE, &bye);
    bye.what = PFS_WIRE_WHY_MOVED;
    bye.root = root;
    bye.next_xid = root == 0 ? 0 : xid;
    pfs_serve_drop_children(p, h, &bye);
    h->xid = xid;
    if (!h->wanted_digest && h->state != PFS_HIER_HOLD) {
        h->has_digest = false; /* another root may get other bytes */
    }
}

void pfs_hier_drop_copy(struct pfs *p, struct pfs_hier *h)
{
    if (p->config->relay == PFS_CUT_THROUGH && h->state != PFS_HIER_HOLD && !h->dead &&
        pfs_serve_drop_begun(p, h)) {
        sim_world_file_free(p->id.world, p->doomed);
        p->doomed = h->copy;
        p->doom_at = sim_time_add(p->now, PFS_DOOM);
    } else {
        sim_world_file_free(p->id.world, h->copy);
    }
    h->copy = 0;
    if (h->quest != NULL) {
        h->quest->expect_size = 0;
        h->quest->has_copy_digest = false;
        h->quest->spliced = false;
        h->quest->is_sealed = false;
    }
}

/* ---- What the owner and the trace are told ---- */

void pfs_hier_event(struct pfs *p, enum pfs_event_kind kind, sim_file file, const char *text)
{
    assert(p->events_len < PFS_EVENTS_MAX);
    p->events[p->events_len++] = (struct pfs_told){
        .kind = kind,
        .file = file,
        /* The copy may be dropped before the owner looks. */
        .bytes = kind == PFS_EVENT_STOP_FETCH ? sim_world_file_size(p->id.world, file) : 0,
        .text = text[0] != '\0' ? strdup(text) : NULL};
}

void pfs_hier_record(struct pfs *p, const struct pfs_hier *h, const struct sim_record *record)
{
    struct sim_record full = *record;
    full.at = p->now;
    full.node = p->id.node;
    full.name = h->name;
    sim_world_record(p->id.world, &full);
}

void pfs_hier_phase(struct pfs *p, const struct pfs_hier *h, enum sim_phase phase)
{
    pfs_hier_record(p, h, &(struct sim_record){.kind = SIM_RECORD_PHASE, .a = phase});
}

void pfs_hier_role(struct pfs *p, const struct pfs_hier *h, enum sim_role role)
{
    pfs_hier_record(p, h, &(struct sim_record){.kind = SIM_RECORD_ROLE, .a = role, .b = h->xid});
}

int pfs_hier_check_index(struct pfs *p, struct pfs_hier *h)
{
    struct pfs_quest *q = h->quest;

    if (!q->has_md5) {
        return 0;
    }
    int rc = sim_world_file_seal(p->id.world, h->copy);
    if (rc != 0) {
        return rc;
    }
    q->is_sealed = true;
    return verify_md5(p->id.world, h->copy, q->size, q->md5) ? 0 : SIM_EDIGEST;
}

int pfs_hier_hold(struct pfs *p, struct pfs_hier *h, sim_addr from, bool tell)
{
    if (tell && !h->quest->is_sealed) {
        int rc = sim_world_file_seal(p->id.world, h->copy);
        if (rc != 0) {
            return rc;
        }
    }
    h->size = sim_world_file_size(p->id.world, h->copy);
    if (!h->more) {
        h->strength |= PFS_WIRE_STRENGTH_HOLDS;
    }
    pfs_hier_enter(h, PFS_HIER_HOLD, SIM_NEVER);
    quest_free(p, h->quest);
    h->quest = NULL;
    if (p->want == h) {
        p->want = NULL;
    }
    pfs_touch(p, h); /* it is one of the others now */
    if (tell) {      /* else the owner has said so */
        pfs_hier_record(
            p, h,
            &(struct sim_record){
                .kind = SIM_RECORD_HOLD, .peer = from, .a = h->digest_source, .b = h->size});
    }
    pfs_hier_role(p, h, SIM_ROLE_SERVING);
    pfs_log(p, PFS_LOG_INF, "XID%08X File complete: %s %llu bytes, serving children",
            (unsigned)h->xid, h->path, (unsigned long long)h->size);
    if (tell) {
        pfs_hier_event(p, PFS_EVENT_GOT, h->copy, "");
        struct pfs_told *event = &p->events[p->events_len - 1];
        event->peer = from;
        event->bytes = h->size;
        event->digest_source = h->digest_source;
    }
    pfs_serve_all(p, h);
    if (h->is_root && !h->more && p->config->election == PFS_BROADCAST) {
        pfs_root_announce(p, h); /* with its digest, and as strong as holders are */
    }
    return 0;
}

/* ---- Sending ---- */

void pfs_send(struct pfs *p, sim_addr to, const struct pfs_wire *m)
{
    uint8_t bytes[PFS_WIRE_MAX];
    size_t len = pfs_wire_encode(m, bytes);
    (void)sim_world_send(p->id.world, p->id.node, to, bytes,
                         len); /* datagrams may be lost anyway */
}

void pfs_broadcast(struct pfs *p, const struct pfs_wire *m)
{
    uint8_t bytes[PFS_WIRE_MAX];
    size_t len = pfs_wire_encode(m, bytes);
    (void)sim_world_broadcast(p->id.world, p->id.node, bytes, len);
}

struct pfs_link *pfs_link_new(struct pfs *p, sim_stream stream, sim_addr peer,
                              enum pfs_link_kind kind, struct pfs_hier *h)
{
    struct pfs_link *link = p->spare_links;
    if (link != NULL) {
        p->spare_links = link->next;
        p->spare_links_len--;
    } else {
        link = malloc(sizeof(*link));
    }
    if (link == NULL) {
        return NULL;
    }
    memset(link, 0, sizeof(*link));
    link->stream = stream;
    link->peer = peer;
    link->kind = kind;
    link->hier = h;
    link->heard = p->now;
    *p->links_end = link;
    p->links_end = &link->next;
    p->strangers += kind == PFS_LINK_STRANGER;
    sim_world_stream_set_tag(p->id.world, stream, (uint64_t)(uintptr_t)link);
    return link;
}

void pfs_link_free(struct pfs *p, struct pfs_link *link)
{
    if (p->spare_links_len >= PFS_SPARE_LINKS_MAX) {
        free(link);
        return;
    }
    link->next = p->spare_links;
    p->spare_links = link;
    p->spare_links_len++;
}

void pfs_link_send(struct pfs *p, struct pfs_link *link, const struct pfs_wire *m)
{
    uint8_t bytes[PFS_WIRE_MAX];

    if (link->dead) {
        return;
    }
    size_t len = pfs_wire_encode(m, bytes);
    /* A peer that reads nothing is found by its silence. */
    (void)sim_world_stream_send(p->id.world, link->stream, bytes, len);
}

void pfs_link_close(struct pfs *p, struct pfs_link *link)
{
    if (link->dead) {
        return;
    }
    link->dead = true;
    p->sweep = true;
    p->strangers -= link->kind == PFS_LINK_STRANGER;
    if (link->stream != 0) {
        sim_world_stream_close(p->id.world, link->stream);
        link->stream = 0;
    }
}
