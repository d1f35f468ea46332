/* analysis/plan/closed_forms.c -- the formulas of closed_forms.h, in integers: 128 bits hold every
 * product of what a scenario may say. */
#include "analysis/plan/closed_forms.h"

#include <assert.h>

#include "analysis/bounds.h"

enum { UDP_HEADERS = 20 + 8, TFTP_HEADER = 4 }; /* RFC 791, RFC 768, RFC 1350 */

/* bytes x 8 / rate, rounded up; a rate that is not limited takes no time. */
static sim_duration time_of(unsigned __int128 bytes, unsigned __int128 bit_s)
{
    if (bit_s == SIM_RATE_NONE) {
        return 0;
    }
    if (bytes > ((unsigned __int128)1 << 90)) {
        return SIM_NEVER;
    }
    unsigned __int128 ns = (bytes * 8 * SIM_S + bit_s - 1) / bit_s;
    return ns < SIM_NEVER ? (sim_duration)ns : SIM_NEVER;
}

static sim_duration longer(sim_duration a, sim_duration b)
{
    return a > b ? a : b;
}

sim_duration analysis_closed_copies(uint64_t bytes, uint64_t copies, uint64_t bit_s)
{
    return time_of((unsigned __int128)bytes * copies, bit_s);
}

sim_duration analysis_closed_lock_step(const struct analysis_lock_step *l)
{
    assert(l->block_size > 0 && l->window > 0);
    uint64_t blocks = l->bytes / l->block_size + 1;
    uint64_t windows = blocks / l->window + (blocks % l->window != 0);
    unsigned __int128 on_line =
        l->bytes + (unsigned __int128)blocks * (UDP_HEADERS + TFTP_HEADER + l->framing);
    unsigned __int128 ns = (unsigned __int128)windows * l->rtt + time_of(on_line, l->bit_s);

    return ns < SIM_NEVER ? (sim_duration)ns : SIM_NEVER;
}

sim_duration analysis_closed_mundinger(uint64_t bytes, uint64_t peers, uint64_t parts,
                                       uint64_t bit_s)
{
    uint64_t log2 = 0;

    assert(parts > 0);
    if (peers == 0) {
        return 0;
    }
    while (log2 < 63 && peers >> (log2 + 1) != 0) {
        log2++;
    }
    /* (1 + log2 / M) F = (M + log2) F / M */
    if (bit_s == SIM_RATE_NONE) {
        return 0;
    }
    return time_of((unsigned __int128)bytes * (parts + log2), (unsigned __int128)bit_s * parts);
}

sim_duration analysis_closed_kumar_ross(const struct analysis_kumar_ross *k)
{
    sim_duration t =
        longer(time_of(k->bytes, k->server_bit_s), time_of(k->bytes, k->download_bit_s));

    if (k->server_bit_s == SIM_RATE_NONE || k->upload_bit_s == SIM_RATE_NONE) {
        return t;
    }
    return longer(t, time_of((unsigned __int128)k->bytes * k->peers,
                             k->server_bit_s + (unsigned __int128)k->peers * k->upload_bit_s));
}

uint32_t analysis_closed_depth(uint64_t phones, uint32_t fanout)
{
    uint32_t depth = 0;
    unsigned __int128 held = 1, level = 1;

    assert(fanout > 0);
    if (fanout == 1) {
        return phones > UINT32_MAX ? UINT32_MAX : phones > 0 ? (uint32_t)(phones - 1) : 0;
    }
    while (held < phones) {
        level *= fanout;
        held += level;
        depth++;
    }
    return depth;
}

sim_duration analysis_closed_tree(const struct analysis_tree_form *t)
{
    sim_duration hop = time_of(t->last_bytes, t->port_bit_s);
    unsigned __int128 ns = (unsigned __int128)analysis_closed_depth(t->phones, t->fanout) * hop +
                           time_of(t->bytes, t->wan_bit_s);
    return ns < SIM_NEVER ? (sim_duration)ns : SIM_NEVER;
}

/* ---- A class ---- */

