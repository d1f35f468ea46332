/* Goal: lines whose rate changes over time, in both networks, and the constants of the fluid one.
 * Method: phones that fetch files over lines made of steps; ends reckoned by hand, or those of a
 * plain line of the same rate. */
#include <math.h>

#include "tests/unit/sim_virtual/packet_rig.h"

static struct rig r;

enum { FILES = 4 };

static double seconds(sim_time t)
{
    return (double)t / 1e9;
}

static sim_time last_end(void)
{
    sim_time last = 0;

    for (uint32_t i = 0; i < r.phones_len; i++) {
        const struct phone *p = &r.phones[i];
        for (size_t k = 0; k < p->results_len; k++) {
            cr_assert_eq(p->results[k].status, 0, "%s", p->results[k].reason);
            last = p->results[k].at > last ? p->results[k].at : last;
        }
    }
    return last;
}

static void set_line(struct sim_capacity **made, const struct sim_capacity_step *steps, size_t len,
                     sim_duration period, bool both_ways)
{
    struct sim_wan_setup *wan = &r.sites[0].wan;

    cr_assert_eq(sim_capacity_new(made, steps, len, period, 0), 0);
    wan->down = (struct sim_wan_rate){*made, *made};
    wan->down_bit_s = sim_capacity_mean(*made);
    if (both_ways) {
        wan->up = wan->down;
        wan->up_bit_s = wan->down_bit_s;
    }
}

/* `phones` phones that fetch `files` files of `bytes` each; ends with the instant of the last. */
static sim_time run(enum sim_virtual_network network, enum sim_protocol protocol, uint32_t files,
                    uint64_t bytes)
{
    r.network = network;
    rig_file(&r, "f", bytes);
    for (uint32_t i = 0; i < r.phones_len; i++) {
        r.phones[i].protocol = protocol;
        r.phones[i].start = i * 50 * SIM_MS;
        for (uint32_t k = 0; k < files; k++) {
            r.phones[i].paths[k] = "f";
        }
    }
    cr_assert_eq(rig_run(&r), 0);
    return last_end();
}

static sim_time run_over(enum sim_virtual_network network, enum sim_protocol protocol,
                         const struct sim_capacity *capacity, uint64_t *hash)
{
    struct sim_virtual_usage usage;

    rig_init(&r, 2000000, 40 * SIM_MS, 100, 3);
    if (capacity != NULL) {
        r.sites[0].wan.down = r.sites[0].wan.up = (struct sim_wan_rate){capacity, capacity};
    }
    sim_time end = run(network, protocol, FILES, 100000);
    sim_virtual_usage(r.v, &usage);
    *hash = usage.trace_hash;
    rig_deinit(&r);
    return end;
}

/* A rate that never changes is a plain rate: the very same run in the fluid network; packets round
 * their nanoseconds less. Then one of a thousand equal steps, and one of steps of 5 ms of which
 * every other one carries double. */
static void is_as_good_as_plain(enum sim_virtual_network network, enum sim_protocol protocol)
{
    static struct sim_capacity_step equal[1000];
    const struct sim_capacity_step one = {0, 2000000};
    const struct sim_capacity_step comb[] = {{0, 4000000}, {5 * SIM_MS, 0}};
    struct sim_capacity *single, *many, *teeth;
    uint64_t hash, plain_hash;
    sim_time plain = run_over(network, protocol, NULL, &plain_hash);

    for (size_t i = 0; i < 1000; i++) {
        equal[i] = (struct sim_capacity_step){.at = i * 10 * SIM_MS, .bit_s = 2000000};
    }
    cr_assert_eq(sim_capacity_new(&single, &one, 1, SIM_NEVER, 0), 0);
    cr_assert_eq(sim_capacity_new(&many, equal, 1000, 10 * SIM_S, 0), 0);
    cr_assert_eq(sim_capacity_new(&teeth, comb, 2, 10 * SIM_MS, 0), 0);
    double want = seconds(plain);
    double got = seconds(run_over(network, protocol, single, &hash));
    cr_assert(fabs(got / want - 1) < 1e-6, "one step: %f s, plain %f s", got, want);
    cr_assert(network == SIM_VIRTUAL_PACKET || hash == plain_hash);
    got = seconds(run_over(network, protocol, many, &hash));
    cr_assert(fabs(got / want - 1) < 1e-6, "equal steps: %f s, plain %f s", got, want);
    got = seconds(run_over(network, protocol, teeth, &hash));
    /* TFTP waits for every block: what is not used meanwhile is lost to it. */
    cr_assert(protocol == SIM_PROTOCOL_TFTP || fabs(got / want - 1) < 0.01,
              "on and off: %f s, plain %f s", got, want);
    sim_capacity_free(single);
    sim_capacity_free(many);
    sim_capacity_free(teeth);
}

