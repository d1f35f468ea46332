/* sim/trace.c -- names of kinds and phases. */
#include "sim/trace.h"

const char *sim_record_kind_name(enum sim_record_kind kind)
{
    switch (kind) {
#define X(name)                                                                                    \
    case SIM_RECORD_##name:                                                                        \
        return #name;
        SIM_RECORD_KINDS(X)
#undef X
    }
    return "?";
}

const char *sim_phase_name(enum sim_phase phase)
{
    static const char *const names[SIM_PHASES_LEN] = {
        [SIM_PHASE_OFF] = "off",
        [SIM_PHASE_BOOT] = "boot",
        [SIM_PHASE_CONFIGURE] = "configure",
        [SIM_PHASE_ELECT] = "elect",
        [SIM_PHASE_WAIT] = "wait",
        [SIM_PHASE_FETCH_PEER] = "fetch from peer",
        [SIM_PHASE_FETCH_SERVER] = "fetch from server",
        [SIM_PHASE_VERIFY] = "verify",
        [SIM_PHASE_LINGER] = "linger",
        [SIM_PHASE_APPLY] = "apply",
        [SIM_PHASE_REBOOT] = "reboot",
        [SIM_PHASE_IN_SERVICE] = "in service",
        [SIM_PHASE_FAILED] = "failed",
    };
    return phase < SIM_PHASES_LEN ? names[phase] : "?";
}
