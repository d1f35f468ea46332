/* tests/world/lab_sweep.c -- random worlds with faults, held to the laws after every event.
 *
 *   lab_sweep [SEEDS [FIRST]]   each seed draws phones, numbers and faults; every tenth world
 *                               runs twice and must leave the same trace
 *   lab_sweep 1 SEED log        one world again, with everybody's console on standard error
 *
 * A failure prints the seed and the command that shows it. When all faults have ended, every phone
 * must end too: upgraded, or failed only where the server did something wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "tests/world/crew.h"

enum { FAULTS_MAX = 6 };

enum fault_kind {
    CRASH,
    PARTITION,
    CORRUPT_PEER,
    SERVER_FAILS,
    SERVER_STALLS,
    SERVER_CORRUPTS,
    FAULT_KINDS
};

struct fault {
    enum fault_kind kind;
    sim_time at, until;
    size_t phone; /* CRASH, CORRUPT_PEER */
    bool root;    /* CRASH: whoever is root then */
    bool silent, returns;
    uint32_t split; /* PARTITION: phones whose number has one of these bits */
    bool begun, ended;
    size_t hit;
};

struct plan {
    struct fault faults[FAULTS_MAX];
    size_t len;
    bool server_trouble, lossy;
    sim_duration spread;
    size_t models, sites;
};

static struct crew crew;

static uint64_t pick(struct sim_rng *rng, const uint64_t *from, size_t len)
{
    return from[sim_rng_below(rng, len)];
}
#define PICK(rng, ...)                                                                             \
    pick(rng, (const uint64_t[]){__VA_ARGS__},                                                     \
         sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static void draw_numbers(struct crew *c, struct plan *plan, struct sim_rng *rng)
{
    static const char *const files[] = {"/dnld/SCCP41.loads", "/dnld/jar41.sbn", "/dnld/cnu41.sbn"};

    c->config.listen = PICK(rng, 0, 50 * SIM_MS, 500 * SIM_MS, 500 * SIM_MS);
    c->config.ad_interval = PICK(rng, 50 * SIM_MS, 250 * SIM_MS, 250 * SIM_MS);
    c->config.ads = (uint32_t)PICK(rng, 0, 1, 4, 4, 4);
    c->config.root_wait = PICK(rng, 0, 2 * SIM_S, 10 * SIM_S);
    c->config.fanout = (uint32_t)PICK(rng, 1, 2, 2, 2, 3, 16);
    c->config.parent_timeout = PICK(rng, 3 * SIM_S, 30 * SIM_S, 30 * SIM_S);
    c->config.stall = PICK(rng, 20 * SIM_S, 60 * SIM_S);
    c->config.rejoin_attempts = (uint32_t)PICK(rng, 0, 1, 3, 3, 3);
    c->config.linger = PICK(rng, 0, 5 * SIM_S, 30 * SIM_S, 30 * SIM_S);
    c->config.linger_max = PICK(rng, 20 * SIM_S, 600 * SIM_S, 600 * SIM_S);
    c->config.fallback = PICK(rng, 0, 0, 0, 1) == 0 ? PFS_FALLBACK_SERVER : PFS_FALLBACK_FAIL;
    c->lab_config.jitter = PICK(rng, 0, 100 * SIM_US, 5 * SIM_MS);
    c->lab_config.loss_ppm = (uint32_t)PICK(rng, 0, 0, 10000, 200000);
    c->lab_config.fetch_rate = PICK(rng, 500, 5000, 50000);
    c->lab_config.port_rate = PICK(rng, 2000, 20000, 1000000);
    if (c->lab_config.port_rate < 20000) {
        c->config.parent_timeout = 30 * SIM_S; /* the lab's pieces come further apart than 3 s */
    }
    c->lab_config.file_size = PICK(rng, 0, 1, 700, 20000, 20000);
    c->files_len = (size_t)sim_rng_between(rng, 1, 3);
    for (size_t i = 0; i < c->files_len; i++) {
        c->files[i] = files[i];
    }
    c->knows_digests = sim_rng_below(rng, 4) > 0;
    plan->spread = PICK(rng, 0, SIM_S, 20 * SIM_S, 200 * SIM_S);
    plan->lossy = c->lab_config.loss_ppm > 0;
    plan->models = (size_t)PICK(rng, 1, 1, 2);
    plan->sites = (size_t)PICK(rng, 1, 1, 2);
}

/* From a stream of its own: the other numbers of a seed stay what they are. */
static void draw_what_ifs(struct crew *c, const struct plan *plan, uint64_t seed)
{
    struct sim_rng rng;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, 1);
    c->config.relay = PICK(&rng, 0, 0, 1) == 0 ? PFS_STORE_AND_FORWARD : PFS_CUT_THROUGH;
    c->config.chunk = PICK(&rng, 1, 100, 3000, 8000, 100000);
    c->config.fanout =
        PICK(&rng, 0, 0, 1) == 0 ? c->config.fanout : (uint32_t)sim_rng_between(&rng, 1, 16);
    c->knows_sizes = PICK(&rng, 0, 1) == 1;
    c->config.hierarchy = PICK(&rng, 0, 1) == 0 ? PFS_PER_FILE : PFS_PER_LOAD;
    if (plan->models * plan->sites == 1 && PICK(&rng, 0, 0, 0, 1) == 1) {
        c->config.election = PFS_STATIC;
    }
}

