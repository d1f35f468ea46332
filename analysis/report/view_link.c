/* analysis/report/view_link.c -- parents and depths of a tree; see view_trees.h. */
#include <assert.h>

#include "analysis/report/view_trees.h"

#define UNKNOWN UINT32_MAX
#define ON_THE_WAY (UINT32_MAX - 1) /* up from the phone that is looked at */

/* Depths from `start` up to one that is known; cuts a ring where it closes. */
static void climb(int32_t *parents, uint32_t *depths, int32_t start)
{
    int32_t at = start, below = -1;
    uint32_t steps = 0, depth = 0;

    for (; at >= 0 && depths[at] == UNKNOWN; at = parents[at]) {
        depths[at] = ON_THE_WAY;
        below = at;
        steps++;
    }
    if (at >= 0 && depths[at] == ON_THE_WAY) {
        parents[below] = VIEW_PARENT_NONE;
    } else if (at >= 0) {
        depth = depths[at] + 1;
    }
    /* Down again, as it were: the first of the way is the deepest. */
    for (at = start; steps > 0; at = parents[at]) {
        steps--;
        depths[at] = depth + steps;
    }
}

void view_trees_link(const struct view_cell *const *cells, size_t len, const int32_t *place,
                     int32_t *parents, uint32_t *depths)
{
    for (size_t i = 0; i < len; i++) {
        uint32_t from = cells[i]->from;
        int32_t at = from > 1 ? place[from - 2] : -1;
        parents[i] = from == 1                                 ? VIEW_PARENT_SERVER
                     : from == 0 || at < 0 || at == (int32_t)i ? VIEW_PARENT_NONE
                                                               : at;
        depths[i] = UNKNOWN;
    }
    for (size_t i = 0; i < len; i++) {
        if (depths[i] == UNKNOWN) {
            climb(parents, depths, (int32_t)i);
        }
        assert(depths[i] < len);
    }
}

uint32_t view_trees_cut(const uint32_t *depths, size_t len, size_t most)
{
    for (uint32_t depth = 0;; depth++) {
        size_t count = 0;
        for (size_t i = 0; i < len; i++) {
            count += depths[i] <= depth + 1;
        }
        if (count > most || count == len) {
            return count > most ? depth : depth + 1;
        }
    }
}
