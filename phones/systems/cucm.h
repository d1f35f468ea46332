/* phones/systems/cucm.h -- how a phone of Cisco's Unified Communications Manager learns what to
 * run.
 *
 * After boot it asks its server for CTLSEP<MAC>.tlv, ITLSEP<MAC>.tlv, ITLFile.tlv and
 * SEP<MAC>.cnf.xml, one after another (a tftpd log of a real 7942; see the README), and for
 * XMLDefault.cnf.xml when there is no configuration of its own. The trust lists are optional:
 * missing ones are normal. A machine: the phone starts it, forwards the fetcher's ends, and reads
 * `config` when it is DONE. */
#ifndef PHONES_SYSTEMS_CUCM_H
#define PHONES_SYSTEMS_CUCM_H

#include <stdint.h>

#include "phones/provisioning/cnf.h"
#include "phones/upgrade/fetcher.h"
#include "sim/time.h"
#include "sim/world.h"

#define CUCM_STATES(X)                                                                             \
    X(IDLE)                                                                                        \
    X(EXPECT_CTL)                                                                                  \
    X(EXPECT_ITL_OF_PHONE)                                                                         \
    X(EXPECT_ITL)                                                                                  \
    X(EXPECT_CONFIG)                                                                               \
    X(EXPECT_DEFAULT)                                                                              \
    X(DONE)                                                                                        \
    X(FAILED)

enum cucm_state {
#define X(name) CUCM_##name,
    CUCM_STATES(X)
#undef X
};

struct cucm {
    enum cucm_state state;
    struct fetcher *fetcher; /* the phone's one */
    const char *model;
    uint64_t mac;
};

void cucm_init(struct cucm *c, struct fetcher *fetcher, const char *model, uint64_t mac);
void cucm_start(struct cucm *c, sim_time now);
/* The fetcher reached an end (or is still at it: then nothing happens). In DONE `*config` is
 * filled; in FAILED the fetcher's reason, or `reason`, names the cause. */
void cucm_fetch_done(struct cucm *c, sim_time now, const struct sim_fetch_result *result,
                     struct cnf *config, char reason[FETCHER_REASON_MAX]);
void cucm_stop(struct cucm *c);

#endif /* PHONES_SYSTEMS_CUCM_H */
