/* tests/world/pcap.c -- writes a capture of peer messages for the dissector's test: pcap FILE.
 *
 * Every datagram type, and one connection whose messages and body are cut where it hurts: a message
 * over two and three segments, a body that contains what looks like messages, a message behind the
 * body in the same segment. */
#include <stdio.h>
#include <string.h>

#include "phones/pfs/wire.h"

static FILE *out;
static uint32_t clock_us;

static void le32(uint32_t v)
{
    fwrite((uint8_t[]){(uint8_t)v, (uint8_t)(v >> 8), (uint8_t)(v >> 16), (uint8_t)(v >> 24)}, 1, 4,
           out);
}

static void be(uint8_t *at, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

/* One IPv4 packet, link type 101 (raw IP). */
static void packet(uint8_t protocol, uint32_t from, uint32_t to, const uint8_t *head,
                   size_t head_len, const uint8_t *bytes, size_t len)
{
    uint8_t ip[20] = {0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol};
    be(ip + 2, (uint32_t)(20 + head_len + len), 2);
    be(ip + 12, from, 4);
    be(ip + 16, to, 4);
    le32(1);
    le32(clock_us += 100);
    le32((uint32_t)(20 + head_len + len));
    le32((uint32_t)(20 + head_len + len));
    fwrite(ip, 1, sizeof(ip), out);
    fwrite(head, 1, head_len, out);
    if (len > 0) {
        fwrite(bytes, 1, len, out);
    }
}

static void udp(const uint8_t *bytes, size_t len)
{
    uint8_t head[8];
    be(head, 4051, 2);
    be(head + 2, 4051, 2);
    be(head + 4, (uint32_t)(8 + len), 2);
    be(head + 6, 0, 2);
    packet(17, 0x7f010002, 0x7fffffff, head, sizeof(head), bytes, len);
}

static uint32_t seqs[2] = {1000, 5000};

static void tcp(bool up, uint8_t flags, const uint8_t *bytes, size_t len)
{
    uint8_t head[20] = {0};
    be(head, up ? 40000 : 4051, 2);
    be(head + 2, up ? 4051 : 40000, 2);
    be(head + 4, seqs[!up], 4);
    be(head + 8, seqs[up], 4);
    head[12] = 5 << 4;
    head[13] = flags;
    be(head + 14, 65535, 2);
    packet(6, up ? 0x7f010003 : 0x7f010002, up ? 0x7f010002 : 0x7f010003, head, sizeof(head), bytes,
           len);
    seqs[!up] += (uint32_t)len + ((flags & 2) != 0);
}

static struct pfs_wire message(enum pfs_wire_type type)
{
    struct pfs_wire m = {.type = type,
                         .xid = 0x080027f8,
                         .strength = 0x31d4d43d,
                         .map = 0xff9d7cb9,
                         .count = 1,
                         .root = 0x7f010002,
                         .subject = 0x7f010003,
                         .parent = 0x7f010002,
                         .place = 1,
                         .epoch = 1,
                         .depth = 1,
                         .what = 1,
                         .has_digest = true,
                         .avoid_len = 1,
                         .avoid = {0x7f010009},
                         .model = "CP-7961G",
                         .path = "/dnld/SCCP41.9-4-2SR2-2S.loads",
                         .reason = "HTTP 404"};
    m.file_hash = pfs_wire_hash(pfs_wire_file_name(m.path));
    m.model_hash = pfs_wire_hash(m.model);
    return m;
}

int main(int argc, char **argv)
{
    enum { BODY = 4000, ACK = 16, SYN = 2 };
    static uint8_t down[BODY + 3 * PFS_WIRE_MAX];
    uint8_t bytes[PFS_WIRE_MAX];
    struct pfs_wire m;
    size_t len;

    out = argc == 2 ? fopen(argv[1], "wb") : NULL;
    if (out == NULL) {
        fprintf(stderr, "usage: pcap FILE\n");
        return 1;
    }
    le32(0xa1b2c3d4);
    le32(4 << 16 | 2);
    le32(0);
    le32(0);
    le32(65535);
    le32(101);

    for (uint8_t type = PFS_WIRE_OFFER; type <= PFS_WIRE_ACK; type++) {
        m = message((enum pfs_wire_type)type);
        len = pfs_wire_encode(&m, bytes);
        udp(bytes, len);
    }
    tcp(true, SYN, NULL, 0);
    tcp(false, SYN | ACK, NULL, 0);
    m = message(PFS_WIRE_JOIN);
    len = pfs_wire_encode(&m, bytes);
    tcp(true, ACK, bytes, 3); /* in three pieces */
    tcp(true, ACK, bytes + 3, 30);
    tcp(true, ACK, bytes + 33, len - 33);

    size_t total = 0;
    m = message(PFS_WIRE_ASSIGN);
    total += pfs_wire_encode(&m, down + total);
    m = message(PFS_WIRE_BODY);
    m.size = m.length = BODY;
    total += pfs_wire_encode(&m, down + total);
    m = message(PFS_WIRE_BYE); /* the body is full of what looks like messages */
    len = pfs_wire_encode(&m, bytes);
    for (size_t at = 0; at < BODY; at++) {
        down[total++] = bytes[at % len];
    }
    m = message(PFS_WIRE_PROGRESS);
    total += pfs_wire_encode(&m, down + total);
    for (size_t at = 0; at < total; at += 700) {
        tcp(false, ACK, down + at, total - at < 700 ? total - at : 700);
    }
    m = message(PFS_WIRE_NEXT);
    len = pfs_wire_encode(&m, bytes);
    tcp(true, ACK, bytes, len);
    m = message(PFS_WIRE_DONE);
    len = pfs_wire_encode(&m, bytes);
    tcp(true, ACK, bytes, len);
    fclose(out);
    return 0;
}
