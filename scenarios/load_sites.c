/* scenarios/load_sites.c -- sites[]: their lines, their ports, their phones. Addresses and numbers:
 * plan.c. */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "scenarios/load.h"
#include "sim/err.h"
#include "sim/units.h"

#define MINUTE (60 * SIM_S)
#define RATE_MAX UINT64_C(1000000000000) /* bit/s: 1 Tbit/s (our choice) */
#define DAY (24 * 60 * MINUTE)

enum {
    QUEUE_PACKETS_MAX = 1000000000, /* our choice */
    NAME_BYTES_MAX = 112,           /* with "#1000000" and a NUL within SCENARIO_NAME_MAX */
};

static const char *const protocol_names[] = {"tftp", "http", "https", NULL};
static const char *const system_names[] = {"bare", "cucm", NULL};
/* Known, so that who asks for one is not told of a typing error. */
static const char *const later_systems[] = {"mpp", "tms", "avaya", "ocs"};

/* ---- The line ---- */

/* "100 packets": a whole number, at most one blank, the word. */
static bool parse_packets(const char *text, uint64_t *out)
{
    uint64_t count = 0;
    size_t digits = strspn(text, "0123456789");

    for (size_t i = 0; i < digits; i++) {
        count = count * 10 + (uint64_t)(text[i] - '0');
        if (count > QUEUE_PACKETS_MAX) {
            return false;
        }
    }
    const char *word = text + digits + (text[digits] == ' ' ? 1 : 0);
    if (digits == 0 || (strcmp(word, "packets") != 0 && strcmp(word, "packet") != 0)) {
        return false;
    }
    *out = count;
    return true;
}

static void read_queue(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    struct sim_queue_limit queue = {0};
    const char *text = cJSON_IsString(item) ? item->valuestring : "";

    (void)field;
    if (parse_packets(text, &queue.limit)) {
        queue.kind = SIM_QUEUE_PACKETS;
    } else if (sim_units_parse_size(text, &queue.limit) == 0) {
        queue.kind = SIM_QUEUE_BYTES;
    } else if (sim_units_parse_duration(text, &queue.limit) == 0) {
        queue.kind = SIM_QUEUE_TIME;
    }
    if (queue.limit == 0) {
        reader_expected(r, item,
                        "a queue above zero, like \"100 packets\", \"64 KB\" or \"200 ms\"");
        return;
    }
    *(struct sim_queue_limit *)out = queue;
}

static const struct reader_field wan_fields[] = {
    {.key = "rate", .read = load_wan_rate, .min = 1, .max = RATE_MAX},
    {.key = "rtt",
     .read = reader_duration,
     .offset = offsetof(struct sim_wan_setup, rtt),
     .min = 0,
     .max = MINUTE},
    {.key = "queue", .read = read_queue, .offset = offsetof(struct sim_wan_setup, queue)},
    {.key = "loss", .read = reader_ppm, .offset = offsetof(struct sim_wan_setup, loss_ppm)},
    {.key = "framing",
     .read = reader_size_u32,
     .offset = offsetof(struct sim_wan_setup, framing),
     .min = 0,
     .max = 1000},
    {0},
};

static void read_wan(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    struct sim_wan_setup *wan = out;

    (void)field;
    if (cJSON_IsString(item) && strcmp(item->valuestring, "none") == 0) {
        wan->none = true;
    } else if (!cJSON_IsObject(item)) {
        reader_expected(r, item, "an object in {}, or \"none\"");
    } else {
        reader_object(r, item, wan_fields, wan);
    }
}

static const struct reader_field lan_fields[] = {
    {.key = "rate",
     .read = reader_rate_or_none,
     .offset = offsetof(struct sim_lan_setup, rate_bit_s),
     .min = 1,
     .max = RATE_MAX},
    {.key = "latency",
     .read = reader_duration,
     .offset = offsetof(struct sim_lan_setup, latency),
     .min = 0,
     .max = 10 * SIM_S},
    {.key = "loss", .read = reader_ppm, .offset = offsetof(struct sim_lan_setup, loss_ppm)},
    {0},
};

static void read_lan(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    (void)field;
    reader_object(r, item, lan_fields, out);
}

/* ---- Phones ---- */

static void read_system(struct reader *r, const cJSON *item, const struct reader_field *field,
                        void *out)
{
    for (size_t i = 0; i < sizeof(later_systems) / sizeof(later_systems[0]); i++) {
        if (cJSON_IsString(item) && strcmp(item->valuestring, later_systems[i]) == 0) {
            reader_expected(r, item, "\"cucm\" or \"bare\": this system is not available yet");
            return;
        }
    }
    reader_enum(r, item, field, out);
}

