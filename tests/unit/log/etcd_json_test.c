/* etcd_json: requests as etcd 3.4 takes them, its answers as it gives them, and everything else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/log/etcd_json.h"

#define HEADER                                                                                     \
    "\"header\":{\"cluster_id\":\"324952591200643719\",\"member_id\":\"1\",\"revision\":\"12\"}"

static enum err parse_txn(const char *text, struct etcd_answer *answer) {
    return etcd_parse_txn((const uint8_t *)text, strlen(text), answer);
}

static enum err parse_line(const char *text, struct etcd_line *line) {
    return etcd_parse_line((const uint8_t *)text, strlen(text), line);
}

static void a_put_if_absent_is_written_as_etcd_wants_it(void **state) {
    (void)state;
    struct etcd_text text = {0};
    etcd_add(&text, "{\"compare\":[");
    etcd_add_absent(&text, "a");
    etcd_add(&text, "],\"success\":[");
    etcd_add_put(&text, "a", (const uint8_t *)"hi", 2);
    etcd_add(&text, "],\"failure\":[");
    etcd_add_range(&text, &(struct etcd_range_wish){.key = "a", .keys_only = true});
    etcd_add(&text, "]}");
    const char *want =
        "{\"compare\":[{\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":\"0\","
        "\"key\":"
        "\"YQ==\"}],\"success\":[{\"request_put\":{\"key\":\"YQ==\",\"value\":\"aGk=\"}}],"
        "\"failure\":[{\"request_range\":{\"key\":\"YQ==\",\"keys_only\":true}}]}";
    assert_false(text.failed);
    assert_int_equal(text.n, strlen(want));
    assert_memory_equal(text.at, want, text.n);
    etcd_text_free(&text);
}

static void a_range_names_only_what_it_limits(void **state) {
    (void)state;
    struct etcd_text text = {0};
    etcd_add_range(&text, &(struct etcd_range_wish){.key = "a",
                                                    .range_end = "b",
                                                    .limit = 7,
                                                    .min_create = 3,
                                                    .max_create = UINT64_MAX,
                                                    .by_create = true});
    const char *want =
        "{\"request_range\":{\"key\":\"YQ==\",\"range_end\":\"Yg==\",\"limit\":\"7\","
        "\"min_create_revision\":\"3\",\"max_create_revision\":\"18446744073709551615\","
        "\"sort_order\":\"ASCEND\",\"sort_target\":\"CREATE\"}}";
    assert_int_equal(text.n, strlen(want));
    assert_memory_equal(text.at, want, text.n);
    etcd_text_free(&text);
}

static void an_answer_is_read_with_its_defaults(void **state) {
    (void)state;
    struct etcd_answer answer;
    assert_int_equal(
        parse_txn("{" HEADER ",\"succeeded\":true,\"responses\":[{\"response_put\":{}},"
                  "{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\",\"create_revision\":"
                  "\"2\",\"mod_revision\":\"3\",\"value\":\"aGk=\"},{\"key\":\"Yg==\"}],"
                  "\"more\":true}},{\"response_range\":{}}]}",
                  &answer),
        ERR_OK);
    assert_true(answer.succeeded);
    assert_int_equal(answer.cluster_id, UINT64_C(324952591200643719));
    assert_int_equal(answer.revision, 12);
    assert_int_equal(answer.ranges_n, 2);
    assert_int_equal(answer.range[0].n, 2);
    assert_true(answer.range[0].more);
    assert_string_equal(answer.range[0].at[0].key, "a");
    assert_int_equal(answer.range[0].at[0].create_revision, 2);
    assert_int_equal(answer.range[0].at[0].mod_revision, 3);
    assert_int_equal(answer.range[0].at[0].size, 2);
    assert_memory_equal(answer.range[0].at[0].value, "hi", 2);
    assert_null(answer.range[0].at[1].value);
    assert_int_equal(answer.range[1].n, 0);
    etcd_answer_free(&answer);
    assert_int_equal(answer.ranges_n, 0);
}

static void a_hostile_answer_is_a_format_error(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "null",
        "7",
        "[]",
        "{}",
        "\"header\"",
        "{\"header\":null}",
        "{\"header\":{}}",
        "{\"header\":{\"cluster_id\":\"x\"}}",
        "{\"header\":{\"cluster_id\":\"0\"}}",
        "{\"header\":{\"cluster_id\":\"-1\"}}",
        "{\"header\":{\"cluster_id\":-1}}",
        "{\"header\":{\"cluster_id\":1.5}}",
        "{\"header\":{\"cluster_id\":\"99999999999999999999\"}}",
        "{\"header\":{\"cluster_id\":\"1\",\"revision\":\"9223372036854775807\"}}",
        "{\"header\":{\"cluster_id\":\"1\"},\"header\":{\"cluster_id\":\"2\"}}",
        "{" HEADER ",\"succeeded\":1}",
        "{" HEADER ",\"responses\":{}}",
        "{" HEADER ",\"responses\":[7]}",
        "{" HEADER ",\"responses\":[{\"response_range\":[]}]}",
        "{" HEADER ",\"responses\":[{\"response_range\":{\"kvs\":{}}}]}",
        "{" HEADER ",\"responses\":[{\"response_range\":{\"kvs\":[{}]}}]}",
        "{" HEADER ",\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":7}]}}]}",
        "{" HEADER ",\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"YQ=\"}]}}]}",
        "{" HEADER
        ",\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\",\"value\":7}]}}]}",
        "{" HEADER
        ",\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"YQ==\",\"value\":\"aGk\"}]}}]}",
        "{" HEADER ",\"responses\":[{\"response_range\":{}},{\"response_range\":{}},"
        "{\"response_range\":{}},{\"response_range\":{}},{\"response_range\":{}}]}",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct etcd_answer answer;
        assert_int_equal(parse_txn(bad[i], &answer), ERR_FORMAT);
        assert_int_equal(answer.ranges_n, 0);
    }
}

static void a_foreign_key_has_no_name(void **state) {
    (void)state;
    char text[1200] = "{" HEADER ",\"responses\":[{\"response_range\":{\"kvs\":[{\"key\":\"";
    size_t at = strlen(text);
    memset(text + at, 'A', 600); /* 450 zero bytes: longer than every key of ours */
    (void)text_copy(text + at + 600, sizeof(text) - at - 600, "\"},{\"key\":\"YQBi\"}]}}]}");
    struct etcd_answer answer;
    assert_int_equal(parse_txn(text, &answer), ERR_OK);
    assert_int_equal(answer.range[0].n, 2);
    assert_string_equal(answer.range[0].at[0].key, "");
    assert_string_equal(answer.range[0].at[1].key, "");
    etcd_answer_free(&answer);
}

