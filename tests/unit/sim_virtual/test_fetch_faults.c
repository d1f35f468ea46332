/* Goal: what becomes of requests when the server or the line falls and comes back.
 * Method: as in test_fetch.c; the instants of retries are those of TCP and sim/tftp. */
#include "fetcher.h"

TestSuite(virtual_fetch_faults, .init = set_up, .fini = close_world, .timeout = 20);

Test(virtual_fetch_faults, a_server_that_is_down_refuses_and_falls_silent)
{
    server.stall = 200 * SIM_S;
    add_file("a.sbn", 8000);
    open_world(2);
    fetchers[1].protocol = SIM_PROTOCOL_TFTP;
    set_server(0);
    at(SIM_S, fetch_firmware, 0);
    at(SIM_S, fetch_firmware, 1);
    run(200 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, SIM_EREFUSED);
    cr_assert_eq(fetchers[0].results[0].code, -1);
    cr_assert_str_eq(fetchers[0].results[0].reason, "connection refused by server");
    cr_assert_eq(fetchers[0].results[0].at, SIM_S + on_line(60) + 2 * HALF);
    /* 4, 8, and five times 16 s. */
    cr_assert_eq(fetchers[1].results[0].status, SIM_ETIMEDOUT);
    cr_assert_eq(fetchers[1].results[0].at, 93 * SIM_S);
    cr_assert_str_eq(fetchers[1].results[0].reason, "no answer from server after 7 tries");
    cr_assert_eq(stats_of_server().requests, 0);
    cr_assert_eq(stats_of_site().fetch_errors, 2);
}

/* TFTP asks again 4 s and 12 s after it asked first. */
Test(virtual_fetch_faults, tftp_finds_a_server_that_came_back_at_its_next_try)
{
    add_file("a.sbn", 100);
    open_world(1);
    fetchers[0].protocol = SIM_PROTOCOL_TFTP;
    set_server(0);
    at(0, fetch_firmware, 0);
    at(5 * SIM_S, set_server, 1);
    run(100 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, 0);
    cr_assert_eq(fetchers[0].results[0].at,
                 12 * SIM_S + 2 * HALF + on_line(28 + 9 + 5) + on_line(28 + 4 + 100));
    cr_assert_eq(stats_of_server().requests, 1);
}

Test(virtual_fetch_faults, a_falling_server_resets_what_stands)
{
    server.keep_alive = true;
    add_file("a.sbn", 1000000);
    add_file("b.sbn", 1000);
    open_world(4);
    fetchers[1].protocol = SIM_PROTOCOL_TFTP;
    at(0, fetch_firmware, 0);
    at(0, fetch_firmware, 1);
    at(980 * SIM_MS, fetch_firmware, 2); /* its SYN is on the way */
    at(SIM_S, set_server, 0);
    run(50 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, SIM_ERESET);
    cr_assert_eq(fetchers[0].results[0].at, SIM_S + HALF);
    cr_assert_eq(fetchers[0].results[0].code, 200);
    cr_assert(strncmp(fetchers[0].results[0].reason, "connection reset: ", 18) == 0);
    cr_assert_gt(fetchers[0].results[0].bytes, 0);
    cr_assert_eq(fetchers[0].results[0].bytes, sim_world_file_size(w, fetchers[0].file));
    cr_assert_eq(fetchers[1].done, 0, "datagrams are only lost");
    cr_assert_eq(fetchers[2].results[0].status, SIM_EREFUSED);
    cr_assert_eq(fetchers[2].results[0].at, 980 * SIM_MS + on_line(60) + 2 * HALF);
    cr_assert_eq(stats_of_server().errors, 1);
}

Test(virtual_fetch_faults, a_server_that_is_up_in_time_is_met)
{
    add_file("a.sbn", 1000);
    open_world(1);
    at(0, set_server, 0);
    at(10 * SIM_MS, fetch_firmware, 0);
    at(20 * SIM_MS, set_server, 1); /* before the SYN is there */
    run(5 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, 0);
}

