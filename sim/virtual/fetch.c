/* sim/virtual/fetch.c -- the life of a request, from the node to its result. See inner.h.
 *
 * Semantics, statuses and counters are those of sim/live (world_fetch.c). Leaves out the server
 * (server.c), and how bytes get from there to here: that is a way's (way_*.c). */
#include <assert.h>
#include <string.h>

#include "sim/err.h"
#include "sim/virtual/inner.h"

const struct virtual_way *virtual_way_of(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    if (v->config.network == SIM_VIRTUAL_FLUID || f->place == SIM_SERVER_LAN ||
        virtual_site_of(v, f->node)->setup->wan.none) {
        return &virtual_way_fluid;
    }
    return f->protocol == SIM_PROTOCOL_TFTP ? &virtual_way_tftp : &virtual_way_packet;
}

struct virtual_fetch *virtual_fetch_of(const struct sim_virtual *v, uint64_t fetch)
{
    return virtual_pool_get(&v->fetches, fetch, NULL);
}

void virtual_fetch_step(struct sim_virtual *v, const struct virtual_fetch *f, uint64_t fetch,
                        enum virtual_fetch_step step, sim_time at)
{
    struct virtual_event *e = virtual_add(v, at, VIRTUAL_FETCH, f->node);

    e->a = fetch;
    e->b = f->turn;
    e->what = (uint8_t)step;
}

static bool is_tftp(const struct virtual_fetch *f)
{
    return f->protocol == SIM_PROTOCOL_TFTP;
}

/* ---- The body, as it comes ---- */

/* Bytes that the copy has already, and that TFTP sends all the same. */
static uint64_t repeated(const struct virtual_fetch *f)
{
    return is_tftp(f) ? f->offset : 0;
}

static uint64_t growth(const struct virtual_fetch *f, uint64_t body)
{
    uint64_t before = repeated(f);

    return body > before ? body - before : 0;
}

/* Where the bytes of a path are not those of the copy's own name, the copy goes wrong. */
static uint64_t taint_of(const struct virtual_fetch *f, const struct virtual_file *copy)
{
    const struct sim_content *from = f->content, *to = copy->content;

    if (f->path == copy->name || from == to ||
        (from != NULL && to != NULL && from->size == to->size &&
         (from->kind == SIM_CONTENT_SYNTHETIC && to->kind == SIM_CONTENT_SYNTHETIC
              ? from->key == to->key
              : sim_content_equal(from, to)))) {
        return 0;
    }
    return sim_rng_hash(f->path) | 1;
}

/* Counts what has come up to `body` bytes of it, and puts it into the copy. */
static void settle(struct sim_virtual *v, struct virtual_fetch *f, uint64_t body)
{
    struct sim_site_stats *stats = &virtual_site_of(v, f->node)->stats;
    uint64_t more = body > f->got ? body - f->got : 0;
    uint64_t grown = growth(f, f->got + more) - growth(f, f->got);

    if (more == 0) {
        return;
    }
    f->got += more;
    if (f->place == SIM_SERVER_LAN) {
        stats->lan_payload_bytes += more;
    } else if (f->is_firmware) {
        stats->wan_payload_bytes += more;
        stats->wan_resent_bytes += more - grown;
    } else {
        stats->wan_config_bytes += more;
    }
    if (grown > 0 && f->file != 0) {
        struct virtual_file *copy = virtual_file_of(v, f->file);

        if (copy != NULL) {
            virtual_file_append(v, f->file, grown, taint_of(f, copy));
        }
    }
}

uint64_t virtual_fetch_received(struct sim_virtual *v, uint64_t fetch)
{
    const struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    if (f == NULL) {
        return 0;
    }
    uint64_t body = virtual_way_of(v, f)->received(v, fetch);

    body = body > f->got ? body : f->got;
    return f->got + growth(f, body) - growth(f, f->got);
}

void virtual_fetch_first(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    if (f != NULL && f->first_byte > v->now) {
        f->first_byte = v->now;
        f->moved_at = v->now;
    }
}

