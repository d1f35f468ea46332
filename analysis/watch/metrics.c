/* analysis/watch/metrics.c -- see metrics.h. */
#include "analysis/watch/metrics.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "analysis/series.h"

/* The text that grows, and the labels that all have. */
struct page {
    FILE *to;
    const struct analysis_watch_names *names;
};

/* A label's value: backslash, quote and line feed are escaped. */
static void put_value(FILE *to, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\' || *text == '"') {
            fputc('\\', to);
        }
        if (*text == '\n') {
            fputs("\\n", to);
        } else {
            fputc(*text, to);
        }
    }
}

static void family(const struct page *p, const char *name, const char *type, const char *help)
{
    fprintf(p->to, "# HELP pfsim_%s %s\n# TYPE pfsim_%s %s\n", name, help, name, type);
}

static void label(const struct page *p, const char *name, const char *value)
{
    fprintf(p->to, ",%s=\"", name);
    put_value(p->to, value);
    fputc('"', p->to);
}

/* "pfsim_NAME{method="pfs",scenario="x"", to which more labels may come. */
static void begin(const struct page *p, const char *name)
{
    fprintf(p->to, "pfsim_%s{method=\"", name);
    put_value(p->to, p->names->method);
    fputc('"', p->to);
    label(p, "scenario", p->names->scenario);
}

/* A whole series but for its value; `more` may be NULL: no further label. */
static void head(const struct page *p, const char *name, const char *more, const char *value)
{
    begin(p, name);
    if (more != NULL) {
        label(p, more, value);
    }
    fputs("} ", p->to);
}

static void count(const struct page *p, const char *name, const char *type, const char *help,
                  uint64_t value)
{
    family(p, name, type, help);
    head(p, name, NULL, NULL);
    fprintf(p->to, "%" PRIu64 "\n", value);
}

static void seconds(const struct page *p, const char *name, const char *help, sim_duration ns)
{
    family(p, name, "gauge", help);
    head(p, name, NULL, NULL);
    fprintf(p->to, "%" PRIu64 ".%06" PRIu64 "\n", ns / SIM_S, ns % SIM_S / 1000);
}

static void both_ways(const struct page *p, const char *name, const char *type, const char *help,
                      uint64_t down, uint64_t up)
{
    family(p, name, type, help);
    head(p, name, "direction", "down");
    fprintf(p->to, "%" PRIu64 "\n", down);
    head(p, name, "direction", "up");
    fprintf(p->to, "%" PRIu64 "\n", up);
}

/* Prometheus counts in bytes; an eighth has three places. */
static void rate(const struct page *p, uint64_t bit_s)
{
    fprintf(p->to, "%" PRIu64 ".%03" PRIu64 "\n", bit_s / 8, bit_s % 8 * 125);
}

static void put_phones(const struct page *p, const struct analysis_watch_sample *s)
{
    static const char *const outcomes[4] = {
        [SIM_OUTCOME_UPGRADED] = "upgraded",
        [SIM_OUTCOME_CURRENT] = "current",
        [SIM_OUTCOME_FAILED] = "failed",
        [SIM_OUTCOME_UNFINISHED] = "unfinished",
    };

    family(p, "phones", "gauge", "Phones in each phase now.");
    for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
        head(p, "phones", "phase", analysis_series_phase((enum sim_phase)i));
        fprintf(p->to, "%" PRIu32 "\n", s->phases[i]);
    }
    family(p, "phones_ended", "gauge", "Phones by outcome so far; the rest are under way.");
    for (unsigned i = 0; i < 4; i++) {
        head(p, "phones_ended", "outcome", outcomes[i]);
        fprintf(p->to, "%" PRIu32 "\n", s->outcomes[i]);
    }
    count(p, "files_held", "gauge", "Firmware files that phones hold, whole and verified.",
          s->files_held);
    count(p, "files_wanted", "gauge", "Firmware files that phones hold when all are done.",
          s->files_wanted);
    count(p, "transfers_resumed_total", "counter", "Transfers that went on where one broke off.",
          s->resumed);
    count(p, "transfers_rejected_total", "counter", "Files received with a wrong digest.",
          s->rejected);
}

