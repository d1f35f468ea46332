/* analysis/summary.c -- one run for people. */
#include "analysis/summary.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "analysis/json.h"
#include "sim/units.h"

enum {
    REASONS_SHOWN = 8,
    SITES_SHOWN = 8,
    PHONES_FEW = 500, /* a core that is free has no trouble with them: our choice */
    LABEL_WIDTH = 16, /* of a row, behind two blanks */
    ROW_MAX = 512,    /* bytes of a row's text with its NUL */
};

/* ---- Values ---- */

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0';
}

struct analysis_style analysis_summary_style(FILE *to)
{
    struct analysis_style style = {.to = to, .width = ANALYSIS_WIDTH};
    const char *term = getenv("TERM"), *forced = getenv("CLICOLOR_FORCE");
    bool is_terminal = isatty(fileno(to)) == 1;
    bool force = is_set("CLICOLOR_FORCE") && strcmp(forced, "0") != 0;
    bool is_dumb = term == NULL || strcmp(term, "dumb") == 0;
    /* mpirun gives its ranks a terminal, wherever its own output goes. */
    bool is_launched = is_set("OMPI_COMM_WORLD_SIZE") || is_set("PMIX_RANK");
    struct winsize size;

    style.colour = !is_set("NO_COLOR") && (force || (is_terminal && !is_dumb && !is_launched));
    if (is_terminal && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        style.width = size.ws_col;
    }
    return style;
}

int analysis_summary_width(const struct analysis_style *style)
{
    int width = style->width == 0 ? ANALYSIS_WIDTH : style->width;

    return width < ANALYSIS_WIDTH_MIN   ? ANALYSIS_WIDTH_MIN
           : width > ANALYSIS_WIDTH_MAX ? ANALYSIS_WIDTH_MAX
                                        : width;
}

static void put_word(FILE *to, const char *word, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        fputc(word[i] == '\x01' ? ' ' : word[i], to);
    }
}

/* Columns that `len` bytes of UTF-8 take, wide characters not known. */
static int columns_of(const char *text, size_t len)
{
    int columns = 0;

    for (size_t i = 0; i < len; i++) {
        columns += (text[i] & 0xc0) != 0x80;
    }
    return columns;
}

/* Is this word, without what follows it, a unit? */
static bool is_unit(const char *word, size_t len)
{
    static const char *const units[] = {"s",     "ms",     "us",     "min",   "h",  "%",
                                        "x",     "B",      "kB",     "MB",    "GB", "TB",
                                        "bit/s", "kbit/s", "Mbit/s", "Gbit/s"};

    while (len > 0 && strchr(",.;:)", word[len - 1]) != NULL) {
        len--;
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i]) == len && strncmp(units[i], word, len) == 0) {
            return true;
        }
    }
    return false;
}

/* Bytes of the word that `text` begins with; a number keeps its unit, and "2 h 52 min" together. */
static size_t word_of(const char *text)
{
    size_t len = strcspn(text, " ");

    while (len > 0 && text[len] == ' ' && isdigit((unsigned char)text[len - 1])) {
        size_t next = strcspn(text + len + 1, " ");
        if (!is_unit(text + len + 1, next)) {
            break;
        }
        len += 1 + next;
        if (text[len] != ' ' || !isdigit((unsigned char)text[len + 1]) ||
            !isalpha((unsigned char)text[len - 1])) {
            break;
        }
        size_t number = strspn(text + len + 1, "0123456789");
        if (text[len + 1 + number] != ' ') {
            break;
        }
        len += 1 + number;
    }
    return len;
}

void analysis_summary_wrap(const struct analysis_style *style, int column, int indent,
                           const char *text)
{
    int width = analysis_summary_width(style);
    bool begins = true; /* the line has no word of ours yet */

    while (*text != '\0') {
        size_t gap = strspn(text, " "), word = word_of(text + gap);
        int columns = columns_of(text + gap, word);
        if (word == 0) {
            break; /* blanks at the end */
        }
        if (!begins && column + (int)gap + columns > width) {
            fprintf(style->to, "\n%*s", indent, "");
            column = indent;
        } else {
            fprintf(style->to, "%*s", (int)gap, "");
            column += (int)gap;
        }
        put_word(style->to, text + gap, word);
        column += columns;
        begins = false;
        text += gap + word;
    }
    fputc('\n', style->to);
}

