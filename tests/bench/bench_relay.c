/* tests/bench/bench_relay.c -- does the relay keep its line's rate and round trip, over real
 * sockets?
 *
 *     bench_relay [SECONDS]     default 30; all rates, with 1 and with 200 flows, then round trips
 *     bench_relay --many [N]    default 4500: so many connections at once, 20 kB each; here the
 * relay's, the phones' and the server's descriptors are all in one process, four a connection
 *
 * Bars: rate within 2 %; a small request and answer on an idle connection in the configured round
 * trip, median within 0.5 ms and p99 within 2 ms; on a new connection one round trip more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/live/relay_rig.h"

static int compare_ns(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void measure_rate(uint64_t bit_s, uint32_t flows, sim_duration length)
{
    struct rig rig;
    uint64_t product = bit_s / 8 * 80 / 1000 / 1502 + 1; /* of bandwidth and delay, in packets */
    struct sim_wan_setup line = rig_line(bit_s, 80 * SIM_MS, product < 100 ? 100 : product);

    rig_start(&rig, &line, false);
    struct rig_rate rate = rig_measure_rate(&rig, flows, length);
    printf("%9.3f Mbit/s, %3u flows: line %.4f, payload %.4f, worst second %.4f\n",
           (double)bit_s / 1e6, flows, rate.line, rate.payload, live_relay_worst_second(rig.relay));
    fflush(stdout);
    rig_stop(&rig);
}

static void measure_answers(bool new_connections)
{
    enum { COUNT = 300 };
    static uint64_t took[COUNT];
    struct rig rig;
    struct sim_wan_setup line = rig_line(10000000, 40 * SIM_MS, 100);

    rig_start(&rig, &line, false);
    int fd = new_connections ? -1 : rig_connect(&rig, 10);
    if (!new_connections) {
        rig_measure_answer(&rig, fd, 10); /* the handshake is not the answer's */
    }
    for (int i = 0; i < COUNT; i++) {
        took[i] = rig_measure_answer(&rig, fd, 10);
    }
    qsort(took, COUNT, sizeof(took[0]), compare_ns);
    printf("40 ms round trip, %s connection: min %.3f median %.3f p99 %.3f max %.3f ms\n",
           new_connections ? "new" : "idle", (double)took[0] / 1e6, (double)took[COUNT / 2] / 1e6,
           (double)took[COUNT * 99 / 100] / 1e6, (double)took[COUNT - 1] / 1e6);
    if (fd >= 0) {
        close(fd);
    }
    rig_stop(&rig);
}

static void measure_many(uint32_t count)
{
    struct rig rig;
    struct rlimit limit;
    struct rusage usage;
    struct sim_wan_setup line = rig_line(100000000, 40 * SIM_MS, 1000);
    int *fds = calloc(count, sizeof(*fds));
    uint32_t whole = 0;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    rig_start(&rig, &line, false);
    uint64_t begin = rig_clock();
    for (uint32_t i = 0; i < count; i++) {
        fds[i] = rig_connect(&rig, 10 + i);
        rig_ask(fds[i], 20000);
    }
    for (uint32_t i = 0; i < count; i++) {
        whole += rig_read(fds[i], 20000, 0);
        close(fds[i]);
    }
    getrusage(RUSAGE_SELF, &usage);
    printf("%u connections at once: %u whole after %.2f s (the line alone: %.2f s), peak memory "
           "%.1f MB\n",
           count, whole, (double)(rig_clock() - begin) / 1e9,
           count * 20000.0 * 1502 / 1448 * 8 / 1e8, (double)usage.ru_maxrss / 1024);
    free(fds);
    rig_stop(&rig);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--many") == 0) {
        measure_many(argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 4500);
        return 0;
    }
    static const uint64_t rates[] = {384000, 1536000, 10000000, 100000000};
    sim_duration length = (argc > 1 ? strtoull(argv[1], NULL, 10) : 30) * SIM_S;

    measure_answers(false);
    measure_answers(true);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        measure_rate(rates[i], 1, length);
        measure_rate(rates[i], 200, length);
    }
    return 0;
}
