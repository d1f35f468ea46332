/* analysis/capture/events.c -- --events: every record, a JSON object a line. See capture.h.
 *
 * The first line says what the file is. Records follow in order of (group of sites, instant,
 * sequence): a virtual run tells them so, and they are written as they come. The lanes of a live
 * run tell theirs at the same time: these are sorted by (instant, lane, sequence) at the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/capture/capture.h"
#include "analysis/capture/file.h"
#include "analysis/result.h"
#include "analysis/sort.h"
#include "sim/err.h"

enum { FORMAT_VERSION = 1 };

struct events {
    struct analysis_observed observed;
    struct analysis_capture_file *file;
    struct analysis_sort *sort; /* several lanes; NULL else */
    uint64_t *told;             /* by lane */
};

static const char *source_name(uint32_t source)
{
    switch ((enum sim_digest_source)source) {
    case SIM_DIGEST_SCENARIO:
        return "scenario";
    case SIM_DIGEST_DIRECTORY:
        return "directory";
    case SIM_DIGEST_SYNTHETIC:
        return "synthetic";
    case SIM_DIGEST_LOADS:
        return "loads";
    case SIM_DIGEST_FIRST_USE:
        return "first use";
    }
    return "?";
}

static void put_number(struct analysis_line *l, const char *name, uint64_t value)
{
    analysis_line_print(l, ",\"%s\":%llu", name, (unsigned long long)value);
}

/* As Wireshark and console logs show it. */
static void put_xid(struct analysis_line *l, uint64_t xid)
{
    analysis_line_print(l, ",\"xid\":\"0x%08llx\"", (unsigned long long)xid);
}

static void put_peer(struct analysis_line *l, const char *name, sim_addr peer, const char *none)
{
    char text[SIM_ADDR_TEXT_MAX];

    if (peer != 0 || none != NULL) {
        analysis_line_member(l, name, peer != 0 ? sim_addr_format(peer, text) : none);
    }
}

/* What sim/trace.h says of each kind's fields. */
static void put_fields(struct analysis_line *l, const struct sim_record *r)
{
    switch (r->kind) {
    case SIM_RECORD_PHASE:
        analysis_line_member(l, "phase", sim_phase_name((enum sim_phase)r->a));
        analysis_line_member(l, "file", r->name);
        return;
    case SIM_RECORD_TRANSFER_BEGIN:
        analysis_line_member(l, "file", r->name);
        put_peer(l, "from", r->peer, "server");
        put_number(l, "offset", r->b);
        return;
    case SIM_RECORD_TRANSFER_END:
        analysis_line_member(l, "file", r->name);
        put_peer(l, "from", r->peer, "server");
        analysis_line_member(l, "status", r->a == 0 ? "ok" : sim_err_text(-(int)r->a));
        put_number(l, "bytes", r->b);
        put_number(l, "began_ns", r->c);
        analysis_line_member(l, "reason", r->a != 0 ? r->text : NULL);
        return;
    case SIM_RECORD_CLAIM:
        analysis_line_member(l, "file", r->name);
        put_number(l, "strength", r->a);
        put_xid(l, r->b);
        return;
    case SIM_RECORD_ROLE:
        analysis_line_member(l, "file", r->name);
        analysis_line_member(l, "role", analysis_capture_role(r->a));
        put_xid(l, r->b);
        return;
    case SIM_RECORD_ATTACH:
        analysis_line_member(l, "file", r->name);
        put_peer(l, "parent", r->peer, NULL);
        put_number(l, "depth", r->a);
        put_xid(l, r->b);
        return;
    case SIM_RECORD_DETACH:
        analysis_line_member(l, "file", r->name);
        put_peer(l, "parent", r->peer, NULL);
        analysis_line_member(l, "reason", sim_err_text(-(int)r->a));
        return;
    case SIM_RECORD_CHILDREN:
        analysis_line_member(l, "file", r->name);
        put_number(l, "children", r->a);
        put_xid(l, r->b);
        put_peer(l, "child", r->peer, NULL);
        return;
    case SIM_RECORD_HOLD:
        analysis_line_member(l, "file", r->name);
        analysis_line_member(l, "digest_source", source_name(r->a));
        put_number(l, "size", r->b);
        put_peer(l, "from", r->peer, "server");
        return;
    case SIM_RECORD_REJECT:
        analysis_line_member(l, "file", r->name);
        put_peer(l, "from", r->peer, "server");
        analysis_line_member(l, "reason", r->text);
        return;
    case SIM_RECORD_RESUME:
        analysis_line_member(l, "file", r->name);
        put_number(l, "offset", r->b);
        return;
    case SIM_RECORD_FALLBACK:
        analysis_line_member(l, "file", r->name);
        analysis_line_member(l, "reason", r->text);
        return;
    case SIM_RECORD_RETRY:
        analysis_line_member(l, "file", r->name);
        put_number(l, "attempt", r->a);
        analysis_line_member(l, "reason", r->text);
        return;
    case SIM_RECORD_OUTCOME:
        analysis_line_member(l, "outcome", analysis_result_outcome(r->a));
        analysis_line_member(l, "reason", r->text);
        return;
    case SIM_RECORD_BACK:
        analysis_line_member(l, "version", r->name);
        return;
    case SIM_RECORD_FAULT:
    case SIM_RECORD_LOG:
        analysis_line_member(l, "text", r->text);
        return;
    }
}

