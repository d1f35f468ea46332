/* analysis/sort.h -- more things than fit into memory, in a fixed order, however many lanes told of
 * them.
 *
 * An external sort: each lane gathers things in a bounded buffer, sorts it by (first, second,
 * number in its lane) and appends it as a run to an unnamed temporary file; at the end all runs are
 * merged. Memory: 4 MiB a lane (8 while they are read), and 64 KiB for every 4 MiB of things when
 * they are read. Disk: what has been read is given back at once, where the file system can punch
 * holes, so a file that is written from it needs no room beside it. On a full disk what came before
 * is kept, and the rest is not. Not here: what the things are. */
#ifndef ANALYSIS_SORT_H
#define ANALYSIS_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"

enum { ANALYSIS_SORT_THING_MAX = 16 * 1024 }; /* bytes of one thing */

struct analysis_sort;

/* Temporary data goes to `dir` (where the result goes, which has the room). 0, or SIM_E* with a
 * sentence. */
int analysis_sort_new(struct analysis_sort **out, const char *dir, unsigned lanes,
                      char why[ANALYSIS_WHY_MAX]);
void analysis_sort_free(struct analysis_sort *s); /* NULL is fine */
/* From the lane's own thread. The thing is `head` and `tail` (may be empty) one behind the other,
 * at most ANALYSIS_SORT_THING_MAX bytes together. Things of equal `first` and `second` must come
 * from one lane: they keep their order. The first error sticks, and is told by
 * analysis_sort_read(): from then on no lane's things are taken any more. */
void analysis_sort_add(struct analysis_sort *s, unsigned lane, uint64_t first, uint32_t second,
                       const void *head, size_t head_len, const void *tail, size_t tail_len);
/* When all lanes have ended, once: gives every thing to `each` in order. 0, or SIM_E* with a
 * sentence that begins "can't keep `what` in DIR"; then `each` had those that were kept, in order
 * too: of each lane what it told first. */
int analysis_sort_read(struct analysis_sort *s,
                       void (*each)(void *context, const void *bytes, size_t len), void *context,
                       const char *what, char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_SORT_H */
