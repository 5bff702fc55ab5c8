/* What a member durably closed must never be guessed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/member.h"

static char directory[64], path[96];
static struct coordinator member;
static struct coordinator_conf conf;
static uv_loop_t loop;
static unsigned done_n;
static enum err done_err;

static int setup(void **state) {
    (void)state;
    (void)text_copy(directory, sizeof directory, "/tmp/drover-notes-XXXXXX");
    if (mkdtemp(directory) == NULL || uv_loop_init(&loop) != 0) {
        return 1;
    }
    (void)text_format(path, sizeof path, "%s/notes", directory);
    memset(&member, 0, sizeof member);
    (void)text_copy(conf.state, sizeof conf.state, directory);
    member.conf = &conf;
    member.loop = &loop;
    done_n = 0;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    (void)unlink(path);
    return uv_loop_close(&loop) != 0 || rmdir(directory) != 0;
}

static void on_done(struct coordinator *of, enum err err) {
    assert_ptr_equal(of, &member);
    done_n++;
    done_err = err;
}

static struct notes some_notes(void) {
    struct notes notes;
    memset(&notes, 0, sizeof notes);
    notes.attest.closed_epoch = 0x1122334455667788;
    notes.attest.waited_epoch = 0x1122334455667787;
    notes.log.cluster_id = UINT64_MAX;
    notes.log.highest_index = 4711;
    notes.log.highest_key = 42;
    return notes;
}

static void keep(const struct notes *notes) {
    assert_int_equal(notes_write(&member, notes, on_done), ERR_OK);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}

static void a_new_member_has_none_and_waits_first(void **state) {
    struct notes read = some_notes(), none;
    struct text256 why;
    (void)state;
    memset(&none, 0, sizeof none);
    none.attest.first_wait = true;
    assert_int_equal(notes_read(directory, &read, &why), ERR_OK);
    assert_memory_equal(&read, &none, sizeof read);
}

/* Simulated: members that had seen the log go back were restarted within five seconds, and knew
 * nothing of it: an attempt's number went to a second agent. */
static void a_stopped_member_notes_at_once_what_it_knew_of_the_log(void **state) {
    struct notes notes = some_notes(), read;
    struct log_memory known = notes.log;
    struct text256 why;
    (void)state;
    keep(&notes);
    notes_stopped(&member, &known); /* nothing new */
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0);
    known.highest_index += 54;
    known.highest_key = 43;
    notes_stopped(&member, &known);
    notes_stopped(&member, &known); /* on its way */
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(notes_read(directory, &read, &why), ERR_OK);
    notes.log = known;
    assert_memory_equal(&read, &notes, sizeof read);
    assert_memory_equal(&member.notes, &notes, sizeof notes);
}

static void they_come_back_as_they_were(void **state) {
    struct notes notes = some_notes(), read;
    struct text256 why;
    (void)state;
    keep(&notes);
    assert_int_equal(done_n, 1);
    assert_int_equal(done_err, ERR_OK);
    assert_memory_equal(&member.notes, &notes, sizeof notes);
    assert_int_equal(notes_read(directory, &read, &why), ERR_OK);
    assert_memory_equal(&read, &notes, sizeof notes);
}

static void a_restart_does_not_end_the_first_wait(void **state) {
    struct notes notes = some_notes(), read;
    struct text256 why;
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        notes.attest.first_wait = i % 2 == 0;
        keep(&notes);
        memset(&read, 0xff, sizeof read);
        assert_int_equal(notes_read(directory, &read, &why), ERR_OK);
        assert_int_equal(read.attest.first_wait, notes.attest.first_wait);
        assert_int_equal(read.attest.closed_epoch, notes.attest.closed_epoch);
    }
}

static void one_at_a_time(void **state) {
    struct notes notes = some_notes();
    (void)state;
    assert_int_equal(notes_write(&member, &notes, on_done), ERR_OK);
    assert_int_equal(notes_write(&member, &notes, on_done), ERR_BUSY);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(done_n, 1);
}

static void a_disk_that_refuses_is_told_and_changes_nothing(void **state) {
    struct notes notes = some_notes();
    (void)state;
    (void)text_copy(conf.state, sizeof conf.state, "/proc/nowhere");
    keep(&notes);
    assert_int_equal(done_n, 1);
    assert_int_not_equal(done_err, ERR_OK);
    assert_int_equal(member.notes.attest.closed_epoch, 0);
}

static void a_disk_that_refused_is_left_alone_for_a_moment(void **state) {
    struct notes notes = some_notes();
    (void)state;
    (void)text_copy(conf.state, sizeof conf.state, "/proc/nowhere");
    keep(&notes);
    (void)text_copy(conf.state, sizeof conf.state, directory);
    assert_int_equal(notes_write(&member, &notes, on_done), ERR_BUSY);
    assert_int_equal(done_n, 1);
    uint64_t give_up_ms = member_now_ms() + 10000;
    while (notes_write(&member, &notes, on_done) == ERR_BUSY && member_now_ms() < give_up_ms) {
    }
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(done_n, 2);
    assert_int_equal(done_err, ERR_OK);
}

static size_t file_bytes(uint8_t *bytes, size_t bytes_max) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t n = fread(bytes, 1, bytes_max, file);
    (void)fclose(file);
    return n;
}

static void put_bytes(const uint8_t *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

static void every_damage_is_refused(void **state) {
    struct notes notes = some_notes(), read;
    uint8_t bytes[256], damaged[256];
    struct text256 why = {{0}};
    (void)state;
    keep(&notes);
    size_t n = file_bytes(bytes, sizeof bytes);
    assert_in_range(n, 40, 64);
    for (size_t cut = 0; cut < n; cut++) {
        put_bytes(bytes, cut);
        assert_int_equal(notes_read(directory, &read, &why), ERR_FORMAT);
    }
    for (size_t at = 0; at < n * 8; at++) {
        memcpy(damaged, bytes, n);
        damaged[at / 8] ^= (uint8_t)(1u << at % 8);
        put_bytes(damaged, n);
        assert_int_equal(notes_read(directory, &read, &why), ERR_FORMAT);
    }
    memcpy(damaged, bytes, n);
    memset(damaged + n, 0, sizeof damaged - n);
    for (size_t more = 1; more < 80; more++) { /* something behind it */
        put_bytes(damaged, n + more);
        assert_int_not_equal(notes_read(directory, &read, &why), ERR_OK);
    }
    assert_non_null(strstr(why.at, "notes"));
    put_bytes(bytes, n);
    assert_int_equal(notes_read(directory, &read, &why), ERR_OK);
}

static void a_wait_noted_for_what_was_never_closed_is_refused(void **state) {
    struct notes notes = some_notes(), read;
    struct text256 why;
    (void)state;
    notes.attest.waited_epoch = notes.attest.closed_epoch + 1;
    keep(&notes);
    assert_int_equal(notes_read(directory, &read, &why), ERR_FORMAT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_new_member_has_none_and_waits_first, setup, teardown),
        cmocka_unit_test_setup_teardown(a_restart_does_not_end_the_first_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(a_stopped_member_notes_at_once_what_it_knew_of_the_log,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(they_come_back_as_they_were, setup, teardown),
        cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_refuses_is_told_and_changes_nothing, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_disk_that_refused_is_left_alone_for_a_moment, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(every_damage_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_wait_noted_for_what_was_never_closed_is_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
