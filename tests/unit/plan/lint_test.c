/* Each finding of lint by the change that causes it, and exactly the known ones for the example. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/topology_read.h"
#include "common/plan/lint.h"
#include "tests/unit/topology/sample.h"

static struct findings findings, checked;
static bool seen[400];

static void example_read(struct topology *topology) {
    struct text256 why = {.at = ""};
    if (topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false, topology, &why) !=
        ERR_OK) {
        fail_msg("%s", why.at);
    }
}

/* What the two documents themselves contradict or leave open, and nothing of our own. */
static void the_example_gives_exactly_the_known_findings(void **state) {
    (void)state;
    static struct topology topology;
    static const char *const known[] = {
        "308 components.clickhouse",
        "308 components.minio",
    };
    const unsigned known_n = sizeof known / sizeof known[0];
    unsigned own_n = 0, wrong_n = 0;
    example_read(&topology);
    topology_check(&topology, &checked);
    plan_lint(&topology, &findings);
    assert_true(findings.n >= checked.n);
    assert_memory_equal(findings.at, checked.at, checked.n * sizeof checked.at[0]);
    for (unsigned i = checked.n; i < findings.n || own_n < known_n; i++, own_n++) {
        char line[128] = "(none)";
        if (i < findings.n) {
            (void)snprintf(line, sizeof line, "%u %s", findings.at[i].code, findings.at[i].where);
        }
        if (strcmp(line, own_n < known_n ? known[own_n] : "(none)") != 0) {
            print_error("expected %s, found %s\n", own_n < known_n ? known[own_n] : "(none)", line);
            wrong_n++;
        }
    }
    assert_int_equal(wrong_n, 0);
    assert_int_equal(findings.errors_n, 0);
}

/* ---- one change, its findings ---- */

static void expect(const struct topology *topology, const char *codes, const char *says) {
    char found[256] = "";
    bool said = says == NULL;
    plan_lint(topology, &findings);
    for (unsigned i = 0; i < findings.n; i++) {
        if (findings.at[i].code >= 300) {
            char one[16];
            (void)snprintf(one, sizeof one, "%s%u", found[0] == '\0' ? "" : " ",
                           findings.at[i].code);
            (void)text_append(found, sizeof found, one);
            assert_false(findings.at[i].is_error);
            assert_true(findings.at[i].code < 400);
            seen[findings.at[i].code] = true;
            said = said || strstr(findings.at[i].text, says) != NULL;
        }
    }
    if (strcmp(found, codes) != 0 || !said) {
        for (unsigned i = 0; i < findings.n; i++) {
            print_error("%u %s: %s\n", findings.at[i].code, findings.at[i].where,
                        findings.at[i].text);
        }
        fail_msg("expected \"%s\" (%s), found \"%s\"", codes, says == NULL ? "" : says, found);
    }
}

/* The sample with what lint asks for: a wait for the position of its hand-off. */
#define AWAIT                                                                                      \
    "before_fence = true; },\n"                                                                    \
    "{ name = \"await\"; action = \"pg_await_position\"; component = \"pg\"; "                     \
    "before_fence = true; needs = [\"handoff\"]; },"

static struct topology *clean(void) {
    struct topology *topology = sample_topology("before_fence = true; },", AWAIT);
    /* The sample's failover moves no name: a record without an objective is not missed. */
    topology->components[topology_component(topology, "api.bud.ai")].tier = 0;
    return topology;
}

static struct step *step_of(struct topology *topology, const char *plan, const char *name) {
    struct plan *at = &topology->plans[topology_plan(topology, plan)];
    for (uint8_t i = 0; i < at->steps_n; i++) {
        if (text_equal(at->steps[i].name, name)) {
            return &at->steps[i];
        }
    }
    fail_msg("no step %s", name);
    return NULL;
}

static void the_clean_sample_is_clean(void **state) {
    (void)state;
    expect(clean(), "", NULL);
    expect(sample_topology(NULL, NULL), "307 309", "proves that its position arrived");
}

static void objectives_are_held_against_the_longest_chain(void **state) {
    (void)state;
    struct topology *topology = clean();
    struct step *check = step_of(topology, "failover", "check");
    struct step *promote = step_of(topology, "failover", "promote");
    uint64_t before_ms = topology->policy.hold_down_ms + topology->lease.wait_ms;
    assert_true(topology->policy.automatic && check->tier >= 1);
    struct objective *objective = &topology->objectives[check->tier - 1];
    uint64_t chain_ms = promote->timeout_ms + check->timeout_ms;
    objective->rto_ms = before_ms + chain_ms;
    expect(topology, "", NULL);
    objective->rto_ms -= 1;
    expect(topology, "301", "can last");
    objective->rto_ms = before_ms + chain_ms;
    promote->retries = 1;
    expect(topology, "301", NULL);
    topology = clean();
    topology->policy.planned_within_ms = topology->lease.wait_ms;
    expect(topology, "302", "hand-offs");
    topology = clean();
    struct link *link = &topology->links[topology_link(topology, "pg")];
    uint64_t rpo_ms = link->rpo_ms != 0 ? link->rpo_ms : topology->objectives[0].rpo_ms;
    assert_true(rpo_ms > 0);
    link->alert_lag_ms = (uint32_t)rpo_ms;
    expect(topology, "303", "be refused");
    link->alert_lag_ms -= 1;
    expect(topology, "", NULL);
}

