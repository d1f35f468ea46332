/* tests/world/draw.h -- a small random scenario out of a seed, as the JSON text that a user would
 * write: what a seed draws never depends on the machine, and `pfsim run` takes the text as it is.
 */
#ifndef TESTS_WORLD_DRAW_H
#define TESTS_WORLD_DRAW_H

#include <stddef.h>
#include <stdint.h>

enum { DRAW_TEXT_MAX = 16 * 1024 };

/* Returns the text's length. */
size_t draw_scenario(uint64_t seed, char out[DRAW_TEXT_MAX]);

#endif /* TESTS_WORLD_DRAW_H */
