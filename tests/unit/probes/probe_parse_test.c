/* The readers of what PostgreSQL, Redis, HAProxy, Patroni and plugins say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/probes/parse.h"

static void lsn_is_read_whole_or_not_at_all(void **state) {
    (void)state;
    const struct {
        const char *text;
        bool good;
        uint64_t lsn;
    } table[] = {
        {"16/B374D848", true, UINT64_C(0x16B374D848)},
        {"0/0", true, 0},
        {"FFFFFFFF/FFFFFFFF", true, UINT64_MAX},
        {"a/b", true, UINT64_C(0xA0000000B)},
        {"16/B374D8481", false, 0},
        {"", false, 0},
        {"16", false, 0},
        {"/1", false, 0},
        {"1/", false, 0},
        {"1/2/3", false, 0},
        {"-1/2", false, 0},
        {"1/ 2", false, 0},
        {"0x1/2", false, 0},
        {"100000000/0", false, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint64_t lsn = 77;
        assert_int_equal(lsn_parse(table[i].text, &lsn), table[i].good);
        assert_true(lsn == (table[i].good ? table[i].lsn : 77));
    }
}

static const char primary_info[] =
    "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
    "slave0:ip=10.0.0.2,port=6379,state=online,offset=1234,lag=1\r\n"
    "slave1:ip=fd00::2,port=6380,state=wait_bgsave,offset=0,lag=0\r\n"
    "master_replid:abc\r\nmaster_repl_offset:1300\r\nrepl_backlog_size:1048576\r\n";

static void info_is_read_by_whole_keys(void **state) {
    (void)state;
    char value[16] = "untouched";
    uint64_t number = 0;
    assert_true(info_get(primary_info, "role", value, sizeof value));
    assert_string_equal(value, "master");
    assert_true(info_get_number(primary_info, "master_repl_offset", &number));
    assert_int_equal(number, 1300);
    /* "offset" is the end of a key, "master_repl" the beginning of one. */
    assert_false(info_get(primary_info, "offset", value, sizeof value));
    assert_false(info_get(primary_info, "master_repl", value, sizeof value));
    assert_false(info_get_number(primary_info, "role", &number));
    assert_false(info_get_number("master_last_io_seconds_ago:-1\r\n", "master_last_io_seconds_ago",
                                 &number));
    assert_false(info_get("", "role", value, sizeof value));
    assert_false(info_get("role:123456789012345678\n", "role", value, sizeof value));
    assert_string_equal(value, "master");
    assert_true(info_get("role:", "role", value, sizeof value));
    assert_string_equal(value, "");
}

static void info_replicas_are_listed_with_state_and_offset(void **state) {
    (void)state;
    struct info_replica replica;
    assert_true(info_replica(primary_info, 0, &replica));
    assert_string_equal(replica.address, "10.0.0.2:6379");
    assert_true(replica.online);
    assert_int_equal(replica.offset, 1234);
    assert_int_equal(replica.lag_s, 1);
    assert_true(info_replica(primary_info, 1, &replica));
    assert_false(replica.online);
    assert_false(info_replica(primary_info, 2, &replica));
    assert_false(info_replica("slave0:ip=1,state=online\r\n", 0, &replica));
    assert_false(info_replica("slave0:ip=1,port=2,offset=x\r\n", 0, &replica));
    assert_true(info_replica("slave0:ip=1,port=2,state=online,offset=9\r\n", 0, &replica));
    assert_true(replica.lag_s == UINT64_MAX);
}

