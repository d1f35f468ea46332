/* tests/unit/sim_virtual/test_determinism.c
 *
 * Goal: two runs of one configuration are equal event by event, and a node that remembers something
 * from the run before (the usual bug: a static variable) is found at its first event that differs.
 * Method: five nodes talk at random; one of them may have hidden state that outlives a run. */
#include "tests/unit/sim_virtual/probe.h"

enum { NODES = 5, BAD = 3, ROUNDS = 20, STEPS_MAX = 2000 };

/* What the hidden state does from the fifth waking on. */
enum hidden { NOTHING, OTHER_BYTES, OTHER_LENGTH, OTHER_INSTANT, ONE_MORE };

static enum hidden hidden;
static uint32_t runs; /* the hidden state */
static struct sim_virtual_step steps[2][STEPS_MAX];

static void talk(struct probe *p, sim_time now, const struct sim_datagram *d)
{
    struct sim_rng *rng = sim_world_rng(p->world, p->node);
    uint32_t differs = p == &probes[BAD] && p->woken_len >= 5 ? runs : 0;
    uint8_t bytes[40] = {(uint8_t)p->woken_len, hidden == OTHER_BYTES ? (uint8_t)differs : 0};
    sim_duration wait = sim_rng_between(rng, SIM_MS, 10 * SIM_MS);

    (void)d;
    cr_assert(sim_world_send(p->world, p->node, probes[sim_rng_below(rng, NODES)].addr, bytes,
                             20 + (hidden == OTHER_LENGTH ? differs : 0)) == 0);
    if (hidden == ONE_MORE && differs > 0) {
        cr_assert(sim_world_broadcast(p->world, p->node, bytes, 30) == 0);
    }
    if (p->woken_len < ROUNDS) {
        sim_world_wake_at(p->world, p->node, now + wait + (hidden == OTHER_INSTANT ? differs : 0));
    }
}

static size_t run(struct sim_virtual_step *out)
{
    struct sim_virtual_config config = config_of(7);
    struct sim_virtual *v = world_of(&config, NODES);
    size_t len = 0;

    for (uint32_t i = 0; i < NODES; i++) {
        probes[i].on_wake = talk;
        sim_world_wake_at(probes[i].world, probes[i].node, i);
    }
    while (sim_virtual_step(v, &out[len])) {
        len++;
        cr_assert(len < STEPS_MAX);
    }
    sim_virtual_free(v);
    runs++;
    return len;
}

static bool is_same(const struct sim_virtual_step *a, const struct sim_virtual_step *b)
{
    return a->at == b->at && a->node == b->node && a->hash == b->hash && a->number == b->number &&
           strcmp(a->what, b->what) == 0;
}

/* The number of equal steps before the first one that differs; `*len`: of the shorter run. */
static size_t first_difference(enum hidden how, size_t *len)
{
    size_t first, second, equal = 0;

    hidden = how;
    runs = 0;
    first = run(steps[0]);
    second = run(steps[1]);
    *len = first < second ? first : second;
    while (equal < *len && is_same(&steps[0][equal], &steps[1][equal])) {
        equal++;
    }
    if (how == NOTHING) {
        cr_assert_eq(first, second);
    }
    return equal;
}

TestSuite(determinism, .init = set_up, .fini = tear_down);

Test(determinism, two_runs_are_equal_event_by_event)
{
    size_t len, equal = first_difference(NOTHING, &len);

    cr_assert_eq(equal, len);
    cr_assert(len > NODES * ROUNDS);
}

Test(determinism, hidden_state_shows_at_the_first_event_that_it_changes)
{
    static const struct {
        enum hidden how;
        bool is_heard; /* else the bad node itself wakes at another instant */
    } rows[] = {
        {OTHER_BYTES, true}, {OTHER_LENGTH, true}, {OTHER_INSTANT, false}, {ONE_MORE, true}};

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t len, equal = first_difference(rows[i].how, &len);
        const struct sim_virtual_step *a = &steps[0][equal], *b = &steps[1][equal];

        cr_assert(equal < len, "row %zu: not found", i);
        cr_assert(equal > 4 * NODES, "row %zu: found at event %zu already", i, equal);
        cr_assert(a->number == equal + 1 && b->number == equal + 1);
        if (rows[i].is_heard) {
            cr_assert(strstr(b->what, "127.1.0.5") != NULL, "row %zu names \"%s\", not the node", i,
                      b->what);
        } else {
            cr_assert(a->node == BAD || b->node == BAD, "row %zu: \"%s\"", i, b->what);
        }
    }
}

Test(determinism, what_was_equal_before_the_difference_has_equal_hashes_and_what_comes_behind_not)
{
    size_t len, equal = first_difference(OTHER_BYTES, &len);

    for (size_t i = 0; i < len; i++) {
        cr_assert((steps[0][i].hash == steps[1][i].hash) == (i < equal), "event %zu", i);
    }
}
