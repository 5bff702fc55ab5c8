/* Whose fault it is: tables of what checks say in a region, and how each component then stands. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "common/base/bits.h"
#include "coordinator/decide/needs.h"

enum { EAST, WEST, MON };
enum { STORE, LOGIN, APP, PAGE, DOCS, TUNNEL, PARTS_N };
enum { EAST_AGENT, WEST_AGENT, MON_AGENT, AGENTS };

static struct core core;
static struct topology topology;
static struct readiness_input input;
static struct report reports[AGENTS];
static struct standings standings;

static void add_component(uint8_t index, const char *name, enum component_kind kind,
                          uint64_t needs) {
    struct component *component = &topology.components[index];
    (void)text_copy(component->name, sizeof component->name, name);
    component->kind = (uint8_t)kind;
    component->needs = needs;
    for (uint8_t region = EAST; region <= WEST; region++) {
        topology.endpoints[topology.endpoints_n++] =
            (struct endpoint){.component = index, .region = region};
    }
}

static struct check *add_check(uint8_t component, uint8_t region, enum check_kind kind) {
    struct check *check = &topology.checks[topology.checks_n++];
    *check = (struct check){.kind = (uint8_t)kind,
                            .component = component,
                            .region = region,
                            .agent = region,
                            .link = NONE};
    return check;
}

/* Login needs the store, app needs login, page needs app and docs; the tunnel is nobody's need.
 * Checks 0..5 look at them in the east, 6..11 in the west. */
static void make(void) {
    memset(&topology, 0, sizeof topology);
    core_init(&core);
    core.config_version = 3;
    core.open = 1;
    core.owner = EAST;
    topology.regions_n = 3;
    topology.regions[MON].kind = REGION_MONITORING;
    topology.agents_n = AGENTS;
    for (uint8_t a = 0; a < AGENTS; a++) {
        topology.agents[a].region = a;
    }
    add_component(STORE, "store", COMPONENT_POSTGRESQL, 0);
    topology.components[STORE].guarded = true;
    add_component(LOGIN, "login", COMPONENT_HTTP, bit(STORE));
    add_component(APP, "app", COMPONENT_HTTP, bit(LOGIN));
    add_component(PAGE, "page", COMPONENT_HTTP, bit(APP) | bit(DOCS));
    add_component(DOCS, "docs", COMPONENT_HTTP, 0);
    add_component(TUNNEL, "tunnel", COMPONENT_HTTP, 0);
    topology.components_n = PARTS_N;
    for (uint8_t region = EAST; region <= WEST; region++) {
        for (uint8_t c = 0; c < PARTS_N; c++) {
            (void)add_check(c, region, c == STORE ? CHECK_POSTGRESQL : CHECK_HTTP);
        }
    }
    memset(reports, 0, sizeof reports);
    memset(&input, 0, sizeof input);
    input.core = &core;
    input.topology = &topology;
    input.target = NONE;
    for (uint8_t a = 0; a < AGENTS; a++) {
        reports[a].config_version = 3;
        input.agents[a] = (struct readiness_agent){.heard = true, .report = &reports[a]};
    }
}

static void see(uint8_t check, uint8_t agent, uint8_t status) {
    struct report *report = &reports[agent];
    for (unsigned i = 0; i < report->checks_n; i++) {
        if (report->checks[i].check == check) {
            report->checks[i].status = status;
            return;
        }
    }
    report->checks[report->checks_n++] = (struct check_report){.check = check, .status = status};
}

/* '+' well, '-' failed, '~' suspect, '?' not run yet, '.' not reported; one for each component. */
static void see_all(uint8_t region, const char *marks) {
    for (uint8_t c = 0; c < PARTS_N; c++) {
        char mark = marks[c];
        if (mark != '.') {
            see((uint8_t)(region * PARTS_N + c), region,
                mark == '+'   ? CHECK_OK
                : mark == '-' ? CHECK_FAILED
                : mark == '~' ? CHECK_SUSPECT
                              : CHECK_UNKNOWN);
        }
    }
}

