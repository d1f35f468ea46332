/* analysis/help.c -- words into lines. */
#include "analysis/help.h"

#include <stdbool.h>
#include <string.h>

enum { INDENT = 2 }; /* of rows and examples */

struct lines {
    FILE *to;
    int column;      /* where the cursor is */
    int indent;      /* where the next lines begin */
    bool is_command; /* ends in a backslash what goes on */
};

/* Up to the next blank that is not in quotes. */
static size_t word_len(const char *text, size_t len)
{
    bool quoted = false;
    size_t i = 0;

    for (; i < len && (quoted || (text[i] != ' ' && text[i] != '\n')); i++) {
        quoted ^= text[i] == '"';
    }
    return i;
}

/* A word, or in a command a flag with its value, which stay on one line. */
static size_t piece_len(const struct lines *lines, const char *text, size_t len)
{
    size_t piece = word_len(text, len);

    if (lines->is_command && strncmp(text, "--", 2) == 0 && piece + 1 < len &&
        strncmp(text + piece + 1, "--", 2) != 0) {
        piece += 1 + word_len(text + piece + 1, len - piece - 1);
    }
    return piece;
}

/* The words of text[0..len) and a newline. */
static void fill(struct lines *lines, const char *text, size_t len)
{
    int page = ANALYSIS_HELP_WIDTH - (lines->is_command ? 2 : 0); /* room for the backslash */
    bool begins = true;

    for (;;) {
        while (len > 0 && (*text == ' ' || *text == '\n')) {
            text++;
            len--;
        }
        if (len == 0) {
            break;
        }
        size_t piece = piece_len(lines, text, len);
        if (!begins && lines->column + 1 + (int)piece > page) {
            fprintf(lines->to, "%s\n%*s", lines->is_command ? " \\" : "", lines->indent, "");
            lines->column = lines->indent;
        } else if (!begins) {
            fputc(' ', lines->to);
            lines->column++;
        }
        fprintf(lines->to, "%.*s", (int)piece, text);
        lines->column += (int)piece;
        begins = false;
        text += piece;
        len -= piece;
    }
    fputc('\n', lines->to);
}

/* How long the label of a line is that begins with blanks, with all blanks around it. */
static size_t label_len(const char *line, size_t len)
{
    size_t i = strspn(line, " "), indent = i;

    while (i + 1 < len && (line[i] != ' ' || line[i + 1] != ' ')) {
        i++;
    }
    if (i + 1 >= len) {
        return indent; /* it has none */
    }
    return i + strspn(line + i, " ");
}

/* Lines from here on that are one paragraph. */
static size_t paragraph_len(const char *text)
{
    size_t len = strcspn(text, "\n");

    while (len > 0 && text[0] != ' ' && text[len] == '\n' && text[len + 1] != '\0' &&
           text[len + 1] != '\n' && text[len + 1] != ' ') {
        len += 1 + strcspn(text + len + 1, "\n");
    }
    return len;
}

void analysis_help_text(FILE *to, const char *text)
{
    while (*text != '\0') {
        size_t len = paragraph_len(text), label = text[0] == ' ' ? label_len(text, len) : 0;
        struct lines lines = {.to = to, .column = (int)label, .indent = (int)label};
        fprintf(to, "%.*s", (int)label, text);
        fill(&lines, text + label, len - label);
        text += len + (text[len] == '\n');
    }
}

void analysis_help_row(FILE *to, const char *label, int column, const char *text)
{
    struct lines lines = {.to = to, .indent = column};

    lines.column = fprintf(to, "%*s%-*s ", INDENT, "", column - INDENT - 1, label);
    fill(&lines, text, strlen(text));
}

void analysis_help_command(FILE *to, const char *command)
{
    struct lines lines = {.to = to, .column = INDENT, .indent = 2 * INDENT, .is_command = true};

    fprintf(to, "%*s", INDENT, "");
    fill(&lines, command, strlen(command));
}
