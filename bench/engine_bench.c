/* engine_bench: what one append costs through log.h, beside the bare commit of the engine below it,
 * turn by turn in one run: noise of the machine falls on all of them alike.
 *
 *   engine_bench ENDPOINT CA CERT KEY PREFIX DATABASE ROUNDS
 *
 * ENDPOINT should be etcd's leader; the bare commit is the same kind of transaction by libcurl
 * alone, on a kept connection. */
#include <curl/curl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "common/base/ensure.h"
#include "coordinator/log/base64.h"
#include "coordinator/log/log.h"

#define ROUNDS_MAX 20000
#define VALUE_SIZE 256
#define WARM_UP 20
#define IN_FLIGHT 64

struct way {
    const char *name;
    uint64_t took_us[ROUNDS_MAX];
    uint32_t n;
};

struct bench {
    uv_loop_t loop;
    uint8_t value[VALUE_SIZE];
    uint32_t waiting, failed_n;
    struct log *etcd, *embedded;
    CURL *curl;
    const char *endpoint;
};

static struct way ways[3] = {
    {.name = "log_append, etcd"}, {.name = "bare etcd txn"}, {.name = "log_append, SQLite"}};

static void on_fact(void *owner, uint64_t index, const char *key, const uint8_t *bytes,
                    size_t size) {
    (void)owner;
    (void)index;
    (void)key;
    (void)bytes;
    (void)size;
}

static void on_compacted(void *owner, uint64_t first) {
    (void)owner;
    (void)first;
}

static void on_reachable(void *owner, bool reachable) {
    (void)owner;
    (void)reachable;
}

static void on_went_back(void *owner, const char *why) {
    (void)owner;
    (void)fprintf(stderr, "%s\n", why);
    exit(1);
}

static void on_appended(void *owner, enum err err, uint64_t index, bool existed) {
    struct bench *bench = owner;
    (void)index;
    bench->waiting--;
    bench->failed_n += err != ERR_OK || existed;
}

static void append(struct bench *bench, struct log *log, const char *name, uint32_t i) {
    char key[FACT_KEY_SIZE];
    (void)text_format(key, sizeof(key), "%s/%" PRIu32, name, i);
    bench->waiting++;
    log_append(log, key, bench->value, sizeof(bench->value), bench, on_appended);
}

static void await(struct bench *bench, uint32_t waiting) {
    while (bench->waiting > waiting) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
    }
}

static uint64_t append_us(struct bench *bench, struct log *log, uint32_t i) {
    uint64_t began_ns = uv_hrtime();
    append(bench, log, "one", i);
    await(bench, 0);
    return (uv_hrtime() - began_ns) / 1000;
}

static size_t on_body(char *bytes, size_t one, size_t n, void *owner) {
    (void)bytes;
    (void)owner;
    return one * n;
}

