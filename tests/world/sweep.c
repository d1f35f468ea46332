/* tests/world/sweep.c -- random scenarios with faults in the virtual world, held to the laws.
 *
 *   sweep [SEEDS [FIRST]]   every scenario of tests/world/red, then a world a seed; every tenth
 *                           seed runs twice and must leave the same trace
 *   sweep --print SEED      the seed's scenario, which `pfsim run FILE` takes
 *   sweep --file FILE...    these scenarios, twice each
 *
 * A red seed prints the command that shows it again. When it was a bug, its scenario goes to
 * tests/world/red under a name that says what was wrong. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/world/draw.h"
#include "tests/world/laws.h"

enum { SWEEP_FILE_MAX = 256 * 1024 };

struct verdict {
    char text[LAWS_TEXT_MAX]; /* "": all laws hold */
    uint64_t hash, events;
};

/* One run of a loaded scenario. */
static void run(const struct scenario *s, struct verdict *out)
{
    struct scenario_run *run = NULL;
    struct sim_live_usage usage;
    char why[SCENARIO_WHY_MAX] = "";
    struct scenario_run_options options = {
        .world = SCENARIO_VIRTUAL, .method = s->method, .seed = s->seed};
    struct laws *laws = laws_new(s, s->method);

    *out = (struct verdict){.text = ""};
    if (laws == NULL) {
        snprintf(out->text, sizeof(out->text), "out of memory");
        return;
    }
    laws_watch(laws, &options);
    int rc = scenario_run_new(&run, s, &options, why);
    if (rc != 0) {
        snprintf(out->text, sizeof(out->text), "it does not begin: %.300s", why);
        laws_free(laws);
        return;
    }
    laws_attach(laws, run);
    const char *broken = laws_judge(laws, scenario_run_go(run, why));
    snprintf(out->text, sizeof(out->text), "%s", broken == NULL ? "" : broken);
    scenario_run_hash(run, &out->hash);
    scenario_run_usage(run, &usage);
    out->events = usage.events;
    scenario_run_free(run);
    laws_free(laws);
}

/* A scenario's text, once or twice. */
static void try_text(const char *path, const char *text, size_t len, bool twice,
                     struct verdict *out)
{
    struct scenario *s = NULL;
    struct scenario_errors errors = {0};
    struct verdict again;

    *out = (struct verdict){.text = ""};
    if (scenario_load_text(path, text, len, NULL, 0, &s, &errors) != 0) {
        scenario_errors_print(&errors, path, stdout);
        snprintf(out->text, sizeof(out->text), "the scenario is not valid");
    } else {
        run(s, out);
        if (twice && out->text[0] == '\0') {
            run(s, &again);
            if (again.hash != out->hash || again.events != out->events) {
                snprintf(out->text, sizeof(out->text), "two runs left different traces");
            }
        }
    }
    scenario_errors_free(&errors);
    scenario_free(s);
}

static bool is_red_file(const char *path)
{
    static char text[SWEEP_FILE_MAX];
    struct verdict verdict = {.text = "it can't be read"};
    FILE *file = fopen(path, "rb");

    if (file != NULL) {
        size_t len = fread(text, 1, sizeof(text), file);
        fclose(file);
        try_text(path, text, len, true, &verdict);
    }
    if (verdict.text[0] != '\0') {
        printf("%s: %s\n", path, verdict.text);
        return true;
    }
    return false;
}

static int is_scenario(const struct dirent *entry)
{
    const char *end = strrchr(entry->d_name, '.');
    return end != NULL && strcmp(end, ".json") == 0;
}

/* Those that were red once, by name; returns how many are again. */
static unsigned try_red_ones(const char *folder)
{
    struct dirent **entries = NULL;
    unsigned red = 0;
    int len = scandir(folder, &entries, is_scenario, alphasort);

    if (len < 0) {
        printf("%s can't be read\n", folder);
        return 1;
    }
    for (int i = 0; i < len; i++) {
        char path[1024];
        int used = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        red += used < 0 || (size_t)used >= sizeof(path) || is_red_file(path);
        free(entries[i]);
    }
    free(entries);
    printf("%d scenarios that were red once, %u are again\n", len, red);
    return red;
}

static unsigned try_seeds(uint64_t seeds, uint64_t first)
{
    static char text[DRAW_TEXT_MAX];
    struct verdict verdict;
    uint64_t events = 0;
    unsigned red = 0;

    for (uint64_t seed = first; seed - first < seeds; seed++) {
        size_t len = draw_scenario(seed, text);
        try_text("drawn.json", text, len, seed % 10 == 0, &verdict);
        events += verdict.events;
        if (verdict.text[0] != '\0') {
            printf("seed %llu: %s\n    again: sweep 1 %llu; its scenario: sweep --print %llu\n",
                   (unsigned long long)seed, verdict.text, (unsigned long long)seed,
                   (unsigned long long)seed);
            fflush(stdout);
            red++;
        }
    }
    printf("%llu worlds from seed %llu, %llu events, %u red\n", (unsigned long long)seeds,
           (unsigned long long)first, (unsigned long long)events, red);
    return red;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--print") == 0) {
        static char text[DRAW_TEXT_MAX];
        draw_scenario(strtoull(argv[2], NULL, 10), text);
        fputs(text, stdout);
        return 0;
    }
    unsigned red = 0;
    if (argc > 2 && strcmp(argv[1], "--file") == 0) {
        for (int i = 2; i < argc; i++) {
            red += is_red_file(argv[i]);
        }
        return red == 0 ? 0 : 1;
    }
    uint64_t seeds = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
    uint64_t first = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    if (argc < 3) {
        red += try_red_ones(PFSIM_SOURCE_DIR "/tests/world/red");
    }
    red += try_seeds(seeds, first);
    return red == 0 ? 0 : 1;
}
