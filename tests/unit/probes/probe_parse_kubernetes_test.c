/* The readers of what the API server of Kubernetes lists. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "agent/probes/kubernetes.h"

static void quantities_are_read_in_thousandths(void **state) {
    (void)state;
    const struct {
        const char *text;
        bool good;
        int64_t milli;
    } table[] = {{"10", true, 10000},
                 {"500m", true, 500},
                 {"1.5", true, 1500},
                 {"0.0005", true, 0},
                 {"2k", true, 2000000},
                 {"64Gi", true, INT64_C(64) * 1000 * 1024 * 1024 * 1024},
                 {"1e3", true, 1000000},
                 {"1500000u", true, 1500},
                 {"7n", true, 0},
                 {"", false, 0},
                 {".", false, 0},
                 {"-1", false, 0},
                 {"1e16", false, 0},
                 {"10X", false, 0},
                 {"99999999999999999999", false, 0},
                 {"9000000Ti", false, 0}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        int64_t milli = 77;
        assert_int_equal(quantity_parse(table[i].text, &milli), table[i].good);
        assert_true(milli == (table[i].good ? table[i].milli : 77));
    }
}

static void times_are_read_as_seconds(void **state) {
    (void)state;
    const struct {
        const char *text;
        uint64_t s; /* 0: refused */
    } table[] = {{"1970-01-01T00:00:00Z", 0},          {"2026-01-25T03:00:00Z", 1769310000},
                 {"2024-02-29T23:59:59Z", 1709251199}, {"2024-03-01T00:00:00.123Z", 1709251200},
                 {"2026-13-01T00:00:00Z", 0},          {"2026-01-25 03:00:00Z", 0},
                 {"2026-01-25T03:00:00+01:00", 0},     {"", 0}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        uint64_t s = 0;
        bool good = rfc3339_parse(table[i].text, &s);
        assert_true(good == (table[i].s != 0 || i == 0));
        assert_int_equal(s, table[i].s);
    }
}

static void nodes_count_when_ready_and_not_cordoned(void **state) {
    (void)state;
    struct node_sums sums = {.resource = "nvidia.com/gpu"};
    char next[KUBERNETES_CONTINUE_SIZE];
    static const char list[] =
        "{\"metadata\":{\"continue\":\"abc\"},\"items\":["
        "{\"metadata\":{\"name\":\"a\"},\"status\":{\"allocatable\":{\"nvidia.com/gpu\":\"8\"},"
        "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}},"
        "{\"metadata\":{\"name\":\"b\"},\"status\":{\"allocatable\":{\"nvidia.com/gpu\":\"4\"},"
        "\"conditions\":[{\"type\":\"Ready\",\"status\":\"Unknown\"}]}},"
        "{\"metadata\":{\"name\":\"c\"},\"spec\":{\"unschedulable\":true},"
        "\"status\":{\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}]}";
    assert_int_equal(kubernetes_list_parse(list, strlen(list), next, node_take, &sums), ERR_OK);
    assert_string_equal(next, "abc");
    assert_int_equal(sums.nodes_n, 3);
    assert_int_equal(sums.ready_n, 1);
    assert_int_equal(sums.allocatable_milli, 8000);
}

static void workloads_tell_who_is_short_and_their_images(void **state) {
    (void)state;
    static struct workload_sums sums;
    char next[KUBERNETES_CONTINUE_SIZE];
    static const char list[] =
        "{\"items\":[{\"metadata\":{\"name\":\"api\"},\"spec\":{\"replicas\":3,\"template\":{"
        "\"spec\":"
        "{\"containers\":[{\"image\":\"r/api:1\"},{\"image\":\"r/log:2\"}]}}},"
        "\"status\":{\"readyReplicas\":2}},"
        "{\"metadata\":{\"name\":\"idle\"},\"spec\":{\"replicas\":0,\"template\":{\"spec\":"
        "{\"containers\":[{\"image\":\"r/log:2\"}]}}},\"status\":{}},"
        "{\"metadata\":{\"name\":\"each\"},\"spec\":{},"
        "\"status\":{\"desiredNumberScheduled\":4,\"numberReady\":4}}]}";
    memset(&sums, 0, sizeof sums);
    assert_int_equal(kubernetes_list_parse(list, strlen(list), next, workload_take, &sums), ERR_OK);
    assert_string_equal(next, "");
    assert_int_equal(sums.workloads_n, 3);
    assert_int_equal(sums.wanted_n, 7);
    assert_int_equal(sums.ready_n, 6);
    assert_int_equal(sums.short_n, 1);
    assert_string_equal(sums.first_short, "api");
    assert_int_equal(sums.images_n, 2);
}

