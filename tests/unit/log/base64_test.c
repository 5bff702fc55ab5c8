/* base64: the vectors of RFC 4648, every size back and forth, and what a stranger may send. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/rng.h"
#include "coordinator/log/base64.h"

static const struct {
    const char *plain, *text;
} vectors[] = {
    {"", ""},
    {"f", "Zg=="},
    {"fo", "Zm8="},
    {"foo", "Zm9v"},
    {"foob", "Zm9vYg=="},
    {"fooba", "Zm9vYmE="},
    {"foobar", "Zm9vYmFy"},
};

static void the_vectors_of_the_rfc_hold(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        const char *plain = vectors[i].plain, *text = vectors[i].text;
        char out[16] = "";
        uint8_t back[16];
        size_t size = 99;
        assert_int_equal(base64_size(strlen(plain)), strlen(text));
        base64_encode((const uint8_t *)plain, strlen(plain), out);
        assert_memory_equal(out, text, strlen(text));
        assert_true(base64_decode(text, strlen(text), back, sizeof(back), &size));
        assert_int_equal(size, strlen(plain));
        assert_memory_equal(back, plain, size);
    }
}

static void every_size_comes_back(void **state) {
    (void)state;
    struct rng rng;
    rng_seed(&rng, 7);
    for (size_t n = 0; n < 200; n++) {
        uint8_t bytes[200], back[200];
        char text[268]; /* base64_size(199) */
        size_t size = 999;
        for (size_t i = 0; i < n; i++) {
            bytes[i] = (uint8_t)rng_next(&rng);
        }
        base64_encode(bytes, n, text);
        assert_true(base64_decode(text, base64_size(n), back, n, &size));
        assert_int_equal(size, n);
        assert_memory_equal(back, bytes, n);
        if (n > 0) {
            assert_false(base64_decode(text, base64_size(n), back, n - 1, &size));
        }
    }
}

static void what_is_not_strict_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"Z",      "Zg",   "Zg=",      "Zg===",  "====",
                                      "=Zg=",   "Z===", "Zh==",     "Zm9=",   "Zm 9v",
                                      "Zm9v\n", "Zm-_", "Zg==Zg==", "Zm\x80v"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        uint8_t out[16];
        size_t size = 77;
        assert_false(base64_decode(bad[i], strlen(bad[i]), out, sizeof(out), &size));
        assert_int_equal(size, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vectors_of_the_rfc_hold),
        cmocka_unit_test(every_size_comes_back),
        cmocka_unit_test(what_is_not_strict_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
