/* scenarios/faults.c -- see faults.h. */
#include "scenarios/faults.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a fault knows of one phone, for the triggers. */
enum {
    SEEN_ROOT = 1,     /* confirmed root of the fault's file */
    SEEN_WAITING = 2,  /* root waiting */
    SEEN_FETCHING = 4, /* a transfer of the file is under way */
    SEEN_HOLDS = 8,    /* serves it */
    SEEN_PARENT = 16,  /* has a child in that hierarchy */
};

enum fault_state {
    FAULT_ARMED,  /* waits for its instant or its trigger */
    FAULT_DUE,    /* acts in the controller's next turn */
    FAULT_BROKEN, /* waits for its end */
    FAULT_OVER,
};

struct fault {
    const struct scenario_fault *what;
    enum fault_state state;
    sim_time at;     /* of ARMED by instant, of BROKEN's end */
    uint32_t victim; /* of a crash or a corrupt peer: phone that is named or the trigger chose */
    bool holds;      /* it keeps `victim` switched off */
    uint8_t *seen;   /* per phone; NULL for faults without a trigger */
};

struct faults {
    struct faults_site site;
    sim_node node;
    struct fault *list;
    size_t len;
};

/* It waits for what the phones do: for a moment in a phone's part, or for somebody to play it. */
static bool is_triggered(const struct scenario_fault *what)
{
    return what->who != SCENARIO_FAULT_NUMBER || what->when != SCENARIO_FAULT_AT;
}

static void say(struct faults *f, sim_time now, const char *text)
{
    sim_world_record(
        f->site.world,
        &(struct sim_record){.at = now, .node = f->node, .kind = SIM_RECORD_FAULT, .text = text});
}

/* Does any fault keep the phone switched off? */
static bool is_held(const struct faults *f, uint32_t number)
{
    for (size_t i = 0; i < f->len; i++) {
        if (f->list[i].holds && f->list[i].victim == number) {
            return true;
        }
    }
    return false;
}

static void phone_down(struct faults *f, sim_time now, struct fault *fault)
{
    char text[160], addr[SIM_ADDR_TEXT_MAX];
    struct phone *p = &f->site.phones[fault->victim];
    bool for_good = fault->what->down_for == SIM_NEVER;
    bool was_held = is_held(f, fault->victim);

    fault->holds = true;
    if (was_held && !for_good) {
        return; /* it is down already; now it takes both ends to bring it back */
    }
    snprintf(text, sizeof(text), "%s: phone %s %s%s", f->site.name, sim_addr_format(p->addr, addr),
             fault->what->silent ? "loses its power, silently" : "crashes",
             was_held         ? " for good while it is off"
             : phone_is_on(p) ? ""
                              : " before its start");
    say(f, now, text);
    phone_power_off(p, now, fault->what->silent, for_good);
}

/* Only what this fault took down, and only when no other fault keeps it there. */
static void phone_up(struct faults *f, sim_time now, struct fault *fault)
{
    char text[160], addr[SIM_ADDR_TEXT_MAX];
    struct phone *p = &f->site.phones[fault->victim];

    fault->holds = false;
    if (is_held(f, fault->victim)) {
        return;
    }
    snprintf(text, sizeof(text), "%s: phone %s %s", f->site.name, sim_addr_format(p->addr, addr),
             now < p->start ? "can start as planned" : "is switched on again");
    say(f, now, text);
    phone_power_on(p, now);
}

static void set_groups(struct faults *f, const struct fault *fault, uint32_t group)
{
    for (size_t i = 0; i < fault->what->numbers_len; i++) {
        if (fault->what->numbers[i] < f->site.phones_len) {
            sim_world_set_group(f->site.world, f->site.phones[fault->what->numbers[i]].node, group);
        }
    }
}

/* Breaks it (`on`) or mends it. */
static void act(struct faults *f, sim_time now, struct fault *fault, bool on)
{
    const struct scenario_fault *what = fault->what;
    switch (what->kind) {
    case SCENARIO_FAULT_CRASH:
        if (fault->victim < f->site.phones_len) {
            (on ? phone_down : phone_up)(f, now, fault);
        }
        return;
    case SCENARIO_FAULT_CORRUPT_PEER:
        if (fault->victim < f->site.phones_len) {
            say(f, now, on ? "a peer sends corrupt bodies" : "the peer is sound again");
            sim_world_set_corrupt(f->site.world, f->site.phones[fault->victim].node, on);
        }
        return;
    case SCENARIO_FAULT_PARTITION:
        say(f, now, on ? "the subnet is cut in two" : "the subnet is whole again");
        set_groups(f, fault, on ? 1 : 0);
        return;
    case SCENARIO_FAULT_SERVER_DOWN:
        say(f, now, on ? "the server is down" : "the server is up again");
        sim_world_set_server(f->site.world, !on);
        return;
    case SCENARIO_FAULT_WAN_DOWN:
        say(f, now, on ? "the line is down" : "the line is up again");
        sim_world_set_wan(f->site.world, f->site.site, !on);
        return;
    }
}

