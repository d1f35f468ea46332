/* tests/world/crew.c -- see crew.h. The laws look into the machine itself (phones/pfs/machine.h).
 */
#include "tests/world/crew.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/pfs/machine.h"

/* ---- The owner ---- */

/* The load is called as its first file. */
static void set_group(const struct crew_phone *ph, struct pfs_want *want)
{
    want->group = "SCCP41.loads";
    want->more = ph->file + 1 < ph->crew->files_len;
}

static void want_next(struct crew_phone *ph, sim_time now)
{
    struct crew *c = ph->crew;
    if (ph->file == c->files_len) {
        ph->lingering = true;
        return;
    }
    struct pfs_want want = {.path = c->files[ph->file], .digest_source = SIM_DIGEST_SYNTHETIC};
    want.has_digest = c->knows_digests;
    want.size = c->knows_sizes ? c->lab_config.file_size : 0;
    set_group(ph, &want);
    lab_digest(c->lab, want.path, &want.digest);
    pfs_want(ph->pfs, now, &want);
}

static void finish(struct crew_phone *ph, sim_time now, bool failed)
{
    ph->done = true;
    ph->failed = failed;
    ph->stop_at = now;
    pfs_stop(ph->pfs, now);
    sim_world_finished(lab_world(ph->crew->lab), ph->node);
}

static void check_content(struct crew_phone *ph, sim_file file)
{
    struct crew *c = ph->crew;
    struct sim_digest want, have;
    lab_digest(c->lab, c->files[ph->file], &want);
    if (c->broken[0] == '\0' && c->knows_digests &&
        (sim_world_file_digest(lab_world(c->lab), file, &have) != 0 ||
         !sim_digest_equal(&want, &have))) {
        snprintf(c->broken, sizeof(c->broken), "phone %u took a wrong copy", (unsigned)ph->node);
    }
}

static void start_fetch(struct crew_phone *ph, const char *path, sim_file file, uint64_t notify)
{
    struct sim_fetch_request request = {
        .path = path, .file = file, .is_firmware = true, .notify_every = notify};
    ph->fetches++;
    ph->fetch_file = file;
    int rc = sim_world_fetch(lab_world(ph->crew->lab), ph->node, &request, &ph->fetch);
    assert(rc == 0);
}

static void drain(struct crew_phone *ph, sim_time now)
{
    struct pfs_event ev;
    struct sim_world *w = lab_world(ph->crew->lab);

    while (!ph->done && pfs_take_event(ph->pfs, &ev)) {
        switch (ev.kind) {
        case PFS_EVENT_FETCH:
            ph->own_fetch = false;
            start_fetch(ph, ev.path, ev.file, ev.notify_every);
            break;
        case PFS_EVENT_STOP_FETCH:
            sim_world_fetch_cancel(w, ph->fetch);
            ph->fetch = 0;
            break;
        case PFS_EVENT_GOT:
            check_content(ph, ev.file);
            ph->from_peer += ev.peer != 0;
            ph->from_server += ev.peer == 0;
            ph->file++;
            want_next(ph, now);
            break;
        case PFS_EVENT_FALLBACK:
            ph->fallbacks++;
            ph->own_fetch = true;
            ph->anew = ev.file == 0;
            start_fetch(ph, ev.path,
                        ev.file != 0 ? ev.file : sim_world_file_new(w, ph->node, ev.path), 0);
            break;
        case PFS_EVENT_FAILED:
            snprintf(ph->reason, sizeof(ph->reason), "%s", ev.text);
            finish(ph, now, true);
            break;
        }
    }
    if (!ph->done && ph->lingering && pfs_may_leave(ph->pfs, now)) {
        finish(ph, now, false);
    }
    sim_time at = ph->done ? SIM_NEVER : ph->started ? pfs_deadline(ph->pfs) : ph->start_at;
    sim_world_wake_at(w, ph->node, at);
}

static void fetched(struct crew_phone *ph, sim_time now, const struct sim_fetch_result *result)
{
    struct crew *c = ph->crew;
    struct sim_world *w = lab_world(c->lab);

    if (result->status == 0) {
        c->wan_copies++;
    }
    if (!ph->own_fetch) {
        pfs_fetch_done(ph->pfs, now, result->status, result->reason);
        return;
    }
    struct pfs_want want = {.path = c->files[ph->file], .digest_source = SIM_DIGEST_SYNTHETIC};
    struct sim_digest have;
    want.has_digest = c->knows_digests;
    set_group(ph, &want);
    lab_digest(c->lab, want.path, &want.digest);
    bool good = result->status == 0 && sim_world_file_digest(w, ph->fetch_file, &have) == 0 &&
                (!want.has_digest || sim_digest_equal(&have, &want.digest));
    if (!good && result->status == 0 && !ph->anew) {
        ph->anew = true;
        sim_world_file_free(w, ph->fetch_file);
        start_fetch(ph, want.path, sim_world_file_new(w, ph->node, want.path), 0);
        return;
    }
    if (!good) {
        snprintf(ph->reason, sizeof(ph->reason), "%s",
                 result->status == 0 ? "wrong digest from the server" : result->reason);
        finish(ph, now, true);
        return;
    }
    sim_world_file_seal(w, ph->fetch_file);
    pfs_hold(ph->pfs, now, &want, ph->fetch_file);
    ph->from_server++;
    ph->file++;
    want_next(ph, now);
}

