/* analysis/capture/pcap.c -- see pcap.h. */
#include "analysis/capture/pcap.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/capture/capture.h"
#include "analysis/capture/frame.h"
#include "analysis/sort.h"
#include "sim/err.h"

/* Blocks and options of draft-ietf-opsawg-pcapng, 4.1 to 4.3. */
enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    ORDER_MAGIC = 0x1a2b3c4d,
    OPTION_COMMENT = 1,
    OPTION_USERAPPL = 4,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    LINK_ETHERNET = 1,
    SNAPLEN = 262144, /* what libpcap asks for */
    BLOCK_MAX = 16 * 1024,
    TEXT_MAX = 1000, /* bytes of a text in an option */
};

enum { MACS = 1024 }; /* remembered a lane; a power of two */

/* As it is sorted; the frame behind it. */
struct item {
    sim_time at;
    uint32_t site, original;
};

struct pcap_lane {
    uint32_t nodes[MACS]; /* node + 1; 0: none */
    uint64_t macs[MACS];
    uint16_t server_id;
};

struct analysis_pcap {
    const struct analysis_session *session;
    const struct scenario_run *run; /* NULL: not attached */
    struct analysis_capture_file *file;
    struct analysis_sort *sort;
    uint16_t *ids;        /* of IP packets, by node: each belongs to one lane */
    uint8_t *seen;        /* by site: it has packets */
    uint32_t *interfaces; /* by site, when the file is written */
    uint64_t packets;     /* written */
    unsigned lanes_len;
    struct pcap_lane *lanes;
    /* a block under construction */
    size_t len;
    uint8_t block[BLOCK_MAX];
};

/* ---- During the run ---- */

static uint64_t mac_of(const struct analysis_pcap *p, struct pcap_lane *lane, sim_node node)
{
    struct scenario_phone_info info;
    uint32_t at = node & (MACS - 1);

    if (lane->nodes[at] != node + 1) {
        lane->macs[at] = scenario_run_phone(p->run, node, &info) ? info.mac : 0;
        lane->nodes[at] = node + 1;
    }
    return lane->macs[at];
}

/* Of who is no phone: locally administered, then its address. The server is behind the gateway. */
static uint64_t other_mac(const struct analysis_pcap *p, const struct sim_packet *packet,
                          sim_addr addr)
{
    const struct sim_site_setup *site = scenario_run_site(p->run, packet->site);
    const struct sim_cidr block = {site->base, site->bits};

    if (addr == SIM_TAP_BROADCAST) {
        return UINT64_C(0xffffffffffff);
    }
    return UINT64_C(0x020000000000) | (sim_cidr_contains(&block, addr) ? addr : (site->base | 1U));
}

static void on_packet(void *context, unsigned lane_number, const struct sim_packet *packet)
{
    struct analysis_pcap *p = context;
    uint8_t frame[ANALYSIS_FRAME_MAX];
    uint64_t macs[2];
    struct item item;

    if (p->run == NULL) {
        return;
    }
    assert(lane_number < p->lanes_len);
    struct pcap_lane *lane = &p->lanes[lane_number];
    bool is_phone = packet->from_node < scenario_run_nodes(p->run);
    macs[0] = is_phone ? mac_of(p, lane, packet->from_node) : other_mac(p, packet, packet->from);
    macs[1] = packet->to_node < scenario_run_nodes(p->run) ? mac_of(p, lane, packet->to_node)
                                                           : other_mac(p, packet, packet->to);
    uint16_t id = is_phone ? p->ids[packet->from_node]++ : lane->server_id++;
    memset(&item, 0, sizeof(item));
    size_t len = analysis_frame_write(frame, packet, macs, id, &item.original);
    item.at = packet->at;
    item.site = packet->site;
    p->seen[packet->site] = 1;
    analysis_sort_add(p->sort, lane_number, packet->at, lane_number, &item, sizeof(item), frame,
                      len);
}

/* ---- The file ---- */

static void put(struct analysis_pcap *p, const void *bytes, size_t len)
{
    assert(p->len + len <= BLOCK_MAX);
    memcpy(p->block + p->len, bytes, len);
    p->len += len;
    while (p->len % 4 != 0) {
        p->block[p->len++] = 0;
    }
}

static void put32(struct analysis_pcap *p, uint32_t value)
{
    const uint8_t bytes[4] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16),
                              (uint8_t)(value >> 24)}; /* little-endian, as ORDER_MAGIC says */
    put(p, bytes, 4);
}

static void begin(struct analysis_pcap *p, uint32_t type)
{
    p->len = 0;
    put32(p, type);
    put32(p, 0); /* length */
}

static void end(struct analysis_pcap *p)
{
    size_t len = p->len + 4;

    put32(p, (uint32_t)len);
    p->len = 4;
    put32(p, (uint32_t)len);
    analysis_capture_write(p->file, p->block, len);
}

static void put_option(struct analysis_pcap *p, uint32_t code, const void *value, size_t len)
{
    len = len < TEXT_MAX ? len : TEXT_MAX;
    put32(p, code | (uint32_t)len << 16);
    put(p, value, len);
}

static void put_text(struct analysis_pcap *p, uint32_t code, const char *text)
{
    put_option(p, code, text, strlen(text));
}

