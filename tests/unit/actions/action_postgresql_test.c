/* Timelines, pg_controldata and pg_waldump as PostgreSQL 15 writes them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/actions/pg_divergence.h"
#include "agent/actions/pg_local.h"
#include "common/io/pg_history.h"

static struct pg_history history(const char *text, uint32_t timeline) {
    struct pg_history made;
    assert_true(pg_history_parse(text, timeline, &made));
    return made;
}

static void history_files_are_read(void **state) {
    static const char *const bad[] = {"x", "1", "1\tx", "2\t0/1\n1\t0/2\n", "0\t0/1\n", "3\t0/1\n"};
    (void)state;
    struct pg_history made = history("1\t0/3000110\tno recovery target specified\n\n"
                                     "# a comment\n2\t0/402BE48\tx\n",
                                     3);
    assert_int_equal(made.n, 2);
    assert_int_equal(made.at[1].timeline, 2);
    assert_int_equal(made.at[1].switch_lsn, 0x402BE48);
    assert_int_equal(history("", 1).n, 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(pg_history_parse(bad[i], 3, &made));
    }
}

static void kinship_is_told_by_switch_points_and_not_by_numbers(void **state) {
    static const struct {
        const char *local;
        uint32_t local_timeline;
        uint64_t local_end;
        const char *peer;
        uint32_t peer_timeline;
        enum pg_kinship kinship;
        uint64_t fork;
    } rows[] = {
        {"", 1, 0x900, "", 1, PG_KIN_SAME, 0},
        {"1\t0/500\n", 2, 0x900, "1\t0/500\n", 2, PG_KIN_SAME, 0},
        {"", 1, 0x500, "1\t0/500\n", 2, PG_KIN_BEHIND, 0},
        {"", 1, 0x501, "1\t0/500\n", 2, PG_KIN_REWIND, 0x500},
        {"1\t0/500\n", 2, 0x900, "1\t0/500\n2\t0/800\n", 3, PG_KIN_REWIND, 0x800},
        /* Both went on alone and both took number 2. */
        {"1\t0/600\n", 2, 0x900, "1\t0/500\n", 2, PG_KIN_DIVERGED, 0x500},
        /* We went on alone while the peer stayed. */
        {"1\t0/600\n", 2, 0x900, "", 1, PG_KIN_DIVERGED, 0x600},
        {"1\t0/500\n2\t0/700\n", 3, 0x900, "1\t0/500\n", 2, PG_KIN_DIVERGED, 0x700},
        /* A number was skipped on one side. */
        {"1\t0/500\n", 3, 0x900, "1\t0/500\n", 2, PG_KIN_DIVERGED, 0x500},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct pg_history local = history(rows[i].local, rows[i].local_timeline);
        struct pg_history peer = history(rows[i].peer, rows[i].peer_timeline);
        uint64_t fork = 1;
        assert_int_equal(pg_history_compare(&local, rows[i].local_end, &peer, &fork),
                         rows[i].kinship);
        assert_int_equal(fork, rows[i].fork);
    }
}

static void history_paths_are_hexadecimal(void **state) {
    (void)state;
    char path[PG_HISTORY_PATH_SIZE];
    pg_history_path(31, path);
    assert_string_equal(path, "pg_wal/0000001F.history");
}

static const char control_text[] =
    "pg_control version number:            1300\n"
    "Database system identifier:           7575026012345678901\n"
    "Database cluster state:               %s\n"
    "pg_control last modified:             Sat Nov 21 05:44:00 2026\n"
    "Latest checkpoint location:           0/40226F8\n"
    "Latest checkpoint's REDO location:    0/40226F8\n"
    "Latest checkpoint's TimeLineID:       3\n"
    "Latest checkpoint's PrevTimeLineID:   3\n";

static void control_data_tells_the_state(void **state) {
    static const struct {
        const char *text;
        enum pg_control_state state;
    } rows[] = {
        {"in production", PG_CONTROL_RUNNING},         {"shut down", PG_CONTROL_SHUT},
        {"shutting down", PG_CONTROL_STOPPING},        {"in archive recovery", PG_CONTROL_STANDBY},
        {"shut down in recovery", PG_CONTROL_STANDBY}, {"starting up", PG_CONTROL_OTHER},
        {"in crash recovery", PG_CONTROL_OTHER},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char text[1024];
        struct pg_control control;
        struct text256 why;
        const char *hole = strstr(control_text, "%s");
        (void)text_format(text, sizeof text, "%.*s%s%s", (int)(hole - control_text), control_text,
                          rows[i].text, hole + 2);
        assert_int_equal(pg_control_parse(text, &control, &why), ERR_OK);
        assert_int_equal(control.state, rows[i].state);
        assert_int_equal(control.checkpoint_lsn, 0x40226F8);
        assert_int_equal(control.timeline, 3);
        assert_string_equal(control.system_identifier, "7575026012345678901");
    }
}

static void control_data_without_a_field_is_an_error(void **state) {
    (void)state;
    struct pg_control control;
    struct text256 why;
    assert_int_equal(pg_control_parse("Database cluster state: shut down\n", &control, &why),
                     ERR_FORMAT);
    assert_int_equal(pg_control_parse("", &control, &why), ERR_FORMAT);
}

static void the_divergence_counts_rows_by_kind(void **state) {
    static const char stats[] = "WAL statistics between 0/402BE48 and 0/40329D0:\n"
                                "Type                      N      (%)          Record size\n"
                                "----                      -      ---          -----------\n"
                                "Transaction/COMMIT        1 (  0.49)                   34\n"
                                "Heap2/MULTI_INSERT        3 (  0.49)                   34\n"
                                "Heap/INSERT              99 ( 48.53)                 6336\n"
                                "Heap/INSERT+INIT          1 (  0.49)                   64\n"
                                "Heap/HOT_UPDATE           2 (  0.49)                   64\n"
                                "Heap/DELETE               4 (  0.49)                   64\n"
                                "Btree/INSERT_LEAF       100 ( 49.02)                 6400\n"
                                "                    --------                      --------\n"
                                "Total                   204\n";
    (void)state;
    struct pg_divergence divergence;
    uint64_t end = 0;
    assert_true(pg_divergence_parse(stats, &divergence, &end));
    assert_int_equal(end, 0x40329D0);
    assert_int_equal(divergence.inserts_n, 103);
    assert_int_equal(divergence.updates_n, 2);
    assert_int_equal(divergence.deletes_n, 4);
    assert_int_equal(divergence.commits_n, 1);
    assert_false(pg_divergence_parse("pg_waldump: error: x\n", &divergence, &end));
    assert_false(pg_divergence_parse("WAL statistics between 0/1", &divergence, &end));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_files_are_read),
        cmocka_unit_test(kinship_is_told_by_switch_points_and_not_by_numbers),
        cmocka_unit_test(history_paths_are_hexadecimal),
        cmocka_unit_test(control_data_tells_the_state),
        cmocka_unit_test(control_data_without_a_field_is_an_error),
        cmocka_unit_test(the_divergence_counts_rows_by_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