void virtual_fetch_moved(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);
    const struct virtual_node *n;
    uint64_t grown, size;

    if (f == NULL) {
        return;
    }
    f->moved_at = v->now;
    if (f->notify_every == 0) {
        return;
    }
    grown = growth(f, virtual_way_of(v, f)->received(v, fetch));
    if (grown < f->notify_at) {
        return;
    }
    f->notify_at = (grown / f->notify_every + 1) * f->notify_every;
    size = f->file != 0 ? virtual_file_size(&v->base, f->file) : grown;
    n = &v->nodes[f->node];
    v->notices++;
    n->ops->fetch_progress(n->self, v->now, fetch, size);
}

/* ---- The end ---- */

/* Nobody finds it any more. */
static void unlink_fetch(struct sim_virtual *v, struct virtual_fetch *f, uint32_t index)
{
    struct virtual_node *n = &v->nodes[f->node];
    uint32_t *link = &n->fetches;
    struct virtual_file *copy = f->file != 0 ? virtual_file_of(v, f->file) : NULL;

    while (*link != index + 1) {
        assert(*link != 0);
        link = &((struct virtual_fetch *)virtual_pool_at(&v->fetches, *link - 1))->next;
    }
    *link = f->next;
    if (copy != NULL && copy->from_fetch &&
        copy->incoming == virtual_pool_handle(&v->fetches, index)) {
        copy->incoming = 0;
    }
    virtual_chunk_free(&v->chunks, f->why);
    virtual_pool_remove(&v->fetches, index);
}

static void count_end(struct sim_virtual *v, const struct virtual_fetch *f, int status)
{
    struct sim_site_stats *stats = &virtual_site_of(v, f->node)->stats;

    stats->fetches_now--;
    if (status != 0 && status != SIM_ENOTFOUND) {
        stats->fetch_errors++;
        stats->fetch_refused += status == SIM_EBUSY;
    }
}

/* Apart, since few results need that much of the stack. */
static __attribute__((noinline)) void
tell_small(struct sim_virtual *v, const struct virtual_node *n, uint64_t fetch, const char *path,
           const struct sim_content *content, struct sim_fetch_result *result)
{
    uint8_t bytes[SIM_WORLD_SMALL_MAX];

    static_assert((int)SIM_CONTENT_RESOLVED_MAX <= (int)SIM_WORLD_SMALL_MAX, "one buffer for both");
    result->data = bytes;
    if (content == NULL) {
        result->data_len = 0;
        (void)sim_catalog_resolve(v->config.catalog, path, bytes, &result->data_len);
    } else if (content->bytes != NULL) {
        result->data = content->bytes;
        result->data_len = (size_t)content->size;
    } else {
        result->data_len = sim_content_read(content, 0, bytes, (size_t)content->size);
    }
    n->ops->fetch_done(n->self, v->now, fetch, result);
}

/* All has come: is it what was wanted? */
static void judge(struct virtual_fetch *f)
{
    if (f->status == 0 && f->is_small && f->total > SIM_WORLD_SMALL_MAX) {
        f->status = SIM_ELIMIT;
    }
}

/* What is known of it goes to the node; the handle is dead when the node hears of it. */
static void finish(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    const struct virtual_node *n = &v->nodes[f->node];
    const struct sim_content *content = f->content;
    const char *path = f->path;
    bool with_data = f->is_small && f->status == 0;
    char reason[SIM_WORLD_REASON_MAX];
    struct sim_fetch_result result = {
        .status = f->status,
        .code = f->code,
        .bytes = f->got,
        .first_byte = f->first_byte <= v->now ? f->first_byte : SIM_NEVER,
        .reason = "",
    };

    if (f->status != 0) {
        virtual_text_reason(v, f, reason);
        result.reason = reason;
    }
    virtual_server_leave(v, f, f->got, f->status == 0);
    count_end(v, f, f->status);
    unlink_fetch(v, f, (uint32_t)(fetch & UINT32_MAX) - 1);
    virtual_mix(v, (uint64_t)(int64_t)result.status);
    if (v->step != NULL) {
        virtual_say(v, "fetch of %.60s done, %s", path, sim_err_text(result.status));
    }
    v->notices++;
    if (with_data) {
        tell_small(v, n, fetch, path, content, &result);
    } else {
        n->ops->fetch_done(n->self, v->now, fetch, &result);
    }
}

