/* Goal: what sockets tell of requests to a server becomes packets that a reader understands: a head
 * in one packet with the first bytes behind it, bodies cut short, errors whole, nothing lost, no
 * gap. Method: events by hand, one phone; a receiver of our own that keeps count. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/tap/inner.h"

#define PHONE UINT32_C(0x7f010002)
#define SERVER UINT32_C(0x7f000001)

struct seen {
    size_t len;
    struct sim_packet packets[32];
    uint8_t bytes[32][4096];
};

static void see(void *context, unsigned lane, const struct sim_packet *p)
{
    struct seen *s = context;

    (void)lane;
    cr_assert_lt(s->len, sizeof(s->packets) / sizeof(s->packets[0]));
    cr_assert_leq(p->bytes_len, p->payload_len);
    cr_assert_leq(p->bytes_len, sizeof(s->bytes[0]));
    if (p->bytes_len > 0) {
        memcpy(s->bytes[s->len], p->bytes, p->bytes_len);
    }
    s->packets[s->len++] = *p;
}

static sim_node add(struct sim_world *w, uint32_t site, sim_addr addr, uint64_t id,
                    const struct sim_node_ops *ops, void *self)
{
    (void)w, (void)site, (void)addr, (void)id, (void)ops, (void)self;
    return 0;
}

static const struct sim_world_ops ops = {.add_node = add};
static struct sim_world world = {&ops};

static struct sim_tap_world *begin(struct seen *s)
{
    static const struct sim_site_setup site = {.base = 0x7f010000, .bits = 24};
    const struct sim_tap_config config = {
        .tap = {see, s},
        .world = &world,
        .sites = &site,
        .sites_len = 1,
        .wan_server = {.addr = SERVER, .tftp_port = 69},
        .has_wire = true,
    };
    struct sim_tap_world *t;

    memset(s, 0, sizeof(*s));
    cr_assert_eq(sim_tap_world_new(&t, &config), 0);
    cr_assert_eq(sim_tap_world(t)->ops->add_node(sim_tap_world(t), 0, PHONE, 0, NULL, NULL), 0u);
    return t;
}

static void tell(struct sim_tap_world *t, enum sim_wire_kind kind, bool up, sim_time at,
                 const char *text, size_t len)
{
    const struct sim_wire_event e = {.kind = kind,
                                     .at = at,
                                     .phone = PHONE,
                                     .phone_port = 40000,
                                     .other_port = 6970,
                                     .protocol = SIM_PROTOCOL_HTTP,
                                     .up = up,
                                     .connection = 1,
                                     .bytes = (const uint8_t *)text,
                                     .bytes_len = len,
                                     .len = len};
    sim_tap_world_wire(t, &e);
}

static void say(struct sim_tap_world *t, enum sim_wire_kind kind, bool up, sim_time at,
                const char *text)
{
    tell(t, kind, up, at, text, strlen(text));
}

/* Sequence numbers without gaps; bytes of each side. */
static void count(const struct seen *s, uint64_t bytes[2])
{
    uint32_t next[2] = {0, 0};
    bool known[2] = {false, false};

    bytes[0] = bytes[1] = 0;
    for (size_t i = 0; i < s->len; i++) {
        const struct sim_packet *p = &s->packets[i];
        unsigned side = p->from == PHONE ? 0 : 1;

        cr_assert(!known[side] || p->seq == next[side], "packet %zu: a gap", i);
        known[side] = true;
        next[side] = p->seq + p->payload_len + ((p->flags & (SIM_TAP_SYN | SIM_TAP_FIN)) != 0);
        bytes[side] += p->payload_len;
    }
}

Test(tap_wire, shows_a_head_with_the_first_bytes_behind_it)
{
    static const char body[3000] = "abcdefghijklmnopqrstuvwxyz";
    static const char head[] = "HTTP/1.1 200 OK\r\nContent-Length: 6000\r\n\r\n";
    struct seen s;
    struct sim_tap_world *t = begin(&s);
    uint64_t bytes[2];

    tell(t, SIM_WIRE_OPEN, true, 100, NULL, 0);
    say(t, SIM_WIRE_HEAD, true, 200, "GET /x HTTP/1.1\r\n\r\n");
    say(t, SIM_WIRE_HEAD, false, 300, "HTTP/1.1 200 OK\r\n");
    say(t, SIM_WIRE_HEAD, false, 300, "Content-Length: 6000\r\n");
    say(t, SIM_WIRE_HEAD, false, 300, "\r\n");
    cr_assert_eq(s.len, 4u, "shown too early: %zu packets", s.len);
    tell(t, SIM_WIRE_BODY, false, 400, body, 3000);
    tell(t, SIM_WIRE_BODY, false, 500, body, 3000);
    sim_tap_world_free(t);

    count(&s, bytes);
    cr_assert_eq(bytes[0], 19u);
    cr_assert_eq(bytes[1], strlen(head) + 6000);
    cr_assert_eq(s.packets[0].flags, SIM_TAP_SYN);
    cr_assert_eq(s.packets[0].at, (sim_time)100);
    cr_assert_eq(s.packets[0].from_port, 40000);
    cr_assert_eq(s.packets[0].to_port, 6970);
    cr_assert_eq(s.packets[1].at, (sim_time)200);
    const struct sim_packet *answer = &s.packets[4];
    cr_assert_eq(answer->at, (sim_time)400);
    cr_assert_eq(answer->payload_len, strlen(head) + 3000);
    cr_assert_eq(answer->bytes_len, strlen(head) + SIM_TAP_BODY_BYTES);
    cr_assert_arr_eq(s.bytes[4], head, strlen(head));
    cr_assert_arr_eq(s.bytes[4] + strlen(head), body, SIM_TAP_BODY_BYTES);
    cr_assert_eq(s.packets[6].payload_len, 3000u);
    cr_assert_eq(s.packets[6].bytes_len, 0u, "a reader takes a body for a head");
    cr_assert_eq(s.packets[5].flags, SIM_TAP_ACK);
    cr_assert_eq(s.packets[5].from, PHONE);
}

