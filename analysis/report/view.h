// clang-format off
/* analysis/report/view.h -- what a report shows, as one JSON document: made here, drawn by web/.
 *
 * A view is made of a result document and the CSV files beside it, at any time after the run, so
 * that `run`, `compare`, `merge` and `report` all come to the same page. It is bounded: however
 * many phones and sites there are, at most ANALYSIS_VIEW_POINTS points a curve,
 * ANALYSIS_VIEW_BARS_PHONES phones in the timeline and ANALYSIS_VIEW_NODES phones in all trees.
 * What was left out or not there is said in words in the view itself. Same files, same bytes.
 *
 * Lists are by column (equal lengths) to stay small. Times `t`: seconds after start.at for
 * `completion`, `classes` and `models`, else since the run began. Rates: bit/s. null: not known,
 * did not happen.
 *
 *   { "format": 1, "kind": "run" | "compare" | "sweep", "title": "one branch on a slow line",
 *     "runs": [ RUN, ... ],      run: one; compare: one a method, in order; sweep: none
 *     "compare": { "ratio": {}, "ratios": {} },          compare: as in compare.json
 *     "sweep": SWEEP,                                    sweep
 *     "scenario": { ... } | null,                        as it ran, --set applied
 *     "versions": { "pfsim": "0.1.0", "libuv": "1.44.2" } }     of the run, as far as known
 *
 *   RUN
 *   { "label": "pfs",         what tells it from the others: the method, or where it was read
 *     "method": "pfs",
 *     "result": { ... },                                 the result document; of a virtual run
 *                                  without engine.wall_s and .peak_rss_bytes: same seed, same view
 *     "verdict": { "status": "met" | "missed" | "failed" | "invalid" | "interrupted",
 *                  "sentence": "All 30 phones were upgraded within 7 min 3 s." },
 *     "start_at_s": 0,
 *     "completion": { "t": [], "done": [], "of": 30 },   phones done by then: a step a point
 *     "classes": [ { "name": "branch", "t": [], "done": [], "of": 30 } ],
 *                                                        of sites, at most 12, biggest first
 *     "models": [ { "name": "CP-7961G", "t": [], "done": [], "of": 30 } ],
 *     "wan": { "t": [], "down": [], "up": [], "lan": [], "configured_bit_s": 1536000 | null,
 *              "configured": { "t": [], "bit_s": [] } | null,
 *                                  what all lines could carry, when it changes over time; empty:
 *                                  it does, but how is not known here, and configured_bit_s is its
 *                                  mean; null: it doesn't
 *              "sites": 1,                               means over (t[i-1], t[i]], all sites
 *              "busiest": { "site": "branch#7", "t": [], "down": [],
 *                           "configured_bit_s": 384000 } | null },
 *                                                        null: there is one site only
 *     "states": { "t": [], "names": ["off", "boot"], "counts": [[], []] },
 *                                                        phones in each phase at t[i]; names as the
 *                                                        columns of series.csv ("fetch_peer")
 *     "gantt": { "of": 30, "how": "All 30 phones.",
 *                "names": ["boot", "configure"], "files": ["x.sbn"],      names: as of states
 *                "sites": ["branch"], "models": ["CP-7961G"],
 *                "phones": { "phone": ["127.1.0.2"], "site": [0], "model": [0],
 *                            "outcome": ["upgraded"] },
 *                "bars": { "phone": [0], "phase": [0], "from": [0.0], "to": [6.0],
 *                          "file": [-1] } },
 *     "trees": { "of": 3, "how": "All 3 trees.", "list": [
 *         { "site": "branch", "model": "CP-7961G", "file": "x.sbn",
 *           "root": "127.1.0.2" | null, "re_elected": 0,
 *           "phone": ["127.1.0.2"], "parent": [-1], "done": [12.5], "outcome": ["upgraded"] } ] },
 *            parent: index into `phone`; -1: the server; -2: it never got the file. done: when it
 *            held the file. A phone that lost a parent stands under the last one that gave it bytes.
 *     "files": [ { "file": "x.sbn", "size": 1630052, "peer": TIMES, "server": TIMES } ],
 *            as the result has them, of whole transfers; a name that two models have is told with
 *            the model's, "x.sbn (CP-7961G)"; TIMES: { "count": 29, "p5": 1.2, "p50": 2.0, "p95": 3.1,
 *            "max": 3.3 }, null: none
 *     "failures": [ { "reason": "...", "phones": 3, "examples": ["127.1.0.9 (branch)"] } ],
 *                                                        most phones first
 *     "lag": { "t": [], "s": [] } | null,                live: the worst since the point before
 *     "missing": [ "phones.csv is not beside result.json: there is no timeline." ] }
 *
 *   SWEEP
 *   { "keys": [ { "path": "sites[0].wan.rate", "values": ["384 kbit/s"],
 *                 "numbers": [384000] | null, "log": true } ],
 *     "metrics": [ { "name": "completion_s.p95", "label": "95 % of the phones are done after",
 *                    "unit": "s" } ],
 *     "repeat": 5, "runs": 40, "all_met": 40, "failed": 0, "missing": 0,
 *     "thresholds": [ { "expression": "completion_s.p95 < 10 min", "name": "completion_s.p95",
 *                       "op": "<", "limit": 600, "unit": "s" | "B" | "bit/s" | "share" | "",
 *                       "runs": 40, "missed": 20 } ],
 *                      at most 64, then those that most runs missed; missing when there are none
 *     "thresholds_more": 0,                              that were left out
 *     "points": [ { "at": [0, 2], "runs": 5, "all_met": 5,        at: indexes into keys[].values
 *                   "mean": [1.0], "low": [0.9], "high": [1.1],
 *                   "seeds": [ [1.0, 0.9] ],             of a sweep of seeds alone: each one's value
                   "behind": 0,                         runs that left phones behind
 *                   "judged": [5], "missed": [0], "worst": [58.1] } ] }
 *            by metric; low and high: 95 % confidence of the mean, null with fewer than two runs;
 *            by threshold: runs that were judged by it, those that missed it, the value farthest
 *            on the wrong side
 *
 * A page that watches a run (analysis/watch) shows the same RUN while it grows:
 * event "start" has a whole view (kind "run", lists empty or so far), "sample" one object
 * { "t": 12.0, "down": 1.5e6, "up": 0, "lan": 0, "states": [..], "done": 7, "failed": 0,
 *   "lag": 0.001 | null, "sentence": "7 of 30 phones done, 1.5 of 1.536 Mbit/s, ...",
 *   "held": { "files": 60, "of": 180 } }           that phones hold; RUN has it too
 * that is added to completion, wan, states and lag, and "end" a whole view again. Where sites run
 * one after another RUN and samples also have
 * "groups": { "ended": 12, "of": 40, "wan_bytes": 1e9 }     sites that have run
 * and nothing is added: a sample's "curves" has completion, wan and states of the sites so far in
 * place of those of before; its "t" is of the site that runs. */
