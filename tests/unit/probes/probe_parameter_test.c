/* The arguments of every probe kind, and addresses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/probe.h"
#include "agent/probes/parameter.h"
#include "common/io/net.h"

static void argument_add(struct arguments *arguments, const char *name, const char *value) {
    assert_true(arguments->n < ACTION_ARGS_MAX);
    struct argument *argument = &arguments->at[arguments->n++];
    assert_true(text_copy(argument->name, sizeof argument->name, name));
    assert_true(text_copy(argument->value, sizeof argument->value, value));
}

static enum err kind_accepts(enum check_kind kind, const struct arguments *arguments,
                             struct text256 *why) {
    const struct probe_kind *row = probe_kind_of(kind);
    assert_non_null(row);
    return row->accepts(arguments, why);
}

static void every_check_kind_has_a_probe_with_help(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS_N; kind++) {
        const struct probe_kind *row = probe_kind_of((enum check_kind)kind);
        assert_non_null(row);
        assert_int_equal(row->kind, kind);
        assert_true(strlen(row->arguments_help) > 10);
    }
    assert_null(probe_kind_of(CHECK_KINDS_N));
}

static void no_kind_accepts_nothing_or_an_unknown_name(void **state) {
    (void)state;
    for (int kind = 0; kind < CHECK_KINDS_N; kind++) {
        struct arguments arguments = {.n = 0};
        struct text256 why = {""};
        /* Only this one knows what to look at: what the agent holds. */
        bool may = kind == CHECK_SECRET_AGE;
        assert_int_equal(kind_accepts((enum check_kind)kind, &arguments, &why),
                         may ? ERR_OK : ERR_CONFIG);
        assert_true(may || strlen(why.at) > 0);
        argument_add(&arguments, "frobnicate", "1");
        assert_int_equal(kind_accepts((enum check_kind)kind, &arguments, &why), ERR_CONFIG);
        assert_non_null(strstr(why.at, "frobnicate"));
    }
}

static void what_an_endpoint_hands_down_is_let_pass(void **state) {
    (void)state;
    struct arguments arguments = {.n = 0};
    struct text256 why = {""};
    argument_add(&arguments, "address", "10.0.0.1:5432");
    argument_add(&arguments, "user", "drover");
    argument_add(&arguments, "password_ref", "pg_password");
    argument_add(&arguments, "database", "bud");
    argument_add(&arguments, "ca", "/etc/ssl/ca.pem");
    assert_int_equal(kind_accepts(CHECK_TCP, &arguments, &why), ERR_OK);
    assert_int_equal(kind_accepts(CHECK_POSTGRESQL, &arguments, &why), ERR_OK);
    assert_int_equal(kind_accepts(CHECK_REDIS, &arguments, &why), ERR_OK);
    assert_int_equal(kind_accepts(CHECK_CERTIFICATE, &arguments, &why), ERR_OK);
}

static void a_secret_fails_no_sooner_than_it_warns(void **state) {
    (void)state;
    struct arguments arguments = {.n = 0};
    struct text256 why = {""};
    argument_add(&arguments, "fail_age", "2591999"); /* s; 30 days less one */
    assert_int_equal(kind_accepts(CHECK_SECRET_AGE, &arguments, &why), ERR_CONFIG);
    assert_non_null(strstr(why.at, "max_age (2592000)"));
    argument_add(&arguments, "max_age", "2591999");
    assert_int_equal(kind_accepts(CHECK_SECRET_AGE, &arguments, &why), ERR_OK);
}

static void velero_buckets_are_whole_or_not_given(void **state) {
    (void)state;
    static const struct {
        const char *name, *value, *wrong; /* added one after the other */
    } rows[] = {{"s3_url", "https://10.0.0.1:9000", "s3_password_ref together"},
                {"s3_user", "drover", "s3_password_ref together"},
                {"peer_url", "https://10.0.0.2:9000", "peer_url is for a second bucket"},
                {"s3_password_ref", "minio", NULL},
                {"peer_bucket", "Velero", "peer_bucket"}};
    struct arguments arguments = {.n = 0};
    struct text256 why = {""};
    argument_add(&arguments, "url", "https://10.0.0.1:6443");
    argument_add(&arguments, "what", "velero");
    argument_add(&arguments, "max_age", "90000");
    assert_int_equal(kind_accepts(CHECK_KUBERNETES, &arguments, &why), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        argument_add(&arguments, rows[i].name, rows[i].value);
        enum err err = kind_accepts(CHECK_KUBERNETES, &arguments, &why);
        assert_int_equal(err, rows[i].wrong != NULL ? ERR_CONFIG : ERR_OK);
        assert_true(rows[i].wrong == NULL || strstr(why.at, rows[i].wrong) != NULL);
    }
}

