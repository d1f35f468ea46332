/* tests/world/lab_stream.c -- the lab's streams: dialing, pieces on their way, bodies, what a
 * reader is told. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "tests/world/lab_inside.h"

/* ---- Streams ---- */

sim_stream lab_handle_of(size_t conn, unsigned side)
{
    return ((sim_stream)conn << 1 | side) + 1;
}

/* The end that a live handle means; NULL. */
struct end *lab_end_of(const struct lab *l, sim_stream s)
{
    if (s == 0 || (s - 1) >> 1 >= l->conns_len) {
        return NULL;
    }
    struct end *e = &l->conns[(s - 1) >> 1].ends[(s - 1) & 1];
    const struct node *n = &l->nodes[e->node];
    return e->open && !n->down && n->life == e->life ? e : NULL;
}

struct end *lab_other_of(const struct lab *l, sim_stream s)
{
    return &l->conns[(s - 1) >> 1].ends[((s - 1) & 1) ^ 1];
}

sim_stream lab_other_handle(sim_stream s)
{
    return ((s - 1) ^ 1) + 1;
}

/* Returns how many bodies ended in what was dropped. */
unsigned lab_drop_pieces(struct end *e)
{
    unsigned bodies = 0;
    while (e->first != NULL) {
        struct piece *piece = e->first;
        e->first = piece->next;
        bodies += piece->body_end;
        free(piece->bytes);
        free(piece);
    }
    e->last = &e->first;
    return bodies;
}

/* Schedules the first piece towards the end of handle `to`, if nothing moves yet. */
void lab_move(struct lab *l, sim_stream to)
{
    struct end *e = &l->conns[(to - 1) >> 1].ends[(to - 1) & 1];
    struct end *sender = lab_other_of(l, to);
    if (e->moving || e->first == NULL) {
        return;
    }
    sim_time at = l->now + l->config.latency;
    if (e->first->from != 0) {
        unsigned sharing = l->nodes[sender->node].sending;
        uint64_t rate = l->config.port_rate / (sharing > 0 ? sharing : 1);
        at += e->first->len * SIM_S / (rate > 0 ? rate : 1);
    }
    e->clear_at = at > e->clear_at ? at : e->clear_at;
    e->moving = true;
    lab_push(l, (struct event){.at = e->clear_at, .kind = EV_PIECE, .node = e->node, .a = to});
}

static void queue(struct lab *l, sim_stream to, struct piece piece)
{
    struct end *e = &l->conns[(to - 1) >> 1].ends[(to - 1) & 1];
    struct piece *kept = malloc(sizeof(*kept));
    *kept = piece;
    kept->next = NULL;
    *e->last = kept;
    e->last = &kept->next;
    lab_move(l, to);
}

void lab_tell_closed(struct lab *l, sim_stream s, int why, sim_duration after)
{
    lab_push(l, (struct event){.at = l->now + after,
                               .kind = EV_TELL_CLOSED,
                               .node = l->conns[(s - 1) >> 1].ends[(s - 1) & 1].node,
                               .a = s,
                               .why = why});
}

static int dial_only(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out)
{
    struct lab *l = lab_of(w);
    sim_node target = lab_find_node(l, l->nodes[node].site, to);
    if (target == node || to == 0) {
        return SIM_EINVAL;
    }
    GROW(l->conns, l->conns_len, l->conns_cap);
    struct conn *c = &l->conns[l->conns_len++];
    memset(c, 0, sizeof(*c));
    c->ends[0] = (struct end){.node = node, .life = l->nodes[node].life, .open = true};
    c->ends[1] = (struct end){.node = target == SIM_NODE_NONE ? node : target};
    *out = lab_handle_of(l->conns_len - 1, 0);
    l->counts.dials++;
    l->nodes[node].dials++;
    if (target == SIM_NODE_NONE || !lab_reaches(l, node, target) ||
        (l->nodes[target].down && l->nodes[target].silent)) {
        lab_tell_closed(l, *out, SIM_ETIMEDOUT, DIAL_LIMIT_S * SIM_S);
    } else {
        lab_push(l, (struct event){.at = l->now + l->config.latency,
                                   .kind = EV_ACCEPT,
                                   .node = target,
                                   .a = lab_handle_of(l->conns_len - 1, 1)});
    }
    return 0;
}

static void fix_queues(struct lab *l)
{
    /* conns may have moved in memory: a queue's tail that points into its own end must follow */
    for (size_t i = 0; i < l->conns_len; i++) {
        for (int k = 0; k < 2; k++) {
            struct end *e = &l->conns[i].ends[k];
            if (e->first == NULL) {
                e->last = &e->first;
            }
        }
    }
}

