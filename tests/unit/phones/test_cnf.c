/* Goal: a phone obeys its configuration, and a hostile one can't hurt it.
 * Method: written and read back; texts as they are found at real sites; texts with one flaw each.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phones/provisioning/cnf.h"
#include "sim/err.h"

static int parse_text(const char *text, const char *model, struct cnf *out)
{
    return cnf_parse((const uint8_t *)text, strlen(text), model, out);
}

Test(cnf, reads_what_it_writes)
{
    struct cnf in = {.load = "SCCP41.9-4-2SR3-1S",
                     .has_sharing = true,
                     .sharing = true,
                     .load_server = "10.0.0.7<&>"};
    struct cnf out;
    char text[8192];
    size_t len = cnf_write(&in, "CP-7961G & more", 0x001e13000001, text, sizeof(text));
    cr_assert_gt(len, 0);
    cr_assert_not_null(strstr(text, "SEP001E13000001"));
    cr_assert_eq(cnf_parse((const uint8_t *)text, len, "CP-7961G", &out), 0);
    cr_assert_str_eq(out.load, in.load);
    cr_assert(out.has_sharing && out.sharing);
    cr_assert_str_eq(out.load_server, in.load_server);
    cr_assert_eq(cnf_write(&in, "m", 1, text, 100), 0, "no room: says so");
}

Test(cnf, takes_the_load_of_its_own_model_from_the_default_file)
{
    static const struct cnf_default list[] = {{"CP-7970G", "SCCP70"}, {"CP-7961G", "SCCP41"}};
    char text[2048];
    struct cnf out;
    size_t len = cnf_write_default(list, 2, text, sizeof(text));
    cr_assert_eq(cnf_parse((const uint8_t *)text, len, "CP-7961G", &out), 0);
    cr_assert_str_eq(out.load, "SCCP41");
    cr_assert_eq(
        parse_text("<Default><loadInformation30018 model=\"Cisco 7961\">L</loadInformation30018>"
                   "</Default>",
                   "CP-7961G", &out),
        0);
    cr_assert_str_eq(out.load, "L", "matches by its digits");
    cr_assert_eq(
        parse_text("<Default><loadInformation30018 model=\"Cisco 7971\">L</loadInformation30018>"
                   "</Default>",
                   "CP-7961G", &out),
        0);
    cr_assert_str_eq(out.load, "", "another model's load is not ours");
}

Test(cnf, obeys_switches_in_vendor_config_only)
{
    struct cnf out;
    cr_assert_eq(
        parse_text("<device><peerFirmwareSharing>1</peerFirmwareSharing><vendorConfig>"
                   "<peerFirmwareSharing> 0 </peerFirmwareSharing></vendorConfig></device>",
                   "m", &out),
        0);
    cr_assert(out.has_sharing);
    cr_assert_not(out.sharing);
    cr_assert_eq(parse_text("<device><loadServer>a</loadServer></device>", "m", &out), 0);
    cr_assert_str_eq(out.load_server, "");
    cr_assert_not(out.has_sharing);
}

Test(cnf, reads_the_options_behind_a_load_server)
{
    struct cnf out;
    cr_assert_eq(parse_text("<d><vendorConfig><loadServer>10.0.0.7:6970@@base=1;pfs=0</loadServer>"
                            "</vendorConfig></d>",
                            "m", &out),
                 0);
    cr_assert_str_eq(out.load_server, "10.0.0.7:6970");
    cr_assert(out.has_sharing);
    cr_assert_not(out.sharing);
}

Test(cnf, refuses_what_is_broken_or_hostile)
{
    static const char *const bad[] = {
        "",
        "not xml",
        "<device>",
        "<device></other>",
        "<!DOCTYPE d [<!ENTITY a \"aaaa\">]><device>&a;</device>",
        "<device><loadInformation>../../x</loadInformation></device>",
        "<device><loadInformation>a/b</loadInformation></device>",
        "<device><loadInformation>a b</loadInformation></device>",
        "<device>\xff\xfe</device>",
    };
    struct cnf out = {.load = "kept"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        cr_assert_eq(parse_text(bad[i], "m", &out), SIM_EPROTO, "row %zu", i);
        cr_assert_str_eq(out.load, "kept", "row %zu: untouched on failure", i);
    }
}

Test(cnf, refuses_a_depth_and_a_text_without_end)
{
    char text[4096] = "";
    struct cnf out;
    for (int i = 0; i < 40; i++) {
        strcat(text, "<a>");
    }
    for (int i = 0; i < 40; i++) {
        strcat(text, "</a>");
    }
    cr_assert_eq(parse_text(text, "m", &out), SIM_EPROTO);
    char long_text[2048];
    memset(long_text, 'a', 1500);
    long_text[1500] = '\0';
    snprintf(text, sizeof(text), "<d><loadInformation>%s</loadInformation></d>", long_text);
    cr_assert_eq(parse_text(text, "m", &out), SIM_EPROTO);
}
