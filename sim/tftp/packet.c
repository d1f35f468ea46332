/* sim/tftp/packet.c -- the TFTP codec: every length is checked against what really came. */
#include "sim/tftp/packet.h"

#include <assert.h>
#include <string.h>
#include <strings.h>

#include "sim/err.h"

static const struct {
    enum sim_tftp_option option;
    const char *name;
} option_names[] = {
    {SIM_TFTP_OPTION_BLKSIZE, "blksize"},
    {SIM_TFTP_OPTION_TIMEOUT, "timeout"},
    {SIM_TFTP_OPTION_TSIZE, "tsize"},
    {SIM_TFTP_OPTION_WINDOWSIZE, "windowsize"},
};

/* ---- Decoding ---- */

/* The NUL-terminated string at *at, which moves behind it; NULL when there is no NUL. */
static const char *take_string(const uint8_t **at, const uint8_t *end)
{
    const uint8_t *nul = memchr(*at, 0, (size_t)(end - *at));
    if (nul == NULL) {
        return NULL;
    }
    const char *text = (const char *)*at;
    *at = nul + 1;
    return text;
}

/* Decimal digits and nothing else. False for anything else, or over 2^64-1. */
static bool parse_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(*text - '0');
        if (value > (UINT64_MAX - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static uint32_t saturate(uint64_t value)
{
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static enum sim_tftp_option option_of(const char *name)
{
    for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++) {
        if (strcasecmp(name, option_names[i].name) == 0) {
            return option_names[i].option;
        }
    }
    return SIM_TFTP_OPTION_OTHER;
}

static void put_option(struct sim_tftp_options *options, const char *name, const char *text)
{
    uint64_t value = 0;
    uint64_t least = 0;
    enum sim_tftp_option option = option_of(name);

    if ((options->given & option) != 0) {
        /* Two options that we do not know need not be the same one. */
        options->repeated |= option == SIM_TFTP_OPTION_OTHER ? 0u : (unsigned)option;
        return;
    }
    options->given |= option;
    bool number = parse_number(text, &value);
    switch (option) {
    case SIM_TFTP_OPTION_BLKSIZE:
        options->blksize = saturate(value);
        least = SIM_TFTP_BLKSIZE_MIN;
        break;
    case SIM_TFTP_OPTION_TIMEOUT:
        options->timeout = saturate(value);
        least = 1;
        break;
    case SIM_TFTP_OPTION_TSIZE:
        options->tsize = value;
        break;
    case SIM_TFTP_OPTION_WINDOWSIZE:
        options->windowsize = saturate(value);
        least = 1;
        break;
    case SIM_TFTP_OPTION_OTHER:
        return;
    }
    if (!number || value < least) {
        options->invalid |= option;
    }
}

/* Pairs of strings up to the end. Nothing but NUL bytes is padding, which some phones send. */
static int decode_options(struct sim_tftp_options *options, const uint8_t *at, const uint8_t *end)
{
    memset(options, 0, sizeof(*options));
    while (at < end) {
        if (*at == 0) {
            while (at < end && *at == 0) {
                at++;
            }
            return at == end ? 0 : SIM_EPROTO;
        }
        const char *name = take_string(&at, end);
        const char *value = name == NULL ? NULL : take_string(&at, end);
        if (value == NULL) {
            return SIM_EPROTO;
        }
        put_option(options, name, value);
    }
    return 0;
}

static enum sim_tftp_mode mode_of(const char *text)
{
    if (strcasecmp(text, "octet") == 0) {
        return SIM_TFTP_MODE_OCTET;
    }
    if (strcasecmp(text, "netascii") == 0) {
        return SIM_TFTP_MODE_NETASCII;
    }
    return strcasecmp(text, "mail") == 0 ? SIM_TFTP_MODE_MAIL : SIM_TFTP_MODE_UNKNOWN;
}

static int decode_request(struct sim_tftp_packet *packet, const uint8_t *at, const uint8_t *end)
{
    packet->name = take_string(&at, end);
    const char *mode = packet->name == NULL ? NULL : take_string(&at, end);
    if (mode == NULL || packet->name[0] == '\0') {
        return SIM_EPROTO;
    }
    packet->mode = mode_of(mode);
    return decode_options(&packet->options, at, end);
}

int sim_tftp_packet_decode(struct sim_tftp_packet *packet, const uint8_t *bytes, size_t len)
{
    if (len < 2 || bytes[0] != 0) {
        return SIM_EPROTO;
    }
    const uint8_t *end = bytes + len;
    switch (bytes[1]) {
    case SIM_TFTP_DATA:
    case SIM_TFTP_ACK:
        if (len < SIM_TFTP_HEADER || (bytes[1] == SIM_TFTP_ACK && len != SIM_TFTP_HEADER)) {
            return SIM_EPROTO;
        }
        packet->block = (uint16_t)(bytes[2] << 8 | bytes[3]);
        packet->data = bytes + SIM_TFTP_HEADER;
        packet->data_len = len - SIM_TFTP_HEADER;
        break;
    case SIM_TFTP_ERROR:
        if (len < SIM_TFTP_HEADER) {
            return SIM_EPROTO;
        }
        packet->code = (uint16_t)(bytes[2] << 8 | bytes[3]);
        packet->data = bytes + SIM_TFTP_HEADER;
        packet->data_len = strnlen((const char *)packet->data, len - SIM_TFTP_HEADER);
        break;
    case SIM_TFTP_RRQ:
    case SIM_TFTP_WRQ:
        if (decode_request(packet, bytes + 2, end) != 0) {
            return SIM_EPROTO;
        }
        break;
    case SIM_TFTP_OACK:
        if (decode_options(&packet->options, bytes + 2, end) != 0) {
            return SIM_EPROTO;
        }
        break;
    default:
        return SIM_EPROTO;
    }
    packet->opcode = (enum sim_tftp_opcode)bytes[1];
    return 0;
}

/* ---- Building ---- */

static void put_u16(uint8_t *out, unsigned value)
{
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
}

void sim_tftp_packet_data_header(uint8_t out[SIM_TFTP_HEADER], uint16_t block)
{
    put_u16(out, SIM_TFTP_DATA);
    put_u16(out + 2, block);
}

size_t sim_tftp_packet_ack(uint8_t out[SIM_TFTP_CONTROL_MAX], uint16_t block)
{
    put_u16(out, SIM_TFTP_ACK);
    put_u16(out + 2, block);
    return SIM_TFTP_HEADER;
}

size_t sim_tftp_packet_error(uint8_t out[SIM_TFTP_CONTROL_MAX], enum sim_tftp_code code,
                             const char *text)
{
    assert(code >= 0);
    size_t len = strnlen(text, SIM_TFTP_TEXT_MAX - 1);
    put_u16(out, SIM_TFTP_ERROR);
    put_u16(out + 2, (unsigned)code);
    memcpy(out + SIM_TFTP_HEADER, text, len);
    out[SIM_TFTP_HEADER + len] = 0;
    return SIM_TFTP_HEADER + len + 1;
}

static size_t put_string(uint8_t *out, const char *text)
{
    size_t len = strlen(text) + 1;
    memcpy(out, text, len);
    return len;
}

static size_t put_number(uint8_t *out, uint64_t value)
{
    char digits[21]; /* 2^64 has 20 */
    char *at = &digits[sizeof(digits) - 1];
    *at = '\0';
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return put_string(out, at);
}

/* At most 4 names and 4 numbers: 110 bytes. */
static size_t put_options(uint8_t *out, const struct sim_tftp_options *options)
{
    size_t len = 0;
    for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++) {
        enum sim_tftp_option option = option_names[i].option;
        if ((options->given & option) == 0) {
            continue;
        }
        uint64_t value = option == SIM_TFTP_OPTION_BLKSIZE   ? options->blksize
                         : option == SIM_TFTP_OPTION_TIMEOUT ? options->timeout
                         : option == SIM_TFTP_OPTION_TSIZE   ? options->tsize
                                                             : options->windowsize;
        len += put_string(out + len, option_names[i].name);
        len += put_number(out + len, value);
    }
    return len;
}

size_t sim_tftp_packet_oack(uint8_t out[SIM_TFTP_CONTROL_MAX],
                            const struct sim_tftp_options *options)
{
    put_u16(out, SIM_TFTP_OACK);
    return 2 + put_options(out + 2, options);
}

size_t sim_tftp_packet_request(uint8_t out[SIM_TFTP_CONTROL_MAX], bool write, const char *name,
                               const struct sim_tftp_options *options)
{
    size_t name_len = strnlen(name, SIM_TFTP_REQUEST_MAX);
    if (2 + name_len + 1 + sizeof("octet") > SIM_TFTP_REQUEST_MAX) {
        return 0;
    }
    put_u16(out, write ? SIM_TFTP_WRQ : SIM_TFTP_RRQ);
    size_t len = 2 + put_string(out + 2, name);
    len += put_string(out + len, "octet");
    len += put_options(out + len, options);
    return len > SIM_TFTP_REQUEST_MAX ? 0 : len;
}

/* ---- Error codes ---- */

const char *sim_tftp_code_text(int code)
{
    static const char *const texts[] = {"Not defined", "File not found",    "Access violation",
                                        "Disk full",   "Illegal operation", "Unknown transfer ID",
                                        "File exists", "No such user",      "Options not accepted"};
    if (code < 0 || (size_t)code >= sizeof(texts) / sizeof(texts[0])) {
        return "Unknown error";
    }
    return texts[code];
}

static bool says_busy(const uint8_t *text, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i++) {
        if (strncasecmp((const char *)text + i, "busy", 4) == 0) {
            return true;
        }
    }
    return false;
}

