/* Goal: HTTP over packet lines takes as long as Linux's TCP, tells the phones what sim/live would,
 * and leaves nothing behind. Method: phones that only fetch, on lines of the reference runs and on
 * simple ones; faults by hand at given instants; what is left is looked up inside. */
#include "tests/unit/sim_virtual/packet_rig.h"

static struct rig r;

static void want(struct phone *p, const char *path, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        p->paths[i] = path;
    }
}

static double seconds(sim_time at)
{
    return (double)at / 1e9;
}

static sim_time ended_at(const struct phone *p)
{
    return p->results_len > 0 ? p->results[p->results_len - 1].at : SIM_NEVER;
}

static void assert_all_right(const struct phone *p, size_t times, uint64_t bytes)
{
    cr_assert_eq(p->results_len, times, "%zu results", p->results_len);
    for (size_t i = 0; i < times; i++) {
        cr_assert_eq(p->results[i].status, 0, "%d: %s", p->results[i].status, p->results[i].reason);
        cr_assert_eq(p->results[i].bytes, bytes);
    }
}

/* ---- As long as Linux ---- */

static void as_long_as_linux(uint64_t bit_s, sim_duration rtt, uint32_t packets, uint32_t phones,
                             size_t files, uint64_t bytes, double mean_s, double within)
{
    double sum = 0;

    rig_init(&r, bit_s, rtt, packets, phones);
    r.server.keep_alive = false;
    rig_file(&r, "f", bytes);
    for (uint32_t i = 0; i < phones; i++) {
        want(&r.phones[i], "f", files);
        r.phones[i].start = i * 10 * SIM_US;
    }
    cr_assert_eq(rig_run(&r), 0);
    for (uint32_t i = 0; i < phones; i++) {
        assert_all_right(&r.phones[i], files, bytes);
        sum += seconds(ended_at(&r.phones[i]));
    }
    double error = sum / phones / mean_s - 1;
    cr_assert(error < within && error > -within, "%.3f s, Linux %.3f s", sum / phones, mean_s);
    rig_deinit(&r);
}

Test(packet, one_phone_on_10_mbit_s_takes_as_long_as_linux)
{
    as_long_as_linux(10000000, 80 * SIM_MS, 100, 1, 4, 500000, 2.951, 0.05);
}

Test(packet, one_phone_on_50_mbit_s_takes_as_long_as_linux)
{
    as_long_as_linux(50000000, 20 * SIM_MS, 200, 1, 5, 1600000, 1.764, 0.05);
}

Test(packet, five_phones_take_as_long_as_linux_on_average)
{
    as_long_as_linux(10000000, 80 * SIM_MS, 100, 5, 4, 500000, 8.105, 0.10);
}

Test(packet, fifteen_phones_on_a_long_queue_take_as_long_as_linux)
{
    as_long_as_linux(10000000, 80 * SIM_MS, 1000, 15, 4, 500000, 25.122, 0.05);
}

/* ---- Connections ---- */

static sim_time four_small_files(bool keep_alive, sim_duration pause, enum sim_protocol protocol,
                                 struct sim_site_stats *stats)
{
    rig_init(&r, 100000000, 100 * SIM_MS, 100, 1);
    r.server.keep_alive = keep_alive;
    rig_file(&r, "f", 1000);
    want(&r.phones[0], "f", 4);
    r.phones[0].pause = pause;
    r.phones[0].protocol = protocol;
    cr_assert_eq(rig_run(&r), 0);
    assert_all_right(&r.phones[0], 4, 1000);
    *stats = rig_stats(&r, 0);
    sim_time took = ended_at(&r.phones[0]);
    rig_deinit(&r);
    return took;
}

static void assert_round_trips(sim_time took, uint32_t count)
{
    double trips = (double)took / (double)(100 * SIM_MS);

    cr_assert(trips >= count && trips < count + 0.1, "%.3f round trips", trips);
}

