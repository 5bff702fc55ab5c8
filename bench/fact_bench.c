/* fact_bench: what it costs until a fact has reached every member, beside the bare commit of
 * etcd, turn by turn in one run: noise of the machine falls on both alike.
 *
 *   fact_bench ENDPOINTS CA CERT KEY PREFIX ROUNDS      ENDPOINTS: https://IP:PORT,https://...
 *
 * Three logs are open at once, as three members have them, each at its own endpoint; one
 * appends. They share this process's one thread, so the slowest is told a little too slow,
 * never too fast. */
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
#define READERS_N 3
#define PATIENCE_S 60

enum way { WAY_BARE, WAY_ACKNOWLEDGED, WAY_HERE, WAY_SLOWEST, WAYS_N };

struct bench;

struct reader {
    struct bench *bench;
    struct log *log;
    unsigned place;
};

struct bench {
    uv_loop_t loop;
    uint8_t value[VALUE_SIZE];
    struct reader readers[READERS_N];
    char endpoints[READERS_N][64];
    CURL *curl;
    char key[FACT_KEY_SIZE]; /* of the fact under way */
    uint64_t began_ns;
    bool acknowledged;
    unsigned heard_n;
    uint64_t took_us[WAYS_N]; /* of this round */
    uint32_t failed_n;
};

static const char *const way_names[WAYS_N] = {"bare etcd txn", "acknowledged", "at the proposer",
                                              "at the slowest"};
static uint64_t all_us[WAYS_N][ROUNDS_MAX];

static uint64_t since_us(const struct bench *bench) {
    return (uv_hrtime() - bench->began_ns) / 1000;
}

static void on_fact(void *owner, uint64_t index, const char *key, const uint8_t *bytes,
                    size_t size) {
    const struct reader *reader = owner;
    struct bench *bench = reader->bench;
    (void)index;
    (void)bytes;
    (void)size;
    if (!text_equal(key, bench->key)) {
        return;
    }
    bench->heard_n++;
    bench->took_us[WAY_SLOWEST] = since_us(bench);
    if (reader->place == 0) {
        bench->took_us[WAY_HERE] = since_us(bench);
    }
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
    bench->acknowledged = true;
    bench->took_us[WAY_ACKNOWLEDGED] = since_us(bench);
    bench->failed_n += err != ERR_OK || existed;
}

static void fact_round(struct bench *bench, uint32_t i) {
    (void)text_format(bench->key, sizeof bench->key, "fact/%" PRIu32, i);
    bench->acknowledged = false;
    bench->heard_n = 0;
    bench->began_ns = uv_hrtime();
    log_append(bench->readers[0].log, bench->key, bench->value, sizeof bench->value, bench,
               on_appended);
    while (!bench->acknowledged || bench->heard_n < READERS_N) {
        (void)uv_run(&bench->loop, UV_RUN_ONCE);
        if (since_us(bench) > PATIENCE_S * 1000000ull) {
            (void)fprintf(stderr, "%s: heard by %u of %d\n", bench->key, bench->heard_n, READERS_N);
            exit(1);
        }
    }
}

static size_t on_body(char *bytes, size_t one, size_t n, void *owner) {
    (void)bytes;
    (void)owner;
    return one * n;
}

/* The same kind of transaction at the same endpoint, by libcurl alone on a kept connection. */
static void bare_round(struct bench *bench, uint32_t i) {
    char body[1024], key[64], key64[96], value64[400];
    (void)text_format(key, sizeof key, "/bare/%" PRIu32, i);
    memset(key64, 0, sizeof key64);
    memset(value64, 0, sizeof value64);
    base64_encode((const uint8_t *)key, strlen(key), key64);
    base64_encode(bench->value, sizeof bench->value, value64);
    bool whole = text_format(
        body, sizeof body,
        "{\"compare\":[{\"target\":\"CREATE\",\"result\":\"EQUAL\",\"create_revision\":\"0\","
        "\"key\":\"%s\"}],\"success\":[{\"request_put\":{\"key\":\"%s\",\"value\":\"%s\"}}]}",
        key64, key64, value64);
    ensure(whole);
    bench->began_ns = uv_hrtime();
    (void)curl_easy_setopt(bench->curl, CURLOPT_POSTFIELDS, body);
    long status = 0;
    CURLcode code = curl_easy_perform(bench->curl);
    (void)curl_easy_getinfo(bench->curl, CURLINFO_RESPONSE_CODE, &status);
    bench->took_us[WAY_BARE] = since_us(bench);
    bench->failed_n += code != CURLE_OK || status != 200;
}

