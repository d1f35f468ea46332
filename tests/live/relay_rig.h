/* tests/live/relay_rig.h -- a relay on a loop of its own thread, an origin server behind it,
 * blocking clients before it. For test_relay.c and tests/bench/bench_relay.c.
 *
 * The origin's protocol: a request is 8 bytes, big-endian: so many bytes are wanted (byte i of an
 * answer is rig_byte(i)). RIG_ENDLESS never ends, RIG_CLOSE closes after the answer, RIG_RESET
 * resets the connection, RIG_COUNT swallows all that follows until the client ends its side, then
 * answers with 8 bytes: how many came. */
#ifndef TESTS_LIVE_RELAY_RIG_H
#define TESTS_LIVE_RELAY_RIG_H

#include <netinet/in.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "sim/live/loop.h"
#include "sim/live/relay.h"

#define RIG_ENDLESS (UINT64_C(1) << 63)
#define RIG_CLOSE (UINT64_C(1) << 62)
#define RIG_RESET (UINT64_C(1) << 61)
#define RIG_COUNT (UINT64_C(1) << 60)
#define RIG_PHONE UINT32_C(0x7f4d0000) /* 127.77.0.0: phone n is RIG_PHONE + n */

struct rig {
    struct live_loop *loop;
    struct live_relay *relay;
    struct sim_site_setup site;
    pthread_t loop_thread, origin_thread;
    struct live_watch command;
    int command_fd;
    void (*call)(struct rig *rig, void *argument);
    void *argument;
    sem_t called;
    int origin_fd, udp_fd;
    uint16_t origin_port, origin_udp_port;
    int origin_stop[2];
    bool deaf; /* connections are taken by the kernel, but nobody reads, answers or ends them */
    atomic_uint_least32_t last_peer; /* address of the newest connection, host order */
    _Atomic uint64_t origin_sent;    /* bytes the origin's kernel has taken */
};

static inline uint8_t rig_byte(uint64_t i)
{
    return (uint8_t)(i * 31 + (i >> 11));
}

struct sim_wan_setup rig_line(uint64_t bit_s, sim_duration rtt, uint64_t queue_packets);
/* Aborts on any failure: the tests would have nothing to test. `refuse`: no origin listens. */
void rig_start(struct rig *rig, const struct sim_wan_setup *line, bool refuse);
/* An origin that hangs (a stopped process): see `deaf`; and the relay's bound for it. */
void rig_start_deaf(struct rig *rig, const struct sim_wan_setup *line, sim_duration stall);
void rig_stop(struct rig *rig);
/* Runs `call` on the loop's thread and waits for it. */
void rig_run(struct rig *rig, void (*call)(struct rig *rig, void *argument), void *argument);
struct sim_site_stats rig_stats(struct rig *rig);

uint64_t rig_clock(void); /* ns, monotonic */
/* A blocking connection of phone `n` to the relay, with time limits of 20 s. */
int rig_connect(const struct rig *rig, uint32_t n);
void rig_ask(int fd, uint64_t what);
/* Reads exactly `len` bytes and checks that they are the origin's, from `from` on. */
bool rig_read(int fd, uint64_t len, uint64_t from);

struct rig_rate {
    double line;    /* wan_bytes over the time, as a share of the configured rate */
    double payload; /* bytes that phones read, as full packets, the same way */
};
/* `flows` endless connections for `length`, timed from the first byte that came. */
struct rig_rate rig_measure_rate(struct rig *rig, uint32_t flows, sim_duration length);
/* ns that a request of 8 bytes and an answer of 8 take; `fd` -1: on a new connection. */
uint64_t rig_measure_answer(struct rig *rig, int fd, uint32_t phone);

#endif /* TESTS_LIVE_RELAY_RIG_H */
