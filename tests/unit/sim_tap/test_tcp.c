/* Goal: a connection's packets fit one another: sequence numbers without gaps, acknowledgements of
 * what was seen, instants that never go back, nothing behind the end. Method: a receiver of our own
 * that keeps count. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/tap/inner.h"

struct heard {
    size_t len;
    sim_time last;
    bool known[2];
    uint32_t next[2]; /* sequence number that each end must use */
    uint64_t bytes[2];
    uint8_t flags; /* of the latest packet */
    sim_time first_body, last_body;
};

static void hear(void *context, unsigned lane, const struct sim_packet *p)
{
    struct heard *h = context;
    unsigned side = p->from == 1 ? 0 : 1;

    cr_assert_eq(lane, 3u);
    cr_assert(p->is_tcp);
    cr_assert_geq(p->at, h->last, "packet %zu goes back", h->len);
    cr_assert_leq(p->bytes_len, p->payload_len);
    if (h->known[side]) {
        cr_assert_eq(p->seq, h->next[side], "packet %zu: a gap", h->len);
    }
    if ((p->flags & SIM_TAP_ACK) != 0) {
        cr_assert_eq(p->ack, h->next[side ^ 1], "packet %zu: acknowledges what was not seen",
                     h->len);
    }
    h->known[side] = true;
    h->next[side] = p->seq + p->payload_len + ((p->flags & (SIM_TAP_SYN | SIM_TAP_FIN)) != 0);
    h->bytes[side] += p->payload_len;
    if (p->payload_len > 100) {
        h->first_body = h->first_body == 0 ? p->at : h->first_body;
        h->last_body = p->at;
    }
    h->flags = p->flags;
    h->last = p->at;
    h->len++;
}

static void begin(struct sim_tap_world *t, struct tap_tcp *c, struct heard *h)
{
    memset(h, 0, sizeof(*h));
    *t = (struct sim_tap_world){.config = {.tap = {hear, h}, .lane = 3}};
    *c = (struct tap_tcp){
        .ends = {{.node = 0, .addr = 1, .port = 49152}, {.node = 1, .addr = 2, .port = 4051}}};
    tap_tcp_init(c, 0, 100);
    tap_tcp_send(t, c, 0, 100, SIM_TAP_SYN, NULL, 0, 0);
    tap_tcp_open(t, c, 200);
}

Test(tcp, is_whole_from_opening_to_end)
{
    struct sim_tap_world t;
    struct tap_tcp c;
    struct heard h;
    const struct tap_body body = {.content = NULL};

    begin(&t, &c, &h);
    cr_assert_eq(h.len, 3u);
    tap_tcp_send(&t, &c, 0, 300, SIM_TAP_PSH | SIM_TAP_ACK, (const uint8_t *)"hello", 5, 5);
    tap_tcp_body(&t, &c, 1, &body, 0, 200000, 1000, 5000);
    cr_assert_eq(h.bytes[0], 5u);
    cr_assert_eq(h.bytes[1], 200000u);
    cr_assert_gt(h.first_body, (sim_time)1000);
    cr_assert_eq(h.last_body, (sim_time)5000);
    tap_tcp_send(&t, &c, 0, 4000, SIM_TAP_PSH | SIM_TAP_ACK, (const uint8_t *)"late", 4, 4);
    tap_tcp_fin(&t, &c, 1, 6000);
    tap_tcp_fin(&t, &c, 1, 6000); /* twice is fine */
    tap_tcp_fin(&t, &c, 0, 7000);
    cr_assert_eq(h.flags, SIM_TAP_ACK, "the last word is an ACK");
    cr_assert(c.over);
    size_t len = h.len;
    tap_tcp_send(&t, &c, 0, 8000, SIM_TAP_ACK, NULL, 0, 0);
    tap_tcp_reset(&t, &c, 1, 8000);
    cr_assert_eq(h.len, len, "something came behind the end");
}

Test(tcp, says_nothing_behind_a_reset)
{
    struct sim_tap_world t;
    struct tap_tcp c;
    struct heard h;

    begin(&t, &c, &h);
    tap_tcp_reset(&t, &c, 1, 400);
    size_t len = h.len;
    tap_tcp_fin(&t, &c, 0, 500);
    tap_tcp_body(&t, &c, 0, NULL, 0, 5000, 400, 500);
    cr_assert_eq(h.len, len);
}

/* Segments begin where the one before ended, evenly over the time. */
Test(tcp, paces_a_body)
{
    struct sim_tap_world t;
    struct tap_tcp c;
    struct heard h;
    const uint64_t len = 10 * (uint64_t)TAP_SEGMENT;

    begin(&t, &c, &h);
    tap_tcp_body(&t, &c, 0, NULL, 0, len, 1000, 2000);
    cr_assert_eq(h.first_body, (sim_time)1100);
    cr_assert_eq(h.last_body, (sim_time)2000);
    cr_assert_eq(h.bytes[0], len);
    cr_assert_eq(h.len, 3u + 20u);
}