void virtual_fetch_whole(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    if (f == NULL) {
        return;
    }
    virtual_server_leave(v, f, f->total, f->status == 0);
    settle(v, f, f->total);
    judge(f);
    finish(v, f, fetch);
}

/* Its bytes so far are counted, the server is rid of it, and no way knows it any more. */
static void break_off(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    const struct virtual_way *way = virtual_way_of(v, f);

    settle(v, f, way->received(v, fetch));
    way->drop(v, fetch);
    virtual_server_leave(v, f, f->got, false);
    f->turn++; /* steps under way are stale */
    f->state = VIRTUAL_FETCH_ENDING;
}

/* It has failed: the node hears of it at `at`. */
static void fail(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch, int status,
                 sim_time at)
{
    break_off(v, f, fetch);
    f->status = status;
    if (status != SIM_ELIMIT) {
        f->code = f->first_byte <= v->now ? f->code : -1;
    }
    virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_DONE, at);
}

void virtual_fetch_failed(struct sim_virtual *v, uint64_t fetch, int status, const char *reason)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    if (f == NULL) {
        return;
    }
    assert(status != 0);
    if (reason != NULL && reason[0] != '\0') {
        size_t len = strlen(reason);

        virtual_chunk_free(&v->chunks, f->why);
        f->why = virtual_chunk_new(&v->chunks, reason,
                                   len < SIM_WORLD_REASON_MAX ? len : SIM_WORLD_REASON_MAX - 1);
    }
    fail(v, f, fetch, status, v->now);
}

/* ---- Patience ---- */

/* Without progress for so long it fails; SIM_NEVER: never. */
static sim_duration patience_of(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    const struct sim_server_setup *server = v->config.server;

    if (is_tftp(f)) {
        return virtual_text_patience(server);
    }
    return server->stall > 0 ? server->stall : SIM_NEVER;
}

void virtual_fetch_watch(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    sim_time at = sim_time_add(f->moved_at, patience_of(v, f));

    if (!f->is_watched && at != SIM_NEVER) {
        struct virtual_event *e = virtual_add(v, at, VIRTUAL_FETCH, f->node);

        f->is_watched = true;
        e->a = fetch;
        e->b = 0;
        e->what = VIRTUAL_STEP_PATIENCE;
    }
}

/* In a fluid only what waits can stall; segments and datagrams are watched all the time. */
static void lose_patience(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    const struct virtual_way *way = virtual_way_of(v, f);
    bool waits = f->state == VIRTUAL_FETCH_QUEUED || f->is_held || way == &virtual_way_packet;

    f->is_watched = false;
    if (f->state == VIRTUAL_FETCH_ENDING || way == &virtual_way_tftp || !waits) {
        return;
    }
    if (v->now < sim_time_add(f->moved_at, patience_of(v, f))) {
        virtual_fetch_watch(v, f, fetch);
        return;
    }
    bool timed_out =
        is_tftp(f) && (f->first_byte > v->now || v->config.server->stall != v->now - f->moved_at);
    int status = timed_out ? SIM_ETIMEDOUT : SIM_ESTALLED;

    break_off(v, f, fetch);
    f->status = status;
    f->code = !is_tftp(f) && f->first_byte <= v->now ? f->code : -1;
    finish(v, f, fetch);
}

void virtual_fetch_event(struct sim_virtual *v, const struct virtual_event *e)
{
    struct virtual_fetch *f = virtual_fetch_of(v, e->a);
    enum virtual_fetch_step step = (enum virtual_fetch_step)e->what;

    if (f == NULL || (e->b != 0 && e->b != f->turn)) {
        return;
    }
    virtual_mix(v, e->a << 4 | step);
    if (v->step != NULL) {
        virtual_say(v, "fetch of %.60s, step %d", f->path, (int)step);
    }
    switch (step) {
    case VIRTUAL_STEP_ANSWER:
        virtual_way_of(v, f)->answer(v, e->a);
        return;
    case VIRTUAL_STEP_DONE:
        if (virtual_way_of(v, f) == &virtual_way_fluid) {
            virtual_way_fluid.step(v, e->a, step); /* the connection is kept */
        }
        if (f->status == 0) {
            settle(v, f, f->total);
            judge(f);
        }
        finish(v, f, e->a);
        return;
    case VIRTUAL_STEP_PATIENCE:
        lose_patience(v, f, e->a);
        return;
    case VIRTUAL_STEP_CONNECTED:
    case VIRTUAL_STEP_ARRIVE:
    case VIRTUAL_STEP_BEGIN:
    case VIRTUAL_STEP_FIRST:
    case VIRTUAL_STEP_PROGRESS:
    case VIRTUAL_STEP_WAY:
        virtual_way_of(v, f)->step(v, e->a, step);
        return;
    }
}

