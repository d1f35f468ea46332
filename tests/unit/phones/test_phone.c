/* Goal: the life of one phone without peers: what it asks for, in which order, what it obeys, how
 * it ends. Method: a world of one node whose server answers out of a table; time jumps to the
 * phone's alarm. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "phones/phone.h"
#include "phones/provisioning/loads.h"

enum { ASKED_MAX = 64, FILES_MAX = 16 };

/* What the server has. `status`: what a fetch of it ends with; bytes NULL: synthetic, `size` long.
 */
struct offer {
    const char *name;
    int status;
    const char *bytes;
    size_t size;
};

struct stub {
    struct sim_world world; /* first member */
    const struct sim_node_ops *ops;
    void *self;
    struct sim_rng rng;
    sim_time now, alarm;
    const struct offer *offers;
    struct sim_fetch_request asked; /* the one under way */
    char asked_path[128];
    bool is_asked;
    char paths[ASKED_MAX][128]; /* all that was asked for */
    enum sim_protocol protocols[ASKED_MAX];
    enum sim_server_place places[ASKED_MAX];
    size_t paths_len;
    const struct offer *files[FILES_MAX]; /* copies, by handle - 1 */
    size_t files_len, files_freed;
    char phases[512];
    int outcome; /* -1: none yet */
    char reason[256];
    unsigned backs, finished;
    unsigned cut_off; /* transfers that ended before their end, and the bytes of the last */
    uint64_t cut_off_bytes;
    bool wrong_digest;
    bool http_refused;
    bool may_say_again; /* the next outcome replaces the first */
};

static struct stub w;

static sim_time stub_now(struct sim_world *world)
{
    (void)world;
    return w.now;
}
static sim_node stub_add(struct sim_world *world, uint32_t site, sim_addr addr, uint64_t id,
                         const struct sim_node_ops *ops, void *self)
{
    (void)world, (void)site, (void)addr, (void)id;
    w.ops = ops;
    w.self = self;
    return 0;
}
static void stub_wake_at(struct sim_world *world, sim_node node, sim_time at)
{
    (void)world, (void)node;
    w.alarm = at;
}
static struct sim_rng *stub_rng(struct sim_world *world, sim_node node)
{
    (void)world, (void)node;
    return &w.rng;
}
static sim_file stub_file_new(struct sim_world *world, sim_node node, const char *name)
{
    (void)world, (void)node, (void)name;
    cr_assert(w.files_len < FILES_MAX);
    w.files[w.files_len] = NULL;
    return ++w.files_len;
}
static void stub_file_free(struct sim_world *world, sim_file file)
{
    (void)world;
    w.files_freed += file != 0;
}
static uint64_t stub_file_size(struct sim_world *world, sim_file file)
{
    (void)world;
    return w.files[file - 1] != NULL ? w.files[file - 1]->size : 0;
}
static int stub_file_digest(struct sim_world *world, sim_file file, struct sim_digest *out)
{
    (void)world, (void)file;
    *out = (struct sim_digest){.bytes = {w.wrong_digest ? 1 : 0}};
    return 0;
}
static int stub_file_seal(struct sim_world *world, sim_file file)
{
    (void)world, (void)file;
    return 0;
}
static size_t stub_file_read(struct sim_world *world, sim_file file, uint64_t offset, void *bytes,
                             size_t len)
{
    (void)world;
    const struct offer *o = w.files[file - 1];
    if (o->bytes == NULL || offset >= o->size) {
        return 0;
    }
    len = len < o->size - offset ? len : o->size - offset;
    memcpy(bytes, o->bytes + offset, len);
    return len;
}
static int stub_fetch(struct sim_world *world, sim_node node,
                      const struct sim_fetch_request *request, sim_fetch *out)
{
    (void)world, (void)node;
    cr_assert_not(w.is_asked, "one file at a time");
    cr_assert(w.paths_len < ASKED_MAX);
    w.asked = *request;
    snprintf(w.asked_path, sizeof(w.asked_path), "%s", request->path);
    snprintf(w.paths[w.paths_len], sizeof(w.paths[0]), "%s", request->path);
    w.protocols[w.paths_len] = request->protocol;
    w.places[w.paths_len] = request->place;
    w.paths_len++;
    w.is_asked = true;
    *out = w.paths_len;
    return 0;
}
static void stub_cancel(struct sim_world *world, sim_fetch fetch)
{
    (void)world, (void)fetch;
    w.is_asked = false;
}
static void stub_record(struct sim_world *world, const struct sim_record *record)
{
    (void)world;
    if (record->kind == SIM_RECORD_PHASE) {
        size_t len = strlen(w.phases);
        snprintf(w.phases + len, sizeof(w.phases) - len, "%s,",
                 sim_phase_name((enum sim_phase)record->a));
    } else if (record->kind == SIM_RECORD_OUTCOME) {
        cr_assert(w.outcome == -1 || w.may_say_again, "an outcome is said once");
        w.outcome = (int)record->a;
        w.may_say_again = false;
        snprintf(w.reason, sizeof(w.reason), "%s", record->text != NULL ? record->text : "");
    } else if (record->kind == SIM_RECORD_BACK) {
        w.backs++;
    } else if (record->kind == SIM_RECORD_TRANSFER_END && record->a != 0) {
        w.cut_off++;
        w.cut_off_bytes = record->b;
    }
}
static void stub_finished(struct sim_world *world, sim_node node)
{
    (void)world, (void)node;
    w.finished++;
}
static void stub_set_down(struct sim_world *world, sim_node node, bool down, bool silent)
{
    (void)world, (void)node, (void)silent;
    if (down) {
        w.is_asked = false;
        memset(w.files, 0, sizeof(w.files)); /* its copies go with it */
    }
}
static const struct sim_world_ops stub_ops = {
    .now = stub_now,
    .add_node = stub_add,
    .wake_at = stub_wake_at,
    .rng = stub_rng,
    .file_new = stub_file_new,
    .file_free = stub_file_free,
    .file_size = stub_file_size,
    .file_digest = stub_file_digest,
    .file_seal = stub_file_seal,
    .file_read = stub_file_read,
    .fetch = stub_fetch,
    .fetch_cancel = stub_cancel,
    .record = stub_record,
    .finished = stub_finished,
    .set_down = stub_set_down,
};

