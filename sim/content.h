/* sim/content.h -- what a provisioning server has: named files, real, in memory or synthetic.
 *
 * One catalog describes the content of a scenario. The embedded server serves it, `pfsim content`
 * writes it to disk, the virtual world reads sizes and bytes from it, and the phones learn from it
 * which digest a firmware file must have. Building a catalog allocates; reading does not, and is
 * safe from several threads (and from a forked child) once building has ended. */
#ifndef SIM_CONTENT_H
#define SIM_CONTENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/digest.h"

enum {
    SIM_CONTENT_NAME_MAX = 256,           /* bytes of a name with its NUL; '/' separates folders */
    SIM_CONTENT_RESOLVED_MAX = 64 * 1024, /* bytes of a file that the resolver makes up */
};

enum sim_content_kind {
    SIM_CONTENT_MEMORY,    /* bytes held by the catalog */
    SIM_CONTENT_FILE,      /* a regular file on disk, opened when the catalog is built */
    SIM_CONTENT_SYNTHETIC, /* bytes made from (name, size, seed): see sim_content_synthetic() */
};

struct sim_content {
    const char *name; /* as asked for by clients, no leading '/' */
    enum sim_content_kind kind;
    bool is_firmware;     /* counts as payload; else as configuration */
    uint64_t size;        /* bytes */
    uint64_t key;         /* SYNTHETIC: what its bytes are made from */
    const uint8_t *bytes; /* MEMORY; for FILE the mapping; NULL for SYNTHETIC */
};

struct sim_catalog;

struct sim_catalog *sim_catalog_new(void); /* NULL when out of memory */
void sim_catalog_free(struct sim_catalog *c);

/* Each adds one file and returns 0, or SIM_EEXIST (a file of that name is there already),
 * SIM_EINVAL (an empty, absolute, too long or '..' name), SIM_ENOMEM. Bytes and names are copied.
 */
int sim_catalog_add_memory(struct sim_catalog *c, const char *name, bool is_firmware,
                           const void *bytes, size_t len);
int sim_catalog_add_synthetic(struct sim_catalog *c, const char *name, bool is_firmware,
                              uint64_t size, uint64_t seed);
/* Maps the regular file at `path` (a link is followed; anything else than a regular file is
 * SIM_EINVAL). It must not be shortened while the catalog lives: whoever reads the lost pages gets
 * SIGBUS. Also SIM_EIO, SIM_EACCES, SIM_ENOTFOUND. */
int sim_catalog_add_file(struct sim_catalog *c, const char *name, bool is_firmware,
                         const char *path);
/* Every regular file of a folder, not its sub-folders, under `prefix` + its file name, in the order
 * of their names' bytes. With `is_firmware` all of them are, but what provisioning keeps beside it:
 * *.xml, *.tlv and *.cnf*. A name that is there already is passed over when its bytes are the same;
 * else the answer is SIM_EEXIST, once all others are in, and sim_catalog_clash() has the first such
 * name. SIM_ELIMIT over 100,000 names (our choice: a wrong folder). After another error some of
 * them may be there already. */
int sim_catalog_add_directory(struct sim_catalog *c, const char *prefix, bool is_firmware,
                              const char *path);

/* By its name: phones' settings and trust lists, no load's component whatever folder it is in. */
bool sim_content_is_configuration(const char *name);
/* The first name that a folder brought with other bytes; "" when none did. */
const char *sim_catalog_clash(const struct sim_catalog *c);
/* Have both the same bytes? Reads them. */
bool sim_content_equal(const struct sim_content *a, const struct sim_content *b);

/* For small files that are made when asked for (one SEP<mac>.cnf.xml per phone): called by
 * sim_catalog_resolve() for names that the catalog does not hold. Writes at most
 * SIM_CONTENT_RESOLVED_MAX bytes, returns 0 and their number in `*len`, or SIM_ENOTFOUND. Must be a
 * pure function of `name`. */
typedef int (*sim_content_resolver)(void *context, const char *name, uint8_t *bytes, size_t *len);
void sim_catalog_set_resolver(struct sim_catalog *c, sim_content_resolver resolve, void *context);
/* The context given there; NULL without a resolver. */
void *sim_catalog_resolver_context(const struct sim_catalog *c);

/* NULL when there is none. Borrowed; lives as long as the catalog. */
const struct sim_content *sim_catalog_find(const struct sim_catalog *c, const char *name);
/* What the resolver makes of `name`; SIM_ENOTFOUND without a resolver. `bytes` has
 * SIM_CONTENT_RESOLVED_MAX bytes of room. */
int sim_catalog_resolve(const struct sim_catalog *c, const char *name, uint8_t *bytes, size_t *len);
size_t sim_catalog_count(const struct sim_catalog *c);
const struct sim_content *sim_catalog_at(const struct sim_catalog *c, size_t index);

/* Copies bytes [offset, offset+len) of a file; returns how many there were (less at its end). */
size_t sim_content_read(const struct sim_content *content, uint64_t offset, void *bytes,
                        size_t len);
/* The digest of the whole file, computed at the first call (under a lock) and kept. */
int sim_catalog_digest(struct sim_catalog *c, const struct sim_content *content,
                       struct sim_digest *out);

/* The synthetic bytes: the same for the same key at any offset. */
void sim_content_synthetic(uint64_t key, uint64_t offset, void *bytes, size_t len);
uint64_t sim_content_key(const char *name, uint64_t size, uint64_t seed);

#endif /* SIM_CONTENT_H */
