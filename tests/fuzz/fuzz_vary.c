// LINK: analysis
/* tests/fuzz/fuzz_vary.c -- --vary: whatever is read has at most 1,000 different values that read
 * back as what they say, and a refusal leaves nothing behind. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sweep/vary.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct analysis_vary v = {.path = NULL};
    char why[ANALYSIS_WHY_MAX] = "";
    char *text = malloc(size + 1);

    if (text == NULL) {
        return 0;
    }
    memcpy(text, data, size);
    text[size] = '\0';
    if (analysis_vary_parse(&v, text, why) == 0) {
        assert(v.len >= 1 && v.len <= ANALYSIS_VARY_VALUES_MAX && v.path[0] != '\0');
        for (size_t i = 0; i < v.len; i++) {
            assert(v.values[i][0] != '\0' && strlen(v.values[i]) <= ANALYSIS_VARY_LIST_MAX);
            assert(i == 0 || strcmp(v.labels[i], v.labels[i - 1]) != 0);
            assert(v.numbers == NULL || v.numbers[i] == v.numbers[i]);
        }
        analysis_vary_deinit(&v);
    } else {
        assert(v.path == NULL && why[0] != '\0');
    }
    free(text);
    return 0;
}
