/* phones/phone.c -- see phone.h: the life of a phone, and the way of each notice to its machine. */
#include "phones/phone.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static void say(struct phone *p, sim_time now, enum sim_record_kind kind, uint32_t a,
                const char *name, const char *text)
{
    sim_world_record(
        p->world,
        &(struct sim_record){
            .at = now, .node = p->node, .kind = kind, .a = a, .name = name, .text = text});
}

/* The only place that changes the state; the phase goes with it. */
static void enter(struct phone *p, sim_time now, enum phone_state state, sim_duration wait)
{
    static const enum sim_phase phases[] = {
        [PHONE_OFF] = SIM_PHASE_OFF,
        [PHONE_BOOTING] = SIM_PHASE_BOOT,
        [PHONE_CONFIGURING] = SIM_PHASE_CONFIGURE,
        [PHONE_UPGRADING] = SIM_PHASES_LEN, /* said by the upgrade and the peer machine */
        [PHONE_LINGERING] = SIM_PHASE_LINGER,
        [PHONE_APPLYING] = SIM_PHASE_APPLY,
        [PHONE_REBOOTING] = SIM_PHASE_REBOOT,
        [PHONE_CHECKING_IN] = SIM_PHASE_CONFIGURE,
        [PHONE_IN_SERVICE] = SIM_PHASE_IN_SERVICE,
        [PHONE_FAILED] = SIM_PHASE_FAILED,
    };
    p->state = state;
    p->deadline = wait == SIM_NEVER ? SIM_NEVER : sim_time_add(now, wait);
    if (phases[state] != SIM_PHASES_LEN) {
        say(p, now, SIM_RECORD_PHASE, phases[state], NULL, NULL);
    }
}

static void outcome(struct phone *p, sim_time now, enum sim_outcome what, const char *reason)
{
    if (!p->has_outcome) {
        p->has_outcome = true;
        say(p, now, SIM_RECORD_OUTCOME, what, NULL, reason);
    }
}

static void stop_sharing(struct phone *p, sim_time now)
{
    if (p->pfs != NULL) {
        pfs_stop(p->pfs, now);
        pfs_free(p->pfs);
        p->pfs = NULL;
    }
}

static void in_service(struct phone *p, sim_time now)
{
    say(p, now, SIM_RECORD_BACK, 0, p->is_upgraded ? p->kind->load : p->kind->running, NULL);
    enter(p, now, PHONE_IN_SERVICE, SIM_NEVER);
    sim_world_finished(p->world, p->node);
}

static void ended_failed(struct phone *p, sim_time now)
{
    stop_sharing(p, now);
    upgrade_reset(&p->upgrade);
    enter(p, now, PHONE_FAILED, SIM_NEVER);
    sim_world_finished(p->world, p->node);
}

/* A phone that failed may hold files that its children still take: it lingers like the others. */
static void failed(struct phone *p, sim_time now, const char *reason)
{
    outcome(p, now, SIM_OUTCOME_FAILED, reason);
    p->has_failed = true;
    if (p->pfs == NULL) {
        ended_failed(p, now);
        return;
    }
    enter(p, now, PHONE_LINGERING, SIM_NEVER);
}

static void apply(struct phone *p, sim_time now)
{
    stop_sharing(p, now);
    upgrade_reset(&p->upgrade);
    if (p->kind->system == PHONE_BARE) {
        enter(p, now, PHONE_IN_SERVICE, SIM_NEVER); /* upgraded() said the rest */
        return;
    }
    enter(p, now, PHONE_APPLYING, p->kind->apply);
}

static void upgraded(struct phone *p, sim_time now)
{
    outcome(p, now, SIM_OUTCOME_UPGRADED, NULL);
    p->is_upgraded = true;
    if (p->kind->system == PHONE_BARE) {
        /* It has no reboot: in service at once, and serves on. */
        say(p, now, SIM_RECORD_BACK, 0, p->kind->load, NULL);
        sim_world_finished(p->world, p->node);
    }
    if (p->pfs == NULL) {
        apply(p, now);
        return;
    }
    enter(p, now, PHONE_LINGERING, SIM_NEVER);
}