/* Bytes stand still, come again some time after the line does, and none is lost or doubled. */
Test(virtual_fetch_faults, a_line_that_falls_holds_everything_up)
{
    sim_time undisturbed = 0;

    add_file("a.sbn", 1000000);
    for (int falls = 0; falls < 2; falls++) {
        if (falls > 0) {
            close_world();
            set_up();
            add_file("a.sbn", 1000000);
        }
        open_world(4);
        fetchers[1].protocol = SIM_PROTOCOL_TFTP;
        server.timeout = SIM_S;
        at(0, fetch_firmware, 0);
        at(0, fetch_firmware, 1);
        if (falls > 0) {
            at(500 * SIM_MS, set_wan, 0);
            at(SIM_S, fetch_firmware, 2); /* a SYN that is sent again after 1, 3 and 7 s */
            at(5 * SIM_S, set_wan, 1);
        }
        run(400 * SIM_S);
        cr_assert_eq(fetchers[0].results[0].status, 0);
        cr_assert_eq(fetchers[1].results[0].status, 0);
        cr_assert_eq(fetchers[0].results[0].bytes, 1000000);
        if (falls == 0) {
            undisturbed = fetchers[0].results[0].at;
        }
    }
    cr_assert_gt(fetchers[0].results[0].at, undisturbed + 4500 * SIM_MS);
    cr_assert_lt(fetchers[0].results[0].at, undisturbed + 15 * SIM_S);
    cr_assert_eq(fetchers[2].results[0].status, 0);
    cr_assert_gt(fetchers[2].results[0].first_byte, SIM_S + 7 * SIM_S);
    cr_assert_lt(fetchers[2].results[0].first_byte, SIM_S + 7 * SIM_S + 3 * HALF * 2);
    cr_assert_eq(stats_of_site().wan_payload_bytes, 3000000);
}

/* Also what was on the line when it fell: the last bytes come once it is up. */
Test(virtual_fetch_faults, what_is_on_a_falling_line_is_lost)
{
    sim_time end = to_server("a.sbn") + stream_on_line(HEAD + 4 + 8000) * 800 + HALF;

    add_file("a.sbn", 8000);
    open_world(1);
    at(0, fetch_firmware, 0);
    at(end - 10 * SIM_MS, set_wan, 0);
    at(30 * SIM_S, set_wan, 1);
    run(100 * SIM_S);
    cr_assert_eq(fetchers[0].done, 1);
    cr_assert_eq(fetchers[0].results[0].status, 0);
    cr_assert_gt(fetchers[0].results[0].at, 30 * SIM_S);
    cr_assert_eq(stats_of_site().wan_payload_bytes, 8000);
}

Test(virtual_fetch_faults, behind_a_line_that_stays_down_all_give_up)
{
    add_file("a.sbn", 10000000);
    open_world(4);
    fetchers[1].protocol = fetchers[3].protocol = SIM_PROTOCOL_TFTP;
    at(0, fetch_firmware, 0);
    at(0, fetch_firmware, 1);
    at(SIM_S, set_wan, 0);
    at(2 * SIM_S, fetch_firmware, 2);
    at(2 * SIM_S, fetch_firmware, 3);
    run(200 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, SIM_ESTALLED);
    cr_assert_eq(fetchers[0].results[0].at, 61 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].code, 200);
    cr_assert_eq(fetchers[1].results[0].status, SIM_ESTALLED);
    cr_assert(strncmp(fetchers[1].results[0].reason, "no progress for 60 s behind block ", 34) == 0,
              "%s", fetchers[1].results[0].reason);
    cr_assert_eq(fetchers[2].results[0].status, SIM_ESTALLED);
    cr_assert_eq(fetchers[2].results[0].at, 62 * SIM_S);
    cr_assert_eq(fetchers[3].results[0].status, SIM_ETIMEDOUT);
    cr_assert_eq(fetchers[3].results[0].at, 62 * SIM_S);
    cr_assert_eq(stats_of_server().transfers, 0);
    cr_assert_eq(stats_of_site().fetch_errors, 4);
}

/* ---- Anything in any order ---- */

enum { CHAOS_PHONES = 12, CHAOS_ACTS = 60 };

static struct sim_rng chance;
static uint64_t asked, ended_early;

