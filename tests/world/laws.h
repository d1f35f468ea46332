/* tests/world/laws.h -- what must hold in every run of a scenario in the virtual world, watched
 * from outside: the records of its phones, the counters of its sites and its server. (The lab's
 * crew looks into the peer machine; here only what a report could say is believed.)
 *
 * The first law that is broken is kept, with the phone and the instant. Which laws hold depends on
 * the scenario: without faults none may fall back, and one copy of a file crosses the line. */
#ifndef TESTS_WORLD_LAWS_H
#define TESTS_WORLD_LAWS_H

#include <stddef.h>
#include <stdint.h>

#include "scenarios/build.h"
#include "scenarios/scenario.h"

enum { LAWS_TEXT_MAX = 400 };

struct laws;

/* The scenario is borrowed. NULL: out of memory. */
struct laws *laws_new(const struct scenario *s, enum scenario_method method);
void laws_free(struct laws *l); /* NULL is fine */
/* Options for the run: its sink, its end of a group. Then the run that they made, before it goes.
 */
void laws_watch(struct laws *l, struct scenario_run_options *options);
void laws_attach(struct laws *l, struct scenario_run *run);
/* When the run has ended with `rc`. NULL, or the law that is broken; valid until laws_free(). */
const char *laws_judge(struct laws *l, int rc);

#endif /* TESTS_WORLD_LAWS_H */
