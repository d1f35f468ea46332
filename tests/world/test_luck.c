/* Goal: who is strong in an election depends on the seed, the phone and the hierarchy only, so that
 * both worlds elect the same roots: not on what happened before, nor when. Method: the same phones
 * want a second file after a first one, or at once; the machine's own strengths and waits. */
#include <criterion/criterion.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "tests/world/crew.h"

enum { PHONES = 12 };

static struct crew c;

struct drawn {
    uint32_t strength, xid;
    sim_duration wait; /* from the beginning of the election to its claim, to the step */
};

/* What each phone draws for `file`, the last one of its list. */
static void draw(uint64_t seed, size_t files_len, const char *const *files, struct drawn *out)
{
    const sim_duration step = 10 * SIM_MS;
    sim_time began[PHONES] = {0};

    memset(out, 0, PHONES * sizeof(*out));
    crew_defaults(&c, seed);
    c.files_len = files_len;
    memcpy(c.files, files, files_len * sizeof(*files));
    crew_open(&c);
    crew_add_many(&c, PHONES, 100 * SIM_MS);
    for (sim_time now = 0; now < 60 * SIM_S; now += step) {
        crew_run_until(&c, now);
        for (size_t i = 0; i < PHONES; i++) {
            const struct pfs *p = c.phones[i].pfs;
            const struct pfs_hier *h = p != NULL ? p->want : NULL;

            if (h == NULL || h->quest == NULL || h->state != PFS_HIER_ELECT || began[i] != 0 ||
                strcmp(h->name, files[files_len - 1]) != 0) {
                continue;
            }
            began[i] = now;
            out[i] = (struct drawn){.strength = h->quest->claim.strength,
                                    .xid = h->quest->claim_xid,
                                    .wait = h->quest->claim.deadline - now};
        }
    }
    for (size_t i = 0; i < PHONES; i++) {
        cr_assert(began[i] != 0, "phone %zu held no election", i);
    }
    cr_assert(crew_run(&c));
    crew_close(&c);
}

Test(luck, an_election_draws_from_the_phone_and_the_hierarchy_alone)
{
    static const char *const two[] = {"jar41.sbn", "apps41.sbn"};
    static const char *const other[] = {"cnu41.sbn", "dsp41.sbn", "apps41.sbn"};
    struct drawn alone[PHONES], second[PHONES], third[PHONES];

    draw(5, 1, two + 1, alone);
    draw(5, 2, two, second);
    draw(5, 3, other, third);
    for (size_t i = 0; i < PHONES; i++) {
        cr_assert_eq(alone[i].strength, second[i].strength, "phone %zu", i);
        cr_assert_eq(alone[i].strength, third[i].strength, "phone %zu", i);
        cr_assert_eq(alone[i].xid, second[i].xid, "phone %zu", i);
        /* The look at it comes up to a step late; who heard a claim by then waits for that. */
        sim_duration a = alone[i].wait, b = second[i].wait;
        cr_assert((a > b ? a - b : b - a) <= 20 * SIM_MS, "phone %zu: %llu, %llu ms", i,
                  (unsigned long long)(a / SIM_MS), (unsigned long long)(b / SIM_MS));
    }
}

Test(luck, another_file_phone_or_seed_draws_otherwise)
{
    static const char *const files[] = {"jar41.sbn", "apps41.sbn"};
    struct drawn here[PHONES], file[PHONES], seed[PHONES];

    draw(5, 1, files, here);
    draw(5, 1, files + 1, file);
    draw(6, 1, files, seed);
    for (size_t i = 0; i < PHONES; i++) {
        cr_assert_neq(here[i].strength, file[i].strength, "phone %zu", i);
        cr_assert_neq(here[i].xid, file[i].xid, "phone %zu", i);
        cr_assert_neq(here[i].strength, seed[i].strength, "phone %zu", i);
        cr_assert(i == 0 || here[i].strength != here[0].strength, "phone %zu", i);
    }
}
