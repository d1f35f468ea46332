/* tests/bench/bench_queue.c -- how fast the virtual world's event queue is.
 *
 *     bench_queue [PENDING...]
 *
 * The hold model: so many events are pending; one operation takes the earliest and adds one at a
 * random distance behind it. Distances are exponential-like (a product of two uniform draws), as
 * phones' timers are: most are short, some long. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/rng.h"
#include "sim/virtual/queue.h"

enum { DRAWS = 1 << 16, ROUNDS = 10 };

static const struct {
    uint32_t pending;
    double bar; /* million operations a second on one core */
} bars[] = {{500, 15}, {1000000, 2.5}};

/* Of this program on its core: the machine does other things too. */
static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t hold(struct virtual_queue *q, const sim_duration *draws, uint64_t operations)
{
    struct virtual_event event = {.kind = 0};
    uint64_t sum = 0;
    sim_time now;

    for (uint64_t i = 0; i < operations; i++) {
        struct virtual_event *next;

        if (!virtual_queue_take(q, &now, &event)) {
            abort();
        }
        sum += event.a;
        next = virtual_queue_add(q, now + draws[i % DRAWS]);
        if (next == NULL) {
            abort();
        }
        *next = event;
        next->a = i;
    }
    return sum;
}

/* Million operations a second, the best of a few rounds: others use the same caches. */
static double measure(uint32_t pending, uint64_t operations, uint64_t *sum)
{
    static sim_duration draws[DRAWS];
    struct virtual_queue q;
    struct sim_rng rng;
    double best = 0;

    sim_rng_init(&rng, 1, SIM_RNG_TEST, pending);
    for (size_t i = 0; i < DRAWS; i++) {
        draws[i] = sim_rng_below(&rng, 1 + sim_rng_below(&rng, 2 * SIM_S));
    }
    if (virtual_queue_init(&q, pending) != 0) {
        abort();
    }
    for (uint32_t i = 0; i < pending; i++) {
        struct virtual_event *e = virtual_queue_add(&q, draws[sim_rng_below(&rng, DRAWS)]);

        *e = (struct virtual_event){.node = i};
    }
    *sum += hold(&q, draws, (uint64_t)pending * 4); /* until the mixture of instants is steady */
    for (int round = 0; round < ROUNDS; round++) {
        double began = seconds(), rate;

        *sum += hold(&q, draws, operations);
        rate = (double)operations / (seconds() - began) / 1e6;
        best = rate > best ? rate : best;
    }
    virtual_queue_deinit(&q);
    return best;
}

int main(int argc, char **argv)
{
    uint64_t sum = 0;
    int missed = 0;

    printf("%10s  %22s  %8s\n", "pending", "million operations/s", "bar");
    for (int i = 1; i < argc; i++) {
        uint32_t pending = (uint32_t)strtoul(argv[i], NULL, 10);

        printf("%10u  %22.2f  %8s\n", pending, measure(pending > 0 ? pending : 1, 3000000, &sum),
               "-");
    }
    for (size_t i = 0; argc == 1 && i < sizeof(bars) / sizeof(bars[0]); i++) {
        double rate = measure(bars[i].pending, 2500000, &sum);

        missed += rate < bars[i].bar;
        printf("%10u  %22.2f  %8.1f  %s\n", bars[i].pending, rate, bars[i].bar,
               rate < bars[i].bar ? "MISSED" : "met");
    }
    printf("(checksum %llu)\n", (unsigned long long)sum);
    return missed > 0;
}
