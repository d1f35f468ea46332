/* Goal: every state, deadline and refusal of the client's machine, without sockets or sleeping.
 * Method: tables of instants. Each row is one input and everything a host could observe after it;
 * rows around a deadline come in pairs, one nanosecond early and on the dot. Outputs are written as
 * text: "RRQ", "ACK 3", "ERR 5 >9" (to port 9), "BLK 2+512". */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"
#include "sim/tftp/client.h"

#define SERVER ((struct sim_tftp_peer){0x7f000001, 69})
#define TID ((struct sim_tftp_peer){0x7f000001, 5000})
#define OTHER ((struct sim_tftp_peer){0x7f000001, 6000})
#define FOREIGN ((struct sim_tftp_peer){0x7f000009, 5000})

enum { TICK, FROM_TID, FROM_OTHER, FROM_FOREIGN };

struct step {
    sim_time at;
    int from;
    const char *bytes; /* with `len`; DATA is padded with zeros up to it */
    size_t len;
    const char *want_out;    /* all outputs, ", " between */
    const char *want_events; /* "data 5", "done", "failed SIM_EPROTO" */
    enum sim_tftp_state want_state;
    sim_time want_deadline;
};

static const struct sim_tftp_client_config config = {
    .server = {0x7f000001, 69},
    .name = "f",
    .blksize = 512,
    .windowsize = 1,
    .timeout_s = 1,
    .timing = {.timeout = SIM_S, .tries = 3, .stall = SIM_NEVER, .dally = 3 * SIM_S},
};

static void describe_output(struct sim_tftp_client *c, sim_time now, char *text, size_t cap)
{
    struct sim_tftp_output out;
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
    struct sim_tftp_packet p;
    size_t at = 0;

    text[0] = '\0';
    while (sim_tftp_client_take_output(c, now, bytes, &out)) {
        const char *comma = at > 0 ? ", " : "";
        char to[16] = "";
        if (out.to.port != TID.port && out.to.port != 69) {
            snprintf(to, sizeof(to), " >%u", (unsigned)out.to.port);
        }
        if (out.kind == SIM_TFTP_BLOCK) {
            at += (size_t)snprintf(text + at, cap - at, "%sBLK %u+%u", comma, out.number, out.size);
            continue;
        }
        cr_assert_eq(sim_tftp_packet_decode(&p, bytes, out.len), 0);
        if (p.opcode == SIM_TFTP_ACK) {
            at += (size_t)snprintf(text + at, cap - at, "%sACK %u%s", comma, p.block, to);
        } else if (p.opcode == SIM_TFTP_ERROR) {
            at += (size_t)snprintf(text + at, cap - at, "%sERR %u%s", comma, p.code, to);
        } else {
            at += (size_t)snprintf(text + at, cap - at, "%s%s %u", comma,
                                   p.opcode == SIM_TFTP_RRQ ? "RRQ" : "WRQ", p.options.given);
        }
    }
}

static void describe_events(struct sim_tftp_client *c, char *text, size_t cap)
{
    struct sim_tftp_event e;
    size_t at = 0;

    text[0] = '\0';
    while (sim_tftp_client_take_event(c, &e)) {
        const char *comma = at > 0 ? ", " : "";
        if (e.kind == SIM_TFTP_EVENT_DATA) {
            at += (size_t)snprintf(text + at, cap - at, "%sdata %zu", comma, e.len);
        } else if (e.kind == SIM_TFTP_EVENT_DONE) {
            at += (size_t)snprintf(text + at, cap - at, "%sdone", comma);
        } else {
            at += (size_t)snprintf(text + at, cap - at, "%sfailed %s %d", comma,
                                   sim_err_name(e.status), e.code);
        }
    }
}

