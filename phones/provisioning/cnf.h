/* phones/provisioning/cnf.h -- the CUCM phone's configuration: SEP<mac>.cnf.xml and
 * XMLDefault.cnf.xml.
 *
 * Read with expat, streaming and bounded (depth, lengths, no document type: so no entity games). Of
 * the many elements these are obeyed: loadInformation, vendorConfig/peerFirmwareSharing,
 * vendorConfig/loadServer; of XMLDefault: loadInformation<n> whose `model` is the phone's. The rest
 * is read past. */
#ifndef PHONES_PROVISIONING_CNF_H
#define PHONES_PROVISIONING_CNF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CNF_LOAD_MAX = 128,        /* bytes of a load's name with its NUL */
    CNF_LOAD_SERVER_MAX = 257, /* "string up to 256 chars" (88xx administration guide) and NUL */
    CNF_BYTES_MAX = 256 * 1024,
};

struct cnf {
    char load[CNF_LOAD_MAX]; /* "" when none is named */
    bool has_sharing;
    bool sharing;                          /* vendorConfig/peerFirmwareSharing */
    char load_server[CNF_LOAD_SERVER_MAX]; /* address without its "@@" options; "" when none */
};

/* `model`: for XMLDefault ("CP-7961G" matches model="CP-7961G" and, by its digits, "Cisco 7961").
 * 0, or SIM_EPROTO (not well-formed, a document type, too deep, a load name that is no plain name).
 * `*out` untouched on failure. */
int cnf_parse(const uint8_t *bytes, size_t len, const char *model, struct cnf *out);

/* Writes the configuration of one phone. Returns its length, 0 when `cap` is too small. */
size_t cnf_write(const struct cnf *cnf, const char *model, uint64_t mac, char *out, size_t cap);

struct cnf_default {
    const char *model, *load;
};
/* Writes XMLDefault.cnf.xml for some models. */
size_t cnf_write_default(const struct cnf_default *list, size_t list_len, char *out, size_t cap);

#endif /* PHONES_PROVISIONING_CNF_H */
