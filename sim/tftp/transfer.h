/* sim/tftp/transfer.h -- the data phase of a TFTP transfer, as a machine without I/O: what client
 * and server share.
 *
 * One end sends blocks and waits for ACKs (RRQ: the server; WRQ: the client), the other takes
 * blocks and sends ACKs. client.c and server.c begin a transfer and then hand everything to this
 * one. A host feeds it and then drains it, in this order, each time anything happens:
 *
 *     sim_tftp_client_recv() or _tick()          something happened, and when
 *     sim_tftp_client_take_event()   until false data that came, and how it ended
 *     sim_tftp_client_take_output()  until false what to put on the wire
 *     sim_tftp_client_deadline()     once        when to call tick next
 *
 * No data is held: a block to be sent is named (number, offset, size) and the host reads it from
 * its source at that moment; data that came is borrowed from the input. A machine is about 300
 * bytes. `now` must not run backwards.
 *
 * Choices of ours, where the RFCs leave some:
 *
 *  - Block numbers wrap from 65535 to 0 when sending; a receiver takes 0 or 1. With windows a 1 is
 *    believed only after SIM_TFTP_WRAP_PROOF windows in which 0 never came first, since it may be
 *    the block behind a lost 0.
 *  - Waiting: the configured time-out, or twice the smoothed time that answers take when that is
 *    more; doubled by every silence up to four times; an answer to something sent twice measures
 *    nothing (Karn) and keeps the doubling.
 *  - An ACK of nothing new never makes a lock-step sender send (Sorcerer's Apprentice). With a
 *    window it means that the window's first block was lost, so it restarts the window, but at most
 *    once in a quarter of the time-out: a network that duplicates ACKs can't double the traffic.
 *  - A receiver answers an old block only if it is the last one it took; with windows not twice
 *    within half a second, or half its time-out.
 *  - A gap is acknowledged once per pass of the sender over its window, not once per block behind
 *    the gap.
 *  - Packets from strangers get error 5 and change nothing; an ERROR is never answered. A malformed
 *    or illegal packet from the right TID ends the transfer with error 4. */
#ifndef SIM_TFTP_TRANSFER_H
#define SIM_TFTP_TRANSFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/tftp/packet.h"
#include "sim/time.h"

enum {
    SIM_TFTP_WRAP_PROOF = 4,  /* windows, see above */
    SIM_TFTP_BACKOFF_MAX = 4, /* times the time-out */
};

#define SIM_TFTP_STATES(X)                                                                         \
    X(IDLE)          /* to be started */                                                           \
    X(EXPECT_ANSWER) /* client: the first answer to its request */                                 \
    X(EXPECT_ACK)    /* sender */                                                                  \
    X(EXPECT_DATA)   /* receiver */                                                                \
    X(DALLYING)      /* receiver: has all; says so again if the last ACK was lost */               \
    X(CLOSED)        /* nothing more; terminal */

enum sim_tftp_state {
#define X(name) SIM_TFTP_##name,
    SIM_TFTP_STATES(X)
#undef X
};

enum sim_tftp_output_kind {
    SIM_TFTP_PACKET, /* `len` bytes are in the buffer */
    SIM_TFTP_BLOCK,  /* the host builds DATA: `number`, then `size` bytes from `offset` on */
};

struct sim_tftp_output {
    enum sim_tftp_output_kind kind;
    struct sim_tftp_peer to; /* the other end, or a stranger */
    size_t len;
    uint16_t number; /* as it stands in the header */
    uint16_t size;   /* bytes, 0..blksize */
    uint64_t offset; /* bytes */
    bool again;      /* this block was sent before */
};

enum sim_tftp_event_kind {
    SIM_TFTP_EVENT_DATA,   /* the next bytes of the file; borrowed from recv's input */
    SIM_TFTP_EVENT_DONE,   /* all came, or all was acknowledged. The last one */
    SIM_TFTP_EVENT_FAILED, /* `status` and `code` say why. The last one */
};

struct sim_tftp_event {
    enum sim_tftp_event_kind kind;
    const uint8_t
        *bytes; /* DATA; FAILED by an ERROR packet: its text, borrowed from recv's input */
    size_t len;
    int status;       /* FAILED: SIM_E* */
    int code;         /* FAILED: TFTP code received or sent; SIM_TFTP_CODE_NONE */
    bool from_peer;   /* FAILED: the other end said so */
    const char *text; /* FAILED by ourselves: why, static; NULL else */
};

/* What goes out before block 1 can come in. */
enum sim_tftp_first {
    SIM_TFTP_FIRST_NOTHING,
    SIM_TFTP_FIRST_ACK,  /* of block 0 */
    SIM_TFTP_FIRST_OACK, /* the caller's */
};

/* What a transfer is tuned by. */
struct sim_tftp_timing {
    sim_duration timeout; /* before something is sent again, at first; > 0 */
    uint32_t tries;       /* times that the same thing is sent before giving up; > 0 */
    sim_duration stall;   /* no progress for so long ends the transfer; SIM_NEVER */
    sim_duration dally;   /* DALLYING lasts so long; 0: not at all */
};