static void write_section(struct analysis_pcap *p)
{
    const struct analysis_session *s = p->session;
    char text[TEXT_MAX];

    begin(p, BLOCK_SECTION);
    put32(p, ORDER_MAGIC);
    put32(p, 1); /* version 1.0 */
    put32(p, UINT32_MAX);
    put32(p, UINT32_MAX); /* the section's length: not said */
    snprintf(text, sizeof(text),
             "%.300s: method %s, seed %llu, %s world. Instants count from the run's beginning; "
             "bodies keep their first bytes only.",
             s->scenario->name, scenario_method_name(s->method), (unsigned long long)s->seed,
             scenario_world_name(s->world));
    put_text(p, OPTION_COMMENT, text);
    snprintf(text, sizeof(text), "pfsim %s", s->program->version);
    put_text(p, OPTION_USERAPPL, text);
    put32(p, 0); /* end of options */
    end(p);
}

static void write_interfaces(struct analysis_pcap *p)
{
    static const uint8_t nanoseconds = 9;
    uint32_t number = 0;

    for (uint32_t i = 0; i < scenario_run_sites(p->run); i++) {
        if (p->seen[i] == 0) {
            continue;
        }
        p->interfaces[i] = number++;
        begin(p, BLOCK_INTERFACE);
        put32(p, LINK_ETHERNET);
        put32(p, SNAPLEN);
        put_text(p, OPTION_IF_NAME, scenario_run_site(p->run, i)->name);
        put_option(p, OPTION_IF_TSRESOL, &nanoseconds, 1);
        put32(p, 0);
        end(p);
    }
}

static void write_packet(void *context, const void *bytes, size_t len)
{
    struct analysis_pcap *p = context;
    struct item item;

    assert(len > sizeof(item));
    memcpy(&item, bytes, sizeof(item));
    p->packets++;
    begin(p, BLOCK_PACKET);
    put32(p, p->interfaces[item.site]);
    put32(p, (uint32_t)(item.at >> 32));
    put32(p, (uint32_t)item.at);
    put32(p, (uint32_t)(len - sizeof(item)));
    put32(p, item.original);
    put(p, (const uint8_t *)bytes + sizeof(item), len - sizeof(item));
    end(p);
    analysis_capture_mark(p->file);
}

/* ---- Life ---- */

int analysis_pcap_new(struct analysis_pcap **out, const struct analysis_session *session,
                      char why[ANALYSIS_WHY_MAX])
{
    struct analysis_pcap *p = calloc(1, sizeof(*p));
    char dir[ANALYSIS_PATH_MAX];
    int rc;

    static_assert(ANALYSIS_FRAME_MAX + sizeof(struct item) <= ANALYSIS_SORT_THING_MAX, "it fits");
    static_assert(ANALYSIS_FRAME_MAX + 64 <= BLOCK_MAX, "it fits");
    if (p == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    p->session = session;
    p->lanes_len = session->world == SCENARIO_LIVE ? session->scenario->threads : 1;
    if ((rc = analysis_capture_open(&p->file, session->pcap, "", why)) != 0 ||
        (rc = analysis_capture_folder(session->pcap, dir, why)) != 0 ||
        (rc = analysis_sort_new(&p->sort, dir, p->lanes_len, why)) != 0) {
        analysis_pcap_free(p);
        return rc;
    }
    *out = p;
    return 0;
}

struct sim_tap analysis_pcap_tap(struct analysis_pcap *p)
{
    return (struct sim_tap){.write = on_packet, .context = p};
}

static int on_finish(void *context, const struct analysis_figures *figures, const cJSON *document,
                     char why[ANALYSIS_WHY_MAX])
{
    struct analysis_pcap *p = context;

    (void)figures;
    (void)document;
    write_section(p);
    write_interfaces(p);
    int rc = analysis_sort_read(p->sort, write_packet, p, "the captured packets", why);
    if (rc != 0) {
        analysis_capture_cut(p->file, why);
    } else {
        rc = analysis_capture_commit(p->file, why);
    }
    p->file = NULL;
    if (rc == 0) {
        analysis_capture_said(p->session, "packets", p->packets, p->session->pcap, "");
    }
    return rc;
}

static void on_free(void *context)
{
    struct analysis_pcap *p = context;
    p->run = NULL; /* see on_packet() */
}

int analysis_pcap_attach(struct analysis_pcap *p, struct analysis_observers *observers,
                         const struct scenario_run *run, char why[ANALYSIS_WHY_MAX])
{
    assert(observers->len < ANALYSIS_OBSERVERS_MAX);
    observers->list[observers->len++] =
        (struct analysis_observer){.context = p, .finish = on_finish, .free = on_free};
    p->ids = calloc((size_t)scenario_run_nodes(run) + 1, sizeof(*p->ids));
    p->seen = calloc((size_t)scenario_run_sites(run) + 1, sizeof(*p->seen));
    p->interfaces = calloc((size_t)scenario_run_sites(run) + 1, sizeof(*p->interfaces));
    p->lanes = calloc(p->lanes_len, sizeof(*p->lanes));
    if (p->ids == NULL || p->seen == NULL || p->interfaces == NULL || p->lanes == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    p->run = run;
    return 0;
}

void analysis_pcap_free(struct analysis_pcap *p)
{
    if (p != NULL) {
        analysis_capture_discard(p->file);
        analysis_sort_free(p->sort);
        free(p->ids);
        free(p->seen);
        free(p->interfaces);
        free(p->lanes);
        free(p);
    }
}
