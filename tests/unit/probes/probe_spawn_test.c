/* Programs are run without a shell, watched, bounded and killed in time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/io/clock.h"
#include "common/io/spawn.h"

static char output[64];
static char errors[64];

static enum err shell(const char *script, uint64_t limit_ms, struct spawn_result *result) {
    const char *const argv[] = {"sh", "-c", script, NULL};
    struct spawn_input input = {.path = "/bin/sh",
                                .argv = argv,
                                .deadline_boot_ms = clock_boot_ms() + limit_ms,
                                .output = output,
                                .output_size = sizeof output,
                                .errors = errors,
                                .errors_size = sizeof errors};
    struct text256 why = {""};
    memset(result, 0, sizeof *result);
    return spawn_run(&input, result, &why);
}

static void both_streams_and_the_exit_code_are_kept(void **state) {
    (void)state;
    struct spawn_result result;
    assert_int_equal(shell("echo out; echo err >&2; exit 3", 5000, &result), ERR_OK);
    assert_true(result.exited);
    assert_int_equal(result.exit_code, 3);
    assert_string_equal(output, "out\n");
    assert_string_equal(errors, "err\n");
    assert_int_equal(result.output_n, 4);
    assert_false(result.output_cut);
}

static void what_it_is_told_comes_by_its_standard_input_and_ends(void **state) {
    (void)state;
    static char told[SPAWN_INPUT_MAX];
    const char *const argv[] = {"wc", "-c", NULL};
    struct spawn_result result;
    struct text256 why = {""};
    memset(told, 'x', sizeof told);
    struct spawn_input input = {.path = "/usr/bin/wc",
                                .argv = argv,
                                .deadline_boot_ms = clock_boot_ms() + 5000,
                                .input = told,
                                .input_size = sizeof told,
                                .output = output,
                                .output_size = sizeof output};
    assert_int_equal(spawn_run(&input, &result, &why), ERR_OK);
    assert_string_equal(output, "4096\n");
    /* One that does not read it is not waited for. */
    input.path = "/bin/true";
    assert_int_equal(spawn_run(&input, &result, &why), ERR_OK);
    assert_true(result.exited && result.exit_code == 0);
    /* Without any it is at its end at once. */
    assert_int_equal(shell("wc -c", 5000, &result), ERR_OK);
    assert_string_equal(output, "0\n");
}

static void a_program_is_killed_at_its_deadline_with_its_children(void **state) {
    (void)state;
    struct spawn_result result;
    uint64_t start_ms = clock_boot_ms();
    assert_int_equal(
        shell("(while :; do sleep 1; done) & echo $!; while :; do sleep 1; done", 300, &result),
        ERR_TIMEOUT);
    uint64_t took_ms = clock_boot_ms() - start_ms;
    assert_true(took_ms >= 300 && took_ms < 3000);
    long child = strtol(output, NULL, 10);
    assert_true(child > 1);
    /* Its parent is gone; whoever inherited it reaps it soon: dead or a corpse, never running. */
    for (int i = 0; i < 50 && kill((pid_t)child, 0) == 0; i++) {
        struct timespec pause = {.tv_nsec = 10000000};
        (void)nanosleep(&pause, NULL);
    }
    char path[64];
    char stat_line[256] = "";
    (void)text_format(path, sizeof path, "/proc/%ld/stat", child);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        assert_true(read(fd, stat_line, sizeof stat_line - 1) >= 0);
        (void)close(fd);
        assert_true(stat_line[0] == '\0' || strstr(stat_line, ") Z ") != NULL);
    }
}

static void what_it_leaves_in_the_background_does_not_hold_the_call(void **state) {
    (void)state;
    struct spawn_result result;
    uint64_t start_ms = clock_boot_ms();
    assert_int_equal(shell("(while :; do sleep 1; done) & echo left", 5000, &result), ERR_OK);
    assert_true(clock_boot_ms() - start_ms < 2000);
    assert_string_equal(output, "left\n");
}

static void endless_output_is_cut_and_does_not_block(void **state) {
    (void)state;
    struct spawn_result result;
    assert_int_equal(shell("head -c 1000000 /dev/zero | tr '\\0' x; exit 4", 10000, &result),
                     ERR_OK);
    assert_int_equal(result.exit_code, 4);
    assert_true(result.output_cut);
    assert_int_equal(result.output_n, sizeof output - 1);
    assert_int_equal(strlen(output), sizeof output - 1);
}

static void descriptors_and_environment_stay_here(void **state) {
    (void)state;
    struct spawn_result result;
    int ends[2];
    assert_int_equal(pipe(ends), 0); /* not close-on-exec, as a library might leave one */
    assert_int_equal(setenv("DROVER_TEST_SECRET", "x", 1), 0);
    assert_int_equal(shell("for f in /proc/self/fd/*; do n=${f##*/}; case $n in [012]) ;; *) "
                           "readlink $f;; esac; done; echo [$DROVER_TEST_SECRET]",
                           5000, &result),
                     ERR_OK);
    assert_non_null(strstr(output, "[]\n"));
    assert_null(strstr(output, "pipe"));
    (void)close(ends[0]);
    (void)close(ends[1]);
    assert_int_equal(unsetenv("DROVER_TEST_SECRET"), 0);
}

static void a_signal_is_told_apart_from_an_exit(void **state) {
    (void)state;
    struct spawn_result result;
    assert_int_equal(shell("kill -TERM $$", 5000, &result), ERR_OK);
    assert_false(result.exited);
    assert_int_equal(result.signal_number, SIGTERM);
}

static void what_cannot_be_started_says_why(void **state) {
    (void)state;
    const char *const argv[] = {"x", NULL};
    struct spawn_input input = {
        .path = "/nonexistent/x", .argv = argv, .deadline_boot_ms = clock_boot_ms() + 5000};
    struct spawn_result result;
    struct text256 why = {""};
    assert_int_equal(spawn_run(&input, &result, &why), ERR_NOT_FOUND);
    assert_non_null(strstr(why.at, "/nonexistent/x"));
    input.path = "/etc/hostname";
    assert_int_equal(spawn_run(&input, &result, &why), ERR_DENIED);
    input.path = "/bin/sh";
    input.deadline_boot_ms = clock_boot_ms() - 1;
    assert_int_equal(spawn_run(&input, &result, &why), ERR_TIMEOUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_streams_and_the_exit_code_are_kept),
        cmocka_unit_test(what_it_is_told_comes_by_its_standard_input_and_ends),
        cmocka_unit_test(a_program_is_killed_at_its_deadline_with_its_children),
        cmocka_unit_test(what_it_leaves_in_the_background_does_not_hold_the_call),
        cmocka_unit_test(endless_output_is_cut_and_does_not_block),
        cmocka_unit_test(descriptors_and_environment_stay_here),
        cmocka_unit_test(a_signal_is_told_apart_from_an_exit),
        cmocka_unit_test(what_cannot_be_started_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
