/* Goal: a folder gives its regular files and nothing outside, with openat2 and without; an upload
 * has its name only when it is whole. Method: a scratch folder full of traps, each run both ways.
 */
#include <fcntl.h>
#include <sys/un.h>

#include "client.h"
#include "sim/server/folder.h"

static int open_in(int folder, const char *name)
{
    int fd = -1;
    uint64_t size;
    int rc = sim_server_folder_file(folder, name, &fd, &size);
    if (rc == 0) {
        close(fd);
    }
    return rc;
}

/* root/ with traps, and secret beside it. */
static int make_traps(struct scratch *s)
{
    int fd = -1;
    scratch_make(s);
    mkdir(scratch_at(s, "root"), 0755);
    mkdir(scratch_at(s, "root/sub"), 0755);
    mkdir(scratch_at(s, "outside"), 0755);
    scratch_write(s, "secret", "secret", 6);
    scratch_write(s, "outside/file", "secret", 6);
    scratch_write(s, "root/file", "hello", 5);
    scratch_write(s, "root/empty", "", 0);
    scratch_write(s, "root/sub/file", "deep", 4);
    cr_assert_eq(symlink("../secret", scratch_at(s, "root/relative-out")), 0);
    cr_assert_eq(symlink("/etc/passwd", scratch_at(s, "root/absolute")), 0);
    cr_assert_eq(symlink(scratch_at(s, "root/file"), scratch_at(s, "root/absolute-in")), 0);
    cr_assert_eq(symlink("../outside", scratch_at(s, "root/folder-out")), 0);
    cr_assert_eq(symlink("/proc/self/root", scratch_at(s, "root/magic")), 0);
    cr_assert_eq(symlink("loop", scratch_at(s, "root/loop")), 0);
    cr_assert_eq(symlink("nowhere", scratch_at(s, "root/dangling")), 0);
    cr_assert_eq(symlink("sub/file", scratch_at(s, "root/inside")), 0);
    cr_assert_eq(mkfifo(scratch_at(s, "root/pipe"), 0644), 0);
    cr_assert_eq(sim_server_folder_open(scratch_at(s, "root"), &fd), 0);
    return fd;
}

Test(server_folder, gives_regular_files_and_nothing_else)
{
    static const struct {
        const char *name;
        int want;
        int want_fallback; /* which follows no link at all */
    } rows[] = {
        {"file", 0, 0},
        {"empty", 0, 0},
        {"sub/file", 0, 0},
        {"inside", 0, SIM_EACCES},
        {"sub", SIM_EACCES, SIM_EACCES},
        {"pipe", SIM_EACCES, SIM_EACCES},
        {"relative-out", SIM_EACCES, SIM_EACCES},
        {"absolute", SIM_EACCES, SIM_EACCES},
        {"absolute-in", SIM_EACCES, SIM_EACCES},
        {"folder-out/file", SIM_EACCES, SIM_ENOTFOUND},
        {"magic/etc/passwd", SIM_EACCES, SIM_ENOTFOUND},
        {"loop", SIM_EACCES, SIM_EACCES},
        {"dangling", SIM_ENOTFOUND, SIM_EACCES},
        {"missing", SIM_ENOTFOUND, SIM_ENOTFOUND},
        {"file/below", SIM_ENOTFOUND, SIM_ENOTFOUND},
        {"missing/below", SIM_ENOTFOUND, SIM_ENOTFOUND},
    };
    struct scratch s;
    int folder = make_traps(&s);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        sim_server_folder_use_fallback(false);
        cr_assert_eq(open_in(folder, rows[i].name), rows[i].want, "%s: %s", rows[i].name,
                     sim_err_name(open_in(folder, rows[i].name)));
        sim_server_folder_use_fallback(true);
        cr_assert_eq(open_in(folder, rows[i].name), rows[i].want_fallback, "fallback: %s: %s",
                     rows[i].name, sim_err_name(open_in(folder, rows[i].name)));
    }
    close(folder);
    scratch_remove(&s);
}

