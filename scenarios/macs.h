/* scenarios/macs.h -- which phone has which MAC address.
 *
 * Every entry of sites[].phones has a range of addresses: its `mac`, then counting up through all
 * copies of the site. Entries whose ranges would overlap are moved behind one another, in order of
 * the scenario. */
#ifndef SCENARIOS_MACS_H
#define SCENARIOS_MACS_H

#include <stdbool.h>
#include <stdint.h>

#include "scenarios/scenario.h"

struct scenario_mac_range {
    uint64_t first, count; /* all copies of the site together */
    const struct scenario_site *site;
    const struct scenario_phones *phones;
};

struct scenario_macs {
    struct scenario_mac_range *ranges; /* in order of the scenario */
    size_t len;
};

int scenario_macs_init(struct scenario_macs *m, const struct scenario *s); /* 0 or SIM_ENOMEM */
void scenario_macs_deinit(struct scenario_macs *m);
/* MAC of phone `within` of an entry, in copy `copy` (0..) of its site. */
uint64_t scenario_macs_of(const struct scenario_macs *m, const struct scenario_phones *phones,
                          uint32_t copy, uint32_t within);
/* NULL when nobody has it; `within` is the phone's number within its entry and copy. */
const struct scenario_mac_range *scenario_macs_find(const struct scenario_macs *m, uint64_t mac,
                                                    uint32_t *within);
/* Is sharing on for phone `within` of the entry? Spreads a share evenly over the numbers. */
bool scenario_phone_shares(const struct scenario_phones *phones, uint32_t within);
/* For how many of the entry's phones it is on. */
uint32_t scenario_phones_sharing(const struct scenario_phones *phones);

#endif /* SCENARIOS_MACS_H */
