/* analysis/interrupt.c -- one handler for all signals that end the program. */
#include "analysis/interrupt.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "analysis/program.h"

static volatile int seen; /* written by the handler alone; any thread may look */
static volatile int held, is_child;
/* Changed only while the signals are blocked on the main thread; other threads never take them. */
static void (*volatile stop_function)(void *context);
static void *volatile stop_context;
static const char *volatile files[ANALYSIS_INTERRUPT_FILES_MAX]; /* NULL: free */

/* Only what is async-signal-safe. */
static void end_at_once(void)
{
    static const char text[] = "pfsim: interrupted\n";

    for (size_t i = 0; i < ANALYSIS_INTERRUPT_FILES_MAX; i++) {
        if (files[i] != NULL) {
            unlink(files[i]);
        }
    }
    ssize_t n = is_child ? 0 : write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)n;
    _exit(ANALYSIS_INTERRUPTED);
}

static void on_signal(int number)
{
    int before = errno;

    (void)number;
    if (seen != 0 || held == 0 || is_child) {
        end_at_once();
    }
    __atomic_store_n(&seen, 1, __ATOMIC_RELAXED);
    if (stop_function != NULL) {
        stop_function(stop_context);
    }
    errno = before;
}

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGHUP);
}

void analysis_interrupt_install(void)
{
    struct sigaction action;
    struct sigaction ignore;

    memset(&action, 0, sizeof(action));
    memset(&ignore, 0, sizeof(ignore));
    held = 0;
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    fill(&action.sa_mask);
    ignore.sa_handler = SIG_IGN;
    int rc = sigaction(SIGINT, &action, NULL);
    rc |= sigaction(SIGTERM, &action, NULL);
    rc |= sigaction(SIGHUP, &action, NULL);
    rc |= sigaction(SIGPIPE, &ignore, NULL);
    rc |= sigaction(SIGXFSZ, &ignore, NULL);
    assert(rc == 0);
    (void)rc;
}

void analysis_interrupt_hold(void)
{
    held = 1;
}

void analysis_interrupt_watch(void (*stop)(void *context), void *context)
{
    sigset_t set, before;

    fill(&set);
    pthread_sigmask(SIG_BLOCK, &set, &before);
    stop_function = stop;
    stop_context = context;
    held = stop != NULL ? 1 : held;
    if (seen != 0 && stop != NULL) {
        stop(context);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void analysis_interrupt_child(void)
{
    sigset_t set;

    fill(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (size_t i = 0; i < ANALYSIS_INTERRUPT_FILES_MAX; i++) {
        files[i] = NULL;
    }
    is_child = 1;
    bool came = seen != 0; /* in the parent, or here before */
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    if (came) {
        _exit(ANALYSIS_INTERRUPTED);
    }
}

bool analysis_interrupt_seen(void)
{
    return __atomic_load_n(&seen, __ATOMIC_RELAXED) != 0;
}

const volatile int *analysis_interrupt_flag(void)
{
    return &seen;
}

/* One write of a pointer: the handler sees the old one or the new one. */
static void replace(const char *from, const char *to)
{
    for (size_t i = 0; i < ANALYSIS_INTERRUPT_FILES_MAX; i++) {
        if (files[i] == from) {
            files[i] = to;
            return;
        }
    }
}

void analysis_interrupt_file(const char *path)
{
    replace(NULL, path);
}

void analysis_interrupt_forget(const char *path)
{
    replace(path, NULL);
}