static void run(struct sim_tftp_client *c, const struct step *steps, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct step *s = &steps[i];
        char out[400], events[200];
        uint8_t bytes[2048] = {0};

        if (s->from == TICK) {
            sim_tftp_client_tick(c, s->at);
        } else {
            size_t have = strlen(s->bytes + 2) + 2; /* opcode and what is written behind it */
            memcpy(bytes, s->bytes, have < s->len ? have : s->len);
            memcpy(bytes, s->bytes, s->len < 4 ? s->len : 4);
            if (s->bytes[1] == SIM_TFTP_OACK || s->bytes[1] == SIM_TFTP_ERROR) {
                memcpy(bytes, s->bytes, s->len);
            }
            sim_tftp_client_recv(c,
                                 s->from == FROM_TID     ? TID
                                 : s->from == FROM_OTHER ? OTHER
                                                         : FOREIGN,
                                 bytes, s->len, s->at);
        }
        describe_events(c, events, sizeof(events));
        describe_output(c, s->at, out, sizeof(out));
        cr_assert_str_eq(out, s->want_out, "row %zu: %s", i, out);
        cr_assert_str_eq(events, s->want_events, "row %zu: %s", i, events);
        cr_assert_eq(sim_tftp_client_state(c), s->want_state, "row %zu: %s", i,
                     sim_tftp_state_name(sim_tftp_client_state(c)));
        cr_assert_eq(sim_tftp_client_deadline(c), s->want_deadline, "row %zu: %llu", i,
                     (unsigned long long)sim_tftp_client_deadline(c));
    }
}

#define RUN(c, steps) run(c, steps, sizeof(steps) / sizeof((steps)[0]))
#define P(text) text, sizeof(text) - 1

static struct sim_tftp_client start(const struct sim_tftp_client_config *with)
{
    struct sim_tftp_client c;
    cr_assert_eq(sim_tftp_client_init(&c, with), 0);
    sim_tftp_client_start(&c, 0);
    return c;
}

Test(client, asks_for_no_options_unless_told_to)
{
    struct sim_tftp_client c = start(&config);
    struct sim_tftp_output out;
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];

    cr_assert(sim_tftp_client_take_output(&c, 0, bytes, &out));
    cr_assert_eq(out.len, 10u);
    cr_assert_eq(memcmp(bytes, "\0\1f\0octet\0", 10), 0);
    cr_assert(sim_tftp_peer_equal(out.to, SERVER));
}

Test(client, repeats_its_request_with_growing_waits_and_gives_up)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {SIM_S - 1, TICK, NULL, 0, "", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {SIM_S, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, 3 * SIM_S},
        {3 * SIM_S - 1, TICK, NULL, 0, "", "", SIM_TFTP_EXPECT_ANSWER, 3 * SIM_S},
        {3 * SIM_S, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, 7 * SIM_S},
        {7 * SIM_S, TICK, NULL, 0, "", "failed SIM_ETIMEDOUT -1", SIM_TFTP_CLOSED, SIM_NEVER},
        {8 * SIM_S, FROM_TID, P("\0\3\0\1abc"), "", "", SIM_TFTP_CLOSED, SIM_NEVER},
    };
    struct sim_tftp_client c = start(&config);
    RUN(&c, steps);
}

Test(client, stops_doubling_at_four_times_the_timeout)
{
    struct sim_tftp_client_config with = config;
    struct sim_tftp_output out;
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
    sim_time now = 0, last = 0;

    with.timing.tries = 8;
    struct sim_tftp_client c = start(&with);
    for (int i = 0; i < 8; i++) {
        cr_assert(sim_tftp_client_take_output(&c, now, bytes, &out));
        last = now;
        now = sim_tftp_client_deadline(&c);
        cr_assert_leq(now - last, 4 * SIM_S);
        sim_tftp_client_tick(&c, now);
    }
    cr_assert_eq(now - last, 4 * SIM_S);
    cr_assert_eq(sim_tftp_client_state(&c), SIM_TFTP_CLOSED);
}

