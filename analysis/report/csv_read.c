/* analysis/report/csv_read.c -- one buffer that always holds the whole present row. */
#include "analysis/report/csv_read.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

enum {
    BUFFER_BYTES = 4 * ANALYSIS_CSV_ROW_MAX,
    DIGITS_MAX = 18, /* fit 64 bits */
};

struct analysis_csv {
    FILE *file;
    char *path;
    const char *const *columns;
    size_t columns_len; /* asked for */
    size_t at[ANALYSIS_CSV_COLUMNS_MAX];
    size_t fields_len; /* of every row */
    char *fields[ANALYSIS_CSV_COLUMNS_MAX];
    uint64_t row;
    bool ended; /* the file has no more bytes */
    size_t pos, len;
    char buffer[BUFFER_BYTES + 1];
};

static int refuse(const struct analysis_csv *csv, char why[ANALYSIS_WHY_MAX], const char *what)
{
    snprintf(why, ANALYSIS_WHY_MAX, "%.300s: row %llu: %s", csv->path, (unsigned long long)csv->row,
             what);
    return SIM_EINVAL;
}

static int fill(struct analysis_csv *csv, char why[ANALYSIS_WHY_MAX])
{
    memmove(csv->buffer, csv->buffer + csv->pos, csv->len - csv->pos);
    csv->len -= csv->pos;
    csv->pos = 0;
    errno = 0;
    size_t n = fread(csv->buffer + csv->len, 1, BUFFER_BYTES - csv->len, csv->file);
    csv->len += n;
    if (ferror(csv->file)) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't read %.300s: %s", csv->path,
                 strerror(errno != 0 ? errno : EIO));
        return SIM_EIO;
    }
    csv->ended = feof(csv->file) != 0;
    return 0;
}

/* Where the row that begins at pos ends: its '\n', which is outside quotes; NULL: not in the
 * buffer. */
static char *row_end(struct analysis_csv *csv)
{
    const char *at = csv->buffer + csv->pos, *end = csv->buffer + csv->len;
    bool quoted = false;

    for (const char *from = at;;) {
        const char *line = memchr(at, '\n', (size_t)(end - at));
        const char *stop = line != NULL ? line : end;
        for (const char *c = from; (c = memchr(c, '"', (size_t)(stop - c))) != NULL; c++) {
            quoted = !quoted;
        }
        if (line == NULL || !quoted) {
            return line != NULL ? csv->buffer + (line - csv->buffer) : NULL;
        }
        at = from = line + 1;
    }
}

/* The field at `*c`, unquoted in place; `*c` moves to the comma or NUL behind it. NULL: quotes
 * where none may be. */
static char *take_field(char **c)
{
    char *field = *c, *to = *c;

    if (**c != '"') {
        *c += strcspn(*c, ",");
        return memchr(field, '"', (size_t)(*c - field)) == NULL ? field : NULL;
    }
    for ((*c)++; **c != '\0'; (*c)++) {
        if (**c == '"' && *++(*c) != '"') {
            if (**c != ',' && **c != '\0') {
                return NULL;
            }
            *to = '\0'; /* two quotes before *c: the comma that says that there is more stays */
            return field;
        }
        *to++ = **c;
    }
    return NULL;
}

static int split(struct analysis_csv *csv, char *row, char why[ANALYSIS_WHY_MAX])
{
    size_t len = 0;

    for (char *c = row;; c++) {
        if (len == ANALYSIS_CSV_COLUMNS_MAX) {
            return refuse(csv, why, "more than 64 fields");
        }
        char *field = take_field(&c);
        if (field == NULL) {
            return refuse(csv, why, "a quote where none may be");
        }
        csv->fields[len++] = field;
        bool last = *c == '\0';
        *c = '\0';
        if (last) {
            break;
        }
    }
    if (csv->row > 1 && len != csv->fields_len) {
        char text[80];
        snprintf(text, sizeof(text), "found %zu fields, expected %zu", len, csv->fields_len);
        return refuse(csv, why, text);
    }
    csv->fields_len = len;
    return 1;
}

