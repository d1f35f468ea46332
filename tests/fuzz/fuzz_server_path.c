// LINK: sim_server
/* tests/fuzz/fuzz_server_path.c -- names, request targets and ranges as they come from the network.
 *
 * What passes must be harmless by a rule of its own, written again here in another way: no part of
 * it is
 * "", "." or "..", nothing but plain bytes, and joined to a folder it stays below it. */
#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sim/server/name.h"
#include "sim/server/range.h"

/* Walks a name as a file system would; false when it ever stands above where it began, or stands
 * still. */
static bool stays_below(const char *name)
{
    int depth = 0;
    char copy[SIM_CONTENT_NAME_MAX];
    char *rest = copy, *part;
    memcpy(copy, name, strlen(name) + 1);
    while ((part = strsep(&rest, "/")) != NULL) {
        if (strcmp(part, "..") == 0) {
            depth--;
        } else if (part[0] == '\0' || strcmp(part, ".") == 0) {
            return false;
        } else {
            depth++;
        }
        if (depth < 1) {
            return false;
        }
    }
    return true;
}

static void expect_harmless(const char *name)
{
    size_t len = strlen(name);
    assert(len > 0 && len < SIM_CONTENT_NAME_MAX);
    assert(stays_below(name));
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];
        assert(c >= 0x20 && c != 0x7f && c != '\\');
    }
    assert(len < 2 || name[1] != ':' || !((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z'));
}

static void try_range(const char *header, uint64_t size)
{
    uint64_t offset = 0, len = 0;
    if (sim_server_range_parse(header, size, &offset, &len) == SIM_SERVER_RANGE_PART) {
        assert(len > 0 && offset < size && len <= size - offset);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t sizes[] = {0, 1, 10, 652, UINT64_C(1) << 40, UINT64_MAX};
    char name[SIM_CONTENT_NAME_MAX];
    char *text = malloc(size + 1);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';

    enum sim_server_name_verdict verdict = sim_server_name_check(text, size);
    if (verdict == SIM_SERVER_NAME_OK) {
        assert(strlen(text) == size); /* no NUL inside */
        expect_harmless(text);
    }
    assert(sim_server_name_text(verdict)[0] != '\0');
    if (sim_server_name_of_target(text, size, name) == SIM_SERVER_NAME_OK) {
        expect_harmless(name);
        assert(sim_server_name_check(name, strlen(name)) == SIM_SERVER_NAME_OK);
    } else {
        assert(name[0] == '\0');
    }
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        try_range(text, sizes[i]);
    }
    free(text);
    return 0;
}
