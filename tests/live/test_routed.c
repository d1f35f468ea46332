/* Goal: sites with addresses of their own (`ip route add local`) work like those in 127.0.0.0/8:
 * broadcasts, unicasts and streams, in several loops; and a missing route is said with the
 * command. Method: a network namespace of the test's own, where the route can be set; skipped
 * where none is to be had. */
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/live/bed.h"

static struct bed bed;

/* False: this machine gives us none. Criterion runs each test in a process of its own. */
static bool enter_namespace(const char *const *commands)
{
    int flags = CLONE_NEWNET | (geteuid() == 0 ? 0 : CLONE_NEWUSER);

    if (unshare(flags) != 0 || system("ip link set lo up") != 0) {
        return false;
    }
    for (; *commands != NULL; commands++) {
        if (system(*commands) != 0) {
            return false;
        }
    }
    return true;
}

static void finish(struct bed_node *n, sim_time now)
{
    (void)now;
    bed_finish_all(n->bed);
}

static void talk(struct bed_node *n, sim_time now)
{
    (void)now;
    cr_assert_eq(sim_world_broadcast(n->world, n->node, "all", 3), 0);
    cr_assert_eq(sim_world_send(n->world, n->node, n->addr + 1, "one", 3), 0);
    cr_assert_eq(sim_world_dial(n->world, n->node, n->addr + 1, &n->dialed), 0);
}

Test(routed, broadcasts_unicasts_and_streams_reach_their_site)
{
    static const char *const routes[] = {"ip route add local 10.77.0.0/24 dev lo",
                                         "ip route add local 10.78.0.0/24 dev lo", NULL};
    struct bed_node *nodes[2][3];

    if (!enter_namespace(routes)) {
        cr_skip_test("no network namespace to be had");
    }
    bed_init(&bed, 2);
    bed.sites[0].base = 0x0A4D0000;
    bed.sites[1].base = 0x0A4E0000;
    bed.config.threads = 2;
    bed_open(&bed);
    for (uint32_t site = 0; site < 2; site++) {
        for (unsigned i = 0; i < 3; i++) {
            nodes[site][i] = bed_add(&bed, site, 2 + i);
        }
        nodes[site][0]->wake = talk;
        sim_world_wake_at(nodes[site][0]->world, nodes[site][0]->node, 0);
    }
    nodes[1][2]->wake = finish;
    sim_world_wake_at(nodes[1][2]->world, nodes[1][2]->node, 50 * SIM_MS);
    bed_run(&bed);
    for (uint32_t site = 0; site < 2; site++) {
        cr_assert_eq(nodes[site][0]->datagrams, 0);
        cr_assert_eq(nodes[site][1]->broadcasts, 1);
        cr_assert_eq(nodes[site][1]->datagrams, 2);
        cr_assert_eq(nodes[site][2]->broadcasts, 1);
        cr_assert_eq(nodes[site][2]->datagrams, 1);
        cr_assert_eq(nodes[site][0]->openings, 1);
        cr_assert_eq(nodes[site][1]->openings, 1);
        cr_assert_eq(bed_stats(&bed, site).lan_foreign, 0);
    }
    bed_close(&bed);
}

Test(routed, a_missing_route_is_said_with_its_command)
{
    char why[SIM_LIVE_TEXT_MAX];
    struct sim_live *live;

    bed_init(&bed, 1);
    bed.sites[0].base = 0xC6336400; /* 198.51.100.0/24, TEST-NET-2: nobody has it */
    cr_assert_eq(sim_live_new(&live, &bed.config, why), SIM_EUNREACHABLE);
    cr_assert(strstr(why, "ip route add local 198.51.100.0/24 dev lo") != NULL, "%s", why);
}

Test(routed, loopback_phones_can_not_leave_the_machine_without_a_line)
{
    char why[SIM_LIVE_TEXT_MAX];
    struct sim_live *live;

    bed_init(&bed, 1);
    bed.config.wan_server =
        (struct sim_live_server){.host = "10.0.0.1", .http_addr = 0x0A000001, .http_port = 80};
    cr_assert_eq(sim_live_new(&live, &bed.config, why), SIM_EUNREACHABLE);
    cr_assert(strstr(why, "addresses") != NULL, "%s", why);
}
