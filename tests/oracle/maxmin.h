/* tests/oracle/maxmin.h -- what max-min fairness is, the plain way: an oracle for quick solvers.
 *
 * Progressive filling (Bertsekas and Gallager, Data Networks, 6.5.2): all flows' rates grow at the
 * same pace; when a link is full the flows on it stay as they are; until all stay. Any links, any
 * routes; a flow's own cap is a link that nobody else is on. Each solution costs flows x links; no
 * state, no heaps, nothing shared with what it is held against. */
#ifndef TESTS_ORACLE_MAXMIN_H
#define TESTS_ORACLE_MAXMIN_H

#include <stdint.h>

enum { MAXMIN_ROUTE_MAX = 4, MAXMIN_LINKS_MAX = 4096, MAXMIN_FLOWS_MAX = 4096 };

struct maxmin_flow {
    uint32_t links[MAXMIN_ROUTE_MAX]; /* numbers of the links that it crosses */
    uint32_t links_len;               /* 0: no limit */
    long double rate;                 /* out; HUGE_VALL: no limit */
};

/* `capacity` of each link, HUGE_VALL: none. */
void maxmin_solve(const long double *capacity, uint32_t links_len, struct maxmin_flow *flows,
                  uint32_t flows_len);

#endif /* TESTS_ORACLE_MAXMIN_H */
