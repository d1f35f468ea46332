/* analysis/report/view_series.c -- series.csv and lag.csv: rates of all lines together, phones by
 * phase over time.
 *
 * Rows say what was the mean over the time since the site's row before; sites may come one after
 * another or side by side. What crossed is dealt into at most 1000 equal bins, whose width is one
 * second or doubles as often as it must: no byte is lost and memory does not grow with rows. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/report/view_parts.h"
#include "analysis/series.h"
#include "sim/err.h"

enum { BINS = ANALYSIS_VIEW_POINTS, EDGES = BINS + 1 };
enum { DOWN, UP, LAN, BUSIEST, RATES };
enum {
    TIME,
    SITE,
    FIRST_RATE,
    FIRST_PHASE = FIRST_RATE + 3,
    COLUMNS = FIRST_PHASE + SIM_PHASES_LEN
};

/* A site's last row. */
struct last {
    double at;
    double phases[SIM_PHASES_LEN];
};

struct series {
    double width, end;
    double bytes[RATES][BINS];
    double changes[SIM_PHASES_LEN][EDGES]; /* phones that entered less those that left, by edge */
    const char *busiest;                   /* NULL: none is shown */
    double busiest_end;
    struct last *lasts; /* by number of the site */
    size_t lasts_cap;
};

static void widen(struct series *s)
{
    for (unsigned r = 0; r < RATES; r++) {
        for (size_t i = 0; i < BINS; i++) {
            double both = 2 * i + 1 < BINS ? s->bytes[r][2 * i] + s->bytes[r][2 * i + 1] : 0;
            s->bytes[r][i] = both;
        }
    }
    for (unsigned p = 0; p < SIM_PHASES_LEN; p++) {
        for (size_t i = 1; i < EDGES; i++) { /* edge i is now edge i/2, rounded up */
            double change = s->changes[p][i];
            s->changes[p][i] = 0;
            s->changes[p][(i + 1) / 2] += change;
        }
    }
    s->width *= 2;
}

/* `rate` from `from` to `to` (> from, within the bins). */
static void add_bytes(struct series *s, unsigned what, double from, double to, double rate)
{
    for (size_t i = (size_t)(from / s->width); i < BINS && (double)i * s->width < to; i++) {
        double begin = fmax(from, (double)i * s->width);
        double end = fmin(to, (double)(i + 1) * s->width);
        s->bytes[what][i] += end > begin ? rate * (end - begin) : 0;
    }
}

static struct last *last_of(struct series *s, uint32_t site)
{
    if (site >= s->lasts_cap) {
        size_t cap = 2 * (size_t)site + 16;
        struct last *grown = realloc(s->lasts, cap * sizeof(*grown));
        if (grown == NULL) {
            return NULL;
        }
        memset(grown + s->lasts_cap, 0, (cap - s->lasts_cap) * sizeof(*grown));
        s->lasts = grown;
        s->lasts_cap = cap;
    }
    return &s->lasts[site];
}

/* 0, SIM_EINVAL with a sentence, SIM_ENOMEM. */
static int take_row(struct view_run *run, struct series *s, const struct analysis_csv *csv,
                    char why[ANALYSIS_WHY_MAX])
{
    const char *name = analysis_csv_text(csv, SITE);
    double values[COLUMNS] = {0};
    uint32_t site = 0;

    for (size_t i = 0; i < COLUMNS; i++) {
        if (i != SITE && analysis_csv_value(csv, i, &values[i], why) != 0) {
            return SIM_EINVAL;
        }
    }
    if (view_site(run, name, &site) == NULL) {
        return SIM_ENOMEM;
    }
    struct last *last = last_of(s, site);
    if (last == NULL) {
        return SIM_ENOMEM;
    }
    double at = values[TIME];
    if (at < last->at) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "series.csv: row %llu: the time of site %.60s runs backwards",
                 (unsigned long long)analysis_csv_row(csv), name);
        return SIM_EINVAL;
    }
    while (at > s->width * BINS) {
        widen(s);
    }
    bool first = !(last->at > 0);
    size_t edge = (size_t)ceil(at / s->width);
    for (unsigned p = 0; p < SIM_PHASES_LEN; p++) {
        double phones = values[FIRST_PHASE + p];
        if (first) { /* before, all of them were off */
            s->changes[SIM_PHASE_OFF][0] += phones;
            last->phases[SIM_PHASE_OFF] += phones;
        }
    }
    for (unsigned p = 0; p < SIM_PHASES_LEN; p++) {
        s->changes[p][edge] += values[FIRST_PHASE + p] - last->phases[p];
        last->phases[p] = values[FIRST_PHASE + p];
    }
    for (unsigned r = 0; r < 3; r++) {
        add_bytes(s, r, last->at, at, values[FIRST_RATE + r]);
    }
    if (s->busiest != NULL && strcmp(name, s->busiest) == 0) {
        add_bytes(s, BUSIEST, last->at, at, values[FIRST_RATE]);
        s->busiest_end = at;
    }
    last->at = at;
    s->end = fmax(s->end, at);
    return 0;
}

