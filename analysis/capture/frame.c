/* analysis/capture/frame.c -- Ethernet II, IPv4 (RFC 791), TCP (RFC 9293, 7323), UDP (RFC 768). */
#include "analysis/capture/frame.h"

#include <string.h>

enum {
    ETHERNET = 14,
    IP = 20,
    UDP = 8,
    TCP = 20,
    TCP_STAMPS = 12,      /* two NOPs in front of the timestamps */
    TCP_SYN_OPTIONS = 20, /* MSS, SACK permitted, timestamps, NOP, window scale */
    MSS = 1460,
    SCALE = 7,
    WINDOW = 0xffff, /* with SCALE: 8 MB, never full here */
    TTL = 64,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
};

static uint8_t *put16(uint8_t *at, uint32_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
    return at + 2;
}

static uint8_t *put32(uint8_t *at, uint32_t value)
{
    return put16(put16(at, value >> 16), value & 0xffff);
}

static uint8_t *put_mac(uint8_t *at, uint64_t mac)
{
    return put32(put16(at, (uint32_t)(mac >> 32)), (uint32_t)mac);
}

/* RFC 1071. */
static uint64_t sum(const uint8_t *bytes, size_t len, uint64_t start)
{
    for (size_t i = 0; i < len; i++) {
        start += i % 2 == 0 ? (uint64_t)bytes[i] << 8 : bytes[i];
    }
    return start;
}

static uint16_t fold(uint64_t total)
{
    while (total > 0xffff) {
        total = (total & 0xffff) + (total >> 16);
    }
    return (uint16_t)total;
}

static size_t put_options(uint8_t *at, const struct sim_packet *packet)
{
    uint8_t *begin = at;

    if ((packet->flags & SIM_TAP_SYN) != 0) {
        at = put32(at, 0x02040000U | MSS);
        *at++ = 4; /* SACK permitted */
        *at++ = 2;
    } else {
        *at++ = 1;
        *at++ = 1;
    }
    *at++ = 8;
    *at++ = 10;
    at = put32(put32(at, packet->stamp), packet->echo);
    if ((packet->flags & SIM_TAP_SYN) != 0) {
        *at++ = 1;
        *at++ = 3;
        *at++ = 3;
        *at++ = SCALE;
    }
    return (size_t)(at - begin);
}

static size_t transport_len(const struct sim_packet *packet)
{
    return !packet->is_tcp                      ? UDP
           : (packet->flags & SIM_TAP_SYN) != 0 ? TCP + TCP_SYN_OPTIONS
                                                : TCP + TCP_STAMPS;
}

static void put_transport(uint8_t *at, const struct sim_packet *packet, size_t len, size_t kept)
{
    uint8_t *head = at, *check;
    size_t all = len + packet->payload_len;
    uint8_t pseudo[12] = {0};

    at = put16(put16(at, packet->from_port), packet->to_port);
    if (packet->is_tcp) {
        at = put32(put32(at, packet->seq), packet->ack);
        *at++ = (uint8_t)(len / 4 << 4);
        *at++ = packet->flags;
        at = put16(at, (packet->flags & SIM_TAP_RST) != 0 ? 0 : WINDOW);
        check = at;
        at = put32(at, 0); /* checksum, urgent pointer */
        put_options(at, packet);
    } else {
        at = put16(at, (uint32_t)all);
        check = at;
        put16(at, 0);
    }
    put32(put32(pseudo, packet->from), packet->to);
    pseudo[9] = packet->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
    put16(pseudo + 10, (uint32_t)all);
    if (kept < packet->payload_len) { /* a body: its bytes are not known */
        put16(check, packet->is_tcp ? fold(sum(pseudo, sizeof(pseudo), 0)) : 0);
        return;
    }
    uint16_t folded = (uint16_t)~fold(sum(head, len + kept, sum(pseudo, sizeof(pseudo), 0)));
    put16(check, folded == 0 && !packet->is_tcp ? 0xffff : folded);
}

size_t analysis_frame_write(uint8_t out[ANALYSIS_FRAME_MAX], const struct sim_packet *packet,
                            const uint64_t macs[2], uint16_t id, uint32_t *original)
{
    size_t transport = transport_len(packet);
    size_t kept = packet->bytes_len < ANALYSIS_FRAME_PAYLOAD_MAX ? packet->bytes_len
                                                                 : ANALYSIS_FRAME_PAYLOAD_MAX;
    uint8_t *at = put16(put_mac(put_mac(out, macs[1]), macs[0]), 0x0800), *ip = at;

    *at++ = 0x45;
    *at++ = 0;
    at = put16(at, (uint32_t)(IP + transport + packet->payload_len));
    at = put16(put16(at, id), packet->is_tcp ? 0x4000 : 0); /* don't fragment */
    *at++ = TTL;
    *at++ = packet->is_tcp ? PROTOCOL_TCP : PROTOCOL_UDP;
    at = put32(put32(put16(at, 0), packet->from), packet->to);
    put16(ip + 10, (uint16_t)~fold(sum(ip, IP, 0)));
    if (kept > 0) {
        memcpy(at + transport, packet->bytes, kept);
    }
    put_transport(at, packet, transport, kept);
    *original = (uint32_t)(ETHERNET + IP + transport + packet->payload_len);
    return ETHERNET + IP + transport + kept;
}
