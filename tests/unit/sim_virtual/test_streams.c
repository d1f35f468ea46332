/* Goal: streams between nodes keep the seam's word (sim/world.h), to the nanosecond: dials,
 * messages, bodies, ends, faults.
 * Method: tables of acts and of what the nodes must be told for them, in a world of 8 nodes whose
 * ports send a byte a microsecond (8 Mbit/s) and are 50 us away from the switch. */
#include "streams.h"

TestSuite(streams, .init = set_up_catalog, .fini = tear_down_catalog);

#define RATE 8000000
#define US SIM_US
#define MS SIM_MS

/* ---- Dials ---- */

Test(streams, open_after_two_ways_and_close_after_one)
{
    static const struct act list[] =
        {
            {0, 0, DIAL, 1, 0, 0},
            {100 * US, 1, SEND, 0, 30, 0}, /* at once when it accepts: arrives behind the answer */
            {300 * US, 0, SEND, 0, 40, 0},
            {300 * US, 0, SEND, 0, 50, 0},
            {500 * US, 0, CLOSE, 0, 0, 0},
            {501 * US, 0, SEND, 0, 3, 0}, /* dead */
        };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},          {200 * US, 0, OPENED, 1},
        {200 * US, 0, MESSAGE, 30},          {400 * US, 1, MESSAGE, 40},
        {400 * US, 1, MESSAGE, 50},          {501 * US, 0, ANSWER, -SIM_EINVAL},
        {600 * US, 1, CLOSED, -SIM_ECLOSED},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

Test(streams, cannot_be_sent_on_before_they_are_open)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {150 * US, 0, SEND, 0, 30, 0},
        {150 * US, 0, BODY, 0, 30, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {150 * US, 0, ANSWER, -SIM_EINVAL},
        {150 * US, 0, ANSWER, -SIM_EINVAL},
        {200 * US, 0, OPENED, 1},
    };

    RUN(RATE, list, want);
    end_world();
}

Test(streams, are_refused_or_time_out_as_the_target_is)
{
    static const struct act list[] = {
        {0, 1, LISTEN, 0, 0, 0},        {0, 2, DOWN, 0, 0, 0}, {0, 3, DOWN, 1, 0, 0},
        {0, 4, GROUP, 7, 0, 0},         {0, 0, DIAL, 1, 0, 0}, {0, 0, DIAL, 2, 0, 0},
        {0, 0, DIAL, 3, 0, 0},          {0, 0, DIAL, 4, 0, 0}, {0, 0, DIAL, 77, 0, 0}, /* nobody */
        {0, 0, DIAL, 0, 0, 0},                                                         /* itself */
        {0, 0, DIAL, 65536, 0, 0},      /* outside of the subnet */
        {5 * SIM_S, 4, GROUP, 0, 0, 0}, /* too late: the dial was lost */
    };
    static const struct told want[] = {
        {0, 0, ANSWER, -SIM_EINVAL},
        {0, 0, ANSWER, -SIM_EINVAL},
        {200 * US, 0, CLOSED, -SIM_EREFUSED},
        {200 * US, 0, CLOSED, -SIM_EREFUSED},
        {200 * US, 0, CLOSED, -SIM_EREFUSED},
        {10 * SIM_S, 0, CLOSED, -SIM_ETIMEDOUT},
        {10 * SIM_S, 0, CLOSED, -SIM_ETIMEDOUT},
    };
    struct sim_site_stats stats;

    RUN(RATE, list, want);
    expect_streams(0);
    sim_virtual_site_stats(v, 0, &stats);
    cr_assert_eq(stats.lan_foreign, 0, "a dial that is no call is not counted, as in sim/live");
    end_world();
}

