/* GET /metrics over real sockets: what is answered, what is refused, and what it costs the loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/web.h"

#define PATIENCE_MS 20000 /* for a machine that is busy */

static uv_loop_t loop;
static struct web *web;
static unsigned written_n;
static size_t text_n = 40;

static size_t write_text(void *owner, char *out, size_t out_size) {
    (void)owner;
    written_n++;
    memset(out, 'm', out_size < text_n ? out_size : text_n);
    return text_n;
}

static int open_web(void **state) {
    struct text256 why = {{0}};
    const struct web_config config = {
        .listen = "127.0.0.1:0", .text_size = 1024 * 1024, .write = write_text};
    (void)state;
    written_n = 0;
    text_n = 40;
    assert_int_equal(uv_loop_init(&loop), 0);
    assert_int_equal(web_open(&loop, &config, &web, &why), ERR_OK);
    return 0;
}

static int close_web(void **state) {
    (void)state;
    web_close(web);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    return 0;
}

static int dial(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(web_port(web))};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *request, size_t size) {
    while (size > 0) {
        ssize_t n = send(fd, request, size, MSG_NOSIGNAL);
        if (n < 0) {
            return; /* refused before all of it was read */
        }
        request += n;
        size -= (size_t)n;
    }
}

/* Reads until the other side closes; the loop runs meanwhile, when it may. */
static size_t hear(int fd, char *out, size_t out_size, bool runs) {
    uint64_t deadline_ms = clock_boot_ms() + PATIENCE_MS;
    size_t used = 0;
    out[0] = '\0';
    while (clock_boot_ms() < deadline_ms && used + 1 < out_size) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        if (runs) {
            (void)uv_run(&loop, UV_RUN_NOWAIT);
        }
        if (poll(&poll_fd, 1, 5) <= 0) {
            continue;
        }
        ssize_t n = recv(fd, out + used, out_size - 1 - used, 0);
        if (n <= 0) {
            return used;
        }
        used += (size_t)n;
        out[used] = '\0';
    }
    fail_msg("no end within %d ms", PATIENCE_MS);
    return used;
}

static unsigned status_of(const char *answer) {
    unsigned status = 0;
    return sscanf(answer, "HTTP/1.%*u %u", &status) == 1 ? status : 0;
}

static char answer[2 * 1024 * 1024];

static unsigned ask(const char *request, bool runs) {
    int fd = dial();
    say(fd, request, strlen(request));
    (void)hear(fd, answer, sizeof answer, runs);
    (void)close(fd);
    return status_of(answer);
}

#define GET "GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void requests_are_answered_as_they_should(void **state) {
    static const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        {GET, 200},
        {"GET /metrics HTTP/1.0\r\n\r\n", 200},
        {"GET /metrics?x=1&y HTTP/1.0\r\n\r\n", 200},
        {"HEAD /metrics HTTP/1.0\r\n\r\n", 200},
        {"GET / HTTP/1.0\r\n\r\n", 404},
        {"GET /metrics/ HTTP/1.0\r\n\r\n", 404},
        {"GET /../metrics HTTP/1.0\r\n\r\n", 404},
        {"GET /status HTTP/1.0\r\n\r\n", 404},
        {"POST /metrics HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello", 405},
        {"DELETE /metrics HTTP/1.0\r\n\r\n", 405},
        {"nonsense\r\n\r\n", 0}, /* closed without a word */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(ask(cases[i].request, true), cases[i].status);
    }
    assert_int_equal(ask(GET, true), 200);
    assert_non_null(strstr(answer, "text/plain; version=0.0.4"));
    assert_non_null(strstr(answer, "\r\n\r\nmmmm"));
}

static void a_request_without_end_is_refused(void **state) {
    static char request[4 * WEB_REQUEST_BYTES_MAX];
    (void)state;
    int fd = dial();
    (void)snprintf(request, sizeof request, "GET /metrics HTTP/1.1\r\nHost: x\r\nX: ");
    memset(request + strlen(request), 'a', sizeof request - strlen(request) - 1);
    say(fd, request, sizeof request - 1);
    (void)hear(fd, answer, sizeof answer, true);
    (void)close(fd);
    unsigned status = status_of(answer); /* or reset, before the answer could be read */
    assert_true(status == 0 || status == 413 || status == 431);
    assert_int_equal(ask(GET, true), 200); /* it serves on */
}

static void a_storm_of_requests_has_the_text_written_once(void **state) {
    (void)state;
    uint64_t began_ms = clock_boot_ms();
    for (unsigned i = 0; i < 200; i++) {
        assert_int_equal(ask(GET, true), 200);
    }
    uint64_t took_ms = clock_boot_ms() - began_ms;
    assert_true(written_n >= 1 && written_n <= 1 + took_ms / WEB_FRESH_MS);
}

