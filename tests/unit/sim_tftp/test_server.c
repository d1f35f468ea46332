/* Goal: what the server's machine grants, refuses and resends, to the nanosecond.
 * Method: requests as bytes, then inputs one by one; outputs are written as text: "OACK blksize=8",
 * "BLK 2+512", "ACK 3". */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"
#include "sim/tftp/server.h"

#define CLIENT ((struct sim_tftp_peer){0x7f000005, 2000})
#define STRANGER ((struct sim_tftp_peer){0x7f000005, 2001})
#define P(text) (const uint8_t *)(text), sizeof(text) - 1

static const struct sim_tftp_server_limits limits = {
    .blksize_max = 65464,
    .windowsize_max = 64,
    .timing = {.timeout = SIM_S, .tries = 3, .stall = SIM_NEVER, .dally = 4 * SIM_S},
};

static struct sim_tftp_server start(const struct sim_tftp_server_limits *with,
                                    const uint8_t *request, size_t len, uint64_t size)
{
    struct sim_tftp_packet p;
    struct sim_tftp_server s;
    const char *text;

    cr_assert_eq(sim_tftp_packet_decode(&p, request, len), 0);
    cr_assert_eq(sim_tftp_server_check(&p, &text), SIM_TFTP_CODE_NONE);
    sim_tftp_server_start(&s, with, CLIENT, &p, size, 0);
    return s;
}

/* Everything that leaves at `now`, in one static text. */
static const char *outputs(struct sim_tftp_server *s, sim_time now)
{
    static char text[2000];
    struct sim_tftp_output out;
    struct sim_tftp_packet p;
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
    size_t at = 0;

    text[0] = '\0';
    while (sim_tftp_server_take_output(s, now, bytes, &out)) {
        char *to = text + at;
        size_t cap = sizeof(text) - at;
        at += (size_t)snprintf(to, cap, "%s", at > 0 ? ", " : "");
        to = text + at;
        cap = sizeof(text) - at;
        if (out.kind == SIM_TFTP_BLOCK) {
            at += (size_t)snprintf(to, cap, "BLK %u+%u", out.number, out.size);
            continue;
        }
        cr_assert_eq(sim_tftp_packet_decode(&p, bytes, out.len), 0);
        if (p.opcode == SIM_TFTP_OACK) {
            at += (size_t)snprintf(to, cap, "OACK");
            for (size_t i = 2; i < out.len; i += strlen((char *)bytes + i) + 1) {
                at += (size_t)snprintf(text + at, sizeof(text) - at, " %s", (char *)bytes + i);
            }
        } else if (p.opcode == SIM_TFTP_ERROR) {
            at += (size_t)snprintf(to, cap, "ERR %u >%u", p.code, out.to.port);
        } else {
            at += (size_t)snprintf(to, cap, "ACK %u", p.block);
        }
    }
    return text;
}

static const char *events(struct sim_tftp_server *s)
{
    static char text[200];
    struct sim_tftp_event e;
    size_t at = 0;

    text[0] = '\0';
    while (sim_tftp_server_take_event(s, &e)) {
        at += e.kind == SIM_TFTP_EVENT_DATA
                  ? (size_t)snprintf(text + at, sizeof(text) - at, "data %zu ", e.len)
              : e.kind == SIM_TFTP_EVENT_DONE
                  ? (size_t)snprintf(text + at, sizeof(text) - at, "done ")
                  : (size_t)snprintf(text + at, sizeof(text) - at, "failed %s %d ",
                                     sim_err_name(e.status), e.code);
    }
    return text;
}

static void ack(struct sim_tftp_server *s, unsigned block, sim_time now)
{
    uint8_t bytes[4] = {0, SIM_TFTP_ACK, (uint8_t)(block >> 8), (uint8_t)block};
    sim_tftp_server_recv(s, CLIENT, bytes, sizeof(bytes), now);
}

