/* Goal: a node's fetch reaches the server by every protocol, straight and through the site's
 * line, and is counted as the contract says. Method: the embedded server with three files; nodes
 * that fetch one after the other. */
#include "sim/content.h"
#include "sim/server/server.h"
#include "tests/live/bed.h"

enum { FIRMWARE = 300000 };

static struct bed bed;
static struct sim_catalog *catalog;
static struct sim_server *server;
static struct sim_server_ports ports;
static const char config_file[] = "<device><name>a b</name></device>";

static void start_server(void)
{
    struct sim_server_config config = {.bind_addr = 0x7F000001, .http = true, .tftp = true};
    char why[SIM_SERVER_TEXT_MAX];
    int rc;

    catalog = sim_catalog_new();
    cr_assert_eq(sim_catalog_add_synthetic(catalog, "fw/image 1.sbn", true, FIRMWARE, 1), 0);
    cr_assert_eq(
        sim_catalog_add_memory(catalog, "a b%c.xml", false, config_file, sizeof(config_file) - 1),
        0);
    cr_assert_eq(sim_catalog_add_memory(catalog, "empty", false, "", 0), 0);
    config.catalog = catalog;
    rc = sim_server_start(&server, &config, why);
    cr_assert_eq(rc, 0, "%s", why);
    sim_server_ports(server, &ports);
}

static void stop_server(void)
{
    sim_server_stop(server);
    sim_catalog_free(catalog);
}

static struct sim_live_server reach(void)
{
    return (struct sim_live_server){.host = "127.0.0.1",
                                    .http_addr = ports.addr,
                                    .http_port = ports.http,
                                    .tftp_addr = ports.addr,
                                    .tftp_port = ports.tftp};
}

static void open_bed(bool with_line)
{
    start_server();
    bed_init(&bed, 1);
    bed.config.wan_server = bed.config.lan_server = reach();
    if (with_line) {
        bed.sites[0].wan = (struct sim_wan_setup){
            .down_bit_s = 100 * 1000 * 1000,
            .up_bit_s = 100 * 1000 * 1000,
            .rtt = 4 * SIM_MS,
            .queue = {SIM_QUEUE_PACKETS, 1000},
        };
    }
    bed_open(&bed);
}

static void close_bed(void)
{
    bed_close(&bed);
    stop_server();
}

/* What a test's one node asks for, and the end that it saw. */
static struct sim_fetch_request request;
static struct sim_fetch_result result;
static char reason[SIM_WORLD_REASON_MAX];
static uint8_t small[SIM_WORLD_SMALL_MAX];

static void ask(struct bed_node *n, sim_time now)
{
    (void)now;
    if (request.is_firmware) {
        n->file = sim_world_file_new(n->world, n->node, request.path);
        request.file = n->file;
    }
    cr_assert_eq(sim_world_fetch(n->world, n->node, &request, &n->fetch), 0);
    cr_assert_eq(n->fetches, 0, "a call must not call back");
}

static void keep(struct bed_node *n, sim_time now, sim_fetch f, const struct sim_fetch_result *r)
{
    (void)now;
    cr_assert_eq(f, n->fetch);
    result = *r;
    snprintf(reason, sizeof(reason), "%s", r->reason);
    memcpy(small, r->data, r->data_len);
    bed_finish_all(n->bed);
}

static void keep_status(struct bed_node *n, sim_time now, sim_fetch f,
                        const struct sim_fetch_result *r)
{
    (void)now;
    (void)f;
    result = *r;
    snprintf(reason, sizeof(reason), "%s", r->reason);
    bed_finish_all(n->bed);
}

static struct bed_node *fetch_once(enum sim_protocol protocol, const char *path, bool is_firmware)
{
    struct bed_node *n = bed_add(&bed, 0, 2);

    request = (struct sim_fetch_request){
        .protocol = protocol, .path = path, .is_firmware = is_firmware, .notify_every = 100000};
    n->wake = ask;
    n->fetched = keep_status;
    sim_world_wake_at(n->world, n->node, 0);
    return n;
}

static void check_firmware(struct bed_node *n)
{
    struct sim_digest want, have;

    cr_assert_eq(result.status, 0, "%s", reason);
    cr_assert_eq(result.bytes, FIRMWARE);
    cr_assert_neq(result.first_byte, SIM_NEVER);
    cr_assert_eq(sim_catalog_digest(catalog, sim_catalog_find(catalog, "fw/image 1.sbn"), &want),
                 0);
    cr_assert_eq(sim_world_file_digest(n->world, n->file, &have), 0);
    cr_assert(sim_digest_equal(&want, &have));
}

