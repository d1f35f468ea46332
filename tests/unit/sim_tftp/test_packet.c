/* Goal: the codec takes what the RFCs allow, refuses the rest, and builds what it would take.
 * Method: packets written out as bytes; every request also cut at every length. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "sim/err.h"
#include "sim/tftp/packet.h"

/* A string literal with its inner NULs, without the last one. */
#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* Decodes an exact heap copy, so that ASan sees one byte too far. */
static int decode(struct sim_tftp_packet *packet, const uint8_t *bytes, size_t len)
{
    static uint8_t *copy;
    free(copy);
    copy = malloc(len > 0 ? len : 1);
    memcpy(copy, bytes, len);
    return sim_tftp_packet_decode(packet, copy, len);
}

Test(packet, reads_a_request_with_options_in_any_case_and_order)
{
    struct sim_tftp_packet p;

    cr_assert_eq(
        decode(&p, BYTES("\0\1boot/a.bin\0OcTeT\0WindowSize\00016\0BLKSIZE\0001428\0tsize\0000"
                         "\0timeout\0007\0")),
        0);
    cr_assert_eq(p.opcode, SIM_TFTP_RRQ);
    cr_assert_str_eq(p.name, "boot/a.bin");
    cr_assert_eq(p.mode, SIM_TFTP_MODE_OCTET);
    cr_assert_eq(p.options.given, 15u);
    cr_assert_eq(p.options.invalid | p.options.repeated, 0u);
    cr_assert_eq(p.options.blksize, 1428u);
    cr_assert_eq(p.options.windowsize, 16u);
    cr_assert_eq(p.options.timeout, 7u);
    cr_assert_eq(p.options.tsize, 0u);
}

Test(packet, knows_the_modes_and_both_requests)
{
    struct sim_tftp_packet p;

    cr_assert_eq(decode(&p, BYTES("\0\2f\0netascii\0")), 0);
    cr_assert_eq(p.opcode, SIM_TFTP_WRQ);
    cr_assert_eq(p.mode, SIM_TFTP_MODE_NETASCII);
    cr_assert_eq(decode(&p, BYTES("\0\1f\0mail\0")), 0);
    cr_assert_eq(p.mode, SIM_TFTP_MODE_MAIL);
    cr_assert_eq(decode(&p, BYTES("\0\1f\0octets\0")), 0);
    cr_assert_eq(p.mode, SIM_TFTP_MODE_UNKNOWN);
}

Test(packet, marks_values_that_are_no_number_or_too_small)
{
    static const struct {
        const char *option, *value;
        bool invalid;
    } rows[] = {
        {"blksize", "8", false},
        {"blksize", "7", true},
        {"blksize", "65464", false},
        {"blksize", "100000", false}, /* the server lowers it */
        {"blksize", "", true},
        {"blksize", "-8", true},
        {"blksize", "0x200", true},
        {"blksize", " 512", true},
        {"timeout", "0", true},
        {"timeout", "1", false},
        {"timeout", "255", false},
        {"windowsize", "0", true},
        {"windowsize", "65535", false},
        {"windowsize", "1.5", true},
        {"tsize", "0", false},
        {"tsize", "18446744073709551615", false},
        {"tsize", "18446744073709551616", true},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim_tftp_packet p;
        uint8_t bytes[100] = {0, 1, 'f', 0, 'o', 'c', 't', 'e', 't', 0};
        size_t len = 10;
        strcpy((char *)bytes + len, rows[i].option);
        len += strlen(rows[i].option) + 1;
        strcpy((char *)bytes + len, rows[i].value);
        len += strlen(rows[i].value) + 1;
        cr_assert_eq(decode(&p, bytes, len), 0, "row %zu", i);
        cr_assert_eq(p.options.invalid != 0, rows[i].invalid, "row %zu", i);
    }
}

Test(packet, saturates_numbers_beyond_its_fields)
{
    struct sim_tftp_packet p;

    cr_assert_eq(decode(&p, BYTES("\0\1f\0octet\0blksize\0004294967808\0")), 0);
    cr_assert_eq(p.options.blksize, UINT32_MAX, "4294967808 is 512 in 32 bits");
}

Test(packet, keeps_the_first_of_a_repeated_option_and_says_so)
{
    struct sim_tftp_packet p;

    cr_assert_eq(decode(&p, BYTES("\0\1f\0octet\0blksize\0001024\0blkSize\000512\0")), 0);
    cr_assert_eq(p.options.repeated, (unsigned)SIM_TFTP_OPTION_BLKSIZE);
    cr_assert_eq(p.options.blksize, 1024u);
    cr_assert_eq(decode(&p, BYTES("\0\1f\0octet\0one\0001\0two\0002\0")), 0);
    cr_assert_eq(p.options.given, (unsigned)SIM_TFTP_OPTION_OTHER);
    cr_assert_eq(p.options.repeated, 0u, "two unknown options are not the same");
}

Test(packet, refuses_what_is_cut_short)
{
    static const uint8_t request[] = "\0\1name\0octet\0blksize\0001024";
    static const size_t whole[] = {
        13, 26}; /* without options, with one; the literal's own NUL counts */
    struct sim_tftp_packet p;

    for (size_t len = 0; len <= sizeof(request); len++) {
        bool good = len == whole[0] || len == whole[1];
        cr_assert_eq(decode(&p, request, len) == 0, good, "%zu bytes", len);
    }
    for (size_t len = 0; len < 4; len++) {
        cr_assert_neq(decode(&p, (const uint8_t *)"\0\3\0\1", len), 0, "DATA of %zu bytes", len);
        cr_assert_neq(decode(&p, (const uint8_t *)"\0\4\0\1", len), 0, "ACK of %zu bytes", len);
        cr_assert_neq(decode(&p, (const uint8_t *)"\0\5\0\1", len), 0, "ERROR of %zu bytes", len);
    }
}

