/* tests/bench/bench_wan.c -- how close sim/wan comes to Linux's TCP, and how fast it is.
 *
 *     bench_wan LINUX.CSV [SEEDS]     our means and deviations beside the measured ones, row by row
 *     bench_wan --speed               segments a second of one core
 *
 * The pattern of the measurement: phones start together, each takes its files strictly one after
 * another, a new connection a file, a request of 200 bytes, an answer after which the server
 * closes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/rng.h"
#include "sim/wan/wan.h"

struct row {
    char method[32];
    unsigned phones, files, queue, repetitions;
    double mbit_s, rtt_ms, lan, bytes, loss;
    double first, mean, last, first_sd, mean_sd, last_sd;
};

struct phone {
    unsigned files;
    sim_time done;
};

struct connection {
    uint32_t phone;
    uint64_t got;
    bool down_ended, up_ended;
    sim_wan_flow flow;
};

struct run {
    const struct row *row;
    struct sim_wan *wan;
    struct phone *phones;
    struct connection *connections;
    size_t len, cap;
    unsigned left;
};

static void dial(struct run *r, uint32_t phone, sim_time now)
{
    if (r->len == r->cap) {
        r->cap = r->cap == 0 ? 1024 : r->cap * 2;
        r->connections = realloc(r->connections, r->cap * sizeof(*r->connections));
        if (r->connections == NULL) {
            abort();
        }
    }
    struct connection *c = &r->connections[r->len];
    *c = (struct connection){.phone = phone};
    if (sim_wan_open(r->wan, r->len, now, &c->flow) != 0) {
        abort();
    }
    r->len++;
}

static void delivered_down(struct run *r, struct connection *c, uint64_t bytes, sim_time now)
{
    struct phone *phone = &r->phones[c->phone];

    c->got += bytes;
    if (c->got < (uint64_t)r->row->bytes) {
        return;
    }
    sim_wan_finish(r->wan, c->flow, SIM_WAN_UP, now);
    phone->files++;
    if (phone->files == r->row->files) {
        phone->done = now;
        r->left--;
    } else {
        dial(r, c->phone, now);
    }
}

static void handle(struct run *r, const struct sim_wan_event *event, sim_time now)
{
    struct connection *c = &r->connections[event->user];

    switch (event->kind) {
    case SIM_WAN_ARRIVED:
    case SIM_WAN_DATAGRAM:
    case SIM_WAN_DROPPED:
        break;
    case SIM_WAN_ESTABLISHED:
        sim_wan_offer(r->wan, c->flow, SIM_WAN_UP, 200, now);
        break;
    case SIM_WAN_DELIVERED:
        if (event->direction == SIM_WAN_UP) {
            sim_wan_offer(r->wan, c->flow, SIM_WAN_DOWN, (uint64_t)r->row->bytes, now);
            sim_wan_finish(r->wan, c->flow, SIM_WAN_DOWN, now);
        } else {
            delivered_down(r, c, event->bytes, now);
            c = &r->connections[event->user];
        }
        break;
    case SIM_WAN_FINISHED:
        if (event->direction == SIM_WAN_UP) {
            c->up_ended = true;
        } else {
            c->down_ended = true;
        }
        if (c->up_ended && c->down_ended) {
            sim_wan_close(r->wan, c->flow, now);
        }
        break;
    case SIM_WAN_RESET:
        sim_wan_close(r->wan, c->flow,
                      now); /* no SYN came through: as a program would, once more */
        dial(r, c->phone, now);
    }
}

struct figures {
    double first, mean, last;
    uint64_t bytes, drops, resent, packets;
};

static void drain(struct run *r, sim_time now)
{
    struct sim_wan_event event;

    while (sim_wan_take_event(r->wan, &event)) {
        handle(r, &event, now);
    }
}

static struct figures run_once(const struct row *row, uint64_t seed)
{
    struct run r = {.row = row, .left = row->phones};
    struct sim_wan_config config = {
        .line = {.down_bit_s = (uint64_t)(row->mbit_s * 1e6),
                 .up_bit_s = (uint64_t)(row->mbit_s * 1e6),
                 .rtt = (sim_duration)(row->rtt_ms * 1e6),
                 .queue = {SIM_QUEUE_PACKETS, row->queue},
                 .loss_ppm = (uint32_t)(row->loss * 1e6),
                 .framing = 2},
        .flows_max = 100000,
        .seed = seed,
    };
    if (sim_wan_new(&r.wan, &config) != 0) {
        abort();
    }
    r.phones = calloc(row->phones, sizeof(*r.phones));
    struct sim_rng rng;
    sim_rng_init(&rng, seed, SIM_RNG_TEST, 0);
    sim_time now = 0;
    for (uint32_t i = 0; i < row->phones; i++) {
        now += sim_rng_below(&rng, 2 * SIM_US); /* together, in bunches, as a busy program does */
        sim_wan_tick(r.wan, now);
        drain(&r, now);
        dial(&r, i, now);
    }
    while (r.left > 0) {
        now = sim_wan_deadline(r.wan);
        sim_wan_tick(r.wan, now);
        drain(&r, now);
    }
    struct figures f = {.first = 1e18};
    for (uint32_t i = 0; i < row->phones; i++) {
        double done = (double)r.phones[i].done / 1e9;
        f.first = done < f.first ? done : f.first;
        f.last = done > f.last ? done : f.last;
        f.mean += done / row->phones;
    }
    struct sim_wan_counters counters;
    sim_wan_counters(r.wan, SIM_WAN_DOWN, now, &counters);
    f.bytes = counters.bytes;
    f.drops = counters.drops;
    f.resent = counters.resent;
    f.packets = counters.packets;
    sim_wan_free(r.wan);
    free(r.phones);
    free(r.connections);
    return f;
}

