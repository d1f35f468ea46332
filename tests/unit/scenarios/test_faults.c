/* Goal: faults take down and bring back the phones that they name, no others, whatever else happens
 * to these phones. Method: real phones in a world that only keeps their alarms; time jumps from
 * alarm to alarm. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "scenarios/faults.h"

enum { NODES_MAX = 8, PHONES = 3, START = 10 };

struct node {
    const struct sim_node_ops *ops;
    void *self;
    sim_time alarm;
    bool down, corrupt;
    uint32_t group;
    int outcome; /* -1: none */
    unsigned outcomes, boots;
    sim_time booted; /* of the last time */
};

static struct stub {
    struct sim_world world; /* first member */
    struct node nodes[NODES_MAX];
    uint32_t len;
    sim_time now;
    struct sim_rng rng;
    bool wan_up, server_up;
    char said[1024];
} w;

static sim_time stub_now(struct sim_world *world)
{
    (void)world;
    return w.now;
}
static sim_node stub_add(struct sim_world *world, uint32_t site, sim_addr addr, uint64_t id,
                         const struct sim_node_ops *ops, void *self)
{
    (void)world, (void)site, (void)addr, (void)id;
    cr_assert(w.len < NODES_MAX);
    w.nodes[w.len] = (struct node){.ops = ops, .self = self, .alarm = SIM_NEVER, .outcome = -1};
    return w.len++;
}
static void stub_wake_at(struct sim_world *world, sim_node node, sim_time at)
{
    (void)world;
    w.nodes[node].alarm = at;
}
static struct sim_rng *stub_rng(struct sim_world *world, sim_node node)
{
    (void)world, (void)node;
    return &w.rng;
}
static int stub_fetch(struct sim_world *world, sim_node node,
                      const struct sim_fetch_request *request, sim_fetch *out)
{
    (void)world, (void)node, (void)request;
    *out = 1; /* and nobody ever answers: the phone stays where it is */
    return 0;
}
static void stub_cancel(struct sim_world *world, sim_fetch fetch)
{
    (void)world, (void)fetch;
}
static void stub_file_free(struct sim_world *world, sim_file file)
{
    (void)world, (void)file;
}
static void stub_record(struct sim_world *world, const struct sim_record *r)
{
    (void)world;
    if (r->kind == SIM_RECORD_PHASE && r->a == SIM_PHASE_BOOT) {
        w.nodes[r->node].boots++;
        w.nodes[r->node].booted = r->at;
    } else if (r->kind == SIM_RECORD_OUTCOME) {
        w.nodes[r->node].outcome = (int)r->a;
        w.nodes[r->node].outcomes++;
    } else if (r->kind == SIM_RECORD_FAULT) {
        size_t len = strlen(w.said);
        snprintf(w.said + len, sizeof(w.said) - len, "%s\n", r->text);
    }
}
static void stub_finished(struct sim_world *world, sim_node node)
{
    (void)world, (void)node;
}
static void stub_set_down(struct sim_world *world, sim_node node, bool down, bool silent)
{
    (void)world, (void)silent;
    w.nodes[node].down = down;
    if (down) {
        w.nodes[node].alarm = SIM_NEVER;
    }
}
static void stub_set_group(struct sim_world *world, sim_node node, uint32_t group)
{
    (void)world;
    w.nodes[node].group = group;
}
static void stub_set_corrupt(struct sim_world *world, sim_node node, bool corrupt)
{
    (void)world;
    w.nodes[node].corrupt = corrupt;
}
static void stub_set_wan(struct sim_world *world, uint32_t site, bool up)
{
    (void)world, (void)site;
    w.wan_up = up;
}
static void stub_set_server(struct sim_world *world, bool up)
{
    (void)world;
    w.server_up = up;
}
static const struct sim_world_ops stub_ops = {
    .now = stub_now,
    .add_node = stub_add,
    .wake_at = stub_wake_at,
    .rng = stub_rng,
    .fetch = stub_fetch,
    .fetch_cancel = stub_cancel,
    .file_free = stub_file_free,
    .record = stub_record,
    .finished = stub_finished,
    .set_down = stub_set_down,
    .set_group = stub_set_group,
    .set_corrupt = stub_set_corrupt,
    .set_wan = stub_set_wan,
    .set_server = stub_set_server,
};

static const struct phone_kind kind = {
    .system = PHONE_CUCM,
    .model = "m",
    .load = "L2",
    .running = "L1",
    .boot = 1 * SIM_S,
    .policy = {.protocols = {SIM_PROTOCOL_HTTP},
               .protocols_len = 1,
               .timeout = 4 * SIM_S,
               .retries = 2},
};
static struct phone phones[PHONES];
static struct faults *faults;
static struct scenario scenario;

