/* phones/provisioning/loads.h -- the .loads index: which component files a firmware load has, in
 * order.
 *
 * Read from real files (facts in the README): an optional signed header of tag (1 byte), length (2,
 * big endian), value, whose second element tells the header's length; behind it text, CRLF or LF:
 * comments "#...", blank lines, one file name per line with trailing blanks. Some models' lines
 * carry size and MD5 behind the name. The signature is not checked: we have no vendor's keys. */
#ifndef PHONES_PROVISIONING_LOADS_H
#define PHONES_PROVISIONING_LOADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOADS_FILES_MAX = 64, /* our limit; the largest real index has 11 */
    LOADS_NAME_MAX = 128, /* bytes of a name with its NUL */
    LOADS_MD5_LEN = 16,
};

struct loads_file {
    char name[LOADS_NAME_MAX];
    bool has_md5; /* then size is there too */
    uint64_t size;
    uint8_t md5[LOADS_MD5_LEN];
};

struct loads {
    size_t len; /* 1..LOADS_FILES_MAX */
    struct loads_file files[LOADS_FILES_MAX];
};

/* 0 and `*out`; SIM_EPROTO when it is no index, names a path instead of a file ('/', '\\', "..",
 * control characters), or has no or too many names. `*out` is untouched on failure. */
int loads_parse(const uint8_t *bytes, size_t len, struct loads *out);

/* Writes an index with a header of the real shape (signer "CN=pfsim", zero signature) that lists
 * `names`. Returns its length; 0 when `cap` is too small. */
size_t loads_write(const char *own_name, const char *const *names, size_t names_len, uint8_t *out,
                   size_t cap);

#endif /* PHONES_PROVISIONING_LOADS_H */
