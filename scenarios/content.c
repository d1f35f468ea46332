/* scenarios/content.c -- see content.h. */
#include "scenarios/content.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "phones/provisioning/cnf.h"
#include "phones/provisioning/loads.h"
#include "scenarios/macs.h"

enum {
    INDEX_MAX = 64 * 1024,
};

/* What the resolver needs: the catalog's context, freed with it. */
struct maker {
    const struct scenario *scenario;
    enum scenario_method method;
    struct scenario_macs macs;
};

static void phone_config(const struct maker *m, const struct scenario_mac_range *range,
                         uint32_t within, struct cnf *out)
{
    const struct scenario_phones *entry = range->phones;
    *out = (struct cnf){
        .has_sharing = true,
        .sharing = m->method == SCENARIO_PFS && scenario_phone_shares(entry, within),
    };
    snprintf(out->load, sizeof(out->load), "%s", m->scenario->firmware[entry->firmware].load);
    if (m->method == SCENARIO_LOAD_SERVER) {
        snprintf(out->load_server, sizeof(out->load_server), "load-server");
    } else if (entry->load_server != NULL) {
        snprintf(out->load_server, sizeof(out->load_server), "%s", entry->load_server);
    }
}

static int config_of_phone(const struct maker *m, uint64_t mac, uint8_t *bytes, size_t *len)
{
    uint32_t within;
    const struct scenario_mac_range *range = scenario_macs_find(&m->macs, mac, &within);
    if (range == NULL || range->phones->system != SCENARIO_CUCM) {
        return SIM_ENOTFOUND;
    }
    struct cnf cnf;
    phone_config(m, range, within, &cnf);
    *len = cnf_write(&cnf, m->scenario->firmware[range->phones->firmware].model, mac, (char *)bytes,
                     SIM_CONTENT_RESOLVED_MAX);
    return *len > 0 ? 0 : SIM_ELIMIT;
}

/* "SEP001E13000000.cnf.xml" and nothing else. */
static int resolve(void *context, const char *name, uint8_t *bytes, size_t *len)
{
    unsigned long long mac;
    char again[64];
    if (sscanf(name, "SEP%12llX.cnf.xml", &mac) != 1) {
        return SIM_ENOTFOUND;
    }
    snprintf(again, sizeof(again), "SEP%012llX.cnf.xml", mac);
    if (strcmp(again, name) != 0) {
        return SIM_ENOTFOUND;
    }
    return config_of_phone(context, mac, bytes, len);
}

static int add_index(struct sim_catalog *c, const struct scenario_firmware *fw)
{
    const char **names = calloc(fw->files_len + 1, sizeof(*names));
    uint8_t *bytes = malloc(INDEX_MAX);
    char own[SIM_CONTENT_NAME_MAX];
    int rc = names == NULL || bytes == NULL ? SIM_ENOMEM : 0;
    if (rc == 0) {
        for (size_t i = 0; i < fw->files_len; i++) {
            names[i] = fw->files[i].name;
        }
        snprintf(own, sizeof(own), "%s.loads", fw->load);
        size_t len = loads_write(own, names, fw->files_len, bytes, INDEX_MAX);
        rc = len > 0 ? sim_catalog_add_memory(c, own, true, bytes, len) : SIM_ELIMIT;
    }
    free(bytes);
    free((void *)names);
    return rc;
}

/* The server has one file of a name, so entries of firmware[] that share one must mean the same. */
static int differ(const struct scenario_firmware *fw, const char *name, char why[SCENARIO_WHY_MAX])
{
    snprintf(why, SCENARIO_WHY_MAX,
             "firmware of %.60s: its %.200s has other bytes than the file of that name that came "
             "before; the server can have only one of them",
             fw->model, name);
    return SIM_EEXIST;
}

static int add_files(struct sim_catalog *c, const struct scenario *s,
                     const struct scenario_firmware *fw, char why[SCENARIO_WHY_MAX])
{
    for (size_t i = 0; i < fw->files_len; i++) {
        const struct scenario_file *file = &fw->files[i];
        int rc = sim_catalog_add_synthetic(c, file->name, true, file->size, s->seed);
        if (rc == SIM_EEXIST) { /* two models may share a component */
            const struct sim_content made = {
                .kind = SIM_CONTENT_SYNTHETIC,
                .size = file->size,
                .key = sim_content_key(file->name, file->size, s->seed),
            };
            if (!sim_content_equal(sim_catalog_find(c, file->name), &made)) {
                return differ(fw, file->name, why);
            }
        } else if (rc != 0) {
            snprintf(why, SCENARIO_WHY_MAX, "firmware file %.300s: %s", file->name,
                     sim_err_text(rc));
            return rc;
        }
    }
    return 0;
}