static void put_lines(const struct page *p, const struct analysis_watch_sample *s)
{
    both_ways(p, "wan_bytes_total", "counter",
              "Bytes of packets on all WAN lines, headers and framing included.", s->sum.wan_bytes,
              s->sum.wan_up_bytes);
    count(p, "wan_payload_bytes_total", "counter",
          "Bytes of firmware towards the sites, resent ones too.", s->sum.wan_payload_bytes);
    count(p, "wan_config_bytes_total", "counter", "Bytes of configuration towards the sites.",
          s->sum.wan_config_bytes);
    count(p, "wan_drops_total", "counter", "Packets lost or dropped on WAN lines.",
          s->sum.wan_drops);
    if (s->has_rates) {
        family(p, "wan_rate_bytes_per_second", "gauge",
               "Rate of all WAN lines together over the last second.");
        head(p, "wan_rate_bytes_per_second", "direction", "down");
        rate(p, s->down_bit_s);
        head(p, "wan_rate_bytes_per_second", "direction", "up");
        rate(p, s->up_bit_s);
    }
    if (p->names->configured_bit_s > 0) {
        family(p, "wan_configured_bytes_per_second", "gauge",
               "Configured rate of all WAN lines towards the sites.");
        head(p, "wan_configured_bytes_per_second", NULL, NULL);
        rate(p, p->names->configured_bit_s);
    }
    count(p, "lan_payload_bytes_total", "counter", "Bytes of firmware between phones.",
          s->sum.lan_payload_bytes);
    count(p, "lan_broadcasts_total", "counter", "Broadcasts of phones.", s->sum.lan_broadcasts);
}

/* Of a server that is not ours only the phones' side is known, as in the result. */
static void put_server(const struct page *p, const struct analysis_watch_sample *s)
{
    const struct sim_server_stats *own = &s->server;
    bool known = s->has_server;

    count(p, "server_requests_total", "counter", "Requests to the provisioning server.",
          known ? own->requests : s->sum.fetches);
    count(p, "server_errors_total", "counter", "Requests that ended with an error.",
          known ? own->errors : s->sum.fetch_errors);
    count(p, "server_refused_total", "counter", "Requests refused because the server was full.",
          known ? own->refused : s->sum.fetch_refused);
    if (known) {
        count(p, "server_payload_bytes_total", "counter", "Bytes of files that it sent.",
              own->payload_bytes);
    }
    count(p, "server_transfers", "gauge", "Transfers under way at the server.",
          known ? own->transfers : s->sum.fetches_now);
}

static void put_sample(const struct page *p, const struct analysis_watch_sample *s)
{
    seconds(p, "elapsed_seconds",
            s->groups > 1 ? "Virtual time of the site that runs now: they run one after another."
                          : "Time of the run: virtual in the virtual world.",
            s->at);
    put_phones(p, s);
    put_lines(p, s);
    put_server(p, s);
    if (s->groups > 1) {
        count(p, "sites", "gauge", "Sites of the run; they run one after another.", s->groups);
        count(p, "sites_run", "gauge", "Sites that have run.", s->groups_ended);
    }
    if (s->has_lag) {
        seconds(p, "loop_lag_p99_seconds",
                "How late timers of the first loop fired: 99 % of them at most that.", s->lag_p99);
    }
}

char *analysis_watch_metrics(const struct analysis_watch_names *names,
                             const struct analysis_watch_sample *sample, size_t *len)
{
    char *text = NULL;
    FILE *to = open_memstream(&text, len);
    struct page p = {.to = to, .names = names};

    if (to == NULL) {
        return NULL;
    }
    family(&p, "build_info", "gauge", "The program; always 1.");
    fputs("pfsim_build_info{version=\"", to);
    put_value(to, names->version);
    fputs("\"} 1\n", to);
    if (names->scenario != NULL) {
        char seed[24];
        snprintf(seed, sizeof(seed), "%" PRIu64, names->seed);
        count(&p, "running", "gauge", "1 while the run goes on, 0 when it has ended.",
              names->is_running);
        family(&p, "run_info", "gauge", "The run; always 1.");
        begin(&p, "run_info");
        label(&p, "seed", seed);
        label(&p, "world", names->world);
        fputs("} 1\n", to);
        seconds(&p, "wall_seconds", "Real time since the run began.", names->wall);
    }
    if (names->scenario != NULL && sample != NULL) {
        put_sample(&p, sample);
    }
    if (ferror(to) != 0) {
        fclose(to);
        free(text);
        return NULL;
    }
    return fclose(to) == 0 ? text : (free(text), NULL);
}
