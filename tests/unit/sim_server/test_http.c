/* Goal: the HTTP side gives files, and nothing but files, byte for byte. Method: a real child
 * process and raw sockets. */
#include <poll.h>

#include "client.h"

enum {
    BIG = 3000001, /* bytes: many socket buffers, and no multiple of anything */
};

struct fixture {
    struct scratch scratch;
    struct sim_catalog *catalog;
    struct sim_server *server;
    struct sim_server_ports ports;
    uint8_t *big; /* what root/big.bin has */
};

static int resolve_sep(void *context, const char *name, uint8_t *bytes, size_t *len)
{
    (void)context;
    if (strncmp(name, "SEP", 3) != 0) {
        return SIM_ENOTFOUND;
    }
    *len = (size_t)snprintf((char *)bytes, SIM_CONTENT_RESOLVED_MAX, "<device name=\"%s\"/>", name);
    return 0;
}

static void set_up(struct fixture *f, struct sim_server_config *config)
{
    memset(f, 0, sizeof(*f));
    scratch_make(&f->scratch);
    mkdir(scratch_at(&f->scratch, "root"), 0755);
    mkdir(scratch_at(&f->scratch, "root/sub"), 0755);
    f->big = malloc(BIG);
    sim_content_synthetic(99, 0, f->big, BIG);
    scratch_write(&f->scratch, "secret", "secret", 6);
    scratch_write(&f->scratch, "root/big.bin", f->big, BIG);
    scratch_write(&f->scratch, "root/empty", "", 0);
    scratch_write(&f->scratch, "root/both", "from the folder", 15);
    scratch_write(&f->scratch, "root/sub/file", "deep", 4);
    scratch_write(&f->scratch, "real", "a real file", 11);
    cr_assert_eq(symlink("../secret", scratch_at(&f->scratch, "root/link-out")), 0);
    cr_assert_eq(symlink("/", scratch_at(&f->scratch, "root/slash")), 0);

    f->catalog = sim_catalog_new();
    cr_assert_eq(sim_catalog_add_memory(f->catalog, "ten", false, "0123456789", 10), 0);
    cr_assert_eq(sim_catalog_add_memory(f->catalog, "both", false, "from the catalog", 16), 0);
    cr_assert_eq(sim_catalog_add_memory(f->catalog, "SEPheld", false, "held", 4), 0);
    cr_assert_eq(sim_catalog_add_synthetic(f->catalog, "fw/big.sbn", true, BIG, 1), 0);
    cr_assert_eq(sim_catalog_add_file(f->catalog, "mapped", true, scratch_at(&f->scratch, "real")),
                 0);
    sim_catalog_set_resolver(f->catalog, resolve_sep, NULL);
    config->catalog = f->catalog;
    config->root = scratch_at(&f->scratch, "root");
    config->http = true;
    f->server = server_start(config, &f->ports);
}

static void tear_down(struct fixture *f)
{
    sim_server_stop(f->server);
    sim_catalog_free(f->catalog);
    free(f->big);
    scratch_remove(&f->scratch);
}

static void expect(uint16_t port, const char *target, const void *want, size_t len)
{
    struct client_reply reply;
    cr_assert_eq(client_get(port, target, &reply), 200, "%s: %d", target, reply.status);
    cr_assert_eq(reply.length, len, "%s: %llu bytes", target, (unsigned long long)reply.length);
    cr_assert(reply.body_len == len && memcmp(reply.body, want, len) == 0, "%s: bytes", target);
    client_free(&reply);
}