Test(client, takes_blocks_in_lock_step_and_dallies)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {10, FROM_TID, "\0\3\0\1", 516, "ACK 1", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        /* again: our ACK was lost */
        {20, FROM_TID, "\0\3\0\1", 516, "ACK 1", "", SIM_TFTP_EXPECT_DATA, SIM_S + 20},
        /* nobody sent that yet */
        {30, FROM_TID, "\0\3\0\3", 516, "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 20},
        {SIM_S + 20, TICK, NULL, 0, "ACK 1", "", SIM_TFTP_EXPECT_DATA, 3 * SIM_S + 20},
        {2 * SIM_S, FROM_TID, "\0\3\0\2", 9, "ACK 2", "data 5, done", SIM_TFTP_DALLYING, 5 * SIM_S},
        {3 * SIM_S, FROM_TID, "\0\3\0\2", 9, "ACK 2", "", SIM_TFTP_DALLYING, 5 * SIM_S},
        {3 * SIM_S, FROM_TID, P("\0\5\0\0x\0"), "", "", SIM_TFTP_DALLYING, 5 * SIM_S},
        {5 * SIM_S - 1, TICK, NULL, 0, "", "", SIM_TFTP_DALLYING, 5 * SIM_S},
        {5 * SIM_S, TICK, NULL, 0, "", "", SIM_TFTP_CLOSED, SIM_NEVER},
    };
    struct sim_tftp_client c = start(&config);
    RUN(&c, steps);
}

Test(client, ends_at_an_empty_block_when_the_size_is_a_multiple)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {10, FROM_TID, "\0\3\0\1", 516, "ACK 1", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        {20, FROM_TID, "\0\3\0\2", 4, "ACK 2", "done", SIM_TFTP_DALLYING, 3 * SIM_S + 20},
    };
    struct sim_tftp_client c = start(&config);
    RUN(&c, steps);
}

Test(client, tells_strangers_error_5_and_goes_on)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        /* before the TID is known only the address tells */
        {5, FROM_FOREIGN, "\0\3\0\1", 516, "ERR 5", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {10, FROM_TID, "\0\3\0\1", 516, "ACK 1", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        {20, FROM_OTHER, "\0\3\0\2", 516, "ERR 5 >6000", "", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        {21, FROM_FOREIGN, "\0\3\0\2", 516, "ERR 5", "", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        /* an error is never answered, nor is garbage */
        {22, FROM_OTHER, P("\0\5\0\1no\0"), "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        {23, FROM_OTHER, "\0\x9\0\0", 4, "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        {30, FROM_TID, "\0\3\0\2", 4, "ACK 2", "done", SIM_TFTP_DALLYING, 3 * SIM_S + 30},
    };
    struct sim_tftp_client c = start(&config);
    RUN(&c, steps);
}

Test(client, fixes_no_tid_by_an_answer_that_makes_no_sense)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_OTHER, "\0\3\0\7", 516, "", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {2, FROM_OTHER, "\0\4\0\0", 4, "", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {3, FROM_OTHER, "xy", 2, "", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {9, FROM_TID, "\0\3\0\1", 4, "ACK 1", "done", SIM_TFTP_DALLYING, 3 * SIM_S + 9},
    };
    struct sim_tftp_client c = start(&config);
    RUN(&c, steps);
}

Test(client, ends_when_the_right_tid_breaks_the_rules)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {"\0\3\0\2", 517},      /* longer than 512 */
        {"\0\4\0\1", 4},        /* an ACK to a reader */
        {"\0\1f\0octet\0", 10}, /* a request */
        {"\0\x9\0\0", 4},       /* no opcode */
        {"\0\3", 2},            /* half a header */
        {"", 0},                /* nothing */
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint8_t bytes[600] = {0};
        char out[400], events[200];
        struct sim_tftp_client c = start(&config);

        describe_output(&c, 0, out, sizeof(out));
        memcpy(bytes, "\0\3\0\1", 4);
        sim_tftp_client_recv(&c, TID, bytes, 516, 1);
        describe_events(&c, events, sizeof(events));
        describe_output(&c, 1, out, sizeof(out));
        memset(bytes, 0, sizeof(bytes));
        memcpy(bytes, rows[i].bytes, rows[i].len < 10 ? rows[i].len : 4);
        sim_tftp_client_recv(&c, TID, bytes, rows[i].len, 2);
        describe_events(&c, events, sizeof(events));
        describe_output(&c, 2, out, sizeof(out));
        cr_assert_str_eq(events, "failed SIM_EPROTO 4", "row %zu: %s", i, events);
        cr_assert_str_eq(out, "ERR 4", "row %zu: %s", i, out);
    }
}

Test(client, passes_on_what_the_server_says)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\5\0\1File not found\0"), "", "failed SIM_ENOTFOUND 1", SIM_TFTP_CLOSED,
         SIM_NEVER},
    };
    struct sim_tftp_client c = start(&config);
    RUN(&c, steps);
}