static void the_port_that_a_client_came_through_is_read(void **state) {
    (void)state;
    const struct {
        const char *list;
        unsigned index;
        enum err err;
        uint16_t port;
    } table[] = {
        {"id=3 addr=10.0.0.2:4711 laddr=10.0.0.1:6380 fd=8 flags=S\n", 0, ERR_OK, 6380},
        {"id=3 addr=a:1 laddr=a:6379 fd=8\nid=4 addr=b:2 laddr=fd00::1:6380 fd=9\n", 1, ERR_OK,
         6380},
        {"id=3 addr=a:1 laddr=a:6379 fd=8\nid=4 addr=b:2 fd=9\n", 1, ERR_FORMAT, 7},
        {"id=3 laddr=a:6379", 0, ERR_OK, 6379},
        {"id=3 addr=a:1 laddr=a:6379 fd=8\n", 1, ERR_NOT_FOUND, 7},
        {"", 0, ERR_NOT_FOUND, 7},
        {"\n", 0, ERR_NOT_FOUND, 7},
        {"id=3 addr=10.0.0.2:4711 fd=8\n", 0, ERR_FORMAT, 7},
        {"id=3 laddr=\n", 0, ERR_FORMAT, 7},
        {"id=3 laddr=6380\n", 0, ERR_FORMAT, 7},
        {"id=3 laddr=a: fd=3\n", 0, ERR_FORMAT, 7},
        {"id=3 laddr=a:65536 fd=3\n", 0, ERR_FORMAT, 7},
        {"id=3 laddr=a:123456789 fd=3\n", 0, ERR_FORMAT, 7},
        {"id=3 name=x laddr", 0, ERR_FORMAT, 7},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint16_t port = 7;
        assert_int_equal(client_local_port(table[i].list, table[i].index, &port), table[i].err);
        assert_int_equal(port, table[i].port);
    }
    assert_true(tls_words_have("TLSv1.2 TLSv1.3", "TLSv1.3"));
    assert_true(tls_words_have(" tlsv1.2", "TLSv1.2"));
    assert_false(tls_words_have("TLSv1.2  TLSv1.3", "TLSv1"));
    assert_false(tls_words_have("", "TLSv1"));
}

static void plugin_line_gives_text_and_first_figure(void **state) {
    (void)state;
    const struct {
        const char *output, *text;
        bool has_value;
        int64_t value;
    } table[] = {
        {"DISK OK - free space: / 3326 MB (56%); | /=2643MB;5948;5958;0;5968\nmore",
         "DISK OK - free space: / 3326 MB (56%);", true, 2643},
        {"LOAD | load1=1.6;2;3 load5=9", "LOAD", true, 2},
        {"TEMP | 'a b'=-3.5C", "TEMP", true, -4},
        {"no figures\nsecond | x=1", "no figures", false, 0},
        {"strange | x=U", "strange", false, 0},
        {"huge | x=1e300", "huge", false, 0},
        {"= before 5 | y", "= before 5", false, 0},
        {"", "", false, 0},
        {"|", "", false, 0},
        {"| x=7", "", true, 7},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct plugin_line line;
        plugin_parse(table[i].output, &line);
        assert_string_equal(line.text, table[i].text);
        assert_int_equal(line.has_value, table[i].has_value);
        assert_int_equal(line.value, table[i].value);
    }
}

static const char csv[] = "# pxname,svname,qcur,qmax,scur,smax,status,weight,\n"
                          "front,FRONTEND,,,0,1,OPEN,,\n"
                          "pg,pg1,0,0,0,1,UP,1,\n"
                          "pg,pg2,0,0,0,1,DOWN,1,\n"
                          "pg,pg3,0,0,0,1,UP 1/3,1,\n"
                          "pg,pg4,0,0,0,1,MAINT,1,\n"
                          "pg,pg5,0,0,0,1,no check,1,\n"
                          "pg,BACKEND,0,0,0,1,UP,3,\n"
                          "dark,x,0,0,0,0,DOWN,1,\n"
                          "dark,BACKEND,0,0,0,0,DOWN,0,\n\n";

static void haproxy_servers_are_counted_by_backend(void **state) {
    (void)state;
    struct haproxy_view view;
    assert_int_equal(haproxy_parse(csv, "pg", &view), ERR_OK);
    assert_true(view.found);
    assert_int_equal(view.servers_n, 5);
    assert_int_equal(view.up_n, 3);
    assert_string_equal(view.backend_status, "UP");
    assert_string_equal(view.up_names, "pg1 pg3 pg5");
    assert_int_equal(haproxy_parse(csv, "dark", &view), ERR_OK);
    assert_int_equal(view.up_n, 0);
    assert_int_equal(haproxy_parse(csv, "front", &view), ERR_OK);
    assert_false(view.found);
    assert_int_equal(haproxy_parse(csv, "none", &view), ERR_OK);
    assert_false(view.found);
}

