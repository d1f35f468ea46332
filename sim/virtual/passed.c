/* sim/virtual/passed.c -- what a line has carried by an instant, of what was counted on it.
 *
 * The networks count more at an instant than a line carries in no time: the fluid one books small
 * answers, handshakes and ACKs as a whole beside the flows, which have all of the line meanwhile;
 * the packet one books a packet when its sending begins. Ends and totals are right, but a sample
 * would show a line faster than it is. So samples take what was counted through one more gate of
 * the line's own rate: what exceeds it comes as soon as there is room. No byte is lost, none comes
 * early, and no two samples are further apart than the line can carry between them. */
#include "sim/virtual/inner.h"

/* bit/s x ns of a byte: sim_capacity_bits. */
#define BYTE ((sim_capacity_bits)8 * SIM_S)

static sim_capacity_bits room_of(const struct sim_capacity *capacity, uint64_t bit_s, sim_time from,
                                 sim_time to)
{
    return capacity != NULL ? sim_capacity_between(capacity, from, to)
                            : (sim_capacity_bits)bit_s * (to - from);
}

/* Of `counted` bytes by now, when `passed` of them had by `from`. */
static uint64_t pass(uint64_t passed, uint64_t counted, sim_capacity_bits room)
{
    if (counted <= passed) { /* an estimate of ACKs may fall back a little */
        return passed;
    }
    return (counted - passed) * BYTE <= room ? counted : passed + (uint64_t)(room / BYTE);
}

/* How long it takes until the rest has passed. */
static sim_duration wait_for(const struct sim_capacity *capacity, uint64_t bit_s, sim_time now,
                             uint64_t bytes)
{
    struct sim_capacity_cursor cursor = {.at = SIM_NEVER};

    if (bytes == 0) {
        return 0;
    }
    return capacity != NULL ? sim_time_since(sim_capacity_end(capacity, now, bytes, &cursor), now)
                            : sim_time_of_bytes(bytes, bit_s);
}

void virtual_passed(struct sim_virtual *v, uint32_t site, struct sim_site_stats *stats)
{
    struct virtual_site *s = &v->sites[site];
    const struct sim_wan_setup *wan = &s->setup->wan;
    bool is_fluid = v->config.network == SIM_VIRTUAL_FLUID;
    const struct sim_capacity *down = is_fluid ? wan->down.binned : wan->down.exact;
    const struct sim_capacity *up = is_fluid ? wan->up.binned : wan->up.exact;

    if (wan->none) {
        return;
    }
    s->passed_down = pass(s->passed_down, stats->wan_bytes,
                          room_of(down, wan->down_bit_s, s->passed_at, v->now));
    s->passed_up =
        pass(s->passed_up, stats->wan_up_bytes, room_of(up, wan->up_bit_s, s->passed_at, v->now));
    s->passed_at = v->now;
    stats->wan_behind = stats->wan_bytes > s->passed_down ? stats->wan_bytes - s->passed_down : 0;
    stats->wan_up_behind =
        stats->wan_up_bytes > s->passed_up ? stats->wan_up_bytes - s->passed_up : 0;
    sim_duration one = wait_for(down, wan->down_bit_s, v->now, stats->wan_behind);
    sim_duration other = wait_for(up, wan->up_bit_s, v->now, stats->wan_up_behind);
    stats->wan_behind_for = one > other ? one : other;
    stats->wan_bytes = s->passed_down;
    stats->wan_up_bytes = s->passed_up;
}
