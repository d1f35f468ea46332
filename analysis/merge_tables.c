/* analysis/merge_tables.c -- see merge_tables.h. */
#include "analysis/merge_tables.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "analysis/sort.h"
#include "sim/err.h"

enum {
    BUFFER_BYTES = 64 << 10,
    HEADER_MAX = 4096, /* bytes of a file's first line */
};

struct tables {
    struct analysis_output *to;
    struct analysis_sort *sort; /* rows by time; NULL: one part behind the other */
    char header[HEADER_MAX];    /* of the first part, its newline too */
    size_t header_len;
    char *why;
};

static int refuse(const struct tables *t, int rc, const char *path, const char *text)
{
    snprintf(t->why, ANALYSIS_WHY_MAX, "%.300s %s", path, text);
    return rc;
}

/* Microseconds of "12.345678,...". */
static bool parse_time(const char *row, uint64_t *out)
{
    uint64_t us = 0;
    unsigned decimals = 0;
    const char *c = row;

    for (; (*c >= '0' && *c <= '9') && us < UINT64_MAX / 20; c++) {
        us = 10 * us + (uint64_t)(*c - '0');
    }
    if (c == row || *c++ != '.') {
        return false;
    }
    for (; (*c >= '0' && *c <= '9') && us < UINT64_MAX / 20; c++) {
        us = 10 * us + (uint64_t)(*c - '0');
        decimals++;
    }
    *out = us;
    return decimals == 6 && *c == ',';
}

/* The first line: the same in all parts, written once. */
static int take_header(struct tables *t, const char *path, const char *line, size_t len, bool first)
{
    if (first) {
        if (len > HEADER_MAX) {
            return refuse(t, SIM_EINVAL, path, "has a first line that is too long");
        }
        memcpy(t->header, line, len);
        t->header_len = len;
        analysis_output_write(t->to, line, len);
        return 0;
    }
    return len == t->header_len && memcmp(line, t->header, len) == 0
               ? 0
               : refuse(t, SIM_EINVAL, path, "has other columns than that of the other shares");
}

static int take_row(struct tables *t, const char *path, const char *line, size_t len, uint32_t part)
{
    uint64_t time;

    if (t->sort == NULL) {
        analysis_output_write(t->to, line, len);
        return 0;
    }
    if (!parse_time(line, &time) || len > ANALYSIS_SORT_THING_MAX) {
        return refuse(t, SIM_EINVAL, path, "has a row that does not begin with a time");
    }
    analysis_sort_add(t->sort, 0, time, part, line, len, "", 0);
    return 0;
}

/* Line by line; what was read must be what was written. */
static int take_lines(struct tables *t, FILE *file, const char *path,
                      const struct analysis_merge_part *part, uint32_t number)
{
    char *line = NULL;
    size_t cap = 0;
    struct analysis_shard_table found = {.bytes = 0};
    bool is_header = true;
    ssize_t len;
    int rc = 0;

    errno = 0;
    while (rc == 0 && (len = getline(&line, &cap, file)) > 0) {
        found.bytes += (uint64_t)len;
        found.crc = (uint32_t)crc32(found.crc, (const Bytef *)line, (uInt)len);
        rc = found.bytes > part->table->bytes ? 0
             : is_header                      ? take_header(t, path, line, (size_t)len, number == 0)
                                              : take_row(t, path, line, (size_t)len, number);
        is_header = false;
    }
    if (rc == 0 && ferror(file)) {
        rc = refuse(t, SIM_EIO, path, strerror(errno));
    }
    free(line);
    if (rc == 0 && (found.bytes != part->table->bytes || found.crc != part->table->crc)) {
        rc = refuse(t, SIM_EINVAL, path,
                    "is not what the run wrote (cut or edited): copy it again, or run that share "
                    "again");
    }
    return rc;
}

static int take_part(struct tables *t, const struct analysis_merge_part *part, uint32_t number)
{
    char path[ANALYSIS_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", part->dir, part->table->name);

    if (n < 0 || (size_t)n >= sizeof(path)) {
        return refuse(t, SIM_EINVAL, part->dir, "is too long a name");
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        int rc = sim_err_from_errno(errno);
        snprintf(t->why, ANALYSIS_WHY_MAX,
                 "%.300s, which belongs to its share, can't be opened: %s", path, strerror(errno));
        return rc;
    }
    int rc = take_lines(t, file, path, part, number);
    fclose(file);
    return rc;
}

static void write_row(void *context, const void *bytes, size_t len)
{
    analysis_output_write(context, bytes, len);
}

int analysis_merge_tables(struct analysis_output **to, const char *out,
                          const struct analysis_merge_part *parts, size_t parts_len, bool by_time,
                          char why[ANALYSIS_WHY_MAX])
{
    struct tables *t = calloc(1, sizeof(*t));
    int rc = 0;

    if (t == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    t->why = why;
    rc = analysis_output_open(&t->to, out, parts[0].table->name, why);
    if (rc == 0 && by_time) {
        rc = analysis_sort_new(&t->sort, out, 1, why);
    }
    for (size_t i = 0; rc == 0 && i < parts_len; i++) {
        rc = take_part(t, &parts[i], (uint32_t)i);
    }
    if (rc == 0 && t->sort != NULL) {
        rc = analysis_sort_read(t->sort, write_row, t->to, parts[0].table->name, why);
    }
    analysis_sort_free(t->sort);
    if (rc != 0) {
        analysis_output_discard(t->to);
    } else {
        *to = t->to;
    }
    free(t);
    return rc;
}