static void read_model(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    const struct scenario *s = r->scenario;
    const char *names[SCENARIO_FIRMWARE_MAX + 1];
    size_t len = 0;

    (void)field;
    for (size_t i = 0; i < s->firmware_len; i++) {
        if (s->firmware[i].model == NULL) {
            return; /* an error is noted there: who knows which model this one means */
        }
        if (cJSON_IsString(item) && strcmp(item->valuestring, s->firmware[i].model) == 0) {
            *(uint32_t *)out = (uint32_t)i;
            return;
        }
        names[len++] = s->firmware[i].model;
    }
    names[len] = NULL;
    if (len > 0 || !cJSON_IsString(item)) {
        reader_error(r, item, NULL,
                     cJSON_IsString(item) ? reader_nearest(item->valuestring, names) : NULL,
                     "a model that firmware[] has");
    }
}

static void read_pfs(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    struct scenario_phones *phones = out;

    (void)field;
    if (cJSON_IsBool(item)) {
        phones->pfs_share = cJSON_IsTrue(item) ? 1 : 0;
    } else if (cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= 1) {
        phones->pfs_share = item->valuedouble;
    } else {
        reader_expected(r, item,
                        "true, false, or the share of phones that do: a number from 0 to 1");
        return;
    }
    phones->pfs = phones->pfs_share > 0;
}

static void read_mac(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    uint64_t mac = 0;
    const char *text = cJSON_IsString(item) ? item->valuestring : "";
    bool good = strlen(text) == 17;

    (void)field;
    for (int i = 0; good && i < 17; i++) {
        if (i % 3 == 2) {
            good = text[i] == ':';
            continue;
        }
        const char *digits = "0123456789abcdef0123456789ABCDEF";
        const char *digit = strchr(digits, text[i]);
        good = digit != NULL;
        mac = mac << 4 | (good ? (uint64_t)(digit - digits) % 16 : 0);
    }
    if (!good || (mac >> 40 & 1) != 0) {
        reader_expected(r, item,
                        "a hardware address like \"00:1e:13:00:00:00\" (no group address)");
        return;
    }
    *(uint64_t *)out = mac;
}

static void read_load_server(struct reader *r, const cJSON *item, const struct reader_field *field,
                             void *out)
{
    if (cJSON_IsString(item) && !reader_only(item->valuestring, ".:-_@=;")) {
        reader_expected(r, item, "null, or an address or name like \"10.1.0.9\"");
        return;
    }
    reader_text(r, item, field, out);
    if (cJSON_IsString(item)) {
        load_check_host(r, item, item->valuestring);
    }
}

#define PHONES_AT(member) offsetof(struct scenario_phones, member)

static const struct reader_field phones_fields[] = {
    {.key = "system", .read = read_system, .offset = PHONES_AT(system), .names = system_names},
    {.key = "model", .read = read_model, .offset = PHONES_AT(firmware)},
    {.key = "count",
     .read = reader_u32,
     .offset = PHONES_AT(count),
     .min = 1,
     .max = SCENARIO_SITE_PHONES_MAX},
    {.key = "pfs", .read = read_pfs},
    {.key = "running",
     .read = reader_text,
     .offset = PHONES_AT(running),
     .min = 1,
     .max = SCENARIO_LOAD_MAX,
     .flags = READER_NULLABLE},
    {.key = "mac", .read = read_mac, .offset = PHONES_AT(mac)},
    {.key = "boot", .read = reader_duration, .offset = PHONES_AT(boot), .min = 0, .max = DAY},
    {.key = "apply", .read = reader_duration, .offset = PHONES_AT(apply), .min = 0, .max = DAY},
    {.key = "reboot", .read = reader_duration, .offset = PHONES_AT(reboot), .min = 0, .max = DAY},
    {.key = "load_server",
     .read = read_load_server,
     .offset = PHONES_AT(load_server),
     .min = 1,
     .max = 256, /* the field of CUCM's administration page */
     .flags = READER_NULLABLE},
    {0},
};

static void read_phones_entry(struct reader *r, const cJSON *item, struct scenario_phones *phones)
{
    *phones = (struct scenario_phones){.system = SCENARIO_CUCM,
                                       .count = 1,
                                       .pfs = true,
                                       .pfs_share = 1,
                                       .mac = LOAD_MAC_NONE,
                                       .boot = SIM_NEVER,
                                       .apply = SIM_NEVER,
                                       .reboot = SIM_NEVER};
    reader_object(r, item, phones_fields, phones);
    bool bare = phones->system == SCENARIO_BARE; /* it has no operating system to start */
    phones->boot = phones->boot != SIM_NEVER ? phones->boot : bare ? 0 : 6 * SIM_S;
    phones->apply = phones->apply != SIM_NEVER ? phones->apply : bare ? 0 : 10 * SIM_S;
    phones->reboot = phones->reboot != SIM_NEVER ? phones->reboot : bare ? 0 : 60 * SIM_S;
}