/* Fields are private to sim/tftp. */
struct sim_tftp_transfer {
    struct sim_tftp_peer peer;     /* the other end; port 0 while the server's TID is not known */
    struct sim_tftp_peer stranger; /* port 0: none waits for its error */
    struct sim_tftp_timing timing;
    enum sim_tftp_state state;
    bool sends;
    bool oack;        /* server: its OACK stands for block 0 and was not answered yet */
    uint8_t pending;  /* what waits to be taken: bits of transfer.c */
    uint16_t blksize; /* bytes, in force */
    uint16_t window;  /* blocks, in force */
    sim_time now;
    sim_time deadline; /* of the next tick that matters */
    sim_time stall_at;

    /* patience */
    sim_time sent_at;   /* when the thing that waits for an answer was first sent */
    sim_duration wait;  /* at present */
    sim_duration srtt;  /* smoothed time of answers; 0: none seen */
    uint32_t tries;     /* times sent since the last progress */
    uint32_t resends;   /* deadlines that passed, over the whole transfer */
    sim_time restarted; /* last restart by an ACK of nothing new; SIM_NEVER: never */

    uint64_t base;   /* sender: blocks acknowledged; receiver: blocks taken */
    uint64_t next;   /* sender: the block to send next */
    uint64_t top;    /* sender: highest block ever sent */
    uint64_t blocks; /* sender: blocks of the file, the last short one counted */
    uint64_t size;   /* sender: bytes; receiver: as promised by tsize, or SIM_TFTP_SIZE_UNKNOWN */
    uint64_t bytes;  /* receiver: taken */
    uint32_t in_window; /* receiver: blocks taken since its last ACK */
    uint16_t gap;       /* receiver: how far ahead the last stray block was; 0: none */
    uint8_t wrap;       /* receiver: 0 or 1: what follows 65535; 2: not known yet */
    uint8_t wrap_proof;

    uint8_t events; /* what waits to be taken: bits */
    int status, code;
    bool from_peer;
    const char *text;
    const uint8_t *data; /* borrowed */
    size_t data_len;
};

/* Prepares an IDLE transfer. */
void sim_tftp_transfer_init(struct sim_tftp_transfer *t, const struct sim_tftp_timing *timing);
/* IDLE or EXPECT_ANSWER -> EXPECT_ACK; blocks of `size` bytes can be taken at once. With `oack` the
 * caller's OACK goes first and must be acknowledged as block 0. */
void sim_tftp_transfer_start_sending(struct sim_tftp_transfer *t, uint64_t size, bool oack,
                                     sim_time now);
/* IDLE or EXPECT_ANSWER -> EXPECT_DATA. `size`: as promised, or SIM_TFTP_SIZE_UNKNOWN. */
void sim_tftp_transfer_start_receiving(struct sim_tftp_transfer *t, uint64_t size,
                                       enum sim_tftp_first first, sim_time now);
/* A request or an OACK is to be sent (again), by the caller's take_output. */
void sim_tftp_transfer_ask(struct sim_tftp_transfer *t, enum sim_tftp_state state, sim_time now);
/* Takes the note that sim_tftp_transfer_ask(), or a time-out after it, left. True once. */
bool sim_tftp_transfer_take_ask(struct sim_tftp_transfer *t, sim_time now);
/* A datagram from the right TID in EXPECT_ACK, EXPECT_DATA or DALLYING. */
void sim_tftp_transfer_recv(struct sim_tftp_transfer *t, const struct sim_tftp_packet *packet,
                            sim_time now);
/* The other end repeats what we answered already: a receiver says its last ACK again. */
void sim_tftp_transfer_again(struct sim_tftp_transfer *t, sim_time now);
/* A datagram from anyone else. */
void sim_tftp_transfer_stranger(struct sim_tftp_transfer *t, struct sim_tftp_peer from,
                                const uint8_t *bytes, size_t len);
void sim_tftp_transfer_tick(struct sim_tftp_transfer *t, sim_time now);
/* Ends it: FAILED with `status`; `code` is sent to the other end unless it is SIM_TFTP_CODE_NONE.
 * `text` is static. */
void sim_tftp_transfer_fail(struct sim_tftp_transfer *t, int status, enum sim_tftp_code code,
                            const char *text);
/* Ends it: the other end said so. */
void sim_tftp_transfer_fail_by_peer(struct sim_tftp_transfer *t,
                                    const struct sim_tftp_packet *packet);
bool sim_tftp_transfer_take_event(struct sim_tftp_transfer *t, struct sim_tftp_event *event);
bool sim_tftp_transfer_take_output(struct sim_tftp_transfer *t, sim_time now,
                                   uint8_t buffer[SIM_TFTP_CONTROL_MAX],
                                   struct sim_tftp_output *out);
/* The host kept an output that it took back until `now` (a pacer): waiting counts from now on. */
void sim_tftp_transfer_delayed(struct sim_tftp_transfer *t, sim_time now);

const char *sim_tftp_state_name(enum sim_tftp_state state); /* static, "EXPECT_ACK" */

#endif /* SIM_TFTP_TRANSFER_H */