Test(streams, that_are_dialed_may_be_given_up)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},      {50 * US, 0, CLOSE, 0, 0, 0},   /* nobody heard of it */
        {1 * MS, 0, DIAL, 1, 0, 0}, {1150 * US, 0, CLOSE, 1, 0, 0}, /* accepted already */
        {2 * MS, 0, DIAL, 1, 0, 0}, {2050 * US, 0, DOWN, 0, 0, 0},
        {3 * MS, 2, DIAL, 1, 0, 0}, {3150 * US, 2, DOWN, 0, 0, 0},
    };
    static const struct told want[] = {
        {1100 * US, 1, ACCEPTED, 0},
        {1250 * US, 1, CLOSED, -SIM_ERESET},
        {3100 * US, 1, ACCEPTED, 2},
        {3250 * US, 1, CLOSED, -SIM_ERESET},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

Test(streams, of_a_node_are_at_most_as_many_as_in_the_live_world)
{
    struct act list[67];

    for (size_t i = 0; i < 66; i++) {
        list[i] = (struct act){0, 0, DIAL, 1, 0, 0};
    }
    list[66] = (struct act){1 * MS, 2, DIAL, 1, 0, 0}; /* the other end is full too */
    run_acts(RATE, list, 67);
    cr_assert(told[0].what == ANSWER && told[0].value == -SIM_ELIMIT);
    cr_assert(told[1].what == ANSWER && told[1].value == -SIM_ELIMIT);
    cr_assert_eq(told_len, 2 + 2 * VIRTUAL_NODE_STREAMS_MAX + 1);
    cr_assert(told[told_len - 1].who == 2 && told[told_len - 1].value == -SIM_EREFUSED);
    end_world();
}

/* ---- Bodies ---- */

Test(streams, carry_bodies_at_the_ports_rate)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},        {1 * MS, 0, GIVE, 0, 1000, 300},
        {1 * MS, 0, SEND, 0, 99, 0}, /* behind the body */
        {1 * MS, 0, BODY, 0, 10, 0}, /* one at a time */
        {1600 * US, 1, ASK, 0, 0, 0}, {1600 * US + 999, 1, ASK, 0, 0, 0},
        {1601 * US, 1, ASK, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},       {200 * US, 0, OPENED, 1},
        {1 * MS, 0, ANSWER, -SIM_EINVAL}, {1100 * US, 1, MESSAGE, HEAD},
        {1400 * US, 1, PROGRESS, 300},    {1600 * US, 1, SIZE, 500},
        {1600 * US + 999, 1, SIZE, 500},  {1601 * US, 1, SIZE, 501},
        {1700 * US, 1, PROGRESS, 600},    {2000 * US, 1, PROGRESS, 900},
        {2000 * US, 0, SENT, 0},          {2100 * US, 1, RECEIVED, 1000},
        {2100 * US, 1, MESSAGE, 99},
    };
    struct sim_site_stats stats;

    RUN(RATE, list, want);
    sim_virtual_site_stats(v, 0, &stats);
    cr_assert_eq(stats.lan_payload_bytes, 1000);
    end_world();
}

Test(streams, count_bytes_under_way_as_they_arrive)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {1600 * US, 1, DOWN, 0, 0, 0},
    };
    struct sim_node_ops controller_ops = member_ops;
    struct sim_site_stats stats;
    struct sim_virtual_step step;

    controller_ops.wake = on_controller;
    acts = list;
    acts_len = sizeof(list) / sizeof(list[0]);
    open_world(RATE);
    populate(&member_ops, &controller_ops);
    do {
        cr_assert(sim_virtual_step(v, &step));
        sim_virtual_site_stats(v, 0, &stats);
        cr_assert(stats.lan_payload_bytes == (step.at <= 1100 * US ? 0 : 500),
                  "%" PRIu64 " at %" PRIu64, stats.lan_payload_bytes, step.at);
    } while (step.at < 1600 * US);
    cr_assert_eq(v->sites[0].stats.lan_payload_bytes, 500, "settled when it went down");
    end_world();
}

Test(streams, tell_of_bodies_without_bytes_and_keep_what_is_behind)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {1 * MS, 0, GIVE, 0, 0, 0},
        {1 * MS, 0, SEND, 0, 20, 0},
        {1 * MS, 0, SEND, 0, 21, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},    {200 * US, 0, OPENED, 1},    {1 * MS, 0, SENT, 0},
        {1100 * US, 1, MESSAGE, HEAD}, {1100 * US, 1, RECEIVED, 0}, {1100 * US, 1, MESSAGE, 20},
        {1100 * US, 1, MESSAGE, 21},
    };

    RUN(RATE, list, want);
    end_world();
}

