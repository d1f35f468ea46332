/* sim/server/log.c -- see log.h. Leaves out rotation: the file is appended to, line by line. */
#include "sim/server/log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sim/err.h"

struct sim_server_log {
    int fd;
    bool is_ours;
};

int sim_server_log_open(const char *path, struct sim_server_log **out)
{
    bool is_ours = strcmp(path, "-") != 0;
    int fd = is_ours ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : STDERR_FILENO;
    if (fd < 0) {
        return sim_err_from_errno(errno);
    }
    struct sim_server_log *log = malloc(sizeof(*log));
    if (log == NULL) {
        if (is_ours) {
            close(fd);
        }
        return SIM_ENOMEM;
    }
    *log = (struct sim_server_log){.fd = fd, .is_ours = is_ours};
    *out = log;
    return 0;
}

/* Room for every byte of the longest TFTP name as %XX. */
enum {
    NAME_BYTES_MAX = 512,
    NAME_TEXT_MAX = NAME_BYTES_MAX * 3 + 1,
};

static const char *escape(const char *name, char out[NAME_TEXT_MAX])
{
    static const char digits[] = "0123456789ABCDEF";
    char *end = out;
    for (size_t i = 0; i < NAME_BYTES_MAX && name[i] != '\0'; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            *end++ = '%';
            *end++ = digits[c >> 4];
            *end++ = digits[c & 15];
        } else {
            *end++ = (char)c;
        }
    }
    *end = '\0';
    return out;
}

void sim_server_log_write(struct sim_server_log *log, const struct sim_server_log_line *line)
{
    if (log == NULL) {
        return;
    }
    char name[NAME_TEXT_MAX], text[NAME_TEXT_MAX + 256], stamp[32], client[SIM_ADDR_TEXT_MAX];
    char status[16] = "-";
    struct timespec now;
    struct tm utc;

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &utc);
    if (line->status >= 0) {
        snprintf(status, sizeof(status), "%d", line->status);
    }
    int len = snprintf(text, sizeof(text),
                       "%s.%03ldZ %s:%u %s %s \"%s\" %s %" PRIu64 " %" PRIu64 ".%06" PRIu64 "\n",
                       stamp, now.tv_nsec / 1000000, sim_addr_format(line->client, client),
                       line->port, line->protocol, line->method, escape(line->name, name), status,
                       line->bytes, line->took / SIM_S, line->took % SIM_S / SIM_US);
    /* A log that can't be written must not stop the serving, and there is nobody to tell. */
    ssize_t written = write(log->fd, text, (size_t)len);
    (void)written;
}

void sim_server_log_close(struct sim_server_log *log)
{
    if (log != NULL) {
        if (log->is_ours) {
            close(log->fd);
        }
        free(log);
    }
}