static void lines_of_a_watch_are_read(void **state) {
    (void)state;
    struct etcd_line line;
    assert_int_equal(parse_line("{\"result\":{" HEADER ",\"created\":true}}", &line), ERR_OK);
    assert_true(line.created);
    etcd_line_free(&line);
    assert_int_equal(parse_line("{\"result\":{" HEADER ",\"events\":[{\"type\":\"DELETE\",\"kv\":"
                                "{\"key\":\"YQ==\"}},{\"kv\":{\"key\":\"Yg==\",\"create_revision\":"
                                "\"5\",\"mod_revision\":\"5\",\"value\":\"aGk=\"}}]}}",
                                &line),
                     ERR_OK);
    assert_int_equal(line.puts.n, 1);
    assert_string_equal(line.puts.at[0].key, "b");
    assert_int_equal(line.puts.at[0].mod_revision, 5);
    etcd_line_free(&line);
    assert_int_equal(parse_line("{\"result\":{\"header\":{\"cluster_id\":\"3\"},\"canceled\":true,"
                                "\"compact_revision\":\"2\"}}",
                                &line),
                     ERR_OK);
    assert_true(line.canceled);
    assert_int_equal(line.compact_revision, 2);
    etcd_line_free(&line);
    assert_int_equal(
        parse_line("{\"error\":{\"grpc_code\":14,\"message\":\"no \\u001b[2J leader\"}}", &line),
        ERR_OK);
    assert_string_equal(line.why.at, "no ?[2J leader");
    etcd_line_free(&line);
    assert_int_equal(parse_line("{\"result\":{" HEADER ",\"events\":[{}]}}", &line), ERR_FORMAT);
    assert_int_equal(parse_line("{\"result\":{}}", &line), ERR_FORMAT);
    assert_int_equal(parse_line("}", &line), ERR_FORMAT);
}

static void refusals_and_alarms_are_read(void **state) {
    (void)state;
    uint64_t code = 0;
    struct text256 why = {0};
    const char *text = "{\"error\":\"x\",\"message\":\"etcdserver: mvcc: database space exceeded\","
                       "\"code\":8}";
    assert_int_equal(etcd_parse_error((const uint8_t *)text, strlen(text), &code, &why), ERR_OK);
    assert_int_equal(code, 8);
    assert_string_equal(why.at, "etcdserver: mvcc: database space exceeded");
    text = "Not Found\n";
    assert_int_equal(etcd_parse_error((const uint8_t *)text, strlen(text), &code, &why),
                     ERR_FORMAT);
    struct etcd_status status;
    text = "{" HEADER
           ",\"version\":\"3.4.23\",\"dbSize\":\"20480\",\"leader\":\"18446744073709551615\""
           ",\"errors\":[\"memberID:1 alarm:NOSPACE \",\"etcdserver: no leader\"]}";
    assert_int_equal(etcd_parse_status((const uint8_t *)text, strlen(text), &status), ERR_OK);
    assert_int_equal(status.member_id, 1);
    assert_true(status.leader == UINT64_MAX);
    assert_int_equal(status.db_size, 20480);
    assert_string_equal(status.errors.at, "memberID:1 alarm:NOSPACE ; etcdserver: no leader");
    text = "{" HEADER ",\"errors\":[7]}";
    assert_int_equal(etcd_parse_status((const uint8_t *)text, strlen(text), &status), ERR_FORMAT);
    assert_int_equal(status.member_id, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_put_if_absent_is_written_as_etcd_wants_it),
        cmocka_unit_test(a_range_names_only_what_it_limits),
        cmocka_unit_test(an_answer_is_read_with_its_defaults),
        cmocka_unit_test(a_hostile_answer_is_a_format_error),
        cmocka_unit_test(a_foreign_key_has_no_name),
        cmocka_unit_test(lines_of_a_watch_are_read),
        cmocka_unit_test(refusals_and_alarms_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