static void start_sharing(struct phone *p, sim_time now)
{
    struct pfs_identity identity = {
        .world = p->world,
        .node = p->node,
        .addr = p->addr,
        .model = p->kind->model,
        .log = p->log,
        .peers = p->peers,
        .peers_len = p->peers_len,
        .peers_self = p->peers_self,
    };
    p->pfs = pfs_new(&p->kind->pfs, &identity);
    if (p->pfs != NULL && pfs_start(p->pfs, now) != 0) {
        pfs_free(p->pfs);
        p->pfs = NULL;
    }
}

static void start_upgrade(struct phone *p, sim_time now, const char *load)
{
    bool has_load_server = p->config.load_server[0] != '\0';
    p->is_shared = p->kind->method_shares &&
                   (p->kind->system == PHONE_BARE ? p->kind->shares : p->config.sharing);
    if (p->is_shared) {
        start_sharing(p, now);
    }
    struct upgrade_config config = {
        .manifest = p->kind->manifest,
        .place = p->kind->system == PHONE_BARE ? p->kind->place
                 : has_load_server             ? SIM_SERVER_LAN
                                               : SIM_SERVER_WAN,
        .pfs = p->pfs,
        .group = p->kind->load,
    };
    p->state = PHONE_UPGRADING;
    p->deadline = SIM_NEVER;
    p->has_moved = true;
    if (p->kind->system == PHONE_BARE) {
        upgrade_start_files(&p->upgrade, now, &config, p->kind->files, p->kind->files_len);
    } else {
        upgrade_start_load(&p->upgrade, now, &config, load);
    }
}

static void configured(struct phone *p, sim_time now)
{
    const char *load = p->config.load;
    bool is_check_in = p->state == PHONE_CHECKING_IN;
    if (is_check_in) {
        in_service(p, now);
        return;
    }
    const char *running = p->is_upgraded ? p->kind->load : p->kind->running;
    if (load[0] == '\0' || strcmp(load, running) == 0) {
        outcome(p, now, SIM_OUTCOME_CURRENT, NULL);
        in_service(p, now);
        return;
    }
    start_upgrade(p, now, load);
}

/* The system's provisioning moved; `reason` is filled when it failed. */
static void look_at_system(struct phone *p, sim_time now, const char *reason)
{
    if (p->cucm.state == CUCM_DONE) {
        configured(p, now);
    } else if (p->cucm.state == CUCM_FAILED) {
        if (p->state == PHONE_CHECKING_IN) {
            /* It runs the new load; the server just can't be told. It is back, late and
             * unannounced. */
            in_service(p, now);
            return;
        }
        failed(p, now, reason[0] != '\0' ? reason : p->fetcher.reason);
    }
}

static void configure(struct phone *p, sim_time now, enum phone_state state)
{
    enter(p, now, state, SIM_NEVER);
    cucm_init(&p->cucm, &p->fetcher, p->kind->model, p->mac);
    cucm_start(&p->cucm, now);
    look_at_system(p, now, "");
}

static void power_on(struct phone *p, sim_time now)
{
    if (p->kind->system == PHONE_BARE) {
        start_upgrade(p, now, "");
        return;
    }
    enter(p, now, PHONE_BOOTING, p->kind->boot);
}

static void look_at_upgrade(struct phone *p, sim_time now)
{
    if (!p->has_moved || p->state != PHONE_UPGRADING) {
        return;
    }
    p->has_moved = false;
    if (p->upgrade.state == UPGRADE_DONE) {
        upgraded(p, now);
    } else if (p->upgrade.state == UPGRADE_FAILED) {
        failed(p, now, p->upgrade.reason);
    }
}

static void look_at_leave(struct phone *p, sim_time now)
{
    if (p->state != PHONE_LINGERING || p->pfs == NULL || !pfs_may_leave(p->pfs, now)) {
        return;
    }
    if (p->has_failed) {
        ended_failed(p, now);
    } else {
        apply(p, now);
    }
}

static void set_alarm(struct phone *p, sim_time at)
{
    if (at != p->alarm) {
        p->alarm = at;
        sim_world_wake_at(p->world, p->node, at);
    }
}

