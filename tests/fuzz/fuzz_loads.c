// LINK: phones
/* tests/fuzz/fuzz_loads.c -- the .loads index: whatever is read is a plain file name. */
#include <assert.h>
#include <string.h>

#include "phones/provisioning/loads.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct loads loads;
    if (loads_parse(data, size, &loads) == 0) {
        assert(loads.len >= 1 && loads.len <= LOADS_FILES_MAX);
        for (size_t i = 0; i < loads.len; i++) {
            assert(memchr(loads.files[i].name, '\0', LOADS_NAME_MAX) != NULL);
            assert(strpbrk(loads.files[i].name, "/\\:") == NULL);
            assert(strstr(loads.files[i].name, "..") == NULL);
        }
    }
    return 0;
}