Test(streams, fill_one_body_from_several_slices)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {1 * MS, 0, ANNOUNCE, 0, 1000, 250},
        {1 * MS, 0, BODY, 0, 300, 0},
        {1200 * US, 0, THEN, 0, 200, 300}, /* at once behind the first */
        {1550 * US, 0, BODY, 0, 500, 500}, /* 50 us later */
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},    {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD}, {1300 * US, 0, SENT, 0},
        {1350 * US, 1, PROGRESS, 250}, {1500 * US, 0, SENT, 0},
        {1600 * US, 1, PROGRESS, 500}, {1900 * US, 1, PROGRESS, 750},
        {2050 * US, 0, SENT, 0},       {2150 * US, 1, RECEIVED, 1000},
    };

    RUN(RATE, list, want);
    end_world();
}

/* A phone passes on what it has of a copy that still grows. */
Test(streams, pass_on_a_copy_that_still_grows)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},           {0, 1, DIAL, 2, 0, 0},
        {1 * MS, 0, GIVE, 0, 1000, 0},   {1 * MS, 1, ANNOUNCE, 0, 1000, 0},
        {1400 * US, 1, PART, 1, 0, 0},   {1400 * US, 1, BODY, 0, 301, 0}, /* 300 are there */
        {1400 * US, 1, BODY, 0, 300, 0}, {2100 * US, 1, BODY, 0, 700, 300},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {100 * US, 2, ACCEPTED, 1},
        {200 * US, 0, OPENED, 1},
        {200 * US, 1, OPENED, 2},
        {1100 * US, 1, MESSAGE, HEAD},
        {1100 * US, 2, MESSAGE, HEAD},
        {1400 * US, 1, ANSWER, -SIM_EINVAL},
        {1700 * US, 1, SENT, 0},
        {2000 * US, 0, SENT, 0},
        {2100 * US, 1, RECEIVED, 1000},
        {2800 * US, 1, SENT, 0},
        {2900 * US, 2, RECEIVED, 1000},
    };

    RUN(RATE, list, want);
    end_world();
}

Test(streams, end_where_lengths_do_not_agree)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {0, 0, DIAL, 1, 0, 0},
        {0, 0, DIAL, 1, 0, 0},
        /* longer than announced */
        {1 * MS, 0, ANNOUNCE, 0, 1000, 0},
        {1 * MS, 0, BODY, 0, 1500, 0},
        /* shorter, then a message */
        {10 * MS, 0, ANNOUNCE, 1, 1000, 0},
        {10 * MS, 0, BODY, 1, 600, 0},
        {10 * MS, 0, SEND, 1, 20, 0},
        /* not announced */
        {20 * MS, 0, BODY, 2, 600, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {100 * US, 1, ACCEPTED, 0},
        {100 * US, 1, ACCEPTED, 0},
        {200 * US, 0, OPENED, 1},
        {200 * US, 0, OPENED, 1},
        {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD},
        {2100 * US, 1, RECEIVED, 1000},
        {2100 * US, 1, CLOSED, -SIM_EPROTO},
        {2200 * US, 0, CLOSED, -SIM_ERESET},
        {10100 * US, 1, MESSAGE, HEAD},
        {10600 * US, 0, SENT, 0},
        {10700 * US, 1, CLOSED, -SIM_EPROTO},
        {10800 * US, 0, CLOSED, -SIM_ERESET},
        {20600 * US, 0, SENT, 0},
        {20700 * US, 1, CLOSED, -SIM_EPROTO},
        {20800 * US, 0, CLOSED, -SIM_ERESET},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    cr_assert(sim_world_file_size(w, members[1].slots[1].copy) == 600, "keeps what it has");
    end_world();
}

/* ---- Ends ---- */

Test(streams, that_are_closed_send_first_what_is_queued)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},       {1 * MS, 0, GIVE, 0, 1000, 0},  {1 * MS, 0, SEND, 0, 20, 0},
        {1 * MS, 0, CLOSE, 0, 0, 0}, {1500 * US, 1, SEND, 0, 33, 0}, /* nobody reads it */
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},    {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD}, {2100 * US, 1, RECEIVED, 1000},
        {2100 * US, 1, MESSAGE, 20},   {2100 * US, 1, CLOSED, -SIM_ECLOSED},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