/* After every notice: drain the peer machine, look at what changed, set the one alarm. */
static void settle(struct phone *p, sim_time now)
{
    struct pfs_event event;
    while (p->pfs != NULL && pfs_take_event(p->pfs, &event)) {
        p->has_moved = true;
        upgrade_pfs_event(&p->upgrade, now, &event);
    }
    look_at_upgrade(p, now);
    look_at_leave(p, now);
    sim_time at = sim_time_min(p->deadline, p->fetcher.deadline);
    if (p->pfs != NULL) {
        at = sim_time_min(at, pfs_deadline(p->pfs));
    }
    set_alarm(p, at);
}

static void deadline_passed(struct phone *p, sim_time now)
{
    p->deadline = SIM_NEVER;
    switch (p->state) {
    case PHONE_OFF:
        power_on(p, now);
        return;
    case PHONE_BOOTING:
        configure(p, now, PHONE_CONFIGURING);
        return;
    case PHONE_APPLYING:
        enter(p, now, PHONE_REBOOTING, p->kind->reboot);
        return;
    case PHONE_REBOOTING:
        configure(p, now, PHONE_CHECKING_IN);
        return;
    case PHONE_CONFIGURING:
    case PHONE_UPGRADING:
    case PHONE_LINGERING:
    case PHONE_CHECKING_IN:
    case PHONE_IN_SERVICE:
    case PHONE_FAILED:
        return;
    }
}

/* The fetcher moved: its end, if it is one, goes to the machine that asked. */
static void fetch_ended(struct phone *p, sim_time now, const struct sim_fetch_result *result)
{
    if (p->state == PHONE_CONFIGURING || p->state == PHONE_CHECKING_IN) {
        char reason[FETCHER_REASON_MAX] = "";
        cucm_fetch_done(&p->cucm, now, result, &p->config, reason);
        look_at_system(p, now, reason);
    } else {
        p->has_moved = true;
        upgrade_fetch_done(&p->upgrade, now, result);
    }
}

static void on_wake(void *self, sim_time now)
{
    struct phone *p = self;
    pfs_expect(p->pfs);
    p->alarm = SIM_NEVER;
    if (now >= p->deadline) {
        deadline_passed(p, now);
    }
    fetcher_wake(&p->fetcher, now);
    if (p->fetcher.state == FETCHER_FAILED) {
        fetch_ended(p, now, NULL); /* a new trial could not even begin */
    }
    if (p->pfs != NULL) {
        pfs_wake(p->pfs, now);
    }
    settle(p, now);
}

static void on_datagram(void *self, sim_time now, const struct sim_datagram *datagram)
{
    struct phone *p = self;
    if (p->pfs != NULL && pfs_datagram(p->pfs, now, datagram)) {
        settle(p, now);
    }
}

static void on_stream_opened(void *self, sim_time now, sim_stream stream, sim_addr peer,
                             bool dialed)
{
    struct phone *p = self;
    pfs_expect(p->pfs);
    if (p->pfs == NULL) {
        sim_world_stream_close(p->world, stream);
        return;
    }
    pfs_stream_opened(p->pfs, now, stream, peer, dialed);
    settle(p, now);
}

static size_t on_stream_input(void *self, sim_time now, sim_stream stream, const uint8_t *bytes,
                              size_t len)
{
    struct phone *p = self;
    pfs_expect(p->pfs);
    if (p->pfs == NULL) {
        return len;
    }
    size_t consumed = pfs_stream_input(p->pfs, now, stream, bytes, len);
    settle(p, now);
    return consumed;
}

static void on_body_progress(void *self, sim_time now, sim_stream stream, uint64_t size)
{
    struct phone *p = self;
    if (p->pfs != NULL) {
        pfs_body_progress(p->pfs, now, stream, size);
        settle(p, now);
    }
}

static void on_body_received(void *self, sim_time now, sim_stream stream)
{
    struct phone *p = self;
    if (p->pfs != NULL) {
        pfs_body_received(p->pfs, now, stream);
        settle(p, now);
    }
}

static void on_body_sent(void *self, sim_time now, sim_stream stream)
{
    struct phone *p = self;
    if (p->pfs != NULL) {
        pfs_body_sent(p->pfs, now, stream);
        settle(p, now);
    }
}

