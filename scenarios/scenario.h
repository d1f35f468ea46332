/* scenarios/scenario.h -- a scenario as the program sees it: checked, defaulted, in plain units.
 *
 * scenario_load() reads the JSON file, applies --set overrides and either fills a struct scenario
 * or lists every error it found. The scenario owns all strings and arrays in it; scenario_free()
 * releases them. The names of keys and their meaning are in schema.json and in the README. */
#ifndef SCENARIOS_SCENARIO_H
#define SCENARIOS_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "phones/pfs/pfs.h"
#include "scenarios/metrics.h"
#include "sim/digest.h"
#include "sim/setup.h"

/* Limits; ours where nothing else is said. Beyond one is an error at its key. */
enum {
    SCENARIO_BYTES_MAX = 16 * 1024 * 1024, /* of the file */
    SCENARIO_FIRMWARE_MAX = 64,            /* entries */
    SCENARIO_FILES_MAX = 64,               /* of one load (LOADS_FILES_MAX) */
    SCENARIO_SITES_MAX = 10000,            /* entries of sites[] */
    SCENARIO_COPIES_MAX = 1000000,         /* sites, copies counted */
    SCENARIO_ENTRIES_MAX = 64,             /* entries of sites[].phones */
    SCENARIO_PHONES_MAX = 10000000,        /* of all sites */
    SCENARIO_SITE_PHONES_MAX = 1048573, /* of one copy: a /12 without network, gateway, broadcast */
    SCENARIO_FAULTS_MAX = 1000,
    SCENARIO_THRESHOLDS_MAX = 1000,
    SCENARIO_THREADS_MAX = 64, /* SIM_LIVE_THREADS_MAX */
    SCENARIO_SITE_NAME_MAX =
        64, /* characters; 112 bytes, so that "name#1000000" fits SCENARIO_NAME_MAX */
    SCENARIO_LOAD_MAX =
        120, /* characters: load + ".loads" is a name of an index (LOADS_NAME_MAX) */
    SCENARIO_FILE_MAX = 127, /* characters of a component's name (LOADS_NAME_MAX) */
    SCENARIO_MODEL_MAX = 31, /* characters (PFS_MODEL_MAX) */
};

enum scenario_world { SCENARIO_VIRTUAL, SCENARIO_LIVE };
enum scenario_network { SCENARIO_FLUID, SCENARIO_PACKET };
enum scenario_method { SCENARIO_TRADITIONAL, SCENARIO_PFS, SCENARIO_LOAD_SERVER };

/* systems that phones may belong to; mpp, tms, avaya and ocs are known names, not built yet: an
 * error that says so */
enum scenario_system {
    SCENARIO_BARE,
    SCENARIO_CUCM,
    SCENARIO_MPP,
    SCENARIO_TMS,
    SCENARIO_AVAYA,
    SCENARIO_OCS
};

struct scenario_file {
    char *name;
    uint64_t size; /* bytes, >= 1; from `files`, or of the real file in `directory` */
    bool has_sha256;
    struct sim_digest sha256;
};

struct scenario_firmware {
    char *model;
    char *load;                  /* "SCCP41.9-4-2SR3-1S": the index is load + ".loads" */
    char *directory;             /* resolved against the scenario file's folder; NULL: synthetic */
    struct scenario_file *files; /* components in order; with a directory: in the order of its
                                    .loads, or jar, cnu, apps, dsp, cvm, then the rest by name; the
                                    .loads itself is not listed */
    size_t files_len;
};

struct scenario_phones { /* one entry of sites[].phones */
    enum scenario_system system;
    uint32_t firmware; /* index into firmware[] by model */
    uint32_t count;    /* phones of this entry in one copy of the site, >= 1 */
    uint32_t first;    /* number within the copy of the entry's first phone */
    bool pfs;          /* peerFirmwareSharing in its configuration */
    double pfs_share;  /* 0..1: `pfs` may be a share of the phones; 1 for true, 0 for false */
    char *running;     /* load that it runs already; NULL: another one */
    /* Of the first phone in the first copy; the next ones count up, through the copies too
     * (macs.h). Not given: 00:1e:13:00:00:00 plus the phones of all entries before. */
    uint64_t mac;
    sim_duration boot, apply, reboot; /* (6 s, 10 s, 60 s; bare phones: 0) */
    char *load_server; /* loadServer of the phone's configuration, "" or NULL: none */
};

struct scenario_site { /* one entry of sites[]: a class of `count` equal copies */
    char *name;
    uint32_t count;
    struct sim_wan_setup wan;
    struct sim_lan_setup lan;
    uint64_t
        wan_limit_bit_s; /* a shaper before the line; wan.down_bit_s is no more than it; 0: none */
    sim_duration start_spread; /* of its phones; SIM_NEVER: the scenario's */
    bool has_protocol;
    enum sim_protocol protocol; /* instead of what the scenario says */
    bool has_addresses;
    struct sim_cidr addresses;
    struct scenario_phones *phones;
    size_t phones_len;
    uint32_t phones_total; /* of one copy */
    /* The plan, made at load time: where its copies stand among all, and in the address space. */
    uint32_t first_index; /* number of its first copy */
    uint64_t first_phone; /* phones in all copies of the entries before */
    sim_addr plan_base;   /* block of its first copy; the others follow without gaps */
    uint8_t plan_bits;    /* prefix length of one copy's block */
};