static struct sim_tftp_client_config asking(unsigned ask, uint16_t blksize, uint16_t window)
{
    struct sim_tftp_client_config with = config;
    with.ask = ask;
    with.blksize = blksize;
    with.windowsize = window;
    return with;
}

Test(client, acknowledges_an_oack_as_block_0_and_again_when_it_comes_again)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 5", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\6blksize\0001024\0tsize\0001025\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA,
         SIM_S + 1},
        {2, FROM_TID, P("\0\6blksize\0001024\0tsize\0001025\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA,
         SIM_S + 2},
        {3, FROM_TID, "\0\3\0\1", 1028, "ACK 1", "data 1024", SIM_TFTP_EXPECT_DATA, SIM_S + 3},
        {4, FROM_TID, P("\0\6blksize\0001024\0tsize\0001025\0"), "", "", SIM_TFTP_EXPECT_DATA,
         SIM_S + 3},
        {5, FROM_TID, "\0\3\0\2", 5, "ACK 2", "data 1, done", SIM_TFTP_DALLYING, 3 * SIM_S + 5},
    };
    struct sim_tftp_client_config with =
        asking(SIM_TFTP_OPTION_BLKSIZE | SIM_TFTP_OPTION_TSIZE, 1428, 1);
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, falls_back_to_the_defaults_when_the_server_ignores_its_options)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 1", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, "\0\3\0\1", 516, "ACK 1", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {2, FROM_TID, "\0\3\0\2", 4, "ACK 2", "done", SIM_TFTP_DALLYING, 3 * SIM_S + 2},
    };
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_BLKSIZE, 1428, 1);
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, refuses_with_error_8_what_it_did_not_ask_for)
{
    static const struct {
        const char *bytes;
        size_t len;
    } rows[] = {
        {P("\0\6windowsize\0002\0")},
        {P("\0\6blksize\0001429\0")},
        {P("\0\6blksize\0007\0")},
        {P("\0\6blksize\000x\0")},
        {P("\0\6timeout\0002\0")},
        {P("\0\6huge\0001\0")},
        {P("\0\6blksize\000512\0blksize\000512\0")},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct sim_tftp_client_config with =
            asking(SIM_TFTP_OPTION_BLKSIZE | SIM_TFTP_OPTION_TSIZE, 1428, 16);
        char out[400], events[200];
        if (i == 4) {
            with.ask |= SIM_TFTP_OPTION_TIMEOUT; /* asked for 1 s */
        }
        struct sim_tftp_client c = start(&with);
        describe_output(&c, 0, out, sizeof(out));
        sim_tftp_client_recv(&c, TID, (const uint8_t *)rows[i].bytes, rows[i].len, 1);
        describe_events(&c, events, sizeof(events));
        describe_output(&c, 1, out, sizeof(out));
        cr_assert_str_eq(events, "failed SIM_EPROTO 8", "row %zu: %s", i, events);
        cr_assert_str_eq(out, "ERR 8", "row %zu: %s", i, out);
    }
}

