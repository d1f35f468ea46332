/* Goal: one direction of the line to the nanosecond: serialisation, delay, what counts as waiting,
 * no idle credit, accounting, the fall of the line. Method: packets at chosen instants, every edge
 * at -1 ns and on the dot. */
#include <criterion/criterion.h>

#include "sim/wan/link.h"

/* 8 Mbit/s: 1 us a byte. 10 ms one way. */
static struct sim_wan_setup line(enum sim_queue_kind kind, uint64_t limit)
{
    return (struct sim_wan_setup){.down_bit_s = 8000000,
                                  .up_bit_s = 4000000,
                                  .rtt = 20 * SIM_MS + 1,
                                  .queue = {kind, limit},
                                  .framing = 2};
}

static bool give(struct wan_link *link, uint32_t size, sim_time now)
{
    struct wan_packet packet = {.kind = WAN_PACKET_SEGMENT, .size = size};
    struct sim_rng rng;

    sim_rng_init(&rng, 1, SIM_RNG_TEST, now);
    cr_assert_eq(wan_link_reserve(link, 1), 0);
    return wan_link_send(link, &rng, &packet, now);
}

Test(link, sends_at_its_rate_and_arrives_one_delay_later)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_PACKETS, 10);
    struct wan_link down, up;

    cr_assert_eq(wan_link_init(&down, &setup, SIM_WAN_DOWN), 0);
    cr_assert_eq(wan_link_init(&up, &setup, SIM_WAN_UP), 0);
    cr_assert_eq(wan_link_next(&down), SIM_NEVER);
    cr_assert(give(&down, 998, 0));
    cr_assert(give(&up, 998, 0));
    cr_assert_eq(wan_link_next(&down), 1 * SIM_MS + 10 * SIM_MS + 1);
    cr_assert_eq(wan_link_next(&up), 2 * SIM_MS + 10 * SIM_MS, "the odd nanosecond is down's");
    wan_link_deinit(&down);
    wan_link_deinit(&up);
}

Test(link, earns_no_credit_while_idle)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_PACKETS, 10);
    struct wan_link link;

    cr_assert_eq(wan_link_init(&link, &setup, SIM_WAN_DOWN), 0);
    give(&link, 998, 0);
    wan_link_take(&link);
    give(&link, 998, 100 * SIM_MS);
    give(&link, 998, 100 * SIM_MS);
    cr_assert_eq(wan_link_take(&link).out, 111 * SIM_MS + 1);
    cr_assert_eq(wan_link_take(&link).out, 112 * SIM_MS + 1);
    wan_link_deinit(&link);
}

Test(link, counts_packets_that_wait_and_not_the_one_being_sent)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_PACKETS, 2);
    struct wan_link link;

    cr_assert_eq(wan_link_init(&link, &setup, SIM_WAN_DOWN), 0);
    cr_assert(give(&link, 998, 0));
    cr_assert(give(&link, 998, 0));
    cr_assert(give(&link, 998, 0));
    cr_assert_not(give(&link, 998, 0), "two wait");
    cr_assert_not(give(&link, 998, SIM_MS - 1));
    cr_assert(give(&link, 998, SIM_MS), "the second has begun");
    cr_assert_eq(link.counters.drops, 2);
    wan_link_deinit(&link);
}

Test(link, limits_its_queue_by_bytes_with_framing)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_BYTES, 2000);
    struct wan_link link;

    cr_assert_eq(wan_link_init(&link, &setup, SIM_WAN_DOWN), 0);
    cr_assert(give(&link, 3000, 0), "what need not wait always goes");
    cr_assert(give(&link, 998, 0));
    cr_assert_not(give(&link, 999, 0), "2001 bytes");
    cr_assert(give(&link, 998, 0), "2000 bytes");
    wan_link_deinit(&link);
}

Test(link, limits_its_queue_by_time)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_TIME, 2 * SIM_MS);
    struct wan_link link;

    cr_assert_eq(wan_link_init(&link, &setup, SIM_WAN_DOWN), 0);
    cr_assert(give(&link, 998, 0));
    cr_assert(give(&link, 998, 0));
    cr_assert(give(&link, 998, 0), "waits 2 ms");
    cr_assert_not(give(&link, 998, 0), "would wait 3 ms");
    cr_assert(give(&link, 998, SIM_MS));
    wan_link_deinit(&link);
}

Test(link, accounts_for_what_began_and_for_nothing_that_still_waits)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_PACKETS, 10);
    struct wan_link link;

    cr_assert_eq(wan_link_init(&link, &setup, SIM_WAN_DOWN), 0);
    for (int i = 0; i < 4; i++) {
        give(&link, 998, 5 * SIM_MS);
    }
    wan_link_settle(&link, 7 * SIM_MS - 1);
    cr_assert_eq(link.counters.bytes, 2000);
    wan_link_settle(&link, 7 * SIM_MS);
    cr_assert_eq(link.counters.bytes, 3000);
    cr_assert_eq(link.counters.busy, 3 * SIM_MS);
    cr_assert_eq(link.counters.first, 5 * SIM_MS);
    cr_assert_eq(link.counters.last, 8 * SIM_MS);
    cr_assert_eq(link.counters.peak_bit_s, 3000 * 8);
    wan_link_deinit(&link);
}

Test(link, loses_at_random_towards_the_site_only_and_uses_the_line_for_it)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_PACKETS, 100000);
    struct wan_link down, up;

    setup.loss_ppm = 100000;
    cr_assert_eq(wan_link_init(&down, &setup, SIM_WAN_DOWN), 0);
    cr_assert_eq(wan_link_init(&up, &setup, SIM_WAN_UP), 0);
    for (sim_time i = 0; i < 10000; i++) {
        give(&down, 98, i * SIM_MS);
        give(&up, 98, i * SIM_MS);
    }
    cr_assert_eq(up.counters.losses, 0);
    cr_assert(down.counters.losses > 850 && down.counters.losses < 1150, "%llu of 10000",
              (unsigned long long)down.counters.losses);
    cr_assert_eq(down.counters.bytes, 1000000);
    wan_link_deinit(&down);
    wan_link_deinit(&up);
}

Test(link, forgets_what_waits_when_it_falls)
{
    struct sim_wan_setup setup = line(SIM_QUEUE_PACKETS, 10);
    struct wan_link link;

    cr_assert_eq(wan_link_init(&link, &setup, SIM_WAN_DOWN), 0);
    for (int i = 0; i < 3; i++) {
        give(&link, 998, 0);
    }
    while (link.head != link.tail) {
        wan_link_drop_newest(&link);
    }
    wan_link_set_up(&link, false, SIM_MS / 2);
    cr_assert_eq(link.counters.bytes, 1000, "the one that had begun");
    cr_assert_eq(link.waiting_bytes, 0);
    cr_assert_not(give(&link, 998, SIM_MS));
    wan_link_set_up(&link, true, 2 * SIM_MS);
    cr_assert(give(&link, 998, 2 * SIM_MS));
    cr_assert_eq(wan_link_next(&link), 13 * SIM_MS + 1);
    wan_link_deinit(&link);
}
