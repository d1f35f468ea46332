/* Goal: TFTP over packet lines takes the round trips that RFC 1350 and 7440 say, mends what the
 * line loses, and tells the phones what sim/live would. Method: phones that only fetch; times are
 * held against counted round trips and bytes; faults by hand at given instants. */
#include "tests/unit/sim_virtual/packet_rig.h"

static struct rig r;

static void tftp_init(uint64_t bit_s, sim_duration rtt, uint32_t phones)
{
    rig_init(&r, bit_s, rtt, 1000, phones);
    for (uint32_t i = 0; i < phones; i++) {
        r.phones[i].protocol = SIM_PROTOCOL_TFTP;
        r.phones[i].paths[0] = "f";
    }
}

static const struct outcome *only_outcome(uint32_t phone)
{
    cr_assert_eq(r.phones[phone].results_len, 1);
    return &r.phones[phone].results[0];
}

static void assert_right(uint32_t phone, uint64_t bytes)
{
    const struct outcome *o = only_outcome(phone);

    cr_assert_eq(o->status, 0, "%d: %s", o->status, o->reason);
    cr_assert_eq(o->bytes, bytes);
}

static void assert_nothing_left(void)
{
    cr_assert_eq(pool_used(&r.v->packet->transfers), 0);
    cr_assert_eq(pool_used(&r.v->packet->datagrams), 0);
    cr_assert_eq(pool_used(&r.v->fetches), 0);
    cr_assert_eq(r.v->server.transfers, 0);
}

static void assert_near(double seconds, double wanted, double within)
{
    double error = seconds / wanted - 1;

    cr_assert(error < within && error > -within, "%.3f s, wanted %.3f s", seconds, wanted);
}

static double took(uint32_t phone)
{
    return (double)only_outcome(phone)->at / 1e9;
}

/* Seconds of one datagram on the line: payload, IPv4, UDP, framing. */
static double line_s(double payload, double bit_s)
{
    return (payload + 28 + 2) * 8 / bit_s;
}

/* ---- Time ---- */

Test(tftp_way, lock_step_takes_a_round_trip_a_block)
{
    const double bit_s = 1536000, trips = 15877;

    tftp_init(1536000, 150 * SIM_MS, 1);
    rig_file(&r, "f", 8127234);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 8127234);
    assert_near(took(0), trips * (0.15 + line_s(516, bit_s) + line_s(4, bit_s)), 0.01);
    struct sim_site_stats stats = rig_stats(&r, 0);
    cr_assert_eq(stats.wan_payload_bytes, 8127234);
    cr_assert_eq(stats.wan_resent_bytes, 0);
    /* 15,874 blocks, the last of 258 bytes. */
    cr_assert_eq(stats.wan_bytes, 8127234 + 15874 * 34);
    cr_assert_eq(r.v->server.stats.payload_bytes, 8127234);
    cr_assert_lt(r.v->chunks.bytes, 100000); /* 15,874 ACKs were not all kept */
    rig_deinit(&r);
}

static void windows(uint16_t window, uint16_t block_size)
{
    const double bit_s = 10000000;
    const uint64_t size = 1000000;
    const double blocks = (double)(size / block_size + 1);

    tftp_init(10000000, 50 * SIM_MS, 1);
    r.server.window = window;
    r.server.block_size = block_size;
    rig_file(&r, "f", size);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, size);
    /* The OACK's round trip, then one a window. */
    double trips = 1 + blocks / window;
    assert_near(took(0), trips * (0.05 + line_s(4, bit_s)) + blocks * line_s(block_size + 4, bit_s),
                0.01);
    rig_deinit(&r);
}

Test(tftp_way, a_window_takes_a_round_trip)
{
    windows(4, 512);
    windows(16, 1456);
    windows(1, 1024);
}

Test(tftp_way, block_numbers_go_round)
{
    tftp_init(100000000, SIM_MS, 1);
    r.server.block_size = 8;
    rig_file(&r, "f", 8 * 65536 + 100);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 8 * 65536 + 100);
    rig_deinit(&r);
}

