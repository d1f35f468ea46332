/* Goal: every copy of a site has a block of its own, every phone an address in it, none of them
 * reserved; numbers count through. Method: scenarios of many shapes; all blocks compared with one
 * another. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/macs.h"
#include "scenarios/scenario.h"
#include "sim/err.h"

static struct scenario_errors errors;

static struct scenario *load(const char *sites)
{
    char *text = malloc(strlen(sites) + 300);
    struct scenario *s = NULL;

    sprintf(text,
            "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"L\",\"files\":[{\"name\":"
            "\"a\",\"size\":\"1 kB\"}]}],\"sites\":%s}",
            sites);
    scenario_load_text("t.json", text, strlen(text), NULL, 0, &s, &errors);
    if (s == NULL) {
        scenario_errors_print(&errors, "t.json", stderr);
    }
    free(text);
    cr_assert(s != NULL);
    return s;
}

static sim_addr last_of(const struct sim_site_setup *site)
{
    return site->base + (sim_addr)((UINT64_C(1) << (32 - site->bits)) - 1);
}

static const char *address(sim_addr addr)
{
    static char text[SIM_ADDR_TEXT_MAX];
    return sim_addr_format(addr, text);
}

static int by_base(const void *a, const void *b)
{
    sim_addr left = ((const struct sim_site_setup *)a)->base;
    sim_addr right = ((const struct sim_site_setup *)b)->base;
    return left < right ? -1 : left > right;
}

/* What must hold of any plan. */
static void check_plan(const struct scenario *s)
{
    struct sim_site_setup *all = calloc(s->sites_total, sizeof(*all));
    char name[SCENARIO_NAME_MAX];
    uint64_t phones = 0;

    for (uint32_t i = 0; i < s->sites_total; i++) {
        cr_assert_eq(scenario_site_setup(s, i, &all[i], name), 0);
        cr_assert_eq(all[i].index, i);
        cr_assert_eq(scenario_site_first_phone(s, i), phones);
        cr_assert_str_eq(scenario_site_class(s, i)->name, all[i].class_name);
        phones += all[i].phones;
        cr_assert_eq(all[i].base & (last_of(&all[i]) - all[i].base), 0, "block not aligned");
        uint32_t within = 0;
        sim_addr addr = 0;
        scenario_phone(s, &all[i], all[i].phones - 1, &within, &addr);
        cr_assert(addr > all[i].base + 1 && addr < last_of(&all[i]), "phone %s", address(addr));
        cr_assert(all[i].base >> 24 != 127 || all[i].base >= 0x7f010000, "%s",
                  address(all[i].base));
    }
    cr_assert_eq(phones, s->phones_total);
    cr_assert_eq(scenario_site_first_phone(s, s->sites_total), phones);
    cr_assert_eq(scenario_site_setup(s, s->sites_total, &all[0], name), SIM_EINVAL);
    scenario_site_setup(s, 0, &all[0], name);
    qsort(all, s->sites_total, sizeof(*all), by_base);
    for (uint32_t i = 1; i < s->sites_total; i++) {
        cr_assert(last_of(&all[i - 1]) < all[i].base, "blocks overlap at %s", address(all[i].base));
    }
    free(all);
}

Test(plan, one_branch_is_where_everybody_expects_it)
{
    struct scenario *s = load("[{\"name\":\"branch\",\"phones\":[{\"count\":30}]}]");
    struct sim_site_setup site;
    char name[SCENARIO_NAME_MAX];
    uint32_t within = 9;
    sim_addr addr = 0;

    check_plan(s);
    cr_assert_eq(scenario_site_setup(s, 0, &site, name), 0);
    cr_assert_str_eq(site.name, "branch");
    cr_assert_str_eq(address(site.base), "127.1.0.0");
    cr_assert_eq(site.bits, 24);
    cr_assert_eq(scenario_phone(s, &site, 0, &within, &addr), &s->sites[0].phones[0]);
    cr_assert_eq(within, 0);
    cr_assert_str_eq(address(addr), "127.1.0.2");
    scenario_free(s);
}

Test(plan, blocks_grow_exactly_when_phones_gateway_and_broadcast_no_longer_fit)
{
    static const struct {
        unsigned phones;
        unsigned bits;
    } rows[] = {{1, 24}, {253, 24}, {254, 23}, {509, 23}, {510, 22}, {1048573, 12}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char sites[128];
        struct sim_site_setup site;
        char name[SCENARIO_NAME_MAX];
        snprintf(sites, sizeof(sites), "[{\"phones\":[{\"count\":%u}]}]", rows[i].phones);
        struct scenario *s = load(sites);
        check_plan(s);
        scenario_site_setup(s, 0, &site, name);
        cr_assert_eq(site.bits, rows[i].bits, "%u phones in a /%u", rows[i].phones, site.bits);
        scenario_free(s);
    }
}

