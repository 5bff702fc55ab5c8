/* Plans in virtual time: what is told is what the core does, it is the same each time, and no fault
 * makes two regions write. With --write FILE it writes the golden timelines anew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/topology_read.h"
#include "common/plan/order.h"
#include "coordinator/cli/plans_simulate_parts.h"
#include "tests/unit/topology/sample.h"

#define GOLDEN DROVER_SOURCE_DIR "/tests/unit/cli/simulate.golden"

static struct simulation_input input;
static struct simulation_result result, again;

/* Of a plan of the sample, east to west; of a reprotect west is the standby to be. */
static struct topology *world_of(const char *plan, const char *from, const char *to) {
    struct topology *topology = sample_topology(from, to);
    uint8_t index = topology_plan(topology, plan);
    bool back = !plan_kind_moves((enum plan_kind)topology->plans[index].kind);
    uint8_t east = topology_region(topology, "east"), west = topology_region(topology, "west");
    simulation_input_of(topology, index, back ? west : east, back ? east : west, &input);
    return topology;
}

/* Faults with a blank between them. */
static void faults_add(const char *faults) {
    char text[256], *rest = text, *one;
    struct text256 why = {{0}};
    assert_true(text_copy(text, sizeof text, faults));
    while ((one = strsep(&rest, " ")) != NULL) {
        if (one[0] != '\0' && !simulation_fault_read(&input, one, &why)) {
            fail_msg("%s: %s", one, why.at);
        }
    }
}

static bool told(const char *text) {
    for (unsigned i = 0; i < result.moments_n; i++) {
        if (strstr(result.moments[i].text, text) != NULL) {
            return true;
        }
    }
    return text[0] == '\0';
}

static void timeline_write(FILE *to) {
    for (unsigned i = 0; i < result.moments_n; i++) {
        (void)fprintf(to, "%9llu  %s\n", (unsigned long long)result.moments[i].at_ms,
                      result.moments[i].text);
    }
}

/* ------------------------------------------------------------------------ golden */

static const struct {
    const char *plan, *faults;
} stories[] = {
    {"failover", ""},
    {"failover", "pg=lag:2h promote=hang"},
    {"switchover", "handoff=takes:400ms promote=fail dns=unanswered"},
    {"switchover", "handoff=fail"},
    {"reprotect", "rejoin=takes:90s"},
};

static void stories_write(FILE *to) {
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        (void)world_of(stories[i].plan, NULL, NULL);
        faults_add(stories[i].faults);
        simulation_run(&input, &result);
        (void)fprintf(to, "## %s %s\n", stories[i].plan, stories[i].faults);
        timeline_write(to);
    }
}

static void the_timelines_are_the_golden_ones(void **state) {
    (void)state;
    char *is = NULL;
    size_t is_size = 0;
    static char golden[65536];
    FILE *memory = open_memstream(&is, &is_size), *file = fopen(GOLDEN, "re");
    assert_non_null(memory);
    assert_non_null(file);
    stories_write(memory);
    (void)fclose(memory);
    size_t n = fread(golden, 1, sizeof golden - 1, file);
    (void)fclose(file);
    golden[n] = '\0';
    if (strcmp(golden, is) != 0) {
        size_t at = 0;
        while (golden[at] != '\0' && golden[at] == is[at]) {
            at++;
        }
        fail_msg("differs at byte %zu: golden \"%.80s\", is \"%.80s\" (mend it, or write it anew "
                 "with: unit_cli_simulate --write FILE)",
                 at, golden + at, is + at);
    }
    free(is);
}

