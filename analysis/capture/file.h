/* analysis/capture/file.h -- one output file named by a flag: plain, or compressed when its name
 * ends in .gz.
 *
 * Built on output.h: a temporary name in the file's own folder, renamed when it is whole; the first
 * error sticks and is told at commit. On a full disk (or past a limit on files' sizes) what came
 * before is kept, as a file that its readers take: "run.pcapng" as "run.partial.pcapng", cut at the
 * last mark that was on the disk. Equal bytes and marks in give equal bytes out: the gzip header
 * has no date and no name (RFC 1952, MTIME 0). Not here: what is in the file. */
#ifndef ANALYSIS_CAPTURE_FILE_H
#define ANALYSIS_CAPTURE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"

struct analysis_capture_file;

enum { ANALYSIS_CAPTURE_TAIL_MAX = 16 };

/* The folder of a path, made when it is missing: "." for a bare name. 0, or SIM_E* with a sentence.
 */
int analysis_capture_folder(const char *path, char dir[ANALYSIS_PATH_MAX],
                            char why[ANALYSIS_WHY_MAX]);
/* `tail`: what every file ends with, also one that is cut; "" for nothing; borrowed, at most
 * ANALYSIS_CAPTURE_TAIL_MAX bytes. 0 and `*out`, or SIM_E* with a sentence. */
int analysis_capture_open(struct analysis_capture_file **out, const char *path, const char *tail,
                          char why[ANALYSIS_WHY_MAX]);
void analysis_capture_write(struct analysis_capture_file *f, const void *bytes, size_t len);
/* What was written until now makes, with the tail, a whole file. After each line or packet. */
void analysis_capture_mark(struct analysis_capture_file *f);
/* Adds the tail, publishes and frees. 0, or the first SIM_E* with a sentence that says what is left
 * under which name. */
int analysis_capture_commit(struct analysis_capture_file *f, char why[ANALYSIS_WHY_MAX]);
/* The same for a file that will have no more, since what it is made of failed: `why` says how, and
 * is told what is left. Frees. */
void analysis_capture_cut(struct analysis_capture_file *f, char why[ANALYSIS_WHY_MAX]);
void analysis_capture_discard(struct analysis_capture_file *f); /* NULL is fine */

/* A line under construction; what does not fit is left out, at a boundary that keeps JSON whole. */
enum {
    ANALYSIS_LINE_MAX = 12 * 1024, /* bytes of a line */
    ANALYSIS_LINE_TEXT_MAX = 1000, /* bytes of one text that are kept; our choice */
};
struct analysis_line {
    size_t len;
    char text[ANALYSIS_LINE_MAX];
};
void analysis_line_print(struct analysis_line *l, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes (RFC 8259, 7). Bytes that are no UTF-8 become U+FFFD. */
void analysis_line_string(struct analysis_line *l, const char *text);
/* ,"name":"text"; nothing for NULL. `name` is a plain word. */
void analysis_line_member(struct analysis_line *l, const char *name, const char *text);

#endif /* ANALYSIS_CAPTURE_FILE_H */
