/* Goal: what is written is read back; nothing else is.
 * Method: every type with every field set; then every truncation, every extension, every byte of
 * the header changed. */
#include <criterion/criterion.h>
#include <string.h>

#include "phones/pfs/wire.h"
#include "sim/err.h"

static const enum pfs_wire_type types[] = {
#define X(name, value, stream) PFS_WIRE_##name,
    PFS_WIRE_TYPES(X)
#undef X
};
enum { TYPES = sizeof(types) / sizeof(types[0]) };

static struct pfs_wire full(enum pfs_wire_type type)
{
    struct pfs_wire m = {
        .type = type,
        .xid = 0x080027f8,
        .file_hash = 0x36685558,
        .model_hash = 7,
        .strength = 0x31d4d43d,
        .map = 0xff9d7cb9,
        .count = 3,
        .root = 0x0a6a7544,
        .next_xid = 9,
        .state = PFS_WIRE_RECEIVING,
        .root_state = PFS_WIRE_HOLDING,
        .what = 2,
        .flags = 1,
        .subject = 0x7f000001,
        .place = 5,
        .epoch = 6,
        .parent = 0x7f000002,
        .parent_epoch = 8,
        .depth = 2,
        .serial = 77,
        .size = UINT64_C(0x123456789a),
        .offset = 1000,
        .length = 2000,
        .has_digest = true,
        .digest_source = SIM_DIGEST_LOADS,
        .avoid_len = 2,
        .avoid = {1, 2},
        .model = "CP-7961G",
        .path = "/dnld/SCCP41.9-4-2SR2-2S.loads",
        .reason = "HTTP 404 from http://server/",
    };
    memset(m.digest.bytes, 0xab, sizeof(m.digest.bytes));
    return m;
}

Test(pfs_wire, every_message_is_read_back_as_it_was_written)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct pfs_wire m = full(types[i]), back;
        uint8_t first[PFS_WIRE_MAX], second[PFS_WIRE_MAX];
        size_t len = pfs_wire_encode(&m, first);
        cr_assert_eq(pfs_wire_decode(first, len, &back), 0, "%s", pfs_wire_type_name(types[i]));
        cr_assert_eq((int)back.type, (int)types[i]);
        cr_assert_eq(back.xid, m.xid);
        /* Equal bytes of what was read: no field was lost. */
        cr_assert_eq(pfs_wire_encode(&back, second), len);
        cr_assert_eq(memcmp(first, second, len), 0, "%s", pfs_wire_type_name(types[i]));
    }
}

Test(pfs_wire, no_message_is_read_from_a_piece_or_with_a_byte_more)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct pfs_wire m = full(types[i]), back;
        uint8_t bytes[PFS_WIRE_MAX + 1] = {0};
        size_t len = pfs_wire_encode(&m, bytes);
        for (size_t cut = 0; cut < len; cut++) {
            cr_assert_eq(pfs_wire_decode(bytes, cut, &back), SIM_EPROTO);
            bytes[4] = (uint8_t)(cut >> 8); /* even when its length agrees */
            bytes[5] = (uint8_t)cut;
            cr_assert_eq(pfs_wire_decode(bytes, cut, &back), SIM_EPROTO, "%s cut to %zu",
                         pfs_wire_type_name(types[i]), cut);
        }
        bytes[4] = (uint8_t)((len + 1) >> 8);
        bytes[5] = (uint8_t)(len + 1);
        cr_assert_eq(pfs_wire_decode(bytes, len + 1, &back), SIM_EPROTO);
    }
}

Test(pfs_wire, the_longest_message_fits)
{
    for (size_t i = 0; i < TYPES; i++) {
        struct pfs_wire m = full(types[i]);
        uint8_t bytes[PFS_WIRE_MAX];
        memset(m.model, 'm', sizeof(m.model) - 1);
        memset(m.path, 'p', sizeof(m.path) - 1);
        memset(m.reason, 'r', sizeof(m.reason) - 1);
        m.avoid_len = PFS_WIRE_AVOID;
        size_t len = pfs_wire_encode(&m, bytes);
        cr_assert(len <= PFS_WIRE_MAX);
        cr_assert_eq(pfs_wire_decode(bytes, len, &m), 0);
        cr_assert_eq(pfs_wire_decode(bytes, len, &m), 0);
    }
}

Test(pfs_wire, lengths_of_stream_messages_are_known_from_six_bytes)
{
    struct pfs_wire m = full(PFS_WIRE_JOIN);
    uint8_t bytes[PFS_WIRE_MAX];
    size_t len = pfs_wire_encode(&m, bytes);
    for (size_t have = 0; have < 6; have++) {
        cr_assert_eq(pfs_wire_length(bytes, have), 0);
    }
    cr_assert_eq(pfs_wire_length(bytes, 6), (int)len);
    for (size_t at = 0; at < 3; at++) {
        uint8_t bad[8];
        memcpy(bad, bytes, sizeof(bad));
        bad[at] ^= 1;
        cr_assert_eq(pfs_wire_length(bad, at + 1), SIM_EPROTO, "byte %zu", at);
    }
    bytes[3] = PFS_WIRE_OFFER; /* a datagram */
    cr_assert_eq(pfs_wire_length(bytes, 6), SIM_EPROTO);
    bytes[3] = PFS_WIRE_JOIN;
    bytes[4] = 0xff; /* longer than any */
    cr_assert_eq(pfs_wire_length(bytes, 6), SIM_EPROTO);
    bytes[4] = 0;
    bytes[5] = PFS_WIRE_HEADER - 1;
    cr_assert_eq(pfs_wire_length(bytes, 6), SIM_EPROTO);
}

static int decode_with(size_t at, uint8_t value, enum pfs_wire_type type)
{
    struct pfs_wire m = full(type), back;
    uint8_t bytes[PFS_WIRE_MAX];
    size_t len = pfs_wire_encode(&m, bytes);
    bytes[at] = value;
    return pfs_wire_decode(bytes, len, &back);
}

Test(pfs_wire, values_that_can_not_be_are_refused)
{
    cr_assert_eq(decode_with(0, 0, PFS_WIRE_OFFER), SIM_EPROTO, "magic");
    cr_assert_eq(decode_with(2, 2, PFS_WIRE_OFFER), SIM_EPROTO, "version");
    cr_assert_eq(decode_with(3, 99, PFS_WIRE_OFFER), SIM_EPROTO, "type");
    cr_assert_eq(decode_with(7, 1, PFS_WIRE_OFFER), SIM_EPROTO, "reserved");
    cr_assert_eq(decode_with(29, '\n', PFS_WIRE_OFFER), SIM_EPROTO, "a line feed in the model");
    cr_assert_eq(decode_with(28, 32, PFS_WIRE_OFFER), SIM_EPROTO, "a model too long");
    cr_assert_eq(decode_with(20, 6, PFS_WIRE_WELCOME), SIM_EPROTO, "state");
    cr_assert_eq(decode_with(41, 5, PFS_WIRE_JOIN), SIM_EPROTO, "digest source");
    cr_assert_eq(decode_with(75, 9, PFS_WIRE_JOIN), SIM_EPROTO, "too many to avoid");
}

Test(pfs_wire, the_file_name_is_what_counts_of_a_path)
{
    cr_assert_str_eq(pfs_wire_file_name("/dnld/a.loads"), "a.loads");
    cr_assert_str_eq(pfs_wire_file_name("a.loads"), "a.loads");
    cr_assert_eq(pfs_wire_hash(""), 0x811c9dc5);
    cr_assert_eq(pfs_wire_hash("a"), 0xe40c292c);
}
