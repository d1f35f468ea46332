/* Goal: a request from the node to its result over a fluid line, and the server: instants,
 * statuses, places, counters.
 * Method: nodes that only fetch; instants and bytes are reckoned by hand from the sizes that the
 * headers promise. */
#include "fetcher.h"

TestSuite(virtual_fetch, .init = set_up, .fini = close_world, .timeout = 20);

/* ---- Instants ---- */

/* Ten segments and fewer leave at once: no start-up. */
Test(virtual_fetch, a_small_body_takes_two_round_trips_and_its_sending)
{
    uint64_t line = stream_on_line(HEAD + 4 + 8000);
    sim_time left;

    add_file("a.sbn", 8000);
    open_world(1);
    at(SIM_S, fetch_firmware, 0);
    run(2 * SIM_S);
    left = SIM_S + to_server("a.sbn");
    cr_assert_eq(fetchers[0].done, 1);
    cr_assert_eq(fetchers[0].results[0].status, 0);
    cr_assert_eq(fetchers[0].results[0].code, 200);
    cr_assert_eq(fetchers[0].results[0].bytes, 8000);
    cr_assert_str_eq(fetchers[0].results[0].reason, "");
    cr_assert_eq(fetchers[0].results[0].at, left + line * 800 + HALF, "%llu, not %llu",
                 (unsigned long long)fetchers[0].results[0].at,
                 (unsigned long long)(left + line * 800 + HALF));
    cr_assert_eq(fetchers[0].results[0].first_byte, left + on_line(1500) + HALF);
    cr_assert_eq(sim_world_file_size(w, fetchers[0].file), 8000);
}

/* Between the first ten segments and the next twenty the line waits for an ACK. */
Test(virtual_fetch, a_window_that_opens_leaves_the_line_idle)
{
    uint64_t stream = 30 * 1448, line = stream_on_line(stream);
    sim_duration round = 2 * HALF + on_line(1500) + on_line(52);
    sim_time end;

    add_file("a.sbn", stream - HEAD - 5);
    open_world(1);
    at(0, fetch_firmware, 0);
    run(2 * SIM_S);
    end = to_server("a.sbn") + (round - 10 * on_line(1500)) + line * 800 + HALF;
    cr_assert_eq(fetchers[0].results[0].at, end, "%llu, not %llu",
                 (unsigned long long)fetchers[0].results[0].at, (unsigned long long)end);
}

Test(virtual_fetch, the_server_takes_its_time_before_the_first_byte)
{
    server.response_time = 7 * SIM_MS;
    add_file("a.sbn", 8000);
    open_world(1);
    at(0, fetch_firmware, 0);
    run(2 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].first_byte,
                 to_server("a.sbn") + 7 * SIM_MS + on_line(1500) + HALF);
}

Test(virtual_fetch, tls_costs_a_round_trip_more_and_its_records)
{
    sim_duration hello = (597 + 54) * 800, welcome = (800 + 54) * 800;
    uint64_t records = 22 + 2 * 22; /* the head's, the body's of 4,096 bytes each */
    uint64_t line = stream_on_line(HEAD + 4 + 8000 + records);

    add_file("a.sbn", 8000);
    open_world(1);
    fetchers[0].protocol = SIM_PROTOCOL_HTTPS;
    at(0, fetch_firmware, 0);
    run(2 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].at,
                 to_server("a.sbn") + 2 * HALF + hello + welcome + line * 800 + HALF);
}

Test(virtual_fetch, a_phones_port_limits_it)
{
    uint64_t line = stream_on_line(HEAD + 4 + 8000);

    site.lan.rate_bit_s = 1000000;
    add_file("a.sbn", 8000);
    open_world(1);
    at(0, fetch_firmware, 0);
    run(2 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].at, to_server("a.sbn") + line * 8000 + HALF);
}

/* Linux's own TCP over an emulated line (its mean of three to twelve runs, in ms), new connection
 * each: within 3 %. */
