/* What an etcd, or whoever sits in its place, may answer: every reader gets the same bytes. What
 * was read must be whole and inside its bounds. */
#include <stdlib.h>
#include <string.h>

#include "common/base/ensure.h"
#include "coordinator/log/base64.h"
#include "coordinator/log/etcd_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void kvs_check(const struct etcd_kvs *kvs) {
    ensure(kvs->n <= ETCD_KVS_MAX);
    for (size_t i = 0; i < kvs->n; i++) {
        ensure(memchr(kvs->at[i].key, 0, ETCD_KEY_SIZE) != NULL);
        ensure(kvs->at[i].size <= ETCD_VALUE_MAX + 3);
        ensure(kvs->at[i].size == 0 || kvs->at[i].value != NULL);
        ensure(kvs->at[i].mod_revision < INT64_MAX);
    }
}

static void base64_fuzz(const uint8_t *data, size_t size) {
    size_t bytes_n = 0;
    uint8_t *bytes = malloc(size + 1);
    ensure(bytes != NULL);
    if (base64_decode((const char *)data, size, bytes, size, &bytes_n)) {
        char *text = malloc(size + 1); /* a text that is taken is the only one of its bytes */
        ensure(text != NULL && base64_size(bytes_n) == size);
        base64_encode(bytes, bytes_n, text);
        ensure(memcmp(text, data, size) == 0);
        free(text);
    }
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct etcd_answer answer;
    struct etcd_line line;
    struct etcd_status status;
    struct text256 why = {0};
    uint64_t code = 0;
    if (etcd_parse_txn(data, size, &answer) == ERR_OK) {
        ensure(answer.cluster_id != 0 && answer.ranges_n <= ETCD_RANGES_MAX);
        for (size_t i = 0; i < answer.ranges_n; i++) {
            kvs_check(&answer.range[i]);
        }
    }
    etcd_answer_free(&answer);
    if (etcd_parse_line(data, size, &line) == ERR_OK) {
        ensure(line.cluster_id != 0 || line.why.at[0] != '\0');
        kvs_check(&line.puts);
    }
    etcd_line_free(&line);
    if (etcd_parse_error(data, size, &code, &why) == ERR_OK) {
        ensure(memchr(why.at, 0, sizeof(why.at)) != NULL);
    }
    if (etcd_parse_status(data, size, &status) == ERR_OK) {
        ensure(memchr(status.version, 0, sizeof(status.version)) != NULL);
    }
    base64_fuzz(data, size);
    return 0;
}