static void a_firmware_file_comes(enum sim_protocol protocol, bool with_line)
{
    struct bed_node *n;
    struct sim_site_stats stats;

    open_bed(with_line);
    n = fetch_once(protocol, "fw/image 1.sbn", true);
    bed_run(&bed);
    check_firmware(n);
    cr_assert_leq(n->progresses,
                  3); /* straight, all may come in one turn: nothing to tell before the end */
    cr_assert(!with_line || n->progresses >= 1);
    stats = bed_stats(&bed, 0);
    cr_assert_eq(stats.wan_payload_bytes, FIRMWARE);
    cr_assert_eq(stats.wan_config_bytes, 0);
    cr_assert_eq(stats.fetches, 1);
    cr_assert_eq(stats.fetches_now, 0);
    cr_assert_eq(stats.fetches_peak, 1);
    cr_assert_eq(stats.fetch_errors, 0);
    cr_assert_gt(stats.wan_up_bytes, 0);
    cr_assert_leq(stats.wan_first, stats.wan_last);
    if (!with_line && stats.wan_first / SIM_S == stats.wan_last / SIM_S) { /* all in one second */
        cr_assert_eq(stats.wan_peak_bit_s, stats.wan_bytes * 8,
                     "bytes %llu, in the busiest second %llu", (unsigned long long)stats.wan_bytes,
                     (unsigned long long)stats.wan_peak_bit_s / 8);
    }
    if (!with_line && protocol == SIM_PROTOCOL_HTTP) { /* 208 segments, 52 bytes of headers each */
        cr_assert_eq(stats.wan_bytes, FIRMWARE + 208 * 52);
    } else if (!with_line) { /* 586 blocks, 32 bytes each */
        cr_assert_eq(stats.wan_bytes, FIRMWARE + 586 * 32);
    } else {
        cr_assert_gt(stats.wan_bytes, FIRMWARE);
    }
    close_bed();
}

Test(world_fetch, firmware_comes_by_http_straight)
{
    a_firmware_file_comes(SIM_PROTOCOL_HTTP, false);
}

Test(world_fetch, firmware_comes_by_http_over_the_line)
{
    a_firmware_file_comes(SIM_PROTOCOL_HTTP, true);
}

Test(world_fetch, firmware_comes_by_tftp_straight)
{
    a_firmware_file_comes(SIM_PROTOCOL_TFTP, false);
}

Test(world_fetch, firmware_comes_by_tftp_over_the_line)
{
    a_firmware_file_comes(SIM_PROTOCOL_TFTP, true);
}

Test(world_fetch, a_small_file_with_an_odd_name_comes_in_memory)
{
    struct bed_node *n;

    open_bed(false);
    n = fetch_once(SIM_PROTOCOL_HTTP, "a b%c.xml", false);
    n->fetched = keep;
    bed_run(&bed);
    cr_assert_eq(result.status, 0, "%s", reason);
    cr_assert_eq(result.data_len, sizeof(config_file) - 1);
    cr_assert_eq(memcmp(small, config_file, result.data_len), 0);
    cr_assert_eq(bed_stats(&bed, 0).wan_config_bytes, sizeof(config_file) - 1);
    cr_assert_eq(bed_stats(&bed, 0).wan_payload_bytes, 0);
    close_bed();
}

Test(world_fetch, an_empty_file_comes_too)
{
    struct bed_node *n;

    open_bed(false);
    n = fetch_once(SIM_PROTOCOL_HTTP, "empty", false);
    n->fetched = keep;
    bed_run(&bed);
    cr_assert_eq(result.status, 0, "%s", reason);
    cr_assert_eq(result.data_len, 0);
    close_bed();
}

Test(world_fetch, a_missing_file_is_no_error_of_the_site)
{
    open_bed(true);
    fetch_once(SIM_PROTOCOL_HTTP, "nothing", false);
    bed_run(&bed);
    cr_assert_eq(result.status, SIM_ENOTFOUND);
    cr_assert_eq(result.code, 404);
    cr_assert(strstr(reason, "404") != NULL, "%s", reason);
    cr_assert_eq(bed_stats(&bed, 0).fetch_errors, 0);
    close_bed();
}

Test(world_fetch, a_small_file_that_is_not_small_is_over_the_limit)
{
    struct bed_node *n;

    open_bed(false);
    n = fetch_once(SIM_PROTOCOL_HTTP, "fw/image 1.sbn", false);
    bed_run(&bed);
    cr_assert_eq(n->fetches, 1);
    cr_assert_eq(result.status, SIM_ELIMIT);
    cr_assert_eq(bed_stats(&bed, 0).fetch_errors, 1);
    close_bed();
}

Test(world_fetch, a_protocol_that_the_server_has_not_is_refused_later)
{
    open_bed(false);
    fetch_once(SIM_PROTOCOL_HTTPS, "empty", false);
    bed_run(&bed);
    cr_assert_eq(result.status, SIM_EREFUSED);
    cr_assert_gt(strlen(reason), 0);
    close_bed();
}

static void go_on(struct bed_node *n, sim_time now, sim_fetch f, uint64_t size)
{
    (void)now;
    (void)f;
    if (n->number64 == 0) { /* stop here and ask for the rest */
        n->number64 = size;
        sim_world_fetch_cancel(n->world, n->fetch);
        sim_world_fetch_cancel(n->world, n->fetch);
        cr_assert_eq(sim_world_fetch(n->world, n->node, &request, &n->fetch), 0);
    }
}