static void a_failed_backup_after_a_completed_one_is_seen(void **state) {
    (void)state;
    struct velero_sums sums = {.schedule = "daily"};
    char next[KUBERNETES_CONTINUE_SIZE];
    static const char list[] =
        "{\"items\":[{\"metadata\":{\"name\":\"one\",\"creationTimestamp\":\"2026-01-24T03:00:"
        "00Z\","
        "\"labels\":{\"velero.io/schedule-name\":\"daily\"}},"
        "\"spec\":{\"storageLocation\":\"west\"},\"status\":{\"phase\":\"Completed\","
        "\"completionTimestamp\":\"2026-01-24T03:10:00Z\"}},"
        "{\"metadata\":{\"name\":\"two\",\"creationTimestamp\":\"2026-01-25T03:00:00Z\","
        "\"labels\":{\"velero.io/"
        "schedule-name\":\"daily\"}},\"status\":{\"phase\":\"PartiallyFailed\"}},"
        "{\"metadata\":{\"name\":\"other\",\"creationTimestamp\":\"2026-01-25T04:00:00Z\"},"
        "\"status\":{\"phase\":\"Completed\",\"completionTimestamp\":\"2026-01-25T04:10:00Z\"}}]}";
    assert_int_equal(kubernetes_list_parse(list, strlen(list), next, velero_take, &sums), ERR_OK);
    assert_int_equal(sums.backups_n, 2);
    assert_int_equal(sums.completed_n, 1);
    assert_int_equal(sums.newest_s, 1769224200);
    assert_true(sums.newest_failed);
    assert_string_equal(sums.newest, "one");
    assert_string_equal(sums.location, "west");
    assert_string_equal(sums.last_phase, "PartiallyFailed");
}

#define RESTORE(name, created, spec, status)                                                       \
    "{\"metadata\":{\"name\":\"" name "\",\"creationTimestamp\":\"" created "\"},\"spec\":{" spec  \
    "},\"status\":{" status "}}"

static void the_newest_restore_of_a_schedules_backup_is_found(void **state) {
    (void)state;
    struct velero_restores restores = {.schedule = "daily"};
    char next[KUBERNETES_CONTINUE_SIZE];
    const char *list = "{\"items\":[" RESTORE(
        "a", "2026-01-24T03:00:00Z", "\"backupName\":\"daily-20260124\"",
        "\"phase\":\"Completed\",\"completionTimestamp\":\"2026-01-24T03:10:"
        "00Z\"") "," RESTORE("b", "2026-01-25T03:00:00Z", "\"backupName\":\"dailyx-1\"",
                             "\"phase\":\"Failed\"") "," RESTORE("c",
                                                                 "2026-01-"
                                                                 "25T04:00:"
                                                                 "00Z",
                                                                 "\"schedule"
                                                                 "Name\":"
                                                                 "\"weekly"
                                                                 "\"",
                                                                 "\"phase\":"
                                                                 "\"Failed"
                                                                 "\"") "]}";
    assert_int_equal(
        kubernetes_list_parse(list, strlen(list), next, velero_restore_take, &restores), ERR_OK);
    assert_int_equal(restores.newest_s, 1769224200);
    assert_string_equal(restores.newest_of, "daily-20260124");
    assert_false(restores.newest_failed);
    restores = (struct velero_restores){.schedule = NULL};
    assert_int_equal(
        kubernetes_list_parse(list, strlen(list), next, velero_restore_take, &restores), ERR_OK);
    assert_true(restores.newest_failed);
}

static void a_location_without_a_phase_is_not_validated_yet(void **state) {
    (void)state;
    struct velero_location location = {.phase = "x", .bucket = "x"};
    const char *fresh = "{\"metadata\":{\"name\":\"default\"}}";
    const char *lost =
        "{\"metadata\":{\"name\":\"default\"},\"status\":{\"phase\":\"Unavailable\"}}";
    assert_int_equal(kubernetes_one_parse(fresh, strlen(fresh), velero_location_take, &location),
                     ERR_OK);
    assert_string_equal(location.phase, "");
    assert_string_equal(location.bucket, "");
    assert_int_equal(kubernetes_one_parse(lost, strlen(lost), velero_location_take, &location),
                     ERR_OK);
    assert_string_equal(location.phase, "Unavailable");
    assert_int_equal(kubernetes_one_parse("{}", 2, velero_location_take, &location), ERR_FORMAT);
}

static void a_location_tells_its_bucket_and_the_place_inside_it(void **state) {
    (void)state;
    struct velero_location location;
    const char *plain = "{\"metadata\":{\"name\":\"default\"},\"spec\":{\"objectStorage\":{"
                        "\"bucket\":\"velero\",\"prefix\":\"bud/r1\"}}}";
    assert_int_equal(kubernetes_one_parse(plain, strlen(plain), velero_location_take, &location),
                     ERR_OK);
    assert_string_equal(location.bucket, "velero");
    assert_string_equal(location.prefix, "bud/r1");
    char text[VALUE_SIZE + 128], longer[VALUE_SIZE + 1];
    memset(longer, 'a', VALUE_SIZE);
    longer[VALUE_SIZE] = '\0';
    (void)snprintf(
        text, sizeof text,
        "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"objectStorage\":{\"bucket\":\"%s\"}}}", longer);
    assert_int_equal(kubernetes_one_parse(text, strlen(text), velero_location_take, &location),
                     ERR_OK);
    assert_string_equal(location.bucket, "");
    (void)snprintf(
        text, sizeof text,
        "{\"metadata\":{\"name\":\"x\"},\"spec\":{\"objectStorage\":{\"prefix\":\"%s\"}}}", longer);
    assert_int_equal(kubernetes_one_parse(text, strlen(text), velero_location_take, &location),
                     ERR_FORMAT);
}

