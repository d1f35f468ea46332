/* analysis/merge_compare.c -- see merge_compare.h. */
#include "analysis/merge_compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/document.h"
#include "analysis/report/report.h"
#include "analysis/result.h"
#include "analysis/shard.h"
#include "sim/err.h"

enum { METHODS_MAX = SCENARIO_LOAD_SERVER + 1 };

struct methods {
    enum scenario_method list[METHODS_MAX];
    size_t len;
};

/* One method's merge, and what it borrows. */
struct one {
    struct analysis_merge config;
    struct analysis_merging *merging;
    char **shares; /* "SHARE/METHOD" */
    char *out;     /* "OUT/METHOD"; NULL */
};

bool analysis_merge_is_comparison(const char *share)
{
    char *dir = analysis_merge_folder(share);
    bool is = dir != NULL && analysis_merge_has(dir, "compare.json") &&
              !analysis_merge_has(dir, ANALYSIS_SHARD_FILE);

    free(dir);
    return is;
}

/* ---- Which methods ---- */

static int read_methods(struct methods *out, const char *share, char why[ANALYSIS_WHY_MAX])
{
    char path[ANALYSIS_PATH_MAX];
    cJSON *document = NULL;
    const cJSON *run;
    char *dir = analysis_merge_folder(share);
    int n = dir != NULL ? snprintf(path, sizeof(path), "%s/compare.json", dir) : -1;

    free(dir);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        snprintf(why, ANALYSIS_WHY_MAX, "%.300s is too long a name", share);
        return SIM_EINVAL;
    }
    if (!analysis_merge_is_comparison(share)) {
        snprintf(why, ANALYSIS_WHY_MAX,
                 "%.300s has no compare.json: expected the folder of a comparison with --shard and "
                 "--out, as the first one is",
                 share);
        return SIM_EINVAL;
    }
    int rc = analysis_document_read(&document, path, why);
    if (rc != 0) {
        return rc;
    }
    out->len = 0;
    cJSON_ArrayForEach(run, cJSON_GetObjectItemCaseSensitive(document, "runs"))
    {
        const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(run, "method"));
        enum scenario_method method;
        bool good =
            out->len < METHODS_MAX && name != NULL && analysis_program_method(name, &method, why);
        for (size_t i = 0; i < out->len && good; i++) {
            good = out->list[i] != method;
        }
        if (!good) {
            snprintf(why, ANALYSIS_WHY_MAX, "%.300s: expected runs of one method each", path);
            rc = SIM_EINVAL;
            break;
        }
        out->list[out->len++] = method;
    }
    cJSON_Delete(document);
    return rc;
}

static void name_methods(const struct methods *m, char out[64])
{
    size_t len = 0;

    out[0] = '\0';
    for (size_t i = 0; i < m->len; i++) {
        len += (size_t)snprintf(out + len, 64 - len, "%s%s", i > 0 ? "," : "",
                                scenario_method_name(m->list[i]));
    }
}

static int find_methods(struct methods *out, const struct analysis_merge *config,
                        char why[ANALYSIS_WHY_MAX])
{
    struct methods other;
    char a[64], b[64];
    int rc = read_methods(out, config->shares[0], why);

    for (size_t i = 1; i < config->shares_len && rc == 0; i++) {
        rc = read_methods(&other, config->shares[i], why);
        if (rc == 0 && (other.len != out->len ||
                        memcmp(other.list, out->list, out->len * sizeof(out->list[0])) != 0)) {
            name_methods(out, a);
            name_methods(&other, b);
            snprintf(why, ANALYSIS_WHY_MAX,
                     "%.150s compares %s and %.150s compares %s: run the shares with the same "
                     "--methods, to their end",
                     config->shares[0], a, config->shares[i], b);
            rc = SIM_EINVAL;
        }
    }
    return rc;
}

/* ---- Merging ---- */

static char *join(const char *dir, const char *name)
{
    size_t size = strlen(dir) + strlen(name) + 2;
    char *path = malloc(size);

    if (path != NULL) {
        snprintf(path, size, "%s/%s", dir, name);
    }
    return path;
}

static void release(struct one *one)
{
    analysis_merge_free(one->merging);
    for (size_t i = 0; one->shares != NULL && i < one->config.shares_len; i++) {
        free(one->shares[i]);
    }
    free(one->shares);
    free(one->out);
}

static int prepare(struct one *one, const struct analysis_merge *config, const char *method)
{
    bool good = true;

    one->config = *config;
    one->shares = calloc(config->shares_len, sizeof(*one->shares));
    for (size_t i = 0; one->shares != NULL && i < config->shares_len && good; i++) {
        char *dir = analysis_merge_folder(config->shares[i]);
        one->shares[i] = dir != NULL ? join(dir, method) : NULL;
        good = one->shares[i] != NULL;
        free(dir);
    }
    one->out = config->out != NULL ? join(config->out, method) : NULL;
    if (one->shares == NULL || !good || (config->out != NULL && one->out == NULL)) {
        return analysis_program_fail(config->program, "merge", ANALYSIS_REFUSED, "%s",
                                     sim_err_text(SIM_ENOMEM));
    }
    one->config.shares = (const char *const *)one->shares;
    one->config.out = one->out;
    return analysis_merge_begin(&one->merging, &one->config);
}

static int end_all(struct one *ones, size_t len, const struct analysis_merge *config,
                   cJSON **document)
{
    cJSON *documents[METHODS_MAX];
    size_t documents_len = 0;
    char why[ANALYSIS_WHY_MAX];
    int status = ANALYSIS_OK;

    /* The report of an earlier comparison is none of the files that come now. */
    if (config->out != NULL && analysis_report_remove(config->out, why) != 0) {
        return analysis_program_fail(config->program, "merge", ANALYSIS_REFUSED, "%s", why);
    }
    for (size_t i = 0; i < len && status != ANALYSIS_REFUSED; i++) {
        status = analysis_program_worse(
            status, analysis_merge_end(ones[i].merging, &documents[documents_len]));
        ones[i].merging = NULL;
        documents_len += documents[documents_len] != NULL ? 1 : 0;
    }
    *document = documents_len > 0 ? analysis_result_compare(documents, documents_len) : NULL;
    return *document != NULL || status == ANALYSIS_REFUSED
               ? status
               : analysis_program_fail(config->program, "merge", ANALYSIS_REFUSED, "%s",
                                       sim_err_text(SIM_ENOMEM));
}

int analysis_merge_comparison(const struct analysis_merge *config, cJSON **document)
{
    struct one ones[METHODS_MAX];
    struct methods methods;
    char why[ANALYSIS_WHY_MAX];
    bool made_folder = config->out != NULL && !analysis_merge_has(config->out, ".");
    size_t len = 0;

    *document = NULL;
    memset(ones, 0, sizeof(ones));
    int rc = find_methods(&methods, config, why);
    if (rc != 0) {
        return analysis_program_fail(
            config->program, "merge",
            rc == SIM_EINVAL || rc == SIM_ENOTFOUND ? ANALYSIS_USAGE : ANALYSIS_REFUSED, "%s", why);
    }
    int status = ANALYSIS_OK;
    while (len < methods.len && status == ANALYSIS_OK) {
        status = prepare(&ones[len], config, scenario_method_name(methods.list[len]));
        len++;
    }
    bool good = status == ANALYSIS_OK;
    if (good) {
        status = end_all(ones, len, config, document);
    }
    for (size_t i = 0; i < len; i++) {
        release(&ones[i]);
    }
    if (!good && made_folder) {
        (void)rmdir(config->out); /* empty */
    }
    return status;
}
