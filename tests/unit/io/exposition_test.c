/* Prometheus' text: escaped, whole lines only, numbers without floating point. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "common/io/exposition.h"

static void the_text_is_exactly_this(void **state) {
    static const char expected[] = "# HELP drover_a One.\n"
                                   "# TYPE drover_a gauge\n"
                                   "drover_a -7\n"
                                   "drover_a{region=\"east\",kind=\"\"} 18446744073709551615\n"
                                   "# HELP drover_b_total Two, \"quoted\", \\\\ and\\nmore.\n"
                                   "# TYPE drover_b_total counter\n"
                                   "drover_b_total{x=\"y\"} 61.005\n"
                                   "drover_b_total -0.250\n"
                                   "drover_b_total -9223372036854775.808\n"
                                   "# HELP drover_exposition_dropped_samples "
                                   "Samples that did not fit into this answer.\n"
                                   "# TYPE drover_exposition_dropped_samples gauge\n"
                                   "drover_exposition_dropped_samples 0\n";
    const struct label labels[] = {{"region", "east"}, {"kind", ""}}, one = {"x", "y"};
    struct exposition to;
    char text[4096];
    (void)state;
    exposition_begin(&to, text, sizeof text);
    exposition_family(&to, "drover_a", SERIES_GAUGE, "One.");
    exposition_number(&to, -7, 0, NULL);
    exposition_count(&to, UINT64_MAX, 2, labels);
    exposition_family(&to, "drover_b_total", SERIES_COUNTER, "Two, \"quoted\", \\ and\nmore.");
    exposition_ms(&to, 61005, 1, &one);
    exposition_signed_ms(&to, -250, 0, NULL);
    exposition_signed_ms(&to, INT64_MIN, 0, NULL);
    assert_int_equal(exposition_end(&to), strlen(expected));
    assert_string_equal(text, expected);
}

static void label_values_are_escaped(void **state) {
    static const struct {
        const char *value, *written;
    } cases[] = {
        {"plain", "plain"},
        {"", ""},
        {"a\"b", "a\\\"b"},
        {"a\\b", "a\\\\b"},
        {"a\nb", "a\\nb"},
        {"\"} 1\ndrover_fake 1", "\\\"} 1\\ndrover_fake 1"},
        {"tab\tbell\a\x7f", "tab?bell??"},
        {"\xc3\xa4\xc3\xb6", "\xc3\xa4\xc3\xb6"},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct exposition to;
        char text[4096], expected[256];
        const struct label label = {"v", cases[i].value};
        exposition_begin(&to, text, sizeof text);
        exposition_family(&to, "drover_a", SERIES_GAUGE, "A.");
        size_t from = to.used;
        exposition_count(&to, 1, 1, &label);
        (void)snprintf(expected, sizeof expected, "drover_a{v=\"%s\"} 1\n", cases[i].written);
        assert_string_equal(text + from, expected);
    }
}

/* Whatever the size: the text ends with a whole line, and says how many lines it lacks. */
static void what_does_not_fit_is_left_out_whole_and_counted(void **state) {
    const struct label label = {"region", "a-region-with-a-long-name-of-31."};
    (void)state;
    for (size_t size = 1024; size < 3000; size += 7) {
        struct exposition to;
        char text[3000], closing[128];
        memset(text, 'x', sizeof text);
        exposition_begin(&to, text, size);
        for (unsigned f = 0; f < 4; f++) {
            exposition_family(&to, f % 2 == 0 ? "drover_even" : "drover_odd", SERIES_GAUGE, "A.");
            for (unsigned s = 0; s < 9; s++) {
                exposition_count(&to, s, 1, &label);
            }
        }
        uint64_t dropped_n = to.dropped_n;
        assert_int_equal(to.samples_n + dropped_n, 36);
        size_t used = exposition_end(&to);
        assert_true(used < size);
        assert_int_equal(strlen(text), used);
        (void)snprintf(closing, sizeof closing, "\ndrover_exposition_dropped_samples %u\n",
                       (unsigned)dropped_n);
        assert_string_equal(text + used - strlen(closing), closing);
        for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
            assert_non_null(strchr(line, '\n'));
            assert_true(*line == '#' || strncmp(line, "drover_", 7) == 0);
        }
        assert_true(size < 2900 || dropped_n == 0);
        assert_true(size > 1500 || dropped_n > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_text_is_exactly_this),
        cmocka_unit_test(label_values_are_escaped),
        cmocka_unit_test(what_does_not_fit_is_left_out_whole_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
