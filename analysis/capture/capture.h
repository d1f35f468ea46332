/* analysis/capture/capture.h -- files for engineers: --events, --trace and --pcap, each an observer
 * of the run.
 *
 * Events: every record, a JSON object a line. Trace: a timeline in the Chrome/Perfetto format.
 * Pcap: packets as pcapng. Instants in all three count from the run's beginning; where groups of
 * sites run one after another, each from instant 0, they lie on the same axis. Not here: the
 * packets themselves (sim/tap). */
#ifndef ANALYSIS_CAPTURE_CAPTURE_H
#define ANALYSIS_CAPTURE_CAPTURE_H

#include "analysis/observer.h"

/* Each adds one observer that writes `path`. 0, or SIM_E* with a sentence. */
int analysis_capture_events(struct analysis_observer *out, const struct analysis_observed *observed,
                            const char *path, char why[ANALYSIS_WHY_MAX]);
int analysis_capture_trace(struct analysis_observer *out, const struct analysis_observed *observed,
                           const char *path, char why[ANALYSIS_WHY_MAX]);

/* A record's site: that of its phone, or of the controller of faults that tells it. */
uint32_t analysis_capture_site(const struct analysis_observed *observed,
                               const struct analysis_phone *phone, const struct sim_record *record);
/* A line on standard error, unless --quiet: "packets: 5799 in run.pcapng". */
void analysis_capture_said(const struct analysis_session *session, const char *what, uint64_t count,
                           const char *path, const char *advice);
const char *analysis_capture_role(uint32_t role); /* of enum sim_role */

/* "DIR/x.pcapng" with a word put in: "DIR/x.pfs.pcapng"; "x.ndjson.gz": "x.pfs.ndjson.gz". False
 * when it does not fit, or names no file. */
bool analysis_capture_path(const char *path, const char *word, char out[ANALYSIS_PATH_MAX]);

#endif /* ANALYSIS_CAPTURE_CAPTURE_H */
