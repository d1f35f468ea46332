/* tests/world/laws.c -- see laws.h: what may be hoped of a scenario, and the laws of its end. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/pfs/machine.h"
#include "tests/world/laws_inside.h"

void laws_break(struct laws *l, uint32_t phone, sim_time at, const char *format, ...)
{
    char addr[SIM_ADDR_TEXT_MAX] = "";
    va_list args;

    if (l->broken[0] != '\0') {
        return;
    }
    int len = 0;
    if (phone < l->phones_len) {
        len = snprintf(l->broken, sizeof(l->broken),
                       "%.9f s, phone %u of %.40s (%s): ", sim_time_seconds(at),
                       (unsigned)l->phones[phone].info.number,
                       scenario_run_site(l->run, l->phones[phone].info.site)->name,
                       sim_addr_format(l->phones[phone].info.addr, addr));
    }
    va_start(args, format);
    vsnprintf(l->broken + len, sizeof(l->broken) - (size_t)len, format, args);
    va_end(args);
}

/* ---- What may be hoped ---- */

static uint32_t phones_alone(const struct scenario *s, enum scenario_method method)
{
    uint32_t alone = 0;

    for (size_t i = 0; i < s->sites_len; i++) {
        for (size_t k = 0; k < s->sites[i].phones_len; k++) {
            const struct scenario_phones *p = &s->sites[i].phones[k];
            bool shares = method == SCENARIO_PFS && p->pfs && p->pfs_share >= 1;
            alone += shares ? 0 : p->count * s->sites[i].count;
        }
    }
    return alone;
}

static bool loses(const struct scenario *s, bool on_wan)
{
    for (size_t i = 0; i < s->sites_len; i++) {
        const struct scenario_site *site = &s->sites[i];
        if (on_wan ? !site->wan.none && site->wan.loss_ppm > 0 : site->lan.loss_ppm > 0) {
            return true;
        }
    }
    return false;
}

static void hope(struct laws *l)
{
    const struct scenario *s = l->scenario;
    const struct pfs_config *pfs = &s->pfs;
    struct laws_hopes *h = &l->hopes;
    uint32_t kinds = 0;

    for (size_t i = 0; i < s->faults_len; i++) {
        kinds |= 1u << s->faults[i].kind;
    }
    h->no_faults = kinds == 0 && !loses(s, true) && !loses(s, false);
    h->no_crash = (kinds & 1u << SCENARIO_FAULT_CRASH) == 0;
    h->no_partition = (kinds & 1u << SCENARIO_FAULT_PARTITION) == 0;
    h->no_corruption = (kinds & 1u << SCENARIO_FAULT_CORRUPT_PEER) == 0;
    /* The server may be away, too slow for all who ask it at once, or full: then a TFTP client that
     * waits for a place gets no answer and gives up. */
    uint32_t away = 1u << SCENARIO_FAULT_SERVER_DOWN | 1u << SCENARIO_FAULT_WAN_DOWN;
    bool is_served = (kinds & away) == 0 && !loses(s, true) && phones_alone(s, l->method) <= 3 &&
                     (s->server.max_transfers == 0 || s->server.max_transfers >= s->phones_total);
    h->is_cut_through = pfs->relay == PFS_CUT_THROUGH;
    /* A phone that leaves before its children have the file is no fault, but no peace either. */
    h->no_fallback = l->method == SCENARIO_PFS && h->no_faults && is_served &&
                     pfs->election == PFS_BROADCAST && pfs->rejoin_attempts > 0 &&
                     pfs->linger >= 30 * SIM_S && pfs->linger_max >= 600 * SIM_S;
    h->all_succeed = is_served && (pfs->fallback == PFS_FALLBACK_SERVER || h->no_fallback);
    /* Nobody is elected before a root that just announced itself, or a holder, may answer. */
    sim_duration election = (pfs->ads + 1) * pfs->ad_interval + pfs->root_wait + pfs->listen;
    h->one_copy = h->no_fallback && election >= PFS_ANSWER_MAX + PFS_ANSWER_GAP;
}

/* ---- Life ---- */

