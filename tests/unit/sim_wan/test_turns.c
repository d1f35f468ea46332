/* Goal: senders held to a few segments take turns at a line, and one alone still fills it. Method:
 * equal flows that begin one after another, with and without the limit. */
#include <criterion/criterion.h>

#include "sim/wan/wan.h"

enum { FLOWS = 8, SIZE = 400000 };

/* Each flow's end, the flows beginning 20 ms apart. */
static void run(uint32_t window_max, unsigned flows, sim_time *ends)
{
    struct sim_wan_config config = {
        .line = {.down_bit_s = 8000000, /* 1 us a byte */
                 .up_bit_s = 8000000,
                 .rtt = 200 * SIM_US,
                 .queue = {SIM_QUEUE_PACKETS, 1000}},
        .flows_max = FLOWS,
        .window_max = window_max,
        .seed = 7,
    };
    struct sim_wan *wan;
    uint64_t left[FLOWS];
    unsigned opened = 0, done = 0;

    cr_assert_eq(sim_wan_new(&wan, &config), 0);
    for (sim_time now = 0; done < flows; now += SIM_MS) {
        struct sim_wan_event e;

        cr_assert_lt(now, 60 * SIM_S);
        if (opened < flows && now >= opened * 20 * SIM_MS) {
            sim_wan_flow flow;

            left[opened] = SIZE;
            cr_assert_eq(sim_wan_open(wan, opened++, now, &flow), 0);
            sim_wan_offer(wan, flow, SIM_WAN_DOWN, SIZE, now);
        }
        sim_wan_tick(wan, now);
        while (sim_wan_take_event(wan, &e)) {
            if (e.kind == SIM_WAN_DELIVERED) {
                left[e.user] -= e.bytes;
                if (left[e.user] == 0) {
                    ends[e.user] = now;
                    done++;
                }
            }
        }
    }
    sim_wan_free(wan);
}

Test(turns, one_limited_flow_fills_the_line)
{
    sim_time free_end, limited_end;

    run(0, 1, &free_end);
    run(10, 1, &limited_end);
    cr_assert_leq(limited_end, free_end + 5 * SIM_MS, "%llu us, without the limit %llu us",
                  (unsigned long long)(limited_end / SIM_US),
                  (unsigned long long)(free_end / SIM_US));
}

Test(turns, limited_flows_end_as_they_began)
{
    sim_time ends[FLOWS], first = SIM_NEVER, last = 0;

    run(10, FLOWS, ends);
    for (unsigned i = 0; i < FLOWS; i++) {
        first = ends[i] < first ? ends[i] : first;
        last = ends[i] > last ? ends[i] : last;
    }
    /* The first is 20 x (1 + 1/2 + ... + 1/7) = 52 KB ahead of the last when that one comes; at an
     * eighth of the line that is 0.41 s. */
    cr_assert_leq(last - first, 600 * SIM_MS, "they end within %llu ms",
                  (unsigned long long)((last - first) / SIM_MS));
    run(0, FLOWS, ends);
    first = SIM_NEVER;
    for (unsigned i = 0; i < FLOWS; i++) {
        first = ends[i] < first ? ends[i] : first;
    }
    cr_assert_gt(last - first, 600 * SIM_MS, "without the limit they end within %llu ms as well",
                 (unsigned long long)((last - first) / SIM_MS));
}
