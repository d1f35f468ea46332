/* sim/server/host.c -- see host.h. */
#include "sim/server/host.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "sim/err.h"
#include "sim/server/certificate.h"
#include "sim/server/folder.h"
#include "sim/server/http.h"
#include "sim/server/listener.h"
#include "sim/server/tftp_side.h"

enum {
    ROUNDS_MAX = 8,     /* turns before the loop looks at its sockets again */
    STOP_LOOK_MS = 100, /* between two looks at `stop` */
};

struct sim_server_host {
    uv_loop_t loop;
    struct sim_server_config config;
    struct sim_server_common common;
    struct sim_server_ports ports;
    struct sim_server_http *http, *https; /* NULL: off */
    struct sim_server_tftp *tftp;
    int upload_folder; /* -1: none */
    int alarm_fd;      /* a timerfd: libuv's own timers only know milliseconds */
    sim_time alarm_at; /* what it is set to */
    uv_poll_t alarm, life;
    uv_prepare_t prepare;
    uv_timer_t stop_timer;
    const volatile int *stop;
};

sim_time sim_server_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (sim_time)now.tv_sec * SIM_S + (sim_time)now.tv_nsec;
}

/* --- waking up
 * --------------------------------------------------------------------------------------- */

static void set_alarm(struct sim_server_host *host, sim_time at)
{
    if (at == host->alarm_at) {
        return;
    }
    struct itimerspec when = {{0, 0}, {0, 0}}; /* all zero: off */
    if (at != SIM_NEVER) {
        sim_time some = at > 0 ? at : 1;
        when.it_value.tv_sec = (time_t)(some / SIM_S);
        when.it_value.tv_nsec = (long)(some % SIM_S);
    }
    timerfd_settime(host->alarm_fd, TFD_TIMER_ABSTIME, &when, NULL);
    host->alarm_at = at;
}

static void on_alarm(uv_poll_t *poll, int status, int events)
{
    struct sim_server_host *host = poll->data;
    uint64_t count;
    (void)status;
    (void)events;
    ssize_t n = read(host->alarm_fd, &count, sizeof(count));
    (void)n;
    host->alarm_at = SIM_NEVER; /* it rings once */
}

static void grant_places(struct sim_server_host *host)
{
    struct sim_server_node *node;
    while ((node = sim_server_places_take(&host->common.places)) != NULL) {
        switch ((enum sim_server_waiter)node->kind) {
        case SIM_SERVER_WAITER_HTTP:
            sim_server_http_granted(node);
            break;
        case SIM_SERVER_WAITER_TFTP:
            sim_server_tftp_granted(node);
            break;
        }
    }
}

static void show_places(struct sim_server_host *host)
{
    const struct sim_server_places *places = &host->common.places;
    struct sim_server_counters *counters = host->common.counters;
    atomic_store_explicit(&counters->transfers, places->active, memory_order_relaxed);
    atomic_store_explicit(&counters->peak_transfers, places->peak, memory_order_relaxed);
    atomic_store_explicit(&counters->queued, places->queued, memory_order_relaxed);
    atomic_store_explicit(&counters->refused, places->refused, memory_order_relaxed);
}

/* Before the loop sleeps: everything that can go on does, and the alarm says how long it may sleep.
 */
static void on_prepare(uv_prepare_t *prepare)
{
    struct sim_server_host *host = prepare->data;
    sim_time due = 0;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        sim_time now = sim_server_now();
        grant_places(host);
        due = SIM_NEVER;
        if (host->http != NULL) {
            sim_server_http_turn(host->http, now);
            due = sim_time_min(due, sim_server_http_deadline(host->http));
        }
        if (host->https != NULL) {
            sim_server_http_turn(host->https, now);
            due = sim_time_min(due, sim_server_http_deadline(host->https));
        }
        /* A place that became free in this turn is given away in the next. */
        const struct sim_server_places *places = &host->common.places;
        if (places->line.len > 0 && places->active < places->max) {
            due = 0;
        }
        if (due > now) {
            break;
        }
    }
    show_places(host);
    set_alarm(host, due);
}

/* --- listening
 * --------------------------------------------------------------------------------------- */