/* Bits a second in bin `i`, which the run's end may cut short. */
static double rate_of(const struct series *s, unsigned what, size_t i, double end)
{
    double begin = (double)i * s->width, stop = fmin(end, begin + s->width);

    return stop > begin ? round(8 * s->bytes[what][i] / (stop - begin)) : 0;
}

/* Points of `len` rates with common times; equal neighbours are one step. */
static int add_rates(const struct series *s, double end, cJSON *t, cJSON *const *lists,
                     const unsigned *what, size_t len)
{
    int rc = 0;

    for (size_t i = 0; i < BINS && (double)i * s->width < end && rc == 0; i++) {
        bool last = (double)(i + 1) * s->width >= end, differs = last;
        for (size_t k = 0; k < len && !differs; k++) {
            double next = rate_of(s, what[k], i + 1, end), now = rate_of(s, what[k], i, end);
            differs = next < now || next > now;
        }
        if (!differs) {
            continue;
        }
        rc = view_add(t, view_ms(fmin(end, (double)(i + 1) * s->width)));
        for (size_t k = 0; k < len && rc == 0; k++) {
            rc = view_add(lists[k], rate_of(s, what[k], i, end));
        }
    }
    return rc;
}

static int add_wan(struct view_run *run, const struct series *s)
{
    static const unsigned what[] = {DOWN, UP, LAN}, busiest[] = {BUSIEST};
    cJSON *wan = cJSON_GetObjectItemCaseSensitive(run->view, "wan");
    cJSON *t = view_list(wan, "t");
    cJSON *lists[] = {view_list(wan, "down"), view_list(wan, "up"), view_list(wan, "lan")};
    double rate = view_number(run->result, "wan", "configured_bit_s");

    int rc = add_rates(s, s->end, t, lists, what, 3);
    cJSON_AddItemToObject(wan, "configured_bit_s",
                          isnan(rate) ? cJSON_CreateNull() : cJSON_CreateNumber(rate));
    rc = rc != 0 ? rc : view_capacity_add(run, wan, s->width, s->end);
    cJSON_AddNumberToObject(wan, "sites", (double)run->site_names.len);
    if (rc != 0 || s->busiest == NULL || !(s->busiest_end > 0)) {
        cJSON_AddNullToObject(wan, "busiest");
        return rc;
    }
    cJSON *o = cJSON_AddObjectToObject(wan, "busiest");
    cJSON_AddStringToObject(o, "site", s->busiest);
    cJSON *site_t = view_list(o, "t"), *down = view_list(o, "down");
    return add_rates(s, s->busiest_end, site_t, &down, busiest, 1);
}

static int add_states(struct view_run *run, const struct series *s)
{
    cJSON *states = cJSON_GetObjectItemCaseSensitive(run->view, "states");
    cJSON *t = view_list(states, "t"), *names = view_list(states, "names");
    cJSON *counts = view_list(states, "counts"), *lists[SIM_PHASES_LEN];
    double now[SIM_PHASES_LEN] = {0};
    int rc = 0;

    for (unsigned p = 0; p < SIM_PHASES_LEN; p++) {
        rc = rc != 0 ? rc : view_add_text(names, analysis_series_phase((enum sim_phase)p));
        cJSON_AddItemToArray(counts, lists[p] = cJSON_CreateArray());
        rc = lists[p] == NULL ? SIM_ENOMEM : rc;
    }
    for (size_t i = 0; i < EDGES && rc == 0; i++) {
        double at = fmin(s->end, (double)i * s->width);
        bool last = at >= s->end, moves = i == 0 || last;
        for (unsigned p = 0; p < SIM_PHASES_LEN; p++) {
            now[p] += s->changes[p][i];
            double next = i + 1 < EDGES ? s->changes[p][i + 1] : 0;
            moves = moves || s->changes[p][i] < 0 || s->changes[p][i] > 0 || next < 0 || next > 0;
        }
        if (moves) {
            rc = view_add(t, view_ms(at));
        }
        for (unsigned p = 0; p < SIM_PHASES_LEN && moves && rc == 0; p++) {
            rc = view_add(lists[p], now[p]);
        }
        if (last) {
            break;
        }
    }
    return rc;
}

