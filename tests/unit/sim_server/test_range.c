/* Goal: the Range header means what RFC 9110 says. Method: a table, and every small range of every
 * small file. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "sim/server/range.h"

#define R(x) SIM_SERVER_RANGE_##x

struct row {
    const char *header;
    uint64_t size;
    enum sim_server_range want;
    uint64_t offset, len;
};

static const struct row rows[] = {
    {NULL, 10, R(WHOLE), 0, 0},
    {"", 10, R(WHOLE), 0, 0},
    {"bytes=0-0", 10, R(PART), 0, 1},
    {"bytes=2-4", 10, R(PART), 2, 3},
    {"BYTES=2-4", 10, R(PART), 2, 3},
    {"bytes= 2-4 ", 10, R(PART), 2, 3},
    {"bytes=9-9", 10, R(PART), 9, 1},
    {"bytes=9-100", 10, R(PART), 9, 1},
    {"bytes=3-", 10, R(PART), 3, 7},
    {"bytes=0-", 10, R(PART), 0, 10},
    {"bytes=-3", 10, R(PART), 7, 3},
    {"bytes=-30", 10, R(PART), 0, 10},
    {"bytes=-99999999999999999999999", 10, R(PART), 0, 10},
    {"bytes=0-99999999999999999999999", 10, R(PART), 0, 10},
    {"bytes=10-", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=10-20", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=99999999999999999999999-", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=18446744073709551616-", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=-0", 10, R(UNSATISFIABLE), 0, 0},
    {"bytes=0-", 0, R(UNSATISFIABLE), 0, 0},
    {"bytes=-5", 0, R(WHOLE), 0, 0},
    {"bytes=4-2", 10, R(WHOLE), 0, 0},
    {"bytes=-", 10, R(WHOLE), 0, 0},
    {"bytes=", 10, R(WHOLE), 0, 0},
    {"bytes=1", 10, R(WHOLE), 0, 0},
    {"bytes=1-2,4-5", 10, R(WHOLE), 0, 0},
    {"bytes=a-b", 10, R(WHOLE), 0, 0},
    {"bytes=1-2x", 10, R(WHOLE), 0, 0},
    {"bytes=--3", 10, R(WHOLE), 0, 0},
    {"bytes 1-2", 10, R(WHOLE), 0, 0},
    {"lines=1-2", 10, R(WHOLE), 0, 0},
};

Test(server_range, means_what_the_table_says)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t offset = 777, len = 777;
        enum sim_server_range got =
            sim_server_range_parse(rows[i].header, rows[i].size, &offset, &len);
        cr_assert_eq(got, rows[i].want, "row %zu '%s'", i, rows[i].header);
        if (got == R(PART)) {
            cr_assert(offset == rows[i].offset && len == rows[i].len, "row %zu", i);
        } else {
            cr_assert(offset == 777 && len == 777, "row %zu: left alone", i);
        }
    }
}

Test(server_range, always_lies_inside_the_file)
{
    char header[64];
    for (uint64_t size = 0; size < 6; size++) {
        for (int first = 0; first < 8; first++) {
            for (int last = first; last < 8; last++) {
                uint64_t offset = 0, len = 0;
                snprintf(header, sizeof(header), "bytes=%d-%d", first, last);
                if (sim_server_range_parse(header, size, &offset, &len) == R(PART)) {
                    cr_assert(len > 0 && offset == (uint64_t)first && offset + len <= size);
                } else {
                    cr_assert((uint64_t)first >= size, "%s of %d", header, (int)size);
                }
            }
        }
    }
}
