/* tests/accuracy/accuracy_tftp.c -- TFTP against published times. LINK: sim_tftp sim_wan
 *
 * Goal: our two TFTP machines over our packet line reproduce the shape of three measured tables.
 * The tables (tftp.csv) are those of RFC 2348 (2.25 megabyte, taken as 2.25 MiB, over a lightly
 * loaded Ethernet, without and with one gateway between) and of RFC 7440 (180 MB in blocks of 1456
 * bytes over Gigabit Ethernet, windows of 1 to 64).
 *
 * Method: the networks of those days are not known but for what two numbers a table can say: what
 * a round trip takes, whatever is in it, and what a byte takes. They are fitted by least squares
 * of the relative errors, weighted until the worst row is as good as it can be, over simulated
 * transfers: how time follows from the two is learnt by running the machines with other values,
 * never from a formula. Then each row is run with the fitted numbers, and its error printed. Exit
 * status 1: a row is over its table's bar. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/tftp/client.h"
#include "sim/tftp/server.h"
#include "sim/wan/wan.h"

enum {
    ROWS_MAX = 32,
    LINE_MAX = 256,
    TURNS = 200,     /* of weighing */
    SLOTS = 1 << 10, /* datagrams on the line: more than a window and its ACKs */
};

#define STEP 1.25 /* of a probe */

/* A file is all that a row says; `path` and `source` name its table. */
struct row {
    char source[32], path[32];
    uint64_t file_bytes;
    uint16_t blksize, window;
    double seconds;
};

struct table {
    const char *source, *path;
    double bar; /* largest relative error of a row */
};

static const struct table tables[] = {
    {"RFC 2348", "no gateway", 0.12},
    {"RFC 2348", "one gateway", 0.23},
    {"RFC 7440", "gigabit", 0.08},
};

/* What is fitted. */
struct constants {
    double round_trip_s;
    double byte_s;
};

/* ---- One transfer ---- */

struct slot {
    bool used;
    bool is_block;
    uint16_t number;
    size_t len;
    uint8_t bytes[SIM_TFTP_CONTROL_MAX];
};

struct run {
    struct sim_wan *wan;
    struct sim_tftp_client client;
    struct sim_tftp_server server;
    struct slot slots[SLOTS];
    uint32_t next;
    bool serving, done;
    sim_time now;
};

static uint8_t block[SIM_TFTP_HEADER + SIM_TFTP_BLKSIZE_MAX];

static const struct sim_tftp_peer client_peer = {2, 40000};
static const struct sim_tftp_peer server_peer = {1, 30000};

static struct slot *take_slot(struct run *r, uint64_t *user)
{
    struct slot *s;

    do {
        *user = r->next++ % SLOTS;
        s = &r->slots[*user];
    } while (s->used);
    s->used = true;
    return s;
}

static void send_packet(struct run *r, enum sim_wan_direction direction, const uint8_t *bytes,
                        const struct sim_tftp_output *out)
{
    uint64_t user;
    struct slot *s = take_slot(r, &user);

    s->is_block = out->kind == SIM_TFTP_BLOCK;
    s->number = out->number;
    s->len = s->is_block ? SIM_TFTP_HEADER + (size_t)out->size : out->len;
    if (!s->is_block) {
        memcpy(s->bytes, bytes, out->len);
    }
    if (sim_wan_datagram(r->wan, direction, (uint32_t)s->len, user, r->now) != 0) {
        abort();
    }
}

static void drain_client(struct run *r)
{
    struct sim_tftp_event event;
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];

    while (sim_tftp_client_take_event(&r->client, &event)) {
        if (event.kind == SIM_TFTP_EVENT_FAILED) {
            fprintf(stderr, "a transfer failed: %d\n", event.status);
            exit(1);
        }
        r->done |= event.kind == SIM_TFTP_EVENT_DONE;
    }
    while (sim_tftp_client_take_output(&r->client, r->now, packet, &out)) {
        send_packet(r, SIM_WAN_UP, packet, &out);
    }
}

static void drain_server(struct run *r)
{
    struct sim_tftp_event event;
    struct sim_tftp_output out;
    uint8_t packet[SIM_TFTP_CONTROL_MAX];

    while (sim_tftp_server_take_event(&r->server, &event)) {
    }
    while (sim_tftp_server_take_output(&r->server, r->now, packet, &out)) {
        send_packet(r, SIM_WAN_DOWN, packet, &out);
    }
}