Test(tftp_way, large_blocks_travel_in_fragments)
{
    tftp_init(10000000, 10 * SIM_MS, 1);
    r.server.block_size = 8192;
    rig_file(&r, "f", 81920);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 81920);
    /* 10 blocks of 6 fragments each, an empty one, an OACK. */
    uint64_t blocks = 10 * (8192 + 4 + 8 + 6 * 22) + 34;
    uint64_t bytes = rig_stats(&r, 0).wan_bytes;
    cr_assert(bytes > blocks + 30 && bytes < blocks + 100, "%lu", (unsigned long)bytes);
    rig_deinit(&r);
}

Test(tftp_way, an_empty_file_is_one_empty_block)
{
    tftp_init(10000000, 10 * SIM_MS, 1);
    rig_file(&r, "f", 0);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 0);
    assert_near(took(0), 0.01, 0.02);
    rig_deinit(&r);
}

Test(tftp_way, an_uplink_gives_transfers_turns)
{
    tftp_init(10000000, 10 * SIM_MS, 2);
    r.sites_len = 2;
    r.server.window = 64;
    r.server.uplink_bit_s = 1000000;
    rig_file(&r, "f", 512 * 200);
    cr_assert_eq(rig_run(&r), 0);
    for (uint32_t i = 0; i < 2; i++) {
        assert_right(i, 512 * 200);
        assert_near(took(i), 2 * 200 * (516 + 28) * 8 / 1e6, 0.05);
    }
    cr_assert_eq(r.v->server.stats.payload_bytes, 2 * 512 * 200);
    rig_deinit(&r);
}

/* ---- Loss ---- */

static uint64_t lossy(uint64_t seed, uint16_t window)
{
    const uint64_t size = 300000;

    tftp_init(10000000, 20 * SIM_MS, 3);
    r.seed = seed;
    r.server.window = window;
    r.server.timeout = SIM_S;
    r.sites[0].wan.loss_ppm = 20000;
    rig_file(&r, "f", size);
    r.hand.deeds[0] = (struct deed){.at = 200 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_right(i, size);
    }
    /* 2 % of 586 blocks of each are lost: 12, and each is sent again once or twice; with a window
     * all behind it too. */
    uint64_t again = (r.v->server.stats.payload_bytes - 3 * size) / 512;
    uint64_t drops = rig_stats(&r, 0).wan_drops;
    cr_assert(drops > 15 && drops < 80, "%lu", (unsigned long)drops);
    cr_assert(again >= 12 && again <= drops * (window + 1), "%lu", (unsigned long)again);
    cr_assert_eq(rig_stats(&r, 0).wan_payload_bytes, 3 * size);
    assert_nothing_left();
    uint64_t hash = rig_hash(&r);
    rig_deinit(&r);
    return hash;
}

Test(tftp_way, what_the_line_loses_is_sent_again)
{
    lossy(1, 1);
    lossy(2, 8);
}

Test(tftp_way, equal_seeds_give_equal_hashes_and_others_do_not)
{
    uint64_t hash = lossy(7, 4);

    cr_assert_eq(lossy(7, 4), hash);
    cr_assert_neq(lossy(8, 4), hash);
}

Test(tftp_way, a_full_queue_drops_and_windows_recover)
{
    tftp_init(1000000, 20 * SIM_MS, 1);
    r.sites[0].wan.queue.limit = 10;
    r.server.window = 32;
    rig_file(&r, "f", 200000);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 200000);
    cr_assert_gt(rig_stats(&r, 0).wan_drops, 0);
    rig_deinit(&r);
}

/* ---- What the server says ---- */

