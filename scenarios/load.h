/* scenarios/load.h -- the parts of the loader: each reads one object of the scenario. Private to
 * scenarios/. */
#ifndef SCENARIOS_LOAD_H
#define SCENARIOS_LOAD_H

#include "scenarios/reader.h"

#define LOAD_MAC_NONE UINT64_MAX /* scenario_phones.mac before the plan gives it one */

/* Fields of the root: reader_function; `out` is the struct scenario. */
void load_firmware(struct reader *r, const cJSON *item, const struct reader_field *field,
                   void *out);
void load_server(struct reader *r, const cJSON *item, const struct reader_field *field, void *out);
void load_sites(struct reader *r, const cJSON *item, const struct reader_field *field, void *out);
void load_pfs(struct reader *r, const cJSON *item, const struct reader_field *field, void *out);
void load_faults(struct reader *r, const cJSON *item, const struct reader_field *field, void *out);
void load_thresholds(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out);

/* wan.rate, into a struct sim_wan_setup; what it borrows is freed by the last: load_capacity.c.
 */
void load_wan_rate(struct reader *r, const cJSON *item, const struct reader_field *field,
                   void *out);
/* A shaper of so many bits a second before the line towards the site. */
void load_limit_rate(struct reader *r, struct sim_wan_setup *wan, uint64_t bit_s);
void load_capacities_free(struct scenario *s);

/* The defaults of what they fill. */
void load_server_defaults(struct sim_server_setup *server);
void load_pfs_defaults(struct pfs_config *pfs);

/* Is `addr` one that a live run may use: loopback, private or in server.allow? */
bool load_is_allowed(const struct scenario *s, sim_addr addr);
/* Notes an error unless the host of "HOST[:PORT...]" is a name or an allowed address. */
void load_check_host(struct reader *r, const cJSON *item, const char *host);
/* The class of that name, or of the copy of that name ("branch#2"); NULL. */
const struct scenario_site *load_find_site(const struct scenario *s, const char *name);

/* Numbers the copies, places them in the address space, numbers the phones' hardware addresses.
 * `sites` is the JSON list, for errors. Needs a scenario without errors. */
void plan_make(struct reader *r, const cJSON *sites);

/* Applies "PATH=VALUE" to the tree. What is replaced goes into the array `removed`, so that no new
 * item gets the address of an old one, whose line is still known. */
void override_apply(struct reader *r, cJSON *root, cJSON *removed, const char *set);

#endif /* SCENARIOS_LOAD_H */
