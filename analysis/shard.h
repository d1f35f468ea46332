/* analysis/shard.h -- shard.txt: what a run with --shard leaves behind so that `merge` can make of
 * all shares what one run of everything would have made.
 *
 * A text of words and numbers, exact to the nanosecond: who and what was run (the scenario itself
 * too), what every phone, tree and line came to, histograms of transfers and bins of seconds, every
 * transfer in order, sums of the CSV files that lie beside it, and a checksum of it all. Nothing in
 * it depends on the machine, but for the three numbers that result.json has under "engine" too.
 * Format 1; a file of another format or another version of pfsim is refused: its figures may mean
 * something else.
 *
 * Reading trusts nothing: lengths and numbers have limits, lists are made as their items come, and
 * what was read counts only once the checksum at the end is right. Not here: what merge makes of it
 * (merge.h). */
#ifndef ANALYSIS_SHARD_H
#define ANALYSIS_SHARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "analysis/bins.h"
#include "analysis/figures.h"
#include "analysis/output.h"
#include "analysis/transfers.h"
#include "scenarios/share.h"

#define ANALYSIS_SHARD_FILE "shard.txt"

enum {
    ANALYSIS_SHARD_FORMAT = 1,
    ANALYSIS_SHARD_TABLES_MAX = 8,      /* CSV files beside it */
    ANALYSIS_SHARD_TABLE_NAME_MAX = 32, /* with its NUL */
};

/* ---- Writing ---- */

struct analysis_shard_writer;

/* Begins DIR/shard.txt: all but transfers and sums. 0 and `*out`, or SIM_E* with a sentence. */
int analysis_shard_open(struct analysis_shard_writer **out, const char *dir,
                        const struct analysis_figures *f, const struct analysis_bins *wan,
                        const struct analysis_bins *transfers, char why[ANALYSIS_WHY_MAX]);
/* For struct analysis_transfers_reader, the writer as context. */
void analysis_shard_transfer(void *writer, const struct analysis_transfer *transfer);
/* The CSV files of that folder are all there: takes their sums, publishes the file and frees the
 * writer. `tables` ends with NULL; one that is not there is left out. 0, or SIM_E* with a sentence:
 * then there is no file. */
int analysis_shard_close(struct analysis_shard_writer *w, const char *const *tables,
                         char why[ANALYSIS_WHY_MAX]);
void analysis_shard_discard(struct analysis_shard_writer *w); /* NULL is fine */

/* Takes away what an earlier run into this folder has left. 0, or SIM_E* with a sentence. */
int analysis_shard_remove(const char *dir, char why[ANALYSIS_WHY_MAX]);

/* ---- Reading ---- */

struct analysis_shard_table {
    char name[ANALYSIS_SHARD_TABLE_NAME_MAX];
    uint64_t bytes;
    uint32_t crc; /* CRC-32 as zlib has it */
};

/* What the file begins with. Strings are owned: analysis_shard_head_deinit(). */
struct analysis_shard_head {
    char version[64]; /* of pfsim */
    enum scenario_world world;
    enum scenario_method method;
    uint64_t seed;
    uint32_t index, of;
    char *path; /* of the scenario file, as seen from the share's folder: for what it names */
    char *text; /* the scenario, canonical */
};

struct analysis_shard_reader;

/* Opens DIR/shard.txt and reads its head. 0 and `*out` and `*head` (deinit it either way), or
 * SIM_E* with a sentence. */
int analysis_shard_read(struct analysis_shard_reader **out, const char *dir,
                        struct analysis_shard_head *head, char why[ANALYSIS_WHY_MAX]);
/* The same of an open file, which is closed in any case; `path` names it. */
int analysis_shard_read_file(struct analysis_shard_reader **out, FILE *file, const char *path,
                             struct analysis_shard_head *head, char why[ANALYSIS_WHY_MAX]);
void analysis_shard_head_deinit(struct analysis_shard_head *head);

/* Where the rest goes. */
struct analysis_shard_sink {
    const struct scenario *scenario;
    struct scenario_share share;          /* the reader's */
    struct analysis_collect *collect;     /* attached */
    struct sim_site_stats *stats;         /* of all sites, by number */
    struct analysis_transfers *transfers; /* NULL: not wanted */
    struct analysis_facts *facts; /* what shares add up to; zero it before the first one, but
                                     validity: valid, both worst ratios 1 */
    struct analysis_bins *wan, *under_way;                         /* bytes, transfers */
    struct analysis_shard_table tables[ANALYSIS_SHARD_TABLES_MAX]; /* of this share */
    size_t tables_len;
};

/* Reads the rest and frees the reader. 0, or SIM_E* with a sentence: what the sink has is then
 * worth nothing. */
int analysis_shard_read_rest(struct analysis_shard_reader *r, struct analysis_shard_sink *sink,
                             char why[ANALYSIS_WHY_MAX]);
void analysis_shard_reader_free(struct analysis_shard_reader *r); /* NULL is fine */

/* Length and CRC-32 of a file. 0 or SIM_E* (SIM_ENOTFOUND: not there). */
int analysis_shard_sum(const char *path, struct analysis_shard_table *out);

#endif /* ANALYSIS_SHARD_H */
