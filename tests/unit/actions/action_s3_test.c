/* A bucket's rules of replication are switched, and nothing else of them changes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/actions/s3_rules.h"

#define REST                                                                                       \
    "<Priority>1</Priority><DeleteMarkerReplication><Status>Enabled</Status>"                      \
    "</DeleteMarkerReplication><Destination><Bucket>arn:minio:replication::x:b</Bucket>"           \
    "</Destination></Rule>"
#define RULE(id, status) "<Rule><ID>" id "</ID><Status>" status "</Status>" REST
#define CONFIGURATION(rules)                                                                       \
    "<?xml version=\"1.0\"?>\n<ReplicationConfiguration xmlns=\"http://s3\"><Role></Role>" rules   \
    "</ReplicationConfiguration>"

static void turn(const char *xml, const char *rule, bool on, const char *wanted, unsigned rules_n,
                 unsigned changed_n) {
    char out[4096];
    struct s3_turn turned;
    assert_int_equal(s3_rules_turn(xml, rule, on, out, sizeof out, &turned), ERR_OK);
    assert_string_equal(out, wanted);
    assert_int_equal(turned.rules_n, rules_n);
    assert_int_equal(turned.changed_n, changed_n);
}

static void only_the_rules_own_status_changes(void **state) {
    (void)state;
    turn(CONFIGURATION(RULE("a", "Enabled") RULE("b", "Disabled")), NULL, false,
         CONFIGURATION(RULE("a", "Disabled") RULE("b", "Disabled")), 2, 1);
    turn(CONFIGURATION(RULE("a", "Disabled") RULE("b", "Disabled")), NULL, true,
         CONFIGURATION(RULE("a", "Enabled") RULE("b", "Enabled")), 2, 2);
}

static void only_the_rule_of_that_id_is_meant(void **state) {
    (void)state;
    turn(CONFIGURATION(RULE("a", "Enabled") RULE("b", "Enabled")), "b", false,
         CONFIGURATION(RULE("a", "Enabled") RULE("b", "Disabled")), 1, 1);
    turn(CONFIGURATION(RULE("a", "Enabled")), "c", false, CONFIGURATION(RULE("a", "Enabled")), 0,
         0);
    turn(CONFIGURATION(""), NULL, true, CONFIGURATION(""), 0, 0);
}

static void what_is_no_rules_is_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "<html></html>",
                                        "<ReplicationConfiguration>",
                                        CONFIGURATION("<Rule><ID>a</ID>"),
                                        CONFIGURATION("<Rule><ID>a</ID></Rule>"),
                                        CONFIGURATION(RULE("a", "Paused"))};
    char out[4096];
    struct s3_turn turned;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(s3_rules_turn(texts[i], NULL, true, out, sizeof out, &turned), ERR_FORMAT);
    }
}

static void without_room_nothing_is_written_behind_the_end(void **state) {
    (void)state;
    static const char xml[] = CONFIGURATION(RULE("a", "Enabled"));
    char out[sizeof xml + 8];
    struct s3_turn turned;
    for (size_t size = 1; size < sizeof xml + 1; size++) {
        memset(out, 'x', sizeof out);
        assert_int_equal(s3_rules_turn(xml, NULL, false, out, size, &turned), ERR_TOO_BIG);
        assert_int_equal(out[size], 'x');
    }
}

static void a_mark_is_words_and_a_number(void **state) {
    (void)state;
    uint64_t epoch = 0;
    assert_true(s3_epoch_parse("drover epoch 12\n", &epoch));
    assert_int_equal(epoch, 12);
    assert_false(s3_epoch_parse("drover canary 12\n", &epoch));
    assert_false(s3_epoch_parse("drover epoch \n", &epoch));
    assert_false(s3_epoch_parse("drover epoch 1x\n", &epoch));
    assert_false(s3_epoch_parse("drover epoch 99999999999999999999999999\n", &epoch));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_rules_own_status_changes),
        cmocka_unit_test(only_the_rule_of_that_id_is_meant),
        cmocka_unit_test(what_is_no_rules_is_refused),
        cmocka_unit_test(without_room_nothing_is_written_behind_the_end),
        cmocka_unit_test(a_mark_is_words_and_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
