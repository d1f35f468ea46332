/* sim/virtual/server.c -- the server of a group: what it has, who has a place (max_transfers), who
 * waits for one, what it counts. See inner.h.
 *
 * As sim/server does it. A request that ends early gives its place back at once, not half a round
 * trip later; what a server checks of names is reduced to the catalog and to ".." (403, TFTP 2). A
 * load server has the same files and any number of places; nobody asks what it counted. */
#include <assert.h>
#include <string.h>

#include "sim/err.h"
#include "sim/virtual/inner.h"

enum {
    QUEUE_MAX = 20000, /* requests that wait for a place; more are refused: as in sim/server */
    TFTP_NOT_FOUND = 1,
    TFTP_ACCESS = 2,
    TFTP_UNDEFINED = 0, /* "Server busy" */
};

static bool is_tftp(const struct virtual_fetch *f)
{
    return f->protocol == SIM_PROTOCOL_TFTP;
}

/* ---- Places ---- */

static void queue_push(struct sim_virtual *v, uint32_t index)
{
    struct virtual_server *s = &v->server;
    struct virtual_fetch *f = virtual_pool_at(&v->fetches, index);

    f->queue_before = s->queue_last;
    f->queue_next = 0;
    if (s->queue_last == 0) {
        s->queue_first = index + 1;
    } else {
        ((struct virtual_fetch *)virtual_pool_at(&v->fetches, s->queue_last - 1))->queue_next =
            index + 1;
    }
    s->queue_last = index + 1;
    s->queue_len++;
}

static void queue_leave(struct sim_virtual *v, struct virtual_fetch *f)
{
    struct virtual_server *s = &v->server;
    struct virtual_fetch *other;

    if (f->queue_before == 0) {
        s->queue_first = f->queue_next;
    } else {
        other = virtual_pool_at(&v->fetches, f->queue_before - 1);
        other->queue_next = f->queue_next;
    }
    if (f->queue_next == 0) {
        s->queue_last = f->queue_before;
    } else {
        other = virtual_pool_at(&v->fetches, f->queue_next - 1);
        other->queue_before = f->queue_before;
    }
    s->queue_len--;
}

static void occupy(struct virtual_server *s, struct virtual_fetch *f)
{
    f->has_place = true;
    s->stats.transfers = ++s->transfers;
    if (s->transfers > s->stats.peak_transfers) {
        s->stats.peak_transfers = s->transfers;
    }
}

static bool has_room(const struct sim_virtual *v)
{
    uint32_t max = v->config.server->max_transfers;

    return max == 0 || v->server.transfers < max;
}

/* The answer leaves when response_time is over; a fluid way waits for that itself. */
static void answer(struct sim_virtual *v, struct virtual_fetch *f, uint64_t fetch)
{
    const struct virtual_way *way = virtual_way_of(v, f);
    sim_duration wait = v->config.server->response_time;

    f->state = VIRTUAL_FETCH_SERVED;
    f->head_left = virtual_text_head_bytes(v, f);
    if (way == &virtual_way_fluid) {
        f->delay = wait;
        way->answer(v, fetch);
    } else if (wait == 0) {
        way->answer(v, fetch);
    } else {
        virtual_fetch_step(v, f, fetch, VIRTUAL_STEP_ANSWER, sim_time_add(v->now, wait));
    }
}

/* Places go to those who wait, first come first served. */
static void grant(struct sim_virtual *v)
{
    struct virtual_server *s = &v->server;

    while (s->queue_first != 0 && has_room(v)) {
        uint32_t index = s->queue_first - 1;
        struct virtual_fetch *f = virtual_pool_at(&v->fetches, index);

        queue_leave(v, f);
        occupy(s, f);
        answer(v, f, virtual_pool_handle(&v->fetches, index));
    }
}

/* What the server counts of a request when it has done with it: `body` bytes of a file went out. */
static void count_served(struct sim_virtual *v, struct virtual_fetch *f, uint64_t body, bool whole)
{
    struct sim_virtual_server_stats *stats = &v->server.stats;
    bool sends = f->mapped && f->code != 416 && f->code != 503 && f->status != SIM_EBUSY;

    f->at_server = false;
    if (f->place == SIM_SERVER_LAN) {
        return; /* another server, which nobody asks about */
    }
    stats->requests++;
    stats->bytes += f->head_left + body;
    stats->payload_bytes += sends ? body : 0;
    if (is_tftp(f) && sends && v->config.server->block_size > 0) {
        stats->bytes += 4 * (body / v->config.server->block_size + 1); /* opcode, block number */
    }
    if (f->status == SIM_ENOTFOUND) {
        stats->not_found++;
    } else if (f->status == SIM_EBUSY) {
        stats->refused++;
    } else if (!whole || !sends) {
        stats->errors++;
    }
}