/* Inside one region, in the active one: no lease moves, and it ends as the plan says. */
static void a_drill_and_a_components_failover_stay_inside_their_region(void **state) {
    static const char *const kinds[] = {"component", "drill"};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        char plan[200];
        (void)snprintf(plan, sizeof plan,
                       "at = \"source\"; }); },\n{ name = \"x\"; kind = \"%s\"; steps: ("
                       "{ name = \"look\"; action = \"verify\"; component = \"app\"; "
                       "timeout = \"20s\"; }); });\noperators",
                       kinds[i]);
        (void)world_of("x", "at = \"source\"; }); });\noperators", plan);
        simulation_run(&input, &result);
        assert_int_equal(result.end, SIMULATION_DONE);
        assert_true(result.opened_ms == SIMULATED_NEVER && result.closed_ms == SIMULATED_NEVER);
        (void)world_of("x", "at = \"source\"; }); });\noperators", plan);
        faults_add("look=fail");
        simulation_run(&input, &result);
        assert_int_equal(result.end, SIMULATION_WAITS);
    }
}

static void the_same_input_gives_the_same_bytes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        (void)world_of(stories[i].plan, NULL, NULL);
        faults_add(stories[i].faults);
        input.seed = 7;
        simulation_run(&input, &result);
        simulation_run(&input, &again);
        assert_memory_equal(&result, &again, sizeof result);
    }
}

/* ------------------------------------------------------------------------ faults */