Test(virtual_fetch, takes_as_long_as_linux)
{
    static const struct {
        uint64_t phones, rate, rtt, queue, files, size, mean_ms;
    } rows[] = {
        {1, 10000000, 80, 100, 4, 500000, 2951},
        {1, 50000000, 20, 200, 5, 1600000, 1764},
        {5, 10000000, 80, 100, 4, 500000, 8105},
        {15, 10000000, 80, 1000, 4, 500000, 25122},
    };
    static const char *const names[] = {"f0", "f1", "f2", "f3", "f4"};

    for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
        uint64_t sum = 0, count = 0;

        for (uint64_t seed = 1; seed <= 10; seed++) {
            if (row > 0 || seed > 1) {
                close_world();
                set_up();
            }
            site.wan.down_bit_s = site.wan.up_bit_s = rows[row].rate;
            site.wan.rtt = rows[row].rtt * SIM_MS;
            site.wan.queue.limit = rows[row].queue;
            config.seed = seed;
            for (size_t i = 0; i < rows[row].files; i++) {
                add_file(names[i], rows[row].size);
            }
            open_world(rows[row].phones);
            for (size_t i = 0; i < rows[row].phones; i++) {
                fetchers[i].chain_len = rows[row].files;
                memcpy(fetchers[i].chain, names, sizeof(names));
                cr_assert(ask(&fetchers[i], names[0], true) == 0);
            }
            run(100 * SIM_S);
            for (size_t i = 0; i < rows[row].phones; i++) {
                cr_assert_eq(fetchers[i].done, rows[row].files);
                sum += fetchers[i].results[rows[row].files - 1].at / SIM_MS;
                count++;
            }
        }
        uint64_t mean = sum / count, linux_mean = rows[row].mean_ms;
        uint64_t off = mean > linux_mean ? mean - linux_mean : linux_mean - mean;

        cr_assert(off * 100 <= linux_mean * 3, "row %zu: %llu ms, Linux %llu ms", row,
                  (unsigned long long)mean, (unsigned long long)linux_mean);
    }
}

/* The load of a phone in lock-step over 150 ms: n round trips and n sendings. */
Test(virtual_fetch, lock_step_takes_a_round_trip_a_block)
{
    const uint64_t size = 8127234, blocks = size / 512 + 1;
    const uint64_t rate = 1536000;
    sim_duration block, ack, request, want, got;

    site.wan.down_bit_s = site.wan.up_bit_s = rate;
    site.wan.rtt = 150 * SIM_MS;
    add_file("a.sbn", size);
    open_world(1);
    fetchers[0].protocol = SIM_PROTOCOL_TFTP;
    at(0, fetch_firmware, 0);
    run(5000 * SIM_S);
    block = (512 + 4 + 28 + 2) * 8 * SIM_S / rate;
    ack = (4 + 28 + 2) * 8 * SIM_S / rate;
    request = (9 + 5 + 28 + 2) * 8 * SIM_S / rate;
    want = blocks * (150 * SIM_MS + block) + (blocks - 1) * ack + request;
    got = fetchers[0].results[0].at;
    cr_assert_eq(fetchers[0].results[0].status, 0);
    cr_assert_eq(fetchers[0].results[0].code, -1);
    cr_assert((got > want ? got - want : want - got) * 10000 < want, "%llu ms, not %llu",
              (unsigned long long)(got / SIM_MS), (unsigned long long)(want / SIM_MS));
    cr_assert_eq(stats_of_site().wan_bytes, size + blocks * (4 + 28 + 2));
    cr_assert_eq(stats_of_site().wan_up_bytes, 9 + 5 + 28 + 2 + blocks * (4 + 28 + 2));
}

/* An OACK costs a round trip; a window's blocks share one. */
Test(virtual_fetch, a_window_of_blocks_takes_one_round_trip)
{
    const uint64_t size = 100 * 1428 - 1; /* 100 blocks, the last one short: 13 windows of 8 */
    sim_duration block = on_line(1428 + 4 + 28), ack = on_line(4 + 28), want, got;
    uint64_t options = 9 + 4 + 12 + 1 + 8; /* blksize 1428, windowsize 8, tsize 0 */
    uint64_t oack = options + 1 + 6;       /* tsize 142799 */

    server.block_size = 1428;
    server.window = 8;
    add_file("a.sbn", size);
    open_world(1);
    fetchers[0].protocol = SIM_PROTOCOL_TFTP;
    at(0, fetch_firmware, 0);
    run(50 * SIM_S);
    want = on_line(9 + 5 + options + 28) + on_line(oack + 28) + ack + 4 * HALF;
    want += 12 * (2 * HALF + 8 * block + ack) + 4 * block - 800 - 2 * HALF + HALF + HALF;
    got = fetchers[0].results[0].at;
    cr_assert((got > want ? got - want : want - got) < SIM_MS, "%llu us, not %llu",
              (unsigned long long)(got / SIM_US), (unsigned long long)(want / SIM_US));
}

/* Who comes first meets nobody; of the others, what one takes more another takes less: the line is
 * as busy as it has to be, and ends on time. */
Test(virtual_fetch, phones_that_meet_end_apart_and_carry_no_byte_more)
{
    const uint64_t stream = stream_on_line(HEAD + 6 + 500000);

    for (uint64_t seed = 1; seed <= 5; seed++) {
        sim_time first = SIM_NEVER, last = 0, end = to_server("a.sbn") + 7 * stream * 800 + HALF;

        if (seed > 1) {
            close_world();
            set_up();
        }
        config.seed = seed;
        add_file("a.sbn", 500000);
        open_world(7);
        for (uint64_t i = 0; i < 7; i++) {
            at(0, fetch_firmware, i);
        }
        run(10 * SIM_S);
        for (size_t i = 0; i < 7; i++) {
            cr_assert_eq(fetchers[i].results[0].status, 0);
            first = sim_time_min(first, fetchers[i].results[0].at);
            last = last > fetchers[i].results[0].at ? last : fetchers[i].results[0].at;
        }
        cr_assert_gt(last - first, 100 * SIM_MS);
        cr_assert(last >= end && last < end + 100 * SIM_MS, "%llu, not %llu",
                  (unsigned long long)last, (unsigned long long)end);
        cr_assert_eq(stats_of_site().wan_payload_bytes, 3500000);
        cr_assert_eq(stats_of_site().wan_bytes, 7 * (stream + 60 + 3 * 52 + 4 * FRAMING));
        cr_assert_eq(stats_of_server().payload_bytes, 3500000);
    }
}