static void a_big_text_arrives_whole(void **state) {
    (void)state;
    text_n = 1024 * 1024;
    assert_int_equal(ask(GET, true), 200);
    assert_int_equal(strlen(strstr(answer, "\r\n\r\n") + 4), text_n);
}

static void a_loop_that_hangs_is_told_as_503(void **state) {
    (void)state;
    uint64_t began_ms = clock_boot_ms();
    assert_int_equal(ask(GET, false), 503);
    assert_true(clock_boot_ms() - began_ms >= WEB_PATIENCE_MS - 10);
    began_ms = clock_boot_ms();
    assert_int_equal(ask(GET, false), 503); /* the patience is spent: at once */
    assert_int_equal(written_n, 0);
    uint64_t deadline_ms = clock_boot_ms() + PATIENCE_MS;
    while (written_n == 0 && clock_boot_ms() < deadline_ms) {
        (void)uv_run(&loop, UV_RUN_NOWAIT);
    }
    assert_int_equal(ask(GET, true), 200);
}

/* More connections than are allowed, and none says anything: those that were there are served once
 * the silent ones leave, and the loop has no part in it. */
static void silent_connections_are_bounded(void **state) {
    int fds[3 * WEB_CONNECTIONS_MAX];
    unsigned closed_n = 0;
    (void)state;
    for (unsigned i = 0; i < 3 * WEB_CONNECTIONS_MAX; i++) {
        fds[i] = dial();
    }
    uint64_t deadline_ms = clock_boot_ms() + PATIENCE_MS;
    while (closed_n < 3 * WEB_CONNECTIONS_MAX - WEB_CONNECTIONS_PER_IP_MAX &&
           clock_boot_ms() < deadline_ms) {
        closed_n = 0;
        for (unsigned i = 0; i < 3 * WEB_CONNECTIONS_MAX; i++) {
            char byte;
            ssize_t n = recv(fds[i], &byte, 1, MSG_DONTWAIT | MSG_PEEK);
            closed_n += n == 0 || (n < 0 && errno != EAGAIN);
        }
        (void)poll(NULL, 0, 5);
    }
    assert_true(closed_n >= 3 * WEB_CONNECTIONS_MAX - WEB_CONNECTIONS_PER_IP_MAX);
    assert_int_equal(written_n, 0);
    for (unsigned i = 0; i < 3 * WEB_CONNECTIONS_MAX; i++) {
        (void)close(fds[i]);
    }
    unsigned status = 0;
    for (deadline_ms = clock_boot_ms() + PATIENCE_MS;
         status != 200 && clock_boot_ms() < deadline_ms;) {
        status = ask(GET, true);
    }
    assert_int_equal(status, 200);
}

static void it_closes_while_somebody_waits(void **state) {
    (void)state;
    int fd = dial();
    say(fd, GET, strlen(GET));
    (void)poll(NULL, 0, 50);
    uint64_t began_ms = clock_boot_ms();
    (void)close_web(NULL);
    assert_true(clock_boot_ms() - began_ms < PATIENCE_MS);
    (void)close(fd);
    (void)open_web(NULL);
}

static void a_wrong_address_is_named(void **state) {
    static const char *const wrong[] = {"",           "127.0.0.1", "localhost:1",    "127.0.0.1:x",
                                        "1.2.3.4:9x", "[::1:80",   "127.0.0.1:99999"};
    (void)state;
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct text256 why = {{0}};
        struct web *none = NULL;
        const struct web_config config = {
            .listen = wrong[i], .text_size = 1024, .write = write_text};
        assert_int_equal(web_open(&loop, &config, &none, &why), ERR_CONFIG);
        assert_non_null(strstr(why.at, "is not IP:PORT"));
    }
    char taken[32];
    struct text256 why = {{0}};
    struct web *none = NULL;
    (void)snprintf(taken, sizeof taken, "127.0.0.1:%u", web_port(web));
    const struct web_config config = {.listen = taken, .text_size = 1024, .write = write_text};
    enum err err = web_open(&loop, &config, &none, &why);
    assert_true(err == ERR_IO);
    assert_non_null(strstr(why.at, taken));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(requests_are_answered_as_they_should, open_web, close_web),
        cmocka_unit_test_setup_teardown(a_request_without_end_is_refused, open_web, close_web),
        cmocka_unit_test_setup_teardown(a_storm_of_requests_has_the_text_written_once, open_web,
                                        close_web),
        cmocka_unit_test_setup_teardown(a_big_text_arrives_whole, open_web, close_web),
        cmocka_unit_test_setup_teardown(a_loop_that_hangs_is_told_as_503, open_web, close_web),
        cmocka_unit_test_setup_teardown(silent_connections_are_bounded, open_web, close_web),
        cmocka_unit_test_setup_teardown(it_closes_while_somebody_waits, open_web, close_web),
        cmocka_unit_test_setup_teardown(a_wrong_address_is_named, open_web, close_web),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
