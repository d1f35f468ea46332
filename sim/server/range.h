/* sim/server/range.h -- the Range header of HTTP (RFC 9110, 14.1.2 and 14.2), pure.
 *
 * One range of bytes. Several in one header are ignored, as the RFC allows: the whole file is the
 * answer. */
#ifndef SIM_SERVER_RANGE_H
#define SIM_SERVER_RANGE_H

#include <stdint.h>

enum sim_server_range {
    SIM_SERVER_RANGE_WHOLE,         /* no range, or one to be ignored: 200 */
    SIM_SERVER_RANGE_PART,          /* 206 with `*offset` and `*len` > 0, inside the file */
    SIM_SERVER_RANGE_UNSATISFIABLE, /* 416 */
};

/* `header`: the field's value or NULL. `*offset` and `*len` are left alone unless it is PART. */
enum sim_server_range sim_server_range_parse(const char *header, uint64_t size, uint64_t *offset,
                                             uint64_t *len);

#endif /* SIM_SERVER_RANGE_H */
