/* analysis/report/view_trees.h -- who got which file from whom: one grid of phones and files, cut
 * into trees by view_trees.c. Pure: no file, no JSON. */
#ifndef ANALYSIS_REPORT_VIEW_TREES_H
#define ANALYSIS_REPORT_VIEW_TREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Parents that are no phones. */
enum { VIEW_PARENT_SERVER = -1, VIEW_PARENT_NONE = -2 };

/* What a phone has of a file; zero: nothing. */
struct view_cell {
    uint32_t from; /* the last that gave it bytes: 0 nobody, 1 the server, else phone + 2 */
    bool held;
    double done; /* when it had the file; with `held` only */
};

/* Makes parents of the cells of one tree's phones: parents[i] is an index into the same list, or
 * VIEW_PARENT_*. Rings, which only damaged files have, are cut: one of their phones gets no parent.
 * `place` gives each phone its index, -1 for others; borrowed. depths[i]: steps from the server or
 * from a phone without parent, 0..len-1. */
void view_trees_link(const struct view_cell *const *cells, size_t len, const int32_t *place,
                     int32_t *parents, uint32_t *depths);
/* The depth to which at most `most` phones stand (at least 0, where more may stand). */
uint32_t view_trees_cut(const uint32_t *depths, size_t len, size_t most);

#endif /* ANALYSIS_REPORT_VIEW_TREES_H */
