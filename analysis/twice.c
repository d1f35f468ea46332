/* analysis/twice.c -- see twice.h. */
#include "analysis/twice.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "event 17 of site branch at 1.000250000 s, 127.1.0.9: datagram from 127.1.0.4, 84 bytes" */
static void describe(const struct scenario_run *run, bool happened,
                     const struct sim_virtual_step *step, char out[ANALYSIS_TWICE_TEXT_MAX / 2])
{
    struct scenario_phone_info phone;
    char addr[SIM_ADDR_TEXT_MAX] = "";
    const char *site = "";

    if (!happened) {
        snprintf(out, ANALYSIS_TWICE_TEXT_MAX / 2, "the run ended");
        return;
    }
    if (scenario_run_phone(run, step->node, &phone)) {
        sim_addr_format(phone.addr, addr);
        site = scenario_run_site(run, phone.site)->name;
    }
    snprintf(out, ANALYSIS_TWICE_TEXT_MAX / 2,
             "event %" PRIu64 " at %" PRIu64 ".%09" PRIu64 " s%s%.60s%s%s: %.120s", step->number,
             step->at / SIM_S, step->at % SIM_S, site[0] == '\0' ? "" : ", ", site,
             addr[0] == '\0' ? "" : " ", addr, step->what[0] == '\0' ? "?" : step->what);
}

static bool is_same(const struct sim_virtual_step *a, const struct sim_virtual_step *b)
{
    return a->at == b->at && a->node == b->node && a->hash == b->hash && a->number == b->number &&
           strcmp(a->what, b->what) == 0;
}

void analysis_twice_run(struct scenario_run *a, struct scenario_run *b, struct analysis_twice *out)
{
    struct sim_virtual_step x, y;

    *out = (struct analysis_twice){.equal = true};
    for (;;) {
        bool more_x = scenario_run_step(a, &x);
        bool more_y = scenario_run_step(b, &y);
        if (!more_x && !more_y) {
            return;
        }
        if (!more_x || !more_y || !is_same(&x, &y)) {
            char first[ANALYSIS_TWICE_TEXT_MAX / 2], second[ANALYSIS_TWICE_TEXT_MAX / 2];
            describe(a, more_x, &x, first);
            describe(b, more_y, &y, second);
            out->equal = false;
            snprintf(out->text, sizeof(out->text), "first run: %s; second run: %.*s", first,
                     (int)(sizeof(out->text) - strlen(first) - 32), second);
            return;
        }
        out->events++;
    }
}
