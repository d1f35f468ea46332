/* analysis/help.h -- what --help prints, within the 80 columns of any terminal.
 *
 * Texts are written in the program as they come and broken between words here, so that no table of
 * flags has to count columns. A word in double quotes stays whole, blanks included: it is something
 * to type. Not here: the texts (cmd_*.c), tables of results (columns.h). */
#ifndef ANALYSIS_HELP_H
#define ANALYSIS_HELP_H

#include <stdio.h>

enum { ANALYSIS_HELP_WIDTH = 80 };

/* Paragraphs. Lines that begin with a letter are joined; a line that begins with blanks stays one,
 * and goes on under what follows its label ("  2    bad command line"); an empty one stays. */
void analysis_help_text(FILE *to, const char *text);
/* "  label   text", the text from `column` on, further lines of it too. */
void analysis_help_row(FILE *to, const char *label, int column, const char *text);
/* A command line to copy: broken before flags, with a backslash. */
void analysis_help_command(FILE *to, const char *command);

#endif /* ANALYSIS_HELP_H */
