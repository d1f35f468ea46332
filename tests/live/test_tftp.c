/* Goal: TFTP over real sockets: bytes exact at every block size and window, strangers told, every
 * failure named, thousands at once.
 * Method: our server on a thread with its own loop, our client on the test's loop; where an end
 * must misbehave, it is a plain socket. Ports are the kernel's choice, addresses lie in
 * 127.0.0.0/8. Nothing sleeps: sockets have receive time-outs. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/live/fetch.h"
#include "sim/live/loop.h"
#include "sim/server/tftp_server.h"
#include "sim/tftp/packet.h"

enum { PHONE = 0x7f030002, HOST = 0x7f000001 };

static uint8_t byte_at(uint64_t offset)
{
    return (uint8_t)(offset * 7 ^ offset >> 8 ^ offset >> 15);
}

/* ---- A server on a thread ---- */

struct host {
    pthread_t thread;
    pthread_barrier_t ready;
    uv_loop_t loop;
    uv_async_t stop;
    struct server_tftp *server;
    struct server_tftp_config config;
    uint16_t port;
    /* what the hooks saw; read after host_stop() */
    unsigned reports, opened, closed, released, admitted_now, admitted_peak, refused, max;
    uint64_t payload, resends;
    sim_addr last_client;
    int last_status;
    struct server_tftp_transfer *queue[64];
    size_t queued;
    uint64_t bit_s;
    sim_time line_free;
    uint64_t uploaded;
    int upload_ends[2]; /* incomplete, complete */
};

/* The name of a file is its size. */
static int source_open(void *context, const char *name, void **handle, uint64_t *size)
{
    struct host *h = context;
    char *end;
    *size = strtoull(name, &end, 10);
    if (*end != '\0') {
        return strcmp(name, "secret") == 0 ? SIM_EACCES : SIM_ENOTFOUND;
    }
    h->opened++;
    *handle = h;
    return 0;
}

static size_t source_read(void *context, void *handle, uint64_t offset, void *bytes, size_t len)
{
    uint8_t *out = bytes;
    (void)context;
    (void)handle;
    for (size_t i = 0; i < len; i++) {
        out[i] = byte_at(offset + i);
    }
    return len;
}

static void source_close(void *context, void *handle)
{
    struct host *h = context;
    (void)handle;
    h->closed++;
}

static int sink_create(void *context, const char *name, uint64_t size, void **handle)
{
    (void)size;
    *handle = context;
    return strcmp(name, "taken") == 0 ? SIM_EEXIST : 0;
}

static int sink_write(void *context, void *handle, const void *bytes, size_t len)
{
    struct host *h = context;
    (void)handle;
    (void)bytes;
    h->uploaded += len;
    return 0;
}

static int sink_close(void *context, void *handle, bool complete)
{
    struct host *h = context;
    (void)handle;
    h->upload_ends[complete]++;
    return 0;
}

static enum server_tftp_admission admit(void *context, struct server_tftp_transfer *transfer)
{
    struct host *h = context;
    if (h->max > 0 && h->admitted_now >= h->max) {
        if (h->queued == 64) {
            h->refused++;
            return SERVER_TFTP_REFUSED;
        }
        h->queue[h->queued++] = transfer;
        return SERVER_TFTP_QUEUED;
    }
    h->admitted_now++;
    h->admitted_peak = h->admitted_now > h->admitted_peak ? h->admitted_now : h->admitted_peak;
    return SERVER_TFTP_ADMITTED;
}

static enum server_tftp_admission admit_nobody(void *context, struct server_tftp_transfer *transfer)
{
    (void)context;
    (void)transfer;
    return SERVER_TFTP_REFUSED;
}

static void release(void *context)
{
    struct host *h = context;
    h->released++;
    h->admitted_now--;
    if (h->queued > 0) {
        struct server_tftp_transfer *first = h->queue[0];
        memmove(h->queue, h->queue + 1, --h->queued * sizeof(h->queue[0]));
        h->admitted_now++;
        server_tftp_granted(first);
    }
}