Test(packet, a_kept_connection_saves_a_round_trip_a_file)
{
    struct sim_site_stats stats;

    assert_round_trips(four_small_files(false, 0, SIM_PROTOCOL_HTTP, &stats), 8);
    assert_round_trips(four_small_files(true, 0, SIM_PROTOCOL_HTTP, &stats), 5);
}

Test(packet, https_takes_one_round_trip_more_a_connection)
{
    struct sim_site_stats plain, secure;

    assert_round_trips(four_small_files(false, 0, SIM_PROTOCOL_HTTPS, &secure), 12);
    assert_round_trips(four_small_files(true, 0, SIM_PROTOCOL_HTTPS, &secure), 6);
    four_small_files(true, 0, SIM_PROTOCOL_HTTP, &plain);
    cr_assert_eq(plain.wan_payload_bytes, 4000);
    cr_assert_eq(secure.wan_payload_bytes, 4000);
    cr_assert_gt(secure.wan_bytes, plain.wan_bytes + VIRTUAL_TLS_WELCOME);
    cr_assert_gt(secure.wan_up_bytes, plain.wan_up_bytes + VIRTUAL_TLS_HELLO);
}

Test(packet, a_connection_unused_for_a_second_is_given_back)
{
    struct sim_site_stats stats;
    sim_time quick = four_small_files(true, SIM_S - 1, SIM_PROTOCOL_HTTP, &stats);
    sim_time slow = four_small_files(true, SIM_S, SIM_PROTOCOL_HTTP, &stats);

    assert_round_trips(quick - 3 * (SIM_S - 1), 5);
    assert_round_trips(slow - 3 * SIM_S, 8);
}

Test(packet, connections_go_when_they_have_ended)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 3);
    rig_file(&r, "f", 100000);
    for (uint32_t i = 0; i < 3; i++) {
        want(&r.phones[i], "f", 2);
    }
    r.hand.deeds[0] = (struct deed){.at = 20 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(pool_used(&r.v->packet->conns), 0);
    cr_assert_eq(pool_used(&r.v->fetches), 0);
    cr_assert_eq(sim_wan_flows(r.v->sites[0].wan), 0);
    rig_deinit(&r);
}

/* ---- What the server says ---- */

Test(packet, a_file_that_is_not_there_is_404_and_the_connection_is_kept)
{
    rig_init(&r, 100000000, 100 * SIM_MS, 100, 1);
    rig_file(&r, "f", 1000);
    r.phones[0].paths[0] = "nothing";
    r.phones[0].paths[1] = "../up";
    r.phones[0].paths[2] = "f";
    cr_assert_eq(rig_run(&r), 0);
    const struct outcome *o = r.phones[0].results;
    cr_assert_eq(o[0].status, SIM_ENOTFOUND);
    cr_assert_eq(o[0].code, 404);
    cr_assert_str_eq(o[0].reason, "HTTP 404 from http://server/nothing");
    cr_assert_eq(o[1].status, SIM_EACCES);
    cr_assert_eq(o[1].code, 403);
    cr_assert_eq(o[2].status, 0);
    assert_round_trips(o[2].at, 4);
    rig_deinit(&r);
}

Test(packet, a_full_server_refuses)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 2);
    r.server.max_transfers = 1;
    rig_file(&r, "f", 500000);
    want(&r.phones[0], "f", 1);
    want(&r.phones[1], "f", 1);
    r.phones[1].start = 100 * SIM_MS;
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(r.phones[0].results[0].status, 0);
    cr_assert_eq(r.phones[1].results[0].status, SIM_EBUSY);
    cr_assert_eq(r.phones[1].results[0].code, 503);
    rig_deinit(&r);
}

