/* What an API server says of replicas, and what is sent to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/action.h"
#include "agent/actions/kubernetes_body.h"

static enum err parse(const char *json, struct kubernetes_object *ret_object) {
    struct text256 why = {""};
    enum err err = kubernetes_object_parse(json, strlen(json), ret_object, &why);
    assert_int_equal(err == ERR_OK, why.at[0] == '\0');
    return err;
}

static void an_object_is_read_whole(void **state) {
    struct kubernetes_object object;
    (void)state;
    assert_int_equal(parse("{\"metadata\":{\"resourceVersion\":\"812\",\"generation\":3,"
                           "\"annotations\":{\"drover/baseline\":\"epoch=7 replicas=4\"}},"
                           "\"spec\":{\"replicas\":8},\"status\":{\"replicas\":6,"
                           "\"readyReplicas\":5,\"observedGeneration\":3}}",
                           &object),
                     ERR_OK);
    assert_string_equal(object.version, "812");
    assert_int_equal(object.replicas, 8);
    assert_int_equal(object.shown, 6);
    assert_int_equal(object.ready, 5);
    assert_true(object.settled && object.has_baseline);
    assert_int_equal(object.baseline_epoch, 7);
    assert_int_equal(object.baseline, 4);
    assert_int_equal(parse("{\"metadata\":{\"resourceVersion\":\"1\",\"generation\":2},\"spec\":{},"
                           "\"status\":{\"observedGeneration\":1}}",
                           &object),
                     ERR_OK);
    assert_int_equal(object.replicas, 1); /* as the API defines it */
    assert_int_equal(object.ready, 0);
    assert_false(object.settled || object.has_baseline);
}

