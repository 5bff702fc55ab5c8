/* What an agent makes of the members' words: one liar among three moves nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants those first */
#include <cmocka.h>
#include <string.h>

#include "agent/agent.h"

struct says {
    uint64_t epoch; /* 0: this member is not heard */
    bool open, ours;
};

struct row {
    const char *name;
    struct says says[3];
    uint64_t held; /* epoch of a lease that runs; 0: none */
    uint64_t wanted, newest;
    bool ours;
};

static struct agent_program *agent_of(const struct row *row) {
    static struct agent_program agent;
    static struct topology pins;
    memset(&agent, 0, sizeof agent);
    pins.members_n = 3;
    agent.pins = &pins;
    for (unsigned m = 0; m < 3; m++) {
        struct member_says *says = &agent.members[m].says;
        says->known = row->says[m].epoch != 0;
        says->heard_boot_ms = agent_now_ms();
        says->epoch = row->says[m].epoch;
        says->open = row->says[m].open;
        says->ours = row->says[m].ours;
    }
    if (row->held != 0) {
        agent.guard_heard_ms = agent_now_ms();
        agent.guard_status.lease_left_ms = 60000;
        agent.lease_epoch = row->held;
    }
    return &agent;
}

static const struct row rows[] = {
    {"all agree", {{1, true, true}, {1, true, true}, {1, true, true}}, 1, 1, 1, true},
    {"one names a far epoch as ours",
     {{1, true, true}, {1, true, true}, {99, true, true}},
     1,
     1,
     1,
     true},
    {"the same, without a lease",
     {{1, true, true}, {1, true, true}, {99, true, true}},
     0,
     1,
     1,
     true},
    {"one names a far epoch as theirs",
     {{1, true, true}, {1, true, true}, {99, true, false}},
     1,
     1,
     1,
     true},
    {"one says that it is closed",
     {{1, true, true}, {1, true, true}, {1, false, true}},
     1,
     1,
     1,
     true},
    {"one honest, one lies, one is silent, and a lease runs",
     {{1, true, true}, {99, true, true}, {0, false, false}},
     1,
     1,
     1,
     true},
    {"the same without a lease: only then is the liar's word tried",
     {{1, true, true}, {99, true, true}, {0, false, false}},
     0,
     99,
     1,
     true},
    {"nobody is heard", {{0}, {0}, {0}}, 1, 1, 0, false},
    {"nobody is heard and no lease", {{0}, {0}, {0}}, 0, 0, 0, false},
    {"a new epoch of ours, one member behind",
     {{3, true, true}, {3, true, true}, {1, true, true}},
     0,
     3,
     3,
     true},
    {"a new epoch of ours, one member ahead, a lease of the old runs",
     {{3, true, true}, {1, true, true}, {1, true, true}},
     1,
     1,
     1,
     true},
    {"two say that it moved away",
     {{2, true, false}, {2, true, false}, {1, true, true}},
     0,
     1,
     2,
     false},
};

static void one_liar_moves_nothing(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct agent_program *agent = agent_of(&rows[i]);
        bool ours = false;
        uint64_t newest = agent_newest_epoch(agent, &ours);
        print_message("%s\n", rows[i].name);
        assert_int_equal(agent_promised_land(agent), rows[i].wanted);
        assert_int_equal(newest, rows[i].newest);
        assert_int_equal(ours, rows[i].ours);
    }
}

static void an_old_word_is_no_word(void **state) {
    struct agent_program *agent = agent_of(&rows[0]);
    bool ours = true;
    (void)state;
    for (unsigned m = 0; m < 2; m++) {
        agent->members[m].says.heard_boot_ms = agent_now_ms() - 6000;
    }
    assert_int_equal(agent_newest_epoch(agent, &ours), 0);
    assert_false(ours);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_liar_moves_nothing),
        cmocka_unit_test(an_old_word_is_no_word),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