static void read_phones(struct reader *r, const cJSON *item, const struct reader_field *field,
                        void *out)
{
    struct scenario_site *site = out;
    uint64_t total = 0;

    (void)field;
    if (!reader_list(r, item, 1, SCENARIO_ENTRIES_MAX, "kinds of phones")) {
        return;
    }
    site->phones = reader_alloc(r, (size_t)cJSON_GetArraySize(item), sizeof(*site->phones));
    if (site->phones == NULL) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        size_t before = reader_push_index(r, site->phones_len);
        struct scenario_phones *phones = &site->phones[site->phones_len++];
        read_phones_entry(r, child, phones);
        phones->first = (uint32_t)total; /* at most 64 x 1,048,573 */
        total += phones->count;
        reader_pop(r, before);
    }
    if (total > SCENARIO_SITE_PHONES_MAX) {
        char found[READER_QUOTE_MAX];
        snprintf(found, sizeof(found), "%llu phones", (unsigned long long)total);
        reader_error(r, item, found, NULL, "at most %d phones in one subnet",
                     SCENARIO_SITE_PHONES_MAX);
    }
    site->phones_total = (uint32_t)total;
}

/* ---- Sites ---- */

static void read_site_name(struct reader *r, const cJSON *item, const struct reader_field *field,
                           void *out)
{
    if (cJSON_IsString(item) && (strpbrk(item->valuestring, "#[]\"\\,/") != NULL ||
                                 strlen(item->valuestring) > NAME_BYTES_MAX)) {
        reader_expected(r, item, "a name without # [ ] \" \\ , / of at most 64 characters");
        return;
    }
    reader_text(r, item, field, out);
}

/* server.url, when there is one, must have it too. */
static void read_site_protocol(struct reader *r, const cJSON *item,
                               const struct reader_field *field, void *out)
{
    struct scenario_site *site = out;
    const struct scenario *s = r->scenario;
    struct scenario_url url;
    size_t errors = r->errors->len;
    bool known = s->server_url == NULL;

    reader_enum(r, item, field, &site->protocol);
    if (r->errors->len > errors) {
        return;
    }
    for (size_t i = 0; i < s->protocols_len; i++) {
        known = known || s->protocols[i] == site->protocol;
    }
    if (!known && scenario_url_parse(s->server_url, &url) == 0 && url.protocol != site->protocol) {
        reader_expected(r, item, "the protocol of server.url, or one that server.protocol lists");
        return;
    }
    site->has_protocol = true;
}

static const struct reader_field site_start_fields[] = {
    {.key = "spread",
     .read = reader_duration,
     .offset = offsetof(struct scenario_site, start_spread),
     .min = 0,
     .max = 365 * DAY},
    {0},
};

static void read_site_start(struct reader *r, const cJSON *item, const struct reader_field *field,
                            void *out)
{
    (void)field;
    reader_object(r, item, site_start_fields, out);
}

static void read_addresses(struct reader *r, const cJSON *item, const struct reader_field *field,
                           void *out)
{
    struct scenario_site *site = out;

    (void)field;
    if (!cJSON_IsString(item) || sim_cidr_parse(item->valuestring, &site->addresses) != 0 ||
        site->addresses.bits < 8) {
        reader_expected(r, item,
                        "null, or a block like \"10.77.0.0/22\", /8 or smaller, no bits set "
                        "behind the /");
        return;
    }
    const struct sim_cidr *block = &site->addresses;
    if (!load_is_allowed(r->scenario, block->base) ||
        !load_is_allowed(r->scenario, block->base + (sim_addr)(sim_cidr_size(block) - 1))) {
        reader_expected(r, item,
                        "a block of loopback or a private range, or one that server.allow lists");
        return;
    }
    site->has_addresses = true;
}

#define SITE_AT(member) offsetof(struct scenario_site, member)

static const struct reader_field site_fields[] = {
    {.key = "name",
     .read = read_site_name,
     .offset = SITE_AT(name),
     .min = 1,
     .max = SCENARIO_SITE_NAME_MAX},
    {.key = "count",
     .read = reader_u32,
     .offset = SITE_AT(count),
     .min = 1,
     .max = SCENARIO_COPIES_MAX},
    {.key = "wan", .read = read_wan, .offset = SITE_AT(wan)},
    {.key = "wan_limit",
     .read = reader_rate_or_none,
     .offset = SITE_AT(wan_limit_bit_s),
     .min = 1,
     .max = RATE_MAX},
    {.key = "lan", .read = read_lan, .offset = SITE_AT(lan)},
    {.key = "protocol", .read = read_site_protocol, .names = protocol_names},
    {.key = "start", .read = read_site_start},
    {.key = "addresses", .read = read_addresses, .flags = READER_NULLABLE},
    {.key = "phones", .read = read_phones, .flags = READER_REQUIRED},
    {0},
};

