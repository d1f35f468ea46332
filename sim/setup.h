/* sim/setup.h -- what a world is made from: its sites, lines and server. Plain values, no
 * behaviour.
 *
 * scenarios/ fills these from the JSON file; both worlds read them. Strings are borrowed from the
 * scenario, which outlives every world. */
#ifndef SIM_SETUP_H
#define SIM_SETUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/capacity.h"
#include "sim/time.h"

#define SIM_RATE_NONE UINT64_C(0) /* not limited */

enum sim_queue_kind {
    SIM_QUEUE_PACKETS,
    SIM_QUEUE_BYTES,
    SIM_QUEUE_TIME, /* ns of sending at the line's rate */
};

struct sim_queue_limit {
    enum sim_queue_kind kind;
    uint64_t limit; /* waiting packets, bytes or ns; >= 1 */
};

/* A rate that changes over time; borrowed. Both NULL: it does not. */
struct sim_wan_rate {
    const struct sim_capacity *exact;
    const struct sim_capacity *binned; /* with few changes, for the fluid network */
};

/* The line between a site and the server. "Down" is towards the site. */
struct sim_wan_setup {
    bool none;                    /* no line: phones reach the server directly */
    uint64_t down_bit_s;          /* bits a second, > 0; of one that changes: its mean */
    uint64_t up_bit_s;            /* bits a second, > 0 */
    struct sim_wan_rate down, up; /* how they change over time */
    sim_duration rtt;             /* half of it each way */
    struct sim_queue_limit queue; /* each direction has one of its own; drop-tail */
    uint32_t loss_ppm;            /* per packet towards the site, in millionths */
    uint32_t framing;             /* bytes added to every IP packet on the line */
};

struct sim_lan_setup {
    uint64_t rate_bit_s;  /* of a phone's port, each way; SIM_RATE_NONE: not paced */
    sim_duration latency; /* one way per port: phone to phone takes twice that */
    uint32_t loss_ppm;    /* datagrams only */
};

struct sim_site_setup {
    const char *name;       /* "branch", or "branch#2" when there are copies */
    const char *class_name; /* the name in the scenario: "branch" */
    uint32_t index;         /* number of the site in the whole scenario: seeds its chance */
    sim_addr base;   /* first address of its block; .0.1 of it is the gateway (the WAN relay) */
    uint8_t bits;    /* prefix length of the block */
    uint32_t phones; /* nodes that will be added */
    uint32_t alone;  /* of these, phones that never share: each fetches all from the server */
    struct sim_wan_setup wan;
    struct sim_lan_setup lan;
};

enum sim_protocol {
    SIM_PROTOCOL_TFTP,
    SIM_PROTOCOL_HTTP,
    SIM_PROTOCOL_HTTPS,
};

enum sim_overflow {
    SIM_OVERFLOW_REFUSE, /* TFTP error 0 "busy", HTTP 503 */
    SIM_OVERFLOW_QUEUE,  /* the request waits for a place */
};

enum {
    SIM_PROTOCOLS_MAX = 3,
    SIM_SOURCES_MAX = 64,
    SIM_ALLOW_MAX = 64,
};

struct sim_server_setup {
    const char *url;        /* NULL: the embedded server */
    bool keep_alive;        /* false: a new TCP connection for every file */
    uint16_t block_size;    /* TFTP blksize asked for, 8..65464; 512 asks for none (RFC 2348) */
    uint16_t window;        /* TFTP windowsize asked for, 1..65535; 1 asks for none (RFC 7440) */
    sim_duration timeout;   /* TFTP: per datagram; HTTP: before a failed request is tried again */
    uint32_t retries;       /* times that a datagram or request is sent again */
    sim_duration stall;     /* a transfer fails after this long without progress */
    uint64_t uplink_bit_s;  /* of the server, all sites together; SIM_RATE_NONE */
    uint32_t max_transfers; /* 0: no limit */
    enum sim_overflow overflow;
    sim_duration response_time; /* before the first byte of an answer */
    uint16_t port;              /* embedded HTTP(S); 0: the kernel chooses */
    uint16_t tftp_port;         /* embedded TFTP; 0: the kernel chooses */
    const char *tls_ca_file; /* NULL: the system's store (embedded server: its own certificate) */
    bool tls_verify;
    const char *credentials_env;       /* variable that holds "user:password"; NULL */
    sim_addr sources[SIM_SOURCES_MAX]; /* addresses of this host that a relay dials from */
    size_t sources_len;
    struct sim_cidr allow[SIM_ALLOW_MAX]; /* targets allowed beyond loopback and private ranges */
    size_t allow_len;
};

/* The constants of the fluid network, for fitting it to a real line (pfsim calibrate). All zero:
 * as it is without them. */
struct sim_fluid_setup {
    uint32_t goodput_ppm;     /* of a line's rate, what flows get together; 0: all of it */
    sim_duration startup;     /* TCP, once an answer over a line, before its first byte */
    sim_duration tftp_packet; /* TFTP, once a block over a line: what its two ends take for it */
};

#endif /* SIM_SETUP_H */
