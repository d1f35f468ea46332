/* Goal: shares of a scenario's sites leave nothing out, overlap nowhere and are of about the same
 * size. Method: every share of 1..40 of scenarios with many small, few large and mixed sites. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/build.h"
#include "scenarios/share.h"

/* Two classes of sites. */
static struct scenario *make(unsigned small, unsigned of_small, unsigned large, unsigned of_large)
{
    struct scenario_errors errors = {.list = NULL};
    struct scenario *s = NULL;
    char text[1024];

    snprintf(text, sizeof(text),
             "{\"name\":\"x\",\"firmware\":[{\"model\":\"M\",\"load\":\"L\",\"files\":[{\"name\":"
             "\"a.sbn\",\"size\":\"1 kB\"}]}],\"server\":{\"max_transfers\":\"none\"},\"sites\":["
             "{\"name\":\"a\",\"count\":%u,\"phones\":[{\"model\":\"M\",\"count\":%u}]},"
             "{\"name\":\"b\",\"count\":%u,\"phones\":[{\"model\":\"M\",\"count\":%u}]}]}",
             small, of_small, large, of_large);
    int rc = scenario_load_text("x.json", text, strlen(text), NULL, 0, &s, &errors);
    cr_assert_eq(rc, 0);
    scenario_errors_free(&errors);
    return s;
}

static void check(const struct scenario *s, uint32_t largest)
{
    for (uint32_t of = 1; of <= 40; of++) {
        uint32_t next = 0, phones = 0;
        for (uint32_t i = 0; i < of; i++) {
            struct scenario_share share = scenario_share(s, i, of);
            cr_assert_eq(share.first, next, "share %u of %u", i, of);
            next = share.first + share.len;
            phones += share.phones;
            cr_assert_eq(share.phones, scenario_site_first_phone(s, next) -
                                           scenario_site_first_phone(s, share.first));
            /* Both ends are at most half a site off. */
            cr_assert_leq(share.phones, s->phones_total / of + 1 + largest, "%u of %u", i, of);
            cr_assert_geq(share.phones + largest + 1, s->phones_total / of, "%u of %u", i, of);
        }
        cr_assert_eq(next, s->sites_total);
        cr_assert_eq(phones, s->phones_total);
    }
}

Test(share, all_shares_are_all_sites_once_and_about_equal)
{
    static const unsigned rows[][4] = {
        {30, 3, 2, 40}, {1, 1, 1, 1}, {5, 7, 5, 7}, {1, 500, 30, 1}, {100, 2, 1, 1}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scenario *s = make(rows[i][0], rows[i][1], rows[i][2], rows[i][3]);
        check(s, rows[i][1] > rows[i][3] ? rows[i][1] : rows[i][3]);
        struct scenario_share all = scenario_share(s, 0, 0);
        cr_assert(all.first == 0 && all.len == s->sites_total && all.phones == s->phones_total);
        scenario_free(s);
    }
}

Test(share, more_shares_than_there_are_phones_are_mostly_empty)
{
    struct scenario *s = make(3, 2, 1, 1);
    uint32_t sites = 0, used = 0;

    for (uint32_t i = 0; i < SCENARIO_SHARES_MAX; i++) {
        struct scenario_share share = scenario_share(s, i, SCENARIO_SHARES_MAX);
        sites += share.len;
        used += share.len > 0;
    }
    cr_assert_eq(sites, 4);
    cr_assert_eq(used, 4);
    scenario_free(s);
}

/* A phone has the same number, address and start in a share as in the whole run. */
Test(share, a_run_of_a_share_knows_its_phones_only_and_as_the_whole_does)
{
    struct scenario *s = make(3, 4, 2, 3);
    struct scenario_run *whole = NULL, *part = NULL;
    char why[SCENARIO_WHY_MAX];
    struct scenario_run_options options = {.method = SCENARIO_PFS, .seed = 9, .dry = true};

    cr_assert_eq(scenario_run_new(&whole, s, &options, why), 0);
    for (uint32_t i = 0; i < 3; i++) {
        options.shard = i;
        options.shards = 3;
        cr_assert_eq(scenario_run_new(&part, s, &options, why), 0);
        struct scenario_share share = scenario_run_share(part);
        uint32_t phones = 0;
        for (sim_node node = 0; node < scenario_run_nodes(part); node++) {
            struct scenario_phone_info a, b;
            cr_assert(scenario_run_phone(whole, node, &a));
            bool is_ours = a.site - share.first < share.len;
            cr_assert_eq(scenario_run_phone(part, node, &b), is_ours, "phone %u, share %u", node,
                         i);
            if (is_ours) {
                phones++;
                cr_assert(a.addr == b.addr && a.mac == b.mac && a.site == b.site);
                cr_assert_eq(scenario_run_start(whole, node), scenario_run_start(part, node));
            }
        }
        cr_assert_eq(phones, share.phones);
        cr_assert_eq(scenario_run_go(part, why), 0); /* dry: at once */
        scenario_run_free(part);
    }
    scenario_run_free(whole);
    scenario_free(s);
}
