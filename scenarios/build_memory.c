/* scenarios/build_memory.c -- how much memory the phones of a virtual group take at their busiest:
 * for the estimate, before anything is made.
 *
 * Three things take memory: that a phone is there; that it fetches now; that it shares now, for
 * each file. How many fetch at once follows from the load of the line: what all fetch takes so
 * long, and they come within the spread. How many share at once follows from how long a phone does:
 * until it has its files and has lingered. Bytes are measured: peaks of whole runs
 * (engine.peak_rss_bytes) of 20 to a million phones, both networks, on x86-64 with glibc. Left out:
 * faults, what a phone keeps while it waits to be let in again, and that sites are not all at their
 * busiest at the same time. */
#include "scenarios/build_inner.h"

enum {
    BYTES_SHARING = 3100, /* the peer machine with what it keeps for the next file, the world's
                             streams, ports and events of it */
    BYTES_FILE = 500, /* a tree, a place in its root's table, the copy: for each file, also where
                         a load has one tree */
};

static uint64_t bytes_of(const struct scenario_firmware *firmware)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < firmware->files_len; i++) {
        bytes += firmware->files[i].size;
    }
    return bytes;
}

/* At least 1: it divides. */
static sim_duration spread_of(const struct scenario *s, const struct scenario_site *site)
{
    sim_duration spread = site->start_spread != SIM_NEVER ? site->start_spread : s->start_spread;

    return spread > 0 ? spread : 1;
}

static uint64_t line_rate(const struct scenario_site *site, bool from_wan)
{
    uint64_t rate = from_wan && !site->wan.none ? site->wan.down_bit_s : site->lan.rate_bit_s;

    return rate != SIM_RATE_NONE && rate > 0 ? rate : UINT64_MAX;
}

/* How long the line of one copy of the site takes for all its phones, or for a copy of each file.
 */
static sim_duration line_time(const struct scenario *s, const struct scenario_site *site,
                              bool from_wan, bool one_copy)
{
    unsigned __int128 bytes = 0;

    for (size_t k = 0; k < site->phones_len; k++) {
        const struct scenario_phones *p = &site->phones[k];
        bytes += (unsigned __int128)bytes_of(&s->firmware[p->firmware]) * (one_copy ? 1 : p->count);
    }
    unsigned __int128 ns = bytes * 8 * SIM_S / line_rate(site, from_wan);
    return ns < SIM_NEVER / 4 ? (sim_duration)ns : SIM_NEVER / 4;
}

/* `amount` x part / whole, `amount` when the part is all. */
static uint64_t share_of(uint64_t amount, sim_duration part, sim_duration whole)
{
    return part >= whole ? amount : (uint64_t)((unsigned __int128)amount * part / whole);
}

/* From switching on until a phone lets go: each file has its election and its root's wait, one copy
 * crosses the line. */
static sim_duration stay_of(const struct scenario *s, const struct scenario_site *site,
                            const struct scenario_phones *phones)
{
    uint64_t files = s->firmware[phones->firmware].files_len + 1;
    sim_duration a_file = s->pfs.listen + s->pfs.ads * s->pfs.ad_interval + s->pfs.root_wait;

    return sim_time_add(phones->boot + files * a_file + s->pfs.linger,
                        line_time(s, site, true, true));
}

/* Bytes of so many phones that share. */
static uint64_t sharing_of(const struct scenario *s, const struct scenario_site *site,
                           const struct scenario_phones *phones, uint64_t count)
{
    uint64_t files = s->firmware[phones->firmware].files_len;
    uint64_t bytes = BYTES_SHARING + files * BYTES_FILE;

    return share_of(count * bytes, stay_of(s, site, phones), spread_of(s, site));
}

/* Copies of the class among the sites first..first+len-1. */
static uint32_t copies_of(const struct scenario_site *site, uint32_t first, uint32_t len)
{
    uint32_t begin = site->first_index > first ? site->first_index : first;
    uint32_t end = site->first_index + site->count;

    end = end < first + len ? end : first + len;
    return end > begin ? end - begin : 0;
}

void build_memory_of(const struct scenario_run *run, uint32_t first, uint32_t len,
                     struct sim_virtual_crowd *crowd, uint64_t *bytes)
{
    const struct scenario *s = run->scenario;
    bool is_pfs = run->options.method == SCENARIO_PFS;
    bool from_wan = run->options.method != SCENARIO_LOAD_SERVER;
    uint64_t nodes = 0, fetching = 0, sharing = 0;

    for (size_t i = 0; i < s->sites_len; i++) {
        const struct scenario_site *site = &s->sites[i];
        uint64_t copies = copies_of(site, first, len);
        sim_duration busy = copies > 0 ? line_time(s, site, from_wan, false) : 0;
        for (size_t k = 0; copies > 0 && k < site->phones_len; k++) {
            const struct scenario_phones *phones = &site->phones[k];
            uint64_t count = copies * phones->count;
            uint64_t peers = is_pfs ? (uint64_t)((double)count * phones->pfs_share) : 0;
            nodes += count;
            fetching += share_of(count - peers, busy, spread_of(s, site));
            sharing += peers > 0 ? sharing_of(s, site, phones, peers) : 0;
        }
    }
    if (s->server.overflow == SIM_OVERFLOW_REFUSE && s->server.max_transfers > 0 &&
        fetching > s->server.max_transfers) {
        fetching = s->server.max_transfers; /* the others wait at home */
    }
    *crowd = (struct sim_virtual_crowd){
        .nodes = nodes,
        .fetching = fetching,
        .has_connections = !(s->server_protocols_given && s->protocols[0] == SIM_PROTOCOL_TFTP),
    };
    *bytes = nodes * sizeof(struct phone) + sharing;
}
