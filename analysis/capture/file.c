/* analysis/capture/file.c -- see file.h. */
#include "analysis/capture/file.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#define ZLIB_CONST /* input is only read */
#include <zlib.h>

#include "analysis/capture/capture.h"
#include "sim/err.h"

enum {
    BUFFER_BYTES = 128 * 1024,
    PIECE_BYTES = 4096, /* plain: on the disk after so many, as stdio would; more may be lost */
    MARK_BYTES_MAX = 256 * 1024, /* compressed: marks lie so far apart, each costs some 6 bytes */
    GZIP_LEVEL = 5,              /* our choice: twice as fast as 9, a few percent larger */
    GZIP_BITS = 15 + 16,         /* the largest window, and gzip's header instead of zlib's */
    GZIP_BLOCK_BITS = -15,       /* no header at all */
    GZIP_MEMORY = 8,             /* zlib's default */
};

struct analysis_capture_file {
    struct analysis_output *to;
    const char *tail;
    bool is_gzip, is_broken; /* broken: zlib is out of memory */
    uint64_t cut;            /* bytes of the file up to the last mark on the disk; 0: none */
    uint64_t written;        /* bytes that were handed on */
    /* gzip: of what was compressed up to the last mark */
    uint64_t marked;
    uLong crc;
    z_stream gzip;
    size_t len; /* plain: bytes that wait */
    uint8_t bytes[BUFFER_BYTES];
};

int analysis_capture_folder(const char *path, char dir[ANALYSIS_PATH_MAX],
                            char why[ANALYSIS_WHY_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

    if (len >= ANALYSIS_PATH_MAX) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't write %.300s: the name is too long", path);
        return SIM_EINVAL;
    }
    if (strcmp(path, "-") == 0) {
        snprintf(
            why, ANALYSIS_WHY_MAX,
            "can't write \"-\": standard output has the result; give a file's name or a pipe's");
        return SIM_EINVAL;
    }
    if (path[0] == '\0' || (slash != NULL && slash[1] == '\0')) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't write \"%.300s\": expected the name of a file",
                 path);
        return SIM_EINVAL;
    }
    if (len == 0) {
        strcpy(dir, ".");
        return 0;
    }
    memcpy(dir, path, len);
    dir[len] = '\0';
    return analysis_output_folder(dir, why);
}

static bool is_gzip(const char *path)
{
    size_t len = strlen(path);
    return len > 3 && strcmp(path + len - 3, ".gz") == 0;
}

int analysis_capture_open(struct analysis_capture_file **out, const char *path, const char *tail,
                          char why[ANALYSIS_WHY_MAX])
{
    assert(strlen(tail) <= ANALYSIS_CAPTURE_TAIL_MAX);
    char dir[ANALYSIS_PATH_MAX];
    const char *slash = strrchr(path, '/');
    struct analysis_capture_file *f;
    struct stat st;

    int rc = analysis_capture_folder(path, dir, why);
    if (rc != 0) {
        return rc;
    }
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't write %.300s: it is a folder, give it a file's name",
                 path);
        return SIM_EINVAL;
    }
    f = calloc(1, sizeof(*f));
    if (f == NULL || (is_gzip(path) && deflateInit2(&f->gzip, GZIP_LEVEL, Z_DEFLATED, GZIP_BITS,
                                                    GZIP_MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)) {
        free(f);
        snprintf(why, ANALYSIS_WHY_MAX, "can't write %.300s: out of memory", path);
        return SIM_ENOMEM;
    }
    f->is_gzip = is_gzip(path);
    f->tail = tail;
    f->gzip.next_out = f->bytes;
    f->gzip.avail_out = sizeof(f->bytes);
    rc = analysis_output_open(&f->to, dir, slash != NULL ? slash + 1 : path, why);
    if (rc != 0) {
        analysis_capture_discard(f);
        return rc;
    }
    *out = f;
    return 0;
}

static void hand_on(struct analysis_capture_file *f, const void *bytes, size_t len)
{
    analysis_output_write(f->to, bytes, len);
    f->written += len;
}

