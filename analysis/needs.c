/* analysis/needs.c -- the table of pfsim doctor and of a run's start. */
#include "analysis/needs.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/units.h"

enum { AMOUNT_MAX = SIM_UNITS_TEXT_MAX + 8 };

/* What a row is for; rows that are not here explain themselves. */
static const struct {
    const char *what, *means;
    bool is_basic; /* said before every run */
} rows[] = {
    {"descriptors", "open files: sockets of phones and lines", true},
    {"memory", "of all phones and their transfers", true},
    {"peer port", "UDP and TCP, for all phones", false},
    {"source ports", "connections from here to the server", false},
    {"addresses", "one a phone, on this machine", false},
    {"receive buffer", "all phones broadcast at once", false},
    {"cores", "one for each of \"threads\"", false},
    {"LAN capacity", "bytes between phones, at the worst", false},
};

/* Bytes for people, other counts as they are; "-" where nothing is needed. */
static void amount(uint64_t value, const char *unit, char out[AMOUNT_MAX])
{
    char text[SIM_UNITS_TEXT_MAX];

    if (strncmp(unit, "B", 1) == 0) {
        sim_units_format_size(value, text);
        snprintf(out, AMOUNT_MAX, "%.*s%s", SIM_UNITS_TEXT_MAX, text, unit + 1);
    } else {
        snprintf(out, AMOUNT_MAX, "%.*s%s%.8s", SIM_UNITS_TEXT_MAX - 2,
                 ANALYSIS_COUNT((double)value), unit[0] != '\0' ? " " : "", unit);
    }
}

/* For what a row is for, too? */
static bool is_wide(const struct analysis_style *style)
{
    return analysis_summary_width(style) >= 100;
}

static int amount_width(const struct analysis_style *style)
{
    return analysis_summary_width(style) >= 64 ? 14 : 8;
}

static void print_row(const struct analysis_style *style, const struct sim_live_need *need,
                      const char *means)
{
    char needed[AMOUNT_MAX] = "-", available[AMOUNT_MAX] = "-";
    const char *unit = need->unit != NULL ? need->unit : "";
    bool has_amount = need->needed != 0 || need->available != 0;
    const char *verdict = need->enough  ? has_amount ? "enough" : "free"
                          : !has_amount ? "TAKEN"
                          : need->fatal ? "TOO LITTLE"
                                        : "short";
    enum analysis_colour colour = need->enough  ? ANALYSIS_GOOD
                                  : need->fatal ? ANALYSIS_BAD
                                                : ANALYSIS_WARN;

    if (has_amount && need->needed != 0) {
        amount(need->needed, unit, needed);
    }
    if (has_amount) {
        amount(need->available, unit, available);
    }
    fprintf(style->to, "  %-16s %*s %*s   %s%s%s", need->what, amount_width(style), needed,
            amount_width(style), available, analysis_summary_on(style, colour), verdict,
            analysis_summary_off(style));
    if (is_wide(style)) {
        fprintf(style->to, "%*s  %s", 10 - (int)strlen(verdict), "", means);
    }
    fputc('\n', style->to);
    if (!need->enough && need->mend[0] != '\0') {
        fprintf(style->to, "      -> ");
        analysis_summary_wrap(style, 9, 9, need->mend);
    }
}

void analysis_needs_print(const struct analysis_style *style, const struct sim_live_need *needs,
                          size_t len, bool all)
{
    bool begun = false;

    for (size_t i = 0; i < len; i++) {
        const char *means = "";
        bool is_basic = false;
        for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
            if (strcmp(rows[k].what, needs[i].what) == 0) {
                means = rows[k].means;
                is_basic = rows[k].is_basic;
            }
        }
        if (!all && !is_basic && needs[i].enough) {
            continue;
        }
        if (!begun) {
            fprintf(style->to, "  %-16s %*s %*s\n", "", amount_width(style), "needed",
                    amount_width(style), "there");
            begun = true;
        }
        print_row(style, &needs[i], means);
    }
}
