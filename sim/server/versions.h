/* sim/server/versions.h -- versions of the libraries that the embedded server uses, as loaded now.
 */
#ifndef SIM_SERVER_VERSIONS_H
#define SIM_SERVER_VERSIONS_H

/* Calls `each` with name and version of libmicrohttpd. Strings are borrowed for the call. */
void sim_server_versions(void (*each)(void *context, const char *name, const char *version),
                         void *context);

#endif /* SIM_SERVER_VERSIONS_H */