static void haproxy_sessions_are_those_of_the_whole_backend(void **state) {
    (void)state;
    struct haproxy_view view;
    assert_int_equal(haproxy_parse("# pxname,svname,qcur,qmax,scur,smax,status,weight,\n"
                                   "pg,a,0,0,7,9,UP,1,\npg,BACKEND,0,0,12431,1,UP,1,\n"
                                   "odd,BACKEND,0,0,-1,1,UP,1,\n",
                                   "pg", &view),
                     ERR_OK);
    assert_true(view.sessions_told);
    assert_int_equal(view.sessions_n, 12431);
    assert_int_equal(haproxy_parse("# pxname,svname,qcur,qmax,scur,smax,status,weight,\n"
                                   "odd,BACKEND,0,0,-1,1,UP,1,\n",
                                   "odd", &view),
                     ERR_OK);
    assert_false(view.sessions_told);
    assert_int_equal(haproxy_parse("# pxname,svname,status\npg,BACKEND,UP\n", "pg", &view), ERR_OK);
    assert_false(view.sessions_told);
}

static void haproxy_refuses_what_is_not_its_statistics(void **state) {
    (void)state;
    struct haproxy_view view;
    assert_int_equal(haproxy_parse("", "pg", &view), ERR_FORMAT);
    assert_int_equal(haproxy_parse("Permission denied\n", "pg", &view), ERR_FORMAT);
    assert_int_equal(haproxy_parse("# pxname,svname,qcur\npg,a,1\n", "pg", &view), ERR_FORMAT);
    assert_int_equal(haproxy_parse("<html>", "pg", &view), ERR_FORMAT);
}

static enum err patroni(const char *json, struct patroni_view *view) {
    return patroni_parse(json, strlen(json), view);
}

static void patroni_tells_leader_members_and_pause(void **state) {
    (void)state;
    struct patroni_view view;
    assert_int_equal(
        patroni("{\"members\": ["
                "{\"name\": \"p1\", \"role\": \"leader\", \"state\": \"running\", \"timeline\": 3},"
                "{\"name\": \"p2\", \"role\": \"replica\", \"state\": \"streaming\", \"lag\": 0},"
                "{\"name\": \"p3\", \"role\": \"replica\", \"state\": \"start failed\"}]}",
                &view),
        ERR_OK);
    assert_int_equal(view.members_n, 3);
    assert_int_equal(view.running_n, 2);
    assert_int_equal(view.leader, PATRONI_LEADER);
    assert_true(view.leader_running);
    assert_string_equal(view.leader_name, "p1");
    assert_int_equal(view.timeline, 3);
    assert_false(view.paused);
    assert_string_equal(view.first_not_running, "p3");
    assert_string_equal(view.first_state, "start failed");
    assert_string_equal(view.names, "p1 p2 p3");
    assert_int_equal(patroni("{\"members\": [{\"name\": \"d1\", \"role\": \"standby_leader\","
                             " \"state\": \"stopped\", \"timeline\": 2}], \"pause\": true}",
                             &view),
                     ERR_OK);
    assert_int_equal(view.leader, PATRONI_STANDBY_LEADER);
    assert_false(view.leader_running);
    assert_true(view.paused);
    assert_int_equal(patroni("{\"members\": []}", &view), ERR_OK);
    assert_int_equal(view.leader, PATRONI_LEADER_NONE);
}

#define MEMBER(name) "{\"name\": \"" name "\", \"role\": \"replica\", \"state\": \"running\"}"

