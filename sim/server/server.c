/* sim/server/server.c -- see server.h: the child process around a host, and the parent's hold on
 * it. */
#include "sim/server/server.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/server/host.h"

enum {
    READY_MS =
        15000, /* for the child to listen; a loaded machine makes a certificate in well under 1 s */
    STOP_MS = 3000, /* for the child to close; then it is killed */
};

struct sim_server {
    pid_t pid; /* 0: reaped */
    int life;  /* the child goes when this closes */
    int ready; /* at its end when the child is gone */
    struct sim_server_ports ports;
    struct sim_server_counters *counters; /* shared with the child */
    char death[128];                      /* how it ended, once pid is 0 */
};

/* What the child says when it listens, or why it does not; fits a pipe's atomic write. */
struct ready_message {
    int rc;
    struct sim_server_ports ports;
    char why[SIM_SERVER_TEXT_MAX];
};

/* --- the child
 * --------------------------------------------------------------------------------------- */

/* What the signal handler removes; only the child writes it, before it takes requests. */
static char ca_file[sizeof(((struct sim_server_ports *)0)->ca_file)];

static void on_term(int signal_number)
{
    (void)signal_number;
    if (ca_file[0] != '\0') {
        unlink(ca_file);
    }
    _exit(0);
}

/* The parent's handlers are not ours. A terminal's Ctrl-C goes to both processes, and the parent
 * decides. */
static void reset_signals(void)
{
    static const int ignored[] = {SIGINT, SIGHUP, SIGPIPE};
    static const int kept[] = {SIGKILL, SIGSTOP, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    struct sigaction action;
    sigset_t none;

    memset(&action, 0, sizeof(action));
    action.sa_handler = SIG_DFL;
    for (int i = 1; i <= SIGRTMAX; i++) {
        bool is_kept = false; /* a sanitizer's report of a crash is worth having */
        for (size_t k = 0; k < sizeof(kept) / sizeof(kept[0]); k++) {
            is_kept = is_kept || kept[k] == i;
        }
        if (!is_kept) {
            sigaction(i, &action, NULL); /* refused for the C library's own: fine */
        }
    }
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++) {
        sigaction(ignored[i], &action, NULL);
    }
    action.sa_handler = on_term;
    sigaction(SIGTERM, &action, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void close_between(unsigned first, unsigned last)
{
    if (first <= last && close_range(first, last, 0) != 0) {
        struct rlimit limit;
        if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && last > limit.rlim_cur) {
            last = (unsigned)limit.rlim_cur;
        }
        for (unsigned fd = first; fd <= last; fd++) {
            close((int)fd);
        }
    }
}

/* Keeps standard error and the two pipes. Above all not the parent's sockets, which would stay open
 * with us, nor another server's pipe, which would keep that one alive. */
static void close_inherited(int a, int b)
{
    unsigned low = (unsigned)(a < b ? a : b);
    unsigned high = (unsigned)(a < b ? b : a);
    int null = open("/dev/null", O_RDWR);
    if (null >= 0) {
        dup2(null, STDIN_FILENO);
        dup2(null, STDOUT_FILENO);
    }
    close_between(STDERR_FILENO + 1, low - 1);
    close_between(low + 1, high - 1);
    close_between(high + 1, ~0U);
}

static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static _Noreturn void serve_as_child(const struct sim_server_config *config,
                                     struct sim_server_counters *counters, int ready, int life,
                                     pid_t parent)
{
    struct sim_server_host *host = NULL;
    struct ready_message message;

    reset_signals();
    /* SIGTERM and not SIGKILL, so that the CA file goes too: its handler does two system calls,
     * whatever the rest of the process is in the middle of. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) {
        _exit(0); /* it died before we asked to be told */
    }
    prctl(PR_SET_NAME, "pfsim-server");
    close_inherited(ready, life);
    raise_descriptors();

    memset(&message, 0, sizeof(message));
    message.rc = sim_server_host_new(&host, config, counters, message.why);
    if (message.rc == 0) {
        sim_server_host_ports(host, &message.ports);
        memcpy(ca_file, message.ports.ca_file, sizeof(ca_file));
    }
    ssize_t n = write(ready, &message, sizeof(message));
    if (message.rc == 0 && n == (ssize_t)sizeof(message)) {
        sim_server_host_run(host, life, NULL);
    }
    if (host != NULL) {
        sim_server_host_free(host);
    }
    _exit(message.rc == 0 ? 0 : 1); /* not exit(): what the parent registered is not ours to run */
}

