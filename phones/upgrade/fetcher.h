/* phones/upgrade/fetcher.h -- one file from the server: protocols in order of trial, retries,
 * digest.
 *
 * A machine between its owner (a system, or the peer machine's root) and sim_world_fetch(): it
 * starts the request, tries again as the policy says, checks the digest, and ends in DONE or FAILED
 * with a reason that names the cause. One file at a time; the owner forwards fetch_done and wakes
 * it at its deadline.
 *
 * Trials: each protocol of the list but the last is tried once ("they try one time to get it via
 * http, if it fails they attempt TFTP": a Cisco poster, see the README); the last one is tried 1 +
 * retries times for what may pass (no answer, busy, cut off; TFTP repeats its datagrams itself, so
 * its silence is final), waiting timeout x 2^n with a jitter of a half (our choice). "Not found"
 * and "access denied" are final there. A transport that failed is left out for the phone's later
 * files: fetcher_forget() brings it back at the next boot. A wrong digest is SIM_EDIGEST at once:
 * whether to begin anew with an empty copy is the owner's to say. */
#ifndef PHONES_UPGRADE_FETCHER_H
#define PHONES_UPGRADE_FETCHER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/digest.h"
#include "sim/setup.h"
#include "sim/time.h"
#include "sim/world.h"

enum {
    FETCHER_REASON_MAX = 320, /* bytes of a reason with its NUL: "NAME: " and the world's phrase */
    FETCHER_NAME_MAX = 256,   /* bytes of a file's name with its NUL */
};

struct fetcher_policy {
    enum sim_protocol protocols[SIM_PROTOCOLS_MAX];
    uint32_t protocols_len; /* 1..SIM_PROTOCOLS_MAX */
    sim_duration timeout;   /* before the first new trial, > 0 */
    uint32_t retries;
};

/* What to get. Strings are copied. */
struct fetcher_job {
    const char *name;
    enum sim_server_place place;
    bool is_firmware;
    bool is_optional; /* "not found" is an answer, not a reason for the next protocol */
    sim_file file;    /* firmware: appended to, owner's; 0: a small file, bytes come with the end */
    uint64_t notify_every; /* the world's fetch_progress goes past the fetcher; 0: never */
    bool has_digest;       /* only with `file` */
    struct sim_digest digest;
};

enum fetcher_state {
    FETCHER_IDLE,
    FETCHER_EXPECT_ANSWER, /* fetch_done */
    FETCHER_BACKOFF,       /* the instant of the next trial */
    FETCHER_DONE,
    FETCHER_FAILED,
};

struct fetcher {
    struct sim_world *world;
    sim_node node;
    const struct fetcher_policy *policy; /* borrowed */
    enum fetcher_state state;
    sim_time deadline; /* of BACKOFF; else SIM_NEVER */
    sim_fetch fetch;
    uint32_t protocol;    /* index into policy->protocols now in use */
    uint32_t given_up;    /* bit per protocol: its transport failed since the boot */
    uint32_t attempt;     /* trials of this protocol so far */
    uint64_t size_before; /* of the copy, when the present trial began */
    sim_time trial_began;
    struct fetcher_job job; /* job.name points to `name` */
    int status;             /* of FAILED */
    uint32_t retries_total; /* over the phone's life, for phones.csv */
    char name[FETCHER_NAME_MAX];
    char reason[FETCHER_REASON_MAX]; /* of FAILED */
};

/* The policy is borrowed for the fetcher's life. */
void fetcher_init(struct fetcher *f, struct sim_world *world, sim_node node,
                  const struct fetcher_policy *policy);
/* Begins. Not while another file is under way. The end may be there at once (FAILED). */
void fetcher_start(struct fetcher *f, sim_time now, const struct fetcher_job *job);
/* Cancels what is under way: IDLE. */
void fetcher_cancel(struct fetcher *f);
/* The same when the copy may have gone since: `size` is what it had. */
void fetcher_cancel_at(struct fetcher *f, uint64_t size);
/* True when `fetch` was this fetcher's; then look at the state. */
bool fetcher_fetch_done(struct fetcher *f, sim_time now, sim_fetch fetch,
                        const struct sim_fetch_result *result);
/* Early calls are harmless. */
void fetcher_wake(struct fetcher *f, sim_time now);
/* Forgets which transports failed: the phone boots. */
void fetcher_forget(struct fetcher *f);

#endif /* PHONES_UPGRADE_FETCHER_H */
