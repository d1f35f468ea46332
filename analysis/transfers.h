/* analysis/transfers.h -- transfers.csv in a fixed order, however many lanes told of the transfers.
 *
 * Sorted outside memory (sort.h) by (end, node, number): memory does not grow with phones x files,
 * and the file does not depend on how sites were dealt to lanes. Not here: what counts as a
 * success; see collect.h. */
#ifndef ANALYSIS_TRANSFERS_H
#define ANALYSIS_TRANSFERS_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"
#include "sim/addr.h"
#include "sim/time.h"

#define ANALYSIS_TRANSFER_NO_BYTES UINT64_MAX /* how many moved is not known: an empty field */

/* Ends that no phone told of; other ends are 0 or SIM_E*. */
enum {
    ANALYSIS_TRANSFER_CUT_OFF = 1,    /* the phone's power went */
    ANALYSIS_TRANSFER_UNFINISHED = 2, /* the run ended first */
};

struct analysis_transfers;

struct analysis_transfer {
    sim_time start, end;
    uint32_t node;    /* breaks ties of `end` */
    sim_addr phone;   /* who received it */
    sim_addr from;    /* 0: the server */
    uint64_t bytes;   /* or ANALYSIS_TRANSFER_NO_BYTES */
    int status;       /* 0, SIM_E* or ANALYSIS_TRANSFER_* */
    const char *name; /* of the file; borrowed for the call, at most 1,023 bytes are kept */
};

/* Temporary data goes to `dir` (the results' folder, which has the room). 0, or SIM_E* with a
 * sentence. */
int analysis_transfers_new(struct analysis_transfers **out, const char *dir, unsigned lanes,
                           char why[ANALYSIS_WHY_MAX]);
void analysis_transfers_free(struct analysis_transfers *t); /* NULL is fine */
/* From the lane's own thread. Errors stick and are told by analysis_transfers_write(). */
void analysis_transfers_add(struct analysis_transfers *t, unsigned lane,
                            const struct analysis_transfer *transfer);
/* Who else is told of every transfer, in the order of the rows. */
struct analysis_transfers_reader {
    void (*read)(void *context, const struct analysis_transfer *transfer);
    void *context;
};
/* When all lanes have ended: writes header and rows; `also` may be NULL. 0, or SIM_E* with a
 * sentence. */
int analysis_transfers_write(struct analysis_transfers *t, struct analysis_output *to,
                             const struct analysis_transfers_reader *also,
                             char why[ANALYSIS_WHY_MAX]);

#endif /* ANALYSIS_TRANSFERS_H */
