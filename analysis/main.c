/* analysis/main.c -- pfsim: names the version, and hands over. */
#include <stdio.h>

#include "analysis/program.h"

int main(int argc, char **argv)
{
    const struct analysis_program program = {
        .version = PFSIM_VERSION,
        .out = stdout,
        .err = stderr,
    };
    return analysis_main(&program, argc, argv);
}