static void hand_on_squeezed(struct analysis_capture_file *f)
{
    hand_on(f, f->bytes, sizeof(f->bytes) - f->gzip.avail_out);
    f->gzip.next_out = f->bytes;
    f->gzip.avail_out = sizeof(f->bytes);
}

/* Compresses what is given; `how`: Z_NO_FLUSH, Z_SYNC_FLUSH (then all of it is handed on, in whole
 * bytes) or Z_FINISH. */
static void squeeze(struct analysis_capture_file *f, int how)
{
    bool is_full = true;
    int rc = Z_OK;

    while (rc == Z_OK && (f->gzip.avail_in > 0 || (how != Z_NO_FLUSH && is_full))) {
        rc = deflate(&f->gzip, how);
        is_full = f->gzip.avail_out == 0;
        if (is_full || rc == Z_STREAM_END || (how == Z_SYNC_FLUSH && rc == Z_OK)) {
            hand_on_squeezed(f);
        }
    }
    /* Z_BUF_ERROR: asked once more, since the buffer was just filled; nothing was left to do. */
    f->is_broken |= rc != Z_OK && rc != Z_STREAM_END && rc != Z_BUF_ERROR;
}

void analysis_capture_write(struct analysis_capture_file *f, const void *bytes, size_t len)
{
    if (f->is_gzip) {
        assert(len <= UINT32_MAX);
        f->gzip.next_in = (const Bytef *)bytes;
        f->gzip.avail_in = (uInt)len;
        squeeze(f, Z_NO_FLUSH);
        return;
    }
    if (len > sizeof(f->bytes) - f->len) {
        hand_on(f, f->bytes, f->len);
        f->len = 0;
    }
    if (len > sizeof(f->bytes)) {
        hand_on(f, bytes, len);
        return;
    }
    memcpy(f->bytes + f->len, bytes, len);
    f->len += len;
}

void analysis_capture_mark(struct analysis_capture_file *f)
{
    if (f->is_gzip) {
        /* The first ones lie close together: a small disk keeps something too. */
        uint64_t apart = f->marked < PIECE_BYTES      ? PIECE_BYTES
                         : f->marked < MARK_BYTES_MAX ? f->marked
                                                      : MARK_BYTES_MAX;
        if (f->gzip.total_in - f->marked < apart || f->is_broken) {
            return;
        }
        squeeze(f, Z_SYNC_FLUSH);
    } else {
        if (f->len < PIECE_BYTES) {
            return;
        }
        hand_on(f, f->bytes, f->len);
        f->len = 0;
    }
    if (analysis_output_flush(f->to)) {
        f->cut = f->written;
        f->marked = f->gzip.total_in;
        f->crc = f->gzip.adler;
    }
}

/* What a compressed file that ends at the mark must have behind it: the tail as a last block, then
 * RFC 1952's CRC-32 and length. Returns its bytes, 0: out of memory. */
static size_t end_of_gzip(const struct analysis_capture_file *f, uint8_t *out, size_t cap)
{
    size_t tail_len = strlen(f->tail);
    uLong crc = crc32(f->crc, (const Bytef *)f->tail, (uInt)tail_len);
    uint64_t len = f->marked + tail_len;
    z_stream z = {.next_in = (const Bytef *)f->tail, .avail_in = (uInt)tail_len};

    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, GZIP_BLOCK_BITS, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
        return 0;
    }
    z.next_out = out;
    z.avail_out = (uInt)cap - 8;
    int rc = deflate(&z, Z_FINISH);
    size_t at = (size_t)z.total_out;
    deflateEnd(&z);
    if (rc != Z_STREAM_END) {
        return 0;
    }
    for (unsigned i = 0; i < 4; i++) {
        out[at + i] = (uint8_t)(crc >> 8 * i);
        out[at + 4 + i] = (uint8_t)(len >> 8 * i);
    }
    return at + 8;
}

