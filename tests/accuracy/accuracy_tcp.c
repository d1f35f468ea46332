/* tests/accuracy/accuracy_tcp.c -- both networks against Linux's own TCP, ns-3 and round trips.
 * LINK: accuracy_trial
 *
 *     accuracy_tcp [--seeds N] [--quick] [--markdown] [--live]
 *
 * Goal: what the program says of a line is what the line would do. Method: each measured case
 * (linux.csv, linux_more.csv: Linux 6 over an emulated line; ns3.csv: ns-3.37) becomes a scenario
 * and is run whole, in packets and as a fluid, with N seeds (20).
 *
 * Bars. Packet: |error of the mean phone| at most max(5 %, 2.5 standard errors), of the last one
 * max(10 %, 2.5), a standard error being that of both means together. Fluid: the mean within 10 %
 * wherever it prints no caution. ns-3: only what happens inside the tree, last - first, within 10 %
 * in both; what crosses the line follows Linux. TFTP in lock-step: a round trip a block and what
 * sending takes, within 1 %.
 *
 * --live adds the live world's figures (real sockets, real time, one run) where two cores can run
 * it; nothing holds them. --quick leaves out the cases of many segments, for builds with
 * sanitizers.
 * --markdown leaves out all but the tables. Exit status 1: a bar is missed.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "trial.h"

enum {
    ROWS_MAX = 64,
    LINE_MAX = 256,
    CELL_MAX = 48,
    COLUMNS_MAX = 8,
    LIVE_PHONES_MAX =
        20, /* more connections at once than these, at LIVE_MBIT_S: not on two cores */
    LIVE_MBIT_S = 60,
    QUICK_SEGMENTS = 20000, /* of a case, at most */
    SEGMENT = 1448,         /* bytes */
    SEEDS = 20,
};

#define PACKET_MEAN 0.05
#define PACKET_LAST 0.10
#define FLUID_MEAN 0.10
#define TREE 0.10
#define TFTP 0.01
#define STANDARD_ERRORS 2.5

struct options {
    unsigned seeds;
    bool markdown, live, quick;
    unsigned missed; /* bars */
};

/* What was measured. `repetitions` 0: ns-3, which gives one run. */
struct row {
    struct trial trial;
    double first, mean, last, mean_sd, last_sd;
    unsigned repetitions;
};

/* ---- Tables ---- */

struct table {
    char cells[ROWS_MAX][COLUMNS_MAX][CELL_MAX];
    size_t rows, columns;
};

static size_t width_of(const char *text) /* in characters: UTF-8's later bytes take no room */
{
    size_t width = 0;

    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xC0) != 0x80;
    }
    return width;
}

static void print_row(const struct table *t, size_t row, const size_t widths[COLUMNS_MAX])
{
    for (size_t c = 0; c < t->columns; c++) {
        const char *text = t->cells[row][c];

        printf("| %s%*s ", text, (int)(widths[c] - width_of(text)), "");
    }
    printf("|\n");
}

static void print_table(const struct table *t)
{
    size_t widths[COLUMNS_MAX] = {0};

    for (size_t r = 0; r < t->rows; r++) {
        for (size_t c = 0; c < t->columns; c++) {
            size_t width = width_of(t->cells[r][c]);
            widths[c] = width > widths[c] ? width : widths[c];
        }
    }
    print_row(t, 0, widths);
    for (size_t c = 0; c < t->columns; c++) {
        printf("|%.*s", (int)widths[c] + 2,
               "------------------------------------------------------");
    }
    printf("|\n");
    for (size_t r = 1; r < t->rows; r++) {
        print_row(t, r, widths);
    }
    printf("\n");
    fflush(stdout);
}

static void head(struct table *t, const char *const *names, size_t len)
{
    *t = (struct table){.rows = 1, .columns = len};
    for (size_t c = 0; c < len; c++) {
        snprintf(t->cells[0][c], CELL_MAX, "%s", names[c]);
    }
}