enum scenario_fault_kind {
    SCENARIO_FAULT_CRASH,
    SCENARIO_FAULT_PARTITION,
    SCENARIO_FAULT_SERVER_DOWN,
    SCENARIO_FAULT_CORRUPT_PEER,
    SCENARIO_FAULT_WAN_DOWN,
};
enum scenario_fault_phone { SCENARIO_FAULT_NUMBER, SCENARIO_FAULT_ROOT, SCENARIO_FAULT_PARENT };
enum scenario_fault_when {
    SCENARIO_FAULT_AT,
    SCENARIO_FAULT_ROOT_WAITING,
    SCENARIO_FAULT_FETCHING,
    SCENARIO_FAULT_SERVING
};

struct scenario_fault {
    enum scenario_fault_kind kind;
    char *site; /* class or copy's name ("branch" or "branch#2"); NULL: every site */
    enum scenario_fault_phone who;
    uint32_t *numbers; /* phones of the site, from 0 (phone: a number; phones: a list) */
    size_t numbers_len;
    char *file; /* with root or parent; NULL: any */
    enum scenario_fault_when when;
    sim_time at;           /* since the run began; SIM_NEVER when `when` triggers it */
    sim_duration down_for; /* or heal_after; SIM_NEVER: never returns */
    bool silent;           /* a crash that peers do not notice as a reset (power cut) */
};

struct scenario_threshold {
    char *metric; /* "completion_s.p95", "sites[branch].wan.bytes": a number's path in the result */
    char *expression;        /* "< 600", as written */
    char op[3];              /* "<" "<=" "==" ">=" ">" */
    double limit;            /* in the metric's unit: seconds, bytes, bits a second, 0..1 */
    enum scenario_unit unit; /* of the metric */
    bool abort;
};

struct scenario {
    char *path; /* of the file */
    char *text; /* the scenario's JSON after --set, canonical, for reports */
    char *name;
    uint64_t seed;
    enum scenario_world world;
    enum scenario_method method;
    enum scenario_network network;
    struct scenario_firmware *firmware;
    size_t firmware_len;
    struct sim_server_setup server;
    char *server_url;            /* server.url points here; valid for scenario_url_parse() */
    bool server_protocols_given; /* `protocol` present; else as the system does */
    enum sim_protocol protocols[SIM_PROTOCOLS_MAX];
    size_t protocols_len;
    struct scenario_site *sites;
    size_t sites_len;
    uint32_t sites_total;  /* copies counted */
    uint32_t phones_total; /* of all copies */
    sim_time start_at;
    sim_duration start_spread;
    struct pfs_config pfs;
    struct scenario_fault *faults;
    size_t faults_len;
    struct scenario_threshold *thresholds;
    size_t thresholds_len;
    unsigned threads;   /* live: loops; virtual: groups of sites side by side (build.h), at most */
    bool threads_given; /* else a virtual run takes as many as are of use */
    struct sim_fluid_setup fluid;         /* (all zero) constants of the fluid network */
    struct scenario_capacity *capacities; /* what sites' lines borrow; see load_capacity.c */
    size_t capacities_len;
};

/* ---- Errors: all of them, each with where and what ---- */

struct scenario_error {
    unsigned line;   /* 1..; 0: from --set, or of the whole file when json_path is empty */
    char *json_path; /* "sites[0].wan.rate"; "" where no place in the document can be named */
    char *found;     /* "\"384 kbit\"" */
    char *expected;  /* "a rate with its unit, like \"384 kbit/s\"" */
    char *nearest;   /* nearest known key; NULL */
    size_t order;    /* of being found, among errors of one line */
};

#define SCENARIO_ERROR_LAST UINT32_MAX /* `line` of "more errors": the list ends at 1000 */

struct scenario_errors {
    struct scenario_error *list;
    size_t len;
};

/* Prints one error a line: FILE:LINE: JSON.PATH: found ..., expected ... (did you mean ...?).
 * Errors that a --set brought in say "--set" instead of FILE:LINE. In the order of lines. */
void scenario_errors_print(const struct scenario_errors *errors, const char *path,
                           void *stream /* FILE* */);
void scenario_errors_free(struct scenario_errors *errors);

/* `sets`: "PATH=VALUE" overrides, applied in order before anything is checked. PATH is written as
 * in errors: keys with dots between, [N] for an element of a list (its length appends one), ["..."]
 * for a key with other characters; objects that are not there are made. VALUE is JSON, or else a
 * text as it stands. 0 and `*out`, or SIM_EINVAL with at least one error in `errors` (free it
 * either way), SIM_ENOMEM. A file that can't be read is an error in the list too. */
