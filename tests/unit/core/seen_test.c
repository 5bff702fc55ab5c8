/* seen: declarations and approvals are for what was seen, and say what moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static struct world world;

static struct seen_plan plan_now(uint8_t plan, uint8_t region) {
    return seen_plan_now(&world.core, &world.topology, plan, region);
}

static struct event declaration(uint8_t plan, uint8_t region) {
    struct event event = world_request(&world, REQUEST_DECLARE);
    struct seen_plan seen = plan_now(plan, region);
    event.request.plan_kind = world.topology.plans[plan].kind;
    event.request.region = region;
    seen_plan_write(&seen, event.request.seen);
    return event;
}

static struct event approval(uint8_t step) {
    struct event event = world_request(&world, REQUEST_APPROVE);
    struct seen_step seen = {.execution = event.request.execution, .step = step};
    seen.moves =
        seen_moves_now(&world.core, &world.topology, execution_running_const(&world.core), step);
    event.request.step = step;
    seen_step_write(&seen, event.request.seen);
    return event;
}

static struct step_state *step_of(uint8_t step) {
    return &world_execution(&world)->steps[step];
}

static struct step *declared(uint8_t plan, uint8_t step) {
    return &world.topology.plans[plan].steps[step];
}

/* The failover behind its fence; its DNS step waits for the promotion and for an approval. */
static void failover_running(void) {
    world_serving(&world);
    declared(PLAN_AWAY, STEP_DNS)->approval = ROLE_NETWORK_ADMIN;
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
}

/* ------------------------------------------------------------------ as it is now */

static void a_lag_is_seen_by_its_side_of_target_and_rpo(void **state) {
    static const struct {
        bool known;
        uint32_t lag_ms, target_ms, rpo_ms;
        enum loss loss;
    } rows[] = {{false, 0, 0, 0, LOSS_UNKNOWN},        {true, 100, 0, 0, LOSS_WITHIN},
                {true, 5000, 0, 0, LOSS_WITHIN},       {true, 5001, 0, 0, LOSS_BREACH},
                {true, 5001, 0, 6000, LOSS_WITHIN},    {true, 6001, 0, 6000, LOSS_BREACH},
                {true, 1000, 1000, 6000, LOSS_WITHIN}, {true, 1001, 1000, 6000, LOSS_BEHIND}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        world_serving(&world);
        world.topology.links[0].target_lag_ms = rows[i].target_ms;
        world.topology.links[0].rpo_ms = rows[i].rpo_ms;
        (void)world_lag(&world, rows[i].known, rows[i].lag_ms);
        assert_int_equal(seen_loss(&world.core, &world.topology, 0), rows[i].loss);
        assert_int_equal(seen_worst_loss(&world.core, &world.topology), rows[i].loss);
        assert_int_equal(plan_now(PLAN_AWAY, D).losses[0], rows[i].loss);
    }
    /* In no tier and with no objective of its own, there is nothing to be above of. */
    world.topology.components[COMPONENT_STORE].tier = 0;
    world.topology.links[0].rpo_ms = 0;
    world.topology.links[0].target_lag_ms = 0;
    (void)world_lag(&world, true, 100000000);
    assert_int_equal(seen_loss(&world.core, &world.topology, 0), LOSS_WITHIN);
}

static void every_loss_has_its_words(void **state) {
    (void)state;
    assert_string_equal(loss_text(LOSS_WITHIN), "within its target");
    assert_string_equal(loss_text(LOSS_BEHIND), "above its target, within the RPO");
    assert_string_equal(loss_text(LOSS_BREACH), "above the RPO");
    assert_string_equal(loss_text(LOSS_UNKNOWN), "not known");
    assert_string_equal(loss_text(LOSSES_N), "?");
}

static void only_guarded_stores_make_the_worst_loss(void **state) {
    (void)state;
    world_serving(&world);
    world.topology.links_n = 2;
    world.topology.links[1].component = COMPONENT_FRONT;
    assert_int_equal(seen_loss(&world.core, &world.topology, 1), LOSS_UNKNOWN);
    assert_int_equal(seen_worst_loss(&world.core, &world.topology), LOSS_WITHIN);
    world.topology.components[COMPONENT_FRONT].guarded = true;
    assert_int_equal(seen_worst_loss(&world.core, &world.topology), LOSS_UNKNOWN);
}