static void serve(struct run *r, const struct row *row, const struct slot *s)
{
    const struct sim_tftp_server_limits limits = {
        .blksize_max = SIM_TFTP_BLKSIZE_MAX,
        .windowsize_max = SIM_TFTP_WINDOWSIZE_MAX,
        .timing = {.timeout = 60 * SIM_S, .tries = 2, .stall = SIM_NEVER},
    };
    struct sim_tftp_packet packet;

    if (!r->serving) {
        r->serving = sim_tftp_packet_decode(&packet, s->bytes, s->len) == 0;
        sim_tftp_server_start(&r->server, &limits, client_peer, &packet, row->file_bytes, r->now);
    } else {
        sim_tftp_server_recv(&r->server, client_peer, s->bytes, s->len, r->now);
    }
    drain_server(r);
}

static void deliver(struct run *r, const struct row *row, const struct sim_wan_event *e)
{
    struct slot *s = &r->slots[e->user];
    const uint8_t *bytes = s->bytes;

    assert(e->kind == SIM_WAN_DATAGRAM);
    s->used = false;
    if (e->direction == SIM_WAN_UP) {
        serve(r, row, s);
        return;
    }
    if (s->is_block) {
        sim_tftp_packet_data_header(block, s->number);
        bytes = block;
    }
    sim_tftp_client_recv(&r->client, server_peer, bytes, s->len, r->now);
    drain_client(r);
}

/* Seconds until the client has the file. */
static double simulate(const struct row *row, struct constants constants)
{
    struct run *r = calloc(1, sizeof(*r));
    uint64_t bit_s = (uint64_t)llround(8 / constants.byte_s);
    struct sim_wan_config line = {
        .line = {.down_bit_s = bit_s,
                 .up_bit_s = bit_s,
                 .rtt = (sim_duration)llround(constants.round_trip_s * 1e9),
                 .queue = {SIM_QUEUE_PACKETS, 100000}},
        .flows_max = 1,
    };
    struct sim_tftp_client_config config = {
        .server = {1, SIM_TFTP_PORT},
        .name = "f",
        .blksize = row->blksize,
        .windowsize = row->window,
        .timing = {.timeout = 60 * SIM_S, .tries = 2, .stall = SIM_NEVER},
    };
    struct sim_wan_event e;

    config.ask |= row->blksize != SIM_TFTP_BLKSIZE_DEFAULT ? SIM_TFTP_OPTION_BLKSIZE : 0u;
    config.ask |= row->window > 1 ? SIM_TFTP_OPTION_WINDOWSIZE : 0u;
    if (r == NULL || sim_wan_new(&r->wan, &line) != 0 ||
        sim_tftp_client_init(&r->client, &config) != 0) {
        fprintf(stderr, "a transfer can't begin\n");
        exit(1);
    }
    sim_tftp_client_start(&r->client, 0);
    drain_client(r);
    while (!r->done) {
        r->now = sim_wan_deadline(r->wan);
        sim_wan_tick(r->wan, r->now);
        while (sim_wan_take_event(r->wan, &e)) {
            deliver(r, row, &e);
        }
    }
    double seconds = (double)r->now / 1e9;
    sim_wan_free(r->wan);
    free(r);
    return seconds;
}

/* ---- Fitting ---- */

/* How a row's time, as a share of the published one, follows from the constants near some place:
 * share = rest + trip x round_trip_s + byte x byte_s. */
struct slope {
    double rest, trip, byte;
};

static struct slope learn(const struct row *row, struct constants at)
{
    struct constants more_trip = {at.round_trip_s * STEP, at.byte_s};
    struct constants more_byte = {at.round_trip_s, at.byte_s * STEP};
    double here = simulate(row, at) / row->seconds;
    struct slope s;

    s.trip = (simulate(row, more_trip) / row->seconds - here) / (at.round_trip_s * (STEP - 1));
    s.byte = (simulate(row, more_byte) / row->seconds - here) / (at.byte_s * (STEP - 1));
    s.rest = here - s.trip * at.round_trip_s - s.byte * at.byte_s;
    return s;
}

static double error_of(struct slope s, struct constants c)
{
    return s.rest + s.trip * c.round_trip_s + s.byte * c.byte_s - 1;
}