Test(server, grants_options_and_lowers_what_is_too_large)
{
    static const struct {
        const uint8_t *request;
        size_t len;
        const char *want;
    } rows[] = {
        {P("\0\1f\0octet\0"), "BLK 1+512"},
        {P("\0\1f\0octet\0blksize\0001024\0"), "OACK blksize 1024"},
        {P("\0\1f\0octet\0blksize\0008\0"), "OACK blksize 8"},
        {P("\0\1f\0octet\0blksize\00065464\0"), "OACK blksize 65464"},
        {P("\0\1f\0octet\0blksize\00065465\0"), "OACK blksize 65464"},
        {P("\0\1f\0octet\0blksize\0009999999999\0"), "OACK blksize 65464"},
        {P("\0\1f\0octet\0blksize\0007\0"), "BLK 1+512"},
        {P("\0\1f\0octet\0blksize\000abc\0"), "BLK 1+512"},
        {P("\0\1f\0octet\0tsize\0000\0"), "OACK tsize 600"},
        {P("\0\1f\0octet\0timeout\000255\0"), "OACK timeout 255"},
        {P("\0\1f\0octet\0timeout\000256\0"), "BLK 1+512"},
        {P("\0\1f\0octet\0timeout\0000\0"), "BLK 1+512"},
        {P("\0\1f\0octet\0windowsize\0001\0"), "OACK windowsize 1"},
        {P("\0\1f\0octet\0windowsize\00065535\0"), "OACK windowsize 64"},
        {P("\0\1f\0octet\0windowsize\0000\0"), "BLK 1+512"},
        {P("\0\1f\0octet\0multicast\0\0blksize\0001024\0"), "OACK blksize 1024"},
        {P("\0\1f\0octet\0rollover\0000\0"), "BLK 1+512"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim_tftp_server s = start(&limits, rows[i].request, rows[i].len, 600);
        const char *got = outputs(&s, 0);
        cr_assert_str_eq(got, rows[i].want, "row %zu: %s", i, got);
    }
}

Test(server, does_not_tell_the_size_of_an_empty_file)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0tsize\0000\0blksize\0008\0"), 0);

    cr_assert_str_eq(outputs(&s, 0), "OACK blksize 8");
    s = start(&limits, P("\0\1f\0octet\0tsize\0000\0"), 0);
    cr_assert_str_eq(outputs(&s, 0), "BLK 1+0");
}

Test(server, never_answers_a_larger_block_than_its_limit)
{
    struct sim_tftp_server_limits low = limits;
    low.blksize_max = 1000;
    struct sim_tftp_server s = start(&low, P("\0\1f\0octet\0blksize\0001428\0"), 5000);

    cr_assert_str_eq(outputs(&s, 0), "OACK blksize 1000");
    ack(&s, 0, 1);
    cr_assert_str_eq(outputs(&s, 1), "BLK 1+1000");
}

Test(server, refuses_other_modes_and_repeated_options)
{
    static const struct {
        const uint8_t *request;
        size_t len;
        int want;
    } rows[] = {
        {P("\0\1f\0netascii\0"), 0}, {P("\0\1f\0mail\0"), 4},
        {P("\0\1f\0xyz\0"), 4},      {P("\0\1f\0octet\0tsize\0000\0TSIZE\0000\0"), 8},
        {P("\0\4\0\0"), 4},          {P("\0\2f\0octet\0"), -1},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim_tftp_packet p;
        const char *text = NULL;
        cr_assert_eq(sim_tftp_packet_decode(&p, rows[i].request, rows[i].len), 0);
        cr_assert_eq((int)sim_tftp_server_check(&p, &text), rows[i].want, "row %zu", i);
        cr_assert_eq(text == NULL, rows[i].want < 0, "row %zu", i);
    }
}

