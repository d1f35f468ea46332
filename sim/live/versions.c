/* sim/live/versions.c -- what libuv and libcurl say of themselves. */
#include "sim/live/versions.h"

#include <curl/curl.h>
#include <uv.h>

void sim_live_versions(void (*each)(void *context, const char *name, const char *version),
                       void *context)
{
    const curl_version_info_data *curl = curl_version_info(CURLVERSION_NOW);

    each(context, "libuv", uv_version_string());
    each(context, "libcurl", curl->version);
    if (curl->ssl_version != NULL) {
        each(context, "libcurl's TLS", curl->ssl_version);
    }
}
