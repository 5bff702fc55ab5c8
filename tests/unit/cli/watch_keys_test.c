/* What a terminal is while keys are taken from it, and afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "coordinator/cli/cli.h"

/* The child has a terminal of its own; says 'k' when keys are taken, and 'q' when it saw one. */
static void keys_child(const char *name) {
    (void)setsid();
    int terminal = open(name, O_RDWR);
    (void)dup2(terminal, STDIN_FILENO);
    (void)dup2(terminal, STDOUT_FILENO);
    (void)!write(STDOUT_FILENO, watch_keys_open() ? "k" : "-", 1);
    while (!watch_keys_quit()) {
        (void)poll(NULL, 0, 5);
    }
    watch_keys_close();
    (void)!write(STDOUT_FILENO, "q", 1);
    _exit(0);
}

/* All that the child wrote until it had ended; its terminal is looked at when it had taken keys. */
static int keys_watched(const char *typed, int number, char ret_text[256], bool ret_same[1]) {
    struct termios before, now;
    int terminal = posix_openpt(O_RDWR | O_NOCTTY), status = 0;
    assert_true(terminal >= 0);
    assert_int_equal(grantpt(terminal) | unlockpt(terminal), 0);
    int end = open(ptsname(terminal), O_RDWR | O_NOCTTY);
    assert_true(end >= 0);
    assert_int_equal(tcgetattr(end, &before), 0);
    pid_t child = fork();
    if (child == 0) {
        keys_child(ptsname(terminal));
    }
    ssize_t n = read(terminal, ret_text, 1);
    assert_int_equal(n, 1);
    assert_int_equal(ret_text[0], 'k');
    assert_int_equal(tcgetattr(end, &now), 0);
    assert_int_equal(now.c_lflag & (tcflag_t)(ICANON | ECHO), 0);
    assert_int_equal(write(terminal, typed, strlen(typed)), (ssize_t)strlen(typed));
    if (number != 0) {
        assert_int_equal(kill(child, number), 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    n = read(terminal, ret_text, 255);
    ret_text[n > 0 ? n : 0] = '\0';
    assert_int_equal(tcgetattr(end, &now), 0);
    *ret_same =
        now.c_lflag == before.c_lflag && memcmp(now.c_cc, before.c_cc, sizeof now.c_cc) == 0;
    (void)close(end);
    (void)close(terminal);
    return status;
}

static void q_ends_it_and_the_terminal_is_as_it_was(void **state) {
    char text[256];
    bool same = false;
    (void)state;
    int status = keys_watched("xq", 0, text, &same);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0 && same);
    assert_string_equal(text, "\033[?7h\r\nq"); /* neither x nor q was shown */
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    for (unsigned i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        status = keys_watched("", ends[i], text, &same);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == ends[i] && same);
        assert_string_equal(text, "\033[?7h\r\n");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(q_ends_it_and_the_terminal_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
