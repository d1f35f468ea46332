/* sim/live/loop.c -- the loop: clock, timer heap, watched descriptors, lag histogram. See
 * loop.h.
 *
 * The order of a turn: the timerfd is armed for the earliest timer, libuv polls and calls the
 * watches, then all timers that are due fire. Leaves out: what any descriptor is for. */
#include "sim/live/loop.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "sim/err.h"

enum {
    HEAP_FIRST = 256,       /* timers of room at first; doubles */
    HEAP_ARITY = 4,         /* children of a heap place: half the depth of a binary heap */
    LAG_SUB = 64,           /* buckets a power of two: within 1/64 */
    LAG_SUB_BITS = 6,       /* log2(LAG_SUB) */
    LAG_BUCKETS = 59 * 64,  /* every uint64_t: 64 exact ones, then 58 powers of two */
    DRAIN_TURNS_MAX = 1000, /* turns that closing may take before it is a programmer's error */
};

struct live_loop {
    uv_loop_t uv;
    uv_async_t wake; /* of live_loop_stop() */
    uv_prepare_t before_poll;
    uv_check_t after_poll;
    uv_poll_t alarm;
    int alarm_fd;
    sim_time alarm_at; /* what the timerfd is armed for; SIM_NEVER */
    uint64_t epoch;
    sim_time now;
    bool fresh; /* the clock was read in this turn */
    atomic_bool stop;
    struct live_timer **heap; /* places from 0; a timer's slot is its place + 1 */
    size_t heap_len, heap_cap;
    uint64_t order;
    size_t watches, descriptors_peak;
    uint64_t lag_count;
    sim_duration lag_max;
    uint64_t lag[LAG_BUCKETS];
    /* By second modulo their number: the second in the upper half, its worst lag in microseconds in
     * the lower one. */
    _Atomic uint64_t lag_seconds[LIVE_LAG_SECONDS];
};

/* ---- The clock ---- */

uint64_t live_loop_monotonic(void)
{
    struct timespec ts;
    int rc = clock_gettime(CLOCK_MONOTONIC, &ts);

    assert(rc == 0);
    (void)rc;
    return (uint64_t)ts.tv_sec * SIM_S + (uint64_t)ts.tv_nsec;
}

sim_time live_loop_read_clock(struct live_loop *loop)
{
    uint64_t clock = live_loop_monotonic();
    sim_time now = sim_time_since(clock, loop->epoch); /* before the epoch it is still 0 */

    if (now > loop->now) {
        loop->now = now;
    }
    loop->fresh = true;
    return loop->now;
}

sim_time live_loop_now(const struct live_loop *loop)
{
    /* The first one to ask in a turn reads the clock: libuv has no call between its poll and the
     * first callback. The loop itself is never a const object. */
    if (!loop->fresh) {
        return live_loop_read_clock((struct live_loop *)loop);
    }
    return loop->now;
}

/* ---- Timers: a 4-ary heap by (at, order) ---- */

