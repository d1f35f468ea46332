/* sim/server/source.c -- see source.h. */
#include "sim/server/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/server/folder.h"
#include "sim/server/name.h"

static int judge(const char *name)
{
    switch (sim_server_name_check(name, strlen(name))) {
    case SIM_SERVER_NAME_OK:
        return 0;
    case SIM_SERVER_NAME_EMPTY:
    case SIM_SERVER_NAME_TOO_LONG:
    case SIM_SERVER_NAME_CONTROL:
    case SIM_SERVER_NAME_ESCAPE:
        return SIM_EINVAL;
    case SIM_SERVER_NAME_ABSOLUTE:
    case SIM_SERVER_NAME_DRIVE:
    case SIM_SERVER_NAME_BACKSLASH:
    case SIM_SERVER_NAME_PARENT:
    case SIM_SERVER_NAME_PART:
        return SIM_EACCES;
    }
    return SIM_EINVAL;
}

/* What the resolver makes of `name`, in memory of its own size. */
static int resolve(const struct sim_catalog *catalog, const char *name, struct sim_server_file *out)
{
    size_t len = 0;
    uint8_t *bytes = malloc(SIM_CONTENT_RESOLVED_MAX);
    if (bytes == NULL) {
        return SIM_ENOMEM;
    }
    int rc = sim_catalog_resolve(catalog, name, bytes, &len);
    if (rc != 0) {
        free(bytes);
        return rc;
    }
    uint8_t *fitting = realloc(bytes, len > 0 ? len : 1); /* it may wait here for long */
    *out =
        (struct sim_server_file){.bytes = fitting != NULL ? fitting : bytes, .fd = -1, .size = len};
    return 0;
}

int sim_server_file_open(const struct sim_server_source *source, const char *name,
                         struct sim_server_file *out)
{
    int rc = judge(name);
    if (rc != 0) {
        return rc;
    }
    rc = SIM_ENOTFOUND;
    if (source->catalog != NULL) {
        const struct sim_content *content = sim_catalog_find(source->catalog, name);
        if (content != NULL) {
            *out = (struct sim_server_file){.content = content, .fd = -1, .size = content->size};
            return 0;
        }
        rc = resolve(source->catalog, name, out);
    }
    if (rc == SIM_ENOTFOUND && source->folder >= 0) {
        int fd;
        uint64_t size;
        rc = sim_server_folder_file(source->folder, name, &fd, &size);
        if (rc == 0) {
            *out = (struct sim_server_file){.fd = fd, .size = size};
        }
    }
    return rc;
}

size_t sim_server_file_read(const struct sim_server_file *file, uint64_t offset, void *bytes,
                            size_t len)
{
    if (file->content != NULL) {
        return sim_content_read(file->content, offset, bytes, len);
    }
    if (offset >= file->size) {
        return 0;
    }
    if (len > file->size - offset) {
        len = (size_t)(file->size - offset);
    }
    if (file->bytes != NULL) {
        memcpy(bytes, file->bytes + offset, len);
        return len;
    }
    size_t done = 0;
    while (done < len) {
        ssize_t n = pread(file->fd, (uint8_t *)bytes + done, len - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            break;
        }
        done += (size_t)n;
    }
    return done;
}

void sim_server_file_close(struct sim_server_file *file)
{
    if (file->fd >= 0) {
        close(file->fd);
    }
    free(file->bytes);
    *file = (struct sim_server_file){.fd = -1};
}
