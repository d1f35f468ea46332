/* Goal: whatever nodes do with streams, and whatever happens to them, each dial is answered once,
 * bytes keep their order, a body that is told whole is whole, and nobody is told of a dead stream.
 * Method: 100,000 random acts (dials, messages, bodies in slices, closes, copies that go, nodes
 * that crash or fall silent, partitions), in the nodes' own turns and from outside, under the
 * sanitizers; every node keeps books of its streams. A seed gives the same run again. */
#include "sim/rng.h"
#include "streams.h"

TestSuite(streams_chance, .init = set_up_catalog, .fini = tear_down_catalog);

enum {
    ENDS_MAX = 4096,
    ACTS = 100000, /* in all worlds together */
    WORLDS = 20,
    BODY_HEAD = 20,
};

/* The book of one end of a stream; found by its tag. */
struct end {
    sim_stream stream;
    unsigned who;
    bool dialed, opened, over;
    bool fails;           /* a copy that it used has gone: it will be told */
    uint64_t sent, heard; /* numbers of messages, so far */
    uint64_t body_left;   /* of the announced body that it sends, not yet in a slice */
    uint64_t offset;      /* of it */
    bool slice;           /* one is under way */
    uint64_t slices, slices_told;
    sim_file copy; /* that it receives into; 0: nothing */
    uint64_t want; /* bytes of it when it is whole */
    uint64_t notify_every, size;
};

static struct end ends[ENDS_MAX];
static size_t ends_len;
static struct sim_rng rng;
static uint64_t dials, answers, given_up, whole, bodies_cut, messages, partial;
static size_t acts_left;

static struct end *end_of(unsigned who, sim_stream s)
{
    uint64_t tag = sim_world_stream_tag(w, s);
    struct end *e;

    cr_assert(tag > 0 && tag <= ends_len, "a stream that nobody knows");
    e = &ends[tag - 1];
    cr_assert(e->stream == s && e->who == who && !e->over, "a notice for a dead stream");
    return e;
}

static struct end *end_new(unsigned who, sim_stream s, bool dialed)
{
    cr_assert(ends_len < ENDS_MAX);
    ends[ends_len] = (struct end){.stream = s, .who = who, .dialed = dialed};
    sim_world_stream_set_tag(w, s, ends_len + 1);
    return &ends[ends_len++];
}

static unsigned chance(uint64_t below)
{
    return (unsigned)sim_rng_below(&rng, below);
}

/* ---- Acts ---- */

static void give_up(struct end *e)
{
    if (!e->over) {
        e->over = true;
        given_up += e->dialed && !e->opened;
    }
}

static void send_one(struct end *e)
{
    uint8_t bytes[600];
    size_t len = 11 + chance(chance(4) == 0 ? 580 : 60);

    memset(bytes, 7, sizeof(bytes));
    bytes[0] = 'M';
    bytes[1] = (uint8_t)(len >> 8);
    bytes[2] = (uint8_t)len;
    memcpy(bytes + 3, &e->sent, sizeof(e->sent));
    int rc = sim_world_stream_send(w, e->stream, bytes, len);
    cr_assert(rc == 0 || rc == SIM_ELIMIT || (rc == SIM_EINVAL && (!e->opened || e->fails)), "%d",
              rc);
    e->sent += rc == 0;
}

static void send_slice(struct end *e)
{
    uint64_t len = 1 + sim_rng_below(&rng, e->body_left);
    int rc;

    if (chance(3) == 0) {
        len = e->body_left;
    }
    rc = sim_world_stream_send_body(w, e->stream, members[e->who].file, e->offset, len);
    cr_assert(rc == 0 || e->fails || members[e->who].file == 0, "%d", rc);
    if (rc == 0) {
        e->offset += len;
        e->body_left -= len;
        e->slice = true;
        e->slices++;
    }
}

static void send_body(struct end *e)
{
    uint8_t bytes[28] = {'B', 0, sizeof(bytes)};
    uint64_t len = sim_rng_below(&rng, UINT64_C(1) << chance(18)), every;

    if (e->body_left > 0 || e->slice || members[e->who].file == 0) {
        return;
    }
    every = chance(2) == 0 ? 0 : 1 + sim_rng_below(&rng, len + 3);
    every = every > 0 && len / every > 50 ? len / 50 + 1 : every;
    memcpy(bytes + 3, &e->sent, sizeof(e->sent));
    memcpy(bytes + 11, &len, sizeof(len));
    memcpy(bytes + 19, &every, sizeof(every));
    if (sim_world_stream_send(w, e->stream, bytes, sizeof(bytes)) != 0) {
        return;
    }
    e->sent++;
    e->offset = 0;
    e->body_left = len;
    if (len > 0) {
        send_slice(e);
    }
}

/* A stream of this node that is alive, by chance; NULL. */
static struct end *some_end(unsigned who)
{
    struct end *found = NULL;
    unsigned seen = 0;

    for (size_t i = ends_len; i > 0 && i + 200 > ends_len; i--) {
        if (!ends[i - 1].over && ends[i - 1].who == who && chance(++seen) == 0) {
            found = &ends[i - 1];
        }
    }
    return found;
}