static int add_folder(struct sim_catalog *c, const struct scenario_firmware *fw,
                      char why[SCENARIO_WHY_MAX])
{
    int rc = sim_catalog_add_directory(c, "", true, fw->directory);
    if (rc == SIM_EEXIST) {
        return differ(fw, sim_catalog_clash(c), why);
    }
    if (rc != 0) {
        snprintf(why, SCENARIO_WHY_MAX, "firmware folder %.300s: %s", fw->directory,
                 sim_err_text(rc));
    }
    return rc;
}

static int add_firmware(struct sim_catalog *c, const struct scenario *s,
                        const struct scenario_firmware *fw, char why[SCENARIO_WHY_MAX])
{
    char own[SIM_CONTENT_NAME_MAX];
    int rc = fw->directory != NULL ? add_folder(c, fw, why) : add_files(c, s, fw, why);
    if (rc != 0) {
        return rc;
    }
    snprintf(own, sizeof(own), "%s.loads", fw->load);
    if (sim_catalog_find(c, own) == NULL) {
        rc = add_index(c, fw);
        if (rc != 0) {
            snprintf(why, SCENARIO_WHY_MAX, "index %.300s: %s", own, sim_err_text(rc));
        }
    }
    return rc;
}

static int add_default(struct sim_catalog *c, const struct scenario *s)
{
    struct cnf_default *list = calloc(s->firmware_len + 1, sizeof(*list));
    size_t cap = 512 + s->firmware_len * 512;
    char *text = malloc(cap);
    int rc = list == NULL || text == NULL ? SIM_ENOMEM : 0;
    if (rc == 0) {
        for (size_t i = 0; i < s->firmware_len; i++) {
            list[i] = (struct cnf_default){s->firmware[i].model, s->firmware[i].load};
        }
        size_t len = cnf_write_default(list, s->firmware_len, text, cap);
        rc = len > 0 ? sim_catalog_add_memory(c, "XMLDefault.cnf.xml", false, text, len)
                     : SIM_ELIMIT;
    }
    free(text);
    free(list);
    return rc;
}

int scenario_catalog_new(const struct scenario *s, enum scenario_method method,
                         struct sim_catalog **out, char why[SCENARIO_WHY_MAX])
{
    struct sim_catalog *c = sim_catalog_new();
    struct maker *m = calloc(1, sizeof(*m));
    why[0] = '\0';
    int rc = c == NULL || m == NULL ? SIM_ENOMEM : 0;
    if (rc == 0) {
        *m = (struct maker){.scenario = s, .method = method};
        rc = scenario_macs_init(&m->macs, s);
    }
    if (rc != 0) {
        snprintf(why, SCENARIO_WHY_MAX, "the scenario's content: %s", sim_err_text(rc));
    }
    for (size_t i = 0; rc == 0 && i < s->firmware_len; i++) {
        rc = add_firmware(c, s, &s->firmware[i], why);
    }
    if (rc == 0 && sim_catalog_find(c, "XMLDefault.cnf.xml") == NULL) { /* else a folder has one */
        rc = add_default(c, s);
    }
    if (rc != 0 && why[0] == '\0') {
        snprintf(why, SCENARIO_WHY_MAX, "the scenario's content: %s", sim_err_text(rc));
    }
    if (rc != 0) {
        if (m != NULL) {
            scenario_macs_deinit(&m->macs);
        }
        free(m);
        sim_catalog_free(c);
        return rc;
    }
    sim_catalog_set_resolver(c, resolve, m);
    *out = c;
    return 0;
}

void scenario_catalog_free(struct sim_catalog *c)
{
    if (c == NULL) {
        return;
    }
    struct maker *m = sim_catalog_resolver_context(c);
    sim_catalog_free(c);
    if (m != NULL) {
        scenario_macs_deinit(&m->macs);
        free(m);
    }
}

/* ---- Writing it all to a folder ---- */

static int make_folder(const char *dir)
{
    return mkdir(dir, 0777) == 0 || errno == EEXIST ? 0 : sim_err_from_errno(errno);
}

