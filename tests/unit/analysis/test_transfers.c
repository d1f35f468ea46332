/* Goal: transfers.csv is complete, sorted and the same however lanes dealt the transfers.
 * Method: 200,000 transfers, more than one run of the external sort, once on one lane and once
 * scattered over four. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "analysis/transfers.h"
#include "sim/err.h"
#include "sim/rng.h"

enum { NODES = 100, TRANSFERS = 200000 };

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof(folder), "/tmp/pfsim-test.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

static char *slurp(const char *name, size_t *len)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    cr_assert_not_null(f, "%s", path);
    fseek(f, 0, SEEK_END);
    *len = (size_t)ftell(f);
    rewind(f);
    char *text = malloc(*len + 1);
    cr_assert_eq(fread(text, 1, *len, f), *len);
    text[*len] = '\0';
    fclose(f);
    return text;
}

/* A node's transfers stay on one lane and in order, as in a run; nodes interleave at random. */
static void write_all(unsigned lanes, const char *name)
{
    struct analysis_transfers *t = NULL;
    struct analysis_output *o = NULL;
    char why[ANALYSIS_WHY_MAX];
    struct sim_rng rng;
    sim_time at[NODES] = {0};

    sim_rng_init(&rng, 7, SIM_RNG_TEST, 0);
    cr_assert_eq(analysis_transfers_new(&t, folder, lanes, why), 0, "%s", why);
    for (int i = 0; i < TRANSFERS; i++) {
        uint32_t node = (uint32_t)sim_rng_below(&rng, NODES);
        at[node] += sim_rng_below(&rng, 3) * SIM_MS; /* many ties */
        char file[32];
        snprintf(file, sizeof(file), "file-%d.sbn", i % 6);
        struct analysis_transfer transfer = {
            .start = at[node],
            .end = at[node],
            .node = node,
            .phone = 0x7f010002 + node,
            .from = i % 3 == 0 ? 0 : 0x7f010001,
            .bytes = (uint64_t)i,
            .status = i % 10 == 0 ? SIM_EDIGEST : 0,
            .name = file,
        };
        analysis_transfers_add(t, node % lanes, &transfer);
    }
    cr_assert_eq(analysis_output_open(&o, folder, name, why), 0, "%s", why);
    cr_assert_eq(analysis_transfers_write(t, o, NULL, why), 0, "%s", why);
    cr_assert_eq(analysis_output_commit(o, why), 0, "%s", why);
    analysis_transfers_free(t);
}

Test(transfers, do_not_depend_on_lanes, .init = make_folder, .fini = remove_folder)
{
    size_t one_len, four_len;

    write_all(1, "one.csv");
    write_all(4, "four.csv");
    char *one = slurp("one.csv", &one_len), *four = slurp("four.csv", &four_len);
    cr_assert_eq(one_len, four_len);
    cr_assert_eq(memcmp(one, four, one_len), 0);
    size_t lines = 0;
    for (size_t i = 0; i < one_len; i++) {
        lines += one[i] == '\n';
    }
    cr_assert_eq(lines, TRANSFERS + 1);
    free(one);
    free(four);
}

Test(transfers, say_who_what_from_whom_when_and_how_it_ended, .init = make_folder,
     .fini = remove_folder)
{
    struct analysis_transfers *t = NULL;
    struct analysis_output *o = NULL;
    char why[ANALYSIS_WHY_MAX];
    size_t len;
    struct analysis_transfer rows[] = {
        {.start = 1 * SIM_S,
         .end = 3 * SIM_S,
         .node = 1,
         .phone = 0x7f010003,
         .from = 0x7f010002,
         .bytes = 10,
         .name = "with,comma"},
        {.start = 0,
         .end = 2 * SIM_S + 1500,
         .node = 0,
         .phone = 0x7f010002,
         .bytes = 20,
         .status = SIM_ETIMEDOUT,
         .name = "b.sbn"},
    };

    cr_assert_eq(analysis_transfers_new(&t, folder, 1, why), 0);
    analysis_transfers_add(t, 0, &rows[0]);
    analysis_transfers_add(t, 0, &rows[1]);
    cr_assert_eq(analysis_output_open(&o, folder, "t.csv", why), 0);
    cr_assert_eq(analysis_transfers_write(t, o, NULL, why), 0);
    cr_assert_eq(analysis_output_commit(o, why), 0);
    analysis_transfers_free(t);
    char *text = slurp("t.csv", &len);
    cr_assert_str_eq(text, "phone,file,from,via,start_s,end_s,bytes,outcome\n"
                           "127.1.0.2,b.sbn,server,server,0.000000,2.000002,20,timed out\n"
                           "127.1.0.3,\"with,comma\",127.1.0.2,peer,1.000000,3.000000,10,ok\n");
    free(text);
}

Test(output, leaves_nothing_under_a_final_name_when_the_disk_is_full)
{
    struct analysis_output *o = NULL;
    char why[ANALYSIS_WHY_MAX] = "";

    /* A name that can't be opened stands for a folder that can't be written. */
    cr_assert_neq(analysis_output_open(&o, "/proc/self/nowhere", "x", why), 0);
    cr_assert(strlen(why) > 0);
    cr_assert_null(o);
}

Test(output, is_whole_or_absent, .init = make_folder, .fini = remove_folder)
{
    struct analysis_output *o = NULL;
    char why[ANALYSIS_WHY_MAX], path[128];

    snprintf(path, sizeof(path), "%s/x.txt", folder);
    cr_assert_eq(analysis_output_open(&o, folder, "x.txt", why), 0);
    analysis_output_print(o, "half");
    cr_assert_neq(access(path, F_OK), 0);
    analysis_output_discard(o);
    cr_assert_neq(access(path, F_OK), 0);
    cr_assert_eq(analysis_output_open(&o, folder, "x.txt", why), 0);
    analysis_output_print(o, "whole");
    cr_assert_eq(analysis_output_commit(o, why), 0);
    cr_assert_eq(access(path, F_OK), 0);
}
