/* Goal: addresses and blocks are read strictly. Method: tables of texts. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/addr.h"
#include "sim/err.h"

Test(addr, formats_what_it_parses)
{
    static const char *const good[] = {"0.0.0.0", "127.0.0.1", "255.255.255.255", "10.77.0.9"};
    for (size_t i = 0; i < 4; i++) {
        sim_addr addr;
        char text[SIM_ADDR_TEXT_MAX];
        cr_assert_eq(sim_addr_parse(good[i], &addr), 0, "%s", good[i]);
        cr_assert_str_eq(sim_addr_format(addr, text), good[i]);
    }
}

Test(addr, refuses_what_is_no_dotted_quad)
{
    static const char *const bad[] = {"",         "1.2.3",    "1.2.3.4.5", "256.1.1.1",
                                      "1.2.3.4 ", " 1.2.3.4", "01.2.3.4",  "1..3.4",
                                      "a.b.c.d",  "1.2.3.-4", "1.2.3.4/8"};
    sim_addr addr = 77;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(sim_addr_parse(bad[i], &addr), SIM_EINVAL, "%s", bad[i]);
        cr_assert_eq(addr, 77);
    }
}

Test(addr, knows_blocks_and_refuses_host_bits)
{
    struct sim_cidr block;
    cr_assert_eq(sim_cidr_parse("10.77.0.0/22", &block), 0);
    cr_assert_eq(sim_cidr_size(&block), 1024);
    cr_assert(sim_cidr_contains(&block, 0x0a4d03ff));
    cr_assert_not(sim_cidr_contains(&block, 0x0a4d0400));
    cr_assert_eq(sim_cidr_parse("1.2.3.4", &block), 0);
    cr_assert_eq(block.bits, 32);
    cr_assert_eq(sim_cidr_parse("0.0.0.0/0", &block), 0);
    cr_assert(sim_cidr_contains(&block, 0xffffffff));
    static const char *const bad[] = {"10.77.0.1/22", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
                                      "10.0.0.0/08"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(sim_cidr_parse(bad[i], &block), SIM_EINVAL, "%s", bad[i]);
    }
}

Test(addr, tells_loopback_and_private_from_strangers)
{
    static const struct {
        const char *text;
        bool loopback, private;
    } rows[] = {
        {"127.1.2.3", true, false},   {"128.0.0.1", false, false},
        {"10.0.0.1", false, true},    {"172.15.255.255", false, false},
        {"172.16.0.0", false, true},  {"172.32.0.0", false, false},
        {"192.168.1.1", false, true}, {"192.169.0.0", false, false},
        {"100.64.0.1", false, true},  {"192.0.2.1", false, false},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sim_addr addr;
        cr_assert_eq(sim_addr_parse(rows[i].text, &addr), 0);
        cr_assert_eq(sim_addr_is_loopback(addr), rows[i].loopback, "%s", rows[i].text);
        cr_assert_eq(sim_addr_is_private(addr), rows[i].private, "%s", rows[i].text);
    }
}

Test(addr, aims_at_strangers_only_when_they_are_listed)
{
    const struct sim_cidr allow[] = {{0xc6336400, 24}}; /* 198.51.100.0/24 */
    cr_assert(sim_addr_is_target(0x7f000001, NULL, 0));
    cr_assert(sim_addr_is_target(0xc0a80101, NULL, 0));
    cr_assert_not(sim_addr_is_target(0xc6336407, NULL, 0));
    cr_assert(sim_addr_is_target(0xc6336407, allow, 1));
    cr_assert_not(sim_addr_is_target(0xc6336507, allow, 1));
}
