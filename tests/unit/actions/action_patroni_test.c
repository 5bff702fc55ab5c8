/* What is written to Patroni and read from it; replies as Patroni 3.0.2 and 4.x give them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/actions/patroni_body.h"

static const struct patroni_peer peer = {.host = "10.77.2.10", .port = 5000, .slot = "region_east"};

static struct patroni_config parse(const char *json, const char *peer_slot) {
    struct patroni_config config;
    struct text256 why = {.at = ""};
    assert_int_equal(patroni_config_parse(json, strlen(json), peer_slot, &config, &why), ERR_OK);
    return config;
}

static void a_primary_cluster_has_no_standby_cluster(void **state) {
    (void)state;
    struct patroni_config config = parse("{\"ttl\":20,\"slots\":{\"region_west\":{\"type\":"
                                         "\"physical\"},\"cdc\":{\"type\":\"logical\"},"
                                         "\"mine\":{\"type\":\"physical\"}}}",
                                         "");
    assert_false(config.standby);
    assert_false(config.paused);
    assert_int_equal(config.slots_n, 1);
    assert_string_equal(config.slots[0], "region_west");
    assert_false(patroni_config_follows(&config, &peer));
    config = parse("{\"slots\":{\"mine\":{\"type\":\"physical\"}}}", "mine");
    assert_int_equal(config.slots_n, 1);
}

static void a_standby_cluster_follows_only_the_very_same_peer(void **state) {
    static const struct {
        const char *json;
        bool follows;
    } rows[] = {
        {"{\"standby_cluster\":{\"host\":\"10.77.2.10\",\"port\":5000,"
         "\"primary_slot_name\":\"region_east\"}}",
         true},
        {"{\"standby_cluster\":{\"host\":\"10.77.2.10\",\"port\":\"5000\","
         "\"primary_slot_name\":\"region_east\"}}",
         true},
        {"{\"standby_cluster\":{\"host\":\"10.77.2.10\",\"port\":5000}}", false},
        {"{\"standby_cluster\":{\"host\":\"10.77.2.11\",\"port\":5000,"
         "\"primary_slot_name\":\"region_east\"}}",
         false},
        {"{\"standby_cluster\":{\"host\":\"10.77.2.10\",\"port\":5001,"
         "\"primary_slot_name\":\"region_east\"}}",
         false},
        {"{\"standby_cluster\":{}}", false},
        {"{\"standby_cluster\":null}", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct patroni_config config = parse(rows[i].json, "");
        assert_int_equal(patroni_config_follows(&config, &peer), rows[i].follows);
    }
}

static void the_demotion_clears_our_slots_and_lifts_the_pause(void **state) {
    (void)state;
    char body[1024];
    struct patroni_config config = parse("{\"pause\":true,\"drover_handoff\":true,\"slots\":"
                                         "{\"region_west\":{\"type\":\"physical\"}}}",
                                         "");
    assert_true(config.paused);
    assert_true(config.handoff);
    assert_true(patroni_body_demote(body, sizeof body, &peer, &config, PATRONI_PAUSE_LIFT));
    assert_string_equal(body, "{\"standby_cluster\":{\"host\":\"10.77.2.10\",\"port\":5000,"
                              "\"create_replica_methods\":[\"basebackup\"],\"primary_slot_name\":"
                              "\"region_east\"},\"slots\":{\"region_west\":null},\"pause\":null,"
                              "\"drover_handoff\":null,\"drover_handoff_leader\":null}");
    assert_true(patroni_body_demote(body, sizeof body, &peer, &config, PATRONI_PAUSE_KEEP));
    assert_null(strstr(body, "pause"));
    assert_false(patroni_body_demote(body, 20, &peer, &config, PATRONI_PAUSE_KEEP));
}

static void the_promotion_makes_the_slot_for_the_way_back(void **state) {
    (void)state;
    char body[256];
    assert_true(patroni_body_promote(body, sizeof body, "region_east", false));
    assert_string_equal(body, "{\"standby_cluster\":null,\"slots\":{\"region_east\":{\"type\":"
                              "\"physical\"}}}");
    assert_true(patroni_body_promote(body, sizeof body, "", true));
    assert_string_equal(body, "{\"standby_cluster\":null,\"pause\":null,\"drover_handoff\":null,"
                              "\"drover_handoff_leader\":null}");
}

static void the_pause_of_a_hand_off_says_who_led(void **state) {
    (void)state;
    char body[256];
    assert_true(patroni_body_pause(body, sizeof body, "http://10.77.1.11:8008"));
    assert_string_equal(body, "{\"pause\":true,\"drover_handoff\":true,\"drover_handoff_leader\":"
                              "\"http://10.77.1.11:8008\"}");
    struct patroni_config config = parse(body, "");
    assert_true(config.paused);
    assert_true(config.handoff);
    assert_string_equal(config.handoff_leader, "http://10.77.1.11:8008");
    assert_true(patroni_body_pause(body, sizeof body, ""));
    config = parse(body, "");
    assert_true(config.handoff);
    assert_string_equal(config.handoff_leader, "");
}

static void synchronous_mode_is_read_in_each_spelling(void **state) {
    (void)state;
    assert_true(parse("{\"synchronous_mode\":true}", "").synchronous);
    assert_true(parse("{\"synchronous_mode\":\"on\"}", "").synchronous);
    assert_true(parse("{\"synchronous_mode\":\"quorum\"}", "").synchronous);
    assert_false(parse("{\"synchronous_mode\":false}", "").synchronous);
    assert_false(parse("{\"synchronous_mode\":\"off\"}", "").synchronous);
    assert_false(parse("{}", "").synchronous);
}

static void the_dcs_value_keeps_what_is_not_ours(void **state) {
    (void)state;
    char value[1024];
    struct text256 why;
    static const char old[] = "{\"ttl\":20,\"pause\":true,\"postgresql\":{\"use_slots\":true},"
                              "\"slots\":{\"region_west\":{\"type\":\"physical\"},\"cdc\":"
                              "{\"type\":\"logical\"}}}";
    assert_int_equal(patroni_value_demote(old, strlen(old), &peer, "", value, sizeof value, &why),
                     ERR_OK);
    assert_string_equal(value, "{\"ttl\":20,\"postgresql\":{\"use_slots\":true},\"slots\":{\"cdc\":"
                               "{\"type\":\"logical\"}},\"standby_cluster\":{\"host\":"
                               "\"10.77.2.10\",\"port\":5000,\"create_replica_methods\":"
                               "[\"basebackup\"],\"primary_slot_name\":\"region_east\"}}");
    assert_int_equal(patroni_value_demote("", 0, &peer, "", value, sizeof value, &why), ERR_OK);
    assert_true(text_starts(value, "{\"standby_cluster\":{"));
    assert_int_equal(patroni_value_demote(old, strlen(old), &peer, "", value, 50, &why),
                     ERR_TOO_BIG);
    assert_int_equal(patroni_value_demote("[]", 2, &peer, "", value, sizeof value, &why),
                     ERR_FORMAT);
}

static void roles_are_read_from_both_major_versions(void **state) {
    static const struct {
        const char *json;
        enum patroni_role role;
        bool running;
    } rows[] = {
        {"{\"state\":\"running\",\"role\":\"master\",\"timeline\":3,\"patroni\":{\"name\":\"p1\"}}",
         PATRONI_ROLE_PRIMARY, true},
        {"{\"state\":\"running\",\"role\":\"primary\"}", PATRONI_ROLE_PRIMARY, true},
        {"{\"state\":\"running\",\"role\":\"standby_leader\"}", PATRONI_ROLE_STANDBY_LEADER, true},
        {"{\"state\":\"streaming\",\"role\":\"replica\"}", PATRONI_ROLE_REPLICA, true},
        {"{\"state\":\"starting\",\"role\":\"replica\"}", PATRONI_ROLE_REPLICA, false},
        {"{\"state\":\"stopped\",\"role\":\"uninitialized\"}", PATRONI_ROLE_UNKNOWN, false},
        {"{}", PATRONI_ROLE_UNKNOWN, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct patroni_status status;
        struct text256 why;
        assert_int_equal(patroni_status_parse(rows[i].json, strlen(rows[i].json), &status, &why),
                         ERR_OK);
        assert_int_equal(status.role, rows[i].role);
        assert_int_equal(status.running, rows[i].running);
    }
}

static void what_is_no_object_is_an_error(void **state) {
    static const char *const bad[] = {"", "[]", "null", "{\"a\":", "<html>"};
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct patroni_config config;
        struct patroni_status status;
        struct text256 why = {.at = ""};
        assert_int_equal(patroni_config_parse(bad[i], strlen(bad[i]), "", &config, &why),
                         ERR_FORMAT);
        assert_int_equal(patroni_status_parse(bad[i], strlen(bad[i]), &status, &why), ERR_FORMAT);
        assert_string_not_equal(why.at, "");
    }
}

static void a_mark_counts_for_its_own_step_alone(void **state) {
    (void)state;
    char body[200];
    struct patroni_mark mark;
    struct text256 why = {.at = ""};
    assert_true(patroni_body_mark(body, sizeof body, "4-7-3", "db1"));
    assert_string_equal(body, "{\"drover_switchover\":{\"step\":\"4-7-3\",\"leader\":\"db1\"}}");
    assert_int_equal(patroni_mark_parse(body, strlen(body), "4-7-3", &mark, &why), ERR_OK);
    assert_true(mark.there);
    assert_string_equal(mark.leader, "db1");
    assert_int_equal(patroni_mark_parse(body, strlen(body), "4-7-30", &mark, &why), ERR_OK);
    assert_false(mark.there);
    assert_string_equal(mark.leader, "");
    assert_int_equal(patroni_mark_parse("{}", 2, "4-7-3", &mark, &why), ERR_OK);
    assert_false(mark.there);
    assert_int_equal(patroni_mark_parse("[]", 2, "4-7-3", &mark, &why), ERR_FORMAT);
    assert_false(patroni_body_mark(body, 20, "4-7-3", "db1"));
}

static void the_switchover_names_whom_it_leaves(void **state) {
    (void)state;
    char body[200];
    assert_true(patroni_body_switchover(body, sizeof body, "db1", ""));
    assert_string_equal(body, "{\"leader\":\"db1\"}");
    assert_true(patroni_body_switchover(body, sizeof body, "db1", "db2"));
    assert_string_equal(body, "{\"leader\":\"db1\",\"candidate\":\"db2\"}");
    assert_true(patroni_body_switchover(body, sizeof body, "", "db2"));
    assert_string_equal(body, "{\"candidate\":\"db2\"}");
    assert_false(patroni_body_switchover(body, 10, "db1", "db2"));
}

static void a_region_names_its_slot(void **state) {
    (void)state;
    char slot[PATRONI_SLOT_SIZE];
    patroni_slot_of_region("eu-west.1", slot);
    assert_string_equal(slot, "region_eu_west_1");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_primary_cluster_has_no_standby_cluster),
        cmocka_unit_test(a_standby_cluster_follows_only_the_very_same_peer),
        cmocka_unit_test(the_demotion_clears_our_slots_and_lifts_the_pause),
        cmocka_unit_test(the_promotion_makes_the_slot_for_the_way_back),
        cmocka_unit_test(the_pause_of_a_hand_off_says_who_led),
        cmocka_unit_test(synchronous_mode_is_read_in_each_spelling),
        cmocka_unit_test(the_dcs_value_keeps_what_is_not_ours),
        cmocka_unit_test(roles_are_read_from_both_major_versions),
        cmocka_unit_test(what_is_no_object_is_an_error),
        cmocka_unit_test(a_mark_counts_for_its_own_step_alone),
        cmocka_unit_test(the_switchover_names_whom_it_leaves),
        cmocka_unit_test(a_region_names_its_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
