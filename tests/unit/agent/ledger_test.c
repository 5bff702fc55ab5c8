/* What an agent must know after any crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/ledger.h"

static char directory[64];

static int setup(void **state) {
    (void)state;
    (void)text_copy(directory, sizeof directory, "/tmp/drover-ledger-XXXXXX");
    return mkdtemp(directory) == NULL;
}

static int teardown(void **state) {
    static const char *const files[] = {"ledger.db", "ledger.db-wal", "ledger.db-shm"};
    char path[128];
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        (void)text_format(path, sizeof path, "%s/%s", directory, files[i]);
        (void)unlink(path);
    }
    return rmdir(directory);
}

static struct ledger *open_it(void) {
    struct ledger *ledger = NULL;
    struct text256 why = {{0}};
    assert_int_equal(ledger_open(directory, &ledger, &why), ERR_OK);
    return ledger;
}

static struct command command_of(uint64_t execution, uint8_t step, uint16_t attempt,
                                 uint64_t epoch) {
    struct command command;
    memset(&command, 0, sizeof command);
    command.execution = execution;
    command.step = step;
    command.attempt = attempt;
    command.epoch = epoch;
    return command;
}

static struct outcome outcome_for(const struct command *command) {
    struct outcome outcome;
    memset(&outcome, 0, sizeof outcome);
    outcome.execution = command->execution;
    outcome.step = command->step;
    outcome.attempt = command->attempt;
    outcome.state = OUTCOME_DONE;
    outcome.took_ms = 77;
    (void)text_copy(outcome.detail, SENTENCE_SIZE, "primary");
    return outcome;
}

static enum err begin(struct ledger *ledger, const struct command *command,
                      enum ledger_found *ret_found) {
    static const uint8_t digest[DIGEST_SIZE] = {1, 2, 3};
    return ledger_begin(ledger, command, digest, ret_found);
}

static void the_number_of_a_start_grows_whatever_the_clock_says(void **state) {
    struct ledger *ledger = open_it();
    uint64_t boot = 0;
    (void)state;
    assert_int_equal(ledger_boot(ledger, 1000, &boot), ERR_OK);
    assert_int_equal(boot, 1000);
    ledger_close(ledger);
    ledger = open_it();
    assert_int_equal(ledger_boot(ledger, 400, &boot), ERR_OK); /* wall time went back */
    assert_int_equal(boot, 1001);
    assert_int_equal(ledger_boot(ledger, 1001, &boot), ERR_OK);
    assert_int_equal(boot, 1002);
    assert_int_equal(ledger_boot(ledger, 5000, &boot), ERR_OK);
    assert_int_equal(boot, 5000);
    ledger_close(ledger);
}

static void an_intent_is_written_once(void **state) {
    struct ledger *ledger = open_it();
    struct command command = command_of(UINT64_MAX - 1, 47, UINT16_MAX, 3);
    struct outcome outcome = outcome_for(&command), read;
    enum ledger_found found;
    (void)state;
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(found, LEDGER_NEW);
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(found, LEDGER_BEGUN);
    assert_int_equal(ledger_outcome(ledger, command.execution, 47, UINT16_MAX, &read),
                     ERR_NOT_FOUND);
    assert_int_equal(ledger_end(ledger, &outcome), ERR_OK);
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(found, LEDGER_ENDED);
    assert_int_equal(ledger_outcome(ledger, command.execution, 47, UINT16_MAX, &read), ERR_OK);
    assert_memory_equal(&read, &outcome, sizeof read);
    /* Each of the three numbers makes another attempt. */
    struct command others[] = {command_of(1, 47, UINT16_MAX, 3),
                               command_of(UINT64_MAX - 1, 46, UINT16_MAX, 3),
                               command_of(UINT64_MAX - 1, 47, 1, 3)};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(begin(ledger, &others[i], &found), ERR_OK);
        assert_int_equal(found, LEDGER_NEW);
    }
    ledger_close(ledger);
}

/* The agents' ledgers outlive a log that is begun anew, and its executions begin at 1 again. */
static void the_numbers_of_another_command_are_told(void **state) {
    static const uint8_t other[DIGEST_SIZE] = {1, 2, 4};
    struct ledger *ledger = open_it();
    struct command command = command_of(77, 3, 1, 5);
    struct outcome outcome = outcome_for(&command), read;
    enum ledger_found found;
    (void)state;
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(found, LEDGER_NEW);
    for (unsigned ended = 0; ended < 2; ended++) {
        assert_int_equal(ledger_begin(ledger, &command, other, &found), ERR_OK);
        assert_int_equal(found, LEDGER_OTHER);
        assert_int_equal(begin(ledger, &command, &found), ERR_OK);
        assert_int_equal(found, ended == 0 ? LEDGER_BEGUN : LEDGER_ENDED);
        assert_int_equal(ledger_end(ledger, &outcome), ERR_OK);
    }
    assert_int_equal(ledger_outcome(ledger, 77, 3, 1, &read), ERR_OK);
    assert_memory_equal(&read, &outcome, sizeof read);
    ledger_close(ledger);
}

