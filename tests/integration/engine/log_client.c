/* log_client: one subscriber and appender of log.h, driven by lines on stdin, telling what happens
 * in lines on stdout. For the tests and the bench of the engines.
 *
 *   append KEY TEXT | blob KEY SIZE | head | snapshot INDEX SIZE | load | compact INDEX
 *   subscribe FROM | memory | describe | quit
 *
 * Appends are repeated with the same key until they succeed (as a member does), unless --once. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "common/base/bytes.h"
#include "common/base/ensure.h"
#include "coordinator/log/log.h"

#define LINE_MAX_SIZE 4096
#define TEXT_SHOWN_MAX 64

struct client {
    uv_loop_t *loop;
    uv_pipe_t input;
    uv_timer_t resume;
    struct log *log;
    char line[1 << 20];
    size_t line_n;
    uint32_t pending_n, window;
    bool once, quiet, follow, input_ended, input_paused, quitting;
};

struct append {
    struct client *client;
    uv_timer_t retry;
    uint64_t began_us;
    char key[FACT_KEY_SIZE];
    uint8_t *bytes;
    size_t size;
};

static struct client client;

static void client_on_resume(uv_timer_t *timer);

static void print_line(const char *line) {
    (void)fputs(line, stdout);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

#define SAY(...)                                                                                   \
    do {                                                                                           \
        char said_[512];                                                                           \
        (void)text_format(said_, sizeof(said_), __VA_ARGS__);                                      \
        print_line(said_);                                                                         \
    } while (0)

static void append_on_closed(uv_handle_t *handle) {
    struct append *append = handle->data;
    free(append->bytes);
    free(append);
}

static void append_on_done(void *owner, enum err err, uint64_t index, bool existed);

static void append_on_retry(uv_timer_t *timer) {
    struct append *append = timer->data;
    if (!append->client->quitting) {
        log_append(append->client->log, append->key, append->bytes, append->size, append,
                   append_on_done);
    }
}

static void append_end(struct append *append) {
    struct client *c = append->client;
    c->pending_n--;
    uv_close((uv_handle_t *)&append->retry, append_on_closed);
    if (!c->quitting) {
        int failed = uv_timer_start(&c->resume, client_on_resume, 0, 0);
        ensure(failed == 0);
    }
}

static void append_on_done(void *owner, enum err err, uint64_t index, bool existed) {
    struct append *append = owner;
    if (err == ERR_OK) {
        SAY("ack %s %" PRIu64 " %s %" PRIu64, append->key, index, existed ? "existed" : "new",
            uv_hrtime() / 1000 - append->began_us);
        append_end(append);
        return;
    }
    SAY("fail %s %s", append->key, err_name(err));
    if (append->client->once || err == ERR_CLOSED || err == ERR_WENT_BACK || err == ERR_TOO_BIG) {
        append_end(append);
        return;
    }
    int failed = uv_timer_start(&append->retry, append_on_retry, 50, 0);
    ensure(failed == 0);
}

static void append_begin(struct client *c, const char *key, const uint8_t *bytes, size_t size) {
    struct append *append = calloc(1, sizeof(*append));
    ensure(append != NULL);
    append->client = c;
    append->began_us = uv_hrtime() / 1000;
    (void)text_copy(append->key, sizeof(append->key), key);
    append->bytes = malloc(size + 1);
    ensure(append->bytes != NULL);
    memcpy(append->bytes, bytes, size);
    append->size = size;
    int failed = uv_timer_init(c->loop, &append->retry);
    ensure(failed == 0);
    append->retry.data = append;
    c->pending_n++;
    log_append(c->log, append->key, append->bytes, append->size, append, append_on_done);
}

/* Bytes that differ by key, so that a mix-up of facts shows. */
static void fill_bytes(const char *seed, uint8_t *bytes, size_t size) {
    uint32_t state = crc32_of(seed, strlen(seed)) | 1U;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525U + 1013904223U;
        bytes[i] = (uint8_t)(state >> 24);
    }
}

static void on_fact(void *owner, uint64_t index, const char *key, const uint8_t *bytes,
                    size_t size) {
    const struct client *c = owner;
    if (c->quiet) {
        return;
    }
    char text[TEXT_SHOWN_MAX + 1] = "-";
    if (size > 0 && size <= TEXT_SHOWN_MAX && memchr(bytes, 0, size) == NULL) {
        memcpy(text, bytes, size);
        text[size] = '\0';
    }
    SAY("fact %" PRIu64 " %s %zu %08x %s", index, key, size, (unsigned)crc32_of(bytes, size), text);
}

