/* phones/pfs/log.c -- the console of one phone, in the format and wording of a real root phone's
 * log.
 *
 *   LEVEL HH:MM:SS.usec DLoad: text
 *
 * The real console shows the time of day; here it is the time since the run began. Lines that the
 * published log shows are worded as there, the rest in its style. */
#include <stdarg.h>
#include <stdio.h>

#include "phones/pfs/machine.h"

void pfs_log_line(struct pfs *p, enum pfs_log_level level, const char *format, ...)
{
    enum { LINE_MAX_BYTES = 480 };
    static const char *const names[] = {
#define X(name) #name,
        PFS_LOG_LEVELS(X)
#undef X
    };
    char line[LINE_MAX_BYTES];

    uint64_t us = p->now / SIM_US, s = us / 1000000;
    int len = snprintf(line, sizeof(line), "%s %02u:%02u:%02u.%06u DLoad: ", names[level],
                       (unsigned)(s / 3600), (unsigned)(s / 60 % 60), (unsigned)(s % 60),
                       (unsigned)(us % 1000000));
    va_list args;
    va_start(args, format);
    vsnprintf(line + len, sizeof(line) - (size_t)len, format, args);
    va_end(args);
    struct sim_record record = {
        .at = p->now, .node = p->id.node, .kind = SIM_RECORD_LOG, .text = line};
    sim_world_record(p->id.world, &record);
}

/* Descriptors mean nothing here: a link shows the low bits of its stream's number. */
static int fd_of(const struct pfs_link *link)
{
    return link == NULL ? -1 : (int)(link->stream & 0x7fff);
}

void pfs_log_state(struct pfs *p, const struct pfs_hier *h)
{
    int fds[PFS_FANOUT_MAX];
    uint32_t used = 0;
    char text[32 + PFS_FANOUT_MAX * 16];

    if (!p->id.log) {
        return;
    }
    for (const struct pfs_link *l = p->links; l != NULL; l = l->next) {
        if (!l->dead && l->hier == h && l->kind == PFS_LINK_CHILD && used < PFS_FANOUT_MAX) {
            fds[used++] = fd_of(l);
        }
    }
    const struct pfs_link *up = h->quest == NULL ? NULL : h->quest->up;
    int len = snprintf(text, sizeof(text), "|parent=%d><", fd_of(up));
    for (uint32_t i = 0; i < p->config->fanout; i++) {
        len += snprintf(text + len, sizeof(text) - (size_t)len, "fd[%u]=%d ", (unsigned)i,
                        i < used ? fds[i] : -1);
    }
    pfs_log(p, PFS_LOG_NOT, "%sFULL=%d", text, used >= p->config->fanout);
}
