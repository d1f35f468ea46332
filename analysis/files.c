/* analysis/files.c -- see files.h. */
#include "analysis/files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/result.h"
#include "sim/err.h"

const char *const analysis_files_mergeable[] = {"series.csv", "phases.csv", NULL};

typedef void (*table_writer)(const struct analysis_figures *f, struct analysis_output *to);

static int write_table(const char *dir, const char *name, const struct analysis_figures *f,
                       table_writer write, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_output *o = NULL;
    int rc = analysis_output_open(&o, dir, name, why);

    if (rc == 0) {
        write(f, o);
        rc = analysis_output_commit(o, why);
    }
    return rc;
}

int analysis_files_tables(const char *dir, const struct analysis_figures *f,
                          char why[ANALYSIS_WHY_MAX])
{
    char other[ANALYSIS_WHY_MAX];
    int sites = write_table(dir, "sites.csv", f, analysis_result_sites_csv, why);
    int phones =
        write_table(dir, "phones.csv", f, analysis_result_phones_csv, sites == 0 ? why : other);

    return sites != 0 ? sites : phones;
}

int analysis_files_clear(const char *dir, char why[ANALYSIS_WHY_MAX])
{
    static const char *const names[] = {"phones.csv", "sites.csv",  "transfers.csv",
                                        "series.csv", "phases.csv", "lag.csv"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int rc = analysis_output_remove(dir, names[i], why);
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

int analysis_files_transfers(const char *dir, struct analysis_transfers *transfers,
                             const struct analysis_transfers_reader *also,
                             char why[ANALYSIS_WHY_MAX])
{
    struct analysis_output *o = NULL;
    int rc = analysis_output_open(&o, dir, "transfers.csv", why);

    if (rc != 0) {
        return rc;
    }
    if ((rc = analysis_transfers_write(transfers, o, also, why)) != 0) {
        analysis_output_discard(o);
        return rc;
    }
    return analysis_output_commit(o, why);
}

static int write_json(const char *dir, const char *name, const cJSON *json,
                      char why[ANALYSIS_WHY_MAX])
{
    char *text = json != NULL ? analysis_result_text(json) : NULL;

    if (text == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    int rc = analysis_output_text(dir, name, text, why);
    free(text);
    return rc;
}

/* Of a flag or of a comparison: what the run had instead of the scenario's own. */
static bool put_own(cJSON *scenario, const cJSON *document, const char *name)
{
    cJSON *own = cJSON_Duplicate(cJSON_GetObjectItemCaseSensitive(document, name), true);

    cJSON_DeleteItemFromObjectCaseSensitive(scenario, name);
    if (own == NULL || !cJSON_AddItemToObject(scenario, name, own)) {
        cJSON_Delete(own);
        return false;
    }
    return true;
}

/* NULL: no memory. */
static cJSON *as_it_ran(const char *dir, const struct scenario *s, const cJSON *document)
{
    char *text = scenario_text_beside(s->text, s->path, dir);
    cJSON *scenario = cJSON_Parse(text);
    const char *method = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(document, "method"));

    free(text);
    bool same_method = method != NULL && strcmp(method, scenario_method_name(s->method)) == 0;
    bool same_seed = analysis_result_seed(document) == s->seed;
    if (scenario == NULL || (!same_method && !put_own(scenario, document, "method")) ||
        (!same_seed && !put_own(scenario, document, "seed"))) {
        cJSON_Delete(scenario);
        return NULL;
    }
    return scenario;
}

int analysis_files_documents(const char *dir, const struct scenario *s, const cJSON *document,
                             char why[ANALYSIS_WHY_MAX])
{
    cJSON *scenario = document != NULL ? as_it_ran(dir, s, document) : NULL;
    int rc = write_json(dir, "scenario.json", scenario, why);

    cJSON_Delete(scenario);
    return rc != 0 ? rc : write_json(dir, "result.json", document, why);
}
