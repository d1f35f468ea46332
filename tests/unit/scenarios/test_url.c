/* Goal: server.url is taken apart as written, and nothing that a resolver could read as another
 * host gets through. Method: tables. */
#include <criterion/criterion.h>
#include <string.h>

#include "scenarios/scenario.h"
#include "sim/err.h"

Test(url, is_taken_apart)
{
    static const struct {
        const char *url;
        enum sim_protocol protocol;
        const char *host;
        sim_addr addr;
        uint16_t port;
        const char *base;
    } rows[] = {
        {"http://127.0.0.1:8080/", SIM_PROTOCOL_HTTP, "127.0.0.1", 0x7f000001, 8080, ""},
        {"http://10.1.2.3/a/b//", SIM_PROTOCOL_HTTP, "10.1.2.3", 0x0a010203, 80, "/a/b"},
        {"https://fw.example.com", SIM_PROTOCOL_HTTPS, "fw.example.com", 0, 443, ""},
        {"tftp://host-1:6969/x", SIM_PROTOCOL_TFTP, "host-1", 0, 6969, "/x"},
        {"tftp://h", SIM_PROTOCOL_TFTP, "h", 0, 69, ""},
        {"http://h:65535", SIM_PROTOCOL_HTTP, "h", 0, 65535, ""},
        {"http://1password.example/", SIM_PROTOCOL_HTTP, "1password.example", 0, 80, ""},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scenario_url url;
        cr_assert_eq(scenario_url_parse(rows[i].url, &url), 0, "%s", rows[i].url);
        cr_assert_eq(url.protocol, rows[i].protocol, "%s", rows[i].url);
        cr_assert_str_eq(url.host, rows[i].host);
        cr_assert_eq(url.addr, rows[i].addr, "%s", rows[i].url);
        cr_assert_eq(url.port, rows[i].port, "%s", rows[i].url);
        cr_assert_str_eq(url.base, rows[i].base);
    }
}

Test(url, refuses_all_else_and_leaves_the_result_alone)
{
    static const char *const bad[] = {
        "",
        "http:",
        "http://",
        "http:///x",
        "HTTP://h/",
        "ftp://h/",
        "http:/h",
        "h/x",
        "//h/x",
        "http://u@h/",
        "http://u:p@h/",
        "http://h:/",
        "http://h:0/",
        "http://h:65536/",
        "http://h:99999999999/",
        "http://h:8a/",
        "http://h/?q",
        "http://h/#f",
        "http://h/a b",
        "http://h/%41",
        "http://h/a/../b",
        "http://h\\x/",
        "http://-h/",
        "http://h-/",
        "http://.h/",
        "http://h./",
        "http://a..b/",
        "http://[::1]/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://2130706433/",
        "http://127.0.0.01/",
        "http://256.1.1.1/",
        "http://h\n/",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct scenario_url url = {.port = 7};
        cr_assert_eq(scenario_url_parse(bad[i], &url), SIM_EINVAL, "%s", bad[i]);
        cr_assert_eq(url.port, 7, "%s", bad[i]);
    }
}

Test(url, hosts_and_paths_have_an_end)
{
    char text[700] = "http://";
    struct scenario_url url;

    memset(text + 7, 'a', 255);
    cr_assert_eq(scenario_url_parse(text, &url), 0);
    text[7 + 255] = 'a';
    cr_assert_eq(scenario_url_parse(text, &url), SIM_EINVAL);
    strcpy(text, "http://h/");
    memset(text + 9, 'a', 254);
    text[9 + 254] = '\0';
    cr_assert_eq(scenario_url_parse(text, &url), 0);
    memset(text + 9, 'a', 255);
    text[9 + 255] = '\0';
    cr_assert_eq(scenario_url_parse(text, &url), SIM_EINVAL);
}