/* ---- Notices ---- */

static void birth(struct crew_phone *ph, sim_time now)
{
    struct crew *c = ph->crew;
    struct pfs_identity id = {.world = lab_world(c->lab),
                              .node = ph->node,
                              .addr = ph->addr,
                              .model = ph->model,
                              .log = c->log,
                              .peers = c->static_peers,
                              .peers_len = (uint32_t)c->len,
                              .peers_self = (uint32_t)(ph - c->phones)};
    ph->pfs = pfs_new(&c->config, &id);
    assert(ph->pfs != NULL);
    ph->started = true;
    pfs_start(ph->pfs, now);
    want_next(ph, now);
}

static void on_wake(void *self, sim_time now)
{
    struct crew_phone *ph = self;
    if (!ph->started) {
        birth(ph, now);
    } else if (!ph->done) {
        pfs_wake(ph->pfs, now);
    }
    drain(ph, now);
}

static void on_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    struct crew_phone *ph = self;
    pfs_datagram(ph->pfs, now, d);
    drain(ph, now);
}

static void on_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    struct crew_phone *ph = self;
    pfs_stream_opened(ph->pfs, now, s, peer, dialed);
    drain(ph, now);
}

static size_t on_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes, size_t len)
{
    struct crew_phone *ph = self;
    size_t used = pfs_stream_input(ph->pfs, now, s, bytes, len);
    drain(ph, now);
    return used;
}

static void on_progress(void *self, sim_time now, sim_stream s, uint64_t size)
{
    struct crew_phone *ph = self;
    pfs_body_progress(ph->pfs, now, s, size);
    drain(ph, now);
}

static void on_received(void *self, sim_time now, sim_stream s)
{
    struct crew_phone *ph = self;
    pfs_body_received(ph->pfs, now, s);
    drain(ph, now);
}

static void on_sent(void *self, sim_time now, sim_stream s)
{
    struct crew_phone *ph = self;
    pfs_body_sent(ph->pfs, now, s);
    drain(ph, now);
}

static void on_closed(void *self, sim_time now, sim_stream s, int why)
{
    struct crew_phone *ph = self;
    pfs_stream_closed(ph->pfs, now, s, why);
    drain(ph, now);
}

static void on_fetch_progress(void *self, sim_time now, sim_fetch fetch, uint64_t size)
{
    struct crew_phone *ph = self;
    (void)size;
    if (fetch == ph->fetch && !ph->done && !ph->own_fetch) {
        pfs_fetch_moved(ph->pfs, now);
        drain(ph, now);
    }
}

static void on_fetch_done(void *self, sim_time now, sim_fetch fetch,
                          const struct sim_fetch_result *result)
{
    struct crew_phone *ph = self;
    if (fetch == ph->fetch && !ph->done) {
        fetched(ph, now, result);
        drain(ph, now);
    }
}

static const struct sim_node_ops ops = {
    .wake = on_wake,
    .datagram = on_datagram,
    .stream_opened = on_opened,
    .stream_input = on_input,
    .body_progress = on_progress,
    .body_received = on_received,
    .body_sent = on_sent,
    .stream_closed = on_closed,
    .fetch_progress = on_fetch_progress,
    .fetch_done = on_fetch_done,
};

/* ---- The laws ---- */

static void broken(struct crew *c, const char *law, sim_node node)
{
    if (c->broken[0] == '\0') {
        snprintf(c->broken, sizeof(c->broken), "%s: phone %u at %.6f s", law, (unsigned)node,
                 sim_time_seconds(lab_now(c->lab)));
    }
}

static struct pfs_link *find_link(const struct pfs *p, sim_stream stream)
{
    for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->stream == stream) {
            return l;
        }
    }
    return NULL;
}

/* The phone and hierarchy that feed `h`, when both sides say so; NULL. */
static struct pfs_hier *feeder(const struct crew *c, const struct pfs_hier *h, sim_node *who)
{
    if ((h->state != PFS_HIER_WAIT && h->state != PFS_HIER_RECEIVE) || h->quest->up == NULL) {
        return NULL;
    }
    sim_stream peer_stream;
    sim_node peer = lab_peer(c->lab, h->quest->up->stream, &peer_stream);
    if (peer >= c->len || peer_stream == 0 || c->phones[peer].pfs == NULL) {
        return NULL;
    }
    struct pfs_link *link = find_link(c->phones[peer].pfs, peer_stream);
    if (link == NULL || link->kind != PFS_LINK_CHILD) {
        return NULL;
    }
    *who = peer;
    return link->hier;
}