/* Above all: what was added to is never guessed. */
static void what_cannot_be_read_is_an_error(void **state) {
    static const char *const bad[] = {
        "",
        "[]",
        "{\"metadata\":{},\"spec\":{}}",
        "{\"metadata\":{\"resourceVersion\":\"1\\\"\"},\"spec\":{}}",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"replicas\":-1}}",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"replicas\":\"3\"}}",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{\"replicas\":100001}}",
        "{\"metadata\":{\"resourceVersion\":\"1\"},\"spec\":{},\"status\":{\"readyReplicas\":1.5}}",
        "{\"metadata\":{\"resourceVersion\":\"1\",\"annotations\":{\"drover/baseline\":4}},"
        "\"spec\":{}}",
        "{\"metadata\":{\"resourceVersion\":\"1\",\"annotations\":{\"drover/baseline\":"
        "\"epoch=x replicas=4\"}},\"spec\":{}}",
        "{\"metadata\":{\"resourceVersion\":\"1\",\"annotations\":{\"drover/baseline\":"
        "\"epoch=4\"}},\"spec\":{}}",
        "{\"metadata\":{\"resourceVersion\":\"1\",\"annotations\":{\"drover/baseline\":"
        "\"epoch=4 replicas=4 \"}},\"spec\":{}}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct kubernetes_object object;
        if (parse(bad[i], &object) != ERR_FORMAT) {
            fail_msg("taken: %s", bad[i]);
        }
    }
}

static void a_baseline_that_is_written_is_read_again(void **state) {
    char patch[256], json[512];
    struct kubernetes_object object;
    (void)state;
    assert_true(kubernetes_body_baseline(patch, sizeof patch, "9", UINT64_MAX, 12));
    (void)text_format(json, sizeof json, "%.*s,\"spec\":{}}", (int)strlen(patch) - 1, patch);
    assert_int_equal(parse(json, &object), ERR_OK);
    assert_string_equal(object.version, "9"); /* its precondition */
    assert_true(object.baseline_epoch == UINT64_MAX && object.baseline == 12);
    assert_true(kubernetes_body_scale(patch, sizeof patch, "9", 12));
    assert_string_equal(patch,
                        "{\"metadata\":{\"resourceVersion\":\"9\"},\"spec\":{\"replicas\":12}}");
    assert_false(kubernetes_body_scale(patch, 20, "9", 12));
}

static void answers_to_a_scale(void **state) {
    static const char scale[] = "{\"kind\":\"Scale\",\"spec\":{\"replicas\":4}}";
    static const char empty[] = "{\"kind\":\"Scale\",\"spec\":{}}";
    static const char status[] = "{\"kind\":\"Status\",\"message\":\"no\\nmore\"}";
    uint32_t replicas = 0;
    char line[20];
    (void)state;
    assert_true(kubernetes_scale_parse(scale, sizeof scale - 1, &replicas) && replicas == 4);
    assert_true(kubernetes_scale_parse(empty, sizeof empty - 1, &replicas) && replicas == 0);
    assert_false(kubernetes_scale_parse(status, sizeof status - 1, &replicas));
    kubernetes_message(status, sizeof status - 1, line, sizeof line);
    assert_string_equal(line, "no");
    kubernetes_message("x", 1, line, sizeof line);
    assert_string_equal(line, "");
}

static void paths_hold_names_only(void **state) {
    static const struct {
        const char *space, *workload, *path;
    } rows[] = {
        {"prod", "deployment/api", "/apis/apps/v1/namespaces/prod/deployments/api"},
        {"prod", "statefulset/q-1", "/apis/apps/v1/namespaces/prod/statefulsets/q-1"},
        {"prod", "machinedeployment/gpu",
         "/apis/cluster.x-k8s.io/v1beta1/namespaces/prod/machinedeployments/gpu"},
        {"prod", "daemonset/x", NULL},
        {"prod", "deployment/", NULL},
        {"prod", "deployment/a/scale", NULL},
        {"prod", "deployment/../x", NULL},
        {"prod?x", "deployment/a", NULL},
        {"", "deployment/a", NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[200];
        struct text256 why = {""};
        enum err err =
            kubernetes_path(rows[i].space, rows[i].workload, "v1beta1", path, sizeof path, &why);
        assert_int_equal(err, rows[i].path != NULL ? ERR_OK : ERR_CONFIG);
        assert_int_equal(why.at[0] == '\0', rows[i].path != NULL);
        if (rows[i].path != NULL) {
            assert_string_equal(path, rows[i].path);
        }
    }
}

static void arguments_set_all(struct arguments *arguments, const char *const *pairs) {
    memset(arguments, 0, sizeof *arguments);
    for (size_t i = 0; pairs[i] != NULL; i += 2) {
        assert_int_equal(arguments_set(arguments, pairs[i], pairs[i + 1]), ERR_OK);
    }
}

static void exactly_one_number_is_wished_for(void **state) {
#define SERVER "url", "https://10.0.0.5:6443", "namespace", "prod", "workload", "deployment/api"
    static const struct {
        const char *pairs[16];
        const char *said; /* NULL: taken */
    } rows[] = {
        {{SERVER, "replicas", "3", NULL}, NULL},
        {{SERVER, "add", "3", "min_percent", "60", NULL}, NULL},
        {{SERVER, "baseline", "yes", "down", "yes", NULL}, NULL},
        {{SERVER, NULL}, "expected one of"},
        {{SERVER, "replicas", "3", "add", "3", NULL}, "found 2"},
        {{SERVER, "replicas", "many", NULL}, "\"replicas\": expected a number"},
        {{SERVER, "replicas", "3", "min_percent", "0", NULL}, "from 1 to 100"},
        {{SERVER, "replicas", "3", "tls", "1.1", NULL}, "\"tls\""},
        {{SERVER, "replicas", "3", "connect_to", "here", NULL}, "\"connect_to\""},
        {{"url", "https://kube:6443", "namespace", "prod", "workload", "deployment/api", "replicas",
          "3", NULL},
         "nothing is looked up"},
        {{"url", "https://kube:6443", "connect_to", "10.0.0.5:6443", "namespace", "prod",
          "workload", "deployment/api", "replicas", "3", NULL},
         NULL},
        {{"url", "https://10.0.0.5:6443", "namespace", "prod", "replicas", "3", NULL},
         "\"workload\" is missing"},
    };
#undef SERVER
    const struct action_kind_row *row = action_kind_of(ACTION_KUBERNETES_SCALE);
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct arguments arguments;
        struct text256 why = {""};
        arguments_set_all(&arguments, rows[i].pairs);
        enum err err = row->accepts(&arguments, &why);
        assert_int_equal(err, rows[i].said == NULL ? ERR_OK : ERR_CONFIG);
        if (rows[i].said != NULL && strstr(why.at, rows[i].said) == NULL) {
            fail_msg("row %zu: \"%s\" does not say \"%s\"", i, why.at, rows[i].said);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_object_is_read_whole),
        cmocka_unit_test(what_cannot_be_read_is_an_error),
        cmocka_unit_test(a_baseline_that_is_written_is_read_again),
        cmocka_unit_test(answers_to_a_scale),
        cmocka_unit_test(paths_hold_names_only),
        cmocka_unit_test(exactly_one_number_is_wished_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