static void on_compacted(void *owner, uint64_t first) {
    (void)owner;
    SAY("compacted %" PRIu64, first);
}

static void on_reachable(void *owner, bool reachable) {
    (void)owner;
    SAY("reachable %d", reachable ? 1 : 0);
}

static void on_went_back(void *owner, const char *why) {
    (void)owner;
    SAY("went_back %s", why);
}

static void on_head(void *owner, enum err err, uint64_t index) {
    (void)owner;
    SAY("head %s %" PRIu64, err_name(err), index);
}

static void on_stored(void *owner, enum err err) {
    (void)owner;
    SAY("stored %s", err_name(err));
}

static void on_compact_done(void *owner, enum err err) {
    (void)owner;
    SAY("compact %s", err_name(err));
}

static void on_loaded(void *owner, enum err err, uint64_t index, const uint8_t *bytes,
                      size_t size) {
    (void)owner;
    SAY("loaded %s %" PRIu64 " %zu %08x", err_name(err), index, size,
        err == ERR_OK ? (unsigned)crc32_of(bytes, size) : 0U);
}

static void client_snapshot(struct client *c, uint64_t index, uint64_t size) {
    uint8_t *bytes = malloc(size + 1);
    ensure(bytes != NULL);
    char seed[32];
    (void)text_format(seed, sizeof(seed), "snapshot%" PRIu64, index);
    fill_bytes(seed, bytes, size);
    SAY("storing %" PRIu64 " %" PRIu64 " %08x", index, size, (unsigned)crc32_of(bytes, size));
    log_snapshot_store(c->log, index, bytes, size, c, on_stored);
    free(bytes);
}

static void client_quit(struct client *c) {
    c->quitting = true;
    log_close(c->log);
    c->log = NULL;
    uv_close((uv_handle_t *)&c->resume, NULL);
    uv_close((uv_handle_t *)&c->input, NULL);
}

static void client_say_memory(const struct client *c) {
    struct log_memory memory = log_memory_now(c->log);
    SAY("memory %" PRIu64 " %" PRIu64 " %" PRIu64, memory.cluster_id, memory.highest_index,
        memory.highest_key);
}

static void client_command(struct client *c, char *line) {
    char verb[16], key[FACT_KEY_SIZE], rest[LINE_MAX_SIZE];
    verb[0] = key[0] = rest[0] = '\0';
    (void)sscanf(line, "%15s %95s %4095[^\n]", verb, key, rest);
    uint64_t a = 0, b = 0;
    (void)text_to_u64(key, UINT64_MAX, &a);
    (void)text_to_u64(rest, UINT64_MAX, &b);
    if (text_equal(verb, "append")) {
        append_begin(c, key, (const uint8_t *)rest, strlen(rest));
    } else if (text_equal(verb, "blob")) {
        uint8_t *bytes = malloc(b + 1);
        ensure(bytes != NULL);
        fill_bytes(key, bytes, b);
        append_begin(c, key, bytes, b);
        free(bytes);
    } else if (text_equal(verb, "head")) {
        log_head(c->log, c, on_head);
    } else if (text_equal(verb, "snapshot")) {
        client_snapshot(c, a, b);
    } else if (text_equal(verb, "load")) {
        log_snapshot_load(c->log, c, on_loaded);
    } else if (text_equal(verb, "compact")) {
        log_compact(c->log, a, c, on_compact_done);
    } else if (text_equal(verb, "subscribe")) {
        log_subscribe(c->log, a);
    } else if (text_equal(verb, "memory")) {
        client_say_memory(c);
    } else if (text_equal(verb, "describe")) {
        char text[400];
        log_describe(c->log, text, sizeof(text));
        SAY("describe %s", text);
    } else if (text_equal(verb, "quit")) {
        client_quit(c);
    } else {
        SAY("unknown %s", verb);
    }
}

static void client_read_lines(struct client *c) {
    size_t at = 0;
    while (!c->quitting && c->pending_n < c->window) {
        char *end = memchr(c->line + at, '\n', c->line_n - at);
        if (end == NULL) {
            break;
        }
        *end = '\0';
        client_command(c, c->line + at);
        at = (size_t)(end - c->line) + 1;
    }
    memmove(c->line, c->line + at, c->line_n - at);
    c->line_n -= at;
    if (!c->quitting && c->input_ended && c->pending_n == 0 && c->line_n == 0 && !c->follow) {
        client_quit(c);
    }
}