Test(tap_wire, keeps_what_an_error_says)
{
    struct seen s;
    struct sim_tap_world *t = begin(&s);
    uint64_t bytes[2];

    tell(t, SIM_WIRE_OPEN, true, 100, NULL, 0);
    say(t, SIM_WIRE_HEAD, true, 200, "GET /x HTTP/1.1\r\n\r\n");
    say(t, SIM_WIRE_HEAD, false, 300, "HTTP/1.1 404 No\r\nContent-Length: 26\r\n\r\n");
    say(t, SIM_WIRE_BODY, false, 400, "there is no such file here");
    say(t, SIM_WIRE_HEAD, true, 500, "GET /y HTTP/1.1\r\n\r\n");
    say(t, SIM_WIRE_HEAD, false, 600, "HTTP/1.1 204 Nothing\r\n\r\n");
    tell(t, SIM_WIRE_CLOSE, true, 700, NULL, 0); /* end 0: the phone's */
    sim_tap_world_free(t);

    count(&s, bytes);
    cr_assert_eq(s.packets[4].bytes_len, s.packets[4].payload_len);
    cr_assert_arr_eq(s.bytes[4] + s.packets[4].bytes_len - 4, "here", 4);
    cr_assert_eq(s.packets[4].at, (sim_time)400);
    cr_assert_eq(bytes[1], 39u + 26 + 24);
    cr_assert_eq(s.packets[s.len - 1].flags, SIM_TAP_ACK);
    cr_assert_eq(s.packets[s.len - 2].flags, SIM_TAP_FIN | SIM_TAP_ACK);
}

Test(tap_wire, shows_long_heads_in_parts_and_loses_nothing)
{
    static char line[1500];
    struct seen s;
    struct sim_tap_world *t = begin(&s);
    uint64_t bytes[2];

    memset(line, 'x', sizeof(line));
    tell(t, SIM_WIRE_OPEN, true, 100, NULL, 0);
    say(t, SIM_WIRE_HEAD, true, 200, "GET /x HTTP/1.1\r\n\r\n");
    for (int i = 0; i < 4; i++) {
        tell(t, SIM_WIRE_HEAD, false, 300, line, sizeof(line));
    }
    sim_tap_world_end(t, 900);
    sim_tap_world_free(t);
    count(&s, bytes);
    cr_assert_eq(bytes[1], 6000u);
}

Test(tap_wire, shows_datagrams_with_the_ports_of_their_sockets)
{
    static const uint8_t data[516] = {0, 3, 0, 1};
    struct sim_wire_event e = {.kind = SIM_WIRE_DATAGRAM,
                               .at = 100,
                               .phone = PHONE,
                               .phone_port = 40000,
                               .protocol = SIM_PROTOCOL_TFTP,
                               .up = true,
                               .bytes = (const uint8_t *)"\0\1x\0octet",
                               .bytes_len = 10,
                               .len = 10};
    struct seen s;
    struct sim_tap_world *t = begin(&s);

    sim_tap_world_wire(t, &e);
    e.up = false;
    e.other_port = 50001;
    e.bytes = data;
    e.bytes_len = e.len = sizeof(data);
    sim_tap_world_wire(t, &e);
    e.phone = PHONE + 1; /* nobody of ours */
    sim_tap_world_wire(t, &e);
    sim_tap_world_free(t);
    cr_assert_eq(s.len, 2u);
    cr_assert_eq(s.packets[0].to_port, 69);
    cr_assert_eq(s.packets[0].bytes_len, 10u);
    cr_assert_eq(s.packets[1].from_port, 50001);
    cr_assert_eq(s.packets[1].payload_len, 516u);
    cr_assert_eq(s.packets[1].bytes_len, 4u + SIM_TAP_BODY_BYTES);
}

/* A power cut: what the kernel says behind it is not the phone's. */
Test(tap_wire, hears_nothing_of_a_phone_without_power)
{
    struct seen s;
    struct sim_tap_world *t = begin(&s);

    tell(t, SIM_WIRE_OPEN, true, 100, NULL, 0);
    say(t, SIM_WIRE_HEAD, true, 200, "GET /x HTTP/1.1\r\n\r\n");
    size_t before = s.len;
    tap_wires_down(t, tap_node_of(t, 0));
    tell(t, SIM_WIRE_CLOSE, true, 300, NULL, 0);
    sim_tap_world_free(t);
    cr_assert_eq(s.len, before);
}
