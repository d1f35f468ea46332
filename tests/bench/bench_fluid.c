/* tests/bench/bench_fluid.c -- what a start and an end cost on fluid lines.
 *
 * A million staggered flows each time, driven as the virtual world does it: the deadline is asked
 * for after every change, each end is taken at its instant. Most of the flows are under way at the
 * same time (they come twice as fast as the line takes them), so heaps are at their fullest.
 * Processor time of the one thread, so that neighbours count less.
 * Usage: bench_fluid [flows]; exit status 1 when a bar is missed. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/rng.h"
#include "sim/virtual/fluid.h"

enum { FLOWS = 1000000, SITES_MAX = 2000 };

struct load {
    const char *what;
    uint32_t sites;
    uint64_t line_bit_s, uplink_bit_s;
    uint32_t caps; /* different ones, around the share; 0: none */
    double load;   /* of the narrowest line: 2: flows come twice as fast as they go */
    double bar_s;  /* 0: none */
};

static double cpu_seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw_cap(struct sim_rng *rng, const struct load *l, uint64_t share)
{
    if (l->caps == 0 || sim_rng_below(rng, 4) == 0) {
        return SIM_FLUID_NO_LIMIT;
    }
    return 1 + share / 4 + sim_rng_below(rng, l->caps) * (8 * share / l->caps);
}

static bool run(const struct load *l, uint32_t flows)
{
    static uint64_t rates[SITES_MAX];
    struct sim_fluid_config config = {
        .uplink_bit_s = l->uplink_bit_s, .site_bit_s = rates, .sites_len = l->sites};
    struct sim_fluid *f;
    struct sim_rng rng;
    uint64_t bytes = 100000, narrowest = l->line_bit_s * l->sites, user, ended = 0, peak = 0;
    sim_time now = 0, end = 0;

    for (uint32_t i = 0; i < l->sites; i++) {
        rates[i] = l->line_bit_s;
    }
    if (l->uplink_bit_s != 0 && l->uplink_bit_s < narrowest) {
        narrowest = l->uplink_bit_s;
    }
    if (sim_fluid_new(&f, &config) != 0) {
        return false;
    }
    sim_rng_init(&rng, 1, SIM_RNG_TEST, 0);
    uint64_t step = (uint64_t)((double)(bytes * 8) * 1e9 / (double)narrowest / l->load);
    uint64_t under_way = l->load > 1 ? (uint64_t)((double)flows * (1 - 1 / l->load)) : 20;
    double begin = cpu_seconds();

    for (uint32_t i = 0; i < flows; i++) {
        uint32_t site = (uint32_t)sim_rng_below(&rng, l->sites);
        uint64_t size = bytes / 2 + sim_rng_below(&rng, bytes);
        uint64_t cap = draw_cap(&rng, l, narrowest / (under_way / 2 + 1));
        sim_fluid_flow flow;

        now += sim_rng_below(&rng, 2 * step);
        while ((end = sim_fluid_deadline(f)) <= now) {
            ended += sim_fluid_take(f, end, &user) ? 1 : 0;
        }
        if (sim_fluid_start(f, now, site, size, cap, i, &flow) != 0) {
            return false;
        }
        peak = i + 1 - ended > peak ? i + 1 - ended : peak;
    }
    while ((end = sim_fluid_deadline(f)) != SIM_NEVER) {
        ended += sim_fluid_take(f, end, &user) ? 1 : 0;
    }
    double spent = cpu_seconds() - begin;
    bool met = ended == flows && (l->bar_s == 0 || spent <= l->bar_s * flows / FLOWS);

    printf("%-58s %8.3f s %6.0f ns a flow, at most %7llu at a time", l->what, spent,
           spent * 1e9 / flows, (unsigned long long)peak);
    if (l->bar_s > 0) {
        printf("  bar %.2f s: %s", l->bar_s * flows / FLOWS, met ? "met" : "MISSED");
    }
    printf("\n");
    sim_fluid_free(f);
    return met;
}

int main(int argc, char **argv)
{
    static const struct load loads[] = {
        {"one line, 20 at a time", 1, 1000000000, 0, 0, 0.9, 1},
        {"one line", 1, 1000000000, 0, 0, 2, 1},
        {"one line, all at a time", 1, 1000000000, 0, 0, 1e4, 1},
        {"one line, 8 different caps", 1, 1000000000, 0, 8, 2, 1},
        {"one line, 1,000 different caps", 1, 1000000000, 0, 1000, 2, 0},
        {"one line, every cap different", 1, 1000000000, 0, 1000000000, 2, 0},
        {"2,000 sites, no uplink", 2000, 1536000, 0, 0, 2, 0},
        {"2,000 sites, the uplink binds", 2000, 1536000, 1000000000, 0, 2, 0},
        {"2,000 sites, the uplink binds some", 2000, 1536000, 3000000000, 0, 0.99, 0},
        {"2,000 sites, the uplink binds, 8 different caps", 2000, 1536000, 1000000000, 8, 2, 0},
    };
    uint32_t flows = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : FLOWS;
    bool met = true;

    for (size_t i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        met = run(&loads[i], flows > 0 ? flows : FLOWS) && met;
    }
    return met ? 0 : 1;
}
