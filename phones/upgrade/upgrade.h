/* phones/upgrade/upgrade.h -- one load: the .loads index, then each component in its order,
 * verified.
 *
 * With sharing every file goes through the peer machine (phones/pfs); without, straight from the
 * server. The owner forwards fetch_done and the peer machine's events, then looks at the state.
 * Files are taken strictly one after another, as the phones do. */
#ifndef PHONES_UPGRADE_UPGRADE_H
#define PHONES_UPGRADE_UPGRADE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "phones/manifest.h"
#include "phones/pfs/pfs.h"
#include "phones/upgrade/fetcher.h"
#include "sim/time.h"
#include "sim/world.h"

struct upgrade_index;

/* Each state is named for what the upgrade waits for. */
enum upgrade_state {
    UPGRADE_IDLE,
    UPGRADE_EXPECT_PEERS,  /* the peer machine's GOT, FETCH, FALLBACK or FAILED */
    UPGRADE_EXPECT_SERVER, /* the fetcher's end */
    UPGRADE_DONE,          /* every file held and verified */
    UPGRADE_FAILED,
};

struct upgrade_config {
    const struct manifest *manifest; /* borrowed */
    enum sim_server_place place;
    struct pfs *pfs;   /* NULL: no sharing */
    const char *group; /* of listed files: the load they make up, borrowed; NULL or "": none */
};

struct upgrade {
    struct sim_world *world;
    sim_node node;
    struct upgrade_config config;
    struct fetcher *fetcher; /* the phone's one */
    enum upgrade_state state;
    bool is_root_fetch;           /* the fetcher works for the peer machine */
    bool tried_anew;              /* this file had a wrong digest from the server once */
    sim_file file;                /* being fetched by ourselves; 0 else */
    char index[FETCHER_NAME_MAX]; /* "LOAD.loads"; "" when the files were listed */
    struct upgrade_index *parsed; /* ours, from the index; NULL */
    const char *const *listed;    /* borrowed, when there is no index */
    uint32_t files_len;           /* without the index */
    uint32_t next;                /* 0: the index (if there is one), then 1.. the files */
    uint32_t from_peer, from_server;
    char reason[FETCHER_REASON_MAX];
};

void upgrade_init(struct upgrade *u, struct sim_world *world, sim_node node,
                  struct fetcher *fetcher);
/* Forgets all, cancels what is under way; frees the parsed index. */
void upgrade_reset(struct upgrade *u);
/* Begins with `load` + ".loads". */
void upgrade_start_load(struct upgrade *u, sim_time now, const struct upgrade_config *config,
                        const char *load);
/* Begins with a list of files (system `bare`); the array and its strings are borrowed. */
void upgrade_start_files(struct upgrade *u, sim_time now, const struct upgrade_config *config,
                         const char *const *names, uint32_t len);
/* The fetcher reached an end: `result` is the notice's, for the bytes of a small file. */
void upgrade_fetch_done(struct upgrade *u, sim_time now, const struct sim_fetch_result *result);
/* An event of the peer machine. */
void upgrade_pfs_event(struct upgrade *u, sim_time now, const struct pfs_event *event);

#endif /* PHONES_UPGRADE_UPGRADE_H */
