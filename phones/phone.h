/* phones/phone.h -- one phone: switched on, boots, is configured, upgrades, serves, reboots, checks
 * in.
 *
 * The phone is a node of a world (sim/world.h) and the owner of its sub-machines: the fetcher, the
 * system's provisioning (phones/systems), the upgrade (phones/upgrade) and the peer machine
 * (phones/pfs). It adds the timers of a life and hands every notice to the machine that it belongs
 * to. All phones of one kind share a struct phone_kind. */
#ifndef PHONES_PHONE_H
#define PHONES_PHONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "phones/manifest.h"
#include "phones/pfs/pfs.h"
#include "phones/provisioning/cnf.h"
#include "phones/systems/cucm.h"
#include "phones/upgrade/fetcher.h"
#include "phones/upgrade/upgrade.h"
#include "sim/time.h"
#include "sim/world.h"

enum phone_system {
    PHONE_BARE, /* no boot, no provisioning: just the listed files in order, for comparisons */
    PHONE_CUCM,
};

#define PHONE_STATES(X)                                                                            \
    X(OFF)         /* phone_power_on() */                                                          \
    X(BOOTING)     /* the end of boot */                                                           \
    X(CONFIGURING) /* the system's provisioning */                                                 \
    X(UPGRADING)   /* the upgrade */                                                               \
    X(LINGERING)   /* the peer machine's leave to reboot */                                        \
    X(APPLYING)    /* the end of apply */                                                          \
    X(REBOOTING)   /* the end of the reboot */                                                     \
    X(CHECKING_IN) /* provisioning again, now with the new version */                              \
    X(IN_SERVICE)                                                                                  \
    X(FAILED)

enum phone_state {
#define X(name) PHONE_##name,
    PHONE_STATES(X)
#undef X
};

/* What many phones have in common. Everything is borrowed and outlives the phones. */
struct phone_kind {
    enum phone_system system;
    const char *model;
    const char *load;         /* the target, for `bare` and for the check-in's version */
    const char *running;      /* load that it runs before; "" is another one */
    const char *const *files; /* bare: what to get, in order */
    uint32_t files_len;
    bool method_shares; /* the method is pfs: sharing is on where the phone's configuration says so
                         */
    bool shares;        /* bare: it takes part in sharing */
    enum sim_server_place place; /* bare: where its files come from */
    sim_duration boot, apply, reboot;
    struct fetcher_policy policy;
    struct pfs_config pfs;
    const struct manifest *manifest;
};

struct phone {
    /* What every notice looks at comes first. */
    struct pfs *pfs; /* NULL while sharing is off */
    struct sim_world *world;
    sim_time deadline; /* of the state; SIM_NEVER */
    sim_time alarm;    /* as the world was told last; SIM_NEVER: none, or it rang */
    sim_node node;
    enum phone_state state;
    bool has_outcome; /* OUTCOME was recorded: said once, and again after a crash of a failed one */
    bool has_failed;  /* LINGERING leads to FAILED */
    bool is_upgraded; /* runs the target load after the next reboot */
    bool is_shared;   /* sharing is on, as the configuration said */
    bool log;         /* console lines on */
    bool has_moved;   /* the upgrade may have: it is looked at when the notice has been heard */
    struct fetcher fetcher; /* its deadline is asked for each time */
    const struct phone_kind *kind;
    sim_addr addr;
    uint64_t mac;
    sim_time start;        /* the instant of its first power-on */
    const sim_addr *peers; /* election "static" */
    uint32_t peers_len, peers_self;
    struct cucm cucm;
    struct upgrade upgrade;
    struct cnf config;
};

struct phone_place { /* where one phone stands */
    struct sim_world *world;
    uint32_t site; /* the world's number of it */
    sim_addr addr;
    uint64_t id; /* number in the whole scenario */
    uint64_t mac;
    sim_time start;
    bool log;
    const sim_addr *peers; /* election "static": all phones of the model in the subnet; NULL else */
    uint32_t peers_len, peers_self;
};

/* Adds the phone to its world; it switches itself on at `start`. 0 or SIM_ELIMIT. */
int phone_init(struct phone *p, const struct phone_kind *kind, const struct phone_place *place);
/* Frees what the phone holds. The world may still exist or not: nothing is asked of it. */
void phone_deinit(struct phone *p);

/* For faults: the power goes (all is lost but the running load), or comes back. `for_good`: it
 * never will; the phone counts as failed. Before its start a phone can be switched off too: then
 * the start waits for the power, and what comes back earlier starts as planned. */
void phone_power_off(struct phone *p, sim_time now, bool silent, bool for_good);
void phone_power_on(struct phone *p, sim_time now);
bool phone_is_on(const struct phone *p);

#endif /* PHONES_PHONE_H */
