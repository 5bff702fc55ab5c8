/* Members asked all at once: a conversation that stands still keeps nobody waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/actions/pg_group.h"
#include "common/io/clock.h"

/* A server that takes the connection and never says a word; its address into `out`. */
static int silent_server(char *out, size_t out_size) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(server >= 0);
    assert_int_equal(bind(server, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(server, 8), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&at, &size), 0);
    assert_true(text_format(out, out_size, "127.0.0.1:%u", (unsigned)ntohs(at.sin_port)));
    return server;
}

/* Reads until the other end is closed; false: it was still open after two seconds. */
static bool is_left(int connection) {
    uint8_t bytes[512];
    uint64_t end_ms = clock_boot_ms() + 2000;
    while (clock_boot_ms() < end_ms) {
        struct pollfd wait = {.fd = connection, .events = POLLIN};
        if (poll(&wait, 1, 100) > 0 && recv(connection, bytes, sizeof bytes, 0) <= 0) {
            return true;
        }
    }
    return false;
}

static void a_server_that_is_to_stop_is_left_alone(void **state) {
    (void)state;
    static const struct secrets none;
    struct arguments arguments = {.n = 1};
    struct pg_group group;
    struct text256 why = {""};
    int server = silent_server(arguments.at[0].value, sizeof arguments.at[0].value);
    (void)text_copy(arguments.at[0].name, sizeof arguments.at[0].name, "pg_addresses");
    struct action_input input = {.arguments = &arguments,
                                 .secrets = &none,
                                 .timeout_ms = 5000,
                                 .deadline_boot_ms = clock_boot_ms() + 5000};
    assert_int_equal(pg_group_open(&input, "pg_addresses", &group, &why), ERR_OK);
    pg_group_look(&group, clock_boot_ms() + 200);
    int connection = accept(server, NULL, NULL);
    assert_true(connection >= 0);
    group.at[0].state = PG_STANDBY; /* one of those is asked again behind the stop */
    pg_group_leave(&group);
    assert_non_null(group.at[0].conn);
    group.at[0].state = PG_DOWN;
    pg_group_leave(&group);
    assert_null(group.at[0].conn);
    assert_int_equal(group.at[0].state, PG_DOWN); /* what was seen stays */
    assert_true(is_left(connection));
    pg_group_close(&group);
    (void)close(connection);
    (void)close(server);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_that_is_to_stop_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
