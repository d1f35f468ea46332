/* tests/bench/bench_tree.c -- how fast firmware goes down the trees, beside raw loopback TCP.
 *
 * Two sites of 50 nodes x 30 MB, a full binary tree each, store and forward, on two loops, no
 * line, ports not paced: aggregate bytes received a second. Beside it as many threads that do
 * nothing but send and receive the same number of bytes through one loopback connection each,
 * with SHA-256 of what is received and without. pfsim hashes a content once a loop and compares
 * every further copy with it byte by byte, so both figures are given. Five rounds; medians.
 * Usage: bench_tree [rounds] */
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/content.h"
#include "sim/live/inner.h"

enum {
    SITES = 2,
    NODES = 50, /* a site */
    SIZE = 30 * 1000 * 1000,
    CHUNK = 256 * 1024,
    ROUNDS_MAX = 99,
};

static uint8_t *content;
static struct sim_digest digest;

/* ---- The trees ---- */

struct member {
    struct sim_world *world;
    sim_node node;
    sim_addr addr;
    unsigned number; /* in its site */
    sim_file file;
    unsigned sent;
};

static void finish(struct member *m)
{
    sim_world_finished(m->world, m->node);
}

static unsigned children_of(const struct member *m)
{
    unsigned first = 2 * m->number + 1;

    return first >= NODES ? 0 : (first + 1 < NODES ? 2 : 1);
}

static void serve(struct member *m)
{
    for (unsigned i = 0; i < children_of(m); i++) {
        sim_stream s;
        sim_addr child = m->addr + (2 * m->number + 1 + i) - m->number;

        if (sim_world_dial(m->world, m->node, child, &s) != 0) {
            abort();
        }
    }
    if (children_of(m) == 0) {
        finish(m);
    }
}

static void on_wake(void *self, sim_time now)
{
    struct member *m = self;
    struct live_world *w = live_world_of(m->world);

    (void)now;
    m->file = sim_world_file_new(m->world, m->node, "firmware");
    if (live_file_append(live_file_get(w, m->file), content, SIZE) != 0 ||
        sim_world_file_seal(m->world, m->file) != 0) {
        abort();
    }
    serve(m);
}

static void on_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    struct member *m = self;

    (void)now;
    (void)peer;
    if (dialed && (sim_world_stream_send(m->world, s, "B", 1) != 0 ||
                   sim_world_stream_send_body(m->world, s, m->file, 0, SIZE) != 0)) {
        abort();
    }
}

static size_t on_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes, size_t len)
{
    struct member *m = self;

    (void)now;
    (void)bytes;
    (void)len;
    m->file = sim_world_file_new(m->world, m->node, "firmware");
    if (sim_world_receive_body(m->world, s, m->file, SIZE, 0) != 0) {
        abort();
    }
    return 1;
}

static void on_received(void *self, sim_time now, sim_stream s)
{
    struct member *m = self;
    struct sim_digest have;

    (void)now;
    if (sim_world_file_digest(m->world, m->file, &have) != 0 || !sim_digest_equal(&have, &digest) ||
        sim_world_file_seal(m->world, m->file) != 0) {
        abort();
    }
    sim_world_stream_close(m->world, s);
    serve(m);
}

static void on_sent(void *self, sim_time now, sim_stream s)
{
    struct member *m = self;

    (void)now;
    sim_world_stream_close(m->world, s);
    if (++m->sent == children_of(m)) {
        finish(m);
    }
}

static void on_closed(void *self, sim_time now, sim_stream s, int why)
{
    (void)self;
    (void)now;
    (void)s;
    if (why != SIM_ECLOSED) {
        abort();
    }
}

static void on_datagram(void *self, sim_time now, const struct sim_datagram *d)
{
    (void)self;
    (void)now;
    (void)d;
}

static void on_progress(void *self, sim_time now, uint64_t handle, uint64_t size)
{
    (void)self;
    (void)now;
    (void)handle;
    (void)size;
}

static void on_fetched(void *self, sim_time now, sim_fetch f, const struct sim_fetch_result *result)
{
    (void)self;
    (void)now;
    (void)f;
    (void)result;
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
    .fetch_progress = on_progress,
    .fetch_done = on_fetched,
};

