/* The example of the two documents gives exactly the known findings, and the reference pages name
 * every field and every finding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/local_conf.h"
#include "common/io/topology_read.h"
#include "common/topology/findings.h"

static struct topology topology;
static struct findings findings;

static char *page_read(const char *path) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        fail_msg("%s is missing", path);
    }
    char *page = calloc(1, 256 * 1024);
    assert_non_null(page);
    (void)fread(page, 1, 256 * 1024 - 1, file);
    (void)fclose(file);
    return page;
}

static void example_read(void) {
    struct text256 why = {.at = ""};
    enum err err =
        topology_read_file(DROVER_SOURCE_DIR "/deploy/examples/bud.conf", false, &topology, &why);
    if (err != ERR_OK) {
        fail_msg("%s", why.at);
    }
    topology_check(&topology, &findings);
}

/* Each line: code, where. The texts are in docs/findings.md. */
static const char *const known[] = {
    "205 components.clickhouse.tier",
    "205 components.minio.tier",
    "205 components.kubernetes.tier",
    "205 components.budadmin.tier",
    "205 components.loadbalancer.tier",
    "205 components.ingress.tier",
    "205 components.vpn.tier",
    "205 components.vault.tier",
    "205 components.registry.tier",
    "205 components.git.tier",
    "205 components.api.bud.ai.tier",
    "205 components.app.bud.ai.tier",
    "205 components.status.bud.ai.tier",
    "202 links.postgresql.alert_lag",
    "203 links.minio-models.alert_lag",
    "203 links.minio-backups.alert_lag",
    "208 links.clickhouse.target_lag",
    "220 plans.seed-order.steps.dns-api",
    "220 plans.seed-order.steps.dns-app",
    "221 plans.failover.steps.tier4-now",
    "224 plans.failover",
    "207 components.clickhouse",
    "204 backups.kubernetes.velero",
    "231 components.monitoring.tier",
    "210 backups.redis.rdb",
    "211 backups.postgresql.wal",
    "213 drills.full-annually",
};

static void the_example_gives_the_known_findings_and_no_error(void **state) {
    (void)state;
    example_read();
    const unsigned known_n = sizeof known / sizeof known[0];
    unsigned wrong_n = 0;
    for (unsigned i = 0; i < findings.n || i < known_n; i++) {
        char line[128] = "(none)";
        if (i < findings.n) {
            (void)snprintf(line, sizeof line, "%u %s", findings.at[i].code, findings.at[i].where);
        }
        if (strcmp(line, i < known_n ? known[i] : "(none)") != 0) {
            print_error("expected %s, found %s\n", i < known_n ? known[i] : "(none)", line);
            wrong_n++;
        }
    }
    assert_int_equal(wrong_n, 0);
    assert_int_equal(findings.errors_n, 0);
}

static void the_example_declares_what_the_documents_list(void **state) {
    (void)state;
    example_read();
    static const struct {
        const char *name;
        uint8_t tier;
    } components[] = {
        {"budapp", 1},     {"budgateway", 1}, {"postgresql", 1}, {"keycloak", 1},
        {"budcluster", 2}, {"redis", 2},      {"monitoring", 2}, {"budsim", 3},
        {"budmetrics", 3}, {"budnotify", 3},  {"devtools", 4},   {"docs", 4},
    };
    for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
        uint8_t index = topology_component(&topology, components[i].name);
        assert_int_not_equal(index, NONE);
        assert_int_equal(topology.components[index].tier, components[i].tier);
    }
    assert_int_equal(topology.objectives[0].rto_ms, 4 * 3600 * 1000);
    assert_int_equal(topology.objectives[3].rpo_ms, 7 * 24 * 3600 * 1000);
    assert_int_equal(topology.links[topology_link(&topology, "redis")].target_lag_ms, 300000);
    assert_int_equal(topology.policy.exercise_within_ms, 91ULL * 24 * 3600 * 1000); /* SEED-73 */
    const struct plan *plan = &topology.plans[topology_plan(&topology, "seed-order")];
    assert_int_equal(plan->kind, PLAN_FAILOVER);
    assert_true(plan != &topology.plans[0]); /* never the default */
    assert_true(topology.components[topology_component(&topology, "status.bud.ai")].protected);
}

static void findings_page_names_exactly_the_codes(void **state) {
    (void)state;
    char *page = page_read(DROVER_SOURCE_DIR "/docs/findings.md");
    size_t n = 0;
    const struct finding_title *titles = finding_titles(&n);
    const char *at = page;
    for (size_t i = 0; i < n; i++) {
        char heading[160];
        (void)snprintf(heading, sizeof heading, "\n### %c%u: %s\n",
                       titles[i].code < 200 ? 'E' : 'W', titles[i].code, titles[i].title);
        const char *next = strstr(at, heading);
        if (next == NULL) {
            fail_msg("docs/findings.md has no heading%s", heading);
        }
        at = next + 1;
    }
    unsigned headings_n = 0;
    for (const char *line = page; (line = strstr(line, "\n### ")) != NULL; line++) {
        headings_n++;
    }
    assert_int_equal(headings_n, n);
    free(page);
}

/* docs/topology.md has one table a group, under a heading that ends with the group's name. */
struct page_search {
    const char *page;
    unsigned missing_n;
};

static void field_search(void *owner, const char *group, const char *field) {
    struct page_search *search = owner;
    char heading[80], row[80];
    (void)snprintf(heading, sizeof heading, "## %s\n", group);
    (void)snprintf(row, sizeof row, "\n| `%s` |", field);
    const char *section = strstr(search->page, heading);
    const char *end = section == NULL ? NULL : strstr(section + 3, "\n## ");
    const char *found = section == NULL ? NULL : strstr(section, row);
    if (found == NULL || (end != NULL && found > end)) {
        print_error("docs/topology.md, %s: no row for %s\n", group, field);
        search->missing_n++;
    }
}

static void topology_page_names_every_field(void **state) {
    (void)state;
    char *page = page_read(DROVER_SOURCE_DIR "/docs/topology.md");
    struct page_search search = {.page = page};
    topology_fields_each(field_search, &search);
    local_conf_fields_each(field_search, &search);
    assert_int_equal(search.missing_n, 0);
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_gives_the_known_findings_and_no_error),
        cmocka_unit_test(the_example_declares_what_the_documents_list),
        cmocka_unit_test(findings_page_names_exactly_the_codes),
        cmocka_unit_test(topology_page_names_every_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