static void rights_are_read_one_by_one_or_refused(void **state) {
    (void)state;
    const char *text = "patch deployments.apps/scale, get nodes,list backups.velero.io";
    struct kubernetes_right right;
    assert_true(kubernetes_right_parse(&text, &right));
    assert_string_equal(right.verb, "patch");
    assert_string_equal(right.resource, "deployments");
    assert_string_equal(right.group, "apps");
    assert_string_equal(right.subresource, "scale");
    assert_true(kubernetes_right_parse(&text, &right));
    assert_string_equal(right.verb, "get");
    assert_string_equal(right.group, "");
    assert_string_equal(right.subresource, "");
    assert_true(kubernetes_right_parse(&text, &right));
    assert_string_equal(right.group, "velero.io");
    assert_string_equal(text, "");
    static const char *const bad[] = {
        "",         "get",       "get ",      "get pods,",    "get pods nodes", "get po\"ds",
        "Get pods", "get pods/", "get pods.", "get pods/a/b", ", get pods"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        text = bad[i];
        assert_false(kubernetes_right_parse(&text, &right));
        assert_ptr_equal(text, bad[i]);
    }
    bool allowed = true;
    const char *no = "{\"status\":{\"allowed\":false}}", *yes = "{\"status\":{\"allowed\":true}}";
    assert_true(kubernetes_allowed_parse(no, strlen(no), &allowed));
    assert_false(allowed);
    assert_true(kubernetes_allowed_parse(yes, strlen(yes), &allowed));
    assert_true(allowed);
    assert_false(kubernetes_allowed_parse("{\"status\":{}}", 13, &allowed));
    assert_false(kubernetes_allowed_parse("", 0, &allowed));
}

static void what_is_no_list_is_refused(void **state) {
    (void)state;
    struct node_sums sums = {.resource = "cpu"};
    char next[KUBERNETES_CONTINUE_SIZE];
    const char *const bad[] = {
        "", "[]", "{}", "{\"items\":{}}", "{\"items\":[{}]}", "{\"items\":[1]}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(kubernetes_list_parse(bad[i], strlen(bad[i]), next, node_take, &sums),
                         ERR_FORMAT);
    }
}

static void an_image_names_its_manifest(void **state) {
    (void)state;
    const struct {
        const char *image, *path; /* NULL: refused */
    } table[] = {{"registry.bud.ai/team/app:1.2", "/v2/team/app/manifests/1.2"},
                 {"localhost:5000/app", "/v2/app/manifests/latest"},
                 {"team/app@sha256:00ff", "/v2/team/app/manifests/sha256:00ff"},
                 {"app", "/v2/app/manifests/latest"},
                 {"r.io/a:t@sha256:00ff", "/v2/a/manifests/sha256:00ff"},
                 {"r.io/a:", NULL},
                 {"", NULL},
                 {"r.io/a?b", NULL}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        char path[128];
        bool good = image_manifest_path(table[i].image, path, sizeof path);
        assert_int_equal(good, table[i].path != NULL);
        if (good) {
            assert_string_equal(path, table[i].path);
        }
    }
}

static void failed_parts_of_readyz_are_named(void **state) {
    (void)state;
    char names[32];
    kubernetes_readyz_failed("[+]ping ok\n[-]etcd failed: reason withheld\n[-]hook failed\n", names,
                             sizeof names);
    assert_string_equal(names, "etcd hook");
    kubernetes_readyz_failed("", names, sizeof names);
    assert_string_equal(names, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_are_read_in_thousandths),
        cmocka_unit_test(times_are_read_as_seconds),
        cmocka_unit_test(nodes_count_when_ready_and_not_cordoned),
        cmocka_unit_test(workloads_tell_who_is_short_and_their_images),
        cmocka_unit_test(a_failed_backup_after_a_completed_one_is_seen),
        cmocka_unit_test(the_newest_restore_of_a_schedules_backup_is_found),
        cmocka_unit_test(a_location_without_a_phase_is_not_validated_yet),
        cmocka_unit_test(a_location_tells_its_bucket_and_the_place_inside_it),
        cmocka_unit_test(rights_are_read_one_by_one_or_refused),
        cmocka_unit_test(what_is_no_list_is_refused),
        cmocka_unit_test(an_image_names_its_manifest),
        cmocka_unit_test(failed_parts_of_readyz_are_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
