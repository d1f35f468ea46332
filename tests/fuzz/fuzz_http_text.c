// LINK: sim_live
/* tests/fuzz/fuzz_http_text.c -- what a server may put into Content-Range and Location: whatever is
 * read is bounded and means one thing. The first byte chooses the reader. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sim/live/http_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_range(const char *text)
{
    struct http_range range;

    if (!http_range_read(text, &range)) {
        return;
    }
    if (range.from == UINT64_MAX) { /* "bytes * /1000" without the space */
        assert(range.to == UINT64_MAX && range.total != UINT64_MAX);
    } else {
        assert(range.from <= range.to && range.to != UINT64_MAX);
        assert(range.total == UINT64_MAX || range.to < range.total);
    }
}

static void read_url(const char *text)
{
    struct http_place place, again;
    char shown[HTTP_TEXT_MAX];

    http_url_text(text, shown);
    assert(memchr(shown, '\0', sizeof(shown)) != NULL);
    for (const char *c = shown; *c != '\0'; c++) {
        assert((unsigned char)*c >= 0x20 && (unsigned char)*c < 0x7f);
    }
    if (http_place_read(text, &place) == 0) {
        assert(memchr(place.host, '\0', sizeof(place.host)) != NULL && place.host[0] != '\0');
        assert(place.port != 0);
        assert(http_place_read(text, &again) == 0 && again.port == place.port);
        assert(strcmp(again.host, place.host) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text;

    if (size == 0) {
        return 0;
    }
    text = malloc(size);
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] == 'r') {
        read_range(text);
    } else {
        read_url(text);
    }
    free(text);
    return 0;
}
