/* analysis/transfers.c -- an external merge sort by (end, node, number in its lane). */
#include "analysis/transfers.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sim/err.h"

enum {
    BUFFER_BYTES = 4 << 20, /* of a lane: some 50,000 transfers a run */
    READ_BYTES = 64 << 10,  /* read ahead per run when merging */
    NAME_MAX_BYTES = 1023,  /* longer names are cut */
};

/* As it lies in buffers and in the temporary file, `name_len` bytes of name behind it. */
struct item {
    uint64_t start, end, bytes, number;
    uint32_t node, phone, from;
    int16_t status;
    uint16_t name_len;
};

struct lane {
    uint8_t *bytes; /* items, packed */
    size_t bytes_len;
    size_t *offsets; /* of the items in `bytes` */
    size_t offsets_len, offsets_cap;
    uint64_t number; /* of the lane's next transfer */
};

struct run {
    uint64_t at, end; /* where its unread part lies in the file */
    uint8_t *bytes;   /* read ahead */
    size_t pos, len;
    struct item item; /* the next one */
    const char *name; /* in `bytes` */
};

struct analysis_transfers {
    int fd; /* unnamed; -1 after a failure */
    int errnum;
    uint64_t file_len;
    struct run *runs;
    size_t runs_len, runs_cap;
    pthread_mutex_t lock; /* the four above */
    unsigned lanes_len;
    struct lane lanes[];
};

int analysis_transfers_new(struct analysis_transfers **out, const char *dir, unsigned lanes,
                           char why[ANALYSIS_WHY_MAX])
{
    struct analysis_transfers *t = calloc(1, sizeof(*t) + lanes * sizeof(t->lanes[0]));
    char path[ANALYSIS_PATH_MAX];

    if (t == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    t->lanes_len = lanes;
    pthread_mutex_init(&t->lock, NULL);
    int n = snprintf(path, sizeof(path), "%s/.transfers.XXXXXX", dir);
    t->fd = n < 0 || (size_t)n >= sizeof(path) ? -1 : mkostemp(path, O_CLOEXEC);
    if (t->fd < 0) {
        int rc = sim_err_from_errno(errno);
        snprintf(why, ANALYSIS_WHY_MAX, "can't write in %.300s: %s", dir, strerror(errno));
        analysis_transfers_free(t);
        return rc;
    }
    unlink(path);
    *out = t;
    return 0;
}

void analysis_transfers_free(struct analysis_transfers *t)
{
    if (t == NULL) {
        return;
    }
    for (unsigned i = 0; i < t->lanes_len; i++) {
        free(t->lanes[i].bytes);
        free(t->lanes[i].offsets);
    }
    for (size_t i = 0; i < t->runs_len; i++) {
        free(t->runs[i].bytes);
    }
    free(t->runs);
    if (t->fd >= 0) {
        close(t->fd);
    }
    pthread_mutex_destroy(&t->lock);
    free(t);
}

static int compare_items(const struct item *a, const struct item *b)
{
    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    if (a->node != b->node) {
        return a->node < b->node ? -1 : 1;
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

/* With the lock held. */
static void put(struct analysis_transfers *t, const uint8_t *bytes, size_t len)
{
    while (len > 0 && t->errnum == 0) {
        ssize_t n = pwrite(t->fd, bytes, len, (off_t)t->file_len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            t->errnum = n < 0 ? errno : EIO;
            return;
        }
        bytes += n;
        len -= (size_t)n;
        t->file_len += (size_t)n;
    }
}

static void spill(struct analysis_transfers *t, struct lane *lane)
{
    uint8_t *sorted = malloc(lane->bytes_len);
    size_t len = 0;

    qsort_r(lane->offsets, lane->offsets_len, sizeof(size_t), compare_offsets, lane->bytes);
    pthread_mutex_lock(&t->lock);
    if (t->runs_len == t->runs_cap) {
        size_t cap = t->runs_cap == 0 ? 16 : 2 * t->runs_cap;
        struct run *grown = realloc(t->runs, cap * sizeof(*grown));
        if (grown != NULL) {
            t->runs = grown;
            t->runs_cap = cap;
        }
    }
    if (sorted == NULL || t->runs_len == t->runs_cap) {
        t->errnum = ENOMEM;
    } else {
        for (size_t i = 0; i < lane->offsets_len; i++) {
            struct item item;
            const uint8_t *from = lane->bytes + lane->offsets[i];
            memcpy(&item, from, sizeof(item));
            memcpy(sorted + len, from, sizeof(item) + item.name_len);
            len += sizeof(item) + item.name_len;
        }
        struct run run = {.at = t->file_len, .end = t->file_len + len};
        put(t, sorted, len);
        t->runs[t->runs_len++] = run;
    }
    pthread_mutex_unlock(&t->lock);
    free(sorted);
    lane->bytes_len = 0;
    lane->offsets_len = 0;
}

/* Room for one more item of `len` bytes; false when out of memory. */
static bool make_room(struct analysis_transfers *t, struct lane *lane, size_t len)
{
    if (lane->bytes == NULL && (lane->bytes = malloc(BUFFER_BYTES)) == NULL) {
        return false;
    }
    if (lane->bytes_len + len > BUFFER_BYTES) {
        spill(t, lane);
    }
    if (lane->offsets_len == lane->offsets_cap) {
        size_t cap = lane->offsets_cap == 0 ? 1024 : 2 * lane->offsets_cap;
        size_t *grown = realloc(lane->offsets, cap * sizeof(*grown));
        if (grown == NULL) {
            return false;
        }
        lane->offsets = grown;
        lane->offsets_cap = cap;
    }
    return true;
}

void analysis_transfers_add(struct analysis_transfers *t, unsigned lane_number,
                            const struct analysis_transfer *transfer)
{
    assert(lane_number < t->lanes_len);
    struct lane *lane = &t->lanes[lane_number];
    size_t name_len = strnlen(transfer->name, NAME_MAX_BYTES);
    struct item item = {
        .start = transfer->start,
        .end = transfer->end,
        .bytes = transfer->bytes,
        .number = lane->number++,
        .node = transfer->node,
        .phone = transfer->phone,
        .from = transfer->from,
        .status = (int16_t)transfer->status,
        .name_len = (uint16_t)name_len,
    };

    if (!make_room(t, lane, sizeof(item) + name_len)) {
        pthread_mutex_lock(&t->lock);
        t->errnum = ENOMEM;
        pthread_mutex_unlock(&t->lock);
        return;
    }
    lane->offsets[lane->offsets_len++] = lane->bytes_len;
    memcpy(lane->bytes + lane->bytes_len, &item, sizeof(item));
    memcpy(lane->bytes + lane->bytes_len + sizeof(item), transfer->name, name_len);
    lane->bytes_len += sizeof(item) + name_len;
}

/* At least `need` bytes from `pos` on in the read-ahead; 0 or an errno. */
static int fill(struct analysis_transfers *t, struct run *run, size_t need)
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
        ssize_t n = want == 0 ? 0 : pread(t->fd, run->bytes + run->len, want, (off_t)run->at);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? errno : EIO;
        }
        run->at += (uint64_t)n;
        run->len += (size_t)n;
    }
    return 0;
}

