/* INFO replication as Redis 7 writes it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/actions/redis_region.h"

static void a_master_and_its_replicas_are_read(void **state) {
    static const char text[] = "# Replication\r\nrole:master\r\nconnected_slaves:2\r\n"
                               "slave0:ip=10.77.1.12,port=6379,state=online,offset=23900,lag=1\r\n"
                               "slave1:ip=10.77.1.10,port=6379,state=wait_bgsave,offset=0,lag=0\r\n"
                               "master_failover_state:no-failover\r\nmaster_repl_offset:23978\r\n";
    (void)state;
    struct redis_info info;
    assert_true(redis_info_parse(text, &info));
    assert_true(info.master);
    assert_int_equal(info.offset, 23978);
    assert_int_equal(info.replicas_n, 2);
    assert_string_equal(info.replicas[0].host, "10.77.1.12");
    assert_int_equal(info.replicas[0].offset, 23900);
    assert_true(info.replicas[0].online);
    assert_false(info.replicas[1].online);
}

static void a_replica_is_read(void **state) {
    static const char text[] =
        "# Replication\r\nrole:slave\r\nmaster_host:10.77.1.10\r\nmaster_port:6380\r\n"
        "master_link_status:down\r\nmaster_sync_in_progress:1\r\nslave_read_repl_offset:1\r\n"
        "slave_repl_offset:77\r\nslave_read_only:1\r\nconnected_slaves:0\r\n";
    (void)state;
    struct redis_info info;
    assert_true(redis_info_parse(text, &info));
    assert_false(info.master);
    assert_string_equal(info.master_host, "10.77.1.10");
    assert_int_equal(info.master_port, 6380);
    assert_false(info.link_up);
    assert_true(info.syncing);
    assert_true(info.read_only);
    assert_int_equal(info.offset, 77);
}

static void nonsense_is_refused_and_leaves_the_result_alone(void **state) {
    static const char *const bad[] = {"",
                                      "role:\r\n",
                                      "role:king\r\n",
                                      "role:slave\r\n",
                                      "role:slave\r\nmaster_host:x\r\nmaster_port:99999\r\n",
                                      "xrole:master\r\n"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct redis_info info = {.offset = 5};
        assert_false(redis_info_parse(bad[i], &info));
        assert_int_equal(info.offset, 5);
    }
}

static void malformed_replica_lines_are_left_out(void **state) {
    (void)state;
    struct redis_info info;
    assert_true(redis_info_parse("role:master\r\nslave0:port=1\r\nslave1:ip=,port=0\r\n"
                                 "slave2:ip=1.1.1.1,port=7,state=online,offset=9\r\n",
                                 &info));
    assert_int_equal(info.replicas_n, 1);
    assert_int_equal(info.replicas[0].port, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_master_and_its_replicas_are_read),
        cmocka_unit_test(a_replica_is_read),
        cmocka_unit_test(nonsense_is_refused_and_leaves_the_result_alone),
        cmocka_unit_test(malformed_replica_lines_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
