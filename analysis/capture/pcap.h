/* analysis/capture/pcap.h -- --pcap: the packets of a run as pcapng.
 *
 * Format: draft-ietf-opsawg-pcapng. One section, one Ethernet interface a site, instants in
 * nanoseconds of the run (from 1970 for readers), packets in order of time. Frames have the phones'
 * hardware addresses, IPv4 and TCP or UDP headers with right checksums; where a body's bytes are
 * not kept, TCP's holds the sum of the pseudo header only, as captures with offload show it, and
 * UDP's is 0 (none). It exists before the run, which needs its tap; sorted at the end, outside
 * memory (sort.h). Not here: what packets there are (sim/tap). */
#ifndef ANALYSIS_CAPTURE_PCAP_H
#define ANALYSIS_CAPTURE_PCAP_H

#include "analysis/capture/file.h"
#include "analysis/observer.h"
#include "scenarios/build.h"
#include "sim/tap.h"

struct analysis_pcap;

/* Begins `session->pcap`. 0, or SIM_E* with a sentence. */
int analysis_pcap_new(struct analysis_pcap **out, const struct analysis_session *session,
                      char why[ANALYSIS_WHY_MAX]);
/* For scenario_run_options. */
struct sim_tap analysis_pcap_tap(struct analysis_pcap *p);
/* Once the run is built and before it begins (packets before are dropped): adds an observer that
 * writes the file. It stays the caller's, who frees it after the run: what a run that is let go of
 * still sends, since its phones hang up, comes to it and is dropped. 0, or SIM_E* with a sentence.
 */
int analysis_pcap_attach(struct analysis_pcap *p, struct analysis_observers *observers,
                         const struct scenario_run *run, char why[ANALYSIS_WHY_MAX]);
void analysis_pcap_free(struct analysis_pcap *p); /* NULL is fine */

#endif /* ANALYSIS_CAPTURE_PCAP_H */