Test(tftp_way, what_is_not_there_is_error_1_and_what_is_above_error_2)
{
    tftp_init(10000000, 20 * SIM_MS, 2);
    r.phones[0].paths[0] = "nothing";
    r.phones[1].paths[0] = "../f";
    r.hand.deeds[0] = (struct deed){.at = 30 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(only_outcome(0)->status, SIM_ENOTFOUND);
    cr_assert_eq(only_outcome(0)->code, 1);
    cr_assert_str_eq(only_outcome(0)->reason, "TFTP error 1 (File not found) from server");
    assert_near(took(0), 0.02, 0.02);
    cr_assert_eq(only_outcome(1)->status, SIM_EACCES);
    cr_assert_eq(only_outcome(1)->code, 2);
    assert_nothing_left();
    rig_deinit(&r);
}

Test(tftp_way, a_full_server_is_error_0_and_its_place_is_free_when_all_was_acknowledged)
{
    tftp_init(10000000, 20 * SIM_MS, 3);
    r.server.max_transfers = 1;
    r.phones[1].start = 10 * SIM_MS;
    r.phones[2].start = 500 * SIM_MS;
    rig_file(&r, "f", 5120);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 5120);
    cr_assert_eq(only_outcome(1)->status, SIM_EBUSY);
    cr_assert_eq(only_outcome(1)->code, 0);
    assert_right(2, 5120);
    cr_assert_eq(r.v->server.stats.refused, 1);
    rig_deinit(&r);
}

Test(tftp_way, a_lost_error_is_said_again)
{
    tftp_init(10000000, 20 * SIM_MS, 1);
    r.phones[0].paths[0] = "nothing";
    r.hand.deeds[0] = (struct deed){.at = 15 * SIM_MS, .act = wan_down};
    r.hand.deeds[1] = (struct deed){.at = 2 * SIM_S, .act = wan_up};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(only_outcome(0)->status, SIM_ENOTFOUND);
    assert_near(took(0), 4.02, 0.001);
    rig_deinit(&r);
}

/* ---- Copies ---- */

Test(tftp_way, a_copy_in_part_is_sent_all_again_and_counted_as_resent)
{
    tftp_init(1000000, 20 * SIM_MS, 1);
    r.phones[0].again = true;
    r.phones[0].pause = SIM_S;
    r.server.stall = 5 * SIM_S;
    rig_file(&r, "f", 100000);
    r.hand.deeds[0] = (struct deed){.at = 2 * SIM_S, .act = wan_down};
    r.hand.deeds[1] = (struct deed){.at = 8 * SIM_S, .act = wan_up};
    cr_assert_eq(rig_run(&r), 0);
    const struct phone *p = &r.phones[0];
    cr_assert_eq(p->results_len, 2);
    cr_assert_eq(p->results[0].status, SIM_ESTALLED, "%d", p->results[0].status);
    cr_assert_eq(p->results[1].status, 0);
    cr_assert_eq(p->results[1].bytes, 100000);
    uint64_t had = p->results[0].bytes;
    cr_assert(had > 20000 && had < 60000, "%lu", (unsigned long)had);
    struct sim_site_stats stats = rig_stats(&r, 0);
    cr_assert_eq(stats.wan_resent_bytes, had);
    cr_assert_eq(stats.wan_payload_bytes, 100000 + had);
    rig_deinit(&r);
}

Test(tftp_way, progress_is_told_and_the_copy_grows_with_it)
{
    tftp_init(10000000, 20 * SIM_MS, 1);
    r.phones[0].notify_every = 10000;
    rig_file(&r, "f", 51200);
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 51200);
    cr_assert_eq(r.phones[0].progresses, 5);
    assert_near((double)only_outcome(0)->first_byte / 1e9, 0.02, 0.05);
    rig_deinit(&r);
}

/* ---- What breaks ---- */