/* Least squares with weights. */
static struct constants solve(const struct slope *slopes, const double *weights, size_t len)
{
    double aa = 0, ab = 0, bb = 0, ay = 0, by = 0;

    for (size_t i = 0; i < len; i++) {
        const struct slope *s = &slopes[i];

        aa += weights[i] * s->trip * s->trip;
        ab += weights[i] * s->trip * s->byte;
        bb += weights[i] * s->byte * s->byte;
        ay += weights[i] * s->trip * (1 - s->rest);
        by += weights[i] * s->byte * (1 - s->rest);
    }
    double det = aa * bb - ab * ab;
    return (struct constants){(ay * bb - by * ab) / det, (by * aa - ay * ab) / det};
}

/* The constants with the least worst error: rows that are off gain weight until no other choice
 * could serve the worst ones better (Lawson's way to a best approximation). */
static struct constants balance(const struct slope *slopes, size_t len)
{
    double weights[ROWS_MAX];
    struct constants c = {0, 0};

    for (size_t i = 0; i < len; i++) {
        weights[i] = 1 / (double)len;
    }
    for (int turn = 0; turn < TURNS; turn++) {
        double sum = 0;

        c = solve(slopes, weights, len);
        for (size_t i = 0; i < len; i++) {
            weights[i] *= fabs(error_of(slopes[i], c));
            sum += weights[i];
        }
        for (size_t i = 0; i < len; i++) {
            weights[i] /= sum;
        }
    }
    return c;
}

static struct constants fit(const struct row *rows, size_t len)
{
    struct slope slopes[ROWS_MAX];

    for (size_t i = 0; i < len; i++) {
        slopes[i] = learn(&rows[i], (struct constants){1e-3, 1e-6});
    }
    return balance(slopes, len); /* lines all the way: learning again nearer by changes nothing */
}

/* ---- The tables ---- */

static size_t read_rows(struct row rows[ROWS_MAX])
{
    FILE *file = fopen(PFSIM_ACCURACY_DIR "/tftp.csv", "r");
    char line[LINE_MAX];
    size_t len = 0;

    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        fprintf(stderr, "no tftp.csv in " PFSIM_ACCURACY_DIR "\n");
        exit(1);
    }
    while (fgets(line, sizeof(line), file) != NULL && len < ROWS_MAX) {
        struct row *r = &rows[len];
        unsigned long long bytes;

        if (sscanf(line, "%31[^,],%llu,%hu,%hu,%31[^,],%lf", r->source, &bytes, &r->blksize,
                   &r->window, r->path, &r->seconds) != 6) {
            fprintf(stderr, "tftp.csv: not a row: %s", line);
            exit(1);
        }
        r->file_bytes = bytes;
        len++;
    }
    fclose(file);
    return len;
}

/* True when all rows are within the bar. */
static bool hold(const struct table *table, const struct row *all, size_t all_len)
{
    struct row rows[ROWS_MAX];
    size_t len = 0;
    double worst = 0;

    for (size_t i = 0; i < all_len; i++) {
        if (strcmp(all[i].source, table->source) == 0 && strcmp(all[i].path, table->path) == 0) {
            rows[len++] = all[i];
        }
    }
    if (len < 3) {
        fprintf(stderr, "tftp.csv has too few rows of %s, %s\n", table->source, table->path);
        return false;
    }
    struct constants c = fit(rows, len);
    printf("%s, %s: %.3f ms a round trip, %.3f us a byte\n", table->source, table->path,
           c.round_trip_s * 1e3, c.byte_s * 1e6);
    printf("  blksize  window  published_s  simulated_s   error\n");
    for (size_t i = 0; i < len; i++) {
        double seconds = simulate(&rows[i], c);
        double error = seconds / rows[i].seconds - 1;

        worst = fabs(error) > worst ? fabs(error) : worst;
        printf("  %7u  %6u  %11.2f  %11.2f  %+5.1f%%\n", rows[i].blksize, rows[i].window,
               rows[i].seconds, seconds, error * 100);
    }
    printf("  worst %.1f %%, bar %.0f %%: %s\n\n", worst * 100, table->bar * 100,
           worst <= table->bar ? "met" : "MISSED");
    return worst <= table->bar;
}

int main(void)
{
    struct row rows[ROWS_MAX];
    size_t len = read_rows(rows);
    bool met = true;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        met = hold(&tables[i], rows, len) && met;
    }
    return met ? 0 : 1;
}