Test(packet, refuses_what_is_no_tftp)
{
    struct sim_tftp_packet p;

    cr_assert_neq(decode(&p, BYTES("\0\0\0\1")), 0);
    cr_assert_neq(decode(&p, BYTES("\0\7\0\1")), 0);
    cr_assert_neq(decode(&p, BYTES("\1\3\0\1")), 0);
    cr_assert_neq(decode(&p, BYTES("\0\1\0octet\0")), 0, "an empty name");
    cr_assert_neq(decode(&p, BYTES("\0\4\0\1x")), 0, "bytes behind an ACK");
    cr_assert_neq(decode(&p, BYTES("\0\6\0blksize\000512\0")), 0, "an option without a name");
}

Test(packet, takes_padding_of_nul_bytes)
{
    struct sim_tftp_packet p;

    cr_assert_eq(decode(&p, BYTES("\0\1f\0octet\0\0\0\0")), 0);
    cr_assert_eq(p.options.given, 0u);
    cr_assert_eq(decode(&p, BYTES("\0\6")), 0, "an OACK of nothing");
}

Test(packet, reads_data_ack_and_error)
{
    struct sim_tftp_packet p;

    cr_assert_eq(decode(&p, BYTES("\0\3\xff\xfe"
                                  "abc")),
                 0);
    cr_assert_eq(p.block, 0xfffe);
    cr_assert_eq(p.data_len, 3u);
    cr_assert_eq(memcmp(p.data, "abc", 3), 0);
    cr_assert_eq(decode(&p, BYTES("\0\4\1\0")), 0);
    cr_assert_eq(p.block, 256);
    cr_assert_eq(decode(&p, BYTES("\0\5\0\1no such\0")), 0);
    cr_assert_eq(p.code, 1);
    cr_assert_eq(p.data_len, 7u);
    cr_assert_eq(decode(&p, BYTES("\0\5\0\1no such")), 0, "without its NUL");
    cr_assert_eq(p.data_len, 7u);
}

Test(packet, builds_what_it_reads)
{
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
    struct sim_tftp_packet p;
    struct sim_tftp_options options = {
        .given = 15, .blksize = 65464, .timeout = 255, .windowsize = 65535, .tsize = UINT64_MAX};
    size_t len = sim_tftp_packet_request(bytes, true, "name", &options);

    cr_assert_eq(decode(&p, bytes, len), 0);
    cr_assert_eq(p.opcode, SIM_TFTP_WRQ);
    cr_assert_eq(p.options.given, 15u);
    cr_assert_eq(p.options.tsize, UINT64_MAX);
    len = sim_tftp_packet_oack(bytes, &options);
    cr_assert_eq(decode(&p, bytes, len), 0);
    cr_assert_eq(p.opcode, SIM_TFTP_OACK);
    cr_assert_eq(p.options.windowsize, 65535u);
    cr_assert_eq(p.options.timeout, 255u);
    len = sim_tftp_packet_error(bytes, SIM_TFTP_CODE_OPTION, "no");
    cr_assert_eq(decode(&p, bytes, len), 0);
    cr_assert_eq(p.code, 8);
    len = sim_tftp_packet_ack(bytes, 65535);
    cr_assert_eq(decode(&p, bytes, len), 0);
    cr_assert_eq(p.block, 65535);
}

Test(packet, never_builds_a_request_over_512_bytes_or_an_error_over_its_buffer)
{
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
    char text[2000];
    struct sim_tftp_options options = {.given = 15};

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    cr_assert_leq(sim_tftp_packet_error(bytes, SIM_TFTP_CODE_UNDEFINED, text), 133u);
    for (size_t len = 1; len < 600; len++) {
        text[len] = '\0';
        cr_assert_leq(sim_tftp_packet_request(bytes, false, text, &options), 512u);
        text[len] = 'x';
    }
    text[600] = '\0';
    cr_assert_eq(sim_tftp_packet_request(bytes, false, text, &options), 0u);
}

Test(packet, gives_every_error_code_a_text_and_a_meaning)
{
    static const int status[] = {SIM_ESERVER, SIM_ENOTFOUND, SIM_EACCES,  SIM_ENOSPC, SIM_ESERVER,
                                 SIM_ESERVER, SIM_EEXIST,    SIM_ESERVER, SIM_ESERVER};
    for (int code = 0; code <= 8; code++) {
        cr_assert_str_neq(sim_tftp_code_text(code), "Unknown error", "code %d", code);
        cr_assert_eq(sim_tftp_code_status(code, (const uint8_t *)"", 0), status[code], "code %d",
                     code);
    }
    cr_assert_str_eq(sim_tftp_code_text(9), "Unknown error");
    cr_assert_eq(sim_tftp_code_status(0, BYTES("Server Busy")), SIM_EBUSY);
}

Test(packet, shows_a_strangers_text_without_its_control_characters)
{
    char out[SIM_TFTP_TEXT_MAX];
    uint8_t longer[300];

    cr_assert_str_eq(sim_tftp_text_clean(out, BYTES("a\x1b[31mb\n\xff")), "a?[31mb??");
    memset(longer, 'y', sizeof(longer));
    cr_assert_eq(strlen(sim_tftp_text_clean(out, longer, sizeof(longer))),
                 (size_t)SIM_TFTP_TEXT_MAX - 1);
}
