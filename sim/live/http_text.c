/* sim/live/http_text.c -- the texts of HTTP that we read or write ourselves: pure functions.
 *
 * Leaves out: HTTP itself, which libcurl reads. */
#include "sim/live/http_parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "sim/err.h"

int http_place_read(const char *url, struct http_place *out)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    int rc = SIM_EINVAL;

    if (u == NULL) {
        return SIM_ENOMEM;
    }
    if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
        (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0) &&
        strlen(host) < sizeof(out->host)) {
        *out = (struct http_place){.https = strcmp(scheme, "https") == 0,
                                   .port = (uint16_t)strtoul(port, NULL, 10)};
        strcpy(out->host, host);
        out->numeric = sim_addr_parse(host, &out->addr) == 0;
        rc = out->port != 0 ? 0 : SIM_EINVAL;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return rc;
}

/* Digits only, at most 19 of them, so that it fits. Returns what follows or NULL. */
static const char *read_number(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    int count = 0;

    while (count < 19 && text[count] >= '0' && text[count] <= '9') {
        value = value * 10 + (uint64_t)(text[count] - '0');
        count++;
    }
    *out = value;
    return count == 0 || (text[count] >= '0' && text[count] <= '9') ? NULL : text + count;
}

bool http_range_read(const char *text, struct http_range *out)
{
    struct http_range range = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

    if (strncasecmp(text, "bytes ", 6) != 0) {
        return false;
    }
    text += 6;
    if (*text == '*') {
        text++;
    } else {
        text = read_number(text, &range.from);
        if (text == NULL || *text != '-' || (text = read_number(text + 1, &range.to)) == NULL ||
            range.to < range.from) {
            return false;
        }
    }
    if (*text++ != '/') {
        return false;
    }
    if (text[0] == '*' && range.from != UINT64_MAX) {
        text++;
    } else {
        text = read_number(text, &range.total);
        if (text == NULL || (range.from != UINT64_MAX && range.to >= range.total)) {
            return false;
        }
    }
    if (*text != '\0') {
        return false;
    }
    *out = range;
    return true;
}

const char *http_url_text(const char *url, char *out)
{
    const char *authority = strstr(url, "://");
    size_t start = authority == NULL ? 0 : (size_t)(authority - url) + 3;
    size_t len = strcspn(url + start, "/?#");
    const char *host = url + start;

    for (size_t i = 0; i < len; i++) {
        if (url[start + i] == '@') {
            host = url + start + i + 1;
        }
    }
    if (snprintf(out, HTTP_TEXT_MAX, "%.*s%s", (int)start, url, host) >= HTTP_TEXT_MAX) {
        strcpy(out + HTTP_TEXT_MAX - 4, "...");
    }
    for (char *c = out; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f) {
            *c = '?'; /* a redirect's bytes are the network's */
        }
    }
    return out;
}

const char *http_duration_text(sim_duration duration, char *out)
{
    if (duration % SIM_S == 0) {
        snprintf(out, 32, "%" PRIu64 " s", duration / SIM_S);
    } else {
        snprintf(out, 32, "%" PRIu64 " ms", duration / SIM_MS);
    }
    return out;
}
