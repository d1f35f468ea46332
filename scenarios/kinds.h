/* scenarios/kinds.h -- what the phones of a run have in common: kinds, expected digests, names. */
#ifndef SCENARIOS_KINDS_H
#define SCENARIOS_KINDS_H

#include "phones/manifest.h"
#include "phones/phone.h"
#include "scenarios/scenario.h"
#include "sim/content.h"

struct scenario_kinds {
    struct phone_kind *kinds; /* two an entry of sites[].phones: sharing off, sharing on */
    const struct scenario_phones **entries; /* which entry kinds[2 i] and [2 i + 1] are of */
    size_t kinds_len;
    size_t entries_len;
    struct manifest_file *files;
    struct manifest manifest;
    const char ***names; /* per firmware: its components, for `bare` */
    size_t names_len;
    char *ca_file; /* of the embedded server's certificate; NULL */
};

/* Computes the digests of the catalog's firmware. 0 or SIM_ENOMEM. */
int scenario_kinds_init(struct scenario_kinds *k, const struct scenario *s,
                        enum scenario_method method, struct sim_catalog *catalog);
void scenario_kinds_deinit(struct scenario_kinds *k);
/* The kind of phone `within` of an entry. */
const struct phone_kind *scenario_kinds_find(const struct scenario_kinds *k,
                                             const struct scenario_phones *entry, uint32_t within);

/* What phones of a system try first: for forecasts. An embedded server has all that they try. */
enum sim_protocol scenario_kinds_protocol(const struct scenario *s,
                                          const struct scenario_site *site,
                                          enum scenario_system system);

#endif /* SCENARIOS_KINDS_H */