Test(plan, copies_and_entries_are_numbered_through)
{
    struct scenario *s =
        load("[{\"name\":\"a\",\"count\":2,\"phones\":[{\"count\":3},{\"count\":4}]},"
             "{\"name\":\"b\",\"phones\":[{\"count\":5}]}]");
    struct sim_site_setup site;
    char name[SCENARIO_NAME_MAX];
    uint32_t within = 9;
    sim_addr addr = 0;

    check_plan(s);
    cr_assert_eq(s->sites_total, 3);
    scenario_site_setup(s, 1, &site, name);
    cr_assert_str_eq(site.name, "a#2");
    cr_assert_str_eq(site.class_name, "a");
    cr_assert_str_eq(address(site.base), "127.1.1.0");
    cr_assert_eq(scenario_phone(s, &site, 2, &within, &addr), &s->sites[0].phones[0]);
    cr_assert_eq(within, 2);
    cr_assert_eq(scenario_phone(s, &site, 3, &within, &addr), &s->sites[0].phones[1]);
    cr_assert_eq(within, 0);
    cr_assert_str_eq(address(addr), "127.1.1.5");
    scenario_site_setup(s, 2, &site, name);
    cr_assert_str_eq(site.name, "b");
    cr_assert_str_eq(address(site.base), "127.1.2.0");
    cr_assert_eq(scenario_site_first_phone(s, 2), 14);
    /* MAC addresses: entries without one follow the phones before, copies counted */
    cr_assert_eq(s->sites[0].phones[1].mac, UINT64_C(0x001e13000006));
    cr_assert_eq(s->sites[1].phones[0].mac, UINT64_C(0x001e1300000e));
    scenario_free(s);
}

Test(plan, mixed_sizes_never_overlap)
{
    struct scenario *s = load(
        "[{\"name\":\"a\",\"count\":3,\"phones\":[{\"count\":10}]},"
        "{\"name\":\"b\",\"count\":2,\"phones\":[{\"count\":5000}]},"
        "{\"name\":\"c\",\"addresses\":\"127.1.32.0/19\",\"count\":5,\"phones\":[{\"count\":9}]},"
        "{\"name\":\"d\",\"count\":7,\"phones\":[{\"count\":300}]},"
        "{\"name\":\"e\",\"addresses\":\"10.0.0.0/8\",\"phones\":[{\"count\":1}]}]");
    struct sim_site_setup site;
    char name[SCENARIO_NAME_MAX];

    check_plan(s);
    scenario_site_setup(s, 5, &site, name); /* the first of c: 5 copies share a /19 in eighths */
    cr_assert_str_eq(address(site.base), "127.1.32.0");
    cr_assert_eq(site.bits, 22);
    scenario_free(s);
}

Test(plan, two_thousand_sites_of_500_fit_and_a_hundred_thousand_go_elsewhere)
{
    struct scenario *s = load("[{\"count\":2000,\"phones\":[{\"count\":500}]}]");
    struct sim_site_setup site;
    char name[SCENARIO_NAME_MAX];

    check_plan(s);
    scenario_site_setup(s, 1999, &site, name);
    cr_assert_eq(site.base >> 24, 127);
    scenario_free(s);

    s = load("[{\"name\":\"far\",\"count\":100000,\"phones\":[{\"count\":30}]},"
             "{\"name\":\"near\",\"count\":1000,\"phones\":[{\"count\":30}]}]");
    check_plan(s);
    scenario_site_setup(s, 0, &site, name);
    cr_assert_str_eq(address(site.base), "10.0.0.0");
    scenario_site_setup(s, 100000, &site, name);
    cr_assert_str_eq(address(site.base), "127.1.0.0");
    scenario_free(s);
}

Test(plan, the_largest_scenarios_find_room)
{
    struct scenario *s = load("[{\"count\":1000000,\"phones\":[{\"count\":10}]}]");
    check_plan(s);
    scenario_free(s);
    s = load("[{\"count\":9,\"phones\":[{\"count\":1048573}]}]");
    check_plan(s);
    scenario_free(s);
}

Test(plan, no_phone_ever_has_the_real_broadcast_address)
{
    /* exactly all of 127.1.0.0 to 127.255.255.255 */
    struct scenario *s = load("[{\"count\":65280,\"phones\":[{\"count\":150}]}]");
    struct sim_site_setup site;
    char name[SCENARIO_NAME_MAX];

    scenario_site_setup(s, s->sites_total - 1, &site, name);
    cr_assert_str_eq(address(last_of(&site)), "127.255.255.255");
    check_plan(s);
    scenario_free(s);
}

Test(plan, counts_the_phones_that_do_not_share)
{
    struct sim_site_setup site;
    char name[SCENARIO_NAME_MAX];
    struct scenario *s = load("[{\"name\":\"b\",\"phones\":["
                              "{\"system\":\"bare\",\"model\":\"A\",\"count\":7,\"pfs\":0.5},"
                              "{\"system\":\"bare\",\"model\":\"A\",\"count\":5},"
                              "{\"system\":\"cucm\",\"model\":\"A\",\"count\":3,\"pfs\":false}]}]");
    cr_assert_eq(scenario_site_setup(s, 0, &site, name), 0);
    uint32_t alone = 0, within;
    sim_addr addr;
    for (uint32_t i = 0; i < site.phones; i++) {
        const struct scenario_phones *entry = scenario_phone(s, &site, i, &within, &addr);
        alone += !scenario_phone_shares(entry, within);
    }
    cr_assert_eq(site.alone, 4 + 3);
    cr_assert_eq(alone, site.alone);
    scenario_free(s);
}
