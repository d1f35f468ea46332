// LINK: phones
/* Any bytes as a peer message: refused, or read into something that writes back to the same bytes.
 */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "phones/pfs/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pfs_wire m;
    uint8_t again[PFS_WIRE_MAX];

    int total = pfs_wire_length(data, size);
    assert(total <= PFS_WIRE_MAX);
    if (total > 0 && (size_t)total <= size && pfs_wire_decode(data, (size_t)total, &m) == 0) {
        assert(pfs_wire_is_stream(m.type));
    }
    if (pfs_wire_decode(data, size, &m) == 0) {
        size_t len = pfs_wire_encode(&m, again);
        assert(len == size);
        if (m.has_digest || memcmp(again, data, len) != 0) {
            struct pfs_wire back; /* the bytes of an absent digest are not kept */
            assert(pfs_wire_decode(again, len, &back) == 0 && back.type == m.type);
        }
    }
    return 0;
}