static void every_kind_is_served(struct sim_server_config config)
{
    struct fixture f;
    set_up(&f, &config);
    uint16_t port = f.ports.http;
    uint8_t *synthetic = malloc(BIG);
    sim_content_read(sim_catalog_find(f.catalog, "fw/big.sbn"), 0, synthetic, BIG);

    expect(port, "/ten", "0123456789", 10);
    expect(port, "/ten?query", "0123456789", 10);
    expect(port, "/%74en", "0123456789", 10);
    expect(port, "/mapped", "a real file", 11);
    expect(port, "/fw/big.sbn", synthetic, BIG);
    expect(port, "/big.bin", f.big, BIG);
    expect(port, "/empty", "", 0);
    expect(port, "/sub/file", "deep", 4);
    expect(port, "/both", "from the catalog", 16);
    expect(port, "/SEPheld", "held", 4);
    expect(port, "/SEP1", "<device name=\"SEP1\"/>", 21);
    cr_assert_eq(client_status(port, "/nothing"), 404);
    cr_assert_eq(client_status(port, "/fw"), 404);
    free(synthetic);
    tear_down(&f);
}

Test(server_http, serves_catalog_then_resolver_then_folder)
{
    every_kind_is_served((struct sim_server_config){0});
}

Test(server_http, serves_the_same_bytes_when_it_is_paced)
{
    every_kind_is_served((struct sim_server_config){.uplink_bit_s = 2000000000});
}

Test(server_http, serves_the_same_bytes_after_a_response_time)
{
    every_kind_is_served((struct sim_server_config){.response_time = 1 * SIM_MS});
}

Test(server_http, gives_nothing_outside_its_root)
{
    static const struct {
        const char *target;
        int want;
    } rows[] = {
        {"/../secret", 403},
        {"/sub/../../secret", 403},
        {"/%2e%2e/secret", 403},
        {"/%2e%2e%2fsecret", 403},
        {"/..%2fsecret", 403},
        {"/.%2e/secret", 403},
        {"/%252e%252e/secret", 404},
        {"/..%5csecret", 403},
        {"/..\\secret", 403},
        {"//etc/passwd", 403},
        {"/%2fetc/passwd", 403},
        {"///etc/passwd", 403},
        {"/slash/etc/passwd", 403},
        {"/link-out", 403},
        {"/C:/windows", 403},
        {"/c:secret", 403},
        {"/ten%00", 400},
        {"/ten%00.xml", 400},
        {"/sub/file%00/../../../secret", 400},
        {"/ten%0a", 400},
        {"/%", 400},
        {"/%zz", 400},
        {"/", 403},
        {"/sub", 403},
        {"/sub/", 403},
        {"/.", 403},
        {"/sub/.", 403},
        {"/sub//file", 403},
        {"ten", 403},
        {"http://x/ten", 403},
        {"*", 403},
    };
    struct fixture f;
    struct sim_server_config config = {0};
    set_up(&f, &config);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct client_reply reply;
        cr_assert_eq(client_get(f.ports.http, rows[i].target, &reply), rows[i].want, "%s: %d",
                     rows[i].target, reply.status);
        cr_assert_null(strstr((char *)reply.body, "secret"), "%s", rows[i].target);
        cr_assert_null(strstr((char *)reply.body, "root:"), "%s", rows[i].target);
        client_free(&reply);
    }
    char target[600] = "/";
    memset(target + 1, 'n', 400);
    cr_assert_eq(client_status(f.ports.http, target), 414);
    tear_down(&f);
}