static int by_size(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* One line a way, for bench/run to read: name, then min, p50, p99 and max in us. */
static void report(uint32_t n) {
    for (unsigned w = 0; w < WAYS_N; w++) {
        qsort(all_us[w], n, sizeof(uint64_t), by_size);
        (void)printf("%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu32 "\n",
                     way_names[w], all_us[w][0], all_us[w][(n - 1) * 50 / 100],
                     all_us[w][(uint64_t)(n - 1) * 99 / 100], all_us[w][n - 1], n);
    }
}

static bool endpoints_split(struct bench *bench, const char *text) {
    const char *at = text;
    for (unsigned i = 0; i < READERS_N; i++) {
        size_t n = strcspn(at, ",");
        if (n == 0 || n >= sizeof bench->endpoints[i] || (i + 1 < READERS_N && at[n] != ',')) {
            return false;
        }
        memcpy(bench->endpoints[i], at, n);
        at += n + (at[n] == ',');
    }
    return *at == '\0';
}

static void open_all(struct bench *bench, char **argv) {
    struct log_memory memory = {0};
    struct text256 why = {{0}};
    for (unsigned i = 0; i < READERS_N; i++) {
        struct reader *reader = &bench->readers[i];
        struct log_config config = {.engine = "etcd",
                                    .prefix = argv[5],
                                    .endpoints = {bench->endpoints[i]},
                                    .endpoints_n = 1,
                                    .ca_file = argv[2],
                                    .cert_file = argv[3],
                                    .key_file = argv[4],
                                    .timeout_ms = 10000};
        *reader = (struct reader){.bench = bench, .place = i};
        struct log_events events = {reader, on_fact, on_compacted, on_reachable, on_went_back};
        if (log_open(&bench->loop, &config, &memory, &events, &reader->log, &why) != ERR_OK) {
            (void)fprintf(stderr, "%s\n", why.at);
            exit(1);
        }
        log_subscribe(reader->log, 1);
    }
    char url[128];
    (void)text_format(url, sizeof url, "%s/v3/kv/txn", bench->endpoints[0]);
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
    if (argc != 7 || !endpoints_split(&bench, argv[1]) ||
        !text_to_u64(argv[6], ROUNDS_MAX - WARM_UP, &rounds) || rounds < 10) {
        (void)fprintf(stderr, "fact_bench ENDPOINT,ENDPOINT,ENDPOINT CA CERT KEY PREFIX ROUNDS\n");
        return 2;
    }
    memset(bench.value, 0xA5, sizeof bench.value);
    int failed = uv_loop_init(&bench.loop);
    ensure(failed == 0);
    open_all(&bench, argv);
    for (uint32_t i = 0; i < rounds + WARM_UP; i++) {
        bare_round(&bench, i);
        fact_round(&bench, i);
        for (unsigned w = 0; w < WAYS_N && i >= WARM_UP; w++) {
            all_us[w][i - WARM_UP] = bench.took_us[w];
        }
    }
    report((uint32_t)rounds);
    curl_easy_cleanup(bench.curl);
    for (unsigned i = 0; i < READERS_N; i++) {
        log_close(bench.readers[i].log);
    }
    (void)uv_run(&bench.loop, UV_RUN_DEFAULT);
    failed = uv_loop_close(&bench.loop);
    if (bench.failed_n > 0 || failed != 0) {
        (void)fprintf(stderr, "%" PRIu32 " commits failed\n", bench.failed_n);
        return 1;
    }
    return 0;
}
