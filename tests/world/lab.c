/* tests/world/lab.c -- see lab.h: the heap, nodes, datagrams, files, the server, faults. Streams
 * are in lab_stream.c. */
#include "tests/world/lab.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/world/lab_inside.h"

/* ---- The heap ---- */

static bool before(const struct event *a, const struct event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void lab_push(struct lab *l, struct event ev)
{
    GROW(l->heap, l->heap_len, l->heap_cap);
    ev.seq = l->seq++;
    size_t i = l->heap_len++;
    while (i > 0 && before(&ev, &l->heap[(i - 1) / 2])) {
        l->heap[i] = l->heap[(i - 1) / 2];
        i = (i - 1) / 2;
    }
    l->heap[i] = ev;
}

static struct event pop(struct lab *l)
{
    struct event top = l->heap[0], last = l->heap[--l->heap_len];
    size_t i = 0;
    for (;;) {
        size_t child = 2 * i + 1;
        if (child >= l->heap_len) {
            break;
        }
        if (child + 1 < l->heap_len && before(&l->heap[child + 1], &l->heap[child])) {
            child++;
        }
        if (!before(&l->heap[child], &last)) {
            break;
        }
        l->heap[i] = l->heap[child];
        i = child;
    }
    if (l->heap_len > 0) {
        l->heap[i] = last;
    }
    return top;
}

/* ---- Nodes ---- */

bool lab_reaches(const struct lab *l, sim_node a, sim_node b)
{
    const struct node *x = &l->nodes[a], *y = &l->nodes[b];
    return x->site == y->site && x->group == y->group;
}

sim_node lab_find_node(const struct lab *l, uint32_t site, sim_addr addr)
{
    for (size_t i = 0; i < l->nodes_len; i++) {
        if (l->nodes[i].site == site && l->nodes[i].addr == addr && addr != 0) {
            return (sim_node)i;
        }
    }
    return SIM_NODE_NONE;
}

static sim_time op_now(struct sim_world *w)
{
    return lab_of(w)->now;
}

static sim_node op_add_node(struct sim_world *w, uint32_t site, sim_addr addr, uint64_t id,
                            const struct sim_node_ops *ops, void *self)
{
    struct lab *l = lab_of(w);
    if (addr != 0 && lab_find_node(l, site, addr) != SIM_NODE_NONE) {
        return SIM_NODE_NONE;
    }
    GROW(l->nodes, l->nodes_len, l->nodes_cap);
    struct node *n = &l->nodes[l->nodes_len++];
    *n = (struct node){.site = site, .addr = addr, .ops = ops, .self = self};
    sim_rng_init(&n->rng, l->config.seed, SIM_RNG_NODE, id);
    l->unfinished++;
    return (sim_node)(l->nodes_len - 1);
}

static void op_wake_at(struct sim_world *w, sim_node node, sim_time at)
{
    struct lab *l = lab_of(w);
    struct node *n = &l->nodes[node];
    n->alarm++;
    if (at != SIM_NEVER) {
        lab_push(
            l, (struct event){
                   .at = at > l->now ? at : l->now, .kind = EV_ALARM, .node = node, .a = n->alarm});
    }
}

static struct sim_rng *op_rng(struct sim_world *w, sim_node node)
{
    return &lab_of(w)->nodes[node].rng;
}

static int op_listen(struct sim_world *w, sim_node node, bool on)
{
    lab_of(w)->nodes[node].listening = on;
    return 0;
}

/* ---- Datagrams ---- */

static void carry(struct lab *l, sim_node from, sim_node to, const void *bytes, size_t len,
                  bool broadcast)
{
    if (!lab_reaches(l, from, to) || sim_rng_chance_ppm(&l->rng, l->config.loss_ppm)) {
        return;
    }
    struct event ev = {.kind = EV_DATAGRAM,
                       .node = to,
                       .from = l->nodes[from].addr,
                       .broadcast = broadcast,
                       .len = len,
                       .at = l->now + l->config.latency +
                             sim_rng_between(&l->rng, 0, l->config.jitter)};
    ev.bytes = malloc(len > 0 ? len : 1);
    memcpy(ev.bytes, bytes, len);
    lab_push(l, ev);
}

static int op_send(struct sim_world *w, sim_node node, sim_addr to, const void *bytes, size_t len)
{
    struct lab *l = lab_of(w);
    sim_node target = lab_find_node(l, l->nodes[node].site, to);
    if (len > SIM_WORLD_DATAGRAM_MAX) {
        return SIM_EINVAL;
    }
    l->counts.datagrams++;
    if (target != SIM_NODE_NONE) {
        carry(l, node, target, bytes, len, false);
    }
    return 0;
}

static int op_broadcast(struct sim_world *w, sim_node node, const void *bytes, size_t len)
{
    struct lab *l = lab_of(w);
    if (len > SIM_WORLD_DATAGRAM_MAX) {
        return SIM_EINVAL;
    }
    l->counts.broadcasts++;
    for (size_t i = 0; i < l->nodes_len; i++) {
        if (i != node && l->nodes[i].addr != 0) {
            carry(l, node, (sim_node)i, bytes, len, true);
        }
    }
    return 0;
}

/* ---- Files ---- */

static sim_file op_file_new(struct sim_world *w, sim_node node, const char *name)
{
    struct lab *l = lab_of(w);
    (void)name;
    GROW(l->files, l->files_len, l->files_cap);
    l->files[l->files_len++] = (struct file){.node = node, .live = true};
    return l->files_len;
}

static struct file *file_of(struct lab *l, sim_file file)
{
    return file == 0 || file > l->files_len || !l->files[file - 1].live ? NULL
                                                                        : &l->files[file - 1];
}

static void op_file_free(struct sim_world *w, sim_file file)
{
    struct lab *l = lab_of(w);
    struct file *f = file_of(l, file);
    if (f == NULL) {
        return;
    }
    free(f->bytes);
    *f = (struct file){0};
    for (size_t i = 0; i < l->conns_len;
         i++) { /* ends what still reads from it or writes into it */
        for (unsigned k = 0; k < 2; k++) {
            struct end *e = &l->conns[i].ends[k];
            bool sends = false;
            for (struct piece *piece = e->first; piece != NULL; piece = piece->next) {
                sends = sends || piece->from == file;
            }
            if (sends || (e->in_body && e->body_file == file)) {
                e->in_body = false;
                lab_drop_pieces(e);
                l->nodes[l->conns[i].ends[k ^ 1].node].sending -= sends;
                lab_tell_closed(l, lab_handle_of(i, k), SIM_ERESET, l->config.latency);
                lab_tell_closed(l, lab_handle_of(i, k ^ 1), SIM_ERESET, l->config.latency);
            }
        }
    }
}

static uint64_t op_file_size(struct sim_world *w, sim_file file)
{
    struct file *f = file_of(lab_of(w), file);
    return f == NULL ? 0 : f->size;
}

static int op_file_digest(struct sim_world *w, sim_file file, struct sim_digest *out)
{
    struct file *f = file_of(lab_of(w), file);
    if (f == NULL) {
        return SIM_EINVAL;
    }
    sim_digest_of(f->bytes, f->size, out);
    return 0;
}

static int op_file_seal(struct sim_world *w, sim_file file)
{
    struct file *f = file_of(lab_of(w), file);
    if (f == NULL || f->sealed) {
        return SIM_EINVAL;
    }
    f->sealed = true;
    return 0;
}

static size_t op_file_read(struct sim_world *w, sim_file file, uint64_t offset, void *bytes,
                           size_t len)
{
    struct file *f = file_of(lab_of(w), file);
    if (f == NULL || !f->sealed || offset >= f->size) {
        return 0;
    }
    size_t count = f->size - offset < len ? (size_t)(f->size - offset) : len;
    memcpy(bytes, f->bytes + offset, count);
    return count;
}

void lab_append(struct file *f, const uint8_t *bytes, size_t len)
{
    if (len == 0) {
        return;
    }
    if (f->size + len > f->cap) {
        f->cap = (f->size + len) * 2;
        f->bytes = realloc(f->bytes, f->cap);
        assert(f->bytes != NULL);
    }
    memcpy(f->bytes + f->size, bytes, len);
    f->size += len;
}

/* ---- The server ---- */

static void server_bytes(const struct lab *l, const char *path, uint64_t offset, uint8_t *out,
                         size_t len)
{
    const char *slash = strrchr(path, '/');
    uint64_t key = sim_rng_hash(slash == NULL ? path : slash + 1) ^ l->config.file_size;
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(sim_rng_mix(key + (offset + i) / 8) >> ((offset + i) % 8 * 8));
    }
}