#define CONFIG(load, vendor)                                                                       \
    "<device><loadInformation>" load "</loadInformation><vendorConfig>" vendor                     \
    "</vendorConfig></device>"
#define TEXT(name, text)                                                                           \
    {                                                                                              \
        name, 0, text, sizeof(text) - 1                                                            \
    }

static const struct offer usual[] = {
    TEXT("SEP001E13000001.cnf.xml", CONFIG("L2", "<peerFirmwareSharing>0</peerFirmwareSharing>")),
    TEXT("XMLDefault.cnf.xml",
         "<Default><loadInformation1 model=\"CP-7961G\">L2</loadInformation1></Default>"),
    TEXT("L2.loads", "jar.sbn\r\ncnu.sbn\r\n"),
    {"jar.sbn", 0, NULL, 1000},
    {"cnu.sbn", 0, NULL, 500},
    {NULL, 0, NULL, 0},
};

static const struct manifest_file known[] = {
    {.name = "cnu.sbn", .size = 500, .has_digest = true},
    {.name = "jar.sbn", .size = 1000, .has_digest = true},
};
static const struct manifest manifest = {known, 2};

static struct phone_kind kind;
static struct phone phone;

static void set_up(const struct offer *offers)
{
    w = (struct stub){.world = {.ops = &stub_ops}, .offers = offers, .outcome = -1};
    sim_rng_init(&w.rng, 1, SIM_RNG_TEST, 0);
    kind = (struct phone_kind){
        .system = PHONE_CUCM,
        .model = "CP-7961G",
        .load = "L2",
        .running = "L1",
        .method_shares = true,
        .boot = 6 * SIM_S,
        .apply = 10 * SIM_S,
        .reboot = 60 * SIM_S,
        .policy = {.protocols = {SIM_PROTOCOL_HTTP, SIM_PROTOCOL_TFTP},
                   .protocols_len = 2,
                   .timeout = 4 * SIM_S,
                   .retries = 2},
        .manifest = &manifest,
    };
}