/* The server has done with it, one way or the other: what it counts, and its place. */
void virtual_server_leave(struct sim_virtual *v, struct virtual_fetch *f, uint64_t body, bool whole)
{
    if (f->state == VIRTUAL_FETCH_QUEUED) {
        queue_leave(v, f);
        f->state = VIRTUAL_FETCH_ENDING;
    }
    if (f->at_server) {
        count_served(v, f, body, whole);
    }
    if (f->has_place) {
        f->has_place = false;
        assert(v->server.transfers > 0);
        v->server.stats.transfers = --v->server.transfers;
        grant(v); /* may answer: f still stands, pools do not grow by that */
    }
}

void virtual_fetch_sent(struct sim_virtual *v, uint64_t fetch)
{
    struct virtual_fetch *f = virtual_fetch_of(v, fetch);

    if (f != NULL) {
        virtual_server_leave(v, f, f->total, f->status == 0);
    }
}

/* ---- What it says ---- */

static void refuse(struct virtual_fetch *f, int status, int http, int tftp)
{
    f->status = status;
    f->code = is_tftp(f) ? tftp : http;
    f->total = 0;
}

/* Does a name lead upwards, or begin at the root? */
static bool is_escape(const char *path)
{
    size_t len;

    if (path[0] == '/') {
        return true;
    }
    for (; *path != '\0'; path += len + (path[len] == '/' ? 1 : 0)) {
        len = strcspn(path, "/");
        if (len == 2 && path[0] == '.' && path[1] == '.') {
            return true;
        }
    }
    return false;
}

/* Size of what is under the path; false: nothing. */
static bool find_file(struct sim_virtual *v, const struct virtual_fetch *f, uint64_t *size)
{
    uint8_t bytes[SIM_CONTENT_RESOLVED_MAX];
    size_t len = 0;

    if (f->content != NULL) {
        *size = f->content->size;
        return true;
    }
    if (sim_catalog_resolve(v->config.catalog, f->path, bytes, &len) != 0) {
        return false;
    }
    *size = len;
    return true;
}

/* Status, code and size of the answer. */
static void look_up(struct sim_virtual *v, struct virtual_fetch *f)
{
    uint64_t size = 0, block = v->config.server->block_size;

    f->mapped = find_file(v, f, &size);
    f->code = -1;
    if (!f->mapped) {
        if (is_escape(f->path)) {
            refuse(f, SIM_EACCES, 403, TFTP_ACCESS);
        } else {
            refuse(f, SIM_ENOTFOUND, 404, TFTP_NOT_FOUND);
        }
        return;
    }
    f->total = size;
    if (is_tftp(f)) {
        if (f->is_small && size > SIM_WORLD_SMALL_MAX) { /* found out when too much has come */
            f->total = (SIM_WORLD_SMALL_MAX / block + 1) * block;
            f->total = f->total < size ? f->total : size;
        }
        return;
    }
    f->code = f->offset > 0 ? 206 : 200;
    if (f->offset > 0 && f->offset >= size) {
        refuse(f, f->offset == size ? 0 : SIM_EPROTO, 416, 0); /* equal: nothing was missing */
        return;
    }
    f->total = size - f->offset;
    if (f->is_small && f->total > SIM_WORLD_SMALL_MAX) { /* its length says it at once */
        f->status = SIM_ELIMIT;
        f->total = 0;
    }
}

static bool sends_file(const struct virtual_fetch *f)
{
    return f->mapped && f->code != 416;
}

void virtual_fetch_arrived(struct sim_virtual *v, uint64_t fetch)
{
    uint32_t index;
    struct virtual_fetch *f = virtual_pool_get(&v->fetches, fetch, &index);
    struct virtual_server *s = &v->server;

    if (f == NULL || f->state != VIRTUAL_FETCH_ASKING) {
        return;
    }
    f->at_server = true;
    f->state = VIRTUAL_FETCH_SERVED;
    look_up(v, f);
    virtual_mix(v, f->total);
    if (f->place == SIM_SERVER_WAN && sends_file(f)) {
        if (has_room(v)) { /* then nobody waits: see grant() */
            occupy(s, f);
        } else if (v->config.server->overflow == SIM_OVERFLOW_QUEUE && s->queue_len < QUEUE_MAX) {
            s->stats.queued++;
            f->state = VIRTUAL_FETCH_QUEUED;
            queue_push(v, index);
            virtual_fetch_watch(v, f, fetch);
            return;
        } else {
            refuse(f, SIM_EBUSY, 503, TFTP_UNDEFINED);
        }
    }
    answer(v, f, fetch);
}
