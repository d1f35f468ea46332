/* scenarios/load_server.c -- the `server` object: where files come from, how, and what a live run
 * may address. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scenarios/load.h"
#include "sim/err.h"

#define HOUR (3600 * SIM_S)
#define RATE_MAX UINT64_C(1000000000000) /* bit/s: 1 Tbit/s (our choice) */

static const char *const protocol_names[] = {"tftp", "http", "https", NULL};
static const char *const overflow_names[] = {"refuse", "queue", NULL};

void load_server_defaults(struct sim_server_setup *server)
{
    *server = (struct sim_server_setup){
        .keep_alive = true,
        .block_size = 512, /* RFC 1350 */
        .window = 1,
        .timeout = 4 * SIM_S,
        .retries = 6,
        .stall = 60 * SIM_S,
        .uplink_bit_s = SIM_RATE_NONE,
        .max_transfers = 500, /* CUCM's default service parameter */
        .overflow = SIM_OVERFLOW_REFUSE,
        .response_time = 2 * SIM_MS,
        .tls_verify = true,
    };
}

bool load_is_allowed(const struct scenario *s, sim_addr addr)
{
    return sim_addr_is_target(addr, s->server.allow, s->server.allow_len);
}

void load_check_host(struct reader *r, const cJSON *item, const char *host)
{
    char name[SCENARIO_HOST_MAX];
    sim_addr addr;
    size_t len = strcspn(host, ":/@");

    if (len >= sizeof(name)) {
        return; /* no numeric host is that long */
    }
    memcpy(name, host, len);
    name[len] = '\0';
    if (sim_addr_parse(name, &addr) == 0 && !load_is_allowed(r->scenario, addr)) {
        reader_expected(r, item,
                        "a name, an address of loopback or a private range, or one that "
                        "server.allow lists");
    }
}

static void read_allow(struct reader *r, const cJSON *item, const struct reader_field *field,
                       void *out)
{
    struct sim_server_setup *server = out;
    size_t index = 0;

    (void)field;
    if (!reader_list(r, item, 0, SIM_ALLOW_MAX, "address blocks")) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        size_t before = reader_push_index(r, index++);
        if (!cJSON_IsString(child) ||
            sim_cidr_parse(child->valuestring, &server->allow[server->allow_len]) != 0) {
            reader_expected(r, child, "a block like \"203.0.113.0/24\", no bits set behind the /");
        } else {
            server->allow_len++;
        }
        reader_pop(r, before);
    }
}

static void read_sources(struct reader *r, const cJSON *item, const struct reader_field *field,
                         void *out)
{
    struct sim_server_setup *server = out;
    size_t index = 0;

    (void)field;
    if (!reader_list(r, item, 0, SIM_SOURCES_MAX, "addresses")) {
        return;
    }
    for (const cJSON *child = item->child; child != NULL; child = child->next) {
        size_t before = reader_push_index(r, index++);
        sim_addr addr = 0;
        if (!cJSON_IsString(child) || sim_addr_parse(child->valuestring, &addr) != 0) {
            reader_expected(r, child, "an IPv4 address of this host, like \"192.168.1.10\"");
        } else {
            server->sources[server->sources_len++] = addr;
        }
        reader_pop(r, before);
    }
}

static void read_url(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    struct scenario_url url;

    (void)field;
    (void)out;
    if (!cJSON_IsString(item) || scenario_url_parse(item->valuestring, &url) != 0) {
        reader_expected(r, item,
                        "null, or a URL like \"http://10.1.2.3:6970/base\" (http, https or tftp; "
                        "IPv4 or a name; no user, query or ..)");
        return;
    }
    load_check_host(r, item, url.host);
    reader_replace(r, &r->scenario->server_url, item->valuestring);
    r->scenario->server.url = r->scenario->server_url;
}

static bool is_listed(const struct scenario *s, enum sim_protocol protocol)
{
    for (size_t i = 0; i < s->protocols_len; i++) {
        if (s->protocols[i] == protocol) {
            return true;
        }
    }
    return false;
}

static void add_protocol(struct reader *r, const cJSON *item)
{
    const struct reader_field field = {.names = protocol_names};
    struct scenario *s = r->scenario;
    size_t errors = r->errors->len;
    enum sim_protocol protocol = SIM_PROTOCOL_TFTP;

    reader_enum(r, item, &field, &protocol);
    if (r->errors->len > errors) {
        return;
    }
    if (is_listed(s, protocol)) {
        reader_expected(r, item, "each protocol once");
        return;
    }
    s->protocols[s->protocols_len++] = protocol;
}

static void read_protocol(struct reader *r, const cJSON *item, const struct reader_field *field,
                          void *out)
{
    struct scenario *s = r->scenario;
    struct scenario_url url;
    size_t errors = r->errors->len;
    size_t index = 0;

    (void)field;
    (void)out;
    if (!cJSON_IsArray(item)) {
        add_protocol(r, item);
    } else if (reader_list(r, item, 1, SIM_PROTOCOLS_MAX, "protocols")) {
        for (const cJSON *child = item->child; child != NULL; child = child->next) {
            size_t before = reader_push_index(r, index++);
            add_protocol(r, child);
            reader_pop(r, before);
        }
    }
    s->server_protocols_given = true;
    if (r->errors->len == errors && s->server_url != NULL &&
        scenario_url_parse(s->server_url, &url) == 0 && !is_listed(s, url.protocol)) {
        reader_expected(r, item, "\"%s\" among them, as in server.url",
                        protocol_names[url.protocol]);
    }
}

