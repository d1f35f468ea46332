/* Goal: trials, protocols and back-off of one file from the server, by a table of answers.
 * Method: a world that only writes down what was asked and at which instant. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "phones/upgrade/fetcher.h"

struct stub {
    struct sim_world world; /* first member */
    struct sim_rng rng;
    sim_time now;
    unsigned fetches, cancels, retries, ends;
    uint64_t ended_bytes; /* of the last TRANSFER_END */
    uint32_t ended_status;
    enum sim_protocol protocol;
    char path[64];
    uint64_t file_size;
    struct sim_digest digest;
    int refuse; /* what sim_world_fetch() returns */
};

static sim_time stub_now(struct sim_world *w)
{
    return ((struct stub *)w)->now;
}
static struct sim_rng *stub_rng(struct sim_world *w, sim_node node)
{
    (void)node;
    return &((struct stub *)w)->rng;
}
static int stub_fetch(struct sim_world *w, sim_node node, const struct sim_fetch_request *request,
                      sim_fetch *out)
{
    struct stub *s = (struct stub *)w;
    (void)node;
    if (s->refuse != 0) {
        return s->refuse;
    }
    s->protocol = request->protocol;
    snprintf(s->path, sizeof(s->path), "%s", request->path);
    *out = ++s->fetches;
    return 0;
}
static void stub_cancel(struct sim_world *w, sim_fetch fetch)
{
    (void)fetch;
    ((struct stub *)w)->cancels++;
}
static void stub_record(struct sim_world *w, const struct sim_record *record)
{
    struct stub *s = (struct stub *)w;
    s->retries += record->kind == SIM_RECORD_RETRY;
    if (record->kind == SIM_RECORD_TRANSFER_END) {
        s->ends++;
        s->ended_bytes = record->b;
        s->ended_status = record->a;
    }
}
static uint64_t stub_file_size(struct sim_world *w, sim_file file)
{
    (void)file;
    return ((struct stub *)w)->file_size;
}
static int stub_file_digest(struct sim_world *w, sim_file file, struct sim_digest *out)
{
    (void)file;
    *out = ((struct stub *)w)->digest;
    return 0;
}
static const struct sim_world_ops stub_ops = {
    .now = stub_now,
    .rng = stub_rng,
    .fetch = stub_fetch,
    .fetch_cancel = stub_cancel,
    .record = stub_record,
    .file_size = stub_file_size,
    .file_digest = stub_file_digest,
};

static const struct fetcher_policy http_then_tftp = {
    .protocols = {SIM_PROTOCOL_HTTP, SIM_PROTOCOL_TFTP},
    .protocols_len = 2,
    .timeout = 4 * SIM_S,
    .retries = 2,
};

static struct stub world;
static struct fetcher f;

static void set_up(const struct fetcher_policy *policy)
{
    world = (struct stub){.world = {.ops = &stub_ops}};
    sim_rng_init(&world.rng, 1, SIM_RNG_TEST, 0);
    fetcher_init(&f, &world.world, 0, policy);
}

static void answer(int status)
{
    struct sim_fetch_result result = {
        .status = status, .code = -1, .reason = status != 0 ? "the cause" : ""};
    cr_assert(fetcher_fetch_done(&f, world.now, f.fetch, &result));
}

Test(fetcher, tries_http_once_and_then_tftp)
{
    set_up(&http_then_tftp);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a.sbn"});
    cr_assert_eq(world.protocol, SIM_PROTOCOL_HTTP);
    answer(SIM_EREFUSED);
    cr_assert_eq(f.state, FETCHER_EXPECT_ANSWER, "the next protocol at once");
    cr_assert_eq(world.protocol, SIM_PROTOCOL_TFTP);
    answer(0);
    cr_assert_eq(f.state, FETCHER_DONE);
    cr_assert_eq(world.retries, 1);
}

Test(fetcher, leaves_out_a_transport_that_failed_until_the_next_boot)
{
    set_up(&http_then_tftp);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a"});
    answer(SIM_ETIMEDOUT);
    answer(0);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "b"});
    cr_assert_eq(world.protocol, SIM_PROTOCOL_TFTP);
    answer(0);
    fetcher_forget(&f);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "c"});
    cr_assert_eq(world.protocol, SIM_PROTOCOL_HTTP);
}

Test(fetcher, keeps_http_after_a_404)
{
    set_up(&http_then_tftp);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a"});
    answer(SIM_ENOTFOUND);
    cr_assert_eq(world.protocol, SIM_PROTOCOL_TFTP);
    answer(SIM_ENOTFOUND);
    cr_assert_eq(f.state, FETCHER_FAILED, "not found is final on the last protocol");
    cr_assert_eq(f.status, SIM_ENOTFOUND);
    cr_assert_str_eq(f.reason, "a: the cause");
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "b"});
    cr_assert_eq(world.protocol, SIM_PROTOCOL_HTTP, "a missing file is no dead transport");
}

