/* phones/upgrade/fetcher.c -- see fetcher.h. It leaves out redirects and ranges: the world's
 * business. */
#include "phones/upgrade/fetcher.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/rng.h"

enum {
    FETCHER_BACKOFF_DOUBLES = 5, /* timeout x 32 is the longest wait: our choice */
};

void fetcher_init(struct fetcher *f, struct sim_world *world, sim_node node,
                  const struct fetcher_policy *policy)
{
    assert(policy->protocols_len >= 1 && policy->protocols_len <= SIM_PROTOCOLS_MAX);
    *f = (struct fetcher){
        .world = world,
        .node = node,
        .policy = policy,
        .state = FETCHER_IDLE,
        .deadline = SIM_NEVER,
    };
}

static void enter(struct fetcher *f, enum fetcher_state state, sim_time deadline)
{
    f->state = state;
    f->deadline = deadline;
}

static void fail(struct fetcher *f, int status, const char *phrase)
{
    f->status = status;
    snprintf(f->reason, sizeof(f->reason), "%s: %s", f->name, phrase);
    enter(f, FETCHER_FAILED, SIM_NEVER);
}

static bool is_last_protocol(const struct fetcher *f)
{
    for (uint32_t i = f->protocol + 1; i < f->policy->protocols_len; i++) {
        if ((f->given_up & (1u << i)) == 0) {
            return false;
        }
    }
    return true;
}

static void record_begin(struct fetcher *f, sim_time now)
{
    if (f->job.is_firmware) {
        sim_world_record(f->world, &(struct sim_record){.at = now,
                                                        .node = f->node,
                                                        .kind = SIM_RECORD_TRANSFER_BEGIN,
                                                        .name = f->name,
                                                        .b = f->size_before});
    }
}

static void record_end(struct fetcher *f, sim_time now, int status, uint64_t bytes,
                       const char *text)
{
    if (f->job.is_firmware) {
        sim_world_record(f->world, &(struct sim_record){.at = now,
                                                        .node = f->node,
                                                        .kind = SIM_RECORD_TRANSFER_END,
                                                        .name = f->name,
                                                        .a = (uint32_t)-status,
                                                        .b = bytes,
                                                        .c = f->trial_began,
                                                        .text = status != 0 ? text : NULL});
    }
}

static void try_now(struct fetcher *f, sim_time now)
{
    struct sim_fetch_request request = {
        .place = f->job.place,
        .protocol = f->policy->protocols[f->protocol],
        .path = f->name,
        .is_firmware = f->job.is_firmware,
        .file = f->job.file,
        .notify_every = f->job.notify_every,
    };
    f->attempt++;
    f->trial_began = now;
    f->size_before = f->job.file != 0 ? sim_world_file_size(f->world, f->job.file) : 0;
    if (f->size_before > 0) {
        sim_world_record(f->world, &(struct sim_record){.at = now,
                                                        .node = f->node,
                                                        .kind = SIM_RECORD_RESUME,
                                                        .name = f->name,
                                                        .b = f->size_before});
    }
    record_begin(f, now);
    int rc = sim_world_fetch(f->world, f->node, &request, &f->fetch);
    if (rc != 0) {
        record_end(f, now, rc, 0, sim_err_text(rc));
        fail(f, rc, sim_err_text(rc));
        return;
    }
    enter(f, FETCHER_EXPECT_ANSWER, SIM_NEVER);
}

static void retry_record(struct fetcher *f, sim_time now, const char *why)
{
    f->retries_total++;
    snprintf(f->reason, sizeof(f->reason), "%s: %s", f->name, why); /* until it has an end */
    sim_world_record(f->world, &(struct sim_record){.at = now,
                                                    .node = f->node,
                                                    .kind = SIM_RECORD_RETRY,
                                                    .name = f->name,
                                                    .a = f->attempt,
                                                    .text = why});
}

static void back_off(struct fetcher *f, sim_time now)
{
    uint32_t doubles = f->attempt - 1;
    if (doubles > FETCHER_BACKOFF_DOUBLES) {
        doubles = FETCHER_BACKOFF_DOUBLES;
    }
    sim_duration wait = f->policy->timeout << doubles;
    struct sim_rng *rng = sim_world_rng(f->world, f->node);
    wait = wait / 2 + sim_rng_between(rng, 0, wait);
    enter(f, FETCHER_BACKOFF, sim_time_add(now, wait));
}

void fetcher_start(struct fetcher *f, sim_time now, const struct fetcher_job *job)
{
    assert(f->state != FETCHER_EXPECT_ANSWER && f->state != FETCHER_BACKOFF);
    assert(!job->has_digest || job->file != 0);
    f->job = *job;
    size_t len = strnlen(job->name, sizeof(f->name) - 1);
    memcpy(f->name, job->name, len);
    f->name[len] = '\0';
    f->job.name = f->name;
    f->attempt = 0;
    f->reason[0] = '\0';
    f->status = 0;
    f->protocol = 0;
    while (!is_last_protocol(f) && (f->given_up & (1u << f->protocol)) != 0) {
        f->protocol++;
    }
    try_now(f, now);
}