/* ---- Statuses ---- */

/* A copy that has so many bytes already. */
static void have(struct fetcher *f, const char *path, uint64_t bytes)
{
    f->file = sim_world_file_new(w, f->node, path);
    virtual_file_append(v, f->file, bytes, 0);
}

struct status_row {
    const char *what, *path;
    enum sim_protocol protocol;
    uint64_t has; /* bytes that the copy has; all but UINT64_MAX: with a copy */
    int status, code;
    const char *reason;
};

#define NO_COPY UINT64_MAX

Test(virtual_fetch, statuses_codes_and_reasons_are_the_live_worlds)
{
    static const struct status_row rows[] = {
        {"there", "a.sbn", SIM_PROTOCOL_HTTP, 0, 0, 200, ""},
        {"there, TFTP", "a.sbn", SIM_PROTOCOL_TFTP, 0, 0, -1, ""},
        {"a part", "a.sbn", SIM_PROTOCOL_HTTP, 400, 0, 206, ""},
        {"nothing was missing", "a.sbn", SIM_PROTOCOL_HTTP, 1000, 0, 416, ""},
        {"more than there is", "a.sbn", SIM_PROTOCOL_HTTP, 1001, SIM_EPROTO, 416,
         "HTTP 416 from http://server/a.sbn: no byte 1001 in it"},
        {"not there", "b.sbn", SIM_PROTOCOL_HTTP, 0, SIM_ENOTFOUND, 404,
         "HTTP 404 from http://server/b.sbn"},
        {"not there, TLS", "b.sbn", SIM_PROTOCOL_HTTPS, 0, SIM_ENOTFOUND, 404,
         "HTTP 404 from https://server/b.sbn"},
        {"not there, TFTP", "b.sbn", SIM_PROTOCOL_TFTP, 0, SIM_ENOTFOUND, 1,
         "TFTP error 1 (File not found) from server"},
        {"upwards", "../a.sbn", SIM_PROTOCOL_HTTP, 0, SIM_EACCES, 403,
         "HTTP 403 from http://server/../a.sbn"},
        {"upwards, TFTP", "x/../../a.sbn", SIM_PROTOCOL_TFTP, 0, SIM_EACCES, 2,
         "TFTP error 2 (Access violation) from server"},
        {"dots that lead nowhere", "x/..a", SIM_PROTOCOL_HTTP, 0, SIM_ENOTFOUND, 404,
         "HTTP 404 from http://server/x/..a"},
        {"too large for memory", "large", SIM_PROTOCOL_HTTP, NO_COPY, SIM_ELIMIT, 200,
         "more than 262144 bytes from http://server/large"},
        {"too large for memory, TFTP", "large", SIM_PROTOCOL_TFTP, NO_COPY, SIM_ELIMIT, -1,
         "TFTP from server: limit reached"},
        {"as large as may be", "just", SIM_PROTOCOL_HTTP, NO_COPY, 0, 200, ""},
        {"made up", "SEP1.xml", SIM_PROTOCOL_HTTP, NO_COPY, 0, 200, ""},
        {"made up, TFTP", "SEP1.xml", SIM_PROTOCOL_TFTP, NO_COPY, 0, -1, ""},
        {"empty", "empty", SIM_PROTOCOL_HTTP, NO_COPY, 0, 200, ""},
        {"empty, TFTP", "empty", SIM_PROTOCOL_TFTP, NO_COPY, 0, -1, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct status_row *row = &rows[i];
        struct fetcher *f = &fetchers[0];

        if (i > 0) {
            close_world();
            set_up();
        }
        site.wan.rtt = 2 * SIM_MS;
        add_file("a.sbn", 1000);
        add_file("large", SIM_WORLD_SMALL_MAX + 1);
        add_file("just", SIM_WORLD_SMALL_MAX);
        add_file("empty", 0);
        open_world(1);
        f->protocol = row->protocol;
        if (row->has != NO_COPY) {
            have(f, row->path, row->has);
        }
        cr_assert(ask(f, row->path, row->has != NO_COPY) == 0);
        run(100 * SIM_S);
        cr_assert_eq(f->done, 1, "%s", row->what);
        cr_assert_eq(f->results[0].status, row->status, "%s: %d", row->what, f->results[0].status);
        cr_assert_eq(f->results[0].code, row->code, "%s: %d", row->what, f->results[0].code);
        cr_assert_str_eq(f->results[0].reason, row->reason, "%s: %s", row->what,
                         f->results[0].reason);
    }
}

Test(virtual_fetch, reasons_name_the_server_as_the_scenario_does)
{
    server.url = "https://user:secret@files.example:8443/base/";
    open_world(1);
    cr_assert(ask(&fetchers[0], "b.sbn", true) == 0);
    run(SIM_S);
    cr_assert_str_eq(fetchers[0].results[0].reason,
                     "HTTP 404 from http://files.example:8443/base/b.sbn");
}

Test(virtual_fetch, what_can_not_be_asked_is_refused_at_once)
{
    char path[SIM_WORLD_PATH_MAX + 1];
    struct fetcher *f = &fetchers[0], *other = &fetchers[1];

    add_file("a.sbn", 10);
    open_world(2);
    memset(path, 'x', SIM_WORLD_PATH_MAX);
    path[SIM_WORLD_PATH_MAX] = '\0';
    cr_assert_eq(ask(f, path, false), SIM_EINVAL);
    path[SIM_WORLD_PATH_MAX - 1] = '\0';
    cr_assert_eq(ask(f, path, false), 0);
    have(f, "a.sbn", 10);
    cr_assert_eq(sim_world_file_seal(w, f->file), 0);
    cr_assert_eq(ask(f, "a.sbn", true), SIM_EINVAL, "a sealed copy");
    have(other, "a.sbn", 0);
    f->file = other->file;
    cr_assert_eq(ask(f, "a.sbn", true), SIM_EINVAL, "another's copy");
    sim_world_file_free(w, other->file);
    cr_assert_eq(ask(other, "a.sbn", true), SIM_EINVAL, "a stale copy");
    set_down(1);
    cr_assert_eq(ask(other, "a.sbn", false), SIM_EINVAL, "a node that is down");
    run(10 * SIM_S);
    cr_assert_eq(stats_of_site().fetches, 1);
    cr_assert_eq(other->done, 0);
}

/* ---- Small files ---- */

Test(virtual_fetch, small_files_come_with_their_bytes)
{
    uint8_t bytes[3000];

    site.wan.rtt = 2 * SIM_MS;
    add_file("made.bin", 3000);
    cr_assert(sim_catalog_add_memory(catalog, "kept.xml", false, "hello", 5) == 0);
    open_world(4);
    fetchers[1].protocol = SIM_PROTOCOL_TFTP;
    fetchers[0].is_firmware = fetchers[1].is_firmware = fetchers[2].is_firmware = false;
    cr_assert(ask(&fetchers[0], "kept.xml", false) == 0);
    cr_assert(ask(&fetchers[1], "SEP9.xml", false) == 0);
    cr_assert(ask(&fetchers[2], "made.bin", false) == 0);
    cr_assert(ask(&fetchers[3], "none", false) == 0);
    run(10 * SIM_S);
    (void)sim_content_read(sim_catalog_find(catalog, "made.bin"), 0, bytes, sizeof(bytes));
    cr_assert_eq(fetchers[0].results[0].data_len, 5);
    cr_assert_eq(fetchers[0].results[0].data_first, 'h');
    cr_assert_eq(fetchers[0].results[0].data_last, 'o');
    cr_assert_eq(fetchers[1].results[0].data_len, strlen("<device>SEP9.xml</device>"));
    cr_assert_eq(fetchers[1].results[0].data_last, '>');
    cr_assert_eq(fetchers[2].results[0].data_len, 3000);
    cr_assert_eq(fetchers[2].results[0].data_first, bytes[0]);
    cr_assert_eq(fetchers[2].results[0].data_last, bytes[2999]);
    cr_assert(!fetchers[3].results[0].has_data);
    cr_assert_eq(stats_of_site().wan_config_bytes, 5 + 25 + 3000);
    cr_assert_eq(stats_of_site().wan_payload_bytes, 0);
}

/* ---- Going on where a copy ends ---- */

Test(virtual_fetch, http_sends_the_rest_and_tftp_all_again)
{
    for (int protocol = SIM_PROTOCOL_TFTP; protocol <= SIM_PROTOCOL_HTTPS; protocol++) {
        bool tftp = protocol == SIM_PROTOCOL_TFTP;

        if (protocol > 0) {
            close_world();
            set_up();
        }
        site.wan.rtt = 2 * SIM_MS;
        add_file("a.sbn", 100000);
        open_world(1);
        fetchers[0].protocol = (enum sim_protocol)protocol;
        have(&fetchers[0], "a.sbn", 30000);
        fetch_firmware(0);
        run(100 * SIM_S);
        cr_assert_eq(fetchers[0].results[0].status, 0);
        cr_assert_eq(fetchers[0].results[0].bytes, tftp ? 100000 : 70000);
        cr_assert_eq(sim_world_file_size(w, fetchers[0].file), 100000);
        cr_assert_eq(stats_of_site().wan_payload_bytes, tftp ? 100000 : 70000);
        cr_assert_eq(stats_of_site().wan_resent_bytes, tftp ? 30000 : 0);
        cr_assert_eq(stats_of_server().payload_bytes, tftp ? 100000 : 70000);
        struct sim_digest digest, whole;

        cr_assert_eq(sim_world_file_digest(w, fetchers[0].file, &digest), 0);
        cr_assert_eq(sim_catalog_digest(catalog, sim_catalog_find(catalog, "a.sbn"), &whole), 0);
        cr_assert(sim_digest_equal(&digest, &whole));
    }
}

static void check_part(uint64_t who)
{
    struct fetcher *f = &fetchers[who];
    uint64_t size = sim_world_file_size(w, f->file);

    cr_assert(size > 100000 && size < 900000, "%llu", (unsigned long long)size);
    cr_assert_eq(stats_of_site().wan_payload_bytes, size, "what moves is counted");
    f->progress_size[0] = size;
}

Test(virtual_fetch, a_cancelled_one_is_not_told_and_its_bytes_stay)
{
    add_file("a.sbn", 1000000);
    open_world(1);
    at(0, fetch_firmware, 0);
    at(SIM_S, check_part, 0);
    at(SIM_S, cancel_fetch, 0);
    at(SIM_S, cancel_fetch, 0); /* stale by now */
    run(10 * SIM_S);
    cr_assert_eq(fetchers[0].done, 0);
    cr_assert_eq(sim_world_file_size(w, fetchers[0].file), fetchers[0].progress_size[0]);
    cr_assert_eq(stats_of_site().wan_payload_bytes, fetchers[0].progress_size[0]);
    cr_assert_eq(stats_of_site().fetches_now, 0);
    cr_assert_eq(stats_of_site().fetch_errors, 0);
    cr_assert_eq(stats_of_server().transfers, 0);
    cr_assert_eq(stats_of_server().errors, 1, "the server sees it broken off");
    cr_assert_eq(stats_of_server().requests, 1);
}

Test(virtual_fetch, a_node_that_goes_down_leaves_what_has_crossed)
{
    add_file("a.sbn", 1000000);
    open_world(1);
    at(0, fetch_firmware, 0);
    at(SIM_S, check_part, 0);
    at(SIM_S, set_down, 0);
    run(10 * SIM_S);
    cr_assert_eq(fetchers[0].done, 0);
    cr_assert_eq(stats_of_site().wan_payload_bytes, fetchers[0].progress_size[0]);
    cr_assert_eq(stats_of_site().fetches_now, 0);
    cr_assert_eq(stats_of_server().transfers, 0);
}

static void free_copy(uint64_t who)
{
    sim_world_file_free(w, fetchers[who].file);
}

Test(virtual_fetch, without_its_copy_it_fails)
{
    add_file("a.sbn", 1000000);
    open_world(1);
    at(0, fetch_firmware, 0);
    at(SIM_S, free_copy, 0);
    run(10 * SIM_S);
    cr_assert_eq(fetchers[0].done, 1);
    cr_assert_eq(fetchers[0].results[0].at, SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, SIM_ECANCELED);
    cr_assert_str_eq(fetchers[0].results[0].reason, "the copy was given up");
}

Test(virtual_fetch, progress_is_told_only_when_asked_for)
{
    add_file("a.sbn", 1000000);
    open_world(2);
    fetchers[0].notify_every = 300000;
    at(0, fetch_firmware, 0);
    at(0, fetch_firmware, 1);
    run(10 * SIM_S);
    cr_assert_eq(fetchers[1].progress, 0);
    cr_assert_eq(fetchers[0].progress, 3);
    for (size_t i = 0; i < 3; i++) {
        uint64_t mark = 300000 * (i + 1), size = fetchers[0].progress_size[i];

        cr_assert(size >= mark && size < mark + 20000, "%zu: %llu", i, (unsigned long long)size);
    }
}

/* ---- Places ---- */

Test(virtual_fetch, a_full_server_refuses)
{
    server.max_transfers = 2;
    add_file("a.sbn", 1000000);
    open_world(5);
    fetchers[3].protocol = SIM_PROTOCOL_TFTP;
    for (uint64_t i = 0; i < 3; i++) {
        at(i * SIM_MS, fetch_firmware, i);
    }
    at(200 * SIM_MS, fetch_firmware, 3);
    at(10 * SIM_S, fetch_firmware, 4); /* both places are free again */
    run(20 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, 0);
    cr_assert_eq(fetchers[1].results[0].status, 0);
    cr_assert_eq(fetchers[2].results[0].status, SIM_EBUSY);
    cr_assert_eq(fetchers[2].results[0].code, 503);
    cr_assert_str_eq(fetchers[2].results[0].reason, "HTTP 503 from http://server/a.sbn");
    cr_assert_eq(fetchers[3].results[0].status, SIM_EBUSY);
    cr_assert_eq(fetchers[3].results[0].code, 0);
    cr_assert_str_eq(fetchers[3].results[0].reason, "TFTP error 0 (Server busy) from server");
    cr_assert_eq(fetchers[4].results[0].status, 0);
    cr_assert_eq(stats_of_server().refused, 2);
    cr_assert_eq(stats_of_server().errors, 0);
    cr_assert_eq(stats_of_server().requests, 5);
    cr_assert_eq(stats_of_server().peak_transfers, 2);
    cr_assert_eq(stats_of_site().fetch_refused, 2);
    cr_assert_eq(stats_of_site().fetch_errors, 2);
    cr_assert_eq(stats_of_site().fetches_peak, 3);
}

static void fetch_other(uint64_t who)
{
    fetchers[who].file = 0;
    cr_assert(ask(&fetchers[who], "b.sbn", true) == 0);
}

/* What sends no file needs no place. */
Test(virtual_fetch, errors_take_no_place)
{
    server.max_transfers = 1;
    add_file("a.sbn", 1000000);
    open_world(2);
    at(0, fetch_firmware, 0);
    at(500 * SIM_MS, fetch_other, 1);
    run(10 * SIM_S);
    cr_assert_eq(fetchers[1].results[0].status, SIM_ENOTFOUND);
    cr_assert_eq(stats_of_server().not_found, 1);
    cr_assert_eq(stats_of_server().refused, 0);
}

Test(virtual_fetch, those_who_wait_are_served_in_turn)
{
    server.max_transfers = 1;
    server.overflow = SIM_OVERFLOW_QUEUE;
    add_file("a.sbn", 500000);
    open_world(5);
    for (uint64_t i = 0; i < 5; i++) {
        at(i * SIM_MS, fetch_firmware, i);
    }
    at(300 * SIM_MS, cancel_fetch, 2); /* out of the middle */
    at(300 * SIM_MS, cancel_fetch, 4); /* and off the end */
    run(20 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, 0);
    cr_assert_eq(fetchers[1].results[0].status, 0);
    cr_assert_eq(fetchers[2].done, 0);
    cr_assert_eq(fetchers[3].results[0].status, 0);
    cr_assert_eq(fetchers[4].done, 0);
    cr_assert_lt(fetchers[0].results[0].at, fetchers[1].results[0].first_byte);
    cr_assert_lt(fetchers[1].results[0].at, fetchers[3].results[0].first_byte);
    cr_assert_eq(stats_of_server().queued, 4);
    cr_assert_eq(stats_of_server().peak_transfers, 1);
    cr_assert_eq(stats_of_server().transfers, 0);
    cr_assert_eq(stats_of_server().requests, 5);
    cr_assert_eq(stats_of_server().errors, 2);
}

/* 60 s without a byte: HTTP's patience from its beginning; TFTP's is less than its retries'. */
Test(virtual_fetch, who_waits_too_long_for_a_place_gives_up)
{
    server.max_transfers = 1;
    server.overflow = SIM_OVERFLOW_QUEUE;
    add_file("a.sbn", 100000000);
    open_world(4);
    fetchers[2].protocol = SIM_PROTOCOL_TFTP;
    at(0, fetch_firmware, 0);
    at(SIM_S, fetch_firmware, 1);
    at(2 * SIM_S, fetch_firmware, 2);
    at(3 * SIM_S, fetch_firmware, 3);
    run(100 * SIM_S);
    cr_assert_eq(fetchers[1].results[0].at, 61 * SIM_S);
    cr_assert_eq(fetchers[1].results[0].status, SIM_ESTALLED);
    cr_assert_eq(fetchers[1].results[0].code, -1);
    cr_assert_str_eq(fetchers[1].results[0].reason, "no byte for 60 s from http://server/a.sbn");
    cr_assert_eq(fetchers[2].results[0].at, 62 * SIM_S);
    cr_assert_eq(fetchers[2].results[0].status, SIM_ETIMEDOUT);
    cr_assert_str_eq(fetchers[2].results[0].reason, "no answer from server after 5 tries");
    cr_assert_eq(fetchers[3].results[0].status, SIM_ESTALLED);
    cr_assert_eq(stats_of_server().errors, 3);
}

/* ---- Connections ---- */

/* Kept for a second; then a new one is made. */
Test(virtual_fetch, a_kept_connection_saves_a_round_trip)
{
    sim_duration kept =
        HALF + on_line(52 + REQUEST + 5) + stream_on_line(HEAD + 4 + 8000) * 800 + HALF;

    server.keep_alive = true;
    add_file("a.sbn", 8000);
    add_file("b.sbn", 8000);
    open_world(1);
    at(0, fetch_firmware, 0);
    at(SIM_S, fetch_other, 0);         /* less than 1 s after its end */
    at(2500 * SIM_MS, fetch_other, 0); /* more */
    run(5 * SIM_S);
    cr_assert_eq(fetchers[0].results[1].at - SIM_S, kept);
    cr_assert_eq(fetchers[0].results[2].at - 2500 * SIM_MS, kept + 2 * HALF + 2 * on_line(60));
}

static uint64_t up_before;

static void note_up(uint64_t argument)
{
    (void)argument;
    up_before = stats_of_site().wan_up_bytes;
}

static void fetch_by_tls(uint64_t who)
{
    fetchers[who].protocol = SIM_PROTOCOL_HTTPS;
    fetch_other(who);
    fetchers[who].protocol = SIM_PROTOCOL_HTTP;
}

Test(virtual_fetch, a_connection_is_not_kept_for_another_protocol_or_when_busy)
{
    server.keep_alive = true;
    add_file("a.sbn", 8000);
    add_file("b.sbn", 8000);
    open_world(1);
    at(0, fetch_firmware, 0);
    at(300 * SIM_MS, note_up, 0);
    at(300 * SIM_MS, fetch_by_tls, 0);
    at(300 * SIM_MS, fetch_other, 0); /* takes the kept one */
    at(300 * SIM_MS, fetch_other, 0); /* which is busy now */
    run(3 * SIM_S);
    cr_assert_eq(fetchers[0].done, 4);
    uint64_t syns = 60 + 3 * 52 + 4 * FRAMING;

    /* TLS needs 597 bytes more in one packet, and its records an ACK's worth of nothing more. */
    cr_assert_eq(stats_of_site().wan_up_bytes, 4 * (up_before - syns) + 3 * syns + 597 + 54);
}

/* ---- Load server, and no line ---- */

static void fetch_from_lan(uint64_t who)
{
    struct fetcher *f = &fetchers[who];
    struct sim_fetch_request request = {.place = SIM_SERVER_LAN,
                                        .protocol = SIM_PROTOCOL_HTTP,
                                        .path = "a.sbn",
                                        .is_firmware = true};

    f->file = request.file = sim_world_file_new(w, f->node, "a.sbn");
    cr_assert(sim_world_fetch(w, f->node, &request, &f->fetch) == 0);
}

/* Its port is shared, its bytes are the LAN's, and it has as many places as there are phones. */
Test(virtual_fetch, a_load_server_is_near_and_shares_its_port)
{
    server.max_transfers = 1;
    site.lan.rate_bit_s = 100000000;
    add_file("a.sbn", 1000000);
    open_world(4);
    for (uint64_t i = 0; i < 4; i++) {
        at(0, fetch_from_lan, i);
    }
    run(10 * SIM_S);
    for (size_t i = 0; i < 4; i++) {
        sim_time end = fetchers[i].results[0].at;

        cr_assert_eq(fetchers[i].results[0].status, 0);
        cr_assert(end > 330 * SIM_MS && end < 340 * SIM_MS, "%llu us",
                  (unsigned long long)(end / SIM_US));
    }
    cr_assert_eq(stats_of_site().wan_bytes, 0);
    cr_assert_eq(stats_of_site().wan_up_bytes, 0);
    cr_assert_eq(stats_of_site().wan_payload_bytes, 0);
    cr_assert_eq(stats_of_site().lan_payload_bytes, 4000000);
    cr_assert_eq(stats_of_site().fetches, 4);
    cr_assert_eq(stats_of_server().requests, 0);
}

Test(virtual_fetch, a_load_server_falls_with_the_server_and_not_with_the_line)
{
    site.lan.rate_bit_s = 100000000;
    add_file("a.sbn", 1000000);
    open_world(3);
    at(0, set_wan, 0);
    at(0, fetch_from_lan, 0);
    at(SIM_S, fetch_from_lan, 1);
    at(SIM_S + 50 * SIM_MS, set_server, 0);
    at(2 * SIM_S, fetch_from_lan, 2);
    run(10 * SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, 0);
    cr_assert_eq(fetchers[1].results[0].status, SIM_ERESET);
    cr_assert_eq(fetchers[2].results[0].status, SIM_EREFUSED);
    cr_assert_str_eq(fetchers[2].results[0].reason, "connection refused by load-server");
}

Test(virtual_fetch, where_there_is_no_load_server_none_answers)
{
    config.has_load_server = false;
    add_file("a.sbn", 1000);
    open_world(1);
    at(0, fetch_from_lan, 0);
    run(SIM_S);
    cr_assert_eq(fetchers[0].results[0].status, SIM_EREFUSED);
    cr_assert_str_eq(fetchers[0].results[0].reason, "the server does not offer this protocol");
}

Test(virtual_fetch, without_a_line_only_ports_and_the_uplink_limit)
{
    for (int limits = 0; limits < 3; limits++) {
        if (limits > 0) {
            close_world();
            set_up();
        }
        site.wan.none = true;
        site.lan.rate_bit_s = limits == 1 ? 8000000 : SIM_RATE_NONE;
        server.uplink_bit_s = limits == 2 ? 8000000 : SIM_RATE_NONE;
        add_file("a.sbn", 1000000);
        open_world(1);
        at(0, fetch_firmware, 0);
        run(10 * SIM_S);
        uint64_t line = HEAD + 7 + 1000000 + (HEAD + 7 + 1000000 + 1447) / 1448 * 52;

        cr_assert_eq(fetchers[0].results[0].status, 0);
        cr_assert_eq(fetchers[0].results[0].at, limits == 0 ? 0 : line * 1000, "%d: %llu", limits,
                     (unsigned long long)fetchers[0].results[0].at);
        cr_assert_eq(stats_of_site().wan_payload_bytes, 1000000);
        cr_assert_eq(stats_of_site().wan_bytes, line + 60 + 3 * 52);
    }
}

Test(virtual_fetch, sites_share_the_servers_uplink)
{
    static struct sim_site_setup sites[2];
    static struct fetcher *f[2] = {&fetchers[0], &fetchers[1]};

    server.uplink_bit_s = 10000000;
    add_file("a.sbn", 1000000);
    sites[0] = sites[1] = site;
    sites[1].base += 0x10000;
    sites[1].index = 1;
    config.sites = sites;
    config.sites_len = 2;
    open_world(1);
    f[1]->node = sim_world_add_node(w, 1, sites[1].base + 2, 1, &fetcher_ops, f[1]);
    f[1]->protocol = SIM_PROTOCOL_HTTP;
    sim_world_finished(w, f[1]->node);
    at(0, fetch_firmware, 0);
    at(0, fetch_firmware, 1);
    run(10 * SIM_S);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(f[i]->results[0].status, 0);
        cr_assert_gt(f[i]->results[0].at, 1600 * SIM_MS);
        cr_assert_lt(f[i]->results[0].at, 2000 * SIM_MS);
    }
}

