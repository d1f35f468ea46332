/* sim/virtual/fluid_line.h -- a fluid line as a request sees it: its rates, what bytes become on
 * it, how long TCP's start-up leaves it idle, what a flow may have at most. way_fluid.c moves
 * requests over it. Nobody else includes this. Pure but for reading the fluid's present share. */
#ifndef SIM_VIRTUAL_FLUID_LINE_H
#define SIM_VIRTUAL_FLUID_LINE_H

#include "sim/virtual/inner.h"

enum {
    FLUID_INITIAL_WINDOW = 10, /* segments that TCP sends at first (RFC 6928) */
    FLUID_RESTART_WINDOW = 1,  /* after a retransmission timeout (RFC 5681) */
    FLUID_WINDOW_MAX = SIM_WAN_WINDOW / SIM_LINE_SEGMENT, /* segments that a receiver takes */
    FLUID_ACK = SIM_LINE_SEGMENT_HEAD,                    /* bytes of an ACK, without framing */
};

/* Between a site's nodes and a server: the site's line, or the LAN. */
struct virtual_line {
    struct sim_fluid *fluid; /* NULL: nothing limits it */
    uint32_t site;
    uint32_t framing;
    uint64_t down, up; /* bit/s; SIM_RATE_NONE */
    sim_duration rtt;
    sim_duration syn;     /* a SYN reaches the server after so long */
    sim_duration connect; /* its answer is back */
    sim_duration full;    /* a full segment takes so long to send down, alone */
    sim_duration ack;     /* an ACK to send up */
    uint64_t tcp_cap;     /* bit/s: the receive window in a round trip, and the phone's port */
};

/* A TFTP transfer's shape: full blocks and a short one, which may be empty (RFC 1350). */
struct virtual_blocks {
    uint64_t count, windows;
    uint64_t window;          /* blocks in a window; fewer in the last one */
    uint64_t full, last;      /* bytes on the line of a full block, and of the last one */
    uint64_t ack;             /* of an ACK */
    uint64_t last_window_len; /* blocks in it */
};

/* Makes v->lines. 0 or SIM_ENOMEM. */
int virtual_lines_init(struct sim_virtual *v);
/* Of a site whose line varies: brings its line and its fluid to the present rate. */
void virtual_line_look(struct sim_virtual *v, uint32_t site);
static inline void virtual_line_see(struct sim_virtual *v, uint32_t site)
{
    if (v->sites[site].varies) {
        virtual_line_look(v, site);
    }
}
/* What the flows of a line of this rate get together (struct sim_fluid_setup). */
uint64_t virtual_line_goodput(const struct sim_virtual *v, uint64_t bit_s);
static inline const struct virtual_line *virtual_line_of(const struct sim_virtual *v,
                                                         const struct virtual_fetch *f)
{
    return &v->lines[2 * v->nodes[f->node].site + f->place];
}
/* How long so many bytes take; 0 without a rate. sim_time_of_bytes() with a quick way for what is
 * not huge. */
static inline sim_duration virtual_line_time(uint64_t bytes, uint64_t bit_s)
{
    if (bit_s == SIM_RATE_NONE) {
        return 0;
    }
    if (bytes < (UINT64_C(1) << 31) && bit_s < (UINT64_C(1) << 60)) {
        return (bytes * 8 * SIM_S + (bit_s - 1)) / bit_s;
    }
    return sim_time_of_bytes(bytes, bit_s);
}
/* Bytes on the line of a datagram with so much payload, of a stream of so many bytes. */
uint64_t virtual_line_datagram(const struct virtual_line *line, uint64_t payload);
uint64_t virtual_line_segments(uint64_t stream);
uint64_t virtual_line_stream(const struct virtual_line *line, uint64_t stream);
/* What an answer's bytes are beside the body: the head, and TLS around both. */
uint64_t virtual_line_head(const struct virtual_fetch *f);
struct virtual_blocks virtual_line_blocks(const struct sim_virtual *v,
                                          const struct virtual_fetch *f,
                                          const struct virtual_line *line);
/* How long the line will be without a segment of this connection while its window opens from
 * f->window on, which becomes the window that it ends with. */
sim_duration virtual_line_start_up(const struct sim_virtual *v, struct virtual_fetch *f,
                                   const struct virtual_line *line, uint64_t segments);
/* Segments that the site's line and its queue hold. */
uint32_t virtual_line_pipe(const struct sim_site_setup *setup);
/* Line bytes that a flow of `line_bytes` takes over from another one of its line that has `left` to
 * go (or gives to it, below 0), since TCP shares unevenly. See fluid_line.c. */
int64_t virtual_line_trade(struct sim_virtual *v, const struct virtual_line *line,
                           uint64_t line_bytes, uint64_t left);
/* The rate at which TFTP's windows take their round trips and sendings, and its blocks `packet`
 * each; SIM_FLUID_NO_LIMIT when nothing makes them wait. */
uint64_t virtual_line_lock_step(const struct virtual_line *line, const struct virtual_blocks *b,
                                uint64_t line_bytes, sim_duration packet);

#endif /* SIM_VIRTUAL_FLUID_LINE_H */
