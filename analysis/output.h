/* analysis/output.h -- result files: whole under their final name, or not there at all.
 *
 * A file is written under a temporary name in its own folder, flushed to the disk and then
 * renamed; of a symbolic link what it points to. What is a device or a pipe already is written to
 * as it stands. The first error sticks and every later write is a no-op, so callers write on and
 * look once, at commit. Not here: what is in the files, and where they may be cut. */
#ifndef ANALYSIS_OUTPUT_H
#define ANALYSIS_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    ANALYSIS_WHY_MAX = 512,   /* bytes of a sentence that says why, with its NUL */
    ANALYSIS_PATH_MAX = 4096, /* bytes of a path with its NUL: Linux's PATH_MAX */
};

struct analysis_output;

/* Makes `dir` and the folders above it where they are missing. 0, or SIM_E* with a sentence. */
int analysis_output_folder(const char *dir, char why[ANALYSIS_WHY_MAX]);

/* Sets room aside in a folder: at most `bytes`, and an eighth of what is free, so that what fills a
 * disk in the hours of a run leaves some for its result. A descriptor, which gives the room back
 * when it is closed; -1: none could be had. */
int analysis_output_reserve(const char *dir, uint64_t bytes);

/* Begins DIR/NAME. 0 and `*out`, or SIM_E* with a sentence. */
int analysis_output_open(struct analysis_output **out, const char *dir, const char *name,
                         char why[ANALYSIS_WHY_MAX]);
/* The same for a path; its folder must be there. */
int analysis_output_open_path(struct analysis_output **out, const char *path,
                              char why[ANALYSIS_WHY_MAX]);
/* The folder of a path ("." or "/" where it names none) and, returned, the name behind it, which is
 * a part of `path`. NULL: no name, or too long a path. */
const char *analysis_output_split(const char *path, char dir[ANALYSIS_PATH_MAX]);
/* A whole file of one text. 0, or SIM_E* with a sentence. */
int analysis_output_text(const char *dir, const char *name, const char *text,
                         char why[ANALYSIS_WHY_MAX]);
/* Takes an old file away, so that it is not taken for one of a new run; what is no file stays. 0,
 * or SIM_E* with a sentence. */
int analysis_output_remove(const char *dir, const char *name, char why[ANALYSIS_WHY_MAX]);
/* Writes to a stream that stays the caller's: nothing is renamed, committing flushes it. */
int analysis_output_stream(struct analysis_output **out, FILE *stream, char why[ANALYSIS_WHY_MAX]);
/* All take a NULL output and then do nothing: a run without --out. */
void analysis_output_write(struct analysis_output *o, const void *bytes, size_t len);
void analysis_output_print(struct analysis_output *o, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* One CSV field: quoted when it must be (RFC 4180). Writes no comma. */
void analysis_output_field(struct analysis_output *o, const char *text);
/* Seconds with six decimals (microseconds); SIM_NEVER gives an empty field. */
void analysis_output_seconds(struct analysis_output *o, uint64_t ns);
/* Has a write failed already? Then SIM_E* and the sentence, else 0. NULL has not. */
int analysis_output_failed(const struct analysis_output *o, char why[ANALYSIS_WHY_MAX]);
/* Publishes the file and frees `o`. 0, or the first SIM_E* with a sentence that names the file
 * and the cause; then no file is left. */
int analysis_output_commit(struct analysis_output *o, char why[ANALYSIS_WHY_MAX]);
/* Drops the file and frees `o`. */
void analysis_output_discard(struct analysis_output *o);

/* ---- Of files that are worth something in part ---- */

/* Hands on what is buffered. True: all that was written is in the file. */
bool analysis_output_flush(struct analysis_output *o);
/* Where it is to be in the end; NULL of what has no such name: streams, devices and pipes. */
const char *analysis_output_path(const struct analysis_output *o);
/* Of a file whose writing failed: keeps its first `len` bytes, which a flush had handed on, puts
 * `tail` behind them and publishes that as `path`, which is in the folder of
 * analysis_output_path(). Frees `o`. 0, or SIM_E* and nothing is left. */
int analysis_output_rescue(struct analysis_output *o, uint64_t len, const void *tail,
                           size_t tail_len, const char *path);

#endif /* ANALYSIS_OUTPUT_H */