static void read_site(struct reader *r, const cJSON *item, struct scenario_site *site, size_t index)
{
    char name[32];

    *site = (struct scenario_site){
        .count = 1,
        .wan = {.down_bit_s = 1536000, /* a T1 */
                .up_bit_s = 1536000,
                .rtt = 150 * SIM_MS,
                .queue = {.kind = SIM_QUEUE_PACKETS, .limit = 100},
                .framing = 2},
        .lan = {.rate_bit_s = 100000000, .latency = 50 * SIM_US},
        .start_spread = SIM_NEVER,
    };
    reader_object(r, item, site_fields, site);
    if (site->wan_limit_bit_s > 0) {
        load_limit_rate(r, &site->wan, site->wan_limit_bit_s);
    }
    if (site->name == NULL) {
        snprintf(name, sizeof(name), "site-%zu", index + 1);
        reader_replace(r, &site->name, name);
    }
}

struct named {
    const char *name;
    size_t index;
};

static int by_name(const void *a, const void *b)
{
    const struct named *left = a;
    const struct named *right = b;
    int order = strcmp(left->name, right->name);

    return order != 0 ? order : left->index < right->index ? -1 : 1;
}

static void check_names(struct reader *r, const cJSON *item, const struct scenario *s)
{
    struct named *names = reader_alloc(r, s->sites_len, sizeof(*names));

    if (names == NULL || r->no_memory) {
        free(names);
        return;
    }
    for (size_t i = 0; i < s->sites_len; i++) {
        names[i] = (struct named){.name = s->sites[i].name, .index = i};
    }
    qsort(names, s->sites_len, sizeof(*names), by_name);
    for (size_t i = 1; i < s->sites_len; i++) {
        if (strcmp(names[i - 1].name, names[i].name) == 0) {
            char found[READER_QUOTE_MAX];
            size_t before = reader_push_index(r, names[i].index);
            reader_error(r, cJSON_GetArrayItem(item, (int)names[i].index),
                         reader_quote(names[i].name, found), NULL, "another name for each site");
            reader_pop(r, before);
        }
    }
    free(names);
}

void load_sites(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    struct scenario *s = out;
    uint64_t copies = 0;
    uint64_t phones = 0;
    char found[READER_QUOTE_MAX];

    (void)field;
    if (!reader_list(r, item, 1, SCENARIO_SITES_MAX, "sites")) {
        return;
    }
    s->sites = reader_alloc(r, (size_t)cJSON_GetArraySize(item), sizeof(*s->sites));
    if (s->sites == NULL) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        size_t before = reader_push_index(r, s->sites_len);
        struct scenario_site *site = &s->sites[s->sites_len++];
        read_site(r, child, site, s->sites_len - 1);
        site->first_index = (uint32_t)copies; /* below 10,000 x 1,000,000, checked at the end */
        site->first_phone = phones;
        copies += site->count;
        phones += (uint64_t)site->count * site->phones_total;
        reader_pop(r, before);
    }
    check_names(r, item, s);
    if (copies > SCENARIO_COPIES_MAX) {
        snprintf(found, sizeof(found), "%llu sites", (unsigned long long)copies);
        reader_error(r, item, found, NULL, "at most %d sites, copies counted", SCENARIO_COPIES_MAX);
    }
    if (phones > SCENARIO_PHONES_MAX) {
        snprintf(found, sizeof(found), "%llu phones", (unsigned long long)phones);
        reader_error(r, item, found, NULL, "at most %d phones", SCENARIO_PHONES_MAX);
    }
    s->sites_total = (uint32_t)copies;
    s->phones_total = (uint32_t)phones;
}

const struct scenario_site *load_find_site(const struct scenario *s, const char *name)
{
    const char *hash = strchr(name, '#');
    size_t len = hash == NULL ? strlen(name) : (size_t)(hash - name);
    uint64_t copy = 0;

    for (const char *digit = hash == NULL ? "" : hash + 1; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || copy > SCENARIO_COPIES_MAX ||
            (copy == 0 && *digit == '0')) {
            return NULL;
        }
        copy = copy * 10 + (uint64_t)(*digit - '0');
    }
    for (size_t i = 0; i < s->sites_len; i++) {
        const struct scenario_site *site = &s->sites[i];
        if (site->name != NULL && strncmp(site->name, name, len) == 0 && site->name[len] == '\0') {
            bool good = hash == NULL || (copy >= 1 && copy <= site->count && site->count > 1);
            return good ? site : NULL;
        }
    }
    return NULL;
}
