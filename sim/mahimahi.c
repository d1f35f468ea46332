/* sim/mahimahi.c -- see mahimahi.h. */
#include "sim/mahimahi.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PACKET_BIT_S                                                                               \
    (UINT64_C(8) * SIM_MAHIMAHI_PACKET * 1000) /* one in a millisecond: 12 Mbit/s */

enum {
    STEPS_FIRST = 1024,
    DIGITS_MAX = 9, /* of the longest time: 86,400,000 */
    SHOWN_MAX = 40, /* characters of a line that is quoted */
};

struct parse {
    struct sim_capacity_step *steps;
    size_t len, cap;
    uint64_t ms, packets; /* the instant that is being counted, 0: none yet */
    uint64_t at_zero;     /* packets at instant 0 */
    struct sim_mahimahi_error *error;
};

__attribute__((format(printf, 4, 5))) static int fail(struct parse *p, int rc, unsigned line,
                                                      const char *format, ...)
{
    va_list arguments;

    p->error->line = line;
    va_start(arguments, format);
    vsnprintf(p->error->why, sizeof(p->error->why), format, arguments);
    va_end(arguments);
    return rc;
}

static int push(struct parse *p, sim_duration at, uint64_t bit_s)
{
    if (p->len > 0 && p->steps[p->len - 1].at == at) {
        p->len--; /* in place of the pause that began there */
    }
    if (p->len > 0 && p->steps[p->len - 1].bit_s == bit_s) {
        return 0;
    }
    if (p->len == p->cap) {
        size_t cap = p->cap == 0 ? STEPS_FIRST : 2 * p->cap;
        if (cap > SIM_CAPACITY_STEPS_MAX) {
            return fail(p, SIM_ELIMIT, 0, "more than %d changes of rate, expected a shorter trace",
                        SIM_CAPACITY_STEPS_MAX);
        }
        struct sim_capacity_step *steps = realloc(p->steps, cap * sizeof(*steps));
        if (steps == NULL) {
            return SIM_ENOMEM;
        }
        p->steps = steps;
        p->cap = cap;
    }
    p->steps[p->len++] = (struct sim_capacity_step){.at = at, .bit_s = bit_s};
    return 0;
}

/* The packets of the instant counted so far: their millisecond, and a pause behind it. */
static int end_instant(struct parse *p)
{
    int rc = 0;

    if (p->ms > 0) {
        rc = push(p, (p->ms - 1) * SIM_MS, p->packets * PACKET_BIT_S);
        rc = rc == 0 ? push(p, p->ms * SIM_MS, 0) : rc;
    }
    return rc;
}

/* What stands in a line, for people. */
static const char *shown(const char *text, size_t len, char out[SHOWN_MAX + 4])
{
    size_t n = len < SHOWN_MAX ? len : SHOWN_MAX;

    for (size_t i = 0; i < n; i++) {
        out[i] = text[i] >= ' ' && text[i] < 0x7f ? text[i] : '?';
    }
    memcpy(out + n, n < len ? "..." : "", n < len ? 4 : 1);
    return out;
}

static bool parse_number(const char *text, size_t len, uint64_t *out)
{
    uint64_t value = 0;

    if (len == 0 || len > DIGITS_MAX) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    *out = value;
    return true;
}

static int take_line(struct parse *p, const char *text, size_t len, unsigned line)
{
    char found[SHOWN_MAX + 4];
    uint64_t ms;

    if (!parse_number(text, len, &ms) || ms > SIM_MAHIMAHI_LENGTH_MAX) {
        return fail(p, SIM_EINVAL, line,
                    "found \"%s\", expected a whole number of milliseconds, at most %d",
                    shown(text, len, found), SIM_MAHIMAHI_LENGTH_MAX);
    }
    if (ms < p->ms) {
        return fail(p, SIM_EINVAL, line, "found %llu behind %llu, expected times that never fall",
                    (unsigned long long)ms, (unsigned long long)p->ms);
    }
    if (ms == 0) {
        if (++p->at_zero > SIM_MAHIMAHI_BURST_MAX) {
            return fail(p, SIM_ELIMIT, line, "found more than %d packets in one millisecond",
                        SIM_MAHIMAHI_BURST_MAX);
        }
        return 0;
    }
    if (ms > p->ms) {
        int rc = p->ms == 0 ? (ms > 1 ? push(p, 0, 0) : 0) : end_instant(p);
        if (rc != 0) {
            return rc;
        }
        p->ms = ms;
        p->packets = 0;
    }
    if (++p->packets > SIM_MAHIMAHI_BURST_MAX) {
        return fail(p, SIM_ELIMIT, line, "found more than %d packets in one millisecond",
                    SIM_MAHIMAHI_BURST_MAX);
    }
    return 0;
}

static int take_all(struct parse *p, const char *text, size_t len)
{
    unsigned line = 0, blank = 0;

    for (size_t at = 0; at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t size = end == NULL ? len - at : (size_t)(end - (text + at));
        const char *begin = text + at;
        int rc;

        at += size + 1;
        line++;
        if (size > 0 && begin[size - 1] == '\r') {
            size--;
        }
        if (size == 0) {
            blank = blank == 0 ? line : blank;
            continue;
        }
        if (blank != 0) {
            return fail(p, SIM_EINVAL, blank, "found an empty line, expected a number");
        }
        if ((rc = take_line(p, begin, size, line)) != 0) {
            return rc;
        }
    }
    if (p->ms == 0) {
        return fail(p, SIM_EINVAL, 0, "%s, expected times up to at least 1 ms",
                    p->at_zero > 0 ? "a length of 0" : "no number in it");
    }
    return 0;
}

int sim_mahimahi_parse(struct sim_capacity **out, const char *text, size_t len, sim_duration offset,
                       struct sim_mahimahi_error *error)
{
    struct parse p = {.error = error};
    int rc;

    *error = (struct sim_mahimahi_error){.line = 0};
    if (len > SIM_MAHIMAHI_BYTES_MAX) {
        return fail(&p, SIM_ELIMIT, 0, "more than 64 MiB, expected a shorter trace");
    }
    rc = take_all(&p, text, len);
    if (rc == 0) {
        p.packets += p.at_zero;
        rc = end_instant(&p);
    }
    if (rc == 0) {
        p.len--; /* the pause behind the last packet: there the period ends */
        rc = sim_capacity_new(out, p.steps, p.len, p.ms * SIM_MS, offset);
    }
    free(p.steps);
    return rc;
}
