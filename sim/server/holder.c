/* sim/server/holder.c -- see holder.h. */
#include "sim/server/holder.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    SOCKETS_MAX = 200000,     /* lines of /proc/net/tcp that are read */
    DESCRIPTORS_MAX = 500000, /* links that are read, all processes together */
    STATE_LISTEN = 0x0a,      /* of a line in /proc/net/tcp */
};

/* The inode of a socket that holds `port`, in one table of /proc/net; 0 when there is none. */
static uint64_t find_inode(const char *table, bool udp, uint16_t port)
{
    char line[512];
    uint64_t found = 0;
    FILE *file = fopen(table, "re");
    if (file == NULL) {
        return 0;
    }
    for (int i = 0; i < SOCKETS_MAX && found == 0 && fgets(line, sizeof(line), file) != NULL; i++) {
        unsigned local_port, state;
        uint64_t inode;
        if (sscanf(line, " %*d: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %*s %*s %" SCNu64, &local_port,
                   &state, &inode) == 3 &&
            local_port == port && (udp || state == STATE_LISTEN)) {
            found = inode;
        }
    }
    fclose(file);
    return found;
}

/* Does the process `pid` (a name in /proc) hold the socket? Takes what it looks at from `*budget`.
 */
static bool holds(const char *pid, uint64_t inode, int *budget)
{
    char path[64], want[64], target[64];
    bool found = false;

    snprintf(want, sizeof(want), "socket:[%" PRIu64 "]", inode);
    snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return false;
    }
    for (struct dirent *entry; !found && *budget > 0 && (entry = readdir(dir)) != NULL;) {
        ssize_t len = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);
        (*budget)--;
        if (len > 0) {
            target[len] = '\0';
            found = strcmp(target, want) == 0;
        }
    }
    closedir(dir);
    return found;
}

static void name_process(const char *pid, char out[SIM_SERVER_HOLDER_MAX])
{
    char path[64], name[32] = "";
    snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
    FILE *file = fopen(path, "re");
    if (file != NULL) {
        if (fgets(name, sizeof(name), file) != NULL) {
            name[strcspn(name, "\n")] = '\0';
        }
        fclose(file);
    }
    snprintf(out, SIM_SERVER_HOLDER_MAX, "%s, process %.20s", name[0] != '\0' ? name : "unnamed",
             pid);
}

bool sim_server_holder_find(bool udp, uint16_t port, char out[SIM_SERVER_HOLDER_MAX])
{
    int budget = DESCRIPTORS_MAX;
    bool found = false;
    uint64_t inode = find_inode(udp ? "/proc/net/udp" : "/proc/net/tcp", udp, port);
    if (inode == 0) {
        inode = find_inode(udp ? "/proc/net/udp6" : "/proc/net/tcp6", udp, port);
    }
    out[0] = '\0';
    DIR *dir = inode == 0 ? NULL : opendir("/proc");
    if (dir == NULL) {
        return false;
    }
    for (struct dirent *entry; !found && budget > 0 && (entry = readdir(dir)) != NULL;) {
        if (isdigit((unsigned char)entry->d_name[0]) && holds(entry->d_name, inode, &budget)) {
            name_process(entry->d_name, out);
            found = true;
        }
    }
    closedir(dir);
    return found;
}