static bool trigger_fits(const struct scenario_fault *what, uint8_t seen)
{
    if (what->who == SCENARIO_FAULT_ROOT && (seen & SEEN_ROOT) == 0) {
        return false;
    }
    if (what->who == SCENARIO_FAULT_PARENT && ((seen & SEEN_PARENT) == 0 || (seen & SEEN_ROOT))) {
        return false;
    }
    switch (what->when) {
    case SCENARIO_FAULT_ROOT_WAITING:
        return (seen & SEEN_WAITING) != 0;
    case SCENARIO_FAULT_FETCHING:
        return (seen & SEEN_FETCHING) != 0;
    case SCENARIO_FAULT_SERVING:
        return (seen & (SEEN_HOLDS | SEEN_PARENT)) == (SEEN_HOLDS | SEEN_PARENT);
    case SCENARIO_FAULT_AT: /* whoever plays the part at that instant, or next */
        return true;
    }
    return false;
}

/* Its instant has come. False: nobody plays the part that it is for; the next who does is hit. */
static bool find_victim(const struct faults *f, struct fault *fault)
{
    if (fault->seen == NULL) {
        return true;
    }
    for (uint32_t i = 0; i < f->site.phones_len; i++) {
        if (trigger_fits(fault->what, fault->seen[i])) {
            fault->victim = i;
            return true;
        }
    }
    return false;
}

static void on_wake(void *self, sim_time now)
{
    struct faults *f = self;
    sim_time next = SIM_NEVER;
    for (size_t i = 0; i < f->len; i++) {
        struct fault *fault = &f->list[i];
        if (fault->state == FAULT_ARMED && now >= fault->at) {
            fault->at = SIM_NEVER;
            fault->state = find_victim(f, fault) ? FAULT_DUE : FAULT_ARMED;
        }
        if (fault->state == FAULT_DUE) {
            act(f, now, fault, true);
            fault->at = sim_time_add(now, fault->what->down_for);
            fault->state = fault->at == SIM_NEVER ? FAULT_OVER : FAULT_BROKEN;
        } else if (fault->state == FAULT_BROKEN && now >= fault->at) {
            act(f, now, fault, false);
            fault->state = FAULT_OVER;
        }
        if (fault->state == FAULT_ARMED || fault->state == FAULT_BROKEN) {
            next = sim_time_min(next, fault->at);
        }
    }
    sim_world_wake_at(f->site.world, f->node, next);
}

/* Keeps the phone's marks for this fault up to date. */
static void mark(uint8_t *seen, const struct sim_record *r)
{
    switch (r->kind) {
    case SIM_RECORD_ROLE:
        if (r->a == SIM_ROLE_ROOT_WAITING) {
            *seen |= SEEN_ROOT | SEEN_WAITING;
        } else if (r->a == SIM_ROLE_ROOT_FETCHING) {
            *seen = (uint8_t)((*seen & ~SEEN_WAITING) | SEEN_ROOT | SEEN_FETCHING);
        } else if (r->a == SIM_ROLE_SERVING) {
            *seen = (uint8_t)((*seen & ~(SEEN_WAITING | SEEN_FETCHING)) | SEEN_HOLDS);
        } else if (r->a == SIM_ROLE_NONE) {
            *seen = 0;
        }
        break;
    case SIM_RECORD_TRANSFER_BEGIN:
        *seen |= SEEN_FETCHING;
        break;
    case SIM_RECORD_TRANSFER_END:
        *seen &= (uint8_t)~SEEN_FETCHING;
        break;
    case SIM_RECORD_HOLD:
        *seen |= SEEN_HOLDS;
        break;
    case SIM_RECORD_CHILDREN:
        *seen = r->a > 0 ? *seen | SEEN_PARENT : *seen & (uint8_t)~SEEN_PARENT;
        break;
    case SIM_RECORD_PHASE:
    case SIM_RECORD_CLAIM:
    case SIM_RECORD_ATTACH:
    case SIM_RECORD_DETACH:
    case SIM_RECORD_REJECT:
    case SIM_RECORD_RESUME:
    case SIM_RECORD_FALLBACK:
    case SIM_RECORD_RETRY:
    case SIM_RECORD_OUTCOME:
    case SIM_RECORD_BACK:
    case SIM_RECORD_FAULT:
    case SIM_RECORD_LOG:
        break;
    }
}

