/* scenarios/share.h -- shares of a scenario's sites, for runs dealt to several programs.
 *
 * Share k of n are neighbouring sites with about a n-th of the phones. Shares don't overlap and
 * leave nothing out; of more shares than sites some are empty. What a share is depends on the
 * scenario and n alone, so machines need not talk. */
#ifndef SCENARIOS_SHARE_H
#define SCENARIOS_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "scenarios/scenario.h"

enum { SCENARIO_SHARES_MAX = 1000000 }; /* as many as sites (SCENARIO_COPIES_MAX) */

struct scenario_share {
    uint32_t first, len; /* sites first..first+len-1, copies counted */
    uint32_t phones;     /* in them */
};

/* Share `index` of `of` (1..SCENARIO_SHARES_MAX; index < of); `of` 0: all sites. O(log entries). */
struct scenario_share scenario_share(const struct scenario *s, uint32_t index, uint32_t of);

/* Can no site touch another one? They do through the server: where its uplink or its places may
 * bind. */
bool scenario_is_apart(const struct scenario *s);

#endif /* SCENARIOS_SHARE_H */
