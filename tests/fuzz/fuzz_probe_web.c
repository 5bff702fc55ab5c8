/* What Vault, an OpenID provider, Prometheus, ClickHouse and Kubernetes may say, and two texts
 * to be compared; the first byte chooses the reader. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/probes/kubernetes.h"
#include "agent/probes/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static void lists_fuzz(uint8_t which, const char *text, size_t size) {
    static struct workload_sums workloads;
    char next[KUBERNETES_CONTINUE_SIZE];
    struct node_sums nodes = {.resource = "cpu"};
    struct velero_sums velero = {.schedule = NULL};
    struct velero_location location;
    struct velero_restores restores = {.schedule = "daily"};
    memset(&workloads, 0, sizeof workloads);
    if (which == 0 && kubernetes_list_parse(text, size, next, node_take, &nodes) == ERR_OK) {
        must(nodes.ready_n <= nodes.nodes_n && nodes.allocatable_milli >= 0);
    } else if (which == 1 &&
               kubernetes_list_parse(text, size, next, workload_take, &workloads) == ERR_OK) {
        must(workloads.short_n <= workloads.workloads_n && workloads.ready_n >= 0 &&
             workloads.images_n <= KUBERNETES_IMAGES_MAX);
    } else if (which == 2 &&
               kubernetes_list_parse(text, size, next, velero_take, &velero) == ERR_OK) {
        must(velero.completed_n <= velero.backups_n &&
             (velero.newest_s != 0) == (velero.completed_n != 0));
        must(kubernetes_list_parse(text, size, next, velero_restore_take, &restores) != ERR_OK ||
             strlen(restores.newest_of) < sizeof restores.newest_of);
        must(kubernetes_one_parse(text, size, velero_location_take, &location) != ERR_OK ||
             strlen(location.bucket) < sizeof location.bucket);
    }
}

static void values_fuzz(const char *text) {
    char path[256], names[48];
    uint64_t seconds = 0;
    int64_t milli = 0;
    double number = 0;
    must(!quantity_parse(text, &milli) || milli >= 0);
    must(!rfc3339_parse(text, &seconds) || seconds < UINT64_C(1) << 40);
    (void)decimal_parse(text, &number);
    must(!image_manifest_path(text, path, sizeof path) || text_starts(path, "/v2/"));
    kubernetes_readyz_failed(text, names, sizeof names);
    struct kubernetes_right right;
    for (const char *rest = text, *at = text; *at != '\0' && kubernetes_right_parse(&rest, &right);
         at = rest) {
        must(rest > at && right.verb[0] != '\0' && right.resource[0] != '\0');
        must(strpbrk(right.verb, "\"\\") == NULL && strpbrk(right.group, "\"\\") == NULL);
    }
}

static void services_fuzz(uint8_t which, const char *text, size_t size) {
    struct oidc_view oidc;
    struct prometheus_view prometheus;
    struct clickhouse_view clickhouse;
    struct clickhouse_replica replica;
    static char names[CLICKHOUSE_REPLICAS_MAX][CLICKHOUSE_NAME_SIZE];
    unsigned names_n = 0;
    char error[16];
    int64_t number = 0, wall_ms = 0;
    switch (which) {
    case 3:
        (void)vault_health_is_one(text, size);
        (void)vault_secret_is_there(text, size);
        (void)clickhouse_is_auth(text);
        break;
    case 4:
        must(oidc_parse(text, size, &oidc) != ERR_OK || oidc.token_endpoint[0] != '\0');
        (void)oidc_token_is_there(text, size, error, sizeof error);
        break;
    case 5:
        must(prometheus_parse(text, size, &prometheus) != ERR_OK ||
             prometheus.samples_n <= PROMETHEUS_SAMPLES_MAX);
        break;
    case 6:
        must(clickhouse_parse(text, size, &clickhouse) != ERR_OK || clickhouse.delay_s >= 0);
        must(clickhouse_names_parse(text, size, names, &names_n) != ERR_OK || names_n > 0);
        must(clickhouse_replica_parse(text, size, &replica) != ERR_OK || replica.port > 0);
        must(clickhouse_canary_parse(text, size, &number, &wall_ms) != ERR_OK || number >= 0);
        must(clickhouse_version_parse(text, size, error, sizeof error) != ERR_OK || error[0] != 0);
        break;
    default: values_fuzz(text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) {
        return 0;
    }
    uint8_t which = data[0] % 9;
    char *text = malloc(size); /* of just that size: a read beyond it is seen */
    if (text == NULL) {
        return 0;
    }
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (which < 3) {
        lists_fuzz(which, text, size - 1);
    } else if (which < 8) {
        services_fuzz(which, text, size - 1);
    } else {
        unsigned lines_n = 0;
        const char *other = text + strlen(text) / 2;
        must(lines_differ(text, text, &lines_n) == 0);
        (void)lines_differ(text, other, &lines_n);
    }
    free(text);
    return 0;
}
