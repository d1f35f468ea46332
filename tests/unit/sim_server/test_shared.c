/* Goal: what HTTP and TFTP share is one thing: places, uplink, files, the rules for names, counters
 * and log. Method: a real child process asked over both at once, TFTP in raw datagrams (RFC 1350).
 */
#include "client.h"

enum {
    HUGE = 64 << 20,
};

struct fixture {
    struct scratch scratch;
    struct sim_catalog *catalog;
    struct sim_server *server;
    struct sim_server_ports ports;
};

static void set_up(struct fixture *f, struct sim_server_config *config)
{
    scratch_make(&f->scratch);
    mkdir(scratch_at(&f->scratch, "root"), 0755);
    mkdir(scratch_at(&f->scratch, "in"), 0755);
    scratch_write(&f->scratch, "secret", "secret", 6);
    scratch_write(&f->scratch, "root/file", "from the folder", 15);
    cr_assert_eq(symlink("../secret", scratch_at(&f->scratch, "root/link-out")), 0);
    f->catalog = sim_catalog_new();
    cr_assert_eq(sim_catalog_add_synthetic(f->catalog, "huge", true, HUGE, 1), 0);
    cr_assert_eq(sim_catalog_add_memory(f->catalog, "small", false, "small", 5), 0);
    config->catalog = f->catalog;
    config->root = scratch_at(&f->scratch, "root");
    config->http = config->tftp = true;
    f->server = server_start(config, &f->ports);
    cr_assert(f->ports.tftp != 0);
}

static void tear_down(struct fixture *f)
{
    sim_server_stop(f->server);
    sim_catalog_free(f->catalog);
    scratch_remove(&f->scratch);
}

/* One TFTP request and its first answer. */
struct exchange {
    int fd;
    struct sockaddr_in peer; /* the server's TID, once it answered */
    uint8_t answer[2048];
    ssize_t len; /* of the answer; -1: none came */
};