Test(client, asks_again_without_options_after_error_8)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 1", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\5\0\x8no\0"), "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S + 1},
        {2, FROM_OTHER, "\0\3\0\1", 4, "ACK 1 >6000", "done", SIM_TFTP_DALLYING, 3 * SIM_S + 2},
    };
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_BLKSIZE, 1428, 1);
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, notices_a_file_that_is_shorter_or_longer_than_promised)
{
    static const struct step shorter[] = {
        {0, TICK, NULL, 0, "RRQ 4", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\6tsize\0009\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {2, FROM_TID, "\0\3\0\1", 12, "ACK 1", "data 8, failed SIM_ESHORT -1", SIM_TFTP_CLOSED,
         SIM_NEVER},
    };
    static const struct step longer[] = {
        {0, TICK, NULL, 0, "RRQ 4", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\6tsize\0007\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {2, FROM_TID, "\0\3\0\1", 12, "ACK 1", "data 8, failed SIM_EPROTO -1", SIM_TFTP_CLOSED,
         SIM_NEVER},
    };
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_TSIZE, 512, 1);
    struct sim_tftp_client c = start(&with);
    RUN(&c, shorter);
    c = start(&with);
    RUN(&c, longer);
}

Test(client, acknowledges_a_window_at_its_end_and_a_gap_once)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 8", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\6windowsize\0004\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {2, FROM_TID, "\0\3\0\1", 516, "", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 2},
        {3, FROM_TID, "\0\3\0\2", 516, "", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 3},
        {4, FROM_TID, "\0\3\0\3", 516, "", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 4},
        {5, FROM_TID, "\0\3\0\4", 516, "ACK 4", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 5},
        /* 5 is lost: one ACK for the gap, not one for each block behind it */
        {6, FROM_TID, "\0\3\0\6", 516, "ACK 4", "", SIM_TFTP_EXPECT_DATA, SIM_S + 6},
        {7, FROM_TID, "\0\3\0\7", 516, "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 6},
        {8, FROM_TID, "\0\3\0\x8", 516, "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 6},
        /* the sender's next pass, and 5 is lost again */
        {9, FROM_TID, "\0\3\0\6", 516, "ACK 4", "", SIM_TFTP_EXPECT_DATA, SIM_S + 9},
        {10, FROM_TID, "\0\3\0\5", 516, "", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        /* far outside of the window */
        {11, FROM_TID, "\0\3\0\x11", 516, "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 10},
        {12, FROM_TID, "\0\3\0\6", 4, "ACK 6", "done", SIM_TFTP_DALLYING, 3 * SIM_S + 12},
    };
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_WINDOWSIZE, 512, 4);
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, acknowledges_the_same_gap_again_in_the_next_pass)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 8", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\6windowsize\0002\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {2, FROM_TID, "\0\3\0\2", 516, "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 2},
        {3, FROM_TID, "\0\3\0\2", 516, "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 3},
        {4, FROM_TID, "\0\3\0\1", 516, "", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 4},
    };
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_WINDOWSIZE, 512, 2);
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, says_a_windows_ack_again_only_after_a_while)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 8", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\6windowsize\0002\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {2, FROM_TID, "\0\3\0\1", 516, "", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 2},
        {3, FROM_TID, "\0\3\0\2", 516, "ACK 2", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 3},
        {4, FROM_TID, "\0\3\0\2", 516, "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 3},
        {SIM_S / 2 + 2, FROM_TID, "\0\3\0\2", 516, "", "", SIM_TFTP_EXPECT_DATA, SIM_S + 3},
        {SIM_S / 2 + 3, FROM_TID, "\0\3\0\2", 516, "ACK 2", "", SIM_TFTP_EXPECT_DATA,
         SIM_S + SIM_S / 2 + 3},
    };
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_WINDOWSIZE, 512, 2);
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

