/* tests/accuracy/accuracy_grid.c -- the fluid network against the packet one. LINK: accuracy_trial
 *
 *     accuracy_grid [--every N] [--seeds N] [--list]
 *
 * Goal: where a fluid run prints no caution, it may be trusted; not only in the cases that were
 * measured. Method: phones, rates, round trips, queues and files over all that the program is used
 * for, in all combinations; where no caution is printed, the mean phone of both networks is
 * compared. Every Nth combination (1: all, in an hour or so), --list prints each.
 *
 * Bar: the mean phone within 10 % of the packet network's in 97 of 100 combinations, and within 20
 * % in all. What is beyond 10 % is printed: few flows with long files, which real TCP shares out
 * less evenly still, and few flows with files of a few windows on a long fat line, whose slow start
 * ends early. Exit status 1: the bar is missed. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial.h"

#define BAR 0.10
#define BAR_SHARE 0.03 /* of the combinations may be beyond BAR */
#define BAR_ALL 0.20
#define PACKETS_MAX 150000 /* of a combination, so that it takes less than a second */

enum { FILES = 2, SEGMENT = 1448, EVERY = 23, SEEDS = 2 };

static const uint32_t phones[] = {1, 2, 5, 10, 20, 50, 100, 200};
static const double rates[] = {0.384, 1.536, 5, 10, 50, 100}; /* Mbit/s */
static const double trips[] = {10, 40, 80, 150, 300};         /* ms */
static const uint32_t queues[] = {20, 50, 100, 200, 500, 1000};
static const uint64_t sizes[] = {50000, 200000, 1000000, 8000000};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Combination `number`, of LEN x LEN x ...; false: it takes too long. */
static bool combine(size_t number, struct trial *t)
{
    *t = (struct trial){.world = SCENARIO_VIRTUAL,
                        .method = SCENARIO_TRADITIONAL,
                        .files = FILES,
                        .phones = phones[number % LEN(phones)]};
    number /= LEN(phones);
    t->mbit_s = rates[number % LEN(rates)];
    number /= LEN(rates);
    t->rtt_ms = trips[number % LEN(trips)];
    number /= LEN(trips);
    t->queue = queues[number % LEN(queues)];
    number /= LEN(queues);
    t->file_bytes = sizes[number];
    return t->phones * FILES * t->file_bytes / SEGMENT <= PACKETS_MAX;
}

/* False: not every phone got its files, which happens behind a queue of many seconds that is always
 * full, as it would with Linux: each of seven SYNs is dropped. */
static bool run(struct trial *t, enum scenario_network network, unsigned seeds,
                struct trial_figures *out)
{
    char why[TRIAL_TEXT_MAX] = "";

    t->network = network;
    if (trial_repeat(t, seeds, out, why) == 0) {
        return true;
    }
    if (strstr(why, "timed out") == NULL) {
        fprintf(stderr, "a run failed: %s\n", why);
        exit(1);
    }
    return false;
}

static void print(const struct trial *t, const struct trial_figures *packet,
                  const struct trial_figures *fluid, double error)
{
    printf("%3u x %d x %7llu B, %5g Mbit/s, %3g ms, %4u packets: mean %8.2f s, fluid %8.2f s "
           "%+5.1f %%; last %8.2f s, fluid %8.2f s\n",
           t->phones, FILES, (unsigned long long)t->file_bytes, t->mbit_s, t->rtt_ms, t->queue,
           packet->mean.mean, fluid->mean.mean, 100 * error, packet->last.mean, fluid->last.mean);
}

int main(int argc, char **argv)
{
    size_t every = EVERY, seeds = SEEDS, beyond = 0, compared = 0, cautioned = 0, unfinished = 0;
    double worst = 0, squares = 0;
    bool list = false;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--list") == 0) {
            list = true;
        } else if (strcmp(argv[i], "--every") == 0 && i + 1 < argc) {
            every = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            seeds = strtoul(argv[++i], NULL, 10);
        } else {
            every = 0;
        }
    }
    if (every == 0 || seeds == 0) {
        fprintf(stderr, "usage: accuracy_grid [--every N] [--seeds N] [--list]\n");
        return 2;
    }
    size_t count = LEN(phones) * LEN(rates) * LEN(trips) * LEN(queues) * LEN(sizes);
    for (size_t number = 0; number < count; number += every) {
        struct trial t;
        struct trial_figures fluid, packet;

        if (!combine(number, &t)) {
            continue;
        }
        if (!run(&t, SCENARIO_FLUID, (unsigned)seeds, &fluid) || fluid.cautions > 0) {
            cautioned++;
            continue;
        }
        if (!run(&t, SCENARIO_PACKET, (unsigned)seeds, &packet)) {
            unfinished++;
            continue;
        }
        double error = fluid.mean.mean / packet.mean.mean - 1;
        compared++;
        squares += error * error;
        worst = fabs(error) > fabs(worst) ? error : worst;
        beyond += fabs(error) > BAR;
        if (list || fabs(error) > BAR) {
            print(&t, &packet, &fluid, error);
            fflush(stdout);
        }
    }
    printf("%zu combinations without a caution (%zu with one; %zu in which a phone gave up): worst "
           "%+.1f %%, typical %.1f %%, %zu beyond %.0f %%\n",
           compared, cautioned, unfinished, 100 * worst,
           100 * sqrt(squares / (double)(compared > 0 ? compared : 1)), beyond, 100 * BAR);
    return (double)beyond <= BAR_SHARE * (double)compared && fabs(worst) <= BAR_ALL ? 0 : 1;
}
