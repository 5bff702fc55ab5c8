/* What a topology holds stays a word of the shell, and text in a page of HTML. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/plan/page.h"

static void words_are_quoted_when_a_shell_would_read_them(void **state) {
    (void)state;
    static const struct {
        const char *text, *word;
    } cases[] = {
        {"10.71.0.11:8008", "10.71.0.11:8008"},
        {"/etc/drover/secrets/pg", "/etc/drover/secrets/pg"},
        {"--total=8", "--total=8"},
        {"", "''"},
        {"two words", "'two words'"},
        {"$(reboot)", "'$(reboot)'"},
        {"`reboot`", "'`reboot`'"},
        {"a;b", "'a;b'"},
        {"a|b>c", "'a|b>c'"},
        {"it's", "'it'\\''s'"},
        {"'", "''\\'''"},
        {"~root", "'~root'"},
        {"*", "'*'"},
        {"#", "'#'"},
        {"\\", "'\\'"},
        {"{a,b}", "'{a,b}'"},
        {"!x", "'!x'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[64];
        struct page page = page_open(text, sizeof text);
        page_word(&page, cases[i].text);
        assert_string_equal(text, cases[i].word);
        assert_int_equal(page.n, strlen(text));
        assert_false(page.cut);
    }
}

static void lists_become_words(void **state) {
    (void)state;
    char text[64];
    struct page page = page_open(text, sizeof text);
    page_words(&page, "http://a:1,,b c,");
    assert_string_equal(text, " http://a:1 'b c'");
}

static void markup_is_escaped(void **state) {
    (void)state;
    char text[128];
    struct page page = page_open(text, sizeof text);
    page_escaped(&page, "<b a=\"1\">&'</b>");
    assert_string_equal(text, "&lt;b a=&quot;1&quot;&gt;&amp;&#39;&lt;/b&gt;");
    page = page_open(text, sizeof text);
    page_json(&page, "a\"b\\c");
    assert_string_equal(text, "a\\\"b\\\\c");
}

/* A page that ends in the middle says so, and never writes behind its end. */
static void a_full_page_says_so(void **state) {
    (void)state;
    for (size_t size = 1; size < 12; size++) {
        char text[16];
        memset(text, 'x', sizeof text);
        struct page page = page_open(text, size);
        page_say(&page, "abc");
        page_word(&page, "d e");
        page_escaped(&page, "<");
        assert_true(page.cut);
        assert_true(page.n < size);
        assert_int_equal(text[page.n], '\0');
        assert_int_equal(text[size], 'x');
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_quoted_when_a_shell_would_read_them),
        cmocka_unit_test(lists_become_words),
        cmocka_unit_test(markup_is_escaped),
        cmocka_unit_test(a_full_page_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
