/* analysis/caution.c -- see caution.h. */
#include "analysis/caution.h"

#include <inttypes.h>
#include <stdio.h>

#include "analysis/bounds.h"
#include "scenarios/kinds.h"
#include "scenarios/macs.h"
#include "sim/units.h"
#include "sim/wan/wan.h"

/* What competes for a class's line. */
struct load {
    uint64_t tcp, tftp; /* phones that fetch at once */
};

static bool fetches_over_line(const struct scenario *s, enum scenario_method method,
                              const struct scenario_phones *p)
{
    bool has_load_server = p->load_server != NULL && p->load_server[0] != '\0';
    return method != SCENARIO_LOAD_SERVER && !has_load_server && analysis_bounds_wants(s, p);
}

/* Does an earlier entry of the site bring the root of this one's model? */
static bool has_root_before(const struct scenario *s, enum scenario_method method,
                            const struct scenario_site *site, size_t entry)
{
    for (size_t i = 0; i < entry; i++) {
        const struct scenario_phones *p = &site->phones[i];
        if (p->firmware == site->phones[entry].firmware && fetches_over_line(s, method, p) &&
            scenario_phones_sharing(p) > 0) {
            return true;
        }
    }
    return false;
}

static struct load load_of(const struct scenario *s, enum scenario_method method,
                           const struct scenario_site *site)
{
    struct load load = {0};

    for (size_t i = 0; i < site->phones_len; i++) {
        const struct scenario_phones *p = &site->phones[i];
        if (!fetches_over_line(s, method, p)) {
            continue;
        }
        uint32_t sharing = method == SCENARIO_PFS ? scenario_phones_sharing(p) : 0;
        uint32_t root = sharing > 0 && !has_root_before(s, method, site, i);
        uint64_t flows = (uint64_t)p->count - sharing + root;
        switch (scenario_kinds_protocol(s, site, p->system)) {
        case SIM_PROTOCOL_TFTP:
            load.tftp += flows;
            break;
        case SIM_PROTOCOL_HTTP:
        case SIM_PROTOCOL_HTTPS:
            load.tcp += flows;
            break;
        }
    }
    return load;
}

/* Bytes on the line. */
static uint64_t queue_of(const struct sim_wan_setup *wan)
{
    switch (wan->queue.kind) {
    case SIM_QUEUE_PACKETS:
        return wan->queue.limit * (SIM_WAN_MTU + wan->framing);
    case SIM_QUEUE_BYTES:
        return wan->queue.limit;
    case SIM_QUEUE_TIME:
        break;
    }
    return (uint64_t)((unsigned __int128)wan->queue.limit * wan->down_bit_s / (8 * SIM_S));
}

/* Where sentences go; a class beyond the limit is only counted. */
struct speaker {
    void (*say)(void *context, const char *text);
    void *context;
    bool is_silent, has_spoken;
    size_t *crowds; /* classes whose flows have too little room, so far */
};

static void speak(struct speaker *to, const char *text)
{
    to->has_spoken = true;
    if (!to->is_silent) {
        to->say(to->context, text);
    }
}

static void say_of_tcp(struct speaker *to, const struct scenario_site *site, uint64_t flows,
                       uint64_t delay_bytes, uint64_t queue_bytes)
{
    char text[ANALYSIS_CAUTION_TEXT_MAX], a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];
    uint64_t segment = SIM_WAN_MTU + site->wan.framing;

    if (flows > 0 && queue_bytes < delay_bytes) {
        snprintf(text, sizeof(text),
                 "Site %s: its queue (%s) is shorter than its bandwidth-delay product (%s): TCP "
                 "leaves such a line idle after a drop, which a fluid line does not show; take "
                 "\"network\": \"packet\".",
                 site->name, sim_units_format_size(queue_bytes, a),
                 sim_units_format_size(delay_bytes, b));
        speak(to, text);
    }
    if (flows > 0 && (delay_bytes + queue_bytes) / flows < ANALYSIS_CAUTION_SEGMENTS * segment) {
        double each = (double)(delay_bytes + queue_bytes) / (double)(flows * segment);
        sim_units_format_size(delay_bytes + queue_bytes, a);
        if (*to->crowds > 0) { /* said at length already */
            snprintf(text, sizeof(text),
                     "Site %s: the same with up to %" PRIu64 " phones and room (%s) for %.1f "
                     "segments of each.",
                     site->name, flows, a, each);
        } else {
            snprintf(text, sizeof(text),
                     "Site %s: up to %" PRIu64 " phones fetch at once, and line and queue (%s) "
                     "have room for %.1f segments of each, under %d: real TCP flows then finish "
                     "far apart, and the even sharing of a fluid line is 13 to 50 %% off in the "
                     "mean, more the less room there is; some may get no byte for server.stall "
                     "and fail, which a fluid never shows; take \"network\": \"packet\".",
                     site->name, flows, a, each, ANALYSIS_CAUTION_SEGMENTS);
        }
        ++*to->crowds;
        speak(to, text);
    }
}