/* The copy's size now; 0 when it has gone (the power went). */
static uint64_t copy_size(const struct fetcher *f)
{
    return f->job.file != 0 ? sim_world_file_size(f->world, f->job.file) : 0;
}

/* Bytes that the present trial has added to the copy. */
static uint64_t bytes_moved(const struct fetcher *f, uint64_t size)
{
    return size > f->size_before ? size - f->size_before : 0;
}

void fetcher_cancel_at(struct fetcher *f, uint64_t size)
{
    if (f->state == FETCHER_EXPECT_ANSWER) {
        sim_world_fetch_cancel(f->world, f->fetch);
        record_end(f, sim_world_now(f->world), SIM_ECANCELED, bytes_moved(f, size),
                   sim_err_text(SIM_ECANCELED));
    }
    f->fetch = 0;
    enter(f, FETCHER_IDLE, SIM_NEVER);
}

void fetcher_cancel(struct fetcher *f)
{
    fetcher_cancel_at(f, f->state == FETCHER_EXPECT_ANSWER ? copy_size(f) : 0);
}

/* What may pass by itself is worth another trial; a plain "no" is not. */
static bool may_pass(int status)
{
    switch (status) {
    case SIM_ENOTFOUND:
    case SIM_EACCES:
    case SIM_EUNSUPPORTED:
    case SIM_ELIMIT:
    case SIM_ETLS:
    case SIM_ENOSPC:
        return false;
    default:
        return true;
    }
}

/* Failures of the transport itself, not of the file asked for. */
static bool is_transport_failure(int status)
{
    return status == SIM_EREFUSED || status == SIM_EUNREACHABLE || status == SIM_ETIMEDOUT ||
           status == SIM_ETLS || status == SIM_EUNSUPPORTED;
}

static void trial_failed(struct fetcher *f, sim_time now, int status, const char *phrase)
{
    if (status == SIM_ENOTFOUND && f->job.is_optional) {
        fail(f, status, phrase);
        return;
    }
    if (!is_last_protocol(f)) {
        if (is_transport_failure(status)) {
            f->given_up |= 1u << f->protocol;
        }
        retry_record(f, now, phrase);
        do {
            f->protocol++;
        } while (!is_last_protocol(f) && (f->given_up & (1u << f->protocol)) != 0);
        f->attempt = 0;
        try_now(f, now);
        return;
    }
    /* TFTP has sent every datagram 1 + retries times by itself: silence after that is an answer. */
    bool is_silence = (status == SIM_ETIMEDOUT || status == SIM_ESTALLED) &&
                      f->policy->protocols[f->protocol] == SIM_PROTOCOL_TFTP;
    if (!may_pass(status) || is_silence || f->attempt > f->policy->retries) {
        fail(f, status, phrase);
        return;
    }
    retry_record(f, now, phrase);
    back_off(f, now);
}

static bool digest_is_right(struct fetcher *f)
{
    struct sim_digest got;
    if (!f->job.has_digest) {
        return true;
    }
    return sim_world_file_digest(f->world, f->job.file, &got) == 0 &&
           sim_digest_equal(&got, &f->job.digest);
}

bool fetcher_fetch_done(struct fetcher *f, sim_time now, sim_fetch fetch,
                        const struct sim_fetch_result *result)
{
    if (f->state != FETCHER_EXPECT_ANSWER || fetch != f->fetch) {
        return false;
    }
    f->fetch = 0;
    if (result->status != 0) {
        record_end(f, now, result->status, result->bytes, result->reason);
        const char *phrase = result->reason != NULL && result->reason[0] != '\0'
                                 ? result->reason
                                 : sim_err_text(result->status);
        trial_failed(f, now, result->status, phrase);
        return true;
    }
    if (!digest_is_right(f)) {
        static const char text[] = "wrong digest of the server's copy";
        record_end(f, now, SIM_EDIGEST, result->bytes, text);
        sim_world_record(f->world, &(struct sim_record){.at = now,
                                                        .node = f->node,
                                                        .kind = SIM_RECORD_REJECT,
                                                        .name = f->name,
                                                        .text = text});
        fail(f, SIM_EDIGEST, text);
        return true;
    }
    record_end(f, now, 0, result->bytes, NULL);
    enter(f, FETCHER_DONE, SIM_NEVER);
    return true;
}

void fetcher_wake(struct fetcher *f, sim_time now)
{
    if (f->state == FETCHER_BACKOFF && now >= f->deadline) {
        try_now(f, now);
    }
}

void fetcher_forget(struct fetcher *f)
{
    f->given_up = 0;
}
