/* analysis/progress.c -- one line, redrawn or repeated. */
#include "analysis/progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sim/units.h"

enum {
    LINE_MAX_BYTES = 256,
    WIDTH = 80,
    WIDE = 110, /* columns from which on there is room for whole words and the files held */
};

struct analysis_progress {
    struct analysis_progress_config config;
    bool live;     /* `to` is a terminal */
    bool is_drawn; /* a live line is on it now */
    uint64_t next; /* clock of the next plain line, or drawing */
    uint32_t groups_ended;
    pthread_mutex_t lock;
};

struct analysis_progress *analysis_progress_new(const struct analysis_progress_config *config)
{
    struct analysis_progress *p = calloc(1, sizeof(*p));

    if (p == NULL) {
        return NULL;
    }
    p->config = *config;
    p->live = isatty(fileno(config->to)) == 1;
    p->next = p->live ? config->clock : config->clock + ANALYSIS_PROGRESS_PLAIN_S * SIM_S;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

/* With the lock held. */
static void erase(struct analysis_progress *p)
{
    if (p->is_drawn) {
        fprintf(p->config.to, "\r\033[K");
        fflush(p->config.to);
        p->is_drawn = false;
    }
}

void analysis_progress_free(struct analysis_progress *p)
{
    if (p == NULL) {
        return;
    }
    pthread_mutex_lock(&p->lock);
    erase(p);
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_destroy(&p->lock);
    free(p);
}

/* A line of parts, each whole or not there at all. */
struct line {
    char *text;
    size_t cap, len;
    bool full; /* a part did not fit: none comes behind it */
};

static void append(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(struct line *line, const char *format, ...)
{
    va_list arguments;

    if (line->full) {
        return;
    }
    va_start(arguments, format);
    int n = vsnprintf(line->text + line->len, line->cap - line->len, format, arguments);
    va_end(arguments);
    if (n < 0 || (size_t)n >= line->cap - line->len) {
        line->full = true;
        line->text[line->len] = '\0';
        return;
    }
    line->len += (size_t)n;
}

/* Phones on their way, by phase, most first; those off or done are told otherwise. */
static void append_phases(const struct analysis_progress *p, struct line *line)
{
    static const struct {
        enum sim_phase phase;
        const char *doing;
    } rows[] = {
        {SIM_PHASE_BOOT, "booting"},          {SIM_PHASE_CONFIGURE, "configuring"},
        {SIM_PHASE_ELECT, "electing"},        {SIM_PHASE_WAIT, "waiting"},
        {SIM_PHASE_FETCH_PEER, "from peers"}, {SIM_PHASE_FETCH_SERVER, "from the server"},
        {SIM_PHASE_VERIFY, "verifying"},      {SIM_PHASE_LINGER, "still serving"},
        {SIM_PHASE_APPLY, "applying"},        {SIM_PHASE_REBOOT, "rebooting"},
    };
    uint64_t phases[SIM_PHASES_LEN] = {0};
    const char *before = "  ";

    for (uint32_t site = 0; site < p->config.sites; site++) {
        uint32_t of_site[SIM_PHASES_LEN];
        analysis_collect_phases(p->config.collect, site, of_site);
        for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
            phases[i] += of_site[i];
        }
    }
    for (;;) {
        size_t most = 0;
        for (size_t i = 1; i < sizeof(rows) / sizeof(rows[0]); i++) {
            most = phases[rows[i].phase] > phases[rows[most].phase] ? i : most;
        }
        if (phases[rows[most].phase] == 0) {
            return;
        }
        append(line, "%s%llu %s", before, (unsigned long long)phases[rows[most].phase],
               rows[most].doing);
        phases[rows[most].phase] = 0;
        before = ", ";
    }
}

/* From the share of files held: rough, but it needs no model of the method. `elapsed`: of the time
 * that is asked for. */
static void append_expected(const struct analysis_progress *p, sim_duration elapsed,
                            struct line *line, bool is_short)
{
    uint64_t held = analysis_collect_held(p->config.collect);
    uint64_t wanted = analysis_collect_wanted(p->config.collect);
    char text[SIM_UNITS_TEXT_MAX];

