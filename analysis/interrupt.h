/* analysis/interrupt.h -- Ctrl-C: once ends the command and keeps what is finished, twice ends the
 * program at once.
 *
 * SIGINT, SIGTERM and SIGHUP are treated alike. A command that has nothing to keep ends with the
 * first signal, wherever it is: in the middle of a read or of a long sum. One that has says so
 * (hold, watch) and ends by itself soon after. Either way the status is ANALYSIS_INTERRUPTED and no
 * file stays under a temporary name. State is global because signals are. Not here: what each
 * command keeps, and processes that a sweep starts (pool.h). */
#ifndef ANALYSIS_INTERRUPT_H
#define ANALYSIS_INTERRUPT_H

#include <stdbool.h>

enum { ANALYSIS_INTERRUPT_FILES_MAX = 64 }; /* more than a run has open; ours */

/* Installs the handlers. Ignores SIGPIPE and SIGXFSZ: a reader that went away, and a file that
 * may not grow, show as write errors. */
void analysis_interrupt_install(void);
/* From here on the first signal is only noted: the command looks at analysis_interrupt_seen(), or
 * has something to finish that takes a while at most. The second one still ends the program. */
void analysis_interrupt_hold(void);
/* What the first signal calls, from the handler: must be async-signal-safe. NULL: nothing. When a
 * signal came before, it is called at once. Not called again after this returned with NULL.
 * Another function than NULL holds too. */
void analysis_interrupt_watch(void (*stop)(void *context), void *context);
/* In a child process whose work is lost anyway: from here on every signal ends it at once and says
 * nothing, whatever it holds. Temporary files of the parent are not its own. */
void analysis_interrupt_child(void);
bool analysis_interrupt_seen(void); /* from any thread */
/* Becomes 1 with the first signal. */
const volatile int *analysis_interrupt_flag(void);

/* A file under a temporary name, which a signal that ends the program takes along. `path` is
 * borrowed until it is forgotten. Of the main thread only; more than
 * ANALYSIS_INTERRUPT_FILES_MAX at once are not remembered. */
void analysis_interrupt_file(const char *path);
void analysis_interrupt_forget(const char *path);

#endif /* ANALYSIS_INTERRUPT_H */
