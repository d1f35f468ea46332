/* analysis/interrupt.h -- Ctrl-C: once ends the run and keeps what there is, twice ends the
 * program at once.
 *
 * SIGINT, SIGTERM and SIGHUP are treated alike. State is global because signals are. */
#ifndef ANALYSIS_INTERRUPT_H
#define ANALYSIS_INTERRUPT_H

#include <stdbool.h>

/* Installs the handlers. Ignores SIGPIPE and SIGXFSZ: a reader that went away, and a file that
 * may not grow, show as write errors. */
void analysis_interrupt_install(void);
/* What the first signal calls, from the handler: must be async-signal-safe. NULL: nothing. When a
 * signal came before, it is called at once. Not called again after this returned with NULL. */
void analysis_interrupt_watch(void (*stop)(void *context), void *context);
bool analysis_interrupt_seen(void);
/* Becomes 1 with the first signal. */
const volatile int *analysis_interrupt_flag(void);

#endif /* ANALYSIS_INTERRUPT_H */
