/* analysis/columns.c -- see columns.h. */
#include "analysis/columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum {
    GAP = 2,         /* blanks between columns */
    WRAP_LEAST = 20, /* a column that wraps is not made narrower; our choice */
};

struct cell {
    char *text; /* NULL: nothing */
    enum analysis_colour colour;
    bool is_line; /* the row's only cell: a line of its own */
};

struct analysis_columns {
    struct analysis_column list[ANALYSIS_COLUMNS_MAX];
    size_t len;
    struct cell *cells; /* `len` a row */
    size_t cells_len, cells_cap;
};

/* How it is printed: what is there and how wide it is. */
struct layout {
    int width[ANALYSIS_COLUMNS_MAX]; /* 0: left out */
    int total;
    int level;     /* columns whose `drop` is 1..level are left out */
    bool two_line; /* heads */
};

struct analysis_columns *analysis_columns_new(const struct analysis_column *list, size_t len)
{
    struct analysis_columns *t = calloc(1, sizeof(*t));

    assert(len >= 1 && len <= ANALYSIS_COLUMNS_MAX);
    assert(!list[0].joined && list[0].drop == 0);
    if (t != NULL) {
        memcpy(t->list, list, len * sizeof(*list));
        t->len = len;
    }
    return t;
}

void analysis_columns_free(struct analysis_columns *t)
{
    for (size_t i = 0; t != NULL && i < t->cells_len; i++) {
        free(t->cells[i].text);
    }
    if (t != NULL) {
        free(t->cells);
    }
    free(t);
}

/* NULL: no memory. */
static struct cell *next_cell(struct analysis_columns *t)
{
    if (t->cells_len == t->cells_cap) {
        size_t cap = t->cells_cap == 0 ? 64 : 2 * t->cells_cap;
        struct cell *grown = realloc(t->cells, cap * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        t->cells = grown;
        t->cells_cap = cap;
    }
    t->cells[t->cells_len] = (struct cell){.text = NULL};
    return &t->cells[t->cells_len++];
}

void analysis_columns_add(struct analysis_columns *t, enum analysis_colour colour, const char *text)
{
    struct cell *cell = t != NULL ? next_cell(t) : NULL;

    if (cell != NULL) {
        cell->colour = colour;
        cell->text = text[0] != '\0' ? strdup(text) : NULL;
    }
}

void analysis_columns_line(struct analysis_columns *t, const char *text)
{
    for (size_t i = 0; t != NULL && i < t->len; i++) {
        struct cell *cell = next_cell(t);
        if (cell != NULL && i == 0) {
            cell->is_line = true;
            cell->text = strdup(text);
        }
    }
}

/* Columns that `len` bytes of UTF-8 take, wide characters not known. */
static int columns_in(const char *text, size_t len)
{
    int columns = 0;

    for (size_t i = 0; i < len; i++) {
        columns += (text[i] & 0xc0) != 0x80;
    }
    return columns;
}

static int columns_of(const char *text)
{
    return text != NULL ? columns_in(text, strlen(text)) : 0;
}

/* ---- Layout ---- */

static size_t rows_of(const struct analysis_columns *t)
{
    return t->cells_len / t->len;
}

static const struct cell *row_of(const struct analysis_columns *t, size_t row)
{
    return &t->cells[row * t->len];
}

/* A head's upper and lower line, as lengths from its begin and its end. */
struct halves {
    int upper, lower;
};

/* Broken at the blank or the point that makes the longer half shortest; a head of one line stands
 * in the lower one. Heads with a key's name are ASCII, as keys are. */
static struct halves halve(const char *head, bool two_line)
{
    int len = (int)strlen(head), longest = len;
    struct halves best = {.upper = 0, .lower = len};