static void draw_faults(struct crew *c, struct plan *plan, struct sim_rng *rng, size_t phones)
{
    plan->len = (size_t)PICK(rng, 0, 0, 1, 2, 4, FAULTS_MAX);
    for (size_t i = 0; i < plan->len; i++) {
        struct fault *f = &plan->faults[i];
        *f = (struct fault){
            .kind =
                (enum fault_kind)PICK(rng, CRASH, CRASH, CRASH, PARTITION, PARTITION, CORRUPT_PEER,
                                      SERVER_FAILS, SERVER_STALLS, SERVER_CORRUPTS),
            .at = sim_rng_between(rng, 0, plan->spread + 60 * SIM_S),
            .phone = (size_t)sim_rng_below(rng, phones),
            .root = sim_rng_below(rng, 2) == 0,
            .silent = sim_rng_below(rng, 2) == 0,
            .returns = sim_rng_below(rng, 2) == 0,
            .split = (uint32_t)sim_rng_between(rng, 1, 7),
        };
        if (f->kind == SERVER_CORRUPTS && !c->knows_digests) {
            f->kind = CRASH; /* trust on first use can't notice that */
        }
        f->until = f->at + sim_rng_between(rng, SIM_MS, 120 * SIM_S);
        plan->server_trouble = plan->server_trouble || f->kind >= SERVER_FAILS;
    }
}

static size_t find_root(const struct crew *c, size_t otherwise)
{
    for (size_t i = 0; i < c->len; i++) {
        const struct pfs *p = c->phones[i].pfs;
        for (const struct pfs_hier *h = p == NULL ? NULL : p->hiers; h != NULL; h = h->next) {
            if (h->is_root) {
                return i;
            }
        }
    }
    return otherwise;
}

static void begin(struct crew *c, struct fault *f)
{
    struct sim_world *w = lab_world(c->lab);

    f->begun = true;
    switch (f->kind) {
    case CRASH:
        f->hit = f->root ? find_root(c, f->phone) : f->phone;
        f->ended = c->phones[f->hit].down || c->phones[f->hit].done || !f->returns;
        crew_crash(c, f->hit, f->silent, f->returns);
        return;
    case PARTITION:
        for (size_t i = 0; i < c->len; i++) {
            sim_world_set_group(w, c->phones[i].node, (i & f->split) != 0);
        }
        return;
    case CORRUPT_PEER:
        sim_world_set_corrupt(w, c->phones[f->phone].node, true);
        return;
    case SERVER_FAILS:
        lab_server_fails(c->lab, SIM_ENOTFOUND, "HTTP 404 from the lab");
        return;
    case SERVER_STALLS:
        lab_server_stalls(c->lab, true);
        return;
    case SERVER_CORRUPTS:
        lab_server_corrupts(c->lab, true);
        return;
    case FAULT_KINDS:
        return;
    }
}

static void end(struct crew *c, struct fault *f)
{
    f->ended = true;
    switch (f->kind) {
    case CRASH:
        crew_restart(c, f->hit);
        return;
    case PARTITION:
        for (size_t i = 0; i < c->len; i++) {
            sim_world_set_group(lab_world(c->lab), c->phones[i].node, 0);
        }
        return;
    case CORRUPT_PEER:
        return; /* for good */
    case SERVER_FAILS:
        lab_server_fails(c->lab, 0, "");
        return;
    case SERVER_STALLS:
        lab_server_stalls(c->lab, false);
        return;
    case SERVER_CORRUPTS:
        lab_server_corrupts(c->lab, false);
        return;
    case FAULT_KINDS:
        return;
    }
}

static void run_with_faults(struct crew *c, struct plan *plan)
{
    for (;;) {
        sim_time next = SIM_NEVER;
        struct fault *due = NULL;
        for (size_t i = 0; i < plan->len; i++) {
            struct fault *f = &plan->faults[i];
            sim_time at = !f->begun ? f->at : !f->ended ? f->until : SIM_NEVER;
            if (at < next) {
                next = at;
                due = f;
            }
        }
        if (due == NULL) {
            crew_run(c);
            return;
        }
        crew_run_until(c, next);
        if (!due->begun) {
            begin(c, due);
        } else {
            end(c, due);
        }
        if (c->broken[0] != '\0') {
            return;
        }
    }
}