static void the_first_outcome_stays(void **state) {
    struct ledger *ledger = open_it();
    struct command command = command_of(1, 0, 1, 1);
    struct outcome first = outcome_for(&command), second = first, read;
    enum ledger_found found;
    (void)state;
    second.state = OUTCOME_FAILED;
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(ledger_end(ledger, &first), ERR_OK);
    assert_int_equal(ledger_end(ledger, &second), ERR_OK);
    assert_int_equal(ledger_outcome(ledger, 1, 0, 1, &read), ERR_OK);
    assert_int_equal(read.state, OUTCOME_DONE);
    ledger_close(ledger);
}

static void a_crash_between_intent_and_result_is_known(void **state) {
    struct command command = command_of(9, 2, 1, 4);
    enum ledger_found found;
    int status = 0;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct ledger *ledger = NULL;
        if (ledger_open(directory, &ledger, NULL) != ERR_OK ||
            begin(ledger, &command, &found) != ERR_OK || found != LEDGER_NEW) {
            _exit(1);
        }
        (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    struct ledger *ledger = open_it();
    uint64_t epoch = 0;
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(found, LEDGER_BEGUN);
    assert_int_equal(ledger_epoch(ledger, &epoch), ERR_OK);
    assert_int_equal(epoch, 4);
    ledger_close(ledger);
}

static void the_accepted_epoch_only_grows(void **state) {
    static const struct {
        uint64_t asked;
        enum err err;
        uint64_t accepted;
    } table[] = {{2, ERR_OK, 2},
                 {1, ERR_STALE, 2},
                 {0, ERR_STALE, 2},
                 {2, ERR_OK, 2},
                 {INT64_MAX, ERR_OK, INT64_MAX},
                 {3, ERR_STALE, INT64_MAX}};
    struct ledger *ledger = open_it();
    (void)state;
    for (uint16_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct command command = command_of(5, 0, (uint16_t)(i + 1), table[i].asked);
        enum ledger_found found = LEDGER_ENDED;
        uint64_t epoch = 0;
        assert_int_equal(begin(ledger, &command, &found), table[i].err);
        assert_int_equal(ledger_epoch(ledger, &epoch), ERR_OK);
        assert_int_equal(epoch, table[i].accepted);
        if (table[i].err == ERR_STALE) {
            /* Nothing was begun: asked again in a newer epoch it is new. */
            ledger_close(ledger);
            ledger = open_it();
            command.epoch = INT64_MAX;
            if (table[i].accepted == INT64_MAX) {
                assert_int_equal(begin(ledger, &command, &found), ERR_OK);
                assert_int_equal(found, LEDGER_NEW);
            }
        }
    }
    ledger_close(ledger);
}

static void the_ladders_note_survives(void **state) {
    struct ladder_note note = {0}, read;
    struct ledger *ledger = open_it();
    (void)state;
    assert_int_equal(ledger_note(ledger, &read), ERR_OK);
    assert_int_equal(read.fenced_epoch, 0);
    note.fenced_epoch = 12;
    note.lapsed_epoch = 11;
    assert_int_equal(ledger_note_keep(ledger, &note), ERR_OK);
    ledger_close(ledger);
    ledger = open_it();
    assert_int_equal(ledger_note(ledger, &read), ERR_OK);
    assert_int_equal(read.fenced_epoch, 12);
    assert_int_equal(read.lapsed_epoch, 11);
    ledger_close(ledger);
}

/* The child may not let any file grow beyond what it is now: a full disk. */
static int fill_up(void) {
    struct ledger *ledger = NULL;
    struct rlimit limit = {0};
    struct stat wal;
    char path[128];
    enum ledger_found found = LEDGER_NEW;
    enum err err = ERR_OK;
    (void)signal(SIGXFSZ, SIG_IGN);
    if (ledger_open(directory, &ledger, NULL) != ERR_OK) {
        return 1;
    }
    struct command first = command_of(1, 0, 1, 1);
    (void)text_format(path, sizeof path, "%s/ledger.db-wal", directory);
    if (begin(ledger, &first, &found) != ERR_OK || stat(path, &wal) != 0) {
        return 2;
    }
    limit.rlim_cur = limit.rlim_max = (rlim_t)wal.st_size + 100;
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) {
        return 3;
    }
    struct command second = command_of(2, 0, 1, 8);
    err = begin(ledger, &second, &found);
    if (err != ERR_NO_SPACE && err != ERR_IO) {
        return 4;
    }
    struct ladder_note note = {.fenced_epoch = 3};
    if (ledger_note_keep(ledger, &note) == ERR_OK) {
        return 5;
    }
    /* What was there is still read, and a second try is refused like the first. */
    uint64_t epoch = 0;
    if (ledger_epoch(ledger, &epoch) != ERR_OK || epoch != 1) {
        return 6;
    }
    return begin(ledger, &second, &found) == ERR_OK ? 7 : 0;
}