Test(server_http, answers_a_range_with_just_that)
{
    static const struct {
        const char *target, *range;
        int want;
        const char *content_range;
        uint64_t offset, len;
    } rows[] = {
        {"/big.bin", "bytes=5-9", 206, "bytes 5-9/3000001", 5, 5},
        {"/big.bin", "bytes=1000000-", 206, "bytes 1000000-3000000/3000001", 1000000, 2000001},
        {"/big.bin", "bytes=-7", 206, "bytes 2999994-3000000/3000001", 2999994, 7},
        {"/big.bin", "bytes=3000001-", 416, "bytes */3000001", 0, 0},
        {"/big.bin", "bytes=9-5", 200, NULL, 0, BIG},
        {"/big.bin", "bytes=0-1,4-5", 200, NULL, 0, BIG},
        {"/empty", "bytes=0-", 416, "bytes */0", 0, 0},
    };
    for (int paced = 0; paced < 2; paced++) {
        struct fixture f;
        struct sim_server_config config = {.uplink_bit_s = paced ? 4000000000 : 0};
        set_up(&f, &config);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct client_reply reply;
            char fields[80];
            int fd = client_dial(f.ports.http);
            snprintf(fields, sizeof(fields), "Range: %s\r\n", rows[i].range);
            client_ask(fd, "GET", rows[i].target, fields);
            client_read(fd, true, &reply);
            cr_assert_eq(reply.status, rows[i].want, "row %zu: %d", i, reply.status);
            const char *got = client_field(&reply, "Content-Range");
            cr_assert((got == NULL) == (rows[i].content_range == NULL), "row %zu", i);
            cr_assert(got == NULL || strcmp(got, rows[i].content_range) == 0, "row %zu: %s", i,
                      got);
            if (reply.status != 416) {
                cr_assert_eq(reply.body_len, rows[i].len, "row %zu", i);
                cr_assert_eq(memcmp(reply.body, f.big + rows[i].offset, reply.body_len), 0);
            }
            client_free(&reply);
            close(fd);
        }
        tear_down(&f);
    }
}

Test(server_http, ignores_a_range_that_depends_on_a_validator)
{
    struct fixture f;
    struct sim_server_config config = {0};
    struct client_reply reply;
    set_up(&f, &config);
    int fd = client_dial(f.ports.http);
    client_ask(fd, "GET", "/ten", "Range: bytes=1-2\r\nIf-Range: \"x\"\r\n");
    client_read(fd, true, &reply);
    cr_assert(reply.status == 200 && reply.body_len == 10);
    client_free(&reply);
    close(fd);
    tear_down(&f);
}

Test(server_http, keeps_a_connection_for_many_requests_of_all_outcomes)
{
    static const struct {
        const char *method, *target;
        int want;
        uint64_t length;
    } rows[] = {
        {"GET", "/ten", 200, 10},          {"HEAD", "/ten", 200, 10},
        {"GET", "/nothing", 404, 0},       {"GET", "/big.bin", 200, BIG},
        {"HEAD", "/fw/big.sbn", 200, BIG}, {"HEAD", "/nothing", 404, 0},
        {"GET", "/../x", 403, 0},          {"GET", "/fw/big.sbn", 200, BIG},
        {"HEAD", "/big.bin", 200, BIG},    {"GET", "/SEP1", 200, 21},
        {"HEAD", "/SEP1", 200, 21},        {"GET", "/mapped", 200, 11},
    };
    struct fixture f;
    struct sim_server_config config = {.response_time = 1 * SIM_MS};
    set_up(&f, &config);
    int fd = client_dial(f.ports.http);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
            struct client_reply reply;
            client_ask(fd, rows[i].method, rows[i].target, "");
            client_read(fd, strcmp(rows[i].method, "GET") == 0, &reply);
            cr_assert_eq(reply.status, rows[i].want, "row %zu: %d", i, reply.status);
            cr_assert(rows[i].length == 0 || reply.length == rows[i].length, "row %zu", i);
            client_free(&reply);
        }
    }
    close(fd);
    tear_down(&f);
}

Test(server_http, answers_pipelined_requests_in_order)
{
    struct fixture f;
    struct sim_server_config config = {.response_time = 1 * SIM_MS};
    struct client_reply reply;
    set_up(&f, &config);
    int fd = client_dial(f.ports.http);
    client_send(fd, "GET /ten HTTP/1.1\r\nHost: x\r\n\r\nGET /no HTTP/1.1\r\nHost: x\r\n\r\n"
                    "GET /mapped HTTP/1.1\r\nHost: x\r\n\r\n");
    client_read(fd, true, &reply);
    cr_assert(reply.status == 200 && reply.body_len == 10);
    client_free(&reply);
    client_read(fd, true, &reply);
    cr_assert_eq(reply.status, 404);
    client_free(&reply);
    client_read(fd, true, &reply);
    cr_assert(reply.status == 200 && reply.body_len == 11);
    client_free(&reply);
    close(fd);
    tear_down(&f);
}

