/* analysis/transfers.c -- rows of transfers.csv, sorted by (end, node, number in its lane). */
#include "analysis/transfers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/sort.h"
#include "sim/err.h"

enum { NAME_MAX_BYTES = 1023 }; /* longer names are cut */

/* As it is sorted, the name without its NUL behind it. */
struct item {
    uint64_t start, end, bytes;
    uint32_t node, phone, from;
    int32_t status;
};

struct analysis_transfers {
    struct analysis_sort *sort;
};

int analysis_transfers_new(struct analysis_transfers **out, const char *dir, unsigned lanes,
                           char why[ANALYSIS_WHY_MAX])
{
    struct analysis_transfers *t = calloc(1, sizeof(*t));

    if (t == NULL) {
        snprintf(why, ANALYSIS_WHY_MAX, "%s", sim_err_text(SIM_ENOMEM));
        return SIM_ENOMEM;
    }
    int rc = analysis_sort_new(&t->sort, dir, lanes, why);
    if (rc != 0) {
        free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void analysis_transfers_free(struct analysis_transfers *t)
{
    if (t != NULL) {
        analysis_sort_free(t->sort);
        free(t);
    }
}

void analysis_transfers_add(struct analysis_transfers *t, unsigned lane,
                            const struct analysis_transfer *transfer)
{
    struct item item;

    memset(&item, 0, sizeof(item)); /* its gaps go to the file too */
    item.start = transfer->start;
    item.end = transfer->end;
    item.bytes = transfer->bytes;
    item.node = transfer->node;
    item.phone = transfer->phone;
    item.from = transfer->from;
    item.status = transfer->status;
    analysis_sort_add(t->sort, lane, item.end, transfer->node, &item, sizeof(item), transfer->name,
                      strnlen(transfer->name, NAME_MAX_BYTES));
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

struct writing {
    struct analysis_output *to;
    const struct analysis_transfers_reader *also;
};

static void tell(const struct analysis_transfers_reader *to, const struct item *item,
                 const char *name)
{
    const struct analysis_transfer transfer = {
        .start = item->start,
        .end = item->end,
        .node = item->node,
        .phone = item->phone,
        .from = item->from,
        .bytes = item->bytes,
        .status = item->status,
        .name = name,
    };
    to->read(to->context, &transfer);
}

static void write_row(void *context, const void *bytes, size_t len)
{
    const struct writing *w = context;
    struct analysis_output *to = w->to;
    char phone[SIM_ADDR_TEXT_MAX], from[SIM_ADDR_TEXT_MAX];
    char name[NAME_MAX_BYTES + 1];
    size_t name_len = len - sizeof(struct item);
    struct item item;

    assert(len >= sizeof(item) && name_len <= NAME_MAX_BYTES);
    memcpy(&item, bytes, sizeof(item));
    memcpy(name, (const char *)bytes + sizeof(item), name_len);
    name[name_len] = '\0';
    analysis_output_print(to, "%s,", sim_addr_format(item.phone, phone));
    analysis_output_field(to, name);
    analysis_output_print(to, ",%s,%s,",
                          item.from == 0 ? "server" : sim_addr_format(item.from, from),
                          item.from == 0 ? "server" : "peer");
    analysis_output_seconds(to, item.start);
    analysis_output_print(to, ",");
    analysis_output_seconds(to, item.end);
    analysis_output_print(to, ",");
    if (item.bytes != ANALYSIS_TRANSFER_NO_BYTES) {
        analysis_output_print(to, "%llu", (unsigned long long)item.bytes);
    }
    analysis_output_print(to, ",%s\n", outcome_text(item.status));
    if (w->also != NULL) {
        tell(w->also, &item, name);
    }
}

int analysis_transfers_write(struct analysis_transfers *t, struct analysis_output *to,
                             const struct analysis_transfers_reader *also,
                             char why[ANALYSIS_WHY_MAX])
{
    struct writing w = {.to = to, .also = also};

    analysis_output_print(to, "phone,file,from,via,start_s,end_s,bytes,outcome\n");
    return analysis_sort_read(t->sort, write_row, &w, "the list of transfers", why);
}