Test(capacity, of_one_rate_is_a_plain_line_of_packets)
{
    is_as_good_as_plain(SIM_VIRTUAL_PACKET, SIM_PROTOCOL_HTTP);
    is_as_good_as_plain(SIM_VIRTUAL_PACKET, SIM_PROTOCOL_TFTP);
}

Test(capacity, of_one_rate_is_a_plain_fluid_line)
{
    is_as_good_as_plain(SIM_VIRTUAL_FLUID, SIM_PROTOCOL_HTTP);
    is_as_good_as_plain(SIM_VIRTUAL_FLUID, SIM_PROTOCOL_TFTP);
}

/* 1 Mbit/s for 10 s, then 250 kbit/s. 2,000,000 bytes are 1382 segments, 2,074,628 bytes on the
 * line with their headers and framing, and the answer's head: 1,250,000 of them by 10 s, the rest
 * at a quarter of the rate: 36.4 s, and the start. */
static void steps_down(enum sim_virtual_network network, double within)
{
    const struct sim_capacity_step steps[] = {{0, 1000000}, {10 * SIM_S, 250000}};
    const double line = 2000000 + 1382 * 54, want = 10 + (line * 8 - 10e6) / 250e3;
    struct sim_capacity *made;

    rig_init(&r, 1, 20 * SIM_MS, 100, 1);
    set_line(&made, steps, 2, SIM_NEVER, true);
    double got = seconds(run(network, SIM_PROTOCOL_HTTP, 1, 2000000));
    cr_assert(fabs(got / want - 1) < within, "%.3f s, by hand %.3f s", got, want);

    struct sim_site_stats stats;
    sim_virtual_site_stats(r.v, 0, &stats);
    cr_assert(fabs((double)stats.wan_peak_bit_s / 1e6 - 1) < 0.02, "%f Mbit/s in the best second",
              (double)stats.wan_peak_bit_s / 1e6);
    cr_assert(fabs(seconds(stats.wan_busy) / got - 1) < 0.02, "busy for %f s of %f",
              seconds(stats.wan_busy), got);
    rig_deinit(&r);
    sim_capacity_free(made);
}

Test(capacity, a_line_that_gets_slower_ends_when_reckoned)
{
    steps_down(SIM_VIRTUAL_FLUID, 0.005);
    steps_down(SIM_VIRTUAL_PACKET, 0.02);
}

/* A second of 800 kbit/s, four of nothing: 100 kB a period, less headers. */
static void waits_for_the_line(enum sim_virtual_network network, enum sim_protocol protocol)
{
    const struct sim_capacity_step steps[] = {{0, 800000}, {SIM_S, 0}};
    struct sim_capacity *made;

    rig_init(&r, 1, 10 * SIM_MS, 100, 2);
    r.server.block_size = 1428;
    r.server.window = 8;
    set_line(&made, steps, 2, 5 * SIM_S, false);
    r.sites[0].wan.up_bit_s = 800000;
    double got = seconds(run(network, protocol, 1, 110000)); /* two: 220 kB of payload */
    /* Two full seconds at the least, so the third period; a packet's retransmissions may need the
     * fourth. */
    cr_assert(got > 10 && got < 17, "%.3f s", got);
    rig_deinit(&r);
    sim_capacity_free(made);
}

