/* The place that HAProxy asks: one agent's alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/agent.h"

static struct agent_program agent;
static struct agent_conf conf;
static uv_loop_t loop;

/* Another agent's, which would share its port with anybody: returns the socket, and its place. */
static int listening(char *ret_place, size_t place_size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    int on = 1, made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(made >= 0);
    assert_int_equal(setsockopt(made, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on), 0);
    assert_int_equal(bind(made, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(made, 5), 0);
    assert_int_equal(getsockname(made, (struct sockaddr *)&address, &size), 0);
    (void)snprintf(ret_place, place_size, "127.0.0.1:%u", ntohs(address.sin_port));
    return made;
}

/* The kernel would hand every other question to the other agent, which may be another region's. */
static void a_place_that_is_taken_is_refused(void **state) {
    char place[32];
    struct text256 why = {0};
    struct writable *writable = NULL;
    (void)state;
    int other = listening(place, sizeof place);
    (void)text_copy(conf.writable_listen, sizeof conf.writable_listen, place);
    assert_int_equal(writable_open(&agent, &writable, &why), ERR_IO);
    assert_non_null(strstr(why.at, place));
    (void)close(other);
    assert_int_equal(writable_open(&agent, &writable, &why), ERR_OK);
    writable_close(writable);
    while (uv_run(&loop, UV_RUN_DEFAULT) != 0) {
    }
}

static void what_is_no_place_is_refused(void **state) {
    static const char *const places[] = {"", "127.0.0.1", "localhost:80", "127.0.0.1:65536", ":80"};
    (void)state;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct text256 why = {0};
        struct writable *writable = NULL;
        (void)text_copy(conf.writable_listen, sizeof conf.writable_listen, places[i]);
        assert_int_equal(writable_open(&agent, &writable, &why), ERR_CONFIG);
        assert_non_null(strstr(why.at, "is not IPv4:PORT"));
    }
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_that_is_taken_is_refused),
        cmocka_unit_test(what_is_no_place_is_refused),
    };
    agent.conf = &conf;
    agent.loop = &loop;
    if (uv_loop_init(&loop) != 0) {
        return 1;
    }
    return cmocka_run_group_tests_name("agent.writable", tests, NULL, NULL);
}