void lab_digest(const struct lab *l, const char *path, struct sim_digest *out)
{
    uint8_t *bytes = malloc((size_t)l->config.file_size + 1);
    server_bytes(l, path, 0, bytes, (size_t)l->config.file_size);
    sim_digest_of(bytes, (size_t)l->config.file_size, out);
    free(bytes);
}

static int op_fetch(struct sim_world *w, sim_node node, const struct sim_fetch_request *request,
                    sim_fetch *out)
{
    struct lab *l = lab_of(w);
    GROW(l->fetches, l->fetches_len, l->fetches_cap);
    l->fetches[l->fetches_len++] = (struct fetch){.node = node,
                                                  .life = l->nodes[node].life,
                                                  .live = true,
                                                  .file = request->file,
                                                  .path = strdup(request->path),
                                                  .total = l->config.file_size,
                                                  .notify_every = request->notify_every,
                                                  .notify_at = request->notify_every};
    *out = l->fetches_len;
    l->counts.fetches++;
    lab_push(l,
             (struct event){
                 .at = l->now + l->config.fetch_delay, .kind = EV_FETCH, .node = node, .a = *out});
    return 0;
}

static void op_fetch_cancel(struct sim_world *w, sim_fetch fetch)
{
    struct lab *l = lab_of(w);
    if (fetch > 0 && fetch <= l->fetches_len) {
        l->fetches[fetch - 1].live = false;
    }
}