Test(server, repeats_its_oack_until_it_is_answered)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0tsize\0000\0"), 3);

    cr_assert_str_eq(outputs(&s, 0), "OACK tsize 3");
    cr_assert_eq(sim_tftp_server_deadline(&s), SIM_S);
    sim_tftp_server_tick(&s, SIM_S - 1);
    cr_assert_str_eq(outputs(&s, SIM_S - 1), "");
    sim_tftp_server_tick(&s, SIM_S);
    cr_assert_str_eq(outputs(&s, SIM_S), "OACK tsize 3");
    cr_assert_eq(sim_tftp_server_deadline(&s), 3 * SIM_S);
    ack(&s, 1, 2 * SIM_S); /* of a block that was never sent */
    cr_assert_str_eq(outputs(&s, 2 * SIM_S), "");
    ack(&s, 0, 2 * SIM_S);
    cr_assert_str_eq(outputs(&s, 2 * SIM_S), "BLK 1+3");
    ack(&s, 1, 2 * SIM_S);
    cr_assert_str_eq(events(&s), "done ");
    cr_assert_eq(sim_tftp_server_state(&s), SIM_TFTP_CLOSED);
}

Test(server, ends_with_an_empty_block_when_the_size_is_a_multiple)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0"), 1024);

    cr_assert_str_eq(outputs(&s, 0), "BLK 1+512");
    ack(&s, 1, 1);
    cr_assert_str_eq(outputs(&s, 1), "BLK 2+512");
    ack(&s, 2, 2);
    cr_assert_str_eq(outputs(&s, 2), "BLK 3+0");
    ack(&s, 3, 3);
    cr_assert_str_eq(events(&s), "done ");
    s = start(&limits, P("\0\1f\0octet\0"), 0);
    cr_assert_str_eq(outputs(&s, 0), "BLK 1+0");
}

Test(server, sends_nothing_on_a_repeated_ack)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0"), 5000);

    cr_assert_str_eq(outputs(&s, 0), "BLK 1+512");
    ack(&s, 1, 1);
    cr_assert_str_eq(outputs(&s, 1), "BLK 2+512");
    for (sim_time at = 2; at < 100; at++) {
        ack(&s, 1, at);
        cr_assert_str_eq(outputs(&s, at), "", "Sorcerer's Apprentice at %u", (unsigned)at);
    }
    cr_assert_eq(sim_tftp_server_deadline(&s), SIM_S + 1, "nor does it move the deadline");
}

Test(server, uses_the_timeout_that_the_client_asked_for_and_gives_up)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0timeout\0005\0"), 5000);

    cr_assert_str_eq(outputs(&s, 0), "OACK timeout 5");
    ack(&s, 0, 0);
    cr_assert_str_eq(outputs(&s, 0), "BLK 1+512");
    sim_tftp_server_tick(&s, 5 * SIM_S - 1);
    cr_assert_str_eq(outputs(&s, 5 * SIM_S - 1), "");
    sim_tftp_server_tick(&s, 5 * SIM_S);
    cr_assert_str_eq(outputs(&s, 5 * SIM_S), "BLK 1+512");
    sim_tftp_server_tick(&s, 15 * SIM_S);
    cr_assert_str_eq(outputs(&s, 15 * SIM_S), "BLK 1+512");
    sim_tftp_server_tick(&s, 35 * SIM_S);
    cr_assert_str_eq(outputs(&s, 35 * SIM_S), "");
    cr_assert_str_eq(events(&s), "failed SIM_ETIMEDOUT -1 ");
    cr_assert_eq(sim_tftp_server_resends(&s), 2u);
}

