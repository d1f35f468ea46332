/* Goal: the catalog of a scenario has every file that its phones may ask for, once; folders may
 * share names only when they mean the same file. Method: folders made for the test. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scenarios/content.h"
#include "sim/err.h"

static char root[64];
static char why[SCENARIO_WHY_MAX];

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", root, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s", path);
    fputs(text, file);
    fclose(file);
}

static void make_folders(void)
{
    char path[128];
    strcpy(root, "/tmp/pfsim-firmware-XXXXXX");
    cr_assert_not_null(mkdtemp(root));
    for (char c = 'a'; c <= 'b'; c++) {
        snprintf(path, sizeof(path), "%s/%c", root, c);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
}

static void remove_folders(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    cr_assert_eq(system(command), 0);
}

static struct scenario *load(const char *firmware)
{
    static const char *const tail = ",\"sites\":[{\"name\":\"s\",\"phones\":[{\"model\":\"A\","
                                    "\"system\":\"cucm\",\"count\":1}]}]}";
    struct scenario_errors errors;
    struct scenario *s = NULL;
    char text[1024], path[128];
    int len = snprintf(text, sizeof(text), "{\"name\":\"x\",\"firmware\":%s%s", firmware, tail);
    snprintf(path, sizeof(path), "%s/t.json", root);
    scenario_load_text(path, text, (size_t)len, NULL, 0, &s, &errors);
    if (s == NULL) {
        scenario_errors_print(&errors, path, stderr);
    }
    scenario_errors_free(&errors);
    cr_assert_not_null(s);
    return s;
}

#define TWO_FOLDERS                                                                                \
    "[{\"model\":\"A\",\"load\":\"LA\",\"directory\":\"a\"},"                                      \
    "{\"model\":\"B\",\"load\":\"LB\",\"directory\":\"b\"}]"

static void fill_two_folders(void)
{
    make_folders();
    write_file("a/jar.sbn", "jar of a");
    write_file("a/dsp.sbn", "shared");
    write_file("b/cnu.sbn", "cnu of b");
    write_file("b/dsp.sbn", "shared");
    write_file("b/zzz.sbn", "behind the shared one");
}

Test(catalog, two_folders_that_share_a_name_lose_no_file)
{
    static const char *const names[] = {"jar.sbn", "dsp.sbn",  "cnu.sbn",
                                        "zzz.sbn", "LA.loads", "LB.loads"};
    struct sim_catalog *c;
    fill_two_folders();
    struct scenario *s = load(TWO_FOLDERS);
    cr_assert_eq(scenario_catalog_new(s, SCENARIO_PFS, &c, why), 0, "%s", why);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        cr_assert_not_null(sim_catalog_find(c, names[i]), "%s", names[i]);
    }
    scenario_catalog_free(c);
    scenario_free(s);
    remove_folders();
}

Test(catalog, two_folders_that_mean_different_files_by_one_name_are_refused)
{
    struct sim_catalog *c;
    fill_two_folders();
    write_file("b/dsp.sbn", "SHARED"); /* of the same size */
    struct scenario *s = load(TWO_FOLDERS);
    cr_assert_eq(scenario_catalog_new(s, SCENARIO_PFS, &c, why), SIM_EEXIST);
    cr_assert(strstr(why, "dsp.sbn") != NULL && strstr(why, "firmware of B") != NULL, "%s", why);
    scenario_free(s);
    remove_folders();
}

Test(catalog, made_up_bytes_do_not_pass_for_a_real_file)
{
    struct sim_catalog *c;
    fill_two_folders();
    struct scenario *s = load("[{\"model\":\"A\",\"load\":\"LA\",\"directory\":\"a\"},"
                              "{\"model\":\"B\",\"load\":\"LB\",\"files\":["
                              "{\"name\":\"dsp.sbn\",\"size\":\"6 B\"}]}]");
    cr_assert_eq(scenario_catalog_new(s, SCENARIO_PFS, &c, why), SIM_EEXIST);
    cr_assert_not_null(strstr(why, "dsp.sbn"), "%s", why);
    scenario_free(s);
    remove_folders();
}

Test(catalog, a_folder_that_is_a_tftp_root_keeps_its_settings)
{
    struct sim_catalog *c;
    uint64_t count, bytes;
    char out[128], path[160], text[64] = "";
    make_folders();
    write_file("a/jar.sbn", "jar of a");
    write_file("a/XMLDefault.cnf.xml", "<Default>theirs</Default>");
    write_file("a/SEP001E13000000.cnf.xml", "<device>theirs</device>");
    write_file("a/ITLFile.tlv", "trust");
    struct scenario *s = load("[{\"model\":\"A\",\"load\":\"LA\",\"directory\":\"a\"}]");
    cr_assert_eq(s->firmware[0].files_len, 1, "settings are no components");
    cr_assert_eq(scenario_catalog_new(s, SCENARIO_PFS, &c, why), 0, "%s", why);
    const struct sim_content *own = sim_catalog_find(c, "XMLDefault.cnf.xml");
    cr_assert_eq(memcmp(own->bytes, "<Default>theirs", 15), 0);
    cr_assert_not(own->is_firmware);
    cr_assert_not(sim_catalog_find(c, "ITLFile.tlv")->is_firmware);
    cr_assert(sim_catalog_find(c, "jar.sbn")->is_firmware);
    scenario_catalog_free(c);

    snprintf(out, sizeof(out), "%s/out", root);
    const volatile int stopped = 1, goes_on = 0;
    cr_assert_eq(scenario_content_write(s, SCENARIO_PFS, out, &stopped, &count, &bytes, why),
                 SIM_ECANCELED);
    cr_assert_eq(count, 0);
    cr_assert_eq(rmdir(out), 0, "nothing half-written is left");
    cr_assert_eq(scenario_content_write(s, SCENARIO_PFS, out, &goes_on, &count, &bytes, why), 0,
                 "%s", why);
    snprintf(path, sizeof(path), "%s/SEP001E13000000.cnf.xml", out);
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    cr_assert_not_null(fgets(text, sizeof(text), file));
    fclose(file);
    cr_assert_str_eq(text, "<device>theirs</device>",
                     "what pfsim content writes is what it serves");
    scenario_free(s);
    remove_folders();
}