Test(fetcher, takes_a_missing_optional_file_as_an_answer)
{
    set_up(&http_then_tftp);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "CTL", .is_optional = true});
    answer(SIM_ENOTFOUND);
    cr_assert_eq(f.state, FETCHER_FAILED);
    cr_assert_eq(world.fetches, 1, "nobody else was asked");
}

Test(fetcher, backs_off_twice_as_long_each_time_and_gives_up_with_the_cause)
{
    static const struct fetcher_policy http_only = {
        .protocols = {SIM_PROTOCOL_HTTP}, .protocols_len = 1, .timeout = 4 * SIM_S, .retries = 2};
    set_up(&http_only);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a"});
    for (unsigned trial = 0; trial < 2; trial++) {
        answer(SIM_EBUSY);
        cr_assert_eq(f.state, FETCHER_BACKOFF);
        sim_duration base = (4 * SIM_S) << trial;
        cr_assert(f.deadline - world.now >= base / 2 && f.deadline - world.now <= base / 2 + base,
                  "trial %u waits half to one and a half times its base", trial);
        fetcher_wake(&f, f.deadline - 1);
        cr_assert_eq(f.state, FETCHER_BACKOFF, "a nanosecond early nothing happens");
        world.now = f.deadline;
        fetcher_wake(&f, world.now);
        cr_assert_eq(f.state, FETCHER_EXPECT_ANSWER);
    }
    answer(SIM_EBUSY);
    cr_assert_eq(f.state, FETCHER_FAILED);
    cr_assert_eq(world.fetches, 3, "one trial and two retries");
    cr_assert_eq(f.deadline, SIM_NEVER);
}

Test(fetcher, does_not_accept_a_wrong_digest)
{
    set_up(&http_then_tftp);
    struct fetcher_job job = {.name = "a", .is_firmware = true, .file = 5, .has_digest = true};
    job.digest.bytes[3] = 1;
    fetcher_start(&f, 0, &job);
    answer(0);
    cr_assert_eq(f.state, FETCHER_FAILED);
    cr_assert_eq(f.status, SIM_EDIGEST);
    world.digest = job.digest;
    fetcher_start(&f, 0, &job);
    answer(0);
    cr_assert_eq(f.state, FETCHER_DONE);
}

Test(fetcher, ignores_a_stale_answer_and_cancels_what_is_under_way)
{
    set_up(&http_then_tftp);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a"});
    struct sim_fetch_result result = {.status = 0};
    cr_assert_not(fetcher_fetch_done(&f, 0, 99, &result));
    cr_assert_eq(f.state, FETCHER_EXPECT_ANSWER);
    fetcher_cancel(&f);
    cr_assert_eq(world.cancels, 1);
    cr_assert_eq(f.state, FETCHER_IDLE);
    cr_assert_not(fetcher_fetch_done(&f, 0, 1, &result));
}

Test(fetcher, says_how_much_had_moved_when_it_cancels)
{
    static const struct {
        uint64_t before, after, moved;
    } rows[] = {{0, 3000000, 3000000}, {1000, 5000, 4000}, {1000, 0 /* lost its power */, 0}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        set_up(&http_then_tftp);
        world.file_size = rows[i].before;
        fetcher_start(&f, 0, &(struct fetcher_job){.name = "a", .is_firmware = true, .file = 5});
        world.file_size = rows[i].after;
        fetcher_cancel(&f);
        cr_assert_eq(world.ends, 1);
        cr_assert_eq(world.ended_status, (uint32_t)-SIM_ECANCELED);
        cr_assert_eq(world.ended_bytes, rows[i].moved, "row %zu: %llu", i,
                     (unsigned long long)world.ended_bytes);
    }
}

Test(fetcher, fails_when_the_world_takes_no_request)
{
    set_up(&http_then_tftp);
    world.refuse = SIM_ELIMIT;
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a"});
    cr_assert_eq(f.state, FETCHER_FAILED);
    cr_assert_eq(f.status, SIM_ELIMIT);
}

Test(fetcher, does_not_multiply_the_trials_of_tftp)
{
    static const struct fetcher_policy tftp_only = {
        .protocols = {SIM_PROTOCOL_TFTP}, .protocols_len = 1, .timeout = 4 * SIM_S, .retries = 6};
    set_up(&tftp_only);
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a"});
    answer(SIM_ETIMEDOUT);
    cr_assert_eq(f.state, FETCHER_FAILED, "its datagrams were repeated already");
    cr_assert_eq(world.fetches, 1);
}

Test(fetcher, takes_the_owners_word_for_a_copy_that_has_gone_when_it_cancels)
{
    set_up(&http_then_tftp);
    world.file_size = 1000;
    fetcher_start(&f, 0, &(struct fetcher_job){.name = "a", .is_firmware = true, .file = 5});
    world.file_size = 0;
    fetcher_cancel_at(&f, 5000);
    cr_assert_eq(world.ends, 1);
    cr_assert_eq(world.ended_bytes, 4000, "%llu", (unsigned long long)world.ended_bytes);
}
