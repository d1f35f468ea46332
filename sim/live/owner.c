/* sim/live/owner.c -- is a port free, and if not, whose is it? See inner.h.
 *
 * SO_REUSEPORT lets two runs of one user share a port in silence, each getting half of the
 * connections, so the port is first bound alone. The owner is found the way ss(8) does it:
 * inode, then /proc/PID/fd. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/live/inner.h"

enum {
    LINE_MAX_BYTES = 512, /* of /proc/net/tcp: 150 */
    STATE_LISTEN = 0x0A,  /* TCP_LISTEN in the kernel's table */
};

bool live_owner_parse(const char *line, bool tcp, uint16_t port, uint64_t *inode)
{
    unsigned local = 0, state = 0;
    uint64_t found = 0;

    if (sscanf(line,
               " %*u: %*32[0-9A-Fa-f]:%x %*32[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u "
               "%" SCNu64,
               &local, &state, &found) != 3) {
        return false;
    }
    if (local != port || (tcp && state != STATE_LISTEN)) {
        return false;
    }
    *inode = found;
    return true;
}

static bool find_inode(const char *table, bool tcp, uint16_t port, uint64_t *inode)
{
    char line[LINE_MAX_BYTES];
    bool found = false;
    FILE *file = fopen(table, "re");

    if (file == NULL) {
        return false;
    }
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        found = live_owner_parse(line, tcp, port, inode);
    }
    fclose(file);
    return found;
}

static bool process_has(const char *process, const char *link_wanted)
{
    char path[64], link[64];
    struct dirent *entry;
    bool found = false;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%.20s/fd", process);
    dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    while (!found && (entry = readdir(dir)) != NULL) {
        ssize_t n = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

        if (n > 0) {
            link[n] = '\0';
            found = strcmp(link, link_wanted) == 0;
        }
    }
    closedir(dir);
    return found;
}

static void name_process(const char *process, char out[LIVE_OWNER_MAX])
{
    char path[64], name[32] = "?";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%.20s/comm", process);
    file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof(name), file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }
        fclose(file);
    }
    snprintf(out, LIVE_OWNER_MAX, "%s (process %.20s)", name, process);
}

static void find_owner(bool tcp, uint16_t port, char out[LIVE_OWNER_MAX])
{
    char wanted[64];
    uint64_t inode = 0;
    struct dirent *entry;
    DIR *proc;

    snprintf(out, LIVE_OWNER_MAX, "another process");
    if (!find_inode(tcp ? "/proc/net/tcp" : "/proc/net/udp", tcp, port, &inode) &&
        !find_inode(tcp ? "/proc/net/tcp6" : "/proc/net/udp6", tcp, port, &inode)) {
        return;
    }
    proc = opendir("/proc");
    if (proc == NULL) {
        return;
    }
    snprintf(wanted, sizeof(wanted), "socket:[%" PRIu64 "]", inode);
    while ((entry = readdir(proc)) != NULL) {
        if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
            process_has(entry->d_name, wanted)) {
            name_process(entry->d_name, out);
            break;
        }
    }
    closedir(proc);
}

static int probe_one(bool tcp, uint16_t port, char why[SIM_LIVE_TEXT_MAX])
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
    const char *kind = tcp ? "TCP" : "UDP";
    char owner[LIVE_OWNER_MAX];
    int rc = 0, on = 1;
    int fd = socket(AF_INET, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        rc = sim_err_from_errno(errno);
        snprintf(why, SIM_LIVE_TEXT_MAX, "no socket for %s port %u: %s", kind, (unsigned)port,
                 sim_err_text(rc));
        return rc;
    }
    /* Connections of the last run may still be in TIME_WAIT; a listener is refused anyway. */
    if (tcp) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    }
    if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 || (tcp && listen(fd, 1) != 0)) {
        int errnum = errno;

        rc = sim_err_from_errno(errnum);
        if (errnum == EADDRINUSE) {
            find_owner(tcp, port, owner);
            snprintf(why, SIM_LIVE_TEXT_MAX,
                     "%s port %u is taken by %s: end it, or choose another \"pfs\": { \"port\" }",
                     kind, (unsigned)port, owner);
        } else {
            snprintf(why, SIM_LIVE_TEXT_MAX, "%s port %u can't be bound: %s", kind, (unsigned)port,
                     strerror(errnum));
        }
    }
    close(fd);
    return rc;
}

int live_owner_probe(uint16_t port, char why[SIM_LIVE_TEXT_MAX])
{
    int rc = probe_one(false, port, why);

    return rc != 0 ? rc : probe_one(true, port, why);
}