static void each_fault_ends_as_the_core_says(void **state) {
    (void)state;
    static const struct {
        const char *plan, *faults;
        enum simulation_end end;
        bool automatic, blocked;
        const char *told;
    } cases[] = {
        {"failover", "", SIMULATION_DONE, true, false, "rule 203"},
        {"failover", "promote=fail", SIMULATION_WAITS, true, false,
         "PAUSED  paused-by-failed-step at promote: people choose: drover step retry|skip|done 1"},
        {"failover", "promote=hang", SIMULATION_WAITS, true, false, "did not answer in time"},
        {"failover", "promote=slow:31s", SIMULATION_WAITS, true, false, "attempt 1 failed"},
        {"failover", "promote=slow:29s", SIMULATION_DONE, true, false, "promote is done, in 29.0"},
        {"failover", "promote=takes:300ms", SIMULATION_DONE, true, false, "promote is done, in 3"},
        {"failover", "promote=agent-lost", SIMULATION_WAITS, true, false, "dies of promote"},
        {"failover", "west-db1=lost", SIMULATION_WAITS, false, true,
         "by the gate \"the standby region is ready\": now 0, limit 1"},
        {"failover", "pg=lag:2h", SIMULATION_DONE, false, true,
         "by the gate \"the loss is known and within the objective\": now 2h, limit 1h, pg"},
        {"failover", "pg=unknown", SIMULATION_DONE, false, true, "now not known, limit 1h, pg"},
        {"failover", "pg=lag:59m", SIMULATION_DONE, true, false, "rule 203"},
        {"failover", "mon1=lost", SIMULATION_DONE, true, false, ""},
        {"failover", "east=well", SIMULATION_DONE, false, false, "has proved its fence"},
        {"failover", "east=well east-db1=lost", SIMULATION_DONE, false, false, "declares"},
        {"switchover", "", SIMULATION_DONE, false, false, "nobody waits any longer"},
        {"switchover", "handoff=fail", SIMULATION_ABORTED, false, false, "handoff is undone at"},
        {"switchover", "handoff=agent-lost", SIMULATION_WAITS, false, false,
         "PAUSED  only its region can undo handoff: bring agent east-db1 back"},
        {"switchover", "dns=declined", SIMULATION_WAITS, false, false, "PAUSED  approval-declined"},
        {"switchover", "dns=unanswered", SIMULATION_WAITS, false, false, "nobody answers"},
        {"reprotect", "", SIMULATION_DONE, false, false, "rejoin is done"},
        {"reprotect", "rejoin=fail", SIMULATION_WAITS, false, false, "PAUSED"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        (void)world_of(cases[i].plan, NULL, NULL);
        faults_add(cases[i].faults);
        simulation_run(&input, &result);
        if (result.end != cases[i].end || result.automatic != cases[i].automatic ||
            result.blocked != cases[i].blocked || !told(cases[i].told)) {
            fail_msg("%s %s: end %u automatic %d blocked %d, or not told: %s", cases[i].plan,
                     cases[i].faults, result.end, result.automatic, result.blocked, cases[i].told);
        }
    }
}

/* What would be two writers: a first certificate before the last lease of the old epoch is over. */
static void no_seed_and_no_fault_makes_two_regions_write(void **state) {
    (void)state;
    static const char *const worlds[] = {"", "east=well", "east=well east-db1=lost", "east=lost",
                                         "promote=hang"};
    unsigned moved_n = 0;
    for (size_t w = 0; w < sizeof worlds / sizeof worlds[0]; w++) {
        for (uint64_t seed = 0; seed < 40; seed++) {
            struct topology *topology =
                world_of(seed % 2 == 0 ? "failover" : "switchover", NULL, NULL);
            topology->policy.hold_down_ms = seed % 3 == 0 ? 1000 : 60000;
            faults_add(worlds[w]);
            input.seed = seed;
            input.people_ms = seed * 700;
            simulation_run(&input, &result);
            if (result.certified_ms != SIMULATED_NEVER) {
                moved_n++;
                assert_true(result.lease_ended_ms == SIMULATED_NEVER ||
                            result.lease_ended_ms <= result.certified_ms);
                assert_true(result.closed_ms <= result.opened_ms);
                assert_true(result.opened_ms <= result.certified_ms);
            }
        }
    }
    assert_true(moved_n > 100);
}

/* What lint and render foresee of a step is what the core takes, but for grace and ticks. */
static void the_core_takes_as_long_as_the_order_foresees(void **state) {
    (void)state;
    for (uint8_t retries = 0; retries < 9; retries += 2) {
        struct topology *topology = world_of("failover", NULL, NULL);
        struct step *promote = &topology->plans[input.plan].steps[0];
        promote->retries = retries;
        faults_add("promote=hang");
        simulation_run(&input, &result);
        uint64_t took_ms = result.steps[0].ended_ms - result.steps[0].begun_ms;
        assert_int_equal(result.execution.steps[0].attempt, retries + 1);
        assert_in_range(took_ms, step_longest_ms(promote),
                        step_longest_ms(promote) + (retries + 1u) * 5000);
    }
}

/* In a run, and in what is foretold of it, whichever of the two comes first. */
static void steps_that_share_a_lock_follow_each_other(void **state) {
    (void)state;
    for (unsigned locked = 0; locked < 2; locked++) {
        struct order order;
        struct topology *topology = world_of("failover", NULL, NULL);
        struct plan *plan = &topology->plans[input.plan];
        plan->steps[1].needs_n = 0;
        plan->steps[0].locks = plan->steps[1].locks = (uint16_t)locked;
        simulation_run(&input, &result);
        assert_int_equal(result.end, SIMULATION_DONE);
        assert_true(plan_order(plan, &order));
        bool apart = result.steps[0].ended_ms <= result.steps[1].begun_ms ||
                     result.steps[1].ended_ms <= result.steps[0].begun_ms;
        assert_int_equal(apart, locked);
        for (unsigned s = 0; s < 2; s++) {
            assert_true(result.steps[order.at[s].step].ended_ms - result.opened_ms <=
                        order.at[s].end_ms + 5000);
        }
    }
}

/* ---------------------------------------------- the documents' order, in the example */

#define AT_ONCE 5

/* SEED-88: nothing of a row begins before the rows above it have ended. ClickHouse begins with the
 * stores, and only what needs it waits for it. */
static const char *const recovery_order[][AT_ONCE] = {
    {"promote-postgresql", "promote-redis", "lead-minio-models", "lead-minio-backups"},
    {"scale-keycloak"},
    {"scale-budapp", "scale-budgateway"},
    {"verify-tier1"},
    {"scale-budcluster", "scale-monitoring"},
    {"recover-clickhouse"},
    {"scale-budsim", "scale-budmetrics", "scale-budnotify"},
    {"scale-devtools", "scale-docs"},
};
static const char *const names_order[][AT_ONCE] = {
    {"promote-postgresql", "promote-redis"},
    {"verify-tier1"},
    {"dns-api", "dns-app"},
    {"verify-outside"},
};
static const char *const clients_order[][AT_ONCE] = {
    {"verify-tier1"}, {"dns-api"}, {"clients-of-api"}};

/* As the documents write it down (SEED-110). */
static const char *const seed_order[][AT_ONCE] = {
    {"dns-api", "dns-app"}, {"promote-postgresql", "promote-redis"},
    {"scale-keycloak"},     {"scale-budapp", "scale-budgateway"},
    {"verify-services"},    {"notify-stakeholders"},
};

static uint8_t step_index(const struct plan *plan, const char *name) {
    for (uint8_t s = 0; name != NULL && s < plan->steps_n; s++) {
        if (text_equal(plan->steps[s].name, name)) {
            return s;
        }
    }
    return NONE;
}

/* How many of them the plan has. */
static unsigned rows_follow_each_other(const struct plan *plan, const char *const rows[][AT_ONCE],
                                       size_t rows_n) {
    unsigned found_n = 0;
    uint64_t over_ms = result.opened_ms;
    for (size_t row = 0; row < rows_n; row++) {
        uint64_t row_ms = over_ms;
        for (size_t i = 0; i < AT_ONCE; i++) {
            uint8_t s = step_index(plan, rows[row][i]);
            if (s == NONE) {
                continue;
            }
            bool with_stores = text_equal(plan->steps[s].name, "recover-clickhouse");
            if (result.steps[s].ended_ms == SIMULATED_NEVER ||
                result.steps[s].begun_ms < (with_stores ? result.opened_ms : over_ms)) {
                fail_msg("%s begins at %llu ms, before %llu", plan->steps[s].name,
                         (unsigned long long)result.steps[s].begun_ms, (unsigned long long)over_ms);
            }
            row_ms = result.steps[s].ended_ms > row_ms ? result.steps[s].ended_ms : row_ms;
            found_n++;
        }
        over_ms = row_ms;
    }
    return found_n;
}

#define ROWS(order) (order), sizeof(order) / sizeof((order)[0])

/* Whatever each step takes, and both ways. */
static void the_example_recovers_in_the_documents_order(void **state) {
    (void)state;
    static struct topology example;
    static const struct {
        const char *plan;
        const char *const (*rows)[AT_ONCE];
        size_t rows_n;
        unsigned steps_n; /* of the rows' names in the plan */
    } orders[] = {
        {"failover", ROWS(recovery_order), 16}, {"failover", ROWS(names_order), 6},
        {"failover", ROWS(clients_order), 3},   {"switchover", ROWS(recovery_order), 9},
        {"switchover", ROWS(names_order), 5},   {"switchover", ROWS(clients_order), 3},
        {"seed-order", ROWS(seed_order), 9},
    };
    struct text256 why = {.at = ""};
    assert_int_equal(
        topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false, &example, &why),
        ERR_OK);
    for (uint64_t round = 0; round < 6 * sizeof orders / sizeof orders[0]; round++) {
        struct rng rng;
        rng_seed(&rng, round);
        size_t order = round / 6;
        uint8_t p = topology_plan(&example, orders[order].plan), to = (uint8_t)(round % 2);
        const struct plan *plan = &example.plans[p];
        simulation_input_of(&example, p, (uint8_t)(1 - to), to, &input);
        for (uint8_t s = 0; round % 6 >= 2 && s < plan->steps_n; s++) {
            input.steps[s].takes_from = TAKES_TOLD;
            input.steps[s].takes_ms = 1 + rng_below(&rng, plan->steps[s].timeout_ms);
        }
        simulation_run(&input, &result);
        assert_int_equal(result.end, SIMULATION_DONE);
        assert_int_equal(rows_follow_each_other(plan, orders[order].rows, orders[order].rows_n),
                         orders[order].steps_n);
    }
}

