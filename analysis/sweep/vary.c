/* analysis/sweep/vary.c -- see vary.h. */
#include "analysis/sweep/vary.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "sim/units.h"

enum {
    WORD_MAX = 64, /* bytes of a number or quantity with its NUL */
};

enum kind { KIND_NONE, KIND_NUMBER, KIND_RATE, KIND_SIZE, KIND_DURATION };

/* A number, or a quantity in the units of the scenario: bit/s, bytes, nanoseconds. */
struct quantity {
    enum kind kind;
    double number;
    uint64_t units;
};

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit rates[] = {
    {"Gbit/s", 1000000000}, {"Mbit/s", 1000000}, {"kbit/s", 1000}, {"bit/s", 1}};
static const struct unit sizes[] = {{"GB", 1000000000}, {"MB", 1000000}, {"kB", 1000}, {"B", 1}};
static const struct unit binary[] = {
    {"GiB", UINT64_C(1) << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};
static const struct unit durations[] = {{"s", SIM_S}, {"ms", SIM_MS}, {"us", SIM_US}, {"ns", 1}};
static const struct unit long_durations[] = {
    {"h", 3600 * SIM_S}, {"min", 60 * SIM_S}, {"s", SIM_S}, {"ns", 1}};

enum { FAMILY = 4 }; /* units in each of these */

/* ---- Numbers and quantities ---- */

static bool parse_number(const char *text, double *out)
{
    char *end;

    if (text[0] == '\0' || strspn(text, "0123456789.eE+-") != strlen(text)) {
        return false; /* no "inf", no "0x10" */
    }
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value)) {
        return false;
    }
    *out = value;
    return true;
}

static struct quantity parse_quantity(const char *text)
{
    struct quantity q = {.kind = KIND_NONE};

    if (parse_number(text, &q.number)) {
        q.kind = KIND_NUMBER;
    } else if (sim_units_parse_rate(text, &q.units) == 0) {
        q.kind = KIND_RATE;
        q.number = (double)q.units;
    } else if (sim_units_parse_size(text, &q.units) == 0) {
        q.kind = KIND_SIZE;
        q.number = (double)q.units;
    } else if (sim_units_parse_duration(text, &q.units) == 0) {
        q.kind = KIND_DURATION;
        q.number = (double)q.units / 1e9;
    }
    return q;
}

/* "1.536 Mbit/s": the units as a decimal fraction of `unit`, exactly; false when it has none. */
static bool format_exact(uint64_t units, const struct unit *unit, char out[WORD_MAX])
{
    char digits[20];
    uint64_t rest = units % unit->factor;
    size_t len = 0;

    while (rest != 0 && len < 18) {
        rest *= 10; /* factors are below 2^42, so there is room */
        digits[len++] = (char)('0' + rest / unit->factor);
        rest %= unit->factor;
    }
    digits[len] = '\0';
    snprintf(out, WORD_MAX, "%llu%s%s %s", (unsigned long long)(units / unit->factor),
             len > 0 ? "." : "", digits, unit->name);
    return rest == 0;
}

static const struct unit *family_of(enum kind kind, const char *like)
{
    if (kind == KIND_RATE) {
        return rates;
    }
    if (kind == KIND_SIZE) {
        return strstr(like, "iB") != NULL ? binary : sizes;
    }
    size_t len = strlen(like);
    return like[len - 1] == 'h' || strstr(like, "min") != NULL ? long_durations : durations;
}

/* In the largest unit that it has one of; `like`: how the range's start was written. */
static void format_quantity(uint64_t units, enum kind kind, const char *like, char out[WORD_MAX])
{
    const struct unit *family = family_of(kind, like);

    for (size_t i = 0; i < FAMILY; i++) {
        bool whole = family == long_durations ? units % family[i].factor == 0 : true;
        if (units >= family[i].factor && whole && format_exact(units, &family[i], out)) {
            return;
        }
    }
    format_exact(units, &family[FAMILY - 1], out);
}

/* ---- Lists of values ---- */

static bool add(struct analysis_vary *v, const char *text, size_t len)
{
    char *value = strndup(text, len);
    char **values = realloc(v->values, (v->len + 1) * sizeof(*values));

    if (values != NULL) {
        v->values = values;
    }
    char **labels = realloc(v->labels, (v->len + 1) * sizeof(*labels));
    if (labels != NULL) {
        v->labels = labels;
    }
    if (value == NULL || values == NULL || labels == NULL) {
        free(value);
        return false;
    }
    cJSON *json = value[0] == '"' ? cJSON_Parse(value) : NULL;
    const char *string = cJSON_GetStringValue(json);
    v->values[v->len] = value;
    v->labels[v->len] = strdup(string != NULL ? string : value);
    cJSON_Delete(json);
    if (v->labels[v->len] == NULL) {
        free(value);
        return false;
    }
    v->len++;
    return true;
}

/* How far the value at `text` goes: to a comma outside of quotes and brackets, or the end. NULL: a
 * quote or bracket is not closed. */