static uint64_t bare_us(struct bench *bench, uint32_t i) {
    char body[1024], key[64], key64[96], value64[400];
    (void)text_format(key, sizeof(key), "/bare/%" PRIu32, i);
    memset(key64, 0, sizeof(key64));
    memset(value64, 0, sizeof(value64));
    base64_encode((const uint8_t *)key, strlen(key), key64);
    base64_encode(bench->value, sizeof(bench->value), value64);
    bool whole = text_format(
        body, sizeof(body),
        "{\"compare\":[{\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":\"0\","
        "\"key\":\"%s\"}],\"success\":[{\"request_put\":{\"key\":\"%s\",\"value\":\"%s\"}}]}",
        key64, key64, value64);
    ensure(whole);
    uint64_t began_ns = uv_hrtime();
    (void)curl_easy_setopt(bench->curl, CURLOPT_POSTFIELDS, body);
    long status = 0;
    CURLcode code = curl_easy_perform(bench->curl);
    (void)curl_easy_getinfo(bench->curl, CURLINFO_RESPONSE_CODE, &status);
    bench->failed_n += code != CURLE_OK || status != 200;
    return (uv_hrtime() - began_ns) / 1000;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t percentile(const struct way *way, uint32_t percent) {
    return way->took_us[(uint64_t)(way->n - 1) * percent / 100];
}

/* Appends per second with IN_FLIGHT on their way. */
static double flow(struct bench *bench, struct log *log, uint32_t n) {
    uint64_t began_ns = uv_hrtime();
    for (uint32_t i = 0; i < n; i++) {
        append(bench, log, "flow", i);
        await(bench, IN_FLIGHT - 1);
    }
    await(bench, 0);
    return n / ((double)(uv_hrtime() - began_ns) / 1e9);
}

static void report(void) {
    (void)printf("%-20s %9s %9s %9s   (us, %" PRIu32 " rounds)\n", "", "median", "p99",
                 "median/bare", ways[0].n);
    for (size_t i = 0; i < 3; i++) {
        qsort(ways[i].took_us, ways[i].n, sizeof(uint64_t), by_size);
    }
    for (size_t i = 0; i < 3; i++) {
        (void)printf("%-20s %9" PRIu64 " %9" PRIu64 " %9.2f\n", ways[i].name,
                     percentile(&ways[i], 50), percentile(&ways[i], 99),
                     (double)percentile(&ways[i], 50) / (double)percentile(&ways[1], 50));
    }
}

static void open_all(struct bench *bench, char **argv) {
    struct log_config etcd = {.engine = "etcd",
                              .prefix = argv[5],
                              .endpoints = {argv[1]},
                              .endpoints_n = 1,
                              .ca_file = argv[2],
                              .cert_file = argv[3],
                              .key_file = argv[4],
                              .timeout_ms = 10000};
    struct log_config embedded = {.engine = "embedded", .path = argv[6]};
    struct log_events events = {bench, on_fact, on_compacted, on_reachable, on_went_back};
    struct log_memory memory = {0};
    struct text256 why = {0};
    if (log_open(&bench->loop, &etcd, &memory, &events, &bench->etcd, &why) != ERR_OK ||
        log_open(&bench->loop, &embedded, &memory, &events, &bench->embedded, &why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why.at);
        exit(1);
    }
    char url[256];
    (void)text_format(url, sizeof(url), "%s/v3/kv/txn", argv[1]);
    bench->curl = curl_easy_init();
    ensure(bench->curl != NULL);
    (void)curl_easy_setopt(bench->curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(bench->curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    (void)curl_easy_setopt(bench->curl, CURLOPT_CAINFO, argv[2]);
    (void)curl_easy_setopt(bench->curl, CURLOPT_SSLCERT, argv[3]);
    (void)curl_easy_setopt(bench->curl, CURLOPT_SSLKEY, argv[4]);
    (void)curl_easy_setopt(bench->curl, CURLOPT_WRITEFUNCTION, on_body);
    (void)curl_easy_setopt(bench->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(bench->curl, CURLOPT_TIMEOUT_MS, 10000L);
}

int main(int argc, char **argv) {
    static struct bench bench;
    uint64_t rounds = 0;
    if (argc != 8 || !text_to_u64(argv[7], ROUNDS_MAX - WARM_UP, &rounds) || rounds < 10) {
        (void)fprintf(stderr, "engine_bench ENDPOINT CA CERT KEY PREFIX DATABASE ROUNDS\n");
        return 2;
    }
    memset(bench.value, 0xA5, sizeof(bench.value));
    int failed = uv_loop_init(&bench.loop);
    ensure(failed == 0);
    open_all(&bench, argv);
    for (uint32_t i = 0; i < rounds + WARM_UP; i++) {
        uint64_t took_us[3] = {append_us(&bench, bench.etcd, i), bare_us(&bench, i),
                               append_us(&bench, bench.embedded, i)};
        for (size_t w = 0; w < 3 && i >= WARM_UP; w++) {
            ways[w].took_us[ways[w].n++] = took_us[w];
        }
    }
    report();
    (void)printf("%d in flight: etcd %.0f/s, SQLite %.0f/s\n", IN_FLIGHT,
                 flow(&bench, bench.etcd, (uint32_t)rounds * 2),
                 flow(&bench, bench.embedded, (uint32_t)rounds * 2));
    curl_easy_cleanup(bench.curl);
    log_close(bench.etcd);
    log_close(bench.embedded);
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    failed = uv_loop_close(&bench.loop);
    if (bench.failed_n > 0 || failed != 0) {
        (void)fprintf(stderr, "%" PRIu32 " commits failed\n", bench.failed_n);
        return 1;
    }
    return 0;
}