/* All names or none: a list with one missing would say that two clusters share none. */
static void patroni_names_are_whole_or_not_told(void **state) {
    (void)state;
    static const struct {
        const char *members, *names;
        unsigned digests_n;
    } cases[] = {
        {MEMBER("a"), "a", 1},
        {MEMBER("a") "," MEMBER("b"), "a b", 2},
        {MEMBER("a") "," MEMBER("b c") "," MEMBER("d"), "", 3},
        {MEMBER("a") "," MEMBER("") "," MEMBER("d"), "", 3},
        {MEMBER("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") "," MEMBER(
             "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb") "," MEMBER("c"),
         "", 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[1024];
        struct patroni_view view;
        (void)snprintf(json, sizeof json, "{\"members\": [%s]}", cases[i].members);
        assert_int_equal(patroni(json, &view), ERR_OK);
        assert_string_equal(view.names, cases[i].names);
        assert_int_equal(strlen(view.digests), cases[i].digests_n * TEXT_DIGEST_SIZE - 1);
    }
}

#define PATRONI_41 ", \"receive_lag\": 0, \"receive_lsn\": \"0/4000000\", \"lag\": 0"

/* As 3.0.2 and 4.1.5 answer. */
static void patroni_tells_a_replica_that_does_not_stream_where_it_can(void **state) {
    (void)state;
    static const struct {
        const char *leader, *replica, *told;
    } cases[] = {
        {"leader", "\"state\": \"streaming\"" PATRONI_41, ""},
        {"leader", "\"state\": \"running\"" PATRONI_41, "p2"},
        {"leader", "\"state\": \"in archive recovery\"" PATRONI_41, "p2"},
        {"leader", "\"state\": \"running\", \"lag\": 0", ""},
        {"leader", "\"state\": \"starting\"" PATRONI_41, ""},
        {"leader", "\"state\": \"stopped\", \"receive_lag\": \"unknown\"", ""},
        {"leader", "\"state\": \"running\", \"tags\": {\"nofailover\": true}" PATRONI_41, ""},
        {"leader", "\"state\": \"running\", \"tags\": {\"failover_priority\": 0}" PATRONI_41, ""},
        {"leader", "\"state\": \"running\", \"tags\": {\"failover_priority\": 1}" PATRONI_41, "p2"},
        {"leader",
         "\"state\": \"running\", \"tags\": {\"nofailover\": false, \"failover_priority\": "
         "0}" PATRONI_41,
         "p2"},
        {"standby_leader", "\"state\": \"running\"" PATRONI_41, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char json[1024];
        struct patroni_view view;
        (void)snprintf(
            json, sizeof json,
            "{\"members\": [{\"name\": \"p1\", \"role\": \"%s\", \"state\": \"running\"}, "
            "{\"name\": \"p2\", \"role\": \"replica\", %s}], \"scope\": \"bud\"}",
            cases[i].leader, cases[i].replica);
        assert_int_equal(patroni(json, &view), ERR_OK);
        assert_string_equal(view.first_not_streaming, cases[i].told);
    }
    struct patroni_view view;
    assert_int_equal(patroni("{\"members\": ["
                             "{\"name\": \"p1\", \"role\": \"leader\", \"state\": \"running\"},"
                             "{\"name\": \"p2\", \"role\": \"replica\", \"state\": \"streaming\"},"
                             "{\"name\": \"p3\", \"role\": \"replica\", \"state\": \"running\"}]}",
                             &view),
                     ERR_OK);
    assert_string_equal(view.first_not_streaming, "p3");
}

static void patroni_refuses_what_is_not_a_cluster(void **state) {
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{}",
        "{\"members\": {}}",
        "{\"members\": 3}",
        "{\"members\": [1, null, {\"name\": 3}]", /* not closed */
    };
    struct patroni_view view;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(patroni(bad[i], &view), ERR_FORMAT);
    }
    assert_int_equal(patroni("{\"members\": [1, null, {\"name\": 3}]}", &view), ERR_OK);
    assert_int_equal(view.members_n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lsn_is_read_whole_or_not_at_all),
        cmocka_unit_test(info_is_read_by_whole_keys),
        cmocka_unit_test(info_replicas_are_listed_with_state_and_offset),
        cmocka_unit_test(the_port_that_a_client_came_through_is_read),
        cmocka_unit_test(plugin_line_gives_text_and_first_figure),
        cmocka_unit_test(haproxy_servers_are_counted_by_backend),
        cmocka_unit_test(haproxy_sessions_are_those_of_the_whole_backend),
        cmocka_unit_test(haproxy_refuses_what_is_not_its_statistics),
        cmocka_unit_test(patroni_tells_leader_members_and_pause),
        cmocka_unit_test(patroni_names_are_whole_or_not_told),
        cmocka_unit_test(patroni_tells_a_replica_that_does_not_stream_where_it_can),
        cmocka_unit_test(patroni_refuses_what_is_not_a_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