static int write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t got = write(fd, bytes, len);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            return got < 0 ? sim_err_from_errno(errno) : SIM_EIO;
        }
        bytes += got;
        len -= (size_t)got;
    }
    return 0;
}

struct sink {
    const char *dir;
    const volatile int *stop; /* NULL: nobody asks */
    uint64_t count, bytes;
    char *why;
};

static bool is_stopped(const struct sink *sink)
{
    return sink->stop != NULL && *sink->stop != 0;
}

/* Under a temporary name first: a full disk leaves nothing half-written under a final one. */
static int open_temporary(struct sink *sink, const char *name, char path[PATH_MAX],
                          char temporary[PATH_MAX])
{
    if (snprintf(path, PATH_MAX, "%s/%s", sink->dir, name) >= PATH_MAX - 8) {
        return SIM_EINVAL;
    }
    snprintf(temporary, PATH_MAX, "%.*s.part", PATH_MAX - 8, path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    return fd >= 0 ? fd : sim_err_from_errno(errno);
}

static int close_temporary(struct sink *sink, int fd, int rc, const char *name, const char *path,
                           const char *temporary)
{
    if (fd >= 0 && close(fd) != 0 && rc == 0) {
        rc = sim_err_from_errno(errno);
    }
    if (rc == 0 && rename(temporary, path) != 0) {
        rc = sim_err_from_errno(errno);
    }
    if (rc != 0) {
        unlink(temporary);
        snprintf(sink->why, SCENARIO_WHY_MAX, "writing %.200s/%.200s: %s", sink->dir, name,
                 sim_err_text(rc));
        return rc;
    }
    sink->count++;
    return 0;
}

static int write_content(struct sink *sink, const struct sim_content *content)
{
    char path[PATH_MAX], temporary[PATH_MAX];
    static uint8_t chunk[64 * 1024];
    int fd = open_temporary(sink, content->name, path, temporary);
    int rc = fd < 0 ? fd : 0;
    for (uint64_t at = 0; rc == 0 && at < content->size;) {
        size_t got = sim_content_read(content, at, chunk, sizeof(chunk));
        rc = is_stopped(sink) ? SIM_ECANCELED : got > 0 ? write_all(fd, chunk, got) : SIM_EIO;
        at += got;
    }
    sink->bytes += content->size;
    return close_temporary(sink, fd, rc, content->name, path, temporary);
}

static int write_config(struct sink *sink, const struct sim_catalog *c, const struct maker *m,
                        uint64_t mac)
{
    char name[64], path[PATH_MAX], temporary[PATH_MAX];
    static uint8_t bytes[SIM_CONTENT_RESOLVED_MAX];
    size_t len;
    snprintf(name, sizeof(name), "SEP%012llX.cnf.xml", (unsigned long long)mac);
    if (sim_catalog_find(c, name) != NULL || config_of_phone(m, mac, bytes, &len) != 0) {
        return 0; /* a folder has one; or a system without configuration */
    }
    int fd = open_temporary(sink, name, path, temporary);
    int rc = fd < 0 ? fd : is_stopped(sink) ? SIM_ECANCELED : write_all(fd, bytes, len);
    sink->bytes += len;
    return close_temporary(sink, fd, rc, name, path, temporary);
}

int scenario_content_write(const struct scenario *s, enum scenario_method method, const char *dir,
                           const volatile int *stop, uint64_t *count, uint64_t *bytes,
                           char why[SCENARIO_WHY_MAX])
{
    struct sim_catalog *c;
    struct sink sink = {.dir = dir, .stop = stop, .why = why};
    int rc = scenario_catalog_new(s, method, &c, why);
    if (rc != 0) {
        return rc;
    }
    rc = make_folder(dir);
    if (rc != 0) {
        snprintf(why, SCENARIO_WHY_MAX, "folder %.300s: %s", dir, sim_err_text(rc));
    }
    for (size_t i = 0; rc == 0 && i < sim_catalog_count(c); i++) {
        rc = write_content(&sink, sim_catalog_at(c, i));
    }
    const struct maker *m = sim_catalog_resolver_context(c);
    for (size_t i = 0; rc == 0 && i < m->macs.len; i++) {
        for (uint64_t k = 0; rc == 0 && k < m->macs.ranges[i].count; k++) {
            rc = write_config(&sink, c, m, m->macs.ranges[i].first + k);
        }
    }
    *count = sink.count;
    *bytes = sink.bytes;
    scenario_catalog_free(c);
    return rc;
}
