/* Goal: streams keep every promise of sim/world.h on real sockets: order, bodies, ends, faults,
 * pace. Method: scripted nodes; hooks drive each case and the run ends by itself or fails at its
 * limit. */
#include <limits.h>
#include <pthread.h>

#include "sim/digest.h"
#include "tests/live/bed.h"

enum { BODY = 3 * 1000 * 1000 };

static struct bed bed;
static uint8_t body[BODY];

static void make_body(void)
{
    for (size_t i = 0; i < BODY; i++) {
        body[i] = (uint8_t)(i * 2654435761U >> 13);
    }
}

/* Dials the node behind it. */
static void dial_next(struct bed_node *n, sim_time now)
{
    unsigned openings = n->openings;

    (void)now;
    cr_assert_eq(sim_world_dial(n->world, n->node, n->addr + 1, &n->dialed), 0);
    cr_assert_eq(n->openings, openings, "a call must not call back");
}

static struct bed_node *dialer(struct bed *b, unsigned host)
{
    struct bed_node *n = bed_add(b, 0, host);

    n->wake = dial_next;
    sim_world_wake_at(n->world, n->node, 0);
    return n;
}

/* ---- Messages ---- */

static void say_and_close(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer,
                          bool dialed)
{
    (void)now;
    cr_assert_eq(peer, n->addr + 1);
    cr_assert(dialed);
    cr_assert_eq(s, n->dialed);
    sim_world_stream_set_tag(n->world, s, 77);
    cr_assert_eq(sim_world_stream_tag(n->world, s), 77);
    for (unsigned i = 0; i < 100; i++) {
        char text[16];
        int len = snprintf(text, sizeof(text), "%u,", i);

        cr_assert_eq(sim_world_stream_send(n->world, s, text, (size_t)len), 0);
    }
    sim_world_stream_close(n->world, s);
    cr_assert_eq(sim_world_stream_send(n->world, s, "x", 1), SIM_EINVAL, "the handle is dead");
    cr_assert_eq(sim_world_stream_tag(n->world, s), 0);
}

static void finish_closed(struct bed_node *n, sim_time now, sim_stream s, int why)
{
    (void)now;
    (void)s;
    (void)why;
    bed_finish_all(n->bed);
}

static void messages_arrive(sim_duration latency)
{
    struct bed_node *a, *b;
    char want[BED_TEXT] = "";

    bed_init(&bed, 1);
    bed.sites[0].lan.latency = latency;
    bed_open(&bed);
    a = dialer(&bed, 2);
    b = bed_add(&bed, 0, 3);
    a->opened = say_and_close;
    b->closed = finish_closed;
    bed_run(&bed);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(want + strlen(want), 16, "%u,", i);
    }
    cr_assert_str_eq(b->text, want);
    cr_assert_eq(b->why, SIM_ECLOSED);
    cr_assert_eq(a->closings, 0, "not told for what it closed itself");
    cr_assert_eq(bed_stats(&bed, 0).lan_foreign, 0);
    bed_close(&bed);
}

Test(streams, messages_arrive_in_order_before_the_end)
{
    messages_arrive(0);
}

Test(streams, messages_arrive_in_order_with_latency_too)
{
    messages_arrive(3 * SIM_MS);
}

/* ---- Bodies ---- */

/* A "message" of 8 bytes announces a body of so many; then "end" follows. */
static size_t take_body(struct bed_node *n, sim_time now, sim_stream s, const uint8_t *bytes,
                        size_t len)
{
    uint64_t size;

    (void)now;
    if (n->bodies == 0 && n->number64 == 0) {
        if (len < sizeof(size)) {
            return 0; /* not all there yet */
        }
        memcpy(&size, bytes, sizeof(size));
        n->number64 = size;
        n->file = sim_world_file_new(n->world, n->node, "firmware");
        cr_assert_neq(n->file, 0);
        cr_assert_eq(sim_world_receive_body(n->world, s, n->file, size, 500000), 0);
        cr_assert_eq(sim_world_receive_body(n->world, s, n->file, size, 0), SIM_EINVAL);
        return sizeof(size);
    }
    cr_assert_eq(n->bodies, 1, "the bytes of a body came as input");
    memcpy(n->text + n->text_len, bytes, len);
    n->text_len += len;
    return len;
}