static void withdraw(void *context, struct server_tftp_transfer *transfer)
{
    struct host *h = context;
    for (size_t i = 0; i < h->queued; i++) {
        if (h->queue[i] == transfer) {
            memmove(h->queue + i, h->queue + i + 1, (--h->queued - i) * sizeof(h->queue[0]));
            return;
        }
    }
}

static sim_time take(void *context, sim_time now, size_t bytes)
{
    struct host *h = context;
    if (h->bit_s == 0) {
        return now;
    }
    sim_time at = h->line_free > now ? h->line_free : now;
    h->line_free = at + sim_time_of_bytes(bytes, h->bit_s);
    return at;
}

static void on_report(void *context, const struct server_tftp_report *r)
{
    struct host *h = context;
    h->reports++;
    h->payload += r->payload;
    h->resends += r->resends;
    h->last_client = r->client;
    h->last_status = r->status;
}

static void on_stop(uv_async_t *async)
{
    struct host *h = async->data;
    server_tftp_close(h->server, NULL, NULL);
    uv_close((uv_handle_t *)async, NULL);
}

static void *run_host(void *context)
{
    struct host *h = context;
    pthread_barrier_wait(&h->ready);
    uv_run(&h->loop, UV_RUN_DEFAULT);
    return NULL;
}

static void host_start(struct host *h)
{
    h->config.bind_addr = HOST;
    h->config.source = (struct server_tftp_source){h, source_open, source_read, source_close};
    h->config.hooks.context = h;
    h->config.hooks.admit = h->config.hooks.admit != NULL ? h->config.hooks.admit : admit;
    h->config.hooks.release = release;
    h->config.hooks.withdraw = withdraw;
    h->config.hooks.take = take;
    h->config.hooks.report = on_report;
    uv_loop_init(&h->loop);
    cr_assert_eq(server_tftp_new(&h->server, &h->loop, &h->config), 0);
    h->port = server_tftp_port(h->server);
    uv_async_init(&h->loop, &h->stop, on_stop);
    h->stop.data = h;
    pthread_barrier_init(&h->ready, NULL, 2);
    pthread_create(&h->thread, NULL, run_host, h);
    pthread_barrier_wait(&h->ready);
}

static void host_stop(struct host *h)
{
    uv_async_send(&h->stop);
    pthread_join(h->thread, NULL);
    cr_assert_eq(uv_loop_close(&h->loop), 0, "a handle was left open");
    pthread_barrier_destroy(&h->ready);
    cr_assert_eq(h->opened, h->closed, "files opened and closed");
    cr_assert_eq(h->admitted_now, 0u, "every place is given back");
}

/* ---- Clients on the test's loop ---- */

struct bench {
    struct live_loop *loop;
    struct live_tftp *tftp;
    struct sim_server_setup setup;
    size_t left, wrong;
};

struct phone {
    struct bench *bench;
    struct live_tftp_fetch *fetch;
    uint64_t offset, got, resent, arrived;
    int status, code, body_rc;
    bool started, done, cancel_in_body;
    char reason[SIM_WORLD_REASON_MAX];
};

static void bench_start(struct bench *b, uint16_t block_size, uint16_t window)
{
    memset(b, 0, sizeof(*b));
    b->setup = (struct sim_server_setup){.block_size = block_size,
                                         .window = window,
                                         .timeout = 200 * SIM_MS,
                                         .retries = 3,
                                         .stall = 20 * SIM_S};
    cr_assert_eq(live_loop_new(&b->loop, live_loop_monotonic()), 0);
    cr_assert_eq(live_tftp_new(&b->tftp, b->loop, &b->setup), 0);
}

static void bench_stop(struct bench *b)
{
    live_tftp_free(b->tftp);
    live_loop_free(b->loop);
}

static void one_less(struct bench *b)
{
    if (--b->left == 0) {
        live_loop_stop(b->loop);
    }
}

static int on_body(void *owner, const uint8_t *bytes, size_t len)
{
    struct phone *p = owner;
    for (size_t i = 0; i < len; i++) {
        p->bench->wrong += bytes[i] != byte_at(p->offset + p->got + i);
    }
    p->got += len;
    if (p->cancel_in_body) {
        live_tftp_cancel(p->fetch);
        one_less(p->bench);
    }
    return p->body_rc;
}

