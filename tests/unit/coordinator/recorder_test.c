/* A recording is read back as it was written; cut anywhere it ends, damaged anywhere it says so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "coordinator/decide/recorder.h"

#define RECORDS_N 4

static const uint8_t payload[] = "0123456789abcdef";
static uint8_t file[1024];
static size_t file_size, ends[RECORDS_N + 1]; /* behind the head, behind each record */

static struct recorder_record record_made(unsigned i) {
    struct recorder_record record = {.kind = (uint8_t)(RECORDER_FACT + i),
                                     .at = {.boot_ms = 1000 + i, .raw_ms = 2000 + i},
                                     .index = 70000000000 + i,
                                     .payload = payload,
                                     .payload_size = i * 5};
    return record;
}

static int file_make(void **state) {
    (void)state;
    struct recorder_head head = {.boot_id = 0x1122334455667788, .member = "m1"};
    file_size = recorder_head_write(&head, file, sizeof file);
    ends[0] = file_size;
    for (unsigned i = 0; i < RECORDS_N; i++) {
        struct recorder_record record = record_made(i);
        size_t size = recorder_record_write(&record, file + file_size, sizeof file - file_size);
        assert_true(size > 0);
        file_size += size;
        ends[i + 1] = file_size;
    }
    return 0;
}

/* How many records are read before the end or an error. */
static unsigned records_read(const uint8_t *bytes, size_t size, enum err *ret_err, bool *ret_torn,
                             struct text256 *why) {
    struct recorder_reader reader;
    struct recorder_record record;
    unsigned n = 0;
    *ret_torn = false;
    *ret_err = recorder_open(bytes, size, &reader, why);
    while (*ret_err == ERR_OK) {
        *ret_err = recorder_next(&reader, &record, why);
        n += *ret_err == ERR_OK;
    }
    *ret_torn = reader.torn;
    return n;
}

static void what_was_recorded_is_read_back(void **state) {
    (void)state;
    struct recorder_reader reader;
    struct recorder_record record;
    struct text256 why;
    assert_int_equal(recorder_open(file, file_size, &reader, &why), ERR_OK);
    assert_string_equal(reader.head.member, "m1");
    assert_true(reader.head.boot_id == 0x1122334455667788);
    for (unsigned i = 0; i < RECORDS_N; i++) {
        struct recorder_record made = record_made(i);
        assert_int_equal(recorder_next(&reader, &record, &why), ERR_OK);
        assert_int_equal(record.kind, made.kind);
        assert_true(record.index == made.index && record.at.boot_ms == made.at.boot_ms &&
                    record.at.raw_ms == made.at.raw_ms);
        assert_int_equal(record.payload_size, made.payload_size);
        assert_memory_equal(record.payload, made.payload, made.payload_size);
    }
    assert_int_equal(recorder_next(&reader, &record, &why), ERR_NOT_FOUND);
    assert_false(reader.torn);
}

static void a_file_cut_anywhere_gives_all_whole_records(void **state) {
    (void)state;
    for (size_t size = ends[0]; size <= file_size; size++) {
        uint8_t *cut = malloc(size); /* of just this size, so that a sanitizer sees a step beyond */
        assert_non_null(cut);
        memcpy(cut, file, size);
        struct text256 why;
        enum err err;
        bool torn;
        unsigned whole_n = 0, n = records_read(cut, size, &err, &torn, &why);
        while (whole_n < RECORDS_N && ends[whole_n + 1] <= size) {
            whole_n++;
        }
        assert_int_equal(err, ERR_NOT_FOUND);
        assert_int_equal(n, whole_n);
        assert_int_equal(torn, size != ends[whole_n]);
        free(cut);
    }
}

static void a_flipped_bit_anywhere_is_an_error_with_its_offset(void **state) {
    (void)state;
    for (size_t bit = 0; bit < file_size * 8; bit++) {
        struct text256 why = {{0}};
        enum err err;
        bool torn;
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        unsigned n = records_read(file, file_size, &err, &torn, &why);
        file[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(err, ERR_FORMAT);
        assert_true(text_starts(why.at, "offset "));
        assert_false(torn);
        if (bit / 8 >= ends[0]) {
            assert_true(ends[n] <= bit / 8 && bit / 8 < ends[n + 1]);
        }
    }
}

static void another_version_is_named(void **state) {
    (void)state;
    uint8_t other[sizeof file];
    struct recorder_reader reader;
    struct text256 why;
    memcpy(other, file, file_size);
    other[4]++;
    other[5]++;
    assert_int_equal(recorder_open(other, file_size, &reader, &why), ERR_FORMAT);
    assert_non_null(strstr(why.at, "expected version 1, found"));
}

static void what_does_not_fit_is_not_written(void **state) {
    (void)state;
    static uint8_t big[RECORDER_PAYLOAD_MAX + 64];
    uint8_t out[16];
    struct recorder_head head = {.boot_id = 1, .member = "m1"};
    struct recorder_record record = record_made(1);
    assert_int_equal(recorder_head_write(&head, out, sizeof out), 0);
    assert_int_equal(recorder_record_write(&record, out, sizeof out), 0);
    record.payload = big;
    record.payload_size = RECORDER_PAYLOAD_MAX + 1;
    assert_int_equal(recorder_record_write(&record, big, sizeof big), 0);
    record = record_made(0);
    record.kind = RECORDER_KINDS_N;
    assert_int_equal(recorder_record_write(&record, big, sizeof big), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_recorded_is_read_back),
        cmocka_unit_test(a_file_cut_anywhere_gives_all_whole_records),
        cmocka_unit_test(a_flipped_bit_anywhere_is_an_error_with_its_offset),
        cmocka_unit_test(another_version_is_named),
        cmocka_unit_test(what_does_not_fit_is_not_written),
    };
    return cmocka_run_group_tests(tests, file_make, NULL);
}
