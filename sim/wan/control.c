/* sim/wan/control.c -- see control.h. */
#include "sim/wan/control.h"

#include <assert.h>

enum {
    BETA = 717, /* of 1024: the window after a loss */
    FAST_CONVERGENCE =
        (1024 + BETA) / 2, /* of 1024: the remembered maximum of a flow that gives way */
    CUBE_SCALE = 410,      /* C = 0.4 in units of 1/1024 */
    CUBE_SHIFT = 40,       /* time in 1/1024 s, cubed, and the unit of CUBE_SCALE */
    OFFSET_MAX = 1 << 17,  /* 128 s from the plateau: keeps the cube inside 64 bits */
    FIRST_GROWTH = 20,     /* before any loss: at least 5 % more a round trip */
    TRAIN_WINDOW = 16,     /* segments: HyStart leaves smaller windows alone */
    TRAIN_SAMPLES = 8,     /* round trips measured before the delay counts */
};

#define TRAIN_GAP (2 * SIM_MS) /* ACKs closer than this belong to one train */
#define TRAIN_SLACK                                                                                \
    (1 * SIM_MS) /* added to the train's length, for bursts of segmentation offload */
#define DELAY_RISE_MIN (4 * SIM_MS)
#define DELAY_RISE_MAX (16 * SIM_MS)
#define SAMPLES_QUIET SIM_S /* after a loss the queue is no measure */

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static void begin_round(struct wan_control *c, uint32_t next, sim_time now)
{
    c->round_start = now;
    c->train_last = now;
    c->round_end = next;
    c->round_rtt = SIM_NEVER;
    c->round_samples = 0;
}

static void forget_curve(struct wan_control *c)
{
    c->epoch = SIM_NEVER;
    c->last_max = 0;
    c->origin = 0;
    c->k = 0;
    c->per_growth = 0;
    c->reno_window = 0;
    c->reno_credit = 0;
    c->updated = SIM_NEVER;
    c->updated_window = 0;
    c->delay_min = SIM_NEVER;
    c->found = false;
}

void wan_control_init(struct wan_control *c, enum sim_wan_congestion kind, uint32_t next,
                      sim_time now)
{
    *c = (struct wan_control){
        .kind = kind,
        .window = WAN_CONTROL_INITIAL,
        .threshold = WAN_CONTROL_INFINITE,
    };
    forget_curve(c);
    begin_round(c, next, now);
}

/* Ends slow start where the line is about to be full instead of where its queue is. */
static void watch_slow_start(struct wan_control *c, sim_duration rtt, uint32_t una, uint32_t next,
                             sim_time now)
{
    if (una > c->round_end) {
        begin_round(c, next, now);
    }
    if (c->window < TRAIN_WINDOW) {
        return;
    }
    if (now - c->train_last <= TRAIN_GAP) {
        c->train_last = now;
        if (now - c->round_start > (c->delay_min + TRAIN_SLACK) / 2) {
            c->found = true;
        }
    }
    if (rtt < c->round_rtt) {
        c->round_rtt = rtt;
    }
    if (c->round_samples < TRAIN_SAMPLES) {
        c->round_samples++;
    } else {
        sim_duration rise = c->delay_min / 8;
        rise = rise < DELAY_RISE_MIN ? DELAY_RISE_MIN : rise;
        rise = rise > DELAY_RISE_MAX ? DELAY_RISE_MAX : rise;
        if (c->round_rtt > c->delay_min + rise) {
            c->found = true;
        }
    }
    if (c->found) {
        c->threshold = c->window;
    }
}

void wan_control_sample(struct wan_control *c, sim_duration rtt, uint32_t una, uint32_t next,
                        sim_time now)
{
    if (c->kind != SIM_WAN_CUBIC) {
        return;
    }
    if (c->epoch != SIM_NEVER && now - c->epoch < SAMPLES_QUIET) {
        return;
    }
    if (rtt < c->delay_min) {
        c->delay_min = rtt;
    }
    if (!c->found && wan_control_is_slow_start(c)) {
        watch_slow_start(c, rtt, una, next, now);
    }
}

/* The integer cube root, rounded down, bit by bit from the top. */
static uint64_t cube_root(uint64_t x)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 21; bit > 0; bit >>= 1) {
        uint64_t more = root | bit;
        if ((unsigned __int128)more * more * more <= x) {
            root = more;
        }
    }
    return root;
}