static void a_person_s_patience_is_held_against_the_rto(void **state) {
    (void)state;
    struct topology *topology = clean();
    struct step *check = step_of(topology, "failover", "check");
    check->action = ACTION_APPROVAL;
    check->approval = ROLE_COMMANDER;
    check->tier = 1;
    topology->objectives[0].rto_ms = 4 * 3600 * 1000;
    check->timeout_ms = 4 * 3600 * 1000 + 1;
    expect(topology, "301 312", "may be waited for");
}

static void what_is_of_the_region_left_is_found_in_arguments(void **state) {
    (void)state;
    static const struct {
        const char *name, *value;
        bool found;
    } cases[] = {
        {"url", "http://10.99.0.1:8080/x", true},       /* east's only */
        {"url", "http://10.99.0.9:8080/x", false},      /* of both regions */
        {"url", "http://10.99.0.2/10.99.0.1/x", false}, /* a path is no host */
        {"arg1", "--server=10.99.0.1", true},
        {"arg1", "registry.east.example", true}, /* the region's label */
        {"arg1", "registry.eastern.example", false},
        {"arg1", "/var/lib/east.d/10.99.0.1", false},
        {"arg1", "10.99.0.11", false},
        {"peer_front_host", "10.99.0.1", false},
        {"old_value", "10.99.0.1", false},
        {"arg1", "public.drover_epoch", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct topology *topology = clean();
        uint8_t pg = topology_component(topology, "pg");
        for (uint8_t e = 0; e < topology->endpoints_n; e++) {
            struct endpoint *endpoint = &topology->endpoints[e];
            if (endpoint->component == pg) {
                bool east = endpoint->region == topology_region(topology, "east");
                assert_int_equal(
                    arguments_set(&endpoint->arguments, "zz",
                                  east ? "a,10.99.0.1:5432,10.99.0.9:1" : "10.99.0.9:1"),
                    ERR_OK);
            }
        }
        struct step *check = step_of(topology, "failover", "check");
        assert_int_equal(arguments_set(&check->arguments, cases[i].name, cases[i].value), ERR_OK);
        /* The endpoint's own argument goes to the steps on pg in its own region only. */
        expect(topology, cases[i].found ? "304" : "", cases[i].found ? "lost with it" : NULL);
    }
}

static void what_is_of_the_region_left_is_found_in_needs(void **state) {
    (void)state;
    struct topology *topology = clean();
    struct step *check = step_of(topology, "failover", "check");
    struct component *component = &topology->components[topology->components_n];
    (void)text_copy(component->name, sizeof component->name, "registry");
    component->kind = COMPONENT_REGISTRY;
    component->tier = 1;
    topology->components[check->component].needs |= UINT64_C(1) << topology->components_n;
    struct endpoint *endpoint = &topology->endpoints[topology->endpoints_n];
    endpoint->component = topology->components_n++;
    endpoint->region = topology_region(topology, "east");
    topology->endpoints_n++;
    expect(topology, "305", "registry, which is in east only");
    endpoint->region = topology_region(topology, "west");
    expect(topology, "305", "registry, which is in west only");
    component->excluded = true;
    expect(topology, "", NULL);
    component->excluded = false;
    topology->endpoints[topology->endpoints_n++] =
        (struct endpoint){.component = (uint8_t)(topology->components_n - 1),
                          .region = topology_region(topology, "east")};
    expect(topology, "309", "it has an objective"); /* in both: now it is a step that is missing */
}

static void positions_need_a_hand_off_and_a_wait(void **state) {
    (void)state;
    struct topology *topology = clean();
    step_of(topology, "switchover", "await")->needs_n = 0;
    expect(topology, "306 307", "it does not wait for handoff");
    topology = clean();
    /* Behind the fence it proves as much, when the promotion waits for it. */
    struct plan *plan = &topology->plans[topology_plan(topology, "switchover")];
    struct step *await = step_of(topology, "switchover", "await");
    struct step *promote = step_of(topology, "switchover", "promote");
    await->before_fence = false;
    await->needs_n = 0;
    expect(topology, "307", NULL);
    promote->needs[promote->needs_n++] = (uint8_t)(await - plan->steps);
    expect(topology, "", NULL);
    topology = clean();
    struct step *rejoin = step_of(topology, "reprotect", "rejoin");
    rejoin->action = ACTION_PG_AWAIT_POSITION;
    expect(topology, "306", "fails always");
    assert_int_equal(arguments_set(&rejoin->arguments, "position", "0/1"), ERR_OK);
    expect(topology, "", NULL);
}

static void stores_without_a_way_over_are_told(void **state) {
    (void)state;
    struct topology *topology = clean();
    topology->components[topology_component(topology, "pg")].guarded = false;
    expect(topology, "308", "both regions may write");
    topology = clean();
    struct step *check = step_of(topology, "failover", "check");
    check->component = topology_component(topology, "pg");
    expect(topology, "309", "no step brings app");
}

static void blind_steps_are_told_once_a_plan(void **state) {
    (void)state;
    struct topology *topology = clean();
    struct step *check = step_of(topology, "failover", "check");
    check->action = ACTION_EXEC;
    expect(topology, "311", "1 step(s)");
    assert_int_equal(arguments_set(&check->arguments, "observe", "yes"), ERR_OK);
    expect(topology, "", NULL);
    check->action = ACTION_HTTP_CALL;
    expect(topology, "311", NULL);
    assert_int_equal(arguments_set(&check->arguments, "observe_url", "http://a/b"), ERR_OK);
    expect(topology, "", NULL);
}

static void placeholders_are_words_and_brackets(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool found;
    } cases[] = {
        {"[Name]", true},
        {"ask [DR Commander] first", true},
        {"<your-host>", true},
        {"TBD", true},
        {"tbd: later", true},
        {"changeme", true},
        {"To"
         "do",
         true},
        {"a todolist", false},
        {"[\"basebackup\"]", false},
        {"{\"a\":[1,2]}", false},
        {"a < b > c", false},
        {"[fd00::1]:53", false},
        {"redo", false},
        {"[]", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct topology *topology = clean();
        struct step *check = step_of(topology, "failover", "check");
        (void)text_copy(check->intent, sizeof check->intent, cases[i].text);
        expect(topology, cases[i].found ? "310" : "", cases[i].found ? "is a placeholder" : NULL);
    }
    struct topology *topology = clean();
    (void)text_copy(topology->document.version, NAME_SIZE, "[Version]");
    (void)text_copy(topology->links[0].fix, SENTENCE_SIZE, "tba");
    (void)text_copy(topology->endpoints[0].address, ADDRESS_SIZE, "<host>");
    expect(topology, "310 310 310", NULL);
}

static void a_lock_that_only_one_step_names_is_a_typo(void **state) {
    (void)state;
    struct topology *topology = clean();
    struct plan *plan = &topology->plans[topology_plan(topology, "failover")];
    plan->locks_n = 1;
    (void)text_copy(plan->locks[0], NAME_SIZE, "haproxy");
    step_of(topology, "failover", "promote")->locks = 1;
    expect(topology, "313", "no other step names the lock haproxy");
    step_of(topology, "failover", "check")->locks = 1;
    expect(topology, "", NULL);
    plan->locks_n = 2;
    (void)text_copy(plan->locks[1], NAME_SIZE, "haprxy");
    step_of(topology, "failover", "check")->locks = 2;
    expect(topology, "313 313", "did you mean \"haprxy\"?");
}

static void a_lock_that_a_drill_and_the_move_over_it_name_is_none(void **state) {
    (void)state;
    struct topology *topology = clean();
    struct plan *plan = &topology->plans[topology_plan(topology, "failover")];
    struct plan *other = &topology->plans[topology_plan(topology, "reprotect")];
    plan->locks_n = other->locks_n = 1;
    (void)text_copy(plan->locks[0], NAME_SIZE, "redis");
    (void)text_copy(other->locks[0], NAME_SIZE, "redis");
    step_of(topology, "failover", "promote")->locks = 1;
    expect(topology, "313", "no other step names the lock redis"); /* never at work together */
    other->kind = PLAN_DRILL;
    expect(topology, "", NULL);
    (void)text_copy(other->locks[0], NAME_SIZE, "rediss");
    expect(topology, "313", NULL);
}

/* Waiting for a lock is part of the longest way. */
static void a_lock_uses_up_the_recovery_time(void **state) {
    (void)state;
    struct topology *topology = clean();
    struct step *check = step_of(topology, "failover", "check");
    struct step *promote = step_of(topology, "failover", "promote");
    uint64_t before_ms = topology->policy.hold_down_ms + topology->lease.wait_ms;
    check->needs_n = 0;
    topology->objectives[check->tier - 1].rto_ms =
        before_ms + promote->timeout_ms + check->timeout_ms - 1;
    expect(topology, "", NULL);
    topology->plans[topology_plan(topology, "failover")].locks_n = 1;
    check->locks = promote->locks = 1;
    expect(topology, "301", "can last");
}

/* What its steps took so far tells more than their timeouts: late all the same, it is late. */
static void objectives_are_held_against_what_steps_took(void **state) {
    (void)state;
    struct topology *topology = clean();
    uint8_t plan = topology_plan(topology, "failover");
    uint64_t p95_ms[STEPS_MAX] = {2000, 3000};
    struct step *check = step_of(topology, "failover", "check");
    struct objective *objective = &topology->objectives[check->tier - 1];
    uint64_t before_ms = topology->policy.hold_down_ms + topology->lease.wait_ms;
    objective->rto_ms = before_ms + 5000;
    expect(topology, "301", NULL);
    uint16_t longest_n = findings.n;
    plan_lint_past(topology, plan, p95_ms, &findings);
    assert_int_equal(findings.n, longest_n);
    objective->rto_ms -= 1;
    plan_lint_past(topology, plan, p95_ms, &findings);
    assert_int_equal(findings.n, longest_n + 1);
    assert_int_equal(findings.at[longest_n].code, LINT_RTO_PAST);
    assert_non_null(strstr(findings.at[longest_n].text, "at the p95"));
    assert_string_equal(findings.at[longest_n].where, "plans.failover.steps.check");
    seen[LINT_RTO_PAST] = true;
    /* Done too seldom, it counts with its longest; and never with more than that. */
    objective->rto_ms = before_ms + 2000 + check->timeout_ms;
    p95_ms[1] = 0;
    plan_lint_past(topology, plan, p95_ms, &findings);
    p95_ms[1] = 10ull * check->timeout_ms;
    plan_lint_past(topology, plan, p95_ms, &findings);
    plan_lint_past(topology, topology_plan(topology, "switchover"), p95_ms, &findings);
    assert_int_equal(findings.n, longest_n + 1);
    objective->rto_ms -= 1;
    plan_lint_past(topology, plan, p95_ms, &findings);
    assert_int_equal(findings.n, longest_n + 2);
}

static void a_broken_index_stops_lint(void **state) {
    (void)state;
    struct topology *topology = clean();
    step_of(topology, "failover", "check")->component = 77;
    plan_lint(topology, &findings);
    topology_check(topology, &checked);
    assert_int_equal(findings.n, checked.n);
    assert_true(findings.errors_n > 0);
}

/* Runs behind the others: every code was given, and docs/plans.md has each under its title. */
static void every_code_was_given_and_is_documented(void **state) {
    (void)state;
    static char page[128 * 1024];
    size_t n = 0;
    const struct finding_title *titles = lint_titles(&n);
    FILE *file = fopen(DROVER_SOURCE_DIR "/docs/plans.md", "re");
    assert_non_null(file);
    size_t size = fread(page, 1, sizeof page - 1, file);
    page[size] = '\0';
    (void)fclose(file);
    for (size_t i = 0; i < n; i++) {
        char heading[160];
        (void)snprintf(heading, sizeof heading, "\n### W%u: %s\n", titles[i].code, titles[i].title);
        if (!seen[titles[i].code] || strstr(page, heading) == NULL) {
            fail_msg("%s%s",
                     seen[titles[i].code] ? "docs/plans.md has no" : "never given:", heading);
        }
    }
    unsigned headings_n = 0;
    for (const char *at = page; (at = strstr(at, "\n### ")) != NULL; at++) {
        headings_n++;
    }
    assert_int_equal(headings_n, n);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_gives_exactly_the_known_findings),
        cmocka_unit_test(the_clean_sample_is_clean),
        cmocka_unit_test(objectives_are_held_against_the_longest_chain),
        cmocka_unit_test(a_person_s_patience_is_held_against_the_rto),
        cmocka_unit_test(what_is_of_the_region_left_is_found_in_arguments),
        cmocka_unit_test(what_is_of_the_region_left_is_found_in_needs),
        cmocka_unit_test(positions_need_a_hand_off_and_a_wait),
        cmocka_unit_test(stores_without_a_way_over_are_told),
        cmocka_unit_test(blind_steps_are_told_once_a_plan),
        cmocka_unit_test(placeholders_are_words_and_brackets),
        cmocka_unit_test(a_lock_that_only_one_step_names_is_a_typo),
        cmocka_unit_test(a_lock_that_a_drill_and_the_move_over_it_name_is_none),
        cmocka_unit_test(a_lock_uses_up_the_recovery_time),
        cmocka_unit_test(objectives_are_held_against_what_steps_took),
        cmocka_unit_test(a_broken_index_stops_lint),
        cmocka_unit_test(every_code_was_given_and_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
