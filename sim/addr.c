/* sim/addr.c -- see addr.h. */
#include "sim/addr.h"

#include <stdio.h>
#include <string.h>

#include "sim/err.h"

char *sim_addr_format(sim_addr addr, char out[SIM_ADDR_TEXT_MAX])
{
    snprintf(out, SIM_ADDR_TEXT_MAX, "%u.%u.%u.%u", (unsigned)(addr >> 24 & 255),
             (unsigned)(addr >> 16 & 255), (unsigned)(addr >> 8 & 255), (unsigned)(addr & 255));
    return out;
}

/* Reads a number of at most `digits` digits and at most `max`; returns what follows or NULL. */
static const char *read_number(const char *text, int digits, unsigned max, unsigned *out)
{
    unsigned value = 0;
    int count = 0;
    while (count < digits && text[count] >= '0' && text[count] <= '9') {
        value = value * 10 + (unsigned)(text[count] - '0');
        count++;
    }
    if (count == 0 || value > max || (count > 1 && text[0] == '0')) {
        return NULL;
    }
    *out = value;
    return text + count;
}

static const char *read_quad(const char *text, sim_addr *out)
{
    sim_addr addr = 0;
    for (int i = 0; i < 4; i++) {
        unsigned part;
        if (i > 0 && *text++ != '.') {
            return NULL;
        }
        text = read_number(text, 3, 255, &part);
        if (text == NULL) {
            return NULL;
        }
        addr = addr << 8 | part;
    }
    *out = addr;
    return text;
}

int sim_addr_parse(const char *text, sim_addr *out)
{
    sim_addr addr;
    const char *end = read_quad(text, &addr);
    if (end == NULL || *end != '\0') {
        return SIM_EINVAL;
    }
    *out = addr;
    return 0;
}

static sim_addr mask_of(unsigned bits)
{
    return bits == 0 ? 0 : UINT32_MAX << (32 - bits);
}

int sim_cidr_parse(const char *text, struct sim_cidr *out)
{
    sim_addr base;
    unsigned bits = 32;
    const char *end = read_quad(text, &base);
    if (end != NULL && *end == '/') {
        end = read_number(end + 1, 2, 32, &bits);
    }
    if (end == NULL || *end != '\0' || (base & ~mask_of(bits)) != 0) {
        return SIM_EINVAL;
    }
    *out = (struct sim_cidr){.base = base, .bits = (uint8_t)bits};
    return 0;
}

bool sim_cidr_contains(const struct sim_cidr *block, sim_addr addr)
{
    return (addr & mask_of(block->bits)) == block->base;
}

uint64_t sim_cidr_size(const struct sim_cidr *block)
{
    return UINT64_C(1) << (32 - block->bits);
}

bool sim_addr_is_loopback(sim_addr addr)
{
    return addr >> 24 == 127;
}

bool sim_addr_is_private(sim_addr addr)
{
    static const struct sim_cidr blocks[] = {
        {0x0a000000, 8}, {0xac100000, 12}, {0xc0a80000, 16}, {0xa9fe0000, 16}, {0x64400000, 10},
    };
    for (size_t i = 0; i < sizeof(blocks) / sizeof(blocks[0]); i++) {
        if (sim_cidr_contains(&blocks[i], addr)) {
            return true;
        }
    }
    return false;
}

bool sim_addr_is_target(sim_addr addr, const struct sim_cidr *allow, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (sim_cidr_contains(&allow[i], addr)) {
            return true;
        }
    }
    return sim_addr_is_loopback(addr) || sim_addr_is_private(addr);
}
