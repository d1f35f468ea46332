/* Goal: the server process ends with its parent whatever happens, and leaves nothing behind.
 * Method: parents that are killed, descriptors and children counted, /proc read. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "client.h"
#include "sim/server/holder.h"

static int count_descriptors(void)
{
    int count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) {
        count++;
    }
    closedir(dir);
    return count;
}

static const struct sim_server_config plain = {.root = "/usr/share/doc", .http = true};

/* Until nobody listens any more. */
static bool closes(uint16_t port)
{
    double end = client_now() + CLIENT_WAIT_S;
    while (client_now() < end) {
        int fd = client_try_dial(port);
        if (fd < 0) {
            return true;
        }
        close(fd);
    }
    return false;
}

Test(server_life, leaves_no_descriptor_no_zombie_and_no_port)
{
    struct sim_server_config config = {.root = "/usr/share/doc", .http = true, .https = true};
    struct sim_server_ports ports;
    int before = count_descriptors();
    for (int i = 0; i < 3; i++) {
        struct sim_server *server = server_start(&config, &ports);
        cr_assert_eq(client_status(ports.http, "/nothing"), 404);
        sim_server_stop(server);
        cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "a child is left");
        cr_assert_eq(errno, ECHILD);
        cr_assert_eq(client_try_dial(ports.http), -1);
        cr_assert_eq(client_try_dial(ports.https), -1);
        cr_assert_neq(access(ports.ca_file, F_OK), 0);
    }
    cr_assert_eq(count_descriptors(), before);
    sim_server_stop(NULL);
}

/* In a process of its own: starts a server, tells the ports, and waits to be killed. */
static pid_t start_parent(struct sim_server_ports *ports)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct sim_server_config config = {.root = "/usr/share/doc", .http = true, .https = true};
        struct sim_server *server = NULL;
        struct sim_server_ports mine;
        char why[SIM_SERVER_TEXT_MAX];
        if (sim_server_start(&server, &config, why) != 0) {
            _exit(1);
        }
        sim_server_ports(server, &mine);
        ssize_t n = write(ends[1], &mine, sizeof(mine));
        (void)n;
        for (;;) {
            pause();
        }
    }
    close(ends[1]);
    cr_assert_eq(read(ends[0], ports, sizeof(*ports)), (ssize_t)sizeof(*ports));
    close(ends[0]);
    return pid;
}

Test(server_life, ends_when_its_parent_is_killed)
{
    static const int signals[] = {SIGKILL, SIGTERM, SIGUSR2};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sim_server_ports ports;
        pid_t pid = start_parent(&ports);
        cr_assert_eq(client_status(ports.http, "/nothing"), 404);
        kill(pid, signals[i]);
        waitpid(pid, NULL, 0);
        cr_assert(closes(ports.http), "signal %d", signals[i]);
        double end = client_now() + CLIENT_WAIT_S;
        while (access(ports.ca_file, F_OK) == 0 && client_now() < end) {
        }
        cr_assert_neq(access(ports.ca_file, F_OK), 0, "signal %d: its CA file is left", signals[i]);
    }
}

Test(server_life, one_server_does_not_keep_another_alive)
{
    struct sim_server_ports a_ports, b_ports;
    struct sim_server *a = server_start(&plain, &a_ports);
    struct sim_server *b = server_start(&plain, &b_ports); /* a's pipe was open when it was made */
    double start = client_now();
    sim_server_stop(a);
    /* sim_server_stop() kills after 3 s. */
    cr_assert_lt(client_now() - start, 2.9, "stopped by itself, not killed: %f s",
                 client_now() - start);
    cr_assert_eq(client_try_dial(a_ports.http), -1);
    cr_assert_eq(client_status(b_ports.http, "/nothing"), 404);
    sim_server_stop(b);
}

static pid_t find_child(void)
{
    char path[64], text[64];
    pid_t pid = 0;
    snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(text, sizeof(text), file) == NULL) {
        cr_skip_test("the kernel does not list children");
    }
    pid = atoi(text);
    fclose(file);
    return pid;
}