    for (int i = 1; two_line && i < len; i++) {
        int rest = len - i - (head[i] == ' ');
        int longer = i > rest ? i : rest;
        if ((head[i] == ' ' || head[i] == '.') && longer < longest) {
            best = (struct halves){.upper = i, .lower = rest};
            longest = longer;
        }
    }
    return best;
}

static int head_width(const char *head, bool two_line)
{
    struct halves h = halve(head, two_line);

    return h.upper > h.lower ? h.upper : h.lower;
}

static int content_width(const struct analysis_columns *t, size_t column)
{
    int width = 0;

    for (size_t r = 0; r < rows_of(t); r++) {
        const struct cell *row = row_of(t, r);
        int len = row->is_line ? 0 : columns_of(row[column].text);
        width = len > width ? len : width;
    }
    return width;
}

/* Columns that a head stands over: its own and those joined to it. */
static int span(const struct analysis_columns *t, const struct layout *l, size_t column)
{
    int width = l->width[column];

    for (size_t c = column + 1; c < t->len && t->list[c].joined; c++) {
        width += l->width[c] > 0 ? 1 + l->width[c] : 0;
    }
    return width;
}

static bool is_dropped(const struct analysis_columns *t, const struct layout *l, size_t column)
{
    return t->list[column].drop > 0 && t->list[column].drop <= l->level;
}

static void lay_out(const struct analysis_columns *t, struct layout *l, int indent)
{
    for (size_t c = 0; c < t->len; c++) {
        l->width[c] = is_dropped(t, l, c) ? 0 : content_width(t, c);
    }
    l->total = indent;
    for (size_t c = 0; c < t->len; c++) {
        if (t->list[c].joined || is_dropped(t, l, c)) {
            continue;
        }
        int head = head_width(t->list[c].head, l->two_line), wide = span(t, l, c);
        l->width[c] += head > wide ? head - wide : 0;
        wide = span(t, l, c);
        if (t->list[c].wraps && wide > WRAP_LEAST) {
            wide = WRAP_LEAST;
        }
        l->total += wide + (c > 0 ? GAP : 0);
    }
}

/* The one that leaves out least; false: none fits. */
static bool choose(const struct analysis_columns *t, struct layout *l, int indent, int page)
{
    int levels = 0;

    for (size_t c = 0; c < t->len; c++) {
        levels = t->list[c].drop > levels ? t->list[c].drop : levels;
    }
    for (int i = 0; i < 2 * (levels + 1); i++) {
        *l = (struct layout){.level = i / 2, .two_line = i % 2 == 1};
        lay_out(t, l, indent);
        if (l->total <= page) {
            return true;
        }
    }
    return false;
}

/* ---- Rows ---- */

/* Where the cursor is, and the blanks that are owed before the next text. */
struct cursor {
    const struct analysis_style *style;
    int column, owed;
};

static void put(struct cursor *at, const char *text, int len, enum analysis_colour colour)
{
    if (len == 0) {
        return;
    }
    fprintf(at->style->to, "%*s%s%.*s%s", at->owed, "", analysis_summary_on(at->style, colour), len,
            text, colour == ANALYSIS_PLAIN ? "" : analysis_summary_off(at->style));
    at->column += at->owed;
    at->owed = 0;
}

/* `len` bytes of `text`, which take `columns`, in a field of `width`. */
static void put_field(struct cursor *at, const char *text, int len, int width, bool left,
                      enum analysis_colour colour)
{
    int columns = columns_in(text, (size_t)len);
    int blanks = width > columns ? width - columns : 0;