static void check_way_up(struct crew *c, sim_node node, const struct pfs_hier *h)
{
    const struct pfs_hier *at = h;
    sim_node who = node;
    for (size_t steps = 0; at != NULL; steps++) {
        sim_node up = SIM_NODE_NONE;
        const struct pfs_hier *above = feeder(c, at, &up);
        if (above == NULL) {
            return;
        }
        if (c->phones[up].site != c->phones[who].site ||
            strcmp(c->phones[up].model, c->phones[who].model) != 0 ||
            !(at->group != NULL ? pfs_group_is_same(above, at)
                                : strcmp(above->name, at->name) == 0)) {
            broken(c, "parent and child differ in subnet, model or file", who);
        }
        if (above->state != PFS_HIER_HOLD && above->xid != at->xid) {
            broken(c, "parent and waiting child are of different instances", who);
        }
        if (above == h || steps > c->len) {
            broken(c, "the parent relation has a cycle", who);
            return;
        }
        at = above;
        who = up;
    }
}

void crew_check(struct crew *c, sim_node node)
{
    struct crew_phone *ph = &c->phones[node];
    struct pfs *p = ph->pfs;

    if (p == NULL || ph->down) {
        return;
    }
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        uint32_t children = 0;
        for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
            children += l->kind == PFS_LINK_CHILD && l->hier == h;
            bool served = c->config.relay == PFS_CUT_THROUGH ? l->last : l->begun;
            if (l->kind == PFS_LINK_CHILD && l->hier == h && served && h->state != PFS_HIER_HOLD) {
                broken(c, "a body was sent by a phone that does not hold the file", node);
            }
        }
        for (struct pfs_link *l = p->links; l != NULL; l = l->next) {
            if (l->kind == PFS_LINK_CHILD && l->hier == h && l->begun && !l->last &&
                l->offset >= c->lab_config.file_size) {
                broken(c, "the end of a file was passed on before it was verified", node);
            }
        }
        if (children != h->children || pfs_group_children(p, h) > c->config.fanout) {
            broken(c, "more children than fanout, or miscounted", node);
        }
        if ((h->quest == NULL) != (h->state == PFS_HIER_HOLD)) {
            broken(c, "holds and wants at once", node);
        }
        check_way_up(c, node, h);
        if (h->children > ph->max_children) {
            ph->max_children = h->children;
        }
    }
    sim_time due = pfs_linger_deadline(p);
    for (struct pfs_hier *h = p->hiers; h != NULL; h = h->next) {
        due = sim_time_min(due, pfs_hier_due(h));
    }
    if (pfs_deadline(p) > due) {
        broken(c, "a deadline was overlooked", node);
    }
    if (!ph->done && ph->started && pfs_deadline(p) == SIM_NEVER && ph->fetch == 0 &&
        !ph->lingering) {
        broken(c, "waits without a limit", node);
    }
    if (lab_counts(c->lab)->unsealed_bodies > 0 && c->config.relay != PFS_CUT_THROUGH) {
        broken(c, "a body was sent from a copy that was not verified", node);
    }
}

static void after(void *context, sim_node node)
{
    struct crew *c = context;
    if (node < c->len) {
        crew_check(c, node);
    }
}

static void on_record(void *context, const struct sim_record *r)
{
    struct crew *c = context;
    struct crew_phone *ph = &c->phones[r->node];

    switch ((int)r->kind) {
    case SIM_RECORD_CLAIM:
        ph->claims++;
        c->claims++;
        break;
    case SIM_RECORD_ROLE:
        c->roots += r->a == SIM_ROLE_ROOT_WAITING;
        break;
    case SIM_RECORD_ATTACH:
        ph->attaches++;
        ph->depth = r->a;
        ph->parent = r->peer;
        break;
    case SIM_RECORD_HOLD:
        ph->held_at = r->at;
        break;
    case SIM_RECORD_REJECT:
        c->rejects++;
        for (unsigned i = 0; i < ph->rejected_len && i < 8; i++) {
            c->asked_again += ph->rejected[i] == r->peer;
        }
        ph->rejected[ph->rejected_len++ % 8] = r->peer;
        for (size_t i = 0; i < c->len; i++) {
            c->rejects_of[i] += c->phones[i].addr == r->peer && c->phones[i].site == ph->site;
        }
        break;
    case SIM_RECORD_RESUME:
        c->resumes++;
        break;
    case SIM_RECORD_LOG:
        fprintf(stderr, "[%03u] %s\n", (unsigned)r->node, r->text);
        break;
    default:
        break;
    }
}

