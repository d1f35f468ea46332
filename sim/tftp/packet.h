/* sim/tftp/packet.h -- TFTP packets: bytes in, a struct out, and back. Pure.
 *
 * RFC 1350 (packets, modes, error codes), 2347 (options, OACK), 2348 (blksize), 2349 (timeout,
 * tsize), 7440 (windowsize). Decoding points into the bytes it was given and copies nothing. What a
 * packet means in a transfer, and whether an option's value is acceptable there, is the business of
 * client.c and server.c. */
#ifndef SIM_TFTP_PACKET_H
#define SIM_TFTP_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/addr.h"

enum {
    SIM_TFTP_PORT = 69,         /* RFC 1350 4 */
    SIM_TFTP_HEADER = 4,        /* bytes of opcode and block number before the data, RFC 1350 5 */
    SIM_TFTP_REQUEST_MAX = 512, /* bytes of a request with its options, RFC 2347 */
    SIM_TFTP_CONTROL_MAX = 640, /* bytes of any packet that is not DATA, as we build them */
    SIM_TFTP_BLKSIZE_DEFAULT = 512,  /* bytes, RFC 1350 */
    SIM_TFTP_BLKSIZE_MIN = 8,        /* RFC 2348 */
    SIM_TFTP_BLKSIZE_MAX = 65464,    /* RFC 2348 */
    SIM_TFTP_WINDOWSIZE_MAX = 65535, /* blocks, RFC 7440 */
    SIM_TFTP_TIMEOUT_MAX = 255,      /* seconds, RFC 2349 */
    SIM_TFTP_TEXT_MAX = 128, /* bytes of an error's text, NUL included, that we show; our choice */
};

#define SIM_TFTP_SIZE_UNKNOWN UINT64_MAX

enum sim_tftp_opcode {
    SIM_TFTP_RRQ = 1,
    SIM_TFTP_WRQ = 2,
    SIM_TFTP_DATA = 3,
    SIM_TFTP_ACK = 4,
    SIM_TFTP_ERROR = 5,
    SIM_TFTP_OACK = 6,
};

/* RFC 1350 appendix, RFC 2347 for 8. Other numbers may come in. */
enum sim_tftp_code {
    SIM_TFTP_CODE_NONE = -1, /* no error packet was seen or sent */
    SIM_TFTP_CODE_UNDEFINED = 0,
    SIM_TFTP_CODE_NOT_FOUND = 1,
    SIM_TFTP_CODE_ACCESS = 2,
    SIM_TFTP_CODE_DISK_FULL = 3,
    SIM_TFTP_CODE_ILLEGAL = 4,
    SIM_TFTP_CODE_UNKNOWN_TID = 5,
    SIM_TFTP_CODE_EXISTS = 6,
    SIM_TFTP_CODE_NO_USER = 7,
    SIM_TFTP_CODE_OPTION = 8,
};

enum sim_tftp_mode {
    SIM_TFTP_MODE_OCTET,
    SIM_TFTP_MODE_NETASCII,
    SIM_TFTP_MODE_MAIL,
    SIM_TFTP_MODE_UNKNOWN,
};

/* Options as bits, for masks. */
enum sim_tftp_option {
    SIM_TFTP_OPTION_BLKSIZE = 1,
    SIM_TFTP_OPTION_TIMEOUT = 2,
    SIM_TFTP_OPTION_TSIZE = 4,
    SIM_TFTP_OPTION_WINDOWSIZE = 8,
    SIM_TFTP_OPTION_OTHER = 16, /* a name that we do not know */
};

/* One end of a transfer: its address and its TID, the UDP port. */
struct sim_tftp_peer {
    sim_addr addr; /* host byte order */
    uint16_t port;
};

static inline bool sim_tftp_peer_equal(struct sim_tftp_peer a, struct sim_tftp_peer b)
{
    return a.addr == b.addr && a.port == b.port;
}

/* A value is valid when its bit is in `given` and not in `invalid`. */
struct sim_tftp_options {
    unsigned given;      /* mask of enum sim_tftp_option: the names that were there */
    unsigned invalid;    /* mask: no decimal number, or less than the least legal value */
    unsigned repeated;   /* mask: named twice, which RFC 2347 forbids; the first value is kept */
    uint32_t blksize;    /* bytes; may exceed 65464; UINT32_MAX for anything larger than that */
    uint32_t timeout;    /* seconds; may exceed 255 */
    uint32_t windowsize; /* blocks; may exceed 65535 */
    uint64_t tsize;      /* bytes */
};

/* Only the fields of its opcode are set. Pointers lead into the bytes decoded. */
struct sim_tftp_packet {
    enum sim_tftp_opcode opcode;
    const char *name; /* RRQ, WRQ: file name, NUL-terminated, at least one byte */
    enum sim_tftp_mode mode;
    struct sim_tftp_options options; /* RRQ, WRQ, OACK */
    uint16_t block;                  /* DATA, ACK */
    const uint8_t *data;             /* DATA; ERROR: the text as it came, not NUL-terminated */
    size_t data_len;
    uint16_t code; /* ERROR */
};

/* 0, or SIM_EPROTO: too short, no known opcode, strings without their NUL, an option without its
 * value, an empty file name. Bytes behind an ACK are an error too. An ERROR's text may lack its
 * NUL. */
int sim_tftp_packet_decode(struct sim_tftp_packet *packet, const uint8_t *bytes, size_t len);

/* Builders. Each returns the packet's length. */
size_t sim_tftp_packet_ack(uint8_t out[SIM_TFTP_CONTROL_MAX], uint16_t block);
/* `text` is cut to what fits. */
size_t sim_tftp_packet_error(uint8_t out[SIM_TFTP_CONTROL_MAX], enum sim_tftp_code code,
                             const char *text);
/* Writes the options of `options->given`, without those unknown. */
size_t sim_tftp_packet_oack(uint8_t out[SIM_TFTP_CONTROL_MAX],
                            const struct sim_tftp_options *options);
/* Mode octet. 0 when it would be longer than SIM_TFTP_REQUEST_MAX. */
size_t sim_tftp_packet_request(uint8_t out[SIM_TFTP_CONTROL_MAX], bool write, const char *name,
                               const struct sim_tftp_options *options);
/* The four bytes in front of a block's data. */
void sim_tftp_packet_data_header(uint8_t out[SIM_TFTP_HEADER], uint16_t block);

/* "File not found"; the RFC's wording; "Unknown error" for other numbers. */
const char *sim_tftp_code_text(int code);
/* What an error from the other end means to us: 1 SIM_ENOTFOUND, 2 SIM_EACCES, 3 SIM_ENOSPC, 6
 * SIM_EEXIST, 0 with a text that has "busy" in it SIM_EBUSY (what our server says when it is full),
 * all else SIM_ESERVER. */
int sim_tftp_code_status(int code, const uint8_t *text, size_t len);
/* The code and text with which an operating error (SIM_E*) is told to the other end. */
enum sim_tftp_code sim_tftp_status_code(int status, const char **text);
/* Copies an error's text as far as it is printable ASCII; other bytes become '?'. Returns `out`. */
char *sim_tftp_text_clean(char out[SIM_TFTP_TEXT_MAX], const uint8_t *text, size_t len);

#endif /* SIM_TFTP_PACKET_H */