int analysis_csv_next(struct analysis_csv *csv, char why[ANALYSIS_WHY_MAX])
{
    char *end = row_end(csv);

    csv->row++;
    if (end == NULL && !csv->ended) {
        int rc = fill(csv, why);
        if (rc != 0) {
            return rc;
        }
        end = row_end(csv);
    }
    char *row = csv->buffer + csv->pos;
    if (end == NULL && csv->ended && csv->pos == csv->len) {
        return 0;
    }
    if (end == NULL && csv->ended) {
        return refuse(csv, why, "the file ends within it: it is cut off");
    }
    if (end == NULL || end - row >= ANALYSIS_CSV_ROW_MAX) {
        return refuse(csv, why, "longer than 64 KiB");
    }
    csv->pos = (size_t)(end - csv->buffer) + 1;
    if (memchr(row, '\0', (size_t)(end - row)) != NULL) {
        return refuse(csv, why, "found a zero byte");
    }
    *end = '\0';
    if (end > row && end[-1] == '\r') {
        end[-1] = '\0';
    }
    return split(csv, row, why);
}

static int find_columns(struct analysis_csv *csv, char why[ANALYSIS_WHY_MAX])
{
    int rc = analysis_csv_next(csv, why);

    if (rc <= 0) {
        return rc < 0 ? rc : refuse(csv, why, "the file is empty");
    }
    for (size_t i = 0; csv->columns[i] != NULL; i++) {
        size_t at = 0;
        assert(i < ANALYSIS_CSV_COLUMNS_MAX);
        while (at < csv->fields_len && strcmp(csv->fields[at], csv->columns[i]) != 0) {
            at++;
        }
        if (at == csv->fields_len) {
            snprintf(why, ANALYSIS_WHY_MAX, "%.300s has no column %s", csv->path, csv->columns[i]);
            return SIM_EINVAL;
        }
        csv->at[i] = at;
        csv->columns_len = i + 1;
    }
    return 0;
}

int analysis_csv_open(struct analysis_csv **out, const char *path, const char *const *columns,
                      char why[ANALYSIS_WHY_MAX])
{
    struct analysis_csv *csv = calloc(1, sizeof(*csv));
    int rc = SIM_ENOMEM;

    if (csv == NULL || (csv->path = strdup(path)) == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(rc));
        goto failed;
    }
    csv->columns = columns;
    if ((csv->file = fopen(path, "rb")) == NULL) {
        rc = sim_err_from_errno(errno);
        snprintf(why, ANALYSIS_WHY_MAX, "can't read %.300s: %s", path, strerror(errno));
        goto failed;
    }
    if ((rc = find_columns(csv, why)) == 0) {
        *out = csv;
        return 0;
    }

failed:
    analysis_csv_close(csv);
    return rc;
}

void analysis_csv_close(struct analysis_csv *csv)
{
    if (csv == NULL) {
        return;
    }
    if (csv->file != NULL) {
        fclose(csv->file);
    }
    free(csv->path);
    free(csv);
}

const char *analysis_csv_text(const struct analysis_csv *csv, size_t column)
{
    assert(column < csv->columns_len);
    return csv->fields[csv->at[column]];
}

int analysis_csv_number(const struct analysis_csv *csv, size_t column, double *out,
                        char why[ANALYSIS_WHY_MAX])
{
    const char *text = analysis_csv_text(csv, column), *c = text;
    uint64_t value = 0, scale = 1;
    unsigned digits = 0;
    bool dot = false;

    if (*c == '\0') {
        *out = (double)NAN;
        return 0;
    }
    for (; *c != '\0'; c++) {
        if (*c == '.' && !dot && c > text && c[1] != '\0') {
            dot = true;
        } else if (*c >= '0' && *c <= '9' && digits < DIGITS_MAX) {
            value = value * 10 + (uint64_t)(*c - '0');
            scale = dot ? scale * 10 : scale;
            digits++;
        } else {
            break;
        }
    }
    if (*c != '\0') {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s: row %llu, column %s: found \"%.40s\", expected a "
                 "number like 12.5",
                 csv->path, (unsigned long long)csv->row, csv->columns[column], text);
        return SIM_EINVAL;
    }
    *out = (double)value / (double)scale;
    return 0;
}

int analysis_csv_value(const struct analysis_csv *csv, size_t column, double *out,
                       char why[ANALYSIS_WHY_MAX])
{
    if (analysis_csv_text(csv, column)[0] != '\0') {
        return analysis_csv_number(csv, column, out, why);
    }
    snprintf(why, ANALYSIS_WHY_MAX, "%.300s: row %llu, column %s: found nothing, expected a number",
             csv->path, (unsigned long long)csv->row, csv->columns[column]);
    return SIM_EINVAL;
}

uint64_t analysis_csv_row(const struct analysis_csv *csv)
{
    return csv->row;
}
