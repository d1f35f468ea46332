/* analysis/shard_read.c -- reads shard.txt, which may come from anywhere; see shard_inner.h for the
 * format. */
#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "analysis/shard.h"
#include "analysis/shard_inner.h"
#include "sim/err.h"

enum {
    BUFFER_BYTES = 64 << 10,
    WORD_MAX = 64, /* bytes of a word with its NUL */
};

/* The first fault sticks: everything read behind it is 0 or "". */
struct analysis_shard_reader {
    FILE *file;
    int rc;
    char *why;    /* where the first fault's sentence goes; of the call that is under way */
    uint32_t crc; /* of what has been taken from the buffer, up to `summed` */
    size_t at, summed, len;
    sim_time end; /* of the last transfer */
    uint32_t of;  /* how many shares */
    char path[ANALYSIS_PATH_MAX];
    unsigned char bytes[BUFFER_BYTES];
};

static void fault(struct analysis_shard_reader *r, int rc, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void fault(struct analysis_shard_reader *r, int rc, const char *format, ...)
{
    char text[ANALYSIS_WHY_MAX / 2];
    va_list arguments;

    if (r->rc != 0) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(r->why, ANALYSIS_WHY_MAX, "%.240s %s", r->path, text);
    r->rc = rc;
}

/* ---- Bytes, words, numbers ---- */

static void sum_up(struct analysis_shard_reader *r)
{
    r->crc = (uint32_t)crc32(r->crc, r->bytes + r->summed, (uInt)(r->at - r->summed));
    r->summed = r->at;
}

/* The next byte without taking it; -1 at the end. */
static int peek(struct analysis_shard_reader *r)
{
    if (r->rc != 0) {
        return -1;
    }
    if (r->at == r->len) {
        sum_up(r);
        r->at = r->summed = 0;
        r->len = fread(r->bytes, 1, BUFFER_BYTES, r->file);
        if (r->len == 0) {
            if (ferror(r->file)) {
                fault(r, SIM_EIO, "can't be read: %s", strerror(errno));
            }
            return -1;
        }
    }
    return r->bytes[r->at];
}

static bool is_space(int c)
{
    return c == ' ' || c == '\n';
}

/* Up to the next space. */
static void take_word(struct analysis_shard_reader *r, char word[WORD_MAX])
{
    size_t len = 0;

    while (is_space(peek(r))) {
        r->at++;
    }
    while (peek(r) >= 0 && !is_space(peek(r)) && len < WORD_MAX - 1) {
        word[len++] = (char)r->bytes[r->at++];
    }
    word[len] = '\0';
    if (len == 0) {
        fault(r, SIM_EINVAL, "ends too early: the run did not finish writing it, or it was cut");
    }
}

static void printable(char word[WORD_MAX])
{
    for (char *c = word; *c != '\0'; c++) {
        *c = *c < ' ' || *c > '~' ? '?' : *c;
    }
}

static void expect(struct analysis_shard_reader *r, const char *wanted)
{
    char word[WORD_MAX];

    take_word(r, word);
    if (r->rc == 0 && strcmp(word, wanted) != 0) {
        printable(word);
        fault(r, SIM_EINVAL, "is damaged: found \"%.40s\", expected \"%s\"", word, wanted);
    }
}

/* Digits up to something else. */
static uint64_t take_digits(struct analysis_shard_reader *r, uint64_t most)
{
    uint64_t value = 0;
    bool good = false, fits = true;

    while (is_space(peek(r))) {
        r->at++;
    }
    for (int c = peek(r); c >= '0' && c <= '9'; c = peek(r)) {
        uint64_t digit = (uint64_t)(c - '0');
        fits = fits && value <= (UINT64_MAX - digit) / 10;
        value = 10 * value + digit;
        good = true;
        r->at++;
    }
    if (!good && peek(r) < 0) {
        fault(r, SIM_EINVAL, "ends too early: the run did not finish writing it, or it was cut");
    } else if (!good || !fits || value > most) {
        fault(r, SIM_EINVAL, "is damaged: expected a number from 0 to %llu",
              (unsigned long long)most);
    }
    return r->rc == 0 ? value : 0;
}

static uint64_t take_number(struct analysis_shard_reader *r, uint64_t most)
{
    uint64_t value = take_digits(r, most);

    if (r->rc == 0 && peek(r) >= 0 && !is_space(peek(r))) {
        fault(r, SIM_EINVAL, "is damaged: something is behind a number");
    }
    return r->rc == 0 ? value : 0;
}

/* "-" is UINT64_MAX. */
static uint64_t take_perhaps(struct analysis_shard_reader *r, uint64_t most)
{
    while (is_space(peek(r))) {
        r->at++;
    }
    if (peek(r) == '-') {
        r->at++;
        return UINT64_MAX;
    }
    return take_number(r, most);
}

/* Owned; NULL after a fault. It grows as its bytes come, not by what its length says. */
static char *take_text(struct analysis_shard_reader *r, size_t most)
{
    size_t len = (size_t)take_digits(r, most), cap = 0, got = 0;
    char *text = NULL;

    if (peek(r) != ':') {
        fault(r, SIM_EINVAL, "is damaged: expected a text");
    } else {
        r->at++;
    }
    while (r->rc == 0 && got <= len) {
        if (got + 1 >= cap) {
            cap = cap == 0 ? 64 : 2 * cap;
            char *grown = realloc(text, cap);
            if (grown == NULL) {
                fault(r, SIM_ENOMEM, "can't be kept: out of memory");
                break;
            }
            text = grown;
        }
        if (got == len) {
            text[got++] = '\0';
        } else if (peek(r) > 0) {
            text[got++] = (char)r->bytes[r->at++];
        } else {
            fault(r, SIM_EINVAL, "is damaged or cut: a text ends too early");
        }
    }
    if (r->rc != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* A short text into a buffer of the caller's. */
static void take_name(struct analysis_shard_reader *r, char *out, size_t cap)
{
    char *text = take_text(r, cap - 1);

    snprintf(out, cap, "%s", text != NULL ? text : "");
    free(text);
}

/* ---- The head ---- */

static void read_head(struct analysis_shard_reader *r, struct analysis_shard_head *head)
{
    expect(r, "pfsim");
    expect(r, "shard");
    if (r->rc == SIM_EINVAL) {
        r->rc = 0;
        fault(r, SIM_EINVAL, "is not what a run with --shard writes");
        return;
    }
    uint64_t format = take_number(r, UINT64_MAX);
    if (r->rc == 0 && format != ANALYSIS_SHARD_FORMAT) {
        fault(r, SIM_EINVAL,
              "has format %llu, this pfsim reads format %d: merge with the version "
              "that ran it",
              (unsigned long long)format, ANALYSIS_SHARD_FORMAT);
    }
    take_name(r, head->version, sizeof(head->version));
    expect(r, "run");
    head->world = (enum scenario_world)take_number(r, SCENARIO_LIVE);
    head->method = (enum scenario_method)take_number(r, SCENARIO_LOAD_SERVER);
    head->seed = take_number(r, UINT64_MAX);
    head->index = (uint32_t)take_number(r, SCENARIO_SHARES_MAX - 1);
    head->of = (uint32_t)take_number(r, SCENARIO_SHARES_MAX);
    if (r->rc == 0 && head->index >= head->of) {
        fault(r, SIM_EINVAL, "is damaged: there is no share %u of %u", head->index, head->of);
    }
    r->of = head->of;
    expect(r, "scenario");
    head->path = take_text(r, ANALYSIS_PATH_MAX - 1);
    head->text = take_text(r, SHARD_TEXT_MAX);
}

void analysis_shard_head_deinit(struct analysis_shard_head *head)
{
    free(head->path);
    free(head->text);
    *head = (struct analysis_shard_head){.path = NULL};
}

int analysis_shard_read_file(struct analysis_shard_reader **out, FILE *file, const char *path,
                             struct analysis_shard_head *head, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_shard_reader *r = calloc(1, sizeof(*r));

    *head = (struct analysis_shard_head){.path = NULL};
    if (r == NULL) {
        fclose(file);
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    r->file = file;
    r->why = why;
    snprintf(r->path, sizeof(r->path), "%s", path);
    read_head(r, head);
    if (r->rc != 0) {
        int rc = r->rc;
        analysis_shard_reader_free(r);
        return rc;
    }
    *out = r;
    return 0;
}

int analysis_shard_read(struct analysis_shard_reader **out, const char *dir,
                        struct analysis_shard_head *head, char why[ANALYSIS_WHY_MAX])
{
    char path[ANALYSIS_PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/%s", dir, ANALYSIS_SHARD_FILE);

    *head = (struct analysis_shard_head){.path = NULL};
    if (n < 0 || (size_t)n >= sizeof(path)) {
        snprintf(why, ANALYSIS_WHY_MAX, "%.300s...: the name is too long", dir);
        return SIM_EINVAL;
    }
    FILE *file = fopen(path, "rbe");
    if (file == NULL) {
        int rc = sim_err_from_errno(errno);
        snprintf(why, ANALYSIS_WHY_MAX, "%.300s can't be opened: %s", path, strerror(errno));
        return rc;
    }
    return analysis_shard_read_file(out, file, path, head, why);
}

void analysis_shard_reader_free(struct analysis_shard_reader *r)
{
    if (r != NULL) {
        fclose(r->file);
        free(r);
    }
}

/* ---- The rest ---- */

static void most_of(uint64_t *most, uint64_t value)
{
    *most = value > *most ? value : *most;
}

static void read_end_and_server(struct analysis_shard_reader *r,
                                const struct analysis_shard_sink *sink)
{
    struct analysis_facts *facts = sink->facts;
    bool has_world = sink->share.phones > 0; /* else it says nothing of the others' worlds */

    expect(r, "end");
    most_of(&facts->ended, take_number(r, UINT64_MAX));
    most_of(&facts->wall, take_number(r, UINT64_MAX)); /* shares run side by side */
    facts->interrupted |= take_number(r, 1) != 0;
    facts->has_trace_hash |= take_number(r, 1) != 0 && has_world;
    facts->trace_hash += take_number(r, UINT64_MAX);
    expect(r, "server");
    facts->has_server |= take_number(r, 1) != 0 && has_world;
#define X(field) facts->server.field += take_number(r, UINT64_MAX);
    SHARD_SERVER_SUMS(X)
#undef X
    uint32_t peak = (uint32_t)take_number(r, UINT32_MAX);
    facts->server.peak_transfers =
        peak > facts->server.peak_transfers ? peak : facts->server.peak_transfers;
}

static double take_ratio(struct analysis_shard_reader *r)
{
    return (double)take_number(r, UINT64_MAX) / SHARD_RATIO_ONE;
}

static void read_validity(struct analysis_shard_reader *r, struct sim_live_validity *v)
{
    expect(r, "validity");
    v->valid &= take_number(r, 1) != 0;
    most_of(&v->lag_p50, take_number(r, UINT64_MAX));
    most_of(&v->lag_p99, take_number(r, UINT64_MAX));
    most_of(&v->lag_max, take_number(r, UINT64_MAX));
    v->timers += take_number(r, UINT64_MAX);
    double pacer = take_ratio(r), relay = take_ratio(r);
    v->pacer_worst = pacer < v->pacer_worst ? pacer : v->pacer_worst;
    v->relay_worst = relay < v->relay_worst ? relay : v->relay_worst;
    v->receive_drops += take_number(r, UINT64_MAX);
    uint64_t reasons = take_number(r, SIM_LIVE_REASONS_MAX);
    for (uint64_t i = 0; r->rc == 0 && i < reasons; i++) {
        char text[SIM_LIVE_TEXT_MAX];
        take_name(r, text, sizeof(text));
        if (v->reasons_len < SIM_LIVE_REASONS_MAX) {
            snprintf(v->reasons[v->reasons_len++], SIM_LIVE_TEXT_MAX, "%s", text);
        }
    }
}

static void read_usage_and_totals(struct analysis_shard_reader *r,
                                  const struct analysis_shard_sink *sink)
{
    struct analysis_totals totals = {0};

    expect(r, "usage");
    most_of(&sink->facts->usage.descriptors_peak, take_number(r, UINT64_MAX));
    most_of(&sink->facts->usage.rss_peak_bytes, take_number(r, UINT64_MAX));
    sink->facts->usage.events += take_number(r, UINT64_MAX);
    expect(r, "totals");
#define X(field) totals.field = take_number(r, UINT64_MAX);
    SHARD_TOTALS(X)
#undef X
    if (r->rc == 0) {
        analysis_collect_restore_totals(sink->collect, &totals);
    }
}

static void read_bins(struct analysis_shard_reader *r, const char *word, struct analysis_bins *into)
{
    uint64_t *amounts = calloc(ANALYSIS_BINS_MAX, sizeof(*amounts));
    uint64_t at = 0;

    expect(r, word);
    uint64_t width = take_number(r, UINT64_C(1) << 40);
    uint64_t used = take_number(r, ANALYSIS_BINS_MAX);
    if (amounts == NULL) {
        fault(r, SIM_ENOMEM, "can't be kept: out of memory");
    }
    if (r->rc == 0 && ((width & (width - 1)) != 0 || (width == 0 && used > 0))) {
        fault(r, SIM_EINVAL, "is damaged: bins can't be %llu seconds wide",
              (unsigned long long)width);
    }
    for (uint64_t i = 0; r->rc == 0 && i < used; i++) {
        at += take_number(r, ANALYSIS_BINS_MAX - 1);
        uint64_t amount = take_number(r, UINT64_MAX);
        if (at >= ANALYSIS_BINS_MAX) {
            fault(r, SIM_EINVAL, "is damaged: there are too many seconds");
        } else {
            amounts[at++] = amount;
        }
    }
    if (r->rc == 0) {
        const struct analysis_bins bins = {
            .amounts = amounts, .cap = ANALYSIS_BINS_MAX, .len = (size_t)at, .width = width};
        analysis_bins_merge(into, &bins);
        if (into->incomplete) {
            fault(r, SIM_ENOMEM, "can't be kept: out of memory");
        }
    }
    free(amounts);
}

/* The numbers that the file's reasons have in the collector. Owned; NULL after a fault. */
static uint32_t *read_reasons(struct analysis_shard_reader *r, struct analysis_collect *collect,
                              uint64_t *len)
{
    /* Every lane of a live run has a list of its own. */
    uint64_t most = (uint64_t)SCENARIO_THREADS_MAX * ANALYSIS_REASONS_MAX;
    uint32_t *numbers = NULL;

    expect(r, "reasons");
    *len = take_number(r, most);
    if ((numbers = calloc((size_t)*len + 1, sizeof(*numbers))) == NULL) {
        fault(r, SIM_ENOMEM, "can't be kept: out of memory");
    }
    for (uint64_t i = 1; r->rc == 0 && i <= *len; i++) {
        char *text = take_text(r, 64 * SHARD_NAME_MAX);
        numbers[i - 1] = text != NULL ? analysis_collect_restore_reason(collect, text) : 0;
        if (r->rc == 0 && numbers[i - 1] == 0) {
            fault(r, SIM_ENOMEM, "can't be kept: out of memory");
        }
        free(text);
    }
    if (r->rc != 0) {
        free(numbers);
        return NULL;
    }
    return numbers;
}

static void read_sites(struct analysis_shard_reader *r, const struct analysis_shard_sink *sink)
{
    expect(r, "sites");
    uint64_t len = take_number(r, UINT32_MAX);

    if (r->rc == 0 && len != sink->share.len) {
        fault(r, SIM_EINVAL, "has %llu sites where its share of the scenario has %u",
              (unsigned long long)len, sink->share.len);
    }
    for (uint32_t i = 0; r->rc == 0 && i < sink->share.len; i++) {
        struct sim_site_stats *s = &sink->stats[sink->share.first + i];
#define X(field) s->field = take_perhaps(r, UINT64_MAX);
#define Y(field) s->field = (uint32_t)take_number(r, UINT32_MAX);
        SHARD_SITE(X, Y)
#undef X
#undef Y
    }
}

static void read_phone(struct analysis_shard_reader *r, struct analysis_phone *phone,
                       const uint32_t *reasons, uint64_t reasons_len)
{
    phone->outcome = (uint8_t)take_number(r, ANALYSIS_OUTCOME_NONE);
    phone->phase = (uint8_t)take_number(r, SIM_PHASES_LEN - 1);
    phone->fallbacks = (uint16_t)take_number(r, UINT16_MAX);
    uint64_t reason = take_number(r, reasons_len);
    phone->reason = reason == 0 ? 0 : reasons[reason - 1];
    phone->files_from_peer = (uint32_t)take_number(r, UINT32_MAX);
    phone->files_from_server = (uint32_t)take_number(r, UINT32_MAX);
    phone->retries = (uint32_t)take_number(r, UINT32_MAX);
    phone->config = take_perhaps(r, UINT64_MAX);
    phone->done = take_perhaps(r, UINT64_MAX);
    phone->back = take_perhaps(r, UINT64_MAX);
    if (r->rc == 0 && phone->outcome > SIM_OUTCOME_UNFINISHED &&
        phone->outcome != ANALYSIS_OUTCOME_NONE) {
        fault(r, SIM_EINVAL, "is damaged: there is no outcome %u", phone->outcome);
    }
}

static void read_phones(struct analysis_shard_reader *r, const struct analysis_shard_sink *sink,
                        const uint32_t *reasons, uint64_t reasons_len)
{
    sim_node first = (sim_node)scenario_site_first_phone(sink->scenario, sink->share.first);

    expect(r, "phones");
    uint64_t len = take_number(r, UINT32_MAX);
    if (r->rc == 0 && len != sink->share.phones) {
        fault(r, SIM_EINVAL, "has %llu phones where its share of the scenario has %u",
              (unsigned long long)len, sink->share.phones);
    }
    for (uint32_t i = 0; r->rc == 0 && i < sink->share.phones; i++) {
        read_phone(r, analysis_collect_restore_phone(sink->collect, first + i), reasons,
                   reasons_len);
    }
}

static void read_tree(struct analysis_shard_reader *r, const struct analysis_shard_sink *sink)
{
    struct analysis_tree t = {.key = 0};
    uint64_t site = take_number(r, UINT32_MAX);
    uint64_t firmware = take_number(r, UINT16_MAX), file = take_number(r, UINT16_MAX);

    t.root = (sim_addr)take_number(r, UINT32_MAX);
    t.root_at = take_perhaps(r, UINT64_MAX);
    t.roots = (uint32_t)take_number(r, UINT32_MAX);
    t.depth = (uint32_t)take_number(r, UINT32_MAX);
    t.phones = (uint32_t)take_number(r, UINT32_MAX);
    t.max_children = (uint32_t)take_number(r, UINT32_MAX);
    t.server_copies = (uint32_t)take_number(r, UINT32_MAX);
    uint64_t source = take_perhaps(r, SIM_DIGEST_FIRST_USE);
    t.has_digest_source = source != UINT64_MAX;
    t.digest_source = (uint8_t)(t.has_digest_source ? source : 0);
    t.shared = take_number(r, 1) != 0;
    if (r->rc == 0 && (site - sink->share.first >= sink->share.len ||
                       !analysis_collect_has_file(sink->collect, firmware, file))) {
        fault(r, SIM_EINVAL, "is damaged: it has a tree of something that is not in its share");
    }
    if (r->rc != 0) {
        return;
    }
    uint64_t key = analysis_tree_key((uint32_t)site, (uint16_t)firmware, (uint16_t)file);
    struct analysis_tree *kept = analysis_collect_restore_tree(sink->collect, key);
    if (kept == NULL) {
        fault(r, SIM_ENOMEM, "can't be kept: out of memory");
        return;
    }
    t.key = kept->key;
    *kept = t;
}

static void read_histogram(struct analysis_shard_reader *r, struct analysis_stats *s)
{
    unsigned at = 0;

    s->min = take_number(r, UINT64_MAX);
    s->max = take_number(r, UINT64_MAX);
    uint64_t high = take_number(r, UINT64_MAX), low = take_number(r, UINT64_MAX);
    s->sum = (unsigned __int128)high << 64 | low;
    uint64_t used = take_number(r, ANALYSIS_STATS_BUCKETS);
    for (uint64_t i = 0; r->rc == 0 && i < used; i++) {
        at += (unsigned)take_number(r, ANALYSIS_STATS_BUCKETS - 1);
        /* So many that those of all shares fit into 64 bits. */
        uint64_t count = take_number(r, UINT64_C(1) << 30);
        if (at >= ANALYSIS_STATS_BUCKETS) {
            fault(r, SIM_EINVAL, "is damaged: a duration is out of range");
        } else {
            s->buckets[at++] = count;
            s->count += count;
        }
    }
    if (r->rc == 0 && !analysis_stats_is_sound(s)) {
        fault(r, SIM_EINVAL, "is damaged: durations of transfers contradict one another");
    }
}

static void read_durations(struct analysis_shard_reader *r, const struct analysis_shard_sink *sink)
{
    struct analysis_stats *scratch = malloc(sizeof(*scratch));

    expect(r, "durations");
    uint64_t len = take_number(r, UINT32_MAX);
    if (scratch == NULL) {
        fault(r, SIM_ENOMEM, "can't be kept: out of memory");
    }
    for (uint64_t i = 0; r->rc == 0 && i < len; i++) {
        uint64_t firmware = take_number(r, UINT16_MAX), file = take_number(r, UINT16_MAX);
        uint64_t via = take_number(r, ANALYSIS_VIAS_LEN - 1);
        if (r->rc == 0 && !analysis_collect_has_file(sink->collect, firmware, file)) {
            fault(r, SIM_EINVAL, "is damaged: it has durations of a file that there is not");
        }
        analysis_stats_init(scratch);
        read_histogram(r, scratch);
        if (r->rc != 0) {
            break;
        }
        struct analysis_stats *into = analysis_collect_restore_durations(
            sink->collect, (uint16_t)firmware, (uint16_t)file, (enum analysis_via)via);
        if (into == NULL) {
            fault(r, SIM_ENOMEM, "can't be kept: out of memory");
        } else {
            analysis_stats_merge(into, scratch);
        }
    }
    free(scratch);
}

static void read_transfer(struct analysis_shard_reader *r, const struct analysis_shard_sink *sink)
{
    uint64_t first = scenario_site_first_phone(sink->scenario, sink->share.first);
    char name[SHARD_NAME_MAX + 1];
    struct analysis_transfer t = {.name = name};

    r->end = sim_time_add(r->end, take_number(r, UINT64_MAX));
    t.end = r->end;
    t.node = (uint32_t)take_number(r, UINT32_MAX);
    t.start = sim_time_since(t.end, take_number(r, UINT64_MAX));
    t.from = (sim_addr)take_number(r, UINT32_MAX);
    t.bytes = take_perhaps(r, UINT64_MAX);
    int status = (int)take_number(r, INT16_MAX);
    t.status = take_number(r, 1) != 0 ? -status : status;
    take_name(r, name, sizeof(name));
    if (r->rc == 0 && t.node - first >= sink->share.phones) {
        fault(r, SIM_EINVAL, "is damaged: it has a transfer of a phone that is not in its share");
    }
    if (r->rc != 0 || sink->transfers == NULL) {
        return;
    }
    t.phone = analysis_collect_phone(sink->collect, t.node)->addr;
    analysis_transfers_add(sink->transfers, 0, &t);
}

static void read_transfers(struct analysis_shard_reader *r, const struct analysis_shard_sink *sink)
{
    expect(r, "transfers");
    while (r->rc == 0) {
        char word[WORD_MAX];
        take_word(r, word);
        if (strcmp(word, "t") != 0) {
            if (strcmp(word, ".") != 0) {
                fault(r, SIM_EINVAL, "is damaged: expected a transfer");
            }
            return;
        }
        read_transfer(r, sink);
    }
}

static void read_tables(struct analysis_shard_reader *r, struct analysis_shard_sink *sink)
{
    expect(r, "tables");
    sink->tables_len = (size_t)take_number(r, ANALYSIS_SHARD_TABLES_MAX);
    for (size_t i = 0; r->rc == 0 && i < sink->tables_len; i++) {
        struct analysis_shard_table *table = &sink->tables[i];
        take_name(r, table->name, sizeof(table->name));
        table->bytes = take_number(r, UINT64_MAX);
        table->crc = (uint32_t)take_number(r, UINT32_MAX);
    }
    if (r->rc != 0) {
        sink->tables_len = 0;
    }
}

static void read_sum(struct analysis_shard_reader *r)
{
    if (peek(r) == '\n') {
        r->at++;
    }
    sum_up(r);
    uint32_t crc = r->crc;
    expect(r, "sum");
    uint64_t found = take_number(r, UINT32_MAX);
    if (r->rc == 0 && found != crc) {
        fault(r, SIM_EINVAL,
              "is damaged: its checksum is wrong; copy it again, or run that share "
              "again");
    }
}

int analysis_shard_read_rest(struct analysis_shard_reader *r, struct analysis_shard_sink *sink,
                             char why[ANALYSIS_WHY_MAX])
{
    uint64_t reasons_len = 0;

    r->why = why;
    read_end_and_server(r, sink);
    read_validity(r, &sink->facts->validity);
    read_usage_and_totals(r, sink);
    read_bins(r, "wan", sink->wan);
    read_bins(r, "under-way", sink->under_way);
    uint32_t *reasons = read_reasons(r, sink->collect, &reasons_len);
    read_sites(r, sink);
    read_phones(r, sink, reasons, reasons_len);
    free(reasons);
    expect(r, "trees");
    uint64_t trees = take_number(r, UINT64_MAX);
    for (uint64_t i = 0; r->rc == 0 && i < trees; i++) {
        read_tree(r, sink);
    }
    read_durations(r, sink);
    read_transfers(r, sink);
    read_tables(r, sink);
    read_sum(r);
    int rc = r->rc;
    analysis_shard_reader_free(r);
    return rc;
}