// clang-format on
#ifndef ANALYSIS_REPORT_VIEW_H
#define ANALYSIS_REPORT_VIEW_H

#include <cjson/cJSON.h>

#include "analysis/output.h"

enum {
    ANALYSIS_VIEW_FORMAT = 1,
    ANALYSIS_VIEW_POINTS =
        1000, /* of a curve; our choices, as the next two: what a screen can show */
    ANALYSIS_VIEW_BARS_PHONES = 500, /* phones in the timeline */
    ANALYSIS_VIEW_NODES = 20000,     /* phones in all trees together */
    ANALYSIS_VIEW_RUNS_MAX = 32,     /* compared with one another */
};

/* The view of the run whose result document lies at `path` (result.json or compare.json; a folder
 * that holds one). CSV files are looked for beside it, for compare.json in the folders of its
 * methods. 0 and `*out` (the caller's), or SIM_E* with a sentence: no such file, no result of this
 * version, not JSON (with line and column). */
int analysis_view_read(cJSON **out, const char *path, char why[ANALYSIS_WHY_MAX]);
/* Several runs over one another, each as above: kind "compare", labels by method, or by path where
 * methods are alike. `len`: from 2 on; more than ANALYSIS_VIEW_RUNS_MAX are refused. */
int analysis_view_compare(cJSON **out, const char *const *paths, size_t len,
                          char why[ANALYSIS_WHY_MAX]);
/* RUN.verdict of a result document, owned by the caller; NULL when out of memory. Values of wrong
 * kinds count as not there. */
cJSON *analysis_view_verdict(const cJSON *result);

#endif /* ANALYSIS_REPORT_VIEW_H */