/* ---- The crew ---- */

void crew_defaults(struct crew *c, uint64_t seed)
{
    memset(c, 0, sizeof(*c));
    c->config = (struct pfs_config){
        .port = 4051,
        .listen = 500 * SIM_MS,
        .ad_interval = 250 * SIM_MS,
        .ads = 4,
        .root_wait = 10 * SIM_S,
        .fanout = 2,
        .parent_timeout = 30 * SIM_S,
        .stall = 60 * SIM_S,
        .rejoin_attempts = 3,
        .linger = 30 * SIM_S,
        .linger_max = 600 * SIM_S,
    };
    c->lab_config = (struct lab_config){
        .seed = seed,
        .latency = 100 * SIM_US,
        .jitter = 50 * SIM_US,
        .port_rate = 20000,
        .file_size = 20000,
        .fetch_delay = 50 * SIM_MS,
        .fetch_rate = 5000,
        .limit = 4 * 3600 * SIM_S,
        .record = on_record,
        .after = after,
        .context = c,
    };
    c->files[0] = "/dnld/SCCP41.loads";
    c->files_len = 1;
    c->knows_digests = true;
}

void crew_open(struct crew *c)
{
    c->lab = lab_new(&c->lab_config);
}

void crew_close(struct crew *c)
{
    for (size_t i = 0; i < c->len; i++) {
        pfs_free(c->phones[i].pfs);
    }
    lab_free(c->lab);
}

struct crew_phone *crew_add(struct crew *c, uint32_t site, const char *model, sim_time start_at)
{
    assert(c->len < CREW_MAX);
    struct crew_phone *ph = &c->phones[c->len];
    sim_addr addr = (127u << 24) + ((site + 1) << 16) + 2 + (uint32_t)c->len;
    *ph = (struct crew_phone){.crew = c,
                              .addr = addr,
                              .site = site,
                              .model = model,
                              .start_at = start_at,
                              .stop_at = SIM_NEVER};
    ph->node = sim_world_add_node(lab_world(c->lab), site, addr, c->len, &ops, ph);
    assert(ph->node == c->len);
    c->static_peers[c->len] = addr;
    c->len++;
    sim_world_wake_at(lab_world(c->lab), ph->node, start_at);
    return ph;
}

void crew_add_many(struct crew *c, size_t n, sim_duration spread)
{
    struct sim_rng rng;
    sim_rng_init(&rng, c->lab_config.seed, SIM_RNG_START, 0);
    for (size_t i = 0; i < n; i++) {
        crew_add(c, 0, "CP-7961G", sim_rng_between(&rng, 0, spread));
    }
}

bool crew_run(struct crew *c)
{
    return lab_run(c->lab);
}

void crew_run_until(struct crew *c, sim_time at)
{
    while (lab_next(c->lab) <= at && lab_step(c->lab)) {
    }
}

void crew_crash(struct crew *c, size_t phone, bool silent, bool returns)
{
    struct crew_phone *ph = &c->phones[phone];
    if (ph->down || ph->done) {
        return;
    }
    sim_world_set_down(lab_world(c->lab), ph->node, true, silent);
    pfs_free(ph->pfs);
    ph->pfs = NULL;
    ph->down = true;
    ph->fetch = 0;
    if (!returns) {
        sim_world_finished(lab_world(c->lab), ph->node);
    }
}

void crew_restart(struct crew *c, size_t phone)
{
    struct crew_phone *ph = &c->phones[phone];
    if (!ph->down) {
        return;
    }
    sim_world_set_down(lab_world(c->lab), ph->node, false, false);
    ph->down = ph->started = ph->lingering = false;
    ph->file = 0;
    ph->start_at = lab_now(c->lab);
    sim_world_wake_at(lab_world(c->lab), ph->node, ph->start_at);
}

size_t crew_count_roots(const struct crew *c)
{
    size_t roots = 0;
    for (size_t i = 0; i < c->len; i++) {
        for (struct pfs_hier *h = c->phones[i].pfs == NULL ? NULL : c->phones[i].pfs->hiers;
             h != NULL; h = h->next) {
            roots += h->is_root;
        }
    }
    return roots;
}

size_t crew_count_failed(const struct crew *c)
{
    size_t failed = 0;
    for (size_t i = 0; i < c->len; i++) {
        failed += c->phones[i].failed;
    }
    return failed;
}

uint32_t crew_depth(const struct crew *c)
{
    uint32_t depth = 0;
    for (size_t i = 0; i < c->len; i++) {
        depth = c->phones[i].depth > depth ? c->phones[i].depth : depth;
    }
    return depth;
}