static void begin(void)
{
    struct phone_place place = {
        .world = &w.world, .addr = 0x7f010002, .mac = 0x001e13000001, .start = SIM_S};
    cr_assert_eq(phone_init(&phone, &kind, &place), 0);
}

/* Answers what is asked, else lets time come to the alarm. False when nothing more will happen. */
static bool step(void)
{
    if (!w.is_asked) {
        if (w.alarm == SIM_NEVER) {
            return false;
        }
        w.now = w.alarm > w.now ? w.alarm : w.now;
        w.ops->wake(w.self, w.now);
        return true;
    }
    struct sim_fetch_result result = {.status = SIM_ENOTFOUND, .code = 404, .reason = "HTTP 404"};
    w.is_asked = false;
    for (const struct offer *o = w.offers; o->name != NULL; o++) {
        if (strcmp(o->name, w.asked_path) == 0) {
            result = (struct sim_fetch_result){
                .status = o->status, .reason = o->status != 0 ? "the cause" : "", .bytes = o->size};
            if (o->status == 0 && w.asked.file == 0) {
                result.data = (const uint8_t *)o->bytes;
                result.data_len = o->size;
            } else if (o->status == 0) {
                w.files[w.asked.file - 1] = o;
            }
        }
    }
    if (w.http_refused && w.asked.protocol == SIM_PROTOCOL_HTTP) {
        result = (struct sim_fetch_result){.status = SIM_EREFUSED, .reason = "refused"};
    }
    w.now += 10 * SIM_MS;
    w.ops->fetch_done(w.self, w.now, w.paths_len, &result);
    return true;
}

static void live(void)
{
    begin();
    for (int i = 0; i < 1000 && step(); i++) {
    }
    phone_deinit(&phone);
}

static void expect_paths(const char *const *want, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        cr_assert(i < w.paths_len, "%s was never asked for", want[i]);
        cr_assert_str_eq(w.paths[i], want[i], "request %zu", i);
    }
    cr_assert_eq(w.paths_len, len, "then %s", w.paths[len]);
}

static const char *const boot_paths[] = {"CTLSEP001E13000001.tlv", "ITLSEP001E13000001.tlv",
                                         "ITLFile.tlv", "SEP001E13000001.cnf.xml"};

Test(phone, asks_in_the_order_of_a_real_one_and_checks_in_after_the_reboot)
{
    set_up(usual);
    live();
    static const char *const want[] = {"CTLSEP001E13000001.tlv",
                                       "ITLSEP001E13000001.tlv",
                                       "ITLFile.tlv",
                                       "SEP001E13000001.cnf.xml",
                                       "L2.loads",
                                       "jar.sbn",
                                       "cnu.sbn",
                                       "CTLSEP001E13000001.tlv",
                                       "ITLSEP001E13000001.tlv",
                                       "ITLFile.tlv",
                                       "SEP001E13000001.cnf.xml"};
    expect_paths(want, 11);
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED, "%s", w.reason);
    cr_assert_eq(w.backs, 1);
    cr_assert_eq(w.finished, 1);
    cr_assert_str_eq(w.phases, "boot,configure,fetch from server,fetch from server,fetch from "
                               "server,apply,reboot,configure,in service,");
    cr_assert_eq(w.now, SIM_S + 6 * SIM_S + 10 * SIM_S + 60 * SIM_S + 11 * 10 * SIM_MS);
    cr_assert_eq(w.files_freed, w.files_len, "no copy is kept without sharing");
}

Test(phone, takes_the_default_file_when_it_has_no_configuration)
{
    static const struct offer offers[] = {
        TEXT("XMLDefault.cnf.xml",
             "<Default><loadInformation1 model=\"CP-7961G\">L1</loadInformation1></Default>"),
        {NULL, 0, NULL, 0},
    };
    set_up(offers);
    live();
    cr_assert_str_eq(w.paths[4], "XMLDefault.cnf.xml");
    cr_assert_eq(w.outcome, SIM_OUTCOME_CURRENT, "it runs what the file names");
    cr_assert_eq(w.backs, 1);
}