static void judge(struct crew *c, const struct plan *plan)
{
    /* A phone that leaves before its children have the file is no fault, but no peace either. */
    uint64_t body_s = c->lab_config.file_size * c->config.fanout / c->lab_config.port_rate;
    /* The lab carries a body in six pieces: they must come well within the parent's timeout. */
    bool is_steady = body_s * SIM_S / 2 < c->config.parent_timeout;
    bool quiet = plan->len == 0 && !plan->lossy && is_steady &&
                 c->config.linger_max > 2 * body_s * SIM_S && c->config.linger_max >= 600 * SIM_S &&
                 c->config.rejoin_attempts > 0 && c->config.linger > 0 &&
                 c->config.election == PFS_BROADCAST;

    for (size_t i = 0; i < c->len && c->broken[0] == '\0'; i++) {
        const struct crew_phone *ph = &c->phones[i];
        if (!ph->done && !ph->down) {
            snprintf(c->broken, sizeof(c->broken), "phone %zu never ended", i);
        } else if (ph->failed && !plan->server_trouble &&
                   c->config.fallback == PFS_FALLBACK_SERVER) {
            snprintf(c->broken, sizeof(c->broken), "phone %zu failed: %s", i, ph->reason);
        } else if (ph->failed && ph->reason[0] == '\0') {
            snprintf(c->broken, sizeof(c->broken), "phone %zu failed without a reason", i);
        } else if (quiet && ph->fallbacks > 0) {
            snprintf(c->broken, sizeof(c->broken), "phone %zu fell back without a fault", i);
        }
    }
    /* Everybody wanted it within the time that the first one serves, and nobody is elected and has
     * fetched before a root that just announced itself, or a holder, may answer. */
    sim_duration election =
        (c->config.ads + 1) * c->config.ad_interval + c->config.root_wait + c->config.listen;
    if (quiet && election >= PFS_ANSWER_MAX + PFS_ANSWER_GAP && c->broken[0] == '\0' &&
        c->config.linger >= 30 * SIM_S && plan->spread <= 20 * SIM_S) {
        size_t groups = 0;
        bool seen[8] = {false};
        for (size_t i = 0; i < c->len; i++) {
            size_t key = c->phones[i].site * 2 + (strcmp(c->phones[i].model, "CP-7961G") == 0);
            groups += !seen[key];
            seen[key] = true;
        }
        if (c->wan_copies != groups * c->files_len) {
            snprintf(c->broken, sizeof(c->broken), "%u WAN copies, not %zu", c->wan_copies,
                     groups * c->files_len);
        }
    }
}

static uint64_t run(uint64_t seed, bool log)
{
    struct plan plan = {0};
    struct sim_rng rng;

    sim_rng_init(&rng, seed, SIM_RNG_TEST, 0);
    crew_defaults(&crew, seed);
    crew.log = log;
    draw_numbers(&crew, &plan, &rng);
    draw_what_ifs(&crew, &plan, seed);
    size_t phones = (size_t)PICK(&rng, 1, 2, 3, 5, 8, 13, 21, 34);
    draw_faults(&crew, &plan, &rng, phones);
    crew_open(&crew);
    for (size_t i = 0; i < phones; i++) {
        crew_add(&crew, (uint32_t)sim_rng_below(&rng, plan.sites),
                 sim_rng_below(&rng, plan.models) == 0 ? "CP-7961G" : "CP-7970G",
                 sim_rng_between(&rng, 0, plan.spread));
    }
    run_with_faults(&crew, &plan);
    judge(&crew, &plan);
    uint64_t hash = lab_trace_hash(crew.lab);
    if (log) {
        const struct lab_counts *counts = lab_counts(crew.lab);
        fprintf(stderr, "relay %d, chunk %llu, hierarchy %d, election %d, fanout %u\n",
                (int)crew.config.relay, (unsigned long long)crew.config.chunk,
                (int)crew.config.hierarchy, (int)crew.config.election, crew.config.fanout);
        fprintf(stderr, "%zu phones, %zu faults, %.3f s, %llu events, %u WAN copies, %zu failed\n",
                phones, plan.len, sim_time_seconds(lab_now(crew.lab)),
                (unsigned long long)counts->events, crew.wan_copies, crew_count_failed(&crew));
        for (size_t i = 0; i < plan.len; i++) {
            const struct fault *f = &plan.faults[i];
            fprintf(stderr, "fault kind %d phone %zu at %.6f until %.6f%s%s\n", (int)f->kind,
                    f->kind == CRASH ? f->hit : f->phone, sim_time_seconds(f->at),
                    sim_time_seconds(f->until), f->silent ? " silent" : "",
                    f->returns ? " returns" : "");
        }
    }
    crew_close(&crew);
    return hash;
}

int main(int argc, char **argv)
{
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 300;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    bool log = argc > 3;
    unsigned bad = 0;

    for (uint64_t seed = first; seed < first + seeds; seed++) {
        uint64_t hash = run(seed, log);
        if (crew.broken[0] == '\0' && seed % 10 == 0 && run(seed, false) != hash) {
            snprintf(crew.broken, sizeof(crew.broken), "two runs left different traces");
        }
        if (crew.broken[0] != '\0') {
            printf("seed %llu: %s\n    to see it: lab_sweep 1 %llu log\n", (unsigned long long)seed,
                   crew.broken, (unsigned long long)seed);
            bad++;
        }
    }
    printf("%llu worlds from seed %llu, %u broken\n", (unsigned long long)seeds,
           (unsigned long long)first, bad);
    return bad == 0 ? 0 : 1;
}
