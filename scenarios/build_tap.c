/* scenarios/build_tap.c -- the tap of a run: what sim/tap needs to know of a scenario. See
 * build_inner.h. */
#include <stdio.h>
#include <string.h>

#include "scenarios/build_inner.h"

/* Of a CUCM's TFTP service, and of the protocols; TEST-NET-2 (RFC 5737) stands for a server whose
 * name nobody has resolved: a virtual run asks no DNS. */
enum {
    NOMINAL_HTTP = 6970,
    NOMINAL_HTTPS = 6971,
    PORT_HTTP = 80,
    PORT_HTTPS = 443,
    PORT_TFTP = 69,
};
#define LOCALHOST UINT32_C(0x7f000001)  /* 127.0.0.1 */
#define UNRESOLVED UINT32_C(0xc6336401) /* 198.51.100.1 */

static uint16_t port_of(const struct scenario_url *url, enum sim_protocol protocol,
                        uint16_t standard)
{
    return url->protocol == protocol ? url->port : standard;
}

static void server_of(const struct scenario *s, sim_addr resolved, struct sim_tap_server *out)
{
    struct scenario_url url;

    *out = (struct sim_tap_server){.addr = LOCALHOST,
                                   .http_port = NOMINAL_HTTP,
                                   .https_port = NOMINAL_HTTPS,
                                   .tftp_port = PORT_TFTP};
    snprintf(out->host, sizeof(out->host), "127.0.0.1");
    if (s->server_url == NULL || scenario_url_parse(s->server_url, &url) != 0) {
        return;
    }
    out->addr = url.addr != 0 ? url.addr : resolved != 0 ? resolved : UNRESOLVED;
    out->http_port = port_of(&url, SIM_PROTOCOL_HTTP, PORT_HTTP);
    out->https_port = port_of(&url, SIM_PROTOCOL_HTTPS, PORT_HTTPS);
    out->tftp_port = port_of(&url, SIM_PROTOCOL_TFTP,
                             s->server.tftp_port != 0 ? s->server.tftp_port : PORT_TFTP);
    snprintf(out->host, sizeof(out->host), "%s", url.host);
    if (url.base[0] != '\0') {
        snprintf(out->base, sizeof(out->base), "%s/", url.base + 1); /* both begin with '/' */
    }
}

void build_tap_config(const struct scenario_run *run, struct sim_tap_config *out)
{
    const struct scenario *s = run->scenario;

    *out = (struct sim_tap_config){
        .tap = run->options.tap,
        .sites = &run->setups[run->share.first],
        .first_site = run->share.first,
        .sites_len = run->share.len,
        .server = &run->server_setup,
        .catalog = run->catalog,
        .user_agent = "pfsim",
        .peer_port = s->pfs.port,
        .asks_progress = run->options.world == SCENARIO_LIVE,
    };
    server_of(s, 0, &out->wan_server);
}