/* One model's phones and files. */
struct model {
    uint32_t firmware;
    uint64_t phones;
    uint64_t bytes;
};

static void add_model(const struct scenario *s, const struct scenario_site *site,
                      const struct model *m, struct analysis_closed_site *out)
{
    const struct scenario_firmware *f = &s->firmware[m->firmware];
    uint64_t wan = site->wan.none ? SIM_RATE_NONE : site->wan.down_bit_s;
    uint64_t port = site->lan.rate_bit_s;
    struct analysis_kumar_ross k = {m->bytes, m->phones, wan, port, port};
    struct analysis_tree_form t = {
        .bytes = m->bytes, /* as if it had the line for itself */
        .last_bytes = f->files_len > 0 ? f->files[f->files_len - 1].size : m->bytes,
        .phones = m->phones,
        .fanout = s->pfs.fanout,
        .wan_bit_s = wan,
        .port_bit_s = port,
    };
    sim_duration lock_step = 0;

    for (size_t i = 0; i < f->files_len; i++) {
        struct analysis_lock_step l = {
            .bytes = f->files[i].size,
            .block_size = s->server.block_size,
            .window = s->server.window,
            .bit_s = wan,
            .rtt = site->wan.none ? 0 : site->wan.rtt,
            .framing = site->wan.framing,
        };
        lock_step = sim_time_add(lock_step, analysis_closed_lock_step(&l));
    }
    out->models++;
    out->copy_bytes += m->bytes;
    out->phones += m->phones;
    out->largest = m->bytes > out->largest ? m->bytes : out->largest;
    out->fewest = out->models == 1 || m->phones < out->fewest ? m->phones : out->fewest;
    out->all_bytes += m->bytes * m->phones;
    out->lock_step = longer(out->lock_step, lock_step);
    out->mundinger = longer(out->mundinger,
                            analysis_closed_mundinger(m->bytes, m->phones - 1,
                                                      f->files_len > 0 ? f->files_len : 1, port));
    out->kumar_ross = longer(out->kumar_ross, analysis_closed_kumar_ross(&k));
    out->tree = longer(out->tree, analysis_closed_tree(&t));
    t.bytes = 0;
    sim_duration hops = analysis_closed_tree(&t);
    out->least_hops = out->models == 1 || hops < out->least_hops ? hops : out->least_hops;
    uint32_t depth = analysis_closed_depth(t.phones, t.fanout);
    out->depth = depth > out->depth ? depth : out->depth;
}

void analysis_closed_site(const struct scenario *s, const struct scenario_site *site,
                          struct analysis_closed_site *out)
{
    uint64_t wan = site->wan.none ? SIM_RATE_NONE : site->wan.down_bit_s;
    struct analysis_closed_site c = {0};

    for (uint32_t f = 0; f < s->firmware_len; f++) {
        struct model m = {.firmware = f, .bytes = analysis_bounds_firmware(s, f, NULL)};
        for (size_t i = 0; i < site->phones_len; i++) {
            const struct scenario_phones *p = &site->phones[i];
            if (p->firmware == f && analysis_bounds_wants(s, p)) {
                m.phones += p->count;
            }
        }
        if (m.phones > 0) {
            add_model(s, site, &m, &c);
        }
    }
    c.one_copy = analysis_closed_copies(c.copy_bytes, 1, wan);
    c.tree = longer(sim_time_add(c.one_copy, c.least_hops), c.tree);
    c.kumar_ross = longer(c.kumar_ross, c.one_copy);
    c.all_copies = analysis_closed_copies(c.all_bytes, 1, wan);
    *out = c;
}

uint64_t analysis_closed_least_bytes(const struct analysis_closed_site *c, bool shares,
                                     uint64_t failures)
{
    unsigned __int128 saved = (unsigned __int128)c->largest * failures;

    if (shares && failures < c->fewest) {
        return c->copy_bytes; /* somebody of every model gets there */
    }
    uint64_t all = shares ? c->copy_bytes : c->all_bytes;
    return saved < all ? all - (uint64_t)saved : 0;
}