/* SEED-15: the load balancer in front of the names does not answer. */
static void no_name_of_the_example_moves_while_the_load_balancer_is_down(void **state) {
    (void)state;
    static struct topology example;
    static const char *const plans[] = {"failover", "switchover"};
    struct text256 why = {.at = ""};
    assert_int_equal(
        topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false, &example, &why),
        ERR_OK);
    for (uint8_t i = 0; i < 4; i++) {
        simulation_input_of(&example, topology_plan(&example, plans[i / 2]), (uint8_t)(1 - i % 2),
                            i % 2, &input);
        faults_add("verify-tier1=fail");
        simulation_run(&input, &result);
        assert_int_equal(result.end, SIMULATION_WAITS);
        assert_true(told("PAUSED  paused-by-failed-step at verify-tier1"));
        assert_false(told("dns-api begins") || told("dns-app begins"));
    }
}

static void an_automatic_failover_is_of_the_default_plan_only(void **state) {
    (void)state;
    struct topology *topology = world_of("failover", NULL, NULL);
    topology->plans[topology->plans_n] = topology->plans[input.plan];
    (void)text_copy(topology->plans[topology->plans_n].name, NAME_SIZE, "other");
    simulation_input_of(topology, topology->plans_n++, input.source, input.target, &input);
    simulation_run(&input, &result);
    assert_false(result.automatic);
    assert_true(told("by themselves the members would begin another plan"));
    assert_true(told("--plan other"));
    assert_int_equal(result.end, SIMULATION_DONE);
    /* And what holds automation in the fleet holds it here. */
    (void)world_of("failover", NULL, NULL);
    input.latched = true;
    simulation_run(&input, &result);
    assert_true(result.blocked && result.gates_stop[GATE_LATCH_]);
    (void)world_of("failover", NULL, NULL);
    input.held = true;
    simulation_run(&input, &result);
    assert_false(result.automatic);
    assert_true(told("automation is held, as it is in the fleet"));
}

