/* smtp_reply: what is a whole reply, what may become one, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/io/smtp_reply.h"

static void a_reply_ends_with_the_line_that_has_no_dash(void **state) {
    (void)state;
    static const struct {
        const char *text;
        unsigned code;
        size_t size; /* 0: its end is not there yet */
        enum err err;
    } rows[] = {
        {"250 ok\r\n", 250, 8, ERR_OK},
        {"250\r\n", 250, 5, ERR_OK},
        {"250\n", 250, 4, ERR_OK},
        {"250-a\r\n250-b\r\n250 c\r\n", 250, 21, ERR_OK},
        {"250 ok\r\n250 more\r\n", 250, 8, ERR_OK}, /* the next one is the caller's to judge */
        {"599 ok\n", 599, 7, ERR_OK},
        {"", 0, 0, ERR_OK},
        {"25", 0, 0, ERR_OK},
        {"250 ok\r", 0, 0, ERR_OK},
        {"250-a\r\n250 b", 0, 0, ERR_OK},
        {"250-a\r\n", 0, 0, ERR_OK},
        {"\r\n", 0, 0, ERR_FORMAT},
        {"25\r\n", 0, 0, ERR_FORMAT},
        {"hello there\r\n", 0, 0, ERR_FORMAT},
        {"250_ok\r\n", 0, 0, ERR_FORMAT},
        {"2500 ok\r\n", 0, 0, ERR_FORMAT},
        {"199 ok\r\n", 0, 0, ERR_FORMAT},
        {"600 ok\r\n", 0, 0, ERR_FORMAT},
        {"+50 ok\r\n", 0, 0, ERR_FORMAT},
        {"250-a\r\n251 b\r\n", 0, 0, ERR_FORMAT},
        {"250-a\r\nb\r\n250 c\r\n", 0, 0, ERR_FORMAT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        unsigned code = 7;
        size_t size = 7;
        enum err err = smtp_reply_read(rows[i].text, strlen(rows[i].text), &code, &size);
        if (err != rows[i].err || code != rows[i].code || size != rows[i].size) {
            fail_msg("row %zu: err %d, code %u, size %zu", i, (int)err, code, size);
        }
    }
}

static void every_beginning_of_a_reply_is_not_yet_one(void **state) {
    (void)state;
    static const char text[] = "250-mail.bud.test\r\n250-SIZE 33554432\r\n250 HELP\r\n";
    for (size_t n = 0; n < sizeof text - 1; n++) {
        unsigned code = 7;
        size_t size = 7;
        assert_int_equal(smtp_reply_read(text, n, &code, &size), ERR_OK);
        assert_int_equal(size, 0);
        assert_int_equal(code, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reply_ends_with_the_line_that_has_no_dash),
        cmocka_unit_test(every_beginning_of_a_reply_is_not_yet_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