/* ---- Counters ---- */

Test(virtual_fetch, counters_are_those_of_the_contract)
{
    uint64_t stream = HEAD + 6 + 100000, segments = (stream + 1447) / 1448;
    struct sim_site_stats stats;

    add_file("a.sbn", 100000);
    open_world(1);
    at(SIM_S, fetch_firmware, 0);
    run(10 * SIM_S);
    stats = stats_of_site();
    cr_assert_eq(stats.fetches, 1);
    cr_assert_eq(stats.fetches_now, 0);
    cr_assert_eq(stats.fetches_peak, 1);
    cr_assert_eq(stats.wan_payload_bytes, 100000);
    cr_assert_eq(stats.wan_config_bytes, 0);
    cr_assert_eq(stats.wan_bytes, stream_on_line(stream) + 60 + 3 * 52 + 4 * FRAMING);
    cr_assert_eq(stats.wan_up_bytes, 60 + 3 * 52 + 4 * FRAMING +      /* the connection's own */
                                         52 + REQUEST + 5 + FRAMING + /* the request */
                                         (segments + 1) / 2 * (52 + FRAMING));
    cr_assert_eq(stats.wan_busy, stats.wan_bytes * 800);
    cr_assert_eq(stats.wan_first, SIM_S);
    cr_assert_eq(stats.wan_last, fetchers[0].results[0].at - HALF);
    cr_assert_eq(stats_of_server().requests, 1);
    cr_assert_eq(stats_of_server().payload_bytes, 100000);
    cr_assert_eq(stats_of_server().bytes, stream);
    cr_assert_eq(stats_of_server().errors, 0);
    cr_assert_eq(stats_of_server().peak_transfers, 1);
}