/* --- the parent
 * -------------------------------------------------------------------------------------- */

/* Waits until `fd` can be read or is closed: 1, or 0 when `ms` have passed. */
static int wait_readable(int fd, int ms)
{
    sim_time end = sim_time_add(sim_server_now(), (uint64_t)ms * SIM_MS);
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        uint64_t left = sim_time_since(end, sim_server_now()) / SIM_MS;
        int n = poll(&p, 1, (int)left);
        if (n > 0) {
            return 1;
        }
        if ((n < 0 && errno != EINTR) || (n == 0 && left == 0)) {
            return 0;
        }
    }
}

/* The child's one message: SIM_E* of it, or that there is none. */
static int read_ready(int fd, struct ready_message *message)
{
    if (!wait_readable(fd, READY_MS)) {
        snprintf(message->why, sizeof(message->why),
                 "the server process did not get ready in time");
        return SIM_ETIMEDOUT;
    }
    ssize_t n;
    do {
        n = read(fd, message, sizeof(*message));
    } while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(*message)) {
        snprintf(message->why, sizeof(message->why), "the server process died while it started");
        return SIM_ESERVER;
    }
    if (message->rc != 0 && message->why[0] == '\0') {
        snprintf(message->why, sizeof(message->why), "%s", sim_err_text(message->rc));
    }
    return message->rc;
}

static void note_death(struct sim_server *server, int status)
{
    server->pid = 0;
    if (WIFSIGNALED(status)) {
        snprintf(server->death, sizeof(server->death),
                 "the server process was killed by signal %d (%s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    } else {
        snprintf(server->death, sizeof(server->death), "the server process ended with status %d",
                 WEXITSTATUS(status));
    }
    if (server->ports.ca_file[0] != '\0') {
        unlink(server->ports.ca_file); /* it could not, when it was killed */
    }
}

static void reap(struct sim_server *server)
{
    int status = 0;
    pid_t pid;
    do {
        pid = waitpid(server->pid, &status, 0);
    } while (pid < 0 && errno == EINTR);
    note_death(server, status);
}

static void close_pipe(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

/* The memory that both see and the two pipes. 0 or SIM_E*, then nothing is left. */
static int make_links(struct sim_server *server, int ready[2], int life[2])
{
    void *shared = mmap(NULL, sizeof(*server->counters), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) {
        return SIM_ENOMEM;
    }
    if (pipe2(ready, O_CLOEXEC) != 0) {
        munmap(shared, sizeof(*server->counters));
        return sim_err_from_errno(errno);
    }
    if (pipe2(life, O_CLOEXEC) != 0) {
        int rc = sim_err_from_errno(errno);
        close_pipe(ready);
        munmap(shared, sizeof(*server->counters));
        return rc;
    }
    server->counters = shared;
    return 0;
}

int sim_server_start(struct sim_server **out, const struct sim_server_config *config,
                     char why[SIM_SERVER_TEXT_MAX])
{
    int ready[2], life[2];
    struct ready_message message;
    struct sim_server *server = calloc(1, sizeof(*server));
    int rc = server == NULL ? SIM_ENOMEM : make_links(server, ready, life);

    why[0] = '\0';
    if (rc != 0) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "no server process: %s", sim_err_text(rc));
        free(server);
        return rc;
    }
    pid_t parent = getpid();
    fflush(NULL); /* else the child could write what we have not written yet */
    pid_t pid = fork();
    if (pid == 0) {
        close(ready[0]);
        close(life[1]);
        serve_as_child(config, server->counters, ready[1], life[0], parent);
    }
    close(ready[1]);
    close(life[0]);
    server->pid = pid;
    server->ready = ready[0];
    server->life = life[1];
    memset(&message, 0, sizeof(message));
    if (pid < 0) {
        rc = sim_err_from_errno(errno);
        snprintf(why, SIM_SERVER_TEXT_MAX, "no server process: %s", sim_err_text(rc));
        server->pid = 0;
    } else {
        rc = read_ready(server->ready, &message);
        memcpy(why, message.why, sizeof(message.why));
        server->ports = message.ports;
    }
    if (rc != 0) {
        sim_server_stop(server);
        return rc;
    }
    *out = server;
    return 0;
}