Test(packet, a_full_server_lets_wait_and_the_next_begins_when_all_was_sent)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 3);
    r.server.max_transfers = 1;
    r.server.overflow = SIM_OVERFLOW_QUEUE;
    rig_file(&r, "f", 500000);
    for (uint32_t i = 0; i < 3; i++) {
        want(&r.phones[i], "f", 1);
        r.phones[i].start = i * SIM_MS;
    }
    cr_assert_eq(rig_run(&r), 0);
    for (uint32_t i = 0; i < 3; i++) {
        assert_all_right(&r.phones[i], 1, 500000);
        /* It leaves behind the last byte of the one before, not when that has arrived. */
        cr_assert(i == 0 ||
                  r.phones[i].results[0].first_byte < ended_at(&r.phones[i - 1]) + 10 * SIM_MS);
        cr_assert(i == 0 || ended_at(&r.phones[i]) > ended_at(&r.phones[i - 1]) + 300 * SIM_MS);
    }
    cr_assert_eq(r.v->server.stats.queued, 2);
    cr_assert_eq(r.v->server.stats.peak_transfers, 1);
    rig_deinit(&r);
}

Test(packet, the_server_takes_its_time_before_it_answers)
{
    struct sim_site_stats stats;
    sim_time quick = four_small_files(true, 0, SIM_PROTOCOL_HTTP, &stats);

    rig_init(&r, 100000000, 100 * SIM_MS, 100, 1);
    r.server.response_time = 7 * SIM_MS;
    rig_file(&r, "f", 1000);
    want(&r.phones[0], "f", 4);
    cr_assert_eq(rig_run(&r), 0);
    /* But for what an ACK takes that now goes by itself. */
    sim_time took = ended_at(&r.phones[0]);
    cr_assert(took > quick + 28 * SIM_MS - 50 * SIM_US && took < quick + 28 * SIM_MS + 50 * SIM_US);
    rig_deinit(&r);
}

Test(packet, an_uplink_shared_by_two_sites_binds)
{
    rig_init(&r, 10000000, 20 * SIM_MS, 100, 2);
    r.sites_len = 2;
    r.server.uplink_bit_s = 8000000;
    rig_file(&r, "f", 2000000);
    want(&r.phones[0], "f", 1);
    want(&r.phones[1], "f", 1);
    cr_assert_eq(rig_run(&r), 0);
    assert_all_right(&r.phones[0], 1, 2000000);
    assert_all_right(&r.phones[1], 1, 2000000);
    /* 4 MB at 8 Mbit/s, headers on top. */
    for (uint32_t i = 0; i < 2; i++) {
        double took = seconds(ended_at(&r.phones[i]));
        cr_assert(took > 4.1 && took < 4.35, "%.3f s", took);
    }
    rig_deinit(&r);
}

Test(packet, a_line_that_is_none_is_no_machines_business)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 2);
    r.sites_len = 2;
    r.sites[0].wan = (struct sim_wan_setup){.none = true};
    rig_file(&r, "f", 500000);
    want(&r.phones[0], "f", 2);
    want(&r.phones[1], "f", 2);
    cr_assert_eq(rig_run(&r), 0);
    assert_all_right(&r.phones[0], 2, 500000);
    assert_all_right(&r.phones[1], 2, 500000);
    cr_assert_lt(ended_at(&r.phones[0]), ended_at(&r.phones[1]));
    cr_assert_eq(rig_stats(&r, 0).wan_payload_bytes, 1000000);
    cr_assert_gt(rig_stats(&r, 0).wan_bytes, 1000000);
    rig_deinit(&r);
}

/* ---- What is counted ---- */