/* Of several sites the one whose line was used most, of those that the result lists. */
static const cJSON *busiest_of(const struct view_run *run)
{
    const cJSON *site, *best = NULL;
    double most = 0;

    cJSON_ArrayForEach(site, cJSON_GetObjectItemCaseSensitive(run->result, "sites"))
    {
        double used = view_number(site, "wan", "utilisation");
        if (used > most) {
            most = used;
            best = site;
        }
    }
    return run->site_names.len > 1 ? best : NULL;
}

int view_series_read(struct view_run *run)
{
    static const char *columns[COLUMNS + 1] = {"time_s", "site", "wan_bytes_per_s",
                                               "wan_up_bytes_per_s", "lan_bytes_per_s"};
    const cJSON *busiest = busiest_of(run);
    char why[ANALYSIS_WHY_MAX];
    struct series *s = calloc(1, sizeof(*s));
    int rc = 0;

    if (s == NULL) {
        return SIM_ENOMEM;
    }
    for (unsigned p = 0; p < SIM_PHASES_LEN; p++) {
        columns[FIRST_PHASE + p] = analysis_series_phase((enum sim_phase)p);
    }
    s->width = 1;
    s->busiest = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(busiest, "name"));
    struct analysis_csv *csv =
        view_csv(run, "series.csv", columns, "rates and phases over time are not shown");
    int more = csv != NULL;
    while (more > 0 && rc == 0 && (more = analysis_csv_next(csv, why)) > 0) {
        rc = take_row(run, s, csv, why);
    }
    if (rc == SIM_EINVAL || more < 0) {
        rc = view_missing(run, why, "what stands behind it is not in this report");
    }
    rc = rc != 0 ? rc : add_wan(run, s);
    rc = rc != 0 ? rc : add_states(run, s);
    cJSON *o = cJSON_GetObjectItemCaseSensitive(cJSON_GetObjectItemCaseSensitive(run->view, "wan"),
                                                "busiest");
    if (cJSON_IsObject(o)) {
        double rate = view_number(busiest, "wan", "configured_bit_s");
        cJSON_AddItemToObject(o, "configured_bit_s",
                              isnan(rate) ? cJSON_CreateNull() : cJSON_CreateNumber(rate));
    }
    analysis_csv_close(csv);
    free(s->lasts);
    free(s);
    return rc;
}

/* ---- lag.csv ---- */

int view_lag_read(struct view_run *run)
{
    static const char *const columns[] = {"time_s", "loop_lag_max_s", NULL};
    const char *world =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run->result, "world"));
    char why[ANALYSIS_WHY_MAX];
    double worst[BINS] = {0}, t = 0, lag = 0, width = 1, end = 0;
    int rc = 0;

    if (world == NULL || strcmp(world, "live") != 0) {
        return cJSON_AddNullToObject(run->view, "lag") == NULL ? SIM_ENOMEM : 0;
    }
    cJSON *o = cJSON_AddObjectToObject(run->view, "lag");
    cJSON *times = view_list(o, "t"), *lags = view_list(o, "s");
    struct analysis_csv *csv =
        view_csv(run, "lag.csv", columns, "the generator's lag over time is not shown");
    int more = csv != NULL;
    while (more > 0 && (more = analysis_csv_next(csv, why)) > 0) {
        if (analysis_csv_value(csv, 0, &t, why) != 0 ||
            analysis_csv_value(csv, 1, &lag, why) != 0) {
            more = -1;
            break;
        }
        while (t > width * BINS) {
            for (size_t i = 0; i < BINS; i++) {
                worst[i] = 2 * i + 1 < BINS ? fmax(worst[2 * i], worst[2 * i + 1]) : 0;
            }
            width *= 2;
        }
        size_t bin = t > 0 ? (size_t)ceil(t / width) - 1 : 0;
        worst[bin] = fmax(worst[bin], lag);
        end = fmax(end, t);
    }
    if (more < 0) {
        rc = view_missing(run, why, "what stands behind it is not in this report");
    }
    for (size_t i = 0; i < BINS && (double)i * width < end && rc == 0; i++) {
        rc = view_add(times, view_ms(fmin(end, (double)(i + 1) * width)));
        rc = rc != 0 ? rc : view_add(lags, view_us(worst[i]));
    }
    analysis_csv_close(csv);
    return rc;
}
