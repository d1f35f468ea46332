/* sim/server/source.h -- where the bytes of an answer come from: the catalog, its resolver, then
 * the folder. */
#ifndef SIM_SERVER_SOURCE_H
#define SIM_SERVER_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/content.h"

struct sim_server_source {
    const struct sim_catalog *catalog; /* NULL: none; borrowed */
    int folder;                        /* -1: none; borrowed */
};

/* One opened file: exactly one of content, bytes and fd is there. */
struct sim_server_file {
    const struct sim_content *content; /* borrowed from the catalog */
    uint8_t *bytes;                    /* made by the resolver; ours */
    int fd;                            /* in the folder; ours; else -1 */
    uint64_t size;                     /* bytes */
};

/* `name` is a string that clients sent: anything. 0; or SIM_EINVAL (malformed), SIM_EACCES (it
 * leaves the root, or is no regular file), SIM_ENOTFOUND, SIM_ELIMIT, SIM_ENOMEM, SIM_EIO. */
int sim_server_file_open(const struct sim_server_source *source, const char *name,
                         struct sim_server_file *out);
/* Copies bytes [offset, offset+len); returns how many there were: fewer at the end, or when the
 * file became shorter, or can't be read. */
size_t sim_server_file_read(const struct sim_server_file *file, uint64_t offset, void *bytes,
                            size_t len);
/* Back to the nothing value; twice is fine. */
void sim_server_file_close(struct sim_server_file *file);

#endif /* SIM_SERVER_SOURCE_H */