Test(server_http, refuses_other_methods_and_takes_no_body)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "PROPFIND", "TRACE"};
    struct fixture f;
    struct sim_server_config config = {.response_time = 1 * SIM_MS};
    struct client_reply reply;
    set_up(&f, &config);
    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        int fd = client_dial(f.ports.http);
        client_ask(fd, methods[i], "/ten", "Content-Length: 3\r\n");
        client_send(fd, "abc");
        client_read(fd, true, &reply);
        cr_assert_eq(reply.status, 405, "%s: %d", methods[i], reply.status);
        cr_assert_str_eq(client_field(&reply, "Allow"), "GET, HEAD");
        client_free(&reply);
        close(fd);
    }
    int fd = client_dial(f.ports.http);
    client_ask(fd, "GET", "/ten", "Content-Length: 3\r\n");
    client_send(fd, "abc");
    client_read(fd, true, &reply);
    cr_assert_eq(reply.status, 200, "a small body of a GET is dropped");
    client_free(&reply);
    close(fd);
    tear_down(&f);
}

Test(server_http, survives_what_is_no_http)
{
    static const char *const rubbish[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /ten\r\n\r\n",
        "\x16\x03\x01\x02\x01garbage\r\n\r\n",
        "GET /ten HTTP/9.9\r\n\r\n",
        "GET /ten HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "GET /ten HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "GET /ten HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET /t",
    };
    struct fixture f;
    struct sim_server_config config = {0};
    set_up(&f, &config);
    for (size_t i = 0; i < sizeof(rubbish) / sizeof(rubbish[0]); i++) {
        char drain[512];
        int fd = client_dial(f.ports.http);
        client_send(fd, rubbish[i]);
        shutdown(fd, SHUT_WR);
        /* Refused at once, or not answered: then we leave first. */
        struct pollfd p = {.fd = fd, .events = POLLIN};
        while (poll(&p, 1, 100) > 0 && recv(fd, drain, sizeof(drain), 0) > 0) {
        }
        close(fd);
    }
    /* A head that never ends. */
    char line[1024];
    int fd = client_dial(f.ports.http);
    memset(line, 'h', sizeof(line));
    client_send(fd, "GET /ten HTTP/1.1\r\nX: ");
    for (int i = 0; i < 64; i++) {
        if (send(fd, line, sizeof(line), MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    close(fd);
    expect(f.ports.http, "/ten", "0123456789", 10);
    tear_down(&f);
}

Test(server_http, forgets_a_client_that_leaves_in_the_middle)
{
    struct fixture f;
    struct sim_server_config config = {.max_transfers = 3};
    set_up(&f, &config);
    const char *const targets[] = {"/big.bin", "/fw/big.sbn", "/big.bin"};
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 3; i++) {
            struct linger hard = {1, 0};
            char some[1000];
            int fd = client_dial(f.ports.http);
            client_ask(fd, "GET", targets[i], "");
            cr_assert(recv(fd, some, sizeof(some), 0) > 0);
            if (round % 2 == 0) {
                setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard)); /* RST */
            }
            close(fd);
        }
        /* Places come back: else the third round would be refused for ever. */
        double end = client_now() + CLIENT_WAIT_S;
        struct sim_server_stats stats;
        do {
            sim_server_stats(f.server, &stats);
        } while (stats.transfers > 0 && client_now() < end);
        cr_assert_eq(stats.transfers, 0, "round %d: %u", round, stats.transfers);
    }
    expect(f.ports.http, "/ten", "0123456789", 10);
    tear_down(&f);
}