static void on_done(void *owner, const struct sim_fetch_result *result, uint64_t resent)
{
    struct phone *p = owner;
    cr_assert(p->started, "done() came from inside start()");
    cr_assert_not(p->done, "done() came twice");
    p->done = true;
    p->status = result->status;
    p->code = result->code;
    p->arrived = result->bytes;
    p->resent = resent;
    strcpy(p->reason, result->reason);
    one_less(p->bench);
}

static const struct live_fetch_ops ops = {.body = on_body, .done = on_done};

static void phone_start(struct bench *b, struct phone *p, sim_addr source, uint16_t port,
                        const char *name)
{
    struct live_fetch_target target = {.protocol = SIM_PROTOCOL_TFTP,
                                       .source = source,
                                       .connect_addr = HOST,
                                       .connect_port = port,
                                       .path = name,
                                       .offset = p->offset};
    p->bench = b;
    p->started = p->done = false;
    cr_assert_eq(live_tftp_start(b->tftp, &target, &ops, p, &p->fetch), 0);
    p->started = true;
    b->left++;
}

static void fetch_one(struct bench *b, struct phone *p, uint16_t port, const char *name)
{
    phone_start(b, p, PHONE, port, name);
    live_loop_run(b->loop);
}

/* ---- Plain sockets ---- */

static int plain_socket(sim_addr addr, uint16_t *port)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(addr)};
    struct timeval limit = {.tv_sec = 5};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    cr_assert_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    getsockname(fd, (struct sockaddr *)&in, &len);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (port != NULL) {
        *port = ntohs(in.sin_port);
    }
    return fd;
}

static void say(int fd, const struct sockaddr_in *to, const void *bytes, size_t len)
{
    cr_assert_eq(sendto(fd, bytes, len, 0, (const struct sockaddr *)to, sizeof(*to)), (ssize_t)len);
}

static ssize_t hear(int fd, uint8_t bytes[2048], struct sockaddr_in *from)
{
    socklen_t len = sizeof(*from);
    return recvfrom(fd, bytes, 2048, 0, (struct sockaddr *)from, &len);
}

static struct sockaddr_in at_host(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(HOST), .sin_port = htons(port)};
}

/* Digits stand in a literal of their own, or they would belong to the octal escape before them. */
#define SAY(fd, to, text) say(fd, to, text, sizeof(text) - 1)

/* ---- Client and server ---- */

Test(tftp, brings_every_size_at_every_block_size_and_window)
{
    static const char *const sizes[] = {"0",    "1",    "511",   "512",    "513",
                                        "1428", "5120", "65464", "300001", "4194304"};
    static const uint16_t block_sizes[] = {8, 512, 1428, 65464};
    static const uint16_t windows[] = {1, 2, 16, 64};
    struct host h = {.max = 0};

    host_start(&h);
    for (size_t i = 0; i < 4; i++) {
        for (size_t k = 0; k < 4; k++) {
            struct bench b;
            bench_start(&b, block_sizes[i], windows[k]);
            b.setup.timeout = SIM_S;
            for (size_t m = 0; m < (i == 0 ? 9 : 10); m++) {
                struct phone p = {.status = 1};
                fetch_one(&b, &p, h.port, sizes[m]);
                cr_assert_eq(p.status, 0, "blksize %u window %u size %s: %s", block_sizes[i],
                             windows[k], sizes[m], p.reason);
                cr_assert_eq(p.got, strtoull(sizes[m], NULL, 10), "blksize %u window %u size %s",
                             block_sizes[i], windows[k], sizes[m]);
                cr_assert_eq(b.wrong, 0u);
                cr_assert_eq(p.code, -1);
            }
            bench_stop(&b);
        }
    }
    host_stop(&h);
    cr_assert_eq(h.last_client, (sim_addr)PHONE, "the phone's own address is seen");
}

Test(tftp, reads_past_the_bytes_that_the_phone_has)
{
    struct host h = {.max = 0};
    struct bench b;
    struct phone p = {.offset = 1000};

    host_start(&h);
    bench_start(&b, 512, 1);
    fetch_one(&b, &p, h.port, "5000");
    cr_assert_eq(p.status, 0);
    cr_assert_eq(p.got, 4000u);
    cr_assert_eq(p.resent, 1000u);
    cr_assert_eq(p.arrived, 5000u);
    cr_assert_eq(b.wrong, 0u);
    bench_stop(&b);
    host_stop(&h);
}

