/* Which of a region's replicas stand in the way of a hand-off; GET /cluster as Patroni 3.0.2 and
 * 4.1 answer it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "agent/actions/patroni_replicas.h"

#define LEADER "{\"name\":\"db1\",\"role\":\"leader\",\"state\":\"running\",\"timeline\":1}"
#define REPLICA(state, rest)                                                                       \
    "{\"name\":\"db2\",\"role\":\"replica\",\"state\":\"" state "\",\"lag\":0" rest "}"

struct judged {
    enum patroni_replicas_verdict verdict;
    uint8_t index;
};

/* has: one letter a member, '+' where it streams and has everything. */
static struct judged judge(const char *members, bool synchronous, const char *has) {
    char json[2048];
    struct patroni_cluster cluster;
    struct text256 why = {.at = ""};
    bool those[PATRONI_MEMBERS_MAX] = {false};
    struct judged judged = {.index = NONE};
    assert_true(text_format(json, sizeof json, "{\"members\":[%s],\"scope\":\"bud\"}", members));
    assert_int_equal(patroni_cluster_parse(json, strlen(json), &cluster, &why), ERR_OK);
    assert_int_equal(cluster.n, strlen(has));
    for (uint8_t i = 0; i < cluster.n; i++) {
        those[i] = has[i] == '+';
    }
    judged.verdict = patroni_replicas_judge(&cluster, synchronous, those, &judged.index);
    return judged;
}

static void assert_verdict(struct judged judged, enum patroni_replicas_verdict verdict,
                           uint8_t index) {
    assert_int_equal(judged.verdict, verdict);
    assert_int_equal(judged.index, index);
}

static void a_region_whose_replicas_stream_may_be_handed_off(void **state) {
    (void)state;
    assert_verdict(judge(LEADER, false, "-"), PATRONI_REPLICAS_FINE, NONE);
    assert_verdict(judge(LEADER "," REPLICA("running", ""), false, "++"), PATRONI_REPLICAS_FINE,
                   NONE);
    assert_verdict(judge(LEADER "," REPLICA("streaming", ""), false, "-+"), PATRONI_REPLICAS_FINE,
                   NONE);
}

static void one_that_runs_without_a_stream_stands_in_the_way(void **state) {
    (void)state;
    /* 3.0 says "running" of any; 4.x "streaming", "in archive recovery", or "running". */
    static const char *const members[] = {
        LEADER "," REPLICA("running", ""),     LEADER "," REPLICA("in archive recovery", ""),
        LEADER "," REPLICA("streaming", ""),   LEADER "," REPLICA("stopping", ""),
        LEADER "," REPLICA("stop failed", ""), LEADER "," REPLICA("", "")};
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        assert_verdict(judge(members[i], false, "+-"), PATRONI_REPLICAS_BEHIND, 1);
    }
}

static void one_that_does_not_run_cannot_be_elected(void **state) {
    (void)state;
    static const char *const members[] = {
        REPLICA("stopped", ""),
        REPLICA("crashed", ""),
        REPLICA("start failed", ""),
        REPLICA("restart failed (crashed)", ""),
        REPLICA("creating replica", ""),
        REPLICA("initializing new cluster", ""),
        REPLICA("initdb failed", ""),
        REPLICA("running custom bootstrap script", ""),
        REPLICA("custom bootstrap failed", ""),
    };
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        char both[512];
        assert_true(text_format(both, sizeof both, "%s,%s", LEADER, members[i]));
        assert_verdict(judge(both, false, "+-"), PATRONI_REPLICAS_FINE, NONE);
    }
}

static void one_that_starts_is_waited_for(void **state) {
    (void)state;
    assert_verdict(judge(LEADER "," REPLICA("starting", ""), false, "+-"), PATRONI_REPLICAS_COMING,
                   1);
    assert_verdict(judge(LEADER "," REPLICA("restarting", ""), false, "+-"),
                   PATRONI_REPLICAS_COMING, 1);
    assert_verdict(judge(LEADER "," REPLICA("starting after custom bootstrap", ""), false, "+-"),
                   PATRONI_REPLICAS_COMING, 1);
    /* Another one that runs and does not stream weighs more. */
    assert_verdict(
        judge(LEADER "," REPLICA(
                  "starting", "") ","
                                  "{\"name\":\"db3\",\"role\":\"replica\",\"state\":\"running\"}",
              false, "+--"),
        PATRONI_REPLICAS_BEHIND, 2);
}

static void one_that_is_tagged_so_is_never_elected(void **state) {
    (void)state;
    static const struct {
        const char *members;
        enum patroni_replicas_verdict verdict;
    } rows[] = {
        {LEADER "," REPLICA("running", ",\"tags\":{\"nofailover\":true}"), PATRONI_REPLICAS_FINE},
        {LEADER "," REPLICA("running", ",\"tags\":{\"nofailover\":false}"),
         PATRONI_REPLICAS_BEHIND},
        {LEADER "," REPLICA("running", ",\"tags\":{\"clonefrom\":true}"), PATRONI_REPLICAS_BEHIND},
        {LEADER "," REPLICA("running", ",\"tags\":{\"failover_priority\":0}"),
         PATRONI_REPLICAS_FINE},
        {LEADER "," REPLICA("running", ",\"tags\":{\"failover_priority\":1}"),
         PATRONI_REPLICAS_BEHIND},
        {LEADER "," REPLICA("running", ",\"tags\":{\"nofailover\":false,\"failover_priority\":0}"),
         PATRONI_REPLICAS_BEHIND},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(judge(rows[i].members, false, "+-").verdict, rows[i].verdict);
    }
}

static void in_synchronous_mode_only_synchronous_standbys_are_elected(void **state) {
    (void)state;
    static const char members[] =
        LEADER ",{\"name\":\"db2\",\"role\":\"sync_standby\",\"state\":\"running\"},"
               "{\"name\":\"db3\",\"role\":\"replica\",\"state\":\"running\"},"
               "{\"name\":\"db4\",\"role\":\"quorum_standby\",\"state\":\"streaming\"}";
    assert_verdict(judge(members, true, "++-+"), PATRONI_REPLICAS_FINE, NONE);
    assert_verdict(judge(members, true, "+--+"), PATRONI_REPLICAS_BEHIND, 1);
    assert_verdict(judge(members, true, "++--"), PATRONI_REPLICAS_BEHIND, 3);
    assert_verdict(judge(members, false, "++-+"), PATRONI_REPLICAS_BEHIND, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_region_whose_replicas_stream_may_be_handed_off),
        cmocka_unit_test(one_that_runs_without_a_stream_stands_in_the_way),
        cmocka_unit_test(one_that_does_not_run_cannot_be_elected),
        cmocka_unit_test(one_that_starts_is_waited_for),
        cmocka_unit_test(one_that_is_tagged_so_is_never_elected),
        cmocka_unit_test(in_synchronous_mode_only_synchronous_standbys_are_elected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
