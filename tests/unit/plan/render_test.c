/* Runbooks of the example: every plan, both ways, every format. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/topology_read.h"
#include "common/plan/facts.h"
#include "common/plan/render.h"

#define TEXT_SIZE (4u * 1024 * 1024)

static struct topology topology;
static char *text;

static int example_read(void **state) {
    (void)state;
    struct text256 why = {.at = ""};
    text = malloc(TEXT_SIZE);
    return text != NULL && topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false,
                                              &topology, &why) == ERR_OK
               ? 0
               : -1;
}

static int example_free(void **state) {
    (void)state;
    free(text);
    return 0;
}

static enum err render_to(const char *plan, uint8_t source, enum render_format format,
                          size_t size) {
    struct render render = {.topology = &topology,
                            .plan = &topology.plans[topology_plan(&topology, plan)],
                            .source = source,
                            .target = (uint8_t)(1 - source),
                            .secrets = MANUAL_SECRETS,
                            .programs = MANUAL_PROGRAMS};
    struct page page = page_open(text, size);
    return render_plan(&render, format, &page);
}

static unsigned count_of(const char *what) {
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what)) {
        n++;
    }
    return n;
}

static void every_plan_renders_both_ways_in_every_format(void **state) {
    (void)state;
    for (uint8_t p = 0; p < topology.plans_n; p++) {
        for (unsigned f = 0; f < 2 * RENDER_FORMATS_N; f++) {
            assert_int_equal(
                render_to(topology.plans[p].name, f % 2, (enum render_format)(f / 2), TEXT_SIZE),
                ERR_OK);
            for (uint8_t s = 0; s < topology.plans[p].steps_n; s++) {
                const char *name = topology.plans[p].steps[s].name;
                if (strstr(text, name) == NULL) {
                    fail_msg("%s as %s: no step %s", topology.plans[p].name,
                             render_format_text((enum render_format)(f / 2)), name);
                }
            }
        }
    }
}

/* The values are those of the region in which the step acts. */
static void each_way_has_its_own_values(void **state) {
    (void)state;
    assert_int_equal(render_to("failover", 0, RENDER_COMMANDS, TEXT_SIZE), ERR_OK);
    assert_non_null(strstr(text, "for url in http://10.72.0.11:8008"));
    assert_null(strstr(text, "http://10.71.0.11:8008"));
    assert_non_null(strstr(text, "https://10.72.0.50:6443/apis/apps/v1/namespaces/bud/deployments/"
                                 "budapp/scale"));
    assert_non_null(strstr(text, "workload=deployment/budapp '$1 == workload { print $2 }' "
                                 "/var/lib/drover/agent/levels-production)"));
    assert_null(strstr(text, "10.71.0.50"));
    assert_int_equal(render_to("failover", 1, RENDER_COMMANDS, TEXT_SIZE), ERR_OK);
    assert_non_null(strstr(text, "for url in http://10.71.0.11:8008"));
    assert_null(strstr(text, "http://10.72.0.11:8008"));
}

static void a_step_comes_behind_what_it_needs(void **state) {
    (void)state;
    static const char *const in_order[] = {"\n  1. promote-postgresql", "scale-keycloak (tier 1)",
                                           "scale-budapp (tier 1)",     "verify-tier1 (tier 1)",
                                           "dns-api (no tier)",         "verify-outside (tier 1)",
                                           "scale-docs (tier 4)"};
    assert_int_equal(render_to("failover", 0, RENDER_TEXT, TEXT_SIZE), ERR_OK);
    const char *at = text;
    for (size_t i = 0; i < sizeof in_order / sizeof in_order[0]; i++) {
        at = strstr(at, in_order[i]);
        if (at == NULL) {
            fail_msg("%s is not in its place", in_order[i]);
        }
    }
}

static void the_point_of_no_return_stands_between(void **state) {
    (void)state;
    for (unsigned f = 0; f < RENDER_FORMATS_N; f++) {
        const char *fence = f == RENDER_SVG ? "point of no return" : FACTS_NO_RETURN;
        assert_int_equal(render_to("switchover", 0, (enum render_format)f, TEXT_SIZE), ERR_OK);
        assert_int_equal(count_of(fence), 1);
        if (f != RENDER_SVG) {
            const char *at = strstr(text, fence);
            assert_true(strstr(text, "handoff-postgresql") < at);
            assert_true(strstr(text, "promote-postgresql (tier 1)") > at);
        }
        assert_int_equal(render_to("reprotect", 0, (enum render_format)f, TEXT_SIZE), ERR_OK);
        assert_int_equal(count_of(fence), 0);
    }
}

static void each_step_says_who_how_long_and_what_if(void **state) {
    (void)state;
    assert_int_equal(render_to("failover", 0, RENDER_TEXT, TEXT_SIZE), ERR_OK);
    unsigned steps_n = topology.plans[topology_plan(&topology, "failover")].steps_n;
    assert_int_equal(count_of("    to undo "), steps_n);
    assert_int_equal(count_of("    if it fails "), steps_n);
    assert_int_equal(count_of("    graceful "), steps_n);
    assert_int_equal(count_of("    it worked when:"), steps_n + 1); /* and the fence */
    assert_non_null(strstr(text, "network-admin: Hannah Brandt, Omar Haddad; an automatic"));
    assert_non_null(strstr(text, "at most 15m an attempt, 3 attempts"));
    assert_non_null(strstr(text, "61s behind the fence"));
}

