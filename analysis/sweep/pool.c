/* analysis/sweep/pool.c -- see pool.h. */
#include "analysis/sweep/pool.h"

#include <assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analysis/interrupt.h"
#include "analysis/program.h"
#include "sim/err.h"

enum {
    ATTEMPTS = 2,     /* of a run whose process died */
    END_PAUSES = 200, /* of 10 ms, for a process that is to end by itself */
};

struct slot {
    pid_t pid; /* 0: idle */
    int fd;    /* where the child puts its parcel */
    unsigned attempts;
    struct analysis_job job;
    const char *metrics[ANALYSIS_JOB_METRICS_MAX]; /* of the job */
    cJSON *holder;
};

struct analysis_pool {
    struct slot *slots;
    unsigned len, busy;
    char *(*work)(void *context, const struct analysis_job *job);
    void *context;
};

static char *run_job(void *context, const struct analysis_job *job)
{
    (void)context;
    return analysis_job_run(job);
}

unsigned analysis_pool_processors(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) != 0) {
        return 1;
    }
    unsigned n = (unsigned)CPU_COUNT(&set);
    return n < 1 ? 1 : n > ANALYSIS_POOL_MAX ? ANALYSIS_POOL_MAX : n;
}

static void fill(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGCHLD);
}

int analysis_pool_new(struct analysis_pool **out, unsigned slots)
{
    struct analysis_pool *p = calloc(1, sizeof(*p));
    sigset_t set;

    assert(slots > 0 && slots <= ANALYSIS_POOL_MAX);
    if (p == NULL || (p->slots = calloc(slots, sizeof(*p->slots))) == NULL) {
        free(p);
        return SIM_ENOMEM;
    }
    p->len = slots;
    p->work = run_job;
    fill(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    *out = p;
    return 0;
}

static void release(struct analysis_pool *p, struct slot *slot)
{
    close(slot->fd);
    cJSON_Delete(slot->holder);
    memset(slot, 0, sizeof(*slot));
    p->busy--;
}

/* Asked first: it takes its unfinished files along. */
static void end_child(pid_t pid)
{
    const struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
    pid_t got = 0;
    sigset_t set;

    fill(&set); /* blocked: it wakes sigtimedwait() */
    kill(pid, SIGTERM);
    for (unsigned i = 0; i < END_PAUSES && (got = waitpid(pid, NULL, WNOHANG)) == 0; i++) {
        (void)sigtimedwait(&set, NULL, &pause);
    }
    if (got == 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
}

void analysis_pool_free(struct analysis_pool *p)
{
    if (p == NULL) {
        return;
    }
    for (unsigned i = 0; i < p->len; i++) {
        struct slot *slot = &p->slots[i];
        if (slot->pid != 0) {
            end_child(slot->pid);
            release(p, slot);
        }
    }
    free(p->slots);
    free(p);
}

void analysis_pool_set_work(struct analysis_pool *p,
                            char *(*work)(void *context, const struct analysis_job *job),
                            void *context)
{
    p->work = work;
    p->context = context;
}

unsigned analysis_pool_idle(const struct analysis_pool *p)
{
    return p->len - p->busy;
}

unsigned analysis_pool_busy(const struct analysis_pool *p)
{
    return p->busy;
}

/* ---- The child ---- */

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, text, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        text += n;
        len -= (size_t)n;
    }
    return true;
}

/* Never returns: what the parent has open and registered is not the child's to close. */
static void be_child(const struct analysis_pool *p, const struct slot *slot, pid_t parent)
{
    sigset_t set;

    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody waits for it any more */
    if (getppid() != parent) {
        _exit(ANALYSIS_INTERRUPTED);
    }
    /* Ctrl-C is for the whole group: this run ends at once, the parent keeps what is finished. */
    analysis_interrupt_child();
    fill(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    char *parcel = p->work(p->context, &slot->job);
    if (parcel == NULL) {
        parcel = analysis_job_failed(slot->job.run, ANALYSIS_REFUSED, sim_err_text(SIM_ENOMEM));
    }
    bool good = parcel != NULL && write_all(slot->fd, parcel, strlen(parcel));
    _exit(good ? 0 : ANALYSIS_REFUSED);
}

/* ---- The parent ---- */

static int spawn(const struct analysis_pool *p, struct slot *slot, char why[ANALYSIS_WHY_MAX])
{
    pid_t parent = getpid();

    slot->fd = memfd_create("pfsim-parcel", MFD_CLOEXEC);
    if (slot->fd < 0) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't make a file for a run's result: %s",
                 strerror(errno));
        return sim_err_from_errno(errno);
    }
    fflush(NULL); /* what is buffered must not be written twice */
    slot->pid = fork();
    if (slot->pid == 0) {
        be_child(p, slot, parent);
    }
    if (slot->pid < 0) {
        int errnum = errno;
        slot->pid = 0;
        close(slot->fd);
        snprintf(why, ANALYSIS_WHY_MAX,
                 "can't start a process for a run: %s; try fewer at once with --jobs",
                 strerror(errnum));
        return sim_err_from_errno(errnum);
    }
    slot->attempts++;
    return 0;
}