Test(packet, bytes_on_the_line_are_counted_as_packets)
{
    struct sim_site_stats stats;

    rig_init(&r, 10000000, 80 * SIM_MS, 1000, 1);
    r.server.keep_alive = false;
    rig_file(&r, "f", 144800);
    want(&r.phones[0], "f", 1);
    r.hand.deeds[0] = (struct deed){.at = 5 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    stats = rig_stats(&r, 0);
    cr_assert_eq(stats.wan_payload_bytes, 144800);
    cr_assert_eq(stats.wan_config_bytes, 0);
    cr_assert_eq(stats.wan_drops, 0);
    cr_assert_eq(stats.fetches, 1);
    cr_assert_eq(stats.fetches_peak, 1);
    /* SYN-ACK, 100 segments and one for the head's share, ACKs of the request and the end. */
    uint64_t least = 62 + 144800 + 101 * 54 + 100;
    cr_assert(stats.wan_bytes >= least && stats.wan_bytes < least + 400, "%lu, at least %lu",
              (unsigned long)stats.wan_bytes, (unsigned long)least);
    cr_assert_gt(stats.wan_up_bytes, 50 * 54);
    cr_assert_gt(stats.wan_busy, 115 * SIM_MS);
    cr_assert_gt(stats.wan_last, stats.wan_first);
    cr_assert_gt(stats.wan_peak_bit_s, 8 * 144800);
    rig_deinit(&r);
}

Test(packet, progress_is_told_and_the_copy_grows_with_it)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 1);
    rig_file(&r, "f", 500000);
    want(&r.phones[0], "f", 1);
    r.phones[0].notify_every = 100000;
    cr_assert_eq(rig_run(&r), 0);
    assert_all_right(&r.phones[0], 1, 500000);
    cr_assert(r.phones[0].progresses >= 4 && r.phones[0].progresses <= 5, "%u",
              r.phones[0].progresses);
    cr_assert_lt(r.phones[0].results[0].first_byte, 200 * SIM_MS);
    rig_deinit(&r);
}

/* ---- What breaks ---- */

Test(packet, a_line_that_comes_back_goes_on_where_it_was)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 1);
    rig_file(&r, "f", 1000000);
    want(&r.phones[0], "f", 1);
    r.hand.deeds[0] = (struct deed){.at = 600 * SIM_MS, .act = wan_down};
    r.hand.deeds[1] = (struct deed){.at = 5600 * SIM_MS, .act = wan_up};
    cr_assert_eq(rig_run(&r), 0);
    assert_all_right(&r.phones[0], 1, 1000000);
    cr_assert_gt(ended_at(&r.phones[0]), 5600 * SIM_MS);
    cr_assert_lt(ended_at(&r.phones[0]), 20 * SIM_S); /* the retransmission timer has doubled */
    cr_assert_gt(rig_stats(&r, 0).wan_drops, 0);
    rig_deinit(&r);
}

Test(packet, a_line_that_stays_down_ends_the_fetch_after_the_stall)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 1);
    r.server.stall = 10 * SIM_S;
    rig_file(&r, "f", 1000000);
    want(&r.phones[0], "f", 1);
    r.hand.deeds[0] = (struct deed){.at = 600 * SIM_MS, .act = wan_down};
    r.hand.deeds[1] = (struct deed){.at = 100 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    const struct outcome *o = r.phones[0].results;
    cr_assert_eq(o[0].status, SIM_ESTALLED, "%d", o[0].status);
    cr_assert(o[0].at > 10500 * SIM_MS && o[0].at < 10700 * SIM_MS);
    cr_assert(o[0].bytes > 100000 && o[0].bytes < 1000000);
    cr_assert_eq(rig_stats(&r, 0).wan_payload_bytes, o[0].bytes);
    cr_assert_eq(pool_used(&r.v->packet->conns), 0);
    rig_deinit(&r);
}