Test(server, learns_to_wait_when_answers_take_longer_than_its_timeout)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0"), 50000);
    sim_time now = 0;
    uint32_t resends = 0;

    /* Every answer takes 1.5 s (a thousand phones on a thin line); the time-out is 1 s. */
    for (unsigned block = 1; block <= 40; block++) {
        outputs(&s, now);
        sim_time answer = now + 1500 * SIM_MS;
        while (sim_tftp_server_deadline(&s) < answer) {
            sim_tftp_server_tick(&s, sim_tftp_server_deadline(&s));
            outputs(&s, sim_tftp_server_deadline(&s) < answer ? answer : answer);
        }
        now = answer;
        if (block == 3) {
            resends = sim_tftp_server_resends(&s);
        }
        ack(&s, block, now);
    }
    cr_assert_leq(resends, 2u);
    cr_assert_eq(sim_tftp_server_resends(&s), resends, "no more after it has learned");
}

Test(server, measures_nothing_by_an_answer_to_what_was_sent_twice)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0"), 5000);

    cr_assert_str_eq(outputs(&s, 0), "BLK 1+512");
    sim_tftp_server_tick(&s, SIM_S);
    cr_assert_str_eq(outputs(&s, SIM_S), "BLK 1+512");
    ack(&s, 1, SIM_S + 5);
    cr_assert_str_eq(outputs(&s, SIM_S + 5), "BLK 2+512");
    cr_assert_eq(sim_tftp_server_deadline(&s), 3 * SIM_S + 5, "the doubled wait stays");
    ack(&s, 2, SIM_S + 6);
    cr_assert_str_eq(outputs(&s, SIM_S + 6), "BLK 3+512");
    cr_assert_eq(sim_tftp_server_deadline(&s), 2 * SIM_S + 6, "a clean answer ends it");
}

Test(server, sends_a_window_and_goes_on_behind_a_partial_ack)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0windowsize\0004\0"), 5120);

    cr_assert_str_eq(outputs(&s, 0), "OACK windowsize 4");
    ack(&s, 0, 1);
    cr_assert_str_eq(outputs(&s, 1), "BLK 1+512, BLK 2+512, BLK 3+512, BLK 4+512");
    ack(&s, 2, 2); /* a gap: 3 was lost */
    cr_assert_str_eq(outputs(&s, 2), "BLK 3+512, BLK 4+512, BLK 5+512, BLK 6+512");
    ack(&s, 6, 3);
    cr_assert_str_eq(outputs(&s, 3), "BLK 7+512, BLK 8+512, BLK 9+512, BLK 10+512");
    ack(&s, 1, 4); /* an old one */
    cr_assert_str_eq(outputs(&s, 4), "");
    ack(&s, 10, 5);
    cr_assert_str_eq(outputs(&s, 5), "BLK 11+0");
    ack(&s, 11, 6);
    cr_assert_str_eq(events(&s), "done ");
}

Test(server, restarts_a_window_by_a_repeated_ack_only_once_in_a_while)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0windowsize\0002\0"), 5120);

    outputs(&s, 0);
    ack(&s, 0, 1);
    cr_assert_str_eq(outputs(&s, 1), "BLK 1+512, BLK 2+512");
    ack(&s, 0, 2); /* the window's first block was lost */
    cr_assert_str_eq(outputs(&s, 2), "BLK 1+512, BLK 2+512");
    ack(&s, 0, 3);
    cr_assert_str_eq(outputs(&s, 3), "");
    ack(&s, 0, 2 + SIM_S / 4 - 1);
    cr_assert_str_eq(outputs(&s, 2 + SIM_S / 4 - 1), "");
    ack(&s, 0, 2 + SIM_S / 4);
    cr_assert_str_eq(outputs(&s, 2 + SIM_S / 4), "BLK 1+512, BLK 2+512");
}

Test(server, tells_strangers_error_5_without_harm)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0"), 5000);

    outputs(&s, 0);
    sim_tftp_server_recv(&s, STRANGER, P("\0\4\0\1"), 1);
    cr_assert_str_eq(outputs(&s, 1), "ERR 5 >2001");
    sim_tftp_server_recv(&s, STRANGER, P("\0\5\0\0\0"), 2);
    cr_assert_str_eq(outputs(&s, 2), "");
    cr_assert_str_eq(events(&s), "");
    ack(&s, 1, 3);
    cr_assert_str_eq(outputs(&s, 3), "BLK 2+512");
}

