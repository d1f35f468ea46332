/* analysis/sweep/ranks.h -- a sweep over several machines: messages between the processes that
 * mpirun (or srun) started.
 *
 * The only file that knows MPI. Open MPI's library is looked for when a launcher started this
 * process and not before: without one the program neither needs nor loads it. Rank 0 reads the
 * scenario, hands out jobs and writes; the others run them. Every rank says twice a second that it
 * lives; one that is silent for ANALYSIS_RANKS_SILENCE is lost, and its jobs go to the others.
 * Nothing here ever blocks: a message to a rank that died must not hold up the others. (Open MPI
 * itself ends all ranks when one dies, unless mpirun was given --enable-recovery.) Not here: what
 * jobs are (job.h). */
#ifndef ANALYSIS_SWEEP_RANKS_H
#define ANALYSIS_SWEEP_RANKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"
#include "sim/time.h"

/* Our choices. A job given twice by mistake does no harm: equal jobs have equal results. */
#define ANALYSIS_RANKS_ALIVE (500 * SIM_MS)
#define ANALYSIS_RANKS_SILENCE (10 * SIM_S)
enum { ANALYSIS_RANKS_MAX = 4096 };

enum analysis_ranks_kind {
    ANALYSIS_RANKS_READY,  /* to 0, first: a decimal number of slots */
    ANALYSIS_RANKS_JOB,    /* from 0 */
    ANALYSIS_RANKS_PARCEL, /* to 0 */
    ANALYSIS_RANKS_LIFE,   /* either way; empty */
    ANALYSIS_RANKS_STOP,   /* from 0; "lost" when some rank is, else empty */
};

struct analysis_ranks;

/* Did a launcher start this process as one of several? And as which? From the environment:
 * OMPI_COMM_WORLD_SIZE and _RANK, or PMIX_RANK alone (srun --mpi=pmix). */
bool analysis_ranks_launched(void);
unsigned analysis_ranks_number(void);

/* "4.1.4 (headers; loaded under a launcher only)"; NULL: not built in. */
const char *analysis_ranks_built(void);

/* 0, SIM_ENOMEM, or SIM_EUNSUPPORTED with a sentence (no Open MPI here, or not built in). Block
 * SIGCHLD before: MPI makes threads. */
int analysis_ranks_open(struct analysis_ranks **out, char why[ANALYSIS_WHY_MAX]);
/* `lost`: some rank died, so they can't end together. NULL is fine. */
void analysis_ranks_close(struct analysis_ranks *r, bool lost);
unsigned analysis_ranks_count(const struct analysis_ranks *r);

/* Copies the text. False when out of memory or the other end is gone. */
bool analysis_ranks_send(struct analysis_ranks *r, unsigned to, enum analysis_ranks_kind kind,
                         const char *text, size_t len);
struct analysis_ranks_message {
    unsigned from;
    enum analysis_ranks_kind kind;
    char *text; /* the caller's; ends with a NUL behind `len` bytes */
    size_t len;
};
/* The next message that has come; false when there is none just now. Also moves what is being
 * sent. */
bool analysis_ranks_receive(struct analysis_ranks *r, struct analysis_ranks_message *out);
/* Has all been sent? */
bool analysis_ranks_flushed(struct analysis_ranks *r);

#endif /* ANALYSIS_SWEEP_RANKS_H */