Test(streams, end_with_the_last_word)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},       {0, 2, DIAL, 1, 0, 0},
        {1 * MS, 0, SEND, 0, 20, 0}, {1 * MS, 0, SEND, 0, 21, 0},
        {1 * MS, 2, SEND, 0, 22, 0}, {1 * MS, 0, CLOSE, 0, 0, 0}, /* node 2 spoke last */
        {2 * MS, 2, SEND, 0, 23, 0}, {2 * MS, 2, CLOSE, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},  {100 * US, 1, ACCEPTED, 2},
        {200 * US, 0, OPENED, 1},    {200 * US, 2, OPENED, 1},
        {1100 * US, 1, MESSAGE, 20}, {1100 * US, 1, MESSAGE, 21},
        {1100 * US, 1, MESSAGE, 22}, {1100 * US, 1, CLOSED, -SIM_ECLOSED},
        {2100 * US, 1, MESSAGE, 23}, {2100 * US, 1, CLOSED, -SIM_ECLOSED},
    };
    struct sim_virtual_usage usage;

    RUN(RATE, list, want);
    expect_streams(0);
    sim_virtual_usage(v, &usage);
    /* of the table 3; 2 dials of 2; 4 messages; one end by itself, the other with its message */
    cr_assert_eq(usage.events, 3 + 4 + 4 + 1, "%" PRIu64, usage.events);
    end_world();
}

Test(streams, that_are_closed_have_ten_seconds_for_it)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {1 * MS, 0, GIVE, 0, 20000000, 0},
        {1 * MS, 0, CLOSE, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD},
        {10 * SIM_S + 1100 * US, 1, CLOSED, -SIM_ERESET},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    cr_assert(sim_world_file_size(w, members[1].slots[0].copy) == 10000000);
    end_world();
}

Test(streams, of_a_receiver_that_closes_leave_it_what_has_come)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {1500 * US, 1, CLOSE, 0, 0, 0},
        {3 * MS, 1, ASK, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},    {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD}, {1600 * US, 0, CLOSED, -SIM_ECLOSED},
        {3 * MS, 1, SIZE, 400},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

Test(streams, closed_by_both_are_gone)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},          {1 * MS, 0, CLOSE, 0, 0, 0},
        {1050 * US, 1, CLOSE, 0, 0, 0}, {2 * MS, 0, DIAL, 1, 0, 0},
        {3 * MS, 0, GIVE, 1, 1000, 0},  {3 * MS, 0, CLOSE, 1, 0, 0},
        {3200 * US, 1, CLOSE, 1, 0, 0}, /* gives up what still comes */
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0}, {200 * US, 0, OPENED, 1},      {2100 * US, 1, ACCEPTED, 0},
        {2200 * US, 0, OPENED, 1},  {3100 * US, 1, MESSAGE, HEAD},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

Test(streams, reset_in_the_middle_leave_the_exact_prefix)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {1555 * US + 999, 0, DOWN, 0, 0, 0},
        {1600 * US, 1, ASK, 0, 0, 0},
        {3 * MS, 1, ASK, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD},
        {1600 * US, 1, SIZE, 499},
        {1655 * US + 999, 1, CLOSED, -SIM_ERESET},
        {3 * MS, 1, SIZE, 555},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

Test(streams, of_a_silent_node_never_move_again)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},         {0, 2, DIAL, 1, 0, 0},
        {1 * MS, 0, GIVE, 0, 1000, 0}, {1500 * US, 0, DOWN, 1, 0, 0},
        {2 * MS, 0, UP, 0, 0, 0},      {3 * MS, 1, ASK, 0, 0, 0},
        {4 * MS, 1, SEND, 0, 9, 0},    {5 * MS, 1, GIVE, 1, 1000, 0},
        {5500 * US, 2, DOWN, 1, 0, 0}, {60 * SIM_S, 1, CLOSE, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {100 * US, 1, ACCEPTED, 2},
        {200 * US, 0, OPENED, 1},
        {200 * US, 2, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD},
        {3 * MS, 1, SIZE, 400}, /* what was on the way is lost with it */
        {5100 * US, 2, MESSAGE, HEAD},
    };

    RUN(RATE, list, want);
    expect_streams(1);
    end_world();
}

Test(streams, of_a_silent_node_do_not_thaw_with_a_partition)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},       {1 * MS, 0, SEND, 0, 10, 0}, {1050 * US, 0, DOWN, 1, 0, 0},
        {2 * MS, 1, GROUP, 1, 0, 0}, {3 * MS, 1, GROUP, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {200 * US, 0, OPENED, 1},
    };

    RUN(RATE, list, want);
    expect_streams(1);
    end_world();
}

