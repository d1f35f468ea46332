// LINK: lab
/* Three phones and a hostile neighbour that the input drives: it sends datagrams and stream
 * messages, garbage or nearly right, dials, accepts and hangs up. Whatever it does, the laws of
 * crew.c must hold, and nobody may take a wrong copy. */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "tests/world/crew.h"

enum { PHONES = 3, STREAMS = 8, STEPS_MAX = 4000 };

struct input {
    const uint8_t *at;
    size_t left;
};

struct puppet {
    sim_node node;
    sim_addr addr;
    sim_stream streams[STREAMS];
    size_t next;
};

static struct crew c;
static struct puppet puppet;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t take(struct input *in)
{
    if (in->left == 0) {
        return 0;
    }
    in->left--;
    return *in->at++;
}

static uint32_t take32(struct input *in)
{
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) {
        v = v << 8 | take(in);
    }
    return v;
}

/* ---- The neighbour hears and forgets ---- */

static void on_wake(void *self, sim_time now)
{
    (void)self;
    (void)now;
}
static void on_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    (void)self;
    (void)now;
    (void)d;
}
static void on_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    (void)self;
    (void)now;
    (void)peer;
    if (!dialed) {
        puppet.streams[puppet.next++ % STREAMS] = s;
    }
}
static size_t on_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes, size_t len)
{
    (void)self;
    (void)now;
    (void)s;
    (void)bytes;
    return len;
}
static void on_body_progress(void *self, sim_time now, sim_stream s, uint64_t size)
{
    (void)self;
    (void)now;
    (void)s;
    (void)size;
}
static void on_body(void *self, sim_time now, sim_stream s)
{
    (void)self;
    (void)now;
    (void)s;
}
static void on_closed(void *self, sim_time now, sim_stream s, int why)
{
    (void)self;
    (void)now;
    (void)why;
    for (size_t i = 0; i < STREAMS; i++) {
        puppet.streams[i] = puppet.streams[i] == s ? 0 : puppet.streams[i];
    }
}
static void on_fetch_progress(void *self, sim_time now, sim_fetch f, uint64_t size)
{
    (void)self;
    (void)now;
    (void)f;
    (void)size;
}
static void on_fetch(void *self, sim_time now, sim_fetch f, const struct sim_fetch_result *r)
{
    (void)self;
    (void)now;
    (void)f;
    (void)r;
}

static const struct sim_node_ops ops = {
    .wake = on_wake,
    .datagram = on_datagram,
    .stream_opened = on_opened,
    .stream_input = on_input,
    .body_progress = on_body_progress,
    .body_received = on_body,
    .body_sent = on_body,
    .stream_closed = on_closed,
    .fetch_progress = on_fetch_progress,
    .fetch_done = on_fetch,
};

/* ---- What it says ---- */

static const struct pfs_hier *some_hier(void)
{
    for (size_t i = 0; i < c.len; i++) {
        if (c.phones[i].pfs != NULL && c.phones[i].pfs->hiers != NULL) {
            return c.phones[i].pfs->hiers;
        }
    }
    return NULL;
}

static sim_addr some_addr(struct input *in)
{
    uint8_t which = take(in);
    return which % 5 == 4 ? 0 : which % 5 == 3 ? puppet.addr : c.phones[which % 5].addr;
}