int lab_op_dial(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out)
{
    size_t cap = lab_of(w)->conns_cap;
    int rc = dial_only(w, node, to, out);
    if (rc == 0) {
        struct lab *l = lab_of(w);
        if (cap != l->conns_cap) {
            fix_queues(l);
        } else {
            struct conn *c = &l->conns[l->conns_len - 1];
            c->ends[0].last = &c->ends[0].first;
            c->ends[1].last = &c->ends[1].first;
        }
    }
    return rc;
}

int lab_op_stream_send(struct sim_world *w, sim_stream s, const void *bytes, size_t len)
{
    struct lab *l = lab_of(w);
    if (lab_end_of(l, s) == NULL || len > SIM_WORLD_MESSAGE_MAX) {
        return SIM_EINVAL;
    }
    struct piece piece = {.bytes = malloc(len > 0 ? len : 1), .len = len};
    memcpy(piece.bytes, bytes, len);
    queue(l, lab_other_handle(s), piece);
    return 0;
}

int lab_op_stream_send_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t offset,
                            uint64_t len)
{
    struct lab *l = lab_of(w);
    struct end *e = lab_end_of(l, s);
    if (e == NULL || file == 0 || file > l->files_len || !l->files[file - 1].live ||
        offset + len > l->files[file - 1].size || len == 0) {
        return SIM_EINVAL;
    }
    const struct file *f = &l->files[file - 1];
    struct node *n = &l->nodes[e->node];
    l->counts.unsealed_bodies += !f->sealed;
    l->counts.bodies++;
    l->counts.body_bytes += len;
    n->sending++;
    uint64_t sent = 0, step = len / BODY_PIECES + 1;
    while (sent < len) {
        size_t part = (size_t)(len - sent < step ? len - sent : step);
        struct piece piece = {
            .bytes = malloc(part), .len = part, .from = file, .body_end = sent + part == len};
        memcpy(piece.bytes, f->bytes + offset + sent, part);
        if (n->corrupt && sent == 0) {
            piece.bytes[part / 2] ^= 0x55;
        }
        sent += part;
        queue(l, lab_other_handle(s), piece);
    }
    return 0;
}

int lab_op_receive_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t len,
                        uint64_t notify_every)
{
    struct lab *l = lab_of(w);
    struct end *e = lab_end_of(l, s);
    if (e == NULL || l->reading != s || e->in_body || file == 0 || file > l->files_len ||
        !l->files[file - 1].live || l->files[file - 1].sealed) {
        return SIM_EINVAL;
    }
    e->in_body = true;
    e->body_file = file;
    e->body_left = len;
    e->body_got = 0;
    e->notify_every = e->notify_at = notify_every;
    return 0;
}

void lab_op_stream_close(struct sim_world *w, sim_stream s)
{
    struct lab *l = lab_of(w);
    struct end *e = lab_end_of(l, s);
    if (e != NULL) {
        e->open = false;
        queue(l, lab_other_handle(s), (struct piece){.end = true});
    }
}

void lab_op_set_tag(struct sim_world *w, sim_stream s, uint64_t tag)
{
    struct end *e = lab_end_of(lab_of(w), s);
    if (e != NULL) {
        e->tag = tag;
    }
}

uint64_t lab_op_tag(struct sim_world *w, sim_stream s)
{
    struct end *e = lab_end_of(lab_of(w), s);
    return e == NULL ? 0 : e->tag;
}

/* ---- Arrival ---- */

void lab_close_end(struct lab *l, sim_stream s, int why)
{
    struct end *e = lab_end_of(l, s);
    if (e == NULL) {
        return;
    }
    const struct node *n = &l->nodes[e->node];
    /* The tag still counts in the notice; the handle is dead after it. */
    n->ops->stream_closed(n->self, l->now, s, why);
    l->conns[(s - 1) >> 1].ends[(s - 1) & 1].open = false;
}

static void violation(struct lab *l, sim_stream s)
{
    lab_drop_pieces(&l->conns[(s - 1) >> 1].ends[(s - 1) & 1]);
    lab_tell_closed(l, lab_other_handle(s), SIM_ERESET, l->config.latency);
    lab_close_end(l, s, SIM_EPROTO);
}

