/* Goal: a catalog gives the same bytes whatever the kind of file and wherever reading starts, and
 * refuses what it must. Method: every offset and length of small files, a scratch folder, fork. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/content.h"
#include "sim/err.h"

static void make_folder(char path[64])
{
    strcpy(path, "/tmp/pfsim-content-XXXXXX");
    cr_assert_not_null(mkdtemp(path));
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static void remove_folder(const char *folder)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

Test(content, synthetic_bytes_are_equal_at_any_offset_and_cut)
{
    uint8_t whole[200], part[200];
    sim_content_synthetic(42, 0, whole, sizeof(whole));
    for (size_t offset = 0; offset < sizeof(whole); offset++) {
        for (size_t len = 0; offset + len <= sizeof(whole); len++) {
            memset(part, 0xee, sizeof(part));
            sim_content_synthetic(42, offset, part, len);
            cr_assert_eq(memcmp(part, whole + offset, len), 0, "%zu+%zu", offset, len);
            cr_assert(len == sizeof(part) || part[len] == 0xee, "wrote past %zu", len);
        }
    }
}

Test(content, synthetic_bytes_far_out_are_equal_too)
{
    uint8_t a[64], b[64];
    uint64_t far = UINT64_C(3) << 32;
    sim_content_synthetic(7, far - 3, a, 64);
    sim_content_synthetic(7, far, b, 61);
    cr_assert_eq(memcmp(a + 3, b, 61), 0);
    sim_content_synthetic(7, 0, b, 64);
    cr_assert_neq(memcmp(a, b, 64), 0, "no short period");
}

Test(content, synthetic_bytes_never_change_between_versions)
{
    /* Digests of old results must stay comparable, so the very bytes are part of the contract. */
    struct sim_catalog *c = sim_catalog_new();
    struct sim_digest d;
    char text[SIM_DIGEST_TEXT_MAX];
    cr_assert_eq(sim_catalog_add_synthetic(c, "jar41sccp.sbn", true, 1630052, 1), 0);
    cr_assert_eq(sim_catalog_digest(c, sim_catalog_at(c, 0), &d), 0);
    cr_assert_str_eq(sim_digest_format(&d, text),
                     "1ce57c98f3377d9540d23f883013adbb8f8688f8a048f16f77d737a167cb8f35");
    sim_catalog_free(c);
}

Test(content, name_size_and_seed_each_change_the_key)
{
    uint64_t key = sim_content_key("a", 1, 1);
    cr_assert_eq(key, sim_content_key("a", 1, 1));
    cr_assert_neq(key, sim_content_key("b", 1, 1));
    cr_assert_neq(key, sim_content_key("a", 2, 1));
    cr_assert_neq(key, sim_content_key("a", 1, 2));
}

Test(content, finds_each_of_many_names_and_no_other)
{
    struct sim_catalog *c = sim_catalog_new();
    char name[32];
    for (int i = 0; i < 5000; i++) {
        snprintf(name, sizeof(name), "SEP%06d.cnf.xml", i);
        cr_assert_eq(sim_catalog_add_memory(c, name, false, &i, sizeof(i)), 0);
    }
    cr_assert_eq(sim_catalog_count(c), 5000);
    for (int i = 0; i < 5000; i++) {
        int value = -1;
        snprintf(name, sizeof(name), "SEP%06d.cnf.xml", i);
        const struct sim_content *content = sim_catalog_find(c, name);
        cr_assert_not_null(content, "%s", name);
        cr_assert_eq(content, sim_catalog_at(c, (size_t)i), "in the order of adding");
        cr_assert_str_eq(content->name, name);
        cr_assert_eq(sim_content_read(content, 0, &value, sizeof(value)), sizeof(value));
        cr_assert_eq(value, i);
    }
    cr_assert_null(sim_catalog_find(c, "SEP005000.cnf.xml"));
    cr_assert_null(sim_catalog_find(c, ""));
    sim_catalog_free(c);
    sim_catalog_free(NULL);
}

Test(content, a_pointer_stays_good_while_others_are_added)
{
    struct sim_catalog *c = sim_catalog_new();
    char name[32];
    cr_assert_eq(sim_catalog_add_memory(c, "first", true, "abc", 3), 0);
    const struct sim_content *first = sim_catalog_find(c, "first");
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "%d", i);
        cr_assert_eq(sim_catalog_add_synthetic(c, name, true, 10, 1), 0);
    }
    cr_assert_eq(first, sim_catalog_find(c, "first"));
    cr_assert_eq(memcmp(first->bytes, "abc", 3), 0);
    sim_catalog_free(c);
}