static void begin_epoch(struct wan_control *c, uint32_t acked, sim_time now)
{
    c->epoch = now;
    c->reno_credit = acked;
    c->reno_window = c->window;
    if (c->last_max <= c->window) {
        c->k = 0;
        c->origin = c->window;
    } else {
        c->k = cube_root(((UINT64_C(1) << CUBE_SHIFT) / CUBE_SCALE) * (c->last_max - c->window));
        c->origin = c->last_max;
    }
}

/* How many ACKs it takes to grow by one, so as to follow the curve one round trip ahead. */
static void follow_curve(struct wan_control *c, sim_time now)
{
    sim_duration ahead = now - c->epoch + (c->delay_min == SIM_NEVER ? 0 : c->delay_min);
    uint64_t t = (ahead / SIM_MS) * 1024 / 1000;
    uint64_t offset = t < c->k ? c->k - t : t - c->k;
    if (offset > OFFSET_MAX) {
        offset = OFFSET_MAX;
    }
    uint64_t delta = (CUBE_SCALE * offset * offset * offset) >> CUBE_SHIFT;
    uint64_t target = c->origin;
    if (t < c->k) {
        target = delta < target ? target - delta : 0;
    } else {
        target += delta;
    }
    if (target > c->window) {
        c->per_growth = (uint32_t)(c->window / (target - c->window));
    } else {
        c->per_growth = 100 * c->window; /* next to nothing */
    }
    if (c->last_max == 0 && c->per_growth > FIRST_GROWTH) {
        c->per_growth = FIRST_GROWTH;
    }
}

static void keep_up_with_reno(struct wan_control *c)
{
    /* Reno with this beta gains 3 (1 - beta) / (1 + beta) segments a round trip: one per 15/8
     * windows. */
    uint64_t per_segment = larger((uint32_t)(((uint64_t)c->window * 15) / 8), 1);

    if (c->reno_credit > per_segment) {
        uint64_t gained = (c->reno_credit - 1) / per_segment;
        c->reno_credit -= gained * per_segment;
        c->reno_window += (uint32_t)gained;
    }
    if (c->reno_window > c->window) {
        c->per_growth = smaller(c->per_growth, c->window / (c->reno_window - c->window));
    }
}

static void grow_linearly(struct wan_control *c, uint32_t per_growth, uint32_t acked)
{
    if (c->credit >= per_growth) {
        c->credit = 0;
        c->window++;
    }
    c->credit += acked;
    if (c->credit >= per_growth) {
        c->window += c->credit / per_growth;
        c->credit %= per_growth;
    }
}

void wan_control_grow(struct wan_control *c, uint32_t acked, sim_time now)
{
    if (wan_control_is_slow_start(c)) {
        uint32_t more = smaller(acked, c->threshold - c->window);
        c->window += more;
        acked -= more;
        if (acked == 0) {
            return;
        }
    }
    if (c->kind == SIM_WAN_RENO) {
        grow_linearly(c, c->window, acked);
        return;
    }
    c->reno_credit += acked;
    bool same = c->updated_window == c->window && c->updated != SIM_NEVER;
    if (!same || now - c->updated > SIM_S / 32) {
        if (c->epoch == SIM_NEVER || now - c->updated >= SIM_MS) {
            c->updated_window = c->window;
            c->updated = now;
            if (c->epoch == SIM_NEVER) {
                begin_epoch(c, acked, now);
            }
            follow_curve(c, now);
        }
        keep_up_with_reno(c);
        c->per_growth = larger(c->per_growth, 2);
    }
    grow_linearly(c, c->per_growth, acked);
}

uint32_t wan_control_reduce(struct wan_control *c)
{
    if (c->kind == SIM_WAN_RENO) {
        return larger(c->window / 2, 2);
    }
    c->epoch = SIM_NEVER;
    if (c->window < c->last_max) {
        c->last_max = (uint32_t)((uint64_t)c->window * FAST_CONVERGENCE / 1024);
    } else {
        c->last_max = c->window;
    }
    return larger((uint32_t)((uint64_t)c->window * BETA / 1024), 2);
}

void wan_control_forget(struct wan_control *c, uint32_t next, sim_time now)
{
    forget_curve(c);
    begin_round(c, next, now);
}

void wan_control_resume(struct wan_control *c, sim_duration idle)
{
    if (c->epoch != SIM_NEVER) {
        c->epoch += idle;
    }
}