Test(tftp, serves_two_thousand_phones_at_once)
{
    enum { PHONES = 2000 };
    struct host h = {.max = 0};
    struct bench b;
    struct phone *phones = calloc(PHONES, sizeof(*phones));
    struct rlimit files;

    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    host_start(&h);
    bench_start(&b, 512, 1);
    b.setup.timeout = 4 * SIM_S;
    for (unsigned i = 0; i < PHONES; i++) {
        phone_start(&b, &phones[i], PHONE + i, h.port, "5000");
    }
    live_loop_run(b.loop);
    for (unsigned i = 0; i < PHONES; i++) {
        cr_assert_eq(phones[i].status, 0, "phone %u: %s", i, phones[i].reason);
        cr_assert_eq(phones[i].got, 5000u);
    }
    cr_assert_eq(b.wrong, 0u);
    bench_stop(&b);
    host_stop(&h);
    cr_assert_eq(h.reports, (unsigned)PHONES);
    free(phones);
}

Test(tftp, says_what_the_server_said)
{
    static const struct {
        const char *name;
        int status, code;
        const char *text;
    } rows[] = {
        {"nothing", SIM_ENOTFOUND, 1, "TFTP error 1 (File not found) from 127.0.0.1:"},
        {"secret", SIM_EACCES, 2, "TFTP error 2 (Access violation) from 127.0.0.1:"},
    };
    struct host h = {.max = 0};
    struct bench b;

    host_start(&h);
    bench_start(&b, 512, 1);
    for (size_t i = 0; i < 2; i++) {
        struct phone p = {.status = 1};
        fetch_one(&b, &p, h.port, rows[i].name);
        cr_assert_eq(p.status, rows[i].status);
        cr_assert_eq(p.code, rows[i].code);
        cr_assert_eq(strncmp(p.reason, rows[i].text, strlen(rows[i].text)), 0, "%s", p.reason);
    }
    bench_stop(&b);
    host_stop(&h);
}

Test(tftp, tells_a_refused_client_that_the_server_is_busy)
{
    struct host h = {.config.hooks.admit = admit_nobody};
    struct bench b;
    struct phone p = {.status = 1};

    host_start(&h);
    bench_start(&b, 512, 1);
    fetch_one(&b, &p, h.port, "100");
    cr_assert_eq(p.status, SIM_EBUSY);
    cr_assert_eq(p.code, 0);
    bench_stop(&b);
    host_stop(&h);
    cr_assert_eq(h.released, 0u, "who was not admitted gives nothing back");
}

Test(tftp, lets_the_others_wait_for_a_place)
{
    struct host h = {.max = 3, .config.response_time = SIM_MS};
    struct bench b;
    struct phone phones[30];

    memset(phones, 0, sizeof(phones));
    host_start(&h);
    bench_start(&b, 1428, 4);
    b.setup.timeout = 4 * SIM_S;
    for (unsigned i = 0; i < 30; i++) {
        phone_start(&b, &phones[i], PHONE + i, h.port, "20000");
    }
    live_loop_run(b.loop);
    for (unsigned i = 0; i < 30; i++) {
        cr_assert_eq(phones[i].status, 0, "phone %u: %s", i, phones[i].reason);
    }
    bench_stop(&b);
    host_stop(&h);
    cr_assert_eq(h.admitted_peak, 3u);
    cr_assert_eq(h.released, 30u);
}