Test(streams, stand_still_behind_a_partition_and_go_on_after_it)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},          {1 * MS, 0, GIVE, 0, 1000, 400},
        {1450 * US, 0, GROUP, 1, 0, 0}, /* 450 have left, 350 are there, 400 are told soon */
        {1460 * US, 0, SEND, 0, 20, 0}, {1470 * US, 1, SEND, 0, 30, 0},
        {1900 * US, 1, ASK, 0, 0, 0},   {2450 * US, 0, GROUP, 0, 0, 0},
        {2475 * US, 1, ASK, 0, 0, 0},   {2600 * US, 1, ASK, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},    {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, HEAD}, {1900 * US, 1, SIZE, 350},
        {2450 * US, 1, PROGRESS, 400}, /* waited at the door */
        {2475 * US, 1, SIZE, 400},     {2550 * US, 0, MESSAGE, 30},
        {2600 * US, 1, SIZE, 500},     {2900 * US, 1, PROGRESS, 800},
        {3000 * US, 0, SENT, 0},       {3100 * US, 1, RECEIVED, 1000},
        {3100 * US, 1, MESSAGE, 20},
    };

    RUN(RATE, list, want);
    end_world();
}

Test(streams, keep_the_order_of_what_waited_at_a_partition)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},          {1 * MS, 0, SEND, 0, 10, 0},
        {1020 * US, 0, SEND, 0, 11, 0}, {1050 * US, 1, GROUP, 1, 0, 0},
        {1060 * US, 0, SEND, 0, 12, 0}, {1110 * US, 1, GROUP, 0, 0, 0}, /* 11 is still on its way */
        {1110 * US, 0, SEND, 0, 13, 0}, {1110 * US, 1, GROUP, 1, 0, 0}, /* at once again */
        {3 * MS, 0, GIVE, 0, 100, 0},   {3 * MS, 0, SEND, 0, 14, 0},
        {4 * MS, 0, CLOSE, 0, 0, 0},    {5 * MS, 1, GROUP, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},    {200 * US, 0, OPENED, 1},
        {5 * MS, 1, MESSAGE, 10},      {5 * MS, 1, MESSAGE, 11},
        {5 * MS, 1, MESSAGE, 12},      {5 * MS, 1, MESSAGE, 13},
        {5100 * US, 1, MESSAGE, HEAD}, {5200 * US, 1, RECEIVED, 100},
        {5200 * US, 1, MESSAGE, 14},   {5200 * US, 1, CLOSED, -SIM_ECLOSED},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

static void heal(void *self, sim_time now)
{
    (void)self;
    (void)now;
    sim_world_set_group(w, members[1].node, 0);
}

/* The partition heals at the very instant, and before, the second message comes. */
Test(streams, let_nothing_overtake_what_waited)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {1 * MS, 0, SEND, 0, 10, 0},
        {1020 * US, 0, SEND, 0, 11, 0},
        {1050 * US, 1, GROUP, 1, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {200 * US, 0, OPENED, 1},
        {1120 * US, 1, MESSAGE, 10},
        {1120 * US, 1, MESSAGE, 11},
    };
    struct sim_node_ops healer = member_ops, controller_ops = member_ops;

    healer.wake = heal;
    controller_ops.wake = on_controller;
    acts = list;
    acts_len = sizeof(list) / sizeof(list[0]);
    open_world(RATE);
    populate(&healer, &controller_ops);
    sim_world_wake_at(w, members[7].node, 1120 * US);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    expect_told(want, sizeof(want) / sizeof(want[0]));
    end_world();
}

Test(streams, hold_what_has_left_the_port_too)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},          {1 * MS, 0, GIVE, 0, 1000, 0},
        {2050 * US, 0, GROUP, 1, 0, 0}, /* all has left, 950 are there */
        {3 * MS, 1, ASK, 0, 0, 0},      {4 * MS, 1, CLOSE, 0, 0, 0},
        {4 * MS, 1, ASK, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0}, {200 * US, 0, OPENED, 1}, {1100 * US, 1, MESSAGE, HEAD},
        {2 * MS, 0, SENT, 0},       {3 * MS, 1, SIZE, 950},   {4 * MS, 1, SIZE, 950},
    };

    RUN(RATE, list, want);
    end_world();
}

