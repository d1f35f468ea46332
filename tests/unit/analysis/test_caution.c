/* Goal: a fluid run warns where a fluid line is known to be off, with the site and the figures, and
 * nowhere else. Method: scenarios on either side of each limit. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "analysis/caution.h"

static char said[8192];
static unsigned sentences;
static const char *set; /* one override; NULL: none */

static void say(void *context, const char *text)
{
    (void)context;
    size_t len = strlen(said);
    snprintf(said + len, sizeof(said) - len, "%s\n", text);
    sentences++;
}

/* `root` and `site`: more keys. 30 phones at 1 Mbit/s and 80 ms: a bandwidth-delay product of
 * 10,000 bytes. */
static unsigned cautions(const char *root, const char *wan, const char *phones,
                         enum scenario_method method)
{
    char text[4096];
    struct scenario_errors errors;
    struct scenario *s = NULL;
    int len = snprintf(
        text, sizeof(text),
        "{\"name\":\"x\",%s\"firmware\":[{\"model\":\"A\",\"load\":\"L\",\"files\":[{\"name\":"
        "\"a\","
        "\"size\":\"1 MB\"}]},{\"model\":\"B\",\"load\":\"M\",\"files\":[{\"name\":\"b\",\"size\":"
        "\"1 MB\"}]}],\"sites\":[{\"name\":\"branch\",\"wan\":{\"rate\":\"1 Mbit/s\",\"rtt\":"
        "\"80 ms\",\"framing\":\"0 B\"%s},\"phones\":[%s]}]}",
        root, wan, phones);
    scenario_load_text("t.json", text, (size_t)len, &set, set != NULL ? 1 : 0, &s, &errors);
    if (s == NULL) {
        scenario_errors_print(&errors, "t.json", stderr);
    }
    scenario_errors_free(&errors);
    cr_assert_not_null(s);
    said[0] = '\0';
    sentences = 0;
    analysis_caution_fluid(s, method, say, NULL);
    scenario_free(s);
    return sentences;
}

#define SAYS(word) cr_assert(strstr(said, word) != NULL, "no \"%s\" in: %s", word, said)
static const char thirty[] = "{\"system\":\"bare\",\"model\":\"A\",\"count\":30}";
static const char one[] = "{\"system\":\"bare\",\"model\":\"A\",\"count\":1}";

Test(caution, many_flows_on_a_short_line_are_named_with_their_figures)
{
    /* 10,000 + 100 x 1,500 B are 106.7 segments: 5 flows have 21, 6 have 17. */
    const char *five = "{\"system\":\"bare\",\"model\":\"A\",\"count\":5}";
    const char *six = "{\"system\":\"bare\",\"model\":\"A\",\"count\":6}";
    cr_assert_eq(cautions("", "", five, SCENARIO_TRADITIONAL), 0, "%s", said);
    cr_assert_eq(cautions("", "", six, SCENARIO_TRADITIONAL), 1, "%s", said);
    SAYS("Site branch: up to 6 phones fetch at once");
    SAYS("(160 kB)");
    SAYS("17.8 segments of each, under 20");
    SAYS("\"network\": \"packet\"");
}

Test(caution, the_next_crowded_line_is_said_in_a_line)
{
    const char *six = "{\"system\":\"bare\",\"model\":\"A\",\"count\":6}";

    set = "sites[1]={\"name\":\"shop\",\"wan\":{\"rate\":\"1 Mbit/s\",\"rtt\":\"80 ms\"},"
          "\"phones\":[{\"system\":\"bare\",\"model\":\"A\",\"count\":12}]}";
    cr_assert_eq(cautions("", "", six, SCENARIO_TRADITIONAL), 2, "%s", said);
    set = NULL;
    SAYS("Site branch: up to 6 phones fetch at once");
    SAYS("Site shop: the same with up to 12 phones and room (160 kB) for 8.9 segments of each.");
}

Test(caution, with_sharing_only_roots_and_those_alone_compete)
{
    cr_assert_eq(cautions("", "", thirty, SCENARIO_PFS), 0, "%s", said);
    cr_assert_eq(cautions("", "", thirty, SCENARIO_LOAD_SERVER), 0, "%s", said);
    /* A root each for two models, and four that do not share: six. */
    const char *mixed = "{\"system\":\"bare\",\"model\":\"A\",\"count\":30},"
                        "{\"system\":\"bare\",\"model\":\"A\",\"count\":10},"
                        "{\"system\":\"bare\",\"model\":\"B\",\"count\":8,\"pfs\":0.5}";
    cr_assert_eq(cautions("", "", mixed, SCENARIO_PFS), 1, "%s", said);
    SAYS("up to 6 phones");
    /* Those that run the load need nothing. */
    const char *current = "{\"system\":\"cucm\",\"model\":\"A\",\"count\":30,\"running\":\"L\"}";
    cr_assert_eq(cautions("", "", current, SCENARIO_TRADITIONAL), 0, "%s", said);
}