Test(server_http, counts_what_it_did)
{
    struct fixture f;
    struct sim_server_config config = {0};
    struct sim_server_stats stats;
    set_up(&f, &config);
    expect(f.ports.http, "/big.bin", f.big, BIG);
    expect(f.ports.http, "/ten", "0123456789", 10);
    cr_assert_eq(client_status(f.ports.http, "/nothing"), 404);
    cr_assert_eq(client_status(f.ports.http, "/../x"), 403);
    double end = client_now() + CLIENT_WAIT_S;
    do { /* the client may have its bytes before the server has counted them */
        sim_server_stats(f.server, &stats);
    } while ((stats.requests < 4 || stats.transfers > 0) && client_now() < end);
    cr_assert_eq(stats.requests, 4);
    cr_assert_eq(stats.payload_bytes, BIG + 10);
    cr_assert(stats.bytes > BIG + 10 + 4 * 100 && stats.bytes < BIG + 10 + 4 * 500, "%llu",
              (unsigned long long)stats.bytes);
    cr_assert(stats.not_found == 1 && stats.errors == 1 && stats.refused == 0);
    cr_assert(stats.transfers == 0 && stats.peak_transfers == 1);
    tear_down(&f);
}

Test(server_http, logs_a_line_a_request)
{
    struct fixture f;
    struct scratch logs;
    char text[4096] = "", client[64], name[128];
    int year, status;
    unsigned long long bytes;
    double seconds;
    scratch_make(&logs);
    struct sim_server_config config = {.access_log = scratch_at(&logs, "access.log")};
    set_up(&f, &config);
    expect(f.ports.http, "/ten", "0123456789", 10);
    cr_assert_eq(client_status(f.ports.http, "/no\"thing%01"), 400);
    cr_assert_eq(client_status(f.ports.http, "/nothing"), 404);
    sim_server_stop(f.server);
    f.server = NULL;
    FILE *file = fopen(scratch_at(&logs, "access.log"), "r");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(text, sizeof(text), file));
    cr_assert_eq(sscanf(text, "%4d-%*2d-%*2dT%*d:%*d:%*fZ %63s http GET \"%127[^\"]\" %d %llu %lf",
                        &year, client, name, &status, &bytes, &seconds),
                 6, "%s", text);
    cr_assert(year > 2000 && strncmp(client, "127.0.0.1:", 10) == 0, "%s", text);
    cr_assert(strcmp(name, "ten") == 0 && status == 200 && bytes == 10 && seconds < 10, "%s", text);
    cr_assert_not_null(fgets(text, sizeof(text), file));
    cr_assert_not_null(strstr(text, "GET \"/no%22thing%01\" 400 0 "), "%s", text);
    cr_assert_not_null(fgets(text, sizeof(text), file));
    cr_assert_not_null(strstr(text, "GET \"nothing\" 404 0 "), "%s", text);
    cr_assert_null(fgets(text, sizeof(text), file));
    fclose(file);
    scratch_remove(&logs);
    tear_down(&f);
}

