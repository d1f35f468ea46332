/* scenarios/schema.c -- schema.json inside the program, as it was at build time. */
#include "scenarios/scenario.h"
#include "schema_json.h"

const char *scenario_schema_text(void)
{
    return (const char *)scenario_schema_bytes;
}
