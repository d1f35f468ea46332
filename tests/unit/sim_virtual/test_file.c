/* Goal: copies as prefixes of named content: sizes, digests, sealing, reading, wrong bytes, and
 * names that are kept once.
 * Method: copies of memory, synthetic and made-up files, filled by hand as streams and fetches
 * fill them. */
#include <stdlib.h>

#include "probe.h"
#include "sim/virtual/inner.h"

enum { FIRMWARE = 100000 };

static int make_up(void *context, const char *name, uint8_t *bytes, size_t *len)
{
    (void)context;
    if (strncmp(name, "SEP", 3) != 0) {
        return SIM_ENOTFOUND;
    }
    *len = (size_t)snprintf((char *)bytes, 64, "<device>%s</device>", name);
    return 0;
}

static struct sim_virtual *v;
static struct sim_world *w;
static sim_node node;

static void open_world(void)
{
    struct sim_virtual_config config;

    set_up();
    cr_assert(sim_catalog_add_synthetic(catalog, "a.sbn", true, FIRMWARE, 1) == 0);
    cr_assert(sim_catalog_add_memory(catalog, "a.loads", false, "hello", 5) == 0);
    cr_assert(sim_catalog_add_memory(catalog, "empty", false, "", 0) == 0);
    sim_catalog_set_resolver(catalog, make_up, NULL);
    config = config_of(1);
    v = world_of(&config, 1);
    w = sim_virtual_world(v);
    node = probes[0].node;
}

static void close_world(void)
{
    sim_virtual_free(v);
    tear_down();
}

TestSuite(file, .init = open_world, .fini = close_world);

static struct sim_digest digest_of(sim_file file)
{
    struct sim_digest digest;

    cr_assert(sim_world_file_digest(w, file, &digest) == 0);
    return digest;
}

static sim_file copy_of(const char *name, uint64_t size, uint64_t taint)
{
    sim_file file = sim_world_file_new(w, node, name);

    cr_assert(file != 0);
    virtual_file_append(v, file, size, taint);
    cr_assert(sim_world_file_size(w, file) == size);
    return file;
}

Test(file, has_the_real_digest_when_it_is_whole_and_right)
{
    sim_file a = copy_of("a.sbn", 0, 0), b = copy_of("a.loads", 5, 0), c = copy_of("empty", 0, 0);
    struct sim_digest want, got;

    cr_assert(sim_catalog_digest(catalog, sim_catalog_find(catalog, "a.sbn"), &want) == 0);
    for (int i = 0; i < 10; i++) {
        got = digest_of(a);
        cr_assert(!sim_digest_equal(&got, &want), "part %d", i);
        virtual_file_append(v, a, FIRMWARE / 10, 0);
    }
    got = digest_of(a);
    cr_assert(sim_digest_equal(&got, &want));
    got = digest_of(copy_of("a.sbn", FIRMWARE, 0)); /* asked for again: remembered */
    cr_assert(sim_digest_equal(&got, &want));
    sim_digest_of("hello", 5, &want);
    got = digest_of(b);
    cr_assert(sim_digest_equal(&got, &want));
    sim_digest_of(NULL, 0, &want);
    got = digest_of(c);
    cr_assert(sim_digest_equal(&got, &want));
    got = digest_of(copy_of("nobody has it", 0, 0));
    cr_assert(sim_digest_equal(&got, &want));
}

Test(file, has_another_digest_for_every_way_to_be_wrong)
{
    sim_file files[] = {
        copy_of("a.sbn", FIRMWARE, 0),     copy_of("a.sbn", FIRMWARE, 1),
        copy_of("a.sbn", FIRMWARE, 2),     copy_of("a.sbn", FIRMWARE - 1, 0),
        copy_of("a.sbn", FIRMWARE - 1, 1), copy_of("a.loads", 5, 1),
        copy_of("unknown", 5, 0),          copy_of("unknown", 5, 1),
    };
    size_t len = sizeof(files) / sizeof(files[0]);

    for (size_t i = 0; i < len; i++) {
        for (size_t k = 0; k < i; k++) {
            struct sim_digest a = digest_of(files[i]), b = digest_of(files[k]);

            cr_assert(!sim_digest_equal(&a, &b), "%zu and %zu", i, k);
        }
    }
}

Test(file, stays_wrong_and_equally_wrong_copies_are_equal)
{
    sim_file a = copy_of("a.sbn", 1000, 0), b = copy_of("a.sbn", 1000, 0);
    struct sim_digest x, y;

    virtual_file_append(v, a, 1000, 7);
    virtual_file_append(v, a, FIRMWARE - 2000, 0);
    virtual_file_append(v, b, FIRMWARE - 1000, 7);
    x = digest_of(a);
    y = digest_of(b);
    cr_assert(sim_digest_equal(&x, &y));
}

