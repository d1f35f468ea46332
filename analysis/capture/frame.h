/* analysis/capture/frame.h -- one packet as an Ethernet frame. Pure bytes: no file, no run. */
#ifndef ANALYSIS_CAPTURE_FRAME_H
#define ANALYSIS_CAPTURE_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "sim/tap.h"

enum {
    ANALYSIS_FRAME_HEAD_MAX = 14 + 20 + 40, /* Ethernet, IPv4, TCP with a SYN's options */
    ANALYSIS_FRAME_PAYLOAD_MAX = 8 * 1024,  /* bytes of payload that are kept; our choice */
    ANALYSIS_FRAME_MAX = ANALYSIS_FRAME_HEAD_MAX + ANALYSIS_FRAME_PAYLOAD_MAX,
};

/* Writes the frame of `packet`; `macs`: sender's and receiver's hardware addresses, 48 bits; `id`:
 * of the IP packet. Returns the bytes written; `*original`: how long the frame was on the wire. */
size_t analysis_frame_write(uint8_t out[ANALYSIS_FRAME_MAX], const struct sim_packet *packet,
                            const uint64_t macs[2], uint16_t id, uint32_t *original);

#endif /* ANALYSIS_CAPTURE_FRAME_H */
