/* sim/rng.c -- see rng.h. */
#include "sim/rng.h"

#include <assert.h>

uint64_t sim_rng_mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static uint64_t splitmix(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    return sim_rng_mix(*state);
}

void sim_rng_init(struct sim_rng *rng, uint64_t seed, enum sim_rng_kind kind, uint64_t id)
{
    uint64_t state = sim_rng_mix(seed ^ UINT64_C(0x6a09e667f3bcc909));
    state = sim_rng_mix(state ^ ((uint64_t)kind << 56) ^ UINT64_C(0xbb67ae8584caa73b));
    state = sim_rng_mix(state ^ id);
    for (int i = 0; i < 4; i++) {
        rng->s[i] = splitmix(&state);
    }
}

static uint64_t rotl(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

uint64_t sim_rng_next(struct sim_rng *rng)
{
    uint64_t *s = rng->s;
    uint64_t result = rotl(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;

    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotl(s[3], 45);
    return result;
}

uint64_t sim_rng_below(struct sim_rng *rng, uint64_t bound)
{
    assert(bound > 0);
    /* Lemire's multiply-and-reject. */
    unsigned __int128 m = (unsigned __int128)sim_rng_next(rng) * bound;
    uint64_t low = (uint64_t)m;
    if (low < bound) {
        uint64_t threshold = (0 - bound) % bound;
        while (low < threshold) {
            m = (unsigned __int128)sim_rng_next(rng) * bound;
            low = (uint64_t)m;
        }
    }
    return (uint64_t)(m >> 64);
}

uint64_t sim_rng_between(struct sim_rng *rng, uint64_t low, uint64_t high)
{
    assert(low <= high);
    if (low == 0 && high == UINT64_MAX) {
        return sim_rng_next(rng);
    }
    return low + sim_rng_below(rng, high - low + 1);
}

bool sim_rng_chance_ppm(struct sim_rng *rng, uint32_t ppm)
{
    return ppm != 0 && sim_rng_below(rng, 1000000) < ppm;
}

uint64_t sim_rng_hash(const char *text)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        h = (h ^ *p) * UINT64_C(0x100000001b3);
    }
    return h;
}
