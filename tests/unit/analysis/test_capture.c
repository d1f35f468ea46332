/* Goal: lines are JSON whatever names are in them, files are whole and the same each time, frames
 * have right lengths and sums. Method: texts that were made to break out of a string; frames summed
 * up again as a receiver does. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/capture/capture.h"
#include "analysis/capture/file.h"
#include "analysis/capture/frame.h"

/* ---- Lines ---- */

Test(line, keeps_hostile_texts_inside_their_string)
{
    static const struct {
        const char *text, *wanted;
    } rows[] = {
        {"plain", "\"plain\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"line\nfeed\ttab\x01\x7f", "\"line\\u000afeed\\u0009tab\\u0001\\u007f\""},
        {"<script>&", "\"<script>&\""},
        {"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80",
         "\"Z\xc3\xbcrich \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"cut \xe2\x82", "\"cut \xef\xbf\xbd\xef\xbf\xbd\""},
        {"long form \xc0\xaf", "\"long form \xef\xbf\xbd\xef\xbf\xbd\""},
        {"surrogate \xed\xa0\x80", "\"surrogate \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"beyond \xf4\x90\x80\x80", "\"beyond \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"", "\"\""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct analysis_line l = {.len = 0};
        analysis_line_string(&l, rows[i].text);
        cr_assert_str_eq(l.text, rows[i].wanted, "row %zu: %s", i, l.text);
    }
}

Test(line, cuts_what_is_too_long_and_stays_json)
{
    static const char *const bytes[] = {"x", "\x01", "\xff", "\xe2\x82\xac", "\""};

    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        char text[8001] = "";
        for (size_t at = 0; at + strlen(bytes[i]) < sizeof(text); at += strlen(bytes[i])) {
            memcpy(text + at, bytes[i], strlen(bytes[i]) + 1);
        }
        struct analysis_line l = {.len = 0};
        analysis_line_print(&l, "{\"a\":1");
        analysis_line_member(&l, "name", text);
        analysis_line_print(&l, "}");
        cJSON *parsed = cJSON_ParseWithLength(l.text, l.len);
        cr_assert_not_null(parsed, "row %zu: %.60s", i, l.text);
        cJSON_Delete(parsed);
    }
}

/* ---- Names ---- */

Test(path, takes_the_method_in_front_of_its_ending)
{
    static const char *const rows[][2] = {
        {"x.pcapng", "x.pfs.pcapng"},
        {"a/b.c/x.pcapng", "a/b.c/x.pfs.pcapng"},
        {"x.ndjson.gz", "x.pfs.ndjson.gz"},
        {"x.gz", "x.pfs.gz"},
        {"x", "x.pfs"},
        {"a.b/x", "a.b/x.pfs"},
        {".hidden", ".hidden.pfs"},
        {".gz", ".gz.pfs"},
    };
    char out[ANALYSIS_PATH_MAX];

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cr_assert(analysis_capture_path(rows[i][0], "pfs", out));
        cr_assert_str_eq(out, rows[i][1], "%s: %s", rows[i][0], out);
    }
    char *far = malloc(ANALYSIS_PATH_MAX);
    memset(far, 'x', ANALYSIS_PATH_MAX - 1);
    far[ANALYSIS_PATH_MAX - 1] = '\0';
    cr_assert(!analysis_capture_path(far, "pfs", out));
    free(far);
    cr_assert(!analysis_capture_path("", "pfs", out), "%s", out);
    cr_assert(!analysis_capture_path("a/", "pfs", out), "%s", out);
}

/* ---- Files ---- */

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

static void write_file(const char *name)
{
    struct analysis_capture_file *f = NULL;
    char path[128], why[ANALYSIS_WHY_MAX], line[64];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    cr_assert_eq(analysis_capture_open(&f, path, "", why), 0, "%s", why);
    for (int i = 0; i < 50000; i++) {
        int len = snprintf(line, sizeof(line), "line %d of this file\n", i);
        analysis_capture_write(f, line, (size_t)len);
    }
    cr_assert_eq(analysis_capture_commit(f, why), 0, "%s", why);
}

Test(file, ends_in_gz_and_is_compressed, .init = make_folder, .fini = remove_folder)
{
    char command[300];

    write_file("a.txt");
    write_file("a.txt.gz");
    write_file("sub/b.gz");
    snprintf(command, sizeof(command),
             "cd %s && gzip -dc a.txt.gz | cmp - a.txt && cmp a.txt.gz sub/b.gz && "
             "[ $(stat -c %%s a.txt.gz) -lt $(stat -c %%s a.txt) ] && [ $(ls -A | wc -l) -eq 3 ]",
             folder);
    cr_assert_eq(system(command), 0);
}

/* A limit on the size of files stands for a full disk: the write fails alike. What was on the disk
 * stays, to the last whole line, with the file's end behind it. */
