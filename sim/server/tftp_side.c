/* sim/server/tftp_side.c -- see tftp_side.h. The TFTP itself is in tftp_server.c and sim/tftp. */
#include "sim/server/tftp_side.h"

#include <stdlib.h>

#include "sim/err.h"
#include "sim/server/folder.h"
#include "sim/server/name.h"
#include "sim/server/tftp_server.h"

#include <string.h>

/* A transfer in the line for a place. */
struct waiter {
    struct sim_server_node node;
    struct server_tftp_transfer *transfer;
};

struct sim_server_tftp {
    struct sim_server_common *common;
    struct server_tftp *server;
    int upload_folder;
    struct waiter *spare; /* so that only those who wait cost memory; NULL: none at hand */
};

static int open_file(void *context, const char *name, void **handle, uint64_t *size)
{
    struct sim_server_tftp *tftp = context;
    struct sim_server_file *file = malloc(sizeof(*file));
    if (file == NULL) {
        return SIM_ENOMEM;
    }
    int rc = sim_server_file_open(&tftp->common->source, name, file);
    if (rc != 0) {
        free(file);
        return rc == SIM_EINVAL ? SIM_EACCES : rc; /* there is no error code for a malformed name */
    }
    *handle = file;
    *size = file->size;
    return 0;
}

static size_t read_file(void *context, void *handle, uint64_t offset, void *bytes, size_t len)
{
    (void)context;
    return sim_server_file_read(handle, offset, bytes, len);
}

static void close_file(void *context, void *handle)
{
    (void)context;
    sim_server_file_close(handle);
    free(handle);
}

static int create_upload(void *context, const char *name, uint64_t size, void **handle)
{
    struct sim_server_tftp *tftp = context;
    struct sim_server_upload *upload;
    if (sim_server_name_check(name, strlen(name)) != SIM_SERVER_NAME_OK) {
        return SIM_EACCES;
    }
    if (size != UINT64_MAX && size > SIM_SERVER_UPLOAD_MAX) {
        return SIM_ENOSPC;
    }
    int rc = sim_server_upload_new(&upload, tftp->upload_folder, name);
    if (rc == 0) {
        *handle = upload;
    }
    return rc;
}

static int write_upload(void *context, void *handle, const void *bytes, size_t len)
{
    (void)context;
    return sim_server_upload_write(handle, bytes, len);
}

static int close_upload(void *context, void *handle, bool complete)
{
    (void)context;
    return sim_server_upload_close(handle, complete);
}

static enum server_tftp_admission admit(void *context, struct server_tftp_transfer *transfer)
{
    struct sim_server_tftp *tftp = context;
    struct waiter *waiter = tftp->spare;
    if (waiter == NULL) {
        waiter = tftp->spare = malloc(sizeof(*waiter));
        if (waiter == NULL) {
            return SERVER_TFTP_REFUSED;
        }
    }
    *waiter = (struct waiter){.node = {.owner = waiter, .kind = SIM_SERVER_WAITER_TFTP},
                              .transfer = transfer};
    switch (sim_server_places_ask(&tftp->common->places, &waiter->node)) {
    case SIM_SERVER_PLACE_GRANTED:
        return SERVER_TFTP_ADMITTED;
    case SIM_SERVER_PLACE_QUEUED:
        tftp->spare = NULL;
        server_tftp_set_tag(transfer, waiter);
        return SERVER_TFTP_QUEUED;
    case SIM_SERVER_PLACE_REFUSED:
        break;
    }
    return SERVER_TFTP_REFUSED;
}

void sim_server_tftp_granted(struct sim_server_node *node)
{
    struct waiter *waiter = node->owner;
    struct server_tftp_transfer *transfer = waiter->transfer;
    free(waiter);
    server_tftp_set_tag(transfer, NULL);
    server_tftp_granted(transfer);
}

static void withdraw(void *context, struct server_tftp_transfer *transfer)
{
    struct waiter *waiter = server_tftp_tag(transfer);
    (void)context;
    if (waiter != NULL) {
        sim_server_node_leave(&waiter->node);
        server_tftp_set_tag(transfer, NULL);
        free(waiter);
    }
}

static void release(void *context)
{
    struct sim_server_tftp *tftp = context;
    sim_server_places_release(&tftp->common->places);
}

static sim_time take(void *context, sim_time now, size_t bytes)
{
    struct sim_server_tftp *tftp = context;
    return sim_server_uplink_take(&tftp->common->uplink, now, bytes);
}

static void report(void *context, const struct server_tftp_report *r)
{
    struct sim_server_tftp *tftp = context;
    struct sim_server_counters *counters = tftp->common->counters;
    struct sim_server_log_line line = {
        .client = r->client,
        .port = r->client_port,
        .protocol = "tftp",
        .method = r->write ? "WRQ" : "RRQ",
        .name = r->name,
        .status = r->status == 0 ? 0 : r->code,
        .bytes = r->payload,
        .took = r->took,
    };
    sim_server_count(&counters->payload_bytes, r->write ? 0 : r->payload);
    sim_server_count(&counters->bytes, r->bytes);
    if (r->status == SIM_ENOTFOUND) {
        sim_server_count(&counters->not_found, 1);
    } else if (r->status != 0 && r->status != SIM_EBUSY) {
        sim_server_count(&counters->errors, 1);
    }
    sim_server_count(&counters->requests, 1); /* last: who sees it sees the rest of the request */
    sim_server_log_write(tftp->common->log, &line);
}

int sim_server_tftp_new(struct sim_server_tftp **out, struct sim_server_common *common,
                        uv_loop_t *loop, const struct sim_server_config *config, int upload_folder)
{
    struct sim_server_tftp *tftp = calloc(1, sizeof(*tftp));
    if (tftp == NULL) {
        return SIM_ENOMEM;
    }
    tftp->common = common;
    tftp->upload_folder = upload_folder;
    struct server_tftp_sink sink = {tftp, create_upload, write_upload, close_upload};
    struct server_tftp_config c = {
        .bind_addr = config->bind_addr,
        .port = config->tftp_port,
        .source = {tftp, open_file, read_file, close_file},
        .sink = upload_folder >= 0 ? &sink : NULL,
        .hooks = {.context = tftp,
                  .admit = admit,
                  .release = release,
                  .withdraw = withdraw,
                  .take = common->uplink.bit_s == SIM_RATE_NONE ? NULL : take,
                  .report = report},
        .response_time = config->response_time,
        .blksize_max = config->tftp_blksize_max,
        .windowsize_max = config->tftp_windowsize_max,
        .timeout = config->tftp_timeout,
        .retries = config->tftp_retries,
    };
    int rc = server_tftp_new(&tftp->server, loop, &c);
    if (rc != 0) {
        free(tftp);
        return rc;
    }
    *out = tftp;
    return 0;
}

uint16_t sim_server_tftp_port(const struct sim_server_tftp *tftp)
{
    return server_tftp_port(tftp->server);
}

static void on_closed(void *context)
{
    struct sim_server_tftp *tftp = context;
    free(tftp->spare);
    free(tftp);
}

void sim_server_tftp_close(struct sim_server_tftp *tftp)
{
    server_tftp_close(tftp->server, on_closed, tftp);
}
