/* scenarios/target.h -- a real server named by URL becomes addresses and ports, or a reason why
 * not. */
#ifndef SCENARIOS_TARGET_H
#define SCENARIOS_TARGET_H

#include "scenarios/build.h"

/* Resolves server.url, checks that the address may be a target (loopback, private, or in
 * server.allow) and that somebody answers there (TCP; TFTP has no such question). 0, or SIM_E* with
 * a sentence in `why`. */
int scenario_target_resolve(const struct scenario *s, struct sim_live_server *out,
                            char why[SCENARIO_WHY_MAX]);

#endif /* SCENARIOS_TARGET_H */
