/* analysis/bounds.h -- how fast could any scheme be? Closed forms over a scenario, no run needed.
 *
 * For one site with a line of rate W (bits/s towards the site), phone ports of rate P and, for
 * each model m wanted there, n_m phones that need F_m bytes (components and index):
 *
 *     wan_floor = sum(F_m) / W                          one copy of each crosses the line
 *     optimum   = max(wan_floor,
 *                     max(F_m) / P,                     nobody is faster than its port
 *                     sum(n_m F_m) / (W + sum(n_m) P))  all bytes leave the line or a port
 *
 * The last term is generous: a phone can't send what it does not have yet. For the scenario both
 * are those of the slowest site, and the optimum is at least one copy per model and site over the
 * server's uplink. A load server holds its copy before the
 * run: its optimum has no line and no uplink in it, only the LAN (wan_floor stays: what its copy
 * took). Left out, so that the bounds stay bounds: boot, protocol headers, round trips.
 * A line or port without a limit adds nothing. Of a line whose rate changes over time wan_floor is
 * how long one copy takes from start.at on, and W in the last term its highest rate. */
#ifndef ANALYSIS_BOUNDS_H
#define ANALYSIS_BOUNDS_H

#include <stdbool.h>
#include <stdint.h>

#include "scenarios/scenario.h"
#include "sim/content.h"
#include "sim/time.h"

struct analysis_bounds {
    sim_duration wan_floor; /* ns */
    sim_duration optimum;   /* ns */
    uint64_t
        copy_bytes; /* one copy of every model wanted there: the least that the WAN must carry */
};

/* Bytes of one firmware: its components and, unless all its phones are `bare`, its index, whose
 * size is taken from the catalog (NULL: left out). */
uint64_t analysis_bounds_firmware(const struct scenario *s, uint32_t firmware,
                                  const struct sim_catalog *catalog);
/* Do phones of this entry need the firmware (they don't run it yet)? */
bool analysis_bounds_wants(const struct scenario *s, const struct scenario_phones *phones);
/* One copy of a class of sites. */
void analysis_bounds_site(const struct scenario *s, enum scenario_method method,
                          const struct scenario_site *site, const struct sim_catalog *catalog,
                          struct analysis_bounds *out);
/* Of `len` sites from number `first` on; copy_bytes over all of them. */
void analysis_bounds_share(const struct scenario *s, enum scenario_method method,
                           const struct sim_catalog *catalog, uint32_t first, uint32_t len,
                           struct analysis_bounds *out);
/* The whole scenario. */
void analysis_bounds_all(const struct scenario *s, enum scenario_method method,
                         const struct sim_catalog *catalog, struct analysis_bounds *out);

#endif /* ANALYSIS_BOUNDS_H */
