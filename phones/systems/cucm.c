/* phones/systems/cucm.c -- see cucm.h. It leaves out signed and encrypted configurations and the
 * locale files. */
#include "phones/systems/cucm.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "sim/err.h"

void cucm_init(struct cucm *c, struct fetcher *fetcher, const char *model, uint64_t mac)
{
    *c = (struct cucm){.state = CUCM_IDLE, .fetcher = fetcher, .model = model, .mac = mac};
}

static void ask(struct cucm *c, sim_time now, enum cucm_state state)
{
    char name[64];
    unsigned long long mac = c->mac;
    switch (state) {
    case CUCM_EXPECT_CTL:
        snprintf(name, sizeof(name), "CTLSEP%012llX.tlv", mac);
        break;
    case CUCM_EXPECT_ITL_OF_PHONE:
        snprintf(name, sizeof(name), "ITLSEP%012llX.tlv", mac);
        break;
    case CUCM_EXPECT_ITL:
        snprintf(name, sizeof(name), "ITLFile.tlv");
        break;
    case CUCM_EXPECT_CONFIG:
        snprintf(name, sizeof(name), "SEP%012llX.cnf.xml", mac);
        break;
    case CUCM_EXPECT_DEFAULT:
        snprintf(name, sizeof(name), "XMLDefault.cnf.xml");
        break;
    case CUCM_IDLE:
    case CUCM_DONE:
    case CUCM_FAILED:
        assert(false && "nothing to ask for in this state");
    }
    struct fetcher_job job = {
        .name = name,
        .place = SIM_SERVER_WAN,
        .is_optional = state != CUCM_EXPECT_DEFAULT,
    };
    c->state = state;
    fetcher_start(c->fetcher, now, &job);
    if (c->fetcher->state == FETCHER_FAILED) {
        c->state = CUCM_FAILED;
    }
}

void cucm_start(struct cucm *c, sim_time now)
{
    assert(c->state == CUCM_IDLE || c->state == CUCM_DONE || c->state == CUCM_FAILED);
    fetcher_forget(c->fetcher);
    ask(c, now, CUCM_EXPECT_CTL);
}

static void read_config(struct cucm *c, const struct sim_fetch_result *result, struct cnf *config,
                        char reason[FETCHER_REASON_MAX])
{
    int rc = cnf_parse(result->data, result->data_len, c->model, config);
    if (rc != 0) {
        snprintf(reason, FETCHER_REASON_MAX, "%.200s: not a phone configuration", c->fetcher->name);
        c->state = CUCM_FAILED;
        return;
    }
    c->state = CUCM_DONE;
}

void cucm_fetch_done(struct cucm *c, sim_time now, const struct sim_fetch_result *result,
                     struct cnf *config, char reason[FETCHER_REASON_MAX])
{
    struct fetcher *f = c->fetcher;
    if (f->state != FETCHER_DONE && f->state != FETCHER_FAILED) {
        return;
    }
    bool is_here = f->state == FETCHER_DONE;
    bool is_missing = !is_here && f->status == SIM_ENOTFOUND;
    if (!is_here && !is_missing) {
        snprintf(reason, FETCHER_REASON_MAX, "%s", f->reason);
        c->state = CUCM_FAILED;
        return;
    }
    switch (c->state) {
    case CUCM_EXPECT_CTL:
        ask(c, now, CUCM_EXPECT_ITL_OF_PHONE);
        break;
    case CUCM_EXPECT_ITL_OF_PHONE:
        ask(c, now, CUCM_EXPECT_ITL);
        break;
    case CUCM_EXPECT_ITL:
        ask(c, now, CUCM_EXPECT_CONFIG);
        break;
    case CUCM_EXPECT_CONFIG:
        if (is_here) {
            read_config(c, result, config, reason);
        } else {
            ask(c, now, CUCM_EXPECT_DEFAULT);
        }
        break;
    case CUCM_EXPECT_DEFAULT:
        if (is_here) {
            read_config(c, result, config, reason);
        } else {
            snprintf(reason, FETCHER_REASON_MAX, "no configuration: %.250s", f->reason);
            c->state = CUCM_FAILED;
        }
        break;
    case CUCM_IDLE:
    case CUCM_DONE:
    case CUCM_FAILED:
        return;
    }
    if (c->state == CUCM_FAILED && reason[0] == '\0') {
        snprintf(reason, FETCHER_REASON_MAX, "%s", f->reason);
    }
}

void cucm_stop(struct cucm *c)
{
    if (c->state != CUCM_IDLE && c->state != CUCM_DONE && c->state != CUCM_FAILED) {
        fetcher_cancel(c->fetcher);
    }
    c->state = CUCM_IDLE;
}