static void table_names_are_plain(void **state) {
    (void)state;
    const struct {
        const char *table;
        bool good;
    } table[] = {{"drover_probe", true}, {"public.drover_probe", true},
                 {"a.b.c", false},       {".a", false},
                 {"a.", false},          {"1a", false},
                 {"Drover", false},      {"a b", false},
                 {"a;b", false},         {"\"a\"", false},
                 {"a--", false}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct arguments arguments = {.n = 0};
        struct text256 why = {""};
        argument_add(&arguments, "address", "10.0.0.1:5432");
        argument_add(&arguments, "table", table[i].table);
        assert_int_equal(kind_accepts(CHECK_POSTGRESQL, &arguments, &why),
                         table[i].good ? ERR_OK : ERR_CONFIG);
    }
}

static void addresses_are_host_and_port(void **state) {
    (void)state;
    const struct {
        const char *text, *host;
        unsigned port;
        bool good, numeric;
    } table[] = {
        {"10.0.0.1:80", "10.0.0.1", 80, true, true},
        {"[fd00::1]:80", "fd00::1", 80, true, true},
        {"db.bud.test:5432", "db.bud.test", 5432, true, false},
        {"fd00::1:80", "", 0, false, false},
        {"[10.0.0.1]:80", "", 0, false, false},
        {"10.0.0.1", "", 0, false, false},
        {"10.0.0.1:0", "", 0, false, false},
        {"10.0.0.1:65536", "", 0, false, false},
        {":80", "", 0, false, false},
        {"[]:80", "", 0, false, false},
        {"[:80", "", 0, false, false},
        {"]:80", "", 0, false, false},
        {"a b:80", "", 0, false, false},
        {"a/b:80", "", 0, false, false},
        {"", "", 0, false, false},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct net_address address = {.port = 0};
        struct text256 why = {""};
        assert_int_equal(net_address_parse(table[i].text, &address, &why),
                         table[i].good ? ERR_OK : ERR_CONFIG);
        assert_string_equal(address.host, table[i].host);
        assert_int_equal(address.port, table[i].port);
        assert_int_equal(address.numeric, table[i].numeric);
    }
}

static void lists_are_parted_at_commas(void **state) {
    (void)state;
    char part[8];
    const char *at = "a, bc ,d";
    assert_true(list_next(&at, part, sizeof part));
    assert_string_equal(part, "a");
    assert_true(list_next(&at, part, sizeof part));
    assert_string_equal(part, "bc");
    assert_true(list_next(&at, part, sizeof part));
    assert_string_equal(part, "d");
    assert_string_equal(at, "");
    assert_false(list_next(&at, part, sizeof part));
    at = ",a";
    assert_false(list_next(&at, part, sizeof part));
    at = "longer than it";
    assert_false(list_next(&at, part, sizeof part));
}