/* Moves to the run's next item: 1, 0 at its end, or a negated errno. */
static int advance(struct analysis_transfers *t, struct run *run)
{
    if (run->pos == run->len && run->at == run->end) {
        return 0;
    }
    int errnum = fill(t, run, sizeof(run->item));
    if (errnum == 0) {
        memcpy(&run->item, run->bytes + run->pos, sizeof(run->item));
        errnum = fill(t, run, sizeof(run->item) + run->item.name_len);
    }
    if (errnum != 0) {
        return -errnum;
    }
    run->name = (const char *)run->bytes + run->pos + sizeof(run->item);
    run->pos += sizeof(run->item) + run->item.name_len;
    return 1;
}

static const char *outcome_text(int status)
{
    switch (status) {
    case 0:
        return "ok";
    case ANALYSIS_TRANSFER_CUT_OFF:
        return "cut off";
    case ANALYSIS_TRANSFER_UNFINISHED:
        return "unfinished";
    default:
        return sim_err_text(status);
    }
}

static void write_row(struct analysis_output *to, const struct run *run)
{
    char phone[SIM_ADDR_TEXT_MAX], from[SIM_ADDR_TEXT_MAX];
    char name[NAME_MAX_BYTES + 1];
    const struct item *item = &run->item;

    memcpy(name, run->name, item->name_len);
    name[item->name_len] = '\0';
    analysis_output_print(to, "%s,", sim_addr_format(item->phone, phone));
    analysis_output_field(to, name);
    analysis_output_print(to, ",%s,%s,",
                          item->from == 0 ? "server" : sim_addr_format(item->from, from),
                          item->from == 0 ? "server" : "peer");
    analysis_output_seconds(to, item->start);
    analysis_output_print(to, ",");
    analysis_output_seconds(to, item->end);
    analysis_output_print(to, ",");
    if (item->bytes != ANALYSIS_TRANSFER_NO_BYTES) {
        analysis_output_print(to, "%llu", (unsigned long long)item->bytes);
    }
    analysis_output_print(to, ",%s\n", outcome_text(item->status));
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

/* Merges all runs into rows; `heap` has room for them. 0 or an errno. */
static int merge(struct analysis_transfers *t, struct run **heap, struct analysis_output *to)
{
    size_t len = 0;

    for (size_t i = 0; i < t->runs_len; i++) {
        struct run *run = &t->runs[i];
        if ((run->bytes = malloc(READ_BYTES)) == NULL) {
            return ENOMEM;
        }
        int rc = advance(t, run);
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
        write_row(to, heap[0]);
        int rc = advance(t, heap[0]);
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

int analysis_transfers_write(struct analysis_transfers *t, struct analysis_output *to,
                             char why[ANALYSIS_WHY_MAX])
{
    for (unsigned i = 0; i < t->lanes_len; i++) {
        if (t->lanes[i].bytes_len > 0) {
            spill(t, &t->lanes[i]);
        }
    }
    int errnum = t->errnum;
    analysis_output_print(to, "phone,file,from,via,start_s,end_s,bytes,outcome\n");
    if (errnum == 0) {
        struct run **heap = malloc((t->runs_len + 1) * sizeof(struct run *));
        errnum = heap == NULL ? ENOMEM : merge(t, heap, to);
        free(heap);
    }
    if (errnum == 0) {
        return 0;
    }
    snprintf(why, ANALYSIS_WHY_MAX, "can't keep the list of transfers: %s%s", strerror(errnum),
             errnum == ENOSPC ? "; free some space or choose another folder with --out" : "");
    return sim_err_from_errno(errnum);
}
