/* The arguments of actions: what is taken, what is refused, and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "common/base/rng.h"
#include "common/topology/arg.h"
#include "common/topology/http_status.h"

static void addresses_are_numeric_with_a_port(void **state) {
    static const struct {
        const char *text;
        bool good;
        const char *host;
        uint16_t port;
    } rows[] = {
        {"10.0.0.1:5432", true, "10.0.0.1", 5432},
        {"[::1]:5432", true, "::1", 5432},
        {"[fe80::1]:1", true, "fe80::1", 1},
        {"db1:5432", false, "", 0},
        {"10.0.0.1", false, "", 0},
        {"10.0.0.1:", false, "", 0},
        {"10.0.0.1:0", false, "", 0},
        {"10.0.0.1:65536", false, "", 0},
        {"10.0.0.1:54x", false, "", 0},
        {":5432", false, "", 0},
        {"[::1:5432", false, "", 0},
        {"10.0.0.256:1", false, "", 0},
        {"", false, "", 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct place place;
        assert_int_equal(place_parse(rows[i].text, &place), rows[i].good);
        if (rows[i].good) {
            assert_string_equal(place.host, rows[i].host);
            assert_int_equal(place.port, rows[i].port);
        }
    }
}

static struct arguments one_argument(const char *name, const char *value) {
    struct arguments arguments = {.n = 0};
    assert_int_equal(arguments_set(&arguments, name, value), ERR_OK);
    return arguments;
}

static void lists_are_split_and_bounded(void **state) {
    (void)state;
    struct places places;
    struct arguments arguments = one_argument("a", "10.0.0.1:1, 10.0.0.2:2 ,10.0.0.3:3");
    assert_true(arg_places(&arguments, "a", &places));
    assert_int_equal(places.n, 3);
    assert_int_equal(places_find(&places, "10.0.0.2", 2), 1);
    assert_int_equal(places_find(&places, "10.0.0.2", 3), NONE);
    arguments = one_argument("a", "10.0.0.1:1,,10.0.0.2:2");
    assert_false(arg_places(&arguments, "a", &places));
    assert_int_equal(places.n, 0);
    arguments = one_argument("a", "1.1.1.1:1,1.1.1.1:1,1.1.1.1:1,1.1.1.1:1,1.1.1.1:1,1.1.1.1:1,"
                                  "1.1.1.1:1,1.1.1.1:1,1.1.1.1:1");
    assert_false(arg_places(&arguments, "a", &places));
    assert_false(arg_places(&arguments, "b", &places));
}

static void positions_are_read_and_written(void **state) {
    static const char *const bad[] = {"",      "/",   "0",           "0/",  "/0",
                                      "0/0/0", "g/0", "123456789/0", "0/ 1"};
    (void)state;
    uint64_t lsn = 0;
    char text[LSN_TEXT_SIZE];
    assert_true(arg_lsn_parse("0/40226F8", &lsn));
    assert_int_equal(lsn, 0x40226F8);
    assert_true(arg_lsn_parse("A/ff", &lsn));
    assert_int_equal(lsn, 0xA000000FF);
    lsn_text(lsn, text);
    assert_string_equal(text, "A/FF");
    lsn_text(UINT64_MAX, text);
    assert_string_equal(text, "FFFFFFFF/FFFFFFFF");
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(arg_lsn_parse(bad[i], &lsn));
    }
}

static void each_kind_takes_its_own_and_names_what_it_expected(void **state) {
    static const struct {
        enum arg_kind kind;
        const char *value;
        bool good;
    } rows[] = {
        {ARG_TEXT, "a b", true},
        {ARG_TEXT, "a\nb", false},
        {ARG_NUMBER, "5", true},
        {ARG_NUMBER, "4", false},
        {ARG_NUMBER, "11", false},
        {ARG_NUMBER, "5x", false},
        {ARG_HOST, "lb.bud.ai", true},
        {ARG_HOST, "a b", false},
        {ARG_HOST, "a\"b", false},
        {ARG_PLACES, "1.2.3.4:5", true},
        {ARG_PLACES, "name:5", false},
        {ARG_URLS, "http://1.2.3.4:8008", true},
        {ARG_URLS, "http://p1:8008", false},
        {ARG_URLS, "http://1.2.3.4:8008/x", false},
        {ARG_URLS, "1.2.3.4:8008", false},
        {ARG_URL, "https://api.bud.ai/x?y=1", true},
        {ARG_URL, "ftp://x", false},
        {ARG_URL, "http://a b", false},
        {ARG_NAME, "pg_password", true},
        {ARG_NAME, "../x", false},
        {ARG_SLOT, "drover.epoch", true},
        {ARG_SLOT, "a;b", false},
        {ARG_SLOT, "a.b.c", false},
        {ARG_SLOT, ".a", false},
        {ARG_PATH, "/usr/bin/x", true},
        {ARG_PATH, "/usr/../x", false},
        {ARG_PATH, "x", false},
        {ARG_YES, "yes", true},
        {ARG_YES, "true", false},
        {ARG_LSN, "0/1", true},
        {ARG_LSN, "1", false},
        {ARG_PLACE, "1.2.3.4:5", true},
        {ARG_PLACE, "1.2.3.4:5,1.2.3.4:6", false},
        {ARG_WORD, "off", true},
        {ARG_WORD, "of", false},
        {ARG_WORD, "on|off", false},
        {ARG_STATUS, "200,301-302", true},
        {ARG_STATUS, "2xx", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arg_rule rule = {"x", rows[i].kind, true, 5, 10, "on|off"};
        struct arguments arguments = one_argument("x", rows[i].value);
        struct arg_fault fault = {.name = NULL};
        assert_int_equal(args_fit(&rule, 1, &arguments, &fault), rows[i].good);
        assert_int_equal(fault.name == NULL, rows[i].good);
        assert_false(fault.missing);
        assert_int_equal(strstr(fault.text.at, rows[i].value) == NULL, rows[i].good);
    }
}

static void what_is_missing_is_named_and_what_is_unknown_passes(void **state) {
    (void)state;
    struct arg_rule rule = {"x", ARG_TEXT, true, 0, 0, NULL};
    struct arguments arguments = one_argument("of_the_endpoint", "1");
    struct arg_fault fault;
    struct text256 why = {.at = ""};
    assert_false(args_fit(&rule, 1, &arguments, &fault));
    assert_true(fault.missing);
    arg_fault_say(&fault, &why);
    assert_string_equal(why.at, "argument \"x\" is missing: expected printable text");
    rule.needed = false;
    assert_true(args_fit(&rule, 1, &arguments, &fault));
}

/* inet_pton is not for the pure rooms: what they have instead answers the same. */
static void numeric_hosts_are_those_of_inet_pton(void **state) {
    static const char *const rows[] = {"1.2.3.4",
                                       "01.2.3.4",
                                       "1.2.3",
                                       "1.2.3.4.5",
                                       "1.2.3.256",
                                       "1..2.3",
                                       "::",
                                       "::1",
                                       "1::",
                                       ":1",
                                       "1:",
                                       "1:2",
                                       "fe80::1",
                                       "1::2::3",
                                       ":::",
                                       "::ffff:1.2.3.4",
                                       "::1.2.3",
                                       "1.2.3.4::",
                                       "12345::",
                                       "::g",
                                       "1:2:3:4:5:6:7:8",
                                       "1:2:3:4:5:6:7::",
                                       "::2:3:4:5:6:7:8",
                                       "",
                                       "1:2:3:4:5:6:7:8:9",
                                       "1:2:3:4:5:6:1.2.3.4",
                                       "1:2:3:4:5:6:7:1.2.3.4",
                                       "1:2:3:4::5:6:7:8"};
    static const char letters[] = "0123:::.fA9g";
    struct rng rng;
    struct in6_addr bytes;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(host_family(rows[i]) == 4, inet_pton(AF_INET, rows[i], &bytes) == 1);
        assert_int_equal(host_family(rows[i]) == 6, inet_pton(AF_INET6, rows[i], &bytes) == 1);
    }
    rng_seed(&rng, 7);
    for (unsigned i = 0; i < 300000; i++) {
        char text[24];
        size_t n = rng_below(&rng, sizeof text);
        for (size_t j = 0; j < n; j++) {
            text[j] = letters[rng_below(&rng, sizeof letters - 1)];
        }
        text[n] = '\0';
        unsigned family = inet_pton(AF_INET, text, &bytes) == 1    ? 4
                          : inet_pton(AF_INET6, text, &bytes) == 1 ? 6
                                                                   : 0;
        if (host_family(text) != family) {
            fail_msg("%s: %u, expected %u", text, host_family(text), family);
        }
    }
}

static void expected_statuses_are_codes_and_ranges(void **state) {
    static const char *const bad[] = {"", "20", "2000", "200,", "200-", "300-200", "a", "200 201"};
    (void)state;
    assert_true(http_status_is("200", 200));
    assert_true(http_status_is("200,204,301-302", 301));
    assert_false(http_status_is("200-299", 300));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(http_status_list(bad[i]));
        assert_false(http_status_is(bad[i], 200));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_numeric_with_a_port),
        cmocka_unit_test(lists_are_split_and_bounded),
        cmocka_unit_test(positions_are_read_and_written),
        cmocka_unit_test(each_kind_takes_its_own_and_names_what_it_expected),
        cmocka_unit_test(what_is_missing_is_named_and_what_is_unknown_passes),
        cmocka_unit_test(numeric_hosts_are_those_of_inet_pton),
        cmocka_unit_test(expected_statuses_are_codes_and_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
