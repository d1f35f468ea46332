/* analysis/output.c -- result files by temporary name, fsync and rename. */
#include "analysis/output.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "analysis/interrupt.h"
#include "sim/err.h"
#include "sim/time.h"

struct analysis_output {
    FILE *file;
    bool borrowed;  /* the caller's stream; no names then */
    bool is_device; /* or a pipe: `final` is written to as it stands */
    int errnum;     /* of the first write that failed; 0 */
    char dir[ANALYSIS_PATH_MAX];
    char temp[ANALYSIS_PATH_MAX];
    char final[ANALYSIS_PATH_MAX];
};

static int refuse(char why[ANALYSIS_WHY_MAX], const char *what, const char *path, int errnum)
{
    snprintf(why, ANALYSIS_WHY_MAX, "can't %s %.300s: %s%s", what, path, strerror(errnum),
             errnum == ENOSPC || errnum == EDQUOT ? "; free some space or choose another folder"
                                                  : "");
    return sim_err_from_errno(errnum);
}

int analysis_output_folder(const char *dir, char why[ANALYSIS_WHY_MAX])
{
    char path[ANALYSIS_PATH_MAX];
    size_t len = strlen(dir);
    struct stat st;

    if (len == 0 || len >= sizeof(path)) {
        return refuse(why, "create", dir, len == 0 ? ENOENT : ENAMETOOLONG);
    }
    memcpy(path, dir, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (path[i] != '/' && path[i] != '\0') {
            continue;
        }
        char kept = path[i];
        path[i] = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            return refuse(why, "create the folder", path, errno);
        }
        if (stat(path, &st) != 0) {
            return refuse(why, "use the folder", path, errno);
        }
        if (!S_ISDIR(st.st_mode)) {
            snprintf(why, ANALYSIS_WHY_MAX,
                     "%.300s is a file, and a folder is needed there: choose another name, or move "
                     "the file away",
                     path);
            return sim_err_from_errno(ENOTDIR);
        }
        path[i] = kept;
    }
    return 0;
}

int analysis_output_reserve(const char *dir, uint64_t bytes)
{
    struct statvfs fs;
    int fd = statvfs(dir, &fs) == 0 ? open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;

    if (fd < 0) {
        return -1;
    }
    uint64_t most = (uint64_t)fs.f_bavail * fs.f_frsize / 8;
    bytes = bytes < most ? bytes : most;
    if (bytes == 0 || fallocate(fd, 0, 0, (off_t)bytes) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Fills the three names. A link stays a link: what it points to is replaced. Devices, pipes and
 * sockets are nothing to rename a file over (as root that would take /dev/null from everybody). */
static bool name_files(struct analysis_output *o, const char *dir, const char *name)
{
    char path[ANALYSIS_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= sizeof(path)) {
        return false;
    }
    o->is_device = stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
    if (!o->is_device && lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
        char *target = realpath(path, NULL); /* NULL: it points nowhere, and is replaced */
        char *slash = target != NULL ? strrchr(target, '/') : NULL;
        if (slash != NULL && slash != target && strlen(target) < sizeof(path)) {
            *slash = '\0';
            bool fits = name_files(o, target, slash + 1);
            free(target);
            return fits;
        }
        free(target);
    }
    int a = snprintf(o->dir, sizeof(o->dir), "%s", dir);
    int b = snprintf(o->final, sizeof(o->final), "%s", path);
    int c = snprintf(o->temp, sizeof(o->temp), "%s/.%s.XXXXXX", dir, name);
    return a >= 0 && b >= 0 && c >= 0 && (size_t)a < sizeof(o->dir) && (size_t)c < sizeof(o->temp);
}

/* A pipe that nobody reads is an error at once, not a wait. */
static int open_device(const char *path)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd >= 0 && fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) != 0) {
        int errnum = errno;
        close(fd);
        errno = errnum;
        return -1;
    }
    return fd;
}

/* Takes the file under the temporary name away, where there is one. */
static void drop_name(const struct analysis_output *o)
{
    if (!o->is_device) {
        unlink(o->temp);
        analysis_interrupt_forget(o->temp);
    }
}

