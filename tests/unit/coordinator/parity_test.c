/* What one region has of what the other has, from figures made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "tests/unit/coordinator/readiness_world.h"

/* east-cpu and west-cpu, compared by the rule "cpu": the standby has half of it or more. */
static struct parity *make_parity(int64_t east, int64_t west) {
    static const char *const names[] = {"east-cpu", "west-cpu"};
    static const char *const agents[] = {"east-db1", "west-db1"};
    make_well();
    struct parity *parity = &topology.parity[0];
    *parity = (struct parity){.checks_n = 2, .standby_percent = 50, .ready = READY_BLOCKER};
    (void)text_copy(parity->name, sizeof parity->name, "cpu");
    (void)text_copy(parity->fix, sizeof parity->fix, "add nodes");
    topology.parity_n = 1;
    for (unsigned i = 0; i < 2; i++) {
        struct check *one = &topology.checks[topology.checks_n];
        *one = (struct check){.kind = CHECK_KUBERNETES,
                              .region = topology.agents[agent(agents[i])].region,
                              .agent = agent(agents[i]),
                              .link = NONE,
                              .interval_ms = 60000,
                              .timeout_ms = 20000,
                              .ready = READY_NOTHING};
        (void)text_copy(one->name, sizeof one->name, names[i]);
        parity->checks[i] = topology.checks_n++;
    }
    fill_reports();
    seen("east-db1", "east-cpu")->value = east;
    seen("west-db1", "west-cpu")->value = west;
    return parity;
}

static void the_standby_has_its_share_of_what_the_active_region_has(void **state) {
    static const struct {
        int64_t east, west;
        unsigned standby, active;
        const char *failing, *text;
    } rows[] = {
        {64, 32, 50, 0, "", "west has 32, east has 64, 50 %; declared are 50 %"},
        {64, 31, 50, 0, "!parity cpu", "west has 31, east has 64, 48 %; declared are 50 %"},
        {65, 32, 50, 0, "!parity cpu", "west has 32, east has 65, 49 %; declared are 50 %"},
        {64, 80, 100, 0, "", "west has 80, east has 64, 125 %; declared are 100 %"},
        {0, 0, 100, 100, "", "west has 0, east has 0; declared are 100 %"},
        {5, 0, 1, 0, "!parity cpu", "west has 0, east has 5, 0 %; declared are 1 %"},
        /* the active one with less than the standby: scaling up is not over */
        {5, 10, 50, 100, "parity cpu", "east has 5, west has 10, 50 %; declared are 100 %"},
        {10, 10, 50, 100, "", "west has 10, east has 10, 100 %; declared are 50 %"},
        {10, 4, 50, 100, "!parity cpu", "west has 4, east has 10, 40 %; declared are 50 %"},
        {INT64_MAX, INT64_MAX, 100, 100, "", NULL},
        {INT64_MAX, INT64_MAX / 2, 100, 100, "!parity cpu", NULL},
        /* a figure that is none */
        {-1, 10, 50, 0, "?parity cpu", "what east has is not known: see check east-cpu"},
        {10, -1, 50, 0, "!?parity cpu", "what west has is not known: see check west-cpu"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct parity *parity = make_parity(rows[i].east, rows[i].west);
        parity->standby_percent = (uint16_t)rows[i].standby;
        parity->active_percent = (uint16_t)rows[i].active;
        assert_string_equal(failing(), rows[i].failing);
        if (rows[i].text != NULL) {
            assert_string_equal(line_of("parity cpu")->text, rows[i].text);
        }
        assert_int_equal(line_of("parity cpu")->age_ms,
                         rows[i].east < 0 || rows[i].west < 0 ? -1 : 81000);
    }
}

static void old_figures_are_not_known_and_never_enough(void **state) {
    static const uint8_t none[] = {CHECK_UNKNOWN, CHECK_STALE, CHECK_FAILED, CHECK_SUSPECT};
    (void)state;
    for (unsigned i = 0; i < sizeof none / sizeof none[0]; i++) {
        make_parity(64, 64);
        seen("west-db1", "west-cpu")->status = none[i];
        assert_string_equal(failing(), "!?parity cpu");
        make_parity(64, 64); /* what is left may be gone: a warning */
        seen("east-db1", "east-cpu")->status = none[i];
        assert_string_equal(failing(), "?parity cpu");
    }
    make_parity(64, 32);
    seen("west-db1", "west-cpu")->status = CHECK_WARN;
    assert_string_equal(failing(), "");
    make_parity(64, 32);
    input.agents[agent("east-db1")].heard = false;
    assert_string_equal(failing(), "?agent east-db1, ?parity cpu");
    assert_string_equal(line_of("parity cpu")->text,
                        "what east has is not known: no word of east-db1");
    make_parity(64, 32);
    input.agents[agent("west-db1")].heard = false; /* one line, which counts what is lost */
    assert_string_equal(failing(), "!?agent west-db1");
    assert_non_null(strstr(line_of("agent west-db1")->text, "2 declared observations"));
}

static void the_rule_turns_with_the_lease_and_says_bytes_as_such(void **state) {
    (void)state;
    make_parity(32, 64);
    core.owner = topology_region(&topology, "west");
    input.target = topology_region(&topology, "east");
    (void)failing();
    assert_string_equal(line_of("parity cpu")->text,
                        "east has 32, west has 64, 50 %; declared are 50 %");
    struct parity *parity = make_parity(400LL << 30, 100LL << 30);
    check("east-cpu")->kind = check("west-cpu")->kind = CHECK_STORAGE;
    parity->ready = READY_WARNING;
    assert_string_equal(failing(), "parity cpu");
    assert_string_equal(line_of("parity cpu")->text,
                        "west has 102400 MiB, east has 409600 MiB, 25 %; declared are 50 %");
    assert_string_equal(line_of("parity cpu")->fix, "add nodes");
    parity->ready = READY_NOTHING;
    assert_string_equal(failing(), "");
    parity->ready = READY_WARNING;
    parity->checks_n = 1; /* nothing of the west: the config check refuses it */
    assert_string_equal(failing(), "");
}

/* SEED-65: MinIO's own figure of what it holds. */
static void object_storage_is_compared_in_bytes(void **state) {
    (void)state;
    struct parity *parity = make_parity(10LL << 40, 9LL << 40);
    static const char *const names[] = {"east-cpu", "west-cpu"};
    for (unsigned i = 0; i < 2; i++) {
        struct check *one = check(names[i]);
        one->kind = CHECK_S3;
        assert_int_equal(arguments_set(&one->arguments, "what", "capacity"), ERR_OK);
    }
    parity->standby_percent = 100;
    assert_string_equal(failing(), "!parity cpu");
    assert_string_equal(line_of("parity cpu")->text,
                        "west has 9437184 MiB, east has 10485760 MiB, 90 %; declared are 100 %");
    seen("west-db1", "west-cpu")->value = 10LL << 40;
    assert_string_equal(failing(), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_standby_has_its_share_of_what_the_active_region_has),
        cmocka_unit_test(old_figures_are_not_known_and_never_enough),
        cmocka_unit_test(the_rule_turns_with_the_lease_and_says_bytes_as_such),
        cmocka_unit_test(object_storage_is_compared_in_bytes),
    };
    return cmocka_run_group_tests_name("parity", tests, NULL, NULL);
}
