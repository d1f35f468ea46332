/* scenarios/content.h -- the files that a scenario's server must have.
 *
 * Per firmware: the components (synthetic or from a folder) and the .loads index that names them;
 * per phone, made when asked for: SEP<mac>.cnf.xml; XMLDefault.cnf.xml. The same catalog feeds the
 * embedded server, `pfsim content`, the load server, and the phones' expected digests. */
#ifndef SCENARIOS_CONTENT_H
#define SCENARIOS_CONTENT_H

#include "scenarios/scenario.h"
#include "sim/content.h"

enum {
    SCENARIO_WHY_MAX = 512, /* bytes of a sentence that says why, with its NUL */
};

/* 0 and a catalog (scenario_catalog_free() it before the scenario), or SIM_E* with a sentence in
 * `why`. The phones' configuration depends on the method: peerFirmwareSharing is 0 in `traditional`
 * and `load-server`. */
int scenario_catalog_new(const struct scenario *s, enum scenario_method method,
                         struct sim_catalog **out, char why[SCENARIO_WHY_MAX]);

/* Frees a catalog made by scenario_catalog_new(). NULL is fine. */
void scenario_catalog_free(struct sim_catalog *c);

/* Writes every file of the catalog, the phones' configurations too, below `dir` (made when absent).
 * `count`: files written. `stop` is looked at now and then: not 0 means no more, please, and
 * SIM_ECANCELED comes back; NULL: nobody asks. What was written stays, each file whole. 0, or
 * SIM_E* with a sentence. */
int scenario_content_write(const struct scenario *s, enum scenario_method method, const char *dir,
                           const volatile int *stop, uint64_t *count, uint64_t *bytes,
                           char why[SCENARIO_WHY_MAX]);

#endif /* SCENARIOS_CONTENT_H */