/* "  label           text", the text wrapped under itself. */
static void print_labelled(const struct analysis_style *style, const char *label, const char *text)
{
    fprintf(style->to, "  %-*s", LABEL_WIDTH, label);
    analysis_summary_wrap(style, LABEL_WIDTH + 2, LABEL_WIDTH + 2, text);
}

/* A text that grows; what does not fit is left out. */
struct text {
    char bytes[ROW_MAX];
    size_t len;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *t, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    int n = vsnprintf(t->bytes + t->len, sizeof(t->bytes) - t->len, format, arguments);
    va_end(arguments);
    if (n > 0) {
        size_t room = sizeof(t->bytes) - 1 - t->len;
        t->len += (size_t)n < room ? (size_t)n : room;
    }
}

const char *analysis_summary_on(const struct analysis_style *style, enum analysis_colour colour)
{
    static const char *const codes[] = {
        [ANALYSIS_PLAIN] = "",         [ANALYSIS_BOLD] = "\033[1m",  [ANALYSIS_GOOD] = "\033[1;32m",
        [ANALYSIS_BAD] = "\033[1;31m", [ANALYSIS_WARN] = "\033[33m",
    };
    return style->colour ? codes[colour] : "";
}

const char *analysis_summary_off(const struct analysis_style *style)
{
    return style->colour ? "\033[0m" : "";
}

double analysis_summary_number(const cJSON *document, const char *part, const char *key)
{
    return analysis_json_number(analysis_json_get(document, part), key);
}

/* Documents may come from a file: a number that no integer holds is shown as unknown. */
static bool fits(double value, double scale)
{
    return value >= 0 && value * scale < 9e18;
}

char *analysis_summary_seconds(double value, char out[ANALYSIS_CELL_MAX])
{
    char text[SIM_UNITS_TEXT_MAX] = "-";

    if (fits(value, 1e9)) {
        sim_units_format_duration((sim_duration)llround(value * 1e9), text);
    }
    snprintf(out, ANALYSIS_CELL_MAX, "%s", text);
    return out;
}

char *analysis_summary_size(double value, char out[ANALYSIS_CELL_MAX])
{
    char text[SIM_UNITS_TEXT_MAX] = "-";

    if (fits(value, 1)) {
        sim_units_format_size((uint64_t)value, text);
    }
    snprintf(out, ANALYSIS_CELL_MAX, "%s", text);
    return out;
}

char *analysis_summary_rate(double value, char out[ANALYSIS_CELL_MAX])
{
    char text[SIM_UNITS_TEXT_MAX] = "-";

    if (fits(value, 1)) {
        sim_units_format_rate((uint64_t)value, text);
    }
    snprintf(out, ANALYSIS_CELL_MAX, "%s", text);
    return out;
}

char *analysis_summary_times(double value, char out[ANALYSIS_CELL_MAX])
{
    if (isnan(value)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
    } else if (value >= 99.95) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.0f x", value);
    } else if (value >= 9.995) {
        snprintf(out, ANALYSIS_CELL_MAX, "%.1f x", value);
    } else {
        snprintf(out, ANALYSIS_CELL_MAX, "%.2f x", value);
    }
    return out;
}

char *analysis_summary_count(double value, char out[ANALYSIS_CELL_MAX])
{
    char digits[32];
    char *to = out;

    if (!fits(value, 1)) {
        snprintf(out, ANALYSIS_CELL_MAX, "-");
        return out;
    }
    int len = snprintf(digits, sizeof(digits), "%.0f", value);
    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}

const char *analysis_summary_plural(double value, const char *ending)
{
    return value == 1 ? "" : ending;
}

double analysis_summary_wanted(const cJSON *document)
{
    return analysis_summary_number(document, "phones", "total") -
           analysis_summary_number(document, "phones", "current");
}

double analysis_summary_behind(const cJSON *document)
{
    double upgraded = analysis_summary_number(document, "phones", "upgraded");
    double behind = analysis_summary_wanted(document) - upgraded;

    return behind > 0 ? behind : 0; /* NAN too: nobody counted */
}

static bool is_valid(const cJSON *document)
{
    const cJSON *validity = cJSON_GetObjectItemCaseSensitive(document, "validity");
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(validity, "valid"));
}