/* Gives node `n` a copy of body[0..len): by a stream from an outside peer, as there is no server
 * here. */
static int raw_fd = -1;

static void raw_dial(struct bed *b, sim_addr from, sim_addr to)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};

    raw_fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert_eq(bind(raw_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    addr.sin_addr.s_addr = htonl(to);
    addr.sin_port = htons(b->config.peer_port);
    cr_assert_eq(connect(raw_fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
}

struct feed {
    uint64_t announced;
    size_t len;
    const uint8_t *bytes;
};

/* Writes all and waits for the other side's end. A thread, because the loop is ours. */
static void *feed_thread(void *context)
{
    struct feed *f = context;
    size_t at = 0;
    char byte;

    if (write(raw_fd, &f->announced, 8) != 8) {
        return NULL;
    }
    while (at < f->len) {
        ssize_t n = send(raw_fd, f->bytes + at, f->len - at, MSG_NOSIGNAL);

        if (n <= 0) {
            break;
        }
        at += (size_t)n;
    }
    shutdown(raw_fd, SHUT_WR);
    while (read(raw_fd, &byte, 1) > 0) {
    }
    close(raw_fd);
    return NULL;
}

static struct feed feed;
static pthread_t feeder;

static void open_raw(struct bed_node *n, sim_time now)
{
    (void)now;
    raw_dial(n->bed, n->bed->sites[0].base + 200, n->addr);
    cr_assert_eq(pthread_create(&feeder, NULL, feed_thread, &feed), 0);
}

/* The copy is whole: check, seal, dial the next one and pass it on. */
static void check_body(struct bed_node *n)
{
    struct sim_digest want, have;
    static uint8_t back[BODY];

    sim_digest_of(body, BODY, &want);
    cr_assert_eq(sim_world_file_size(n->world, n->file), BODY);
    cr_assert_eq(sim_world_file_digest(n->world, n->file, &have), 0);
    cr_assert(sim_digest_equal(&want, &have));
    cr_assert_eq(sim_world_file_seal(n->world, n->file), 0);
    cr_assert_eq(sim_world_file_read(n->world, n->file, 0, back, BODY), BODY);
    cr_assert_eq(memcmp(back, body, BODY), 0);
    cr_assert_eq(sim_world_file_read(n->world, n->file, BODY, back, 1), 0);
}

static void pass_on(struct bed_node *n, sim_time now, sim_stream s)
{
    (void)s;
    check_body(n);
    dial_next(n, now);
}

static void send_on(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    uint64_t size = BODY;

    (void)now;
    (void)peer;
    if (!dialed) {
        return;
    }
    cr_assert_eq(sim_world_stream_send(n->world, s, &size, sizeof(size)), 0);
    cr_assert_eq(sim_world_stream_send_body(n->world, s, n->file, 0, BODY + 1), SIM_EINVAL);
    cr_assert_eq(sim_world_stream_send_body(n->world, s, n->file, 0, BODY), 0);
    cr_assert_eq(sim_world_stream_send_body(n->world, s, n->file, 0, BODY), SIM_EINVAL,
                 "one body at a time");
    cr_assert_eq(sim_world_stream_send(n->world, s, "end", 3), 0);
    n->at = now;
}

static void close_sent(struct bed_node *n, sim_time now, sim_stream s)
{
    (void)now;
    sim_world_stream_close(n->world, s);
}

static void note_received(struct bed_node *n, sim_time now, sim_stream s)
{
    (void)s;
    n->at = now;
    check_body(n);
}

/* outside -> a -> b; returns how long a took to give it to b. */
static sim_duration relay_body(uint64_t rate, sim_duration latency)
{
    struct bed_node *a, *b;
    sim_duration took;

    make_body();
    feed = (struct feed){BODY, BODY, body};
    bed_init(&bed, 1);
    bed.sites[0].lan.rate_bit_s = rate;
    bed.sites[0].lan.latency = latency;
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    a->wake = open_raw;
    sim_world_wake_at(a->world, a->node, 0);
    a->input = take_body;
    a->received = pass_on;
    a->opened = send_on;
    a->sent = close_sent;
    b->input = take_body;
    b->received = note_received;
    b->closed = finish_closed;
    bed_run(&bed);
    pthread_join(feeder, NULL);
    cr_assert_eq(a->sents, 1);
    cr_assert_eq(b->bodies, 1);
    cr_assert_eq(b->progresses, 5, "%u", b->progresses);
    cr_assert_str_eq(b->text, "end");
    cr_assert_eq(b->why, SIM_ECLOSED);
    cr_assert_eq(bed_stats(&bed, 0).lan_payload_bytes, 2 * BODY);
    took = b->at - a->at;
    bed_close(&bed);
    return took;
}

Test(streams, a_body_arrives_whole_and_is_passed_on)
{
    relay_body(SIM_RATE_NONE, 0);
}

Test(streams, a_body_arrives_whole_with_latency)
{
    relay_body(SIM_RATE_NONE, 2 * SIM_MS);
}

Test(streams, a_paced_body_takes_its_time_and_not_much_more)
{
    /* 3 MB at 100 Mbit/s: 240 ms. Never faster; the upper bound is only against hanging behind, and
     * a busy machine gets several tries. */
    sim_duration took = SIM_NEVER;

    for (int i = 0; i < 5 && took >= SIM_S; i++) {
        took = relay_body(100 * 1000 * 1000, 0);
        cr_assert_geq(took, 238 * SIM_MS, "%llu us", (unsigned long long)(took / SIM_US));
    }
    cr_assert_lt(took, SIM_S, "%llu us", (unsigned long long)(took / SIM_US));
}

/* ---- Who is reached ---- */

static void end_when_told(struct bed_node *n, sim_time now, sim_stream s, int why)
{
    finish_closed(n, now, s, why);
}

Test(streams, a_dial_to_a_deaf_node_is_refused_from_a_later_turn)
{
    struct bed_node *a, *b;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = dialer(&bed, 2);
    b = bed_add(&bed, 0, 3);
    sim_world_listen(b->world, b->node, false);
    a->closed = end_when_told;
    bed_run(&bed);
    cr_assert_eq(a->why, SIM_EREFUSED);
    cr_assert_eq(a->openings, 0);
    cr_assert_eq(b->openings, 0);
    bed_close(&bed);
}

static void bad_dials(struct bed_node *n, sim_time now)
{
    sim_stream s = 0;

    (void)now;
    cr_assert_eq(sim_world_dial(n->world, n->node, n->addr, &s), SIM_EINVAL);
    cr_assert_eq(sim_world_dial(n->world, n->node, n->addr + 256, &s), SIM_EINVAL);
    cr_assert_eq(s, 0);
    bed_finish_all(n->bed);
}

Test(streams, a_dial_to_itself_or_far_is_invalid)
{
    struct bed_node *a;

    bed_init(&bed, 2);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    a->wake = bad_dials;
    sim_world_wake_at(a->world, a->node, 0);
    bed_run(&bed);
    bed_close(&bed);
}

static void foreign_dial(struct bed_node *n, sim_time now)
{
    (void)now;
    raw_dial(n->bed, 0x7F000001, n->addr);
}

Test(streams, a_connection_from_outside_the_block_is_reset_and_counted)
{
    struct bed_node *a;
    char byte;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    a->wake = foreign_dial;
    sim_world_wake_at(a->world, a->node, 0);
    bed_end_after(&bed, 0, 300 * SIM_MS);
    bed_run(&bed);
    cr_assert_eq(a->openings, 0);
    cr_assert_eq(bed_stats(&bed, 0).lan_foreign, 1);
    cr_assert_eq(read(raw_fd, &byte, 1), -1);
    close(raw_fd);
    bed_close(&bed);
}

/* Every node of two loops dials the one behind it: the steering must bring each to its loop. */
static void count_and_close(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer,
                            bool dialed)
{
    (void)now;
    (void)peer;
    if (dialed) {
        sim_world_stream_close(n->world, s);
    }
}

Test(streams, connections_find_their_loop)
{
    bed_init(&bed, 2);
    bed.config.threads = 2;
    bed_open(&bed);
    for (uint32_t site = 0; site < 2; site++) {
        for (unsigned i = 0; i < 30; i++) {
            struct bed_node *n = bed_add(&bed, site, 2 + i);

            n->opened = count_and_close;
            if (i < 29) {
                n->wake = dial_next;
                sim_world_wake_at(n->world, n->node, i * SIM_MS);
            }
        }
    }
    bed_end_after(&bed, 2 * 29 * 2, 30 * SIM_MS);
    bed_run(&bed);
    for (unsigned i = 0; i < 60; i++) {
        unsigned want = i % 30 == 0 || i % 30 == 29 ? 1 : 2;

        cr_assert_eq(bed.nodes[i].openings, want, "node %u: %u", i, bed.nodes[i].openings);
    }
    cr_assert_eq(bed_stats(&bed, 0).lan_foreign + bed_stats(&bed, 1).lan_foreign, 0);
    bed_close(&bed);
}

/* ---- Input ---- */

static size_t take_nothing(struct bed_node *n, sim_time now, sim_stream s, const uint8_t *bytes,
                           size_t len)
{
    (void)now;
    (void)s;
    (void)bytes;
    n->number64 = len;
    return 0;
}

static void send_too_much(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer,
                          bool dialed)
{
    static const uint8_t zeros[SIM_WORLD_MESSAGE_MAX + 1];

    (void)now;
    (void)peer;
    if (dialed) {
        cr_assert_eq(sim_world_stream_send(n->world, s, zeros, sizeof(zeros)), SIM_EINVAL);
        cr_assert_eq(sim_world_stream_send(n->world, s, zeros, SIM_WORLD_MESSAGE_MAX - 1), 0);
        cr_assert_eq(sim_world_stream_send(n->world, s, zeros, 1), 0);
    }
}

Test(streams, who_holds_back_too_much_is_closed)
{
    struct bed_node *a, *b;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = dialer(&bed, 2);
    b = bed_add(&bed, 0, 3);
    a->opened = send_too_much;
    a->closed = end_when_told;
    b->input = take_nothing;
    bed_run(&bed);
    cr_assert_eq(b->why, SIM_EPROTO);
    cr_assert_eq(a->why, SIM_ERESET);
    bed_close(&bed);
}

static size_t take_three(struct bed_node *n, sim_time now, sim_stream s, const uint8_t *bytes,
                         size_t len)
{
    (void)now;
    (void)s;
    if (len < 3) {
        return 0;
    }
    memcpy(n->text + n->text_len, bytes, 3);
    n->text_len += 3;
    return 3;
}

static void send_bytewise(struct bed_node *n, sim_time now)
{
    if (n->stream == 0) {
        dial_next(n, now);
    } else if (n->text_len < 9) {
        n->text_len++;
        cr_assert_eq(sim_world_stream_send(n->world, n->stream, &"abcdefghi"[n->text_len - 1], 1),
                     0);
    } else {
        sim_world_stream_close(n->world, n->stream);
        return;
    }
    sim_world_wake_at(n->world, n->node, now + SIM_MS);
}

Test(streams, input_may_be_cut_anywhere)
{
    struct bed_node *a, *b;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    a->wake = send_bytewise;
    sim_world_wake_at(a->world, a->node, 0);
    b->input = take_three;
    b->closed = end_when_told;
    bed_run(&bed);
    cr_assert_str_eq(b->text, "abcdefghi");
    bed_close(&bed);
}

static size_t take_empty_body(struct bed_node *n, sim_time now, sim_stream s, const uint8_t *bytes,
                              size_t len)
{
    (void)now;
    if (n->number64 == 0) {
        n->number64 = 1;
        n->file = sim_world_file_new(n->world, n->node, "empty");
        cr_assert_eq(sim_world_receive_body(n->world, s, n->file, 0, 0), 0);
        return 1;
    }
    cr_assert_eq(n->bodies, 1, "input came before the empty body was told");
    memcpy(n->text + n->text_len, bytes, len);
    n->text_len += len;
    return len;
}

static void send_empty_body(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer,
                            bool dialed)
{
    (void)now;
    (void)peer;
    if (dialed) {
        n->file = sim_world_file_new(n->world, n->node, "empty");
        cr_assert_eq(sim_world_stream_send(n->world, s, "B", 1), 0);
        cr_assert_eq(sim_world_stream_send_body(n->world, s, n->file, 0, 0), 0);
        cr_assert_eq(n->sents, 0);
        cr_assert_eq(sim_world_stream_send(n->world, s, "rest", 4), 0);
        sim_world_stream_close(n->world, s);
    }
}

Test(streams, an_empty_body_is_told_once_and_in_order)
{
    struct bed_node *a, *b;

    bed_init(&bed, 1);
    bed.sites[0].lan.rate_bit_s = 1000000;
    bed_open(&bed);
    a = dialer(&bed, 2);
    b = bed_add(&bed, 0, 3);
    a->opened = send_empty_body;
    b->input = take_empty_body;
    b->closed = end_when_told;
    bed_run(&bed);
    cr_assert_eq(b->bodies, 1);
    cr_assert_str_eq(b->text, "rest");
    bed_close(&bed);
}

static void fill_queue(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    static const uint8_t zeros[SIM_WORLD_MESSAGE_MAX];
    int rc = 0;

    (void)now;
    (void)peer;
    if (!dialed) {
        return;
    }
    sim_world_set_group(n->world, n->node, 9); /* nothing leaves, so all of it waits */
    while (rc == 0) {
        rc = sim_world_stream_send(n->world, s, zeros, sizeof(zeros));
        n->number64 += rc == 0 ? sizeof(zeros) : 0;
    }
    cr_assert_eq(rc, SIM_ELIMIT);
    cr_assert_eq(n->number64, 65536);
    bed_finish_all(n->bed);
}

Test(streams, the_queue_of_messages_has_an_end)
{
    struct bed_node *a;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = dialer(&bed, 2);
    bed_add(&bed, 0, 3);
    a->opened = fill_queue;
    bed_run(&bed);
    bed_close(&bed);
}

/* ---- Faults ---- */

static void crash_next(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    (void)now;
    (void)s;
    (void)peer;
    if (dialed) {
        sim_world_set_down(n->world, n->bed->nodes[1].node, true, n->number64 == 1);
    }
}

Test(streams, a_crash_resets_and_a_silent_one_says_nothing)
{
    for (uint64_t silent = 0; silent < 2; silent++) {
        struct bed_node *a, *b;

        bed_init(&bed, 1);
        bed_open(&bed);
        a = dialer(&bed, 2);
        b = bed_add(&bed, 0, 3);
        a->opened = crash_next;
        a->number64 = silent;
        if (silent == 0) {
            a->closed = end_when_told;
        }
        bed_end_after(&bed, silent == 0 ? UINT_MAX : 1, 100 * SIM_MS);
        bed_run(&bed);
        cr_assert_eq(a->closings, silent == 0);
        cr_assert_eq(a->why, silent == 0 ? SIM_ERESET : 0);
        cr_assert_eq(b->closings, 0, "a node that is down is told nothing");
        bed_close(&bed);
    }
}

static void split(struct bed_node *n, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    (void)peer;
    if (dialed) {
        sim_world_set_group(n->world, n->node, 1);
        cr_assert_eq(sim_world_stream_send(n->world, s, "through", 7), 0);
        n->at = now;
        sim_world_wake_at(n->world, n->node, now + 100 * SIM_MS);
    }
}

static void heal(struct bed_node *n, sim_time now)
{
    if (n->at == 0) {
        dial_next(n, now);
        return;
    }
    cr_assert_eq(n->bed->nodes[1].text_len, 0, "nothing passes a partition");
    sim_world_set_group(n->world, n->node, 0);
    sim_world_stream_close(n->world, n->stream);
}

Test(streams, a_partition_stands_still_and_heals)
{
    struct bed_node *a, *b;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    a->wake = heal;
    a->opened = split;
    sim_world_wake_at(a->world, a->node, 1);
    b->closed = end_when_told;
    bed_run(&bed);
    cr_assert_str_eq(b->text, "through");
    bed_close(&bed);
}

static void turn_corrupt(struct bed_node *n, sim_time now, sim_stream s)
{
    sim_world_set_corrupt(n->world, n->node, true);
    pass_on(n, now, s);
}

static void check_corrupt(struct bed_node *n, sim_time now, sim_stream s)
{
    static uint8_t back[BODY];
    unsigned wrong = 0;
    struct sim_digest want, have;

    (void)now;
    (void)s;
    cr_assert_eq(sim_world_file_size(n->world, n->file), BODY);
    sim_world_file_read(n->world, n->file, 0, back, BODY);
    for (size_t i = 0; i < BODY; i++) {
        wrong += back[i] != body[i];
    }
    cr_assert_eq(wrong, 1);
    sim_digest_of(back, BODY, &want);
    cr_assert_eq(sim_world_file_digest(n->world, n->file, &have), 0);
    cr_assert(sim_digest_equal(&want, &have));
}

Test(streams, a_corrupt_sender_flips_one_byte_and_the_digest_tells)
{
    struct bed_node *a, *b;

    make_body();
    feed = (struct feed){BODY, BODY, body};
    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    a->wake = open_raw;
    sim_world_wake_at(a->world, a->node, 0);
    a->input = take_body;
    a->received = turn_corrupt;
    a->opened = send_on;
    a->sent = close_sent;
    b->input = take_body;
    b->received = check_corrupt;
    b->closed = finish_closed;
    bed_run(&bed);
    pthread_join(feeder, NULL);
    cr_assert_eq(b->bodies, 1);
    bed_close(&bed);
}

static void free_receiving(struct bed_node *n, sim_time now, sim_stream s, uint64_t size)
{
    (void)now;
    (void)s;
    cr_assert_gt(size, 0);
    sim_world_file_free(n->world, n->file);
    cr_assert_eq(sim_world_file_size(n->world, n->file), 0, "a stale handle");
    cr_assert_eq(n->closings, 0, "a call must not call back");
}

Test(streams, freeing_a_copy_ends_the_stream_that_fills_it)
{
    struct bed_node *a;

    make_body();
    feed = (struct feed){BODY, BODY, body};
    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    a->wake = open_raw;
    sim_world_wake_at(a->world, a->node, 0);
    a->input = take_body;
    a->progress = free_receiving;
    a->closed = end_when_told;
    bed_run(&bed);
    pthread_join(feeder, NULL);
    cr_assert_eq(a->why, SIM_ECLOSED);
    cr_assert_eq(a->bodies, 0);
    bed_close(&bed);
}

static void hang_up_short(struct bed_node *n, sim_time now, sim_stream s, int why)
{
    cr_assert_eq(sim_world_file_size(n->world, n->file), 1000, "a copy keeps what it has");
    finish_closed(n, now, s, why);
}

Test(streams, a_peer_that_ends_within_a_body_leaves_what_came)
{
    struct bed_node *a;

    make_body();
    feed = (struct feed){BODY, 1000, body};
    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    a->wake = open_raw;
    sim_world_wake_at(a->world, a->node, 0);
    a->input = take_body;
    a->closed = hang_up_short;
    bed_run(&bed);
    pthread_join(feeder, NULL);
    cr_assert_eq(a->why, SIM_ECLOSED);
    bed_close(&bed);
}
