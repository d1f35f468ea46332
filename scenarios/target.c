/* scenarios/target.c -- see target.h. */
#include "scenarios/target.h"

#include <stdio.h>

#include "sim/live/resolve.h"

enum {
    HTTP_PORT = 80,
    HTTPS_PORT = 443,
    TFTP_PORT = 69,
};

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

static uint16_t port_of(const struct scenario_url *url, enum sim_protocol protocol,
                        uint16_t standard)
{
    return url->protocol == protocol ? url->port : standard;
}

/* The URL taken apart, its host resolved, and its address one that may be a target. */
static int find(const struct scenario *s, struct scenario_url *url, sim_addr *addr,
                char why[SCENARIO_WHY_MAX])
{
    char text[SIM_ADDR_TEXT_MAX];
    int rc = scenario_url_parse(s->server_url, url);
    if (rc != 0) {
        snprintf(why, SCENARIO_WHY_MAX, "server.url %.200s is no http, https or tftp URL",
                 s->server_url);
        return rc;
    }
    if ((rc = sim_live_resolve(url->host, addr, why, SCENARIO_WHY_MAX)) != 0) {
        return rc;
    }
    if (!sim_addr_is_target(*addr, s->server.allow, s->server.allow_len)) {
        snprintf(why, SCENARIO_WHY_MAX,
                 "%s is neither loopback nor private: name it in server.allow to aim at it",
                 sim_addr_format(*addr, text));
        return SIM_EACCES;
    }
    return 0;
}

int scenario_target_find(const struct scenario *s, struct sim_live_server *out,
                         char why[SCENARIO_WHY_MAX])
{
    struct scenario_url url;
    sim_addr addr;
    int rc = find(s, &url, &addr, why);
    if (rc != 0) {
        return rc;
    }
    *out = (struct sim_live_server){.http_addr = 0};
    snprintf(out->host, sizeof(out->host), "%s", url.host);
    snprintf(out->base, sizeof(out->base), "%s", url.base);
    if (has_protocol(s, SIM_PROTOCOL_HTTP, url.protocol)) {
        out->http_addr = addr;
        out->http_port = port_of(&url, SIM_PROTOCOL_HTTP, HTTP_PORT);
    }
    if (has_protocol(s, SIM_PROTOCOL_HTTPS, url.protocol)) {
        out->https_addr = addr;
        out->https_port = port_of(&url, SIM_PROTOCOL_HTTPS, HTTPS_PORT);
    }
    if (has_protocol(s, SIM_PROTOCOL_TFTP, url.protocol)) {
        out->tftp_addr = addr;
        out->tftp_port = port_of(&url, SIM_PROTOCOL_TFTP,
                                 s->server.tftp_port != 0 ? s->server.tftp_port : TFTP_PORT);
    }
    return 0;
}

int scenario_target_probe(const struct scenario *s, const struct sim_live_server *target,
                          char why[SCENARIO_WHY_MAX])
{
    sim_addr source = s->server.sources_len > 0 ? s->server.sources[0] : 0;
    int rc = 0;
    if (target->http_addr != 0) {
        rc = sim_live_probe(source, target->http_addr, target->http_port, s->server.timeout, why,
                            SCENARIO_WHY_MAX);
    }
    if (rc == 0 && target->https_addr != 0) {
        rc = sim_live_probe(source, target->https_addr, target->https_port, s->server.timeout, why,
                            SCENARIO_WHY_MAX);
    }
    return rc;
}
