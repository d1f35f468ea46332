/* sim/line.h -- what a body becomes on a line: bytes of segments and of the headers around them.
 *
 * The one home of these numbers; the contract's wan.bytes counts with them. Not here: a line's own
 * framing (struct sim_wan_setup), which comes on top. */
#ifndef SIM_LINE_H
#define SIM_LINE_H

enum {
    SIM_LINE_MTU = 1500,     /* bytes of the largest IP packet: Ethernet's */
    SIM_LINE_IP = 20,        /* an IPv4 header without options (RFC 791) */
    SIM_LINE_TCP = 32,       /* TCP's (RFC 9293) with timestamps (RFC 7323), padded */
    SIM_LINE_UDP = 8,        /* RFC 768 */
    SIM_LINE_TFTP = 4,       /* opcode and block number (RFC 1350) */
    SIM_LINE_SEGMENT = 1448, /* payload of a full segment: MTU - IP - TCP */
    SIM_LINE_SEGMENT_HEAD = SIM_LINE_IP + SIM_LINE_TCP,
    SIM_LINE_DATAGRAM_HEAD = SIM_LINE_IP + SIM_LINE_UDP,
};

#endif /* SIM_LINE_H */