static void tftp_ask(struct fixture *f, struct exchange *x, uint8_t opcode, const char *name,
                     size_t name_len)
{
    uint8_t packet[1024] = {0, opcode};
    struct timeval wait = {CLIENT_WAIT_S, 0};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(f->ports.tftp)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memset(x, 0, sizeof(*x));
    x->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    setsockopt(x->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    memcpy(packet + 2, name, name_len);
    memcpy(packet + 2 + name_len + 1, "octet", 6);
    size_t len = 2 + name_len + 1 + 6;
    cr_assert_eq(sendto(x->fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
}

static void tftp_read(struct exchange *x)
{
    socklen_t len = sizeof(x->peer);
    x->len = recvfrom(x->fd, x->answer, sizeof(x->answer), 0, (struct sockaddr *)&x->peer, &len);
    cr_assert(x->len >= 4, "no answer");
}

static void tftp_send(struct exchange *x, const void *packet, size_t len)
{
    cr_assert_eq(sendto(x->fd, packet, len, 0, (struct sockaddr *)&x->peer, sizeof(x->peer)),
                 (ssize_t)len);
}

static void tftp_acknowledge(struct exchange *x)
{
    uint8_t ack[4] = {0, 4, x->answer[2], x->answer[3]};
    tftp_send(x, ack, sizeof(ack));
}

/* The error code that `name` leads to; -1 for data. */
static int tftp_code(struct fixture *f, uint8_t opcode, const char *name, size_t len)
{
    static const uint8_t bye[] = {0, 5, 0, 0, 'b', 'y', 'e', 0};
    struct exchange x;
    tftp_ask(f, &x, opcode, name, len);
    tftp_read(&x);
    cr_assert_null(memmem(x.answer, (size_t)x.len, "secret", 6), "%s", name);
    int code = x.answer[1] == 5 ? x.answer[3] : -1;
    if (code < 0) {
        tftp_send(&x, bye, sizeof(bye));
    }
    close(x.fd);
    return code;
}

static void await(struct fixture *f, uint32_t transfers)
{
    struct sim_server_stats stats;
    double end = client_now() + CLIENT_WAIT_S;
    do {
        sim_server_stats(f->server, &stats);
    } while (stats.transfers != transfers && client_now() < end);
    cr_assert_eq(stats.transfers, transfers, "%u", stats.transfers);
}

Test(server_shared, tftp_gives_the_same_files)
{
    struct fixture f;
    struct exchange x;
    struct sim_server_config config = {0};
    set_up(&f, &config);
    tftp_ask(&f, &x, 1, "small", 5);
    tftp_read(&x);
    cr_assert(x.len == 9 && memcmp(x.answer, "\0\3\0\1small", 9) == 0);
    tftp_acknowledge(&x);
    close(x.fd);
    tftp_ask(&f, &x, 1, "file", 4);
    tftp_read(&x);
    cr_assert(x.len == 19 && memcmp(x.answer + 4, "from the folder", 15) == 0);
    tftp_acknowledge(&x);
    close(x.fd);
    tear_down(&f);
}

Test(server_shared, tftp_gives_nothing_outside_its_root)
{
    static const struct {
        const char *name;
        int want;
    } rows[] = {
        {"../secret", 2}, {"/etc/passwd", 2}, {"/small", 2},        {"a/../../secret", 2},
        {"..", 2},        {"C:/x", 2},        {"..\\secret", 2},    {"link-out", 2},
        {"./small", 2},   {"nothing", 1},     {"%2e%2e/secret", 1}, {"small\n", 2},
    };
    struct fixture f;
    struct sim_server_config config = {0};
    set_up(&f, &config);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int code = tftp_code(&f, 1, rows[i].name, strlen(rows[i].name));
        cr_assert_eq(code, rows[i].want, "%s: %d", rows[i].name, code);
    }
    cr_assert_eq(tftp_code(&f, 2, "small", 5), 2, "no uploads unless asked for");
    tear_down(&f);
}

Test(server_shared, uploads_stay_inside_their_folder)
{
    struct fixture f;
    struct exchange x;
    struct sim_server_config config = {0};
    char in[128];
    set_up(&f, &config);
    sim_server_stop(f.server);
    strcpy(in, scratch_at(&f.scratch, "in"));
    config.upload_root = in;
    config.root = NULL;
    f.server = server_start(&config, &f.ports);
    static const char *const bad[] = {"../x", "/x", "a\\b", "C:x", ".."};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(tftp_code(&f, 2, bad[i], strlen(bad[i])), 2, "%s", bad[i]);
    }
    tftp_ask(&f, &x, 2, "new", 3);
    tftp_read(&x);
    cr_assert(x.len == 4 && x.answer[1] == 4, "ACK 0");
    tftp_send(&x, "\0\3\0\1hello", 9);
    tftp_read(&x);
    cr_assert(x.len == 4 && x.answer[1] == 4 && x.answer[3] == 1, "ACK 1");
    close(x.fd);
    cr_assert_eq(access(scratch_at(&f.scratch, "in/new"), R_OK), 0, "there before the ACK");
    cr_assert_eq(tftp_code(&f, 2, "new", 3), 6, "exists");
    tear_down(&f);
}

Test(server_shared, places_are_of_both_protocols_together)
{
    struct fixture f;
    struct exchange x, y;
    struct client_reply reply;
    struct sim_server_config config = {.max_transfers = 2, .overflow = SIM_OVERFLOW_REFUSE};
    set_up(&f, &config);
    int fd = client_dial(f.ports.http);
    client_ask(fd, "GET", "/huge", "");
    await(&f, 1);
    tftp_ask(&f, &x, 1, "huge", 4);
    tftp_read(&x);
    cr_assert_eq(x.answer[1], 3);
    await(&f, 2);
    cr_assert_eq(client_get(f.ports.http, "/small", &reply), 503, "%d", reply.status);
    client_free(&reply);
    tftp_ask(&f, &y, 1, "small", 5);
    tftp_read(&y);
    cr_assert(y.answer[1] == 5 && y.answer[3] == 0, "error 0");
    cr_assert_not_null(strstr((char *)y.answer + 4, "busy"), "%s", (char *)y.answer + 4);
    close(y.fd);
    tftp_send(&x, "\0\5\0\0bye", 8);
    close(x.fd);
    await(&f, 1);
    cr_assert_eq(client_status(f.ports.http, "/small"), 200);
    close(fd);
    await(&f, 0);
    struct sim_server_stats stats;
    sim_server_stats(f.server, &stats);
    cr_assert(stats.refused == 2 && stats.peak_transfers == 2);
    tear_down(&f);
}

Test(server_shared, the_queue_is_of_both_protocols_together)
{
    struct fixture f;
    struct exchange x;
    struct client_reply reply;
    struct sim_server_stats stats;
    struct sim_server_config config = {.max_transfers = 1, .overflow = SIM_OVERFLOW_QUEUE};
    set_up(&f, &config);
    int holder = client_dial(f.ports.http);
    client_ask(holder, "GET", "/huge", "");
    await(&f, 1);
    tftp_ask(&f, &x, 1, "small", 5);
    double end = client_now() + CLIENT_WAIT_S;
    do {
        sim_server_stats(f.server, &stats);
    } while (stats.queued < 1 && client_now() < end);
    int fd = client_dial(f.ports.http);
    client_ask(fd, "GET", "/small", "");
    do {
        sim_server_stats(f.server, &stats);
    } while (stats.queued < 2 && client_now() < end);
    cr_assert_eq(stats.queued, 2);
    close(holder);
    tftp_read(&x); /* its turn first; then the HTTP one's */
    cr_assert(x.len == 9 && x.answer[1] == 3);
    tftp_acknowledge(&x);
    close(x.fd);
    client_read(fd, true, &reply);
    cr_assert_eq(reply.status, 200);
    client_free(&reply);
    close(fd);
    await(&f, 0);
    tear_down(&f);
}

Test(server_shared, waiting_tftp_requests_do_not_keep_it_from_stopping)
{
    struct fixture f;
    struct exchange x[8];
    struct sim_server_stats stats;
    struct sim_server_config config = {.max_transfers = 1, .overflow = SIM_OVERFLOW_QUEUE};
    set_up(&f, &config);
    for (int i = 0; i < 8; i++) {
        tftp_ask(&f, &x[i], 1, "huge", 4);
    }
    double end = client_now() + CLIENT_WAIT_S;
    do {
        sim_server_stats(f.server, &stats);
    } while (stats.queued < 7 && client_now() < end);
    double start = client_now();
    tear_down(&f);
    cr_assert_lt(client_now() - start, 2.9, "it was killed, which is after 3 s");
    for (int i = 0; i < 8; i++) {
        close(x[i].fd);
    }
}

Test(server_shared, the_log_and_the_counters_know_both)
{
    struct fixture f;
    struct exchange x;
    struct sim_server_stats stats;
    char log[128], text[2000];
    struct sim_server_config config = {0};
    struct scratch logs;
    scratch_make(&logs);
    strcpy(log, scratch_at(&logs, "access.log"));
    config.access_log = log;
    set_up(&f, &config);
    tftp_ask(&f, &x, 1, "small", 5);
    tftp_read(&x);
    tftp_acknowledge(&x);
    close(x.fd);
    cr_assert_eq(tftp_code(&f, 1, "nothing", 7), 1);
    cr_assert_eq(client_status(f.ports.http, "/small"), 200);
    double end = client_now() + CLIENT_WAIT_S;
    do {
        sim_server_stats(f.server, &stats);
    } while (stats.requests < 3 && client_now() < end);
    cr_assert_eq(stats.requests, 3);
    cr_assert_eq(stats.payload_bytes, 10);
    cr_assert_eq(stats.not_found, 1);
    cr_assert_eq(stats.errors, 0);
    sim_server_stop(f.server);
    f.server = NULL;
    FILE *file = fopen(log, "r");
    size_t len = fread(text, 1, sizeof(text) - 1, file);
    text[len] = '\0';
    fclose(file);
    cr_assert_not_null(strstr(text, " tftp RRQ \"small\" 0 5 "), "%s", text);
    cr_assert_not_null(strstr(text, " tftp RRQ \"nothing\" 1 0 "), "%s", text);
    cr_assert_not_null(strstr(text, " http GET \"small\" 200 5 "), "%s", text);
    scratch_remove(&logs);
    tear_down(&f);
}

/* Bits a second on the line, headers included, of an HTTP and a TFTP transfer together. */
static double try_uplink(void)
{
    struct fixture f;
    struct exchange x;
    struct sim_server_config config = {.uplink_bit_s = 8000000};
    static char drain[1 << 16];
    uint64_t http = 0, tftp = 0;
    set_up(&f, &config);
    int fd = client_dial(f.ports.http);
    client_ask(fd, "GET", "/huge", "");
    tftp_ask(&f, &x, 1, "huge", 4);
    tftp_read(&x);
    double start = client_now(), now;
    while ((now = client_now()) - start < 2.0) {
        ssize_t n = recv(fd, drain, sizeof(drain), MSG_DONTWAIT);
        http += n > 0 ? (uint64_t)n : 0;
        tftp_acknowledge(&x);
        tftp_read(&x);
        tftp += 512;
    }
    cr_assert(tftp > 20000 && http > 500000, "%llu %llu", (unsigned long long)tftp,
              (unsigned long long)http);
    close(fd);
    close(x.fd);
    tear_down(&f);
    return ((double)http * 1500 / 1448 + (double)tftp * 544 / 512) * 8 / (now - start);
}

Test(server_shared, the_uplink_is_of_both_protocols_together)
{
    double rate = 0;
    for (int i = 0; i < 3 && rate < 8e6 * 0.95; i++) { /* as in test_limits.c */
        rate = try_uplink();
        cr_assert(rate < 8e6 * 1.05, "%.0f bit/s", rate);
    }
    cr_assert(rate > 8e6 * 0.95, "%.0f bit/s", rate);
}
