/* tests/unit/scenarios/verdict.c -- the loader's verdict on scenario files: "good FILE" or "bad
 * FILE", a line each.
 *
 * Usage: verdict FILE...; with -v the errors go to standard error. For schema_test.mjs, which
 * compares it with what JSON Schema says. */
#include <stdio.h>
#include <string.h>

#include "scenarios/scenario.h"

int main(int argc, char **argv)
{
    bool verbose = argc > 1 && strcmp(argv[1], "-v") == 0;

    for (int i = verbose ? 2 : 1; i < argc; i++) {
        struct scenario *s = NULL;
        struct scenario_errors errors;
        int rc = scenario_load(argv[i], NULL, 0, &s, &errors);
        printf("%s %s\n", rc == 0 ? "good" : "bad", argv[i]);
        if (verbose) {
            scenario_errors_print(&errors, argv[i], stderr);
        }
        scenario_errors_free(&errors);
        if (rc == 0) {
            scenario_free(s);
        }
    }
    return 0;
}
