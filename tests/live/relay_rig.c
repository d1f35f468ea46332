/* tests/live/relay_rig.c -- see relay_rig.h. */
#include "tests/live/relay_rig.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ORIGIN_FDS = 20000, CHUNK = 62 * 2048 };

static void must(bool holds, const char *what)
{
    if (!holds) {
        perror(what);
        abort();
    }
}

uint64_t rig_clock(void)
{
    return live_loop_monotonic();
}

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

/* ---- The origin ---- */

struct visitor {
    uint64_t left, sent, swallowed;
    uint8_t request[8];
    size_t request_len;
    bool close, count;
};

static uint8_t pattern[CHUNK * 2]; /* of rig_byte(), whose period CHUNK is not: see fill() */

static size_t fill(uint8_t *bytes, uint64_t from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = rig_byte(from + i);
    }
    return len;
}

static void visitor_write(struct rig *rig, int fd, struct visitor *v)
{
    while (v->left > 0) {
        size_t len = v->left < CHUNK ? (size_t)v->left : CHUNK;
        bool endless = (v->left & RIG_ENDLESS) != 0;
        if (!endless) {
            fill(pattern, v->sent, len);
        }
        ssize_t wrote = send(fd, pattern, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (wrote <= 0) {
            return;
        }
        atomic_fetch_add(&rig->origin_sent, (uint64_t)wrote);
        v->sent += (uint64_t)wrote;
        v->left -= endless ? 0 : (uint64_t)wrote;
    }
    v->sent = 0;
    if (v->close) {
        shutdown(fd, SHUT_WR);
        v->close = false;
    }
}

static void visitor_asks(int fd, struct visitor *v)
{
    uint64_t what = 0;

    for (int i = 0; i < 8; i++) {
        what = what << 8 | v->request[i];
    }
    v->request_len = 0;
    if ((what & RIG_RESET) != 0) {
        struct linger hard = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        close(fd);
        return;
    }
    v->close = (what & RIG_CLOSE) != 0;
    v->count = (what & RIG_COUNT) != 0;
    v->left = what & ~(RIG_CLOSE | RIG_COUNT);
}

static void visitor_read(struct rig *rig, int fd, struct visitor *v)
{
    for (;;) {
        uint8_t bytes[65536];
        size_t want = v->count ? sizeof(bytes) : 8 - v->request_len;
        ssize_t got = recv(fd, bytes, want, MSG_DONTWAIT);
        if (got < 0) {
            if (errno != EAGAIN) {
                close(fd);
            }
            return;
        }
        if (got == 0) {
            if (v->count) {
                uint8_t answer[8];
                for (int i = 0; i < 8; i++) {
                    answer[i] = (uint8_t)(v->swallowed >> (56 - 8 * i));
                }
                (void)send(fd, answer, 8, MSG_DONTWAIT | MSG_NOSIGNAL);
            }
            close(fd);
            return;
        }
        if (v->count) {
            v->swallowed += (uint64_t)got;
            continue;
        }
        memcpy(v->request + v->request_len, bytes, (size_t)got);
        v->request_len += (size_t)got;
        if (v->request_len == 8) {
            visitor_asks(fd, v);
            visitor_write(rig, fd, v);
        }
    }
}

static void accept_all(struct rig *rig, int set, struct visitor *visitors)
{
    for (;;) {
        struct sockaddr_in peer;
        socklen_t len = sizeof(peer);
        int fd = accept4(rig->origin_fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK);
        int on = 1;
        if (fd < 0) {
            return;
        }
        must(fd < ORIGIN_FDS, "origin: too many descriptors");
        atomic_store(&rig->last_peer, ntohl(peer.sin_addr.s_addr));
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        visitors[fd] = (struct visitor){0};
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.fd = fd};
        epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
    }
}

static void *origin(void *argument)
{
    struct rig *rig = argument;
    struct visitor *visitors = calloc(ORIGIN_FDS, sizeof(*visitors));
    int set = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = rig->origin_fd};
    int stop = rig->origin_stop[0];
    bool *open = calloc(ORIGIN_FDS, sizeof(*open));

    if (!rig->deaf) {
        epoll_ctl(set, EPOLL_CTL_ADD, rig->origin_fd, &event);
    }
    event.data.fd = stop;
    epoll_ctl(set, EPOLL_CTL_ADD, stop, &event);
    for (bool run = true; run;) {
        struct epoll_event ready[128];
        int count = epoll_wait(set, ready, 128, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == stop) {
                run = false;
            } else if (fd == rig->origin_fd) {
                accept_all(rig, set, visitors);
            } else {
                if ((ready[i].events & EPOLLOUT) != 0) {
                    visitor_write(rig, fd, &visitors[fd]);
                }
                if ((ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) {
                    visitor_read(rig, fd, &visitors[fd]);
                }
            }
        }
    }
    close(set); /* visitors that are still open go with the process */
    free(visitors);
    free(open);
    return NULL;
}

