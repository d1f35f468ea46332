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

#include "sim/err.h"

enum {
    BUFFER_BYTES = 128 * 1024,
    GZIP_LEVEL = 5,      /* our choice: twice as fast as 9, a few percent larger */
    GZIP_BITS = 15 + 16, /* the largest window, and gzip's header instead of zlib's */
    GZIP_MEMORY = 8,     /* zlib's default */
};

struct analysis_capture_file {
    struct analysis_output *to;
    bool is_gzip, is_broken; /* broken: zlib is out of memory */
    z_stream gzip;
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

int analysis_capture_open(struct analysis_capture_file **out, const char *path,
                          char why[ANALYSIS_WHY_MAX])
{
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

/* Compresses what is given; `how`: Z_NO_FLUSH or Z_FINISH. */
static void squeeze(struct analysis_capture_file *f, int how)
{
    int rc = Z_OK;

    while (rc == Z_OK && (f->gzip.avail_in > 0 || how == Z_FINISH)) {
        rc = deflate(&f->gzip, how);
        if (f->gzip.avail_out == 0 || rc == Z_STREAM_END) {
            analysis_output_write(f->to, f->bytes, sizeof(f->bytes) - f->gzip.avail_out);
            f->gzip.next_out = f->bytes;
            f->gzip.avail_out = sizeof(f->bytes);
        }
    }
    f->is_broken |= rc != Z_OK && rc != Z_STREAM_END;
}

void analysis_capture_write(struct analysis_capture_file *f, const void *bytes, size_t len)
{
    if (!f->is_gzip) {
        analysis_output_write(f->to, bytes, len);
        return;
    }
    assert(len <= UINT32_MAX);
    f->gzip.next_in = (const Bytef *)bytes;
    f->gzip.avail_in = (uInt)len;
    squeeze(f, Z_NO_FLUSH);
}

int analysis_capture_commit(struct analysis_capture_file *f, char why[ANALYSIS_WHY_MAX])
{
    if (f->is_gzip) {
        squeeze(f, Z_FINISH);
    }
    if (f->is_broken) {
        analysis_capture_discard(f);
        snprintf(why, ANALYSIS_WHY_MAX, "can't compress: out of memory");
        return SIM_ENOMEM;
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