static int start_http(struct sim_server_host *host, bool secure, const char *certificate,
                      const char *key, char why[SIM_SERVER_TEXT_MAX])
{
    const struct sim_server_config *config = &host->config;
    uint16_t wanted = secure ? config->https_port : config->http_port;
    int fd = -1;
    int rc = sim_server_listener_open(config->bind_addr, wanted, &fd,
                                      secure ? &host->ports.https : &host->ports.http);
    if (rc != 0) {
        sim_server_listener_explain(rc, false, secure ? "HTTPS" : "HTTP", config->bind_addr, wanted,
                                    why);
        return rc;
    }
    return sim_server_http_new(secure ? &host->https : &host->http, &host->common, &host->loop, fd,
                               certificate, key, why);
}

/* The certificate made for this run, where clients can read it. */
static int write_ca(struct sim_server_host *host, const char *certificate,
                    char why[SIM_SERVER_TEXT_MAX])
{
    char *path = host->ports.ca_file;
    const char *folder = getenv("TMPDIR");
    size_t len = strlen(certificate);
    if (folder == NULL || folder[0] != '/' || strlen(folder) > 200) {
        folder = "/tmp";
    }
    snprintf(path, sizeof(host->ports.ca_file), "%s/pfsim-ca-XXXXXX.pem", folder);
    int fd = mkstemps(path, 4);
    if (fd < 0) {
        int rc = sim_err_from_errno(errno);
        snprintf(why, SIM_SERVER_TEXT_MAX, "no certificate can be written to %s: %s", folder,
                 sim_err_text(rc));
        path[0] = '\0';
        return rc;
    }
    bool ok = fchmod(fd, 0644) == 0 && write(fd, certificate, len) == (ssize_t)len;
    ok = close(fd) == 0 && ok;
    if (!ok) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "%.250s can't be written", path);
    }
    return ok ? 0 : SIM_EIO; /* free() removes the file */
}

static int start_https(struct sim_server_host *host, char why[SIM_SERVER_TEXT_MAX])
{
    const struct sim_server_config *config = &host->config;
    char *certificate = NULL, *key = NULL;
    int rc;
    if (config->identity != NULL) {
        rc = write_ca(host, config->identity->certificate, why);
        if (rc == 0) {
            rc = start_http(host, true, config->identity->certificate, config->identity->key, why);
        }
        return rc;
    }
    if (config->tls_cert_file != NULL && config->tls_key_file != NULL) {
        const char *path = config->tls_cert_file;
        rc = sim_server_pem_read(path, &certificate);
        if (rc == 0) {
            path = config->tls_key_file;
            rc = sim_server_pem_read(path, &key);
        }
        if (rc != 0) {
            snprintf(why, SIM_SERVER_TEXT_MAX, "%.400s: %s", path, sim_err_text(rc));
        }
    } else {
        rc = sim_server_certificate_make(config->bind_addr, &certificate, &key);
        if (rc != 0) {
            snprintf(why, SIM_SERVER_TEXT_MAX, "no certificate can be made");
        } else {
            rc = write_ca(host, certificate, why);
        }
    }
    if (rc == 0) {
        rc = start_http(host, true, certificate, key, why);
    }
    sim_server_pem_free(certificate);
    sim_server_pem_free(key);
    return rc;
}

static int open_folder(const char *path, int *fd, char why[SIM_SERVER_TEXT_MAX])
{
    int rc = path == NULL ? 0 : sim_server_folder_open(path, fd);
    if (rc != 0) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "folder %.400s: %s", path, sim_err_text(rc));
    }
    return rc;
}

static int open_files(struct sim_server_host *host, char why[SIM_SERVER_TEXT_MAX])
{
    const struct sim_server_config *config = &host->config;
    int rc = open_folder(config->root, &host->common.source.folder, why);
    if (rc == 0) {
        rc = open_folder(config->upload_root, &host->upload_folder, why);
    }
    if (rc == 0 && config->access_log != NULL) {
        rc = sim_server_log_open(config->access_log, &host->common.log);
        if (rc != 0) {
            snprintf(why, SIM_SERVER_TEXT_MAX, "access log %.400s: %s", config->access_log,
                     sim_err_text(rc));
        }
    }
    return rc;
}

static int start(struct sim_server_host *host, char why[SIM_SERVER_TEXT_MAX])
{
    const struct sim_server_config *config = &host->config;
    int rc = open_files(host, why);
    if (rc == 0 && config->http) {
        rc = start_http(host, false, NULL, NULL, why);
    }
    if (rc == 0 && config->https) {
        rc = start_https(host, why);
    }
    if (rc == 0 && config->tftp) {
        rc = sim_server_tftp_new(&host->tftp, &host->common, &host->loop, config,
                                 host->upload_folder);
        if (rc != 0) {
            sim_server_listener_explain(rc, true, "TFTP", config->bind_addr, config->tftp_port,
                                        why);
        } else {
            host->ports.tftp = sim_server_tftp_port(host->tftp);
        }
    }
    return rc;
}