static void end_fetch(struct lab *l, sim_fetch handle, int status, const char *reason)
{
    struct fetch *f = &l->fetches[handle - 1];
    struct sim_fetch_result result = {
        .status = status, .code = -1, .bytes = f->got, .first_byte = SIM_NEVER, .reason = reason};
    f->live = false;
    l->counts.fetches_good += status == 0;
    const struct node *n = &l->nodes[f->node];
    n->ops->fetch_done(n->self, l->now, handle, &result);
}

static void step_fetch(struct lab *l, sim_fetch handle)
{
    struct fetch *f = &l->fetches[handle - 1];
    const struct node *n = &l->nodes[f->node];
    struct file *file = file_of(l, f->file);
    if (!f->live || n->down || n->life != f->life) {
        return;
    }
    if (l->server_down) {
        end_fetch(l, handle, SIM_EREFUSED, "connection refused by the lab's server");
    } else if (l->server_status != 0) {
        end_fetch(l, handle, l->server_status, l->server_reason);
    } else if (file == NULL) {
        end_fetch(l, handle, SIM_EINVAL, "no copy");
    } else if (file->size >= f->total) {
        end_fetch(l, handle, 0, "");
    } else {
        uint64_t part = f->total / BODY_PIECES + 1;
        part = part > f->total - file->size ? f->total - file->size : part;
        if (l->server_stalls && file->size > f->total / 2) {
            if (f->stalled) {
                end_fetch(l, handle, SIM_ESTALLED, "no progress from the lab's server");
                return;
            }
            f->stalled = true;
            lab_push(l, (struct event){.at = l->now + STALL_S * SIM_S,
                                       .kind = EV_FETCH,
                                       .node = f->node,
                                       .a = handle});
            return;
        }
        f->stalled = false;
        uint8_t *bytes = malloc((size_t)part);
        server_bytes(l, f->path, file->size, bytes, (size_t)part);
        bytes[0] ^= l->server_corrupts ? 0x11 : 0;
        lab_append(file, bytes, (size_t)part);
        free(bytes);
        f->got += part;
        uint64_t size = file->size;
        lab_push(l, (struct event){.at = l->now + part * SIM_S / l->config.fetch_rate,
                                   .kind = EV_FETCH,
                                   .node = f->node,
                                   .a = handle});
        if (f->notify_every > 0 && f->got >= f->notify_at) {
            f->notify_at = f->got + f->notify_every;
            n->ops->fetch_progress(n->self, l->now, handle, size);
        }
    }
}

/* ---- Records and faults ---- */

static void hash_bytes(struct lab *l, const void *bytes, size_t len)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < len; i++) {
        l->hash = (l->hash ^ b[i]) * UINT64_C(0x100000001b3);
    }
}