    at->owed += left ? 0 : blanks;
    put(at, text, len, colour);
    at->column += columns;
    at->owed += left ? blanks : 0;
}

static void print_heads(const struct analysis_columns *t, const struct layout *l,
                        const struct analysis_style *style, int indent)
{
    for (int line = l->two_line ? 0 : 1; line < 2; line++) {
        struct cursor at = {.style = style, .owed = indent};
        for (size_t c = 0; c < t->len; c++) {
            const char *head = t->list[c].head;
            struct halves h = halve(head, l->two_line);
            int wide = span(t, l, c);
            if (t->list[c].joined || l->width[c] == 0) {
                continue;
            }
            at.owed += c > 0 ? GAP : 0;
            put_field(&at, line == 0 ? head : head + strlen(head) - h.lower,
                      line == 0 ? h.upper : h.lower, wide, t->list[c].left, ANALYSIS_BOLD);
        }
        fputc('\n', style->to);
    }
}

static void print_cells(const struct analysis_columns *t, const struct layout *l,
                        const struct analysis_style *style, const struct cell *row, int indent)
{
    struct cursor at = {.style = style, .owed = indent};
    bool ended = false;

    for (size_t c = 0; c < t->len; c++) {
        const struct analysis_column *about = &t->list[c];
        const char *text = row[c].text != NULL ? row[c].text : "";
        if (l->width[c] == 0) {
            continue;
        }
        at.owed += about->joined ? 1 : c > 0 ? GAP : 0;
        if (about->wraps && text[0] != '\0') {
            int column = at.column + at.owed;
            fprintf(style->to, "%*s%s", at.owed, "", analysis_summary_on(style, row[c].colour));
            analysis_summary_wrap(style, column, column, text);
            fprintf(style->to, "%s",
                    row[c].colour == ANALYSIS_PLAIN ? "" : analysis_summary_off(style));
            ended = true;
        } else {
            put_field(&at, text, (int)strlen(text), l->width[c], about->left, row[c].colour);
        }
    }
    if (!ended) {
        fputc('\n', style->to);
    }
}

static void print_line(const struct analysis_style *style, const struct cell *row, int indent)
{
    int column = indent > GAP ? indent - GAP : 0;

    fprintf(style->to, "%*s", column, "");
    analysis_summary_wrap(style, column, column, row->text != NULL ? row->text : "");
}

/* Names what the page has no room for. */
static void print_dropped(const struct analysis_columns *t, const struct layout *l,
                          const struct analysis_style *style, int indent)
{
    char text[400] = "";
    size_t len = 0;

    for (size_t c = 0; c < t->len; c++) {
        if (is_dropped(t, l, c) && !t->list[c].joined && len < sizeof(text) - 100) {
            int n = snprintf(text + len, sizeof(text) - len, "%s%.60s",
                             len == 0 ? "(a wider page also has: " : ", ", t->list[c].head);
            len += n > 0 ? (size_t)n : 0;
        }
    }
    if (len > 0) {
        snprintf(text + len, sizeof(text) - len, ")");
        fprintf(style->to, "%*s", indent, "");
        analysis_summary_wrap(style, indent, indent, text);
    }
}

/* Is a column there without one that is joined to it and has something to say? */
static bool lacks_joined(const struct analysis_columns *t, const struct layout *l)
{
    bool leader = false;

    for (size_t c = 0; c < t->len; c++) {
        leader = t->list[c].joined ? leader : !is_dropped(t, l, c);
        if (t->list[c].joined && leader && is_dropped(t, l, c) && content_width(t, c) > 0) {
            return true;
        }
    }
    return false;
}

/* ---- A paragraph a row ---- */

static int label_width(const struct analysis_columns *t)
{
    int width = 0;

    for (size_t c = 1; c < t->len; c++) {
        int len = columns_of(t->list[c].head);
        width = len > width ? len : width;
    }
    return width;
}

static void print_paragraph(const struct analysis_columns *t, const struct analysis_style *style,
                            const struct cell *row, int indent)
{
    int label = label_width(t), column = indent + GAP + label + GAP;
    char text[512];

    fprintf(style->to, "%*s%s%s%s ", indent, "", analysis_summary_on(style, ANALYSIS_BOLD),
            t->list[0].head, analysis_summary_off(style));
    int first = indent + columns_of(t->list[0].head) + 1;
    analysis_summary_wrap(style, first, indent + GAP, row[0].text != NULL ? row[0].text : "?");
    for (size_t c = 1; c < t->len; c++) {
        if (t->list[c].joined) {
            continue;
        }
        int len = snprintf(text, sizeof(text), "%.300s", row[c].text != NULL ? row[c].text : "");
        for (size_t k = c + 1; k < t->len && t->list[k].joined; k++) {
            if (row[k].text != NULL && len < 400) {
                len += snprintf(text + len, sizeof(text) - (size_t)len, " %.100s", row[k].text);
            }
        }
        if (len == 0) {
            continue;
        }
        fprintf(style->to, "%*s%-*s%*s%s", indent + GAP, "", label, t->list[c].head, GAP, "",
                analysis_summary_on(style, row[c].colour));
        analysis_summary_wrap(style, column, column, text);
        fprintf(style->to, "%s",
                row[c].colour == ANALYSIS_PLAIN ? "" : analysis_summary_off(style));
    }
}

bool analysis_columns_print(const struct analysis_columns *t, const struct analysis_style *style,
                            int indent)
{
    struct layout l;

    if (t == NULL) {
        return false;
    }
    bool fits = choose(t, &l, indent, analysis_summary_width(style));
    if (fits) {
        print_heads(t, &l, style, indent);
    }
    for (size_t r = 0; r < rows_of(t); r++) {
        const struct cell *row = row_of(t, r);
        if (row->is_line) {
            print_line(style, row, indent);
        } else if (fits) {
            print_cells(t, &l, style, row, indent);
        } else {
            print_paragraph(t, style, row, indent);
        }
    }
    if (fits) {
        print_dropped(t, &l, style, indent);
    }
    return fits && lacks_joined(t, &l);
}
