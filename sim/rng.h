/* sim/rng.h -- chance: one seed a run, one stream per (kind, id), no floating point.
 *
 * xoshiro256** (Blackman and Vigna, public domain algorithm), seeded by SplitMix64 from
 * (seed, kind, id): one more phone changes nobody else's luck. Equal inputs give equal streams on
 * any machine. */
#ifndef SIM_RNG_H
#define SIM_RNG_H

#include <stdbool.h>
#include <stdint.h>

struct sim_rng {
    uint64_t s[4];
};

/* What a stream belongs to; part of its seed, so never renumber. */
enum sim_rng_kind {
    SIM_RNG_NODE = 1,    /* id: the node's number in the whole scenario */
    SIM_RNG_WAN = 2,     /* id: the site's number in the whole scenario */
    SIM_RNG_LAN = 3,     /* id: the site's number */
    SIM_RNG_CONTENT = 4, /* id: hash of the name */
    SIM_RNG_FAULT = 5,   /* id: the fault's number */
    SIM_RNG_START = 6,   /* id: the node's number: start instants */
    SIM_RNG_TEST = 7,
    SIM_RNG_ELECTION = 8, /* seed: a number of the node's own stream; id: the hierarchy */
};

void sim_rng_init(struct sim_rng *rng, uint64_t seed, enum sim_rng_kind kind, uint64_t id);
uint64_t sim_rng_next(struct sim_rng *rng);
/* Uniform in [0, bound), without modulo bias; bound > 0. */
uint64_t sim_rng_below(struct sim_rng *rng, uint64_t bound);
/* Uniform in [low, high], both ends in; low <= high. */
uint64_t sim_rng_between(struct sim_rng *rng, uint64_t low, uint64_t high);
/* True with probability ppm / 1,000,000. Draws nothing when ppm is 0. */
bool sim_rng_chance_ppm(struct sim_rng *rng, uint32_t ppm);
/* The finaliser of SplitMix64: a good 64-bit mix of one number. */
uint64_t sim_rng_mix(uint64_t x);
/* FNV-1a 64 of a string: stable names for streams. */
uint64_t sim_rng_hash(const char *text);

#endif /* SIM_RNG_H */