static void dial_one(unsigned who)
{
    sim_stream s;

    if (ends_len + 2 < ENDS_MAX &&
        sim_world_dial(w, members[who].node, site.base + 2 + chance(NODES + 1), &s) == 0) {
        end_new(who, s, true);
        dials++;
    }
}

/* Something that a node may do, also in its own turn. */
static void act_of(unsigned who)
{
    struct end *e = some_end(who);
    unsigned draw = chance(20);

    if (acts_left == 0) {
        return;
    }
    acts_left--;
    if (draw == 0 || (e == NULL && draw < 8)) {
        dial_one(who);
    } else if (e == NULL) {
        return;
    } else if (draw == 1) {
        if (e->opened && chance(2) == 0) {
            send_one(e); /* and ends with it */
        }
        give_up(e);
        sim_world_stream_close(w, e->stream);
    } else if (draw < 8 && e->opened) {
        send_body(e);
    } else if (draw == 8 && e->copy != 0) {
        sim_world_file_free(w, e->copy);
        e->fails = e->fails || e->size < e->want;
        e->copy = 0;
        e->want = e->size = 0;
    } else if (draw == 9 && members[who].file == 0) {
        members[who].file = sim_world_file_new(w, members[who].node, "a.sbn");
        virtual_file_append(v, members[who].file, 1000000, 0);
    } else if (draw == 10 && chance(20) == 0) {
        sim_world_file_free(w, members[who].file);
        members[who].file = 0;
        for (size_t i = 0; i < ends_len; i++) {
            ends[i].fails = ends[i].fails || (ends[i].who == who && ends[i].slice);
        }
    } else {
        send_one(e);
    }
}

static void down(unsigned who, bool silent)
{
    for (size_t i = 0; i < ends_len; i++) {
        if (ends[i].who == who) {
            give_up(&ends[i]);
        }
    }
    members[who].file = 0;
    sim_world_set_down(w, members[who].node, true, silent);
}

static void act_on(unsigned who)
{
    unsigned draw = chance(60);

    if (draw < 2) {
        down(who, draw == 0);
    } else if (draw < 10) {
        sim_world_set_down(w, members[who].node, false, false);
        sim_world_listen(w, members[who].node, chance(8) != 0);
    } else if (draw < 12) {
        sim_world_set_group(w, members[who].node, chance(2));
    } else if (draw < 20) {
        sim_world_set_group(w, members[who].node, 0);
    } else if (draw == 20) {
        sim_world_set_corrupt(w, members[who].node, chance(2) == 0);
    } else if (!v->nodes[who].down) {
        act_of(who);
    }
}

static void on_chance(void *self, sim_time now)
{
    (void)self;
    for (unsigned n = 1 + chance(4); n > 0; n--) {
        act_on(chance(NODES));
    }
    if (acts_left > 0) {
        sim_world_wake_at(w, controller,
                          now + chance(chance(8) == 0 ? 300 * SIM_MS : 200 * SIM_US));
    }
}

/* ---- Notices ---- */

static unsigned who_of(const void *self)
{
    return (unsigned)((const struct member *)self - members);
}

static void told_something(unsigned who)
{
    cr_assert(!v->nodes[who].down, "a node that is down is told something");
    if (chance(6) == 0) {
        act_of(who);
    }
}

static void chance_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    unsigned who = who_of(self);
    struct end *e = dialed                    ? end_of(who, s)
                    : ends_len + 1 < ENDS_MAX ? end_new(who, s, false)
                                              : NULL;

    (void)now;
    (void)peer;
    if (e == NULL) {
        sim_world_stream_close(w, s);
        return;
    }
    cr_assert(e->dialed == dialed && !e->opened);
    answers += dialed;
    e->opened = true;
    told_something(who);
}

static size_t chance_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes, size_t len)
{
    unsigned who = who_of(self);
    struct end *e = end_of(who, s);
    uint64_t number, want, every;
    size_t total;

    (void)now;
    cr_assert(e->opened && len > 0);
    cr_assert(e->copy == 0 || e->size == e->want, "a message in the middle of a body");
    if (len < 28 && chance(3) == 0) {
        partial++;
        return 0;
    }
    if (len < 3 || len < (total = (size_t)bytes[1] << 8 | bytes[2])) {
        return 0;
    }
    memcpy(&number, bytes + 3, sizeof(number));
    cr_assert(number == e->heard, "message %" PRIu64 " comes as number %" PRIu64, number, e->heard);
    e->heard++;
    messages++;
    if (bytes[0] == 'B') {
        memcpy(&want, bytes + 11, sizeof(want));
        memcpy(&every, bytes + 19, sizeof(every));
        sim_world_file_free(w, e->copy);
        e->copy = sim_world_file_new(w, members[who].node, "a.sbn");
        cr_assert(sim_world_receive_body(w, s, e->copy, want, every) == 0);
        cr_assert(sim_world_receive_body(w, s, e->copy, want, every) == SIM_EINVAL);
        e->want = want;
        e->notify_every = every;
        e->size = 0;
    }
    told_something(who);
    return total;
}

