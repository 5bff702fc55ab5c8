/* The readers of what Vault, an OpenID provider, Prometheus and ClickHouse say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "agent/probes/parse.h"

static void decimals_are_read_whole_or_not_at_all(void **state) {
    (void)state;
    const struct {
        const char *text;
        bool good;
        double value;
    } table[] = {{"0.5", true, 0.5}, {"-3", true, -3},    {"1e3", true, 1000}, {"", false, 0},
                 {"nan", false, 0},  {"inf", false, 0},   {"0x10", false, 0},  {" 1", false, 0},
                 {"1 ", false, 0},   {"1e999", false, 0}, {"--1", false, 0},   {".", false, 0}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        double value = 77;
        assert_int_equal(decimal_parse(table[i].text, &value), table[i].good);
        assert_true(value == (table[i].good ? table[i].value : 77));
    }
}

static void vault_is_known_by_its_health(void **state) {
    (void)state;
    const char *health = "{\"initialized\":true,\"sealed\":false}";
    assert_true(vault_health_is_one(health, strlen(health)));
    const char *const others[] = {"{}", "[]", "", "{\"sealed\":false}",
                                  "{\"initialized\":1,\"sealed\":0}"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(vault_health_is_one(others[i], strlen(others[i])));
    }
}

static void a_secret_without_values_is_not_there(void **state) {
    (void)state;
    const struct {
        const char *json;
        bool there;
    } table[] = {{"{\"data\":{\"data\":{\"a\":\"b\"},\"metadata\":{}}}", true},
                 {"{\"data\":{\"a\":\"b\"}}", true},
                 {"{\"data\":{\"data\":{},\"metadata\":{\"version\":1}}}", false},
                 {"{\"data\":{}}", false},
                 {"{\"data\":null}", false},
                 {"{\"errors\":[]}", false}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        assert_int_equal(vault_secret_is_there(table[i].json, strlen(table[i].json)),
                         table[i].there);
    }
}

static void discovery_is_complete_or_refused(void **state) {
    (void)state;
    struct oidc_view view;
    char error[8];
    const char *json = "{\"issuer\":\"https://i\",\"token_endpoint\":\"https://i/"
                       "t\",\"jwks_uri\":\"https://i/k\"}";
    assert_int_equal(oidc_parse(json, strlen(json), &view), ERR_OK);
    assert_string_equal(view.token_endpoint, "https://i/t");
    json = "{\"issuer\":\"https://i\",\"token_endpoint\":\"\",\"jwks_uri\":\"https://i/k\"}";
    assert_int_equal(oidc_parse(json, strlen(json), &view), ERR_FORMAT);
    json = "{\"access_token\":\"x\",\"token_type\":\"Bearer\"}";
    assert_true(oidc_token_is_there(json, strlen(json), error, sizeof error));
    assert_string_equal(error, "");
    json = "{\"error\":\"bad\"}";
    assert_false(oidc_token_is_there(json, strlen(json), error, sizeof error));
    assert_string_equal(error, "bad");
    json = "{\"error\":\"longer than the buffer\"}";
    assert_false(oidc_token_is_there(json, strlen(json), error, sizeof error));
    assert_string_equal(error, "");
}

static void samples_are_summed_up_and_their_absence_is_seen(void **state) {
    (void)state;
    struct prometheus_view view;
    const char *json =
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
        "{\"metric\":{},\"value\":[1,\"2\"]},{\"metric\":{},\"value\":[1,\"-1.5\"]}]}}";
    assert_int_equal(prometheus_parse(json, strlen(json), &view), ERR_OK);
    assert_int_equal(view.samples_n, 2);
    assert_true(view.min == -1.5 && view.max == 2 && view.sum == 0.5);
    json = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}";
    assert_int_equal(prometheus_parse(json, strlen(json), &view), ERR_OK);
    assert_int_equal(view.samples_n, 0);
    json = "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"NaN\"]}}";
    assert_int_equal(prometheus_parse(json, strlen(json), &view), ERR_OK);
    assert_true(isnan(view.sum) && view.samples_n == 1);
    const char *const bad[] = {
        "{\"status\":\"error\",\"data\":{\"resultType\":\"vector\",\"result\":[]}}",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\",\"result\":[]}}",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"value\":[1,2]}]"
        "}}",
        "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":[{\"value\":[1,"
        "\"2x\"]}]}}",
        "{\"status\":\"success\"}",
        "[]",
        ""};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(prometheus_parse(bad[i], strlen(bad[i]), &view), ERR_FORMAT);
    }
}

static void one_sample_that_is_no_number_spoils_the_least_and_the_most(void **state) {
    (void)state;
    struct prometheus_view view;
    const char *json = "{\"status\":\"success\",\"data\":{\"resultType\":\"vector\",\"result\":["
                       "{\"value\":[1,\"2\"]},{\"value\":[1,\"NaN\"]}]}}";
    assert_int_equal(prometheus_parse(json, strlen(json), &view), ERR_OK);
    assert_true(isnan(view.min) && isnan(view.max) && isnan(view.sum));
}

static void figures_of_clickhouse_may_come_as_strings(void **state) {
    (void)state;
    struct clickhouse_view view;
    const char *row = "{\"is_readonly\":0,\"is_session_expired\":0,\"queue_size\":1,"
                      "\"absolute_delay\":\"8\",\"total_replicas\":2,\"active_replicas\":1}\n";
    assert_int_equal(clickhouse_parse(row, strlen(row), &view), ERR_OK);
    assert_true(view.delay_s == 8 && view.queue_n == 1 && view.total_n == 2 && view.active_n == 1);
    assert_false(view.is_readonly);
    row = "{\"is_readonly\":0,\"is_session_expired\":0,\"queue_size\":1,\"absolute_delay\":\"-8\","
          "\"total_replicas\":2,\"active_replicas\":1}";
    assert_int_equal(clickhouse_parse(row, strlen(row), &view), ERR_FORMAT);
    row = "{\"is_readonly\":1}";
    assert_int_equal(clickhouse_parse(row, strlen(row), &view), ERR_FORMAT);
    assert_true(clickhouse_is_auth("Code: 516. DB::Exception"));
    assert_false(clickhouse_is_auth("Code: 60. DB::Exception"));
}

static void replicas_of_clickhouse_are_named_by_letters_that_need_no_quoting(void **state) {
    (void)state;
    static char names[CLICKHOUSE_REPLICAS_MAX][CLICKHOUSE_NAME_SIZE];
    unsigned n = 0;
    const char *rows = "{\"name\":\"ch1\"}\n{\"name\":\"ch-2.bud_x@a:1\"}\n";
    assert_int_equal(clickhouse_names_parse(rows, strlen(rows), names, &n), ERR_OK);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], "ch1");
    assert_string_equal(names[1], "ch-2.bud_x@a:1");
    static const char *const wrong[] = {
        "",
        "\n",
        "{\"name\":\"\"}\n",
        "{\"name\":\"a'b\"}\n",
        "{\"name\":\"a/b\"}\n",
        "{\"name\":\"a\\\\b\"}\n",
        "{\"name\":7}\n",
        "{\"name\":\"ch1\"}\n{\"name\":\n",
        "{\"name\":\"a234567890123456789012345678901234567890123456789012345678901234\"}",
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(clickhouse_names_parse(wrong[i], strlen(wrong[i]), names, &n), ERR_FORMAT);
    }
    char many[(CLICKHOUSE_REPLICAS_MAX + 1) * 13 + 1] = "";
    for (size_t i = 0; i <= CLICKHOUSE_REPLICAS_MAX; i++) {
        assert_true(text_append(many, sizeof many, "{\"name\":\"a\"}\n"));
    }
    assert_int_equal(clickhouse_names_parse(many, strlen(many), names, &n), ERR_FORMAT);
    assert_int_equal(clickhouse_names_parse(many, strlen(many) - 13, names, &n), ERR_OK);
}

static void a_replica_of_clickhouse_says_where_and_how_it_is_fetched_from(void **state) {
    (void)state;
    static const struct {
        const char *row, *host;
        enum err err;
        uint16_t port;
        bool https;
    } table[] = {
        {"host: ch1.bud.test\\nport: 9010\\ntcp_port: 9000\\ndatabase: bud\\ntable: ev\\nscheme: "
         "https\\n",
         "ch1.bud.test", ERR_OK, 9010, true},
        {"host: 127.0.0.1\\nport: 9009\\nscheme: http\\n", "127.0.0.1", ERR_OK, 9009, false},
        {"host: fd00::1\\nport: 9009\\n", "fd00::1", ERR_OK, 9009, false}, /* before schemes */
        {"host: ch1\\nport: 9009\\nscheme: ftp\\n", "", ERR_FORMAT, 0, false},
        {"host: ch1/x\\nport: 9009\\n", "", ERR_FORMAT, 0, false},
        {"host: \\nport: 9009\\n", "", ERR_FORMAT, 0, false},
        {"host: ch1\\nport: 0\\n", "", ERR_FORMAT, 0, false},
        {"host: ch1\\nport: 65536\\n", "", ERR_FORMAT, 0, false},
        {"host: ch1\\n", "", ERR_FORMAT, 0, false},
        {"tcp_port: 9000\\nport: 9010\\n", "", ERR_FORMAT, 0, false},
        {"", "", ERR_FORMAT, 0, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct clickhouse_replica replica = {.port = 77};
        char row[256];
        assert_true(text_format(row, sizeof row, "{\"value\":\"%s\"}\n", table[i].row));
        assert_int_equal(clickhouse_replica_parse(row, strlen(row), &replica), table[i].err);
        if (table[i].err == ERR_OK) {
            assert_string_equal(replica.host, table[i].host);
            assert_int_equal(replica.port, table[i].port);
            assert_true(replica.https == table[i].https);
        }
    }
}