/* Each node has at most one fetch under way here, so a stale handle tells that it is over. */
static void something(uint64_t argument)
{
    static const char *const paths[] = {"a.sbn", "b.sbn", "none", "SEP1.xml", "large"};
    struct fetcher *f = &fetchers[sim_rng_below(&chance, CHAOS_PHONES)];
    bool is_under_way = virtual_fetch_of(v, f->fetch) != NULL;
    uint64_t dice = sim_rng_below(&chance, 100);

    (void)argument;
    if (dice < 60 && !is_under_way && f->done < DONE_MAX) {
        struct sim_fetch_request request = {
            .place = sim_rng_below(&chance, 4) == 0 ? SIM_SERVER_LAN : SIM_SERVER_WAN,
            .protocol = (enum sim_protocol)sim_rng_below(&chance, 3),
            .path = paths[sim_rng_below(&chance, 5)],
            .is_firmware = sim_rng_below(&chance, 2) == 0,
            .notify_every = sim_rng_below(&chance, 3) == 0 ? 700000 : 0,
        };

        if (sim_rng_below(&chance, 3) > 0) {
            request.file = f->file = sim_world_file_new(w, f->node, request.path);
        }
        asked += sim_world_fetch(w, f->node, &request, &f->fetch) == 0 ? 1 : 0;
    } else if (dice < 70) {
        ended_early += is_under_way ? 1 : 0;
        sim_world_fetch_cancel(w, f->fetch);
    } else if (dice < 74) {
        sim_world_file_free(w, f->file);
    } else if (dice < 80) {
        ended_early += is_under_way ? 1 : 0;
        sim_world_set_down(w, f->node, true, dice % 2 == 0);
    } else if (dice < 86) {
        sim_world_set_down(w, f->node, false, false);
    } else if (dice < 94) {
        set_wan(dice % 2);
    } else {
        set_server(dice % 2);
    }
}

static void all_up(uint64_t argument)
{
    (void)argument;
    set_wan(1);
    set_server(1);
}

Test(virtual_fetch_faults, nothing_is_lost_told_twice_or_left_behind)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t told = 0;

        if (seed > 1) {
            close_world();
            set_up();
        }
        sim_rng_init(&chance, seed, SIM_RNG_TEST, 0);
        asked = ended_early = 0;
        config.seed = seed;
        server.max_transfers = (uint32_t)sim_rng_below(&chance, 4);
        server.overflow = seed % 2 == 0 ? SIM_OVERFLOW_QUEUE : SIM_OVERFLOW_REFUSE;
        server.keep_alive = sim_rng_below(&chance, 2) == 0;
        server.window = (uint16_t)(1 + sim_rng_below(&chance, 8));
        server.response_time = sim_rng_below(&chance, 2) * 30 * SIM_MS;
        server.uplink_bit_s = sim_rng_below(&chance, 2) * 5000000;
        site.lan.rate_bit_s = sim_rng_below(&chance, 2) * 20000000;
        site.wan.none = sim_rng_below(&chance, 8) == 0;
        add_file("a.sbn", 3000000);
        add_file("b.sbn", 1);
        add_file("large", 300000);
        open_world(CHAOS_PHONES);
        sim_time when = 0;

        for (int i = 0; i < CHAOS_ACTS; i++) {
            when += sim_rng_below(&chance, 2) == 0 ? sim_rng_below(&chance, 20 * SIM_MS)
                                                   : sim_rng_below(&chance, 4 * SIM_S);
            at(when, something, 0);
        }
        at(when + SIM_S, all_up, 0);
        run(when + 2000 * SIM_S);
        for (size_t i = 0; i < CHAOS_PHONES; i++) {
            told += fetchers[i].done;
            for (size_t k = 0; k < fetchers[i].done; k++) {
                const struct fetched *r = &fetchers[i].results[k];

                cr_assert(r->bytes <= 3000000, "seed %d", (int)seed);
                cr_assert(r->status == 0 ? r->reason[0] == '\0' : r->reason[0] != '\0',
                          "seed %d: %d", (int)seed, r->status);
            }
        }
        cr_assert_eq(told + ended_early, asked, "seed %d: %d of %d", (int)seed,
                     (int)(told + ended_early), (int)asked);
        cr_assert_eq(stats_of_site().fetches, asked, "seed %d", (int)seed);
        cr_assert_eq(stats_of_site().fetches_now, 0, "seed %d", (int)seed);
        cr_assert_eq(stats_of_server().transfers, 0, "seed %d", (int)seed);
        cr_assert_eq(v->server.queue_len, 0, "seed %d", (int)seed);
        cr_assert_leq(stats_of_server().requests, asked, "seed %d", (int)seed);
        cr_assert_eq(v->sites[0].starting[0] + v->sites[0].starting[1], 0, "seed %d", (int)seed);
        if (v->fluid != NULL) {
            cr_assert_eq(sim_fluid_flows(v->fluid, 0), 0, "seed %d", (int)seed);
        }
        cr_assert_eq(sim_fluid_flows(v->load_fluid, 0), 0, "seed %d", (int)seed);
    }
}
