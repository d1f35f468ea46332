/* tests/world/draw.c -- see draw.h. Worlds stay small (some forty phones, some kilobytes) so that
 * thousands of them take a minute; lines and times are drawn wide, corners first. Lines of packets
 * get fewer phones: there every segment is an event. */
#include "tests/world/draw.h"

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "sim/rng.h"

enum { FILES_MAX = 3, MODELS_MAX = 3, FAULTS_MAX = 4, PHONES_MAX = 40 };

struct draw {
    struct sim_rng rng;
    uint64_t key; /* of picks */
    char *out;
    size_t len;
    uint64_t models, site_classes;
    uint64_t files[MODELS_MAX];
    uint64_t phones[2], copies[2]; /* of each class of sites */
    uint64_t spread_s;
    bool is_packet;
};

static const char *const model_names[MODELS_MAX] = {"CP-7961G", "CP-7970G", "CP-7941G"};
static const char *const parts[FILES_MAX] = {"jar", "cnu", "apps"};

__attribute__((format(printf, 2, 3))) static void put(struct draw *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int len = vsnprintf(d->out + d->len, DRAW_TEXT_MAX - d->len, format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < DRAW_TEXT_MAX - d->len);
    d->len += (size_t)len;
}

/* By the place in the text and in this file, not by the order of calls: compilers differ in which
 * argument they reckon first. */