static void continues_where_it_was(enum sim_protocol protocol)
{
    struct bed_node *n;
    struct sim_site_stats stats;

    open_bed(protocol == SIM_PROTOCOL_HTTP); /* slow enough to be seen under way */
    n = fetch_once(protocol, "fw/image 1.sbn", true);
    n->fetch_progress = go_on;
    bed_run(&bed);
    cr_assert_eq(result.status, 0, "%s", reason);
    cr_assert_eq(n->fetches, 1, "the cancelled one says nothing");
    cr_assert_eq(sim_world_file_size(n->world, n->file), FIRMWARE);
    stats = bed_stats(&bed, 0);
    cr_assert(n->number64 >= 100000 && n->number64 < FIRMWARE);
    cr_assert_eq(stats.fetches, 2);
    if (protocol == SIM_PROTOCOL_HTTP) {
        cr_assert_eq(stats.wan_resent_bytes, 0);
        cr_assert_eq(stats.wan_payload_bytes, FIRMWARE);
    } else { /* TFTP begins anew */
        cr_assert_geq(stats.wan_resent_bytes, n->number64);
        cr_assert_eq(stats.wan_payload_bytes, FIRMWARE + stats.wan_resent_bytes);
    }
    close_bed();
}

Test(world_fetch, http_continues_where_it_was)
{
    continues_where_it_was(SIM_PROTOCOL_HTTP);
}

Test(world_fetch, tftp_begins_anew_and_counts_what_came_twice)
{
    continues_where_it_was(SIM_PROTOCOL_TFTP);
}

Test(world_fetch, the_sites_own_server_does_not_use_the_line)
{
    struct bed_node *n;
    struct sim_site_stats stats;

    open_bed(true);
    n = fetch_once(SIM_PROTOCOL_HTTP, "fw/image 1.sbn", true);
    request.place = SIM_SERVER_LAN;
    bed_run(&bed);
    check_firmware(n);
    stats = bed_stats(&bed, 0);
    cr_assert_eq(stats.wan_payload_bytes, 0);
    cr_assert_eq(stats.wan_bytes, 0);
    cr_assert_eq(stats.lan_payload_bytes, FIRMWARE);
    close_bed();
}

static void break_server(struct bed_node *n, sim_time now, sim_fetch f, uint64_t size)
{
    (void)now;
    (void)f;
    (void)size;
    sim_world_set_server(n->world, false);
}

static void server_down(bool with_line)
{
    struct bed_node *n;

    open_bed(with_line);
    n = fetch_once(SIM_PROTOCOL_HTTP, "fw/image 1.sbn", true);
    request.notify_every = 1;
    n->fetch_progress = break_server;
    bed_run(&bed);
    if (sim_world_file_size(n->world, n->file) < FIRMWARE) {
        cr_assert(result.status == SIM_ERESET || result.status == SIM_ECLOSED ||
                      result.status == SIM_ESHORT,
                  "%d %s", result.status, reason);
    }
    close_bed();
}

Test(world_fetch, a_server_that_goes_down_resets_over_the_line)
{
    server_down(true);
}

Test(world_fetch, a_server_that_goes_down_resets_without_a_line)
{
    server_down(false);
}

static void lose_file(struct bed_node *n, sim_time now, sim_fetch f, uint64_t size)
{
    (void)now;
    (void)f;
    (void)size;
    sim_world_file_free(n->world, n->file);
}

Test(world_fetch, freeing_the_copy_ends_the_fetch)
{
    struct bed_node *n;

    open_bed(true);
    n = fetch_once(SIM_PROTOCOL_HTTP, "fw/image 1.sbn", true);
    request.notify_every = 1;
    n->fetch_progress = lose_file;
    bed_run(&bed);
    cr_assert_eq(result.status, SIM_ECANCELED);
    close_bed();
}

static void go_down(struct bed_node *n, sim_time now, sim_fetch f, uint64_t size)
{
    (void)now;
    (void)f;
    (void)size;
    sim_world_set_down(n->world, n->node, true, true);
    bed_finish_all(n->bed);
}

Test(world_fetch, a_node_that_goes_down_fetches_no_more)
{
    struct bed_node *n;

    open_bed(true);
    n = fetch_once(SIM_PROTOCOL_HTTP, "fw/image 1.sbn", true);
    request.notify_every = 1;
    n->fetch_progress = go_down;
    bed_run(&bed);
    cr_assert_eq(n->fetches, 0);
    cr_assert_eq(bed_stats(&bed, 0).fetches_now, 0);
    close_bed();
}

static void end_run(struct bed_node *n, sim_time now)
{
    ask(n, now);
    bed_finish_all(n->bed);
}

Test(world_fetch, the_end_of_a_run_does_not_wait_for_fetches)
{
    struct bed_node *n;

    open_bed(true);
    n = fetch_once(SIM_PROTOCOL_TFTP, "fw/image 1.sbn", true);
    n->wake = end_run;
    bed_run(&bed);
    cr_assert_eq(n->fetches, 0);
    close_bed();
}