static void op_record(struct sim_world *w, const struct sim_record *record)
{
    struct lab *l = lab_of(w);
    uint64_t fields[] = {record->at, record->node, (uint64_t)record->kind, record->peer, record->a,
                         record->b,  record->c};
    hash_bytes(l, fields, sizeof(fields));
    if (record->name != NULL) {
        hash_bytes(l, record->name, strlen(record->name));
    }
    if (record->text != NULL) {
        hash_bytes(l, record->text, strlen(record->text));
    }
    if (l->config.record != NULL) {
        l->config.record(l->config.context, record);
    }
}

static void op_finished(struct sim_world *w, sim_node node)
{
    struct lab *l = lab_of(w);
    if (!l->nodes[node].finished) {
        l->nodes[node].finished = true;
        l->unfinished--;
    }
}

static void move_all(struct lab *l)
{
    for (size_t i = 0; i < l->conns_len; i++) {
        lab_move(l, lab_handle_of(i, 0));
        lab_move(l, lab_handle_of(i, 1));
    }
}

static void op_set_down(struct sim_world *w, sim_node node, bool down, bool silent)
{
    struct lab *l = lab_of(w);
    struct node *n = &l->nodes[node];
    if (!down) {
        n->down = n->silent = false;
        move_all(l); /* who still sends to its former life learns of it */
        return;
    }
    n->down = true;
    n->silent = silent;
    n->life++;
    n->listening = false;
    n->alarm++;
    n->sending = 0;
    for (size_t i = 0; i < l->files_len; i++) {
        if (l->files[i].live && l->files[i].node == node) {
            free(l->files[i].bytes);
            l->files[i] = (struct file){0};
        }
    }
    for (size_t i = 0; i < l->conns_len; i++) {
        for (unsigned k = 0; k < 2; k++) {
            if (l->conns[i].ends[k].node == node && l->conns[i].ends[k].open) {
                lab_drop_pieces(&l->conns[i].ends[k ^ 1]);
                if (!silent) {
                    lab_tell_closed(l, lab_handle_of(i, k ^ 1), SIM_ERESET, l->config.latency);
                }
            }
        }
    }
}

static void op_set_group(struct sim_world *w, sim_node node, uint32_t group)
{
    lab_of(w)->nodes[node].group = group;
    move_all(lab_of(w));
}

static void op_set_corrupt(struct sim_world *w, sim_node node, bool corrupt)
{
    lab_of(w)->nodes[node].corrupt = corrupt;
}

static void op_set_wan(struct sim_world *w, uint32_t site, bool up)
{
    (void)site;
    lab_of(w)->server_stalls = !up;
}

static void op_set_server(struct sim_world *w, bool up)
{
    lab_of(w)->server_down = !up;
}

static void op_site_stats(struct sim_world *w, uint32_t site, struct sim_site_stats *out)
{
    (void)site;
    *out = (struct sim_site_stats){.lan_broadcasts = lab_of(w)->counts.broadcasts,
                                   .fetches = lab_of(w)->counts.fetches};
}

static const struct sim_world_ops ops = {
    .now = op_now,
    .add_node = op_add_node,
    .wake_at = op_wake_at,
    .rng = op_rng,
    .listen = op_listen,
    .send = op_send,
    .broadcast = op_broadcast,
    .dial = lab_op_dial,
    .stream_send = lab_op_stream_send,
    .stream_send_body = lab_op_stream_send_body,
    .receive_body = lab_op_receive_body,
    .stream_close = lab_op_stream_close,
    .stream_set_tag = lab_op_set_tag,
    .stream_tag = lab_op_tag,
    .file_new = op_file_new,
    .file_free = op_file_free,
    .file_size = op_file_size,
    .file_digest = op_file_digest,
    .file_seal = op_file_seal,
    .file_read = op_file_read,
    .fetch = op_fetch,
    .fetch_cancel = op_fetch_cancel,
    .record = op_record,
    .finished = op_finished,
    .set_down = op_set_down,
    .set_group = op_set_group,
    .set_corrupt = op_set_corrupt,
    .set_wan = op_set_wan,
    .set_server = op_set_server,
    .site_stats = op_site_stats,
};

/* ---- Events ---- */

