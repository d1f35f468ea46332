/* sim/live/machine.c -- see machine.h. Reads /proc and the control group of version 2; of version 1
 * and of other systems it knows less, never something wrong. */
#include "sim/live/machine.h"

#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* One number in a file; false when it says "max", or is not there. */
static bool read_number(const char *path, uint64_t *out)
{
    FILE *file = fopen(path, "re");
    bool ok = file != NULL && fscanf(file, "%" SCNu64, out) == 1;

    if (file != NULL) {
        fclose(file);
    }
    return ok;
}

/* The number of the line of that form; 0 when there is none. */
static uint64_t read_line(const char *path, const char *name)
{
    char line[160], word[64];
    uint64_t value = 0;
    FILE *file = fopen(path, "re");

    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        uint64_t found;
        if (sscanf(line, "%63s %" SCNu64, word, &found) == 2 && strcmp(word, name) == 0) {
            value = found;
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return value;
}

unsigned sim_live_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long n = sysconf(_SC_NPROCESSORS_ONLN); /* more than cpu_set_t has room for */
    return n > 0 ? (unsigned)n : 1;
}

uint64_t sim_live_memory_available(void)
{
    uint64_t available = read_line("/proc/meminfo", "MemAvailable:") * 1024;
    uint64_t limit = 0, used = 0;

    /* In a container its own group is mounted there. */
    if (read_number("/sys/fs/cgroup/memory.max", &limit) &&
        read_number("/sys/fs/cgroup/memory.current", &used)) {
        /* Files read and not used lately count as taken there, but make room when asked to. */
        uint64_t cached = read_line("/sys/fs/cgroup/memory.stat", "inactive_file");
        uint64_t left = limit - (used > cached ? used - cached : 0);
        left = left <= limit ? left : 0;
        available = available == 0 || left < available ? left : available;
    }
    return available;
}

uint64_t sim_live_memory_peak(void)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_maxrss * 1024;
}
