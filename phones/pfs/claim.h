/* phones/pfs/claim.h -- the election: who of those that want a file becomes its root. Pure.
 *
 * listen -> claim (offer) -> ads -> confirmed, or yield to a stronger claim and wait for its
 * announcement. The owner sends what pfs_claim_tick() asks for and says what it hears. What a
 * confirmed root does is not here. */
#ifndef PHONES_PFS_CLAIM_H
#define PHONES_PFS_CLAIM_H

#include <stdbool.h>
#include <stdint.h>

#include "phones/pfs/pfs.h"
#include "sim/rng.h"
#include "sim/time.h"

/* Each state is named for what is awaited; `deadline` says until when. */
#define PFS_CLAIM_STATES(X)                                                                        \
    X(IDLE)      /* pfs_claim_start() */                                                           \
    X(OFFER)     /* the instant of the own claim */                                                \
    X(AD)        /* the instant of the next ad, or of confirmation */                              \
    X(RIVAL)     /* more of a stronger claimant, or its announcement */                            \
    X(OTHERS)    /* anybody else's claim: this phone may not claim itself */                       \
    X(CONFIRMED) /* nothing more */

enum pfs_claim_state {
#define X(name) PFS_CLAIM_##name,
    PFS_CLAIM_STATES(X)
#undef X
};

/* What the owner must do. */
enum pfs_claim_act {
    PFS_CLAIM_DO_NOTHING,
    PFS_CLAIM_DO_OFFER,
    PFS_CLAIM_DO_AD,      /* number claim->ads */
    PFS_CLAIM_DO_CONFIRM, /* the phone is root now */
    PFS_CLAIM_DO_GIVE_UP, /* OTHERS: nobody else is there */
};

struct pfs_claim {
    enum pfs_claim_state state;
    sim_time deadline; /* SIM_NEVER in IDLE and CONFIRMED */
    uint32_t strength; /* bits 29..0 random until confirmed; see PROTOCOL.md */
    sim_addr addr;     /* own: breaks ties */
    uint32_t ads;      /* sent */
    sim_addr rival;    /* RIVAL: whom it yields to */
    uint32_t rival_strength;
    bool may_claim;
};

/* True when (strength, addr) beats (than_strength, than_addr): the larger strength, then the higher
 * address. */
bool pfs_claim_is_stronger(uint32_t strength, sim_addr addr, uint32_t than_strength,
                           sim_addr than_addr);

/* Begins: draws a strength, and the instant of the claim in [listen, 2 x listen] from now. With
 * `may_claim` false (its own fetch failed) it only waits for others, at most pfs_claim_patience().
 */
void pfs_claim_start(struct pfs_claim *c, const struct pfs_config *config, struct sim_rng *rng,
                     sim_time now, sim_addr addr, bool may_claim);
/* Does what is due, one step a call; call until the deadline is in the future. */
enum pfs_claim_act pfs_claim_tick(struct pfs_claim *c, const struct pfs_config *config,
                                  struct sim_rng *rng, sim_time now);
/* A tentative claim or ad of `from`. True when this phone yielded to it just now. */
bool pfs_claim_hear(struct pfs_claim *c, const struct pfs_config *config, sim_time now,
                    sim_addr from, uint32_t strength);
/* How long an election without faults can take: listening, claim, ads, twice over, and a second. */
sim_duration pfs_claim_patience(const struct pfs_config *config);

#endif /* PHONES_PFS_CLAIM_H */
