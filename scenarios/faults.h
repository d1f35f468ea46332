/* scenarios/faults.h -- what a scenario breaks, and when it mends it.
 *
 * One controller a site: a node without a network that watches the records of its site's phones and
 * acts from its own turn of the world, so that nothing is broken in the middle of a notice. */
#ifndef SCENARIOS_FAULTS_H
#define SCENARIOS_FAULTS_H

#include <stdbool.h>
#include <stdint.h>

#include "phones/phone.h"
#include "scenarios/scenario.h"
#include "sim/world.h"

struct faults; /* of one site */

struct faults_site {
    const struct scenario *scenario;
    uint32_t site; /* number of the copy */
    const char *name, *class_name;
    struct sim_world *world;
    struct phone *phones; /* of the site, in order; nodes count up from the first one's */
    uint32_t phones_len;
};

/* NULL in `*out` when no fault concerns the site. 0 or SIM_ENOMEM, SIM_ELIMIT. */
int faults_new(struct faults **out, const struct faults_site *site);
void faults_free(struct faults *f); /* NULL is fine */
/* Every record of the site's phones passes here, on their lane. */
void faults_observe(struct faults *f, const struct sim_record *record);

#endif /* SCENARIOS_FAULTS_H */
