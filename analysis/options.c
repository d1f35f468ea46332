/* analysis/options.c -- one pass over argv against a table. */
#include "analysis/options.h"

#include <assert.h>
#include <string.h>

#include "analysis/help.h"
#include "sim/err.h"

enum {
    WORD_MAX = 64,    /* longer words have no near neighbour */
    HELP_COLUMN = 27, /* where the help of a flag begins */
};

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static const char *dashes(const struct analysis_option *option)
{
    return option->name[1] == '\0' ? "-" : "--";
}

/* Letters to change, add, drop or swap with the next to make `a` of `b`. */
static size_t distance(const char *a, const char *b)
{
    size_t a_len = strlen(a), b_len = strlen(b);
    size_t rows[3][WORD_MAX + 1];

    if (a_len > WORD_MAX || b_len > WORD_MAX) {
        return WORD_MAX;
    }
    for (size_t k = 0; k <= b_len; k++) {
        rows[0][k] = k;
    }
    for (size_t i = 1; i <= a_len; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i - 1) % 3], *above2 = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t k = 1; k <= b_len; k++) {
            size_t change = above[k - 1] + (a[i - 1] != b[k - 1]);
            row[k] = least(change, least(above[k], row[k - 1]) + 1);
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1]) {
                row[k] = least(row[k], above2[k - 2] + 1);
            }
        }
    }
    return rows[a_len % 3][b_len];
}

const char *analysis_options_nearest(const char *word, const char *const *known)
{
    const char *best = NULL;
    size_t best_distance = strlen(word) / 3 + 1;

    for (; *known != NULL; known++) {
        size_t d = distance(word, *known);
        if (d <= best_distance && (best == NULL || d < best_distance)) {
            best = *known;
            best_distance = d;
        }
    }
    return best;
}

static const struct analysis_option *find(const struct analysis_option *options, const char *name,
                                          size_t len)
{
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == len && memcmp(options->name, name, len) == 0) {
            return options;
        }
    }
    return NULL;
}

static int unknown(const struct analysis_option *options, const char *name, size_t len,
                   char why[ANALYSIS_WHY_MAX])
{
    const char *names[ANALYSIS_OPTIONS_MAX + 1];
    size_t names_len = 0;
    char word[WORD_MAX];

    for (; options->name != NULL && names_len < ANALYSIS_OPTIONS_MAX; options++) {
        if (options->name[1] != '\0') {
            names[names_len++] = options->name;
        }
    }
    names[names_len] = NULL;
    snprintf(word, sizeof(word), "%.*s", (int)least(len, WORD_MAX - 1), name);
    const char *near = analysis_options_nearest(word, names);
    if (near != NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "unknown flag --%s; did you mean --%s?", word, near);
    } else {
        snprintf(why, ANALYSIS_WHY_MAX, "unknown flag --%s", word);
    }
    return SIM_EINVAL;
}

static int store(const struct analysis_option *option, const char *value,
                 char why[ANALYSIS_WHY_MAX])
{
    switch (option->kind) {
    case ANALYSIS_OPTION_FLAG:
        *(bool *)option->to = true;
        return 0;
    case ANALYSIS_OPTION_TEXT:
        *(const char **)option->to = value;
        return 0;
    case ANALYSIS_OPTION_LIST: {
        struct analysis_list *list = option->to;
        if (list->len == ANALYSIS_SETS_MAX) {
            snprintf(why, ANALYSIS_WHY_MAX, "--%s is there more than %d times", option->name,
                     ANALYSIS_SETS_MAX);
            return SIM_EINVAL;
        }
        list->items[list->len++] = value;
        return 0;
    }
    }
    assert(0 && "a kind that there is");
    return SIM_EINVAL;
}

/* What is left of argv, from *at on, gives `option` its value unless it has one; moves *at behind
 * what it took. */
static int take_value(const struct analysis_option *option, const char *value, int argc,
                      char **argv, int *at, char why[ANALYSIS_WHY_MAX])
{
    if (option->value == NULL && value != NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s%s takes no value", dashes(option), option->name);
        return SIM_EINVAL;
    }
    if (option->value != NULL && value == NULL) {
        if (*at >= argc) {
            snprintf(why, ANALYSIS_WHY_MAX, "%s%s needs a value: %s%s %s", dashes(option),
                     option->name, dashes(option), option->name, option->value);
            return SIM_EINVAL;
        }
        value = argv[(*at)++];
    }
    return store(option, value, why);
}

/* One flag at argv[*at], which begins with "--" or is "-" and a known letter. */
static int parse_flag(const struct analysis_option *options, int argc, char **argv, int *at,
                      char why[ANALYSIS_WHY_MAX])
{
    const char *word = argv[(*at)++];
    const char *value;

    if (word[1] != '-') {
        value = word[2] != '\0' ? word + 2 : NULL;
        return take_value(find(options, word + 1, 1), value, argc, argv, at, why);
    }
    size_t len = strcspn(word + 2, "=");
    const struct analysis_option *option = find(options, word + 2, len);
    if (option == NULL) {
        return unknown(options, word + 2, len, why);
    }
    value = word[2 + len] == '=' ? word + len + 3 : NULL;
    return take_value(option, value, argc, argv, at, why);
}

int analysis_options_parse(const struct analysis_option *options, int argc, char **argv,
                           struct analysis_command_line *out, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_command_line line = {.words_len = 0};
    bool flags = true;

    for (int at = 0; at < argc;) {
        const char *word = argv[at];
        if (flags && strcmp(word, "--") == 0) {
            flags = false;
            at++;
        } else if (flags && (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)) {
            line.help = true;
            at++;
        } else if (flags && (strncmp(word, "--", 2) == 0 ||
                             (word[0] == '-' && find(options, word + 1, 1) != NULL))) {
            int rc = parse_flag(options, argc, argv, &at, why);
            if (rc != 0) {
                return rc;
            }
        } else if (flags && word[0] == '-' && word[1] != '\0') {
            snprintf(why, ANALYSIS_WHY_MAX, "unknown flag %.60s; flags are words, like --help",
                     word);
            return SIM_EINVAL;
        } else if (line.words_len == ANALYSIS_WORDS_MAX) {
            snprintf(why, ANALYSIS_WHY_MAX, "too many words: %.60s", word);
            return SIM_EINVAL;
        } else {
            line.words[line.words_len++] = word;
            at++;
        }
    }
    *out = line;
    return 0;
}

void analysis_options_help(const struct analysis_option *options, FILE *to)
{
    for (; options->name != NULL; options++) {
        char left[WORD_MAX];
        snprintf(left, sizeof(left), "%s%s%s%s", dashes(options), options->name,
                 options->value != NULL ? " " : "", options->value != NULL ? options->value : "");
        analysis_help_row(to, left, HELP_COLUMN, options->help);
    }
    analysis_help_row(to, "--help", HELP_COLUMN, "this text");
}

int analysis_options_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (text[0] == '\0') {
        return SIM_EINVAL;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return SIM_EINVAL;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10 || value * 10 + digit > max) {
            return SIM_EINVAL;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return 0;
}