static bool is_earlier(const struct live_timer *a, const struct live_timer *b)
{
    return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void heap_put(struct live_loop *loop, size_t place, struct live_timer *timer)
{
    loop->heap[place] = timer;
    timer->slot = (uint32_t)place + 1;
}

static void heap_up(struct live_loop *loop, size_t place, struct live_timer *timer)
{
    while (place > 0) {
        size_t parent = (place - 1) / HEAP_ARITY;

        if (!is_earlier(timer, loop->heap[parent])) {
            break;
        }
        heap_put(loop, place, loop->heap[parent]);
        place = parent;
    }
    heap_put(loop, place, timer);
}

static void heap_down(struct live_loop *loop, size_t place, struct live_timer *timer)
{
    for (;;) {
        size_t first = place * HEAP_ARITY + 1;
        size_t best = first;

        if (first >= loop->heap_len) {
            break;
        }
        for (size_t i = first + 1; i < first + HEAP_ARITY && i < loop->heap_len; i++) {
            if (is_earlier(loop->heap[i], loop->heap[best])) {
                best = i;
            }
        }
        if (!is_earlier(loop->heap[best], timer)) {
            break;
        }
        heap_put(loop, place, loop->heap[best]);
        place = best;
    }
    heap_put(loop, place, timer);
}

static void heap_grow(struct live_loop *loop)
{
    size_t cap = loop->heap_cap == 0 ? HEAP_FIRST : loop->heap_cap * 2;
    struct live_timer **heap = realloc(loop->heap, cap * sizeof(*heap));

    /* A timer that can't be set would be a hang, which is worse than an end with a message. */
    if (heap == NULL) {
        abort();
    }
    loop->heap = heap;
    loop->heap_cap = cap;
}

void live_timer_clear(struct live_loop *loop, struct live_timer *timer)
{
    size_t place;
    struct live_timer *last;

    if (timer->slot == 0) {
        return;
    }
    place = timer->slot - 1;
    assert(place < loop->heap_len && loop->heap[place] == timer);
    timer->slot = 0;
    last = loop->heap[--loop->heap_len];
    if (last == timer) {
        return;
    }
    if (place > 0 && is_earlier(last, loop->heap[(place - 1) / HEAP_ARITY])) {
        heap_up(loop, place, last);
    } else {
        heap_down(loop, place, last);
    }
}

void live_timer_set(struct live_loop *loop, struct live_timer *timer, sim_time at)
{
    assert(timer->fire != NULL);
    live_timer_clear(loop, timer);
    if (at == SIM_NEVER) {
        return;
    }
    /* An instant in the past is due now: lag counts from here, and what is set while timers fire
     * sorts behind those that were due before it. */
    if (at < live_loop_now(loop)) {
        at = loop->now;
    }
    timer->at = at;
    timer->order = loop->order++;
    if (loop->heap_len == loop->heap_cap) {
        heap_grow(loop);
    }
    loop->heap_len++;
    heap_up(loop, loop->heap_len - 1, timer);
}

static void fire_due(struct live_loop *loop)
{
    uint64_t order_end = loop->order; /* what is set from here on waits for the next turn */
    sim_time now;

    if (loop->heap_len == 0) {
        return;
    }
    now = live_loop_read_clock(loop);
    while (loop->heap_len > 0) {
        struct live_timer *timer = loop->heap[0];

        if (timer->at > now || timer->order >= order_end) {
            break;
        }
        live_timer_clear(loop, timer);
        live_loop_lag_note(loop, now - timer->at);
        timer->fire(timer, now);
    }
}

static void arm(struct live_loop *loop)
{
    sim_time at = loop->heap_len > 0 ? loop->heap[0]->at : SIM_NEVER;
    struct itimerspec spec = {{0, 0}, {0, 0}};
    uint64_t clock;

    if (at == loop->alarm_at) {
        return;
    }
    loop->alarm_at = at;
    if (at != SIM_NEVER) {
        clock = sim_time_add(loop->epoch, at);
        clock = clock > (uint64_t)INT64_MAX ? (uint64_t)INT64_MAX : clock;
        clock = clock == 0 ? 1 : clock; /* zero would disarm */
        spec.it_value.tv_sec = (time_t)(clock / SIM_S);
        spec.it_value.tv_nsec = (long)(clock % SIM_S);
    }
    if (timerfd_settime(loop->alarm_fd, TFD_TIMER_ABSTIME, &spec, NULL) != 0) {
        assert(false && "timerfd_settime refused an instant");
    }
}

/* ---- Turns ---- */

static void on_before_poll(uv_prepare_t *handle)
{
    struct live_loop *loop = handle->data;

    arm(loop);
    loop->fresh = false;
}

static void on_after_poll(uv_check_t *handle)
{
    fire_due(handle->data);
}

static void on_alarm(uv_poll_t *handle, int status, int events)
{
    struct live_loop *loop = handle->data;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(loop->alarm_fd, &count, sizeof(count)) == (ssize_t)sizeof(count)) {
        loop->alarm_at = SIM_NEVER; /* spent: the next turn arms it again */
    }
}

static void on_wake(uv_async_t *handle)
{
    struct live_loop *loop = handle->data;

    if (atomic_load(&loop->stop)) {
        uv_stop(&loop->uv);
    }
}

