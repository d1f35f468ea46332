/* analysis/sort.c -- an external merge sort; see sort.h. */
#include "analysis/sort.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/err.h"

enum {
    BUFFER_BYTES = 4 << 20, /* of a lane: some 50,000 transfers a run */
    READ_BYTES = 64 << 10,  /* read ahead per run when merging */
};

/* As it lies in buffers and in the temporary file, `len` bytes of the thing behind it. */
struct item {
    uint64_t first, number;
    uint32_t second, len;
};

struct lane {
    uint8_t *bytes; /* items, packed */
    size_t bytes_len;
    size_t *offsets; /* of the items in `bytes` */
    size_t offsets_len, offsets_cap;
    uint64_t number; /* of the lane's next thing */
};

struct run {
    uint64_t at, end; /* where its unread part lies in the file; equal: all of it is in memory */
    uint64_t held;    /* from here on the file still has it */
    uint8_t *bytes;   /* read ahead */
    size_t pos, len;
    struct item item;     /* the next one */
    const uint8_t *thing; /* in `bytes` */
};

struct analysis_sort {
    int fd;             /* unnamed; -1 after a failure */
    uint64_t hole;      /* the file system's block: holes have its grain; 0: it has no holes */
    _Atomic int errnum; /* the first; no lane takes anything any more */
    uint64_t file_len;
    struct run *runs;
    size_t runs_len, runs_cap;
    pthread_mutex_t lock;           /* the four above */
    char dir[ANALYSIS_WHY_MAX / 2]; /* for people: as much of it as a sentence has room for */
    unsigned lanes_len;
    struct lane lanes[];
};

