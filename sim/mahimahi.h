/* sim/mahimahi.h -- reads the files in which Mahimahi records what a link could carry.
 *
 * The format is that of Mahimahi's mm-link (Netravali and others: Mahimahi: Accurate
 * Record-and-Replay for HTTP, USENIX ATC 2015; its man page): text, a whole number of milliseconds
 * a line, never less than the line before: an instant at which one packet of 1500 bytes may leave.
 * A number that stands there several times lets so many leave. The last one is the length of the
 * trace, which then begins again.
 *
 * Here the bytes of a millisecond's packets pass evenly during the millisecond that ends then,
 * where mm-link lets them go all at once at its end: a waiting packet of 1500 bytes leaves at the
 * same instant. Packets at 0 count in the last millisecond, which is the same place of every period
 * but the first. As there, nothing is saved up while no packet waits. */
#ifndef SIM_MAHIMAHI_H
#define SIM_MAHIMAHI_H

#include <stddef.h>
#include <stdint.h>

#include "sim/capacity.h"

enum {
    SIM_MAHIMAHI_PACKET = 1500,                 /* bytes: an Ethernet frame's payload */
    SIM_MAHIMAHI_BYTES_MAX = 64 * 1024 * 1024,  /* of a file (our choice) */
    SIM_MAHIMAHI_LENGTH_MAX = 24 * 3600 * 1000, /* ms: a day (our choice) */
    SIM_MAHIMAHI_BURST_MAX = 80000,             /* packets in one ms: 960 Gbit/s */
    SIM_MAHIMAHI_WHY_MAX = 160,
};

struct sim_mahimahi_error {
    unsigned line;                  /* 1..; 0: of the whole file */
    char why[SIM_MAHIMAHI_WHY_MAX]; /* "found 17, expected ..." */
};

/* A capacity that begins `offset` into the trace. Blank lines behind the last number are fine. 0;
 * SIM_EINVAL or SIM_ELIMIT with `error` filled; SIM_ENOMEM. */
int sim_mahimahi_parse(struct sim_capacity **out, const char *text, size_t len, sim_duration offset,
                       struct sim_mahimahi_error *error);

#endif /* SIM_MAHIMAHI_H */