static void handle(struct lab *l, struct event *ev)
{
    const struct node *n = &l->nodes[ev->node];

    switch (ev->kind) {
    case EV_ALARM:
        if (ev->a == n->alarm && !n->down) {
            n->ops->wake(n->self, l->now);
        }
        return;
    case EV_DATAGRAM:
        if (n->listening && !n->down) {
            struct sim_datagram d = {
                .from = ev->from, .broadcast = ev->broadcast, .bytes = ev->bytes, .len = ev->len};
            n->ops->datagram(n->self, l->now, &d);
        }
        return;
    case EV_ACCEPT:
        lab_accept_dial(l, ev->a);
        return;
    case EV_OPENED:
        if (lab_end_of(l, ev->a) != NULL) {
            n->ops->stream_opened(n->self, l->now, ev->a,
                                  l->nodes[lab_other_of(l, ev->a)->node].addr, true);
        }
        return;
    case EV_PIECE:
        lab_arrive(l, ev->a);
        return;
    case EV_TELL_CLOSED:
        lab_close_end(l, ev->a, ev->why);
        return;
    case EV_FETCH:
        step_fetch(l, ev->a);
        return;
    }
}

bool lab_step(struct lab *l)
{
    if (l->heap_len == 0 || l->heap[0].at > l->config.limit) {
        return false;
    }
    struct event ev = pop(l);
    assert(ev.at >= l->now);
    l->now = ev.at;
    l->counts.events++;
    handle(l, &ev);
    free(ev.bytes);
    if (l->config.after != NULL) {
        l->config.after(l->config.context, ev.node);
    }
    return true;
}

bool lab_run(struct lab *l)
{
    while (l->unfinished > 0 && lab_step(l)) {
    }
    return l->unfinished == 0;
}

/* ---- Life ---- */

struct lab *lab_new(const struct lab_config *config)
{
    struct lab *l = calloc(1, sizeof(*l));
    assert(l != NULL && config->port_rate > 0 && config->fetch_rate > 0);
    l->base.ops = &ops;
    l->config = *config;
    l->hash = UINT64_C(0xcbf29ce484222325);
    sim_rng_init(&l->rng, config->seed, SIM_RNG_LAN, 0);
    return l;
}

void lab_free(struct lab *l)
{
    for (size_t i = 0; i < l->heap_len; i++) {
        free(l->heap[i].bytes);
    }
    for (size_t i = 0; i < l->conns_len; i++) {
        for (int k = 0; k < 2; k++) {
            lab_drop_pieces(&l->conns[i].ends[k]);
            free(l->conns[i].ends[k].input);
        }
    }
    for (size_t i = 0; i < l->files_len; i++) {
        free(l->files[i].bytes);
    }
    for (size_t i = 0; i < l->fetches_len; i++) {
        free(l->fetches[i].path);
    }
    free(l->heap);
    free(l->conns);
    free(l->files);
    free(l->fetches);
    free(l->nodes);
    free(l);
}

struct sim_world *lab_world(struct lab *l)
{
    return &l->base;
}

sim_time lab_now(const struct lab *l)
{
    return l->now;
}

sim_time lab_next(const struct lab *l)
{
    return l->heap_len == 0 ? SIM_NEVER : l->heap[0].at;
}

const struct lab_counts *lab_counts(const struct lab *l)
{
    return &l->counts;
}

uint64_t lab_node_dials(const struct lab *l, sim_node node)
{
    return l->nodes[node].dials;
}

uint64_t lab_trace_hash(const struct lab *l)
{
    return l->hash;
}

void lab_server_fails(struct lab *l, int status, const char *reason)
{
    l->server_status = status;
    snprintf(l->server_reason, sizeof(l->server_reason), "%s", reason);
}

void lab_server_stalls(struct lab *l, bool stalls)
{
    l->server_stalls = stalls;
}

void lab_server_corrupts(struct lab *l, bool corrupt)
{
    l->server_corrupts = corrupt;
}

sim_node lab_peer(const struct lab *l, sim_stream stream, sim_stream *peer_stream)
{
    if (lab_end_of(l, stream) == NULL) {
        return SIM_NODE_NONE;
    }
    const struct end *other = lab_other_of(l, stream);
    *peer_stream = lab_other_handle(stream);
    if (lab_end_of(l, *peer_stream) == NULL) {
        *peer_stream = 0;
    }
    return other->node;
}

void lab_inject(struct lab *l, sim_stream stream, const void *bytes, size_t len)
{
    if (lab_end_of(l, stream) != NULL) {
        lab_feed(l, stream, bytes, len);
    }
}
