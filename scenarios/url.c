/* scenarios/url.c -- server.url taken apart. Names are not resolved here: the world does that when
 * it starts. */
#include <string.h>

#include "scenarios/reader.h"
#include "sim/err.h"

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "host" or "1.2.3.4" in text[0..len). What ends in a number must be a dotted quad: resolvers read
 * "127.1" and "0x7f000001" as addresses too, past every check. */
static int parse_host(const char *text, size_t len, struct scenario_url *out)
{
    if (len == 0 || len >= sizeof(out->host) || text[0] == '-' || text[0] == '.' ||
        text[len - 1] == '-') {
        return SIM_EINVAL;
    }
    memcpy(out->host, text, len);
    out->host[len] = '\0';
    if (!reader_only(out->host, ".-") || strstr(out->host, "..") != NULL || text[len - 1] == '.') {
        return SIM_EINVAL;
    }
    const char *dot = strrchr(out->host, '.');
    if (is_digit(dot == NULL ? out->host[0] : dot[1])) {
        return sim_addr_parse(out->host, &out->addr);
    }
    return 0;
}

/* ":8080" up to the path; returns what follows, NULL when it is no port. */
static const char *parse_port(const char *text, uint16_t *out)
{
    unsigned port = 0;

    if (*text != ':') {
        return text;
    }
    for (text++; is_digit(*text); text++) {
        port = port * 10 + (unsigned)(*text - '0');
        if (port > UINT16_MAX) {
            return NULL;
        }
    }
    if (port == 0) {
        return NULL;
    }
    *out = (uint16_t)port;
    return text;
}

int scenario_url_parse(const char *url, struct scenario_url *out)
{
    static const struct {
        const char *prefix;
        enum sim_protocol protocol;
        uint16_t port;
    } schemes[] = {{"http://", SIM_PROTOCOL_HTTP, 80},
                   {"https://", SIM_PROTOCOL_HTTPS, 443},
                   {"tftp://", SIM_PROTOCOL_TFTP, 69}}; /* RFC 9110, RFC 1350 */
    struct scenario_url parsed = {0};
    const char *at = NULL;

    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        size_t len = strlen(schemes[i].prefix);
        if (strncmp(url, schemes[i].prefix, len) == 0) {
            at = url + len;
            parsed.protocol = schemes[i].protocol;
            parsed.port = schemes[i].port;
        }
    }
    if (at == NULL) {
        return SIM_EINVAL;
    }
    size_t host_len = strcspn(at, ":/");
    if (parse_host(at, host_len, &parsed) != 0) {
        return SIM_EINVAL;
    }
    at = parse_port(at + host_len, &parsed.port);
    if (at == NULL || (*at != '\0' && *at != '/')) {
        return SIM_EINVAL;
    }
    size_t base_len = strlen(at);
    if (base_len > 0 && (!reader_only(at, "/._~+-") || strstr(at, "..") != NULL)) {
        return SIM_EINVAL;
    }
    while (base_len > 0 && at[base_len - 1] == '/') {
        base_len--;
    }
    if (base_len >= sizeof(parsed.base)) {
        return SIM_EINVAL;
    }
    memcpy(parsed.base, at, base_len);
    *out = parsed;
    return 0;
}
