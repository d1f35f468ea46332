/* Goal: places are given in order and never too many; the uplink gives no credit for idle time.
 * Method: instants. */
#include <criterion/criterion.h>

#include "sim/server/places.h"

Test(server_places, without_a_limit_everybody_gets_one)
{
    struct sim_server_places p = {.max = 0};
    struct sim_server_node node = {0};
    for (uint32_t i = 1; i <= 1000; i++) {
        cr_assert_eq(sim_server_places_ask(&p, &node), SIM_SERVER_PLACE_GRANTED);
        cr_assert_eq(p.active, i);
    }
    sim_server_places_release(&p);
    cr_assert_eq(p.active, 999);
    cr_assert_eq(p.peak, 1000);
    cr_assert_null(sim_server_places_take(&p));
}

Test(server_places, refuse_says_no_at_the_limit_and_yes_after_a_release)
{
    struct sim_server_places p = {.max = 2, .overflow = SIM_OVERFLOW_REFUSE};
    struct sim_server_node node = {0};
    cr_assert_eq(sim_server_places_ask(&p, &node), SIM_SERVER_PLACE_GRANTED);
    cr_assert_eq(sim_server_places_ask(&p, &node), SIM_SERVER_PLACE_GRANTED);
    cr_assert_eq(sim_server_places_ask(&p, &node), SIM_SERVER_PLACE_REFUSED);
    cr_assert_eq(p.refused, 1);
    sim_server_places_release(&p);
    cr_assert_eq(sim_server_places_ask(&p, &node), SIM_SERVER_PLACE_GRANTED);
    cr_assert_eq(p.peak, 2);
}

Test(server_places, queue_gives_places_first_come_first_served)
{
    struct sim_server_places p = {.max = 1, .overflow = SIM_OVERFLOW_QUEUE};
    struct sim_server_node nodes[5] = {{0}}, newcomer = {0};
    cr_assert_eq(sim_server_places_ask(&p, &nodes[0]), SIM_SERVER_PLACE_GRANTED);
    for (int i = 1; i < 5; i++) {
        cr_assert_eq(sim_server_places_ask(&p, &nodes[i]), SIM_SERVER_PLACE_QUEUED);
    }
    cr_assert_null(sim_server_places_take(&p), "no place is free");
    sim_server_node_leave(&nodes[2]); /* gives up */
    sim_server_node_leave(&nodes[2]); /* twice is fine */
    sim_server_places_release(&p);
    cr_assert_eq(sim_server_places_ask(&p, &newcomer), SIM_SERVER_PLACE_QUEUED,
                 "nobody overtakes, even when a place is free");
    cr_assert_eq(sim_server_places_take(&p), &nodes[1]);
    cr_assert_null(sim_server_places_take(&p));
    sim_server_places_release(&p);
    cr_assert_eq(sim_server_places_take(&p), &nodes[3]);
    sim_server_places_release(&p);
    cr_assert_eq(sim_server_places_take(&p), &nodes[4]);
    sim_server_places_release(&p);
    cr_assert_eq(sim_server_places_take(&p), &newcomer);
    sim_server_places_release(&p);
    cr_assert_null(sim_server_places_take(&p));
    cr_assert(p.active == 0 && p.peak == 1 && p.queued == 5 && p.refused == 0);
}

Test(server_places, the_queue_is_bounded)
{
    static struct sim_server_node nodes[SIM_SERVER_WAITING_MAX + 2];
    struct sim_server_places p = {.max = 1, .overflow = SIM_OVERFLOW_QUEUE};
    for (int i = 0; i <= SIM_SERVER_WAITING_MAX; i++) {
        cr_assert_neq(sim_server_places_ask(&p, &nodes[i]), SIM_SERVER_PLACE_REFUSED, "%d", i);
    }
    cr_assert_eq(sim_server_places_ask(&p, &nodes[SIM_SERVER_WAITING_MAX + 1]),
                 SIM_SERVER_PLACE_REFUSED);
}

Test(server_line, gives_out_what_is_due_to_the_nanosecond)
{
    struct sim_server_line line = {0};
    struct sim_server_node a = {0}, b = {0}, c = {0};
    cr_assert_eq(sim_server_line_due(&line), SIM_NEVER);
    sim_server_line_push(&line, &a, 10);
    sim_server_line_push(&line, &b, 10);
    sim_server_line_push(&line, &c, 20);
    cr_assert_eq(sim_server_line_due(&line), 10);
    cr_assert_null(sim_server_line_take(&line, 9));
    cr_assert_eq(sim_server_line_take(&line, 10), &a);
    cr_assert_eq(sim_server_line_take(&line, 10), &b);
    cr_assert_null(sim_server_line_take(&line, 19));
    cr_assert_eq(sim_server_line_take(&line, 20), &c);
    cr_assert_eq(line.len, 0);
}

Test(server_uplink, without_a_limit_nothing_waits)
{
    struct sim_server_uplink u = {.bit_s = SIM_RATE_NONE};
    cr_assert_eq(sim_server_uplink_take(&u, 5, UINT64_C(1) << 40), 5);
    cr_assert_eq(sim_server_uplink_take(&u, 6, UINT64_C(1) << 40), 6);
}

Test(server_uplink, sends_at_its_rate_and_at_most_the_lead_early)
{
    struct sim_server_uplink u = {.bit_s = 8000000}; /* 1 byte a microsecond */
    sim_time start = 100 * SIM_S;
    cr_assert_eq(sim_server_uplink_take(&u, start, 1000), start, "an idle line sends at once");
    cr_assert_eq(sim_server_uplink_take(&u, start, 1000), start, "1 ms ahead is within the lead");
    for (int i = 2; i < 100; i++) {
        sim_time want = start + (sim_time)i * SIM_MS;
        want = want > start + SIM_SERVER_UPLINK_LEAD ? want - SIM_SERVER_UPLINK_LEAD : start;
        cr_assert_eq(sim_server_uplink_take(&u, start, 1000), want, "%d", i);
    }
    cr_assert_eq(u.free, start + 100 * SIM_MS);
}

Test(server_uplink, idle_time_earns_nothing)
{
    struct sim_server_uplink u = {.bit_s = 8000000};
    sim_server_uplink_take(&u, 1 * SIM_S, 1000);
    sim_server_uplink_take(&u, 60 * SIM_S, 1000);
    cr_assert_eq(u.free, 60 * SIM_S + SIM_MS);
}

Test(server_uplink, counts_the_headers_of_every_segment)
{
    cr_assert_eq(sim_server_uplink_tcp(0), 0);
    cr_assert_eq(sim_server_uplink_tcp(1), 53);
    cr_assert_eq(sim_server_uplink_tcp(1448), 1500);
    cr_assert_eq(sim_server_uplink_tcp(1449), 1449 + 104);
    struct sim_server_uplink slow = {.bit_s = 64000}, fast = {.bit_s = 1000000000};
    cr_assert_eq(sim_server_uplink_chunk(&slow), 1448);
    cr_assert_eq(sim_server_uplink_chunk(&fast), 11 * 1448);
}