static const char *pick(const struct draw *d, uint64_t place, const char *const *from, size_t len)
{
    return from[sim_rng_mix(d->key ^ sim_rng_mix((uint64_t)d->len << 16 | place)) % len];
}
/* One of the texts; one that stands twice is twice as likely. */
#define PICK(d, ...)                                                                               \
    pick(d, __COUNTER__, (const char *const[]){__VA_ARGS__},                                       \
         sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

static bool one_in(struct draw *d, uint64_t n)
{
    return sim_rng_below(&d->rng, n) == 0;
}

static void put_firmware(struct draw *d)
{
    d->models = one_in(d, 2) ? 1 : sim_rng_between(&d->rng, 1, MODELS_MAX);
    put(d, "  \"firmware\": [");
    for (uint64_t i = 0; i < d->models; i++) {
        d->files[i] = sim_rng_between(&d->rng, 1, FILES_MAX);
        put(d, "%s\n    { \"model\": \"%s\", \"load\": \"LOAD%llu.1\", \"files\": [",
            i > 0 ? "," : "", model_names[i], (unsigned long long)i);
        for (uint64_t k = 0; k < d->files[i]; k++) {
            put(d, "%s{ \"name\": \"%s%llu.sbn\", \"size\": \"%s B\" }", k > 0 ? ", " : " ",
                parts[k], (unsigned long long)i,
                PICK(d, "1", "512", "700", "5000", "20000", "60000"));
        }
        put(d, " ] }");
    }
    put(d, " ],\n");
}

static void put_server(struct draw *d)
{
    put(d, "  \"server\": { ");
    if (!one_in(d, 4)) {
        put(d, "\"protocol\": %s, ",
            PICK(d, "\"http\"", "\"http\"", "\"tftp\"", "\"tftp\"", "\"https\"",
                 "[\"tftp\", \"http\"]"));
    }
    put(d, "\"keep_alive\": %s, \"block_size\": %s, \"window\": %s, \"timeout\": \"%s\",\n",
        PICK(d, "true", "true", "false"), PICK(d, "512", "512", "1428", "128"),
        PICK(d, "1", "1", "4", "16"), PICK(d, "1 s", "4 s", "4 s"));
    put(d, "    \"retries\": %s, \"uplink\": \"%s\", \"max_transfers\": %s, \"overflow\": \"%s\", ",
        PICK(d, "6", "6", "1"), PICK(d, "none", "none", "256 kbit/s", "10 Mbit/s"),
        PICK(d, "\"none\"", "\"none\"", "500", "1", "3"), PICK(d, "refuse", "queue"));
    put(d, "\"response_time\": \"%s\" },\n", PICK(d, "0 s", "2 ms", "100 ms"));
}

static void put_phones(struct draw *d, uint64_t site, uint64_t phones)
{
    uint64_t entries = sim_rng_between(&d->rng, 1, 3);
    for (uint64_t i = 0; i < entries && phones > 0; i++) {
        uint64_t count = i + 1 == entries ? phones : sim_rng_between(&d->rng, 1, phones);
        uint64_t model = sim_rng_below(&d->rng, d->models);
        phones -= count;
        d->phones[site] += count;
        put(d, "%s\n        { \"model\": \"%s\", \"count\": %llu, \"pfs\": %s, ", i > 0 ? "," : "",
            model_names[model], (unsigned long long)count,
            PICK(d, "true", "true", "true", "true", "false", "0.5", "0.9"));
        if (one_in(d, 12)) {
            put(d, "\"running\": \"LOAD%llu.1\", ", (unsigned long long)model);
        }
        if (one_in(d, 2)) {
            put(d, "\"system\": \"bare\" }");
        } else {
            put(d, "\"boot\": \"%s\", \"apply\": \"%s\", \"reboot\": \"%s\" }",
                PICK(d, "0 s", "1 s", "6 s"), PICK(d, "0 s", "1 s", "10 s"),
                PICK(d, "0 s", "1 s", "60 s"));
        }
    }
}

static void put_wan(struct draw *d)
{
    if (one_in(d, 12)) {
        put(d, "\"wan\": \"none\"");
        return;
    }
    const char *down =
        PICK(d, "256 kbit/s", "1.536 Mbit/s", "1.536 Mbit/s", "10 Mbit/s", "100 Mbit/s");
    put(d, "\"wan\": { ");
    if (one_in(d, 4)) {
        put(d, "\"rate\": { \"down\": \"%s\", \"up\": \"%s\" }", down,
            PICK(d, "128 kbit/s", "1 Mbit/s"));
    } else {
        put(d, "\"rate\": \"%s\"", down);
    }
    put(d, ", \"rtt\": \"%s\", \"queue\": \"%s\", \"loss\": %s, \"framing\": \"%s\" }",
        PICK(d, "0 s", "2 ms", "40 ms", "150 ms", "600 ms"),
        PICK(d, "100 packets", "100 packets", "20 packets", "64 KB", "200 ms"),
        PICK(d, "0", "0", "0", "0.001", "0.02"), PICK(d, "0 B", "2 B", "38 B"));
}

static void put_sites(struct draw *d)
{
    uint64_t phones_max = d->is_packet ? PHONES_MAX / 2 : PHONES_MAX;
    d->site_classes = sim_rng_between(&d->rng, 1, 2);
    put(d, "  \"sites\": [");
    for (uint64_t i = 0; i < d->site_classes; i++) {
        d->copies[i] = one_in(d, 2) ? 1 : sim_rng_between(&d->rng, 1, 2);
        uint64_t most = phones_max / (d->site_classes * d->copies[i]);
        put(d, "%s\n    { \"name\": \"s%llu\", \"count\": %llu,\n      ", i > 0 ? "," : "",
            (unsigned long long)i, (unsigned long long)d->copies[i]);
        put_wan(d);
        put(d,
            ",\n      \"lan\": { \"rate\": \"%s\", \"latency\": \"%s\", \"loss\": %s },\n"
            "      \"phones\": [",
            PICK(d, "none", "1 Mbit/s", "10 Mbit/s", "100 Mbit/s", "100 Mbit/s"),
            PICK(d, "0 s", "50 us", "50 us", "5 ms"), PICK(d, "0", "0", "0", "0.01", "0.2"));
        put_phones(d, i, one_in(d, 8) ? 1 : sim_rng_between(&d->rng, 1, most));
        put(d, " ] }");
    }
    put(d, " ],\n");
}

static void put_pfs(struct draw *d)
{
    static const unsigned spreads[] = {0, 1, 20, 20, 200};
    d->spread_s = spreads[sim_rng_below(&d->rng, sizeof(spreads) / sizeof(spreads[0]))];
    put(d, "  \"start\": { \"at\": \"%s\", \"spread\": \"%llu s\" },\n", PICK(d, "0 s", "5 s"),
        (unsigned long long)d->spread_s);
    put(d, "  \"pfs\": { \"listen\": \"%s\", \"ad_interval\": \"%s\", \"ads\": %s, ",
        PICK(d, "0 s", "50 ms", "500 ms", "500 ms"), PICK(d, "50 ms", "250 ms", "250 ms"),
        PICK(d, "0", "1", "4", "4", "4"));
    put(d, "\"root_wait\": \"%s\", ", PICK(d, "0 s", "2 s", "10 s"));
    if (one_in(d, 3)) {
        put(d, "\"fanout\": %llu,\n", (unsigned long long)sim_rng_between(&d->rng, 1, 16));
    } else {
        put(d, "\"fanout\": 2,\n");
    }
    if (one_in(d, 3)) {
        put(d, "    \"relay\": \"cut-through\", \"chunk\": \"%s\", ",
            PICK(d, "512 B", "4 KB", "16 KB", "1 MB"));
    } else {
        put(d, "    ");
    }
    put(d, "\"hierarchy\": \"%s\", \"election\": \"%s\", ",
        PICK(d, "per-file", "per-file", "per-load"),
        PICK(d, "broadcast", "broadcast", "broadcast", "broadcast", "static"));
    put(d, "\"parent_timeout\": \"%s\", \"stall\": \"%s\", \"rejoin_attempts\": %s,\n",
        PICK(d, "3 s", "30 s", "30 s"), PICK(d, "20 s", "60 s", "60 s"),
        PICK(d, "0", "1", "3", "3", "3"));
    put(d, "    \"linger\": \"%s\", \"linger_max\": \"%s\", \"fallback\": \"%s\" }",
        PICK(d, "0 s", "5 s", "30 s", "30 s"), PICK(d, "30 s", "10 min", "10 min"),
        PICK(d, "server", "server", "server", "fail"));
}

static void put_place_and_end(struct draw *d, uint64_t site, const char *end)
{
    if (d->copies[site] > 1 && one_in(d, 2)) {
        put(d, "\"site\": \"s%llu#%llu\"", (unsigned long long)site,
            (unsigned long long)sim_rng_between(&d->rng, 1, d->copies[site]));
    } else {
        put(d, "\"site\": \"s%llu\"", (unsigned long long)site);
    }
    if (end != NULL && !one_in(d, 2)) {
        put(d, ", \"%s\": \"%llu ms\"", end,
            (unsigned long long)sim_rng_between(&d->rng, 1, 90000));
    }
}

static void put_at(struct draw *d)
{
    put(d, ", \"at\": \"%llu ms\"",
        (unsigned long long)sim_rng_between(&d->rng, 0, (d->spread_s + 60) * 1000));
}

static void put_who(struct draw *d, uint64_t site)
{
    if (one_in(d, 3)) {
        put(d, ", \"phone\": %llu", (unsigned long long)sim_rng_below(&d->rng, d->phones[site]));
    } else {
        put(d, ", \"phone\": %s", PICK(d, "\"root\"", "\"parent\""));
    }
    if (one_in(d, 3)) {
        uint64_t model = sim_rng_below(&d->rng, d->models);
        put(d, ", \"file\": \"%s%llu.sbn\"", parts[sim_rng_below(&d->rng, d->files[model])],
            (unsigned long long)model);
    }
}

static void put_partition(struct draw *d, uint64_t site)
{
    put(d, "{ \"kind\": \"partition\", ");
    put_place_and_end(d, site, NULL);
    put_at(d);
    put(d, ", \"heal_after\": \"%llu ms\", \"phones\": [",
        (unsigned long long)sim_rng_between(&d->rng, 1, 120000));
    uint64_t split = sim_rng_between(&d->rng, 1, 7);
    const char *comma = "";
    for (uint64_t i = 0; i < d->phones[site]; i++) {
        if (((i + 1) & split) != 0) { /* phone 0 is always among them */
            put(d, "%s%llu", comma, (unsigned long long)i);
            comma = ", ";
        }
    }
    put(d, "%s] }", comma[0] == '\0' ? "0" : "");
}

static void put_fault(struct draw *d)
{
    uint64_t site = sim_rng_below(&d->rng, d->site_classes);
    switch (sim_rng_below(&d->rng, 8)) {
    case 0:
    case 1:
    case 2:
        put(d, "{ \"kind\": \"crash\", ");
        put_place_and_end(d, site, "down_for");
        put_who(d, site);
        if (one_in(d, 3)) {
            put_at(d);
        } else {
            put(d, ", \"when\": \"%s\"", PICK(d, "root_waiting", "fetching", "serving"));
        }
        put(d, ", \"silent\": %s }", PICK(d, "true", "false"));
        return;
    case 3:
    case 4:
        put_partition(d, site);
        return;
    case 5:
        put(d, "{ \"kind\": \"corrupt_peer\", ");
        put_place_and_end(d, site, NULL);
        put_who(d, site);
        put(d, " }");
        return;
    case 6:
        put(d, "{ \"kind\": \"server_down\"");
        put_at(d);
        put(d, ", \"down_for\": \"%llu ms\" }",
            (unsigned long long)sim_rng_between(&d->rng, 1, 120000));
        return;
    default:
        put(d, "{ \"kind\": \"wan_down\", ");
        put_place_and_end(d, site, NULL);
        put_at(d);
        put(d, ", \"down_for\": \"%llu ms\" }",
            (unsigned long long)sim_rng_between(&d->rng, 1, 120000));
        return;
    }
}

size_t draw_scenario(uint64_t seed, char out[DRAW_TEXT_MAX])
{
    struct draw d = {.out = out};
    unsigned long long number = seed;

    sim_rng_init(&d.rng, seed, SIM_RNG_TEST, 2);
    d.key = sim_rng_next(&d.rng);
    d.is_packet = one_in(&d, 3);
    put(&d, "{\n  \"name\": \"sweep, seed %llu\", \"seed\": \"%llu\", \"world\": \"virtual\",\n",
        number, number);
    put(&d, "  \"method\": \"%s\", \"network\": \"%s\",\n",
        PICK(&d, "pfs", "pfs", "pfs", "pfs", "pfs", "pfs", "traditional", "load-server"),
        d.is_packet ? "packet" : "fluid");
    put_firmware(&d);
    put_server(&d);
    put_sites(&d);
    put_pfs(&d);
    uint64_t faults = one_in(&d, 2) ? 0 : sim_rng_between(&d.rng, 1, FAULTS_MAX);
    for (uint64_t i = 0; i < faults; i++) {
        put(&d, "%s\n    ", i == 0 ? ",\n  \"faults\": [" : ",");
        put_fault(&d);
    }
    put(&d, "%s\n}\n", faults > 0 ? " ]" : "");
    return d.len;
}