static void on_stream_closed(void *self, sim_time now, sim_stream stream, int why)
{
    struct phone *p = self;
    if (p->pfs != NULL) {
        pfs_stream_closed(p->pfs, now, stream, why);
        settle(p, now);
    }
}

static void on_fetch_progress(void *self, sim_time now, sim_fetch fetch, uint64_t size)
{
    struct phone *p = self;
    (void)size;
    if (p->pfs != NULL && p->upgrade.is_root_fetch && fetch == p->fetcher.fetch) {
        pfs_fetch_moved(p->pfs, now);
        settle(p, now);
    }
}

static void on_fetch_done(void *self, sim_time now, sim_fetch fetch,
                          const struct sim_fetch_result *result)
{
    struct phone *p = self;
    if (!fetcher_fetch_done(&p->fetcher, now, fetch, result)) {
        return;
    }
    fetch_ended(p, now, result);
    settle(p, now);
}

static const struct sim_node_ops phone_ops = {
    .wake = on_wake,
    .datagram = on_datagram,
    .stream_opened = on_stream_opened,
    .stream_input = on_stream_input,
    .body_progress = on_body_progress,
    .body_received = on_body_received,
    .body_sent = on_body_sent,
    .stream_closed = on_stream_closed,
    .fetch_progress = on_fetch_progress,
    .fetch_done = on_fetch_done,
};

int phone_init(struct phone *p, const struct phone_kind *kind, const struct phone_place *place)
{
    *p = (struct phone){
        .kind = kind,
        .world = place->world,
        .addr = place->addr,
        .mac = place->mac,
        .start = place->start,
        .state = PHONE_OFF,
        .deadline = place->start,
        .alarm = SIM_NEVER,
        .log = place->log,
        .peers = place->peers,
        .peers_len = place->peers_len,
        .peers_self = place->peers_self,
    };
    p->node = sim_world_add_node(place->world, place->site, place->addr, place->id, &phone_ops, p);
    if (p->node == SIM_NODE_NONE) {
        return SIM_ELIMIT;
    }
    fetcher_init(&p->fetcher, p->world, p->node, &kind->policy);
    upgrade_init(&p->upgrade, p->world, p->node, &p->fetcher);
    set_alarm(p, p->deadline);
    return 0;
}

void phone_deinit(struct phone *p)
{
    if (p->pfs != NULL) {
        pfs_free(p->pfs);
        p->pfs = NULL;
    }
    upgrade_reset(&p->upgrade);
}

void phone_power_off(struct phone *p, sim_time now, bool silent, bool for_good)
{
    /* What ends in the middle is told while its copy is still there to be measured. Then the world
     * forgets the node's streams, fetches and copies; then ours forget them too. */
    fetcher_cancel(&p->fetcher);
    if (p->pfs != NULL) {
        pfs_power_off(p->pfs, now);
    }
    sim_world_set_down(p->world, p->node, true, silent);
    p->alarm = SIM_NEVER;
    phone_deinit(p);
    fetcher_init(&p->fetcher, p->world, p->node, &p->kind->policy);
    cucm_init(&p->cucm, &p->fetcher, p->kind->model, p->mac);
    if (!for_good && p->has_failed) {
        p->has_outcome = false; /* it will try again: what comes of that counts */
    }
    p->has_failed = false;
    enter(p, now, PHONE_OFF, SIM_NEVER);
    if (for_good) {
        outcome(p, now, SIM_OUTCOME_FAILED, "switched off by a fault, for good");
        sim_world_finished(p->world, p->node);
    }
}

void phone_power_on(struct phone *p, sim_time now)
{
    if (p->state != PHONE_OFF || p->deadline != SIM_NEVER) {
        return; /* it is on, or was not switched off and waits for its start */
    }
    sim_world_set_down(p->world, p->node, false, false);
    if (now < p->start) {
        p->deadline = p->start;
    } else {
        power_on(p, now);
    }
    settle(p, now);
}

bool phone_is_on(const struct phone *p)
{
    return p->state != PHONE_OFF;
}
