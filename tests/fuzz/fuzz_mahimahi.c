// LINK: sim
/* tests/fuzz/fuzz_mahimahi.c -- a trace from a file: whatever is read carries something, and bins
 * carry as much. */
#include <assert.h>

#include "sim/mahimahi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sim_mahimahi_error error;
    struct sim_capacity *c, *bins;
    struct sim_capacity_cursor cursor = {.at = SIM_NEVER};

    if (sim_mahimahi_parse(&c, (const char *)data, size, size * SIM_MS, &error) != 0) {
        assert(error.why[0] != '\0');
        return 0;
    }
    sim_time end = sim_capacity_end(c, size, SIM_MAHIMAHI_PACKET, &cursor);
    assert(end > size && end <= SIM_MAHIMAHI_LENGTH_MAX * SIM_MS * 3);
    assert(sim_capacity_between(c, size, end) >= (sim_capacity_bits)1500 * 8 * SIM_S);
    if (sim_capacity_in_bins(&bins, c) == 0) {
        assert(sim_capacity_peak(bins) <= sim_capacity_peak(c));
        sim_capacity_free(bins);
    }
    sim_capacity_free(c);
    return 0;
}
