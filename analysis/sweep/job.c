/* analysis/sweep/job.c -- see job.h. */
#include "analysis/sweep/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/figures.h"
#include "analysis/json.h"
#include "analysis/result.h"
#include "analysis/session.h"
#include "analysis/threshold.h"
#include "scenarios/scenario.h"
#include "sim/err.h"

enum {
    PATH_MAX_BYTES = 256, /* of a figure's path */
    DEPTH_MAX = 8,        /* of a result document: ours are three deep */
};

/* What a run is asked for and gives, while it lasts. */
struct answer {
    const struct analysis_job *job;
    cJSON *sites, *figures;
    bool no_memory;
};

/* ---- Figures ---- */

/* Differ between equal runs; 0 in a parcel. */
static const char *const of_the_machine[] = {"wall_s", "peak_rss_bytes", "peak_descriptors"};

static void forget_machine(cJSON *document)
{
    cJSON *engine = cJSON_GetObjectItemCaseSensitive(document, "engine");

    for (size_t i = 0; i < sizeof(of_the_machine) / sizeof(of_the_machine[0]); i++) {
        cJSON *item = cJSON_GetObjectItemCaseSensitive(engine, of_the_machine[i]);
        if (item != NULL) {
            cJSON_SetNumberValue(item, 0);
        }
    }
}

static bool is_figure(const char *path)
{
    if (strcmp(path, "seed") == 0 || strncmp(path, "failures_by_reason.", 19) == 0) {
        return false;
    }
    for (size_t i = 0; i < sizeof(of_the_machine) / sizeof(of_the_machine[0]); i++) {
        if (strncmp(path, "engine.", 7) == 0 && strcmp(path + 7, of_the_machine[i]) == 0) {
            return false;
        }
    }
    return true;
}

/* Every number of the objects in the document, by its path; lists are left out. */
static bool collect(const cJSON *object, const char *prefix, int depth, cJSON *to)
{
    for (const cJSON *item = object->child; item != NULL; item = item->next) {
        char path[PATH_MAX_BYTES];
        int n = snprintf(path, sizeof(path), "%s%s%s", prefix, prefix[0] != '\0' ? "." : "",
                         item->string);
        if (n < 0 || (size_t)n >= sizeof(path)) {
            continue;
        }
        if (cJSON_IsObject(item) && depth < DEPTH_MAX) {
            if (!collect(item, path, depth + 1, to)) {
                return false;
            }
        } else if (cJSON_IsNumber(item) && is_figure(path) &&
                   cJSON_AddNumberToObject(to, path, item->valuedouble) == NULL) {
            return false;
        }
    }
    return true;
}

/* Called by the session when the run has ended. */
static void on_figures(void *context, const struct analysis_figures *f, const cJSON *document)
{
    struct answer *a = context;

    a->sites = cJSON_CreateArray();
    a->figures = cJSON_CreateObject();
    a->no_memory = a->sites == NULL || a->figures == NULL || !collect(document, "", 0, a->figures);
    for (uint32_t i = 0; i < f->facts->sites && i < ANALYSIS_JOB_SITES_MAX && !a->no_memory; i++) {
        a->no_memory = !cJSON_AddItemToArray(a->sites, analysis_result_site(f, i));
    }
    for (size_t i = 0; i < a->job->metrics_len && !a->no_memory; i++) {
        const char *metric = a->job->metrics[i];
        double value;
        if (cJSON_GetObjectItemCaseSensitive(a->figures, metric) == NULL &&
            analysis_threshold_value(f, document, metric, &value)) {
            a->no_memory = cJSON_AddNumberToObject(a->figures, metric, value) == NULL;
        }
    }
}

/* ---- The run ---- */

static cJSON *new_parcel(uint32_t run, int status, const char *why)
{
    cJSON *parcel = cJSON_CreateObject();

    if (cJSON_AddNumberToObject(parcel, "run", run) == NULL ||
        cJSON_AddNumberToObject(parcel, "status", status) == NULL ||
        cJSON_AddStringToObject(parcel, "why", why) == NULL) {
        cJSON_Delete(parcel);
        return NULL;
    }
    return parcel;
}

static char *print_and_delete(cJSON *parcel)
{
    char *text = parcel != NULL ? cJSON_PrintUnformatted(parcel) : NULL;

    cJSON_Delete(parcel);
    return text;
}

char *analysis_job_failed(uint32_t run, int status, const char *why)
{
    return print_and_delete(new_parcel(run, status, why));
}

/* The first line of what the run complained about, without the program's name. */
static void take_sentence(const char *said, char why[ANALYSIS_WHY_MAX])
{
    static const char prefix[] = "pfsim sweep: ";

    if (strncmp(said, prefix, sizeof(prefix) - 1) == 0) {
        said += sizeof(prefix) - 1;
    }
    size_t len = strcspn(said, "\n");
    snprintf(why, ANALYSIS_WHY_MAX, "%.*s", (int)(len < ANALYSIS_WHY_MAX ? len : ANALYSIS_WHY_MAX),
             said);
}