static void client_on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf) {
    (void)size;
    struct client *c = handle->data;
    *buf = uv_buf_init(c->line + c->line_n, (unsigned)(sizeof(c->line) - c->line_n));
}

static void client_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf) {
    (void)buf;
    struct client *c = stream->data;
    if (n == UV_ENOBUFS) { /* the window is full for long: read on when lines were taken up */
        c->input_paused = true;
        (void)uv_read_stop(stream);
        return;
    }
    if (n < 0) {
        c->input_ended = true;
        (void)uv_read_stop(stream);
    } else {
        c->line_n += (size_t)n;
    }
    client_read_lines(c);
}

static void client_on_resume(uv_timer_t *timer) {
    struct client *c = timer->data;
    client_read_lines(c);
    if (c->input_paused && !c->quitting && c->line_n < sizeof(c->line)) {
        c->input_paused = false;
        int failed = uv_read_start((uv_stream_t *)&c->input, client_on_alloc, client_on_read);
        ensure(failed == 0);
    }
}

static bool client_options(int argc, char **argv, struct log_config *config,
                           struct log_memory *memory, uint64_t *ret_from) {
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (text_equal(name, "--once") || text_equal(name, "--quiet") ||
            text_equal(name, "--follow")) {
            client.once = client.once || text_equal(name, "--once");
            client.quiet = client.quiet || text_equal(name, "--quiet");
            client.follow = client.follow || text_equal(name, "--follow");
            continue;
        }
        if (i + 1 == argc) {
            return false;
        }
        const char *value = argv[++i];
        uint64_t number = 0;
        (void)text_to_u64(value, UINT64_MAX, &number);
        if (text_equal(name, "--engine")) {
            config->engine = value;
        } else if (text_equal(name, "--path")) {
            config->path = value;
        } else if (text_equal(name, "--prefix")) {
            config->prefix = value;
        } else if (text_equal(name, "--endpoint") && config->endpoints_n < 8) {
            config->endpoints[config->endpoints_n++] = value;
        } else if (text_equal(name, "--ca")) {
            config->ca_file = value;
        } else if (text_equal(name, "--cert")) {
            config->cert_file = value;
        } else if (text_equal(name, "--key")) {
            config->key_file = value;
        } else if (text_equal(name, "--timeout")) {
            config->timeout_ms = (uint32_t)number;
        } else if (text_equal(name, "--window")) {
            client.window = (uint32_t)number;
        } else if (text_equal(name, "--from")) {
            *ret_from = number;
        } else if (text_equal(name, "--cluster")) {
            memory->cluster_id = number;
        } else if (text_equal(name, "--highest")) {
            memory->highest_index = number;
        } else if (text_equal(name, "--highest-key")) {
            memory->highest_key = number;
        } else {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv) {
    struct log_config config = {0};
    struct log_memory memory = {0};
    uint64_t from = 0;
    client.window = 64;
    if (!client_options(argc, argv, &config, &memory, &from)) {
        (void)fprintf(stderr, "log_client: unknown or incomplete option\n");
        return 2;
    }
    uv_loop_t loop;
    int failed = uv_loop_init(&loop) | uv_pipe_init(&loop, &client.input, 0) |
                 uv_timer_init(&loop, &client.resume);
    ensure(failed == 0);
    client.loop = &loop;
    client.input.data = client.resume.data = &client;
    struct log_events events = {&client, on_fact, on_compacted, on_reachable, on_went_back};
    struct text256 why = {0};
    enum err err = log_open(&loop, &config, &memory, &events, &client.log, &why);
    if (err != ERR_OK) {
        SAY("open %s %s", err_name(err), why.at);
        return 1;
    }
    SAY("open OK");
    if (from > 0) {
        log_subscribe(client.log, from);
    }
    failed = uv_pipe_open(&client.input, STDIN_FILENO);
    if (failed == 0) {
        failed = uv_read_start((uv_stream_t *)&client.input, client_on_alloc, client_on_read);
    }
    ensure(failed == 0);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    failed = uv_loop_close(&loop);
    SAY("closed %s", failed == 0 ? "clean" : uv_strerror(failed));
    return failed == 0 ? 0 : 3;
}