/* ---- The same again ---- */

static uint64_t hash_of_a_run(uint64_t seed)
{
    struct sim_virtual_usage usage;

    config.seed = seed;
    add_file("a.sbn", 400000);
    open_world(20);
    for (uint64_t i = 0; i < 20; i++) {
        at(i * SIM_MS, fetch_firmware, i);
    }
    at(SIM_S, set_wan, 0);
    at(2 * SIM_S, set_wan, 1);
    at(3 * SIM_S, cancel_fetch, 19);
    run(60 * SIM_S);
    sim_virtual_usage(v, &usage);
    return usage.trace_hash;
}

Test(virtual_fetch, equal_seeds_give_equal_runs)
{
    uint64_t hash = hash_of_a_run(1), same, other;

    close_world();
    set_up();
    same = hash_of_a_run(1);
    close_world();
    set_up();
    other = hash_of_a_run(2);
    cr_assert_eq(hash, same);
    cr_assert_neq(hash, other);
}

/* Four events a request, the director's own aside. */
Test(virtual_fetch, a_request_costs_four_events)
{
    struct sim_virtual_usage usage;

    add_file("a.sbn", 400000);
    open_world(1);
    at(0, fetch_firmware, 0);
    run(10 * SIM_S);
    sim_virtual_usage(v, &usage);
    cr_assert_leq(usage.events, 4 + 2);
}