static void say_of_tftp(struct speaker *to, const struct scenario *s,
                        const struct scenario_site *site, uint64_t flows, uint64_t room)
{
    enum { HEADERS = 4 + SIM_WAN_UDP_OVERHEAD }; /* TFTP's own 4 bytes */
    char text[ANALYSIS_CAUTION_TEXT_MAX], a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];
    uint64_t window =
        (uint64_t)s->server.window * (s->server.block_size + HEADERS + site->wan.framing);

    if (flows > 0 && window * flows > room) {
        snprintf(text, sizeof(text),
                 "Site %s: up to %" PRIu64 " phones fetch at once by TFTP, and their windows (%s "
                 "together) do not fit into line and queue (%s): blocks are dropped and wait for "
                 "the timeout, which a fluid line does not show; take \"network\": \"packet\".",
                 site->name, flows, sim_units_format_size(window * flows, a),
                 sim_units_format_size(room, b));
        speak(to, text);
    }
}

/* Bytes of the average file of a load, the least of the site's models. */
static uint64_t file_of(const struct scenario *s, const struct scenario_site *site)
{
    uint64_t least = UINT64_MAX;

    for (size_t i = 0; i < site->phones_len; i++) {
        const struct scenario_firmware *f = &s->firmware[site->phones[i].firmware];
        uint64_t sum = 0;
        for (size_t k = 0; k < f->files_len; k++) {
            sum += f->files[k].size;
        }
        if (f->files_len > 0 && sum / f->files_len < least) {
            least = sum / f->files_len;
        }
    }
    return least;
}

/* Flows that start together leave slow start early and grow slowly then: a long line stays partly
 * idle while their files are short. */
static void say_of_start(struct speaker *to, const struct scenario_site *site, uint64_t flows,
                         uint64_t file, uint64_t delay_bytes)
{
    char text[ANALYSIS_CAUTION_TEXT_MAX], a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];

    if (flows < 2 || file / ANALYSIS_CAUTION_PIPES >= delay_bytes / flows) {
        return;
    }
    snprintf(text, sizeof(text),
             "Site %s: files of %s are short for %" PRIu64 " flows over a bandwidth-delay product "
             "of %s: TCP leaves part of such a line idle while it starts, more than a fluid line "
             "shows (15 %% in the mean); take \"network\": \"packet\".",
             site->name, sim_units_format_size(file, a), flows,
             sim_units_format_size(delay_bytes, b));
    speak(to, text);
}

/* A line's way up may be too thin for the ACKs of what comes down: one for two segments. */
static void say_of_acks(struct speaker *to, const struct scenario_site *site)
{
    char text[ANALYSIS_CAUTION_TEXT_MAX], a[SIM_UNITS_TEXT_MAX], b[SIM_UNITS_TEXT_MAX];
    const struct sim_wan_setup *wan = &site->wan;
    uint64_t ack = SIM_WAN_TCP_OVERHEAD + (uint64_t)wan->framing;
    uint64_t data = 2 * (SIM_WAN_MTU + (uint64_t)wan->framing);
    uint64_t acks = (uint64_t)((unsigned __int128)wan->down_bit_s * ack / data);

    if (acks <= wan->up_bit_s) {
        return;
    }
    snprintf(text, sizeof(text),
             "Site %s: the acknowledgements of all that its line can bring down (%s) are more than "
             "it carries up (%s): they slow real transfers, which a fluid line does not show; take "
             "\"network\": \"packet\".",
             site->name, sim_units_format_rate(acks, a), sim_units_format_rate(wan->up_bit_s, b));
    speak(to, text);
}

static void say_of_class(struct speaker *to, const struct scenario *s, enum scenario_method method,
                         const struct scenario_site *site)
{
    const struct sim_wan_setup *wan = &site->wan;
    char text[ANALYSIS_CAUTION_TEXT_MAX];
    struct load load = load_of(s, method, site);

    if (wan->none || load.tcp + load.tftp == 0) {
        return;
    }
    if (wan->loss_ppm > 0) {
        snprintf(text, sizeof(text),
                 "Site %s: its line loses %g %% of its packets; a fluid line loses nothing and is "
                 "faster than a real one; take \"network\": \"packet\".",
                 site->name, (double)wan->loss_ppm / 1e4);
        speak(to, text);
    }
    uint64_t delay_bytes = (uint64_t)((unsigned __int128)wan->down_bit_s * wan->rtt / (8 * SIM_S));
    uint64_t queue_bytes = queue_of(wan);
    say_of_tcp(to, site, load.tcp, delay_bytes, queue_bytes);
    say_of_tftp(to, s, site, load.tftp, delay_bytes + queue_bytes);
    if (load.tcp > 0) {
        say_of_start(to, site, load.tcp, file_of(s, site), delay_bytes);
        say_of_acks(to, site);
    }
}

void analysis_caution_fluid(const struct scenario *s, enum scenario_method method,
                            void (*say)(void *context, const char *text), void *context)
{
    char text[ANALYSIS_CAUTION_TEXT_MAX];
    size_t classes = 0, crowds = 0;

    for (size_t i = 0; s->network == SCENARIO_FLUID && i < s->sites_len; i++) {
        struct speaker to = {.say = say,
                             .context = context,
                             .is_silent = classes >= ANALYSIS_CAUTION_CLASSES,
                             .crowds = &crowds};
        say_of_class(&to, s, method, &s->sites[i]);
        classes += to.has_spoken;
    }
    if (classes > ANALYSIS_CAUTION_CLASSES) {
        snprintf(text, sizeof(text),
                 "%zu more entries of \"sites\" have lines on which a fluid network is off; take "
                 "\"network\": \"packet\".",
                 classes - ANALYSIS_CAUTION_CLASSES);
        say(context, text);
    }
}
