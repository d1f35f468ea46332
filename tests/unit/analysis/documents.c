/* tests/unit/analysis/documents.c -- the program over a scripted run: prints documents for
 * schema_test.mjs.
 *
 * FAKE_FAIL_EVERY, FAKE_INVALID and FAKE_UNFINISHED in the environment say what goes wrong. */
#include "analysis/program.h"
#include "tests/unit/analysis/fake_run.h"

int main(int argc, char **argv)
{
    const struct analysis_program program = {.version = "0.0.0", .out = stdout, .err = stderr};
    const char *every = getenv("FAKE_FAIL_EVERY");

    fake.fail_every = every == NULL ? 0 : (uint32_t)atoi(every);
    fake.invalid = getenv("FAKE_INVALID") != NULL;
    fake.leave_unfinished = getenv("FAKE_UNFINISHED") != NULL;
    return analysis_main(&program, argc, argv);
}