const char *analysis_summary_invalid(const cJSON *document)
{
    const cJSON *reasons = analysis_json_get(analysis_json_get(document, "validity"), "reasons");
    const char *first = cJSON_GetStringValue(cJSON_GetArrayItem(reasons, 0));

    return first != NULL ? first : "the machine fell behind";
}

const char *analysis_summary_reason(const char *reason)
{
    const char *colon = strstr(reason, ": ");
    size_t len = colon != NULL ? (size_t)(colon - reason) : 0;

    if (len == 0 || memchr(reason, ' ', len) != NULL) {
        return reason;
    }
    for (const char *slash = strchr(colon, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        if (strncmp(slash + 1, reason, len) == 0 && strchr(" :,", slash[1 + len]) != NULL) {
            return colon + 2; /* strchr() finds the end of a text, too */
        }
    }
    return reason;
}

/* ---- The verdict ---- */

static void print_verdict(const struct analysis_style *style, const cJSON *d)
{
    double wanted = analysis_summary_wanted(d);
    double upgraded = analysis_summary_number(d, "phones", "upgraded");
    double current = analysis_summary_number(d, "phones", "current");
    double failed = analysis_summary_number(d, "phones", "failed");
    double unfinished = analysis_summary_number(d, "phones", "unfinished");
    double last = analysis_summary_number(d, "completion_s", "last");
    double copies = analysis_summary_number(d, "bounds", "copies");
    bool good = failed == 0 && unfinished == 0 && is_valid(d);
    char a[ANALYSIS_CELL_MAX];
    struct text t = {.len = 0};

    if (!is_valid(d)) {
        add(&t, "INVALID RUN: %.250s; the figures say nothing about the phones. ",
            analysis_summary_invalid(d));
    }
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(d, "interrupted"))) {
        add(&t, "Interrupted. ");
    }
    add(&t, "%s of %s phone%s upgraded", ANALYSIS_COUNT(upgraded), ANALYSIS_COUNT(wanted),
        analysis_summary_plural(wanted, "s"));
    if (!isnan(last)) {
        add(&t, " in %s", analysis_summary_seconds(last, a));
    }
    if (failed > 0) {
        add(&t, ", %s failed", ANALYSIS_COUNT(failed));
    }
    if (unfinished > 0) {
        add(&t, ", %s unfinished", ANALYSIS_COUNT(unfinished));
    }
    if (current > 0) {
        add(&t, " (%s more %s current)", ANALYSIS_COUNT(current), current == 1 ? "was" : "were");
    }
    add(&t, "; %s of firmware crossed the WAN",
        analysis_summary_size(analysis_summary_number(d, "wan", "payload_bytes"), a));
    if (!isnan(copies)) {
        add(&t, " (%.2f copies)", copies);
    }
    add(&t, "%s.", is_valid(d) ? "; valid run" : "");
    fprintf(style->to, "%s", analysis_summary_on(style, good ? ANALYSIS_GOOD : ANALYSIS_BAD));
    analysis_summary_wrap(style, 0, 0, t.bytes);
    fprintf(style->to, "%s\n", analysis_summary_off(style));
}

/* ---- The figures ---- */

static void print_times(const struct analysis_style *style, const cJSON *d, const char *label,
                        const char *part)
{
    static const struct {
        const char *label, *key;
    } cells[] = {
        {"first", "first"}, {"mean", "mean"}, {"p50", "p50"}, {"p95", "p95"}, {"last", "last"}};
    struct text t = {.len = 0};
    char a[ANALYSIS_CELL_MAX];

    if (isnan(analysis_summary_number(d, part, "last"))) {
        return;
    }
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        analysis_summary_seconds(analysis_summary_number(d, part, cells[i].key), a);
        for (char *blank = strchr(a, ' '); blank != NULL; blank = strchr(blank, ' ')) {
            *blank = '\x01'; /* "first 28.3 s" stays together */
        }
        add(&t, "%s%s\x01%s", i == 0 ? "" : "   ", cells[i].label, a);
    }
    print_labelled(style, label, t.bytes);
}