Test(server_folder, says_how_long_a_file_is)
{
    struct scratch s;
    int fd, folder = make_traps(&s);
    uint64_t size;
    char bytes[8];
    cr_assert_eq(sim_server_folder_file(folder, "file", &fd, &size), 0);
    cr_assert_eq(size, 5);
    cr_assert_eq(read(fd, bytes, 8), 5);
    cr_assert_eq(memcmp(bytes, "hello", 5), 0);
    close(fd);
    cr_assert_eq(sim_server_folder_file(folder, "empty", &fd, &size), 0);
    cr_assert_eq(size, 0);
    close(fd);
    close(folder);
    scratch_remove(&s);
}

Test(server_folder, must_be_a_folder)
{
    int fd = -7;
    cr_assert_eq(sim_server_folder_open("/nowhere/at/all", &fd), SIM_ENOTFOUND);
    cr_assert_eq(sim_server_folder_open("/etc/passwd", &fd), SIM_ENOTFOUND);
    cr_assert_eq(fd, -7);
}

Test(server_upload, has_its_name_only_when_it_is_whole)
{
    struct scratch s;
    struct sim_server_upload *upload;
    int folder = make_traps(&s);
    for (int fallback = 0; fallback < 2; fallback++) {
        sim_server_folder_use_fallback(fallback == 1);
        const char *name = fallback == 1 ? "sub/new1" : "sub/new0";
        cr_assert_eq(sim_server_upload_new(&upload, folder, name), 0);
        cr_assert_eq(sim_server_upload_write(upload, "abc", 3), 0);
        cr_assert_eq(open_in(folder, name), SIM_ENOTFOUND, "not yet");
        cr_assert_eq(sim_server_upload_write(upload, "def", 3), 0);
        cr_assert_eq(sim_server_upload_close(upload, true), 0);
        cr_assert_eq(open_in(folder, name), 0);
        cr_assert_eq(sim_server_upload_new(&upload, folder, name), SIM_EEXIST);
    }
    cr_assert_eq(sim_server_upload_new(&upload, folder, "broken"), 0);
    cr_assert_eq(sim_server_upload_write(upload, "abc", 3), 0);
    cr_assert_eq(sim_server_upload_close(upload, false), 0);
    cr_assert_eq(open_in(folder, "broken"), SIM_ENOTFOUND);
    close(folder);
    char command[200];
    snprintf(command, sizeof(command), "test -z \"$(find '%s' -name '.pfsim*')\"", s.path);
    cr_assert_eq(system(command), 0, "no unfinished file is left");
    scratch_remove(&s);
}

Test(server_upload, stays_inside_and_never_replaces)
{
    struct scratch s;
    struct sim_server_upload *a, *b;
    int folder = make_traps(&s);
    cr_assert_eq(sim_server_upload_new(&a, folder, "folder-out/x"), SIM_EACCES);
    cr_assert_eq(sim_server_upload_new(&a, folder, "missing/x"), SIM_ENOTFOUND);
    cr_assert_eq(sim_server_upload_new(&a, folder, "relative-out"), SIM_EEXIST);
    cr_assert_eq(sim_server_upload_new(&a, folder, "dangling"), SIM_EEXIST);
    cr_assert_eq(sim_server_upload_new(&a, folder, "sub"), SIM_EEXIST);
    cr_assert_eq(sim_server_upload_new(&a, folder, "race"), 0);
    cr_assert_eq(sim_server_upload_new(&b, folder, "race"), 0);
    cr_assert_eq(sim_server_upload_write(a, "a", 1), 0);
    cr_assert_eq(sim_server_upload_close(a, true), 0);
    cr_assert_eq(sim_server_upload_close(b, true), SIM_EEXIST, "the first one stays");
    uint64_t size = 0;
    int fd;
    cr_assert_eq(sim_server_folder_file(folder, "race", &fd, &size), 0);
    cr_assert_eq(size, 1);
    close(fd);
    close(folder);
    scratch_remove(&s);
}
