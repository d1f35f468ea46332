/* tests/world/lab_inside.h -- what the files of the lab share; nobody else includes it. */
#ifndef TESTS_WORLD_LAB_INSIDE_H
#define TESTS_WORLD_LAB_INSIDE_H

#include "tests/world/lab.h"

enum {
    BODY_PIECES = 6,       /* a body or fetch arrives in so many pieces */
    INPUT_MAX = 64 * 1024, /* bytes kept for a node that does not consume */
    DIAL_LIMIT_S = 10,
    STALL_S = 90, /* a fetch without progress ends with SIM_ESTALLED */
};

enum kind { EV_ALARM, EV_DATAGRAM, EV_ACCEPT, EV_OPENED, EV_PIECE, EV_TELL_CLOSED, EV_FETCH };

struct event {
    sim_time at;
    uint64_t seq;
    enum kind kind;
    sim_node node;
    uint64_t a; /* stream, fetch, alarm's number */
    int why;
    uint8_t *bytes;
    size_t len;
    sim_addr from;
    bool broadcast;
};

struct node {
    uint32_t site;
    sim_addr addr;
    const struct sim_node_ops *ops;
    void *self;
    struct sim_rng rng;
    uint32_t group;
    bool listening, down, silent, corrupt, finished;
    uint64_t alarm; /* number of the latest alarm; older events are void */
    uint64_t dials;
    unsigned sending; /* bodies under way */
    uint32_t life;    /* times it went down */
};

/* A piece of what waits to be carried in one direction. */
struct piece {
    struct piece *next;
    uint8_t *bytes;
    size_t len;
    sim_file from;      /* of a body */
    bool body_end, end; /* last of a body; end of the stream */
};

struct end { /* one end of a connection, and what flows towards it */
    sim_node node;
    uint32_t life; /* of the node when it opened */
    bool open;     /* the node knows it and has not closed it */
    uint64_t tag;
    struct piece *first, **last; /* towards this end */
    bool moving;                 /* an EV_PIECE is scheduled */
    sim_time clear_at;           /* no piece arrives before */
    uint8_t *input;
    size_t input_len;
    sim_file body_file;
    uint64_t body_left, body_got, notify_every, notify_at;
    bool in_body;
};

struct conn {
    struct end ends[2]; /* 0: the dialer */
};

struct file {
    sim_node node;
    uint8_t *bytes;
    size_t size, cap;
    bool live, sealed;
};

struct fetch {
    sim_node node;
    uint32_t life;
    bool live, stalled;
    sim_file file;
    char *path;
    uint64_t got, total;
    uint64_t notify_every, notify_at;
};

struct lab {
    struct sim_world base;
    struct lab_config config;
    sim_time now;
    uint64_t seq;
    struct event *heap;
    size_t heap_len, heap_cap;
    struct node *nodes;
    size_t nodes_len, nodes_cap;
    struct conn *conns;
    size_t conns_len, conns_cap;
    struct file *files;
    size_t files_len, files_cap;
    struct fetch *fetches;
    size_t fetches_len, fetches_cap;
    size_t unfinished;
    struct sim_rng rng;
    struct lab_counts counts;
    uint64_t hash;
    int server_status;
    char server_reason[SIM_WORLD_REASON_MAX];
    bool server_down, server_stalls, server_corrupts;
    sim_stream reading; /* stream whose node is in stream_input */
};

#define GROW(array, len, cap)                                                                      \
    do {                                                                                           \
        if ((len) == (cap)) {                                                                      \
            (cap) = (cap) == 0 ? 16 : (cap)*2;                                                     \
            (array) = realloc((array), (cap) * sizeof(*(array)));                                  \
            assert((array) != NULL);                                                               \
        }                                                                                          \
    } while (0)

static inline struct lab *lab_of(struct sim_world *w)
{
    return (struct lab *)w;
}

/* See lab.c and lab_stream.c. */
sim_stream lab_handle_of(size_t conn, unsigned side);
struct end *lab_end_of(const struct lab *l, sim_stream s);
struct end *lab_other_of(const struct lab *l, sim_stream s);
sim_stream lab_other_handle(sim_stream s);
unsigned lab_drop_pieces(struct end *e);
void lab_move(struct lab *l, sim_stream to);
void lab_tell_closed(struct lab *l, sim_stream s, int why, sim_duration after);
void lab_arrive(struct lab *l, sim_stream to);
void lab_accept_dial(struct lab *l, sim_stream s);
void lab_close_end(struct lab *l, sim_stream s, int why);
void lab_feed(struct lab *l, sim_stream s, const uint8_t *bytes, size_t len);
int lab_op_dial(struct sim_world *w, sim_node node, sim_addr to, sim_stream *out);
int lab_op_stream_send(struct sim_world *w, sim_stream s, const void *bytes, size_t len);
int lab_op_stream_send_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t offset,
                            uint64_t len);
int lab_op_receive_body(struct sim_world *w, sim_stream s, sim_file file, uint64_t len,
                        uint64_t notify_every);
void lab_op_stream_close(struct sim_world *w, sim_stream s);
void lab_op_set_tag(struct sim_world *w, sim_stream s, uint64_t tag);
uint64_t lab_op_tag(struct sim_world *w, sim_stream s);
void lab_push(struct lab *l, struct event ev);
bool lab_reaches(const struct lab *l, sim_node a, sim_node b);
sim_node lab_find_node(const struct lab *l, uint32_t site, sim_addr addr);
void lab_append(struct file *f, const uint8_t *bytes, size_t len);

#endif /* TESTS_WORLD_LAB_INSIDE_H */