/* "app depending on login" for each component that is not well, in the topology's order. */
static const char *told(uint8_t region) {
    static char text[512];
    text[0] = '\0';
    needs_read(&input, &standings);
    for (uint8_t c = 0; c < topology.components_n; c++) {
        const struct component_standing *at = &standings.at[region][c];
        if (topology_endpoint(&topology, c, region) == NONE) {
            continue;
        }
        if (at->state == STANDING_WELL) {
            assert_int_equal(at->roots, 0);
            continue;
        }
        (void)text_append(text, sizeof text, text[0] == '\0' ? "" : ", ");
        (void)text_append(text, sizeof text, topology.components[c].name);
        (void)text_append(text, sizeof text, " ");
        (void)text_append(text, sizeof text, standing_text((enum standing)at->state));
        for (uint8_t root = 0; root < topology.components_n; root++) {
            assert_int_equal(bits_has(at->roots, root),
                             bits_has(standings.at[region][root].hurts, c));
            if (bits_has(at->roots, root)) {
                (void)text_append(text, sizeof text, " <");
                (void)text_append(text, sizeof text, topology.components[root].name);
            }
        }
    }
    return text;
}

static void the_root_is_told_and_what_hangs_on_it_depends(void **state) {
    static const struct {
        const char *seen, *told;
    } rows[] = {
        /* store, login, app, page, docs, tunnel */
        {"++++++", ""},
        {"-+++++", "store down, login at-risk <store, app at-risk <store, page at-risk <store"},
        {"--++++", "store down, login depending <store, app at-risk <store, page at-risk <store"},
        {"----++",
         "store down, login depending <store, app depending <store, page depending <store"},
        /* the other way round: its own fault, while its needs are fine */
        {"+++-++", "page down"},
        {"++-+++", "app down, page at-risk <app"},
        {"++--++", "app down, page depending <app"},
        {"+-+-++", "login down, app at-risk <login, page depending <login"},
        /* two causes; only what needs both hangs on both */
        {"-+++-+", "store down, login at-risk <store, app at-risk <store, "
                   "page at-risk <store <docs, docs down"},
        /* what nobody needs hurts nobody */
        {"+++++-", "tunnel down"},
        /* one bad reading is no failure; what is not known is no cause, and is not well */
        {"~+++++", ""},
        {"?-++++", "store unknown, login down, app at-risk <login, page at-risk <login"},
        {"-?++++", "store down, login at-risk <store, app at-risk <store, page at-risk <store"},
        {".+++++", "store unknown"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        make();
        see_all(EAST, rows[i].seen);
        see_all(WEST, "++++++");
        const char *found = told(EAST);
        if (!text_equal(found, rows[i].told)) {
            fail_msg("%s: \"%s\", expected \"%s\"", rows[i].seen, found, rows[i].told);
        }
        assert_string_equal(told(WEST), "");
    }
}

static void a_standby_is_not_blamed_for_taking_no_writes(void **state) {
    (void)state;
    make();
    see_all(EAST, "++++++");
    see_all(WEST, "+---++");
    assert_string_equal(told(WEST), "login standby, app standby, page standby");
    see_all(WEST, "+----+");
    assert_string_equal(told(WEST), "login standby, app standby, page depending <docs, docs down");
    see_all(WEST, "----++");
    assert_string_equal(told(WEST),
                        "store down, login depending <store, app depending <store, page depending "
                        "<store");
    see_all(WEST, "+---++");
    core.owner = WEST;
    assert_string_equal(told(WEST), "login down, app depending <login, page depending <login");
    core.open = 0; /* between two epochs nobody writes */
    assert_string_equal(told(WEST), "login standby, app standby, page standby");
}

static void the_endpoint_in_the_same_region_counts_or_else_every_other(void **state) {
    (void)state;
    make();
    see_all(EAST, "++++++");
    see_all(WEST, "+++++-");
    topology.components[APP].needs |= bit(TUNNEL);
    assert_string_equal(told(EAST), "");
    for (uint8_t e = 0; e < topology.endpoints_n; e++) {
        if (topology.endpoints[e].component == TUNNEL && topology.endpoints[e].region == EAST) {
            topology.endpoints[e].region = MON; /* none in the east any more */
        }
    }
    assert_string_equal(told(EAST), ""); /* nothing is known of the one in mon */
    add_check(TUNNEL, MON, CHECK_HTTP);
    see((uint8_t)(topology.checks_n - 1), MON_AGENT, CHECK_FAILED);
    assert_string_equal(told(EAST), "app at-risk <tunnel, page at-risk <tunnel");
    see((uint8_t)(topology.checks_n - 1), MON_AGENT, CHECK_OK);
    assert_string_equal(told(EAST), "");
}

static void the_loudest_checks_speak_for_a_component(void **state) {
    (void)state;
    make();
    topology.checks_n = 0;
    struct check *first = add_check(STORE, EAST, CHECK_POSTGRESQL);
    (void)add_check(STORE, EAST, CHECK_POSTGRESQL);
    struct check *other = add_check(STORE, EAST, CHECK_PATRONI);
    see(0, EAST_AGENT, CHECK_OK);
    see(1, EAST_AGENT, CHECK_FAILED);
    see(2, EAST_AGENT, CHECK_FAILED);
    (void)told(EAST);
    const struct component_standing *at = &standings.at[EAST][STORE];
    assert_int_equal(at->state, STANDING_FAILING); /* of its own kind one of two */
    assert_int_equal(at->failed_n, 1);
    assert_int_equal(at->checks_n, 2);
    assert_int_equal(at->check, 1);
    see(0, EAST_AGENT, CHECK_STALE); /* not known: all that are known fail */
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_DOWN);
    see(0, EAST_AGENT, CHECK_OK);
    first->vital = true;
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_WELL);
    other->vital = true; /* one vital check is enough */
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_DOWN);
    assert_int_equal(at->check, 2);
    first->vital = other->vital = false;
    for (uint8_t c = 0; c < 2; c++) { /* questions of readiness, measures of links, backups */
        topology.checks[c].ready = READY_WARNING;
    }
    other->link = 0;
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_UNKNOWN);
    other->link = NONE;
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_DOWN); /* only another kind is left */
    other->kind = CHECK_BACKUP;
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_UNKNOWN);
}