static void read_max_transfers(struct reader *r, const cJSON *item,
                               const struct reader_field *field, void *out)
{
    uint64_t value;

    (void)field;
    if (cJSON_IsString(item) && strcmp(item->valuestring, "none") == 0) {
        *(uint32_t *)out = 0;
    } else if (!cJSON_IsNumber(item)) {
        reader_expected(r, item, "a whole number from 1 to 1000000, or \"none\"");
    } else if (reader_whole(r, item, 1, 1000000, &value)) {
        *(uint32_t *)out = (uint32_t)value;
    }
}

static void read_ca_file(struct reader *r, const cJSON *item, const struct reader_field *field,
                         void *out)
{
    const struct reader_field text = {.min = 1, .max = 1024};
    struct sim_server_setup *server = out;
    char *given = NULL;

    (void)field;
    reader_text(r, item, &text, &given);
    if (given == NULL) {
        return;
    }
    char *path = reader_resolve(r, given);
    free(given);
    if (path != NULL && access(path, R_OK) != 0) {
        reader_expected(r, item, "a file of certificates that can be read (%s: %s)", path,
                        sim_err_text(sim_err_from_errno(errno)));
    }
    free((char *)server->tls_ca_file); /* ours: see scenario_free() */
    server->tls_ca_file = path;
}

static const struct reader_field tls_fields[] = {
    {.key = "ca_file", .read = read_ca_file, .flags = READER_NULLABLE},
    {.key = "verify", .read = reader_bool, .offset = offsetof(struct sim_server_setup, tls_verify)},
    {0},
};

static void read_tls(struct reader *r, const cJSON *item, const struct reader_field *field,
                     void *out)
{
    (void)field;
    reader_object(r, item, tls_fields, out);
}

static void read_credentials(struct reader *r, const cJSON *item, const struct reader_field *field,
                             void *out)
{
    const struct reader_field text = {.min = 1, .max = 128};
    struct sim_server_setup *server = out;
    char *name = NULL;

    (void)field;
    if (cJSON_IsString(item) && (!reader_only(item->valuestring, "_") ||
                                 (item->valuestring[0] >= '0' && item->valuestring[0] <= '9'))) {
        reader_expected(r, item,
                        "the name of an environment variable that holds \"user:password\"");
        return;
    }
    reader_text(r, item, &text, &name);
    if (name != NULL) {
        free((char *)server->credentials_env); /* ours: see scenario_free() */
        server->credentials_env = name;
    }
}

#define AT(member) offsetof(struct sim_server_setup, member)

/* `allow` before `url`, `url` before `protocol`: the later ones look at the earlier. */
static const struct reader_field server_fields[] = {
    {.key = "allow", .read = read_allow},
    {.key = "sources", .read = read_sources},
    {.key = "url", .read = read_url, .flags = READER_NULLABLE},
    {.key = "protocol", .read = read_protocol},
    {.key = "keep_alive", .read = reader_bool, .offset = AT(keep_alive)},
    /* RFC 2348 */
    {.key = "block_size", .read = reader_u16, .offset = AT(block_size), .min = 8, .max = 65464},
    /* RFC 7440 */
    {.key = "window", .read = reader_u16, .offset = AT(window), .min = 1, .max = 65535},
    {.key = "timeout", .read = reader_duration, .offset = AT(timeout), .min = SIM_MS, .max = HOUR},
    {.key = "retries", .read = reader_u32, .offset = AT(retries), .min = 0, .max = 1000},
    {.key = "stall", .read = reader_duration, .offset = AT(stall), .min = SIM_MS, .max = 24 * HOUR},
    {.key = "uplink",
     .read = reader_rate_or_none,
     .offset = AT(uplink_bit_s),
     .min = 1,
     .max = RATE_MAX},
    {.key = "max_transfers", .read = read_max_transfers, .offset = AT(max_transfers)},
    {.key = "overflow", .read = reader_enum, .offset = AT(overflow), .names = overflow_names},
    {.key = "response_time",
     .read = reader_duration,
     .offset = AT(response_time),
     .min = 0,
     .max = HOUR},
    {.key = "port", .read = reader_u16, .offset = AT(port), .min = 0, .max = 65535},
    {.key = "tftp_port", .read = reader_u16, .offset = AT(tftp_port), .min = 0, .max = 65535},
    {.key = "tls", .read = read_tls},
    {.key = "credentials_env", .read = read_credentials, .flags = READER_NULLABLE},
    {0},
};

void load_server(struct reader *r, const cJSON *item, const struct reader_field *field, void *out)
{
    struct scenario *s = out;

    (void)field;
    reader_object(r, item, server_fields, &s->server);
}