Test(caution, a_queue_under_the_bandwidth_delay_product_is_named)
{
    cr_assert_eq(cautions("", ",\"queue\":\"9999 B\"", one, SCENARIO_PFS), 2, "%s", said);
    SAYS("Site branch: its queue (10 kB) is shorter than its bandwidth-delay product (10 kB)");
    cautions("", ",\"queue\":\"10000 B\"", one, SCENARIO_PFS);
    cr_assert_null(strstr(said, "shorter"), "%s", said);
    cautions("", ",\"queue\":\"79 ms\"", one, SCENARIO_PFS);
    SAYS("shorter");
    cautions("", ",\"queue\":\"6 packets\"", one, SCENARIO_PFS);
    SAYS("shorter");
    cautions("", ",\"queue\":\"7 packets\"", one, SCENARIO_PFS);
    cr_assert_null(strstr(said, "shorter"), "%s", said);
}

Test(caution, loss_is_named_for_every_protocol)
{
    cr_assert_eq(cautions("", ",\"loss\":0.015", one, SCENARIO_PFS), 1, "%s", said);
    SAYS("loses 1.5 % of its packets");
    cr_assert_eq(
        cautions("\"server\":{\"protocol\":\"tftp\"},", ",\"loss\":0.01", one, SCENARIO_PFS), 1,
        "%s", said);
}

/* Five flows: a bandwidth-delay product of 500 kB has room for 10 of a file's 1 MB each. */
Test(caution, files_that_are_short_for_a_long_line_are_named)
{
    const char *queue = ",\"queue\":\"1 MB\"";
    const char *five = "{\"system\":\"bare\",\"model\":\"A\",\"count\":5}";

    set = "sites[0].wan.rate=50 Mbit/s";
    cr_assert_eq(cautions("", queue, five, SCENARIO_TRADITIONAL), 0, "%s", said);
    cr_assert_eq(cautions("", queue, one, SCENARIO_TRADITIONAL), 0, "%s", said);
    set = "sites[0].wan.rate=51 Mbit/s";
    cr_assert_eq(cautions("", queue, five, SCENARIO_TRADITIONAL), 1, "%s", said);
    cr_assert_eq(cautions("", queue, one, SCENARIO_TRADITIONAL), 0, "%s", said);
}

Test(caution, a_way_up_too_thin_for_acknowledgements_is_named)
{
    set = "sites[0].wan.rate={\"down\":\"1 Mbit/s\",\"up\":\"18 kbit/s\"}"; /* 52 of 3,000 bytes */
    cr_assert_eq(cautions("", "", one, SCENARIO_PFS), 0, "%s", said);
    set = "sites[0].wan.rate={\"down\":\"1 Mbit/s\",\"up\":\"17 kbit/s\"}";
    cr_assert_eq(cautions("", "", one, SCENARIO_PFS), 1, "%s", said);
    cr_assert(strstr(said, "17.3 kbit/s") != NULL && strstr(said, "17 kbit/s") != NULL, "%s", said);
}

Test(caution, tftp_is_off_only_where_its_windows_do_not_fit)
{
    const char *server = "\"server\":{\"protocol\":\"tftp\",\"block_size\":1428,\"window\":4},";
    cr_assert_eq(cautions("\"server\":{\"protocol\":\"tftp\"},", "", thirty, SCENARIO_TRADITIONAL),
                 0, "%s", said);
    cr_assert_eq(cautions(server, "", thirty, SCENARIO_TRADITIONAL), 1, "%s", said);
    SAYS("30 phones fetch at once by TFTP");
    SAYS("175 kB together"); /* 30 x 4 x 1,460 B */
    cr_assert_eq(cautions(server, "", thirty, SCENARIO_PFS), 0, "%s", said);
    /* What flows compete for does not matter to a lock-step. */
    cr_assert_eq(cautions("\"server\":{\"protocol\":\"tftp\"},", ",\"queue\":\"15000 B\"", one,
                          SCENARIO_TRADITIONAL),
                 0, "%s", said);
}

Test(caution, a_packet_network_or_no_line_has_none)
{
    cr_assert_eq(cautions("\"network\":\"packet\",", ",\"loss\":0.1", thirty, SCENARIO_TRADITIONAL),
                 0, "%s", said);
}
