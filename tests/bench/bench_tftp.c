/* tests/bench/bench_tftp.c -- how fast our TFTP client and server are, beside curl against atftpd.
 *
 * Usage: bench_tftp [RUNS]. Medians of RUNS (5) runs each: one file of 30 MB with blocks of 1428
 * bytes, windows of 1 and 16; 1,000 phones at once in lock-step of 512 bytes; and the comparison,
 * curl against atftpd (from $ATFTPD or PATH; left out with a message when absent). Server and
 * client are two processes on loopback, as in a live run. Nothing is verified here but the number
 * of bytes: the tests do that. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "sim/err.h"
#include "sim/live/fetch.h"
#include "sim/live/loop.h"
#include "sim/server/tftp_server.h"

enum {
    FILE_BYTES = 30 * 1000 * 1000,
    PHONE_BYTES = 256 * 1024, /* for each of the thousand */
    PHONES = 1000,
    RUNS_MAX = 25,
};

static uint8_t content[FILE_BYTES];

static double seconds_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* ---- Our server, in a process of its own ---- */

static int source_open(void *context, const char *name, void **handle, uint64_t *size)
{
    (void)context;
    *handle = NULL;
    *size = strcmp(name, "phone") == 0 ? PHONE_BYTES : FILE_BYTES;
    return 0;
}

static size_t source_read(void *context, void *handle, uint64_t offset, void *bytes, size_t len)
{
    (void)context;
    (void)handle;
    memcpy(bytes, content + offset, len);
    return len;
}

static void source_close(void *context, void *handle)
{
    (void)context;
    (void)handle;
}

static pid_t start_server(uint16_t *port)
{
    int pipe_fd[2];
    if (pipe(pipe_fd) != 0) {
        exit(1);
    }
    pid_t pid = fork();
    if (pid != 0) {
        close(pipe_fd[1]);
        if (read(pipe_fd[0], port, sizeof(*port)) != (ssize_t)sizeof(*port)) {
            exit(1);
        }
        close(pipe_fd[0]);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    uv_loop_t loop;
    struct server_tftp *server;
    struct server_tftp_config config = {
        .bind_addr = INADDR_LOOPBACK,
        .source = {.open = source_open, .read = source_read, .close = source_close},
    };
    uv_loop_init(&loop);
    if (server_tftp_new(&server, &loop, &config) != 0) {
        _exit(1);
    }
    uint16_t mine = server_tftp_port(server);
    if (write(pipe_fd[1], &mine, sizeof(mine)) != (ssize_t)sizeof(mine)) {
        _exit(1);
    }
    uv_run(&loop, UV_RUN_DEFAULT);
    _exit(0);
}

/* ---- Our client ---- */

struct bench {
    struct live_loop *loop;
    size_t left;
    uint64_t bytes;
    int failed;
};

static int on_body(void *owner, const uint8_t *bytes, size_t len)
{
    struct bench *b = owner;
    (void)bytes;
    b->bytes += len;
    return 0;
}

static void on_done(void *owner, const struct sim_fetch_result *result, uint64_t resent)
{
    struct bench *b = owner;
    (void)resent;
    if (result->status != 0) {
        fprintf(stderr, "%s: %s\n", sim_err_text(result->status), result->reason);
        b->failed++;
    }
    if (--b->left == 0) {
        live_loop_stop(b->loop);
    }
}

static const struct live_fetch_ops ops = {.body = on_body, .done = on_done};

/* Seconds that `count` fetches of `name` take, all started at once. */
static double fetch(uint16_t port, const char *name, size_t count, uint64_t each,
                    uint16_t block_size, uint16_t window)
{
    struct sim_server_setup setup = {.block_size = block_size,
                                     .window = window,
                                     .timeout = SIM_S,
                                     .retries = 6,
                                     .stall = 60 * SIM_S};
    struct bench b = {.left = count};
    struct live_tftp *tftp;
    struct live_tftp_fetch *handle;

    if (live_loop_new(&b.loop, live_loop_monotonic()) != 0 ||
        live_tftp_new(&tftp, b.loop, &setup) != 0) {
        exit(1);
    }
    double began = seconds_now();
    for (size_t i = 0; i < count; i++) {
        struct live_fetch_target target = {.protocol = SIM_PROTOCOL_TFTP,
                                           .source = 0x7f010002u + (uint32_t)i,
                                           .connect_addr = INADDR_LOOPBACK,
                                           .connect_port = port,
                                           .path = name};
        int rc = live_tftp_start(tftp, &target, &ops, &b, &handle);
        if (rc != 0) {
            fprintf(stderr, "can't start: %s\n", sim_err_text(rc));
            exit(1);
        }
    }
    live_loop_run(b.loop);
    double took = seconds_now() - began;
    live_tftp_free(tftp);
    live_loop_free(b.loop);
    if (b.failed > 0 || b.bytes != each * count) {
        fprintf(stderr, "%llu bytes came, %llu were to come\n", (unsigned long long)b.bytes,
                (unsigned long long)(each * count));
        exit(1);
    }
    return took;
}

/* ---- The comparison ---- */

static uint16_t free_port(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
        exit(1);
    }
    getsockname(fd, (struct sockaddr *)&addr, &len);
    close(fd);
    return ntohs(addr.sin_port);
}