/* Gives the reader what has arrived: message bytes, or body bytes into the copy. */
void lab_feed(struct lab *l, sim_stream s, const uint8_t *bytes, size_t len)
{
    size_t index = (s - 1) >> 1, side = (s - 1) & 1;
#define END (&l->conns[index].ends[side]) /* conns move when a node dials in a notice */
    for (;;) {
        if (lab_end_of(l, s) == NULL) {
            return;
        }
        const struct node *n = &l->nodes[END->node];
        if (END->in_body) {
            uint64_t left = END->body_left;
            /* What waits in the input came before what is new. */
            if (END->input_len > 0) {
                size_t part = END->input_len < left ? END->input_len : (size_t)left;
                lab_append(&l->files[END->body_file - 1], END->input, part);
                memmove(END->input, END->input + part, END->input_len - part);
                END->input_len -= part;
                END->body_left -= part;
            } else {
                size_t part = len < left ? len : (size_t)left;
                if (part == 0 && left > 0) {
                    return;
                }
                lab_append(&l->files[END->body_file - 1], bytes, part);
                bytes += part;
                len -= part;
                END->body_left -= part;
            }
            END->body_got += left - END->body_left;
            if (END->body_left == 0) {
                END->in_body = false;
                n->ops->body_received(n->self, l->now, s);
            } else if (END->notify_every > 0 && END->body_got >= END->notify_at) {
                END->notify_at = END->body_got + END->notify_every;
                n->ops->body_progress(n->self, l->now, s, l->files[END->body_file - 1].size);
            }
            continue;
        }
        if (len > 0) {
            if (END->input == NULL) {
                END->input = malloc(INPUT_MAX);
            }
            assert(END->input_len + len <= INPUT_MAX);
            memcpy(END->input + END->input_len, bytes, len);
            END->input_len += len;
            len = 0;
        }
        if (END->input_len == 0) {
            return;
        }
        l->reading = s;
        /* An exact copy, so that ASan sees a read beyond it. */
        size_t given = END->input_len;
        uint8_t *copy = malloc(given);
        memcpy(copy, END->input, given);
        size_t used = n->ops->stream_input(n->self, l->now, s, copy, given);
        free(copy);
        l->reading = 0;
        if (lab_end_of(l, s) == NULL) {
            return;
        }
        assert(used <= given);
        memmove(END->input, END->input + used, given - used);
        END->input_len = given - used;
        if (used == 0 && !END->in_body) {
            if (END->input_len >= SIM_WORLD_MESSAGE_MAX) {
                violation(l, s);
            }
            return;
        }
    }
#undef END
}

void lab_arrive(struct lab *l, sim_stream to)
{
    struct end *e = &l->conns[(to - 1) >> 1].ends[(to - 1) & 1];
    struct end *sender = lab_other_of(l, to);
    const struct node *n = &l->nodes[e->node];

    e->moving = false;
    if (e->first == NULL) {
        return;
    }
    if (!lab_reaches(l, e->node, sender->node) || (n->down && n->silent) ||
        (l->nodes[sender->node].down && l->nodes[sender->node].silent)) {
        return; /* stands still; lab_move() is called again when something changes */
    }
    struct piece piece = *e->first;
    free(e->first);
    e->first = piece.next;
    if (e->first == NULL) {
        e->last = &e->first;
    }
    bool gone = lab_end_of(l, to) == NULL;
    if (piece.body_end && l->nodes[sender->node].sending > 0) {
        l->nodes[sender->node].sending--;
    }
    if (gone) {
        unsigned bodies = lab_drop_pieces(e);
        l->nodes[sender->node].sending -=
            bodies < l->nodes[sender->node].sending ? bodies : l->nodes[sender->node].sending;
        if (!piece.end) {
            lab_tell_closed(l, lab_other_handle(to), e->life == n->life ? SIM_ECLOSED : SIM_ERESET,
                            l->config.latency);
        }
    } else if (piece.end) {
        lab_close_end(l, to, SIM_ECLOSED);
    } else {
        lab_move(l, to);
        lab_feed(l, to, piece.bytes, piece.len);
        if (piece.body_end && lab_end_of(l, lab_other_handle(to)) != NULL) {
            const struct node *from = &l->nodes[lab_other_of(l, to)->node];
            from->ops->body_sent(from->self, l->now, lab_other_handle(to));
        }
    }
    free(piece.bytes);
}

void lab_accept_dial(struct lab *l, sim_stream s)
{
    struct end *e = &l->conns[(s - 1) >> 1].ends[(s - 1) & 1];
    const struct node *n = &l->nodes[e->node];

    if ((n->down && n->silent) || !lab_reaches(l, e->node, lab_other_of(l, s)->node)) {
        lab_tell_closed(l, lab_other_handle(s), SIM_ETIMEDOUT, DIAL_LIMIT_S * SIM_S);
        return;
    }
    if (n->down || !n->listening) {
        lab_tell_closed(l, lab_other_handle(s), SIM_EREFUSED, l->config.latency);
        return;
    }
    e->open = true;
    e->life = n->life;
    lab_push(l, (struct event){.at = l->now + l->config.latency,
                               .kind = EV_OPENED,
                               .node = lab_other_of(l, s)->node,
                               .a = lab_other_handle(s)});
    n->ops->stream_opened(n->self, l->now, s, l->nodes[lab_other_of(l, s)->node].addr, false);
}