Test(server_life, ignores_the_terminals_interrupt_and_has_a_name)
{
    struct sim_server_ports ports;
    char why[SIM_SERVER_TEXT_MAX], path[64], name[32] = "";
    signal(SIGUSR1, SIG_IGN); /* and does not inherit this */
    struct sim_server *server = server_start(&plain, &ports);
    pid_t pid = find_child();
    kill(pid, SIGINT);
    kill(pid, SIGHUP);
    cr_assert_eq(client_status(ports.http, "/nothing"), 404);
    cr_assert(sim_server_alive(server, why));
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(fgets(name, sizeof(name), file));
    fclose(file);
    cr_assert_str_eq(name, "pfsim-server\n");
    sim_server_stop(server);
}

Test(server_life, tells_how_it_died)
{
    struct sim_server_ports ports;
    char why[SIM_SERVER_TEXT_MAX] = "";
    struct sim_server_config config = {.root = "/usr/share/doc", .https = true};
    struct sim_server *server = server_start(&config, &ports);
    cr_assert(sim_server_alive(server, why));
    kill(find_child(), SIGKILL);
    double end = client_now() + CLIENT_WAIT_S;
    while (sim_server_alive(server, why) && client_now() < end) {
    }
    cr_assert(!sim_server_alive(server, why), "and says so again");
    cr_assert_not_null(strstr(why, "signal 9"), "%s", why);
    cr_assert_neq(access(ports.ca_file, F_OK), 0, "removed in its place");
    struct sim_server_stats stats;
    sim_server_stats(server, &stats); /* still readable */
    sim_server_stop(server);
    cr_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no zombie");
}

Test(server_life, does_not_hold_the_parents_descriptors)
{
    struct sim_server_ports ports;
    int ends[2];
    char byte;
    cr_assert_eq(pipe(ends), 0);
    struct sim_server *server = server_start(&plain, &ports);
    close(ends[1]);
    struct pollfd p = {.fd = ends[0], .events = POLLIN};
    cr_assert_eq(poll(&p, 1, 2000), 1, "the child has the other end open");
    cr_assert_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    sim_server_stop(server);
}

Test(server_life, names_the_port_that_is_taken_and_by_whom)
{
    struct sim_server_ports ports;
    struct sim_server *server, *second = NULL;
    char why[SIM_SERVER_TEXT_MAX], want[128];
    int before = count_descriptors();
    server = server_start(&plain, &ports);
    struct sim_server_config config = plain;
    config.http_port = ports.http;
    cr_assert_eq(sim_server_start(&second, &config, why), SIM_EADDRINUSE, "%s", why);
    cr_assert_null(second);
    snprintf(want, sizeof(want), "HTTP port %u of 127.0.0.1 is in use by pfsim-server, process %d",
             ports.http, (int)find_child());
    cr_assert_str_eq(why, want);
    char holder[SIM_SERVER_HOLDER_MAX];
    cr_assert(!sim_server_holder_find(true, ports.http, holder) || holder[0] != '\0');
    sim_server_stop(server);
    cr_assert_eq(count_descriptors(), before);
    cr_assert(!sim_server_holder_find(false, ports.http, holder));
    cr_assert_str_eq(holder, "");
}

Test(server_life, says_what_is_wrong_with_its_configuration)
{
    struct sim_server *server = NULL;
    char why[SIM_SERVER_TEXT_MAX];
    struct sim_server_config config = {.root = "/nowhere/at/all", .http = true};
    cr_assert_eq(sim_server_start(&server, &config, why), SIM_ENOTFOUND);
    cr_assert_not_null(strstr(why, "/nowhere/at/all"), "%s", why);
    config = (struct sim_server_config){.http = true, .bind_addr = 0x08080808};
    cr_assert_eq(sim_server_start(&server, &config, why), SIM_EUNREACHABLE);
    cr_assert_not_null(strstr(why, "8.8.8.8 is not an address of this host"), "%s", why);
    config = (struct sim_server_config){.http = true, .access_log = "/nowhere/at/all/log"};
    cr_assert_eq(sim_server_start(&server, &config, why), SIM_ENOTFOUND);
    cr_assert_not_null(strstr(why, "access log"), "%s", why);
    cr_assert_null(server);
    cr_assert(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "no zombie");
}

