/* tests/bench/bench_http.c -- what the HTTP client of sim/live can do, beside wrk, against nginx on
 * this machine.
 *
 *   bench_http            4 KB a request from 1,000 phones, a new connection each, five rounds of
 * ours and of wrk with "Connection: close" in turn: both medians and their ratio bench_http keep
 * the same over kept connections, beside wrk with keep-alive bench_http big        one 256 MB file
 * by one phone: bytes a second bench_http many [N]   N phones (5,000) fetching a large file at
 * once: memory of this process bench_http tls        4 KB over HTTPS from 200 phones, a new
 * connection each, verified
 *
 * One loop, so one thread; so has wrk. Not a test: it judges nothing. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sim/live/fetch.h"
#include "sim/live/loop.h"
#include "sim/world.h"
#include "tests/live/nginx.h"

enum {
    ROUNDS = 5,
    SECONDS = 3, /* of a round */
    PHONES = 1000,
    PHONES_TLS = 200,
    PHONES_MANY = 5000,
    SMALL = 4096,
    BIG = 256 * 1000 * 1000,
};

#define FIRST_ADDR UINT32_C(0x7f010002) /* 127.1.0.2 */

struct phone {
    struct bench *bench;
    struct live_http_fetch *fetch;
    sim_addr addr;
};

struct bench {
    struct live_loop *loop;
    struct live_http *http;
    struct test_nginx nginx;
    char url[128];
    bool keep_alive, https;
    sim_time until;
    struct live_timer stop;
    struct phone *phones;
    size_t phones_len, running;
    uint64_t requests, bytes, failures;
    double cpu_us; /* of this process per request, all rounds' best */
};

static void start(struct phone *phone);

static int on_body(void *owner, const uint8_t *bytes, size_t len)
{
    struct phone *phone = owner;

    (void)bytes;
    phone->bench->bytes += len;
    return 0;
}

static void on_done(void *owner, const struct sim_fetch_result *result, uint64_t resent)
{
    struct phone *phone = owner;
    struct bench *bench = phone->bench;

    (void)resent;
    phone->fetch = NULL;
    bench->running--;
    bench->requests++;
    if (result->status != 0 && bench->failures++ == 0) {
        fprintf(stderr, "bench_http: %s\n", result->reason);
    }
    if (live_loop_now(bench->loop) < bench->until) {
        start(phone);
    } else if (bench->running == 0) {
        live_loop_stop(bench->loop);
    }
}

static const struct live_fetch_ops ops = {on_body, on_done};

static void start(struct phone *phone)
{
    struct bench *bench = phone->bench;
    struct live_fetch_target target = {
        .protocol = bench->https ? SIM_PROTOCOL_HTTPS : SIM_PROTOCOL_HTTP,
        .source = phone->addr,
        .connect_addr = UINT32_C(0x7f000001),
        .connect_port = bench->https ? bench->nginx.https_port : bench->nginx.http_port,
        .url = bench->url,
        .keep_alive = bench->keep_alive,
    };

    bench->running++;
    if (live_http_start(bench->http, &target, &ops, phone, &phone->fetch) != 0) {
        fprintf(stderr, "bench_http: a fetch would not start\n");
        exit(1);
    }
}

static void on_stop(struct live_timer *timer, sim_time now)
{
    struct bench *bench = (struct bench *)((char *)timer - offsetof(struct bench, stop));

    (void)now;
    live_loop_stop(bench->loop);
}