static void print_wan(const struct analysis_style *style, const cJSON *d)
{
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX], c[ANALYSIS_CELL_MAX];
    double configured = analysis_summary_number(d, "wan", "configured_bit_s");
    double drops = analysis_summary_number(d, "wan", "drops");
    double lines = analysis_summary_number(d, "wan", "lines");
    struct text t = {.len = 0}, rates = {.len = 0};

    if (isnan(configured)) {
        add(&t, "none: phones reach the server directly; %s of configuration",
            analysis_summary_size(analysis_summary_number(d, "wan", "config_bytes"), a));
        print_labelled(style, "WAN", t.bytes);
        return;
    }
    add(&t, "%s on the line: %s firmware, %s configuration",
        analysis_summary_size(analysis_summary_number(d, "wan", "bytes"), a),
        analysis_summary_size(analysis_summary_number(d, "wan", "payload_bytes"), b),
        analysis_summary_size(analysis_summary_number(d, "wan", "config_bytes"), c));
    add(&t, "; %s up", analysis_summary_size(analysis_summary_number(d, "wan", "up_bytes"), a));
    print_labelled(style, "WAN", t.bytes);
    add(&rates, "mean %s",
        analysis_summary_rate(analysis_summary_number(d, "wan", "mean_bit_s"), a));
    add(&rates, " of %s (%.0f %%), peak %s, busy %s%s", analysis_summary_rate(configured, a),
        100 * analysis_summary_number(d, "wan", "utilisation"),
        analysis_summary_rate(analysis_summary_number(d, "wan", "peak_bit_s"), b),
        analysis_summary_seconds(analysis_summary_number(d, "wan", "busy_s"), c),
        lines > 1 ? " as a sum" : ""); /* longer than any run */
    if (lines > 1) {
        add(&rates, ", all %s lines together", ANALYSIS_COUNT(lines));
    }
    if (drops > 0) {
        add(&rates, ", %s packet%s lost or dropped", ANALYSIS_COUNT(drops),
            analysis_summary_plural(drops, "s"));
    }
    print_labelled(style, "", rates.bytes);
}

static void print_trees(const struct analysis_style *style, const cJSON *d)
{
    double children = analysis_summary_number(d, "trees_summary", "max_children");
    double copies = analysis_summary_number(d, "trees_summary", "wan_copies");
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX], c[ANALYSIS_CELL_MAX];
    struct text t = {.len = 0};

    if (!(analysis_summary_number(d, "trees_summary", "count") > 0)) {
        return;
    }
    add(&t, "%s, at most %s deep, at most %s child%s",
        analysis_summary_count(analysis_summary_number(d, "trees_summary", "count"), a),
        analysis_summary_count(analysis_summary_number(d, "trees_summary", "depth_max"), b),
        analysis_summary_count(children, c), analysis_summary_plural(children, "ren"));
    add(&t, "; %s whole file%s came over the WAN", analysis_summary_count(copies, a),
        analysis_summary_plural(copies, "s"));
    print_labelled(style, "trees", t.bytes);
}

static void print_rest(const struct analysis_style *style, const cJSON *d)
{
    char a[ANALYSIS_CELL_MAX], b[ANALYSIS_CELL_MAX], c[ANALYSIS_CELL_MAX];
    double gap = analysis_summary_number(d, "bounds", "gap");
    double refused = analysis_summary_number(d, "server", "refused");
    double requests = analysis_summary_number(d, "server", "requests");
    double errors = analysis_summary_number(d, "server", "errors");
    double transfers = analysis_summary_number(d, "server", "peak_transfers");
    double broadcasts = analysis_summary_number(d, "lan", "broadcasts");
    struct text lan = {.len = 0}, server = {.len = 0}, distance = {.len = 0};

    add(&lan, "%s between phones, %s broadcast%s",
        analysis_summary_size(analysis_summary_number(d, "lan", "payload_bytes"), a),
        analysis_summary_count(broadcasts, b), analysis_summary_plural(broadcasts, "s"));
    print_labelled(style, "LAN", lan.bytes);
    add(&server, "%s request%s, %s error%s, at most %s transfer%s at once",
        analysis_summary_count(requests, a), analysis_summary_plural(requests, "s"),
        analysis_summary_count(errors, b), analysis_summary_plural(errors, "s"),
        analysis_summary_count(transfers, c), analysis_summary_plural(transfers, "s"));
    if (refused > 0) {
        add(&server, ", %s refused", ANALYSIS_COUNT(refused));
    }
    print_labelled(style, "server", server.bytes);
    print_trees(style, d);
    if (!isnan(gap)) {
        add(&distance, "%s the best possible %s (the WAN alone needs %s)",
            analysis_summary_times(gap, a),
            analysis_summary_seconds(analysis_summary_number(d, "bounds", "optimum_s"), b),
            analysis_summary_seconds(analysis_summary_number(d, "bounds", "wan_floor_s"), c));
        print_labelled(style, "distance", distance.bytes);
    }
}

