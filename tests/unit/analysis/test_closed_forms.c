/* Goal: the closed forms say what their papers say. Method: cases small enough to reckon by hand,
 * each with its reckoning beside it. */
#include <criterion/criterion.h>
#include <string.h>

#include "analysis/plan/closed_forms.h"

Test(closed_forms, copies_take_their_bytes_over_the_rate)
{
    cr_assert_eq(analysis_closed_copies(1000, 1, 8000), SIM_S);
    cr_assert_eq(analysis_closed_copies(1000, 30, 8000), 30 * SIM_S);
    cr_assert_eq(analysis_closed_copies(1, 1, 3), (8 * SIM_S + 2) / 3, "rounded up");
    cr_assert_eq(analysis_closed_copies(1000, 30, SIM_RATE_NONE), 0);
    cr_assert_eq(analysis_closed_copies(UINT64_MAX, UINT64_MAX, 1), SIM_NEVER);
}

Test(closed_forms, lock_step_waits_a_round_trip_for_each_block)
{
    struct analysis_lock_step l = {
        .bytes = 1024, .block_size = 512, .window = 1, .bit_s = SIM_RATE_NONE, .rtt = 100 * SIM_MS};

    /* 1024 / 512 + 1 = 3 blocks, the last one empty */
    cr_assert_eq(analysis_closed_lock_step(&l), 300 * SIM_MS);
    l.bytes = 1023;
    cr_assert_eq(analysis_closed_lock_step(&l), 200 * SIM_MS);
    l.bytes = 10 * 512 - 1; /* 10 blocks in windows of 4: 3 of them */
    l.window = 4;
    cr_assert_eq(analysis_closed_lock_step(&l), 300 * SIM_MS);
    l.window = 1;
    l.bytes = 1000; /* 2 blocks x (32 + 2) headers: 1068 bytes at 8 kbit/s */
    l.bit_s = 8000;
    l.framing = 2;
    cr_assert_eq(analysis_closed_lock_step(&l), 200 * SIM_MS + 1068 * SIM_MS);
}

Test(closed_forms, mundinger_doubles_who_has_it_every_round)
{
    /* a file of 1000 bytes takes a second over a port */
    cr_assert_eq(analysis_closed_mundinger(1000, 0, 1, 8000), 0);
    cr_assert_eq(analysis_closed_mundinger(1000, 1, 1, 8000), SIM_S);
    cr_assert_eq(analysis_closed_mundinger(1000, 2, 1, 8000), 2 * SIM_S);
    cr_assert_eq(analysis_closed_mundinger(1000, 3, 1, 8000), 2 * SIM_S, "2 hold it, then 4");
    cr_assert_eq(analysis_closed_mundinger(1000, 4, 1, 8000), 3 * SIM_S);
    cr_assert_eq(analysis_closed_mundinger(1000, 7, 4, 8000), 1500 * SIM_MS, "1 + 2 / 4");
    cr_assert_eq(analysis_closed_mundinger(1000, 1024, 10, 8000), 2 * SIM_S, "1 + 10 / 10");
    cr_assert_eq(analysis_closed_mundinger(1000, UINT64_MAX, 1, 8000), 64 * SIM_S);
    cr_assert_eq(analysis_closed_mundinger(1000, 7, 4, SIM_RATE_NONE), 0);
}

Test(closed_forms, kumar_and_ross_take_the_tightest_of_three)
{
    struct analysis_kumar_ross k = {.bytes = 1000,
                                    .peers = 9,
                                    .server_bit_s = 1000,
                                    .upload_bit_s = 100000,
                                    .download_bit_s = 100000};

    cr_assert_eq(analysis_closed_kumar_ross(&k), 8 * SIM_S, "F / u_s");
    k.download_bit_s = 500;
    cr_assert_eq(analysis_closed_kumar_ross(&k), 16 * SIM_S, "F / d_min");
    k.download_bit_s = 100000;
    k.server_bit_s = 9000;
    k.upload_bit_s = 1000; /* 9 x 8000 / (9000 + 9 x 1000) */
    cr_assert_eq(analysis_closed_kumar_ross(&k), 4 * SIM_S, "all bytes over all uploads");
    k.upload_bit_s = SIM_RATE_NONE;
    cr_assert_eq(analysis_closed_kumar_ross(&k), (8 * SIM_S + 8) / 9, "ports not paced");
}

Test(closed_forms, a_tree_passes_its_last_file_level_by_level)
{
    struct analysis_tree_form t = {.bytes = 2000,
                                   .last_bytes = 500,
                                   .phones = 30,
                                   .fanout = 2,
                                   .wan_bit_s = 8000,
                                   .port_bit_s = 80000};

    cr_assert_eq(analysis_closed_depth(1, 2), 0);
    cr_assert_eq(analysis_closed_depth(3, 2), 1);
    cr_assert_eq(analysis_closed_depth(4, 2), 2);
    cr_assert_eq(analysis_closed_depth(30, 2), 4, "1 + 2 + 4 + 8 + 16 = 31");
    cr_assert_eq(analysis_closed_depth(31, 2), 4);
    cr_assert_eq(analysis_closed_depth(32, 2), 5);
    cr_assert_eq(analysis_closed_depth(5, 1), 4, "a chain");
    cr_assert_eq(analysis_closed_tree(&t), 2 * SIM_S + 4 * 50 * SIM_MS);
}