Test(tftp, ends_the_waiting_when_the_server_closes)
{
    struct host h = {.max = 1, .config.timeout = 10 * SIM_S};
    struct sockaddr_in to;
    uint8_t bytes[2048];
    int first = plain_socket(PHONE, NULL), second = plain_socket(PHONE + 1, NULL);

    host_start(&h);
    to = at_host(h.port);
    SAY(first, &to,
        "\0\001"
        "100\0octet\0");
    cr_assert_eq(hear(first, bytes, &to), 104);
    to = at_host(h.port);
    SAY(second, &to,
        "\0\001"
        "100\0octet\0"); /* no answer: it waits */
    SAY(second, &to, "\0\1nothing\0octet\0");
    cr_assert_gt(hear(second, bytes, &to), 4);
    host_stop(&h);
    cr_assert_gt(hear(first, bytes, &to), 4);
    cr_assert_eq(bytes[1], SIM_TFTP_ERROR);
    cr_assert_gt(hear(second, bytes, &to), 4);
    cr_assert_eq(bytes[1], SIM_TFTP_ERROR);
    close(first);
    close(second);
}

Test(tftp, keeps_to_the_uplink)
{
    struct host h = {.bit_s = 8000000}; /* 1 MB/s */
    struct bench b;
    struct phone phones[4];

    memset(phones, 0, sizeof(phones));
    host_start(&h);
    bench_start(&b, 1428, 8);
    b.setup.timeout = 2 * SIM_S;
    sim_time began = live_loop_read_clock(b.loop);
    for (unsigned i = 0; i < 4; i++) {
        phone_start(&b, &phones[i], PHONE + i, h.port, "100000");
    }
    live_loop_run(b.loop);
    sim_duration took = live_loop_read_clock(b.loop) - began;
    for (unsigned i = 0; i < 4; i++) {
        cr_assert_eq(phones[i].status, 0, "phone %u: %s", i, phones[i].reason);
    }
    /* 400,000 bytes and their headers can't take less, whatever the machine does. */
    cr_assert_geq(took, 400 * SIM_MS);
    bench_stop(&b);
    host_stop(&h);
}

/* ---- Misbehaviour ---- */

Test(tftp, names_a_closed_port_and_a_silent_one)
{
    struct bench b;
    struct phone p = {.status = 1};
    uint16_t port;
    int fd = plain_socket(HOST, &port);

    bench_start(&b, 512, 1);
    b.setup.timeout = 5 * SIM_MS;
    fetch_one(&b, &p, port, "1");
    cr_assert_eq(p.status, SIM_ETIMEDOUT);
    cr_assert_neq(strstr(p.reason, "after 4 tries"), NULL, "%s", p.reason);
    cr_assert_eq(strncmp(p.reason, "no answer from 127.0.0.1:", 25), 0, "%s", p.reason);
    close(fd);
    fetch_one(&b, &p, port, "1");
    cr_assert_eq(p.status, SIM_EREFUSED, "%s", p.reason);
    bench_stop(&b);
}

struct fake {
    int fd, other;
    uint8_t heard_by_other[2048];
    ssize_t heard;
};

/* Serves one block from `fd` after a stranger spoke from `other`. */
static void *fake_server(void *context)
{
    struct fake *f = context;
    struct sockaddr_in client, from;
    uint8_t bytes[2048];

    hear(f->fd, bytes, &client);
    memset(bytes, 0, sizeof(bytes));
    memcpy(bytes, "\0\3\0\1", 4);
    for (size_t i = 0; i < 512; i++) {
        bytes[4 + i] = byte_at(i);
    }
    say(f->fd, &client, bytes, 516);
    hear(f->fd, bytes, &from); /* ACK 1 */
    SAY(f->other, &client, "\0\3\0\2evil");
    f->heard = hear(f->other, f->heard_by_other, &from);
    SAY(f->fd, &client, "\0\3\0\2");
    hear(f->fd, bytes, &from);
    return NULL;
}

Test(tftp, client_tells_a_stranger_error_5_and_goes_on)
{
    struct bench b;
    struct phone p = {.status = 1};
    struct fake f;
    pthread_t thread;
    uint16_t port;

    f.fd = plain_socket(HOST, &port);
    f.other = plain_socket(HOST, NULL);
    pthread_create(&thread, NULL, fake_server, &f);
    bench_start(&b, 512, 1);
    b.setup.timeout = 4 * SIM_S;
    fetch_one(&b, &p, port, "x");
    pthread_join(thread, NULL);
    cr_assert_eq(p.status, 0, "%s", p.reason);
    cr_assert_eq(p.got, 512u, "nothing of the stranger's");
    cr_assert_eq(b.wrong, 0u);
    cr_assert_gt(f.heard, 4);
    cr_assert_eq(memcmp(f.heard_by_other, "\0\5\0\5", 4), 0);
    bench_stop(&b);
    close(f.fd);
    close(f.other);
}

