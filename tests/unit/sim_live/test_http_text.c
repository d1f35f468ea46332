/* Goal: ranges, URLs and durations are read and written as RFC 9110 and people expect, and nothing
 * half right passes. Method: tables. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/err.h"
#include "sim/live/http_parts.h"

#define NONE UINT64_MAX

Test(http_text, reads_a_content_range_strictly)
{
    static const struct {
        const char *text;
        bool good;
        struct http_range range;
    } rows[] = {
        {"bytes 0-0/1", true, {0, 0, 1}},
        {"bytes 500-999/1000", true, {500, 999, 1000}},
        {"BYTES 5-9/*", true, {5, 9, NONE}},
        {"bytes */1000", true, {NONE, NONE, 1000}},
        {"bytes 0-9999999999999999998/9999999999999999999",
         true,
         {0, UINT64_C(9999999999999999998), UINT64_C(9999999999999999999)}},
        {"bytes */*", false, {0}},
        {"bytes 5-4/10", false, {0}},
        {"bytes 5-10/10", false, {0}},
        {"bytes -5/10", false, {0}},
        {"bytes -5-9/10", false, {0}},
        {"bytes  5-9/10", false, {0}},
        {"bytes 5-9", false, {0}},
        {"bytes 5-9/10 ", false, {0}},
        {"bytes 5-9/10,0-1/10", false, {0}},
        {"bytes 5-99999999999999999999/*", false, {0}},
        {"items 5-9/10", false, {0}},
        {"bytes=5-9/10", false, {0}},
        {"", false, {0}},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_range range = {1, 2, 3};

        cr_assert_eq(http_range_read(rows[i].text, &range), rows[i].good, "%s", rows[i].text);
        if (!rows[i].good) {
            cr_assert(range.from == 1 && range.to == 2 && range.total == 3, "%s", rows[i].text);
            continue;
        }
        cr_assert_eq(range.from, rows[i].range.from, "%s", rows[i].text);
        cr_assert_eq(range.to, rows[i].range.to, "%s", rows[i].text);
        cr_assert_eq(range.total, rows[i].range.total, "%s", rows[i].text);
    }
}

Test(http_text, knows_where_a_url_leads)
{
    static const struct {
        const char *url;
        int rc;
        bool https, numeric;
        uint16_t port;
        const char *host;
    } rows[] = {
        {"http://127.0.0.1:6970/x", 0, false, true, 6970, "127.0.0.1"},
        {"http://phones.test", 0, false, false, 80, "phones.test"},
        {"HTTPS://phones.test/x?y@z:1#f", 0, true, false, 443, "phones.test"},
        {"http://127.0.0.1@198.51.100.1/", 0, false, true, 80, "198.51.100.1"},
        {"http://0x7f.1/", 0, false, true, 80, "127.0.0.1"}, /* as it would be dialled */
        {"ftp://127.0.0.1/x", SIM_EINVAL, false, false, 0, ""},
        {"file:///etc/passwd", SIM_EINVAL, false, false, 0, ""},
        {"http://", SIM_EINVAL, false, false, 0, ""},
        {"http://a:70000/", SIM_EINVAL, false, false, 0, ""},
        {"http://a:0/", SIM_EINVAL, false, false, 0, ""},
        {"x", SIM_EINVAL, false, false, 0, ""},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct http_place place;

        cr_assert_eq(http_place_read(rows[i].url, &place), rows[i].rc, "%s", rows[i].url);
        if (rows[i].rc == 0) {
            cr_assert_eq(place.https, rows[i].https, "%s", rows[i].url);
            cr_assert_eq(place.numeric, rows[i].numeric, "%s", rows[i].url);
            cr_assert_eq(place.port, rows[i].port, "%s", rows[i].url);
            cr_assert_str_eq(place.host, rows[i].host);
        }
    }
}

Test(http_text, shows_urls_without_logins_and_controls_and_never_too_long)
{
    char shown[HTTP_TEXT_MAX], url[1000];

    cr_assert_str_eq(http_url_text("http://a:b@c:1/d@e", shown), "http://c:1/d@e");
    cr_assert_str_eq(http_url_text("http://a@b@c/", shown), "http://c/");
    cr_assert_str_eq(http_url_text("http://c/\033[2J\xff", shown), "http://c/?[2J?");
    memset(url, 'x', sizeof(url) - 1);
    url[sizeof(url) - 1] = '\0';
    memcpy(url, "http://c/", 9);
    http_url_text(url, shown);
    cr_assert_eq(strlen(shown), (size_t)HTTP_TEXT_MAX - 1);
    cr_assert_str_eq(shown + HTTP_TEXT_MAX - 4, "...");
}

Test(http_text, writes_whole_seconds_as_such)
{
    char text[32];

    cr_assert_str_eq(http_duration_text(60 * SIM_S, text), "60 s");
    cr_assert_str_eq(http_duration_text(1500 * SIM_MS, text), "1500 ms");
}