int analysis_output_open(struct analysis_output **out, const char *dir, const char *name,
                         char why[ANALYSIS_WHY_MAX])
{
    struct analysis_output *o = calloc(1, sizeof(*o));
    struct stat st;

    if (o == NULL) {
        return refuse(why, "write", name, ENOMEM);
    }
    if (!name_files(o, dir, name)) {
        free(o);
        return refuse(why, "write", name, ENAMETOOLONG);
    }
    if (stat(o->final, &st) == 0 && S_ISDIR(st.st_mode)) { /* not after hours, when it is renamed */
        int rc = refuse(why, "write", o->final, EISDIR);
        free(o);
        return rc;
    }
    if (!o->is_device) {
        analysis_interrupt_file(o->temp); /* a signal may come as soon as it is there */
    }
    int fd = o->is_device ? open_device(o->final) : mkostemp(o->temp, O_CLOEXEC);
    if (fd < 0 && o->is_device && errno == ENXIO) {
        snprintf(why, ANALYSIS_WHY_MAX, "can't write %.300s: nobody reads this pipe", o->final);
        free(o);
        return sim_err_from_errno(ENXIO);
    }
    if (fd < 0) {
        int rc = refuse(why, "write", o->final, errno);
        analysis_interrupt_forget(o->temp);
        free(o);
        return rc;
    }
    mode_t mask = umask(0);
    umask(mask);
    /* mkstemp makes 0600; results are meant to be read like any other file. */
    if ((!o->is_device && fchmod(fd, 0666 & ~mask) != 0) || (o->file = fdopen(fd, "w")) == NULL) {
        int rc = refuse(why, "write", o->final, errno);
        close(fd);
        drop_name(o);
        free(o);
        return rc;
    }
    *out = o;
    return 0;
}

const char *analysis_output_split(const char *path, char dir[ANALYSIS_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : (size_t)(slash - path);

    if (strlen(path) >= ANALYSIS_PATH_MAX || path[0] == '\0' ||
        (slash != NULL && slash[1] == '\0')) {
        return NULL;
    }
    if (len == 0) { /* "/x" lies in "/" */
        snprintf(dir, ANALYSIS_PATH_MAX, "%s", slash == NULL ? "." : "/");
    } else {
        memcpy(dir, path, len);
        dir[len] = '\0';
    }
    return slash == NULL ? path : slash + 1;
}

int analysis_output_open_path(struct analysis_output **out, const char *path,
                              char why[ANALYSIS_WHY_MAX])
{
    char dir[ANALYSIS_PATH_MAX];
    const char *name = analysis_output_split(path, dir);

    if (name == NULL) {
        return refuse(why, "write", path,
                      path[0] == '\0'                    ? ENOENT
                      : strlen(path) < ANALYSIS_PATH_MAX ? EISDIR
                                                         : ENAMETOOLONG);
    }
    return analysis_output_open(out, dir, name, why);
}

int analysis_output_text(const char *dir, const char *name, const char *text,
                         char why[ANALYSIS_WHY_MAX])
{
    struct analysis_output *o = NULL;
    int rc = analysis_output_open(&o, dir, name, why);

    if (rc == 0) {
        analysis_output_write(o, text, strlen(text));
        rc = analysis_output_commit(o, why);
    }
    return rc;
}

int analysis_output_stream(struct analysis_output **out, FILE *stream, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_output *o = calloc(1, sizeof(*o));

    if (o == NULL) {
        return refuse(why, "write to", "a stream", ENOMEM);
    }
    o->file = stream;
    o->borrowed = true;
    *out = o;
    return 0;
}

int analysis_output_remove(const char *dir, const char *name, char why[ANALYSIS_WHY_MAX])
{
    char path[ANALYSIS_PATH_MAX];
    struct stat st;
    int n = snprintf(path, sizeof(path), "%s/%s", dir, name);

    if (n < 0 || (size_t)n >= sizeof(path) || lstat(path, &st) != 0 || !S_ISREG(st.st_mode) ||
        unlink(path) == 0) {
        return 0; /* none that could mislead */
    }
    snprintf(why, ANALYSIS_WHY_MAX, "can't remove the old %.300s: %s", path, strerror(errno));
    return sim_err_from_errno(errno);
}

void analysis_output_write(struct analysis_output *o, const void *bytes, size_t len)
{
    if (o == NULL || o->errnum != 0) {
        return;
    }
    errno = 0;
    if (fwrite(bytes, 1, len, o->file) != len) {
        o->errnum = errno != 0 ? errno : EIO;
    }
}

void analysis_output_print(struct analysis_output *o, const char *format, ...)
{
    va_list arguments;

    if (o == NULL || o->errnum != 0) {
        return;
    }
    errno = 0;
    va_start(arguments, format);
    int n = vfprintf(o->file, format, arguments);
    va_end(arguments);
    if (n < 0) {
        o->errnum = errno != 0 ? errno : EIO;
    }
}

void analysis_output_field(struct analysis_output *o, const char *text)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
        analysis_output_write(o, text, strlen(text));
        return;
    }
    analysis_output_write(o, "\"", 1);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') {
            analysis_output_write(o, "\"", 1);
        }
        analysis_output_write(o, c, 1);
    }
    analysis_output_write(o, "\"", 1);
}

