/* Goal: datagrams reach exactly the nodes that they should, in one loop and in several, and
 * strangers none. Method: scripted nodes on free ports; a last datagram, or a timer, ends each
 * run. */
#include "tests/live/bed.h"

static struct bed bed;

static void say_hello(struct bed_node *n, sim_time now)
{
    (void)now;
    cr_assert_eq(sim_world_broadcast(n->world, n->node, "hello", 5), 0);
}

static void keep_text(struct bed_node *n, sim_time now, const struct sim_datagram *d)
{
    (void)now;
    memcpy(n->text, d->bytes, d->len);
    n->text_len = d->len;
    n->number64 = d->from;
}

static void a_broadcast_reaches_its_subnet_alone(unsigned threads)
{
    struct bed_node *a[4], *b[3];

    bed_init(&bed, 3);
    bed.config.threads = threads;
    bed_open(&bed);
    for (unsigned i = 0; i < 4; i++) {
        a[i] = bed_add(&bed, 0, 2 + i);
        a[i]->datagram = keep_text;
    }
    for (unsigned i = 0; i < 3; i++) {
        b[i] = bed_add(&bed, 2, 2 + i);
    }
    sim_world_listen(a[3]->world, a[3]->node, false);
    a[0]->wake = say_hello;
    sim_world_wake_at(a[0]->world, a[0]->node, 0);
    bed_end_after(&bed, 2, 50 * SIM_MS);
    bed_run(&bed);
    cr_assert_eq(a[0]->datagrams, 0, "its own broadcast came back to it");
    for (unsigned i = 1; i < 3; i++) {
        cr_assert_eq(a[i]->broadcasts, 1);
        cr_assert_eq(a[i]->number64, a[0]->addr);
        cr_assert_eq(memcmp(a[i]->text, "hello", 5), 0);
        cr_assert_eq(b[i]->datagrams, 0, "a foreign subnet heard it");
    }
    cr_assert_eq(a[3]->datagrams, 0, "it does not listen");
    cr_assert_eq(bed_stats(&bed, 0).lan_broadcasts, 1);
    cr_assert_eq(bed_stats(&bed, 0).lan_foreign, 0);
    cr_assert_eq(bed_stats(&bed, 2).lan_foreign, 0);
    bed_close(&bed);
}

Test(lan, a_broadcast_reaches_its_subnet_alone)
{
    a_broadcast_reaches_its_subnet_alone(1);
}

Test(lan, a_broadcast_reaches_its_subnet_alone_with_three_loops)
{
    a_broadcast_reaches_its_subnet_alone(3);
}

static void send_next(struct bed_node *n, sim_time now)
{
    (void)now;
    cr_assert_eq(sim_world_send(n->world, n->node, n->addr + 1, &n->number, sizeof(n->number)), 0);
}

static void check_before(struct bed_node *n, sim_time now, const struct sim_datagram *d)
{
    (void)now;
    cr_assert(!d->broadcast);
    cr_assert_eq(d->from, n->addr - 1);
    cr_assert_eq(d->len, sizeof(unsigned));
}

Test(lan, unicasts_reach_their_node_whatever_loop_it_is_in)
{
    struct bed_node *nodes[4][20];

    bed_init(&bed, 4);
    bed.config.threads = 4;
    bed_open(&bed);
    for (uint32_t site = 0; site < 4; site++) {
        cr_assert_eq(sim_live_lane(bed.live, site), site);
        for (unsigned i = 0; i < 20; i++) {
            struct bed_node *n = nodes[site][i] = bed_add(&bed, site, 2 + i);

            n->datagram = check_before;
            if (i < 19) {
                n->wake = send_next;
                sim_world_wake_at(n->world, n->node, i * SIM_MS);
            }
        }
    }
    bed_end_after(&bed, 4 * 19, 20 * SIM_MS);
    bed_run(&bed);
    for (uint32_t site = 0; site < 4; site++) {
        for (unsigned i = 0; i < 20; i++) {
            cr_assert_eq(nodes[site][i]->datagrams, i > 0);
        }
        cr_assert_eq(bed_stats(&bed, site).lan_datagrams, 19);
        cr_assert_eq(bed_stats(&bed, site).lan_foreign, 0);
    }
    bed_close(&bed);
}