int scenario_load(const char *path, const char *const *sets, size_t sets_len, struct scenario **out,
                  struct scenario_errors *errors);
/* The same from memory; `path` names it in errors and anchors relative folders. For tests and the
 * fuzzer. */
int scenario_load_text(const char *path, const char *text, size_t len, const char *const *sets,
                       size_t sets_len, struct scenario **out, struct scenario_errors *errors);
void scenario_free(struct scenario *s);

/* The scenario's text for a file in another folder: firmware's directories, traces and tls.ca_file
 * from the root on, as they are relative to the scenario's own folder. Without such keys it is
 * `text`, to the byte. The caller's (free()); NULL: no memory. */
char *scenario_text_absolute(const struct scenario *s);
/* The same of the scenario `text` whose file is at `path`, for a file in `folder`, which must be
 * there: paths become relative to it ("../../cell.trace"), so that equal runs that lie alike in
 * equal trees of folders have equal bytes, wherever the trees are, and trees can be moved. What has
 * nothing but the root in common with the folder is named from the root on. What leads nowhere, or
 * was written from the root on, stays. The caller's (free()); NULL: no memory. */
char *scenario_text_beside(const char *text, const char *path, const char *folder);
/* A scenario file's own path, likewise: `path` as seen from `folder`; as it is when its folder is
 * not there. The caller's (free()); NULL: no memory. */
char *scenario_path_beside(const char *path, const char *folder);

/* schema.json as it was at build time. */
const char *scenario_schema_text(void);

const char *scenario_method_name(enum scenario_method m);
const char *scenario_world_name(enum scenario_world w);
const char *scenario_system_name(enum scenario_system s);

/* ---- server.url ---- */

enum {
    SCENARIO_HOST_MAX = 256, /* bytes of a host with its NUL (RFC 1035: 253 characters) */
    SCENARIO_BASE_MAX = 256, /* bytes of a URL's path with its NUL */
};

struct scenario_url {
    enum sim_protocol protocol;
    char host[SCENARIO_HOST_MAX]; /* a name, or dotted quad */
    sim_addr addr;                /* of a numeric host; 0: a name, not resolved */
    uint16_t port;                /* as written; else 80, 443, 69 */
    char base[SCENARIO_BASE_MAX]; /* "" or "/base", no '/' at its end */
};

/* "http://host:port/base"; https and tftp likewise; IPv4 or a name. 0, or SIM_EINVAL (another
 * scheme, user or password, query, fragment, "..", characters that would need escaping). */
int scenario_url_parse(const char *url, struct scenario_url *out);

/* ---- The flat view: copies of sites, phones with addresses ---- */

/* Blocks. A copy's block is the smallest of /24../12 that holds its phones, network, gateway and
 * broadcast address. The gateway is the first host (base + 1), phone n is base + 2 + n, the last
 * address is nobody's. Entries without `addresses` are packed in order of the file from 127.1.0.0
 * on (127.0.0.0/16 stays free for servers), so one branch of 30 phones is 127.1.0.0/24 and its
 * first phone 127.1.0.2. An entry whose copies don't all fit below 127.255.255.255 goes to
 * 10.0.0.0..126.255.255.255 instead: fine in virtual time, impossible live (which doctor says).
 * Blocks given by any `addresses` are stepped over. With `addresses` the given block is split into
 * equal powers of two, one a copy. */

/* Fills `out` for copy number `index` (0..sites_total-1) of all sites: its name ("branch#2";
 * "branch" when there is one), class, block, lines. O(log entries). `name` is borrowed by `out`. 0
 * or SIM_EINVAL (no such copy). */
enum { SCENARIO_NAME_MAX = 128 };
int scenario_site_setup(const struct scenario *s, uint32_t index, struct sim_site_setup *out,
                        char name[SCENARIO_NAME_MAX]);
/* The time over which the phones of a class are switched on. */
sim_duration scenario_site_spread(const struct scenario *s, const struct scenario_site *site);
/* Which entry of sites[] copy `index` is of; index < sites_total. */
const struct scenario_site *scenario_site_class(const struct scenario *s, uint32_t index);
/* Number of phones in all copies before copy `index` (0..sites_total): the id of its first phone.
 */
uint64_t scenario_site_first_phone(const struct scenario *s, uint32_t index);
/* The copy that phone `phone` (0..phones_total-1, counted over all copies) stands in; `number`: its
 * number there. O(log entries). */
uint32_t scenario_site_of_phone(const struct scenario *s, uint64_t phone, uint32_t *number);
/* Phone `number` (0..site->phones-1) of a copy: its entry, its number within the entry, its
 * address. */
const struct scenario_phones *scenario_phone(const struct scenario *s,
                                             const struct sim_site_setup *site, uint32_t number,
                                             uint32_t *within, sim_addr *addr);

#endif /* SCENARIOS_SCENARIO_H */