void sim_server_ports(const struct sim_server *server, struct sim_server_ports *out)
{
    *out = server->ports;
}

static uint64_t load(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_acquire);
}

void sim_server_stats(const struct sim_server *server, struct sim_server_stats *out)
{
    const struct sim_server_counters *c = server->counters;
    uint64_t requests = load(&c->requests); /* first: the child counts it last */
    *out = (struct sim_server_stats){
        .requests = requests,
        .payload_bytes = load(&c->payload_bytes),
        .bytes = load(&c->bytes),
        .errors = load(&c->errors),
        .not_found = load(&c->not_found),
        .refused = load(&c->refused),
        .queued = load(&c->queued),
        .transfers = atomic_load_explicit(&c->transfers, memory_order_relaxed),
        .peak_transfers = atomic_load_explicit(&c->peak_transfers, memory_order_relaxed),
    };
}

bool sim_server_alive(struct sim_server *server, char why[SIM_SERVER_TEXT_MAX])
{
    int status = 0;
    if (server->pid != 0) {
        pid_t pid = waitpid(server->pid, &status, WNOHANG);
        if (pid == 0 || (pid < 0 && errno == EINTR)) {
            return true;
        }
        note_death(server, pid < 0 ? 0 : status);
    }
    snprintf(why, SIM_SERVER_TEXT_MAX, "%s", server->death);
    return false;
}

void sim_server_stop(struct sim_server *server)
{
    if (server == NULL) {
        return;
    }
    close(server->life);
    if (server->pid != 0) {
        char rest[64];
        /* Nothing more is written, so readable means that the child has gone; unless it told of an
         * error that we did not wait for. */
        while (wait_readable(server->ready, STOP_MS) &&
               read(server->ready, rest, sizeof(rest)) > 0) {
        }
        kill(server->pid,
             SIGKILL); /* no harm when it is a zombie already; it is ours until reaped */
        reap(server);
    }
    close(server->ready);
    munmap(server->counters, sizeof(*server->counters));
    free(server);
}

int sim_server_run(const struct sim_server_config *config, const volatile int *stop,
                   void (*ready)(void *context, const struct sim_server_ports *ports),
                   void *context, char why[SIM_SERVER_TEXT_MAX])
{
    struct sim_server_counters *counters = calloc(1, sizeof(*counters));
    struct sim_server_host *host = NULL;
    struct sim_server_ports ports;

    why[0] = '\0';
    if (counters == NULL) {
        return SIM_ENOMEM;
    }
    signal(SIGPIPE, SIG_IGN); /* sendfile has no flag for it */
    raise_descriptors();
    int rc = sim_server_host_new(&host, config, counters, why);
    if (rc == 0) {
        sim_server_host_ports(host, &ports);
        if (ready != NULL) {
            ready(context, &ports);
        }
        sim_server_host_run(host, -1, stop);
        sim_server_host_free(host);
    } else if (why[0] == '\0') {
        snprintf(why, SIM_SERVER_TEXT_MAX, "%s", sim_err_text(rc));
    }
    free(counters);
    return rc;
}