static const char *value_end(const char *text)
{
    bool quoted = false;
    int depth = 0;

    for (; *text != '\0'; text++) {
        if (quoted) {
            if (*text == '\\' && text[1] != '\0') {
                text++;
            } else {
                quoted = *text != '"';
            }
        } else if (*text == '"') {
            quoted = true;
        } else if (*text == '[' || *text == '{') {
            depth++;
        } else if (*text == ']' || *text == '}') {
            depth--;
        } else if (*text == ',' && depth == 0) {
            break;
        }
    }
    return quoted || depth != 0 ? NULL : text;
}

static int refuse(char why[ANALYSIS_WHY_MAX], const char *text, const char *trouble)
{
    snprintf(why, ANALYSIS_WHY_MAX, "--vary %.160s: %s", text, trouble);
    return SIM_EINVAL;
}

static int parse_list(struct analysis_vary *v, const char *whole, const char *at,
                      char why[ANALYSIS_WHY_MAX])
{
    for (;;) {
        const char *end = value_end(at);
        if (end == NULL) {
            return refuse(why, whole, "a quote or bracket is not closed");
        }
        const char *last = end;
        while (at < end && isspace((unsigned char)*at)) {
            at++;
        }
        while (last > at && isspace((unsigned char)last[-1])) {
            last--;
        }
        if (last == at) {
            return refuse(why, whole, "a value is missing; expected PATH=V1,V2,...");
        }
        if (last - at > ANALYSIS_VARY_LIST_MAX || v->len == ANALYSIS_VARY_VALUES_MAX) {
            return refuse(why, whole, "over 1000 values, or one of over 4 KiB");
        }
        if (!add(v, at, (size_t)(last - at))) {
            return SIM_ENOMEM;
        }
        if (*end == '\0') {
            return 0;
        }
        at = end + 1;
    }
}

/* ---- Ranges ---- */

struct range {
    char from[WORD_MAX], to[WORD_MAX], step[WORD_MAX];
    bool times;
};

/* The word without spaces around it and quotes about it; false when it is empty or too long. */
static bool copy_word(const char *from, const char *end, char out[WORD_MAX])
{
    while (from < end && isspace((unsigned char)*from)) {
        from++;
    }
    while (end > from && isspace((unsigned char)end[-1])) {
        end--;
    }
    if (end - from >= 2 && *from == '"' && end[-1] == '"') {
        from++;
        end--;
    }
    size_t len = (size_t)(end - from);
    if (len == 0 || len >= WORD_MAX) {
        return false;
    }
    memcpy(out, from, len);
    out[len] = '\0';
    return true;
}

/* "A..B xF", "A..B step +S"; false: it is not of that form at all. */
static bool split_range(const char *text, struct range *out)
{
    const char *dots = strstr(text, "..");
    const char *sign = NULL;

    if (dots == NULL || strpbrk(text, "[{") != NULL) {
        return false;
    }
    /* The step's sign is the last x or + behind a space, quote or digit: "1e+3" has none. */
    for (const char *c = dots + 3; c[-1] != '\0' && *c != '\0'; c++) {
        if ((*c == 'x' || *c == '+') &&
            (strchr(" \t\"", c[-1]) != NULL || isdigit((unsigned char)c[-1]))) {
            sign = c;
        }
    }
    if (sign == NULL) {
        return false;
    }
    const char *end = sign;
    while (end > dots + 2 && isspace((unsigned char)end[-1])) {
        end--;
    }
    if (end - (dots + 2) > 4 && memcmp(end - 4, "step", 4) == 0) {
        end -= 4;
    }
    out->times = *sign == 'x';
    return copy_word(text, dots, out->from) && copy_word(dots + 2, end, out->to) &&
           copy_word(sign + 1, sign + strlen(sign), out->step);
}

/* One value of a range; `number` in the quantity's own units. */
static int add_value(struct analysis_vary *v, const struct range *r, enum kind kind, double number)
{
    char text[WORD_MAX];

    if (kind == KIND_NUMBER) {
        snprintf(text, sizeof(text), "%.12g", number); /* 0.1 + 2 x 0.1 is 0.3 */
    } else {
        format_quantity((uint64_t)llround(number), kind, r->from, text);
    }
    return add(v, text, strlen(text)) ? 0 : SIM_ENOMEM;
}

