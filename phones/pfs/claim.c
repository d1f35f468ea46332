/* phones/pfs/claim.c -- see claim.h. */
#include "phones/pfs/claim.h"

#include <assert.h>

#include "phones/pfs/wire.h"

enum {
    RIVAL_ADS = 3, /* ad intervals without a word before a rival counts as gone */
};

static void enter(struct pfs_claim *c, enum pfs_claim_state state, sim_time deadline)
{
    c->state = state;
    c->deadline = deadline;
}

bool pfs_claim_is_stronger(uint32_t strength, sim_addr addr, uint32_t than_strength,
                           sim_addr than_addr)
{
    return strength != than_strength ? strength > than_strength : addr > than_addr;
}

sim_duration pfs_claim_patience(const struct pfs_config *config)
{
    sim_duration once = 2 * config->listen + (config->ads + 1) * config->ad_interval;
    return 2 * (once + RIVAL_ADS * config->ad_interval) + SIM_S;
}

void pfs_claim_start(struct pfs_claim *c, const struct pfs_config *config, struct sim_rng *rng,
                     sim_time now, sim_addr addr, bool may_claim)
{
    *c = (struct pfs_claim){
        .strength = (uint32_t)sim_rng_next(rng) & PFS_WIRE_STRENGTH_CHANCE,
        .addr = addr,
        .may_claim = may_claim,
    };
    if (may_claim) {
        sim_duration wait = sim_rng_between(rng, config->listen, 2 * config->listen);
        enter(c, PFS_CLAIM_OFFER, sim_time_add(now, wait));
    } else {
        enter(c, PFS_CLAIM_OTHERS, sim_time_add(now, pfs_claim_patience(config)));
    }
}

enum pfs_claim_act pfs_claim_tick(struct pfs_claim *c, const struct pfs_config *config,
                                  struct sim_rng *rng, sim_time now)
{
    if (now < c->deadline) {
        return PFS_CLAIM_DO_NOTHING;
    }
    switch (c->state) {
    case PFS_CLAIM_OFFER:
        c->ads = 0;
        enter(c, PFS_CLAIM_AD, sim_time_add(now, config->ad_interval));
        return PFS_CLAIM_DO_OFFER;
    case PFS_CLAIM_AD:
        if (c->ads < config->ads) {
            c->ads++;
            enter(c, PFS_CLAIM_AD, sim_time_add(now, config->ad_interval));
            return PFS_CLAIM_DO_AD;
        }
        c->strength |= PFS_WIRE_STRENGTH_CONFIRMED;
        enter(c, PFS_CLAIM_CONFIRMED, SIM_NEVER);
        return PFS_CLAIM_DO_CONFIRM;
    case PFS_CLAIM_RIVAL:
        /* All who yielded to the same rival get here at once: spread their claims. */
        c->rival = 0;
        if (!c->may_claim) {
            enter(c, PFS_CLAIM_OTHERS, sim_time_add(now, pfs_claim_patience(config)));
        } else {
            sim_duration spread =
                config->listen > config->ad_interval ? config->listen : config->ad_interval;
            enter(c, PFS_CLAIM_OFFER, sim_time_add(now, sim_rng_between(rng, 0, spread)));
        }
        return PFS_CLAIM_DO_NOTHING;
    case PFS_CLAIM_OTHERS:
        enter(c, PFS_CLAIM_IDLE, SIM_NEVER);
        return PFS_CLAIM_DO_GIVE_UP;
    case PFS_CLAIM_IDLE:
    case PFS_CLAIM_CONFIRMED:
        break; /* their deadline is SIM_NEVER, so only an instant of SIM_NEVER gets here */
    }
    return PFS_CLAIM_DO_NOTHING;
}

bool pfs_claim_hear(struct pfs_claim *c, const struct pfs_config *config, sim_time now,
                    sim_addr from, uint32_t strength)
{
    sim_time silent = sim_time_add(now, RIVAL_ADS * config->ad_interval);

    switch (c->state) {
    case PFS_CLAIM_OFFER:
    case PFS_CLAIM_AD:
        if (!pfs_claim_is_stronger(strength, from, c->strength, c->addr)) {
            return false;
        }
        break;
    case PFS_CLAIM_RIVAL:
        if (from != c->rival &&
            !pfs_claim_is_stronger(strength, from, c->rival_strength, c->rival)) {
            return false;
        }
        c->rival = from;
        c->rival_strength = strength;
        c->deadline = silent;
        return false;
    case PFS_CLAIM_OTHERS:
        break;
    case PFS_CLAIM_IDLE:
    case PFS_CLAIM_CONFIRMED:
        return false;
    }
    c->rival = from;
    c->rival_strength = strength;
    enter(c, PFS_CLAIM_RIVAL, silent);
    return true;
}