void analysis_capture_cut(struct analysis_capture_file *f, char why[ANALYSIS_WHY_MAX])
{
    const char *path = analysis_output_path(f->to);
    char part[ANALYSIS_PATH_MAX];
    uint8_t end[64 + ANALYSIS_CAPTURE_TAIL_MAX];
    size_t len = strlen(f->tail);

    memcpy(end, f->tail, len);
    if (f->is_gzip) {
        len = end_of_gzip(f, end, sizeof(end));
    }
    if (path != NULL && f->cut > 0 && (len > 0 || !f->is_gzip) &&
        analysis_capture_path(path, "partial", part)) {
        int rc = analysis_output_rescue(f->to, f->cut, end, len, part);
        f->to = NULL;
        size_t said = strlen(why);
        if (rc == 0) {
            snprintf(why + said, ANALYSIS_WHY_MAX - said, "; what came before is in %s", part);
        }
    }
    analysis_capture_discard(f);
}

int analysis_capture_commit(struct analysis_capture_file *f, char why[ANALYSIS_WHY_MAX])
{
    analysis_capture_write(f, f->tail, strlen(f->tail));
    if (f->is_gzip) {
        squeeze(f, Z_FINISH);
    } else {
        hand_on(f, f->bytes, f->len);
    }
    if (f->is_broken) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't compress: out of memory");
        analysis_capture_cut(f, why);
        return SIM_ENOMEM;
    }
    if (!analysis_output_flush(f->to)) {
        int rc = analysis_output_failed(f->to, why);
        analysis_capture_cut(f, why);
        return rc;
    }
    int rc = analysis_output_commit(f->to, why);
    f->to = NULL;
    analysis_capture_discard(f);
    return rc;
}

void analysis_capture_discard(struct analysis_capture_file *f)
{
    if (f == NULL) {
        return;
    }
    analysis_output_discard(f->to);
    if (f->is_gzip) {
        deflateEnd(&f->gzip);
    }
    free(f);
}

/* ---- Lines ---- */

void analysis_line_print(struct analysis_line *l, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(l->text + l->len, sizeof(l->text) - l->len, format, arguments);
    va_end(arguments);
    assert(n >= 0 && (size_t)n < sizeof(l->text) - l->len && "texts are cut to what fits");
    l->len += (size_t)n;
}

/* Bytes of the UTF-8 character at `text` (RFC 3629), 0 when there is none. */
static size_t character(const unsigned char *text)
{
    size_t len = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : 3;

    if (text[0] >= 0xf0) {
        len = text[0] < 0xf5 ? 4 : 0;
    }
    for (size_t i = 1; i < len; i++) {
        if (text[i] < 0x80 || text[i] > 0xbf) {
            return 0; /* a NUL ends here too */
        }
    }
    if ((text[0] == 0xe0 && text[1] < 0xa0) || (text[0] == 0xed && text[1] > 0x9f) ||
        (text[0] == 0xf0 && text[1] < 0x90) || (text[0] == 0xf4 && text[1] > 0x8f)) {
        return 0; /* too long a form, a surrogate, or beyond U+10FFFF */
    }
    return len;
}

void analysis_line_string(struct analysis_line *l, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;

    analysis_line_print(l, "\"");
    while (*at != '\0' && at - (const unsigned char *)text < ANALYSIS_LINE_TEXT_MAX) {
        size_t len = character(at);

        if (len == 0) {
            analysis_line_print(l, "\xef\xbf\xbd");
            len = 1;
        } else if (*at == '"' || *at == '\\') {
            analysis_line_print(l, "\\%c", *at);
        } else if (*at < 0x20 || *at == 0x7f) {
            analysis_line_print(l, "\\u%04x", *at);
        } else {
            analysis_line_print(l, "%.*s", (int)len, (const char *)at);
        }
        at += len;
    }
    analysis_line_print(l, "\"");
}

void analysis_line_member(struct analysis_line *l, const char *name, const char *text)
{
    if (text != NULL) {
        analysis_line_print(l, ",\"%s\":", name);
        analysis_line_string(l, text);
    }
}
