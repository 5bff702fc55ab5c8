/* What moved since a person looked, in the words that they and the audit get. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/operators_why.h"
#include "coordinator/seen_words.h"
#include "status_world.h"

static struct request declaration(void) {
    struct request request = {.kind = REQUEST_DECLARE, .plan_kind = PLAN_FAILOVER};
    (void)text_copy(request.region, sizeof request.region, "west");
    struct seen_plan seen =
        seen_plan_now(&member.core, &topology, plan_of_kind(&topology, PLAN_FAILOVER),
                      topology_region(&topology, "west"));
    seen_plan_write(&seen, request.seen);
    return request;
}

static const char *why(const struct request *request, uint16_t rule) {
    static char words[256];
    words[0] = '\0';
    if (!operators_why(&member, request, rule, words, sizeof words)) {
        assert_string_equal(words, "");
    }
    return words;
}

static void a_refused_declaration_names_what_moved(void **state) {
    (void)state;
    make_serving();
    struct request request = declaration();
    assert_string_equal(why(&request, 307), ""); /* nothing did */
    member.core.links[0].known = 0;
    char expected[256];
    (void)text_format(expected, sizeof expected,
                      "the lag of %s is not known, it was within its target",
                      topology.links[0].name);
    assert_string_equal(why(&request, 307), expected);
    member.core.links[0].known = 1;
    member.core.config_version++;
    member.core.epoch++;
    (void)text_format(expected, sizeof expected,
                      "topology version %u is in force, it was %u; epoch %u is the newest, it was "
                      "%u",
                      member.core.config_version, member.core.config_version - 1,
                      (unsigned)member.core.epoch, (unsigned)member.core.epoch - 1);
    assert_string_equal(why(&request, 307), expected);
    make_serving();
    (void)text_copy(request.region, sizeof request.region, "east");
    assert_string_equal(why(&request, 307), "west was looked at, east is declared");
    (void)text_copy(request.region, sizeof request.region, "west");
    request.plan_kind = PLAN_SWITCHOVER;
    assert_string_equal(why(&request, 307), "plan failover was looked at, switchover is declared");
    request.seen[9] ^= 1;
    assert_string_equal(why(&request, 307), "its digest is none that a preview of a plan printed");
}

static void regions_and_agents_are_named(void **state) {
    (void)state;
    make_serving();
    struct request request = declaration();
    struct seen_plan was, now;
    char words[400];
    uint8_t west = topology_region(&topology, "west");
    for (uint8_t a = 0; a < topology.agents_n; a++) {
        if (topology.agents[a].region == west) {
            member.core.agents[a].heard_by = 0;
        }
    }
    assert_true(seen_plan_read(request.seen, &was));
    now = seen_plan_now(&member.core, &topology, was.plan, was.region);
    assert_true(now.runnable != was.runnable);
    seen_plan_words(&topology, &was, &now, words, sizeof words);
    const char *step = NULL;
    for (uint8_t s = 0; step == NULL; s++) {
        bool fell = bits_has(was.runnable, s) && !bits_has(now.runnable, s);
        step = fell ? topology.plans[was.plan].steps[s].name : NULL;
    }
    char expected[160];
    (void)text_format(expected, sizeof expected, "nobody who can run step %s is heard any more",
                      step);
    assert_non_null(strstr(words, expected));
    seen_plan_words(&topology, &now, &was, words, sizeof words);
    (void)text_format(expected, sizeof expected, "somebody who can run step %s is heard now", step);
    assert_non_null(strstr(words, expected));
    now = was;
    now.classes[west] = CLASS_DARK;
    was.classes[west] = CLASS_WELL;
    seen_plan_words(&topology, &was, &now, words, sizeof words);
    assert_string_equal(words, "west is region-dark, it was well");
}

