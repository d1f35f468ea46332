/* analysis/sweep/grid.h -- every combination of the varied keys, each a scenario that has been
 * loaded and checked before anything runs.
 *
 * Combinations are numbered from 0, the last key's values changing fastest. A path that begins with
 * "sites[*]" means every entry of sites[]. Each combination keeps the canonical text of its
 * scenario, from which any process can load it again, and an identity: a SHA-256 over that text and
 * the sizes of the firmware files, so that a later sweep knows its own. Not here: running
 * (sweep.h). */
#ifndef ANALYSIS_SWEEP_GRID_H
#define ANALYSIS_SWEEP_GRID_H

#include <stddef.h>
#include <stdint.h>

#include "analysis/program.h"
#include "analysis/sweep/vary.h"
#include "scenarios/scenario.h"
#include "sim/digest.h"

enum { /* our choices */
       ANALYSIS_GRID_KEYS_MAX = 8,
       ANALYSIS_GRID_MAX = 10000, /* combinations */
       ANALYSIS_GRID_JUDGED_MAX = 8,
};

struct analysis_combination {
    size_t at[ANALYSIS_GRID_KEYS_MAX]; /* indexes into the keys' values */
    char *text;                        /* of the scenario, canonical */
    char identity[SIM_DIGEST_TEXT_MAX];
    enum scenario_method method;
    uint32_t phones;
};

struct analysis_grid { /* zero it before first use */
    char *path;        /* of the scenario's file: anchors its folders */
    char *text;        /* of the scenario before anything is varied, canonical */
    char *name;
    enum scenario_world world;
    uint64_t seed; /* the first; the others follow it */
    struct analysis_vary keys[ANALYSIS_GRID_KEYS_MAX];
    size_t keys_len;
    struct analysis_combination *list;
    size_t len;
    /* Figures that the scenario judges, in its order, of any combination: the tables begin with
     * them. Numbers of phones are left out, "runs met" says enough of them, and so is what differs
     * between equal runs. */
    char *judged[ANALYSIS_GRID_JUDGED_MAX];
    size_t judged_len;
    bool has_thresholds;
    uint64_t memory; /* bytes that the largest virtual run may take; 0 in the live world */
};

struct analysis_grid_config {
    const struct analysis_program *program;
    const char *path;
    const struct analysis_list *sets;   /* --set, and those that other flags stand for */
    const struct analysis_list *varied; /* --vary */
    const char *const *metrics;         /* to be checked against every combination */
    size_t metrics_len;
};

/* 0, or an exit status once every error has been told. Deinit it either way. */
int analysis_grid_init(struct analysis_grid *g, const struct analysis_grid_config *config);
void analysis_grid_deinit(struct analysis_grid *g);

/* "sites[0].wan.rate=384 kbit/s, method=pfs"; "the scenario as it is" without keys. Returns
 * `out`. */
enum { ANALYSIS_GRID_LABEL_MAX = 512 };
char *analysis_grid_label(const struct analysis_grid *g, size_t combination,
                          char out[ANALYSIS_GRID_LABEL_MAX]);

#endif /* ANALYSIS_SWEEP_GRID_H */