static void nobody_who_may_declare_is_a_refusal(void **state) {
    (void)state;
    struct topology *topology = world_of("switchover", NULL, NULL);
    topology->operators_n = 0;
    simulation_run(&input, &result);
    assert_int_equal(result.end, SIMULATION_REFUSED);
    assert_int_equal(result.execution.id, 0);
}

/* -------------------------------------------------------------- forecast, words */

static void the_forecast_holds_the_names_ttl(void **state) {
    (void)state;
    (void)world_of("switchover", NULL, NULL);
    faults_add("handoff=takes:1s promote=takes:1s dns=takes:1s");
    simulation_run(&input, &result);
    struct tier_forecast tier = tier_forecast_of(&input, &result, 1);
    assert_string_equal(tier.last, "dns");
    assert_int_equal(tier.objective_ms, 4 * 3600 * 1000);
    assert_int_equal(tier.served_ms, result.steps[2].ended_ms + 60000);
    assert_int_equal(promise_of(&input, &result), input.topology->policy.planned_within_ms);
    assert_false(simulated_misses(&input, &result));
    input.topology->objectives[0].rto_ms = 60000;
    assert_true(simulated_misses(&input, &result));
    faults_add("promote=fail");
    simulation_run(&input, &result);
    assert_true(tier_forecast_of(&input, &result, 1).served_ms == SIMULATED_NEVER);
}

static void take(const char *answer) {
    json_error_t why;
    json_t *json = json_loads(answer, 0, &why);
    assert_non_null(json);
    simulated_take(&input, json);
    json_decref(json);
}

