/* sim/server/folder.c -- see folder.h. */
#include "sim/server/folder.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sim/err.h"
#include "sim/server/name.h"

struct sim_server_upload {
    int fd;     /* of the file in the making */
    int folder; /* where it will be; ours */
    uint64_t size;
    char part[64];                   /* its name until then */
    char name[SIM_CONTENT_NAME_MAX]; /* the last part of its real name */
};

static bool use_fallback; /* set when the kernel said ENOSYS, or by a test */

void sim_server_folder_use_fallback(bool on)
{
    use_fallback = on;
}

int sim_server_folder_open(const char *path, int *out)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    *out = fd;
    return 0;
}

/* Part by part, following no link. Returns a descriptor, or -1 with errno. */
static int open_by_parts(int folder, const char *name, int flags)
{
    int at = folder;
    int fd = -1;
    for (;;) {
        char part[SIM_CONTENT_NAME_MAX];
        size_t len = strcspn(name, "/");
        bool is_last = name[len] == '\0';

        memcpy(part, name, len);
        part[len] = '\0';
        fd = openat(at, part, O_NOFOLLOW | O_CLOEXEC | (is_last ? flags : O_PATH | O_DIRECTORY));
        int saved = errno;
        if (at != folder) {
            close(at);
        }
        errno = saved;
        if (fd < 0 || is_last) {
            return fd;
        }
        at = fd;
        name += len + 1;
    }
}

static int open_beneath(int folder, const char *name, int flags)
{
    if (!use_fallback) {
        struct open_how how = {
            .flags = (unsigned)(flags | O_CLOEXEC),
            .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        };
        long fd = -1;
        /* EAGAIN: something was renamed while the kernel looked; a few tries are enough. */
        for (int tries = 0; tries < 4; tries++) {
            fd = syscall(SYS_openat2, folder, name, &how, sizeof(how));
            if (fd >= 0 || errno != EAGAIN) {
                break;
            }
        }
        if (fd >= 0 || errno != ENOSYS) {
            return (int)fd;
        }
        use_fallback = true;
    }
    return open_by_parts(folder, name, flags);
}

static int translate(int errnum)
{
    switch (errnum) {
    case EXDEV: /* it leads outside */
    case ELOOP: /* a link where none is followed */
    case EISDIR:
        return SIM_EACCES;
    case ENXIO: /* a FIFO or a socket */
    case ENODEV:
        return SIM_EACCES;
    case ENAMETOOLONG:
        return SIM_ENOTFOUND;
    default:
        return sim_err_from_errno(errnum);
    }
}

int sim_server_folder_file(int folder, const char *name, int *fd_out, uint64_t *size)
{
    struct stat st;
    assert(sim_server_name_check(name, strlen(name)) == SIM_SERVER_NAME_OK);

    /* A FIFO must not block, a terminal must not become ours. */
    int fd = open_beneath(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) {
        return translate(errno);
    }
    if (fstat(fd, &st) != 0) {
        int rc = sim_err_from_errno(errno);
        close(fd);
        return rc;
    }
    if (!S_ISREG(st.st_mode)) {
        close(fd);
        return SIM_EACCES;
    }
    *fd_out = fd;
    *size = (uint64_t)st.st_size;
    return 0;
}

/* The folder that `name` is in, opened; `*base` is its last part. -1 with errno. */
static int open_parent(int folder, const char *name, const char **base)
{
    char parent[SIM_CONTENT_NAME_MAX];
    const char *slash = strrchr(name, '/');
    if (slash == NULL) {
        *base = name;
        return openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    }
    memcpy(parent, name, (size_t)(slash - name));
    parent[slash - name] = '\0';
    *base = slash + 1;
    return open_beneath(folder, parent, O_PATH | O_DIRECTORY);
}

int sim_server_upload_new(struct sim_server_upload **out, int folder, const char *name)
{
    static unsigned long number; /* makes the names of unfinished files differ */
    const char *base;
    struct stat st;
    assert(sim_server_name_check(name, strlen(name)) == SIM_SERVER_NAME_OK);

    int parent = open_parent(folder, name, &base);
    if (parent < 0) {
        return translate(errno);
    }
    if (fstatat(parent, base, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        close(parent);
        return SIM_EEXIST;
    }
    struct sim_server_upload *upload = calloc(1, sizeof(*upload));
    if (upload == NULL) {
        close(parent);
        return SIM_ENOMEM;
    }
    snprintf(upload->part, sizeof(upload->part), ".pfsim-upload-%ld-%lu", (long)getpid(), number++);
    memcpy(upload->name, base, strlen(base) + 1);
    upload->folder = parent;
    upload->fd =
        openat(parent, upload->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (upload->fd < 0) {
        int rc = translate(errno);
        close(parent);
        free(upload);
        return rc;
    }
    *out = upload;
    return 0;
}

int sim_server_upload_write(struct sim_server_upload *upload, const void *bytes, size_t len)
{
    const char *at = bytes;
    if (len > SIM_SERVER_UPLOAD_MAX - upload->size) {
        return SIM_ENOSPC;
    }
    upload->size += len;
    while (len > 0) {
        ssize_t n = write(upload->fd, at, len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? sim_err_from_errno(errno) : SIM_EIO;
        }
        at += n;
        len -= (size_t)n;
    }
    return 0;
}

int sim_server_upload_close(struct sim_server_upload *upload, bool complete)
{
    int rc = 0;
    if (close(upload->fd) != 0) {
        rc = sim_err_from_errno(errno); /* a full disk may show only now */
    }
    /* A link and not a rename: a rename would replace a file that came meanwhile. */
    if (complete && rc == 0 &&
        linkat(upload->folder, upload->part, upload->folder, upload->name, 0) != 0) {
        rc = sim_err_from_errno(errno);
    }
    unlinkat(upload->folder, upload->part, 0);
    close(upload->folder);
    free(upload);
    return rc;
}