Test(streams, that_are_dialed_over_a_partition_time_out)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {150 * US, 0, GROUP, 1, 0, 0}, /* the answer is on its way */
        {20 * SIM_S, 0, GROUP, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {10 * SIM_S, 0, CLOSED, -SIM_ETIMEDOUT},
        {20 * SIM_S, 1, CLOSED, -SIM_ERESET},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

/* The limit of a dial that was answered after all says nothing about the close that follows. */
Test(streams, that_are_closed_have_their_own_limit)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},          {150 * US, 0, GROUP, 1, 0, 0},
        {1 * SIM_S, 0, GROUP, 0, 0, 0}, {2 * SIM_S, 0, GIVE, 0, 9000000, 0},
        {2 * SIM_S, 0, CLOSE, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {1 * SIM_S, 0, OPENED, 1},
        {2 * SIM_S + 100 * US, 1, MESSAGE, HEAD},
        {11 * SIM_S + 100 * US, 1, RECEIVED, 9000000},
        {11 * SIM_S + 100 * US, 1, CLOSED, -SIM_ECLOSED},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    end_world();
}

Test(streams, end_when_a_copy_goes)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},         {0, 0, DIAL, 2, 0, 0},         {1 * MS, 0, GIVE, 0, 1000, 0},
        {1 * MS, 0, GIVE, 1, 1000, 0}, {1500 * US, 1, DROP, 0, 0, 0}, {1500 * US, 1, SEND, 0, 5, 0},
        {2 * MS, 0, FREE, 0, 0, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},
        {100 * US, 2, ACCEPTED, 0},
        {200 * US, 0, OPENED, 1},
        {200 * US, 0, OPENED, 2},
        {1100 * US, 1, MESSAGE, HEAD},
        {1100 * US, 2, MESSAGE, HEAD},
        {1500 * US, 1, ANSWER, -SIM_EINVAL},
        {1500 * US, 1, CLOSED, -SIM_ECLOSED},
        {1600 * US, 0, CLOSED, -SIM_ERESET},
        {2 * MS, 0, CLOSED, -SIM_ECLOSED},
        {2100 * US, 2, CLOSED, -SIM_ERESET},
    };

    RUN(RATE, list, want);
    expect_streams(0);
    /* 500 us of half a port and, since the peer closed at 1600 us, 400 us of a whole one, plus
     * the 100 us in between */
    cr_assert(sim_world_file_size(w, members[2].slots[0].copy) == 300 + 400);
    end_world();
}

/* ---- Wrong bytes ---- */

static struct sim_digest digest_at(unsigned who, unsigned slot)
{
    struct sim_digest digest;

    cr_assert(sim_world_file_digest(w, members[who].slots[slot].copy, &digest) == 0);
    return digest;
}

Test(streams, carry_what_is_wrong_with_a_copy)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},
        {0, 0, DIAL, 2, 0, 0},
        {0, 0, DIAL, 3, 0, 0},
        {0, 1, DIAL, 4, 0, 0},
        {0, 0, DIAL, 5, 0, 0},
        {1 * MS, 0, GIVE, 0, 1000, 0},
        {3 * MS, 0, CORRUPT, 1, 0, 0},
        {3 * MS, 0, GIVE, 1, 1000, 0},
        {5 * MS, 0, GIVE, 2, 1000, 0},
        {5400 * US, 0, CLOSE, 2, 0, 0}, /* what is queued still goes */
        {7 * MS, 1, PART, 1, 0, 0},
        {7 * MS, 1, CORRUPT, 1, 0, 0},
        {7 * MS, 1, GIVE, 0, 1000, 0},
        {9 * MS, 0, GIVE, 3, 1000, 0},
        {9600 * US - 1, 5, CLOSE, 0, 0, 0}, /* the 501st is wrong */
    };
    struct sim_digest right, wrong, other;

    run_acts(RATE, list, sizeof(list) / sizeof(list[0]));
    right = digest_at(1, 1);
    wrong = digest_at(2, 0);
    other = digest_at(4, 0);
    cr_assert(!sim_digest_equal(&right, &wrong));
    cr_assert(!sim_digest_equal(&right, &other) && !sim_digest_equal(&wrong, &other));
    wrong = digest_at(3, 0);
    other = digest_at(2, 0);
    cr_assert(sim_digest_equal(&wrong, &other), "the same node spoils the same byte");
    cr_assert(virtual_file_of(v, members[1].slots[1].copy)->taint == 0);
    cr_assert(virtual_file_of(v, members[2].slots[0].copy)->taint != 0);
    cr_assert(virtual_file_of(v, members[5].slots[0].copy)->taint == 0);
    cr_assert(virtual_file_of(v, members[5].slots[0].copy)->size == 499);
    end_world();
}