Test(tftp, server_tells_a_stranger_error_5_and_goes_on)
{
    struct host h = {.max = 0};
    struct sockaddr_in to, tid;
    uint8_t bytes[2048];
    int client = plain_socket(PHONE, NULL), stranger = plain_socket(PHONE, NULL);

    host_start(&h);
    to = at_host(h.port);
    SAY(client, &to,
        "\0\001"
        "600\0octet\0");
    cr_assert_eq(hear(client, bytes, &tid), 516);
    cr_assert_neq(tid.sin_port, to.sin_port, "a TID of its own");
    SAY(stranger, &tid, "\0\4\0\1");
    cr_assert_gt(hear(stranger, bytes, &to), 4);
    cr_assert_eq(memcmp(bytes, "\0\5\0\5", 4), 0);
    SAY(client, &tid, "\0\4\0\1");
    cr_assert_eq(hear(client, bytes, &to), 92);
    cr_assert_eq(memcmp(bytes, "\0\3\0\2", 4), 0);
    SAY(client, &tid, "\0\4\0\2");
    host_stop(&h);
    cr_assert_eq(h.last_status, 0);
    close(client);
    close(stranger);
}

Test(tftp, answers_a_repeated_request_once)
{
    struct host h = {.config.timeout = 10 * SIM_S};
    struct sockaddr_in to, from;
    uint8_t bytes[2048];
    int client = plain_socket(PHONE, NULL);

    host_start(&h);
    to = at_host(h.port);
    for (int i = 0; i < 5; i++) {
        SAY(client, &to,
            "\0\001"
            "600\0octet\0");
    }
    SAY(client, &to, "\0\1nothing\0octet\0"); /* its answer comes last */
    cr_assert_eq(hear(client, bytes, &from), 516);
    cr_assert_gt(hear(client, bytes, &from), 4);
    cr_assert_eq(memcmp(bytes, "\0\5\0\1", 4), 0);
    host_stop(&h);
    cr_assert_eq(h.opened, 1u);
    close(client);
}

Test(tftp, server_says_again_what_got_lost_and_gives_up)
{
    struct host h = {.config = {.timeout = 5 * SIM_MS, .retries = 2}};
    struct sockaddr_in to, from;
    uint8_t bytes[2048];
    int client = plain_socket(PHONE, NULL);
    struct timeval limit = {.tv_usec = 300000};

    host_start(&h);
    to = at_host(h.port);
    SAY(client, &to,
        "\0\001"
        "600\0octet\0");
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(hear(client, bytes, &from), 516, "try %d", i);
    }
    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    cr_assert_lt(hear(client, bytes, &from), 0, "no fourth");
    host_stop(&h);
    cr_assert_eq(h.last_status, SIM_ETIMEDOUT);
    cr_assert_eq(h.resends, 2u);
    close(client);
}

Test(tftp, server_survives_garbage)
{
    struct host h = {.max = 0};
    struct sockaddr_in to, from;
    uint8_t bytes[2048];
    char name[600] = "\0\1";
    int client = plain_socket(PHONE, NULL);

    host_start(&h);
    to = at_host(h.port);
    SAY(client, &to, "");
    cr_assert_gt(hear(client, bytes, &from), 4);
    cr_assert_eq(memcmp(bytes, "\0\5\0\4", 4), 0);
    SAY(client, &to, "\0\1no end");
    cr_assert_gt(hear(client, bytes, &from), 4);
    SAY(client, &to, "\0\5\0\1an error is not answered");
    memset(name + 2, 'n', 520);
    memcpy(name + 523, "octet", 6);
    say(client, &to, name, 529);
    cr_assert_gt(hear(client, bytes, &from), 4);
    cr_assert_eq(memcmp(bytes, "\0\5\0\4", 4), 0, "a name too long");
    SAY(client, &to, "\0\1f\0netascii\0");
    cr_assert_gt(hear(client, bytes, &from), 4);
    cr_assert_eq(memcmp(bytes, "\0\5\0\0", 4), 0);
    SAY(client, &to, "\0\2f\0octet\0");
    cr_assert_gt(hear(client, bytes, &from), 4);
    cr_assert_eq(memcmp(bytes, "\0\5\0\2", 4), 0, "nothing may be written");
    host_stop(&h);
    close(client);
}