struct laws *laws_new(const struct scenario *s, enum scenario_method method)
{
    struct laws *l = calloc(1, sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    l->scenario = s;
    l->method = method;
    hope(l);
    for (uint32_t i = 0; i < s->firmware_len; i++) {
        const struct scenario_firmware *fw = &s->firmware[i];
        for (size_t k = 0; k <= fw->files_len && l->names_len < LAWS_FILES_MAX; k++) {
            uint32_t at = l->names_len++;
            l->firmware[at] = i;
            if (k == fw->files_len) {
                snprintf(l->index_names[at], sizeof(l->index_names[at]), "%s.loads", fw->load);
                l->names[at] = l->index_names[at];
            } else {
                l->names[at] = fw->files[k].name;
                l->sizes[at] = fw->files[k].size;
            }
        }
    }
    return l;
}

void laws_free(struct laws *l)
{
    if (l == NULL) {
        return;
    }
    for (uint32_t i = 0; l->phones != NULL && i < l->phones_len; i++) {
        free(l->phones[i].files);
    }
    free(l->phones);
    free(l->sites);
    free(l->lives);
    free(l);
}

static void on_record(void *context, unsigned lane, const struct sim_record *r)
{
    struct laws *l = context;
    (void)lane;
    if (!l->out_of_memory) {
        laws_record(l, r);
    }
}

static void on_group_ended(void *context, const struct scenario_group *group, sim_time now)
{
    struct laws *l = context;
    for (uint32_t i = 0; i < l->phones_len && !l->out_of_memory; i++) {
        uint32_t site = l->phones[i].info.site;
        if (site < group->first || site - group->first >= group->len) {
            continue;
        }
        for (uint32_t k = 0; k < l->names_len; k++) {
            laws_end_life(l, i, k, now);
        }
        l->sites[site].has_ended = true;
        l->sites[site].is_cut_off = l->sites[site].is_cut_off || l->phones[i].moving > 0;
    }
    l->last_at = 0;
}

void laws_watch(struct laws *l, struct scenario_run_options *options)
{
    options->trace = (struct sim_trace){.write = on_record, .context = l};
    options->tick_context = l;
    options->group_ended = on_group_ended;
}

void laws_attach(struct laws *l, struct scenario_run *run)
{
    l->run = run;
    l->phones = calloc(l->scenario->phones_total, sizeof(l->phones[0]));
    l->sites_len = scenario_run_sites(run);
    l->sites = calloc(l->sites_len, sizeof(l->sites[0]));
    if (l->phones == NULL || l->sites == NULL) {
        l->out_of_memory = true;
        return;
    }
    l->phones_len = l->scenario->phones_total;
    for (uint32_t i = 0; i < l->phones_len; i++) {
        struct laws_phone *p = &l->phones[i];
        p->files = calloc(l->names_len, sizeof(p->files[0]));
        if (p->files == NULL || !scenario_run_phone(run, i, &p->info)) {
            l->out_of_memory = true;
            return;
        }
        for (uint32_t k = 0; k < l->names_len; k++) {
            p->files[k].parent = LAWS_NOBODY;
            p->files[k].dropped_at = SIM_NEVER;
        }
    }
}

/* ---- At the end ---- */

static void judge_phone(struct laws *l, uint32_t number, sim_time end)
{
    const struct laws_phone *p = &l->phones[number];

    if (!p->has_outcome || p->outcome == SIM_OUTCOME_UNFINISHED) {
        laws_break(l, number, end, "it never ends");
        return;
    }
    if (p->outcome == SIM_OUTCOME_FAILED && l->hopes.all_succeed && !p->was_off) {
        laws_break(l, number, end, "it failed without need: %s", p->reason);
    }
    for (uint32_t i = 0; i < l->names_len; i++) {
        const struct laws_file *f = &p->files[i];
        bool is_theirs = l->firmware[i] == p->info.firmware;
        if (f->is_moving && p->outcome != SIM_OUTCOME_FAILED && !p->was_off) {
            laws_break(l, number, end, "it still takes %s", l->names[i]);
        }
        if (l->hopes.no_faults && l->hopes.all_succeed && !p->info.pfs && is_theirs &&
            p->outcome == SIM_OUTCOME_UPGRADED && f->copies != f->holds_ever) {
            laws_break(l, number, end, "it does not share and fetched %s %u times", l->names[i],
                       (unsigned)f->copies);
        }
    }
}

static void judge_site(struct laws *l, uint32_t number)
{
    const struct sim_site_setup *setup = scenario_run_site(l->run, number);
    const struct laws_site *site = &l->sites[number];
    struct sim_site_stats stats;
    scenario_run_site_stats(l->run, number, &stats);
    bool is_lan = l->method == SCENARIO_LOAD_SERVER;
    uint64_t from_wan = is_lan ? 0 : site->from_server;
    uint64_t from_lan = site->from_peers + (is_lan ? site->from_server : 0);

    /* A TFTP transfer that begins anew and is cancelled before it has more than the copy had: what
     * came is resent, and the phone cannot tell. */
    bool is_more = stats.wan_payload_bytes > from_wan + stats.wan_resent_bytes;
    if (stats.wan_payload_bytes < from_wan || (is_more && !site->is_cut_off) ||
        (l->hopes.no_faults && stats.wan_payload_bytes != from_wan)) {
        laws_break(l, LAWS_NOBODY, 0, "%s: %llu bytes of payload on the line, phones got %llu",
                   setup->name, (unsigned long long)stats.wan_payload_bytes,
                   (unsigned long long)from_wan);
    }
    if (l->hopes.no_faults ? stats.lan_payload_bytes != from_lan
                           : stats.lan_payload_bytes < from_lan) {
        laws_break(l, LAWS_NOBODY, 0, "%s: %llu bytes of payload on the LAN, phones got %llu",
                   setup->name, (unsigned long long)stats.lan_payload_bytes,
                   (unsigned long long)from_lan);
    }
    /* Whatever did not become part of a whole copy was sent again. */
    uint64_t got = site->from_server + site->from_peers;
    if (l->hopes.no_crash && l->hopes.no_corruption && l->hopes.all_succeed &&
        got != site->held + stats.wan_resent_bytes) {
        laws_break(l, LAWS_NOBODY, 0, "%s: %llu bytes came, %llu in whole copies, %llu resent",
                   setup->name, (unsigned long long)got, (unsigned long long)site->held,
                   (unsigned long long)stats.wan_resent_bytes);
    }
    if (setup->wan.none || stats.wan_bytes == 0) {
        return;
    }
    if (stats.wan_bytes < stats.wan_payload_bytes + stats.wan_config_bytes) {
        laws_break(l, LAWS_NOBODY, 0, "%s: more bodies than bytes on the line", setup->name);
    }
    if (l->scenario->network == SCENARIO_FLUID) {
        return; /* flows that meet trade bytes: for a while they carry more together than the line
                 */
    }
    unsigned __int128 can = (unsigned __int128)setup->wan.down_bit_s * stats.wan_busy / SIM_S / 8;
    if (stats.wan_bytes > can + 3000 || stats.wan_busy > scenario_run_ended(l->run)) {
        laws_break(l, LAWS_NOBODY, 0, "%s: %llu bytes crossed a line that was busy for %.6f s",
                   setup->name, (unsigned long long)stats.wan_bytes,
                   sim_time_seconds(stats.wan_busy));
    }
}

static void judge_server(struct laws *l)
{
    struct sim_server_stats server;
    struct sim_site_stats stats;
    uint64_t fetches = 0, payload = 0;
    bool is_cut_off = false;

    if (!scenario_run_server_stats(l->run, &server)) {
        laws_break(l, LAWS_NOBODY, 0, "no server");
        return;
    }
    for (uint32_t i = 0; i < l->sites_len; i++) {
        scenario_run_site_stats(l->run, i, &stats);
        fetches += stats.fetches;
        payload += stats.wan_payload_bytes + stats.wan_config_bytes;
        is_cut_off = is_cut_off || l->sites[i].is_cut_off;
    }
    /* It counts a request when it has done with it. */
    if (l->method != SCENARIO_LOAD_SERVER && !is_cut_off && server.payload_bytes < payload) {
        laws_break(l, LAWS_NOBODY, 0, "the server sent %llu bytes of bodies, the sites got %llu",
                   (unsigned long long)server.payload_bytes, (unsigned long long)payload);
    }
    if (l->method != SCENARIO_LOAD_SERVER && server.requests > fetches) {
        laws_break(l, LAWS_NOBODY, 0, "the server heard %llu requests of %llu",
                   (unsigned long long)server.requests, (unsigned long long)fetches);
    }
    if (l->scenario->server.max_transfers != 0 &&
        server.peak_transfers > l->scenario->server.max_transfers) {
        laws_break(l, LAWS_NOBODY, 0, "%u transfers at once, more than max_transfers",
                   (unsigned)server.peak_transfers);
    }
}

const char *laws_judge(struct laws *l, int rc)
{
    struct sim_live_usage usage;
    sim_time end = scenario_run_ended(l->run);

    if (rc != 0) {
        laws_break(l, LAWS_NOBODY, end, "the run ended with %s", sim_err_text(rc));
    }
    if (l->out_of_memory) {
        laws_break(l, LAWS_NOBODY, end, "the laws ran out of memory");
    }
    if (l->broken[0] != '\0') {
        return l->broken;
    }
    for (uint32_t i = 0; i < l->phones_len; i++) {
        judge_phone(l, i, end);
    }
    scenario_run_usage(l->run, &usage);
    if (usage.nodes != usage.nodes_finished) {
        laws_break(l, LAWS_NOBODY, end, "%llu nodes, %llu have ended",
                   (unsigned long long)usage.nodes, (unsigned long long)usage.nodes_finished);
    }
    for (uint32_t i = 0; i < l->sites_len; i++) {
        judge_site(l, i);
    }
    judge_server(l);
    if (l->hopes.one_copy) {
        laws_judge_copies(l);
    }
    return l->broken[0] == '\0' ? NULL : l->broken;
}
