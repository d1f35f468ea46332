/* analysis/flight.h -- what one phone is receiving now, told from its records: 32 bytes a phone.
 *
 * A phone receives one file at a time, so one entry a phone is enough to know which transfer was
 * open when its power went or the run ended, and whether the bytes that it took from the server
 * make a whole file: a tail of a copy that a peer began does not. Not here: names and rows; see
 * collect.h. */
#ifndef ANALYSIS_FLIGHT_H
#define ANALYSIS_FLIGHT_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/trace.h"

/* All zero: nothing was received yet. */
struct analysis_flight {
    sim_time began;        /* of the open transfer */
    uint64_t offset;       /* where in the file it began */
    uint64_t server_bytes; /* of `file` from the server since the copy was begun anew */
    sim_addr peer;         /* sender of the open transfer, 0: the server */
    uint16_t file;         /* index of its name */
    bool is_open;
    bool has_file; /* `file` and `server_bytes` mean something */
};

/* A TRANSFER_BEGIN of that file. Call analysis_flight_cut() first. */
void analysis_flight_begin(struct analysis_flight *f, uint16_t file,
                           const struct sim_record *record);
/* A TRANSFER_END of that file, whose size is `size` (0: not known beforehand; then an end that came
 * whole, with the right digest or a wrong one, tells it). True when with it a whole copy has come
 * from the server. */
bool analysis_flight_end(struct analysis_flight *f, uint16_t file, uint64_t size,
                         const struct sim_record *record);
/* The open transfer will have no TRANSFER_END: true when there was one; its fields stay readable
 * until the next call. */
bool analysis_flight_cut(struct analysis_flight *f);
/* The phone lost its copies. */
void analysis_flight_forget(struct analysis_flight *f);

#endif /* ANALYSIS_FLIGHT_H */