static double cpu_seconds(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Runs `phones` phones for `length`; returns requests a second. */
static double run(struct bench *bench, size_t phones, sim_duration length, const char *file)
{
    struct live_http_config config = {.ca_file = bench->nginx.ca_file,
                                      .verify = true,
                                      .user_agent = "pfsim-bench",
                                      .stall = 30 * SIM_S};
    double seconds, cpu = cpu_seconds();

    snprintf(bench->url, sizeof(bench->url), "%s://127.0.0.1:%u/%s",
             bench->https ? "https" : "http",
             (unsigned)(bench->https ? bench->nginx.https_port : bench->nginx.http_port), file);
    if (live_loop_new(&bench->loop, live_loop_monotonic()) != 0 ||
        live_http_new(&bench->http, bench->loop, &config) != 0) {
        exit(1);
    }
    bench->requests = bench->bytes = bench->failures = bench->running = 0;
    bench->until = length;
    bench->phones_len = phones;
    bench->phones = calloc(phones, sizeof(*bench->phones));
    for (size_t i = 0; i < phones; i++) {
        bench->phones[i] =
            (struct phone){.bench = bench, .addr = (sim_addr)(FIRST_ADDR + i + i / 250 * 6)};
        start(&bench->phones[i]);
    }
    bench->stop.fire = on_stop;
    bench->stop.slot = 0;
    live_timer_set(bench->loop, &bench->stop, length + 60 * SIM_S);
    live_loop_run(bench->loop);
    seconds = sim_time_seconds(live_loop_read_clock(bench->loop));
    live_timer_clear(bench->loop, &bench->stop);
    cpu = (cpu_seconds() - cpu) * 1e6 / (double)(bench->requests > 0 ? bench->requests : 1);
    bench->cpu_us = bench->cpu_us == 0 || cpu < bench->cpu_us ? cpu : bench->cpu_us;
    for (size_t i = 0; i < phones; i++) {
        if (bench->phones[i].fetch != NULL) {
            live_http_cancel(bench->phones[i].fetch);
        }
    }
    live_http_free(bench->http);
    live_loop_free(bench->loop);
    free(bench->phones);
    return (double)bench->requests / seconds;
}

static double wrk(struct bench *bench, size_t phones, const char *file)
{
    char command[512], line[256];
    double rate = 0;
    FILE *pipe;

    snprintf(command, sizeof(command), "wrk -t1 -c%zu -d%ds %s http://127.0.0.1:%u/%s", phones,
             SECONDS, bench->keep_alive ? "" : "-H 'Connection: close'",
             (unsigned)bench->nginx.http_port, file);
    pipe = popen(command, "r");
    if (pipe == NULL) {
        return 0;
    }
    while (fgets(line, sizeof(line), pipe) != NULL) {
        sscanf(line, "Requests/sec: %lf", &rate);
    }
    pclose(pipe);
    return rate;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void beside_wrk(struct bench *bench)
{
    double ours[ROUNDS], theirs[ROUNDS];

    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = run(bench, PHONES, SECONDS * SIM_S, "small");
        theirs[i] = wrk(bench, PHONES, "small");
        printf("round %d: pfsim %.0f/s, wrk %.0f/s, ratio %.2f, failures %llu\n", i + 1, ours[i],
               theirs[i], theirs[i] > 0 ? ours[i] / theirs[i] : 0,
               (unsigned long long)bench->failures);
    }
    qsort(ours, ROUNDS, sizeof(ours[0]), compare_doubles);
    qsort(theirs, ROUNDS, sizeof(theirs[0]), compare_doubles);
    printf("%s, %d phones, %d bytes: pfsim %.0f requests/s, wrk %.0f, ratio %.2f (medians of %d); "
           "CPU %.0f us a request at best\n",
           bench->keep_alive ? "kept connections" : "a new connection each", PHONES, SMALL,
           ours[ROUNDS / 2], theirs[ROUNDS / 2],
           theirs[ROUNDS / 2] > 0 ? ours[ROUNDS / 2] / theirs[ROUNDS / 2] : 0, ROUNDS,
           bench->cpu_us);
}

static long resident_kb(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file != NULL) {
        if (fscanf(file, "%*d %ld", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(int argc, char **argv)
{
    static const struct test_nginx_file files[] = {{"small", SMALL}, {"big", BIG}};
    const char *what = argc > 1 ? argv[1] : "close";
    struct bench bench = {.https = strcmp(what, "tls") == 0 || argc > 3,
                          .keep_alive = strcmp(what, "keep") == 0};

    if (test_nginx_start(&bench.nginx, files, 2) != 0) {
        fprintf(stderr, "bench_http: nginx did not start\n");
        return 1;
    }
    setlinebuf(stdout);
    if (strcmp(what, "big") == 0) {
        run(&bench, 1, 1, "big"); /* warms the page cache */
        double rate = run(&bench, 1, SECONDS * SIM_S, "big") * BIG;
        printf("one phone, one file of %d bytes: %.2f GB/s\n", BIG, rate / 1e9);
    } else if (strcmp(what, "many") == 0) {
        size_t phones = argc > 2 ? strtoul(argv[2], NULL, 10) : PHONES_MANY;
        long before = resident_kb();
        struct rusage usage;

        /* So large a file does not end before all have begun; the run is cut by the timer. */
        run(&bench, phones, 1, "big");
        getrusage(RUSAGE_SELF, &usage);
        printf("%zu phones at once: %.0f MiB resident at most, %.1f KiB a phone, failures %llu\n",
               phones, (double)usage.ru_maxrss / 1024,
               (double)(usage.ru_maxrss - before) / (double)phones,
               (unsigned long long)bench.failures);
    } else if (strcmp(what, "tls") == 0) {
        printf("HTTPS, verified, a new connection each: %.0f requests/s, failures %llu\n",
               run(&bench, PHONES_TLS, SECONDS * SIM_S, "small"),
               (unsigned long long)bench.failures);
    } else {
        beside_wrk(&bench);
    }
    test_nginx_stop(&bench.nginx);
    return 0;
}