Test(packet, a_server_that_falls_resets_and_then_refuses)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 2);
    rig_file(&r, "f", 1000000);
    want(&r.phones[0], "f", 2);
    want(&r.phones[1], "f", 1);
    r.phones[0].again = true;
    r.phones[0].pause = SIM_S;
    r.phones[1].start = 700 * SIM_MS;
    r.hand.deeds[0] = (struct deed){.at = 600 * SIM_MS, .act = server_down};
    r.hand.deeds[1] = (struct deed){.at = 3 * SIM_S, .act = server_up};
    cr_assert_eq(rig_run(&r), 0);
    const struct outcome *o = r.phones[0].results;
    cr_assert_eq(o[0].status, SIM_ERESET, "%d", o[0].status);
    /* The reset waits behind what the line had been given: at most its queue. */
    cr_assert(o[0].at >= 640 * SIM_MS && o[0].at < 800 * SIM_MS, "%.3f", seconds(o[0].at));
    cr_assert(o[0].bytes > 100000 && o[0].bytes < 1000000);
    cr_assert_eq(o[1].status, SIM_EREFUSED);
    cr_assert(o[1].at >= o[0].at + SIM_S + 80 * SIM_MS && o[1].at < o[0].at + SIM_S + 81 * SIM_MS);
    cr_assert_eq(r.phones[1].results[0].status, SIM_EREFUSED);
    cr_assert_str_eq(r.phones[1].results[0].reason, "connection refused by server");
    /* Back again, it goes on behind the bytes that the copy had. */
    const struct outcome *last = &o[r.phones[0].results_len - 1];
    cr_assert_eq(last->status, 0);
    cr_assert_eq(r.v->server.transfers, 0);
    rig_deinit(&r);
}

Test(packet, a_phone_that_falls_or_cancels_leaves_nothing_behind)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 3);
    rig_file(&r, "f", 1000000);
    for (uint32_t i = 0; i < 3; i++) {
        want(&r.phones[i], "f", 1);
    }
    r.hand.deeds[0] = (struct deed){.at = 600 * SIM_MS, .act = phone_down, .what = &r.phones[0]};
    r.hand.deeds[1] = (struct deed){.at = 700 * SIM_MS, .act = phone_cancels, .what = &r.phones[1]};
    r.hand.deeds[2] = (struct deed){.at = 30 * SIM_S};
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(r.phones[0].results_len, 0);
    cr_assert_eq(r.phones[1].results_len, 0);
    assert_all_right(&r.phones[2], 1, 1000000);
    cr_assert_eq(pool_used(&r.v->packet->conns), 0);
    cr_assert_eq(sim_wan_flows(r.v->sites[0].wan), 0);
    cr_assert_eq(r.v->server.transfers, 0);
    cr_assert_gt(rig_stats(&r, 0).wan_payload_bytes, 1000000);
    rig_deinit(&r);
}

/* ---- Chance ---- */

static uint64_t lossy_hash(uint64_t seed)
{
    rig_init(&r, 10000000, 80 * SIM_MS, 100, 4);
    r.seed = seed;
    r.sites[0].wan.loss_ppm = 10000;
    rig_file(&r, "f", 500000);
    for (uint32_t i = 0; i < 4; i++) {
        want(&r.phones[i], "f", 2);
    }
    cr_assert_eq(rig_run(&r), 0);
    for (uint32_t i = 0; i < 4; i++) {
        assert_all_right(&r.phones[i], 2, 500000);
    }
    cr_assert_gt(rig_stats(&r, 0).wan_drops, 0);
    uint64_t hash = rig_hash(&r);

    /* The same object, begun anew, does the same. */
    struct sim_virtual_config config = rig_config(&r);
    cr_assert_eq(sim_virtual_restart(r.v, &config), 0);
    struct phone *p = r.phones;
    for (uint32_t i = 0; i < 4; i++) {
        p[i] = (struct phone){.paths = {"f", "f"}, .protocol = SIM_PROTOCOL_HTTP};
    }
    r.hand = (struct hand){.next = 0};
    rig_add_nodes(&r);
    cr_assert_eq(rig_run(&r), 0);
    cr_assert_eq(rig_hash(&r), hash);
    rig_deinit(&r);
    return hash;
}

Test(packet, equal_seeds_give_equal_hashes_and_others_do_not)
{
    uint64_t hash = lossy_hash(1);

    cr_assert_eq(lossy_hash(1), hash);
    cr_assert_neq(lossy_hash(2), hash);
}

