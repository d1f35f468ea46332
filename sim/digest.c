/* sim/digest.c -- SHA-256 by libcrypto's EVP; see digest.h. Leaves out every other hash. */
#include "sim/digest.h"

#include <assert.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

struct sim_digest_run {
    EVP_MD_CTX *context;
};

/* Fetched once: EVP_sha256() would search the providers again at every start of a digest, which for
 * a small file costs more than the hashing. Kept until the process ends. */
static EVP_MD *sha256;
static pthread_once_t sha256_once = PTHREAD_ONCE_INIT;

static void fetch_sha256(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *get_sha256(void)
{
    pthread_once(&sha256_once, fetch_sha256);
    assert(sha256 != NULL); /* libcrypto without SHA-256 is a broken installation */
    return sha256;
}

struct sim_digest_run *sim_digest_run_new(void)
{
    struct sim_digest_run *run = malloc(sizeof(*run));
    if (run == NULL) {
        return NULL;
    }
    run->context = EVP_MD_CTX_new();
    if (run->context == NULL || EVP_DigestInit_ex(run->context, get_sha256(), NULL) != 1) {
        sim_digest_run_free(run);
        return NULL;
    }
    return run;
}

void sim_digest_run_free(struct sim_digest_run *run)
{
    if (run != NULL) {
        EVP_MD_CTX_free(run->context);
        free(run);
    }
}

void sim_digest_run_update(struct sim_digest_run *run, const void *bytes, size_t len)
{
    if (len > 0) {
        int ok = EVP_DigestUpdate(run->context, bytes, len);
        assert(ok == 1);
    }
}

void sim_digest_run_value(const struct sim_digest_run *run, struct sim_digest *out)
{
    /* Finishing ends a context, so a copy is finished and the run can go on. */
    unsigned len = 0;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    int ok = copy != NULL && EVP_MD_CTX_copy_ex(copy, run->context) == 1 &&
             EVP_DigestFinal_ex(copy, out->bytes, &len) == 1;
    EVP_MD_CTX_free(copy);
    if (!ok || len != SIM_DIGEST_LEN) {
        abort(); /* out of memory for a few hundred bytes: no digest is better than a wrong one */
    }
}

void sim_digest_run_reset(struct sim_digest_run *run)
{
    int ok = EVP_DigestInit_ex(run->context, NULL, NULL);
    assert(ok == 1);
}

void sim_digest_of(const void *bytes, size_t len, struct sim_digest *out)
{
    unsigned out_len = 0;
    int ok = EVP_Digest(len > 0 ? bytes : "", len, out->bytes, &out_len, get_sha256(), NULL);
    if (ok != 1 || out_len != SIM_DIGEST_LEN) {
        abort(); /* as in sim_digest_run_value() */
    }
}

bool sim_digest_equal(const struct sim_digest *a, const struct sim_digest *b)
{
    return memcmp(a->bytes, b->bytes, SIM_DIGEST_LEN) == 0;
}

char *sim_digest_format(const struct sim_digest *d, char out[SIM_DIGEST_TEXT_MAX])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < SIM_DIGEST_LEN; i++) {
        out[2 * i] = digits[d->bytes[i] >> 4];
        out[2 * i + 1] = digits[d->bytes[i] & 15];
    }
    out[SIM_DIGEST_TEXT_MAX - 1] = '\0';
    return out;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

int sim_digest_parse(const char *text, struct sim_digest *out)
{
    struct sim_digest d;
    for (size_t i = 0; i < SIM_DIGEST_LEN; i++) {
        int high = hex_value(text[2 * i]);
        int low = high < 0 ? -1 : hex_value(text[2 * i + 1]);
        if (low < 0) {
            return SIM_EINVAL; /* also at a NUL that comes too early */
        }
        d.bytes[i] = (uint8_t)(high << 4 | low);
    }
    if (text[SIM_DIGEST_TEXT_MAX - 1] != '\0') {
        return SIM_EINVAL;
    }
    *out = d;
    return 0;
}