static void a_preview_sees_who_could_run_each_step(void **state) {
    (void)state;
    world_serving(&world);
    declared(PLAN_AWAY, STEP_CHECK)->action = ACTION_APPROVAL;
    assert_int_equal(plan_now(PLAN_AWAY, D).runnable, 0xF);
    world_heard(&world, UINT64_C(0x13), true);              /* nobody in D */
    assert_int_equal(plan_now(PLAN_AWAY, D).runnable, 0xD); /* a person needs no agent */
    assert_int_equal(plan_now(PLAN_BACK, D).runnable, 0);   /* it acts in the standby to be */
    declared(PLAN_BACK, 0)->at_source = false;
    assert_int_equal(plan_now(PLAN_BACK, D).runnable, 1);
    world_heard(&world, UINT64_C(0x0C), true); /* nobody in P */
    assert_int_equal(plan_now(PLAN_AWAY, D).runnable, 0xA);
}

/* ---------------------------------------------------------------------- as bytes */

static void what_was_seen_reads_back_as_it_was_written(void **state) {
    (void)state;
    uint8_t bytes[SEEN_SIZE];
    struct seen_plan plan = {.epoch = UINT64_C(0xABCDEF012345),
                             .runnable = UINT64_C(0xFEDCBA987654),
                             .version = 0x89ABCDEF,
                             .plan = PLANS_MAX - 1,
                             .region = REGIONS_MAX - 1};
    struct seen_plan plan_back;
    struct seen_step step = {UINT64_C(0x0123456789ABCDEF), STEPS_MAX - 1, 0xFF1F}, step_back;
    for (unsigned r = 0; r < REGIONS_MAX; r++) {
        plan.classes[r] = (uint8_t)(CLASSES_N - 1 - r);
    }
    for (unsigned l = 0; l < LINKS_MAX; l++) {
        plan.losses[l] = (uint8_t)((l + l / 4) % LOSSES_N);
    }
    memset(&plan_back, 0, sizeof plan_back);
    seen_plan_write(&plan, bytes);
    assert_true(seen_plan_read(bytes, &plan_back));
    assert_memory_equal(&plan_back, &plan, sizeof plan);
    assert_false(seen_step_read(bytes, &step_back)); /* the other form */
    assert_false(seen_is_nothing(bytes));
    seen_step_write(&step, bytes);
    assert_true(seen_step_read(bytes, &step_back));
    assert_int_equal(step_back.execution, step.execution);
    assert_int_equal(step_back.step, step.step);
    assert_int_equal(step_back.moves, step.moves);
    assert_false(seen_plan_read(bytes, &plan_back));
    for (unsigned i = 0; i < SEEN_SIZE; i++) {
        bytes[i] ^= 1; /* mistyped */
        assert_false(seen_step_read(bytes, &step_back));
        bytes[i] ^= 1;
    }
    memset(bytes, 0, sizeof bytes);
    assert_true(seen_is_nothing(bytes));
    assert_false(seen_plan_read(bytes, &plan_back));
}

/* ------------------------------------------------------------------- declarations */

static void a_declaration_of_what_is_still_so_begins(void **state) {
    (void)state;
    world_serving(&world);
    struct event event = declaration(PLAN_AWAY, D);
    (void)world_lag(&world, true, 200); /* it moves, on its side of the line */
    assert_int_equal(world_step(&world, &event).rule, 305);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED); /* it stands: a second one may begin */
    event = declaration(PLAN_AWAY, P);
    assert_int_equal(world_step(&world, &event).rule, 306);
}

static void a_declaration_of_what_has_moved_is_refused(void **state) {
    (void)state;
    for (unsigned what = 0; what < 6; what++) {
        world_serving(&world);
        struct event event = declaration(PLAN_AWAY, D);
        switch (what) {
        case 0: (void)world_lag(&world, true, 5001); break;
        case 1: (void)world_lag(&world, false, 0); break;
        case 2: world_heard(&world, UINT64_C(0x13), true); break;
        case 3: (void)world_config(&world, 2); break;
        case 4: event.request.region = M; break;
        default: event.request.seen[7] ^= 1; break;
        }
        struct verdict verdict = world_step(&world, &event);
        assert_int_equal(verdict.rule, what == 4 ? 399 : 307);
        assert_int_equal(verdict.result, what == 4 ? RESULT_REFUSED : RESULT_STALE);
        assert_int_equal(world.core.executions_made, 0);
    }
}

