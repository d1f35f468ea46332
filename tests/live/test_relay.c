/* Goal: through a real relay, on real sockets: rate, round trips, bytes unchanged, half-closes,
 * resets, refusals, the phone's own address, back-pressure, TFTP's ports, the fall of line and
 * server. Method: relay_rig.h. Times have room for a busy machine; bench_relay holds the narrow
 * ones. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/live/relay_rig.h"

static struct rig rig;

static void start(uint64_t bit_s, sim_duration rtt)
{
    struct sim_wan_setup line = rig_line(bit_s, rtt, 200);

    rig_start(&rig, &line, false);
}

Test(relay, keeps_its_rate_with_one_flow_and_with_many)
{
    for (uint32_t flows = 1; flows <= 50; flows += 49) {
        struct rig_rate rate = {0, 0};

        /* Never more; less only where others compute. */
        for (int i = 0; i < 4 && (rate.line <= 0.95 || rate.payload <= 0.80); i++) {
            start(10000000, 20 * SIM_MS);
            rate = rig_measure_rate(&rig, flows, 3 * SIM_S);
            rig_stop(&rig);
            cr_assert_lt(rate.line, 1.03, "%u flows: line %.4f", flows, rate.line);
            cr_assert_lt(rate.payload, 1.03, "%u flows: payload %.4f", flows, rate.payload);
        }
        cr_assert(rate.line > 0.95 && rate.payload > 0.80, "%u flows: line %.4f, payload %.4f",
                  flows, rate.line, rate.payload);
    }
}

Test(relay, an_answer_takes_one_round_trip_and_on_a_new_connection_two)
{
    uint64_t least[2] = {SIM_NEVER, SIM_NEVER};

    start(10000000, 40 * SIM_MS);
    int fd = rig_connect(&rig, 10);
    rig_measure_answer(&rig, fd, 10);
    for (int i = 0; i < 10 || (i < 60 && (least[0] >= 42 * SIM_MS || least[1] >= 83 * SIM_MS));
         i++) {
        uint64_t idle = rig_measure_answer(&rig, fd, 10);
        uint64_t fresh = rig_measure_answer(&rig, -1, 10);
        cr_assert_geq(idle, 40 * SIM_MS);
        cr_assert_geq(fresh, 80 * SIM_MS);
        least[0] = idle < least[0] ? idle : least[0];
        least[1] = fresh < least[1] ? fresh : least[1];
    }
    cr_assert(least[0] < 42 * SIM_MS && least[1] < 83 * SIM_MS, "%llu and %llu ns",
              (unsigned long long)least[0], (unsigned long long)least[1]);
    close(fd);
    rig_stop(&rig);
}

Test(relay, passes_bytes_unchanged_and_dials_from_the_phones_address)
{
    start(100000000, 10 * SIM_MS);
    int fd = rig_connect(&rig, 300);
    rig_ask(fd, 5000000);
    cr_assert(rig_read(fd, 5000000, 0));
    cr_assert_eq(atomic_load(&rig.last_peer), RIG_PHONE + 300);
    rig_ask(fd, 1000 | RIG_CLOSE);
    cr_assert(rig_read(fd, 1000, 0));
    uint8_t byte;
    cr_assert_eq(recv(fd, &byte, 1, 0), 0, "the server's end comes through");
    close(fd);
    rig_stop(&rig);
}

Test(relay, a_phone_that_has_ended_its_side_still_gets_the_answer)
{
    static uint8_t bytes[300000];
    uint8_t answer[8];
    uint64_t count = 0;

    start(20000000, 10 * SIM_MS);
    int fd = rig_connect(&rig, 11);
    rig_ask(fd, RIG_COUNT);
    for (size_t sent = 0; sent < sizeof(bytes);) {
        ssize_t wrote = send(fd, bytes + sent, sizeof(bytes) - sent, MSG_NOSIGNAL);
        cr_assert_gt(wrote, 0);
        sent += (size_t)wrote;
    }
    shutdown(fd, SHUT_WR);
    cr_assert_eq(recv(fd, answer, 8, MSG_WAITALL), 8);
    for (int i = 0; i < 8; i++) {
        count = count << 8 | answer[i];
    }
    cr_assert_eq(count, sizeof(bytes));
    close(fd);
    rig_stop(&rig);
}

Test(relay, a_refusal_and_a_reset_reach_the_phone_after_a_round_trip)
{
    uint8_t byte;
    struct sim_wan_setup line = rig_line(10000000, 40 * SIM_MS, 200);

    rig_start(&rig, &line, true);
    uint64_t begin = rig_clock();
    int fd = rig_connect(&rig, 12);
    ssize_t got = recv(fd, &byte, 1, 0);
    cr_assert_eq(got, -1);
    cr_assert_eq(errno, ECONNRESET);
    cr_assert_geq(rig_clock() - begin, 40 * SIM_MS);
    close(fd);
    rig_stop(&rig);

    start(10000000, 40 * SIM_MS);
    fd = rig_connect(&rig, 12);
    rig_ask(fd, RIG_RESET);
    got = recv(fd, &byte, 1, 0);
    cr_assert_eq(got, -1);
    cr_assert_eq(errno, ECONNRESET);
    close(fd);
    rig_stop(&rig);
}

