/* sim/server/tftp_alarm.c -- instants of many transfers in one binary heap, behind one timerfd on
 * the loop.
 *
 * libuv's own timers count milliseconds; response_time and the uplink are finer than that. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/server/tftp_inner.h"

static void put(struct server_tftp_clock *clock, uint32_t place, struct server_tftp_alarm *alarm)
{
    clock->heap[place] = alarm;
    alarm->place = place + 1;
}

static void sift_up(struct server_tftp_clock *clock, uint32_t place,
                    struct server_tftp_alarm *alarm)
{
    while (place > 0 && clock->heap[(place - 1) / 2]->at > alarm->at) {
        put(clock, place, clock->heap[(place - 1) / 2]);
        place = (place - 1) / 2;
    }
    put(clock, place, alarm);
}

static void sift_down(struct server_tftp_clock *clock, uint32_t place,
                      struct server_tftp_alarm *alarm)
{
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child + 1 < clock->len && clock->heap[child + 1]->at < clock->heap[child]->at) {
            child++;
        }
        if (child >= clock->len || clock->heap[child]->at >= alarm->at) {
            break;
        }
        put(clock, place, clock->heap[child]);
        place = child;
    }
    put(clock, place, alarm);
}

static void take_out(struct server_tftp_clock *clock, struct server_tftp_alarm *alarm)
{
    uint32_t place = alarm->place - 1;
    struct server_tftp_alarm *last = clock->heap[--clock->len];

    alarm->place = 0;
    if (last == alarm) {
        return;
    }
    if (place > 0 && clock->heap[(place - 1) / 2]->at > last->at) {
        sift_up(clock, place, last);
    } else {
        sift_down(clock, place, last);
    }
}

/* The timerfd may be early for what was cleared or moved away: then nothing is due, and it is armed
 * anew. */
static void arm(struct server_tftp_clock *clock)
{
    struct itimerspec spec = {{0, 0}, {0, 0}};
    if (clock->len == 0 || clock->heap[0]->at >= clock->armed) {
        return;
    }
    sim_time at = clock->heap[0]->at;
    clock->armed = at;
    at = at == 0 ? 1 : at; /* zero would disarm */
    spec.it_value.tv_sec = (time_t)(at / SIM_S);
    spec.it_value.tv_nsec = (long)(at % SIM_S);
    timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void server_tftp_alarm_set(struct server_tftp_clock *clock, struct server_tftp_alarm *alarm,
                           sim_time at)
{
    if (alarm->place != 0) {
        take_out(clock, alarm);
    }
    if (at == SIM_NEVER) {
        return;
    }
    assert(clock->len < clock->cap);
    alarm->at = at;
    clock->len++;
    sift_up(clock, clock->len - 1, alarm);
    arm(clock);
}

static void on_timer(uv_poll_t *poll, int status, int events)
{
    struct server_tftp_clock *clock = (struct server_tftp_clock *)poll;
    uint64_t count;

    (void)status;
    (void)events;
    if (read(clock->fd, &count, sizeof(count)) < 0) {
        return;
    }
    clock->armed = 0; /* nothing arms it while alarms fire */
    sim_time now = server_tftp_now();
    /* What is set in here for now or earlier waits for the next turn: others get theirs. */
    for (uint32_t left = clock->len; left > 0 && clock->len > 0; left--) {
        struct server_tftp_alarm *alarm = clock->heap[0];
        if (alarm->at > now) {
            break;
        }
        take_out(clock, alarm);
        clock->fire(alarm, now);
    }
    clock->armed = SIM_NEVER;
    arm(clock);
}

int server_tftp_clock_init(struct server_tftp_clock *clock, uv_loop_t *loop,
                           void (*fire)(struct server_tftp_alarm *alarm, sim_time now))
{
    memset(clock, 0, sizeof(*clock));
    clock->fire = fire;
    clock->armed = SIM_NEVER;
    clock->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (clock->fd < 0) {
        return sim_err_from_errno(errno);
    }
    int rc = uv_poll_init(loop, &clock->poll, clock->fd);
    if (rc != 0) {
        close(clock->fd);
        return sim_err_from_errno(-rc);
    }
    uv_poll_start(&clock->poll, UV_READABLE, on_timer);
    return 0;
}

void server_tftp_clock_close(struct server_tftp_clock *clock, uv_close_cb closed)
{
    uv_poll_stop(&clock->poll);
    close(clock->fd);
    free(clock->heap);
    clock->heap = NULL;
    clock->len = clock->cap = 0;
    uv_close((uv_handle_t *)&clock->poll, closed);
}

int server_tftp_clock_reserve(struct server_tftp_clock *clock, uint32_t count)
{
    uint32_t cap = clock->cap == 0 ? 256 : clock->cap;
    while (cap < count) {
        cap *= 2;
    }
    if (cap == clock->cap) {
        return 0;
    }
    struct server_tftp_alarm **heap = realloc(clock->heap, cap * sizeof(*heap));
    if (heap == NULL) {
        return SIM_ENOMEM;
    }
    clock->heap = heap;
    clock->cap = cap;
    return 0;
}