/* What the probe could not find out is refused before it is asked. */
static void replication_is_asked_only_where_it_can_be_told(void **state) {
    (void)state;
    static const struct {
        enum check_kind kind;
        const char *rest; /* "name=value ..." beside url, user and password_ref */
        enum err err;
        const char *why;
    } rows[] = {
        {CHECK_S3, "what=servers", ERR_OK, ""}, /* no bucket */
        {CHECK_S3, "what=servers min_servers=4 token_ref=metrics", ERR_OK, ""},
        {CHECK_S3, "what=servers server=s3", ERR_CONFIG, "only MinIO"},
        {CHECK_S3, "what=role", ERR_CONFIG, "bucket"},
        {CHECK_S3, "what=role bucket=bud", ERR_OK, ""},
        {CHECK_S3, "what=role bucket=bud expect_role=source", ERR_OK, ""},
        {CHECK_S3, "what=role bucket=bud expect_role=target", ERR_CONFIG, "peer_url"},
        {CHECK_S3, "what=role bucket=bud expect_role=both", ERR_CONFIG, "peer_url"},
        {CHECK_S3, "what=role bucket=bud expect_role=none", ERR_CONFIG, "peer_url"},
        {CHECK_S3, "what=role bucket=bud expect_role=both peer_url=http://p:9000", ERR_OK, ""},
        {CHECK_S3, "what=role bucket=bud expect_role=primary", ERR_CONFIG, "expect_role"},
        {CHECK_S3, "what=role bucket=bud peer_url=http://p:9000 peer_user=x", ERR_CONFIG, "peer_"},
        {CHECK_CLICKHOUSE, "table=bud.ev replication_tls=1.3", ERR_OK, ""},
        {CHECK_CLICKHOUSE, "replication_tls=1.3", ERR_CONFIG, "table"},
        {CHECK_CLICKHOUSE, "table=bud.ev replication_tls=1.1", ERR_CONFIG, "replication_tls"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arguments arguments = {.n = 0};
        struct text256 why = {""};
        char rest[128], *save = NULL;
        argument_add(&arguments, "url", "http://m:9000");
        argument_add(&arguments, "user", "drover");
        argument_add(&arguments, "password_ref", "secret");
        assert_true(text_copy(rest, sizeof rest, rows[i].rest));
        for (char *one = strtok_r(rest, " ", &save); one; one = strtok_r(NULL, " ", &save)) {
            char *value = strchr(one, '=');
            *value++ = '\0';
            argument_add(&arguments, one, value);
        }
        assert_int_equal(kind_accepts(rows[i].kind, &arguments, &why), rows[i].err);
        assert_non_null(strstr(why.at, rows[i].why));
    }
}

static void smtp_sends_no_password_without_tls_and_no_half_of_a_login(void **state) {
    (void)state;
    static const struct {
        const char *names[3], *values[3];
        enum err err;
        const char *why;
    } rows[] = {
        {{"security"}, {"none"}, ERR_OK, ""},
        {{"user", "password_ref"}, {"drover", "mail"}, ERR_OK, ""},
        {{"security", "user", "password_ref"}, {"tls", "drover", "mail"}, ERR_OK, ""},
        {{"security", "user", "password_ref"}, {"none", "drover", "mail"}, ERR_CONFIG, "security"},
        {{"user"}, {"drover"}, ERR_CONFIG, "both or neither"},
        {{"password_ref"}, {"mail"}, ERR_CONFIG, "both or neither"},
        {{"security"}, {"ssl"}, ERR_CONFIG, "security"},
        {{"from"}, {"drover@bud.test"}, ERR_OK, ""},
        {{"from"}, {"a@b> SIZE=1"}, ERR_CONFIG, "from"},
        {{"tls"}, {"1.1"}, ERR_CONFIG, "tls"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arguments arguments = {.n = 0};
        struct text256 why = {""};
        argument_add(&arguments, "address", "mail.bud.test:587");
        for (size_t a = 0; a < 3 && rows[i].names[a] != NULL; a++) {
            argument_add(&arguments, rows[i].names[a], rows[i].values[a]);
        }
        assert_int_equal(kind_accepts(CHECK_SMTP, &arguments, &why), rows[i].err);
        assert_non_null(strstr(why.at, rows[i].why));
    }
}

static void haproxy_tries_a_command_on_a_socket_only(void **state) {
    (void)state;
    struct arguments arguments = {.n = 0};
    struct text256 why = {""};
    argument_add(&arguments, "backend", "web");
    argument_add(&arguments, "url", "http://10.0.0.1:8404/;csv");
    assert_int_equal(kind_accepts(CHECK_HAPROXY, &arguments, &why), ERR_OK);
    argument_add(&arguments, "credential", "true");
    assert_int_equal(kind_accepts(CHECK_HAPROXY, &arguments, &why), ERR_CONFIG);
    assert_non_null(strstr(why.at, "credential"));
    argument_add(&arguments, "socket", "/run/haproxy/admin.sock");
    assert_int_equal(kind_accepts(CHECK_HAPROXY, &arguments, &why), ERR_OK);
}

static void http_takes_a_token_or_a_password(void **state) {
    (void)state;
    static const struct {
        const char *names[2], *values[2];
        enum err err;
    } rows[] = {
        {{"token_ref"}, {"key"}, ERR_OK},
        {{"token_ref", "token_header"}, {"key", "x-api-key"}, ERR_OK},
        {{"token_header"}, {"x-api-key"}, ERR_CONFIG},
        {{"token_ref", "token_header"}, {"key", "x-api-key: a"}, ERR_CONFIG},
        {{"token_ref", "user"}, {"key", "drover"}, ERR_CONFIG},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arguments arguments = {.n = 0};
        struct text256 why = {""};
        argument_add(&arguments, "url", "http://10.0.0.1:8081/");
        for (size_t a = 0; a < 2 && rows[i].names[a] != NULL; a++) {
            argument_add(&arguments, rows[i].names[a], rows[i].values[a]);
        }
        assert_int_equal(kind_accepts(CHECK_HTTP, &arguments, &why), rows[i].err);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_check_kind_has_a_probe_with_help),
        cmocka_unit_test(no_kind_accepts_nothing_or_an_unknown_name),
        cmocka_unit_test(what_an_endpoint_hands_down_is_let_pass),
        cmocka_unit_test(a_secret_fails_no_sooner_than_it_warns),
        cmocka_unit_test(velero_buckets_are_whole_or_not_given),
        cmocka_unit_test(table_names_are_plain),
        cmocka_unit_test(addresses_are_host_and_port),
        cmocka_unit_test(lists_are_parted_at_commas),
        cmocka_unit_test(replication_is_asked_only_where_it_can_be_told),
        cmocka_unit_test(http_takes_a_token_or_a_password),
        cmocka_unit_test(haproxy_tries_a_command_on_a_socket_only),
        cmocka_unit_test(smtp_sends_no_password_without_tls_and_no_half_of_a_login),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