/* Three phones that start at 10 s, and these faults. */
static void set_up(struct scenario_fault *list, size_t len)
{
    w = (struct stub){.world = {.ops = &stub_ops}, .wan_up = true, .server_up = true};
    scenario = (struct scenario){.faults = list, .faults_len = len};
    for (uint32_t i = 0; i < PHONES; i++) {
        struct phone_place place = {.world = &w.world,
                                    .addr = 0x7f010002 + i,
                                    .mac = 0x001e13000001 + i,
                                    .id = i,
                                    .start = START * SIM_S};
        cr_assert_eq(phone_init(&phones[i], &kind, &place), 0);
    }
    struct faults_site site = {.scenario = &scenario,
                               .name = "branch#1",
                               .class_name = "branch",
                               .world = &w.world,
                               .phones = phones,
                               .phones_len = PHONES};
    cr_assert_eq(faults_new(&faults, &site), 0);
}

static void tear_down(void)
{
    faults_free(faults);
    for (uint32_t i = 0; i < PHONES; i++) {
        phone_deinit(&phones[i]);
    }
}

/* Alarms in their order, until `seconds` have come. */
static void run_to(uint64_t seconds)
{
    for (;;) {
        struct node *next = NULL;
        for (uint32_t i = 0; i < w.len; i++) {
            if (w.nodes[i].alarm <= seconds * SIM_S &&
                (next == NULL || w.nodes[i].alarm < next->alarm)) {
                next = &w.nodes[i];
            }
        }
        if (next == NULL) {
            break;
        }
        w.now = next->alarm > w.now ? next->alarm : w.now;
        next->alarm = SIM_NEVER;
        next->ops->wake(next->self, w.now);
    }
    w.now = seconds * SIM_S;
}

static struct scenario_fault crash(uint32_t *number, uint64_t at, sim_duration down_for)
{
    return (struct scenario_fault){.kind = SCENARIO_FAULT_CRASH,
                                   .numbers = number,
                                   .numbers_len = 1,
                                   .at = at * SIM_S,
                                   .down_for = down_for};
}

static uint32_t one = 1;

Test(faults, a_crash_takes_its_phone_down_and_brings_it_back)
{
    struct scenario_fault list[] = {crash(&one, 20, 30 * SIM_S)};
    set_up(list, 1);
    run_to(19);
    cr_assert(phone_is_on(&phones[1]));
    run_to(21);
    cr_assert(!phone_is_on(&phones[1]) && w.nodes[1].down);
    cr_assert(phone_is_on(&phones[0]) && phone_is_on(&phones[2]));
    run_to(51);
    cr_assert(phone_is_on(&phones[1]) && !w.nodes[1].down);
    cr_assert_eq(w.nodes[1].boots, 2);
    cr_assert_eq(w.nodes[1].booted, 50 * SIM_S);
    cr_assert_eq(w.nodes[1].outcome, -1);
    tear_down();
}

Test(faults, a_crash_that_ends_before_the_start_does_not_bring_it_forward)
{
    struct scenario_fault list[] = {crash(&one, 2, 3 * SIM_S)};
    set_up(list, 1);
    run_to(9);
    cr_assert_not(phone_is_on(&phones[1]), "its start is planned for 10 s");
    run_to(20);
    cr_assert_eq(w.nodes[1].boots, 1);
    cr_assert_eq(w.nodes[1].booted, START * SIM_S);
    tear_down();
}

Test(faults, a_crash_over_the_start_makes_it_wait)
{
    struct scenario_fault list[] = {crash(&one, 5, 15 * SIM_S)};
    set_up(list, 1);
    run_to(19);
    cr_assert_not(phone_is_on(&phones[1]));
    cr_assert(phone_is_on(&phones[0]));
    run_to(60);
    cr_assert_eq(w.nodes[1].boots, 1);
    cr_assert_eq(w.nodes[1].booted, 20 * SIM_S);
    tear_down();
}

Test(faults, a_crash_for_good_before_the_start_is_not_lost)
{
    struct scenario_fault list[] = {crash(&one, 5, SIM_NEVER)};
    set_up(list, 1);
    run_to(100);
    cr_assert_eq(w.nodes[1].boots, 0);
    cr_assert_eq(w.nodes[1].outcome, SIM_OUTCOME_FAILED);
    cr_assert_eq(w.nodes[0].boots, 1);
    tear_down();
}

Test(faults, a_second_crash_does_not_revive_what_is_off_for_good)
{
    struct scenario_fault list[] = {crash(&one, 20, SIM_NEVER), crash(&one, 30, 10 * SIM_S)};
    set_up(list, 2);
    run_to(100);
    cr_assert_not(phone_is_on(&phones[1]));
    cr_assert_eq(w.nodes[1].boots, 1);
    cr_assert_eq(w.nodes[1].outcomes, 1);
    cr_assert_eq(w.nodes[1].outcome, SIM_OUTCOME_FAILED);
    tear_down();
}

