/* sim/tap/world.h -- a world around another one, which passes everything on and tells a tap what a
 * capture on the site's LAN would have seen.
 *
 * It stands at the seam (sim/world.h), so it is the same for sim/live and sim/virtual, costs
 * nothing when it is not there, and changes nothing in a run: the same calls and notices in the
 * same order, the same events and hash of a virtual run.
 *
 * What is real: every datagram, broadcast and message between phones, byte by byte, at the instant
 * it was sent; the connections and their ends; how much of a body had come when. Where the world
 * has sockets (sim/wire.h) also what passes between phones and servers: the text of requests and
 * answers, heads of TLS records, TFTP's packets, ports. What is drawn: TCP's segments (sequence
 * numbers, acknowledgements, no losses and no repetitions), cut as a host with segmentation offload
 * shows them, and where there are no sockets HTTP's texts, TLS, and TFTP's packets unless the world
 * has them. Bodies keep their first bytes only. Captured at the phone: what it sends when it sends
 * it, what the server sends when it has arrived. Not here: Ethernet, IP, files. */
#ifndef SIM_TAP_WORLD_H
#define SIM_TAP_WORLD_H

#include "sim/content.h"
#include "sim/tap.h"
#include "sim/wire.h"
#include "sim/world.h"

enum {
    SIM_TAP_HOST_MAX = 256,
    SIM_TAP_BODY_BYTES = 16, /* of a body's segment that are kept; our choice */
};

/* The server as phones know it. */
struct sim_tap_server {
    sim_addr addr;
    char host[SIM_TAP_HOST_MAX];   /* of the Host header, with its port where it says one */
    char base[SIM_WORLD_PATH_MAX]; /* in front of every path; "" or "folder/" */
    uint16_t http_port, https_port, tftp_port;
};

struct sim_tap_config {
    struct sim_tap tap;
    unsigned lane;
    struct sim_world *world;            /* the one around which it stands */
    const struct sim_site_setup *sites; /* sites first_site.. of the run; borrowed */
    uint32_t first_site, sites_len;
    const struct sim_server_setup *server;
    struct sim_tap_server wan_server;
    const struct sim_catalog *catalog; /* first bytes of bodies; NULL: zeros */
    const char *user_agent;
    uint16_t peer_port;
    sim_node node_offset; /* added to the world's numbers of nodes */
    /* Live: progress of bodies between phones is asked for by notices that nodes do not hear of.
     * Virtual: by sim_tap_world_sample(), which changes nothing in the run. */
    bool asks_progress;
    bool has_tftp; /* the world tells of TFTP itself: sim_tap_world_tftp() */
    bool has_wire; /* it tells of all that passes to and from servers: sim_tap_world_wire() */
};

struct sim_tap_world;

/* 0 or SIM_ENOMEM. */
int sim_tap_world_new(struct sim_tap_world **out, const struct sim_tap_config *config);
/* For the next group of sites: forgets all nodes. 0 or SIM_ENOMEM; may be asked for a group's end
 * first. */
int sim_tap_world_restart(struct sim_tap_world *t, const struct sim_tap_config *config);
void sim_tap_world_free(struct sim_tap_world *t); /* NULL is fine */
/* Where nodes live. */
struct sim_world *sim_tap_world(struct sim_tap_world *t);
/* Now and then, from the run's own thread: what has moved so far. */
void sim_tap_world_sample(struct sim_tap_world *t);
/* The run, or the group, has ended: what is under way is told as far as it went. */
void sim_tap_world_end(struct sim_tap_world *t, sim_time now);
/* Out of memory somewhere: packets are missing. */
bool sim_tap_world_failed(const struct sim_tap_world *t);

/* A datagram between a phone and the TFTP server, as the world moved it. `transfer`: a number that
 * both ways of one transfer share. `bytes`: the first of `len`, an opcode at least. */
void sim_tap_world_tftp(struct sim_tap_world *t, sim_node node, uint64_t transfer, bool up,
                        const uint8_t *bytes, size_t bytes_len, size_t len);
/* What a phone's socket saw. */
void sim_tap_world_wire(struct sim_tap_world *t, const struct sim_wire_event *event);

#endif /* SIM_TAP_WORLD_H */
