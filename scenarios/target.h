/* scenarios/target.h -- a real server named by URL becomes addresses and ports, or a reason why
 * not. */
#ifndef SCENARIOS_TARGET_H
#define SCENARIOS_TARGET_H

#include "scenarios/build.h"

/* Resolves server.url and checks that the address may be a target (loopback, private, or in
 * server.allow). 0, or SIM_E* with a sentence in `why`. */
int scenario_target_find(const struct scenario *s, struct sim_live_server *out,
                         char why[SCENARIO_WHY_MAX]);
/* Does somebody answer there? TCP only: TFTP has no such question. 0, or SIM_E* with a sentence. */
int scenario_target_probe(const struct scenario *s, const struct sim_live_server *target,
                          char why[SCENARIO_WHY_MAX]);

#endif /* SCENARIOS_TARGET_H */
