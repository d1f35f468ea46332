/* phones/provisioning/loads.c -- see loads.h. */
#include "phones/provisioning/loads.h"

#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

enum {
    /* Tags of the signed header, as read from real files. */
    TAG_VERSION = 0x01,
    TAG_HEADER_LEN = 0x02,
    TAG_SIGNER = 0x03,
    TAG_SIGNER_NAME = 0x04,
    TAG_SERIAL = 0x05,
    TAG_CA_NAME = 0x06,
    TAG_SIGNATURE_INFO = 0x07,
    TAG_SIGNATURE = 0x0c,
    TAG_PAD = 0x0d,
    TAG_FILE_NAME = 0x0e,
    HEADER_VERSION = 0x0102,
    SIGNATURE_LEN = 256,
    TEXT_MAX = 64 * 1024,
};

static unsigned be16(const uint8_t *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

/* Length of the signed header; 0 when there is none; -1 when it is broken. */
static long header_len(const uint8_t *bytes, size_t len)
{
    if (len < 1 || bytes[0] != TAG_VERSION) {
        return 0;
    }
    if (len < 10 || be16(bytes + 1) != 2 || bytes[5] != TAG_HEADER_LEN || be16(bytes + 6) != 2) {
        return -1;
    }
    unsigned total = be16(bytes + 8);
    if (total < 10 || total > len) {
        return -1;
    }
    return (long)total;
}

static bool name_is_safe(const char *name, size_t len)
{
    if (len == 0 || len >= LOADS_NAME_MAX || name[0] == '.') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c <= ' ' || c >= 0x7f || c == '/' || c == '\\' || c == ':' || c == '%' || c == '"' ||
            c == '<' || c == '>') {
            return false;
        }
        if (c == '.' && i + 1 < len && name[i + 1] == '.') {
            return false;
        }
    }
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\0';
}

/* The next word of a line; returns its length and moves `*at` behind it. */
static size_t next_word(const char **at, const char *end, const char **word)
{
    while (*at < end && is_blank(**at)) {
        (*at)++;
    }
    *word = *at;
    while (*at < end && !is_blank(**at)) {
        (*at)++;
    }
    return (size_t)(*at - *word);
}

static int hex_of(char c)
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

static bool read_md5(const char *word, size_t len, uint8_t out[LOADS_MD5_LEN])
{
    if (len != 2 * LOADS_MD5_LEN) {
        return false;
    }
    for (size_t i = 0; i < LOADS_MD5_LEN; i++) {
        int high = hex_of(word[2 * i]);
        int low = hex_of(word[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

static bool read_size(const char *word, size_t len, uint64_t *out)
{
    uint64_t value = 0;
    if (len == 0 || len > 15) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (word[i] < '0' || word[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(word[i] - '0');
    }
    *out = value;
    return true;
}

/* 1 a file was read, 0 the line has none, SIM_EPROTO. */
static int read_line(const char *line, const char *end, struct loads_file *file)
{
    const char *word;
    size_t len = next_word(&line, end, &word);
    if (len == 0 || word[0] == '#') {
        return 0;
    }
    if (!name_is_safe(word, len)) {
        return SIM_EPROTO;
    }
    *file = (struct loads_file){.has_md5 = false};
    memcpy(file->name, word, len);
    size_t size_len = next_word(&line, end, &word);
    uint64_t size = 0;
    bool has_size = read_size(word, size_len, &size);
    size_t md5_len = next_word(&line, end, &word);
    if (has_size && read_md5(word, md5_len, file->md5)) {
        file->has_md5 = true;
        file->size = size;
    }
    return 1;
}

int loads_parse(const uint8_t *bytes, size_t len, struct loads *out)
{
    long skip = header_len(bytes, len);
    if (skip < 0 || len > TEXT_MAX) {
        return SIM_EPROTO;
    }
    struct loads *found = calloc(1, sizeof(*found));
    if (found == NULL) {
        return SIM_ENOMEM;
    }
    int rc = 0;
    const char *at = (const char *)bytes + skip;
    const char *end = (const char *)bytes + len;
    while (at < end && rc == 0) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL) {
            stop = end;
        }
        struct loads_file file;
        int got = read_line(at, stop, &file);
        if (got < 0 || (got > 0 && found->len == LOADS_FILES_MAX)) {
            rc = SIM_EPROTO;
        } else if (got > 0) {
            found->files[found->len++] = file;
        }
        at = stop < end ? stop + 1 : end;
    }
    if (rc == 0 && found->len == 0) {
        rc = SIM_EPROTO;
    }
    if (rc == 0) {
        *out = *found;
    }
    free(found);
    return rc;
}

struct writer {
    uint8_t *out;
    size_t len, cap;
};

static void put(struct writer *w, const void *bytes, size_t len)
{
    if (w->len + len <= w->cap) {
        memcpy(w->out + w->len, bytes, len);
    }
    w->len += len; /* past cap: the caller sees that it did not fit */
}

static void put_tag(struct writer *w, uint8_t tag, const void *value, size_t len)
{
    uint8_t head[3] = {tag, (uint8_t)(len >> 8), (uint8_t)len};
    put(w, head, sizeof(head));
    put(w, value, len);
}

static void put_header(struct writer *w, const char *own_name)
{
    static const char signer[] = "CN=pfsim;OU=synthetic;O=pfsim";
    static const uint8_t serial[8] = {0, 0, 0, 0, 0, 0, 0, 1};
    static const uint8_t info[15] = {0x08, 0, 1, 0, 0x09, 0, 8, 0x0a, 0, 1, 0, 0x0b, 0, 1, 0};
    static const uint8_t signature[SIGNATURE_LEN];
    const uint8_t version[2] = {HEADER_VERSION >> 8, HEADER_VERSION & 255};
    uint8_t block[160];
    struct writer inner = {block, 0, sizeof(block)};

    put_tag(w, TAG_VERSION, version, 2);
    put_tag(w, TAG_HEADER_LEN, "\0\0", 2); /* filled in below */
    put_tag(&inner, TAG_SIGNER_NAME, signer, sizeof(signer));
    put_tag(&inner, TAG_SERIAL, serial, sizeof(serial));
    put_tag(&inner, TAG_CA_NAME, signer, sizeof(signer));
    put_tag(w, TAG_SIGNER, block, inner.len);
    put_tag(w, TAG_SIGNATURE_INFO, info, sizeof(info));
    put_tag(w, TAG_SIGNATURE, signature, sizeof(signature));
    put_tag(w, TAG_FILE_NAME, own_name, strlen(own_name) + 1);
    while (w->len % 4 != 0) {
        static const uint8_t pad = TAG_PAD;
        put(w, &pad, 1);
    }
    if (w->len <= w->cap) {
        w->out[8] = (uint8_t)(w->len >> 8);
        w->out[9] = (uint8_t)w->len;
    }
}

size_t loads_write(const char *own_name, const char *const *names, size_t names_len, uint8_t *out,
                   size_t cap)
{
    struct writer w = {out, 0, cap};
    static const char head[] = "# firmware load, written by pfsim\r\n\r\n";

    put_header(&w, own_name);
    put(&w, head, sizeof(head) - 1);
    for (size_t i = 0; i < names_len; i++) {
        put(&w, names[i], strlen(names[i]));
        put(&w, "\r\n", 2);
    }
    return w.len <= cap ? w.len : 0;
}