Test(tftp, takes_uploads_where_they_are_allowed)
{
    struct server_tftp_sink sink = {
        .create = sink_create, .write = sink_write, .close = sink_close};
    struct host h = {.config = {.sink = &sink}};
    struct sockaddr_in to, tid;
    uint8_t bytes[2048] = {0};
    int client = plain_socket(PHONE, NULL);

    sink.context = &h;
    host_start(&h);
    to = at_host(h.port);
    SAY(client, &to, "\0\2taken\0octet\0");
    cr_assert_gt(hear(client, bytes, &tid), 4);
    cr_assert_eq(memcmp(bytes, "\0\5\0\6", 4), 0);
    SAY(client, &to, "\0\2new\0octet\0");
    cr_assert_eq(hear(client, bytes, &tid), 4);
    cr_assert_eq(memcmp(bytes, "\0\4\0\0", 4), 0);
    SAY(client, &tid, "\0\3\0\1five5");
    cr_assert_eq(hear(client, bytes, &tid), 4);
    cr_assert_eq(memcmp(bytes, "\0\4\0\1", 4), 0);
    SAY(client, &to, "\0\2half\0octet\0");
    cr_assert_eq(hear(client, bytes, &tid), 4);
    SAY(client, &tid, "\0\5\0\0never mind");
    host_stop(&h);
    cr_assert_eq(h.uploaded, 5u);
    cr_assert_eq(h.upload_ends[1], 1, "complete");
    cr_assert_eq(h.upload_ends[0], 1, "thrown away");
    close(client);
}

Test(tftp, ends_when_the_owner_says_so)
{
    struct host h = {.max = 0};
    struct bench b;
    struct phone full = {.body_rc = SIM_ENOSPC}, cancel = {.cancel_in_body = true}, early = {0};

    host_start(&h);
    bench_start(&b, 512, 1);
    fetch_one(&b, &full, h.port, "5000");
    cr_assert_eq(full.status, SIM_ENOSPC);
    cr_assert_eq(full.got, 512u);
    fetch_one(&b, &cancel, h.port, "5000");
    cr_assert_not(cancel.done);
    cr_assert_eq(cancel.got, 512u);
    phone_start(&b, &early, PHONE, h.port, "5000");
    live_tftp_cancel(early.fetch);
    bench_stop(&b);
    cr_assert_not(early.done);
    host_stop(&h);
}

Test(tftp, holds_to_the_limit_of_a_small_file)
{
    struct host h = {.max = 0};
    struct bench b;
    struct phone p = {.bench = &b, .started = true};
    struct live_fetch_target target = {
        .source = PHONE, .connect_addr = HOST, .path = "5000", .body_max = 1000};

    host_start(&h);
    bench_start(&b, 512, 1);
    target.connect_port = h.port;
    b.left = 1;
    cr_assert_eq(live_tftp_start(b.tftp, &target, &ops, &p, &p.fetch), 0);
    live_loop_run(b.loop);
    cr_assert_eq(p.status, SIM_ELIMIT, "%s", p.reason);
    cr_assert_leq(p.got, 1000u);
    bench_stop(&b);
    host_stop(&h);
}

Test(tftp, says_at_once_what_can_not_be_asked)
{
    struct bench b;
    struct live_tftp_fetch *fetch;
    struct phone p = {0};
    struct live_fetch_target target = {
        .source = PHONE, .connect_addr = HOST, .connect_port = 9, .path = ""};

    bench_start(&b, 512, 1);
    cr_assert_eq(live_tftp_start(b.tftp, &target, &ops, &p, &fetch), SIM_EINVAL);
    target.path = "x";
    target.source = 0x01010101; /* not an address of this machine */
    cr_assert_lt(live_tftp_start(b.tftp, &target, &ops, &p, &fetch), 0);
    bench_stop(&b);
}