static void chance_progress(void *self, sim_time now, sim_stream s, uint64_t size)
{
    struct end *e = end_of(who_of(self), s);

    (void)now;
    cr_assert(e->copy != 0 && e->notify_every > 0 && size < e->want);
    cr_assert(size / e->notify_every > e->size / e->notify_every, "no step further");
    cr_assert(sim_world_file_size(w, e->copy) == size);
    e->size = size;
    told_something(e->who);
}

static void chance_received(void *self, sim_time now, sim_stream s)
{
    struct end *e = end_of(who_of(self), s);

    (void)now;
    cr_assert((e->copy != 0 || e->want == 0) && sim_world_file_size(w, e->copy) == e->want,
              "%" PRIu64 " bytes of %" PRIu64, sim_world_file_size(w, e->copy), e->want);
    e->size = e->want;
    whole++;
    told_something(e->who);
}

static void chance_sent(void *self, sim_time now, sim_stream s)
{
    struct end *e = end_of(who_of(self), s);

    (void)now;
    cr_assert(e->slice, "nothing was being sent");
    e->slice = false;
    e->slices_told++;
    cr_assert(e->slices_told == e->slices);
    if (e->body_left > 0) {
        send_slice(e);
    }
    told_something(e->who);
}

static void chance_closed(void *self, sim_time now, sim_stream s, int why)
{
    unsigned who = who_of(self);
    struct end *e = end_of(who, s);

    (void)now;
    cr_assert(why == SIM_ECLOSED || why == SIM_ERESET || why == SIM_EPROTO ||
                  (!e->opened && (why == SIM_EREFUSED || why == SIM_ETIMEDOUT)),
              "%d", why);
    answers += e->dialed && !e->opened;
    if (e->copy != 0 && e->size < e->want) {
        uint64_t size = sim_world_file_size(w, e->copy);

        cr_assert(size <= e->want && size >= e->size);
        bodies_cut++;
    }
    e->over = true;
    told_something(who);
}

/* ---- Worlds ---- */

static uint64_t run_world(uint64_t seed, uint64_t rate, sim_duration latency)
{
    struct sim_node_ops nodes = member_ops, god = member_ops;
    struct sim_virtual_config config;
    uint64_t hash;

    nodes.stream_opened = chance_opened;
    nodes.stream_input = chance_input;
    nodes.body_progress = chance_progress;
    nodes.body_received = chance_received;
    nodes.body_sent = chance_sent;
    nodes.stream_closed = chance_closed;
    god.wake = on_chance;
    sim_rng_init(&rng, seed, SIM_RNG_TEST, 1);
    ends_len = 0;
    acts_left = ACTS / WORLDS;
    config = stream_config(rate);
    site.lan.latency = latency;
    cr_assert(sim_virtual_new(&v, &config) == 0);
    w = sim_virtual_world(v);
    populate(&nodes, &god);
    for (unsigned i = 0; i < NODES; i++) { /* the rig's copies may come and go */
        members[i].file = sim_world_file_new(w, members[i].node, "a.sbn");
        virtual_file_append(v, members[i].file, 1000000, 0);
    }
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    hash = hash_now();
    /* All is quiet: what is left is open, or stands still. When all close it, nothing remains. */
    for (unsigned i = 0; i < NODES; i++) {
        down(i, false);
    }
    for (unsigned i = 0; i < NODES; i++) {
        cr_assert(v->nodes[i].conns == 0 && v->nodes[i].streams == 0 && v->nodes[i].port == 0);
    }
    cr_assert_eq(v->conns.len, v->conns.free_len, "streams are left over");
    cr_assert_eq(v->bodies.len, v->bodies.free_len, "bodies are left over");
    cr_assert_eq(v->ports.len, v->ports.free_len, "ports are left over");
    sim_virtual_free(v);
    return hash;
}

Test(streams_chance, keep_their_word_in_random_runs)
{
    static const uint64_t rates[] = {100000000, 8000000, SIM_RATE_NONE, 1000000};
    static const sim_duration latencies[] = {50 * SIM_US, 0, 5 * SIM_MS};

    for (uint64_t seed = 1; seed <= WORLDS; seed++) {
        uint64_t rate = rates[seed % 4];
        sim_duration latency = latencies[seed % 3];
        uint64_t hash = run_world(seed, rate, latency);

        if (seed <= 4) {
            cr_assert(run_world(seed, rate, latency) == hash, "seed %" PRIu64, seed);
        }
    }
    /* Every dial was answered once, or its node gave it up. */
    cr_assert(dials == answers + given_up, "%" PRIu64 " dials, %" PRIu64 " answers, %" PRIu64,
              dials, answers, given_up);
    cr_assert(dials > 1000 && whole > 1000 && bodies_cut > 100 && messages > 10000 && partial > 100,
              "too little happens: %" PRIu64 " dials, %" PRIu64 " bodies, %" PRIu64 " cut, %" PRIu64
              " messages",
              dials, whole, bodies_cut, messages);
}