/* What members answer, and what of it is the beginning of the simulated world. */
static void the_world_begins_as_the_fleet_says(void **state) {
    (void)state;
    struct topology *topology = world_of("failover", NULL, NULL);
    uint8_t west = topology_agent(topology, "west-db1"),
            east = topology_agent(topology, "east-db1");
    uint8_t mon = topology_agent(topology, "mon1"), pg = topology_link(topology, "pg");
    take("{\"automation\":{\"held\":true,\"latched\":true,\"blocked_for_ms\":5000}}");
    take("{\"agents\":[{\"name\":\"east-db1\",\"heard\":true,\"guard\":{\"present\":true}},"
         "{\"name\":\"west-db1\",\"heard\":false,\"guard\":null},{\"name\":\"nobody\"}]}");
    take("{\"links\":[{\"name\":\"pg\",\"agreed_known\":true,\"agreed_lag_ms\":7200001},"
         "{\"name\":\"other\"}]}");
    take("{\"components\":[{\"checks\":[{\"name\":\"out-east\",\"vantages\":[{\"from\":\"mon1\","
         "\"status\":\"failed\"},{\"from\":\"nobody\",\"status\":\"ok\"}]}]}]}");
    take("{\"executions\":[{\"steps\":["
         "{\"name\":\"x\",\"action\":\"patroni_promote\",\"component\":\"pg\",\"state\":\"done\","
         "\"took_ms\":300},"
         "{\"name\":\"x\",\"action\":\"patroni_promote\",\"component\":\"pg\",\"state\":\"failed\","
         "\"took_ms\":1},"
         "{\"name\":\"x\",\"action\":\"patroni_promote\",\"component\":\"pg\",\"state\":\"done\","
         "\"took_ms\":2,"
         "\"observed\":true}]},{\"steps\":["
         "{\"name\":\"y\",\"action\":\"patroni_promote\",\"component\":\"pg\",\"state\":\"done\","
         "\"took_ms\":900},"
         "{\"name\":\"y\",\"action\":\"patroni_promote\",\"component\":\"pg\",\"state\":\"done\","
         "\"took_ms\":200}"
         "]}]}");
    assert_true(input.held && input.latched && input.block_ms == 5000);
    assert_int_equal(input.lost_agents, UINT64_C(1) << west);
    assert_int_equal(input.absent_guards, UINT64_C(1) << west);
    assert_int_not_equal(east, west);
    assert_true(input.links[pg].known && input.links[pg].lag_ms == 7200001);
    assert_int_equal(input.checks[2][mon], CHECK_FAILED);
    assert_int_equal(input.steps[0].takes_from, TAKES_MEASURED);
    assert_int_equal(input.steps[0].takes_ms, 300);
    assert_int_equal(input.steps[0].slowest_ms, 900);
    assert_int_equal(input.steps[1].takes_from, TAKES_DECLARED);
    /* Another answer leaves what was taken. */
    take("{}");
    assert_true(input.held && input.links[pg].known);
    assert_int_equal(input.steps[0].takes_ms, 300);
}

/* The audit's durations go before those of the executions that are still remembered. */
static void steps_take_what_the_history_says(void **state) {
    (void)state;
    struct topology *topology = world_of("failover", NULL, NULL);
    static const char *const files[] = {"nothing", "[]", "{\"plan\":\"switchover\",\"steps\":[]}"};
    char path[] = "/tmp/drover-history-XXXXXX";
    int file = mkstemp(path);
    assert_true(file >= 0);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_int_equal(ftruncate(file, 0), 0);
        assert_int_equal(pwrite(file, files[i], strlen(files[i]), 0), strlen(files[i]));
        assert_int_equal(simulated_take_file(&input, path), EXIT_USAGE);
    }
    static const char good[] =
        "{\"plan\":\"failover\",\"steps\":["
        "{\"name\":\"promote\",\"action\":\"patroni_promote\",\"component\":\"pg\","
        "\"samples_n\":5,\"p50_ms\":700,\"p95_ms\":2000},"
        "{\"name\":\"check\",\"action\":\"http_call\",\"component\":\"app\",\"samples_n\":5,"
        "\"p50_ms\":1,\"p95_ms\":1}]}";
    assert_int_equal(ftruncate(file, 0), 0);
    assert_int_equal(pwrite(file, good, strlen(good), 0), strlen(good));
    assert_int_equal(simulated_take_file(&input, path), EXIT_OK);
    (void)close(file);
    (void)unlink(path);
    uint8_t plan = topology_plan(topology, "failover");
    assert_string_equal(topology->plans[plan].steps[0].name, "promote");
    assert_int_equal(input.steps[0].takes_from, TAKES_MEASURED);
    assert_int_equal(input.steps[0].takes_ms, 700);
    assert_int_equal(input.steps[0].slowest_ms, 2000);
    assert_int_equal(input.steps[1].takes_from, TAKES_DECLARED); /* it was another action then */
    simulation_run(&input, &result);
    assert_int_equal(result.end, SIMULATION_DONE);
    assert_int_equal(result.steps[0].ended_ms - result.steps[0].begun_ms, 700 + SIMULATED_HOP_MS);
}

