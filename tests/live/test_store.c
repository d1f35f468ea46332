/* Goal: copies of one content cost one, whatever way they came, and no copy is ever mistaken for
 * another. Method: bytes are put into copies by the store's own door (inner.h), in the orders
 * that fetches would. */
#include "sim/digest.h"
#include "sim/live/inner.h"
#include "tests/live/bed.h"

enum { BIG = 1000 * 1000 };

static struct bed bed;
static uint8_t bytes[BIG], other[BIG];

static void fill(void)
{
    for (size_t i = 0; i < BIG; i++) {
        bytes[i] = other[i] = (uint8_t)(i * 2654435761U >> 11);
    }
    other[BIG / 2] ^= 1;
}

static struct live_file *copy(struct bed_node *n, const char *name)
{
    sim_file file = sim_world_file_new(n->world, n->node, name);

    cr_assert_neq(file, 0);
    return live_file_get(live_world_of(n->world), file);
}

static void check(struct live_file *f, const uint8_t *want, size_t len)
{
    struct sim_world *w = &f->node->world->base;
    struct sim_digest a, b;
    static uint8_t back[BIG];

    sim_digest_of(want, len, &a);
    cr_assert_eq(sim_world_file_size(w, f->handle), len);
    cr_assert_eq(sim_world_file_digest(w, f->handle, &b), 0);
    cr_assert(sim_digest_equal(&a, &b));
    cr_assert_eq(sim_world_file_read(w, f->handle, 0, back, len), len);
    cr_assert_eq(memcmp(back, want, len), 0);
}

static struct bed_node *open_one(void)
{
    fill();
    bed_init(&bed, 2);
    bed.config.threads = 2;
    bed_open(&bed);
    return bed_add(&bed, 0, 2);
}

Test(store, equal_copies_under_way_share_one_content)
{
    struct bed_node *n = open_one();
    struct live_file *f[50];

    for (size_t i = 0; i < 50; i++) {
        f[i] = copy(n, "x");
    }
    /* In pieces of odd lengths, each copy in front for a while. */
    for (size_t round = 0; round < 50; round++) {
        for (size_t i = 0; i < 50; i++) {
            size_t at = (size_t)f[(i + round) % 50]->size;
            size_t len = 7919 + i * 31 < BIG - at ? 7919 + i * 31 : BIG - at;

            cr_assert_eq(live_file_append(f[(i + round) % 50], bytes + at, len), 0);
        }
    }
    for (size_t i = 0; i < 50; i++) {
        cr_assert_eq(f[i]->blob, f[0]->blob);
        check(f[i], bytes, (size_t)f[i]->size);
        cr_assert_eq(live_file_append(f[i], bytes + f[i]->size, BIG - (size_t)f[i]->size), 0);
        check(f[i], bytes, BIG);
    }
    cr_assert_eq(f[0]->name->variants_len, 1);
    bed_close(&bed);
}

Test(store, copies_that_differ_go_their_own_way)
{
    struct bed_node *n = open_one();
    struct live_file *a = copy(n, "x"), *b = copy(n, "x"), *c = copy(n, "x");

    cr_assert_eq(live_file_append(a, bytes, BIG), 0);
    cr_assert_eq(live_file_append(b, other, BIG), 0);
    cr_assert_eq(live_file_append(c, other, BIG / 2 + 1), 0);
    cr_assert_neq(a->blob, b->blob);
    cr_assert_eq(c->blob, b->blob, "the second of the wrong kind found the first");
    check(a, bytes, BIG);
    check(b, other, BIG);
    check(c, other, BIG / 2 + 1);
    bed_close(&bed);
}

Test(store, a_copy_joins_only_what_it_began_like)
{
    struct bed_node *n = open_one();
    static const uint8_t first[] = "aXc", second[] = "bXd", third[] = "aXd";
    struct live_file *a = copy(n, "x"), *b = copy(n, "x"), *c = copy(n, "x");

    cr_assert_eq(live_file_append(a, first, 3), 0);
    cr_assert_eq(live_file_append(b, second, 3), 0);
    cr_assert_eq(live_file_append(c, third, 3), 0); /* leaves the first where the second goes on */
    check(a, first, 3);
    check(b, second, 3);
    check(c, third, 3);
    bed_close(&bed);
}

Test(store, a_wrong_first_copy_does_not_spoil_the_right_ones)
{
    struct bed_node *n = open_one();
    struct sim_world *w = n->world;
    struct live_file *a = copy(n, "x"), *b, *c;

    cr_assert_eq(live_file_append(a, other, BIG), 0);
    cr_assert_eq(sim_world_file_seal(w, a->handle), 0); /* trusted at first use */
    b = copy(n, "x");
    cr_assert_eq(live_file_append(b, bytes, BIG), 0);
    cr_assert_eq(sim_world_file_seal(w, b->handle), 0);
    check(b, bytes, BIG);
    c = copy(n, "x");
    cr_assert_eq(live_file_append(c, bytes, BIG), 0);
    cr_assert_eq(c->blob, b->blob);
    bed_close(&bed);
}