Test(tftp_way, a_server_that_is_down_is_asked_until_patience_ends)
{
    tftp_init(10000000, 20 * SIM_MS, 1);
    r.server.timeout = SIM_S;
    r.server.retries = 3;
    rig_file(&r, "f", 5120);
    r.hand.deeds[0] = (struct deed){.at = 1, .act = server_down};
    r.hand.deeds[1] = (struct deed){.at = 100 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(only_outcome(0)->status, SIM_ETIMEDOUT);
    cr_assert_eq(only_outcome(0)->code, -1);
    cr_assert_str_eq(only_outcome(0)->reason, "no answer from server after 4 tries");
    assert_near(took(0), 1 + 2 + 4 + 4, 0.001);
    cr_assert_eq(r.v->server.stats.requests, 0);
    cr_assert_eq(rig_stats(&r, 0).wan_bytes, 0);
    assert_nothing_left();
    rig_deinit(&r);
}

Test(tftp_way, silence_from_the_start_is_a_time_out_even_when_the_stall_comes_first)
{
    tftp_init(10000000, 20 * SIM_MS, 1);
    r.server.stall = 2 * SIM_S;
    rig_file(&r, "f", 5120);
    r.hand.deeds[0] = (struct deed){.at = 1, .act = server_down};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(only_outcome(0)->status, SIM_ETIMEDOUT);
    assert_near(took(0), 2, 0.001);
    rig_deinit(&r);
}

static struct sim_site_stats noted;

static void note_stats(struct sim_world *w, void *what)
{
    (void)what;
    sim_world_site_stats(w, 0, &noted);
}

Test(tftp_way, a_server_that_comes_back_goes_on)
{
    tftp_init(10000000, 20 * SIM_MS, 1);
    rig_file(&r, "f", 51200);
    r.hand.deeds[0] = (struct deed){.at = SIM_S, .act = server_down};
    r.hand.deeds[1] = (struct deed){.at = 8 * SIM_S - 1, .act = note_stats};
    r.hand.deeds[2] = (struct deed){.at = 8 * SIM_S, .act = server_up};
    r.hand.deeds[3] = (struct deed){.at = 100 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 51200);
    /* It says nothing while it is down, not even again: 4 s, and 8 s more, and what was left. */
    cr_assert_lt(noted.wan_last, SIM_S + 20 * SIM_MS);
    assert_near(took(0), 14, 0.05);
    assert_nothing_left();
    rig_deinit(&r);
}

Test(tftp_way, a_transfer_is_forgotten_when_its_last_ack_has_come)
{
    tftp_init(10000000, 20 * SIM_MS, 1);
    rig_file(&r, "f", 5120);
    r.hand.deeds[0] = (struct deed){.at = 300 * SIM_MS};
    cr_assert_eq(rig_run(&r), 0);
    assert_right(0, 5120);
    assert_nothing_left();
    rig_deinit(&r);
}

Test(tftp_way, a_line_that_stays_down_ends_it)
{
    tftp_init(10000000, 20 * SIM_MS, 1);
    rig_file(&r, "f", 512000);
    r.hand.deeds[0] = (struct deed){.at = SIM_S, .act = wan_down};
    r.hand.deeds[1] = (struct deed){.at = 500 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(only_outcome(0)->status, SIM_ESTALLED);
    assert_near(took(0), 61, 0.001);
    assert_nothing_left();
    rig_deinit(&r);
}

Test(tftp_way, a_phone_that_falls_or_cancels_leaves_nothing_behind)
{
    tftp_init(10000000, 20 * SIM_MS, 3);
    r.server.window = 4;
    rig_file(&r, "f", 512000);
    r.hand.deeds[0] = (struct deed){.at = 600 * SIM_MS, .act = phone_down, .what = &r.phones[0]};
    r.hand.deeds[1] = (struct deed){.at = 601 * SIM_MS, .act = phone_cancels, .what = &r.phones[1]};
    r.hand.deeds[2] = (struct deed){.at = 100 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(r.phones[0].results_len, 0);
    cr_assert_eq(r.phones[1].results_len, 0);
    assert_right(2, 512000);
    assert_nothing_left();
    rig_deinit(&r);
}

Test(tftp_way, a_name_too_long_for_a_request_fails)
{
    char name[SIM_WORLD_PATH_MAX];

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    tftp_init(10000000, 20 * SIM_MS, 1);
    r.phones[0].paths[0] = name;
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(only_outcome(0)->status, SIM_EINVAL);
    assert_nothing_left();
    rig_deinit(&r);
}