static double tree_bytes_s(void)
{
    static struct member members[SITES][NODES];
    struct sim_site_setup sites[SITES] = {0};
    struct sim_server_setup server = {.block_size = 512, .window = 1};
    struct sim_live_config config = {.seed = 1,
                                     .threads = SITES,
                                     .peer_port = 24051,
                                     .sites = sites,
                                     .sites_len = SITES,
                                     .server = &server,
                                     .limit = 120 * SIM_S};
    char why[SIM_LIVE_TEXT_MAX];
    struct sim_live *live;
    uint64_t began;
    double took;

    memset(members, 0, sizeof(members));
    for (uint32_t i = 0; i < SITES; i++) {
        sites[i] = (struct sim_site_setup){.name = "site",
                                           .class_name = "site",
                                           .index = i,
                                           .base = 0x7F600000 + (i << 8),
                                           .bits = 24,
                                           .phones = NODES,
                                           .wan = {.none = true}};
    }
    if (sim_live_new(&live, &config, why) != 0) {
        fprintf(stderr, "bench_tree: %s\n", why);
        exit(3);
    }
    for (uint32_t i = 0; i < SITES; i++) {
        for (unsigned k = 0; k < NODES; k++) {
            struct member *m = &members[i][k];

            m->world = sim_live_world(live, i);
            m->number = k;
            m->addr = sites[i].base + 2 + k;
            m->node = sim_world_add_node(m->world, i, m->addr, i * NODES + k, &ops, m);
            sim_world_listen(m->world, m->node, true);
        }
        sim_world_wake_at(members[i][0].world, members[i][0].node, 0);
    }
    began = live_loop_monotonic();
    if (sim_live_run(live) != 0) {
        fprintf(stderr, "bench_tree: the run did not end\n");
        exit(4);
    }
    took = (double)(live_loop_monotonic() - began) / 1e9;
    sim_live_free(live);
    return (double)SITES * (NODES - 1) * SIZE / took;
}

/* ---- Raw loopback ---- */

static bool raw_hashes;

static void *raw_thread(void *context)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int listener = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM, 0), in;
    struct sim_digest_run *run = sim_digest_run_new();
    uint8_t *buffer = malloc(CHUNK);

    (void)context;
    if (bind(listener, (struct sockaddr *)&addr, sizeof(addr)) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (struct sockaddr *)&addr, &len) != 0 ||
        connect(out, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        abort();
    }
    in = accept(listener, NULL, NULL);
    for (unsigned i = 0; i < NODES - 1; i++) {
        size_t sent = 0, got = 0;

        sim_digest_run_reset(run);
        while (got < SIZE) {
            size_t want = SIZE - sent < CHUNK ? SIZE - sent : CHUNK;
            ssize_t n = want > 0 ? send(out, content + sent, want, MSG_DONTWAIT) : 0;

            sent += n > 0 ? (size_t)n : 0;
            n = recv(in, buffer, CHUNK, MSG_DONTWAIT);
            if (n > 0) {
                got += (size_t)n;
                if (raw_hashes) {
                    sim_digest_run_update(run, buffer, (size_t)n);
                }
            }
        }
    }
    close(in);
    close(out);
    close(listener);
    sim_digest_run_free(run);
    free(buffer);
    return NULL;
}

static double raw_bytes_s(bool hashes)
{
    pthread_t threads[SITES];
    uint64_t began = live_loop_monotonic();

    raw_hashes = hashes;
    for (size_t i = 0; i < SITES; i++) {
        if (pthread_create(&threads[i], NULL, raw_thread, NULL) != 0) {
            abort();
        }
    }
    for (size_t i = 0; i < SITES; i++) {
        pthread_join(threads[i], NULL);
    }
    return (double)SITES * (NODES - 1) * SIZE / ((double)(live_loop_monotonic() - began) / 1e9);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static double median(double *values, size_t len)
{
    qsort(values, len, sizeof(*values), by_value);
    return values[len / 2];
}

int main(int argc, char **argv)
{
    size_t rounds = argc > 1 ? (size_t)strtoul(argv[1], NULL, 10) : 5;
    double tree[ROUNDS_MAX], hashed[ROUNDS_MAX], plain[ROUNDS_MAX], t, h, p;

    rounds = rounds == 0 || rounds > ROUNDS_MAX ? 5 : rounds;
    content = malloc(SIZE);
    if (content == NULL) {
        return 3;
    }
    sim_content_synthetic(7, 0, content, SIZE);
    sim_digest_of(content, SIZE, &digest);
    for (size_t i = 0; i < rounds; i++) {
        tree[i] = tree_bytes_s();
        hashed[i] = raw_bytes_s(true);
        plain[i] = raw_bytes_s(false);
    }
    t = median(tree, rounds);
    h = median(hashed, rounds);
    p = median(plain, rounds);
    printf("trees %.2f GB/s; raw loopback with SHA-256 %.2f GB/s, without %.2f GB/s\n", t / 1e9,
           h / 1e9, p / 1e9);
    printf("ratio to raw with SHA-256 %.2f (aim 0.5), without %.2f (aim 0.7)\n", t / h, t / p);
    free(content);
    return 0;
}