static double deviation(double sum, double squares, unsigned n)
{
    double variance = n > 1 ? (squares - sum * sum / n) / (n - 1) : 0;
    return variance > 0 ? sqrt(variance) : 0;
}

/* Off by how much of what is allowed: at most max(share, 2.5 standard errors). */
static double off(double ours, double our_sd, unsigned seeds, double theirs, double sd,
                  unsigned repetitions, double share)
{
    double standard = 2.5 * sqrt(sd * sd / repetitions + our_sd * our_sd / seeds);
    double allowed = share * theirs > standard ? share * theirs : standard;
    return fabs(ours - theirs) / allowed;
}

static void compare(const struct row *row, unsigned seeds)
{
    double first = 0, mean = 0, last = 0, mean2 = 0, last2 = 0, drops = 0, resent = 0;

    for (unsigned i = 1; i <= seeds; i++) {
        struct figures f = run_once(row, i);
        first += f.first;
        mean += f.mean;
        mean2 += f.mean * f.mean;
        last += f.last;
        last2 += f.last * f.last;
        drops += (double)f.drops;
        resent += (double)f.resent;
    }
    double m = off(mean / seeds, deviation(mean, mean2, seeds), seeds, row->mean, row->mean_sd,
                   row->repetitions, 0.05);
    double l = off(last / seeds, deviation(last, last2, seeds), seeds, row->last, row->last_sd,
                   row->repetitions, 0.10);
    printf("%3u x %u x %7.0f B %5.3g Mbit/s %3.0f ms q %4u loss %.3f | mean %6.3f (%.3f) Linux "
           "%6.3f (%.3f) %+5.1f%% "
           "%s | last %6.3f (%.3f) Linux %6.3f (%.3f) %+5.1f%% %s | first %6.3f Linux %6.3f | "
           "drops %.0f resent %.0f\n",
           row->phones, row->files, row->bytes, row->mbit_s, row->rtt_ms, row->queue, row->loss,
           mean / seeds, deviation(mean, mean2, seeds), row->mean, row->mean_sd,
           100 * (mean / seeds / row->mean - 1), m <= 1 ? "ok " : "OFF", last / seeds,
           deviation(last, last2, seeds), row->last, row->last_sd,
           100 * (last / seeds / row->last - 1), l <= 1 ? "ok " : "OFF", first / seeds, row->first,
           drops / seeds, resent / seeds);
}

static int compare_all(const char *path, unsigned seeds)
{
    char line[512];
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        perror(path);
        return 1;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        struct row row;
        if (sscanf(line, "%31[^,],%u,%lf,%lf,%lf,%u,%lf,%u,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%u",
                   row.method, &row.phones, &row.mbit_s, &row.rtt_ms, &row.lan, &row.files,
                   &row.bytes, &row.queue, &row.loss, &row.first, &row.mean, &row.last,
                   &row.first_sd, &row.mean_sd, &row.last_sd, &row.repetitions) == 16) {
            compare(&row, seeds);
            fflush(stdout);
        }
    }
    fclose(file);
    return 0;
}

static void measure_speed(unsigned phones, double mbit_s)
{
    struct row row = {.phones = phones,
                      .files = 2,
                      .queue = 400,
                      .mbit_s = mbit_s,
                      .rtt_ms = 40,
                      .bytes = 4e9 / phones};
    struct timespec a, b;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a);
    struct figures f = run_once(&row, 1);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &b);
    double took = (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9;
    printf("%5u flows at %4.0f Mbit/s: %.2f M segments/s, %.1f times real time\n", phones, mbit_s,
           (double)f.packets / took / 1e6, f.last / took);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--speed") == 0) {
        measure_speed(1, 100);
        measure_speed(200, 100);
        measure_speed(5000, 1000);
        return 0;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: bench_wan LINUX.CSV [SEEDS] | bench_wan --speed\n");
        return 2;
    }
    return compare_all(argv[1], argc > 2 ? (unsigned)atoi(argv[2]) : 20);
}
