/* The history: one chain out of one log, at every member, whatever was restarted in between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/history.h"
#include "coordinator/member.h"
#include "tests/unit/topology/sample.h"

/* One member as far as the history looks at it. */
struct place {
    char directory[64];
    uv_loop_t loop;
    struct coordinator *member;
    uint64_t index;
};

static struct topology topology;

static void place_open(struct place *place, const char *directory) {
    struct text256 why = {{0}};
    memset(place, 0, sizeof *place);
    if (directory == NULL) {
        (void)text_copy(place->directory, sizeof place->directory, "/tmp/drover-history-XXXXXX");
        assert_non_null(mkdtemp(place->directory));
    } else {
        (void)text_copy(place->directory, sizeof place->directory, directory);
    }
    place->member = calloc(1, sizeof *place->member);
    assert_non_null(place->member);
    assert_int_equal(uv_loop_init(&place->loop), 0);
    place->member->loop = &place->loop;
    place->member->topology = &topology;
    place->member->topology_known = true;
    core_init(&place->member->core);
    assert_int_equal(history_open(place->directory, &place->member->history, &why), ERR_OK);
}

/* As a member that stops: what is pending gets written. */
static void place_close(struct place *place) {
    history_close(place->member->history);
    (void)uv_run(&place->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&place->loop), 0);
    free(place->member);
}

