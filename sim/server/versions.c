/* sim/server/versions.c -- what libmicrohttpd says of itself. */
#include "sim/server/versions.h"

#include <microhttpd.h>

void sim_server_versions(void (*each)(void *context, const char *name, const char *version),
                         void *context)
{
    each(context, "libmicrohttpd", MHD_get_version());
}