static double run_curl(uint16_t port, unsigned block_size)
{
    char command[512];
    snprintf(command, sizeof(command),
             "curl -s --max-time 120 --tftp-blksize %u -o /dev/null -w '%%{size_download}' "
             "tftp://127.0.0.1:%u/file 2>&1",
             block_size, (unsigned)port);
    double began = seconds_now();
    FILE *out = popen(command, "r");
    char text[64] = "";
    if (out == NULL || fgets(text, sizeof(text), out) == NULL || pclose(out) != 0 ||
        strtoul(text, NULL, 10) != FILE_BYTES) {
        fprintf(stderr, "curl failed: %s\n", text);
        return -1;
    }
    return seconds_now() - began;
}

static pid_t start_atftpd(char *folder, uint16_t port)
{
    const char *program = getenv("ATFTPD");
    char path[128], port_text[16];
    FILE *file;

    snprintf(path, sizeof(path), "%s/file", folder);
    file = fopen(path, "wb");
    if (file == NULL || fwrite(content, 1, FILE_BYTES, file) != FILE_BYTES || fclose(file) != 0) {
        exit(1);
    }
    chmod(folder, 0755);
    chmod(path, 0644);
    snprintf(port_text, sizeof(port_text), "%u", (unsigned)port);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp(program != NULL ? program : "atftpd", "atftpd", "--daemon", "--no-fork", "--user",
               "nobody", "--group", "nogroup", "--logfile", "/dev/null", "--bind-address",
               "127.0.0.1", "--port", port_text, folder, (char *)NULL);
        _exit(127);
    }
    usleep(300 * 1000); /* it says nothing when it is ready */
    return waitpid(pid, NULL, WNOHANG) == 0 ? pid : -1;
}

/* ---- Figures ---- */

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare_doubles);
    return values[count / 2];
}

static double print_row(const char *what, double *times, int runs, double bytes, double blocks)
{
    double took = median(times, runs);
    printf("%-44s %8.1f MB/s %9.0f blocks/s   (median of %d: %.3f s)\n", what, bytes / took / 1e6,
           blocks / took, runs, took);
    fflush(stdout);
    return took;
}

int main(int argc, char **argv)
{
    double times[RUNS_MAX], ours, ours16, thousand, theirs = 0, theirs512 = 0;
    double blocks = FILE_BYTES / 1428 + 1, blocks512 = FILE_BYTES / 512 + 1;
    double thousand_blocks = PHONES * (PHONE_BYTES / 512 + 1);
    char folder[] = "/tmp/bench_tftp.XXXXXX", path[64];
    struct rlimit files;
    uint16_t port;
    int runs = argc > 1 ? atoi(argv[1]) : 5;

    runs = runs < 1 ? 1 : runs > RUNS_MAX ? RUNS_MAX : runs;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    for (size_t i = 0; i < FILE_BYTES; i++) {
        content[i] = (uint8_t)(i * 2654435761u >> 24);
    }
    pid_t server = start_server(&port);
    for (int i = 0; i < runs; i++) {
        times[i] = fetch(port, "file", 1, FILE_BYTES, 1428, 1);
    }
    ours = print_row("ours, 1 transfer, blksize 1428", times, runs, FILE_BYTES, blocks);
    for (int i = 0; i < runs; i++) {
        times[i] = fetch(port, "file", 1, FILE_BYTES, 1428, 16);
    }
    ours16 =
        print_row("ours, 1 transfer, blksize 1428, windowsize 16", times, runs, FILE_BYTES, blocks);
    for (int i = 0; i < runs; i++) {
        times[i] = fetch(port, "phone", PHONES, PHONE_BYTES, 512, 1);
    }
    thousand = print_row("ours, 1,000 phones, 512 bytes, lock-step", times, runs,
                         (double)PHONES * PHONE_BYTES, thousand_blocks);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);

    if (mkdtemp(folder) == NULL) {
        return 1;
    }
    port = free_port();
    pid_t atftpd = start_atftpd(folder, port);
    if (atftpd < 0) {
        printf("no atftpd ($ATFTPD or PATH): the comparison is left out\n");
    } else {
        for (int i = 0; i < runs; i++) {
            times[i] = run_curl(port, 1428);
        }
        theirs = print_row("curl from atftpd, blksize 1428", times, runs, FILE_BYTES, blocks);
        for (int i = 0; i < runs; i++) {
            times[i] = run_curl(port, 512);
        }
        theirs512 = print_row("curl from atftpd, 512 bytes", times, runs, FILE_BYTES, blocks512);
        kill(atftpd, SIGTERM);
        waitpid(atftpd, NULL, 0);
        printf("one transfer: %.1f times (aim 2); windowsize 16: %.1f (aim 8); 1,000 phones: %.1f "
               "times the blocks/s (aim 6)\n",
               theirs / ours, theirs / ours16,
               thousand_blocks / thousand / (blocks512 / theirs512));
    }
    snprintf(path, sizeof(path), "%s/file", folder);
    unlink(path);
    rmdir(folder);
    return 0;
}