static int parse_range(struct analysis_vary *v, const char *whole, const struct range *r,
                       char why[ANALYSIS_WHY_MAX])
{
    struct quantity from = parse_quantity(r->from), to = parse_quantity(r->to);
    struct quantity step = parse_quantity(r->step);

    if (from.kind == KIND_NONE || from.kind != to.kind) {
        return refuse(why, whole,
                      "a range goes between two numbers, or two quantities of one kind, like "
                      "384 kbit/s..10 Mbit/s x2");
    }
    if (step.kind != (r->times ? KIND_NUMBER : from.kind)) {
        return refuse(why, whole,
                      r->times ? "expected a factor like x2"
                               : "expected a step of the "
                                 "kind of the range's "
                                 "ends, like +10");
    }
    bool plain = from.kind == KIND_NUMBER;
    double a = plain ? from.number : (double)from.units, b = plain ? to.number : (double)to.units;
    double s = r->times || plain ? step.number : (double)step.units;
    bool down = r->times && s < 1;
    if (r->times ? !(s > 0) || s == 1 || !(a > 0) || !(b > 0) : !(s > 0)) {
        return refuse(why, whole,
                      r->times ? "x needs a factor above 0 that is not 1, and ends above 0"
                               : "+ needs a step above 0");
    }
    if (down ? b > a : b < a) {
        return refuse(why, whole, "the range is empty: its step leads away from its end");
    }
    double value = a;
    double slack = fabs(b) * 1e-9; /* of rounding */
    for (size_t i = 0; down ? value >= b - slack : value <= b + slack;) {
        if (v->len == ANALYSIS_VARY_VALUES_MAX || value > 9e18) {
            return refuse(why, whole, "over 1000 values, or too large a number");
        }
        int rc = add_value(v, r, from.kind, value);
        if (rc != 0) {
            return rc;
        }
        i++;
        value = r->times ? value * s : a + (double)i * s;
        if (v->len > 1 && strcmp(v->values[v->len - 1], v->values[v->len - 2]) == 0) {
            return refuse(why, whole, "the step is too small for the value's unit");
        }
    }
    return 0;
}

/* ---- The whole ---- */

static int read_numbers(struct analysis_vary *v)
{
    enum kind kind = KIND_NONE;
    double least = INFINITY, most = 0;

    v->numbers = calloc(v->len, sizeof(*v->numbers));
    if (v->numbers == NULL) {
        return SIM_ENOMEM;
    }
    for (size_t i = 0; i < v->len; i++) {
        struct quantity q = parse_quantity(v->labels[i]);
        if (q.kind == KIND_NONE || (i > 0 && q.kind != kind)) {
            free(v->numbers);
            v->numbers = NULL;
            return 0;
        }
        kind = q.kind;
        v->numbers[i] = q.number;
        least = q.number < least ? q.number : least;
        most = q.number > most ? q.number : most;
    }
    /* Three octaves and more: our choice. */
    v->log = v->len > 2 && least > 0 && most / least >= 8;
    return 0;
}

static int check_doubles(const struct analysis_vary *v, const char *text,
                         char why[ANALYSIS_WHY_MAX])
{
    for (size_t i = 0; i < v->len; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(v->labels[i], v->labels[k]) == 0) {
                char trouble[200];
                snprintf(trouble, sizeof(trouble), "the value %.100s is there twice", v->labels[i]);
                return refuse(why, text, trouble);
            }
        }
    }
    return 0;
}

/* The '=' behind the path: not one inside ["..."]. */
static const char *find_equals(const char *text)
{
    bool quoted = false;

    for (; *text != '\0'; text++) {
        if (*text == '"') {
            quoted = !quoted;
        } else if (*text == '=' && !quoted) {
            return text;
        }
    }
    return NULL;
}

int analysis_vary_parse(struct analysis_vary *out, const char *text, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_vary v = {.path = NULL};
    const char *equals = find_equals(text);
    struct range range;
    int rc;

    if (equals == NULL || equals == text || strlen(text) > ANALYSIS_VARY_TEXT_MAX) {
        return refuse(why, text,
                      "expected PATH=V1,V2,... or PATH=10..1000 x2 or PATH=1..10 +3, like "
                      "sites[0].wan.rate=\"384 kbit/s..6 Mbit/s x2\"");
    }
    v.path = strndup(text, (size_t)(equals - text));
    if (v.path == NULL) {
        rc = SIM_ENOMEM;
    } else if (split_range(equals + 1, &range)) {
        rc = parse_range(&v, text, &range, why);
    } else if (strstr(equals + 1, "..") != NULL && parse_quantity(equals + 1).kind == KIND_NONE &&
               strpbrk(equals + 1, ",\"[{") == NULL && isdigit((unsigned char)equals[1])) {
        rc = refuse(why, text, "a range needs its step, like 10..1000 x2 or 1..10 +3");
    } else {
        rc = parse_list(&v, text, equals + 1, why);
    }
    if (rc == 0) {
        rc = check_doubles(&v, text, why);
    }
    if (rc == 0) {
        rc = read_numbers(&v);
    }
    if (rc != 0) {
        if (rc == SIM_ENOMEM) {
            snprintf(why, ANALYSIS_WHY_MAX, "out of memory");
        }
        analysis_vary_deinit(&v);
        return rc;
    }
    *out = v;
    return 0;
}

void analysis_vary_deinit(struct analysis_vary *v)
{
    for (size_t i = 0; i < v->len; i++) {
        free(v->values[i]);
        free(v->labels[i]);
    }
    free(v->values);
    free(v->labels);
    free(v->numbers);
    free(v->path);
    *v = (struct analysis_vary){.path = NULL};
}