/* --- life
 * -------------------------------------------------------------------------------------------- */

static int start_loop(struct sim_server_host *host)
{
    host->alarm_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (host->alarm_fd < 0) {
        return sim_err_from_errno(errno);
    }
    if (uv_loop_init(&host->loop) != 0) {
        close(host->alarm_fd);
        return SIM_ELIMIT;
    }
    int rc = uv_poll_init(&host->loop, &host->alarm, host->alarm_fd);
    assert(rc == 0);
    uv_prepare_init(&host->loop, &host->prepare);
    uv_timer_init(&host->loop, &host->stop_timer);
    host->alarm.data = host->prepare.data = host->stop_timer.data = host;
    uv_poll_start(&host->alarm, UV_READABLE, on_alarm);
    uv_prepare_start(&host->prepare, on_prepare);
    return 0;
}

int sim_server_host_new(struct sim_server_host **out, const struct sim_server_config *config,
                        struct sim_server_counters *counters, char why[SIM_SERVER_TEXT_MAX])
{
    struct sim_server_host *host = calloc(1, sizeof(*host));
    if (host == NULL) {
        return SIM_ENOMEM;
    }
    host->config = *config;
    if (host->config.bind_addr == 0 && !config->bind_any) {
        host->config.bind_addr = 0x7f000001; /* 127.0.0.1 */
    }
    host->upload_folder = -1;
    host->alarm_at = SIM_NEVER;
    host->ports.addr = host->config.bind_addr;
    host->common = (struct sim_server_common){
        .source = {.catalog = config->catalog, .folder = -1},
        .places = {.max = config->max_transfers, .overflow = config->overflow},
        .uplink = {.bit_s = config->uplink_bit_s},
        .response_time = config->response_time,
        .counters = counters,
    };
    int rc = start_loop(host);
    if (rc != 0) {
        snprintf(why, SIM_SERVER_TEXT_MAX, "the server's loop: %s", sim_err_text(rc));
        free(host);
        return rc;
    }
    rc = start(host, why);
    if (rc != 0) {
        sim_server_host_free(host);
        return rc;
    }
    *out = host;
    return 0;
}

void sim_server_host_ports(const struct sim_server_host *host, struct sim_server_ports *out)
{
    *out = host->ports;
}

static void on_life(uv_poll_t *poll, int status, int events)
{
    (void)status;
    (void)events;
    uv_stop(poll->loop); /* nothing is ever written: readable means closed */
}

static void on_stop_timer(uv_timer_t *timer)
{
    struct sim_server_host *host = timer->data;
    if (*host->stop != 0) {
        uv_stop(timer->loop);
    }
}

void sim_server_host_run(struct sim_server_host *host, int life, const volatile int *stop)
{
    if (life >= 0) {
        int rc = uv_poll_init(&host->loop, &host->life, life);
        assert(rc == 0);
        uv_poll_start(&host->life, UV_READABLE, on_life);
    }
    if (stop != NULL) {
        host->stop = stop;
        uv_timer_start(&host->stop_timer, on_stop_timer, 0, STOP_LOOK_MS);
    }
    uv_run(&host->loop, UV_RUN_DEFAULT);
    if (life >= 0) {
        uv_close((uv_handle_t *)&host->life, NULL);
    }
    show_places(host);
}

void sim_server_host_free(struct sim_server_host *host)
{
    uv_prepare_stop(&host->prepare);
    if (host->tftp != NULL) {
        sim_server_tftp_close(host->tftp);
    }
    if (host->http != NULL) {
        sim_server_http_close(host->http);
    }
    if (host->https != NULL) {
        sim_server_http_close(host->https);
    }
    uv_close((uv_handle_t *)&host->prepare, NULL);
    uv_close((uv_handle_t *)&host->alarm, NULL);
    uv_close((uv_handle_t *)&host->stop_timer, NULL);
    uv_run(&host->loop, UV_RUN_DEFAULT); /* only closing is left */
    int rc = uv_loop_close(&host->loop);
    assert(rc == 0);
    close(host->alarm_fd);
    if (host->common.source.folder >= 0) {
        close(host->common.source.folder);
    }
    if (host->upload_folder >= 0) {
        close(host->upload_folder);
    }
    sim_server_log_close(host->common.log);
    if (host->ports.ca_file[0] != '\0') {
        unlink(host->ports.ca_file);
    }
    free(host);
}