static void from_outside_the_majority_of_the_heard_counts(void **state) {
    (void)state;
    make();
    topology.checks_n = 0;
    add_check(DOCS, EAST, CHECK_HTTP)->outside = true;
    see(0, WEST_AGENT, CHECK_FAILED);
    see(0, MON_AGENT, CHECK_OK);
    (void)told(EAST);
    const struct component_standing *at = &standings.at[EAST][DOCS];
    assert_int_equal(at->state, STANDING_WELL);
    see(0, MON_AGENT, CHECK_FAILED);
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_DOWN);
    assert_int_equal(at->agent, MON_AGENT);
    input.agents[WEST_AGENT].heard = false;
    reports[MON_AGENT].config_version = 2; /* of another topology */
    (void)told(EAST);
    assert_int_equal(at->state, STANDING_UNKNOWN);
}

static void a_circle_of_needs_ends(void **state) {
    (void)state;
    make();
    topology.components[STORE].needs = bit(PAGE); /* refused by the check; never a hang */
    see_all(EAST, "----++");
    assert_string_equal(told(EAST), "store down, login down, app down, page down");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_root_is_told_and_what_hangs_on_it_depends),
        cmocka_unit_test(a_standby_is_not_blamed_for_taking_no_writes),
        cmocka_unit_test(the_endpoint_in_the_same_region_counts_or_else_every_other),
        cmocka_unit_test(the_loudest_checks_speak_for_a_component),
        cmocka_unit_test(from_outside_the_majority_of_the_heard_counts),
        cmocka_unit_test(a_circle_of_needs_ends),
    };
    return cmocka_run_group_tests_name("needs", tests, NULL, NULL);
}
