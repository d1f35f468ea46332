/* Goal: every state and deadline of phones/pfs/claim.c.
 * Method: tables of instants; each deadline one nanosecond early and on the dot. */
#include <criterion/criterion.h>

#include "phones/pfs/claim.h"
#include "phones/pfs/wire.h"

enum what { TICK, HEAR_STRONGER, HEAR_WEAKER, HEAR_STRONGEST };

struct step {
    sim_time at;
    enum what what;
    enum pfs_claim_act want_act; /* of TICK */
    bool want_yield;             /* of HEAR */
    enum pfs_claim_state want_state;
    sim_time want_deadline;
};

#define MS(x) ((x)*SIM_MS)
static const sim_addr own = 100;

/* listen 0: the claim is at once, so all instants are exact. */
static struct pfs_config config_of(void)
{
    return (struct pfs_config){.listen = 0, .ad_interval = MS(250), .ads = 4};
}

static void run(const struct step *steps, size_t count, bool may_claim)
{
    struct pfs_config config = config_of();
    struct pfs_claim c;
    struct sim_rng rng;
    sim_rng_init(&rng, 1, SIM_RNG_TEST, 1);
    pfs_claim_start(&c, &config, &rng, 0, own, may_claim);
    for (size_t i = 0; i < count; i++) {
        const struct step *s = &steps[i];
        if (s->what == TICK) {
            int act = (int)pfs_claim_tick(&c, &config, &rng, s->at);
            cr_assert_eq(act, (int)s->want_act, "row %zu: act %d", i, act);
        } else {
            uint32_t strength = s->what == HEAR_WEAKER     ? 0
                                : s->what == HEAR_STRONGER ? PFS_WIRE_STRENGTH_CHANCE - 1
                                                           : PFS_WIRE_STRENGTH_CHANCE;
            sim_addr from = 200 + (sim_addr)s->what;
            bool yielded = pfs_claim_hear(&c, &config, s->at, from, strength);
            cr_assert_eq(yielded, s->want_yield, "row %zu: yielded %d", i, yielded);
        }
        cr_assert_eq((int)c.state, (int)s->want_state, "row %zu: state %d", i, (int)c.state);
        if (s->want_deadline != 1) { /* 1: drawn by chance */
            cr_assert_eq(c.deadline, s->want_deadline, "row %zu: deadline %llu", i,
                         (unsigned long long)c.deadline);
        }
    }
}
#define RUN(steps, may_claim) run(steps, sizeof(steps) / sizeof(steps[0]), may_claim)

Test(pfs_claim, alone_it_offers_sends_four_ads_and_is_root_after_1250_ms)
{
    static const struct step steps[] = {
        {0, TICK, PFS_CLAIM_DO_OFFER, false, PFS_CLAIM_AD, MS(250)},
        {MS(250) - 1, TICK, PFS_CLAIM_DO_NOTHING, false, PFS_CLAIM_AD, MS(250)},
        {MS(250), TICK, PFS_CLAIM_DO_AD, false, PFS_CLAIM_AD, MS(500)},
        {MS(500), TICK, PFS_CLAIM_DO_AD, false, PFS_CLAIM_AD, MS(750)},
        {MS(750), TICK, PFS_CLAIM_DO_AD, false, PFS_CLAIM_AD, MS(1000)},
        {MS(1000), TICK, PFS_CLAIM_DO_AD, false, PFS_CLAIM_AD, MS(1250)},
        {MS(1250) - 1, TICK, PFS_CLAIM_DO_NOTHING, false, PFS_CLAIM_AD, MS(1250)},
        {MS(1250), TICK, PFS_CLAIM_DO_CONFIRM, false, PFS_CLAIM_CONFIRMED, SIM_NEVER},
        {MS(1300), HEAR_STRONGEST, 0, false, PFS_CLAIM_CONFIRMED, SIM_NEVER},
    };
    RUN(steps, true);
}

