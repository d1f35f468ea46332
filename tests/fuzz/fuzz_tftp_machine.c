// LINK: sim_tftp
/* tests/fuzz/fuzz_tftp_machine.c -- both TFTP machines fed by an enemy: any packets, from the right
 * TID and from others, at any time.
 *
 * Input: byte 0 chooses the machine and its options; then steps: a byte that says what happens (bit
 * 0: a datagram, else time passes; bits 1-2: from whom), a length byte, and so many bytes (time:
 * the first one's value in 10 ms).
 * Held: the invariants of transfer.h: blocks lie inside the file and the window, outputs are
 * bounded per input, nothing leaves after the end, and time alone ends every transfer. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "sim/tftp/client.h"
#include "sim/tftp/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILE_SIZE = 5000, WINDOW_MAX = 8, OUTPUTS_MAX = 2 * WINDOW_MAX + 4 };

struct end {
    bool is_server;
    struct sim_tftp_client client;
    struct sim_tftp_server server;
    unsigned ends;
};

#define TIMING                                                                                     \
    {                                                                                              \
        .timeout = SIM_S, .tries = 3, .stall = 60 * SIM_S, .dally = 2 * SIM_S                      \
    }

static struct sim_tftp_transfer *transfer(struct end *e)
{
    return e->is_server ? &e->server.transfer : &e->client.transfer;
}

static void drain(struct end *e, sim_time now)
{
    struct sim_tftp_event event;
    struct sim_tftp_output out;
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
    struct sim_tftp_packet p;
    unsigned count = 0;

    while (e->is_server ? sim_tftp_server_take_event(&e->server, &event)
                        : sim_tftp_client_take_event(&e->client, &event)) {
        if (event.kind == SIM_TFTP_EVENT_DATA) {
            assert(e->ends == 0 && event.len > 0);
            assert(event.len <= transfer(e)->blksize);
            continue;
        }
        e->ends++;
        assert(e->ends == 1);
        assert(event.kind == SIM_TFTP_EVENT_DONE || event.status < 0);
    }
    while (e->is_server ? sim_tftp_server_take_output(&e->server, now, bytes, &out)
                        : sim_tftp_client_take_output(&e->client, now, bytes, &out)) {
        assert(++count <= OUTPUTS_MAX);
        if (out.kind == SIM_TFTP_BLOCK) {
            assert(e->ends == 0);
            assert(out.offset + out.size <= FILE_SIZE);
            assert(out.size <= transfer(e)->blksize);
        } else {
            assert(out.len <= sizeof(bytes));
            assert(sim_tftp_packet_decode(&p, bytes, out.len) == 0);
        }
    }
    assert(transfer(e)->deadline > now);
}

static void tick(struct end *e, sim_time now)
{
    if (e->is_server) {
        sim_tftp_server_tick(&e->server, now);
    } else {
        sim_tftp_client_tick(&e->client, now);
    }
    drain(e, now);
}

static bool start(struct end *e, uint8_t how)
{
    static const uint8_t requests[4][64] = {
        "\0\1f\0octet",
        "\0\1f\0octet\0blksize\000100\0windowsize\0008\0tsize\0000",
        "\0\2f\0octet",
        "\0\2f\0octet\0windowsize\0004\0blksize\000100",
    };
    static const struct sim_tftp_server_limits limits = {
        .blksize_max = 1000, .windowsize_max = WINDOW_MAX, .timing = TIMING};
    struct sim_tftp_packet p;

    memset(e, 0, sizeof(*e));
    e->is_server = (how & 1) != 0;
    if (e->is_server) {
        const uint8_t *request = requests[(how >> 1) & 3];
        /* Padding of NUL bytes is allowed, so the whole row is the request. */
        int rc = sim_tftp_packet_decode(&p, request, sizeof(requests[0]));
        assert(rc == 0);
        sim_tftp_server_start(&e->server, &limits, (struct sim_tftp_peer){1, 1}, &p, FILE_SIZE, 0);
        return true;
    }
    struct sim_tftp_client_config config = {.server = {1, 69},
                                            .name = "f",
                                            .write = (how & 2) != 0,
                                            .size = FILE_SIZE,
                                            .ask = (how >> 2) & 15,
                                            .blksize = 600,
                                            .windowsize = WINDOW_MAX,
                                            .timeout_s = 1,
                                            .timing = TIMING};
    if (sim_tftp_client_init(&e->client, &config) != 0) {
        return false;
    }
    sim_tftp_client_start(&e->client, 0);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sim_tftp_peer peers[4] = {{1, 1}, {1, 1}, {1, 2}, {2, 1}};
    struct end e;
    sim_time now = 0;

    if (size < 1 || !start(&e, data[0])) {
        return 0;
    }
    drain(&e, now);
    for (size_t at = 1; at + 2 <= size;) {
        uint8_t what = data[at];
        size_t len = data[at + 1];
        at += 2;
        len = len > size - at ? size - at : len;
        if ((what & 1) == 0) {
            now += (uint64_t)(len > 0 ? data[at] : 0) * 10 * SIM_MS;
            tick(&e, now);
        } else if (e.is_server) {
            sim_tftp_server_recv(&e.server, peers[what >> 1 & 3], data + at, len, now);
            drain(&e, now);
        } else {
            sim_tftp_client_recv(&e.client, peers[what >> 1 & 3], data + at, len, now);
            drain(&e, now);
        }
        at += len;
    }
    for (int i = 0; transfer(&e)->deadline != SIM_NEVER; i++) {
        assert(i < 200); /* tries, and the whole of a window once each */
        now = transfer(&e)->deadline;
        tick(&e, now);
    }
    assert(e.ends == 1);
    assert(transfer(&e)->state == SIM_TFTP_CLOSED);
    return 0;
}