/* What is measured is the time from the ACK that broke the silence, not the silence. */
Test(client, waits_no_longer_after_a_silence_that_its_ack_ended_at_once)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 8", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, P("\0\6windowsize\0002\0"), "ACK 0", "", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {SIM_S + 1, TICK, NULL, 0, "ACK 0", "", SIM_TFTP_EXPECT_DATA, 3 * SIM_S + 1},
        {SIM_S + 2, FROM_TID, "\0\3\0\1", 516, "", "data 512", SIM_TFTP_EXPECT_DATA, 3 * SIM_S + 2},
        {3 * SIM_S + 2, TICK, NULL, 0, "ACK 1", "", SIM_TFTP_EXPECT_DATA, 5 * SIM_S + 2},
        {3 * SIM_S + 3, FROM_TID, "\0\3\0\2", 516, "", "data 512", SIM_TFTP_EXPECT_DATA,
         4 * SIM_S + 3},
    };
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_WINDOWSIZE, 512, 2);
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, ends_when_there_is_no_progress_for_stall)
{
    struct sim_tftp_client_config with = config;
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "RRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, "\0\3\0\1", 516, "ACK 1", "data 512", SIM_TFTP_EXPECT_DATA, SIM_S + 1},
        {SIM_S + 1, TICK, NULL, 0, "ACK 1", "", SIM_TFTP_EXPECT_DATA, 2 * SIM_S + 1},
        /* old blocks are no progress */
        {2 * SIM_S, FROM_TID, "\0\3\0\1", 516, "ACK 1", "", SIM_TFTP_EXPECT_DATA, 2 * SIM_S + 1},
        {2 * SIM_S + 1, TICK, NULL, 0, "ERR 0", "failed SIM_ESTALLED 0", SIM_TFTP_CLOSED,
         SIM_NEVER},
    };
    with.timing.stall = 2 * SIM_S;
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, tells_the_server_when_its_host_gives_up)
{
    struct sim_tftp_client c = start(&config);
    char out[400], events[200];
    uint8_t bytes[516] = {0, 3, 0, 1};

    describe_output(&c, 0, out, sizeof(out));
    sim_tftp_client_recv(&c, TID, bytes, sizeof(bytes), 1);
    sim_tftp_client_fail(&c, SIM_ENOSPC);
    describe_events(&c, events, sizeof(events));
    describe_output(&c, 1, out, sizeof(out));
    cr_assert_str_eq(out, "ERR 3");
    cr_assert_str_eq(events, "data 512, failed SIM_ENOSPC 3");
}

Test(client, writes_block_by_block_and_never_doubles_on_a_repeated_ack)
{
    static const struct step steps[] = {
        {0, TICK, NULL, 0, "WRQ 0", "", SIM_TFTP_EXPECT_ANSWER, SIM_S},
        {1, FROM_TID, "\0\4\0\0", 4, "BLK 1+512", "", SIM_TFTP_EXPECT_ACK, SIM_S + 1},
        {2, FROM_TID, "\0\4\0\0", 4, "", "", SIM_TFTP_EXPECT_ACK, SIM_S + 1},
        {3, FROM_TID, "\0\4\0\1", 4, "BLK 2+88", "", SIM_TFTP_EXPECT_ACK, SIM_S + 3},
        {4, FROM_TID, "\0\4\0\1", 4, "", "", SIM_TFTP_EXPECT_ACK, SIM_S + 3},
        {5, FROM_TID, "\0\4\0\7", 4, "", "", SIM_TFTP_EXPECT_ACK, SIM_S + 3},
        {SIM_S + 3, TICK, NULL, 0, "BLK 2+88", "", SIM_TFTP_EXPECT_ACK, 3 * SIM_S + 3},
        {SIM_S + 4, FROM_TID, "\0\4\0\2", 4, "", "done", SIM_TFTP_CLOSED, SIM_NEVER},
    };
    struct sim_tftp_client_config with = config;
    with.write = true;
    with.size = 600;
    struct sim_tftp_client c = start(&with);
    RUN(&c, steps);
}

Test(client, refuses_a_configuration_that_can_not_be_asked)
{
    struct sim_tftp_client c;
    struct sim_tftp_client_config with = asking(SIM_TFTP_OPTION_BLKSIZE, 7, 1);
    char name[600];

    cr_assert_eq(sim_tftp_client_init(&c, &with), SIM_EINVAL);
    with.blksize = 65465;
    cr_assert_eq(sim_tftp_client_init(&c, &with), SIM_EINVAL);
    with = asking(SIM_TFTP_OPTION_WINDOWSIZE, 512, 0);
    cr_assert_eq(sim_tftp_client_init(&c, &with), SIM_EINVAL);
    with = config;
    with.name = "";
    cr_assert_eq(sim_tftp_client_init(&c, &with), SIM_EINVAL);
    memset(name, 'n', sizeof(name));
    name[503] = '\0'; /* 2 + 503 + 1 + 6 = 512 */
    with.name = name;
    cr_assert_eq(sim_tftp_client_init(&c, &with), 0);
    name[503] = 'n';
    name[504] = '\0';
    cr_assert_eq(sim_tftp_client_init(&c, &with), SIM_EINVAL);
}
