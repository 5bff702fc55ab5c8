/* Levels of replicas are kept whole, and what is not whole is not believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/io/file.h"
#include "common/io/levels.h"

static char directory[] = "/tmp/drover-levels-XXXXXX";
static struct levels levels;
static struct text256 why;

static int directory_make(void **state) {
    (void)state;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static int directory_remove(void **state) {
    char path[64];
    (void)state;
    (void)text_format(path, sizeof path, "%s/levels-prod", directory);
    (void)unlink(path);
    return rmdir(directory);
}

static void what_is_kept_is_read_again(void **state) {
    static struct levels again;
    (void)state;
    memset(&levels, 0, sizeof levels);
    levels.wall_s = 1790000000;
    for (unsigned i = 0; i < LEVELS_MAX; i++) {
        char name[LEVEL_NAME_SIZE];
        (void)text_format(name, sizeof name, "app-%u", i);
        assert_int_equal(levels_add(&levels, "statefulset", name, i), ERR_OK);
    }
    assert_int_equal(levels_add(&levels, "statefulset", "more", 1), ERR_TOO_BIG);
    assert_int_equal(levels_write(directory, "prod", &levels, &why), ERR_OK);
    assert_int_equal(levels_read(directory, "prod", &again, &why), ERR_OK);
    assert_int_equal(again.wall_s, levels.wall_s);
    assert_int_equal(again.n, LEVELS_MAX);
    assert_string_equal(again.at[LEVELS_MAX - 1].workload, "statefulset/app-255");
    assert_int_equal(again.at[LEVELS_MAX - 1].replicas, 255);
}

static void names_that_the_file_cannot_hold_are_refused(void **state) {
    (void)state;
    memset(&levels, 0, sizeof levels);
    assert_int_equal(levels_add(&levels, "deployment", "", 1), ERR_FORMAT);
    assert_int_equal(levels_add(&levels, "deployment", "a b", 1), ERR_FORMAT);
    assert_int_equal(levels_add(&levels, "deployment", "a\n", 1), ERR_FORMAT);
    assert_int_equal(levels_add(&levels, "deployment", "a/b", 1), ERR_FORMAT);
    assert_int_equal(levels_add(&levels, "deployment", "a", 100001), ERR_TOO_BIG);
    assert_int_equal(levels.n, 0);
    assert_int_equal(levels_write(directory, "../x", &levels, &why), ERR_CONFIG);
    assert_int_equal(levels_read(directory, "", &levels, &why), ERR_CONFIG);
    assert_int_equal(levels_read(directory, "never", &levels, &why), ERR_NOT_FOUND);
}

static void what_is_not_whole_is_not_believed(void **state) {
    static const struct {
        const char *text;
        enum err err;
    } rows[] = {
        {"levels 5\ndeployment/a 3\n", ERR_OK},
        {"levels 5\n", ERR_OK},
        {"", ERR_FORMAT},
        {"levels 5", ERR_FORMAT},
        {"levels 0\n", ERR_FORMAT},
        {"other 5\n", ERR_FORMAT},
        {"levels 5\ndeployment/a 3", ERR_FORMAT},
        {"levels 5\ndeployment/a\n", ERR_FORMAT},
        {"levels 5\ndeployment/a -3\n", ERR_FORMAT},
        {"levels 5\ndeployment/a 100001\n", ERR_FORMAT},
        {"levels 5\na 3\n", ERR_FORMAT},
        {"levels 5\n\n", ERR_FORMAT},
    };
    char path[64];
    (void)state;
    (void)text_format(path, sizeof path, "%s/levels-prod", directory);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(file_write_atomic(path, rows[i].text, strlen(rows[i].text), 0600, &why),
                         ERR_OK);
        enum err err = levels_read(directory, "prod", &levels, &why);
        if (err != rows[i].err) {
            fail_msg("row %zu: %s", i, err_name(err));
        }
    }
    assert_int_equal(file_write_atomic(path, "levels 5\n\0x", 11, 0600, &why), ERR_OK);
    assert_int_equal(levels_read(directory, "prod", &levels, &why), ERR_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_is_read_again),
        cmocka_unit_test(names_that_the_file_cannot_hold_are_refused),
        cmocka_unit_test(what_is_not_whole_is_not_believed),
    };
    return cmocka_run_group_tests(tests, directory_make, directory_remove);
}
