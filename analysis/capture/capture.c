/* analysis/capture/capture.c -- what the files for engineers have in common; see capture.h. */
#include "analysis/capture/capture.h"

#include <stdio.h>
#include <string.h>

uint32_t analysis_capture_site(const struct analysis_observed *observed,
                               const struct analysis_phone *phone, const struct sim_record *record)
{
    uint32_t phones = observed->session->scenario->phones_total;

    /* Controllers come behind all phones, one a site (scenarios/build.h). */
    return phone->is_phone || record->node < phones ? phone->site : record->node - phones;
}

void analysis_capture_said(const struct analysis_session *session, const char *what, uint64_t count,
                           const char *path, const char *advice)
{
    if (!session->quiet) {
        fprintf(session->program->err, "%s: %llu in %s%s\n", what, (unsigned long long)count, path,
                advice);
    }
}

const char *analysis_capture_role(uint32_t role)
{
    switch ((enum sim_role)role) {
    case SIM_ROLE_NONE:
        return "none";
    case SIM_ROLE_CLAIMING:
        return "claiming";
    case SIM_ROLE_ROOT_WAITING:
        return "root waiting";
    case SIM_ROLE_ROOT_FETCHING:
        return "root fetching";
    case SIM_ROLE_MEMBER:
        return "member";
    case SIM_ROLE_SERVING:
        return "serving";
    }
    return "?";
}

bool analysis_capture_path(const char *path, const char *word, char out[ANALYSIS_PATH_MAX])
{
    const char *slash = strrchr(path, '/');
    const char *name = slash != NULL ? slash + 1 : path;
    size_t len = strlen(name), at;

    if (len > 3 && strcmp(name + len - 3, ".gz") == 0) {
        len -= 3; /* the ending in front of it counts */
    }
    for (at = len; at > 0 && name[at - 1] != '.'; at--) {
    }
    if (name[0] == '\0') {
        return false;
    }
    const char *dot = name + (at > 1 ? at - 1 : len); /* none, or a hidden file: at the end */
    int n = snprintf(out, ANALYSIS_PATH_MAX, "%.*s.%s%s", (int)(dot - path), path, word, dot);
    return n >= 0 && n < ANALYSIS_PATH_MAX;
}