Test(phone, fails_with_the_cause_when_there_is_no_configuration_at_all)
{
    static const struct offer nothing[] = {{NULL, 0, NULL, 0}};
    set_up(nothing);
    live();
    cr_assert_eq(w.outcome, SIM_OUTCOME_FAILED);
    cr_assert_not_null(strstr(w.reason, "no configuration"), "%s", w.reason);
    cr_assert_not_null(strstr(w.reason, "404"), "%s", w.reason);
    cr_assert_eq(w.finished, 1);
}

Test(phone, falls_back_to_tftp_once_and_remembers_it_until_the_reboot)
{
    set_up(usual);
    w.http_refused = true;
    live();
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED);
    cr_assert_eq(w.protocols[0], SIM_PROTOCOL_HTTP);
    for (size_t i = 1; i < 8; i++) {
        cr_assert_eq(w.protocols[i], SIM_PROTOCOL_TFTP, "request %zu: %s", i, w.paths[i]);
    }
    cr_assert_eq(w.protocols[8], SIM_PROTOCOL_HTTP, "after the reboot HTTP has its chance again");
}

Test(phone, names_the_component_that_is_missing)
{
    static const struct offer offers[] = {
        TEXT("SEP001E13000001.cnf.xml", CONFIG("L2", "")),
        TEXT("L2.loads", "jar.sbn\ncnu.sbn\n"),
        {"jar.sbn", 0, NULL, 1000},
        {NULL, 0, NULL, 0},
    };
    set_up(offers);
    live();
    cr_assert_eq(w.outcome, SIM_OUTCOME_FAILED);
    cr_assert_str_eq(w.reason, "cnu.sbn: HTTP 404");
    cr_assert_eq(w.protocols[w.paths_len - 1], SIM_PROTOCOL_TFTP, "TFTP was tried too");
}

Test(phone, tries_a_wrong_digest_once_more_from_the_start_and_then_fails)
{
    set_up(usual);
    w.wrong_digest = true;
    live();
    cr_assert_eq(w.outcome, SIM_OUTCOME_FAILED);
    cr_assert_not_null(strstr(w.reason, "jar.sbn: wrong digest"), "%s", w.reason);
    size_t trials = 0;
    for (size_t i = 0; i < w.paths_len; i++) {
        trials += strcmp(w.paths[i], "jar.sbn") == 0;
    }
    cr_assert_eq(trials, 2);
}

Test(phone, refuses_an_index_that_is_none)
{
    static const struct offer offers[] = {
        TEXT("SEP001E13000001.cnf.xml", CONFIG("L2", "")),
        TEXT("L2.loads", "<html>404</html>\n"),
        {NULL, 0, NULL, 0},
    };
    set_up(offers);
    live();
    cr_assert_eq(w.outcome, SIM_OUTCOME_FAILED);
    cr_assert_str_eq(w.reason, "L2.loads: not a firmware index");
}

Test(phone, takes_firmware_from_its_load_server_and_the_rest_from_the_server)
{
    static const struct offer offers[] = {
        TEXT("SEP001E13000001.cnf.xml", CONFIG("L2", "<loadServer>10.0.0.9</loadServer>")),
        TEXT("L2.loads", "jar.sbn\n"),
        {"jar.sbn", 0, NULL, 1000},
        {NULL, 0, NULL, 0},
    };
    set_up(offers);
    live();
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED);
    for (size_t i = 0; i < w.paths_len; i++) {
        bool is_firmware = i == 4 || i == 5;
        cr_assert_eq(w.places[i], is_firmware ? SIM_SERVER_LAN : SIM_SERVER_WAN, "%s", w.paths[i]);
    }
}

Test(phone, bare_takes_its_listed_files_and_nothing_else)
{
    static const char *const names[] = {"jar.sbn", "cnu.sbn"};
    set_up(usual);
    kind.system = PHONE_BARE;
    kind.files = names;
    kind.files_len = 2;
    live();
    expect_paths(names, 2);
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED);
    cr_assert_eq(w.backs, 1);
    cr_assert(w.finished >= 1);
}

