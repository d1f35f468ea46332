/* analysis/options.h -- flags of a command line: a table per command, parsed, explained, and
 * helpful about typos.
 *
 * "--name value" and "--name=value" are the same, as are "-o value" and "-ovalue" where the name is
 * one letter; "--" ends the flags; flags and other words may mix. Every word of the tables is also
 * what --help prints, so help can't lie. Not here: what the flags mean. */
#ifndef ANALYSIS_OPTIONS_H
#define ANALYSIS_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/output.h"

enum {
    ANALYSIS_OPTIONS_MAX = 24, /* flags of one command */
    ANALYSIS_WORDS_MAX = 4096, /* words of one command line that are no flags: shares to merge */
    ANALYSIS_SETS_MAX = 256,   /* times that one flag may be repeated */
};

enum analysis_option_kind {
    ANALYSIS_OPTION_FLAG, /* bool */
    ANALYSIS_OPTION_TEXT, /* const char * */
    ANALYSIS_OPTION_LIST, /* struct analysis_list: may be repeated */
};

struct analysis_list {
    const char *items[ANALYSIS_SETS_MAX];
    size_t len;
};

struct analysis_option {
    const char *name; /* without "--", or "-" when it is one letter; NULL ends a table */
    enum analysis_option_kind kind;
    void *to;          /* where it goes */
    const char *value; /* name of the value for help; NULL: takes none */
    const char *help;
};

struct analysis_command_line {
    const char *words[ANALYSIS_WORDS_MAX];
    size_t words_len;
    bool help; /* --help or -h was there */
};

/* Parses argv[0..argc) (no program or command name in it). 0, or SIM_EINVAL with a sentence, the
 * nearest known flag named. Values are borrowed from argv. */
int analysis_options_parse(const struct analysis_option *options, int argc, char **argv,
                           struct analysis_command_line *out, char why[ANALYSIS_WHY_MAX]);
/* The table as lines of help. */
void analysis_options_help(const struct analysis_option *options, FILE *to);

/* The word of `known` (ended by NULL) that is nearest to `word`; NULL when none is near (over a
 * third of it differs). */
const char *analysis_options_nearest(const char *word, const char *const *known);
/* Decimal digits only. 0 or SIM_EINVAL. */
int analysis_options_number(const char *text, uint64_t max, uint64_t *out);

#endif /* ANALYSIS_OPTIONS_H */
