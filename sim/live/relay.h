/* sim/live/relay.h -- the emulated line of one site: a TCP and UDP relay driven by sim/wan.
 *
 * Inside sim/live only. Phones connect to the relay's ports instead of the server's; the relay
 * dials the server (from the phone's own address when the server is on loopback, else from
 * server.sources) and releases bytes and datagrams, in both directions, when the site's one sim_wan
 * machine says so. HTTP and HTTPS pass as bytes: nothing is decrypted. */
#ifndef SIM_LIVE_RELAY_H
#define SIM_LIVE_RELAY_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/setup.h"
#include "sim/world.h"

struct live_loop;
struct live_relay;

struct live_relay_config {
    const struct sim_site_setup *site;
    uint64_t seed;        /* of the run; the WAN's stream is (seed, SIM_RNG_WAN, site->index) */
    sim_addr listen_addr; /* the site's gateway address: ports are the kernel's choice */
    sim_addr tcp_addr;    /* the real HTTP(S) server; 0: no TCP side */
    uint16_t tcp_port;
    sim_addr tcp2_addr; /* a second TCP server behind the same line (HTTPS beside HTTP); 0: none */
    uint16_t tcp2_port;
    sim_addr udp_addr; /* the real TFTP server; 0: no UDP side */
    uint16_t udp_port;
    uint32_t window_max; /* as sim_wan_config has it */
    sim_duration stall;  /* a connection whose phone has ended its side is reset when nothing has
                           moved on it for so long: the server hangs. 0: 60 s (our choice) */
    const sim_addr *sources; /* when the server is not on loopback; dealt in turn */
    size_t sources_len;
};

int live_relay_new(struct live_relay **out, struct live_loop *loop,
                   const struct live_relay_config *config);
void live_relay_free(struct live_relay *relay); /* closes all; from outside the loop's turn */

uint16_t live_relay_tcp_port(const struct live_relay *relay);  /* 0: none */
uint16_t live_relay_tcp2_port(const struct live_relay *relay); /* 0: none */
uint16_t live_relay_udp_port(const struct live_relay *relay);  /* 0: none */

/* The line carries nothing while down; nothing in flight is lost but what was on the line. */
void live_relay_set_up(struct live_relay *relay, bool up);
/* The server side is refused and what is open is reset while down. */
void live_relay_set_server(struct live_relay *relay, bool up);

/* Fills the wan_* fields that the line itself knows: bytes, up_bytes, busy, first, last, peak,
 * drops. */
void live_relay_stats(const struct live_relay *relay, struct sim_site_stats *out);

/* How far the relay kept up with its machine, for validity: the worst second in which the line was
 * busy throughout; 1.0 is perfect. Bytes delivered over bytes due. */
double live_relay_worst_second(const struct live_relay *relay);

#endif /* SIM_LIVE_RELAY_H */