static void a_manual_step_is_done_by_its_role_and_not_approved(void **state) {
    (void)state;
    assert_int_equal(render_to("reprotect", 0, RENDER_TEXT, TEXT_SIZE), ERR_OK);
    assert_non_null(
        strstr(text, "    done by        database-admin: Mei Tanaka, Viktor Sokolov\n"));
    assert_non_null(strstr(text, "      # Read LOSS in drover report;"));
    assert_null(strstr(text, "    approved by"));
    assert_null(strstr(text, "behind the fence")); /* a reprotect has none */
}

/* What its servers' state is does not matter to HAProxy while their check fails. */
static void the_fence_says_what_opens_haproxy(void **state) {
    (void)state;
    assert_int_equal(render_to("failover", 0, RENDER_COMMANDS, TEXT_SIZE), ERR_OK);
    const char *check = strstr(text, "\n#   disable health BACKEND/SERVER\n");
    const char *state_of_it = strstr(text, "\n#   set server BACKEND/SERVER health up\n");
    assert_non_null(check);
    assert_true(check < state_of_it);
    assert_null(strstr(text, "Without drover every gate shuts by itself"));
    assert_int_equal(render_to("switchover", 0, RENDER_COMMANDS, TEXT_SIZE), ERR_OK);
    assert_non_null(strstr(text, "Without drover every gate shuts by itself"));
}

/* A script that is taken apart by step: its headings are no other line's. */
static void a_script_has_one_heading_a_step(void **state) {
    (void)state;
    for (uint8_t p = 0; p < topology.plans_n; p++) {
        const struct plan *plan = &topology.plans[p];
        bool fences = plan_kind_moves((enum plan_kind)plan->kind);
        assert_int_equal(render_to(plan->name, 0, RENDER_COMMANDS, TEXT_SIZE), ERR_OK);
        assert_int_equal(count_of("\n# ==== "), plan->steps_n + fences);
        assert_int_equal(count_of("\n# ==== 1. "), 1);
    }
}

static void the_picture_has_a_box_a_step_and_an_arrow_a_need(void **state) {
    (void)state;
    const struct plan *plan = &topology.plans[topology_plan(&topology, "failover")];
    unsigned needs_n = 0;
    for (uint8_t s = 0; s < plan->steps_n; s++) {
        needs_n += plan->steps[s].needs_n;
    }
    assert_int_equal(render_to("failover", 0, RENDER_SVG, TEXT_SIZE), ERR_OK);
    assert_int_equal(count_of("<rect class=\"box"), plan->steps_n);
    assert_int_equal(count_of("<path class=\"need\""), needs_n);
    assert_int_equal(count_of(">tier "), OBJECTIVES_MAX);
    assert_int_equal(count_of("<text "), count_of("</text>"));
    assert_int_equal(count_of("<svg "), 1);
    assert_int_equal(count_of("</svg>"), 1);
}

static void people_s_words_are_escaped(void **state) {
    (void)state;
    struct step *step = &topology.plans[topology_plan(&topology, "failover")].steps[0];
    struct step kept = *step;
    (void)text_copy(step->intent, sizeof step->intent, "<script>alert(1)</script> & `x`");
    (void)text_copy(step->name, sizeof step->name, "a<b>&c");
    assert_int_equal(render_to("failover", 0, RENDER_HTML, TEXT_SIZE), ERR_OK);
    assert_null(strstr(text, "<script"));
    assert_non_null(strstr(text, "&lt;script&gt;alert(1)&lt;/script&gt; &amp; `x`"));
    assert_int_equal(render_to("failover", 0, RENDER_SVG, TEXT_SIZE), ERR_OK);
    assert_non_null(strstr(text, "a&lt;b&gt;&amp;c"));
    assert_null(strstr(text, "a<b>"));
    assert_int_equal(render_to("failover", 0, RENDER_MARKDOWN, TEXT_SIZE), ERR_OK);
    assert_non_null(strstr(text, "\\<script\\>"));
    *step = kept;
}

static void what_does_not_fit_is_an_error_and_never_half_a_runbook(void **state) {
    (void)state;
    assert_int_equal(render_to("failover", 0, RENDER_TEXT, TEXT_SIZE), ERR_OK);
    size_t whole = strlen(text);
    assert_int_equal(render_to("failover", 0, RENDER_TEXT, whole + 1), ERR_OK);
    assert_int_equal(render_to("failover", 0, RENDER_TEXT, whole), ERR_TOO_BIG);
    assert_int_equal(render_to("failover", 0, RENDER_SVG, 100), ERR_TOO_BIG);
    struct step *step = &topology.plans[topology_plan(&topology, "failover")].steps[0];
    struct step kept = *step;
    step->needs_n = 1;
    step->needs[0] = 0;
    assert_int_equal(render_to("failover", 0, RENDER_TEXT, TEXT_SIZE), ERR_CONFIG);
    *step = kept;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plan_renders_both_ways_in_every_format),
        cmocka_unit_test(each_way_has_its_own_values),
        cmocka_unit_test(a_step_comes_behind_what_it_needs),
        cmocka_unit_test(the_point_of_no_return_stands_between),
        cmocka_unit_test(each_step_says_who_how_long_and_what_if),
        cmocka_unit_test(a_manual_step_is_done_by_its_role_and_not_approved),
        cmocka_unit_test(the_fence_says_what_opens_haproxy),
        cmocka_unit_test(a_script_has_one_heading_a_step),
        cmocka_unit_test(the_picture_has_a_box_a_step_and_an_arrow_a_need),
        cmocka_unit_test(people_s_words_are_escaped),
        cmocka_unit_test(what_does_not_fit_is_an_error_and_never_half_a_runbook),
    };
    return cmocka_run_group_tests(tests, example_read, example_free);
}
