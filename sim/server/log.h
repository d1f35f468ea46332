/* sim/server/log.h -- the access log: one line a request, for people and for awk.
 *
 *   2024-05-01T12:00:00.123Z 127.1.0.2:51234 http GET "SEP001E13000001.cnf.xml" 200 3124 0.002143
 *
 * Wall clock (UTC) at the end, client, protocol (http, https, tftp), method (TFTP: RRQ, WRQ), name
 * as asked for (a refused one of HTTP with its '/' and escapes; a blank, '"', '\' and what is not
 * printable as %XX), status (HTTP's; TFTP: 0 or the error code, "-" when nothing was told), bytes
 * of body, seconds from the request to its end. */
#ifndef SIM_SERVER_LOG_H
#define SIM_SERVER_LOG_H

#include <stdint.h>

#include "sim/addr.h"
#include "sim/time.h"

struct sim_server_log;

struct sim_server_log_line {
    sim_addr client;
    uint16_t port;
    const char *protocol, *method, *name;
    int status; /* negative: "-" */
    uint64_t bytes;
    sim_duration took;
};

/* Appends to the file at `path`; "-" is standard error. 0 or SIM_E* (EACCES, ENOTFOUND, ...). */
int sim_server_log_open(const char *path, struct sim_server_log **out);
/* NULL logs nothing. Written at once, so that a killed server loses no line. */
void sim_server_log_write(struct sim_server_log *log, const struct sim_server_log_line *line);
void sim_server_log_close(struct sim_server_log *log); /* NULL is fine */

#endif /* SIM_SERVER_LOG_H */
