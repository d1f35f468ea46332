/* scenarios/errors.c -- the list of what is wrong with a scenario, for people. */
#include <stdio.h>
#include <stdlib.h>

#include "scenarios/scenario.h"

void scenario_errors_print(const struct scenario_errors *errors, const char *path, void *stream)
{
    for (size_t i = 0; i < errors->len; i++) {
        const struct scenario_error *e = &errors->list[i];
        bool from_document = e->line != 0 && e->line != SCENARIO_ERROR_LAST;
        bool has_path = e->json_path != NULL && e->json_path[0] != '\0';

        fprintf(stream, "%s", from_document || !has_path ? path : "--set");
        if (from_document) {
            fprintf(stream, ":%u", e->line);
        }
        if (has_path) {
            fprintf(stream, ": %s", e->json_path);
        }
        fprintf(stream, ": found %s, expected %s", e->found, e->expected);
        if (e->nearest != NULL) {
            fprintf(stream, " (did you mean \"%s\"?)", e->nearest);
        }
        fprintf(stream, "\n");
    }
}

void scenario_errors_free(struct scenario_errors *errors)
{
    for (size_t i = 0; i < errors->len; i++) {
        free(errors->list[i].json_path);
        free(errors->list[i].found);
        free(errors->list[i].expected);
        free(errors->list[i].nearest);
    }
    free(errors->list);
    *errors = (struct scenario_errors){0};
}