Test(file, reads_the_contents_bytes_up_to_its_size)
{
    sim_file a = copy_of("a.sbn", 5000, 0);
    uint8_t want[6000], got[6000];

    cr_assert(sim_content_read(sim_catalog_find(catalog, "a.sbn"), 0, want, 5000) == 5000);
    cr_assert(sim_world_file_seal(w, a) == 0);
    cr_assert_eq(sim_world_file_read(w, a, 0, got, sizeof(got)), 5000);
    cr_assert(memcmp(want, got, 5000) == 0);
    cr_assert_eq(sim_world_file_read(w, a, 4990, got, 100), 10);
    cr_assert(memcmp(want + 4990, got, 10) == 0);
    cr_assert_eq(sim_world_file_read(w, a, 5000, got, 100), 0);
    cr_assert_eq(sim_world_file_read(w, a, UINT64_MAX, got, 100), 0);
    cr_assert_eq(sim_world_file_read(w, a, 10, got, 0), 0);
}

Test(file, reads_one_byte_wrong_where_it_is_tainted_in_any_slices)
{
    sim_file right = copy_of("a.sbn", FIRMWARE, 0), wrong = copy_of("a.sbn", FIRMWARE, 12345);
    static uint8_t a[FIRMWARE], b[FIRMWARE];
    size_t differ = 0;

    cr_assert_eq(sim_world_file_read(w, right, 0, a, FIRMWARE), FIRMWARE);
    for (size_t at = 0; at < FIRMWARE; at += 777) {
        sim_world_file_read(w, wrong, at, b + at, FIRMWARE - at < 777 ? FIRMWARE - at : 777);
    }
    for (size_t i = 0; i < FIRMWARE; i++) {
        differ += a[i] != b[i];
    }
    cr_assert_eq(differ, 1);
}

Test(file, has_the_bytes_that_the_resolver_makes_up)
{
    sim_file a = copy_of("SEP1", 21, 0), b = copy_of("SEP2", 21, 9);
    struct sim_digest want, got;
    char text[64] = "", wrong[64] = "";

    cr_assert_eq(sim_world_file_read(w, a, 0, text, sizeof(text)), 21);
    cr_assert_str_eq(text, "<device>SEP1</device>");
    sim_digest_of(text, 21, &want);
    got = digest_of(a);
    cr_assert(sim_digest_equal(&got, &want));
    cr_assert_eq(sim_world_file_read(w, a, 8, text, 3), 3);
    cr_assert(memcmp(text, "SEP", 3) == 0);
    cr_assert_eq(sim_world_file_read(w, b, 0, wrong, sizeof(wrong)), 21);
    cr_assert(strcmp(wrong, "<device>SEP2</device>") != 0);
    cr_assert_eq(sim_world_file_read(w, copy_of("unknown", 10, 0), 0, text, sizeof(text)), 0);
}

Test(file, answers_for_a_handle_that_is_stale_as_for_none)
{
    sim_file a = copy_of("a.loads", 5, 0), b;
    struct sim_digest digest;
    char text[8];

    sim_world_file_free(w, a);
    sim_world_file_free(w, a);
    sim_world_file_free(w, 0);
    b = copy_of("a.sbn", 3, 0); /* in its place */
    for (int i = 0; i < 2; i++) {
        sim_file stale = i == 0 ? a : 0;

        cr_assert(stale != b);
        cr_assert_eq(sim_world_file_size(w, stale), 0);
        cr_assert(sim_world_file_digest(w, stale, &digest) == SIM_EINVAL);
        cr_assert(sim_world_file_seal(w, stale) == SIM_EINVAL);
        cr_assert_eq(sim_world_file_read(w, stale, 0, text, sizeof(text)), 0);
    }
    cr_assert_eq(sim_world_file_size(w, b), 3);
}

Test(file, is_gone_with_its_node)
{
    sim_file files[5];

    for (int i = 0; i < 5; i++) {
        files[i] = copy_of("a.loads", 5, 0);
    }
    sim_world_file_free(w, files[2]); /* out of the middle of the node's list */
    sim_world_file_free(w, files[0]);
    cr_assert_eq(sim_world_file_size(w, files[1]), 5);
    sim_world_set_down(w, node, true, false);
    for (int i = 0; i < 5; i++) {
        cr_assert_eq(sim_world_file_size(w, files[i]), 0, "copy %d", i);
    }
}

Test(file, keeps_a_name_once_whatever_pointer_it_comes_by)
{
    char text[32];
    const struct sim_content *content;
    const char *loads = virtual_name(v, "a.loads", &content);

    cr_assert(loads != NULL && content == sim_catalog_find(catalog, "a.loads"));
    strcpy(text, "a.loads");
    cr_assert(virtual_name(v, text, NULL) == loads);
    strcpy(text, "a.sbn"); /* the same pointer stands for another name now */
    cr_assert(virtual_name(v, text, &content) != loads);
    cr_assert_str_eq(virtual_name(v, text, NULL), "a.sbn");
    cr_assert(content == sim_catalog_find(catalog, "a.sbn"));
    for (int i = 0; i < 3000; i++) {
        snprintf(text, sizeof(text), "SEP%012d.cnf.xml", i);
        cr_assert_str_eq(virtual_name(v, text, &content), text);
        cr_assert(content == NULL);
    }
    cr_assert(virtual_name(v, "a.loads", NULL) == loads);
    cr_assert_str_eq(loads, "a.loads");
}