void live_loop_run(struct live_loop *loop)
{
    loop->fresh = false;
    while (!atomic_load(&loop->stop)) {
        uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    atomic_store(&loop->stop, false);
    loop->fresh = false;
}

void live_loop_stop(struct live_loop *loop)
{
    atomic_store(&loop->stop, true);
    uv_async_send(&loop->wake); /* both are safe in a signal handler */
}

/* ---- Life ---- */

static void drain(struct live_loop *loop)
{
    for (int turn = 0; turn < DRAIN_TURNS_MAX && uv_loop_alive(&loop->uv); turn++) {
        uv_run(&loop->uv, UV_RUN_NOWAIT);
    }
}

int live_loop_new(struct live_loop **out, uint64_t epoch)
{
    struct live_loop *loop = calloc(1, sizeof(*loop));
    int fd, rc;

    if (loop == NULL) {
        return SIM_ENOMEM;
    }
    fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0) {
        rc = sim_err_from_errno(errno);
        free(loop);
        return rc;
    }
    rc = uv_loop_init(&loop->uv);
    if (rc != 0) {
        close(fd);
        free(loop);
        return sim_err_from_errno(-rc); /* libuv's codes are negated errno values on Unix */
    }
    loop->alarm_fd = fd;
    loop->alarm_at = SIM_NEVER;
    loop->epoch = epoch;
    atomic_init(&loop->stop, false);
    loop->wake.data = loop->before_poll.data = loop->after_poll.data = loop->alarm.data = loop;
    uv_prepare_init(&loop->uv, &loop->before_poll);
    uv_check_init(&loop->uv, &loop->after_poll);
    uv_prepare_start(&loop->before_poll, on_before_poll);
    uv_check_start(&loop->after_poll, on_after_poll);
    if ((rc = uv_async_init(&loop->uv, &loop->wake, on_wake)) != 0) {
        uv_close((uv_handle_t *)&loop->before_poll, NULL);
        uv_close((uv_handle_t *)&loop->after_poll, NULL);
        drain(loop);
        uv_loop_close(&loop->uv);
        close(fd);
        free(loop);
        return sim_err_from_errno(-rc);
    }
    rc = uv_poll_init(&loop->uv, &loop->alarm, fd);
    assert(rc == 0);
    rc = uv_poll_start(&loop->alarm, UV_READABLE, on_alarm);
    assert(rc == 0);
    *out = loop;
    return 0;
}

void live_loop_free(struct live_loop *loop)
{
    int rc;

    if (loop == NULL) {
        return;
    }
    uv_close((uv_handle_t *)&loop->wake, NULL);
    uv_close((uv_handle_t *)&loop->before_poll, NULL);
    uv_close((uv_handle_t *)&loop->after_poll, NULL);
    uv_close((uv_handle_t *)&loop->alarm, NULL);
    drain(loop);
    rc = uv_loop_close(&loop->uv);
    assert(rc == 0 && "a handle of the loop was left open");
    (void)rc;
    close(loop->alarm_fd);
    free(loop->heap);
    free(loop);
}

void live_loop_set_epoch(struct live_loop *loop, uint64_t epoch)
{
    loop->epoch = epoch;
    loop->alarm_at = SIM_NEVER; /* armed for the old one */
    loop->fresh = false;
}

uv_loop_t *live_loop_uv(struct live_loop *loop)
{
    return &loop->uv;
}

size_t live_loop_watches(const struct live_loop *loop)
{
    return loop->watches;
}

size_t live_loop_descriptors_peak(const struct live_loop *loop)
{
    return loop->descriptors_peak;
}

/* ---- Watched descriptors ---- */

static struct live_loop *loop_of(const struct live_watch *watch)
{
    return watch->poll.data;
}

static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct live_watch *watch = (struct live_watch *)handle;
    struct live_loop *loop = loop_of(watch);
    int asked = watch->events;

    if (status < 0) {
        /* An error on the socket, and libuv has stopped watching: go on, the read or write tells
         * which error it is (one of a UDP socket passes). */
        events = UV_READABLE | (asked & UV_WRITABLE);
        watch->events = 0;
        live_watch_set(watch, asked);
    }
    if ((events & UV_DISCONNECT) != 0) {
        events = (events & ~UV_DISCONNECT) | UV_READABLE;
    }
    watch->ready(watch, events, live_loop_now(loop));
}