/* Phones, files and faults drawn at random: every fetch is answered once, nothing is left. */
static void random_world(uint64_t seed)
{
    struct sim_rng rng;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, 0);
    rig_init(&r, 1000000 + sim_rng_below(&rng, 20000000), sim_rng_below(&rng, 200) * SIM_MS,
             5 + (uint32_t)sim_rng_below(&rng, 200), 1 + (uint32_t)sim_rng_below(&rng, 12));
    r.seed = seed;
    r.sites_len = 1 + (uint32_t)sim_rng_below(&rng, 3);
    r.server.keep_alive = sim_rng_below(&rng, 2) == 0;
    r.server.max_transfers = (uint32_t)sim_rng_below(&rng, 4);
    r.server.overflow = sim_rng_below(&rng, 2) == 0 ? SIM_OVERFLOW_QUEUE : SIM_OVERFLOW_REFUSE;
    r.server.uplink_bit_s = sim_rng_below(&rng, 3) == 0 ? 3000000 : SIM_RATE_NONE;
    r.server.window = (uint16_t)(1 + sim_rng_below(&rng, 8));
    r.server.timeout = SIM_S;
    r.server.stall = 20 * SIM_S;
    r.sites[0].wan.loss_ppm = (uint32_t)sim_rng_below(&rng, 20000);
    rig_file(&r, "a", sim_rng_below(&rng, 300000));
    rig_file(&r, "b", 1 + sim_rng_below(&rng, 3000));
    static const char *const names[] = {"a", "b", "none"};
    for (uint32_t i = 0; i < r.phones_len; i++) {
        struct phone *p = &r.phones[i];

        for (size_t k = 0; k < 4; k++) {
            p->paths[k] = names[sim_rng_below(&rng, 3)];
        }
        p->protocol = (enum sim_protocol)sim_rng_below(&rng, 3);
        p->start = sim_rng_below(&rng, 3000) * SIM_MS;
        p->pause = sim_rng_below(&rng, 2) * sim_rng_below(&rng, 1500) * SIM_MS;
        p->is_small = sim_rng_below(&rng, 4) == 0;
    }
    static void (*const acts[])(struct sim_world *, void *) = {
        wan_down, wan_up, server_down, server_up, phone_down, phone_cancels};
    sim_time at = 0;
    for (size_t i = 0; i < DEEDS_MAX - 3; i++) {
        size_t act = sim_rng_below(&rng, 6);

        at += 1 + sim_rng_below(&rng, 2000) * SIM_MS;
        /* A phone may fall or cancel only once: the hand says for it that it has finished. */
        r.hand.deeds[i] =
            (struct deed){.at = at, .act = acts[act], .what = &r.phones[i % r.phones_len]};
    }
    r.hand.deeds[DEEDS_MAX - 3] = (struct deed){.at = at + SIM_S, .act = server_up};
    r.hand.deeds[DEEDS_MAX - 2] = (struct deed){.at = at + 2 * SIM_S, .act = wan_up};
    r.hand.deeds[DEEDS_MAX - 1] = (struct deed){.at = at + 900 * SIM_S};
    cr_assert_eq(rig_run(&r), 0, "seed %lu", (unsigned long)seed);
    cr_assert_eq(r.v->server.transfers, 0, "seed %lu", (unsigned long)seed);
    cr_assert_eq(pool_used(&r.v->fetches), 0, "seed %lu", (unsigned long)seed);
    cr_assert_eq(pool_used(&r.v->packet->transfers), 0, "seed %lu", (unsigned long)seed);
    cr_assert_eq(pool_used(&r.v->packet->datagrams), 0, "seed %lu", (unsigned long)seed);
    cr_assert_eq(pool_used(&r.v->packet->conns), 0, "seed %lu", (unsigned long)seed);
    for (uint32_t i = 0; i < r.sites_len; i++) {
        cr_assert_eq(sim_wan_flows(r.v->sites[i].wan), 0, "seed %lu", (unsigned long)seed);
    }
    rig_deinit(&r);
}

Test(packet, random_worlds_end_and_leave_nothing_behind)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        random_world(seed);
    }
}