int sim_tftp_code_status(int code, const uint8_t *text, size_t len)
{
    switch (code) {
    case SIM_TFTP_CODE_UNDEFINED:
        return says_busy(text, len) ? SIM_EBUSY : SIM_ESERVER;
    case SIM_TFTP_CODE_NOT_FOUND:
        return SIM_ENOTFOUND;
    case SIM_TFTP_CODE_ACCESS:
        return SIM_EACCES;
    case SIM_TFTP_CODE_DISK_FULL:
        return SIM_ENOSPC;
    case SIM_TFTP_CODE_EXISTS:
        return SIM_EEXIST;
    default:
        return SIM_ESERVER;
    }
}

enum sim_tftp_code sim_tftp_status_code(int status, const char **text)
{
    enum sim_tftp_code code = status == SIM_ENOTFOUND ? SIM_TFTP_CODE_NOT_FOUND
                              : status == SIM_EACCES  ? SIM_TFTP_CODE_ACCESS
                              : status == SIM_ENOSPC  ? SIM_TFTP_CODE_DISK_FULL
                              : status == SIM_EEXIST  ? SIM_TFTP_CODE_EXISTS
                                                      : SIM_TFTP_CODE_UNDEFINED;
    *text = code == SIM_TFTP_CODE_UNDEFINED ? sim_err_text(status) : sim_tftp_code_text(code);
    return code;
}

char *sim_tftp_text_clean(char out[SIM_TFTP_TEXT_MAX], const uint8_t *text, size_t len)
{
    size_t n = len < SIM_TFTP_TEXT_MAX - 1 ? len : SIM_TFTP_TEXT_MAX - 1;
    for (size_t i = 0; i < n; i++) {
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? (char)text[i] : '?';
    }
    out[n] = '\0';
    return out;
}