Test(phone, loses_all_with_its_power_and_starts_anew)
{
    set_up(usual);
    begin();
    for (int i = 0; i < 7; i++) {
        step();
    }
    cr_assert_str_eq(w.paths[w.paths_len - 1], "jar.sbn");
    phone_power_off(&phone, w.now, false, false);
    cr_assert_not(phone_is_on(&phone));
    cr_assert_eq(w.outcome, -1, "it may come back");
    phone_power_on(&phone, w.now + 90 * SIM_S);
    for (int i = 0; i < 1000 && step(); i++) {
    }
    phone_deinit(&phone);
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED);
    size_t boots = 0;
    for (size_t i = 0; i < w.paths_len; i++) {
        boots += strcmp(w.paths[i], boot_paths[0]) == 0;
    }
    cr_assert_eq(boots, 3, "first boot, boot after the power cut, check-in");
}

Test(phone, says_how_many_bytes_had_come_when_its_power_went)
{
    static const struct offer part = {.name = "jar.sbn", .size = 1234};
    set_up(usual);
    begin();
    for (int i = 0; i < 7; i++) {
        step();
    }
    cr_assert_str_eq(w.asked_path, "jar.sbn");
    w.files[w.asked.file - 1] = &part;
    phone_power_off(&phone, w.now, true, false);
    cr_assert_eq(w.cut_off, 1);
    cr_assert_eq(w.cut_off_bytes, 1234);
    phone_deinit(&phone);
    cr_assert_eq(w.cut_off, 1, "said once");
}

Test(phone, that_never_comes_back_counts_as_failed)
{
    set_up(usual);
    begin();
    step();
    phone_power_off(&phone, w.now, true, true);
    cr_assert_eq(w.outcome, SIM_OUTCOME_FAILED);
    cr_assert_eq(w.finished, 1);
    phone_deinit(&phone);
}

Test(phone, that_failed_and_comes_back_can_still_succeed)
{
    set_up(usual);
    w.wrong_digest = true;
    begin();
    for (int i = 0; i < 1000 && step(); i++) {
    }
    cr_assert_eq(w.outcome, SIM_OUTCOME_FAILED);
    phone_power_off(&phone, w.now, false, false);
    w.wrong_digest = false;
    w.may_say_again = true;
    phone_power_on(&phone, w.now + 90 * SIM_S);
    for (int i = 0; i < 1000 && step(); i++) {
    }
    phone_deinit(&phone);
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED);
}

Test(phone, that_succeeded_keeps_its_outcome_through_a_crash)
{
    set_up(usual);
    live();
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED);
    phone_power_off(&phone, w.now, false, false); /* a second outcome would fail in the stub */
    phone_power_on(&phone, w.now + 90 * SIM_S);
    for (int i = 0; i < 1000 && step(); i++) {
    }
    phone_power_off(&phone, w.now, false, true);
    phone_deinit(&phone);
    cr_assert_eq(w.outcome, SIM_OUTCOME_UPGRADED);
}

Test(phone, that_failed_keeps_its_cause_when_it_is_then_switched_off_for_good)
{
    set_up(usual);
    w.wrong_digest = true;
    begin();
    for (int i = 0; i < 1000 && step(); i++) {
    }
    phone_power_off(&phone, w.now, false, true);
    phone_deinit(&phone);
    cr_assert_not_null(strstr(w.reason, "wrong digest"), "%s", w.reason);
}

Test(phone, switched_off_before_its_start_waits_for_both)
{
    set_up(usual);
    begin();
    phone_power_off(&phone, 0, false, false);
    w.alarm = SIM_NEVER;
    phone_power_on(&phone, SIM_S / 2);
    cr_assert_not(phone_is_on(&phone), "its start is at 1 s");
    cr_assert_eq(w.alarm, SIM_S);
    phone_power_off(&phone, SIM_S / 2, false, false);
    w.alarm = SIM_NEVER;
    phone_power_on(&phone, 2 * SIM_S);
    cr_assert(phone_is_on(&phone));
    phone_deinit(&phone);
}