/* ---- The seam ---- */

int virtual_fetch(struct sim_world *w, sim_node node, const struct sim_fetch_request *request,
                  sim_fetch *out)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t owner = virtual_index(v, node), index;
    struct virtual_node *n = &v->nodes[owner];
    struct sim_site_stats *stats = &v->sites[n->site].stats;
    struct virtual_file *copy = request->file != 0 ? virtual_file_of(v, request->file) : NULL;
    const struct sim_content *content = NULL;
    const char *path;
    struct virtual_fetch *f;

    if (n->addr == 0 || n->down || strlen(request->path) >= SIM_WORLD_PATH_MAX ||
        (request->file != 0 && (copy == NULL || copy->node != owner || copy->sealed))) {
        return SIM_EINVAL;
    }
    path = virtual_name(v, request->path, &content);
    index = path != NULL ? virtual_pool_add(&v->fetches) : VIRTUAL_NONE;
    if (index == VIRTUAL_NONE) {
        v->out_of_memory = true;
        return SIM_ENOMEM;
    }
    f = virtual_pool_at(&v->fetches, index);
    f->node = owner;
    f->next = n->fetches;
    n->fetches = index + 1;
    f->turn = 1;
    f->place = (uint8_t)request->place;
    f->protocol = (uint8_t)request->protocol;
    f->is_firmware = request->is_firmware;
    f->is_small = request->file == 0;
    f->path = path;
    f->content = content;
    f->file = request->file;
    f->offset = copy != NULL ? virtual_file_size(w, request->file) : 0;
    f->notify_every = f->notify_at = request->notify_every;
    f->code = -1;
    f->began = f->moved_at = v->now;
    f->first_byte = SIM_NEVER;
    f->up_left = virtual_text_request_bytes(v, f);
    *out = virtual_pool_handle(&v->fetches, index);
    if (copy != NULL && copy->incoming == 0) {
        copy->incoming = *out;
        copy->from_fetch = true;
    }
    stats->fetches++;
    if (++stats->fetches_now > stats->fetches_peak) {
        stats->fetches_peak = stats->fetches_now;
    }
    const struct virtual_way *way = virtual_way_of(v, f);

    if (way == &virtual_way_packet) {
        virtual_fetch_watch(v, f, *out);
    }
    if (request->place == SIM_SERVER_LAN && !v->config.has_load_server) {
        virtual_fetch_failed(v, *out, SIM_EREFUSED, "the server does not offer this protocol");
        return 0;
    }
    way->begin(v, *out);
    return 0;
}

/* Ends it without a word to its node. */
static void cancel(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    break_off(v, f, fetch);
    count_end(v, f, 0); /* nobody's error */
    unlink_fetch(v, f, (uint32_t)(fetch & UINT32_MAX) - 1);
}

void virtual_fetch_cancel(struct sim_world *w, sim_fetch fetch)
{
    struct sim_virtual *v = virtual_of(w);
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    if (f != NULL) {
        cancel(v, f, fetch);
    }
}

void virtual_fetches_down(struct sim_virtual *v, uint32_t node)
{
    uint32_t first;

    while ((first = v->nodes[node].fetches) != 0) {
        cancel(v, virtual_pool_at(&v->fetches, first - 1),
               virtual_pool_handle(&v->fetches, first - 1));
    }
    virtual_forget(v, node);
}

