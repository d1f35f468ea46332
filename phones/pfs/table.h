/* phones/pfs/table.h -- the root's table of one hierarchy instance: who sits where, and who feeds
 * whom. Pure.
 *
 * The table is the authority within one XID: every connection between a parent and a child that
 * still waits was assigned here, with the parent's epoch of that moment, and a phone asks for a
 * place only while it has no parent. So the real tree is always part of this forest, which has no
 * cycle. Place 0 is the root. A place is kept by its address for as long as the table lives or
 * somebody still sits below it. Without faults the forest is one complete tree: place i is fed by
 * place (i - 1) / fanout. */
#ifndef PHONES_PFS_TABLE_H
#define PHONES_PFS_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/addr.h"
#include "sim/time.h"

enum {
    PFS_TABLE_MAX = 65536, /* places; our choice: a /16 of phones of one model */
};

struct pfs_table;

struct pfs_table_place {
    uint32_t place;
    uint32_t epoch;
    sim_addr parent;
    uint32_t parent_epoch;
    uint32_t depth;     /* below the root */
    bool keep_children; /* its subtree is known and stays below it */
};

struct pfs_table_request {
    sim_addr addr;
    bool has_children; /* it says that it feeds somebody */
    const sim_addr *avoid;
    uint32_t avoid_len;
    uint32_t root_free; /* slots that the root has now */
};

struct pfs_table *pfs_table_new(sim_addr root, uint32_t fanout); /* NULL when out of memory */
void pfs_table_free(struct pfs_table *t);                        /* NULL is fine */

/* The shallowest free slot outside of the joiner's own subtree; those who hold the file and the
 * root count as depth 0. 0 and `*out`; SIM_EFULL when there is none, SIM_ELIMIT, SIM_ENOMEM. A
 * joiner that sat somewhere is moved. */
int pfs_table_assign(struct pfs_table *t, sim_time now, const struct pfs_table_request *request,
                     struct pfs_table_place *out);
/* `parent` says that it lost the child at `addr` of assignment `epoch`; older news are ignored. */
void pfs_table_lost(struct pfs_table *t, sim_addr parent, sim_addr addr, uint32_t epoch);
/* `addr` holds the file: its parent has a slot again, and it is a parent like the root. */
void pfs_table_holds(struct pfs_table *t, sim_addr addr);
/* `addr` serves no more, or could not be reached. */
void pfs_table_leave(struct pfs_table *t, sim_addr addr);
/* Nobody is sent to `addr` before `until`: it said that it is full. */
void pfs_table_rest(struct pfs_table *t, sim_addr addr, sim_time until);
/* Somebody who holds the file, the one that got it first; 0 when nobody does. */
sim_addr pfs_table_successor(const struct pfs_table *t);
uint32_t pfs_table_count(const struct pfs_table *t); /* phones known, the root among them */

#endif /* PHONES_PFS_TABLE_H */
