/* tests/oracle/maxmin.c -- progressive filling (maxmin.h). */
#include "tests/oracle/maxmin.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>

/* Of what is left of a link an equal part for each flow on it that still grows. */
static long double part_of(long double capacity, const struct maxmin_flow *flows,
                           uint32_t flows_len, const bool *stays, uint32_t link)
{
    long double used = 0;
    uint32_t growing = 0;

    for (uint32_t i = 0; i < flows_len; i++) {
        for (uint32_t j = 0; j < flows[i].links_len; j++) {
            if (flows[i].links[j] == link) {
                used += stays[i] ? flows[i].rate : 0;
                growing += stays[i] ? 0 : 1;
            }
        }
    }
    if (growing == 0) {
        return HUGE_VALL;
    }
    return capacity > used ? (capacity - used) / growing : 0;
}

void maxmin_solve(const long double *capacity, uint32_t links_len, struct maxmin_flow *flows,
                  uint32_t flows_len)
{
    bool stays[MAXMIN_FLOWS_MAX] = {false};
    uint32_t left = flows_len;

    assert(links_len <= MAXMIN_LINKS_MAX && flows_len <= MAXMIN_FLOWS_MAX);
    while (left > 0) {
        long double level = HUGE_VALL;
        uint32_t full = 0;

        for (uint32_t link = 0; link < links_len; link++) {
            long double part = part_of(capacity[link], flows, flows_len, stays, link);
            if (part < level) {
                level = part;
                full = link;
            }
        }
        for (uint32_t i = 0; i < flows_len; i++) {
            bool on = level == HUGE_VALL; /* no link is ever full: all the rest */

            for (uint32_t j = 0; j < flows[i].links_len; j++) {
                on = on || flows[i].links[j] == full;
            }
            if (on && !stays[i]) {
                flows[i].rate = level;
                stays[i] = true;
                left--;
            }
        }
    }
}