/* The branch of the examples: 30 phones, 8.1 MB, a T1. */
Test(closed_forms, a_class_has_them_all)
{
    static const char text[] =
        "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"a\",\"files\":[{\"name\":\"f\","
        "\"size\":\"3000 B\"},{\"name\":\"g\",\"size\":\"1000 B\"}]},"
        "{\"model\":\"B\",\"load\":\"b\",\"files\":[{\"name\":\"h\",\"size\":\"2000 B\"}]}],"
        "\"sites\":[{\"wan\":{\"rate\":\"8 kbit/s\",\"rtt\":\"100 ms\",\"framing\":\"0 B\"},"
        "\"lan\":{\"rate\":\"80 kbit/s\"},\"phones\":[{\"model\":\"A\",\"count\":7},"
        "{\"model\":\"B\",\"count\":2},{\"model\":\"B\",\"count\":5,\"running\":\"b\"}]}]}";
    struct scenario_errors errors;
    struct scenario *s = NULL;
    struct analysis_closed_site c;

    cr_assert_eq(scenario_load_text("x.json", text, strlen(text), NULL, 0, &s, &errors), 0);
    analysis_closed_site(s, &s->sites[0], &c);
    cr_assert_eq(c.models, 2);
    cr_assert_eq(c.phones, 9, "those that run it already want none");
    cr_assert_eq(c.copy_bytes, 6000);
    cr_assert_eq(c.all_bytes, 7 * 4000 + 2 * 2000);
    cr_assert_eq(c.one_copy, 6 * SIM_S);
    cr_assert_eq(c.all_copies, 32 * SIM_S);
    /* A: 6 + 2 blocks and 4000 + 8 x 32 bytes */
    cr_assert_eq(c.lock_step, 800 * SIM_MS + 4256 * SIM_MS);
    /* A: 6 phones behind the root, 2 files: (1 + 2 / 2) x 0.4 s */
    cr_assert_eq(c.mundinger, 800 * SIM_MS);
    cr_assert_eq(c.kumar_ross, 6 * SIM_S, "one copy of both, over the one line");
    /* A: 7 phones, depth 2, its last file 0.1 s a hop; B: 2 phones, one hop of 0.2 s */
    cr_assert_eq(c.depth, 2);
    cr_assert_eq(c.tree, 6 * SIM_S + 200 * SIM_MS);
    cr_assert_eq(analysis_closed_least_bytes(&c, false, 0), 32000);
    cr_assert_eq(analysis_closed_least_bytes(&c, false, 3), 32000 - 3 * 4000);
    cr_assert_eq(analysis_closed_least_bytes(&c, false, 9), 0);
    cr_assert_eq(analysis_closed_least_bytes(&c, true, 1), 6000, "one of B remains");
    cr_assert_eq(analysis_closed_least_bytes(&c, true, 2), 0, "none need remain");
    scenario_errors_free(&errors);
    scenario_free(s);
}

/* Two loads on one line: the one with the long way down may come first, so its way is no part of
 * what all must take. */
Test(closed_forms, of_several_models_the_shortest_way_down_counts_behind_the_line)
{
    static const char text[] =
        "{\"name\":\"x\",\"firmware\":[{\"model\":\"A\",\"load\":\"a\",\"files\":[{\"name\":\"f\","
        "\"size\":\"1000 B\"}]},{\"model\":\"B\",\"load\":\"b\",\"files\":[{\"name\":\"h\","
        "\"size\":\"9000 B\"}]}],\"sites\":[{\"wan\":{\"rate\":\"8 kbit/s\"},"
        "\"lan\":{\"rate\":\"80 kbit/s\"},\"phones\":[{\"model\":\"A\",\"count\":3},"
        "{\"model\":\"B\",\"count\":7}]}]}";
    struct scenario_errors errors;
    struct scenario *s = NULL;
    struct analysis_closed_site c;

    cr_assert_eq(scenario_load_text("x.json", text, strlen(text), NULL, 0, &s, &errors), 0);
    analysis_closed_site(s, &s->sites[0], &c);
    cr_assert_eq(c.one_copy, 10 * SIM_S);
    /* behind the line A's one hop of 0.1 s; B: 9 s and two hops of 0.9 s */
    cr_assert_eq(c.tree, 9 * SIM_S + 2 * 900 * SIM_MS);
    scenario_errors_free(&errors);
    scenario_free(s);
}
