// LINK: sim_tftp
/* tests/fuzz/fuzz_tftp_packet.c -- the TFTP codec on anything; what it takes, it builds again to
 * the same meaning. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "sim/tftp/packet.h"
#include "sim/tftp/server.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_request(const struct sim_tftp_packet *p)
{
    struct sim_tftp_packet again;
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
    struct sim_tftp_options options = p->options;
    const char *text;

    (void)sim_tftp_server_check(p, &text);
    options.given &= ~options.invalid;
    size_t len = sim_tftp_packet_request(bytes, p->opcode == SIM_TFTP_WRQ, p->name, &options);
    assert(len <= SIM_TFTP_REQUEST_MAX);
    if (len == 0) {
        return;
    }
    assert(sim_tftp_packet_decode(&again, bytes, len) == 0);
    assert(again.opcode == p->opcode && strcmp(again.name, p->name) == 0);
    assert(again.options.given == (options.given & ~(unsigned)SIM_TFTP_OPTION_OTHER));
    assert(again.options.invalid == 0);
    if ((options.given & SIM_TFTP_OPTION_TSIZE) != 0) {
        assert(again.options.tsize == options.tsize);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_tftp_packet p;
    char text[SIM_TFTP_TEXT_MAX];

    if (sim_tftp_packet_decode(&p, data, size) != 0) {
        return 0;
    }
    switch (p.opcode) {
    case SIM_TFTP_RRQ:
    case SIM_TFTP_WRQ:
        check_request(&p);
        break;
    case SIM_TFTP_DATA:
    case SIM_TFTP_ACK:
        assert(p.data_len + SIM_TFTP_HEADER == size);
        break;
    case SIM_TFTP_ERROR:
        assert(p.data_len + SIM_TFTP_HEADER <= size);
        assert(strlen(sim_tftp_text_clean(text, p.data, p.data_len)) < SIM_TFTP_TEXT_MAX);
        (void)sim_tftp_code_status(p.code, p.data, p.data_len);
        break;
    case SIM_TFTP_OACK:
        break;
    }
    return 0;
}
