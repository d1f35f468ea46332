/* Goal: a result file replaces a file, never a pipe, a device or a link. Method: each of them in a
 * folder of its own. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/output.h"

static char folder[] = "/tmp/pfsim-output-XXXXXX";
static char why[ANALYSIS_WHY_MAX];

static const char *at(const char *name)
{
    static char path[128];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return path;
}

static void begin(void)
{
    cr_assert_not_null(mkdtemp(folder));
}

static void end(void)
{
    static const char *const names[] = {"pipe", "link", "there", "x"};
    for (size_t i = 0; i < 4; i++) {
        unlink(at(names[i]));
    }
    cr_assert_eq(rmdir(folder), 0, "something was left behind");
}

static int write_to(const char *name)
{
    struct analysis_output *o = NULL;
    int rc = analysis_output_open(&o, folder, name, why);

    if (rc == 0) {
        analysis_output_print(o, "hello");
        rc = analysis_output_commit(o, why);
    }
    return rc;
}

static mode_t kind_of(const char *name)
{
    struct stat st;
    cr_assert_eq(lstat(at(name), &st), 0, "%s is gone", name);
    return st.st_mode & S_IFMT;
}

Test(output, a_pipe_is_written_to_and_stays_one, .init = begin, .fini = end)
{
    char text[8] = "";

    cr_assert_eq(mkfifo(at("pipe"), 0600), 0);
    int fd = open(at("pipe"), O_RDONLY | O_NONBLOCK);
    cr_assert_eq(write_to("pipe"), 0, "%s", why);
    cr_assert_eq(read(fd, text, sizeof(text)), 5);
    cr_assert_str_eq(text, "hello");
    close(fd);
    cr_assert_eq(kind_of("pipe"), S_IFIFO);
    cr_assert_neq(write_to("pipe"), 0, "it waits for a reader that never comes");
    cr_assert(strstr(why, "nobody reads") != NULL, "%s", why);
    cr_assert_eq(kind_of("pipe"), S_IFIFO);
}

Test(output, of_a_link_the_target_is_replaced, .init = begin, .fini = end)
{
    cr_assert_eq(write_to("there"), 0, "%s", why);
    cr_assert_eq(symlink("there", at("link")), 0);
    cr_assert_eq(truncate(at("there"), 0), 0);
    cr_assert_eq(write_to("link"), 0, "%s", why);
    cr_assert_eq(kind_of("link"), S_IFLNK);
    struct stat st;
    cr_assert(stat(at("there"), &st) == 0 && st.st_size == 5);
}

Test(output, a_folder_is_refused_before_anything_is_written, .init = begin, .fini = end)
{
    struct analysis_output *o = NULL;

    cr_assert_eq(mkdir(at("there"), 0700), 0);
    cr_assert_neq(analysis_output_open(&o, folder, "there", why), 0);
    cr_assert_null(o);
    cr_assert(strstr(why, "/there: Is a directory") != NULL, "%s", why);
    cr_assert_eq(rmdir(at("there")), 0, "something was left in it");
}

Test(output, a_file_is_no_folder_and_is_named, .init = begin, .fini = end)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/sub", at("my.json"));
    fclose(fopen(at("my.json"), "w"));
    cr_assert_neq(analysis_output_folder(at("my.json"), why), 0);
    cr_assert(strstr(why, "/my.json is a file, and a folder is needed there") != NULL, "%s", why);
    cr_assert_neq(analysis_output_folder(path, why), 0);
    cr_assert(strstr(why, "/my.json is a file, and a folder is needed there") != NULL, "%s", why);
    cr_assert_eq(unlink(at("my.json")), 0);
    cr_assert_eq(analysis_output_folder(path, why), 0, "%s", why);
    cr_assert_eq(rmdir(path), 0);
    cr_assert_eq(rmdir(at("my.json")), 0);
}

Test(output, what_is_dropped_leaves_the_old_file, .init = begin, .fini = end)
{
    struct analysis_output *o = NULL;
    struct stat st;

    cr_assert_eq(write_to("x"), 0, "%s", why);
    cr_assert_eq(analysis_output_open(&o, folder, "x", why), 0, "%s", why);
    analysis_output_print(o, "something longer");
    analysis_output_discard(o);
    cr_assert(stat(at("x"), &st) == 0 && st.st_size == 5);
}

Test(output, a_path_is_a_folder_and_a_name)
{
    static const struct {
        const char *path, *dir, *name;
    } rows[] = {
        {"a.html", ".", "a.html"}, {"/a.html", "/", "a.html"}, {"a/b/c", "a/b", "c"},
        {"./a", ".", "a"},         {"/a/b", "/a", "b"},        {"a/", NULL, NULL},
        {"", NULL, NULL},          {"/", NULL, NULL},
    };
    char dir[ANALYSIS_PATH_MAX], *is_long = malloc(ANALYSIS_PATH_MAX + 1);

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *name = analysis_output_split(rows[i].path, dir);
        cr_assert_eq(name == NULL, rows[i].name == NULL, "%s", rows[i].path);
        if (name != NULL) {
            cr_assert_str_eq(name, rows[i].name);
            cr_assert_str_eq(dir, rows[i].dir);
        }
    }
    memset(is_long, 'a', ANALYSIS_PATH_MAX);
    is_long[ANALYSIS_PATH_MAX] = '\0';
    cr_assert_null(analysis_output_split(is_long, dir));
    cr_assert_not_null(analysis_output_split(is_long + 1, dir));
    free(is_long);
}