Test(store, a_sealed_content_is_one_in_all_loops)
{
    struct bed_node *n = open_one(), *m = bed_add(&bed, 1, 2);
    struct live_file *a = copy(n, "x"), *b = copy(m, "x"), *c;

    cr_assert_neq(n->world, m->world);
    cr_assert_eq(live_file_append(a, bytes, BIG), 0);
    cr_assert_eq(live_file_append(b, bytes, BIG), 0);
    cr_assert_neq(a->blob, b->blob, "each loop has its own while it comes in");
    cr_assert_eq(sim_world_file_seal(n->world, a->handle), 0);
    cr_assert_eq(sim_world_file_seal(m->world, b->handle), 0);
    cr_assert_eq(a->blob, b->blob);
    check(b, bytes, BIG);
    c = copy(m, "x");
    cr_assert_eq(live_file_append(c, bytes, 10), 0);
    cr_assert_eq(c->blob, a->blob, "later copies begin with it");
    bed_close(&bed);
}

Test(store, a_sealed_content_stays_when_its_copy_goes)
{
    struct bed_node *n = open_one();
    struct live_file *a = copy(n, "x");
    struct live_blob *blob;

    cr_assert_eq(live_file_append(a, bytes, BIG), 0);
    cr_assert_eq(sim_world_file_seal(n->world, a->handle), 0);
    blob = a->blob;
    sim_world_file_free(n->world, a->handle);
    a = copy(n, "x");
    cr_assert_eq(live_file_append(a, bytes, BIG), 0);
    cr_assert_eq(a->blob, blob);
    cr_assert(a->blob->sealed);
    check(a, bytes, BIG);
    bed_close(&bed);
}

Test(store, an_unsealed_content_goes_with_its_last_copy)
{
    struct bed_node *n = open_one();
    struct live_file *a = copy(n, "x"), *b = copy(n, "x");
    struct live_name *name = a->name;

    cr_assert_eq(live_file_append(a, bytes, BIG), 0);
    cr_assert_eq(live_file_append(b, bytes, 1), 0);
    sim_world_file_free(n->world, a->handle);
    cr_assert_eq(name->variants_len, 1);
    check(b, bytes, 1);
    sim_world_file_free(n->world, b->handle);
    cr_assert_eq(name->variants_len, 0);
    bed_close(&bed);
}

Test(store, a_shorter_copy_can_be_sealed_and_a_longer_one_go_on)
{
    struct bed_node *n = open_one();
    struct live_file *a = copy(n, "x"), *b = copy(n, "x"), *c = copy(n, "x");

    cr_assert_eq(live_file_append(a, bytes, BIG), 0);
    cr_assert_eq(live_file_append(b, bytes, BIG / 2), 0);
    cr_assert_eq(sim_world_file_seal(n->world, b->handle), 0);
    check(b, bytes, BIG / 2);
    check(a, bytes, BIG);
    cr_assert_eq(live_file_append(c, bytes, BIG), 0); /* past the end of the sealed one */
    check(c, bytes, BIG);
    bed_close(&bed);
}

Test(store, the_empty_copy_has_the_digest_of_nothing)
{
    struct bed_node *n = open_one();
    struct live_file *a = copy(n, "x"), *b;

    check(a, bytes, 0);
    cr_assert_eq(sim_world_file_seal(n->world, a->handle), 0);
    b = copy(n, "x");
    cr_assert_eq(live_file_append(b, bytes, 5), 0);
    cr_assert_eq(sim_world_file_seal(n->world, b->handle), 0);
    b = copy(n, "x");
    check(b, bytes, 0);
    cr_assert_eq(sim_world_file_seal(n->world, b->handle), 0);
    check(b, bytes, 0);
    bed_close(&bed);
}

Test(store, too_many_variants_of_a_name_are_no_space)
{
    struct bed_node *n = open_one();
    struct live_file *f;
    int rc = 0;

    for (unsigned i = 0; i <= LIVE_VARIANTS_MAX; i++) {
        uint8_t byte = (uint8_t)i;

        f = copy(n, "x");
        rc = live_file_append(f, &byte, 1);
        cr_assert_eq(rc, i < LIVE_VARIANTS_MAX ? 0 : SIM_ENOSPC, "variant %u: %d", i, rc);
    }
    f = copy(n, "another name");
    cr_assert_eq(live_file_append(f, bytes, BIG), 0);
    bed_close(&bed);
}

Test(store, handles_of_freed_copies_are_refused)
{
    struct bed_node *n = open_one();
    struct sim_world *w = n->world;
    sim_file old = sim_world_file_new(w, n->node, "x");
    struct sim_digest digest;
    sim_file fresh;

    sim_world_file_free(w, old);
    fresh = sim_world_file_new(w, n->node, "x");
    cr_assert_neq(old, fresh);
    cr_assert_eq(sim_world_file_digest(w, old, &digest), SIM_EINVAL);
    cr_assert_eq(sim_world_file_seal(w, old), SIM_EINVAL);
    cr_assert_eq(sim_world_file_size(w, old), 0);
    sim_world_file_free(w, old);
    sim_world_file_free(w, 0);
    cr_assert_eq(sim_world_file_digest(w, fresh, &digest), 0);
    bed_close(&bed);
}

Test(store, ten_thousand_names_are_found_again)
{
    struct bed_node *n = open_one();

    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < 10000; i++) {
            static struct live_name *names[10000];
            char text[32];
            struct live_file *f;

            snprintf(text, sizeof(text), "file%u", i);
            f = copy(n, text);
            cr_assert(round == 0 || names[i] == f->name);
            names[i] = f->name;
            live_file_drop(f);
        }
    }
    bed_close(&bed);
}
