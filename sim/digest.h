/* sim/digest.h -- SHA-256 as a value, and a running one. Pure (libcrypto). */
#ifndef SIM_DIGEST_H
#define SIM_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SIM_DIGEST_LEN = 32,      /* bytes, FIPS 180-4 */
    SIM_DIGEST_TEXT_MAX = 65, /* hexadecimal with its NUL */
};

struct sim_digest {
    uint8_t bytes[SIM_DIGEST_LEN];
};

/* A running digest: opaque, about 0.3 KB. */
struct sim_digest_run;

struct sim_digest_run *sim_digest_run_new(void);      /* NULL when out of memory */
void sim_digest_run_free(struct sim_digest_run *run); /* NULL is fine */
void sim_digest_run_update(struct sim_digest_run *run, const void *bytes, size_t len);
/* The digest of all bytes so far; the run can go on afterwards. */
void sim_digest_run_value(const struct sim_digest_run *run, struct sim_digest *out);
/* Back to zero bytes. */
void sim_digest_run_reset(struct sim_digest_run *run);

void sim_digest_of(const void *bytes, size_t len, struct sim_digest *out);
bool sim_digest_equal(const struct sim_digest *a, const struct sim_digest *b);
char *sim_digest_format(const struct sim_digest *d, char out[SIM_DIGEST_TEXT_MAX]);
/* 64 hexadecimal digits, either case. 0 or SIM_EINVAL. */
int sim_digest_parse(const char *text, struct sim_digest *out);

#endif /* SIM_DIGEST_H */