static unsigned descriptors(void)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;

    cr_assert_not_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

Test(relay, a_server_that_hangs_does_not_keep_the_descriptors_of_phones_that_gave_up)
{
    enum { PHONES = 20 };
    struct sim_wan_setup line = rig_line(10000000, 10 * SIM_MS, 200);
    struct timespec pause = {.tv_nsec = 10000000};
    int waiting, fds[PHONES];
    uint8_t byte;

    rig_start_deaf(&rig, &line, 300 * SIM_MS);
    waiting = rig_connect(&rig, 10); /* it has not given up: it stays */
    rig_ask(waiting, 8);
    fds[0] = rig_connect(&rig, 11);
    rig_ask(fds[0], 8);
    uint64_t begin = rig_clock();
    shutdown(fds[0], SHUT_WR);
    cr_assert_eq(recv(fds[0], &byte, 1, 0), -1);
    cr_assert_eq(errno, ECONNRESET, "errno %d", errno);
    cr_assert_geq(rig_clock() - begin, 300 * SIM_MS, "not before the bound");
    close(fds[0]);
    unsigned before = descriptors();
    for (uint32_t i = 0; i < PHONES; i++) {
        fds[i] = rig_connect(&rig, 20 + i);
        rig_ask(fds[i], 8);
    }
    for (uint32_t i = 0; i < PHONES; i++) {
        close(fds[i]);
    }
    for (int i = 0; i < 1000 && descriptors() > before; i++) {
        nanosleep(&pause, NULL); /* at most 10 s */
    }
    cr_assert_leq(descriptors(), before);
    cr_assert_eq(recv(waiting, &byte, 1, MSG_DONTWAIT), -1);
    cr_assert(errno == EAGAIN || errno == EWOULDBLOCK, "errno %d", errno);
    close(waiting);
    rig_stop(&rig);
}

Test(relay, a_phone_that_does_not_read_holds_its_server_up)
{
    struct timespec pause = {.tv_nsec = 50000000};

    start(100000000, 2 * SIM_MS);
    int fd = rig_connect(&rig, 13);
    rig_ask(fd, 100000000);
    uint64_t before = 0, now = 1;
    for (int i = 0; i < 100 && (now != before || now < 2); i++) {
        before = now;
        for (int k = 0; k < 6; k++) {
            nanosleep(&pause, NULL); /* it must stop: nothing else says when */
        }
        now = atomic_load(&rig.origin_sent);
    }
    cr_assert_eq(now, before, "the server is still sending");
    cr_assert_lt(now, 30000000, "%llu bytes", (unsigned long long)now);
    cr_assert(rig_read(fd, 20000000, 0), "and it goes on where it stopped");
    close(fd);
    rig_stop(&rig);
}

static void line_down(struct rig *r, void *up)
{
    live_relay_set_up(r->relay, up != NULL);
}

static void server_down(struct rig *r, void *up)
{
    live_relay_set_server(r->relay, up != NULL);
}

Test(relay, a_line_that_falls_stops_everything_and_loses_nothing_for_good)
{
    struct timeval limit = {.tv_usec = 300000};
    uint8_t byte;

    start(20000000, 20 * SIM_MS);
    int fd = rig_connect(&rig, 14);
    rig_ask(fd, 2000000);
    cr_assert(rig_read(fd, 200000, 0));
    rig_run(&rig, line_down, NULL);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    uint64_t more = 0;
    while (recv(fd, &byte, 1, 0) == 1) {
        cr_assert_eq(byte, rig_byte(200000 + more)); /* what had arrived before */
        more++;
    }
    rig_run(&rig, line_down, &rig);
    limit = (struct timeval){.tv_sec = 20};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    cr_assert(rig_read(fd, 2000000 - 200000 - more, 200000 + more));
    close(fd);
    rig_stop(&rig);
}

Test(relay, a_server_that_is_down_resets_what_is_open_and_refuses_what_is_new)
{
    uint8_t byte;

    start(20000000, 20 * SIM_MS);
    int fd = rig_connect(&rig, 15);
    rig_ask(fd, 100);
    cr_assert(rig_read(fd, 100, 0));
    rig_run(&rig, server_down, NULL);
    cr_assert_eq(recv(fd, &byte, 1, 0), -1);
    cr_assert_eq(errno, ECONNRESET);
    close(fd);
    fd = rig_connect(&rig, 15);
    cr_assert_eq(recv(fd, &byte, 1, 0), -1);
    close(fd);
    rig_run(&rig, server_down, &rig);
    fd = rig_connect(&rig, 15);
    rig_ask(fd, 100);
    cr_assert(rig_read(fd, 100, 0), "and is back");
    close(fd);
    rig_stop(&rig);
}

/* ---- Datagrams ---- */

static struct sockaddr_in address(uint32_t addr, uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(addr)};
}

