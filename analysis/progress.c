/* analysis/progress.c -- one line, redrawn or repeated. */
#include "analysis/progress.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "sim/units.h"

enum { LINE_MAX_BYTES = 256, WIDTH = 80 };

struct analysis_progress {
    struct analysis_progress_config config;
    bool live;     /* `to` is a terminal */
    bool is_drawn; /* a live line is on it now */
    uint64_t next; /* clock of the next plain line */
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
    p->next = config->clock + ANALYSIS_PROGRESS_PLAIN_S * SIM_S;
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

/* Appends at `*len`; what does not fit is cut. */
static void append(char *out, size_t cap, size_t *len, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void append(char *out, size_t cap, size_t *len, const char *format, ...)
{
    va_list arguments;

    if (*len + 1 >= cap) {
        return;
    }
    va_start(arguments, format);
    int n = vsnprintf(out + *len, cap - *len, format, arguments);
    va_end(arguments);
    if (n > 0) {
        *len = *len + (size_t)n < cap ? *len + (size_t)n : cap - 1;
    }
}

/* Phones on their way, by phase; those off or done are told otherwise. */
static void append_phases(const struct analysis_progress *p, char *out, size_t cap, size_t *len)
{
    uint64_t phases[SIM_PHASES_LEN] = {0};
    const char *before = "  ";

    for (uint32_t site = 0; site < p->config.sites; site++) {
        uint32_t of_site[SIM_PHASES_LEN];
        analysis_collect_phases(p->config.collect, site, of_site);
        for (unsigned i = 0; i < SIM_PHASES_LEN; i++) {
            phases[i] += of_site[i];
        }
    }
    for (unsigned i = SIM_PHASE_BOOT; i < SIM_PHASE_IN_SERVICE; i++) {
        if (phases[i] > 0) {
            append(out, cap, len, "%s%llu %s", before, (unsigned long long)phases[i],
                   sim_phase_name((enum sim_phase)i));
            before = ", ";
        }
    }
}

/* From the share of files held: rough, but it needs no model of the method. */
static void append_expected(const struct analysis_progress *p, sim_time now, char *out, size_t cap,
                            size_t *len)
{
    uint64_t held = analysis_collect_held(p->config.collect);
    uint64_t wanted = analysis_collect_wanted(p->config.collect);
    char text[SIM_UNITS_TEXT_MAX];

    if (wanted == 0 || held < wanted / 20 || held == 0 || held >= wanted) {
        return;
    }
    unsigned __int128 elapsed = sim_time_since(now, p->config.start_at);
    sim_duration left = (sim_duration)(elapsed * (wanted - held) / held);
    append(out, cap, len, "  files in about %s",
           sim_units_format_duration((left + SIM_S - 1) / SIM_S * SIM_S, text));
}

void analysis_progress_text(const struct analysis_progress *p, sim_time now, uint64_t wan_bit_s,
                            char *out, size_t cap)
{
    uint32_t outcomes[4];
    char text[SIM_UNITS_TEXT_MAX];
    size_t len = 0;

    analysis_collect_outcomes(p->config.collect, outcomes);
    append(out, cap, &len, "%s %.1f s  %u/%u upgraded", p->config.method, sim_time_seconds(now),
           outcomes[SIM_OUTCOME_UPGRADED] + outcomes[SIM_OUTCOME_CURRENT], p->config.phones);
    if (outcomes[SIM_OUTCOME_FAILED] > 0) {
        append(out, cap, &len, "  %u failed", outcomes[SIM_OUTCOME_FAILED]);
    }
    if (p->config.configured_bit_s > 0) {
        append(out, cap, &len, "  WAN %s", sim_units_format_rate(wan_bit_s, text));
        append(out, cap, &len, " of %s", sim_units_format_rate(p->config.configured_bit_s, text));
    }
    append_expected(p, now, out, cap, &len);
    append_phases(p, out, cap, &len);
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

    if (p->config.quiet || (!p->live && clock < p->next)) {
        return;
    }
    /* One column stays free: a full line would wrap, and could not be redrawn. */
    analysis_progress_text(p, now, wan_bit_s, line,
                           p->live ? width_of(p->config.to) : sizeof(line));
    pthread_mutex_lock(&p->lock);
    if (p->live) {
        fprintf(p->config.to, "\r%s\033[K", line);
        p->is_drawn = true;
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