Test(pfs_claim, yields_to_a_stronger_claim_before_and_after_its_own)
{
    static const struct step before[] = {
        {0, HEAR_WEAKER, 0, false, PFS_CLAIM_OFFER, 0},
        {0, HEAR_STRONGER, 0, true, PFS_CLAIM_RIVAL, MS(750)},
    };
    static const struct step after[] = {
        {0, TICK, PFS_CLAIM_DO_OFFER, false, PFS_CLAIM_AD, MS(250)},
        {MS(100), HEAR_WEAKER, 0, false, PFS_CLAIM_AD, MS(250)},
        {MS(200), HEAR_STRONGER, 0, true, PFS_CLAIM_RIVAL, MS(950)},
    };
    RUN(before, true);
    RUN(after, true);
}

Test(pfs_claim, resumes_its_own_claim_when_the_rival_is_silent_for_three_ads)
{
    static const struct step steps[] = {
        {0, HEAR_STRONGER, 0, true, PFS_CLAIM_RIVAL, MS(750)},
        {MS(250), HEAR_STRONGER, 0, false, PFS_CLAIM_RIVAL, MS(1000)},
        {MS(300), HEAR_WEAKER, 0, false, PFS_CLAIM_RIVAL, MS(1000)},
        {MS(400), HEAR_STRONGEST, 0, false, PFS_CLAIM_RIVAL, MS(1150)},
        {MS(500), HEAR_STRONGER, 0, false, PFS_CLAIM_RIVAL, MS(1150)},
        {MS(1150) - 1, TICK, PFS_CLAIM_DO_NOTHING, false, PFS_CLAIM_RIVAL, MS(1150)},
        {MS(1150), TICK, PFS_CLAIM_DO_NOTHING, false, PFS_CLAIM_OFFER, 1},
        {MS(1400), TICK, PFS_CLAIM_DO_OFFER, false, PFS_CLAIM_AD, MS(1650)},
    };
    RUN(steps, true);
}

Test(pfs_claim, one_that_may_not_claim_waits_for_others_and_gives_up)
{
    /* patience: 2 x (5 x 250 ms + 3 x 250 ms) + 1 s = 5 s */
    static const struct step alone[] = {
        {SIM_S * 5 - 1, TICK, PFS_CLAIM_DO_NOTHING, false, PFS_CLAIM_OTHERS, SIM_S * 5},
        {SIM_S * 5, TICK, PFS_CLAIM_DO_GIVE_UP, false, PFS_CLAIM_IDLE, SIM_NEVER},
    };
    static const struct step with_others[] = {
        {MS(100), HEAR_WEAKER, 0, true, PFS_CLAIM_RIVAL, MS(850)},
        {MS(850), TICK, PFS_CLAIM_DO_NOTHING, false, PFS_CLAIM_OTHERS, MS(5850)},
    };
    RUN(alone, false);
    RUN(with_others, false);
}

Test(pfs_claim, equal_strengths_are_decided_by_the_higher_address)
{
    cr_assert(pfs_claim_is_stronger(7, 2, 7, 1));
    cr_assert(!pfs_claim_is_stronger(7, 1, 7, 2));
    cr_assert(!pfs_claim_is_stronger(7, 1, 7, 1));
    cr_assert(pfs_claim_is_stronger(8, 1, 7, 2));
    cr_assert(pfs_claim_is_stronger(PFS_WIRE_STRENGTH_HOLDS, 1,
                                    PFS_WIRE_STRENGTH_CONFIRMED | PFS_WIRE_STRENGTH_CHANCE, 2));
}

Test(pfs_claim, claims_between_one_and_two_listens_after_it_began_to_listen)
{
    struct pfs_config config = config_of();
    struct sim_rng rng;
    sim_time low = SIM_NEVER, high = 0;
    config.listen = MS(500);
    for (uint64_t seed = 0; seed < 500; seed++) {
        struct pfs_claim c;
        sim_rng_init(&rng, seed, SIM_RNG_TEST, 2);
        pfs_claim_start(&c, &config, &rng, SIM_S, own, true);
        low = sim_time_min(low, c.deadline);
        high = c.deadline > high ? c.deadline : high;
        cr_assert_eq(c.strength & ~PFS_WIRE_STRENGTH_CHANCE, 0);
    }
    cr_assert(low >= SIM_S + MS(500) && low < SIM_S + MS(520));
    cr_assert(high <= SIM_S + MS(1000) && high > SIM_S + MS(980));
}