/* A message of the phones' own hierarchy, with the numbers of the input. */
static size_t nearly_right(struct input *in, uint8_t out[PFS_WIRE_MAX])
{
    static const enum pfs_wire_type types[] = {
#define X(name, value, stream) PFS_WIRE_##name,
        PFS_WIRE_TYPES(X)
#undef X
    };
    const struct pfs_hier *h = some_hier();
    struct pfs_wire m = {0};
    if (h == NULL) {
        return 0;
    }
    pfs_hier_message(c.phones[0].pfs != NULL ? c.phones[0].pfs : c.phones[1].pfs, h,
                     types[take(in) % (sizeof(types) / sizeof(types[0]))], &m);
    uint8_t shape = take(in);
    if ((shape & 1) != 0) {
        m.xid = take32(in);
    }
    m.strength = (shape & 2) != 0 ? UINT32_MAX : take32(in);
    m.root = some_addr(in);
    m.parent = some_addr(in);
    m.subject = some_addr(in);
    m.next_xid = take(in);
    m.state = take(in) % PFS_WIRE_STATES_LEN;
    m.root_state = take(in) % PFS_WIRE_STATES_LEN;
    m.what = take(in) % 6;
    m.flags = take(in);
    m.place = (shape & 4) != 0 ? PFS_WIRE_NO_PLACE : take(in);
    m.epoch = take(in);
    m.parent_epoch = take(in);
    m.depth = take(in);
    m.serial = take(in);
    m.count = take(in);
    m.has_digest = (shape & 8) != 0;
    m.digest = h->digest;
    m.digest.bytes[0] ^= (shape & 16) != 0;
    m.offset = (shape & 32) != 0 ? 0 : (uint64_t)take32(in) << (take(in) % 33);
    m.size = (shape & 64) != 0 ? c.lab_config.file_size : (uint64_t)take32(in) << (take(in) % 33);
    m.length = m.size - m.offset + ((shape & 128) != 0);
    m.avoid_len = take(in) % (PFS_WIRE_AVOID + 1);
    for (uint32_t i = 0; i < m.avoid_len; i++) {
        m.avoid[i] = some_addr(in);
    }
    return pfs_wire_encode(&m, out);
}

static size_t garbage(struct input *in, uint8_t out[PFS_WIRE_MAX])
{
    size_t len = take(in) * 2u;
    for (size_t i = 0; i < len; i++) {
        out[i] = take(in);
    }
    return len;
}

static void act(struct input *in)
{
    struct sim_world *w = lab_world(c.lab);
    uint8_t bytes[PFS_WIRE_MAX], op = take(in), which = take(in);
    sim_stream s = puppet.streams[which % STREAMS];
    size_t len;

    switch (op % 8) {
    case 0:
        for (unsigned i = 0; i < which && lab_step(c.lab); i++) {
        }
        break;
    case 1:
        len = garbage(in, bytes);
        sim_world_send(w, puppet.node, c.phones[which % PHONES].addr, bytes, len);
        break;
    case 2:
        len = nearly_right(in, bytes);
        sim_world_send(w, puppet.node, c.phones[which % PHONES].addr, bytes, len);
        break;
    case 3:
        len = nearly_right(in, bytes);
        sim_world_broadcast(w, puppet.node, bytes, len);
        break;
    case 4:
        if (sim_world_dial(w, puppet.node, c.phones[which % PHONES].addr, &s) == 0) {
            puppet.streams[puppet.next++ % STREAMS] = s;
        }
        break;
    case 5:
        len = garbage(in, bytes);
        sim_world_stream_send(w, s, bytes, len);
        break;
    case 6:
        len = nearly_right(in, bytes);
        sim_world_stream_send(w, s, bytes, len);
        break;
    case 7:
        sim_world_stream_close(w, s);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};

    crew_defaults(&c, 1);
    c.config.listen = 100 * SIM_MS;
    c.config.root_wait = SIM_S;
    c.config.parent_timeout = 5 * SIM_S;
    c.lab_config.file_size = 500;
    c.lab_config.limit = 600 * SIM_S;
    uint8_t how = take(&in);
    c.config.fanout = 1 + how % 2;
    c.config.relay = (how & 2) != 0 ? PFS_CUT_THROUGH : PFS_STORE_AND_FORWARD;
    c.config.chunk = 50;
    c.config.hierarchy = (how & 4) != 0 ? PFS_PER_LOAD : PFS_PER_FILE;
    c.files[1] = "/dnld/jar41.sbn";
    c.files_len = (how & 8) != 0 ? 2 : 1;
    crew_open(&c);
    for (size_t i = 0; i < PHONES; i++) {
        crew_add(&c, 0, "CP-7961G", i * 10 * SIM_MS);
    }
    memset(&puppet, 0, sizeof(puppet));
    puppet.addr = (127u << 24) + (1u << 16) + 200;
    puppet.node = sim_world_add_node(lab_world(c.lab), 0, puppet.addr, 200, &ops, &puppet);
    sim_world_listen(lab_world(c.lab), puppet.node, true);
    for (int i = 0; i < 8; i++) {
        lab_step(c.lab); /* the phones want their file now */
    }
    while (in.left > 0) {
        act(&in);
    }
    for (int i = 0; i < STEPS_MAX && lab_step(c.lab); i++) {
    }
    if (c.broken[0] != '\0') {
        fprintf(stderr, "%s\n", c.broken);
        abort();
    }
    crew_close(&c);
    return 0;
}
