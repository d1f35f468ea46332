// LINK: phones
/* tests/fuzz/fuzz_cnf.c -- the phone's configuration: whatever is read is bounded and a plain name.
 */
#include <assert.h>
#include <string.h>

#include "phones/provisioning/cnf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cnf cnf;
    if (cnf_parse(data, size, "CP-7961G", &cnf) == 0) {
        assert(memchr(cnf.load, '\0', sizeof(cnf.load)) != NULL);
        assert(strpbrk(cnf.load, "/\\ ") == NULL);
        assert(memchr(cnf.load_server, '\0', sizeof(cnf.load_server)) != NULL);
    }
    return 0;
}
