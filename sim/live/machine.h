/* sim/live/machine.h -- what this machine has and this process has taken, for those above who may
 * not ask the kernel themselves (analysis/: may this run begin, what did it take). */
#ifndef SIM_LIVE_MACHINE_H
#define SIM_LIVE_MACHINE_H

#include <stdint.h>

/* Bytes that a process may still take without others being pushed out: MemAvailable of the kernel,
 * or what the control group (a container's limit) leaves, whichever is less. 0: not known. */
uint64_t sim_live_memory_available(void);
/* Processors that this process may use, at least 1. */
unsigned sim_live_cores(void);
/* Bytes that were resident at most, since the process began. */
uint64_t sim_live_memory_peak(void);

#endif /* SIM_LIVE_MACHINE_H */
