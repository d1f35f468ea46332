/* analysis/plan/measure.h -- what a planner may change for a class of sites, what it costs, and how
 * it is written into a scenario.
 *
 * A measure is a set of parts (bits): the empty set leaves the class as it is. Parts exclude one
 * another where they make no sense together. Cost is the sum of the parts' weights: smaller means
 * less to do on the ground, which is our choice and can be overridden:
 *
 *     pfs 1          tick Peer Firmware Sharing in the phones' configuration
 *     spread 2       restart the phones over a longer time
 *     block 4        TFTP with 1468-byte blocks (RFC 2348; an Ethernet frame holds no more)
 *     window 5       and 8 blocks an ACK (RFC 7440); both are granted by the server, so for all
 *     http 6         HTTP instead of TFTP: other phone firmware, or another server
 *     limit 8        limit what upgrades may take of the line: a shaper for each site
 *     load-server 16 a server on the site, filled beforehand */
#ifndef ANALYSIS_PLAN_MEASURE_H
#define ANALYSIS_PLAN_MEASURE_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analysis/output.h"
#include "scenarios/scenario.h"

enum analysis_measure_part {
    ANALYSIS_MEASURE_PFS = 1 << 0,
    ANALYSIS_MEASURE_SPREAD = 1 << 1,
    ANALYSIS_MEASURE_BLOCK = 1 << 2,
    ANALYSIS_MEASURE_WINDOW = 1 << 3, /* never without BLOCK */
    ANALYSIS_MEASURE_HTTP = 1 << 4,
    ANALYSIS_MEASURE_LIMIT = 1 << 5,
    ANALYSIS_MEASURE_LOAD_SERVER = 1 << 6,
    ANALYSIS_MEASURE_TRADITIONAL = 1 << 7, /* sharing off: only when --methods asks for it */
};

enum {
    ANALYSIS_MEASURE_PARTS = 8,
    ANALYSIS_MEASURE_SETS = 1 << ANALYSIS_MEASURE_PARTS,
    ANALYSIS_MEASURE_BLOCK_SIZE = 1468, /* 1500 (Ethernet) - IPv4 20 - UDP 8 - TFTP 4 */
    ANALYSIS_MEASURE_WINDOW_SIZE = 8,   /* our choice: RFC 7440 gains most up to some 8 to 16 */
};

struct analysis_measure {
    unsigned parts;       /* ANALYSIS_MEASURE_* */
    sim_duration spread;  /* with SPREAD; whole seconds */
    uint64_t limit_bit_s; /* with LIMIT */
};

struct analysis_weights { /* each >= 0, by the number of the part's bit; WINDOW counts BLOCK in */
    double of[ANALYSIS_MEASURE_PARTS];
};

void analysis_weights_init(struct analysis_weights *w);
/* "http=3,load-server=10". 0, or SIM_EINVAL with a sentence. */
int analysis_weights_parse(struct analysis_weights *w, const char *text,
                           char why[ANALYSIS_WHY_MAX]);
double analysis_measure_cost(const struct analysis_weights *w, unsigned parts);

/* Do these parts go together? */
bool analysis_measure_is_sound(unsigned parts);
/* "as it is"; "PFS, start over 30 min, HTTP". Returns `out`. */
enum { ANALYSIS_MEASURE_TEXT_MAX = 200 };
char *analysis_measure_text(const struct analysis_measure *m, char out[ANALYSIS_MEASURE_TEXT_MAX]);
/* As the plan's document has it: {"parts": ["pfs", "spread"], "spread_s": 1800}. NULL: no memory.
 */
cJSON *analysis_measure_json(const struct analysis_measure *m);
/* Its way back; false for what is none. */
bool analysis_measure_read(const cJSON *json, struct analysis_measure *out);

/* One of the server's, for all sites; both static. */
struct analysis_setting {
    const char *key, *value; /* "overflow", "queue" */
};
/* Into `root`, a scenario's document. False: no memory. */
bool analysis_measure_set_server(cJSON *root, const struct analysis_setting *setting);

/* Writes measures[i] for sites[i] into `root`, a scenario's document with as many sites. `method`:
 * what the scenario has now. False: no memory. */
bool analysis_measure_apply(cJSON *root, enum scenario_method method,
                            const struct analysis_measure *measures, size_t len);

#endif /* ANALYSIS_PLAN_MEASURE_H */
