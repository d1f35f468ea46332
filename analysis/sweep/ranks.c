/* analysis/sweep/ranks.c -- see ranks.h. */
#include "analysis/sweep/ranks.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/options.h"
#include "sim/err.h"

static bool read_number(const char *name, uint64_t *out)
{
    const char *text = getenv(name);
    return text != NULL && analysis_options_number(text, INT_MAX, out) == 0;
}

bool analysis_ranks_launched(void)
{
    uint64_t value;

    if (read_number("OMPI_COMM_WORLD_SIZE", &value)) {
        return value > 1;
    }
    return read_number("PMIX_RANK", &value);
}

unsigned analysis_ranks_number(void)
{
    uint64_t value = 0;

    if (read_number("OMPI_COMM_WORLD_RANK", &value) || read_number("PMIX_RANK", &value)) {
        return (unsigned)value;
    }
    return 0;
}

#ifndef PFSIM_MPI

const char *analysis_ranks_built(void)
{
    return NULL;
}

int analysis_ranks_open(struct analysis_ranks **out, char why[ANALYSIS_WHY_MAX])
{
    (void)out;
    snprintf(why, ANALYSIS_WHY_MAX,
             "a launcher of MPI started this, but this pfsim was built without Open MPI; build it "
             "where libopenmpi-dev is installed");
    return SIM_EUNSUPPORTED;
}

/* Never called: nothing was opened. */
void analysis_ranks_close(struct analysis_ranks *r, bool lost)
{
    (void)r;
    (void)lost;
}

unsigned analysis_ranks_count(const struct analysis_ranks *r)
{
    (void)r;
    return 1;
}

bool analysis_ranks_send(struct analysis_ranks *r, unsigned to, enum analysis_ranks_kind kind,
                         const char *text, size_t len)
{
    (void)r;
    (void)to;
    (void)kind;
    (void)text;
    (void)len;
    return false;
}

bool analysis_ranks_receive(struct analysis_ranks *r, struct analysis_ranks_message *out)
{
    (void)r;
    (void)out;
    return false;
}

bool analysis_ranks_flushed(struct analysis_ranks *r)
{
    (void)r;
    return true;
}

#else

#include <assert.h>
#include <dlfcn.h>
#include <mpi.h>

#include "analysis/sweep/job.h"

/* What is used of the library. Its constants are addresses of things in it, so they are looked up
 * like the functions. */
struct library {
    int (*init)(int *argc, char ***argv);
    int (*finalize)(void);
    int (*size)(MPI_Comm comm, int *size);
    int (*set_errhandler)(MPI_Comm comm, MPI_Errhandler handler);
    int (*isend)(const void *buffer, int count, MPI_Datatype type, int to, int tag, MPI_Comm comm,
                 MPI_Request *request);
    int (*iprobe)(int from, int tag, MPI_Comm comm, int *flag, MPI_Status *status);
    int (*irecv)(void *buffer, int count, MPI_Datatype type, int from, int tag, MPI_Comm comm,
                 MPI_Request *request);
    int (*get_count)(const MPI_Status *status, MPI_Datatype type, int *count);
    int (*test)(MPI_Request *request, int *flag, MPI_Status *status);
    MPI_Comm world;
    MPI_Datatype byte;
    MPI_Errhandler errors_return;
};

#define TEXT_OF(x) #x
#define VERSION_TEXT(a, b, c) TEXT_OF(a) "." TEXT_OF(b) "." TEXT_OF(c)

const char *analysis_ranks_built(void)
{
    return VERSION_TEXT(OMPI_MAJOR_VERSION, OMPI_MINOR_VERSION,
                        OMPI_RELEASE_VERSION) " (headers; loaded under a launcher only)";
}

struct sending {
    struct sending *next;
    MPI_Request request;
    char text[];
};

/* A long message comes in pieces, and its sender may die between them. */
struct receiving {
    struct receiving *next;
    MPI_Request request;
    struct analysis_ranks_message message;
};

struct analysis_ranks {
    struct library mpi;
    unsigned count;
    struct sending *sending;
    struct receiving *receiving;
};

/* Both Open MPI 4 and 5 carry this name; the headers say which calls it has. */
#define LIBRARY "libmpi.so.40"

/* dlsym() gives an object pointer, POSIX lets it hold a function's. */
static bool find(void *handle, const char *name, void *to)
{
    void *found = dlsym(handle, name);
    memcpy(to, &found, sizeof(found));
    return found != NULL;
}

static bool load(struct library *l, char why[ANALYSIS_WHY_MAX])
{
    /* Its plug-ins look for its symbols, so they are global; it stays until the end. */
    void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_GLOBAL);

    if (handle == NULL) {
        const char *error = dlerror();
        snprintf(why, ANALYSIS_WHY_MAX,
                 "a launcher of MPI started this, but Open MPI can't be loaded here (%.150s); "
                 "install openmpi-bin on every machine",
                 error != NULL ? error : LIBRARY);
        return false;
    }
    bool good =
        find(handle, "MPI_Init", &l->init) && find(handle, "MPI_Finalize", &l->finalize) &&
        find(handle, "MPI_Comm_size", &l->size) &&
        find(handle, "MPI_Comm_set_errhandler", &l->set_errhandler) &&
        find(handle, "MPI_Isend", &l->isend) && find(handle, "MPI_Iprobe", &l->iprobe) &&
        find(handle, "MPI_Irecv", &l->irecv) && find(handle, "MPI_Get_count", &l->get_count) &&
        find(handle, "MPI_Test", &l->test) && find(handle, "ompi_mpi_comm_world", &l->world) &&
        find(handle, "ompi_mpi_byte", &l->byte) &&
        find(handle, "ompi_mpi_errors_return", &l->errors_return);
    if (!good) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s is not the Open MPI that this pfsim was built for",
                 LIBRARY);
    }
    return good;
}