    if (wanted == 0 || held < wanted / 20 || held == 0 || held >= wanted) {
        return;
    }
    sim_duration left = (sim_duration)((unsigned __int128)elapsed * (wanted - held) / held);
    sim_units_format_duration((left + SIM_S - 1) / SIM_S * SIM_S, text);
    if (is_short) {
        append(line, ", ~%s left", text);
    } else {
        append(line, p->config.is_virtual ? ", done in about %s" : ", the last in about %s", text);
    }
}

/* Where the run is: an instant of it, or how many of its sites have run. */
static void append_place(const struct analysis_progress *p, sim_time now, struct line *line)
{
    if (p->config.groups > 1) {
        append(line, "%s  %u/%u sites", p->config.method, p->groups_ended, p->config.groups);
    } else {
        append(line, "%s at %.1f s", p->config.method, sim_time_seconds(now));
    }
}

/* "WAN 1.94 Mbit/s of 6 Mbit/s"; short: "WAN 1.94 of 6 Mbit/s". */
static void append_wan(const struct analysis_progress *p, uint64_t wan_bit_s, struct line *line,
                       bool is_short)
{
    char rate[SIM_UNITS_TEXT_MAX], of[SIM_UNITS_TEXT_MAX];

    if (p->config.configured_bit_s == 0) {
        return;
    }
    sim_units_format_rate(wan_bit_s, rate);
    sim_units_format_rate(p->config.configured_bit_s, of);
    char *unit = strchr(rate, ' ');
    const char *of_unit = strchr(of, ' ');
    if (is_short && unit != NULL && of_unit != NULL && strcmp(unit, of_unit) == 0) {
        *unit = '\0';
    }
    append(line, "  WAN %s of %s", rate, of);
}

void analysis_progress_text(const struct analysis_progress *p, sim_time now, uint64_t clock,
                            uint64_t wan_bit_s, char *out, size_t cap)
{
    struct line line = {.text = out, .cap = cap};
    sim_duration passed = clock - p->config.clock; /* real time */
    bool is_short = cap < WIDE;
    uint32_t outcomes[4];

    analysis_collect_outcomes(p->config.collect, outcomes);
    append_place(p, now, &line);
    append(&line, "  %u/%u phones", outcomes[SIM_OUTCOME_UPGRADED] + outcomes[SIM_OUTCOME_CURRENT],
           p->config.phones);
    if (outcomes[SIM_OUTCOME_FAILED] > 0) {
        append(&line, ", %u FAILED", outcomes[SIM_OUTCOME_FAILED]);
    }
    uint64_t held = analysis_collect_held(p->config.collect);
    uint64_t wanted = analysis_collect_wanted(p->config.collect);
    /* A phone that crashed takes its files again. Phones that share are done all at once: until
     * then files are what grows. */
    if (!is_short || outcomes[SIM_OUTCOME_UPGRADED] == 0) {
        append(&line, "  %llu/%llu files", (unsigned long long)(held < wanted ? held : wanted),
               (unsigned long long)wanted);
    }
    if (p->config.is_virtual) {
        append(&line, "  computing for %.1f s", sim_time_seconds(passed));
    }
    append_expected(p, p->config.is_virtual ? passed : sim_time_since(now, p->config.start_at),
                    &line, is_short);
    if (p->config.groups > 1) {
        return; /* rate and phases are of one site: they say nothing of the others */
    }
    append_wan(p, wan_bit_s, &line, is_short);
    append_phases(p, &line);
}

void analysis_progress_group_ended(struct analysis_progress *p)
{
    pthread_mutex_lock(&p->lock);
    p->groups_ended++;
    pthread_mutex_unlock(&p->lock);
}

static size_t width_of(FILE *to)
{
    struct winsize size;

    if (ioctl(fileno(to), TIOCGWINSZ, &size) != 0 || size.ws_col < 20) {
        return WIDTH;
    }
    return size.ws_col < LINE_MAX_BYTES ? size.ws_col : LINE_MAX_BYTES;
}

void analysis_progress_tick(struct analysis_progress *p, sim_time now, uint64_t clock,
                            uint64_t wan_bit_s)
{
    char line[LINE_MAX_BYTES];

    pthread_mutex_lock(&p->lock);
    if (p->config.quiet || clock < p->next) {
        pthread_mutex_unlock(&p->lock);
        return;
    }
    /* One column stays free: a full line would wrap, and could not be redrawn. */
    analysis_progress_text(p, now, clock, wan_bit_s, line,
                           p->live ? width_of(p->config.to) : sizeof(line));
    if (p->live) {
        fprintf(p->config.to, "\r%s\033[K", line);
        p->is_drawn = true;
        p->next = clock + ANALYSIS_PROGRESS_LIVE_MS * SIM_MS;
    } else {
        fprintf(p->config.to, "%s\n", line);
        p->next = clock + ANALYSIS_PROGRESS_PLAIN_S * SIM_S;
    }
    fflush(p->config.to);
    pthread_mutex_unlock(&p->lock);
}

void analysis_progress_line(struct analysis_progress *p, FILE *to, const char *format, ...)
{
    va_list arguments;

    if (p != NULL) {
        pthread_mutex_lock(&p->lock);
        erase(p);
    }
    va_start(arguments, format);
    vfprintf(to, format, arguments);
    va_end(arguments);
    fputc('\n', to);
    fflush(to);
    if (p != NULL) {
        pthread_mutex_unlock(&p->lock);
    }
}