static void texts_differ_by_the_lines_that_count(void **state) {
    (void)state;
    const struct {
        const char *ours, *theirs;
        unsigned line, lines_n;
    } table[] = {{"a\nb\n", "a\nb", 0, 2},   {"# ours\na\n\n  b  \n", "a\r\n# theirs\nb\n", 0, 2},
                 {"a\nb\n", "a\nc\n", 2, 2}, {"# x\na\nb\n", "a\n", 3, 2},
                 {"a\n", "a\nb\n", 2, 1},    {"", "", 0, 0},
                 {"# only\n", "", 0, 0},     {"ab\n", "a\nb\n", 1, 1}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        unsigned lines_n = 77;
        assert_int_equal(lines_differ(table[i].ours, table[i].theirs, &lines_n), table[i].line);
        assert_int_equal(lines_n, table[i].lines_n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_read_whole_or_not_at_all),
        cmocka_unit_test(vault_is_known_by_its_health),
        cmocka_unit_test(a_secret_without_values_is_not_there),
        cmocka_unit_test(discovery_is_complete_or_refused),
        cmocka_unit_test(samples_are_summed_up_and_their_absence_is_seen),
        cmocka_unit_test(one_sample_that_is_no_number_spoils_the_least_and_the_most),
        cmocka_unit_test(figures_of_clickhouse_may_come_as_strings),
        cmocka_unit_test(replicas_of_clickhouse_are_named_by_letters_that_need_no_quoting),
        cmocka_unit_test(a_replica_of_clickhouse_says_where_and_how_it_is_fetched_from),
        cmocka_unit_test(texts_differ_by_the_lines_that_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