/* Columns of the table of sites, in the order in which they go when a page is narrow: last first.
 */
enum { SITE_UPGRADED, SITE_LAST, SITE_FAILED, SITE_WAN, SITE_DISTANCE, SITE_COLUMNS };

static void site_cell(const cJSON *site, unsigned column, char out[ANALYSIS_CELL_MAX])
{
    switch (column) {
    case SITE_UPGRADED:
        snprintf(out, ANALYSIS_CELL_MAX, "%.40s of %.40s",
                 ANALYSIS_COUNT(analysis_summary_number(site, "phones", "upgraded")),
                 ANALYSIS_COUNT(analysis_summary_number(site, "phones", "total")));
        return;
    case SITE_LAST:
        analysis_summary_seconds(analysis_summary_number(site, "completion_s", "last"), out);
        return;
    case SITE_FAILED:
        analysis_summary_count(analysis_summary_number(site, "phones", "failed"), out);
        return;
    case SITE_WAN:
        analysis_summary_size(analysis_summary_number(site, "wan", "payload_bytes"), out);
        return;
    default:
        analysis_summary_times(analysis_summary_number(site, "bounds", "gap"), out);
        return;
    }
}

/* Of all sites, `listed` of which the result has; an older one does not say how many there are. */
static void print_more_sites(const struct analysis_style *style, const cJSON *d, int listed,
                             bool has_files)
{
    double all = analysis_summary_number(d, "sites_summary", "count");

    fprintf(style->to, "  and %s more; sites.csv has all%s\n",
            ANALYSIS_COUNT((all > listed ? all : listed) - SITES_SHOWN),
            has_files ? "" : " (--out DIR)");
}

static void print_sites(const struct analysis_style *style, const cJSON *d, bool has_files)
{
    static const struct {
        const char *head;
        int width;
    } columns[SITE_COLUMNS] = {[SITE_UPGRADED] = {"upgraded", 16},
                               [SITE_LAST] = {"last", 13},
                               [SITE_FAILED] = {"failed", 8},
                               [SITE_WAN] = {"WAN firmware", 14},
                               [SITE_DISTANCE] = {"distance", 11}};
    enum { NAME_LEAST = 11, NAME_MOST = 30 };
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(d, "sites");
    const cJSON *site;
    int len = cJSON_GetArraySize(list), shown = 0;
    int left = analysis_summary_width(style) - 2 - NAME_LEAST;
    unsigned fit = 0;

    if (len < 2) {
        return;
    }
    while (fit < SITE_COLUMNS && left >= columns[fit].width) {
        left -= columns[fit++].width;
    }
    int name = NAME_LEAST + (left < NAME_MOST - NAME_LEAST ? left : NAME_MOST - NAME_LEAST);
    fprintf(style->to, "\n  %-*.*s", name, name, name < 18 ? "worst first" : "site (worst first)");
    for (unsigned i = 0; i < fit; i++) {
        fprintf(style->to, "%*s", columns[i].width, columns[i].head);
    }
    fputc('\n', style->to);
    cJSON_ArrayForEach(site, list)
    {
        char cell[ANALYSIS_CELL_MAX];
        if (shown++ == SITES_SHOWN) {
            print_more_sites(style, d, len, has_files);
            break;
        }
        fprintf(style->to, "  %-*.*s", name, name, analysis_json_text(site, "name", "?"));
        for (unsigned i = 0; i < fit; i++) {
            site_cell(site, i, cell);
            fprintf(style->to, "%*s", columns[i].width, cell);
        }
        fputc('\n', style->to);
    }
}

/* ---- Trouble ---- */

/* A phone that failed for that reason: where to look. */
static const cJSON *example_of(const cJSON *d, const char *reason)
{
    const cJSON *failure;

    cJSON_ArrayForEach(failure, cJSON_GetObjectItemCaseSensitive(d, "failures"))
    {
        if (strcmp(analysis_json_text(failure, "reason", "?"), reason) == 0) {
            return failure;
        }
    }
    return NULL;
}