static void the_digest_of_another_plan_begins_none(void **state) {
    (void)state;
    world_serving(&world);
    struct event event = declaration(PLAN_AWAY, D);
    event.request.plan_kind = PLAN_SWITCHOVER;
    assert_int_equal(world_step(&world, &event).rule, 307);
}

/* ---------------------------------------------------------------------- approvals */

static void an_approval_of_what_is_still_so_counts(void **state) {
    (void)state;
    failover_running();
    struct event event = approval(STEP_DNS);
    event.request.role = ROLE_NETWORK_ADMIN;
    assert_int_equal(world_step(&world, &event).rule, 311);
    assert_int_equal(step_of(STEP_DNS)->seen, SEEN_BOUND | SEEN_UNGRACEFUL);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_RUNNING);
    assert_int_equal(step_of(STEP_DNS)->approved_by, 5);
}

static void an_approval_of_what_has_moved_is_refused(void **state) {
    (void)state;
    failover_running();
    struct event event = approval(STEP_DNS), other = approval(STEP_CHECK);
    other.request.step = STEP_DNS; /* of another step */
    assert_int_equal(world_step(&world, &other).rule, 310);
    world_heard(&world, UINT64_C(0x13), true);
    struct verdict verdict = world_step(&world, &event);
    assert_int_equal(verdict.rule, 310);
    assert_int_equal(verdict.result, RESULT_STALE);
    assert_int_equal(step_of(STEP_DNS)->approved_by, NONE);
    event.request.identity[1] = 1;
    event.request.role = ROLE_DEVELOPER; /* who may not approve hears that, and nothing else */
    assert_int_equal(world_step(&world, &event).rule, 399);
}

/* The region that takes over fell silent before the step began. */
static void an_approval_is_void_when_what_was_seen_moved_before_its_step_began(void **state) {
    (void)state;
    failover_running();
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE).rule, 311);
    world_heard(&world, UINT64_C(0x13), true);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_APPROVAL);
    assert_int_equal(step_of(STEP_DNS)->approved_by, NONE);
    assert_int_equal(step_of(STEP_DNS)->seen, SEEN_BOUND | SEEN_UNGRACEFUL | SEEN_VOID);
    assert_null(world_wanted(&world, STEP_DNS));
    /* Given again, for what is so now. */
    assert_int_equal(world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE).rule, 311);
    assert_int_equal(step_of(STEP_DNS)->seen, SEEN_BOUND | SEEN_UNGRACEFUL | SEEN_SILENT);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_RUNNING);
}

static void what_moved_and_moved_back_voids_nothing(void **state) {
    (void)state;
    failover_running();
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE);
    world_heard(&world, UINT64_C(0x13), true);
    world_heard(&world, ALL_AGENTS, true);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_RUNNING);
}

static void a_step_it_needs_was_left_undone(void **state) {
    (void)state;
    for (unsigned skipped = 0; skipped < 2; skipped++) {
        failover_running();
        declared(PLAN_AWAY, STEP_PROMOTE)->may_fail = true;
        (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE);
        (void)world_outcome(&world, STEP_PROMOTE, SAID_FAILED);
        if (skipped != 0) {
            (void)world_ask_step(&world, REQUEST_STEP_SKIP, STEP_PROMOTE, ROLE_SRE);
        }
        assert_int_equal(step_of(STEP_DNS)->phase, STEP_APPROVAL);
        assert_int_equal(
            seen_moves_now(&world.core, &world.topology, world_execution(&world), STEP_DNS),
            SEEN_BOUND | SEEN_UNGRACEFUL | SEEN_NEED);
    }
}