static void fill_up(const char *name, const char *wanted_name)
{
    struct analysis_capture_file *f = NULL;
    char path[128], why[ANALYSIS_WHY_MAX], line[64], command[400];
    const struct rlimit small = {30000, 30000};

    signal(SIGXFSZ, SIG_IGN);
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    cr_assert_eq(analysis_capture_open(&f, path, "the end\n", why), 0, "%s", why);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
    for (unsigned i = 0; i < 200000; i++) { /* hard to compress */
        int len = snprintf(line, sizeof(line), "line %u %08x\n", i, i * 2654435761U);
        analysis_capture_write(f, line, (size_t)len);
        analysis_capture_mark(f);
    }
    cr_assert_neq(analysis_capture_commit(f, why), 0);
    cr_assert_not_null(strstr(why, wanted_name), "%s", why);
    snprintf(
        command, sizeof(command),
        "cd %s && [ \"$(ls -A)\" = %s ] && gzip -dcf %s | awk '/^the end$/ { ends++; next } "
        "$1 != \"line\" || $2 != n++ || NF != 3 { exit 2 } END { exit !(ends == 1 && n > 500) }'",
        folder, wanted_name, wanted_name);
    cr_assert_eq(system(command), 0, "%s", command);
    snprintf(command, sizeof(command), "[ $(stat -c %%s %s/%s) -gt 14000 ]", folder, wanted_name);
    cr_assert_eq(system(command), 0, "little of what was there is left");
}

Test(file, keeps_what_was_there_when_the_disk_is_full, .init = make_folder, .fini = remove_folder)
{
    fill_up("a.txt", "a.partial.txt");
}

Test(file, keeps_what_was_there_compressed_too, .init = make_folder, .fini = remove_folder)
{
    fill_up("a.txt.gz", "a.partial.txt.gz");
}

Test(file, leaves_nothing_when_it_is_dropped, .init = make_folder, .fini = remove_folder)
{
    struct analysis_capture_file *f = NULL;
    char path[128], why[ANALYSIS_WHY_MAX];

    snprintf(path, sizeof(path), "%s/x.gz", folder);
    cr_assert_eq(analysis_capture_open(&f, path, "", why), 0);
    analysis_capture_write(f, "x", 1);
    analysis_capture_discard(f);
    cr_assert_eq(rmdir(folder), 0, "something was left");
    cr_assert_eq(mkdir(folder, 0700), 0);
}

Test(file, says_why_a_name_will_not_do)
{
    static const char *const names[] = {"", "/tmp/", "/tmp", "."};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct analysis_capture_file *f = NULL;
        char why[ANALYSIS_WHY_MAX] = "";
        cr_assert_neq(analysis_capture_open(&f, names[i], "", why), 0, "\"%s\"", names[i]);
        cr_assert_not_null(strstr(why, "can't write"), "%s", why);
    }
}

/* ---- Frames ---- */

static uint32_t add_up(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    while (sum > 0xffff) {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

static uint32_t get16(const uint8_t *at)
{
    return (uint32_t)at[0] << 8 | at[1];
}

Test(frame, has_right_lengths_and_sums)
{
    static const uint64_t macs[2] = {UINT64_C(0x001e13000001), UINT64_C(0xffffffffffff)};
    const uint8_t payload[5] = {1, 2, 3, 4, 5};

    for (int row = 0; row < 6; row++) {
        struct sim_packet packet = {
            .from = 0x7f010002,
            .to = SIM_TAP_BROADCAST,
            .from_port = 4051,
            .to_port = 4051,
            .is_tcp = row % 2 == 1,
            .flags = row == 3 ? SIM_TAP_SYN : SIM_TAP_ACK,
            .seq = 0xfedcba98,
            .ack = row == 3 ? 0 : 7,
            .payload_len = (uint32_t)(row < 2   ? 5
                                      : row < 4 ? 0
                                                : 60000),
            .bytes = payload,
            .bytes_len = row < 2   ? 5
                         : row < 4 ? 0
                                   : 5,
        };
        uint8_t frame[ANALYSIS_FRAME_MAX];
        uint32_t original;
        size_t len = analysis_frame_write(frame, &packet, macs, 9, &original);
        size_t head = !packet.is_tcp ? 8 : row == 3 ? 40 : 32;

        cr_assert_eq(original, 14 + 20 + head + packet.payload_len, "row %d", row);
        cr_assert_eq(len, 14 + 20 + head + packet.bytes_len, "row %d", row);
        cr_assert_eq(memcmp(frame, "\xff\xff\xff\xff\xff\xff\x00\x1e\x13\x00\x00\x01\x08\x00", 14),
                     0);
        cr_assert_eq(get16(frame + 16), original - 14, "row %d: IP's length", row);
        cr_assert_eq(add_up(frame + 14, 20, 0), 0xffff, "row %d: IP's sum", row);
        uint32_t pseudo = add_up(frame + 26, 8, (packet.is_tcp ? 6u : 17u) + original - 34);
        if (packet.bytes_len == packet.payload_len) {
            cr_assert_eq(add_up(frame + 34, len - 34, pseudo), 0xffff, "row %d: sum", row);
        } else if (packet.is_tcp) { /* left to the card: the pseudo header's */
            cr_assert_eq(get16(frame + 34 + 16), pseudo, "row %d", row);
        } else {
            cr_assert_eq(get16(frame + 34 + 6), 0u, "row %d", row);
        }
        if (packet.is_tcp) {
            cr_assert_eq(frame[34 + 12] >> 4, head / 4, "row %d: TCP's header", row);
        }
    }
}