static void place_remove(const char *directory) {
    static const char *const names[] = {"history.db", "history.db-wal", "history.db-shm"};
    char path[128];
    for (unsigned i = 0; i < 3; i++) {
        (void)text_format(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

static struct verdict feed(struct place *place, const struct event *event,
                           const struct message *message, const char *comment) {
    static const struct message none = {.kind = MESSAGE_NONE};
    struct fact fact;
    memset(&fact, 0, sizeof fact);
    fact.event = *event;
    fact.event.index = ++place->index;
    fact.wall_ms = 1795242000000 + 1000 * place->index;
    struct verdict verdict = core_step(&place->member->core, &topology, &fact.event);
    history_fact(place->member->history, place->member, &fact, message == NULL ? &none : message,
                 &verdict, comment);
    return verdict;
}

static void tick(struct place *place, uint32_t elapsed_ms) {
    struct event event = {.kind = EVENT_TICK};
    event.tick.member = 0;
    event.tick.elapsed_ms = elapsed_ms;
    event.tick.wall_ms = 1795242000000 + 1000 * place->index;
    (void)feed(place, &event, NULL, "");
}

static void begin(struct place *place) {
    struct event event = {.kind = EVENT_CONFIG};
    topology.version = 1;
    event.config.version = 1;
    (void)feed(place, &event, NULL, "");
    event = (struct event){.kind = EVENT_TIMEKEEPER};
    event.timekeeper.term = 1;
    event.timekeeper.gap_ms = UINT32_MAX;
    (void)feed(place, &event, NULL, "");
    event = (struct event){.kind = EVENT_OPEN};
    event.open.epoch = 1;
    event.open.region = topology.initial_region;
    (void)feed(place, &event, NULL, "");
    for (unsigned i = 0; i < 20; i++) {
        tick(place, 100);
    }
}

static void view(struct place *place, uint8_t member, uint64_t heard) {
    struct event event = {.kind = EVENT_VIEW};
    event.view.member = member;
    event.view.attesting = 1;
    event.view.heard = heard;
    (void)feed(place, &event, NULL, "");
}

static void lag(struct place *place, bool known, uint32_t lag_ms) {
    struct event event = {.kind = EVENT_LAG};
    event.lag.known = known;
    event.lag.lag_ms = lag_ms;
    event.lag.lag_bytes = lag_ms * 10u;
    event.lag.epoch = place->member->core.epoch;
    (void)feed(place, &event, NULL, "");
}

static void declare(struct place *place, const char *reason) {
    static struct message message;
    struct event event = {.kind = EVENT_REQUEST};
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_REQUEST;
    message.request.kind = REQUEST_DECLARE;
    (void)text_copy(message.request.operator_name, NAME_SIZE, "c1");
    (void)text_copy(message.request.region, NAME_SIZE, "west");
    event.request.kind = REQUEST_DECLARE;
    event.request.role = ROLE_COMMANDER;
    event.request.plan_kind = PLAN_FAILOVER;
    event.request.plan = NONE;
    event.request.region = topology_region(&topology, "west");
    event.request.step = NONE;
    event.request.identity[0] = (uint8_t)place->index;
    event.request.identity[1] = 1;
    (void)feed(place, &event, &message, reason);
}

/* A whole short life: heard, lagging, declared, closed, opened, promoted. */
static void live(struct place *place, const char *reason) {
    begin(place);
    for (uint8_t m = 0; m < 3; m++) {
        view(place, m, 7);
        view(place, m, 7); /* says nothing new */
    }
    lag(place, true, 300);
    lag(place, true, 350);
    tick(place, 100);
    declare(place, reason);
    struct event event = {.kind = EVENT_CLOSE};
    event.close.epoch = 1;
    event.close.why = CLOSE_DECLARED;
    (void)feed(place, &event, NULL, "");
    event = (struct event){.kind = EVENT_OPEN};
    event.open.epoch = 2;
    event.open.region = topology_region(&topology, "west");
    (void)feed(place, &event, NULL, "");
    tick(place, 100);
}

static void head_of(const struct place *place, uint64_t *ret_height, char ret_hex[65]) {
    uint8_t head[DIGEST_SIZE];
    history_head(place->member->history, ret_height, head);
    text_from_bytes(head, DIGEST_SIZE, ret_hex, 65);
}

static void settle(struct place *place) {
    (void)uv_run(&place->loop, UV_RUN_DEFAULT);
}

struct found {
    unsigned n;
    char text[64][HISTORY_TEXT_SIZE];
    char kind[64][HISTORY_KIND_SIZE];
    int64_t ms[64];
};

static bool collect(void *owner, const struct history_record *record) {
    struct found *found = owner;
    if (found->n < 64) {
        (void)text_copy(found->text[found->n], HISTORY_TEXT_SIZE, record->text);
        (void)text_copy(found->kind[found->n], HISTORY_KIND_SIZE, record->kind);
        found->ms[found->n++] = record->ms;
    }
    return true;
}

static const struct found *records_of(struct place *place, uint64_t execution) {
    static struct found found;
    memset(&found, 0, sizeof found);
    settle(place);
    history_each(place->member->history, 0, execution, 1000, &found, collect);
    return &found;
}

static bool said(const struct found *found, const char *text) {
    for (unsigned i = 0; i < found->n; i++) {
        if (strstr(found->text[i], text) != NULL) {
            return true;
        }
    }
    return false;
}

static int setup(void **state) {
    (void)state;
    topology = *sample_topology(NULL, NULL);
    return 0;
}

/* ------------------------------------------------------------------------- tests */

static void two_members_make_the_same_chain_of_one_log(void **state) {
    (void)state;
    struct place a, b;
    uint64_t height_a, height_b;
    char head_a[65], head_b[65];
    place_open(&a, NULL);
    place_open(&b, NULL);
    live(&a, "east is dark");
    b.member->index = 2; /* whatever is local to a member must not be in the chain */
    b.member->boot_id = 77;
    live(&b, "east is dark");
    head_of(&a, &height_a, head_a);
    head_of(&b, &height_b, head_b);
    assert_true(height_a > 8);
    assert_int_equal(height_a, height_b);
    assert_string_equal(head_a, head_b);
    settle(&a);
    assert_int_equal(history_verify(a.member->history), 0);
    assert_string_equal(history_trouble(a.member->history), "");
    place_close(&a);
    place_close(&b);
    place_remove(a.directory);
    place_remove(b.directory);
}

static void another_reason_makes_another_chain(void **state) {
    (void)state;
    struct place a, b;
    uint64_t height_a, height_b;
    char head_a[65], head_b[65];
    place_open(&a, NULL);
    place_open(&b, NULL);
    live(&a, "east is dark");
    live(&b, "east is gone");
    head_of(&a, &height_a, head_a);
    head_of(&b, &height_b, head_b);
    assert_int_equal(height_a, height_b);
    assert_string_not_equal(head_a, head_b);
    place_close(&a);
    place_close(&b);
    place_remove(a.directory);
    place_remove(b.directory);
}

static void the_records_say_what_happened(void **state) {
    (void)state;
    struct place place;
    place_open(&place, NULL);
    live(&place, "east is dark");
    const struct found *found = records_of(&place, 0);
    assert_true(said(found, "topology version 1 applied"));
    assert_true(said(found, "OPEN epoch 1 for east"));
    assert_true(said(found, "view of m1: hears east-db1, west-db1, mon1; attests the lease"));
    assert_true(said(found, "lag of pg is within its target: 300ms, 3000 bytes"));
    assert_true(said(found, "c1 declared failover to west: east is dark"));
    assert_true(said(found,
                     "execution 1 begins: failover east -> west by plan failover, declared, under "
                     "policy 1 of 2026-01-25, topology version 1"));
    assert_true(said(found, "CLOSE epoch 1 (declared)"));
    assert_true(said(found, "pg was 350ms and 3500 bytes behind at the close of epoch 1"));
    assert_true(said(found, "OPEN epoch 2 for west"));
    place_close(&place);
    place_remove(place.directory);
}

static void approve(struct place *place, uint8_t step, enum request_kind kind) {
    static struct message message;
    struct event event = {.kind = EVENT_REQUEST};
    memset(&message, 0, sizeof message);
    message.kind = MESSAGE_REQUEST;
    message.request.kind = (uint8_t)kind;
    message.request.execution = 1;
    (void)text_copy(message.request.operator_name, NAME_SIZE, "c1");
    (void)text_copy(message.request.step, NAME_SIZE,
                    topology.plans[place->member->core.executions[0].plan].steps[step].name);
    event.request.kind = (uint8_t)kind;
    event.request.role = ROLE_COMMANDER;
    event.request.execution = 1;
    event.request.step = step;
    event.request.plan = event.request.region = NONE;
    event.request.identity[0] = (uint8_t)place->index;
    event.request.identity[1] = 2;
    (void)feed(place, &event, &message, "");
}

/* Requirement SEED-1: by which policy an approval was asked, and by which it was given. */
static void an_approval_is_recorded_with_its_policy(void **state) {
    (void)state;
    struct place place;
    struct topology before = topology;
    struct plan *plan = &topology.plans[topology_plan(&topology, "failover")];
    plan->steps[0].approval = ROLE_COMMANDER;
    (void)text_copy(topology.document.version, NAME_SIZE, "2.4");
    (void)text_copy(topology.document.status, NAME_SIZE, "active");
    place_open(&place, NULL);
    live(&place, "east is dark");
    place.member->core.executions[0].declared_by = NONE; /* two persons: unit core.approval */
    approve(&place, 0, REQUEST_REJECT);
    approve(&place, 0, REQUEST_APPROVE);
    assert_int_equal(place.member->core.executions[0].steps[0].approved_by, 0);
    const struct found *found = records_of(&place, 1);
    assert_true(said(found, "step promote needs approval of dr-commander, under policy 2.4 of "
                            "2026-01-25 (active), topology version 1"));
    assert_true(said(found, "c1 asked: reject promote of execution 1, under policy 2.4 of "
                            "2026-01-25 (active), topology version 1"));
    assert_true(said(found, "c1 asked: approve promote of execution 1, under policy 2.4 of "
                            "2026-01-25 (active), topology version 1"));
    place_close(&place);
    place_remove(place.directory);
    topology = before;
}

static void routine_facts_leave_no_record(void **state) {
    (void)state;
    struct place place;
    uint64_t before, after;
    char hex[65];
    place_open(&place, NULL);
    begin(&place);
    view(&place, 0, 7);
    lag(&place, true, 300);
    head_of(&place, &before, hex);
    for (unsigned i = 0; i < 50; i++) {
        tick(&place, 100);
        view(&place, 0, 7);
        lag(&place, true, 300 + i);
    }
    head_of(&place, &after, hex);
    assert_int_equal(before, after);
    place_close(&place);
    place_remove(place.directory);
}

static void a_restart_doubles_nothing(void **state) {
    (void)state;
    struct place first, again;
    uint64_t height, height_again;
    char head[65], head_again[65];
    place_open(&first, NULL);
    live(&first, "east is dark");
    head_of(&first, &height, head);
    unsigned records_n = records_of(&first, 0)->n;
    place_close(&first);
    place_open(&again, first.directory); /* the log is applied from its beginning */
    live(&again, "east is dark");
    head_of(&again, &height_again, head_again);
    assert_int_equal(height, height_again);
    assert_string_equal(head, head_again);
    assert_int_equal(records_of(&again, 0)->n, records_n);
    assert_string_equal(history_trouble(again.member->history), "");
    place_close(&again);
    place_remove(first.directory);
}

static void another_log_under_the_same_file_is_told(void **state) {
    (void)state;
    struct place first, again;
    place_open(&first, NULL);
    live(&first, "east is dark");
    place_close(&first);
    place_open(&again, first.directory);
    live(&again, "nothing of the kind");
    settle(&again);
    assert_non_null(strstr(history_trouble(again.member->history), "is not what the log says now"));
    place_close(&again);
    place_remove(first.directory);
}

static void alter(const char *directory, const char *sql) {
    char path[128];
    sqlite3 *db = NULL;
    (void)text_format(path, sizeof path, "%s/history.db", directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_changes(db), 1);
    (void)sqlite3_close(db);
}

static void an_altered_record_is_found(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        uint64_t wrong;
    } cases[] = {
        {"UPDATE records SET text = 'nothing' WHERE height = 5", 5},
        {"UPDATE records SET wall_ms = wall_ms + 1 WHERE height = 3", 3},
        {"UPDATE records SET result = 1 WHERE height = 1", 1},
        {"UPDATE records SET subject = 'x' WHERE height = 8", 8},
        {"DELETE FROM records WHERE height = 4", 5},
        {"DELETE FROM records WHERE height = 1", 2},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct place place, again;
        place_open(&place, NULL);
        live(&place, "east is dark");
        place_close(&place);
        alter(place.directory, cases[i].sql);
        place_open(&again, place.directory);
        assert_int_equal(history_verify(again.member->history), cases[i].wrong);
        assert_non_null(strstr(history_trouble(again.member->history), "was altered"));
        place_close(&again);
        place_remove(place.directory);
    }
}

static void a_chain_goes_on_behind_a_snapshot(void **state) {
    (void)state;
    struct place whole, later;
    uint8_t head[DIGEST_SIZE];
    uint64_t height, height_whole, height_later;
    char head_whole[65], head_later[65];
    place_open(&whole, NULL);
    place_open(&later, NULL);
    begin(&whole);
    view(&whole, 1, 7);
    history_head(whole.member->history, &height, head);
    later.member->core = whole.member->core;
    later.index = whole.index;
    history_snapshot(later.member->history, &later.member->core, height, head);
    view(&whole, 1, 3);
    view(&later, 1, 3);
    declare(&whole, "x");
    declare(&later, "x");
    head_of(&whole, &height_whole, head_whole);
    head_of(&later, &height_later, head_later);
    assert_int_equal(height_whole, height_later);
    assert_string_equal(head_whole, head_later);
    settle(&later);
    assert_int_equal(history_verify(later.member->history), 0);
    assert_true(said(records_of(&later, 0), "view of m2: no longer hears mon1"));
    place_close(&whole);
    place_close(&later);
    place_remove(whole.directory);
    place_remove(later.directory);
}

static void records_are_found_by_execution(void **state) {
    (void)state;
    struct place place;
    place_open(&place, NULL);
    live(&place, "east is dark");
    const struct found *found = records_of(&place, 1);
    assert_true(found->n >= 5);
    assert_true(said(found, "c1 declared failover to west"));
    assert_false(said(found, "topology version 1 applied"));
    assert_int_equal(records_of(&place, 9)->n, 0);
    place_close(&place);
    place_remove(place.directory);
}

/* Another process holds the file: nothing is lost, the trouble is told, and it is made up for. */
static void a_file_that_cannot_be_written_is_told_and_made_up_for(void **state) {
    (void)state;
    struct place place;
    char path[128];
    sqlite3 *db = NULL;
    place_open(&place, NULL);
    (void)text_format(path, sizeof path, "%s/history.db", place.directory);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    begin(&place);
    settle(&place);
    assert_non_null(strstr(history_trouble(place.member->history), "locked"));
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    view(&place, 1, 7);
    settle(&place);
    assert_string_equal(history_trouble(place.member->history), "");
    assert_true(said(records_of(&place, 0), "OPEN epoch 1"));
    assert_true(said(records_of(&place, 0), "view of m2"));
    assert_int_equal(history_verify(place.member->history), 0);
    (void)sqlite3_close(db);
    place_close(&place);
    place_remove(place.directory);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_members_make_the_same_chain_of_one_log),
        cmocka_unit_test(another_reason_makes_another_chain),
        cmocka_unit_test(the_records_say_what_happened),
        cmocka_unit_test(an_approval_is_recorded_with_its_policy),
        cmocka_unit_test(routine_facts_leave_no_record),
        cmocka_unit_test(a_restart_doubles_nothing),
        cmocka_unit_test(another_log_under_the_same_file_is_told),
        cmocka_unit_test(an_altered_record_is_found),
        cmocka_unit_test(a_chain_goes_on_behind_a_snapshot),
        cmocka_unit_test(records_are_found_by_execution),
        cmocka_unit_test(a_file_that_cannot_be_written_is_told_and_made_up_for),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