static void each_bit_of_an_approval_has_its_words(void **state) {
    (void)state;
    static const struct {
        uint16_t was, now;
        const char *words;
    } rows[] = {
        {SEEN_BOUND, SEEN_BOUND, ""},
        {SEEN_BOUND, SEEN_BOUND | SEEN_SILENT, "west is silent, it was heard"},
        {SEEN_BOUND | SEEN_SILENT, SEEN_BOUND, "west is heard again, it was silent"},
        {SEEN_BOUND, SEEN_BOUND | SEEN_UNGRACEFUL, "the execution is ungraceful now"},
        {SEEN_BOUND | SEEN_UNGRACEFUL, SEEN_BOUND, "the execution is graceful now"},
        {SEEN_BOUND, SEEN_BOUND | LOSS_BREACH << SEEN_LOSS_SHIFT,
         "the worst lag is above the RPO, it was within its target"},
        {SEEN_BOUND | LOSS_UNKNOWN << SEEN_LOSS_SHIFT, SEEN_BOUND | LOSS_BEHIND << SEEN_LOSS_SHIFT,
         "the worst lag is above its target, within the RPO, it was not known"},
        {SEEN_BOUND, SEEN_BOUND | SEEN_NEED, "step promote, which it needs, was left undone"},
        {SEEN_BOUND | SEEN_NEED, SEEN_BOUND, "step promote, which it needs, was done after all"},
    };
    (void)state;
    make_serving();
    struct execution execution = {.id = 1};
    execution.plan = topology_plan(&topology, "switchover");
    execution.target = topology_region(&topology, "west");
    execution.steps_n = topology.plans[execution.plan].steps_n;
    uint8_t dns = 0;
    while (!text_equal(topology.plans[execution.plan].steps[dns].name, "dns")) {
        dns++;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char words[200];
        seen_step_words(&topology, &execution, dns, rows[i].was, rows[i].now, words, sizeof words);
        assert_string_equal(words, rows[i].words);
    }
    char words[200];
    execution.plan = PLANS_MAX; /* of a topology that is gone */
    seen_step_words(&topology, &execution, dns, 1, 5, words, sizeof words);
    assert_string_equal(words, "");
}

/* The step waits for its approval again, and the screen says why. */
static void a_void_approval_is_told(void **state) {
    (void)state;
    make_serving();
    struct execution *execution = &member.core.executions[0];
    uint8_t plan = topology_plan(&topology, "switchover");
    *execution = (struct execution){.id = 1, .kind = PLAN_SWITCHOVER, .plan = plan};
    execution->source = topology_region(&topology, "east");
    execution->target = topology_region(&topology, "west");
    execution->stage = STAGE_RUN;
    execution->steps_n = topology.plans[plan].steps_n;
    member.core.executions_made = 1;
    uint8_t dns = 0;
    for (uint8_t s = 0; s < execution->steps_n; s++) {
        execution->steps[s].agent = execution->steps[s].approved_by = NONE;
        execution->steps[s].phase = STEP_DONE;
        dns = text_equal(topology.plans[plan].steps[s].name, "dns") ? s : dns;
    }
    struct step_state *step = &execution->steps[dns];
    step->phase = STEP_APPROVAL;
    step->seen = SEEN_BOUND | SEEN_SILENT | SEEN_VOID;
    json_t *json = ask_from("executions", "", 0);
    const json_t *shown = json_array_get(json_object_get(json, "executions"), 0);
    const json_t *told = named(json_object_get(shown, "steps"), "dns");
    assert_true(json_is_true(json_object_get(told, "approval_void")));
    assert_string_equal(text_of(told, "approval_moved"), "west is heard again, it was silent");
    struct request request = {.kind = REQUEST_APPROVE, .execution = 1, .step = "dns"};
    struct seen_step seen = {.execution = 1, .step = dns, .moves = SEEN_BOUND | SEEN_SILENT};
    seen_step_write(&seen, request.seen);
    assert_string_equal(why(&request, 310), "west is heard again, it was silent");
    assert_true(text_to_bytes(text_of(told, "digest"), request.seen, sizeof request.seen));
    assert_string_equal(why(&request, 310), ""); /* nothing moved any more */
    seen.step++;
    seen_step_write(&seen, request.seen);
    assert_string_equal(why(&request, 310), "its digest is of another step");
    request.seen[0] ^= 1;
    assert_string_equal(why(&request, 310),
                        "its digest is none that a step's approval is bound to");
    json_decref(json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_refused_declaration_names_what_moved),
        cmocka_unit_test(regions_and_agents_are_named),
        cmocka_unit_test(each_bit_of_an_approval_has_its_words),
        cmocka_unit_test(a_void_approval_is_told),
    };
    return cmocka_run_group_tests(tests, status_world_open, status_world_close);
}
