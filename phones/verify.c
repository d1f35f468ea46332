/* phones/verify.c -- see verify.h. */
#include "phones/verify.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

enum {
    VERIFY_CHUNK = 16 * 1024,
};

bool verify_md5(struct sim_world *world, sim_file file, uint64_t size,
                const uint8_t md5[VERIFY_MD5_LEN])
{
    if (sim_world_file_size(world, file) != size) {
        return false;
    }
    uint8_t *chunk = malloc(VERIFY_CHUNK);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool right =
        chunk != NULL && context != NULL && EVP_DigestInit_ex(context, EVP_md5(), NULL) == 1;
    for (uint64_t at = 0; right && at < size;) {
        size_t got = sim_world_file_read(world, file, at, chunk, VERIFY_CHUNK);
        right = got > 0 && EVP_DigestUpdate(context, chunk, got) == 1;
        at += got;
    }
    uint8_t value[EVP_MAX_MD_SIZE];
    right = right && EVP_DigestFinal_ex(context, value, NULL) == 1 &&
            memcmp(value, md5, VERIFY_MD5_LEN) == 0;
    EVP_MD_CTX_free(context);
    free(chunk);
    return right;
}