int analysis_pool_start(struct analysis_pool *p, const struct analysis_job *job, cJSON *holder,
                        char why[ANALYSIS_WHY_MAX])
{
    struct slot *slot = p->slots;

    assert(p->busy < p->len);
    while (slot->pid != 0) {
        slot++;
    }
    memset(slot, 0, sizeof(*slot));
    assert(job->metrics_len <= ANALYSIS_JOB_METRICS_MAX);
    slot->job = *job;
    for (size_t i = 0; i < job->metrics_len; i++) {
        slot->metrics[i] = job->metrics[i];
    }
    slot->job.metrics = slot->metrics;
    int rc = spawn(p, slot, why);
    if (rc != 0) {
        memset(slot, 0, sizeof(*slot));
        return rc;
    }
    slot->holder = holder;
    p->busy++;
    return 0;
}

/* The parcel in the slot's file; NULL when it is empty, too long or can't be read. */
static char *read_parcel(const struct slot *slot, size_t *len)
{
    struct stat st;

    if (fstat(slot->fd, &st) != 0 || st.st_size <= 0 || st.st_size > ANALYSIS_PARCEL_MAX) {
        return NULL;
    }
    size_t size = (size_t)st.st_size, at = 0;
    char *text = malloc(size + 1);
    while (text != NULL && at < size) {
        ssize_t n = pread(slot->fd, text + at, size - at, (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            free(text);
            return NULL;
        }
        at += (size_t)n;
    }
    if (text != NULL) {
        text[size] = '\0';
        *len = size;
    }
    return text;
}

static void describe(int status, char why[ANALYSIS_WHY_MAX])
{
    if (WIFSIGNALED(status)) {
        snprintf(why, ANALYSIS_WHY_MAX, "its process ended by signal %d (%s), %d times%s",
                 WTERMSIG(status), strsignal(WTERMSIG(status)), ATTEMPTS,
                 WTERMSIG(status) == SIGKILL ? "; was there too little memory?" : "");
    } else {
        snprintf(why, ANALYSIS_WHY_MAX, "its process ended with status %d, %d times",
                 WEXITSTATUS(status), ATTEMPTS);
    }
}

/* What has become of an ended process; false: it is tried once more. */
static bool conclude(struct analysis_pool *p, struct slot *slot, int status, uint32_t *run,
                     char **parcel, size_t *len)
{
    char why[ANALYSIS_WHY_MAX];

    *parcel = WIFEXITED(status) && WEXITSTATUS(status) == 0 ? read_parcel(slot, len) : NULL;
    if (*parcel == NULL) {
        if (slot->attempts < ATTEMPTS && !analysis_interrupt_seen()) {
            close(slot->fd);
            if (spawn(p, slot, why) == 0) {
                return false;
            }
            slot->fd = -1;
        } else {
            describe(status, why);
        }
        *parcel = analysis_job_failed(slot->job.run, ANALYSIS_REFUSED, why);
        *len = *parcel != NULL ? strlen(*parcel) : 0;
    }
    *run = slot->job.run;
    release(p, slot);
    return true;
}

bool analysis_pool_take(struct analysis_pool *p, uint32_t *run, char **parcel, size_t *len)
{
    for (unsigned i = 0; i < p->len; i++) {
        struct slot *slot = &p->slots[i];
        int status;
        if (slot->pid != 0 && waitpid(slot->pid, &status, WNOHANG) == slot->pid &&
            conclude(p, slot, status, run, parcel, len)) {
            return true;
        }
    }
    return false;
}

void analysis_pool_wait(struct analysis_pool *p, uint64_t ns)
{
    struct timespec limit = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
    sigset_t set;

    (void)p;
    fill(&set);
    (void)sigtimedwait(&set, NULL, &limit);
}
