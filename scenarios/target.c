/* scenarios/target.c -- see target.h. */
#include "scenarios/target.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/live/resolve.h"

enum {
    HTTP_PORT = 80,
    HTTPS_PORT = 443,
    TFTP_PORT = 69,
};

struct url {
    enum sim_protocol scheme;
    char host[256];
    uint16_t port; /* 0: the scheme's */
    char base[SIM_WORLD_PATH_MAX];
};

/* The loader has checked the form; this only takes it apart. */
static int split(const char *text, struct url *out)
{
    static const struct {
        const char *prefix;
        enum sim_protocol scheme;
    } schemes[] = {
        {"http://", SIM_PROTOCOL_HTTP},
        {"https://", SIM_PROTOCOL_HTTPS},
        {"tftp://", SIM_PROTOCOL_TFTP},
    };
    *out = (struct url){.port = 0};
    const char *at = NULL;
    for (size_t i = 0; i < 3 && at == NULL; i++) {
        if (strncmp(text, schemes[i].prefix, strlen(schemes[i].prefix)) == 0) {
            out->scheme = schemes[i].scheme;
            at = text + strlen(schemes[i].prefix);
        }
    }
    if (at == NULL) {
        return SIM_EINVAL;
    }
    size_t host_len = strcspn(at, ":/");
    if (host_len == 0 || host_len >= sizeof(out->host)) {
        return SIM_EINVAL;
    }
    memcpy(out->host, at, host_len);
    at += host_len;
    if (*at == ':') {
        char *end;
        unsigned long port = strtoul(at + 1, &end, 10);
        if (port == 0 || port > 65535) {
            return SIM_EINVAL;
        }
        out->port = (uint16_t)port;
        at = end;
    }
    size_t len = strlen(at);
    while (len > 0 && at[len - 1] == '/') {
        len--;
    }
    if (len >= sizeof(out->base)) {
        return SIM_EINVAL;
    }
    memcpy(out->base, at, len);
    return 0;
}

static bool may_be_target(const struct scenario *s, sim_addr addr)
{
    if (sim_addr_is_loopback(addr) || sim_addr_is_private(addr)) {
        return true;
    }
    for (size_t i = 0; i < s->server.allow_len; i++) {
        if (sim_cidr_contains(&s->server.allow[i], addr)) {
            return true;
        }
    }
    return false;
}

static bool has_protocol(const struct scenario *s, enum sim_protocol protocol,
                         enum sim_protocol scheme)
{
    if (!s->server_protocols_given) {
        return protocol == scheme;
    }
    for (size_t i = 0; i < s->protocols_len; i++) {
        if (s->protocols[i] == protocol) {
            return true;
        }
    }
    return false;
}

static uint16_t port_of(const struct url *url, enum sim_protocol protocol, uint16_t standard)
{
    return url->scheme == protocol && url->port != 0 ? url->port : standard;
}

int scenario_target_resolve(const struct scenario *s, struct sim_live_server *out,
                            char why[SCENARIO_WHY_MAX])
{
    struct url url;
    sim_addr addr;
    char text[SIM_ADDR_TEXT_MAX];
    int rc = split(s->server_url, &url);
    if (rc != 0) {
        snprintf(why, SCENARIO_WHY_MAX, "server.url %.200s is no http, https or tftp URL",
                 s->server_url);
        return rc;
    }
    if ((rc = sim_live_resolve(url.host, &addr, why, SCENARIO_WHY_MAX)) != 0) {
        return rc;
    }
    if (!may_be_target(s, addr)) {
        snprintf(why, SCENARIO_WHY_MAX,
                 "%s is neither loopback nor private: name it in server.allow to aim at it",
                 sim_addr_format(addr, text));
        return SIM_EACCES;
    }
    *out = (struct sim_live_server){.http_addr = 0};
    snprintf(out->host, sizeof(out->host), "%s", url.host);
    snprintf(out->base, sizeof(out->base), "%s", url.base);
    sim_addr source = s->server.sources_len > 0 ? s->server.sources[0] : 0;
    if (has_protocol(s, SIM_PROTOCOL_HTTP, url.scheme)) {
        out->http_addr = addr;
        out->http_port = port_of(&url, SIM_PROTOCOL_HTTP, HTTP_PORT);
        rc = sim_live_probe(source, addr, out->http_port, s->server.timeout, why, SCENARIO_WHY_MAX);
    }
    if (rc == 0 && has_protocol(s, SIM_PROTOCOL_HTTPS, url.scheme)) {
        out->https_addr = addr;
        out->https_port = port_of(&url, SIM_PROTOCOL_HTTPS, HTTPS_PORT);
        rc =
            sim_live_probe(source, addr, out->https_port, s->server.timeout, why, SCENARIO_WHY_MAX);
    }
    if (has_protocol(s, SIM_PROTOCOL_TFTP, url.scheme)) {
        out->tftp_addr = addr;
        out->tftp_port = port_of(&url, SIM_PROTOCOL_TFTP,
                                 s->server.tftp_port != 0 ? s->server.tftp_port : TFTP_PORT);
    }
    return rc;
}