static void case_cells(const struct trial *t, char phones[CELL_MAX], char line[CELL_MAX])
{
    int len =
        snprintf(line, CELL_MAX, "%g Mbit/s, %g ms, %u packets", t->mbit_s, t->rtt_ms, t->queue);

    if (t->file_bytes % 1000 == 0) {
        snprintf(phones, CELL_MAX, "%u x %u x %g kB", t->phones, t->files,
                 (double)t->file_bytes / 1e3);
    } else {
        snprintf(phones, CELL_MAX, "%u x %u x %llu B", t->phones, t->files,
                 (unsigned long long)t->file_bytes);
    }
    if (t->loss > 0) {
        snprintf(line + len, CELL_MAX - (size_t)len, ", loss %g %%", t->loss * 100);
    }
}

static double share(double ours, double theirs)
{
    return ours / theirs - 1;
}

/* "8.06 / 8.80 (-0.6 / +0.8 %)" */
static void compared_cell(char cell[CELL_MAX], double mean, double last, const struct row *with)
{
    snprintf(cell, CELL_MAX, "%.2f / %.2f (%+.1f / %+.1f %%)", mean, last,
             100 * share(mean, with->mean), 100 * share(last, with->last));
}

/* ---- Measurements ---- */

static size_t read_rows(const char *name, struct row *rows, size_t len)
{
    char path[LINE_MAX], line[LINE_MAX], method[32];
    snprintf(path, sizeof(path), "%s/%s", PFSIM_ACCURACY_DIR, name);
    FILE *file = fopen(path, "r");

    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        fprintf(stderr, "can't read %s\n", path);
        exit(1);
    }
    bool is_linux = strstr(line, "repetitions") != NULL;
    while (fgets(line, sizeof(line), file) != NULL && len < ROWS_MAX - 1) {
        struct row *r = &rows[len];
        unsigned long long bytes = 0;
        double lan = 0, first_sd = 0;

        *r = (struct row){.first = 0};
        int got = sscanf(line, "%31[^,],%u,%lf,%lf,%lf,%u,%llu,%u,%lf,%lf,%lf,%lf,%lf,%lf,%lf,%u",
                         method, &r->trial.phones, &r->trial.mbit_s, &r->trial.rtt_ms, &lan,
                         &r->trial.files, &bytes, &r->trial.queue, &r->trial.loss, &r->first,
                         &r->mean, &r->last, &first_sd, &r->mean_sd, &r->last_sd, &r->repetitions);
        if (got < (is_linux ? 16 : 12) || r->trial.files > TRIAL_FILES_MAX) {
            fprintf(stderr, "%s: not a row: %s", name, line);
            exit(1);
        }
        r->trial.file_bytes = bytes;
        r->trial.method = strcmp(method, "pfs") == 0 ? SCENARIO_PFS : SCENARIO_TRADITIONAL;
        r->trial.lan_mbit_s = is_linux ? 0 : lan; /* the LAN was not limited where Linux ran */
        if (!is_linux) {
            r->mean_sd = r->last_sd = 0;
            r->repetitions = 0;
        }
        len++;
    }
    fclose(file);
    return len;
}