int analysis_sort_new(struct analysis_sort **out, const char *dir, unsigned lanes,
                      char why[ANALYSIS_WHY_MAX])
{
    struct analysis_sort *s = calloc(1, sizeof(*s) + lanes * sizeof(s->lanes[0]));
    char path[ANALYSIS_PATH_MAX];

    if (s == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    s->lanes_len = lanes;
    snprintf(s->dir, sizeof(s->dir), "%s", dir);
    pthread_mutex_init(&s->lock, NULL);
    int n = snprintf(path, sizeof(path), "%s/.sort.XXXXXX", dir);
    s->fd = n < 0 || (size_t)n >= sizeof(path) ? -1 : mkostemp(path, O_CLOEXEC);
    if (s->fd < 0) {
        int rc = sim_err_from_errno(errno);
        snprintf(why, ANALYSIS_WHY_MAX, "can't write in %.300s: %s", dir, strerror(errno));
        analysis_sort_free(s);
        return rc;
    }
    unlink(path);
    struct stat st;
    s->hole = fstat(s->fd, &st) == 0 && st.st_blksize > 0 ? (uint64_t)st.st_blksize : 0;
    *out = s;
    return 0;
}

void analysis_sort_free(struct analysis_sort *s)
{
    if (s == NULL) {
        return;
    }
    for (unsigned i = 0; i < s->lanes_len; i++) {
        free(s->lanes[i].bytes);
        free(s->lanes[i].offsets);
    }
    for (size_t i = 0; i < s->runs_len; i++) {
        free(s->runs[i].bytes);
    }
    free(s->runs);
    if (s->fd >= 0) {
        close(s->fd);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static int compare_items(const struct item *a, const struct item *b)
{
    if (a->first != b->first) {
        return a->first < b->first ? -1 : 1;
    }
    if (a->second != b->second) {
        return a->second < b->second ? -1 : 1;
    }
    return a->number < b->number ? -1 : a->number > b->number;
}

static int compare_offsets(const void *a, const void *b, void *base)
{
    struct item x, y;

    memcpy(&x, (const uint8_t *)base + *(const size_t *)a, sizeof(x));
    memcpy(&y, (const uint8_t *)base + *(const size_t *)b, sizeof(y));
    return compare_items(&x, &y);
}

static void give_up(struct analysis_sort *s, int errnum)
{
    int none = 0;
    atomic_compare_exchange_strong(&s->errnum, &none, errnum);
}

/* With the lock held. Behind what the file has; all of it, or an errno and nothing. */
static int put(struct analysis_sort *s, const uint8_t *bytes, size_t len)
{
    uint64_t at = s->file_len;

    while (len > 0) {
        ssize_t n = pwrite(s->fd, bytes, len, (off_t)at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            int errnum = n < 0 ? errno : EIO;
            /* The run's other files may still find room in what this gives back. */
            return ftruncate(s->fd, (off_t)s->file_len) == 0 ? errnum : EIO;
        }
        bytes += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
    s->file_len = at;
    return 0;
}

/* A lane's things in order, `lane->bytes_len` bytes; the caller's. NULL: out of memory. */
static uint8_t *sort_lane(const struct lane *lane)
{
    uint8_t *sorted = malloc(lane->bytes_len);
    size_t len = 0;

    if (sorted == NULL) {
        return NULL;
    }
    qsort_r(lane->offsets, lane->offsets_len, sizeof(size_t), compare_offsets, lane->bytes);
    for (size_t i = 0; i < lane->offsets_len; i++) {
        struct item item;
        const uint8_t *from = lane->bytes + lane->offsets[i];
        memcpy(&item, from, sizeof(item));
        memcpy(sorted + len, from, sizeof(item) + item.len);
        len += sizeof(item) + item.len;
    }
    assert(len == lane->bytes_len);
    return sorted;
}

/* With the lock held. Room for one more run; false when out of memory. */
static bool grow_runs(struct analysis_sort *s)
{
    if (s->runs_len < s->runs_cap) {
        return true;
    }
    size_t cap = s->runs_cap == 0 ? 16 : 2 * s->runs_cap;
    struct run *grown = realloc(s->runs, cap * sizeof(*grown));
    if (grown == NULL) {
        return false;
    }
    s->runs = grown;
    s->runs_cap = cap;
    return true;
}

/* The lane's buffer goes to the file; where it can't, it stays in memory. 0 or an errno. */
static int spill(struct analysis_sort *s, struct lane *lane)
{
    uint8_t *sorted = sort_lane(lane);
    int errnum = ENOMEM;

    pthread_mutex_lock(&s->lock);
    if (sorted != NULL && grow_runs(s)) {
        struct run run = {.at = s->file_len, .end = s->file_len + lane->bytes_len};
        errnum = put(s, sorted, lane->bytes_len);
        if (errnum == 0) {
            run.held = run.at;
            s->runs[s->runs_len++] = run;
        }
    }
    pthread_mutex_unlock(&s->lock);
    free(sorted);
    if (errnum == 0) {
        lane->bytes_len = 0;
        lane->offsets_len = 0;
    }
    return errnum;
}

/* What a lane still has becomes a run in memory. 0 or an errno. */
static int keep_lane(struct analysis_sort *s, struct lane *lane)
{
    uint8_t *sorted = lane->bytes_len > 0 ? sort_lane(lane) : NULL;

    if (lane->bytes_len == 0) {
        return 0;
    }
    if (sorted == NULL || !grow_runs(s)) {
        free(sorted);
        return ENOMEM;
    }
    s->runs[s->runs_len++] = (struct run){.bytes = sorted, .len = lane->bytes_len};
    free(lane->bytes);
    free(lane->offsets);
    *lane = (struct lane){.bytes = NULL};
    return 0;
}

/* Room for one more item of `len` bytes; false: there is none, and errnum says why. */
static bool make_room(struct analysis_sort *s, struct lane *lane, size_t len)
{
    int errnum = 0;

    if (lane->bytes == NULL && (lane->bytes = malloc(BUFFER_BYTES)) == NULL) {
        errnum = ENOMEM;
    } else if (lane->bytes_len + len > BUFFER_BYTES) {
        errnum = spill(s, lane);
    }
    if (errnum != 0) {
        give_up(s, errnum);
        return false;
    }
    if (lane->offsets_len == lane->offsets_cap) {
        size_t cap = lane->offsets_cap == 0 ? 1024 : 2 * lane->offsets_cap;
        size_t *grown = realloc(lane->offsets, cap * sizeof(*grown));
        if (grown == NULL) {
            give_up(s, ENOMEM);
            return false;
        }
        lane->offsets = grown;
        lane->offsets_cap = cap;
    }
    return true;
}

void analysis_sort_add(struct analysis_sort *s, unsigned lane_number, uint64_t first,
                       uint32_t second, const void *head, size_t head_len, const void *tail,
                       size_t tail_len)
{
    assert(lane_number < s->lanes_len && head_len + tail_len <= ANALYSIS_SORT_THING_MAX);
    struct lane *lane = &s->lanes[lane_number];
    size_t len = head_len + tail_len;
    struct item item = {
        .first = first, .number = lane->number++, .second = second, .len = (uint32_t)len};

    if (atomic_load_explicit(&s->errnum, memory_order_relaxed) != 0 ||
        !make_room(s, lane, sizeof(item) + len)) {
        return;
    }
    uint8_t *to = lane->bytes + lane->bytes_len;
    lane->offsets[lane->offsets_len++] = lane->bytes_len;
    memcpy(to, &item, sizeof(item));
    memcpy(to + sizeof(item), head, head_len);
    if (tail_len > 0) {
        memcpy(to + sizeof(item) + head_len, tail, tail_len);
    }
    lane->bytes_len += sizeof(item) + len;
}

/* What of the run was read is given back to the disk, in whole blocks: those at its ends are shared
 * with its neighbours. */
static void punch(struct analysis_sort *s, struct run *run)
{
    if (s->hole == 0) {
        return;
    }
    uint64_t from = (run->held + s->hole - 1) / s->hole * s->hole;
    uint64_t to = run->at / s->hole * s->hole;
    if (to > from) {
        if (fallocate(s->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)from,
                      (off_t)(to - from)) != 0) {
            s->hole = 0; /* as before there were holes */
        }
        run->held = to;
    }
}

/* At least `need` bytes from `pos` on in the read-ahead; 0 or an errno. */
static int fill(struct analysis_sort *s, struct run *run, size_t need)
{
    if (run->len - run->pos >= need) {
        return 0;
    }
    memmove(run->bytes, run->bytes + run->pos, run->len - run->pos);
    run->len -= run->pos;
    run->pos = 0;
    while (run->len < need) {
        size_t want = READ_BYTES - run->len;
        if (want > run->end - run->at) {
            want = (size_t)(run->end - run->at);
        }
        ssize_t n = want == 0 ? 0 : pread(s->fd, run->bytes + run->len, want, (off_t)run->at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? errno : EIO;
        }
        run->at += (uint64_t)n;
        run->len += (size_t)n;
        punch(s, run);
    }
    return 0;
}

/* Moves to the run's next item: 1, 0 at its end, or a negated errno. */
static int advance(struct analysis_sort *s, struct run *run)
{
    if (run->pos == run->len && run->at == run->end) {
        return 0;
    }
    int errnum = fill(s, run, sizeof(run->item));
    if (errnum == 0) {
        memcpy(&run->item, run->bytes + run->pos, sizeof(run->item));
        errnum = fill(s, run, sizeof(run->item) + run->item.len);
    }
    if (errnum != 0) {
        return -errnum;
    }
    run->thing = run->bytes + run->pos + sizeof(run->item);
    run->pos += sizeof(run->item) + run->item.len;
    return 1;
}

static bool comes_before(const struct run *a, const struct run *b)
{
    return compare_items(&a->item, &b->item) < 0;
}

/* Puts heap[at] where it belongs among what is below it. */
static void sift(struct run **heap, size_t len, size_t at)
{
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < len; child++) {
            if (comes_before(heap[child], heap[least])) {
                least = child;
            }
        }
        if (least == at) {
            return;
        }
        struct run *moved = heap[at];
        heap[at] = heap[least];
        heap[least] = moved;
        at = least;
    }
}

/* Merges all runs; `heap` has room for them. 0 or an errno. */
static int merge(struct analysis_sort *s, struct run **heap,
                 void (*each)(void *context, const void *bytes, size_t len), void *context)
{
    size_t len = 0;

    for (size_t i = 0; i < s->runs_len; i++) {
        struct run *run = &s->runs[i];
        if (run->bytes == NULL && (run->bytes = malloc(READ_BYTES)) == NULL) {
            return ENOMEM;
        }
        int rc = advance(s, run);
        if (rc < 0) {
            return -rc;
        }
        if (rc > 0) {
            heap[len++] = run;
        }
    }
    for (size_t i = len / 2; i-- > 0;) {
        sift(heap, len, i);
    }
    while (len > 0) {
        each(context, heap[0]->thing, heap[0]->item.len);
        int rc = advance(s, heap[0]);
        if (rc < 0) {
            return -rc;
        }
        if (rc == 0) {
            free(heap[0]->bytes);
            heap[0]->bytes = NULL;
            heap[0] = heap[--len];
        }
        sift(heap, len, 0);
    }
    return 0;
}

int analysis_sort_read(struct analysis_sort *s,
                       void (*each)(void *context, const void *bytes, size_t len), void *context,
                       const char *what, char why[ANALYSIS_WHY_MAX])
{
    for (unsigned i = 0; i < s->lanes_len; i++) {
        int rc = keep_lane(s, &s->lanes[i]);
        if (rc != 0) {
            give_up(s, rc);
        }
    }
    struct run **heap = malloc((s->runs_len + 1) * sizeof(struct run *));
    int rc = heap == NULL ? ENOMEM : merge(s, heap, each, context);
    free(heap);
    if (rc != 0) {
        give_up(s, rc);
    }
    int errnum = s->errnum;
    if (errnum == 0) {
        return 0;
    }
    snprintf(why, ANALYSIS_WHY_MAX, "can't keep %.100s in %s: %s%s", what, s->dir, strerror(errnum),
             errnum == ENOSPC || errnum == EDQUOT ? "; free some space or choose another folder"
                                                  : "");
    return sim_err_from_errno(errnum);
}
