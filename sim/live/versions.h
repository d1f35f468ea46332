/* sim/live/versions.h -- versions of the libraries that the live world uses, as loaded now. */
#ifndef SIM_LIVE_VERSIONS_H
#define SIM_LIVE_VERSIONS_H

/* Calls `each` with name and version of libuv, libcurl and what libcurl itself stands on. Strings
 * are borrowed for the call. */
void sim_live_versions(void (*each)(void *context, const char *name, const char *version),
                       void *context);

#endif /* SIM_LIVE_VERSIONS_H */