Test(server_life, listens_on_the_address_it_is_given)
{
    struct sim_server_ports ports;
    struct sim_server_config config = plain;
    config.bind_addr = 0x7f000907; /* 127.0.9.7 */
    struct sim_server *server = server_start(&config, &ports);
    cr_assert_eq(ports.addr, 0x7f000907);
    cr_assert_eq(client_try_dial(ports.http), -1, "not on 127.0.0.1");
    sim_server_stop(server);
    server = server_start(&plain, &ports);
    cr_assert_eq(ports.addr, 0x7f000001, "loopback unless told otherwise");
    sim_server_stop(server);
}

/* --- in this process, where leaks show
 * ----------------------------------------------------------------- */

struct run {
    struct sim_server_config config;
    volatile int stop;
    int ready[2];
    int rc;
    char why[SIM_SERVER_TEXT_MAX];
};

static void tell(void *context, const struct sim_server_ports *ports)
{
    struct run *run = context;
    ssize_t n = write(run->ready[1], ports, sizeof(*ports));
    (void)n;
}

static void *run_server(void *context)
{
    struct run *run = context;
    run->rc = sim_server_run(&run->config, &run->stop, tell, run, run->why);
    return NULL;
}

static void run_and_stop(const struct sim_catalog *catalog)
{
    struct run run = {.rc = 1};
    struct sim_server_ports ports;
    struct client_reply reply;
    pthread_t thread;
    int fds[20];
    run.config = (struct sim_server_config){.catalog = catalog,
                                            .http = true,
                                            .https = true,
                                            .max_transfers = 3,
                                            .overflow = SIM_OVERFLOW_QUEUE,
                                            .uplink_bit_s = 1000000,
                                            .response_time = 1 * SIM_MS};
    cr_assert_eq(pipe(run.ready), 0);
    cr_assert_eq(pthread_create(&thread, NULL, run_server, &run), 0);
    cr_assert_eq(read(run.ready[0], &ports, sizeof(ports)), (ssize_t)sizeof(ports));
    cr_assert_eq(client_get(ports.http, "/small", &reply), 200);
    client_free(&reply);
    for (int i = 0; i < 20; i++) {
        fds[i] = client_dial(ports.http);
        client_ask(fds[i], "GET", "/huge", "");
    }
    client_read(fds[0], false, &reply);
    cr_assert_eq(reply.status, 200);
    client_free(&reply);
    run.stop = 1; /* in the middle of 3 transfers, with 17 waiting */
    cr_assert_eq(pthread_join(thread, NULL), 0);
    cr_assert_eq(run.rc, 0, "%s", run.why);
    cr_assert_eq(client_try_dial(ports.http), -1);
    cr_assert_neq(access(ports.ca_file, F_OK), 0);
    for (int i = 0; i < 20; i++) {
        close(fds[i]);
    }
    close(run.ready[0]);
    close(run.ready[1]);
}

Test(server_life, runs_in_the_callers_process_until_told_and_frees_everything)
{
    struct sim_catalog *catalog = sim_catalog_new();
    cr_assert_eq(sim_catalog_add_synthetic(catalog, "huge", true, 1 << 26, 1), 0);
    cr_assert_eq(sim_catalog_add_memory(catalog, "small", false, "small", 5), 0);
    run_and_stop(catalog); /* libuv opens a pipe for the whole process at its first loop */
    int before = count_descriptors();
    run_and_stop(catalog);
    cr_assert_eq(count_descriptors(), before);
    sim_catalog_free(catalog);
}