/* Takes document and lists over. */
static char *pack(struct answer *a, int status, const char *why, cJSON *document)
{
    cJSON *parcel = a->no_memory ? NULL : new_parcel(a->job->run, status, why);

    if (parcel == NULL) {
        cJSON_Delete(document);
        cJSON_Delete(a->sites);
        cJSON_Delete(a->figures);
        return NULL;
    }
    if (document != NULL) {
        forget_machine(document);
        cJSON_AddItemToObject(parcel, "document", document);
    }
    if (a->sites != NULL) {
        cJSON_AddItemToObject(parcel, "sites", a->sites);
        cJSON_AddItemToObject(parcel, "figures", a->figures);
    }
    return print_and_delete(parcel);
}

char *analysis_job_run(const struct analysis_job *job)
{
    struct scenario_errors errors = {.list = NULL};
    struct scenario *s = NULL;
    struct answer answer = {.job = job};
    char why[ANALYSIS_WHY_MAX] = "";
    char *said = NULL, *parcel = NULL;
    size_t said_len = 0;
    cJSON *document = NULL;
    FILE *err = open_memstream(&said, &said_len);
    int rc = err == NULL ? SIM_ENOMEM
                         : scenario_load_text(job->path, job->text, strlen(job->text), NULL, 0, &s,
                                              &errors);

    if (rc == 0) {
        struct analysis_program program = {.version = job->version, .out = err, .err = err};
        struct analysis_session session = {
            .program = &program,
            .command = "sweep",
            .scenario = s,
            .world = s->world,
            .method = s->method,
            .seed = job->seed,
            .out = job->keep,
            .quiet = true,
            .no_abort = true, /* half a run is no measurement */
            .threads = 1,     /* others run beside it */
            .figures = on_figures,
            .figures_context = &answer,
        };
        int status = analysis_session_run(&session, &document);
        fflush(err);
        take_sentence(said, why);
        parcel = pack(&answer, status, why, document);
    } else if (rc != SIM_ENOMEM) {
        snprintf(why, sizeof(why), "the scenario can't be loaded any more: %.200s",
                 errors.len > 0 && errors.list[0].found != NULL ? errors.list[0].found
                                                                : sim_err_text(rc));
        parcel = analysis_job_failed(job->run, ANALYSIS_REFUSED, why);
    }
    scenario_errors_free(&errors);
    scenario_free(s);
    if (err != NULL) {
        fclose(err);
    }
    free(said);
    return parcel;
}

/* ---- For another process ---- */

char *analysis_job_text(const struct analysis_job *job)
{
    cJSON *o = cJSON_CreateObject();
    char seed[32];

    snprintf(seed, sizeof(seed), "%llu", (unsigned long long)job->seed);
    cJSON *metrics = cJSON_AddArrayToObject(o, "metrics");
    for (size_t i = 0; i < job->metrics_len; i++) {
        cJSON_AddItemToArray(metrics, cJSON_CreateString(job->metrics[i]));
    }
    if (metrics == NULL || cJSON_GetArraySize(metrics) != (int)job->metrics_len ||
        cJSON_AddNumberToObject(o, "run", job->run) == NULL ||
        cJSON_AddStringToObject(o, "seed", seed) == NULL ||
        cJSON_AddStringToObject(o, "version", job->version) == NULL ||
        cJSON_AddStringToObject(o, "path", job->path) == NULL ||
        cJSON_AddStringToObject(o, "text", job->text) == NULL ||
        (job->keep != NULL && cJSON_AddStringToObject(o, "keep", job->keep) == NULL)) {
        cJSON_Delete(o);
        return NULL;
    }
    return print_and_delete(o);
}

int analysis_job_read(struct analysis_job *job, const char **metrics, const char *text, size_t len,
                      cJSON **holder)
{
    cJSON *o = cJSON_ParseWithLength(text, len);
    const cJSON *run = cJSON_GetObjectItemCaseSensitive(o, "run");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "metrics");
    const char *seed = analysis_json_text(o, "seed", NULL);
    struct analysis_job made = {
        .path = analysis_json_text(o, "path", NULL),
        .text = analysis_json_text(o, "text", NULL),
        .metrics = metrics,
        .keep = analysis_json_text(o, "keep", NULL),
        .version = analysis_json_text(o, "version", NULL),
    };
    bool good = cJSON_IsNumber(run) && run->valuedouble >= 0 && run->valuedouble < UINT32_MAX &&
                cJSON_IsArray(list) && cJSON_GetArraySize(list) <= ANALYSIS_JOB_METRICS_MAX &&
                made.path != NULL && made.text != NULL && made.version != NULL && seed != NULL &&
                analysis_options_number(seed, UINT64_MAX, &made.seed) == 0;

    for (const cJSON *item = good ? list->child : NULL; item != NULL; item = item->next) {
        good = good && cJSON_IsString(item);
        metrics[made.metrics_len++] = cJSON_GetStringValue(item);
    }
    if (!good) {
        cJSON_Delete(o);
        return SIM_EPROTO;
    }
    made.run = (uint32_t)run->valuedouble;
    *job = made;
    *holder = o;
    return 0;
}