int live_watch_open(struct live_loop *loop, struct live_watch *watch, int fd)
{
    int rc;

    assert(watch->ready != NULL);
    rc = uv_poll_init(&loop->uv, &watch->poll, fd);
    if (rc != 0) {
        return sim_err_from_errno(-rc);
    }
    watch->poll.data = loop;
    watch->fd = fd;
    watch->events = 0;
    loop->watches++;
    if ((size_t)fd + 1 > loop->descriptors_peak) {
        loop->descriptors_peak = (size_t)fd + 1;
    }
    return 0;
}

void live_watch_set(struct live_watch *watch, int events)
{
    int rc;

    assert(watch->fd >= 0);
    if (watch->events == events) {
        return;
    }
    watch->events = events;
    rc = events == 0 ? uv_poll_stop(&watch->poll) : uv_poll_start(&watch->poll, events, on_poll);
    assert(rc == 0);
    (void)rc;
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct live_watch *watch = (struct live_watch *)handle;

    if (watch->closed != NULL) {
        watch->closed(watch);
    }
}

void live_watch_close(struct live_watch *watch)
{
    int fd = watch->fd;

    assert(fd >= 0);
    loop_of(watch)->watches--;
    watch->fd = -1;
    watch->events = 0;
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
    close(fd); /* libuv has forgotten it already */
}

/* ---- Lag ---- */

static size_t lag_bucket(sim_duration lag)
{
    unsigned shift;

    if (lag < LAG_SUB) {
        return (size_t)lag;
    }
    shift = 63U - (unsigned)__builtin_clzll(lag) - LAG_SUB_BITS;
    return (size_t)LAG_SUB * (shift + 1) + (size_t)((lag >> shift) - LAG_SUB);
}

/* The greatest value that falls into a bucket. */
static sim_duration lag_bucket_top(size_t bucket)
{
    unsigned shift;
    uint64_t low;

    if (bucket < LAG_SUB) {
        return bucket;
    }
    shift = (unsigned)(bucket / LAG_SUB) - 1;
    low = (uint64_t)(LAG_SUB + bucket % LAG_SUB) << shift;
    return low + ((UINT64_C(1) << shift) - 1);
}

void live_loop_lag_note(struct live_loop *loop, sim_duration lag)
{
    loop->lag[lag_bucket(lag)]++;
    loop->lag_count++;
    if (lag > loop->lag_max) {
        loop->lag_max = lag;
    }
    uint64_t second = loop->now / SIM_S;
    uint64_t us = (lag < SIM_US * UINT32_MAX ? lag / SIM_US : UINT32_MAX);
    _Atomic uint64_t *slot = &loop->lag_seconds[second % LIVE_LAG_SECONDS];
    /* One writer; a second's number grows, so the newer or the worse one is the greater. */
    if ((second << 32 | us) > atomic_load_explicit(slot, memory_order_relaxed)) {
        atomic_store_explicit(slot, second << 32 | us, memory_order_relaxed);
    }
}

sim_duration live_loop_lag_in(const struct live_loop *loop, uint32_t second)
{
    uint64_t found =
        atomic_load_explicit(&loop->lag_seconds[second % LIVE_LAG_SECONDS], memory_order_relaxed);
    return found >> 32 == second ? (found & UINT32_MAX) * SIM_US : 0;
}

static sim_duration lag_percentile(const struct live_loop *loop, uint64_t percent)
{
    /* The smallest value that at least so many percent do not exceed. */
    uint64_t rank = (uint64_t)(((unsigned __int128)loop->lag_count * percent + 99) / 100);
    uint64_t seen = 0;

    for (size_t i = 0; i < LAG_BUCKETS; i++) {
        seen += loop->lag[i];
        if (seen >= rank && seen > 0) {
            sim_duration top = lag_bucket_top(i);
            return top > loop->lag_max ? loop->lag_max : top;
        }
    }
    return 0;
}

void live_loop_lag(const struct live_loop *loop, struct live_lag *out)
{
    *out = (struct live_lag){
        .count = loop->lag_count,
        .p50 = lag_percentile(loop, 50),
        .p99 = lag_percentile(loop, 99),
        .max = loop->lag_max,
    };
}

void live_loop_lag_add(struct live_loop *into, const struct live_loop *from)
{
    for (size_t i = 0; i < LAG_BUCKETS; i++) {
        into->lag[i] += from->lag[i];
    }
    into->lag_count += from->lag_count;
    into->lag_max = from->lag_max > into->lag_max ? from->lag_max : into->lag_max;
}
