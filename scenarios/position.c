/* scenarios/position.c -- a strict walk over JSON text (RFC 8259) that keeps the lines and drops
 * the values. */
#include "scenarios/position.h"

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"

struct scan {
    const char *at;
    const char *end;
    const char *line_start;
    unsigned line;
    unsigned depth;
    struct position_index *index;
    struct position_fault *fault;
};

static bool at_char(const struct scan *s, char c)
{
    return s->at < s->end && *s->at == c;
}

static bool at_digit(const struct scan *s)
{
    return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static int fail(struct scan *s, const char *expected)
{
    struct position_fault *fault = s->fault;

    fault->line = s->line;
    fault->column = (unsigned)(s->at - s->line_start) + 1;
    fault->expected = expected;
    if (s->at >= s->end) {
        snprintf(fault->found, sizeof(fault->found), "the end of the file");
    } else if (*s->at > ' ' && *s->at < 0x7f) {
        snprintf(fault->found, sizeof(fault->found), "'%c'", *s->at);
    } else {
        snprintf(fault->found, sizeof(fault->found), "the byte 0x%02x", (unsigned char)*s->at);
    }
    return SIM_EINVAL;
}

static void skip_space(struct scan *s)
{
    for (; s->at < s->end; s->at++) {
        if (*s->at == '\n') {
            s->line++;
            s->line_start = s->at + 1;
        } else if (*s->at != ' ' && *s->at != '\t' && *s->at != '\r') {
            return;
        }
    }
}

/* Length of the UTF-8 sequence at `at` (RFC 3629: shortest form, no surrogates, up to U+10FFFF); 0:
 * none. */
static size_t utf8_len(const char *at, const char *end)
{
    const uint8_t *b = (const uint8_t *)at;
    size_t left = (size_t)(end - at);
    size_t len = b[0] < 0x80 ? 1 : b[0] < 0xc2 ? 0 : b[0] < 0xe0 ? 2 : b[0] < 0xf0 ? 3 : 4;

    if (len == 0 || len > left || b[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        if ((b[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((b[0] == 0xe0 && b[1] < 0xa0) || (b[0] == 0xed && b[1] > 0x9f) ||
        (b[0] == 0xf0 && b[1] < 0x90) || (b[0] == 0xf4 && b[1] > 0x8f)) {
        return 0;
    }
    return len;
}

/* Four hexadecimal digits; -1 when they are not there. */
static int scan_hex4(struct scan *s)
{
    int value = 0;

    for (int i = 0; i < 4; i++, s->at++) {
        char c = s->at < s->end ? *s->at : '\0';
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) {
            return -1;
        }
        value = value * 16 + digit;
    }
    return value;
}

/* Behind the backslash. */
static int scan_escape(struct scan *s)
{
    if (s->at >= s->end || *s->at == '\0' || strchr("\"\\/bfnrtu", *s->at) == NULL) {
        return fail(s, "an escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX");
    }
    if (*s->at++ != 'u') {
        return 0;
    }
    int unit = scan_hex4(s);
    if (unit < 0) {
        return fail(s, "four hexadecimal digits after \\u");
    }
    if (unit == 0) {
        return fail(s, "any character but \\u0000");
    }
    if (unit >= 0xd800 && unit < 0xdc00) {
        if (s->end - s->at >= 6 && s->at[0] == '\\' && s->at[1] == 'u') {
            s->at += 2;
            unit = scan_hex4(s);
            if (unit >= 0xdc00 && unit < 0xe000) {
                return 0;
            }
        }
        return fail(s, "the second half of a surrogate pair");
    }
    return unit >= 0xdc00 && unit < 0xe000 ? fail(s, "a surrogate pair, not its second half") : 0;
}

static int scan_string(struct scan *s)
{
    assert(at_char(s, '"'));
    s->at++;
    while (s->at < s->end && *s->at != '"') {
        if ((unsigned char)*s->at < ' ') {
            return fail(s,
                        "the closing \" of a string (control characters are written as escapes)");
        }
        if (*s->at == '\\') {
            s->at++;
            int rc = scan_escape(s);
            if (rc != 0) {
                return rc;
            }
            continue;
        }
        size_t len = utf8_len(s->at, s->end);
        if (len == 0) {
            return fail(s, "UTF-8");
        }
        s->at += len;
    }
    if (s->at >= s->end) {
        return fail(s, "the closing \" of a string");
    }
    s->at++;
    return 0;
}

static int scan_digits(struct scan *s)
{
    if (!at_digit(s)) {
        return fail(s, "a digit");
    }
    while (at_digit(s)) {
        s->at++;
    }
    return 0;
}

static int scan_number(struct scan *s)
{
    const char *start = s->at;
    int rc = 0;

    if (at_char(s, '-')) {
        s->at++;
    }
    if (at_char(s, '0')) {
        s->at++;
        if (at_digit(s)) {
            return fail(s, "a number without leading zeros");
        }
    } else if ((rc = scan_digits(s)) != 0) {
        return rc;
    }
    if (at_char(s, '.')) {
        s->at++;
        if ((rc = scan_digits(s)) != 0) {
            return rc;
        }
    }
    if (at_char(s, 'e') || at_char(s, 'E')) {
        s->at++;
        if (at_char(s, '+') || at_char(s, '-')) {
            s->at++;
        }
        if ((rc = scan_digits(s)) != 0) {
            return rc;
        }
    }
    if (s->at - start > POSITION_NUMBER_MAX) {
        s->at = start;
        return fail(s, "a number of at most 63 characters");
    }
    return 0;
}

static int scan_word(struct scan *s, const char *word)
{
    size_t len = strlen(word);

    if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0) {
        return fail(s, "a value: {, [, a string in \"\", a number, true, false or null");
    }
    s->at += len;
    return 0;
}

static int note_value(struct scan *s, unsigned line)
{
    struct position_index *index = s->index;

    if (index->len == POSITION_VALUES_MAX) {
        return fail(s, "at most 1,000,000 values in one document");
    }
    if (index->len == index->cap) {
        size_t cap = index->cap == 0 ? 256 : index->cap * 2;
        struct position_entry *entries = realloc(index->entries, cap * sizeof(*entries));
        if (entries == NULL) {
            return SIM_ENOMEM;
        }
        index->entries = entries;
        index->cap = cap;
    }
    index->entries[index->len++] = (struct position_entry){.item = NULL, .line = line};
    return 0;
}

static int scan_value(struct scan *s, unsigned line);

/* The members of an object or the elements of an array, behind the opening bracket. */
static int scan_children(struct scan *s, char close)
{
    bool is_object = close == '}';
    int rc;

    skip_space(s);
    if (at_char(s, close)) {
        s->at++;
        return 0;
    }
    for (;;) {
        unsigned line = s->line;
        if (is_object) {
            if (!at_char(s, '"')) {
                return fail(s, "a key in \"\"");
            }
            if ((rc = scan_string(s)) != 0) {
                return rc;
            }
            skip_space(s);
            if (!at_char(s, ':')) {
                return fail(s, "':' after a key");
            }
            s->at++;
            skip_space(s);
        }
        if ((rc = scan_value(s, line)) != 0) {
            return rc;
        }
        skip_space(s);
        if (at_char(s, close)) {
            s->at++;
            return 0;
        }
        if (!at_char(s, ',')) {
            return fail(s, is_object ? "',' or '}'" : "',' or ']'");
        }
        s->at++;
        skip_space(s);
    }
}

static int scan_value(struct scan *s, unsigned line)
{
    int rc = note_value(s, line);
    if (rc != 0) {
        return rc;
    }
    char c = s->at < s->end ? *s->at : '\0';
    if (c == '{' || c == '[') {
        if (s->depth == POSITION_DEPTH_MAX) {
            return fail(s, "at most 32 levels of nesting");
        }
        s->at++;
        s->depth++;
        rc = scan_children(s, c == '{' ? '}' : ']');
        s->depth--;
        return rc;
    }
    if (c == '"') {
        return scan_string(s);
    }
    if (c == '-' || (c >= '0' && c <= '9')) {
        return scan_number(s);
    }
    return scan_word(s, c == 't' ? "true" : c == 'f' ? "false" : "null");
}

int position_scan(const char *text, size_t len, struct position_index *index,
                  struct position_fault *fault)
{
    struct scan s = {.at = text,
                     .end = text + len,
                     .line_start = text,
                     .line = 1,
                     .index = index,
                     .fault = fault};

    *index = (struct position_index){0};
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        s.at += 3; /* a byte order mark, as some editors write it; cJSON skips it too */
    }
    skip_space(&s);
    int rc = scan_value(&s, s.line);
    if (rc != 0) {
        return rc;
    }
    skip_space(&s);
    return s.at == s.end ? 0 : fail(&s, "nothing after the closing bracket");
}

static int by_item(const void *a, const void *b)
{
    uintptr_t left = (uintptr_t)((const struct position_entry *)a)->item;
    uintptr_t right = (uintptr_t)((const struct position_entry *)b)->item;
    return left < right ? -1 : left > right;
}

static void attach(struct position_index *index, const cJSON *item, size_t *next)
{
    assert(*next < index->len);
    index->entries[(*next)++].item = item;
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        attach(index, child, next);
    }
}

void position_attach(struct position_index *index, const cJSON *root)
{
    size_t next = 0;

    attach(index, root, &next);
    assert(next == index->len);
    /* Sorted by address only to be found again: no order of anything else comes from it. */
    qsort(index->entries, index->len, sizeof(*index->entries), by_item);
}

unsigned position_line(const struct position_index *index, const cJSON *item)
{
    struct position_entry key = {.item = item};

    if (index->len == 0) {
        return 0;
    }
    const struct position_entry *found =
        bsearch(&key, index->entries, index->len, sizeof(*index->entries), by_item);
    return found == NULL ? 0 : found->line;
}

void position_free(struct position_index *index)
{
    free(index->entries);
    *index = (struct position_index){0};
}