void faults_observe(struct faults *f, const struct sim_record *record)
{
    if (f == NULL || record->name == NULL) {
        return;
    }
    uint32_t number = record->node - f->site.phones[0].node;
    if (number >= f->site.phones_len) {
        return;
    }
    for (size_t i = 0; i < f->len; i++) {
        struct fault *fault = &f->list[i];
        const struct scenario_fault *what = fault->what;
        if (fault->state != FAULT_ARMED || fault->seen == NULL ||
            (what->file != NULL && strcmp(what->file, record->name) != 0)) {
            continue;
        }
        mark(&fault->seen[number], record);
        bool chosen = what->who != SCENARIO_FAULT_NUMBER ||
                      (what->numbers_len > 0 && what->numbers[0] == number);
        bool too_early = what->at != SIM_NEVER && record->at < what->at;
        if (chosen && !too_early && trigger_fits(what, fault->seen[number])) {
            fault->victim = number;
            fault->state = FAULT_DUE;
            sim_world_wake_at(f->site.world, f->node, record->at);
        }
    }
}

/* A controller has no network, so the world tells it nothing but the time. */
static void no_datagram(void *self, sim_time now, const struct sim_datagram *datagram)
{
    (void)self;
    (void)now;
    (void)datagram;
}
static void no_stream_opened(void *self, sim_time now, sim_stream s, sim_addr peer, bool dialed)
{
    (void)self;
    (void)now;
    (void)s;
    (void)peer;
    (void)dialed;
}
static size_t no_stream_input(void *self, sim_time now, sim_stream s, const uint8_t *bytes,
                              size_t len)
{
    (void)self;
    (void)now;
    (void)s;
    (void)bytes;
    return len;
}
static void no_progress(void *self, sim_time now, uint64_t handle, uint64_t size)
{
    (void)self;
    (void)now;
    (void)handle;
    (void)size;
}
static void no_body(void *self, sim_time now, sim_stream s)
{
    (void)self;
    (void)now;
    (void)s;
}
static void no_stream_closed(void *self, sim_time now, sim_stream s, int why)
{
    (void)self;
    (void)now;
    (void)s;
    (void)why;
}
static void no_fetch_done(void *self, sim_time now, sim_fetch fetch,
                          const struct sim_fetch_result *result)
{
    (void)self;
    (void)now;
    (void)fetch;
    (void)result;
}

static const struct sim_node_ops controller_ops = {
    .wake = on_wake,
    .datagram = no_datagram,
    .stream_opened = no_stream_opened,
    .stream_input = no_stream_input,
    .body_progress = no_progress,
    .body_received = no_body,
    .body_sent = no_body,
    .stream_closed = no_stream_closed,
    .fetch_progress = no_progress,
    .fetch_done = no_fetch_done,
};

static bool concerns(const struct scenario_fault *what, const struct faults_site *site)
{
    return what->site == NULL || strcmp(what->site, site->name) == 0 ||
           strcmp(what->site, site->class_name) == 0;
}

int faults_new(struct faults **out, const struct faults_site *site)
{
    const struct scenario *s = site->scenario;
    struct faults *f = calloc(1, sizeof(*f));
    if (f == NULL) {
        return SIM_ENOMEM;
    }
    f->site = *site;
    f->list = calloc(s->faults_len + 1, sizeof(*f->list));
    if (f->list == NULL) {
        faults_free(f);
        return SIM_ENOMEM;
    }
    sim_time first = SIM_NEVER;
    for (size_t i = 0; i < s->faults_len; i++) {
        const struct scenario_fault *what = &s->faults[i];
        if (!concerns(what, site)) {
            continue;
        }
        struct fault *fault = &f->list[f->len++];
        fault->what = what;
        fault->victim = what->numbers_len > 0 ? what->numbers[0] : UINT32_MAX;
        fault->at = what->at;
        if (is_triggered(what)) {
            fault->seen = calloc(site->phones_len + 1, 1);
            if (fault->seen == NULL) {
                faults_free(f);
                return SIM_ENOMEM;
            }
        }
        first = sim_time_min(first, fault->at);
    }
    if (f->len == 0 || site->phones_len == 0) {
        faults_free(f);
        *out = NULL;
        return 0;
    }
    f->node = sim_world_add_node(site->world, site->site, 0, UINT64_C(1) << 48 | site->site,
                                 &controller_ops, f);
    if (f->node == SIM_NODE_NONE) {
        faults_free(f);
        return SIM_ELIMIT;
    }
    sim_world_finished(site->world, f->node); /* a run does not wait for its faults */
    sim_world_wake_at(site->world, f->node, first);
    *out = f;
    return 0;
}

void faults_free(struct faults *f)
{
    if (f == NULL) {
        return;
    }
    for (size_t i = 0; f->list != NULL && i < f->len; i++) {
        free(f->list[i].seen);
    }
    free(f->list);
    free(f);
}
