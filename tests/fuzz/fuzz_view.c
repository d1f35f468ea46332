/* tests/fuzz/fuzz_view.c -- any bytes as a result and the CSV files beside it. Whatever they are,
 * reading ends, a refusal says why, and a view that is made keeps its promises: lists of equal
 * lengths, parents that are in the list and no rings.
 *
 * Input: parts, each behind a line "@NAME" (result.json, phones.csv ...); what stands before the
 * first of them is result.json. A part "@good" is a result without mistakes. */
// LINK: analysis
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/report/view.h"
#include "tests/unit/analysis/small_result.h"

static const char *const names[] = {"result.json", "scenario.json", "sites.csv",  "phones.csv",
                                    "phases.csv",  "transfers.csv", "series.csv", "lag.csv"};
enum { NAMES = sizeof(names) / sizeof(names[0]) };

static void check(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "broken: %s\n", what);
        abort();
    }
}

/* Memory, where the machine has a folder in it. */
static const char *folder(void)
{
    static char path[64];

    if (path[0] == '\0') {
        snprintf(path, sizeof(path), "%s/pfsim-fuzz-view.XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        check(mkdtemp(path) != NULL, "a folder");
    }
    return path;
}

static void path_of(const char *name, char out[128])
{
    snprintf(out, 128, "%s/%s", folder(), name);
}

static void clear(void)
{
    char path[128];

    for (size_t i = 0; i < NAMES; i++) {
        path_of(names[i], path);
        unlink(path);
    }
}

static void remove_folder(void)
{
    clear();
    rmdir(folder());
}

static void put(const char *name, const uint8_t *bytes, size_t len)
{
    char path[128];

    path_of(name, path);
    FILE *f = fopen(path, "wb");
    check(f != NULL, "a file");
    fwrite(bytes, 1, len, f);
    fclose(f);
}

/* The name behind the '@' at `at`, "good" for a good result; NULL: none of ours. */
static const char *part_name(const uint8_t *at, size_t len)
{
    for (size_t i = 0; i < NAMES; i++) {
        size_t n = strlen(names[i]);
        if (len > n && memcmp(at, names[i], n) == 0 && at[n] == '\n') {
            return names[i];
        }
    }
    return len > 4 && memcmp(at, "good\n", 5) == 0 ? "good" : NULL;
}

static void put_part(const char *name, const uint8_t *bytes, size_t len)
{
    static const char good[] = SMALL_RESULT("pfs");

    if (strcmp(name, "good") == 0) {
        put("result.json", (const uint8_t *)good, sizeof(good) - 1);
    } else {
        put(name, bytes, len);
    }
}

static void write_parts(const uint8_t *data, size_t size)
{
    const char *name = "result.json";
    size_t begin = 0;

    for (size_t at = 0; at < size; at++) {
        if (data[at] != '@' || (at > 0 && data[at - 1] != '\n')) {
            continue;
        }
        const char *next = part_name(data + at + 1, size - at - 1);
        if (next != NULL) {
            put_part(name, data + begin, at - begin);
            name = next;
            begin = at + strlen(next) + 2;
            at = begin - 1;
        }
    }
    put_part(name, data + begin, size - begin);
}

static const cJSON *member(const cJSON *o, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(o, key);
}

static void check_lengths(const cJSON *o, const char *const *keys)
{
    int len = cJSON_GetArraySize(member(o, keys[0]));

    for (size_t i = 0; keys[i] != NULL; i++) {
        check(cJSON_IsArray(member(o, keys[i])) && cJSON_GetArraySize(member(o, keys[i])) == len,
              keys[i]);
    }
}

static void check_tree(const cJSON *tree)
{
    static const char *const keys[] = {"phone", "parent", "done", "outcome", NULL};
    int len = cJSON_GetArraySize(member(tree, "phone")), up[4096], at = 0;
    const cJSON *parent;

    check_lengths(tree, keys);
    cJSON_ArrayForEach(parent, member(tree, "parent"))
    {
        check(parent->valueint >= -2 && parent->valueint < len, "a parent is in the list");
        up[at++ % 4096] = parent->valueint;
    }
    for (int i = 0; i < len && len <= 4096; i++) {
        int steps = 0;
        for (int k = i; k >= 0 && steps <= len; k = up[k]) {
            steps++;
        }
        check(steps <= len, "no ring");
    }
}

static void check_run(const cJSON *run)
{
    static const char *const curve[] = {"t", "done", NULL};
    static const char *const wan[] = {"t", "down", "up", "lan", NULL};
    static const char *const bars[] = {"phone", "phase", "from", "to", "file", NULL};
    const cJSON *tree, *list;

    check_lengths(member(run, "completion"), curve);
    check(cJSON_GetArraySize(member(member(run, "completion"), "t")) <= ANALYSIS_VIEW_POINTS,
          "points");
    check_lengths(member(run, "wan"), wan);
    check_lengths(member(member(run, "gantt"), "bars"), bars);
    int times = cJSON_GetArraySize(member(member(run, "states"), "t"));
    cJSON_ArrayForEach(list, member(member(run, "states"), "counts"))
    {
        check(cJSON_GetArraySize(list) == times, "states");
    }
    cJSON_ArrayForEach(tree, member(member(run, "trees"), "list"))
    {
        check_tree(tree);
    }
    check(cJSON_IsString(member(member(run, "verdict"), "sentence")), "a verdict");
    check(cJSON_IsArray(member(run, "missing")), "what is missing");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int registered = 0;
    char why[ANALYSIS_WHY_MAX] = "";
    cJSON *view = NULL;
    const cJSON *run;

    if (!registered) {
        registered = 1;
        atexit(remove_folder);
    }
    clear();
    write_parts(data, size);
    int rc = analysis_view_read(&view, folder(), why);
    check((rc == 0) == (view != NULL), "refused means no view");
    check(rc == 0 || why[0] != '\0', "a refusal says why");
    cJSON_ArrayForEach(run, member(view, "runs"))
    {
        check_run(run);
    }
    cJSON_Delete(view);
    return 0;
}