/* Runs curl; returns its exit status. */
static int curl(const char *arguments)
{
    char command[1024];
    snprintf(command, sizeof(command), "curl -sS -m 20 --noproxy '*' %s 2>/dev/null", arguments);
    int status = system(command);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

Test(server_https, is_trusted_by_the_certificate_made_for_the_run)
{
    struct fixture f;
    struct sim_server_config config = {.https = true, .response_time = 1 * SIM_MS};
    char arguments[900];
    set_up(&f, &config);
    cr_assert(f.ports.https != 0 && f.ports.https != f.ports.http && f.ports.ca_file[0] == '/');
    static const char *const hosts[] = {"127.0.0.1", "localhost"};
    static const char *const files[] = {"big.bin", "fw/big.sbn", "ten"};
    for (size_t h = 0; h < 2; h++) {
        for (size_t i = 0; i < 3; i++) {
            snprintf(arguments, sizeof(arguments), "--ipv4 --cacert %s https://%s:%u/%s -o %s",
                     f.ports.ca_file, hosts[h], f.ports.https, files[i],
                     scratch_at(&f.scratch, "got"));
            cr_assert_eq(curl(arguments), 0, "%s", arguments);
            struct client_reply reply;
            char target[64];
            snprintf(target, sizeof(target), "/%s", files[i]);
            cr_assert_eq(client_get(f.ports.http, target, &reply), 200);
            uint8_t *got = malloc(BIG + 1);
            FILE *file = fopen(scratch_at(&f.scratch, "got"), "rb");
            size_t len = fread(got, 1, BIG + 1, file);
            fclose(file);
            cr_assert(len == reply.body_len && memcmp(got, reply.body, len) == 0, "%s", target);
            free(got);
            client_free(&reply);
        }
    }
    snprintf(arguments, sizeof(arguments), "https://127.0.0.1:%u/ten -o /dev/null", f.ports.https);
    cr_assert_eq(curl(arguments), 60, "nobody else trusts it");
    snprintf(arguments, sizeof(arguments),
             "--cacert %s --resolve evil.example:%u:127.0.0.1 https://evil.example:%u/ten "
             "-o /dev/null",
             f.ports.ca_file, f.ports.https, f.ports.https);
    cr_assert_eq(curl(arguments), 60, "not for another name");
    char ca_file[256];
    strcpy(ca_file, f.ports.ca_file);
    tear_down(&f);
    cr_assert_neq(access(ca_file, F_OK), 0, "removed at the end");
}

Test(server_https, two_servers_of_one_identity_are_trusted_alike)
{
    struct scratch s;
    struct sim_server_identity *identity;
    struct sim_server *servers[2];
    struct sim_server_ports ports[2];
    char arguments[900];
    scratch_make(&s);
    scratch_write(&s, "file", "hello", 5);
    cr_assert_eq(sim_server_identity_new(&identity, 0), 0);
    struct sim_server_config config = {.https = true, .root = s.path, .identity = identity};
    for (size_t i = 0; i < 2; i++) {
        servers[i] = server_start(&config, &ports[i]);
    }
    sim_server_identity_free(identity);
    for (size_t i = 0; i < 4; i++) {
        snprintf(arguments, sizeof(arguments), "--cacert %s https://127.0.0.1:%u/file -o /dev/null",
                 ports[i / 2].ca_file, ports[i % 2].https);
        cr_assert_eq(curl(arguments), 0, "%s", arguments);
    }
    for (size_t i = 0; i < 2; i++) {
        sim_server_stop(servers[i]);
        cr_assert_neq(access(ports[i].ca_file, F_OK), 0, "removed at the end");
    }
    scratch_remove(&s);
}

Test(server_https, takes_a_certificate_of_the_users)
{
    struct scratch s;
    char command[1024], arguments[900], why[SIM_SERVER_TEXT_MAX];
    struct sim_server_ports ports;
    struct sim_server *server;
    scratch_make(&s);
    scratch_write(&s, "file", "hello", 5);
    snprintf(command, sizeof(command),
             "openssl req -x509 -newkey rsa:2048 -nodes -keyout %s -out %s -days 2 -subj /CN=own "
             "-addext subjectAltName=IP:127.0.0.1 2>/dev/null",
             scratch_at(&s, "key.pem"), scratch_at(&s, "cert.pem"));
    cr_assert_eq(system(command), 0);
    struct sim_server_config config = {.https = true, .root = s.path};
    char cert[256], key[256];
    strcpy(cert, scratch_at(&s, "cert.pem"));
    strcpy(key, scratch_at(&s, "key.pem"));
    config.tls_cert_file = cert;
    config.tls_key_file = key;
    server = server_start(&config, &ports);
    cr_assert_str_eq(ports.ca_file, "", "none was made");
    cr_assert_eq(ports.http, 0, "HTTP is off");
    snprintf(arguments, sizeof(arguments), "--cacert %s https://127.0.0.1:%u/file -o /dev/null",
             cert, ports.https);
    cr_assert_eq(curl(arguments), 0);
    sim_server_stop(server);

    config.tls_key_file = "/nowhere/key.pem";
    cr_assert_eq(sim_server_start(&server, &config, why), SIM_ENOTFOUND);
    cr_assert_not_null(strstr(why, "/nowhere/key.pem"), "%s", why);
    config.tls_key_file = cert; /* PEM, but no key */
    cr_assert_eq(sim_server_start(&server, &config, why), SIM_ETLS, "%s", why);
    cr_assert_gt(strlen(why), 10);
    scratch_remove(&s);
}