static void bad_sends(struct bed_node *n, sim_time now)
{
    static const uint8_t zeros[SIM_WORLD_DATAGRAM_MAX + 1];

    (void)now;
    cr_assert_eq(sim_world_send(n->world, n->node, n->addr + 256, "x", 1), SIM_EUNREACHABLE);
    cr_assert_eq(sim_world_send(n->world, n->node, n->addr + 1, zeros, sizeof(zeros)), SIM_EINVAL);
    cr_assert_eq(sim_world_broadcast(n->world, n->node, zeros, sizeof(zeros)), SIM_EINVAL);
    cr_assert_eq(sim_world_send(n->world, n->node, n->addr + 1, zeros, sizeof(zeros) - 1), 0);
    cr_assert_eq(sim_world_send(n->world, n->node, n->addr + 1, NULL, 0), 0);
}

Test(lan, too_long_and_far_is_refused_and_the_longest_goes)
{
    struct bed_node *a, *b;

    bed_init(&bed, 2);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    a->wake = bad_sends;
    sim_world_wake_at(a->world, a->node, 0);
    bed_end_after(&bed, 2, 30 * SIM_MS);
    bed_run(&bed);
    cr_assert_eq(b->datagrams, 2);
    bed_close(&bed);
}

/* What somebody outside of pfsim sends to the peer port. */
static void outside(struct bed *b, sim_addr from, sim_addr to, size_t len)
{
    static uint8_t bytes[4096];
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(from)};
    int on = 1, fd = socket(AF_INET, SOCK_DGRAM, 0);

    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
    addr.sin_addr.s_addr = htonl(to);
    addr.sin_port = htons(b->config.peer_port);
    cr_assert_eq(sendto(fd, bytes, len, 0, (struct sockaddr *)&addr, sizeof(addr)), (ssize_t)len);
    close(fd);
}

static void strangers(struct bed_node *n, sim_time now)
{
    sim_addr base = n->bed->sites[0].base;

    (void)now;
    outside(n->bed, base + 200, n->addr, 10);     /* counts as a peer */
    outside(n->bed, base + 200, 0x7FFFFFFF, 10);  /* so does its broadcast */
    outside(n->bed, 0x7F000001, n->addr, 10);     /* from outside the block */
    outside(n->bed, 0x7F000001, 0x7FFFFFFF, 10);  /* of no site at all: both have heard it */
    outside(n->bed, base + 200, n->addr, 1025);   /* too long */
    outside(n->bed, base + 200, base + 77, 10);   /* nobody there */
    outside(n->bed, base + 256 + 9, n->addr, 10); /* the other subnet's */
}

Test(lan, strangers_are_counted_and_not_heard)
{
    struct bed_node *a, *b;

    bed_init(&bed, 2);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 1, 2);
    a->wake = strangers;
    sim_world_wake_at(a->world, a->node, 0);
    bed_end_after(&bed, 2, 30 * SIM_MS);
    bed_run(&bed);
    cr_assert_eq(a->datagrams, 2);
    cr_assert_eq(a->broadcasts, 1);
    cr_assert_eq(b->datagrams, 0);
    cr_assert_eq(bed_stats(&bed, 0).lan_foreign, 4);
    cr_assert_eq(bed_stats(&bed, 1).lan_foreign, 1);
    bed_close(&bed);
}

static void send_hundred(struct bed_node *n, sim_time now)
{
    (void)now;
    for (unsigned i = 0; i < 1000; i++) {
        cr_assert_eq(sim_world_broadcast(n->world, n->node, "x", 1), 0);
    }
}

static unsigned count_with_loss(uint32_t loss_ppm)
{
    struct bed_node *a, *b;
    unsigned count;

    bed_init(&bed, 1);
    bed.sites[0].lan.loss_ppm = loss_ppm;
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    a->wake = send_hundred;
    sim_world_wake_at(a->world, a->node, 0);
    bed_end_after(&bed, loss_ppm > 0 ? 680 : 1000, 60 * SIM_MS);
    bed_run(&bed);
    count = b->datagrams;
    bed_close(&bed);
    return count;
}