static void start_origin(struct rig *rig, bool refuse)
{
    struct sockaddr_in addr = address(INADDR_LOOPBACK, 0);
    socklen_t len = sizeof(addr);

    fill(pattern, 0, sizeof(pattern));
    rig->origin_fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    must(bind(rig->origin_fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
    must(getsockname(rig->origin_fd, (struct sockaddr *)&addr, &len) == 0, "getsockname");
    rig->origin_port = ntohs(addr.sin_port);
    if (!refuse) {
        must(listen(rig->origin_fd, 4096) == 0, "listen");
    }
    addr.sin_port = 0;
    rig->udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
    must(bind(rig->udp_fd, (struct sockaddr *)&addr, sizeof(addr)) == 0, "bind");
    must(getsockname(rig->udp_fd, (struct sockaddr *)&addr, &len) == 0, "getsockname");
    rig->origin_udp_port = ntohs(addr.sin_port);
    must(pipe(rig->origin_stop) == 0, "pipe");
    must(pthread_create(&rig->origin_thread, NULL, origin, rig) == 0, "pthread_create");
}

/* ---- The loop ---- */

static void command_ready(struct live_watch *watch, int events, sim_time now)
{
    struct rig *rig = (struct rig *)((char *)watch - offsetof(struct rig, command));
    uint64_t count;

    (void)events;
    (void)now;
    if (read(rig->command_fd, &count, sizeof(count)) == sizeof(count)) {
        rig->call(rig, rig->argument);
        sem_post(&rig->called);
    }
}

static void *run_loop(void *argument)
{
    live_loop_run(((struct rig *)argument)->loop);
    return NULL;
}

void rig_run(struct rig *rig, void (*call)(struct rig *rig, void *argument), void *argument)
{
    uint64_t one = 1;

    rig->call = call;
    rig->argument = argument;
    must(write(rig->command_fd, &one, sizeof(one)) == sizeof(one), "eventfd");
    while (sem_wait(&rig->called) != 0) {
    }
}

static void take_stats(struct rig *rig, void *argument)
{
    live_relay_stats(rig->relay, argument);
}

struct sim_site_stats rig_stats(struct rig *rig)
{
    struct sim_site_stats stats = {0};

    rig_run(rig, take_stats, &stats);
    return stats;
}

struct sim_wan_setup rig_line(uint64_t bit_s, sim_duration rtt, uint64_t queue_packets)
{
    return (struct sim_wan_setup){
        .down_bit_s = bit_s,
        .up_bit_s = bit_s,
        .rtt = rtt,
        .queue = {SIM_QUEUE_PACKETS, queue_packets},
        .framing = 2,
    };
}

static void start_rig(struct rig *rig, const struct sim_wan_setup *line, bool refuse,
                      sim_duration stall)
{
    rig->site = (struct sim_site_setup){
        .name = "rig", .class_name = "rig", .base = RIG_PHONE, .bits = 16, .wan = *line};
    start_origin(rig, refuse);
    must(live_loop_new(&rig->loop, rig_clock()) == 0, "live_loop_new");
    struct live_relay_config config = {
        .site = &rig->site,
        .seed = 1,
        .listen_addr = RIG_PHONE + 1,
        .tcp_addr = INADDR_LOOPBACK,
        .tcp_port = rig->origin_port,
        .udp_addr = INADDR_LOOPBACK,
        .udp_port = rig->origin_udp_port,
        .stall = stall,
    };
    must(live_relay_new(&rig->relay, rig->loop, &config) == 0, "live_relay_new");
    sem_init(&rig->called, 0, 0);
    rig->command_fd = eventfd(0, 0);
    rig->command.ready = command_ready;
    must(live_watch_open(rig->loop, &rig->command, rig->command_fd) == 0, "live_watch_open");
    live_watch_set(&rig->command, UV_READABLE);
    must(pthread_create(&rig->loop_thread, NULL, run_loop, rig) == 0, "pthread_create");
}

void rig_start(struct rig *rig, const struct sim_wan_setup *line, bool refuse)
{
    memset(rig, 0, sizeof(*rig));
    start_rig(rig, line, refuse, 60 * SIM_S);
}

void rig_start_deaf(struct rig *rig, const struct sim_wan_setup *line, sim_duration stall)
{
    memset(rig, 0, sizeof(*rig));
    rig->deaf = true;
    start_rig(rig, line, false, stall);
}

void rig_stop(struct rig *rig)
{
    live_loop_stop(rig->loop);
    pthread_join(rig->loop_thread, NULL);
    must(write(rig->origin_stop[1], "", 1) == 1, "pipe");
    pthread_join(rig->origin_thread, NULL);
    live_relay_free(rig->relay);
    live_watch_close(&rig->command);
    live_loop_free(rig->loop);
    close(rig->origin_fd);
    close(rig->udp_fd);
    close(rig->origin_stop[0]);
    close(rig->origin_stop[1]);
    sem_destroy(&rig->called);
}

/* ---- Clients ---- */

int rig_connect(const struct rig *rig, uint32_t n)
{
    struct sockaddr_in from = address(RIG_PHONE + n, 0);
    struct sockaddr_in to = address(RIG_PHONE + 1, live_relay_tcp_port(rig->relay));
    struct timeval limit = {.tv_sec = 20};
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    must(fd >= 0, "socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    must(bind(fd, (struct sockaddr *)&from, sizeof(from)) == 0, "bind to a phone's address");
    must(connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "connect to the relay");
    return fd;
}

void rig_ask(int fd, uint64_t what)
{
    uint8_t request[8];

    for (int i = 0; i < 8; i++) {
        request[i] = (uint8_t)(what >> (56 - 8 * i));
    }
    (void)send(fd, request, 8, MSG_NOSIGNAL);
}

bool rig_read(int fd, uint64_t len, uint64_t from)
{
    uint8_t bytes[65536];

    while (len > 0) {
        ssize_t got = recv(fd, bytes, len < sizeof(bytes) ? (size_t)len : sizeof(bytes), 0);
        if (got <= 0) {
            return false;
        }
        for (ssize_t i = 0; i < got; i++) {
            if (bytes[i] != rig_byte(from + (uint64_t)i)) {
                return false;
            }
        }
        len -= (uint64_t)got;
        from += (uint64_t)got;
    }
    return true;
}

struct rig_rate rig_measure_rate(struct rig *rig, uint32_t flows, sim_duration length)
{
    static uint8_t bytes[1 << 18];
    int set = epoll_create1(0);
    int *fds = calloc(flows, sizeof(*fds));
    uint64_t begin = 0, now = 0, read = 0;

    for (uint32_t i = 0; i < flows; i++) {
        fds[i] = rig_connect(rig, 10 + i);
        struct epoll_event event = {.events = EPOLLIN, .data.fd = fds[i]};
        epoll_ctl(set, EPOLL_CTL_ADD, fds[i], &event);
        rig_ask(fds[i], RIG_ENDLESS);
    }
    uint64_t give_up = rig_clock() + length + 20 * SIM_S;
    while ((begin == 0 || now < begin + length) && now < give_up) {
        struct epoll_event ready[128];
        int count = epoll_wait(set, ready, 128, 10);
        for (int i = 0; i < count; i++) {
            ssize_t got = recv(ready[i].data.fd, bytes, sizeof(bytes), MSG_DONTWAIT);
            read += got > 0 ? (uint64_t)got : 0;
        }
        now = rig_clock();
        begin = begin == 0 && read > 0 ? now : begin;
    }
    struct sim_site_stats stats = rig_stats(rig);
    double due = (double)rig->site.wan.down_bit_s / 8 * (double)(now - begin) / 1e9;
    struct rig_rate rate = {.line = (double)stats.wan_bytes / due,
                            .payload = (double)read * 1502 / 1448 / due};
    for (uint32_t i = 0; i < flows; i++) {
        close(fds[i]);
    }
    free(fds);
    close(set);
    return rate;
}

uint64_t rig_measure_answer(struct rig *rig, int fd, uint32_t phone)
{
    uint64_t begin = rig_clock();
    int own = fd < 0 ? rig_connect(rig, phone) : fd;

    rig_ask(own, 8);
    must(rig_read(own, 8, 0), "no answer");
    uint64_t took = rig_clock() - begin;
    if (fd < 0) {
        close(own);
    }
    return took;
}