static void a_full_disk_begins_nothing(void **state) {
    int status = 0;
    enum ledger_found found;
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(fill_up());
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    /* With room again it is a new command, not one begun. */
    struct ledger *ledger = open_it();
    struct command second = command_of(2, 0, 1, 8);
    assert_int_equal(begin(ledger, &second, &found), ERR_OK);
    assert_int_equal(found, LEDGER_NEW);
    ledger_close(ledger);
}

#define THREADS_N 8
#define ATTEMPTS_N 20

struct racer {
    struct ledger *ledger;
    unsigned new_n, begun_n, failed_n;
};

static void *race(void *argument) {
    struct racer *racer = argument;
    for (uint16_t attempt = 1; attempt <= ATTEMPTS_N; attempt++) {
        struct command command = command_of(3, 1, attempt, 1);
        enum ledger_found found = LEDGER_NEW;
        if (begin(racer->ledger, &command, &found) != ERR_OK) {
            racer->failed_n++;
        } else if (found == LEDGER_NEW) {
            racer->new_n++;
        } else {
            racer->begun_n++;
        }
    }
    return NULL;
}

static void of_many_threads_one_begins_an_attempt(void **state) {
    struct racer racers[THREADS_N];
    pthread_t threads[THREADS_N];
    struct ledger *ledger = open_it();
    unsigned new_n = 0, begun_n = 0;
    (void)state;
    for (unsigned i = 0; i < THREADS_N; i++) {
        racers[i] = (struct racer){.ledger = ledger};
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS_N; i++) {
        (void)pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].failed_n, 0);
        new_n += racers[i].new_n;
        begun_n += racers[i].begun_n;
    }
    assert_int_equal(new_n, ATTEMPTS_N);
    assert_int_equal(begun_n, (THREADS_N - 1) * ATTEMPTS_N);
    ledger_close(ledger);
}

static void a_result_of_another_version_is_unknown_but_ended(void **state) {
    struct ledger *ledger = open_it();
    struct command command = command_of(1, 0, 1, 1);
    struct outcome outcome = outcome_for(&command), read;
    enum ledger_found found;
    char path[128];
    sqlite3 *db = NULL;
    (void)state;
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(ledger_end(ledger, &outcome), ERR_OK);
    ledger_close(ledger);
    (void)text_format(path, sizeof path, "%s/ledger.db", directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "UPDATE commands SET outcome=x'0102'", NULL, NULL, NULL),
                     SQLITE_OK);
    (void)sqlite3_close(db);
    ledger = open_it();
    assert_int_equal(ledger_outcome(ledger, 1, 0, 1, &read), ERR_NOT_FOUND);
    assert_int_equal(begin(ledger, &command, &found), ERR_OK);
    assert_int_equal(found, LEDGER_ENDED);
    ledger_close(ledger);
}

static void a_damaged_file_is_not_taken_for_an_empty_one(void **state) {
    char path[128];
    struct ledger *ledger = open_it();
    struct text256 why = {{0}};
    (void)state;
    ledger_close(ledger);
    (void)text_format(path, sizeof path, "%s/ledger.db", directory);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    static const char noise[4096] = "this was a ledger";
    assert_int_equal(fwrite(noise, 1, sizeof noise, file), sizeof noise);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(ledger_open(directory, &ledger, &why), ERR_FORMAT);
    assert_non_null(strstr(why.at, "ledger.db"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_intent_is_written_once, setup, teardown),
        cmocka_unit_test_setup_teardown(the_number_of_a_start_grows_whatever_the_clock_says, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_numbers_of_another_command_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(the_first_outcome_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_between_intent_and_result_is_known, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_accepted_epoch_only_grows, setup, teardown),
        cmocka_unit_test_setup_teardown(the_ladders_note_survives, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_begins_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(of_many_threads_one_begins_an_attempt, setup, teardown),
        cmocka_unit_test_setup_teardown(a_result_of_another_version_is_unknown_but_ended, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_file_is_not_taken_for_an_empty_one, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