/* Drops the cases that take long. */
static size_t keep_quick(struct row *rows, size_t len)
{
    size_t kept = 0;

    for (size_t i = 0; i < len; i++) {
        const struct trial *t = &rows[i].trial;

        if (t->method == SCENARIO_PFS ||
            t->phones * t->files * t->file_bytes / SEGMENT <= QUICK_SEGMENTS) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

static bool is_same_case(const struct trial *a, const struct trial *b)
{
    return a->method == b->method && a->phones == b->phones && a->files == b->files &&
           a->file_bytes == b->file_bytes && a->queue == b->queue &&
           fabs(a->mbit_s - b->mbit_s) < 1e-9 && fabs(a->rtt_ms - b->rtt_ms) < 1e-9 &&
           fabs(a->loss - b->loss) < 1e-9;
}

/* ---- Runs and bars ---- */

static struct trial_figures run(const struct trial *base, enum scenario_network network,
                                unsigned seeds)
{
    struct trial t = *base;
    struct trial_figures f;
    char why[TRIAL_TEXT_MAX] = "";

    t.world = SCENARIO_VIRTUAL;
    t.network = network;
    if (trial_repeat(&t, seeds, &f, why) != 0) {
        fprintf(stderr, "a run failed: %s\n", why);
        exit(1);
    }
    return f;
}

static void hold(struct options *o, const struct trial *t, const char *what, double error,
                 double allowed)
{
    char phones[CELL_MAX], line[CELL_MAX];

    if (fabs(error) <= allowed) {
        return;
    }
    case_cells(t, phones, line);
    fprintf(stderr, "MISSED: %s, %s: %s is off by %+.1f %%, at most %.1f %% are allowed\n", phones,
            line, what, 100 * error, 100 * allowed);
    o->missed++;
}

/* A share of the reference, or what both deviations leave open. */
static double allowed(double least, double theirs, double their_sd, unsigned repetitions,
                      struct trial_figure ours, unsigned seeds)
{
    double variance = their_sd * their_sd / repetitions + ours.sd * ours.sd / seeds;
    double open = STANDARD_ERRORS * sqrt(variance) / theirs;

    return open > least ? open : least;
}

static void hold_linux(struct options *o, const struct row *r, const struct trial_figures *packet,
                       const struct trial_figures *fluid)
{
    hold(o, &r->trial, "packet's mean", share(packet->mean.mean, r->mean),
         allowed(PACKET_MEAN, r->mean, r->mean_sd, r->repetitions, packet->mean, packet->seeds));
    hold(o, &r->trial, "packet's last", share(packet->last.mean, r->last),
         allowed(PACKET_LAST, r->last, r->last_sd, r->repetitions, packet->last, packet->seeds));
    if (fluid->cautions == 0) {
        hold(o, &r->trial, "fluid's mean", share(fluid->mean.mean, r->mean), FLUID_MEAN);
    }
}

static void live_cell(const struct options *o, const struct row *r, char cell[CELL_MAX])
{
    struct trial t = r->trial;
    struct trial_result result;
    char why[TRIAL_TEXT_MAX] = "";

    snprintf(cell, CELL_MAX, "-");
    if (!o->live || t.phones > LIVE_PHONES_MAX || t.mbit_s > LIVE_MBIT_S) {
        return;
    }
    t.world = SCENARIO_LIVE;
    if (trial_run(&t, 1, &result, why) != 0) {
        fprintf(stderr, "live: %s\n", why);
        return;
    }
    if (t.method == SCENARIO_PFS) {
        snprintf(cell, CELL_MAX, "%.3f", result.last - result.first);
    } else {
        compared_cell(cell, result.mean, result.last, r);
    }
}

/* ---- The tables ---- */

static void linux_table(struct options *o, const struct row *rows, size_t len,
                        const struct row *ns3, size_t ns3_len)
{
    static const char *const names[] = {
        "phones x files",     "line", "Linux", "packet", "fluid", "fluid warns",
        "ns-3 (other stack)", "live"};
    static struct table table;

    head(&table, names, o->live ? 8 : 7);
    for (size_t i = 0; i < len; i++) {
        const struct row *r = &rows[i];
        char(*cells)[CELL_MAX] = table.cells[table.rows++];
        struct trial_figures packet = run(&r->trial, SCENARIO_PACKET, o->seeds);
        struct trial_figures fluid = run(&r->trial, SCENARIO_FLUID, o->seeds);

        case_cells(&r->trial, cells[0], cells[1]);
        snprintf(cells[2], CELL_MAX, "%.2f / %.2f (sd %.2f / %.2f)", r->mean, r->last, r->mean_sd,
                 r->last_sd);
        compared_cell(cells[3], packet.mean.mean, packet.last.mean, r);
        compared_cell(cells[4], fluid.mean.mean, fluid.last.mean, r);
        snprintf(cells[5], CELL_MAX, "%s", fluid.cautions > 0 ? "yes" : "no");
        snprintf(cells[6], CELL_MAX, "-");
        for (size_t n = 0; n < ns3_len; n++) {
            if (is_same_case(&ns3[n].trial, &r->trial)) {
                compared_cell(cells[6], ns3[n].mean, ns3[n].last, r);
            }
        }
        live_cell(o, r, cells[7]);
        hold_linux(o, r, &packet, &fluid);
    }
    printf("Without sharing: seconds until the mean / the last phone has all files\n\n");
    print_table(&table);
}

/* What crosses the line is not held against ns-3, which is another stack: shown only. */
static void ns3_table(struct options *o, const struct row *rows, size_t len)
{
    static const char *const names[] = {"phones x files", "line",  "ns-3",
                                        "packet",         "fluid", "fluid warns"};
    static struct table table;

    head(&table, names, 6);
    for (size_t i = 0; i < len; i++) {
        const struct row *r = &rows[i];

        if (r->trial.method == SCENARIO_PFS) {
            continue;
        }
        char(*cells)[CELL_MAX] = table.cells[table.rows++];
        struct trial_figures packet = run(&r->trial, SCENARIO_PACKET, o->seeds < 5 ? o->seeds : 5);
        struct trial_figures fluid = run(&r->trial, SCENARIO_FLUID, o->seeds);

        case_cells(&r->trial, cells[0], cells[1]);
        snprintf(cells[2], CELL_MAX, "%.2f / %.2f", r->mean, r->last);
        compared_cell(cells[3], packet.mean.mean, packet.last.mean, r);
        compared_cell(cells[4], fluid.mean.mean, fluid.last.mean, r);
        snprintf(cells[5], CELL_MAX, "%s", fluid.cautions > 0 ? "yes" : "no");
    }
    printf("The same against ns-3, whose TCP is another one (nothing holds us to it)\n\n");
    print_table(&table);
}

static void spread_cell(char cell[CELL_MAX], const struct trial_figures *f, double theirs)
{
    snprintf(cell, CELL_MAX, "%.3f (%+.1f %%)", f->spread.mean,
             100 * share(f->spread.mean, theirs));
}

static void tree_table(struct options *o, const struct row *rows, size_t len)
{
    static const char *const names[] = {"phones x files", "line",  "ns-3",
                                        "packet",         "fluid", "live"};
    static struct table table;

    head(&table, names, o->live ? 6 : 5);
    for (size_t i = 0; i < len; i++) {
        const struct row *r = &rows[i];
        double theirs = r->last - r->first;

        if (r->trial.method != SCENARIO_PFS) {
            continue;
        }
        char(*cells)[CELL_MAX] = table.cells[table.rows++];
        struct trial_figures packet = run(&r->trial, SCENARIO_PACKET, o->seeds);
        struct trial_figures fluid = run(&r->trial, SCENARIO_FLUID, o->seeds);

        case_cells(&r->trial, cells[0], cells[1]);
        snprintf(cells[2], CELL_MAX, "%.3f", theirs);
        spread_cell(cells[3], &packet, theirs);
        spread_cell(cells[4], &fluid, theirs);
        live_cell(o, r, cells[5]);
        hold(o, &r->trial, "packet's way down the tree", share(packet.spread.mean, theirs), TREE);
        hold(o, &r->trial, "fluid's way down the tree", share(fluid.spread.mean, theirs), TREE);
    }
    printf("Sharing, the way down the tree over the LAN: seconds from the first phone to the last "
           "one\n\n");
    print_table(&table);
}

/* ---- TFTP in lock-step ---- */

/* A real load, its index last: 8,127,234 B in 15,877 blocks of 512. */
static const uint64_t load_sizes[] = {1630052, 556833, 3157527, 562693, 2219477, 652};
enum {
    LOAD_FILES = sizeof(load_sizes) / sizeof(load_sizes[0]),
    LOAD_BLOCKS = 15877,
    BLOCK = 512,
    ACK_BYTES = 4 + 28 + 2,   /* TFTP's own, UDP's and IP's, framing */
    BLOCK_BYTES = 4 + 28 + 2, /* around a block */
};

static void tftp_table(struct options *o)
{
    static const char *const names[] = {"line", "15,877 round trips and sending", "packet",
                                        "fluid"};
    static const double lines[][2] = {{1.536, 150}, {0.384, 150}, {10, 80}};
    static struct table table;

    head(&table, names, 4);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct trial t = {.method = SCENARIO_TRADITIONAL,
                          .is_tftp = true,
                          .phones = 1,
                          .files = LOAD_FILES,
                          .sizes = load_sizes,
                          .mbit_s = lines[i][0],
                          .rtt_ms = lines[i][1],
                          .queue = 100};
        char(*cells)[CELL_MAX] = table.cells[table.rows++];
        double bytes = LOAD_BLOCKS * (double)(ACK_BYTES + BLOCK_BYTES), blocks = 0;

        for (size_t n = 0; n < LOAD_FILES; n++) {
            bytes += (double)load_sizes[n];
            blocks += (double)(load_sizes[n] / BLOCK + 1);
        }
        double expected = blocks * t.rtt_ms / 1e3 + bytes * 8 / (t.mbit_s * 1e6);
        double packet = run(&t, SCENARIO_PACKET, 1).last.mean;
        double fluid = run(&t, SCENARIO_FLUID, 1).last.mean;

        snprintf(cells[0], CELL_MAX, "%g Mbit/s, %g ms", t.mbit_s, t.rtt_ms);
        snprintf(cells[1], CELL_MAX, "%.1f s", expected);
        snprintf(cells[2], CELL_MAX, "%.1f (%+.2f %%)", packet, 100 * share(packet, expected));
        snprintf(cells[3], CELL_MAX, "%.1f (%+.2f %%)", fluid, 100 * share(fluid, expected));
        hold(o, &t, "packet's TFTP", share(packet, expected), TFTP);
        hold(o, &t, "fluid's TFTP", share(fluid, expected), TFTP);
        hold(o, &t, "the number of blocks", share(blocks, LOAD_BLOCKS), 0);
    }
    printf("TFTP, blocks of 512 bytes, one phone, a load of 8,127,234 B in six files\n\n");
    print_table(&table);
}

static bool read_options(int argc, char **argv, struct options *o)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--markdown") == 0) {
            o->markdown = true;
        } else if (strcmp(argv[i], "--quick") == 0) {
            o->quick = true;
        } else if (strcmp(argv[i], "--live") == 0) {
            o->live = true;
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            o->seeds = (unsigned)strtoul(argv[++i], NULL, 10);
        } else {
            return false;
        }
    }
    return o->seeds >= 2 && o->seeds <= 10000;
}

int main(int argc, char **argv)
{
    static struct row linux_rows[ROWS_MAX], ns3_rows[ROWS_MAX];
    struct options o = {.seeds = SEEDS};

    if (!read_options(argc, argv, &o)) {
        fprintf(stderr, "usage: accuracy_tcp [--seeds 2..10000] [--quick] [--markdown] [--live]\n");
        return 2;
    }
    size_t linux_len = read_rows("linux.csv", linux_rows, 0);
    linux_len = read_rows("linux_more.csv", linux_rows, linux_len);
    size_t ns3_len = read_rows("ns3.csv", ns3_rows, 0);
    if (o.quick) {
        linux_len = keep_quick(linux_rows, linux_len);
        ns3_len = keep_quick(ns3_rows, ns3_len);
    }

    linux_table(&o, linux_rows, linux_len, ns3_rows, ns3_len);
    tree_table(&o, ns3_rows, ns3_len);
    tftp_table(&o);
    ns3_table(&o, ns3_rows, ns3_len);
    if (!o.markdown) {
        printf("%u bars missed with %u seeds\n", o.missed, o.seeds);
    }
    return o.missed == 0 ? 0 : 1;
}