/* ---- Limits ---- */

Test(streams, refuse_more_than_64_KiB_of_messages_that_wait)
{
    struct act list[40];
    size_t refused = 0;

    list[0] = (struct act){0, 0, DIAL, 1, 0, 0};
    list[1] = (struct act){1 * MS, 0, GIVE, 0, 1000, 0};
    for (size_t i = 2; i < 40; i++) {
        list[i] = (struct act){1 * MS, 0, SEND, 0, SIM_WORLD_MESSAGE_MAX, 0};
    }
    run_acts(RATE, list, 40);
    for (size_t i = 0; i < told_len; i++) {
        refused += told[i].what == ANSWER && told[i].value == -SIM_ELIMIT;
    }
    cr_assert_eq(refused, 38 - 32);
    end_world();
}

/* A node that never consumes: told again and again with more, until it has gone too far. */
static size_t eat_nothing(void *self, sim_time now, sim_stream s, const uint8_t *bytes, size_t len)
{
    (void)now;
    (void)s;
    for (size_t i = 0; i < len; i++) {
        cr_assert(bytes[i] == (i % 700 == 0   ? 'M'
                               : i % 700 == 1 ? 700 >> 8
                               : i % 700 == 2 ? 700 & 255
                                              : 0),
                  "byte %zu of %zu", i, len);
    }
    note(self, MESSAGE, len);
    return 0;
}

Test(streams, end_when_a_node_holds_back_too_much)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},        {1 * MS, 0, SEND, 0, 700, 0}, {1 * MS, 0, SEND, 0, 700, 0},
        {1 * MS, 0, SEND, 0, 700, 0}, {1 * MS, 0, SEND, 0, 700, 0},
    };
    static const struct told want[] = {
        {100 * US, 1, ACCEPTED, 0},          {200 * US, 0, OPENED, 1},
        {1100 * US, 1, MESSAGE, 700},        {1100 * US, 1, MESSAGE, 1400},
        {1100 * US, 1, MESSAGE, 2100},       {1100 * US, 1, CLOSED, -SIM_EPROTO},
        {1200 * US, 0, CLOSED, -SIM_ERESET},
    };
    struct sim_node_ops hungry = member_ops, controller_ops = member_ops;

    hungry.stream_input = eat_nothing;
    controller_ops.wake = on_controller;
    acts = list;
    acts_len = sizeof(list) / sizeof(list[0]);
    open_world(RATE);
    populate(&hungry, &controller_ops);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    expect_told(want, sizeof(want) / sizeof(want[0]));
    end_world();
}

Test(streams, give_the_same_hash_every_time)
{
    static const struct act list[] = {
        {0, 0, DIAL, 1, 0, 0},          {0, 1, DIAL, 2, 0, 0},
        {1 * MS, 0, GIVE, 0, 1000, 64}, {1 * MS, 1, GIVE, 0, 500, 0},
        {1200 * US, 2, GROUP, 1, 0, 0}, {2 * MS, 2, GROUP, 0, 0, 0},
        {3 * MS, 1, CLOSE, 0, 0, 0},
    };
    size_t len = sizeof(list) / sizeof(list[0]);
    uint64_t first, other;

    run_acts(RATE, list, len);
    first = hash_now();
    struct sim_virtual_config config = stream_config(RATE); /* in the middle of nothing */
    cr_assert(sim_virtual_restart(v, &config) == 0);
    static struct sim_node_ops controller_ops;
    controller_ops = member_ops;
    controller_ops.wake = on_controller;
    populate(&member_ops, &controller_ops);
    cr_assert(sim_virtual_run(v) == SIM_ETIMEDOUT);
    cr_assert(hash_now() == first, "another hash after a restart");
    end_world();
    run_acts(RATE, list, len - 1);
    other = hash_now();
    cr_assert(other != first);
    end_world();
}