void virtual_fetches_drop_file(struct sim_virtual *v, uint32_t node, uint64_t file)
{
    for (uint32_t next = v->nodes[node].fetches; next != 0;) {
        struct virtual_fetch *f = virtual_pool_at(&v->fetches, next - 1);
        uint64_t fetch = virtual_pool_handle(&v->fetches, next - 1);

        next = f->next;
        if (f->file == file) {
            virtual_fetch_failed(v, fetch, SIM_ECANCELED, "the copy was given up");
            f->file = 0;
        }
    }
}

/* ---- Faults ---- */

void virtual_forget(struct sim_virtual *v, uint32_t node)
{
    virtual_way_fluid.forget(v, node);
    if (v->config.network == SIM_VIRTUAL_PACKET) {
        virtual_way_packet.forget(v, node); /* TFTP keeps nothing */
    }
}

void virtual_set_wan(struct sim_world *w, uint32_t site, bool up)
{
    struct sim_virtual *v = virtual_of(w);
    uint32_t index = virtual_site_index(v, site);
    struct virtual_site *s = &v->sites[index];

    if (s->wan_up == up || s->setup->wan.none) { /* a line that is none can't be cut */
        return;
    }
    s->wan_up = up;
    switch (v->config.network) {
    case SIM_VIRTUAL_FLUID:
        virtual_fluid_set_wan(v, index, up);
        return;
    case SIM_VIRTUAL_PACKET:
        virtual_packet_set_wan(v, index, up);
        return;
    }
}

static sim_duration half_round_trip(const struct sim_virtual *v, const struct virtual_fetch *f)
{
    const struct sim_site_setup *setup = virtual_site_of(v, f->node)->setup;

    return f->place == SIM_SERVER_LAN ? 2 * setup->lan.latency
           : setup->wan.none          ? 0
                                      : setup->wan.rtt / 2;
}

/* Connections over fluid ways that stand are reset; other ways do it themselves, and TFTP falls
 * silent. */
static void reset_all(struct sim_virtual *v)
{
    for (uint32_t i = 0; i < v->fetches.len; i++) {
        struct virtual_fetch *f = virtual_pool_at(&v->fetches, i);

        if (f->generation % 2 == 1 && !is_tftp(f) && virtual_way_of(v, f) == &virtual_way_fluid &&
            (f->state == VIRTUAL_FETCH_QUEUED || f->state == VIRTUAL_FETCH_SERVED)) {
            virtual_fetch_reset(v, virtual_pool_handle(&v->fetches, i));
        }
    }
    for (uint32_t i = 0; i < v->nodes_len; i++) {
        virtual_way_fluid.forget(v, i);
    }
}

void virtual_fetch_reset(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    if (f != NULL && f->state != VIRTUAL_FETCH_ENDING) {
        fail(v, f, fetch, SIM_ERESET, sim_time_add(v->now, half_round_trip(v, f)));
    }
}

void virtual_set_server(struct sim_world *w, bool up)
{
    struct sim_virtual *v = virtual_of(w);

    if (v->server.up == up) {
        return;
    }
    v->server.up = up;
    if (!up) {
        reset_all(v);
    }
    virtual_fluid_set_server(v, up);
    if (v->config.network == SIM_VIRTUAL_PACKET) {
        virtual_packet_set_server(v, up);
    }
}

/* ---- Figures ---- */

void virtual_fetches_add_moving(struct sim_virtual *v, uint32_t site, struct sim_site_stats *out)
{
    const struct virtual_site *place = &v->sites[site];

    for (uint32_t i = 0; out->fetches_now > 0 && i < place->hosts; i++) {
        uint32_t node = place->by_host[i], next = node != VIRTUAL_NONE ? v->nodes[node].fetches : 0;

        while (next != 0) {
            const struct virtual_fetch *f = virtual_pool_at(&v->fetches, next - 1);
            uint64_t fetch = virtual_pool_handle(&v->fetches, next - 1);
            uint64_t body = virtual_way_of(v, f)->received(v, fetch);
            uint64_t more = body > f->got ? body - f->got : 0;

            if (f->place == SIM_SERVER_LAN) {
                out->lan_payload_bytes += more;
            } else if (f->is_firmware) {
                out->wan_payload_bytes += more;
                out->wan_resent_bytes += more - (growth(f, f->got + more) - growth(f, f->got));
            } else {
                out->wan_config_bytes += more;
            }
            next = f->next;
        }
    }
}