Test(content, bad_names_are_refused)
{
    static const char *const bad[] = {
        "",  "/",   "/etc/passwd", "..",   "../x", "a/..", "a/../b",
        ".", "./a", "a/.",         "a//b", "a/",   NULL,
    };
    struct sim_catalog *c = sim_catalog_new();
    char name[SIM_CONTENT_NAME_MAX + 1];
    for (size_t i = 0; bad[i] != NULL; i++) {
        cr_assert_eq(sim_catalog_add_memory(c, bad[i], true, "", 0), SIM_EINVAL, "'%s'", bad[i]);
        cr_assert_eq(sim_catalog_add_synthetic(c, bad[i], true, 1, 1), SIM_EINVAL, "%s", bad[i]);
        cr_assert_eq(sim_catalog_add_file(c, bad[i], true, "/etc/hostname"), SIM_EINVAL);
    }
    memset(name, 'n', SIM_CONTENT_NAME_MAX);
    name[SIM_CONTENT_NAME_MAX] = '\0';
    cr_assert_eq(sim_catalog_add_memory(c, name, true, "", 0), SIM_EINVAL, "one too long");
    name[SIM_CONTENT_NAME_MAX - 1] = '\0';
    cr_assert_eq(sim_catalog_add_memory(c, name, true, "", 0), 0, "the longest");
    cr_assert_eq(sim_catalog_add_memory(c, "..a/b..", true, "", 0), 0, "dots inside are names");
    cr_assert_eq(sim_catalog_count(c), 2);
    sim_catalog_free(c);
}

Test(content, a_name_is_given_once)
{
    struct sim_catalog *c = sim_catalog_new();
    cr_assert_eq(sim_catalog_add_memory(c, "a", true, "1", 1), 0);
    cr_assert_eq(sim_catalog_add_memory(c, "a", true, "2", 1), SIM_EEXIST);
    cr_assert_eq(sim_catalog_add_synthetic(c, "a", true, 5, 5), SIM_EEXIST);
    cr_assert_eq(sim_catalog_add_file(c, "a", true, "/etc/hostname"), SIM_EEXIST);
    cr_assert_eq(sim_catalog_find(c, "a")->bytes[0], '1');
    sim_catalog_free(c);
}

