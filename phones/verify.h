/* phones/verify.h -- the size and MD5 that some models' .loads lines carry, held against a copy. */
#ifndef PHONES_VERIFY_H
#define PHONES_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/world.h"

enum {
    VERIFY_MD5_LEN = 16, /* RFC 1321 */
};

/* Reads the sealed copy whole. False when size or MD5 differ, or it can't be read. */
bool verify_md5(struct sim_world *world, sim_file file, uint64_t size,
                const uint8_t md5[VERIFY_MD5_LEN]);

#endif /* PHONES_VERIFY_H */