/* As the document has them: the most frequent first. */
static void print_failures(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *reasons = cJSON_GetObjectItemCaseSensitive(d, "failures_by_reason");
    const cJSON *reason;
    int len = cJSON_GetArraySize(reasons), shown = 0;

    if (len == 0) {
        return;
    }
    fprintf(style->to, "\n%sWhy phones are not upgraded%s\n",
            analysis_summary_on(style, ANALYSIS_BOLD), analysis_summary_off(style));
    cJSON_ArrayForEach(reason, reasons)
    {
        const cJSON *example = example_of(d, reason->string);
        if (shown++ == REASONS_SHOWN) {
            fprintf(style->to, "  and %d more reason%s; failures_by_reason in the result has all\n",
                    len - REASONS_SHOWN, analysis_summary_plural(len - REASONS_SHOWN, "s"));
            break;
        }
        fprintf(style->to, "  %6.0f  %s", reason->valuedouble,
                analysis_summary_reason(reason->string));
        if (example != NULL) {
            fprintf(style->to, "  (like %s at %s)", analysis_json_text(example, "phone", "?"),
                    analysis_json_text(example, "site", "?"));
        }
        fprintf(style->to, "\n");
    }
}

static void print_item(const struct analysis_style *style, const char *text)
{
    fprintf(style->to, "  - ");
    analysis_summary_wrap(style, 4, 4, text);
}

void analysis_summary_items(const struct analysis_style *style, const char *title,
                            const cJSON *list)
{
    const cJSON *item;

    if (cJSON_GetArraySize(list) == 0) {
        return;
    }
    fprintf(style->to, "\n%s%s%s\n", analysis_summary_on(style, ANALYSIS_WARN), title,
            analysis_summary_off(style));
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);
        print_item(style, text == NULL ? "?" : text);
    }
}

/* Against an invalid run: what is most likely comes first. */
static const char *advice(const cJSON *d)
{
    if (analysis_summary_number(d, "phones", "total") <= PHONES_FEW) {
        return "What to do: run it again while this machine does nothing else: so few phones need "
               "little of it. If that does not help: slower ports (lan.rate), fewer phones; pfsim "
               "doctor SCENARIO compares demand with capacity.";
    }
    return "What to do: give it more loops (\"threads\"), fewer phones or slower ports (lan.rate), "
           "a quieter machine; pfsim doctor SCENARIO compares demand with capacity.";
}

void analysis_summary_trouble(const struct analysis_style *style, const cJSON *d)
{
    const cJSON *validity = cJSON_GetObjectItemCaseSensitive(d, "validity");
    const cJSON *item;

    print_failures(style, d);
    if (!is_valid(d)) {
        fprintf(style->to, "\n%sThis run is invalid: the machine, not the phones, set the pace%s\n",
                analysis_summary_on(style, ANALYSIS_BAD), analysis_summary_off(style));
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(validity, "reasons"))
        {
            const char *text = cJSON_GetStringValue(item);
            print_item(style, text == NULL ? "?" : text);
        }
        fprintf(style->to, "  ");
        analysis_summary_wrap(style, 2, 2, advice(d));
    }
    analysis_summary_items(style, ANALYSIS_CAUTIONS_TITLE,
                           cJSON_GetObjectItemCaseSensitive(d, "caution"));
}

void analysis_summary_run(const struct analysis_style *style, const cJSON *d, const char *out)
{
    const cJSON *shard = cJSON_GetObjectItemCaseSensitive(d, "shard");

    fprintf(style->to, "%s: method %s, %s world", analysis_json_text(d, "scenario", "?"),
            analysis_json_text(d, "method", "?"), analysis_json_text(d, "world", "?"));
    if (shard != NULL) {
        fprintf(style->to, ", share %.0f of %.0f of the sites",
                cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(shard, "index")),
                cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(shard, "of")));
    }
    fprintf(style->to, "\n");
    print_verdict(style, d);
    print_times(style, d, "completion", "completion_s");
    print_times(style, d, "back in service", "back_in_service_s");
    print_wan(style, d);
    print_rest(style, d);
    print_sites(style, d, out != NULL);
    analysis_summary_thresholds(style, d);
    analysis_summary_trouble(style, d);
    if (out != NULL) {
        fprintf(style->to,
                "\nResults: %s/result.json, scenario.json, phones.csv, sites.csv, transfers.csv,\n"
                "phases.csv, series.csv%s\nReport:  %s/report.html\n",
                out, shard != NULL ? ", and shard.txt for pfsim merge" : "", out);
    }
}