static int udp_socket(uint32_t addr)
{
    struct sockaddr_in own = address(addr, 0);
    struct timeval limit = {.tv_sec = 10};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    cr_assert_eq(bind(fd, (struct sockaddr *)&own, sizeof(own)), 0);
    return fd;
}

static void say(int fd, const struct sockaddr_in *to, const void *bytes, size_t len)
{
    cr_assert_eq(sendto(fd, bytes, len, 0, (const struct sockaddr *)to, sizeof(*to)), (ssize_t)len);
}

static void hear(int fd, struct sockaddr_in *from, const void *bytes, size_t len)
{
    static uint8_t got[65536];
    socklen_t from_len = sizeof(*from);
    ssize_t count = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)from, &from_len);

    cr_assert_eq(count, (ssize_t)len, "%zd bytes instead of %zu", count, len);
    cr_assert_eq(memcmp(got, bytes, len), 0);
}

Test(relay, a_transfer_has_its_own_port_at_both_ends)
{
    static uint8_t block[60000];
    struct sockaddr_in at_server, at_phone, again;

    start(100000000, 20 * SIM_MS);
    int phone = udp_socket(RIG_PHONE + 20);
    int transfer = udp_socket(INADDR_LOOPBACK), other = udp_socket(INADDR_LOOPBACK);
    struct sockaddr_in relay = address(RIG_PHONE + 1, live_relay_udp_port(rig.relay));
    memset(block, 7, sizeof(block));

    uint64_t begin = rig_clock();
    say(phone, &relay, "request", 7);
    hear(rig.udp_fd, &at_server, "request", 7);
    cr_assert_eq(ntohl(at_server.sin_addr.s_addr), RIG_PHONE + 20, "from the phone's own address");
    say(transfer, &at_server, block, sizeof(block));
    hear(phone, &at_phone, block, sizeof(block));
    cr_assert_geq(rig_clock() - begin, 20 * SIM_MS);
    cr_assert_neq(at_phone.sin_port, relay.sin_port, "answers come from another port");

    say(phone, &at_phone, "ack", 3);
    hear(transfer, &again, "ack", 3);
    cr_assert_eq(again.sin_port, at_server.sin_port);

    /* A second transfer for the same request is told that it is unknown, and the phone is not
     * troubled. */
    say(other, &at_server, "stranger", 8);
    hear(other, &again, "\0\5\0\5Unknown transfer ID", 24);
    say(transfer, &at_server, "data", 4);
    hear(phone, &again, "data", 4);

    /* A new request from the same port is a new transfer. */
    say(phone, &relay, "request 2", 9);
    hear(rig.udp_fd, &at_server, "request 2", 9);
    say(other, &at_server, "data 2", 6);
    hear(phone, &again, "data 2", 6);
    close(phone);
    close(transfer);
    close(other);
    rig_stop(&rig);
}

Test(relay, five_hundred_phones_transfer_at_once)
{
    enum { PHONES = 500 };
    static int phones[PHONES];
    struct sockaddr_in from;

    start(100000000, 20 * SIM_MS);
    struct sockaddr_in relay = address(RIG_PHONE + 1, live_relay_udp_port(rig.relay));
    for (uint32_t i = 0; i < PHONES; i++) {
        phones[i] = udp_socket(RIG_PHONE + 30 + i);
    }
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t first = 0; first < PHONES; first += 100) { /* not more than a queue holds */
            for (uint32_t i = first; i < first + 100; i++) {
                say(phones[i], &relay, &i, sizeof(i));
            }
            for (uint32_t i = 0; i < 100; i++) {
                uint32_t which;
                socklen_t len = sizeof(from);
                cr_assert_eq(
                    recvfrom(rig.udp_fd, &which, sizeof(which), 0, (struct sockaddr *)&from, &len),
                    sizeof(which));
                cr_assert_eq(ntohl(from.sin_addr.s_addr), RIG_PHONE + 30 + which);
                say(rig.udp_fd, &from, &which, sizeof(which));
            }
            for (uint32_t i = first; i < first + 100; i++) {
                hear(phones[i], &from, &i, sizeof(i));
            }
        }
    }
    for (uint32_t i = 0; i < PHONES; i++) {
        close(phones[i]);
    }
    rig_stop(&rig);
}

Test(relay, a_thousand_connections_at_once_each_get_their_bytes)
{
    enum { PHONES = 1000 };
    static int phones[PHONES];
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    start(200000000, 20 * SIM_MS);
    for (uint32_t i = 0; i < PHONES; i++) {
        phones[i] = rig_connect(&rig, 50 + i);
        rig_ask(phones[i], (10000 + i) | RIG_CLOSE);
    }
    for (uint32_t i = 0; i < PHONES; i++) {
        uint8_t byte;
        cr_assert(rig_read(phones[i], 10000 + i, 0), "phone %u", i);
        cr_assert_eq(recv(phones[i], &byte, 1, 0), 0, "phone %u", i);
        close(phones[i]);
    }
    rig_stop(&rig);
}
