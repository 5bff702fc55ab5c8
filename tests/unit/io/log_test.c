/* The shells' one line, the durable files and the clocks' texts. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/base/text.h"
#include "common/io/clock.h"
#include "common/io/file.h"
#include "common/io/log.h"

/* What a call of log_event writes to stderr. */
static char written[4096];
static int kept_stderr;
static int pipe_ends[2];

static void capture(void) {
    assert_int_equal(pipe(pipe_ends), 0);
    kept_stderr = dup(STDERR_FILENO);
    assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
    (void)close(pipe_ends[1]);
    assert_int_equal(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
}

static void release(void) {
    assert_true(dup2(kept_stderr, STDERR_FILENO) >= 0);
    (void)close(kept_stderr);
    ssize_t n = read(pipe_ends[0], written, sizeof written - 1);
    written[n > 0 ? n : 0] = '\0';
    (void)close(pipe_ends[0]);
}

static void one_event_is_one_line(void **state) {
    (void)state;
    capture();
    log_event(LOG_NOTICE, "lease.moved", "epoch=%u why=\"%s\"", 7u,
              "a\nb\tc\x1b[31m\x7f \xc3\xa9 \xff \xc2\x85");
    release();
    assert_int_equal(written[4], '-');
    assert_int_equal(written[23], 'Z');
    assert_string_equal(written + 24, " notice lease.moved epoch=7 why=\"a\\nb\\tc\\x1b[31m\\x7f "
                                      "\xc3\xa9 \\xff \\xc2\\x85\"\n");
}

static void a_long_line_is_cut_and_says_so(void **state) {
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    for (size_t n = 900; n < 1100; n++) {
        capture();
        log_event(LOG_ERR, "long", "%.*s", (int)n, text);
        release();
        size_t size = strlen(written);
        assert_true(size <= LOG_LINE_SIZE);
        assert_int_equal(written[size - 1], '\n');
        assert_null(memchr(written, '\n', size - 1));
        assert_int_equal(strstr(written, "...\n") != NULL, strspn(strchr(written, 'x'), "x") < n);
    }
}

static void the_level_decides(void **state) {
    (void)state;
    capture();
    log_event(LOG_DEBUG, "not", "shown");
    log_level(LOG_DEBUG);
    log_event(LOG_DEBUG, "now", "shown");
    log_level(LOG_INFO);
    release();
    assert_null(strstr(written, "not"));
    assert_non_null(strstr(written, " debug now shown\n"));
}

static void the_journal_gets_its_priority(void **state) {
    (void)state;
    struct stat stat;
    char stream[64];
    capture();
    assert_int_equal(fstat(STDERR_FILENO, &stat), 0);
    (void)text_format(stream, sizeof stream, "%llu:%llu", (unsigned long long)stat.st_dev,
                      (unsigned long long)stat.st_ino);
    assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
    log_event(LOG_WARNING, "x", "y");
    assert_int_equal(setenv("JOURNAL_STREAM", "1:2", 1), 0);
    log_event(LOG_WARNING, "x", "y");
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    release();
    assert_true(text_starts(written, "<4>2"));
    assert_non_null(strstr(written, "\n2"));
}

static void a_reader_that_stopped_loses_lines_but_not_time(void **state) {
    (void)state;
    static char drained[1 << 17];
    capture();
    uint64_t start_ms = clock_boot_ms();
    for (unsigned i = 0; i < 3000; i++) {
        errno = 77;
        log_event(LOG_INFO, "flood", "n=%u filler=%0200d", i, 0);
        assert_int_equal(errno, 77);
    }
    assert_true(clock_boot_ms() - start_ms < 2000);
    assert_true(read(pipe_ends[0], drained, sizeof drained) > 4096);
    log_event(LOG_INFO, "after", "x=1");
    release();
    assert_non_null(strstr(written, "info after lines_lost="));
}

static char directory[64];

static int directory_make(void **state) {
    (void)state;
    (void)text_copy(directory, sizeof directory, "file_test.XXXXXX");
    return mkdtemp(directory) == NULL ? -1 : 0;
}

static int directory_drop(void **state) {
    (void)state;
    static const char *const names[] = {"a", "a.new", "link", "b"};
    char path[128];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)text_format(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static void files_are_written_whole_or_not(void **state) {
    (void)state;
    char path[128];
    char other[128];
    char text[16];
    size_t size = 99;
    struct stat stat_at;
    struct text256 why = {""};
    (void)text_format(path, sizeof path, "%s/a", directory);
    (void)text_format(other, sizeof other, "%s/a.new", directory);
    assert_int_equal(file_write_new(path, "one", 3, 0640, &why), ERR_OK);
    assert_int_equal(file_write_new(path, "two", 3, 0640, &why), ERR_EXISTS);
    assert_non_null(strstr(why.at, "File exists"));
    assert_int_equal(file_write_new(other, "left by a crash", 15, 0600, NULL), ERR_OK);
    assert_int_equal(file_write_atomic(path, "three", 5, 0600, &why), ERR_OK);
    assert_int_equal(access(other, F_OK), -1);
    assert_int_equal(stat(path, &stat_at), 0);
    assert_int_equal(stat_at.st_mode & 07777, 0600);
    assert_int_equal(file_read(path, text, sizeof text, &size, &why), ERR_OK);
    assert_string_equal(text, "three");
    assert_int_equal(size, 5);
    assert_int_equal(file_read(path, text, 6, &size, &why), ERR_OK);
    assert_int_equal(file_read(path, text, 5, &size, &why), ERR_TOO_BIG);
    assert_int_equal(file_read(directory, text, sizeof text, &size, &why), ERR_FORMAT);
    (void)text_format(other, sizeof other, "%s/none/a", directory);
    assert_int_equal(file_write_atomic(other, "x", 1, 0600, &why), ERR_NOT_FOUND);
    assert_int_equal(file_read(other, text, sizeof text, &size, &why), ERR_NOT_FOUND);
    /* A link laid in the way of a new file is not followed. */
    (void)text_format(other, sizeof other, "%s/link", directory);
    assert_int_equal(symlink("b", other), 0);
    assert_int_equal(file_write_new(other, "x", 1, 0600, &why), ERR_EXISTS);
}

static void wall_time_is_told_in_utc(void **state) {
    (void)state;
    static const struct {
        uint64_t wall_ms;
        const char *text;
    } rows[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {UINT64_C(1795228289123), "2026-11-21T02:31:29.123Z"},
        {UINT64_C(1709164799999), "2024-02-28T23:59:59.999Z"},
        {UINT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
        {UINT64_C(253402300800000), "253402300800000ms"},
        {UINT64_MAX, "18446744073709551615ms"},
    };
    char text[CLOCK_TEXT_SIZE];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        clock_wall_text(rows[i].wall_ms, text);
        assert_string_equal(text, rows[i].text);
    }
    struct stamp a = clock_stamp();
    struct stamp b = clock_stamp();
    assert_true(b.boot_ms >= a.boot_ms);
    assert_true(b.raw_ms >= a.raw_ms);
    assert_true(clock_boot_us() / 1000 - b.boot_ms < 1000);
    assert_true(clock_wall_ms() > UINT64_C(1700000000000));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_is_one_line),
        cmocka_unit_test(a_long_line_is_cut_and_says_so),
        cmocka_unit_test(the_level_decides),
        cmocka_unit_test(the_journal_gets_its_priority),
        cmocka_unit_test(a_reader_that_stopped_loses_lines_but_not_time),
        cmocka_unit_test_setup_teardown(files_are_written_whole_or_not, directory_make,
                                        directory_drop),
        cmocka_unit_test(wall_time_is_told_in_utc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