int analysis_ranks_open(struct analysis_ranks **out, char why[ANALYSIS_WHY_MAX])
{
    struct analysis_ranks *r = calloc(1, sizeof(*r));
    int count = 0;

    if (r == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    if (!load(&r->mpi, why)) {
        free(r);
        return SIM_EUNSUPPORTED;
    }
    if (r->mpi.init(NULL, NULL) != MPI_SUCCESS ||
        r->mpi.size(r->mpi.world, &count) != MPI_SUCCESS || count < 1 ||
        count > ANALYSIS_RANKS_MAX) {
        snprintf(why, ANALYSIS_WHY_MAX, "Open MPI did not start, or has over %d ranks",
                 ANALYSIS_RANKS_MAX);
        free(r);
        return SIM_EUNSUPPORTED;
    }
    r->mpi.set_errhandler(r->mpi.world, r->mpi.errors_return);
    r->count = (unsigned)count;
    *out = r;
    return 0;
}

void analysis_ranks_close(struct analysis_ranks *r, bool lost)
{
    if (r == NULL) {
        return;
    }
    if (!lost) {
        r->mpi.finalize(); /* waits for all ranks */
    }
    while (r->sending != NULL) {
        struct sending *s = r->sending;
        r->sending = s->next;
        free(s);
    }
    while (r->receiving != NULL) {
        struct receiving *m = r->receiving;
        r->receiving = m->next;
        free(m->message.text);
        free(m);
    }
    free(r);
}

unsigned analysis_ranks_count(const struct analysis_ranks *r)
{
    return r->count;
}

bool analysis_ranks_send(struct analysis_ranks *r, unsigned to, enum analysis_ranks_kind kind,
                         const char *text, size_t len)
{
    assert(to < r->count && len <= ANALYSIS_PARCEL_MAX);
    struct sending *s = malloc(sizeof(*s) + len);

    if (s == NULL) {
        return false;
    }
    if (len > 0) {
        memcpy(s->text, text, len);
    }
    if (r->mpi.isend(s->text, (int)len, r->mpi.byte, (int)to, (int)kind, r->mpi.world,
                     &s->request) != MPI_SUCCESS) {
        free(s);
        return false;
    }
    s->next = r->sending;
    r->sending = s;
    return true;
}

bool analysis_ranks_flushed(struct analysis_ranks *r)
{
    for (struct sending **at = &r->sending; *at != NULL;) {
        struct sending *s = *at;
        MPI_Status status;
        int done = 0;
        if (r->mpi.test(&s->request, &done, &status) != MPI_SUCCESS || done) {
            *at = s->next;
            free(s);
        } else {
            at = &s->next;
        }
    }
    return r->sending == NULL;
}

/* Begins to receive a message that has been announced. False when there is none just now. */
static bool accept_next(struct analysis_ranks *r)
{
    MPI_Status status;
    int there = 0, len = 0;

    if (r->mpi.iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, r->mpi.world, &there, &status) != MPI_SUCCESS ||
        !there || r->mpi.get_count(&status, r->mpi.byte, &len) != MPI_SUCCESS || len < 0 ||
        len > ANALYSIS_PARCEL_MAX || status.MPI_TAG < ANALYSIS_RANKS_READY ||
        status.MPI_TAG > ANALYSIS_RANKS_STOP) {
        return false;
    }
    struct receiving *m = calloc(1, sizeof(*m));
    char *text = m != NULL ? malloc((size_t)len + 1) : NULL;
    if (text == NULL || r->mpi.irecv(text, len, r->mpi.byte, status.MPI_SOURCE, status.MPI_TAG,
                                     r->mpi.world, &m->request) != MPI_SUCCESS) {
        free(text);
        free(m);
        return false;
    }
    text[len] = '\0';
    m->message = (struct analysis_ranks_message){
        .from = (unsigned)status.MPI_SOURCE,
        .kind = (enum analysis_ranks_kind)status.MPI_TAG,
        .text = text,
        .len = (size_t)len,
    };
    m->next = r->receiving;
    r->receiving = m;
    return true;
}

bool analysis_ranks_receive(struct analysis_ranks *r, struct analysis_ranks_message *out)
{
    analysis_ranks_flushed(r);
    while (accept_next(r)) {
    }
    for (struct receiving **at = &r->receiving; *at != NULL; at = &(*at)->next) {
        struct receiving *m = *at;
        MPI_Status status;
        int done = 0;
        if (r->mpi.test(&m->request, &done, &status) == MPI_SUCCESS && done) {
            *out = m->message;
            *at = m->next;
            free(m);
            return true;
        }
    }
    return false;
}

#endif