Test(capacity, nothing_passes_while_the_rate_is_nothing)
{
    waits_for_the_line(SIM_VIRTUAL_FLUID, SIM_PROTOCOL_HTTP);
    waits_for_the_line(SIM_VIRTUAL_FLUID, SIM_PROTOCOL_TFTP);
    waits_for_the_line(SIM_VIRTUAL_PACKET, SIM_PROTOCOL_HTTP);
    waits_for_the_line(SIM_VIRTUAL_PACKET, SIM_PROTOCOL_TFTP);
}

/* Lock-step TFTP on a line that gets ten times slower: its cap follows. 512-byte blocks: 546 bytes
 * on the line and an ACK of 34 a round trip of 50 ms. 400 of them before 40 s or so. */
Test(capacity, lock_step_follows_the_rate)
{
    const struct sim_capacity_step steps[] = {{0, 1000000}, {20 * SIM_S, 50000}};
    const double fast = 0.05 + 580 * 8 / 1e6, slow = 0.05 + 546 * 8 / 50e3 + 34 * 8 / 1e6;
    const double blocks = 600, want = 20 + (blocks - 20 / fast) * slow;
    struct sim_capacity *made;

    for (int network = 0; network < 2; network++) {
        rig_init(&r, 1, 50 * SIM_MS, 100, 1);
        set_line(&made, steps, 2, SIM_NEVER, false);
        r.sites[0].wan.up_bit_s = 1000000;
        double got =
            seconds(run((enum sim_virtual_network)network, SIM_PROTOCOL_TFTP, 1, 600 * 512 - 1));
        cr_assert(fabs(got / want - 1) < 0.01, "%.3f s, by hand %.3f s", got, want);
        rig_deinit(&r);
        sim_capacity_free(made);
    }
}

/* ---- The constants of the fluid network ---- */

static double fluid_took(struct sim_fluid_setup fluid, enum sim_protocol protocol)
{
    rig_init(&r, 1000000, 40 * SIM_MS, 100, 1);
    r.fluid = fluid;
    double got = seconds(run(SIM_VIRTUAL_FLUID, protocol, FILES, 100000));
    rig_deinit(&r);
    return got;
}

Test(capacity, constants_do_what_they_say)
{
    const struct sim_fluid_setup none = {0};
    const double plain = fluid_took(none, SIM_PROTOCOL_HTTP);
    const double tftp = fluid_took(none, SIM_PROTOCOL_TFTP);
    const double sending = FILES * (100000 + 70 * 54) * 8 / 1e6;

    double got = fluid_took((struct sim_fluid_setup){.goodput_ppm = 1000000}, SIM_PROTOCOL_HTTP);
    cr_assert_eq(got, plain, "all of the rate is the default");
    got = fluid_took((struct sim_fluid_setup){.goodput_ppm = 800000}, SIM_PROTOCOL_HTTP);
    cr_assert(fabs(got - plain - sending / 4) < 0.1, "a fifth less: %f s, %f s", plain, got);
    got = fluid_took((struct sim_fluid_setup){.startup = 100 * SIM_MS}, SIM_PROTOCOL_HTTP);
    cr_assert(fabs(got - plain - 0.1 * FILES) < 1e-6, "0.1 s a file: %f s, %f s", plain, got);
    got = fluid_took((struct sim_fluid_setup){.startup = 100 * SIM_MS}, SIM_PROTOCOL_TFTP);
    cr_assert_eq(got, tftp, "TFTP has no start-up");
    got = fluid_took((struct sim_fluid_setup){.tftp_packet = SIM_MS}, SIM_PROTOCOL_TFTP);
    cr_assert(fabs(got - tftp - 0.001 * 196 * FILES) < 1e-3, "1 ms a block: %f s, %f s", tftp, got);
    got = fluid_took((struct sim_fluid_setup){.tftp_packet = SIM_MS}, SIM_PROTOCOL_HTTP);
    cr_assert_eq(got, plain, "blocks are TFTP's");
}