/* Requirement N16: change the lag after the approval, and it has to be given again. */
static void the_lag_moves_before_an_approved_hand_off_begins(void **state) {
    (void)state;
    world_serving(&world);
    struct step *go = declared(PLAN_OVER, STEP_HANDOFF), *late = declared(PLAN_OVER, STEP_DNS);
    go->approval = ROLE_COMMANDER;
    late->approval = ROLE_COMMANDER;
    (void)world_declare(&world, PLAN_SWITCHOVER, D);
    (void)world_ask(&world, REQUEST_PAUSE);
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_HANDOFF, ROLE_COMMANDER);
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_COMMANDER);
    (void)world_lag(&world, true, 100000);
    (void)world_ask(&world, REQUEST_RESUME);
    assert_int_equal(step_of(STEP_HANDOFF)->phase, STEP_APPROVAL);
    assert_int_equal(step_of(STEP_HANDOFF)->seen, SEEN_BOUND | SEEN_VOID);
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_HANDOFF, ROLE_COMMANDER);
    assert_int_equal(step_of(STEP_HANDOFF)->phase, STEP_RUNNING);
    assert_int_equal(step_of(STEP_HANDOFF)->seen, SEEN_BOUND | LOSS_BREACH << SEEN_LOSS_SHIFT);
    /* Behind the fence of a planned move the hand-off has proved that nothing is lost. */
    (void)world_outcome_of(&world, STEP_HANDOFF, SAID_DONE, 7, false);
    (void)world_close(&world, 1);
    (void)world_open(&world, 2, D);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_RUNNING);
}

/* Of a failover it is the close that says what is lost; what is known of links ends with it. */
static void what_the_close_cost_is_what_later_approvals_see(void **state) {
    (void)state;
    world_serving(&world);
    declared(PLAN_AWAY, STEP_DNS)->approval = ROLE_NETWORK_ADMIN;
    (void)world_declare(&world, PLAN_FAILOVER, D);
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE);
    assert_int_equal(step_of(STEP_DNS)->seen, SEEN_BOUND | SEEN_UNGRACEFUL);
    (void)world_lag(&world, true, 100000);
    (void)world_close(&world, 1);
    assert_int_equal(world_execution(&world)->lost, LOSS_BREACH);
    (void)world_open(&world, 2, D);
    (void)world_lag(&world, true, 0);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_APPROVAL);
    assert_true((step_of(STEP_DNS)->seen & SEEN_VOID) != 0);
}

/* Once begun, its tries are part of what was approved; and what was approved by a version that
 * bound nothing stands as it was given. */
static void a_step_that_was_begun_keeps_its_approval(void **state) {
    (void)state;
    failover_running();
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    (void)world_outcome(&world, STEP_DNS, SAID_FAILED);
    world_heard(&world, UINT64_C(0x13), true);
    (void)world_ask_step(&world, REQUEST_STEP_RETRY, STEP_DNS, ROLE_SRE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_RUNNING);
    failover_running();
    (void)world_ask_step(&world, REQUEST_APPROVE, STEP_DNS, ROLE_SRE);
    step_of(STEP_DNS)->seen = 0;
    world_heard(&world, UINT64_C(0x13), true);
    (void)world_outcome(&world, STEP_PROMOTE, SAID_DONE);
    assert_int_equal(step_of(STEP_DNS)->phase, STEP_RUNNING);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lag_is_seen_by_its_side_of_target_and_rpo),
        cmocka_unit_test(every_loss_has_its_words),
        cmocka_unit_test(only_guarded_stores_make_the_worst_loss),
        cmocka_unit_test(a_preview_sees_who_could_run_each_step),
        cmocka_unit_test(what_was_seen_reads_back_as_it_was_written),
        cmocka_unit_test(a_declaration_of_what_is_still_so_begins),
        cmocka_unit_test(a_declaration_of_what_has_moved_is_refused),
        cmocka_unit_test(the_digest_of_another_plan_begins_none),
        cmocka_unit_test(an_approval_of_what_is_still_so_counts),
        cmocka_unit_test(an_approval_of_what_has_moved_is_refused),
        cmocka_unit_test(an_approval_is_void_when_what_was_seen_moved_before_its_step_began),
        cmocka_unit_test(what_moved_and_moved_back_voids_nothing),
        cmocka_unit_test(a_step_it_needs_was_left_undone),
        cmocka_unit_test(the_lag_moves_before_an_approved_hand_off_begins),
        cmocka_unit_test(what_the_close_cost_is_what_later_approvals_see),
        cmocka_unit_test(a_step_that_was_begun_keeps_its_approval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