static void put_line(void *context, const void *bytes, size_t len)
{
    struct events *e = context;

    analysis_capture_write(e->file, bytes, len);
    analysis_capture_mark(e->file);
}

static void on_record(void *context, unsigned lane, const struct analysis_phone *phone,
                      const struct sim_record *r)
{
    struct events *e = context;
    struct analysis_line l;
    char text[SIM_ADDR_TEXT_MAX];
    uint32_t site = analysis_capture_site(&e->observed, phone, r);

    e->told[lane]++;
    l.len = 0;
    analysis_line_print(
        &l, "{\"at\":%llu.%09llu,\"at_ns\":%llu,\"phone\":", (unsigned long long)(r->at / SIM_S),
        (unsigned long long)(r->at % SIM_S), (unsigned long long)r->at);
    if (phone->is_phone) {
        analysis_line_string(&l, sim_addr_format(phone->addr, text));
    } else {
        analysis_line_print(&l, "null");
    }
    if (site < scenario_run_sites(e->observed.run)) {
        analysis_line_member(&l, "site", scenario_run_site(e->observed.run, site)->name);
    }
    analysis_line_member(&l, "kind", sim_record_kind_name(r->kind));
    put_fields(&l, r);
    analysis_line_print(&l, "}\n");
    if (e->sort != NULL) {
        analysis_sort_add(e->sort, lane, r->at, lane, l.text, l.len, NULL, 0);
    } else {
        put_line(e, l.text, l.len);
    }
}

static void put_header(struct events *e)
{
    const struct analysis_session *s = e->observed.session;
    struct analysis_line l = {.len = 0};

    analysis_line_print(&l, "{\"format\":\"pfsim events\",\"version\":%d", FORMAT_VERSION);
    analysis_line_member(&l, "pfsim", s->program->version);
    analysis_line_member(&l, "scenario", s->scenario->name);
    analysis_line_member(&l, "world", scenario_world_name(s->world));
    analysis_line_member(&l, "method", scenario_method_name(s->method));
    put_number(&l, "seed", s->seed);
    struct scenario_share share = scenario_run_share(e->observed.run);
    put_number(&l, "phones", share.phones);
    put_number(&l, "sites", share.len);
    put_number(&l, "groups", e->observed.groups);
    analysis_line_print(&l, "}\n");
    put_line(e, l.text, l.len);
}

static int on_finish(void *context, const struct analysis_figures *figures, const cJSON *document,
                     char why[ANALYSIS_WHY_MAX])
{
    struct events *e = context;
    int rc =
        e->sort == NULL ? 0 : analysis_sort_read(e->sort, put_line, e, "the list of events", why);

    (void)figures;
    (void)document;
    if (rc != 0) {
        analysis_capture_cut(e->file, why);
    } else {
        rc = analysis_capture_commit(e->file, why);
    }
    e->file = NULL;
    if (rc == 0) {
        uint64_t told = 0;
        for (unsigned i = 0; i < e->observed.lanes; i++) {
            told += e->told[i];
        }
        analysis_capture_said(e->observed.session, "events", told, e->observed.session->events, "");
    }
    return rc;
}

static void on_free(void *context)
{
    struct events *e = context;

    analysis_capture_discard(e->file);
    analysis_sort_free(e->sort);
    free(e->told);
    free(e);
}

int analysis_capture_events(struct analysis_observer *out, const struct analysis_observed *observed,
                            const char *path, char why[ANALYSIS_WHY_MAX])
{
    struct events *e = calloc(1, sizeof(*e));
    uint64_t *told = calloc(observed->lanes, sizeof(*told));
    char dir[ANALYSIS_PATH_MAX];
    int rc;

    if (e == NULL || told == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        free(told);
        free(e);
        return SIM_ENOMEM;
    }
    e->told = told;
    e->observed = *observed;
    if ((rc = analysis_capture_open(&e->file, path, "", why)) != 0 ||
        (observed->lanes > 1 &&
         ((rc = analysis_capture_folder(path, dir, why)) != 0 ||
          (rc = analysis_sort_new(&e->sort, dir, observed->lanes, why)) != 0))) {
        on_free(e);
        return rc;
    }
    put_header(e);
    *out = (struct analysis_observer){
        .context = e, .record = on_record, .finish = on_finish, .free = on_free};
    return 0;
}
