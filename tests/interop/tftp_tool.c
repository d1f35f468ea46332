/* tests/interop/tftp_tool.c -- our TFTP client and server as a command, for test_tftp.sh.
 *
 *     tftp_tool serve DIR [UPLOADS]      serves DIR, takes new files into UPLOADS; prints its port,
 *                                        ends on SIGTERM
 *     tftp_tool get PORT NAME OUT [BLOCK_SIZE [WINDOW [SOURCE]]]     fetches from 127.0.0.1
 *     tftp_tool port                     prints a UDP port of 127.0.0.1 that is free at the moment
 *
 * Names are looked up as they are, one folder deep: the embedded server has its own, stricter
 * source. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "sim/err.h"
#include "sim/live/fetch.h"
#include "sim/live/loop.h"
#include "sim/server/tftp_server.h"

/* ---- serve ---- */

struct upload {
    int fd;
    char path[600];
};

static const char *uploads;

static int path_of(char out[600], const char *folder, const char *name)
{
    if (strchr(name, '/') != NULL || strcmp(name, "..") == 0) {
        return SIM_EACCES;
    }
    snprintf(out, 600, "%s/%s", folder, name);
    return 0;
}

static int source_open(void *context, const char *name, void **handle, uint64_t *size)
{
    char path[600];
    struct stat st;
    int rc = path_of(path, context, name);
    if (rc != 0) {
        return rc;
    }
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    fstat(fd, &st);
    *size = (uint64_t)st.st_size;
    *handle = (void *)(intptr_t)fd;
    return 0;
}

static size_t source_read(void *context, void *handle, uint64_t offset, void *bytes, size_t len)
{
    (void)context;
    ssize_t got = pread((int)(intptr_t)handle, bytes, len, (off_t)offset);
    return got < 0 ? 0 : (size_t)got;
}

static void source_close(void *context, void *handle)
{
    (void)context;
    close((int)(intptr_t)handle);
}

static int sink_create(void *context, const char *name, uint64_t size, void **handle)
{
    struct upload *u = calloc(1, sizeof(*u));
    (void)context;
    (void)size;
    int rc = u == NULL ? SIM_ENOMEM : path_of(u->path, uploads, name);
    if (rc == 0) {
        u->fd = open(u->path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
        rc = u->fd >= 0 ? 0 : errno == EEXIST ? SIM_EEXIST : sim_err_from_errno(errno);
    }
    if (rc != 0) {
        free(u);
        return rc;
    }
    *handle = u;
    return 0;
}

static int sink_write(void *context, void *handle, const void *bytes, size_t len)
{
    struct upload *u = handle;
    (void)context;
    return write(u->fd, bytes, len) == (ssize_t)len ? 0 : SIM_ENOSPC;
}

static int sink_close(void *context, void *handle, bool complete)
{
    struct upload *u = handle;
    (void)context;
    close(u->fd);
    if (!complete) {
        unlink(u->path);
    }
    free(u);
    return 0;
}

static void on_signal(uv_signal_t *handle, int number)
{
    (void)number;
    struct server_tftp *server = handle->data;
    server_tftp_close(server, NULL, NULL);
    uv_close((uv_handle_t *)handle, NULL);
}

static void on_report(void *context, const struct server_tftp_report *r)
{
    (void)context;
    fprintf(stderr, "%s %s: %llu bytes, %llu blocks, %u resends, status %d, code %d %s\n",
            r->write ? "put" : "get", r->name, (unsigned long long)r->payload,
            (unsigned long long)r->blocks, r->resends, r->status, r->code, r->reason);
}

static int serve(char *folder)
{
    struct server_tftp_sink sink = {
        .create = sink_create, .write = sink_write, .close = sink_close};
    struct server_tftp_config config = {
        .bind_addr = 0x7f000001,
        .source = {folder, source_open, source_read, source_close},
        .sink = uploads != NULL ? &sink : NULL,
        .hooks = {.report = on_report},
    };
    uv_loop_t loop;
    uv_signal_t signal_handle;
    struct server_tftp *server;

    uv_loop_init(&loop);
    int rc = server_tftp_new(&server, &loop, &config);
    if (rc != 0) {
        fprintf(stderr, "tftp_tool: can't listen: %s\n", sim_err_text(rc));
        return 1;
    }
    uv_signal_init(&loop, &signal_handle);
    signal_handle.data = server;
    uv_signal_start(&signal_handle, on_signal, SIGTERM);
    printf("%u\n", (unsigned)server_tftp_port(server));
    fflush(stdout);
    uv_run(&loop, UV_RUN_DEFAULT);
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}

/* ---- get ---- */

struct get {
    struct live_loop *loop;
    FILE *out;
    int status;
};

static int on_body(void *owner, const uint8_t *bytes, size_t len)
{
    struct get *g = owner;
    return fwrite(bytes, 1, len, g->out) == len ? 0 : SIM_ENOSPC;
}

static void on_done(void *owner, const struct sim_fetch_result *result, uint64_t resent)
{
    struct get *g = owner;
    (void)resent;
    g->status = result->status;
    if (result->status != 0) {
        fprintf(stderr, "%s: %s (code %d)\n", sim_err_name(result->status), result->reason,
                result->code);
    }
    live_loop_stop(g->loop);
}

static int get(int argc, char **argv)
{
    static const struct live_fetch_ops ops = {.body = on_body, .done = on_done};
    struct sim_server_setup setup = {.block_size = argc > 5 ? (uint16_t)atoi(argv[5]) : 512,
                                     .window = argc > 6 ? (uint16_t)atoi(argv[6]) : 1,
                                     .timeout = SIM_S,
                                     .retries = 4,
                                     .stall = 60 * SIM_S};
    struct live_fetch_target target = {.protocol = SIM_PROTOCOL_TFTP,
                                       .source = argc > 7 ? 0 : 0x7f020304,
                                       .connect_addr = 0x7f000001,
                                       .connect_port = (uint16_t)atoi(argv[2]),
                                       .path = argv[3]};
    struct get g = {.out = fopen(argv[4], "wb")};
    struct live_tftp *tftp;
    struct live_tftp_fetch *fetch;

    if (g.out == NULL || (argc > 7 && sim_addr_parse(argv[7], &target.source) != 0) ||
        live_loop_new(&g.loop, live_loop_monotonic()) != 0 ||
        live_tftp_new(&tftp, g.loop, &setup) != 0) {
        fprintf(stderr, "tftp_tool: can't begin\n");
        return 1;
    }
    int rc = live_tftp_start(tftp, &target, &ops, &g, &fetch);
    if (rc != 0) {
        fprintf(stderr, "tftp_tool: %s\n", sim_err_text(rc));
        return 1;
    }
    live_loop_run(g.loop);
    live_tftp_free(tftp);
    live_loop_free(g.loop);
    return fclose(g.out) == 0 && g.status == 0 ? 0 : 1;
}

static int print_free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
        getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
        return 1;
    }
    close(fd);
    printf("%u\n", (unsigned)ntohs(addr.sin_port));
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "port") == 0) {
        return print_free_port();
    }
    if (argc >= 3 && strcmp(argv[1], "serve") == 0) {
        uploads = argc > 3 ? argv[3] : NULL;
        return serve(argv[2]);
    }
    if (argc >= 5 && strcmp(argv[1], "get") == 0) {
        return get(argc, argv);
    }
    fprintf(stderr,
            "usage: tftp_tool port | serve DIR [UPLOADS] | get PORT NAME OUT [BLOCK_SIZE [WINDOW "
            "[SOURCE]]]\n");
    return 2;
}