Test(content, a_file_is_mapped_only_when_it_is_regular)
{
    char folder[64], path[128];
    struct sim_catalog *c = sim_catalog_new();
    make_folder(folder);
    write_file(folder, "full", "firmware");
    write_file(folder, "empty", "");
    snprintf(path, sizeof(path), "%s/pipe", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(sim_catalog_add_file(c, "pipe", true, path), SIM_EINVAL);
    cr_assert_eq(sim_catalog_add_file(c, "folder", true, folder), SIM_EINVAL);
    cr_assert_eq(sim_catalog_add_file(c, "device", true, "/dev/zero"), SIM_EINVAL);
    snprintf(path, sizeof(path), "%s/missing", folder);
    cr_assert_eq(sim_catalog_add_file(c, "missing", true, path), SIM_ENOTFOUND);
    snprintf(path, sizeof(path), "%s/full", folder);
    cr_assert_eq(sim_catalog_add_file(c, "full", true, path), 0);
    snprintf(path, sizeof(path), "%s/empty", folder);
    cr_assert_eq(sim_catalog_add_file(c, "empty", false, path), 0);

    const struct sim_content *full = sim_catalog_find(c, "full");
    cr_assert_eq(full->size, 8);
    cr_assert_eq(memcmp(full->bytes, "firmware", 8), 0);
    cr_assert(full->is_firmware);
    cr_assert_eq(sim_catalog_find(c, "empty")->size, 0);
    cr_assert_not_null(sim_catalog_find(c, "empty")->bytes);
    cr_assert_eq(sim_catalog_count(c), 2);
    sim_catalog_free(c);
    remove_folder(folder);
}

Test(content, a_folder_gives_its_regular_files_in_order)
{
    char folder[64], path[128];
    struct sim_catalog *c = sim_catalog_new();
    make_folder(folder);
    write_file(folder, "b.sbn", "bb");
    write_file(folder, "A.loads", "a");
    write_file(folder, "c.sbn", "ccc");
    snprintf(path, sizeof(path), "%s/sub", folder);
    cr_assert_eq(mkdir(path, 0700), 0);
    write_file(folder, "sub/deep", "x");
    snprintf(path, sizeof(path), "%s/dangling", folder);
    cr_assert_eq(symlink("nowhere", path), 0);
    cr_assert_eq(sim_catalog_add_directory(c, "fw/", true, folder), 0);
    cr_assert_eq(sim_catalog_count(c), 3);
    cr_assert_str_eq(sim_catalog_at(c, 0)->name, "fw/A.loads");
    cr_assert_str_eq(sim_catalog_at(c, 1)->name, "fw/b.sbn");
    cr_assert_str_eq(sim_catalog_at(c, 2)->name, "fw/c.sbn");
    cr_assert_eq(sim_catalog_at(c, 2)->size, 3);
    cr_assert_eq(sim_catalog_add_directory(c, "fw/", true, folder), 0, "the same again is fine");
    cr_assert_eq(sim_catalog_count(c), 3);
    cr_assert_eq(sim_catalog_add_directory(c, "", true, "/nowhere/at/all"), SIM_ENOTFOUND);
    cr_assert_eq(sim_catalog_add_directory(c, "../", true, folder), SIM_EINVAL);
    sim_catalog_free(c);
    remove_folder(folder);
}

Test(content, a_second_folder_adds_what_is_new_and_names_what_differs)
{
    char first[64], second[64];
    struct sim_catalog *c = sim_catalog_new();
    make_folder(first);
    write_file(first, "a.sbn", "the same");
    write_file(first, "b.sbn", "one");
    make_folder(second);
    write_file(second, "a.sbn", "the same");
    write_file(second, "c.sbn", "new");
    cr_assert_eq(sim_catalog_add_directory(c, "", true, first), 0);
    cr_assert_eq(sim_catalog_add_directory(c, "", true, second), 0);
    cr_assert_eq(sim_catalog_count(c), 3);
    cr_assert_not_null(sim_catalog_find(c, "c.sbn"));
    cr_assert_str_eq(sim_catalog_clash(c), "");
    write_file(second, "b.sbn", "two");
    write_file(second, "d.sbn", "behind the one that differs");
    cr_assert_eq(sim_catalog_add_directory(c, "", true, second), SIM_EEXIST);
    cr_assert_str_eq(sim_catalog_clash(c), "b.sbn");
    cr_assert_not_null(sim_catalog_find(c, "d.sbn"));
    cr_assert_eq(sim_catalog_find(c, "b.sbn")->bytes[0], 'o');
    sim_catalog_free(c);
    remove_folder(first);
    remove_folder(second);
}

Test(content, settings_in_a_folder_of_firmware_are_none)
{
    char folder[64];
    static const char *const settings[] = {"XMLDefault.cnf.xml", "ITLFile.tlv", "Ringlist.XML",
                                           "SIP000000000001.cnf"};
    struct sim_catalog *c = sim_catalog_new();
    make_folder(folder);
    for (size_t i = 0; i < 4; i++) {
        write_file(folder, settings[i], "x");
    }
    write_file(folder, "L.loads", "x");
    write_file(folder, "jar.sbn", "x");
    cr_assert_eq(sim_catalog_add_directory(c, "", true, folder), 0);
    for (size_t i = 0; i < 4; i++) {
        cr_assert_not(sim_catalog_find(c, settings[i])->is_firmware, "%s", settings[i]);
    }
    cr_assert(sim_catalog_find(c, "L.loads")->is_firmware);
    cr_assert(sim_catalog_find(c, "jar.sbn")->is_firmware);
    sim_catalog_free(c);
    remove_folder(folder);
}

Test(content, synthetic_bytes_equal_only_themselves)
{
    struct sim_catalog *c = sim_catalog_new();
    uint8_t bytes[9000];
    sim_content_synthetic(sim_content_key("a", sizeof(bytes), 1), 0, bytes, sizeof(bytes));
    cr_assert_eq(sim_catalog_add_synthetic(c, "a", true, sizeof(bytes), 1), 0);
    cr_assert_eq(sim_catalog_add_synthetic(c, "b", true, sizeof(bytes), 1), 0);
    cr_assert_eq(sim_catalog_add_memory(c, "c", true, bytes, sizeof(bytes)), 0);
    bytes[8999] ^= 1;
    cr_assert_eq(sim_catalog_add_memory(c, "d", true, bytes, sizeof(bytes)), 0);
    const struct sim_content *a = sim_catalog_find(c, "a");
    cr_assert(sim_content_equal(a, a));
    cr_assert_not(sim_content_equal(a, sim_catalog_find(c, "b")));
    cr_assert(sim_content_equal(a, sim_catalog_find(c, "c")));
    cr_assert_not(sim_content_equal(a, sim_catalog_find(c, "d")));
    sim_catalog_free(c);
}

Test(content, reading_ends_with_the_file)
{
    struct sim_catalog *c = sim_catalog_new();
    uint8_t out[16];
    cr_assert_eq(sim_catalog_add_memory(c, "m", true, "0123456789", 10), 0);
    cr_assert_eq(sim_catalog_add_synthetic(c, "s", true, 10, 1), 0);
    for (size_t i = 0; i < 2; i++) {
        const struct sim_content *content = sim_catalog_at(c, i);
        cr_assert_eq(sim_content_read(content, 0, out, 16), 10);
        cr_assert_eq(sim_content_read(content, 7, out, 16), 3);
        cr_assert_eq(sim_content_read(content, 9, out, 1), 1);
        cr_assert_eq(sim_content_read(content, 10, out, 16), 0);
        cr_assert_eq(sim_content_read(content, UINT64_MAX, out, 16), 0);
        cr_assert_eq(sim_content_read(content, 0, out, 0), 0);
    }
    sim_catalog_free(c);
}

Test(content, a_digest_is_that_of_the_bytes_read)
{
    struct sim_catalog *c = sim_catalog_new();
    size_t size = 200001; /* more than one chunk, and no multiple of anything */
    uint8_t *bytes = malloc(size);
    cr_assert_eq(sim_catalog_add_synthetic(c, "s", true, size, 3), 0);
    cr_assert_eq(sim_catalog_add_memory(c, "m", true, "abc", 3), 0);
    cr_assert_eq(sim_catalog_add_memory(c, "empty", true, NULL, 0), 0);
    for (size_t i = 0; i < 3; i++) {
        struct sim_digest want, got, again;
        const struct sim_content *content = sim_catalog_at(c, i);
        size_t len = sim_content_read(content, 0, bytes, size);
        cr_assert_eq(len, content->size);
        sim_digest_of(bytes, len, &want);
        cr_assert_eq(sim_catalog_digest(c, content, &got), 0);
        cr_assert_eq(sim_catalog_digest(c, content, &again), 0);
        cr_assert(sim_digest_equal(&want, &got) && sim_digest_equal(&want, &again), "%zu", i);
    }
    free(bytes);
    sim_catalog_free(c);
}

static int resolve_sep(void *context, const char *name, uint8_t *bytes, size_t *len)
{
    if (strncmp(name, "SEP", 3) != 0) {
        return SIM_ENOTFOUND;
    }
    *len = (size_t)snprintf((char *)bytes, SIM_CONTENT_RESOLVED_MAX, "%s%s", (char *)context, name);
    return 0;
}

Test(content, the_resolver_makes_what_is_not_held)
{
    static char context[] = "made for ";
    static uint8_t bytes[SIM_CONTENT_RESOLVED_MAX];
    size_t len = 99;
    struct sim_catalog *c = sim_catalog_new();
    cr_assert_eq(sim_catalog_resolve(c, "SEP1", bytes, &len), SIM_ENOTFOUND, "none is set");
    sim_catalog_set_resolver(c, resolve_sep, context);
    cr_assert_eq(sim_catalog_resolve(c, "other", bytes, &len), SIM_ENOTFOUND);
    cr_assert_eq(len, 99, "left alone on failure");
    cr_assert_eq(sim_catalog_resolve(c, "SEP1", bytes, &len), 0);
    cr_assert_eq(len, 13);
    cr_assert_eq(memcmp(bytes, "made for SEP1", 13), 0);
    sim_catalog_free(c);
}

Test(content, a_forked_child_reads_the_same_catalog)
{
    struct sim_catalog *c = sim_catalog_new();
    uint8_t mine[100], theirs[100];
    int ends[2];
    cr_assert_eq(sim_catalog_add_synthetic(c, "s", true, 100, 9), 0);
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        sim_content_read(sim_catalog_find(c, "s"), 0, mine, 100);
        _exit(write(ends[1], mine, 100) == 100 ? 0 : 1);
    }
    cr_assert_eq(read(ends[0], theirs, 100), 100);
    cr_assert_eq(waitpid(child, NULL, 0), child);
    sim_content_read(sim_catalog_find(c, "s"), 0, mine, 100);
    cr_assert_eq(memcmp(mine, theirs, 100), 0);
    close(ends[0]);
    close(ends[1]);
    sim_catalog_free(c);
}
