/* sim/live/loop.h -- one libuv loop of the live world: its clock, exact timers, descriptors,
 * lag.
 *
 * Inside sim/live only. One thread runs one loop; nothing here is safe from another thread
 * except live_loop_stop(). The clock is read once a turn (live_loop_now() is a cached value), so
 * all that happens in a turn happens at one instant. Timers have nanosecond instants and wake by
 * a timerfd under uv_poll, since libuv's own have 1 ms; they are kept in a 4-ary heap, ties in
 * order of setting. */
#ifndef SIM_LIVE_LOOP_H
#define SIM_LIVE_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "sim/time.h"

struct live_loop;

/* Embed it; zero it before first use. `fire` may set the timer again. */
struct live_timer {
    sim_time at;   /* read only */
    uint32_t slot; /* 0: not set */
    uint64_t order;
    void (*fire)(struct live_timer *timer, sim_time now);
};

/* A descriptor watched for readiness, level-triggered. Embed it. */
struct live_watch {
    uv_poll_t poll; /* first member */
    int fd;
    int events; /* UV_READABLE | UV_WRITABLE now asked for */
    /* `events` has UV_READABLE also on hang-up and error, so that a read tells. */
    void (*ready)(struct live_watch *watch, int events, sim_time now);
    void (*closed)(struct live_watch *watch); /* after live_watch_close(): memory may go now */
};

/* `epoch`: CLOCK_MONOTONIC ns that is instant 0 of the run, the same for all loops. 0 or SIM_E*. */
int live_loop_new(struct live_loop **out, uint64_t epoch);
/* Every watch must have been closed; `closed` callbacks that are due still come. NULL is fine. */
void live_loop_free(struct live_loop *loop);
/* Before live_loop_run(): moves instant 0. A loop made with the epoch UINT64_MAX stands at
 * instant 0 until then. */
void live_loop_set_epoch(struct live_loop *loop, uint64_t epoch);
uv_loop_t *live_loop_uv(struct live_loop *loop);
/* Descriptors watched now. */
size_t live_loop_watches(const struct live_loop *loop);
/* Most descriptors that the process had open whenever this loop began to watch one: the kernel
 * gives the lowest number that is free, so a number n says that n others were in use. */
size_t live_loop_descriptors_peak(const struct live_loop *loop);
/* The instant of this turn. */
sim_time live_loop_now(const struct live_loop *loop);
/* Reads the clock afresh, for pacing inside a long turn; live_loop_now() moves with it. */
sim_time live_loop_read_clock(struct live_loop *loop);
/* CLOCK_MONOTONIC in ns: for a new epoch. */
uint64_t live_loop_monotonic(void);

/* Runs until live_loop_stop(). */
void live_loop_run(struct live_loop *loop);
/* From any thread or a signal handler. */
void live_loop_stop(struct live_loop *loop);

/* `at` in the past fires in the next turn (and becomes the present); SIM_NEVER clears. */
void live_timer_set(struct live_loop *loop, struct live_timer *timer, sim_time at);
void live_timer_clear(struct live_loop *loop, struct live_timer *timer);

/* Takes over watching, not ownership, of `fd`. 0 or SIM_E*. */
int live_watch_open(struct live_loop *loop, struct live_watch *watch, int fd);
/* Changes what is waited for; 0 waits for nothing. Cheap when nothing changes. */
void live_watch_set(struct live_watch *watch, int events);
/* Stops watching and closes the descriptor; `closed` (may be NULL) is called from a later turn,
 * until then the struct must stay. */
void live_watch_close(struct live_watch *watch);

/* Planned against actual instant of every timer fired: the loop's lag. */
struct live_lag {
    uint64_t count;
    sim_duration p50, p99, max; /* within 1/64 of the true value */
};
void live_loop_lag(const struct live_loop *loop, struct live_lag *out);
/* A lag that a user of the loop measured itself (a pacer, a relay). */
void live_loop_lag_note(struct live_loop *loop, sim_duration lag);
/* The worst lag noted while whole second `second` of the loop's time ran; 0 also when nothing was
 * noted or that is over LIVE_LAG_SECONDS - 1 seconds ago. From any thread. */
enum { LIVE_LAG_SECONDS = 16 }; /* our choice: watchers look several times a second */
sim_duration live_loop_lag_in(const struct live_loop *loop, uint32_t second);
/* Adds the lags of another loop, which must have stopped: percentiles of a run with several
 * loops are exact. */
void live_loop_lag_add(struct live_loop *into, const struct live_loop *from);

#endif /* SIM_LIVE_LOOP_H */