void analysis_output_seconds(struct analysis_output *o, uint64_t ns)
{
    if (ns == SIM_NEVER) {
        return;
    }
    uint64_t us = ns / 1000 + (ns % 1000 >= 500 ? 1 : 0);
    analysis_output_print(o, "%llu.%06llu", (unsigned long long)(us / 1000000),
                          (unsigned long long)(us % 1000000));
}

int analysis_output_failed(const struct analysis_output *o, char why[ANALYSIS_WHY_MAX])
{
    return o == NULL || o->errnum == 0 ? 0 : refuse(why, "write", o->final, o->errnum);
}

/* The name itself must reach the disk too; a folder that can't be synced is no error of ours. */
static void sync_folder(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

int analysis_output_commit(struct analysis_output *o, char why[ANALYSIS_WHY_MAX])
{
    if (o == NULL) {
        return 0;
    }
    int errnum = o->errnum;
    if (errnum == 0 && fflush(o->file) != 0) {
        errnum = errno;
    }
    if (o->borrowed) {
        free(o);
        return errnum != 0 ? refuse(why, "write to", "standard output", errnum) : 0;
    }
    /* EINVAL: the file system has no fsync (a pipe, some FUSE); then there is nothing to wait
     * for. */
    if (errnum == 0 && fsync(fileno(o->file)) != 0 && errno != EINVAL && errno != ENOSYS) {
        errnum = errno;
    }
    if (fclose(o->file) != 0 && errnum == 0) {
        errnum = errno;
    }
    if (errnum == 0 && !o->is_device && rename(o->temp, o->final) != 0) {
        errnum = errno;
    }
    int rc = 0;
    if (errnum != 0) {
        rc = refuse(why, "write", o->final, errnum);
        drop_name(o);
    } else if (!o->is_device) {
        analysis_interrupt_forget(o->temp);
        sync_folder(o->dir);
    }
    free(o);
    return rc;
}

bool analysis_output_flush(struct analysis_output *o)
{
    if (o->errnum == 0 && fflush(o->file) != 0) {
        o->errnum = errno;
    }
    return o->errnum == 0;
}

const char *analysis_output_path(const struct analysis_output *o)
{
    return o->borrowed || o->is_device ? NULL : o->final;
}

/* The tail goes over what is cut off, before that is: no new block is asked of a full disk. */
static int cut(int fd, uint64_t len, const void *tail, size_t tail_len)
{
    if (tail_len > 0 && pwrite(fd, tail, tail_len, (off_t)len) != (ssize_t)tail_len) {
        return errno != 0 ? errno : EIO;
    }
    return ftruncate(fd, (off_t)(len + tail_len)) != 0 || fsync(fd) != 0 ? errno : 0;
}

int analysis_output_rescue(struct analysis_output *o, uint64_t len, const void *tail,
                           size_t tail_len, const char *path)
{
    assert(!o->borrowed && !o->is_device);
    __fpurge(o->file); /* closing must not try once more */
    int errnum = cut(fileno(o->file), len, tail, tail_len);
    if (fclose(o->file) != 0 && errnum == 0) {
        errnum = errno;
    }
    if (errnum == 0 && rename(o->temp, path) != 0) {
        errnum = errno;
    }
    if (errnum != 0) {
        unlink(o->temp);
    } else {
        sync_folder(o->dir);
    }
    analysis_interrupt_forget(o->temp);
    free(o);
    return errnum != 0 ? sim_err_from_errno(errnum) : 0;
}

void analysis_output_discard(struct analysis_output *o)
{
    if (o == NULL) {
        return;
    }
    if (!o->borrowed) {
        fclose(o->file);
        drop_name(o);
    }
    free(o);
}
