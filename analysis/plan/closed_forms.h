/* analysis/plan/closed_forms.h -- how long must it take, on paper? Formulas that a planner can
 * check with a pocket calculator, beside what the runs say.
 *
 * Times are ns; SIM_NEVER where a form has no value (a rate that is not limited gives 0). Sizes are
 * bytes of firmware, headers left out unless said: true lower bounds stay below every run. Not
 * here: the bounds in a result (analysis/bounds.h), which are of one site and method. */
#ifndef ANALYSIS_PLAN_CLOSED_FORMS_H
#define ANALYSIS_PLAN_CLOSED_FORMS_H

#include <stdbool.h>
#include <stdint.h>

#include "scenarios/scenario.h"
#include "sim/time.h"

/* `copies` copies of `bytes` through one line of `bit_s`: copies x F / W. With 1 it is what any
 * scheme must take; with the number of phones what phones take that each fetch for themselves. */
sim_duration analysis_closed_copies(uint64_t bytes, uint64_t copies, uint64_t bit_s);

/* TFTP in lock-step (RFC 1350; with windows RFC 7440), alone on its line: a file of F bytes is
 * floor(F / blksize) + 1 blocks, each window of blocks waits for its ACK:
 *
 *     ceil(blocks / window) x RTT + (F + blocks x headers) x 8 / W
 *
 * Headers a block: TFTP 4, UDP 8, IPv4 20, and `framing` of the line. The sending overlaps with
 * nothing, as window <= what the RTT holds; with a window larger than that the line is the limit
 * and the form says too much, by at most the RTTs. */
struct analysis_lock_step {
    uint64_t bytes; /* of one file */
    uint64_t block_size, window;
    uint64_t bit_s; /* SIM_RATE_NONE: sending takes no time */
    sim_duration rtt;
    uint64_t framing; /* bytes */
};
sim_duration analysis_closed_lock_step(const struct analysis_lock_step *l);

/* J. Mundinger, R. Weber, G. Weiss, "Optimal scheduling of peer-to-peer file dissemination",
 * Journal of Scheduling 11 (2008), 105-120: a server and N peers, all with the same upload rate
 * C, downloads not limited, a file of M equal parts:
 *
 *     T = (1 + floor(log2 N) / M) x F / C
 *
 * Here the root is the server, N the phones behind it, C a phone's port and M the files of the
 * load. Attained by a perfect central schedule: no protocol is better. peers 0: 0. */
sim_duration analysis_closed_mundinger(uint64_t bytes, uint64_t peers, uint64_t parts,
                                       uint64_t bit_s);

/* R. Kumar, K. W. Ross, "Peer-assisted file distribution: the minimum distribution time", IEEE
 * HotWeb 2006: a server that uploads with u_s, N peers with upload rates u_i and
 * download rates d_i, fluid (a bit may be passed on at once):
 *
 *     T = max(F / u_s, F / min d_i, N F / (u_s + sum u_i))
 *
 * Here u_s is the line towards the site. A rate of SIM_RATE_NONE is no limit. */
struct analysis_kumar_ross {
    uint64_t bytes; /* F */
    uint64_t peers; /* N */
    uint64_t server_bit_s;
    uint64_t upload_bit_s;   /* of each peer */
    uint64_t download_bit_s; /* of the slowest peer */
};
sim_duration analysis_closed_kumar_ross(const struct analysis_kumar_ross *k);

/* Our own, for trees that pass on whole files: the root has all when one copy has come over the
 * line, and the last file then takes a hop for each level of the most balanced tree there is:
 *
 *     F / W + depth x F_last / P,  depth = least d with 1 + k + ... + k^d >= phones
 *
 * A lower bound: a phone feeds its k children at once and gives none its whole port. */
struct analysis_tree_form {
    uint64_t bytes;      /* F, the whole load */
    uint64_t last_bytes; /* F_last, its last file */
    uint64_t phones;     /* the root among them */
    uint32_t fanout;     /* k >= 1 */
    uint64_t wan_bit_s, port_bit_s;
};
uint32_t analysis_closed_depth(uint64_t phones, uint32_t fanout);
sim_duration analysis_closed_tree(const struct analysis_tree_form *t);

/* All of them for one copy of a class, with the line, the ports and the server as the scenario has
 * them now; of a line that changes its mean counts. Several models: one copy of each crosses the
 * line, which no form may be quicker than; in the site it is the model that takes longest. */
struct analysis_closed_site {
    uint64_t copy_bytes;     /* one copy of every model wanted there */
    uint64_t all_bytes;      /* every phone its own */
    uint64_t phones;         /* that want one */
    uint32_t models;         /* wanted there */
    uint64_t largest;        /* load of a model wanted there, bytes */
    uint64_t fewest;         /* phones of a model that want it */
    sim_duration one_copy;   /* copy_bytes / line */
    sim_duration all_copies; /* all_bytes / line */
    sim_duration lock_step;  /* one phone's load by TFTP, alone on the line; the slowest model */
    sim_duration mundinger;  /* one model's phones behind its root, over ports */
    sim_duration kumar_ross; /* one model, and never less than one_copy */
    sim_duration tree;       /* store-and-forward: whichever model's last file comes last over the
                                line has its way down before it, and each model its own copy and
                                way */
    sim_duration least_hops; /* of the model with the shortest way down */
    uint32_t depth;
};
void analysis_closed_site(const struct scenario *s, const struct scenario_site *site,
                          struct analysis_closed_site *out);
/* Bytes that cross the line at least, where phones share or not, when so many may fail: they want
 * no copy, and a model whose phones all fail wants none at all. */
uint64_t analysis_closed_least_bytes(const struct analysis_closed_site *c, bool shares,
                                     uint64_t failures);

#endif /* ANALYSIS_PLAN_CLOSED_FORMS_H */