Test(lan, loses_its_share_by_the_seed)
{
    unsigned count = count_with_loss(250000);

    cr_assert(count > 680 && count < 820, "%u of 1000 came", count);
    cr_assert_eq(count_with_loss(250000), count, "the same seed loses the same");
    cr_assert_eq(count_with_loss(0), 1000);
}

static void note_time(struct bed_node *n, sim_time now, const struct sim_datagram *d)
{
    (void)d;
    n->at = now;
    bed_finish_all(n->bed);
}

static void send_and_note(struct bed_node *n, sim_time now)
{
    n->at = now;
    send_next(n, now);
}

Test(lan, latency_is_two_ports_long)
{
    struct bed_node *a, *b;

    bed_init(&bed, 1);
    bed.sites[0].lan.latency = 10 * SIM_MS;
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    a->wake = send_and_note;
    b->datagram = note_time;
    sim_world_wake_at(a->world, a->node, 0);
    bed_run(&bed);
    cr_assert_geq(b->at - a->at, 20 * SIM_MS);
    bed_close(&bed);
}

static void split_and_send(struct bed_node *n, sim_time now)
{
    (void)now;
    sim_world_set_group(n->world, n->bed->nodes[2].node, 1);
    sim_world_broadcast(n->world, n->node, "x", 1);
    sim_world_send(n->world, n->node, n->addr + 1, "x", 1);
    sim_world_send(n->world, n->node, n->addr + 2, "x", 1);
}

Test(lan, groups_do_not_hear_one_another)
{
    struct bed_node *a, *b, *c;

    bed_init(&bed, 1);
    bed_open(&bed);
    a = bed_add(&bed, 0, 2);
    b = bed_add(&bed, 0, 3);
    c = bed_add(&bed, 0, 4);
    a->wake = split_and_send;
    sim_world_wake_at(a->world, a->node, 0);
    bed_end_after(&bed, 2, 30 * SIM_MS);
    bed_run(&bed);
    cr_assert_eq(b->datagrams, 2);
    cr_assert_eq(c->datagrams, 0);
    bed_close(&bed);
}

Test(lan, a_taken_port_is_said_with_its_owner)
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    char why[SIM_LIVE_TEXT_MAX], process[32];
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    struct sim_live *live;

    bed_init(&bed, 1);
    bed.config.threads = 2; /* SO_REUSEPORT on both sides would share the port in silence */
    addr.sin_port = htons(bed.config.peer_port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    cr_assert_eq(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    cr_assert_eq(listen(fd, 1), 0);
    cr_assert_eq(sim_live_new(&live, &bed.config, why), SIM_EADDRINUSE);
    snprintf(process, sizeof(process), "(process %d)", (int)getpid());
    cr_assert(strstr(why, process) != NULL, "%s", why);
    cr_assert(strstr(why, "TCP port") != NULL, "%s", why);
    close(fd);
}

Test(lan, an_address_is_taken_once_and_only_in_its_block)
{
    struct sim_world *w;

    bed_init(&bed, 2);
    bed_open(&bed);
    bed_add(&bed, 0, 2);
    w = sim_live_world(bed.live, 0);
    cr_assert_eq(sim_world_add_node(w, 0, bed.sites[0].base + 2, 9, &bed_ops, &bed.nodes[9]),
                 SIM_NODE_NONE);
    cr_assert_eq(sim_world_add_node(w, 0, bed.sites[1].base + 2, 9, &bed_ops, &bed.nodes[9]),
                 SIM_NODE_NONE);
    cr_assert_eq(sim_world_add_node(w, 0, bed.sites[0].base + 1, 9, &bed_ops, &bed.nodes[9]),
                 SIM_NODE_NONE, "the gateway's");
    bed_close(&bed);
}

Test(lan, a_server_of_a_stranger_must_be_allowed)
{
    char why[SIM_LIVE_TEXT_MAX];
    struct sim_live *live;

    bed_init(&bed, 1);
    bed.config.wan_server =
        (struct sim_live_server){.host = "192.0.2.1", .http_addr = 0xC0000201, .http_port = 80};
    cr_assert_eq(sim_live_new(&live, &bed.config, why), SIM_EACCES);
    cr_assert(strstr(why, "192.0.2.1") != NULL, "%s", why);
}
