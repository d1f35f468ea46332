/* analysis/watch/watch.h -- --listen: a page that grows with the run, and figures for monitoring.
 *
 *   /         the page: the report's charts while they grow (report/page.h)
 *   /events   what it follows, as server-sent events: start, sample, end (report/view.h)
 *   /metrics  for Prometheus (metrics.h)
 *   /result   the result document once a run has ended; 503 before. With ?wait=1 the answer comes
 * at the end of the last run
 *
 * One server for all runs of a command; each is told by its method. It is up from before the first
 * run until the program ends; then clients get a moment to take what is there. Of a virtual run
 * whose sites run one after another the curves are those of the sites so far, laid over one another
 * (pile.h): they grow with each site. Not here: sockets (sim/server/watch.h). */
#ifndef ANALYSIS_WATCH_WATCH_H
#define ANALYSIS_WATCH_WATCH_H

#include "analysis/observer.h"
#include "analysis/program.h"

struct analysis_watch;

/* "ADDR:PORT" of --listen; an address of this host or "localhost"; port 0: the kernel chooses.
 * False, with a sentence: it is not that. */
bool analysis_watch_parse(const char *text, sim_addr *addr, uint16_t *port,
                          char why[ANALYSIS_WHY_MAX]);
/* Listens, and says where on program->err. `listen` NULL: `*out` is NULL, and all is well. `many`:
 * several runs follow one another, and analysis_watch_compare() is the end. 0, or an exit status,
 * said. */
int analysis_watch_open(struct analysis_watch **out, const struct analysis_program *program,
                        const char *command, const char *listen, bool many);
/* The observer that tells it of this run. 0 or SIM_ENOMEM. */
int analysis_watch_observe(struct analysis_watch *w, const struct analysis_observed *run,
                           struct analysis_observer *out);
/* The end of several runs: all of them over one another. `document` is that of
 * analysis_result_compare(), `out` the folder with its files or NULL. `w` NULL is fine. */
void analysis_watch_compare(struct analysis_watch *w, const cJSON *document, const char *out);
/* The scenario that was observed must still be there. NULL is fine. */
void analysis_watch_close(struct analysis_watch *w);

#endif /* ANALYSIS_WATCH_WATCH_H */
