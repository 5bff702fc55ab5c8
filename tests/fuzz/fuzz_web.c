/* What anybody may send to /metrics, to the real server over a real socket; and, behind an 'E',
 * what may stand in a label. Only a GET or HEAD gets the text, and a label's value reads back as it
 * was written. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/ensure.h"
#include "common/io/exposition.h"
#include "common/io/web.h"

#define SILENT_MS 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char text[] = "drover_up 1\n";

static size_t write_text(void *owner, char *out, size_t out_size) {
    (void)owner;
    ensure(sizeof text <= out_size);
    memcpy(out, text, sizeof text - 1);
    return sizeof text - 1;
}

static uv_loop_t *served(struct web **ret_web) {
    static uv_loop_t loop;
    static struct web *web;
    if (web == NULL) {
        const struct web_config config = {
            .listen = "127.0.0.1:0", .text_size = 4096, .write = write_text};
        struct text256 why;
        ensure(uv_loop_init(&loop) == 0);
        ensure(web_open(&loop, &config, &web, &why) == ERR_OK);
    }
    *ret_web = web;
    return &loop;
}

/* Reset at its close: thousands of them in a row must not use up the ports. */
static int dial(const struct web *web) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(web_port(web))};
    const struct linger at_once = {.l_onoff = 1};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ensure(fd >= 0);
    ensure(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

/* Until it has said all, or nothing for a while: half a request is left open until WEB_IDLE_S. */
static void hear(int fd, uv_loop_t *loop, char *out, size_t out_size) {
    size_t used = 0;
    for (unsigned silent_ms = 0; silent_ms < SILENT_MS;) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        (void)uv_run(loop, UV_RUN_NOWAIT);
        if (poll(&poll_fd, 1, 1) <= 0) {
            silent_ms++;
            continue;
        }
        ssize_t n = recv(fd, out + used, out_size - 1 - used, 0);
        if (n <= 0 || used + (size_t)n == out_size - 1) {
            break;
        }
        used += (size_t)n;
    }
    out[used] = '\0';
}

static bool contains(const uint8_t *data, size_t size, const char *word) {
    return memmem(data, size, word, strlen(word)) != NULL;
}

static void ask(const uint8_t *data, size_t size) {
    static char answer[256 * 1024];
    struct web *web;
    unsigned status = 0;
    uv_loop_t *loop = served(&web);
    int fd = dial(web);
    if (fd < 0) {
        return;
    }
    if (send(fd, data, size, MSG_NOSIGNAL) >= 0) {
        (void)shutdown(fd, SHUT_WR);
        hear(fd, loop, answer, sizeof answer);
        bool spoke = answer[0] != '\0';
        ensure(!spoke || sscanf(answer, "HTTP/1.%*1u %3u", &status) == 1);
        ensure(status != 200 || contains(data, size, "GET") || contains(data, size, "HEAD"));
        /* A zero byte ends the method for us and not for libmicrohttpd, which then sends the page:
         * nothing that a GET would not be given. */
        bool head_zero = memmem(data, size, "HEAD", 5) != NULL;
        ensure(strstr(answer, text) == NULL || contains(data, size, "GET") || head_zero);
    }
    (void)close(fd);
}

/* The value as it was written: control characters but the line's end cannot be. */
static void read_back(const uint8_t *data, size_t size) {
    char value[512], line[4096];
    size_t n = size < sizeof value - 1 ? size : sizeof value - 1, at = 0;
    for (size_t i = 0; i < n; i++) {
        value[at] = (char)data[i];
        at += data[i] != 0;
    }
    value[at] = '\0';
    struct exposition to;
    const struct label labels[] = {{"first", value}, {"second", "x"}};
    exposition_begin(&to, line, sizeof line);
    exposition_family(&to, "drover_a", SERIES_GAUGE, value);
    size_t from = to.used;
    exposition_count(&to, 1, 2, labels);
    ensure(to.dropped_n == 0 && strncmp(line + from, "drover_a{first=\"", 16) == 0);
    const char *c = line + from + 16;
    for (const char *v = value; *v != '\0'; v++, c++) {
        unsigned char plain = (unsigned char)*v;
        if (plain == '\n' || plain == '"' || plain == '\\') {
            ensure(*c++ == '\\' && *c == (plain == '\n' ? 'n' : *v));
        } else {
            ensure(*c == (plain < 0x20 || plain == 0x7f ? '?' : *v));
        }
    }
    ensure(strcmp(c, "\",second=\"x\"} 1\n") == 0);
    ensure(exposition_end(&to) == strlen(line));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size > 0 && data[0] == 'E') {
        read_back(data + 1, size - 1);
    } else {
        ask(data, size);
    }
    return 0;
}