static void faults_are_read_or_refused(void **state) {
    (void)state;
    static const struct {
        const char *text, *why; /* "": read */
    } cases[] = {
        {"promote=fail", ""},
        {"promote=fail:3", ""},
        {"promote=slow:30s", ""},
        {"promote=takes:1m", ""},
        {"promote=hang", ""},
        {"promote=agent-lost", ""},
        {"dns=declined", ""},
        {"dns=unanswered", ""},
        {"east-db1=lost", ""},
        {"east=lost", ""},
        {"west=well", ""},
        {"pg=lag:2h", ""},
        {"pg=unknown", ""},
        {"out-east=failed", ""},
        {"promote", "WHAT=FAULT"},
        {"", "WHAT=FAULT"},
        {"promote=", "of a step"},
        {"promote=fail:x", "of a step"},
        {"promote=slow", "of a step"},
        {"promote=slow:30", "of a step"},
        {"promote=hang:1s", "of a step"},
        {"promote=slow:9999w", "of a step"},
        {"promote=declined", "nobody is asked to approve promote"},
        {"east-db1=well", "of an agent"},
        {"east=dead", "of a region"},
        {"east=lost:1s", "of a region"},
        {"pg=lag", "of a link"},
        {"pg=lag:99999w", "of a link"},
        {"out-east=ok", "of a check"},
        {"nowhere=lost", "is called \"nowhere\""},
        {"=lost", "is called \"\""},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
         "aaa"
         "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa=fail",
         "too long"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct text256 why = {{0}};
        (void)world_of("switchover", NULL, NULL);
        bool good = simulation_fault_read(&input, cases[i].text, &why);
        if (good != (cases[i].why[0] == '\0') || (!good && strstr(why.at, cases[i].why) == NULL)) {
            fail_msg("%s: %s", cases[i].text, good ? "was read" : why.at);
        }
    }
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "--write") == 0) {
        FILE *file = fopen(argv[2], "we");
        if (file == NULL) {
            return 1;
        }
        stories_write(file);
        return fclose(file) == 0 ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_timelines_are_the_golden_ones),
        cmocka_unit_test(the_same_input_gives_the_same_bytes),
        cmocka_unit_test(a_drill_and_a_components_failover_stay_inside_their_region),
        cmocka_unit_test(each_fault_ends_as_the_core_says),
        cmocka_unit_test(no_seed_and_no_fault_makes_two_regions_write),
        cmocka_unit_test(the_core_takes_as_long_as_the_order_foresees),
        cmocka_unit_test(steps_that_share_a_lock_follow_each_other),
        cmocka_unit_test(the_example_recovers_in_the_documents_order),
        cmocka_unit_test(no_name_of_the_example_moves_while_the_load_balancer_is_down),
        cmocka_unit_test(an_automatic_failover_is_of_the_default_plan_only),
        cmocka_unit_test(nobody_who_may_declare_is_a_refusal),
        cmocka_unit_test(the_forecast_holds_the_names_ttl),
        cmocka_unit_test(the_world_begins_as_the_fleet_says),
        cmocka_unit_test(steps_take_what_the_history_says),
        cmocka_unit_test(faults_are_read_or_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