Test(server, ends_on_errors_and_illegal_packets)
{
    struct sim_tftp_server s = start(&limits, P("\0\1f\0octet\0"), 5000);

    outputs(&s, 0);
    sim_tftp_server_recv(&s, CLIENT, P("\0\5\0\3full\0"), 1);
    cr_assert_str_eq(events(&s), "failed SIM_ENOSPC 3 ");
    cr_assert_str_eq(outputs(&s, 1), "", "an error is not answered");
    s = start(&limits, P("\0\1f\0octet\0"), 5000);
    outputs(&s, 0);
    sim_tftp_server_recv(&s, CLIENT, P("\0\3\0\1x"), 1);
    cr_assert_str_eq(events(&s), "failed SIM_EPROTO 4 ");
    cr_assert_str_eq(outputs(&s, 1), "ERR 4 >2000");
    s = start(&limits, P("\0\1f\0octet\0"), 5000);
    outputs(&s, 0);
    sim_tftp_server_fail(&s, SIM_ESHORT);
    cr_assert_str_eq(outputs(&s, 1), "ERR 0 >2000");
    cr_assert_str_eq(events(&s), "failed SIM_ESHORT 0 ");
}

Test(server, takes_an_upload_and_dallies)
{
    struct sim_tftp_server s = start(&limits, P("\0\2f\0octet\0"), 0);
    uint8_t block[516] = {0, 3, 0, 1};

    cr_assert_str_eq(outputs(&s, 0), "ACK 0");
    sim_tftp_server_recv(&s, CLIENT, block, sizeof(block), 1);
    cr_assert_str_eq(events(&s), "data 512 ");
    cr_assert_str_eq(outputs(&s, 1), "ACK 1");
    block[3] = 2;
    sim_tftp_server_recv(&s, CLIENT, block, 4, 2);
    cr_assert_str_eq(events(&s), "done ");
    cr_assert_str_eq(outputs(&s, 2), "ACK 2");
    cr_assert_eq(sim_tftp_server_state(&s), SIM_TFTP_DALLYING);
    sim_tftp_server_recv(&s, CLIENT, block, 4, 3);
    cr_assert_str_eq(outputs(&s, 3), "ACK 2");
    sim_tftp_server_tick(&s, 4 * SIM_S + 2);
    cr_assert_eq(sim_tftp_server_state(&s), SIM_TFTP_CLOSED);
}

Test(server, repeats_the_oack_of_an_upload_not_an_ack)
{
    struct sim_tftp_server s = start(&limits, P("\0\2f\0octet\0blksize\0001024\0tsize\0005\0"), 0);
    uint8_t block[9] = {0, 3, 0, 1};

    cr_assert_str_eq(outputs(&s, 0), "OACK blksize 1024 tsize 5");
    sim_tftp_server_tick(&s, SIM_S);
    cr_assert_str_eq(outputs(&s, SIM_S), "OACK blksize 1024 tsize 5");
    sim_tftp_server_recv(&s, CLIENT, block, sizeof(block), SIM_S + 1);
    cr_assert_str_eq(events(&s), "data 5 done ");
    cr_assert_str_eq(outputs(&s, SIM_S + 1), "ACK 1");
}

Test(server, can_refuse_an_upload_at_its_last_block)
{
    struct sim_tftp_server s = start(&limits, P("\0\2f\0octet\0"), 0);
    uint8_t block[5] = {0, 3, 0, 1, 'x'};

    outputs(&s, 0);
    sim_tftp_server_recv(&s, CLIENT, block, sizeof(block), 1);
    sim_tftp_server_fail(&s, SIM_ENOSPC); /* before the ACK was taken */
    cr_assert_str_eq(outputs(&s, 1), "ERR 3 >2000");
}