Test(faults, a_crash_for_good_of_a_phone_that_is_off_keeps_it_off)
{
    struct scenario_fault list[] = {crash(&one, 20, 30 * SIM_S), crash(&one, 30, SIM_NEVER)};
    set_up(list, 2);
    run_to(100);
    cr_assert_not(phone_is_on(&phones[1]));
    cr_assert_eq(w.nodes[1].outcome, SIM_OUTCOME_FAILED);
    tear_down();
}

Test(faults, two_crashes_that_overlap_end_with_the_later_end)
{
    struct scenario_fault list[] = {crash(&one, 20, 30 * SIM_S), crash(&one, 30, 50 * SIM_S)};
    set_up(list, 2);
    run_to(79);
    cr_assert_not(phone_is_on(&phones[1]), "the second fault lasts until 80 s");
    run_to(81);
    cr_assert(phone_is_on(&phones[1]));
    cr_assert_eq(w.nodes[1].boots, 2);
    tear_down();
}

static void root_waits(uint32_t node, const char *file)
{
    faults_observe(faults, &(struct sim_record){.at = w.now,
                                                .node = node,
                                                .kind = SIM_RECORD_ROLE,
                                                .a = SIM_ROLE_ROOT_WAITING,
                                                .name = file});
}

Test(faults, a_trigger_takes_the_phone_that_plays_the_part_for_that_file)
{
    char file[] = "cnu.sbn";
    struct scenario_fault list[] = {{.kind = SCENARIO_FAULT_CRASH,
                                     .who = SCENARIO_FAULT_ROOT,
                                     .when = SCENARIO_FAULT_ROOT_WAITING,
                                     .file = file,
                                     .at = SIM_NEVER,
                                     .down_for = 5 * SIM_S}};
    set_up(list, 1);
    run_to(20);
    root_waits(0, "jar.sbn");
    run_to(21);
    cr_assert(phone_is_on(&phones[0]), "another file");
    root_waits(2, "cnu.sbn");
    cr_assert(phone_is_on(&phones[2]), "nothing breaks in the middle of a notice");
    run_to(22);
    cr_assert_not(phone_is_on(&phones[2]));
    cr_assert(phone_is_on(&phones[0]));
    run_to(30);
    cr_assert(phone_is_on(&phones[2]));
    tear_down();
}

Test(faults, an_instant_takes_who_is_root_then_or_becomes_root_next)
{
    struct scenario_fault list[] = {{.kind = SCENARIO_FAULT_CRASH,
                                     .who = SCENARIO_FAULT_ROOT,
                                     .at = 20 * SIM_S,
                                     .down_for = SIM_NEVER},
                                    {.kind = SCENARIO_FAULT_CORRUPT_PEER,
                                     .who = SCENARIO_FAULT_ROOT,
                                     .at = 0,
                                     .down_for = SIM_NEVER}};
    set_up(list, 2);
    run_to(15);
    cr_assert_not(w.nodes[0].corrupt, "nobody is root yet");
    root_waits(2, "cnu.sbn");
    run_to(19);
    cr_assert(phone_is_on(&phones[2]));
    cr_assert(w.nodes[2].corrupt && !w.nodes[0].corrupt);
    run_to(21);
    cr_assert_not(phone_is_on(&phones[2]));
    cr_assert(phone_is_on(&phones[0]) && phone_is_on(&phones[1]));
    tear_down();
}

Test(faults, lines_servers_groups_and_corruption_come_and_go)
{
    uint32_t two[] = {0, 2};
    struct scenario_fault list[] = {
        {.kind = SCENARIO_FAULT_WAN_DOWN, .at = 20 * SIM_S, .down_for = 10 * SIM_S},
        {.kind = SCENARIO_FAULT_SERVER_DOWN, .at = 20 * SIM_S, .down_for = 10 * SIM_S},
        {.kind = SCENARIO_FAULT_PARTITION,
         .numbers = two,
         .numbers_len = 2,
         .at = 20 * SIM_S,
         .down_for = 10 * SIM_S},
        {.kind = SCENARIO_FAULT_CORRUPT_PEER,
         .numbers = &one,
         .numbers_len = 1,
         .at = 0,
         .down_for = SIM_NEVER},
    };
    set_up(list, 4);
    run_to(21);
    cr_assert(!w.wan_up && !w.server_up);
    cr_assert(w.nodes[0].group == 1 && w.nodes[1].group == 0 && w.nodes[2].group == 1);
    cr_assert(w.nodes[1].corrupt && !w.nodes[0].corrupt);
    run_to(31);
    cr_assert(w.wan_up && w.server_up);
    cr_assert(w.nodes[0].group == 0 && w.nodes[2].group == 0);
    cr_assert(w.nodes[1].corrupt);
    tear_down();
}

Test(faults, of_another_site_are_not_its_own)
{
    char name[] = "elsewhere";
    struct scenario_fault list[] = {crash(&one, 20, SIM_NEVER)};
    list[0].site = name;
    set_up(list, 1);
    cr_assert_null(faults);
    tear_down();
}
